//! Writes `manifest.json`, by all threads.

use std::io::{Result, Write};

use indexmap::IndexMap;
use serde::Serialize;

use super::stretches::{self, add};
use crate::graph::{Graph, Position};
use crate::manifest::{Manifest, Resource};

/// What the text of a resource needs, about.
const RESOURCE_BYTES: usize = 3000;
/// The same of an entry of the maps of parents and children.
const FAMILY_BYTES: usize = 256;

/// Writes the manifest of a graph (schema v12).
///
/// # Errors
/// If `out` cannot be written to.
pub(super) fn write(out: &mut (impl Write + Send), graph: &Graph) -> Result<()> {
    // Taken apart by name, so that a new field cannot be forgotten here.
    let Manifest {
        metadata,
        nodes,
        sources,
        macros,
        docs,
        exposures,
        metrics,
        groups,
        selectors,
        disabled,
        saved_queries,
        semantic_models,
        unit_tests,
        functions,
    } = graph.manifest();
    out.write_all(b"{\"metadata\":")?;
    serde_json::to_writer(&mut *out, metadata)?;
    section(out, "nodes", nodes)?;
    section(out, "sources", sources)?;
    section(out, "macros", macros)?;
    section(out, "docs", docs)?;
    section(out, "exposures", exposures)?;
    section(out, "metrics", metrics)?;
    section(out, "groups", groups)?;
    section(out, "selectors", selectors)?;
    section(out, "disabled", disabled)?;
    Family { graph, resources: graph.manifest().resources().collect() }.write(out)?;
    section(out, "saved_queries", saved_queries)?;
    section(out, "semantic_models", semantic_models)?;
    section(out, "unit_tests", unit_tests)?;
    section(out, "functions", functions)?;
    out.write_all(b"}")
}

/// One dictionary of the manifest.
fn section<K, V, S: Sync>(out: &mut (impl Write + Send), name: &str, entries: &IndexMap<K, V, S>) -> Result<()>
where
    K: Serialize + Sync,
    V: Serialize + Sync,
{
    write!(out, ",\"{name}\":{{")?;
    stretches::write(out, (entries.len(), RESOURCE_BYTES), |text, number| {
        let Some((key, value)) = entries.get_index(number) else { return Ok(()) };
        add(text, key)?;
        text.push(b':');
        add(text, value)
    })?;
    out.write_all(b"}")
}

/// Who stands on whom and who is in which group: what a reader of the file wants to find at once, and
/// nobody here does. It is therefore made while the file is written, and not kept.
struct Family<'a> {
    graph: &'a Graph,
    /// By position.
    resources: Vec<Resource<'a>>,
}

impl<'a> Family<'a> {
    fn write(&self, out: &mut (impl Write + Send)) -> Result<()> {
        self.section(out, "parent_map", |at| self.resources[at].parents().iter().map(AsRef::as_ref).collect())?;
        self.section(out, "child_map", |at| {
            self.graph.children(Position::new(at)).map(|child| self.graph.id(child).as_ref()).collect()
        })?;
        let mut groups: IndexMap<&str, Vec<&str>> =
            self.graph.manifest().groups.values().map(|group| (group.name.as_str(), Vec::new())).collect();
        for resource in &self.resources {
            let group = match resource {
                Resource::Node(node) => node.group.as_deref(),
                Resource::Semantic(semantic) => semantic.config.text("group"),
                _ => None,
            };
            if let Some(members) = group.and_then(|group| groups.get_mut(group)) {
                members.push(resource.unique_id());
            }
        }
        section(out, "group_map", &groups)
    }

    /// A dictionary with a sorted list of ids for each resource.
    fn section(
        &self,
        out: &mut (impl Write + Send),
        name: &str,
        relatives: impl Fn(usize) -> Vec<&'a str> + Sync,
    ) -> Result<()> {
        write!(out, ",\"{name}\":{{")?;
        stretches::write(out, (self.resources.len(), FAMILY_BYTES), |text, at| {
            let mut ids = relatives(at);
            ids.sort_unstable();
            add(text, self.resources[at].unique_id())?;
            text.push(b':');
            add(text, &ids)
        })?;
        out.write_all(b"}")
    }
}
