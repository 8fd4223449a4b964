//! Expressions: what an expression's value is made of.

use std::sync::Arc;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, Ident, LambdaFunction, NamedWindowDefinition, NamedWindowExpr,
    OneOrManyWithParens, Query, Subscript, Value, WildcardAdditionalOptions, WindowSpec, WindowType,
};

use super::query::{self, Reading};
use super::scope::Scope;
use super::shape::{Column, Gathered, Input};
use super::{Kind, names};

/// How many named windows may stand for one another.
const WINDOWS: usize = 16;

/// Reads an expression: its inputs, and its type where it is certain.
///
/// # Errors
/// What in it is not understood.
pub(super) fn read(reading: &mut Reading<'_>, expression: &Expr, scope: &Scope<'_>) -> Result<Column, String> {
    stacker::maybe_grow(128 * 1024, 1024 * 1024, || read_one(reading, expression, scope))
}

fn read_one(reading: &mut Reading<'_>, expression: &Expr, scope: &Scope<'_>) -> Result<Column, String> {
    match expression {
        Expr::Identifier(ident) if is_bound(reading, ident) => Ok(constant()),
        Expr::Identifier(ident) => Ok(scope.name(ident, reading.dialect)),
        Expr::CompoundIdentifier(idents) if idents.first().is_some_and(|ident| is_bound(reading, ident)) => {
            Ok(constant())
        }
        Expr::CompoundIdentifier(idents) => Ok(scope.path(idents, reading.dialect)),
        Expr::CompoundFieldAccess { root, access_chain } => read_access(reading, root, access_chain, scope),
        Expr::Nested(inner) => read(reading, inner, scope),
        Expr::Value(_) => Ok(constant()),
        Expr::Cast { expr, data_type, .. } => {
            let data_type = Some(reading.dialect.type_text(data_type));
            Ok(Column { data_type, ..read(reading, expr, scope)?.raised(Kind::Derived) })
        }
        Expr::Convert { expr, data_type: Some(data_type), .. } => {
            let data_type = Some(reading.dialect.type_text(data_type));
            Ok(Column { data_type, ..read(reading, expr, scope)?.raised(Kind::Derived) })
        }
        Expr::Function(function) => read_function(reading, function, scope),
        Expr::Lambda(lambda) => read_lambda(reading, lambda, false, scope),
        Expr::Subquery(query) => {
            let shape = query::read(reading, query, Some(scope))?;
            let row = shape.row().column("");
            let data_type = shape.columns.first().and_then(|column| column.data_type.clone());
            Ok(Column { data_type, ..row })
        }
        Expr::Exists { subquery, .. } => read_exists(reading, subquery, scope),
        other => {
            let mut gathered = Gathered::default();
            read_children(reading, other, scope, &mut gathered)?;
            Ok(Column { data_type: certain_type(other), ..gathered.column("") })
        }
    }
}

/// Whether there are rows is a matter of what decides them, not of their values.
fn read_exists(reading: &mut Reading<'_>, query: &Query, scope: &Scope<'_>) -> Result<Column, String> {
    let outside = std::mem::take(&mut reading.influences);
    let read = query::read(reading, query, Some(scope));
    let decisive = std::mem::replace(&mut reading.influences, outside);
    read?;
    let mut gathered = Gathered::default();
    for (base, column, _) in decisive {
        gathered.add_inputs(&[Input { base, column, kind: Kind::Derived }], Kind::Derived);
    }
    Ok(Column { data_type: Some("boolean".into()), ..gathered.column("") })
}

fn constant() -> Column {
    Column::of("", Arc::from([]))
}

fn is_bound(reading: &Reading<'_>, ident: &Ident) -> bool {
    reading.bound.iter().any(|name| name.eq_ignore_ascii_case(&ident.value))
}

/// The type of what is a truth value on every warehouse.
fn certain_type(expression: &Expr) -> Option<Arc<str>> {
    let is_truth = match expression {
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        ),
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::Exists { .. } => true,
        _ => false,
    };
    is_truth.then(|| "boolean".into())
}

