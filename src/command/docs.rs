//! `tform docs`: the documentation site of the project, and a server for it.
//!
//! `docs generate` compiles the project, asks the warehouse for the catalog and writes
//! `index.html`, `site/`, `catalog.json` and `manifest.json` side by side, which dbt's callers
//! expect. `docs serve` shows them to a browser on this machine.
//! Source: docs.getdbt.com/reference/commands/cmd-docs.

mod own_catalog;

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Component, Path};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;

use crate::adapter;
use crate::artifact::history::PastRun;
use crate::artifact::{self, Catalog, CatalogColumn, CatalogTable, FreshnessResult, Statistic, TableMetadata};
use crate::compile::runtime::Runtime;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::docs::{self, Inputs, Lineage};
use crate::event::{Event, Level};
use crate::graph::NodeSet;
use crate::invocation::{Command, ExitCode};
use crate::load;
use crate::manifest::{Node, Resource};
use crate::resource::{ResourceType, UniqueId};
use crate::run::{leaves_relation, schemas_of_project};
use crate::sql::KnownColumn;
use crate::sql::project::{self, Facts};

use super::Call;
use super::{execute, prepare};

/// Writes the site, or serves it.
///
/// # Errors
/// Everything that is wrong in the project, what the warehouse refuses, files that cannot be
/// written, an address that cannot be listened on.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    match &call.invocation.command {
        Command::DocsServe { host, port, browser } => serve(call, host, *port, *browser),
        Command::DocsGenerate { compile, empty_catalog, static_page } => {
            generate(call, Options { compile: *compile, empty_catalog: *empty_catalog, static_page: *static_page })
        }
        _ => Ok(ExitCode::Success),
    }
}

struct Options {
    compile: bool,
    empty_catalog: bool,
    static_page: bool,
}

fn generate(call: &Call, options: Options) -> Result<ExitCode, Diagnostics> {
    // Uncompiled, the manifest of the last invocation stays, if there is one: it has what that one compiled.
    let prepared = prepare::project_without_manifest(call)?;
    let assets = prepared.files.root().config.paths.assets.clone();
    let selected = prepare::select(call, &prepared);
    if options.compile && selected.is_err() {
        prepare::write_manifest(call, &prepared)?;
    }
    let selected = selected?;
    // Compiling replaces the results of the last run, so they are read first.
    // Those that cannot be read are another tool's: the site does without.
    let target_path = &prepared.files.target_path;
    let results = artifact::read::run_results(&target_path.join(artifact::RUN_RESULTS)).ok().flatten();
    let history = artifact::history::read(target_path);
    let memory = docs::remember(target_path, &prepared.graph, &history, results.as_ref())?;
    drop(results);
    let mut runtime = prepared.runtime(&call.invocation, HashMap::new());
    let mut code = ExitCode::Success;
    if options.compile {
        let mut compiled = selected.clone();
        let sources = selected.iter().filter(|at| runtime.graph.resource_type(*at) == ResourceType::Source);
        sources.for_each(|source| compiled.remove(source));
        (code, runtime) = execute::compile(call, runtime, compiled)?;
        if code != ExitCode::Success {
            return Ok(code);
        }
    }
    copy_assets(&call.invocation.project_dir, &assets, &runtime.target_path)?;
    call.emit(Event::notice("BuildingCatalog", Level::Info, "Building catalog"));
    let mut catalog = Catalog::new(&call.invocation);
    if !options.empty_catalog {
        let selection = &call.invocation.selection;
        let narrowed = !selection.select.is_empty() || !selection.exclude.is_empty() || selection.selector.is_some();
        let worker = runtime.worker("generate_catalog");
        let schemas = schemas_of_project(&runtime);
        let tables = match own_catalog::read(&runtime, &worker, &schemas) {
            Some(Ok(tables)) => tables,
            Some(Err(problem)) => {
                code = ExitCode::NodeFailed;
                ungenerated(call, &mut catalog, problem)?
            }
            None => worker.session.catalog(&schemas).map_err(Diagnostic::from)?,
        };
        fill(&mut catalog, &runtime, narrowed.then_some(&selected), tables);
        worker.session.close();
    }
    artifact::write(&runtime.target_path, artifact::CATALOG, &catalog)?;
    let path = runtime.target_path.join(artifact::CATALOG);
    let text = format!("Catalog written to {}", path.display());
    call.emit(Event::notice("CatalogWritten", Level::Info, text));
    site(&runtime, &catalog, (&memory, &history), options.static_page)?;
    let page = runtime.target_path.join(if options.static_page { docs::STATIC_INDEX } else { docs::INDEX });
    let text = format!("Documentation written to {}", page.display());
    call.emit(Event::notice("DocsWritten", Level::Info, text));
    Ok(code)
}

