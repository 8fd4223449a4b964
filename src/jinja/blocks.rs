//! Splits a file into its top-level blocks without rendering it.
//!
//! dbt takes macros, tests, materializations, snapshots and docs out of files this way:
//! a block counts wherever its tags stand, unless within a comment, a string of a tag or
//! a raw block; blocks do not nest, and stand in no `if` or `for`.

use std::ops::Range;
use std::sync::Arc;

use super::macros::{MacroSource, Param};
use super::parser;
use super::syntax::Place;
use crate::diagnostic::{Diagnostic, SourceFile};

/// The kinds of blocks; `data_test` is the newer name of `test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    Macro,
    Test,
    Materialization,
    Snapshot,
    Docs,
}

impl BlockKind {
    fn of(tag: &str) -> Option<BlockKind> {
        Some(match tag {
            "macro" => BlockKind::Macro,
            "test" | "data_test" => BlockKind::Test,
            "materialization" => BlockKind::Materialization,
            "snapshot" => BlockKind::Snapshot,
            "docs" => BlockKind::Docs,
            _ => return None,
        })
    }
}

/// One block of a file. Ranges are in bytes of the file.
#[derive(Debug, Clone)]
pub struct Block {
    pub kind: BlockKind,
    pub name: String,
    pub file: Arc<SourceFile>,
    pub name_range: Range<usize>,
    /// The opening tag.
    pub head: Range<usize>,
    /// What stands between the tags.
    pub body: Range<usize>,
    /// The whole block with its tags.
    pub range: Range<usize>,
    /// Of a materialization: the adapter that it is for; `None` is every one.
    pub adapter: Option<String>,
    /// Of a materialization: its languages, `sql` unless it says otherwise.
    pub supported_languages: Vec<String>,
}

impl Block {
    pub fn contents(&self) -> &str {
        self.file.text.get(self.body.clone()).unwrap_or("")
    }

    pub fn text(&self) -> &str {
        self.file.text.get(self.range.clone()).unwrap_or("")
    }

    /// dbt's name of the macro that the block defines.
    pub fn macro_name(&self) -> String {
        match self.kind {
            BlockKind::Test => format!("test_{}", self.name),
            BlockKind::Materialization => {
                format!("materialization_{}_{}", self.name, self.adapter.as_deref().unwrap_or("default"))
            }
            _ => self.name.clone(),
        }
    }
}

/// The blocks of the wanted kinds, in the order of the file.
///
/// Fails on a block that is not closed, that has no name, that stands inside of another
/// one, and on `if` and `for` that do not match.
pub fn scan(file: &Arc<SourceFile>, wanted: &[BlockKind]) -> Result<Vec<Block>, Diagnostic> {
    let mut scanner = Scanner { file, text: &file.text, at: 0 };
    let mut blocks = Vec::new();
    let mut control: Vec<Tag> = Vec::new();
    let mut open: Option<(BlockKind, Tag)> = None;
    while let Some(tag) = scanner.next_tag(open.as_ref().is_some_and(|(kind, _)| *kind == BlockKind::Docs))? {
        if let Some((kind, start)) = &open
            && tag.name.strip_prefix("end") == Some(start.name)
        {
            blocks.push(block(file, *kind, start, &tag)?);
            open = None;
            continue;
        }
        match tag.name {
            "if" | "for" => control.push(tag),
            "endif" | "endfor" => match control.pop() {
                Some(opened) if tag.name.strip_prefix("end") == Some(opened.name) => {}
                Some(opened) => {
                    let message = format!("`{}` does not close `{}`", tag.name, opened.name);
                    return Err(at(file, message, &tag).note_at("opened here", place(&opened).span(file)));
                }
                None => return Err(at(file, format!("`{}` closes nothing", tag.name), &tag)),
            },
            name => {
                let Some(kind) = BlockKind::of(name).filter(|kind| wanted.contains(kind)) else { continue };
                if let Some(control) = control.last() {
                    let message = format!("a `{name}` block cannot stand inside of `{}`", control.name);
                    return Err(at(file, message, &tag).note_at("opened here", place(control).span(file)));
                }
                if let Some((_, outer)) = &open {
                    let message = format!("a `{name}` block cannot stand inside of another block");
                    let note = format!("this `{}` block is still open", outer.name);
                    return Err(at(file, message, &tag).note_at(note, place(outer).span(file)));
                }
                open = Some((kind, tag));
            }
        }
    }
    if let Some((_, start)) = open {
        let message = format!("`{}` block is not closed", start.name);
        return Err(at(file, message, &start).hint(format!("close it with `{{% end{} %}}`", start.name)));
    }
    Ok(blocks)
}

/// The macros of a file, with tests and materializations as the macros that dbt makes of
/// them.
pub fn macros(file: &Arc<SourceFile>, package: &str) -> Result<Vec<MacroSource>, Diagnostic> {
    let kinds = [BlockKind::Macro, BlockKind::Test, BlockKind::Materialization];
    scan(file, &kinds)?.iter().map(|block| macro_source(block, package)).collect()
}

/// The macro that a block defines.
pub fn macro_source(block: &Block, package: &str) -> Result<MacroSource, Diagnostic> {
    let signature = match block.kind {
        BlockKind::Macro | BlockKind::Test => parser::parse_signature(&block.file, block.head.clone())?,
        _ => Vec::new(),
    };
    Ok(MacroSource {
        package: package.to_owned(),
        name: block.macro_name(),
        file: block.file.clone(),
        range: block.range.clone(),
        signature: signature.into_iter().map(|(name, has_default)| Param { name, has_default }).collect(),
    })
}

