//! In what order selected nodes run: who waits for whom.
//!
//! Edges across nodes that are not selected are kept. In a build, what is downstream of a
//! tested node waits for the tests (docs.getdbt.com/reference/commands/build), and a model
//! waits for its unit tests.

use std::collections::HashMap;

use super::{Graph, NodeSet, Position};
use crate::resource::ResourceType;

/// Whether tests stand between the nodes that they test and what is built from those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocking {
    /// As in `build`.
    Tests,
    /// As in all other commands.
    Nothing,
}

/// Selected nodes with what each waits for.
///
/// Tasks are numbered from 0 in an order in which each comes after all that it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub tasks: Vec<Position>,
    /// The tasks that must end before this one begins.
    pub waits_for: Vec<Vec<usize>>,
    /// The tasks that wait for this one.
    pub awaited_by: Vec<Vec<usize>>,
}

impl Plan {
    /// For each task, the weight of the heaviest chain of tasks that begins with it.
    pub fn behind(&self, weight: impl Fn(Position) -> f64) -> Vec<f64> {
        let mut behind = vec![0.0_f64; self.tasks.len()];
        for task in (0..self.tasks.len()).rev() {
            let most = self.awaited_by[task].iter().map(|next| behind[*next]).fold(0.0, f64::max);
            behind[task] = most + weight(self.tasks[task]);
        }
        behind
    }
}

/// The plan for `selected`.
pub fn plan(graph: &Graph, selected: &NodeSet, blocking: Blocking) -> Plan {
    let mut before: Vec<Vec<Position>> = graph.positions().map(|at| graph.parents(at).collect()).collect();
    if blocking == Blocking::Tests {
        add_test_edges(graph, selected, &mut before);
    }
    place_unit_tests(graph, blocking, &mut before);
    let order = order(&before);
    let mut number = vec![usize::MAX; graph.len()];
    let tasks: Vec<Position> = order.iter().copied().filter(|position| selected.contains(*position)).collect();
    tasks.iter().enumerate().for_each(|(task, position)| number[position.index()] = task);
    // For what is not selected: the tasks that stand behind it.
    let mut through: Vec<Vec<usize>> = vec![Vec::new(); graph.len()];
    let mut waits_for = vec![Vec::new(); tasks.len()];
    for position in &order {
        let mut needed: Vec<usize> = Vec::new();
        for parent in &before[position.index()] {
            match number[parent.index()] {
                usize::MAX => needed.extend(&through[parent.index()]),
                task => needed.push(task),
            }
        }
        needed.sort_unstable();
        needed.dedup();
        match number[position.index()] {
            usize::MAX => through[position.index()] = needed,
            task => waits_for[task] = needed,
        }
    }
    let mut awaited_by = vec![Vec::new(); tasks.len()];
    for (task, needed) in waits_for.iter().enumerate() {
        needed.iter().for_each(|parent: &usize| awaited_by[*parent].push(task));
    }
    Plan { tasks, waits_for, awaited_by }
}

/// In a build, a unit test runs before its model, as soon as the model could run; else it
/// waits for nothing, since it needs no more than the columns of what its model reads.
fn place_unit_tests(graph: &Graph, blocking: Blocking, before: &mut [Vec<Position>]) {
    let unit_tests: Vec<Position> =
        graph.positions().filter(|position| graph.resource_type(*position) == ResourceType::UnitTest).collect();
    let models: Vec<Vec<Position>> = unit_tests.iter().map(|test| std::mem::take(&mut before[test.index()])).collect();
    if blocking == Blocking::Nothing {
        return;
    }
    for (test, models) in unit_tests.iter().zip(&models) {
        let inputs = models.iter().flat_map(|model| before[model.index()].clone()).collect();
        before[test.index()] = inputs;
    }
    for (test, models) in unit_tests.iter().zip(models) {
        models.into_iter().for_each(|model| before[model.index()].push(*test));
    }
}

/// A node waits for the tests whose nodes are all upstream of it; what only names nodes (exposures, saved
/// queries) waits for nodes alone.
///
/// Only the topmost such nodes get the edge: the others wait for them anyway.
fn add_test_edges(graph: &Graph, selected: &NodeSet, before: &mut [Vec<Position>]) {
    let mut downstream: HashMap<Position, NodeSet> = HashMap::new();
    let waits = |position: Position| {
        let kind = graph.resource_type(position);
        kind.is_refable() || kind == ResourceType::Analysis
    };
    let tests = selected.iter().filter(|position| graph.resource_type(*position) == ResourceType::Test);
    for test in tests.collect::<Vec<_>>() {
        let tested: Vec<Position> = graph.parents(test).collect();
        let waiting: Vec<Position> = match tested.as_slice() {
            [] => continue,
            [only] => graph.children(*only).filter(|child| waits(*child)).collect(),
            [first, rest @ ..] => {
                for parent in &tested {
                    downstream.entry(*parent).or_insert_with(|| {
                        let mut one = graph.empty_set();
                        one.insert(*parent);
                        graph.descendants(&one, None)
                    });
                }
                let mut common = downstream[first].clone();
                rest.iter().for_each(|parent| common.intersect_with(&downstream[parent]));
                let topmost = |position: &Position| !graph.parents(*position).any(|parent| common.contains(parent));
                common.iter().filter(|position| waits(*position)).filter(topmost).collect()
            }
        };
        waiting.into_iter().for_each(|child| before[child.index()].push(test));
    }
}

/// Everything after all that it waits for; among equals in the order of the manifest.
fn order(before: &[Vec<Position>]) -> Vec<Position> {
    let mut after: Vec<Vec<Position>> = vec![Vec::new(); before.len()];
    let mut open: Vec<usize> = before.iter().map(Vec::len).collect();
    for (at, parents) in before.iter().enumerate() {
        parents.iter().for_each(|parent| after[parent.index()].push(Position::new(at)));
    }
    let mut order: Vec<Position> = (0..before.len()).filter(|at| open[*at] == 0).map(Position::new).collect();
    let mut next = 0;
    while let Some(position) = order.get(next).copied() {
        next += 1;
        for child in &after[position.index()] {
            open[child.index()] -= 1;
            if open[child.index()] == 0 {
                order.push(*child);
            }
        }
    }
    order
}
