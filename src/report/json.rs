//! Events as the lines of dbt's JSON log: `{"data": {...}, "info": {...}}`
//! (docs.getdbt.com/reference/events-logging).

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::event::{BatchLine, Event, HookLine, NodeInfo, NodeResult, Position, ResultLine, Status, Timing};

/// What `info` says beside the event's own facts.
#[derive(Debug, Clone)]
pub struct Info<'a> {
    pub invocation_id: &'a str,
    pub thread: &'a str,
    pub at: DateTime<Utc>,
    pub message: &'a str,
    /// What the user wants in each line (`DBT_ENV_CUSTOM_ENV_*`).
    pub extra: &'a serde_json::Map<String, Value>,
}

/// One line of the JSON log, without its line break.
pub fn line(event: &Event, info: &Info) -> String {
    let mut data = data(event);
    if let Some(node) = event.node() {
        data.entry("node_info").or_insert_with(|| node_info(node));
    }
    let line = json!({
        "data": data,
        "info": {
            "category": "",
            "code": event.code(),
            "extra": info.extra,
            "invocation_id": info.invocation_id,
            "level": event.level().as_str(),
            "msg": info.message,
            "name": event.name(),
            "pid": std::process::id(),
            "thread": info.thread,
            "ts": stamp(info.at),
        },
    });
    line.to_string()
}

/// `2026-11-20T13:24:21.922334Z`.
fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The form of a node's times, which dbt writes without a zone; empty while unknown.
fn node_time(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()).unwrap_or_default()
}

fn node_info(node: &NodeInfo) -> Value {
    let facts = &node.facts;
    json!({
        "materialized": facts.materialized,
        "meta": facts.meta,
        "node_checksum": facts.checksum,
        "node_finished_at": node_time(node.finished_at),
        "node_name": facts.name,
        "node_path": facts.path,
        "node_relation": {
            "alias": facts.relation.alias,
            "database": facts.relation.database,
            "relation_name": facts.relation.relation_name,
            "schema": facts.relation.schema,
        },
        "node_started_at": node_time(node.started_at),
        "node_status": node.status.as_str(),
        "resource_type": facts.resource_type,
        "unique_id": facts.unique_id,
    })
}

fn run_result(result: &NodeResult) -> Value {
    let timing: Vec<Value> = result.timing.iter().map(timing_info).collect();
    json!({
        "adapter_response": result.adapter_response.as_deref().cloned().unwrap_or_default(),
        "execution_time": result.seconds,
        "message": result.message.as_deref().unwrap_or(""),
        "num_failures": result.failures.unwrap_or(0),
        "status": result.status.as_str(),
        "thread": result.thread,
        "timing_info": timing,
    })
}

fn timing_info(timing: &Timing) -> Value {
    json!({
        "completed_at": timing.completed_at.map(stamp),
        "name": timing.name,
        "started_at": timing.started_at.map(stamp),
    })
}

