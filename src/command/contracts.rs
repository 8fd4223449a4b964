//! Contracts beside the SQL of their models: what can be said before a warehouse looks or a run begins, and
//! where a contract that was broken is written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::adapter::ErrorKind;
use crate::compile::ahead::{self, Ahead, Query, Reason};
use crate::compile::runtime::{Runtime, Worker};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile, Span};
use crate::event::{Event, Level, Remark, Status};
use crate::graph::NodeSet;
use crate::load;
use crate::manifest::contract::{self, CONTRACT_FAILED};
use crate::manifest::{Node, ResourceType};
use crate::resource::UniqueId;
use crate::run::schedule::{self, Plan, Work};
use crate::run::{Interrupt, Run};
use crate::sql::project::{self, Facts, NodeCode, NodeInput};
use crate::sql::{self, KnownColumn, KnownColumns, Relations};
use crate::yaml;

/// Compares the contracts of all selected models with their queries, before anything is built
/// (`contracts: {check: before_run}` in tform.yml).
///
/// The warehouse describes each query as it does when the model is built. Where it cannot say yet what the
/// columns will be, their names are compared as far as the SQL tells them all; the rest stays for the run.
///
/// # Errors
/// Each contract that is broken.
pub(super) fn before_run(runtime: &Arc<Runtime>, selected: &NodeSet, interrupt: &Interrupt) -> Result<(), Diagnostics> {
    let nodes = &runtime.manifest().nodes;
    let ahead = Ahead::new(runtime, selected);
    let promising: Vec<&Arc<Node>> = runtime
        .graph
        .ids_of(selected)
        .filter_map(|id| nodes.get(id))
        .filter(|node| ahead::has_contract(node) && ahead.is_ordinary(node.config.materialized()))
        .collect();
    if promising.is_empty() {
        return Ok(());
    }
    let checks =
        Checks { runtime, interrupt, ahead, promising, unreachable: AtomicBool::new(false), found: Mutex::default() };
    let plan = Plan::from_parents(&vec![Vec::new(); checks.promising.len()]);
    let threads = runtime.flags.threads.min(checks.promising.len().div_ceil(MODELS_PER_THREAD));
    runtime.engine.hushed(|| schedule::execute(&plan, threads, &checks));
    // What was looked up may change until the run has claimed what it builds.
    runtime.warehouse.cache().clear();
    let mut found = checks.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by(|one, other| one.message.cmp(&other.message));
    let mut problems = Diagnostics::new();
    problems.extend(found);
    if problems.is_empty() { Ok(()) } else { Err(problems.of_kind("Compilation Error")) }
}

/// A further connection is opened for so many contracts.
const MODELS_PER_THREAD: usize = 8;

/// The contracts that are checked before a run, one a task.
struct Checks<'r> {
    runtime: &'r Arc<Runtime>,
    interrupt: &'r Interrupt,
    ahead: Ahead<'r>,
    promising: Vec<&'r Arc<Node>>,
    /// Set once the warehouse could not be reached: the run says so.
    unreachable: AtomicBool,
    found: Mutex<Vec<Diagnostic>>,
}

impl Work for Checks<'_> {
    type Worker = Worker;

    fn worker(&self, _thread: usize) -> Worker {
        self.runtime.worker("contracts")
    }

    fn run(&self, worker: &mut Worker, task: usize) -> schedule::Outcome {
        if let Some(node) = self.promising.get(task) {
            match self.check(worker, node) {
                Ok(()) => {}
                Err(Verdict::Broken(problem)) => {
                    self.found.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
                }
                Err(Verdict::Unknown(reason)) => {
                    let text = format!("The contract of model '{}' is checked when it is built: {reason}", node.name);
                    self.runtime.emit(Event::notice("ContractNotChecked", Level::Debug, text));
                }
            }
            worker.session.rollback();
            worker.session.forget_error();
        }
        schedule::Outcome::Done
    }

    fn skip(&self, _task: usize, _parent: usize) {}

    fn close(&self, worker: Worker) {
        worker.session.close();
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_set()
    }
}

/// What is to be said of a contract that is not known to hold.
enum Verdict {
    Broken(Diagnostic),
    Unknown(Reason),
}

