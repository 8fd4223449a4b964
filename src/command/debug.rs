//! `tform debug`: the configuration, and whether the warehouse answers.
//!
//! Source: docs.getdbt.com/reference/commands/debug.

use std::path::Path;

use crate::adapter::{self, Warehouse};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::invocation::{Command, DBT_VERSION, ExitCode};
use crate::load;

use super::Call;

/// Says what is configured and checks the connection.
///
/// # Errors
/// A project folder that does not exist; what else is wrong is said, and the exit code is 1.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    let invocation = &call.invocation;
    let say = |text: String| call.emit(Event::notice("DebugCmdOut", Level::Info, text));
    if let Command::Debug { config_dir: true, .. } = invocation.command {
        say(format!("To view your profiles.yml file, run:\n\nopen {}", invocation.profiles_dir.display()));
        return Ok(ExitCode::Success);
    }
    if !invocation.project_dir.is_dir() {
        let shown = invocation.project_dir.display();
        return Err(Diagnostic::error(format!("invalid value `{shown}` for `--project-dir`: no such folder")).into());
    }
    say(format!("tform version: {} (dbt language {DBT_VERSION})", crate::version()));
    say(format!("Using profiles dir at {}", invocation.profiles_dir.display()));
    say(format!("Using profiles.yml file at {}", invocation.profiles_dir.join(crate::target::FILE_NAME).display()));
    say(format!("Using dbt_project.yml file at {}", invocation.project_dir.join(crate::project::FILE_NAME).display()));
    let request = call.request();
    let project_file = invocation.project_dir.join(crate::project::FILE_NAME);
    let profiles_file = invocation.profiles_dir.join(crate::target::FILE_NAME);
    let loaded = load::settings(&request);
    // Without a profile's mistakes, the project alone tells whose the mistake is.
    let project = if loaded.is_ok() { Ok(()) } else { load::root(&request).map(drop) };
    let of_project = state_of(project.is_ok(), &project_file);
    let of_profile = match &loaded {
        Err(_) if project.is_ok() => state_of(false, &profiles_file),
        _ if profiles_file.is_file() => "OK found and valid",
        _ => "not found",
    };
    if matches!(invocation.command, Command::Debug { connection: true, .. }) {
        say("Skipping steps before connection verification".to_owned());
    } else {
        say(format!("Configuration:\n  profiles.yml file [{of_profile}]\n  dbt_project.yml file [{of_project}]"));
    }
    let settings = match loaded {
        Ok(settings) => settings,
        // A variable that nobody sets is a mistake of the command line, not of a file.
        Err(problems) if problems.iter().any(|problem| problem.message.starts_with("Required var ")) => {
            return Err(problems.of_kind("Compilation Error"));
        }
        Err(problems) => {
            for text in reasons(call, &problems, project.err().as_ref()) {
                say(text);
            }
            return Ok(failed(call, problems));
        }
    };
    call.warnings(settings.warnings)?;
    let settings = settings.value;
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

/// What a configuration file is, as dbt puts it.
fn state_of(is_valid: bool, file: &Path) -> &'static str {
    match is_valid {
        true => "OK found and valid",
        false if file.is_file() => "ERROR invalid",
        false => "ERROR not found",
    }
}

/// Whose mistakes `problems` are; those of the profile in dbt's words too, which callers look for.
fn reasons(call: &Call, problems: &Diagnostics, of_project: Option<&Diagnostics>) -> Vec<String> {
    const BECAUSE: &str = "loading failed for the following reason:";
    let mut texts = Vec::new();
    if of_project.is_some() {
        texts.push(format!("Project {BECAUSE}"));
    }
    let is_known = |message: &str| of_project.is_some_and(|known| known.iter().any(|known| known.message == message));
    let of_profile: Vec<&str> =
        problems.iter().map(|problem| problem.message.as_str()).filter(|message| !is_known(message)).collect();
    if !of_profile.is_empty() {
        texts.push(format!("Profile {BECAUSE}"));
    }
    for message in of_profile {
        let parts: Vec<&str> = message.split('`').collect();
        match parts[..] {
            ["profile ", name, " not found in ", ..] => texts.push(format!("Could not find profile named '{name}'")),
            ["profile ", profile, " has no target ", target, ""] => {
                texts.push(format!("The profile '{profile}' does not have a target named '{target}'."));
            }
            ["no ", "profiles.yml", ..] => {
                let folder = &call.invocation.profiles_dir;
                let shown = folder.strip_prefix(&call.invocation.project_dir).unwrap_or(folder);
                texts.push(format!("dbt looked for a profiles.yml file in {}", shown.display()));
            }
            _ => {}
        }
    }
    texts
}

fn connects(call: &Call, settings: &load::Settings) -> Result<String, Diagnostic> {
    let reporter = call.reporter.clone();
    let adapter = adapter::open(&settings.target, &call.invocation.project_dir)?;
    let warehouse = Warehouse::new(adapter, move |event| reporter.emit(event));
    let session = warehouse.session("debug");
    session.query("select 1 as id").map_err(|error| {
        let hint =
            error.hint.clone().unwrap_or_else(|| "check host, credentials and network in profiles.yml".to_owned());
        Diagnostic::error(format!("the warehouse does not answer: {error}")).hint(hint)
    })?;
    Ok(warehouse.adapter().version())
}

fn failed(call: &Call, problems: Diagnostics) -> ExitCode {
    call.reporter.fatal(problems);
    call.emit(Event::notice("DebugCmdResult", Level::Error, "1 check failed:"));
    ExitCode::NodeFailed
}