/// `a.b[0].c`: the longest start that is a name, and fields of it.
fn read_access(
    reading: &mut Reading<'_>,
    root: &Expr,
    chain: &[AccessExpr],
    scope: &Scope<'_>,
) -> Result<Column, String> {
    let mut idents: Vec<Ident> = match root {
        Expr::Identifier(ident) => vec![ident.clone()],
        Expr::CompoundIdentifier(idents) => idents.clone(),
        _ => Vec::new(),
    };
    let mut rest = chain;
    if !idents.is_empty() {
        while let [AccessExpr::Dot(Expr::Identifier(ident)), more @ ..] = rest {
            idents.push(ident.clone());
            rest = more;
        }
    }
    let column = match idents.as_slice() {
        [] => read(reading, root, scope)?,
        [first, ..] if is_bound(reading, first) => constant(),
        [ident] => scope.name(ident, reading.dialect),
        several => scope.path(several, reading.dialect),
    };
    let mut gathered = Gathered::default();
    gathered.add(&column);
    for access in rest {
        match access {
            AccessExpr::Dot(Expr::Function(call)) => gathered.add(&read_function(reading, call, scope)?),
            AccessExpr::Dot(_) => {}
            AccessExpr::Subscript(Subscript::Index { index }) => gathered.add(&read(reading, index, scope)?),
            AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                for bound in [lower_bound, upper_bound, stride].into_iter().flatten() {
                    gathered.add(&read(reading, bound, scope)?);
                }
            }
        }
    }
    let column_name = column.name.clone();
    let whole = gathered.column(column_name);
    Ok(if rest.is_empty() { column } else { whole.raised(Kind::Derived) })
}

/// Adds the inputs of what an expression is made of.
fn read_children(
    reading: &mut Reading<'_>,
    expression: &Expr,
    scope: &Scope<'_>,
    gathered: &mut Gathered,
) -> Result<(), String> {
    let (mut expressions, mut queries) = (Vec::new(), Vec::new());
    children(expression, &mut expressions, &mut queries);
    for child in expressions {
        let column = read(reading, child, scope)?;
        gathered.add_inputs(&column.inputs, Kind::Derived);
        gathered.add_unknown(column.unknown.as_ref());
    }
    for query in queries {
        let row = query::read(reading, query, Some(scope))?.row();
        gathered.add_inputs(&row.inputs, Kind::Derived);
        gathered.add_unknown(row.unknown.as_ref());
    }
    Ok(())
}

