//! How old the newest data of a source is.
//!
//! By a query of the source's own, by the greatest value of a field, or by what the
//! warehouse knows about the table, in this order.
//! Source: docs.getdbt.com/reference/resource-properties/freshness.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::adapter::Cell;
use crate::compile;
use crate::compile::Rendering;
use crate::compile::host::NodeHost;
use crate::compile::runtime::Runtime;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Level, Status};
use crate::jinja::{Arguments, Scope, TemplateSource, adapter_object, cells, relation_object, table, values};
use crate::manifest::{Freshness, Node, ResourceType, Source, Threshold, UniqueId};

/// When a source was last loaded, and when that was found out.
#[derive(Debug, Clone)]
pub struct Measured {
    pub max_loaded_at: DateTime<Utc>,
    pub snapshotted_at: DateTime<Utc>,
    pub adapter_response: Map<String, Json>,
}

impl Measured {
    /// Seconds.
    pub fn age(&self) -> f64 {
        let age = self.snapshotted_at - self.max_loaded_at;
        age.num_microseconds().map_or(age.num_seconds() as f64, |microseconds| microseconds as f64 / 1e6)
    }

    /// How fresh that is by the thresholds of the source.
    pub fn status(&self, freshness: &Freshness) -> Status {
        let exceeded = |threshold: &Option<Threshold>| {
            threshold.as_ref().and_then(seconds).is_some_and(|limit| self.age() > limit)
        };
        match (exceeded(&freshness.error_after), exceeded(&freshness.warn_after)) {
            (true, _) => Status::Error,
            (false, true) => Status::Warn,
            (false, false) => Status::Pass,
        }
    }
}

fn seconds(threshold: &Threshold) -> Option<f64> {
    let period = match threshold.period.as_deref()? {
        "minute" => 60.0,
        "hour" => 3600.0,
        "day" => 86400.0,
        _ => return None,
    };
    Some(threshold.count? as f64 * period)
}

/// The ages that the warehouse knows by itself, by source.
pub type FromMetadata = HashMap<UniqueId, Measured>;

/// A source as the node in whose name its queries are run.
pub fn node_of(runtime: &Runtime, source: &Source) -> Arc<Node> {
    Arc::new(Node {
        database: source.database.clone(),
        schema: source.schema.clone(),
        name: source.name.clone(),
        resource_type: ResourceType::Source,
        package_name: source.package_name.clone(),
        path: source.path.clone(),
        original_file_path: source.original_file_path.clone(),
        unique_id: source.unique_id.clone(),
        fqn: source.fqn.clone(),
        alias: source.identifier.clone(),
        relation_name: source.relation_name.clone(),
        ..runtime.operation(&source.name)
    })
}

/// Whether a source's age is only known to the warehouse.
pub fn needs_metadata(source: &Source) -> bool {
    source.loaded_at_query.is_none() && source.loaded_at_field.is_none()
}

/// Finds out when a source was last loaded; `metadata` has what was asked for all sources at once.
///
/// # Errors
/// What the warehouse refuses; answers that are no moment; sources without a field where
/// the warehouse does not know.
pub fn measure(
    rendering: &Rendering<'_>,
    source: &Arc<Source>,
    metadata: &Result<FromMetadata, Diagnostic>,
) -> Result<Measured, Diagnostic> {
    let runtime = rendering.runtime;
    let relation = relation_object::value_of(runtime.source_relation(source));
    if let Some(query) = &source.loaded_at_query {
        let sql = own_query(rendering, source, query)?;
        return by_macro(rendering, source, "collect_freshness_custom_sql", vec![relation, Value::from(sql)]);
    }
    let filter = source.freshness.as_ref().and_then(|freshness| freshness.filter.as_deref());
    if let Some(field) = &source.loaded_at_field {
        let filter = filter.map_or_else(values::none, Value::from);
        return by_macro(rendering, source, "collect_freshness", vec![relation, Value::from(field.as_str()), filter]);
    }
    if !runtime.capabilities().table_last_modified {
        let adapter = runtime.capabilities().adapter;
        return Err(Diagnostic::error(format!(
            "Could not compute freshness for source {}: no 'loaded_at_field' provided and {adapter} adapter does not support metadata-based freshness checks.",
            source.name
        ))
        .at_opt(source.origin.properties.clone())
        .hint("give the source a `loaded_at_field` or a `loaded_at_query`"));
    }
    if filter.is_some() {
        let message = format!("A filter cannot be applied to a metadata freshness check on source '{}'.", source.name);
        runtime.emit(Event::notice("Note", Level::Warn, message));
    }
    let known = metadata.as_ref().map_err(Clone::clone)?;
    known.get(&source.unique_id).cloned().ok_or_else(|| {
        Diagnostic::error(format!("the warehouse does not know when `{}` was last modified", source.name))
            .at_opt(source.origin.properties.clone())
    })
}

