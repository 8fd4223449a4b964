//! From names as people write them (`ref`, `source`, `metric`) to ids.
//!
//! Which package is searched first follows docs.getdbt.com/reference/dbt-jinja-functions/ref:
//! the one that is named; else the root project and the package of the caller; else any.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::manifest::{Disabled, Manifest, Node, RefCall, SemanticResource, Version};
use crate::resource::{FastMap, ResourceType, UniqueId};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    Found(&'a UniqueId),
    /// There is one, switched off.
    Disabled,
    Missing,
    /// Several packages have it, and none goes before the others.
    Ambiguous(&'a [Entry]),
}

/// A resource that has a name: its package and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub package: String,
    pub id: UniqueId,
}

type Names = FastMap<String, Vec<Entry>>;

/// Every name that can be referred to.
#[derive(Debug, Clone, Default)]
pub struct Lookup {
    root_package: String,
    node_package_first: bool,
    refables: Names,
    sources: Names,
    metrics: Names,
    functions: Names,
    measures: Names,
    /// Name and package of what is switched off; sources as `source.table`.
    disabled_refables: HashSet<(String, String)>,
    disabled_others: HashSet<(String, String)>,
    /// The semantic models that are switched off, by their measures.
    disabled_measures: HashMap<String, String>,
    /// The highest version of each versioned model, by package and name.
    newest: HashMap<(String, String), Version>,
}

impl Lookup {
    /// Indexes the names of a manifest. With `node_package_first`, the caller's own package
    /// goes before the root project (`require_ref_searches_node_package_before_root`).
    pub fn new(manifest: &Manifest, node_package_first: bool) -> Self {
        let root_package = manifest.metadata.project_name.clone().unwrap_or_default();
        let mut lookup = Lookup { root_package, node_package_first, ..Lookup::default() };
        for node in manifest.nodes.values().filter(|node| node.resource_type.is_refable()) {
            for name in ref_names(node) {
                add(&mut lookup.refables, name, &node.package_name, &node.unique_id);
            }
            if let Some(version) = node.model().and_then(|model| model.version.as_ref()) {
                let newest = lookup.newest.entry((node.package_name.clone(), node.name.clone()));
                let newest = newest.or_insert_with(|| version.clone());
                if version.is_newer_than(newest) {
                    *newest = version.clone();
                }
            }
        }
        for source in manifest.sources.values() {
            let name = format!("{}.{}", source.source_name, source.name);
            add(&mut lookup.sources, name, &source.package_name, &source.unique_id);
        }
        for metric in manifest.metrics.values() {
            add(&mut lookup.metrics, metric.name.clone(), &metric.package_name, &metric.unique_id);
        }
        for function in manifest.functions.values() {
            add(&mut lookup.functions, function.name.clone(), &function.package_name, &function.unique_id);
        }
        for model in manifest.semantic_models.values() {
            for measure in measures(model) {
                add(&mut lookup.measures, measure.to_owned(), &model.package_name, &model.unique_id);
            }
        }
        for disabled in manifest.disabled.values().flatten() {
            lookup.add_disabled(disabled);
        }
        lookup
    }

    fn add_disabled(&mut self, disabled: &Disabled) {
        match disabled {
            Disabled::Node(node) if node.resource_type.is_refable() => {
                for name in ref_names(node) {
                    self.disabled_refables.insert((name, node.package_name.clone()));
                }
            }
            Disabled::Source(source) => {
                let name = format!("{}.{}", source.source_name, source.name);
                self.disabled_others.insert((name, source.package_name.clone()));
            }
            Disabled::Node(node) if node.resource_type == ResourceType::Function => {
                self.disabled_others.insert((node.name.clone(), node.package_name.clone()));
            }
            Disabled::Semantic(resource) => {
                for measure in measures(resource) {
                    self.disabled_measures.insert(measure.to_owned(), resource.name.clone());
                }
                self.disabled_others.insert((resource.name.clone(), resource.package_name.clone()));
            }
            _ => {}
        }
    }

    /// The semantic model that is switched off and has the measure.
    pub fn disabled_measure(&self, measure: &str) -> Option<&str> {
        self.disabled_measures.get(measure).map(String::as_str)
    }

    /// The highest version of a model.
    pub fn newest_version(&self, package: &str, name: &str) -> Option<&Version> {
        self.newest.get(&(package.to_owned(), name.to_owned()))
    }

