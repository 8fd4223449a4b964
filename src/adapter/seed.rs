//! Seeds: a CSV file as a table of typed cells.
//!
//! Which types a file's texts become are facts that users rely on, so they are dbt's
//! (docs.getdbt.com/docs/build/seeds): a column is a number, a date, a date with time or
//! a boolean if every value in it is, else text; an empty value and `null` are null.
//! A type that the seed's `column_types` states makes the column text for Jinja: the
//! warehouse converts it.

mod records;

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};

use super::{Cell, Decimal, SeedType};
use crate::diagnostic::{Diagnostic, SourceFile};

use records::Record;
pub use records::SeedText;

/// A seed's rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeedTable {
    /// The header's names, each once.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// How a seed is read.
#[derive(Debug, Clone, Copy)]
pub struct SeedFormat<'a> {
    /// One character; a comma unless the seed says otherwise.
    pub delimiter: char,
    /// Columns whose types are stated.
    pub text_columns: &'a [&'a str],
}

impl Default for SeedFormat<'_> {
    fn default() -> Self {
        SeedFormat { delimiter: ',', text_columns: &[] }
    }
}

/// A seed whose text has been looked through once: its columns, their types, how many rows
/// there are. The rows are read again whenever somebody wants them, so that a large seed takes no
/// memory.
#[derive(Debug)]
pub struct SeedFile {
    text: SeedText,
    delimiter: char,
    pub columns: Vec<String>,
    pub row_count: usize,
    facts: Vec<ColumnFacts>,
    /// Why the rows ended early the last time they were read.
    failure: Mutex<Option<Diagnostic>>,
}

/// What is known of a column.
#[derive(Debug)]
struct ColumnFacts {
    kind: Kind,
    column_type: SeedType,
    /// Bytes of the longest text; 0 in columns that are no texts.
    longest: usize,
}

impl SeedFile {
    /// The type of a column, and the length of its longest text in bytes.
    pub fn column_type(&self, index: usize) -> (SeedType, usize) {
        self.facts.get(index).map_or((SeedType::Text, 0), |facts| (facts.column_type, facts.longest))
    }

    /// The rows, made one after the other. If they cannot be read any more, they end early, and
    /// [`SeedFile::check`] says why.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Cell>> {
        let mut records = match self.text.records(self.delimiter) {
            Ok(records) => Some(records),
            Err(problem) => {
                self.note(problem);
                None
            }
        };
        let next = move || {
            let reading = records.as_mut()?;
            let next = reading.next();
            if let Some(failure) = &reading.failure {
                self.note(self.text.failed(failure));
            }
            next
        };
        std::iter::from_fn(next).skip(1).map(|record| {
            let mut fields = record.fields.into_iter();
            let cell = |facts: &ColumnFacts| fields.next().map_or(Cell::Null, |text| facts.kind.cell(text));
            self.facts.iter().map(cell).collect()
        })
    }

    fn note(&self, problem: Diagnostic) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    /// Whether all rows were read that were there when the seed was looked through.
    ///
    /// # Errors
    /// If it cannot be read any more, or has another number of rows.
    pub fn check(&self, count: u64) -> Result<(), Diagnostic> {
        if let Some(problem) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(problem);
        }
        if count == self.row_count as u64 {
            return Ok(());
        }
        let (shown, before) = (self.text.shown(), self.row_count);
        Err(Diagnostic::error(format!("seed file `{shown}` changed while it was read: {before} rows, then {count}"))
            .hint("run the command again"))
    }
}

/// Looks through a seed.
///
/// # Errors
/// If it cannot be read, is not UTF-8, there is no header, or a row has more values than the header has
/// names.
pub fn scan(text: SeedText, format: SeedFormat<'_>) -> Result<SeedFile, Diagnostic> {
    let mut records = text.records(format.delimiter)?;
    let Some(header) = records.next() else {
        if let Some(failure) = &records.failure {
            return Err(text.failed(failure));
        }
        return Err(Diagnostic::error(format!("seed file `{}` is empty", text.shown()))
            .hint("its first line must name the columns"));
    };
    let columns = column_names(header.fields);
    let mut guesses: Vec<Guess> =
        columns.iter().map(|name| Guess::new(format.text_columns.contains(&name.as_str()))).collect();
    let mut row_count = 0;
    for Record { fields, start } in records.by_ref() {
        if fields.len() > columns.len() {
            let found = fields.len();
            return Err(Diagnostic::error(format!("row has {found} values, but the header names {}", columns.len()))
                .at(text.line(start))
                .hint("put quotes around a value that holds the delimiter"));
        }
        guesses.iter_mut().zip(&fields).for_each(|(guess, text)| guess.learn(text));
        row_count += 1;
    }
    if let Some(failure) = &records.failure {
        return Err(text.failed(failure));
    }
    drop(records);
    let facts = guesses.into_iter().map(Guess::settle).collect();
    Ok(SeedFile { text, delimiter: format.delimiter, columns, row_count, facts, failure: Mutex::default() })
}

