//! The index that every page begins with: all resources, their edges and how they fare.
//!
//! Fields are lists with one item for each entry; words that many share stand once and are
//! numbered. It must open at once for ten thousand models.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use serde_json::Value;

use crate::artifact;
use crate::artifact::history::{PastResult, PastRun};
use crate::docs::details::Detail;
use crate::docs::entries::{Entries, Entry};
use crate::docs::memory::LastRun;
use crate::docs::{Inputs, SHARD, layout, text};
use crate::manifest::Resource;
use crate::resource::ResourceType;

/// So much of a description stands in lists.
const ABOUT: usize = 140;

#[derive(Debug, Serialize)]
pub(super) struct Core<'a> {
    pub project: Project,
    shard: usize,
    texts: usize,
    words: Words<'a>,
    id: Vec<&'a str>,
    name: Vec<String>,
    kind: Vec<u32>,
    package: Vec<u32>,
    folder: Vec<u32>,
    file: Vec<&'a str>,
    schema: Vec<u32>,
    materialized: Vec<u32>,
    owner: Vec<u32>,
    /// From one; nought is none.
    layer: Vec<u32>,
    tags: HashMap<usize, Vec<u32>>,
    about: Vec<String>,
    parents: &'a [Vec<u32>],
    columns: Vec<usize>,
    documented: Vec<usize>,
    tested: Vec<usize>,
    status: Vec<u32>,
    seconds: HashMap<usize, f64>,
    started: HashMap<usize, &'a str>,
    failures: HashMap<usize, u64>,
    freshness: HashMap<usize, (String, Option<f64>)>,
    rows: HashMap<usize, f64>,
    changed: HashMap<usize, &'a str>,
    color: HashMap<usize, &'a str>,
    hidden: Vec<usize>,
    rank: Vec<i64>,
    order: Vec<i64>,
    /// Where folders stand when they are drawn in place of what is in them.
    folder_rank: Vec<i64>,
    folder_order: Vec<i64>,
    groups: Vec<Value>,
    run: Option<&'a LastRun>,
    /// The last invocations that ran nodes, the oldest first.
    runs: Vec<Ran<'a>>,
    lineage: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Project {
    pub title: String,
    name: String,
    overview: String,
    adapter: String,
    generated: String,
    language: String,
    version: String,
    catalog: bool,
}

#[derive(Debug, Default, Serialize)]
struct Words<'a> {
    kind: Vec<&'a str>,
    package: Vec<&'a str>,
    folder: Vec<&'a str>,
    schema: Vec<&'a str>,
    materialized: Vec<&'a str>,
    owner: Vec<String>,
    tag: Vec<&'a str>,
    status: Vec<&'a str>,
    layer: Vec<&'a str>,
}

/// Numbers words in the order in which they come.
#[derive(Default)]
struct Numbered<T>(IndexSet<T>);

impl<T: std::hash::Hash + Eq> Numbered<T> {
    fn of(&mut self, word: T) -> u32 {
        u32::try_from(self.0.insert_full(word).0).unwrap_or(u32::MAX)
    }

    fn list(self) -> Vec<T> {
        self.0.into_iter().collect()
    }
}

/// What the index says of a resource's details.
#[derive(Debug, Default)]
pub(super) struct Figures {
    columns: usize,
    documented: usize,
    tested: usize,
    freshness: Option<(String, Option<f64>)>,
    rows: Option<f64>,
}

impl Figures {
    pub fn of(detail: &Detail<'_, '_>) -> Figures {
        Figures {
            columns: detail.columns.len(),
            documented: detail.columns.iter().filter(|column| !column.description.is_empty()).count(),
            tested: detail.columns.iter().filter(|column| !column.tests.is_empty()).count(),
            freshness: freshness(detail),
            rows: rows(detail),
        }
    }
}

/// An invocation, and how many nodes ended how.
#[derive(Debug, Serialize)]
struct Ran<'a> {
    command: &'a str,
    at: &'a str,
    seconds: f64,
    counts: IndexMap<&'a str, usize>,
}

