//! `graph_summary.json`: the shape of the graph and nothing else, for tools that look at it.

use std::io::{Result, Write};

use serde::Serialize;

use super::stretches::{self, add};
use crate::graph::{Graph, Position};
use crate::resource::UniqueId;

/// What an entry's text needs, about.
const ENTRY_BYTES: usize = 128;

/// A resource, and the numbers of those that stand on it.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    name: &'a UniqueId,
    #[serde(rename = "type")]
    resource_type: &'static str,
    #[serde(rename = "succ", skip_serializing_if = "Vec::is_empty")]
    successors: Vec<u32>,
}

/// Writes the resources that are switched on, each under a number.
///
/// # Errors
/// If `out` cannot be written to.
pub(super) fn write(out: &mut (impl Write + Send), graph: &Graph, invocation_id: &str) -> Result<()> {
    let enabled: Vec<Position> = graph.enabled().iter().collect();
    // By position; what is switched off has none.
    let mut numbers: Vec<Option<u32>> = vec![None; graph.len()];
    for (number, position) in (0..).zip(&enabled) {
        numbers[position.index()] = Some(number);
    }
    out.write_all(b"{\"_invocation_id\":")?;
    serde_json::to_writer(&mut *out, invocation_id)?;
    out.write_all(b",\"linked\":{")?;
    stretches::write(out, (enabled.len(), ENTRY_BYTES), |text, number| {
        let position = enabled[number];
        let mut successors: Vec<u32> = graph.children(position).filter_map(|child| numbers[child.index()]).collect();
        successors.sort_unstable();
        let resource_type = graph.resource_type(position).as_str();
        write!(text, "\"{number}\":")?;
        add(text, &Entry { name: graph.id(position), resource_type, successors })
    })?;
    out.write_all(b"}}")
}
