//! What a template sees of its node while it is compiled and run: `ref`, `source`,
//! `config`, `this`, `adapter`, results of statements, files.
//!
//! Source: docs.getdbt.com/reference/dbt-jinja-functions.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use minijinja::{Error, State, Value};

use crate::adapter::{AdapterResponse, Relation, RelationKind};
use crate::artifact::SeenColumns;
use crate::diagnostic::Diagnostic;
use crate::jinja::config_object::ConfigObject;
use crate::jinja::context::{Host, fault};
use crate::jinja::phase::{self, Phase};
use crate::jinja::{Arguments, error, metric, relation_object, values};
use crate::manifest::{CallTarget, Node, RefCall, ResourceType, Source, SourceCall, UniqueId};

use super::runtime::{EventTime, Runtime, Worker};
use super::unit_test::Fixtures;

/// What a statement left under its name (`load_result`).
#[derive(Debug, Clone)]
pub struct Stored {
    pub response: Value,
    pub table: Option<Value>,
}

/// What a node gathers while its templates run.
#[derive(Debug, Default)]
pub struct Gathered {
    pub results: HashMap<String, Stored>,
    /// The names in `results` that were given out and taken away.
    pub loaded: HashSet<String>,
    /// The ephemeral models that the SQL refers to, in order, each once.
    pub ephemeral: Vec<UniqueId>,
    /// Where `write` put the SQL that was run, relative to the project.
    pub build_path: Option<String>,
}

impl Gathered {
    fn use_ephemeral(&mut self, id: &UniqueId) {
        if !self.ephemeral.contains(id) {
            self.ephemeral.push(id.clone());
        }
    }
}

/// The host of one node on one thread.
#[derive(Debug, Clone)]
pub struct NodeHost {
    inner: Arc<Inner>,
    /// Names of this phase only: `sql`, `compiled_code`, `pre_hooks`, `results`, ...
    extras: Extras,
}

/// The part of a microbatch model that is being built.
#[derive(Debug, Clone)]
pub struct BatchContext {
    pub event_time: EventTime,
    /// How templates name the batch: `20240131`.
    pub id: String,
    /// How files name the batch: `2024-01-31`.
    pub label: String,
}

/// Names with their values.
pub type Extras = Vec<(&'static str, Value)>;

pub struct Inner {
    pub runtime: Arc<Runtime>,
    pub node: Arc<Node>,
    worker: Worker,
    gathered: Mutex<Gathered>,
    model: OnceLock<Value>,
    /// What of the node is built, and so what it reads.
    batch: Option<BatchContext>,
    /// What stands in for what the code reads, in a unit test.
    fixtures: Option<Arc<Fixtures>>,
    /// The names of the expressions that stand for nodes which are not built yet.
    expressions: HashMap<UniqueId, String>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<context of {}>", self.node.unique_id)
    }
}

impl NodeHost {
    pub fn new(runtime: &Arc<Runtime>, node: &Arc<Node>, worker: Worker, extras: Extras) -> Self {
        NodeHost::of_batch(runtime, node, worker, extras, None)
    }

    /// The host of a node of which `batch` is built, or all.
    pub fn of_batch(
        runtime: &Arc<Runtime>,
        node: &Arc<Node>,
        worker: Worker,
        extras: Extras,
        batch: Option<&BatchContext>,
    ) -> Self {
        let inner = Inner { batch: batch.cloned(), ..Inner::new(runtime, node, worker) };
        NodeHost { inner: Arc::new(inner), extras }
    }

    /// The host of a unit test's model, which reads `fixtures`.
    pub fn of_unit_test(runtime: &Arc<Runtime>, node: &Arc<Node>, worker: Worker, fixtures: Arc<Fixtures>) -> Self {
        let inner = Inner { fixtures: Some(fixtures), ..Inner::new(runtime, node, worker) };
        NodeHost { inner: Arc::new(inner), extras: Vec::new() }
    }

    /// The host of a node that reads `expressions` in place of the nodes with these ids.
    pub fn over_expressions(
        runtime: &Arc<Runtime>,
        node: &Arc<Node>,
        worker: Worker,
        expressions: HashMap<UniqueId, String>,
    ) -> Self {
        let inner = Inner { expressions, ..Inner::new(runtime, node, worker) };
        NodeHost { inner: Arc::new(inner), extras: Vec::new() }
    }

    /// This host with one more name.
    #[must_use]
    pub fn with_extra(&self, name: &'static str, value: Value) -> Self {
        let mut extras = self.extras.clone();
        extras.push((name, value));
        NodeHost { inner: self.inner.clone(), extras }
    }

