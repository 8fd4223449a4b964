//! What one resource's page shows, beyond what the index of all has.
//!
//! Field names are short words, fields without a value are left out: there are many of them.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::artifact::{CatalogTable, FreshnessOutcome, FreshnessResult};
use crate::docs::Inputs;
use crate::docs::entries::{Entries, Entry};
use crate::docs::memory::Remembered;
use crate::manifest::{ColumnInfo, Exposure, Macro, MacroArgument, Node, Resource, Source, UnitTest};
use crate::resource::ResourceType;
use crate::sql::project::NodeLineage;

#[derive(Debug, Default, Serialize)]
pub(super) struct Detail<'a> {
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
    pub result: Option<&'a Remembered>,
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

/// Which columns are made of which, by lower-case names: values, and decisions on rows.
#[derive(Default)]
struct Uses<'a> {
    values: HashMap<(u32, String), Vec<Origin<'a>>>,
    decisions: HashMap<(u32, String), Vec<Origin<'a>>>,
}

/// The details of every entry, in order.
pub(super) fn all<'a>(inputs: &Inputs<'a>, entries: &Entries<'a>) -> Vec<Detail<'a>> {
    let uses = uses(inputs, entries);
    let freshness: HashMap<&str, &FreshnessResult> = inputs
        .sources
        .into_iter()
        .flat_map(|sources| &sources.results)
        .map(|result| (result.unique_id.as_ref(), result))
        .collect();
    let maker = Maker { inputs: *inputs, entries, uses: &uses, freshness: &freshness };
    (0..entries.list.len()).into_par_iter().map(|at| maker.detail(at)).collect()
}

fn uses<'a>(inputs: &Inputs<'a>, entries: &Entries<'a>) -> Uses<'a> {
    let mut uses = Uses::default();
    let mut known: Vec<(u32, &'a NodeLineage)> =
        inputs.lineage.iter().filter_map(|(id, lineage)| Some((entries.number(id)?, lineage))).collect();
    known.sort_unstable_by_key(|(number, _)| *number);
    for (number, lineage) in known {
        for column in &lineage.columns {
            for input in &column.inputs {
                let Some(from) = entries.number(&input.node) else { continue };
                let use_of = uses.values.entry((from, input.column.to_lowercase())).or_default();
                use_of.push((number, &column.name, input.kind.as_str()));
            }
        }
        for influence in &lineage.influences {
            let Some(from) = entries.number(&influence.node) else { continue };
            let use_of = uses.decisions.entry((from, influence.column.to_lowercase())).or_default();
            use_of.push((number, "", influence.kind.as_str()));
        }
    }
    uses
}

struct Maker<'a, 'b> {
    inputs: Inputs<'a>,
    entries: &'b Entries<'a>,
    uses: &'b Uses<'a>,
    freshness: &'b HashMap<&'a str, &'a FreshnessResult>,
}

impl<'a> Maker<'a, '_> {
    fn detail(&self, at: usize) -> Detail<'a> {
        let entry = self.entries.list[at];
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        let mut detail = Detail {
            description: entry.description(),
            file: entry.file(),
            result: self.inputs.memory.results.get(entry.id()),
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

    fn node(&self, detail: &mut Detail<'a>, node: &'a Arc<Node>) {
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
            (
                "language",
                Value::from(code.map(|code| code.language.as_str()).filter(|it| *it != "sql").unwrap_or_default()),
            ),
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

    fn source(&self, detail: &mut Detail<'a>, source: &'a Arc<Source>) {
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
        let result = self.freshness.get(source.unique_id.as_ref());
        detail.freshness = result.map(|result| match &result.outcome {
            FreshnessOutcome::Measured(it) => serde_json::json!({
                "status": result.status, "loaded": it.max_loaded_at, "at": it.snapshotted_at,
                "age": it.max_loaded_at_time_ago_in_s,
            }),
            FreshnessOutcome::Failed { error } => serde_json::json!({"status": result.status, "error": error}),
        });
    }

    fn macro_detail(&self, detail: &mut Detail<'a>, it: &'a Arc<Macro>) {
        detail.raw = &it.macro_sql;
        detail.patch = it.patch_path.as_deref();
        detail.meta = (!it.meta.is_empty()).then_some(&it.meta);
        detail.arguments = &it.arguments;
        detail.macros = self.macro_numbers(&it.depends_on.macros);
    }

    /// The columns: as the relation has them, then as the SQL tells them, then as they are described.
    fn columns(&self, detail: &mut Detail<'a>, entry: Entry<'a>, number: u32) {
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
            let key = (number, column.name.to_lowercase());
            column.to = self.uses.values.get(&key).cloned().unwrap_or_default();
            column.decides = self.uses.decisions.get(&key).cloned().unwrap_or_default();
        }
        detail.columns = columns;
        if let Some(table) = table {
            catalog_facts(detail, table);
        }
    }

    fn tests(&self, detail: &mut Detail<'a>, columns: &mut [Column<'a>], number: u32) {
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

fn describe<'a>(shown: &mut Column<'a>, column: &'a ColumnInfo) {
    if !column.description.is_empty() {
        shown.description = &column.description;
    }
    shown.kind = shown.kind.or(column.data_type.as_deref());
    shown.tags = &column.tags;
    shown.meta = (!column.meta.is_empty()).then_some(&column.meta);
    shown.constraints = &column.constraints;
}

fn catalog_facts<'a>(detail: &mut Detail<'a>, table: &'a CatalogTable) {
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

fn exposure_facts<'a>(detail: &mut Detail<'a>, exposure: &'a Arc<Exposure>) {
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

fn unit_test(detail: &mut Detail<'_>, test: &Arc<UnitTest>) {
    detail.facts = facts([("model", Value::from(test.model.as_str()))]);
    detail.body = Some(serde_json::json!({"given": test.given, "expect": test.expect, "overrides": test.overrides}));
}
