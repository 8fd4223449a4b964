//! Problems as people read them: what, where, why, what to do.
//!
//! A [`Diagnostic`] is a value; it prints nothing by itself. `report` renders it to
//! the terminal and to the logs. Stages collect as many as they can before they give
//! up ([`Diagnostics`]), so that a user sees every mistake of a project in one go.

use std::fmt;
use std::sync::Arc;

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// The text of one file of the project, read once and shared.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as shown to people: relative to the project's root, `/` between parts.
    pub path: String,
    pub text: String,
}

impl SourceFile {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(SourceFile { path: path.into(), text: text.into() })
    }
}

/// A range of bytes in a [`SourceFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub file: Arc<SourceFile>,
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(file: &Arc<SourceFile>, start: usize, end: usize) -> Self {
        let end = end.min(file.text.len());
        Span { file: file.clone(), start: start.min(end), end }
    }

    /// The span of a whole line; `line` counts from one.
    pub fn line(file: &Arc<SourceFile>, line: usize) -> Self {
        let mut start = 0;
        for (index, text) in file.text.split_inclusive('\n').enumerate() {
            if index + 1 == line {
                let lead = text.len() - text.trim_start().len();
                return Span::new(file, start + lead, start + text.trim_end().len().max(lead));
            }
            start += text.len();
        }
        Span::new(file, file.text.len(), file.text.len())
    }

    /// Line and column of the start, both counted from one, columns in characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.file.text.as_bytes()[..self.start];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        (line, column)
    }

    /// The line in which the span starts, without its end of line.
    pub fn source_line(&self) -> &str {
        let text = &self.file.text;
        let start = text.as_bytes()[..self.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = text.as_bytes()[start..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| start + at);
        text.get(start..end).unwrap_or("").trim_end_matches('\r')
    }
}

/// What callers of dbt know a problem by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tag {
    event: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
    kind: Option<&'static str>,
}

/// One problem, with its place and what to do about it.
///
/// The message is lower-case, states the fact, has names in backticks and no full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub message: String,
    pub span: Option<Span>,
    /// Further facts, each with a place of its own if it has one
    /// (the other definition, the calls that led here).
    pub notes: Vec<(String, Option<Span>)>,
    /// What to do.
    pub hints: Vec<String>,
    /// What callers of dbt know it by; boxed, since errors travel through deep recursions.
    pub(crate) tag: Option<Box<Tag>>,
}

