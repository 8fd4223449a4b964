//! The attributes and methods of `datetime`, `date` and `time` values.

use std::cmp::Ordering;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use minijinja::Value;

use super::text::{clock_text, offset_text, strftime};
use super::{Date, Moment, Time, calendar_attribute, clock_attribute, date, number, timedelta, zone_attribute};
use crate::jinja::arguments::{Arguments, integer, required, string};
use crate::jinja::named_tuple;
use crate::jinja::timezone::{Zone, zone_argument};
use crate::jinja::values::{self, Fault};

impl Moment {
    pub(super) fn truth(&self) -> bool {
        true
    }

    pub(super) fn order(&self, other: &Moment) -> Option<Ordering> {
        match (self.utc(), other.utc()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            (None, None) => Some(self.naive.cmp(&other.naive)),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> String {
        self.iso(' ', "auto")
    }

    fn iso(&self, separator: char, precision: &str) -> String {
        let offset = self.zone.as_ref().map(|zone| offset_text(zone.offset(), true)).unwrap_or_default();
        let day = self.naive.date();
        format!("{}{separator}{}{offset}", Date(day).text(), clock_text(self.naive.time(), precision))
    }

    pub(super) fn representation(&self) -> String {
        let day = self.naive.date();
        let zone = self.zone.as_ref().map(|zone| format!(", tzinfo={}", zone.representation())).unwrap_or_default();
        let clock = clock_parts(self.naive.time());
        format!("datetime.datetime({}, {}, {}, {clock}{zone})", day.year(), day.month(), day.day())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "tzinfo" => Some(zone_attribute(self.zone.as_ref())),
            "fold" => Some(Value::from(0)),
            _ => calendar_attribute(self.naive.date(), name).or_else(|| clock_attribute(self.naive.time(), name)),
        }
    }

    pub(super) fn method(&self, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
        let day = self.naive.date();
        Some(match name {
            "date" => arguments.none(name).map(|()| date(day)),
            "time" => arguments.none(name).map(|()| super::time(self.naive.time())),
            "timetz" => Ok(Value::from_object(Time { naive: self.naive.time(), zone: self.zone.clone() })),
            "strftime" => formatted(arguments, self.naive, self.zone.as_ref()),
            "isoformat" => self.iso_method(arguments),
            "timestamp" => Ok(Value::from(self.timestamp())),
            "replace" => self.replace(arguments),
            "astimezone" => self.to_zone(arguments),
            "utcoffset" => Ok(self.zone.as_ref().map_or_else(values::none, |zone| {
                timedelta(TimeDelta::seconds(i64::from(zone.offset().local_minus_utc())))
            })),
            "dst" => Ok(self.zone.as_ref().map_or_else(values::none, |zone| timedelta(zone.saving()))),
            "tzname" => Ok(self.zone.as_ref().map_or_else(values::none, |zone| Value::from(zone.abbreviation()))),
            "utctimetuple" | "timetuple" => Ok(time_tuple(self.naive)),
            _ => return day_method(self.naive, name, arguments),
        })
    }

    fn iso_method(&self, arguments: Arguments) -> Result<Value, Fault> {
        let [separator, precision] = arguments.bind("isoformat", ["sep", "timespec"])?;
        let separator = string(separator.as_ref(), "isoformat", "sep")?.and_then(|text| text.chars().next());
        let precision = string(precision.as_ref(), "isoformat", "timespec")?.unwrap_or_else(|| "auto".to_owned());
        Ok(Value::from(self.iso(separator.unwrap_or('T'), &precision)))
    }

    /// Seconds since 1970; a naive moment is in the machine's zone.
    #[expect(clippy::cast_precision_loss, reason = "Python gives a float too")]
    fn timestamp(&self) -> f64 {
        let utc = self.utc().unwrap_or_else(|| {
            let local = self.naive.and_local_timezone(chrono::Local).earliest();
            local.map_or(self.naive, |local| local.naive_utc())
        });
        utc.and_utc().timestamp_micros() as f64 / 1e6
    }

    fn replace(&self, arguments: Arguments) -> Result<Value, Fault> {
        let names = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];
        let [year, month, day, hour, minute, second, microsecond, zone, _fold] = arguments.bind("replace", names)?;
        let day = replace_day(self.naive.date(), [year, month, day])?;
        let clock = replace_clock(self.naive.time(), [hour, minute, second, microsecond])?;
        let naive = day.and_time(clock);
        let zone = match zone {
            None => self.zone.clone(),
            Some(zone) => zone_argument(&zone)?,
        };
        Ok(Moment { naive, zone }.value())
    }

