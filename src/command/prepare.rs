//! From an invocation to a project that can be selected from and run.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use minijinja::Value;
use serde_json::{Value as Json, json};

use crate::adapter::offline::Offline;
use crate::adapter::{self, Capabilities, ConstraintKind, ConstraintSupport, Path, PolicyChange, Warehouse};
use crate::artifact;
use crate::compile::fresh;
use crate::compile::runtime::{CommentSetting, Deferred, EventTime, RunFlags, Runtime};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Warned};
use crate::event::{Action, Event, Level, found_line};
use crate::graph::{self, Graph, NodeSet, ResolveOptions};
use crate::invocation::{Command, DBT_VERSION, ExitCode, Invocation};
use crate::jinja::adapter_object::{self, AdapterObject, AdapterOptions};
use crate::jinja::context::Globals;
use crate::jinja::{Engine, EngineOptions, Message, MessageKind, relation_object, values};
use crate::load::{self, FileKind, ProjectFiles};
use crate::manifest::{self, Manifest, Resource};
use crate::parse;
use crate::project::{self, Package, QueryComment, Quoting, TreeRenderer};
use crate::resource::UniqueId;
use crate::select::{self, Context, Selectors};
use crate::settings::LockRules;
use crate::state::{self, Deferral, DeferredRelation};
use crate::yaml;

use super::{Call, leave};

/// A project whose graph is known, and the warehouse it runs on.
pub(crate) struct Prepared {
    pub files: ProjectFiles,
    pub graph: Graph,
    pub engine: Engine,
    pub globals: Arc<Globals>,
    pub warehouse: Arc<Warehouse>,
    pub adapter_options: Arc<AdapterOptions>,
}

/// `tform parse`: everything up to the manifest.
///
/// # Errors
/// Everything that is wrong in the project.
pub(crate) fn parse(call: &Call) -> Result<ExitCode, Diagnostics> {
    leave(project(call)?);
    Ok(ExitCode::Success)
}

/// Loads, parses and resolves the project, and writes `manifest.json`.
///
/// # Errors
/// Everything that is wrong in the project, at once per stage.
pub(crate) fn project(call: &Call) -> Result<Prepared, Diagnostics> {
    let prepared = project_without_manifest(call)?;
    write_manifest(call, &prepared)?;
    Ok(prepared)
}

/// Writes `manifest.json`, unless `--no-write-json`.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_manifest(call: &Call, prepared: &Prepared) -> Result<(), Diagnostic> {
    if !call.invocation.flags.write_json {
        return Ok(());
    }
    artifact::write_manifest(&prepared.files.target_path, &prepared.graph)
}

/// Writes `graph_summary.json`, unless `--no-write-json`.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write_graph_summary(call: &Call, prepared: &Prepared) -> Result<(), Diagnostic> {
    if !call.invocation.flags.write_json {
        return Ok(());
    }
    artifact::write_graph_summary(&prepared.files.target_path, &prepared.graph, &call.invocation.invocation_id)
}

