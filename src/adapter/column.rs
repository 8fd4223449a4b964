//! Columns: a name and a type, and what the type means in one warehouse.
//!
//! Follows docs.getdbt.com/reference/dbt-classes#column.

use super::AdapterError;

/// What the names of types mean in one warehouse.
#[derive(Debug, PartialEq, Eq)]
pub struct ColumnDialect {
    /// The name of dbt's class.
    pub class_name: &'static str,
    /// Type names, lower-case, of texts of some length.
    pub strings: &'static [&'static str],
    pub integers: &'static [&'static str],
    pub floats: &'static [&'static str],
    /// Exact numbers with a precision and a scale.
    pub numerics: &'static [&'static str],
    /// Standard names (upper-case) and this warehouse's for them.
    pub labels: &'static [(&'static str, &'static str)],
    /// Whether a text of no stated length keeps its type's name in `data_type`.
    pub keeps_unsized_text: bool,
    /// Whether `STRUCT(...)` types have fields.
    pub has_structs: bool,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    /// The type without its size.
    pub dtype: String,
    pub char_size: Option<i64>,
    pub numeric_precision: Option<i64>,
    pub numeric_scale: Option<i64>,
    pub dialect: &'static ColumnDialect,
}

/// The length of a text column that states none.
const DEFAULT_STRING_SIZE: i64 = 256;

impl Column {
    pub fn new(dialect: &'static ColumnDialect, name: impl Into<String>, dtype: impl Into<String>) -> Column {
        Column {
            name: name.into(),
            dtype: dtype.into(),
            char_size: None,
            numeric_precision: None,
            numeric_scale: None,
            dialect,
        }
    }

    /// A column from a description such as `numeric(10,2)` or `varchar(20)`.
    ///
    /// # Errors
    /// If what stands in the parentheses is not a number.
    pub fn from_description(
        dialect: &'static ColumnDialect,
        name: &str,
        raw_type: &str,
    ) -> Result<Column, AdapterError> {
        let Some((dtype, rest)) = raw_type.split_once('(') else {
            return match raw_type.is_empty() {
                true => Err(AdapterError::other(format!("could not interpret data type `{raw_type}`"))),
                false => Ok(Column::new(dialect, name, raw_type)),
            };
        };
        let mut column = Column::new(dialect, name, dtype);
        let size = rest.split(')').next().unwrap_or_default();
        let number = |text: &str| {
            text.trim().parse::<i64>().map_err(|_| {
                AdapterError::other(format!(
                    "could not interpret data type `{raw_type}`: `{}` is not a whole number",
                    text.trim()
                ))
            })
        };
        match size.split(',').collect::<Vec<_>>().as_slice() {
            [size] => column.char_size = Some(number(size)?),
            [precision, scale] => {
                column.numeric_precision = Some(number(precision)?);
                column.numeric_scale = Some(number(scale)?);
            }
            _ => {}
        }
        Ok(column)
    }

