//! Compiled nodes to relations: scheduler, materializations, tests, hooks.
//!
//! [`execute`] runs a selection. Threads take ready nodes from the scheduler; each has
//! one connection. A node's failure is its result, never the end of the run; what waits
//! for it is skipped.

pub mod hooks;
pub mod microbatch;
mod batches;
mod clone;
mod diff;
mod failing_rows;
mod lock;
mod fresh;
pub mod freshness;
mod function;
mod ephemeral;
mod fuse;
pub mod node;
pub mod outcome;
pub mod schedule;
mod pointer;
mod schemas;
mod seeded;
mod stand_in;
mod unit_test;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::adapter::Warehouse;
use crate::compile::Rendering;
use crate::compile::runtime::{Runtime, Worker, facts};
use crate::compile::unit_test::node_of as node_of_unit_test;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level, NodeFacts, NodeInfo, NodeResult, Notice, Position, ResultLine, Status};
use crate::graph::{self, Blocking, NodeSet, plan};
use crate::jinja::values;
use crate::manifest::{Node, Resource, ResourceType, UniqueId};
use crate::parse::{self, microbatch::is_microbatch};

pub use schemas::{leaves_relation, of_project as schemas_of_project};

use microbatch::Batching;
use outcome::{Extra, Outcome, OutcomeRest, Report, Stopwatch};
use schedule::{Outcome as Step, Plan, Work};

/// What a command does with the nodes that it selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// `run`, `seed`, `snapshot`, `test`, `build`: each node by its kind.
    Build,
    /// `compile`: render only.
    Compile,
    /// `clone`: copy from the earlier state.
    Clone,
    /// `freshness`, `source freshness`: how old the data is.
    Freshness,
}

/// What to run.
#[derive(Debug)]
pub struct Request {
    pub task: Task,
    pub selected: NodeSet,
    /// Whether what is built on a node waits for the node's tests (`build`).
    pub blocking: Blocking,
    /// Where unit tests run that can (`--unit-engine duckdb`).
    pub embedded: Option<Arc<Runtime>>,
    /// Whether on-run-start and on-run-end hooks run.
    pub hooks: bool,
    /// Seconds that nodes took last time, by id, where known.
    pub durations: HashMap<UniqueId, f64>,
    pub batching: Batching,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Run {
    /// In the order in which nodes finished; hooks at the start stand first, those at the end last.
    pub outcomes: Vec<Outcome>,
    pub seconds: f64,
    pub interrupted: bool,
    /// Why hooks at the end could not be run: the command fails once it has told and written the rest.
    pub failure: Option<Diagnostic>,
}

/// Runs the nodes of `request`.
///
/// # Errors
/// What keeps every node from running: no connection, a schema that cannot be made.
pub fn execute(runtime: &Arc<Runtime>, request: &Request, interrupt: &Interrupt) -> Result<Run, Diagnostics> {
    let begun = Instant::now();
    interrupt.watch(&runtime.warehouse);
    let main = runtime.worker(schemas::MAIN);
    runtime.assign_invocation(&main)?;
    let rendering = Rendering { runtime, worker: &main };
    let mut run = Run::default();
    let runner = Runner::new(runtime, request, interrupt)?;
    let needs_warehouse = runner.needs_warehouse();
    let held = match request.task {
        Task::Build | Task::Clone if needs_warehouse => lock::hold(runtime, &main, &runner.ids)?,
        _ => None,
    };
    match request.task {
        _ if !needs_warehouse => {}
        Task::Compile if !runtime.flags.populates_cache => {}
        Task::Compile => schemas::fill_cache(&rendering)?,
        _ => schemas::prepare(&rendering, &runner.ids)?,
    }
    runtime.emit(Event::ConcurrencyLine {
        threads: runtime.flags.threads,
        target: values::text(&runtime.globals.target.get_attr("name").unwrap_or_default()),
        nodes: runner.total,
    });
    runtime.emit(Event::Formatting);
    let runs_hooks = request.hooks && needs_warehouse;
    let mut start = Vec::new();
    if runs_hooks {
        let (outcomes, result) = hooks::run(runtime, &main, hooks::Moment::Start, &[]);
        result?;
        start = outcomes;
    }
    let start_failed = start.iter().any(|outcome| outcome.result.status.is_failure());
    let blocked = start_failed && runtime.flags.skip_after_failed_start;
    let hooks_before = start.len();
    run.outcomes.extend(start);
    if blocked {
        runner.skip_all("Skipping due to on-run-start failure");
    } else {
        runner.run(request);
    }
    run.interrupted = interrupt.is_set();
    run.outcomes.extend(runner.finish());
    if runs_hooks && !run.interrupted {
        let (ended, result) = hooks::run(runtime, &main, hooks::Moment::End, &run.outcomes[hooks_before..]);
        run.outcomes.extend(ended);
        run.failure = result.err();
    }
    drop(held);
    main.session.close();
    run.seconds = begun.elapsed().as_secs_f64();
    Ok(run)
}

/// Set by a signal: nothing new begins, what runs is cancelled.
#[derive(Debug, Default)]
pub struct Interrupt {
    set: AtomicBool,
    warehouses: Mutex<Vec<Arc<Warehouse>>>,
}

impl Interrupt {
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// Called from the signal's thread: stops what runs in the warehouse.
    pub fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        self.watched().iter().for_each(|warehouse| warehouse.cancel());
    }

