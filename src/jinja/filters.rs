//! Jinja's filters and dbt's own.

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::ValueKind;

use super::arguments::{Arguments, integer, required, string, truth};
use super::evaluate::{get_attribute, get_item};
use super::text_filters as texts;
use super::values::{self, Fault, Number};
use super::{json, named_tuple, operators, tests};

pub type Filter = fn(&Value, Arguments) -> Result<Value, Fault>;

const FILTERS: [(&str, Filter); 64] = [
    ("abs", absolute),
    ("as_bool", same),
    ("as_native", same),
    ("as_number", same),
    ("as_text", same),
    ("attr", attr),
    ("batch", batch),
    ("capitalize", texts::capitalize),
    ("center", texts::center),
    ("count", length),
    ("d", default),
    ("default", default),
    ("dictsort", dictsort),
    ("e", texts::escape),
    ("escape", texts::escape),
    ("filesizeformat", texts::file_size),
    ("first", first),
    ("float", float),
    ("forceescape", texts::escape),
    ("format", texts::format),
    ("fromjson", json::from_json_filter),
    ("groupby", groupby),
    ("indent", texts::indent),
    ("int", int),
    ("is_list", |value, _| Ok(Value::from(value.kind() == ValueKind::Seq && !values::is_tuple(value)))),
    ("items", pairs),
    ("join", join),
    ("last", last),
    ("length", length),
    ("list", list),
    ("lower", texts::lower),
    ("map", map),
    ("max", |value, arguments| extreme(value, arguments, "max")),
    ("min", |value, arguments| extreme(value, arguments, "min")),
    ("pprint", |value, _| Ok(Value::from(super::pretty::text(value)))),
    ("random", random),
    ("reject", |value, arguments| choose(value, arguments, false, false)),
    ("rejectattr", |value, arguments| choose(value, arguments, true, false)),
    ("replace", texts::replace),
    ("reverse", reverse),
    ("round", round),
    ("safe", same),
    ("select", |value, arguments| choose(value, arguments, false, true)),
    ("selectattr", |value, arguments| choose(value, arguments, true, true)),
    ("set", |value, _| Ok(values::set(values::items(value)?))),
    ("slice", slice),
    ("sort", sort),
    ("string", |value, _| Ok(Value::from(values::text(value)))),
    ("striptags", texts::striptags),
    ("sum", sum),
    ("title", texts::title),
    ("tojson", json::to_json_filter),
    ("toyaml", |value, _| Ok(Value::from(super::yaml::to_yaml(value, false)?))),
    ("trim", texts::trim),
    ("truncate", texts::truncate),
    ("unique", unique),
    ("upper", texts::upper),
    ("urlencode", texts::urlencode),
    ("urlize", super::urlize::filter),
    ("wordcount", texts::wordcount),
    ("wordwrap", texts::wordwrap),
    ("xmlattr", texts::xmlattr),
    ("tuple", |value, _| Ok(values::tuple(values::items(value)?))),
    ("repr", |value, _| Ok(Value::from(values::representation(value)))),
];

/// The filter of that name.
pub fn find(name: &str) -> Option<Filter> {
    FILTERS.iter().find(|(known, _)| *known == name).map(|(_, filter)| *filter)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|(name, _)| *name)
}

fn same(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    Ok(value.clone())
}

fn absolute(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    arguments.none("abs")?;
    if let Some(Number::Float(number)) = Number::of(value) {
        return Ok(Value::from(number.abs()));
    }
    let negative = values::compare(value, &Value::from(0))? == std::cmp::Ordering::Less;
    if negative { operators::negate(value) } else { Ok(value.clone()) }
}

fn attr(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [name] = arguments.bind("attr", ["name"])?;
    Ok(get_attribute(value, &values::text(&required(name, "attr", "name")?)))
}

fn default(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [default, boolean] = arguments.bind("default", ["default_value", "boolean"])?;
    let missing = value.is_undefined() || (truth(boolean.as_ref(), false) && !value.is_true());
    Ok(if missing { default.unwrap_or_else(|| Value::from("")) } else { value.clone() })
}

fn length(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    arguments.none("length")?;
    values::length(value).map(Value::from)
}

fn first(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    Ok(values::items(value)?.into_iter().next().unwrap_or_default())
}

fn last(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    Ok(values::items(value)?.pop().unwrap_or_default())
}

fn list(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    arguments.none("list")?;
    values::items(value).map(values::list)
}

