//! Builds a microbatch model batch by batch; a batch that fails does not stop the others, unless it is the first.
//!
//! Source: docs.getdbt.com/docs/build/incremental-microbatch.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::adapter::RelationKind;
use crate::compile::Rendering;
use crate::compile::host::BatchContext;
use crate::compile::runtime::EventTime;
use crate::diagnostic::Diagnostic;
use crate::event::{BatchLine, Event, Level, NodeInfo, Notice, Position, Status};
use crate::manifest::Node;

use super::microbatch::{Batch, BatchSize, Batching, Window, batches, parse_time};
use super::node::{batch_report, compile, materialize, response};
use super::outcome::{BatchResults, Report, message_of};
use super::{Left, relation_text};

/// What decides about the node's batches.
///
/// # Errors
/// Settings that are missing or wrong; located at the model.
pub fn window(rendering: &Rendering<'_>, node: &Arc<Node>, batching: &Batching) -> Result<Window, Diagnostic> {
    let failed = |message: String| {
        Diagnostic::error(message)
            .at_opt(node.origin.code.clone())
            .hint("see docs.getdbt.com/docs/build/incremental-microbatch")
    };
    let config = &node.config;
    let Some(_) = config.text("event_time") else {
        return Err(failed("a microbatch model needs the setting `event_time`".to_owned()));
    };
    let size = config
        .text("batch_size")
        .ok_or_else(|| failed("a microbatch model needs the setting `batch_size`".to_owned()))?;
    let size = BatchSize::parse(size)
        .ok_or_else(|| failed(format!("`batch_size` is `{size}`, not `hour`, `day`, `month` or `year`")))?;
    let begin = match config.text("begin") {
        Some(text) => {
            Some(parse_time(text).ok_or_else(|| failed(format!("`begin` is `{text}`, which is not a date")))?)
        }
        None => None,
    };
    let runtime = rendering.runtime;
    let found = runtime.warehouse.cache().find(&runtime.relation_of(node).path);
    let found = found.map_err(Diagnostic::from)?;
    let exists = found.is_some_and(|relation| relation.kind == Some(RelationKind::Table));
    let full_refresh = config.flag("full_refresh").unwrap_or(runtime.flags.full_refresh);
    // A retry of what succeeded in part must not begin from an empty table.
    let full_refresh = full_refresh && !batching.previous.contains_key(&node.unique_id);
    let flags = runtime.flags.sample.or(runtime.flags.event_time);
    Ok(Window {
        size,
        lookback: config.get("lookback").and_then(Json::as_i64).unwrap_or(1),
        begin,
        from: flags.and_then(|window| window.start),
        until: flags.and_then(|window| window.end),
        incremental: exists && !full_refresh,
        now: batching.now,
    })
}

