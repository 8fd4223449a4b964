//! Dates as text: `strftime`, `strptime`, ISO 8601.

use std::fmt::Write as _;

use chrono::{Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::moment::{calendar_day, clock};
use crate::jinja::timezone::Zone;
use crate::jinja::values::Fault;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// `+02:00`, with seconds if there are any; without the colon for `%z`.
pub fn offset_text(offset: FixedOffset, colon: bool) -> String {
    let seconds = offset.local_minus_utc();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let mark = if colon { ":" } else { "" };
    let mut text = format!("{sign}{:02}{mark}{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 {
        let _ = write!(text, "{mark}{:02}", seconds % 60);
    }
    text
}

fn microsecond(time: NaiveTime) -> u32 {
    time.nanosecond() % 1_000_000_000 / 1_000
}

/// A time of day with the precision of `isoformat`.
pub fn clock_text(time: NaiveTime, precision: &str) -> String {
    let (hour, minute, second, fraction) = (time.hour(), time.minute(), time.second(), microsecond(time));
    match precision {
        "hours" => format!("{hour:02}"),
        "minutes" => format!("{hour:02}:{minute:02}"),
        "seconds" => format!("{hour:02}:{minute:02}:{second:02}"),
        "milliseconds" => format!("{hour:02}:{minute:02}:{second:02}.{:03}", fraction / 1_000),
        "auto" if fraction == 0 => format!("{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}.{fraction:06}"),
    }
}

/// `strftime`; unknown directives stay as they are.
pub fn strftime(format: &str, moment: NaiveDateTime, zone: Option<&Zone>) -> Result<String, Fault> {
    let mut output = String::with_capacity(format.len() * 2);
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            output.push(character);
            continue;
        }
        let Some(mut directive) = characters.next() else {
            output.push('%');
            break;
        };
        let bare = directive == '-';
        if bare {
            directive = characters.next().unwrap_or('-');
        }
        let mut written = String::new();
        write_directive(directive, moment, zone, &mut written)?;
        if bare {
            let trimmed = written.trim_start_matches(['0', ' ']);
            written = if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() };
        }
        output.push_str(&written);
    }
    Ok(output)
}

fn write_directive(
    directive: char,
    moment: NaiveDateTime,
    zone: Option<&Zone>,
    output: &mut String,
) -> Result<(), Fault> {
    let (day, time) = (moment.date(), moment.time());
    let weekday = day.weekday().num_days_from_monday() as usize;
    let month = MONTHS[day.month0() as usize];
    let hour = if time.hour() % 12 == 0 { 12 } else { time.hour() % 12 };
    let nested = |format: &str| strftime(format, moment, zone);
    let _ = match directive {
        'Y' => write!(output, "{:04}", day.year()),
        'C' => write!(output, "{:02}", day.year() / 100),
        'y' => write!(output, "{:02}", day.year().rem_euclid(100)),
        'm' => write!(output, "{:02}", day.month()),
        'd' => write!(output, "{:02}", day.day()),
        'e' => write!(output, "{:2}", day.day()),
        'H' => write!(output, "{:02}", time.hour()),
        'k' => write!(output, "{:2}", time.hour()),
        'I' => write!(output, "{hour:02}"),
        'l' => write!(output, "{hour:2}"),
        'M' => write!(output, "{:02}", time.minute()),
        'S' => write!(output, "{:02}", time.second()),
        'f' => write!(output, "{:06}", microsecond(time)),
        'j' => write!(output, "{:03}", day.ordinal()),
        'A' => write!(output, "{}", DAYS[weekday]),
        'a' => write!(output, "{}", &DAYS[weekday][..3]),
        'B' => write!(output, "{month}"),
        'b' | 'h' => write!(output, "{}", &month[..3]),
        'p' => write!(output, "{}", if time.hour() < 12 { "AM" } else { "PM" }),
        'P' => write!(output, "{}", if time.hour() < 12 { "am" } else { "pm" }),
        'u' => write!(output, "{}", weekday + 1),
        'w' => write!(output, "{}", (weekday + 1) % 7),
        'U' => write!(output, "{:02}", (day.ordinal0() + 7 - (day.weekday().num_days_from_sunday())) / 7),
        'W' => write!(output, "{:02}", (day.ordinal0() + 7 - (day.weekday().num_days_from_monday())) / 7),
        'V' => write!(output, "{:02}", day.iso_week().week()),
        'G' => write!(output, "{}", day.iso_week().year()),
        'g' => write!(output, "{:02}", day.iso_week().year().rem_euclid(100)),
        's' => write!(
            output,
            "{}",
            moment.and_utc().timestamp() - zone.map_or(0, |zone| i64::from(zone.offset().local_minus_utc()))
        ),
        'z' => write!(output, "{}", zone.map(|zone| offset_text(zone.offset(), false)).unwrap_or_default()),
        'Z' => write!(output, "{}", zone.map(Zone::abbreviation).unwrap_or_default()),
        'D' | 'x' => write!(output, "{}", nested("%m/%d/%y")?),
        'F' => write!(output, "{}", nested("%Y-%m-%d")?),
        'T' | 'X' => write!(output, "{}", nested("%H:%M:%S")?),
        'R' => write!(output, "{}", nested("%H:%M")?),
        'r' => write!(output, "{}", nested("%I:%M:%S %p")?),
        'c' => write!(output, "{}", nested("%a %b %e %H:%M:%S %Y")?),
        'n' => writeln!(output),
        't' => write!(output, "\t"),
        '%' => write!(output, "%"),
        other => write!(output, "%{other}"),
    };
    Ok(())
}

