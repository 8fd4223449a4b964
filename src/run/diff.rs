//! How what a query gives differs from what was expected, as a table for people.
//!
//! Rows are compared as a bag. Those that differ are paired where they have a value in
//! common that tells them from the others; of equal rows and columns only those beside a
//! difference are shown. The form is that of dbt's unit tests
//! (docs.getdbt.com/docs/build/unit-tests): `→` changed, `+++` unexpected, `---` missing.

use std::cmp::Ordering;
use std::collections::HashMap;

use minijinja::Value;

use crate::jinja::values;

/// Between the expected and the actual value of a cell.
const ARROW: &str = "→";
/// In place of rows and columns that are left out.
const ELLIPSIS: &str = "...";

/// A row as it takes part in the difference.
#[derive(Debug)]
enum Pair<'a> {
    Same(&'a [Value]),
    /// What was expected, and what came in its place.
    Changed(&'a [Value], &'a [Value]),
    Unexpected(&'a [Value]),
    Missing(&'a [Value]),
}

impl<'a> Pair<'a> {
    fn row(&self) -> &'a [Value] {
        match self {
            Pair::Same(row) | Pair::Changed(_, row) | Pair::Unexpected(row) | Pair::Missing(row) => row,
        }
    }

    fn tag(&self) -> &'static str {
        match self {
            Pair::Same(_) => "",
            Pair::Changed(..) => ARROW,
            Pair::Unexpected(_) => "+++",
            Pair::Missing(_) => "---",
        }
    }

    /// Where it stands among rows that are equal in order: what is new before what is gone.
    fn rank(&self) -> u8 {
        u8::from(matches!(self, Pair::Missing(_)))
    }
}

/// The table of differences, its lines joined; `None` where there is none.
pub fn render(columns: &[String], expected: &[Vec<Value>], actual: &[Vec<Value>]) -> Option<String> {
    let pairs = paired(expected, actual);
    if pairs.iter().all(|pair| matches!(pair, Pair::Same(_))) {
        return None;
    }
    let shown_rows = beside(&pairs.iter().map(|pair| !matches!(pair, Pair::Same(_))).collect::<Vec<_>>());
    let shown_columns = columns_to_show(columns.len(), &pairs);
    let mut lines = vec![line("@@", &shown_columns, |at| columns[at].clone())];
    let mut elided = false;
    for (pair, shown) in pairs.iter().zip(shown_rows) {
        if shown {
            lines.push(line(pair.tag(), &shown_columns, |at| cell(pair, at)));
        } else if !elided {
            lines.push(line(ELLIPSIS, &shown_columns, |_| ELLIPSIS.to_owned()));
        }
        elided = !shown;
    }
    Some(aligned(&lines))
}

/// Every row with its counterpart, in the order of the values.
fn paired<'a>(expected: &'a [Vec<Value>], actual: &'a [Vec<Value>]) -> Vec<Pair<'a>> {
    let mut missing: HashMap<Vec<String>, Vec<&'a [Value]>> = HashMap::new();
    for row in expected {
        missing.entry(key(row)).or_default().push(row);
    }
    let mut pairs = Vec::with_capacity(expected.len());
    let mut unexpected: Vec<&'a [Value]> = Vec::new();
    for row in actual {
        match missing.get_mut(&key(row)).and_then(Vec::pop) {
            Some(_) => pairs.push(Pair::Same(row)),
            None => unexpected.push(row),
        }
    }
    let mut missing: Vec<&'a [Value]> = missing.into_values().flatten().collect();
    missing.sort_by(|left, right| order(left, right));
    unexpected.sort_by(|left, right| order(left, right));
    for (expected, actual) in counterparts(&missing, &unexpected) {
        pairs.push(Pair::Changed(missing[expected], unexpected[actual]));
        (missing[expected], unexpected[actual]) = (&[], &[]);
    }
    pairs.extend(missing.into_iter().filter(|row| !row.is_empty()).map(Pair::Missing));
    pairs.extend(unexpected.into_iter().filter(|row| !row.is_empty()).map(Pair::Unexpected));
    pairs.sort_by(|left, right| order(left.row(), right.row()).then(left.rank().cmp(&right.rank())));
    group_changes(&mut pairs);
    pairs
}

