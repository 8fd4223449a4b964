//! Entries of `sources`.

use serde_json::{Map, Value};

use super::Reading;
use super::node::{ColumnProperties, TestProperties, columns, refuse_null_in_columns, tests};
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::{Quoting, Threshold};
use crate::yaml::{Map as YamlMap, Node};

/// A source with its tables. What is `None` was not written.
#[derive(Debug, Clone, Default)]
pub struct SourceProperties {
    pub name: String,
    pub span: Option<Span>,
    pub settings: Settings,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub unrendered_database: Option<String>,
    pub unrendered_schema: Option<String>,
    pub loader: Option<String>,
    pub tables: Vec<TableProperties>,
    /// The package whose source of this name is changed.
    pub overrides: Option<String>,
}

/// A table of a source.
#[derive(Debug, Clone, Default)]
pub struct TableProperties {
    pub name: String,
    pub span: Option<Span>,
    pub settings: Settings,
    pub identifier: Option<String>,
    pub external: Option<Value>,
    pub columns: Vec<ColumnProperties>,
    pub tests: Vec<TestProperties>,
    pub quote_columns: Option<bool>,
}

/// What can be said of a source and of each of its tables.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub description: Option<String>,
    pub meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub quoting: Quoting,
    pub freshness: FreshnessSetting,
    pub loaded_at_field: Option<String>,
    /// Whether `loaded_at_field` was written at all, if only to switch it off.
    pub loaded_at_field_present: bool,
    pub loaded_at_query: Option<String>,
    pub config: Map<String, Value>,
}

/// `freshness:` as one place has it.
#[derive(Debug, Clone, PartialEq)]
pub enum FreshnessSetting {
    /// `freshness: null`, which switches it off.
    Off,
    /// The thresholds that were written; all are unset where the key is absent.
    Given { warn_after: Option<Threshold>, error_after: Option<Threshold>, filter: Option<String> },
}

impl Default for FreshnessSetting {
    fn default() -> Self {
        FreshnessSetting::Given {
            warn_after: Some(Threshold::default()),
            error_after: Some(Threshold::default()),
            filter: None,
        }
    }
}

const SOURCE_KEYS: [&str; 18] = [
    "name",
    "description",
    "meta",
    "tags",
    "quoting",
    "freshness",
    "loaded_at_field",
    "loaded_at_query",
    "config",
    "database",
    "schema",
    "loader",
    "tables",
    "overrides",
    "catalog",
    "path",
    "docs",
    "tests",
];
const TABLE_KEYS: [&str; 19] = [
    "name",
    "description",
    "meta",
    "tags",
    "quoting",
    "freshness",
    "loaded_at_field",
    "loaded_at_query",
    "config",
    "identifier",
    "external",
    "columns",
    "tests",
    "data_tests",
    "quote_columns",
    "docs",
    "loader",
    "data_type",
    "constraints",
];

/// The entry as a struct.
pub fn read(reading: &mut Reading<'_>, map: &YamlMap, name: String) -> Option<SourceProperties> {
    reading.warn_unknown(map, &SOURCE_KEYS, format_args!("source `{name}`"));
    reading.refuse_null(map, &["description", "meta", "tags", "config", "loader", "quoting", "overrides"]);
    let raw = |key: &str| map.get(key).and_then(Node::as_str).map(str::to_owned);
    let mut tables: Vec<TableProperties> = Vec::new();
    for item in reading.list(map, "tables") {
        tables.extend(table(reading, item, &name));
    }
    Some(SourceProperties {
        span: Some(reading.head(map)),
        settings: settings(reading, map),
        unrendered_database: raw("database"),
        unrendered_schema: raw("schema"),
        database: reading.text(map, "database"),
        schema: reading.text(map, "schema"),
        loader: reading.text(map, "loader"),
        tables,
        overrides: reading.text(map, "overrides"),
        name,
    })
}

