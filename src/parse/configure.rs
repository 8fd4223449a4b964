//! The config of one resource, out of all the places that set it.
//!
//! From the general to the specific: defaults, the package's `dbt_project.yml` by fqn,
//! the properties entry, the `config()` calls of the file; for a resource of an imported
//! package the root project's `dbt_project.yml` has the last word
//! (docs.getdbt.com/reference/configs-and-properties).

use super::colors::is_color;
use serde_json::{Map, Value, json};

use super::layers::Tree;
use crate::config::{NodeConfig, merge};
use crate::manifest::Freshness;
use crate::resource::ResourceType;

/// The config trees of one `dbt_project.yml`, one per kind of resource.
#[derive(Debug, Default)]
pub struct Trees {
    pub models: Tree,
    pub seeds: Tree,
    pub snapshots: Tree,
    pub sources: Tree,
    pub tests: Tree,
    pub unit_tests: Tree,
    pub exposures: Tree,
    pub metrics: Tree,
    pub semantic_models: Tree,
    pub saved_queries: Tree,
    pub functions: Tree,
    /// Analyses are configured with the models unless they have a tree of their own.
    pub analyses: Option<Tree>,
}

impl Trees {
    /// Builds the trees; `section` gives what stands under a key of `dbt_project.yml`.
    pub fn new(section: impl Fn(&str) -> Option<Map<String, Value>>) -> Self {
        let tree = |key: &str| Tree::new(section(key).as_ref());
        Trees {
            models: tree("models"),
            seeds: tree("seeds"),
            snapshots: tree("snapshots"),
            sources: tree("sources"),
            tests: Tree::new(section("data_tests").or_else(|| section("tests")).as_ref()),
            unit_tests: tree("unit_tests"),
            exposures: tree("exposures"),
            metrics: tree("metrics"),
            semantic_models: tree("semantic-models"),
            saved_queries: tree("saved-queries"),
            functions: tree("functions"),
            analyses: None,
        }
    }

    /// Configures analyses under `analyses:` (`require_corrected_analysis_fqns`).
    #[must_use]
    pub fn with_analyses(mut self, section: Option<&Map<String, Value>>) -> Self {
        self.analyses = Some(Tree::new(section));
        self
    }

    /// The tree for a kind; what has none of its own is configured with the models.
    pub fn of(&self, resource_type: ResourceType) -> &Tree {
        match resource_type {
            ResourceType::Seed => &self.seeds,
            ResourceType::Snapshot => &self.snapshots,
            ResourceType::Source => &self.sources,
            ResourceType::Test => &self.tests,
            ResourceType::UnitTest => &self.unit_tests,
            ResourceType::Exposure => &self.exposures,
            ResourceType::Metric => &self.metrics,
            ResourceType::SemanticModel => &self.semantic_models,
            ResourceType::SavedQuery => &self.saved_queries,
            ResourceType::Function => &self.functions,
            ResourceType::Analysis if self.analyses.is_some() => self.analyses.as_ref().unwrap_or(&self.models),
            _ => &self.models,
        }
    }

    /// The config paths that no resource has met, `models.shop.staging` and so on.
    pub fn unused(&self) -> Vec<String> {
        let named = [
            (&self.models, "models"),
            (&self.seeds, "seeds"),
            (&self.snapshots, "snapshots"),
            (&self.sources, "sources"),
            (&self.tests, "data_tests"),
            (&self.unit_tests, "unit_tests"),
            (&self.exposures, "exposures"),
            (&self.metrics, "metrics"),
            (&self.semantic_models, "semantic_models"),
            (&self.saved_queries, "saved_queries"),
            (&self.functions, "functions"),
        ];
        named.iter().flat_map(|(tree, name)| tree.unused(name)).collect()
    }
}

/// Where the configs of a package's resources come from.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    pub own: &'a Trees,
    /// The root project's, for resources of other packages.
    pub root: Option<&'a Trees>,
}

/// What a resource sets itself.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// Of its properties entry.
    pub properties: &'a Map<String, Value>,
    /// Of the `config()` calls in its file.
    pub calls: &'a Map<String, Value>,
}

impl Own<'static> {
    /// Nothing is set by the resource itself.
    pub fn nothing() -> Self {
        Own { properties: super::workspace::empty(), calls: super::workspace::empty() }
    }
}

