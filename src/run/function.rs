//! Builds a user-defined function, then each of its overloads; one that fails does not stop the others.
//!
//! Source: docs.getdbt.com/docs/build/udfs.

use std::sync::Arc;
use std::time::Instant;

use crate::artifact::OverloadResults;
use crate::compile::{Compiled, Rendering};
use crate::diagnostic::Diagnostic;
use crate::event::{BatchLine, Event, NodeInfo, Position, Status};
use crate::manifest::{Detail, FunctionDetail, Node, Overload};

use super::node::{Ready, materialize, response};
use super::outcome::{Report, message_of};

/// Creates the function and its overloads, but for those that an earlier invocation made.
///
/// # Errors
/// What is refused of the function itself; an overload that fails is part of the report.
pub fn build(
    rendering: &Rendering<'_>,
    ready: &Ready,
    info: &NodeInfo,
    previous: Option<&OverloadResults>,
) -> Result<(Report, Option<String>), Diagnostic> {
    let node = &ready.node;
    let Detail::Function(function) = &node.detail else {
        return Err(Diagnostic::error(format!("`{}` is no function", node.unique_id)));
    };
    let made = materialize(rendering, ready, None)?;
    let (_, fields) = response(&made.main);
    let mut results = OverloadResults::default();
    let mut first_error = None;
    for (index, overload) in function.overloads.iter().enumerate() {
        let position = Position { index: index + 1, total: function.overloads.len() };
        let description = format!("function {} overload {}", node.name, overload.defined_in);
        let line = BatchLine { node: info.clone(), position, description };
        let emit = |event| rendering.runtime.emit(event);
        if previous.is_some_and(|previous| previous.successful.contains(&overload.defined_in)) {
            results.successful.push(overload.defined_in.clone());
            emit(Event::LogOverloadResult { line, status: Status::Skipped, seconds: 0.0 });
            continue;
        }
        emit(Event::LogStartOverload(line.clone()));
        let begun = Instant::now();
        let status = match materialize(rendering, &overloaded(node, function, overload), None) {
            Ok(_) => {
                results.successful.push(overload.defined_in.clone());
                Status::Success
            }
            Err(problem) => {
                let session = &rendering.worker.session;
                let message = message_of(node, &problem, session.last_error().as_ref());
                session.rollback();
                session.forget_error();
                results.failed.push(overload.defined_in.clone());
                first_error.get_or_insert(message);
                Status::Error
            }
        };
        emit(Event::LogOverloadResult { line, status, seconds: begun.elapsed().as_secs_f64() });
    }
    let mut report = match first_error {
        None => Report::new(Status::Success, "SUCCESS"),
        Some(error) => {
            let message = format!("PARTIAL SUCCESS {}\n{error}", node.name);
            Report::new(Status::PartialSuccess, message)
        }
    };
    report.adapter_response = fields;
    report.overloads = Some(results);
    Ok((report, made.build_path))
}

/// The function as it is for the arguments of an overload.
fn overloaded(node: &Node, function: &FunctionDetail, overload: &Overload) -> Ready {
    let body = overload.compiled_body.clone().unwrap_or_else(|| "".into());
    let mut own = function.clone();
    own.arguments.clone_from(&overload.arguments);
    own.returns = overload.returns.clone().unwrap_or_else(|| function.returns.clone());
    own.code.compiled_code = Some(body.clone());
    let node = Node { detail: Detail::Function(Box::new(own)), ..node.clone() };
    Ready { node: Arc::new(node), compiled: Compiled { sql: body, ctes: Vec::new() }, path: None }
}
