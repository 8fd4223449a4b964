//! What `tform.yml` says of single models, and what their `meta` says of the age of their rows.
//!
//! ```yaml
//! models:                          # models, seeds and snapshots, by name
//!   - name: flights
//!     freshness_field: loaded_at   # when a row came
//!     fresh_window: {count: 3, period: day}
//!     freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 1, period: day}}
//!     data_tests:                  # as in properties; dbt does not see them
//!       - tform.not_empty
//!     columns:
//!       - name: distance
//!         data_tests: [not_null]
//! ```
//!
//! `freshness_field`, `fresh_window` and `freshness` may stand in a model's `meta` too, under
//! `tform`, where dbt lets them be. What `tform.yml` says wins. The `meta` of a test may have
//! `tform: {scope: fresh}`.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::{Freshness, Manifest, Node, PERIODS, Source, Threshold, UniqueId};
use crate::yaml::{self, Fields};

/// One entry of `models`.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    pub name: String,
    /// The place of the name.
    pub span: Span,
    pub rows: RowAge,
    /// The whole entry, for the tests in it.
    pub entry: yaml::Node,
}

/// When rows came, which of them are fresh, and how old the newest may be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowAge {
    pub field: Option<String>,
    pub window: Option<Threshold>,
    pub freshness: Option<Freshness>,
}

/// The keys of `meta.tform` of models, seeds, snapshots and sources; `fuse` is for their tests.
const META_KEYS: [&str; 4] = ["freshness_field", "fresh_window", "freshness", "fuse"];
const KEYS: [&str; 6] = ["name", "freshness_field", "fresh_window", "freshness", "data_tests", "columns"];

/// Reads one entry of `models`.
pub(super) fn model(node: &yaml::Node, within: &mut Fields<'_>) -> Option<ModelSettings> {
    let mut fields = Fields::new(within.file, node);
    if node.as_map().is_none() {
        within.wrong("models", node, "a list of mappings with a `name`");
        return None;
    }
    let name = fields.text("name");
    if name.is_none() {
        fields.error("name", "an entry of `models` needs a `name`");
    }
    fields.refuse_unknown(&KEYS, "in `models`");
    let mut rows = RowAge::default();
    for (key, value) in node.as_map().into_iter().flat_map(yaml::Map::iter) {
        if let Err(message) = rows.set(&key.text, &value.to_json()) {
            fields.error(&key.text, message);
        }
    }
    let span = node.get("name").unwrap_or(node).span(within.file);
    within.problems.extend(fields.problems);
    Some(ModelSettings { name: name?, span, rows, entry: node.clone() })
}

impl RowAge {
    /// What `tform` in the `meta` of a resource says.
    ///
    /// # Errors
    /// What is wrong with a setting.
    pub fn of_meta(meta: &Map<String, Value>) -> Result<RowAge, String> {
        let mut rows = RowAge::default();
        let Some(ours) = meta.get("tform").and_then(Value::as_object) else { return Ok(rows) };
        for (key, value) in ours {
            if !META_KEYS.contains(&key.as_str()) {
                return Err(format!("unknown key `{key}` in `meta.tform`; it has {}", META_KEYS.join(", ")));
            }
            rows.set(key, value).map_err(|problem| format!("{problem} (in `meta.tform`)"))?;
        }
        Ok(rows)
    }

