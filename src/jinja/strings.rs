//! The methods of Python's strings.

use std::sync::LazyLock;

use minijinja::Value;
use regex::Regex;

use super::arguments::{Arguments, integer, required, string, truth};
use super::format;
use super::values::{self, Fault};

/// Every method that [`call`] knows.
pub const METHODS: [&str; 47] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// Calls a method of a string; `None` if strings have none of that name.
pub fn call(text: &str, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
    if !METHODS.contains(&name) {
        return None;
    }
    Some(match name {
        "format" => format::format(text, &arguments).map(Value::from),
        "format_map" => format_map(text, arguments),
        "join" => join(text, arguments),
        "split" | "rsplit" => split(text, name, arguments),
        "splitlines" => splitlines(text, arguments),
        "partition" | "rpartition" => partition(text, name, arguments),
        "replace" => replace(text, arguments),
        "strip" | "lstrip" | "rstrip" => strip(text, name, arguments),
        "startswith" | "endswith" => affix(text, name, arguments),
        "removeprefix" | "removesuffix" => remove_affix(text, name, arguments),
        "find" | "rfind" | "index" | "rindex" | "count" => find(text, name, arguments),
        "center" | "ljust" | "rjust" | "zfill" => pad(text, name, arguments),
        "expandtabs" => expand_tabs(text, arguments),
        "maketrans" => translation(arguments),
        "translate" => translate(text, arguments),
        "encode" => encode(text, arguments),
        _ => arguments.none(name).map(|()| simple(text, name)),
    })
}

fn simple(text: &str, name: &str) -> Value {
    let all = |test: fn(char) -> bool| Value::from(!text.is_empty() && text.chars().all(test));
    let cased = |test: fn(&char) -> bool, other: fn(&char) -> bool| {
        Value::from(text.chars().any(|c| test(&c)) && !text.chars().any(|c| other(&c)))
    };
    match name {
        "upper" => Value::from(text.to_uppercase()),
        "lower" => Value::from(text.to_lowercase()),
        "casefold" => Value::from(casefold(text)),
        "capitalize" => Value::from(capitalize(text)),
        "title" => Value::from(title(text)),
        "swapcase" => Value::from(
            text.chars()
                .flat_map(|c| {
                    let swapped: Vec<char> =
                        if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
                    swapped
                })
                .collect::<String>(),
        ),
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isdecimal" => all(is_decimal),
        "isdigit" => all(|c| is_decimal(c) || matches!(c, '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' | '₀'..='₉')),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(char::is_whitespace),
        "isascii" => Value::from(text.is_ascii()),
        "isprintable" => Value::from(text.chars().all(values::is_printable)),
        "isidentifier" => Value::from(
            text.chars().enumerate().all(|(at, c)| c == '_' || c.is_alphabetic() || (at > 0 && c.is_alphanumeric()))
                && !text.is_empty(),
        ),
        "islower" => cased(|c| c.is_lowercase(), |c| c.is_uppercase()),
        "isupper" => cased(|c| c.is_uppercase(), |c| c.is_lowercase()),
        _ => Value::from(text.chars().any(char::is_alphabetic) && title(text) == text),
    }
}

/// `str.capitalize`.
pub fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

/// `str.title`: a capital at the start of each run of letters.
pub fn title(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut inside = false;
    for character in text.chars() {
        if inside {
            result.extend(character.to_lowercase());
        } else {
            result.extend(character.to_uppercase());
        }
        inside = character.is_alphabetic();
    }
    result
}

/// `str.casefold`: what differs in case alone becomes the same, `ß` and `SS` too.
fn casefold(text: &str) -> String {
    let fold = |character: char| {
        let upper = character.to_lowercase().flat_map(char::to_uppercase);
        let folded: Vec<char> = match character {
            // Its capital is that of another letter.
            'ı' => vec![character],
            _ => upper.flat_map(char::to_lowercase).collect(),
        };
        folded
    };
    text.chars().flat_map(fold).collect()
}

/// A digit of any script.
fn is_decimal(character: char) -> bool {
    static DECIMAL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{Nd}").ok());
    character.is_ascii_digit()
        || (!character.is_ascii()
            && DECIMAL.as_ref().is_some_and(|digit| digit.is_match(character.encode_utf8(&mut [0; 4]))))
}

/// The encodings that templates may name.
#[derive(Debug, Clone, Copy)]
pub enum Encoding {
    Utf8,
    Ascii,
    Latin1,
}

