//! Jinja's filters on text.

use std::collections::VecDeque;
use std::fmt::Write as _;

use minijinja::Value;

use super::arguments::{Arguments, integer, required, string, truth};
use super::strings;
use super::values::{self, Fault, text};

pub fn capitalize(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    Ok(Value::from(strings::capitalize(&text(value))))
}

pub fn lower(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    Ok(Value::from(text(value).to_lowercase()))
}

pub fn upper(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    Ok(Value::from(text(value).to_uppercase()))
}

/// Jinja's `title`: a capital after white space, a hyphen or an opening bracket.
pub fn title(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    let mut result = String::new();
    let mut start = true;
    for character in text(value).chars() {
        if start {
            result.extend(character.to_uppercase());
        } else {
            result.extend(character.to_lowercase());
        }
        start = character.is_whitespace() || matches!(character, '-' | '(' | '{' | '[' | '<');
    }
    Ok(Value::from(result))
}

pub fn trim(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [characters] = arguments.bind("trim", ["chars"])?;
    let characters = string(characters.as_ref(), "trim", "chars")?;
    let text = text(value);
    Ok(Value::from(match characters {
        Some(characters) => text.trim_matches(|c| characters.contains(c)),
        None => text.trim(),
    }))
}

pub fn replace(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [old, new, count] = arguments.bind("replace", ["old", "new", "count"])?;
    let old = text(&required(old, "replace", "old")?);
    let new = text(&required(new, "replace", "new")?);
    let count = integer(count.as_ref(), "replace", "count")?.and_then(|count| usize::try_from(count).ok());
    let text = text(value);
    Ok(Value::from(match count {
        Some(count) => text.replacen(&old, &new, count),
        None => text.replace(&old, &new),
    }))
}

pub fn center(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [width] = arguments.bind("center", ["width"])?;
    let width = width.unwrap_or_else(|| Value::from(80));
    let arguments = Arguments { positional: vec![width], named: Vec::new() };
    strings::call(&text(value), "center", arguments).unwrap_or_else(|| Ok(value.clone()))
}

pub fn format(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    if !arguments.named.is_empty() && !arguments.positional.is_empty() {
        return Err("`format` takes positional or named arguments, not both".to_owned());
    }
    let values = if arguments.named.is_empty() {
        values::tuple(arguments.positional)
    } else {
        values::dict_of(arguments.named.iter().map(|(name, value)| (name.as_ref(), value.clone())))
    };
    super::format::percent(&text(value), &values).map(Value::from)
}

pub fn escape(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    Ok(Value::from(escaped(&text(value))))
}

/// A text for HTML.
pub fn escaped(text: &str) -> String {
    let mut result = String::new();
    for character in text.chars() {
        match character {
            '&' => result.push_str("&amp;"),
            '<' => result.push_str("&lt;"),
            '>' => result.push_str("&gt;"),
            '"' => result.push_str("&#34;"),
            '\'' => result.push_str("&#39;"),
            _ => result.push(character),
        }
    }
    result
}

pub fn indent(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [width, first, blank] = arguments.bind("indent", ["width", "first", "blank"])?;
    let prefix = match width.as_ref().and_then(Value::as_str) {
        Some(prefix) => prefix.to_owned(),
        None => {
            let width = integer(width.as_ref(), "indent", "width")?.unwrap_or(4);
            " ".repeat(usize::try_from(width).unwrap_or(0).min(1 << 16))
        }
    };
    let (first, blank) = (truth(first.as_ref(), false), truth(blank.as_ref(), false));
    let text = text(value);
    let mut result = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            result.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty()) {
            result.push_str(&prefix);
        }
        result.push_str(line);
    }
    Ok(Value::from(result))
}

pub fn truncate(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [length, kill_words, end, leeway] = arguments.bind("truncate", ["length", "killwords", "end", "leeway"])?;
    let length = usize::try_from(integer(length.as_ref(), "truncate", "length")?.unwrap_or(255)).unwrap_or(0);
    let leeway = usize::try_from(integer(leeway.as_ref(), "truncate", "leeway")?.unwrap_or(5)).unwrap_or(0);
    let end = string(end.as_ref(), "truncate", "end")?.unwrap_or_else(|| "...".to_owned());
    let text = text(value);
    if text.chars().count() <= length + leeway {
        return Ok(Value::from(text));
    }
    let kept = length.saturating_sub(end.chars().count());
    let cut: String = text.chars().take(kept).collect();
    if truth(kill_words.as_ref(), false) {
        return Ok(Value::from(cut + &end));
    }
    let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    Ok(Value::from(format!("{whole}{end}")))
}

pub fn wordwrap(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [width, long_words, wrapstring] = arguments.bind("wordwrap", ["width", "break_long_words", "wrapstring"])?;
    let width = usize::try_from(integer(width.as_ref(), "wordwrap", "width")?.unwrap_or(79)).unwrap_or(79).max(1);
    let long_words = truth(long_words.as_ref(), true);
    let separator = string(wrapstring.as_ref(), "wordwrap", "wrapstring")?.unwrap_or_else(|| "\n".to_owned());
    let wrapped: Vec<String> =
        text(value).lines().map(|line| wrap_line(line, width, long_words).join(&separator)).collect();
    Ok(Value::from(wrapped.join(&separator)))
}

