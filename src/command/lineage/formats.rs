//! Lineage as text, JSON, Graphviz, Mermaid and OpenLineage.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use crate::invocation::Invocation;
use crate::manifest::{Manifest, Resource};
use crate::resource::UniqueId;
use crate::sql::project::{ColumnLineage, NodeLineage};
use crate::sql::{Influence, Kind};

use super::picture::{Picture, Point};

/// What is shown.
pub(super) struct View<'v> {
    pub manifest: &'v Manifest,
    pub lineage: &'v HashMap<UniqueId, NodeLineage>,
    pub picture: &'v Picture,
}

impl View<'_> {
    /// A node's name as people write it.
    fn name(&self, id: &UniqueId) -> String {
        match self.manifest.resource(id) {
            Some(Resource::Node(node)) => node.search_name(),
            Some(Resource::Source(source)) => format!("{}.{}", source.source_name, source.name),
            _ => id.to_string(),
        }
    }

    fn point(&self, (node, column): &Point) -> String {
        format!("{}.{column}", self.name(node))
    }

    fn column(&self, (node, column): &Point) -> Option<&ColumnLineage> {
        let mut columns = self.lineage.get(node)?.columns.iter();
        columns.find(|have| have.name.eq_ignore_ascii_case(column))
    }
}

/// For people: a tree for a start, else a paragraph per node.
pub(super) fn text(view: &View<'_>) -> String {
    let picture = view.picture;
    let mut text = String::new();
    match &picture.start {
        Some(start) if picture.upstream || picture.downstream => {
            let points: Vec<Point> = match &start.column {
                Some(column) => vec![(start.node.clone(), column.clone())],
                None => columns_of(view, &start.node),
            };
            let (back, forth) = (picture.steps(true), picture.steps(false));
            let deciding = if picture.downstream { deciding(view.lineage) } else { HashMap::new() };
            for point in &points {
                let mut reached = BTreeSet::from([point.clone()]);
                let data_type = view.column(point).and_then(|column| column.data_type.clone());
                let _ = writeln!(text, "{}{}", view.point(point), spaced(data_type.as_deref()));
                for (title, steps, wanted) in [("from", &back, picture.upstream), ("into", &forth, picture.downstream)]
                {
                    if wanted && steps.contains_key(point) {
                        let _ = writeln!(text, "  {title}");
                        let mut tree = Tree { view, steps, seen: BTreeSet::new() };
                        tree.write(point, 2, &mut text);
                        if title == "into" {
                            reached.extend(tree.seen);
                        }
                    }
                }
                rows_of(view, &deciding, &reached, &mut text);
                if let Some(reason) = view.column(point).and_then(|column| column.unknown.as_ref()) {
                    let _ = writeln!(text, "  unknown: {reason}");
                }
            }
            reasons(view, &mut text);
        }
        Some(start) => paragraph(view, &start.node, &mut text),
        None => {
            for id in &picture.nodes {
                paragraph(view, id, &mut text);
                text.push('\n');
            }
        }
    }
    text
}

fn spaced(text: Option<&str>) -> String {
    text.map(|text| format!(" {text}")).unwrap_or_default()
}

fn columns_of(view: &View<'_>, id: &UniqueId) -> Vec<Point> {
    let columns = view.lineage.get(id).into_iter().flat_map(|node| &node.columns);
    columns.map(|column| (id.clone(), column.name.clone())).collect()
}

/// A column's inputs, or what is made of it, indented.
struct Tree<'t> {
    view: &'t View<'t>,
    steps: &'t BTreeMap<Point, Vec<(Point, Kind)>>,
    seen: BTreeSet<Point>,
}

impl Tree<'_> {
    fn write(&mut self, point: &Point, depth: usize, text: &mut String) {
        // Explicit, since a chain of models may be as long as a project.
        let mut waiting: Vec<(Point, Kind, usize)> = self.below(point, depth);
        while let Some((point, kind, depth)) = waiting.pop() {
            let again = !self.seen.insert(point.clone()) && self.steps.contains_key(&point);
            let mark = if again { " (above)" } else { "" };
            let _ = writeln!(text, "{}{} {}{mark}", "  ".repeat(depth), kind.as_str(), self.view.point(&point));
            if !again {
                waiting.extend(self.below(&point, depth + 1));
            }
        }
    }

    fn below(&self, point: &Point, depth: usize) -> Vec<(Point, Kind, usize)> {
        let steps = self.steps.get(point).into_iter().flatten();
        steps.rev().map(|(there, kind)| (there.clone(), *kind, depth)).collect()
    }
}

/// The nodes whose rows a column decides, and how; columns by their names in lower case.
type Deciding<'l> = HashMap<Point, Vec<(&'l UniqueId, Influence)>>;

