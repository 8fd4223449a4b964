//! What templates know without any node: dbt's functions, Jinja's globals, `modules`
//! (docs.getdbt.com/reference/dbt-jinja-functions).

use std::fmt;
use std::sync::Arc;

use md5::{Digest, Md5};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::arguments::{Arguments, integer, required, truth};
use super::interpreter::Namespace;
use super::render::{Render, Stop, current};
use super::values::{self, Fault, Pairs};
use super::{datetime, exceptions, itertools, json, methods, regex, timezone, yaml};
use crate::diagnostic::Diagnostic;
use crate::resource::FastMap;

/// How many numbers `range` gives at most, as Jinja's sandbox has it.
const MAX_RANGE: i128 = 100_000;

pub type Function = fn(&Arc<Render>, Arguments) -> Result<Value, Stop>;

/// A function written in Rust.
pub struct Builtin {
    pub name: &'static str,
    function: Function,
    /// The event and the text that a call gives, for a function that is to go.
    deprecated: Option<(&'static str, &'static str)>,
}

impl Builtin {
    pub fn invoke(&self, render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
        if let Some((event, text)) = self.deprecated {
            render.engine.say(super::MessageKind::Deprecation(event), text.to_owned(), render.position());
        }
        (self.function)(render, arguments)
    }
}

impl fmt::Debug for Builtin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<function {}>", self.name)
    }
}

impl Object for Builtin {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let Some(render) = current(state) else {
            let message = format!("`{}` can only be called while a template is rendered", self.name);
            return Err(Stop::from(message).into_error());
        };
        self.invoke(&render, Arguments::from_values(args)).map_err(Stop::into_error)
    }
}

/// A value for a function written in Rust.
pub fn builtin(name: &'static str, function: Function) -> Value {
    Value::from_object(Builtin { name, function, deprecated: None })
}

/// A value for a function that needs nothing of the template that calls it; configuration files may call it too.
pub fn pure(name: &'static str, function: fn(Arguments) -> Result<Value, Stop>) -> Value {
    super::context::Function::value(name, move |_, arguments| function(arguments).map_err(Stop::into_error))
}

/// A value for a function that is to go: a call gives the deprecation `event` with `text`.
pub fn deprecated(name: &'static str, function: Function, event: &'static str, text: &'static str) -> Value {
    Value::from_object(Builtin { name, function, deprecated: Some((event, text)) })
}

/// Names and values that do not change, such as a module of Python.
#[derive(Debug)]
pub struct Module {
    pub name: &'static str,
    members: FastMap<&'static str, Value>,
}

impl Module {
    pub fn value(name: &'static str, members: Vec<(&'static str, Value)>) -> Value {
        Value::from_object(Module { name, members: members.into_iter().collect() })
    }
}

impl Object for Module {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.members.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let mut names: Vec<&str> = self.members.keys().copied().collect();
        names.sort_unstable();
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<module '{}'>", self.name)
    }
}

/// Every global name of the engine.
pub fn globals() -> FastMap<&'static str, Value> {
    let functions: [(&'static str, Function); 21] = [
        ("return", return_value),
        ("fromjson", from_json),
        ("tojson", to_json),
        ("fromyaml", from_yaml),
        ("toyaml", to_yaml),
        ("set", set),
        ("set_strict", set_strict),
        ("zip", zip),
        ("zip_strict", zip_strict),
        ("local_md5", local_md5),
        ("log", log),
        ("print", print),
        ("debug", debug),
        ("range", range),
        ("dict", dict),
        ("namespace", namespace),
        ("joiner", joiner),
        ("cycler", cycler),
        ("lipsum", lipsum),
        ("diff_of_two_dicts", diff_of_two_dicts),
        ("adapter_macro", adapter_macro),
    ];
    let mut globals: FastMap<&'static str, Value> =
        functions.into_iter().map(|(name, function)| (name, builtin(name, function))).collect();
    globals.insert("exceptions", exceptions::module());
    globals.insert("modules", modules());
    globals
}

/// dbt's `modules`.
/// Python's modules that templates may use (docs.getdbt.com/reference/dbt-jinja-functions/modules).
pub fn modules() -> Value {
    Module::value(
        "modules",
        vec![
            ("datetime", datetime::module()),
            ("pytz", timezone::module()),
            ("re", regex::module()),
            ("itertools", itertools::module()),
        ],
    )
}

fn return_value(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [data] = arguments.bind("return", ["data"])?;
    Err(Stop::Return(required(data, "return", "data")?))
}

