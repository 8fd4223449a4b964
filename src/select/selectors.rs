//! `selectors.yml`: selections with a name.
//! Source: docs.getdbt.com/reference/node-selection/yaml-selectors.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::criteria::{Combine, Criteria, Fields, Group, Parsing, Walk, Written, criterion, default_method, one};
use super::glob::Glob;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Warned};
use crate::invocation::IndirectSelection;
use crate::yaml::{self, Node};

/// The selectors of a project, by name in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selectors {
    named: IndexMap<String, Selector>,
    default: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Selector {
    criteria: Criteria,
    /// As the manifest has it: every criterion a dictionary.
    definition: Value,
    description: Option<String>,
    /// As written, if it is.
    is_default: Option<bool>,
}

impl Selectors {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// The name of the selector that counts where nothing is selected.
    pub fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// The selection of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn criteria(&self, name: &str) -> Result<Criteria, Diagnostic> {
        match self.named.get(name) {
            Some(selector) => Ok(selector.criteria.clone()),
            None => {
                let known: Vec<&str> = self.names().collect();
                let text = format!("Could not find selector named {name}, expected one of {known:?}");
                Err(Diagnostic::error(text).suggest(name, known.iter().copied()))
            }
        }
    }

    /// The selections whose names the pattern matches, by name.
    pub(super) fn matching(&self, pattern: &Glob) -> Vec<(&str, &Criteria)> {
        let mut found: Vec<(&str, &Criteria)> = self
            .named
            .iter()
            .filter(|(name, _)| pattern.matches(name))
            .map(|(name, selector)| (name.as_str(), &selector.criteria))
            .collect();
        found.sort_unstable_by_key(|(name, _)| *name);
        found
    }

    /// What `manifest.json` has under `selectors`.
    pub fn manifest_form(&self) -> IndexMap<String, Value> {
        let form = |(name, selector): (&String, &Selector)| {
            let mut map = Map::new();
            map.insert("name".to_owned(), json!(name));
            map.insert("definition".to_owned(), selector.definition.clone());
            if let Some(description) = &selector.description {
                map.insert("description".to_owned(), json!(description));
            }
            if let Some(is_default) = selector.is_default {
                map.insert("default".to_owned(), json!(is_default));
            }
            (name.clone(), Value::Object(map))
        };
        self.named.iter().map(form).collect()
    }
}

/// Reads the root of `selectors.yml`; `indirect` counts for criteria that do not say.
///
/// # Errors
/// Every definition that is not valid, with its place.
pub fn parse(
    file: &Arc<SourceFile>,
    root: &Node,
    indirect: IndirectSelection,
) -> Result<Warned<Selectors>, Diagnostics> {
    let mut selectors = Selectors::default();
    let mut diagnostics = Diagnostics::new();
    let list = root.get("selectors").and_then(Node::as_list);
    let Some(list) = list else {
        let problem = Diagnostic::error("`selectors.yml` has no list under `selectors`").at(root.span(file));
        return Err(problem.into());
    };
    for entry in list {
        let Some(name) = entry.get("name").and_then(Node::as_str) else {
            diagnostics.push(Diagnostic::error("a selector needs a `name`").at(entry.span(file)));
            continue;
        };
        let Some(definition) = entry.get("definition") else {
            diagnostics
                .push(Diagnostic::error(format!("the selector `{name}` has no `definition`")).at(entry.span(file)));
            continue;
        };
        check_keys(entry, &["name", "definition", "description", "default"], file, &mut diagnostics);
        check_definition(definition, file, &mut diagnostics);
        let reading = Reading { file, indirect };
        match reading.definition(definition, true) {
            Ok((criteria, form)) => {
                let is_default = entry.get("default").and_then(Node::as_bool);
                if is_default == Some(true) {
                    if let Some(other) = &selectors.default {
                        let text = format!("Found multiple selectors with `default: true`: {other} and {name}");
                        diagnostics.push(Diagnostic::error(text).at(entry.span(file)));
                    }
                    selectors.default = Some(name.to_owned());
                }
                let description = entry.get("description").and_then(Node::as_str).map(str::to_owned);
                let selector = Selector { criteria, definition: form, description, is_default };
                selectors.named.insert(name.to_owned(), selector);
            }
            Err(problem) => diagnostics.push(problem.note(format!("in the selector `{name}`"))),
        }
    }
    diagnostics.finish(selectors)
}