/// The fields of `data`; `node_info` is added by [`line`].
fn data(event: &Event) -> Map<String, Value> {
    let value = match event {
        Event::MainReportVersion { version } => json!({"log_version": 3, "version": format!("={version}")}),
        Event::MainReportArgs { arguments } => {
            let args: Map<String, Value> =
                arguments.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
            json!({"args": args})
        }
        Event::AdapterRegistered { adapter, version } => {
            json!({"adapter_name": adapter, "adapter_version": format!("={version}")})
        }
        Event::FoundStats { found } => json!({"stat_line": found}),
        Event::ConcurrencyLine { threads, target, nodes } => {
            json!({"node_count": nodes, "num_threads": threads, "target_name": target})
        }
        Event::Formatting => json!({"msg": ""}),
        Event::CommandCompleted { command, success, seconds } => json!({
            "command": command, "completed_at": stamp(Utc::now()), "elapsed": seconds, "success": success,
        }),
        Event::ArtifactWritten { kind, path } => json!({"artifact_path": path, "artifact_type": kind}),
        Event::NodeFinished(result) => json!({"run_result": run_result(result)}),
        Event::MarkSkippedChildren(result) => json!({
            "run_result": run_result(result),
            "status": result.status.as_str(),
            "unique_id": result.node.facts.unique_id,
        }),
        Event::JinjaLogInfo { message, .. }
        | Event::JinjaLogDebug { message, .. }
        | Event::JinjaLogWarning { message, .. } => json!({"msg": message}),
        Event::AdapterDebug { message, .. } => json!({"base_msg": message, "name": "tform", "args": []}),
        Event::Print { text } => json!({"msg": text}),
        Event::ShowNode { node_name, text, json, inline } => json!({
            "is_inline": inline, "node_name": node_name, "output_format": format_name(*json), "preview": text,
        }),
        Event::CompiledNode { node_name, compiled, json, inline } => json!({
            "compiled": compiled, "is_inline": inline, "node_name": node_name, "output_format": format_name(*json),
        }),
        Event::SQLQuery { connection, sql, .. } => json!({"conn_name": connection, "sql": sql}),
        Event::SQLQueryStatus { status, seconds, query_id, .. } => {
            json!({"elapsed": seconds, "query_id": query_id, "status": status})
        }
        Event::Diagnostic { diagnostic, .. } => {
            let mut data = json!({
                "msg": diagnostic.to_string(),
                "path": diagnostic.span.as_ref().map(|span| span.file.path.as_str()),
                "line": diagnostic.span.as_ref().map(|span| span.line_column().0),
            });
            for (name, value) in diagnostic.facts() {
                data[*name] = Value::from(value.as_str());
            }
            data
        }
        Event::MainEncounteredError { diagnostics } => json!({"exc": diagnostics.to_string()}),
        Event::Notice(notice) => {
            let mut data = notice.data.clone();
            data.entry("msg").or_insert_with(|| Value::from(notice.message.as_str()));
            Value::Object(data)
        }
        other => line_data(other),
    };
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The data of the lines about nodes and of the summary.
fn line_data(event: &Event) -> Value {
    match event {
        Event::LogStartLine { position: Position { index, total }, description, .. } => {
            json!({"description": description, "index": index, "total": total})
        }
        Event::LogModelResult { line, description } | Event::LogFunctionResult { line, description } => {
            let status = match line.status {
                Status::PartialSuccess => line.message.lines().next().unwrap_or_default(),
                status if status.is_failure() => status.as_str(),
                _ => line.message.as_str(),
            };
            result_data(line, json!({"description": description, "status": status}))
        }
        Event::LogNodeNoOpResult { line, description } => {
            result_data(line, json!({"description": description, "status": ""}))
        }
        Event::LogTestResult { line, name, failures, attached_node } => {
            let mut data = result_data(
                line,
                json!({"attached_node": attached_node.as_deref().unwrap_or(""), "name": name, "num_failures": failures}),
            );
            data["num_models"] = Value::from(line.position.total);
            data
        }
        Event::LogSeedResult { line, schema, relation } => {
            result_data(line, json!({"relation": relation, "result_message": line.message, "schema": schema}))
        }
        Event::LogSnapshotResult { line, description, config } => {
            result_data(line, json!({"cfg": config, "description": description, "result_message": line.message}))
        }
        Event::LogFreshnessResult { line, source_name, table_name } => {
            result_data(line, json!({"source_name": source_name, "table_name": table_name}))
        }
        Event::LogStartBatch(line) => batch_data(line),
        Event::LogBatchResult { line, status, message, seconds } => {
            let mut data = batch_data(line);
            data["execution_time"] = Value::from(*seconds);
            let named = status.is_failure() || *status == Status::Skipped;
            data["status"] = Value::from(if named { status.as_str() } else { message.as_str() });
            data
        }
        Event::LogStartOverload(line) => overload_data(line),
        Event::LogOverloadResult { line, status, seconds } => {
            let mut data = overload_data(line);
            data["execution_time"] = Value::from(*seconds);
            data["status"] = Value::from(status.as_str());
            data
        }
        Event::LogHookStartLine(hook) => hook_data(hook),
        Event::LogHookEndLine { hook, status, seconds } => {
            let mut data = hook_data(hook);
            data["execution_time"] = Value::from(*seconds);
            data["status"] = Value::from(status.as_str());
            data
        }
        Event::SkippingDetails { node, position: Position { index, total } } => json!({
            "index": index,
            "node_name": node.facts.name,
            "resource_type": node.facts.resource_type,
            "schema": node.facts.relation.schema,
            "total": total,
        }),
        Event::LogSkipBecauseError { node, position: Position { index, total }, status } => json!({
            "index": index,
            "relation": node.facts.relation.alias,
            "schema": node.facts.relation.schema,
            "status": status,
            "total": total,
        }),
        Event::LogCancelLine { connection } => json!({"conn_name": connection}),
        other => summary_data(other),
    }
}

fn summary_data(event: &Event) -> Value {
    match event {
        Event::FinishedRunning { ran, seconds } => {
            json!({"execution": "", "execution_time": seconds, "stat_line": ran})
        }
        Event::EndRunResult(end) => {
            let results: Vec<Value> = end.results.iter().map(|result| run_result(result)).collect();
            json!({
                "elapsed_time": end.seconds,
                "generated_at": end.generated_at.map(stamp),
                "results": results,
                "success": !end.results.iter().any(|result| result.status.is_failure()),
            })
        }
        Event::EndOfRunSummary { errors, warnings, partial_successes, interrupted } => json!({
            "keyboard_interrupt": interrupted,
            "num_errors": errors,
            "num_partial_success": partial_successes,
            "num_warnings": warnings,
        }),
        Event::RunResultFailure(result) | Event::RunResultWarning(result) => grouped(
            result,
            json!({
                "node_name": result.node.facts.name,
                "path": result.node.facts.original_file_path,
                "resource_type": result.node.facts.resource_type,
            }),
        ),
        Event::RunResultError { result, .. } => {
            grouped(result, json!({"msg": result.message.as_deref().unwrap_or("")}))
        }
        Event::RunResultErrorNoMessage(result) => json!({"status": result.status.as_str()}),
        Event::RunResultWarningMessage(result) => json!({"msg": result.message.as_deref().unwrap_or("")}),
        Event::SQLCompiledPath(result) => json!({"path": result.compiled_path.as_deref().unwrap_or("")}),
        Event::CheckNodeTestFailure(result) => {
            json!({"relation_name": result.stored_failures.as_deref().unwrap_or("")})
        }
        Event::StatsLine(stats) => json!({"stats": {
            "error": stats.error, "noop": stats.noop, "pass": stats.pass,
            "skip": stats.skip, "total": stats.total, "warn": stats.warn,
        }}),
        _ => json!({}),
    }
}

fn format_name(json: bool) -> &'static str {
    if json { "json" } else { "text" }
}

