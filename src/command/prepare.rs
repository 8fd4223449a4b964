//! From an invocation to a project that can be selected from and run.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use minijinja::Value;
use serde_json::Value as Json;

use crate::adapter::{self, PolicyChange, Warehouse};
use crate::artifact;
use crate::compile::runtime::{CommentSetting, EventTime, RunFlags, Runtime};
use crate::diagnostic::Diagnostics;
use crate::event::{Event, count_line};
use crate::graph::{self, Graph, LayerRules, ResolveOptions};
use crate::invocation::{DBT_VERSION, ExitCode, Invocation};
use crate::jinja::context::Globals;
use crate::jinja::{Engine, Message, MessageKind, adapter_object, relation_object, values};
use crate::load::{self, ProjectFiles};
use crate::manifest::{Manifest, Resource};
use crate::parse;
use crate::project::{Package, QueryComment, Quoting};

use super::Call;

/// A project whose graph is known, and the warehouse it runs on.
pub(crate) struct Prepared {
    pub files: ProjectFiles,
    pub graph: Graph,
    pub engine: Engine,
    pub globals: Arc<Globals>,
    pub warehouse: Arc<Warehouse>,
}

/// `tform parse`: everything up to the manifest.
///
/// # Errors
/// Everything that is wrong in the project.
pub(crate) fn parse(call: &Call) -> Result<ExitCode, Diagnostics> {
    project(call)?;
    Ok(ExitCode::Success)
}

/// Loads, parses and resolves the project, and writes `manifest.json`.
///
/// # Errors
/// Everything that is wrong in the project, at once per stage.
pub(crate) fn project(call: &Call) -> Result<Prepared, Diagnostics> {
    let invocation = &call.invocation;
    let request = load::Request::from(invocation.as_ref());
    let loaded = load::project(&request)?;
    call.warnings(loaded.warnings)?;
    let files = loaded.value;
    let reporter = call.reporter.clone();
    let warehouse = Warehouse::new(adapter::open(&files.target, &invocation.project_dir)?, move |event| reporter.emit(event));
    call.emit(Event::AdapterRegistered {
        adapter: files.target.adapter.to_owned(),
        version: warehouse.adapter().version(),
    });
    let globals = Arc::new(globals(invocation, &files));
    let parsed = parse::manifest(&inputs(call, &files, &globals, &warehouse))?;
    call.warnings(parsed.warnings)?;
    let parse::Parsed { manifest, engine } = parsed.value;
    // Only set here, once.
    let _ = globals.engine.set(engine.clone());
    let options = ResolveOptions {
        restricted_packages: restricted(&files),
        node_package_first: invocation.flags.behaviour("require_ref_searches_node_package_before_root"),
        layers: layers(&files)?,
    };
    let resolved = graph::resolve(with_metadata(manifest, invocation, &files), &options)?;
    call.warnings(resolved.warnings)?;
    let graph = resolved.value;
    call.emit(Event::FoundStats { found: found(graph.manifest()) });
    call.emit(Event::Formatting);
    if invocation.flags.write_json {
        artifact::write_manifest(&files.target_path, graph.manifest())?;
    }
    Ok(Prepared { files, graph, engine, globals, warehouse })
}

fn inputs<'a>(
    call: &Call,
    files: &'a ProjectFiles,
    globals: &Arc<Globals>,
    warehouse: &Arc<Warehouse>,
) -> parse::Inputs<'a> {
    let quoting = policy(files.root().config.quoting);
    let reporter = call.reporter.clone();
    parse::Inputs {
        files,
        globals: globals.clone(),
        capabilities: warehouse.capabilities(),
        adapter: adapter_object::parsing(warehouse, quoting),
        api: relation_object::api(warehouse.capabilities(), quoting),
        listener: Arc::new(move |message| reporter.emit(told(message))),
    }
}

/// What a template says, as an event.
fn told(message: Message) -> Event {
    let Message { kind, text, .. } = message;
    match kind {
        MessageKind::Info => Event::JinjaLogInfo { message: text, node: None },
        MessageKind::Debug => Event::JinjaLogDebug { message: text, node: None },
        MessageKind::Print => Event::print(text),
        MessageKind::Warning => Event::JinjaLogWarning { message: text, node: None },
    }
}

