//! Splits a template into tokens, as Jinja2's lexer does with dbt's settings: no
//! block trimming, one newline at the end of the template dropped, `\r\n` read as
//! `\n`.

use std::ops::Range;
use std::sync::Arc;

use super::syntax::Place;
use crate::diagnostic::{Diagnostic, SourceFile};

#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    Text(Box<str>),
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    Integer(i128),
    Float(f64),
    String(Box<str>),
    Symbol(&'static str),
    End,
}

/// How many tokens most models and macros have at most.
const USUAL_TOKENS: usize = 64;

#[derive(Debug, Clone)]
pub struct Token {
    pub kind: TokenKind,
    pub place: Place,
}

/// The operator or punctuation at the start of a text.
fn symbol_of(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    Some(match (bytes.first()?, bytes.get(1)) {
        (b'*', Some(b'*')) => "**",
        (b'/', Some(b'/')) => "//",
        (b'=', Some(b'=')) => "==",
        (b'!', Some(b'=')) => "!=",
        (b'>', Some(b'=')) => ">=",
        (b'<', Some(b'=')) => "<=",
        (b'+', _) => "+",
        (b'-', _) => "-",
        (b'/', _) => "/",
        (b'*', _) => "*",
        (b'%', _) => "%",
        (b'~', _) => "~",
        (b'[', _) => "[",
        (b']', _) => "]",
        (b'(', _) => "(",
        (b')', _) => ")",
        (b'{', _) => "{",
        (b'}', _) => "}",
        (b'>', _) => ">",
        (b'<', _) => "<",
        (b'=', _) => "=",
        (b'.', _) => ".",
        (b':', _) => ":",
        (b'|', _) => "|",
        (b',', _) => ",",
        (b';', _) => ";",
        _ => return None,
    })
}

/// The tokens of a part of a file; the last one is [`TokenKind::End`].
///
/// Fails on tags, comments, strings and raw blocks that are not closed, and on
/// characters that have no meaning in an expression.
pub fn tokenize(file: &Arc<SourceFile>, range: Range<usize>) -> Result<Vec<Token>, Diagnostic> {
    let end = without_last_newline(&file.text[..range.end], range.start);
    let tokens = Vec::with_capacity(USUAL_TOKENS);
    let mut lexer =
        Lexer { file, text: &file.text[..end], at: range.start, trim_start: false, tokens, brackets: Vec::new() };
    lexer.template()?;
    lexer.push(TokenKind::End, end, end);
    Ok(lexer.tokens)
}

fn without_last_newline(text: &str, start: usize) -> usize {
    let stripped = text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).or_else(|| text.strip_suffix('\r'));
    stripped.map_or(text.len(), str::len).max(start)
}

/// Jinja2 reads every kind of line end as `\n`.
pub fn normalize_newlines(text: &str) -> Box<str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

struct Lexer<'a> {
    file: &'a Arc<SourceFile>,
    text: &'a str,
    at: usize,
    /// The tag before ended with `-`: white space that follows is dropped.
    trim_start: bool,
    tokens: Vec<Token>,
    /// Those open in the tag, and where.
    brackets: Vec<(u8, usize)>,
}

