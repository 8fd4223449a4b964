//! Compiled nodes to relations: scheduler, materializations, tests, hooks.
//!
//! [`execute`] runs a selection. Threads take ready nodes from the scheduler; each has
//! one connection. A node's failure is its result, never the end of the run; what waits
//! for it is skipped.

pub mod hooks;
pub mod microbatch;
mod batches;
pub mod node;
pub mod outcome;
pub mod plan;
pub mod schedule;
mod schemas;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::adapter::Cancel;
use crate::compile::Rendering;
use crate::compile::session::{Session, facts};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, NodeFacts, NodeInfo, NodeResult, Position, ResultLine, Status};
use crate::jinja::adapter_object;
use crate::manifest::{Node, Resource, ResourceType, UniqueId};

use outcome::{Extra, Outcome, Report, Stopwatch};
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
}

/// What to run.
#[derive(Debug)]
pub struct Request {
    pub task: Task,
    /// The selected nodes in the order of the graph.
    pub ids: Vec<UniqueId>,
    /// Whether what is built on a node waits for the node's tests (`build`).
    pub tests_first: bool,
    /// Whether on-run-start and on-run-end hooks run.
    pub hooks: bool,
    /// Seconds that nodes took last time, by id, where known.
    pub durations: HashMap<UniqueId, f64>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Run {
    /// In the order in which nodes finished; hooks at the start stand first, those at the end last.
    pub outcomes: Vec<Outcome>,
    pub seconds: f64,
    pub interrupted: bool,
}

/// Runs the nodes of `request`.
///
/// # Errors
/// What keeps every node from running: no connection, a schema that cannot be made.
pub fn execute(session: &Arc<Session>, request: Request, interrupt: &Interrupt) -> Result<Run, Diagnostics> {
    let begun = Instant::now();
    let main = connect(session, "master").map_err(Diagnostics::from)?;
    let mut run = Run::default();
    let total = countable(session, &request.ids);
    if request.task != Task::Compile {
        schemas::prepare(&Rendering { session, adapter: &main }, &request.ids)?;
    } else {
        schemas::fill_cache(&Rendering { session, adapter: &main }, &request.ids)?;
    }
    let start = if request.hooks { hooks::run(session, &main, hooks::Moment::Start, &[]) } else { Vec::new() };
    let blocked = start.iter().any(|outcome| outcome.result.status.is_failure());
    run.outcomes.extend(start);
    session.emit(Event::ConcurrencyLine {
        threads: session.flags.threads,
        target: crate::jinja::values::text(&session.globals.target.get_attr("name").unwrap_or_default()),
        nodes: total,
    });
    session.emit(Event::Formatting);
    let runner = Runner::new(session, &request, interrupt, total);
    if blocked {
        runner.skip_all("Skipping due to on-run-start failure");
    } else {
        runner.run(&request);
    }
    run.interrupted = interrupt.is_set();
    run.outcomes.extend(runner.finish());
    if request.hooks && !run.interrupted {
        let ended = hooks::run(session, &main, hooks::Moment::End, &run.outcomes);
        run.outcomes.extend(ended);
    }
    adapter_object::close(&main);
    run.seconds = begun.elapsed().as_secs_f64();
    Ok(run)
}

/// Opens a connection and gives the `adapter` object that templates use it by.
fn connect(session: &Arc<Session>, name: &str) -> Result<Value, Diagnostic> {
    session.adapter_object(name)
}

/// How many of the nodes are told and counted: ephemeral models are not.
fn countable(session: &Session, ids: &[UniqueId]) -> usize {
    let is_silent = |id: &&UniqueId| matches!(session.manifest().resource(id), Some(Resource::Node(node)) if node.is_ephemeral());
    ids.len() - ids.iter().filter(is_silent).count()
}

/// Set by a signal: nothing new begins, what runs is cancelled.
#[derive(Default)]
pub struct Interrupt {
    set: AtomicBool,
    running: Mutex<Vec<Arc<dyn Cancel>>>,
}

impl Interrupt {
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }

    /// Cancels what runs now. Called from the signal's thread.
    pub fn set(&self) {
        self.set.store(true, Ordering::Relaxed);
        for cancel in self.running.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            cancel.cancel();
        }
    }

    fn watch(&self, adapter: &Value) {
        if let Some(cancel) = adapter_object::cancel_handle(adapter) {
            self.running.lock().unwrap_or_else(PoisonError::into_inner).push(cancel);
        }
    }
}