    /// Closes the warehouses that are watched; what is left of them in memory may go with the process.
    pub fn close(&self) {
        self.watched().iter().for_each(|warehouse| warehouse.close());
    }

    fn watched(&self) -> Vec<Arc<Warehouse>> {
        self.warehouses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on a signal stops what runs in `warehouse`.
    pub fn watch(&self, warehouse: &Arc<Warehouse>) {
        if self.watched().iter().all(|watched| !Arc::ptr_eq(watched, warehouse)) {
            self.warehouses.lock().unwrap_or_else(PoisonError::into_inner).push(warehouse.clone());
        }
        if self.is_set() {
            warehouse.cancel();
        }
    }
}

struct Runner<'a> {
    runtime: &'a Arc<Runtime>,
    interrupt: &'a Interrupt,
    task: Task,
    batching: &'a Batching,
    /// Whether microbatch models are built batch by batch.
    in_batches: bool,
    /// The tasks, by number.
    ids: Vec<UniqueId>,
    waits_for: Vec<Vec<usize>>,
    /// For each task the seeds after whose end it begins, however they end.
    follows: Vec<Vec<usize>>,
    positions: Vec<graph::Position>,
    /// What is kept of a node that was compiled: nobody tells about it at the end.
    no_facts: Arc<NodeFacts>,
    total: usize,
    index: AtomicUsize,
    outcomes: Mutex<Vec<Outcome>>,
    /// What the warehouse says by itself about the age of sources; asked by the first that needs it.
    ages: OnceLock<Result<freshness::Known, Diagnostic>>,
    /// The newest rows of all that is measured; asked by the first.
    newest: OnceLock<freshness::Known>,
    /// Ephemeral models that do not compile, by the tasks that they keep from running.
    broken_ephemerals: Mutex<HashMap<usize, UniqueId>>,
    /// Tests that are asked together; their tasks come after those of `ids`.
    groups: Vec<fuse::Group>,
    /// Tests of groups that have run, by task.
    asked: Mutex<HashMap<usize, fuse::Asked>>,
    /// Where unit tests run, if that is not the target.
    places: Option<stand_in::Places>,
    /// How many fresh rows there are, by what is tested; counted by the first that needs it.
    fresh_rows: Mutex<HashMap<UniqueId, Arc<OnceLock<Option<u64>>>>>,
}

