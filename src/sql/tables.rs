//! What can stand in a `from` beside a subquery: tables by name, functions, turned tables.

use std::sync::Arc;

use sqlparser::ast::{
    Expr, ExprWithAlias, FunctionArg, FunctionArgExpr, JsonTableColumn, ObjectName, PivotValueSource, TableAlias,
    TableFactor, TableFunctionArgs, Value,
};

use super::from::gathered;
use super::query::Reading;
use super::scope::{From, Scope};
use super::shape::{Column, Gathered, Rest, Shape, raised};
use super::{Dialect, Influence, Kind, expression, names};

/// A table, or a function in the place of one.
pub(super) struct Table<'t> {
    pub name: &'t ObjectName,
    pub arguments: Option<&'t TableFunctionArgs>,
    pub with_ordinality: bool,
}

/// The path under which it is known, and its columns.
///
/// # Errors
/// What in its arguments is not understood.
pub(super) fn read(
    reading: &mut Reading<'_>,
    table: &Table<'_>,
    alias: Option<&TableAlias>,
    sideways: &Scope<'_>,
) -> Result<(Vec<Arc<str>>, Shape), String> {
    let path = names::parts(table.name, reading.dialect);
    if let Some(arguments) = table.arguments {
        let text: String = format!("{}({})", table.name, joined(&arguments.args)).split_whitespace().collect();
        let name = names::function_name(table.name);
        if reading.is_known(std::slice::from_ref(&text)) {
            return Ok((vec![name.into()], reading.base(vec![text])));
        }
        let call = Call { name: &name, text: &table.name.to_string(), ordinality: table.with_ordinality };
        let shape = call_shape(reading, &call, &arguments.args, alias, sideways)?;
        return Ok((vec![name.into()], shape));
    }
    if let [name] = path.as_slice()
        && !is_quoted_text(table.name)
        && let Some(shape) = reading.cte(name)
    {
        return Ok((path, Shape::clone(&shape)));
    }
    if let Some(shape) = navigated(reading, &path, alias, sideways) {
        return Ok((path, shape));
    }
    let parts: Vec<String> = match is_quoted_text(table.name) {
        // A file (DuckDB): `from 'a.parquet'`.
        true => vec![format!("'{}'", path.join(".")).split_whitespace().collect()],
        false => path.iter().map(|part| part.to_string()).collect(),
    };
    Ok((path, reading.base(parts)))
}

fn is_quoted_text(name: &ObjectName) -> bool {
    name.0.first().and_then(|part| part.as_ident()).is_some_and(|ident| ident.quote_style == Some('\''))
}

fn joined(arguments: &[FunctionArg]) -> String {
    arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Redshift's navigation into a SUPER value: `from t, t.items as item`.
/// Source: docs.aws.amazon.com/redshift/latest/dg/query-super.html
fn navigated(
    reading: &Reading<'_>,
    path: &[Arc<str>],
    alias: Option<&TableAlias>,
    sideways: &Scope<'_>,
) -> Option<Shape> {
    if reading.dialect != Dialect::Redshift || path.len() < 2 {
        return None;
    }
    let parts: Vec<String> = path.iter().map(|part| part.to_string()).collect();
    if reading.is_known(&parts) {
        // A schema that is called as a table beside it.
        return None;
    }
    sideways.from.columns_of(path.get(..1)?)?;
    let column = sideways.find_path(path)?.raised(Kind::Derived);
    let name =
        alias.map_or_else(|| path.last().cloned().unwrap_or_default(), |alias| reading.dialect.fold(&alias.name));
    Some(Shape { columns: vec![column.named(name)], rest: None })
}

struct Call<'c> {
    name: &'c str,
    text: &'c str,
    ordinality: bool,
}

