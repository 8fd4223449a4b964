//! Jinja's tests, what stands after `is`.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::arguments::{Arguments, required};
use super::methods::BoundMethod;
use super::syntax::Comparison;
use super::values::{self, Fault, Number};
use super::{filters, interpreter, library, macros, operators};

pub type Test = fn(&Value, Arguments) -> Result<bool, Fault>;

const TESTS: [(&str, Test); 40] = [
    ("!=", |value, arguments| compare(Comparison::NotEqual, value, arguments)),
    ("<", |value, arguments| compare(Comparison::Less, value, arguments)),
    ("<=", |value, arguments| compare(Comparison::LessOrEqual, value, arguments)),
    ("==", |value, arguments| compare(Comparison::Equal, value, arguments)),
    (">", |value, arguments| compare(Comparison::Greater, value, arguments)),
    (">=", |value, arguments| compare(Comparison::GreaterOrEqual, value, arguments)),
    ("boolean", |value, _| Ok(value.kind() == ValueKind::Bool)),
    ("callable", |value, _| Ok(is_callable(value))),
    ("defined", |value, _| Ok(!value.is_undefined())),
    ("divisibleby", divisible_by),
    ("eq", |value, arguments| compare(Comparison::Equal, value, arguments)),
    ("equalto", |value, arguments| compare(Comparison::Equal, value, arguments)),
    ("escaped", |value, _| Ok(value.is_safe())),
    ("even", |value, _| Ok(remainder(value, 2)? == 0)),
    ("false", |value, _| Ok(value.kind() == ValueKind::Bool && !value.is_true())),
    ("filter", |value, _| Ok(value.as_str().is_some_and(|name| filters::find(name).is_some()))),
    ("float", |value, _| Ok(value.kind() == ValueKind::Number && !value.is_integer())),
    ("ge", |value, arguments| compare(Comparison::GreaterOrEqual, value, arguments)),
    ("greaterthan", |value, arguments| compare(Comparison::Greater, value, arguments)),
    ("gt", |value, arguments| compare(Comparison::Greater, value, arguments)),
    ("in", |value, arguments| compare(Comparison::In, value, arguments)),
    ("integer", |value, _| Ok(value.is_integer())),
    ("iterable", |value, _| Ok(is_iterable(value))),
    ("le", |value, arguments| compare(Comparison::LessOrEqual, value, arguments)),
    ("lessthan", |value, arguments| compare(Comparison::Less, value, arguments)),
    ("list", |value, _| Ok(value.kind() == ValueKind::Seq && !values::is_tuple(value))),
    ("lower", |value, _| Ok(is_case(value, char::is_lowercase, char::is_uppercase))),
    ("lt", |value, arguments| compare(Comparison::Less, value, arguments)),
    ("mapping", |value, _| Ok(value.kind() == ValueKind::Map)),
    ("ne", |value, arguments| compare(Comparison::NotEqual, value, arguments)),
    ("none", |value, _| Ok(value.is_none())),
    ("number", |value, _| Ok(Number::of(value).is_some() || super::decimal::float(value).is_some())),
    ("odd", |value, _| Ok(remainder(value, 2)? != 0)),
    ("sameas", same_as),
    ("sequence", |value, _| Ok(is_sequence(value))),
    ("string", |value, _| Ok(value.kind() == ValueKind::String)),
    ("test", |value, _| Ok(value.as_str().is_some_and(|name| find(name).is_some()))),
    ("true", |value, _| Ok(value.kind() == ValueKind::Bool && value.is_true())),
    ("undefined", |value, _| Ok(value.is_undefined())),
    ("upper", |value, _| Ok(is_case(value, char::is_uppercase, char::is_lowercase))),
];

/// The test of that name.
pub fn find(name: &str) -> Option<Test> {
    TESTS.iter().find(|(known, _)| *known == name).map(|(_, test)| *test)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    TESTS.iter().map(|(name, _)| *name)
}

fn compare(comparison: Comparison, value: &Value, arguments: Arguments) -> Result<bool, Fault> {
    let [other] = arguments.bind("test", ["other"])?;
    operators::compare(comparison, value, &required(other, "test", "other")?)
}

fn remainder(value: &Value, divisor: i128) -> Result<i128, Fault> {
    match Number::of(value) {
        Some(Number::Integer(number)) => Ok(number.rem_euclid(divisor)),
        _ => Err(format!("the test needs an integer, not a value of type `{}`", values::type_name(value))),
    }
}

fn divisible_by(value: &Value, arguments: Arguments) -> Result<bool, Fault> {
    let [divisor] = arguments.bind("divisibleby", ["num"])?;
    match Number::of(&required(divisor, "divisibleby", "num")?) {
        Some(Number::Integer(divisor)) if divisor != 0 => Ok(remainder(value, divisor.abs())? == 0),
        _ => Err("the test `divisibleby` needs an integer that is not zero".to_owned()),
    }
}

fn same_as(value: &Value, arguments: Arguments) -> Result<bool, Fault> {
    let [other] = arguments.bind("sameas", ["other"])?;
    let other = required(other, "sameas", "other")?;
    Ok(match (value.as_object(), other.as_object()) {
        (Some(_), Some(_)) => same_address(value, &other),
        (None, None) => value.kind() == other.kind() && values::equal(value, &other),
        _ => false,
    })
}

/// Whether two values share one object.
fn same_address(left: &Value, right: &Value) -> bool {
    fn address<T: 'static>(value: &Value) -> Option<*const T> {
        value.downcast_object_ref::<T>().map(std::ptr::from_ref)
    }
    fn same<T: 'static>(left: &Value, right: &Value) -> bool {
        address::<T>(left).is_some() && address::<T>(left) == address::<T>(right)
    }
    same::<values::List>(left, right)
        || same::<values::Dict>(left, right)
        || same::<values::Set>(left, right)
        || same::<macros::MacroEntry>(left, right)
}

fn is_callable(value: &Value) -> bool {
    let Some(object) = value.as_object() else { return false };
    object.downcast_ref::<macros::MacroEntry>().is_some()
        || object.downcast_ref::<interpreter::Closure>().is_some()
        || object.downcast_ref::<library::Builtin>().is_some()
        || object.downcast_ref::<BoundMethod>().is_some()
        || (value.kind() == ValueKind::Plain && !is_plain_data(value))
}

/// Objects without methods to call them, such as dates.
fn is_plain_data(value: &Value) -> bool {
    super::datetime::type_name(value).is_some() || value.downcast_object_ref::<super::decimal::Decimal>().is_some()
}

fn is_iterable(value: &Value) -> bool {
    match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Undefined => true,
        _ => value.as_object().is_some_and(|object| object.try_iter().is_some()),
    }
}

fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Undefined)
}

fn is_case(value: &Value, wanted: fn(char) -> bool, other: fn(char) -> bool) -> bool {
    let text = values::text(value);
    text.chars().any(wanted) && !text.chars().any(other)
}
