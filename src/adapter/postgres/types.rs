//! Types of values: what they are called, and what their text means.
//!
//! Answers come in text, as with dbt's driver: what a type's text means is known for the types of
//! this table, and any other type's text is the value itself.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::adapter::{Cell, Decimal};

pub const CHARACTER: u32 = 1042;
pub const CHARACTER_VARYING: u32 = 1043;
pub const NUMERIC: u32 = 1700;

/// A type that every server has.
struct KnownType {
    oid: u32,
    array_oid: u32,
    name: &'static str,
    /// dbt's driver's word for it, which contracts compare and show.
    driver_name: &'static str,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Bool,
    Int,
    Float,
    Decimal,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    Json,
    Bytes,
}

const fn known(oid: u32, array_oid: u32, name: &'static str, driver_name: &'static str, shape: Shape) -> KnownType {
    KnownType { oid, array_oid, name, driver_name, shape }
}

const TYPES: &[KnownType] = &[
    known(16, 1000, "boolean", "BOOLEAN", Shape::Bool),
    known(17, 1001, "bytea", "BINARY", Shape::Bytes),
    known(18, 1002, "\"char\"", "STRING", Shape::Text),
    known(19, 1003, "name", "STRING", Shape::Text),
    known(20, 1016, "bigint", "LONGINTEGER", Shape::Int),
    known(21, 1005, "smallint", "INTEGER", Shape::Int),
    known(23, 1007, "integer", "INTEGER", Shape::Int),
    known(25, 1009, "text", "STRING", Shape::Text),
    known(26, 1028, "oid", "ROWID", Shape::Int),
    known(114, 199, "json", "JSON", Shape::Json),
    known(700, 1021, "real", "FLOAT", Shape::Float),
    known(701, 1022, "double precision", "FLOAT", Shape::Float),
    known(705, 0, "unknown", "UNKNOWN", Shape::Text),
    known(790, 791, "money", "", Shape::Text),
    known(829, 1040, "macaddr", "", Shape::Text),
    known(869, 1041, "inet", "", Shape::Text),
    known(650, 651, "cidr", "", Shape::Text),
    known(1042, 1014, "character", "STRING", Shape::Text),
    known(1043, 1015, "character varying", "STRING", Shape::Text),
    known(1082, 1182, "date", "DATE", Shape::Date),
    known(1083, 1183, "time without time zone", "TIME", Shape::Time),
    known(1114, 1115, "timestamp without time zone", "DATETIME", Shape::Timestamp),
    known(1184, 1185, "timestamp with time zone", "DATETIMETZ", Shape::TimestampTz),
    known(1186, 1187, "interval", "INTERVAL", Shape::Interval),
    known(1266, 1270, "time with time zone", "TIME", Shape::Text),
    known(1700, 1231, "numeric", "DECIMAL", Shape::Decimal),
    known(2950, 2951, "uuid", "", Shape::Text),
    known(3802, 3807, "jsonb", "JSONB", Shape::Json),
    known(3904, 3905, "int4range", "", Shape::Text),
    known(3906, 3907, "numrange", "", Shape::Text),
    known(3908, 3909, "tsrange", "", Shape::Text),
    known(3910, 3911, "tstzrange", "", Shape::Text),
    known(3912, 3913, "daterange", "", Shape::Text),
    known(3926, 3927, "int8range", "", Shape::Text),
];

/// The known type of this number, and whether it is the array of it.
fn find(oid: u32) -> Option<(&'static KnownType, bool)> {
    let found = TYPES.iter().find(|known| oid != 0 && (known.oid == oid || known.array_oid == oid))?;
    Some((found, found.oid != oid))
}

/// As the information schema calls it; `None` for types of this database alone.
pub fn name(oid: u32) -> Option<String> {
    let (known, is_array) = find(oid)?;
    Some(format!("{}{}", known.name, if is_array { "[]" } else { "" }))
}

/// What the information schema says of a column beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogued {
    /// `None`: a built-in type that no table here has.
    pub type_name: Option<String>,
    pub length: Option<i64>,
    pub precision: Option<i64>,
    pub scale: Option<i64>,
}

/// Types from here on were made in the database.
const FIRST_OWN_TYPE: u32 = 16_384;