    fn to_zone(&self, arguments: Arguments) -> Result<Value, Fault> {
        let [zone] = arguments.bind("astimezone", ["tz"])?;
        let zone = zone.map_or(Ok(None), |zone| zone_argument(&zone))?;
        let utc = self.utc().unwrap_or_else(|| {
            let local = self.naive.and_local_timezone(chrono::Local).earliest();
            local.map_or(self.naive, |local| local.naive_utc())
        });
        let zone = match zone {
            Some(zone) => zone.at_utc(utc),
            None => Zone::local_at(utc),
        };
        let naive = utc.checked_add_offset(zone.offset()).ok_or("the date is out of range")?;
        Ok(Moment { naive, zone: Some(zone) }.value())
    }
}

impl Date {
    pub(super) fn truth(self) -> bool {
        true
    }

    pub(super) fn order(self, other: &Date) -> Option<Ordering> {
        Some(self.0.cmp(&other.0))
    }

    pub(super) fn text(self) -> String {
        format!("{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }

    pub(super) fn representation(self) -> String {
        format!("datetime.date({}, {}, {})", self.0.year(), self.0.month(), self.0.day())
    }

    pub(super) fn attribute(self, name: &str) -> Option<Value> {
        calendar_attribute(self.0, name)
    }

    pub(super) fn method(self, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
        Some(match name {
            "strftime" => formatted(arguments, self.0.into(), None),
            "isoformat" => arguments.none(name).map(|()| Value::from(self.text())),
            "replace" => arguments
                .bind("replace", ["year", "month", "day"])
                .and_then(|parts| replace_day(self.0, parts))
                .map(date),
            "timetuple" => Ok(time_tuple(self.0.into())),
            _ => return day_method(self.0.into(), name, arguments),
        })
    }
}

impl Time {
    pub(super) fn truth(&self) -> bool {
        true
    }

    pub(super) fn order(&self, other: &Time) -> Option<Ordering> {
        Some(self.naive.cmp(&other.naive))
    }

    pub(super) fn text(&self) -> String {
        let offset = self.zone.as_ref().map(|zone| offset_text(zone.offset(), true)).unwrap_or_default();
        format!("{}{offset}", clock_text(self.naive, "auto"))
    }

    pub(super) fn representation(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| format!(", tzinfo={}", zone.representation())).unwrap_or_default();
        format!("datetime.time({}{zone})", clock_parts(self.naive))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "tzinfo" => Some(zone_attribute(self.zone.as_ref())),
            _ => clock_attribute(self.naive, name),
        }
    }

    pub(super) fn method(&self, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
        Some(match name {
            "strftime" => {
                let day = NaiveDate::from_ymd_opt(1900, 1, 1)?;
                formatted(arguments, day.and_time(self.naive), self.zone.as_ref())
            }
            "isoformat" => arguments.bind(name, ["timespec"]).and_then(|[precision]| {
                let precision = string(precision.as_ref(), name, "timespec")?.unwrap_or_else(|| "auto".to_owned());
                let offset = self.zone.as_ref().map(|zone| offset_text(zone.offset(), true)).unwrap_or_default();
                Ok(Value::from(format!("{}{offset}", clock_text(self.naive, &precision))))
            }),
            "replace" => {
                let names = ["hour", "minute", "second", "microsecond"];
                let replaced = arguments.bind(name, names).and_then(|parts| replace_clock(self.naive, parts));
                replaced.map(|naive| Value::from_object(Time { naive, zone: self.zone.clone() }))
            }
            _ => return None,
        })
    }
}

