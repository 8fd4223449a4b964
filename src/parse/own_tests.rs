//! The arguments of the tests that tform brings under `tform.`, checked before anything runs.
//!
//! Each test has a row here: an argument that is missing, unknown or of another kind is said
//! at the test, not found out as broken SQL by the warehouse.

use serde_json::{Map, Value};

use super::properties::holds_jinja;
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::PERIODS;

use Kind::{Age, Choice, Count, Expression, Flag, Measures, Names, NamesOrTypes, Number, Share, Text, Values};

/// What an argument may be. A text with Jinja may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// SQL: a text, or a number.
    Expression,
    Text,
    Number,
    /// A whole number from zero on.
    Count,
    /// From 0 to 1.
    Share,
    Flag,
    /// A name or several.
    Names,
    /// Names, or names with their types.
    NamesOrTypes,
    /// At least one scalar.
    Values,
    /// Names with their SQL.
    Measures,
    /// `{count: 1, period: day}`.
    Age,
    Choice(&'static [&'static str]),
}

/// One test: its name, what it needs, what it may have, and of which it needs one.
struct Signature {
    name: &'static str,
    required: &'static [(&'static str, Kind)],
    optional: &'static [(&'static str, Kind)],
    one_of: &'static [&'static str],
}

const fn signature(
    name: &'static str,
    required: &'static [(&'static str, Kind)],
    optional: &'static [(&'static str, Kind)],
    one_of: &'static [&'static str],
) -> Signature {
    Signature { name, required, optional, one_of }
}

const COLUMN: (&str, Kind) = ("column_name", Text);
const TO: (&str, Kind) = ("to", Text);
const FIELD: (&str, Kind) = ("field", Text);
const GROUP_BY: (&str, Kind) = ("group_by", Names);
const COMPARISON: (&str, Kind) = ("comparison", Choice(&["equal", "at_least", "at_most"]));
const TOLERANCE: (&str, Kind) = ("tolerance", Number);
const TOLERANCE_PERCENT: (&str, Kind) = ("tolerance_percent", Number);
const TO_WHERE: (&str, Kind) = ("to_where", Text);
const CASE_SENSITIVE: (&str, Kind) = ("case_sensitive", Flag);
const ANY_PERIOD: Kind = Choice(&["second", "minute", "hour", "day", "week"]);
const DATE_PART: Kind = Choice(&["second", "minute", "hour", "day", "week", "month", "quarter", "year"]);

const SIGNATURES: [Signature; 22] = [
    signature(
        "accepted_range",
        &[COLUMN],
        &[("min_value", Expression), ("max_value", Expression), ("inclusive", Flag)],
        &["min_value", "max_value"],
    ),
    signature("matches_regex", &[COLUMN, ("pattern", Text)], &[CASE_SENSITIVE], &[]),
    signature("not_matches_regex", &[COLUMN, ("pattern", Text)], &[CASE_SENSITIVE], &[]),
    signature("not_blank", &[COLUMN], &[], &[]),
    signature("expression_is_true", &[("expression", Text)], &[COLUMN], &[]),
    signature("not_empty", &[], &[], &[]),
    signature(
        "row_count_between",
        &[],
        &[("min_rows", Count), ("max_rows", Count), GROUP_BY],
        &["min_rows", "max_rows"],
    ),
    signature("row_count_matches", &[TO], &[COMPARISON, TOLERANCE, TOLERANCE_PERCENT, GROUP_BY, TO_WHERE], &[]),
    signature(
        "totals_match",
        &[TO, ("measures", Measures)],
        &[COMPARISON, TOLERANCE, TOLERANCE_PERCENT, GROUP_BY, TO_WHERE],
        &[],
    ),
    signature("unique_combination", &[("columns", Names)], &[("ignore_nulls", Flag)], &[]),
    signature(
        "not_null_proportion",
        &[COLUMN],
        &[("at_least", Share), ("at_most", Share), GROUP_BY],
        &["at_least", "at_most"],
    ),
    signature("cardinality_equality", &[COLUMN, TO, FIELD], &[], &[]),
    signature("relationships_both_ways", &[COLUMN, TO, FIELD], &[], &[]),
    signature(
        "relationships_where",
        &[COLUMN, TO, FIELD],
        &[("from_condition", Text), ("to_condition", Text)],
        &["from_condition", "to_condition"],
    ),
    signature("contains_values", &[COLUMN, ("values", Values)], &[], &[]),
    signature("exact_values", &[COLUMN, ("values", Values)], &[], &[]),
    signature(
        "monotonic",
        &[COLUMN, ("order_by", Text)],
        &[("direction", Choice(&["increasing", "decreasing"])), ("strictly", Flag), GROUP_BY],
        &[],
    ),
    signature("sequential", &[COLUMN], &[("interval", Number), ("period", DATE_PART), GROUP_BY], &[]),
    signature("recency", &[COLUMN, ("count", Count), ("period", ANY_PERIOD)], &[GROUP_BY], &[]),
    FRESHNESS,
    signature("column_type", &[COLUMN, ("type", Names)], &[], &[]),
    signature("has_columns", &[("columns", NamesOrTypes)], &[("exactly", Flag)], &[]),
];

