//! Tables as templates see the results of queries and the rows of seeds: agate's `Table`,
//! `Row` and `Column`, as far as projects use them.
//!
//! Source: docs.getdbt.com/reference/dbt-jinja-functions/run_query and
//! agate.readthedocs.io/en/latest/api/table.html.

mod export;

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::{Arguments, integer, required, truth};
use super::render::Stop;
use super::values::{self, Fault};
use crate::adapter::seed::SeedFile;

/// Names, and rows with a value for each.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    names: Vec<Arc<str>>,
    rows: Rows,
}

/// A row's values.
type RowValues = Arc<Vec<Value>>;

/// The rows of a table. Those of a seed are made when a template looks at one of them.
#[derive(Debug, Default, Clone)]
struct Rows {
    seed: Option<Arc<SeedFile>>,
    made: OnceLock<Vec<RowValues>>,
}

impl Rows {
    /// How many rows there are; makes none.
    fn len(&self) -> usize {
        match (&self.seed, self.made.get()) {
            (Some(seed), None) => seed.row_count,
            (_, made) => made.map_or(0, Vec::len),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Vec<RowValues>> for Rows {
    fn from(rows: Vec<RowValues>) -> Rows {
        Rows { seed: None, made: OnceLock::from(rows) }
    }
}

impl Deref for Rows {
    type Target = Vec<RowValues>;

    fn deref(&self) -> &Vec<RowValues> {
        self.made.get_or_init(|| {
            let rows = self.seed.iter().flat_map(|seed| seed.rows());
            rows.map(|row| Arc::new(row.into_iter().map(super::cells::value).collect())).collect()
        })
    }
}

impl PartialEq for Rows {
    fn eq(&self, other: &Rows) -> bool {
        **self == **other
    }
}

impl Contents {
    fn index(&self, key: &Value) -> Option<usize> {
        index_of(&self.names, key)
    }
}

fn index_of(names: &[Arc<str>], key: &Value) -> Option<usize> {
    match key.as_str() {
        Some(name) => names.iter().position(|known| **known == *name),
        None => values::position(key.as_i64()?, names.len()),
    }
}

/// A table.
#[derive(Debug)]
pub struct Table(Arc<Contents>);

/// One row of a table.
#[derive(Debug)]
struct Row {
    table: Arc<Contents>,
    values: Arc<Vec<Value>>,
}

/// One column of a table.
#[derive(Debug)]
struct Column {
    table: Arc<Contents>,
    index: usize,
}

/// `table.rows` or `table.columns`.
#[derive(Debug)]
struct Parts {
    table: Arc<Contents>,
    of_columns: bool,
}

/// A table of these columns and rows.
pub fn new(names: Vec<String>, rows: Vec<Vec<Value>>) -> Value {
    let names = names.into_iter().map(Arc::from).collect();
    make(Contents { names, rows: rows.into_iter().map(Arc::new).collect::<Vec<_>>().into() })
}

fn make(contents: Contents) -> Value {
    Value::from_object(Table(Arc::new(contents)))
}

/// The table of a seed.
pub fn of_seed(seed: SeedFile) -> Value {
    let names = seed.columns.iter().map(|name| Arc::from(name.as_str())).collect();
    make(Contents { names, rows: Rows { seed: Some(Arc::new(seed)), made: OnceLock::new() } })
}

/// The seed that a table is of, if it is one.
pub fn seed(table: &Value) -> Option<&SeedFile> {
    contents(table)?.rows.seed.as_deref()
}

/// A table without columns and rows.
pub fn empty() -> Value {
    make(Contents::default())
}

fn contents(table: &Value) -> Option<&Arc<Contents>> {
    table.downcast_object_ref::<Table>().map(|table| &table.0)
}

/// Whether the value is a row or a column.
pub fn is_mapped(value: &Value) -> bool {
    value.downcast_object_ref::<Row>().is_some() || value.downcast_object_ref::<Column>().is_some()
}

/// The rows of a table, or of a list of lists.
pub fn rows(table: &Value) -> Vec<Vec<Value>> {
    match contents(table) {
        Some(contents) => contents.rows.iter().map(|row| row.to_vec()).collect(),
        None => values::items(table)
            .unwrap_or_default()
            .iter()
            .map(|row| values::items(row).unwrap_or_else(|_| vec![row.clone()]))
            .collect(),
    }
}

/// The rows as a list of tuples, as `load_result(...).data` gives them.
pub fn data(table: &Value) -> Value {
    values::list(rows(table).into_iter().map(values::tuple).collect())
}

/// The names of the columns.
pub fn column_names(table: &Value) -> Vec<String> {
    contents(table).map(|contents| contents.names.iter().map(|name| name.to_string()).collect()).unwrap_or_default()
}

/// The index of a column by its name in any case.
pub fn column_index(table: &Value, name: &str) -> Option<usize> {
    contents(table)?.names.iter().position(|known| known.eq_ignore_ascii_case(name))
}

fn row(table: &Arc<Contents>, values: &Arc<Vec<Value>>) -> Value {
    Value::from_object(Row { table: table.clone(), values: values.clone() })
}

fn column(table: &Arc<Contents>, index: usize) -> Value {
    Value::from_object(Column { table: table.clone(), index })
}

fn unknown_method() -> Error {
    Error::from(ErrorKind::UnknownMethod)
}

fn failed(message: Fault) -> Error {
    Stop::from(message).into_error()
}

fn names_value(names: &[Arc<str>]) -> Value {
    values::tuple(names.iter().map(|name| Value::from(name.as_ref())).collect())
}

fn pairs_value(names: &[Arc<str>], items: impl Iterator<Item = Value>) -> Value {
    let pair = |(name, value): (&Arc<str>, Value)| values::tuple(vec![Value::from(name.as_ref()), value]);
    values::list(names.iter().zip(items).map(pair).collect())
}

impl Object for Row {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(_) => self.values.get(index_of(&self.table.names, key)?).cloned(),
            None => self.values.get(values::position(key.as_i64()?, self.values.len())?).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.values.to_vec())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let values = || self.values.iter().cloned();
        Ok(match method {
            "values" => values::tuple(values().collect()),
            "keys" => names_value(&self.table.names),
            "items" => pairs_value(&self.table.names, values()),
            "dict" => values::dict_of(self.table.names.iter().map(|name| name.to_string()).zip(values())),
            "get" => {
                let [key, default] = Arguments::from_values(args).bind("get", ["key", "default"]).map_err(failed)?;
                let found = key.and_then(|key| self.get_value(&key));
                found.unwrap_or_else(|| default.unwrap_or_else(values::none))
            }
            _ => return Err(unknown_method()),
        })
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<agate.Row: ({})>", shown(self.values.iter().cloned()))
    }
}

/// The first values of a row or a column, as many as agate shows.
fn shown(values: impl Iterator<Item = Value>) -> String {
    const MOST: usize = 5;
    let mut shown: Vec<String> = values.take(MOST + 1).map(|value| values::representation(&value)).collect();
    if let Some(more) = shown.get_mut(MOST) {
        "...".clone_into(more);
    }
    shown.join(", ")
}

impl Column {
    fn values(&self) -> impl Iterator<Item = Value> + '_ {
        self.table.rows.iter().map(|row| row.get(self.index).cloned().unwrap_or_else(values::none))
    }
}

