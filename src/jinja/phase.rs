//! The names that a node gives its templates: one table for its two phases.
//!
//! While a node is parsed, its calls are noted; while it is compiled and run, they are
//! answered. Names, arguments and their checks are the same, so they are here; what a call
//! does is the phase's own ([`Phase`]).
//! Source: docs.getdbt.com/reference/dbt-jinja-functions.

use std::sync::Arc;

use minijinja::value::Object;
use minijinja::{Error, State, Value};

use super::context::{Function, fault};
use super::{Arguments, values};
use crate::manifest::{RefCall, SourceCall, Version};

/// What the functions of the context do in one phase.
pub trait Phase: Send + Sync + Sized + 'static {
    /// The name that a call of `function` was given.
    fn name(value: &Value, function: &str) -> Result<String, Error> {
        name_of(value, function)
    }

    fn call_ref(&self, state: &State<'_, '_>, call: RefCall) -> Result<Value, Error>;
    fn call_source(&self, state: &State<'_, '_>, call: SourceCall) -> Result<Value, Error>;
    /// `names`: the metric's, or the package's and the metric's.
    fn call_metric(&self, names: Vec<String>) -> Result<Value, Error>;
    /// `names` as of [`Phase::call_metric`].
    fn call_function(&self, names: Vec<String>) -> Result<Value, Error>;
    fn load_result(&self, arguments: Arguments) -> Result<Value, Error>;
    fn store_result(&self, arguments: Arguments) -> Result<Value, Error>;
    fn store_raw_result(&self, arguments: Arguments) -> Result<Value, Error>;
    fn write(&self, arguments: Arguments) -> Result<Value, Error>;
    fn load_agate_table(&self) -> Result<Value, Error>;
    fn submit_python_job(&self) -> Result<Value, Error>;
}

/// A function of the context, with the phase that it acts on.
pub type Body<P> = fn(&P, &mut State<'_, '_>, Arguments) -> Result<Value, Error>;

/// The names of both phases.
pub const NAMES: &[&str] = &[
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

/// What `name` means in both phases: a function that holds the phase, or `validation`.
pub fn lookup<P: Phase>(phase: &Arc<P>, name: &str) -> Option<Value> {
    let (name, body): (&'static str, Body<P>) = match name {
        "ref" => ("ref", |phase, state, arguments| phase.call_ref(state, ref_call::<P>(arguments)?)),
        "source" => ("source", |phase, state, arguments| phase.call_source(state, source_call::<P>(arguments)?)),
        "metric" => ("metric", |phase, _, arguments| phase.call_metric(package_and_name::<P>(&arguments, "metric")?)),
        "function" => {
            ("function", |phase, _, arguments| phase.call_function(package_and_name::<P>(&arguments, "function")?))
        }
        "load_result" => ("load_result", |phase, _, arguments| phase.load_result(arguments)),
        "store_result" => ("store_result", |phase, _, arguments| phase.store_result(arguments)),
        "store_raw_result" => ("store_raw_result", |phase, _, arguments| phase.store_raw_result(arguments)),
        "write" => ("write", |phase, _, arguments| phase.write(arguments)),
        "render" => ("render", |_, state, arguments| render(state, arguments)),
        "try_or_compiler_error" => {
            ("try_or_compiler_error", |_, state, arguments| try_or_compiler_error(state, arguments))
        }
        "load_agate_table" => ("load_agate_table", |phase, _, _| phase.load_agate_table()),
        "submit_python_job" => ("submit_python_job", |phase, _, _| phase.submit_python_job()),
        "validation" => return Some(Value::from_object(Validation)),
        _ => return None,
    };
    Some(bound(phase, name, body))
}

/// A function of the context that holds its phase.
pub fn bound<P: Phase>(phase: &Arc<P>, name: &'static str, body: Body<P>) -> Value {
    let phase = phase.clone();
    Function::value(name, move |state, arguments| body(&phase, state, arguments))
}

/// `ref` as written: one or two names, and perhaps `version` or `v`.
fn ref_call<P: Phase>(arguments: Arguments) -> Result<RefCall, Error> {
    let mut version = None;
    for (name, value) in &arguments.named {
        if !matches!(name.as_ref(), "version" | "v") {
            return Err(fault(format!("`ref` has no argument `{name}` (it has `package`, `name`, `version` or `v`)")));
        }
        version = serde_json::to_value(value).ok().as_ref().and_then(Version::from_json);
    }
    let names = names::<P>(&arguments, "ref")?;
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

fn source_call<P: Phase>(arguments: Arguments) -> Result<SourceCall, Error> {
    let given = arguments.positional.len() + arguments.named.len();
    let [source, table] = arguments.bind("source", ["source_name", "table_name"]).map_err(fault)?;
    let (Some(source), Some(table)) = (source, table) else {
        return Err(fault(format!("source() takes exactly two arguments ({given} given)")));
    };
    Ok(SourceCall(P::name(&source, "source")?, P::name(&table, "source")?))
}

/// The names in a call of `metric` or `function`: one, or that of the package before it.
fn package_and_name<P: Phase>(arguments: &Arguments, function: &str) -> Result<Vec<String>, Error> {
    let names = names::<P>(arguments, function)?;
    match names.len() {
        1 | 2 => Ok(names),
        given => Err(fault(format!("{function}() takes one or two arguments ({given} given)"))),
    }
}

fn names<P: Phase>(arguments: &Arguments, function: &str) -> Result<Vec<String>, Error> {
    arguments.positional.iter().map(|name| P::name(name, function)).collect()
}

/// An argument that names something.
pub fn name_of(value: &Value, function: &str) -> Result<String, Error> {
    match value.as_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(fault(format!(
            "the name given to `{function}` must be a string, not `{}`",
            values::representation(value)
        ))),
    }
}

/// `render('...')`: a string with Jinja in the context of the node.
fn render(state: &mut State<'_, '_>, arguments: Arguments) -> Result<Value, Error> {
    let [text] = arguments.bind("render", ["string"]).map_err(fault)?;
    let text = values::text(&text.unwrap_or_default());
    super::render_text(state, &text).map(Value::from)
}

/// `try_or_compiler_error(message, function, ...)`.
fn try_or_compiler_error(state: &mut State<'_, '_>, mut arguments: Arguments) -> Result<Value, Error> {
    if arguments.positional.len() < 2 {
        return Err(fault("`try_or_compiler_error` needs a message and a function"));
    }
    let message = values::text(&arguments.positional.remove(0));
    let function = arguments.positional.remove(0);
    function.call(state, &arguments.into_values()).map_err(|_| fault(message))
}

/// `validation.any[...]`: accepted, since `config.get` checks nothing by it.
#[derive(Debug)]
struct Validation;

impl Object for Validation {
    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }
}
