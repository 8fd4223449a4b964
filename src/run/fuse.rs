//! Data tests that share queries.
//!
//! [`plan`] gathers the tests of each relation that can be asked together and that wait for the same
//! tasks. Each group is a task of the scheduler that its tests wait for: it compiles them, sends one
//! query (the gate) and notes which of them nothing fails. Then each test has its turn as ever: one
//! that the gate passed only reports, any other runs its own SQL. A gate that the warehouse refuses
//! decides nothing.
//!
//! Which groups are worth a gate is the warehouse's data (`Capabilities::shared_tests`), unless
//! `--fuse`, `--no-fuse`, `tform.yml` or a test's `meta: {tform: {fuse: ...}}` says otherwise.
//! How it is used: docs_site/guide/fused-tests.md.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use serde_json::{Value as Json, json};

use crate::adapter::{AdapterResponse, Cell, SharedTests};
use crate::compile::Rendering;
use crate::compile::gate::{self, Family, Figure, Gate};
use crate::compile::runtime::{Runtime, Worker};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level, NodeInfo, Status};
use crate::manifest::{Node, Resource};

use super::Runner;
use super::node::{self, Ready};
use super::outcome::{Report, Stopwatch};

/// Tests that are asked together.
#[derive(Debug)]
pub(super) struct Group {
    pub members: Vec<Member>,
    family: Family,
    /// What the group's query is called below `target/run`.
    name: String,
}

#[derive(Debug)]
pub(super) struct Member {
    pub task: usize,
    gate: Gate,
}

/// What tests have in common that are asked together.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Common<'a> {
    family: Family,
    /// The user wants it, whatever the warehouse's data say.
    is_wanted: bool,
    package: &'a str,
    /// The relation as it is written.
    model: &'a str,
    waits_for: &'a [usize],
}

/// More figures are asked in a further query: warehouses limit the columns of a result.
const MOST_FIGURES: usize = 100;

/// From how many tests on a group is made where the user wants groups.
const WANTED: SharedTests = SharedTests { scan: Some(2), unique: Some(1), query: Some(2), more_workers: None };

/// The groups among `nodes`, which are given with their tasks; `waits_for` is by task.
///
/// # Errors
/// A test's `fuse` that is neither true nor false.
pub(super) fn plan<'a>(
    runtime: &Runtime,
    nodes: impl Iterator<Item = (usize, &'a Arc<Node>)>,
    waits_for: &[Vec<usize>],
) -> Result<Vec<Group>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut groups: BTreeMap<Common<'_>, Vec<Member>> = BTreeMap::new();
    let tests = nodes.filter_map(|(task, node)| Some((task, node, node.generic_test()?)));
    let mut as_usual = None;
    for (task, node, test) in tests {
        let own = match wish_of(runtime, node) {
            Ok(own) => own,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let is_wanted = match (runtime.flags.fuse, own) {
            (Some(false), _) | (_, Some(false)) => continue,
            (flag, own) => flag.or(own).is_some(),
        };
        let shared = if is_wanted { &WANTED } else { &runtime.capabilities().shared_tests };
        if Family::ALL.iter().all(|family| least(shared, *family).is_none())
            || !*as_usual.get_or_insert_with(|| gate::tests_are_judged_as_usual(runtime))
        {
            continue;
        }
        let Some(found) = gate::of(runtime, node) else { continue };
        let Some(model) = test.test_metadata.kwargs.get("model").and_then(Json::as_str) else { continue };
        let family = found.form.family();
        if least(shared, family).is_some() {
            let waits_for = waits_for[task].as_slice();
            let common = Common { family, is_wanted, package: &node.package_name, model, waits_for };
            groups.entry(common).or_default().push(Member { task, gate: found });
        }
    }
    let mut planned = Vec::new();
    for (Common { family, is_wanted, model, .. }, members) in groups {
        let shared = if is_wanted { &WANTED } else { &runtime.capabilities().shared_tests };
        let enough = least(shared, family).is_some_and(|least| members.len() >= least);
        let mut members = members.into_iter().filter(|_| enough).peekable();
        while members.peek().is_some() {
            let members: Vec<Member> = members.by_ref().take(MOST_FIGURES).collect();
            let name = format!("{}_{}_{}.sql", words(model), family.as_str(), planned.len() + 1);
            planned.push(Group { members, family, name });
        }
    }
    problems.finish(planned).map(|warned| warned.value)
}

