//! Entries of `models`, `seeds`, `snapshots`, `analyses` and `data_tests`.

use serde_json::{Map, Value};

use super::{Reading, Section};
use crate::diagnostic::Span;
use crate::manifest::Version;
use crate::yaml::{Map as YamlMap, Node};

/// One entry that describes a node.
#[derive(Debug, Clone)]
pub struct NodeProperties {
    pub section: Section,
    pub name: String,
    pub span: Span,
    pub description: String,
    /// `config:` with `meta`, `docs`, `group`, `contract` and `access` of the entry itself.
    pub config: Map<String, Value>,
    /// The same as it is written, with its templates.
    pub written_config: Map<String, Value>,
    pub columns: Vec<ColumnProperties>,
    pub tests: Vec<TestProperties>,
    pub quote_columns: Option<bool>,
    pub constraints: Vec<Value>,
    pub latest_version: Option<Version>,
    pub versions: Vec<VersionProperties>,
    pub deprecation_date: Option<String>,
    pub time_spine: Option<Value>,
    /// `semantic_model`, `metrics` and what else of the semantic layer stands under a model.
    pub semantics: Option<Box<Map<String, Value>>>,
    /// What a snapshot defined in YAML snapshots.
    pub relation: Option<String>,
    /// `arguments` and `returns` of a function.
    pub signature: Map<String, Value>,
}

/// A column of a node or a source.
#[derive(Debug, Clone, Default)]
pub struct ColumnProperties {
    pub name: String,
    pub description: String,
    pub meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub data_type: Option<String>,
    pub constraints: Vec<Value>,
    pub quote: Option<bool>,
    pub granularity: Option<String>,
    pub tests: Vec<TestProperties>,
    /// Keys that dbt does not know and keeps.
    pub more: Option<Box<Map<String, Value>>>,
}

/// A test on a node, a source or a column, as written.
#[derive(Debug, Clone)]
pub struct TestProperties {
    /// `unique`, `dbt_utils.expression_is_true`.
    pub name: String,
    pub arguments: Map<String, Value>,
    pub span: Span,
}

/// One version of a model.
#[derive(Debug, Clone)]
pub struct VersionProperties {
    pub v: Version,
    pub span: Span,
    pub defined_in: Option<String>,
    pub description: String,
    pub config: Map<String, Value>,
    pub constraints: Vec<Value>,
    pub tests: Option<Vec<TestProperties>>,
    pub columns: VersionColumns,
    pub deprecation_date: Option<String>,
}

/// Which columns a version has: some of the model's, and its own.
#[derive(Debug, Clone, Default)]
pub struct VersionColumns {
    /// `None` takes all.
    pub include: Option<Vec<String>>,
    pub exclude: Vec<String>,
    pub own: Vec<ColumnProperties>,
}

impl VersionColumns {
    pub fn includes(&self, column: &str) -> bool {
        let included = self.include.as_ref().is_none_or(|names| names.iter().any(|name| name == column));
        included && !self.exclude.iter().any(|name| name == column)
    }
}

const MODEL_KEYS: [&str; 25] = [
    "name",
    "description",
    "docs",
    "meta",
    "group",
    "contract",
    "access",
    "config",
    "columns",
    "tests",
    "data_tests",
    "quote_columns",
    "constraints",
    "latest_version",
    "versions",
    "deprecation_date",
    "time_spine",
    "tags",
    "identifier",
    "static_analysis_off_reason",
    "semantic_model",
    "derived_semantics",
    "metrics",
    "primary_entity",
    "agg_time_dimension",
];
/// Keys of the semantic layer under a model.
const SEMANTIC_KEYS: [&str; 5] =
    ["semantic_model", "derived_semantics", "metrics", "primary_entity", "agg_time_dimension"];
const PLAIN_KEYS: [&str; 14] = [
    "name",
    "description",
    "docs",
    "meta",
    "group",
    "contract",
    "access",
    "config",
    "columns",
    "tests",
    "data_tests",
    "quote_columns",
    "static_analysis_off_reason",
    "data_type",
];
const SNAPSHOT_KEYS: [&str; 15] = [
    "name",
    "description",
    "docs",
    "meta",
    "group",
    "contract",
    "access",
    "config",
    "columns",
    "tests",
    "data_tests",
    "quote_columns",
    "static_analysis_off_reason",
    "data_type",
    "relation",
];
const FUNCTION_KEYS: [&str; 14] = [
    "name",
    "description",
    "docs",
    "meta",
    "access",
    "config",
    "columns",
    "constraints",
    "arguments",
    "returns",
    "overloads",
    "identifier",
    "language",
    "static_analysis_off_reason",
];
const VERSION_KEYS: [&str; 11] = [
    "v",
    "defined_in",
    "description",
    "access",
    "config",
    "constraints",
    "docs",
    "tests",
    "data_tests",
    "columns",
    "deprecation_date",
];
const COLUMN_KEYS: [&str; 18] = [
    "name",
    "description",
    "meta",
    "tags",
    "data_type",
    "constraints",
    "docs",
    "config",
    "quote",
    "granularity",
    "tests",
    "data_tests",
    "dimension",
    "entity",
    "policy_tags",
    "databricks_tags",
    "column_mask",
    "identifier",
];

