//! dbt's `exceptions`: how macros raise errors and warnings
//! (docs.getdbt.com/reference/dbt-jinja-functions/exceptions).

use std::sync::Arc;

use minijinja::Value;

use super::arguments::{Arguments, required};
use super::evaluate::get_attribute;
use super::library::{Function, Module, builtin};
use super::render::{Render, Stop};
use super::values::{self, text};
use crate::diagnostic::Diagnostic;
use crate::manifest::contract;

const FUNCTIONS: [(&str, Function); 23] = [
    ("warn", warn),
    ("raise_compiler_error", |_, arguments| raise("raise_compiler_error", arguments)),
    ("raise_database_error", |_, arguments| raise("raise_database_error", arguments)),
    ("raise_dependency_error", |_, arguments| raise("raise_dependency_error", arguments)),
    ("raise_not_implemented", |_, arguments| raise("raise_not_implemented", arguments)),
    ("raise_fail_fast_error", |_, arguments| raise("raise_fail_fast_error", arguments)),
    ("raise_cache_inconsistent", |_, arguments| raise("raise_cache_inconsistent", arguments)),
    ("raise_parsing_error", |_, arguments| raise("raise_parsing_error", arguments)),
    ("missing_config", missing_config),
    ("missing_materialization", missing_materialization),
    ("missing_relation", missing_relation),
    ("relation_wrong_type", relation_wrong_type),
    ("raise_ambiguous_alias", ambiguous_alias),
    ("raise_ambiguous_catalog_match", |_, arguments| raise_named("ambiguous match in the catalog", &arguments)),
    ("raise_dataclass_not_dict", |_, arguments| raise_named("the object is not a dict", &arguments)),
    ("raise_dep_not_found", |_, arguments| raise_named("a dependency was not found", &arguments)),
    ("raise_duplicate_patch_name", |_, arguments| raise_named("properties are given twice", &arguments)),
    ("raise_duplicate_resource_name", |_, arguments| raise_named("a name is used twice", &arguments)),
    ("raise_invalid_property_yml_version", |_, arguments| raise_named("invalid properties file", &arguments)),
    ("raise_contract_error", contract_error),
    ("column_type_missing", column_type_missing),
    ("warn_snapshot_timestamp_data_types", warn_snapshot_types),
    ("raise_dataclass_error", |_, arguments| raise_named("the object is not valid", &arguments)),
];

/// The value of `exceptions`.
pub fn module() -> Value {
    Module::value("exceptions", FUNCTIONS.iter().map(|(name, function)| (*name, builtin(name, *function))).collect())
}

fn raise(name: &str, arguments: Arguments) -> Result<Value, Stop> {
    let [message, _node] = arguments.bind(name, ["msg", "node"])?;
    let message = required(message, name, "msg")?;
    Err(Diagnostic::error(text(&message).trim().to_owned()).into())
}

fn raise_named(what: &str, arguments: &Arguments) -> Result<Value, Stop> {
    let values: Vec<String> = arguments.positional.iter().map(text).collect();
    Err(Diagnostic::error(format!("{what}: {}", values.join(", "))).into())
}

fn warn(render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [message, _node] = arguments.bind("warn", ["msg", "node"])?;
    let message = text(&required(message, "warn", "msg")?);
    if render.engine.options.warnings_raise {
        return Err(Diagnostic::error(message).note("`warn_error` makes this warning an error").into());
    }
    render.engine.say(super::MessageKind::Warning, message, render.position());
    Ok(Value::from(""))
}

fn missing_config(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [model, name] = arguments.bind("missing_config", ["model", "name"])?;
    let model = get_attribute(&required(model, "missing_config", "model")?, "unique_id");
    let name = text(&required(name, "missing_config", "name")?);
    Err(Diagnostic::error(format!("`{}` does not set the required config `{name}`", text(&model))).into())
}

fn missing_materialization(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [model, adapter] = arguments.bind("missing_materialization", ["model", "adapter_type"])?;
    let model = required(model, "missing_materialization", "model")?;
    let materialized = get_attribute(&get_attribute(&model, "config"), "materialized");
    let adapter = adapter.map(|adapter| text(&adapter)).unwrap_or_else(|| "default".to_owned());
    let message = format!("no materialization `{}` for adapter `{adapter}`", text(&materialized));
    Err(Diagnostic::error(message).into())
}

