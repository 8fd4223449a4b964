//! `tform run-operation`: calls a macro.
//!
//! Source: docs.getdbt.com/reference/commands/run-operation.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::artifact::{self, RunResult, RunResults};
use crate::compile::host::NodeHost;
use crate::compile::{self, runtime};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level, Status};
use crate::invocation::ExitCode;
use crate::jinja::{Arguments, Scope, values};

use super::Call;
use super::prepare;

/// Calls the macro with the given arguments.
///
/// # Errors
/// Everything that is wrong in the project. What the macro raises is the command's failure.
pub(super) fn run(call: &Call, name: &str, arguments: &Map<String, Json>) -> Result<ExitCode, Diagnostics> {
    let prepared = prepare::project(call)?;
    let runtime = prepared.runtime(&call.invocation, std::collections::HashMap::new());
    let begun = std::time::Instant::now();
    let worker = runtime.worker(&format!("macro_{name}"));
    let mut node = runtime.operation(name);
    let (package, plain) = name.split_once('.').unwrap_or((&runtime.globals.project_name, name));
    // What is named without a package is the root project's, or else what another package has.
    let id = crate::resource::UniqueId::from(format!("macro.{package}.{plain}"));
    let macros = &runtime.manifest().macros;
    let named = |id: &&crate::resource::UniqueId| !name.contains('.') && id.rsplit('.').next() == Some(plain);
    let elsewhere = if macros.contains_key(&id) { None } else { macros.keys().find(named).cloned() };
    node.unique_id = elsewhere.unwrap_or(id);
    let node = Arc::new(node);
    let result = runtime.assign(&worker, &node, None).and_then(|()| {
        let host = NodeHost::new(&runtime, &node, worker.clone(), Vec::new());
        let context = compile::context(&runtime, &node, host);
        let named =
            arguments.iter().map(|(name, value)| (Arc::from(name.as_str()), values::from_json(value))).collect();
        let arguments = Arguments { positional: Vec::new(), named };
        let scope = Scope::new(&node.package_name, context);
        runtime.engine.call(name, arguments, &scope).map(drop)
    });
    // What the macro did in a transaction stays.
    let result = match result {
        Ok(()) => worker.session.commit().map_err(|error| Diagnostic::error(error.to_string())),
        Err(diagnostic) => {
            worker.session.rollback();
            Err(diagnostic)
        }
    };
    worker.session.close();
    let status = if result.is_ok() { Status::Success } else { Status::Error };
    // dbt lists the macro itself, under the package in which it was found.
    let found = runtime.engine.resolve(name, &runtime.globals.project_name);
    let id = found.map_or_else(|| node.unique_id.clone(), |source| source.unique_id().into());
    write_results(call, &runtime, &id, status, begun.elapsed().as_secs_f64())?;
    match result {
        Ok(()) => Ok(ExitCode::Success),
        Err(diagnostic) => {
            let text = format!("Encountered an error while running operation: {diagnostic}");
            call.emit(Event::notice("RunningOperationCaughtError", Level::Error, text));
            Ok(ExitCode::NodeFailed)
        }
    }
}

fn write_results(
    call: &Call,
    runtime: &Arc<runtime::Runtime>,
    id: &crate::resource::UniqueId,
    status: Status,
    seconds: f64,
) -> Result<(), Diagnostic> {
    if !call.invocation.flags.write_json {
        return Ok(());
    }
    let results = vec![RunResult { execution_time: seconds, ..RunResult::new(id, status) }];
    let results = RunResults::new(&call.invocation, results, seconds);
    artifact::write(&runtime.target_path, artifact::RUN_RESULTS, &results)
}
