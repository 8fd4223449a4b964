//! What one resource's page shows, beyond what the index of all has.
//!
//! Field names are short words, fields without a value are left out: there are many of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::artifact::history::PastResult;
use crate::artifact::{CatalogTable, FreshnessOutcome, FreshnessResult};
use crate::docs::Inputs;
use crate::docs::entries::{Entries, Entry};
use crate::manifest::{ColumnInfo, Exposure, Macro, MacroArgument, Node, Resource, Source, UnitTest};
use crate::resource::ResourceType;
use crate::sql::project::NodeLineage;

#[derive(Debug, Default, Serialize)]
pub(super) struct Detail<'a, 'b> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column<'a>>,
    /// Tests of the whole resource, by number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub raw: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiled: Option<&'a str>,
    pub file: &'a str,
    /// The properties file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<&'a str>,
    /// Further facts by name, in order, for the list at the side.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<&'a Map<String, Value>>,
    /// Figures of the catalog: label and value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stats: Vec<(&'a str, &'a Value)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'a PastResult>,
    /// How it went in the last invocations, the oldest first.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub history: &'b [Past<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub macros: Vec<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub arguments: &'a [MacroArgument],
    /// Why the lineage of the columns is not known, or not all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub notes: &'a [String],
    /// Columns that only decide which rows there are: number, column, how.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<Origin<'a>>,
    /// What the page shows as it is: a unit test's rows, a metric's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Column<'a> {
    pub name: &'a str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub constraints: &'a [Value],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<u32>,
    /// Where it comes from: number, column, kind.
    pub from: Vec<Origin<'a>>,
    /// What is made of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Origin<'a>>,
    /// Where it decides which rows there are (no column is named there).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decides: Vec<Origin<'a>>,
    /// Why where it comes from is not known, or not all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<&'a str>,
}

/// A column of another resource, and how the two belong together.
type Origin<'a> = (u32, &'a str, &'a str);

/// How a resource went in one of the last invocations: which one, status, seconds, failures, rows.
type Past<'a> = (usize, &'a str, f64, Option<u64>, Option<i64>);

/// That a column is read: whose it is, its name in lower case, and by whom.
struct Use<'a> {
    from: u32,
    column: Cow<'a, str>,
    reader: Origin<'a>,
}

/// Uses by what is read.
#[derive(Default)]
struct Uses<'a>(Vec<Use<'a>>);

impl<'a> Uses<'a> {
    fn add(&mut self, from: u32, column: &'a str, reader: Origin<'a>) {
        self.0.push(Use { from, column: lower(column), reader });
    }

    /// In order, so that they can be found; those of one column stay as they came.
    fn sorted(mut self) -> Self {
        self.0.par_sort_by(|one, other| (one.from, &one.column).cmp(&(other.from, &other.column)));
        self.0.shrink_to_fit();
        self
    }