/// `loaded_at_query`, rendered with `this` and `source_node`.
fn own_query(rendering: &Rendering<'_>, source: &Arc<Source>, query: &str) -> Result<String, Diagnostic> {
    let template = TemplateSource::text(&source.original_file_path, query);
    let context = context(rendering, source);
    let scope = Scope::new(&source.package_name, context);
    rendering.runtime.engine.render(&template, &scope).map(|rendered| rendered.value)
}

fn context(rendering: &Rendering<'_>, source: &Arc<Source>) -> Value {
    let runtime = rendering.runtime;
    let json = serde_json::to_value(source.as_ref()).unwrap_or_default();
    let model = values::from_json(&json);
    let extras = vec![
        ("this", relation_object::value_of(runtime.source_relation(source))),
        ("model", model.clone()),
        ("source_node", model),
    ];
    let node = node_of(runtime, source);
    compile::context(runtime, &node, NodeHost::new(runtime, &node, rendering.worker.clone(), extras))
}

fn by_macro(
    rendering: &Rendering<'_>,
    source: &Arc<Source>,
    name: &str,
    positional: Vec<Value>,
) -> Result<Measured, Diagnostic> {
    let context = context(rendering, source);
    let scope = Scope::new(&source.package_name, context);
    let arguments = Arguments { positional, ..Arguments::default() };
    let result = rendering.runtime.engine.call(name, arguments, &scope)?.value;
    let (table, adapter_response) = parts(&result);
    let rows = table::rows(&table);
    let [row] = rows.as_slice() else { return Err(unlike(name, "one row", rows.len())) };
    let [loaded, looked] = row.as_slice() else { return Err(unlike(name, "two columns", row.len())) };
    Ok(Measured {
        max_loaded_at: last_loaded(loaded).map_err(|problem| at_the_source(source, problem))?,
        snapshotted_at: moment(looked).map_err(|problem| at_the_source(source, problem))?,
        adapter_response,
    })
}

/// What a macro gives: the result of a statement, or only its table as older macros do.
fn parts(result: &Value) -> (Value, Map<String, Json>) {
    match result.get_attr("table").ok().filter(|table| !table.is_undefined()) {
        Some(table) => {
            let response = result.get_attr("response").unwrap_or_default();
            (table, adapter_object::response_of(&response).to_json())
        }
        None => (result.clone(), Map::new()),
    }
}

fn unlike(name: &str, wanted: &str, found: usize) -> Diagnostic {
    Diagnostic::error(format!("Got an invalid result from \"{name}\" macro: {found} instead of {wanted}"))
        .note("it must give when the source was last loaded, and the present moment")
}

/// Null is as long ago as can be: a table without rows is stale.
fn last_loaded(value: &Value) -> Result<DateTime<Utc>, String> {
    if value.is_none() { Ok(beginning_of_time()) } else { moment(value) }
}

/// The first day of the first year.
fn beginning_of_time() -> DateTime<Utc> {
    let day = chrono::NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(chrono::NaiveDate::MIN);
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}

/// A moment without a time zone is one in UTC.
fn moment(value: &Value) -> Result<DateTime<Utc>, String> {
    match cells::cell_of(value) {
        Cell::TimestampTz(moment) => Ok(moment.with_timezone(&Utc)),
        Cell::Timestamp(moment) => Ok(moment.and_utc()),
        _ => Err(values::type_name(value).rsplit('.').next().unwrap_or_default().to_owned()),
    }
}