impl<'a> Runner<'a> {
    fn new(runtime: &'a Arc<Runtime>, request: &'a Request, interrupt: &'a Interrupt) -> Result<Self, Diagnostics> {
        let graph = &runtime.graph;
        let mut plan = plan::plan(graph, &request.selected, request.blocking);
        if request.task == Task::Clone {
            // A clone needs nothing but its original.
            plan.waits_for.iter_mut().for_each(Vec::clear);
        }
        let follows = match request.task {
            Task::Build => seeded::followed_seeds(graph, &plan.tasks, &plan.waits_for),
            _ => Vec::new(),
        };
        let ids: Vec<UniqueId> = plan.tasks.iter().map(|position| graph.id(*position).clone()).collect();
        let (positions, no_facts) = (plan.tasks, Arc::default());
        let (task, waits_for, index, outcomes) = (request.task, plan.waits_for, AtomicUsize::new(0), Mutex::default());
        let mut runner = Runner {
            runtime,
            interrupt,
            task,
            batching: &request.batching,
            in_batches: in_batches(runtime),
            ids,
            waits_for,
            follows,
            positions,
            no_facts,
            total: 0,
            index,
            outcomes,
            ages: OnceLock::new(),
            newest: OnceLock::new(),
            broken_ephemerals: Mutex::default(),
            groups: Vec::new(),
            asked: Mutex::default(),
            places: None,
            fresh_rows: Mutex::default(),
        };
        runner.total = (0..runner.ids.len()).filter(|task| !runner.is_silent(*task)).count();
        if task == Task::Build {
            if let Some(embedded) = &request.embedded {
                runner.find_places(embedded);
            }
            runner.add_groups()?;
        }
        Ok(runner)
    }

    /// Puts a task before the tests of each group.
    fn add_groups(&mut self) -> Result<(), Diagnostics> {
        let nodes = (0..self.ids.len()).filter_map(|task| match self.resource(task) {
            Some(Resource::Node(node)) => Some((task, node)),
            _ => None,
        });
        self.groups = fuse::plan(self.runtime, nodes, &self.waits_for)?;
        for group in &self.groups {
            let task = self.waits_for.len();
            let waits_for = group.members.first().map(|first| self.waits_for[first.task].clone());
            self.waits_for.push(waits_for.unwrap_or_default());
            if !self.follows.is_empty() {
                // Members may read different sources in their conditions.
                let mut follows: Vec<usize> =
                    group.members.iter().flat_map(|member| self.follows[member.task].iter().copied()).collect();
                follows.sort_unstable();
                follows.dedup();
                self.follows.push(follows);
            }
            group.members.iter().for_each(|member| self.waits_for[member.task].push(task));
        }
        Ok(())
    }

    fn run(&self, request: &Request) {
        // Milliseconds; what is not known counts as one, so that the longest path decides.
        let weight = |id: &UniqueId| request.durations.get(id).map_or(1, |seconds| 1 + (seconds * 1000.0) as u64);
        let mut weights: Vec<u64> = self.ids.iter().map(weight).collect();
        weights.resize(self.waits_for.len(), 1);
        let plan = Plan::weighted(&self.waits_for, &self.follows, &weights);
        let left = schedule::execute(&plan, self.runtime.flags.threads, self);
        let reason = if self.interrupt.is_set() { "Skipping due to interrupt" } else { "Skipping due to fail_fast" };
        for task in left {
            self.add_skipped(task, Some(reason.to_owned()));
        }
    }

    fn skip_all(&self, reason: &str) {
        for task in 0..self.ids.len() {
            if !self.is_silent(task) {
                let position = self.next_position();
                self.runtime.emit(Event::SkippingDetails { node: NodeInfo::waiting(&self.facts(task)), position });
            }
            self.add_skipped(task, Some(reason.to_owned()));
        }
    }

    fn finish(self) -> Vec<Outcome> {
        self.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the log tells about a task's node; made when it is told.
    fn facts(&self, task: usize) -> Arc<NodeFacts> {
        Arc::new(facts_of(self.runtime, self.positions[task]))
    }

    fn resource(&self, task: usize) -> Option<Resource<'a>> {
        self.runtime.manifest().resource(self.ids.get(task)?)
    }

    fn is_silent(&self, task: usize) -> bool {
        if task >= self.ids.len() {
            return true;
        }
        let builds = matches!(self.task, Task::Build | Task::Clone);
        builds && matches!(self.resource(task), Some(Resource::Node(node)) if node.is_ephemeral())
    }

