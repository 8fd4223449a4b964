//! Python's values on top of minijinja's [`Value`]: lists, dicts and sets that can be
//! changed, `str()` and `repr()`, types' names, equality and order.
//!
//! minijinja's own sequences and maps (what Rust code hands over) are read like their
//! Python counterparts everywhere; only those made here can be changed by a template.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use indexmap::{IndexMap, IndexSet};
use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{State, Value};
use regex::Regex;

use super::datetime;
use super::decimal::Decimal;
use super::named_tuple::NamedTuple;
use super::table;

/// What a failed operation says; the interpreter adds the place.
pub type Fault = String;

/// Keys in the order in which they were put in.
pub type Pairs = IndexMap<Value, Value>;

/// Containers nested deeper than this print as `...` (a list can hold itself).
const MAX_PRINT_DEPTH: usize = 40;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A Python list.
#[derive(Default)]
pub struct List(Mutex<Vec<Value>>);

impl List {
    pub fn lock(&self) -> MutexGuard<'_, Vec<Value>> {
        locked(&self.0)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&sequence_text(&self.lock().clone(), "[", "]", 0))
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let items = self.lock();
        let index = position(key.as_i64()?, items.len())?;
        items.get(index).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.lock().clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.lock().len())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, minijinja::Error> {
        super::methods::call_from_rust(&Value::from_dyn_object(self.clone()), method, args)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// A Python dict.
#[derive(Default)]
pub struct Dict(Mutex<Pairs>);

impl Dict {
    pub fn lock(&self) -> MutexGuard<'_, Pairs> {
        locked(&self.0)
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<(Value, Value)> = self.lock().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        formatter.write_str(&pairs_text(&pairs, 0))
    }
}

impl Object for Dict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.lock().get(key).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.lock().get(&Value::from(key)).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.lock().keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.lock().len())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, minijinja::Error> {
        super::methods::call_from_rust(&Value::from_dyn_object(self.clone()), method, args)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// A Python set; it keeps the order in which members came.
#[derive(Default)]
pub struct Set(Mutex<IndexSet<Value>>);

impl Set {
    pub fn lock(&self) -> MutexGuard<'_, IndexSet<Value>> {
        locked(&self.0)
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<Value> = self.lock().iter().cloned().collect();
        if items.is_empty() {
            return formatter.write_str("set()");
        }
        formatter.write_str(&sequence_text(&items, "{", "}", 0))
    }
}

