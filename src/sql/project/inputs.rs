//! From a manifest to what lineage reads.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::{EPHEMERAL, NodeCode, NodeInput};
use crate::manifest::{Columns, Manifest, Node, ResourceType, Source};
use crate::resource::UniqueId;
use crate::sql::{Completeness, KnownColumn, KnownColumns};

/// What is known beside the manifest, by id.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// SQL that was compiled, or why it was not. Other nodes are read as the manifest has
    /// them: their `compiled_code`, or their code where it holds no Jinja.
    pub compiled: HashMap<UniqueId, Result<Arc<str>, String>>,
    /// The names in the first lines of seeds.
    pub seed_headers: HashMap<UniqueId, Vec<String>>,
    /// All columns, as the warehouse has them.
    pub catalog: HashMap<UniqueId, Vec<KnownColumn>>,
}

/// Every source, seed, model and snapshot of a manifest.
pub fn inputs<'m>(manifest: &'m Manifest, facts: &'m Facts) -> Vec<NodeInput<'m>> {
    let sources = manifest.sources.values().map(|source| of_source(source, facts));
    let nodes = manifest.nodes.values().filter(|node| node.resource_type.is_refable());
    sources.chain(nodes.map(|node| of_node(node, facts))).collect()
}

fn of_source<'m>(source: &'m Source, facts: &Facts) -> NodeInput<'m> {
    let known = catalog(&source.unique_id, facts).unwrap_or_else(|| described(&source.columns, false));
    NodeInput {
        id: source.unique_id.clone(),
        parents: &[],
        relation: source.relation_name.as_deref().map(Cow::Borrowed),
        known,
        code: NodeCode::Table,
        added: Vec::new(),
    }
}

fn of_node<'m>(node: &'m Node, facts: &'m Facts) -> NodeInput<'m> {
    let enforced = node.code().is_some_and(|code| code.contract.enforced);
    let known = catalog(&node.unique_id, facts)
        .or_else(|| seed(node, facts))
        .unwrap_or_else(|| described(&node.columns, enforced));
    let relation = match node.is_ephemeral() {
        true => Some(Cow::Owned(format!("{EPHEMERAL}{}", node.alias))),
        false => node.relation_name.as_deref().map(Cow::Borrowed),
    };
    NodeInput {
        id: node.unique_id.clone(),
        parents: node.parents(),
        relation,
        known,
        code: code(node, facts),
        added: added(node),
    }
}

fn code<'m>(node: &'m Node, facts: &'m Facts) -> NodeCode<'m> {
    if node.resource_type == ResourceType::Seed {
        return NodeCode::Table;
    }
    match facts.compiled.get(&node.unique_id) {
        Some(Ok(sql)) => return NodeCode::Sql(Cow::Borrowed(sql)),
        Some(Err(reason)) => return NodeCode::Unreadable(Cow::Borrowed(reason)),
        None => {}
    }
    match node.code() {
        Some(code) if code.language != "sql" => {
            NodeCode::Unreadable(Cow::Owned(format!("its code is {}, not SQL", code.language)))
        }
        Some(code) if code.compiled_code.is_some() => {
            NodeCode::Sql(Cow::Borrowed(code.compiled_code.as_deref().unwrap_or_default()))
        }
        _ if ["{{", "{%", "{#"].iter().any(|jinja| node.raw_code.contains(jinja)) => {
            NodeCode::Unreadable(Cow::Borrowed("it was not compiled"))
        }
        _ => NodeCode::Sql(Cow::Borrowed(&node.raw_code)),
    }
}

fn catalog(id: &UniqueId, facts: &Facts) -> Option<KnownColumns> {
    let columns = facts.catalog.get(id)?.clone();
    Some(KnownColumns { columns, completeness: Completeness::Complete })
}

/// A seed's columns: those of its file, with the types that are set for them.
fn seed(node: &Node, facts: &Facts) -> Option<KnownColumns> {
    let header = facts.seed_headers.get(&node.unique_id)?;
    let types = node.config.get("column_types").and_then(|types| types.as_object());
    let columns = header.iter().map(|name| {
        let set = types.and_then(|types| types.get(name)).and_then(|value| value.as_str());
        let described = node.columns.get(name).and_then(|column| column.data_type.as_deref());
        KnownColumn { name: name.as_str().into(), data_type: set.or(described).map(Arc::from) }
    });
    Some(KnownColumns { columns: columns.collect(), completeness: Completeness::Complete })
}

/// Columns that a properties file describes; a contract that is enforced has all of them.
fn described(columns: &Columns, enforced: bool) -> KnownColumns {
    let known = columns.values().map(|column| KnownColumn {
        name: column.name.as_str().into(),
        data_type: column.data_type.as_deref().map(Arc::from),
    });
    let completeness = match (columns.is_empty(), enforced) {
        (false, true) => Completeness::Complete,
        (false, false) => Completeness::Declared,
        (true, _) => Completeness::Partial,
    };
    KnownColumns { columns: known.collect(), completeness }
}

/// The columns that snapshots have beside those of their query.
/// Source: docs.getdbt.com/docs/build/snapshots#snapshot-meta-fields
fn added(node: &Node) -> Vec<Arc<str>> {
    if node.resource_type != ResourceType::Snapshot {
        return Vec::new();
    }
    let names = node.config.get("snapshot_meta_column_names").and_then(|names| names.as_object());
    let name = |standard: &str| -> Arc<str> {
        names.and_then(|names| names.get(standard)).and_then(|name| name.as_str()).unwrap_or(standard).into()
    };
    let mut added: Vec<Arc<str>> =
        ["dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"].into_iter().map(name).collect();
    if node.config.text("hard_deletes") == Some("new_record") {
        added.push(name("dbt_is_deleted"));
    }
    added
}
