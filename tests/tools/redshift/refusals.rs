//! What PostgreSQL has and Redshift refuses.
//!
//! docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html,
//! c_unsupported-postgresql-functions.html, and the pages of the statements.

use sqlparser::dialect::RedshiftSqlDialect;
use sqlparser::parser::Parser;

/// A refusal in the server's words.
#[derive(Debug)]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

pub fn syntax(near: &str) -> Refusal {
    Refusal { code: "42601", message: format!("syntax error at or near \"{near}\"") }
}

pub fn unsupported(what: &str) -> Refusal {
    Refusal { code: "0A000", message: format!("{what} is not supported") }
}

/// Words in a row that Redshift's grammar does not know.
const SYNTAX: &[&str] = &[
    "on conflict",
    "returning",
    "lateral",
    "distinct on",
    "filter ( where",
    "is distinct from",
    "is not distinct from",
    "with ordinality",
    "from ( values",
    "using ( values",
    "create or replace table",
    "create unlogged",
    "for update",
];

/// Words in a row for what Redshift has not.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("create index", "CREATE INDEX"),
    ("create unique index", "CREATE INDEX"),
    ("create extension", "CREATE EXTENSION"),
    ("create type", "CREATE TYPE"),
    ("create domain", "CREATE DOMAIN"),
    ("create trigger", "CREATE TRIGGER"),
    ("create sequence", "CREATE SEQUENCE"),
    ("create temporary view", "CREATE TEMPORARY VIEW"),
    ("tablespace", "TABLESPACE"),
    ("string_agg (", "Function \"string_agg\""),
    ("array_agg (", "Function \"array_agg\""),
    ("json_agg (", "Function \"json_agg\""),
    ("pg_try_advisory_lock (", "Function \"pg_try_advisory_lock\""),
    ("pg_advisory_lock (", "Function \"pg_advisory_lock\""),
    (":: json", "type \"json\""),
    (":: jsonb", "type \"jsonb\""),
    (":: uuid", "type \"uuid\""),
];

/// Checks one statement, given in lower-case words.
pub fn check(words: &[String], in_transaction: bool) -> Result<(), Refusal> {
    let text = format!(" {} ", words.join(" "));
    let has = |part: &str| text.contains(&format!(" {part} "));
    if let Some(part) = SYNTAX.iter().find(|part| has(part)) {
        return Err(syntax(part.split(' ').next().unwrap_or(part)));
    }
    if let Some((_, what)) = UNSUPPORTED.iter().find(|(part, _)| has(part)) {
        return Err(unsupported(what));
    }
    let begins = |part: &str| text.starts_with(&format!(" {part} "));
    if begins("create materialized view if") {
        return Err(syntax("if"));
    }
    if begins("alter view") || (begins("alter materialized view") && has("rename")) {
        return Err(syntax(if begins("alter view") { "view" } else { "rename" }));
    }
    // The target of these takes no alias.
    for (head, next) in [("delete from", &["where", "using"][..]), ("update", &["set"]), ("merge into", &["using"])] {
        if begins(head) {
            let word = words.get(head.split(' ').count() + name_length(&words[head.split(' ').count()..]));
            if word.is_some_and(|word| !next.contains(&word.as_str())) {
                return Err(syntax(word.map_or("", String::as_str)));
            }
        }
    }
    if begins("merge into") && has("matched and") {
        return Err(syntax("and"));
    }
    if begins("alter table") && text.matches(" add column ").count() + text.matches(" drop column ").count() > 1 {
        return Err(syntax(","));
    }
    if begins("alter table") && has("alter column") && in_transaction {
        return Err(Refusal {
            code: "25001",
            message: "ALTER TABLE ALTER COLUMN cannot run inside a transaction block".to_owned(),
        });
    }
    if (begins("create table") || begins("create temporary table")) && has("check (") {
        return Err(unsupported("CHECK constraint"));
    }
    if (begins("create table") || begins("insert")) && has("generate_series (") {
        return Err(Refusal {
            code: "0A000",
            message: "Specified types or functions (one per INFO message) not supported on Redshift tables.".to_owned(),
        });
    }
    Ok(())
}

/// How many words a name with dots takes.
pub fn name_length(words: &[String]) -> usize {
    let mut length = 1;
    while words.get(length).is_some_and(|word| word == ".") {
        length += 2;
    }
    length
}

/// Statements that another reader of Redshift's SQL must understand too.
pub fn parses(sql: &str, words: &[String]) -> Result<(), Refusal> {
    let checked = ["select", "with", "insert", "update", "delete", "merge", "drop"];
    if !words.first().is_some_and(|word| checked.contains(&word.as_str())) {
        return Ok(());
    }
    match Parser::parse_sql(&RedshiftSqlDialect {}, sql) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal { code: "42601", message: error.to_string() }),
    }
}
