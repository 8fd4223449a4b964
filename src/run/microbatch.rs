//! The batches of a `microbatch` model: from when to when, in which steps.
//!
//! Source: docs.getdbt.com/docs/build/incremental-microbatch.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

use crate::artifact::OverloadResults;
use crate::resource::UniqueId;

use super::outcome::BatchResults;

/// How much time a batch spans (`batch_size`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    Hour,
    Day,
    Month,
    Year,
}

impl BatchSize {
    pub fn parse(word: &str) -> Option<BatchSize> {
        match word {
            "hour" => Some(BatchSize::Hour),
            "day" => Some(BatchSize::Day),
            "month" => Some(BatchSize::Month),
            "year" => Some(BatchSize::Year),
            _ => None,
        }
    }

    /// The start of the batch in which `time` lies.
    pub fn truncate(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let date = time.date_naive();
        let midnight = |date: Option<NaiveDate>| date.unwrap_or_default().and_time(NaiveTime::MIN);
        let start = match self {
            BatchSize::Hour => midnight(Some(date)) + Duration::hours(i64::from(time.hour())),
            BatchSize::Day => midnight(Some(date)),
            BatchSize::Month => midnight(date.with_day(1)),
            BatchSize::Year => midnight(NaiveDate::from_ymd_opt(date.year(), 1, 1)),
        };
        start.and_utc()
    }

    /// The start of the batch that lies `count` batches after the one of `time`; negative is before.
    ///
    /// `None` beyond the calendar.
    pub fn offset(self, time: DateTime<Utc>, count: i64) -> Option<DateTime<Utc>> {
        let start = self.truncate(time);
        let months = |months: i64| {
            let distance = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
            if months < 0 { start.checked_sub_months(distance) } else { start.checked_add_months(distance) }
        };
        match self {
            BatchSize::Hour => start.checked_add_signed(Duration::try_hours(count)?),
            BatchSize::Day => start.checked_add_signed(Duration::try_days(count)?),
            BatchSize::Month => months(count),
            BatchSize::Year => months(count.checked_mul(12)?),
        }
    }

    /// The start of a batch that is not before `time`.
    fn ceiling(self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.truncate(time) == time { Some(time) } else { self.offset(time, 1) }
    }

    /// How a batch is named in templates: its label without hyphens.
    pub fn id(self, start: DateTime<Utc>) -> String {
        self.label(start).replace('-', "")
    }

    /// How a batch is named in the log and in files: `2024`, `2024-01`, `2024-01-31` or `2024-01-31T13`.
    pub fn label(self, start: DateTime<Utc>) -> String {
        let format = match self {
            BatchSize::Hour => "%Y-%m-%dT%H",
            BatchSize::Day => "%Y-%m-%d",
            BatchSize::Month => "%Y-%m",
            BatchSize::Year => "%Y",
        };
        start.format(format).to_string()
    }
}

/// One batch: the rows whose event time is in `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

/// What decides about a model's batches.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub size: BatchSize,
    /// How many batches before the present one are built again.
    pub lookback: i64,
    /// The first event time of all (`begin`).
    pub begin: Option<DateTime<Utc>>,
    /// `--event-time-start`.
    pub from: Option<DateTime<Utc>>,
    /// `--event-time-end`.
    pub until: Option<DateTime<Utc>>,
    /// Whether the model's table exists and is added to.
    pub incremental: bool,
    pub now: DateTime<Utc>,
}

/// What a run knows about batches beside the models' settings.
#[derive(Debug, Clone, Default)]
pub struct Batching {
    /// When the last batch ends, unless a flag says so: for all models the same, and in a retry that of
    /// the invocation that is repeated.
    pub now: DateTime<Utc>,
    /// What a retry knows of models that succeeded in part: only the failed batches are built again.
    pub previous: HashMap<UniqueId, BatchResults>,
    /// What a retry knows of functions of which some overloads were made.
    pub overloads: HashMap<UniqueId, OverloadResults>,
}

impl Batching {
    pub fn at(now: DateTime<Utc>) -> Self {
        Batching { now, previous: HashMap::new(), overloads: HashMap::new() }
    }
}

/// The batches to build, oldest first.
///
/// # Errors
/// When a full build has no `begin`, or times lie beyond the calendar.
pub fn batches(window: &Window) -> Result<Vec<Batch>, String> {
    let beyond = || "the event time lies beyond the calendar".to_owned();
    let end = window.size.ceiling(window.until.unwrap_or(window.now)).ok_or_else(beyond)?;
    let start = match (window.from, window.begin) {
        (Some(from), _) => window.size.truncate(from),
        (None, begin) if !window.incremental => {
            window.size.truncate(begin.ok_or("a microbatch model needs the setting `begin`")?)
        }
        (None, _) => {
            let checkpoint = window.until.unwrap_or(window.now);
            let on_the_edge = i64::from(window.size.truncate(checkpoint) == checkpoint);
            window.size.offset(checkpoint, -(window.lookback + on_the_edge)).ok_or_else(beyond)?
        }
    };
    let mut batches = Vec::new();
    let mut at = start;
    while at < end {
        let next = window.size.offset(at, 1).ok_or_else(beyond)?;
        batches.push(Batch { start: at, end: next });
        at = next;
    }
    Ok(batches)
}

/// A time as users write it: a date, or a date and time with or without a zone (then UTC).
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc());
        }
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|date| date.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        parse_time(text).unwrap()
    }

    fn check(window: Window, expected: &[&str]) {
        let found: Vec<String> = batches(&window).unwrap().iter().map(|batch| window.size.id(batch.start)).collect();
        assert_eq!(found, expected);
    }

    fn window(size: BatchSize) -> Window {
        let now = time("2024-03-02T01:30:00");
        Window { size, lookback: 1, begin: Some(time("2024-02-28")), from: None, until: None, incremental: false, now }
    }

    #[test]
    fn a_full_build_begins_at_begin() {
        check(window(BatchSize::Day), &["20240228", "20240229", "20240301", "20240302"]);
        check(window(BatchSize::Month), &["202402", "202403"]);
        check(window(BatchSize::Year), &["2024"]);
    }

    #[test]
    fn an_incremental_build_looks_back() {
        check(Window { incremental: true, ..window(BatchSize::Day) }, &["20240301", "20240302"]);
        check(Window { incremental: true, lookback: 0, ..window(BatchSize::Hour) }, &["20240302T01"]);
        // On the edge of a batch, the batch that has just ended is the present one.
        let edge = Window { incremental: true, now: time("2024-03-02"), ..window(BatchSize::Day) };
        check(edge, &["20240229", "20240301"]);
    }

    #[test]
    fn flags_bound_the_window() {
        let bounded =
            Window { from: Some(time("2024-02-27 12:00")), until: Some(time("2024-02-29")), ..window(BatchSize::Day) };
        check(bounded, &["20240227", "20240228"]);
    }

    #[test]
    fn a_full_build_without_begin_fails() {
        assert!(batches(&Window { begin: None, ..window(BatchSize::Day) }).unwrap_err().contains("`begin`"));
    }
}