/// A block tag, `{% name ... %}`.
struct Tag<'a> {
    name: &'a str,
    /// What follows the name, and where it starts.
    rest: &'a str,
    rest_start: usize,
    start: usize,
    end: usize,
}

fn place(tag: &Tag<'_>) -> Place {
    Place::new(tag.start, tag.end)
}

fn at(file: &Arc<SourceFile>, message: String, tag: &Tag<'_>) -> Diagnostic {
    Diagnostic::error(message).at(place(tag).span(file))
}

struct Scanner<'a> {
    file: &'a Arc<SourceFile>,
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The next block tag; with `only_end`, the next one that closes docs.
    fn next_tag(&mut self, only_end: bool) -> Result<Option<Tag<'a>>, Diagnostic> {
        let bytes = self.text.as_bytes();
        while let Some(offset) = bytes[self.at..].iter().position(|byte| *byte == b'{') {
            let open = self.at + offset;
            match bytes.get(open + 1) {
                Some(b'%') => {
                    let tag = self.tag(open, only_end)?;
                    match tag {
                        Some(tag) if tag.name == "raw" => self.skip_raw(&tag)?,
                        Some(tag) => return Ok(Some(tag)),
                        None => {}
                    }
                }
                Some(b'#') if !only_end => {
                    let Some(length) = self.text[open + 2..].find("#}") else {
                        let place = Place::new(open, open + 2).span(self.file);
                        return Err(Diagnostic::error("comment is not closed").at(place).hint("close it with `#}`"));
                    };
                    self.at = open + length + 4;
                }
                Some(b'{') if !only_end => {
                    let end = self.tag_end(open + 2, "}}");
                    // A lone `{{` is the renderer's to report.
                    self.at = end.unwrap_or(open + 2);
                }
                _ => self.at = open + 1,
            }
        }
        Ok(None)
    }

    fn tag(&mut self, open: usize, only_end: bool) -> Result<Option<Tag<'a>>, Diagnostic> {
        let inside = open + 2 + usize::from(matches!(self.text.as_bytes().get(open + 2), Some(b'-' | b'+')));
        let trimmed = self.text[inside..].trim_start();
        let name_start = self.text.len() - trimmed.len();
        let length = trimmed.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(trimmed.len());
        let name = &trimmed[..length];
        if name.is_empty() || (only_end && name != "enddocs") {
            self.at = open + 2;
            return Ok(None);
        }
        let rest_start = name_start + length;
        let Some(end) = self.tag_end(rest_start, "%}") else {
            let place = Place::new(open, rest_start).span(self.file);
            return Err(Diagnostic::error(format!("tag `{name}` is not closed")).at(place).hint("close it with `%}`"));
        };
        self.at = end;
        let rest = self.text[rest_start..end - 2].trim_end_matches(['-', '+']);
        Ok(Some(Tag { name, rest, rest_start, start: open, end }))
    }

    /// Behind the end of a tag; strings may hold anything.
    fn tag_end(&self, from: usize, close: &str) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while at < bytes.len() {
            match bytes[at] {
                quote @ (b'"' | b'\'') => {
                    at += 1;
                    while at < bytes.len() && bytes[at] != quote {
                        at += if bytes[at] == b'\\' { 2 } else { 1 };
                    }
                    at += 1;
                }
                _ if bytes[at..].starts_with(close.as_bytes()) => return Some(at + 2),
                _ => at += 1,
            }
        }
        None
    }

    fn skip_raw(&mut self, tag: &Tag<'_>) -> Result<(), Diagnostic> {
        let mut search = tag.end;
        while let Some(offset) = self.text[search..].find("{%") {
            let start = search + offset;
            let inner = self.text[start + 2..].trim_start_matches(['-', '+']).trim_start();
            if let Some(rest) = inner.strip_prefix("endraw")
                && let Some(rest) = rest.trim_start().trim_start_matches(['-', '+']).strip_prefix("%}")
            {
                self.at = self.text.len() - rest.len();
                return Ok(());
            }
            search = start + 2;
        }
        Err(at(self.file, "`raw` block is not closed".to_owned(), tag).hint("close it with `{% endraw %}`"))
    }
}

fn block(file: &Arc<SourceFile>, kind: BlockKind, start: &Tag<'_>, end: &Tag<'_>) -> Result<Block, Diagnostic> {
    let lead = start.rest.len() - start.rest.trim_start().len();
    let name_start = start.rest_start + lead;
    let trimmed = start.rest.trim_start();
    let length = trimmed.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(trimmed.len());
    let name = &trimmed[..length];
    if name.is_empty() {
        return Err(at(file, format!("a `{}` block needs a name", start.name), start));
    }
    let mut block = Block {
        kind,
        name: name.to_owned(),
        file: file.clone(),
        name_range: name_start..name_start + length,
        head: start.start..start.end,
        body: start.end..end.start,
        range: start.start..end.end,
        adapter: None,
        supported_languages: vec!["sql".to_owned()],
    };
    if kind == BlockKind::Materialization {
        let (adapter, languages) = parser::parse_materialization_head(file, start.start..start.end)?;
        block.adapter = adapter;
        if let Some(languages) = languages {
            block.supported_languages = languages;
        }
    }
    Ok(block)
}
