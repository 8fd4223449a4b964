//! Everything that happens in an invocation, as plain values.
//!
//! Work emits events, [`crate::report`] prints them: nothing else in the crate writes to
//! the terminal or to a log. Names, levels and codes are dbt's, because callers (Airflow,
//! monitoring) read them from the JSON log; see docs.getdbt.com/reference/events-logging.
//! What an event looks like as text or JSON is `report`'s matter.

mod codes;
mod warnings;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};

pub use codes::{code_of, is_warning_name, warning_names};
pub use warnings::{Action, WarnErrorOptions, is_deprecation};

/// How important an [`Event`] is. Ordered: `Debug` is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// The state of a node, with the words that dbt uses in `node_status` and in `run_results.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not begun; dbt writes the word `None`.
    Waiting,
    Started,
    Compiling,
    Executing,
    Success,
    Pass,
    Warn,
    Error,
    Fail,
    Skipped,
    /// Freshness could not be measured.
    RuntimeError,
    /// Nothing to do for this kind of node (an exposure, for one).
    NoOp,
    /// Some batches of a microbatch model failed.
    PartialSuccess,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Waiting => "None",
            Status::Started => "started",
            Status::Compiling => "compiling",
            Status::Executing => "executing",
            Status::Success => "success",
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Error => "error",
            Status::Fail => "fail",
            Status::Skipped => "skipped",
            Status::RuntimeError => "runtime error",
            Status::NoOp => "no-op",
            Status::PartialSuccess => "partial success",
        }
    }

    /// True for outcomes that make the invocation fail (exit code 1).
    pub fn is_failure(self) -> bool {
        matches!(self, Status::Error | Status::Fail | Status::RuntimeError | Status::PartialSuccess)
    }
}

/// Where a node's result lives in the warehouse; empty strings where it lives nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelationFacts {
    pub database: String,
    pub schema: String,
    pub alias: String,
    /// The quoted full name, as SQL writes it.
    pub relation_name: String,
}

/// What never changes about a node while it runs; made once per node and shared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeFacts {
    pub unique_id: String,
    pub name: String,
    /// Relative to the folder of its kind (`staging/a.sql`), as dbt's `path`.
    pub path: String,
    /// Relative to the project's root (`models/staging/a.sql`).
    pub original_file_path: String,
    pub resource_type: String,
    pub materialized: String,
    pub relation: RelationFacts,
    pub meta: Map<String, Value>,
    pub checksum: String,
    /// The layer that the project's folders or schemas give it, where known.
    pub layer: Option<String>,
}

/// A node at one moment of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeInfo {
    pub facts: Arc<NodeFacts>,
    pub status: Status,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

impl NodeInfo {
    /// The node before it runs, also used in the summary at the end, as dbt does.
    pub fn waiting(facts: &Arc<NodeFacts>) -> Self {
        NodeInfo { facts: facts.clone(), status: Status::Waiting, started_at: None, finished_at: None }
    }

    #[must_use]
    pub fn with_status(&self, status: Status) -> Self {
        NodeInfo { status, ..self.clone() }
    }
}

/// The `index` of `total` at the start of a line, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub index: usize,
    pub total: usize,
}

/// What the lines about finished nodes have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultLine {
    pub node: NodeInfo,
    pub position: Position,
    pub status: Status,
    /// What the engine answered, shown in brackets (`OK`, `SELECT 3`, `INSERT 1`); unused on failure.
    pub message: String,
    pub seconds: f64,
    /// The node's group with its owner, for alerts.
    pub group: Option<Map<String, Value>>,
}

/// A phase of a node's run, as `run_results.json` lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// `compile` or `execute`.
    pub name: &'static str,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

