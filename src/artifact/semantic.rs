//! `semantic_manifest.json`: what MetricFlow and its readers want to know.
//! Source: docs.getdbt.com/docs/build/sl-getting-started (the file that `parse` writes).

use serde_json::{Map, Value, json};

use crate::manifest::{Manifest, SemanticResource};

/// The semantic part of a manifest, as much as is kept of it.
pub fn semantic_manifest(manifest: &Manifest) -> Value {
    let bodies = |resources: Vec<&SemanticResource>| -> Vec<Value> { resources.into_iter().map(body).collect() };
    json!({
        "semantic_models": bodies(manifest.semantic_models.values().map(AsRef::as_ref).collect()),
        "metrics": bodies(manifest.metrics.values().map(AsRef::as_ref).collect()),
        "project_configuration": {
            "time_spine_table_configurations": [],
            "metadata": null,
            "dsi_package_version": {"major_version": "0", "minor_version": "9", "patch_version": "0"},
            "time_spines": time_spines(manifest),
        },
        "saved_queries": bodies(manifest.saved_queries.values().map(AsRef::as_ref).collect()),
    })
}

fn body(resource: &SemanticResource) -> Value {
    let mut map = Map::new();
    map.insert("name".to_owned(), Value::from(resource.name.as_str()));
    map.extend(resource.body.iter().map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(map)
}

fn time_spines(manifest: &Manifest) -> Vec<Value> {
    let spines = manifest.nodes.values().filter_map(|node| {
        let spine = node.model()?.time_spine.as_ref()?;
        let column = spine.get("standard_granularity_column")?.as_str()?;
        let granularity = node.columns.get(column).and_then(|column| column.rest.granularity.as_deref());
        Some(json!({
            "node_relation": {
                "alias": node.alias,
                "schema_name": node.schema,
                "database": node.database,
                "relation_name": node.relation_name,
            },
            "primary_column": {"name": column, "time_granularity": granularity},
            "custom_granularities": spine.get("custom_granularities").cloned().unwrap_or_else(|| json!([])),
        }))
    });
    spines.collect()
}
