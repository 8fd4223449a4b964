//! Values as a warehouse gives them, and the result of a statement.

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::{Map, Value};

/// A decimal number, exact: `mantissa` divided by ten to the power of `scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    pub mantissa: i128,
    pub scale: u32,
}

impl Decimal {
    /// The number if it has no fraction: `5.0` is 5.
    pub fn whole(self) -> Option<i128> {
        let factor = 10_i128.checked_pow(self.scale)?;
        (self.mantissa % factor == 0).then(|| self.mantissa / factor)
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.mantissa.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if self.mantissa < 0 {
            formatter.write_str("-")?;
        }
        if scale == 0 {
            return formatter.write_str(&digits);
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(formatter, "{whole}.{fraction}")
    }
}

/// One value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Decimal(Decimal),
    Text(String),
    Date(NaiveDate),
    Time(NaiveTime),
    /// Without a time zone.
    Timestamp(NaiveDateTime),
    /// With the offset of the session's time zone.
    TimestampTz(DateTime<FixedOffset>),
    Interval {
        months: i32,
        days: i32,
        microseconds: i64,
    },
    List(Vec<Cell>),
    Struct(Vec<(String, Cell)>),
    Map(Vec<(Cell, Cell)>),
    Bytes(Vec<u8>),
}

impl Cell {
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_i128(&self) -> Option<i128> {
        match self {
            Cell::Int(number) => Some(*number),
            Cell::Decimal(Decimal { mantissa, scale: 0 }) => Some(*mantissa),
            Cell::Bool(flag) => Some(i128::from(*flag)),
            _ => None,
        }
    }

    /// The value as JSON: numbers stay numbers where JSON can hold them exactly, dates become ISO text.
    pub fn to_json(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Bool(flag) => Value::from(*flag),
            Cell::Int(number) => i64::try_from(*number).map_or_else(|_| Value::from(number.to_string()), Value::from),
            Cell::Float(number) => Value::from(*number),
            Cell::Decimal(number) => Value::from(number.to_f64()),
            Cell::List(cells) => cells.iter().map(Cell::to_json).collect(),
            Cell::Struct(fields) => {
                Value::Object(fields.iter().map(|(name, cell)| (name.clone(), cell.to_json())).collect())
            }
            Cell::Map(entries) => {
                Value::Object(entries.iter().map(|(key, cell)| (key.to_string(), cell.to_json())).collect())
            }
            Cell::Date(_) | Cell::Time(_) | Cell::Timestamp(_) | Cell::TimestampTz(_) => {
                Value::from(self.to_string().replacen(' ', "T", 1))
            }
            Cell::Text(_) | Cell::Interval { .. } | Cell::Bytes(_) => Value::from(self.to_string()),
        }
    }
}

impl fmt::Display for Cell {
    /// As Python writes the value that its driver gives (`True`, `None`, `2020-01-01 00:00:00`).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Null => formatter.write_str("None"),
            Cell::Bool(true) => formatter.write_str("True"),
            Cell::Bool(false) => formatter.write_str("False"),
            Cell::Int(number) => write!(formatter, "{number}"),
            Cell::Float(number) => write_float(formatter, *number),
            Cell::Decimal(number) => write!(formatter, "{number}"),
            Cell::Text(text) => formatter.write_str(text),
            Cell::Date(date) => write!(formatter, "{date}"),
            Cell::Time(time) => write!(formatter, "{time}"),
            Cell::Timestamp(at) => write!(formatter, "{}", at.format("%Y-%m-%d %H:%M:%S%.f")),
            Cell::TimestampTz(at) => write!(formatter, "{}", at.format("%Y-%m-%d %H:%M:%S%.f%:z")),
            Cell::Interval { months, days, microseconds } => {
                write_interval(formatter, i64::from(*months) * 30 + i64::from(*days), *microseconds)
            }
            Cell::List(cells) => {
                formatter.write_str("[")?;
                for (index, cell) in cells.iter().enumerate() {
                    write!(formatter, "{}{}", if index > 0 { ", " } else { "" }, Quoted(cell))?;
                }
                formatter.write_str("]")
            }
            Cell::Struct(fields) => {
                formatter.write_str("{")?;
                for (index, (name, cell)) in fields.iter().enumerate() {
                    write!(formatter, "{}'{name}': {}", if index > 0 { ", " } else { "" }, Quoted(cell))?;
                }
                formatter.write_str("}")
            }
            Cell::Map(entries) => {
                formatter.write_str("{")?;
                for (index, (key, cell)) in entries.iter().enumerate() {
                    write!(formatter, "{}{}: {}", if index > 0 { ", " } else { "" }, Quoted(key), Quoted(cell))?;
                }
                formatter.write_str("}")
            }
            Cell::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}")),
        }
    }
}