/// The outcome of one node, for the summary and the JSON log.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeResult {
    pub node: NodeInfo,
    pub status: Status,
    /// The error's text, a test's `Got 1 result, ...`, or what the engine answered.
    pub message: Option<String>,
    pub failures: Option<u64>,
    pub seconds: f64,
    pub thread: String,
    pub timing: Vec<Timing>,
    /// What the warehouse said, if it was asked.
    pub adapter_response: Option<Box<Map<String, Value>>>,
    /// The compiled SQL's path as shown to people, where there is one.
    pub compiled_path: Option<String>,
    /// The relation with a test's stored failures, where the test stores them.
    pub stored_failures: Option<String>,
    /// The node's group with its owner, for alerts.
    pub group: Option<Box<Map<String, Value>>>,
    /// What else helps whoever has to look after a failure.
    pub remarks: Vec<Remark>,
}

/// Some lines about a failure, below dbt's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The name of the event that tells it.
    pub event: &'static str,
    pub text: String,
}

/// What a hook's lines show.
#[derive(Debug, Clone, PartialEq)]
pub struct HookLine {
    pub node: NodeInfo,
    pub position: Position,
    /// The hook's name, as `project.on-run-start.0`.
    pub statement: String,
}

/// One batch of a microbatch model, or one overload of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchLine {
    pub node: NodeInfo,
    pub position: Position,
    /// `batch 2020-01-01 of sql microbatch model main.a`, `function f overload g`.
    pub description: String,
}

/// The figures of the last line: `Done. PASS=.. WARN=.. ERROR=.. SKIP=.. NO-OP=.. TOTAL=..`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub pass: usize,
    pub warn: usize,
    pub error: usize,
    pub skip: usize,
    pub noop: usize,
    pub total: usize,
}

impl Stats {
    pub fn count(&mut self, status: Status) {
        self.total += 1;
        match status {
            Status::Success | Status::Pass => self.pass += 1,
            Status::Warn => self.warn += 1,
            Status::Skipped => self.skip += 1,
            Status::NoOp => self.noop += 1,
            _ => self.error += 1,
        }
    }
}

/// The end of a run: what the summary, the closing table and the JSON log are made of.
#[derive(Debug, Clone, Default)]
pub struct RunEnd {
    /// `run`, `build`, `test`, ...
    pub command: String,
    /// Every result, in the order of `run_results.json`, hooks included.
    pub results: Vec<Arc<NodeResult>>,
    pub seconds: f64,
    pub generated_at: Option<DateTime<Utc>>,
    pub interrupted: bool,
}

/// A thing that happened whose text is made by its emitter: the long tail of dbt's event names.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// dbt's event name, such as `DepsInstallInfo`.
    pub name: &'static str,
    pub level: Level,
    pub message: String,
    /// The fields of `data` beside the message.
    pub data: Map<String, Value>,
    pub node: Option<NodeInfo>,
}

/// One thing that happened. Emitted by stages, consumed by `report`.
#[derive(Debug, Clone)]
pub enum Event {
    // The invocation.
    /// The version of the dbt language, without `=`.
    MainReportVersion {
        version: String,
    },
    MainReportArgs {
        arguments: Vec<(String, String)>,
    },
    AdapterRegistered {
        adapter: String,
        version: String,
    },
    /// `2 models, 1 seed, 4 data tests`.
    FoundStats {
        found: String,
    },
    ConcurrencyLine {
        threads: usize,
        target: String,
        nodes: usize,
    },
    /// An empty line.
    Formatting,
    CommandCompleted {
        command: String,
        success: bool,
        seconds: f64,
    },
    ArtifactWritten {
        kind: &'static str,
        path: String,
    },

    // A node's life.
    NodeStart(NodeInfo),
    NodeCompiling(NodeInfo),
    NodeExecuting(NodeInfo),
    NodeFinished(Arc<NodeResult>),
    MarkSkippedChildren(Arc<NodeResult>),

