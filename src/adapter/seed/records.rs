//! The records of a CSV text, read piece by piece, so that a large file takes no memory.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// How much of a file is read at once, unless a record is longer.
const BLOCK: usize = 1 << 18;

/// Where a seed's text is.
#[derive(Debug, Clone)]
pub enum SeedText {
    Memory(Arc<SourceFile>),
    /// A file, under the name that people know it by.
    Disk {
        path: PathBuf,
        shown: String,
    },
}

impl SeedText {
    pub(super) fn shown(&self) -> &str {
        match self {
            SeedText::Memory(file) => &file.path,
            SeedText::Disk { shown, .. } => shown,
        }
    }

    /// The records from the beginning.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(super) fn records(&self, delimiter: char) -> Result<Records<'_>, Diagnostic> {
        match self {
            SeedText::Memory(file) => Ok(Records::of_text(&file.text, delimiter)),
            SeedText::Disk { path, .. } => match File::open(path) {
                Ok(file) => Ok(Records::of_file(file, delimiter, BLOCK)),
                Err(error) => Err(self.failed(&Failure::Unreadable(error))),
            },
        }
    }

    pub(super) fn failed(&self, failure: &Failure) -> Diagnostic {
        match failure {
            Failure::Unreadable(error) => {
                let path = match self {
                    SeedText::Memory(file) => file.path.clone(),
                    SeedText::Disk { path, .. } => path.display().to_string(),
                };
                Diagnostic::error(format!("seed file `{path}` cannot be read: {error}"))
            }
            Failure::NotText(at) => Diagnostic::error(format!("seed file `{}` is not UTF-8 (byte {at})", self.shown()))
                .at(self.line(*at))
                .hint("save it with the encoding UTF-8"),
        }
    }

    /// The line in which a byte of the text is, to be shown.
    pub(super) fn line(&self, at: usize) -> Span {
        let file = match self {
            SeedText::Memory(file) => file.clone(),
            SeedText::Disk { path, shown } => {
                // Up to what is not UTF-8, if there is such a thing, bytes stand where they stood.
                let bytes = std::fs::read(path).unwrap_or_default();
                SourceFile::new(shown.as_str(), String::from_utf8_lossy(&bytes))
            }
        };
        let line = Span::new(&file, at, at).line_column().0;
        Span::line(&file, line)
    }
}

/// Why the rest of a file cannot be read.
#[derive(Debug)]
pub(super) enum Failure {
    Unreadable(std::io::Error),
    /// From this byte on it is not UTF-8.
    NotText(usize),
}

/// One record of the file: its fields, and where it starts.
pub(super) struct Record {
    pub fields: Vec<String>,
    pub start: usize,
}

/// The records of a CSV text as Python's `csv` module splits them: an empty line is a record
/// without fields. They end early where the text cannot be read on: see `failure`.
pub(super) struct Records<'a> {
    text: Cow<'a, str>,
    /// Where in `text` the next record begins.
    at: usize,
    /// Bytes of the file before `text`.
    before: usize,
    delimiter: char,
    /// What comes after `text`, and how much of it is read at once.
    rest: Option<(File, usize)>,
    /// Bytes behind `text` that are no whole character yet.
    partial: Vec<u8>,
    pub failure: Option<Failure>,
}

impl<'a> Records<'a> {
    fn of_text(text: &'a str, delimiter: char) -> Records<'a> {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let (before, rest, partial, failure) = (0, None, Vec::new(), None);
        Records { text: Cow::Borrowed(text), at, before, delimiter, rest, partial, failure }
    }

    fn of_file(file: File, delimiter: char, block: usize) -> Records<'static> {
        let mut records = Records { rest: Some((file, block)), ..Records::of_text("", delimiter) };
        // As long as there may be a mark, but not all of it.
        while records.text.len() < '\u{feff}'.len_utf8() && records.rest.is_some() {
            records.read_on();
        }
        records.at = if records.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        records
    }