    /// Whether nodes have lines of their own in the log.
    fn has_lines(&self) -> bool {
        !matches!(self.task, Task::Compile | Task::Clone)
    }

    fn next_position(&self) -> Position {
        Position { index: self.index.fetch_add(1, Ordering::Relaxed) + 1, total: self.total }
    }

    fn push(&self, outcome: Outcome) {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }

    fn add_skipped(&self, task: usize, message: Option<String>) {
        if self.is_silent(task) {
            return;
        }
        let result = Arc::new(outcome::skipped(&self.facts(task), message));
        self.runtime.emit(Event::NodeFinished(result.clone()));
        self.push(plain_outcome(&self.ids[task], result));
    }

    /// Runs a node that has code or a file.
    fn run_node(&self, rendering: &Rendering<'_>, task: usize, node: &Arc<Node>) -> Step {
        let worker = rendering.worker;
        let facts = self.facts(task);
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
        let (mut stopwatch, asked) = match asked {
            Some(asked) => (asked.stopwatch, asked.ready.map(|ready| (ready, asked.passed))),
            None => (Stopwatch::start(), None),
        };
        stopwatch.resume();
        let waiting = NodeInfo { started_at: Some(stopwatch.started_at), ..NodeInfo::waiting(&facts) };
        let info = waiting.with_status(Status::Started);
        let position = self.next_position();
        let description = description(node);
        if self.has_lines() {
            let (node, description) = (info.clone(), description.clone());
            self.runtime.emit(Event::LogStartLine { node, position, description });
        }
        self.runtime.emit(Event::NodeStart(info.clone()));
        let mut left = Left::default();
        let report = rendering.runtime.assign(worker, node, Some(info.clone())).and_then(|()| match asked {
            Some((ready, passed)) => self.judge(rendering, &info, (&ready, passed), &mut left),
            None => self.work(rendering, (task, node), &info, &mut stopwatch, &mut left),
        });
        let report = report.map(|report| self.with_fresh_rows(rendering, node, report));
        let refused = worker.session.last_error();
        let statement = worker.session.refused_statement();
        worker.session.rollback();
        let failed = report.is_err();
        let report = report.unwrap_or_else(|diagnostic| {
            let diagnostic = match (&refused, &left.path) {
                (Some(error), Some(path)) => {
                    let code = left.code.as_deref().unwrap_or("");
                    let line = error.line.and_then(|line| compiled_line(code, statement.as_deref()?, line));
                    with_path(diagnostic, path, line)
                }
                _ => diagnostic,
            };
            Report::failed(node, &diagnostic, refused.as_ref())
        });
        let extra = Extra { compiled_path: left.path.clone(), group: group(self.runtime, node) };
        if failed && let Some(message) = &report.message {
            self.runtime.emit(caught(&info, message));
        }
        let mut result = Arc::new(stopwatch.result(&facts, report.clone(), extra));
        if self.has_lines() {
            self.runtime.emit(result_line(node, &result, position, &description));
        }
        self.runtime.emit(Event::NodeFinished(result.clone()));
        let status = result.status;
        if self.task == Task::Compile
            && !status.is_failure()
            && let Some(result) = Arc::get_mut(&mut result)
        {
            result.node.facts = self.no_facts.clone();
            result.compiled_path = None;
        }
        let rest = OutcomeRest {
            ctes: left.ctes,
            batches: report.batches,
            overloads: report.overloads,
            overload_bodies: left.overload_bodies,
            foreign_keys: left.foreign_keys,
            measured: None,
        };
        self.push(Outcome {
            id: node.unique_id.clone(),
            result,
            compiled_code: left.code,
            compiled_path: left.path,
            build_path: left.build_path,
            rest: rest.kept(),
        });
        match step_after(status, self.runtime.flags.fail_fast) {
            // docs.getdbt.com/reference/resource-configs/on_error: its children run all the same.
            Step::Failed if node.config.text("on_error") == Some("continue") => Step::Done,
            step => step,
        }
    }

