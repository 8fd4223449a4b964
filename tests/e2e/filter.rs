//! What differs from run to run, replaced by words in brackets.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::case::trimmed;

static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r"\x1b\[[0-9;]*m", ""),
        // The slowest nodes of a larger run differ each time.
        (r"(?m)^╭[^\n]*\n│ slowest[^╰]*╰[^\n]*\n", ""),
        (r"(?m)^\d\d:\d\d:\d\d(\.\d+)?", "[time]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "[timestamp]"),
        (r"\d+ hours \d+ minutes and \d+\.\d+ seconds", "[secs]"),
        (r" +\d+\.\d+s\b", " [secs]"),
        (r"\(\d+\.\d+s\)", "([secs])"),
        (r"\b\d+\.\d+ seconds", "[secs]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]"),
        (r"\b(tform|dbt|duckdb|postgres|redshift)([= ]v?)\d+\.\d+\.\d+\b", "$1$2[version]"),
        (r"\b(installed|duckdb|postgres|redshift): +\d+\.\d+\.\d+", "$1: [version]"),
        (r"\b\d+ macros\b", "[n] macros"),
    ];
    rules.into_iter().filter_map(|(pattern, word)| Some((Regex::new(pattern).ok()?, word))).collect()
});

/// What engines say each in its own way, for cases that run on several.
static OF_ENGINES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r"(?m)^.*no profile found, building on DuckDB at .*\n", ""),
        (r"Registered adapter: (duckdb|postgres|redshift)=\S+", "Registered adapter: [engine]"),
        (r"\[(SELECT \d+|INSERT 0 \d+|MERGE \d+|UPDATE \d+|DELETE \d+|CREATE VIEW|CREATE TABLE) in ", "[OK in "),
    ];
    rules.into_iter().filter_map(|(pattern, word)| Some((Regex::new(pattern).ok()?, word))).collect()
});

/// Output in which nothing tells the engine.
pub fn without_engine(text: &str) -> String {
    OF_ENGINES.iter().fold(text.to_owned(), |text, (rule, word)| rule.replace_all(&text, *word).into_owned())
}

/// Output as a case file has it.
pub fn stable(text: &str, folder: &Path) -> Vec<String> {
    let mut text = text.replace("\r\n", "\n");
    for path in [folder.canonicalize().unwrap_or_else(|_| folder.to_owned()), folder.to_owned()] {
        text = text.replace(path.to_string_lossy().as_ref(), "[dir]");
        if let Some(scratch) = path.parent().filter(|scratch| scratch.components().count() > 2) {
            text = text.replace(scratch.to_string_lossy().as_ref(), "[scratch]");
        }
    }
    for (rule, word) in RULES.iter() {
        text = rule.replace_all(&text, *word).into_owned();
    }
    trimmed(&text.lines().collect::<Vec<&str>>())
}