/// The columns of a function's result, as far as it is one that is known here.
fn call_shape(
    reading: &mut Reading<'_>,
    call: &Call<'_>,
    arguments: &[FunctionArg],
    alias: Option<&TableAlias>,
    sideways: &Scope<'_>,
) -> Result<Shape, String> {
    let expressions = arguments.iter().filter_map(|argument| match argument {
        FunctionArg::Named { arg: FunctionArgExpr::Expr(inner), .. }
        | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(inner), .. }
        | FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => Some(inner),
        _ => None,
    });
    let Gathered { inputs, unknown } = gathered(reading, expressions, sideways)?;
    let inputs: Arc<[_]> = inputs.into();
    let of = |name: Arc<str>| Column { unknown: unknown.clone(), ..Column::of(name, inputs.clone()) };
    // A function that gives one value per row names its column as its alias.
    let own = || alias.map_or_else(|| Arc::from(call.name), |alias| reading.dialect.fold(&alias.name));
    let mut columns: Vec<Column> = match call.name {
        "json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text" if reading.dialect == Dialect::Postgres => {
            vec![of("key".into()), of("value".into())]
        }
        "json_array_elements" | "jsonb_array_elements" | "json_array_elements_text" | "jsonb_array_elements_text" => {
            vec![of("value".into())]
        }
        "generate_series"
        | "range"
        | "unnest"
        | "regexp_split_to_table"
        | "string_to_table"
        | "regexp_matches"
        | "json_object_keys"
        | "jsonb_object_keys"
        | "generate_subscripts"
        | "jsonb_path_query" => vec![of(own())],
        _ => {
            let reason = format!("the columns of the function `{}` are not known", call.text).into();
            return Ok(Shape { columns: Vec::new(), rest: Some(Rest::Parts { inputs, reason }) });
        }
    };
    if call.ordinality {
        columns.push(Column::of("ordinality", Arc::from([])));
    }
    Ok(Shape { columns, rest: None })
}

/// A function or the like in the place of a table: its name, columns and alias.
///
/// # Errors
/// What is not understood.
pub(super) fn read_function<'t>(
    reading: &mut Reading<'_>,
    factor: &'t TableFactor,
    sideways: &Scope<'_>,
) -> Result<(Arc<str>, Shape, Option<&'t TableAlias>), String> {
    match factor {
        TableFactor::Function { name, args, with_ordinality, alias, .. } => {
            let function = names::function_name(name);
            let call = Call { name: &function, text: &name.to_string(), ordinality: *with_ordinality };
            let shape = call_shape(reading, &call, args, alias.as_ref(), sideways)?;
            Ok((function.into(), shape, alias.as_ref()))
        }
        TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality } => {
            let mut columns = Vec::new();
            for array in array_exprs {
                let column = expression::read(reading, array, sideways)?.raised(Kind::Derived);
                let own = alias.as_ref().filter(|_| array_exprs.len() == 1);
                let name = own.map_or_else(|| "unnest".into(), |alias| reading.dialect.fold(&alias.name));
                columns.push(column.named(name));
            }
            if *with_ordinality {
                columns.push(Column::of("ordinality", Arc::from([])));
            }
            if *with_offset {
                let name = with_offset_alias.as_ref().map_or_else(|| "offset".into(), |at| reading.dialect.fold(at));
                columns.push(Column::of(name, Arc::from([])));
            }
            Ok(("unnest".into(), Shape { columns, rest: None }, alias.as_ref()))
        }
        TableFactor::TableFunction { expr, alias } => {
            let column = expression::read(reading, expr, sideways)?;
            let reason = format!("the columns of `{expr}` are not known").into();
            let rest = Rest::Parts { inputs: column.inputs, reason };
            Ok(("table".into(), Shape { columns: Vec::new(), rest: Some(rest) }, alias.as_ref()))
        }
        TableFactor::JsonTable { json_expr, columns, alias, .. } => {
            let value = expression::read(reading, json_expr, sideways)?.raised(Kind::Derived);
            let mut found = Vec::new();
            json_columns(reading, columns, &value, &mut found);
            Ok(("json_table".into(), Shape { columns: found, rest: None }, alias.as_ref()))
        }
        TableFactor::UnpivotExpr { expression, value_alias, attribute_alias } => {
            let value = expression::read(reading, expression, sideways)?.raised(Kind::Derived);
            let names = std::iter::once(value_alias).chain(attribute_alias);
            let columns: Vec<Column> = names.map(|name| value.clone().named(reading.dialect.fold(name))).collect();
            Ok((reading.dialect.fold(value_alias), Shape { columns, rest: None }, None))
        }
        other => {
            let text: String = other.to_string().chars().take(60).collect();
            Err(format!("`{text}` is not understood"))
        }
    }
}

