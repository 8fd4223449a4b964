//! Any resource of the graph by reference, with what all of them have.

use std::sync::Arc;

use serde_json::Value;

use super::{Exposure, Node, ResourceType, SemanticResource, Source, UniqueId, UnitTest};
use crate::config::NodeConfig;

/// Any resource that takes part in the graph, by reference.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    Node(&'a Arc<Node>),
    Source(&'a Arc<Source>),
    Exposure(&'a Arc<Exposure>),
    UnitTest(&'a Arc<UnitTest>),
    Semantic(&'a Arc<SemanticResource>),
}

/// A field that every kind of resource has under the same name.
macro_rules! field {
    ($resource:expr, $name:ident) => {
        match $resource {
            Resource::Node(node) => &node.$name,
            Resource::Source(source) => &source.$name,
            Resource::Exposure(exposure) => &exposure.$name,
            Resource::UnitTest(test) => &test.$name,
            Resource::Semantic(semantic) => &semantic.$name,
        }
    };
}

impl<'a> Resource<'a> {
    /// The entry as `manifest.json` has it.
    pub fn to_json(self) -> Value {
        let entry = match self {
            Resource::Node(node) => serde_json::to_value(node),
            Resource::Source(source) => serde_json::to_value(source),
            Resource::Exposure(exposure) => serde_json::to_value(exposure),
            Resource::UnitTest(test) => serde_json::to_value(test),
            Resource::Semantic(semantic) => serde_json::to_value(semantic),
        };
        entry.unwrap_or_default()
    }

    pub fn unique_id(self) -> &'a UniqueId {
        field!(self, unique_id)
    }

    pub fn resource_type(self) -> ResourceType {
        *field!(self, resource_type)
    }

    pub fn name(self) -> &'a str {
        field!(self, name)
    }

    pub fn package_name(self) -> &'a str {
        field!(self, package_name)
    }

    pub fn original_file_path(self) -> &'a str {
        field!(self, original_file_path)
    }

    pub fn fqn(self) -> &'a [String] {
        field!(self, fqn)
    }

    pub fn config(self) -> &'a NodeConfig {
        field!(self, config)
    }

    /// The ids of what it is built from; empty before `graph::resolve`.
    pub fn parents(self) -> &'a [UniqueId] {
        match self {
            Resource::Node(node) => node.parents(),
            Resource::Source(_) => &[],
            Resource::Exposure(exposure) => &exposure.depends_on.nodes,
            Resource::UnitTest(test) => &test.depends_on.nodes,
            Resource::Semantic(resource) => &resource.depends_on.nodes,
        }
    }
}
