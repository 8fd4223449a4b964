//! The methods of `adapter` about columns, names in quotes and types.

use minijinja::{Error, Value};

use super::relations::session;
use super::{Answer, Call, failed, fault, refused};
use crate::adapter::{Column, Part, Path, Relation, seed};
use crate::jinja::cells;
use crate::jinja::relation_object::{column_of, column_value, relation_argument, value_of};
use crate::jinja::{table, values};

pub fn call(call: &mut Call<'_, '_, '_, '_>) -> Option<Answer> {
    Some(match call.method {
        "get_columns_in_relation" => get_columns(call),
        "get_columns_in_table" => get_columns_in_table(call),
        "tf_describe_columns" => describe_columns(call),
        "get_missing_columns" => get_missing_columns(call),
        "expand_target_column_types" => expand_column_types(call),
        "alter_column_type" => alter_column_type(call),
        "get_column_schema_from_query" => column_schema(call),
        "valid_snapshot_target" | "assert_valid_snapshot_target_given_strategy" => snapshot_target(call),
        "quote" => quote(call),
        "quote_as_configured" => quote_as_configured(call),
        "quote_seed_column" => quote_seed_column(call),
        "convert_type" => convert_type(call),
        "convert_datetimes_to_strs" => {
            call.bind(["table"]).map(|[table]| cells::with_texts_for_times(&table.unwrap_or_default()))
        }
        "update_column_sql" | "timestamp_add_sql" | "string_add_sql" => sql_for_tests(call),
        _ => return None,
    })
}

/// A relation's columns, by the macro `get_columns_in_relation`.
pub(super) fn of_relation(call: &mut Call<'_, '_, '_, '_>, relation: &Relation) -> Result<Vec<Column>, Error> {
    let found = told_of_relation(call, relation)?;
    columns_of(&found)
}

/// What the macro gives: columns, unless a project has replaced it by one that gives something else.
fn told_of_relation(call: &mut Call<'_, '_, '_, '_>, relation: &Relation) -> Answer {
    call.call_macro("get_columns_in_relation", vec![("relation", value_of(relation.clone()))])
}

fn columns_of(found: &Value) -> Result<Vec<Column>, Error> {
    let items = values::items(found).map_err(failed)?;
    let column = |value: &Value| {
        column_of(value).cloned().ok_or_else(|| {
            let kind = values::type_name(value);
            fault(format!(
                "the macro `get_columns_in_relation` must give a list of columns, but there is a `{kind}` in it"
            ))
        })
    };
    items.iter().map(column).collect()
}

/// As [`of_relation`]; none for a relation that does not exist, where the adapter says so.
fn of_any_relation(call: &mut Call<'_, '_, '_, '_>, relation: &Relation) -> Result<Vec<Column>, Error> {
    let found = told_of_any_relation(call, relation)?;
    columns_of(&found)
}

fn told_of_any_relation(call: &mut Call<'_, '_, '_, '_>, relation: &Relation) -> Answer {
    if !call.capabilities().missing_has_no_columns {
        return told_of_relation(call, relation);
    }
    let session = session(call)?;
    if session.in_transaction() && !session.is_there(relation).map_err(refused)? {
        return Ok(values::list(Vec::new()));
    }
    session.forget_error();
    let found = told_of_relation(call, relation);
    match (found, session.last_error()) {
        (Err(_), Some(error)) if error.is_missing_relation() => {
            session.forget_error();
            Ok(values::list(Vec::new()))
        }
        (found, _) => found,
    }
}

fn columns_value(columns: Vec<Column>) -> Value {
    values::list(columns.into_iter().map(column_value).collect())
}

fn get_columns(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [relation] = call.bind(["relation"])?;
    let relation = relation_argument(relation, "adapter.get_columns_in_relation", "relation").map_err(failed)?;
    told_of_any_relation(call, &relation)
}

/// A relation's columns by its description, past the catalog. Not one of dbt's methods.
fn describe_columns(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [relation] = call.bind(["relation"])?;
    let relation = relation_argument(relation, "adapter.tf_describe_columns", "relation").map_err(failed)?;
    session(call)?.columns(&relation).map(columns_value).map_err(refused)
}

fn get_columns_in_table(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [schema, identifier] =
        call.bind(["schema", "identifier"])?.map(|value| values::text(&value.unwrap_or_default()));
    let path = Path::new(Some(&call.adapter.options.database), Some(&schema), Some(&identifier));
    let relation = call.relation(path);
    of_any_relation(call, &relation).map(columns_value)
}

fn two_column_lists(call: &mut Call<'_, '_, '_, '_>) -> Result<(Relation, [Vec<Column>; 2]), Error> {
    let function = format!("adapter.{}", call.method);
    let [from, to] = call.bind(["from_relation", "to_relation"])?;
    let from = relation_argument(from, &function, "from_relation").map_err(failed)?;
    let to = relation_argument(to, &function, "to_relation").map_err(failed)?;
    let columns = [of_any_relation(call, &from)?, of_any_relation(call, &to)?];
    Ok((to, columns))
}

fn get_missing_columns(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let (_, [mut from, to]) = two_column_lists(call)?;
    from.retain(|column| !to.iter().any(|known| known.name == column.name));
    Ok(columns_value(from))
}

