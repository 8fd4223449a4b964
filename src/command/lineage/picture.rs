//! The part of a project's lineage that is asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::resource::UniqueId;
use crate::sql::Kind;
use crate::sql::project::NodeLineage;

/// Where to begin: a node, or one column of it.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub node: UniqueId,
    pub column: Option<Arc<str>>,
}

/// A column of a node.
pub(super) type Point = (UniqueId, Arc<str>);

/// A step from an input to what is made of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edge {
    pub from: Point,
    pub to: Point,
    pub kind: Kind,
}

/// Columns and the edges between them.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub start: Option<Start>,
    pub upstream: bool,
    pub downstream: bool,
    /// In the order of their names.
    pub nodes: BTreeSet<UniqueId>,
    pub points: BTreeSet<Point>,
    pub edges: BTreeSet<Edge>,
}

type Steps = HashMap<Point, Vec<(Point, Kind)>>;

impl Picture {
    /// What is reachable from `start`: by default a column's both directions, a node's own
    /// inputs; everything without a start.
    pub fn new(
        lineage: &HashMap<UniqueId, NodeLineage>,
        start: Option<Start>,
        (upstream, downstream): (bool, bool),
    ) -> Picture {
        let column = start.as_ref().is_some_and(|start| start.column.is_some());
        let both = column && !upstream && !downstream;
        let mut picture = Picture { upstream: upstream || both, downstream: downstream || both, ..Picture::default() };
        let Some(begin) = start else {
            for (id, node) in lineage {
                picture.add_node(id, node);
            }
            return picture;
        };
        let points: Vec<Point> = match &begin.column {
            Some(column) => vec![(begin.node.clone(), column.clone())],
            None => lineage.get(&begin.node).map(|node| points_of(&begin.node, node)).unwrap_or_default(),
        };
        picture.nodes.insert(begin.node.clone());
        picture.points.extend(points.iter().cloned());
        if let (None, false, false, Some(node)) =
            (&begin.column, picture.upstream, picture.downstream, lineage.get(&begin.node))
        {
            picture.add_node(&begin.node, node);
        }
        let (back, forth) = steps(lineage);
        if picture.upstream {
            picture.walk(&points, &back, |here, there, kind| Edge { from: there, to: here, kind });
        }
        if picture.downstream {
            picture.walk(&points, &forth, |here, there, kind| Edge { from: here, to: there, kind });
        }
        picture.start = Some(begin);
        picture
    }

    fn add_node(&mut self, id: &UniqueId, node: &NodeLineage) {
        self.nodes.insert(id.clone());
        for column in &node.columns {
            let to = (id.clone(), column.name.clone());
            self.points.insert(to.clone());
            for input in &column.inputs {
                let from = (input.node.clone(), input.column.clone());
                self.nodes.insert(from.0.clone());
                self.points.insert(from.clone());
                self.edges.insert(Edge { from, to: to.clone(), kind: input.kind });
            }
        }
    }

    fn walk(&mut self, points: &[Point], steps: &Steps, edge: impl Fn(Point, Point, Kind) -> Edge) {
        let mut seen: BTreeSet<Point> = points.iter().cloned().collect();
        let mut waiting: VecDeque<Point> = points.iter().cloned().collect();
        while let Some(here) = waiting.pop_front() {
            for (there, kind) in steps.get(&key(&here)).into_iter().flatten() {
                self.nodes.insert(there.0.clone());
                self.points.insert(there.clone());
                self.edges.insert(edge(here.clone(), there.clone(), *kind));
                if seen.insert(there.clone()) {
                    waiting.push_back(there.clone());
                }
            }
        }
    }

    /// The steps from each column: to its inputs, or to what is made of it.
    pub fn steps(&self, upstream: bool) -> BTreeMap<Point, Vec<(Point, Kind)>> {
        let mut steps: BTreeMap<Point, Vec<(Point, Kind)>> = BTreeMap::new();
        for edge in &self.edges {
            let (here, there) = if upstream { (&edge.to, &edge.from) } else { (&edge.from, &edge.to) };
            steps.entry(here.clone()).or_default().push((there.clone(), edge.kind));
        }
        steps
    }
}

fn points_of(id: &UniqueId, node: &NodeLineage) -> Vec<Point> {
    node.columns.iter().map(|column| (id.clone(), column.name.clone())).collect()
}

/// A column whatever the case of its name: sources are described in one, and read in another.
fn key((node, column): &Point) -> Point {
    (node.clone(), column.to_lowercase().into())
}

fn steps(lineage: &HashMap<UniqueId, NodeLineage>) -> (Steps, Steps) {
    let (mut back, mut forth): (Steps, Steps) = (HashMap::new(), HashMap::new());
    let mut ids: Vec<&UniqueId> = lineage.keys().collect();
    ids.sort_unstable();
    for (id, node) in ids.into_iter().filter_map(|id| lineage.get_key_value(id)) {
        for column in &node.columns {
            let here = (id.clone(), column.name.clone());
            for input in &column.inputs {
                let there = (input.node.clone(), input.column.clone());
                forth.entry(key(&there)).or_default().push((here.clone(), input.kind));
                back.entry(key(&here)).or_default().push((there, input.kind));
            }
        }
    }
    (back, forth)
}
