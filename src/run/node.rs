//! Runs one node: compile, materialize or test, report.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::compile::host::{BatchContext, NodeHost, Stored};
use crate::compile::runtime::{Materialization, Runtime, Worker};
use crate::compile::{self, Compiled, Rendering};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Level, Status};
use crate::jinja::{Arguments, Scope, adapter_object, values};
use crate::manifest::{Node, ResourceType};

use super::failing_rows;
use super::outcome::{BatchResults, Report};
use super::pointer;

/// A compiled node together with what its materialization sees.
#[derive(Debug)]
pub struct Ready {
    pub node: Arc<Node>,
    pub compiled: Compiled,
    /// Relative to the project.
    pub path: Option<String>,
}

/// Compiles a node and writes the SQL below `target/compiled`.
///
/// # Errors
/// What is wrong in its templates, or with the folder.
pub fn compile(rendering: &Rendering<'_>, node: &Arc<Node>, batch: Option<&BatchContext>) -> Result<Ready, Diagnostic> {
    let mut ready = render(rendering, node, batch)?;
    ready.node = with_code(&ready.node, &ready.compiled, ready.path.as_deref().unwrap_or_default());
    Ok(ready)
}

/// As [`compile`], for a node that is not built: it stays without its compiled code.
///
/// # Errors
/// As [`compile`].
pub fn render(rendering: &Rendering<'_>, node: &Arc<Node>, batch: Option<&BatchContext>) -> Result<Ready, Diagnostic> {
    let runtime = rendering.runtime;
    let extras = batch.map(|batch| ("model", model_of(runtime, batch, node))).into_iter().collect();
    let host = NodeHost::of_batch(runtime, node, rendering.worker.clone(), extras, batch);
    let compiled = compile::node(rendering, node, &host)?;
    let path = runtime.write_code("compiled", (node, batch), &compiled.sql)?;
    let node = compile::with_foreign_keys(rendering, node, &host)?;
    let node = compile::with_overloads(rendering, &node, &host)?;
    Ok(Ready { node, compiled, path: Some(path) })
}

/// The node as it is once it is compiled: what `model` shows to a materialization.
pub fn with_code(node: &Arc<Node>, compiled: &Compiled, path: &str) -> Arc<Node> {
    let mut node = Node::clone(node);
    if let Some(code) = node.code_mut() {
        code.compiled = Some(true);
        code.compiled_code = Some(compiled.sql.clone());
        code.compiled_path = Some(path.to_owned());
        code.extra_ctes_injected = Some(true);
        code.extra_ctes = Some(compiled.ctes.clone());
    }
    Arc::new(node)
}

/// How often a node is run whose work collides with that of others.
const ATTEMPTS: u32 = 4;
/// The pause before the second attempt is about this; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Builds a model, seed or snapshot, or runs a test, by its materialization macro.
///
/// What the warehouse refuses for a reason that may pass (a deadlock, a serialization failure, a
/// broken connection) is rolled back and done again, as a whole, unless some of it was committed.
///
/// # Errors
/// What the macro raises or the warehouse refuses.
pub fn materialize(
    rendering: &Rendering<'_>,
    ready: &Ready,
    batch: Option<&BatchContext>,
) -> Result<Materialized, Diagnostic> {
    let session = &rendering.worker.session;
    let capabilities = rendering.runtime.capabilities();
    let group = ready.node.config.text("query_group").filter(|_| capabilities.query_groups);
    let made = attempts(rendering, ready, (batch, group));
    if group.is_some() && made.is_ok() {
        session.commit()?;
        let usual = session.warehouse().adapter().facts().query_group;
        session.query(&usual.map_or_else(|| "reset query_group".to_owned(), |name| set_query_group(&name)))?;
    } else if group.is_some() {
        // The next node gets a session without it.
        session.close();
    }
    made
}

fn set_query_group(name: &str) -> String {
    format!("set query_group to '{}'", name.replace('\'', "''"))
}

/// One attempt after another, as long as that may help.
fn attempts(
    rendering: &Rendering<'_>,
    ready: &Ready,
    (batch, group): (Option<&BatchContext>, Option<&str>),
) -> Result<Materialized, Diagnostic> {
    let session = &rendering.worker.session;
    let (mut attempt, mut most) = (1, ATTEMPTS);
    loop {
        if let Some(group) = group {
            session.query(&set_query_group(group))?;
        }
        match materialize_once(rendering, ready, batch) {
            Err(_) if session.gives_up_replacing() => {
                session.rollback();
                session.forget_error();
            }
            Err(_) if attempt < most && session.may_repeat() => {
                let facts = session.warehouse().adapter().facts();
                most = if facts.retry_all { most.max(facts.retries.saturating_add(1)) } else { most };
                let reason = session.last_error().map(|error| error.message).unwrap_or_default();
                let reason = reason.lines().next().unwrap_or_default().to_owned();
                session.rollback();
                session.forget_error();
                attempt += 1;
                let node = &ready.node.name;
                let message = format!("{reason}: running `{node}` again, attempt {attempt} of {most}");
                rendering.runtime.emit(Event::notice("AdapterEventInfo", Level::Info, message));
                std::thread::sleep(pause(attempt));
            }
            result => return result,
        }
    }
}

