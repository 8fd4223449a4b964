//! What a template sees while it is parsed, and what is recorded of it.
//!
//! Nothing is looked up and nothing is executed: `ref` and `source` note what was asked
//! for and give the node's own relation, `config` notes its values, `execute` is false
//! (docs.getdbt.com/reference/dbt-jinja-functions/execute).

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};
use serde_json::{Map, Value as Json};

use crate::config::merge;
use crate::diagnostic::Span;
use crate::jinja::context::{Function, Host, fault};
use crate::jinja::{Arguments, metric, position, table, values};
use crate::manifest::{CallTarget, RefCall, SourceCall, UniqueId, Version};

/// What a template asked for.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    pub refs: Vec<RefCall>,
    pub sources: Vec<SourceCall>,
    pub metrics: Vec<Vec<String>>,
    pub functions: Vec<Vec<String>>,
    /// The `config()` calls, joined.
    pub config: Map<String, Json>,
    pub macros: Vec<UniqueId>,
    /// Where the refs and sources stand.
    pub places: Vec<(CallTarget, Span)>,
}

impl Calls {
    pub fn add_macro(&mut self, id: &str) {
        if !self.macros.iter().any(|known| **known == *id) {
            self.macros.push(id.into());
        }
    }

    /// Adds what another template of the same node asked for.
    pub fn extend(&mut self, other: Calls) {
        fn join<T>(own: &mut Vec<T>, other: Vec<T>) {
            if own.is_empty() {
                *own = other;
            } else {
                own.extend(other);
            }
        }
        join(&mut self.refs, other.refs);
        join(&mut self.sources, other.sources);
        join(&mut self.metrics, other.metrics);
        join(&mut self.functions, other.functions);
        join(&mut self.places, other.places);
        for id in &other.macros {
            self.add_macro(id);
        }
    }
}

/// Makes the `model` dictionary: few templates look at it.
pub type ModelMaker = Box<dyn Fn() -> Json + Send + Sync>;

/// What templates are told about the node that is parsed.
pub struct Subject {
    /// The relation that `this`, `ref` and `source` give.
    pub this: Value,
    pub database: Option<String>,
    pub schema: String,
    pub adapter: Value,
    pub api: Value,
    pub model: ModelMaker,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<subject {}>", values::text(&self.this))
    }
}

/// The context of one node while it is parsed.
#[derive(Debug, Clone)]
pub struct ParseHost {
    inner: Arc<Inner>,
    test_arguments: Option<Value>,
}

#[derive(Debug)]
struct Inner {
    subject: Subject,
    calls: Mutex<Calls>,
    model: OnceLock<Value>,
}

const NAMES: &[&str] = &[
    "ref",
    "source",
    "metric",
    "function",
    "config",
    "this",
    "model",
    "adapter",
    "api",
    "execute",
    "graph",
    "database",
    "schema",
    "load_result",
    "store_result",
    "store_raw_result",
    "write",
    "render",
    "try_or_compiler_error",
    "load_agate_table",
    "submit_python_job",
    "pre_hooks",
    "post_hooks",
    "validation",
    "sql",
    "compiled_code",
];

impl ParseHost {
    pub fn new(subject: Subject) -> Self {
        let inner = Inner { subject, calls: Mutex::default(), model: OnceLock::new() };
        ParseHost { inner: Arc::new(inner), test_arguments: None }
    }

    /// This host with the arguments of the generic test that is parsed.
    #[must_use]
    pub fn with_test_arguments(&self, arguments: Value) -> Self {
        ParseHost { inner: self.inner.clone(), test_arguments: Some(arguments) }
    }

    /// What was recorded so far; the record begins anew.
    pub fn take(&self) -> Calls {
        std::mem::take(&mut *self.inner.calls())
    }
}

impl Host for ParseHost {
    fn lookup(&self, name: &str) -> Option<Value> {
        let inner = &self.inner;
        if let Some(function) = inner.function(name) {
            return Some(function);
        }
        Some(match name {
            "execute" => Value::from(false),
            "this" => inner.subject.this.clone(),
            "config" => Value::from_object(ParseConfig(inner.clone())),
            "adapter" => inner.subject.adapter.clone(),
            "api" => inner.subject.api.clone(),
            "model" => inner.model(),
            "graph" => values::dict(Default::default()),
            "database" => inner.subject.database.as_deref().map_or_else(values::none, Value::from),
            "schema" => Value::from(inner.subject.schema.as_str()),
            "pre_hooks" | "post_hooks" => values::list(Vec::new()),
            "sql" | "compiled_code" => values::none(),
            "validation" => Value::from_object(Validation),
            "_dbt_generic_test_kwargs" => return self.test_arguments.clone(),
            _ => return None,
        })
    }

