//! `tform ls`: the resources of the project, selected as everywhere.
//!
//! Source: docs.getdbt.com/reference/commands/list; callers such as Cosmos read the output.

use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::Diagnostics;
use crate::event::{Event, Level};
use crate::graph::Graph;
use crate::invocation::{ExitCode, ListOptions, ListOutput};
use crate::manifest::Resource;
use crate::resource::{ResourceType, UniqueId};

use super::prepare;
use super::{Call, leave};

/// The keys of a line of JSON when none are asked for.
const DEFAULT_KEYS: &[&str] = &[
    "alias",
    "name",
    "package_name",
    "depends_on",
    "direct_parents",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// Prints one line per selected resource.
///
/// # Errors
/// Everything that is wrong in the project or in the selection.
pub(super) fn run(call: &Call, options: &ListOptions) -> Result<ExitCode, Diagnostics> {
    let prepared = prepare::project(call)?;
    prepare::write_graph_summary(call, &prepared)?;
    let selected = prepare::select(call, &prepared)?;
    let graph = &prepared.graph;
    if selected.is_empty() {
        call.emit(Event::notice("NoNodesSelected", Level::Warn, "No nodes selected!"));
        return Ok(prepare::nothing_selected(call));
    }
    let ids: Vec<&UniqueId> = graph.ids_of(&selected).collect();
    let mut lines: Vec<(&UniqueId, String)> =
        ids.into_par_iter().filter_map(|id| Some((id, line(graph, graph.manifest().resource(id)?, options)))).collect();
    lines.par_sort_unstable();
    call.reporter.print_all(lines.into_iter().map(|(_, line)| line));
    leave(prepared);
    Ok(ExitCode::Success)
}

fn line(graph: &Graph, resource: Resource<'_>, options: &ListOptions) -> String {
    match options.output {
        ListOutput::Name => resource_name(resource),
        ListOutput::Path => resource.original_file_path().to_owned(),
        ListOutput::Selector => selector(resource),
        ListOutput::Json => json_line(graph, resource, &options.output_keys),
    }
}

fn resource_name(resource: Resource<'_>) -> String {
    match resource {
        Resource::Source(source) => format!("{}.{}", source.source_name, source.name),
        Resource::Node(node) => node.search_name(),
        other => other.name().to_owned(),
    }
}

/// What selects just this resource.
fn selector(resource: Resource<'_>) -> String {
    let package = resource.package_name();
    match resource.resource_type() {
        ResourceType::Source => {
            let path = resource.fqn();
            let tail: Vec<&str> = path.iter().rev().take(2).map(String::as_str).collect();
            let names: Vec<&str> = tail.into_iter().rev().collect();
            format!("source:{package}.{}", names.join("."))
        }
        ResourceType::Exposure => format!("exposure:{package}.{}", resource.name()),
        ResourceType::Metric => format!("metric:{package}.{}", resource.name()),
        ResourceType::SavedQuery => format!("saved_query:{package}.{}", resource.name()),
        ResourceType::SemanticModel => format!("semantic_model:{package}.{}", resource.name()),
        ResourceType::UnitTest => {
            let name = match resource {
                Resource::UnitTest(test) => test.versioned_name(),
                other => other.name().to_owned(),
            };
            format!("unit_test:{package}.{name}")
        }
        _ => resource.fqn().join("."),
    }
}

fn json_line(graph: &Graph, resource: Resource<'_>, keys: &[String]) -> String {
    let value = match resource {
        Resource::Node(node) => serde_json::to_value(node.as_ref()),
        Resource::Source(source) => serde_json::to_value(source.as_ref()),
        Resource::Exposure(exposure) => serde_json::to_value(exposure.as_ref()),
        Resource::UnitTest(test) => serde_json::to_value(test.as_ref()),
        Resource::Semantic(resource) => serde_json::to_value(resource.as_ref()),
    };
    let mut all = match value {
        Ok(Json::Object(all)) => all,
        _ => Map::new(),
    };
    if let Resource::Node(node) = resource
        && node.model().is_some()
    {
        let parents = all.get("depends_on").and_then(|depends_on| depends_on.get("nodes")).cloned();
        all.insert("direct_parents".to_owned(), parents.unwrap_or_else(|| json!([])));
    }
    let position = graph.position(resource.unique_id());
    let wanted: Vec<&str> =
        if keys.is_empty() { DEFAULT_KEYS.to_vec() } else { keys.iter().map(String::as_str).collect() };
    let mut picked = Map::new();
    for key in wanted {
        match (all.get(key), key) {
            (Some(value), _) => {
                picked.insert(key.to_owned(), value.clone());
            }
            (None, "layer") => {
                let layer = position.and_then(|position| graph.layer(position));
                picked.insert(key.to_owned(), json!(layer));
            }
            // `config.materialized` and the like reach inside.
            (None, key) => {
                if let Some(value) = nested(&all, key) {
                    picked.insert(key.to_owned(), value);
                }
            }
        }
    }
    Json::Object(picked).to_string()
}

fn nested(all: &Map<String, Json>, key: &str) -> Option<Json> {
    let (first, rest) = key.split_once('.')?;
    let mut value = all.get(first)?;
    for part in rest.split('.') {
        value = value.get(part)?;
    }
    Some(value.clone())
}
