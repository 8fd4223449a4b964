//! Queries of another warehouse as DuckDB runs them with the same meaning.
//!
//! What is known to mean the same on both passes as it is; what has another name or needs
//! another form is rewritten; anything else is refused, with the reason: a query that DuckDB
//! would run with another result is worse than one that it does not run. The embedded engine
//! is set up so that `/` divides whole numbers and nulls come last as in PostgreSQL.

mod functions;
mod types;

use std::borrow::Cow;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, Expr, ObjectName, Query, Statement, TableFactor, UnaryOperator,
    Value, VisitMut, VisitorMut,
};
use sqlparser::dialect::{self as dialects, Dialect as Grammar};
use sqlparser::parser::Parser;

use super::Dialect;
use super::read::{NESTING, grammar, measured, tokens};

pub use types::type_on_duckdb;

/// Functions whose result has another type on DuckDB, so that dividing it means something else.
const UNSURE: [&str; 7] = ["sum", "round", "ceil", "ceiling", "floor", "sign", "date_part"];
/// Functions whose result is a number with a fraction on all.
const FRACTIONS: [&str; 14] = [
    "avg",
    "sqrt",
    "ln",
    "exp",
    "log",
    "cbrt",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "variance",
    "var_samp",
    "var_pop",
    "percentile_cont",
    "corr",
];

/// The text of a query of `dialect` for DuckDB.
///
/// # Errors
/// Why DuckDB cannot run it, or may run it with another meaning, as the end of a sentence.
pub fn query_on_duckdb(sql: &str, dialect: Dialect) -> Result<Cow<'_, str>, String> {
    if dialect == Dialect::Redshift && sql.contains('\\') {
        // What follows it in a text means something else there, as in C.
        return Err("of a backslash".to_owned());
    }
    // Macros that are made for DuckDB may have put its own syntax into the query.
    let grammars: [&dyn Grammar; 3] = [grammar(dialect), &dialects::DuckDbDialect, &dialects::GenericDialect {}];
    let mut refused = None;
    for grammar in grammars {
        let read = measured(tokens(sql, grammar)?, |tokens| {
            let parser = Parser::new(grammar).with_recursion_limit(NESTING).with_tokens_with_locations(tokens);
            let statements =
                { parser }.parse_statements().map_err(|error| format!("it is not readable as SQL: {error}"))?;
            let [Statement::Query(query)] =
                <[Statement; 1]>::try_from(statements).map_err(|_| "it is not one query")?
            else {
                return Err("it is not a query".to_owned());
            };
            Ok(in_the_same_meaning(query, dialect))
        })?;
        match read {
            Ok(Ok(None)) => return Ok(Cow::Borrowed(sql)),
            Ok(Ok(Some(text))) => return Ok(Cow::Owned(text)),
            Ok(Err(reason)) => return Err(reason),
            Err(unread) => refused = refused.or(Some(unread)),
        }
    }
    Err(refused.unwrap_or_default())
}

/// The query's new text, if it needs one.
fn in_the_same_meaning(mut query: Box<Query>, dialect: Dialect) -> Result<Option<String>, String> {
    let mut check = Check { dialect, has_changed: false, divides: false, unsure: None };
    if let ControlFlow::Break(reason) = query.visit(&mut check) {
        return Err(*reason);
    }
    match (check.divides, check.unsure) {
        (true, Some(what)) => Err(format!("it divides, and `{what}` is another kind of number on DuckDB")),
        _ => Ok(check.has_changed.then(|| query.to_string())),
    }
}

/// Looks at each part of a query, innermost first.
struct Check {
    /// That of the query.
    dialect: Dialect,
    has_changed: bool,
    /// Numbers of which neither is known to have a fraction are divided.
    divides: bool,
    /// An expression whose kind of number is another one on DuckDB.
    unsure: Option<String>,
}

/// A reason, boxed as the visitor wants it.
type Step = ControlFlow<Box<String>>;

fn refuse(reason: impl Into<String>) -> Step {
    ControlFlow::Break(Box::new(reason.into()))
}