fn least(shared: &SharedTests, family: Family) -> Option<usize> {
    match family {
        Family::Scan => shared.scan,
        Family::Unique => shared.unique,
        Family::Query => shared.query,
    }
}

/// `meta: {tform: {fuse: false}}` of a test, else of what it tests.
fn wish_of(runtime: &Runtime, node: &Node) -> Result<Option<bool>, Diagnostic> {
    let own = own_wish(node)?;
    let attached = node.generic_test().and_then(|test| test.attached_node.as_ref());
    let tested = attached.or_else(|| match node.parents() {
        [only] => Some(only),
        _ => None,
    });
    let meta = match tested.and_then(|id| runtime.manifest().resource(id)) {
        Some(Resource::Node(tested)) => tested.config.meta(),
        Some(Resource::Source(tested)) => tested.config.meta(),
        _ => None,
    };
    let ours = meta.and_then(|meta| meta.get("tform"));
    Ok(own.or(ours.and_then(|ours| ours.get("fuse")).and_then(Json::as_bool)))
}

fn own_wish(node: &Node) -> Result<Option<bool>, Diagnostic> {
    let ours = node.config.meta().and_then(|meta| meta.get("tform"));
    match ours.and_then(|ours| ours.get("fuse")) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Bool(wish)) => Ok(Some(*wish)),
        Some(other) => Err(Diagnostic::error(format!("`fuse` of test `{}` is {other}, not true or false", node.name))
            .at_opt(node.origin.properties.clone())
            .hint("write `config: {meta: {tform: {fuse: false}}}` to keep the test by itself")),
    }
}

