//! Python's `Decimal`, as numbers with a scale come out of a warehouse.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use super::syntax::Operator;
use super::values::{Fault, Number};

/// A decimal number; prints with the digits it was made with (`1.10`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub rust_decimal::Decimal);

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Decimal('{}')", self.0)
    }
}

impl Object for Decimal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.is_zero()
    }

    fn custom_cmp(self: &Arc<Self>, other: &minijinja::value::DynObject) -> Option<Ordering> {
        other.downcast_ref::<Decimal>().map(|other| self.0.cmp(&other.0))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// The value of a decimal cell.
pub fn decimal(number: rust_decimal::Decimal) -> Value {
    Value::from_object(Decimal(number))
}

/// The exact decimal of a `Decimal` or an integer.
pub fn of(value: &Value) -> Option<rust_decimal::Decimal> {
    if let Some(decimal) = value.downcast_object_ref::<Decimal>() {
        return Some(decimal.0);
    }
    match Number::of(value)? {
        Number::Integer(number) => rust_decimal::Decimal::try_from_i128_with_scale(number, 0).ok(),
        Number::Float(_) => None,
    }
}

/// As a float, for computing with floats and for `| float`.
pub fn float(value: &Value) -> Option<f64> {
    value.downcast_object_ref::<Decimal>().and_then(|decimal| f64::try_from(decimal.0).ok())
}

/// The order of two numbers of which one is a `Decimal`; `None` if none is.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    if float(left).is_none() && float(right).is_none() {
        return None;
    }
    if let (Some(left), Some(right)) = (of(left), of(right)) {
        return Some(left.cmp(&right));
    }
    let number = |value: &Value| float(value).or_else(|| Number::of(value).map(Number::float));
    number(left)?.partial_cmp(&number(right)?)
}

/// Arithmetic of two numbers of which one is a `Decimal`; `None` if none is.
pub fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Option<Result<Value, Fault>> {
    if float(left).is_none() && float(right).is_none() {
        return None;
    }
    let (left, right) = (of(left)?, of(right)?);
    let whole = |quotient: rust_decimal::Decimal| quotient.trunc();
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => left.checked_div(right),
        Operator::FloorDivide => left.checked_div(right).map(whole),
        Operator::Remainder => left.checked_rem(right),
        Operator::Power => u32::try_from(right).ok().and_then(|exponent| {
            (0..exponent).try_fold(rust_decimal::Decimal::ONE, |product, _| product.checked_mul(left))
        }),
    };
    let sign = operator.sign();
    Some(result.map(decimal).ok_or_else(|| format!("cannot compute `{left} {sign} {right}`")))
}
