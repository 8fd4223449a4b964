//! `tform docs`: what the warehouse says of the project's relations, for documentation.
//!
//! `docs generate` compiles the project and writes `catalog.json` beside `manifest.json`,
//! which dbt's docs page and other readers show. The site itself is a later stage.
//! Source: docs.getdbt.com/reference/commands/cmd-docs.

use std::collections::HashMap;
use std::path::{Component, Path};
use std::sync::Arc;

use crate::adapter;
use crate::artifact::{self, Catalog, CatalogColumn, CatalogTable, Statistic, TableMetadata};
use crate::compile::runtime::Runtime;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::invocation::{Command, ExitCode};
use crate::manifest::Resource;
use crate::resource::UniqueId;
use crate::run::schemas_of_project;

use super::Call;
use super::{execute, prepare};

/// Writes the catalog; `docs serve` says that there is no site yet.
///
/// # Errors
/// Everything that is wrong in the project, or what the warehouse refuses.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    let Command::DocsGenerate { compile, empty_catalog, .. } = call.invocation.command else {
        return Err(Diagnostic::error("this version of tform does not serve the documentation site yet")
            .hint("`tform docs generate` writes `manifest.json` and `catalog.json`, which dbt's own docs page reads")
            .into());
    };
    let prepared = if compile { prepare::project(call)? } else { prepare::project_without_manifest(call)? };
    let assets = prepared.files.root().config.paths.assets.clone();
    let selected = prepare::select(call, &prepared)?;
    let runtime = prepared.runtime(&call.invocation, HashMap::new());
    let mut code = ExitCode::Success;
    if compile {
        code = execute::compile(call, &runtime, selected)?;
        if code != ExitCode::Success {
            return Ok(code);
        }
    }
    copy_assets(&call.invocation.project_dir, &assets, &runtime.target_path)?;
    call.emit(Event::notice("BuildingCatalog", Level::Info, "Building catalog"));
    let mut catalog = Catalog::new(&call.invocation);
    if !empty_catalog {
        let worker = runtime.worker("generate_catalog");
        let schemas = schemas_of_project(&runtime);
        let tables = worker.session.catalog(&schemas).map_err(Diagnostic::from)?;
        fill(&mut catalog, &runtime, tables);
        worker.session.close();
    }
    artifact::write(&runtime.target_path, artifact::CATALOG, &catalog)?;
    let path = runtime.target_path.join(artifact::CATALOG);
    let text = format!("Catalog written to {}", path.display());
    call.emit(Event::notice("CatalogWritten", Level::Info, text));
    Ok(code)
}

/// Copies the folders of `asset-paths` beside the artifacts, where the site looks for them
/// (docs.getdbt.com/reference/project-configs/asset-paths).
fn copy_assets(project: &Path, folders: &[String], target: &Path) -> Result<(), Diagnostic> {
    let inside = |folder: &&String| Path::new(folder).components().all(|part| matches!(part, Component::Normal(_)));
    for folder in folders.iter().filter(inside) {
        let (from, to) = (project.join(folder), target.join(folder));
        if to.is_dir() {
            std::fs::remove_dir_all(&to).map_err(|error| uncopied(&to, &error))?;
        }
        if !from.is_dir() {
            continue;
        }
        for entry in walkdir::WalkDir::new(&from).into_iter().filter_map(Result::ok) {
            let place = to.join(entry.path().strip_prefix(&from).unwrap_or(entry.path()));
            let copied = match entry.file_type().is_dir() {
                true => std::fs::create_dir_all(&place),
                false => std::fs::copy(entry.path(), &place).map(drop),
            };
            copied.map_err(|error| uncopied(&place, &error))?;
        }
    }
    Ok(())
}

fn uncopied(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("asset `{}` cannot be written: {error}", path.display()))
}

/// A relation's name without regard to case.
type Key = (String, String, String);

fn key(database: &str, schema: &str, name: &str) -> Key {
    (database.to_lowercase(), schema.to_lowercase(), name.to_lowercase())
}

fn fill(catalog: &mut Catalog, runtime: &Arc<Runtime>, tables: Vec<adapter::CatalogTable>) {
    let default = runtime.warehouse.adapter().default_database().to_owned();
    let mut wanted: HashMap<Key, Vec<UniqueId>> = HashMap::new();
    for resource in runtime.manifest().resources() {
        let key = match resource {
            Resource::Node(node) if node.is_relational() => {
                key(node.database.as_deref().unwrap_or(&default), &node.schema, &node.alias)
            }
            Resource::Source(source) => {
                key(source.database.as_deref().unwrap_or(&default), &source.schema, &source.identifier)
            }
            _ => continue,
        };
        wanted.entry(key).or_default().push(resource.unique_id().clone());
    }
    for table in tables {
        for id in wanted.get(&key(&table.database, &table.schema, &table.name)).into_iter().flatten() {
            let entry = entry(&table, id);
            match id.starts_with("source.") {
                true => catalog.sources.insert(id.clone(), entry),
                false => catalog.nodes.insert(id.clone(), entry),
            };
        }
    }
}

fn entry(table: &adapter::CatalogTable, id: &UniqueId) -> CatalogTable {
    let columns = table.columns.iter().map(|column| {
        let entry = CatalogColumn {
            kind: column.type_name.clone(),
            index: u64::try_from(column.index).unwrap_or(0),
            name: column.name.clone(),
            comment: column.comment.clone(),
        };
        (column.name.clone(), entry)
    });
    let statistics = table.stats.iter().map(|stat| {
        let entry = Statistic {
            id: stat.id.to_owned(),
            label: stat.label.to_owned(),
            value: stat.value.to_json(),
            include: true,
            description: Some(stat.description.to_owned()),
        };
        (stat.id.to_owned(), entry)
    });
    let has = Statistic {
        id: "has_stats".to_owned(),
        label: "Has Stats?".to_owned(),
        value: serde_json::Value::Bool(!table.stats.is_empty()),
        include: false,
        description: Some("Indicates whether there are statistics for this table".to_owned()),
    };
    CatalogTable {
        metadata: TableMetadata {
            kind: table.kind.clone(),
            schema: table.schema.clone(),
            name: table.name.clone(),
            database: Some(table.database.clone()),
            comment: table.comment.clone(),
            owner: table.owner.clone(),
        },
        columns: columns.collect(),
        stats: statistics.chain([("has_stats".to_owned(), has)]).collect(),
        unique_id: Some(id.clone()),
    }
}
