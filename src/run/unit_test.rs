//! Runs one unit test: its model over made-up rows, against the rows that it should give.
//!
//! Source: docs.getdbt.com/docs/build/unit-tests.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use minijinja::Value;
use serde_json::Value as Json;

use crate::compile::{Rendering, unit_test};
use crate::diagnostic::Diagnostic;
use crate::event::Status;
use crate::jinja::{table, values};
use crate::manifest::Node;

use super::diff;
use super::node::{self, Ready};
use super::outcome::Report;

/// The column that tells the two sides of a unit test's query apart.
const SIDE: &str = "actual_or_expected";

/// Compiles the model over the test's inputs and writes the SQL below `target/compiled`.
///
/// # Errors
/// What is wrong in the model or the inputs, or with the folder.
pub fn compile(rendering: &Rendering<'_>, node: &Arc<Node>) -> Result<Ready, Diagnostic> {
    let runtime = rendering.runtime;
    let test = runtime.manifest().unit_tests.get(&node.unique_id);
    let test = test.ok_or_else(|| Diagnostic::error(format!("unit test `{}` not found", node.unique_id)))?;
    let compiled = unit_test::compile(rendering, test, node)?;
    let path = runtime.write_code("compiled", (node, None), &compiled.sql)?;
    let node = node::with_code(node, &compiled, &path);
    Ok(Ready { node, compiled, path: Some(path) })
}

/// Runs the test's query and compares.
///
/// # Errors
/// What the warehouse refuses, and columns of the expected rows that the model does not have.
pub fn run(rendering: &Rendering<'_>, ready: &Ready) -> Result<Report, Diagnostic> {
    let made = node::materialize(rendering, ready, None).map_err(|diagnostic| {
        let refused = rendering.worker.session.last_error();
        explained(&ready.node, diagnostic, refused.map(|error| error.title))
    })?;
    let (_, fields) = node::response(&made.main);
    let result = made.main.table.as_ref();
    let rows = result.map(table::rows).unwrap_or_default();
    let names: Vec<String> = result.map(table::column_names).unwrap_or_default();
    let names: Vec<String> = names.into_iter().map(|name| name.to_lowercase()).collect();
    let Some(side) = names.iter().position(|name| name == SIDE) else {
        let message = format!("the query of unit test `{}` has no column `{SIDE}`", ready.node.name);
        return Err(Diagnostic::error(message).note("`get_unit_test_sql` must give one"));
    };
    let (mut actual, mut expected) = (Vec::new(), Vec::new());
    for mut row in rows {
        let of = row.remove(side);
        if is_expected(&of) { expected.push(row) } else { actual.push(row) }
    }
    let columns: Vec<String> = names.into_iter().filter(|name| name != SIDE).collect();
    let mut report = match diff::render(&columns, &expected, &actual) {
        None => Report { message: None, failures: Some(0), ..Report::new(Status::Pass, "") },
        Some(table) => {
            let message = format!("\n\nactual differs from expected:\n\n{table}\n");
            Report { failures: Some(1), ..Report::new(Status::Fail, message) }
        }
    };
    report.adapter_response = fields;
    Ok(report)
}

fn is_expected(side: &Value) -> bool {
    values::text(side) == "expected"
}

/// What the warehouse or a macro refused, with what that means for the author of the test. dbt puts it, under what it
/// is called (the engine's `title`), into an error of its own.
fn explained(node: &Node, mut diagnostic: Diagnostic, title: Option<&str>) -> Diagnostic {
    let place = || format!("Compilation Error in {} {} ({})", node.resource_type, node.name, node.original_file_path);
    let mut text = format!(
        "An error occurred during execution of unit test '{}'. There may be an error in the unit test definition: check the data types.\n {}",
        node.name,
        title.map_or_else(place, str::to_owned),
    );
    for line in diagnostic.message.lines() {
        text.push_str("\n  ");
        text.push_str(line);
    }
    diagnostic.message = text;
    diagnostic.set_kind("Runtime Error");
    let rows = node.config.get("expected_rows").and_then(Json::as_array);
    let columns = |row: &Json| row.as_object().map(|row| row.keys().map(|name| name.to_lowercase()).collect());
    let columns: HashSet<Option<BTreeSet<String>>> = rows.into_iter().flatten().map(columns).collect();
    if columns.len() > 1 {
        diagnostic = diagnostic.hint("every row of `expect` must name the same columns");
    }
    diagnostic
}