    // The lines of a run.
    LogStartLine {
        node: NodeInfo,
        position: Position,
        /// `sql view model main.a`, `test unique_a_id`, `seed file main.s`, ...
        description: String,
    },
    LogModelResult {
        line: ResultLine,
        description: String,
    },
    LogTestResult {
        line: ResultLine,
        name: String,
        failures: u64,
        attached_node: Option<String>,
    },
    LogSeedResult {
        line: ResultLine,
        schema: String,
        relation: String,
    },
    LogSnapshotResult {
        line: ResultLine,
        description: String,
        config: Map<String, Value>,
    },
    LogFreshnessResult {
        line: ResultLine,
        source_name: String,
        table_name: String,
    },
    LogFunctionResult {
        line: ResultLine,
        description: String,
    },
    LogNodeNoOpResult {
        line: ResultLine,
        description: String,
    },
    LogStartBatch(BatchLine),
    LogBatchResult {
        line: BatchLine,
        status: Status,
        message: String,
        seconds: f64,
    },
    LogStartOverload(BatchLine),
    LogOverloadResult {
        line: BatchLine,
        status: Status,
        seconds: f64,
    },
    LogHookStartLine(HookLine),
    LogHookEndLine {
        hook: HookLine,
        status: Status,
        seconds: f64,
    },
    SkippingDetails {
        node: NodeInfo,
        position: Position,
    },
    /// A node is skipped because an ephemeral model that it contains did not compile.
    LogSkipBecauseError {
        node: NodeInfo,
        position: Position,
        status: String,
    },
    LogCancelLine {
        connection: String,
    },

    // The end of a run.
    /// `1 view model, 2 data tests`.
    FinishedRunning {
        ran: String,
        seconds: f64,
    },
    EndRunResult(Arc<RunEnd>),
    EndOfRunSummary {
        errors: usize,
        warnings: usize,
        partial_successes: usize,
        interrupted: bool,
    },
    RunResultFailure(Arc<NodeResult>),
    RunResultWarning(Arc<NodeResult>),
    RunResultError {
        result: Arc<NodeResult>,
        /// `Debug` for skipped nodes that carry a message.
        level: Level,
    },
    RunResultErrorNoMessage(Arc<NodeResult>),
    RunResultWarningMessage(Arc<NodeResult>),
    SQLCompiledPath(Arc<NodeResult>),
    CheckNodeTestFailure(Arc<NodeResult>),
    StatsLine(Stats),

    // What macros and users' SQL say.
    JinjaLogInfo {
        message: String,
        node: Option<NodeInfo>,
    },
    JinjaLogDebug {
        message: String,
        node: Option<NodeInfo>,
    },
    JinjaLogWarning {
        message: String,
        node: Option<NodeInfo>,
    },
    /// `print(...)`, a line of `ls`: text for stdout as it is, also with `--quiet`.
    Print {
        text: String,
    },
    /// The preview of `show`, already laid out as text or JSON.
    ShowNode {
        node_name: String,
        text: String,
        json: bool,
        inline: bool,
    },
    /// What `compile` shows.
    CompiledNode {
        node_name: String,
        compiled: String,
        json: bool,
        inline: bool,
    },

    // The engine.
    SQLQuery {
        connection: String,
        sql: String,
        node: Option<NodeInfo>,
    },
    SQLQueryStatus {
        status: String,
        seconds: f64,
        query_id: String,
        node: Option<NodeInfo>,
    },
    AdapterDebug {
        message: String,
        node: Option<NodeInfo>,
    },

    // Problems.
    /// A warning or note of a stage; `name` is dbt's event name where dbt has one.
    Diagnostic {
        diagnostic: Arc<Diagnostic>,
        name: Option<&'static str>,
    },
    /// The invocation ends because of these (exit code 2).
    MainEncounteredError {
        diagnostics: Arc<Diagnostics>,
    },
    MainKeyboardInterrupt,
    Notice(Notice),
}

impl Event {
    /// A [`Notice`] without further data.
    pub fn notice(name: &'static str, level: Level, message: impl Into<String>) -> Event {
        Event::Notice(Notice { name, level, message: message.into(), data: Map::new(), node: None })
    }

