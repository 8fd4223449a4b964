//! What all nodes of one invocation share while they are compiled and run.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use minijinja::Value;

use super::fresh::FreshRows;
use super::host::BatchContext;
use super::stand_in::StandIn;
use crate::adapter::{Capabilities, Column, PolicyChange, QueryComment, Session, Warehouse, Work};
use crate::config::NodeConfig;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, NodeFacts, NodeInfo, RelationFacts};
use crate::graph::{Graph, Target};
use crate::jinja::adapter_object::{AdapterObject, AdapterOptions};
use crate::jinja::context::Globals;
use crate::jinja::{Engine, MacroSource, values};
use crate::manifest::{
    Checksum, Code, Detail, Docs, HookDetail, Manifest, Node, Origin, RefCall, ResourceType, Source, SourceCall,
    UniqueId,
};
use crate::settings::{LockRules, Settings};

/// The rows that a node reads: those with an event time in `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    pub start: Option<DateTime<Utc>>,
    pub end: Option<DateTime<Utc>>,
}

/// What the flags say about running.
#[derive(Debug, Clone, Default)]
pub struct RunFlags {
    pub full_refresh: bool,
    pub fail_fast: bool,
    pub empty: bool,
    pub store_failures: bool,
    /// How many failing rows of a data test are shown.
    pub show_failures: usize,
    /// Whether data tests share queries; `None`: where that is faster.
    pub fuse: Option<bool>,
    pub sample: Option<EventTime>,
    pub event_time: Option<EventTime>,
    pub threads: usize,
    /// Tests that would warn fail (`--warn-error`).
    pub warnings_fail: bool,
    /// A hook at the start that fails skips every node.
    pub skip_after_failed_start: bool,
    /// Whether versioned models get a view of their latest version unless they say otherwise.
    pub points_to_latest: bool,
    /// Whether this run keeps others from building the same relations.
    pub lock: LockRules,
    /// Whether compiling asks the warehouse which relations there are (not with `--no-introspect`
    /// or `--no-populate-cache`: then nothing is connected to unless a template asks).
    pub populates_cache: bool,
    /// Ephemeral models stay references to CTEs that are not there (`--no-inject-ephemeral-ctes`).
    pub keeps_ephemeral: bool,
}

/// A relation that stands in for a node that was not built here (`--defer`).
#[derive(Debug, Clone)]
pub struct Deferred {
    pub database: Option<String>,
    pub schema: String,
    pub alias: String,
    /// It is read in place of the node's own, which this environment lacks or is not to be read.
    pub is_read: bool,
    /// The node is built here, so that foreign keys refer to its own relation.
    pub is_selected: bool,
}

/// An ephemeral model's SQL before its own CTEs are put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EphemeralCode {
    /// The CTE's name.
    pub name: String,
    pub sql: String,
    /// The ephemeral models that it refers to itself.
    pub refers_to: Vec<UniqueId>,
}

/// Where an ephemeral model's SQL is kept once somebody has rendered it.
pub type EphemeralSlot = Arc<OnceLock<Result<Arc<EphemeralCode>, Diagnostic>>>;

/// Shared by all threads of an invocation.
pub struct Runtime {
    pub graph: Arc<Graph>,
    pub engine: Engine,
    pub warehouse: Arc<Warehouse>,
    pub globals: Arc<Globals>,
    pub api: Value,
    pub adapter_options: Arc<AdapterOptions>,
    pub flags: RunFlags,
    /// The project's folder, absolute.
    pub project_dir: PathBuf,
    /// Absolute.
    pub target_path: PathBuf,
    /// `quoting:` of dbt_project.yml.
    pub quoting: PolicyChange,
    /// `query-comment:` of dbt_project.yml; `None` where it is switched off.
    pub query_comment: Option<CommentSetting>,
    /// The packages that tform brings, `dbt_duckdb` and `dbt` for one.
    pub internal_packages: Vec<String>,
    pub deferred: HashMap<UniqueId, Deferred>,
    /// What `tform.yml` says.
    pub settings: Settings,
    /// The tests that look at fresh rows only.
    pub fresh: HashMap<UniqueId, FreshRows>,
    pub graph_dictionary: OnceLock<Value>,
    /// The connected component of each position, where drops within one wait for each other.
    pub components: OnceLock<Vec<usize>>,
    pub ephemeral: Mutex<HashMap<UniqueId, EphemeralSlot>>,
    /// [`Runtime::tests_are_plain`], by package.
    pub plain_tests: Mutex<HashMap<String, bool>>,
    /// The part of the usual query comment that is the same for all.
    pub comment_head: OnceLock<String>,
    /// Set on the runtime of the embedded engine that stands in for the target.
    pub stand_in: Option<StandIn>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<runtime of {}>", self.globals.project_name)
    }
}

