//! What a simple model asks for, without rendering it.
//!
//! Most models hold nothing but `ref`, `source` and `config` calls with literal
//! arguments. Those are read here in one pass over the bytes; anything else gives
//! `None`, and the model is rendered.

use std::ops::Range;

use serde_json::{Map, Number, Value};

use crate::manifest::{RefCall, SourceCall, Version};

/// The calls of a simple model, in the order in which they stand.
#[derive(Debug, Default, PartialEq)]
pub struct Extraction {
    pub refs: Vec<(RefCall, Range<usize>)>,
    pub sources: Vec<(SourceCall, Range<usize>)>,
    pub configs: Vec<Map<String, Value>>,
    /// Whether dbt's own static reader takes this model, too: it reads no numbers.
    pub literal_only: bool,
}

/// The calls in `sql`, if it holds nothing but simple ones.
pub fn calls(sql: &str) -> Option<Extraction> {
    let bytes = sql.as_bytes();
    let mut extraction = Extraction { literal_only: true, ..Extraction::default() };
    let mut at = 0;
    while let Some(open) = next_brace(bytes, at) {
        match bytes.get(open + 1) {
            Some(b'{') => {
                let mut reader = Reader { sql, bytes, at: open + 2, free_keywords: false };
                reader.call(&mut extraction)?;
                at = reader.at;
            }
            Some(b'#') => at = open + 2 + sql[open + 2..].find("#}")? + 2,
            Some(b'%') => return None,
            _ => at = open + 1,
        }
    }
    Some(extraction)
}

/// A `ref(..)` or `source(..)` expression that stands alone, as in `relation:` and `to:`.
pub fn reference(expression: &str) -> Option<Extraction> {
    reference_with(expression, false)
}

/// As [`reference`]; with `free_keywords` a `ref` may have any, for a `ref` macro of the project.
pub fn reference_with(expression: &str, free_keywords: bool) -> Option<Extraction> {
    let mut extraction = Extraction { literal_only: true, ..Extraction::default() };
    let closed = format!("{expression} }}}}");
    let mut reader = Reader { sql: &closed, bytes: closed.as_bytes(), at: 0, free_keywords };
    reader.call(&mut extraction)?;
    let read_to_the_end = reader.at == closed.len();
    (read_to_the_end && extraction.configs.is_empty()).then_some(extraction)
}

fn next_brace(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.iter().position(|byte| *byte == b'{').map(|at| from + at)
}

struct Reader<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    free_keywords: bool,
}

/// One argument of a call.
type Argument<'a> = (Option<&'a str>, Value);

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn name(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            self.at += 1;
        }
        let name = &self.sql[start..self.at];
        (!name.is_empty() && !name.as_bytes()[0].is_ascii_digit()).then_some(name)
    }

    /// Reads from behind `{{` to behind `}}`.
    fn call(&mut self, extraction: &mut Extraction) -> Option<()> {
        if matches!(self.bytes.get(self.at), Some(b'-' | b'+')) {
            self.at += 1;
            extraction.literal_only = false;
        }
        let function = self.name()?;
        let start = self.at - function.len();
        self.take(b'(')?;
        let arguments = self.arguments(extraction)?;
        let range = start..self.at;
        match function {
            "ref" => extraction.refs.push((ref_call(arguments, self.free_keywords)?, range)),
            "source" => extraction.sources.push((source_call(arguments)?, range)),
            "config" => extraction.configs.push(config_call(arguments)?),
            _ => return None,
        }
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
            extraction.literal_only = false;
        }
        let closed = self.bytes.get(self.at..self.at + 2)? == b"}}";
        closed.then(|| self.at += 2)
    }

    /// Reads from behind `(` to behind `)`.
    fn arguments(&mut self, extraction: &mut Extraction) -> Option<Vec<Argument<'a>>> {
        let mut arguments = Vec::new();
        loop {
            if self.peek()? == b')' {
                self.at += 1;
                return Some(arguments);
            }
            let keyword = self.keyword();
            arguments.push((keyword, self.value(extraction, 0)?));
            match self.peek()? {
                b',' => self.at += 1,
                b')' => {}
                _ => return None,
            }
        }
    }

    /// `name =`, if that is what comes next.
    fn keyword(&mut self) -> Option<&'a str> {
        let start = self.at;
        if let Some(name) = self.name()
            && self.peek() == Some(b'=')
            && self.bytes.get(self.at + 1) != Some(&b'=')
        {
            self.at += 1;
            return Some(name);
        }
        self.at = start;
        None
    }

    fn value(&mut self, extraction: &mut Extraction, depth: usize) -> Option<Value> {
        if depth > 32 {
            return None;
        }
        match self.peek()? {
            quote @ (b'\'' | b'"') => Some(Value::String(self.string(quote)?)),
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                while self.peek()? != b']' {
                    items.push(self.value(extraction, depth + 1)?);
                    if self.peek()? == b',' {
                        self.at += 1;
                    } else if self.peek()? != b']' {
                        return None;
                    }
                }
                self.at += 1;
                Some(Value::Array(items))
            }
            b'{' => {
                self.at += 1;
                let mut entries = Map::new();
                while self.peek()? != b'}' {
                    let quote = self.peek()?;
                    let key = matches!(quote, b'\'' | b'"').then(|| self.string(quote))??;
                    self.take(b':')?;
                    let value = self.value(extraction, depth + 1)?;
                    entries.insert(key, value);
                    if self.peek()? == b',' {
                        self.at += 1;
                    } else if self.peek()? != b'}' {
                        return None;
                    }
                }
                self.at += 1;
                Some(Value::Object(entries))
            }
            b'-' | b'0'..=b'9' => {
                extraction.literal_only = false;
                self.number()
            }
            _ => match self.name()? {
                "True" => Some(Value::Bool(true)),
                "False" => Some(Value::Bool(false)),
                word @ ("true" | "false") => {
                    extraction.literal_only = false;
                    Some(Value::Bool(word == "true"))
                }
                "none" | "None" => {
                    extraction.literal_only = false;
                    Some(Value::Null)
                }
                _ => None,
            },
        }
    }

    /// A string without escapes; adjacent strings are left to the engine.
    fn string(&mut self, quote: u8) -> Option<String> {
        self.at += 1;
        let start = self.at;
        while *self.bytes.get(self.at)? != quote {
            if self.bytes[self.at] == b'\\' || self.bytes[self.at] == b'\r' {
                return None;
            }
            self.at += 1;
        }
        let text = self.sql[start..self.at].to_owned();
        self.at += 1;
        Some(text)
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
            self.at += 1;
        }
        let text = &self.sql[start..self.at];
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Value::from(integer));
        }
        let float: f64 = text.parse().ok()?;
        Number::from_f64(float).map(Value::Number)
    }
}

