//! The one config struct: what a node is configured with, wherever it was written.
//!
//! dbt's configuration is an open set of keys: adapters, packages and users add their
//! own. So [`NodeConfig`] holds the values that were set, by name, and answers for the
//! rest from the defaults of the resource type (`defaults`). How the layers
//! (project < properties < in-file) combine stands in `config/merge.rs`.
//! Source: docs.getdbt.com/reference/configs-and-properties.

pub mod defaults;
pub mod merge;

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::resource::ResourceType;

/// What a node is configured with.
///
/// Keeps only what was set; reading falls back to the defaults of the resource type,
/// and so does the serialised form, in the order in which dbt writes the keys.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    resource_type: ResourceType,
    /// Few, so that looking at each is faster than hashing.
    set: Vec<(Cow<'static, str>, Value)>,
}

impl NodeConfig {
    pub fn new(resource_type: ResourceType) -> Self {
        NodeConfig { resource_type, set: Vec::new() }
    }

    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    /// The value under `key` if one was set, else the default; `None` if there is neither.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.own(key).or_else(|| defaults::of(self.resource_type).get(key))
    }

    /// The value that was set under `key`.
    fn own(&self, key: &str) -> Option<&Value> {
        self.set.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether the user set `key` (to anything, `null` included).
    pub fn is_set(&self, key: &str) -> bool {
        self.own(key).is_some()
    }

    /// Puts a value in place of whatever was there; `merge::apply` is the one that merges.
    pub fn set(&mut self, key: &str, value: Value) {
        match self.set.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => {
                let known = defaults::of(self.resource_type).get_key_value(key);
                let key = known.map_or_else(|| Cow::Owned(key.to_owned()), |(key, _)| Cow::Borrowed(*key));
                self.set.push((key, value));
            }
        }
    }

    /// Gives back room that nothing was set in.
    pub fn shrink_to_fit(&mut self) {
        self.set.shrink_to_fit();
    }

    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.set.iter().position(|(known, _)| known == key)?;
        Some(self.set.remove(at).1)
    }

    /// What was set, without the defaults.
    pub fn set_values(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.set.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// A text value; `None` when absent, null or of another type.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::as_bool)
    }

    pub fn materialized(&self) -> &str {
        self.text("materialized").unwrap_or("view")
    }

    pub fn enabled(&self) -> bool {
        // Asked of everything many times; whatever can be switched off is on by default.
        self.own("enabled").and_then(Value::as_bool).unwrap_or(true)
    }

    /// The tags, in order, each once.
    pub fn tags(&self) -> Vec<&str> {
        match self.get("tags") {
            Some(Value::Array(tags)) => tags.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(tag)) => vec![tag],
            _ => Vec::new(),
        }
    }

    pub fn meta(&self) -> Option<&serde_json::Map<String, Value>> {
        self.get("meta").and_then(Value::as_object)
    }

    /// Whether a contract is enforced (`contract: {enforced: true}`).
    pub fn contract_enforced(&self) -> bool {
        self.get("contract").and_then(|contract| contract.get("enforced")).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Everything, defaults first in dbt's order, then keys that only this node has.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        let defaults = defaults::of(self.resource_type);
        defaults
            .iter()
            .map(|(key, value)| (*key, self.own(key).unwrap_or(value)))
            .chain(self.set_values().filter(move |(key, _)| !defaults.contains_key(*key)))
    }
}

impl Serialize for NodeConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.entries() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for NodeConfig {
    /// Reads a config out of an artifact. The resource type is not part of the config's
    /// text, so the reader of the node sets it afterwards (`with_resource_type`).
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let set = IndexMap::<String, Value>::deserialize(deserializer)?;
        let set = set.into_iter().map(|(key, value)| (Cow::Owned(key), value)).collect();
        Ok(NodeConfig { resource_type: ResourceType::Model, set })
    }
}

impl NodeConfig {
    #[must_use]
    pub fn with_resource_type(mut self, resource_type: ResourceType) -> Self {
        self.resource_type = resource_type;
        self
    }
}