/// The expressions and queries directly below an expression that is not handled for itself.
fn children<'e>(expression: &'e Expr, into: &mut Vec<&'e Expr>, queries: &mut Vec<&'e Query>) {
    match expression {
        Expr::IsFalse(one)
        | Expr::IsNotFalse(one)
        | Expr::IsTrue(one)
        | Expr::IsNotTrue(one)
        | Expr::IsNull(one)
        | Expr::IsNotNull(one)
        | Expr::IsUnknown(one)
        | Expr::IsNotUnknown(one)
        | Expr::Nested(one)
        | Expr::OuterJoin(one)
        | Expr::Prior(one)
        | Expr::JsonAccess { value: one, .. }
        | Expr::IsJson { expr: one, .. }
        | Expr::IsNormalized { expr: one, .. }
        | Expr::UnaryOp { expr: one, .. }
        | Expr::Convert { expr: one, .. }
        | Expr::Cast { expr: one, .. }
        | Expr::Extract { expr: one, .. }
        | Expr::Ceil { expr: one, .. }
        | Expr::Floor { expr: one, .. }
        | Expr::Collate { expr: one, .. }
        | Expr::Prefixed { value: one, .. }
        | Expr::Named { expr: one, .. } => into.push(one),
        Expr::IsDistinctFrom(one, other)
        | Expr::IsNotDistinctFrom(one, other)
        | Expr::BinaryOp { left: one, right: other, .. }
        | Expr::AnyOp { left: one, right: other, .. }
        | Expr::AllOp { left: one, right: other, .. }
        | Expr::InUnnest { expr: one, array_expr: other, .. }
        | Expr::Like { expr: one, pattern: other, .. }
        | Expr::ILike { expr: one, pattern: other, .. }
        | Expr::SimilarTo { expr: one, pattern: other, .. }
        | Expr::RLike { expr: one, pattern: other, .. }
        | Expr::AtTimeZone { timestamp: one, time_zone: other }
        | Expr::Position { expr: one, r#in: other } => into.extend([one.as_ref(), other.as_ref()]),
        Expr::InList { expr, list, .. } => {
            into.push(expr);
            into.extend(list);
        }
        Expr::InSubquery { expr, subquery, .. } => {
            into.push(expr);
            queries.push(subquery);
        }
        Expr::Exists { subquery, .. } | Expr::Subquery(subquery) => queries.push(subquery),
        Expr::Between { expr, low, high, .. } => into.extend([expr.as_ref(), low.as_ref(), high.as_ref()]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            into.push(expr);
            into.extend([substring_from, substring_for].into_iter().flatten().map(AsRef::as_ref));
        }
        Expr::Trim { trim_what, expr, trim_characters, .. } => {
            into.push(expr);
            into.extend(trim_what.iter().map(AsRef::as_ref));
            into.extend(trim_characters.iter().flatten());
        }
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            into.extend([expr.as_ref(), overlay_what.as_ref(), overlay_from.as_ref()]);
            into.extend(overlay_for.iter().map(AsRef::as_ref));
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            into.extend(operand.iter().map(AsRef::as_ref));
            into.extend(conditions.iter().flat_map(|when| [&when.condition, &when.result]));
            into.extend(else_result.iter().map(AsRef::as_ref));
        }
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => into.extend(sets.iter().flatten()),
        Expr::Tuple(values) | Expr::Struct { values, .. } => into.extend(values),
        Expr::Array(array) => into.extend(&array.elem),
        Expr::Dictionary(fields) => into.extend(fields.iter().map(|field| field.value.as_ref())),
        Expr::Map(map) => {
            into.extend(map.entries.iter().flat_map(|entry| [entry.key.as_ref(), entry.value.as_ref()]));
        }
        Expr::Interval(interval) => into.push(&interval.value),
        Expr::MemberOf(member) => into.extend([member.value.as_ref(), member.array.as_ref()]),
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::CompoundFieldAccess { .. }
        | Expr::Value(_)
        | Expr::TypedString(_)
        | Expr::Function(_)
        | Expr::MatchAgainst { .. }
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..)
        | Expr::Lambda(_) => {}
    }
}

fn read_function(reading: &mut Reading<'_>, function: &Function, scope: &Scope<'_>) -> Result<Column, String> {
    let name = names::function_name(&function.name);
    if name == "columns"
        && let Some(column) = &reading.columns_item
    {
        return Ok(column.clone());
    }
    let kind = if is_aggregate(&name, function) { Kind::Aggregated } else { Kind::Derived };
    let mut gathered = Gathered::default();
    for arguments in [&function.parameters, &function.args] {
        match arguments {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => {
                let row = query::read(reading, query, Some(scope))?.row();
                gathered.add_inputs(&row.inputs, kind);
                gathered.add_unknown(row.unknown.as_ref());
            }
            FunctionArguments::List(list) => {
                read_arguments(reading, (&name, kind), list, scope, &mut gathered)?;
            }
        }
    }
    let within = function.within_group.iter().map(|by| &by.expr);
    for expression in within.chain(function.filter.as_deref()) {
        add(reading, expression, kind, scope, &mut gathered)?;
    }
    match &function.over {
        Some(WindowType::WindowSpec(window)) => read_window(reading, window, scope, &mut gathered, 0)?,
        Some(WindowType::NamedWindow(ident)) => read_named_window(reading, ident, scope, &mut gathered, 0)?,
        None => {}
    }
    let data_type = matches!(name.as_str(), "count" | "row_number" | "rank" | "dense_rank").then(|| "bigint".into());
    Ok(Column { data_type, ..gathered.column("") })
}

