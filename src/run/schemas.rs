//! Before the first node: the schemas exist, and the cache knows what stands in them.

use std::sync::Arc;

use minijinja::Value;

use crate::adapter::{Schemas, Work};
use crate::compile::host::NodeHost;
use crate::compile::runtime::Runtime;
use crate::compile::{self, Rendering};
use crate::diagnostic::Diagnostic;
use crate::jinja::{Arguments, Scope, adapter_object};
use crate::manifest::{Manifest, Node, UniqueId};

/// Fills the relation cache, and makes the schemas of the selected nodes that are missing. One query per
/// database tells both which schemas exist and what is in them.
///
/// # Errors
/// What the warehouse refuses.
pub fn prepare(rendering: &Rendering<'_>, ids: &[UniqueId]) -> Result<(), Diagnostic> {
    let runtime = rendering.runtime;
    let nodes = || ids.iter().filter_map(|id| runtime.manifest().node(id));
    let places = || nodes().filter(|node| leaves_relation(runtime, node)).map(|node| schema_of(node));
    let wanted = by_database(places());
    let existing = list(rendering, places())?;
    let missing = adapter_object::missing_schemas(&rendering.worker.adapter, &wanted, &existing);
    let is_made = !missing.is_empty();
    for schema in missing {
        make(rendering, schema)?;
    }
    // A project's own way to make a schema may put something into it.
    if is_made && runtime.engine.is_replaced("create_schema", &runtime.globals.project_name) {
        list(rendering, places())?;
    }
    name_work(rendering, MAIN.to_owned())
}

/// What the session does, for the log, in dbt's words (`list_shop_main`).
fn name_work(rendering: &Rendering<'_>, name: String) -> Result<(), Diagnostic> {
    rendering.worker.session.set_work(Work { name, ..Work::default() });
    rendering.runtime.assign_invocation(rendering.worker)
}

fn named<'a>(runtime: &'a Runtime, database: &'a str) -> &'a str {
    if database.is_empty() { runtime.warehouse.adapter().default_database() } else { database }
}

/// Fills the relation cache with every schema of the project, and those that it is deferred to.
///
/// # Errors
/// What the warehouse refuses.
pub fn fill_cache(rendering: &Rendering<'_>) -> Result<(), Diagnostic> {
    list(rendering, std::iter::empty())?;
    name_work(rendering, MAIN.to_owned())
}

/// [`fill_cache`], with some schemas more; gives all of them that exist, each with its database.
fn list<'a>(
    rendering: &'a Rendering<'_>,
    more: impl Iterator<Item = (Option<&'a str>, &'a str)>,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let runtime = rendering.runtime;
    let read = runtime.deferred.values().filter(|other| other.is_read);
    let elsewhere = read.map(|other| (other.database.as_deref(), other.schema.as_str()));
    let schemas = by_database(all(runtime.manifest()).chain(elsewhere).chain(more));
    if let [place] = &schemas[..] {
        let database = named(runtime, &place.database);
        let name = match &place.schemas[..] {
            [schema] => format!("list_{database}_{schema}"),
            _ => format!("list_{database}"),
        };
        name_work(rendering, name)?;
    }
    adapter_object::fill_cache(&rendering.worker.adapter, &schemas)
}

/// The session's name when it works for no node.
pub const MAIN: &str = "master";

/// Makes a schema, through the macro that projects override.
fn make(rendering: &Rendering<'_>, schema: Value) -> Result<(), Diagnostic> {
    let runtime = rendering.runtime;
    let node = Arc::new(runtime.operation("create_schema"));
    let host = NodeHost::new(runtime, &node, rendering.worker.clone(), Vec::new());
    let context = compile::context(runtime, &node, host);
    let arguments = Arguments { positional: vec![schema.clone()], named: Vec::new() };
    let shown = schema.to_string();
    let session = &rendering.worker.session;
    let made = runtime.engine.call("create_schema", arguments, &Scope::new(&node.package_name, context));
    made.map_err(|diagnostic| match session.last_error() {
        // The place in the macro that sent the statement says nothing to anybody.
        Some(error) => Diagnostic::error(format!("schema {shown} cannot be made: {error}"))
            .hint(error.hint.unwrap_or_else(|| "somebody who may has to create it beforehand".to_owned())),
        None => diagnostic,
    })?;
    session.commit().map_err(Diagnostic::from)
}

/// Every schema in which the project builds or reads, for the catalog.
pub fn of_project(runtime: &Runtime) -> Vec<Schemas> {
    let default = runtime.warehouse.adapter().default_database();
    let sources = runtime.manifest().sources.values();
    let sources = sources.map(|source| (source.database.as_deref().or(Some(default)), source.schema.as_str()));
    let built = runtime.manifest().nodes_and_functions().filter(|node| leaves_relation(runtime, node));
    let nodes = built.map(|node| schema_of(node)).map(|(database, schema)| (database.or(Some(default)), schema));
    by_database(nodes.chain(sources))
}

/// Whether running a node makes a relation: a model, or a test that keeps its failures.
pub fn leaves_relation(runtime: &Runtime, node: &Node) -> bool {
    node.is_relational() || node.keeps_failures(runtime.flags.store_failures)
}

fn all(manifest: &Manifest) -> impl Iterator<Item = (Option<&str>, &str)> {
    manifest.nodes_and_functions().filter(|node| node.is_relational()).map(|node| schema_of(node))
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