fn missing_relation(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [relation, _model] = arguments.bind("missing_relation", ["relation", "model"])?;
    let relation = text(&required(relation, "missing_relation", "relation")?);
    Err(Diagnostic::error(format!("relation `{relation}` does not exist")).into())
}

fn relation_wrong_type(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let name = "relation_wrong_type";
    let [relation, expected, _model] = arguments.bind(name, ["relation", "expected_type", "model"])?;
    let relation = required(relation, name, "relation")?;
    let expected = text(&required(expected, name, "expected_type")?);
    let found = text(&get_attribute(&relation, "type"));
    let shown = text(&relation);
    Err(Diagnostic::error(format!("relation `{shown}` is a {found}, but a {expected} was expected"))
        .hint(format!("drop `{shown}`, or run with `--full-refresh`"))
        .into())
}

fn ambiguous_alias(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let name = "raise_ambiguous_alias";
    let [first, second, duplicate] = arguments.bind(name, ["node_1", "node_2", "duped_name"])?;
    let first = required(first, name, "node_1")?;
    let second = required(second, name, "node_2")?;
    let duplicate = duplicate.unwrap_or_else(|| get_attribute(&first, "relation_name"));
    let id = |node: &Value| text(&get_attribute(node, "unique_id"));
    let message = format!("`{}` and `{}` both write to `{}`", id(&first), id(&second), text(&duplicate));
    Err(Diagnostic::error(message).hint("give one of them another `alias`").into())
}

/// The columns of a contract beside those of the query, where they differ.
fn contract_error(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let name = "raise_contract_error";
    let [contract, query] = arguments.bind(name, ["yaml_columns", "sql_columns"])?;
    let promised = described(&required(contract, name, "yaml_columns")?)?;
    let given = described(&required(query, name, "sql_columns")?)?;
    if promised.is_empty() {
        let message = "This model has an enforced contract, and its 'columns' specification is missing";
        return Err(Diagnostic::error(message).into());
    }
    let differences = contract::differences(&promised, &given);
    let mut problem = contract::broken(contract::CONTRACT_FAILED, &differences);
    if differences.iter().any(|difference| difference.mentions(NAMELESS)) {
        problem = problem.hint("`select N::regtype` says which type has the code N");
    }
    Err(problem.into())
}

fn described(columns: &Value) -> Result<Vec<(String, String)>, values::Fault> {
    let columns = values::items(columns)?;
    Ok(columns
        .iter()
        .map(|column| {
            let first = |names: [&str; 2]| {
                let found = names.iter().map(|name| get_attribute(column, name)).find(|value| value.is_true());
                found.map(|value| text(&value)).unwrap_or_default()
            };
            (
                first(["name", "column"]),
                first(["formatted", "data_type"]).replace(&format!("{} ", first(["name", "column"])), ""),
            )
        })
        .collect())
}

/// How a type begins that dbt's driver has no name for.
const NAMELESS: &str = "unknown type_code";

fn column_type_missing(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [columns] = arguments.bind("column_type_missing", ["column_names"])?;
    let columns = values::items(&required(columns, "column_type_missing", "column_names")?)?;
    let message = format!(
        "Contracted models require data_type to be defined for each column. Please ensure that the column name and \
         data_type are defined within the YAML configuration for the {} column(s).",
        values::representation(&values::list(columns))
    );
    Err(Diagnostic::error(message).into())
}

fn warn_snapshot_types(render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let name = "warn_snapshot_timestamp_data_types";
    let [snapshot, updated] = arguments.bind(name, ["snapshot_time_data_type", "updated_at_data_type"])?;
    let (snapshot, updated) = (snapshot.unwrap_or_default(), updated.unwrap_or_default());
    let message = format!(
        "Data type of snapshot table timestamp columns ({}) doesn't match derived column 'updated_at' ({}). Please update \
         snapshot config 'updated_at'.",
        text(&snapshot),
        text(&updated)
    );
    render.engine.say(super::MessageKind::Warning, message, render.position());
    Ok(values::none())
}
