//! Generic tests: what stands under `data_tests` of a model, seed, snapshot, source or
//! column, as nodes of their own.
//!
//! Source: docs.getdbt.com/reference/resource-properties/data-tests.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::capture::Calls;
use super::configure::{self, Own};
use super::names::Namer;
use super::node::{as_written, resolve_names};
use super::own_tests;
use super::properties::{TestProperties, holds_jinja};
use super::python;
use super::test_names::{self, TestName};
use super::workspace::{Names, Workspace, to_value};
use crate::config::merge::join_calls;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::jinja::{Scope, TemplateSource, values};
use crate::load;
use crate::manifest::{
    Checksum, Code, Columns, Detail, Docs, GenericTestDetail, Node, Origin, RefCall, ResourceType, SourceCall,
    TestMetadata, UniqueId, Version,
};

/// What tests stand under.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    pub kind: TargetKind<'a>,
    pub package: usize,
    /// `models`, `seeds`, ...
    pub section: &'static str,
    pub file: PropertiesPath<'a>,
    /// The node, if it exists, and its group.
    pub attached: Option<(UniqueId, Option<String>)>,
}

/// Whether tests are on a node or on a source's table.
#[derive(Debug, Clone)]
pub enum TargetKind<'a> {
    Node { name: &'a str, version: Option<&'a Version> },
    Table { source: &'a str, table: &'a str },
}

/// Where a properties file is.
#[derive(Debug, Clone, Copy)]
pub struct PropertiesPath<'a> {
    /// Relative to the package.
    pub original: &'a str,
}

/// The column that a test is on, its name quoted if it is to be.
#[derive(Debug, Clone, Default)]
pub struct Column {
    pub name: Option<String>,
    pub tags: Vec<String>,
}

/// Keys of a test that are configs and may stand beside its arguments.
const CONFIG_KEYS: [&str; 14] = [
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
];

/// A test taken apart.
struct Parts {
    /// The macro without `test_`, and its package if it is given.
    name: String,
    namespace: Option<String>,
    arguments: Map<String, Value>,
    config: Map<String, Value>,
    description: String,
    /// The name that the user gave.
    custom_name: Option<String>,
}

/// The configs without defaults and merging. Configs of the properties stand in the code that dbt makes of
/// them: where that is rendered, and configs are kept as they are written, they are all that counts.
fn unrendered_config(
    workspace: &Workspace<'_>,
    target: &Target<'_>,
    fqn: &[String],
    parts: &Parts,
    calls: &Calls,
) -> Map<String, Value> {
    let mut config = parts.config.clone();
    if is_known(&calls.macros) || parts.config.is_empty() || !workspace.inputs.settings.written_configs {
        join_calls(&mut config, calls.config.clone());
    } else {
        config.values_mut().for_each(|value| *value = as_written(value));
    }
    let own = Own { properties: super::workspace::empty(), calls: &config };
    configure::unrendered(workspace.unrendered_places(target.package), ResourceType::Test, fqn, own)
}