fn result_data(line: &ResultLine, own: Value) -> Value {
    let mut data = json!({
        "execution_time": line.seconds,
        "index": line.position.index,
        "status": line.status.as_str(),
        "total": line.position.total,
    });
    if let Value::Object(own) = own {
        for (name, value) in own {
            data[name] = value;
        }
    }
    if let Some(group) = &line.group {
        data["group"] = Value::Object(Map::clone(group));
    }
    data
}

fn batch_data(line: &BatchLine) -> Value {
    json!({
        "batch_index": line.position.index,
        "description": line.description,
        "total_batches": line.position.total,
    })
}

fn overload_data(line: &BatchLine) -> Value {
    json!({
        "description": line.description,
        "overload_index": line.position.index,
        "total_overloads": line.position.total,
    })
}

fn hook_data(hook: &HookLine) -> Value {
    json!({"index": hook.position.index, "statement": hook.statement, "total": hook.position.total})
}

fn grouped(result: &NodeResult, mut data: Value) -> Value {
    if let Some(group) = &result.group {
        data["group"] = Value::Object(Map::clone(group));
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NodeFacts;
    use std::sync::Arc;

    #[test]
    fn a_line_has_the_fields_that_monitors_read() {
        let facts = Arc::new(NodeFacts {
            unique_id: "model.test.a".into(),
            name: "a".into(),
            path: "a.sql".into(),
            resource_type: "model".into(),
            materialized: "view".into(),
            ..NodeFacts::default()
        });
        let at = DateTime::from_timestamp(1_700_000_000, 5_000).unwrap();
        let node = NodeInfo { facts, status: Status::Success, started_at: Some(at), finished_at: None };
        let position = Position { index: 1, total: 2 };
        let line_of =
            ResultLine { node, position, status: Status::Success, message: "OK".into(), seconds: 0.5, group: None };
        let event = Event::LogModelResult { line: line_of, description: "sql view model main.a".into() };
        let info =
            Info { invocation_id: "id", thread: "Thread-1", at, message: "1 of 2 OK", extra: &serde_json::Map::new() };
        let mut shown: Value = serde_json::from_str(&line(&event, &info)).unwrap();
        shown["info"]["pid"] = Value::from(0);
        insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap(), @r#"
        {
          "data": {
            "execution_time": 0.5,
            "index": 1,
            "status": "OK",
            "total": 2,
            "description": "sql view model main.a",
            "node_info": {
              "materialized": "view",
              "meta": {},
              "node_checksum": "",
              "node_finished_at": "",
              "node_name": "a",
              "node_path": "a.sql",
              "node_relation": {
                "alias": "",
                "database": "",
                "relation_name": "",
                "schema": ""
              },
              "node_started_at": "2023-11-14T22:13:20.000005",
              "node_status": "success",
              "resource_type": "model",
              "unique_id": "model.test.a"
            }
          },
          "info": {
            "category": "",
            "code": "Q012",
            "extra": {},
            "invocation_id": "id",
            "level": "info",
            "msg": "1 of 2 OK",
            "name": "LogModelResult",
            "pid": 0,
            "thread": "Thread-1",
            "ts": "2023-11-14T22:13:20.000005Z"
          }
        }
        "#);
    }
}
