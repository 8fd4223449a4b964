//! Python models: which refs, sources and configs their code names.
//!
//! Calls of `dbt.ref`, `dbt.source` and `dbt.config` with literal arguments are read from
//! the text; nothing is run (docs.getdbt.com/docs/build/python-models).

use serde_json::{Map, Value};

use super::capture::Calls;
use crate::config::merge;
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::{CallTarget, RefCall, SourceCall, Version};

/// What a Python model asks for; `code` is its place.
///
/// # Errors
/// No function `model(dbt, session)` or several, arguments that are not literals, Jinja.
pub fn calls(code: &Span) -> Result<Calls, Diagnostic> {
    let text = code.file.text.get(code.start..code.end).unwrap_or("");
    let place = |start: usize, end: usize| Span::new(&code.file, code.start + start, code.start + end);
    if let Some(at) = ["{{", "{%"].iter().find_map(|open| text.find(open))
        && (text.contains("}}") || text.contains("%}"))
        && super::properties::holds_jinja(text)
        && !is_nested_literal(text, at)
    {
        return Err(Diagnostic::error("No jinja in python model code is allowed").at(place(at, at + 2)));
    }
    let mut calls = Calls::default();
    if text.trim().is_empty() {
        return Ok(calls);
    }
    check_model_function(text).map_err(|message| Diagnostic::error(message).at(place(0, text.len().min(1))))?;
    let mut used: [Vec<Value>; 4] = Default::default();
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, format_end: 0 };
    while let Some((function, start)) = reader.next_call() {
        let arguments = reader.arguments().ok_or_else(|| {
            Diagnostic::error(
                "Error when trying to literal_eval an arg to dbt.ref(), dbt.source(), dbt.config() or dbt.config.get()",
            )
            .at(place(start, reader.at))
            .hint("write the argument as a literal: https://docs.python.org/3/library/ast.html#ast.literal_eval")
        })?;
        let span = place(start, reader.at);
        note(function, arguments, &span, &mut calls, &mut used)
            .map_err(|message| Diagnostic::error(message).at(span))?;
    }
    let [keys, defaults, meta_keys, meta_defaults] = used;
    if !keys.is_empty() || !meta_keys.is_empty() {
        let mut config = Map::new();
        config.insert("config_keys_used".to_owned(), Value::Array(keys));
        config.insert("config_keys_defaults".to_owned(), Value::Array(defaults));
        config.insert("meta_keys_used".to_owned(), Value::Array(meta_keys));
        config.insert("meta_keys_defaults".to_owned(), Value::Array(meta_defaults));
        merge::join_calls(&mut calls.config, config);
    }
    Ok(calls)
}

/// `{{` of a dictionary within a dictionary or of an f-string, which is no Jinja.
fn is_nested_literal(text: &str, at: usize) -> bool {
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = &text[line_start..at];
    before.contains("f\"") || before.contains("f'")
}

/// The arguments of a call: positional, and by name.
type Arguments = (Vec<Value>, Vec<(String, Value)>);

fn note(
    function: &str,
    (positional, named): Arguments,
    span: &Span,
    calls: &mut Calls,
    used: &mut [Vec<Value>; 4],
) -> Result<(), String> {
    let texts: Option<Vec<String>> = positional.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    match function {
        "dbt.ref" => {
            let mut names =
                texts.filter(|names| matches!(names.len(), 1 | 2)).ok_or("dbt.ref() takes one or two names")?;
            let version = named.iter().find(|(name, _)| matches!(name.as_str(), "v" | "version"));
            let call = RefCall {
                name: names.pop().unwrap_or_default(),
                package: names.pop(),
                version: version.and_then(|(_, value)| Version::from_json(value)),
            };
            calls.places.push((CallTarget::Ref(call.clone()), span.clone()));
            calls.refs.push(call);
        }
        "dbt.source" => {
            let names = texts.and_then(|names| <[String; 2]>::try_from(names).ok());
            let [source, table] = names.ok_or("dbt.source() takes exactly two names")?;
            let call = SourceCall(source, table);
            calls.places.push((CallTarget::Source(call.clone()), span.clone()));
            calls.sources.push(call);
        }
        "dbt.config" => {
            let config = match (positional.as_slice(), named.is_empty()) {
                ([Value::Object(config)], true) => config.clone(),
                ([], false) => named.into_iter().collect(),
                _ => return Err("Invalid inline model config".to_owned()),
            };
            merge::join_calls(&mut calls.config, config);
        }
        _ => {
            let offset = if function == "dbt.config.get" { 0 } else { 2 };
            let given = positional.len();
            if given == 0 {
                return Err(format!("{function}() requires at least one argument"));
            }
            if given > 2 {
                return Err(format!("{function}() takes at most 2 arguments ({given} given)"));
            }
            used[offset].push(positional[0].clone());
            used[offset + 1].push(positional.get(1).cloned().unwrap_or_default());
        }
    }
    Ok(())
}