/// Reads a seed with all its rows.
///
/// # Errors
/// As [`scan`].
pub fn read(file: &Arc<SourceFile>, format: SeedFormat<'_>) -> Result<SeedTable, Diagnostic> {
    let seed = scan(SeedText::Memory(file.clone()), format)?;
    Ok(SeedTable { rows: seed.rows().collect(), columns: seed.columns })
}

/// What a column may still be, after some of its values.
struct Guess {
    /// Kinds that all values so far are of; the first counts.
    kinds: Vec<Kind>,
    /// The type of the numbers so far, while it may be a column of numbers.
    number: Option<SeedType>,
    longest: usize,
    has_values: bool,
}

impl Guess {
    fn new(is_text: bool) -> Guess {
        let kinds = [Kind::Number, Kind::Date, Kind::DateTime, Kind::IsoDateTime, Kind::Boolean];
        Guess { kinds: if is_text { Vec::new() } else { kinds.to_vec() }, number: None, longest: 0, has_values: false }
    }

    fn learn(&mut self, text: &str) {
        if is_null(text) {
            return;
        }
        self.has_values = true;
        self.longest = self.longest.max(text.len());
        let number = &mut self.number;
        self.kinds.retain(|kind| match kind.parse(text) {
            Some(cell) if *kind == Kind::Number => {
                *number = widened(*number, &cell);
                true
            }
            parsed => parsed.is_some(),
        });
    }

    fn settle(self) -> ColumnFacts {
        let kind = self.kinds.first().copied().unwrap_or(Kind::Text);
        let column_type = match kind {
            _ if !self.has_values => SeedType::Integer,
            Kind::Number => self.number.unwrap_or(SeedType::Integer),
            Kind::Date => SeedType::Date,
            Kind::DateTime | Kind::IsoDateTime => SeedType::DateTime,
            Kind::Boolean => SeedType::Boolean,
            Kind::Text => SeedType::Text,
        };
        ColumnFacts { kind, column_type, longest: if kind == Kind::Text { self.longest } else { 0 } }
    }
}

/// The header's names: a missing one is a letter, a repeated one gets a number.
fn column_names(header: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (index, name) in header.into_iter().enumerate() {
        let wanted = if name.is_empty() { letters(index) } else { name };
        let mut name = wanted.clone();
        let mut times = 1;
        while names.contains(&name) {
            times += 1;
            name = format!("{wanted}_{times}");
        }
        names.push(name);
    }
    names
}

/// `a` ... `z`, `aa`, `bb`, ...
fn letters(index: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or(0));
    std::iter::repeat_n(letter, index / 26 + 1).collect()
}

/// What all values of a column are, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Date,
    DateTime,
    IsoDateTime,
    Boolean,
    Text,
}

fn is_null(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("null")
}

impl Kind {
    fn parse(self, text: &str) -> Option<Cell> {
        let trimmed = text.trim();
        match self {
            Kind::Number => number(trimmed),
            Kind::Date => {
                NaiveDate::parse_from_str(trimmed, "%Y-%m-%d").ok().filter(|_| is_year(trimmed)).map(Cell::Date)
            }
            Kind::DateTime => NaiveDateTime::parse_from_str(trimmed, "%Y-%m-%d %H:%M:%S")
                .ok()
                .filter(|_| is_year(trimmed) && !trimmed.contains(":60"))
                .map(Cell::Timestamp),
            Kind::IsoDateTime => iso_datetime(trimmed),
            Kind::Boolean => match trimmed.replace(',', "").trim().to_lowercase().as_str() {
                "true" => Some(Cell::Bool(true)),
                "false" => Some(Cell::Bool(false)),
                _ => None,
            },
            Kind::Text => Some(Cell::Text(text.to_owned())),
        }
    }

    fn cell(self, text: String) -> Cell {
        if is_null(&text) {
            return Cell::Null;
        }
        self.parse(&text).unwrap_or(Cell::Text(text))
    }
}