struct Runner<'a> {
    session: &'a Arc<Session>,
    interrupt: &'a Interrupt,
    task: Task,
    tasks: plan::Tasks,
    facts: Vec<Arc<NodeFacts>>,
    total: usize,
    index: AtomicUsize,
    outcomes: Mutex<Vec<Outcome>>,
    done: Mutex<Vec<bool>>,
}

/// A thread's own: its `adapter` object, or why it has none.
type Thread = Result<Value, Diagnostic>;

impl<'a> Runner<'a> {
    fn new(session: &'a Arc<Session>, request: &Request, interrupt: &'a Interrupt, total: usize) -> Self {
        let manifest = session.manifest();
        let mut tasks = plan::tasks(manifest, request.ids.clone());
        if request.tests_first {
            plan::add_test_edges(manifest, &mut tasks);
        }
        let facts = tasks.ids.iter().map(|id| Arc::new(facts_of(session, id))).collect();
        let done = Mutex::new(vec![false; tasks.ids.len()]);
        let (index, outcomes) = (AtomicUsize::new(0), Mutex::default());
        Runner { session, interrupt, task: request.task, tasks, facts, total, index, outcomes, done }
    }

    fn run(&self, request: &Request) {
        // Milliseconds; what is not known counts as one, so that the longest path decides.
        let weight = |id: &UniqueId| request.durations.get(id).map_or(1, |seconds| 1 + (seconds * 1000.0) as u64);
        let weights: Vec<u64> = self.tasks.ids.iter().map(weight).collect();
        let plan = Plan::weighted(&self.tasks.parents, &weights);
        let left = schedule::execute(&plan, self.session.flags.threads, self);
        let reason = if self.interrupt.is_set() { "Skipping due to interrupt" } else { "Skipping due to fail_fast" };
        for task in left {
            self.add_skipped(task, Some(reason.to_owned()));
        }
    }

    fn skip_all(&self, reason: &str) {
        for task in 0..self.tasks.ids.len() {
            if !self.is_silent(task) {
                let position = self.next_position();
                self.session.emit(Event::SkippingDetails { node: NodeInfo::waiting(&self.facts[task]), position });
            }
            self.add_skipped(task, Some(reason.to_owned()));
        }
    }

    fn finish(self) -> Vec<Outcome> {
        self.outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn resource(&self, task: usize) -> Option<Resource<'_>> {
        self.session.manifest().resource(&self.tasks.ids[task])
    }

    fn is_silent(&self, task: usize) -> bool {
        self.task == Task::Build && matches!(self.resource(task), Some(Resource::Node(node)) if node.is_ephemeral())
    }

    fn next_position(&self) -> Position {
        Position { index: self.index.fetch_add(1, Ordering::Relaxed) + 1, total: self.total }
    }