fn check_keys(node: &Node, known: &[&str], file: &Arc<SourceFile>, diagnostics: &mut Diagnostics) {
    for (key, _) in node.as_map().into_iter().flat_map(yaml::Map::iter) {
        if !known.contains(&&*key.text) {
            let warning = Diagnostic::warning(format!("unknown key `{}` in a selector", key.text)).at(key.span(file));
            diagnostics.push(warning.suggest(&key.text, known.iter().copied()));
        }
    }
}

/// The keys of a criterion that is written out.
const CRITERION_KEYS: [&str; 9] = [
    "method",
    "value",
    "parents",
    "parents_depth",
    "children",
    "children_depth",
    "childrens_parents",
    "indirect_selection",
    "exclude",
];

/// Warns of keys that mean nothing, in every criterion of a definition; dbt leaves them out silently.
fn check_definition(node: &Node, file: &Arc<SourceFile>, diagnostics: &mut Diagnostics) {
    if node.get("method").is_some() {
        check_keys(node, &CRITERION_KEYS, file, diagnostics);
    }
    for (_, value) in node.as_map().into_iter().flat_map(yaml::Map::iter) {
        value.as_list().into_iter().flatten().for_each(|member| check_definition(member, file, diagnostics));
    }
}

/// A definition with what the manifest says of it.
type Read = Result<(Criteria, Value), Diagnostic>;

struct Reading<'a> {
    file: &'a Arc<SourceFile>,
    indirect: IndirectSelection,
}