const FRESHNESS: Signature = signature(
    "freshness",
    &[],
    &[("field", Text), COLUMN, ("warn_after", Age), ("error_after", Age), ("filter", Text)],
    &["warn_after", "error_after"],
);
const SCHEMA_UNCHANGED: Signature =
    signature("schema_unchanged", &[], &[("allow_added", Flag), ("ignore", Names)], &[]);

fn signature_of(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().chain([&SCHEMA_UNCHANGED]).find(|signature| signature.name == name)
}

/// Checks the arguments of the test that a macro of tform's own defines; those of other
/// tests are their authors' affair. `macro_id` is that of the test's macro.
///
/// # Errors
/// The first argument that is missing, unknown or of another kind.
pub fn check(macro_id: &str, arguments: &Map<String, Value>, span: &Span) -> Result<(), Diagnostic> {
    let name = macro_id.strip_prefix("macro.tform.test_").or_else(|| macro_id.strip_prefix("macro.dbt.test_"));
    let Some(signature) = name.and_then(signature_of) else { return Ok(()) };
    let test = signature.name;
    let problem = |message: String| Diagnostic::error(message).at(span.clone());
    let known: Vec<(&str, Kind)> = signature.required.iter().chain(signature.optional).copied().collect();
    for (key, value) in arguments.iter().filter(|(key, _)| *key != "model") {
        let Some((_, kind)) = known.iter().find(|(known, _)| known == key) else {
            if key == "column_name" {
                let message = format!("test `{test}` is about a whole relation, not about a column");
                return Err(problem(message).hint("write it under `data_tests` of the model"));
            }
            let message = format!("test `{test}` has no argument `{key}`");
            let names = known.iter().map(|(name, _)| *name).filter(|name| *name != "column_name");
            return Err(problem(message).suggest(key, names));
        };
        if let Err(wanted) = fits(*kind, value) {
            return Err(problem(format!("`{key}` of test `{test}` must be {wanted}, this is {}", shown(value))));
        }
    }
    let given = |key: &str| arguments.get(key).is_some_and(|value| !value.is_null());
    for (key, _) in signature.required {
        if !given(key) {
            let missing = problem(format!("test `{test}` needs `{key}`"));
            let hint = "write the test under a column, or give `column_name` among its arguments";
            return Err(if *key == "column_name" { missing.hint(hint) } else { missing });
        }
    }
    if !signature.one_of.is_empty() && !signature.one_of.iter().any(|key| given(key)) {
        let keys: Vec<String> = signature.one_of.iter().map(|key| format!("`{key}`")).collect();
        return Err(problem(format!("test `{test}` needs {} or both", keys.join(" or "))));
    }
    if test == "freshness" && !given("field") && !given("column_name") {
        return Err(problem("test `freshness` needs `field`".to_owned())
            .hint("name the column with the time of loading, or write the test under that column"));
    }
    Ok(())
}

