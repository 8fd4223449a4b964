//! Python's `pytz`: time zones by name.

use std::fmt;
use std::sync::Arc;

use chrono::{FixedOffset, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, Tz};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::{Arguments, required};
use super::datetime::{Moment, timedelta};
use super::library::{Module, pure};
use super::render::Stop;
use super::values::{self, Fault, type_name};

/// A `tzinfo`: a zone, with the offset that holds at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: Option<Tz>,
    offset: FixedOffset,
    /// How much of the offset is daylight saving.
    saving: TimeDelta,
    abbreviation: String,
}

fn zero() -> FixedOffset {
    chrono::Utc.fix()
}

impl Zone {
    pub fn utc() -> Self {
        Zone { name: Some(Tz::UTC), offset: zero(), saving: TimeDelta::zero(), abbreviation: "UTC".to_owned() }
    }

    /// A zone that is only an offset.
    pub fn fixed(offset: FixedOffset) -> Self {
        Zone { name: None, offset, saving: TimeDelta::zero(), abbreviation: format!("UTC{offset}") }
    }

    /// The same, where zero is UTC.
    pub fn fixed_or_utc(offset: FixedOffset) -> Self {
        if offset.local_minus_utc() == 0 { Zone::utc() } else { Zone::fixed(offset) }
    }

    /// A zone before it is bound to a moment: pytz then has the oldest offset that it knows, which is local
    /// mean time in whole minutes.
    fn named(name: Tz) -> Self {
        let oldest = name.offset_from_utc_datetime(&NaiveDateTime::MIN);
        let seconds = (oldest.fix().local_minus_utc() + 30).div_euclid(60) * 60;
        let abbreviation = oldest.abbreviation().unwrap_or_default().to_owned();
        let offset = FixedOffset::east_opt(seconds).unwrap_or_else(zero);
        Zone { name: Some(name), offset, saving: TimeDelta::zero(), abbreviation }
    }

    /// The machine's zone at a moment in UTC.
    pub fn local_at(utc: NaiveDateTime) -> Self {
        Zone::fixed(chrono::Local.offset_from_utc_datetime(&utc))
    }

    /// The zone as it is at a moment in UTC.
    pub fn at_utc(&self, utc: NaiveDateTime) -> Self {
        let Some(name) = self.name else { return self.clone() };
        let offset = name.offset_from_utc_datetime(&utc);
        let abbreviation = offset.abbreviation().unwrap_or_default().to_owned();
        Zone { name: Some(name), offset: offset.fix(), saving: offset.dst_offset(), abbreviation }
    }

    /// The zone as it is at a local time; of two possible offsets the standard one.
    pub fn at_local(&self, local: NaiveDateTime) -> Self {
        let Some(name) = self.name else { return self.clone() };
        let found = name.offset_from_local_datetime(&local).latest();
        let utc = match found {
            Some(offset) => local.checked_sub_offset(offset.fix()),
            // The hour that a change of the clock leaves out.
            None => local.checked_sub_signed(TimeDelta::hours(1)).and_then(|before| {
                let offset = name.offset_from_local_datetime(&before).earliest()?.fix();
                local.checked_sub_offset(offset)
            }),
        };
        self.at_utc(utc.unwrap_or(local))
    }

    pub fn offset(&self) -> FixedOffset {
        self.offset
    }

    pub fn abbreviation(&self) -> &str {
        &self.abbreviation
    }

    /// How much daylight saving adds.
    pub fn saving(&self) -> TimeDelta {
        self.saving
    }

    fn zone_name(&self) -> String {
        self.name.map_or_else(|| self.abbreviation.clone(), |name| name.name().to_owned())
    }

    pub fn representation(&self) -> String {
        match self.name {
            Some(Tz::UTC) => "<UTC>".to_owned(),
            Some(name) => {
                let offset = TimeDelta::seconds(i64::from(self.offset.local_minus_utc()));
                let sign = if offset > TimeDelta::zero() { "+" } else { "" };
                let saving = if self.saving.is_zero() { "STD" } else { "DST" };
                let offset = timedelta(offset);
                format!("<DstTzInfo '{}' {}{sign}{offset} {saving}>", name.name(), self.abbreviation)
            }
            None => format!("pytz.FixedOffset({})", self.offset.local_minus_utc() / 60),
        }
    }