fn pairs(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    if value.is_undefined() {
        return Ok(values::list(Vec::new()));
    }
    let pairs =
        values::pairs(value).ok_or_else(|| format!("`items` needs a dict, not `{}`", values::type_name(value)))?;
    Ok(values::list(pairs.into_iter().map(|(key, value)| values::tuple(vec![key, value])).collect()))
}

fn random(value: &Value, _arguments: Arguments) -> Result<Value, Fault> {
    let items = values::items(value)?;
    let entropy = uuid::Uuid::new_v4().as_u128();
    let at = usize::try_from(entropy % (items.len().max(1) as u128)).unwrap_or(0);
    Ok(items.into_iter().nth(at).unwrap_or_default())
}

fn reverse(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    arguments.none("reverse")?;
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut items = values::items(value)?;
    items.reverse();
    Ok(values::list(items))
}

// --- numbers ---

fn int(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [default, base] = arguments.bind("int", ["default", "base"])?;
    let base = u32::try_from(integer(base.as_ref(), "int", "base")?.unwrap_or(10)).unwrap_or(10).clamp(2, 36);
    let default = default.unwrap_or_else(|| Value::from(0));
    #[expect(clippy::cast_possible_truncation, reason = "Python cuts the fraction off")]
    let whole =
        |number: f64| if number.is_finite() { values::integer(number.trunc() as i128) } else { default.clone() };
    if let Some(text) = value.as_str() {
        let text = text.trim().replace('_', "");
        let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
        let digits = match base {
            16 => digits.trim_start_matches("0x").trim_start_matches("0X"),
            8 => digits.trim_start_matches("0o"),
            2 => digits.trim_start_matches("0b"),
            _ => digits.strip_prefix('+').unwrap_or(digits),
        };
        return Ok(match i128::from_str_radix(digits, base) {
            Ok(number) => values::integer(sign * number),
            Err(_) => text.parse::<f64>().map_or_else(|_| default.clone(), whole),
        });
    }
    Ok(match Number::of(value) {
        Some(Number::Integer(number)) => values::integer(number),
        Some(Number::Float(number)) => whole(number),
        None => super::decimal::float(value).map_or_else(|| default.clone(), whole),
    })
}

fn float(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [default] = arguments.bind("float", ["default"])?;
    let default = default.unwrap_or_else(|| Value::from(0.0));
    if let Some(text) = value.as_str() {
        return Ok(text.trim().replace('_', "").parse::<f64>().map_or(default, Value::from));
    }
    let number = Number::of(value).map(Number::float).or_else(|| super::decimal::float(value));
    Ok(number.map_or(default, Value::from))
}

fn round(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [precision, method] = arguments.bind("round", ["precision", "method"])?;
    let precision = integer(precision.as_ref(), "round", "precision")?.unwrap_or(0);
    let method = string(method.as_ref(), "round", "method")?.unwrap_or_else(|| "common".to_owned());
    if let (Some(Number::Integer(whole)), "common") = (Number::of(value), method.as_str()) {
        return Ok(round_integer(whole, precision));
    }
    let number = Number::of(value).map(Number::float).or_else(|| super::decimal::float(value));
    let number = number.ok_or_else(|| format!("`round` needs a number, not `{}`", values::type_name(value)))?;
    let scale = 10_f64.powi(i32::try_from(precision).unwrap_or(0).clamp(-300, 300));
    let rounded = match method.as_str() {
        "ceil" => (number * scale).ceil() / scale,
        "floor" => (number * scale).floor() / scale,
        "common" => match usize::try_from(precision) {
            // Printing rounds the exact value half to even, as Python does.
            Ok(places) => format!("{number:.places$}", places = places.min(300)).parse().unwrap_or(number),
            Err(_) => (number * scale).round_ties_even() / scale,
        },
        _ => return Err("the method of `round` must be `common`, `ceil` or `floor`".to_owned()),
    };
    Ok(Value::from(rounded))
}

/// Python rounds integers to integers, half to even.
fn round_integer(whole: i128, precision: i64) -> Value {
    let Some(scale) = u32::try_from(-precision).ok().filter(|digits| *digits > 0) else {
        return values::integer(whole);
    };
    let Some(scale) = 10_i128.checked_pow(scale) else { return Value::from(0) };
    let (quotient, rest) = (whole.div_euclid(scale), whole.rem_euclid(scale));
    let up = rest * 2 > scale || (rest * 2 == scale && quotient % 2 != 0);
    values::integer((quotient + i128::from(up)) * scale)
}

fn sum(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [attribute, start] = arguments.bind("sum", ["attribute", "start"])?;
    let mut total = start.unwrap_or_else(|| Value::from(0));
    for item in values::items(value)? {
        let item = path(&item, attribute.as_ref());
        total = operators::binary(super::syntax::Operator::Add, &total, &item)?;
    }
    Ok(total)
}

