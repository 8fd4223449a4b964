//! How old the newest data of sources and models is.
//!
//! By a query of its own, by the greatest value of a field, or by what the warehouse knows
//! about the table, in this order. All that can be asked in one statement is asked by the
//! first that needs it, for each database; where that statement is refused, each is asked by
//! itself and has its own error.
//! Source: docs.getdbt.com/reference/resource-properties/freshness.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::adapter::{Cell, Relation};
use crate::compile;
use crate::compile::Rendering;
use crate::compile::host::NodeHost;
use crate::compile::runtime::{Runtime, Worker};
use crate::diagnostic::{Diagnostic, Span};
use crate::event::{Event, Level, NodeInfo, Status};
use crate::jinja::{Arguments, Scope, TemplateSource, adapter_object, cells, relation_object, table, values};
use crate::load;
use crate::manifest::{Freshness, Node, Resource, ResourceType, Source, Threshold, UniqueId};

use super::outcome::{Extra, Outcome, OutcomeRest, Report, Stopwatch};
use super::schedule::Outcome as Step;
use super::{Runner, line, plain_outcome, step_after};

/// When a source was last loaded, and when that was found out.
#[derive(Debug, Clone, PartialEq)]
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

/// The ages that are known of several at once, by their ids.
pub type Known = HashMap<UniqueId, Result<Measured, Diagnostic>>;

/// A source or a model whose age is measured.
#[derive(Debug, Clone)]
pub struct Subject {
    pub id: UniqueId,
    pub freshness: Freshness,
    /// The node in whose name queries are run.
    node: Arc<Node>,
    /// The resource as templates see it.
    model: Value,
    relation: Relation,
    field: Option<String>,
    query: Option<String>,
    place: Option<Span>,
}

impl Subject {
    /// What is to be measured of a resource; nothing where it has no thresholds.
    pub fn of(runtime: &Runtime, resource: Resource<'_>) -> Option<Subject> {
        match resource {
            Resource::Source(source) => {
                let json = serde_json::to_value(source.as_ref()).unwrap_or_default();
                Some(Subject {
                    id: source.unique_id.clone(),
                    freshness: source.freshness.clone().unwrap_or_default(),
                    node: node_of(runtime, source),
                    model: values::from_json(&json),
                    relation: runtime.source_relation(source),
                    field: source.loaded_at_field.clone(),
                    query: source.loaded_at_query.clone(),
                    place: source.origin.properties.clone(),
                })
            }
            Resource::Node(node) => {
                let rows = runtime.settings.rows_of(node).ok()?;
                Some(Subject {
                    id: node.unique_id.clone(),
                    freshness: rows.freshness?,
                    node: node.clone(),
                    model: runtime.node_value(node),
                    relation: runtime.ref_relation(node),
                    field: rows.field,
                    query: None,
                    place: node.origin.properties.clone(),
                })
            }
            _ => None,
        }
    }

    /// Whether the age is only known to the warehouse.
    fn needs_metadata(&self) -> bool {
        self.query.is_none() && self.field.is_none()
    }

    fn is_source(&self) -> bool {
        self.node.resource_type == ResourceType::Source
    }
}

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

