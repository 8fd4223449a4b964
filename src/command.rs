//! One file for each family of commands; here what they share: from arguments to an exit code.
//!
//! [`main`] reads the command line, settles the invocation, prepares as much of the project
//! as the command needs ([`prepare`]) and hands it to the command. Nothing here prints:
//! everything goes through the [`Reporter`].

mod clean;
mod contracts;
mod debug;
mod deps;
mod docs;
mod embedded;
mod execute;
mod freshness;
mod init;
mod last_change;
mod lineage;
mod list;
mod operation;
mod preflight;
mod prepare;
mod repeat;
mod show;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Instant;

use crate::cli;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::invocation::{self, Command, Environment, ExitCode, Invocation, LogFormat, LogLevel, LogOptions, Place};
use crate::load;
use crate::report::{self, Colors, FileSettings, Format, Reporter};
use crate::run::Interrupt;
use crate::state::retry::Retry;

/// What every command has at hand.
pub(crate) struct Call {
    pub invocation: Arc<Invocation>,
    pub reporter: Arc<Reporter>,
    pub interrupt: Arc<Interrupt>,
    /// What `retry` runs again; the invocation is then that of the command that it repeats.
    pub again: Option<Retry>,
}

impl Call {
    pub fn emit(&self, event: Event) {
        self.reporter.emit(event);
    }

    /// What is to be loaded.
    fn request(&self) -> load::Request {
        load::Request { modules: Some(crate::jinja::modules()), ..load::Request::from(self.invocation.as_ref()) }
    }

    /// Reports a stage's warnings.
    ///
    /// # Errors
    /// Those that count as errors (`--warn-error`).
    pub fn warnings(&self, warnings: Diagnostics) -> Result<(), Diagnostics> {
        self.reporter.warnings(warnings)
    }
}

/// Runs the program with its arguments (the first is its name); gives the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let begun = Instant::now();
    let line = match cli::parse(arguments) {
        Ok(line) => line,
        Err(stop) => {
            report::plain(stop.to_stderr, |color| stop.text(color));
            return stop.code;
        }
    };
    let current_dir = match std::env::current_dir() {
        Ok(folder) => folder,
        Err(error) => return stop(&Diagnostic::error(format!("the current folder cannot be read: {error}"))),
    };
    let mut place = Place { current_dir, environment: Environment::of_process() };
    let project_dir = invocation::project_dir(&line, &place);
    place.environment.add_missing(load::dotenv::of_folder(&project_dir));
    invocation::share_names(&mut place.environment);
    let flags = load::project_flags(&project_dir);
    let name = line.which.as_str();
    let (line, again) = match repeat::of(&line, &place, &flags, &project_dir) {
        Some((line, again)) => (line, Some(again)),
        None => (line, None),
    };
    let settled = match invocation::validate(line, place, &flags) {
        Ok(settled) => settled,
        Err(diagnostics) => {
            diagnostics.iter().for_each(|diagnostic| {
                stop(diagnostic);
            });
            return ExitCode::Unhandled.code(invocation::ExitCodes::Standard);
        }
    };
    let call = call(settled.value, again);
    call.emit(Event::MainReportVersion { version: invocation::DBT_VERSION.to_owned() });
    call.emit(Event::MainReportArgs { arguments: shown_arguments(&call.invocation) });
    let outcome = call.warnings(settled.warnings).and_then(|()| run(&call));
    call.interrupt.close();
    let mut code = match outcome {
        Ok(code) => code,
        Err(diagnostics) => {
            call.reporter.fatal(diagnostics);
            ExitCode::Unhandled
        }
    };
    let raised = call.reporter.take_raised();
    if !raised.is_empty() {
        call.reporter.fatal(raised);
        code = ExitCode::Unhandled;
    }
    call.reporter.deprecations_summary();
    let seconds = begun.elapsed().as_secs_f64();
    call.emit(Event::CommandCompleted {
        command: format!("tform {name}"),
        success: code == ExitCode::Success,
        seconds,
    });
    call.reporter.flush();
    code.code(call.invocation.exit_codes)
}

/// Leaves a value of the size of a project to the end of the process, which frees everything at
/// once; piece by piece that takes a tenth of the time of a command.
fn leave<T>(value: T) {
    std::mem::forget(value);
}

fn stop(diagnostic: &Diagnostic) -> u8 {
    report::plain(true, |_| format!("{diagnostic}\n"));
    2
}

fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    let root = &call.invocation.project_dir;
    // Relative paths in SQL (`copy ... to 'x.csv'`) mean the project's folder, as in dbt.
    if !matches!(call.invocation.command, Command::Init { .. }) && root.is_dir() {
        std::env::set_current_dir(root)
            .map_err(|error| Diagnostic::error(format!("`{}` cannot be entered: {error}", root.display())))?;
    }
    // Nothing failed: whatever the command was, there is nothing to repeat of it.
    if call.again.as_ref().is_some_and(|again| again.ids.is_empty()) {
        return execute::run(call);
    }
    match &call.invocation.command {
        Command::Init { .. } => init::run(call),
        Command::Clean { .. } => clean::run(call),
        Command::Deps { .. } => deps::run(call),
        Command::Debug { .. } => debug::run(call),
        Command::Parse => prepare::parse(call),
        Command::List(options) => list::run(call, options),
        Command::Show(preview) => show::run(call, preview),
        Command::RunOperation { macro_name, arguments, sql } => {
            operation::run(call, macro_name.as_deref(), arguments, sql.as_deref())
        }
        Command::DocsGenerate { .. } | Command::DocsServe { .. } => docs::run(call),
        Command::Lineage(options) => lineage::run(call, options),
        Command::SourceFreshness { output } => freshness::sources(call, output.as_deref()),
        Command::Freshness => freshness::all(call),
        Command::Compile(preview) if preview.inline.is_some() => show::compile_inline(call, preview),
        Command::Compile(_)
        | Command::Run
        | Command::Test
        | Command::Build
        | Command::Seed { .. }
        | Command::Snapshot
        | Command::Retry
        | Command::Clone => execute::run(call),
    }
}

fn call(invocation: Invocation, again: Option<Retry>) -> Call {
    let reporter = Arc::new(Reporter::new(report_settings(&invocation)));
    let interrupt = Arc::new(Interrupt::default());
    let (watched, told) = (interrupt.clone(), reporter.clone());
    // Without the handler, a signal ends the program at once: worse, but no reason not to run.
    let _ = ctrlc::set_handler(move || {
        if !watched.is_set() {
            told.emit(Event::MainKeyboardInterrupt);
        }
        watched.set();
    });
    Call { invocation: Arc::new(invocation), reporter, interrupt, again }
}

fn report_settings(invocation: &Invocation) -> report::Settings {
    let log = &invocation.log;
    let colors = match log.colors {
        Some(true) => Colors::Always,
        Some(false) => Colors::Never,
        None => Colors::Auto,
    };
    report::Settings {
        invocation_id: invocation.invocation_id.clone(),
        extra: invocation.environment.custom().into_iter().map(|(name, value)| (name, value.into())).collect(),
        format: format_of(log.format, Format::Text),
        level: level_of(log.level),
        quiet: log.quiet,
        colors,
        width: log.width,
        // What `lineage` prints is for other programs to read.
        lines_to_stderr: matches!(invocation.command, Command::Lineage(_)),
        file: file_settings(invocation, log),
        secrets: invocation.environment.secrets().into_iter().map(str::to_owned).collect(),
        warn_error_options: invocation.flags.warn_error_options.clone(),
        show_all_deprecations: log.show_all_deprecations,
    }
}

fn file_settings(invocation: &Invocation, log: &LogOptions) -> Option<FileSettings> {
    // A folder that is no project gets no log file, unless the user says something of it.
    let is_given = invocation.log_path.is_some() || log.file_given;
    let is_wanted = is_given || invocation.project_dir.join(crate::project::FILE_NAME).is_file();
    if log.level_file == LogLevel::None || !is_wanted {
        return None;
    }
    let folder = invocation.log_path.clone().unwrap_or_else(|| invocation.project_dir.join("logs"));
    Some(FileSettings {
        path: folder.join("dbt.log"),
        format: format_of(log.format_file, Format::Debug),
        level: Level::Debug.max(if log.level_file == LogLevel::Debug {
            Level::Debug
        } else {
            level_of(log.level_file)
        }),
        colors: log.colors_file,
        max_bytes: log.file_max_bytes,
    })
}

fn format_of(format: LogFormat, default: Format) -> Format {
    match format {
        LogFormat::Default => default,
        LogFormat::Text => Format::Text,
        LogFormat::Debug => Format::Debug,
        LogFormat::Json => Format::Json,
    }
}

fn level_of(level: LogLevel) -> Level {
    match level {
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warn => Level::Warn,
        LogLevel::Error | LogLevel::None => Level::Error,
    }
}

fn shown_arguments(invocation: &Invocation) -> Vec<(String, String)> {
    invocation.flags.arguments().into_iter().map(|(name, value)| (name, value.to_string())).collect()
}
