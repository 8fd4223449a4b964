//! Types of other warehouses by DuckDB's names.

use sqlparser::ast::{CharacterLength, DataType, ExactNumberInfo, TimezoneInfo};
use sqlparser::parser::Parser;

use super::super::Dialect;
use super::super::read::grammar;

/// A number without precision keeps ten digits behind the point.
const OPEN_NUMBER: ExactNumberInfo = ExactNumberInfo::PrecisionAndScale(38, 10);
/// Redshift's `numeric`.
const REDSHIFT_NUMBER: ExactNumberInfo = ExactNumberInfo::PrecisionAndScale(18, 0);
const MOST_DIGITS: u64 = 38;

/// A type as DuckDB has it.
pub(super) struct Known {
    /// Under another name.
    pub name: Option<DataType>,
    /// Texts are cut at this length.
    pub length: Option<u64>,
}

const SAME: Known = Known { name: None, length: None };

fn named(name: DataType) -> Known {
    Known { name: Some(name), length: None }
}

/// The type on DuckDB; `None` if it is not certain that values of it behave in the same way.
pub(super) fn on_duckdb(data_type: &DataType, dialect: Dialect) -> Option<Known> {
    Some(match data_type {
        DataType::Bool
        | DataType::Boolean
        | DataType::SmallInt(None)
        | DataType::Int2(None)
        | DataType::Int(None)
        | DataType::Int4(None)
        | DataType::Integer(None)
        | DataType::BigInt(None)
        | DataType::Int8(None)
        | DataType::Real
        | DataType::Float4
        | DataType::Float8
        | DataType::Double(ExactNumberInfo::None)
        | DataType::DoublePrecision
        | DataType::Date
        | DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
        | DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
        | DataType::Interval { .. }
        | DataType::Uuid
        | DataType::Text
        | DataType::Varchar(None) => SAME,
        DataType::Float(ExactNumberInfo::None) if dialect != Dialect::Duckdb => named(DataType::DoublePrecision),
        DataType::String(None) | DataType::CharacterVarying(None) | DataType::CharVarying(None) => {
            named(DataType::Varchar(None))
        }
        DataType::Varchar(Some(length))
        | DataType::Nvarchar(Some(length))
        | DataType::CharacterVarying(Some(length))
        | DataType::CharVarying(Some(length)) => match length {
            CharacterLength::Max => named(DataType::Varchar(None)),
            CharacterLength::IntegerLength { length, .. } => Known { name: None, length: Some(*length) },
        },
        DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits) => match digits {
            ExactNumberInfo::None if dialect == Dialect::Redshift => named(DataType::Decimal(REDSHIFT_NUMBER)),
            ExactNumberInfo::None if dialect == Dialect::Postgres => named(DataType::Decimal(OPEN_NUMBER)),
            ExactNumberInfo::None => SAME,
            ExactNumberInfo::Precision(digits) | ExactNumberInfo::PrecisionAndScale(digits, _)
                if *digits > MOST_DIGITS =>
            {
                return None;
            }
            ExactNumberInfo::Precision(digits) => {
                named(DataType::Decimal(ExactNumberInfo::PrecisionAndScale(*digits, 0)))
            }
            ExactNumberInfo::PrecisionAndScale(..) => SAME,
        },
        _ => return None,
    })
}

/// Whether a type is one of numbers whose point floats.
pub(super) fn is_double(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Real
            | DataType::Float4
            | DataType::Float8
            | DataType::Float(_)
            | DataType::Double(_)
            | DataType::DoublePrecision
    )
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text
            | DataType::String(_)
            | DataType::Varchar(_)
            | DataType::Nvarchar(_)
            | DataType::CharacterVarying(_)
            | DataType::CharVarying(_)
    )
}

/// Whether numbers of a type have a fraction.
pub(super) fn has_fraction(data_type: &DataType) -> bool {
    match data_type {
        double if is_double(double) => true,
        DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits) => {
            matches!(digits, ExactNumberInfo::PrecisionAndScale(_, scale) if *scale > 0)
        }
        _ => false,
    }
}

/// The name of a column's type on DuckDB, for values that fit it.
///
/// # Errors
/// If there is none whose values behave in the same way.
pub fn type_on_duckdb(name: &str, dialect: Dialect) -> Result<String, String> {
    let unknown = || format!("DuckDB has no type like `{name}`");
    let parser = Parser::new(grammar(dialect)).try_with_sql(name);
    let data_type = parser.and_then(|mut parser| parser.parse_data_type()).map_err(|_| unknown())?;
    let known = on_duckdb(&data_type, dialect).ok_or_else(unknown)?;
    Ok(match known {
        Known { length: Some(_), .. } => "varchar".to_owned(),
        Known { name, .. } => name.unwrap_or(data_type).to_string(),
    })
}
