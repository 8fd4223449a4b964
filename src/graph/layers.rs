//! Which layer of the project a node belongs to: raw, staging, analytics.
//!
//! Told by the folders that it lies in, else by its schema, else by the prefix of its
//! name; sources and seeds that nothing tells of are raw. A project says its own in
//! `tform.yml` under `layers:`.

use serde::{Deserialize, Serialize};

use crate::manifest::Resource;
use crate::resource::ResourceType;

/// One layer and what tells that a node is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRule {
    pub name: String,
    /// Names of folders below the resource path.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Names of schemas; also a schema that ends in `_` and this name.
    #[serde(default)]
    pub schemas: Vec<String>,
    /// What names begin with.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// The layers of a project, from the sources on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRules(pub Vec<LayerRule>);

impl Default for LayerRules {
    fn default() -> Self {
        let rule = |name: &str, folders: &[&str], prefixes: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            LayerRule {
                name: name.to_owned(),
                folders: owned(folders),
                schemas: owned(folders),
                prefixes: owned(prefixes),
            }
        };
        LayerRules(vec![
            rule("raw", &["raw", "sources", "landing", "bronze"], &["raw_", "src_"]),
            rule("staging", &["staging", "stg", "base", "intermediate", "int", "silver"], &["stg_", "base_", "int_"]),
            rule(
                "analytics",
                &["analytics", "marts", "mart", "gold", "reporting", "reports"],
                &["dim_", "fct_", "fact_", "mart_", "rpt_"],
            ),
        ])
    }
}

impl LayerRules {
    /// The position of a resource's layer among the rules.
    pub fn of(&self, resource: Resource<'_>) -> Option<usize> {
        let resource_type = resource.resource_type();
        let layered = resource_type.is_refable() || resource_type == ResourceType::Source;
        if !layered {
            return None;
        }
        let has = |names: &[String], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
        let fqn = resource.fqn();
        let folders = fqn.get(1..fqn.len().saturating_sub(1)).unwrap_or_default();
        // The innermost folder that tells something counts.
        let by_folder =
            || folders.iter().rev().find_map(|folder| self.0.iter().position(|rule| has(&rule.folders, folder)));
        let schema = match resource {
            Resource::Node(node) => node.schema.as_str(),
            Resource::Source(source) => source.schema.as_str(),
            _ => "",
        };
        let by_schema = || {
            self.0.iter().position(|rule| {
                has(&rule.schemas, schema)
                    || rule
                        .schemas
                        .iter()
                        .any(|name| schema.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('_')))
            })
        };
        let name = resource.name();
        let by_prefix =
            || self.0.iter().position(|rule| rule.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())));
        let first = || matches!(resource_type, ResourceType::Source | ResourceType::Seed).then_some(0);
        if resource_type == ResourceType::Source {
            // A source's folder is where its YAML file lies, mostly that of its readers.
            return by_schema().or_else(first);
        }
        by_folder().or_else(by_schema).or_else(by_prefix).or_else(first)
    }
}