impl Object for Set {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.lock().iter().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.lock().len())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, minijinja::Error> {
        super::methods::call_from_rust(&Value::from_dyn_object(self.clone()), method, args)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// A list that a template can change.
pub fn list(items: Vec<Value>) -> Value {
    Value::from_object(List(Mutex::new(items)))
}

/// A dict that a template can change.
pub fn dict(pairs: Pairs) -> Value {
    Value::from_object(Dict(Mutex::new(pairs)))
}

/// A dict from names and values.
pub fn dict_of<K: Into<Value>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
    dict(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A set that a template can change.
pub fn set(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from_object(Set(Mutex::new(items.into_iter().collect())))
}

pub fn tuple(items: Vec<Value>) -> Value {
    Value::from(Tuple::new(items))
}

/// Whether Python's `isinstance(value, tuple)` holds.
pub fn is_tuple(value: &Value) -> bool {
    value.is_tuple() || value.downcast_object_ref::<NamedTuple>().is_some()
}

pub fn none() -> Value {
    Value::from(())
}

/// An integer; small ones are kept small.
pub fn integer(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

/// What JSON says as Python values (`json.loads`).
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => none(),
        serde_json::Value::Bool(truth) => Value::from(*truth),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::from(integer),
            (None, Some(integer)) => Value::from(integer),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => list(items.iter().map(from_json).collect()),
        serde_json::Value::Object(pairs) => dict_of(pairs.iter().map(|(key, value)| (key.as_str(), from_json(value)))),
    }
}

/// The same value with every plain sequence and map in it made a list or dict that a
/// template can change.
pub fn mutable(value: &Value) -> Value {
    if value.is_tuple()
        || value.downcast_object_ref::<List>().is_some()
        || value.downcast_object_ref::<Dict>().is_some()
    {
        return value.clone();
    }
    match plain_container(value) {
        Some(Container::Sequence(items)) => list(items.iter().map(mutable).collect()),
        Some(Container::Map(pairs)) => dict(pairs.into_iter().map(|(key, value)| (key, mutable(&value))).collect()),
        None => value.clone(),
    }
}

enum Container {
    Sequence(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// The contents of a sequence or map of the standard library (not of an object with a
/// life of its own, such as a relation).
fn plain_container(value: &Value) -> Option<Container> {
    let object = value.as_object()?;
    let plain = value.downcast_object_ref::<Vec<Value>>().is_some()
        || value.downcast_object_ref::<Pairs>().is_some()
        || value.downcast_object_ref::<Vec<String>>().is_some()
        || value.downcast_object_ref::<std::collections::BTreeMap<String, Value>>().is_some()
        || value.downcast_object_ref::<IndexMap<String, Value>>().is_some()
        || value.downcast_object_ref::<IndexMap<Arc<str>, Value>>().is_some()
        || value.is_kwargs();
    if !plain {
        return None;
    }
    match object.repr() {
        ObjectRepr::Map => Some(Container::Map(object.try_iter_pairs()?.collect())),
        _ => Some(Container::Sequence(object.try_iter()?.collect())),
    }
}

/// An index as Python counts it (negative from the end), if it is within the length.
pub fn position(index: i64, length: usize) -> Option<usize> {
    let length_signed = i64::try_from(length).ok()?;
    let index = if index < 0 { index.checked_add(length_signed)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// The name of a value's type as Python gives it.
pub fn type_name(value: &Value) -> &'static str {
    if value.downcast_object_ref::<Set>().is_some() {
        return "set";
    }
    if value.downcast_object_ref::<Decimal>().is_some() {
        return "decimal.Decimal";
    }
    if let Some(name) = datetime::type_name(value) {
        return name;
    }
    match value.kind() {
        ValueKind::Undefined => "undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq if is_tuple(value) => "tuple",
        ValueKind::Seq => "list",
        ValueKind::Map => "dict",
        ValueKind::Iterable => "iterator",
        ValueKind::Plain if value.downcast_object_ref::<super::macros::MacroEntry>().is_some() => "macro",
        _ => "object",
    }
}

/// Appends `str(value)` as Jinja prints it: nothing for an undefined value.
pub fn write_text(value: &Value, output: &mut String) {
    if let Some(text) = value.as_str() {
        output.push_str(text);
    } else {
        match value.kind() {
            ValueKind::Undefined => {}
            ValueKind::Number if value.is_integer() => {
                let _ = write!(output, "{value}");
            }
            _ => output.push_str(&text(value)),
        }
    }
}

/// `str(value)`.
pub fn text(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::String => value.as_str().unwrap_or_default().to_owned(),
        ValueKind::Bytes => bytes_text(value.as_bytes().unwrap_or_default()),
        ValueKind::Number if !value.is_integer() => {
            f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float_text)
        }
        _ => representation_at(value, 0).unwrap_or_else(|| value.to_string()),
    }
}

/// `repr(value)`.
pub fn representation(value: &Value) -> String {
    nested_text(value, 0)
}

fn nested_text(value: &Value, depth: usize) -> String {
    match value.kind() {
        ValueKind::Undefined => "Undefined".to_owned(),
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Number | ValueKind::Bool | ValueKind::None | ValueKind::Bytes => text(value),
        _ => representation_at(value, depth)
            .or_else(|| value.downcast_object_ref::<Decimal>().map(|decimal| format!("Decimal('{decimal}')")))
            .or_else(|| datetime::representation(value))
            .unwrap_or_else(|| value.to_string()),
    }
}

/// The text of a container; `None` for everything else.
fn representation_at(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_PRINT_DEPTH {
        return Some("...".to_owned());
    }
    if let Some(items) = value.downcast_object_ref::<List>() {
        let items = items.lock().clone();
        return Some(sequence_text(&items, "[", "]", depth));
    }
    if let Some(items) = value.downcast_object_ref::<Tuple>() {
        return Some(sequence_text(items, "(", if items.len() == 1 { ",)" } else { ")" }, depth));
    }
    if let Some(pairs) = value.downcast_object_ref::<Dict>() {
        let pairs: Vec<_> = pairs.lock().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        return Some(pairs_text(&pairs, depth));
    }
    if let Some(items) = value.downcast_object_ref::<Set>() {
        let items: Vec<Value> = items.lock().iter().cloned().collect();
        return Some(if items.is_empty() { "set()".to_owned() } else { sequence_text(&items, "{", "}", depth) });
    }
    match plain_container(value)? {
        Container::Sequence(items) => Some(sequence_text(&items, "[", "]", depth)),
        Container::Map(pairs) => Some(pairs_text(&pairs, depth)),
    }
}

fn sequence_text(items: &[Value], open: &str, close: &str, depth: usize) -> String {
    let mut output = open.to_owned();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            output.push_str(", ");
        }
        output.push_str(&nested_text(item, depth + 1));
    }
    output.push_str(close);
    output
}

