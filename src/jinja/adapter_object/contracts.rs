//! The methods of `adapter` that write a contract's constraints
//! (docs.getdbt.com/reference/resource-properties/constraints).

use minijinja::Value;

use super::{Answer, Call, fault};
use crate::adapter::{ConstraintKind, ConstraintSupport, Constraints};
use crate::event::{Event, Level};
use crate::jinja::values::{self, Fault};

pub fn call(call: &mut Call<'_, '_, '_, '_>) -> Option<Answer> {
    Some(match call.method {
        "render_raw_columns_constraints" => columns(call),
        "render_raw_model_constraints" => model(call),
        _ => return None,
    })
}

/// A constraint as a properties file states it.
#[derive(Debug)]
struct Constraint {
    kind: ConstraintKind,
    name: Option<String>,
    expression: String,
    columns: Vec<String>,
    to: Option<String>,
    to_columns: Vec<String>,
    warn_unenforced: bool,
    warn_unsupported: bool,
}

fn constraint(raw: &Value) -> Result<Constraint, Fault> {
    let wrong = || format!("Could not parse constraint: {}", values::representation(raw));
    let get =
        |key: &str| raw.get_item(&Value::from(key)).ok().filter(|value| !value.is_none() && !value.is_undefined());
    let text = |key: &str| get(key).map(|value| values::text(&value));
    let list = |key: &str| -> Result<Vec<String>, Fault> {
        let items = get(key).map(|value| values::items(&value)).transpose()?;
        Ok(items.unwrap_or_default().iter().map(values::text).collect())
    };
    let flag = |key: &str| get(key).is_none_or(|value| value.is_true());
    let kind = text("type").and_then(|word| ConstraintKind::parse(&word)).ok_or_else(wrong)?;
    Ok(Constraint {
        kind,
        name: text("name").filter(|name| !name.is_empty()),
        expression: text("expression").unwrap_or_default().trim().to_owned(),
        columns: list("columns")?,
        to: text("to").filter(|to| !to.is_empty()),
        to_columns: list("to_columns")?,
        warn_unenforced: flag("warn_unenforced"),
        warn_unsupported: flag("warn_unsupported"),
    })
}

impl Constraint {
    fn target(&self, support: &Constraints) -> Option<String> {
        let to = self.to.as_deref().filter(|_| !self.to_columns.is_empty())?;
        let mut parts: Vec<&str> = to.split('.').collect();
        if support.target_without_database && parts.len() > 2 {
            parts.remove(0);
        }
        Some(format!("{} ({})", parts.join("."), self.to_columns.join(", ")))
    }

    /// Behind a column's type.
    fn of_column(&self, support: &Constraints) -> Option<String> {
        let expression = &self.expression;
        let words = match self.kind {
            ConstraintKind::Check if !expression.is_empty() => format!("check ({expression})"),
            ConstraintKind::Check => return None,
            ConstraintKind::NotNull => format!("not null {expression}"),
            ConstraintKind::Unique => format!("unique {expression}"),
            ConstraintKind::PrimaryKey => format!("primary key {expression}"),
            ConstraintKind::ForeignKey => match self.target(support) {
                Some(target) => format!("references {target}"),
                None if expression.is_empty() => return None,
                None => format!("references {expression}"),
            },
            ConstraintKind::Custom => expression.clone(),
        };
        Some(words.trim().to_owned()).filter(|words| !words.is_empty())
    }

    /// Behind all columns.
    fn of_table(&self, support: &Constraints) -> Option<String> {
        let expression = &self.expression;
        let columns = self.columns.join(", ");
        let spaced = if expression.is_empty() { String::new() } else { format!(" {expression}") };
        let words = match self.kind {
            ConstraintKind::Check if !expression.is_empty() => format!("check ({expression})"),
            ConstraintKind::Check | ConstraintKind::NotNull => return None,
            ConstraintKind::Unique => format!("unique{spaced} ({columns})"),
            ConstraintKind::PrimaryKey => format!("primary key{spaced} ({columns})"),
            ConstraintKind::ForeignKey => match self.target(support) {
                Some(target) => format!("foreign key ({columns}) references {target}"),
                None if expression.is_empty() => return None,
                None => format!("foreign key ({columns}) references {expression}"),
            },
            ConstraintKind::Custom if expression.is_empty() => return None,
            ConstraintKind::Custom => expression.clone(),
        };
        let prefix = self.name.as_ref().map(|name| format!("constraint {name} ")).unwrap_or_default();
        Some(format!("{prefix}{words}"))
    }
}

/// Whether a constraint is written, with a warning where the warehouse does not hold to it.
fn is_written(call: &Call<'_, '_, '_, '_>, constraint: &Constraint) -> bool {
    let support = call.capabilities().constraints.support(constraint.kind);
    let (kind, adapter) = (constraint.kind.as_str(), call.capabilities().adapter);
    let warning = match support {
        ConstraintSupport::NotSupported if constraint.warn_unsupported => Some((
            "ConstraintNotSupported",
            format!(
                "We noticed you have `{kind}` constraint configs, these are NOT compatible with {adapter} and will be ignored. \
                 Set 'warn_unsupported: false' on this constraint to ignore this warning."
            ),
        )),
        ConstraintSupport::NotEnforced if constraint.warn_unenforced => Some((
            "ConstraintNotEnforced",
            format!(
                "While constraint `{kind}` is included in the DDL statement, enforcement by {adapter} cannot be guaranteed. \
                 Set 'warn_unenforced: false' on this constraint to ignore this warning."
            ),
        )),
        _ => None,
    };
    if let (Some((name, message)), Some(session)) = (warning, &call.adapter.session) {
        session.warehouse().emit(Event::notice(name, Level::Warn, message));
    }
    support != ConstraintSupport::NotSupported
}

fn columns(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [raw] = call.bind(["raw_columns"])?;
    let mut rendered = Vec::new();
    for (_, column) in raw.as_ref().and_then(values::pairs).unwrap_or_default() {
        let get = |key: &str| {
            column.get_item(&Value::from(key)).ok().filter(|value| !value.is_none() && !value.is_undefined())
        };
        let text = |key: &str| get(key).map(|value| values::text(&value)).unwrap_or_default();
        let name = text("name");
        let quoted = get("quote").is_some_and(|quote| quote.is_true());
        let name = if quoted { call.capabilities().quote(&name) } else { name };
        let mut words = vec![format!("{name} {}", text("data_type"))];
        for raw in get("constraints").map(|raw| values::items(&raw)).transpose().map_err(fault)?.unwrap_or_default() {
            let constraint = constraint(&raw).map_err(fault)?;
            if is_written(call, &constraint) {
                words.extend(constraint.of_column(&call.capabilities().constraints));
            }
        }
        rendered.push(Value::from(words.join(" ")));
    }
    Ok(values::list(rendered))
}

fn model(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [raw] = call.bind(["raw_constraints"])?;
    let mut rendered = Vec::new();
    for raw in raw.map(|raw| values::items(&raw)).transpose().map_err(fault)?.unwrap_or_default() {
        let constraint = constraint(&raw).map_err(fault)?;
        if is_written(call, &constraint) {
            rendered.extend(constraint.of_table(&call.capabilities().constraints).map(Value::from));
        }
    }
    Ok(values::list(rendered))
}