/// Whether the text begins with a year of four digits.
fn is_year(text: &str) -> bool {
    text.len() > 4 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit) && text.as_bytes()[4] == b'-'
}

/// Signs of money that a number may have.
const CURRENCIES: &[char] =
    &['$', '€', '£', '¥', '₩', '؋', '฿', '₡', '₦', '₪', '₫', '₭', '₮', '₱', '₲', '₴', '₹', '₺', '₽', '﷼'];

/// A number as people write them in sheets: `$5`, `1,000`, `50%`, `1e5`.
fn number(text: &str) -> Option<Cell> {
    let text = text.trim_matches('%');
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let text = text.trim_matches(CURRENCIES).replace([',', '_'], "");
    let text = text.trim();
    let (own_sign, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let negative = negative != own_sign;
    if ["nan", "inf", "infinity"].contains(&digits.to_ascii_lowercase().as_str()) {
        let value = digits.parse::<f64>().ok()?;
        return Some(Cell::Float(if negative { -value } else { value }));
    }
    let (coefficient, exponent) = match digits.split_once(['e', 'E']) {
        Some((coefficient, exponent)) => (coefficient, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = coefficient.split_once('.').unwrap_or((coefficient, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let exact = format!("{whole}{fraction}").parse::<i128>().ok().and_then(|mantissa| match u32::try_from(scale) {
        Ok(scale) => (scale <= 60).then_some(Decimal { mantissa, scale }),
        Err(_) => {
            let factor = 10_i128.checked_pow(scale.unsigned_abs())?;
            Some(Decimal { mantissa: mantissa.checked_mul(factor)?, scale: 0 })
        }
    });
    Some(match exact {
        Some(decimal) => {
            Cell::Decimal(Decimal { mantissa: if negative { -decimal.mantissa } else { decimal.mantissa }, ..decimal })
        }
        None => {
            let value: f64 = digits.parse().ok()?;
            Cell::Float(if negative { -value } else { value })
        }
    })
}

/// A date and time of ISO 8601 with a `T` between them.
fn iso_datetime(text: &str) -> Option<Cell> {
    let (date, rest) = text.split_once('T')?;
    let date = iso_date(date)?;
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let at = date.and_time(iso_time(time)?);
    match iso_offset(zone)? {
        Some(offset) => offset.from_local_datetime(&at).single().map(|at: DateTime<FixedOffset>| Cell::TimestampTz(at)),
        None => Some(Cell::Timestamp(at)),
    }
}

fn iso_date(text: &str) -> Option<NaiveDate> {
    if !text.is_ascii() {
        return None;
    }
    let number =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten();
    let year = number(text.get(..4)?).and_then(|year| i32::try_from(year).ok())?;
    let rest = text.get(4..)?;
    if let Some(week) = rest.strip_prefix("-W") {
        let (week, day) = week.split_once('-').unwrap_or((week, "1"));
        let monday = NaiveDate::from_isoywd_opt(year, number(week)?, chrono::Weekday::Mon)?;
        return number(day).filter(|day| (1..=7).contains(day)).map(|day| monday + TimeDelta::days(i64::from(day) - 1));
    }
    match (rest.len(), rest.split('-').collect::<Vec<_>>().as_slice()) {
        (6, ["", month, day]) => NaiveDate::from_ymd_opt(year, number(month)?, number(day)?),
        (3, ["", month]) => NaiveDate::from_ymd_opt(year, number(month)?, 1),
        (4, ["", day]) => NaiveDate::from_yo_opt(year, number(day)?),
        (4, [month_day]) => NaiveDate::from_ymd_opt(year, number(&month_day[..2])?, number(&month_day[2..])?),
        _ => None,
    }
}

fn iso_time(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let parts: Vec<&str> = match clock.contains(':') {
        true => clock.split(':').collect(),
        false => clock.as_bytes().chunks(2).filter_map(|part| std::str::from_utf8(part).ok()).collect(),
    };
    let two_digits =
        |part: &&str| (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok());
    let parts: Vec<u32> = parts.iter().map(two_digits).collect::<Option<Option<Vec<u32>>>>()??;
    if fraction.bytes().any(|byte| !byte.is_ascii_digit()) || parts.is_empty() || parts.len() > 3 {
        return None;
    }
    let part = |index: usize| parts.get(index).copied().unwrap_or(0);
    let time = NaiveTime::from_hms_opt(part(0), part(1), part(2))?;
    let unit: f64 = [3600.0, 60.0, 1.0][parts.len() - 1];
    let rest: f64 = format!("0.{fraction}0").parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "less than an hour in microseconds")]
    let microseconds = (rest * unit * 1e6).floor() as i64;
    Some(time.overflowing_add_signed(TimeDelta::microseconds(microseconds)).0)
}

/// `Z`, `+09`, `+0900`, `+09:00`, or nothing.
#[expect(
    clippy::option_option,
    reason = "the outer one says whether the text is an offset, the inner one whether it has one"
)]
fn iso_offset(text: &str) -> Option<Option<FixedOffset>> {
    let sign = match text.bytes().next() {
        None => return Some(None),
        Some(b'Z') => return (text.len() == 1).then(|| FixedOffset::east_opt(0)),
        Some(b'+') => 1,
        Some(_) => -1,
    };
    let digits = text[1..].replace(':', "");
    if ![2, 4].contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits[..2].parse().ok()?, digits[2..].parse().unwrap_or(0));
    FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60)).map(Some)
}

