//! Python's two ways of formatting: `'%s' % value` and `'{}'.format(value)`.

use minijinja::Value;

use super::arguments::Arguments;
use super::decimal;
use super::evaluate::{get_attribute, get_item};
use super::values::{self, Fault, Number, type_name};

/// A field may be padded to this width.
const MAX_WIDTH: usize = 1 << 20;

/// How one value is written.
#[derive(Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `text % arguments`.
pub fn percent(text: &str, arguments: &Value) -> Result<String, Fault> {
    let positional = if values::is_tuple(arguments) { values::items(arguments)? } else { vec![arguments.clone()] };
    let mut next = positional.into_iter();
    let mut take = || next.next().ok_or_else(|| "not enough arguments for the format string".to_owned());
    let mut used_names = false;
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        let mut spec = Spec::default();
        let mut named = None;
        if characters.next_if_eq(&'(').is_some() {
            let name: String = characters.by_ref().take_while(|c| *c != ')').collect();
            used_names = true;
            named = Some(get_item(arguments, &Value::from(name.as_str())));
            if named.as_ref().is_some_and(Value::is_undefined) {
                return Err(format!("the format string needs a value for `{name}`"));
            }
        }
        while let Some(flag) = characters.next_if(|c| "#0- +".contains(*c)) {
            match flag {
                '#' => spec.alternate = true,
                '0' => spec.zero = true,
                '-' => spec.align = Some('<'),
                other => spec.sign = Some(other),
            }
        }
        spec.width = if characters.next_if_eq(&'*').is_some() {
            usize::try_from(take()?).unwrap_or(0)
        } else {
            digits(&mut characters).unwrap_or(0)
        };
        if characters.next_if_eq(&'.').is_some() {
            spec.precision = Some(if characters.next_if_eq(&'*').is_some() {
                usize::try_from(take()?).unwrap_or(0)
            } else {
                digits(&mut characters).unwrap_or(0)
            });
        }
        while characters.next_if(|c| matches!(c, 'l' | 'h' | 'L')).is_some() {}
        let Some(kind) = characters.next() else {
            return Err("the format string ends within a `%`".to_owned());
        };
        if kind == '%' {
            result.push('%');
            continue;
        }
        let value = match named {
            Some(value) => value,
            None => take()?,
        };
        result.push_str(&percent_value(&value, kind, spec)?);
    }
    if next.next().is_some() && !used_names && values::pairs(arguments).is_none() {
        return Err("not all arguments were used by the format string".to_owned());
    }
    Ok(result)
}

fn percent_value(value: &Value, kind: char, mut spec: Spec) -> Result<String, Fault> {
    match kind {
        's' | 'r' | 'a' => {
            let text = match kind {
                's' => values::text(value),
                'r' => values::representation(value),
                _ => ascii(value),
            };
            let text = match spec.precision {
                Some(length) => text.chars().take(length).collect(),
                None => text,
            };
            let align = spec.align.unwrap_or('>');
            Ok(pad(&text, &spec, align, ' '))
        }
        'c' => match value.as_i64().and_then(|code| u32::try_from(code).ok()).and_then(char::from_u32) {
            Some(character) => Ok(pad(&character.to_string(), &spec, '>', ' ')),
            None => Ok(pad(value.as_str().unwrap_or_default(), &spec, '>', ' ')),
        },
        'd' | 'i' | 'u' => {
            let number = number(value, kind)?;
            spec.kind = Some('d');
            #[expect(clippy::cast_possible_truncation, reason = "Python cuts the fraction off")]
            let whole = match number {
                Number::Integer(number) => number,
                Number::Float(number) => number as i128,
            };
            write_number(Number::Integer(whole), &spec)
        }
        'x' | 'X' | 'o' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            spec.kind = Some(kind);
            write_number(number(value, kind)?, &spec)
        }
        other => Err(format!("unknown format `%{other}`")),
    }
}

/// `ascii(value)`: its `repr` with everything beyond ASCII escaped.
fn ascii(value: &Value) -> String {
    let mut output = String::new();
    for character in values::representation(value).chars() {
        match character.is_ascii() {
            true => output.push(character),
            false => values::write_escape(character, &mut output),
        }
    }
    output
}

fn number(value: &Value, kind: char) -> Result<Number, Fault> {
    Number::of(value)
        .or_else(|| decimal::float(value).map(Number::Float))
        .ok_or_else(|| format!("format `{kind}` needs a number, not a value of type `{}`", type_name(value)))
}