fn add(
    reading: &mut Reading<'_>,
    expression: &Expr,
    kind: Kind,
    scope: &Scope<'_>,
    gathered: &mut Gathered,
) -> Result<(), String> {
    let column = read(reading, expression, scope)?;
    gathered.add_inputs(&column.inputs, kind);
    gathered.add_unknown(column.unknown.as_ref());
    Ok(())
}

fn read_arguments(
    reading: &mut Reading<'_>,
    (name, kind): (&str, Kind),
    list: &FunctionArgumentList,
    scope: &Scope<'_>,
    gathered: &mut Gathered,
) -> Result<(), String> {
    for (place, argument) in list.args.iter().enumerate() {
        let value = match argument {
            FunctionArg::Named { arg, .. } | FunctionArg::Unnamed(arg) => arg,
            FunctionArg::ExprNamed { name, arg, .. } => {
                add(reading, name, kind, scope, gathered)?;
                arg
            }
        };
        match value {
            // The part of a date: `datediff(day, a, b)`.
            FunctionArgExpr::Expr(Expr::Identifier(part)) if place == 0 && takes_date_part(name, part) => {}
            FunctionArgExpr::Expr(Expr::Lambda(lambda)) => {
                let column = read_lambda(reading, lambda, takes_lambda(name), scope)?;
                gathered.add_inputs(&column.inputs, kind);
                gathered.add_unknown(column.unknown.as_ref());
            }
            FunctionArgExpr::Expr(inner) => add(reading, inner, kind, scope, gathered)?,
            // `count(*)` reads no column.
            FunctionArgExpr::Wildcard if name == "count" => {}
            FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_) => {
                let row = scope.from.shape().row();
                gathered.add_inputs(&row.inputs, kind);
                gathered.add_unknown(row.unknown.as_ref());
            }
            FunctionArgExpr::QualifiedWildcard(qualifier) => {
                let path = names::parts(qualifier, reading.dialect);
                if let Some(shape) = scope.from.columns_of(&path) {
                    let row = shape.row();
                    gathered.add_inputs(&row.inputs, kind);
                    gathered.add_unknown(row.unknown.as_ref());
                }
            }
        }
    }
    for clause in &list.clauses {
        let expressions: Vec<&Expr> = match clause {
            FunctionArgumentClause::OrderBy(by) => by.iter().map(|by| &by.expr).collect(),
            FunctionArgumentClause::Where(condition) | FunctionArgumentClause::Limit(condition) => vec![condition],
            FunctionArgumentClause::Having(bound) => vec![&bound.1],
            _ => Vec::new(),
        };
        for expression in expressions {
            add(reading, expression, kind, scope, gathered)?;
        }
    }
    Ok(())
}

fn read_window(
    reading: &mut Reading<'_>,
    window: &WindowSpec,
    scope: &Scope<'_>,
    gathered: &mut Gathered,
    depth: usize,
) -> Result<(), String> {
    if let Some(name) = &window.window_name {
        read_named_window(reading, name, scope, gathered, depth)?;
    }
    for expression in window.partition_by.iter().chain(window.order_by.iter().map(|by| &by.expr)) {
        add(reading, expression, Kind::Derived, scope, gathered)?;
    }
    Ok(())
}

fn read_named_window(
    reading: &mut Reading<'_>,
    name: &Ident,
    scope: &Scope<'_>,
    gathered: &mut Gathered,
    depth: usize,
) -> Result<(), String> {
    if depth > WINDOWS {
        return Err(format!("the window `{name}` stands for itself"));
    }
    let is_it = |definition: &&NamedWindowDefinition| definition.0.value.eq_ignore_ascii_case(&name.value);
    match scope.windows.iter().find(is_it) {
        Some(NamedWindowDefinition(_, NamedWindowExpr::WindowSpec(window))) => {
            read_window(reading, window, scope, gathered, depth + 1)
        }
        Some(NamedWindowDefinition(_, NamedWindowExpr::NamedWindow(other))) => {
            read_named_window(reading, other, scope, gathered, depth + 1)
        }
        None => Ok(()),
    }
}

