//! What every node-level context of an invocation shares: variables, environment,
//! target, flags, times. The phases add what only they know (`ref`, `config`,
//! `adapter`, ...) through [`Host`].
//!
//! Source: docs.getdbt.com/reference/dbt-jinja-functions.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, State, Value};
use serde_json::Map;

use super::{Arguments, Engine, error, values};
use crate::diagnostic::Diagnostic;
use crate::invocation::Environment;
use crate::project::Vars;

/// The names that a phase (parsing, compiling, running) gives to a template.
pub trait Host: Send + Sync + fmt::Debug {
    /// The value of `name` for this node in this phase; `None` if the phase does not know it.
    fn lookup(&self, name: &str) -> Option<Value>;

    /// Every name that `lookup` knows, for the `context` dictionary.
    fn names(&self) -> &'static [&'static str];
}

type Body = dyn Fn(&mut State<'_, '_>, Arguments) -> Result<Value, Error> + Send + Sync;

/// A function of the context, written in Rust.
pub struct Function {
    name: &'static str,
    body: Box<Body>,
}

impl Function {
    pub fn value<F>(name: &'static str, body: F) -> Value
    where
        F: Fn(&mut State<'_, '_>, Arguments) -> Result<Value, Error> + Send + Sync + 'static,
    {
        Value::from_object(Function { name, body: Box::new(body) })
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<function {}>", self.name)
    }
}

impl Object for Function {
    fn repr(self: &Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.body)(state, Arguments::from_values(args))
    }
}

/// A problem without a place; the interpreter adds that of the call.
pub fn fault(message: impl Into<String>) -> Error {
    error(Diagnostic::error(message))
}

/// What does not change during an invocation.
#[derive(Debug)]
pub struct Globals {
    pub vars: Vars,
    pub env: Arc<Environment>,
    pub project_name: String,
    pub dbt_version: &'static str,
    pub invocation_id: String,
    /// A datetime with time zone UTC.
    pub run_started_at: Value,
    /// The `target` dictionary.
    pub target: Value,
    /// The `flags` object.
    pub flags: Value,
    pub invocation_args: Value,
    pub metadata_envs: Value,
    /// The ids of the selected nodes; empty until they are known.
    pub selected_resources: OnceLock<Value>,
    /// What packages read of dbt's own configuration object, by `builtins.ref.config`.
    pub runtime_config: Value,
    /// Set once the macros are known, so that `context['macro_name']` finds them.
    pub engine: OnceLock<Engine>,
}

/// The prefix of environment variables that must never reach a model, a log or an artifact.
pub const SECRET_PREFIX: &str = "DBT_ENV_SECRET_";

impl Globals {
    fn get(self: &Arc<Self>, name: &str, scope: &Scope) -> Option<Value> {
        Some(match name {
            "var" => Value::from_object(Var { globals: self.clone(), scope: scope.clone() }),
            "env_var" => {
                let (globals, scope) = (self.clone(), scope.clone());
                Function::value("env_var", move |_, arguments| globals.env_var(&scope, arguments))
            }
            "target" => self.target.clone(),
            "env" => self.target.clone(),
            "flags" => self.flags.clone(),
            "project_name" => Value::from(self.project_name.as_str()),
            "dbt_version" => Value::from(self.dbt_version),
            "invocation_id" => Value::from(self.invocation_id.as_str()),
            "run_started_at" => self.run_started_at.clone(),
            "invocation_args_dict" => self.invocation_args.clone(),
            "dbt_metadata_envs" => self.metadata_envs.clone(),
            "selected_resources" => self.selected_resources.get().cloned().unwrap_or_else(|| values::list(Vec::new())),
            "thread_id" => Value::from(match std::thread::current().name() {
                None | Some("main") => "MainThread",
                Some(name) => name,
            }),
            _ => return None,
        })
    }