impl Runner<'_> {
    /// Measures the age of a source or a model.
    pub(super) fn run_freshness(&self, worker: &Worker, task: usize, resource: Resource<'_>) -> Step {
        let Some(subject) = Subject::of(self.runtime, resource) else { return Step::Done };
        let facts = &self.facts(task);
        let mut stopwatch = Stopwatch::start();
        let info = NodeInfo { started_at: Some(stopwatch.started_at), ..NodeInfo::waiting(facts) }
            .with_status(Status::Started);
        let position = self.next_position();
        let (owner, name) = match resource {
            Resource::Source(source) => (source.source_name.clone(), source.name.clone()),
            _ => (subject.node.schema.clone(), subject.node.alias.clone()),
        };
        let description = format!("freshness of {owner}.{name}");
        self.runtime.emit(Event::LogStartLine { node: info.clone(), position, description });
        self.runtime.emit(Event::NodeStart(info.clone()));
        stopwatch.compiled();
        let rendering = Rendering { runtime: self.runtime, worker };
        let measured = self.measured(&rendering, &subject, &info);
        let refused = worker.session.last_error();
        worker.session.rollback();
        let (report, measured) = match measured {
            Ok(measured) => {
                let status = measured.status(&subject.freshness);
                let adapter_response = measured.adapter_response.clone();
                (Report { message: None, adapter_response, ..Report::new(status, "") }, Some(measured))
            }
            Err(diagnostic) => {
                let report = Report::failed(&subject.node, &diagnostic, refused.as_ref());
                (Report { status: Status::RuntimeError, ..report }, None)
            }
        };
        let result = Arc::new(stopwatch.result(facts, report, Extra::default()));
        let line = line(&result, position);
        self.runtime.emit(Event::LogFreshnessResult { line, source_name: owner, table_name: name });
        self.runtime.emit(Event::NodeFinished(result.clone()));
        let step = step_after(result.status, self.runtime.flags.fail_fast);
        let rest = OutcomeRest { measured, ..OutcomeRest::default() };
        self.push(Outcome { rest: rest.kept(), ..plain_outcome(&subject.id, result) });
        step
    }

    fn measured(&self, rendering: &Rendering<'_>, subject: &Subject, info: &NodeInfo) -> Result<Measured, Diagnostic> {
        let (runtime, worker) = (self.runtime, rendering.worker);
        runtime.assign(worker, &subject.node, Some(info.clone()))?;
        if !subject.needs_metadata() {
            let known = self.newest.get_or_init(|| {
                let known = together(rendering, &self.subjects(|other| !other.needs_metadata()));
                worker.session.rollback();
                worker.session.forget_error();
                known
            });
            runtime.assign(worker, &subject.node, Some(info.clone()))?;
            return known.get(&subject.id).cloned().unwrap_or_else(|| by_itself(rendering, subject));
        }
        if !runtime.capabilities().table_last_modified {
            return Err(not_known(runtime, subject));
        }
        if subject.freshness.filter.is_some() {
            let name = &subject.node.name;
            let message = format!("A filter cannot be applied to a metadata freshness check on source '{name}'.");
            runtime.emit(Event::notice("Note", Level::Warn, message));
        }
        let known = self.ages.get_or_init(|| from_metadata(rendering, &self.subjects(Subject::needs_metadata)));
        known.as_ref().map_err(Clone::clone)?.get(&subject.id).cloned().unwrap_or_else(|| {
            let message = format!("the warehouse does not know when `{}` was last modified", subject.node.name);
            Err(Diagnostic::error(message).at_opt(subject.place.clone()))
        })
    }

    fn subjects(&self, wanted: impl Fn(&Subject) -> bool) -> Vec<Subject> {
        let all = (0..self.ids.len()).filter_map(|task| Subject::of(self.runtime, self.resource(task)?));
        all.filter(wanted).collect()
    }
}

fn not_known(runtime: &Runtime, subject: &Subject) -> Diagnostic {
    let adapter = runtime.capabilities().adapter;
    Diagnostic::error(format!(
        "Could not compute freshness for source {}: no 'loaded_at_field' provided and {adapter} adapter does not support metadata-based freshness checks.",
        subject.node.name
    ))
    .at_opt(subject.place.clone())
    .hint("give the source a `loaded_at_field` or a `loaded_at_query`")
}

/// How many are asked in one statement: engines limit the depth and the columns of a query.
const MOST_TOGETHER: usize = 50;

/// Asks for the newest rows of all `subjects`, in one statement for each database. What is not
/// in the answer has to be asked for by itself.
fn together(rendering: &Rendering<'_>, subjects: &[Subject]) -> Known {
    let runtime = rendering.runtime;
    let mut known = Known::new();
    if subjects.len() < 2 || asks_in_its_own_way(runtime) {
        return known;
    }
    let mut databases: IndexMap<Option<&str>, Vec<&Subject>> = IndexMap::new();
    for subject in subjects {
        databases.entry(subject.node.database.as_deref()).or_default().push(subject);
    }
    for subjects in databases.values().flat_map(|subjects| subjects.chunks(MOST_TOGETHER)) {
        match newest(rendering, subjects) {
            Ok(found) => known.extend(found),
            Err(problem) => {
                let reason = problem.message.lines().next().unwrap_or_default();
                let text = format!("the ages of {} relations are asked for one by one: {reason}", subjects.len());
                runtime.emit(Event::notice("FreshnessNotShared", Level::Debug, text));
                rendering.worker.session.rollback();
            }
        }
    }
    known
}

