//! From parser events to a tree of nodes: anchors, merge keys, duplicate keys, limits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::{Entry, Extent, Key, Map, Node, Value, scalar};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Warned};

/// Levels of lists and mappings inside each other; people write fewer than twenty.
const MAX_DEPTH: usize = 200;

/// Nodes that aliases may add to a document.
const MAX_ALIASED_NODES: usize = 1_000_000;

/// From this size on a mapping's duplicate keys are looked for with a hash table.
const LARGE_MAP: usize = 24;

pub(super) fn document(file: &Arc<SourceFile>) -> Result<Warned<Option<Node>>, Diagnostic> {
    let mut builder = Builder {
        file,
        places: Places::new(&file.text),
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        aliased_nodes: 0,
        warnings: Diagnostics::new(),
    };
    if u32::try_from(file.text.len()).is_err() {
        return Err(Diagnostic::error(format!("`{}` is larger than 4 GB", file.path)));
    }
    let mut documents = 0;
    for event in Parser::new_from_str(&file.text) {
        let (event, span) = event.map_err(|error| builder.syntax_error(&error))?;
        let extent = builder.extent(span.start, span.end);
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(Diagnostic::error("a second YAML document begins in the file, only one is read")
                        .at(extent.span(file))
                        .hint("remove the `---` line, or move what follows into a file of its own"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => builder.scalar(text, style, anchor, tag.as_deref(), extent)?,
            Event::SequenceStart(anchor, tag) => builder.begin(Open::list(anchor, extent), tag.as_deref())?,
            Event::MappingStart(anchor, tag) => builder.begin(Open::map(anchor, extent), tag.as_deref())?,
            Event::SequenceEnd | Event::MappingEnd => builder.end(extent)?,
            Event::Alias(anchor) => builder.alias(anchor, extent)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    Ok(Warned { value: builder.root.filter(|root| !root.is_null()), warnings: builder.warnings })
}

/// A list or mapping whose end has not come yet.
struct Open {
    anchor: usize,
    extent: Extent,
    contents: Contents,
}

enum Contents {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<Key>,
        /// The values of `<<` keys, first to last.
        merges: Vec<Node>,
        is_merge: bool,
    },
}

impl Open {
    fn list(anchor: usize, extent: Extent) -> Self {
        Open { anchor, extent, contents: Contents::List(Vec::new()) }
    }

    fn map(anchor: usize, extent: Extent) -> Self {
        let contents = Contents::Map { entries: Vec::new(), key: None, merges: Vec::new(), is_merge: false };
        Open { anchor, extent, contents }
    }
}

struct Builder<'a> {
    file: &'a Arc<SourceFile>,
    places: Places<'a>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    aliased_nodes: usize,
    warnings: Diagnostics,
}

impl Builder<'_> {
    fn extent(&mut self, start: Marker, end: Marker) -> Extent {
        let start = self.places.byte(start.index());
        Extent { start: start as u32, end: self.places.byte(end.index()).max(start) as u32 }
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        extent: Extent,
    ) -> Result<(), Diagnostic> {
        let plain = style == ScalarStyle::Plain;
        if tag.is_none()
            && let Some(Contents::Map { key: key @ None, is_merge, .. }) =
                self.open.last_mut().map(|open| &mut open.contents)
        {
            *is_merge = plain && text == "<<";
            *key = Some(Key { text: text.as_ref().into(), extent });
            if anchor != 0 {
                self.anchors.insert(anchor, Node { value: Value::String(text.into()), extent });
            }
            return Ok(());
        }
        let value = match tag {
            None if plain => scalar::resolve(&text),
            None => Value::String(text.into()),
            Some(tag) => tagged(&text, tag).map_err(|message| Diagnostic::error(message).at(extent.span(self.file)))?,
        };
        self.node(Node { value, extent }, anchor)
    }

    fn begin(&mut self, open: Open, tag: Option<&Tag>) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(
                Diagnostic::error(format!("YAML nests deeper than {MAX_DEPTH} levels")).at(open.extent.span(self.file))
            );
        }
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "map" | "seq" | "set" | "omap" | "pairs"))
            && !is_non_specific(tag)
        {
            return Err(Diagnostic::error(unknown_tag(tag)).at(open.extent.span(self.file)));
        }
        if let Some(Contents::Map { key: None, .. }) = self.open.last().map(|open| &open.contents) {
            return Err(self.complex_key(open.extent));
        }
        self.open.push(open);
        Ok(())
    }

    fn complex_key(&self, extent: Extent) -> Diagnostic {
        let text = self.file.text.get(extent.start as usize..).unwrap_or("");
        let before = self.file.text.get(..extent.start as usize).unwrap_or("");
        if text.starts_with('{') && before.ends_with('{') {
            let end = text.find("}}").map_or(extent.end as usize, |at| extent.start as usize + at + 2);
            return Diagnostic::error("Jinja in YAML must stand in quotes")
                .at(crate::diagnostic::Span::new(self.file, extent.start as usize - 1, end))
                .hint("write \"{{ ... }}\" with the quotes");
        }
        Diagnostic::error("a key must be plain text, not a list or mapping").at(extent.span(self.file))
    }

    fn end(&mut self, extent: Extent) -> Result<(), Diagnostic> {
        let Some(Open { anchor, extent: begin, contents }) = self.open.pop() else { return Ok(()) };
        let value = match contents {
            Contents::List(items) => Value::List(items),
            Contents::Map { entries, merges, .. } => {
                let entries = self.without_duplicates(entries);
                Value::Map(Map { entries: if merges.is_empty() { entries } else { self.merge(merges, entries)? } })
            }
        };
        let end = self.end_of_collection(begin.start, extent.end.max(begin.end), &value);
        self.node(Node { value, extent: Extent { start: begin.start, end } }, anchor)
    }

    /// A block collection has no end of its own: the parser gives the place of the next
    /// token, beyond blanks and comments. It ends with its last child.
    fn end_of_collection(&self, start: u32, end: u32, value: &Value) -> u32 {
        let bytes = &self.file.text.as_bytes()[start as usize..end as usize];
        if matches!(bytes.first(), Some(b'[' | b'{')) {
            return end;
        }
        // What an alias stands for lies elsewhere.
        let inside = |at: &u32| (start..=end).contains(at);
        match value {
            Value::List(items) => items.iter().map(|item| item.extent.end).filter(inside).max(),
            Value::Map(map) => {
                map.entries.iter().flat_map(|entry| [entry.key.extent.end, entry.value.extent.end]).filter(inside).max()
            }
            _ => None,
        }
        .unwrap_or(end)
    }

    fn alias(&mut self, anchor: usize, extent: Extent) -> Result<(), Diagnostic> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Diagnostic::error("an alias stands inside the value that it names").at(extent.span(self.file)));
        };
        self.aliased_nodes += count(&node.value, MAX_ALIASED_NODES);
        if self.aliased_nodes > MAX_ALIASED_NODES {
            return Err(Diagnostic::error("aliases make this YAML too large").at(extent.span(self.file)));
        }
        if let Some(Contents::Map { key: key @ None, .. }) = self.open.last_mut().map(|open| &mut open.contents)
            && let Some(text) = node.scalar_text()
        {
            *key = Some(Key { text: text.into(), extent });
            return Ok(());
        }
        let node = node.clone();
        self.node(node, 0)
    }

    /// Puts a finished node into what is open.
    fn node(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.contents) {
            None => self.root = Some(node),
            Some(Contents::List(items)) => items.push(node),
            Some(Contents::Map { entries, key, merges, is_merge }) => match key.take() {
                Some(_) if *is_merge => {
                    *is_merge = false;
                    merges.push(node);
                }
                Some(key) => entries.push(Entry { key, value: node }),
                None => match node.scalar_text() {
                    Some(text) => *key = Some(Key { text: text.into(), extent: node.extent }),
                    None => return Err(self.complex_key(node.extent)),
                },
            },
        }
        Ok(())
    }

    /// The last value of each key at the place of its first, with a warning for each repetition.
    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let repeated = if entries.len() < LARGE_MAP {
            entries
                .iter()
                .enumerate()
                .any(|(index, entry)| entries[..index].iter().any(|earlier| earlier.key.text == entry.key.text))
        } else {
            let mut seen = std::collections::HashSet::with_capacity(entries.len());
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
                    self.warnings.push(
                        Diagnostic::warning(format!("key `{}` is given twice, the later value holds", entry.key.text))
                            .at(entry.key.span(self.file))
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
    fn merge(&mut self, merges: Vec<Node>, own: Vec<Entry>) -> Result<Vec<Entry>, Diagnostic> {
        let mut sources: Vec<Map> = Vec::new();
        for node in merges {
            let extent = node.extent;
            let items = match node.value {
                Value::List(items) => items,
                value => vec![Node { value, extent }],
            };
            for item in items {
                let Value::Map(map) = item.value else {
                    return Err(Diagnostic::error(format!("`<<` takes a mapping, this is {}", item.value.kind()))
                        .at(item.extent.span(self.file)));
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

    fn syntax_error(&mut self, error: &ScanError) -> Diagnostic {
        let start = self.places.byte(error.marker().index());
        let text = &self.file.text;
        let mut end = start;
        while end < text.len() && (end == start || !text.is_char_boundary(end)) {
            end += 1;
        }
        let diagnostic = Diagnostic::error(format!("invalid YAML: {}", plain_words(error.info())))
            .at(crate::diagnostic::Span::new(self.file, start, end));
        let line = text[..start].lines().next_back().unwrap_or("");
        match error.info() {
            info if info.contains("mapping values are not allowed") => {
                diagnostic.hint("put the value in quotes if it holds `: `, and check the indentation")
            }
            info if info.contains("tab") => diagnostic.hint("indent with spaces"),
            info if info.contains("did not find expected key") || info.contains("indentation") => {
                diagnostic.hint("keys of one mapping must begin in the same column")
            }
            info if info.contains("unexpected character") => diagnostic.hint("put the value in quotes"),
            info if info.contains("simple key expect") && !line.contains(':') => {
                diagnostic.hint("a key needs a `:` and a space after it")
            }
            _ => diagnostic,
        }
    }
}

/// The parser's messages, shortened to what a person can act upon.
fn plain_words(info: &str) -> String {
    let words = match info {
        "simple key expect ':'" | "simple key expected" => "a `:` is missing after a key",
        "while parsing a block collection, did not find expected '-' indicator" => {
            "a list item, or the end of the list, was expected here"
        }
        "tabs disallowed within this context (block indentation)" => "tabs are not allowed as indentation",
        "illegal placement of ':' indicator" => "a `:` is not allowed here, or a bracket before it is not closed",
        "while parsing a block mapping, did not find expected key" => "a key was expected here",
        "mapping values are not allowed in this context" => "a `:` is not allowed here",
        "unexpected end of plain scalar" => "a value was expected here",
        "while parsing node, found unknown anchor" => "this alias names no anchor",
        "while scanning a quoted scalar, found unexpected end of stream" => "a quote is not closed",
        "while scanning a quoted scalar, found unexpected document indicator" => "a quote is not closed",
        "while parsing a quoted scalar, found unknown escape character" => "unknown escape in a quoted text",
        "invalid indentation in quoted scalar" => "the quoted text is not indented enough, or its quote is not closed",
        "wrongly indented line in block scalar" => "a line of the text block is not indented like its first",
        "block sequence entries are not allowed in this context" => "a list item is not allowed here",
        "mapping keys are not allowed in this context" => "a key is not allowed here",
        "recursion limit exceeded" => "brackets nest too deeply",
        _ => {
            let tail = info.rsplit_once(", ").map_or(info, |(_, tail)| tail);
            return tail.replace(['`', '\''], "").replace('"', "");
        }
    };
    words.to_owned()
}

fn is_non_specific(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty()
}

fn unknown_tag(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() {
        format!("unknown YAML tag `!!{}`", tag.suffix)
    } else {
        format!("unknown YAML tag `{tag}`")
    }
}

fn tagged(text: &str, tag: &Tag) -> Result<Value, String> {
    if is_non_specific(tag) {
        return Ok(Value::String(text.into()));
    }
    if !tag.is_yaml_core_schema() {
        return Err(unknown_tag(tag));
    }
    let value = match tag.suffix.as_str() {
        "str" => Some(Value::String(text.into())),
        "null" => Some(Value::Null),
        "bool" => scalar::boolean(text).map(Value::Bool),
        "int" => scalar::integer(text),
        "float" => scalar::float(text).or_else(|| text.parse().ok().map(Value::Float)),
        "timestamp" => scalar::timestamp(text),
        "binary" => base64(text).map(|text| Value::String(text.into())),
        _ => return Err(unknown_tag(tag)),
    };
    value.ok_or_else(|| format!("`{text}` is not a value of `!!{}`", tag.suffix))
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

/// From the parser's places, counted in characters, to bytes. Places come almost in
/// order, so it walks from the last one.
struct Places<'a> {
    text: &'a str,
    is_ascii: bool,
    character: usize,
    byte: usize,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Places { text, is_ascii: text.is_ascii(), character: 0, byte: 0 }
    }

    fn byte(&mut self, character: usize) -> usize {
        if self.is_ascii {
            return character.min(self.text.len());
        }
        let bytes = self.text.as_bytes();
        while self.character < character && self.byte < bytes.len() {
            self.byte += 1;
            while self.byte < bytes.len() && !self.text.is_char_boundary(self.byte) {
                self.byte += 1;
            }
            self.character += 1;
        }
        while self.character > character && self.byte > 0 {
            self.byte -= 1;
            while !self.text.is_char_boundary(self.byte) {
                self.byte -= 1;
            }
            self.character -= 1;
        }
        self.byte
    }
}