/// The project's quoting as changes to the warehouse's.
pub(crate) fn policy(quoting: Quoting) -> PolicyChange {
    PolicyChange { database: quoting.database, schema: quoting.schema, identifier: quoting.identifier }
}

fn globals(invocation: &Invocation, files: &ProjectFiles) -> Globals {
    let json = |value: &Json| values::from_json(value);
    let flags = invocation.flags.values().map(|(name, value)| (name, json(value)));
    let custom = invocation.environment.custom();
    let target = Json::Object(files.target.to_json());
    Globals {
        vars: files.vars.clone(),
        env: files.environment.clone(),
        project_name: files.root().name.to_string(),
        dbt_version: DBT_VERSION,
        invocation_id: invocation.invocation_id.clone(),
        run_started_at: crate::jinja::datetime::utc(invocation.started_at),
        target: json(&target),
        flags: values::dict_of(flags),
        invocation_args: json(&Json::Object(invocation.flags.arguments())),
        metadata_envs: values::dict_of(custom.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())))),
        selected_resources: OnceLock::new(),
        engine: OnceLock::new(),
    }
}

fn restricted(files: &ProjectFiles) -> HashSet<String> {
    let restricts = |package: &&Package| package.config.restrict_access;
    files.packages.iter().filter(restricts).map(|package| package.name.to_string()).collect()
}

/// `layers:` of `tform.yml`, or those that folders and schemas suggest.
fn layers(files: &ProjectFiles) -> Result<LayerRules, Diagnostics> {
    match &files.tform {
        None => Ok(LayerRules::default()),
        Some(file) => graph::layers::of_file(file),
    }
}

fn with_metadata(mut manifest: Manifest, invocation: &Invocation, files: &ProjectFiles) -> Manifest {
    artifact::fill_metadata(&mut manifest.metadata, invocation, &files.root().name, files.target.adapter);
    manifest
}

/// `2 models, 1 seed, 4 data tests`: what there is, without tform's own macros.
fn found(manifest: &Manifest) -> String {
    let kinds: Vec<&str> = manifest.resources().map(kind).collect();
    let groups = manifest.groups.values().map(|_| "group");
    let macros = manifest.macros.values().map(|_| "macro");
    count_line(kinds.into_iter().chain(groups).chain(macros))
}

fn kind(resource: Resource<'_>) -> &'static str {
    match resource.resource_type() {
        crate::resource::ResourceType::Test => "data_test",
        kind => kind.as_str(),
    }
}

impl Prepared {
    /// Everything that running shares.
    pub fn runtime(self, invocation: &Invocation) -> Arc<Runtime> {
        let quoting = policy(self.files.root().config.quoting);
        let capabilities = self.warehouse.capabilities();
        Arc::new(Runtime {
            graph: Arc::new(self.graph),
            engine: self.engine,
            warehouse: self.warehouse,
            api: relation_object::api(capabilities, quoting),
            globals: self.globals,
            flags: run_flags(invocation, self.files.target.threads),
            project_dir: invocation.project_dir.clone(),
            target_path: self.files.target_path.clone(),
            quoting,
            query_comment: comment(&self.files.root().config.query_comment),
            internal_packages: self.files.builtin.iter().map(|package| package.name.to_owned()).collect(),
            deferred: HashMap::new(),
            graph_dictionary: OnceLock::new(),
            ephemeral: Mutex::default(),
        })
    }
}

fn comment(setting: &QueryComment) -> Option<CommentSetting> {
    match setting {
        QueryComment::Default => Some(CommentSetting { template: None, append: false }),
        QueryComment::Off => None,
        QueryComment::Custom { comment, append, .. } => Some(CommentSetting { template: comment.clone(), append: *append }),
    }
}

fn run_flags(invocation: &Invocation, threads: usize) -> RunFlags {
    let flags = &invocation.flags;
    let bounds = (flags.event_time_start, flags.event_time_end);
    RunFlags {
        full_refresh: flags.full_refresh,
        fail_fast: flags.fail_fast,
        empty: flags.empty,
        store_failures: flags.store_failures,
        sample: flags.sample.as_ref().map(|window| EventTime { start: Some(window.start), end: Some(window.end) }),
        event_time: (bounds != (None, None)).then_some(EventTime { start: bounds.0, end: bounds.1 }),
        threads: invocation.threads.unwrap_or(threads),
    }
}
