//! Clones one node from an earlier environment.
//!
//! Where the warehouse copies tables without their rows, tables become tables; everything
//! else becomes a view over the original.
//! Source: docs.getdbt.com/reference/commands/clone.

use std::sync::Arc;

use minijinja::Value;

use crate::compile::host::NodeHost;
use crate::compile::{self, Rendering};
use crate::diagnostic::Diagnostic;
use crate::event::Status;
use crate::jinja::{Arguments, Scope, relation_object, values};
use crate::manifest::Node;

use super::node;
use super::outcome::Report;

/// The materialization of this command, whatever a node's own is.
const MATERIALIZATION: &str = "clone";

/// Makes the node's relation from its counterpart in the state.
///
/// # Errors
/// What the materialization raises or the warehouse refuses.
pub fn run(rendering: &Rendering<'_>, node: &Arc<Node>) -> Result<(Report, Option<String>), Diagnostic> {
    let runtime = rendering.runtime;
    let materialization = runtime
        .materialization(MATERIALIZATION)
        .ok_or_else(|| Diagnostic::error(format!("there is no materialization `{MATERIALIZATION}`")))?;
    let origin = runtime.elsewhere(node);
    let sql = origin.as_ref().map(|relation| format!("select * from {}", relation.render()));
    let extras = vec![
        ("defer_relation", origin.map_or_else(values::none, relation_object::value_of)),
        ("sql", sql.map_or_else(values::none, Value::from)),
    ];
    let host = NodeHost::new(runtime, node, rendering.worker.clone(), extras);
    let context = compile::context(runtime, node, host.clone());
    let scope = Scope::new(&node.package_name, context);
    let value = runtime.engine.call(&materialization.path(), Arguments::default(), &scope)?.value;
    node::settle(rendering.worker, node, &value)?;
    let main = host.gathered().results.remove("main");
    let build_path = host.gathered().build_path.take();
    let Some(main) = main else { return Ok((Report::new(Status::Success, "No-op"), build_path)) };
    let (text, fields) = node::response(&main);
    Ok((Report { adapter_response: fields, ..Report::new(Status::Success, text) }, build_path))
}