/// What `strptime` has read so far.
#[derive(Default)]
struct Fields {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    ordinal: Option<u32>,
    hour: Option<u32>,
    hour12: Option<u32>,
    afternoon: Option<bool>,
    minute: Option<u32>,
    second: Option<u32>,
    microsecond: Option<u32>,
    offset: Option<FixedOffset>,
}

/// `datetime.strptime`.
pub fn strptime(text: &str, format: &str) -> Result<(NaiveDateTime, Option<Zone>), Fault> {
    let mismatch = || format!("`{text}` does not match the format `{format}`");
    let mut fields = Fields::default();
    let rest = read(text, format, &mut fields).ok_or_else(mismatch)?;
    if !rest.is_empty() {
        return Err(format!("text remains after the date: `{rest}`"));
    }
    let year = fields.year.unwrap_or(1900);
    let day = match (fields.ordinal, fields.month) {
        (Some(ordinal), None) => NaiveDate::from_yo_opt(year, ordinal).ok_or_else(mismatch)?,
        _ => calendar_day(year, fields.month.unwrap_or(1), fields.day.unwrap_or(1))?,
    };
    let hour = match (fields.hour, fields.hour12) {
        (Some(hour), _) => hour,
        (None, Some(hour)) => hour % 12 + if fields.afternoon == Some(true) { 12 } else { 0 },
        (None, None) => 0,
    };
    let clock = clock(hour, fields.minute.unwrap_or(0), fields.second.unwrap_or(0), fields.microsecond.unwrap_or(0))?;
    Ok((day.and_time(clock), fields.offset.map(Zone::fixed_or_utc)))
}

fn read<'a>(text: &'a str, format: &str, fields: &mut Fields) -> Option<&'a str> {
    let mut rest = text;
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character.is_whitespace() {
            rest = rest.trim_start();
        } else if character == '%' {
            let mut directive = characters.next()?;
            if directive == '-' {
                directive = characters.next()?;
            }
            rest = read_directive(directive, rest, fields)?;
        } else {
            rest = rest.strip_prefix(character)?;
        }
    }
    Some(rest)
}

fn digits(text: &str, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    Some((text[..length].parse().ok()?, &text[length..]))
}

fn named<'a>(text: &'a str, names: &[&str], short: bool) -> Option<(u32, &'a str)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if short { &name[..3] } else { name };
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| (index as u32, &text[name.len()..]))
    })
}

