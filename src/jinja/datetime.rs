//! Python's `datetime`.

use std::cmp::Ordering;

use minijinja::Value;

use super::syntax::Operator;
use super::values::Fault;

pub fn type_name(_value: &Value) -> Option<&'static str> {
    None
}

pub fn representation(_value: &Value) -> Option<String> {
    None
}

pub fn compare(_left: &Value, _right: &Value) -> Option<Option<Ordering>> {
    None
}

pub fn arithmetic(_operator: Operator, _left: &Value, _right: &Value) -> Option<Result<Value, Fault>> {
    None
}

pub fn negate(_value: &Value) -> Option<Value> {
    None
}

pub fn formatted(_value: &Value, _spec: &str) -> Option<Result<String, Fault>> {
    None
}