/// Builds every batch in order, the failed ones of an earlier invocation if there are any. Where the
/// first fails, the others are skipped.
///
/// # Errors
/// When the batches cannot be computed; a failed batch is part of the report.
pub fn build(
    rendering: &Rendering<'_>,
    node: &Arc<Node>,
    info: &NodeInfo,
    (window, previous): (Window, Option<&BatchResults>),
    left: &mut Left,
) -> Result<Report, Diagnostic> {
    let batches = match previous {
        Some(previous) => previous.failed.iter().map(|(start, end)| Batch { start: *start, end: *end }).collect(),
        None => batches(&window).map_err(|message| Diagnostic::error(message).at_opt(node.origin.code.clone()))?,
    };
    let mut results = BatchResults::default();
    let mut first_error = None;
    let mut skips = false;
    let mut fields = serde_json::Map::new();
    for (index, batch) in batches.iter().enumerate() {
        let position = Position { index: index + 1, total: batches.len() };
        let description = format!("batch {} of {}", window.size.label(batch.start), relation_text(node));
        let line = BatchLine { node: info.clone(), position, description };
        let span = (batch.start, batch.end);
        if skips {
            results.failed.push(span);
            let (status, message) = (Status::Skipped, "SKIPPED".to_owned());
            rendering.runtime.emit(Event::LogBatchResult { line, status, message, seconds: 0.0 });
            continue;
        }
        rendering.runtime.emit(Event::LogStartBatch(line.clone()));
        // What an earlier batch failed by is not what this one may fail by.
        rendering.worker.session.forget_error();
        let begun = std::time::Instant::now();
        // The first batch makes the table; from then on, it is added to.
        let incremental = window.incremental || !results.successful.is_empty();
        let mut own = Left::default();
        let done = one(rendering, &part(node, position), *batch, (&window, incremental), &mut own);
        if first_error.is_none() {
            // What people are shown is the first batch that failed, or else the last.
            *left = own;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (status, message) = match done {
            Ok((text, more)) => {
                results.successful.push(span);
                fields = more;
                (Status::Success, text)
            }
            Err(failure) => {
                let message = message_of(node, &failure.problem, rendering.worker.session.last_error().as_ref());
                rendering.worker.session.rollback();
                if failure.executed {
                    rendering.runtime.emit(unhandled(node, info, &message));
                }
                results.failed.push(span);
                first_error.get_or_insert(message.clone());
                (Status::Error, message)
            }
        };
        skips |= index == 0 && status == Status::Error;
        rendering.runtime.emit(Event::LogBatchResult { line, status, message, seconds });
    }
    let mut report = batch_report(results, previous);
    report.adapter_response = fields;
    if report.status == Status::Success {
        super::pointer::make(rendering, node)?;
    }
    match (first_error, report.status) {
        (Some(error), Status::Error) => report.message = Some(error),
        (Some(error), Status::PartialSuccess) => {
            let counts = report.message.take().unwrap_or_default();
            report.message = Some(format!("{counts}\n{error}"));
        }
        _ => {}
    }
    Ok(report)
}

/// The node as one of its batches sees it: hooks run once, before the first batch and after the last.
fn part(node: &Node, position: Position) -> Node {
    let mut own = node.clone();
    if position.index > 1 {
        own.config.set("pre-hook", json!([]));
    }
    if position.index < position.total {
        own.config.set("post-hook", json!([]));
    }
    own
}

/// What is told of a batch that failed while it was built, beside its line.
fn unhandled(node: &Node, info: &NodeInfo, message: &str) -> Event {
    let problem = format!("Exception on worker thread. {message}");
    let data = json!({"unique_id": node.unique_id, "exc": problem});
    Event::Notice(Notice {
        name: "GenericExceptionOnRun",
        level: Level::Error,
        message: format!("Unhandled error while executing {}\n{problem}", node.unique_id),
        data: data.as_object().cloned().unwrap_or_default(),
        node: Some(info.clone()),
    })
}

type Answer = (String, serde_json::Map<String, Json>);

/// Why a batch was not built.
struct Failure {
    problem: Diagnostic,
    /// Whether its SQL was known and being run.
    executed: bool,
}

fn one(
    rendering: &Rendering<'_>,
    node: &Node,
    batch: Batch,
    (window, incremental): (&Window, bool),
    left: &mut Left,
) -> Result<Answer, Failure> {
    let event_time = EventTime { start: Some(batch.start), end: Some(batch.end) };
    let mut own = node.clone();
    let written = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%d %H:%M:%S+00:00").to_string();
    own.config.set("__dbt_internal_microbatch_event_time_start", json!(written(batch.start)));
    own.config.set("__dbt_internal_microbatch_event_time_end", json!(written(batch.end)));
    if incremental {
        // Later batches of a full build must not begin from an empty table again.
        own.config.set("full_refresh", Json::Bool(false));
    }
    let own = Arc::new(own);
    let (id, label) = (window.size.id(batch.start), window.size.label(batch.start));
    let context = BatchContext { event_time, id, label };
    let ready = compile(rendering, &own, Some(&context)).map_err(|problem| Failure { problem, executed: false })?;
    left.take(&ready);
    let made = materialize(rendering, &ready, Some(&context)).map_err(|problem| Failure { problem, executed: true })?;
    left.build_path = made.build_path.clone();
    Ok(response(&made.main))
}