impl Runtime {
    pub fn manifest(&self) -> &Manifest {
        self.graph.manifest()
    }

    pub fn emit(&self, event: Event) {
        self.warehouse.emit(event);
    }

    pub fn capabilities(&self) -> &'static Capabilities {
        self.warehouse.capabilities()
    }

    /// The node that a `ref` in `node` means.
    ///
    /// # Errors
    /// As `graph::resolve` reports it; refs in hooks and macros are first seen here.
    pub fn find_ref(&self, node: &Node, call: &RefCall) -> Result<Arc<Node>, Diagnostic> {
        let found = match self.graph.lookup().find_ref(&node.package_name, call) {
            Target::Found(id) => self.manifest().nodes.get(id),
            _ => None,
        };
        found.cloned().ok_or_else(|| missing(node, &call.name, "a node named"))
    }

    /// The user-defined function that `function(...)` in `node` means: `[name]` or `[package, name]`.
    ///
    /// # Errors
    /// If there is none, or it is switched off.
    pub fn find_function(&self, node: &Node, call: &[String]) -> Result<Arc<Node>, Diagnostic> {
        let found = match self.graph.lookup().find_function(&node.package_name, call) {
            Target::Found(id) => self.manifest().functions.get(id),
            _ => None,
        };
        let name = call.last().map_or("", String::as_str);
        found.cloned().ok_or_else(|| missing(node, name, "a function named"))
    }

    /// The table that a `source` in `node` means.
    ///
    /// # Errors
    /// If there is none, or it is switched off.
    pub fn find_source(&self, node: &Node, call: &SourceCall) -> Result<Arc<Source>, Diagnostic> {
        let found = match self.graph.lookup().find_source(&node.package_name, &call.0, &call.1) {
            Target::Found(id) => self.manifest().sources.get(id),
            _ => None,
        };
        found.cloned().ok_or_else(|| missing(node, &format!("{}.{}", call.0, call.1), "a source named"))
    }

    /// A node as its own templates see it (`model`).
    pub fn node_value(&self, node: &Node) -> Value {
        values::from_json(&self.node_json(node))
    }

    /// As [`Runtime::node_value`]: its form in the manifest without what is not set, so that
    /// `model.config.unique_key is defined` tells, and with the types of a contract's columns by the
    /// warehouse's own names (docs.getdbt.com/reference/resource-configs/contract, `alias_types`).
    pub fn node_json(&self, node: &Node) -> serde_json::Value {
        let mut json = serde_json::to_value(node).unwrap_or_default();
        leave_out_nulls(&mut json);
        let columns = json.get_mut("columns").and_then(serde_json::Value::as_object_mut);
        if let (Some(columns), true) = (columns, node.model().is_some_and(|model| model.code.contract.alias_types)) {
            for kind in columns.values_mut().filter_map(|column| column.get_mut("data_type")) {
                if let Some(label) = kind.as_str() {
                    *kind = Column::translate_type(&self.capabilities().columns, label).into();
                }
            }
        }
        json
    }

    /// The `graph` dictionary; made when the first template asks for it.
    pub fn graph_value(&self) -> Value {
        self.graph_dictionary
            .get_or_init(|| {
                let manifest = self.manifest();
                values::dict_of([
                    ("nodes", dictionary(manifest.nodes.iter())),
                    ("sources", dictionary(manifest.sources.iter())),
                    ("exposures", dictionary(manifest.exposures.iter())),
                    ("groups", dictionary(manifest.groups.iter())),
                    ("metrics", dictionary(manifest.metrics.iter())),
                    ("semantic_models", dictionary(manifest.semantic_models.iter())),
                    ("saved_queries", dictionary(manifest.saved_queries.iter())),
                    ("functions", dictionary(manifest.functions.iter())),
                    ("unit_tests", dictionary(manifest.unit_tests.iter())),
                ])
            })
            .clone()
    }

    /// Writes the SQL of a node, or of a batch of it, below `target/compiled` or `target/run`; gives the
    /// path relative to the project.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_code(
        &self,
        kind: &str,
        (node, batch): (&Node, Option<&BatchContext>),
        code: &str,
    ) -> Result<String, Diagnostic> {
        let path = self.target_path.join(kind).join(&node.package_name);
        let path = path.join(batch.map_or_else(|| code_path(node), |batch| batch_path(node, &batch.label)));
        let failed = |error: std::io::Error| {
            Diagnostic::error(format!("`{}` cannot be written: {error}", path.display()))
                .hint("set `target-path` in dbt_project.yml or `--target-path` to a folder that you may write to")
        };
        // The folder is there already for all but the first file in it.
        let written = match (put(&path, code), path.parent()) {
            (Err(error), Some(folder)) if error.kind() == ErrorKind::NotFound => {
                std::fs::create_dir_all(folder).and_then(|()| put(&path, code))
            }
            (written, _) => written,
        };
        written.map_err(failed)?;
        let shown = path.strip_prefix(&self.project_dir).unwrap_or(&path);
        Ok(shown.to_string_lossy().into_owned())
    }

    /// What [`Runtime::write_code`] wrote for a node, now or in an earlier invocation.
    pub fn read_code(&self, kind: &str, node: &Node) -> Option<String> {
        let path = self.target_path.join(kind).join(&node.package_name).join(code_path(node));
        std::fs::read_to_string(path).ok()
    }

    /// The contents of a seed's file as the table that macros see.
    ///
    /// # Errors
    /// If the file cannot be read or is not CSV; located in the file.
    pub fn seed_table(&self, node: &Node) -> Result<Value, Diagnostic> {
        super::seed::table(node)
    }

    /// The names in the first lines of the files of those nodes that are seeds; without those that cannot be read.
    pub fn seed_headers<'n>(&self, nodes: impl Iterator<Item = &'n Arc<Node>>) -> HashMap<UniqueId, Vec<String>> {
        let seeds = nodes.filter(|node| node.resource_type == ResourceType::Seed);
        seeds.filter_map(|node| Some((node.unique_id.clone(), super::seed::header(node).ok()?))).collect()
    }

    /// The text of a docs block: `doc('name')` or `doc('package', 'name')`.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn doc(&self, package: &str, names: &[String]) -> Result<String, Diagnostic> {
        let docs = &self.manifest().docs;
        let find = |package: &str, name: &str| docs.get(format!("doc.{package}.{name}").as_str());
        let found = match names {
            [name] => find(package, name)
                .or_else(|| find(&self.globals.project_name, name))
                .or_else(|| docs.values().find(|block| block.name == *name)),
            [package, name] => find(package, name),
            _ => None,
        };
        match (found, names) {
            (Some(block), _) => Ok(block.block_contents.clone()),
            (None, [.., name]) => Err(Diagnostic::error(format!("docs block `{name}` not found"))
                .suggest(name, docs.values().map(|block| block.name.as_str()))),
            (None, []) => Err(Diagnostic::error("`doc` needs the name of a docs block")),
        }
    }

    /// The slot in which an ephemeral model's compiled SQL is kept.
    pub fn ephemeral_slot(&self, id: &UniqueId) -> EphemeralSlot {
        let mut slots = self.ephemeral.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(id.clone()).or_default().clone()
    }
}