    fn names(&self) -> &'static [&'static str] {
        NAMES
    }
}

impl Inner {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn model(&self) -> Value {
        self.model.get_or_init(|| values::from_json(&(self.subject.model)())).clone()
    }

    fn function(self: &Arc<Self>, name: &str) -> Option<Value> {
        type Body = fn(&Inner, &mut State<'_, '_>, Arguments) -> Result<Value, Error>;
        let (name, body): (&'static str, Body) = match name {
            "ref" => ("ref", Inner::call_ref),
            "source" => ("source", Inner::call_source),
            "metric" => ("metric", Inner::call_metric),
            "function" => ("function", Inner::call_function),
            "load_result" => ("load_result", |_, _, _| Ok(values::none())),
            "store_result" => ("store_result", |_, _, _| Ok(Value::from(""))),
            "store_raw_result" => ("store_raw_result", |_, _, _| Ok(Value::from(""))),
            "write" => ("write", |_, _, _| Ok(Value::from(""))),
            "render" => ("render", render),
            "try_or_compiler_error" => ("try_or_compiler_error", try_or_compiler_error),
            "load_agate_table" => ("load_agate_table", |_, _, _| Ok(table::empty())),
            "submit_python_job" => ("submit_python_job", |_, _, _| Ok(values::none())),
            _ => return None,
        };
        let inner = self.clone();
        Some(Function::value(name, move |state, arguments| body(&inner, state, arguments)))
    }

    fn call_ref(&self, state: &mut State<'_, '_>, arguments: Arguments) -> Result<Value, Error> {
        let call = ref_call(arguments)?;
        let place = position(state);
        let mut calls = self.calls();
        calls.places.extend(place.map(|span| (CallTarget::Ref(call.clone()), span)));
        calls.refs.push(call);
        Ok(self.subject.this.clone())
    }

    fn call_source(&self, state: &mut State<'_, '_>, arguments: Arguments) -> Result<Value, Error> {
        let given = arguments.positional.len() + arguments.named.len();
        let [source, table] = arguments.bind("source", ["source_name", "table_name"]).map_err(fault)?;
        let (Some(source), Some(table)) = (source, table) else {
            return Err(fault(format!("source() takes exactly two arguments ({given} given)")));
        };
        let call = SourceCall(name_of(&source, "source")?, name_of(&table, "source")?);
        let place = position(state);
        let mut calls = self.calls();
        calls.places.extend(place.map(|span| (CallTarget::Source(call.clone()), span)));
        calls.sources.push(call);
        Ok(self.subject.this.clone())
    }

    fn call_metric(&self, _state: &mut State<'_, '_>, arguments: Arguments) -> Result<Value, Error> {
        let names = package_and_name(&arguments, "metric")?;
        let (package, name) = match names.as_slice() {
            [package, name] => (Some(package.as_str()), name.as_str()),
            names => (None, names.first().map_or("", String::as_str)),
        };
        let value = metric::value(name, package, None);
        self.calls().metrics.push(names);
        Ok(value)
    }

    fn call_function(&self, _state: &mut State<'_, '_>, arguments: Arguments) -> Result<Value, Error> {
        let names = package_and_name(&arguments, "function")?;
        self.calls().functions.push(names);
        Ok(self.subject.this.clone())
    }
}

/// `ref` as written: one or two names, and perhaps `version` or `v`.
///
/// # Errors
/// Names that are no strings, too many of them, other arguments.
pub fn ref_call(arguments: Arguments) -> Result<RefCall, Error> {
    let mut version = None;
    for (name, value) in &arguments.named {
        if !matches!(name.as_ref(), "version" | "v") {
            return Err(fault(format!("`ref` has no argument `{name}` (it has `package`, `name`, `version` or `v`)")));
        }
        version = Version::from_json(&to_json(value));
    }
    let names = arguments.positional.iter().map(|name| name_of(name, "ref")).collect::<Result<Vec<_>, _>>()?;
    match names.len() {
        0 => Err(fault("ref() takes at least one argument (0 given)")),
        1 | 2 => {
            let mut names = names.into_iter().rev();
            let name = names.next().unwrap_or_default();
            Ok(RefCall { name, package: names.next(), version })
        }
        given => Err(fault(format!("ref() takes at most two arguments ({given} given)"))),
    }
}