/// Makes the node of one test.
///
/// # Errors
/// A test that there is no macro for, wrong configs, broken Jinja.
pub fn node(
    workspace: &Workspace<'_>,
    namer: &Namer,
    target: &Target<'_>,
    column: &Column,
    test: &TestProperties,
) -> Result<Node, Diagnostic> {
    let mut parts = take_apart(workspace, target, column, test)?;
    let model = ["{{ get_where_subquery(", &target.call_text(), ") }}"].concat();
    parts.arguments.insert("model".to_owned(), Value::String(model));
    let name = match parts.custom_name.take() {
        Some(name) => TestName { short: name.clone(), full: name },
        None => {
            let name = test_names::synthesize(&target.kind_name(&parts), &target.name(), &parts.arguments);
            if name.short != name.full && !parts.config.contains_key("alias") {
                parts.config.insert("alias".to_owned(), Value::String(name.short.clone()));
            }
            name
        }
    };
    let hash = test_names::id_hash(&name.full, &parts.name, parts.namespace.as_deref(), &parts.arguments);
    let package_name = &workspace.packages[target.package].name;
    let unique_id: UniqueId = ["test.", package_name, ".", &name.full, ".", &hash].concat().into();
    let fqn = fqn(package_name, target.file.original, &name.full);
    let raw_code = raw_code(&parts);
    let mut calls = calls(workspace, target, &parts, &unique_id, &raw_code, test)?;
    let unrendered_config = unrendered_config(workspace, target, &fqn, &parts, &calls);
    // dbt reads the configs of the properties, and once more where it renders the code that it makes of them.
    let mut config_calls = parts.config.clone();
    let once_more = match calls.config.is_empty() && !is_known(&calls.macros) {
        true => parts.config.clone(),
        false => std::mem::take(&mut calls.config),
    };
    join_calls(&mut config_calls, once_more);
    let own = Own { properties: super::workspace::empty(), calls: &config_calls };
    let failed = |message: String| {
        Diagnostic::error(format!("invalid config of test `{}`: {message}", name.full)).at(test.span.clone())
    };
    let places = workspace.places(target.package);
    let config = configure::config(places, ResourceType::Test, &fqn, own).map_err(failed)?;
    let mut tags = column.tags.clone();
    tags.extend(tags_of(&parts.config));
    tags.sort_unstable();
    tags.dedup();
    for tag in config.tags() {
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    let group = match &target.attached {
        Some((_, group)) => group.clone(),
        None => config.text("group").map(str::to_owned),
    };
    calls.refs.shrink_to_fit();
    calls.macros.shrink_to_fit();
    let mut code = Code { refs: calls.refs, sources: calls.sources, ..Code::default() };
    code.metrics = calls.metrics;
    code.functions = calls.functions;
    code.depends_on.macros = calls.macros;
    let mut node = Node {
        database: workspace.database(),
        schema: workspace.schema().to_owned(),
        resource_type: ResourceType::Test,
        package_name: package_name.to_string(),
        path: [&name.short, ".sql"].concat(),
        original_file_path: target.file.original.to_owned(),
        unique_id,
        fqn,
        alias: name.full.clone(),
        checksum: Checksum { name: "none".into(), checksum: String::new() },
        tags,
        description: parts.description,
        columns: Columns::default(),
        meta: config.meta().cloned().unwrap_or_default(),
        group,
        docs: Docs::default(),
        patch_path: None,
        build_path: None,
        unrendered_config,
        created_at: workspace.created_at,
        relation_name: None,
        raw_code: raw_code.into(),
        doc_blocks: Vec::new(),
        detail: Detail::GenericTest(Box::new(GenericTestDetail {
            code,
            column_name: column.name.clone(),
            file_key_name: Some(target.file_key()),
            attached_node: target.attached.as_ref().map(|(id, _)| id.clone()),
            test_metadata: TestMetadata {
                name: parts.name,
                kwargs: parts.arguments.into_iter().collect(),
                namespace: parts.namespace,
            },
        })),
        name: name.full,
        config,
        // Its calls are in code that nobody wrote.
        origin: Origin { code: None, properties: Some(test.span.clone()), calls: Vec::new() },
    };
    let described = super::docs::describe(workspace, target.package, &node.unique_id, &node.description, &test.span)?;
    (node.description, node.doc_blocks) = (described.text, described.blocks);
    resolve_names(workspace, namer, &mut node)?;
    Ok(node)
}

impl Target<'_> {
    /// What a ref or source call on the target looks like.
    fn call_text(&self) -> String {
        match &self.kind {
            TargetKind::Node { name, version: None } => ["ref('", name, "')"].concat(),
            TargetKind::Node { name, version: Some(version) } => format!("ref('{name}', version='{version}')"),
            TargetKind::Table { source, table } => format!("source('{source}', '{table}')"),
        }
    }

    /// The target as it stands in the names of its tests.
    fn name(&self) -> String {
        match &self.kind {
            TargetKind::Node { name, version: None } => (*name).to_owned(),
            TargetKind::Node { name, version: Some(version) } => format!("{name}_v{version}"),
            TargetKind::Table { source, table } => format!("{source}_{table}"),
        }
    }

    fn kind_name(&self, parts: &Parts) -> String {
        let name = match &self.kind {
            TargetKind::Node { .. } => parts.name.clone(),
            TargetKind::Table { .. } => format!("source_{}", parts.name),
        };
        match &parts.namespace {
            Some(namespace) => format!("{namespace}_{name}"),
            None => name,
        }
    }

    fn file_key(&self) -> String {
        match &self.kind {
            TargetKind::Node { name, .. } => [self.section, ".", name].concat(),
            TargetKind::Table { source, .. } => [self.section, ".", source].concat(),
        }
    }

    /// The call on the target as it stands in the code that is made for a test, where versions are texts.
    fn add_written_call(&self, calls: &mut Calls) {
        self.add_call(calls);
        if let Some(RefCall { version: Some(version), .. }) = calls.refs.last_mut() {
            *version = Version::Text(version.to_string());
        }
    }

    /// The call that a test makes on its target, as it is noted.
    fn add_call(&self, calls: &mut Calls) {
        match &self.kind {
            TargetKind::Node { name, version } => {
                let call = RefCall { name: (*name).to_owned(), package: None, version: version.cloned() };
                // Most tests make this call alone.
                calls.refs.reserve_exact(1);
                calls.refs.push(call);
            }
            TargetKind::Table { source, table } => {
                calls.sources.push(SourceCall((*source).to_owned(), (*table).to_owned()));
            }
        }
    }
}