/// A pause that differs from that of whoever else was refused at the same moment.
fn pause(attempt: u32) -> Duration {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let jitter = 0.5 + f64::from(nanoseconds % 1_000_003) / 1_000_003.0;
    FIRST_PAUSE.mul_f64(jitter) * 2_u32.pow(attempt.saturating_sub(2))
}

fn materialize_once(
    rendering: &Rendering<'_>,
    ready: &Ready,
    batch: Option<&BatchContext>,
) -> Result<Materialized, Diagnostic> {
    let runtime = rendering.runtime;
    let node = &ready.node;
    let materialization = materialization(runtime, node)?;
    if node.resource_type == ResourceType::Model {
        compile::refuse_python(node, &materialization)?;
    }
    let mut extras = vec![("sql", Value::from(ready.compiled.sql.as_ref()))];
    extras.extend(batch.map(|batch| ("model", model_of(runtime, batch, node))));
    let host = NodeHost::of_batch(runtime, node, rendering.worker.clone(), extras, batch);
    let context = compile::context(runtime, node, host.clone());
    let scope = Scope::new(&node.package_name, context);
    let value = runtime.engine.call(&materialization.path(), Arguments::default(), &scope)?.value;
    settle(rendering.worker, node, &value)?;
    let main = host.gathered().results.remove("main").ok_or_else(|| {
        Diagnostic::error("main is not being called during running model")
            .note(format!("the materialization `{}` has no `statement('main')`", node.config.materialized()))
            .of_kind("Runtime Error")
    })?;
    let build_path = host.gathered().build_path.take();
    Ok(Materialized { main, build_path })
}

/// What a materialization left.
pub struct Materialized {
    pub main: Stored,
    pub build_path: Option<String>,
}

/// The model as its templates see it while a batch is built: with `batch`.
fn model_of(runtime: &Runtime, batch: &BatchContext, node: &Node) -> Value {
    let written = |time: Option<chrono::DateTime<chrono::Utc>>| {
        time.map(|time| time.format("%Y-%m-%d %H:%M:%S+00:00").to_string())
    };
    let mut model = runtime.node_json(node);
    model["batch"] = serde_json::json!({
        "id": batch.id,
        "event_time_start": written(batch.event_time.start),
        "event_time_end": written(batch.event_time.end),
    });
    values::from_json(&model)
}

/// Enters the relations that a materialization says it made into the cache.
pub(super) fn settle(worker: &Worker, node: &Node, value: &Value) -> Result<(), Diagnostic> {
    let relations = value.get_attr("relations").ok().filter(|relations| !relations.is_undefined());
    let Some(relations) = relations else {
        return Err(Diagnostic::error(format!(
            "the materialization (\"{}\") did not explicitly return a list of relations to add to the cache",
            node.config.materialized()
        ))
        .hint("end it with `{{ return({'relations': [target_relation]}) }}`"));
    };
    for relation in values::items(&relations).map_err(Diagnostic::error)? {
        adapter_object::cache_add(&worker.adapter, &relation);
    }
    Ok(())
}

/// The macro that materializes a node: one for this warehouse before a general one, and
/// among equals the root project's before a package's before tform's own.
fn materialization(runtime: &Runtime, node: &Node) -> Result<Materialization, Diagnostic> {
    let name = node.config.materialized();
    runtime.materialization(name).ok_or_else(|| {
        let adapter = runtime.capabilities().adapter;
        let known = runtime.materialization_names();
        let message = format!(
            "No materialization '{name}' was found for adapter {adapter}! (searched types 'default' and '{adapter}')"
        );
        Diagnostic::error(message).at_opt(node.origin.code.clone()).suggest(name, known.iter().map(String::as_str))
    })
}

/// What the engine answered, for `run_results.json`.
pub fn response(stored: &Stored) -> (String, Map<String, Json>) {
    let response = adapter_object::response_of(&stored.response);
    (response.message.clone(), response.to_json())
}

/// A model, seed or snapshot from its code to its relation.
///
/// # Errors
/// See [`compile`] and [`materialize`].
pub fn build(rendering: &Rendering<'_>, ready: &Ready) -> Result<(Report, Option<String>), Diagnostic> {
    let made = materialize(rendering, ready, None)?;
    pointer::make(rendering, &ready.node)?;
    let (text, fields) = response(&made.main);
    let mut report = Report::new(Status::Success, text);
    report.adapter_response = fields;
    Ok((report, made.build_path))
}

