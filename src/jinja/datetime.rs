//! Python's `datetime` module: `date`, `time`, `datetime`, `timedelta`, `tzinfo`.
//!
//! Zones are pytz's ([`super::timezone`]): a moment carries its zone and the offset that
//! holds there, and arithmetic keeps that offset, as pytz has it.

mod class;
mod moment;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::Arguments;
use super::render::Stop;
use super::syntax::Operator;
use super::timezone::Zone;
use super::values::{self, Fault, Number};

pub use class::module;
pub use text::strftime;

/// A `datetime.datetime`; without a zone it is naive.
#[derive(Clone, PartialEq, Eq)]
pub struct Moment {
    pub naive: NaiveDateTime,
    pub zone: Option<Zone>,
}

/// A `datetime.date`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A `datetime.time`.
#[derive(Clone, PartialEq, Eq)]
pub struct Time {
    pub naive: NaiveTime,
    pub zone: Option<Zone>,
}

/// A `datetime.timedelta`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Delta(pub TimeDelta);

/// A naive `datetime`.
pub fn naive_datetime(naive: NaiveDateTime) -> Value {
    Value::from_object(Moment { naive, zone: None })
}

/// A `datetime` with an offset.
pub fn datetime(moment: DateTime<FixedOffset>) -> Value {
    let zone = if moment.offset().local_minus_utc() == 0 { Zone::utc() } else { Zone::fixed(*moment.offset()) };
    Value::from_object(Moment { naive: moment.naive_local(), zone: Some(zone) })
}

/// A `datetime` in UTC, as `run_started_at` is.
pub fn utc_datetime(moment: DateTime<Utc>) -> Value {
    Value::from_object(Moment { naive: moment.naive_utc(), zone: Some(Zone::utc()) })
}

/// How JSON has a date or a `datetime`: `2020-01-01T00:00:00`; `None` for other values.
pub fn iso(value: &Value) -> Option<String> {
    let is_one = value.downcast_object_ref::<Moment>().is_some() || value.downcast_object_ref::<Date>().is_some();
    is_one.then(|| value.to_string().replacen(' ', "T", 1))
}

/// The `datetime` that a text in ISO 8601 form tells.
pub fn from_iso(text: &str) -> Option<Value> {
    text::from_iso(text).ok().map(|(naive, zone)| Moment { naive, zone }.value())
}

pub fn date(date: NaiveDate) -> Value {
    Value::from_object(Date(date))
}

pub fn time(naive: NaiveTime) -> Value {
    Value::from_object(Time { naive, zone: None })
}

pub fn timedelta(delta: TimeDelta) -> Value {
    Value::from_object(Delta(delta))
}

impl Moment {
    fn utc(&self) -> Option<NaiveDateTime> {
        let offset = self.zone.as_ref()?.offset();
        self.naive.checked_sub_offset(offset)
    }

    fn value(self) -> Value {
        Value::from_object(self)
    }
}

fn microseconds(delta: TimeDelta) -> i128 {
    i128::from(delta.num_seconds()) * 1_000_000 + i128::from(delta.subsec_nanos() / 1_000)
}

/// A span of time from microseconds, if Python can hold it.
fn delta_of(microseconds: i128) -> Result<TimeDelta, Fault> {
    let seconds = i64::try_from(microseconds.div_euclid(1_000_000)).ok();
    let rest = u32::try_from(microseconds.rem_euclid(1_000_000)).unwrap_or(0) * 1_000;
    seconds
        .filter(|seconds| seconds.abs() < 86_400_000_000_000)
        .and_then(|seconds| TimeDelta::new(seconds, rest))
        .ok_or_else(|| "the span of time is too large".to_owned())
}

macro_rules! value_object {
    ($type:ty) => {
        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.representation())
            }
        }

        impl Object for $type {
            fn repr(self: &Arc<Self>) -> ObjectRepr {
                ObjectRepr::Plain
            }

            fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
                self.attribute(key.as_str()?)
            }

            fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
                self.attribute(key)
            }

            fn is_true(self: &Arc<Self>) -> bool {
                self.truth()
            }

            fn call_method(
                self: &Arc<Self>,
                _state: &mut State<'_, '_>,
                method: &str,
                args: &[Value],
            ) -> Result<Value, Error> {
                match self.method(method, Arguments::from_values(args)) {
                    Some(result) => result.map_err(|message| Stop::from(message).into_error()),
                    None => Err(Error::from(ErrorKind::UnknownMethod)),
                }
            }

            fn custom_cmp(self: &Arc<Self>, other: &minijinja::value::DynObject) -> Option<Ordering> {
                other.downcast_ref::<$type>().and_then(|other| self.order(other))
            }

            fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.text())
            }
        }
    };
}

value_object!(Moment);
value_object!(Date);
value_object!(Time);
value_object!(Delta);