fn pairs_text(pairs: &[(Value, Value)], depth: usize) -> String {
    let mut output = "{".to_owned();
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            output.push_str(", ");
        }
        let _ = write!(output, "{}: {}", nested_text(key, depth + 1), nested_text(value, depth + 1));
    }
    output.push('}');
    output
}

/// A character by its number: `\x00`, `\u200b`, `\U0001f600`.
pub fn write_escape(character: char, output: &mut String) {
    let _ = match character as u32 {
        code @ ..=0xff => write!(output, "\\x{code:02x}"),
        code @ ..=0xffff => write!(output, "\\u{code:04x}"),
        code => write!(output, "\\U{code:08x}"),
    };
}

/// Whether Python prints a character as it is: no control, no separator but the space.
pub fn is_printable(character: char) -> bool {
    static OTHER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{C}\p{Z}]").ok());
    match character {
        ' '..='~' => true,
        '\0'..='\u{7f}' => false,
        _ if character.is_alphanumeric() => true,
        _ => !OTHER.as_ref().is_some_and(|other| other.is_match(character.encode_utf8(&mut [0; 4]))),
    }
}

/// Bytes as Python writes them: `b'ab\x00'`.
pub fn bytes_text(bytes: &[u8]) -> String {
    let mut text = "b'".to_owned();
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x20..=0x7e => text.push(char::from(*byte)),
            other => {
                let _ = write!(text, "\\x{other:02x}");
            }
        }
    }
    text.push('\'');
    text
}

/// `repr` of a string.
pub fn quoted(text: &str) -> String {
    let mut output = String::with_capacity(text.len() + 2);
    write_quoted(text, &mut output);
    output
}

/// The literal of a string: in single quotes, unless it holds those and no double ones.
pub fn write_quoted(text: &str, output: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    output.push(quote);
    // Most texts are written as they are.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\' && char::from(byte) != quote;
    if text.bytes().all(is_plain) {
        output.push_str(text);
        output.push(quote);
        return;
    }
    for character in text.chars() {
        match character {
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            _ if character == quote => {
                output.push('\\');
                output.push(quote);
            }
            _ if is_printable(character) => output.push(character),
            _ => write_escape(character, output),
        }
    }
    output.push(quote);
}

/// `str` of a float: the shortest digits that read back, with an exponent outside of
/// 1e-4 to 1e16.
pub fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let written = format!("{number:e}");
        let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let written = number.to_string();
    if written.contains('.') { written } else { format!("{written}.0") }
}

/// The items that a loop over the value meets.
pub fn items(value: &Value) -> Result<Vec<Value>, Fault> {
    if let Some(list) = value.downcast_object_ref::<List>() {
        return Ok(list.lock().clone());
    }
    match value.kind() {
        ValueKind::Undefined => Ok(Vec::new()),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().chars().map(Value::from).collect()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            let mut found = Vec::new();
            for item in value.try_iter().map_err(|error| error.to_string())?.checked() {
                if found.len() >= super::itertools::ENDLESS {
                    return Err("an iterator that never ends cannot be read in full".to_owned());
                }
                found.push(item.map_err(|error| error.to_string())?);
            }
            Ok(found)
        }
        _ => match value.as_object().and_then(minijinja::value::DynObject::try_iter) {
            Some(found) => Ok(found.collect()),
            None => Err(format!("a value of type `{}` cannot be looped over", type_name(value))),
        },
    }
}

/// The keys and values of a map.
pub fn pairs(value: &Value) -> Option<Vec<(Value, Value)>> {
    if let Some(pairs) = value.downcast_object_ref::<Dict>() {
        return Some(pairs.lock().iter().map(|(key, value)| (key.clone(), value.clone())).collect());
    }
    let object = value.as_object()?;
    match object.repr() {
        ObjectRepr::Map => Some(object.try_iter_pairs()?.collect()),
        _ => None,
    }
}

/// `len(value)`.
pub fn length(value: &Value) -> Result<usize, Fault> {
    match value.kind() {
        ValueKind::Undefined => Ok(0),
        ValueKind::String => Ok(value.as_str().unwrap_or_default().chars().count()),
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => match value.len() {
            Some(length) => Ok(length),
            None => items(value).map(|items| items.len()),
        },
        _ => value
            .as_object()
            .and_then(minijinja::value::DynObject::enumerator_len)
            .ok_or_else(|| format!("a value of type `{}` has no length", type_name(value))),
    }
}

