//! The methods of Python's strings, numbers, lists, dicts, sets and tuples.

use std::sync::Arc;

use indexmap::IndexSet;
use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::{Arguments, integer, required, string, truth};
use super::render::Stop;
use super::strings;
use super::values::{self, Dict, Fault, List, Set, type_name};

const LIST: [&str; 11] =
    ["append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "index", "count", "copy"];
/// `to_dict` is none of Python's: results and nodes have it in dbt, which are dictionaries here.
const DICT: [&str; 12] = [
    "get",
    "items",
    "keys",
    "values",
    "update",
    "setdefault",
    "pop",
    "popitem",
    "clear",
    "copy",
    "fromkeys",
    "to_dict",
];
const SET: [&str; 15] = [
    "add",
    "discard",
    "remove",
    "pop",
    "clear",
    "copy",
    "update",
    "union",
    "intersection",
    "difference",
    "symmetric_difference",
    "issubset",
    "issuperset",
    "isdisjoint",
    "difference_update",
];
const TUPLE: [&str; 2] = ["index", "count"];
const MAP: [&str; 5] = ["get", "items", "keys", "values", "copy"];
const SEQUENCE: [&str; 3] = ["index", "count", "copy"];
const INTEGER: [&str; 2] = ["bit_length", "is_integer"];
const FLOAT: [&str; 1] = ["is_integer"];
const BYTES: [&str; 2] = ["decode", "hex"];

/// The names of the methods that a value has.
pub fn names(value: &Value) -> &'static [&'static str] {
    match value.kind() {
        ValueKind::String => &strings::METHODS,
        ValueKind::Number if value.is_integer() => &INTEGER,
        ValueKind::Number => &FLOAT,
        ValueKind::Bytes => &BYTES,
        _ => {
            let Some(object) = value.as_object() else { return &[] };
            if object.downcast_ref::<List>().is_some() {
                &LIST
            } else if object.downcast_ref::<Dict>().is_some() {
                &DICT
            } else if object.downcast_ref::<Set>().is_some() {
                &SET
            } else if object.downcast_ref::<Tuple>().is_some() {
                &TUPLE
            } else {
                match object.repr() {
                    ObjectRepr::Map => &MAP,
                    ObjectRepr::Seq => &SEQUENCE,
                    _ => &[],
                }
            }
        }
    }
}

/// Whether the value is one of Python's containers, whose methods win over items.
pub fn is_own(value: &Value) -> bool {
    let Some(object) = value.as_object() else { return true };
    object.downcast_ref::<Dict>().is_some()
        || object.downcast_ref::<List>().is_some()
        || object.downcast_ref::<Tuple>().is_some()
        || object.downcast_ref::<Set>().is_some()
}

/// A method that was read from its value but not called yet.
pub struct BoundMethod {
    pub receiver: Value,
    pub name: Arc<str>,
}

impl std::fmt::Debug for BoundMethod {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<built-in method {} of {} object>", self.name, type_name(&self.receiver))
    }
}

impl Object for BoundMethod {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        match self.receiver.as_object() {
            Some(object) => object.call_method(state, &self.name, args),
            None => call_from_rust(&self.receiver, &self.name, args),
        }
    }
}

/// The method of that name as a value.
pub fn bound(value: &Value, name: &str) -> Option<Value> {
    names(value).contains(&name).then(|| bound_to(value.clone(), name))
}

/// A method as a value; the receiver has it.
pub fn bound_to(receiver: Value, name: &str) -> Value {
    Value::from_object(BoundMethod { receiver, name: name.into() })
}