impl Reading<'_> {
    fn problem(&self, text: impl Into<String>, node: &Node) -> Diagnostic {
        Diagnostic::error(text).at(node.span(self.file))
    }

    fn definition(&self, node: &Node, is_root: bool) -> Read {
        if let Some(text) = node.as_str() {
            let criteria =
                one(text, Parsing { indirect: self.indirect }).map_err(|problem| problem.at(node.span(self.file)))?;
            return Ok((criteria, written_form(text)));
        }
        let Some(map) = node.as_map() else {
            return Err(self.problem("a definition is a text or a dictionary", node)
                .hint("write `tag:nightly`, `{tag: nightly}`, `{method: tag, value: nightly}`, `union: [...]` or `intersection: [...]`"));
        };
        for (key, combine) in [("union", Combine::Union), ("intersection", Combine::Intersection)] {
            let Some(list) = map.get(key) else { continue };
            if is_root && map.len() > 1 {
                let keys: Vec<&str> = map.keys().collect();
                let text = format!(
                    "Only a single 'union' or 'intersection' key is allowed in a root level selector definition; found {}",
                    keys.join(",")
                );
                return Err(self.problem(text, node));
            }
            return self.group(key, combine, list);
        }
        if map.get("method").is_some() {
            return self.full(node);
        }
        match map.iter().next() {
            Some((key, value)) if map.len() == 1 && &*key.text != "exclude" => {
                let text = value.to_json();
                let fields = self.fields(node)?;
                let criteria = criterion(&format!("{}:{}", key.text, shown(&text)), &key.text, &text, fields);
                let criteria = criteria.map_err(|problem| problem.at(node.span(self.file)))?;
                // The manifest has each text of a list as if it were a criterion of its own, as dbt's.
                let form = match &text {
                    Value::Array(items) => {
                        items.iter().map(|item| item.as_str().map_or(json!(item), written_form)).collect()
                    }
                    single => single.clone(),
                };
                Ok((criteria, json!({"method": key.text, "value": form})))
            }
            _ => {
                let keys: Vec<&str> = map.keys().collect();
                let text = format!("Expected either 1 key or else \"method\" and \"value\" keys, but got {keys:?}");
                Err(self.problem(text, node))
            }
        }
    }

    /// `union` or `intersection`, of which at most one member excludes.
    fn group(&self, key: &str, combine: Combine, list: &Node) -> Read {
        let Some(members) = list.as_list() else {
            return Err(self.problem(format!("Invalid value for key \"{key}\". Expected a list"), list));
        };
        let mut parts = Vec::new();
        let mut forms = Vec::new();
        let mut excluded = None;
        for member in members {
            match member.get("exclude").filter(|_| member.as_map().is_some_and(|map| map.len() == 1)) {
                Some(exclude) => {
                    if excluded.is_some() {
                        let text = "You cannot provide multiple exclude arguments to the same selector set operator";
                        return Err(self.problem(text, member));
                    }
                    let (criteria, form) = self.exclusions(exclude)?;
                    excluded = Some(criteria);
                    forms.push(json!({"exclude": form}));
                }
                None => {
                    let (criteria, form) = self.definition(member, false)?;
                    parts.push(criteria);
                    forms.push(form);
                }
            }
        }
        Ok((without(many(combine, parts), excluded), json!({key: forms})))
    }

    /// What an `exclude` lists, as one.
    fn exclusions(&self, list: &Node) -> Read {
        let Some(members) = list.as_list() else {
            return Err(self.problem("Invalid value for key \"exclude\". Expected a list", list));
        };
        let read = members.iter().map(|member| self.definition(member, false)).collect::<Result<Vec<_>, _>>()?;
        let (parts, forms): (Vec<Criteria>, Vec<Value>) = read.into_iter().unzip();
        Ok((many(Combine::Union, parts), Value::Array(forms)))
    }

    /// `{method: ..., value: ..., parents: ..., exclude: [...]}`.
    fn full(&self, node: &Node) -> Read {
        let Some(method) = node.get("method").and_then(Node::as_str) else {
            return Err(self.problem("`method` is a text", node));
        };
        let Some(value) = node.get("value") else {
            return Err(self.problem("a `method` needs a `value`", node));
        };
        let json = value.to_json();
        let criteria = criterion(&format!("{method}:{}", shown(&json)), method, &json, self.fields(node)?);
        let criteria = criteria.map_err(|problem| problem.at(node.span(self.file)))?;
        let excluded = node.get("exclude").map(|list| self.exclusions(list)).transpose()?;
        // The manifest has such a definition as it was written, also what it excludes.
        Ok((without(criteria, excluded.map(|(criteria, _)| criteria)), node.to_json()))
    }

    fn fields(&self, node: &Node) -> Result<Fields, Diagnostic> {
        let flag = |key: &str| node.get(key).and_then(Node::as_bool).unwrap_or(false);
        let walk = |key: &str, depth: &str| {
            let steps = node.get(depth).and_then(Node::as_i64).and_then(|steps| usize::try_from(steps).ok());
            match (flag(key), steps) {
                (false, _) => Walk::No,
                (true, Some(steps)) if steps > 0 => Walk::Steps(steps),
                (true, _) => Walk::All,
            }
        };
        let indirect = match node.get("indirect_selection") {
            None => self.indirect,
            Some(found) => {
                let name = found.as_str().unwrap_or_default();
                IndirectSelection::from_name(name).ok_or_else(|| {
                    let problem = self.problem(format!("`{name}` is not an indirect selection"), found);
                    problem.hint("one of eager, cautious, buildable, empty")
                })?
            }
        };
        Ok(Fields {
            with_childrens_parents: flag("childrens_parents"),
            parents: walk("parents", "parents_depth"),
            children: walk("children", "children_depth"),
            indirect,
        })
    }
}

fn many(combine: Combine, parts: Vec<Criteria>) -> Criteria {
    Criteria::Many(Group { combine, parts, indirect: IndirectSelection::Eager, expected: None })
}

fn without(criteria: Criteria, excluded: Option<Criteria>) -> Criteria {
    match excluded {
        Some(excluded) => many(Combine::Difference, vec![criteria, excluded]),
        None => criteria,
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A criterion of the command line as a dictionary.
fn written_form(raw: &str) -> Value {
    let written = Written::parse(raw);
    let mut map = Map::new();
    if written.with_childrens_parents {
        map.insert("childrens_parents".to_owned(), json!(true));
    }
    let walk = |key: &str, walk: Walk, map: &mut Map<String, Value>| {
        if walk != Walk::No {
            map.insert(key.to_owned(), json!(true));
        }
        if let Walk::Steps(steps) = walk {
            map.insert(format!("{key}_depth"), json!(steps.to_string()));
        }
    };
    walk("parents", written.parents, &mut map);
    map.insert("method".to_owned(), json!(written.method.unwrap_or_else(|| default_method(written.value))));
    map.insert("value".to_owned(), json!(written.value));
    walk("children", written.children, &mut map);
    Value::Object(map)
}
