//! Contracts, constraints, dates of deprecation and time spines of models.
//!
//! Source: docs.getdbt.com/reference/resource-configs/contract and
//! docs.getdbt.com/reference/resource-properties/constraints.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::extract;
use super::python;
use super::test_names::hex;
use crate::diagnostic::Diagnostic;
use crate::manifest::{CallTarget, ColumnInfo, Columns, Detail, Node};

/// Refuses contracts and constraints that cannot be.
///
/// # Errors
/// A contract without columns or on Python, more than one primary key.
pub fn check(node: &Node) -> Result<(), Diagnostic> {
    let Some(model) = node.model() else { return Ok(()) };
    let file = &node.original_file_path;
    if model.code.contract.enforced {
        let mut errors = Vec::new();
        if node.columns.is_empty() {
            errors
                .push("Constraints must be defined in a `yml` schema configuration file like `schema.yml`.".to_owned());
        }
        if model.code.language != "sql" {
            errors.push(format!("Language Error: Expected 'sql' but found '{}'", model.code.language));
        }
        if !errors.is_empty() {
            let message = format!("Contract enforcement failed for: ({file})\n{}", errors.join("\n"));
            return Err(Diagnostic::error(message));
        }
    }
    let is_primary = |constraint: &Value| constraint.get("type").and_then(Value::as_str) == Some("primary_key");
    let columns: Vec<Value> = node
        .columns
        .values()
        .filter(|column| column.rest.constraints.iter().any(is_primary))
        .map(|column| Value::from(column.name.as_str()))
        .collect();
    let mut errors = Vec::new();
    if columns.len() > 1 {
        errors.push(format!(
            "Found {} columns ({}) with primary key constraints defined. Primary keys for multiple columns must be \
             defined as a model level constraint.",
            columns.len(),
            python::literal(&Value::Array(columns.clone()))
        ));
    }
    if !columns.is_empty() && model.constraints.iter().any(is_primary) {
        errors.push(
            "Primary key constraints defined at the model level and the columns level. Primary keys can be defined \
             at the model level or the column level, not both."
                .to_owned(),
        );
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Diagnostic::error(format!("Primary key constraint error: ({file})\n{}", errors.join("\n"))))
}

/// What foreign keys refer to, so that it is built before.
///
/// # Errors
/// A `to` that is neither a ref nor a source.
pub fn foreign_keys(constraints: &[Value], columns: &Columns, owner: &str) -> Result<Vec<CallTarget>, Diagnostic> {
    let all = constraints.iter().chain(columns.values().flat_map(|column| &column.rest.constraints));
    let mut calls = Vec::new();
    for constraint in all {
        let is_foreign = constraint.get("type").and_then(Value::as_str) == Some("foreign_key");
        let Some(to) = constraint.get("to").and_then(Value::as_str).filter(|_| is_foreign) else { continue };
        let Some(found) = extract::reference(to) else {
            let message =
                format!("Invalid 'ref' or 'source' syntax on foreign key constraint 'to' on model {owner}: {to}.");
            return Err(Diagnostic::error(message));
        };
        calls.extend(found.refs.into_iter().map(|(call, _)| CallTarget::Ref(call)));
        calls.extend(found.sources.into_iter().map(|(call, _)| CallTarget::Source(call)));
    }
    Ok(calls)
}

/// Gives an enforced contract the checksum by which later runs see a breaking change.
pub fn add_checksum(node: &mut Node) {
    let materialized = node.config.materialized().to_owned();
    let mut columns: Vec<&ColumnInfo> = node.columns.values().collect();
    columns.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    let Detail::Model(model) = &mut node.detail else { return };
    if !model.code.contract.enforced {
        return;
    }
    let mut state = String::new();
    for column in columns {
        state.push('|');
        state.push_str(&column.name);
        state.push_str(column.data_type.as_deref().unwrap_or("None"));
        state.push_str(&constraints_text(&column.rest.constraints, "ColumnLevelConstraint"));
    }
    if matches!(materialized.as_str(), "table" | "incremental") {
        state.push_str(&materialized);
        state.push_str(&constraints_text(&model.constraints, "ModelLevelConstraint"));
    }
    let checksum = hex(&Sha256::digest(state.as_bytes()));
    model.code.contract.checksum = Some(checksum);
}

/// Constraints as the text that dbt hashes: the `repr` of its objects.
fn constraints_text(constraints: &[Value], class: &str) -> String {
    let shown: Vec<String> = constraints
        .iter()
        .map(|constraint| {
            let kind = constraint.get("type").and_then(Value::as_str).unwrap_or("");
            let mut fields = vec![format!("type=<ConstraintType.{kind}: '{kind}'>")];
            let mut names = vec!["name", "expression", "warn_unenforced", "warn_unsupported", "to", "to_columns"];
            if class == "ModelLevelConstraint" {
                names.push("columns");
            }
            let field = |name: &str| constraint.get(name).map_or_else(|| "None".to_owned(), python::literal);
            fields.extend(names.into_iter().map(|name| format!("{name}={}", field(name))));
            format!("{class}({})", fields.join(", "))
        })
        .collect();
    format!("[{}]", shown.join(", "))
}

/// A date of deprecation with time and zone; a date alone is midnight where tform runs.
pub fn deprecation_date(text: &str) -> String {
    let text = text.trim();
    if let Ok(moment) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return python_time(&moment);
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let naive = formats
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0)));
    match naive.and_then(|naive| Local.from_local_datetime(&naive).earliest()) {
        Some(moment) => python_time(&moment),
        None => text.to_owned(),
    }
}

fn python_time<Zone: TimeZone>(moment: &DateTime<Zone>) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let micros = moment.timestamp_subsec_micros();
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{}{fraction}{}", moment.format("%Y-%m-%dT%H:%M:%S"), moment.format("%:z"))
}

/// A time spine with every field that the manifest has.
pub fn time_spine(given: &Value) -> Value {
    let granularities = given.get("custom_granularities").and_then(Value::as_array).into_iter().flatten();
    let granularities: Vec<Value> = granularities
        .map(|granularity| json!({"name": granularity.get("name"), "column_name": granularity.get("column_name")}))
        .collect();
    json!({
        "standard_granularity_column": given.get("standard_granularity_column"),
        "custom_granularities": granularities,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_hashed_as_python_shows_them() {
        let constraint = json!({"type": "not_null", "name": null, "expression": null, "warn_unenforced": true,
            "warn_unsupported": true, "to": null, "to_columns": []});
        assert_eq!(
            constraints_text(&[constraint], "ColumnLevelConstraint"),
            "[ColumnLevelConstraint(type=<ConstraintType.not_null: 'not_null'>, name=None, expression=None, \
             warn_unenforced=True, warn_unsupported=True, to=None, to_columns=[])]"
        );
        assert_eq!(constraints_text(&[], "ModelLevelConstraint"), "[]");
    }

    #[test]
    fn a_date_of_deprecation_has_a_zone() {
        assert_eq!(deprecation_date("2030-01-02T03:04:05+02:00"), "2030-01-02T03:04:05+02:00");
        assert!(deprecation_date("2030-01-02").starts_with("2030-01-02T00:00:00"));
        assert_eq!(deprecation_date("soon"), "soon");
    }
}