/// The pieces between which a line may end: words, also up to a hyphen within, and what is blank.
fn wrap_pieces(line: &str) -> VecDeque<String> {
    let mut pieces = VecDeque::new();
    let mut current = String::new();
    let characters: Vec<char> = line.chars().collect();
    for (at, character) in characters.iter().enumerate() {
        let blank_changes = current.ends_with(char::is_whitespace) != character.is_whitespace();
        let letter = |at: usize| characters.get(at).is_some_and(|character| character.is_alphabetic());
        let after_hyphen = at > 1 && characters[at - 1] == '-' && letter(at - 2) && letter(at) && letter(at + 1);
        if !current.is_empty() && (blank_changes || after_hyphen) {
            pieces.push_back(std::mem::take(&mut current));
        }
        current.push(*character);
    }
    if !current.is_empty() {
        pieces.push_back(current);
    }
    pieces
}

fn wrap_line(line: &str, width: usize, long_words: bool) -> Vec<String> {
    let blank = |piece: &String| piece.chars().all(char::is_whitespace);
    let size = |piece: &str| piece.chars().count();
    let mut pieces = wrap_pieces(line);
    let mut lines = Vec::new();
    while !pieces.is_empty() {
        if !lines.is_empty() && pieces.front().is_some_and(blank) {
            pieces.pop_front();
        }
        let mut current: Vec<String> = Vec::new();
        let mut used = 0;
        let mut take = |wanted: &dyn Fn(&str) -> bool| match pieces.front() {
            Some(piece) if wanted(piece) => pieces.pop_front(),
            _ => None,
        };
        while let Some(piece) = take(&|piece| used + size(piece) <= width) {
            used += size(&piece);
            current.push(piece);
        }
        let breaks = long_words || current.is_empty();
        if let Some(piece) = take(&|piece| breaks && size(piece) > width) {
            let room = if long_words { width.max(1).saturating_sub(used) } else { usize::MAX };
            let head: String = piece.chars().take(room).collect();
            // A word that is too long breaks behind a hyphen before it breaks anywhere.
            let head = match head.rfind('-').filter(|at| long_words && head[..*at].contains(|c| c != '-')) {
                Some(hyphen) => head[..=hyphen].to_owned(),
                None => head,
            };
            let rest = piece[head.len()..].to_owned();
            current.push(head);
            if !rest.is_empty() {
                pieces.push_front(rest);
            }
        }
        if current.last().is_some_and(blank) {
            current.pop();
        }
        if !current.is_empty() {
            lines.push(current.concat());
        }
    }
    lines
}

pub fn wordcount(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    let text = text(value);
    Ok(Value::from(text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()))
}

pub fn striptags(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    let mut result = String::new();
    let text = text(value);
    let mut rest = text.as_str();
    while let Some(at) = rest.find('<') {
        let (mark, end) = if rest[at..].starts_with("<!--") { ("-->", 3) } else { (">", 1) };
        let Some(length) = rest[at..].find(mark) else { break };
        result.push_str(&rest[..at]);
        rest = &rest[at + length + end..];
    }
    result.push_str(rest);
    Ok(Value::from(unescaped(&result.split_whitespace().collect::<Vec<_>>().join(" "))))
}

/// A text with HTML's most common names and all numbers of characters read.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        result.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').filter(|end| *end < 12);
        let character = end.and_then(|end| match &rest[1..end] {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            name => {
                let digits = name.strip_prefix('#')?;
                let code = match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => u32::from_str_radix(digits, 16),
                    None => digits.parse(),
                };
                code.ok().and_then(char::from_u32)
            }
        });
        match (character, end) {
            (Some(character), Some(end)) => {
                result.push(character);
                rest = &rest[end + 1..];
            }
            _ => {
                result.push('&');
                rest = &rest[1..];
            }
        }
    }
    result.push_str(rest);
    result
}

pub fn urlencode(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    if value.as_str().is_some() {
        return Ok(Value::from(quote(&text(value), "/")));
    }
    let mut parts = Vec::new();
    for (key, value) in super::methods::entries(value)? {
        let pair = format!("{}={}", quote(&text(&key), ""), quote(&text(&value), ""));
        parts.push(pair.replace("%20", "+"));
    }
    Ok(Value::from(parts.join("&")))
}

fn quote(text: &str, safe: &str) -> String {
    let mut result = String::new();
    for byte in text.bytes() {
        let character = byte as char;
        if byte.is_ascii_alphanumeric() || "_.-~".contains(character) || safe.contains(character) {
            result.push(character);
        } else {
            let _ = write!(result, "%{byte:02X}");
        }
    }
    result
}

pub fn xmlattr(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [space] = arguments.bind("xmlattr", ["autospace"])?;
    let mut parts = Vec::new();
    for (key, value) in values::pairs(value).unwrap_or_default() {
        if !value.is_none() && !value.is_undefined() {
            parts.push(format!("{}=\"{}\"", escaped(&text(&key)), escaped(&text(&value))));
        }
    }
    let space = if truth(space.as_ref(), true) && !parts.is_empty() { " " } else { "" };
    Ok(Value::from(format!("{space}{}", parts.join(" "))))
}

pub fn file_size(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [binary] = arguments.bind("filesizeformat", ["binary"])?;
    let binary = truth(binary.as_ref(), false);
    let number = values::Number::of(value).map(values::Number::float);
    let number = number.or_else(|| value.as_str()?.trim().parse().ok());
    let bytes = number.ok_or("`filesizeformat` needs a number")?;
    let base = if binary { 1024.0 } else { 1000.0 };
    if (bytes - 1.0).abs() < f64::EPSILON {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{bytes:.0} Bytes")));
    }
    let mut size = bytes;
    for prefix in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
        size /= base;
        if size < base || prefix == "Y" {
            let unit = if binary { format!("{}iB", prefix.to_uppercase()) } else { format!("{prefix}B") };
            return Ok(Value::from(format!("{size:.1} {unit}")));
        }
    }
    Ok(value.clone())
}