/// Whether a value is of a kind, or else what it must be.
fn fits(kind: Kind, value: &Value) -> Result<(), String> {
    let is_name = |value: &Value| value.is_string();
    if value.as_str().is_some_and(holds_jinja) || value.is_null() {
        return Ok(());
    }
    let (fits, wanted) = match kind {
        Expression => (value.is_string() || value.is_number(), "a number or SQL"),
        Text => (value.is_string(), "text"),
        Number => (value.is_number(), "a number"),
        Count => (value.is_u64(), "a whole number from 0 on"),
        Share => (value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "a number from 0 to 1"),
        Flag => (value.is_boolean(), "true or false"),
        Names => (is_name(value) || filled_list(value, is_name), "a name or a list of names"),
        NamesOrTypes => {
            let types = value.as_object().is_some_and(|map| !map.is_empty() && map.values().all(Value::is_string));
            (types || filled_list(value, is_name), "a list of names, or a mapping of names to types")
        }
        Values => (filled_list(value, |item| !item.is_object() && !item.is_array()), "a list of values"),
        Measures => {
            let named = value.as_object().is_some_and(|map| !map.is_empty() && map.values().all(Value::is_string));
            (named, "a mapping of names to aggregates such as `{total: sum(amount)}`")
        }
        Age => return age(value),
        Choice(words) => {
            let known = value.as_str().is_some_and(|word| words.contains(&word));
            return if known { Ok(()) } else { Err(format!("one of {}", words.join(", "))) };
        }
    };
    if fits { Ok(()) } else { Err(wanted.to_owned()) }
}

fn filled_list(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(fits))
}

fn age(value: &Value) -> Result<(), String> {
    let periods = PERIODS.join(", ");
    let wanted = format!("a mapping such as `{{count: 12, period: hour}}` with a period of {periods}");
    let Some(map) = value.as_object() else { return Err(wanted) };
    let known = |key: &str| matches!(key, "count" | "period");
    let count = map.get("count").is_some_and(Value::is_u64);
    let period = map.get("period").and_then(Value::as_str).is_some_and(|period| PERIODS.contains(&period));
    if count && period && map.keys().all(|key| known(key)) { Ok(()) } else { Err(wanted) }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("`{}...`", &text[..cut]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::SourceFile;

    fn wrong(test: &str, arguments: Value) -> String {
        let span = Span::new(&SourceFile::new("a.yml", test), 0, test.len());
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        check(&format!("macro.tform.test_{test}"), &arguments, &span)
            .map_or_else(|wrong| wrong.message, |()| String::new())
    }

    #[test]
    fn arguments_are_checked_by_the_signature_of_the_test() {
        for (test, arguments, expected) in [
            ("accepted_range", json!({"model": "m", "column_name": "a", "min_value": 0}), ""),
            (
                "accepted_range",
                json!({"column_name": "a"}),
                "test `accepted_range` needs `min_value` or `max_value` or both",
            ),
            ("accepted_range", json!({"min_value": 1}), "test `accepted_range` needs `column_name`"),
            (
                "accepted_range",
                json!({"column_name": "a", "minimum": 1}),
                "test `accepted_range` has no argument `minimum`",
            ),
            (
                "not_empty",
                json!({"column_name": "a"}),
                "test `not_empty` is about a whole relation, not about a column",
            ),
            (
                "row_count_between",
                json!({"min_rows": "many"}),
                "`min_rows` of test `row_count_between` must be a whole number from 0 on, this is `\"many\"`",
            ),
            ("row_count_between", json!({"min_rows": "{{ var('n') }}"}), ""),
            (
                "not_null_proportion",
                json!({"column_name": "a", "at_least": 95}),
                "`at_least` of test `not_null_proportion` must be a number from 0 to 1, this is `95`",
            ),
            (
                "contains_values",
                json!({"column_name": "a", "values": []}),
                "`values` of test `contains_values` must be a list of values, this is `[]`",
            ),
            (
                "row_count_matches",
                json!({"to": "ref('a')", "comparison": "less"}),
                "`comparison` of test `row_count_matches` must be one of equal, at_least, at_most, this is `\"less\"`",
            ),
            (
                "freshness",
                json!({"field": "at", "warn_after": {"count": 1}}),
                "`warn_after` of test `freshness` must be a mapping such as `{count: 12, period: hour}` with a period of minute, hour, day, this is `{\"count\":1}`",
            ),
            ("freshness", json!({"warn_after": {"count": 1, "period": "day"}}), "test `freshness` needs `field`"),
            ("has_columns", json!({"columns": {"a": "integer"}}), ""),
            ("somebody_elses", json!({"x": 1}), ""),
        ] {
            assert_eq!(wrong(test, arguments), expected);
        }
    }
}