fn digits(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut written = String::new();
    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
        written.push(digit);
    }
    written.parse::<usize>().ok().map(|number| number.min(MAX_WIDTH))
}

/// `text.format(...)`.
pub fn format(text: &str, arguments: &Arguments) -> Result<String, Fault> {
    let mut automatic = 0;
    expand(text, arguments, &mut automatic, 0)
}

fn expand(text: &str, arguments: &Arguments, automatic: &mut usize, depth: usize) -> Result<String, Fault> {
    if depth > 2 {
        return Err("the format string is nested too deeply".to_owned());
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        result.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            result.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        if brace == "}" {
            return Err("a single `}` in the format string".to_owned());
        }
        let end = closing_brace(rest).ok_or("a single `{` in the format string")?;
        result.push_str(&replacement(&rest[..end], arguments, automatic, depth)?);
        rest = &rest[end + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn replacement(field: &str, arguments: &Arguments, automatic: &mut usize, depth: usize) -> Result<String, Fault> {
    let (field, spec) = field.split_once(':').unwrap_or((field, ""));
    let (field, conversion) = field.split_once('!').unwrap_or((field, ""));
    let value = field_value(field, arguments, automatic)?;
    let spec = expand(spec, arguments, automatic, depth + 1)?;
    let value = match conversion {
        "r" => Value::from(values::representation(&value)),
        "a" => Value::from(ascii(&value)),
        "s" => Value::from(values::text(&value)),
        _ => value,
    };
    write_value(&value, &spec)
}

fn field_value(field: &str, arguments: &Arguments, automatic: &mut usize) -> Result<Value, Fault> {
    let end = field.find(['.', '[']).unwrap_or(field.len());
    let (name, mut path) = field.split_at(end);
    let mut value = if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        let index = if name.is_empty() { *automatic } else { name.parse().unwrap_or(usize::MAX) };
        *automatic += usize::from(name.is_empty());
        arguments.positional.get(index).cloned().ok_or_else(|| format!("`format` has no argument number {index}"))?
    } else {
        let found = arguments.named.iter().find(|(known, _)| **known == *name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("`format` needs a value for `{name}`"))?
    };
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            value = get_attribute(&value, &rest[..end]);
            path = &rest[end..];
        } else {
            let inner = &path[1..];
            let end = inner.find(']').ok_or("a `[` in the format string is not closed")?;
            let key = &inner[..end];
            value = get_item(&value, &key.parse::<i64>().map_or_else(|_| Value::from(key), Value::from));
            path = &inner[end + 1..];
        }
    }
    Ok(value)
}

/// `format(value, spec)`.
pub fn write_value(value: &Value, spec: &str) -> Result<String, Fault> {
    if spec.is_empty() {
        return Ok(values::text(value));
    }
    if let Some(text) = super::datetime::formatted(value, spec) {
        return text;
    }
    let spec = parse_spec(spec)?;
    let numeric = Number::of(value).or_else(|| decimal::float(value).map(Number::Float));
    if let Some(decimal) = value.downcast_object_ref::<decimal::Decimal>()
        && matches!(spec.kind, Some('f' | 'F'))
    {
        let places = u32::try_from(spec.precision.unwrap_or(6)).unwrap_or(6).min(28);
        let mut rounded = decimal.0.round_dp(places);
        rounded.rescale(places);
        return Ok(finish(&rounded.to_string(), &spec));
    }
    match numeric {
        Some(number) => write_number(number, &spec),
        None => {
            let Some(text) = value.as_str() else {
                return Err(format!("a value of type `{}` has no format", type_name(value)));
            };
            if let Some(kind) = spec.kind.filter(|kind| *kind != 's') {
                return Err(format!("unknown format `{kind}` for a string"));
            }
            let text = text.to_owned();
            let text = match spec.precision {
                Some(length) => text.chars().take(length).collect(),
                None => text,
            };
            Ok(pad(&text, &spec, spec.align.unwrap_or('<'), spec.fill.unwrap_or(' ')))
        }
    }
}

fn parse_spec(text: &str) -> Result<Spec, Fault> {
    let mut spec = Spec::default();
    let mut characters = text.chars().peekable();
    let first: Vec<char> = text.chars().take(2).collect();
    if first.len() == 2 && "<>=^".contains(first[1]) {
        spec.fill = characters.next();
        spec.align = characters.next();
    } else if first.first().is_some_and(|c| "<>=^".contains(*c)) {
        spec.align = characters.next();
    }
    spec.sign = characters.next_if(|c| "+- ".contains(*c));
    spec.alternate = characters.next_if_eq(&'#').is_some();
    spec.zero = characters.next_if_eq(&'0').is_some();
    spec.width = digits(&mut characters).unwrap_or(0);
    spec.grouping = characters.next_if(|c| matches!(c, ',' | '_'));
    if characters.next_if_eq(&'.').is_some() {
        spec.precision = Some(digits(&mut characters).ok_or("the precision of a format needs digits")?);
    }
    spec.kind = characters.next();
    if characters.next().is_some() {
        return Err(format!("`{text}` is not a format"));
    }
    Ok(spec)
}