/// A lambda function, or where none is taken the JSON operator `->` of DuckDB.
fn read_lambda(
    reading: &mut Reading<'_>,
    lambda: &LambdaFunction,
    is_function: bool,
    scope: &Scope<'_>,
) -> Result<Column, String> {
    let parameters = match &lambda.params {
        OneOrManyWithParens::One(parameter) => std::slice::from_ref(parameter),
        OneOrManyWithParens::Many(parameters) => parameters.as_slice(),
    };
    if let ([parameter], false) = (parameters, is_function) {
        let mut gathered = Gathered::default();
        let value = Expr::Identifier(parameter.name.clone());
        add(reading, &value, Kind::Derived, scope, &mut gathered)?;
        add(reading, &lambda.body, Kind::Derived, scope, &mut gathered)?;
        return Ok(gathered.column(""));
    }
    let before = reading.bound.len();
    reading.bound.extend(parameters.iter().map(|parameter| Arc::from(parameter.name.value.as_str())));
    let column = read(reading, &lambda.body, scope);
    reading.bound.truncate(before);
    Ok(column?.raised(Kind::Derived))
}

/// Whether a function makes one value of many rows.
fn is_aggregate(name: &str, function: &Function) -> bool {
    const AGGREGATES: &[&str] = &[
        "any_value",
        "approx_count_distinct",
        "approx_quantile",
        "approx_top_k",
        "approximate",
        "arbitrary",
        "arg_max",
        "arg_min",
        "array_agg",
        "avg",
        "bit_and",
        "bit_or",
        "bit_xor",
        "bool_and",
        "bool_or",
        "boolor_agg",
        "booland_agg",
        "corr",
        "count",
        "count_if",
        "countif",
        "covar_pop",
        "covar_samp",
        "entropy",
        "every",
        "favg",
        "first",
        "fsum",
        "geomean",
        "geometric_mean",
        "group_concat",
        "grouping",
        "histogram",
        "json_agg",
        "json_group_array",
        "json_group_object",
        "json_object_agg",
        "jsonb_agg",
        "jsonb_object_agg",
        "kurtosis",
        "kurtosis_pop",
        "last",
        "list",
        "listagg",
        "mad",
        "max",
        "max_by",
        "mean",
        "median",
        "min",
        "min_by",
        "mode",
        "percentile_cont",
        "percentile_disc",
        "product",
        "quantile",
        "quantile_cont",
        "quantile_disc",
        "range_agg",
        "regr_avgx",
        "regr_avgy",
        "regr_count",
        "regr_intercept",
        "regr_r2",
        "regr_slope",
        "regr_sxx",
        "regr_sxy",
        "regr_syy",
        "reservoir_quantile",
        "sem",
        "skewness",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "string_agg",
        "sum",
        "sum_no_overflow",
        "sumkahan",
        "var_pop",
        "var_samp",
        "variance",
        "xmlagg",
    ];
    let marked = !function.within_group.is_empty() || function.filter.is_some();
    let distinct = match &function.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_some(),
        _ => false,
    };
    marked || distinct || AGGREGATES.contains(&name)
}

/// Functions that take a function (DuckDB; duckdb.org/docs/stable/sql/functions/lambda).
fn takes_lambda(name: &str) -> bool {
    let name = name.strip_prefix("list_").or_else(|| name.strip_prefix("array_")).unwrap_or(name);
    matches!(name, "transform" | "apply" | "filter" | "reduce")
}