fn formatted(arguments: Arguments, naive: NaiveDateTime, zone: Option<&Zone>) -> Result<Value, Fault> {
    let [format] = arguments.bind("strftime", ["format"])?;
    let format = required(format, "strftime", "format")?;
    let format = format.as_str().ok_or("the format of `strftime` must be a string")?;
    strftime(format, naive, zone).map(Value::from)
}

/// Methods that a date and a datetime share.
fn day_method(moment: NaiveDateTime, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
    let day = moment.date();
    let value = match name {
        "weekday" => number(day.weekday().num_days_from_monday()),
        "isoweekday" => number(day.weekday().number_from_monday()),
        "toordinal" => number(day.num_days_from_ce()),
        "isocalendar" => {
            let week = day.iso_week();
            let numbers = [number(week.year()), number(week.week()), number(day.weekday().number_from_monday())];
            named_tuple::value(&named_tuple::ISO_CALENDAR_DATE, numbers.to_vec())
        }
        "ctime" => return Some(strftime("%a %b %e %H:%M:%S %Y", moment, None).map(Value::from)),
        _ => return None,
    };
    Some(arguments.none(name).map(|()| value))
}

fn clock_parts(time: NaiveTime) -> String {
    let microsecond = time.nanosecond() % 1_000_000_000 / 1_000;
    let mut parts = format!("{}, {}", time.hour(), time.minute());
    if time.second() != 0 || microsecond != 0 {
        parts.push_str(&format!(", {}", time.second()));
    }
    if microsecond != 0 {
        parts.push_str(&format!(", {microsecond}"));
    }
    parts
}

fn time_tuple(naive: NaiveDateTime) -> Value {
    let (day, clock) = (naive.date(), naive.time());
    let numbers = vec![
        number(day.year()),
        number(day.month()),
        number(day.day()),
        number(clock.hour()),
        number(clock.minute()),
        number(clock.second()),
        number(day.weekday().num_days_from_monday()),
        number(day.ordinal()),
        number(-1),
    ];
    named_tuple::value(&named_tuple::STRUCT_TIME, numbers)
}

fn part(value: Option<&Value>, name: &str, default: u32) -> Result<u32, Fault> {
    match integer(value, "replace", name)? {
        Some(number) => u32::try_from(number).map_err(|_| format!("`{name}` is out of range")),
        None => Ok(default),
    }
}

fn replace_day(day: NaiveDate, [year, month, of_month]: [Option<Value>; 3]) -> Result<NaiveDate, Fault> {
    let year = integer(year.as_ref(), "replace", "year")?
        .map_or(Ok(day.year()), |year| i32::try_from(year).map_err(|_| "the year is out of range".to_owned()))?;
    let month = part(month.as_ref(), "month", day.month())?;
    let of_month = part(of_month.as_ref(), "day", day.day())?;
    calendar_day(year, month, of_month)
}

/// A day of the calendar; fails with what is out of range.
pub fn calendar_day(year: i32, month: u32, day: u32) -> Result<NaiveDate, Fault> {
    if !(1..=9999).contains(&year) {
        return Err(format!("year {year} is out of range"));
    }
    if !(1..=12).contains(&month) {
        return Err("month must be in 1..12".to_owned());
    }
    NaiveDate::from_ymd_opt(year, month, day).ok_or_else(|| "day is out of range for month".to_owned())
}

fn replace_clock(time: NaiveTime, [hour, minute, second, microsecond]: [Option<Value>; 4]) -> Result<NaiveTime, Fault> {
    let hour = part(hour.as_ref(), "hour", time.hour())?;
    let minute = part(minute.as_ref(), "minute", time.minute())?;
    let second = part(second.as_ref(), "second", time.second())?;
    let microsecond = part(microsecond.as_ref(), "microsecond", time.nanosecond() % 1_000_000_000 / 1_000)?;
    clock(hour, minute, second, microsecond)
}

/// A time of day; fails if a part is out of range.
pub fn clock(hour: u32, minute: u32, second: u32, microsecond: u32) -> Result<NaiveTime, Fault> {
    NaiveTime::from_hms_micro_opt(hour, minute, second, microsecond)
        .filter(|_| microsecond < 1_000_000)
        .ok_or_else(|| format!("{hour}:{minute}:{second}.{microsecond} is not a time of day"))
}
