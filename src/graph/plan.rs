//! In what order selected nodes run: who waits for whom.
//!
//! Edges across nodes that are not selected are kept. In a build, what is downstream of a
//! tested node waits for the tests (docs.getdbt.com/reference/commands/build), and a model
//! waits for its unit tests.

use super::{Graph, NodeSet, Position};
use crate::resource::{FastMap, ResourceType};

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
    let mut before = Before::new(graph);
    if blocking == Blocking::Tests {
        add_test_edges(graph, selected, &mut before);
    }
    place_unit_tests(graph, blocking, &mut before);
    let order = before.order();
    let mut number = vec![usize::MAX; graph.len()];
    let tasks: Vec<Position> = order.iter().copied().filter(|position| selected.contains(*position)).collect();
    tasks.iter().enumerate().for_each(|(task, position)| number[position.index()] = task);
    // For what is not selected: the tasks that stand behind it.
    let mut through: Vec<Vec<usize>> = vec![Vec::new(); graph.len()];
    let mut waits_for = vec![Vec::new(); tasks.len()];
    for position in &order {
        let mut needed: Vec<usize> = Vec::new();
        for parent in before.of(*position) {
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

/// What must end before a node begins: its parents, but for what blocking changes. Few nodes have other
/// neighbours than in the graph, and lists of those of all would take longer to make than the plan.
struct Before<'a> {
    graph: &'a Graph,
    added: FastMap<Position, Vec<Position>>,
    /// In place of the parents.
    instead: FastMap<Position, Vec<Position>>,
}

impl<'a> Before<'a> {
    fn new(graph: &'a Graph) -> Self {
        Before { graph, added: FastMap::default(), instead: FastMap::default() }
    }

    fn of(&self, position: Position) -> impl Iterator<Item = Position> + '_ {
        let instead = self.instead.get(&position);
        let parents = instead.is_none().then(|| self.graph.parents(position));
        let others = instead.into_iter().chain(self.added.get(&position)).flatten().copied();
        parents.into_iter().flatten().chain(others)
    }

    fn add(&mut self, position: Position, before: Position) {
        self.added.entry(position).or_default().push(before);
    }

    /// Everything after all that it waits for; among equals in the order of the manifest.
    fn order(&self) -> Vec<Position> {
        let count = self.graph.len();
        // Those after one stand together, in their order: those after position `at` from `first[at]` on.
        let mut first = vec![0_u32; count + 1];
        let mut open = vec![0_u32; count];
        for at in self.graph.positions() {
            for parent in self.of(at) {
                first[parent.index() + 1] += 1;
                open[at.index()] += 1;
            }
        }
        for at in 0..count {
            first[at + 1] += first[at];
        }
        let mut after = vec![Position::default(); first[count] as usize];
        let mut free = first.clone();
        for at in self.graph.positions() {
            for parent in self.of(at) {
                let place = &mut free[parent.index()];
                after[*place as usize] = at;
                *place += 1;
            }
        }
        let mut order: Vec<Position> = Vec::with_capacity(count);
        order.extend(self.graph.positions().filter(|at| open[at.index()] == 0));
        let mut next = 0;
        while let Some(position) = order.get(next).copied() {
            next += 1;
            let (from, until) = (first[position.index()], first[position.index() + 1]);
            for child in &after[from as usize..until as usize] {
                open[child.index()] -= 1;
                if open[child.index()] == 0 {
                    order.push(*child);
                }
            }
        }
        order
    }
}

/// In a build, a unit test runs before its model, as soon as the model could run and the unit test of that model
/// before it has passed; else it waits for nothing, since it needs no more than the columns of what its model reads.
///
/// dbt takes a model's unit tests one by one in the order of a set, which is another in each run, and skips those
/// after one that fails. Here they come as they are defined.
fn place_unit_tests(graph: &Graph, blocking: Blocking, before: &mut Before<'_>) {
    let unit_tests: Vec<Position> =
        graph.positions().filter(|position| graph.resource_type(*position) == ResourceType::UnitTest).collect();
    let inputs: Vec<Vec<Position>> = match blocking {
        Blocking::Tests => {
            unit_tests.iter().map(|test| graph.parents(*test).flat_map(|model| before.of(model)).collect()).collect()
        }
        Blocking::Nothing => vec![Vec::new(); unit_tests.len()],
    };
    let mut last_of: FastMap<Position, Position> = FastMap::default();
    for (test, inputs) in unit_tests.into_iter().zip(inputs) {
        before.instead.insert(test, inputs);
        if blocking == Blocking::Tests {
            for model in graph.parents(test) {
                before.add(model, test);
                if let Some(last) = last_of.insert(model, test) {
                    before.add(test, last);
                }
            }
        }
    }
}

/// A node waits for the tests whose nodes are all upstream of it; what only names nodes (exposures, saved
/// queries) waits for nodes alone.
///
/// Only the topmost such nodes get the edge: the others wait for them anyway.
fn add_test_edges(graph: &Graph, selected: &NodeSet, before: &mut Before<'_>) {
    let mut downstream: FastMap<Position, NodeSet> = FastMap::default();
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
        waiting.into_iter().for_each(|child| before.add(child, test));
    }
}