    /// The result of a test that its group has compiled, and perhaps passed.
    fn judge(
        &self,
        rendering: &Rendering<'_>,
        info: &NodeInfo,
        (ready, passed): (&node::Ready, Option<Report>),
        left: &mut Left,
    ) -> Result<Report, Diagnostic> {
        left.take(ready);
        self.runtime.emit(Event::NodeCompiling(info.with_status(Status::Compiling)));
        self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
        passed.map_or_else(|| node::test(rendering, ready), Ok)
    }

    fn work(
        &self,
        rendering: &Rendering<'_>,
        (task, node): (usize, &Arc<Node>),
        info: &NodeInfo,
        stopwatch: &mut Stopwatch,
        left: &mut Left,
    ) -> Result<Report, Diagnostic> {
        self.runtime.emit(Event::NodeCompiling(info.with_status(Status::Compiling)));
        if self.task == Task::Clone {
            stopwatch.compiled();
            self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
            let (report, build_path) = clone::run(rendering, node)?;
            left.build_path = build_path;
            return Ok(report);
        }
        if node.resource_type == ResourceType::Seed {
            let ready = node::Ready { node: node.clone(), compiled: no_code(), path: None };
            stopwatch.compiled();
            if self.task == Task::Compile {
                return Ok(Report { message: None, ..Report::new(Status::Success, "") });
            }
            self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
            let (report, build_path) = node::build(rendering, &ready)?;
            left.build_path = build_path;
            return Ok(report);
        }
        if self.task == Task::Build && self.in_batches && is_microbatch(node) {
            let window = batches::window(rendering, node, self.batching)?;
            let previous = self.batching.previous.get(&node.unique_id);
            stopwatch.compiled();
            self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
            return batches::build(rendering, node, info, (window, previous), left);
        }
        let ready = match node.resource_type {
            ResourceType::UnitTest => unit_test::compile(rendering, node)?,
            _ if self.task == Task::Compile => node::render(rendering, node, None)?,
            _ => node::compile(rendering, node, None)?,
        };
        left.take(&ready);
        stopwatch.compiled();
        match (self.task, node.resource_type) {
            (Task::Compile, _) => Ok(Report { message: None, ..Report::new(Status::Success, "") }),
            (_, ResourceType::Test) => {
                self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
                node::test(rendering, &ready)
            }
            (_, ResourceType::UnitTest) => {
                self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
                let mut report = unit_test::run(rendering, &ready)?;
                report.adapter_response.extend(self.places.iter().flat_map(|places| places.facts(task)));
                Ok(report)
            }
            (_, ResourceType::Function) => {
                self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
                let previous = self.batching.overloads.get(&node.unique_id);
                let (report, build_path) = function::build(rendering, &ready, info, previous)?;
                left.build_path = build_path;
                Ok(report)
            }
            (_, _) => {
                self.runtime.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
                let (report, build_path) = node::build(rendering, &ready)?;
                left.build_path = build_path;
                Ok(report)
            }
        }
    }

    /// A node with nothing to run: an exposure, a saved query, a metric.
    fn no_op(&self, task: usize, resource: Resource<'_>) -> Step {
        let mut stopwatch = Stopwatch::start();
        stopwatch.compiled();
        let facts = self.facts(task);
        let position = self.next_position();
        let report = Report { failures: Some(0), ..Report::new(Status::NoOp, "NO-OP") };
        let result = Arc::new(stopwatch.result(&facts, report, Extra::default()));
        let line = line(&result, position);
        let description = format!("{} {}", resource.resource_type().as_str().replace('_', " "), resource.name());
        self.runtime.emit(Event::LogNodeNoOpResult { line, description });
        self.runtime.emit(Event::NodeFinished(result.clone()));
        self.push(plain_outcome(&self.ids[task], result));
        Step::Done
    }
}

