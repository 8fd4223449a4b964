//! Python's `itertools`, as far as dbt has it in `modules`.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::arguments::{Arguments, integer, required};
use super::library::{Function, Module, deprecated};
use super::operators;
use super::render::{Render, Stop};
use super::syntax::Operator;
use super::values::{self, Fault};

/// More items than this are not read from an iterator: it may never end.
pub const ENDLESS: usize = 1 << 20;
/// A product or the like may have this many items.
const MAX_ITEMS: usize = 1 << 20;

const FUNCTIONS: [(&str, Function); 14] = [
    ("accumulate", accumulate),
    ("chain", chain),
    ("combinations", |_, arguments| choose("combinations", arguments)),
    ("combinations_with_replacement", |_, arguments| choose("combinations_with_replacement", arguments)),
    ("compress", compress),
    ("count", count),
    ("cycle", cycle),
    ("islice", islice),
    ("permutations", |_, arguments| choose("permutations", arguments)),
    ("product", product),
    ("repeat", repeat),
    ("starmap", starmap),
    ("tee", tee),
    ("zip_longest", zip_longest),
];

/// `modules.itertools`, which dbt deprecates: docs.getdbt.com/reference/deprecations.
pub fn module() -> Value {
    let (event, text) = (
        "ModulesItertoolsUsageDeprecation",
        "Usage of itertools modules is deprecated. Please use the built-in functions instead.",
    );
    let members = FUNCTIONS.iter().map(|(name, function)| (*name, deprecated(name, *function, event, text))).collect();
    Module::value("itertools", members)
}

/// An iterator that may never end.
#[derive(Debug)]
enum Endless {
    Count { start: Value, step: Value },
    Cycle(Vec<Value>),
    Repeat(Value),
}

impl Object for Endless {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let this = self.clone();
        let mut at = 0_usize;
        let mut number = match self.as_ref() {
            Endless::Count { start, .. } => start.clone(),
            _ => Value::UNDEFINED,
        };
        Enumerator::Iter(Box::new(std::iter::from_fn(move || {
            let item = match this.as_ref() {
                Endless::Count { step, .. } => {
                    let next = operators::binary(Operator::Add, &number, step).ok()?;
                    std::mem::replace(&mut number, next)
                }
                Endless::Cycle(items) => items.get(at % items.len().max(1))?.clone(),
                Endless::Repeat(value) => value.clone(),
            };
            at += 1;
            Some(item)
        })))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }
}

fn large(count: usize) -> Result<(), Fault> {
    if count > MAX_ITEMS { Err(format!("the result has more than {MAX_ITEMS} items")) } else { Ok(()) }
}

fn all(values: &[Value]) -> Result<Vec<Vec<Value>>, Fault> {
    values.iter().map(values::items).collect()
}

fn tuples(rows: Vec<Vec<Value>>) -> Value {
    values::list(rows.into_iter().map(values::tuple).collect())
}

fn accumulate(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [iterable, function, initial] = arguments.bind("accumulate", ["iterable", "func", "initial"])?;
    if function.is_some_and(|function| !function.is_none()) {
        return Err("`accumulate` with a function is not supported".to_owned().into());
    }
    let mut items = values::items(&required(iterable, "accumulate", "iterable")?)?;
    if let Some(initial) = initial.filter(|initial| !initial.is_none()) {
        items.insert(0, initial);
    }
    let mut total: Option<Value> = None;
    let mut sums = Vec::with_capacity(items.len());
    for item in items {
        let next = match &total {
            Some(total) => operators::binary(Operator::Add, total, &item)?,
            None => item,
        };
        sums.push(next.clone());
        total = Some(next);
    }
    Ok(values::list(sums))
}

fn chain(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    Ok(values::list(all(&arguments.positional)?.into_iter().flatten().collect()))
}

fn compress(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [data, selectors] = arguments.bind("compress", ["data", "selectors"])?;
    let data = values::items(&required(data, "compress", "data")?)?;
    let selectors = values::items(&required(selectors, "compress", "selectors")?)?;
    let kept = data.into_iter().zip(selectors).filter(|(_, selector)| selector.is_true()).map(|(item, _)| item);
    Ok(values::list(kept.collect()))
}

fn count(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [start, step] = arguments.bind("count", ["start", "step"])?;
    let start = start.unwrap_or_else(|| Value::from(0));
    let step = step.unwrap_or_else(|| Value::from(1));
    Ok(Value::from_object(Endless::Count { start, step }))
}

fn cycle(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [iterable] = arguments.bind("cycle", ["iterable"])?;
    Ok(Value::from_object(Endless::Cycle(values::items(&required(iterable, "cycle", "iterable")?)?)))
}