    /// `env_var(name, default)` (docs.getdbt.com/reference/dbt-jinja-functions/env_var).
    fn env_var(&self, scope: &Scope, arguments: Arguments) -> Result<Value, Error> {
        let [name, default] = arguments.bind("env_var", ["var", "default"]).map_err(fault)?;
        let name = name.ok_or_else(|| fault("`env_var` needs the name of a variable"))?;
        let name = values::text(&name);
        if let Some(value) = scope.overrides.as_ref().and_then(|overrides| overrides.env_vars.get(&name)) {
            return Ok(values::from_json(value));
        }
        if name.starts_with(SECRET_PREFIX) {
            let message = format!(
                "Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' referenced elsewhere."
            );
            return Err(fault(message));
        }
        match (self.env.get(&name), default) {
            (Some(value), _) => Ok(Value::from(value)),
            (None, Some(default)) if !default.is_none() => Ok(Value::from(values::text(&default))),
            (None, _) => Err(error(
                Diagnostic::error(format!("Env var required but not provided: '{name}'"))
                    .of_kind("Parsing Error")
                    .hint(format!("set it, or give a default: `env_var('{name}', 'default')`")),
            )),
        }
    }
}

/// Whose variables are meant, and how strict to be about missing ones.
#[derive(Debug, Clone)]
pub struct Scope {
    pub package: Arc<str>,
    /// The node's name, for messages.
    pub node: Arc<str>,
    pub variables: Variables,
    pub overrides: Option<Arc<Overrides>>,
}

/// What `var` does in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// While a node is read: a missing variable is `none`, Jinja in a text is rendered.
    Optional,
    /// Where a node runs: a missing variable is an error.
    Required,
    /// In properties files: as [`Variables::Required`], but a text stays as it is written.
    AsWritten,
}

/// Variables that a unit test sets for its model
/// (docs.getdbt.com/reference/resource-properties/unit-test-overrides).
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub vars: Map<String, serde_json::Value>,
    pub env_vars: Map<String, serde_json::Value>,
}

/// `var(name, default)` and `var.has_var(name)`.
#[derive(Debug)]
struct Var {
    globals: Arc<Globals>,
    scope: Scope,
}

impl Var {
    fn find(&self, name: &str) -> Option<Value> {
        let overridden = self.scope.overrides.as_ref().and_then(|overrides| overrides.vars.get(name));
        overridden.or_else(|| self.globals.vars.get(&self.scope.package, name)).map(values::from_json)
    }
}

impl Object for Var {
    fn repr(self: &Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let [name, default] = Arguments::from_values(args).bind("var", ["name", "default"]).map_err(fault)?;
        let name = name.ok_or_else(|| fault("`var` needs the name of a variable"))?;
        let name = values::text(&name);
        match (self.find(&name), default) {
            (Some(value), _) if self.scope.variables == Variables::AsWritten => Ok(value),
            // A text with Jinja in `vars:` is rendered where it is used, as dbt does.
            (Some(value), _) => match value.as_str().filter(|text| text.contains("{{") || text.contains("{%")) {
                Some(text) => super::render_text(state, text).map(Value::from),
                None => Ok(value),
            },
            (None, Some(default)) => Ok(default),
            (None, None) if self.scope.variables != Variables::Optional => {
                let known = self.globals.vars.of_package(&self.scope.package);
                let names: Vec<String> = known.keys().cloned().collect();
                let message = format!(
                    "Required var '{name}' not found in config:\nVars supplied to {} = {}",
                    self.scope.node,
                    shown_vars(known)
                );
                let hint = format!(
                    "define it under `vars:` in dbt_project.yml, pass `--vars '{{{name}: value}}'`, or give a default: `var('{name}', 'default')`"
                );
                Err(error(Diagnostic::error(message).suggest(&name, names.iter().map(String::as_str)).hint(hint)))
            }
            (None, None) => Ok(values::none()),
        }
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "has_var" => {
                let [name] = Arguments::from_values(args).bind("var.has_var", ["name"]).map_err(fault)?;
                Ok(Value::from(name.is_some_and(|name| self.find(&values::text(&name)).is_some())))
            }
            _ => Err(fault(format!("`var` has no method `{method}`"))),
        }
    }
}

/// The names of [`Globals`].
const GLOBAL_NAMES: &[&str] = &[
    "var",
    "env_var",
    "target",
    "env",
    "flags",
    "project_name",
    "dbt_version",
    "invocation_id",
    "run_started_at",
    "invocation_args_dict",
    "dbt_metadata_envs",
    "selected_resources",
    "thread_id",
];