/// A cell inside another: text has quotes there.
struct Quoted<'a>(&'a Cell);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cell::Text(text) => write!(formatter, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            cell => write!(formatter, "{cell}"),
        }
    }
}

fn write_float(formatter: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    let size = number.abs();
    if number.is_nan() {
        formatter.write_str("nan")
    } else if number.is_infinite() {
        formatter.write_str(if number > 0.0 { "inf" } else { "-inf" })
    } else if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        write!(formatter, "{digits}e{sign}{exponent:0>2}")
    } else {
        write!(formatter, "{number:?}")
    }
}

fn write_interval(formatter: &mut fmt::Formatter<'_>, days: i64, microseconds: i64) -> fmt::Result {
    const DAY: i64 = 86_400_000_000;
    let days = days + microseconds.div_euclid(DAY);
    let rest = microseconds.rem_euclid(DAY);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    if days != 0 {
        write!(formatter, "{days} day{}, ", if days.abs() == 1 { "" } else { "s" })?;
    }
    write!(formatter, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    match fraction {
        0 => Ok(()),
        _ => write!(formatter, ".{fraction:06}"),
    }
}

/// What the warehouse said about a statement; `adapter_response` in `run_results.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdapterResponse {
    /// `OK`, `SELECT 5`, `INSERT 0 3`: what log lines show.
    pub message: String,
    pub code: Option<String>,
    pub rows_affected: Option<i64>,
    pub query_id: Option<String>,
}

impl AdapterResponse {
    pub fn ok() -> AdapterResponse {
        AdapterResponse { message: "OK".to_owned(), ..AdapterResponse::default() }
    }

    /// The dictionary under dbt's keys, without what is absent.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("_message".to_owned(), Value::from(self.message.as_str()));
        if let Some(code) = &self.code {
            map.insert("code".to_owned(), Value::from(code.as_str()));
        }
        if let Some(rows) = self.rows_affected {
            map.insert("rows_affected".to_owned(), Value::from(rows));
        }
        if let Some(id) = &self.query_id {
            map.insert("query_id".to_owned(), Value::from(id.as_str()));
        }
        map
    }
}

impl fmt::Display for AdapterResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// A column of a result: its name as the warehouse gave it, and the name of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumn {
    pub name: String,
    /// As the warehouse's information schema names it (`DECIMAL(18,3)`, `VARCHAR`), or dbt's driver for it.
    pub type_name: String,
    /// What a `cast` calls it, where that is another name.
    pub sql_name: Option<String>,
}

/// What a statement gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryResult {
    pub columns: Vec<ResultColumn>,
    pub rows: Vec<Vec<Cell>>,
    pub response: AdapterResponse,
}

impl QueryResult {
    /// The columns' names, each once: a second `a` becomes `a_2`, as dbt names it.
    pub fn unique_names(&self) -> Vec<String> {
        let mut seen = std::collections::HashMap::<&str, usize>::new();
        self.columns
            .iter()
            .map(|column| {
                let times = seen.entry(&column.name).or_insert(0);
                *times += 1;
                if *times == 1 { column.name.clone() } else { format!("{}_{times}", column.name) }
            })
            .collect()
    }

    /// The first cell of the first row.
    pub fn single(&self) -> Option<&Cell> {
        self.rows.first().and_then(|row| row.first())
    }

    /// The index of a column by its name in any case.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_written_as_python_writes_them() {
        let at = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap();
        let cases = [
            (Cell::Null, "None"),
            (Cell::Bool(true), "True"),
            (Cell::Int(-3), "-3"),
            (Cell::Float(1.0), "1.0"),
            (Cell::Float(1e300), "1e+300"),
            (Cell::Float(1e-7), "1e-07"),
            (Cell::Decimal(Decimal { mantissa: -5, scale: 3 }), "-0.005"),
            (Cell::Decimal(Decimal { mantissa: 12, scale: 0 }), "12"),
            (Cell::Timestamp(at("2020-01-02 03:04:05.5")), "2020-01-02 03:04:05.500"),
            (Cell::Interval { months: 1, days: 1, microseconds: 1_500_000 }, "31 days, 0:00:01.500000"),
            (Cell::List(vec![Cell::Text("it's".into()), Cell::Null]), r"['it\'s', None]"),
            (Cell::Struct(vec![("a".into(), Cell::Int(1))]), "{'a': 1}"),
            (Cell::Bytes(vec![0, 255]), "00ff"),
        ];
        for (cell, expected) in cases {
            assert_eq!(cell.to_string(), expected);
        }
    }

    #[test]
    fn repeated_names_are_numbered() {
        let columns = ["a", "b", "a", "a"].map(|name| ResultColumn {
            name: name.into(),
            type_name: String::new(),
            sql_name: None,
        });
        let result = QueryResult { columns: columns.to_vec(), ..QueryResult::default() };
        assert_eq!(result.unique_names(), ["a", "b", "a_2", "a_3"]);
    }
}
