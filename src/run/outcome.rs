//! What became of a node: its status, the message that people and artifacts see, what it left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use crate::adapter::AdapterError;
use crate::artifact::OverloadResults;
use crate::diagnostic::{Diagnostic, Span};
use crate::event::{NodeFacts, NodeInfo, NodeResult, Remark, Status, Timing};
use crate::load;
use crate::manifest::{Node, UniqueId};

use super::freshness::Measured;

/// One finished node.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub id: UniqueId,
    pub result: Arc<NodeResult>,
    /// The SQL as compiled; `None` for what has none (seeds, skipped nodes).
    pub compiled_code: Option<Arc<str>>,
    pub compiled_path: Option<String>,
    pub build_path: Option<String>,
    pub rest: Option<Box<OutcomeRest>>,
}

/// What most nodes leave nothing of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutcomeRest {
    pub ctes: Vec<crate::manifest::InjectedCte>,
    pub batches: Option<BatchResults>,
    pub overloads: Option<OverloadResults>,
    /// The compiled bodies of a function's overloads, in order.
    pub overload_bodies: Vec<Option<Arc<str>>>,
    /// The relations that foreign keys refer to: those of columns in their order, then the model's.
    pub foreign_keys: Vec<String>,
    /// When a source was last loaded, where that was asked and known.
    pub measured: Option<Measured>,
}

static NOTHING_ELSE: std::sync::LazyLock<OutcomeRest> = std::sync::LazyLock::new(OutcomeRest::default);

impl OutcomeRest {
    /// As an outcome keeps it: nothing, if there is nothing.
    pub fn kept(self) -> Option<Box<Self>> {
        (self != *NOTHING_ELSE).then(|| Box::new(self))
    }
}

impl Outcome {
    pub fn rest(&self) -> &OutcomeRest {
        self.rest.as_deref().unwrap_or(&NOTHING_ELSE)
    }
}

/// The batches of a microbatch model: spans that succeeded and that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchResults {
    pub successful: Vec<TimeSpan>,
    pub failed: Vec<TimeSpan>,
}

/// From (inclusive) and to (exclusive).
pub type TimeSpan = (DateTime<Utc>, DateTime<Utc>);

/// What a node's work gave, before it is timed and told.
#[derive(Debug, Clone)]
pub struct Report {
    pub status: Status,
    pub message: Option<String>,
    pub failures: Option<u64>,
    pub adapter_response: Map<String, Json>,
    pub stored_failures: Option<String>,
    pub remarks: Vec<Remark>,
    pub batches: Option<BatchResults>,
    pub overloads: Option<OverloadResults>,
}

impl Report {
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Report {
            status,
            message: Some(message.into()),
            failures: None,
            adapter_response: Map::new(),
            stored_failures: None,
            remarks: Vec::new(),
            batches: None,
            overloads: None,
        }
    }

    pub fn failed(node: &Node, diagnostic: &Diagnostic, engine: Option<&AdapterError>) -> Self {
        Report::new(Status::Error, message_of(node, diagnostic, engine))
    }
}

/// A problem of a node as dbt's users know it: its kind, the node, its file, then the facts.
///
/// `engine` is what the warehouse refused last, if that is why the node failed.
pub fn message_of(node: &Node, diagnostic: &Diagnostic, engine: Option<&AdapterError>) -> String {
    let kind = diagnostic.kind().or(engine.map(|error| error.title)).unwrap_or("Compilation Error");
    let mut text = format!("{kind} in {} {} ({})", node.resource_type, node.name, node.original_file_path);
    let shown = match engine {
        // The place in the macro that sent the statement says nothing to the model's author.
        Some(error) => {
            let mut shown = Diagnostic { span: None, notes: Vec::new(), ..diagnostic.clone() };
            if let Some((key, column)) = key_of_missing_column(node, error) {
                shown = shown.hint(format!("the model's config `{key}` names `{column}`: does its query give that?"));
            }
            shown.to_string()
        }
        None => at_the_authors_places(diagnostic).to_string(),
    };
    for line in shown.strip_prefix("error: ").unwrap_or(&shown).lines() {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

/// Configs whose values are columns of the model.
const OF_COLUMNS: [&str; 6] = ["dist", "sort", "unique_key", "updated_at", "check_cols", "event_time"];

/// The config that names the column which the warehouse does not find.
fn key_of_missing_column<'a>(node: &'a Node, error: &AdapterError) -> Option<(&'a str, &'a str)> {
    let line = error.message.lines().next()?.to_lowercase();
    if !line.contains("column") || !["does not exist", "not found"].iter().any(|words| line.contains(words)) {
        return None;
    }
    let is_missing = |name: &&str| line.contains(&format!("\"{}\"", name.to_lowercase()));
    node.config.entries().filter(|(key, _)| OF_COLUMNS.contains(key)).find_map(|(key, value)| {
        let names = value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Json::as_str));
        names.filter(|name| !name.is_empty()).find(is_missing).map(|name| (key, name))
    })
}