/// The context of one node in one phase: what the engine asks for names that are not macros.
#[derive(Debug)]
pub struct NodeContext {
    pub globals: Arc<Globals>,
    pub scope: Scope,
    pub host: Arc<dyn Host>,
    /// What templates put there by `context.update(...)`, to be read by `context.get(...)`.
    added: Mutex<HashMap<String, Value>>,
}

impl NodeContext {
    pub fn value(globals: &Arc<Globals>, scope: Scope, host: Arc<dyn Host>) -> Value {
        Value::from_object(NodeContext { globals: globals.clone(), scope, host, added: Mutex::default() })
    }
}

impl Object for NodeContext {
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let Some(value) = self.host.lookup(name) {
            return Some(value);
        }
        match name {
            // The functions as they are, for macros that override them and call the original.
            "builtins" => Some(Value::from_object(Builtins(self.clone()))),
            "context" => Some(Value::from_object(Context(self.clone()))),
            _ => self.globals.get(name, &self.scope),
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.host.names().iter().chain(GLOBAL_NAMES).chain(&["builtins"]);
        Enumerator::Values(names.map(|name| Value::from(*name)).collect())
    }
}

/// `builtins.ref(...)`, `builtins.source(...)`, ...: the context without the macros that hide its names.
#[derive(Debug)]
struct Builtins(Arc<NodeContext>);

impl Object for Builtins {
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let value = self.0.get_value_by_str(name).or_else(|| self.0.globals.engine.get()?.builtin(name))?;
        match name {
            "ref" | "source" => {
                let config = self.0.globals.runtime_config.clone();
                Some(Value::from_object(WithConfig { function: value, config }))
            }
            _ => Some(value),
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.0.enumerate()
    }
}

/// `builtins.ref` and `builtins.source`: functions with dbt's configuration as an attribute.
#[derive(Debug)]
struct WithConfig {
    function: Value,
    config: Value,
}

impl Object for WithConfig {
    fn repr(self: &Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        (name == "config").then(|| self.config.clone())
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        self.function.call(state, args)
    }
}

/// `context`: every name, macros included (docs.getdbt.com/reference/dbt-jinja-functions/dbt-jinja-functions).
#[derive(Debug)]
struct Context(Arc<NodeContext>);

impl Object for Context {
    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let node = &self.0;
        if let Some(value) = node.added.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(value.clone());
        }
        let engine = node.globals.engine.get();
        let found = engine.and_then(|engine| engine.macro_or_package(name, &node.scope.package));
        found.or_else(|| node.get_value_by_str(name)).or_else(|| engine?.builtin(name))
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method != "update" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let [values] = Arguments::from_values(args).bind("context.update", ["values"]).map_err(fault)?;
        let pairs = values.as_ref().and_then(values::pairs).unwrap_or_default();
        let mut added = self.0.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.extend(pairs.into_iter().map(|(name, value)| (values::text(&name), value)));
        Ok(values::none())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let node = &self.0;
        let mut names: Vec<Value> =
            node.host.names().iter().chain(GLOBAL_NAMES).map(|name| Value::from(*name)).collect();
        if let Some(engine) = node.globals.engine.get() {
            let mut macros: Vec<&str> = engine.macros().map(|source| source.name.as_str()).collect();
            macros.sort_unstable();
            macros.dedup();
            names.extend(macros.into_iter().map(Value::from));
        }
        Enumerator::Values(names)
    }
}

/// Vars as an error shows them: in the order of their names, with secrets hidden.
fn shown_vars(mut vars: Map<String, serde_json::Value>) -> String {
    vars.sort_keys();
    let secrets = vars.iter_mut().filter(|(name, _)| name.starts_with(SECRET_PREFIX));
    secrets.for_each(|(_, value)| *value = "*****".into());
    let mut text = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, layout);
    // Writing JSON to memory does not fail.
    serde::Serialize::serialize(&vars, &mut serializer)
        .map(|()| String::from_utf8_lossy(&text).into_owned())
        .unwrap_or_default()
}