impl Checks<'_> {
    fn check(&self, worker: &Worker, node: &Arc<Node>) -> Result<(), Verdict> {
        let query = self.ahead.query(worker, node).map_err(Verdict::Unknown)?;
        let reason = match self.described(worker, node, &query) {
            Err(Verdict::Unknown(reason)) => reason,
            known => return known,
        };
        // Who compares columns in a way of their own may be content with others.
        if self.runtime.engine.is_replaced("get_assert_columns_equivalent", &node.package_name) {
            return Err(Verdict::Unknown(reason));
        }
        let names = sql::lineage(&query.sql, self.runtime.capabilities().dialect, &NothingKnown);
        let names = names.ok().filter(|names| names.open.is_none() && names.assumed.is_empty());
        let columns: Option<Vec<KnownColumn>> = names.map(|names| {
            names
                .columns
                .into_iter()
                .map(|column| KnownColumn { name: column.name, data_type: column.data_type })
                .collect()
        });
        match columns.and_then(|columns| broken(node, &columns)) {
            Some(problem) => Err(Verdict::Broken(located(self.runtime, node, problem))),
            None => Err(Verdict::Unknown(reason)),
        }
    }

    /// What the warehouse says, asked as when the model is built.
    fn described(&self, worker: &Worker, node: &Arc<Node>, query: &Query) -> Result<(), Verdict> {
        let unknown = |reason: &str| Err(Verdict::Unknown(reason.lines().next().unwrap_or_default().to_owned()));
        if let Some(reason) = &query.unknown {
            return unknown(reason);
        }
        if node.config.text("sql_header").is_some() {
            return unknown("its `sql_header` would have to be run");
        }
        if self.unreachable.load(Ordering::Relaxed) {
            return unknown("the warehouse cannot be reached");
        }
        let Err(problem) = self.ahead.check(worker, node, &query.sql) else { return Ok(()) };
        if worker.session.last_error().is_some_and(|error| error.kind == ErrorKind::Connection) {
            self.unreachable.store(true, Ordering::Relaxed);
        }
        if !problem.message.contains(CONTRACT_FAILED) {
            return unknown(&problem.message);
        }
        Err(Verdict::Broken(located(self.runtime, node, problem)))
    }
}

/// To a query that contains all that it reads, or else is not known in full.
struct NothingKnown;

impl Relations for NothingKnown {
    fn columns(&self, _name: &[String]) -> Option<&KnownColumns> {
        None
    }
}

/// Warns of compiled models whose SQL gives other columns than their contracts promise.
///
/// Names alone are compared, and only where the SQL tells all of them: types are what the warehouse makes of them.
pub(super) fn warnings(runtime: &Runtime, run: &Run) -> Diagnostics {
    let nodes = &runtime.manifest().nodes;
    let compiled = run.outcomes.iter().filter_map(|outcome| Some((&outcome.id, outcome.compiled_code.as_ref()?)));
    let compiled: HashMap<UniqueId, Result<Arc<str>, String>> =
        compiled.map(|(id, sql)| (id.clone(), Ok(sql.clone()))).collect();
    let promising: Vec<&Arc<Node>> =
        compiled.keys().filter_map(|id| nodes.get(id)).filter(|node| has_contract(node)).collect();
    if promising.is_empty() {
        return Diagnostics::new();
    }
    let graph = &runtime.graph;
    let mut wanted = graph.set_of(promising.iter().map(|node| node.unique_id.as_ref()));
    wanted.union_with(&graph.ancestors(&wanted, None));
    let read = graph.ids_of(&wanted).filter_map(|id| nodes.get(id));
    let facts = Facts { compiled, seed_headers: runtime.seed_headers(read), catalog: HashMap::new() };
    let mut inputs = project::inputs(runtime.manifest(), &facts);
    inputs.retain(|input| graph.position(&input.id).is_some_and(|position| wanted.contains(position)));
    for input in &mut inputs {
        if let Some(node) = nodes.get(&input.id) {
            without_promise(input, node);
        }
    }
    let found = project::whole_columns(&inputs, runtime.capabilities().dialect);
    let mut warnings: Vec<Diagnostic> = promising
        .into_iter()
        .filter_map(|node| {
            let mut warning = broken(node, found.get(&node.unique_id)?)?.named("ContractBroken");
            warning.severity = Severity::Warning;
            Some(warning.at_opt(Place::of(runtime, node).map(|place| place.model)))
        })
        .collect();
    warnings.sort_by(|one, other| one.message.cmp(&other.message));
    let mut all = Diagnostics::new();
    all.extend(warnings);
    all
}

fn has_contract(node: &Node) -> bool {
    node.code().is_some_and(|code| code.contract.enforced && code.language == "sql") && !node.columns.is_empty()
}

/// What a contract says of a model's columns is not taken for known: its SQL has to say it. Tables that keep what
/// earlier SQL gave them may have other columns than their SQL, and one that has no contract is not read at all.
fn without_promise(input: &mut NodeInput<'_>, node: &Node) {
    let grows = node.resource_type == ResourceType::Snapshot || node.config.materialized() == "incremental";
    if has_contract(node) {
        input.known = KnownColumns::none();
    } else if grows {
        input.known = KnownColumns::none();
        input.code = NodeCode::Unreadable(Cow::Borrowed("its table may have columns of earlier SQL"));
    }
}