fn missing(node: &Node, name: &str, what: &str) -> Diagnostic {
    let kind = node.resource_type.as_str();
    Diagnostic::error(format!(
        "{} '{}' ({}) depends on {what} '{name}' which was not found",
        kind[..1].to_uppercase() + &kind[1..],
        node.unique_id,
        node.original_file_path
    ))
}

/// `query-comment:` as the project sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentSetting {
    /// A template; `None` for the default, which names tform, target and node.
    pub template: Option<String>,
    pub append: bool,
}

impl Runtime {
    /// A node that stands for work of tform itself, in whose name macros are called.
    pub fn operation(&self, name: &str) -> Node {
        let package = self.globals.project_name.clone();
        let adapter = self.warehouse.adapter();
        Node {
            database: Some(adapter.default_database().to_owned()),
            schema: adapter.default_schema().to_owned(),
            name: name.to_owned(),
            resource_type: ResourceType::Operation,
            path: name.to_owned(),
            original_file_path: name.to_owned(),
            unique_id: format!("operation.{package}.{name}").into(),
            fqn: vec![package.clone(), name.to_owned()],
            package_name: package,
            alias: name.to_owned(),
            checksum: Checksum { name: "none".into(), checksum: String::new() },
            config: NodeConfig::new(ResourceType::Operation),
            tags: Vec::new(),
            description: String::new(),
            columns: crate::manifest::Columns::default(),
            meta: serde_json::Map::new(),
            group: None,
            docs: Docs::default(),
            patch_path: None,
            build_path: None,
            unrendered_config: serde_json::Map::new(),
            created_at: 0.0,
            relation_name: None,
            raw_code: "".into(),
            doc_blocks: Vec::new(),
            detail: Detail::Hook(Box::new(HookDetail { code: Code::default(), index: None })),
            origin: Origin::default(),
        }
    }
}

