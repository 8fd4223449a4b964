//! Tests of reading queries: tables of cases in `tests/*.txt`, and what holds for any text.
//!
//! A case is a paragraph:
//!
//! ```text
//! # A name for people.
//! for: duckdb, postgres          the dialects; all three if it is left out
//! t: a int, b text               the columns of a relation; `...` at the end: there may be others,
//! u: ?                           `?`: nothing is known
//! sql: select a, b as c from t
//! a int = t.a copied             an output column, its type, its inputs
//! c text = t.b renamed
//! rows: t.d filter               what decides its rows
//! open: the columns of ...       why there are others
//! error: ...                     or why nothing could be read
//! ```

mod project;
mod robust;

use std::collections::HashMap;
use std::fmt::Write;

use super::*;

/// Relations by name.
#[derive(Debug, Default)]
pub(super) struct Known(pub HashMap<Vec<String>, KnownColumns>);

impl Relations for Known {
    fn columns(&self, name: &[String]) -> Option<&KnownColumns> {
        let key: Vec<String> = name.iter().map(|part| part.to_lowercase()).collect();
        self.0.get(&key)
    }
}

const DIALECTS: &[(&str, Dialect)] =
    &[("duckdb", Dialect::Duckdb), ("postgres", Dialect::Postgres), ("redshift", Dialect::Redshift)];

#[derive(Debug, Default)]
struct Case {
    name: String,
    dialects: Vec<Dialect>,
    known: Known,
    sql: String,
    expected: Vec<String>,
}

fn cases(text: &str) -> Vec<Case> {
    text.split("\n\n").filter(|paragraph| paragraph.contains("sql:")).map(case).collect()
}

fn case(paragraph: &str) -> Case {
    let mut case = Case { dialects: DIALECTS.iter().map(|(_, dialect)| *dialect).collect(), ..Case::default() };
    let mut in_sql = false;
    for line in paragraph.lines().filter(|line| !line.trim().is_empty()) {
        if in_sql && line.starts_with(' ') {
            case.sql.push('\n');
            case.sql.push_str(line);
            continue;
        }
        in_sql = false;
        if let Some(name) = line.strip_prefix("# ") {
            case.name = name.to_owned();
        } else if let Some(sql) = line.strip_prefix("sql: ") {
            case.sql = sql.to_owned();
            in_sql = true;
        } else if !case.sql.is_empty() {
            case.expected.push(line.trim().to_owned());
        } else if let Some(names) = line.strip_prefix("for: ") {
            let is_named = |name: &str| names.split(',').any(|one| one.trim() == name);
            case.dialects = DIALECTS.iter().filter(|(name, _)| is_named(name)).map(|(_, dialect)| *dialect).collect();
        } else if let Some((name, columns)) = line.split_once(": ") {
            case.known.0.insert(name.split('.').map(str::to_owned).collect(), columns_of(columns));
        }
    }
    assert!(!case.dialects.is_empty() && !case.expected.is_empty(), "{paragraph}");
    case
}

pub(super) fn columns_of(text: &str) -> KnownColumns {
    let mut known = KnownColumns { columns: Vec::new(), completeness: Completeness::Complete };
    for column in text.split(',').map(str::trim) {
        match column {
            "..." => known.completeness = Completeness::Declared,
            "?" => known.completeness = Completeness::Partial,
            column => {
                let (name, data_type) = column.split_once(' ').unzip();
                let name = name.unwrap_or(column).into();
                known.columns.push(KnownColumn { name, data_type: data_type.map(Arc::from) });
            }
        }
    }
    known
}

/// What was read, as a case writes it.
fn shown(read: &Result<QueryLineage, String>) -> String {
    let query = match read {
        Ok(query) => query,
        Err(reason) => return format!("error: {reason}"),
    };
    let of = |relation: usize, column: &str| format!("{}.{column}", query.relations[relation].join("."));
    let mut text = String::new();
    for column in &query.columns {
        text.push_str(&column.name);
        if let Some(data_type) = &column.data_type {
            let _ = write!(text, " {data_type}");
        }
        let inputs = column.inputs.iter();
        let inputs: Vec<String> =
            inputs.map(|input| format!("{} {}", of(input.relation, &input.column), input.kind.as_str())).collect();
        let unknown = column.unknown.as_ref().map(|reason| format!("! {reason}"));
        let words: Vec<String> =
            Some(inputs.join(", ")).into_iter().filter(|text| !text.is_empty()).chain(unknown).collect();
        let _ = writeln!(text, "{}", format!(" = {}", words.join(" ")).trim_end());
    }
    if !query.influences.is_empty() {
        let rows = query.influences.iter();
        let rows: Vec<String> =
            rows.map(|(relation, column, how)| format!("{} {}", of(*relation, column), how.as_str())).collect();
        let _ = writeln!(text, "rows: {}", rows.join(", "));
    }
    if let Some(reason) = &query.open {
        let _ = writeln!(text, "open: {reason}");
    }
    text.trim_end().to_owned()
}

fn check(text: &str) {
    let mut wrong = String::new();
    for case in cases(text) {
        for dialect in &case.dialects {
            let read = shown(&lineage(&case.sql, *dialect, &case.known));
            let expected = case.expected.join("\n");
            if read != expected {
                let _ =
                    writeln!(wrong, "\n{} ({dialect:?})\n{}\nread\n{read}\nexpected\n{expected}", case.name, case.sql);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn simple_queries() {
    check(include_str!("tests/simple.txt"));
}

#[test]
fn joins_and_set_operations() {
    check(include_str!("tests/joins.txt"));
}

#[test]
fn aggregates_and_windows() {
    check(include_str!("tests/aggregates.txt"));
}

#[test]
fn subqueries_and_recursion() {
    check(include_str!("tests/subqueries.txt"));
}

#[test]
fn nested_values_and_functions() {
    check(include_str!("tests/nested.txt"));
}

#[test]
fn what_cannot_be_known_is_said() {
    check(include_str!("tests/unknown.txt"));
}

#[test]
fn there_are_at_least_sixty_cases_over_the_three_dialects() {
    let texts = [
        include_str!("tests/simple.txt"),
        include_str!("tests/joins.txt"),
        include_str!("tests/aggregates.txt"),
        include_str!("tests/subqueries.txt"),
        include_str!("tests/nested.txt"),
        include_str!("tests/unknown.txt"),
    ];
    let all: Vec<Case> = texts.into_iter().flat_map(cases).collect();
    assert!(all.len() >= 60, "{}", all.len());
    for (_, dialect) in DIALECTS {
        assert!(all.iter().filter(|case| case.dialects.contains(dialect)).count() >= 35, "{dialect:?}");
    }
}
