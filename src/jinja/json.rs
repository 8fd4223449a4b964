//! JSON as Python's `json` module reads and writes it.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::arguments::{Arguments, truth};
use super::values::{self, Fault, Number, type_name};

const MAX_DEPTH: usize = 100;

/// `json.dumps(value, sort_keys=...)`; fails for values without a form in JSON.
pub fn to_json(value: &Value, sort_keys: bool) -> Result<String, Fault> {
    let mut output = String::new();
    write(value, sort_keys, &mut output, 0)?;
    Ok(output)
}

fn write(value: &Value, sort_keys: bool, output: &mut String, depth: usize) -> Result<(), Fault> {
    if depth > MAX_DEPTH {
        return Err("the value is nested too deeply for JSON".to_owned());
    }
    match value.kind() {
        ValueKind::None => output.push_str("null"),
        ValueKind::Bool => output.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match Number::of(value) {
            Some(Number::Float(number)) if number.is_nan() => output.push_str("NaN"),
            Some(Number::Float(number)) if number.is_infinite() => {
                output.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
            }
            _ => output.push_str(&values::text(value)),
        },
        ValueKind::String => write_string(value.as_str().unwrap_or_default(), output),
        ValueKind::Seq => {
            output.push('[');
            for (index, item) in values::items(value)?.iter().enumerate() {
                if index > 0 {
                    output.push_str(", ");
                }
                write(item, sort_keys, output, depth + 1)?;
            }
            output.push(']');
        }
        ValueKind::Map => {
            let mut pairs: Vec<(String, Value)> = Vec::new();
            for (key, value) in values::pairs(value).unwrap_or_default() {
                pairs.push((key_text(&key)?, value));
            }
            if sort_keys {
                pairs.sort_by(|left, right| left.0.cmp(&right.0));
            }
            output.push('{');
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    output.push_str(", ");
                }
                write_string(key, output);
                output.push_str(": ");
                write(value, sort_keys, output, depth + 1)?;
            }
            output.push('}');
        }
        // Python's encoder refuses a `Decimal`; a number serves better.
        _ if super::decimal::float(value).is_some() => output.push_str(&values::text(value)),
        _ => return Err(format!("a value of type `{}` has no form in JSON", type_name(value))),
    }
    Ok(())
}

fn key_text(key: &Value) -> Result<String, Fault> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::None | ValueKind::Bool | ValueKind::Number => {
            let mut text = String::new();
            write(key, false, &mut text, 0)?;
            Ok(text)
        }
        _ => Err(format!("a key of type `{}` has no form in JSON", type_name(key))),
    }
}

fn write_string(text: &str, output: &mut String) {
    output.push('"');
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\u{8}' => output.push_str("\\b"),
            '\u{c}' => output.push_str("\\f"),
            ' '..='~' => output.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(output, "\\u{unit:04x}");
                }
            }
        }
    }
    output.push('"');
}

/// `json.loads`; `None` if the text is not JSON.
pub fn from_json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().map(|json: serde_json::Value| values::from_json(&json))
}

/// The filter `tojson`: keys sorted, and safe inside of HTML.
pub fn to_json_filter(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [indent, sort_keys] = arguments.bind("tojson", ["indent", "sort_keys"])?;
    let text = to_json(value, truth(sort_keys.as_ref(), true))?;
    let text = match indent.filter(|indent| !indent.is_none()) {
        Some(indent) => indented(&text, usize::try_from(indent).unwrap_or(2)),
        None => text,
    };
    let safe = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    Ok(Value::from(safe))
}

fn indented(text: &str, width: usize) -> String {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(text) else { return text.to_owned() };
    let spaces = " ".repeat(width.min(40));
    let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
    let mut output = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut output, formatter);
    match serde::Serialize::serialize(&json, &mut serializer) {
        Ok(()) => String::from_utf8_lossy(&output).into_owned(),
        Err(_) => text.to_owned(),
    }
}

pub fn from_json_filter(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    from_json(&values::text(value)).ok_or_else(|| "the text is not JSON".to_owned())
}
