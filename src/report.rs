//! Events as people and machines read them: terminal, text log, JSON log.
//!
//! The only module that writes to the terminal and to logs. A [`Reporter`] takes events from
//! any thread and writes each of them in the order in which it came. Its lines are dbt's
//! (docs.getdbt.com/reference/events-logging), because Airflow and others parse them.

mod dialog;
mod json;
mod log_file;
mod message;
mod table;
mod terminal;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{Local, NaiveTime, Timelike, Utc};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::event::{
    Action, Event, Level, NodeResult, Notice, RunEnd, Stats, Status, WarnErrorOptions, count_line, is_deprecation,
    plural,
};

use log_file::LogFile;
use message::Style;
use terminal::{Size, Terminal};

pub use dialog::{Dialog, Ended};
pub use table::preview;

/// How often the running nodes' times are drawn again.
const REDRAW: Duration = Duration::from_millis(100);
/// So long lines for the log file wait for others at most.
const LOG_DELAY: Duration = Duration::from_millis(50);

/// Writes text as it is, before there are settings: help, versions, mistakes in the arguments.
///
/// `text` is given whether the stream takes colour.
pub fn plain(to_stderr: bool, text: impl FnOnce(bool) -> String) {
    use std::io::Write;
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    // Whoever closed the stream does not want the text.
    let _ = if to_stderr {
        let mut stream = std::io::stderr().lock();
        stream.write_all(text(stream.is_terminal() && !no_color).as_bytes())
    } else {
        let mut stream = std::io::stdout().lock();
        stream.write_all(text(stream.is_terminal() && !no_color).as_bytes()).and_then(|()| stream.flush())
    };
}

/// The form of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `HH:MM:SS  message`, the time in UTC as dbt has it.
    Text,
    /// `HH:MM:SS.ffffff [level] [thread]: message`, local time.
    Debug,
    /// One JSON object a line.
    Json,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    Always,
    Never,
}

/// The log file's settings.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// The file itself, `logs/dbt.log`.
    pub path: PathBuf,
    pub format: Format,
    pub level: Level,
    pub colors: bool,
    /// The file is put aside when it would grow beyond this; zero never does.
    pub max_bytes: u64,
}

/// How a [`Reporter`] reports.
#[derive(Debug, Clone)]
pub struct Settings {
    pub invocation_id: String,
    /// What stands in each line of the JSON log under `extra` (`DBT_ENV_CUSTOM_ENV_*`).
    pub extra: serde_json::Map<String, serde_json::Value>,
    pub format: Format,
    pub level: Level,
    /// Only errors and what was asked for by `print`, `ls`, `show`.
    pub quiet: bool,
    pub colors: Colors,
    /// `--printer-width`, 80 unless told.
    pub width: usize,
    /// Lines go to stderr, so that stdout holds only what was asked for (`lineage`); errors stay on stdout.
    pub lines_to_stderr: bool,
    /// None: no log file.
    pub file: Option<FileSettings>,
    /// Values that must never be seen; each is written as `*****`.
    pub secrets: Vec<String>,
    pub warn_error_options: WarnErrorOptions,
    /// Every occurrence of a deprecation is shown, not only its first.
    pub show_all_deprecations: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            invocation_id: String::new(),
            extra: serde_json::Map::new(),
            format: Format::Text,
            level: Level::Info,
            quiet: false,
            colors: Colors::Auto,
            width: 80,
            lines_to_stderr: false,
            file: None,
            secrets: Vec::new(),
            warn_error_options: WarnErrorOptions::default(),
            show_all_deprecations: false,
        }
    }
}

/// Consumes events; shared by reference between threads.
pub struct Reporter {
    settings: Settings,
    style: Style,
    shared: Arc<Shared>,
    ticker: Mutex<Option<JoinHandle<()>>>,
    log_writer: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// There are lines for the log file where there were none.
    due: Condvar,
}

