//! Between a warehouse's cells and the values of templates.
//!
//! What a type becomes is what dbt's tables make of it: dates and moments are Python's,
//! lists and structs are their JSON text, times and intervals are text.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use minijinja::Value;
use minijinja::value::ValueKind;

use super::values::{self, Number};
use super::{datetime, decimal, table};
use crate::adapter::{Cell, Decimal, QueryResult, SeedType};

/// A result as a table for templates.
pub fn table(result: QueryResult) -> Value {
    let names = result.unique_names();
    table::new(names, result.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect())
}

/// A cell as a value for templates.
pub fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => values::none(),
        Cell::Bool(flag) => Value::from(flag),
        Cell::Int(number) => values::integer(number),
        Cell::Float(number) => float_value(number),
        Cell::Decimal(number) => decimal_value(number),
        Cell::Text(text) => Value::from(text),
        Cell::Date(date) => datetime::date(date),
        Cell::Timestamp(at) => datetime::naive_datetime(at),
        Cell::TimestampTz(at) => datetime::datetime(at),
        Cell::List(_) | Cell::Struct(_) | Cell::Map(_) => Value::from(json_text(&cell)),
        Cell::Bytes(bytes) => Value::from(values::bytes_text(&bytes)),
        Cell::Time(_) | Cell::Interval { .. } => Value::from(cell.to_string()),
    }
}

/// dbt's tables hold every number with a fraction as a decimal; what none can hold stays a double.
fn float_value(number: f64) -> Value {
    let text = number.to_string();
    // Python writes 1.0, not 1.
    let text = if text.contains('.') { text } else { format!("{text}.0") };
    rust_decimal::Decimal::from_str_exact(&text).map_or_else(|_| Value::from(number), decimal::decimal)
}

/// A decimal number; one that is too long for templates' decimals becomes a whole number or a double.
fn decimal_value(number: Decimal) -> Value {
    match rust_decimal::Decimal::try_from_i128_with_scale(number.mantissa, number.scale) {
        Ok(number) => decimal::decimal(number),
        Err(_) => number.whole().map_or_else(|| Value::from(number.to_f64()), values::integer),
    }
}

/// JSON with Python's spaces.
fn json_text(cell: &Cell) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let pair = |key: &str, cell: &Cell| format!("{}: {}", quoted(key), json_text(cell));
    match cell {
        Cell::List(cells) => format!("[{}]", cells.iter().map(json_text).collect::<Vec<_>>().join(", ")),
        Cell::Struct(fields) => {
            format!("{{{}}}", fields.iter().map(|(name, cell)| pair(name, cell)).collect::<Vec<_>>().join(", "))
        }
        Cell::Map(entries) => {
            let entries = entries.iter().map(|(key, cell)| pair(&key.to_string(), cell));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Cell::Int(number) => number.to_string(),
        other => other.to_json().to_string(),
    }
}

/// A template's value as a cell, to be bound in a statement or to be judged by its type.
pub fn cell_of(value: &Value) -> Cell {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => return Cell::Null,
        ValueKind::Bool => return Cell::Bool(value.is_true()),
        ValueKind::String => return Cell::Text(value.as_str().unwrap_or_default().to_owned()),
        _ => {}
    }
    match Number::of(value) {
        Some(Number::Integer(number)) => return Cell::Int(number),
        Some(Number::Float(number)) => return Cell::Float(number),
        None => {}
    }
    if let Some(number) = decimal::of(value) {
        return Cell::Decimal(Decimal { mantissa: number.mantissa(), scale: number.scale() });
    }
    let text = values::text(value);
    let read = match values::type_name(value) {
        "datetime.date" => NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().map(Cell::Date),
        "datetime.time" => NaiveTime::parse_from_str(&text, "%H:%M:%S%.f").ok().map(Cell::Time),
        "datetime.datetime" => moment(&text),
        _ => None,
    };
    read.unwrap_or(Cell::Text(text))
}

/// `2020-01-02 03:04:05`, perhaps with a fraction and an offset.
fn moment(text: &str) -> Option<Cell> {
    let with_offset = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%:z").ok().map(Cell::TimestampTz);
    with_offset.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok().map(Cell::Timestamp))
}

