//! `freshness` and `source freshness`: how old the data of models and sources is.
//!
//! Source: docs.getdbt.com/reference/commands/source; docs_site/guide/freshness.md.

use std::collections::HashMap;
use std::path::Path;

use crate::artifact::{self, FreshnessOutcome, FreshnessResult, Measurement, Sources};
use crate::compile::runtime::Runtime;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::graph::{Blocking, NodeSet};
use crate::invocation::{ExitCode, Which};
use crate::manifest::Resource;
use crate::run::freshness::Subject;
use crate::run::microbatch::Batching;
use crate::run::outcome::Outcome;
use crate::run::{self, Request, Run, Task};

use super::Call;
use super::execute::{NOTHING_TO_DO, exit_code, run_end};
use super::prepare::{self, Prepared};

/// `source freshness`: `output` in place of `sources.json`.
///
/// # Errors
/// Everything that keeps sources from being looked at.
pub(super) fn sources(call: &Call, output: Option<&Path>) -> Result<ExitCode, Diagnostics> {
    if let Some(path) = output {
        let message = format!(
            "Custom output path usage `--output {}` usage detected in `dbt source freshness` command.",
            path.display()
        );
        call.warnings(Diagnostic::warning_of("CustomOutputPathInSourceFreshnessDeprecation", message).into())?;
    }
    let prepared = prepare::project(call)?;
    let selected = prepare::select(call, &prepared)?;
    measure(call, prepared, selected, |runtime, run| {
        let path = output.map_or_else(|| runtime.target_path.join(artifact::SOURCES), Path::to_owned);
        write(call, &path, measured(runtime, run, |resource| matches!(resource, Resource::Source(_))), run)
    })
}

/// `freshness`: models, seeds and snapshots that say how fresh they should be, and sources.
/// `freshness.json` has them all, `sources.json` the sources.
///
/// # Errors
/// Everything that keeps them from being looked at.
pub(super) fn all(call: &Call) -> Result<ExitCode, Diagnostics> {
    let prepared = prepare::project(call)?;
    let selected = prepare::select(call, &prepared)?;
    let graph = &prepared.graph;
    let settings = &prepared.files.own_settings;
    let concerned = graph.ids_of(&selected).filter(|id| match graph.manifest().resource(id) {
        Some(Resource::Node(node)) => {
            !node.is_ephemeral() && settings.rows_of(node).is_ok_and(|rows| rows.freshness.is_some())
        }
        Some(Resource::Source(_)) => true,
        _ => false,
    });
    let selected = graph.set_of(concerned.map(|id| &**id));
    measure(call, prepared, selected, |runtime, run| {
        let sources = measured(runtime, run, |resource| matches!(resource, Resource::Source(_)));
        if run.outcomes.iter().any(|outcome| outcome.id.starts_with("source.")) {
            write(call, &runtime.target_path.join(artifact::SOURCES), sources, run)?;
        }
        let all = run.outcomes.iter().filter_map(|outcome| {
            let subject = Subject::of(runtime, runtime.manifest().resource(&outcome.id)?)?;
            Some(result_of(outcome, &subject).unwrap_or_else(|| FreshnessResult {
                unique_id: outcome.id.clone(),
                status: outcome.result.status.as_str().to_owned(),
                outcome: FreshnessOutcome::Failed { error: outcome.result.message.clone() },
            }))
        });
        write(call, &runtime.target_path.join(artifact::FRESHNESS), all.collect(), run)
    })
}

fn measure(
    call: &Call,
    prepared: Prepared,
    selected: NodeSet,
    report: impl FnOnce(&Runtime, &Run) -> Result<(), Diagnostic>,
) -> Result<ExitCode, Diagnostics> {
    let invocation = &call.invocation;
    if selected.is_empty() {
        call.emit(Event::notice("NothingToDo", Level::Warn, NOTHING_TO_DO));
        call.emit(Event::notice("FreshnessCheckComplete", Level::Info, "Done."));
        return Ok(prepare::nothing_selected(call));
    }
    let runtime = prepared.runtime(invocation, HashMap::new());
    let is_dbts = invocation.which == Which::SourceFreshness;
    let request = Request {
        task: Task::Freshness,
        selected,
        blocking: Blocking::Nothing,
        embedded: None,
        hooks: is_dbts && invocation.flags.behaviour("source_freshness_run_project_hooks"),
        durations: HashMap::new(),
        batching: Batching::at(invocation.started_at),
    };
    let run = run::execute(&runtime, &request, &call.interrupt)?;
    if invocation.flags.write_json {
        report(&runtime, &run)?;
    }
    let end = run_end(&run, invocation.which);
    call.reporter.finished_running(&end);
    if let Some(problem) = run.failure {
        return Err(problem.into());
    }
    end.results
        .iter()
        .filter(|result| result.status.is_failure())
        .for_each(|result| call.reporter.result_block(result));
    call.emit(Event::notice("FreshnessCheckComplete", Level::Info, "Done."));
    Ok(exit_code(&end))
}

fn write(call: &Call, path: &Path, results: Vec<FreshnessResult>, run: &Run) -> Result<(), Diagnostic> {
    let artifact = Sources::new(&call.invocation, results, run.seconds);
    artifact::write_file(path, |file| serde_json::to_writer(file, &artifact).map_err(std::io::Error::from))
}

/// What could be measured; what could not is left out, as dbt leaves it out of `sources.json`.
fn measured(runtime: &Runtime, run: &Run, wanted: impl Fn(Resource<'_>) -> bool) -> Vec<FreshnessResult> {
    let results = run.outcomes.iter().filter_map(|outcome| {
        let resource = runtime.manifest().resource(&outcome.id).filter(|resource| wanted(*resource))?;
        result_of(outcome, &Subject::of(runtime, resource)?)
    });
    results.collect()
}

fn result_of(outcome: &Outcome, subject: &Subject) -> Option<FreshnessResult> {
    let measured = outcome.rest().measured.as_ref()?;
    let result = &outcome.result;
    let moment = |at: chrono::DateTime<chrono::Utc>| {
        let whole = at.timestamp_subsec_micros() == 0;
        let format = if whole { chrono::SecondsFormat::Secs } else { chrono::SecondsFormat::Micros };
        at.to_rfc3339_opts(format, false)
    };
    Some(FreshnessResult {
        unique_id: outcome.id.clone(),
        status: result.status.as_str().to_owned(),
        outcome: FreshnessOutcome::Measured(Box::new(Measurement {
            max_loaded_at: moment(measured.max_loaded_at),
            snapshotted_at: moment(measured.snapshotted_at),
            max_loaded_at_time_ago_in_s: measured.age(),
            criteria: subject.freshness.clone(),
            adapter_response: measured.adapter_response.clone(),
            timing: result.timing.iter().map(Into::into).collect(),
            thread_id: result.thread.clone(),
            execution_time: result.seconds,
        })),
    })
}