// --- sequences ---

/// The item itself, or what stands at an attribute's path (`a.b`, `0`).
fn path(item: &Value, attribute: Option<&Value>) -> Value {
    let Some(attribute) = attribute.filter(|attribute| !attribute.is_none()) else { return item.clone() };
    let Some(names) = attribute.as_str() else { return get_item(item, attribute) };
    let mut value = item.clone();
    for name in names.split('.') {
        value = match name.parse::<i64>() {
            Ok(index) => get_item(&value, &Value::from(index)),
            Err(_) => get_item(&value, &Value::from(name)),
        };
    }
    value
}

/// What two values are compared by: text without regard to case, unless asked.
fn key(value: Value, case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value,
    }
}

fn sort(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [reverse, case_sensitive, attribute] = arguments.bind("sort", ["reverse", "case_sensitive", "attribute"])?;
    let case_sensitive = truth(case_sensitive.as_ref(), false);
    let several = attribute.as_ref().and_then(Value::as_str).filter(|names| names.contains(',')).map(str::to_owned);
    let mut keyed: Vec<(Value, Value)> = values::items(value)?
        .into_iter()
        .map(|item| {
            let sort_key = match &several {
                Some(names) => {
                    let parts =
                        names.split(',').map(|name| key(path(&item, Some(&Value::from(name.trim()))), case_sensitive));
                    values::list(parts.collect())
                }
                None => key(path(&item, attribute.as_ref()), case_sensitive),
            };
            (sort_key, item)
        })
        .collect();
    values::sort_by_key(&mut keyed, truth(reverse.as_ref(), false))?;
    Ok(values::list(keyed.into_iter().map(|(_, item)| item).collect()))
}

fn dictsort(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [case_sensitive, by, reverse] = arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let case_sensitive = truth(case_sensitive.as_ref(), false);
    let by_value = match string(by.as_ref(), "dictsort", "by")?.as_deref() {
        None | Some("key") => false,
        Some("value") => true,
        Some(_) => return Err("`dictsort` sorts by `key` or by `value`".to_owned()),
    };
    let pairs =
        values::pairs(value).ok_or_else(|| format!("`dictsort` needs a dict, not `{}`", values::type_name(value)))?;
    let mut keyed: Vec<(Value, Value)> = pairs
        .into_iter()
        .map(|(name, value)| {
            let sort_key = key(if by_value { value.clone() } else { name.clone() }, case_sensitive);
            (sort_key, values::tuple(vec![name, value]))
        })
        .collect();
    values::sort_by_key(&mut keyed, truth(reverse.as_ref(), false))?;
    Ok(values::list(keyed.into_iter().map(|(_, pair)| pair).collect()))
}

fn unique(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [case_sensitive, attribute] = arguments.bind("unique", ["case_sensitive", "attribute"])?;
    let case_sensitive = truth(case_sensitive.as_ref(), false);
    let mut seen = indexmap::IndexSet::new();
    let mut kept = Vec::new();
    for item in items_if_true(value)? {
        let by = key(path(&item, attribute.as_ref()), case_sensitive);
        if seen.insert(by) {
            kept.push(item);
        }
    }
    Ok(values::list(kept))
}

fn extreme(value: &Value, arguments: Arguments, name: &str) -> Result<Value, Fault> {
    let [case_sensitive, attribute] = arguments.bind(name, ["case_sensitive", "attribute"])?;
    let case_sensitive = truth(case_sensitive.as_ref(), false);
    let wanted = if name == "min" { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater };
    let mut best: Option<(Value, Value)> = None;
    for item in values::items(value)? {
        let by = key(path(&item, attribute.as_ref()), case_sensitive);
        let better = match &best {
            Some((known, _)) => values::compare(&by, known)? == wanted,
            None => true,
        };
        if better {
            best = Some((by, item));
        }
    }
    Ok(best.map(|(_, item)| item).unwrap_or_default())
}

fn join(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [separator, attribute] = arguments.bind("join", ["d", "attribute"])?;
    let separator = separator.map(|separator| values::text(&separator)).unwrap_or_default();
    let mut text = String::new();
    for (index, item) in values::items(value)?.iter().enumerate() {
        if index > 0 {
            text.push_str(&separator);
        }
        values::write_text(&path(item, attribute.as_ref()), &mut text);
    }
    Ok(Value::from(text))
}