impl Delta {
    fn truth(self) -> bool {
        !self.0.is_zero()
    }

    fn order(self, other: &Delta) -> Option<Ordering> {
        Some(self.0.cmp(&other.0))
    }

    /// Days, seconds and microseconds, of which only the days may be negative.
    fn parts(self) -> (i128, i128, i128) {
        let all = microseconds(self.0);
        let (seconds, microseconds) = (all.div_euclid(1_000_000), all.rem_euclid(1_000_000));
        (seconds.div_euclid(86_400), seconds.rem_euclid(86_400), microseconds)
    }

    fn text(self) -> String {
        let (days, seconds, microseconds) = self.parts();
        let plural = if days.abs() == 1 { "" } else { "s" };
        let days = if days == 0 { String::new() } else { format!("{days} day{plural}, ") };
        let fraction = if microseconds == 0 { String::new() } else { format!(".{microseconds:06}") };
        format!("{days}{}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    fn representation(self) -> String {
        let (days, seconds, microseconds) = self.parts();
        let parts: Vec<String> = [("days", days), ("seconds", seconds), ("microseconds", microseconds)]
            .into_iter()
            .filter(|(_, number)| *number != 0)
            .map(|(name, number)| format!("{name}={number}"))
            .collect();
        let parts = if parts.is_empty() { "0".to_owned() } else { parts.join(", ") };
        format!("datetime.timedelta({parts})")
    }

    fn attribute(self, name: &str) -> Option<Value> {
        let (days, seconds, microseconds) = self.parts();
        match name {
            "days" => Some(values::integer(days)),
            "seconds" => Some(values::integer(seconds)),
            "microseconds" => Some(values::integer(microseconds)),
            _ => None,
        }
    }

    fn method(self, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
        #[expect(clippy::cast_precision_loss, reason = "Python gives a float too")]
        let seconds = || Value::from(microseconds(self.0) as f64 / 1e6);
        (name == "total_seconds").then(|| arguments.none(name).map(|()| seconds()))
    }
}

/// Python's name of a value's type, if it is one of this module.
pub fn type_name(value: &Value) -> Option<&'static str> {
    let object = value.as_object()?;
    if object.downcast_ref::<Moment>().is_some() {
        Some("datetime.datetime")
    } else if object.downcast_ref::<Date>().is_some() {
        Some("datetime.date")
    } else if object.downcast_ref::<Time>().is_some() {
        Some("datetime.time")
    } else if object.downcast_ref::<Delta>().is_some() {
        Some("datetime.timedelta")
    } else {
        None
    }
}

pub fn representation(value: &Value) -> Option<String> {
    if let Some(zone) = value.downcast_object_ref::<Zone>() {
        return Some(zone.representation());
    }
    type_name(value)?;
    value.as_object().map(|object| format!("{object:?}"))
}

/// The order of two values of this module; the inner `None` means that they have none.
pub fn compare(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    let kind = type_name(left)?;
    if type_name(right)? != kind {
        return Some(None);
    }
    let order = match kind {
        "datetime.datetime" => left.downcast_object_ref::<Moment>()?.order(right.downcast_object_ref::<Moment>()?),
        "datetime.date" => left.downcast_object_ref::<Date>()?.order(right.downcast_object_ref::<Date>()?),
        "datetime.time" => left.downcast_object_ref::<Time>()?.order(right.downcast_object_ref::<Time>()?),
        _ => left.downcast_object_ref::<Delta>()?.order(right.downcast_object_ref::<Delta>()?),
    };
    Some(order)
}

/// Arithmetic of which one side is a value of this module; `None` if none is, or if
/// Python has no such operation.
pub fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Option<Result<Value, Fault>> {
    let deltas = (left.downcast_object_ref::<Delta>(), right.downcast_object_ref::<Delta>());
    match (operator, deltas) {
        (Operator::Add, (Some(left), Some(right))) => sum(left.0.checked_add(&right.0)),
        (Operator::Subtract, (Some(left), Some(right))) => sum(left.0.checked_sub(&right.0)),
        (Operator::Add, (None, Some(delta))) => shifted(left, delta.0),
        (Operator::Add, (Some(delta), None)) => shifted(right, delta.0),
        (Operator::Subtract, (None, Some(delta))) => shifted(left, -delta.0),
        (Operator::Subtract, (None, None)) => difference(left, right),
        (Operator::Multiply, (Some(delta), None)) => scaled(*delta, right, |delta, factor| delta * factor),
        (Operator::Multiply, (None, Some(delta))) => scaled(*delta, left, |delta, factor| delta * factor),
        (Operator::Divide, (Some(delta), None)) => scaled(*delta, right, |delta, factor| delta / factor),
        (Operator::FloorDivide, (Some(delta), None)) => scaled(*delta, right, |delta, factor| (delta / factor).floor()),
        (Operator::Divide | Operator::FloorDivide | Operator::Remainder, (Some(left), Some(right))) => {
            Some(ratio(operator, *left, *right))
        }
        _ => None,
    }
}

