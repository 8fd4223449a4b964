//! From tokens to a tree of nodes: anchors, tags, merge keys, repeated keys, limits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::scan::{Placed, Problem, Scanner, Token};
use super::{Entry, Extent, Key, Map, Node, Value, scalar};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, Warned};

/// Levels of lists and mappings inside each other; people write fewer than twenty.
const MAX_DEPTH: usize = 200;
/// Nodes that aliases may add to a document.
const MAX_ALIASED_NODES: usize = 1_000_000;
/// From this size on a mapping's repeated keys are looked for with a hash table.
const LARGE_MAP: usize = 24;
/// What `!!` stands for.
const CORE_TAGS: &str = "tag:yaml.org,2002:";

/// Reads `text`, the beginning of the file or all of it.
pub(super) fn document(file: &Arc<SourceFile>, text: &str) -> Result<Warned<Option<Node>>, Diagnostic> {
    if u32::try_from(file.text.len()).is_err() {
        return Err(Diagnostic::error(format!("`{}` is larger than 4 GB", file.path)));
    }
    if let Some(at) = file.text.bytes().position(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
        let code = file.text.as_bytes()[at];
        return Err(Diagnostic::error(format!("invalid YAML: control character U+{code:04X}")).at(Span::new(
            file,
            at,
            at + 1,
        )));
    }
    let mut builder = Builder {
        file,
        end: text.len(),
        scanner: Scanner::new(text),
        depth: 0,
        anchors: HashMap::new(),
        handles: Vec::new(),
        aliased_nodes: 0,
        warnings: Diagnostics::new(),
    };
    let root = builder.document().map_err(|failure| match failure {
        Failure::Syntax(problem) => builder.syntax_error(&problem),
        Failure::Meaning(diagnostic) => *diagnostic,
    })?;
    Ok(Warned { value: root.filter(|root| !root.is_null()), warnings: builder.warnings })
}

/// Why a text is no tree.
enum Failure {
    Syntax(Problem),
    Meaning(Box<Diagnostic>),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure::Syntax(problem)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Failure::Meaning(Box::new(diagnostic))
    }
}

type Outcome<T> = Result<T, Failure>;

struct Builder<'a> {
    file: &'a Arc<SourceFile>,
    /// Where the text ends in the file.
    end: usize,
    scanner: Scanner<'a>,
    depth: usize,
    /// `None` while the anchored value is still being read.
    anchors: HashMap<&'a str, Option<Node>>,
    /// `%TAG` handles with their prefixes.
    handles: Vec<(&'a str, &'a str)>,
    aliased_nodes: usize,
    warnings: Diagnostics,
}

/// The entries of a mapping that is being read.
#[derive(Default)]
struct Entries {
    own: Vec<Entry>,
    /// The values of `<<` keys, first to last.
    merges: Vec<Node>,
}

/// A key that was read.
enum ReadKey {
    Named(Key),
    Merge,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Outcome<Option<Node>> {
        let mut is_explicit = false;
        loop {
            match self.scanner.peek()?.token {
                Token::Directive(directive) => {
                    self.handles.extend(directive);
                    self.scanner.take()?;
                }
                Token::DocumentEnd if !is_explicit => drop(self.scanner.take()?),
                Token::DocumentStart if !is_explicit => {
                    is_explicit = true;
                    self.scanner.take()?;
                }
                _ => break,
            }
        }
        let first = self.scanner.peek()?;
        let root = match first.token {
            Token::StreamEnd | Token::DocumentStart | Token::DocumentEnd => None,
            _ => Some(self.node(true, true)?),
        };
        let mut has_ended = false;
        loop {
            let Placed { token, start, .. } = self.scanner.take()?;
            match token {
                Token::StreamEnd => return Ok(root),
                Token::DocumentEnd => has_ended = true,
                Token::DocumentStart | Token::Directive(_) => {
                    let place = Span::new(self.file, start, start + 3);
                    let problem = Diagnostic::error("a second YAML document begins in the file, only one is read");
                    let hint = "remove the `---` line, or move what follows into a file of its own";
                    return Err(problem.at(place).hint(hint).into());
                }
                _ if has_ended => return Err(Problem::new("nothing may follow the end of the document", start).into()),
                _ => return Err(Problem::new("this does not belong to what stands before it", start).into()),
            }
        }
    }