impl VisitorMut for Check {
    type Break = Box<String>;

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> Step {
        match table {
            TableFactor::Table { name, args: Some(_), .. } if last_name(name) != "generate_series" => {
                refuse(format!("it reads `{name}(...)`"))
            }
            TableFactor::Table { .. } | TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            other => refuse(format!("it reads `{other}`")),
        }
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> Step {
        match expression {
            Expr::BinaryOp { op, left, right } => return self.operator(op, left, right),
            Expr::Cast { .. } => return self.cast(expression),
            Expr::Function(_) => return self.function(expression),
            Expr::TypedString(typed) => match types::on_duckdb(&typed.data_type, self.dialect) {
                Some(_) => {}
                None => return refuse(format!("of the type `{}`", typed.data_type)),
            },
            // With the fraction of the second on PostgreSQL, without it on DuckDB.
            Expr::Extract { field, .. } if functions::is_of_second(&field.to_string()) => {
                return refuse(format!("of `{expression}`"));
            }
            Expr::Extract { .. } if self.dialect == Dialect::Postgres => self.is_unsure(expression),
            Expr::Like { any: false, .. } | Expr::ILike { any: false, .. } => return self.like(expression),
            // A regular expression, to PostgreSQL.
            Expr::Substring { substring_from: Some(from), .. } if matches!(from.as_ref(), Expr::Value(value) if value.value.clone().into_string().is_some()) =>
            {
                return refuse(format!("of `{expression}`"));
            }
            Expr::Ceil { .. } | Expr::Floor { .. } => self.is_unsure(expression),
            Expr::Identifier(name)
                if name.quote_style.is_none()
                    && self.dialect == Dialect::Redshift
                    && name.value.eq_ignore_ascii_case("sysdate") =>
            {
                return self.replace(expression, "cast(current_timestamp as timestamp)");
            }
            // Counted from the end on DuckDB, from before the start on the others.
            Expr::Substring { substring_from: Some(from), .. } if from.to_string().starts_with('-') => {
                return refuse(format!("of `{expression}`"));
            }
            Expr::CompoundFieldAccess { root, .. } => match root.as_ref() {
                // What dbt's `split_part` becomes on DuckDB.
                Expr::Function(function) if last_name(&function.name) == "string_split" => {}
                _ => return refuse(format!("of `{expression}`")),
            },
            Expr::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not, .. } => {}
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
                return refuse(format!("of `{expression}`"));
            }
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::Extract { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Interval(_)
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..) => {}
            other => return refuse(format!("of `{other}`")),
        }
        ControlFlow::Continue(())
    }
}

impl Check {
    fn operator(&mut self, operator: &BinaryOperator, left: &Expr, right: &Expr) -> Step {
        match operator {
            BinaryOperator::Divide => {
                self.divides |= !has_fraction(left) && !has_fraction(right);
                ControlFlow::Continue(())
            }
            BinaryOperator::StringConcat if has_other_text(left) || has_other_text(right) => {
                refuse(format!("of the text of `{}`", if has_other_text(left) { left } else { right }))
            }
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Modulo
            | BinaryOperator::StringConcat
            | BinaryOperator::PGExp
            | BinaryOperator::DuckIntegerDivide
            | BinaryOperator::Gt
            | BinaryOperator::Lt
            | BinaryOperator::GtEq
            | BinaryOperator::LtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::And
            | BinaryOperator::Or => ControlFlow::Continue(()),
            other => refuse(format!("of the operator `{other}`")),
        }
    }

    fn is_unsure(&mut self, expression: &Expr) {
        self.unsure.get_or_insert_with(|| expression.to_string());
    }

    /// Puts DuckDB's words in the place of an expression.
    fn replace(&mut self, expression: &mut Expr, text: &str) -> Step {
        let parser = Parser::new(&dialects::DuckDbDialect).with_recursion_limit(NESTING).try_with_sql(text);
        match parser.and_then(|mut parser| parser.parse_expr()) {
            Ok(new) => {
                *expression = new;
                self.has_changed = true;
                ControlFlow::Continue(())
            }
            Err(_) => refuse(format!("of `{expression}`")),
        }
    }

