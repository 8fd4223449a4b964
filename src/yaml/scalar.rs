//! What a plain scalar means: the YAML 1.1 rules, as PyYAML applies them.

use std::borrow::Cow;

use super::Value;

/// The value of a scalar that is written without quotes and without a tag.
pub(super) fn resolve(text: Cow<'_, str>) -> Value {
    let Some(first) = text.bytes().next() else { return Value::Null };
    let known = match first {
        b'0'..=b'9' | b'-' | b'+' | b'.' => integer(&text).or_else(|| float(&text)).or_else(|| timestamp(&text)),
        b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' if text.len() <= 5 => {
            if is_null(&text) { Some(Value::Null) } else { boolean(&text).map(Value::Bool) }
        }
        _ => None,
    };
    known.unwrap_or_else(|| Value::String(text.into()))
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// `12`, `-1_000`, `0b101`, `0x1F`, `017` (octal) and `1:30` (base sixty). A number
/// beyond 64 bits becomes a float.
pub(super) fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = signed(text);
    let whole = |radix: u32, digits: &str| -> Option<Value> {
        let digits: String = digits.chars().filter(|character| *character != '_').collect();
        if digits.is_empty() || !digits.chars().all(|character| character.is_digit(radix)) {
            return None;
        }
        let Ok(number) = i128::from_str_radix(&digits, radix) else {
            return digits.parse().ok().map(|number: f64| Value::Float(if negative { -number } else { number }));
        };
        Some(fitting(if negative { -number } else { number }))
    };
    if digits == "0" {
        return Some(Value::Int(0));
    }
    if let Some(bits) = digits.strip_prefix("0b") {
        return whole(2, bits);
    }
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        return whole(16, hexadecimal);
    }
    if let Some(octal) = digits.strip_prefix('0') {
        return whole(8, octal);
    }
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if digits.contains(':') {
        let mut total: i128 = 0;
        for (index, part) in digits.split(':').enumerate() {
            if index > 0 && !is_sixtieth(part) {
                return None;
            }
            let part: i128 = part.replace('_', "").parse().ok()?;
            total = total.checked_mul(60)?.checked_add(part)?;
        }
        return Some(fitting(if negative { -total } else { total }));
    }
    whole(10, digits)
}

fn fitting(number: i128) -> Value {
    i64::try_from(number).map_or(Value::Float(number as f64), Value::Int)
}

fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// `0` to `59`, as the parts of a base sixty number after the first.
fn is_sixtieth(part: &str) -> bool {
    match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
        _ => false,
    }
}

/// `1.5`, `.5`, `1.`, `1.5e+3` (the exponent needs its sign), `1:30.5`, `.inf`, `.nan`.
pub(super) fn float(text: &str) -> Option<Value> {
    let (negative, digits) = signed(text);
    let number = match digits {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if digits.len() == text.len() => f64::NAN,
        _ => decimal(digits, digits.len() < text.len())?,
    };
    Some(Value::Float(if negative { -number } else { number }))
}

fn decimal(digits: &str, has_sign: bool) -> Option<f64> {
    let (whole, rest) = digits.split_once('.')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if let Some((hours, minutes)) = whole.split_once(':') {
        let mut total: f64 = plain_float(hours).filter(|_| is_number(hours))?;
        for part in minutes.split(':') {
            if !is_sixtieth(part) {
                return None;
            }
            total = total * 60.0 + plain_float(part)?;
        }
        return is_number(rest).then(|| total + plain_float(&format!("0.{rest}")).unwrap_or(0.0));
    }
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, ""),
    };
    let starts_well = match whole.as_bytes().first() {
        Some(first) => first.is_ascii_digit(),
        None => !has_sign && fraction.starts_with(|first: char| first.is_ascii_digit()),
    };
    if !starts_well || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    if fraction.len() < rest.len() {
        let power = exponent.strip_prefix(['+', '-'])?;
        if power.is_empty() || !power.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    let exponent = if exponent.is_empty() { String::new() } else { format!("e{exponent}") };
    plain_float(&format!("{whole}.{fraction}{exponent}"))
}

fn plain_float(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    if text.starts_with('.') { format!("0{text}").parse().ok() } else { text.parse().ok() }
}

/// A date, or a date with a time, in ISO form. What only looks like one stays text.
pub(super) fn timestamp(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return None;
    }
    let (date, clock) = match text.find(['T', 't', ' ', '\t']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_start_matches([' ', '\t']))),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year: i32 = parts.next()?.parse().ok()?;
    let [month, day] = [parts.next()?, parts.next()?];
    if parts.next().is_some() || (clock.is_none() && (month.len() != 2 || day.len() != 2)) {
        return None;
    }
    let date = chrono::NaiveDate::from_ymd_opt(year, number(month, 2)?, number(day, 2)?)?;
    let iso = match clock {
        None => date.format("%Y-%m-%d").to_string(),
        Some(clock) => format!("{}T{}", date.format("%Y-%m-%d"), iso_clock(clock)?),
    };
    Some(Value::String(iso.into()))
}

/// At most `digits` digits and at least one, as a number.
fn number(text: &str, digits: usize) -> Option<u32> {
    let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// `1:02:03.5 -08:00` as `01:02:03.500000-08:00`.
fn iso_clock(clock: &str) -> Option<String> {
    let zone_at = clock.find(['Z', '+', '-']);
    let (time, zone) = zone_at.map_or((clock, ""), |at| (clock[..at].trim_end_matches([' ', '\t']), &clock[at..]));
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = time.split(':');
    let [hour, minute, second] = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() || minute.len() != 2 || second.len() != 2 {
        return None;
    }
    let time = chrono::NaiveTime::from_hms_opt(number(hour, 2)?, number(minute, 2)?, number(second, 2)?)?;
    let mut iso = time.format("%H:%M:%S").to_string();
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    if micros != "000000" {
        iso.push('.');
        iso.push_str(&micros);
    }
    match zone {
        "" => {}
        "Z" => iso.push_str("+00:00"),
        _ => {
            let (hours, minutes) = zone[1..].split_once(':').unwrap_or((&zone[1..], "00"));
            if minutes.len() != 2 {
                return None;
            }
            iso.push_str(&format!("{}{:02}:{:02}", &zone[..1], number(hours, 2)?, number(minutes, 2)?));
        }
    }
    Some(iso)
}