/// The config of a resource; fails with what is wrong with a value.
pub fn config(
    places: Places<'_>,
    resource_type: ResourceType,
    fqn: &[String],
    own: Own<'_>,
) -> Result<NodeConfig, String> {
    let mut config = NodeConfig::new(resource_type);
    for level in places.own.of(resource_type).levels(fqn) {
        for (key, value) in &level.values {
            merge::apply(&mut config, key, value.clone());
        }
    }
    for (key, value) in own.properties.iter().chain(own.calls) {
        merge::apply(&mut config, key.trim(), value.clone());
    }
    for level in places.root.into_iter().flat_map(|root| root.of(resource_type).levels(fqn)) {
        for (key, value) in &level.values {
            merge::apply(&mut config, key, value.clone());
        }
    }
    complete(&mut config)?;
    config.shrink_to_fit();
    Ok(config)
}

/// What was set, without defaults and merging, as `unrendered_config` has it.
pub fn unrendered(places: Places<'_>, resource_type: ResourceType, fqn: &[String], own: Own<'_>) -> Map<String, Value> {
    // dbt takes what functions have unrendered from the models' configs.
    let resource_type = if resource_type == ResourceType::Function { ResourceType::Model } else { resource_type };
    let mut config = Map::new();
    for level in places.own.of(resource_type).levels(fqn) {
        config.extend(level.values.iter().map(|(key, value)| (key.to_string(), value.clone())));
    }
    for (key, value) in own.properties.iter().chain(own.calls) {
        config.insert(key.clone(), value.clone());
    }
    for level in places.root.into_iter().flat_map(|root| root.of(resource_type).levels(fqn)) {
        config.extend(level.values.iter().map(|(key, value)| (key.to_string(), value.clone())));
    }
    config
}

/// Fills in what dbt fills in, and refuses values of the wrong kind.
fn complete(config: &mut NodeConfig) -> Result<(), String> {
    check_kinds(config)?;
    // YAML's `off` is no text; dbt keeps Python's spelling of it.
    if let Some(Value::Bool(on)) = config.get("static_analysis") {
        let word = if *on { "True" } else { "False" };
        config.set("static_analysis", Value::from(word));
    }
    if let Some(Value::Bool(on)) = config.get("latest_version_pointer") {
        let whole = json!({"enabled": on});
        config.set("latest_version_pointer", whole);
    }
    if config.resource_type() != ResourceType::Group {
        with_fields(config, "docs", &[("show", json!(true)), ("node_color", Value::Null)]);
    }
    with_fields(config, "contract", &[("enforced", json!(false)), ("alias_types", json!(true))]);
    if let Some(Value::Bool(on)) = config.get("latest_version_pointer").filter(|value| value.is_boolean()) {
        let whole = json!({"enabled": on});
        config.set("latest_version_pointer", whole);
    }
    with_fields(config, "latest_version_pointer", &[("enabled", Value::Null), ("alias", Value::Null)]);
    check_color(config)?;
    check_contract(config)?;
    match config.resource_type() {
        ResourceType::Seed if config.materialized() != "seed" => {
            return Err("A seed must have a materialized value of 'seed'".to_owned());
        }
        ResourceType::Test => complete_test(config)?,
        ResourceType::Snapshot => {
            let names = ["dbt_valid_to", "dbt_valid_from", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted"];
            with_fields(config, "snapshot_meta_column_names", &names.map(|name| (name, Value::Null)));
        }
        ResourceType::Model => {
            with_fields(config, "latest_version_pointer", &[("enabled", Value::Null), ("alias", Value::Null)]);
            let has_rule = |value: &Value| value.get("build_after").is_some_and(Value::is_object);
            if config.is_set("freshness") && !config.get("freshness").is_some_and(has_rule) {
                config.remove("freshness");
            }
            check_build_after(config)?;
        }
        ResourceType::Source => complete_source(config),
        _ => {}
    }
    Ok(())
}

/// Makes a dictionary hold exactly these fields, with defaults.
fn with_fields(config: &mut NodeConfig, key: &str, fields: &[(&str, Value)]) {
    if !config.is_set(key) {
        return;
    }
    let Some(Value::Object(given)) = config.get(key) else { return };
    let whole = fields.iter().map(|(name, default)| {
        ((*name).to_owned(), given.get(*name).filter(|value| !value.is_null()).unwrap_or(default).clone())
    });
    let whole = Value::Object(whole.collect());
    config.set(key, whole);
}

fn complete_test(config: &mut NodeConfig) -> Result<(), String> {
    if let Some(severity) = config.get("severity") {
        let known =
            severity.as_str().is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "warn" | "error"));
        if !known {
            return Err(format!("severity must be either 'warn' or 'error', got '{}'", super::python::text(severity)));
        }
    }
    if config.materialized() != "test" {
        return Err("A test must have a materialized value of 'test'".to_owned());
    }
    match config.get("store_failures_as").and_then(Value::as_str).map(str::to_owned) {
        None => match config.flag("store_failures") {
            Some(true) => config.set("store_failures_as", json!("table")),
            Some(false) => config.set("store_failures_as", json!("ephemeral")),
            None => {}
        },
        Some(kind) => config.set("store_failures", Value::Bool(kind != "ephemeral")),
    }
    Ok(())
}