    /// This warehouse's name for the standard type `label`, or `label` itself.
    pub fn translate_type(dialect: &ColumnDialect, label: &str) -> String {
        let upper = label.to_uppercase();
        let found = dialect.labels.iter().find(|(standard, _)| *standard == upper);
        found.map_or_else(|| label.to_owned(), |(_, own)| (*own).to_owned())
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.dtype.to_lowercase().as_str())
    }

    pub fn is_string(&self) -> bool {
        self.is_one_of(self.dialect.strings)
    }

    pub fn is_integer(&self) -> bool {
        self.is_one_of(self.dialect.integers)
    }

    pub fn is_float(&self) -> bool {
        self.is_one_of(self.dialect.floats)
    }

    pub fn is_numeric(&self) -> bool {
        self.is_one_of(self.dialect.numerics)
    }

    pub fn is_number(&self) -> bool {
        self.is_integer() || self.is_numeric() || self.is_float()
    }

    pub fn is_struct(&self) -> bool {
        self.dialect.has_structs && self.dtype.to_lowercase().starts_with("struct")
    }

    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    /// The type with its size, as DDL writes it.
    pub fn data_type(&self) -> String {
        if self.is_string() {
            let unsized_text = self.dtype.eq_ignore_ascii_case("text") || self.char_size.is_none();
            match self.dialect.keeps_unsized_text && unsized_text {
                true => self.dtype.clone(),
                false => Column::string_type(self.size()),
            }
        } else if self.is_numeric() {
            Column::numeric_type(&self.dtype, self.numeric_precision, self.numeric_scale)
        } else {
            self.dtype.clone()
        }
    }

    pub fn string_type(size: i64) -> String {
        format!("character varying({size})")
    }

    pub fn numeric_type(dtype: &str, precision: Option<i64>, scale: Option<i64>) -> String {
        match (precision, scale) {
            (Some(precision), Some(scale)) => format!("{dtype}({precision},{scale})"),
            _ => dtype.to_owned(),
        }
    }

    fn size(&self) -> i64 {
        match self.dtype == "text" {
            true => DEFAULT_STRING_SIZE,
            false => self.char_size.unwrap_or(DEFAULT_STRING_SIZE),
        }
    }

    /// # Errors
    /// If the column is no text.
    pub fn string_size(&self) -> Result<i64, AdapterError> {
        match self.is_string() {
            true => Ok(self.size()),
            false => Err(AdapterError::other("Called string_size() on non-string field!")),
        }
    }

    /// Whether this text column may be widened to `other`.
    pub fn can_expand_to(&self, other: &Column) -> bool {
        self.is_string() && other.is_string() && other.size() > self.size()
    }

    /// The fields of a `STRUCT(a INTEGER, b STRUCT(...))`, in order; nothing for other types.
    pub fn fields(&self) -> Vec<Column> {
        let Some((_, inner)) = self.dtype.split_once('(').filter(|_| self.is_struct()) else { return Vec::new() };
        let Some(inner) = inner.strip_suffix(')') else { return Vec::new() };
        split_outside_parentheses(inner)
            .into_iter()
            .filter_map(|field| field.trim().split_once(' '))
            .map(|(name, dtype)| Column::new(self.dialect, name, dtype.trim()))
            .collect()
    }

    /// The column itself, or one column `a.b` per field of a struct, however deep.
    pub fn flatten(&self) -> Vec<Column> {
        if !self.is_struct() {
            return vec![self.clone()];
        }
        let fields = self.fields().into_iter().flat_map(|field| field.flatten());
        fields.map(|field| Column { name: format!("{}.{}", self.name, field.name), ..field }).collect()
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut quoted) = (0usize, 0, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::duckdb::CAPABILITIES;

    fn column(dtype: &str) -> Column {
        Column::from_description(&CAPABILITIES.columns, "a", dtype).unwrap()
    }

    #[test]
    fn types_are_read_and_written_back() {
        let cases = [
            ("varchar", "character varying(256)"),
            ("VARCHAR(20)", "character varying(20)"),
            ("decimal(18,3)", "decimal(18,3)"),
            ("numeric", "numeric"),
            ("BIGINT", "BIGINT"),
            ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
        ];
        for (dtype, expected) in cases {
            assert_eq!(column(dtype).data_type(), expected, "{dtype}");
        }
        assert!(Column::from_description(&CAPABILITIES.columns, "a", "varchar(max)").is_err());
    }

    #[test]
    fn types_belong_to_kinds() {
        assert!(column("HUGEINT").is_integer() && column("hugeint").is_number());
        assert!(column("double").is_float() && column("decimal(3,1)").is_numeric());
        assert!(!column("date").is_number() && column("date").string_size().is_err());
        assert!(column("varchar(5)").can_expand_to(&column("varchar(9)")));
        assert!(!column("varchar(9)").can_expand_to(&column("integer")));
        assert_eq!(Column::translate_type(&CAPABILITIES.columns, "string"), "TEXT");
        assert_eq!(Column::translate_type(&CAPABILITIES.columns, "jsonb"), "jsonb");
    }

    #[test]
    fn structs_are_flattened() {
        let nested = Column::new(&CAPABILITIES.columns, "s", "STRUCT(a INTEGER, b STRUCT(c DECIMAL(10,2), d VARCHAR))");
        let names = nested.flatten().into_iter().map(|column| format!("{} {}", column.name, column.dtype));
        assert_eq!(names.collect::<Vec<_>>(), ["s.a INTEGER", "s.b.c DECIMAL(10,2)", "s.b.d VARCHAR"]);
    }
}