/// [`project`] that leaves the manifest of the last invocation where it is.
///
/// # Errors
/// As [`project`].
pub(crate) fn project_without_manifest(call: &Call) -> Result<Prepared, Diagnostics> {
    let invocation = &call.invocation;
    let request = call.request();
    let loaded = load::project(&request).map_err(|problems| problems.of_kind("Runtime Error"))?;
    call.warnings(loaded.warnings)?;
    let mut files = loaded.value;
    if let Some(file) = &files.catalogs {
        match invocation.flags.behaviour("use_catalogs_v2") {
            true => project::catalogs::check(file)?,
            false => project::catalogs::check_integrations(file)?,
        }
    }
    call.emit(vars_hash(invocation));
    if invocation.flags.is_asked_for("partial_parse") {
        let text = "Unable to do partial parsing because no manifest is saved for it, nor needed. Starting full parse.";
        call.emit(Event::notice("UnableToPartialParse", Level::Info, text));
    }
    if !invocation.flags.behaviour("partial_parse") {
        call.emit(Event::notice("PartialParsingNotEnabled", Level::Debug, "Partial parsing not enabled"));
    }
    let reporter = call.reporter.clone();
    let adapter = adapter::open(&files.target, &invocation.project_dir)?;
    let adapter = if may_introspect(invocation) { adapter } else { Offline::forbidden(adapter) };
    let warehouse = Warehouse::new(adapter, move |event| reporter.emit(event));
    call.interrupt.watch(&warehouse);
    call.emit(Event::AdapterRegistered {
        adapter: files.target.adapter.to_owned(),
        version: warehouse.adapter().version(),
    });
    let globals = Arc::new(globals(invocation, &files));
    let adapter_options = Arc::new(adapter_options(invocation, &files, &warehouse));
    let parsed = parse::manifest(&inputs(call, &files, &globals, &adapter_options));
    let options = ResolveOptions {
        restricted_packages: restricted(&files),
        node_package_first: invocation.flags.behaviour("require_ref_searches_node_package_before_root"),
        unique_names: invocation.flags.behaviour("require_unique_project_resource_names"),
        layers: files.own_settings.layers.clone(),
        broken: Vec::new(),
    };
    let parsed = parsed.map_err(|broken| {
        for problem in broken.problems.iter().filter(|problem| problem.event() == Some(parse::SEMANTIC_FAILURE)) {
            call.emit(Event::notice(parse::SEMANTIC_FAILURE, Level::Debug, problem.message.as_str()));
        }
        everything_wrong(*broken, options.clone())
    })?;
    call.warnings(parsed.warnings).map_err(|raised| grouped(invocation, raised))?;
    let parse::Parsed { manifest, engine } = parsed.value;
    // Their texts belong to what was made of them; only macros are read again, for another warehouse.
    files.files.retain(|file| matches!(file.kind, FileKind::Macro | FileKind::GenericTest));
    files.files.shrink_to_fit();
    let resolved = graph::resolve(with_metadata(manifest, invocation, &files, warehouse.capabilities()), &options)
        .map_err(|problems| problems.of_kind("Compilation Error"))?;
    call.warnings(resolved.warnings)?;
    let graph = resolved.value;
    if in_batches(graph.manifest(), invocation, &files) {
        call.warnings(parse::microbatch::unfiltered(graph.manifest()))?;
    }
    call.emit(Event::FoundStats { found: found(graph.manifest()) });
    call.emit(Event::Formatting);
    Ok(Prepared { files, graph, engine, globals, warehouse, adapter_options })
}

/// Whether compiling may ask the warehouse (docs.getdbt.com/reference/commands/compile#introspective-queries).
fn may_introspect(invocation: &Invocation) -> bool {
    match &invocation.command {
        Command::Compile(preview) => preview.introspect,
        _ => true,
    }
}

/// Whether microbatch models are built batch by batch.
pub(crate) fn in_batches(manifest: &Manifest, invocation: &Invocation, files: &ProjectFiles) -> bool {
    let internal: Vec<String> = files.builtin.iter().map(|package| package.name.to_owned()).collect();
    parse::microbatch::in_batches(manifest, invocation.flags.behaviour(parse::microbatch::REQUIRED), &internal)
}

/// dbt's debug event about the variables of the command line, the secret ones without their values.
fn vars_hash(invocation: &Invocation) -> Event {
    let vars = invocation.flags.arguments().get("vars").cloned().unwrap_or_default();
    let shown = values::representation(&values::from_json(&vars));
    let digest = crate::load::Checksum::of_exact(&shown).checksum;
    let text = format!("checksum: {digest}, vars: {shown}, profile: , target: , version: {DBT_VERSION}");
    let data = json!({"checksum": digest, "vars": shown, "profile": "", "target": "", "version": DBT_VERSION});
    Event::notice_with("StateCheckVarsHash", Level::Debug, text, data)
}

/// The flag by which all warnings that count as errors are told at once.
const GROUPED: &str = "enable_grouped_warn_error_parser_logs";

/// Warnings of parsing that are errors: the first, as in dbt, or all at once where the project wants groups.
fn grouped(invocation: &Invocation, raised: Diagnostics) -> Diagnostics {
    if invocation.flags.behaviour(GROUPED) {
        return raised;
    }
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    let further = raised.iter().filter(|problem| is_error(problem)).count().saturating_sub(1);
    let mut kept = Diagnostics::new();
    let mut errors = 0;
    for problem in raised {
        errors += usize::from(is_error(&problem));
        match (is_error(&problem), errors) {
            (true, 1) if further > 0 => kept.push(problem.hint(format!(
                "{further} more of parsing's warnings count as errors here: `flags: {{{GROUPED}: true}}` in dbt_project.yml shows all"
            ))),
            (true, 2..) => {}
            _ => kept.push(problem),
        }
    }
    kept
}

