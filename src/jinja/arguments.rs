//! The arguments of one call, and how functions written in Rust take them.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::Kwargs;

use super::values::{Fault, Number, text, type_name};

/// Positional and named arguments, evaluated.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    pub positional: Vec<Value>,
    pub named: Vec<(Arc<str>, Value)>,
}

impl Arguments {
    /// As minijinja passes them: named ones are one last value.
    pub fn from_values(values: &[Value]) -> Self {
        let mut arguments = Arguments::default();
        for value in values {
            if value.is_kwargs() {
                let pairs = super::values::pairs(value).unwrap_or_default();
                arguments.named.extend(pairs.iter().map(|(key, value)| (text(key).into(), value.clone())));
            } else {
                arguments.positional.push(value.clone());
            }
        }
        arguments
    }

    /// As objects written in Rust expect them.
    pub fn into_values(self) -> Vec<Value> {
        let mut values = self.positional;
        if !self.named.is_empty() {
            let named: Kwargs = self.named.iter().map(|(name, value)| (name.as_ref(), value.clone())).collect();
            values.push(Value::from(named));
        }
        values
    }

    /// The arguments under these names, in this order; fails when there are more, or
    /// others, or one twice.
    pub fn bind<const N: usize>(self, function: &str, names: [&str; N]) -> Result<[Option<Value>; N], Fault> {
        if self.positional.len() > N {
            let given = self.positional.len();
            return Err(format!(
                "`{function}` takes at most {N} argument{}, not {given}",
                if N == 1 { "" } else { "s" }
            ));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(index) = names.iter().position(|known| **known == *name) else {
                let known = if N == 0 { "none".to_owned() } else { format!("`{}`", names.join("`, `")) };
                return Err(format!("`{function}` has no argument `{name}` (it has {known})"));
            };
            if bound[index].is_some() {
                return Err(format!("`{function}` got argument `{name}` twice"));
            }
            bound[index] = Some(value);
        }
        Ok(bound)
    }

    pub fn none(self, function: &str) -> Result<(), Fault> {
        self.bind(function, []).map(|[]| ())
    }
}

/// The argument, which must be given.
pub fn required(value: Option<Value>, function: &str, name: &str) -> Result<Value, Fault> {
    value.ok_or_else(|| format!("`{function}` needs its argument `{name}`"))
}

/// A whole number; `None` if it is absent or none.
pub fn integer(value: Option<&Value>, function: &str, name: &str) -> Result<Option<i64>, Fault> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    match Number::of(value) {
        Some(Number::Integer(number)) => {
            i64::try_from(number).map(Some).map_err(|_| format!("argument `{name}` of `{function}` is too large"))
        }
        _ => Err(format!("argument `{name}` of `{function}` must be an integer, not `{}`", type_name(value))),
    }
}

/// A string; `None` if it is absent or none.
pub fn string(value: Option<&Value>, function: &str, name: &str) -> Result<Option<String>, Fault> {
    let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(None) };
    match value.as_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(format!("argument `{name}` of `{function}` must be a string, not `{}`", type_name(value))),
    }
}

/// Whether an optional switch is on.
pub fn truth(value: Option<&Value>, default: bool) -> bool {
    value.map_or(default, Value::is_true)
}