pub fn fqn(package: &str, path: &str, name: &str) -> Vec<String> {
    let mut fqn = vec![package.to_owned()];
    let folders: Vec<&str> = path.split('/').collect();
    // Without the resource path (`models`) in front and the file behind.
    fqn.extend(folders.iter().skip(1).take(folders.len().saturating_sub(2)).map(|folder| (*folder).to_owned()));
    fqn.push(name.to_owned());
    fqn
}

fn tags_of(config: &Map<String, Value>) -> Vec<String> {
    match config.get("tags") {
        Some(Value::String(tag)) => vec![tag.clone()],
        Some(Value::Array(tags)) => tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn take_apart(
    workspace: &Workspace<'_>,
    target: &Target<'_>,
    column: &Column,
    test: &TestProperties,
) -> Result<Parts, Diagnostic> {
    let fault = |message: String| Diagnostic::error(message).at(test.span.clone());
    let mut arguments = test.arguments.clone();
    if let Some(name) = &column.name {
        arguments.insert("column_name".to_owned(), Value::String(name.clone()));
    }
    if workspace.inputs.settings.nested_test_arguments {
        let nested = arguments.shift_remove("arguments");
        deprecations(workspace, target, &arguments, nested.is_some(), test);
        match nested {
            Some(Value::Object(nested)) => arguments.extend(nested),
            None | Some(Value::Null) => {}
            Some(_) => return Err(fault(format!("`arguments` of test `{}` must be a mapping", test.name))),
        }
    } else if let Some(nested) = arguments.get("arguments") {
        let message = format!(
            "Found `arguments` property in test definition of `{}` ({nested}) without usage of \
             `require_generic_test_arguments_property` behavior change flag. The `arguments` property is deprecated for \
             custom usage and will be used to nest keyword arguments in future versions of dbt.",
            test.name
        );
        let warning = Diagnostic::warning_of("ArgumentsPropertyInGenericTestDeprecation", message);
        workspace.warn(warning.at(test.span.clone()));
    }
    if arguments.contains_key("model") {
        return Err(fault(format!("test arguments of `{}` include the reserved argument `model`", test.name)));
    }
    let (namespace, name) = split_name(&test.name)
        .ok_or_else(|| fault(format!("test name string did not match expected pattern: {}", test.name)))?;
    let mut nested_config = match arguments.shift_remove("config") {
        Some(Value::Object(config)) => config,
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err(fault(format!("`config` of test `{}` must be a dict", test.name))),
    };
    let mut config = Map::new();
    // Comparing with the few keys that there are is faster than hashing each of the many that there could be.
    let is_given = |key: &&str| arguments.keys().chain(nested_config.keys()).any(|given| given == key);
    let given: Vec<&str> = CONFIG_KEYS.into_iter().filter(is_given).collect();
    for key in given {
        let beside = arguments.shift_remove(key).filter(|value| !value.is_null());
        if beside.is_some() && nested_config.contains_key(key) {
            let message = "Test cannot have the same key at the top-level and in config";
            return Err(fault(format!("{message}: `{key}` of test `{}`", test.name)));
        }
        let given = beside.or_else(|| nested_config.shift_remove(key));
        if let Some(value) = given {
            add_config(workspace, target, test, &mut config, (key.to_owned(), value))?;
        }
    }
    for entry in nested_config {
        add_config(workspace, target, test, &mut config, entry)?;
    }
    if config.contains_key("sql_header") && !workspace.inputs.settings.test_headers {
        workspace.warn(header_in_config(target, test));
    }
    let mut text = |key: &str| match arguments.shift_remove(key) {
        Some(Value::String(text)) => Ok(Some(text)),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(fault(format!("`{key}` of test `{}` must be text", test.name))),
    };
    let description = text("description")?.unwrap_or_default();
    let custom_name = text("name")?;
    Ok(Parts { name, namespace, arguments, config, description, custom_name })
}

/// The config `sql_header` of a test is known only where the project's flags say so.
fn header_in_config(target: &Target<'_>, test: &TestProperties) -> Diagnostic {
    let path = target.file.original;
    let message = format!(
        "Custom key `sql_header` found in `config` at path `models.config` in file `{path}`. Custom config keys should move \
         into the `config.meta`."
    );
    let warning = Diagnostic::warning_of("CustomKeyInConfigDeprecation", message).at(test.span.clone());
    warning.fact("key", "sql_header").fact("file", path).fact("key_path", "models.config")
}

/// Warns of configs beside the arguments, and of arguments that are not under `arguments`
/// (docs.getdbt.com/reference/deprecations).
fn deprecations(
    workspace: &Workspace<'_>,
    target: &Target<'_>,
    beside: &Map<String, Value>,
    has_arguments: bool,
    test: &TestProperties,
) {
    let (name, path) = (&test.name, target.file.original);
    for key in beside.keys().filter(|key| CONFIG_KEYS.contains(&key.as_str())) {
        let place = format!("data_tests.{name}.{key}");
        let message = format!(
            "Found `{key}` as a top-level property of `{place}` in file `{path}`. The `{key}` top-level property should \
             be moved into the `config` of `{place}`."
        );
        let warning = Diagnostic::warning_of("PropertyMovedToConfigDeprecation", message).at(test.span.clone());
        workspace.warn(warning.fact("key", key).fact("file", path).fact("key_path", place));
    }
    let is_argument = |key: &str| {
        !CONFIG_KEYS.contains(&key) && !matches!(key, "config" | "column_name" | "description" | "name" | "sql_header")
    };
    if !has_arguments && beside.keys().any(|key| is_argument(key)) {
        let owner = target.name();
        let package = &workspace.packages[target.package].name;
        let shown = format!("`{name}` defined on '{owner}' in package '{package}' ({path})");
        let message = format!(
            "Found top-level arguments to test {shown}. Arguments to generic tests should be nested under the \
             `arguments` property."
        );
        let warning = Diagnostic::warning_of("MissingArgumentsPropertyInGenericTestDeprecation", message);
        workspace.warn(warning.at(test.span.clone()).fact("test_name", shown));
    }
}

fn add_config(
    workspace: &Workspace<'_>,
    target: &Target<'_>,
    test: &TestProperties,
    config: &mut Map<String, Value>,
    (key, value): (String, Value),
) -> Result<(), Diagnostic> {
    let value = match value {
        Value::String(text) if holds_jinja(&text) => {
            workspace.yaml_value(target.package, &text, &test.span, Names::default()).map_err(|problem| {
                let said = problem.message.clone();
                let mut problem = problem.note(format!("`{key}` of test `{}`", test.name));
                problem.message = format!("Invalid generic test configuration: {said}");
                problem
            })?
        }
        value => value,
    };
    if !value.is_null() {
        config.insert(key, value);
    }
    Ok(())
}

/// Whether dbt knows of a test what it asks for, and does not render it.
fn is_known(macros: &[UniqueId]) -> bool {
    macros.iter().any(|id| matches!(&**id, "macro.dbt.test_not_null" | "macro.dbt.test_unique"))
}

/// `package.name` or `name`.
fn split_name(text: &str) -> Option<(Option<String>, String)> {
    let word = |text: &str| {
        let length = text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let word = &text[..length.unwrap_or(text.len())];
        let is_name = !word.is_empty() && !word.as_bytes()[0].is_ascii_digit();
        is_name.then(|| word.to_owned())
    };
    let first = word(text)?;
    match text[first.len()..].strip_prefix('.').and_then(word) {
        Some(second) => Some((Some(first), second)),
        None => Some((None, first)),
    }
}

/// The code of the node: a call of the test's macro, and its configs.
fn raw_code(parts: &Parts) -> String {
    let (namespace, point) = parts.namespace.as_deref().map_or(("", ""), |namespace| (namespace, "."));
    let mut code = ["{{ ", namespace, point, "test_", &parts.name, "(**_dbt_generic_test_kwargs) }}"].concat();
    if !parts.config.is_empty() {
        let configs: Vec<String> = parts
            .config
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
                other => format!("{key}={}", python::text(other)),
            })
            .collect();
        code.push_str(&format!("{{{{ config({}) }}}}", configs.join(",")));
    }
    code
}