/// In a run of rows without a counterpart, the unexpected ones stand before the missing ones.
fn group_changes(pairs: &mut [Pair<'_>]) {
    let alone = |pair: &Pair<'_>| matches!(pair, Pair::Unexpected(_) | Pair::Missing(_));
    let mut start = 0;
    while start < pairs.len() {
        let end = start + pairs[start..].iter().take_while(|pair| alone(pair)).count();
        pairs[start..end].sort_by_key(Pair::rank);
        start = end.max(start + 1);
    }
}

/// Which missing row and which unexpected row are one row that changed.
///
/// The pair with the most equal values goes first. It needs a value that stands in one row
/// of either side only, or half of its values equal.
fn counterparts(missing: &[&[Value]], unexpected: &[&[Value]]) -> Vec<(usize, usize)> {
    let width = missing.iter().chain(unexpected).map(|row| row.len()).min().unwrap_or(0);
    let (left, right) = (counts(missing, width), counts(unexpected, width));
    let mut candidates = Vec::new();
    for (at, one) in missing.iter().enumerate() {
        for (other_at, other) in unexpected.iter().enumerate() {
            let same = (0..width).filter(|column| !one[*column].is_none() && is_same(&one[*column], &other[*column]));
            let same: Vec<usize> = same.collect();
            let telling = |column: &&usize| {
                let value = comparable(&one[**column]);
                left[**column].get(&value) == Some(&1) && right[**column].get(&value) == Some(&1)
            };
            let telling = same.iter().filter(telling).count();
            if telling > 0 || (same.len() * 2 >= width && !same.is_empty()) {
                candidates.push((telling, same.len(), at, other_at));
            }
        }
    }
    candidates.sort_by(|left, right| (right.0, right.1, left.2, left.3).cmp(&(left.0, left.1, right.2, right.3)));
    let (mut taken, mut given) = (vec![false; missing.len()], vec![false; unexpected.len()]);
    let mut chosen = Vec::new();
    for (_, _, at, other_at) in candidates {
        if !taken[at] && !given[other_at] {
            (taken[at], given[other_at]) = (true, true);
            chosen.push((at, other_at));
        }
    }
    chosen
}

/// How often each value stands in each column.
fn counts(rows: &[&[Value]], width: usize) -> Vec<HashMap<String, usize>> {
    let mut counts = vec![HashMap::new(); width];
    for row in rows {
        for (column, value) in row.iter().take(width).enumerate() {
            *counts[column].entry(comparable(value)).or_insert(0) += 1;
        }
    }
    counts
}

/// The first column, those with a change, and their neighbours; all where whole rows came or went.
fn columns_to_show(count: usize, pairs: &[Pair<'_>]) -> Vec<Option<usize>> {
    let changed = |column: usize| {
        pairs.iter().any(|pair| match pair {
            Pair::Same(_) => false,
            Pair::Changed(expected, actual) => !is_same(&expected[column], &actual[column]),
            Pair::Unexpected(_) | Pair::Missing(_) => true,
        })
    };
    let mut shown = beside(&(0..count).map(changed).collect::<Vec<_>>());
    if let Some(first) = shown.first_mut() {
        *first = true;
    }
    let mut columns = Vec::with_capacity(count);
    for (column, shown) in shown.into_iter().enumerate() {
        match shown {
            true => columns.push(Some(column)),
            false if columns.last() == Some(&None) => {}
            false => columns.push(None),
        }
    }
    columns
}

/// What is marked, and its neighbours.
fn beside(marked: &[bool]) -> Vec<bool> {
    let at = |index: usize| marked.get(index).copied().unwrap_or(false);
    (0..marked.len()).map(|index| at(index) || at(index + 1) || (index > 0 && at(index - 1))).collect()
}

fn line(tag: &str, columns: &[Option<usize>], cell: impl Fn(usize) -> String) -> Vec<String> {
    let cells = columns.iter().map(|column| column.map_or_else(|| ELLIPSIS.to_owned(), &cell));
    std::iter::once(tag.to_owned()).chain(cells).map(quoted).collect()
}

fn cell(pair: &Pair<'_>, column: usize) -> String {
    match pair {
        Pair::Changed(expected, actual) => {
            let (expected, actual) = (&expected[column], &actual[column]);
            match is_same(expected, actual) {
                true => text(actual),
                false => format!("{}{ARROW}{}", text(expected), text(actual)),
            }
        }
        other => text(&other.row()[column]),
    }
}

/// The lines with their cells below one another; the last ones are not filled up.
fn aligned(lines: &[Vec<String>]) -> String {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|at| lines.iter().map(|line| width(&line[at])).max().unwrap_or(0)).collect();
    let shown = lines.iter().map(|line| {
        let cells = line.iter().enumerate().map(|(at, cell)| {
            let missing = if at + 1 == columns { 0 } else { widths[at] - width(cell) };
            format!("{cell}{}", " ".repeat(missing))
        });
        cells.collect::<Vec<_>>().join(",")
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// A cell as CSV writes it.
fn quoted(cell: String) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

fn key(row: &[Value]) -> Vec<String> {
    // Null and the text `null` are two values.
    row.iter().map(|value| if value.is_none() { String::from("\0") } else { comparable(value) }).collect()
}

fn is_same(one: &Value, other: &Value) -> bool {
    one.is_none() == other.is_none() && comparable(one) == comparable(other)
}

/// A value as it is compared: a number without the zeros that end its fraction (2.50 is 2.5).
fn comparable(value: &Value) -> String {
    let text = text(value);
    let is_fraction = || text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    if value.as_str().is_some() || !is_fraction() {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn text(value: &Value) -> String {
    if value.is_none() { "null".to_owned() } else { values::text(value) }
}

/// The order of rows: value by value, nulls last.
fn order(left: &[Value], right: &[Value]) -> Ordering {
    let each = left.iter().zip(right).map(|(left, right)| match (left.is_none(), right.is_none()) {
        (false, false) => values::compare(left, right).unwrap_or_else(|_| text(left).cmp(&text(right))),
        (left, right) => left.cmp(&right),
    });
    each.fold(Ordering::Equal, Ordering::then)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1,a; 2,b`: rows of texts and numbers, `null` for null.
    fn rows(text: &str) -> Vec<Vec<Value>> {
        let value = |text: &str| match text.trim().parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) if text.trim() == "null" => values::none(),
            Err(_) => Value::from(text.trim()),
        };
        text.split(';').filter(|row| !row.trim().is_empty()).map(|row| row.split(',').map(value).collect()).collect()
    }

    fn check(columns: &str, expected: &str, actual: &str) -> String {
        let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
        render(&columns, &rows(expected), &rows(actual)).unwrap_or_else(|| "the same".to_owned())
    }

    #[test]
    fn rows_in_another_order_are_the_same() {
        assert_eq!(check("id,name", "1,a; 2,b; 2,b", "2,b; 1,a; 2,b"), "the same");
        assert_eq!(check("id", "", ""), "the same");
    }

    #[test]
    fn zeros_at_the_end_of_a_fraction_are_no_difference() {
        let columns = ["a".to_owned()];
        let of = |value: Value| [vec![value]];
        assert!(render(&columns, &of(Value::from(2.0)), &of(Value::from(2))).is_none());
        assert!(render(&columns, &of(Value::from("2.0")), &of(Value::from("2"))).is_some());
        assert!(render(&columns, &of(Value::from(20)), &of(Value::from(2))).is_some());
    }

    #[test]
    fn changed_missing_and_unexpected_rows_have_their_marks() {
        insta::assert_snapshot!(check("id,name,amount", "1,X,2; 2,Q,3; 4,R,null", "1,X,2; 2,Y,3; 3,Z,null"), @"
        @@ ,id,name,amount
           ,1 ,X   ,2
        →  ,2 ,Q→Y ,3
        +++,3 ,Z   ,null
        ---,4 ,R   ,null
        ");
        insta::assert_snapshot!(check("n,m", "1,2; 2,3; 3,4", "2,3"), @"
        @@ ,n,m
        ---,1,2
           ,2,3
        ---,3,4
        ");
        insta::assert_snapshot!(check("n", "1", "2"), @"
        @@ ,n
        +++,2
        ---,1
        ");
        insta::assert_snapshot!(check("id,flag", "1,t; 1,t", "1,t"), @"
        @@ ,id,flag
           ,1 ,t
        ---,1 ,t
        ");
    }

    #[test]
    fn what_is_far_from_a_change_is_left_out() {
        insta::assert_snapshot!(check("id,name", "1,a; 2,b; 3,x; 4,d; 5,e; 6,f", "1,a; 2,b; 3,c; 4,d; 5,e; 6,f"), @"
        @@ ,id ,name
        ...,...,...
           ,2  ,b
        →  ,3  ,x→c
           ,4  ,d
        ...,...,...
        ");
        insta::assert_snapshot!(check("id,a,b,c,d", "1,x,y,z,0; 2,x,y,z,0", "1,x,y,w,0; 2,x,y,z,0"), @"
        @@,id,...,b,c  ,d
        → ,1 ,...,y,z→w,0
          ,2 ,...,y,z  ,0
        ");
    }

    #[test]
    fn null_is_not_the_text_null_and_commas_are_quoted() {
        let columns = ["a".to_owned()];
        let null = [vec![values::none()]];
        let text = [vec![Value::from("null")]];
        assert!(render(&columns, &null, &text).is_some());
        let (one, other) = ([vec![Value::from("a,b")]], [vec![Value::from("a\"b")]]);
        insta::assert_snapshot!(render(&columns, &one, &other).unwrap_or_default(), @r#"
        @@ ,a
        +++,"a""b"
        ---,"a,b"
        "#);
    }
}
