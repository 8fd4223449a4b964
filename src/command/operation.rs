//! `tform run-operation`: calls a macro, or runs a statement of the command line.
//!
//! Source: docs.getdbt.com/reference/commands/run-operation.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use crate::adapter::{Fetch, Statement};
use crate::artifact::{self, RunResult, RunResults, TimingSpan};
use crate::compile::host::NodeHost;
use crate::compile::runtime::{Runtime, Worker};
use crate::compile::{self, Rendering};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level, Status};
use crate::invocation::ExitCode;
use crate::jinja::{Arguments, Scope, values};
use crate::resource::UniqueId;
use crate::run::outcome::message_of;

use super::Call;
use super::{prepare, show};

/// The width of a line about a statement, as those about nodes have it.
const WIDTH: usize = 80;

/// Calls the macro with the given arguments, or runs the statement.
///
/// # Errors
/// Everything that is wrong in the project, a macro that is not there, neither or both of macro
/// and statement. What the macro raises or the warehouse refuses is the command's failure.
pub(super) fn run(
    call: &Call,
    name: Option<&str>,
    arguments: &Map<String, Json>,
    sql: Option<&str>,
) -> Result<ExitCode, Diagnostics> {
    let refuse =
        |text: &str, hint: &str| Err(Diagnostics::from(Diagnostic::error(text).hint(hint)).of_kind("Runtime Error"));
    match (name, sql) {
        (None, None) => refuse(
            "Either a macro name or --sql must be passed to run-operation",
            "`tform run-operation MACRO --args '{name: value}'`, or `--sql \"select ...\"`",
        ),
        (Some(_), Some(_)) => {
            refuse("Cannot specify both a macro name and --sql for run-operation", "run one after the other")
        }
        (None, Some(_)) if !arguments.is_empty() => refuse(
            "--args cannot be used with --sql; pass arguments directly in the SQL",
            "write the values into the statement",
        ),
        (Some(name), None) => operation(call, name, arguments),
        (None, Some(sql)) => statement(call, sql),
    }
}

/// When an operation's two phases began and ended.
struct Clock {
    begun: Instant,
    started: DateTime<Utc>,
    compiled: DateTime<Utc>,
}

impl Clock {
    fn start() -> Self {
        let now = Utc::now();
        Clock { begun: Instant::now(), started: now, compiled: now }
    }

    /// The result without its message.
    fn result(&self, id: &UniqueId, status: Status) -> RunResult {
        let span = |name: &str, from: DateTime<Utc>, to: DateTime<Utc>| TimingSpan {
            name: name.to_owned(),
            started_at: Some(artifact::timestamp(from)),
            completed_at: Some(artifact::timestamp(to)),
        };
        let timing = vec![span("compile", self.started, self.compiled), span("execute", self.compiled, Utc::now())];
        let failures = Some(u64::from(status != Status::Success));
        RunResult { timing, failures, execution_time: self.begun.elapsed().as_secs_f64(), ..RunResult::new(id, status) }
    }
}

fn operation(call: &Call, name: &str, arguments: &Map<String, Json>) -> Result<ExitCode, Diagnostics> {
    let mut clock = Clock::start();
    let prepared = prepare::project(call)?;
    let runtime = prepared.runtime(&call.invocation, std::collections::HashMap::new());
    clock.compiled = Utc::now();
    let id = find(&runtime, name)?;
    let mut node = runtime.operation(name);
    node.unique_id = id.clone();
    let node = Arc::new(node);
    let worker = runtime.worker(&format!("macro_{name}"));
    let result = runtime.assign(&worker, &node, None).and_then(|()| {
        let host = NodeHost::new(&runtime, &node, worker.clone(), Vec::new());
        let context = compile::context(&runtime, &node, host);
        let named =
            arguments.iter().map(|(name, value)| (Arc::from(name.as_str()), values::from_json(value))).collect();
        let arguments = Arguments { positional: Vec::new(), named };
        let scope = Scope::new(&node.package_name, context);
        let name = id.strip_prefix("macro.").unwrap_or(&id);
        runtime.engine.call(name, arguments, &scope).map(drop)
    });
    let result = settled(&worker, result);
    let status = if result.is_ok() { Status::Success } else { Status::Error };
    write_results(call, &runtime, clock.result(&id, status))?;
    match result {
        Ok(()) => Ok(ExitCode::Success),
        Err(diagnostic) => {
            let text = format!("Encountered an error while running operation: {diagnostic}");
            call.emit(Event::notice("RunningOperationCaughtError", Level::Error, text));
            Ok(ExitCode::NodeFailed)
        }
    }
}