    /// A value with its anchor and tag. `is_block`: block collections may begin here;
    /// `is_indentless`: a list whose items are not indented may.
    fn node(&mut self, is_block: bool, is_indentless: bool) -> Outcome<Node> {
        let mut anchor = None;
        let mut tag = None;
        let begin = self.scanner.peek()?.start;
        loop {
            match self.scanner.peek()?.token {
                Token::Anchor(name) if anchor.is_none() => {
                    anchor = Some(name);
                    self.scanner.take()?;
                }
                Token::Tag(text) if tag.is_none() => {
                    let placed = self.scanner.take()?;
                    tag = Some((text, extent(placed.start, placed.end)));
                }
                _ => break,
            }
        }
        if let Some(name) = anchor {
            self.anchors.insert(name, None);
        }
        let node = self.bare_node(is_block, is_indentless, tag, anchor.is_some(), begin)?;
        if let Some(name) = anchor {
            self.anchors.insert(name, Some(node.clone()));
        }
        Ok(node)
    }

    fn bare_node(
        &mut self,
        is_block: bool,
        is_indentless: bool,
        tag: Option<(&'a str, Extent)>,
        is_anchored: bool,
        begin: usize,
    ) -> Outcome<Node> {
        let Placed { token, start, end } = self.scanner.peek()?;
        let (start, end) = (*start, *end);
        match token {
            Token::Scalar(..) => {
                let Placed { token: Token::Scalar(text, is_plain), .. } = self.scanner.take()? else {
                    return Err(Problem::new("a value was expected here", start).into());
                };
                let value = match tag {
                    None if is_plain => scalar::resolve(text),
                    None => Value::String(text.into()),
                    Some((tag, _)) => {
                        let core = self.core_tag(tag);
                        tagged(&text, tag, core.as_deref())
                            .map_err(|message| Diagnostic::error(message).at(Span::new(self.file, start, end)))?
                    }
                };
                return Ok(Node { value, extent: extent(start, end) });
            }
            Token::Alias(name) if tag.is_none() && !is_anchored => {
                let name = *name;
                self.scanner.take()?;
                return self.alias(name, extent(start, end));
            }
            _ => {}
        }
        if let Some((tag, place)) = tag {
            self.check_collection_tag(tag, place)?;
        }
        if self.depth == MAX_DEPTH {
            let message = format!("YAML nests deeper than {MAX_DEPTH} levels");
            return Err(Diagnostic::error(message).at(Span::new(self.file, start, start + 1)).into());
        }
        self.depth += 1;
        let node = match &self.scanner.peek()?.token {
            Token::FlowSequenceStart => self.flow_sequence(),
            Token::FlowMappingStart => self.flow_mapping(),
            Token::BlockSequenceStart if is_block => self.block_sequence(),
            Token::BlockMappingStart if is_block => self.block_mapping(),
            Token::BlockEntry if is_indentless => self.indentless_sequence(),
            _ if tag.is_some() || is_anchored => {
                let value = match tag {
                    Some((tag, _)) if self.core_tag(tag).as_deref() == Some("str") => Value::String("".into()),
                    _ => Value::Null,
                };
                Ok(Node { value, extent: extent(begin, begin) })
            }
            _ => Err(Problem::new("a value was expected here", start).into()),
        };
        self.depth -= 1;
        node
    }

    fn alias(&mut self, name: &str, place: Extent) -> Outcome<Node> {
        match self.anchors.get(name) {
            Some(Some(node)) => {
                self.aliased_nodes += count(&node.value, MAX_ALIASED_NODES);
                if self.aliased_nodes > MAX_ALIASED_NODES {
                    return Err(Diagnostic::error("aliases make this YAML too large").at(place.span(self.file)).into());
                }
                Ok(node.clone())
            }
            Some(None) => {
                let message = "an alias stands inside the value that it names";
                Err(Diagnostic::error(message).at(place.span(self.file)).into())
            }
            None => {
                let message = format!("invalid YAML: there is no anchor `&{name}` before this alias");
                Err(Diagnostic::error(message)
                    .at(place.span(self.file))
                    .suggest(name, self.anchors.keys().copied())
                    .into())
            }
        }
    }

    /// An absent value, at a place.
    fn nothing(at: usize) -> Node {
        Node { value: Value::Null, extent: extent(at, at) }
    }

    fn block_sequence(&mut self) -> Outcome<Node> {
        let start = self.scanner.take()?.start;
        let mut items = Vec::new();
        loop {
            let Placed { token, start: at, end } = self.scanner.take()?;
            match token {
                Token::BlockEntry => items.push(match self.scanner.peek()?.token {
                    Token::BlockEntry | Token::BlockEnd => Self::nothing(end),
                    _ => self.node(true, false)?,
                }),
                Token::BlockEnd => return Ok(block(start, Value::List(items))),
                _ => {
                    let message = "a list item, or the end of the list, was expected here";
                    return Err(Problem { message, at, began: Some((start, "the list begins here")) }.into());
                }
            }
        }
    }

    fn indentless_sequence(&mut self) -> Outcome<Node> {
        let start = self.scanner.peek()?.start;
        let mut items = Vec::new();
        while self.scanner.peek()?.token == Token::BlockEntry {
            let end = self.scanner.take()?.end;
            items.push(match self.scanner.peek()?.token {
                Token::BlockEntry | Token::Key | Token::Value | Token::BlockEnd => Self::nothing(end),
                _ => self.node(true, false)?,
            });
        }
        Ok(block(start, Value::List(items)))
    }

    fn block_mapping(&mut self) -> Outcome<Node> {
        let start = self.scanner.take()?.start;
        let mut entries = Entries::default();
        loop {
            let Placed { token, start: at, end } = self.scanner.take()?;
            match token {
                Token::Key => {
                    let is_absent = matches!(self.scanner.peek()?.token, Token::Key | Token::Value | Token::BlockEnd);
                    let key = if is_absent { empty_key(end) } else { self.key(true)? };
                    let value = if self.scanner.peek()?.token == Token::Value {
                        let end = self.scanner.take()?.end;
                        match self.scanner.peek()?.token {
                            Token::Key | Token::Value | Token::BlockEnd => Self::nothing(end),
                            _ => self.node(true, true)?,
                        }
                    } else {
                        Self::nothing(end)
                    };
                    add(&mut entries, key, value);
                }
                Token::BlockEnd => {
                    let map = self.finish(entries)?;
                    return Ok(block(start, Value::Map(map)));
                }
                _ => {
                    let message = "a key, or the end of the mapping, was expected here";
                    return Err(Problem { message, at, began: Some((start, "the mapping begins here")) }.into());
                }
            }
        }
    }

    fn flow_sequence(&mut self) -> Outcome<Node> {
        let start = self.scanner.take()?.start;
        let mut items = Vec::new();
        loop {
            if self.scanner.peek()?.token == Token::FlowSequenceEnd {
                let end = self.scanner.take()?.end;
                return Ok(Node { value: Value::List(items), extent: extent(start, end) });
            }
            if !items.is_empty() {
                self.comma(start, "a `,` or `]` was expected here", "the list begins here")?;
            }
            match self.scanner.peek()?.token {
                Token::FlowSequenceEnd => {}
                // `[a: 1]` is a list with one mapping.
                Token::Key => {
                    let at = self.scanner.take()?.start;
                    let mut entries = Entries::default();
                    let end = self.flow_entry(&mut entries, Token::FlowSequenceEnd)?;
                    let value = Value::Map(self.finish(entries)?);
                    items.push(Node { value, extent: extent(at, end) });
                }
                _ => items.push(self.node(false, false)?),
            }
        }
    }

    fn flow_mapping(&mut self) -> Outcome<Node> {
        let start = self.scanner.take()?.start;
        let mut entries = Entries::default();
        let mut is_first = true;
        loop {
            if self.scanner.peek()?.token == Token::FlowMappingEnd {
                let end = self.scanner.take()?.end;
                let value = Value::Map(self.finish(entries)?);
                return Ok(Node { value, extent: extent(start, end) });
            }
            if !is_first {
                self.comma(start, "a `,` or `}` was expected here", "the mapping begins here")?;
            }
            is_first = false;
            match self.scanner.peek()?.token {
                Token::FlowMappingEnd => {}
                Token::Key => {
                    self.scanner.take()?;
                    self.flow_entry(&mut entries, Token::FlowMappingEnd)?;
                }
                _ => {
                    let key = self.key(false)?;
                    let at = self.scanner.peek()?.start;
                    add(&mut entries, key, Self::nothing(at));
                }
            }
        }
    }

    fn comma(&mut self, start: usize, message: &'static str, what: &'static str) -> Outcome<()> {
        let next = self.scanner.take()?;
        if next.token == Token::FlowEntry {
            return Ok(());
        }
        Err(Problem { message, at: next.start, began: Some((start, what)) }.into())
    }

    /// The key and value after a `Key` token within brackets; gives where they end.
    fn flow_entry(&mut self, entries: &mut Entries, closing: Token<'_>) -> Outcome<usize> {
        let Placed { token, start, .. } = self.scanner.peek()?;
        let start = *start;
        let is_absent = matches!(token, Token::Value | Token::FlowEntry) || *token == closing;
        let key = if is_absent { empty_key(start) } else { self.key(false)? };
        let mut value = Self::nothing(start);
        if self.scanner.peek()?.token == Token::Value {
            let end = self.scanner.take()?.end;
            let next = &self.scanner.peek()?.token;
            value = if *next == Token::FlowEntry || *next == closing {
                Self::nothing(end)
            } else {
                self.node(false, false)?
            };
        }
        let end = value.extent.end as usize;
        add(entries, key, value);
        Ok(end.max(start))
    }

    /// A key: text, whatever it would be as a value. `<<` without quotes merges.
    fn key(&mut self, is_block: bool) -> Outcome<ReadKey> {
        if matches!(self.scanner.peek()?.token, Token::Scalar(..)) {
            let Placed { token, start, end } = self.scanner.take()?;
            let Token::Scalar(text, is_plain) = token else { return Ok(empty_key(start)) };
            if is_plain && text == "<<" {
                return Ok(ReadKey::Merge);
            }
            return Ok(ReadKey::Named(Key { text: text.into(), extent: extent(start, end) }));
        }
        let start = self.scanner.peek()?.start;
        let node = self.node(is_block, is_block)?;
        match node.scalar_text() {
            Some(text) => Ok(ReadKey::Named(Key { text: text.into(), extent: node.extent })),
            None => Err(self.complex_key(start, node.extent).into()),
        }
    }

    fn complex_key(&self, start: usize, place: Extent) -> Diagnostic {
        let text = &self.file.text;
        if text[start..].starts_with('{') && text[..start].ends_with('{') {
            let end = text[start..].find("}}").map_or(place.end as usize, |at| start + at + 2);
            return Diagnostic::error("Jinja in YAML must stand in quotes")
                .at(Span::new(self.file, start - 1, end))
                .hint("write \"{{ ... }}\" with the quotes");
        }
        Diagnostic::error("a key must be plain text, not a list or mapping").at(place.span(self.file))
    }

    /// The finished mapping: keys once, merges done.
    fn finish(&mut self, entries: Entries) -> Outcome<Map> {
        let own = self.without_duplicates(entries.own);
        if entries.merges.is_empty() {
            return Ok(Map { entries: own });
        }
        Ok(Map { entries: self.merge(entries.merges, own)? })
    }

    /// The last value of each key at the place of its first, with a warning for each repetition.
    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let repeated = if entries.len() < LARGE_MAP {
            entries
                .iter()
                .enumerate()
                .any(|(index, entry)| entries[..index].iter().any(|earlier| earlier.key.text == entry.key.text))
        } else {
            let mut seen = HashSet::with_capacity(entries.len());
            !entries.iter().all(|entry| seen.insert(&*entry.key.text))
        };
        if !repeated {
            return entries;
        }
        let mut positions: HashMap<Box<str>, usize> = HashMap::new();
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            match positions.get(&entry.key.text) {
                Some(&position) => {
                    let place = entry.key.span(self.file);
                    let (line, column) = place.line_column();
                    // The words and the made-up name of the file are those of dbt, which counts
                    // lines from the first that is not blank.
                    let text = &self.file.text;
                    let blank = &text[..text.len() - text.trim_start().len()];
                    let line = line - blank.matches('\n').count();
                    let message = format!(
                        "Duplicate key '{}' in \"<unicode string>\", line {line}, column {column} in file `{}`: the later \
                         value holds",
                        entry.key.text, self.file.path
                    );
                    self.warnings.push(
                        Diagnostic::warning_of("DuplicateYAMLKeysDeprecation", message)
                            .at(place)
                            .note_at("first given here", kept[position].key.span(self.file)),
                    );
                    kept[position] = entry;
                }
                None => {
                    positions.insert(entry.key.text.clone(), kept.len());
                    kept.push(entry);
                }
            }
        }
        kept
    }

    /// What `<<` brings comes first; the mapping's own keys win, then the earlier merged mappings.
    fn merge(&self, merges: Vec<Node>, own: Vec<Entry>) -> Outcome<Vec<Entry>> {
        let mut sources: Vec<Map> = Vec::new();
        for node in merges {
            let place = node.extent;
            let items = match node.value {
                Value::List(items) => items,
                value => vec![Node { value, extent: place }],
            };
            for item in items {
                let Value::Map(map) = item.value else {
                    let message = format!("`<<` takes a mapping, this is {}", item.value.kind());
                    return Err(Diagnostic::error(message).at(item.extent.span(self.file)).into());
                };
                sources.push(map);
            }
        }
        let mut merged: indexmap::IndexMap<Box<str>, Entry> = indexmap::IndexMap::new();
        let inherited = sources.into_iter().rev().flat_map(|map| map.entries);
        for entry in inherited.chain(own) {
            merged.insert(entry.key.text.clone(), entry);
        }
        Ok(merged.into_values().collect())
    }

    /// The name of a tag of YAML itself: `str` for `!!str`.
    fn core_tag(&self, tag: &str) -> Option<String> {
        if let Some(address) = tag.strip_prefix("!<").and_then(|tag| tag.strip_suffix('>')) {
            return address.strip_prefix(CORE_TAGS).map(str::to_owned);
        }
        let end = tag[1..].find('!').map(|at| at + 2)?;
        let (handle, name) = tag.split_at(end);
        let prefix = self.handles.iter().rev().find(|(known, _)| *known == handle).map(|(_, prefix)| *prefix);
        let prefix = prefix.or((handle == "!!").then_some(CORE_TAGS))?;
        format!("{prefix}{name}").strip_prefix(CORE_TAGS).map(str::to_owned)
    }

    fn check_collection_tag(&self, tag: &str, place: Extent) -> Outcome<()> {
        let is_known =
            matches!(self.core_tag(tag).as_deref(), Some("map" | "seq" | "set" | "omap" | "pairs" | "str" | "null"));
        if is_known || tag == "!" {
            return Ok(());
        }
        Err(Diagnostic::error(format!("unknown YAML tag `{tag}`")).at(place.span(self.file)).into())
    }

    fn syntax_error(&self, problem: &Problem) -> Diagnostic {
        let text = &self.file.text;
        let at = problem.at.min(text.len());
        let end = text[at..].chars().next().map_or(at, |character| at + character.len_utf8());
        let mut diagnostic = Diagnostic::error(format!("invalid YAML: {}", problem.message));
        // What does not end is best seen where it begins.
        diagnostic = match problem.began {
            Some((began, _)) if at >= self.end => diagnostic.at(Span::new(self.file, began, began + 1)),
            Some((began, what)) => {
                diagnostic.at(Span::new(self.file, at, end)).note_at(what, Span::new(self.file, began, began + 1))
            }
            None => diagnostic.at(Span::new(self.file, at, end)),
        };
        match problem.message {
            message if message.contains("`:` is not allowed") => {
                diagnostic.hint("put the value in quotes if it holds `: `, and check the indentation")
            }
            message if message.contains("tab") => diagnostic.hint("indent with spaces"),
            message if message.contains("`:` is missing") => diagnostic.hint("a key needs a `:` and a space after it"),
            message if message.contains("was expected here") && !message.contains('`') => {
                diagnostic.hint("check the indentation: what belongs together begins in the same column")
            }
            "a `,` or `]` was expected here" => {
                diagnostic.hint("close the list with `]`; a text that holds brackets needs quotes")
            }
            "a `,` or `}` was expected here" => {
                diagnostic.hint("close the mapping with `}`; a text that holds braces needs quotes")
            }
            message if message.contains("cannot begin") => diagnostic.hint("put the value in quotes"),
            _ => diagnostic,
        }
    }
}

