//! Properties files (`*.yml` beside the models) as typed values.
//!
//! One entry of a list such as `models:` becomes one struct. What dbt accepts is
//! accepted; what it would silently drop gives a warning with the near key.
//! Source: docs.getdbt.com/reference/model-properties and its neighbours.

mod node;
mod source;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::node::{ColumnProperties, NodeProperties, TestProperties, VersionProperties};
pub use self::node::{columns as columns_of, tests as tests_of};
pub use self::source::{FreshnessSetting, Settings, SourceProperties, TableProperties};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::yaml::{self, Map as YamlMap, Node};

/// A list at the top of a properties file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    Models,
    Seeds,
    Snapshots,
    Sources,
    Macros,
    SingularTests,
    Analyses,
    Exposures,
    Functions,
    Metrics,
    Groups,
    SemanticModels,
    UnitTests,
    SavedQueries,
}

impl Section {
    /// In the order in which dbt reads them.
    pub const ALL: [Section; 14] = [
        Section::Models,
        Section::Seeds,
        Section::Snapshots,
        Section::Sources,
        Section::Macros,
        Section::SingularTests,
        Section::Analyses,
        Section::Exposures,
        Section::Functions,
        Section::Metrics,
        Section::Groups,
        Section::SemanticModels,
        Section::UnitTests,
        Section::SavedQueries,
    ];

    /// The key in the file.
    pub fn key(self) -> &'static str {
        match self {
            Section::Models => "models",
            Section::Seeds => "seeds",
            Section::Snapshots => "snapshots",
            Section::Sources => "sources",
            Section::Macros => "macros",
            Section::SingularTests => "data_tests",
            Section::Analyses => "analyses",
            Section::Exposures => "exposures",
            Section::Functions => "functions",
            Section::Metrics => "metrics",
            Section::Groups => "groups",
            Section::SemanticModels => "semantic_models",
            Section::UnitTests => "unit_tests",
            Section::SavedQueries => "saved_queries",
        }
    }
}

/// An entry that has no struct of its own here: its values, rendered, and its place.
#[derive(Debug, Clone)]
pub struct Entry {
    pub section: Section,
    pub name: String,
    pub span: Span,
    pub values: Map<String, Value>,
}

/// What one properties file says.
#[derive(Debug, Default)]
pub struct Properties {
    pub nodes: Vec<NodeProperties>,
    pub sources: Vec<SourceProperties>,
    pub entries: Vec<Entry>,
}

/// Renders the text of a YAML value that holds Jinja.
pub type Renderer<'a> = dyn Fn(&str, Span) -> Result<Value, Diagnostic> + Sync + 'a;

/// The reading of one file: where it is, how its Jinja is rendered, what was wrong.
pub struct Reading<'a> {
    pub file: &'a Arc<SourceFile>,
    pub render: &'a Renderer<'a>,
    /// Whether unknown keys are worth a warning: those of packages are their authors' affair.
    pub warns: bool,
    pub problems: Diagnostics,
}

/// Reads every list of a properties file.
pub fn read(reading: &mut Reading<'_>, root: &Node) -> Properties {
    let mut properties = Properties::default();
    let Some(map) = root.as_map() else {
        let problem = Diagnostic::error(format!(
            "Dictionary expected: the properties file `{}` must be a mapping, not {}",
            reading.file.path,
            root.value.kind()
        ));
        reading.problems.push(problem.at(root.span(reading.file)));
        return properties;
    };
    let mut known: Vec<&str> = Section::ALL.iter().map(|section| section.key()).collect();
    known.extend(["version", "tests", "anchors"]);
    reading.warn_unknown(map, &known, "a properties file");
    for section in Section::ALL {
        let Some(list) = map.get(section.key()) else { continue };
        if section == Section::SingularTests && list.is_null() {
            continue;
        }
        let Some(items) = list.as_list() else {
            let message = format!(
                "the schema file at {} is invalid because the value of '{}' is not a list",
                reading.file.path,
                section.key()
            );
            reading.problems.push(Diagnostic::error(message).at(list.span(reading.file)));
            continue;
        };
        for item in items {
            read_item(reading, section, item, &mut properties);
        }
    }
    properties.nodes.shrink_to_fit();
    properties
}