/// Widens text columns of `to_relation` that are narrower than those of `from_relation`.
fn expand_column_types(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    if !call.capabilities().text_has_length {
        return Ok(values::none());
    }
    let (relation, [from, to]) = two_column_lists(call)?;
    for wanted in &from {
        let Some(column) = to.iter().find(|column| column.name == wanted.name) else { continue };
        let Ok(size) = wanted.string_size() else { continue };
        if column.can_expand_to(wanted) {
            let named = vec![
                ("relation", value_of(relation.clone())),
                ("column_name", Value::from(wanted.name.as_str())),
                ("new_column_type", Value::from(Column::string_type(size))),
            ];
            call.call_macro("alter_column_type", named)?;
        }
    }
    Ok(values::none())
}

fn alter_column_type(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let names = ["relation", "column_name", "new_column_type"];
    let bound = call.bind(names)?;
    let named = names.into_iter().zip(bound).map(|(name, value)| (name, value.unwrap_or_else(values::none)));
    call.call_macro("alter_column_type", named.collect())?;
    Ok(values::none())
}

/// The columns of a query, structs as one column per field.
fn column_schema(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [sql] = call.bind(["sql"])?;
    let described = session(call)?.describe(&values::text(&sql.unwrap_or_default())).map_err(refused)?;
    let dialect = &call.capabilities().columns;
    let columns = described
        .into_iter()
        .map(|column| Column::new(dialect, column.name, Column::translate_type(dialect, &column.type_name)));
    Ok(columns_value(columns.flat_map(|column| column.flatten()).collect()))
}

/// A snapshot's table must have the columns that a snapshot adds.
fn snapshot_target(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let function = format!("adapter.{}", call.method);
    let [relation, names, strategy] = call.bind(["relation", "column_names", "strategy"])?;
    let relation = relation_argument(relation, &function, "relation").map_err(failed)?;
    let hard_deletes = strategy.and_then(|strategy| strategy.get_attr("hard_deletes").ok());
    let mut wanted = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
    if hard_deletes.as_ref().and_then(Value::as_str) == Some("new_record") {
        wanted.push("dbt_is_deleted");
    }
    let columns = of_any_relation(call, &relation)?;
    let written = |name: &str| {
        let own = names.as_ref().and_then(|names| names.get_item(&Value::from(name)).ok());
        own.filter(Value::is_true).map_or_else(|| name.to_owned(), |own| values::text(&own))
    };
    let missing: Vec<String> = wanted
        .into_iter()
        .map(written)
        .filter(|name| !columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)))
        .collect();
    match missing.is_empty() {
        true => Ok(values::none()),
        false => Err(fault(format!(
            "Snapshot target is missing configured columns: {}. See https://docs.getdbt.com/docs/build/snapshots#snapshot-meta-fields for more information.",
            missing.join(", ")
        ))),
    }
}

fn quote(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [identifier] = call.bind(["identifier"])?;
    let identifier = values::text(&identifier.unwrap_or_else(values::none));
    Ok(Value::from(call.capabilities().quote(&identifier)))
}

fn quote_as_configured(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [identifier, key] =
        call.bind(["identifier", "quote_key"])?.map(|value| values::text(&value.unwrap_or_default()));
    let Some(part) = Part::ALL.into_iter().find(|part| part.as_str() == key) else {
        return Ok(Value::from(identifier));
    };
    let policy = call.capabilities().relation.quote.with(call.adapter.options.quoting);
    Ok(Value::from(if policy.part(part) { call.capabilities().quote(&identifier) } else { identifier }))
}

fn quote_seed_column(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [column, config] = call.bind(["column", "quote_config"])?;
    let column = values::text(&column.unwrap_or_default());
    match config {
        None => Ok(Value::from(call.capabilities().quote(&column))),
        Some(flag) if flag.kind() == minijinja::value::ValueKind::Bool => {
            Ok(Value::from(if flag.is_true() { call.capabilities().quote(&column) } else { column }))
        }
        Some(other) => Err(fault(format!(
            "The seed configuration value of \"quote_columns\" has an invalid type {}",
            values::type_name(&other)
        ))),
    }
}

/// The column type for a column of a seed.
fn convert_type(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [table, index] = call.bind(["agate_table", "col_idx"])?;
    let index = index.and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
    let table = table.unwrap_or_default();
    if let Some(seed) = table::seed(&table) {
        let (kind, longest) = seed.column_type(index);
        return Ok(Value::from(call.capabilities().seed_type(kind, longest)));
    }
    let cells = cells::column_cells(&table, index);
    let longest = cells.iter().filter_map(|cell| cell.as_str().map(str::len)).max().unwrap_or(0);
    Ok(Value::from(call.capabilities().seed_type(seed::column_type(&cells), longest)))
}

fn sql_for_tests(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let text =
        |value: Option<Value>, default: &str| value.map_or_else(|| default.to_owned(), |value| values::text(&value));
    Ok(Value::from(match call.method {
        "update_column_sql" => {
            let [table, column, clause, condition] = call.bind(["dst_name", "dst_column", "clause", "where_clause"])?;
            let tail = condition.map(|condition| format!(" where {}", values::text(&condition))).unwrap_or_default();
            format!("update {} set {} = {}{tail}", text(table, ""), text(column, ""), text(clause, ""))
        }
        "timestamp_add_sql" => {
            let [to, number, interval] = call.bind(["add_to", "number", "interval"])?;
            format!("{} + interval '{} {}'", text(to, ""), text(number, "1"), text(interval, "hour"))
        }
        _ => {
            let [to, value, location] = call.bind(["add_to", "value", "location"])?;
            let (to, value) = (text(to, ""), text(value, ""));
            match text(location, "append").as_str() {
                "append" => format!("{to} || '{value}'"),
                "prepend" => format!("'{value}' || {to}"),
                other => return Err(fault(format!("Got an unexpected location value of \"{other}\""))),
            }
        }
    }))
}