fn repeat(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [value, times] = arguments.bind("repeat", ["object", "times"])?;
    let value = required(value, "repeat", "object")?;
    match integer(times.as_ref(), "repeat", "times")? {
        Some(times) => {
            let times = usize::try_from(times).unwrap_or(0);
            large(times)?;
            Ok(values::list(vec![value; times]))
        }
        None => Ok(Value::from_object(Endless::Repeat(value))),
    }
}

fn islice(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let bound = |at: usize| integer(arguments.positional.get(at), "islice", "stop");
    let iterable = required(arguments.positional.first().cloned(), "islice", "iterable")?;
    let (start, stop, step) = match arguments.positional.len() {
        2 => (None, bound(1)?, None),
        _ => (bound(1)?, bound(2)?, bound(3)?),
    };
    let whole = |number: Option<i64>, default: usize| {
        number.map_or(Ok(default), |number| {
            usize::try_from(number).map_err(|_| "`islice` needs positive integers".to_owned())
        })
    };
    let (start, stop, step) = (whole(start, 0)?, whole(stop, MAX_ITEMS)?, whole(step, 1)?.max(1));
    let iterator = match iterable.try_iter() {
        Ok(iterator) => iterator,
        Err(_) => {
            return Err(format!("a value of type `{}` cannot be looped over", values::type_name(&iterable)).into());
        }
    };
    let taken = iterator.take(stop).skip(start).step_by(step).take(MAX_ITEMS).collect();
    Ok(values::list(taken))
}

/// Combinations and permutations.
fn choose(name: &str, arguments: Arguments) -> Result<Value, Stop> {
    let [iterable, length] = arguments.bind(name, ["iterable", "r"])?;
    let items = values::items(&required(iterable, name, "iterable")?)?;
    let length = match integer(length.as_ref(), name, "r")? {
        Some(length) => {
            usize::try_from(length).map_err(|_| format!("argument `r` of `{name}` must not be negative"))?
        }
        None if name == "permutations" => items.len(),
        None => return Err(format!("`{name}` needs its argument `r`").into()),
    };
    let mut rows = Vec::new();
    let mut chosen = Vec::new();
    extend_choice(name, &items, length.min(64), &mut chosen, &mut rows)?;
    Ok(tuples(rows))
}

fn extend_choice(
    name: &str,
    items: &[Value],
    length: usize,
    chosen: &mut Vec<usize>,
    rows: &mut Vec<Vec<Value>>,
) -> Result<(), Fault> {
    if chosen.len() == length {
        rows.push(chosen.iter().map(|index| items[*index].clone()).collect());
        return large(rows.len());
    }
    let first = match (name, chosen.last()) {
        ("combinations", Some(last)) => last + 1,
        ("combinations_with_replacement", Some(last)) => *last,
        _ => 0,
    };
    for index in first..items.len() {
        if name == "permutations" && chosen.contains(&index) {
            continue;
        }
        chosen.push(index);
        extend_choice(name, items, length, chosen, rows)?;
        chosen.pop();
    }
    Ok(())
}

fn product(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let mut pools = all(&arguments.positional)?;
    if let Some((_, times)) = arguments.named.iter().find(|(name, _)| name.as_ref() == "repeat") {
        let times = usize::try_from(integer(Some(times), "product", "repeat")?.unwrap_or(1)).unwrap_or(0).min(64);
        pools = std::iter::repeat_n(pools, times).flatten().collect();
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in pools {
        large(rows.len().saturating_mul(pool.len()))?;
        rows = rows
            .iter()
            .flat_map(|row| pool.iter().map(|item| [row.as_slice(), std::slice::from_ref(item)].concat()))
            .collect();
    }
    Ok(tuples(rows))
}

fn starmap(render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [function, iterable] = arguments.bind("starmap", ["function", "iterable"])?;
    let function = required(function, "starmap", "function")?;
    let mut results = Vec::new();
    for item in values::items(&required(iterable, "starmap", "iterable")?)? {
        let arguments = Arguments { positional: values::items(&item)?, named: Vec::new() };
        results.push(super::call_value(render, &function, arguments)?);
    }
    Ok(values::list(results))
}

fn tee(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [iterable, copies] = arguments.bind("tee", ["iterable", "n"])?;
    let items = values::items(&required(iterable, "tee", "iterable")?)?;
    let copies = usize::try_from(integer(copies.as_ref(), "tee", "n")?.unwrap_or(2)).unwrap_or(0).min(1 << 10);
    Ok(values::tuple((0..copies).map(|_| values::list(items.clone())).collect()))
}

fn zip_longest(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let fill = arguments.named.iter().find(|(name, _)| name.as_ref() == "fillvalue").map(|(_, value)| value.clone());
    let fill = fill.unwrap_or_else(values::none);
    let columns = all(&arguments.positional)?;
    let length = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| columns.iter().map(|column| column.get(at).unwrap_or(&fill).clone()).collect();
    Ok(tuples((0..length).map(row).collect()))
}
