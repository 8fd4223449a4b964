//! Before the first node: the schemas exist, and the cache knows what stands in them.

use std::sync::Arc;

use minijinja::Value;

use crate::adapter::{Path, Schemas};
use crate::compile::host::NodeHost;
use crate::compile::runtime::Runtime;
use crate::compile::{self, Rendering};
use crate::diagnostic::Diagnostic;
use crate::jinja::{Arguments, Scope, relation_object, table, values};
use crate::manifest::{Manifest, Node, ResourceType, UniqueId};

/// Makes the schemas of the selected nodes that are missing, and fills the relation cache by
/// one query per database.
///
/// # Errors
/// What the warehouse refuses.
pub fn prepare(rendering: &Rendering<'_>, ids: &[UniqueId]) -> Result<(), Diagnostic> {
    for schemas in wanted(rendering.runtime, ids) {
        make_missing(rendering, &schemas)?;
    }
    fill_cache(rendering)
}

/// Fills the relation cache with every schema of the project.
///
/// # Errors
/// What the warehouse refuses.
pub fn fill_cache(rendering: &Rendering<'_>) -> Result<(), Diagnostic> {
    let schemas = by_database(all(rendering.runtime.manifest()));
    let loaded = rendering.runtime.warehouse.load_relations(&rendering.worker.session, &schemas);
    loaded.map_err(|error| Diagnostic::error(format!("the warehouse's relations cannot be listed: {error}")))
}

/// Makes those schemas of a database that are not there, through the macros that projects override.
fn make_missing(rendering: &Rendering<'_>, schemas: &Schemas) -> Result<(), Diagnostic> {
    let runtime = rendering.runtime;
    let node = Arc::new(runtime.operation("create_schema"));
    let host = NodeHost::new(runtime, &node, rendering.worker.clone(), Vec::new());
    let context = compile::context(runtime, &node, host);
    let scope = Scope::new(&node.package_name, context);
    let call = |name: &str, argument: Value| {
        let arguments = Arguments { positional: vec![argument], named: Vec::new() };
        runtime.engine.call(name, arguments, &scope).map(|rendered| rendered.value)
    };
    let listed = call("list_schemas", Value::from(schemas.database.as_str()))?;
    let existing: Vec<String> = table::rows(&listed)
        .iter()
        .filter_map(|row| row.first().map(|name| values::text(name).to_lowercase()))
        .collect();
    for schema in schemas.schemas.iter().filter(|schema| !existing.contains(&schema.to_lowercase())) {
        let database = Some(schemas.database.as_str()).filter(|database| !database.is_empty());
        let relation = runtime.capabilities().relation(Path::new(database, Some(schema), None), None);
        let relation = relation.quote(runtime.quoting).without_identifier();
        call("create_schema", relation_object::value_of(relation))?;
        rendering.worker.session.commit().map_err(|error| Diagnostic::error(error.to_string()))?;
    }
    Ok(())
}

/// The schemas into which the selected nodes are built.
fn wanted(runtime: &Arc<Runtime>, ids: &[UniqueId]) -> Vec<Schemas> {
    let stores = |node: &Node| {
        node.resource_type == ResourceType::Test
            && (node.config.flag("store_failures").unwrap_or(runtime.flags.store_failures)
                || node.config.text("store_failures_as").is_some_and(|kind| kind != "ephemeral"))
    };
    let nodes = ids.iter().filter_map(|id| runtime.manifest().nodes.get(id));
    by_database(nodes.filter(|node| node.is_relational() || stores(node)).map(|node| schema_of(node)))
}

fn all(manifest: &Manifest) -> impl Iterator<Item = (Option<&str>, &str)> {
    manifest.nodes.values().filter(|node| node.is_relational()).map(|node| schema_of(node))
}

fn schema_of(node: &Node) -> (Option<&str>, &str) {
    (node.database.as_deref(), &node.schema)
}

fn by_database<'a>(schemas: impl Iterator<Item = (Option<&'a str>, &'a str)>) -> Vec<Schemas> {
    let mut found: indexmap::IndexMap<&str, indexmap::IndexSet<&str>> = indexmap::IndexMap::new();
    for (database, schema) in schemas {
        found.entry(database.unwrap_or("")).or_default().insert(schema);
    }
    let owned = |(database, schemas): (&str, indexmap::IndexSet<&str>)| Schemas {
        database: database.to_owned(),
        schemas: schemas.into_iter().map(str::to_owned).collect(),
    };
    found.into_iter().map(owned).collect()
}
