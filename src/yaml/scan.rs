//! From text to tokens, by the rules that libyaml has for YAML 1.1.
//!
//! dbt reads its files with libyaml, which is kinder than YAML 1.2 in places that people
//! use: closing brackets and further lines of quoted texts may stand in any column, tabs
//! may follow a colon. Places are bytes throughout. What makes YAML need more than one look
//! ahead is the simple key: only a `:` tells that what came before it was a key, so a
//! [`Token::Key`] is put in later, before the token at which the key began.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

/// Lists and mappings in brackets inside each other.
const MAX_FLOW_DEPTH: usize = 200;
/// The longest key that is recognised without `?`.
const MAX_KEY_BYTES: usize = 1024;

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) message: &'static str,
    pub(super) at: usize,
    /// Where what is broken began, if that tells more.
    pub(super) began: Option<(usize, &'static str)>,
}

impl Problem {
    pub(super) fn new(message: &'static str, at: usize) -> Problem {
        Problem { message, at, began: None }
    }

    fn since(message: &'static str, at: usize, began: usize, what: &'static str) -> Problem {
        Problem { message, at, began: Some((began, what)) }
    }
}

type Result<T> = std::result::Result<T, Problem>;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    StreamEnd,
    /// `%YAML` and `%TAG`: handle and prefix of the latter.
    Directive(Option<(&'a str, &'a str)>),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag(&'a str),
    /// The text, and whether it was written without quotes.
    Scalar(Cow<'a, str>, bool),
}

/// A token with its bytes.
#[derive(Debug, Clone)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A token that a later `:` may make a key.
#[derive(Debug, Clone, Copy, Default)]
struct SimpleKey {
    is_possible: bool,
    /// It stands where only a key can stand.
    is_required: bool,
    token_number: usize,
    at: usize,
    line: usize,
    column: usize,
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
    tokens: VecDeque<Placed<'a>>,
    taken: usize,
    /// The column of the open block; `-1` outside of all.
    indent: isize,
    indents: Vec<isize>,
    flow_level: usize,
    key_allowed: bool,
    /// One for each flow level, the block level first.
    keys: Vec<SimpleKey>,
    has_ended: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Scanner<'a> {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Scanner {
            text,
            bytes: text.as_bytes(),
            at: start,
            line: 0,
            line_start: start,
            tokens: VecDeque::with_capacity(64),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            key_allowed: true,
            keys: vec![SimpleKey::default()],
            has_ended: false,
        }
    }

    /// The next token, without taking it.
    pub(super) fn peek(&mut self) -> Result<&Placed<'a>> {
        self.fetch()?;
        self.tokens.front().ok_or(Problem::new("the file ends here unexpectedly", self.at))
    }

    pub(super) fn take(&mut self) -> Result<Placed<'a>> {
        self.fetch()?;
        self.taken += 1;
        self.tokens.pop_front().ok_or(Problem::new("the file ends here unexpectedly", self.at))
    }

    /// Reads on until the first token cannot become a key any more.
    fn fetch(&mut self) -> Result<()> {
        loop {
            if !self.tokens.is_empty() {
                self.drop_stale_keys()?;
                let taken = self.taken;
                if !self.keys.iter().any(|key| key.is_possible && key.token_number == taken) {
                    return Ok(());
                }
            }
            if self.has_ended {
                return Ok(());
            }
            self.fetch_token()?;
        }
    }

    fn fetch_token(&mut self) -> Result<()> {
        self.skip_to_token();
        self.drop_stale_keys()?;
        self.unroll(self.column() as isize);
        let Some(byte) = self.byte(0) else { return self.fetch_end() };
        if self.column() == 0 {
            if byte == b'%' {
                return self.fetch_directive();
            }
            if self.is_document_indicator() {
                let token = if byte == b'-' { Token::DocumentStart } else { Token::DocumentEnd };
                self.end_blocks()?;
                self.push_bytes(token, 3);
                return Ok(());
            }
        }
        let in_flow = self.flow_level > 0;
        match byte {
            b'[' => self.open_flow(Token::FlowSequenceStart),
            b'{' => self.open_flow(Token::FlowMappingStart),
            b']' => self.close_flow(Token::FlowSequenceEnd),
            b'}' => self.close_flow(Token::FlowMappingEnd),
            b',' => {
                self.remove_key()?;
                self.key_allowed = true;
                self.push_bytes(Token::FlowEntry, 1);
                Ok(())
            }
            b'-' if self.is_blank_or_end(1) => self.fetch_block_entry(),
            b'?' if in_flow || self.is_blank_or_end(1) => self.fetch_key(),
            b':' if in_flow || self.is_blank_or_end(1) => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(byte == b'*'),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !in_flow => self.fetch_block_scalar(byte == b'|'),
            b'\'' | b'"' => self.fetch_quoted(byte),
            b'|' | b'>' | b'%' | b'@' | b'`' | b'\t' | b'#' => {
                let message = match byte {
                    b'\t' => "a tab is not allowed as indentation",
                    _ => "a value cannot begin with this character",
                };
                Err(Problem::new(message, self.at))
            }
            _ => self.fetch_plain(),
        }
    }

    // Looking at the text.

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn column(&self) -> usize {
        self.at - self.line_start
    }

    /// How many bytes the line break at `at` has; 0 if there is none.
    fn break_length(&self, at: usize) -> usize {
        match self.bytes.get(at) {
            Some(b'\n') => 1,
            Some(b'\r') => 1 + usize::from(self.bytes.get(at + 1) == Some(&b'\n')),
            Some(0xc2) if self.bytes.get(at + 1) == Some(&0x85) => 2,
            Some(0xe2) if matches!(self.bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9])) => 3,
            _ => 0,
        }
    }

    fn is_break(&self) -> bool {
        self.break_length(self.at) > 0
    }

    fn is_blank(&self) -> bool {
        matches!(self.byte(0), Some(b' ' | b'\t'))
    }

    /// Whether a blank, a line break or the end is `ahead` bytes from here.
    fn is_blank_or_end(&self, ahead: usize) -> bool {
        match self.bytes.get(self.at + ahead) {
            None | Some(b' ' | b'\t' | b'\n' | b'\r') => true,
            Some(0xc2 | 0xe2) => self.break_length(self.at + ahead) > 0,
            _ => false,
        }
    }

    fn is_document_indicator(&self) -> bool {
        self.column() == 0
            && matches!(self.bytes.get(self.at..self.at + 3), Some(b"---" | b"..."))
            && self.is_blank_or_end(3)
    }

    fn skip_break(&mut self) {
        self.at += self.break_length(self.at);
        self.line += 1;
        self.line_start = self.at;
    }

    /// Skips the line break and adds what it counts as: `\n`, or itself for the two of Unicode.
    fn read_break(&mut self, into: &mut String) {
        into.push_str(self.break_text(self.at));
        self.skip_break();
    }

    fn break_text(&self, at: usize) -> &'a str {
        let is_unicode = self.break_length(at) == 3;
        if is_unicode { &self.text[at..at + 3] } else { "\n" }
    }

    /// What the line breaks among blanks count as.
    fn breaks_in(&self, blanks: Range<usize>) -> String {
        let mut breaks = String::new();
        let mut at = blanks.start;
        while at < blanks.end {
            let length = self.break_length(at);
            if length > 0 {
                breaks.push_str(self.break_text(at));
            }
            at += length.max(1);
        }
        breaks
    }

    fn skip_to_token(&mut self) {
        loop {
            while let Some(byte) = self.byte(0) {
                let is_blank = byte == b' ' || (byte == b'\t' && (self.flow_level > 0 || !self.key_allowed));
                if !is_blank {
                    break;
                }
                self.at += 1;
            }
            if self.byte(0) == Some(b'#') {
                self.skip_line();
            }
            if !self.is_break() {
                return;
            }
            self.skip_break();
            if self.flow_level == 0 {
                self.key_allowed = true;
            }
        }
    }

    /// Goes to the end of the line, before its break.
    fn skip_line(&mut self) {
        while let Some(byte) = self.byte(0) {
            if matches!(byte, b'\n' | b'\r') || (matches!(byte, 0xc2 | 0xe2) && self.is_break()) {
                return;
            }
            self.at += 1;
        }
    }

    // Keys and indentation.

    fn push(&mut self, token: Token<'a>, start: usize) {
        self.tokens.push_back(Placed { token, start, end: self.at });
    }

    fn push_bytes(&mut self, token: Token<'a>, length: usize) {
        let start = self.at;
        self.at += length;
        self.push(token, start);
    }

    fn save_key(&mut self) -> Result<()> {
        if !self.key_allowed {
            return Ok(());
        }
        self.remove_key()?;
        let key = SimpleKey {
            is_possible: true,
            is_required: self.flow_level == 0 && self.indent == self.column() as isize,
            token_number: self.taken + self.tokens.len(),
            at: self.at,
            line: self.line,
            column: self.column(),
        };
        if let Some(last) = self.keys.last_mut() {
            *last = key;
        }
        Ok(())
    }

    fn remove_key(&mut self) -> Result<()> {
        let Some(key) = self.keys.last_mut() else { return Ok(()) };
        if key.is_possible && key.is_required {
            return Err(Problem::new("a `:` is missing after this key", key.at));
        }
        key.is_possible = false;
        Ok(())
    }

    /// A key must end on its line.
    fn drop_stale_keys(&mut self) -> Result<()> {
        let (line, at) = (self.line, self.at);
        for key in &mut self.keys {
            if key.is_possible && (key.line < line || key.at + MAX_KEY_BYTES < at) {
                if key.is_required {
                    return Err(Problem::new("a `:` is missing after this key", key.at));
                }
                key.is_possible = false;
            }
        }
        Ok(())
    }

    /// Opens a block at a column if it is deeper than the open one.
    fn roll(&mut self, column: usize, number: Option<usize>, token: Token<'a>, at: usize) {
        if self.flow_level > 0 || self.indent >= column as isize {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column as isize;
        let placed = Placed { token, start: at, end: at };
        match number {
            Some(number) => self.tokens.insert(number - self.taken, placed),
            None => self.tokens.push_back(placed),
        }
    }

    /// Closes the blocks that are deeper than a column.
    fn unroll(&mut self, column: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(Token::BlockEnd, self.at);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn end_blocks(&mut self) -> Result<()> {
        self.unroll(-1);
        self.remove_key()?;
        self.key_allowed = false;
        Ok(())
    }

    // One token each.

    fn fetch_end(&mut self) -> Result<()> {
        self.end_blocks()?;
        self.has_ended = true;
        self.push(Token::StreamEnd, self.at);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<()> {
        self.end_blocks()?;
        let start = self.at;
        self.skip_line();
        let mut words = self.text[start..self.at].split([' ', '\t']).filter(|word| !word.is_empty());
        let token = match (words.next(), words.next(), words.next()) {
            (Some("%YAML"), Some(_), _) => Token::Directive(None),
            (Some("%TAG"), Some(handle), Some(prefix)) => Token::Directive(Some((handle, prefix))),
            _ => return Err(Problem::new("this directive is not known", start)),
        };
        self.push(token, start);
        Ok(())
    }

    fn open_flow(&mut self, token: Token<'a>) -> Result<()> {
        self.save_key()?;
        if self.flow_level == MAX_FLOW_DEPTH {
            return Err(Problem::new("brackets nest deeper than 200 levels", self.at));
        }
        self.flow_level += 1;
        self.keys.push(SimpleKey::default());
        self.key_allowed = true;
        self.push_bytes(token, 1);
        Ok(())
    }

    fn close_flow(&mut self, token: Token<'a>) -> Result<()> {
        self.remove_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.keys.pop();
        }
        self.key_allowed = false;
        self.push_bytes(token, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<()> {
        if self.flow_level == 0 {
            if !self.key_allowed {
                return Err(Problem::new("a list item is not allowed here", self.at));
            }
            self.roll(self.column(), None, Token::BlockSequenceStart, self.at);
        }
        self.remove_key()?;
        self.key_allowed = true;
        self.push_bytes(Token::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<()> {
        if self.flow_level == 0 {
            if !self.key_allowed {
                return Err(Problem::new("a key is not allowed here", self.at));
            }
            self.roll(self.column(), None, Token::BlockMappingStart, self.at);
        }
        self.remove_key()?;
        self.key_allowed = self.flow_level == 0;
        self.push_bytes(Token::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<()> {
        let key = self.keys.last().copied().unwrap_or_default();
        if key.is_possible {
            let placed = Placed { token: Token::Key, start: key.at, end: key.at };
            self.tokens.insert(key.token_number - self.taken, placed);
            self.roll(key.column, Some(key.token_number), Token::BlockMappingStart, key.at);
            if let Some(key) = self.keys.last_mut() {
                key.is_possible = false;
            }
            self.key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.key_allowed {
                    return Err(Problem::new("a `:` is not allowed here", self.at));
                }
                self.roll(self.column(), None, Token::BlockMappingStart, self.at);
            }
            self.key_allowed = self.flow_level == 0;
        }
        self.push_bytes(Token::Value, 1);
        Ok(())
    }

    fn fetch_anchor(&mut self, is_alias: bool) -> Result<()> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.at;
        self.at += 1;
        while self.byte(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            self.at += 1;
        }
        let name = &self.text[start + 1..self.at];
        let ends_well = self.is_blank_or_end(0)
            || matches!(self.byte(0), Some(b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'));
        if name.is_empty() || !ends_well {
            let message = match is_alias {
                true => "the name of an alias has letters, digits, `-` and `_`",
                false => "the name of an anchor has letters, digits, `-` and `_`",
            };
            return Err(Problem::new(message, start));
        }
        self.push(if is_alias { Token::Alias(name) } else { Token::Anchor(name) }, start);
        Ok(())
    }

    fn fetch_tag(&mut self) -> Result<()> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.at;
        let in_flow = self.flow_level > 0;
        let ends = |byte: Option<u8>| in_flow && matches!(byte, Some(b',' | b'[' | b']' | b'{' | b'}'));
        while !self.is_blank_or_end(0) && !ends(self.byte(0)) {
            self.at += 1;
        }
        self.push(Token::Tag(&self.text[start..self.at]), start);
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<()> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.at;
        let indent = (self.indent + 1).max(0) as usize;
        let mut folded = String::new();
        // The first line, or all that `folded` does not hold yet.
        let mut piece = start;
        let mut end = start;
        let mut is_folded = false;
        let mut was_break = false;
        loop {
            if self.is_document_indicator() || self.byte(0) == Some(b'#') {
                break;
            }
            let word = self.at;
            self.skip_plain_word()?;
            if self.at == word {
                break;
            }
            end = self.at;
            was_break = false;
            if !self.is_blank_or_end(0) || self.byte(0).is_none() {
                break;
            }
            while self.is_blank() || self.is_break() {
                if self.is_break() {
                    was_break = true;
                    self.skip_break();
                    continue;
                }
                if was_break && self.column() < indent && self.byte(0) == Some(b'\t') {
                    return Err(Problem::new("a tab is not allowed as indentation", self.at));
                }
                self.at += 1;
            }
            if self.flow_level == 0 && was_break && self.column() < indent {
                break;
            }
            if was_break && !self.plain_ends_here() {
                folded.push_str(&self.text[piece..end]);
                is_folded = true;
                push_folded(&mut folded, &self.breaks_in(end..self.at));
                piece = self.at;
            }
        }
        if was_break {
            self.key_allowed = true;
        }
        let text = if is_folded {
            if piece < end {
                folded.push_str(&self.text[piece..end]);
            }
            Cow::Owned(folded)
        } else {
            Cow::Borrowed(&self.text[start..end])
        };
        self.tokens.push_back(Placed { token: Token::Scalar(text, true), start, end });
        Ok(())
    }

    /// Whether nothing of a plain text follows at the start of its next line.
    fn plain_ends_here(&self) -> bool {
        match self.byte(0) {
            None | Some(b'#') => true,
            Some(b':') => self.is_blank_or_end(1),
            Some(b',' | b'[' | b']' | b'{' | b'}') => self.flow_level > 0,
            _ => self.is_document_indicator(),
        }
    }

    /// Skips what belongs to a plain text up to a blank, a line break or an end.
    fn skip_plain_word(&mut self) -> Result<()> {
        let in_flow = self.flow_level > 0;
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => return Ok(()),
                b':' => {
                    if self.is_blank_or_end(1) {
                        return Ok(());
                    }
                    if in_flow && matches!(self.byte(1), Some(b',' | b'[' | b']' | b'{' | b'}')) {
                        return Ok(());
                    }
                }
                b',' | b'[' | b']' | b'{' | b'}' if in_flow => return Ok(()),
                0xc2 | 0xe2 if self.is_break() => return Ok(()),
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    fn fetch_quoted(&mut self, quote: u8) -> Result<()> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.at;
        self.at += 1;
        let text = match self.simple_quoted(quote) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.quoted(quote, start)?),
        };
        self.push(Token::Scalar(text, false), start);
        Ok(())
    }

    /// A quoted text on one line without escapes, as almost all are.
    fn simple_quoted(&mut self, quote: u8) -> Option<&'a str> {
        let rest = &self.bytes[self.at..];
        let length =
            rest.iter().position(|byte| *byte == quote || matches!(byte, b'\\' | b'\n' | b'\r' | 0xc2 | 0xe2))?;
        if rest[length] != quote || (quote == b'\'' && rest.get(length + 1) == Some(&b'\'')) {
            return None;
        }
        let text = &self.text[self.at..self.at + length];
        self.at += length + 1;
        Some(text)
    }

    fn quoted(&mut self, quote: u8, start: usize) -> Result<String> {
        let mut text = String::new();
        loop {
            if self.is_document_indicator() || self.byte(0).is_none() {
                return Err(Problem::since("the quoted text does not end", self.at, start, "it begins here"));
            }
            let continues = self.quoted_word(quote, &mut text)?;
            if self.byte(0) == Some(quote) && !continues {
                self.at += 1;
                return Ok(text);
            }
            let blanks = self.at;
            let mut last_blank = self.at;
            let mut breaks = String::new();
            let mut was_break = continues;
            while self.is_blank() || self.is_break() {
                if self.is_break() {
                    was_break = true;
                    self.read_break(&mut breaks);
                } else {
                    self.at += 1;
                    if !was_break {
                        last_blank = self.at;
                    }
                }
            }
            if continues {
                text.push_str(&breaks);
            } else if was_break {
                push_folded(&mut text, &breaks);
            } else {
                text.push_str(&self.text[blanks..last_blank]);
            }
        }
    }

    /// Reads up to a blank, a break or the closing quote; gives whether the line ended in `\`.
    fn quoted_word(&mut self, quote: u8, text: &mut String) -> Result<bool> {
        let mut piece = self.at;
        while let Some(byte) = self.byte(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => break,
                b'\'' if quote == b'\'' && self.byte(1) == Some(b'\'') => {
                    text.push_str(&self.text[piece..=self.at]);
                    self.at += 2;
                    piece = self.at;
                    continue;
                }
                b'\\' if quote == b'"' => {
                    text.push_str(&self.text[piece..self.at]);
                    if self.break_length(self.at + 1) > 0 {
                        self.at += 1;
                        self.skip_break();
                        return Ok(true);
                    }
                    self.escape(text)?;
                    piece = self.at;
                    continue;
                }
                _ if byte == quote => break,
                0xc2 | 0xe2 if self.is_break() => break,
                _ => {}
            }
            self.at += 1;
        }
        text.push_str(&self.text[piece..self.at]);
        Ok(false)
    }

    /// One escape of a text in double quotes.
    fn escape(&mut self, text: &mut String) -> Result<()> {
        let start = self.at;
        let digits = match self.byte(1) {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        if digits > 0 {
            let number = self.text.get(start + 2..start + 2 + digits);
            let number = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let Some(number) = number.and_then(|text| u32::from_str_radix(text, 16).ok()) else {
                return Err(Problem::new("an escape with hexadecimal digits was expected here", start));
            };
            self.at += 2 + digits;
            text.push(self.character(number, start)?);
            return Ok(());
        }
        let character = match self.byte(1) {
            Some(b'0') => '\0',
            Some(b'a') => '\u{7}',
            Some(b'b') => '\u{8}',
            Some(b't' | b'\t') => '\t',
            Some(b'n') => '\n',
            Some(b'v') => '\u{b}',
            Some(b'f') => '\u{c}',
            Some(b'r') => '\r',
            Some(b'e') => '\u{1b}',
            Some(plain @ (b' ' | b'"' | b'/' | b'\\' | b'\'')) => char::from(plain),
            Some(b'N') => '\u{85}',
            Some(b'_') => '\u{a0}',
            Some(b'L') => '\u{2028}',
            Some(b'P') => '\u{2029}',
            _ => return Err(Problem::new("this escape is not known in a text in double quotes", start)),
        };
        text.push(character);
        self.at += 2;
        Ok(())
    }

    /// The character of a number; a pair of surrogates is one character.
    fn character(&mut self, number: u32, start: usize) -> Result<char> {
        if let Some(character) = char::from_u32(number) {
            return Ok(character);
        }
        let low = self.text.get(self.at..self.at + 6).and_then(|text| text.strip_prefix("\\u"));
        let low = low.and_then(|text| u32::from_str_radix(text, 16).ok()).filter(|low| (0xdc00..0xe000).contains(low));
        match low {
            Some(low) if (0xd800..0xdc00).contains(&number) => {
                self.at += 6;
                let joined = 0x1_0000 + ((number - 0xd800) << 10) + (low - 0xdc00);
                char::from_u32(joined).ok_or(Problem::new("this escape is no character", start))
            }
            _ => Err(Problem::new("this escape is no character", start)),
        }
    }

    fn fetch_block_scalar(&mut self, is_literal: bool) -> Result<()> {
        self.remove_key()?;
        self.key_allowed = true;
        let start = self.at;
        self.at += 1;
        let (mut keeps, mut strips, mut increment) = (false, false, 0);
        while let Some(byte) = self.byte(0) {
            match byte {
                b'+' if !keeps && !strips => keeps = true,
                b'-' if !keeps && !strips => strips = true,
                b'1'..=b'9' if increment == 0 => increment = isize::from(byte - b'0'),
                _ => break,
            }
            self.at += 1;
        }
        while self.is_blank() {
            self.at += 1;
        }
        if self.byte(0) == Some(b'#') {
            self.skip_line();
        }
        if self.byte(0).is_some() && !self.is_break() {
            return Err(Problem::new("the line of `|` and `>` ends after them, the text begins on the next", self.at));
        }
        let mut end = self.at;
        if self.is_break() {
            self.skip_break();
        }
        let mut breaks = String::new();
        let indent = match increment {
            0 => {
                let deepest = self.scan_empty_lines(None, &mut breaks)?;
                deepest.max((self.indent + 1).max(1) as usize)
            }
            _ => (self.indent.max(0) + increment) as usize,
        };
        if increment != 0 {
            self.scan_empty_lines(Some(indent), &mut breaks)?;
        }
        let mut text = String::new();
        let mut line_break = String::new();
        let mut was_blank = false;
        while self.column() == indent && self.byte(0).is_some() {
            let is_blank = self.is_blank();
            if !is_literal && line_break == "\n" && !was_blank && !is_blank {
                if breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&line_break);
            }
            text.push_str(&breaks);
            breaks.clear();
            line_break.clear();
            was_blank = is_blank;
            let piece = self.at;
            self.skip_line();
            text.push_str(&self.text[piece..self.at]);
            end = self.at;
            if self.is_break() {
                self.read_break(&mut line_break);
            }
            self.scan_empty_lines(Some(indent), &mut breaks)?;
        }
        if !strips {
            text.push_str(&line_break);
        }
        if keeps {
            text.push_str(&breaks);
        }
        self.tokens.push_back(Placed { token: Token::Scalar(Cow::Owned(text), false), start, end });
        Ok(())
    }

    /// Skips indentation and empty lines of a block scalar; gives the deepest column seen.
    fn scan_empty_lines(&mut self, indent: Option<usize>, breaks: &mut String) -> Result<usize> {
        let mut deepest = 0;
        loop {
            while self.byte(0) == Some(b' ') && indent.is_none_or(|indent| self.column() < indent) {
                self.at += 1;
            }
            deepest = deepest.max(self.column());
            if self.byte(0) == Some(b'\t') && indent.is_none_or(|indent| self.column() < indent) {
                return Err(Problem::new("a tab is not allowed as indentation", self.at));
            }
            if !self.is_break() {
                return Ok(deepest);
            }
            self.read_break(breaks);
        }
    }
}

/// One line break becomes a blank; of several, all but the first stay.
fn push_folded(text: &mut String, breaks: &str) {
    match breaks.strip_prefix('\n') {
        Some("") => text.push(' '),
        Some(more) => text.push_str(more),
        None => text.push_str(breaks),
    }
}