/// Runs a data test and judges its figures
/// (docs.getdbt.com/reference/resource-configs/severity).
///
/// # Errors
/// What the warehouse refuses, or figures that are none.
pub fn test(rendering: &Rendering<'_>, ready: &Ready) -> Result<Report, Diagnostic> {
    let node = &ready.node;
    let made = materialize(rendering, ready, None)?;
    let figures = figures(node, &made.main)?;
    let (_, fields) = response(&made.main);
    let severity = node.config.text("severity").unwrap_or("ERROR").to_uppercase();
    let condition = |key: &str| node.config.text(key).unwrap_or("!= 0").to_owned();
    let results = if figures.failures == 1 { "result" } else { "results" };
    let got = |verb: &str, key: &str| {
        format!("Got {} {results}, configured to {verb} if {}", figures.failures, condition(key))
    };
    let mut report = match (figures.should_error, figures.should_warn) {
        (true, _) if severity == "ERROR" => Report::new(Status::Fail, got("fail", "error_if")),
        (_, true) if rendering.runtime.flags.warnings_fail => Report::new(Status::Fail, got("fail", "warn_if")),
        (_, true) => Report::new(Status::Warn, got("warn", "warn_if")),
        _ => Report { message: None, ..Report::new(Status::Pass, "") },
    };
    report.failures = Some(if report.status == Status::Pass { 0 } else { figures.failures });
    report.adapter_response = fields;
    if node.keeps_failures(rendering.runtime.flags.store_failures) && report.status != Status::Pass {
        report.stored_failures.clone_from(&node.relation_name);
    }
    let count = rendering.runtime.flags.show_failures;
    if count > 0 && report.status != Status::Pass {
        let stored = report.stored_failures.as_deref();
        report.remarks.push(failing_rows::of(rendering, ready, stored, count));
    }
    Ok(report)
}

/// What a test's query gives: one row of three figures.
struct Figures {
    failures: u64,
    should_warn: bool,
    should_error: bool,
}

fn figures(node: &Node, stored: &Stored) -> Result<Figures, Diagnostic> {
    let rows = stored.table.as_ref().map(crate::jinja::table::rows).unwrap_or_default();
    let wrong =
        |what: String| Err(Diagnostic::error(format!("dbt internally failed to execute {}: {what}", node.unique_id)));
    let [row] = rows.as_slice() else {
        return wrong(format!("Returned {} rows, but expected 1 row", rows.len()));
    };
    let [failures, should_warn, should_error, ..] = row.as_slice() else {
        return wrong(format!("Returned {} columns, but expected 3 columns", row.len()));
    };
    let flag = |value: &Value| match values::text(value).to_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" | "none" => Ok(false),
        other => Err(format!("Cannot convert a value of type str to a bool: 'get_test_sql' returns '{other}'")),
    };
    let (should_warn, should_error) = match (flag(should_warn), flag(should_error)) {
        (Ok(should_warn), Ok(should_error)) => (should_warn, should_error),
        (Err(problem), _) | (_, Err(problem)) => return wrong(problem),
    };
    if failures.is_none() {
        return Err(Diagnostic::error("the test's `fail_calc` gave null: None is not of type 'integer'")
            .hint("an aggregate over no rows is null: `coalesce(sum(n), 0)`")
            .of_kind("Runtime Error"));
    }
    let failures = match values::text(failures).parse::<f64>() {
        Ok(number) if number >= 0.0 => number as u64,
        _ => return wrong(format!("`fail_calc` gave {}, which is not a count", values::text(failures))),
    };
    Ok(Figures { failures, should_warn, should_error })
}

/// Whether a node belongs to the kinds that a materialization builds.
pub fn is_built(kind: ResourceType) -> bool {
    matches!(kind, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
}

/// Puts the results of a microbatch model's batches together; those that succeeded `previously` are kept
/// for a further retry, and say nothing of how this run went.
pub fn batch_report(mut batches: BatchResults, previously: Option<&BatchResults>) -> Report {
    let (good, bad) = (batches.successful.len(), batches.failed.len());
    let status = match (good, bad) {
        (_, 0) => Status::Success,
        (0, _) => Status::Error,
        _ => Status::PartialSuccess,
    };
    let message = match status {
        Status::Success => "SUCCESS".to_owned(),
        Status::PartialSuccess => format!("PARTIAL SUCCESS ({good}/{})", good + bad),
        _ => "ERROR".to_owned(),
    };
    let mut report = Report::new(status, message);
    batches.successful.extend(previously.into_iter().flat_map(|previous| &previous.successful));
    report.batches = Some(batches);
    report
}