fn deciding(lineage: &HashMap<UniqueId, NodeLineage>) -> Deciding<'_> {
    let mut deciding = Deciding::new();
    for (id, node) in lineage {
        for one in &node.influences {
            let column = (one.node.clone(), one.column.to_lowercase().into());
            deciding.entry(column).or_default().push((id, one.kind));
        }
    }
    deciding
}

/// The nodes whose rows one of the columns decides.
fn rows_of(view: &View<'_>, deciding: &Deciding<'_>, columns: &BTreeSet<Point>, text: &mut String) {
    let mut found: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (node, column) in columns {
        let key = (node.clone(), column.to_lowercase().into());
        for (id, kind) in deciding.get(&key).into_iter().flatten() {
            found.entry(view.name(id)).or_default().insert(kind.as_str());
        }
    }
    if !found.is_empty() {
        text.push_str("  rows of\n");
    }
    for (name, kinds) in found {
        let kinds: Vec<&str> = kinds.into_iter().collect();
        let _ = writeln!(text, "    {name} ({})", kinds.join(", "));
    }
}

/// A node with its columns and their inputs.
fn paragraph(view: &View<'_>, id: &UniqueId, text: &mut String) {
    let Some(node) = view.lineage.get(id) else { return };
    let _ = writeln!(text, "{} ({id})", view.name(id));
    for column in &node.columns {
        let inputs = column.inputs.iter();
        let inputs: Vec<String> = inputs
            .map(|input| format!("{} {}", input.kind.as_str(), view.point(&(input.node.clone(), input.column.clone()))))
            .collect();
        let arrow = if inputs.is_empty() { String::new() } else { format!(" <- {}", inputs.join(", ")) };
        let _ = write!(text, "  {}{}{arrow}", column.name, spaced(column.data_type.as_deref()));
        let unknown = column.unknown.as_ref().filter(|reason| node.unknown.as_deref() != Some(reason));
        let _ = writeln!(text, "{}", unknown.map(|reason| format!(" ? {reason}")).unwrap_or_default());
    }
    let rows = node.influences.iter();
    let rows: Vec<String> = rows
        .map(|one| format!("{} {}", one.kind.as_str(), view.point(&(one.node.clone(), one.column.clone()))))
        .collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "  rows: {}", rows.join(", "));
    }
    for note in &node.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    if let Some(reason) = &node.unknown {
        let _ = writeln!(text, "  unknown: {reason}");
    }
}

/// What is not known of the nodes in sight.
fn reasons(view: &View<'_>, text: &mut String) {
    for id in &view.picture.nodes {
        if let Some(reason) = view.lineage.get(id).and_then(|node| node.unknown.as_ref()) {
            let _ = writeln!(text, "unknown in {}: {reason}", view.name(id));
        }
    }
}

/// `{nodes: {id: lineage}, edges: [{from, to, kind}]}`.
pub(super) fn json(view: &View<'_>) -> String {
    let nodes: Map<String, Json> = view
        .picture
        .nodes
        .iter()
        .filter_map(|id| Some((id.to_string(), serde_json::to_value(view.lineage.get(id)?).ok()?)))
        .collect();
    let point = |(node, column): &Point| json!({"node": node, "column": column});
    let edges: Vec<Json> = view
        .picture
        .edges
        .iter()
        .map(|edge| json!({"from": point(&edge.from), "to": point(&edge.to), "kind": edge.kind}))
        .collect();
    serde_json::to_string_pretty(&json!({"nodes": nodes, "edges": edges})).unwrap_or_default()
}

/// The columns of each node in the picture.
fn by_node(view: &View<'_>) -> BTreeMap<UniqueId, Vec<Point>> {
    let mut nodes: BTreeMap<UniqueId, Vec<Point>> = BTreeMap::new();
    for point in &view.picture.points {
        nodes.entry(point.0.clone()).or_default().push(point.clone());
    }
    nodes
}

fn numbers(view: &View<'_>) -> BTreeMap<Point, usize> {
    view.picture.points.iter().cloned().enumerate().map(|(number, point)| (point, number)).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Graphviz.
pub(super) fn dot(view: &View<'_>) -> String {
    let numbers = numbers(view);
    let mut text = String::from("digraph lineage {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (place, (id, points)) in by_node(view).iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{place} {{\n    label={};", quoted(&view.name(id)));
        for point in points {
            let number = numbers.get(point).copied().unwrap_or_default();
            let _ = writeln!(text, "    c{number} [label={}];", quoted(&point.1));
        }
        text.push_str("  }\n");
    }
    for edge in &view.picture.edges {
        if let (Some(from), Some(to)) = (numbers.get(&edge.from), numbers.get(&edge.to)) {
            let _ = writeln!(text, "  c{from} -> c{to} [label={}];", quoted(edge.kind.as_str()));
        }
    }
    text.push_str("}\n");
    text
}