/// What a column of these cells is: as dbt's tables tell it from the values in them.
pub fn column_type<'a>(cells: impl IntoIterator<Item = &'a Cell>) -> SeedType {
    let mut found: Option<SeedType> = None;
    for cell in cells {
        found = widened(found, cell);
        if found == Some(SeedType::Text) {
            break;
        }
    }
    found.unwrap_or(SeedType::Integer)
}

/// The type of values of the type `found` and of one more.
fn widened(found: Option<SeedType>, cell: &Cell) -> Option<SeedType> {
    let own = match cell {
        Cell::Null => return found,
        Cell::Bool(_) => SeedType::Boolean,
        Cell::Int(number) => whole(*number),
        Cell::Decimal(decimal) => match decimal.whole() {
            Some(number) => whole(number),
            None => SeedType::Number,
        },
        Cell::Float(number) if number.fract() == 0.0 && number.abs() < 1e9 => SeedType::Integer,
        Cell::Float(_) => SeedType::Number,
        Cell::Date(_) => SeedType::Date,
        Cell::Timestamp(_) | Cell::TimestampTz(_) => SeedType::DateTime,
        Cell::Time(_) => SeedType::Time,
        _ => SeedType::Text,
    };
    Some(match (found, own) {
        (None, own) => own,
        (Some(seen), own) if seen == own => own,
        (Some(SeedType::Number), SeedType::Integer | SeedType::BigInteger)
        | (Some(SeedType::Integer | SeedType::BigInteger), SeedType::Number) => SeedType::Number,
        (Some(SeedType::Integer), SeedType::BigInteger) | (Some(SeedType::BigInteger), SeedType::Integer) => {
            SeedType::BigInteger
        }
        _ => SeedType::Text,
    })
}