    /// Adds to `text` what follows it, and drops what was taken of it.
    fn read_on(&mut self) {
        let Some((file, block)) = &mut self.rest else { return };
        let mut text = self.text[self.at..].to_owned();
        self.before += std::mem::take(&mut self.at);
        let mut bytes = std::mem::take(&mut self.partial);
        let wanted = (*block).max(text.len()) as u64;
        match file.take(wanted).read_to_end(&mut bytes) {
            Ok(0) => self.rest = None,
            Ok(_) => {}
            Err(error) => {
                self.rest = None;
                self.failure = Some(Failure::Unreadable(error));
            }
        }
        let valid = match std::str::from_utf8(&bytes) {
            Ok(_) => bytes.len(),
            Err(error) => {
                if error.error_len().is_some() || self.rest.is_none() {
                    self.rest = None;
                    let at = self.before + text.len() + error.valid_up_to();
                    self.failure.get_or_insert(Failure::NotText(at));
                }
                error.valid_up_to()
            }
        };
        self.partial = bytes.split_off(valid);
        text.push_str(&String::from_utf8(bytes).unwrap_or_default());
        self.text = Cow::Owned(text);
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let left = &self.text[self.at..];
            let (fields, used) = record(left, self.delimiter);
            if self.failure.is_some() && used == left.len() {
                return None;
            }
            // What ends where the text does may go on in what follows.
            if self.rest.is_none() || used < left.len() {
                let start = self.before + self.at;
                self.at += used;
                return fields.map(|fields| Record { fields, start });
            }
            self.read_on();
        }
    }
}

/// The first record of a text, and how many bytes it takes.
fn record(text: &str, delimiter: char) -> (Option<Vec<String>>, usize) {
    let mut characters = text.char_indices().peekable();
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut quoted, mut fresh) = (false, true);
    while let Some((_, character)) = characters.next() {
        if quoted {
            match character {
                '"' if characters.next_if(|(_, next)| *next == '"').is_some() => field.push('"'),
                '"' => quoted = false,
                other => field.push(other),
            }
        } else if character == '"' && fresh {
            (quoted, fresh) = (true, false);
        } else if character == delimiter {
            fields.push(std::mem::take(&mut field));
            fresh = true;
        } else if character == '\n' || character == '\r' {
            if character == '\r' {
                characters.next_if(|(_, next)| *next == '\n');
            }
            if !fields.is_empty() || !field.is_empty() || !fresh {
                fields.push(field);
            }
            return (Some(fields), characters.peek().map_or(text.len(), |(at, _)| *at));
        } else {
            field.push(character);
            fresh = false;
        }
    }
    if fields.is_empty() && field.is_empty() && fresh {
        return (None, text.len());
    }
    fields.push(field);
    (Some(fields), text.len())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn shown(records: Records<'_>) -> Vec<(Vec<String>, usize)> {
        records.map(|record| (record.fields, record.start)).collect()
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_file_gives_the_same_records_whatever_is_read_at_once() {
        for text in [
            "",
            "a",
            "a,b\n1,2\n",
            "\u{feff}a,b\r\n1,2\r\n\r\n3,4",
            "a\r1\r\n2\n\n",
            "name,x\n\"several\nlines, \"\"quoted\"\"\",1\n한글,2\n",
            "a\n\"never closed\n1\n2\n",
        ] {
            let expected = shown(Records::of_text(text, ','));
            for block in 1..12 {
                assert_eq!(shown(Records::of_file(file(text.as_bytes()), ',', block)), expected, "{text:?} by {block}");
            }
        }
    }

    #[test]
    fn what_is_not_text_is_said_with_its_place() {
        for (bytes, at, count) in [(&b"a\n1\n\xff\n"[..], 4, 1), (b"a\n1\n\xed\x95", 4, 1), (b"\xff", 0, 0)] {
            for block in 1..6 {
                let mut records = Records::of_file(file(bytes), ',', block);
                assert_eq!(records.by_ref().count(), count, "{bytes:?} by {block}");
                assert!(
                    matches!(records.failure, Some(Failure::NotText(found)) if found == at),
                    "{bytes:?} by {block}"
                );
            }
        }
    }
}