/// The encoding of that name, in one of its spellings; UTF-8 if none is given.
pub fn encoding(name: Option<&str>) -> Result<Encoding, Fault> {
    match name.unwrap_or("utf8").to_lowercase().replace('_', "-").as_str() {
        "utf8" | "utf-8" => Ok(Encoding::Utf8),
        "ascii" | "us-ascii" => Ok(Encoding::Ascii),
        "latin1" | "latin-1" | "iso-8859-1" => Ok(Encoding::Latin1),
        other => Err(format!("unknown encoding: {other} (known are utf-8, ascii and latin-1)")),
    }
}

fn encode(text: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [name, errors] = arguments.bind("encode", ["encoding", "errors"])?;
    let last = match encoding(string(name.as_ref(), "encode", "encoding")?.as_deref())? {
        Encoding::Utf8 => return Ok(Value::from_bytes(text.as_bytes().to_vec())),
        Encoding::Ascii => 0x7f,
        Encoding::Latin1 => 0xff,
    };
    let errors = string(errors.as_ref(), "encode", "errors")?.unwrap_or_else(|| "strict".to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match (u8::try_from(character).ok().filter(|byte| *byte <= last), errors.as_str()) {
            (Some(byte), _) => bytes.push(byte),
            (None, "ignore") => {}
            (None, "replace") => bytes.push(b'?'),
            (None, _) => {
                return Err(format!("the encoding has no character {}", values::quoted(&character.to_string())));
            }
        }
    }
    Ok(Value::from_bytes(bytes))
}

fn format_map(text: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [mapping] = arguments.bind("format_map", ["mapping"])?;
    let pairs = super::methods::entries(&required(mapping, "format_map", "mapping")?)?;
    let named = pairs.into_iter().map(|(key, value)| (values::text(&key).into(), value)).collect();
    format::format(text, &Arguments { positional: Vec::new(), named }).map(Value::from)
}

fn join(text: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [items] = arguments.bind("join", ["iterable"])?;
    let mut result = String::new();
    for (index, item) in values::items(&required(items, "join", "iterable")?)?.iter().enumerate() {
        if index > 0 {
            result.push_str(text);
        }
        let Some(part) = item.as_str() else {
            let kind = values::type_name(item);
            return Err(format!("`join` needs strings, but item {index} is of type `{kind}`"));
        };
        result.push_str(part);
    }
    Ok(Value::from(result))
}

fn strings(parts: Vec<&str>) -> Value {
    values::list(parts.into_iter().map(Value::from).collect())
}

fn split(text: &str, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [separator, limit] = arguments.bind(name, ["sep", "maxsplit"])?;
    let separator = string(separator.as_ref(), name, "sep")?;
    let limit = usize::try_from(integer(limit.as_ref(), name, "maxsplit")?.unwrap_or(-1)).ok();
    let from_right = name == "rsplit";
    let Some(separator) = separator else {
        return Ok(split_whitespace(text, limit, from_right));
    };
    if separator.is_empty() {
        return Err(format!("the separator of `{name}` is empty"));
    }
    let separator = separator.as_str();
    Ok(strings(match (limit, from_right) {
        (None, _) => text.split(separator).collect(),
        (Some(limit), false) => text.splitn(limit + 1, separator).collect(),
        (Some(limit), true) => {
            let mut parts: Vec<&str> = text.rsplitn(limit + 1, separator).collect();
            parts.reverse();
            parts
        }
    }))
}

