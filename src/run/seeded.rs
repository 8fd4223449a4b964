//! Sources whose tables are seeds of the same build.
//!
//! A source that names a seed's table gives no edge from the seed to what reads the source. dbt
//! begins with everything that waits for nothing, by the order of ids, so that such seeds are mostly
//! loaded when what stands further down is built. Here it is certain: what waits for something else,
//! or is a test or a snapshot, whose ids come after those of seeds, and reads such a source, waits for
//! the seed as well, and is built also if the seed fails. A model that waits for nothing else does not
//! wait for the seed: its table may have to be there already, as in dbt.

use std::collections::HashMap;

use crate::graph::{Graph, Position};
use crate::manifest::{Resource, ResourceType};

/// For each of the tasks the seeds that it follows, by task; empty if none follows any.
pub fn followed_seeds(graph: &Graph, tasks: &[Position], waits_for: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let seeds = seeds_by_relation(graph, tasks, waits_for);
    if seeds.is_empty() {
        return Vec::new();
    }
    let mut followed = vec![Vec::new(); tasks.len()];
    for position in graph.positions() {
        let Some(seed) = relation_of_source(graph, position).and_then(|relation| seeds.get(relation)) else { continue };
        let mut source = graph.empty_set();
        source.insert(position);
        let downstream = graph.descendants(&source, None);
        let is_later = |task: usize| {
            let kind = graph.resource_type(tasks[task]);
            !waits_for[task].is_empty() || matches!(kind, ResourceType::Test | ResourceType::Snapshot)
        };
        let waits = |task: usize| downstream.contains(tasks[task]) && is_later(task);
        for task in (0..tasks.len()).filter(|task| waits(*task)) {
            // What stands behind one that waits needs no edge of its own.
            if !waits_for[task].iter().any(|parent| waits(*parent)) {
                followed[task].push(*seed);
            }
        }
    }
    followed
}

fn seeds_by_relation<'a>(graph: &'a Graph, tasks: &[Position], waits_for: &[Vec<usize>]) -> HashMap<&'a str, usize> {
    let relation = |task: usize| match graph.resource(tasks[task]) {
        Some(Resource::Node(node)) if node.resource_type == ResourceType::Seed && waits_for[task].is_empty() => {
            node.relation_name.as_deref()
        }
        _ => None,
    };
    (0..tasks.len()).filter_map(|task| relation(task).map(|relation| (relation, task))).collect()
}

fn relation_of_source(graph: &Graph, position: Position) -> Option<&str> {
    match graph.resource(position) {
        Some(Resource::Source(source)) => source.relation_name.as_deref(),
        _ => None,
    }
}
