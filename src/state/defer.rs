//! `--defer`: where an earlier environment has what this one has not built.
//! Source: docs.getdbt.com/reference/node-selection/defer.

use std::collections::HashMap;

use crate::manifest::{Manifest, Node};
use crate::resource::{ResourceType, UniqueId};

/// A relation of an earlier environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferredRelation {
    pub database: Option<String>,
    pub schema: String,
    pub alias: String,
    pub relation_name: Option<String>,
    pub resource_type: ResourceType,
    pub name: String,
}

impl DeferredRelation {
    fn of(node: &Node) -> Self {
        DeferredRelation {
            database: node.database.clone(),
            schema: node.schema.clone(),
            alias: node.alias.clone(),
            relation_name: node.relation_name.clone(),
            resource_type: node.resource_type,
            name: node.name.clone(),
        }
    }
}

/// Relations to read in place of those that this environment may lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deferral {
    relations: HashMap<UniqueId, DeferredRelation>,
    favor_state: bool,
}

impl Deferral {
    /// What the nodes of `current` can be read from instead. With `favor_state`, what is not
    /// selected is always read from there, whether or not this environment has it.
    pub fn new(current: &Manifest, previous: &Manifest, favor_state: bool) -> Self {
        let nodes = previous.nodes_and_functions().filter(|node| node.is_relational());
        let known = nodes.filter(|node| current.node(&node.unique_id).is_some());
        let relations = known.map(|node| (node.unique_id.clone(), DeferredRelation::of(node))).collect();
        Deferral { relations, favor_state }
    }

    /// The relation to read in place of `id`'s own, if it is to be deferred.
    ///
    /// `exists` says whether this environment has the node's own relation; it is only asked
    /// where that matters.
    pub fn relation(&self, id: &str, is_selected: bool, exists: impl FnOnce() -> bool) -> Option<&DeferredRelation> {
        let relation = self.relations.get(id)?;
        ((self.favor_state && !is_selected) || !exists()).then_some(relation)
    }

    /// The relation of the earlier environment, whatever this one has (for `clone`).
    pub fn of(&self, id: &str) -> Option<&DeferredRelation> {
        self.relations.get(id)
    }
}