/// Mermaid, for Markdown.
pub(super) fn mermaid(view: &View<'_>) -> String {
    let numbers = numbers(view);
    let escaped =
        |text: &str| format!("\"{}\"", text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;"));
    let mut text = String::from("flowchart LR\n");
    for (place, (id, points)) in by_node(view).iter().enumerate() {
        let _ = writeln!(text, "  subgraph n{place}[{}]", escaped(&view.name(id)));
        for point in points {
            let number = numbers.get(point).copied().unwrap_or_default();
            let _ = writeln!(text, "    c{number}[{}]", escaped(&point.1));
        }
        text.push_str("  end\n");
    }
    for edge in &view.picture.edges {
        if let (Some(from), Some(to)) = (numbers.get(&edge.from), numbers.get(&edge.to)) {
            let _ = writeln!(text, "  c{from} -->|{}| c{to}", edge.kind.as_str());
        }
    }
    text
}

const PRODUCER: &str = "urn:tform";
const EVENT_SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent";
const COLUMN_SCHEMA: &str =
    "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet";
const FIELDS_SCHEMA: &str =
    "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet";

/// A list of OpenLineage job events, one for each node that is made from others. `warehouse` is the
/// namespace of its relations; they are named as the specification names them, so that events of
/// other programs about the same relations meet these.
/// Source: openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet, .../spec/naming
pub(super) fn open_lineage(view: &View<'_>, invocation: &Invocation, warehouse: &str) -> String {
    let time = invocation.started_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let dataset = |id: &UniqueId| {
        let named = |database: Option<&str>, schema: &str, name: &str| {
            let parts = [database.unwrap_or_default(), schema, name];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
        };
        match view.manifest.resource(id) {
            Some(Resource::Node(node)) => named(node.database.as_deref(), &node.schema, &node.alias),
            Some(Resource::Source(source)) => named(source.database.as_deref(), &source.schema, &source.identifier),
            _ => id.to_string(),
        }
    };
    let events = view.picture.nodes.iter().filter_map(|id| {
        let node = view.lineage.get(id).filter(|_| !id.starts_with("source.") && !id.starts_with("seed."))?;
        let mut inputs: BTreeSet<&UniqueId> =
            node.columns.iter().flat_map(|column| &column.inputs).map(|input| &input.node).collect();
        inputs.extend(node.influences.iter().map(|influence| &influence.node));
        let fields: Map<String, Json> = node
            .columns
            .iter()
            .filter(|column| !column.inputs.is_empty())
            .map(|column| {
                let inputs: Vec<Json> = column
                    .inputs
                    .iter()
                    .map(|input| {
                        field(warehouse, &dataset(&input.node), &input.column, ("DIRECT", subtype(input.kind)))
                    })
                    .collect();
                (column.name.to_string(), json!({"inputFields": inputs}))
            })
            .collect();
        let rows: Vec<Json> = node
            .influences
            .iter()
            .map(|one| field(warehouse, &dataset(&one.node), &one.column, ("INDIRECT", indirect(one.kind))))
            .collect();
        let schema: Vec<Json> = node
            .columns
            .iter()
            .map(|column| match &column.data_type {
                Some(kind) => json!({"name": column.name, "type": kind}),
                None => json!({"name": column.name}),
            })
            .collect();
        Some(json!({
            "eventTime": time,
            "producer": PRODUCER,
            "schemaURL": EVENT_SCHEMA,
            "job": {"namespace": format!("tform://{}", view.manifest.metadata.project_name.as_deref().unwrap_or_default()), "name": id},
            "inputs": inputs.iter().map(|id| json!({"namespace": warehouse, "name": dataset(id)})).collect::<Vec<_>>(),
            "outputs": [{
                "namespace": warehouse,
                "name": dataset(id),
                "facets": {
                    "schema": {"_producer": PRODUCER, "_schemaURL": FIELDS_SCHEMA, "fields": schema},
                    "columnLineage": {
                        "_producer": PRODUCER, "_schemaURL": COLUMN_SCHEMA, "fields": fields, "dataset": rows,
                    },
                },
            }],
        }))
    });
    serde_json::to_string_pretty(&Json::Array(events.collect())).unwrap_or_default()
}

fn field(namespace: &str, name: &str, column: &str, (kind, subtype): (&str, &str)) -> Json {
    json!({
        "namespace": namespace,
        "name": name,
        "field": column,
        "transformations": [{"type": kind, "subtype": subtype}],
    })
}

fn subtype(kind: Kind) -> &'static str {
    match kind {
        Kind::Copied | Kind::Renamed => "IDENTITY",
        Kind::Derived => "TRANSFORMATION",
        Kind::Aggregated => "AGGREGATION",
    }
}

fn indirect(kind: Influence) -> &'static str {
    match kind {
        Influence::Filter => "FILTER",
        Influence::Join => "JOIN",
        Influence::Group => "GROUP_BY",
        Influence::Sort => "SORT",
    }
}