/// What the test asks for. tform's own tests are known; others are rendered.
fn calls(
    workspace: &Workspace<'_>,
    target: &Target<'_>,
    parts: &Parts,
    unique_id: &UniqueId,
    raw_code: &str,
    test: &TestProperties,
) -> Result<Calls, Diagnostic> {
    let package = &workspace.packages[target.package].name;
    let name = ["test_", &parts.name].concat();
    let qualified = match &parts.namespace {
        Some(namespace) => format!("{namespace}.{name}"),
        None => name.clone(),
    };
    let Some(source) = workspace.engine.resolve(&qualified, package) else {
        // As in dbt, a test whose macro is missing fails when it runs.
        workspace.warn(missing_macro(workspace, target, parts, test));
        let mut calls = Calls::default();
        if let Some(noted) = workspace.engine.resolve_statically(&name, package) {
            calls.add_macro(&noted.unique_id());
        }
        match plain_calls(target, parts) {
            Some(found) => calls.extend(found),
            None => target.add_call(&mut calls),
        }
        return Ok(calls);
    };
    let macro_id = source.unique_id();
    if load::is_builtin(&source.file) {
        own_tests::check(&macro_id, &parts.arguments, &test.span)?;
    }
    let mut calls = Calls::default();
    // dbt notes the macro that the test's name alone means, whose package is another where one replaces it.
    match workspace.engine.resolve_statically(&name, package) {
        Some(noted) if parts.namespace.is_some() && !load::is_builtin(&noted.file) => {
            calls.add_macro(&noted.unique_id());
        }
        _ => calls.add_macro(&macro_id),
    }
    if matches!(macro_id.as_str(), "macro.dbt.test_unique" | "macro.dbt.test_not_null") {
        target.add_call(&mut calls);
        return Ok(calls);
    }
    let is_own = matches!(macro_id.as_str(), "macro.dbt.test_accepted_values" | "macro.dbt.test_relationships");
    if is_own && let Some(found) = known_calls(target, parts) {
        calls.extend(found);
        if let Some(subquery) = workspace.engine.resolve("get_where_subquery", package) {
            calls.add_macro(&subquery.unique_id());
        }
        return Ok(calls);
    }
    let (test_name, id) = (parts.name.clone(), unique_id.clone());
    let model = move || serde_json::json!({"name": test_name, "unique_id": &*id});
    let host = workspace.host(&parts.name, model);
    let context = workspace.context(target.package, unique_id, host.clone());
    let mut arguments = Vec::with_capacity(parts.arguments.len());
    let source = TemplateSource::text(target.file.original, raw_code);
    let at_test = |problem: Diagnostic| in_test(problem, &source.file, &test.span);
    let mut macros: Vec<String> = Vec::new();
    for (name, value) in &parts.arguments {
        let value = argument(workspace, package, name, value, &context, &mut macros).map_err(at_test)?;
        arguments.push((minijinja::Value::from(name.as_str()), value));
    }
    let with_arguments = host.with_test_arguments(values::dict_of(arguments));
    let rendered = workspace.capture(target.package, unique_id, &source, &with_arguments).map_err(at_test)?;
    macros.iter().for_each(|id| calls.add_macro(id));
    let config = rendered.config.clone();
    calls.extend(rendered);
    calls.config = config;
    Ok(calls)
}

