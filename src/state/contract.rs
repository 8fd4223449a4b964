//! Changes to a contract that break whoever reads the model.
//! Source: docs.getdbt.com/reference/resource-configs/contract#breaking-changes.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::compare::Comparison;
use crate::diagnostic::Diagnostic;
use crate::manifest::Node;
use crate::resource::ResourceType;

/// The types of constraints that the warehouse enforces (`not_null`, `unique`, ...).
pub type Enforces<'a> = &'a [&'a str];

impl Comparison<'_> {
    /// Every broken contract: an error where the model has versions, else a warning, in dbt's words.
    pub fn broken_contracts(&self, enforces: Enforces<'_>, now: DateTime<Utc>) -> Vec<Diagnostic> {
        let mut broken = Vec::new();
        for old in self.previous.nodes.values() {
            let contracted = old.code().is_some_and(|code| code.contract.enforced);
            if old.resource_type != ResourceType::Model || !contracted {
                continue;
            }
            let changes = match self.current.nodes.get(&old.unique_id) {
                Some(new) => changes(new, old, enforces),
                None if is_past(old, now) => Vec::new(),
                None => {
                    let how = match self.is_switched_off(&old.unique_id) {
                        true => "disabled",
                        false => "deleted or renamed",
                    };
                    vec![format!("Contracted model '{}' was {how}.", old.unique_id)]
                }
            };
            if !changes.is_empty() {
                broken.push(report(old, &changes));
            }
        }
        broken
    }
}

fn report(old: &Node, changes: &[String]) -> Diagnostic {
    let diagnostic = match old.model().and_then(|model| model.version.as_ref()) {
        Some(_) => Diagnostic::error(format!(
            "Breaking Change to Contract of `{}`: While comparing to previous project state, dbt detected a breaking \
             change to an enforced contract.",
            old.unique_id
        ))
        .hint("make an additive change, or create a new version of the model"),
        None => Diagnostic::warning_of(
            "UnversionedBreakingChange",
            format!(
                "Breaking change to contracted, unversioned model {} ({})\nWhile comparing to previous project state, dbt \
                 detected a breaking change to an unversioned model.",
                old.name, old.original_file_path
            ),
        ),
    };
    changes.iter().fold(diagnostic, |diagnostic, change| diagnostic.note(change.as_str()))
}

/// Whether the model was to go by now.
fn is_past(old: &Node, now: DateTime<Utc>) -> bool {
    let Some(date) = old.model().and_then(|model| model.deprecation_date.as_deref()) else { return false };
    let day = date.get(..10).and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    let moment = DateTime::parse_from_rfc3339(date).ok().map(|moment| moment.to_utc());
    moment.or_else(|| Some(day?.and_hms_opt(0, 0, 0)?.and_utc())).is_some_and(|moment| moment < now)
}

/// Constraints hold in tables only.
fn keeps_constraints(node: &Node) -> bool {
    matches!(node.config.materialized(), "table" | "incremental")
}

fn changes<'a>(new: &'a Node, old: &'a Node, enforces: Enforces<'a>) -> Vec<String> {
    let (Some(new_model), Some(old_model)) = (new.model(), old.model()) else { return Vec::new() };
    let contract = (&new_model.code.contract, &old_model.code.contract);
    if contract.0.enforced && contract.0.checksum == contract.1.checksum {
        return Vec::new();
    }
    let mut changes = Vec::new();
    if !contract.0.enforced {
        changes.push(
            "Contract enforcement was removed: Previously, this model had an enforced contract. It is no longer \
             configured to enforce its contract, and this is a breaking change."
                .to_owned(),
        );
    }
    let mut removed = Vec::new();
    let mut retyped = Vec::new();
    let mut unconstrained = Vec::new();
    let mut columns: Vec<_> = old.columns.values().collect();
    columns.sort_by(|one, other| one.name.cmp(&other.name));
    let mut any_constraints = !old_model.constraints.is_empty();
    for column in columns {
        let key = &column.name;
        any_constraints |= !column.rest.constraints.is_empty();
        let Some(now) = new.columns.get(key) else {
            removed.push(column.name.clone());
            continue;
        };
        if base_type(now.data_type.as_deref()) != base_type(column.data_type.as_deref()) {
            let shown = |data_type: &Option<String>| data_type.clone().unwrap_or_else(|| "None".to_owned());
            retyped.push(format!("{} ({} -> {})", column.name, shown(&column.data_type), shown(&now.data_type)));
        }
        for lost in lost(&column.rest.constraints, &now.rest.constraints, old, enforces) {
            unconstrained.push(format!("'{}' constraint on column {key}", name(lost)));
        }
    }
    let lost_in_model: Vec<String> = lost(&old_model.constraints, &new_model.constraints, old, enforces)
        .map(|lost| {
            let columns = lost.get("columns").cloned().unwrap_or_default();
            format!("'{}' constraint on columns {columns}", name(lost))
        })
        .collect();
    let materialization = (keeps_constraints(old) && !keeps_constraints(new) && any_constraints)
        .then(|| format!("{} -> {}", old.config.materialized(), new.config.materialized()));
    for (title, list) in [
        ("Columns were removed", removed),
        ("Columns with data_type changes", retyped),
        ("Enforced column level constraints were removed", unconstrained),
        ("Enforced model level constraints were removed", lost_in_model),
        ("Materialization changed with enforced constraints", materialization.into_iter().collect()),
    ] {
        if !list.is_empty() {
            changes.push(format!("{title}: {}", list.join(", ")));
        }
    }
    changes
}

/// Constraints that the warehouse enforced and that are no more.
fn lost<'a>(
    before: &'a [Value],
    now: &'a [Value],
    old: &Node,
    enforces: Enforces<'a>,
) -> impl Iterator<Item = &'a Value> + use<'a> {
    let kept = keeps_constraints(old);
    before.iter().filter(move |constraint| {
        let kind = constraint.get("type").and_then(Value::as_str).unwrap_or_default();
        kept && !now.contains(constraint) && enforces.contains(&kind)
    })
}

fn name(constraint: &Value) -> &str {
    let named = constraint.get("name").and_then(Value::as_str);
    named.or_else(|| constraint.get("type").and_then(Value::as_str)).unwrap_or_default()
}

/// A type without its size: another size breaks nobody.
fn base_type(data_type: Option<&str>) -> Option<String> {
    data_type.map(|text| text.split('(').next().unwrap_or_default().trim().to_lowercase())
}
