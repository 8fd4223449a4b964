//! Values as SQL writes them, and statements with such values in the place of `%s`.
//!
//! Values go into the text on our side, as with dbt's driver: templates write `%s` wherever a
//! constant may stand, in statements that servers do not prepare.

use crate::adapter::{AdapterError, Cell};

/// `text` in quotes, with nothing in it that could end them.
pub fn text(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A value as a constant.
pub fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Bool(flag) => flag.to_string(),
        // A sign would join with an operator that stands before the place.
        Cell::Int(number) if *number < 0 => format!(" {number}"),
        Cell::Int(number) => number.to_string(),
        Cell::Decimal(number) if number.mantissa < 0 => format!(" {number}"),
        Cell::Decimal(number) => number.to_string(),
        Cell::Float(number) if !number.is_finite() => {
            let word = if number.is_nan() {
                "NaN"
            } else if *number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            format!("'{word}'::float8")
        }
        Cell::Float(number) if *number < 0.0 => format!(" {cell}"),
        Cell::Date(_) => format!("'{cell}'::date"),
        Cell::Time(_) => format!("'{cell}'::time"),
        Cell::Timestamp(_) => format!("'{cell}'::timestamp"),
        Cell::TimestampTz(_) => format!("'{cell}'::timestamptz"),
        Cell::Interval { months, days, microseconds } => {
            format!("'{months} months {days} days {microseconds} microseconds'::interval")
        }
        Cell::Bytes(_) => format!("'\\x{cell}'::bytea"),
        Cell::List(cells) if cells.is_empty() => "'{}'".to_owned(),
        Cell::List(cells) => format!("ARRAY[{}]", cells.iter().map(self::cell).collect::<Vec<_>>().join(", ")),
        Cell::Struct(_) | Cell::Map(_) => text(&cell.to_json().to_string()),
        Cell::Float(_) => cell.to_string(),
        Cell::Text(value) => text(value),
    }
}

/// `sql` with a value for each `%s`; `%%` is a per cent sign.
///
/// # Errors
/// If there are more or fewer places than values, or another letter stands behind a per cent sign.
pub fn bind(sql: &str, bindings: &[Cell]) -> Result<String, AdapterError> {
    let mut bound = String::with_capacity(sql.len() + bindings.len() * 8);
    let (mut rest, mut values) = (sql, bindings.iter());
    while let Some(at) = rest.find('%') {
        bound.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        match behind.chars().next() {
            Some('s') => {
                let value = values.next().ok_or_else(|| miscounted(sql, bindings))?;
                bound.push_str(&cell(value));
            }
            Some('%') => bound.push('%'),
            other => {
                let letter = other.map(String::from).unwrap_or_default();
                return Err(AdapterError::other(format!(
                    "`%{letter}` in a statement with bound values: write `%s` for a value, `%%` for a per cent sign"
                )));
            }
        }
        rest = &behind[1..];
    }
    bound.push_str(rest);
    if values.next().is_some() { Err(miscounted(sql, bindings)) } else { Ok(bound) }
}

fn miscounted(sql: &str, bindings: &[Cell]) -> AdapterError {
    let places = sql.replace("%%", "").matches("%s").count();
    AdapterError::other(format!("the statement has {places} places for {} bound values", bindings.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_as_constants() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let cases = [
            ("(%s, %s)", vec![Cell::Int(-1), Cell::Null], Ok("( -1, NULL)")),
            ("%s like '5%%'", vec![text("it's")], Ok("'it''s' like '5%'")),
            ("%s", vec![text(r"a\b'")], Ok(r"E'a\\b'''")),
            ("%s", vec![Cell::Float(f64::NAN)], Ok("'NaN'::float8")),
            ("%s", vec![Cell::List(vec![Cell::Int(1), text("b")])], Ok("ARRAY[1, 'b']")),
            ("%s %s", vec![Cell::Null], Err("the statement has 2 places for 1 bound values")),
            ("%s", vec![Cell::Null, Cell::Null], Err("the statement has 1 places for 2 bound values")),
        ];
        for (sql, values, expected) in cases {
            let bound = bind(sql, &values);
            assert_eq!(bound.as_deref().map_err(|error| error.message.as_str()), expected, "{sql}");
        }
    }
}
