//! The classes of `datetime` as values: `datetime.now()`, `date(2020, 1, 1)`,
//! `timedelta(days=3)`.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::moment::{calendar_day, clock};
use super::text::{from_iso, strptime, time_from_iso};
use super::{Date, Delta, Moment, Time, date, delta_of, timedelta};
use crate::jinja::arguments::{Arguments, integer, required};
use crate::jinja::library::Module;
use crate::jinja::methods;
use crate::jinja::render::Stop;
use crate::jinja::timezone::{Zone, zone_argument};
use crate::jinja::values::{Fault, Number, type_name};

/// The value of `modules.datetime`.
pub fn module() -> Value {
    let class = |class: Class| Value::from_object(class);
    Module::value(
        "datetime",
        vec![
            ("datetime", class(Class::Moment)),
            ("date", class(Class::Date)),
            ("time", class(Class::Time)),
            ("timedelta", class(Class::Delta)),
            ("timezone", class(Class::Zone)),
            ("tzinfo", class(Class::Zone)),
            ("MINYEAR", Value::from(1)),
            ("MAXYEAR", Value::from(9999)),
        ],
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Moment,
    Date,
    Time,
    Delta,
    Zone,
}

impl Class {
    /// The functions that [`Object::call_method`] knows.
    fn functions(self) -> &'static [&'static str] {
        match self {
            Class::Moment => &[
                "now",
                "today",
                "utcnow",
                "strptime",
                "fromisoformat",
                "fromisocalendar",
                "fromordinal",
                "combine",
                "fromtimestamp",
                "utcfromtimestamp",
            ],
            Class::Date => &["today", "fromisoformat", "fromisocalendar", "fromordinal", "fromtimestamp"],
            Class::Time => &["fromisoformat"],
            Class::Delta | Class::Zone => &[],
        }
    }
}

impl Object for Class {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let microsecond = delta_of(1).ok()?;
        let last = NaiveDate::from_ymd_opt(9999, 12, 31)?;
        let first = NaiveDate::from_ymd_opt(1, 1, 1)?;
        let last_clock = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999)?;
        let whole = delta_of(86_399_999_999_999_999_999).ok();
        match (self.as_ref(), key.as_str()?) {
            (Class::Moment, "min") => Some(super::naive_datetime(first.into())),
            (Class::Moment, "max") => Some(super::naive_datetime(last.and_time(last_clock))),
            (Class::Date, "min") => Some(date(first)),
            (Class::Date, "max") => Some(date(last)),
            (Class::Date, "resolution") => Some(timedelta(TimeDelta::days(1))),
            (Class::Time, "min") => Some(super::time(NaiveTime::MIN)),
            (Class::Time, "max") => Some(super::time(last_clock)),
            (Class::Delta, "max") => whole.map(timedelta),
            (Class::Delta, "min") => whole.map(|whole| timedelta(-whole)),
            (Class::Moment | Class::Time | Class::Delta, "resolution") => Some(timedelta(microsecond)),
            (Class::Zone, "utc") => Some(Value::from_object(Zone::utc())),
            (class, name) if class.functions().contains(&name) => {
                Some(methods::bound_to(Value::from_dyn_object(self.clone()), name))
            }
            _ => None,
        }
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::from_values(args);
        let made = match self.as_ref() {
            Class::Moment => new_moment(arguments),
            Class::Date => new_date(arguments),
            Class::Time => new_time(arguments),
            Class::Delta => new_delta(arguments),
            Class::Zone => new_zone(arguments),
        };
        made.map_err(|message| Stop::from(message).into_error())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::from_values(args);
        let result = match self.as_ref() {
            Class::Moment => moment_function(method, arguments),
            Class::Date => date_function(method, arguments),
            Class::Time => time_function(method, arguments),
            Class::Delta | Class::Zone => None,
        };
        match result {
            Some(result) => result.map_err(|message| Stop::from(message).into_error()),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.as_ref() {
            Class::Moment => "datetime",
            Class::Date => "date",
            Class::Time => "time",
            Class::Delta => "timedelta",
            Class::Zone => "timezone",
        };
        write!(formatter, "<class 'datetime.{name}'>")
    }
}

fn part(value: Option<&Value>, name: &str, default: Option<u32>) -> Result<u32, Fault> {
    match integer(value, "datetime", name)? {
        Some(number) => u32::try_from(number).map_err(|_| format!("`{name}` is out of range")),
        None => default.ok_or_else(|| format!("a date needs its `{name}`")),
    }
}

fn day(parts: [Option<Value>; 3]) -> Result<NaiveDate, Fault> {
    let [year, month, day] = parts;
    let year = i32::try_from(part(year.as_ref(), "year", None)?).unwrap_or(i32::MAX);
    calendar_day(year, part(month.as_ref(), "month", None)?, part(day.as_ref(), "day", None)?)
}

