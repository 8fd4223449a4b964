//! DuckDB's types and values as [`Cell`]s.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use duckdb::arrow::datatypes::{DataType, IntervalUnit, TimeUnit as ArrowUnit};
use duckdb::core::{LogicalTypeHandle, LogicalTypeId};
use duckdb::types::{TimeUnit, Value};

use crate::adapter::{Cell, Decimal};

/// What of a type a value does not tell by itself.
#[derive(Debug)]
pub enum Shape {
    Plain,
    /// A moment, counted in UTC.
    Moment,
    List(Box<Shape>),
    Struct(Vec<Shape>),
    Map(Box<Shape>, Box<Shape>),
}

impl Shape {
    pub fn of(logical: &LogicalTypeHandle) -> Shape {
        match logical.id() {
            LogicalTypeId::TimestampTZ => Shape::Moment,
            LogicalTypeId::List | LogicalTypeId::Array => Shape::List(Box::new(Shape::of(&logical.child(0)))),
            LogicalTypeId::Struct => {
                Shape::Struct((0..logical.num_children()).map(|index| Shape::of(&logical.child(index))).collect())
            }
            LogicalTypeId::Map => {
                Shape::Map(Box::new(Shape::of(&logical.child(0))), Box::new(Shape::of(&logical.child(1))))
            }
            _ => Shape::Plain,
        }
    }

    /// Whether values hold moments, which are shown in the session's time zone.
    pub fn has_moments(&self) -> bool {
        match self {
            Shape::Plain => false,
            Shape::Moment => true,
            Shape::List(inner) => inner.has_moments(),
            Shape::Struct(fields) => fields.iter().any(Shape::has_moments),
            Shape::Map(key, value) => key.has_moments() || value.has_moments(),
        }
    }
}

/// The name of a type as DuckDB's information schema writes it.
pub fn type_name(logical: &LogicalTypeHandle, carrier: &DataType) -> String {
    if let Some(alias) = logical.get_alias().filter(|alias| !alias.is_empty()) {
        return alias;
    }
    let child = |index: usize| type_name(&logical.child(index), &DataType::Null);
    let fields = |from: usize| {
        let names = (from..logical.num_children()).map(|index| {
            let name = logical.try_child_name(index).unwrap_or_default();
            format!("{} {}", quoted_if_needed(&name), child(index))
        });
        names.collect::<Vec<_>>().join(", ")
    };
    match logical.id() {
        LogicalTypeId::Decimal => format!("DECIMAL({},{})", logical.decimal_width(), logical.decimal_scale()),
        LogicalTypeId::List => format!("{}[]", child(0)),
        LogicalTypeId::Array => match carrier {
            DataType::FixedSizeList(_, size) => format!("{}[{size}]", child(0)),
            _ => format!("{}[]", child(0)),
        },
        LogicalTypeId::Struct => format!("STRUCT({})", fields(0)),
        LogicalTypeId::Map => format!("MAP({}, {})", child(0), child(1)),
        LogicalTypeId::Union => format!("UNION({})", fields(0)),
        id => plain_name(id).to_owned(),
    }
}

