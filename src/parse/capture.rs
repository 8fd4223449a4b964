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
use crate::jinja::context::{Host, fault};
use crate::jinja::phase::{self, Phase, name_of};
use crate::jinja::{Arguments, metric, position, table, values};
use crate::manifest::{CallTarget, RefCall, SourceCall, UniqueId};

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
        if let Some(value) = phase::lookup(inner, name) {
            return Some(value);
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
            "_dbt_generic_test_kwargs" => return self.test_arguments.clone(),
            _ => return None,
        })
    }

    fn names(&self) -> &'static [&'static str] {
        phase::NAMES
    }
}

impl Inner {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn model(&self) -> Value {
        self.model.get_or_init(|| values::from_json(&(self.subject.model)())).clone()
    }
}

impl Phase for Inner {
    fn call_ref(&self, state: &State<'_, '_>, call: RefCall) -> Result<Value, Error> {
        let place = position(state);
        let mut calls = self.calls();
        calls.places.extend(place.map(|span| (CallTarget::Ref(call.clone()), span)));
        calls.refs.push(call);
        Ok(self.subject.this.clone())
    }

    fn call_source(&self, state: &State<'_, '_>, call: SourceCall) -> Result<Value, Error> {
        let place = position(state);
        let mut calls = self.calls();
        calls.places.extend(place.map(|span| (CallTarget::Source(call.clone()), span)));
        calls.sources.push(call);
        Ok(self.subject.this.clone())
    }

    fn call_metric(&self, names: Vec<String>) -> Result<Value, Error> {
        let (package, name) = match names.as_slice() {
            [package, name] => (Some(package.as_str()), name.as_str()),
            names => (None, names.first().map_or("", String::as_str)),
        };
        let value = metric::value(name, package, None);
        self.calls().metrics.push(names);
        Ok(value)
    }

    fn call_function(&self, names: Vec<String>) -> Result<Value, Error> {
        self.calls().functions.push(names);
        Ok(self.subject.this.clone())
    }

    fn load_result(&self, _arguments: Arguments) -> Result<Value, Error> {
        Ok(values::none())
    }

    fn store_result(&self, _arguments: Arguments) -> Result<Value, Error> {
        Ok(Value::from(""))
    }

    fn store_raw_result(&self, _arguments: Arguments) -> Result<Value, Error> {
        Ok(Value::from(""))
    }

    fn write(&self, _arguments: Arguments) -> Result<Value, Error> {
        Ok(Value::from(""))
    }

    fn load_agate_table(&self) -> Result<Value, Error> {
        Ok(table::empty())
    }

    fn submit_python_job(&self) -> Result<Value, Error> {
        Ok(values::none())
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
