//! Every resource that the site has a page for, numbered.
//!
//! Numbers stand for ids in all data files. What people look for most comes first, so that
//! the first shards of details hold it: models, sources, seeds, snapshots, exposures, ...;
//! tests and macros last.

use std::collections::HashMap;
use std::sync::Arc;

use crate::docs::Inputs;
use crate::manifest::{Macro, Node, Resource};
use crate::resource::{ResourceType, UniqueId};

/// One resource of the site.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    Resource(Resource<'a>),
    Macro(&'a Arc<Macro>),
}

impl<'a> Entry<'a> {
    pub fn id(&self) -> &'a UniqueId {
        match self {
            Entry::Resource(resource) => resource.unique_id(),
            Entry::Macro(it) => &it.unique_id,
        }
    }

    pub fn kind(&self) -> ResourceType {
        match self {
            Entry::Resource(resource) => resource.resource_type(),
            Entry::Macro(_) => ResourceType::Macro,
        }
    }

    pub fn name(&self) -> String {
        match self {
            Entry::Resource(Resource::Node(node)) => node.search_name(),
            Entry::Resource(Resource::Source(source)) => format!("{}.{}", source.source_name, source.name),
            Entry::Resource(resource) => resource.name().to_owned(),
            Entry::Macro(it) => it.name.clone(),
        }
    }

    pub fn package(&self) -> &'a str {
        match self {
            Entry::Resource(resource) => resource.package_name(),
            Entry::Macro(it) => &it.package_name,
        }
    }

    pub fn file(&self) -> &'a str {
        match self {
            Entry::Resource(resource) => resource.original_file_path(),
            Entry::Macro(it) => &it.original_file_path,
        }
    }

    pub fn description(&self) -> &'a str {
        match self {
            Entry::Resource(Resource::Node(node)) => &node.description,
            Entry::Resource(Resource::Source(source)) => &source.description,
            Entry::Resource(Resource::Exposure(exposure)) => &exposure.description,
            Entry::Resource(Resource::UnitTest(test)) => &test.description,
            Entry::Resource(Resource::Semantic(it)) => {
                it.body.get("description").and_then(serde_json::Value::as_str).unwrap_or_default()
            }
            Entry::Macro(it) => &it.description,
        }
    }

    pub fn node(&self) -> Option<&'a Arc<Node>> {
        match self {
            Entry::Resource(Resource::Node(node)) => Some(node),
            _ => None,
        }
    }

    /// The group that it belongs to.
    pub fn group(&self) -> Option<&'a str> {
        match self {
            Entry::Resource(resource) => resource.config().text("group"),
            Entry::Macro(_) => None,
        }
    }

    /// Whether the project wants it to be shown (`docs: {show: false}`).
    pub fn is_shown(&self) -> bool {
        match self {
            Entry::Resource(Resource::Node(node)) => node.docs.show,
            Entry::Resource(_) => true,
            Entry::Macro(it) => it.docs.show,
        }
    }

    pub fn tags(&self) -> Vec<&'a str> {
        match self {
            Entry::Resource(Resource::Node(node)) => node.tags.iter().map(String::as_str).collect(),
            Entry::Resource(Resource::Source(source)) => source.tags.iter().map(String::as_str).collect(),
            Entry::Resource(Resource::Exposure(exposure)) => exposure.tags.iter().map(String::as_str).collect(),
            Entry::Resource(resource) => resource.config().tags(),
            Entry::Macro(_) => Vec::new(),
        }
    }
}

/// The entries with their numbers.
pub(super) struct Entries<'a> {
    pub list: Vec<Entry<'a>>,
    numbers: HashMap<&'a str, u32>,
    /// The children of each, by number, in order.
    pub children: Vec<Vec<u32>>,
    pub parents: Vec<Vec<u32>>,
}

/// Where a kind stands in the order; `None` for what has no page.
fn place(kind: ResourceType) -> Option<u8> {
    Some(match kind {
        ResourceType::Model => 0,
        ResourceType::Source => 1,
        ResourceType::Seed => 2,
        ResourceType::Snapshot => 3,
        ResourceType::Exposure => 4,
        ResourceType::Metric => 5,
        ResourceType::SemanticModel => 6,
        ResourceType::SavedQuery => 7,
        ResourceType::Function => 8,
        ResourceType::Analysis => 9,
        ResourceType::UnitTest => 10,
        ResourceType::Test => 11,
        ResourceType::Macro => 12,
        ResourceType::Operation | ResourceType::SqlOperation | ResourceType::Doc | ResourceType::Group => return None,
    })
}

impl<'a> Entries<'a> {
    pub fn new(inputs: &Inputs<'a>) -> Self {
        let manifest = inputs.graph.manifest();
        let resources = manifest.resources().filter(|resource| resource.config().enabled()).map(Entry::Resource);
        let own = |it: &&Arc<Macro>| !inputs.internal_packages.contains(&it.package_name);
        let macros = manifest.macros.values().filter(own).map(Entry::Macro);
        let mut list: Vec<(u8, Entry<'a>)> =
            resources.chain(macros).filter_map(|entry| Some((place(entry.kind())?, entry))).collect();
        list.sort_by_cached_key(|(place, entry)| (*place, entry.id().clone()));
        let list: Vec<Entry<'a>> = list.into_iter().map(|(_, entry)| entry).collect();
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let numbers: HashMap<&str, u32> =
            list.iter().enumerate().map(|(at, entry)| (entry.id().as_ref(), number(at))).collect();
        let parents: Vec<Vec<u32>> = list
            .iter()
            .map(|entry| match entry {
                Entry::Resource(resource) => {
                    let mut parents: Vec<u32> =
                        resource.parents().iter().filter_map(|id| numbers.get(id.as_ref()).copied()).collect();
                    parents.sort_unstable();
                    parents.dedup();
                    parents
                }
                Entry::Macro(_) => Vec::new(),
            })
            .collect();
        let mut children = vec![Vec::new(); list.len()];
        for (child, parents) in parents.iter().enumerate() {
            for parent in parents {
                children[*parent as usize].push(number(child));
            }
        }
        Entries { list, numbers, children, parents }
    }

    pub fn number(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    pub fn kind(&self, number: u32) -> Option<ResourceType> {
        self.list.get(number as usize).map(Entry::kind)
    }
}