/// The items of what `map`, `select` and their kind are given: Jinja2 does not look into what is not true.
fn items_if_true(value: &Value) -> Result<Vec<Value>, Fault> {
    if value.is_none() { Ok(Vec::new()) } else { values::items(value) }
}

fn map(value: &Value, mut arguments: Arguments) -> Result<Value, Fault> {
    let items = items_if_true(value)?;
    if arguments.positional.is_empty() {
        let [attribute, default] = arguments.bind("map", ["attribute", "default"])?;
        let attribute = required(attribute, "map", "attribute")?;
        let pick = |item: &Value| {
            let found = path(item, Some(&attribute));
            if found.is_undefined() { default.clone().unwrap_or_default() } else { found }
        };
        return Ok(values::list(items.iter().map(pick).collect()));
    }
    let name = arguments.positional.remove(0);
    let filter = name.as_str().and_then(find);
    let filter = filter.ok_or_else(|| format!("there is no filter {}", values::representation(&name)))?;
    let mapped: Result<Vec<Value>, Fault> = items.iter().map(|item| filter(item, arguments.clone())).collect();
    mapped.map(values::list)
}

fn choose(value: &Value, mut arguments: Arguments, by_attribute: bool, keep: bool) -> Result<Value, Fault> {
    let mut take = || if arguments.positional.is_empty() { None } else { Some(arguments.positional.remove(0)) };
    let attribute = if by_attribute { Some(take().ok_or("the filter needs the name of an attribute")?) } else { None };
    let test = match take() {
        Some(name) => {
            let test = name.as_str().and_then(tests::find);
            Some(test.ok_or_else(|| format!("there is no test {}", values::representation(&name)))?)
        }
        None => None,
    };
    let mut kept = Vec::new();
    for item in values::items(value)? {
        let subject = path(&item, attribute.as_ref());
        let holds = match test {
            Some(test) => test(&subject, arguments.clone())?,
            None => subject.is_true(),
        };
        if holds == keep {
            kept.push(item);
        }
    }
    Ok(values::list(kept))
}

fn groupby(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [attribute, default, case_sensitive] = arguments.bind("groupby", ["attribute", "default", "case_sensitive"])?;
    let attribute = required(attribute, "groupby", "attribute")?;
    let case_sensitive = truth(case_sensitive.as_ref(), false);
    let mut keyed = Vec::new();
    for item in values::items(value)? {
        let found = path(&item, Some(&attribute));
        let found = if found.is_undefined() { default.clone().unwrap_or_default() } else { found };
        keyed.push((key(found.clone(), case_sensitive), values::tuple(vec![found, item])));
    }
    values::sort_by_key(&mut keyed, false)?;
    let mut groups: IndexMap<Value, (Value, Vec<Value>)> = IndexMap::new();
    for (sort_key, pair) in keyed {
        let pair = values::items(&pair)?;
        if let [found, item] = pair.as_slice() {
            groups.entry(sort_key).or_insert_with(|| (found.clone(), Vec::new())).1.push(item.clone());
        }
    }
    let groups = groups.into_values().map(|(name, items)| named_tuple::group(name, values::list(items)));
    Ok(values::list(groups.collect()))
}

fn batch(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [count, fill] = arguments.bind("batch", ["linecount", "fill_with"])?;
    let size = integer(count.as_ref(), "batch", "linecount")?.and_then(|count| usize::try_from(count).ok());
    let size = size.filter(|size| *size > 0).ok_or("`batch` needs a number above zero")?;
    let items = values::items(value)?;
    let mut rows: Vec<Vec<Value>> = items.chunks(size).map(<[Value]>::to_vec).collect();
    if let (Some(fill), Some(row)) = (fill, rows.last_mut()) {
        row.resize(size.min(1 << 20), fill);
    }
    Ok(values::list(rows.into_iter().map(values::list).collect()))
}

fn slice(value: &Value, arguments: Arguments) -> Result<Value, Fault> {
    let [count, fill] = arguments.bind("slice", ["slices", "fill_with"])?;
    let count = integer(count.as_ref(), "slice", "slices")?.and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| (1..1 << 20).contains(count)).ok_or("`slice` needs a number above zero")?;
    let items = values::items(value)?;
    let (size, longer) = (items.len() / count, items.len() % count);
    let mut rows = Vec::new();
    let mut at = 0;
    for index in 0..count {
        let take = size + usize::from(index < longer);
        let mut row = items[at..at + take].to_vec();
        at += take;
        if let Some(fill) = fill.as_ref().filter(|_| index >= longer && longer > 0) {
            row.push(fill.clone());
        }
        rows.push(values::list(row));
    }
    Ok(values::list(rows))
}