/// What differs between the names of a query's columns and those of its model's contract.
fn broken(node: &Node, columns: &[KnownColumn]) -> Option<Diagnostic> {
    let promised: Vec<(String, String)> = node
        .columns
        .values()
        .map(|column| (column.name.clone(), column.data_type.clone().unwrap_or_default()))
        .collect();
    let type_of = |column: &KnownColumn| {
        // The same name is no difference, whatever the type.
        let same = promised.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column.name));
        same.map(|(_, kind)| kind.clone()).or_else(|| column.data_type.as_deref().map(str::to_owned))
    };
    let given: Vec<(String, String)> =
        columns.iter().map(|column| (column.name.to_string(), type_of(column).unwrap_or_default())).collect();
    let differences = contract::differences(&promised, &given);
    if differences.is_empty() {
        return None;
    }
    Some(contract::broken(message(node), &differences))
}

fn message(node: &Node) -> String {
    format!("the query of model '{}' ({}) breaks its contract", node.name, node.original_file_path)
}

/// A contract that is broken, where it is written, with the places of the columns that differ.
fn located(runtime: &Runtime, node: &Node, mut problem: Diagnostic) -> Diagnostic {
    problem.message = message(node);
    // Which macros compared the columns says nothing to anybody.
    problem.notes.retain(|(text, _)| contract::rows(text).next().is_some());
    let table: String = problem.notes.iter().map(|(text, _)| text.as_str()).collect();
    let place = Place::of(runtime, node);
    problem.span = place.as_ref().map(|place| place.model.clone()).or_else(|| node.origin.properties.clone());
    let lines = place.map(|place| place.differing(&table)).unwrap_or_default();
    if lines.is_empty() { problem } else { problem.note(format!("they are written at\n    {}", lines.join("\n    "))) }
}

/// Adds to each model that broke its contract where that is written.
pub(super) fn remark(runtime: &Runtime, run: &mut Run) {
    for outcome in &mut run.outcomes {
        let message = outcome.result.message.as_deref().unwrap_or_default();
        if outcome.result.status != Status::Error || !message.contains(CONTRACT_FAILED) {
            continue;
        }
        let Some(node) = runtime.manifest().nodes.get(&outcome.id) else { continue };
        let Some(place) = Place::of(runtime, node) else { continue };
        let mut lines = vec![format!("contract of `{}`: {}", node.name, shown(&place.model))];
        lines.extend(place.differing(message));
        Arc::make_mut(&mut outcome.result).remarks.push(Remark { event: "ContractPlace", text: lines.join("\n") });
    }
}

fn shown(span: &Span) -> String {
    let (line, column) = span.line_column();
    format!("{}:{line}:{column}", span.file.path)
}

/// Where a model and its columns stand in the file of their properties.
struct Place {
    model: Span,
    columns: Vec<(String, Span)>,
}

impl Place {
    /// `None` for models of packages, and for a file that has changed since.
    fn of(runtime: &Runtime, node: &Node) -> Option<Place> {
        let (package, path) = node.patch_path.as_deref()?.split_once("://")?;
        if package != runtime.globals.project_name {
            return None;
        }
        let file = load::read_properties(&runtime.project_dir, path).ok()?;
        let document = yaml::parse(&file).ok()?.value?;
        let named = |item: &&yaml::Node| item.get("name").and_then(yaml::Node::as_str) == Some(&node.name);
        let item = document.get("models")?.as_list()?.iter().find(named)?;
        let version = node.model().and_then(|model| model.version.as_ref()).and_then(|version| {
            let written = |item: &&yaml::Node| {
                item.get("v").and_then(yaml::Node::scalar_text).is_some_and(|text| *text == version.to_string())
            };
            item.get("versions")?.as_list()?.iter().find(written)
        });
        let own = version.and_then(|version| version.get("columns"));
        let columns = own.into_iter().chain(item.get("columns")).filter_map(yaml::Node::as_list).flatten();
        let columns = columns.filter_map(|column| {
            let name = column.get("name")?;
            Some((name.as_str()?.to_owned(), name.span(&file)))
        });
        Some(Place { columns: columns.collect(), model: name_of(item, &file) })
    }
}

impl Place {
    /// Where those columns are written that a table of differences names.
    fn differing(&self, table: &str) -> Vec<String> {
        let named = |name: &str| contract::rows(table).any(|[known, ..]| known.eq_ignore_ascii_case(name));
        let differing = self.columns.iter().filter(|(name, _)| named(name));
        differing.map(|(name, span)| format!("column `{name}`: {}", shown(span))).collect()
    }
}

fn name_of(item: &yaml::Node, file: &Arc<SourceFile>) -> Span {
    item.get("name").unwrap_or(item).span(file)
}