    /// A [`Notice`] with fields for the JSON log's `data` (which gets the message as `msg` by itself).
    pub fn notice_with(name: &'static str, level: Level, message: impl Into<String>, data: Value) -> Event {
        let data = match data {
            Value::Object(fields) => fields,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        Event::Notice(Notice { name, level, message: message.into(), data, node: None })
    }

    pub fn print(text: impl Into<String>) -> Event {
        Event::Print { text: text.into() }
    }

    pub fn diagnostic(diagnostic: Diagnostic) -> Event {
        Event::Diagnostic { name: diagnostic.event(), diagnostic: Arc::new(diagnostic) }
    }

    /// dbt's name of the event (`info.name`).
    pub fn name(&self) -> &'static str {
        match self {
            Event::Diagnostic { diagnostic, name } => {
                name.unwrap_or(if diagnostic.severity == Severity::Note { "Note" } else { "ValidationWarning" })
            }
            Event::Notice(notice) => notice.name,
            Event::Print { .. } => "PrintEvent",
            Event::FinishedRunning { .. } => "FinishedRunningStats",
            Event::AdapterDebug { .. } => "AdapterEventDebug",
            other => other.variant_name(),
        }
    }

    /// dbt's code of the event (`info.code`), such as `Q012`.
    pub fn code(&self) -> &'static str {
        code_of(self.name()).unwrap_or("Z050")
    }

    pub fn level(&self) -> Level {
        match self {
            Event::MainReportArgs { .. }
            | Event::CommandCompleted { .. }
            | Event::ArtifactWritten { .. }
            | Event::NodeStart(_)
            | Event::NodeCompiling(_)
            | Event::NodeExecuting(_)
            | Event::NodeFinished(_)
            | Event::MarkSkippedChildren(_)
            | Event::EndRunResult(_)
            | Event::JinjaLogDebug { .. }
            | Event::SQLQuery { .. }
            | Event::SQLQueryStatus { .. }
            | Event::AdapterDebug { .. } => Level::Debug,
            Event::LogModelResult { line, .. }
            | Event::LogTestResult { line, .. }
            | Event::LogSeedResult { line, .. }
            | Event::LogSnapshotResult { line, .. }
            | Event::LogFreshnessResult { line, .. }
            | Event::LogFunctionResult { line, .. } => level_of(line.status),
            Event::LogBatchResult { status, .. } | Event::LogOverloadResult { status, .. } => level_of(*status),
            Event::RunResultWarning(_) | Event::RunResultWarningMessage(_) | Event::JinjaLogWarning { .. } => {
                Level::Warn
            }
            Event::RunResultFailure(_)
            | Event::RunResultErrorNoMessage(_)
            | Event::LogSkipBecauseError { .. }
            | Event::LogCancelLine { .. }
            | Event::MainEncounteredError { .. } => Level::Error,
            Event::RunResultError { level, .. } => *level,
            Event::Diagnostic { diagnostic, .. } => match diagnostic.severity {
                Severity::Note => Level::Info,
                Severity::Warning => Level::Warn,
                Severity::Error => Level::Error,
            },
            Event::Notice(notice) => notice.level,
            _ => Level::Info,
        }
    }

    /// The node that the event is about.
    pub fn node(&self) -> Option<&NodeInfo> {
        match self {
            Event::NodeStart(node) | Event::NodeCompiling(node) | Event::NodeExecuting(node) => Some(node),
            Event::NodeFinished(result)
            | Event::RunResultFailure(result)
            | Event::RunResultWarning(result)
            | Event::RunResultError { result, .. }
            | Event::RunResultErrorNoMessage(result)
            | Event::RunResultWarningMessage(result)
            | Event::SQLCompiledPath(result)
            | Event::CheckNodeTestFailure(result) => Some(&result.node),
            Event::LogStartLine { node, .. }
            | Event::SkippingDetails { node, .. }
            | Event::LogSkipBecauseError { node, .. } => Some(node),
            Event::LogModelResult { line, .. }
            | Event::LogTestResult { line, .. }
            | Event::LogSeedResult { line, .. }
            | Event::LogSnapshotResult { line, .. }
            | Event::LogFreshnessResult { line, .. }
            | Event::LogFunctionResult { line, .. }
            | Event::LogNodeNoOpResult { line, .. } => Some(&line.node),
            Event::LogStartBatch(line)
            | Event::LogBatchResult { line, .. }
            | Event::LogStartOverload(line)
            | Event::LogOverloadResult { line, .. } => Some(&line.node),
            Event::LogHookStartLine(hook) | Event::LogHookEndLine { hook, .. } => Some(&hook.node),
            Event::JinjaLogInfo { node, .. }
            | Event::JinjaLogDebug { node, .. }
            | Event::JinjaLogWarning { node, .. }
            | Event::SQLQuery { node, .. }
            | Event::SQLQueryStatus { node, .. }
            | Event::AdapterDebug { node, .. } => node.as_ref(),
            Event::Notice(notice) => notice.node.as_ref(),
            _ => None,
        }
    }

    fn variant_name(&self) -> &'static str {
        match self {
            Event::MainReportVersion { .. } => "MainReportVersion",
            Event::MainReportArgs { .. } => "MainReportArgs",
            Event::AdapterRegistered { .. } => "AdapterRegistered",
            Event::FoundStats { .. } => "FoundStats",
            Event::ConcurrencyLine { .. } => "ConcurrencyLine",
            Event::Formatting => "Formatting",
            Event::CommandCompleted { .. } => "CommandCompleted",
            Event::ArtifactWritten { .. } => "ArtifactWritten",
            Event::NodeStart(_) => "NodeStart",
            Event::NodeCompiling(_) => "NodeCompiling",
            Event::NodeExecuting(_) => "NodeExecuting",
            Event::NodeFinished(_) => "NodeFinished",
            Event::MarkSkippedChildren(_) => "MarkSkippedChildren",
            Event::LogStartLine { .. } => "LogStartLine",
            Event::LogModelResult { .. } => "LogModelResult",
            Event::LogTestResult { .. } => "LogTestResult",
            Event::LogSeedResult { .. } => "LogSeedResult",
            Event::LogSnapshotResult { .. } => "LogSnapshotResult",
            Event::LogFreshnessResult { .. } => "LogFreshnessResult",
            Event::LogFunctionResult { .. } => "LogFunctionResult",
            Event::LogNodeNoOpResult { .. } => "LogNodeNoOpResult",
            Event::LogStartBatch(_) => "LogStartBatch",
            Event::LogBatchResult { .. } => "LogBatchResult",
            Event::LogStartOverload(_) => "LogStartOverload",
            Event::LogOverloadResult { .. } => "LogOverloadResult",
            Event::LogHookStartLine(_) => "LogHookStartLine",
            Event::LogHookEndLine { .. } => "LogHookEndLine",
            Event::SkippingDetails { .. } => "SkippingDetails",
            Event::LogSkipBecauseError { .. } => "LogSkipBecauseError",
            Event::LogCancelLine { .. } => "LogCancelLine",
            Event::FinishedRunning { .. } => "FinishedRunningStats",
            Event::EndRunResult(_) => "EndRunResult",
            Event::EndOfRunSummary { .. } => "EndOfRunSummary",
            Event::RunResultFailure(_) => "RunResultFailure",
            Event::RunResultWarning(_) => "RunResultWarning",
            Event::RunResultError { .. } => "RunResultError",
            Event::RunResultErrorNoMessage(_) => "RunResultErrorNoMessage",
            Event::RunResultWarningMessage(_) => "RunResultWarningMessage",
            Event::SQLCompiledPath(_) => "SQLCompiledPath",
            Event::CheckNodeTestFailure(_) => "CheckNodeTestFailure",
            Event::StatsLine(_) => "StatsLine",
            Event::JinjaLogInfo { .. } => "JinjaLogInfo",
            Event::JinjaLogDebug { .. } => "JinjaLogDebug",
            Event::JinjaLogWarning { .. } => "JinjaLogWarning",
            Event::Print { .. } => "PrintEvent",
            Event::ShowNode { .. } => "ShowNode",
            Event::CompiledNode { .. } => "CompiledNode",
            Event::SQLQuery { .. } => "SQLQuery",
            Event::SQLQueryStatus { .. } => "SQLQueryStatus",
            Event::AdapterDebug { .. } => "AdapterEventDebug",
            Event::Diagnostic { .. } => "ValidationWarning",
            Event::MainEncounteredError { .. } => "MainEncounteredError",
            Event::MainKeyboardInterrupt => "MainKeyboardInterrupt",
            Event::Notice(_) => "Note",
        }
    }
}

