//! The configs of `dbt_project.yml`, found by fqn.
//!
//! A tree such as `models:` has a level per folder. [`Tree`] is built once per project
//! and kind; a node walks it by its fqn and meets the levels from the general to the
//! specific one (docs.getdbt.com/reference/configs-and-properties).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

/// The configs of one kind of resource in one `dbt_project.yml`.
#[derive(Debug, Default)]
pub struct Tree {
    root: Level,
    /// `meta` without a `+` at the top: a folder to most kinds, but not to all.
    meta: Option<Value>,
}

/// One level of a [`Tree`]: what it sets, and what stands below.
#[derive(Debug, Default)]
pub struct Level {
    /// What is set here, without the leading `+`.
    pub values: Vec<(Box<str>, Value)>,
    children: HashMap<Box<str>, Level>,
    reached: AtomicBool,
}

impl Tree {
    pub fn new(section: Option<&Map<String, Value>>) -> Self {
        let meta = section.and_then(|section| section.get("meta")).cloned();
        Tree { root: section.map(level).unwrap_or_default(), meta }
    }

    /// The levels that apply to `fqn`, the most general first; marks them as used.
    pub fn levels<'t>(&'t self, fqn: &[String]) -> impl Iterator<Item = &'t Level> {
        let mut levels = Vec::with_capacity(3);
        let mut level = &self.root;
        if !level.reached.load(Ordering::Relaxed) {
            level.reached.store(true, Ordering::Relaxed);
        }
        if !level.values.is_empty() {
            levels.push(level);
        }
        for part in fqn {
            let Some(child) = level.children.get(part.as_str()) else { break };
            if !child.reached.load(Ordering::Relaxed) {
                child.reached.store(true, Ordering::Relaxed);
            }
            if !child.values.is_empty() {
                levels.push(child);
            }
            level = child;
        }
        levels.into_iter()
    }

    /// The paths that set something and that no fqn has reached.
    pub fn unused(&self, section: &str) -> Vec<String> {
        let mut unused = Vec::new();
        if !self.root.values.is_empty() && !self.root.reached.load(Ordering::Relaxed) {
            unused.push(section.to_owned());
        }
        self.root.collect_unused(section, &mut unused);
        unused.sort_unstable();
        unused
    }

    /// What stands under `key` at the top of the tree, if anything.
    pub fn top(&self, key: &str) -> Option<&Value> {
        let found = self.root.values.iter().find(|(name, _)| &**name == key).map(|(_, value)| value);
        found.or(self.meta.as_ref().filter(|_| key == "meta"))
    }
}

impl Level {
    fn collect_unused(&self, path: &str, unused: &mut Vec<String>) {
        for (name, child) in &self.children {
            let path = format!("{path}.{name}");
            if !child.values.is_empty() && !child.reached.load(Ordering::Relaxed) {
                unused.push(path.clone());
            }
            child.collect_unused(&path, unused);
        }
    }
}

/// A key with `+`, or one whose value is no dictionary, is a config; the rest are folders.
fn level(section: &Map<String, Value>) -> Level {
    let mut found = Level::default();
    for (key, value) in section {
        if let Some(name) = key.strip_prefix('+') {
            found.values.push((name.trim().into(), value.clone()));
            continue;
        }
        match value {
            Value::Object(below) => {
                found.children.insert(key.as_str().into(), level(below));
            }
            _ => found.values.push((key.as_str().into(), value.clone())),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fqn(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn a_node_meets_the_levels_of_its_folders() {
        let section = json!({
            "+materialized": "view",
            "shop": {"staging": {"+materialized": "table", "tags": ["a"], "+meta": {"x": 1}}, "unseen": {"+enabled": false}},
        });
        let tree = Tree::new(section.as_object());
        let seen: Vec<&str> = tree
            .levels(&fqn("shop.staging.orders"))
            .flat_map(|level| level.values.iter().map(|(key, _)| &**key))
            .collect();
        assert_eq!(seen, ["materialized", "materialized", "tags", "meta"]);
        assert_eq!(tree.unused("models"), ["models.shop.unseen"]);
    }
}
