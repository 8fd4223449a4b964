//! Where the resources stand when the whole graph is drawn: columns by the longest path from
//! the sources, places within a column so that edges cross little.
//!
//! The page draws parts of the graph in this same order, so that things stay where one saw
//! them. Barycentre ordering (Sugiyama, Tagawa, Toda 1981): in turns from left and right,
//! each column is sorted by the mean place of its neighbours in the column before.

/// Turns of sorting; more change little.
const SWEEPS: usize = 8;

/// A place in the drawing: column from the left, row from the top.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub rank: u32,
    pub order: u32,
}

/// Lays out the nodes for which `drawn` holds; others get no place. Edges are acyclic.
pub(super) fn layered(parents: &[Vec<u32>], children: &[Vec<u32>], drawn: &[bool]) -> Vec<Option<Place>> {
    arranged(&ranks(parents, children, drawn), parents, children)
}

/// Lays out groups of the nodes that have places, folders for one: a group stands where its members
/// are on average. Groups may need each other. `groups` has the group of each node.
pub(super) fn grouped(
    groups: &[u32],
    count: usize,
    parents: &[Vec<u32>],
    places: &[Option<Place>],
) -> Vec<Option<Place>> {
    let mut sums = vec![(0_u64, 0_u64); count];
    let (mut before, mut after): (Vec<Vec<u32>>, Vec<Vec<u32>>) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for (node, place) in places.iter().enumerate() {
        let Some(place) = place else { continue };
        let group = groups[node];
        let (sum, members) = &mut sums[group as usize];
        (*sum, *members) = (*sum + u64::from(place.rank), *members + 1);
        for parent in parents[node].iter().filter(|parent| places[**parent as usize].is_some()) {
            let from = groups[*parent as usize];
            if from != group {
                before[group as usize].push(from);
                after[from as usize].push(group);
            }
        }
    }
    for neighbours in before.iter_mut().chain(&mut after) {
        neighbours.sort_unstable();
        neighbours.dedup();
    }
    let mean = |(sum, members): &(u64, u64)| (*members > 0).then(|| (sum + members / 2) / members);
    let ranks: Vec<Option<u32>> = sums.iter().map(|sum| u32::try_from(mean(sum)?).ok()).collect();
    arranged(&ranks, &before, &after)
}

/// Places by column, so that edges cross little.
fn arranged(ranks: &[Option<u32>], parents: &[Vec<u32>], children: &[Vec<u32>]) -> Vec<Option<Place>> {
    let columns = ranks.iter().flatten().max().map_or(0, |rank| *rank as usize + 1);
    let mut column: Vec<Vec<u32>> = vec![Vec::new(); columns];
    for (node, rank) in ranks.iter().enumerate() {
        if let Some(rank) = rank {
            column[*rank as usize].push(u32::try_from(node).unwrap_or(u32::MAX));
        }
    }
    let mut order = vec![0.0_f64; parents.len()];
    for nodes in &column {
        place(nodes, &mut order);
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let neighbours = if forward { parents } else { children };
        let mut turn: Vec<usize> = (0..columns).collect();
        if !forward {
            turn.reverse();
        }
        for at in turn {
            let mut keyed: Vec<(f64, u32)> =
                column[at].iter().map(|node| (mean(*node, neighbours, ranks, &order), *node)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            column[at] = keyed.into_iter().map(|(_, node)| node).collect();
            place(&column[at], &mut order);
        }
    }
    let mut places = vec![None; parents.len()];
    for (rank, nodes) in column.iter().enumerate() {
        for (at, node) in nodes.iter().enumerate() {
            let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
            places[*node as usize] = Some(Place { rank: number(rank), order: number(at) });
        }
    }
    places
}

/// Spreads a column from 0 to 1, so that long and short columns compare.
fn place(nodes: &[u32], order: &mut [f64]) {
    let count = nodes.len().max(1);
    for (at, node) in nodes.iter().enumerate() {
        order[*node as usize] = (at as f64 + 0.5) / count as f64;
    }
}

fn mean(node: u32, neighbours: &[Vec<u32>], ranks: &[Option<u32>], order: &[f64]) -> f64 {
    let near = neighbours[node as usize].iter().filter(|near| ranks[**near as usize].is_some());
    let (sum, count) = near.fold((0.0, 0_u32), |(sum, count), near| (sum + order[*near as usize], count + 1));
    if count == 0 { order[node as usize] } else { sum / f64::from(count) }
}

/// The length of the longest path that leads to each drawn node.
fn ranks(parents: &[Vec<u32>], children: &[Vec<u32>], drawn: &[bool]) -> Vec<Option<u32>> {
    let mut ranks: Vec<Option<u32>> = drawn.iter().map(|drawn| drawn.then_some(0)).collect();
    let mut waiting: Vec<usize> =
        parents.iter().map(|parents| parents.iter().filter(|parent| drawn[**parent as usize]).count()).collect();
    let mut ready: Vec<u32> = (0..parents.len())
        .filter(|node| drawn[*node] && waiting[*node] == 0)
        .map(|node| u32::try_from(node).unwrap_or(u32::MAX))
        .collect();
    while let Some(node) = ready.pop() {
        let next = ranks[node as usize].map_or(0, |rank| rank + 1);
        for child in children[node as usize].iter().filter(|child| drawn[**child as usize]) {
            let child_at = *child as usize;
            ranks[child_at] = ranks[child_at].map(|rank| rank.max(next));
            waiting[child_at] -= 1;
            if waiting[child_at] == 0 {
                ready.push(*child);
            }
        }
    }
    ranks
}