    fn of(&self, from: u32, column: &str) -> Vec<Origin<'a>> {
        let column = lower(column);
        let start = self.0.partition_point(|it| (it.from, &it.column) < (from, &column));
        let same = self.0[start..].iter().take_while(|it| it.from == from && it.column == column);
        let mut readers: Vec<Origin<'a>> = same.map(|it| it.reader).collect();
        readers.shrink_to_fit();
        readers
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    match name.chars().any(char::is_uppercase) {
        true => Cow::Owned(name.to_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// Which columns are made of which, and which decide the rows of which resources.
fn uses<'a>(inputs: &Inputs<'a>, entries: &Entries<'a>) -> (Uses<'a>, Uses<'a>) {
    let (mut values, mut decisions) = (Uses::default(), Uses::default());
    let mut known: Vec<(u32, &'a NodeLineage)> =
        inputs.lineage.iter().filter_map(|(id, lineage)| Some((entries.number(id)?, lineage))).collect();
    known.sort_unstable_by_key(|(number, _)| *number);
    for (number, lineage) in known {
        for column in &lineage.columns {
            for input in &column.inputs {
                if let Some(from) = entries.number(&input.node) {
                    values.add(from, &input.column, (number, &column.name, input.kind.as_str()));
                }
            }
        }
        for influence in &lineage.influences {
            if let Some(from) = entries.number(&influence.node) {
                decisions.add(from, &influence.column, (number, "", influence.kind.as_str()));
            }
        }
    }
    (values.sorted(), decisions.sorted())
}

/// The results of each resource in the last invocations.
fn history<'a>(inputs: &Inputs<'a>, entries: &Entries<'a>) -> HashMap<u32, Vec<Past<'a>>> {
    let mut history: HashMap<u32, Vec<Past<'a>>> = HashMap::new();
    for (at, run) in inputs.history.iter().enumerate() {
        for (id, result) in &run.results {
            let Some(number) = entries.number(id) else { continue };
            let seconds = (result.seconds * 1000.0).round() / 1000.0;
            let past = (at, result.status.as_str(), seconds, result.failures, result.rows);
            history.entry(number).or_default().push(past);
        }
    }
    history
}

/// Makes the details of one resource after the other.
pub(super) struct Maker<'a, 'b> {
    inputs: Inputs<'a>,
    entries: &'b Entries<'a>,
    values: Uses<'a>,
    decisions: Uses<'a>,
    history: HashMap<u32, Vec<Past<'a>>>,
}

impl<'a, 'b> Maker<'a, 'b> {
    pub fn new(inputs: &Inputs<'a>, entries: &'b Entries<'a>) -> Maker<'a, 'b> {
        let (values, decisions) = uses(inputs, entries);
        Maker { inputs: *inputs, entries, values, decisions, history: history(inputs, entries) }
    }

    pub fn detail(&self, at: usize) -> Detail<'a, '_> {
        let entry = self.entries.list[at];
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        let mut detail = Detail {
            description: entry.description(),
            file: entry.file(),
            result: self.inputs.memory.results.get(entry.id()),
            history: self.history.get(&number).map_or(&[], Vec::as_slice),
            freshness: self.inputs.freshness.get(entry.id()).map(freshness),
            ..Detail::default()
        };
        match entry {
            Entry::Resource(Resource::Node(node)) => self.node(&mut detail, node),
            Entry::Resource(Resource::Source(source)) => self.source(&mut detail, source),
            Entry::Resource(Resource::Exposure(exposure)) => exposure_facts(&mut detail, exposure),
            Entry::Resource(Resource::UnitTest(test)) => unit_test(&mut detail, test),
            Entry::Resource(Resource::Semantic(it)) => {
                detail.facts = facts([("label", it.body.get("label").cloned().unwrap_or_default())]);
                let mut body = it.body.clone();
                body.retain(|key, value| !value.is_null() && !matches!(key.as_str(), "description" | "created_at"));
                detail.body = Some(Value::Object(body));
            }
            Entry::Macro(it) => self.macro_detail(&mut detail, it),
        }
        if let Entry::Resource(resource) = entry {
            detail.config = config(resource);
        }
        self.columns(&mut detail, entry, number);
        detail
    }

    fn node(&self, detail: &mut Detail<'a, '_>, node: &'a Arc<Node>) {
        detail.patch = node.patch_path.as_deref().map(|path| path.split_once("://").map_or(path, |(_, path)| path));
        detail.relation = node.relation_name.as_deref();
        detail.meta = (!node.meta.is_empty()).then_some(&node.meta);
        let compiled = self.inputs.compiled.get(&node.unique_id).map(AsRef::as_ref);
        detail.compiled = compiled.filter(|compiled| *compiled != node.raw_code.as_ref());
        // A generic test's own text says nothing: a call of its macro.
        if node.generic_test().is_none() {
            detail.raw = &node.raw_code;
        }
        let code = node.code();
        let mut list = vec![
            ("materialized", Value::from(node.config.text("materialized").unwrap_or_default())),
            ("database", Value::from(node.database.as_deref().unwrap_or_default())),
            ("schema", Value::from(node.schema.as_str())),
            ("alias", Value::from(if node.alias == node.name { "" } else { &node.alias })),
            ("group", Value::from(node.group.as_deref().unwrap_or_default())),
            ("language", Value::from(code.map(|code| &*code.language).filter(|it| *it != "sql").unwrap_or_default())),
        ];
        if let Some(model) = node.model() {
            list.push(("access", serde_json::to_value(model.access).unwrap_or_default()));
            list.push(("version", model.version.as_ref().map(|it| it.to_json()).unwrap_or_default()));
            list.push(("latest_version", model.latest_version.as_ref().map(|it| it.to_json()).unwrap_or_default()));
            list.push(("deprecation_date", Value::from(model.deprecation_date.as_deref().unwrap_or_default())));
            list.push(("primary_key", Value::from(model.primary_key.join(", "))));
            list.push(("contract", Value::from(if node.config.contract_enforced() { "enforced" } else { "" })));
        }
        if let Some(test) = node.generic_test() {
            let arguments = test.test_metadata.kwargs.iter().filter(|(key, _)| key.as_str() != "model");
            list = vec![
                ("test", Value::from(test.test_metadata.name.as_str())),
                ("column", Value::from(test.column_name.as_deref().unwrap_or_default())),
                ("severity", Value::from(node.config.text("severity").unwrap_or_default())),
            ];
            detail.body = Some(Value::Object(arguments.map(|(key, value)| (key.clone(), value.clone())).collect()));
        }
        detail.facts = facts(list);
        detail.macros = self.macro_numbers(code.map_or(&[], |code| &code.depends_on.macros));
    }

    fn macro_numbers(&self, ids: &[crate::resource::UniqueId]) -> Vec<u32> {
        ids.iter().filter_map(|id| self.entries.number(id)).collect()
    }

    fn source(&self, detail: &mut Detail<'a, '_>, source: &'a Arc<Source>) {
        detail.relation = source.relation_name.as_deref();
        detail.meta = (!source.meta.is_empty()).then_some(&source.meta);
        detail.facts = facts([
            ("source", Value::from(source.source_name.as_str())),
            ("loader", Value::from(source.loader.as_str())),
            ("database", Value::from(source.database.as_deref().unwrap_or_default())),
            ("schema", Value::from(source.schema.as_str())),
            ("identifier", Value::from(if source.identifier == source.name { "" } else { &source.identifier })),
            ("loaded_at_field", Value::from(source.loaded_at_field.as_deref().unwrap_or_default())),
            ("source_description", Value::from(source.source_description.as_str())),
            ("freshness", source.freshness.as_ref().and_then(|it| serde_json::to_value(it).ok()).unwrap_or_default()),
        ]);
    }

    fn macro_detail(&self, detail: &mut Detail<'a, '_>, it: &'a Arc<Macro>) {
        detail.raw = &it.macro_sql;
        detail.patch = it.patch_path.as_deref();
        detail.meta = (!it.meta.is_empty()).then_some(&it.meta);
        detail.arguments = &it.arguments;
        detail.macros = self.macro_numbers(&it.depends_on.macros);
    }

    /// The columns: as the relation has them, then as the SQL tells them, then as they are described.
    fn columns(&self, detail: &mut Detail<'a, '_>, entry: Entry<'a>, number: u32) {
        let described = match entry {
            Entry::Resource(Resource::Node(node)) => Some(&node.columns),
            Entry::Resource(Resource::Source(source)) => Some(&source.columns),
            _ => None,
        };
        let id = entry.id();
        let catalog = self.inputs.catalog;
        let table = catalog.nodes.get(id).or_else(|| catalog.sources.get(id));
        let lineage = self.inputs.lineage.get(id);
        detail.unknown = lineage.and_then(|lineage| lineage.unknown.as_deref());
        let mut columns: Vec<Column<'a>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut at = |columns: &mut Vec<Column<'a>>, name: &'a str| {
            *places.entry(name.to_lowercase()).or_insert_with(|| {
                columns.push(Column { name, ..Column::default() });
                columns.len() - 1
            })
        };
        for column in table.into_iter().flat_map(|table| table.columns.values()) {
            let place = at(&mut columns, &column.name);
            columns[place].kind = Some(&column.kind);
            columns[place].description = column.comment.as_deref().unwrap_or_default();
        }
        let origin = |node: &'a str, column: &'a str, kind| Some((self.entries.number(node)?, column, kind));
        for column in lineage.into_iter().flat_map(|lineage| &lineage.columns) {
            let place = at(&mut columns, &column.name);
            let shown = &mut columns[place];
            shown.kind = shown.kind.or(column.data_type.as_deref());
            shown.unknown = column.unknown.as_deref();
            let inputs = column.inputs.iter();
            shown.from = inputs.filter_map(|it| origin(&it.node, &it.column, it.kind.as_str())).collect();
        }
        let influences = lineage.into_iter().flat_map(|lineage| &lineage.influences);
        detail.decided = influences.filter_map(|it| origin(&it.node, &it.column, it.kind.as_str())).collect();
        detail.notes = lineage.map_or(&[], |lineage| &lineage.notes);
        for column in described.into_iter().flat_map(|columns| columns.values()) {
            let place = at(&mut columns, &column.name);
            describe(&mut columns[place], column);
        }
        self.tests(detail, &mut columns, number);
        for column in &mut columns {
            column.to = self.values.of(number, column.name);
            column.decides = self.decisions.of(number, column.name);
        }
        detail.columns = columns;
        if let Some(table) = table {
            catalog_facts(detail, table);
        }
    }

    fn tests(&self, detail: &mut Detail<'a, '_>, columns: &mut [Column<'a>], number: u32) {
        let id = self.entries.list[number as usize].id();
        for child in &self.entries.children[number as usize] {
            if !matches!(self.entries.kind(*child), Some(ResourceType::Test | ResourceType::UnitTest)) {
                continue;
            }
            let test = self.entries.list[*child as usize].node().and_then(|node| node.generic_test());
            // A test of another node that only refers to this one is that node's.
            let attached = test.and_then(|test| test.attached_node.as_ref());
            if attached.is_some_and(|attached| attached != id) {
                continue;
            }
            let name = test.and_then(|test| test.column_name.as_deref());
            let column = name.and_then(|name| columns.iter_mut().find(|it| it.name.eq_ignore_ascii_case(name)));
            match column {
                Some(column) => column.tests.push(*child),
                None => detail.tests.push(*child),
            }
        }
    }
}

/// How old its data was when it was last looked at.
fn freshness(result: &FreshnessResult) -> Value {
    match &result.outcome {
        FreshnessOutcome::Measured(it) => serde_json::json!({
            "status": result.status, "loaded": it.max_loaded_at, "at": it.snapshotted_at,
            "age": it.max_loaded_at_time_ago_in_s,
        }),
        FreshnessOutcome::Failed { error } => serde_json::json!({"status": result.status, "error": error}),
    }
}

fn describe<'a>(shown: &mut Column<'a>, column: &'a ColumnInfo) {
    if !column.description.is_empty() {
        shown.description = &column.description;
    }
    shown.kind = shown.kind.or(column.data_type.as_deref());
    shown.tags = &column.rest.tags;
    shown.meta = (!column.rest.meta.is_empty()).then_some(&column.rest.meta);
    shown.constraints = &column.rest.constraints;
}

fn catalog_facts<'a>(detail: &mut Detail<'a, '_>, table: &'a CatalogTable) {
    let shown = table.stats.values().filter(|stat| stat.include && !stat.value.is_null());
    detail.stats = shown.map(|stat| (stat.label.as_str(), &stat.value)).collect();
    let owner = table.metadata.owner.as_deref().unwrap_or_default();
    detail.facts.extend(facts([
        ("relation_type", Value::from(table.metadata.kind.as_str())),
        ("relation_owner", Value::from(owner)),
    ]));
}

/// Facts that say something.
fn facts<'k>(list: impl IntoIterator<Item = (&'k str, Value)>) -> Map<String, Value> {
    let says = |value: &Value| !value.is_null() && value.as_str() != Some("");
    list.into_iter().filter(|(_, value)| says(value)).map(|(key, value)| (key.to_owned(), value)).collect()
}