/// Functions whose first argument may be the part of a date, without quotes (Redshift).
fn takes_date_part(name: &str, part: &Ident) -> bool {
    const FUNCTIONS: &[&str] =
        &["dateadd", "date_add", "datediff", "date_diff", "date_part", "date_trunc", "datepart", "timestampdiff"];
    const PARTS: &[&str] = &[
        "c",
        "cent",
        "century",
        "d",
        "day",
        "dayofweek",
        "dayofyear",
        "days",
        "decade",
        "dow",
        "doy",
        "epoch",
        "h",
        "hour",
        "hours",
        "hr",
        "hrs",
        "m",
        "microsecond",
        "microseconds",
        "mil",
        "millennium",
        "millisecond",
        "milliseconds",
        "min",
        "minute",
        "minutes",
        "mins",
        "mon",
        "month",
        "months",
        "ms",
        "q",
        "qtr",
        "quarter",
        "quarters",
        "s",
        "sec",
        "second",
        "seconds",
        "us",
        "w",
        "week",
        "weeks",
        "y",
        "year",
        "years",
        "yr",
        "yrs",
    ];
    let is_in = |list: &[&str], word: &str| list.iter().any(|one| one.eq_ignore_ascii_case(word));
    part.quote_style.is_none() && is_in(FUNCTIONS, name) && is_in(PARTS, &part.value)
}

/// The place of an output column that a plain number names (`group by 1`), from zero.
pub(super) fn place(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse::<usize>().ok()?.checked_sub(1),
            _ => None,
        },
        _ => None,
    }
}

/// The names of columns in an expression, without their qualifiers.
pub(super) fn names_in(expression: &Expr, into: &mut Vec<String>) {
    match expression {
        Expr::Identifier(ident) => into.push(ident.value.clone()),
        Expr::CompoundIdentifier(idents) => into.extend(idents.last().map(|ident| ident.value.clone())),
        _ => {
            let (mut expressions, mut queries) = (Vec::new(), Vec::new());
            below(expression, &mut expressions, &mut queries);
            stacker::maybe_grow(128 * 1024, 1024 * 1024, || {
                expressions.into_iter().for_each(|inner| names_in(inner, into));
            });
        }
    }
}

/// [`children`], with a function's arguments.
fn below<'e>(expression: &'e Expr, into: &mut Vec<&'e Expr>, queries: &mut Vec<&'e Query>) {
    match expression {
        Expr::Function(function) => {
            if let FunctionArguments::List(list) = &function.args {
                into.extend(list.args.iter().filter_map(|argument| match argument {
                    FunctionArg::Named { arg: FunctionArgExpr::Expr(inner), .. }
                    | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(inner), .. }
                    | FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => Some(inner),
                    _ => None,
                }));
            }
            into.extend(function.filter.as_deref());
        }
        other => children(other, into, queries),
    }
}

/// The columns that DuckDB's `columns(...)` stands for.
pub(super) enum Choice<'e> {
    All(Option<&'e WildcardAdditionalOptions>),
    Matching(String),
    Unclear,
}

/// The `columns(...)` in an expression, if there is one.
pub(super) fn columns_choice(expression: &Expr) -> Option<Choice<'_>> {
    if let Expr::Function(function) = expression
        && names::function_name(&function.name) == "columns"
    {
        let FunctionArguments::List(list) = &function.args else { return None };
        let [FunctionArg::Unnamed(argument)] = list.args.as_slice() else { return None };
        return Some(match argument {
            FunctionArgExpr::Wildcard => Choice::All(None),
            FunctionArgExpr::WildcardWithOptions(options) => Choice::All(Some(options)),
            FunctionArgExpr::Expr(Expr::Value(value)) => match &value.value {
                Value::SingleQuotedString(pattern) => Choice::Matching(pattern.clone()),
                _ => Choice::Unclear,
            },
            _ => Choice::Unclear,
        });
    }
    let (mut expressions, mut queries) = (Vec::new(), Vec::new());
    below(expression, &mut expressions, &mut queries);
    stacker::maybe_grow(128 * 1024, 1024 * 1024, || expressions.into_iter().find_map(columns_choice))
}
