//! How a value joins what a less specific place has set.
//!
//! Three ways (docs.getdbt.com/reference/define-configs#combining-configs): most keys
//! are replaced; `tags`, hooks, `packages` and the like are appended; dictionaries such
//! as `meta`, `column_types`, `docs` are merged key by key; `grants` is replaced per
//! grant unless the key begins with `+`.

use serde_json::{Map, Value};

use super::NodeConfig;
use crate::resource::ResourceType;

/// How the values of a key combine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    Replace,
    Append,
    Merge,
    /// Per key replaced, or appended where the key is written with a leading `+`.
    Grants,
}

/// How values of `key` combine.
pub fn combine(resource_type: ResourceType, key: &str) -> Combine {
    // The tags of sources and exposures are gathered from all their places before.
    let plain = matches!(resource_type, ResourceType::Source | ResourceType::Exposure);
    match key {
        "tags" if plain => Combine::Replace,
        "meta" if resource_type == ResourceType::Exposure => Combine::Replace,
        "tags" | "pre-hook" | "post-hook" | "packages" => Combine::Append,
        "meta" | "column_types" | "docs" | "quoting" | "contract" => Combine::Merge,
        "grants" => Combine::Grants,
        _ => Combine::Replace,
    }
}

/// Applies one key of a more specific place to `config`.
///
/// `key` may be written with a leading `+` and hooks with `_` for `-`.
pub fn apply(config: &mut NodeConfig, key: &str, value: Value) {
    let key = canonical_key(key);
    let value = match key {
        "pre-hook" | "post-hook" => hooks(value),
        "tags" | "packages" => Value::Array(as_list(value)),
        _ => value,
    };
    let merged = match (combine(config.resource_type(), key), config.get(key)) {
        (Combine::Append, Some(Value::Array(old))) => {
            let mut list = old.clone();
            list.extend(as_list(value));
            Value::Array(list)
        }
        (Combine::Merge, Some(Value::Object(old))) => match value {
            Value::Object(new) => Value::Object(merge_maps(old.clone(), new)),
            other => other,
        },
        (Combine::Grants, old) => merge_grants(old, value),
        (_, _) => value,
    };
    config.set(key, merged);
}

/// The name under which a key is kept: no leading `+`, hooks with a hyphen.
pub fn canonical_key(key: &str) -> &str {
    let key = key.strip_prefix('+').unwrap_or(key);
    match key {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        key => key,
    }
}

fn merge_maps(mut old: Map<String, Value>, new: Map<String, Value>) -> Map<String, Value> {
    for (key, value) in new {
        old.insert(key, value);
    }
    old
}

fn merge_grants(old: Option<&Value>, new: Value) -> Value {
    let Value::Object(new) = new else { return new };
    let mut grants = old.and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, grantees) in new {
        let grantees = as_list(grantees);
        match key.strip_prefix('+') {
            Some(name) => {
                let mut all = grants.get(name).cloned().map(as_list).unwrap_or_default();
                all.extend(grantees);
                grants.insert(name.to_owned(), Value::Array(all));
            }
            None => {
                grants.insert(key, Value::Array(grantees));
            }
        }
    }
    Value::Object(grants)
}

/// Joins one `config()` call of a file to those before it.
///
/// The first call is kept as it was written; lists and dictionaries of later ones are
/// joined to it. `grants` keeps its `+`, because the layers below come in only later.
pub fn join_calls(calls: &mut Map<String, Value>, call: Map<String, Value>) {
    if calls.is_empty() {
        *calls = call;
        return;
    }
    for (key, value) in call {
        let old = calls.remove(&key);
        let joined = match key.as_str() {
            "pre-hook" | "pre_hook" | "post-hook" | "post_hook" | "tags" | "packages" => {
                let mut list = old.map(one_or_more).unwrap_or_default();
                list.extend(one_or_more(value));
                Value::Array(list)
            }
            "quoting" | "column_types" | "meta" | "docs" | "contract" | "snapshot_meta_column_names" => {
                match (old, value) {
                    (Some(Value::Object(old)), Value::Object(new)) => Value::Object(merge_maps(old, new)),
                    (_, value) => value,
                }
            }
            "grants" => join_grants(old, value),
            _ => value,
        };
        calls.insert(key, joined);
    }
}

fn join_grants(old: Option<Value>, new: Value) -> Value {
    let Value::Object(new) = new else { return new };
    let mut grants: Map<String, Value> = match old {
        Some(Value::Object(old)) => old.into_iter().map(|(key, value)| (key, one_or_more(value).into())).collect(),
        _ => Map::new(),
    };
    for (key, value) in new {
        let mut list = match grants.remove(&key) {
            Some(Value::Array(old)) if key.starts_with('+') => old,
            _ => Vec::new(),
        };
        list.extend(one_or_more(value));
        grants.insert(key, Value::Array(list));
    }
    Value::Object(grants)
}

fn one_or_more(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        single => vec![single],
    }
}

fn as_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        single => vec![single],
    }
}

/// Hooks are kept as `{sql, transaction, index}`; a string may itself be such an object in JSON.
fn hooks(value: Value) -> Value {
    let hooks = as_list(value).into_iter().map(|hook| match hook {
        Value::Object(mut hook) => {
            hook.entry("transaction").or_insert(Value::Bool(true));
            hook.entry("index").or_insert(Value::Null);
            Value::Object(hook)
        }
        Value::String(text) => match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(hook)) if hook.contains_key("sql") => {
                let transaction = hook.get("transaction").cloned().unwrap_or(Value::Bool(true));
                serde_json::json!({"sql": hook["sql"], "transaction": transaction, "index": null})
            }
            _ => serde_json::json!({"sql": text, "transaction": true, "index": null}),
        },
        other => other,
    });
    Value::Array(hooks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::ResourceType;
    use serde_json::json;

    fn check(layers: &[(&str, Value)], key: &str, expected: Value) {
        let mut config = NodeConfig::new(ResourceType::Model);
        for (key, value) in layers {
            apply(&mut config, key, value.clone());
        }
        assert_eq!(config.get(key), Some(&expected), "{layers:?}");
    }

    #[test]
    fn values_combine_as_documented() {
        check(&[("materialized", json!("view")), ("+materialized", json!("table"))], "materialized", json!("table"));
        check(&[("tags", json!("a")), ("+tags", json!(["b", "a"]))], "tags", json!(["a", "b", "a"]));
        check(
            &[("meta", json!({"a": 1, "b": {"c": 1}})), ("meta", json!({"b": {"d": 2}}))],
            "meta",
            json!({"a": 1, "b": {"d": 2}}),
        );
        check(
            &[("grants", json!({"select": "x"})), ("grants", json!({"+select": ["y"]}))],
            "grants",
            json!({"select": ["x", "y"]}),
        );
        check(
            &[("grants", json!({"select": "x"})), ("grants", json!({"select": ["y"]}))],
            "grants",
            json!({"select": ["y"]}),
        );
        check(
            &[("pre_hook", json!("select 1")), ("pre-hook", json!([{"sql": "select 2", "transaction": false}]))],
            "pre-hook",
            json!([{"sql": "select 1", "transaction": true, "index": null}, {"sql": "select 2", "transaction": false, "index": null}]),
        );
        check(&[("docs", json!({"show": false}))], "docs", json!({"show": false, "node_color": null}));
    }
}
