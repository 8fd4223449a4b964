//! Values as Python shows them.
//!
//! dbt builds names and checksums from `str()` and `repr()` of what stands in YAML;
//! those names are identifiers for users, so the texts must be the same to the byte.

use std::fmt::Write;

use serde_json::Value;

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
        Value::String(text) => write_string(out, text),
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
                write_string(out, key);
                out.push_str(": ");
                write_literal(out, item);
            }
            out.push('}');
        }
    }
}

fn number_literal(number: &serde_json::Number) -> String {
    if number.is_f64() { float(number.as_f64().unwrap_or(f64::NAN)) } else { number.to_string() }
}

/// `repr` of a float: the shortest digits, an exponent below 1e-4 and from 1e16.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let size = value.abs();
    if value == 0.0 || (1e-4..1e16).contains(&size) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |rest| ("-", rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => scientific,
    }
}

/// The literal of a string: in single quotes, unless it holds those and no double ones.
pub fn write_string(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    // Most texts are written as they are.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\' && char::from(byte) != quote;
    if text.bytes().all(is_plain) {
        out.push_str(text);
        out.push(quote);
        return;
    }
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(character);
            }
            _ if is_printable(character) => out.push(character),
            _ => {
                let code = u32::from(character);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// Python's `str.isprintable`, as far as names in projects go: no controls, separators
/// other than the space, format characters.
fn is_printable(character: char) -> bool {
    !(character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(u32::from(character), 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe000..=0xf8ff))
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