    fn push(&self, outcome: Outcome, task: usize) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)[task] = true;
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }

    fn add_skipped(&self, task: usize, message: Option<String>) {
        if self.is_silent(task) {
            return;
        }
        let result = Arc::new(outcome::skipped(&self.facts[task], message));
        self.session.emit(Event::NodeFinished(result.clone()));
        self.push(plain_outcome(&self.tasks.ids[task], result), task);
    }

    /// Runs a node that has code or a file.
    fn run_node(&self, thread: &Thread, task: usize, node: &Arc<Node>) -> Step {
        let facts = &self.facts[task];
        let mut stopwatch = Stopwatch::start();
        let waiting = NodeInfo { started_at: Some(stopwatch.started_at), ..NodeInfo::waiting(facts) };
        let info = waiting.with_status(Status::Started);
        let position = self.next_position();
        let description = description(node);
        if self.task != Task::Compile {
            let (node, description) = (info.clone(), description.clone());
            self.session.emit(Event::LogStartLine { node, position, description });
        }
        self.session.emit(Event::NodeStart(info.clone()));
        let mut left = Left::default();
        let report = match thread {
            Ok(adapter) => {
                let rendering = Rendering { session: self.session, adapter };
                adapter_object::set_node(adapter, Some(&info));
                let report = self.work(&rendering, node, &info, &mut stopwatch, &mut left);
                adapter_object::release(adapter);
                report
            }
            Err(diagnostic) => Err(diagnostic.clone()),
        };
        let report = report.unwrap_or_else(|diagnostic| Report::failed(node, &with_path(diagnostic, left.path.as_deref())));
        let extra = Extra { compiled_path: left.path.clone(), group: group(self.session, node) };
        let result = Arc::new(stopwatch.result(facts, report.clone(), extra));
        if self.task != Task::Compile {
            self.session.emit(result_line(node, &result, position, &description));
        }
        self.session.emit(Event::NodeFinished(result.clone()));
        let status = result.status;
        self.push(
            Outcome {
                id: node.unique_id.clone(),
                result,
                compiled_code: left.code,
                compiled_path: left.path,
                ctes: left.ctes,
                build_path: left.build_path,
                batches: report.batches,
            },
            task,
        );
        step_after(status, self.session.flags.fail_fast)
    }

    fn work(
        &self,
        rendering: &Rendering<'_>,
        node: &Arc<Node>,
        info: &NodeInfo,
        stopwatch: &mut Stopwatch,
        left: &mut Left,
    ) -> Result<Report, Diagnostic> {
        self.session.emit(Event::NodeCompiling(info.with_status(Status::Compiling)));
        if node.resource_type == ResourceType::Seed {
            let ready = node::Ready { node: node.clone(), compiled: no_code(), path: None };
            stopwatch.compiled();
            if self.task == Task::Compile {
                return Ok(Report { message: None, ..Report::new(Status::Success, "") });
            }
            self.session.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
            let (report, build_path) = node::build(rendering, &ready)?;
            left.build_path = build_path;
            return Ok(report);
        }
        if self.task == Task::Build && batches::is_microbatch(node) {
            let window = batches::window(rendering, node)?;
            stopwatch.compiled();
            self.session.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
            return batches::build(rendering, node, info, window, left);
        }
        let ready = node::compile(rendering, node, None)?;
        left.take(&ready);
        stopwatch.compiled();
        match (self.task, node.resource_type) {
            (Task::Compile, _) => Ok(Report { message: None, ..Report::new(Status::Success, "") }),
            (_, ResourceType::Test) => {
                self.session.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
                node::test(rendering, &ready)
            }
            (_, _) => {
                self.session.emit(Event::NodeExecuting(info.with_status(Status::Executing)));
                let (report, build_path) = node::build(rendering, &ready)?;
                left.build_path = build_path;
                Ok(report)
            }
        }
    }

    /// A node with nothing to run: an exposure, a saved query, a metric.
    fn no_op(&self, task: usize, resource: Resource<'_>) -> Step {
        let stopwatch = Stopwatch::start();
        let facts = &self.facts[task];
        let position = self.next_position();
        let report = Report::new(Status::NoOp, "NO-OP");
        let result = Arc::new(stopwatch.result(facts, report, Extra::default()));
        let line = line(&result, position);
        let description = format!("{} {}", resource.resource_type().as_str().replace('_', " "), resource.name());
        self.session.emit(Event::LogNodeNoOpResult { line, description });
        self.session.emit(Event::NodeFinished(result.clone()));
        self.push(plain_outcome(&self.tasks.ids[task], result), task);
        Step::Done
    }
}

impl Work for Runner<'_> {
    type Worker = Thread;

    fn worker(&self, thread: usize) -> Thread {
        let adapter = connect(self.session, &format!("thread-{}", thread + 1))?;
        self.interrupt.watch(&adapter);
        Ok(adapter)
    }

    fn run(&self, worker: &mut Thread, task: usize) -> Step {
        match self.resource(task) {
            Some(Resource::Node(node)) if self.is_silent(task) => {
                let _ = node;
                Step::Done
            }
            Some(Resource::Node(node)) => {
                let node = node.clone();
                self.run_node(worker, task, &node)
            }
            Some(resource) => self.no_op(task, resource),
            None => Step::Done,
        }
    }

    fn skip(&self, task: usize, parent: usize) {
        let _ = parent;
        if !self.is_silent(task) {
            let position = self.next_position();
            self.session.emit(Event::SkippingDetails { node: NodeInfo::waiting(&self.facts[task]), position });
        }
        self.add_skipped(task, None);
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }

    fn close(&self, worker: Thread) {
        if let Ok(adapter) = worker {
            adapter_object::close(&adapter);
        }
    }
}