    pub fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.inner.gathered()
    }

    /// What a call of `ref` or `source` gives.
    ///
    /// # Errors
    /// As that call.
    pub fn relation_of(&self, call: &CallTarget) -> Result<Value, Error> {
        match call {
            CallTarget::Ref(call) => self.inner.relation_of_ref(call),
            CallTarget::Source(call) => self.inner.relation_of_source(call),
        }
    }
}

impl Host for NodeHost {
    fn lookup(&self, name: &str) -> Option<Value> {
        let inner = &self.inner;
        if let Some(value) = inner.fixtures.as_ref().and_then(|fixtures| fixtures.name(name)) {
            return Some(value.clone());
        }
        if let Some((_, value)) = self.extras.iter().rev().find(|(known, _)| *known == name) {
            return Some(value.clone());
        }
        if let Some(value) = phase::lookup(inner, name) {
            return Some(value);
        }
        let node = &inner.node;
        Some(match name {
            "execute" => Value::from(true),
            "adapter" => inner.worker.adapter.clone(),
            "api" => inner.runtime.api.clone(),
            "config" => ConfigObject::value(node),
            "this" => inner.this(),
            "model" => inner.model.get_or_init(|| inner.runtime.node_value(node)).clone(),
            "graph" => inner.runtime.graph_value(),
            "database" => node.database.as_deref().map_or_else(values::none, Value::from),
            "schema" => Value::from(node.schema.as_str()),
            "pre_hooks" => hooks(node, "pre-hook"),
            "post_hooks" => hooks(node, "post-hook"),
            "sql" | "compiled_code" => {
                node.code().and_then(|code| code.compiled_code.as_deref()).map_or_else(values::none, Value::from)
            }
            "doc" => phase::bound(inner, "doc", |inner, _, arguments| inner.doc(&arguments)),
            "tform_seen" => phase::bound(inner, "tform_seen", |inner, _, arguments| inner.seen(arguments)),
            _ => return None,
        })
    }

    fn names(&self) -> &'static [&'static str] {
        phase::NAMES
    }
}

/// The hooks of a node as the list of dictionaries that `run_hooks` reads.
fn hooks(node: &Node, key: &str) -> Value {
    node.config.get(key).map_or_else(|| values::list(Vec::new()), values::from_json)
}

