//! Reading the fields of a mapping into typed values, with a diagnostic for each that is wrong.

use std::sync::Arc;

use super::{Node, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};

/// A mapping that is being read field by field. What is wrong is collected, reading goes on.
pub struct Fields<'a> {
    pub file: &'a Arc<SourceFile>,
    pub node: &'a Node,
    pub problems: Diagnostics,
}

impl<'a> Fields<'a> {
    pub fn new(file: &'a Arc<SourceFile>, node: &'a Node) -> Self {
        Fields { file, node, problems: Diagnostics::new() }
    }

    /// The value under `key`; an empty value counts as absent.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// Text; a number or boolean is taken as the text that Python makes of it.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        let text = node.scalar_text().map(|text| text.into_owned());
        if text.is_none() {
            self.wrong(key, node, "text");
        }
        text
    }

    /// `true` or `false`, or a text that says so.
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        let flag = match &node.value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        if flag.is_none() {
            self.wrong(key, node, "`true` or `false`");
        }
        flag
    }

    /// A whole number, or a text that is one (as `env_var` gives it).
    pub fn integer(&mut self, key: &str) -> Option<i64> {
        let node = self.get(key)?;
        let number = match &node.value {
            Value::Int(number) => Some(*number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(key, node, "a whole number");
        }
        number
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        Some(self.located_texts(key)?.into_iter().map(|(text, _)| text).collect())
    }

    /// As [`Fields::texts`], each with the node that it was read from.
    pub fn located_texts(&mut self, key: &str) -> Option<Vec<(String, &'a Node)>> {
        let node = self.get(key)?;
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Map(_) => {
                self.wrong(key, node, "a list of texts");
                return None;
            }
            _ => std::slice::from_ref(node),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.scalar_text() {
                Some(text) if !item.is_null() => texts.push((text.into_owned(), item)),
                _ => self.wrong(key, item, "text in this list"),
            }
        }
        Some(texts)
    }

    /// A mapping.
    pub fn mapping(&mut self, key: &str) -> Option<&'a Node> {
        let node = self.get(key)?;
        if node.as_map().is_none() {
            self.wrong(key, node, "a mapping");
            return None;
        }
        Some(node)
    }

    /// A list; anything else is a problem.
    pub fn list(&mut self, key: &str) -> Option<&'a [Node]> {
        let node = self.get(key)?;
        let items = node.as_list();
        if items.is_none() {
            self.wrong(key, node, "a list");
        }
        items
    }

    /// Records that the value of `key` is not what it should be.
    pub fn wrong(&mut self, key: &str, node: &Node, expected: &str) {
        self.problems.push(
            Diagnostic::error(format!("`{key}` must be {expected}, this is {}", node.value.kind()))
                .at(node.span(self.file)),
        );
    }

    /// Records an error at the value of `key`, or at the mapping if it is absent.
    pub fn error(&mut self, key: &str, message: impl Into<String>) {
        let node = self.node.get(key).unwrap_or(self.node);
        self.problems.push(Diagnostic::error(message).at(node.span(self.file)));
    }

    /// Records an error for each key that is not in `known`, with the near one; `place` is
    /// where people look for it (`in a layer`).
    pub fn refuse_unknown(&mut self, known: &[&str], place: &str) {
        for entry in self.node.entries() {
            let key = &*entry.key.text;
            if !known.contains(&key) {
                let unknown = Diagnostic::error(format!("unknown key `{key}` {place}"));
                self.problems.push(unknown.at(entry.key.span(self.file)).suggest(key, known.iter().copied()));
            }
        }
    }

    /// Warns of each key that is not in `known`, with the near one. Keys for which
    /// `allowed` holds are left alone.
    pub fn warn_unknown(&mut self, known: &[&str], allowed: impl Fn(&str) -> bool) {
        for entry in self.node.entries() {
            let key = &*entry.key.text;
            if !known.contains(&key) && !allowed(key) {
                self.problems.push(
                    Diagnostic::warning(format!("unknown key `{key}`"))
                        .at(entry.key.span(self.file))
                        .suggest(key, known.iter().copied()),
                );
            }
        }
    }
}