/// Exactly one `def model(dbt, session)`.
fn check_model_function(text: &str) -> Result<(), String> {
    let heads: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("def model").map(str::trim_start))
        .filter(|rest| rest.starts_with('('))
        .collect();
    if heads.len() != 1 {
        return Err(format!("dbt allows exactly one model defined per python file, found {}", heads.len()));
    }
    let at = text.find("def model").map_or(0, |at| at + "def model".len());
    let parameters =
        text[at..].split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(inside, _)| inside);
    let names: Vec<&str> = parameters
        .split(',')
        .map(|parameter| parameter.split([':', '=']).next().unwrap_or("").trim())
        .filter(|name| !name.is_empty())
        .collect();
    let mut errors = Vec::new();
    if names.first().is_some_and(|name| *name != "dbt") {
        errors.push("'dbt' not provided for model as the first argument");
    }
    if names.len() != 2 {
        errors.push("model function should have two args, `dbt` and a session to current warehouse");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Where the f-string ends that is being searched.
    format_end: usize,
}

const FUNCTIONS: [&str; 5] = ["dbt.config.meta_get", "dbt.config.get", "dbt.config", "dbt.source", "dbt.ref"];

impl Reader<'_> {
    /// Goes behind the `(` of the next call of one of the functions.
    fn next_call(&mut self) -> Option<(&'static str, usize)> {
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'#' => self.skip_line(),
                b'\'' | b'"' => {
                    // An f-string may hold calls; its text is searched like code.
                    let prefix = self.text[..self.at].bytes().rev().take_while(u8::is_ascii_alphabetic);
                    let is_format = prefix.take(2).any(|byte| matches!(byte, b'f' | b'F'));
                    let start = self.at;
                    if start < self.format_end {
                        self.at += 1;
                    } else if self.string().is_none() {
                        self.at = start + 1;
                    } else if is_format {
                        self.format_end = self.at;
                        self.at = start + 1;
                    }
                }
                b'd' if self.starts_word() => {
                    if let Some(function) = self.function() {
                        let start = self.at;
                        self.at += function.len();
                        self.skip_space();
                        if self.bytes.get(self.at) == Some(&b'(') {
                            self.at += 1;
                            return Some((function, start));
                        }
                    } else {
                        self.at += 1;
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }

    fn starts_word(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.bytes[at]);
        !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    }

    fn function(&self) -> Option<&'static str> {
        FUNCTIONS.into_iter().find(|name| {
            let after = self.bytes.get(self.at + name.len());
            self.text[self.at..].starts_with(name)
                && !after.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        })
    }

    fn skip_line(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| *byte != b'\n') {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        loop {
            match self.bytes.get(self.at) {
                Some(b'#') => self.skip_line(),
                Some(b'\\') if self.bytes.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(byte) if byte.is_ascii_whitespace() => self.at += 1,
                _ => return,
            }
        }
    }

    fn arguments(&mut self) -> Option<Arguments> {
        let (mut positional, mut named) = (Vec::new(), Vec::new());
        loop {
            self.skip_space();
            if *self.bytes.get(self.at)? == b')' {
                self.at += 1;
                return Some((positional, named));
            }
            match self.keyword() {
                Some(name) => named.push((name, self.value(0)?)),
                None => positional.push(self.value(0)?),
            }
            self.skip_space();
            match self.bytes.get(self.at)? {
                b',' => self.at += 1,
                b')' => {}
                _ => return None,
            }
        }
    }

    fn keyword(&mut self) -> Option<String> {
        let start = self.at;
        let name = self.word().to_owned();
        self.skip_space();
        let is_keyword =
            !name.is_empty() && self.bytes.get(self.at) == Some(&b'=') && self.bytes.get(self.at + 1) != Some(&b'=');
        if is_keyword {
            self.at += 1;
            return Some(name);
        }
        self.at = start;
        None
    }

    fn word(&mut self) -> &str {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > 32 {
            return None;
        }
        self.skip_space();
        match *self.bytes.get(self.at)? {
            b'\'' | b'"' => {
                let mut text = self.string()?;
                self.skip_space();
                while matches!(self.bytes.get(self.at), Some(b'\'' | b'"')) {
                    text.push_str(&self.string()?);
                    self.skip_space();
                }
                Some(Value::String(text))
            }
            b'[' => self.items(b']', depth),
            b'(' => self.items(b')', depth),
            b'{' => self.entries(depth),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                self.at += 1;
                while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_')) {
                    self.at += 1;
                }
                let text = self.text[start..self.at].replace('_', "");
                let integer = text.parse::<i64>().ok().map(Value::from);
                integer.or_else(|| text.parse::<f64>().ok().map(Value::from))
            }
            _ => match self.word() {
                "True" => Some(Value::Bool(true)),
                "False" => Some(Value::Bool(false)),
                "None" => Some(Value::Null),
                _ => None,
            },
        }
    }

    fn items(&mut self, close: u8, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if *self.bytes.get(self.at)? == close {
                self.at += 1;
                return Some(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match *self.bytes.get(self.at)? {
                b',' => self.at += 1,
                byte if byte == close => {}
                _ => return None,
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut entries = Map::new();
        loop {
            self.skip_space();
            if *self.bytes.get(self.at)? == b'}' {
                self.at += 1;
                return Some(Value::Object(entries));
            }
            let key = super::python::text(&self.value(depth + 1)?);
            self.skip_space();
            if *self.bytes.get(self.at)? != b':' {
                return None;
            }
            self.at += 1;
            entries.insert(key, self.value(depth + 1)?);
            self.skip_space();
            match *self.bytes.get(self.at)? {
                b',' => self.at += 1,
                b'}' => {}
                _ => return None,
            }
        }
    }

    /// A string with simple escapes, in one or three quotes.
    fn string(&mut self) -> Option<String> {
        let quote = self.bytes[self.at];
        let triple = self.bytes.get(self.at..self.at + 3).is_some_and(|bytes| bytes.iter().all(|byte| *byte == quote));
        let close = if triple { 3 } else { 1 };
        self.at += close;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.bytes.get(self.at)?;
            if byte == quote
                && self.bytes.get(self.at..self.at + close).is_some_and(|bytes| bytes.iter().all(|byte| *byte == quote))
            {
                self.at += close;
                return String::from_utf8(bytes).ok();
            }
            if byte == b'\n' && !triple {
                return None;
            }
            if byte == b'\\' {
                self.at += 1;
                match *self.bytes.get(self.at)? {
                    b'n' => bytes.push(b'\n'),
                    b't' => bytes.push(b'\t'),
                    b'\n' => {}
                    escaped @ (b'\\' | b'\'' | b'"') => bytes.push(escaped),
                    other => bytes.extend([b'\\', other]),
                }
            } else {
                bytes.push(byte);
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    fn read(text: &str) -> Result<Calls, Diagnostic> {
        let file = SourceFile::new("models/a.py", text);
        calls(&Span::new(&file, 0, text.len()))
    }

    #[test]
    fn calls_of_dbt_are_read_from_the_text() {
        let calls = read(
            "# dbt.ref('comment')\nimport pandas\n\ndef model(dbt, session):\n    dbt.config(materialized='table', packages=[\"numpy==1.23\"], meta={'a': 1})\n    \
             x = dbt.ref(\"orders\").df()\n    y = dbt.ref('pkg', 'b', v=2)\n    s = \"dbt.ref('text')\"\n    \
             z = (f'{x}', dbt.source('raw', 'items'))\n    k = dbt.config.get('key', 3)\n    return x\n",
        )
        .unwrap();
        let names: Vec<&str> = calls.refs.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["orders", "b"]);
        assert_eq!(calls.sources, [SourceCall("raw".into(), "items".into())]);
        assert_eq!(calls.config["packages"], serde_json::json!(["numpy==1.23"]));
        assert_eq!(calls.config["config_keys_used"], serde_json::json!(["key"]));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let check = |text: &str, expected: &str| assert!(read(text).unwrap_err().message.contains(expected), "{text}");
        check("def model(dbt, session):\n  return dbt.ref(name)\n", "literal_eval");
        check("def other(dbt, session):\n  return 1\n", "exactly one model");
        check("def model(session):\n  return 1\n", "first argument");
        check("def model(dbt, session):\n  return '{{ x }}'\n", "No jinja");
    }
}
