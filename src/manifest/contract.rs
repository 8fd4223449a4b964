//! A contract's columns beside those of the model's query
//! (docs.getdbt.com/reference/resource-configs/contract).

use crate::diagnostic::Diagnostic;

/// How dbt begins what it says of a query that breaks a contract.
pub const CONTRACT_FAILED: &str = "This model has an enforced contract that failed.";

/// A column that the two do not have alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// As dbt's table has it: name, type in the query, type in the contract, what is wrong.
    cells: [String; 4],
}

impl Difference {
    pub fn column(&self) -> &str {
        &self.cells[0]
    }

    /// Whether a cell begins with these words.
    pub fn mentions(&self, words: &str) -> bool {
        self.cells.iter().any(|cell| cell.starts_with(words))
    }
}

/// What differs between the columns of a contract and those of a query (name and type of each), by name.
///
/// Their order does not count, nor does how letters are cased.
pub fn differences(contract: &[(String, String)], query: &[(String, String)]) -> Vec<Difference> {
    let find = |columns: &[(String, String)], name: &str| {
        columns.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| kind.clone())
    };
    let mut found = Vec::new();
    let mut push = |name: &String, given: &str, wanted: &str, reason: &str| {
        found.push(Difference { cells: [name.as_str(), given, wanted, reason].map(str::to_owned) });
    };
    for (name, kind) in query {
        match find(contract, name) {
            None => push(name, kind, "", "missing in contract"),
            Some(wanted) if !wanted.eq_ignore_ascii_case(kind) => push(name, kind, &wanted, "data type mismatch"),
            Some(_) => {}
        }
    }
    for (name, kind) in contract {
        if find(query, name).is_none() {
            push(name, "", kind, "missing in definition");
        }
    }
    found.sort_by(|one, other| one.column().cmp(other.column()));
    found
}

/// The rows of the table in a problem that [`broken`] made, or in its text: name, type in the query, type in the
/// contract, what is wrong.
pub fn rows(text: &str) -> impl Iterator<Item = [&str; 4]> {
    let rows = text.lines().filter_map(|line| line.trim().strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.filter_map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>().try_into().ok());
    cells.filter(|cells: &[&str; 4]| cells[0] != HEADER[0] && !cells[0].starts_with("---"))
}

/// The problem that a contract does not hold, with the table of its differences.
pub fn broken(message: impl Into<String>, differences: &[Difference]) -> Diagnostic {
    Diagnostic::error(message).note(format!("the differences are\n{}", table(differences))).hint(
        "Please ensure the name, data_type, and number of columns in your contract match the columns in your model's \
         definition",
    )
}

const HEADER: [&str; 4] = ["column_name", "definition_type", "contract_type", "mismatch_reason"];

/// The differences in the form of dbt, which people and their tools look for.
fn table(differences: &[Difference]) -> String {
    let width = |index: usize| {
        let cells = differences.iter().map(|difference| difference.cells[index].chars().count());
        cells.max().unwrap_or(0).max(HEADER[index].len())
    };
    let widths: Vec<usize> = (0..4).map(width).collect();
    let line = |cells: [&str; 4]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("    | {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join(" | ");
    let mut lines = vec![line(HEADER), format!("    | {rule} |")];
    lines.extend(differences.iter().map(|difference| line(difference.cells.each_ref().map(String::as_str))));
    lines.join("\n")
}
