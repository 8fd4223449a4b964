//! `tform init`: a small project that builds at once.

use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::invocation::ExitCode;

use super::Call;

/// The files of `project_template`: path and content.
static TEMPLATE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/template.rs"));

/// What stands for the project's name in the template.
const NAME: &str = "__PROJECT_NAME__";

/// Writes the template to a new folder of that name.
///
/// # Errors
/// If the name is none for a project, or the folder exists with something in it.
pub(super) fn run(call: &Call, name: Option<&str>) -> Result<ExitCode, Diagnostics> {
    let Some(name) = name else {
        if call.invocation.project_dir.join(crate::project::FILE_NAME).is_file() {
            let text = "This folder is a project already. Without a profile it runs on DuckDB inside tform; \
                        `tform debug` shows which profile and target it uses.";
            call.emit(Event::notice("SettingUpProfile", Level::Info, text));
            return Ok(ExitCode::Success);
        }
        return Err(Diagnostic::error("the project needs a name").hint("write `tform init NAME`").into());
    };
    check_name(name)?;
    let current = std::env::current_dir()
        .map_err(|error| Diagnostic::error(format!("the current folder cannot be read: {error}")))?;
    let folder = current.join(name);
    let occupied = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if occupied || folder.is_file() {
        let message = format!("A project called {name} already exists here.");
        call.emit(Event::notice("ProjectNameAlreadyExists", Level::Info, message));
        return Err(Diagnostic::error(format!("`{}` exists and is not empty", folder.display()))
            .hint("choose another name, or remove the folder")
            .into());
    }
    for (path, content) in TEMPLATE {
        write(&folder.join(path), content, name)?;
    }
    let text = format!(
        "Your new tform project \"{name}\" was created.\n\nBuild it with:\n\n  cd {name}\n  tform build\n\nNothing else is needed: without a profile, it runs on DuckDB inside tform."
    );
    call.emit(Event::notice("ProjectCreated", Level::Info, text));
    Ok(ExitCode::Success)
}

fn check_name(name: &str) -> Result<(), Diagnostic> {
    let starts = name.starts_with(|character: char| character.is_ascii_alphabetic() || character == '_');
    let rest = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if starts && rest {
        return Ok(());
    }
    Err(Diagnostic::error(format!("`{name}` is not a name for a project"))
        .hint("use letters, digits and underscores; begin with a letter or an underscore"))
}

fn write(path: &Path, content: &[u8], name: &str) -> Result<(), Diagnostic> {
    let failed = |error: std::io::Error| Diagnostic::error(format!("`{}` cannot be written: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    match std::str::from_utf8(content) {
        Ok(text) => std::fs::write(path, text.replace(NAME, name)).map_err(failed),
        Err(_) => std::fs::write(path, content).map_err(failed),
    }
}
