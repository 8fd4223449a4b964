//! `tform init`: a small project that builds at once, and a profile by questions.
//!
//! Source: docs.getdbt.com/reference/commands/init.

mod profile;
mod questions;
mod template;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile};
use crate::event::{Event, Level};
use crate::invocation::{Command, ExitCode, Invocation};
use crate::load;
use crate::report::{Dialog, Ended};
use crate::target;

use super::{Call, debug};
use profile::Profiles;
use template::Template;

/// The files of `project_template`: path and content.
static TEMPLATE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/template.rs"));

/// What stands for the project's name in the template.
const NAME: &str = "__PROJECT_NAME__";
/// What stands for its profile's name there.
const PROFILE: &str = "__PROFILE_NAME__";
/// How the template's project names its profile, and how it does not yet.
const NAMING: &str = "\nprofile: __PROFILE_NAME__\n";
const UNNAMED: &str = "\n# profile: __PROFILE_NAME__\n";
/// Names that projects cannot have.
const RESERVED: [&str; 5] = ["dbt", "dbt_duckdb", "dbt_postgres", "dbt_redshift", "tform"];

/// The project's own questions about its profile.
const TEMPLATE_FILE: &str = "profile_template.yml";
/// What each database asks for.
const DATABASES: [(&str, &str); 3] = [
    ("duckdb", include_str!("init/duckdb.yml")),
    ("postgres", include_str!("init/postgres.yml")),
    ("redshift", include_str!("init/redshift.yml")),
];

/// Makes a new project, or sets up the profile of the one that this folder is.
///
/// Questions are asked at a terminal; else only where no name is given, and answers are piped in: so what calls
/// `init NAME` never waits.
///
/// # Errors
/// If the name is none for a project, the folder exists with something in it, a profile cannot be written, or the
/// answers end too early; before all of those are given, nothing is written.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    let Command::Init { name, skip_profile_setup, skip_debug } = &call.invocation.command else {
        return Ok(ExitCode::Success);
    };
    call.reporter.flush();
    let interrupted = || call.interrupt.is_set();
    let dialog = Dialog::new(&interrupted);
    let asks = dialog.is_on_terminal() || (name.is_none() && dialog.has_input());
    let setup = Setup { call, dialog: &dialog, asks: asks && !skip_profile_setup, skip_debug: *skip_debug };
    match name {
        None if call.invocation.project_dir.join(crate::project::FILE_NAME).is_file() => setup.existing(),
        None if !asks => Err(Diagnostic::error("the project needs a name").hint("write `tform init NAME`").into()),
        name => setup.new_project(name.as_deref()),
    }
}

struct Setup<'a> {
    call: &'a Call,
    dialog: &'a Dialog<'a>,
    /// Whether the profile is asked for.
    asks: bool,
    skip_debug: bool,
}

/// A target to be written.
struct Target {
    name: String,
    keys: Map<String, Json>,
    /// The event that tells of it.
    event: &'static str,
}

