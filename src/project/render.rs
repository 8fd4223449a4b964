//! Jinja in configuration files: which texts are rendered, and by whom.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::yaml::{Entry, Map, Node, Value};

/// Renders one text of a YAML file. A text that is a single `{{ expression }}` keeps the
/// expression's type; anything else gives text.
pub trait StringRenderer {
    /// # Errors
    /// The template is broken, or asks for a variable that does not exist; the
    /// diagnostic points into `span`.
    fn render(&self, text: &str, span: &Span) -> Result<serde_json::Value, Diagnostic>;
}

/// Whether a text needs rendering at all.
pub fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// What is rendered, by whom, and what is left as it is.
pub struct TreeRenderer<'a> {
    pub file: &'a Arc<SourceFile>,
    pub renderer: &'a dyn StringRenderer,
    /// Told the keys from the root to a text (list places are not keys); `false` leaves
    /// the text as it was written.
    pub is_rendered: &'a dyn Fn(&[&str]) -> bool,
    /// What happens when rendering fails under these keys: `true` keeps the text instead of
    /// an error (passwords may look like Jinja).
    pub keeps_on_error: &'a dyn Fn(&[&str]) -> bool,
}

impl TreeRenderer<'_> {
    /// The tree with its texts rendered; errors are added to `problems`.
    pub fn tree(&self, node: &Node, problems: &mut Diagnostics) -> Node {
        self.node(node, &mut Vec::new(), problems)
    }

    fn node<'n>(&self, node: &'n Node, keys: &mut Vec<&'n str>, problems: &mut Diagnostics) -> Node {
        let value = match &node.value {
            Value::String(text) if has_jinja(text) && (self.is_rendered)(keys) => {
                match self.renderer.render(text, &node.span(self.file)) {
                    Ok(json) => Value::from_json(&json, node.extent),
                    Err(_) if (self.keeps_on_error)(keys) => node.value.clone(),
                    Err(problem) => {
                        problems.push(problem);
                        Value::Null
                    }
                }
            }
            // The template engine drops a line end that stands last, with Jinja or without.
            Value::String(text) if text.ends_with('\n') && (self.is_rendered)(keys) => {
                Value::String(text[..text.len() - 1].into())
            }
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item, keys, problems)).collect()),
            Value::Map(map) => {
                let mut entries = Vec::with_capacity(map.len());
                for entry in &map.entries {
                    keys.push(&entry.key.text);
                    entries.push(Entry { key: entry.key.clone(), value: self.node(&entry.value, keys, problems) });
                    keys.pop();
                }
                Value::Map(Map { entries })
            }
            value => value.clone(),
        };
        Node { value, extent: node.extent }
    }
}