/// The words of `{{ get_where_subquery(source('raw', 'orders')) }}` that name a relation: `raw_orders`.
fn words(model: &str) -> String {
    let call = model.split_once('(').map_or(model, |(_, call)| call);
    let call = call.split_once('(').map_or(call, |(_, names)| names);
    let split = call.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    split.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

/// A test that its group has compiled.
#[derive(Debug)]
pub(super) struct Asked {
    /// It stands still until the test's turn comes.
    pub stopwatch: Stopwatch,
    /// None if it could not be compiled: it says so itself when its turn comes.
    pub ready: Option<Ready>,
    /// What the gate found, if it found nothing wrong.
    pub passed: Option<Report>,
}

impl Runner<'_> {
    /// Asks for the tests of a group together; what comes of it waits for them in `asked`.
    pub(super) fn run_group(&self, worker: &Worker, group: &Group) {
        let rendering = Rendering { runtime: self.runtime, worker };
        let mut all = Vec::with_capacity(group.members.len());
        let mut figures = Vec::new();
        for member in &group.members {
            let Some(Resource::Node(node)) = self.resource(member.task) else { continue };
            let (asked, figure) = self.prepare(&rendering, node, member);
            if let Some(figure) = figure {
                figures.push((all.len(), figure));
            }
            all.push((member.task, asked));
        }
        // Members of one group may still be of different relations, by a `ref` that depends on something.
        let mut relations: BTreeMap<Option<String>, Vec<(usize, Figure)>> = BTreeMap::new();
        for (at, figure) in figures {
            relations.entry(figure.relation.clone()).or_default().push((at, figure));
        }
        for figures in relations.into_values() {
            self.ask(&rendering, group, &figures, &mut all);
        }
        let mut slots = self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        slots.extend(all);
    }

    /// Compiles a test.
    fn prepare(&self, rendering: &Rendering<'_>, node: &Arc<Node>, member: &Member) -> (Asked, Option<Figure>) {
        let worker = rendering.worker;
        let mut stopwatch = Stopwatch::start();
        let info = NodeInfo { started_at: Some(stopwatch.started_at), ..NodeInfo::waiting(&self.facts(member.task)) };
        let info = info.with_status(Status::Compiling);
        let ready = self.runtime.assign(worker, node, Some(info)).and_then(|()| node::compile(rendering, node, None));
        stopwatch.compiled();
        let figure =
            ready.as_ref().ok().and_then(|ready| gate::figure(rendering, &ready.node, &member.gate, &ready.compiled));
        worker.session.rollback();
        stopwatch.pause();
        (Asked { stopwatch, ready: ready.ok(), passed: None }, figure)
    }

    /// Sends one query for some figures and notes which are zero.
    fn ask(&self, rendering: &Rendering<'_>, group: &Group, figures: &[(usize, Figure)], all: &mut [(usize, Asked)]) {
        let sql = gate::query(&figures.iter().map(|(_, figure)| figure).collect::<Vec<_>>());
        let (since, begun) = (Utc::now(), Instant::now());
        let answer = self.figures_of(rendering, group, (&sql, figures.len()));
        let share = begun.elapsed() / u32::try_from(figures.len()).unwrap_or(1).max(1);
        let (path, response, cells) = match answer {
            Ok(answer) => answer,
            Err(problem) => {
                let reason = problem.message.lines().next().unwrap_or_default().to_owned();
                let text = format!("{} tests are run one by one: {reason}", figures.len());
                self.runtime.emit(Event::notice("TestsNotFused", Level::Debug, text));
                return;
            }
        };
        let mut names = Vec::new();
        for ((at, _), cell) in figures.iter().zip(&cells) {
            let (task, asked) = &mut all[*at];
            asked.stopwatch.executed_since(since, share);
            if is_zero(cell) {
                let mut adapter_response = response.to_json();
                adapter_response.insert("fused".to_owned(), json!({"tests": figures.len(), "path": path}));
                let passed = Report { message: None, failures: Some(0), ..Report::new(Status::Pass, "") };
                asked.passed = Some(Report { adapter_response, ..passed });
            } else {
                names.push(self.facts(*task).name.clone());
            }
        }
        let failing = if names.is_empty() { String::new() } else { format!("; to be run: {}", names.join(", ")) };
        let text = format!("{} tests asked by one query, {path}{failing}", figures.len());
        let data = json!({"tests": figures.len(), "path": path, "failing": names});
        self.runtime.emit(Event::notice_with("TestsFused", Level::Debug, text, data));
    }

    /// The row that a gate's query gives, with the path of its SQL.
    fn figures_of(
        &self,
        rendering: &Rendering<'_>,
        group: &Group,
        (sql, count): (&str, usize),
    ) -> Result<(String, AdapterResponse, Vec<Cell>), Diagnostic> {
        let runtime = self.runtime;
        let path = format!("fused/{}", group.name);
        let operation = Node { path: path.clone(), original_file_path: path, ..runtime.operation("fused_tests") };
        let operation = Arc::new(operation);
        runtime.assign(rendering.worker, &operation, None)?;
        let path = runtime.write_code("run", (&operation, None), sql)?;
        let session = &rendering.worker.session;
        let queries = count.min(runtime.flags.threads);
        let settings = runtime.capabilities().shared_tests.more_workers;
        let result = match settings.filter(|_| group.family == Family::Scan && queries > 1) {
            Some(settings) => session.query(&format!("{};\n{sql}", settings.replace("{}", &queries.to_string()))),
            None => session.query(sql),
        };
        session.rollback();
        session.forget_error();
        let result = result.map_err(Diagnostic::from)?;
        let cells = result.rows.into_iter().next().unwrap_or_default();
        Ok((path, result.response, cells))
    }
}

fn is_zero(cell: &Cell) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Int(number) => *number == 0,
        Cell::Decimal(number) => number.mantissa == 0,
        Cell::Float(number) => *number == 0.0,
        Cell::Bool(truth) => !truth,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_named_for_its_relation() {
        assert_eq!(words("{{ get_where_subquery(ref('orders')) }}"), "orders");
        assert_eq!(words("{{ get_where_subquery(source('raw', 'orders')) }}"), "raw_orders");
        assert_eq!(words("{{ get_where_subquery(ref('orders', version='2')) }}"), "orders_version_2");
    }

    #[test]
    fn only_nothing_is_zero() {
        assert!(is_zero(&Cell::Null) && is_zero(&Cell::Int(0)) && is_zero(&Cell::Bool(false)));
        assert!(!is_zero(&Cell::Int(3)) && !is_zero(&Cell::Text("0".to_owned())));
    }
}