/// A problem of a test: it says which test, and nothing of its template, which nobody wrote.
fn in_test(problem: Diagnostic, template: &Arc<SourceFile>, test: &Span) -> Diagnostic {
    let problem = problem.moved(template, test);
    let places = problem.span.iter().chain(problem.notes.iter().filter_map(|(_, span)| span.as_ref()));
    let says_it = places.into_iter().any(|span| span == test);
    match &problem.span {
        None => problem.at(test.clone()),
        Some(_) if says_it => problem,
        Some(_) => problem.note_at("in this test", test.clone()),
    }
}

/// The calls in the arguments of a test of tform's own, if they are plain.
fn known_calls(target: &Target<'_>, parts: &Parts) -> Option<Calls> {
    let calls = plain_calls(target, parts)?;
    let known = |name: &str| parts.arguments.contains_key(name);
    let complete = match parts.name.as_str() {
        "relationships" => known("to") && known("field") && known("column_name") && parts.arguments.len() == 4,
        _ => {
            let optional = usize::from(known("quote"));
            known("values") && known("column_name") && parts.arguments.len() == 3 + optional
        }
    };
    complete.then_some(calls)
}

/// The calls in the arguments of a test, if no Jinja has to be rendered for them.
fn plain_calls(target: &Target<'_>, parts: &Parts) -> Option<Calls> {
    let mut calls = Calls::default();
    for (name, value) in &parts.arguments {
        match name.as_str() {
            "model" => target.add_written_call(&mut calls),
            "column_name" => {}
            _ => add_plain(value, &mut calls)?,
        }
    }
    Some(calls)
}

