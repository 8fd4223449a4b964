//! A small language to pick from a JSON file: `.a.b`, `."a.b"`, `[0]`, `[]` (each), and after a
//! bar `keys`, `length` or `{a, b}` (only these fields of an object); `| sort` at the end sorts the lines.

use serde_json::{Map, Value};

/// What the path leads to, one result per line: text as it is, the rest as JSON.
pub fn pick(value: &Value, path: &str) -> Result<Vec<String>, String> {
    let mut values = vec![value.clone()];
    let (path, sorts) = path.strip_suffix("| sort").map_or((path, false), |rest| (rest.trim_end(), true));
    for (index, part) in path.split('|').enumerate() {
        let part = part.trim();
        let mut next = Vec::new();
        for value in values {
            if index == 0 || part.starts_with('.') {
                walk(value, part, &mut next)?
            } else {
                next.push(apply(value, part)?)
            }
        }
        values = next;
    }
    let mut lines: Vec<String> = values.iter().map(shown).collect();
    if sorts {
        lines.sort();
    }
    Ok(lines)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn walk(value: Value, path: &str, found: &mut Vec<Value>) -> Result<(), String> {
    if path.is_empty() || path == "." {
        found.push(value);
        return Ok(());
    }
    if let Some(rest) = path.strip_prefix("[]") {
        let items: Vec<Value> = match value {
            Value::Array(items) => items,
            Value::Object(fields) => fields.into_iter().map(|(_, value)| value).collect(),
            other => return Err(format!("`[]` on {other}")),
        };
        return items.into_iter().try_for_each(|item| walk(item, rest, found));
    }
    if let Some(rest) = path.strip_prefix('[') {
        let (index, rest) = rest.split_once(']').ok_or("`[` is not closed")?;
        let index: usize = index.parse().map_err(|_| format!("`[{index}]` is not a number"))?;
        let item = value.get(index).cloned().ok_or_else(|| format!("no item {index}"))?;
        return walk(item, rest, found);
    }
    let name_and_rest = path.strip_prefix('.').ok_or_else(|| format!("`{path}` begins with neither `.` nor `[`"))?;
    let (name, rest) = match name_and_rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
        None => name_and_rest.split_at(name_and_rest.find(['.', '[']).unwrap_or(name_and_rest.len())),
    };
    match value.get(name) {
        Some(field) => walk(field.clone(), rest, found),
        None => Err(format!("no field `{name}`")),
    }
}

fn apply(value: Value, function: &str) -> Result<Value, String> {
    if let Some(names) = function.strip_prefix('{').and_then(|names| names.strip_suffix('}')) {
        let picked: Map<String, Value> = names
            .split(',')
            .map(str::trim)
            .map(|name| (name.to_owned(), value.get(name).cloned().unwrap_or(Value::Null)))
            .collect();
        return Ok(Value::Object(picked));
    }
    match (function, &value) {
        ("keys", Value::Object(fields)) => Ok(Value::from(fields.keys().cloned().collect::<Vec<String>>())),
        ("length", Value::Object(fields)) => Ok(Value::from(fields.len())),
        ("length", Value::Array(items)) => Ok(Value::from(items.len())),
        ("length", Value::String(text)) => Ok(Value::from(text.chars().count())),
        _ => Err(format!("`{function}` does not apply to {value}")),
    }
}
