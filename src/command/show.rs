//! `tform show` and `tform compile --inline`: one query, looked at.
//!
//! Source: docs.getdbt.com/reference/commands/show.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value as Json, json};

use crate::adapter::{Cell, Fetch, QueryResult, Statement};
use crate::artifact::{self, RunResult, RunResults};
use crate::compile::host::NodeHost;
use crate::compile::runtime::Runtime;
use crate::compile::{self, Rendering};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level, Status};
use crate::invocation::{ExitCode, Preview};
use crate::jinja::{Arguments, Scope, cells, values};
use crate::manifest::{Detail, Node, ResourceType};
use crate::report;
use crate::run::outcome::message_of;

use super::Call;
use super::prepare;

/// Shows some rows of each selected node, or of an inline query.
///
/// # Errors
/// Everything that is wrong in the project or the selection. A query that fails is the command's failure.
pub(super) fn run(call: &Call, preview: &Preview) -> Result<ExitCode, Diagnostics> {
    let selection = &call.invocation.selection;
    let direct = preview.inline.as_ref().or(preview.inline_direct.as_ref());
    if direct.is_none() && selection.select.is_empty() && selection.selector.is_none() {
        let problem = Diagnostic::error("Either --select or --inline must be passed to show")
            .hint("`--select MODEL` shows rows of a model, `--inline \"select ...\"` those of a query");
        return Err(Diagnostics::from(problem).of_kind("Runtime Error"));
    }
    let prepared = prepare::project(call)?;
    prepare::write_graph_summary(call, &prepared)?;
    if let Some(sql) = direct {
        let runtime = prepared.runtime(&call.invocation, HashMap::new());
        let node = Arc::new(inline_node(&runtime, sql));
        let shown = show(call, &runtime, &node, preview)?;
        let code = shown.code;
        if preview.inline_direct.is_none() {
            write_results(call, &runtime, vec![shown])?;
        }
        return Ok(code);
    }
    let selected = prepare::select(call, &prepared)?;
    let nodes: Vec<Arc<Node>> =
        prepared.graph.ids_of(&selected).filter_map(|id| prepared.graph.manifest().node(id)).cloned().collect();
    if nodes.is_empty() {
        call.emit(Event::notice(
            "NothingToDo",
            Level::Warn,
            "Nothing to do. Try checking your model configs and model specification args",
        ));
        return Ok(prepare::nothing_selected(call));
    }
    let deferred = prepare::deferred(call, &prepared, &selected)?;
    let runtime = prepared.runtime(&call.invocation, deferred);
    let shown = nodes.iter().map(|node| show(call, &runtime, node, preview)).collect::<Result<Vec<Shown>, _>>()?;
    let failed = shown.iter().any(|shown| shown.code != ExitCode::Success);
    write_results(call, &runtime, shown)?;
    Ok(if failed { ExitCode::NotCompiled } else { ExitCode::Success })
}

/// What became of a shown node.
struct Shown {
    code: ExitCode,
    result: RunResult,
}

/// Queries that failed leave no results, as in dbt: there is nothing to look at.
fn write_results(call: &Call, runtime: &Runtime, shown: Vec<Shown>) -> Result<(), Diagnostic> {
    let failed = shown.iter().any(|shown| shown.code != ExitCode::Success);
    if !call.invocation.flags.write_json || failed {
        return Ok(());
    }
    let seconds = shown.iter().map(|shown| shown.result.execution_time).sum();
    let results = shown.into_iter().map(|shown| shown.result).collect();
    let results = RunResults::new(&call.invocation, results, seconds);
    artifact::write(&runtime.target_path, artifact::RUN_RESULTS, &results)
}