    fn method(&self, name: &str, arguments: Arguments) -> Option<Result<Value, Fault>> {
        Some(match name {
            "localize" => arguments.bind(name, ["dt", "is_dst"]).and_then(|[moment, _]| {
                let naive = moment_argument(moment, name)?;
                if naive.zone.is_some() {
                    return Err("`localize` needs a `datetime` without a time zone".to_owned());
                }
                let zone = self.at_local(naive.naive);
                Ok(Value::from_object(Moment { naive: naive.naive, zone: Some(zone) }))
            }),
            "normalize" | "fromutc" => arguments.bind(name, ["dt"]).and_then(|[moment]| {
                let moment = moment_argument(moment, name)?;
                let offset =
                    moment.zone.as_ref().filter(|_| name == "normalize").map(Zone::offset).unwrap_or_else(zero);
                let utc = moment.naive.checked_sub_offset(offset).ok_or("the date is out of range")?;
                let zone = self.at_utc(utc);
                let naive = utc.checked_add_offset(zone.offset).ok_or("the date is out of range")?;
                Ok(Value::from_object(Moment { naive, zone: Some(zone) }))
            }),
            "utcoffset" | "dst" | "tzname" => arguments.bind(name, ["dt", "is_dst"]).map(|[moment, _]| {
                let moment = moment.as_ref().and_then(|moment| moment.downcast_object_ref::<Moment>());
                let zone = moment.map_or_else(|| self.clone(), |moment| self.at_local(moment.naive));
                match name {
                    "tzname" => Value::from(zone.abbreviation.as_str()),
                    "dst" => timedelta(zone.saving),
                    _ => timedelta(TimeDelta::seconds(i64::from(zone.offset.local_minus_utc()))),
                }
            }),
            _ => return None,
        })
    }
}

fn moment_argument(value: Option<Value>, function: &str) -> Result<Moment, Fault> {
    let value = required(value, function, "dt")?;
    value
        .downcast_object_ref::<Moment>()
        .cloned()
        .ok_or_else(|| format!("`{function}` needs a `datetime`, not a value of type `{}`", type_name(&value)))
}

/// A zone given as an argument; none is no zone.
pub fn zone_argument(value: &Value) -> Result<Option<Zone>, Fault> {
    if value.is_none() {
        return Ok(None);
    }
    match value.downcast_object_ref::<Zone>() {
        Some(zone) => Ok(Some(zone.clone())),
        None => Err(format!("a time zone is needed, not a value of type `{}`", type_name(value))),
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.representation())
    }
}

impl Object for Zone {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("zone")).then(|| Value::from(self.zone_name()))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match self.method(method, Arguments::from_values(args)) {
            Some(result) => result.map_err(|message| Stop::from(message).into_error()),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.zone_name())
    }
}

fn find(name: &str) -> Result<Value, Fault> {
    let any_case = || chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)).copied();
    let found = name.parse::<Tz>().ok().or_else(any_case);
    found.map(|zone| Value::from_object(Zone::named(zone))).ok_or_else(|| format!("there is no time zone `{name}`"))
}

/// The value of `modules.pytz`.
pub fn module() -> Value {
    let timezone = |arguments: Arguments| -> Result<Value, Stop> {
        let [name] = arguments.bind("timezone", ["zone"])?;
        Ok(find(&values::text(&required(name, "timezone", "zone")?))?)
    };
    let fixed = |arguments: Arguments| -> Result<Value, Stop> {
        let [minutes] = arguments.bind("FixedOffset", ["offset"])?;
        let minutes = super::arguments::integer(minutes.as_ref(), "FixedOffset", "offset")?.unwrap_or(0);
        let offset = i32::try_from(minutes * 60).ok().and_then(FixedOffset::east_opt);
        let offset = offset.ok_or_else(|| "the offset is out of range".to_owned())?;
        Ok(Value::from_object(Zone::fixed_or_utc(offset)))
    };
    let names = || chrono_tz::TZ_VARIANTS.iter().map(|zone| Value::from(zone.name())).collect::<Vec<_>>();
    Module::value(
        "pytz",
        vec![
            ("timezone", pure("timezone", timezone)),
            ("FixedOffset", pure("FixedOffset", fixed)),
            ("utc", Value::from_object(Zone::utc())),
            ("UTC", Value::from_object(Zone::utc())),
            ("all_timezones", Value::from(names())),
            ("common_timezones", Value::from(names())),
            ("all_timezones_set", Value::from(names())),
            ("common_timezones_set", Value::from(names())),
        ],
    )
}