/// What is wrong in a project: what parsing met, and what resolving meets in what could be parsed.
fn everything_wrong(broken: parse::Broken, mut options: ResolveOptions) -> Diagnostics {
    let parse::Broken { mut problems, manifest } = broken;
    let wrong = problems.iter().filter(|problem| problem.severity == Severity::Error);
    options.broken = wrong.filter_map(|problem| Some(problem.span.as_ref()?.file.clone())).collect();
    let said: HashSet<String> = problems.iter().map(|problem| problem.message.clone()).collect();
    problems = problems.of_kind("Compilation Error");
    if let Err(further) = graph::resolve(manifest, &options) {
        problems.extend(further.into_iter().filter(|problem| !said.contains(&problem.message)));
    }
    problems
}

pub(super) fn inputs<'a>(
    call: &Call,
    files: &'a ProjectFiles,
    globals: &'a Arc<Globals>,
    options: &Arc<AdapterOptions>,
) -> parse::Inputs<'a> {
    let reporter = call.reporter.clone();
    let mut engine = EngineOptions::new(&files.root().name);
    let warnings = &call.invocation.flags.warn_error_options;
    engine.warnings_raise = warnings.action("JinjaLogWarning") == Action::Raise;
    engine.listener = Some(Arc::new(move |message| reporter.emit(told(message))));
    let flags = &call.invocation.flags;
    parse::Inputs {
        files,
        globals,
        capabilities: options.capabilities,
        adapter: AdapterObject::parsing(options),
        api: relation_object::api(options.capabilities, options.quoting),
        external_location: crate::compile::external_location,
        engine,
        settings: parse::Settings {
            store_failures: flags.store_failures,
            nested_test_arguments: flags.behaviour("require_generic_test_arguments_property"),
            test_headers: flags.behaviour("require_sql_header_in_test_configs"),
            own_package_first: flags.behaviour("require_ref_searches_node_package_before_root"),
            names_without_spaces: flags.behaviour("require_resource_names_without_spaces"),
            other_names_without_spaces: flags.behaviour("require_source_and_semantic_model_names_without_spaces"),
            validates_macros: flags.behaviour("validate_macro_args"),
            jinja_extensions: flags.behaviour("allow_jinja_file_extensions"),
            own_analysis_config: flags.behaviour("require_corrected_analysis_fqns"),
            written_configs: flags.behaviour("state_modified_compare_more_unrendered_values"),
            valid_schemas: flags.behaviour("require_valid_schema_from_generate_schema_name"),
            custom_batches: flags.behaviour(parse::microbatch::REQUIRED),
            debug: call.invocation.log.debug,
        },
    }
}

fn adapter_options(invocation: &Invocation, files: &ProjectFiles, warehouse: &Warehouse) -> AdapterOptions {
    let flags = invocation.flags.values();
    let behavior = flags.filter_map(|(name, value)| Some((name.to_lowercase(), value.as_bool()?)));
    AdapterOptions {
        capabilities: warehouse.capabilities(),
        facts: warehouse.adapter().facts(),
        database: files.target.database.clone(),
        schema: files.target.schema.clone(),
        quoting: policy(files.root().config.quoting),
        project_name: files.root().name.to_string(),
        project_dir: invocation.project_dir.clone(),
        behavior: behavior.collect(),
    }
}

/// What a template says, as an event.
fn told(message: Message) -> Event {
    let Message { kind, text, span } = message;
    match kind {
        MessageKind::Info => Event::JinjaLogInfo { message: text, node: None },
        MessageKind::Debug => Event::JinjaLogDebug { message: text, node: None },
        MessageKind::Print => Event::print(text),
        MessageKind::Warning => Event::JinjaLogWarning { message: text, node: None },
        MessageKind::Deprecation(name) => Event::diagnostic(Diagnostic::warning_of(name, text).at_opt(span)),
    }
}