fn quoted_if_needed(name: &str) -> String {
    let plain = name.chars().enumerate().all(|(index, character)| {
        character == '_' || character.is_ascii_lowercase() || (index > 0 && character.is_ascii_digit())
    });
    if plain && !name.is_empty() { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn plain_name(id: LogicalTypeId) -> &'static str {
    match id {
        LogicalTypeId::Boolean => "BOOLEAN",
        LogicalTypeId::Tinyint => "TINYINT",
        LogicalTypeId::Smallint => "SMALLINT",
        LogicalTypeId::Integer => "INTEGER",
        LogicalTypeId::Bigint => "BIGINT",
        LogicalTypeId::UTinyint => "UTINYINT",
        LogicalTypeId::USmallint => "USMALLINT",
        LogicalTypeId::UInteger => "UINTEGER",
        LogicalTypeId::UBigint => "UBIGINT",
        LogicalTypeId::Hugeint => "HUGEINT",
        LogicalTypeId::UHugeint => "UHUGEINT",
        LogicalTypeId::Float => "FLOAT",
        LogicalTypeId::Double => "DOUBLE",
        LogicalTypeId::Varchar | LogicalTypeId::StringLiteral => "VARCHAR",
        LogicalTypeId::IntegerLiteral => "INTEGER",
        LogicalTypeId::Blob => "BLOB",
        LogicalTypeId::Timestamp => "TIMESTAMP",
        LogicalTypeId::TimestampS => "TIMESTAMP_S",
        LogicalTypeId::TimestampMs => "TIMESTAMP_MS",
        LogicalTypeId::TimestampNs => "TIMESTAMP_NS",
        LogicalTypeId::TimestampTZ => "TIMESTAMP WITH TIME ZONE",
        LogicalTypeId::Date => "DATE",
        LogicalTypeId::Time => "TIME",
        LogicalTypeId::TimeTZ => "TIME WITH TIME ZONE",
        LogicalTypeId::TimeNs => "TIME_NS",
        LogicalTypeId::Interval => "INTERVAL",
        LogicalTypeId::Enum => "ENUM",
        LogicalTypeId::Uuid => "UUID",
        LogicalTypeId::Bit => "BIT",
        LogicalTypeId::Bignum => "BIGNUM",
        LogicalTypeId::SqlNull => "\"NULL\"",
        LogicalTypeId::Geometry => "GEOMETRY",
        LogicalTypeId::Variant => "VARIANT",
        _ => "UNKNOWN",
    }
}

/// Whether the driver can read values of this kind; it stops the process at others.
pub fn is_readable(carrier: &DataType) -> bool {
    match carrier {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::FixedSizeBinary(_)
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Timestamp(..)
        | DataType::Date32
        | DataType::Time64(ArrowUnit::Microsecond)
        | DataType::Interval(IntervalUnit::MonthDayNano) => true,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => is_readable(field.data_type()),
        DataType::Dictionary(key, value) => {
            matches!(**key, DataType::UInt8 | DataType::UInt16 | DataType::UInt32) && is_readable(value)
        }
        DataType::Struct(fields) => fields.iter().all(|field| is_readable(field.data_type())),
        DataType::Union(fields, _) => fields.iter().all(|(_, field)| is_readable(field.data_type())),
        _ => false,
    }
}

/// A value as a cell; moments have the offset of UTC until [`to_zone`].
pub fn cell(value: Value, shape: &Shape) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Boolean(flag) => Cell::Bool(flag),
        Value::TinyInt(number) => Cell::Int(number.into()),
        Value::SmallInt(number) => Cell::Int(number.into()),
        Value::Int(number) => Cell::Int(number.into()),
        Value::BigInt(number) => Cell::Int(number.into()),
        Value::HugeInt(number) => Cell::Int(number),
        Value::UHugeInt(number) => i128::try_from(number).map_or_else(|_| Cell::Text(number.to_string()), Cell::Int),
        Value::UTinyInt(number) => Cell::Int(number.into()),
        Value::USmallInt(number) => Cell::Int(number.into()),
        Value::UInt(number) => Cell::Int(number.into()),
        Value::UBigInt(number) => Cell::Int(number.into()),
        // As Python has it, which knows doubles alone: 3.3 becomes 3.299999952316284.
        Value::Float(number) => Cell::Float(f64::from(number)),
        Value::Double(number) => Cell::Float(number),
        Value::Decimal(number) => Cell::Decimal(Decimal { mantissa: number.value(), scale: number.scale().into() }),
        Value::Timestamp(unit, count) => timestamp(unit, count, shape),
        Value::Text(text) | Value::Enum(text) => Cell::Text(text),
        Value::Blob(bytes) | Value::Geometry(bytes) => Cell::Bytes(bytes),
        Value::Date32(days) => date(days),
        Value::Time64(unit, count) => time(unit.to_micros(count)),
        Value::Interval { months, days, nanos } => Cell::Interval { months, days, microseconds: nanos / 1000 },
        Value::List(values) | Value::Array(values) => {
            let inner = if let Shape::List(inner) = shape { inner } else { &Shape::Plain };
            Cell::List(values.into_iter().map(|value| cell(value, inner)).collect())
        }
        Value::Struct(fields) => {
            let shapes: &[Shape] = if let Shape::Struct(shapes) = shape { shapes } else { &[] };
            let field = |(index, (name, value)): (usize, &(String, Value))| {
                (name.clone(), cell(value.clone(), shapes.get(index).unwrap_or(&Shape::Plain)))
            };
            Cell::Struct(fields.iter().enumerate().map(field).collect())
        }
        Value::Map(entries) => {
            let plain = (&Shape::Plain, &Shape::Plain);
            let (key, value) = if let Shape::Map(key, value) = shape { (&**key, &**value) } else { plain };
            Cell::Map(entries.iter().map(|(k, v)| (cell(k.clone(), key), cell(v.clone(), value))).collect())
        }
        Value::Union(value) => cell(*value, &Shape::Plain),
        other => Cell::Text(format!("{other:?}")),
    }
}