impl Work for Runner<'_> {
    type Worker = Worker;

    fn worker(&self, thread: usize) -> Worker {
        self.runtime.worker(&format!("thread-{}", thread + 1))
    }

    fn run(&self, worker: &mut Worker, task: usize) -> Step {
        if let Some(group) = task.checked_sub(self.ids.len()).and_then(|at| self.groups.get(at)) {
            self.run_group(worker, group);
            return Step::Done;
        }
        match self.resource(task) {
            _ if self.is_silent(task) => self.compile_silently(worker, task),
            Some(resource @ (Resource::Node(_) | Resource::Source(_))) if self.task == Task::Freshness => {
                self.run_freshness(worker, task, resource)
            }
            Some(Resource::Node(node)) => self.run_node(&Rendering { runtime: self.runtime, worker }, task, node),
            Some(Resource::UnitTest(test)) => match self.embedded(task, worker) {
                Some((runtime, worker)) => {
                    let rendering = Rendering { runtime, worker: &worker };
                    let step = self.run_node(&rendering, task, &node_of_unit_test(runtime, test));
                    worker.session.close();
                    step
                }
                None => {
                    let rendering = Rendering { runtime: self.runtime, worker };
                    self.run_node(&rendering, task, &node_of_unit_test(self.runtime, test))
                }
            },
            Some(resource) => self.no_op(task, resource),
            None => Step::Done,
        }
    }

    fn skip(&self, task: usize, parent: usize) {
        let broken = self.broken_ephemeral(task, parent);
        if let Some(cause) = broken.filter(|_| !self.is_silent(task)) {
            return self.skip_because_of(task, &cause);
        }
        if !self.is_silent(task) {
            let position = self.next_position();
            self.runtime.emit(Event::SkippingDetails { node: NodeInfo::waiting(&self.facts(task)), position });
        }
        self.add_skipped(task, None);
    }

    fn has_begun(&self, task: usize) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&task)
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    fn close(&self, worker: Worker) {
        worker.session.close();
    }
}

fn in_batches(runtime: &Runtime) -> bool {
    let required = runtime.adapter_options.behavior.get(parse::microbatch::REQUIRED).copied().unwrap_or(true);
    parse::microbatch::in_batches(runtime.manifest(), required, &runtime.internal_packages)
}

/// What compiling and building a node leaves, failed or not.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub code: Option<Arc<str>>,
    pub path: Option<String>,
    pub ctes: Vec<crate::manifest::InjectedCte>,
    pub build_path: Option<String>,
    pub overload_bodies: Vec<Option<Arc<str>>>,
    pub foreign_keys: Vec<String>,
}

impl Left {
    pub(crate) fn take(&mut self, ready: &node::Ready) {
        self.code = Some(ready.compiled.sql.clone());
        self.path.clone_from(&ready.path);
        self.ctes.clone_from(&ready.compiled.ctes);
        let overloads = ready.node.function().into_iter().flat_map(|function| &function.overloads);
        self.overload_bodies = overloads.map(|overload| overload.compiled_body.clone()).collect();
        self.foreign_keys = foreign_keys(&ready.node);
    }
}

/// What the constraints of a node say that they refer to: those of columns in their order, then the model's.
fn foreign_keys(node: &Node) -> Vec<String> {
    let own = node.model().into_iter().flat_map(|model| &model.constraints);
    let all = node.columns.values().flat_map(|column| &column.rest.constraints).chain(own);
    all.filter_map(|constraint| constraint.get("to")?.as_str().map(str::to_owned)).collect()
}

fn no_code() -> crate::compile::Compiled {
    crate::compile::Compiled { sql: "".into(), ctes: Vec::new() }
}

fn plain_outcome(id: &UniqueId, result: Arc<NodeResult>) -> Outcome {
    Outcome { id: id.clone(), result, compiled_code: None, compiled_path: None, build_path: None, rest: None }
}

fn step_after(status: Status, fail_fast: bool) -> Step {
    match status {
        status if status.is_failure() && fail_fast => Step::Stop,
        status if status.is_failure() => Step::Failed,
        _ => Step::Done,
    }
}