/// The project's quoting as changes to the warehouse's.
pub(crate) fn policy(quoting: Quoting) -> PolicyChange {
    PolicyChange { database: quoting.database, schema: quoting.schema, identifier: quoting.identifier }
}

pub(super) fn globals(invocation: &Invocation, files: &ProjectFiles) -> Globals {
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
        run_started_at: crate::jinja::datetime::utc_datetime(invocation.started_at),
        target: json(&target),
        flags: values::dict_of(flags),
        invocation_args: json(&Json::Object(invocation.flags.arguments())),
        metadata_envs: values::dict_of(custom.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())))),
        selected_resources: OnceLock::new(),
        runtime_config: runtime_config(invocation, files),
        engine: OnceLock::new(),
    }
}

/// The parts of dbt's own configuration object that packages read (`builtins.ref.config`).
fn runtime_config(invocation: &Invocation, files: &ProjectFiles) -> Value {
    let version = |package: &Package| package.config.version.as_deref().map_or_else(values::none, Value::from);
    let package = |package: &Package| {
        let facts = [("project_name", Value::from(&*package.name)), ("version", version(package))];
        (package.name.to_string(), values::dict_of(facts))
    };
    values::dict_of([
        ("project_name", Value::from(&*files.root().name)),
        ("version", version(files.root())),
        ("profile_name", Value::from(files.target.profile_name.as_str())),
        ("target_name", Value::from(files.target.name.as_str())),
        ("threads", Value::from(files.target.threads)),
        ("dependencies", values::dict_of(files.packages.iter().map(package))),
        ("args", values::from_json(&Json::Object(invocation.flags.arguments()))),
        ("cli_vars", values::from_json(&Json::Object(invocation.vars.clone()))),
        ("vars", values::from_json(&Json::Object(files.vars.root.clone()))),
    ])
}

fn restricted(files: &ProjectFiles) -> HashSet<String> {
    let restricts = |package: &&Package| package.config.restrict_access;
    files.packages.iter().filter(restricts).map(|package| package.name.to_string()).collect()
}

fn with_metadata(
    mut manifest: Manifest,
    invocation: &Invocation,
    files: &ProjectFiles,
    capabilities: &Capabilities,
) -> Manifest {
    let (quoting, default) = (files.root().config.quoting, capabilities.relation.quote);
    let quoting = manifest::Quoting {
        database: Some(quoting.database.unwrap_or(default.database)),
        schema: Some(quoting.schema.unwrap_or(default.schema)),
        identifier: Some(quoting.identifier.unwrap_or(default.identifier)),
        column: None,
    };
    artifact::stamp_manifest(&mut manifest, invocation, files.target.adapter, quoting);
    // Where the file is wrong, the selectors stay as written, and their use says what is wrong.
    if let Ok(selectors) = read_selectors(invocation, files) {
        manifest.selectors = selectors.value.manifest_form();
    }
    manifest
}

/// `2 models, 1 seed, 4 data tests`: what there is, without tform's own macros.
fn found(manifest: &Manifest) -> String {
    let kinds: Vec<&str> = manifest.resources().map(kind).collect();
    let groups = manifest.groups.values().map(|_| "group");
    let macros = manifest.macros.values().map(|_| "macro");
    found_line(kinds.into_iter().chain(groups).chain(macros))
}