fn split_whitespace(text: &str, limit: Option<usize>, from_right: bool) -> Value {
    let Some(limit) = limit else {
        return strings(text.split_whitespace().collect());
    };
    let mut parts = Vec::new();
    let mut rest = if from_right { text.trim_end() } else { text.trim_start() };
    while !rest.is_empty() && parts.len() < limit {
        let cut = if from_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let Some(at) = cut else { break };
        let width = rest[at..].chars().next().map_or(1, char::len_utf8);
        if from_right {
            parts.push(&rest[at + width..]);
            rest = rest[..at].trim_end();
        } else {
            parts.push(&rest[..at]);
            rest = rest[at..].trim_start();
        }
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    if from_right {
        parts.reverse();
    }
    strings(parts)
}

fn splitlines(text: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [keep] = arguments.bind("splitlines", ["keepends"])?;
    let keep = truth(keep.as_ref(), false);
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end_of_line = |character: char| matches!(character, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let (line, end) = match rest.find(end_of_line) {
            Some(at) if rest[at..].starts_with("\r\n") => (at, at + 2),
            Some(at) => (at, at + rest[at..].chars().next().map_or(1, char::len_utf8)),
            None => (rest.len(), rest.len()),
        };
        lines.push(&rest[..if keep { end } else { line }]);
        rest = &rest[end..];
    }
    Ok(strings(lines))
}

fn partition(text: &str, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [separator] = arguments.bind(name, ["sep"])?;
    let separator = string(separator.as_ref(), name, "sep")?.filter(|separator| !separator.is_empty());
    let separator = separator.ok_or_else(|| format!("the separator of `{name}` is empty"))?;
    let found = if name == "partition" { text.split_once(&separator) } else { text.rsplit_once(&separator) };
    let parts = match found {
        Some((before, after)) => [before, separator.as_str(), after],
        None if name == "partition" => [text, "", ""],
        None => ["", "", text],
    };
    Ok(values::tuple(parts.into_iter().map(Value::from).collect()))
}

fn replace(text: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [old, new, count] = arguments.bind("replace", ["old", "new", "count"])?;
    let old = string(old.as_ref(), "replace", "old")?.ok_or("`replace` needs its argument `old`")?;
    let new = string(new.as_ref(), "replace", "new")?.ok_or("`replace` needs its argument `new`")?;
    let count = usize::try_from(integer(count.as_ref(), "replace", "count")?.unwrap_or(-1)).ok();
    Ok(Value::from(match count {
        Some(count) => text.replacen(&old, &new, count),
        None => text.replace(&old, &new),
    }))
}

/// The table of `str.maketrans`: what a character's number becomes, in the order of the arguments.
fn translation(arguments: Arguments) -> Result<Value, Fault> {
    let [from, to, drop] = arguments.bind("maketrans", ["x", "y", "z"])?;
    let number = |character: char| Value::from(u32::from(character));
    let mut table = values::Pairs::new();
    let Some(to) = string(to.as_ref(), "maketrans", "y")? else {
        let from = required(from, "maketrans", "x")?;
        let pairs = values::pairs(&from).ok_or("`maketrans` with one argument needs a dict")?;
        for (key, value) in pairs {
            let key = match key.as_str() {
                Some(text) if text.chars().count() == 1 => text.chars().next().map(number).unwrap_or_default(),
                Some(_) => return Err("string keys in translate table must be of length 1".to_owned()),
                None => key,
            };
            table.insert(key, value);
        }
        return Ok(values::dict(table));
    };
    let from = string(from.as_ref(), "maketrans", "x")?.ok_or("`maketrans` needs its argument `x`")?;
    if from.chars().count() != to.chars().count() {
        return Err("the first two maketrans arguments must have equal length".to_owned());
    }
    table.extend(from.chars().zip(to.chars()).map(|(from, to)| (number(from), number(to))));
    let drop = string(drop.as_ref(), "maketrans", "z")?.unwrap_or_default();
    table.extend(drop.chars().map(|character| (number(character), values::none())));
    Ok(values::dict(table))
}

/// Each character as the table has it under its number: a text, another number, or none for nothing.
fn translate(text: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [table] = arguments.bind("translate", ["table"])?;
    let table = required(table, "translate", "table")?;
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match table.get_item(&Value::from(u32::from(character))) {
            Ok(none) if none.is_none() => {}
            Ok(found) if !found.is_undefined() => match (found.as_str(), u32::try_from(found.clone())) {
                (Some(text), _) => result.push_str(text),
                (None, Ok(number)) => {
                    result.push(char::from_u32(number).ok_or("character mapping must be in range(0x110000)")?);
                }
                _ => return Err("character mapping must return integer, None or str".to_owned()),
            },
            _ => result.push(character),
        }
    }
    Ok(Value::from(result))
}

fn strip(text: &str, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [characters] = arguments.bind(name, ["chars"])?;
    let characters = string(characters.as_ref(), name, "chars")?;
    let drop = |c: char| characters.as_ref().map_or_else(|| c.is_whitespace(), |set| set.contains(c));
    Ok(Value::from(match name {
        "strip" => text.trim_matches(drop),
        "lstrip" => text.trim_start_matches(drop),
        _ => text.trim_end_matches(drop),
    }))
}