fn json_columns(reading: &Reading<'_>, columns: &[JsonTableColumn], value: &Column, found: &mut Vec<Column>) {
    for column in columns {
        match column {
            JsonTableColumn::Named(column) => found.push(Column {
                data_type: Some(reading.dialect.type_text(&column.r#type)),
                ..value.clone().named(reading.dialect.fold(&column.name))
            }),
            JsonTableColumn::ForOrdinality(name) => {
                found.push(Column::of(reading.dialect.fold(name), Arc::from([])));
            }
            JsonTableColumn::Nested(nested) => json_columns(reading, &nested.columns, value, found),
        }
    }
}

/// The columns of a table that `pivot` or `unpivot` turns.
///
/// # Errors
/// What is not understood, such as values that only the data tell.
pub(super) fn read_turned(
    reading: &mut Reading<'_>,
    factor: &TableFactor,
    inner: &From,
    outer: Option<&Scope<'_>>,
) -> Result<Shape, String> {
    let scope = Scope { from: inner, aliases: &[], windows: &[], outer };
    match factor {
        TableFactor::Pivot { aggregate_functions, value_column, value_source, .. } => {
            let PivotValueSource::List(values) = value_source else {
                return Err("the columns of a `pivot` without a list of values depend on the data".to_owned());
            };
            pivoted(reading, &Pivot { functions: aggregate_functions, by: value_column, values }, &scope)
        }
        TableFactor::Unpivot { value, name, columns, .. } => {
            let Expr::Identifier(value) = value else {
                return Err("an `unpivot` into several columns is not understood".to_owned());
            };
            let mut all = inner.shape();
            let mut from = Gathered::default();
            for column in columns {
                let column = expression::read(reading, &column.expr, &scope)?;
                from.add(&column);
                all.columns.retain(|have| !have.name.eq_ignore_ascii_case(&column.name));
            }
            all.columns.push(Column::of(reading.dialect.fold(name), Arc::from([])));
            all.columns.push(from.column(reading.dialect.fold(value)));
            Ok(all)
        }
        _ => Err("a turned table is not understood".to_owned()),
    }
}

struct Pivot<'p> {
    functions: &'p [ExprWithAlias],
    by: &'p [Expr],
    values: &'p [ExprWithAlias],
}

/// Everything that is neither aggregated nor turned stays and groups; then a column for each
/// value and each aggregate.
fn pivoted(reading: &mut Reading<'_>, pivot: &Pivot<'_>, scope: &Scope<'_>) -> Result<Shape, String> {
    let mut all = scope.from.shape();
    let by = gathered(reading, pivot.by, scope)?;
    let mut used = Vec::new();
    pivot.by.iter().for_each(|expression| expression::names_in(expression, &mut used));
    let mut aggregates = Vec::new();
    for function in pivot.functions {
        expression::names_in(&function.expr, &mut used);
        let mut from = Gathered::default();
        from.add(&expression::read(reading, &function.expr, scope)?);
        from.add_inputs(&by.inputs, Kind::Derived);
        let alias = function.alias.as_ref().map(|alias| reading.dialect.fold(alias));
        let text = match reading.dialect {
            Dialect::Duckdb => names::of_expression(&function.expr, reading.dialect),
            _ => function.expr.to_string().to_lowercase().into(),
        };
        aggregates.push((alias, text, from.column("")));
    }
    all.columns.retain(|column| !used.iter().any(|name| name.eq_ignore_ascii_case(&column.name)));
    let keys: Vec<Column> = all.columns.clone();
    keys.iter().for_each(|column| reading.influence(&column.inputs, Influence::Group));
    for value in pivot.values {
        let prefix = match (&value.alias, &value.expr) {
            (Some(alias), _) => reading.dialect.fold(alias).to_string(),
            (None, Expr::Value(literal)) => match &literal.value {
                Value::SingleQuotedString(text) => text.clone(),
                other => other.to_string(),
            },
            (None, Expr::Identifier(ident)) => ident.value.clone(),
            (None, other) => other.to_string(),
        };
        for (alias, text, column) in &aggregates {
            let name = match alias {
                Some(alias) => format!("{prefix}_{alias}"),
                None if aggregates.len() > 1 => format!("{prefix}_{text}"),
                None => prefix.clone(),
            };
            let column = Column { inputs: raised(&column.inputs, Kind::Derived), ..column.clone() };
            all.columns.push(column.named(name.into()));
        }
    }
    Ok(all)
}
