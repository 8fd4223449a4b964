//! What a warehouse refuses, with what the code needs to know to decide what follows.

use std::fmt;

use crate::diagnostic::Diagnostic;

/// What a caller may do about an [`AdapterError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The warehouse cannot be reached, or refuses us.
    Connection,
    /// The SQL is wrong: running it again gives the same answer.
    Syntax,
    /// The same work, from the start of its transaction, may succeed.
    Retryable,
    /// Somebody cancelled the statement.
    Interrupted,
    /// What the warehouse, or this version, does not have.
    Unsupported,
    Other,
}

/// An error of a warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterError {
    pub kind: ErrorKind,
    /// The engine's own words where it spoke; several lines are possible.
    pub message: String,
    /// Where in the SQL, counted from one in the text that the caller sent, if the engine says.
    pub line: Option<usize>,
    /// The engine's code (`40001`, `Catalog`), if it has codes.
    pub code: Option<String>,
    pub hint: Option<String>,
    /// What dbt calls it where it ends a node.
    pub title: &'static str,
}

/// What most adapters of dbt call what their engine refuses.
pub const DATABASE_ERROR: &str = "Database Error";

impl AdapterError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> AdapterError {
        AdapterError { kind, message: message.into(), line: None, code: None, hint: None, title: DATABASE_ERROR }
    }

    pub fn connection(message: impl Into<String>) -> AdapterError {
        AdapterError::new(ErrorKind::Connection, message)
    }

    pub fn unsupported(message: impl Into<String>) -> AdapterError {
        AdapterError::new(ErrorKind::Unsupported, message)
    }

    pub fn other(message: impl Into<String>) -> AdapterError {
        AdapterError::new(ErrorKind::Other, message)
    }

    /// Whether the warehouse says that a relation is not there, by its code where it has codes: words are in the
    /// server's language.
    pub fn is_missing_relation(&self) -> bool {
        match self.code.as_deref() {
            // An undefined table, an invalid name of a schema (postgresql.org/docs/current/errcodes-appendix.html).
            Some("42P01" | "3F000") => true,
            // DuckDB's code is a class of errors, and its words are English everywhere.
            Some("Catalog") | None => self.message.to_lowercase().contains("does not exist"),
            Some(_) => false,
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> AdapterError {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for AdapterError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for AdapterError {}

impl From<AdapterError> for Diagnostic {
    fn from(error: AdapterError) -> Diagnostic {
        let diagnostic = Diagnostic::error(error.message);
        match error.hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }
}
