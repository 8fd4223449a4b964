//! `graph_summary.json`: the shape of the graph and nothing else, for tools that look at it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::graph::{Graph, Position};
use crate::resource::UniqueId;

/// The graph with a number for each resource.
#[derive(Debug, Serialize)]
pub struct GraphSummary<'a> {
    #[serde(rename = "_invocation_id")]
    invocation_id: &'a str,
    linked: BTreeMap<usize, Entry<'a>>,
}

/// A resource, and the numbers of those that stand on it.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    name: &'a UniqueId,
    #[serde(rename = "type")]
    resource_type: &'static str,
    #[serde(rename = "succ", skip_serializing_if = "Vec::is_empty")]
    successors: Vec<usize>,
}

impl<'a> GraphSummary<'a> {
    pub fn new(graph: &'a Graph, invocation_id: &'a str) -> Self {
        let positions: Vec<Position> =
            graph.positions().filter(|position| graph.enabled().contains(*position)).collect();
        let numbers: HashMap<Position, usize> =
            positions.iter().enumerate().map(|(number, position)| (*position, number)).collect();
        let linked = positions.iter().enumerate().map(|(number, position)| {
            let mut successors: Vec<usize> =
                graph.children(*position).filter_map(|child| numbers.get(&child).copied()).collect();
            successors.sort_unstable();
            let resource_type = graph.resource_type(*position).as_str();
            (number, Entry { name: graph.id(*position), resource_type, successors })
        });
        GraphSummary { invocation_id, linked: linked.collect() }
    }
}
