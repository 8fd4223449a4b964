//! Python's operators on values.

use std::cmp::Ordering;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::syntax::{Comparison, Operator};
use super::values::{self, Fault, Number, Set, type_name};
use super::{datetime, decimal, format};

/// A text or list made by one operation may have this many items.
const MAX_LENGTH: usize = 1 << 28;

/// An arithmetic operator.
pub fn binary(operator: Operator, left: &Value, right: &Value) -> Result<Value, Fault> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return numbers(operator, left, right);
    }
    let result = match operator {
        Operator::Add => add(left, right),
        Operator::Multiply => multiply(left, right),
        Operator::Remainder => left.as_str().map(|text| format::percent(text, right).map(Value::from)),
        Operator::Subtract => difference(left, right),
        _ => None,
    };
    result
        .or_else(|| datetime::arithmetic(operator, left, right))
        .or_else(|| decimal::arithmetic(operator, left, right))
        .or_else(|| with_float(operator, left, right))
        .unwrap_or_else(|| {
            let sign = operator.sign();
            Err(format!("`{sign}` does not work on values of type `{}` and `{}`", type_name(left), type_name(right)))
        })
}

/// A `Decimal` and a float compute as floats.
fn with_float(operator: Operator, left: &Value, right: &Value) -> Option<Result<Value, Fault>> {
    let number = |value: &Value| decimal::float(value).map(Number::Float).or_else(|| Number::of(value));
    Some(numbers(operator, number(left)?, number(right)?))
}

fn numbers(operator: Operator, left: Number, right: Number) -> Result<Value, Fault> {
    if let (Number::Integer(left), Number::Integer(right)) = (left, right)
        && operator != Operator::Divide
    {
        return integers(operator, left, right);
    }
    let (left, right) = (left.float(), right.float());
    if right == 0.0 && matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder) {
        return Err("division by zero".to_owned());
    }
    Ok(Value::from(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::FloorDivide => divided(left, right).0,
        Operator::Remainder => divided(left, right).1,
        Operator::Power => left.powf(right),
    }))
}

/// Python's `divmod` of floats: the quotient follows the rest, which is exact.
fn divided(left: f64, right: f64) -> (f64, f64) {
    let mut rest = left % right;
    let mut quotient = (left - rest) / right;
    if rest == 0.0 {
        rest = 0.0_f64.copysign(right);
    } else if (right < 0.0) != (rest < 0.0) {
        rest += right;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(left / right), rest);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, rest)
}

fn integers(operator: Operator, left: i128, right: i128) -> Result<Value, Fault> {
    if right == 0 && matches!(operator, Operator::FloorDivide | Operator::Remainder) {
        return Err("division by zero".to_owned());
    }
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::FloorDivide => left
            .checked_div(right)
            .map(|quotient| if left % right != 0 && (left < 0) != (right < 0) { quotient - 1 } else { quotient }),
        Operator::Remainder => {
            left.checked_rem(right).map(|rest| if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
        }
        Operator::Power if right < 0 => {
            return Ok(Value::from(Number::Integer(left).float().powf(Number::Integer(right).float())));
        }
        Operator::Power => u32::try_from(right).ok().and_then(|exponent| left.checked_pow(exponent)),
        Operator::Divide => None,
    };
    result.map(values::integer).ok_or_else(|| format!("`{left} {} {right}` is too large a number", operator.sign()))
}

fn is_sequence(value: &Value) -> bool {
    value.kind() == ValueKind::Seq
}

fn add(left: &Value, right: &Value) -> Option<Result<Value, Fault>> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        if left.len() + right.len() > MAX_LENGTH {
            return Some(Err("the text is too large".to_owned()));
        }
        return Some(Ok(Value::from([left, right].concat())));
    }
    if !is_sequence(left) || !is_sequence(right) || values::is_tuple(left) != values::is_tuple(right) {
        return None;
    }
    Some(both(left, right).map(|items| if values::is_tuple(left) { values::tuple(items) } else { values::list(items) }))
}

fn both(left: &Value, right: &Value) -> Result<Vec<Value>, Fault> {
    let mut items = values::items(left)?;
    items.extend(values::items(right)?);
    if items.len() > MAX_LENGTH {
        return Err("the list is too large".to_owned());
    }
    Ok(items)
}

