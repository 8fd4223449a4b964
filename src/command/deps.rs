//! `tform deps`: installs packages.
//!
//! Source: docs.getdbt.com/reference/commands/deps.

use crate::deps::{self, Addition, Options, SourceKind};
use crate::diagnostic::Diagnostics;
use crate::event::Event;
use crate::invocation::{Command, ExitCode};

use super::Call;

/// Resolves, locks and installs the packages of the project.
///
/// # Errors
/// Lists that are wrong, packages that are not found, networks that do not answer.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    let Command::Deps { upgrade, lock, add_package, source } = &call.invocation.command else {
        return Ok(ExitCode::Success);
    };
    let kind = match source.as_str() {
        "git" => SourceKind::Git,
        "local" => SourceKind::Local,
        _ => SourceKind::Hub,
    };
    let options = Options {
        upgrade: *upgrade,
        lock_only: *lock,
        addition: add_package.as_deref().map(|text| Addition::parse(text, kind)),
    };
    let request = call.request();
    let done = deps::run(&request, &options, &mut |notice| call.emit(Event::Notice(notice)))?;
    call.warnings(done.warnings)?;
    Ok(ExitCode::Success)
}