fn from_json(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [text, default] = arguments.bind("fromjson", ["string", "default"])?;
    let text = required(text, "fromjson", "string")?;
    let Some(text) = text.as_str() else {
        return Err(format!("`fromjson` needs a string, not a value of type `{}`", values::type_name(&text)).into());
    };
    Ok(json::from_json(text).or(default).unwrap_or_else(values::none))
}

fn to_json(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [value, default, sort_keys] = arguments.bind("tojson", ["value", "default", "sort_keys"])?;
    let value = required(value, "tojson", "value")?;
    match (json::to_json(&value, truth(sort_keys.as_ref(), false)), default) {
        (Ok(text), _) => Ok(Value::from(text)),
        (Err(_), Some(default)) if !default.is_none() => Ok(default),
        (Err(message), _) => Err(message.into()),
    }
}

fn from_yaml(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [text, default] = arguments.bind("fromyaml", ["value", "default"])?;
    let text = values::text(&required(text, "fromyaml", "value")?);
    Ok(yaml::from_yaml(&text).or(default).unwrap_or_else(values::none))
}

fn to_yaml(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [value, default, sort_keys] = arguments.bind("toyaml", ["value", "default", "sort_keys"])?;
    let value = required(value, "toyaml", "value")?;
    let text = yaml::to_yaml(&value, truth(sort_keys.as_ref(), false)).map(Value::from);
    Ok(text.ok().or(default).unwrap_or_else(values::none))
}

fn members(value: &Value) -> Result<Value, Fault> {
    let items = values::items(value)?;
    items.iter().try_for_each(values::hashable)?;
    Ok(values::set(items))
}

fn set(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [value, default] = arguments.bind("set", ["value", "default"])?;
    let value = value.unwrap_or_else(|| values::list(Vec::new()));
    Ok(members(&value).ok().or(default).unwrap_or_else(values::none))
}

fn set_strict(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [value] = arguments.bind("set_strict", ["value"])?;
    Ok(members(&required(value, "set_strict", "value")?)?)
}

fn zipped(iterables: &[Value]) -> Result<Value, Fault> {
    let columns: Vec<Vec<Value>> = iterables.iter().map(values::items).collect::<Result<_, _>>()?;
    let length = columns.iter().map(Vec::len).min().unwrap_or(0);
    let row = |at: usize| values::tuple(columns.iter().filter_map(|column| column.get(at).cloned()).collect());
    Ok(values::list((0..length).map(row).collect()))
}

fn zip(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let default = arguments.named.iter().find(|(name, _)| name.as_ref() == "default").map(|(_, value)| value.clone());
    Ok(zipped(&arguments.positional).ok().or(default).unwrap_or_else(values::none))
}

fn zip_strict(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    Ok(zipped(&arguments.positional)?)
}

fn local_md5(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [value] = arguments.bind("local_md5", ["value"])?;
    let value = required(value, "local_md5", "value")?;
    let Some(text) = value.as_str() else {
        return Err(format!("`local_md5` needs a string, not a value of type `{}`", values::type_name(&value)).into());
    };
    let digest = Md5::digest(text.as_bytes());
    Ok(Value::from(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

fn log(render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [message, info] = arguments.bind("log", ["msg", "info"])?;
    let message = values::text(&required(message, "log", "msg")?);
    let kind = if truth(info.as_ref(), false) { super::MessageKind::Info } else { super::MessageKind::Debug };
    render.engine.say(kind, message, render.position());
    Ok(Value::from(""))
}

fn print(render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [message] = arguments.bind("print", ["msg"])?;
    let message = values::text(&required(message, "print", "msg")?);
    render.engine.say(super::MessageKind::Print, message, render.position());
    Ok(Value::from(""))
}

fn debug(_render: &Arc<Render>, _arguments: Arguments) -> Result<Value, Stop> {
    Err(Diagnostic::error("`debug()` opens Python's debugger, which tform does not have")
        .hint("print values with `{{ log(value, info=true) }}`")
        .into())
}

fn range(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let mut numbers = Vec::new();
    for value in &arguments.positional {
        let number = integer(Some(value), "range", "stop")?.ok_or("`range` needs integers".to_owned())?;
        numbers.push(i128::from(number));
    }
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] if *step != 0 => (*start, *stop, *step),
        [_, _, _] => return Err("the step of `range` cannot be zero".to_owned().into()),
        _ => return Err("`range` takes one to three integers".to_owned().into()),
    };
    let length = if step > 0 { (stop - start + step - 1) / step } else { (start - stop - step - 1) / -step };
    if length > MAX_RANGE {
        let problem = Diagnostic::error(format!("`range` gives at most {MAX_RANGE} numbers"));
        return Err(problem.hint("so many rows are for SQL to make: a seed, `generate_series`, a date spine").into());
    }
    let length = usize::try_from(length.max(0)).unwrap_or(0);
    Ok(Value::from_object(Range { start, stop, step, length }))
}

/// What `range` gives.
struct Range {
    start: i128,
    stop: i128,
    step: i128,
    length: usize,
}

impl fmt::Debug for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            1 => write!(formatter, "range({}, {})", self.start, self.stop),
            step => write!(formatter, "range({}, {}, {step})", self.start, self.stop),
        }
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = values::position(key.as_i64()?, self.length)?;
        Some(values::integer(self.start + i128::try_from(index).ok()? * self.step))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.length)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