/// The line of the compiled `code` that is `line` of the `statement` around it, both from one.
/// None if the statement does not have the code, or the line is outside of it.
fn compiled_line(code: &str, statement: &str, line: usize) -> Option<usize> {
    let text = code.trim();
    let begin = statement.find(text).filter(|_| !text.is_empty())?;
    let before = statement[..begin].matches('\n').count();
    let skipped = code[..code.len() - code.trim_start().len()].matches('\n').count();
    let within = line.checked_sub(before).filter(|line| (1..=text.lines().count()).contains(line))?;
    Some(within + skipped)
}

/// Adds the compiled file, and the line where the engine says it, to an error of the engine.
fn with_path(mut diagnostic: Diagnostic, path: &str, line: Option<usize>) -> Diagnostic {
    let place = line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"));
    diagnostic.message.push_str(&format!("\ncompiled code at {place}"));
    diagnostic
}

fn facts_of(runtime: &Runtime, position: graph::Position) -> NodeFacts {
    let graph = &runtime.graph;
    let (id, layer) = (graph.id(position), graph.layer(position).map(str::to_owned));
    match graph.resource(position) {
        Some(Resource::Node(node)) => facts(node, layer),
        Some(Resource::UnitTest(test)) => facts(&node_of_unit_test(runtime, test), layer),
        Some(Resource::Source(source)) => {
            let node = freshness::node_of(runtime, source);
            NodeFacts { materialized: String::new(), ..facts(&node, layer) }
        }
        Some(resource) => NodeFacts {
            unique_id: id.to_string(),
            name: resource.name().to_owned(),
            path: resource.original_file_path().to_owned(),
            original_file_path: resource.original_file_path().to_owned(),
            resource_type: resource.resource_type().to_string(),
            layer,
            ..NodeFacts::default()
        },
        None => NodeFacts { unique_id: id.to_string(), ..NodeFacts::default() },
    }
}

/// How a node is named in the log: `sql view model main.a`, `test unique_a_id`, `seed file main.s`.
pub(crate) fn description(node: &Node) -> String {
    let schema = relation_text(node);
    match node.resource_type {
        ResourceType::Model => {
            let language = node.code().map_or("sql", |code| &*code.language);
            let batched = node.config.text("incremental_strategy") == Some("microbatch");
            let kind = if batched { "microbatch" } else { node.config.materialized() };
            format!("{language} {kind} model {schema}")
        }
        ResourceType::Seed => format!("seed file {schema}"),
        ResourceType::Snapshot => format!("snapshot {schema}"),
        ResourceType::Function => format!("function {schema}"),
        ResourceType::Test => format!("test {}", node.name),
        ResourceType::UnitTest => format!("unit_test {}", unit_test_name(node)),
        kind => format!("{} {}", kind.as_str().replace('_', " "), node.name),
    }
}

/// `model::test`: how the log names a unit test.
fn unit_test_name(node: &Node) -> String {
    let model = node.unique_id.split('.').nth(2).unwrap_or_default();
    format!("{model}::{}", node.name)
}

/// `main.a`: where a node's rows are, for people.
pub(crate) fn relation_text(node: &Node) -> String {
    if node.alias.is_empty() { node.schema.clone() } else { format!("{}.{}", node.schema, node.alias) }
}

fn line(result: &NodeResult, position: Position) -> ResultLine {
    ResultLine {
        node: result.node.clone(),
        position,
        status: result.status,
        message: result.message.clone().unwrap_or_default(),
        seconds: result.seconds,
        group: result.group.as_deref().cloned(),
    }
}

fn result_line(node: &Node, result: &NodeResult, position: Position, description: &str) -> Event {
    let line = line(result, position);
    match node.resource_type {
        ResourceType::Test => {
            let attached_node = node.generic_test().and_then(|test| test.attached_node.as_deref()).map(str::to_owned);
            Event::LogTestResult {
                line,
                name: node.name.clone(),
                failures: result.failures.unwrap_or(0),
                attached_node,
            }
        }
        ResourceType::UnitTest => Event::LogTestResult {
            line,
            name: unit_test_name(node),
            failures: result.failures.unwrap_or(0),
            attached_node: None,
        },
        ResourceType::Seed => Event::LogSeedResult { line, schema: node.schema.clone(), relation: node.alias.clone() },
        ResourceType::Snapshot => {
            let set = node.config.set_values().map(|(key, value)| (key.to_owned(), value.clone()));
            Event::LogSnapshotResult { line, description: relation_text(node), config: set.collect() }
        }
        ResourceType::Function => Event::LogFunctionResult { line, description: description.to_owned() },
        _ => Event::LogModelResult { line, description: description.to_owned() },
    }
}