fn at_the_source(source: &Source, found: String) -> Diagnostic {
    let relation = source.relation_name.as_deref().unwrap_or(&source.name);
    Diagnostic::error(format!(
        "Expected a timestamp value when querying field 'last_modified' of table {relation} but received value of type '{found}' instead"
    ))
    .at_opt(source.origin.properties.clone())
    .hint("cast the field to a timestamp in `loaded_at_field`")
}

/// Asks the warehouse about all `sources`, once for each database.
///
/// # Errors
/// What the warehouse refuses, or an answer that is unlike what `get_relation_last_modified` gives.
pub fn from_metadata(rendering: &Rendering<'_>, sources: &[Arc<Source>]) -> Result<FromMetadata, Diagnostic> {
    let runtime = rendering.runtime;
    let mut databases: indexmap::IndexMap<Option<&str>, Vec<&Arc<Source>>> = indexmap::IndexMap::new();
    for source in sources {
        databases.entry(source.database.as_deref()).or_default().push(source);
    }
    let mut found = FromMetadata::new();
    for sources in databases.values() {
        let Some(first) = sources.first() else { continue };
        let relations = sources.iter().map(|source| relation_object::value_of(runtime.source_relation(source)));
        let schema = relation_object::value_of(runtime.source_relation(first).information_schema(None));
        let arguments =
            Arguments { positional: vec![schema, values::list(relations.collect())], ..Arguments::default() };
        let context = context(rendering, first);
        let scope = Scope::new(&first.package_name, context);
        let result = runtime.engine.call("get_relation_last_modified", arguments, &scope)?.value;
        let (table, adapter_response) = parts(&result);
        for row in table::rows(&table) {
            let cell = |name: &str| {
                let index =
                    table::column_index(&table, name).or_else(|| table::column_index(&table, &name.to_uppercase()));
                index.and_then(|index| row.get(index)).cloned().unwrap_or_default()
            };
            let name = |value: &Value| values::text(value).trim().to_lowercase();
            let (schema, identifier) = (name(&cell("schema")), name(&cell("identifier")));
            let of = |source: &&&Arc<Source>| {
                source.schema.to_lowercase() == schema && source.identifier.to_lowercase() == identifier
            };
            for source in sources.iter().filter(of) {
                let measured = Measured {
                    max_loaded_at: last_loaded(&cell("last_modified"))
                        .map_err(|problem| at_the_source(source, problem))?,
                    snapshotted_at: moment(&cell("snapshotted_at"))
                        .map_err(|problem| at_the_source(source, problem))?,
                    adapter_response: adapter_response.clone(),
                };
                found.insert(source.unique_id.clone(), measured);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(age_seconds: i64) -> Measured {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(400);
        Measured {
            max_loaded_at: now - chrono::TimeDelta::seconds(age_seconds),
            snapshotted_at: now,
            adapter_response: Map::new(),
        }
    }

    #[test]
    fn a_threshold_is_exceeded_only_beyond_it() {
        let after = |count, period: &str| Some(Threshold { count: Some(count), period: Some(period.to_owned()) });
        let both = Freshness { warn_after: after(2, "minute"), error_after: after(1, "hour"), filter: None };
        let only_error = Freshness { warn_after: None, ..both.clone() };
        for (age, freshness, expected) in [
            (120, &both, Status::Pass),
            (121, &both, Status::Warn),
            (3600, &both, Status::Warn),
            (3601, &both, Status::Error),
            (3600, &only_error, Status::Pass),
            (86400, &Freshness { error_after: after(1, "day"), ..only_error.clone() }, Status::Pass),
        ] {
            assert_eq!(measured(age).status(freshness), expected, "{age}");
        }
    }

    #[test]
    fn a_source_without_rows_is_as_old_as_can_be() {
        let oldest = last_loaded(&values::none()).unwrap();
        assert_eq!(oldest.to_rfc3339(), "0001-01-01T00:00:00+00:00");
        assert_eq!(moment(&Value::from("2020-01-01")), Err("str".to_owned()));
    }
}