fn name_of(value: &Value, function: &str) -> Result<String, Error> {
    match value.as_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(fault(format!(
            "the name given to `{function}` must be a string, not `{}`",
            values::representation(value)
        ))),
    }
}

fn package_and_name(arguments: &Arguments, function: &str) -> Result<Vec<String>, Error> {
    let names =
        arguments.positional.iter().map(|name| name_of(name, function)).collect::<Result<Vec<String>, Error>>()?;
    match names.len() {
        1 | 2 => Ok(names),
        given => Err(fault(format!("{function}() takes one or two arguments ({given} given)"))),
    }
}

/// A value of a template as JSON; what has no JSON form is its text.
pub fn to_json(value: &Value) -> Json {
    if let Some(text) = crate::jinja::datetime::iso(value) {
        return Json::String(text);
    }
    serde_json::to_value(value).unwrap_or_else(|_| Json::String(values::text(value)))
}

/// `config` while parsing: calls are noted, questions have no answer yet.
#[derive(Debug)]
struct ParseConfig(Arc<Inner>);

impl ParseConfig {
    fn note(&self, options: Map<String, Json>) -> Result<Value, Error> {
        let mut renamed = Map::new();
        for (key, value) in options {
            let key = match key.as_str() {
                "pre_hook" => "pre-hook".to_owned(),
                "post_hook" => "post-hook".to_owned(),
                _ => key,
            };
            if renamed.contains_key(&key) {
                let old = key.replace('-', "_");
                return Err(fault(format!("Invalid config, has conflicting keys \"{old}\" and \"{key}\"")));
            }
            renamed.insert(key, value);
        }
        merge::join_calls(&mut self.0.calls().config, renamed);
        Ok(Value::from(""))
    }
}

impl Object for ParseConfig {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::from_values(args);
        match (arguments.positional.as_slice(), arguments.named.as_slice()) {
            ([options], []) => match to_json(options) {
                Json::Object(options) => self.note(options),
                _ => Err(fault("Invalid inline model config")),
            },
            ([], [_, ..]) => {
                let named = arguments.named.iter().map(|(name, value)| (name.to_string(), to_json(value)));
                self.note(named.collect())
            }
            _ => Err(fault("Invalid inline model config")),
        }
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "get" | "require" | "meta_get" | "meta_require" => Ok(Value::from("")),
            "persist_relation_docs" | "persist_column_docs" => Ok(Value::from(false)),
            "set" => {
                let [name, value] =
                    Arguments::from_values(args).bind("config.set", ["name", "value"]).map_err(fault)?;
                let (Some(name), Some(value)) = (name, value) else {
                    return Err(fault("`config.set` needs a name and a value"));
                };
                self.note(Map::from_iter([(name_of(&name, "config.set")?, to_json(&value))]))
            }
            _ => Err(fault(format!(
                "`config` has no method `{method}` (see docs.getdbt.com/reference/dbt-jinja-functions/config)"
            ))),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "model" => Some(self.0.model()),
            _ => None,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
}

/// `render('...')`: a string with Jinja in the context of the node.
fn render(_inner: &Inner, state: &mut State<'_, '_>, arguments: Arguments) -> Result<Value, Error> {
    let [text] = arguments.bind("render", ["string"]).map_err(fault)?;
    let text = values::text(&text.unwrap_or_default());
    crate::jinja::render_text(state, &text).map(Value::from)
}

fn try_or_compiler_error(_inner: &Inner, state: &mut State<'_, '_>, mut arguments: Arguments) -> Result<Value, Error> {
    if arguments.positional.len() < 2 {
        return Err(fault("`try_or_compiler_error` needs a message and a function"));
    }
    let message = values::text(&arguments.positional.remove(0));
    let function = arguments.positional.remove(0);
    function.call(state, &arguments.into_values()).map_err(|_| fault(message))
}

/// `validation.any[...]`: accepted, since nothing is checked by it.
#[derive(Debug)]
struct Validation;

impl Object for Validation {
    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }
}