/// Where a macro comes from; those that go before others first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MacroOrigin {
    Project,
    Installed,
    BuiltIn,
}

/// The macro that a materialization block became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Materialization {
    pub package: String,
    pub name: String,
    pub origin: MacroOrigin,
    /// Of models that it can build; empty where that is not known.
    pub languages: Vec<String>,
    /// 0 for this very warehouse, more for those that it inherits from and for all.
    generality: usize,
}

impl Materialization {
    /// The name by which the engine finds the macro.
    pub fn path(&self) -> String {
        format!("{}.{}", self.package, self.name)
    }

    fn rank(&self) -> (usize, MacroOrigin) {
        (self.generality, self.origin)
    }

    /// Refuses models in a language that the materialization is not made for.
    ///
    /// # Errors
    /// If `language` is none of those that it names.
    pub fn check_language(&self, language: &str) -> Result<(), Diagnostic> {
        if self.languages.is_empty() || self.languages.iter().any(|known| known == language) {
            return Ok(());
        }
        let languages: Vec<String> = self.languages.iter().map(|known| format!("'{known}'")).collect();
        let message = format!(
            "Materialization \"{}\" only supports languages [{}]; got \"{language}\"",
            self.name,
            languages.join(", ")
        );
        Err(Diagnostic::error(message))
    }
}

/// The prefix of the macros that materialization blocks become.
const MATERIALIZATION: &str = "materialization_";

impl Runtime {
    /// The macro that materializes `name`: one for this warehouse before a general one, and
    /// among equals the root project's before a package's before tform's own. A package replaces
    /// what tform has only where the project says so by a materialization of its own, or by
    /// `require_explicit_package_overrides_for_builtin_materializations: false`
    /// (docs.getdbt.com/reference/global-configs/behavior-changes#package-override-for-built-in-materialization).
    pub fn materialization(&self, name: &str) -> Option<Materialization> {
        let candidates = self.materializations(name);
        let first = candidates.iter().min_by_key(|found| found.rank())?;
        if self.overrides_builtin(first, &candidates) && !self.lets_packages_override() {
            let own = candidates.iter().filter(|found| found.origin != MacroOrigin::Installed);
            return own.min_by_key(|found| found.rank()).cloned();
        }
        Some(first.clone())
    }

    /// The package that replaces tform's own materialization `name`, where that is allowed.
    pub fn overriding_package(&self, name: &str) -> Option<String> {
        let candidates = self.materializations(name);
        let first = candidates.iter().min_by_key(|found| found.rank())?;
        let overrides = self.overrides_builtin(first, &candidates) && self.lets_packages_override();
        overrides.then(|| first.package.clone())
    }

    fn overrides_builtin(&self, first: &Materialization, candidates: &[Materialization]) -> bool {
        first.origin == MacroOrigin::Installed && candidates.iter().any(|found| found.origin == MacroOrigin::BuiltIn)
    }

    fn lets_packages_override(&self) -> bool {
        let flag = "require_explicit_package_overrides_for_builtin_materializations";
        self.adapter_options.behavior.get(flag) == Some(&false)
    }

    fn materializations(&self, name: &str) -> Vec<Materialization> {
        let capabilities = self.capabilities();
        let adapters =
            std::iter::once(capabilities.adapter).chain(capabilities.parents.iter().copied()).chain(["default"]);
        let names: Vec<String> = adapters.map(|adapter| format!("{MATERIALIZATION}{name}_{adapter}")).collect();
        let sources = self.engine.macros();
        let found = sources.filter_map(|source| {
            let generality = names.iter().position(|name| *name == source.name)?;
            let package = source.package.to_string();
            let origin = match package.as_str() {
                package if package == self.globals.project_name => MacroOrigin::Project,
                package if self.internal_packages.iter().any(|internal| internal == package) => MacroOrigin::BuiltIn,
                _ => MacroOrigin::Installed,
            };
            let macros = &self.manifest().macros;
            let entry = macros.get(format!("macro.{package}.{}", source.name).as_str());
            let languages = entry.and_then(|entry| entry.supported_languages.clone()).unwrap_or_default();
            Some(Materialization { package, name: source.name.clone(), origin, languages, generality })
        });
        found.collect()
    }

