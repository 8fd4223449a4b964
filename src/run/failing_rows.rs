//! The first rows that fail a test, as a table for people (`--show-failures`).
//!
//! They are the rows of the test's own query; where that has a single column, which says little of a row
//! (`not_null`), and it is known which rows fail, they are these, whole.

use crate::adapter::{Cell, Fetch, QueryResult, Statement};
use crate::compile::host::NodeHost;
use crate::compile::{self, Rendering, gate};
use crate::diagnostic::Diagnostic;
use crate::event::Remark;
use crate::jinja::{Arguments, Scope, cells, values};
use crate::report;

use super::node::Ready;

/// Longer values are cut.
const LONGEST_VALUE: usize = 40;
/// Columns beyond these are left out.
const MOST_COLUMNS: usize = 20;

/// At most `count` failing rows of a compiled test: from its stored failures where there are some, else by
/// its query once more. A query that is refused is said in their place.
pub(super) fn of(rendering: &Rendering<'_>, ready: &Ready, stored: Option<&str>, count: usize) -> Remark {
    let text = match rows(rendering, ready, stored, count) {
        Ok(result) => format!("first failing rows:\n{}", table(rendering, &result)),
        Err(problem) => {
            format!("failing rows cannot be shown: {}", problem.message.lines().next().unwrap_or_default())
        }
    };
    rendering.worker.session.rollback();
    rendering.worker.session.forget_error();
    Remark { event: "TestFailingRows", text }
}

fn rows(
    rendering: &Rendering<'_>,
    ready: &Ready,
    stored: Option<&str>,
    count: usize,
) -> Result<QueryResult, Diagnostic> {
    let (runtime, node) = (rendering.runtime, &ready.node);
    let sql = match stored {
        Some(relation) => format!("select * from {relation}"),
        None => whole_rows(rendering, ready).unwrap_or_else(|| ready.compiled.sql.to_string()),
    };
    let host = NodeHost::new(runtime, node, rendering.worker.clone(), Vec::new());
    let context = compile::context(runtime, node, host);
    let positional = vec![minijinja::Value::from(sql), values::none(), minijinja::Value::from(count)];
    let arguments = Arguments { positional, named: Vec::new() };
    // As `show` limits a query: by the macro that projects override for their warehouse.
    let limited = runtime.engine.call("get_show_sql", arguments, &Scope::new(&node.package_name, context))?.value;
    let limited = values::text(&limited);
    let result = rendering.worker.session.run(Statement { fetch: Fetch::Limit(count), ..Statement::query(&limited) });
    result.map_err(Diagnostic::from)
}

/// The query of the failing rows with all their columns, if the test's own has but one.
fn whole_rows(rendering: &Rendering<'_>, ready: &Ready) -> Option<String> {
    let gate = gate::of(rendering.runtime, &ready.node)?;
    let whole = gate::figure(rendering, &ready.node, &gate, &ready.compiled)?.failing_rows()?;
    let session = &rendering.worker.session;
    let own = session.describe(&ready.compiled.sql).ok()?;
    (own.len() == 1).then_some(whole)
}

fn table(rendering: &Rendering<'_>, result: &QueryResult) -> String {
    let names: Vec<String> = result.unique_names().into_iter().take(MOST_COLUMNS).collect();
    // A secret is hidden before it can be cut in two.
    let shown = |cell: &Cell| cut(&rendering.runtime.globals.env.scrub(&text(cell)));
    let row =
        |row: &Vec<Cell>| row.iter().take(names.len()).map(|cell| (!cell.is_null()).then(|| shown(cell))).collect();
    let rows: Vec<Vec<Option<String>>> = result.rows.iter().map(row).collect();
    let is_number = |cell: &Cell| matches!(cell, Cell::Int(_) | Cell::Float(_) | Cell::Decimal(_) | Cell::Null);
    let numeric: Vec<bool> =
        (0..names.len()).map(|index| result.rows.iter().all(|row| row.get(index).is_none_or(is_number))).collect();
    let more = result.columns.len().saturating_sub(names.len());
    let table = report::preview(&names, &rows, &numeric);
    if more == 0 { table } else { format!("{table}\n({more} more columns)") }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::List(_) | Cell::Struct(_) | Cell::Map(_) => values::text(&cells::value(cell.clone())),
        _ => cell.to_string(),
    }
}

/// One line of at most [`LONGEST_VALUE`] characters.
fn cut(text: &str) -> String {
    let mut line: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    if let Some((end, _)) = line.char_indices().nth(LONGEST_VALUE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_values_are_cut_and_stay_on_their_line() {
        assert_eq!(cut("a\nb"), "a b");
        assert_eq!(cut(&"가".repeat(41)), format!("{}…", "가".repeat(40)));
    }
}