fn write_number(number: Number, spec: &Spec) -> Result<String, Fault> {
    let precision = spec.precision.unwrap_or(6).min(300);
    let digits = match (number, spec.kind) {
        (Number::Integer(number), None | Some('d' | 'n')) => number.to_string(),
        (Number::Integer(number), Some(kind @ ('x' | 'X' | 'o' | 'b'))) => radix(number, kind, spec.alternate),
        (Number::Integer(number), Some('c')) => {
            u32::try_from(number).ok().and_then(char::from_u32).map(String::from).unwrap_or_default()
        }
        (number, None) if spec.precision.is_none() => values::float_text(number.float()),
        (number, Some('f' | 'F')) => format!("{:.precision$}", number.float()),
        (number, Some('%')) => format!("{:.precision$}%", number.float() * 100.0),
        (number, Some(kind @ ('e' | 'E'))) => exponent(number.float(), precision, kind),
        (number, None | Some('g' | 'n')) => general(number.float(), precision.max(1)),
        (number, Some('G')) => general(number.float(), precision.max(1)).to_uppercase(),
        (_, Some(kind)) => return Err(format!("unknown format `{kind}` for a number")),
    };
    Ok(finish(&digits, spec))
}

fn radix(number: i128, kind: char, alternate: bool) -> String {
    let magnitude = number.unsigned_abs();
    let digits = match kind {
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        'o' => format!("{magnitude:o}"),
        _ => format!("{magnitude:b}"),
    };
    let prefix = if alternate { format!("0{kind}") } else { String::new() };
    format!("{}{prefix}{digits}", if number < 0 { "-" } else { "" })
}

fn exponent(number: f64, precision: usize, kind: char) -> String {
    let written = format!("{number:.precision$e}");
    let (digits, power) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}{kind}{sign}{power:0>2}")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the exponent of a float is small")]
fn general(number: f64, precision: usize) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let power = number.abs().log10().floor() as i32;
    let trimmed = |text: String| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if power < -4 || power >= limit {
        let written = exponent(number, precision - 1, 'e');
        let (digits, rest) = written.split_once('e').unwrap_or((&written, "+00"));
        return format!("{}e{rest}", trimmed(digits.to_owned()));
    }
    let places = (limit - 1 - power).max(0) as usize;
    trimmed(format!("{number:.places$}"))
}

/// Adds the sign, the grouping and the padding of a number.
fn finish(digits: &str, spec: &Spec) -> String {
    let (negative, magnitude) = digits.strip_prefix('-').map_or((false, digits), |rest| (true, rest));
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let magnitude = match spec.grouping {
        Some(mark) => grouped(magnitude, mark),
        None => magnitude.to_owned(),
    };
    let zero = spec.zero && spec.align.is_none();
    if zero || spec.align == Some('=') {
        let fill = if zero { '0' } else { spec.fill.unwrap_or(' ') };
        let missing = spec.width.saturating_sub(sign.len() + magnitude.chars().count());
        return format!("{sign}{}{magnitude}", std::iter::repeat_n(fill, missing).collect::<String>());
    }
    pad(&format!("{sign}{magnitude}"), spec, spec.align.unwrap_or('>'), spec.fill.unwrap_or(' '))
}

fn grouped(magnitude: &str, mark: char) -> String {
    let whole_end = magnitude.find(|c: char| !c.is_ascii_digit()).unwrap_or(magnitude.len());
    let (whole, rest) = magnitude.split_at(whole_end);
    let mut result = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            result.push(mark);
        }
        result.push(digit);
    }
    result.push_str(rest);
    result
}

fn pad(text: &str, spec: &Spec, align: char, fill: char) -> String {
    let missing = spec.width.min(MAX_WIDTH).saturating_sub(text.chars().count());
    let padding = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    match align {
        '<' => format!("{text}{}", padding(missing)),
        '^' => format!("{}{text}{}", padding(missing / 2), padding(missing - missing / 2)),
        _ => format!("{}{text}", padding(missing)),
    }
}