fn sum(result: Option<TimeDelta>) -> Option<Result<Value, Fault>> {
    Some(result.map(timedelta).ok_or_else(|| "the span of time is too large".to_owned()))
}

fn shifted(value: &Value, delta: TimeDelta) -> Option<Result<Value, Fault>> {
    let late = || "the date is out of range".to_owned();
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        let naive = moment.naive.checked_add_signed(delta).filter(|naive| (1..=9999).contains(&naive.year()));
        return Some(naive.map(|naive| Moment { naive, zone: moment.zone.clone() }.value()).ok_or_else(late));
    }
    let day = value.downcast_object_ref::<Date>()?;
    let days = TimeDelta::days(delta.num_seconds().div_euclid(86_400));
    let shifted = day.0.checked_add_signed(days).filter(|day| (1..=9999).contains(&day.year()));
    Some(shifted.map(date).ok_or_else(late))
}

fn difference(left: &Value, right: &Value) -> Option<Result<Value, Fault>> {
    if let (Some(left), Some(right)) = (left.downcast_object_ref::<Moment>(), right.downcast_object_ref::<Moment>()) {
        return Some(match (left.utc(), right.utc()) {
            (Some(left), Some(right)) => Ok(timedelta(left - right)),
            (None, None) => Ok(timedelta(left.naive - right.naive)),
            _ => Err("a `datetime` with a time zone and one without cannot be subtracted".to_owned()),
        });
    }
    let (left, right) = (left.downcast_object_ref::<Date>()?, right.downcast_object_ref::<Date>()?);
    Some(Ok(timedelta(left.0 - right.0)))
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "Python rounds the same way")]
fn scaled(delta: Delta, factor: &Value, scale: fn(f64, f64) -> f64) -> Option<Result<Value, Fault>> {
    let all = microseconds(delta.0);
    let scaled = match Number::of(factor)? {
        Number::Integer(0) | Number::Float(0.0) if !scale(1.0, 0.0).is_finite() => {
            return Some(Err("division by zero".to_owned()));
        }
        Number::Integer(factor) if (scale(3.0, 2.0) - 6.0).abs() < f64::EPSILON => all.checked_mul(factor)?,
        number => scale(all as f64, number.float()).round_ties_even() as i128,
    };
    Some(delta_of(scaled).map(timedelta))
}

#[expect(clippy::cast_precision_loss, reason = "Python gives a float too")]
fn ratio(operator: Operator, left: Delta, right: Delta) -> Result<Value, Fault> {
    let (left, right) = (microseconds(left.0), microseconds(right.0));
    if right == 0 {
        return Err("division by zero".to_owned());
    }
    let floor = left.div_euclid(right) - i128::from(right < 0 && left.rem_euclid(right) != 0);
    match operator {
        Operator::Divide => Ok(Value::from(left as f64 / right as f64)),
        Operator::FloorDivide => Ok(values::integer(floor)),
        _ => delta_of(left - floor * right).map(timedelta),
    }
}

pub fn negate(value: &Value) -> Option<Value> {
    value.downcast_object_ref::<Delta>().map(|delta| timedelta(-delta.0))
}

/// `format(value, spec)`: `strftime` for dates.
pub fn formatted(value: &Value, spec: &str) -> Option<Result<String, Fault>> {
    let object = value.as_object()?;
    if let Some(moment) = object.downcast_ref::<Moment>() {
        return Some(strftime(spec, moment.naive, moment.zone.as_ref()));
    }
    if let Some(date) = object.downcast_ref::<Date>() {
        return Some(strftime(spec, date.0.into(), None));
    }
    let time = object.downcast_ref::<Time>()?;
    let naive = NaiveDate::from_ymd_opt(1900, 1, 1)?.and_time(time.naive);
    Some(strftime(spec, naive, time.zone.as_ref()))
}

fn number(number: impl Into<i64>) -> Value {
    Value::from(number.into())
}

/// Hours to microseconds of a time of day, as attributes.
fn clock_attribute(time: NaiveTime, name: &str) -> Option<Value> {
    match name {
        "hour" => Some(number(time.hour())),
        "minute" => Some(number(time.minute())),
        "second" => Some(number(time.second())),
        "microsecond" => Some(number(time.nanosecond() % 1_000_000_000 / 1_000)),
        _ => None,
    }
}

/// Years to days, as attributes.
fn calendar_attribute(date: NaiveDate, name: &str) -> Option<Value> {
    match name {
        "year" => Some(number(date.year())),
        "month" => Some(number(date.month())),
        "day" => Some(number(date.day())),
        _ => None,
    }
}

fn zone_attribute(zone: Option<&Zone>) -> Value {
    zone.map_or_else(values::none, |zone| Value::from_object(zone.clone()))
}