fn kind(resource: Resource<'_>) -> &'static str {
    match resource.resource_type() {
        crate::resource::ResourceType::Test => "data_test",
        kind => kind.as_str(),
    }
}

/// The nodes that the command is about.
///
/// # Errors
/// Criteria that are wrong, selectors that are not there, state that cannot be read.
pub(crate) fn select(call: &Call, prepared: &Prepared) -> Result<NodeSet, Diagnostics> {
    let invocation = &call.invocation;
    let selectors = selectors(call, prepared)?;
    let previous = match &invocation.state.state {
        Some(folder) => {
            let read = state::read(folder, &prepared.files.target_path)?;
            call.warnings(read.warnings)?;
            Some(read.value)
        }
        None => None,
    };
    let constraints = &prepared.warehouse.capabilities().constraints;
    let enforced: Vec<&str> = ConstraintKind::ALL
        .into_iter()
        .filter(|kind| constraints.support(*kind) == ConstraintSupport::Enforced)
        .map(ConstraintKind::as_str)
        .collect();
    let context = Context {
        selectors: Some(&selectors),
        enforced_constraints: &enforced,
        previous: previous.as_ref(),
        unrendered_sources: invocation.flags.behaviour("state_modified_compare_more_unrendered_values"),
    };
    let selected = select::for_command(&prepared.graph, invocation.which, &invocation.selection, &selectors, context)?;
    call.warnings(selected.warnings)?;
    Ok(selected.value)
}

/// `selectors.yml`, if there is one.
fn selectors(call: &Call, prepared: &Prepared) -> Result<Selectors, Diagnostics> {
    let Warned { value, warnings } = read_selectors(&call.invocation, &prepared.files)?;
    call.warnings(warnings)?;
    Ok(value)
}

fn read_selectors(invocation: &Invocation, files: &ProjectFiles) -> Result<Warned<Selectors>, Diagnostics> {
    let nothing = |warnings| Warned { value: Selectors::default(), warnings };
    let Some(file) = &files.selectors else { return Ok(nothing(Diagnostics::new())) };
    let Warned { value, mut warnings } = yaml::parse(file)?;
    let Some(root) = value else { return Ok(nothing(warnings)) };
    let renderer = files.config_renderer();
    let tree = TreeRenderer { file, renderer: &renderer, is_rendered: &|_| true, keeps_on_error: &|_| false };
    let mut problems = Diagnostics::new();
    let root = tree.tree(&root, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let parsed = select::selectors::parse(file, &root, invocation.selection.indirect_selection)?;
    warnings.extend(parsed.warnings);
    Ok(Warned { value: parsed.value, warnings })
}

/// The exit code of a selection that matches nothing.
pub(crate) fn nothing_selected(call: &Call) -> ExitCode {
    if call.invocation.selection.fail_on_empty { ExitCode::NothingSelected } else { ExitCode::Success }
}

/// The relations of an earlier run that stand in for what is not selected (`--defer`).
///
/// # Errors
/// If the state cannot be read, or the warehouse not asked what exists.
pub(crate) fn deferred(
    call: &Call,
    prepared: &Prepared,
    selected: &NodeSet,
) -> Result<HashMap<UniqueId, Deferred>, Diagnostics> {
    let state = &call.invocation.state;
    let Some(folder) = &state.defer else { return Ok(HashMap::new()) };
    let read = state::read(folder, &prepared.files.target_path)?;
    call.warnings(read.warnings)?;
    let Some(previous) = read.value.manifest else {
        return Err(Diagnostic::error(format!("there is no manifest to defer to in `{}`", folder.display())).into());
    };
    let graph = &prepared.graph;
    let deferral = Deferral::new(graph.manifest(), &previous, state.favor_state);
    let session = prepared.warehouse.session("defer");
    let adapter = AdapterObject::running(&prepared.adapter_options, &session);
    let mut found = HashMap::new();
    for node in graph.manifest().nodes_and_functions() {
        let id = &node.unique_id;
        let is_selected = graph.position(id).is_some_and(|position| selected.contains(position));
        let exists = || {
            let path = Path::new(node.database.as_deref(), Some(&node.schema), Some(&node.alias));
            let relation = prepared.adapter_options.capabilities.relation(path, None);
            adapter_object::find_relation(&adapter, &relation).is_ok_and(|found| found.is_some())
        };
        let Some(relation) = deferral.of(id) else { continue };
        let is_read = deferral.relation(id, is_selected, exists).is_some();
        found.insert(id.clone(), Deferred { is_read, ..standing_in(relation, is_selected) });
    }
    session.close();
    Ok(found)
}

/// The relations that `clone` clones: what the state has, whether or not it is here already.
///
/// # Errors
/// If no state is named, or it cannot be read.
pub(crate) fn originals(call: &Call, prepared: &Prepared) -> Result<HashMap<UniqueId, Deferred>, Diagnostics> {
    let state = &call.invocation.state;
    let Some(folder) = &state.defer else {
        return Err(Diagnostic::error("--state or --defer-state are required for deferral, but neither was provided")
            .hint("`--state FOLDER` names the folder with the manifest.json of the environment to clone from")
            .into());
    };
    let read = state::read(folder, &prepared.files.target_path)?;
    call.warnings(read.warnings)?;
    let Some(previous) = read.value.manifest else {
        return Err(Diagnostic::error(format!("there is no manifest to clone from in `{}`", folder.display())).into());
    };
    let current = prepared.graph.manifest();
    let deferral = Deferral::new(current, &previous, state.favor_state);
    let found = current.nodes.keys().filter_map(|id| {
        let relation = deferral.of(id)?;
        Some((id.clone(), standing_in(relation, true)))
    });
    Ok(found.collect())
}

fn standing_in(relation: &DeferredRelation, is_selected: bool) -> Deferred {
    let (database, schema, alias) = (relation.database.clone(), relation.schema.clone(), relation.alias.clone());
    Deferred { database, schema, alias, is_read: true, is_selected }
}

impl Prepared {
    /// Everything that running shares.
    pub fn runtime(self, invocation: &Invocation, deferred: HashMap<UniqueId, Deferred>) -> Arc<Runtime> {
        let quoting = policy(self.files.root().config.quoting);
        let capabilities = self.warehouse.capabilities();
        let mut graph = self.graph;
        let moment =
            fresh::Moment { now: invocation.started_at, capabilities, fresh_only: invocation.flags.fresh_only };
        let fresh = fresh::restrict(graph.manifest_mut(), &self.files.own_settings, moment);
        Arc::new(Runtime {
            graph: Arc::new(graph),
            settings: self.files.own_settings.clone(),
            fresh,
            engine: self.engine,
            warehouse: self.warehouse,
            api: relation_object::api(capabilities, quoting),
            adapter_options: self.adapter_options,
            globals: self.globals,
            flags: run_flags(invocation, &self.files),
            project_dir: invocation.project_dir.clone(),
            target_path: self.files.target_path.clone(),
            quoting,
            query_comment: comment(&self.files.root().config.query_comment),
            internal_packages: self.files.builtin.iter().map(|package| package.name.to_owned()).collect(),
            deferred,
            graph_dictionary: OnceLock::new(),
            components: OnceLock::new(),
            ephemeral: Mutex::default(),
            plain_tests: Mutex::default(),
            comment_head: OnceLock::new(),
            stand_in: None,
        })
    }
}

fn comment(setting: &QueryComment) -> Option<CommentSetting> {
    match setting {
        QueryComment::Default => Some(CommentSetting { template: None, append: false }),
        QueryComment::Off => None,
        QueryComment::Custom { comment, append, .. } => {
            Some(CommentSetting { template: comment.clone(), append: *append })
        }
    }
}

fn run_flags(invocation: &Invocation, files: &ProjectFiles) -> RunFlags {
    let flags = &invocation.flags;
    let threads = files.target.threads;
    // The flag goes before the file in both directions.
    let given = |name: &str| flags.get(name).and_then(Json::as_bool);
    let lock = LockRules { enabled: given("lock").or(files.own_settings.lock.enabled), ..files.own_settings.lock };
    let bounds = (flags.event_time_start, flags.event_time_end);
    RunFlags {
        full_refresh: flags.full_refresh,
        fail_fast: flags.fail_fast,
        empty: flags.empty,
        store_failures: flags.store_failures,
        show_failures: flags.get("show_failures").and_then(Json::as_u64).map_or(0, |count| count as usize),
        fuse: given("fuse").or(files.own_settings.tests.fuse),
        sample: flags.sample.as_ref().map(|window| EventTime { start: Some(window.start), end: Some(window.end) }),
        event_time: (bounds != (None, None)).then_some(EventTime { start: bounds.0, end: bounds.1 }),
        threads: invocation.threads.unwrap_or(threads),
        warnings_fail: flags.warn_error_options.action("LogTestResult") == Action::Raise,
        points_to_latest: invocation.flags.behaviour("latest_version_pointer_enabled_by_default"),
        skip_after_failed_start: invocation.flags.behaviour("skip_nodes_if_on_run_start_fails"),
        lock,
        populates_cache: flags.introspect && flags.behaviour("populate_cache"),
        keeps_ephemeral: matches!(&invocation.command, Command::Compile(preview) if !preview.inject_ephemeral_ctes),
    }
}