    /// This with what `other` says on top.
    #[must_use]
    pub fn with(self, other: &RowAge) -> RowAge {
        RowAge {
            field: other.field.clone().or(self.field),
            window: other.window.clone().or(self.window),
            freshness: other.freshness.clone().or(self.freshness),
        }
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match (key, value) {
            (_, Value::Null) => {}
            ("freshness_field", Value::String(field)) => self.field = Some(field.clone()),
            ("freshness_field", _) => return Err("`freshness_field` must be the name of a column".to_owned()),
            ("fresh_window", value) => self.window = Some(threshold("fresh_window", value)?),
            ("freshness", value) => self.freshness = Some(freshness(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn freshness(value: &Value) -> Result<Freshness, String> {
    let Some(map) = value.as_object() else {
        return Err("`freshness` must be a mapping with `warn_after` and `error_after`".to_owned());
    };
    if let Some(key) = map.keys().find(|key| !matches!(key.as_str(), "warn_after" | "error_after" | "filter")) {
        return Err(format!("unknown key `{key}` in `freshness`; it has `warn_after`, `error_after` and `filter`"));
    }
    let after = |key: &str| match map.get(key).filter(|value| !value.is_null()) {
        None => Ok(Some(Threshold::default())),
        Some(value) => threshold(key, value).map(Some),
    };
    let filter = match map.get("filter") {
        None | Some(Value::Null) => None,
        Some(Value::String(filter)) => Some(filter.clone()),
        Some(_) => return Err("`filter` of `freshness` must be SQL".to_owned()),
    };
    let freshness = Freshness { warn_after: after("warn_after")?, error_after: after("error_after")?, filter };
    if freshness.is_set() { Ok(freshness) } else { Err("`freshness` needs `warn_after` or `error_after`".to_owned()) }
}

fn threshold(key: &str, value: &Value) -> Result<Threshold, String> {
    let wanted =
        || format!("`{key}` must be a mapping such as `{{count: 3, period: day}}`, with {}", PERIODS.join(", "));
    let map = value.as_object().ok_or_else(wanted)?;
    let count = map.get("count").and_then(Value::as_i64).filter(|count| *count > 0);
    let period = map.get("period").and_then(Value::as_str).filter(|period| PERIODS.contains(period));
    match (count, period) {
        (Some(count), Some(period)) if map.len() == 2 => {
            Ok(Threshold { count: Some(count), period: Some(period.to_owned()) })
        }
        _ => Err(wanted()),
    }
}

/// Which rows a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those in the fresh window.
    Fresh,
    /// All, whatever the command line says.
    All,
}

/// `meta: {tform: {scope: fresh}}` of a test.
///
/// # Errors
/// Another word.
pub fn scope_of(test: &Node) -> Result<Option<Scope>, Diagnostic> {
    match test.meta.get("tform").and_then(|ours| ours.get("scope")) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word == "fresh" => Ok(Some(Scope::Fresh)),
        Some(Value::String(word)) if word == "all" => Ok(Some(Scope::All)),
        Some(other) => {
            Err(Diagnostic::error(format!("`scope` of test `{}` is {other}, not `fresh` or `all`", test.name))
                .at_opt(test.origin.properties.clone()))
        }
    }
}

impl super::Settings {
    /// The settings of a model, seed or snapshot.
    pub fn model(&self, name: &str) -> Option<&ModelSettings> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The age of a node's rows. A field that nobody names is the node's `event_time`.
    ///
    /// # Errors
    /// What is wrong in the node's `meta`.
    pub fn rows_of(&self, node: &Node) -> Result<RowAge, Diagnostic> {
        let rows = RowAge::of_meta(&node.meta)
            .map_err(|message| Diagnostic::error(message).at_opt(node.origin.properties.clone()))?;
        let mut rows = match self.model(&node.name) {
            Some(model) => rows.with(&model.rows),
            None => rows,
        };
        if rows.field.is_none() {
            rows.field = node.config.text("event_time").map(str::to_owned);
        }
        if rows.field.is_none() && (rows.window.is_some() || rows.freshness.is_some()) {
            let message = format!("`{}` has no `freshness_field`, by which the age of its rows is known", node.name);
            let place = self.model(&node.name).map(|model| model.span.clone());
            return Err(Diagnostic::error(message)
                .at_opt(place.or_else(|| node.origin.properties.clone()))
                .hint("name a column with a date or a time beside `fresh_window` and `freshness`"));
        }
        Ok(rows)
    }

    /// What a generic test tests, with the age of its rows; none for other tests. Before the
    /// graph is resolved, a test on a source is known by the source's names in it.
    pub fn tested_rows(&self, manifest: &Manifest, test: &Node) -> Option<(UniqueId, Result<RowAge, Diagnostic>)> {
        let detail = test.generic_test()?;
        if let Some(id) = &detail.attached_node {
            return Some((id.clone(), self.rows_of(manifest.nodes.get(id)?)));
        }
        let model = detail.test_metadata.kwargs.get("model")?.as_str()?;
        let is_tested =
            |source: &&Arc<Source>| model.contains(&format!("source('{}', '{}')", source.source_name, source.name));
        let source = manifest.sources.values().find(is_tested)?;
        Some((source.unique_id.clone(), self.rows_of_source(source)))
    }

    /// The age of the rows of a source's table: its own field, and `fresh_window` of its `meta`.
    ///
    /// # Errors
    /// What is wrong in the table's `meta`.
    pub fn rows_of_source(&self, source: &Source) -> Result<RowAge, Diagnostic> {
        let rows = RowAge::of_meta(&source.meta)
            .map_err(|message| Diagnostic::error(message).at_opt(source.origin.properties.clone()))?;
        Ok(RowAge { field: rows.field.or_else(|| source.loaded_at_field.clone()), ..rows })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn meta_has_settings_under_our_name() {
        let of = |ours: Value| RowAge::of_meta(json!({"tform": ours, "freshness": "daily"}).as_object().unwrap());
        assert_eq!(of(json!(null)), Ok(RowAge::default()));
        let day = Threshold { count: Some(1), period: Some("day".to_owned()) };
        let rows = of(json!({"freshness_field": "at", "fresh_window": {"count": 1, "period": "day"}})).unwrap();
        assert_eq!((rows.field.as_deref(), rows.window), (Some("at"), Some(day)));
        let like = "must be a mapping such as `{count: 3, period: day}`, with minute, hour, day (in `meta.tform`)";
        for (ours, expected) in [
            (json!({"fresh_window": "3 days"}), format!("`fresh_window` {like}")),
            (json!({"freshness": {"warn_after": {"count": 1, "period": "year"}}}), format!("`warn_after` {like}")),
            (
                json!({"freshness_field": 1}),
                "`freshness_field` must be the name of a column (in `meta.tform`)".to_owned(),
            ),
            (
                json!({"freshness": {"warn_after": {"count": 1, "period": "day"}, "field": "a"}}),
                "unknown key `field` in `freshness`; it has `warn_after`, `error_after` and `filter` (in `meta.tform`)"
                    .to_owned(),
            ),
            (
                json!({"window": 1}),
                "unknown key `window` in `meta.tform`; it has freshness_field, fresh_window, freshness, fuse"
                    .to_owned(),
            ),
        ] {
            assert_eq!(of(ours), Err(expected));
        }
    }
}
