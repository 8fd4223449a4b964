//! YAML as PyYAML reads and writes it, for `fromyaml` and `toyaml`.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::values;
use crate::diagnostic::SourceFile;
use crate::yaml::{self, Node};

const MAX_DEPTH: usize = 60;

/// `yaml.safe_load`; `None` if the text is not YAML.
pub fn from_yaml(text: &str) -> Option<Value> {
    let parsed = yaml::parse_text(&SourceFile::new("fromyaml", text)).ok()?;
    Some(parsed.value.as_ref().map_or_else(values::none, from_node))
}

/// A parsed YAML value as Python has it.
pub fn from_node(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Null => values::none(),
        yaml::Value::Bool(truth) => Value::from(*truth),
        yaml::Value::Int(number) => Value::from(*number),
        yaml::Value::Float(number) => Value::from(*number),
        yaml::Value::String(text) => Value::from(text.as_ref()),
        yaml::Value::List(items) => values::list(items.iter().map(from_node).collect()),
        yaml::Value::Map(map) => values::dict_of(map.iter().map(|(key, value)| (key.text.as_ref(), from_node(value)))),
    }
}

/// `yaml.safe_dump` in block style.
///
/// # Errors
/// If there is something in the value that YAML has no words for.
pub fn to_yaml(value: &Value, sort_keys: bool) -> Result<String, String> {
    representable(value, 0)?;
    let mut output = String::new();
    match container(value) {
        Some(_) => write_block(value, sort_keys, 0, &mut output),
        None => {
            let _ = writeln!(output, "{}", scalar(value));
            if value.as_str().is_none() || is_plain(value.as_str().unwrap_or_default()) {
                output.push_str("...\n");
            }
        }
    }
    Ok(output)
}

/// Refuses objects such as relations and the adapter, wherever they are.
fn representable(value: &Value, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    match (container(value), value.kind()) {
        (Some(Container::List(items)), _) => items.iter().try_for_each(|item| representable(item, depth + 1)),
        (Some(Container::Map(pairs)), _) => pairs.iter().try_for_each(|(_, value)| representable(value, depth + 1)),
        // Dates and times have a form in YAML.
        (None, ValueKind::Plain) if super::datetime::type_name(value).is_none() => {
            Err(format!("a value of type `{}` cannot be written as YAML", values::type_name(value)))
        }
        (None, _) => Ok(()),
    }
}

enum Container {
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

fn container(value: &Value) -> Option<Container> {
    match value.kind() {
        ValueKind::Map => values::pairs(value).map(Container::Map),
        ValueKind::Seq => values::items(value).ok().map(Container::List),
        _ => None,
    }
}

fn write_block(value: &Value, sort_keys: bool, depth: usize, output: &mut String) {
    if depth > MAX_DEPTH {
        output.push_str("...\n");
        return;
    }
    let indent = "  ".repeat(depth);
    match container(value) {
        Some(Container::List(items)) if items.is_empty() => output.push_str("[]\n"),
        Some(Container::Map(pairs)) if pairs.is_empty() => output.push_str("{}\n"),
        Some(Container::List(items)) => {
            for item in &items {
                let _ = write!(output, "{indent}- ");
                write_item(item, sort_keys, depth + 1, output);
            }
        }
        Some(Container::Map(mut pairs)) => {
            if sort_keys {
                pairs.sort_by_key(|(key, _)| values::text(key));
            }
            for (key, value) in &pairs {
                let _ = write!(output, "{indent}{}:", scalar(key));
                match container(value) {
                    Some(Container::List(items)) if !items.is_empty() => {
                        output.push('\n');
                        write_block(value, sort_keys, depth, output);
                    }
                    Some(Container::Map(inner)) if !inner.is_empty() => {
                        output.push('\n');
                        write_block(value, sort_keys, depth + 1, output);
                    }
                    Some(_) => {
                        output.push(' ');
                        write_block(value, sort_keys, depth, output);
                    }
                    None => {
                        let _ = writeln!(output, " {}", scalar(value));
                    }
                }
            }
        }
        None => {
            let _ = writeln!(output, "{}", scalar(value));
        }
    }
}

/// An item of a list: a container starts on the line of its dash.
fn write_item(item: &Value, sort_keys: bool, depth: usize, output: &mut String) {
    let mut block = String::new();
    write_block(item, sort_keys, depth, &mut block);
    output.push_str(block.trim_start_matches(' '));
}

fn scalar(value: &Value) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "null".to_owned(),
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::Number => values::text(value),
        _ => {
            let text = values::text(value);
            if value.as_str().is_none() || is_plain(&text) {
                text
            } else if text.contains(['\n', '\t', '\r']) || text.chars().any(char::is_control) {
                serde_json::Value::String(text).to_string()
            } else {
                format!("'{}'", text.replace('\'', "''"))
            }
        }
    }
}

/// Whether a text reads back as itself without quotes.
fn is_plain(text: &str) -> bool {
    let safe_start = text.starts_with(|c: char| !c.is_whitespace() && !"-?:,[]{}#&*!|>'\"%@`".contains(c))
        || (text.starts_with(['-', '?', ':']) && text.len() > 1 && !text[1..].starts_with([' ', '-']));
    safe_start
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(char::is_control)
        && from_yaml(text).is_some_and(|value| value.as_str() == Some(text))
        && !looks_like_date(text)
}

fn looks_like_date(text: &str) -> bool {
    text.len() >= 8 && text.as_bytes().get(4) == Some(&b'-') && text[..4].bytes().all(|byte| byte.is_ascii_digit())
}