/// The entry as a struct; `None` if it has mistakes that leave nothing to work with.
pub fn read(reading: &mut Reading<'_>, section: Section, map: &YamlMap, name: String) -> Option<NodeProperties> {
    let keys: &[&str] = match section {
        Section::Models => &MODEL_KEYS,
        Section::Snapshots => &SNAPSHOT_KEYS,
        Section::Functions => &FUNCTION_KEYS,
        _ => &PLAIN_KEYS,
    };
    reading.warn_unknown(map, keys, format_args!("`{name}` in `{}`", section.key()));
    reading.refuse_null(map, &["description", "meta", "docs", "config"]);
    if !matches!(section, Section::Functions | Section::SingularTests) {
        reading.refuse_null(map, &["columns"]);
    }
    if matches!(section, Section::Models | Section::Seeds | Section::Snapshots) {
        reading.refuse_null(map, &["tests", "data_tests"]);
        refuse_null_in_columns(reading, map);
    }
    if section == Section::Models {
        reading.refuse_null(map, &["constraints", "versions", "access", "contract"]);
    }
    let description = reading.raw_text(map, "description").unwrap_or_default();
    let config = config(reading, map);
    let written_config = written_config(map, &config);
    let columns = columns(reading, map);
    let tests = tests(reading, map).unwrap_or_default();
    let mut properties = NodeProperties {
        section,
        span: reading.head(map),
        description,
        config,
        written_config,
        columns,
        tests,
        quote_columns: reading.flag(map, "quote_columns"),
        constraints: constraints(reading, map, &name),
        latest_version: None,
        versions: Vec::new(),
        deprecation_date: None,
        time_spine: None,
        semantics: None,
        relation: None,
        signature: Map::new(),
        name,
    };
    if section == Section::Models {
        properties.deprecation_date = date(reading, map);
        properties.time_spine = map.get("time_spine").filter(|node| !node.is_null()).map(|node| reading.rendered(node));
        properties.semantics = semantics(reading, map);
        versions(reading, map, &mut properties);
        check_time_spine(reading, map, &properties);
    }
    if section == Section::Snapshots {
        properties.relation = reading.text(map, "relation");
    }
    if section == Section::Functions {
        check_signature(reading, map, &properties.name);
        for key in ["arguments", "returns", "overloads"] {
            if let Some(node) = map.get(key).filter(|node| !node.is_null()) {
                let value = reading.rendered(node);
                properties.signature.insert(key.to_owned(), value);
            }
        }
    }
    Some(properties)
}

/// Tests and tags of columns have values where they stand; columns of analyses have none of them.
pub fn refuse_null_in_columns(reading: &mut Reading<'_>, map: &YamlMap) {
    for column in reading.list(map, "columns").iter().filter_map(Node::as_map) {
        reading.refuse_null(column, &["tests", "data_tests", "tags"]);
    }
}

/// What a function takes and gives has types.
fn check_signature(reading: &mut Reading<'_>, map: &YamlMap, name: &str) {
    match map.get("returns").filter(|node| !node.is_null()) {
        None => {
            let problem = crate::diagnostic::Diagnostic::error(format!("function `{name}` has no `returns`"))
                .at(reading.head(map))
                .hint("say its type: `returns: {data_type: ...}`");
            reading.problems.push(problem);
        }
        Some(node) if node.get("data_type").is_none_or(Node::is_null) => {
            reading.error(format!("`returns` of function `{name}` must be a mapping with a `data_type`"), node);
        }
        Some(_) => {}
    }
    for node in reading.list(map, "arguments") {
        if ["name", "data_type"].iter().any(|key| node.get(key).is_none_or(Node::is_null)) {
            let message = format!("an argument of function `{name}` must be a mapping with `name` and `data_type`");
            reading.error(message, node);
        }
    }
}

