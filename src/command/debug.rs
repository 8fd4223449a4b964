//! `tform debug`: the configuration, and whether the warehouse answers.
//!
//! Source: docs.getdbt.com/reference/commands/debug.

use crate::adapter::{self, Warehouse};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::invocation::{Command, DBT_VERSION, ExitCode};
use crate::load;

use super::Call;

/// Says what is configured and checks the connection.
///
/// # Errors
/// None of its own: what is wrong is said, and the exit code is 1.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    let invocation = &call.invocation;
    let say = |text: String| call.emit(Event::notice("DebugCmdOut", Level::Info, text));
    if let Command::Debug { config_dir: true, .. } = invocation.command {
        say(format!("To view your profiles.yml file, run:\n\nopen {}", invocation.profiles_dir.display()));
        return Ok(ExitCode::Success);
    }
    say(format!("tform version: {} (dbt language {DBT_VERSION})", crate::version()));
    say(format!("Using profiles dir at {}", invocation.profiles_dir.display()));
    say(format!("Using dbt_project.yml file at {}", invocation.project_dir.join(crate::project::FILE_NAME).display()));
    let settings = match load::settings(&load::Request::from(invocation.as_ref())) {
        Ok(settings) => settings,
        Err(problems) => return Ok(failed(call, problems)),
    };
    call.warnings(settings.warnings)?;
    let settings = settings.value;
    say("Configuration:\n  profiles.yml file [OK found and valid]\n  dbt_project.yml file [OK found and valid]"
        .to_owned());
    let target = &settings.target;
    say(format!("Connection:\n  type: {}\n  target: {}", target.adapter, target.name));
    for (key, value) in target.connection.shown() {
        say(format!("  {key}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    match connects(call, &settings) {
        Ok(version) => {
            say(format!("  adapter version: {version}"));
            say("  Connection test: [OK connection ok]".to_owned());
            say("All checks passed!".to_owned());
            Ok(ExitCode::Success)
        }
        Err(diagnostic) => {
            say("  Connection test: [ERROR]".to_owned());
            Ok(failed(call, diagnostic.into()))
        }
    }
}

fn connects(call: &Call, settings: &load::Settings) -> Result<String, Diagnostic> {
    let reporter = call.reporter.clone();
    let adapter = adapter::open(&settings.target, &call.invocation.project_dir)?;
    let warehouse = Warehouse::new(adapter, move |event| reporter.emit(event));
    let session = warehouse.session("debug");
    session.query("select 1 as id").map_err(|error| {
        Diagnostic::error(format!("the warehouse does not answer: {error}"))
            .hint("check host, credentials and network in profiles.yml")
    })?;
    Ok(warehouse.adapter().version())
}

fn failed(call: &Call, problems: Diagnostics) -> ExitCode {
    call.reporter.fatal(problems);
    call.emit(Event::notice("DebugCmdResult", Level::Error, "1 check failed:"));
    ExitCode::NodeFailed
}
