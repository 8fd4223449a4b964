//! YAML as PyYAML reads and writes it, for `fromyaml` and `toyaml`.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::{datetime, values};
use crate::diagnostic::SourceFile;
use crate::yaml::{self, Extent, Node};

const MAX_DEPTH: usize = 60;

/// `yaml.safe_load`; `None` if the text is not YAML.
pub fn from_yaml(text: &str) -> Option<Value> {
    let file = SourceFile::new("fromyaml", text);
    let parsed = yaml::parse_text(&file).ok()?;
    Some(parsed.value.as_ref().map_or_else(values::none, |node| from_node(node, &file)))
}

/// A parsed YAML value as Python has it.
fn from_node(node: &Node, file: &SourceFile) -> Value {
    match &node.value {
        yaml::Value::Null => values::none(),
        yaml::Value::Bool(truth) => Value::from(*truth),
        yaml::Value::Int(number) => Value::from(*number),
        yaml::Value::Float(number) => Value::from(*number),
        yaml::Value::String(text) => match yaml::is_timestamp(text) && is_plain_number(file, node.extent) {
            true => date_or_time(text).unwrap_or_else(|| Value::from(text.as_ref())),
            false => Value::from(text.as_ref()),
        },
        yaml::Value::List(items) => values::list(items.iter().map(|item| from_node(item, file)).collect()),
        yaml::Value::Map(map) => {
            values::dict(map.iter().map(|(key, value)| (key_value(key, file), from_node(value, file))).collect())
        }
    }
}

/// Whether a scalar is written without quotes and begins as numbers and dates do.
fn is_plain_number(file: &SourceFile, extent: Extent) -> bool {
    file.text[extent.start as usize..].starts_with(|first: char| first.is_ascii_digit())
}

fn date_or_time(text: &str) -> Option<Value> {
    if text.len() > 10 {
        datetime::from_iso(text)
    } else {
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(datetime::date)
    }
}

/// A key: a number, a date or a boolean too, if it is written without quotes.
fn key_value(key: &yaml::Key, file: &SourceFile) -> Value {
    if file.text[key.extent.start as usize..].starts_with(['\'', '"', '|', '>', '!', '&', '*', '?']) {
        return Value::from(key.text.as_ref());
    }
    from_node(&Node { value: yaml::plain(&key.text), extent: key.extent }, file)
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
            write_scalar(value, 2, &mut output);
            output.push('\n');
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
                output.push_str(&indent);
                output.push_str("- ");
                write_item(item, sort_keys, depth + 1, output);
            }
        }
        Some(Container::Map(mut pairs)) => {
            if sort_keys {
                pairs.sort_by_key(|(key, _)| values::text(key));
            }
            for (key, value) in &pairs {
                output.push_str(&indent);
                write_key(key, output);
                output.push(':');
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
                        output.push(' ');
                        write_scalar(value, 2 * (depth + 1), output);
                        output.push('\n');
                    }
                }
            }
        }
        None => {
            // Begun at the place of the block, so that the line's length is known.
            output.push_str(&indent);
            write_scalar(value, 2 * depth, output);
            output.push('\n');
        }
    }
}

/// An item of a list: a container starts on the line of its dash.
fn write_item(item: &Value, sort_keys: bool, depth: usize, output: &mut String) {
    let mut block = String::new();
    write_block(item, sort_keys, depth, &mut block);
    output.push_str(block.trim_start_matches(' '));
}

/// Lines are broken at the first space beyond this column.
const BEST_WIDTH: usize = 80;

/// Writes a scalar; further lines of it begin in column `indent`.
fn write_scalar(value: &Value, indent: usize, output: &mut String) {
    match value.as_str() {
        Some(text) => write_text(text, Some(indent), output),
        None => output.push_str(&plain(value)),
    }
}

/// A key is written on one line.
fn write_key(key: &Value, output: &mut String) {
    match key.as_str() {
        Some(text) => write_text(text, None, output),
        None => output.push_str(&plain(key)),
    }
}

