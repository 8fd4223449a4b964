//! YAML as dbt reads it, with the place of every value.
//!
//! The syntax is YAML 1.1 as libyaml reads it, and which plain scalars are booleans,
//! numbers or dates is as PyYAML has it (`yes`, `0777`, `1_000`, `1:30`), because that is
//! what dbt projects are written for: parsers of YAML 1.2 refuse files that dbt accepts.
//! Nothing here knows any key of dbt, and nothing here touches the disk.

mod build;
mod fields;
mod scalar;
mod scan;

pub use fields::Fields;

use std::borrow::Cow;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile, Span, Warned};

/// Where a node lies in its file: bytes from `start` up to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    pub start: u32,
    pub end: u32,
}

impl Extent {
    pub fn span(self, file: &Arc<SourceFile>) -> Span {
        Span::new(file, self.start as usize, self.end as usize)
    }
}

/// A value together with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Value,
    pub extent: Extent,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text; dates and times are text in ISO 8601 form.
    String(Box<str>),
    List(Vec<Node>),
    Map(Map),
}

/// A mapping, in the order in which it was written. A key occurs once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Key,
    pub value: Node,
}

/// A key as text: `1` and `true` are the texts that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub text: Box<str>,
    pub extent: Extent,
}

impl Key {
    pub fn span(&self, file: &Arc<SourceFile>) -> Span {
        self.extent.span(file)
    }
}

impl Map {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key.text == key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.entries.iter().map(|entry| (&entry.key, &entry.value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.key.text)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// What a scalar without quotes means.
pub fn plain(text: &str) -> Value {
    scalar::resolve(Cow::Borrowed(text))
}

/// Whether a text is what a date or a time becomes.
pub fn is_timestamp(text: &str) -> bool {
    scalar::timestamp(text).is_some_and(|value| matches!(value, Value::String(iso) if *iso == *text))
}

impl Value {
    /// The kind of value in words, for messages: `a list`, `text`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::String(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::String(text) => serde_json::Value::String(text.to_string()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(map) => serde_json::Value::Object(
                map.entries.iter().map(|entry| (entry.key.text.to_string(), entry.value.to_json())).collect(),
            ),
        }
    }

    /// The value of a JSON document; everything in it lies at `extent`.
    pub fn from_json(json: &serde_json::Value, extent: Extent) -> Value {
        let node = |json| Node { value: Value::from_json(json, extent), extent };
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => Value::Int(value),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::String(text.as_str().into()),
            serde_json::Value::Array(items) => Value::List(items.iter().map(node).collect()),
            serde_json::Value::Object(entries) => Value::Map(Map {
                entries: entries
                    .iter()
                    .map(|(key, value)| Entry { key: Key { text: key.as_str().into(), extent }, value: node(value) })
                    .collect(),
            }),
        }
    }
}

impl Node {
    pub fn span(&self, file: &Arc<SourceFile>) -> Span {
        self.extent.span(file)
    }

    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match self.value {
            Value::Int(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        self.as_map().map_or(&[], |map| &map.entries)
    }

    /// A scalar as Python's `str()` shows it (`True`, `None`, `1.0`); nothing for lists and mappings.
    pub fn scalar_text(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::Null => Some(Cow::Borrowed("None")),
            Value::Bool(true) => Some(Cow::Borrowed("True")),
            Value::Bool(false) => Some(Cow::Borrowed("False")),
            Value::Int(value) => Some(Cow::Owned(value.to_string())),
            Value::Float(value) => Some(Cow::Owned(format!("{value:?}"))),
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        self.value.to_json()
    }
}

/// Reads the one document of a YAML file; an empty file has no root. White space at the end of the
/// file is no part of it, as with dbt: a block of text there has no line break at its end.
///
/// A key written twice in a mapping keeps its last value and gives a warning with both
/// places, as dbt 1.10 does.
///
/// # Errors
/// The text is not YAML, holds more than one document, nests deeper than 200 levels, or
/// expands its aliases to a size that only an attack has.
pub fn parse(file: &Arc<SourceFile>) -> Result<Warned<Option<Node>>, Diagnostic> {
    build::document(file, file.text.trim_end())
}

/// As [`parse`], for a text that is no file: all of it counts.
///
/// # Errors
/// As [`parse`].
pub fn parse_text(file: &Arc<SourceFile>) -> Result<Warned<Option<Node>>, Diagnostic> {
    build::document(file, &file.text)
}

#[cfg(test)]
mod tests;