impl Setup<'_> {
    fn existing(&self) -> Result<ExitCode, Diagnostics> {
        let call = self.call;
        if call.invocation.profile.is_some() {
            let text = "Can not init existing project with specified profile, edit dbt_project.yml instead";
            return Err(Diagnostics::from(Diagnostic::error(text)).of_kind("Runtime Error"));
        }
        if !self.asks {
            let text = "This folder is a project already. Without a profile it runs on DuckDB inside tform; \
                        `tform debug` shows which profile and target it uses.";
            call.emit(Event::notice("SettingUpProfile", Level::Info, text));
            return Ok(ExitCode::Success);
        }
        let project = load::root(&call.request())?.value;
        let Some(name) = project.config.profile.as_deref() else {
            let hint = format!("write `profile: {}` into it, then `tform init` asks for that profile", project.name);
            return Err(Diagnostic::error("`dbt_project.yml` names no profile").hint(hint).into());
        };
        let folder = &call.invocation.project_dir;
        if let Some(target) = self.target(name, &folder.join(TEMPLATE_FILE))? {
            self.write_profile(name, &target)?;
        }
        self.check(folder);
        Ok(ExitCode::Success)
    }

    fn new_project(&self, given: Option<&str>) -> Result<ExitCode, Diagnostics> {
        let (call, invocation) = (self.call, &self.call.invocation);
        let name = self.project_name(given)?;
        let current = std::env::current_dir()
            .map_err(|error| Diagnostic::error(format!("the current folder cannot be read: {error}")))?;
        let folder = current.join(&name);
        let occupied = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if occupied || folder.is_file() {
            let message = format!("A project called {name} already exists here.");
            call.emit(Event::notice("ProjectNameAlreadyExists", Level::Info, message));
            return Err(Diagnostic::error(format!("`{}` exists and is not empty", folder.display()))
                .hint("choose another name, or remove the folder")
                .into());
        }
        let profiles = invocation.profiles_dir.join(target::FILE_NAME);
        let target = match &invocation.profile {
            Some(profile) if !Profiles::read(&profiles)?.has(profile) => {
                let problem = Diagnostic::error(format!("Could not find profile named '{profile}'"));
                return Err(problem.note(format!("looked in `{}`", profiles.display())).into());
            }
            Some(_) => None,
            None if self.asks => self.target(&name, &folder.join(TEMPLATE_FILE))?,
            None => None,
        };
        let profile = invocation.profile.as_deref().unwrap_or(&name);
        let mut marks = vec![(NAME, name.as_str()), (PROFILE, profile)];
        let known = Profiles::read(&profiles);
        if target.is_none() && profiles.is_file() && known.is_ok_and(|known| !known.has(profile)) {
            // A profile that is named has to be among those that there are.
            marks.insert(0, (NAMING, UNNAMED));
        }
        for (path, content) in TEMPLATE {
            write(&folder.join(path), content, &marks)?;
        }
        if let Some(target) = &target {
            self.write_profile(&name, target)?;
        }
        let has_profile = self.asks || invocation.profile.is_some();
        if self.asks {
            self.check(&folder);
        }
        let last = match has_profile {
            true => format!("It uses the profile `{profile}` of `{}`.", profiles.display()),
            false => "Nothing else is needed: without a profile, it runs on DuckDB inside tform.".to_owned(),
        };
        let text = format!(
            "Your new tform project \"{name}\" was created.\n\nBuild it with:\n\n  cd {name}\n  tform build\n\n{last}"
        );
        call.emit(Event::notice("ProjectCreated", Level::Info, text));
        Ok(ExitCode::Success)
    }

    /// The name that was given, or one that is asked for until it is one for a project.
    fn project_name(&self, given: Option<&str>) -> Result<String, Diagnostics> {
        let mut name = match given {
            Some(name) => name.to_owned(),
            None => self.ask_name()?,
        };
        loop {
            match check_name(&name) {
                Ok(()) => return Ok(name),
                Err(problem) if given.is_some() && !self.dialog.is_on_terminal() => return Err(problem.into()),
                Err(problem) => self.dialog.say(&problem.message),
            }
            name = self.ask_name()?;
        }
    }

    fn ask_name(&self) -> Result<String, Diagnostics> {
        self.dialog.ask("Name of the project (letters, digits, underscores)").map_err(ended)
    }

    /// The target that the answers make; none if a profile of that name stays as it is.
    fn target(&self, profile: &str, template: &Path) -> Result<Option<Target>, Diagnostics> {
        let call = self.call;
        call.emit(Event::notice("SettingUpProfile", Level::Info, "Setting up your profile."));
        call.reporter.flush();
        let path = call.invocation.profiles_dir.join(target::FILE_NAME);
        if Profiles::read(&path)?.has(profile) {
            let question = format!("The profile {profile} already exists in {}. Overwrite it?", path.display());
            if !questions::confirm(self.dialog, &question).map_err(ended)? {
                return Ok(None);
            }
        }
        let (template, event) = match self.own_template(template)? {
            Some(own) => (own, "ProfileWrittenWithProjectTemplateYAML"),
            None => {
                let names: Vec<&str> = DATABASES.iter().map(|(name, _)| *name).collect();
                let chosen = questions::choose(self.dialog, "database", &names, Some(0)).map_err(ended)?;
                let (name, text) = DATABASES[chosen.min(DATABASES.len() - 1)];
                (template::read(&SourceFile::new(name, text))?, "ProfileWrittenWithTargetTemplateYAML")
            }
        };
        let mut keys = questions::target(self.dialog, &template).map_err(ended)?;
        let name = keys.shift_remove("target").and_then(|name| name.as_str().map(str::to_owned));
        Ok(Some(Target { name: name.unwrap_or_else(|| "dev".to_owned()), keys, event }))
    }

    /// The project's `profile_template.yml`; one that is wrong is told, and not used.
    fn own_template(&self, path: &Path) -> Result<Option<Template>, Diagnostics> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Diagnostic::error(format!("`{}` cannot be read: {error}", path.display())).into());
            }
        };
        match template::read(&SourceFile::new(TEMPLATE_FILE, text)) {
            Ok(template) => Ok(Some(template)),
            Err(problems) => {
                let mut warnings = Diagnostics::new();
                warnings.extend(problems.into_iter().map(|problem| Diagnostic {
                    severity: Severity::Warning,
                    ..problem.named("InvalidProfileTemplateYAML")
                }));
                self.call.warnings(warnings)?;
                self.call.reporter.flush();
                Ok(None)
            }
        }
    }

    fn write_profile(&self, profile: &str, target: &Target) -> Result<(), Diagnostics> {
        let path = self.call.invocation.profiles_dir.join(target::FILE_NAME);
        Profiles::read(&path)?.put(profile, &target.name, &target.keys)?;
        let text = format!("Profile {profile} written to {}.", path.display());
        self.call.emit(Event::notice(target.event, Level::Info, text));
        Ok(())
    }

    /// Whether the profile works, as `debug` says it; that it does not is no failure of `init`.
    fn check(&self, folder: &Path) {
        if self.skip_debug {
            return;
        }
        let call = self.call;
        call.emit(Event::notice("Note", Level::Info, "Checking the connection (`tform debug`):"));
        let command = Command::Debug { connection: false, config_dir: false };
        let invocation = Invocation { command, project_dir: folder.to_owned(), ..Invocation::clone(&call.invocation) };
        let (reporter, interrupt) = (call.reporter.clone(), call.interrupt.clone());
        let works = match debug::run(&Call { invocation: Arc::new(invocation), reporter, interrupt, again: None }) {
            Ok(code) => code == ExitCode::Success,
            Err(problems) => {
                call.reporter.fatal(problems);
                false
            }
        };
        if !works {
            let text = "The profile does not work yet: change it, then `tform debug` checks it again.";
            call.emit(Event::notice("Note", Level::Warn, text));
        }
    }
}

