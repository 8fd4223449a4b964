//! `catalogs.yml`: where some warehouses keep Iceberg tables. None of tform's warehouses writes
//! there, so that the file is checked, for projects that run elsewhere too, and nothing more.
//! Source: docs.getdbt.com/docs/mesh/iceberg/about-catalogs.

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::yaml::{self, Node};

pub const FILE_NAME: &str = "catalogs.yml";
const KEYS: [&str; 4] = ["name", "type", "table_format", "config"];
const FORMATS: [&str; 2] = ["default", "iceberg"];

/// Checks the file as dbt's second form of it (`use_catalogs_v2`).
///
/// # Errors
/// Everything that is wrong in it, each with its place.
pub fn check(file: &Arc<SourceFile>) -> Result<(), Diagnostics> {
    let Some(root) = yaml::parse(file)?.value else { return Ok(()) };
    let mut problems = Diagnostics::new();
    let mut wrong = |text: String, node: &Node| problems.push(Diagnostic::error(text).at(node.span(file)));
    for entry in root.entries().iter().filter(|entry| &*entry.key.text != "catalogs") {
        wrong(format!("Unknown top-level key `{}` in catalogs.yml: only `catalogs` is allowed", entry.key.text), &root);
    }
    let list = root.get("catalogs").and_then(Node::as_list).unwrap_or_default();
    let mut seen: HashSet<&str> = HashSet::new();
    for catalog in list {
        let missing: Vec<String> =
            KEYS.iter().filter(|key| catalog.get(key).is_none()).map(|key| format!("'{key}'")).collect();
        if !missing.is_empty() {
            wrong(format!("Missing required keys in catalog entry: [{}]", missing.join(", ")), catalog);
            continue;
        }
        for entry in catalog.entries().iter().filter(|entry| !KEYS.contains(&&*entry.key.text)) {
            wrong(format!("Unknown key `{}` in catalog entry", entry.key.text), catalog);
        }
        let format = catalog.get("table_format").and_then(Node::as_str).unwrap_or_default();
        if !FORMATS.contains(&format.to_lowercase().as_str()) {
            wrong(format!("Invalid table_format '{format}'. Must be one of {FORMATS:?}"), catalog);
        }
        let name = catalog.get("name").and_then(Node::as_str).unwrap_or_default().trim();
        if name.is_empty() {
            wrong("the name of a catalog must be a text that is not empty".to_owned(), catalog);
        } else if !seen.insert(name) {
            wrong(format!("Duplicate catalog name '{name}' in catalogs.yml"), catalog);
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.of_kind("Validation Error")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_wrong_is_said_to_be() {
        let said = |text: &str| {
            check(&SourceFile::new(FILE_NAME, text)).err().map(|problems| problems.to_string()).unwrap_or_default()
        };
        let entry = |name: &str, format: &str| {
            format!("  - {{name: {name}, type: glue, table_format: {format}, config: {{}}}}\n")
        };
        assert_eq!(said(&format!("catalogs:\n{}", entry("a", "iceberg"))), "");
        assert!(said(&format!("catalogs:\n{0}{0}", entry("a", "iceberg"))).contains("Duplicate catalog name 'a'"));
        assert!(said(&format!("catalogs:\n{}", entry("a", "parquet"))).contains("Invalid table_format 'parquet'"));
        assert!(said("catalogs:\n  - {name: a, type: glue, table_format: iceberg}\n").contains("['config']"));
    }
}
