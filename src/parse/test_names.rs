//! Names and ids of generic tests.
//!
//! A test is named after its macro, its target and its arguments; the end of its id is
//! a hash over all of that. People select tests by these names and keep them in
//! artifacts, so they must be those of dbt.

use md5::{Digest, Md5};
use serde_json::{Map, Value};

use super::python;
use crate::jinja::values::write_quoted;

/// The longest name that still serves as a file name and alias; from this length on
/// the short name ends in a hash.
const LONGEST_NAME: usize = 64;
const KEPT_BEFORE_HASH: usize = 30;
const HASH_LENGTH: usize = 10;

/// A test's names: `full` in the id and the fqn, `short` as file name and alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestName {
    pub short: String,
    pub full: String,
}

/// The name of the test `kind` (with prefixes such as `source_` or `dbt_utils_`) on
/// `target`, made from its arguments.
pub fn synthesize(kind: &str, target: &str, arguments: &Map<String, Value>) -> TestName {
    let mut names: Vec<&String> = arguments.keys().filter(|name| *name != "model").collect();
    names.sort_unstable();
    let mut parts = Vec::new();
    for name in names {
        match &arguments[name] {
            Value::Object(entries) => parts.extend(entries.values().map(|value| clean(&python::text(value)))),
            Value::Array(items) => parts.extend(items.iter().map(|value| clean(&python::text(value)))),
            single => parts.push(clean(&python::text(single))),
        }
    }
    let identifier = [kind, "_", target].concat();
    // Exact lengths: these names are kept.
    let full = [&identifier, "_", &parts.join("__")].concat();
    if full.chars().count() < LONGEST_NAME {
        return TestName { short: full.clone(), full };
    }
    let kept: String = identifier.chars().take(KEPT_BEFORE_HASH).collect();
    TestName { short: format!("{kept}_{}", md5_hex(&full)), full }
}

/// Each run of characters other than ASCII letters, digits and `_` becomes one `_`.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            out.push(character);
            in_run = false;
        } else if !in_run {
            out.push('_');
            in_run = true;
        }
    }
    out
}

/// The hash at the end of a generic test's id.
pub fn id_hash(name: &str, macro_name: &str, namespace: Option<&str>, arguments: &Map<String, Value>) -> String {
    let mut hashed = String::with_capacity(name.len() + 160);
    hashed.push_str(name);
    hashed.push_str("{'kwargs': ");
    write_hashable_map(&mut hashed, arguments);
    hashed.push_str(", 'name': ");
    write_quoted(macro_name, &mut hashed);
    hashed.push_str(", 'namespace': ");
    write_quoted(namespace.unwrap_or("None"), &mut hashed);
    hashed.push('}');
    let hex = md5_hex(&hashed);
    hex[hex.len() - HASH_LENGTH..].to_owned()
}

/// Dictionaries with sorted keys, and everything that is no list or dictionary as text.
fn write_hashable(out: &mut String, value: &Value) {
    match value {
        Value::Object(entries) => write_hashable_map(out, entries),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_hashable(out, item);
            }
            out.push(']');
        }
        single => write_quoted(&python::text(single), out),
    }
}

fn write_hashable_map(out: &mut String, entries: &Map<String, Value>) {
    let mut sorted: Vec<(&String, &Value)> = entries.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (index, (key, item)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_quoted(key, out);
        out.push_str(": ");
        write_hashable(out, item);
    }
    out.push('}');
}

/// The md5 of a text in hexadecimal digits.
pub fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: &str, target: &str, arguments: Value, full: &str, short: &str, hash: &str) {
        let mut arguments = arguments.as_object().cloned().unwrap_or_default();
        let name = synthesize(kind, target, &arguments);
        assert_eq!(name, TestName { short: short.to_owned(), full: full.to_owned() });
        arguments.insert("model".to_owned(), json!(format!("{{{{ get_where_subquery(ref('{target}')) }}}}")));
        assert_eq!(id_hash(&name.full, kind, None, &arguments), hash);
    }

    #[test]
    fn names_and_hashes_are_those_of_dbt() {
        // As written to manifest.json by dbt 1.11 for its public example project.
        check(
            "unique",
            "customers",
            json!({"column_name": "customer_id"}),
            "unique_customers_customer_id",
            "unique_customers_customer_id",
            "c5af1ff4b1",
        );
        check(
            "relationships",
            "orders",
            json!({"to": "ref('customers')", "field": "customer_id", "column_name": "customer_id"}),
            "relationships_orders_customer_id__customer_id__ref_customers_",
            "relationships_orders_customer_id__customer_id__ref_customers_",
            "c6ec7f58f2",
        );
        check(
            "accepted_values",
            "orders",
            json!({"values": ["placed", "shipped", "completed", "return_pending", "returned"], "column_name": "status"}),
            "accepted_values_orders_status__placed__shipped__completed__return_pending__returned",
            "accepted_values_orders_1ce6ab157c285f7cd2ac656013faf758",
            "be6b5b5ec3",
        );
    }
}