fn table(reading: &mut Reading<'_>, item: &Node, source: &str) -> Option<TableProperties> {
    let Some(map) = item.as_map() else {
        reading.error(format!("a table of source `{source}` must be a mapping with a `name`"), item);
        return None;
    };
    let Some(name) = map.get("name").filter(|name| !name.is_null()) else {
        reading.error(format!("a table of source `{source}` has no `name`"), item);
        return None;
    };
    let name = reading.text_of(name, "name")?;
    reading.warn_unknown(map, &TABLE_KEYS, format_args!("table `{name}` of source `{source}`"));
    let never_null = ["description", "columns", "tests", "data_tests", "meta", "tags", "config", "quoting", "docs"];
    reading.refuse_null(map, &never_null);
    refuse_null_in_columns(reading, map);
    check_external(reading, map);
    Some(TableProperties {
        span: Some(reading.head(map)),
        settings: settings(reading, map),
        identifier: reading.text(map, "identifier"),
        external: map.get("external").filter(|node| !node.is_null()).map(|node| reading.rendered(node)),
        columns: columns(reading, map),
        tests: tests(reading, map).unwrap_or_default(),
        quote_columns: reading.flag(map, "quote_columns"),
        name,
    })
}

/// `external` is a mapping; where the data are is a text, and partitions are a list.
fn check_external(reading: &mut Reading<'_>, map: &YamlMap) {
    let Some(node) = map.get("external").filter(|node| !node.is_null()) else { return };
    let Some(external) = node.as_map() else {
        return reading.error(format!("`external` must be a mapping, not {}", node.value.kind()), node);
    };
    reading.text(external, "location");
    reading.list(external, "partitions");
}

fn settings(reading: &mut Reading<'_>, map: &YamlMap) -> Settings {
    let config = reading.mapping_except(map, "config", &["loaded_at_query"]);
    let field = reading.text(map, "loaded_at_field");
    if field.as_deref() == Some("")
        && let Some(node) = map.get("loaded_at_field")
    {
        reading.error("loaded_at_field cannot be an empty string", node);
    }
    let quoting = reading.mapping(map, "quoting");
    if let Some(written) = map.get("quoting").and_then(Node::as_map) {
        reading.refuse_unknown(written, &["database", "schema", "identifier", "column"], "quoting");
    }
    let quote = |key: &str| quoting.get(key).and_then(Value::as_bool);
    let present = map.get("loaded_at_field").is_some() || config.get("loaded_at_field").is_some_and(Value::is_string);
    Settings {
        description: reading.raw_text(map, "description"),
        meta: reading.mapping(map, "meta"),
        tags: reading.tags(map, "tags"),
        quoting: Quoting {
            database: quote("database"),
            schema: quote("schema"),
            identifier: quote("identifier"),
            column: quote("column"),
        },
        freshness: freshness(reading, map),
        loaded_at_field: field,
        loaded_at_field_present: present,
        loaded_at_query: reading.raw_text(map, "loaded_at_query"),
        config,
    }
}

fn freshness(reading: &mut Reading<'_>, map: &YamlMap) -> FreshnessSetting {
    let in_config = map.get("config").and_then(|config| config.get("freshness"));
    for node in map.get("freshness").into_iter().chain(in_config) {
        warn_of_freshness(reading, node);
    }
    let Some(node) = map.get("freshness") else { return FreshnessSetting::default() };
    let value = reading.rendered(node);
    match FreshnessSetting::from_json(&value) {
        Ok(setting) => setting,
        Err(message) => {
            reading.problems.push(Diagnostic::error(message).at(node.span(reading.file)));
            FreshnessSetting::default()
        }
    }
}

/// Warns of what is written under `freshness` and lost: keys that nobody knows, thresholds without one of their parts.
fn warn_of_freshness(reading: &mut Reading<'_>, node: &Node) {
    let Some(map) = node.as_map() else { return };
    reading.warn_unknown(map, &["warn_after", "error_after", "filter"], "`freshness`");
    for entry in map.entries.iter().filter(|entry| matches!(&*entry.key.text, "warn_after" | "error_after")) {
        let key = &*entry.key.text;
        let Some(threshold) = entry.value.as_map() else { continue };
        reading.warn_unknown(threshold, &["count", "period"], format_args!("`{key}`"));
        let has = |part: &str| threshold.get(part).is_some_and(|node| !node.is_null());
        if has("count") != has("period") {
            let missing = if has("count") { "period" } else { "count" };
            let warning = Diagnostic::warning(format!("`{key}` has no `{missing}`, and so is no threshold"));
            let warning = warning.at(entry.value.span(reading.file));
            reading.problems.push(warning.hint(format!("write `{key}: {{count: 12, period: hour}}`")));
        }
    }
}