/// What the information schema says of a column of this type; `length` and `number` are what its modifier says.
pub fn catalogued(oid: u32, length: Option<i64>, number: Option<(i64, i64)>) -> Catalogued {
    let type_name = match find(oid) {
        Some((_, true)) => Some("ARRAY".to_owned()),
        Some((known, false)) => Some(known.name.to_owned()),
        None => (oid >= FIRST_OWN_TYPE).then(|| "USER-DEFINED".to_owned()),
    };
    let (precision, scale) = match oid {
        21 => (Some(16), Some(0)),
        23 => (Some(32), Some(0)),
        20 => (Some(64), Some(0)),
        700 => (Some(24), None),
        701 => (Some(53), None),
        _ => (number.map(|(precision, _)| precision), number.map(|(_, scale)| scale)),
    };
    Catalogued { type_name, length, precision, scale }
}

/// As dbt's driver calls it (`INTEGER`, `STRINGARRAY`); `None` where it has no word.
pub fn driver_name(oid: u32) -> Option<String> {
    let (known, is_array) = find(oid).filter(|(known, _)| !known.driver_name.is_empty())?;
    Some(format!("{}{}", known.driver_name, if is_array { "ARRAY" } else { "" }))
}

/// How the texts of one column are read.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    shape: Shape,
    is_array: bool,
}

impl Reader {
    pub fn of(oid: u32) -> Reader {
        match find(oid) {
            Some((known, is_array)) => Reader { shape: known.shape, is_array },
            None => Reader { shape: Shape::Text, is_array: false },
        }
    }

    /// The value; a text that the type should not have stays text.
    pub fn read(self, bytes: &[u8]) -> Cell {
        let text = String::from_utf8_lossy(bytes);
        let cell = if self.is_array { list(&text, self.shape) } else { scalar(&text, self.shape) };
        cell.unwrap_or_else(|| Cell::Text(text.into_owned()))
    }
}

fn scalar(text: &str, shape: Shape) -> Option<Cell> {
    match shape {
        Shape::Text => Some(Cell::Text(text.to_owned())),
        Shape::Bool => match text {
            "t" | "true" => Some(Cell::Bool(true)),
            "f" | "false" => Some(Cell::Bool(false)),
            _ => None,
        },
        Shape::Int => text.parse().ok().map(Cell::Int),
        Shape::Float => match text {
            "Infinity" => Some(Cell::Float(f64::INFINITY)),
            "-Infinity" => Some(Cell::Float(f64::NEG_INFINITY)),
            _ => text.parse().ok().map(Cell::Float),
        },
        Shape::Decimal => decimal(text),
        Shape::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Cell::Date),
        Shape::Time => NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok().map(Cell::Time),
        Shape::Timestamp => NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(Cell::Timestamp),
        Shape::TimestampTz => moment(text),
        Shape::Interval => interval(text),
        Shape::Json => serde_json::from_str(text).ok().map(json),
        Shape::Bytes => bytes(text),
    }
}

fn decimal(text: &str) -> Option<Cell> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mantissa = format!("{whole}{fraction}").parse().ok()?;
    Some(Cell::Decimal(Decimal { mantissa, scale: u32::try_from(fraction.len()).ok()? }))
}

/// `2020-01-02 03:04:05.5+09`, `...+05:30`.
fn moment(text: &str) -> Option<Cell> {
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let (local, offset) = text.split_at(at);
    let offset = match offset.len() {
        3 => format!("{offset}:00"),
        6 => offset.to_owned(),
        // Offsets of old times have seconds, which no driver keeps.
        _ => offset.get(..6)?.to_owned(),
    };
    DateTime::parse_from_str(&format!("{local}{offset}"), "%Y-%m-%d %H:%M:%S%.f%:z").ok().map(Cell::TimestampTz)
}

/// `1 year 2 mons 3 days 04:05:06.7`; a year is 365 days and a month 30, as with dbt's driver.
fn interval(text: &str) -> Option<Cell> {
    let (mut days, mut microseconds) = (0_i64, 0_i64);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            microseconds += clock(word)?;
            continue;
        }
        let number: i64 = word.parse().ok()?;
        days += number
            * match words.next()? {
                "year" | "years" => 365,
                "mon" | "mons" => 30,
                "day" | "days" => 1,
                _ => return None,
            };
    }
    Some(Cell::Interval { months: 0, days: i32::try_from(days).ok()?, microseconds })
}

/// Microseconds of `-04:05:06.7`.
fn clock(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = text.trim_start_matches('+').splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let (seconds, fraction) =
        parts.next()?.split_once('.').unwrap_or_else(|| (text.rsplit(':').next().unwrap_or("0"), "0"));
    let seconds: i64 = seconds.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(sign * ((hours * 3600 + minutes * 60 + seconds) * 1_000_000 + fraction))
}