fn read_item(reading: &mut Reading<'_>, section: Section, item: &Node, properties: &mut Properties) {
    let Some(map) = item.as_map() else {
        let message = format!(
            "the schema file at {} is invalid because a list element for '{}' is not a dictionary",
            reading.file.path,
            section.key()
        );
        reading.problems.push(Diagnostic::error(message).at(item.span(reading.file)));
        return;
    };
    let Some(name) = reading.name(map, item, section) else { return };
    match section {
        Section::Models
        | Section::Seeds
        | Section::Snapshots
        | Section::Analyses
        | Section::SingularTests
        | Section::Functions => {
            if let Some(node) = node::read(reading, section, map, name) {
                properties.nodes.push(node);
            }
        }
        Section::Sources => properties.sources.extend(source::read(reading, map, name)),
        _ => {
            match section {
                Section::Groups | Section::UnitTests => reading.refuse_unknown(map, entry_keys(section), &name),
                _ => reading.warn_unknown(map, entry_keys(section), format_args!("`{name}` in `{}`", section.key())),
            }
            reading.refuse_null(map, never_null(section));
            if section == Section::Macros {
                arguments_of_macro(reading, map);
            }
            let values = reading.entry(section, map);
            properties.entries.push(Entry { section, name, span: reading.head(map), values });
        }
    }
}

/// Keys that have a value where they stand.
fn never_null(section: Section) -> &'static [&'static str] {
    match section {
        Section::Macros => &["description", "arguments", "meta", "docs", "config"],
        Section::Exposures => &["description", "depends_on", "meta", "tags", "config"],
        Section::UnitTests => &["description", "given", "config"],
        Section::Groups => &["config"],
        _ => &[],
    }
}

/// The types of a macro's arguments are texts.
fn arguments_of_macro(reading: &mut Reading<'_>, map: &YamlMap) {
    for argument in reading.list(map, "arguments").iter().filter_map(Node::as_map) {
        reading.refuse_null(argument, &["description"]);
        reading.text(argument, "type");
    }
}

fn entry_keys(section: Section) -> &'static [&'static str] {
    match section {
        Section::Macros => &["name", "description", "arguments", "config", "docs", "meta"],
        Section::Exposures => &[
            "name",
            "description",
            "type",
            "owner",
            "label",
            "maturity",
            "meta",
            "tags",
            "url",
            "depends_on",
            "config",
        ],
        Section::Groups => &["name", "owner", "description", "config"],
        Section::UnitTests => &["name", "model", "given", "expect", "description", "overrides", "config", "versions"],
        // The semantic layer's keys grow with every version of dbt; they are kept as they are.
        _ => &[],
    }
}