/// The catalog without what a macro of the project refused to give.
fn ungenerated(
    call: &Call,
    catalog: &mut Catalog,
    problem: Diagnostic,
) -> Result<Vec<adapter::CatalogTable>, Diagnostics> {
    catalog.errors = Some(vec![problem.to_string()]);
    let text = format!("Encountered an error while generating catalog: {}", problem.message);
    let warning = Diagnostic::warning_of("CatalogGenerationError", text).at_opt(problem.span);
    call.warnings(warning.into())?;
    let text = "dbt encountered 1 failure while writing the catalog";
    call.emit(Event::notice("WriteCatalogFailure", Level::Error, text));
    Ok(Vec::new())
}

fn site(
    runtime: &Arc<Runtime>,
    catalog: &Catalog,
    (memory, history): (&docs::Memory, &[PastRun]),
    static_page: bool,
) -> Result<(), Diagnostic> {
    let compiled = compiled(runtime);
    let lineage = lineage(runtime, catalog, &compiled);
    let inputs = Inputs {
        graph: &runtime.graph,
        catalog,
        freshness: &freshness(&runtime.target_path),
        lineage: &lineage,
        compiled: &compiled,
        internal_packages: &runtime.internal_packages,
        memory,
        history,
    };
    docs::write(&runtime.target_path, &docs::prepare(&inputs)?, static_page)
}

/// The SQL that nodes became: now, or when they were last compiled.
fn compiled(runtime: &Runtime) -> HashMap<UniqueId, Arc<str>> {
    let is_sql = |node: &Node| node.code().is_none_or(|code| code.language != "python");
    let nodes: Vec<_> = runtime.manifest().nodes.iter().filter(|(_, node)| is_sql(node)).collect();
    let compiled_before = runtime.target_path.join("compiled").is_dir();
    let compiled = nodes.into_par_iter().filter_map(|(id, node)| {
        let now = node.code().and_then(|code| code.compiled_code.clone());
        let before = || compiled_before.then(|| runtime.read_code("compiled", node).map(Arc::from)).flatten();
        Some((id.clone(), now.or_else(before)?))
    });
    compiled.collect()
}

/// How old the data was when `source freshness` and `freshness` last looked: the later one of each.
fn freshness(target_path: &Path) -> HashMap<UniqueId, FreshnessResult> {
    let read = |name: &str| artifact::read::sources(&target_path.join(name)).ok().flatten();
    let mut artifacts: Vec<_> = [artifact::FRESHNESS, artifact::SOURCES].into_iter().filter_map(read).collect();
    artifacts.sort_by(|one, other| one.metadata.generated_at.cmp(&other.metadata.generated_at));
    let results = artifacts.into_iter().flat_map(|artifact| artifact.results);
    results.map(|result| (result.unique_id.clone(), result)).collect()
}

/// Where the columns come from, as far as the SQL that is there tells.
fn lineage(runtime: &Runtime, catalog: &Catalog, compiled: &HashMap<UniqueId, Arc<str>>) -> Lineage {
    let tables = catalog.nodes.iter().chain(&catalog.sources);
    let known = tables.map(|(id, table)| {
        let mut columns: Vec<&CatalogColumn> = table.columns.values().collect();
        columns.sort_by_key(|column| column.index);
        let known = columns.into_iter().map(|column| KnownColumn {
            name: column.name.as_str().into(),
            data_type: Some(column.kind.as_str().into()),
        });
        (id.clone(), known.collect())
    });
    let facts = Facts {
        compiled: compiled.iter().map(|(id, sql)| (id.clone(), Ok(sql.clone()))).collect(),
        seed_headers: runtime.seed_headers(runtime.manifest().nodes.values()),
        catalog: known.collect(),
    };
    project::lineage(&project::inputs(runtime.manifest(), &facts), runtime.capabilities().dialect)
}

