//! The commands that run nodes: `run`, `test`, `build`, `seed`, `snapshot`, `compile`,
//! `clone`, `retry`.
//!
//! Source: docs.getdbt.com/reference/dbt-commands.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use minijinja::Value;

use crate::artifact::{self, BatchResults, RunResult, RunResults};
use crate::compile::runtime::Runtime;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level, NodeResult, RunEnd, Status};
use crate::graph::{Blocking, Graph, NodeSet};
use crate::invocation::{Command, ExitCode, Invocation, Preview, Which};
use crate::jinja::values;
use crate::manifest::{Detail, Manifest, Node, ResourceType};
use crate::resource::UniqueId;
use crate::run::microbatch::{Batching, parse_time};
use crate::run::outcome::Outcome;
use crate::run::{self, Request, Run, Task};
use crate::state;

use super::prepare::{self, Prepared};
use super::{Call, contracts, embedded, last_change, leave, preflight, show};

pub(super) const NOTHING_TO_DO: &str = "Nothing to do. Try checking your model configs and model specification args";

/// Runs the command on what is selected.
///
/// # Errors
/// Everything that keeps all nodes from running.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    if call.again.is_some() || call.invocation.which == Which::Retry {
        return retry(call);
    }
    // Compiling writes the manifest once, with the compiled code, if it comes to that.
    let writes_later = call.invocation.which == Which::Compile && call.invocation.state.state.is_none();
    let prepared = if writes_later { prepare::project_without_manifest(call)? } else { prepare::project(call)? };
    let select = || -> Result<NodeSet, Diagnostics> {
        let selected = prepare::select(call, &prepared)?;
        preflight::check(&prepared.graph, &selected, call.invocation.which)?;
        Ok(selected)
    };
    let (summary, selected) = rayon::join(|| prepare::write_graph_summary(call, &prepared), select);
    summary?;
    if writes_later && !selected.as_ref().is_ok_and(|selected| !selected.is_empty()) {
        prepare::write_manifest(call, &prepared)?;
    }
    let selected = selected?;
    execute(call, prepared, selected, call.invocation.which, Batching::at(call.invocation.started_at))
}

/// Runs again what failed or was skipped in the last invocation.
fn retry(call: &Call) -> Result<ExitCode, Diagnostics> {
    let prepared = prepare::project_without_manifest(call)?;
    let Some(again) = &call.again else {
        // Nothing to repeat was found: this says why.
        let invocation = &call.invocation;
        let folder = invocation.state.state.clone().unwrap_or_else(|| prepared.files.target_path.clone());
        let previous = state::read(&folder, Path::new(""))?;
        let warnings = invocation.flags.warn_error_options.raises_all();
        let shown = folder.strip_prefix(&invocation.project_dir).unwrap_or(&folder);
        let again = state::retry::retry(previous.value.results.as_ref(), shown, warnings)?;
        return repeat(call, prepared, &again);
    };
    repeat(call, prepared, again)
}

fn repeat(call: &Call, prepared: Prepared, again: &state::retry::Retry) -> Result<ExitCode, Diagnostics> {
    prepare::write_manifest(call, &prepared)?;
    if again.which == Which::RunOperation {
        // It succeeded: its results stay as they are.
        call.emit(Event::notice("NothingToDo", Level::Warn, NOTHING_TO_DO));
        return Ok(prepare::nothing_selected(call));
    }
    if let Some(gone) = again.ids.iter().find(|id| prepared.graph.position(id).is_none()) {
        let text = format!("Couldn't find model '{gone}' -- does it exist or is it disabled?");
        let problem = Diagnostic::error(text).hint("what is gone cannot be retried: run the command itself again");
        return Err(Diagnostics::from(problem).of_kind("Compilation Error"));
    }
    let selected = prepared.graph.set_of(again.ids.iter().map(AsRef::as_ref));
    execute(call, prepared, selected, again.which, batching(again, call.invocation.started_at))
}

/// The batches that a retry builds: those that failed, as if the time were that of the first attempt.
fn batching(again: &state::retry::Retry, now: DateTime<Utc>) -> Batching {
    let spans = |written: &[(String, String)]| -> Option<Vec<run::outcome::TimeSpan>> {
        written.iter().map(|(start, end)| Some((parse_time(start)?, parse_time(end)?))).collect()
    };
    let previous = again.batches.iter().filter_map(|(id, batches)| {
        let (successful, failed) = (spans(&batches.successful)?, spans(&batches.failed)?);
        Some((id.clone(), run::outcome::BatchResults { successful, failed }))
    });
    Batching {
        now: parse_time(&again.started_at).unwrap_or(now),
        previous: previous.collect(),
        overloads: again.overloads.clone(),
    }
}