    /// A backslash stands before what is meant literally, unless the query names another character; on DuckDB
    /// nothing does.
    fn like(&mut self, expression: &mut Expr) -> Step {
        let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) = &*expression else {
            return ControlFlow::Continue(());
        };
        let is_plain = matches!(pattern.as_ref(), Expr::Value(value) if !value.value.to_string().contains('\\'));
        if escape_char.is_some() || is_plain {
            return ControlFlow::Continue(());
        }
        let text = format!("{expression} ESCAPE '\\'");
        self.replace(expression, &text)
    }

    fn cast(&mut self, expression: &mut Expr) -> Step {
        let Expr::Cast { kind, expr, data_type, format } = expression else { return ControlFlow::Continue(()) };
        let known = types::on_duckdb(data_type, self.dialect).filter(|_| format.is_none());
        let Some(known) = known.filter(|_| matches!(kind, CastKind::Cast | CastKind::DoubleColon | CastKind::TryCast))
        else {
            return refuse(format!("of the type `{data_type}`"));
        };
        if types::is_text(data_type) && has_other_text(expr) {
            return refuse(format!("of the text of `{expr}`"));
        }
        if known.name.as_ref().is_some_and(|name| *name != *data_type) {
            self.has_changed = true;
        }
        if let Some(name) = known.name {
            *data_type = name;
        }
        match known.length {
            None => ControlFlow::Continue(()),
            // A text that is longer is cut; DuckDB does not look at the length.
            Some(length) => {
                *data_type = DataType::Varchar(None);
                let text = format!("left(cast({expr} as varchar), {length})");
                self.replace(expression, &text)
            }
        }
    }
}

/// A function's name in lower case; empty for one that is named with its schema.
fn last_name(name: &ObjectName) -> String {
    match name.0.as_slice() {
        [only] => only.to_string().trim_matches('"').to_lowercase(),
        _ => String::new(),
    }
}

/// Whether a number certainly has a fraction, so that dividing it means the same everywhere.
fn has_fraction(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => {
            matches!(&value.value, Value::Number(text, _) if text.to_string().contains(['.', 'e', 'E']))
        }
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => has_fraction(inner),
        Expr::Cast { data_type, .. } => types::has_fraction(data_type),
        Expr::BinaryOp { left, op, right } => {
            let counts = matches!(
                op,
                BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply | BinaryOperator::Divide
            );
            counts && (has_fraction(left) || has_fraction(right))
        }
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter().map(|CaseWhen { result, .. }| result).chain(else_result.as_deref());
            results.into_iter().any(has_fraction)
        }
        Expr::Function(function) => {
            let name = last_name(&function.name);
            let passes =
                matches!(name.as_str(), "coalesce" | "sum" | "min" | "max" | "nullif" | "abs" | "greatest" | "least");
            FRACTIONS.contains(&name.as_str())
                || (passes
                    && functions::arguments(function).is_some_and(|arguments| arguments.into_iter().any(has_fraction)))
        }
        _ => false,
    }
}

/// Whether a number certainly is a `double` on DuckDB, whose text there always has a point: `2.0` for what is `2`, or
/// has more digits, elsewhere.
fn has_other_text(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => has_other_text(inner),
        Expr::Cast { data_type, .. } => types::is_double(data_type),
        Expr::BinaryOp { left, op: BinaryOperator::Divide, right } => has_fraction(left) || has_fraction(right),
        Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus | BinaryOperator::Multiply, right } => {
            has_other_text(left) || has_other_text(right)
        }
        Expr::Function(function) => {
            let name = last_name(&function.name);
            let passes = matches!(name.as_str(), "coalesce" | "min" | "max" | "nullif" | "abs" | "greatest" | "least");
            let of_arguments = || functions::arguments(function).into_iter().flatten().any(has_other_text);
            FRACTIONS.contains(&name.as_str()) || name == "power" || (passes && of_arguments())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