fn json(value: serde_json::Value) -> Cell {
    match value {
        serde_json::Value::Null => Cell::Null,
        serde_json::Value::Bool(flag) => Cell::Bool(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Cell::Int(i128::from(number)),
            None => number.as_f64().map_or_else(|| Cell::Text(number.to_string()), Cell::Float),
        },
        serde_json::Value::String(text) => Cell::Text(text),
        serde_json::Value::Array(items) => Cell::List(items.into_iter().map(json).collect()),
        serde_json::Value::Object(fields) => {
            Cell::Struct(fields.into_iter().map(|(name, value)| (name, json(value))).collect())
        }
    }
}

fn bytes(text: &str) -> Option<Cell> {
    let digits = text.strip_prefix("\\x")?;
    let pairs = (0..digits.len() / 2).map(|at| u8::from_str_radix(digits.get(at * 2..at * 2 + 2)?, 16).ok());
    pairs.collect::<Option<Vec<u8>>>().map(Cell::Bytes)
}

/// `{1,NULL,"a b",{2}}`, perhaps with its bounds before it (`[0:1]={1,2}`).
fn list(text: &str, shape: Shape) -> Option<Cell> {
    let text = if text.starts_with('[') { text.split_once('=')?.1 } else { text };
    let mut characters = text.chars().peekable();
    let cell = (characters.next()? == '{').then(|| items(&mut characters, shape))??;
    characters.next().is_none().then_some(cell)
}

fn items(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, shape: Shape) -> Option<Cell> {
    let mut cells = Vec::new();
    if characters.next_if_eq(&'}').is_some() {
        return Some(Cell::List(cells));
    }
    loop {
        if characters.next_if_eq(&'{').is_some() {
            cells.push(items(characters, shape)?);
        } else if characters.next_if_eq(&'"').is_some() {
            let mut text = String::new();
            loop {
                match characters.next()? {
                    '"' => break,
                    '\\' => text.push(characters.next()?),
                    character => text.push(character),
                }
            }
            cells.push(scalar(&text, shape)?);
        } else {
            let mut text = String::new();
            while let Some(character) = characters.next_if(|character| !matches!(character, ',' | '}')) {
                text.push(character);
            }
            cells.push(if text == "NULL" { Cell::Null } else { scalar(&text, shape)? });
        }
        match characters.next()? {
            ',' => {}
            '}' => return Some(Cell::List(cells)),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_by_their_type() {
        let cases: &[(u32, &str, &str)] = &[
            (16, "t", "True"),
            (20, "-9223372036854775808", "-9223372036854775808"),
            (701, "1e+20", "1e+20"),
            (701, "-Infinity", "-inf"),
            (1700, "-0.050", "-0.050"),
            (1700, "NaN", "NaN"),
            (1082, "2020-02-29", "2020-02-29"),
            (1082, "infinity", "infinity"),
            (1083, "01:02:03.5", "01:02:03.500"),
            (1114, "2020-01-02 03:04:05.25", "2020-01-02 03:04:05.250"),
            (1184, "2020-01-02 03:04:05-09:30", "2020-01-02 03:04:05-09:30"),
            (1184, "2020-01-02 03:04:05+00", "2020-01-02 03:04:05+00:00"),
            (1186, "1 year 2 mons -3 days +04:05:06.7", "422 days, 4:05:06.700000"),
            (1186, "-00:00:01", "-1 day, 23:59:59"),
            (17, "\\x00ff", "00ff"),
            (3802, "{\"a\": [1, null]}", "{'a': [1, None]}"),
            (1007, "{1,NULL,3}", "[1, None, 3]"),
            (1007, "[0:1]={1,2}", "[1, 2]"),
            (1009, "{a,\"b \\\"c\\\"\",\"NULL\",\"\"}", "['a', 'b \"c\"', 'NULL', '']"),
            (1009, "{{a,b},{c,d}}", "[['a', 'b'], ['c', 'd']]"),
            (1009, "{}", "[]"),
            (2950, "6f1c", "6f1c"),
            (99999, "{a,b}", "{a,b}"),
        ];
        for (oid, text, expected) in cases {
            assert_eq!(Reader::of(*oid).read(text.as_bytes()).to_string(), *expected, "{oid}: {text}");
        }
    }

    #[test]
    fn types_have_the_names_of_the_catalog_and_of_the_driver() {
        let cases = [
            (23, Some("integer"), Some("INTEGER")),
            (1009, Some("text[]"), Some("STRINGARRAY")),
            (2950, Some("uuid"), None),
            (0, None, None),
        ];
        for (oid, own, drivers) in cases {
            assert_eq!((name(oid).as_deref(), driver_name(oid).as_deref()), (own, drivers), "{oid}");
        }
    }
}
