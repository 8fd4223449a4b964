//! `on-run-start` and `on-run-end`.
//!
//! Source: docs.getdbt.com/reference/project-configs/on-run-start-on-run-end.

use std::sync::Arc;

use minijinja::Value;

use crate::adapter::{Fetch, Statement};
use crate::compile;
use crate::compile::host::NodeHost;
use crate::compile::runtime::{Runtime, Worker, facts};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, HookLine, NodeInfo, NodeResult, Position, Status};
use crate::jinja::values;
use crate::manifest::{Detail, Node, ResourceType};

use super::outcome::{Extra, Outcome, Report, Stopwatch, message_of};
use super::{plain_outcome, results_value};

/// When hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Start,
    End,
}

impl Moment {
    fn tag(self) -> &'static str {
        match self {
            Moment::Start => "on-run-start",
            Moment::End => "on-run-end",
        }
    }
}

/// Runs the hooks of a moment one after the other; after one that failed the others are skipped.
///
/// # Errors
/// A hook whose template cannot be rendered, or which asks the warehouse in vain while it is
/// rendered: then nothing is known of what it was to do, and the command ends.
pub fn run(
    runtime: &Arc<Runtime>,
    worker: &Worker,
    moment: Moment,
    outcomes: &[Outcome],
) -> (Vec<Outcome>, Result<(), Diagnostic>) {
    let hooks = hooks(runtime, moment);
    let total = hooks.len();
    let mut done: Vec<Outcome> = Vec::new();
    let mut failed = false;
    if total > 0 && moment == Moment::End {
        runtime.emit(Event::Formatting);
    }
    for (index, node) in hooks.iter().enumerate() {
        let facts = Arc::new(facts(node, None));
        let position = Position { index: index + 1, total };
        let statement = format!("{}.{}.{}", node.package_name, moment.tag(), hook_index(node));
        if failed {
            let message = format!("{statement} skipped");
            let result = NodeResult { failures: Some(1), ..super::outcome::skipped(&facts, Some(message)) };
            let hook = HookLine { node: result.node.clone(), position, statement };
            runtime.emit(Event::LogHookEndLine { hook, status: result.status, seconds: 0.0 });
            done.push(plain_outcome(&node.unique_id, Arc::new(result)));
            continue;
        }
        let mut stopwatch = Stopwatch::start();
        let hook = HookLine { node: NodeInfo::waiting(&facts).with_status(Status::Started), position, statement };
        runtime.emit(Event::LogHookStartLine(hook.clone()));
        let (mut report, code) = match run_one(runtime, worker, (node, &mut stopwatch), outcomes) {
            Ok(ran) => ran,
            Err(problem) => return (done, Err(problem)),
        };
        failed = report.status.is_failure();
        report.message = Some(match report.message.filter(|_| failed) {
            Some(reason) => format!("{} failed, error:\n {reason}", hook.statement),
            None => format!("{} passed", hook.statement),
        });
        let result = Arc::new(stopwatch.result(&facts, report, Extra::default()));
        let hook = HookLine { node: result.node.clone(), ..hook };
        runtime.emit(Event::LogHookEndLine { hook, status: result.status, seconds: result.seconds });
        runtime.emit(Event::NodeFinished(result.clone()));
        done.push(Outcome { compiled_code: code, ..plain_outcome(&node.unique_id, result) });
    }
    if total > 0 && moment == Moment::Start {
        runtime.emit(Event::Formatting);
    }
    (done, Ok(()))
}

/// The hooks of a moment: the project's own first, then those of packages by name, each in the order written.
fn hooks(runtime: &Runtime, moment: Moment) -> Vec<Arc<Node>> {
    let mut hooks: Vec<Arc<Node>> = runtime
        .manifest()
        .nodes
        .values()
        .filter(|node| node.resource_type == ResourceType::Operation && node.tags.iter().any(|tag| tag == moment.tag()))
        .cloned()
        .collect();
    hooks.sort_by(|left, right| {
        let key = |node: &Node| (node.package_name != runtime.globals.project_name, hook_index(node));
        let ((left_foreign, left_index), (right_foreign, right_index)) = (key(left), key(right));
        let packages = || left.package_name.cmp(&right.package_name);
        left_foreign.cmp(&right_foreign).then_with(packages).then(left_index.cmp(&right_index))
    });
    hooks
}

fn hook_index(node: &Node) -> usize {
    match &node.detail {
        Detail::Hook(hook) => hook.index.unwrap_or(0),
        _ => 0,
    }
}

fn run_one(
    runtime: &Arc<Runtime>,
    worker: &Worker,
    (node, stopwatch): (&Arc<Node>, &mut Stopwatch),
    outcomes: &[Outcome],
) -> Result<(Report, Option<Arc<str>>), Diagnostic> {
    let extras = vec![
        ("results", results_value(runtime, outcomes)),
        ("schemas", schemas(runtime, outcomes)),
        ("database_schemas", database_schemas(runtime, outcomes)),
    ];
    let host = NodeHost::new(runtime, node, worker.clone(), extras);
    let rendering = compile::Rendering { runtime, worker };
    runtime.assign(worker, node, None)?;
    let compiled = compile::node(&rendering, node, &host).map_err(|diagnostic| {
        let engine = worker.session.last_error();
        Diagnostic::error(message_of(node, &diagnostic, engine.as_ref()))
    })?;
    stopwatch.compiled();
    let sql = compiled.sql.trim();
    if sql.is_empty() {
        let report = Report { failures: Some(0), ..Report::new(Status::Success, "OK") };
        return Ok((report, Some(compiled.sql)));
    }
    let report = match worker.session.run(Statement { fetch: Fetch::None, ..Statement::query(sql) }) {
        Ok(result) => Report { failures: Some(0), ..Report::new(Status::Success, result.response.message) },
        Err(error) => {
            let text = Diagnostic::from(error).to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            Report { failures: Some(1), ..Report::new(Status::Error, text.trim_end()) }
        }
    };
    Ok((report, Some(compiled.sql)))
}

/// The schemas in which relations were built, each once, in order.
fn built(runtime: &Runtime, outcomes: &[Outcome]) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    for outcome in outcomes {
        let Some(node) = runtime.manifest().node(&outcome.id).filter(|node| node.is_relational()) else {
            continue;
        };
        let schema = (node.database.clone(), node.schema.clone());
        if !found.contains(&schema) {
            found.push(schema);
        }
    }
    found
}

fn schemas(runtime: &Runtime, outcomes: &[Outcome]) -> Value {
    let mut names: Vec<String> = Vec::new();
    for (_, schema) in built(runtime, outcomes) {
        if !names.contains(&schema) {
            names.push(schema);
        }
    }
    values::list(names.into_iter().map(Value::from).collect())
}

fn database_schemas(runtime: &Runtime, outcomes: &[Outcome]) -> Value {
    let pairs = built(runtime, outcomes).into_iter().map(|(database, schema)| {
        let database = database.map_or_else(values::none, Value::from);
        values::tuple(vec![database, Value::from(schema)])
    });
    values::list(pairs.collect())
}