fn config(resource: Resource<'_>) -> Map<String, Value> {
    let told_elsewhere = ["enabled", "tags", "meta", "materialized", "docs", "description"];
    let set = resource.config().set_values().filter(|(key, _)| !told_elsewhere.contains(key));
    facts(set.map(|(key, value)| (key, value.clone())))
}

fn exposure_facts<'a>(detail: &mut Detail<'a, '_>, exposure: &'a Arc<Exposure>) {
    detail.meta = (!exposure.meta.is_empty()).then_some(&exposure.meta);
    detail.facts = facts([
        ("type", Value::from(exposure.kind.as_str())),
        ("label", Value::from(exposure.label.as_deref().unwrap_or_default())),
        ("owner", Value::from(exposure.owner.name.as_deref().unwrap_or_default())),
        ("email", exposure.owner.email.clone()),
        ("maturity", Value::from(exposure.maturity.as_deref().unwrap_or_default())),
        ("url", Value::from(exposure.url.as_deref().unwrap_or_default())),
    ]);
}

fn unit_test(detail: &mut Detail<'_, '_>, test: &Arc<UnitTest>) {
    detail.facts = facts([("model", Value::from(test.model.as_str()))]);
    detail.body = Some(serde_json::json!({"given": test.given, "expect": test.expect, "overrides": test.overrides}));
}