fn multiply(left: &Value, right: &Value) -> Option<Result<Value, Fault>> {
    let (value, times) = match (Number::of(left), Number::of(right)) {
        (None, Some(Number::Integer(times))) => (left, times),
        (Some(Number::Integer(times)), None) => (right, times),
        _ => return None,
    };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    let too_large = |length: usize| length.checked_mul(times).is_none_or(|length| length > MAX_LENGTH);
    if let Some(text) = value.as_str() {
        if too_large(text.len()) {
            return Some(Err("the text is too large".to_owned()));
        }
        return Some(Ok(Value::from(text.repeat(times))));
    }
    if !is_sequence(value) {
        return None;
    }
    Some(values::items(value).and_then(|items| {
        if too_large(items.len()) {
            return Err("the list is too large".to_owned());
        }
        let repeated = std::iter::repeat_n(items, times).flatten().collect();
        Ok(if values::is_tuple(value) { values::tuple(repeated) } else { values::list(repeated) })
    }))
}

fn difference(left: &Value, right: &Value) -> Option<Result<Value, Fault>> {
    let left = left.downcast_object_ref::<Set>()?;
    let right = right.downcast_object_ref::<Set>()?;
    let removed = right.lock().clone();
    let kept: Vec<Value> = left.lock().iter().filter(|item| !removed.contains(*item)).cloned().collect();
    Some(Ok(values::set(kept)))
}

pub fn negate(value: &Value) -> Result<Value, Fault> {
    match Number::of(value) {
        Some(Number::Integer(number)) => Ok(values::integer(-number)),
        Some(Number::Float(number)) => Ok(Value::from(-number)),
        None => datetime::negate(value)
            .or_else(|| decimal::of(value).map(|number| decimal::decimal(-number)))
            .ok_or_else(|| format!("`-` does not work on a value of type `{}`", type_name(value))),
    }
}

pub fn compare(comparison: Comparison, left: &Value, right: &Value) -> Result<bool, Fault> {
    Ok(match comparison {
        Comparison::Equal => values::equal(left, right),
        Comparison::NotEqual => !values::equal(left, right),
        Comparison::In => values::contains(right, left)?,
        Comparison::NotIn => !values::contains(right, left)?,
        Comparison::Less => order(left, right)? == Ordering::Less,
        Comparison::LessOrEqual => order(left, right)? != Ordering::Greater,
        Comparison::Greater => order(left, right)? == Ordering::Greater,
        Comparison::GreaterOrEqual => order(left, right)? != Ordering::Less,
    })
}

fn order(left: &Value, right: &Value) -> Result<Ordering, Fault> {
    values::compare(left, right)
}

/// `value[start:stop:step]`.
pub fn slice(value: &Value, bounds: &[Option<Value>; 3]) -> Result<Value, Fault> {
    let mut numbers = [None, None, None];
    for (number, bound) in numbers.iter_mut().zip(bounds) {
        *number = match bound.as_ref().filter(|bound| !bound.is_none()) {
            None => None,
            Some(bound) => match Number::of(bound) {
                Some(Number::Integer(bound)) => Some(bound),
                _ => return Err(format!("a slice needs integers, not a value of type `{}`", type_name(bound))),
            },
        };
    }
    let items = match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Iterable => values::items(value)?,
        _ => return Err(format!("a value of type `{}` has no slices", type_name(value))),
    };
    let picked = pick(items, numbers)?;
    Ok(match value.kind() {
        ValueKind::String => Value::from(picked.iter().filter_map(Value::as_str).collect::<String>()),
        _ if values::is_tuple(value) => values::tuple(picked),
        _ => values::list(picked),
    })
}

fn pick(items: Vec<Value>, [start, stop, step]: [Option<i128>; 3]) -> Result<Vec<Value>, Fault> {
    let length = i128::try_from(items.len()).unwrap_or(0);
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err("the step of a slice cannot be zero".to_owned());
    }
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let bound = |given: Option<i128>, default: i128| match given {
        None => default,
        Some(at) if at < 0 => (at.saturating_add(length)).clamp(lowest, highest),
        Some(at) => at.clamp(lowest, highest),
    };
    let (mut at, end) =
        if step > 0 { (bound(start, 0), bound(stop, length)) } else { (bound(start, length - 1), bound(stop, -1)) };
    let mut picked = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
            picked.push(item.clone());
        }
        at = at.saturating_add(step);
    }
    Ok(picked)
}