fn time_of_day(parts: [Option<Value>; 4]) -> Result<NaiveTime, Fault> {
    let [hour, minute, second, microsecond] = parts;
    clock(
        part(hour.as_ref(), "hour", Some(0))?,
        part(minute.as_ref(), "minute", Some(0))?,
        part(second.as_ref(), "second", Some(0))?,
        part(microsecond.as_ref(), "microsecond", Some(0))?,
    )
}

fn optional_zone(value: Option<Value>) -> Result<Option<Zone>, Fault> {
    value.map_or(Ok(None), |value| zone_argument(&value))
}

fn new_moment(arguments: Arguments) -> Result<Value, Fault> {
    let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];
    let [year, month, of_month, hour, minute, second, microsecond, zone, _fold] = arguments.bind("datetime", names)?;
    let naive = day([year, month, of_month])?.and_time(time_of_day([hour, minute, second, microsecond])?);
    let zone = optional_zone(zone)?;
    Ok(Moment { naive, zone }.value())
}

fn new_date(arguments: Arguments) -> Result<Value, Fault> {
    Ok(date(day(arguments.bind("date", ["year", "month", "day"])?)?))
}

fn new_time(arguments: Arguments) -> Result<Value, Fault> {
    let names = ["hour", "minute", "second", "microsecond", "tzinfo"];
    let [hour, minute, second, microsecond, zone] = arguments.bind("time", names)?;
    let naive = time_of_day([hour, minute, second, microsecond])?;
    Ok(Value::from_object(Time { naive, zone: optional_zone(zone)? }))
}

#[expect(clippy::cast_possible_truncation, reason = "Python rounds to microseconds too")]
fn new_delta(arguments: Arguments) -> Result<Value, Fault> {
    const UNITS: [(&str, i128); 7] = [
        ("days", 86_400_000_000),
        ("seconds", 1_000_000),
        ("microseconds", 1),
        ("milliseconds", 1_000),
        ("minutes", 60_000_000),
        ("hours", 3_600_000_000),
        ("weeks", 604_800_000_000),
    ];
    let parts = arguments.bind("timedelta", UNITS.map(|(name, _)| name))?;
    let mut total = 0_i128;
    for (value, (name, unit)) in parts.iter().zip(UNITS) {
        let Some(value) = value else { continue };
        let amount = match Number::of(value) {
            Some(Number::Integer(number)) => number.checked_mul(unit),
            Some(Number::Float(number)) => Some((number * Number::Integer(unit).float()).round_ties_even() as i128),
            None => return Err(format!("`{name}` of a `timedelta` must be a number, not `{}`", type_name(value))),
        };
        total = amount.and_then(|amount| total.checked_add(amount)).ok_or("the span of time is too large")?;
    }
    delta_of(total).map(timedelta)
}

fn new_zone(arguments: Arguments) -> Result<Value, Fault> {
    let [offset, _name] = arguments.bind("timezone", ["offset", "name"])?;
    let offset = required(offset, "timezone", "offset")?;
    let Some(delta) = offset.downcast_object_ref::<Delta>() else {
        return Err("`timezone` needs a `timedelta`".to_owned());
    };
    let seconds = i32::try_from(delta.0.num_seconds()).ok();
    let offset = seconds.and_then(chrono::FixedOffset::east_opt).ok_or("the offset is out of range")?;
    Ok(Value::from_object(Zone::fixed_or_utc(offset)))
}

fn now(zone: Option<Zone>) -> Value {
    match zone {
        Some(zone) => {
            let utc = Utc::now().naive_utc();
            let zone = zone.at_utc(utc);
            Moment { naive: utc.checked_add_offset(zone.offset()).unwrap_or(utc), zone: Some(zone) }.value()
        }
        None => Moment { naive: Local::now().naive_local(), zone: None }.value(),
    }
}

/// Seconds since 1970, in UTC.
#[expect(clippy::cast_possible_truncation, reason = "Python rounds to microseconds too")]
fn instant(value: &Value) -> Result<NaiveDateTime, Fault> {
    let seconds = Number::of(value).map(Number::float).ok_or("a timestamp must be a number")?;
    DateTime::from_timestamp_micros((seconds * 1e6).round_ties_even() as i64)
        .map(|moment| moment.naive_utc())
        .ok_or_else(|| "the timestamp is out of range".to_owned())
}