/// Calls a method for code written in Rust.
pub fn call_from_rust(receiver: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match call(receiver, name, Arguments::from_values(args)) {
        Some(result) => result.map_err(|message| Stop::from(message).into_error()),
        None => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// Calls a method; `None` if the value has none of that name.
pub fn call(receiver: &Value, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
    if let Some(text) = receiver.as_str() {
        return strings::call(text, name, arguments);
    }
    if !names(receiver).contains(&name) {
        return None;
    }
    if let Some(list) = receiver.downcast_object_ref::<List>() {
        return Some(list_method(list, name, arguments));
    }
    if let Some(dict) = receiver.downcast_object_ref::<Dict>() {
        return Some(dict_method(dict, name, arguments));
    }
    if let Some(set) = receiver.downcast_object_ref::<Set>() {
        return Some(set_method(set, name, arguments));
    }
    Some(match name {
        "decode" => decoded(receiver.as_bytes().unwrap_or_default(), arguments),
        "hex" => {
            let digits = receiver.as_bytes().unwrap_or_default().iter().map(|byte| format!("{byte:02x}"));
            Ok(Value::from(digits.collect::<String>()))
        }
        "index" | "count" => sequence_method(receiver, name, arguments),
        "copy" => Ok(values::mutable(receiver)),
        "get" | "items" | "keys" | "values" => map_method(receiver, name, arguments),
        "is_integer" => {
            Ok(Value::from(values::Number::of(receiver).is_none_or(|number| number.float().fract() == 0.0)))
        }
        "bit_length" => {
            let magnitude = receiver.as_i64().unwrap_or(0).unsigned_abs();
            Ok(Value::from(u64::BITS - magnitude.leading_zeros()))
        }
        _ => return None,
    })
}

/// `bytes.decode`.
fn decoded(bytes: &[u8], arguments: Arguments) -> Result<Value, Fault> {
    let [encoding, _errors] = arguments.bind("decode", ["encoding", "errors"])?;
    let encoding = string(encoding.as_ref(), "decode", "encoding")?;
    let text = match strings::encoding(encoding.as_deref())? {
        strings::Encoding::Latin1 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        strings::Encoding::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
        strings::Encoding::Ascii => String::from_utf8(bytes.to_vec()).ok().filter(|text| text.is_ascii()),
    };
    text.map(Value::from).ok_or_else(|| "the bytes are not text in that encoding".to_owned())
}

fn sequence_method(receiver: &Value, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [value] = arguments.bind(name, ["value"])?;
    find(&values::items(receiver)?, name, &required(value, name, "value")?)
}

fn find(items: &[Value], name: &str, value: &Value) -> Result<Value, Fault> {
    if name == "count" {
        return Ok(Value::from(items.iter().filter(|item| values::equal(item, value)).count()));
    }
    let index = items.iter().position(|item| values::equal(item, value));
    index.map(Value::from).ok_or_else(|| format!("{} is not in the list", values::representation(value)))
}

fn map_method(receiver: &Value, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    if name == "get" {
        let [key, default] = arguments.bind(name, ["key", "default"])?;
        let key = required(key, name, "key")?;
        let object = receiver.as_object();
        let found = object.and_then(|object| object.get_value(&key)).filter(|value| !value.is_undefined());
        return Ok(found.or(default).unwrap_or_else(values::none));
    }
    arguments.none(name)?;
    let pairs = values::pairs(receiver).unwrap_or_default();
    Ok(view(name, pairs))
}

/// What `keys`, `values` and `items` of a dict give.
struct View {
    name: &'static str,
    items: Vec<Value>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}({})", self.name, values::representation(&values::list(self.items.clone())))
    }
}

impl Object for View {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items.clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items.len())
    }

    fn render(self: &Arc<Self>, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, formatter)
    }
}

fn view(name: &str, pairs: Vec<(Value, Value)>) -> Value {
    let (name, items) = match name {
        "keys" => ("dict_keys", pairs.into_iter().map(|(key, _)| key).collect()),
        "values" => ("dict_values", pairs.into_iter().map(|(_, value)| value).collect()),
        _ => ("dict_items", pairs.into_iter().map(|(key, value)| values::tuple(vec![key, value])).collect()),
    };
    Value::from_object(View { name, items })
}

fn list_method(list: &List, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    match name {
        "append" => {
            let [item] = arguments.bind(name, ["object"])?;
            let item = required(item, name, "object")?;
            list.lock().push(item);
        }
        "extend" => {
            let [more] = arguments.bind(name, ["iterable"])?;
            let more = values::items(&required(more, name, "iterable")?)?;
            list.lock().extend(more);
        }
        "insert" => {
            let [index, item] = arguments.bind(name, ["index", "object"])?;
            let index = integer(index.as_ref(), name, "index")?.unwrap_or(0);
            let item = required(item, name, "object")?;
            let mut items = list.lock();
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if index < 0 { index.saturating_add(length).max(0) } else { index.min(length) };
            items.insert(usize::try_from(at).unwrap_or(0), item);
        }
        "pop" => {
            let [index] = arguments.bind(name, ["index"])?;
            let index = integer(index.as_ref(), name, "index")?.unwrap_or(-1);
            let mut items = list.lock();
            if items.is_empty() {
                return Err("cannot pop from an empty list".to_owned());
            }
            let at = values::position(index, items.len()).ok_or("the index for `pop` is out of range")?;
            return Ok(items.remove(at));
        }
        "remove" => {
            let [item] = arguments.bind(name, ["value"])?;
            let item = required(item, name, "value")?;
            let items = list.lock().clone();
            let at = items.iter().position(|known| values::equal(known, &item));
            let at = at.ok_or_else(|| format!("{} is not in the list", values::representation(&item)))?;
            list.lock().remove(at);
        }
        "clear" => list.lock().clear(),
        "sort" => {
            let [reverse] = arguments.bind(name, ["reverse"])?;
            let mut keyed: Vec<(Value, Value)> = list.lock().iter().map(|item| (item.clone(), item.clone())).collect();
            values::sort_by_key(&mut keyed, truth(reverse.as_ref(), false))?;
            *list.lock() = keyed.into_iter().map(|(_, item)| item).collect();
        }
        "reverse" => list.lock().reverse(),
        "copy" => return Ok(values::list(list.lock().clone())),
        _ => {
            let [value] = arguments.bind(name, ["value"])?;
            let items = list.lock().clone();
            return find(&items, name, &required(value, name, "value")?);
        }
    }
    Ok(values::none())
}