fn execute(
    call: &Call,
    prepared: Prepared,
    selected: NodeSet,
    which: Which,
    batching: Batching,
) -> Result<ExitCode, Diagnostics> {
    let invocation = &call.invocation;
    if selected.is_empty() {
        call.emit(Event::notice("NothingToDo", Level::Warn, NOTHING_TO_DO));
        if invocation.flags.write_json {
            let results = results_of(invocation, which, 0.0);
            artifact::write(&prepared.files.target_path, artifact::RUN_RESULTS, &results)?;
        }
        return Ok(prepare::nothing_selected(call));
    }
    // How long building took says nothing about cloning, and compiling waits for nothing.
    let durations = match which {
        Which::Clone | Which::Compile => HashMap::new(),
        _ => durations(&prepared.files.target_path),
    };
    let deferred = match which {
        Which::Clone => prepare::originals(call, &prepared)?,
        _ => prepare::deferred(call, &prepared, &selected)?,
    };
    let ids = prepared.graph.ids_of(&selected).map(|id| Value::from(id.clone())).collect();
    // Only set here, once.
    let _ = prepared.globals.selected_resources.set(values::list(ids));
    let is_embedded = prepared.files.target.is_embedded;
    let embedded = embedded::beside(call, &prepared, &selected)?;
    let runtime = prepared.runtime(invocation, deferred);
    call.warnings(overriding_packages(&runtime, &selected))?;
    let request = Request {
        task: match which {
            Which::Compile => Task::Compile,
            Which::Clone => Task::Clone,
            _ => Task::Build,
        },
        selected,
        blocking: if which == Which::Build { Blocking::Tests } else { Blocking::Nothing },
        embedded: embedded.map(|embedded| embedded.runtime(&runtime)),
        hooks: matches!(which, Which::Run | Which::Build | Which::Test | Which::Seed | Which::Snapshot),
        durations,
        batching,
    };
    let before_run = runtime.settings.contracts.before_run.unwrap_or(is_embedded);
    let checks = before_run && matches!(which, Which::Run | Which::Build | Which::Compile);
    let checked = match checks {
        true => contracts::before_run(&runtime, &request.selected, &call.interrupt),
        false => Ok(()),
    };
    let mut run = match checked.and_then(|()| run::execute(&runtime, &request, &call.interrupt)) {
        Ok(run) => run,
        Err(problems) => {
            if which == Which::Compile && invocation.flags.write_json {
                artifact::write_manifest(&runtime.target_path, &runtime.graph)?;
            }
            return Err(problems);
        }
    };
    drop(request);
    last_change::remark(&runtime, &mut run);
    contracts::remark(&runtime, &mut run);
    let broken = if which == Which::Compile { contracts::warnings(&runtime, &run) } else { Diagnostics::new() };
    if let Command::Compile(preview) = &invocation.command {
        show_compiled(call, &runtime, &run, preview);
    }
    if invocation.flags.write_json {
        write_results(invocation, which, &runtime, &run)?;
        let target_path = runtime.target_path.clone();
        // Nobody else needs the graph any more: its nodes can be completed where they are.
        let graph = match Arc::try_unwrap(runtime) {
            Ok(own) => {
                leave(own.engine);
                own.graph
            }
            Err(shared) => shared.graph.clone(),
        };
        write_manifest(&target_path, Arc::unwrap_or_clone(graph), &mut run)?;
    }
    let raised = call.warnings(broken);
    let code = finish(call, run, which)?;
    raised.map(|()| code)
}

/// Warnings about packages that replace materializations of tform's own, once for each.
fn overriding_packages(runtime: &Runtime, selected: &NodeSet) -> Diagnostics {
    let nodes = runtime.graph.ids_of(selected).filter_map(|id| runtime.manifest().nodes.get(id));
    let names: BTreeSet<&str> =
        nodes.filter(|node| run::node::is_built(node.resource_type)).map(|node| node.config.materialized()).collect();
    let warnings = names.into_iter().filter_map(|name| {
        let package = runtime.overriding_package(name)?;
        let text = format!("Installed package '{package}' is overriding the built-in materialization '{name}'. Overrides of built-in materializations from installed packages will be deprecated in future versions of dbt. For more information: https://docs.getdbt.com/reference/global-configs/legacy-behaviors");
        let warning = Diagnostic::warning_of("PackageMaterializationOverrideDeprecation", text);
        Some(warning.fact("package_name", package).fact("materialization_name", name))
    });
    let mut found = Diagnostics::new();
    found.extend(warnings);
    found
}

/// Shows the SQL of those compiled nodes that the user named.
fn show_compiled(call: &Call, runtime: &Runtime, run: &Run, preview: &Preview) {
    let criteria = &call.invocation.selection.select;
    for outcome in &run.outcomes {
        let (Some(sql), Some(node)) = (&outcome.compiled_code, runtime.manifest().nodes.get(&outcome.id)) else {
            continue;
        };
        if criteria.iter().any(|criterion| criterion.contains(&node.name)) {
            call.emit(show::compiled_event(node, sql, preview));
        }
    }
}