impl Inner {
    fn new(runtime: &Arc<Runtime>, node: &Arc<Node>, worker: Worker) -> Self {
        Inner {
            runtime: runtime.clone(),
            node: node.clone(),
            worker,
            gathered: Mutex::default(),
            model: OnceLock::new(),
            batch: None,
            fixtures: None,
            expressions: HashMap::new(),
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn this(&self) -> Value {
        if let Some(fixtures) = &self.fixtures {
            let name = fixtures.find(fixtures.model());
            return name.map_or_else(values::none, |name| self.stand_in(fixtures.model(), name));
        }
        let kind = self.node.resource_type;
        let has_relation = kind.is_refable() || matches!(kind, ResourceType::Test | ResourceType::UnitTest);
        match self.node.relation_name {
            None if !has_relation => values::none(),
            _ => relation_object::value_of(self.runtime.relation_of(&self.node)),
        }
    }

    fn relation_of_ref(&self, call: &RefCall) -> Result<Value, Error> {
        let target = self.runtime.find_ref(&self.node, call).map_err(error)?;
        if let Some(fixtures) = &self.fixtures {
            let missing = || error(not_given(&self.node, &format!("a node named '{}'", call.name), &written(call)));
            let name = fixtures.find(&target.unique_id).ok_or_else(missing)?;
            return Ok(self.stand_in(&target.unique_id, name));
        }
        if !self.may_refer_to(&target.unique_id) {
            return Err(error(undeclared(&self.node, call)));
        }
        if let Some(name) = self.expressions.get(&target.unique_id) {
            return Ok(self.stand_in(&target.unique_id, name));
        }
        if target.is_ephemeral() {
            self.gathered().use_ephemeral(&target.unique_id);
        }
        let relation = match target.is_ephemeral() {
            true => self.runtime.ephemeral_relation(&target),
            false => self.runtime.ref_relation(&target),
        };
        Ok(relation_object::value_of(self.bounded(relation, target.config.text("event_time"))))
    }

    /// The expression `name` in place of a node or source.
    fn stand_in(&self, id: &UniqueId, name: &str) -> Value {
        self.gathered().use_ephemeral(id);
        relation_object::value_of(Relation::ephemeral(&self.runtime.capabilities().relation, name))
    }

    /// Whether a ref was known when the graph was made; hooks and operations may refer to anything.
    fn may_refer_to(&self, id: &UniqueId) -> bool {
        let free = matches!(self.node.resource_type, ResourceType::Operation | ResourceType::SqlOperation);
        free || self.node.unique_id == *id || self.node.parents().contains(id)
    }

    fn relation_of_source(&self, call: &SourceCall) -> Result<Value, Error> {
        let found: Arc<Source> = self.runtime.find_source(&self.node, call).map_err(error)?;
        if let Some(fixtures) = &self.fixtures {
            let (wanted, written) =
                (format!("a source named '{}.{}'", call.0, call.1), format!("source('{}', '{}')", call.0, call.1));
            let missing = || error(not_given(&self.node, &wanted, &written));
            let name = fixtures.find(&found.unique_id).ok_or_else(missing)?;
            return Ok(self.stand_in(&found.unique_id, name));
        }
        let relation = self.runtime.source_relation(&found);
        Ok(relation_object::value_of(self.bounded(relation, found.config.text("event_time"))))
    }

    /// With `--empty`, `--sample` or in a batch, only some rows of what is read.
    fn bounded(&self, relation: Relation, event_time: Option<&str>) -> Relation {
        let reads = matches!(self.node.resource_type, ResourceType::Model | ResourceType::Snapshot);
        if !reads {
            return relation;
        }
        self.runtime.bounded(relation, event_time, self.batch.as_ref().map(|batch| &batch.event_time))
    }

    /// The result under a name. All but `main` are given once, so that large ones do not stay.
    fn take_result(&self, name: &str) -> Result<Option<Stored>, Error> {
        let mut gathered = self.gathered();
        if name == "main" {
            return Ok(gathered.results.get(name).cloned());
        }
        if gathered.loaded.contains(name) {
            let text = format!("The 'statement' result named '{name}' has already been loaded into a variable");
            return Err(fault(text));
        }
        let stored = gathered.results.remove(name);
        if stored.is_some() {
            gathered.loaded.insert(name.to_owned());
        }
        Ok(stored)
    }

    /// `tform_seen()`: the columns that were remembered in the name of this node, or none;
    /// `tform_seen(columns)` remembers these.
    fn seen(&self, arguments: Arguments) -> Result<Value, Error> {
        let [columns] = arguments.bind("tform_seen", ["columns"]).map_err(fault)?;
        let target = self.runtime.globals.target.get_attr("name").map(|name| values::text(&name)).unwrap_or_default();
        let file = SeenColumns::of(&self.runtime.target_path, &target, &self.node);
        let found = match columns {
            None => file.read().map_err(error)?,
            Some(columns) => {
                let columns = serde_json::to_value(&columns).unwrap_or_default();
                file.remember(&columns).map_err(error)?;
                Some(columns)
            }
        };
        Ok(found.map_or_else(values::none, |columns| values::from_json(&columns)))
    }

    fn doc(&self, arguments: &Arguments) -> Result<Value, Error> {
        let names: Vec<String> = arguments.positional.iter().map(values::text).collect();
        self.runtime.doc(&self.node.package_name, &names).map(Value::from).map_err(error)
    }
}

impl Phase for Inner {
    /// What is no text is looked for by its text, and not found.
    fn name(value: &Value, _function: &str) -> Result<String, Error> {
        Ok(values::text(value))
    }

    fn call_ref(&self, _state: &State<'_, '_>, call: RefCall) -> Result<Value, Error> {
        self.relation_of_ref(&call)
    }

    fn call_source(&self, _state: &State<'_, '_>, call: SourceCall) -> Result<Value, Error> {
        self.relation_of_source(&call)
    }

    /// What the metric is; to query it, the semantic layer's server would be needed.
    fn call_metric(&self, names: Vec<String>) -> Result<Value, Error> {
        let metrics = &self.runtime.manifest().metrics;
        let id = self.node.parents().iter().find(|id| {
            let metric = metrics.get(*id);
            metric.is_some_and(|metric| match names.as_slice() {
                [package, name] => metric.name == *name && metric.package_name == *package,
                names => names.last() == Some(&metric.name),
            })
        });
        let Some(metric) = id.and_then(|id| metrics.get(id)) else {
            let name = names.join(".");
            return Err(fault(format!("the metric `{name}` was not found when `{}` was parsed", self.node.name)));
        };
        let mut fields = serde_json::to_value(metric.as_ref()).unwrap_or_default();
        if let Some(kind) = fields.get("type").and_then(serde_json::Value::as_str) {
            // In dbt this is a member of an enumeration, which prints with its name.
            fields["type"] = format!("MetricType.{}", kind.to_uppercase()).into();
        }
        let fields = values::from_json(&fields);
        Ok(metric::value(&metric.name, Some(&metric.package_name), Some(fields)))
    }

    fn call_function(&self, names: Vec<String>) -> Result<Value, Error> {
        let target = self.runtime.find_function(&self.node, &names).map_err(error)?;
        let mut relation = self.runtime.ref_relation(&target);
        relation.kind = Some(RelationKind::Function);
        Ok(relation_object::value_of(relation))
    }

    fn load_result(&self, arguments: Arguments) -> Result<Value, Error> {
        let [name] = arguments.bind("load_result", ["name"]).map_err(fault)?;
        let name = values::text(&name.ok_or_else(|| fault("`load_result` needs the name of a statement"))?);
        let Some(stored) = self.take_result(&name)? else { return Ok(values::none()) };
        let data = stored.table.as_ref().map_or_else(|| values::list(Vec::new()), crate::jinja::table::data);
        Ok(values::dict_of([
            ("response", stored.response),
            ("data", data),
            ("table", stored.table.unwrap_or_else(values::none)),
        ]))
    }

    fn store_result(&self, arguments: Arguments) -> Result<Value, Error> {
        let [name, response, table] =
            arguments.bind("store_result", ["name", "response", "agate_table"]).map_err(fault)?;
        let name = values::text(&name.ok_or_else(|| fault("`store_result` needs a name"))?);
        let table = table.filter(|table| !table.is_none()).unwrap_or_else(crate::jinja::table::empty);
        let stored = Stored { response: response.unwrap_or_else(values::none), table: Some(table) };
        let mut gathered = self.gathered();
        gathered.loaded.remove(&name);
        gathered.results.insert(name, stored);
        Ok(Value::from(""))
    }

    fn store_raw_result(&self, arguments: Arguments) -> Result<Value, Error> {
        let names = ["name", "message", "code", "rows_affected", "agate_table"];
        let [name, message, code, rows_affected, table] = arguments.bind("store_raw_result", names).map_err(fault)?;
        let name = values::text(&name.ok_or_else(|| fault("`store_raw_result` needs a name"))?);
        let text = |value: Option<Value>| value.filter(|value| !value.is_none()).map(|value| values::text(&value));
        let response = AdapterResponse {
            message: text(message).unwrap_or_default(),
            code: text(code),
            rows_affected: rows_affected.and_then(|rows| rows.as_i64()),
            ..AdapterResponse::default()
        };
        let response = crate::jinja::adapter_object::response_value(response);
        let table = table.filter(|table| !table.is_none()).unwrap_or_else(crate::jinja::table::empty);
        let mut gathered = self.gathered();
        gathered.loaded.remove(&name);
        gathered.results.insert(name, Stored { response, table: Some(table) });
        Ok(Value::from(""))
    }

    /// Keeps the SQL that is sent under `target/run`.
    fn write(&self, arguments: Arguments) -> Result<Value, Error> {
        let [payload] = arguments.bind("write", ["payload"]).map_err(fault)?;
        let payload = values::text(&payload.unwrap_or_default());
        let path = self.runtime.write_code("run", (&self.node, self.batch.as_ref()), &payload).map_err(error)?;
        self.gathered().build_path = Some(path);
        Ok(Value::from(""))
    }

    fn load_agate_table(&self) -> Result<Value, Error> {
        if self.node.resource_type != ResourceType::Seed {
            return Err(fault(format!("can only load_agate_table for seeds (got a {})", self.node.resource_type)));
        }
        self.runtime.seed_table(&self.node).map_err(error)
    }

    fn submit_python_job(&self) -> Result<Value, Error> {
        Err(fault(PYTHON_REFUSED))
    }
}

/// Why Python code is not run.
pub const PYTHON_REFUSED: &str = "Python models are parsed and kept in the graph, but tform does not run Python (docs.getdbt.com/docs/build/python-models)";

fn written(call: &RefCall) -> String {
    match &call.package {
        Some(package) => format!("ref('{package}', '{}')", call.name),
        None => format!("ref('{}')", call.name),
    }
}

/// A unit test has no rows for something that its model reads.
fn not_given(node: &Node, wanted: &str, written: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "Unit_Test '{}' ({}) depends on {wanted} which was not found",
        node.unique_id, node.original_file_path
    ))
    .hint(format!("the model reads `{written}`: add it to the `given` of the unit test"))
}

fn undeclared(node: &Node, call: &RefCall) -> Diagnostic {
    let written = written(call);
    Diagnostic::error(format!(
        "dbt was unable to infer all dependencies for the model \"{}\".\nThis typically happens when ref() is placed within a conditional block.\n\nTo fix this, add the following hint to the top of the model \"{}\":\n\n-- depends_on: {{{{ {written} }}}}",
        node.name, node.name
    ))
}