fn sorted(mut items: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let mut problem = None;
    items.sort_by(|left, right| {
        // Nulls stand last, as agate has them.
        left.is_none().cmp(&right.is_none()).then_with(|| match left.is_none() {
            true => std::cmp::Ordering::Equal,
            false => values::compare(left, right).unwrap_or_else(|fault| {
                problem.get_or_insert(fault);
                std::cmp::Ordering::Equal
            }),
        })
    });
    problem.map_or(Ok(items), Err)
}

fn distinct(items: impl Iterator<Item = Value>) -> Vec<Value> {
    items.collect::<indexmap::IndexSet<Value>>().into_iter().collect()
}

impl Object for Column {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(key) => self.get_value_by_str(key),
            None => {
                let at = values::position(key.as_i64()?, self.table.rows.len())?;
                self.table.rows[at].get(self.index).cloned()
            }
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "name" => Some(Value::from(self.table.names.get(self.index)?.as_ref())),
            "index" => Some(Value::from(self.index)),
            "data_type" => Some(self.table.data_type(self.index)),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.values().collect())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        method: &str,
        _args: &[Value],
    ) -> Result<Value, Error> {
        let known = || self.values().filter(|value| !value.is_none());
        Ok(match method {
            "values" => values::tuple(self.values().collect()),
            "values_distinct" => values::tuple(distinct(self.values())),
            "values_without_nulls" => values::tuple(known().collect()),
            "values_sorted" => values::list(sorted(self.values().collect()).map_err(failed)?),
            "values_without_nulls_sorted" => values::list(sorted(known().collect()).map_err(failed)?),
            _ => return Err(unknown_method()),
        })
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<agate.Column: ({})>", shown(self.values()))
    }
}

