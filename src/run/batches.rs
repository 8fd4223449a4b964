//! Builds a microbatch model batch by batch; a batch that fails does not stop the others.
//!
//! Source: docs.getdbt.com/docs/build/incremental-microbatch.

use std::sync::Arc;

use chrono::Utc;
use serde_json::{Value as Json, json};

use crate::adapter::RelationKind;
use crate::compile::Rendering;
use crate::compile::runtime::EventTime;
use crate::diagnostic::Diagnostic;
use crate::event::{BatchLine, Event, NodeInfo, Position, Status};
use crate::manifest::{Node, ResourceType};

use super::microbatch::{Batch, BatchSize, Window, batches, parse_time};
use super::node::{BatchContext, batch_report, compile, materialize, response};
use super::outcome::{BatchResults, Report, TimeSpan, message_of};
use super::{Left, relation_text};

/// Whether a node is built in batches.
pub fn is_microbatch(node: &Node) -> bool {
    node.resource_type == ResourceType::Model
        && node.config.materialized() == "incremental"
        && node.config.text("incremental_strategy") == Some("microbatch")
}

/// The batches to build, and those that an earlier run has built already.
#[derive(Debug)]
pub struct Batches {
    window: Window,
    wanted: Vec<Batch>,
    built: Vec<TimeSpan>,
}

/// Chooses a node's batches; of a node in `earlier`, those that failed in the run that is
/// retried (docs.getdbt.com/docs/build/incremental-microbatch#retry).
///
/// # Errors
/// Settings that are missing or wrong; located at the model.
pub fn plan(
    rendering: &Rendering<'_>,
    node: &Arc<Node>,
    earlier: Option<&BatchResults>,
) -> Result<Batches, Diagnostic> {
    let window = window(rendering, node)?;
    let Some(earlier) = earlier else {
        let wanted = batches(&window).map_err(|message| Diagnostic::error(message).at_opt(node.origin.code.clone()))?;
        return Ok(Batches { window, wanted, built: Vec::new() });
    };
    let wanted = earlier.failed.iter().map(|(start, end)| Batch { start: *start, end: *end }).collect();
    // The batches that were built made the table.
    Ok(Batches { window: Window { incremental: true, ..window }, wanted, built: earlier.successful.clone() })
}

/// What decides about the node's batches.
///
/// # Errors
/// Settings that are missing or wrong; located at the model.
fn window(rendering: &Rendering<'_>, node: &Arc<Node>) -> Result<Window, Diagnostic> {
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
    let flags = runtime.flags.event_time;
    Ok(Window {
        size,
        lookback: config.get("lookback").and_then(Json::as_i64).unwrap_or(1),
        begin,
        from: flags.and_then(|window| window.start),
        until: flags.and_then(|window| window.end),
        incremental: exists && !full_refresh,
        now: Utc::now(),
    })
}

/// Builds every batch in order.
///
/// A failed batch is part of the report.
pub fn build(
    rendering: &Rendering<'_>,
    node: &Arc<Node>,
    info: &NodeInfo,
    batches: Batches,
    left: &mut Left,
) -> Report {
    let Batches { window, wanted: batches, built } = batches;
    let mut results = BatchResults::default();
    let mut first_error = None;
    let mut fields = serde_json::Map::new();
    for (index, batch) in batches.iter().enumerate() {
        let position = Position { index: index + 1, total: batches.len() };
        let line = BatchLine {
            node: info.clone(),
            position,
            description: format!("batch {} of {}", window.size.label(batch.start), relation_text(node)),
        };
        rendering.runtime.emit(Event::LogStartBatch(line.clone()));
        let begun = std::time::Instant::now();
        // The first batch makes the table; from then on, it is added to.
        let incremental = window.incremental || !results.successful.is_empty();
        let done = one(rendering, node, *batch, &window, incremental, left);
        let seconds = begun.elapsed().as_secs_f64();
        let span = (batch.start, batch.end);
        let (status, message) = match done {
            Ok((text, more)) => {
                results.successful.push(span);
                fields = more;
                (Status::Success, text)
            }
            Err(diagnostic) => {
                let message = message_of(node, &diagnostic, rendering.worker.session.last_error().as_ref());
                rendering.worker.session.rollback();
                results.failed.push(span);
                first_error.get_or_insert(message.clone());
                (Status::Error, message)
            }
        };
        rendering.runtime.emit(Event::LogBatchResult { line, status, message, seconds });
        // Without the first batch there is no table to add the others to.
        if index == 0 && status == Status::Error && !window.incremental {
            results.failed.extend(batches[1..].iter().map(|batch| (batch.start, batch.end)));
            break;
        }
    }
    results.successful.splice(0..0, built);
    let mut report = batch_report(results);
    report.adapter_response = fields;
    match (first_error, report.status) {
        (Some(error), Status::Error) => report.message = Some(error),
        (Some(error), Status::PartialSuccess) => {
            let counts = report.message.take().unwrap_or_default();
            report.message = Some(format!("{counts}\n{error}"));
        }
        _ => {}
    }
    report
}

type Answer = (String, serde_json::Map<String, Json>);

fn one(
    rendering: &Rendering<'_>,
    node: &Arc<Node>,
    batch: Batch,
    window: &Window,
    incremental: bool,
    left: &mut Left,
) -> Result<Answer, Diagnostic> {
    let event_time = EventTime { start: Some(batch.start), end: Some(batch.end) };
    let mut own = Node::clone(node);
    let written = |time: chrono::DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S+00:00").to_string();
    own.config.set("__dbt_internal_microbatch_event_time_start", json!(written(batch.start)));
    own.config.set("__dbt_internal_microbatch_event_time_end", json!(written(batch.end)));
    if incremental {
        // Later batches of a full build must not begin from an empty table again.
        own.config.set("full_refresh", Json::Bool(false));
    }
    let own = Arc::new(own);
    let context = BatchContext { event_time, id: window.size.id(batch.start) };
    let ready = compile(rendering, &own, Some(&context))?;
    left.take(&ready);
    let made = materialize(rendering, &ready, Some(&context))?;
    left.build_path = made.build_path.clone();
    Ok(response(&made.main))
}
