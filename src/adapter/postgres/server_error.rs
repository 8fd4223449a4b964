//! What a server says when it refuses or remarks something, and the text that people see of it.
//!
//! Fields: postgresql.org/docs/current/protocol-error-fields.html; codes: errcodes-appendix.html.
//! The text is laid out as libpq does it, since dbt's users search and parse for that.

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

use crate::adapter::{AdapterError, ErrorKind};

/// Characters of a statement's line that the text shows.
const SHOWN_WIDTH: usize = 60;
/// How many of them stand at least behind the place of the error.
const SHOWN_BEHIND: usize = 10;

/// An error or a notice of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    pub severity: String,
    pub code: String,
    pub message: String,
    detail: Option<String>,
    hint: Option<String>,
    context: Option<String>,
    /// In characters from one, in the statement that was sent.
    position: Option<usize>,
    /// The same in `internal_query`, a statement that the server made itself.
    internal_position: Option<usize>,
    internal_query: Option<String>,
    /// What the error is about (a constraint, an index).
    pub object: Option<String>,
}

impl ServerError {
    pub fn read(mut fields: ErrorFields<'_>) -> ServerError {
        let mut error = ServerError::default();
        while let Ok(Some(field)) = fields.next() {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'S' if error.severity.is_empty() => error.severity = value,
                b'V' => error.severity = value,
                b'C' => error.code = value,
                b'M' => error.message = value,
                b'D' => error.detail = Some(value),
                b'H' => error.hint = Some(value),
                b'W' => error.context = Some(value),
                b'P' => error.position = value.parse().ok(),
                b'p' => error.internal_position = value.parse().ok(),
                b'q' => error.internal_query = Some(value),
                b'n' => error.object = Some(value),
                _ => {}
            }
        }
        error
    }

    /// The whole text: message, place, detail, hint, context.
    pub fn text(&self, sql: &str) -> String {
        let mut text = self.message.clone();
        match (&self.internal_query, self.internal_position, self.position) {
            (Some(query), Some(position), _) => text.push_str(&place(query, position)),
            (_, _, Some(position)) => text.push_str(&place(sql, position)),
            _ => {}
        }
        let internal = self.internal_query.as_ref().filter(|_| self.internal_position.is_none());
        let parts =
            [("DETAIL", &self.detail), ("HINT", &self.hint), ("QUERY", &internal.cloned()), ("CONTEXT", &self.context)];
        for (word, part) in parts {
            if let Some(part) = part {
                text.push_str(&format!("\n{word}:  {part}"));
            }
        }
        text
    }

    /// The line of `sql` that the error is about, counted from one.
    fn line(&self, sql: &str) -> Option<usize> {
        let before = self.position?.saturating_sub(1);
        Some(sql.chars().take(before).filter(|character| *character == '\n').count() + 1)
    }

    /// The error of a statement, as callers know errors.
    pub fn of_statement(&self, sql: &str, kind: ErrorKind) -> AdapterError {
        let code = Some(self.code.clone()).filter(|code| !code.is_empty());
        AdapterError { line: self.line(sql), code, ..AdapterError::new(kind, self.text(sql)) }
    }

    /// Whether the code is `code`, or of the class that it names by its first two characters.
    pub fn is(&self, code: &str) -> bool {
        self.code.starts_with(code)
    }
}

/// What may be done about an error of PostgreSQL.
pub fn kind(error: &ServerError) -> ErrorKind {
    const RETRYABLE: &[&str] = &["40001", "40P01", "55P03", "55006"];
    const CONNECTION: &[&str] = &["08", "28", "3D", "53300", "57P"];
    // Two sessions that create one thing at once collide in the system's own indexes.
    let collides = error.code == "23505" && error.object.as_deref().is_some_and(|name| name.starts_with("pg_"));
    let vanished = ["tuple concurrently updated", "tuple concurrently deleted", "could not open relation with OID"]
        .iter()
        .any(|words| error.message.contains(words));
    if collides || vanished || RETRYABLE.contains(&error.code.as_str()) {
        return ErrorKind::Retryable;
    }
    match error.code.as_str() {
        "57014" if error.message.contains("user request") => ErrorKind::Interrupted,
        "42501" => ErrorKind::Other,
        "0A000" => ErrorKind::Unsupported,
        _ if CONNECTION.iter().any(|code| error.is(code)) => ErrorKind::Connection,
        _ if error.is("42") => ErrorKind::Syntax,
        _ => ErrorKind::Other,
    }
}

/// `LINE 3: ...` with a caret under the place; the line is cut so that the place can be seen.
fn place(sql: &str, position: usize) -> String {
    let before: Vec<char> = sql.chars().take(position.saturating_sub(1)).collect();
    let number = before.iter().filter(|character| **character == '\n').count() + 1;
    let column = before.iter().rev().take_while(|character| **character != '\n').count();
    let Some(line) = sql.split('\n').nth(number - 1) else { return String::new() };
    let line: Vec<char> =
        line.trim_end_matches('\r').chars().map(|character| if character == '\t' { ' ' } else { character }).collect();
    let (mut from, mut to) = (0, line.len());
    if to > SHOWN_WIDTH {
        // The place keeps some text behind it, if there is as much.
        let end = (column + SHOWN_BEHIND).max(SHOWN_WIDTH).min(to);
        from = end - SHOWN_WIDTH;
        to = end;
    }
    let cut: String = line[from..to].iter().collect();
    let (lead, trail) = (if from > 0 { "..." } else { "" }, if to < line.len() { "..." } else { "" });
    let head = format!("LINE {number}: {lead}");
    let indent = head.chars().count() + column.saturating_sub(from);
    format!("\n{head}{cut}{trail}\n{}^", " ".repeat(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_shown_under_its_line() {
        let long = format!("select {}, wrong, {}", "a".repeat(80), "b".repeat(80));
        let cases = [
            ("select a\nfrom b", 8, "\nLINE 1: select a\n               ^".to_owned()),
            ("select a\n\tfrom b", 16, "\nLINE 2:  from b\n              ^".to_owned()),
            ("select ü, c", 11, "\nLINE 1: select ü, c\n                  ^".to_owned()),
            (
                long.as_str(),
                90,
                format!("\nLINE 1: ...{}, wrong, {}...\n{}^", "a".repeat(48), "b".repeat(3), " ".repeat(61)),
            ),
        ];
        for (sql, position, expected) in cases {
            assert_eq!(place(sql, position), expected, "{sql}");
        }
    }

    #[test]
    fn codes_tell_what_may_be_done() {
        let of = |code: &str, message: &str, object: Option<&str>| {
            let object = object.map(str::to_owned);
            kind(&ServerError { code: code.into(), message: message.into(), object, ..ServerError::default() })
        };
        let cases = [
            (of("42P01", "relation \"a\" does not exist", None), ErrorKind::Syntax),
            (of("42501", "permission denied", None), ErrorKind::Other),
            (of("40P01", "deadlock detected", None), ErrorKind::Retryable),
            (of("23505", "duplicate key", Some("pg_namespace_nspname_index")), ErrorKind::Retryable),
            (of("23505", "duplicate key", Some("orders_pkey")), ErrorKind::Other),
            (of("57014", "canceling statement due to user request", None), ErrorKind::Interrupted),
            (of("57014", "canceling statement due to statement timeout", None), ErrorKind::Other),
            (of("57P01", "terminating connection", None), ErrorKind::Connection),
            (of("28P01", "password authentication failed", None), ErrorKind::Connection),
        ];
        for (index, (found, expected)) in cases.into_iter().enumerate() {
            assert_eq!(found, expected, "case {index}");
        }
    }
}