fn read_directive<'a>(directive: char, text: &'a str, fields: &mut Fields) -> Option<&'a str> {
    let number = |most: usize| digits(text, most);
    let (slot, (value, rest)) = match directive {
        'Y' => {
            let (year, rest) = number(4)?;
            fields.year = i32::try_from(year).ok();
            return Some(rest);
        }
        'y' => {
            let (year, rest) = number(2)?;
            fields.year = i32::try_from(if year < 69 { 2000 + year } else { 1900 + year }).ok();
            return Some(rest);
        }
        'm' => (&mut fields.month, number(2)?),
        'd' | 'e' => (&mut fields.day, number(2)?),
        'j' => (&mut fields.ordinal, number(3)?),
        'H' => (&mut fields.hour, number(2)?),
        'I' => (&mut fields.hour12, number(2)?),
        'M' => (&mut fields.minute, number(2)?),
        'S' => (&mut fields.second, number(2)?),
        'f' => {
            let length = text.bytes().take(6).take_while(u8::is_ascii_digit).count();
            let padded = format!("{:0<6}", &text[..length]);
            fields.microsecond = (length > 0).then(|| padded.parse().ok()).flatten();
            fields.microsecond?;
            return Some(&text[length..]);
        }
        'B' | 'b' | 'h' => {
            let (month, rest) = named(text, &MONTHS, directive != 'B')?;
            (&mut fields.month, (month + 1, rest))
        }
        'A' | 'a' => return named(text, &DAYS, directive == 'a').map(|(_, rest)| rest),
        'p' => {
            let half = text.get(..2)?;
            fields.afternoon = Some(half.eq_ignore_ascii_case("pm"));
            return (half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm")).then(|| &text[2..]);
        }
        'w' | 'u' => return number(1).map(|(_, rest)| rest),
        'z' => {
            let (offset, rest) = read_offset(text)?;
            fields.offset = Some(offset);
            return Some(rest);
        }
        'Z' => {
            let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
            if matches!(&text[..length], "UTC" | "GMT") {
                fields.offset = FixedOffset::east_opt(0);
            }
            return Some(&text[length..]);
        }
        'F' => return read(text, "%Y-%m-%d", fields),
        'T' | 'X' => return read(text, "%H:%M:%S", fields),
        'R' => return read(text, "%H:%M", fields),
        'D' | 'x' => return read(text, "%m/%d/%y", fields),
        'c' => return read(text, "%a %b %d %H:%M:%S %Y", fields),
        '%' => return text.strip_prefix('%'),
        _ => return None,
    };
    *slot = Some(value);
    Some(rest)
}

/// `Z`, `+02:00`, `-0330`, `+02`.
fn read_offset(text: &str) -> Option<(FixedOffset, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((FixedOffset::east_opt(0)?, rest));
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&text[1..], 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':').unwrap_or(rest), 2).unwrap_or((0, rest));
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    Some((FixedOffset::east_opt(sign * seconds)?, rest))
}

/// `datetime.fromisoformat`.
pub fn from_iso(text: &str) -> Result<(NaiveDateTime, Option<Zone>), Fault> {
    let invalid = || format!("`{text}` is not in ISO 8601 form");
    let day = text.get(..10).and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    let (day, rest) = match day {
        Some(day) => (day, &text[10..]),
        None => {
            let day = text.get(..8).and_then(|day| NaiveDate::parse_from_str(day, "%Y%m%d").ok());
            (day.ok_or_else(invalid)?, &text[8..])
        }
    };
    if rest.is_empty() {
        return Ok((day.into(), None));
    }
    let after = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
    let (time, zone) = time_from_iso(&rest[after..]).map_err(|_| invalid())?;
    Ok((day.and_time(time), zone))
}

/// `time.fromisoformat`.
pub fn time_from_iso(text: &str) -> Result<(NaiveTime, Option<Zone>), Fault> {
    let invalid = || format!("`{text}` is not a time in ISO 8601 form");
    let mark = text.find(['+', '-', 'Z', 'z']).unwrap_or(text.len());
    let (time, offset) = text.split_at(mark);
    let zone = match offset {
        "" => None,
        _ => match read_offset(offset) {
            Some((offset, "")) => Some(Zone::fixed_or_utc(offset)),
            _ => return Err(invalid()),
        },
    };
    let formats = ["%H:%M:%S%.f", "%H:%M:%S", "%H:%M", "%H%M%S%.f", "%H%M%S", "%H%M"];
    let parsed = formats.iter().find_map(|format| NaiveTime::parse_from_str(&time.replace(',', "."), format).ok());
    match parsed {
        Some(parsed) => Ok((parsed, zone)),
        None => match digits(time, 2) {
            Some((hour, "")) => clock(hour, 0, 0, 0).map(|parsed| (parsed, zone)),
            _ => Err(invalid()),
        },
    }
}