/// What compiling and building a node leaves, failed or not.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub code: Option<Arc<str>>,
    pub path: Option<String>,
    pub ctes: Vec<crate::manifest::InjectedCte>,
    pub build_path: Option<String>,
}

impl Left {
    pub(crate) fn take(&mut self, ready: &node::Ready) {
        self.code = Some(ready.compiled.sql.clone());
        self.path.clone_from(&ready.path);
        self.ctes.clone_from(&ready.compiled.ctes);
    }
}

fn no_code() -> crate::compile::Compiled {
    crate::compile::Compiled { sql: "".into(), ctes: Vec::new() }
}

fn plain_outcome(id: &UniqueId, result: Arc<NodeResult>) -> Outcome {
    Outcome {
        id: id.clone(),
        result,
        compiled_code: None,
        compiled_path: None,
        ctes: Vec::new(),
        build_path: None,
        batches: None,
    }
}

fn step_after(status: Status, fail_fast: bool) -> Step {
    match status {
        status if status.is_failure() && fail_fast => Step::Stop,
        status if status.is_failure() => Step::Failed,
        _ => Step::Done,
    }
}

/// Adds the compiled file to an error of the engine.
fn with_path(diagnostic: Diagnostic, path: Option<&str>) -> Diagnostic {
    let of_engine = diagnostic.message.starts_with("Database Error") || diagnostic.message.starts_with("Runtime Error");
    match path {
        Some(path) if of_engine => diagnostic.note(format!("compiled code at {path}")),
        _ => diagnostic,
    }
}

fn facts_of(session: &Session, id: &UniqueId) -> NodeFacts {
    let layer = session.graph.layer(id).map(str::to_owned);
    match session.manifest().resource(id) {
        Some(Resource::Node(node)) => facts(node, layer),
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
    let schema = if node.alias.is_empty() { node.schema.clone() } else { format!("{}.{}", node.schema, node.alias) };
    match node.resource_type {
        ResourceType::Model => {
            let language = node.code().map_or("sql", |code| code.language.as_str());
            format!("{language} {} model {schema}", node.config.materialized())
        }
        ResourceType::Seed => format!("seed file {schema}"),
        ResourceType::Snapshot => format!("snapshot {schema}"),
        ResourceType::Test => format!("test {}", node.name),
        kind => format!("{} {}", kind.as_str().replace('_', " "), node.name),
    }
}

fn line(result: &NodeResult, position: Position) -> ResultLine {
    ResultLine {
        node: result.node.clone(),
        position,
        status: result.status,
        message: result.message.clone().unwrap_or_default(),
        seconds: result.seconds,
    }
}

fn result_line(node: &Node, result: &NodeResult, position: Position, description: &str) -> Event {
    let line = line(result, position);
    match node.resource_type {
        ResourceType::Test => {
            let attached_node = node.generic_test().and_then(|test| test.attached_node.as_deref()).map(str::to_owned);
            Event::LogTestResult { line, name: node.name.clone(), failures: result.failures.unwrap_or(0), attached_node }
        }
        ResourceType::Seed => {
            Event::LogSeedResult { line, schema: node.schema.clone(), relation: node.alias.clone() }
        }
        ResourceType::Snapshot => {
            let set = node.config.set_values().map(|(key, value)| (key.to_owned(), value.clone()));
            Event::LogSnapshotResult { line, description: description.to_owned(), config: set.collect() }
        }
        _ => Event::LogModelResult { line, description: description.to_owned() },
    }
}

/// The node's group with its owner, for alerts.
fn group(session: &Session, node: &Node) -> Option<Map<String, Json>> {
    let name = node.group.as_ref()?;
    let group = session.manifest().groups.values().find(|group| group.name == *name)?;
    let owner = serde_json::to_value(&group.owner).unwrap_or_default();
    Some(Map::from_iter([
        ("name".to_owned(), Json::from(name.as_str())),
        ("package_name".to_owned(), Json::from(group.package_name.as_str())),
        ("owner".to_owned(), owner),
    ]))
}