impl Lexer<'_> {
    fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        self.tokens.push(Token { kind, place: Place::new(start, end) });
    }

    fn fail(&self, message: impl Into<String>, start: usize, end: usize) -> Diagnostic {
        Diagnostic::error(message).at(Place::new(start, end).span(self.file))
    }

    fn template(&mut self) -> Result<(), Diagnostic> {
        while self.at < self.text.len() {
            let Some((open, mark)) = next_tag(self.text, self.at) else {
                self.text_until(self.text.len(), false);
                self.at = self.text.len();
                break;
            };
            let sign = self.text.as_bytes().get(open + 2).copied();
            self.text_until(open, sign == Some(b'-'));
            let inside = open + 2 + usize::from(matches!(sign, Some(b'-' | b'+')));
            match mark {
                b'#' => self.comment(open)?,
                b'{' => {
                    self.push(TokenKind::VariableBegin, open, inside);
                    self.at = inside;
                    self.inside(open, "}}")?;
                }
                _ => self.block(open, inside)?,
            }
        }
        Ok(())
    }

    /// Emits the text up to `end`, trimmed as the tags around it ask.
    fn text_until(&mut self, end: usize, trim_end: bool) {
        let mut text = &self.text[self.at..end];
        if std::mem::take(&mut self.trim_start) {
            text = text.trim_start();
        }
        if trim_end {
            text = text.trim_end();
        }
        if !text.is_empty() {
            self.push(TokenKind::Text(normalize_newlines(text)), self.at, end);
        }
    }

    fn comment(&mut self, open: usize) -> Result<(), Diagnostic> {
        let Some(length) = self.text[open + 2..].find("#}") else {
            return Err(self.fail("comment is not closed", open, open + 2).hint("close it with `#}`"));
        };
        let close = open + 2 + length;
        self.trim_start = close > open + 2 && self.text.as_bytes()[close - 1] == b'-';
        self.at = close + 2;
        Ok(())
    }

    fn block(&mut self, open: usize, inside: usize) -> Result<(), Diagnostic> {
        if let Some((body, trim)) = bare_tag(self.text, inside, "raw") {
            return self.raw(open, body, trim);
        }
        self.push(TokenKind::BlockBegin, open, inside);
        self.at = inside;
        self.inside(open, "%}")
    }

    fn raw(&mut self, open: usize, body: usize, trim: bool) -> Result<(), Diagnostic> {
        let mut search = body;
        while let Some(offset) = self.text[search..].find("{%") {
            let start = search + offset;
            let sign = self.text.as_bytes().get(start + 2).copied();
            let inside = start + 2 + usize::from(matches!(sign, Some(b'-' | b'+')));
            if let Some((after, trim_after)) = bare_tag(self.text, inside, "endraw") {
                self.at = body;
                self.trim_start = trim;
                self.text_until(start, sign == Some(b'-'));
                self.trim_start = trim_after;
                self.at = after;
                return Ok(());
            }
            search = start + 2;
        }
        Err(self.fail("`raw` block is not closed", open, body).hint("close it with `{% endraw %}`"))
    }

    /// The tokens of a tag up to its end.
    fn inside(&mut self, open: usize, close: &'static str) -> Result<(), Diagnostic> {
        self.brackets.clear();
        loop {
            self.skip_whitespace();
            let start = self.at;
            let rest = &self.text[start..];
            let Some(first) = rest.chars().next() else {
                return Err(self.unclosed_tag(open, close));
            };
            if self.brackets.is_empty() && self.tag_end(close) {
                return Ok(());
            }
            if first == '"' || first == '\'' {
                self.string(start)?;
            } else if first.is_ascii_digit() {
                self.number(start)?;
            } else if is_name_character(first) {
                let length = rest.find(|c| !is_name_character(c)).unwrap_or(rest.len());
                self.at += length;
                self.push(TokenKind::Name, start, self.at);
            } else if let Some(symbol) = symbol_of(rest) {
                self.at += symbol.len();
                self.push(TokenKind::Symbol(symbol), start, self.at);
                self.bracket(symbol.as_bytes()[0], start)?;
            } else {
                return Err(self.fail(format!("unexpected character `{first}`"), start, start + first.len_utf8()));
            }
        }
    }

    fn unclosed_tag(&self, open: usize, close: &str) -> Diagnostic {
        match self.brackets.last() {
            Some((bracket, at)) => self.fail(format!("`{}` is not closed", *bracket as char), *at, at + 1),
            None => self.fail("tag is not closed", open, open + 2).hint(format!("close it with `{close}`")),
        }
    }

    fn bracket(&mut self, symbol: u8, start: usize) -> Result<(), Diagnostic> {
        let expected = match symbol {
            b'(' | b'[' | b'{' => {
                self.brackets.push((symbol, start));
                return Ok(());
            }
            b')' => b'(',
            b']' => b'[',
            b'}' => b'{',
            _ => return Ok(()),
        };
        match self.brackets.pop() {
            Some((open, _)) if open == expected => Ok(()),
            Some((open, at)) => Err(self
                .fail(format!("`{}` does not close `{}`", symbol as char, open as char), start, start + 1)
                .note_at("opened here", Place::new(at, at + 1).span(self.file))),
            None => Err(self.fail(format!("`{}` closes nothing", symbol as char), start, start + 1)),
        }
    }

    fn tag_end(&mut self, close: &'static str) -> bool {
        let rest = &self.text[self.at..];
        let sign = usize::from(rest.starts_with(['-', '+']));
        if !rest[sign..].starts_with(close) {
            return false;
        }
        let kind = if close == "}}" { TokenKind::VariableEnd } else { TokenKind::BlockEnd };
        self.push(kind, self.at, self.at + sign + 2);
        self.trim_start = rest.starts_with('-');
        self.at += sign + 2;
        true
    }

    fn skip_whitespace(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn string(&mut self, start: usize) -> Result<(), Diagnostic> {
        let bytes = self.text.as_bytes();
        let quote = bytes[start];
        let mut at = start + 1;
        while at < bytes.len() && bytes[at] != quote {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        if at >= bytes.len() {
            return Err(self.fail("string is not closed", start, start + 1));
        }
        let text = unescape(&self.text[start + 1..at]).map_err(|message| self.fail(message, start, at + 1))?;
        self.push(TokenKind::String(text), start, at + 1);
        self.at = at + 1;
        Ok(())
    }

    fn number(&mut self, start: usize) -> Result<(), Diagnostic> {
        let bytes = self.text.as_bytes();
        let digits = |mut at: usize, valid: fn(&u8) -> bool| {
            while bytes.get(at).is_some_and(|byte| valid(byte) || *byte == b'_') {
                at += 1;
            }
            at
        };
        let radix = match (bytes[start], bytes.get(start + 1)) {
            (b'0', Some(b'x' | b'X')) => 16,
            (b'0', Some(b'o' | b'O')) => 8,
            (b'0', Some(b'b' | b'B')) => 2,
            _ => 10,
        };
        if radix != 10 {
            let end = digits(start + 2, u8::is_ascii_hexdigit);
            let written = self.text[start + 2..end].replace('_', "");
            let value = i128::from_str_radix(&written, radix)
                .map_err(|_| self.fail(format!("`{}` is not a number", &self.text[start..end]), start, end))?;
            self.push(TokenKind::Integer(value), start, end);
            self.at = end;
            return Ok(());
        }
        let mut end = digits(start, u8::is_ascii_digit);
        let after_name = self.tokens.last().is_some_and(|token| token.kind == TokenKind::Symbol("."));
        let mut float = false;
        if !after_name && bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1, u8::is_ascii_digit);
            float = true;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                end = digits(end + 1 + sign, u8::is_ascii_digit);
                float = true;
            }
        }
        let written = self.text[start..end].replace('_', "");
        let kind = if float {
            written.parse().map(TokenKind::Float).ok()
        } else {
            written.parse().map(TokenKind::Integer).ok()
        };
        let kind = kind.ok_or_else(|| self.fail(format!("`{written}` is too large a number"), start, end))?;
        self.push(kind, start, end);
        self.at = end;
        Ok(())
    }
}