fn affix(text: &str, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [affix, start, end] = arguments.bind(name, ["prefix", "start", "end"])?;
    let affix = required(affix, name, "prefix")?;
    let text = window(text, integer(start.as_ref(), name, "start")?, integer(end.as_ref(), name, "end")?).0;
    let holds = |affix: &Value| match affix.as_str() {
        Some(affix) if name == "startswith" => Ok(text.starts_with(affix)),
        Some(affix) => Ok(text.ends_with(affix)),
        None => Err(format!("`{name}` needs a string or a tuple of strings, not `{}`", values::type_name(affix))),
    };
    if !values::is_tuple(&affix) {
        return holds(&affix).map(Value::from);
    }
    for affix in values::items(&affix)? {
        if holds(&affix)? {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

fn remove_affix(text: &str, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [affix] = arguments.bind(name, ["prefix"])?;
    let affix = string(affix.as_ref(), name, "prefix")?.unwrap_or_default();
    let rest =
        if name == "removeprefix" { text.strip_prefix(affix.as_str()) } else { text.strip_suffix(affix.as_str()) };
    Ok(Value::from(rest.unwrap_or(text)))
}

/// The part of a text between two positions in characters, and where it starts.
fn window(text: &str, start: Option<i64>, end: Option<i64>) -> (&str, usize) {
    if start.is_none() && end.is_none() {
        return (text, 0);
    }
    let length = text.chars().count();
    let place = |at: i64| {
        let signed = i64::try_from(length).unwrap_or(i64::MAX);
        usize::try_from(if at < 0 { at.saturating_add(signed).max(0) } else { at.min(signed) }).unwrap_or(0)
    };
    let (start, end) = (start.map_or(0, place), end.map_or(length, place));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    (text.get(byte(start)..byte(end)).unwrap_or(""), start)
}

fn find(text: &str, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [part, start, end] = arguments.bind(name, ["sub", "start", "end"])?;
    let part = string(part.as_ref(), name, "sub")?.ok_or_else(|| format!("`{name}` needs its argument `sub`"))?;
    let (text, offset) = window(text, integer(start.as_ref(), name, "start")?, integer(end.as_ref(), name, "end")?);
    if name == "count" {
        let count = if part.is_empty() { text.chars().count() + 1 } else { text.matches(&part).count() };
        return Ok(Value::from(count));
    }
    let found = if name.starts_with('r') { text.rfind(&part) } else { text.find(&part) };
    match found {
        Some(at) => Ok(Value::from(offset + text[..at].chars().count())),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(format!("{} is not in the string", values::quoted(&part))),
    }
}

fn pad(text: &str, name: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [width, fill] = arguments.bind(name, ["width", "fillchar"])?;
    let width =
        integer(width.as_ref(), name, "width")?.ok_or_else(|| format!("`{name}` needs its argument `width`"))?;
    let fill = string(fill.as_ref(), name, "fillchar")?;
    let fill = fill.and_then(|fill| fill.chars().next()).unwrap_or(if name == "zfill" { '0' } else { ' ' });
    let width = usize::try_from(width).unwrap_or(0).min(1 << 24);
    let missing = width.saturating_sub(text.chars().count());
    let padding = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(Value::from(match name {
        "ljust" => format!("{text}{}", padding(missing)),
        "rjust" => format!("{}{text}", padding(missing)),
        "zfill" => match text.strip_prefix(['+', '-']) {
            Some(digits) => format!("{}{}{digits}", &text[..1], padding(missing)),
            None => format!("{}{text}", padding(missing)),
        },
        _ => {
            let left = missing / 2 + (missing & width & 1);
            format!("{}{text}{}", padding(left), padding(missing - left))
        }
    }))
}

fn expand_tabs(text: &str, arguments: Arguments) -> Result<Value, Fault> {
    let [size] = arguments.bind("expandtabs", ["tabsize"])?;
    let size = usize::try_from(integer(size.as_ref(), "expandtabs", "tabsize")?.unwrap_or(8)).unwrap_or(0).min(1 << 10);
    let mut result = String::new();
    let mut column = 0;
    for character in text.chars() {
        match character {
            '\t' if size > 0 => {
                let spaces = size - column % size;
                result.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\t' => {}
            _ => {
                result.push(character);
                column = if character == '\n' || character == '\r' { 0 } else { column + 1 };
            }
        }
    }
    Ok(Value::from(result))
}