fn level_of(status: Status) -> Level {
    match status {
        Status::Error | Status::Fail | Status::RuntimeError => Level::Error,
        Status::Warn => Level::Warn,
        _ => Level::Info,
    }
}

/// `1 view model, 2 data tests`: counts in the order of their names, as dbt's stat lines write them.
pub fn count_line<'a>(kinds: impl IntoIterator<Item = &'a str>) -> String {
    written(&counted(kinds))
}

/// The kinds of resources in the order in which dbt lists what it found.
const FOUND_ORDER: &[&str] = &[
    "model",
    "seed",
    "operation",
    "sql_operation",
    "snapshot",
    "analysis",
    "data_test",
    "source",
    "exposure",
    "metric",
    "macro",
    "group",
    "saved_query",
    "semantic_model",
    "unit_test",
];

/// `5 models, 1 seed, 4 data tests, 2 sources, 511 macros`: models first.
pub fn found_line<'a>(kinds: impl IntoIterator<Item = &'a str>) -> String {
    let mut counts = counted(kinds);
    let rank = |kind: &str| FOUND_ORDER.iter().position(|known| *known == kind).unwrap_or(FOUND_ORDER.len());
    counts.sort_by_key(|(kind, _)| rank(kind));
    written(&counts)
}

fn counted<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    counts.into_iter().collect()
}