fn add_plain(value: &Value, calls: &mut Calls) -> Option<()> {
    match value {
        Value::String(text) if holds_jinja(text) => None,
        Value::String(text) if looks_like_call(text) => {
            let found = super::extract::reference(text.trim())?;
            calls.refs.extend(found.refs.into_iter().map(|(call, _)| call));
            calls.sources.extend(found.sources.into_iter().map(|(call, _)| call));
            Some(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| add_plain(item, calls)),
        Value::Object(entries) => entries.values().try_for_each(|item| add_plain(item, calls)),
        _ => Some(()),
    }
}

/// Whether an argument is a call that is written without braces.
fn looks_like_call(text: &str) -> bool {
    let text = text.trim();
    let Some((function, rest)) = text.split_once('(') else { return false };
    matches!(function.trim_end(), "env_var" | "ref" | "var" | "source" | "doc") && rest.len() > 1 && rest.ends_with(')')
}

fn argument(
    workspace: &Workspace<'_>,
    package: &Arc<str>,
    name: &str,
    value: &Value,
    context: &minijinja::Value,
    macros: &mut Vec<String>,
) -> Result<minijinja::Value, Diagnostic> {
    let text = match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| argument(workspace, package, "", item, context, macros));
            return Ok(values::list(items.collect::<Result<Vec<_>, _>>()?));
        }
        Value::Object(entries) => {
            let mut rendered = Vec::with_capacity(entries.len());
            for (key, item) in entries {
                let item = argument(workspace, package, "", item, context, macros)?;
                rendered.push((minijinja::Value::from(key.as_str()), item));
            }
            return Ok(values::dict_of(rendered));
        }
        Value::String(text) if name != "column_name" && looks_like_call(text) => format!("{{{{ {text} }}}}"),
        Value::String(text) if name != "column_name" && holds_jinja(text) => text.clone(),
        plain => return Ok(to_value(plain)),
    };
    let scope = Scope::parsing(package, context.clone());
    let rendered = workspace.engine.evaluate(&TemplateSource::text("", &text), &scope)?;
    macros.extend(rendered.macros);
    Ok(rendered.value)
}

fn missing_macro(workspace: &Workspace<'_>, target: &Target<'_>, parts: &Parts, test: &TestProperties) -> Diagnostic {
    let package = &workspace.packages[target.package].name;
    let shown = match &parts.namespace {
        Some(namespace) => format!("{namespace}.test_{}", parts.name),
        None => format!("test_{}", parts.name),
    };
    let mut near: Vec<String> = workspace
        .engine
        .macros()
        .filter_map(|source| {
            let name = source.name.strip_prefix("test_")?;
            let is_near = source.package == **package || source.package == *workspace.root().name;
            Some(if is_near || source.package.starts_with("dbt") && source.package != "dbt_utils" {
                name.to_owned()
            } else {
                format!("{}.{name}", source.package)
            })
        })
        .collect();
    near.sort_unstable();
    let problem = Diagnostic::warning(format!("'{shown}' is undefined: there is no generic test `{}`", test.name))
        .at(test.span.clone())
        .suggest(&test.name, near.iter().map(String::as_str));
    match &parts.namespace {
        Some(namespace) if namespace == load::OWN && workspace.package_named(namespace).is_none() => {
            problem.hint("the guide's page of tests lists those of tform")
        }
        Some(namespace) if workspace.package_named(namespace).is_none() => {
            problem.hint(format!("package `{namespace}` is not installed: run `tform deps`, or add it to packages.yml"))
        }
        _ => problem.hint("define it with `{% test name(model, column_name) %}` in `tests/generic` or `macros`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_names_may_have_a_package() {
        assert_eq!(split_name("unique"), Some((None, "unique".into())));
        assert_eq!(split_name("dbt_utils.at_least_one"), Some((Some("dbt_utils".into()), "at_least_one".into())));
        assert_eq!(split_name("1st"), None);
    }

    #[test]
    fn the_fqn_of_a_test_has_the_folders_of_its_file() {
        assert_eq!(fqn("shop", "models/staging/schema.yml", "t"), ["shop", "staging", "t"]);
        assert_eq!(fqn("shop", "models/schema.yml", "t"), ["shop", "t"]);
    }
}