fn date(days: i32) -> Cell {
    let date =
        NaiveDate::from_ymd_opt(1970, 1, 1).and_then(|epoch| epoch.checked_add_signed(TimeDelta::days(days.into())));
    date.map_or_else(|| Cell::Text(infinity(days > 0)), Cell::Date)
}

fn time(microseconds: i64) -> Cell {
    let seconds = u32::try_from(microseconds / 1_000_000).unwrap_or(0);
    let nanoseconds = u32::try_from(microseconds % 1_000_000 * 1000).unwrap_or(0);
    // 24:00:00 is a time in DuckDB, but in neither Python nor chrono.
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds)
        .map_or_else(|| Cell::Text("24:00:00".to_owned()), Cell::Time)
}

fn timestamp(unit: TimeUnit, count: i64, shape: &Shape) -> Cell {
    let moment: Option<DateTime<Utc>> = match unit {
        TimeUnit::Second => DateTime::from_timestamp(count, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(count),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(count),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(count)),
    };
    match (moment, shape) {
        (None, _) => Cell::Text(infinity(count > 0)),
        (Some(moment), Shape::Moment) => Cell::TimestampTz(moment.fixed_offset()),
        (Some(moment), _) => Cell::Timestamp(moment.naive_utc()),
    }
}

fn infinity(positive: bool) -> String {
    if positive { "infinity" } else { "-infinity" }.to_owned()
}

/// Gives the moments in `cell` the offset that `zone` has then.
pub fn to_zone(cell: &mut Cell, zone: chrono_tz::Tz) {
    match cell {
        Cell::TimestampTz(at) => {
            let naive: NaiveDateTime = at.naive_utc();
            let offset: FixedOffset = zone.offset_from_utc_datetime(&naive).fix();
            *at = DateTime::from_naive_utc_and_offset(naive, offset);
        }
        Cell::List(cells) => cells.iter_mut().for_each(|cell| to_zone(cell, zone)),
        Cell::Struct(fields) => fields.iter_mut().for_each(|(_, cell)| to_zone(cell, zone)),
        Cell::Map(entries) => entries.iter_mut().for_each(|(key, cell)| {
            to_zone(key, zone);
            to_zone(cell, zone);
        }),
        _ => {}
    }
}

/// A cell as a value to be bound in a statement: dates and decimals go as text.
pub fn bound(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(flag) => Value::Boolean(*flag),
        Cell::Int(number) => i64::try_from(*number).map_or(Value::HugeInt(*number), Value::BigInt),
        Cell::Float(number) => Value::Double(*number),
        Cell::Bytes(bytes) => Value::Blob(bytes.clone()),
        other => Value::Text(other.to_string()),
    }
}
