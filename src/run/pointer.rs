//! The view under a versioned model's plain name, which always shows the latest version.
//!
//! Source: `latest_version_pointer` of docs.getdbt.com/docs/mesh/govern/model-versions; the
//! project's flag `latest_version_pointer_enabled_by_default` switches it on for every model.

use std::sync::Arc;

use minijinja::Value;
use serde_json::{Value as Json, json};

use crate::compile::host::NodeHost;
use crate::compile::{self, Compiled, Rendering};
use crate::diagnostic::Diagnostic;
use crate::jinja::{Arguments, Scope, values};
use crate::manifest::{Node, ResourceType};

use super::node::{Ready, materialize};

/// Makes the view, if the node is the latest version of a model that wants one.
///
/// # Errors
/// If the version's own relation has the view's name, or as the materialization `view`.
pub fn make(rendering: &Rendering<'_>, node: &Arc<Node>) -> Result<(), Diagnostic> {
    if !is_wanted(node, rendering.runtime.flags.points_to_latest) {
        return Ok(());
    }
    let alias = alias(rendering, node)?;
    let source = rendering.runtime.relation_of(node);
    if node.alias.eq_ignore_ascii_case(&alias) {
        let text = format!(
            "Cannot create latest version pointer: the latest version of '{}' is already aliased to '{alias}'",
            node.name
        );
        let hint = "set `latest_version_pointer: {enabled: false}`, or remove the alias";
        return Err(Diagnostic::error(text).at_opt(node.origin.properties.clone()).hint(hint));
    }
    let sql: Arc<str> = format!("select * from {}", source.render()).into();
    let mut view = Node::clone(node);
    view.unique_id = format!("{}__latest_version_pointer", node.unique_id).into();
    view.alias = alias;
    view.raw_code = sql.clone();
    view.relation_name = None;
    for (key, value) in [
        ("materialized", json!("view")),
        ("pre-hook", json!([])),
        ("post-hook", json!([])),
        ("persist_docs", json!({})),
    ] {
        view.config.set(key, value);
    }
    let ready = Ready { node: Arc::new(view), compiled: Compiled { sql, ctes: Vec::new() }, path: None };
    materialize(rendering, &ready, None).map(drop)
}

fn is_wanted(node: &Node, by_default: bool) -> bool {
    let is_latest = node.resource_type == ResourceType::Model
        && node.model().is_some_and(|model| model.version.is_some() && model.version == model.latest_version);
    let chosen = node.config.get("latest_version_pointer").and_then(|config| match config {
        Json::Bool(on) => Some(*on),
        config => config.get("enabled")?.as_bool(),
    });
    is_latest && chosen.unwrap_or(by_default)
}

/// The view's name, as `generate_latest_version_pointer_alias` says it.
fn alias(rendering: &Rendering<'_>, node: &Arc<Node>) -> Result<String, Diagnostic> {
    let runtime = rendering.runtime;
    let own = node.config.get("latest_version_pointer").and_then(|config| config.get("alias")?.as_str());
    let host = NodeHost::new(runtime, node, rendering.worker.clone(), Vec::new());
    let context = compile::context(runtime, node, host);
    let described = values::from_json(&serde_json::to_value(node.as_ref()).unwrap_or_default());
    let positional = vec![own.map_or_else(values::none, Value::from), described];
    let scope = Scope::new(&node.package_name, context);
    let arguments = Arguments { positional, named: Vec::new() };
    let name = runtime.engine.call("generate_latest_version_pointer_alias", arguments, &scope)?.value;
    Ok(values::text(&name).trim().to_owned())
}