fn ended(how: Ended) -> Diagnostics {
    let message = match how {
        Ended::Input => "the answers end before the last question: nothing was written",
        Ended::Interrupted => "interrupted: nothing was written",
    };
    Diagnostic::error(message).into()
}

fn check_name(name: &str) -> Result<(), Diagnostic> {
    let starts = name.starts_with(|character: char| character.is_ascii_alphabetic() || character == '_');
    let rest = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if RESERVED.contains(&name) {
        return Err(Diagnostic::error(format!("`{name}` is the name of a package that comes with tform"))
            .hint("choose another name"));
    }
    if starts && rest {
        return Ok(());
    }
    Err(Diagnostic::error(format!("`{name}` is not a name for a project"))
        .hint("use letters, digits and underscores; begin with a letter or an underscore"))
}

fn write(path: &Path, content: &[u8], marks: &[(&str, &str)]) -> Result<(), Diagnostic> {
    let failed = |error: std::io::Error| Diagnostic::error(format!("`{}` cannot be written: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    match std::str::from_utf8(content) {
        Ok(text) => {
            let text = marks.iter().fold(text.to_owned(), |text, (mark, name)| text.replace(mark, name));
            std::fs::write(path, text).map_err(failed)
        }
        Err(_) => std::fs::write(path, content).map_err(failed),
    }
}