    /// What a `ref` in `package` stands for.
    pub fn find_ref(&self, package: &str, call: &RefCall) -> Target<'_> {
        let versioned;
        let name = match &call.version {
            Some(version) => {
                versioned = format!("{}.v{version}", call.name);
                versioned.as_str()
            }
            None => call.name.as_str(),
        };
        let entries = self.refables.get(name).map_or(&[][..], Vec::as_slice);
        if let Some(named) = &call.package {
            return match entries.iter().find(|entry| entry.package == *named) {
                Some(entry) => Target::Found(&entry.id),
                None => self.absent(&self.disabled_refables, name, Some(named)),
            };
        }
        match self.preferred(package, entries) {
            Some(id) => Target::Found(id),
            None if entries.len() > 1 => Target::Ambiguous(entries),
            None => self.absent(&self.disabled_refables, name, None),
        }
    }

    /// What a `source` in `package` stands for.
    pub fn find_source(&self, package: &str, source: &str, table: &str) -> Target<'_> {
        self.find(&self.sources, package, &format!("{source}.{table}"), None)
    }

    /// What a metric's name stands for: `[name]` or `[package, name]`.
    pub fn find_metric(&self, package: &str, call: &[String]) -> Target<'_> {
        let (named, name) = split_call(call);
        self.find(&self.metrics, package, name, named)
    }

    /// What a function's name stands for: `[name]` or `[package, name]`.
    pub fn find_function(&self, package: &str, call: &[String]) -> Target<'_> {
        let (named, name) = split_call(call);
        self.find(&self.functions, package, name, named)
    }

    /// The semantic model that has a measure.
    pub fn find_measure(&self, package: &str, measure: &str) -> Target<'_> {
        self.find(&self.measures, package, measure, None)
    }

    /// The names that a `ref` could have meant, for hints.
    pub fn ref_names(&self) -> impl Iterator<Item = &str> {
        self.refables.keys().map(String::as_str)
    }

    /// The names, `source.table`, that a `source` could have meant.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    fn find<'a>(&'a self, names: &'a Names, package: &str, name: &str, named: Option<&str>) -> Target<'a> {
        let entries = names.get(name).map_or(&[][..], Vec::as_slice);
        let found = match named {
            Some(named) => entries.iter().find(|entry| entry.package == named).map(|entry| &entry.id),
            None => self.preferred(package, entries).or_else(|| entries.first().map(|entry| &entry.id)),
        };
        found.map_or_else(|| self.absent(&self.disabled_others, name, named), Target::Found)
    }

    /// The entry that goes before the others for a caller in `package`; the only one if there is one.
    fn preferred<'a>(&self, package: &str, entries: &'a [Entry]) -> Option<&'a UniqueId> {
        if let [only] = entries {
            return Some(&only.id);
        }
        let order = match self.node_package_first {
            true => [package, &self.root_package],
            false => [&self.root_package, package],
        };
        order
            .into_iter()
            .find_map(|package| entries.iter().find(|entry| entry.package == package))
            .map(|entry| &entry.id)
    }

    fn absent(&self, disabled: &HashSet<(String, String)>, name: &str, named: Option<&str>) -> Target<'_> {
        let is_disabled = match named {
            Some(package) => disabled.contains(&(name.to_owned(), package.to_owned())),
            None => disabled.iter().any(|(disabled, _)| disabled == name),
        };
        if is_disabled { Target::Disabled } else { Target::Missing }
    }
}

/// The names under which a `ref` finds a node: versions have `name.v1`, and the latest the name too.
fn ref_names(node: &Node) -> Vec<String> {
    let Some(model) = node.model() else { return vec![node.name.clone()] };
    match &model.version {
        None => vec![node.name.clone()],
        Some(version) if model.latest_version.as_ref() == Some(version) => vec![node.search_name(), node.name.clone()],
        Some(_) => vec![node.search_name()],
    }
}

fn measures(model: &SemanticResource) -> impl Iterator<Item = &str> {
    let measures = model.body.get("measures").and_then(Value::as_array);
    measures.into_iter().flatten().filter_map(|measure| measure.get("name").and_then(Value::as_str))
}

fn split_call(call: &[String]) -> (Option<&str>, &str) {
    match call {
        [package, name, ..] => (Some(package), name),
        [name] => (None, name),
        [] => (None, ""),
    }
}

fn add(names: &mut Names, name: String, package: &str, id: &UniqueId) {
    // Nearly all names are one resource's.
    let entries = names.entry(name).or_insert_with(|| Vec::with_capacity(1));
    match entries.iter_mut().find(|entry| entry.package == package) {
        Some(entry) => entry.id = id.clone(),
        None => entries.push(Entry { package: package.to_owned(), id: id.clone() }),
    }
}