/// Copies the folders of `asset-paths` beside the artifacts, where the site looks for them
/// (docs.getdbt.com/reference/project-configs/asset-paths).
fn copy_assets(project: &Path, folders: &[String], target: &Path) -> Result<(), Diagnostic> {
    let inside = |folder: &&String| Path::new(folder).components().all(|part| matches!(part, Component::Normal(_)));
    for folder in folders.iter().filter(inside) {
        let (from, to) = (project.join(folder), target.join(folder));
        if to.is_dir() {
            fs::remove_dir_all(&to).map_err(|error| uncopied(&to, &error))?;
        }
        if !from.is_dir() {
            continue;
        }
        for entry in walkdir::WalkDir::new(&from).into_iter().filter_map(Result::ok) {
            let place = to.join(entry.path().strip_prefix(&from).unwrap_or(entry.path()));
            let copied = match entry.file_type().is_dir() {
                true => fs::create_dir_all(&place),
                false => fs::copy(entry.path(), &place).map(drop),
            };
            copied.map_err(|error| uncopied(&place, &error))?;
        }
    }
    Ok(())
}

fn uncopied(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("asset `{}` cannot be written: {error}", path.display()))
}

fn serve(call: &Call, host: &str, port: u16, browser: bool) -> Result<ExitCode, Diagnostics> {
    let loaded = load::project(&call.request())?;
    let folder = loaded.value.target_path;
    if !folder.join(docs::INDEX).is_file() {
        let missing = format!("there is no site in `{}`", folder.display());
        return Err(Diagnostic::error(missing).hint("`tform docs generate` writes it").into());
    }
    let listener = TcpListener::bind((host, port)).map_err(|error| {
        Diagnostic::error(format!("`{host}:{port}` cannot be listened on: {error}"))
            .hint("`--port` names another port; 0 takes any that is free")
    })?;
    let port = listener.local_addr().map_or(port, |address| address.port());
    let shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let address = format!("http://{shown}:{port}");
    call.emit(Event::notice("ServingDocsPort", Level::Info, format!("Serving docs at {port}")));
    let text = format!("To access from your browser, navigate to: {address}");
    call.emit(Event::notice("ServingDocsAccessInfo", Level::Info, text));
    call.emit(Event::notice("ServingDocsExitInfo", Level::Info, "Press Ctrl+C to exit."));
    std::thread::spawn(move || docs::serve::run(listener, folder));
    if browser {
        open_browser(&address);
    }
    while !call.interrupt.is_set() {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(ExitCode::Success)
}

/// Opens the address in the desktop's browser, where there is one.
fn open_browser(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut process = Process::new(program);
    process.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // The address is on the screen; whoever has no desktop opens it elsewhere.
    drop(process.spawn());
}

/// A relation's name without regard to case.
type Key = (String, String, String);

fn key(database: &str, schema: &str, name: &str) -> Key {
    (database.to_lowercase(), schema.to_lowercase(), name.to_lowercase())
}

fn fill(
    catalog: &mut Catalog,
    runtime: &Arc<Runtime>,
    wanted_nodes: Option<&NodeSet>,
    tables: Vec<adapter::CatalogTable>,
) {
    let default = runtime.warehouse.adapter().default_database().to_owned();
    let mut wanted: HashMap<Key, Vec<UniqueId>> = HashMap::new();
    let wants = |resource: &Resource<'_>| {
        let Some(wanted_nodes) = wanted_nodes else { return true };
        let Some(position) = runtime.graph.position(resource.unique_id()) else { return false };
        // The sources of what is selected come along: there is no way to compile a source.
        let is_source = matches!(resource, Resource::Source(_));
        let mut concerned = runtime.graph.children(position);
        wanted_nodes.contains(position) || is_source && concerned.any(|child| wanted_nodes.contains(child))
    };
    for resource in runtime.manifest().resources().filter(wants) {
        let key = match resource {
            Resource::Node(node) if leaves_relation(runtime, node) && node.function().is_none() => {
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
            id: stat.id.to_string(),
            label: stat.label.to_string(),
            value: stat.value.to_json(),
            include: true,
            description: Some(stat.description.to_string()),
        };
        (stat.id.to_string(), entry)
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
