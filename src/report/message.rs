//! The text of an event, in dbt's words: what stands after the time on a line.

use crate::diagnostic::{Diagnostic, Severity};
use crate::event::{BatchLine, Event, NodeInfo, NodeResult, Position, ResultLine, Status, plural};

/// How text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub colors: bool,
    /// The column at which the dots of a node's line end.
    pub width: usize,
    /// Only what was asked for: previews come without their heading.
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Color {
    Red,
    Green,
    Yellow,
    Blue,
    Dim,
}

impl Style {
    pub fn paint(self, color: Color, text: &str) -> String {
        let code = match color {
            Color::Red => "31",
            Color::Green => "32",
            Color::Yellow => "33",
            Color::Blue => "34",
            Color::Dim => "2",
        };
        if self.colors { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The message of an event; lines after the first stand without a time.
pub fn message(event: &Event, style: Style) -> String {
    match event {
        Event::MainReportVersion { version } => {
            format!("Running with dbt={version} (tform={})", crate::version())
        }
        Event::MainReportArgs { arguments } => {
            let shown: Vec<String> = arguments.iter().map(|(name, value)| format!("'{name}': '{value}'")).collect();
            format!("running tform with arguments {{{}}}", shown.join(", "))
        }
        Event::AdapterRegistered { adapter, version } => format!("Registered adapter: {adapter}={version}"),
        Event::FoundStats { found } => format!("Found {found}"),
        Event::ConcurrencyLine { threads, target, .. } => {
            format!("Concurrency: {threads} threads (target='{target}')")
        }
        Event::Formatting => String::new(),
        Event::CommandCompleted { command, success, seconds } => {
            let outcome = if *success { "succeeded" } else { "failed" };
            let now = chrono::Local::now().format("%H:%M:%S%.6f");
            format!("Command `{command}` {outcome} at {now} after {seconds:.2} seconds")
        }
        Event::ArtifactWritten { kind, path } => format!("Wrote artifact {kind} to {path}"),
        Event::NodeStart(node) => format!("Began running node {}", node.facts.unique_id),
        Event::NodeCompiling(node) => format!("Began compiling node {}", node.facts.unique_id),
        Event::NodeExecuting(node) => format!("Began executing node {}", node.facts.unique_id),
        Event::NodeFinished(result) => format!("Finished running node {}", result.node.facts.unique_id),
        Event::MarkSkippedChildren(result) => skipped_children(result),
        Event::JinjaLogInfo { message, .. }
        | Event::JinjaLogDebug { message, .. }
        | Event::JinjaLogWarning { message, .. }
        | Event::AdapterDebug { message, .. } => message.clone(),
        Event::Print { text } => text.clone(),
        Event::ShowNode { node_name, text, json, inline } => {
            headed(Heading { verb: "Previewing", inline: *inline, colon: "" }, node_name, text, *json || style.quiet)
        }
        Event::CompiledNode { node_name, compiled, json, inline } => {
            let heading = Heading { verb: "Compiled", inline: *inline, colon: " is" };
            headed(heading, node_name, compiled, *json || style.quiet)
        }
        Event::SQLQuery { connection, sql, .. } => format!("On {connection}: {sql}"),
        Event::SQLQueryStatus { status, seconds, .. } => format!("SQL status: {status} in {seconds:.3} seconds"),
        Event::Diagnostic { diagnostic, name } => diagnostic_message(diagnostic, *name, style),
        Event::MainEncounteredError { diagnostics } => {
            let head = match diagnostics.iter().count() {
                0 | 1 => "Encountered an error:".to_owned(),
                count => format!("Encountered {count} errors:"),
            };
            let shown: Vec<String> = diagnostics.iter().map(|diagnostic| rendered(diagnostic, style)).collect();
            let kind = diagnostics.iter().find_map(|diagnostic| diagnostic.kind());
            let kind = kind.map(|kind| format!("{kind}\n")).unwrap_or_default();
            format!("{}\n{kind}{}", style.paint(Color::Red, &head), shown.join("\n\n"))
        }
        Event::MainKeyboardInterrupt => "ctrl-c".to_owned(),
        Event::Notice(notice) => notice.message.clone(),
        other => node_line(other, style),
    }
}

/// The lines about nodes while they run.
fn node_line(event: &Event, style: Style) -> String {
    match event {
        Event::LogStartLine { position, description, .. } => {
            Line::new(format!("START {description}"), "RUN".to_owned()).at(*position).text(style)
        }
        Event::LogModelResult { line, description } => outcome(line, style, ["creating", "created", description]),
        Event::LogFunctionResult { line, description } => outcome(line, style, ["creating", "created", description]),
        Event::LogSeedResult { line, schema, relation } => {
            outcome(line, style, ["loading", "loaded", &format!("seed file {schema}.{relation}")])
        }
        Event::LogSnapshotResult { line, description, .. } => {
            outcome(line, style, ["snapshotting", "snapshotted", description])
        }
        Event::LogTestResult { line, name, failures, .. } => {
            let (word, color) = match line.status {
                Status::Pass | Status::Success => ("PASS".to_owned(), Color::Green),
                Status::Warn => (format!("WARN {failures}"), Color::Yellow),
                Status::Error => ("ERROR".to_owned(), Color::Red),
                _ => (format!("FAIL {failures}"), Color::Red),
            };
            finished(line, format!("{word} {name}"), style.paint(color, &word), style)
        }
        Event::LogFreshnessResult { line, source_name, table_name } => {
            let (word, color) = match line.status {
                Status::RuntimeError => ("ERROR", Color::Red),
                Status::Error | Status::Fail => ("ERROR STALE", Color::Red),
                Status::Warn => ("WARN", Color::Yellow),
                _ => ("PASS", Color::Green),
            };
            finished(line, format!("{word} freshness of {source_name}.{table_name}"), style.paint(color, word), style)
        }
        Event::LogNodeNoOpResult { line, description } => {
            finished(line, format!("NO-OP {description}"), style.paint(Color::Yellow, "NO-OP"), style)
        }
        Event::LogStartBatch(BatchLine { position, description, .. }) => {
            let line = Line::new(format!("START {description}"), "RUN".to_owned()).at(*position);
            format!("Batch {}", line.text(style))
        }
        Event::LogBatchResult { line, status, message, seconds } => {
            let (word, state, color) = match status {
                Status::Error => ("ERROR creating", "ERROR", Color::Red),
                Status::Skipped => ("SKIP", "SKIPPED", Color::Yellow),
                _ => ("OK created", message.as_str(), Color::Green),
            };
            let line = Line::new(format!("{word} {}", line.description), style.paint(color, state)).at(line.position);
            format!("Batch {}", line.after(*seconds).text(style))
        }
        Event::LogStartOverload(BatchLine { position, description, .. }) => {
            let line = Line::new(format!("START {description}"), "RUN".to_owned()).at(*position);
            format!("Overload {}", line.text(style))
        }
        Event::LogOverloadResult { line, status, seconds } => {
            let (word, color) = match status {
                Status::Error => ("ERROR creating", Color::Red),
                Status::Skipped => ("SKIP", Color::Yellow),
                _ => ("OK created", Color::Green),
            };
            let state = style.paint(color, &status.as_str().to_uppercase());
            let line = Line::new(format!("{word} {}", line.description), state).at(line.position);
            format!("Overload {}", line.after(*seconds).text(style))
        }
        Event::LogHookStartLine(hook) => {
            let line = Line::new(format!("START hook: {}", hook.statement), "RUN".to_owned());
            line.at(hook.position).cut().text(style)
        }
        Event::LogHookEndLine { hook, status, seconds } => {
            let (word, color) = match status {
                Status::Success | Status::Pass => ("OK", Color::Green),
                Status::Skipped => ("SKIP", Color::Yellow),
                _ => ("ERROR", Color::Red),
            };
            let line = Line::new(format!("{word} hook: {}", hook.statement), style.paint(color, word));
            line.at(hook.position).after(*seconds).cut().text(style)
        }
        Event::SkippingDetails { node, position } => {
            Line::new(skipped_name(node), style.paint(Color::Yellow, "SKIP")).at(*position).text(style)
        }
        Event::LogSkipBecauseError { node, position, status } => {
            let relation = &node.facts.relation;
            let what = format!(
                "SKIP relation {}.{} due to ephemeral model status '{status}'",
                relation.schema, relation.alias
            );
            Line::new(what, style.paint(Color::Red, "ERROR SKIP")).at(*position).text(style)
        }
        Event::LogCancelLine { connection } => {
            Line::new(format!("CANCEL query {connection}"), style.paint(Color::Red, "CANCEL")).text(style)
        }
        other => summary_line(other, style),
    }
}

/// The lines at the end of a run.
fn summary_line(event: &Event, style: Style) -> String {
    match event {
        Event::FinishedRunning { ran, seconds } => {
            format!("Finished running {ran}{} ({seconds:.2}s).", in_words(*seconds))
        }
        Event::EndRunResult(_) => "Command end result".to_owned(),
        Event::EndOfRunSummary { errors, warnings, partial_successes, interrupted } => {
            let warned = plural(*warnings, "warning");
            let partly = match partial_successes {
                1 => "1 partial success".to_owned(),
                count => format!("{count} partial successes"),
            };
            if *interrupted {
                style.paint(Color::Yellow, "Exited because of keyboard interrupt")
            } else if *errors > 0 {
                let failed = plural(*errors, "error");
                style.paint(Color::Red, &format!("Completed with {failed}, {partly}, and {warned}:"))
            } else if *partial_successes > 0 {
                style.paint(Color::Yellow, &format!("Completed with {partly} and {warned}"))
            } else if *warnings > 0 {
                style.paint(Color::Yellow, &format!("Completed with {warned}:"))
            } else {
                style.paint(Color::Green, "Completed successfully")
            }
        }
        Event::RunResultFailure(result) => style.paint(Color::Red, &titled("Failure", result)),
        Event::RunResultWarning(result) => style.paint(Color::Yellow, &titled("Warning", result)),
        Event::RunResultError { result, .. } => format!("  {}", result.message.as_deref().unwrap_or("")),
        Event::RunResultErrorNoMessage(result) => format!("  Status: {}", result.status.as_str()),
        Event::RunResultWarningMessage(result) => result.message.clone().unwrap_or_default(),
        Event::SQLCompiledPath(result) => {
            format!("  compiled code at {}", result.compiled_path.as_deref().unwrap_or(""))
        }
        Event::CheckNodeTestFailure(result) => {
            let query = format!("select * from {}", result.stored_failures.as_deref().unwrap_or(""));
            let border = "-".repeat(query.len());
            format!("  See test failures:\n  {border}\n  {query}\n  {border}")
        }
        Event::StatsLine(stats) => format!(
            "Done. PASS={} WARN={} ERROR={} SKIP={} NO-OP={} TOTAL={}",
            stats.pass, stats.warn, stats.error, stats.skip, stats.noop, stats.total
        ),
        _ => String::new(),
    }
}

/// A diagnostic as it stands in an error's block, coloured.
pub fn rendered(diagnostic: &Diagnostic, style: Style) -> String {
    let plain = diagnostic.to_string();
    if !style.colors {
        return plain;
    }
    let mut lines = Vec::new();
    for (index, line) in plain.lines().enumerate() {
        lines.push(colored_line(line, index == 0, style));
    }
    lines.join("\n")
}

fn colored_line(line: &str, first: bool, style: Style) -> String {
    if first && let Some((label, rest)) = line.split_once(": ") {
        let color = match label {
            "error" => Color::Red,
            "warning" => Color::Yellow,
            _ => Color::Blue,
        };
        return format!("{}: {rest}", style.paint(color, label));
    }
    let text = line.trim_start();
    let lead = &line[..line.len() - text.len()];
    if let Some(rest) = text.strip_prefix("-->") {
        return format!("{lead}{}{rest}", style.paint(Color::Blue, "-->"));
    }
    for label in ["= note:", "= help:"] {
        if let Some(rest) = text.strip_prefix(label) {
            return format!("{lead}{}{rest}", style.paint(Color::Blue, label));
        }
    }
    match text.split_once('|') {
        Some((gutter, rest)) if gutter.trim().chars().all(|c| c.is_ascii_digit()) => {
            let marks = !rest.trim().is_empty() && rest.trim().chars().all(|c| c == '^');
            let rest = if marks { style.paint(Color::Red, rest) } else { rest.to_owned() };
            format!("{lead}{}{rest}", style.paint(Color::Blue, &format!("{gutter}|")))
        }
        _ => line.to_owned(),
    }
}

fn diagnostic_message(diagnostic: &Diagnostic, name: Option<&str>, style: Style) -> String {
    let shown = rendered(diagnostic, style);
    let tag = match diagnostic.severity {
        Severity::Note => return shown.split_once(": ").map_or(shown.clone(), |(_, rest)| rest.to_owned()),
        Severity::Warning => format!("[{}]", style.paint(Color::Yellow, "WARNING")),
        Severity::Error => format!("[{}]", style.paint(Color::Red, "ERROR")),
    };
    let name = name.filter(|name| name.contains("Deprecation")).map(|name| format!("[{name}]")).unwrap_or_default();
    format!("{tag}{name}: {}", shown.split_once(": ").map_or(shown.as_str(), |(_, rest)| rest))
}

struct Heading<'a> {
    verb: &'a str,
    inline: bool,
    colon: &'a str,
}

fn headed(heading: Heading, name: &str, text: &str, bare: bool) -> String {
    let Heading { verb, inline, colon } = heading;
    match (bare, inline) {
        (true, _) => text.to_owned(),
        (false, true) => format!("{verb} inline node{colon}:\n{text}"),
        (false, false) => format!("{verb} node '{name}'{colon}:\n{text}"),
    }
}

fn skipped_children(result: &NodeResult) -> String {
    let (id, status) = (&result.node.facts.unique_id, result.status.as_str());
    let reason = result.message.as_deref().map(|message| format!(" Reason: {message}.")).unwrap_or_default();
    format!("Marking all children of '{id}' to be skipped because of status '{status}'. {reason}")
}

fn skipped_name(node: &NodeInfo) -> String {
    let facts = &node.facts;
    match facts.resource_type.as_str() {
        "model" | "seed" | "snapshot" => format!("SKIP relation {}.{}", facts.relation.schema, facts.name),
        kind => format!("SKIP {kind} {}", facts.name),
    }
}

fn titled(word: &str, result: &NodeResult) -> String {
    let facts = &result.node.facts;
    format!("{word} in {} {} ({})", facts.resource_type, facts.name, facts.original_file_path)
}

/// ` in 0 hours 1 minutes and 2.50 seconds`, as dbt says it.
fn in_words(seconds: f64) -> String {
    let hours = (seconds / 3600.0).floor();
    let minutes = ((seconds - hours * 3600.0) / 60.0).floor();
    let rest = seconds - hours * 3600.0 - minutes * 60.0;
    format!(" in {hours:.0} hours {minutes:.0} minutes and {rest:.2} seconds")
}

/// `OK created X ... [OK in 0.05s]` and its failing form; `words` are doing, done, what.
fn outcome(line: &ResultLine, style: Style, words: [&str; 3]) -> String {
    let [doing, done, what] = words;
    match line.status {
        Status::Error | Status::Fail | Status::RuntimeError => {
            finished(line, format!("ERROR {doing} {what}"), style.paint(Color::Red, "ERROR"), style)
        }
        Status::PartialSuccess => {
            // `PARTIAL SUCCESS (1/2)`, and the first error below it, which has its block at the end.
            let counts = line.message.lines().next().unwrap_or_default().to_uppercase();
            let state = style.paint(Color::Yellow, &counts);
            finished(line, format!("PARTIALLY {done} {what}"), state, style)
        }
        Status::Skipped => finished(line, format!("SKIP {what}"), style.paint(Color::Yellow, "SKIP"), style),
        _ => finished(line, format!("OK {done} {what}"), style.paint(Color::Green, &line.message), style),
    }
}

fn finished(line: &ResultLine, what: String, state: String, style: Style) -> String {
    Line::new(what, state).at(line.position).after(line.seconds).text(style)
}

/// A line with dots between what it says and its state in brackets.
struct Line {
    what: String,
    state: String,
    position: Option<Position>,
    seconds: Option<f64>,
    cut: bool,
}

impl Line {
    fn new(what: String, state: String) -> Self {
        Line { what, state, position: None, seconds: None, cut: false }
    }

    fn at(self, position: Position) -> Self {
        Line { position: Some(position), ..self }
    }

    fn after(self, seconds: f64) -> Self {
        Line { seconds: Some(seconds), ..self }
    }

    /// A text longer than the line is cut.
    fn cut(self) -> Self {
        Line { cut: true, ..self }
    }

    fn text(&self, style: Style) -> String {
        let progress =
            self.position.map(|Position { index, total }| format!("{index} of {total} ")).unwrap_or_default();
        let mut text = format!("{progress}{} ", self.what);
        let length = unicode_width::UnicodeWidthStr::width(text.as_str());
        text.extend(std::iter::repeat_n('.', style.width.saturating_sub(length)));
        if self.cut && length > style.width.saturating_sub(3) {
            text = text.chars().take(style.width.saturating_sub(3)).collect::<String>() + "...";
        }
        let seconds = self.seconds.map(|seconds| format!(" in {seconds:.2}s")).unwrap_or_default();
        format!("{text} [{}{seconds}]", self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{HookLine, NodeFacts, RelationFacts, Stats};
    use std::sync::Arc;

    const PLAIN: Style = Style { colors: false, width: 80, quiet: false };

    fn node(name: &str, kind: &str) -> NodeInfo {
        NodeInfo::waiting(&Arc::new(NodeFacts {
            unique_id: format!("{kind}.test.{name}"),
            name: name.into(),
            original_file_path: format!("models/{name}.sql"),
            resource_type: kind.into(),
            relation: RelationFacts { schema: "main".into(), alias: name.into(), ..RelationFacts::default() },
            ..NodeFacts::default()
        }))
    }

    fn line(status: Status, message: &str) -> ResultLine {
        let position = Position { index: 1, total: 11 };
        ResultLine { node: node("a", "model"), position, status, message: message.into(), seconds: 0.114, group: None }
    }

    #[test]
    fn lines_of_nodes_are_those_that_callers_parse() {
        let description = || "sql view model main.a".to_owned();
        let events = [
            Event::LogStartLine {
                node: node("a", "model"),
                position: Position { index: 1, total: 11 },
                description: description(),
            },
            Event::LogModelResult { line: line(Status::Success, "OK"), description: description() },
            Event::LogModelResult { line: line(Status::Error, "OK"), description: description() },
            Event::LogTestResult {
                line: line(Status::Fail, ""),
                name: "unique_a_id".into(),
                failures: 2,
                attached_node: None,
            },
            Event::LogSeedResult {
                line: line(Status::Success, "INSERT 1"),
                schema: "main".into(),
                relation: "s".into(),
            },
            Event::LogFreshnessResult {
                line: line(Status::Warn, ""),
                source_name: "src".into(),
                table_name: "t".into(),
            },
            Event::SkippingDetails { node: node("b", "model"), position: Position { index: 8, total: 11 } },
            Event::SkippingDetails { node: node("t", "test"), position: Position { index: 9, total: 11 } },
        ];
        let shown: Vec<String> = events.iter().map(|event| message(event, PLAIN)).collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        1 of 11 START sql view model main.a ............................................ [RUN]
        1 of 11 OK created sql view model main.a ....................................... [OK in 0.11s]
        1 of 11 ERROR creating sql view model main.a ................................... [ERROR in 0.11s]
        1 of 11 FAIL 2 unique_a_id ..................................................... [FAIL 2 in 0.11s]
        1 of 11 OK loaded seed file main.s ............................................. [INSERT 1 in 0.11s]
        1 of 11 WARN freshness of src.t ................................................ [WARN in 0.11s]
        8 of 11 SKIP relation main.b ................................................... [SKIP]
        9 of 11 SKIP test t ............................................................ [SKIP]
        ");
    }

    #[test]
    fn a_long_hook_is_cut_and_a_long_model_is_not() {
        let name = "x".repeat(100);
        let hook = Event::LogHookStartLine(HookLine {
            node: node("h", "operation"),
            position: Position { index: 1, total: 1 },
            statement: name.clone(),
        });
        assert!(message(&hook, PLAIN).ends_with("... [RUN]"));
        assert_eq!(message(&hook, PLAIN).len(), 80 + " [RUN]".len());
        let model = Event::LogModelResult { line: line(Status::Success, "OK"), description: name.clone() };
        assert!(message(&model, PLAIN).contains(&format!("{name}  [OK")));
    }

    #[test]
    fn the_summary_says_how_it_ended() {
        let summary = |errors, warnings, partial_successes, interrupted| {
            message(&Event::EndOfRunSummary { errors, warnings, partial_successes, interrupted }, PLAIN)
        };
        assert_eq!(summary(0, 0, 0, false), "Completed successfully");
        assert_eq!(summary(1, 0, 0, false), "Completed with 1 error, 0 partial successes, and 0 warnings:");
        assert_eq!(summary(0, 2, 0, false), "Completed with 2 warnings:");
        assert_eq!(summary(0, 1, 1, false), "Completed with 1 partial success and 1 warning");
        assert_eq!(summary(0, 0, 0, true), "Exited because of keyboard interrupt");
        let ran = Event::FinishedRunning { ran: "1 view model, 2 data tests".into(), seconds: 3725.5 };
        assert_eq!(
            message(&ran, PLAIN),
            "Finished running 1 view model, 2 data tests in 1 hours 2 minutes and 5.50 seconds (3725.50s)."
        );
        let stats = Stats { pass: 5, warn: 1, error: 1, skip: 4, noop: 1, total: 12 };
        assert_eq!(message(&Event::StatsLine(stats), PLAIN), "Done. PASS=5 WARN=1 ERROR=1 SKIP=4 NO-OP=1 TOTAL=12");
    }

    #[test]
    fn colours_stand_only_where_they_are_wanted() {
        let event = Event::LogModelResult { line: line(Status::Success, "OK"), description: "m".into() };
        let colored = message(&event, Style { colors: true, ..PLAIN });
        assert!(colored.ends_with("[\x1b[32mOK\x1b[0m in 0.11s]"), "{colored}");
        let file = crate::diagnostic::SourceFile::new("a.sql", "select x");
        let diagnostic = Diagnostic::error("no").at(crate::diagnostic::Span::new(&file, 7, 8)).note("n").hint("h");
        let colored = rendered(&diagnostic, Style { colors: true, ..PLAIN });
        let plain = colored.replace("\x1b[31m", "").replace("\x1b[34m", "").replace("\x1b[0m", "");
        assert_ne!(colored, plain);
        assert_eq!(plain, diagnostic.to_string());
    }
}