/// The macro's id: of the package that is named, or else of the root project, of what every
/// template sees, or of any package.
fn find(runtime: &Runtime, name: &str) -> Result<UniqueId, Diagnostics> {
    if let Some(source) = runtime.engine.resolve(name, &runtime.globals.project_name) {
        return Ok(source.unique_id().into());
    }
    let macros = &runtime.manifest().macros;
    let elsewhere = macros.keys().find(|id| !name.contains('.') && id.rsplit('.').next() == Some(name));
    elsewhere.cloned().ok_or_else(|| {
        let text = match name.split_once('.') {
            Some((package, name)) => {
                format!("dbt could not find a macro with the name '{name}' in the '{package}' package")
            }
            None => format!("dbt could not find a macro with the name '{name}' in any package"),
        };
        let known = macros.keys().filter_map(|id| id.rsplit('.').next());
        Diagnostics::from(Diagnostic::error(text).suggest(name, known)).of_kind("Compilation Error")
    })
}

/// What an operation did in a transaction stays, if it went well; the connection is closed.
fn settled(worker: &Worker, result: Result<(), Diagnostic>) -> Result<(), Diagnostic> {
    let result = match result {
        Ok(()) => worker.session.commit().map_err(|error| Diagnostic::error(error.to_string())),
        Err(diagnostic) => {
            worker.session.rollback();
            Err(diagnostic)
        }
    };
    worker.session.close();
    result
}

fn statement(call: &Call, sql: &str) -> Result<ExitCode, Diagnostics> {
    let mut clock = Clock::start();
    let prepared = prepare::project(call)?;
    let runtime = prepared.runtime(&call.invocation, std::collections::HashMap::new());
    let node = Arc::new(show::inline_node(&runtime, sql));
    let worker = runtime.worker("inline_query");
    let rendering = Rendering { runtime: &runtime, worker: &worker };
    let compiled = show::compiled(&rendering, &node);
    clock.compiled = Utc::now();
    let mut response = Map::new();
    let result = compiled.and_then(|sql| {
        call.emit(line("START executing", "RUN", Level::Info));
        let fetch = Fetch::None;
        let statement = Statement { fetch, auto_begin: true, ..Statement::query(&sql) };
        response = worker.session.run(statement).map_err(Diagnostic::from)?.response.to_json();
        Ok(())
    });
    let refused = worker.session.last_error();
    let result = settled(&worker, result);
    let seconds = clock.begun.elapsed().as_secs_f64();
    let status = if result.is_ok() { Status::Success } else { Status::Error };
    let message = result.as_ref().err().map(|diagnostic| message_of(&node, diagnostic, refused.as_ref()));
    let id = UniqueId::from(format!("operation.{}.inline_query", node.package_name));
    let made = RunResult { adapter_response: response, message: message.clone(), ..clock.result(&id, status) };
    write_results(call, &runtime, made)?;
    match message {
        None => {
            call.emit(line("OK executed", &format!("OK in {seconds:.2}s"), Level::Info));
            Ok(ExitCode::Success)
        }
        Some(message) => {
            call.emit(line("ERROR executing", &format!("ERROR in {seconds:.2}s"), Level::Error));
            let text = format!("Encountered an error while running operation: {message}");
            call.emit(Event::notice("RunningOperationCaughtError", Level::Error, text));
            Ok(ExitCode::NodeFailed)
        }
    }
}

/// `1 of 1 START executing inline_query ....... [RUN]`
fn line(what: &str, state: &str, level: Level) -> Event {
    let text = format!("1 of 1 {what} inline_query ");
    Event::notice("Note", level, format!("{text:.<WIDTH$} [{state}]"))
}

fn write_results(call: &Call, runtime: &Arc<Runtime>, result: RunResult) -> Result<(), Diagnostic> {
    if !call.invocation.flags.write_json {
        return Ok(());
    }
    let seconds = result.execution_time;
    let results = RunResults::new(&call.invocation, vec![result], seconds);
    artifact::write(&runtime.target_path, artifact::RUN_RESULTS, &results)
}