fn extent(start: usize, end: usize) -> Extent {
    // The length of the text was checked to fit.
    Extent { start: start as u32, end: end.max(start) as u32 }
}

/// A block collection: it ends with its last child, for the next token lies beyond blanks
/// and comments. (What an alias stands for lies elsewhere.)
fn block(start: usize, value: Value) -> Node {
    let inside = |end: &u32| *end as usize >= start;
    let end = match &value {
        Value::List(items) => items.last().map(|item| item.extent.end).filter(inside),
        Value::Map(map) => {
            let last = map.entries.last();
            last.and_then(|entry| Some(entry.value.extent.end).filter(inside).max(Some(entry.key.extent.end)))
        }
        _ => None,
    };
    Node { value, extent: extent(start, end.map_or(start, |end| end as usize)) }
}

fn empty_key(at: usize) -> ReadKey {
    ReadKey::Named(Key { text: "".into(), extent: extent(at, at) })
}

fn add(entries: &mut Entries, key: ReadKey, value: Node) {
    match key {
        ReadKey::Named(key) => entries.own.push(Entry { key, value }),
        ReadKey::Merge => entries.merges.push(value),
    }
}

fn tagged(text: &str, tag: &str, core: Option<&str>) -> Result<Value, String> {
    if tag == "!" {
        return Ok(Value::String(text.into()));
    }
    let value = match core {
        Some("str") => Some(Value::String(text.into())),
        Some("null") => Some(Value::Null),
        Some("bool") => scalar::boolean(text).map(Value::Bool),
        Some("int") => scalar::integer(text),
        Some("float") => scalar::float(text).or_else(|| text.parse().ok().map(Value::Float)),
        Some("timestamp") => scalar::timestamp(text),
        Some("binary") => base64(text).map(|text| Value::String(text.into())),
        _ => return Err(format!("unknown YAML tag `{tag}`")),
    };
    value.ok_or_else(|| format!("`{text}` is not a value of `{tag}`"))
}

/// Base64 of UTF-8 text; blanks between are skipped.
fn base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut bits: u32 = 0;
    let mut count = 0;
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}

/// How many nodes a value holds, counted up to `limit`.
fn count(value: &Value, limit: usize) -> usize {
    let mut total = 1;
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::List(items) => {
                total += items.len();
                waiting.extend(items.iter().map(|item| &item.value));
            }
            Value::Map(map) => {
                total += map.entries.len();
                waiting.extend(map.entries.iter().map(|entry| &entry.value.value));
            }
            _ => {}
        }
        if total > limit {
            break;
        }
    }
    total
}