fn is_name_character(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// The next `{{`, `{%` or `{#` and its second character.
fn next_tag(text: &str, from: usize) -> Option<(usize, u8)> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(offset) = bytes[at..].iter().position(|byte| *byte == b'{') {
        let open = at + offset;
        match bytes.get(open + 1) {
            Some(mark @ (b'{' | b'%' | b'#')) => return Some((open, *mark)),
            _ => at = open + 1,
        }
    }
    None
}

/// Where a tag that holds only `word` ends, and whether it trims what follows.
fn bare_tag(text: &str, inside: usize, word: &str) -> Option<(usize, bool)> {
    let rest = text[inside..].trim_start().strip_prefix(word)?.trim_start();
    let (trim, rest) = match rest.as_bytes().first()? {
        b'-' => (true, &rest[1..]),
        b'+' => (false, &rest[1..]),
        _ => (false, rest),
    };
    let rest = rest.strip_prefix("%}")?;
    Some((text.len() - rest.len(), trim))
}

/// Python's string escapes; an unknown one stays as it is written.
fn unescape(text: &str) -> Result<Box<str>, String> {
    let text = normalize_newlines(text);
    if !text.contains('\\') {
        return Ok(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        let Some(escape) = characters.next() else {
            result.push('\\');
            break;
        };
        let simple = match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '\\' | '\'' | '"' => escape,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            '\n' => continue,
            'x' | 'u' | 'U' => {
                let length = match escape {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                result.push(hexadecimal(&mut characters, length)?);
                continue;
            }
            '0'..='7' => {
                let mut code = escape.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = characters.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    characters.next();
                }
                result.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                continue;
            }
            _ => {
                result.push('\\');
                escape
            }
        };
        result.push(simple);
    }
    Ok(result.into())
}

fn hexadecimal(characters: &mut impl Iterator<Item = char>, length: usize) -> Result<char, String> {
    let digits: String = characters.take(length).collect();
    if digits.chars().count() != length {
        return Err("string ends within an escape".to_owned());
    }
    let code = u32::from_str_radix(&digits, 16).map_err(|_| format!("`{digits}` is not a hexadecimal escape"))?;
    Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}