impl Parts {
    fn at(&self, index: usize) -> Option<Value> {
        match self.of_columns {
            true => (index < self.table.names.len()).then(|| column(&self.table, index)),
            false => self.table.rows.get(index).map(|values| row(&self.table, values)),
        }
    }

    fn len(&self) -> usize {
        if self.of_columns { self.table.names.len() } else { self.table.rows.len() }
    }

    fn all(&self) -> Vec<Value> {
        (0..self.len()).filter_map(|index| self.at(index)).collect()
    }
}

impl Object for Parts {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(_) if self.of_columns => self.at(self.table.index(key)?),
            Some(_) => None,
            None => self.at(values::position(key.as_i64()?, self.len())?),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.all())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        Ok(match method {
            "values" => values::tuple(self.all()),
            "keys" if self.of_columns => names_value(&self.table.names),
            "items" if self.of_columns => pairs_value(&self.table.names, self.all().into_iter()),
            "dict" if self.of_columns => {
                values::dict_of(self.table.names.iter().map(|name| name.to_string()).zip(self.all()))
            }
            "get" => {
                let [key, default] = Arguments::from_values(args).bind("get", ["key", "default"]).map_err(failed)?;
                let found = key.and_then(|key| self.get_value(&key));
                found.unwrap_or_else(|| default.unwrap_or_else(values::none))
            }
            _ => return Err(unknown_method()),
        })
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.of_columns { "columns" } else { "rows" };
        write!(formatter, "<agate.MappedSequence: {} {what}>", self.len())
    }
}

impl Table {
    /// The indexes of columns that an argument names: one, or a list of them.
    fn columns(&self, argument: &Value, function: &str) -> Result<Vec<usize>, Fault> {
        let wanted = match argument.as_str() {
            Some(_) => vec![argument.clone()],
            None => values::items(argument)?,
        };
        let index = |key: &Value| {
            let missing = || format!("`{function}`: the table has no column {}", values::representation(key));
            self.0.index(key).ok_or_else(missing)
        };
        wanted.iter().map(index).collect()
    }

    fn with_columns(&self, indexes: &[usize]) -> Value {
        let pick = |row: &Arc<Vec<Value>>| Arc::new(indexes.iter().map(|index| row[*index].clone()).collect());
        let names = indexes.iter().map(|index| self.0.names[*index].clone()).collect();
        make(Contents { names, rows: self.0.rows.iter().map(pick).collect::<Vec<_>>().into() })
    }

    fn with_rows(&self, rows: Vec<Arc<Vec<Value>>>) -> Value {
        make(Contents { names: self.0.names.clone(), rows: rows.into() })
    }

    fn order_by(&self, arguments: Arguments, state: &mut State<'_, '_>) -> Result<Value, Error> {
        let [key, reverse] = arguments.bind("order_by", ["key", "reverse"]).map_err(failed)?;
        let key = required(key, "order_by", "key").map_err(failed)?;
        let mut keyed = Vec::with_capacity(self.0.rows.len());
        for values in self.0.rows.iter() {
            keyed.push((self.key_of(&key, values, state)?, values.clone()));
        }
        let mut problem = None;
        keyed.sort_by(|(left, _), (right, _)| {
            left.is_none().cmp(&right.is_none()).then_with(|| match left.is_none() {
                true => std::cmp::Ordering::Equal,
                false => values::compare(left, right).unwrap_or_else(|fault| {
                    problem.get_or_insert(fault);
                    std::cmp::Ordering::Equal
                }),
            })
        });
        if let Some(problem) = problem {
            return Err(failed(problem));
        }
        if truth(reverse.as_ref(), false) {
            keyed.reverse();
        }
        Ok(self.with_rows(keyed.into_iter().map(|(_, row)| row).collect()))
    }

    /// What `order_by` and `distinct` look at: a column, several, or what a function gives.
    fn key_of(&self, key: &Value, values: &Arc<Vec<Value>>, state: &mut State<'_, '_>) -> Result<Value, Error> {
        let is_function = key.as_object().is_some_and(|object| object.repr() == ObjectRepr::Plain);
        if is_function {
            let arguments = Arguments { positional: vec![row(&self.0, values)], named: Vec::new() };
            return super::call(state, key, arguments);
        }
        let indexes = self.columns(key, "order_by").map_err(failed)?;
        Ok(match indexes.as_slice() {
            [index] => values[*index].clone(),
            several => values::tuple(several.iter().map(|index| values[*index].clone()).collect()),
        })
    }