fn dict(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let mut pairs = Pairs::new();
    if let Some(value) = arguments.positional.first() {
        pairs.extend(methods::entries(value)?);
    }
    pairs.extend(arguments.named.into_iter().map(|(name, value)| (Value::from(name.as_ref()), value)));
    Ok(values::dict(pairs))
}

fn namespace(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let mut pairs = Pairs::new();
    if let Some(value) = arguments.positional.first() {
        pairs.extend(methods::entries(value)?);
    }
    pairs.extend(arguments.named.into_iter().map(|(name, value)| (Value::from(name.as_ref()), value)));
    Ok(Value::from_object(Namespace::new(pairs)))
}

/// Jinja's `joiner`: nothing the first time, then the separator.
#[derive(Debug)]
struct Joiner {
    separator: Value,
    used: std::sync::atomic::AtomicBool,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, _args: &[Value]) -> Result<Value, Error> {
        let used = self.used.swap(true, std::sync::atomic::Ordering::Relaxed);
        Ok(if used { self.separator.clone() } else { Value::from("") })
    }
}

fn joiner(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [separator] = arguments.bind("joiner", ["sep"])?;
    let separator = separator.unwrap_or_else(|| Value::from(", "));
    Ok(Value::from_object(Joiner { separator, used: false.into() }))
}

/// Jinja's `cycler`: its values in turn.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: std::sync::atomic::AtomicUsize,
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = self.at.load(std::sync::atomic::Ordering::Relaxed);
        (key.as_str() == Some("current")).then(|| self.items[at % self.items.len()].clone())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        _args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "next" => {
                let at = self.at.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok(self.items[at % self.items.len()].clone())
            }
            "reset" => {
                self.at.store(0, std::sync::atomic::Ordering::Relaxed);
                Ok(values::none())
            }
            _ => Err(Error::from(minijinja::ErrorKind::UnknownMethod)),
        }
    }
}

fn cycler(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    if arguments.positional.is_empty() {
        return Err("`cycler` needs at least one value".to_owned().into());
    }
    Ok(Value::from_object(Cycler { items: arguments.positional, at: 0.into() }))
}

fn lipsum(_render: &Arc<Render>, _arguments: Arguments) -> Result<Value, Stop> {
    Ok(Value::from("Lorem ipsum dolor sit amet, consectetur adipiscing elit."))
}

/// What the first dict of lists has beyond the second, without regard to case.
fn diff_of_two_dicts(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [left, right] = arguments.bind("diff_of_two_dicts", ["dict_a", "dict_b"])?;
    let left = required(left, "diff_of_two_dicts", "dict_a")?;
    let right = required(right, "diff_of_two_dicts", "dict_b")?;
    let lower = |value: &Value| values::text(value).to_lowercase();
    let mut known: FastMap<String, Vec<String>> = FastMap::default();
    for (key, value) in values::pairs(&right).unwrap_or_default() {
        known.insert(lower(&key), values::items(&value)?.iter().map(lower).collect());
    }
    let mut result = Pairs::new();
    for (key, value) in values::pairs(&left).unwrap_or_default() {
        let known = known.get(&lower(&key));
        let missing: Vec<Value> = values::items(&value)?
            .into_iter()
            .filter(|item| known.is_none_or(|known| !known.contains(&lower(item))))
            .collect();
        if !missing.is_empty() {
            result.insert(key, values::list(missing));
        }
    }
    Ok(values::dict(result))
}

fn adapter_macro(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let name = arguments.positional.first().map(values::text).unwrap_or_default();
    Err(Diagnostic::error("The \"adapter_macro\" macro has been deprecated")
        .hint(format!("write `adapter.dispatch('{name}')(...)`"))
        .into())
}