impl Diagnostic {
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Diagnostic { severity, message: message.into(), span: None, notes: Vec::new(), hints: Vec::new(), tag: None }
    }

    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Error, message)
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Warning, message)
    }

    /// Adds to the event's `data`.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.tag.get_or_insert_default().facts.push((name, value.into()));
        self
    }

    /// dbt's name of the event that this is, by which `warn-error-options` chooses
    /// (docs.getdbt.com/reference/global-configs/warnings); a `ValidationWarning` without one.
    pub fn event(&self) -> Option<&'static str> {
        self.tag.as_ref()?.event
    }

    /// What the event's `data` says beside the message, by dbt's names.
    pub fn facts(&self) -> &[(&'static str, String)] {
        self.tag.as_ref().map_or(&[], |tag| &tag.facts)
    }

    /// What dbt calls an error of this kind: `Compilation Error`.
    pub fn kind(&self) -> Option<&'static str> {
        self.tag.as_ref()?.kind
    }

    /// Says what dbt calls an error of this kind, unless that is said already.
    pub fn set_kind(&mut self, kind: &'static str) {
        self.tag.get_or_insert_default().kind.get_or_insert(kind);
    }

    /// [`Diagnostic::set_kind`] of one that has just been made.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        self.set_kind(kind);
        self
    }

    /// A warning under dbt's name of the event.
    pub fn warning_of(event: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::warning(message).named(event)
    }

    /// Gives the event's name, by dbt.
    #[must_use]
    pub fn named(mut self, event: &'static str) -> Self {
        self.tag.get_or_insert_default().event = Some(event);
        self
    }

    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    #[must_use]
    pub fn at_opt(mut self, span: Option<Span>) -> Self {
        self.span = span.or(self.span);
        self
    }

    /// Says of what lies in `made_up`, a text that nobody wrote, that it lies at `place`.
    #[must_use]
    pub fn moved(mut self, made_up: &Arc<SourceFile>, place: &Span) -> Self {
        let spans = self.span.iter_mut().chain(self.notes.iter_mut().filter_map(|(_, span)| span.as_mut()));
        for span in spans.filter(|span| span.file.path.is_empty() || Arc::ptr_eq(&span.file, made_up)) {
            *span = place.clone();
        }
        self
    }

    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push((text.into(), None));
        self
    }

    #[must_use]
    pub fn note_at(mut self, text: impl Into<String>, span: Span) -> Self {
        self.notes.push((text.into(), Some(span)));
        self
    }

    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// Adds `did you mean` with the candidate nearest to `word`, if one is near enough.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, candidates) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    /// The plain form, without colour: message, place, source line with carets, notes, hints.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(formatter, "{label}: {}", self.message)?;
        if let Some(span) = &self.span {
            write_excerpt(formatter, span)?;
        }
        for (text, span) in &self.notes {
            write!(formatter, "\n  = note: {text}")?;
            if let Some(span) = span {
                write_excerpt(formatter, span)?;
            }
        }
        for hint in &self.hints {
            write!(formatter, "\n  = help: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// At most this many characters of a source line are shown around the place.
const EXCERPT_WIDTH: usize = 160;

fn write_excerpt(formatter: &mut fmt::Formatter<'_>, span: &Span) -> fmt::Result {
    let (line, column) = span.line_column();
    let source = span.source_line();
    write!(formatter, "\n  --> {}:{line}:{column}", span.file.path)?;
    if source.trim().is_empty() {
        return Ok(());
    }
    let skipped = if column > EXCERPT_WIDTH { column - EXCERPT_WIDTH / 2 } else { 0 };
    let shown: String =
        source.chars().skip(skipped).take(EXCERPT_WIDTH).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let gutter = line.to_string().len();
    let spanned = span.file.text.get(span.start..span.end).unwrap_or("");
    let width = unicode_width::UnicodeWidthStr::width(spanned.lines().next().unwrap_or("")).clamp(1, EXCERPT_WIDTH);
    let before: String = shown.chars().take(column - 1 - skipped).collect();
    let indent = unicode_width::UnicodeWidthStr::width(before.as_str());
    write!(formatter, "\n{:gutter$} |\n{line} | {shown}\n{:gutter$} | {:indent$}{}", "", "", "", "^".repeat(width))
}

/// The candidate nearest to `word` by edit distance, if it is at most a third of the word away.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(word, candidate, limit), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, delete, replace or swap with their neighbour (optimal string
/// alignment distance); gives `limit + 1` when it is larger than `limit`.
fn edit_distance(left: &str, right: &str, limit: usize) -> usize {
    let left: Vec<char> = left.to_lowercase().chars().collect();
    let right: Vec<char> = right.to_lowercase().chars().collect();
    if left.len().abs_diff(right.len()) > limit {
        return limit + 1;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (at, from) in left.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        row.push(at + 1);
        for (to, character) in right.iter().enumerate() {
            let replaced = last[to] + usize::from(from != character);
            let mut least = replaced.min(row[to] + 1).min(last[to + 1] + 1);
            if at > 0 && to > 0 && *from == right[to - 1] && left[at - 1] == *character {
                least = least.min(before_last[to - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

/// The problems that a stage met, in the order in which it met them.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub fn new() -> Self {
        Diagnostics::default()
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(diagnostics);
    }

    /// Says what dbt calls these problems, those that say it already aside.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        for diagnostic in &mut self.0 {
            diagnostic.set_kind(kind);
        }
        self
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// The value together with the warnings met so far, or everything if one is an error.
    pub fn finish<T>(self, value: T) -> Result<Warned<T>, Diagnostics> {
        if self.has_errors() { Err(self) } else { Ok(Warned { value, warnings: self }) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics(vec![diagnostic])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n\n")?;
            }
            write!(formatter, "{diagnostic}")?;
        }
        Ok(())
    }
}

/// A stage's result with the warnings that it met on the way.
#[derive(Debug)]
pub struct Warned<T> {
    pub value: T,
    pub warnings: Diagnostics,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_place_line_note_and_hint() {
        let file = SourceFile::new("models/a.sql", "select 1\nfrom {{ ref('stg_flight') }}\n");
        let start = file.text.find("'stg").unwrap();
        let shown = Diagnostic::error("model `stg_flight` not found")
            .at(Span::new(&file, start, start + 12))
            .suggest("stg_flight", ["stg_flights", "weather"])
            .to_string();
        insta::assert_snapshot!(shown, @r"
        error: model `stg_flight` not found
          --> models/a.sql:2:13
          |
        2 | from {{ ref('stg_flight') }}
          |             ^^^^^^^^^^^^
          = help: did you mean `stg_flights`?
        ");
    }

    #[test]
    fn wide_characters_keep_the_carets_in_place() {
        let file = SourceFile::new("한글.yml", "설명: [1, 2\n");
        let start = file.text.find('[').unwrap();
        let shown = Diagnostic::error("list is not closed").at(Span::new(&file, start, start + 1)).to_string();
        insta::assert_snapshot!(shown, @r"
        error: list is not closed
          --> 한글.yml:1:5
          |
        1 | 설명: [1, 2
          |       ^
        ");
    }

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(nearest("materialised", ["materialized", "meta"]), Some("materialized"));
        assert_eq!(nearest("pord", ["dev", "prod"]), Some("prod"), "a swap counts as one");
        assert_eq!(nearest("abc", ["xyz", "orders"]), None);
    }
}
