//! Nodes: what stands in a file, joined with what the properties say about it.
//!
//! A [`Draft`] is a node as its file has it, with the calls that were read from it. With
//! its [`Patch`], if it has one, and the project's configs it becomes a
//! [`Node`](crate::manifest::Node).

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::PropertiesFile;
use super::capture::Calls;
use super::configure::{self, Own, Places};
use super::contract;
use super::docs;
use super::extract;
use super::function;
use super::names::{Component, Named, Namer};
use super::properties::{ColumnProperties, NodeProperties, VersionProperties, holds_jinja};
use super::workspace::Workspace;
use crate::config::NodeConfig;
use crate::diagnostic::{Diagnostic, Span};
use crate::jinja::TemplateSource;
use crate::manifest::{
    Access, CallTarget, Checksum, Code, ColumnInfo, Columns, Contract, Detail, Docs, HookDetail, ModelDetail, Node,
    Origin, RareFacts, ResourceType, SeedDependsOn, SeedDetail, UniqueId, Version,
};

/// A node as its file has it.
#[derive(Debug, Clone)]
pub struct Draft {
    pub resource_type: ResourceType,
    pub name: String,
    pub package: usize,
    pub path: String,
    pub original_file_path: String,
    pub unique_id: UniqueId,
    pub fqn: Vec<String>,
    pub raw_code: Arc<str>,
    pub checksum: Checksum,
    /// `sql`, `python` or `javascript`.
    pub language: &'static str,
    pub code: Option<Span>,
    pub calls: Calls,
    /// The configs as the file has them, where dbt does not render it.
    pub static_config: Option<Map<String, Value>>,
    /// What `config(...)` says as it is written, where states are compared by that.
    pub written_config: Option<Map<String, Value>>,
    /// Of hooks: their place in the list, and their tag.
    pub hook: Option<(usize, &'static str)>,
}

/// What properties say about one node.
#[derive(Debug, Clone)]
pub struct Patch<'p> {
    pub properties: &'p NodeProperties,
    pub version: Option<&'p VersionProperties>,
    pub latest_version: Option<Version>,
    /// Where it stands.
    pub file: &'p PropertiesFile,
}

