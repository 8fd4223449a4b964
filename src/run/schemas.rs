//! Before the first node: the schemas exist, and the cache knows what stands in them.

use std::sync::Arc;

use crate::adapter::Schemas;
use crate::compile::Rendering;
use crate::compile::session::Session;
use crate::diagnostic::Diagnostics;
use crate::jinja::adapter_object;
use crate::manifest::{Manifest, Node, ResourceType, UniqueId};

/// Makes the schemas of the selected nodes that are missing, and fills the relation cache by
/// one query per database.
///
/// # Errors
/// What the warehouse refuses.
pub fn prepare(rendering: &Rendering<'_>, ids: &[UniqueId]) -> Result<(), Diagnostics> {
    let session = rendering.session;
    fill_cache(rendering, ids)?;
    let wanted = wanted(session, ids);
    adapter_object::create_schemas(session, rendering.adapter, &wanted).map_err(Diagnostics::from)
}

/// Fills the relation cache with every schema of the project.
///
/// # Errors
/// What the warehouse refuses.
pub fn fill_cache(rendering: &Rendering<'_>, _ids: &[UniqueId]) -> Result<(), Diagnostics> {
    let schemas = by_database(all(rendering.session.manifest()));
    adapter_object::fill_cache(rendering.adapter, &schemas).map_err(Diagnostics::from)
}

/// The schemas into which the selected nodes are built.
fn wanted(session: &Arc<Session>, ids: &[UniqueId]) -> Vec<Schemas> {
    let stores = |node: &Node| {
        node.resource_type == ResourceType::Test
            && (node.config.flag("store_failures").unwrap_or(session.flags.store_failures)
                || node.config.text("store_failures_as").is_some_and(|kind| kind != "ephemeral"))
    };
    let nodes = ids.iter().filter_map(|id| session.manifest().nodes.get(id));
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
