//! Saying where a graph turns back on itself.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::Direction;
use petgraph::graph::DiGraph;

use super::Position;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::manifest::{CallTarget, Manifest};
use crate::resource::UniqueId;

/// Adds one error per group of resources that depend on each other, with the shortest path around.
pub(super) fn report(edges: &DiGraph<UniqueId, (), u32>, manifest: &Manifest, diagnostics: &mut Diagnostics) {
    for group in petgraph::algo::tarjan_scc(edges) {
        let Some(path) = shortest(edges, &group) else { continue };
        let names: Vec<&str> = path.iter().map(|position| edges[*position].as_ref()).collect();
        let first = names.first().copied().unwrap_or("");
        let text = format!("Found a cycle: {} --> {first}", names.join(" --> "));
        let mut diagnostic = Diagnostic::error(text);
        for (at, position) in path.iter().enumerate() {
            // `path` goes from what is read to what reads it.
            let reader = path[(at + 1) % path.len()];
            if let Some(span) = reference(manifest, &edges[reader], &edges[*position]) {
                let note = format!("`{}` reads `{}` here", edges[reader], edges[*position]);
                diagnostic = diagnostic.note_at(note, span);
            }
        }
        diagnostics.push(diagnostic.hint("take one of these references out"));
    }
}

/// The shortest way around, from the member that comes first in the manifest.
fn shortest(edges: &DiGraph<UniqueId, (), u32>, group: &[Position]) -> Option<Vec<Position>> {
    let members: HashSet<Position> = group.iter().copied().collect();
    let start = *group.iter().min()?;
    let mut before: HashMap<Position, Position> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(position) = queue.pop_front() {
        for next in edges.neighbors_directed(position, Direction::Outgoing).filter(|next| members.contains(next)) {
            if next == start {
                let mut path = vec![position];
                let mut at = position;
                while at != start {
                    at = *before.get(&at)?;
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            if let std::collections::hash_map::Entry::Vacant(entry) = before.entry(next) {
                entry.insert(position);
                queue.push_back(next);
            }
        }
    }
    None
}

/// Where `reader` refers to `read`.
fn reference(manifest: &Manifest, reader: &str, read: &str) -> Option<Span> {
    let node = manifest.nodes.get(reader)?;
    let name = &manifest.nodes.get(read)?.name;
    node.origin.calls.iter().find_map(|(target, span)| match target {
        CallTarget::Ref(call) if call.name == *name => Some(span.clone()),
        _ => None,
    })
}