fn whole(number: i128) -> SeedType {
    if i32::try_from(number).is_ok() { SeedType::Integer } else { SeedType::BigInteger }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, format: SeedFormat<'_>) -> Result<SeedTable, Diagnostic> {
        read(&SourceFile::new("seeds/a.csv", text), format)
    }

    /// What the value of a column with this one text is.
    const VALUES: &[(&str, SeedType, &str)] = &[
        ("5", SeedType::Integer, "5"),
        ("5.0", SeedType::Integer, "5.0"),
        ("2.50", SeedType::Number, "2.50"),
        ("-$5", SeedType::Integer, "-5"),
        ("$-5", SeedType::Integer, "-5"),
        ("5€", SeedType::Integer, "5"),
        ("\"1,000\"", SeedType::Integer, "1000"),
        ("50%", SeedType::Integer, "50"),
        ("1e5", SeedType::Integer, "100000"),
        ("1.5e-3", SeedType::Number, "0.0015"),
        ("nan", SeedType::Number, "nan"),
        ("9999999999", SeedType::BigInteger, "9999999999"),
        (" 5 ", SeedType::Integer, "5"),
        ("--5", SeedType::Integer, "5"),
        (".5", SeedType::Number, "0.5"),
        ("00123", SeedType::Integer, "123"),
        ("5-", SeedType::Text, "5-"),
        ("1 000", SeedType::Text, "1 000"),
        ("0x10", SeedType::Text, "0x10"),
        ("na", SeedType::Text, "na"),
        ("TRUE", SeedType::Boolean, "True"),
        ("t", SeedType::Text, "t"),
        ("2024-1-5", SeedType::Date, "2024-01-05"),
        ("2024-02-30", SeedType::Text, "2024-02-30"),
        ("2024-01-05 10:00:00", SeedType::DateTime, "2024-01-05 10:00:00"),
        ("2024-01-05 10:00", SeedType::Text, "2024-01-05 10:00"),
        ("2024-01-05T10", SeedType::DateTime, "2024-01-05 10:00:00"),
        ("2024-01-05T10.5", SeedType::DateTime, "2024-01-05 10:30:00"),
        ("20240105T101010", SeedType::DateTime, "2024-01-05 10:10:10"),
        ("2024-01-05T10:00:00.25+09", SeedType::DateTime, "2024-01-05 10:00:00.250+09:00"),
        ("2024-W01-1T10:00:00", SeedType::DateTime, "2024-01-01 10:00:00"),
        ("2024-005T10:00:00Z", SeedType::DateTime, "2024-01-05 10:00:00+00:00"),
        ("2024-01-05T24:00:00", SeedType::Text, "2024-01-05T24:00:00"),
        ("2024-01-05T10:00:60", SeedType::Text, "2024-01-05T10:00:60"),
        ("10:00:00", SeedType::Text, "10:00:00"),
        ("NULL", SeedType::Integer, "None"),
        ("\"\"", SeedType::Integer, "None"),
        ("  x ", SeedType::Text, "  x "),
    ];

    #[test]
    fn texts_become_what_dbt_makes_of_them() {
        for (text, kind, printed) in VALUES {
            let table = table(&format!("a,b\n{text},x\n"), SeedFormat::default()).unwrap();
            assert_eq!(column_type(table.rows.iter().map(|row| &row[0])), *kind, "{text}");
            assert_eq!(table.rows[0][0].to_string(), *printed, "{text}");
        }
    }

    #[test]
    fn files_become_tables_as_python_reads_them() {
        let comma = SeedFormat::default();
        let semicolon = SeedFormat { delimiter: ';', ..comma };
        let text = SeedFormat { text_columns: &["a"], ..comma };
        let cases = [
            ("a\n5\n\n6\n", comma, "[a] [5] [None] [6]"),
            ("a\n1\nx\n", comma, "[a] [1] [x]"),
            ("a,b\n1\n", comma, "[a, b] [1, None]"),
            ("a,a,,b\r\n1,2,3,4\r\n", comma, "[a, a_2, c, b] [1, 2, 3, 4]"),
            ("\u{feff}a;b\n1;2", semicolon, "[a, b] [1, 2]"),
            ("a\n005\nnull\n", text, "[a] [005] [None]"),
            ("a,b\n1,\"x\ny\"\n2,\"q\"\"q\"\n3,x\"y\n", comma, "[a, b] [1, x\ny] [2, q\"q] [3, x\"y]"),
            ("a\n2024-01-01\n2024-01-01 10:00:00\n", comma, "[a] [2024-01-01] [2024-01-01 10:00:00]"),
            ("a,b\n", comma, "[a, b]"),
        ];
        for (text, format, expected) in cases {
            let table = table(text, format).unwrap();
            let rows = table.rows.iter().map(|row| row.iter().map(Cell::to_string).collect::<Vec<_>>());
            let shown: Vec<String> =
                std::iter::once(table.columns.clone()).chain(rows).map(|row| format!("[{}]", row.join(", "))).collect();
            assert_eq!(shown.join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn a_broken_file_is_said_with_its_place() {
        let problem = table("a,b\n1,2\n3,4,5\n", SeedFormat::default()).unwrap_err();
        insta::assert_snapshot!(problem, @r"
        error: row has 3 values, but the header names 2
          --> seeds/a.csv:3:1
          |
        3 | 3,4,5
          | ^^^^^
          = help: put quotes around a value that holds the delimiter
        ");
        assert!(table("", SeedFormat::default()).is_err());
    }

    #[test]
    fn columns_of_several_kinds_are_text() {
        let cases = [
            (vec![Cell::Int(1), Cell::Null], SeedType::Integer),
            (vec![Cell::Int(1), Cell::Float(1.5)], SeedType::Number),
            (vec![Cell::Int(1), Cell::Int(1 << 40)], SeedType::BigInteger),
            (vec![Cell::Int(1), Cell::Bool(true)], SeedType::Text),
            (vec![], SeedType::Integer),
        ];
        for (cells, expected) in cases {
            assert_eq!(column_type(&cells), expected, "{cells:?}");
        }
    }
}