struct State {
    terminal: Terminal,
    /// Where lines go when the terminal is stdout's, and they are wanted on stderr.
    aside: Option<Terminal>,
    file: Option<LogFile>,
    deprecations: BTreeMap<&'static str, usize>,
    raised: Vec<Diagnostic>,
    /// The reporter is going away.
    over: bool,
}

impl Reporter {
    /// Opens the log file; if that fails, the reason is the first line of the terminal.
    pub fn new(settings: Settings) -> Self {
        let line_stream_is_terminal =
            if settings.lines_to_stderr { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() };
        let colors = match settings.colors {
            Colors::Always => true,
            Colors::Never => false,
            Colors::Auto => {
                line_stream_is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        };
        let style =
            Style { colors: colors && settings.format != Format::Json, width: settings.width, quiet: settings.quiet };
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let live = line_stream_is_terminal && !dumb && settings.format == Format::Text && !settings.quiet;
        let size = live.then_some(screen_size as fn() -> Size);
        let (stdout, stderr) = (Box::new(std::io::stdout()), Box::new(std::io::stderr()));
        let (terminal, aside) = if settings.lines_to_stderr {
            (Terminal::new(stdout, style, None), Some(Terminal::new(stderr, style, size)))
        } else {
            (Terminal::new(stdout, style, size), None)
        };
        Reporter::assemble(settings, style, terminal, aside)
    }

    fn assemble(settings: Settings, style: Style, terminal: Terminal, aside: Option<Terminal>) -> Self {
        let mut problem = None;
        let file = settings.file.as_ref().and_then(|file| match LogFile::open(&file.path, file.max_bytes) {
            Ok(log) => Some(log),
            Err(error) => {
                problem = Some((file.path.clone(), error));
                None
            }
        });
        let (deprecations, raised) = (BTreeMap::new(), Vec::new());
        let state = State { terminal, aside, file, deprecations, raised, over: false };
        let logs = state.file.is_some();
        let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new(), due: Condvar::new() });
        let writes = shared.clone();
        let writer = std::thread::Builder::new().name("log".to_owned());
        let log_writer = logs.then(|| writer.spawn(move || write_log(&writes)).ok()).flatten();
        let reporter = Reporter { settings, style, shared, ticker: Mutex::new(None), log_writer };
        if let Some((path, error)) = problem {
            let text = format!("the log file `{}` cannot be written: {error}", path.display());
            reporter.emit(Event::diagnostic(Diagnostic::warning(text).hint("set `--log-path` to another folder")));
        }
        reporter
    }

    /// Reports an event. A warning that `warn_error_options` raises is kept for
    /// [`Reporter::take_raised`] and not shown.
    pub fn emit(&self, event: Event) {
        let is_warning = event.level() == Level::Warn
            && matches!(event, Event::Diagnostic { .. } | Event::Notice(_) | Event::JinjaLogWarning { .. });
        if is_warning {
            if let Err(diagnostic) = self.warn(event) {
                self.state().raised.push(diagnostic);
            }
            return;
        }
        self.write(&event);
    }

    /// Reports many lines that were asked for, as [`Event::Print`] each, in few writes.
    pub fn print_all(&self, lines: impl IntoIterator<Item = String>) {
        let file = self.settings.file.as_ref().filter(|file| Event::print(String::new()).level() >= file.level);
        let (mut shown, mut logged) = (Lines::default(), Lines::default());
        let write = |shown: &mut Lines, logged: &mut Lines| {
            let mut state = self.state();
            if let Some(text) = shown.take() {
                state.terminal.print(&text);
            }
            if let (Some(text), Some(log)) = (logged.take(), &mut state.file)
                && log.add(&text).and_then(|()| log.flush()).is_err()
            {
                state.file = None;
            }
        };
        for line in lines {
            let event = Event::print(line);
            shown.add(&self.scrubbed(self.line(&event, self.settings.format, self.style)));
            if let Some(file) = file {
                let style = Style { colors: file.colors, quiet: false, ..self.style };
                logged.add(&self.scrubbed(self.line(&event, file.format, style)));
            }
            if shown.0.len() + logged.0.len() > LINES_BYTES {
                write(&mut shown, &mut logged);
            }
        }
        write(&mut shown, &mut logged);
    }

    /// Reports a warning, unless it is silenced. Errors: the warning, if it counts as an error.
    pub fn warn(&self, event: Event) -> Result<(), Diagnostic> {
        let name = event.name();
        match self.settings.warn_error_options.action(name) {
            Action::Silence => return Ok(()),
            Action::Raise => return Err(raised(&event)),
            Action::Show => {}
        }
        if is_deprecation(name) && name != "DeprecationsSummary" {
            let mut state = self.state();
            let occurrences = state.deprecations.entry(name).or_default();
            *occurrences += 1;
            if *occurrences > 1 && !self.settings.show_all_deprecations {
                return Ok(());
            }
        }
        self.write(&event);
        Ok(())
    }

    /// Reports each of a stage's warnings. Errors: those that count as errors.
    pub fn warnings(&self, warnings: Diagnostics) -> Result<(), Diagnostics> {
        let mut errors = Diagnostics::new();
        for diagnostic in warnings {
            if diagnostic.severity == Severity::Note {
                self.write(&Event::diagnostic(diagnostic));
                continue;
            }
            if let Err(error) = self.warn(Event::diagnostic(diagnostic)) {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The warnings since the last call that count as errors.
    pub fn take_raised(&self) -> Diagnostics {
        let raised = std::mem::take(&mut self.state().raised);
        let mut diagnostics = Diagnostics::new();
        diagnostics.extend(raised);
        diagnostics
    }

    /// How many times each deprecation was met, if any was: the last warning of an invocation.
    pub fn deprecations_summary(&self) {
        let met = self.state().deprecations.clone();
        if met.is_empty() {
            return;
        }
        let mut text =
            "[WARNING][DeprecationsSummary]: Deprecated functionality\nSummary of encountered deprecations:".to_owned();
        let mut summaries = Vec::new();
        for (name, occurrences) in &met {
            text.push_str(&format!("\n- {name}: {}", plural(*occurrences, "occurrence")));
            let code = crate::event::code_of(name).unwrap_or("");
            summaries.push(serde_json::json!({"event_name": name, "event_code": code, "occurrences": occurrences}));
        }
        if !self.settings.show_all_deprecations {
            text.push_str("\nOnly the first of each is shown; `--show-all-deprecations` shows all.");
        }
        let data = serde_json::json!({"summaries": summaries});
        self.emit(Event::notice_with("DeprecationsSummary", Level::Warn, text, data));
    }

    /// The line after the last node: what ran, and how long it took.
    pub fn finished_running(&self, end: &RunEnd) {
        let kinds: Vec<String> = end.results.iter().map(|result| table::kind(result)).collect();
        self.clear_running();
        self.emit(Event::Formatting);
        self.emit(Event::FinishedRunning { ran: count_line(kinds.iter().map(String::as_str)), seconds: end.seconds });
    }

    /// The end of a run: closing table, summary, a block per failure and warning, the figures.
    pub fn run_end(&self, end: RunEnd) {
        let end = Arc::new(end);
        self.emit(Event::EndRunResult(end.clone()));
        self.closing_table(&end);
        let is_skip = |result: &NodeResult| {
            result.status == Status::Skipped
                && result.message.is_some()
                && result.node.facts.resource_type != "exposure"
        };
        let is_error = |status| matches!(status, Status::RuntimeError | Status::Error | Status::Fail);
        let (mut errors, mut partial, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        let mut stats = Stats::default();
        for result in &end.results {
            stats.count(result.status);
            match result.status {
                status if is_error(status) || is_skip(result) => errors.push(result),
                Status::Warn => warnings.push(result),
                Status::PartialSuccess => partial.push(result),
                _ => {}
            }
        }
        self.emit(Event::Formatting);
        self.emit(Event::EndOfRunSummary {
            errors: errors.len(),
            warnings: warnings.len(),
            partial_successes: partial.len(),
            interrupted: end.interrupted,
        });
        for result in errors.into_iter().chain(partial).chain(warnings) {
            self.result_block(result);
        }
        self.emit(Event::Formatting);
        self.emit(Event::StatsLine(stats));
    }

    /// What went wrong with one node: its title, message, compiled SQL and stored failures.
    pub fn result_block(&self, result: &Arc<NodeResult>) {
        let result = result.clone();
        if result.status == Status::Skipped {
            self.emit(Event::RunResultError { result, level: Level::Debug });
            return;
        }
        self.emit(Event::Formatting);
        let is_warning = result.status == Status::Warn;
        match result.status {
            Status::Warn => self.emit(Event::RunResultWarning(result.clone())),
            Status::Fail | Status::Error | Status::PartialSuccess => self.emit(Event::RunResultFailure(result.clone())),
            _ => {}
        }
        match (&result.message, is_warning) {
            (Some(_), true) => self.emit(Event::RunResultWarningMessage(result.clone())),
            (Some(_), false) => self.emit(Event::RunResultError { result: result.clone(), level: Level::Error }),
            (None, _) => self.emit(Event::RunResultErrorNoMessage(result.clone())),
        }
        let is_said = |path: &str| {
            result.message.as_ref().is_some_and(|message| message.contains(&format!("compiled code at {path}")))
        };
        if result.compiled_path.as_deref().is_some_and(|path| !is_said(path)) {
            self.emit(Event::Formatting);
            self.emit(Event::SQLCompiledPath(result.clone()));
        }
        if result.stored_failures.is_some() {
            self.emit(Event::Formatting);
            self.emit(Event::CheckNodeTestFailure(result.clone()));
        }
        for remark in &result.remarks {
            let text: Vec<String> = remark.text.lines().map(|line| format!("  {line}")).collect();
            self.emit(Event::Formatting);
            self.emit(Event::Notice(Notice {
                name: remark.event,
                level: Level::Info,
                message: text.join("\n"),
                data: serde_json::Map::new(),
                node: Some(result.node.clone()),
            }));
        }
    }

    /// The invocation ends because of these errors, each shown once; warnings and notes among
    /// them come first, as lines of their own.
    pub fn fatal(&self, diagnostics: Diagnostics) {
        self.clear_running();
        let mut errors: Vec<Diagnostic> = Vec::new();
        for diagnostic in diagnostics {
            let shown = |other: &Diagnostic| other.message == diagnostic.message && other.span == diagnostic.span;
            match diagnostic.severity {
                Severity::Error if errors.iter().any(shown) => {}
                Severity::Error => errors.push(diagnostic),
                _ => self.write(&Event::diagnostic(diagnostic)),
            }
        }
        let mut diagnostics = Diagnostics::new();
        diagnostics.extend(errors);
        self.emit(Event::MainEncounteredError { diagnostics: Arc::new(diagnostics) });
    }

    /// Takes the running nodes off the screen; a later event may bring others.
    pub fn clear_running(&self) {
        let mut state = self.state();
        state.terminal.clear();
        if let Some(aside) = &mut state.aside {
            aside.clear();
        }
    }

    /// Writes what the log file has not got yet: for the end, when others may still hold the reporter.
    pub fn flush(&self) {
        if let Some(log) = &mut self.state().file {
            // Who cannot be told of a full disk by the log has been told by the terminal.
            drop(log.flush());
        }
    }

    fn closing_table(&self, end: &RunEnd) {
        let shown = self.settings.format == Format::Text && !self.settings.quiet && self.settings.level <= Level::Info;
        let table = if shown { table::closing(end) } else { String::new() };
        if !table.is_empty() {
            let time = Utc::now().format("%H:%M:%S");
            self.state().lines().print(&format!("{time}  \n{table}"));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, event: &Event) {
        let asked_for = matches!(event, Event::Print { .. } | Event::ShowNode { .. } | Event::CompiledNode { .. });
        let level = event.level();
        let least = if self.settings.quiet { Level::Error } else { self.settings.level };
        // Made before other threads have to wait.
        let file = self.settings.file.as_ref().filter(|file| level >= file.level);
        let logged = file.map(|file| {
            let style = Style { colors: file.colors, quiet: false, ..self.style };
            self.scrubbed(self.line(event, file.format, style))
        });
        let mut state = self.state();
        self.follow(&mut state, event);
        let live = state.lines().is_live();
        let shown_as_running = live && matches!(event, Event::LogStartLine { .. } | Event::LogHookStartLine(_));
        if (asked_for || level >= least) && !shown_as_running {
            let line = self.line(event, self.settings.format, self.style);
            let line = self.scrubbed(line);
            if asked_for || level == Level::Error { state.terminal.print(&line) } else { state.lines().print(&line) }
        }
        let (Some(line), Some(log)) = (logged, &mut state.file) else { return };
        let was_due = log.is_due();
        let mut written = log.add(&line);
        // A line for each step of each node, each written for itself, is a tenth of a run of small models.
        if level >= Level::Warn || self.log_writer.is_none() {
            written = written.and_then(|()| log.flush());
        }
        let is_due = log.is_due();
        if written.is_err() {
            state.file = None;
        } else if is_due && !was_due {
            self.shared.due.notify_one();
        }
    }

    fn line(&self, event: &Event, format: Format, style: Style) -> String {
        let text = message::message(event, style);
        let asked_for = matches!(event, Event::Print { .. } | Event::ShowNode { .. } | Event::CompiledNode { .. });
        let current = std::thread::current();
        let thread = match current.name() {
            None | Some("main") => "MainThread",
            Some(name) => name,
        };
        match format {
            Format::Text if asked_for => text,
            Format::Text => format!("{}  {text}", Utc::now().format("%H:%M:%S")),
            Format::Debug => {
                let now = clock(Local::now().time());
                let first = if matches!(event, Event::MainReportVersion { .. }) {
                    let rule = "=".repeat(30);
                    format!("\n\n{rule} {now} | {} {rule}\n", self.settings.invocation_id)
                } else {
                    String::new()
                };
                format!("{first}{now} [{:<5}] [{thread:<10.10}]: {text}", event.level().as_str())
            }
            Format::Json => {
                let info = json::Info {
                    invocation_id: &self.settings.invocation_id,
                    thread,
                    at: Utc::now(),
                    message: &text,
                    extra: &self.settings.extra,
                };
                json::line(event, &info)
            }
        }
    }

    fn scrubbed(&self, mut line: String) -> String {
        for secret in self.settings.secrets.iter().filter(|secret| !secret.is_empty()) {
            if line.contains(secret.as_str()) {
                line = line.replace(secret.as_str(), "*****");
            }
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            let escaped = quoted.trim_matches('"');
            if escaped != secret && line.contains(escaped) {
                line = line.replace(escaped, "*****");
            }
        }
        line
    }

    /// Keeps the running nodes up to date.
    fn follow(&self, state: &mut State, event: &Event) {
        if !state.lines().is_live() {
            return;
        }
        match event {
            Event::LogStartLine { node, position, description } => {
                state.lines().start(&node.facts.unique_id, description, *position);
                state.lines().refresh();
                self.start_ticker();
            }
            Event::LogHookStartLine(hook) => {
                let label = format!("hook: {}", hook.statement);
                state.lines().start(&hook.node.facts.unique_id, &label, hook.position);
                self.start_ticker();
            }
            Event::LogHookEndLine { hook, status, .. } => {
                state.lines().finish(&hook.node.facts.unique_id, status.is_failure());
                if hook.position.index == hook.position.total {
                    state.lines().reset_counts();
                }
            }
            Event::SkippingDetails { position, .. } => state.lines().pass_over(position.total),
            Event::LogNodeNoOpResult { line, .. } => state.lines().pass_over(line.position.total),
            Event::LogModelResult { line, .. }
            | Event::LogTestResult { line, .. }
            | Event::LogSeedResult { line, .. }
            | Event::LogSnapshotResult { line, .. }
            | Event::LogFunctionResult { line, .. }
            | Event::LogFreshnessResult { line, .. } => {
                state.lines().finish(&line.node.facts.unique_id, line.status.is_failure());
            }
            Event::NodeFinished(result) => {
                state.lines().finish(&result.node.facts.unique_id, result.status.is_failure());
            }
            _ => {}
        }
    }

    fn start_ticker(&self) {
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        if ticker.is_some() {
            return;
        }
        let shared = self.shared.clone();
        let spawned = std::thread::Builder::new().name("progress".to_owned()).spawn(move || tick(&shared));
        *ticker = spawned.ok();
    }
}

impl State {
    /// The terminal to which lines go.
    fn lines(&mut self) -> &mut Terminal {
        self.aside.as_mut().unwrap_or(&mut self.terminal)
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        {
            let mut state = self.state();
            state.lines().clear();
            state.over = true;
        }
        self.flush();
        self.shared.wake.notify_all();
        self.shared.due.notify_all();
        let ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take();
        for thread in ticker.into_iter().chain(self.log_writer.take()) {
            let _ = thread.join();
        }
    }
}

/// Draws the running nodes' times again and again, until the reporter is dropped.
fn tick(shared: &Shared) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.over {
        state.lines().refresh();
        state = shared.wake.wait_timeout(state, REDRAW).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Writes the log file's lines soon after they came, until the reporter is dropped.
fn write_log(shared: &Shared) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    while !state.over {
        if !state.file.as_ref().is_some_and(LogFile::is_due) {
            state = shared.due.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        // Those who follow the log must see what is being waited for.
        state = shared.wake.wait_timeout(state, LOG_DELAY).unwrap_or_else(PoisonError::into_inner).0;
        if state.file.as_mut().is_some_and(|log| log.flush().is_err()) {
            state.file = None;
        }
    }
}

fn screen_size() -> Size {
    match terminal_size::terminal_size() {
        Some((terminal_size::Width(columns), terminal_size::Height(rows))) => {
            Size { columns: usize::from(columns), rows: usize::from(rows) }
        }
        None => Size { columns: 80, rows: 24 },
    }
}

/// How much is written at once where there is much.
const LINES_BYTES: usize = 1 << 16;

/// Lines to be written together, each with its end.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// The lines so far, without the last end, which is written with them.
    fn take(&mut self) -> Option<String> {
        let mut text = std::mem::take(&mut self.0);
        text.pop().map(|_| text)
    }
}

/// `HH:MM:SS.ffffff`, made digit by digit: a line is written for each step of each node.
fn clock(time: NaiveTime) -> String {
    // A leap second is shown as the last one.
    let micros = time.nanosecond() / 1000 % 1_000_000;
    let mut text = String::with_capacity(15);
    let mut number = |value: u32, digits: u32, before: &str| {
        text.push_str(before);
        for power in (0..digits).rev() {
            text.push(char::from_digit(value / 10_u32.pow(power) % 10, 10).unwrap_or('0'));
        }
    };
    number(time.hour(), 2, "");
    number(time.minute(), 2, ":");
    number(time.second(), 2, ":");
    number(micros, 6, ".");
    text
}

/// A warning as the error that `warn_error_options` makes of it.
fn raised(event: &Event) -> Diagnostic {
    let style = Style { colors: false, width: 80, quiet: false };
    let diagnostic = match event {
        Event::Diagnostic { diagnostic, .. } => {
            let mut diagnostic = Diagnostic::clone(diagnostic);
            diagnostic.severity = Severity::Error;
            diagnostic.set_kind("Compilation Error");
            diagnostic
        }
        other => Diagnostic::error(message::message(other, style).trim_start_matches("[WARNING]: ").to_owned()),
    };
    diagnostic.note("`warn_error` makes this warning an error")
}

#[cfg(test)]
mod tests;
