//! Microbatch models: what must be set, and what makes a build of batches go wrong.
//!
//! Source: docs.getdbt.com/docs/build/incremental-microbatch.

use rayon::prelude::*;
use serde_json::Value;

use super::check::place;
use super::workspace::Workspace;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::plural;
use crate::manifest::{Manifest, Node, ResourceType};

/// The macro that writes a batch's SQL; a project may have its own.
const STRATEGY: &str = "get_incremental_microbatch_sql";

/// The behaviour by which a project's own macro is called for each batch.
pub const REQUIRED: &str = "require_batched_execution_for_custom_microbatch_strategy";

/// Whether a node is configured to be built in batches.
pub fn is_microbatch(node: &Node) -> bool {
    // What rules nearly all out comes first.
    node.config.is_set("incremental_strategy")
        && node.resource_type == ResourceType::Model
        && node.config.materialized() == "incremental"
        && node.config.text("incremental_strategy") == Some("microbatch")
}

/// All of them, in their order.
fn models(manifest: &Manifest) -> Vec<&Node> {
    let nodes: Vec<&Node> = manifest.nodes.values().map(AsRef::as_ref).collect();
    nodes.into_par_iter().filter(|node| is_microbatch(node)).collect()
}

/// Whether microbatch models are built batch by batch: not where the project or a package has its own
/// macro for them, and [`REQUIRED`] is off (`required`).
///
/// `internal` are the packages that tform brings.
pub fn in_batches(manifest: &Manifest, required: bool, internal: &[String]) -> bool {
    required || !manifest.macros.values().any(|one| one.name == STRATEGY && !internal.contains(&one.package_name))
}

/// Checks each microbatch model, as far as it is built in batches.
pub(super) fn check(workspace: &Workspace<'_>, manifest: &Manifest, problems: &mut Diagnostics) {
    let models = models(manifest);
    let Some(first) = models.first() else { return };
    let inputs = workspace.inputs;
    let internal: Vec<String> = inputs.files.builtin.iter().map(|package| package.name.to_owned()).collect();
    if !in_batches(manifest, inputs.settings.custom_batches, &internal) {
        let text = "The use of a custom microbatch macro outside of batched execution is deprecated. To use it with \
                    batched execution, set `flags.require_batched_execution_for_custom_microbatch_strategy` to `True` \
                    in `dbt_project.yml`. In the future this will be the default behavior.";
        let warning = Diagnostic::warning_of("MicrobatchMacroOutsideOfBatchesDeprecation", text);
        problems.push(warning.at_opt(place(first)));
        return;
    }
    problems.extend(models.iter().filter_map(|node| settings(node)));
    let concurrent = |node: &&&Node| {
        node.config.flag("concurrent_batches") == Some(true) && !inputs.capabilities.microbatch_concurrency
    };
    let forced: Vec<&&Node> = models.iter().filter(concurrent).collect();
    if let Some(first) = forced.first() {
        let adapter = inputs.capabilities.adapter;
        let text = format!(
            "Found {} with the `concurrent_batches` config set to true, but the {adapter} adapter does not support \
             running batches concurrently. Batches will be run sequentially.",
            plural(forced.len(), "microbatch model")
        );
        let warning = Diagnostic::warning_of("InvalidConcurrentBatchesConfig", text).at_opt(place(first));
        problems.push(warning.fact("num_models", forced.len().to_string()).fact("adapter_type", adapter));
    }
}

/// Writes each `begin` as the moment that it names, as dbt does once it has checked it.
pub(super) fn write_moments(manifest: &mut Manifest) {
    for node in manifest.nodes.values_mut().filter(|node| is_microbatch(node)) {
        let moment = node.config.text("begin").and_then(moment);
        if let Some(moment) = moment.filter(|moment| node.config.text("begin") != Some(moment)) {
            std::sync::Arc::make_mut(node).config.set("begin", Value::String(moment));
        }
    }
}