fn written(counts: &[(&str, usize)]) -> String {
    let parts: Vec<String> = counts.iter().map(|(kind, count)| plural(*count, &kind.replace('_', " "))).collect();
    parts.join(", ")
}

/// `1 model`, `2 models`, `2 analyses`.
pub fn plural(count: usize, noun: &str) -> String {
    match (count, noun) {
        (1, noun) => format!("1 {noun}"),
        (count, noun) if noun.ends_with("analysis") => format!("{count} {}es", &noun[..noun.len() - 2]),
        (count, noun) if noun.ends_with('y') => format!("{count} {}ies", &noun[..noun.len() - 1]),
        (count, noun) => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_in_the_order_of_their_names() {
        let line = count_line(["view model", "data test", "view model", "saved_query", "saved_query", "analysis"]);
        assert_eq!(line, "1 analysis, 1 data test, 2 saved queries, 2 view models");
    }

    #[test]
    fn what_was_found_begins_with_models() {
        assert_eq!(
            found_line(["data_test", "macro", "model", "model", "unit_test"]),
            "2 models, 1 data test, 1 macro, 1 unit test"
        );
    }

    #[test]
    fn an_event_has_the_code_that_readers_of_the_json_log_know() {
        let check = |event: Event, name: &str, code: &str, level: Level| {
            assert_eq!((event.name(), event.code(), event.level()), (name, code, level));
        };
        check(Event::MainReportVersion { version: "1.11.0".into() }, "MainReportVersion", "A001", Level::Info);
        check(Event::print("x"), "PrintEvent", "Z052", Level::Info);
        check(Event::StatsLine(Stats::default()), "StatsLine", "Z023", Level::Info);
        check(Event::diagnostic(Diagnostic::warning("x")), "ValidationWarning", "I009", Level::Warn);
        check(
            Event::notice("NoNodesForSelectionCriteria", Level::Warn, "x"),
            "NoNodesForSelectionCriteria",
            "M030",
            Level::Warn,
        );
    }

    #[test]
    fn every_outcome_is_counted_once() {
        let mut stats = Stats::default();
        for status in [Status::Success, Status::Pass, Status::Warn, Status::Fail, Status::RuntimeError] {
            stats.count(status);
        }
        stats.count(Status::Skipped);
        stats.count(Status::NoOp);
        assert_eq!(stats, Stats { pass: 2, warn: 1, error: 2, skip: 1, noop: 1, total: 7 });
    }
}