impl<'a> Ran<'a> {
    fn of(run: &'a PastRun) -> Ran<'a> {
        let mut counts = IndexMap::new();
        for (_, result) in &run.results {
            *counts.entry(result.status.as_str()).or_default() += 1;
        }
        Ran { command: &run.command, at: &run.at, seconds: run.seconds, counts }
    }
}

pub(super) fn core<'a>(inputs: &Inputs<'a>, entries: &'a Entries<'a>, figures: Vec<Figures>) -> Core<'a> {
    let list = &entries.list;
    let mut words = Words { layer: inputs.graph.layer_names().collect(), ..Words::default() };
    let column = |word: &dyn Fn(&Entry<'a>) -> &'a str| {
        let mut numbered = Numbered::default();
        let numbers: Vec<u32> = list.iter().map(|entry| numbered.of(word(entry))).collect();
        (numbers, numbered.list())
    };
    let (kind, kinds) = column(&|entry| entry.kind().as_str());
    let (package, packages) = column(&|entry| entry.package());
    let (folder, folders) = column(&|entry| folder_of(entry.file()));
    let (schema, schemas) = column(&|entry| schema_of(entry));
    let (materialized, materializations) = column(&|entry| materialized_of(entry));
    (words.kind, words.package, words.folder) = (kinds, packages, folders);
    (words.schema, words.materialized) = (schemas, materializations);
    let mut owners = Numbered::default();
    let owner = list.iter().map(|entry| owners.of(owner_of(inputs, entry))).collect();
    words.owner = owners.list();
    let mut tag = Numbered::default();
    let tags = list.iter().enumerate().filter(|(_, entry)| !entry.tags().is_empty());
    let tags = tags.map(|(at, entry)| (at, entry.tags().into_iter().map(|it| tag.of(it)).collect())).collect();
    words.tag = tag.list();
    let layer = list.iter().map(|entry| layer_of(inputs, entry, &words.layer)).collect();
    let results: Vec<Option<&'a PastResult>> = list.iter().map(|entry| inputs.memory.results.get(entry.id())).collect();
    let mut status = Numbered::default();
    status.of("");
    let statuses = results.iter().map(|it| status.of(it.map_or("", |it| it.status.as_str()))).collect();
    words.status = status.list();
    let drawn: Vec<bool> = list.iter().map(|entry| is_drawn(entry.kind())).collect();
    let places = layout::layered(&entries.parents, &entries.children, &drawn);
    let folders = layout::grouped(&folder, words.folder.len(), &entries.parents, &places);
    let manifest = inputs.graph.manifest();
    Core {
        project: project(inputs),
        shard: SHARD,
        texts: text::count(list.len()),
        id: list.iter().map(|entry| entry.id().as_ref()).collect(),
        name: list.iter().map(Entry::name).collect(),
        file: list.iter().map(|entry| file_name(entry.file())).collect(),
        about: list.iter().map(about).collect(),
        parents: &entries.parents,
        columns: figures.iter().map(|it| it.columns).collect(),
        documented: figures.iter().map(|it| it.documented).collect(),
        tested: figures.iter().map(|it| it.tested).collect(),
        seconds: some(&results, |it| (it.seconds > 0.0).then_some((it.seconds * 1000.0).round() / 1000.0)),
        started: some(&results, |it| it.started.as_deref()),
        failures: some(&results, |it| it.failures.filter(|failures| *failures > 0)),
        rows: figures.iter().enumerate().filter_map(|(at, it)| Some((at, it.rows?))).collect(),
        freshness: figures.into_iter().enumerate().filter_map(|(at, it)| Some((at, it.freshness?))).collect(),
        changed: list
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((at, inputs.memory.texts.get(entry.id())?.1.as_deref()?)))
            .collect(),
        color: list
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((at, entry.node()?.docs.node_color.as_deref()?)))
            .collect(),
        hidden: (0..list.len()).filter(|at| !list[*at].is_shown()).collect(),
        rank: numbered(&places, |place| place.rank),
        order: numbered(&places, |place| place.order),
        folder_rank: numbered(&folders, |place| place.rank),
        folder_order: numbered(&folders, |place| place.order),
        groups: manifest
            .groups
            .values()
            .map(
                |group| serde_json::json!({"name": group.name, "owner": group.owner, "description": group.description}),
            )
            .collect(),
        run: inputs.memory.last_run.as_ref(),
        runs: inputs.history.iter().map(Ran::of).collect(),
        lineage: !inputs.lineage.is_empty(),
        words,
        kind,
        package,
        folder,
        schema,
        materialized,
        owner,
        layer,
        tags,
        status: statuses,
    }
}

fn numbered(places: &[Option<layout::Place>], of: fn(&layout::Place) -> u32) -> Vec<i64> {
    places.iter().map(|place| place.as_ref().map_or(-1, |place| i64::from(of(place)))).collect()
}

fn some<'a, T>(results: &[Option<&'a PastResult>], of: impl Fn(&'a PastResult) -> Option<T>) -> HashMap<usize, T> {
    results.iter().enumerate().filter_map(|(at, it)| Some((at, of((*it)?)?))).collect()
}

/// Whether the whole-graph drawing has it: tests and macros would drown the rest.
fn is_drawn(kind: ResourceType) -> bool {
    !matches!(kind, ResourceType::Test | ResourceType::UnitTest | ResourceType::Macro)
}

fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn file_name(file: &str) -> &str {
    file.rsplit_once('/').map_or(file, |(_, name)| name)
}

fn schema_of<'a>(entry: &Entry<'a>) -> &'a str {
    match entry {
        Entry::Resource(Resource::Node(node)) if node.resource_type != ResourceType::Test => &node.schema,
        Entry::Resource(Resource::Source(source)) => &source.schema,
        _ => "",
    }
}

fn materialized_of<'a>(entry: &Entry<'a>) -> &'a str {
    match entry {
        Entry::Resource(Resource::Node(node)) if node.resource_type == ResourceType::Test => {
            node.generic_test().map_or("singular", |test| &test.test_metadata.name)
        }
        Entry::Resource(Resource::Node(node)) => node.config.materialized(),
        Entry::Resource(Resource::Exposure(exposure)) => &exposure.kind,
        _ => "",
    }
}

/// Who answers for it: an owner of its own (`meta: {owner: ...}`), of the exposure, of its group.
fn owner_of(inputs: &Inputs<'_>, entry: &Entry<'_>) -> String {
    let named = |owner: &crate::manifest::Owner| {
        let email = owner.email.as_str().map(str::to_owned);
        owner.name.clone().or(email).unwrap_or_default()
    };
    let meta = match entry {
        Entry::Resource(Resource::Node(node)) => Some(&node.meta),
        Entry::Resource(Resource::Source(source)) => Some(&source.meta),
        Entry::Resource(Resource::Exposure(exposure)) => return named(&exposure.owner),
        _ => None,
    };
    if let Some(owner) = meta.and_then(|meta| meta.get("owner")).and_then(Value::as_str) {
        return owner.to_owned();
    }
    let groups = &inputs.graph.manifest().groups;
    let group = entry.group().and_then(|name| groups.values().find(|group| group.name == name));
    group.map(|group| named(&group.owner)).unwrap_or_default()
}

fn layer_of(inputs: &Inputs<'_>, entry: &Entry<'_>, layers: &[&str]) -> u32 {
    let name = inputs.graph.position(entry.id()).and_then(|position| inputs.graph.layer(position));
    let place = name.and_then(|name| layers.iter().position(|layer| *layer == name));
    place.map_or(0, |place| u32::try_from(place + 1).unwrap_or(0))
}

/// The first words of the description; for a test, what it asserts on which column.
fn about(entry: &Entry<'_>) -> String {
    if let Some(test) = entry.node().and_then(|node| node.generic_test()) {
        let column = test.column_name.as_deref();
        return column
            .map_or_else(|| test.test_metadata.name.clone(), |it| format!("{}: {it}", test.test_metadata.name));
    }
    let description = entry.description();
    let first = description.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', '|', '!']));
    let plain: String = first.unwrap_or_default().chars().filter(|it| !matches!(it, '`' | '*')).collect();
    if plain.chars().count() <= ABOUT {
        return plain;
    }
    plain.chars().take(ABOUT - 1).chain(['…']).collect()
}

fn freshness(detail: &Detail<'_, '_>) -> Option<(String, Option<f64>)> {
    let freshness = detail.freshness.as_ref()?;
    Some((freshness.get("status")?.as_str()?.to_owned(), freshness.get("age").and_then(Value::as_f64)))
}

fn rows(detail: &Detail<'_, '_>) -> Option<f64> {
    let figure =
        |(label, value): &(&str, &Value)| label.to_lowercase().contains("row").then(|| value.as_f64()).flatten();
    let stated = detail.stats.iter().find_map(figure);
    stated.or_else(|| detail.result.and_then(|result| result.rows).filter(|rows| *rows > 0).map(|rows| rows as f64))
}

fn project(inputs: &Inputs<'_>) -> Project {
    let manifest = inputs.graph.manifest();
    let metadata = &manifest.metadata;
    let name = metadata.project_name.clone().unwrap_or_default();
    let overview = manifest.docs.values().filter(|block| block.name == "__overview__" && block.package_name != "dbt");
    // The project's own overview counts before one of a package.
    let overview: IndexMap<bool, &str> =
        overview.map(|block| (block.package_name == name, block.block_contents.as_str())).collect();
    Project {
        title: if name.is_empty() { "tform".to_owned() } else { format!("{name} · docs") },
        overview: overview.get(&true).or_else(|| overview.get(&false)).copied().unwrap_or_default().to_owned(),
        name,
        adapter: metadata.adapter_type.clone().unwrap_or_default(),
        generated: artifact::timestamp(chrono::Utc::now()),
        language: metadata.dbt_version.clone(),
        version: crate::version().to_owned(),
        catalog: !inputs.catalog.nodes.is_empty() || !inputs.catalog.sources.is_empty(),
    }
}