/// The node's group with its owner, for alerts.
fn group(runtime: &Runtime, node: &Node) -> Option<Map<String, Json>> {
    let name = node.group.as_ref()?;
    let group = runtime.manifest().groups.values().find(|group| group.name == *name)?;
    let mut owner = serde_json::to_value(&group.owner).unwrap_or_default();
    // The event's schema has texts only: a list of addresses is written as Python writes it.
    for value in owner.as_object_mut().into_iter().flat_map(Map::values_mut).filter(|value| value.is_array()) {
        *value = Json::from(parse::python_literal(value));
    }
    Some(Map::from_iter([
        ("name".to_owned(), Json::from(name.as_str())),
        ("package_name".to_owned(), Json::from(group.package_name.as_str())),
        ("owner".to_owned(), owner),
    ]))
}

/// The results as on-run-end hooks see them (docs.getdbt.com/reference/dbt-jinja-functions/on-run-end-context#results).
pub(crate) fn results_value(runtime: &Runtime, outcomes: &[Outcome]) -> Value {
    let each = outcomes.iter().filter_map(|outcome| {
        let result = &outcome.result;
        let node = match (runtime.manifest().node(&outcome.id), &outcome.compiled_code, &outcome.compiled_path) {
            (Some(node), Some(code), Some(path)) => {
                let compiled = crate::compile::Compiled { sql: code.clone(), ctes: outcome.rest().ctes.clone() };
                serde_json::to_value(node::with_code(node, &compiled, path)).unwrap_or_default()
            }
            (Some(node), ..) => serde_json::to_value(node).unwrap_or_default(),
            // Unit tests, exposures, saved queries.
            (None, ..) => runtime.manifest().resource(&outcome.id)?.to_json(),
        };
        let node = values::from_json(&with_every_config(node));
        Some(values::dict_of([
            ("status", Value::from(result.status.as_str())),
            ("thread_id", Value::from(result.thread.as_str())),
            ("execution_time", Value::from(result.seconds)),
            (
                "adapter_response",
                values::from_json(&Json::Object(result.adapter_response.as_deref().cloned().unwrap_or_default())),
            ),
            ("message", result.message.as_deref().map_or_else(values::none, Value::from)),
            ("failures", result.failures.map_or_else(values::none, Value::from)),
            ("node", node),
            ("timing", values::list(result.timing.iter().map(timing_value).collect())),
        ]))
    });
    values::list(each.collect())
}

/// In dbt a config that a node does not have is none where hooks read results, not undefined: packages
/// ask tests for `full_refresh`.
fn with_every_config(mut node: Json) -> Json {
    if let Some(config) = node.get_mut("config").and_then(Json::as_object_mut) {
        for key in crate::config::defaults::of(ResourceType::Model).keys() {
            config.entry(*key).or_insert(Json::Null);
        }
    }
    node
}

fn timing_value(timing: &crate::event::Timing) -> Value {
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or_else(values::none, |at| Value::from(at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)))
    };
    values::dict_of([
        ("name", Value::from(timing.name)),
        ("started_at", time(timing.started_at)),
        ("completed_at", time(timing.completed_at)),
    ])
}

/// The problem of a node at debug level, as dbt tells it before the result.
fn caught(info: &NodeInfo, message: &str) -> Event {
    Event::Notice(Notice {
        name: "CatchableExceptionOnRun",
        level: Level::Debug,
        message: message.to_owned(),
        data: Map::from_iter([("exc".to_owned(), Json::from(message))]),
        node: Some(info.clone()),
    })
}