    /// Every materialization's name, for suggestions.
    pub fn materialization_names(&self) -> Vec<String> {
        let blocks = self.engine.macros().filter_map(|source| source.name.strip_prefix(MATERIALIZATION));
        let mut names: Vec<String> =
            blocks.filter_map(|name| name.rsplit_once('_')).map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// A thread's own: its session, and the `adapter` object on it.
#[derive(Debug, Clone)]
pub struct Worker {
    pub session: Arc<Session>,
    pub adapter: Value,
}

impl Runtime {
    /// A worker whose session connects when its first statement comes.
    pub fn worker(self: &Arc<Self>, name: &str) -> Worker {
        let session = self.warehouse.session(name);
        let adapter = AdapterObject::running(&self.adapter_options, &session);
        Worker { session, adapter }
    }

    /// From now on the worker's statements belong to `node`.
    ///
    /// # Errors
    /// If the project's query comment cannot be rendered.
    pub fn assign(
        self: &Arc<Self>,
        worker: &Worker,
        node: &Arc<Node>,
        info: Option<NodeInfo>,
    ) -> Result<(), Diagnostic> {
        let name = node.unique_id.to_string();
        worker.session.set_work(Work { name: name.clone(), node: info.clone(), ..Work::default() });
        let comment = self.comment(worker, Some(node))?;
        worker.session.set_work(Work { name, node: info, comment, component: self.component(node) });
        Ok(())
    }

    /// Whether `get_where_subquery`, `ref` and `source` are tform's own to a node of `package`.
    pub fn tests_are_plain(&self, package: &str) -> bool {
        let mut known = self.plain_tests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plain) = known.get(package) {
            return *plain;
        }
        let (engine, name) = (&self.engine, "get_where_subquery");
        let is_own = |found: Option<&MacroSource>| found.is_some_and(|found| crate::load::is_builtin(&found.file));
        let plain = is_own(engine.resolve(name, package))
            && is_own(engine.dispatched(name, Some("dbt"), package))
            && ["ref", "source"].iter().all(|name| engine.resolve(name, package).is_none());
        known.insert(package.to_owned(), plain);
        plain
    }

    fn component(&self, node: &Node) -> Option<usize> {
        if !self.capabilities().drops_collide || self.warehouse.adapter().facts().concurrent_drops {
            return None;
        }
        let position = self.graph.position(&node.unique_id)?;
        self.components.get_or_init(|| self.graph.components()).get(position.index()).copied()
    }

    /// From now on the worker's statements belong to the invocation, not to a node.
    ///
    /// # Errors
    /// If the project's query comment cannot be rendered.
    pub fn assign_invocation(self: &Arc<Self>, worker: &Worker) -> Result<(), Diagnostic> {
        let comment = self.comment(worker, None)?;
        worker.session.set_work(Work { name: worker.session.name(), comment, ..Work::default() });
        Ok(())
    }

    /// What the usual query comment says of the invocation.
    fn usual_comment(&self) -> String {
        let target = |key: &str| values::text(&self.globals.target.get_attr(key).unwrap_or_default());
        let entries = [
            ("app", "dbt".to_owned()),
            ("dbt_version", self.globals.dbt_version.to_owned()),
            ("profile_name", target("profile_name")),
            ("target_name", target("name")),
        ];
        // With blanks, as dbt writes it: administrators search for parts of it.
        let written = entries.map(|(key, value)| format!("\"{key}\": {}, ", serde_json::Value::from(value)));
        format!("{{{}", written.concat())
    }

    fn comment(
        self: &Arc<Self>,
        worker: &Worker,
        node: Option<&Arc<Node>>,
    ) -> Result<Option<QueryComment>, Diagnostic> {
        let Some(setting) = &self.query_comment else { return Ok(None) };
        let text = match &setting.template {
            None => {
                let (last, name) = match node {
                    Some(node) => ("node_id", node.unique_id.to_string()),
                    None => ("connection_name", worker.session.name()),
                };
                let head = self.comment_head.get_or_init(|| self.usual_comment());
                format!("{head}\"{last}\": {}}}", serde_json::Value::from(name))
            }
            Some(template) => {
                let shown = node.map_or_else(values::none, |node| self.node_value(node));
                let extras = vec![("connection_name", Value::from(worker.session.name())), ("node", shown)];
                let node = node.cloned().unwrap_or_else(|| Arc::new(self.operation("query_comment")));
                let host = super::host::NodeHost::new(self, &node, worker.clone(), extras);
                let context = super::context(self, &node, host);
                let template = crate::jinja::TemplateSource::text("query-comment", template);
                self.engine.render(&template, &crate::jinja::Scope::new(&node.package_name, context))?.value
            }
        };
        QueryComment::new(&text, setting.append).map_err(|error| Diagnostic::error(error.to_string()))
    }
}

/// A file name for the SQL of a node: that of its source, with a name of its own for
/// nodes that share a file (tests in a properties file, hooks).
pub fn code_path(node: &Node) -> PathBuf {
    let original = PathBuf::from(&node.original_file_path);
    let own =
        original.file_name().is_some_and(|name| name.to_string_lossy() == node.path.rsplit('/').next().unwrap_or(""));
    match node.resource_type {
        crate::manifest::ResourceType::Model | crate::manifest::ResourceType::Analysis => original,
        // A file may have several snapshots, one of them under its own name.
        crate::manifest::ResourceType::Snapshot => original.join(format!("{}.sql", node.name)),
        _ if own => original,
        _ => original.join(&node.path),
    }
}

/// A file name for the SQL of one batch of a node: `models/a/a_2024-01-31.sql` for `models/a.sql`.
fn batch_path(node: &Node, label: &str) -> PathBuf {
    let whole = code_path(node);
    let (Some(stem), Some(extension)) = (whole.file_stem(), whole.extension()) else { return whole.join(label) };
    let name = format!("{}_{label}.{}", stem.to_string_lossy(), extension.to_string_lossy());
    whole.with_extension("").join(name)
}

/// What never changes about a node while it runs.
pub fn facts(node: &Node, layer: Option<String>) -> NodeFacts {
    NodeFacts {
        unique_id: node.unique_id.to_string(),
        name: node.name.clone(),
        path: node.path.clone(),
        original_file_path: node.original_file_path.clone(),
        resource_type: node.resource_type.to_string(),
        materialized: node.config.materialized().to_owned(),
        relation: RelationFacts {
            database: node.database.clone().unwrap_or_default(),
            schema: node.schema.clone(),
            alias: node.alias.clone(),
            relation_name: node.relation_name.clone().unwrap_or_default(),
        },
        meta: node.meta.clone(),
        checksum: node.checksum.checksum.clone(),
        layer,
    }
}

/// Takes nulls out of a node's form, but not out of what users write freely.
fn leave_out_nulls(json: &mut serde_json::Value) {
    /// Dictionaries with the users' own keys.
    const FREE: [&str; 8] =
        ["meta", "unrendered_config", "column_types", "grants", "kwargs", "persist_docs", "quoting", "vars"];
    match json {
        serde_json::Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            let own = fields.iter_mut().filter(|(name, _)| !FREE.contains(&name.as_str()));
            own.for_each(|(_, value)| leave_out_nulls(value));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(leave_out_nulls),
        _ => {}
    }
}

fn dictionary<'a, T: serde::Serialize + 'a>(resources: impl Iterator<Item = (&'a UniqueId, &'a T)>) -> Value {
    values::dict_of(resources.map(|(id, resource)| {
        let value = serde_json::to_value(resource).map_or_else(|_| values::none(), |json| values::from_json(&json));
        (id.to_string(), value)
    }))
}

/// Makes a file with this text. One that has it already is left alone: most have after the first time, and
/// reading them is quicker than writing.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match holds(path, text) {
            Ok(true) => Ok(()),
            _ => std::fs::write(path, text),
        },
        Err(error) => Err(error),
    }
}

fn holds(path: &Path, text: &str) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != text.len() as u64 {
        return Ok(false);
    }
    let mut there = Vec::with_capacity(text.len() + 1);
    file.read_to_end(&mut there)?;
    Ok(there == text.as_bytes())
}