/// Whether the project says itself how the age is asked for.
fn asks_in_its_own_way(runtime: &Runtime) -> bool {
    let names = ["collect_freshness", "collect_freshness_custom_sql"];
    runtime.engine.macros().any(|source| {
        let name = source.name.rsplit_once("__").map_or(source.name.as_str(), |(_, name)| name);
        names.contains(&name) && !load::is_builtin(&source.file)
    })
}

/// One statement for several.
fn newest(rendering: &Rendering<'_>, subjects: &[&Subject]) -> Result<Known, Diagnostic> {
    let name = "tf_newest_of_all";
    let mut checks = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let query = subject.query.as_ref().map(|query| own_query(rendering, subject, query)).transpose()?;
        let text = |text: Option<&str>| text.map_or_else(values::none, Value::from);
        checks.push(values::dict_of([
            ("relation", relation_object::value_of(subject.relation.clone())),
            ("field", text(subject.field.as_deref())),
            ("filter", text(subject.freshness.filter.as_deref())),
            ("query", text(query.as_deref())),
        ]));
    }
    let Some(first) = subjects.first() else { return Ok(Known::new()) };
    let (table, response) = call(rendering, first, name, vec![values::list(checks)])?;
    let response = response.unwrap_or_default();
    let rows = table::rows(&table);
    let [row] = rows.as_slice() else { return Err(unlike(name, "one row", rows.len())) };
    let Some((looked, newest)) = row.split_last() else { return Err(unlike(name, "some columns", row.len())) };
    let measured = subjects
        .iter()
        .zip(newest)
        .map(|(subject, newest)| (subject.id.clone(), measurement(subject, newest, looked, response.clone())));
    Ok(measured.collect())
}

/// Asks for the age of one subject.
fn by_itself(rendering: &Rendering<'_>, subject: &Subject) -> Result<Measured, Diagnostic> {
    let relation = relation_object::value_of(subject.relation.clone());
    if let Some(query) = &subject.query {
        let sql = own_query(rendering, subject, query)?;
        return by_macro(rendering, subject, "collect_freshness_custom_sql", vec![relation, Value::from(sql)]);
    }
    let filter = subject.freshness.filter.as_deref().map_or_else(values::none, Value::from);
    let field = Value::from(subject.field.as_deref().unwrap_or_default());
    by_macro(rendering, subject, "collect_freshness", vec![relation, field, filter])
}

/// `loaded_at_query`, rendered with `this` and `source_node`.
fn own_query(rendering: &Rendering<'_>, subject: &Subject, query: &str) -> Result<String, Diagnostic> {
    let template = TemplateSource::text(&subject.node.original_file_path, query);
    let scope = Scope::new(&subject.node.package_name, context(rendering, subject));
    rendering.runtime.engine.render(&template, &scope).map(|rendered| rendered.value)
}

fn context(rendering: &Rendering<'_>, subject: &Subject) -> Value {
    let runtime = rendering.runtime;
    let mut extras =
        vec![("this", relation_object::value_of(subject.relation.clone())), ("model", subject.model.clone())];
    if subject.is_source() {
        extras.push(("source_node", subject.model.clone()));
    }
    let node = &subject.node;
    compile::context(runtime, node, NodeHost::new(runtime, node, rendering.worker.clone(), extras))
}

fn call(
    rendering: &Rendering<'_>,
    subject: &Subject,
    name: &str,
    positional: Vec<Value>,
) -> Result<(Value, Option<Map<String, Json>>), Diagnostic> {
    let scope = Scope::new(&subject.node.package_name, context(rendering, subject));
    let arguments = Arguments { positional, ..Arguments::default() };
    let result = rendering.runtime.engine.call(name, arguments, &scope)?.value;
    Ok(parts(&result))
}

