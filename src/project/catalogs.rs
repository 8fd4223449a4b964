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

/// Checks the file as dbt's first form of it: catalogs with `write_integrations`, one of them active.
///
/// # Errors
/// Everything that is wrong in it, each with its place.
pub fn check_integrations(file: &Arc<SourceFile>) -> Result<(), Diagnostics> {
    let Some(root) = yaml::parse(file)?.value else { return Ok(()) };
    let mut problems = Diagnostics::new();
    for catalog in root.get("catalogs").and_then(Node::as_list).unwrap_or_default() {
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let name = text(catalog, "name");
        let mut wrong = |said: String, node: &Node| {
            problems.push(Diagnostic::error(format!("Catalog '{name}' {said}")).at(node.span(file)));
        };
        let mut known: Vec<String> = Vec::new();
        for integration in catalog.get("write_integrations").and_then(Node::as_list).unwrap_or_default() {
            let own = text(integration, "name");
            if known.contains(&own) {
                wrong(format!("cannot have multiple 'write_integrations' with the same name: '{own}'."), integration);
            }
            known.push(own);
        }
        match catalog.get("active_write_integration") {
            None if known.len() == 1 => {}
            None => wrong(
                "must specify an 'active_write_integration' when multiple 'write_integrations' are provided."
                    .to_owned(),
                catalog,
            ),
            Some(active) if known.iter().any(|name| Some(name.as_str()) == active.as_str()) => {}
            Some(active) => wrong(
                format!(
                    "must specify an 'active_write_integration' from its set of defined 'write_integrations': \
                     {known:?}. Got: '{}'.",
                    active.as_str().unwrap_or_default()
                ),
                active,
            ),
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
    fn one_integration_of_a_catalog_is_active() {
        let said = |text: &str| {
            let file = SourceFile::new(FILE_NAME, text);
            check_integrations(&file).err().map(|problems| problems.to_string()).unwrap_or_default()
        };
        let catalog =
            |integrations: &str| format!("catalogs:\n  - {{name: c, write_integrations: [{integrations}]}}\n");
        assert_eq!(said(&catalog("{name: a}")), "");
        assert!(
            said(&catalog("{name: a}, {name: b}"))
                .contains("Catalog 'c' must specify an 'active_write_integration' when")
        );
        assert!(
            said(&catalog("{name: a}, {name: a}")).contains("multiple 'write_integrations' with the same name: 'a'.")
        );
        let other = "catalogs:\n  - {name: c, active_write_integration: x, write_integrations: [{name: a}]}\n";
        assert!(said(other).contains("Got: 'x'."));
    }

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
