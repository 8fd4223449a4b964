//! Identifiers as a dialect folds them, and the names of columns that have no alias.

use std::sync::Arc;

use sqlparser::ast::{
    DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, TrimWhereField, Value,
};

use super::Dialect;

impl Dialect {
    /// An identifier as the warehouse keeps it.
    pub(super) fn fold(self, ident: &Ident) -> Arc<str> {
        let lower = match self {
            Dialect::Duckdb => false,
            Dialect::Postgres => ident.quote_style.is_none(),
            // Unless `enable_case_sensitive_identifier` is on.
            Dialect::Redshift => true,
        };
        match lower && ident.value.chars().any(char::is_uppercase) {
            true => ident.value.to_lowercase().into(),
            false => ident.value.as_str().into(),
        }
    }

    /// A type as the warehouse's catalog would write it, by its case.
    pub(super) fn type_text(self, data_type: &DataType) -> Arc<str> {
        match self {
            Dialect::Duckdb => data_type.to_string().to_uppercase().into(),
            Dialect::Postgres | Dialect::Redshift => data_type.to_string().to_lowercase().into(),
        }
    }
}

/// The parts of a name; a part that is a call is its text.
pub(super) fn parts(name: &ObjectName, dialect: Dialect) -> Vec<Arc<str>> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => dialect.fold(ident),
        ObjectNamePart::Function(function) => function.to_string().into(),
    };
    name.0.iter().map(part).collect()
}

/// A function's name without its schema, in lower case.
pub(super) fn function_name(name: &ObjectName) -> String {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => ident.value.to_lowercase(),
        _ => String::new(),
    }
}

/// The name that the warehouse gives an output column without an alias.
pub(super) fn of_expression(expression: &Expr, dialect: Dialect) -> Arc<str> {
    match (plain_name(expression, dialect), dialect) {
        (Some(name), _) => name,
        (None, Dialect::Duckdb) => duckdb_text(expression).into(),
        (None, Dialect::Postgres | Dialect::Redshift) => postgres_name(expression, dialect),
    }
}

/// The name of what is a column or a field of one.
fn plain_name(expression: &Expr, dialect: Dialect) -> Option<Arc<str>> {
    match expression {
        Expr::Identifier(ident) => Some(dialect.fold(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(|ident| dialect.fold(ident)),
        Expr::CompoundFieldAccess { access_chain, .. } => match access_chain.last()? {
            sqlparser::ast::AccessExpr::Dot(field) => plain_name(field, dialect),
            sqlparser::ast::AccessExpr::Subscript(_) => None,
        },
        Expr::Nested(inner) => plain_name(inner, dialect),
        _ => None,
    }
}

/// PostgreSQL's rule: the function's name, the name of what is cast, or `?column?`.
fn postgres_name(expression: &Expr, dialect: Dialect) -> Arc<str> {
    figured(expression, dialect).0
}

/// A name, and whether a cast keeps it: types and `case` give way to the name of the type that is cast to
/// (PostgreSQL's `FigureColname`).
fn figured(expression: &Expr, dialect: Dialect) -> (Arc<str>, bool) {
    if let Some(name) = plain_name(expression, dialect) {
        return (name, true);
    }
    let name = match expression {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => return figured(inner, dialect),
        Expr::Cast { expr, data_type, .. } => {
            let (inner, stays) = figured(expr, dialect);
            return if stays { (inner, true) } else { (type_name(data_type), false) };
        }
        Expr::TypedString(typed) => return (type_name(&typed.data_type), false),
        Expr::Function(function) => return (function_name(&function.name).into(), true),
        Expr::CompoundFieldAccess { root, .. } => return figured(root, dialect),
        Expr::Case { else_result, .. } => {
            // The name of what stands after `else` serves, if it has one.
            let other = else_result.as_ref().map(|other| figured(other, dialect));
            return other.filter(|(_, stays)| *stays).unwrap_or_else(|| ("case".into(), false));
        }
        Expr::Exists { .. } => "exists",
        Expr::Array(_) => "array",
        Expr::Interval(_) => return ("interval".into(), false),
        Expr::Extract { .. } => {
            if dialect == Dialect::Redshift {
                "date_part"
            } else {
                "extract"
            }
        }
        Expr::Substring { .. } => "substring",
        Expr::Position { .. } => "position",
        Expr::Ceil { .. } => "ceil",
        Expr::Floor { .. } => "floor",
        Expr::Overlay { .. } => "overlay",
        Expr::Trim { trim_where, .. } => match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        },
        Expr::AtTimeZone { .. } => "timezone",
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => return ("bool".into(), false),
        Expr::Subquery(query) => return (subquery_name(query, dialect), true),
        _ => return ("?column?".into(), false),
    };
    (name.into(), true)
}

fn subquery_name(query: &sqlparser::ast::Query, dialect: Dialect) -> Arc<str> {
    let item = query.body.as_select().and_then(|select| select.projection.first());
    match item {
        Some(sqlparser::ast::SelectItem::ExprWithAlias { alias, .. }) => dialect.fold(alias),
        Some(sqlparser::ast::SelectItem::UnnamedExpr(inner)) => of_expression(inner, dialect),
        _ => "?column?".into(),
    }
}

/// PostgreSQL's own name of a type, which serves as a column's name.
fn type_name(data_type: &DataType) -> Arc<str> {
    let text = data_type.to_string().to_lowercase();
    let plain = text.split('(').next().unwrap_or_default().trim();
    let name = match plain {
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "real" => "float4",
        "double precision" | "float" | "double" => "float8",
        "decimal" => "numeric",
        "boolean" => "bool",
        "character varying" => "varchar",
        "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        other => other,
    };
    name.into()
}

/// DuckDB's rule: the expression as it prints it. What is not common is printed as it was written.
fn duckdb_text(expression: &Expr) -> String {
    match expression {
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::CompoundIdentifier(idents) => {
            idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".")
        }
        Expr::Nested(inner) => duckdb_text(inner),
        Expr::BinaryOp { left, op, right } => format!("({} {op} {})", duckdb_text(left), duckdb_text(right)),
        Expr::Cast { expr, data_type, .. } => {
            let name = match type_name(data_type).as_ref() {
                "int4" => "INTEGER".to_owned(),
                "int8" => "BIGINT".to_owned(),
                "int2" => "SMALLINT".to_owned(),
                "float8" => "DOUBLE".to_owned(),
                "text" | "string" | "varchar" => "VARCHAR".to_owned(),
                "bool" => "BOOLEAN".to_owned(),
                _ => data_type.to_string().to_uppercase(),
            };
            format!("CAST({} AS {name})", duckdb_text(expr))
        }
        Expr::Function(function) => duckdb_call(function),
        other => other.to_string(),
    }
}

fn duckdb_call(function: &Function) -> String {
    let name = function_name(&function.name);
    let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
    let FunctionArguments::List(list) = &function.args else { return function.to_string() };
    if !plain || !list.clauses.is_empty() {
        return function.to_string();
    }
    let argument = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => Some(duckdb_text(inner)),
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => Some("*".to_owned()),
        _ => None,
    };
    let Some(arguments) = list.args.iter().map(argument).collect::<Option<Vec<_>>>() else {
        return function.to_string();
    };
    if name == "count" && arguments.iter().all(|argument| argument == "*") {
        return "count_star()".to_owned();
    }
    let distinct = if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) { "DISTINCT " } else { "" };
    format!("{name}({distinct}{})", arguments.join(", "))
}