fn dict_method(dict: &Dict, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    match name {
        "get" => {
            let [key, default] = arguments.bind(name, ["key", "default"])?;
            let found = dict.lock().get(&required(key, name, "key")?).cloned();
            return Ok(found.or(default).unwrap_or_else(values::none));
        }
        "items" | "keys" | "values" => {
            arguments.none(name)?;
            let pairs = dict.lock().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            return Ok(view(name, pairs));
        }
        "update" => {
            let named = arguments.named;
            if let Some(other) = arguments.positional.first() {
                let pairs = entries(other)?;
                dict.lock().extend(pairs);
            }
            dict.lock().extend(named.iter().map(|(key, value)| (Value::from(key.as_ref()), value.clone())));
        }
        "setdefault" => {
            let [key, default] = arguments.bind(name, ["key", "default"])?;
            let key = required(key, name, "key")?;
            values::hashable(&key)?;
            return Ok(dict.lock().entry(key).or_insert_with(|| default.unwrap_or_else(values::none)).clone());
        }
        "pop" => {
            let [key, default] = arguments.bind(name, ["key", "default"])?;
            let key = required(key, name, "key")?;
            let removed = dict.lock().shift_remove(&key);
            return removed.or(default).ok_or_else(|| format!("the dict has no key {}", values::representation(&key)));
        }
        "popitem" => {
            let (key, value) = dict.lock().pop().ok_or("cannot pop from an empty dict")?;
            return Ok(values::tuple(vec![key, value]));
        }
        "clear" => dict.lock().clear(),
        "fromkeys" => {
            let [keys, value] = arguments.bind(name, ["iterable", "value"])?;
            let value = value.unwrap_or_else(values::none);
            let keys = values::items(&required(keys, name, "iterable")?)?;
            return Ok(values::dict(keys.into_iter().map(|key| (key, value.clone())).collect()));
        }
        _ => return Ok(values::dict(dict.lock().clone())),
    }
    Ok(values::none())
}

/// What `dict(value)` takes: a map, or pairs.
pub fn entries(value: &Value) -> Result<Vec<(Value, Value)>, Fault> {
    if let Some(pairs) = values::pairs(value) {
        return Ok(pairs);
    }
    let mut pairs = Vec::new();
    for item in values::items(value)? {
        let pair = values::items(&item)?;
        let [key, value] = pair.as_slice() else {
            return Err(format!("a dict is made of pairs, not of {}", values::representation(&item)));
        };
        values::hashable(key)?;
        pairs.push((key.clone(), value.clone()));
    }
    Ok(pairs)
}

fn set_method(set: &Set, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let own = set.lock().clone();
    let mut others: Vec<IndexSet<Value>> = Vec::new();
    let combines = !matches!(name, "add" | "discard" | "remove" | "pop" | "clear" | "copy");
    if combines {
        for other in &arguments.positional {
            others.push(values::items(other)?.into_iter().collect());
        }
    }
    let in_all = |item: &&Value| others.iter().all(|other| other.contains(*item));
    let in_any = |item: &&Value| others.iter().any(|other| other.contains(*item));
    match name {
        "add" | "discard" | "remove" => {
            let [item] = arguments.bind(name, ["element"])?;
            let item = required(item, name, "element")?;
            values::hashable(&item)?;
            if name == "add" {
                set.lock().insert(item);
            } else if !set.lock().shift_remove(&item) && name == "remove" {
                return Err(format!("{} is not in the set", values::representation(&item)));
            }
        }
        "pop" => {
            let first = set.lock().shift_remove_index(0);
            return first.ok_or_else(|| "cannot pop from an empty set".to_owned());
        }
        "clear" => set.lock().clear(),
        "copy" => return Ok(values::set(own)),
        "update" => set.lock().extend(others.into_iter().flatten()),
        "difference_update" => set.lock().retain(|item| !in_any(&item)),
        "union" => return Ok(values::set(own.into_iter().chain(others.into_iter().flatten()))),
        "intersection" => return Ok(values::set(own.iter().filter(in_all).cloned())),
        "difference" => return Ok(values::set(own.iter().filter(|item| !in_any(item)).cloned())),
        "issubset" => return Ok(Value::from(own.iter().all(|item| in_all(&item)))),
        "issuperset" => return Ok(Value::from(others.iter().flatten().all(|item| own.contains(item)))),
        "isdisjoint" => return Ok(Value::from(!own.iter().any(|item| in_any(&item)))),
        _ => {
            let left: Vec<Value> = own.iter().filter(|item| !in_any(item)).cloned().collect();
            let right: Vec<Value> = others.into_iter().flatten().filter(|item| !own.contains(item)).collect();
            return Ok(values::set(left.into_iter().chain(right)));
        }
    }
    Ok(values::none())
}