/// Warnings about microbatch models of which no input has an `event_time`: each batch reads every row.
///
/// Inputs are known once references are resolved.
pub fn unfiltered(manifest: &Manifest) -> Diagnostics {
    let mut warnings = Diagnostics::new();
    let has_time = |id: &crate::resource::UniqueId| {
        manifest
            .resource(id)
            .is_some_and(|input| input.config().text("event_time").is_some_and(|name| !name.is_empty()))
    };
    for node in models(manifest).into_iter().filter(|node| !node.parents().iter().any(has_time)) {
        let name = &node.name;
        let text = format!(
            "The microbatch model '{name}' has no 'ref' or 'source' input with an 'event_time' configuration. \nThis means \
             no filtering can be applied and can result in unexpected duplicate records in the resulting microbatch model."
        );
        let warning = Diagnostic::warning_of("MicrobatchModelNoEventTimeInputs", text).at_opt(place(node));
        warnings.push(warning.fact("model_name", name));
    }
    warnings
}

/// What is wrong in the settings of one model.
fn settings(node: &Node) -> Option<Diagnostic> {
    let (name, config) = (&node.name, &node.config);
    let value = |key: &str| config.get(key).filter(|value| !value.is_null());
    let kind = |value: &Value| match value {
        Value::Bool(_) => "<class 'bool'>",
        Value::Number(number) if number.is_f64() => "<class 'float'>",
        Value::Number(_) => "<class 'int'>",
        Value::String(_) => "<class 'str'>",
        Value::Array(_) => "<class 'list'>",
        _ => "<class 'dict'>",
    };
    let message = match (value("event_time"), value("begin"), value("batch_size")) {
        (None, _, _) => format!(
            "Microbatch model '{name}' must provide an 'event_time' (string) config that indicates the name of the \
             event time column."
        ),
        (Some(given), _, _) if !given.is_string() => format!(
            "Microbatch model '{name}' must provide an 'event_time' config of type string, but got: {}.",
            kind(given)
        ),
        (_, None, _) => format!(
            "Microbatch model '{name}' must provide a 'begin' (datetime) config that indicates the earliest timestamp \
             the microbatch model should be built from."
        ),
        (_, Some(Value::String(begin)), _) if !is_moment(begin) => format!(
            "Microbatch model '{name}' must provide a 'begin' config of valid datetime (ISO format), but got: {begin}."
        ),
        (_, Some(begin), _) if !begin.is_string() => {
            format!(
                "Microbatch model '{name}' must provide a 'begin' config of type datetime, but got: {}.",
                kind(begin)
            )
        }
        (_, _, size) if !size.and_then(Value::as_str).is_some_and(|size| BATCH_SIZES.contains(&size)) => format!(
            "Microbatch model '{name}' must provide a 'batch_size' config that is one of ['hour', 'day', 'month', \
             'year'], but got: {}.",
            size.map_or_else(|| "None".to_owned(), super::python::text)
        ),
        _ => match (value("lookback"), value("concurrent_batches")) {
            (Some(lookback), _) if !lookback.is_i64() && !lookback.is_u64() => format!(
                "Microbatch model '{name}' must provide the optional 'lookback' config as type int, but got: {}).",
                kind(lookback)
            ),
            (_, Some(concurrent)) if !concurrent.is_boolean() => format!(
                "Microbatch model '{name}' optional 'concurrent_batches' config must be of type `bool` if specified, \
                 but got: {}).",
                kind(concurrent)
            ),
            _ => return None,
        },
    };
    Some(Diagnostic::error(message).at_opt(place(node)))
}

const BATCH_SIZES: [&str; 4] = ["hour", "day", "month", "year"];

fn is_moment(text: &str) -> bool {
    moment(text).is_some()
}

/// A date or a time as Python's `isoformat` writes it.
fn moment(text: &str) -> Option<String> {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
    let spaced = text.replacen(' ', "T", 1);
    let written = |time: NaiveDateTime| match time.nanosecond() / 1000 {
        0 => time.format("%Y-%m-%dT%H:%M:%S").to_string(),
        _ => time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
    };
    if let Ok(time) = DateTime::parse_from_rfc3339(&spaced) {
        return Some(format!("{}{}", written(time.naive_local()), time.format("%:z")));
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(written(date.and_time(NaiveTime::MIN)));
    }
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&spaced, form).ok()).map(written)
}
