//! Writes `manifest.json`, by all threads.

use std::io::{Result, Write};

use indexmap::IndexMap;
use serde::Serialize;

use super::stretches::{self, add};
use crate::manifest::Manifest;

/// Writes a manifest as `serde_json::to_writer` does.
///
/// # Errors
/// If `out` cannot be written to.
pub(super) fn write(out: &mut (impl Write + Send), manifest: &Manifest) -> Result<()> {
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
        parent_map,
        child_map,
        group_map,
        saved_queries,
        semantic_models,
        unit_tests,
        functions,
    } = manifest;
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
    section(out, "parent_map", parent_map)?;
    section(out, "child_map", child_map)?;
    section(out, "group_map", group_map)?;
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
    stretches::write(out, entries.len(), |text, number| {
        let Some((key, value)) = entries.get_index(number) else { return Ok(()) };
        add(text, key)?;
        text.push(b':');
        add(text, value)
    })?;
    out.write_all(b"}")
}