impl Reading<'_> {
    pub fn error(&mut self, message: impl Into<String>, node: &Node) {
        self.problems.push(Diagnostic::error(message).at(node.span(self.file)));
    }

    /// The place of an entry: its first key.
    pub fn head(&self, map: &YamlMap) -> Span {
        map.entry("name").or(map.entries.first()).map_or_else(
            || Span::new(self.file, 0, 0),
            |entry| {
                let end = entry.value.extent.end.max(entry.key.extent.end);
                Span::new(self.file, entry.key.extent.start as usize, end as usize)
            },
        )
    }

    fn name(&mut self, map: &YamlMap, item: &Node, section: Section) -> Option<String> {
        match map.get("name") {
            Some(name) if !name.is_null() => self.text_of(name, "name"),
            _ if section == Section::SingularTests => {
                // In dbt, a list of generic tests at this place is only warned of.
                let message = format!(
                    "Unable to parse '{}' section of file '{}': Entry did not contain a name",
                    section.key(),
                    self.file.path
                );
                self.problems.push(Diagnostic::warning(message).at(item.span(self.file)));
                None
            }
            _ => {
                let message = format!(
                    "the schema file at {} is invalid because a list element for '{}' does not have a name attribute",
                    self.file.path,
                    section.key()
                );
                self.error(message, item);
                None
            }
        }
    }

    /// Warns of every key that is not one of `known`; an empty list knows them all.
    pub fn warn_unknown(&mut self, map: &YamlMap, known: &[&str], place: impl std::fmt::Display) {
        if known.is_empty() || !self.warns {
            return;
        }
        for entry in &map.entries {
            let key = &*entry.key.text;
            if known.contains(&key) {
                continue;
            }
            let warning = Diagnostic::warning(format!("unknown key `{key}` in {place}")).at(entry.key.span(self.file));
            let is_config = known.contains(&"config") && is_config_name(key);
            self.problems.push(if is_config {
                warning.hint(format!("`{key}` is a config: write it under `config:`"))
            } else {
                warning.suggest(key, known.iter().copied())
            });
        }
    }

    /// Refuses every key that is not one of `known`, where dbt does.
    fn refuse_unknown(&mut self, map: &YamlMap, known: &[&str], name: &str) {
        for entry in map.entries.iter().filter(|entry| !known.contains(&&*entry.key.text)) {
            let key = &*entry.key.text;
            let message = format!("unknown key `{key}` in `{name}`: additional properties are not allowed here");
            let problem = Diagnostic::error(message).at(entry.key.span(self.file)).suggest(key, known.iter().copied());
            self.problems.push(problem);
        }
    }

    /// A scalar as text, rendered if it holds Jinja.
    pub fn text_of(&mut self, node: &Node, key: &str) -> Option<String> {
        match self.rendered(node) {
            Value::String(text) => Some(text),
            Value::Null => None,
            value @ (Value::Number(_) | Value::Bool(_)) => {
                let shown = super::python::text(&value);
                self.error(format!("`{key}` must be text, not {} ({shown})", node.value.kind()), node);
                None
            }
            _ => {
                self.error(format!("`{key}` must be text, not {}", node.value.kind()), node);
                None
            }
        }
    }

    /// The text under `key`, if there is one.
    pub fn text(&mut self, map: &YamlMap, key: &str) -> Option<String> {
        self.text_of(map.get(key)?, key)
    }

    /// The text under `key`, whose Jinja is rendered later (`description`).
    pub fn raw_text(&mut self, map: &YamlMap, key: &str) -> Option<String> {
        let node = map.get(key).filter(|node| !node.is_null())?;
        if node.as_str().is_none() {
            self.error(format!("`{key}` must be text, not {}", node.value.kind()), node);
        }
        node.as_str().map(str::to_owned)
    }

    pub fn flag(&mut self, map: &YamlMap, key: &str) -> Option<bool> {
        let node = map.get(key)?;
        match self.rendered(node) {
            Value::Bool(flag) => Some(flag),
            Value::Null => None,
            _ => {
                self.error(format!("`{key}` must be true or false, not {}", node.value.kind()), node);
                None
            }
        }
    }

    /// The list under `key`; absent and null are an empty one.
    pub fn list<'n>(&mut self, map: &'n YamlMap, key: &str) -> &'n [Node] {
        let Some(node) = map.get(key).filter(|node| !node.is_null()) else { return &[] };
        match node.as_list() {
            Some(items) => items,
            None => {
                self.error(format!("`{key}` must be a list, not {}", node.value.kind()), node);
                &[]
            }
        }
    }

    /// The mapping under `key`, rendered; absent and null are an empty one.
    pub fn mapping(&mut self, map: &YamlMap, key: &str) -> Map<String, Value> {
        self.mapping_except(map, key, &[])
    }

    /// As [`Reading::mapping`], with the values of some keys as they were written.
    pub fn mapping_except(&mut self, map: &YamlMap, key: &str, unrendered: &[&str]) -> Map<String, Value> {
        let Some(node) = map.get(key).filter(|node| !node.is_null()) else { return Map::new() };
        let Some(below) = node.as_map() else {
            self.error(format!("`{key}` must be a mapping, not {}", node.value.kind()), node);
            return Map::new();
        };
        let mut values = Map::new();
        for (name, value) in below.iter() {
            let value = if unrendered.contains(&&*name.text) { value.to_json() } else { self.rendered(value) };
            values.insert(name.text.to_string(), value);
        }
        values
    }

    /// Tags: a text or a list of texts.
    pub fn tags(&mut self, map: &YamlMap, key: &str) -> Vec<String> {
        let Some(node) = map.get(key).filter(|node| !node.is_null()) else { return Vec::new() };
        match self.rendered(node) {
            Value::String(tag) => vec![tag],
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => {
                self.error(format!("`{key}` must be text or a list of texts"), node);
                Vec::new()
            }
        }
    }

    /// Refuses null where dbt wants a value or no key at all; `kind` as in JSON's schemas.
    pub fn refuse_null(&mut self, map: &YamlMap, keys: &[&str]) {
        for entry in map.entries.iter().filter(|entry| entry.value.is_null()) {
            let key = &*entry.key.text;
            if !keys.contains(&key) {
                continue;
            }
            let kind = match key {
                "description" | "loader" | "overrides" | "access" => "string",
                "meta" | "config" | "docs" | "quoting" | "contract" => "object",
                _ => "array",
            };
            let problem = Diagnostic::error(format!("`{key}` is empty: None is not of type '{kind}'"))
                .at(entry.key.span(self.file))
                .hint("give it a value, or leave the key out");
            self.problems.push(problem);
        }
    }

    /// A value with every text in it rendered.
    pub fn rendered(&mut self, node: &Node) -> Value {
        self.rendered_except(node, &[])
    }

    /// As [`Reading::rendered`], with what stands under some keys, at any depth, as it was written.
    pub fn rendered_except(&mut self, node: &Node, unrendered: &[&str]) -> Value {
        match &node.value {
            yaml::Value::String(text) if holds_jinja(text) => match (self.render)(text, node.span(self.file)) {
                Ok(value) => value,
                Err(problem) => {
                    self.problems.push(problem);
                    Value::Null
                }
            },
            // The template engine drops a line end that stands last, with Jinja or without.
            yaml::Value::String(text) if text.ends_with('\n') => text[..text.len() - 1].into(),
            yaml::Value::List(items) => items.iter().map(|item| self.rendered_except(item, unrendered)).collect(),
            yaml::Value::Map(map) => {
                let rendered = map.iter().map(|(key, value)| {
                    let is_raw = unrendered.contains(&&*key.text);
                    let value = if is_raw { value.to_json() } else { self.rendered_except(value, unrendered) };
                    (key.text.to_string(), value)
                });
                Value::Object(rendered.collect())
            }
            _ => node.to_json(),
        }
    }

    /// An entry without a struct: everything rendered but what is rendered later.
    fn entry(&mut self, section: Section, map: &YamlMap) -> Map<String, Value> {
        let mut values = Map::new();
        for (key, node) in map.iter() {
            let value = match &*key.text {
                "description" | "tests" | "data_tests" => node.to_json(),
                "arguments" | "dimensions" | "measures" | "entities" | "columns" => self.without_descriptions(node),
                "filter" if section == Section::Metrics => node.to_json(),
                _ if section == Section::Metrics => self.rendered_except(node, &["filter"]),
                "query_params" if section == Section::SavedQueries => node.to_json(),
                _ => self.rendered(node),
            };
            values.insert(key.text.to_string(), value);
        }
        values
    }

    /// A list of mappings whose own descriptions are left as they are.
    fn without_descriptions(&mut self, node: &Node) -> Value {
        let Some(items) = node.as_list() else { return self.rendered(node) };
        let render = |reading: &mut Self, item: &Node| match item.as_map() {
            None => reading.rendered(item),
            Some(map) => {
                let values = map.iter().map(|(key, value)| {
                    let raw = matches!(&*key.text, "description" | "tests" | "data_tests");
                    (key.text.to_string(), if raw { value.to_json() } else { reading.rendered(value) })
                });
                Value::Object(values.collect())
            }
        };
        items.iter().map(|item| render(self, item)).collect()
    }
}

/// Whether a text has to go through the template engine.
pub fn holds_jinja(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
}

/// Whether a key that stands at the wrong place is the name of a config.
fn is_config_name(key: &str) -> bool {
    use crate::config::defaults;
    use crate::resource::ResourceType;
    [ResourceType::Model, ResourceType::Snapshot, ResourceType::Seed, ResourceType::Test]
        .iter()
        .any(|resource_type| defaults::of(*resource_type).contains_key(key))
        || matches!(key, "pre_hook" | "post_hook" | "indexes" | "sort" | "dist" | "hard_deletes")
}