impl Patch<'_> {
    fn description(&self) -> &str {
        match self.version {
            Some(version) if !version.description.is_empty() => &version.description,
            _ => &self.properties.description,
        }
    }

    /// The configs of the entry, those of the version on top.
    fn config(&self) -> Map<String, Value> {
        let mut config = self.properties.config.clone();
        if let Some(version) = self.version {
            for (key, value) in &version.config {
                match (config.get_mut(key), value) {
                    (Some(Value::Object(old)), Value::Object(new)) => merge_deep(old, new),
                    (Some(Value::Array(old)), Value::Array(new)) => old.extend(new.clone()),
                    _ => {
                        config.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        config
    }

    fn columns(&self) -> Vec<&ColumnProperties> {
        let all = self.properties.columns.iter();
        match self.version {
            None => all.collect(),
            Some(version) => {
                all.filter(|column| version.columns.includes(&column.name)).chain(&version.columns.own).collect()
            }
        }
    }

    fn constraints(&self) -> &[Value] {
        match self.version {
            Some(version) if !version.constraints.is_empty() => &version.constraints,
            _ => &self.properties.constraints,
        }
    }
}

fn merge_deep(old: &mut Map<String, Value>, new: &Map<String, Value>) {
    for (key, value) in new {
        match (old.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge_deep(old, new),
            _ => {
                old.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Joins a draft, its properties and the project's configs.
///
/// # Errors
/// Wrong values of configs, broken Jinja in hooks and descriptions, contracts that cannot be.
pub fn finish(
    workspace: &Workspace<'_>,
    namer: &Namer,
    draft: Draft,
    patch: Option<&Patch<'_>>,
) -> Result<Node, Diagnostic> {
    let place = patch.map(|patch| patch.properties.span.clone()).or_else(|| draft.code.clone());
    let mut properties_config = patch.map(Patch::config).unwrap_or_default();
    let has_patch_config = !properties_config.is_empty() || patch.is_some_and(|patch| patch.version.is_some());
    if draft.is_python() && draft.resource_type == ResourceType::Model {
        properties_config.entry("materialized").or_insert_with(|| "table".into());
    }
    let own = Own { properties: &properties_config, calls: &draft.calls.config };
    let failed = |message: String| {
        Diagnostic::error(format!("invalid config of {} `{}`: {message}", draft.resource_type, draft.name))
            .at_opt(place.clone())
    };
    let places = workspace.places(draft.package);
    let config = configure::config(places, draft.resource_type, &draft.fqn, own).map_err(failed)?;
    let written = match patch.filter(|patch| patch.version.is_none()) {
        Some(patch) if workspace.inputs.settings.written_configs => {
            Some(merged_with_written(&properties_config, &patch.properties.written_config))
        }
        _ => None,
    };
    let written_properties = written.as_ref().unwrap_or(&properties_config);
    let calls = draft.written_config.as_ref().unwrap_or(&draft.calls.config);
    let as_written = Own { properties: written_properties, calls };
    let mut unrendered_config =
        configure::unrendered(workspace.unrendered_places(draft.package), draft.resource_type, &draft.fqn, as_written);
    if let (Some(written), false, None) = (&draft.static_config, has_patch_config, &draft.written_config) {
        unrendered_config.extend(written.clone());
    }
    let first_tags = match properties_config.contains_key("tags") && draft.resource_type != ResourceType::Test {
        true => {
            let unpatched = Own { properties: super::workspace::empty(), calls: &draft.calls.config };
            let unpatched = configure::config(places, draft.resource_type, &draft.fqn, unpatched);
            unpatched.map(|config| config.tags().into_iter().map(str::to_owned).collect()).unwrap_or_default()
        }
        false => Vec::new(),
    };
    let mut node = assemble(workspace, draft, config, unrendered_config);
    // dbt reads a node once without its properties: tags that it has then come first.
    let at = |tag: &String| first_tags.iter().position(|first| first == tag).unwrap_or(first_tags.len());
    node.tags.sort_by_key(at);
    if let Some(patch) = patch {
        describe(workspace, &mut node, patch)?;
    }
    resolve_names(workspace, namer, &mut node)?;
    render_hooks(workspace, &mut node)?;
    Ok(node)
}

/// The node without what its properties say besides configs.
fn assemble(
    workspace: &Workspace<'_>,
    draft: Draft,
    config: NodeConfig,
    unrendered_config: Map<String, Value>,
) -> Node {
    let mut tags: Vec<String> = draft.hook.iter().map(|(_, tag)| (*tag).to_owned()).collect();
    for tag in config.tags() {
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    let docs = config.get("docs").and_then(|docs| serde_json::from_value::<Docs>(docs.clone()).ok());
    let alias = draft.name.clone();
    let mut calls = draft.calls;
    let mut origin = Origin { code: draft.code, properties: None, calls: std::mem::take(&mut calls.places) };
    origin.calls.dedup();
    origin.calls.shrink_to_fit();
    let detail = match draft.resource_type {
        ResourceType::Seed => {
            let root = workspace.packages[draft.package].package.root.display().to_string();
            Detail::Seed(Box::new(SeedDetail { root_path: Some(root), depends_on: SeedDependsOn::default() }))
        }
        kind => with_code(kind, code_of(calls, draft.language, &config), draft.hook, &config),
    };
    Node {
        database: workspace.database(),
        schema: workspace.schema().to_owned(),
        alias,
        resource_type: draft.resource_type,
        package_name: workspace.packages[draft.package].name.to_string(),
        path: draft.path,
        original_file_path: draft.original_file_path,
        unique_id: draft.unique_id,
        fqn: draft.fqn,
        checksum: draft.checksum,
        tags,
        description: String::new(),
        columns: Columns::default(),
        meta: config.meta().cloned().unwrap_or_default(),
        group: config.text("group").map(str::to_owned),
        docs: docs.unwrap_or_default(),
        patch_path: None,
        build_path: None,
        unrendered_config,
        created_at: workspace.created_at,
        relation_name: None,
        raw_code: draft.raw_code,
        doc_blocks: Vec::new(),
        detail,
        name: draft.name,
        config,
        origin,
    }
}

fn code_of(calls: Calls, language: &'static str, config: &NodeConfig) -> Code {
    let mut code = Code {
        language: language.into(),
        refs: calls.refs,
        sources: calls.sources,
        metrics: calls.metrics,
        functions: calls.functions,
        contract: contract_of(config),
        ..Code::default()
    };
    code.refs.shrink_to_fit();
    code.depends_on.macros = calls.macros;
    code
}

fn with_code(kind: ResourceType, code: Code, hook: Option<(usize, &'static str)>, config: &NodeConfig) -> Detail {
    match kind {
        ResourceType::Model => {
            let access = match config.text("access") {
                Some("private") => Access::Private,
                Some("public") => Access::Public,
                _ => Access::Protected,
            };
            Detail::Model(Box::new(ModelDetail {
                code,
                access,
                constraints: Vec::new(),
                version: None,
                latest_version: None,
                deprecation_date: None,
                primary_key: Vec::new(),
                time_spine: None,
            }))
        }
        ResourceType::Snapshot => Detail::Snapshot(Box::new(code)),
        ResourceType::Function => Detail::Function(Box::new(function::detail(code))),
        _ => match hook {
            Some((index, _)) => Detail::Hook(Box::new(HookDetail { code, index: Some(index) })),
            None => Detail::Code(Box::new(code)),
        },
    }
}

fn contract_of(config: &NodeConfig) -> Contract {
    let alias_types = config.get("contract").and_then(|contract| contract.get("alias_types")).and_then(Value::as_bool);
    Contract { enforced: config.contract_enforced(), alias_types: alias_types.unwrap_or(true), checksum: None }
}

/// Puts in what the properties say: description, columns, versions, constraints.
fn describe(workspace: &Workspace<'_>, node: &mut Node, patch: &Patch<'_>) -> Result<(), Diagnostic> {
    let package = workspace.package_named(&node.package_name).unwrap_or(0);
    let span = patch.version.map_or(&patch.properties.span, |version| &version.span);
    node.patch_path = Some(super::join::patch_path(workspace, patch.file));
    node.origin.properties = Some(span.clone());
    let owner = docs::Owner { package, unique_id: &node.unique_id, is_enabled: node.config.enabled() };
    let described = owner.describe(workspace, patch.description(), span)?;
    let columns = columns(workspace, &owner, &patch.columns(), span)?;
    (node.description, node.doc_blocks, node.columns) = (described.text, described.blocks, columns);
    if let Some(access) = node.config.get("access")
        && node.resource_type == ResourceType::Model
        && !matches!(access.as_str(), Some("private" | "protected" | "public"))
    {
        return Err(invalid_access(node, access).at(span.clone()));
    }
    if let Detail::Model(model) = &mut node.detail {
        model.constraints = patch.constraints().iter().map(with_columns).collect();
        model.version = patch.version.map(|version| version.v.clone());
        model.latest_version = patch.latest_version.clone();
        let date = match patch.version {
            Some(version) => version.deprecation_date.as_deref(),
            None => patch.properties.deprecation_date.as_deref(),
        };
        model.deprecation_date = date.map(contract::deprecation_date);
        if patch.version.is_none() {
            model.time_spine = patch.properties.time_spine.as_ref().map(contract::time_spine);
        }
        let foreign = contract::foreign_keys(&model.constraints, &node.columns, &node.name);
        for call in foreign.map_err(|problem| problem.at(span.clone()))? {
            match call {
                CallTarget::Ref(call) => model.code.refs.push(call),
                CallTarget::Source(call) => model.code.sources.push(call),
            }
        }
    }
    if let Detail::Function(function) = &mut node.detail {
        function::describe(function, &patch.properties.signature);
    }
    contract::check(node).map_err(|problem| problem.at(span.clone()))?;
    contract::add_checksum(node);
    Ok(())
}

/// The error of an access that there is none of.
fn invalid_access(node: &Node, access: &Value) -> Diagnostic {
    let message =
        format!("node {} has an invalid value ({}) for the access field", node.unique_id, super::python::text(access));
    Diagnostic::error(message).hint("the access must be `private`, `protected` or `public`")
}

fn with_columns(constraint: &Value) -> Value {
    let mut constraint = constraint.clone();
    if let Value::Object(fields) = &mut constraint {
        fields.entry("columns").or_insert_with(|| Value::Array(Vec::new()));
    }
    constraint
}

/// The columns of a node or a source as the manifest has them.
///
/// # Errors
/// Broken Jinja in a description.
pub fn columns(
    workspace: &Workspace<'_>,
    owner: &docs::Owner<'_>,
    given: &[&ColumnProperties],
    span: &Span,
) -> Result<Columns, Diagnostic> {
    let made = given.iter().map(|column| {
        let described = owner.describe(workspace, &column.description, span)?;
        let without_columns = column.constraints.iter().map(|constraint| {
            let mut constraint = constraint.clone();
            if let Value::Object(fields) = &mut constraint {
                fields.remove("columns");
            }
            constraint
        });
        let mut more = column.more.as_deref().cloned().unwrap_or_default();
        // Found in the description, whatever the file says.
        more.shift_remove("doc_blocks");
        for key in ["dimension", "entity"] {
            if let Some(given) = more.get_mut(key).filter(|given| given.is_object()) {
                *given = super::semantic::element_of_column(column, key, given);
            }
        }
        let rest = RareFacts {
            meta: column.meta.clone(),
            constraints: without_columns.collect(),
            tags: column.tags.clone(),
            granularity: column.granularity.clone(),
            doc_blocks: described.blocks,
            more,
        };
        let (name, data_type) = (column.name.clone(), column.data_type.clone());
        Ok(ColumnInfo { name, description: described.text, data_type, quote: column.quote, rest: rest.into() })
    });
    made.collect()
}

/// Database, schema, alias, and the relation's name where there is a relation.
pub fn resolve_names(workspace: &Workspace<'_>, namer: &Namer, node: &mut Node) -> Result<(), Diagnostic> {
    let package = workspace.package_named(&node.package_name).unwrap_or(0);
    let configured = |key: &str| node.config.text(key).map(str::to_owned);
    let (database, schema, alias) = (configured("database"), configured("schema"), configured("alias"));
    let version = node.model().and_then(|model| model.version.clone());
    let dictionary = || serde_json::to_value(&*node).unwrap_or_default();
    let named = Named { package, name: &node.name, version: version.as_ref(), node: &dictionary };
    let made_database = namer.name(workspace, Component::Database, database.as_deref(), &named)?;
    let made_schema = namer.name(workspace, Component::Schema, schema.as_deref(), &named)?;
    let made_alias = namer.name(workspace, Component::Alias, alias.as_deref(), &named)?;
    node.database = made_database;
    node.schema = made_schema.unwrap_or_default();
    node.alias = made_alias.unwrap_or_default();
    if node.resource_type == ResourceType::Snapshot {
        let target = |key: &str| node.config.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
        let (database, schema) = (target("target_database"), target("target_schema"));
        node.database = database.or(node.database.take());
        node.schema = schema.unwrap_or_else(|| std::mem::take(&mut node.schema));
    }
    // dbt names it also where the test's config is against what `--store-failures` asks of all.
    let asked = workspace.inputs.settings.store_failures;
    let may_keep_failures = node.keeps_failures(asked) || (asked && node.resource_type == ResourceType::Test);
    let has_relation = node.is_relational() || may_keep_failures;
    node.relation_name =
        has_relation.then(|| workspace.relation(node.database.as_deref(), &node.schema, &node.alias).render());
    Ok(())
}

/// Renders pre- and post-hooks for the refs and macros in them.
fn render_hooks(workspace: &Workspace<'_>, node: &mut Node) -> Result<(), Diagnostic> {
    if node.resource_type == ResourceType::Test {
        return Ok(());
    }
    let mut templates: Vec<String> = Vec::new();
    for key in ["pre-hook", "post-hook"] {
        let hooks = node.config.get(key).and_then(Value::as_array).into_iter().flatten();
        let texts = hooks.filter_map(|hook| hook.get("sql").and_then(Value::as_str));
        templates.extend(texts.filter(|text| holds_jinja(text)).map(str::to_owned));
    }
    if templates.is_empty() {
        return Ok(());
    }
    let package = workspace.package_named(&node.package_name).unwrap_or(0);
    let model = serde_json::to_value(&*node).unwrap_or_default();
    let host = workspace.host(&node.alias, move || model.clone());
    for template in templates {
        let source = TemplateSource::text(&node.original_file_path, &template);
        let calls = workspace.capture(package, &node.name, &source, &host)?;
        add_calls(node, calls)?;
    }
    Ok(())
}

fn add_calls(node: &mut Node, calls: Calls) -> Result<(), Diagnostic> {
    if let Detail::Seed(seed) = &mut node.detail {
        if !calls.refs.is_empty() || !calls.sources.is_empty() {
            return Err(Diagnostic::error(format!(
                "Seeds cannot depend on other nodes, but a hook of `{}` ({}) refers to one",
                node.name, node.original_file_path
            ))
            .hint("name the relation without `ref`, or move the hook to a model"));
        }
        for id in calls.macros {
            if !seed.depends_on.macros.contains(&id) {
                seed.depends_on.macros.push(id);
            }
        }
        return Ok(());
    }
    let places = calls.places;
    if let Some(code) = node.code_mut() {
        code.refs.extend(calls.refs);
        code.sources.extend(calls.sources);
        code.metrics.extend(calls.metrics);
        code.functions.extend(calls.functions);
        for id in calls.macros {
            if !code.depends_on.macros.contains(&id) {
                code.depends_on.macros.push(id);
            }
        }
    }
    node.origin.calls.extend(places);
    Ok(())
}

/// What the SQL of a draft asks for: read from the text if it is simple, else by rendering.
///
/// # Errors
/// Broken Jinja, and whatever macros raise while parsing.
pub fn read_calls(workspace: &Workspace<'_>, draft: &mut Draft) -> Result<(), Diagnostic> {
    let Some(span) = draft.code.clone() else { return Ok(()) };
    let may_extract = !workspace.overrides_builtins(draft.package);
    let keeps_written = workspace.inputs.settings.written_configs;
    if may_extract && let Some(found) = extract::calls(&draft.raw_code) {
        // What dbt reads without rendering, it keeps as it came out.
        let is_static = found.literal_only && draft.resource_type == ResourceType::Model;
        if keeps_written
            && !is_static
            && let Some(first) = found.configs.first()
        {
            draft.written_config = Some(first.iter().map(|(key, value)| (key.clone(), as_written(value))).collect());
        }
        take_extraction(draft, found, &span);
        return Ok(());
    }
    let host = workspace.host(&draft.name, draft.dictionary(workspace));
    let template = workspace.engine.parse(&TemplateSource::part(&span.file, span.start..span.end))?;
    if keeps_written && draft.raw_code.contains("config(") {
        draft.written_config = template.written_config();
    }
    draft.calls = workspace.capture_parsed(draft.package, &draft.name, &template, &host)?;
    Ok(())
}

/// What dbt keeps of configs of properties: as they were rendered with what was written merged into it, where
/// lists are joined, so that each of their items stands there twice.
fn merged_with_written(rendered: &Map<String, Value>, written: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = rendered.clone();
    for (key, value) in written {
        let joined = match (merged.get(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(merged_with_written(old, new)),
            (Some(Value::Array(old)), Value::Array(new)) => old.iter().chain(new).cloned().collect(),
            _ => value.clone(),
        };
        merged.insert(key.clone(), joined);
    }
    merged
}

/// A constant of a `config(...)` as dbt keeps it unrendered: a text as it is, others as Python writes them.
pub(super) fn as_written(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => Value::String(super::python::literal(other)),
    }
}

fn take_extraction(draft: &mut Draft, found: extract::Extraction, span: &Span) {
    let at = |range: &std::ops::Range<usize>| Span::new(&span.file, span.start + range.start, span.start + range.end);
    for (call, range) in found.refs {
        draft.calls.places.push((CallTarget::Ref(call.clone()), at(&range)));
        draft.calls.refs.push(call);
    }
    let mut seen = HashSet::new();
    for (call, range) in found.sources {
        draft.calls.places.push((CallTarget::Source(call.clone()), at(&range)));
        // dbt's static reader notes each source once.
        if !(found.literal_only && draft.resource_type == ResourceType::Model) || seen.insert(call.clone()) {
            draft.calls.sources.push(call);
        }
    }
    let is_static = found.literal_only && draft.resource_type == ResourceType::Model;
    let mut written = Map::new();
    for call in found.configs {
        if is_static {
            for (key, value) in call {
                crate::config::merge::join_calls(
                    &mut draft.calls.config,
                    Map::from_iter([(key.clone(), value.clone())]),
                );
                written.insert(key, value);
            }
        } else {
            crate::config::merge::join_calls(&mut draft.calls.config, call);
        }
    }
    draft.static_config = is_static.then_some(written);
}

impl Draft {
    pub fn is_python(&self) -> bool {
        self.language == "python"
    }

    /// Makes the `model` dictionary that templates see while the node is parsed.
    fn dictionary(&self, workspace: &Workspace<'_>) -> impl Fn() -> Value + Send + Sync + use<> {
        let draft = self.clone();
        let own = &workspace.packages[self.package];
        let (package, trees) = (own.name.clone(), own.trees.clone());
        let root = (!workspace.is_root(self.package)).then(|| workspace.root().trees.clone());
        let (database, schema) = (workspace.database(), workspace.schema().to_owned());
        move || {
            let places = Places { own: &trees, root: root.as_deref() };
            let config = configure::config(places, draft.resource_type, &draft.fqn, Own::nothing()).ok();
            serde_json::json!({
                "database": database,
                "schema": schema,
                "alias": draft.name,
                "name": draft.name,
                "resource_type": draft.resource_type,
                "package_name": &*package,
                "path": draft.path,
                "original_file_path": draft.original_file_path,
                "unique_id": &*draft.unique_id,
                "fqn": draft.fqn,
                "checksum": draft.checksum,
                "config": config,
                "tags": [],
                "refs": [],
                "sources": [],
                "depends_on": {"macros": [], "nodes": []},
                "description": "",
                "columns": {},
                "meta": {},
                "raw_code": &*draft.raw_code,
                "language": draft.language,
            })
        }
    }
}