/// The cells of one column of a table.
pub fn column_cells(table: &Value, index: usize) -> Vec<Cell> {
    table::rows(table).iter().map(|row| row.get(index).map_or(Cell::Null, cell_of)).collect()
}

/// The rows of a table as the texts that a warehouse reads them from; `None` is null. Those of a
/// seed are made one after the other.
pub fn row_texts(table: &Value) -> Box<dyn Iterator<Item = Vec<Option<String>>> + '_> {
    let text = |cell: Cell| if cell.is_null() { None } else { Some(cell.to_string()) };
    Box::new(row_cells(table).map(move |row| row.into_iter().map(text).collect()))
}

/// The rows of a table. Those of a seed are made one after the other.
pub fn row_cells(table: &Value) -> Box<dyn Iterator<Item = Vec<Cell>> + '_> {
    match table::seed(table) {
        Some(seed) => {
            // `76.0` is a whole number to dbt, and a column of such ones has integers.
            let is_whole = |index| matches!(seed.column_type(index).0, SeedType::Integer | SeedType::BigInteger);
            let whole: Vec<bool> = (0..seed.columns.len()).map(is_whole).collect();
            let shortened = |cell: Cell, is_whole: bool| match cell {
                Cell::Decimal(decimal) if is_whole => decimal.whole().map_or(Cell::Decimal(decimal), Cell::Int),
                cell => cell,
            };
            Box::new(seed.rows().map(move |row| {
                row.into_iter().zip(&whole).map(|(cell, &is_whole)| shortened(cell, is_whole)).collect()
            }))
        }
        None => {
            let rows = table::rows(table).into_iter();
            Box::new(rows.map(move |row| row.iter().map(cell_of).collect()))
        }
    }
}

/// The table with texts in place of dates with time.
pub fn with_texts_for_times(table: &Value) -> Value {
    let text = |value: Value| match values::type_name(&value) {
        "datetime.datetime" => Value::from(values::text(&value)),
        _ => value,
    };
    let rows = table::rows(table).into_iter().map(|row| row.into_iter().map(text).collect());
    table::new(table::column_names(table), rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_values_and_cells_again() {
        let moment = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap().and_hms_opt(1, 2, 3).unwrap();
        let cases = [
            (Cell::Null, "None", "NoneType"),
            (Cell::Bool(true), "True", "bool"),
            (Cell::Int(5), "5", "int"),
            (Cell::Decimal(Decimal { mantissa: 110, scale: 2 }), "1.10", "decimal.Decimal"),
            (Cell::Text("a".into()), "a", "str"),
            (Cell::Date(moment.date()), "2024-02-29", "datetime.date"),
            (Cell::Timestamp(moment), "2024-02-29 01:02:03", "datetime.datetime"),
            (Cell::TimestampTz(moment.and_utc().fixed_offset()), "2024-02-29 01:02:03+00:00", "datetime.datetime"),
        ];
        for (cell, printed, kind) in cases {
            let value = value(cell.clone());
            assert_eq!((values::text(&value).as_str(), values::type_name(&value)), (printed, kind));
            assert_eq!(cell_of(&value), cell);
        }
    }

    #[test]
    fn doubles_and_bytes_are_as_dbts_tables_have_them() {
        let cases = [
            (Cell::Float(1.5), "1.5", "decimal.Decimal"),
            (Cell::Float(-2.0), "-2.0", "decimal.Decimal"),
            (Cell::Float(1e300), "1e+300", "float"),
            (Cell::Float(1e-300), "1e-300", "float"),
            (Cell::Float(f64::NAN), "nan", "float"),
            (Cell::Bytes(vec![b'a', b'\'', 0, 255]), "b'a\\'\\x00\\xff'", "str"),
        ];
        for (cell, printed, kind) in cases {
            let value = value(cell);
            assert_eq!((values::text(&value).as_str(), values::type_name(&value)), (printed, kind));
        }
    }

    #[test]
    fn nested_cells_become_json() {
        let nested =
            Cell::Struct(vec![("a".into(), Cell::List(vec![Cell::Int(1), Cell::Text("\"".into()), Cell::Null]))]);
        assert_eq!(values::text(&value(nested)), r#"{"a": [1, "\"", null]}"#);
        let huge = Decimal { mantissa: i128::MAX, scale: 1 };
        assert_eq!(values::type_name(&value(Cell::Decimal(huge))), "float");
    }
}