impl FreshnessSetting {
    /// The setting that a value of `freshness:` means; fails with what is wrong.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(FreshnessSetting::Off),
            Value::Object(map) => Ok(FreshnessSetting::Given {
                warn_after: threshold(map, "warn_after")?,
                error_after: threshold(map, "error_after")?,
                filter: map.get("filter").and_then(Value::as_str).map(str::to_owned),
            }),
            _ => Err("`freshness` must be a mapping with `warn_after` and `error_after`, or null".to_owned()),
        }
    }

    /// Whether a threshold is set.
    pub fn is_set(&self) -> bool {
        let set = |threshold: &Option<Threshold>| threshold.as_ref().is_some_and(is_complete);
        matches!(self, FreshnessSetting::Given { warn_after, error_after, .. } if set(warn_after) || set(error_after))
    }

    /// This setting with a more specific one on top: a threshold that the other writes
    /// wins, null switches off (docs.getdbt.com/reference/resource-properties/freshness).
    #[must_use]
    pub fn merged(self, update: &FreshnessSetting) -> FreshnessSetting {
        use FreshnessSetting::{Given, Off};
        match (self, update) {
            (
                Given { warn_after, error_after, filter },
                Given { warn_after: warn, error_after: error, filter: new },
            ) => Given {
                warn_after: merged_threshold(warn_after, warn.as_ref()),
                error_after: merged_threshold(error_after, error.as_ref()),
                filter: new.clone().or(filter),
            },
            (Off, update) if update.is_set() => update.clone(),
            _ => Off,
        }
    }
}

fn is_complete(threshold: &Threshold) -> bool {
    threshold.count.is_some() && threshold.period.is_some()
}

fn merged_threshold(base: Option<Threshold>, update: Option<&Threshold>) -> Option<Threshold> {
    let update = update?;
    if is_complete(update) { Some(update.clone()) } else { base }
}

fn threshold(map: &Map<String, Value>, key: &str) -> Result<Option<Threshold>, String> {
    match map.get(key) {
        None => Ok(Some(Threshold::default())),
        Some(Value::Null) => Ok(None),
        Some(Value::Object(given)) => {
            let count = match given.get("count") {
                None | Some(Value::Null) => None,
                Some(count) => match count.as_i64().or_else(|| count.as_str().and_then(|text| text.parse().ok())) {
                    Some(count) => Some(count),
                    None => return Err(format!("`count` of `{key}` must be a whole number")),
                },
            };
            let period = match given.get("period") {
                None | Some(Value::Null) => None,
                Some(Value::String(period)) if matches!(period.as_str(), "minute" | "hour" | "day") => {
                    Some(period.clone())
                }
                Some(other) => {
                    let shown = crate::parse::python::text(other);
                    return Err(format!("`period` of `{key}` is `{shown}`; it must be `minute`, `hour` or `day`"));
                }
            };
            Ok(Some(Threshold { count, period }))
        }
        Some(_) => Err(format!("`{key}` must be a mapping with `count` and `period`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn freshness_of_a_table_stands_on_that_of_its_source() {
        let setting = |value: Value| FreshnessSetting::from_json(&value).unwrap();
        let source = setting(json!({"warn_after": {"count": 1, "period": "day"}, "filter": "a = 1"}));
        let table = setting(json!({"error_after": {"count": 2, "period": "hour"}}));
        let merged = source.clone().merged(&table);
        let expected = FreshnessSetting::Given {
            warn_after: Some(Threshold { count: Some(1), period: Some("day".into()) }),
            error_after: Some(Threshold { count: Some(2), period: Some("hour".into()) }),
            filter: Some("a = 1".into()),
        };
        assert_eq!(merged, expected);
        let without = source.clone().merged(&setting(json!({"warn_after": null}))).merged(&FreshnessSetting::default());
        assert!(matches!(without, FreshnessSetting::Given { warn_after: None, error_after: Some(_), .. }));
        assert_eq!(source.clone().merged(&FreshnessSetting::Off), FreshnessSetting::Off);
        assert_eq!(FreshnessSetting::Off.merged(&FreshnessSetting::default()), FreshnessSetting::Off);
        assert!(FreshnessSetting::from_json(&json!({"warn_after": {"count": 1, "period": "week"}})).is_err());
    }
}