fn by_macro(
    rendering: &Rendering<'_>,
    subject: &Subject,
    name: &str,
    positional: Vec<Value>,
) -> Result<Measured, Diagnostic> {
    let (table, response) = call(rendering, subject, name, positional)?;
    if response.is_none() && name == "collect_freshness" {
        let text = "The 'collect_freshness' macro signature has changed to return the full query result, rather than \
                    just a table of values. See the v1.5 migration guide for details on how to update your custom \
                    macro: https://docs.getdbt.com/guides/migration/versions/upgrading-to-v1.5";
        let warning = Diagnostic::warning_of("CollectFreshnessReturnSignature", text);
        rendering.runtime.emit(Event::diagnostic(warning));
    }
    let response = response.unwrap_or_default();
    let rows = table::rows(&table);
    let [row] = rows.as_slice() else { return Err(unlike(name, "one row", rows.len())) };
    let [loaded, looked] = row.as_slice() else { return Err(unlike(name, "two columns", row.len())) };
    measurement(subject, loaded, looked, response)
}

fn measurement(
    subject: &Subject,
    loaded: &Value,
    looked: &Value,
    adapter_response: Map<String, Json>,
) -> Result<Measured, Diagnostic> {
    let loaded_at = match cells::cell_of(loaded) {
        // dbt refuses dates of sources; of models, the day's beginning in UTC is meant.
        Cell::Date(day) if !subject.is_source() => Ok(day.and_time(chrono::NaiveTime::MIN).and_utc()),
        _ => last_loaded(loaded),
    };
    Ok(Measured {
        max_loaded_at: loaded_at.map_err(|problem| at_the_subject(subject, problem))?,
        snapshotted_at: moment(looked).map_err(|problem| at_the_subject(subject, problem))?,
        adapter_response,
    })
}

/// What a macro gives: the result of a statement, or only its table as older macros do.
fn parts(result: &Value) -> (Value, Option<Map<String, Json>>) {
    match result.get_attr("table").ok().filter(|table| !table.is_undefined()) {
        Some(table) => {
            let response = result.get_attr("response").unwrap_or_default();
            (table, Some(adapter_object::response_of(&response).to_json()))
        }
        None => (result.clone(), None),
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

fn at_the_subject(subject: &Subject, found: String) -> Diagnostic {
    let relation = subject.node.relation_name.as_deref().unwrap_or(&subject.node.name);
    Diagnostic::error(format!(
        "Expected a timestamp value when querying field 'last_modified' of table {relation} but received value of type '{found}' instead"
    ))
    .at_opt(subject.place.clone())
    .hint("cast the field to a timestamp in `loaded_at_field`")
}

/// Asks the warehouse about all `subjects`, once for each database.
///
/// # Errors
/// What the warehouse refuses.
fn from_metadata(rendering: &Rendering<'_>, subjects: &[Subject]) -> Result<Known, Diagnostic> {
    let mut databases: IndexMap<Option<&str>, Vec<&Subject>> = IndexMap::new();
    for subject in subjects {
        databases.entry(subject.node.database.as_deref()).or_default().push(subject);
    }
    let mut found = Known::new();
    for subjects in databases.values() {
        let Some(first) = subjects.first() else { continue };
        let relations = subjects.iter().map(|subject| relation_object::value_of(subject.relation.clone()));
        let schema = relation_object::value_of(first.relation.information_schema(None));
        let positional = vec![schema, values::list(relations.collect())];
        let (table, response) = call(rendering, first, "get_relation_last_modified", positional)?;
        let response = response.unwrap_or_default();
        for row in table::rows(&table) {
            let cell = |name: &str| {
                let index =
                    table::column_index(&table, name).or_else(|| table::column_index(&table, &name.to_uppercase()));
                index.and_then(|index| row.get(index)).cloned().unwrap_or_default()
            };
            let name = |value: &Value| values::text(value).trim().to_lowercase();
            let (schema, identifier) = (name(&cell("schema")), name(&cell("identifier")));
            let of = |subject: &&&Subject| {
                subject.node.schema.to_lowercase() == schema && subject.node.alias.to_lowercase() == identifier
            };
            for subject in subjects.iter().filter(of) {
                let measured = measurement(subject, &cell("last_modified"), &cell("snapshotted_at"), response.clone());
                found.insert(subject.id.clone(), measured);
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
