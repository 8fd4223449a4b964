//! dbt's filters for native rendering: `as_bool`, `as_number`, `as_native`, `as_text`
//! (docs.getdbt.com/reference/dbt-jinja-functions/as_native).

use minijinja::Value;
use minijinja::value::ValueKind;

use super::parser;
use super::syntax::{Expression, Kind, Node};
use super::values::{self, Fault, Number, representation};
use crate::diagnostic::SourceFile;

/// Applies the conversion that a filter's name asks for; other names change nothing.
pub fn convert(filter: &str, value: &Value) -> Result<Value, Fault> {
    match filter {
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

/// A string read as a literal of Python (`ast.literal_eval`); others stay as they are.
fn literal(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let wrapped = SourceFile::new("literal", format!("{{{{ {text} }}}}"));
    let parsed = parser::parse(&wrapped, 0..wrapped.text.len());
    let found = parsed.ok().and_then(|template| match template.body.as_slice() {
        [Node::Print(expression)] => literal_value(expression),
        _ => None,
    });
    found.unwrap_or_else(|| value.clone())
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
