//! `tform lineage`: which columns come from which, read from the SQL without running anything.
//!
//! Every model is compiled as for an empty warehouse that nobody connects to; what needs the
//! warehouse is compiled with it under `--introspect`, and otherwise said to be unknown.

mod formats;
mod picture;

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use crate::adapter::offline::{self, Offline};
use crate::adapter::{self, Warehouse};
use crate::artifact::{self, Catalog};
use crate::compile::host::NodeHost;
use crate::compile::runtime::{Runtime, Worker};
use crate::compile::{self, Rendering};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::graph::Graph;
use crate::invocation::{ExitCode, LineageFormat, LineageOptions};
use crate::manifest::{Manifest, Node, ResourceType};
use crate::resource::UniqueId;
use crate::sql::KnownColumn;
use crate::sql::project::{self, Facts, NodeLineage};
use crate::target::Target;

use super::Call;
use super::prepare::{self, Prepared};
use picture::{Picture, Start};

/// Shows the lineage of a column, a node or the whole project.
///
/// # Errors
/// Everything that is wrong in the project, or a name that nothing has.
pub(super) fn run(call: &Call, options: &LineageOptions) -> Result<ExitCode, Diagnostics> {
    let prepared = prepare::project_without_manifest(call)?;
    let namespace = namespace(&prepared.files.target);
    let runtime = runtime(call, prepared, options.introspect)?;
    let facts = facts(call, &runtime);
    let manifest = runtime.manifest();
    let lineage = project::lineage(&project::inputs(manifest, &facts), runtime.capabilities().dialect);
    let start = match &options.of {
        Some(name) => Some(start(&runtime.graph, &lineage, name)?),
        None => None,
    };
    let picture = Picture::new(&lineage, start, (options.upstream, options.downstream));
    let view = formats::View { manifest, lineage: &lineage, picture: &picture };
    let text = match options.format {
        LineageFormat::Text => formats::text(&view),
        LineageFormat::Json => formats::json(&view),
        LineageFormat::Dot => formats::dot(&view),
        LineageFormat::Mermaid => formats::mermaid(&view),
        LineageFormat::OpenLineage => formats::open_lineage(&view, &call.invocation, &namespace),
    };
    call.emit(Event::print(text.trim_end()));
    let unknown = picture.nodes.iter().filter(|id| lineage.get(*id).is_some_and(|node| node.unknown.is_some())).count();
    if unknown > 0 && options.format == LineageFormat::Text {
        let nodes = if unknown == 1 { "node" } else { "nodes" };
        let text = format!("The lineage of {unknown} {nodes} is not known in full");
        call.emit(Event::notice("LineageIncomplete", Level::Info, text));
    }
    Ok(ExitCode::Success)
}

/// Where the relations are, as OpenLineage writes it: the server's address, or the file of the database.
fn namespace(target: &Target) -> String {
    let (adapter, connection) = (target.adapter, &target.connection);
    match (connection.text("host"), connection.integer("port")) {
        (Some(host), Some(port)) => format!("{adapter}://{host}:{port}"),
        (Some(host), None) => format!("{adapter}://{host}"),
        (None, _) => format!("{adapter}://{}", connection.text("path").unwrap_or_default()),
    }
}

/// The project ready to be compiled, without connections unless `introspect`.
fn runtime(call: &Call, mut prepared: Prepared, introspect: bool) -> Result<Arc<Runtime>, Diagnostics> {
    if !introspect {
        let adapter = adapter::open(&prepared.files.target, &call.invocation.project_dir)?;
        let reporter = call.reporter.clone();
        prepared.warehouse = Warehouse::new(Offline::empty(adapter), move |event| reporter.emit(event));
    }
    Ok(prepared.runtime(&call.invocation, HashMap::new()))
}

/// What is known beside the manifest: compiled SQL, seeds' headers, the last catalog.
fn facts(call: &Call, runtime: &Arc<Runtime>) -> Facts {
    let nodes: Vec<&Arc<Node>> = runtime.manifest().nodes.values().collect();
    let compiled = nodes.par_iter().filter(|node| is_read(node)).map_init(
        || runtime.worker("lineage"),
        |worker, node| (node.unique_id.clone(), compile(runtime, worker, node)),
    );
    let compiled = compiled.collect();
    Facts { compiled, seed_headers: runtime.seed_headers(nodes.iter().copied()), catalog: catalog(call, runtime) }
}

fn is_read(node: &Node) -> bool {
    matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot)
        && node.code().is_some_and(|code| code.language == "sql")
}

