//! Ephemeral models become common table expressions of what refers to them.
//!
//! Source: docs.getdbt.com/docs/build/materializations#ephemeral.

use crate::manifest::InjectedCte;

/// Puts `ctes` before the statement `sql`: into its own `with` if it begins with one.
pub fn inject(sql: &str, ctes: &[InjectedCte]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let list = ctes.iter().map(|cte| cte.sql.as_str()).collect::<Vec<_>>().join(", ");
    match with_clause(sql) {
        Some(end) => {
            let (head, rest) = sql.split_at(end);
            let statement = rest.trim_start();
            let blank = &rest[..rest.len() - statement.len()];
            format!("{head}{blank}{list}, {statement}")
        }
        None => {
            let statement = sql.trim_start();
            format!("{}with{list} {statement}", &sql[..sql.len() - statement.len()])
        }
    }
}

/// The text of one injected expression: ` name as (sql)`.
pub fn expression(name: &str, sql: &str) -> String {
    format!(" {name} as (\n{sql}\n)")
}

/// The byte behind the leading `with` (and `recursive`) of a statement that begins with one.
fn with_clause(sql: &str) -> Option<usize> {
    let start = skip_blank(sql, 0);
    let end = keyword(sql, start, "with")?;
    let next = skip_blank(sql, end);
    Some(keyword(sql, next, "recursive").unwrap_or(end))
}

/// The end of `word` if it stands at `start` as a whole word, in any case.
fn keyword(sql: &str, start: usize, word: &str) -> Option<usize> {
    let end = start + word.len();
    let found = sql.get(start..end)?;
    let follows = sql[end..].chars().next();
    let whole = follows.is_none_or(|character| !character.is_alphanumeric() && character != '_');
    (whole && found.eq_ignore_ascii_case(word)).then_some(end)
}

/// Skips white space and comments (`--` and nested `/* */`).
fn skip_blank(sql: &str, mut at: usize) -> usize {
    loop {
        let rest = &sql[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("--") {
            at += trimmed.find('\n').map_or(trimmed.len(), |end| end + 1);
        } else if trimmed.starts_with("/*") {
            at += block_comment(trimmed);
        } else {
            return at;
        }
    }
}

fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0usize, 0usize);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &str) {
        let cte = |name: &str| InjectedCte { id: name.into(), sql: expression(name, "select 1") };
        let injected = inject(sql, &[cte("a"), cte("b")]).replace("select 1", "1").replace('\n', "");
        assert_eq!(injected, expected);
    }

    #[test]
    fn expressions_join_the_statement_or_its_own_with() {
        check("select 2", "with a as (1),  b as (1) select 2");
        check("  -- c", "  with a as (1),  b as (1) -- c");
        check("with x as (2) select 3", "with  a as (1),  b as (1), x as (2) select 3");
        check("-- c\nWITH RECURSIVE x as (2) select 3", "-- cWITH RECURSIVE  a as (1),  b as (1), x as (2) select 3");
        check("/* /* c */ */with x as (2) select 3", "/* /* c */ */with  a as (1),  b as (1), x as (2) select 3");
        check("without", "with a as (1),  b as (1) without");
    }

    #[test]
    fn an_open_comment_does_not_loop() {
        assert_eq!(with_clause("/* with"), None);
        assert_eq!(with_clause(""), None);
    }
}