fn complete_source(config: &mut NodeConfig) {
    let Some(given @ Value::Object(_)) = config.get("freshness") else { return };
    let freshness: Option<Freshness> = serde_json::from_value(given.clone()).ok();
    if let Some(value) = freshness.and_then(|freshness| serde_json::to_value(freshness).ok()) {
        config.set("freshness", value);
    }
}

fn check_build_after(config: &NodeConfig) -> Result<(), String> {
    let Some(rule) = config.get("freshness").and_then(|freshness| freshness.get("build_after")) else { return Ok(()) };
    let given = |key: &str| rule.get(key).is_some_and(|value| !value.is_null());
    match (given("count"), given("period")) {
        (false, true) => Err("`freshness.build_after` must have a value for `count` if a `period` is provided".into()),
        (true, false) => Err("`freshness.build_after` must have a value for `period` if a `count` is provided".into()),
        _ => match rule.get("period").filter(|period| !period.is_null()) {
            Some(period) if !matches!(period.as_str(), Some("minute" | "hour" | "day")) => {
                let shown = super::python::literal(period);
                Err(format!("`freshness.build_after.period`: {shown} is not one of 'minute', 'hour', 'day'"))
            }
            _ => Ok(()),
        },
    }
}

/// The documentation would not show a node in a color that is none.
fn check_color(config: &NodeConfig) -> Result<(), String> {
    let color = config.get("docs").and_then(|docs| docs.get("node_color")).and_then(Value::as_str).unwrap_or("");
    if color.is_empty() || is_color(color) {
        return Ok(());
    }
    Err(format!(
        "Invalid color name for docs.node_color: {color}. It is neither a valid HTML color name nor a valid HEX code."
    ))
}

fn check_contract(config: &NodeConfig) -> Result<(), String> {
    if !config.contract_enforced() || config.materialized() != "incremental" {
        return Ok(());
    }
    match config.text("on_schema_change").unwrap_or("ignore") {
        "append_new_columns" | "fail" => Ok(()),
        other => Err(format!(
            "Invalid value for on_schema_change: {other}. Models materialized as incremental with contracts enabled must \
             set on_schema_change to 'append_new_columns' or 'fail'"
        )),
    }
}

/// Refuses a text where a flag belongs, and the like; the kinds have the names of JSON's schemas.
fn check_kinds(config: &NodeConfig) -> Result<(), String> {
    let wrong = |key: &str, value: &Value, kind: &str| {
        Err(format!("config `{key}`: {} is not of type '{kind}'", super::python::literal(value)))
    };
    let is_model = config.resource_type() == ResourceType::Model;
    let is_built = matches!(config.resource_type(), ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot);
    for (key, value) in config.set_values() {
        if value.is_null() {
            match kind_for_null(key, is_built, is_model) {
                Some(kind) => return wrong(key, value, kind),
                None => continue,
            }
        }
        match key {
            "enabled" if !value.is_boolean() => return wrong(key, value, "boolean"),
            "full_refresh" | "store_failures" | "quote_columns" if !value.is_boolean() => {
                return wrong(key, value, "boolean");
            }
            "materialized"
            | "alias"
            | "schema"
            | "database"
            | "group"
            | "incremental_strategy"
            | "on_schema_change"
            | "strategy"
            | "target_schema"
            | "target_database"
            | "severity"
            | "fail_calc"
            | "warn_if"
            | "error_if"
            | "where"
            | "store_failures_as"
            | "delimiter"
            | "dbt_valid_to_current"
            | "access"
            | "loaded_at_field"
                if !value.is_string() =>
            {
                return wrong(key, value, "string");
            }
            "tags" => {
                let texts = value.is_string() || value.as_array().is_some_and(|tags| tags.iter().all(Value::is_string));
                if !texts {
                    let shown = super::python::literal(value);
                    return Err(format!("config `{key}`: {shown} is not valid under any of the given schemas"));
                }
            }
            "pre-hook" | "post-hook" if is_built => check_hooks(key, value)?,
            "on_configuration_change" if is_built && !matches!(value.as_str(), Some("apply" | "continue" | "fail")) => {
                return Err(format!(
                    "config `{key}`: {} is not one of 'apply', 'continue', 'fail'",
                    super::python::literal(value)
                ));
            }
            "meta"
            | "grants"
            | "docs"
            | "contract"
            | "quoting"
            | "column_types"
            | "persist_docs"
            | "snapshot_meta_column_names"
                if !value.is_object() =>
            {
                return wrong(key, value, "object");
            }
            "access" if is_model && !matches!(value.as_str(), Some("private" | "protected" | "public")) => {
                let shown = super::python::text(value);
                return Err(format!("config `access`: {shown} is not one of `private`, `protected`, `public`"));
            }
            "docs" if is_built => check_flag(key, value, "show")?,
            "contract" if is_built => {
                check_flag(key, value, "enforced")?;
                check_flag(key, value, "alias_types")?;
            }
            "limit" if !value.is_i64() && !value.is_u64() => return wrong(key, value, "integer"),
            _ => {}
        }
    }
    Ok(())
}