/// Compiles nodes for another command, writes what came of it, and gives it back with the project:
/// the nodes of its manifest have their compiled code.
///
/// # Errors
/// Everything that keeps all nodes from being compiled.
pub(super) fn compile(
    call: &Call,
    mut runtime: Arc<Runtime>,
    selected: NodeSet,
) -> Result<(ExitCode, Arc<Runtime>), Diagnostics> {
    let request = Request {
        task: Task::Compile,
        selected,
        blocking: Blocking::Nothing,
        embedded: None,
        hooks: false,
        durations: HashMap::new(),
        batching: Batching::at(call.invocation.started_at),
    };
    let writes = call.invocation.flags.write_json;
    let mut run = match run::execute(&runtime, &request, &call.interrupt) {
        Ok(run) => run,
        Err(problems) => {
            if writes {
                artifact::write_manifest(&runtime.target_path, &runtime.graph)?;
            }
            return Err(problems);
        }
    };
    if writes {
        write_results(&call.invocation, call.invocation.which, &runtime, &run)?;
    }
    match Arc::get_mut(&mut runtime) {
        // The workers have ended: the nodes are completed where they are.
        Some(own) => {
            let graph = Arc::make_mut(&mut own.graph);
            complete_all(graph.manifest_mut(), &mut run);
            if writes {
                artifact::write_manifest(&own.target_path, graph)?;
            }
        }
        None if writes => write_manifest(&runtime.target_path, Graph::clone(&runtime.graph), &mut run)?,
        None => {}
    }
    Ok((finish(call, run, Which::Compile)?, runtime))
}

/// Tells the end of a run and settles the exit code.
fn finish(call: &Call, mut run: Run, which: Which) -> Result<ExitCode, Diagnostics> {
    let end = run_end(&run, which);
    if let Some(problem) = run.failure.take() {
        call.reporter.finished_running(&end);
        return Err(problem.into());
    }
    let code = exit_code(&end);
    if which == Which::Compile {
        end.results
            .iter()
            .filter(|result| result.status.is_failure())
            .for_each(|result| call.reporter.result_block(result));
        leave(run);
        // Nothing was to be built: what does not compile is a mistake in the project, as in dbt.
        return Ok(if code == ExitCode::Success { code } else { ExitCode::NotCompiled });
    }
    if which != Which::Clone {
        call.reporter.finished_running(&end);
    }
    call.reporter.run_end(end);
    leave(run);
    Ok(code)
}

pub(super) fn run_end(run: &Run, which: Which) -> RunEnd {
    let results: Vec<Arc<NodeResult>> = run.outcomes.iter().map(|outcome| outcome.result.clone()).collect();
    RunEnd {
        command: which.as_str().to_owned(),
        results,
        seconds: run.seconds,
        generated_at: Some(chrono::Utc::now()),
        interrupted: run.interrupted,
    }
}

pub(super) fn exit_code(end: &RunEnd) -> ExitCode {
    // A skip that says why is the only trace of what failed (an ephemeral model).
    let fails = |result: &NodeResult| {
        result.status.is_failure() || (result.status == Status::Skipped && result.message.is_some())
    };
    let failed = |kind: fn(&str) -> bool| {
        end.results.iter().any(|result| fails(result) && kind(&result.node.facts.resource_type))
    };
    let skipped = end.interrupted;
    if failed(|kind| !matches!(kind, "test" | "unit_test")) || skipped {
        ExitCode::NodeFailed
    } else if failed(|kind| matches!(kind, "test" | "unit_test")) {
        ExitCode::TestsFailed
    } else {
        ExitCode::Success
    }
}

/// How long nodes took in the last run, where it is known: the slowest chain goes first.
fn durations(target_path: &Path) -> HashMap<UniqueId, f64> {
    artifact::read::durations(&target_path.join(artifact::RUN_RESULTS)).ok().flatten().unwrap_or_default()
}

/// The file of results, without any, under the name of the command that ran: a `retry` is what it repeats,
/// and can be retried.
fn results_of(invocation: &Invocation, which: Which, seconds: f64) -> RunResults {
    let mut results = RunResults::new(invocation, Vec::new(), seconds);
    results.args.insert("which".to_owned(), which.as_str().into());
    results
}