/// Compiles a query given on the command line and shows the SQL.
///
/// # Errors
/// As [`run`].
pub(super) fn compile_inline(call: &Call, preview: &Preview) -> Result<ExitCode, Diagnostics> {
    let begun = Instant::now();
    let prepared = prepare::project(call)?;
    prepare::write_graph_summary(call, &prepared)?;
    let runtime = prepared.runtime(&call.invocation, HashMap::new());
    let node = Arc::new(inline_node(&runtime, preview.inline.as_deref().unwrap_or_default()));
    let worker = runtime.worker("inline");
    let rendering = Rendering { runtime: &runtime, worker: &worker };
    match compiled(&rendering, &node) {
        Ok(sql) => {
            call.emit(compiled_event(&node, &sql, preview));
            if call.invocation.flags.write_json {
                let mut result = RunResult::new(&node.unique_id, Status::Success);
                result.execution_time = begun.elapsed().as_secs_f64();
                result.compiled = Some(true);
                result.compiled_code = Some(sql);
                let results = RunResults::new(&call.invocation, vec![result], begun.elapsed().as_secs_f64());
                artifact::write(&runtime.target_path, artifact::RUN_RESULTS, &results)?;
            }
            Ok(ExitCode::Success)
        }
        Err(diagnostic) => failed(call, &rendering, &node, &diagnostic),
    }
}

/// What `compile` shows of a node.
pub(super) fn compiled_event(node: &Node, sql: &str, preview: &Preview) -> Event {
    let inline = node.resource_type == ResourceType::SqlOperation;
    let compiled = if preview.json {
        let compiled = if inline { json!({"compiled": sql}) } else { json!({"node": node.name, "compiled": sql}) };
        serde_json::to_string_pretty(&compiled).unwrap_or_default()
    } else {
        sql.to_owned()
    };
    Event::CompiledNode { node_name: node.name.clone(), compiled, json: preview.json, inline }
}

/// A node that stands for a query of the command line; it may refer to anything.
pub(super) fn inline_node(runtime: &Runtime, sql: &str) -> Node {
    let mut node = runtime.operation("inline_query");
    node.resource_type = ResourceType::SqlOperation;
    node.unique_id = format!("sql_operation.{}.inline_query", node.package_name).into();
    node.raw_code = sql.into();
    node.original_file_path = "from remote system.sql".to_owned();
    node.path = "sql/inline_query".to_owned();
    node.detail = Detail::Code(Box::default());
    node
}

fn show(call: &Call, runtime: &Arc<Runtime>, node: &Arc<Node>, preview: &Preview) -> Result<Shown, Diagnostics> {
    let begun = Instant::now();
    let worker = runtime.worker("show");
    let rendering = Rendering { runtime, worker: &worker };
    let mut sql = None;
    let (code, mut result) = match rows(&rendering, node, preview, &mut sql) {
        Ok(rows) => {
            call.emit(table_event(node, &rows, preview));
            let adapter_response = rows.response.to_json();
            let result = RunResult::new(&node.unique_id, Status::Success);
            (ExitCode::Success, RunResult { adapter_response, ..result })
        }
        Err(diagnostic) => {
            let message = Some(message_of(node, &diagnostic, worker.session.last_error().as_ref()));
            let code = failed(call, &rendering, node, &diagnostic)?;
            (code, RunResult { message, ..RunResult::new(&node.unique_id, Status::Error) })
        }
    };
    result.execution_time = begun.elapsed().as_secs_f64();
    result.compiled = Some(sql.is_some());
    result.compiled_code = sql.map(Into::into);
    Ok(Shown { code, result })
}

/// Tells why a node failed.
///
/// # Errors
/// If it is an inline query that does not even compile: that is a mistake in the command.
fn failed(
    call: &Call,
    rendering: &Rendering<'_>,
    node: &Node,
    diagnostic: &Diagnostic,
) -> Result<ExitCode, Diagnostics> {
    let engine = rendering.worker.session.last_error();
    if node.resource_type == ResourceType::SqlOperation && engine.is_none() {
        let problem = message_of(node, diagnostic, None);
        let text = format!("Error while parsing node: {}\n{problem}", node.name);
        let info = json!({"node_name": node.name, "node_path": node.path, "node_status": "failed", "unique_id": node.unique_id});
        let data = json!({"exc": problem, "node_info": info});
        call.emit(Event::notice_with("ParseInlineNodeError", Level::Error, text, data));
        return Err(Diagnostic::error("Error parsing inline query").into());
    }
    call.emit(Event::notice("MainEncounteredError", Level::Error, message_of(node, diagnostic, engine.as_ref())));
    Ok(ExitCode::NotCompiled)
}