/// The semantic layer of a model; descriptions and filters of metrics are rendered later, by others.
fn semantics(reading: &mut Reading<'_>, map: &YamlMap) -> Option<Box<Map<String, Value>>> {
    let mut semantics = Map::new();
    for key in SEMANTIC_KEYS {
        let Some(node) = map.get(key).filter(|node| !node.is_null()) else { continue };
        let value = reading.rendered_except(node, &["description", "filter"]);
        semantics.insert(key.to_owned(), value);
    }
    (!semantics.is_empty()).then(|| Box::new(semantics))
}

/// The entries of `config`, each as it stands in the file. Those that stand beside it are known to dbt as
/// they are rendered only.
fn written_config(map: &YamlMap, config: &Map<String, Value>) -> Map<String, Value> {
    let Some(below) = map.get("config").and_then(Node::as_map) else { return Map::new() };
    config.keys().filter_map(|key| Some((key.clone(), below.get(key)?.to_json()))).collect()
}

/// `config:` joined with the configs that may also stand beside it.
fn config(reading: &mut Reading<'_>, map: &YamlMap) -> Map<String, Value> {
    let mut config = reading.mapping_except(map, "config", &["pre_hook", "post_hook", "pre-hook", "post-hook"]);
    for key in ["meta", "docs", "group", "contract", "access"] {
        let Some(entry) = map.entry(key).filter(|entry| !entry.value.is_null()) else { continue };
        if config.contains_key(key) {
            let path = &reading.file.path;
            let message = format!("in {path}: found {key} dictionary in 'config' dictionary and as top-level key");
            let problem = crate::diagnostic::Diagnostic::error(message)
                .at(entry.key.span(reading.file))
                .hint("remove the top-level key and define it under 'config' dictionary only");
            reading.problems.push(problem);
            continue;
        }
        let value = reading.rendered(&entry.value);
        config.insert(key.to_owned(), value);
    }
    config
}

fn date(reading: &mut Reading<'_>, map: &YamlMap) -> Option<String> {
    reading.text(map, "deprecation_date")
}

/// The columns of a node, a version or a table.
pub fn columns(reading: &mut Reading<'_>, map: &YamlMap) -> Vec<ColumnProperties> {
    let items = reading.list(map, "columns");
    let mut columns: Vec<ColumnProperties> = items.iter().filter_map(|item| column(reading, item)).collect();
    columns.shrink_to_fit();
    columns
}