    fn filter(&self, arguments: Arguments, state: &mut State<'_, '_>, first: bool) -> Result<Value, Error> {
        let [test] = arguments.bind("where", ["test"]).map_err(failed)?;
        let test = required(test, "where", "test").map_err(failed)?;
        let mut kept = Vec::new();
        for values in self.0.rows.iter() {
            let arguments = Arguments { positional: vec![row(&self.0, values)], named: Vec::new() };
            if super::call(state, &test, arguments)?.is_true() {
                if first {
                    return Ok(row(&self.0, values));
                }
                kept.push(values.clone());
            }
        }
        Ok(if first { values::none() } else { self.with_rows(kept) })
    }

    fn limit(&self, arguments: Arguments) -> Result<Value, Fault> {
        let [start, stop, step] = arguments.bind("limit", ["start_or_stop", "stop", "step"])?;
        let number = |value: Option<&Value>, name: &str| integer(value, "limit", name);
        let (first, second) = (number(start.as_ref(), "start_or_stop")?, number(stop.as_ref(), "stop")?);
        let step = number(step.as_ref(), "step")?.unwrap_or(1).max(1);
        let (start, stop) = if second.is_some() { (first.unwrap_or(0), second) } else { (0, first) };
        let length = i64::try_from(self.0.rows.len()).unwrap_or(i64::MAX);
        let bound = |at: i64| usize::try_from(if at < 0 { (at + length).max(0) } else { at.min(length) }).unwrap_or(0);
        let range = bound(start)..stop.map_or(self.0.rows.len(), bound).max(bound(start));
        let step = usize::try_from(step).unwrap_or(1);
        Ok(self.with_rows(self.0.rows[range].iter().step_by(step).cloned().collect()))
    }

    fn distinct(&self, arguments: Arguments, state: &mut State<'_, '_>) -> Result<Value, Error> {
        let [key] = arguments.bind("distinct", ["key"]).map_err(failed)?;
        let mut seen = std::collections::HashSet::new();
        let mut kept = Vec::new();
        for values in self.0.rows.iter() {
            let own = match &key {
                Some(key) => self.key_of(key, values, state)?,
                None => values::tuple(values.to_vec()),
            };
            if seen.insert(own) {
                kept.push(values.clone());
            }
        }
        Ok(self.with_rows(kept))
    }

    fn rename(&self, arguments: Arguments) -> Result<Value, Fault> {
        let [names, _, _, _] = arguments.bind("rename", ["column_names", "row_names", "slug_columns", "slug_rows"])?;
        let names = required(names, "rename", "column_names")?;
        let renamed: Vec<Arc<str>> = match names.kind() {
            minijinja::value::ValueKind::Map => {
                let pairs = values::pairs(&names).unwrap_or_default();
                let new = |name: &Arc<str>| {
                    let found = pairs.iter().find(|(old, _)| old.as_str() == Some(name));
                    found.map_or_else(|| name.clone(), |(_, new)| values::text(new).into())
                };
                self.0.names.iter().map(new).collect()
            }
            _ => values::items(&names)?.iter().map(|name| values::text(name).into()).collect(),
        };
        if renamed.len() != self.0.names.len() {
            return Err(format!("`rename` got {} names for {} columns", renamed.len(), self.0.names.len()));
        }
        Ok(make(Contents { names: renamed, rows: (*self.0.rows).clone().into() }))
    }

