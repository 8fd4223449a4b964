//! Values as Python shows them.
//!
//! dbt builds names and checksums from `str()` and `repr()` of what stands in YAML;
//! those names are identifiers for users, so the texts must be the same to the byte.

use serde_json::Value;

use crate::jinja::values::{float_text, write_quoted};

/// `str(value)`: text bare, everything else as its literal.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => literal(other),
    }
}

/// `repr(value)`.
pub fn literal(value: &Value) -> String {
    let mut out = String::new();
    write_literal(&mut out, value);
    out
}

fn write_literal(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number_literal(number)),
        Value::String(text) => write_quoted(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_literal(out, item);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_quoted(key, out);
                out.push_str(": ");
                write_literal(out, item);
            }
            out.push('}');
        }
    }
}

fn number_literal(number: &serde_json::Number) -> String {
    if number.is_f64() { float_text(number.as_f64().unwrap_or(f64::NAN)) } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn literals_are_those_of_python() {
        let check = |value: Value, expected: &str| assert_eq!(literal(&value), expected);
        check(json!(null), "None");
        check(
            json!([true, false, 1, 1.0, 1e16, 1e15, 0.0001, 0.00001, 1.5e300]),
            "[True, False, 1, 1.0, 1e+16, 1000000000000000.0, 0.0001, 1e-05, 1.5e+300]",
        );
        check(json!("a'b"), r#""a'b""#);
        check(json!("a\"b"), r#"'a"b'"#);
        check(json!("a'\"b"), r#"'a\'"b'"#);
        check(json!("é\n\t\0\u{200b}\\\u{a0}"), r"'é\n\t\x00\u200b\\\xa0'");
        check(json!({"a": ["x", {"b": null}]}), "{'a': ['x', {'b': None}]}");
        assert_eq!(text(&json!("plain")), "plain");
    }
}