/// A number as Python computes with it; `True` counts as 1.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    pub fn of(value: &Value) -> Option<Number> {
        match value.kind() {
            ValueKind::Bool => Some(Number::Integer(i128::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok().map(Number::Integer),
            ValueKind::Number => f64::try_from(value.clone()).ok().map(Number::Float),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "Python converts the same way")]
    pub fn float(self) -> f64 {
        match self {
            Number::Integer(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

/// Python's `==`.
pub fn equal(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return left == right;
    }
    let bools = left.kind() == ValueKind::Bool || right.kind() == ValueKind::Bool;
    if bools {
        return match (Number::of(left), Number::of(right)) {
            (Some(Number::Integer(left)), Some(Number::Integer(right))) => left == right,
            (Some(left), Some(right)) => left.float().total_cmp(&right.float()) == Ordering::Equal,
            _ => false,
        };
    }
    let decimals = left.downcast_object_ref::<Decimal>().is_some() || right.downcast_object_ref::<Decimal>().is_some();
    if decimals {
        return super::decimal::compare(left, right) == Some(Ordering::Equal);
    }
    if let Some(order) = datetime::compare(left, right) {
        return order == Some(Ordering::Equal);
    }
    if let (Some(left), Some(right)) = (left.downcast_object_ref::<Set>(), right.downcast_object_ref::<Set>()) {
        // One at a time: both may be the same set.
        let members = left.lock().clone();
        return members == *right.lock();
    }
    if left.kind() == ValueKind::Seq && right.kind() == ValueKind::Seq {
        let (Ok(items), Ok(others)) = (items(left), items(right)) else { return false };
        // A row or a column of a table equals any sequence with its values.
        let same_kind = is_tuple(left) == is_tuple(right) || table::is_mapped(left) || table::is_mapped(right);
        return same_kind
            && items.len() == others.len()
            && items.iter().zip(&others).all(|(item, other)| equal(item, other));
    }
    if left.is_undefined() != right.is_undefined() || left.is_none() != right.is_none() {
        return false;
    }
    left == right
}

/// Python's order for `<` and sorting; fails for values that it does not order.
pub fn compare(left: &Value, right: &Value) -> Result<Ordering, Fault> {
    let unordered = || format!("values of type `{}` and `{}` have no order", type_name(left), type_name(right));
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Ok(left.cmp(right));
    }
    match (Number::of(left), Number::of(right)) {
        (Some(Number::Integer(left)), Some(Number::Integer(right))) => return Ok(left.cmp(&right)),
        (Some(left), Some(right)) => return Ok(left.float().partial_cmp(&right.float()).unwrap_or(Ordering::Equal)),
        _ => {}
    }
    if let Some(order) = super::decimal::compare(left, right) {
        return Ok(order);
    }
    if let Some(order) = datetime::compare(left, right) {
        return order.ok_or_else(unordered);
    }
    if left.kind() == ValueKind::Seq && right.kind() == ValueKind::Seq && is_tuple(left) == is_tuple(right) {
        let (left, right) = (items(left)?, items(right)?);
        for (left, right) in left.iter().zip(&right) {
            if !equal(left, right) {
                return compare(left, right);
            }
        }
        return Ok(left.len().cmp(&right.len()));
    }
    Err(unordered())
}

/// Sorts as Python does, equal ones as they stand; fails on the first two values without an order.
pub fn sort_by_key(items: &mut [(Value, Value)], reverse: bool) -> Result<(), Fault> {
    let mut fault = None;
    if reverse {
        items.reverse();
    }
    items.sort_by(|left, right| {
        compare(&left.0, &right.0).unwrap_or_else(|message| {
            fault.get_or_insert(message);
            Ordering::Equal
        })
    });
    if reverse {
        items.reverse();
    }
    fault.map_or(Ok(()), Err)
}

/// Python's `item in container`.
pub fn contains(container: &Value, item: &Value) -> Result<bool, Fault> {
    if let Some(text) = container.as_str() {
        return match item.as_str() {
            Some(part) => Ok(text.contains(part)),
            None if item.is_undefined() => Ok(true),
            None => Err(format!("only a string can be in a string, not a value of type `{}`", type_name(item))),
        };
    }
    if let Some(pairs) = container.downcast_object_ref::<Dict>() {
        return Ok(pairs.lock().contains_key(item));
    }
    if let Some(members) = container.downcast_object_ref::<Set>() {
        return Ok(members.lock().contains(item));
    }
    if let Some(object) = container.as_object()
        && object.repr() == ObjectRepr::Map
        && let Some(value) = object.get_value(item)
    {
        return Ok(!value.is_undefined());
    }
    Ok(items(container)?.iter().any(|candidate| equal(candidate, item)))
}

/// Fails for values that Python cannot use as a key or as a member of a set.
pub fn hashable(value: &Value) -> Result<(), Fault> {
    let mutable = value.downcast_object_ref::<List>().is_some()
        || value.downcast_object_ref::<Dict>().is_some()
        || value.downcast_object_ref::<Set>().is_some();
    if mutable {
        return Err(format!("a value of type `{}` cannot be a key or a member of a set", type_name(value)));
    }
    Ok(())
}