fn write_results(invocation: &Invocation, which: Which, runtime: &Runtime, run: &Run) -> Result<(), Diagnostic> {
    // Ephemeral models are no results of their own, unless somebody asked for them.
    let asked_for = which == Which::Compile && !invocation.selection.select.is_empty();
    let told = |outcome: &&Outcome| {
        let node = runtime.manifest().node(&outcome.id);
        asked_for || outcome.result.status.is_failure() || !node.is_some_and(|node| node.is_ephemeral())
    };
    let finished: Vec<&Outcome> = run.outcomes.iter().filter(told).collect();
    let mut results = results_of(invocation, which, run.seconds);
    artifact::write_run_results(&runtime.target_path, &results, &finished, |outcome| run_result(runtime, outcome))?;
    if !artifact::history::keeps(&results) {
        return Ok(());
    }
    results.results = finished.iter().map(|outcome| run_result(runtime, outcome)).collect();
    artifact::history::append(&runtime.target_path, &results)
}

/// Writes the manifest with what compiling found.
fn write_manifest(target_path: &Path, mut graph: Graph, run: &mut Run) -> Result<(), Diagnostic> {
    complete_all(graph.manifest_mut(), run);
    artifact::write_manifest(target_path, &graph)?;
    leave(graph);
    Ok(())
}

fn complete_all(manifest: &mut Manifest, run: &mut Run) {
    let root = manifest.metadata.project_name.as_deref().unwrap_or_default();
    let own = format!("macro.{root}.get_where_subquery");
    let subquery =
        if manifest.macros.contains_key(own.as_str()) { own } else { "macro.dbt.get_where_subquery".to_owned() };
    for outcome in &mut run.outcomes {
        if let (Some(sql), Some(node)) = (outcome.compiled_code.clone(), manifest.node_mut(&outcome.id)) {
            let node = Arc::make_mut(node);
            complete(node, outcome, sql);
            add_subquery(node, &subquery);
        }
    }
}

/// dbt does not render the plainest tests while it parses: what they call is known once they are compiled.
fn add_subquery(node: &mut Node, subquery: &str) {
    let is_generic = node.generic_test().is_some();
    let Some(code) = node.code_mut().filter(|_| is_generic) else { return };
    let macros = &mut code.depends_on.macros;
    if matches!(&macros[..], [only] if matches!(&**only, "macro.dbt.test_unique" | "macro.dbt.test_not_null")) {
        macros.push(subquery.into());
    }
}

/// Moves what compiling and running found into the node of the manifest.
fn complete(node: &mut Node, outcome: &mut Outcome, sql: Arc<str>) {
    node.build_path = outcome.build_path.take();
    if let Detail::Function(function) = &mut node.detail {
        for (overload, body) in function.overloads.iter_mut().zip(&outcome.rest().overload_bodies) {
            overload.compiled_body.clone_from(body);
        }
    }
    let found = &outcome.rest().foreign_keys;
    if !found.is_empty() {
        let mut found = found.iter();
        let mut put = |constraint: &mut serde_json::Value| {
            if constraint.get("to").is_some_and(serde_json::Value::is_string) {
                found.next().into_iter().for_each(|relation| constraint["to"] = relation.as_str().into());
            }
        };
        for column in node.columns.values_mut() {
            column.rest.constraints.iter_mut().for_each(&mut put);
        }
        if let Detail::Model(model) = &mut node.detail {
            model.constraints.iter_mut().for_each(&mut put);
        }
    }
    if let Some(code) = node.code_mut() {
        code.compiled = Some(true);
        code.compiled_code = Some(sql);
        code.compiled_path = outcome.compiled_path.take();
        code.extra_ctes_injected = Some(true);
        code.extra_ctes = Some(outcome.rest().ctes.clone());
    }
}

fn run_result(runtime: &Runtime, outcome: &Outcome) -> RunResult {
    let result = &outcome.result;
    let node = runtime.manifest().node(&outcome.id);
    let has_code = node.map_or(outcome.compiled_code.is_some(), |node| node.resource_type != ResourceType::Seed);
    let spans = |spans: &[(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)]| {
        spans.iter().map(|(start, end)| (start.to_rfc3339(), end.to_rfc3339())).collect()
    };
    RunResult {
        timing: result.timing.iter().map(Into::into).collect(),
        thread_id: result.thread.clone(),
        execution_time: result.seconds,
        adapter_response: result.adapter_response.as_deref().cloned().unwrap_or_default(),
        message: result.message.clone(),
        failures: result.failures,
        compiled: has_code.then_some(outcome.compiled_code.is_some()),
        compiled_code: outcome.compiled_code.clone(),
        relation_name: node.filter(|_| has_code).and_then(|node| node.relation_name.clone()),
        batch_results: outcome
            .rest()
            .batches
            .as_ref()
            .map(|batches| BatchResults { successful: spans(&batches.successful), failed: spans(&batches.failed) }),
        overload_results: outcome.rest().overloads.clone(),
        ..RunResult::new(&outcome.id, result.status)
    }
}