fn ref_call(arguments: Vec<Argument<'_>>, free_keywords: bool) -> Option<RefCall> {
    let mut names = Vec::new();
    let mut version = None;
    for (keyword, value) in arguments {
        match (keyword, value) {
            (None, Value::String(name)) => names.push(name),
            (Some("v" | "version"), value @ (Value::Number(_) | Value::String(_))) => {
                version = Version::from_json(&value);
            }
            (Some(_), _) if free_keywords => {}
            _ => return None,
        }
    }
    let name = names.pop()?;
    let package = names.pop();
    names.is_empty().then_some(RefCall { name, package, version })
}

fn source_call(arguments: Vec<Argument<'_>>) -> Option<SourceCall> {
    let mut names = Vec::new();
    for argument in arguments {
        match argument {
            (None, Value::String(name)) => names.push(name),
            _ => return None,
        }
    }
    let table = names.pop()?;
    let source = names.pop()?;
    names.is_empty().then_some(SourceCall(source, table))
}

fn config_call(arguments: Vec<Argument<'_>>) -> Option<Map<String, Value>> {
    let mut config = Map::new();
    for (keyword, value) in arguments {
        match keyword? {
            "pre_hook" | "post_hook" => return None,
            keyword => config.insert(keyword.to_owned(), value),
        };
    }
    (!config.is_empty()).then_some(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refs(sql: &str) -> Vec<RefCall> {
        calls(sql).map(|found| found.refs.into_iter().map(|(call, _)| call).collect()).unwrap_or_default()
    }

    #[test]
    fn simple_models_are_read_without_rendering() {
        let sql = "{{ config(materialized='table', tags=['a', \"b\"], meta={'x': True}) }}\n\
                   select {a: 1} from {{ ref('a') }} join {{ ref('p', 'b') }} -- {{ source('s','t') }}\n{# {{ nothing() }} #}";
        let found = calls(sql).unwrap();
        assert_eq!(found.configs[0]["tags"], json!(["a", "b"]));
        assert_eq!(found.configs[0]["meta"], json!({"x": true}));
        assert_eq!(found.refs[1].0, RefCall { name: "b".into(), package: Some("p".into()), version: None });
        assert_eq!(&sql[found.refs[0].1.clone()], "ref('a')");
        assert_eq!(found.sources[0].0, SourceCall("s".into(), "t".into()));
        assert!(found.literal_only);
        assert_eq!(refs("{{ ref('a', v=2) }}")[0].version, Some(Version::Number(2)));
    }

    #[test]
    fn everything_else_is_left_to_the_engine() {
        for sql in [
            "{% set a = 1 %}",
            "{{ this }}",
            "{{ var('a') }}",
            "{{ ref('a').identifier }}",
            "{{ ref('a') | upper }}",
            "{{ ref(name) }}",
            "{{ config(pre_hook='x') }}",
            "{{ config({'a': 'b'}) }}",
            "{{ config(a='x' ~ 'y') }}",
            "{{ config(a='x' 'y') }}",
            "{{ ref('a\\'b') }}",
            "{{ ref('a') }",
            "{{ config(a='}}'",
            "{# open",
            "{{ dbt_utils.star(ref('a')) }}",
            "{{ ref('a' 'b') }}",
            "{{ 'a' }}",
            "{{",
        ] {
            assert_eq!(calls(sql), None, "{sql}");
        }
        assert!(!calls("{{ config(lookback=2) }}").unwrap().literal_only);
    }

    #[test]
    fn a_reference_stands_alone() {
        assert_eq!(reference("ref('a')").unwrap().refs.len(), 1);
        assert_eq!(reference(" source('a', 'b') ").unwrap().sources.len(), 1);
        assert_eq!(reference("ref('a') and more"), None);
        assert_eq!(reference("'a'"), None);
        assert_eq!(reference("ref('a', label='x')"), None);
        assert_eq!(reference_with("ref('a', label='x')", true).unwrap().refs.len(), 1);
    }
}