pub(super) fn compiled(rendering: &Rendering<'_>, node: &Arc<Node>) -> Result<Arc<str>, Diagnostic> {
    rendering.runtime.assign(rendering.worker, node, None)?;
    let host = NodeHost::new(rendering.runtime, node, rendering.worker.clone(), Vec::new());
    Ok(compile::node(rendering, node, &host)?.sql)
}

/// The rows of a node's query: a seed's from its table, all others' from their SQL.
///
/// `sent` becomes the SQL, as soon as it is known.
fn rows(
    rendering: &Rendering<'_>,
    node: &Arc<Node>,
    preview: &Preview,
    sent: &mut Option<String>,
) -> Result<QueryResult, Diagnostic> {
    let runtime = rendering.runtime;
    let sql = match node.resource_type {
        ResourceType::Seed => {
            runtime.assign(rendering.worker, node, None)?;
            format!("select * from {}", runtime.relation_of(node).render()).into()
        }
        _ if preview.inline_direct.is_some() => node.raw_code.clone(),
        _ => compiled(rendering, node)?,
    };
    let host = NodeHost::new(runtime, node, rendering.worker.clone(), Vec::new());
    let context = compile::context(runtime, node, host);
    let limit = preview.limit.map_or_else(values::none, minijinja::Value::from);
    let header = node.config.text("sql_header").map_or_else(values::none, minijinja::Value::from);
    let arguments =
        Arguments { positional: vec![minijinja::Value::from(sql.as_ref()), header, limit], named: Vec::new() };
    // The macro that projects override to limit a query in their warehouse's way.
    let limited = runtime.engine.call("get_show_sql", arguments, &Scope::new(&node.package_name, context))?.value;
    let limited = values::text(&limited);
    *sent = Some(limited.clone());
    let fetch = preview.limit.and_then(|limit| usize::try_from(limit).ok()).map_or(Fetch::All, Fetch::Limit);
    let result = rendering.worker.session.run(Statement { fetch, ..Statement::query(&limited) });
    result.map_err(Diagnostic::from)
}

/// A value as a table shows it; lists and structs as JSON.
fn shown(cell: &Cell) -> String {
    match cell {
        Cell::List(_) | Cell::Struct(_) | Cell::Map(_) => values::text(&cells::value(cell.clone())),
        _ => cell.to_string(),
    }
}

/// A node's name, that of a versioned model with its version.
fn shown_name(node: &Node) -> String {
    match &node.detail {
        Detail::Model(model) => {
            model.version.as_ref().map_or_else(|| node.name.clone(), |version| format!("{}.v{version}", node.name))
        }
        _ => node.name.clone(),
    }
}

fn table_event(node: &Node, result: &QueryResult, preview: &Preview) -> Event {
    let names = result.unique_names();
    let inline = node.resource_type == ResourceType::SqlOperation;
    let node_name = shown_name(node);
    let text = if preview.json {
        let rows: Vec<Json> = result
            .rows
            .iter()
            .map(|row| Json::Object(names.iter().cloned().zip(row.iter().map(Cell::to_json)).collect::<Map<_, _>>()))
            .collect();
        let shown = if inline { json!({"show": rows}) } else { json!({"node": node_name, "show": rows}) };
        serde_json::to_string_pretty(&shown).unwrap_or_default()
    } else {
        let rows: Vec<Vec<Option<String>>> = result
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| (!cell.is_null()).then(|| shown(cell))).collect())
            .collect();
        let is_number = |cell: &Cell| matches!(cell, Cell::Int(_) | Cell::Float(_) | Cell::Decimal(_) | Cell::Null);
        let numeric: Vec<bool> =
            (0..names.len()).map(|index| result.rows.iter().all(|row| row.get(index).is_none_or(is_number))).collect();
        report::preview(&names, &rows, &numeric)
    };
    Event::ShowNode { node_name, text, json: preview.json, inline }
}