fn column(reading: &mut Reading<'_>, item: &Node) -> Option<ColumnProperties> {
    let Some(map) = item.as_map() else {
        reading.error(format!("a column must be a mapping with a `name`, not {}", item.value.kind()), item);
        return None;
    };
    let Some(name) = map.get("name").filter(|name| !name.is_null()) else {
        reading.error("a column has no `name`", item);
        return None;
    };
    let name = reading.text_of(name, "name")?;
    let config = reading.mapping(map, "config");
    let mut meta = reading.mapping(map, "meta");
    if let Some(Value::Object(more)) = config.get("meta") {
        meta.extend(more.clone());
    }
    let mut tags = reading.tags(map, "tags");
    match config.get("tags") {
        Some(Value::String(tag)) => tags.push(tag.clone()),
        Some(Value::Array(more)) => tags.extend(more.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
    let mut seen = std::collections::HashSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    let mut more = Map::new();
    for (key, value) in map.iter().filter(|(key, _)| !COLUMN_KEYS[..12].contains(&&*key.text)) {
        // The description of a dimension or an entity is rendered with that of its semantic model.
        more.insert(key.text.to_string(), reading.rendered_except(value, &["description"]));
    }
    reading.warn_unknown(map, &COLUMN_KEYS, format_args!("column `{name}`"));
    reading.refuse_null(map, &["description", "meta", "docs", "config", "constraints"]);
    Some(ColumnProperties {
        description: reading.raw_text(map, "description").unwrap_or_default(),
        meta,
        tags,
        data_type: reading.text(map, "data_type"),
        constraints: constraints(reading, map, &name),
        quote: reading.flag(map, "quote"),
        granularity: reading.text(map, "granularity"),
        tests: tests(reading, map).unwrap_or_default(),
        more: (!more.is_empty()).then(|| Box::new(more)),
        name,
    })
}

/// Constraints with every field that dbt writes; model-level ones also have `columns`.
fn constraints(reading: &mut Reading<'_>, map: &YamlMap, owner: &str) -> Vec<Value> {
    const KINDS: [&str; 6] = ["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];
    let mut constraints = Vec::new();
    for item in reading.list(map, "constraints") {
        let Value::Object(given) = reading.rendered(item) else {
            reading.error(format!("a constraint must be a mapping with a `type`, not {}", item.value.kind()), item);
            continue;
        };
        let kind = given.get("type").and_then(Value::as_str).unwrap_or("");
        if !KINDS.contains(&kind) {
            let problem = crate::diagnostic::Diagnostic::error(format!("invalid constraint type on `{owner}`"))
                .at(item.span(reading.file))
                .hint(format!("the type must be one of {}", KINDS.join(", ")))
                .suggest(kind, KINDS);
            reading.problems.push(problem);
            continue;
        }
        let take =
            |key: &str, default: Value| given.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(default);
        let mut constraint = Map::new();
        constraint.insert("type".to_owned(), Value::from(kind));
        constraint.insert("name".to_owned(), take("name", Value::Null));
        constraint.insert("expression".to_owned(), take("expression", Value::Null));
        constraint.insert("warn_unenforced".to_owned(), take("warn_unenforced", Value::Bool(true)));
        constraint.insert("warn_unsupported".to_owned(), take("warn_unsupported", Value::Bool(true)));
        constraint.insert("to".to_owned(), take("to", Value::Null));
        constraint.insert("to_columns".to_owned(), take("to_columns", Value::Array(Vec::new())));
        if let Some(columns) = given.get("columns") {
            constraint.insert("columns".to_owned(), columns.clone());
        }
        constraints.push(Value::Object(constraint));
    }
    constraints
}

/// `data_tests:` or `tests:`; `None` if there is neither.
pub fn tests(reading: &mut Reading<'_>, map: &YamlMap) -> Option<Vec<TestProperties>> {
    let given = |key: &str| map.entry(key).filter(|entry| !entry.value.is_null());
    if let (Some(tests), Some(_)) = (given("tests"), given("data_tests"))
        && tests.value.as_list().is_some_and(|items| !items.is_empty())
    {
        let message = "Invalid test config: cannot have both 'tests' and 'data_tests' defined";
        reading.problems.push(crate::diagnostic::Diagnostic::error(message).at(tests.key.span(reading.file)));
    }
    let key = if given("data_tests").is_some() { "data_tests" } else { "tests" };
    given(key)?;
    let items = reading.list(map, key);
    let mut tests: Vec<TestProperties> = items.iter().filter_map(|item| test(reading, item)).collect();
    tests.shrink_to_fit();
    Some(tests)
}

fn test(reading: &mut Reading<'_>, item: &Node) -> Option<TestProperties> {
    let span = item.span(reading.file);
    if let Some(name) = item.as_str() {
        return Some(TestProperties { name: name.to_owned(), arguments: Map::new(), span });
    }
    let Some(map) = item.as_map() else {
        let shown = super::super::python::literal(&item.to_json());
        reading.error(format!("test must be dict or str, got {} (value {shown})", item.value.kind()), item);
        return None;
    };
    if let Some(name) = map.get("test_name") {
        let arguments = map.iter().filter(|(key, _)| &*key.text != "test_name");
        let arguments = arguments.map(|(key, value)| (key.text.to_string(), value.to_json())).collect();
        return Some(TestProperties { name: reading.text_of(name, "test_name")?, arguments, span });
    }
    let [entry] = map.entries.as_slice() else {
        let keys: Vec<&str> = map.keys().collect();
        let message =
            format!("test definition dictionary must have exactly one key, got {} ({})", keys.len(), keys.join(", "));
        let problem = crate::diagnostic::Diagnostic::error(message)
            .at(span)
            .hint("indent the arguments one level deeper than the name of the test");
        reading.problems.push(problem);
        return None;
    };
    let span = entry.key.span(reading.file);
    let Some(arguments) = entry.value.as_map() else {
        let kind = entry.value.value.kind();
        let message = format!("test arguments must be dict, got {kind} for test `{}`", entry.key.text);
        reading.problems.push(crate::diagnostic::Diagnostic::error(message).at(span));
        return None;
    };
    let arguments = arguments.iter().map(|(key, value)| (key.text.to_string(), value.to_json())).collect();
    Some(TestProperties { name: entry.key.text.to_string(), arguments, span })
}

fn versions(reading: &mut Reading<'_>, map: &YamlMap, properties: &mut NodeProperties) {
    for item in reading.list(map, "versions") {
        if let Some(version) = version(reading, item) {
            if properties.versions.iter().any(|known| known.v.to_string() == version.v.to_string()) {
                let name = &properties.name;
                let message = format!("found duplicate version: '{}' in versions list of model '{name}'", version.v);
                reading.error(message, item);
                continue;
            }
            properties.versions.push(version);
        }
    }
    let Some(node) = map.get("latest_version").filter(|node| !node.is_null()) else { return };
    let latest = Version::from_json(&reading.rendered(node));
    let known = latest.as_ref().is_some_and(|latest| properties.versions.iter().any(|known| known.v == *latest));
    if !known && !node.is_null() {
        let values: Vec<Value> = properties.versions.iter().map(|version| version.v.to_json()).collect();
        let shown = super::super::python::literal(&Value::Array(values));
        let latest = latest.map(|latest| latest.to_string()).unwrap_or_default();
        let name = &properties.name;
        let message = format!("latest_version: {latest} is not one of model '{name}' versions: {shown}");
        reading.error(message, node);
        return;
    }
    properties.latest_version = latest;
}

fn version(reading: &mut Reading<'_>, item: &Node) -> Option<VersionProperties> {
    let Some(map) = item.as_map() else {
        reading.error(format!("a version must be a mapping with `v`, not {}", item.value.kind()), item);
        return None;
    };
    let v = map.get("v").map(|node| reading.rendered(node)).as_ref().and_then(Version::from_json);
    let Some(v) = v else {
        reading.error("a version has no `v`", item);
        return None;
    };
    reading.warn_unknown(map, &VERSION_KEYS, format_args!("version `{v}`"));
    let mut config = reading.mapping_except(map, "config", &["pre_hook", "post_hook", "pre-hook", "post-hook"]);
    for key in ["access", "docs"] {
        if let Some(node) = map.get(key).filter(|node| !node.is_null()) {
            let value = reading.rendered(node);
            config.entry(key).or_insert(value);
        }
    }
    reading.refuse_null(map, &["description", "columns", "config", "docs", "constraints"]);
    let columns = version_columns(reading, map);
    Some(VersionProperties {
        span: reading.head(map),
        defined_in: reading.text(map, "defined_in"),
        description: reading.raw_text(map, "description").unwrap_or_default(),
        config,
        constraints: constraints(reading, map, &v.to_string()),
        tests: tests(reading, map),
        columns,
        deprecation_date: date(reading, map),
        v,
    })
}

fn version_columns(reading: &mut Reading<'_>, map: &YamlMap) -> VersionColumns {
    let mut columns = VersionColumns::default();
    let mut chosen = false;
    for node in reading.list(map, "columns") {
        let is_choice = node.get("name").is_none() && node.get("include").or(node.get("exclude")).is_some();
        if !is_choice {
            columns.own.extend(column(reading, node));
            continue;
        }
        if std::mem::replace(&mut chosen, true) {
            reading.error("version can have at most one include/exclude element", node);
        }
        // `all` and `*` take every column, and so does a list of what to leave out.
        match reading.rendered(node).get("include") {
            Some(Value::Array(names)) => {
                columns.include = Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            }
            Some(Value::String(word)) if !matches!(&**word, "all" | "*") => {
                reading.error(format!("`include` must be one of 'all', '*' or a list of columns, not '{word}'"), node);
            }
            _ => {}
        }
        columns.exclude = node.as_map().map(|map| reading.tags(map, "exclude")).unwrap_or_default();
        if columns.include.is_some() && !columns.exclude.is_empty() {
            reading.error("`exclude` can only be given where `include` is 'all' or '*'", node);
        }
    }
    columns
}

fn check_time_spine(reading: &mut Reading<'_>, map: &YamlMap, properties: &NodeProperties) {
    let (Some(node), Some(spine)) = (map.get("time_spine"), &properties.time_spine) else { return };
    let standard = spine.get("standard_granularity_column").and_then(Value::as_str).unwrap_or("");
    let names: Vec<&str> = properties.columns.iter().map(|column| column.name.as_str()).collect();
    match properties.columns.iter().find(|column| column.name == standard) {
        None => {
            let message = format!(
                "Time spine standard granularity column must be defined on the model. Got invalid column name \
                 '{standard}' for model '{}'. Valid names: {}.",
                properties.name,
                names.join(", ")
            );
            reading.error(message, node);
        }
        Some(column) if column.granularity.is_none() => {
            let message = format!(
                "Time spine standard granularity column must have a granularity defined. Add one for column \
                 '{standard}' in model '{}'.",
                properties.name
            );
            reading.error(message, node);
        }
        Some(_) => {}
    }
    let custom = spine.get("custom_granularities").and_then(Value::as_array);
    let missing: Vec<&str> = custom
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("column_name").filter(|name| !name.is_null()).or_else(|| one.get("name"))?.as_str())
        .filter(|name| !names.contains(name))
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "Time spine custom granularity columns do not exist in the model. Columns not found: {}; Available columns: {}",
            missing.join(", "),
            names.join(", ")
        );
        reading.error(message, node);
    }
}