fn moment_function(name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
    Some(match name {
        "now" => arguments.bind(name, ["tz"]).and_then(|[zone]| optional_zone(zone)).map(now),
        "today" => arguments.none(name).map(|()| now(None)),
        "utcnow" => arguments.none(name).map(|()| super::naive_datetime(Utc::now().naive_utc())),
        "strptime" => arguments.bind(name, ["date_string", "format"]).and_then(|[text, format]| {
            let (text, format) = (required(text, name, "date_string")?, required(format, name, "format")?);
            let (Some(text), Some(format)) = (text.as_str(), format.as_str()) else {
                return Err("`strptime` needs two strings".to_owned());
            };
            strptime(text, format).map(|(naive, zone)| Moment { naive, zone }.value())
        }),
        "fromisoformat" => arguments.bind(name, ["date_string"]).and_then(|[text]| {
            let text = required(text, name, "date_string")?;
            let text = text.as_str().ok_or("`fromisoformat` needs a string")?;
            from_iso(text).map(|(naive, zone)| Moment { naive, zone }.value())
        }),
        "fromisocalendar" => week_day(arguments).map(|day| super::naive_datetime(day.into())),
        "fromordinal" => ordinal_day(arguments).map(|day| super::naive_datetime(day.into())),
        "combine" => arguments.bind(name, ["date", "time", "tzinfo"]).and_then(combine),
        "fromtimestamp" => arguments.bind(name, ["timestamp", "tz"]).and_then(|[timestamp, zone]| {
            let utc = instant(&required(timestamp, name, "timestamp")?)?;
            let given = optional_zone(zone)?;
            let zone = given.as_ref().map_or_else(|| Zone::local_at(utc), |zone| zone.at_utc(utc));
            let naive = utc.checked_add_offset(zone.offset()).unwrap_or(utc);
            Ok(Moment { naive, zone: given.map(|_| zone) }.value())
        }),
        "utcfromtimestamp" => arguments
            .bind(name, ["timestamp"])
            .and_then(|[timestamp]| instant(&required(timestamp, name, "timestamp")?))
            .map(super::naive_datetime),
        _ => return None,
    })
}

/// The arguments of `fromordinal`.
fn ordinal_day(arguments: Arguments) -> Result<NaiveDate, Fault> {
    let [ordinal] = arguments.bind("fromordinal", ["ordinal"])?;
    let ordinal = integer(ordinal.as_ref(), "fromordinal", "ordinal")?.and_then(|days| i32::try_from(days).ok());
    let day = ordinal.and_then(NaiveDate::from_num_days_from_ce_opt);
    day.ok_or_else(|| "the ordinal is out of range".to_owned())
}

/// The arguments of `fromisocalendar`: a year, a week of it, and a day of that from Monday, which is 1.
fn week_day(arguments: Arguments) -> Result<NaiveDate, Fault> {
    let [year, week, day] = arguments.bind("fromisocalendar", ["year", "week", "day"])?;
    let year = i32::try_from(part(year.as_ref(), "year", None)?).unwrap_or(i32::MAX);
    let (week, day) = (part(week.as_ref(), "week", None)?, part(day.as_ref(), "day", None)?);
    let weekday = u8::try_from(day).ok().and_then(|day| Weekday::try_from(day.checked_sub(1)?).ok());
    weekday
        .and_then(|weekday| NaiveDate::from_isoywd_opt(year, week, weekday))
        .ok_or_else(|| format!("there is no day {day} of week {week} in {year}"))
}

fn combine([day, clock, zone]: [Option<Value>; 3]) -> Result<Value, Fault> {
    let day = required(day, "combine", "date")?;
    let clock = required(clock, "combine", "time")?;
    let day = match (day.downcast_object_ref::<Date>(), day.downcast_object_ref::<Moment>()) {
        (Some(day), _) => day.0,
        (None, Some(moment)) => moment.naive.date(),
        _ => return Err("`combine` needs a date".to_owned()),
    };
    let clock = clock.downcast_object_ref::<Time>().ok_or("`combine` needs a time")?;
    let naive = day.and_time(clock.naive);
    let zone = optional_zone(zone)?.or_else(|| clock.zone.clone());
    Ok(Moment { naive, zone }.value())
}

fn date_function(name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
    Some(match name {
        "today" => arguments.none(name).map(|()| date(Local::now().date_naive())),
        "fromisoformat" => arguments.bind(name, ["date_string"]).and_then(|[text]| {
            let text = required(text, name, "date_string")?;
            let text = text.as_str().ok_or("`fromisoformat` needs a string")?;
            let invalid = || format!("`{text}` is not a date in ISO 8601 form");
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .or_else(|_| NaiveDate::parse_from_str(text, "%Y%m%d"))
                .map(date)
                .map_err(|_| invalid())
        }),
        "fromtimestamp" => arguments.bind(name, ["timestamp"]).and_then(|[timestamp]| {
            let utc = instant(&required(timestamp, name, "timestamp")?)?;
            let local = utc.checked_add_offset(Zone::local_at(utc).offset()).unwrap_or(utc);
            Ok(date(local.date()))
        }),
        "fromisocalendar" => week_day(arguments).map(date),
        "fromordinal" => ordinal_day(arguments).map(date),
        _ => return None,
    })
}

fn time_function(name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
    (name == "fromisoformat").then(|| {
        let [text] = arguments.bind(name, ["time_string"])?;
        let text = required(text, name, "time_string")?;
        let text = text.as_str().ok_or("`fromisoformat` needs a string")?;
        time_from_iso(text).map(|(naive, zone)| Value::from_object(Time { naive, zone }))
    })
}
