//! Native rendering, which gives values and not only text, and dbt's filters for it:
//! `as_bool`, `as_number`, `as_native`, `as_text`
//! (docs.getdbt.com/reference/dbt-jinja-functions/as_native).

use minijinja::Value;
use minijinja::value::ValueKind;

use super::parser;
use super::syntax::{CallArguments, Expression, Kind, Node};
use super::values::{self, Fault, Number, representation};
use crate::diagnostic::SourceFile;

/// Applies the conversion that a filter's name asks for; other names change nothing.
pub fn convert(filter: &str, value: &Value) -> Result<Value, Fault> {
    match filter {
        // `true` as YAML writes it counts too, though it is no literal of Python.
        "as_bool" if value.as_str().is_some_and(|text| matches!(text.trim(), "true" | "false")) => {
            Ok(Value::from(values::text(value).trim() == "true"))
        }
        "as_bool" => match literal(value) {
            converted if converted.kind() == ValueKind::Bool => Ok(converted),
            _ => Err(format!("{} is not a boolean", representation(value))),
        },
        "as_number" => match literal(value) {
            converted if converted.kind() == ValueKind::Number => Ok(converted),
            _ => Err(format!("{} is not a number", representation(value))),
        },
        "as_native" => Ok(literal(value)),
        "as_text" => Ok(Value::from(values::text(value))),
        _ => Ok(value.clone()),
    }
}

/// Whether a value counts as true on which a filter is still to be applied: what dbt's filters
/// give is a text until then, and a text with anything in it is true.
pub fn is_true((value, filter): &(Value, Option<&str>)) -> bool {
    match filter {
        Some("as_bool" | "as_number" | "as_native" | "as_text") => !values::text(value).is_empty(),
        _ => value.is_true(),
    }
}

/// A string read as a literal of Python (`ast.literal_eval`); others stay as they are.
fn literal(value: &Value) -> Value {
    let Some(text) = value.as_str().filter(|text| !matches!(text.trim(), "true" | "false" | "none")) else {
        return value.clone();
    };
    let wrapped = SourceFile::new("literal", format!("{{{{ {text} }}}}"));
    let parsed = parser::parse(&wrapped, 0..wrapped.text.len());
    let found = parsed.ok().and_then(|template| match template.body.as_slice() {
        [Node::Print(expression)] => literal_value(expression),
        _ => None,
    });
    found.unwrap_or_else(|| value.clone())
}

/// Whether Jinja2 computes the expression while it compiles: such a value becomes text
/// even in native rendering (`{{ 1 }}` is `'1'`).
pub fn is_constant(expression: &Expression) -> bool {
    let both = |pair: &(Expression, Expression)| is_constant(&pair.0) && is_constant(&pair.1);
    let arguments = |arguments: &CallArguments| {
        let named = arguments.named.iter().all(|(_, value)| is_constant(value));
        named
            && arguments.positional.iter().all(is_constant)
            && arguments.star.is_none()
            && arguments.double_star.is_none()
    };
    match &expression.kind {
        Kind::Constant(_) => true,
        Kind::Name(_) | Kind::Call(_) | Kind::Attribute(..) => false,
        Kind::List(items) | Kind::Tuple(items) | Kind::Concat(items) => items.iter().all(is_constant),
        Kind::Dict(pairs) => pairs.iter().all(both),
        Kind::Item(base, index) => is_constant(base) && is_constant(index),
        Kind::Slice(base, parts) => is_constant(base) && parts.iter().flatten().all(is_constant),
        Kind::Filter(base, filter) => {
            !filter.name.starts_with("as_") && is_constant(base) && arguments(&filter.arguments)
        }
        Kind::Test(base, test) => is_constant(base) && arguments(&test.arguments),
        Kind::Negate(inner) | Kind::Positive(inner) | Kind::Not(inner) => is_constant(inner),
        Kind::Binary(_, pair) | Kind::And(pair) | Kind::Or(pair) => both(pair),
        Kind::Compare(first, rest) => is_constant(first) && rest.iter().all(|(_, value)| is_constant(value)),
        Kind::Condition(parts) => {
            is_constant(&parts.0) && is_constant(&parts.1) && parts.2.as_ref().is_none_or(is_constant)
        }
    }
}

fn literal_value(expression: &Expression) -> Option<Value> {
    let all = |items: &[Expression]| items.iter().map(literal_value).collect::<Option<Vec<Value>>>();
    match &expression.kind {
        Kind::Constant(value) => Some(value.clone()),
        Kind::List(items) => all(items).map(values::list),
        Kind::Tuple(items) => all(items).map(values::tuple),
        Kind::Dict(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| Some((literal_value(key)?, literal_value(value)?)));
            pairs.collect::<Option<values::Pairs>>().map(values::dict)
        }
        Kind::Negate(inner) => match Number::of(&literal_value(inner)?)? {
            Number::Integer(number) => Some(values::integer(-number)),
            Number::Float(number) => Some(Value::from(-number)),
        },
        _ => None,
    }
}
