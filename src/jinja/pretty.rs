//! Python's `pprint`: a value over several lines where one is too narrow, keys in order.

use minijinja::Value;

use super::values;

const WIDTH: usize = 80;

/// `pprint.pformat(value)`.
pub fn text(value: &Value) -> String {
    let mut output = String::new();
    write(value, 0, 0, &mut output);
    output
}

/// Writes a value that begins in column `indent` and has `behind` characters after it on its last line.
fn write(value: &Value, indent: usize, behind: usize, output: &mut String) {
    let line = in_one_line(value);
    if indent + line.chars().count() + behind <= WIDTH {
        output.push_str(&line);
        return;
    }
    if let Some(pairs) = sorted_pairs(value) {
        let written = pairs.iter().map(|(key, value)| (format!("{}: ", values::representation(key)), value));
        write_all(written, ("{", "}"), indent, behind, output);
    } else if values::is_tuple(value) || values::type_name(value) == "list" {
        let items = values::items(value).unwrap_or_default();
        let marks = if values::is_tuple(value) { ("(", ")") } else { ("[", "]") };
        write_all(items.iter().map(|item| (String::new(), item)), marks, indent, behind, output);
    } else {
        output.push_str(&line);
    }
}

/// Items one below the other, each after what leads to it.
fn write_all<'v>(
    items: impl ExactSizeIterator<Item = (String, &'v Value)>,
    (open, close): (&str, &str),
    indent: usize,
    behind: usize,
    output: &mut String,
) {
    output.push_str(open);
    let last = items.len().saturating_sub(1);
    for (index, (lead, item)) in items.enumerate() {
        if index > 0 {
            output.push_str(",\n");
            output.push_str(&" ".repeat(indent + 1));
        }
        output.push_str(&lead);
        let behind = if index == last { behind + 1 } else { 1 };
        write(item, indent + 1 + lead.chars().count(), behind, output);
    }
    output.push_str(close);
}

fn sorted_pairs(value: &Value) -> Option<Vec<(Value, Value)>> {
    let mut pairs = values::pairs(value)?;
    pairs.sort_by(|(left, _), (right, _)| {
        values::compare(left, right).unwrap_or_else(|_| values::type_name(left).cmp(values::type_name(right)))
    });
    Some(pairs)
}

/// `repr(value)` with the keys of dicts in order.
fn in_one_line(value: &Value) -> String {
    if let Some(pairs) = sorted_pairs(value) {
        let pair = |(key, value): &(Value, Value)| format!("{}: {}", values::representation(key), in_one_line(value));
        return format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "));
    }
    if values::type_name(value) == "list" {
        let items = values::items(value).unwrap_or_default();
        return format!("[{}]", items.iter().map(in_one_line).collect::<Vec<_>>().join(", "));
    }
    values::representation(value)
}