/// The problem without the lines of built-in macros that led to it: only places that its author wrote.
fn at_the_authors_places(diagnostic: &Diagnostic) -> Diagnostic {
    let own = |span: &Span| !load::is_builtin(&span.file);
    let mut diagnostic = diagnostic.clone();
    diagnostic.span = diagnostic.span.filter(own);
    diagnostic.notes.retain(|(_, span)| span.as_ref().is_none_or(own));
    diagnostic
}

/// Times the phases of a node.
#[derive(Debug)]
pub struct Stopwatch {
    begun: Instant,
    pub started_at: DateTime<Utc>,
    compile: Option<(DateTime<Utc>, DateTime<Utc>)>,
    execute_from: Option<DateTime<Utc>>,
    /// What was spent before the last pause.
    spent: Duration,
}

impl Stopwatch {
    pub fn start() -> Self {
        let (begun, started_at) = (Instant::now(), Utc::now());
        Stopwatch { begun, started_at, compile: None, execute_from: None, spent: Duration::ZERO }
    }

    /// What comes now is not the node's time.
    pub fn pause(&mut self) {
        self.spent += self.begun.elapsed();
    }

    /// Ends a pause.
    pub fn resume(&mut self) {
        self.begun = Instant::now();
    }

    /// A query that began at `since` was also for this node, during a pause; `share` of its time is the node's.
    pub fn executed_since(&mut self, since: DateTime<Utc>, share: Duration) {
        self.execute_from = Some(since);
        self.spent += share;
    }

    /// Compiling ends, executing begins.
    pub fn compiled(&mut self) {
        let now = Utc::now();
        self.compile = Some((self.started_at, now));
        self.execute_from = Some(now);
    }

    pub fn seconds(&self) -> f64 {
        (self.spent + self.begun.elapsed()).as_secs_f64()
    }

    fn timing(&self, end: DateTime<Utc>) -> Vec<Timing> {
        let phase =
            |name, (started, completed)| Timing { name, started_at: Some(started), completed_at: Some(completed) };
        let compile = self.compile.unwrap_or((self.started_at, end));
        let mut timing = Vec::with_capacity(2);
        timing.extend([phase("compile", compile)]);
        timing.extend(self.execute_from.map(|from| phase("execute", (from, end))));
        timing
    }

    /// The finished result of a node.
    pub fn result(&self, facts: &Arc<NodeFacts>, report: Report, more: Extra) -> NodeResult {
        let now = Utc::now();
        let node = NodeInfo {
            facts: facts.clone(),
            status: report.status,
            started_at: Some(self.started_at),
            finished_at: Some(now),
        };
        NodeResult {
            node,
            status: report.status,
            message: report.message,
            failures: report.failures,
            seconds: self.seconds(),
            thread: std::thread::current().name().unwrap_or("main").to_owned(),
            timing: self.timing(now),
            adapter_response: (!report.adapter_response.is_empty()).then(|| Box::new(report.adapter_response)),
            compiled_path: more.compiled_path,
            stored_failures: report.stored_failures,
            group: more.group.map(Box::new),
            remarks: report.remarks,
        }
    }
}

/// What a result says beside the report itself.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// The compiled SQL's path as shown to people.
    pub compiled_path: Option<String>,
    /// The node's group with its owner.
    pub group: Option<Map<String, Json>>,
}

/// A node that was not run.
pub fn skipped(facts: &Arc<NodeFacts>, message: Option<String>) -> NodeResult {
    let node = NodeInfo { facts: facts.clone(), status: Status::Skipped, started_at: None, finished_at: None };
    NodeResult {
        node,
        status: Status::Skipped,
        message,
        failures: None,
        seconds: 0.0,
        thread: std::thread::current().name().unwrap_or("main").to_owned(),
        timing: Vec::new(),
        adapter_response: None,
        compiled_path: None,
        stored_failures: None,
        group: None,
        remarks: Vec::new(),
    }
}