/// A node's SQL, or why there is none.
fn compile(runtime: &Arc<Runtime>, worker: &Worker, node: &Arc<Node>) -> Result<Arc<str>, String> {
    let rendering = Rendering { runtime, worker };
    let host = NodeHost::new(runtime, node, worker.clone(), Vec::new());
    let compiled = compile::node(&rendering, node, &host);
    worker.session.rollback();
    compiled.map(|compiled| compiled.sql).map_err(|diagnostic| {
        let refused = diagnostic.message.contains(offline::REFUSED);
        let first = diagnostic.message.lines().next().unwrap_or_default();
        if refused { offline::REFUSED.to_owned() } else { format!("it does not compile: {first}") }
    })
}

/// The columns of the last `docs generate`, if it left a catalog.
fn catalog(call: &Call, runtime: &Runtime) -> HashMap<UniqueId, Vec<KnownColumn>> {
    let path = runtime.target_path.join(artifact::CATALOG);
    let Ok(text) = std::fs::read_to_string(&path) else { return HashMap::new() };
    let catalog: Catalog = match serde_json::from_str(&text) {
        Ok(catalog) => catalog,
        Err(error) => {
            let text = format!("`{}` is left out, it cannot be read: {error}", path.display());
            call.emit(Event::notice("CatalogUnreadable", Level::Warn, text));
            return HashMap::new();
        }
    };
    let tables = catalog.nodes.into_iter().chain(catalog.sources);
    tables
        .map(|(id, table)| {
            let mut columns: Vec<_> = table.columns.into_values().collect();
            columns.sort_by_key(|column| column.index);
            let known = columns
                .into_iter()
                .map(|column| KnownColumn { name: column.name.into(), data_type: Some(column.kind.into()) });
            (id, known.collect())
        })
        .collect()
}

/// What a name on the command line means: `model`, `package.model`, `source.table`, an id,
/// each with `.column` or without.
fn start(graph: &Graph, lineage: &HashMap<UniqueId, NodeLineage>, name: &str) -> Result<Start, Diagnostic> {
    let manifest = graph.manifest();
    if let Some(node) = find(manifest, lineage, name) {
        return Ok(Start { node, column: None });
    }
    let known = || names(manifest, lineage);
    let Some((node_name, column)) = name.rsplit_once('.') else {
        return Err(unknown_node(name, &known()));
    };
    let Some(node) = find(manifest, lineage, node_name) else {
        return Err(unknown_node(node_name, &known()));
    };
    let columns = lineage.get(&node).map(|lineage| lineage.columns.as_slice()).unwrap_or_default();
    match columns.iter().find(|have| have.name.eq_ignore_ascii_case(column)) {
        Some(found) => Ok(Start { node, column: Some(found.name.clone()) }),
        None => {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_ref()).collect();
            let mut error = Diagnostic::error(format!("`{node_name}` has no column `{column}` that is known"));
            if let Some(reason) = lineage.get(&node).and_then(|lineage| lineage.unknown.clone()) {
                error = error.note(reason);
            }
            Err(error.suggest(column, names))
        }
    }
}

fn unknown_node(name: &str, known: &[String]) -> Diagnostic {
    Diagnostic::error(format!("no model, source, seed or snapshot is named `{name}`"))
        .suggest(name, known.iter().map(String::as_str))
}

fn find(manifest: &Manifest, lineage: &HashMap<UniqueId, NodeLineage>, name: &str) -> Option<UniqueId> {
    if let Some((id, _)) = lineage.get_key_value(name) {
        return Some(id.clone());
    }
    let nodes = manifest.nodes.values().filter(|node| lineage.contains_key(&node.unique_id));
    let mut found = nodes.filter(|node| {
        let full = format!("{}.{}", node.package_name, node.search_name());
        node.search_name() == name || node.name == name || full == name
    });
    let root = manifest.metadata.project_name.as_deref();
    let first = found.next().map(|first| {
        let own = std::iter::once(first).chain(found).find(|node| Some(node.package_name.as_str()) == root);
        own.unwrap_or(first).unique_id.clone()
    });
    first.or_else(|| {
        let mut sources = manifest.sources.values();
        let is_it = |source: &&Arc<crate::manifest::Source>| format!("{}.{}", source.source_name, source.name) == name;
        sources.find(is_it).map(|source| source.unique_id.clone())
    })
}

fn names(manifest: &Manifest, lineage: &HashMap<UniqueId, NodeLineage>) -> Vec<String> {
    let nodes = manifest.nodes.values().filter(|node| lineage.contains_key(&node.unique_id));
    let sources = manifest.sources.values().map(|source| format!("{}.{}", source.source_name, source.name));
    nodes.map(|node| node.search_name()).chain(sources).collect()
}