    /// The table as text, as `print_table` prints it.
    fn text(&self, arguments: Arguments) -> Result<String, Fault> {
        let names = ["max_rows", "max_columns", "output", "locale", "max_column_width", "max_precision"];
        let [max_rows, max_columns, _, _, width, _] = arguments.bind("print_table", names)?;
        let number = |value: Option<&Value>, name: &str, default: usize| -> Result<usize, Fault> {
            let found = integer(value, "print_table", name)?;
            Ok(found.and_then(|found| usize::try_from(found).ok()).unwrap_or(default))
        };
        let max_rows = number(max_rows.as_ref(), "max_rows", 20)?;
        let max_columns = number(max_columns.as_ref(), "max_columns", 6)?;
        let width = number(width.as_ref(), "max_column_width", 20)?.max(4);
        let short = |text: String| match text.chars().count() > width {
            true => text.chars().take(width - 3).chain("...".chars()).collect(),
            false => text,
        };
        let shown = self.0.names.len().min(max_columns);
        let more_columns = self.0.names.len() > shown;
        let mut lines: Vec<Vec<String>> = Vec::new();
        let line = |mut cells: Vec<String>| {
            cells.extend(more_columns.then(|| "...".to_owned()));
            cells
        };
        lines.push(line(self.0.names[..shown].iter().map(|name| short(name.to_string())).collect()));
        for row in self.0.rows.iter().take(max_rows) {
            let cell = |value: &Value| if value.is_none() { String::new() } else { short(values::text(value)) };
            lines.push(line(row[..shown].iter().map(cell).collect()));
        }
        if self.0.rows.len() > max_rows {
            lines.push(line(vec!["...".to_owned(); shown]));
        }
        let columns = lines.first().map_or(0, Vec::len);
        let size = |text: &str| unicode_width::UnicodeWidthStr::width(text);
        let widths: Vec<usize> =
            (0..columns).map(|index| lines.iter().map(|line| size(&line[index])).max().unwrap_or(0)).collect();
        let right: Vec<bool> = (0..columns).map(|index| self.is_numeric(index)).collect();
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            let cells = line.iter().enumerate().map(|(index, cell)| {
                let space = " ".repeat(widths[index] - size(cell));
                if right[index] && number > 0 { format!("{space}{cell}") } else { format!("{cell}{space}") }
            });
            text.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
            if number == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                text.push_str(&format!("| {} |\n", rule.join(" | ")));
            }
        }
        Ok(text)
    }

    fn is_numeric(&self, index: usize) -> bool {
        let known = |row: &Arc<Vec<Value>>| row.get(index).is_some_and(|value| !value.is_none());
        matches!(self.0.kind(index), "Integer" | "Number") && self.0.rows.iter().any(known)
    }
}

impl Object for Table {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(key) => self.get_value_by_str(key),
            None => {
                let at = values::position(key.as_i64()?, self.0.rows.len())?;
                Some(row(&self.0, &self.0.rows[at]))
            }
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "rows" => Some(Value::from_object(Parts { table: self.0.clone(), of_columns: false })),
            "columns" => Some(Value::from_object(Parts { table: self.0.clone(), of_columns: true })),
            "column_names" => Some(names_value(&self.0.names)),
            "column_types" => {
                Some(values::tuple((0..self.0.names.len()).map(|index| self.0.data_type(index)).collect()))
            }
            "row_names" => Some(values::none()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.rows.iter().map(|values| row(&self.0, values)).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.rows.len())
    }

    /// A table without rows is a table all the same.
    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.rows.is_empty()
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::from_values(args);
        match method {
            "select" | "exclude" => {
                let [key] = arguments.bind(method, ["key"]).map_err(failed)?;
                let key = required(key, method, "key").map_err(failed)?;
                let mut indexes = self.columns(&key, method).map_err(failed)?;
                if method == "exclude" {
                    indexes = (0..self.0.names.len()).filter(|index| !indexes.contains(index)).collect();
                }
                Ok(self.with_columns(&indexes))
            }
            "where" => self.filter(arguments, state, false),
            "find" => self.filter(arguments, state, true),
            "order_by" => self.order_by(arguments, state),
            "limit" => self.limit(arguments).map_err(failed),
            "distinct" => self.distinct(arguments, state),
            "rename" => self.rename(arguments).map_err(failed),
            "group_by" => {
                let [key, _name] = arguments.bind(method, ["key", "key_name"]).map_err(failed)?;
                let key = required(key, method, "key").map_err(failed)?;
                self.group_by(&key).map_err(failed)
            }
            "to_json" => Ok(Value::from(self.json())),
            "to_csv" => Ok(Value::from(self.csv())),
            "print_table" | "print_json" | "print_csv" => {
                let text = match method {
                    "print_table" => self.text(arguments).map_err(failed)?,
                    "print_json" => self.json(),
                    _ => self.csv(),
                };
                if let Some(render) = super::render::current(state) {
                    render.engine.say(super::MessageKind::Print, text.trim_end().to_owned(), None);
                }
                Ok(values::none())
            }
            _ => Err(unknown_method()),
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (names, kinds) = ("column", "data_type");
        let width = |heading: &str, longest: Option<usize>| longest.unwrap_or(0).max(heading.len());
        let name_width = width(names, self.0.names.iter().map(|name| name.chars().count()).max());
        let kind_width = width(kinds, (0..self.0.names.len()).map(|index| self.0.kind(index).len()).max());
        writeln!(formatter, "| {names:<name_width$} | {kinds:<kind_width$} |")?;
        writeln!(formatter, "| {:-<name_width$} | {:-<kind_width$} |", "", "")?;
        for (index, name) in self.0.names.iter().enumerate() {
            writeln!(formatter, "| {name:<name_width$} | {:<kind_width$} |", self.0.kind(index))?;
        }
        Ok(())
    }
}