/// What dbt wants where a config has no value; `None` where it takes that for a config that is not there.
fn kind_for_null(key: &str, is_built: bool, is_model: bool) -> Option<&'static str> {
    match key {
        "enabled" => Some("boolean"),
        "meta" | "grants" | "docs" | "quoting" | "persist_docs" | "column_types" | "contract" if is_built => {
            Some("object")
        }
        "on_configuration_change" | "delimiter" if is_built => Some("string"),
        "materialized" | "access" if is_model => Some("string"),
        _ => None,
    }
}

/// Refuses a config whose field is there, but neither true nor false.
fn check_flag(key: &str, value: &Value, field: &str) -> Result<(), String> {
    match value.get(field).filter(|flag| !flag.is_boolean()) {
        Some(flag) => Err(format!("config `{key}.{field}`: {} is not of type 'boolean'", super::python::literal(flag))),
        None => Ok(()),
    }
}

/// A hook is a statement, with or without a word on transactions.
fn check_hooks(key: &str, hooks: &Value) -> Result<(), String> {
    for hook in hooks.as_array().into_iter().flatten() {
        if !hook.get("sql").is_some_and(Value::is_string) {
            let shown = super::python::literal(hook);
            return Err(format!("config `{key}`: {shown} is no hook, which is a text or has its text under `sql`"));
        }
        if let Some(flag) = hook.get("transaction").filter(|flag| !flag.is_boolean()) {
            let shown = super::python::literal(flag);
            return Err(format!("config `{key}`: {shown} under `transaction` is not of type 'boolean'"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trees(project: Value) -> Trees {
        Trees::new(|key| project.get(key).and_then(Value::as_object).cloned())
    }

    fn fqn(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn the_root_project_has_the_last_word_over_a_package() {
        let own = trees(json!({"models": {"pkg": {"+materialized": "view", "+tags": "own"}}}));
        let root = trees(json!({"models": {"pkg": {"+materialized": "table", "+tags": "root"}}}));
        let properties = json!({"tags": ["yml"]});
        let calls = json!({"materialized": "incremental"});
        let own_settings = Own { properties: properties.as_object().unwrap(), calls: calls.as_object().unwrap() };
        let places = Places { own: &own, root: Some(&root) };
        let found = config(places, ResourceType::Model, &fqn("pkg.a"), own_settings).unwrap();
        assert_eq!(found.materialized(), "table");
        assert_eq!(found.tags(), ["own", "yml", "root"]);
        let places = Places { own: &own, root: None };
        let found = config(places, ResourceType::Model, &fqn("pkg.a"), own_settings).unwrap();
        assert_eq!(found.materialized(), "incremental");
    }

    #[test]
    fn stored_failures_and_their_form_follow_each_other() {
        let check = |set: Value, failures: Value, form: Value| {
            let empty = Map::new();
            let trees = Trees::default();
            let own = Own { properties: &empty, calls: set.as_object().unwrap() };
            let places = Places { own: &trees, root: None };
            let config = config(places, ResourceType::Test, &fqn("p.t"), own).unwrap();
            assert_eq!((config.get("store_failures"), config.get("store_failures_as")), (Some(&failures), Some(&form)));
        };
        check(json!({}), Value::Null, Value::Null);
        check(json!({"store_failures": true}), json!(true), json!("table"));
        check(json!({"store_failures_as": "view", "store_failures": false}), json!(true), json!("view"));
        check(json!({"store_failures_as": "ephemeral"}), json!(false), json!("ephemeral"));
    }

    #[test]
    fn wrong_values_are_refused() {
        let check = |set: Value| {
            let empty = Map::new();
            let trees = Trees::default();
            let own = Own { properties: &empty, calls: set.as_object().unwrap() };
            config(Places { own: &trees, root: None }, ResourceType::Test, &fqn("p.t"), own).unwrap_err()
        };
        assert_eq!(check(json!({"enabled": "yes"})), "config `enabled`: 'yes' is not of type 'boolean'");
        assert_eq!(check(json!({"severity": "bad"})), "severity must be either 'warn' or 'error', got 'bad'");
        assert_eq!(check(json!({"tags": [1]})), "config `tags`: [1] is not valid under any of the given schemas");
    }
}