/// What is no text and no container.
fn plain(value: &Value) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => "null".to_owned(),
        ValueKind::Bool => if value.is_true() { "true" } else { "false" }.to_owned(),
        ValueKind::Number if !value.is_integer() => match values::text(value).as_str() {
            "inf" => ".inf".to_owned(),
            "-inf" => "-.inf".to_owned(),
            "nan" => ".nan".to_owned(),
            // YAML 1.1 knows no exponent without a point.
            text if !text.contains('.') => text.replacen('e', ".0e", 1),
            text => text.to_owned(),
        },
        _ => values::text(value),
    }
}

/// Writes a text as PyYAML does: plain if it reads back so, else in single quotes, else with escapes.
fn write_text(text: &str, indent: Option<usize>, output: &mut String) {
    let is_ascii_text = text.chars().all(|character| matches!(character, '\n' | ' '..='~'));
    let has_blank_at_break = text.contains(" \n") || text.contains("\n ");
    if !is_ascii_text || has_blank_at_break || (text.contains('\n') && indent.is_none()) {
        write_escaped(text, indent, output);
    } else if !text.contains('\n') && is_plain(text) {
        write_folded(text, indent, output);
    } else {
        output.push('\'');
        write_folded(&text.replace('\'', "''"), indent, output);
        output.push('\'');
    }
}

/// The column in which the next character stands.
fn column(output: &str) -> usize {
    output.rsplit('\n').next().map_or(0, |line| line.chars().count())
}

/// A text whose long lines go on below where a single space is; a line break is an empty line.
fn write_folded(text: &str, indent: Option<usize>, output: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find([' ', '\n']) {
        let is_space = rest[at..].starts_with(' ');
        let end = rest[at..].find(|character: char| (character == ' ') != is_space || !matches!(character, ' ' | '\n'));
        let end = end.map_or(rest.len(), |end| at + end);
        let (before, blanks) = (&rest[..at], &rest[at..end]);
        output.push_str(before);
        let inside = !(before.is_empty() && rest.len() == text.len()) && end < rest.len();
        match indent {
            Some(indent) if !is_space => {
                output.push('\n');
                output.push_str(blanks);
                output.push_str(&" ".repeat(indent));
            }
            Some(indent) if blanks.len() == 1 && inside && column(output) > BEST_WIDTH => {
                output.push('\n');
                output.push_str(&" ".repeat(indent));
            }
            _ => output.push_str(blanks),
        }
        rest = &rest[end..];
    }
    output.push_str(rest);
}

/// A text in double quotes.
fn write_escaped(text: &str, indent: Option<usize>, output: &mut String) {
    output.push('"');
    let mut word = String::new();
    let length = text.chars().count();
    for (at, character) in text.chars().enumerate() {
        if let (' ', Some(indent)) = (character, indent)
            && at > 0
            && at < length - 1
            && column(output) + word.chars().count() > BEST_WIDTH
        {
            output.push_str(&std::mem::take(&mut word));
            output.push_str("\\\n");
            output.push_str(&" ".repeat(indent));
            output.push('\\');
        }
        match character {
            '\0' => word.push_str("\\0"),
            '\u{7}' => word.push_str("\\a"),
            '\u{8}' => word.push_str("\\b"),
            '\t' => word.push_str("\\t"),
            '\n' => word.push_str("\\n"),
            '\u{b}' => word.push_str("\\v"),
            '\u{c}' => word.push_str("\\f"),
            '\r' => word.push_str("\\r"),
            '\u{1b}' => word.push_str("\\e"),
            '"' => word.push_str("\\\""),
            '\\' => word.push_str("\\\\"),
            '\u{85}' => word.push_str("\\N"),
            '\u{a0}' => word.push_str("\\_"),
            '\u{2028}' => word.push_str("\\L"),
            '\u{2029}' => word.push_str("\\P"),
            ' '..='~' => word.push(character),
            _ => {
                let _ = match character as u32 {
                    code @ ..=0xff => write!(word, "\\x{code:02X}"),
                    code @ ..=0xffff => write!(word, "\\u{code:04X}"),
                    code => write!(word, "\\U{code:08X}"),
                };
            }
        }
    }
    output.push_str(&word);
    output.push('"');
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
