//! Python's `re`, on `fancy-regex`.

use std::fmt;
use std::sync::{Arc, OnceLock};

use fancy_regex::{Captures, Regex, RegexBuilder};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::{Arguments, integer, required};
use super::interpreter;
use super::library::{Function, Module, builtin};
use super::render::{Render, Stop};
use super::values::{self, Fault, type_name};

const IGNORE_CASE: i64 = 2;
const MULTILINE: i64 = 8;
const DOT_ALL: i64 = 16;
const UNICODE: i64 = 32;
const VERBOSE: i64 = 64;
const ASCII: i64 = 256;

const FUNCTIONS: [&str; 9] = ["match", "search", "fullmatch", "findall", "finditer", "sub", "subn", "split", "compile"];

/// The value of `modules.re`.
pub fn module() -> Value {
    let flags = [
        ("I", IGNORE_CASE),
        ("IGNORECASE", IGNORE_CASE),
        ("M", MULTILINE),
        ("MULTILINE", MULTILINE),
        ("S", DOT_ALL),
        ("DOTALL", DOT_ALL),
        ("X", VERBOSE),
        ("VERBOSE", VERBOSE),
        ("A", ASCII),
        ("ASCII", ASCII),
        ("U", UNICODE),
        ("UNICODE", UNICODE),
    ];
    let mut members: Vec<(&'static str, Value)> = flags.map(|(name, flag)| (name, Value::from(flag))).into();
    members.extend(FUNCTIONS.map(|name| (name, builtin(name, function(name)))));
    members.push(("escape", builtin("escape", escape)));
    members.push(("purge", builtin("purge", |_, _| Ok(values::none()))));
    Module::value("re", members)
}

fn function(name: &str) -> Function {
    match name {
        "match" => |render, arguments| with_pattern(render, "match", arguments),
        "search" => |render, arguments| with_pattern(render, "search", arguments),
        "fullmatch" => |render, arguments| with_pattern(render, "fullmatch", arguments),
        "findall" => |render, arguments| with_pattern(render, "findall", arguments),
        "finditer" => |render, arguments| with_pattern(render, "finditer", arguments),
        "sub" => |render, arguments| with_pattern(render, "sub", arguments),
        "subn" => |render, arguments| with_pattern(render, "subn", arguments),
        "split" => |render, arguments| with_pattern(render, "split", arguments),
        _ => |_, arguments| {
            let [pattern, flags] = arguments.bind("compile", ["pattern", "flags"])?;
            let pattern = required(pattern, "compile", "pattern")?;
            let pattern = pattern_of(&pattern, flags.as_ref())?;
            pattern.regex(Anchor::Anywhere)?;
            Ok(Value::from_dyn_object(pattern))
        },
    }
}

/// A compiled regular expression.
struct Pattern {
    source: String,
    translated: String,
    flags: i64,
    is_verbose: bool,
    /// Built when first needed: as it is, from the start of the text, for the whole text.
    built: [OnceLock<Result<Regex, Fault>>; 3],
}

/// Where a pattern has to match.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Anywhere,
    Start,
    Whole,
}

impl Pattern {
    fn regex(&self, anchor: Anchor) -> Result<&Regex, Fault> {
        let built = self.built[anchor as usize].get_or_init(|| {
            let end = if self.is_verbose { "\n" } else { "" };
            let pattern = match anchor {
                Anchor::Anywhere => self.translated.clone(),
                // The line may end within a comment of a verbose pattern.
                Anchor::Start => format!("\\A(?:{}{end})", self.translated),
                Anchor::Whole => format!("\\A(?:{}{end})\\z", self.translated),
            };
            let built = RegexBuilder::new(&pattern).backtrack_limit(1_000_000).build();
            built.map_err(|error| format!("`{}` is not a regular expression: {error}", self.source))
        });
        built.as_ref().map_err(Clone::clone)
    }
}

impl Pattern {
    /// The name of each group; the first is the whole match.
    fn group_names(&self) -> Vec<Option<String>> {
        let regex = self.regex(Anchor::Anywhere);
        regex.map(|regex| regex.capture_names().map(|name| name.map(str::to_owned)).collect()).unwrap_or_default()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "re.compile({})", values::quoted(&self.source))
    }
}

fn pattern_of(value: &Value, flags: Option<&Value>) -> Result<Arc<Pattern>, Fault> {
    if let Some(pattern) = value.downcast_object::<Pattern>() {
        return Ok(pattern);
    }
    let Some(source) = value.as_str() else {
        return Err(format!("a regular expression must be a string, not a value of type `{}`", type_name(value)));
    };
    let flags = integer(flags, "re", "flags")?.unwrap_or(0);
    let letters: String = [(IGNORE_CASE, 'i'), (MULTILINE, 'm'), (DOT_ALL, 's'), (VERBOSE, 'x')]
        .into_iter()
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, letter)| letter)
        .collect();
    let translated = close_back_references(&source.replace("(?P=", "\\k<").replace("\\Z", "\\z"));
    let translated = if flags & ASCII != 0 { ascii_classes(&translated) } else { translated };
    let translated = if letters.is_empty() { translated } else { format!("(?{letters}){translated}") };
    let is_verbose = flags & VERBOSE != 0 || is_verbose(source);
    Ok(Arc::new(Pattern { source: source.to_owned(), translated, flags, is_verbose, built: Default::default() }))
}

/// Whether the flags at the start of a pattern have `x`.
fn is_verbose(pattern: &str) -> bool {
    let flags =
        pattern.strip_prefix("(?").and_then(|rest| rest.split(|letter: char| !letter.is_ascii_alphabetic()).next());
    flags.is_some_and(|flags| flags.contains('x'))
}

/// A pattern whose classes know ASCII only.
fn ascii_classes(pattern: &str) -> String {
    let mut result = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        if character != '\\' {
            in_class = (in_class || character == '[') && character != ']';
            result.push(character);
            continue;
        }
        let Some(letter) = characters.next() else {
            result.push(character);
            break;
        };
        let members = match letter {
            'w' | 'W' => "a-zA-Z0-9_",
            'd' | 'D' => "0-9",
            's' | 'S' => " \\t\\n\\r\\f\\v",
            _ => "",
        };
        match (members, letter.is_ascii_uppercase(), in_class) {
            ("", ..) => result.extend([character, letter]),
            (members, false, true) => result.push_str(members),
            (members, negated, _) => {
                let sign = if negated { "^" } else { "" };
                result.push_str(&format!("[{sign}{members}]"));
            }
        }
    }
    result
}

/// Python's `(?P=name)` becomes `\k<name>`; the closing bracket is still Python's.
fn close_back_references(pattern: &str) -> String {
    let mut result = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find("\\k<") {
        let (before, after) = rest.split_at(at + 3);
        result.push_str(before);
        let end = after.find([')', '>']).unwrap_or(after.len());
        result.push_str(&after[..end]);
        result.push('>');
        rest = after.get(end + 1..).unwrap_or("");
    }
    result.push_str(rest);
    result
}

/// One match of a pattern.
struct Match {
    groups: Vec<Option<(String, usize, usize)>>,
    names: Vec<Option<String>>,
    text: String,
    pattern: Arc<Pattern>,
}

impl fmt::Debug for Match {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, start, end) = self.groups.first().cloned().flatten().unwrap_or_default();
        write!(formatter, "<re.Match object; span=({start}, {end}), match={}>", values::quoted(&text))
    }
}

fn match_value(pattern: &Arc<Pattern>, text: &str, captures: &Captures<'_, str>) -> Value {
    let position = |byte: usize| text[..byte].chars().count();
    let groups = (0..captures.len())
        .map(|index| {
            captures.get(index).map(|group| (group.as_str().to_owned(), position(group.start()), position(group.end())))
        })
        .collect();
    let names = pattern.group_names();
    Value::from_object(Match { groups, names, text: text.to_owned(), pattern: pattern.clone() })
}

impl Match {
    fn group(&self, index: &Value) -> Result<Option<&(String, usize, usize)>, Fault> {
        let at = match index.as_str() {
            Some(name) => self.names.iter().position(|known| known.as_deref() == Some(name)),
            None => index.as_usize().filter(|at| *at < self.groups.len()),
        };
        at.map(|at| self.groups[at].as_ref())
            .ok_or_else(|| format!("the match has no group {}", values::representation(index)))
    }

    /// The last group that took part in the match.
    fn last_group(&self) -> Option<usize> {
        self.groups.iter().rposition(Option::is_some).filter(|last| *last > 0)
    }

    fn group_text(&self, index: &Value) -> Result<Value, Fault> {
        Ok(self.group(index)?.map_or_else(values::none, |(text, ..)| Value::from(text.as_str())))
    }

    fn method(&self, name: &str, arguments: &Arguments) -> Option<Result<Value, Fault>> {
        let first = arguments.positional.first().cloned().unwrap_or_else(|| Value::from(0));
        let default = arguments.positional.first().cloned().unwrap_or_else(values::none);
        let text = |group: &Option<(String, usize, usize)>| {
            group.as_ref().map_or_else(|| default.clone(), |(text, ..)| Value::from(text.as_str()))
        };
        Some(match name {
            "group" if arguments.positional.len() > 1 => arguments
                .positional
                .iter()
                .map(|index| self.group_text(index))
                .collect::<Result<_, _>>()
                .map(values::tuple),
            "group" => self.group_text(&first),
            "expand" => {
                let template = values::text(&first);
                let mut output = String::new();
                let group =
                    |index: usize| self.groups.get(index).map(|group| group.as_ref().map_or("", |group| &*group.0));
                let named = |name: &str| self.names.iter().position(|known| known.as_deref() == Some(name));
                expand(&template, &group, &named, &mut output).map(|()| Value::from(output))
            }
            "groups" => Ok(values::tuple(self.groups.iter().skip(1).map(text).collect())),
            "groupdict" => {
                let named = self.names.iter().zip(&self.groups);
                Ok(values::dict_of(named.filter_map(|(name, group)| Some((name.clone()?, text(group))))))
            }
            "start" | "end" | "span" => self.group(&first).map(|group| {
                let bound = |at: Option<usize>| at.map_or_else(|| Value::from(-1), Value::from);
                let start = bound(group.map(|(_, start, _)| *start));
                let end = bound(group.map(|(_, _, end)| *end));
                match name {
                    "start" => start,
                    "end" => end,
                    _ => values::tuple(vec![start, end]),
                }
            }),
            _ => return None,
        })
    }
}

impl Object for Match {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("string") => Some(Value::from(self.text.as_str())),
            Some("lastindex") => Some(self.last_group().map_or_else(values::none, Value::from)),
            Some("lastgroup") => {
                let name = self.last_group().and_then(|last| self.names.get(last)?.as_deref());
                Some(name.map_or_else(values::none, Value::from))
            }
            Some("pos") => Some(Value::from(0)),
            Some("endpos") => Some(Value::from(self.text.chars().count())),
            Some("re") => Some(Value::from_dyn_object(self.pattern.clone())),
            _ => self.group_text(key).ok(),
        }
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match self.method(method, &Arguments::from_values(args)) {
            Some(result) => result.map_err(|message| Stop::from(message).into_error()),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

impl Object for Pattern {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "pattern" => Some(Value::from(self.source.as_str())),
            // Patterns of text are always of Unicode.
            "flags" => Some(Value::from(if self.flags & ASCII == 0 { self.flags | UNICODE } else { self.flags })),
            "groups" => Some(Value::from(self.group_names().len().saturating_sub(1))),
            "groupindex" => {
                let names = self.group_names().into_iter().enumerate();
                Some(values::dict_of(names.filter_map(|(at, name)| Some((name?, Value::from(at))))))
            }
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if !FUNCTIONS.contains(&method) || method == "compile" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let mut call = |function: &Value, arguments: Arguments| interpreter::call_from_rust(state, function, arguments);
        let result = self.run(method, Arguments::from_values(args), &mut |function, arguments| {
            call(function, arguments).map_err(|error| Stop::from_error(&error))
        });
        result.map_err(Stop::into_error)
    }
}

fn with_pattern(render: &Arc<Render>, name: &str, mut arguments: Arguments) -> Result<Value, Stop> {
    let mut take = |argument: &str| {
        let at = arguments.named.iter().position(|(known, _)| known.as_ref() == argument)?;
        Some(arguments.named.remove(at).1)
    };
    let (pattern, mut flags) = (take("pattern"), take("flags"));
    let pattern = match pattern {
        Some(pattern) => pattern,
        None if arguments.positional.is_empty() => return Err(format!("`{name}` needs its argument `pattern`").into()),
        None => arguments.positional.remove(0),
    };
    let most = match name {
        "sub" | "subn" => 3,
        "split" => 2,
        _ => 1,
    };
    if flags.is_none() && arguments.positional.len() > most {
        flags = arguments.positional.pop();
    }
    let pattern = pattern_of(&pattern, flags.as_ref())?;
    pattern.run(name, arguments, &mut |function, arguments| super::call_value(render, function, arguments))
}

type Caller<'a> = dyn FnMut(&Value, Arguments) -> Result<Value, Stop> + 'a;

fn failed(error: &fancy_regex::Error) -> Fault {
    format!("the regular expression failed: {error}")
}

impl Pattern {
    fn run(self: &Arc<Self>, name: &str, arguments: Arguments, call: &mut Caller<'_>) -> Result<Value, Stop> {
        match name {
            "sub" | "subn" => {
                let [replacement, text, count] = arguments.bind(name, ["repl", "string", "count"])?;
                let count = usize::try_from(integer(count.as_ref(), name, "count")?.unwrap_or(0)).unwrap_or(0);
                let replacement = required(replacement, name, "repl")?;
                let (text, times) = self.replace(&subject(text, name)?, &replacement, count, call)?;
                let text = Value::from(text);
                Ok(if name == "sub" { text } else { values::tuple(vec![text, Value::from(times)]) })
            }
            "split" => {
                let [text, most] = arguments.bind(name, ["string", "maxsplit"])?;
                let most = usize::try_from(integer(most.as_ref(), name, "maxsplit")?.unwrap_or(0)).unwrap_or(0);
                Ok(self.split(&subject(text, name)?, most)?)
            }
            _ => {
                let [text] = arguments.bind(name, ["string"])?;
                Ok(self.find(name, &subject(text, name)?)?)
            }
        }
    }

    fn find(self: &Arc<Self>, name: &str, text: &str) -> Result<Value, Fault> {
        let regex = self.regex(match name {
            "match" => Anchor::Start,
            "fullmatch" => Anchor::Whole,
            _ => Anchor::Anywhere,
        })?;
        if !name.starts_with("find") {
            let captures = regex.captures(text).map_err(|error| failed(&error))?;
            return Ok(captures.map_or_else(values::none, |captures| match_value(self, text, &captures)));
        }
        let mut found = Vec::new();
        for captures in all_matches(regex, text) {
            let captures = captures?;
            let group = |index: usize| Value::from(captures.get(index).map_or("", |group| group.as_str()));
            found.push(match (name, captures.len()) {
                ("finditer", _) => match_value(self, text, &captures),
                (_, 1) => group(0),
                (_, 2) => group(1),
                (_, groups) => values::tuple((1..groups).map(group).collect()),
            });
        }
        Ok(values::list(found))
    }

    fn replace(
        self: &Arc<Self>,
        text: &str,
        replacement: &Value,
        count: usize,
        call: &mut Caller<'_>,
    ) -> Result<(String, usize), Stop> {
        let regex = self.regex(Anchor::Anywhere)?;
        let names = self.group_names();
        let mut output = String::with_capacity(text.len());
        let mut last = 0;
        let mut times = 0;
        for captures in all_matches(regex, text) {
            let captures = captures?;
            let Some(whole) = captures.get(0) else { continue };
            if count > 0 && times >= count {
                break;
            }
            output.push_str(&text[last..whole.start()]);
            match replacement.as_str() {
                Some(template) => {
                    let group = |index: usize| {
                        (index < captures.len()).then(|| captures.get(index).map_or("", |group| group.as_str()))
                    };
                    let named = |name: &str| names.iter().position(|known| known.as_deref() == Some(name));
                    expand(template, &group, &named, &mut output)?;
                }
                None => {
                    let found = match_value(self, text, &captures);
                    let arguments = Arguments { positional: vec![found], named: Vec::new() };
                    output.push_str(&values::text(&call(replacement, arguments)?));
                }
            }
            last = whole.end();
            times += 1;
        }
        output.push_str(&text[last..]);
        Ok((output, times))
    }

    fn split(&self, text: &str, most: usize) -> Result<Value, Fault> {
        let regex = self.regex(Anchor::Anywhere)?;
        let mut parts = Vec::new();
        let mut last = 0;
        for captures in all_matches(regex, text) {
            let captures = captures?;
            let Some(whole) = captures.get(0) else { continue };
            if most > 0 && parts.len() >= most * captures.len() {
                break;
            }
            parts.push(Value::from(&text[last..whole.start()]));
            for index in 1..captures.len() {
                parts.push(captures.get(index).map_or_else(values::none, |group| Value::from(group.as_str())));
            }
            last = whole.end();
        }
        parts.push(Value::from(&text[last..]));
        Ok(values::list(parts))
    }
}

/// Python's matches in a text: an empty one may stand where another ends, but only one at each place.
fn all_matches<'t>(regex: &'t Regex, text: &'t str) -> impl Iterator<Item = Result<Captures<'t, str>, Fault>> {
    let mut from = Some(0);
    let mut last_empty = None;
    std::iter::from_fn(move || {
        loop {
            let at = from?;
            let captures = match regex.captures_from_pos(text, at) {
                Ok(captures) => captures,
                Err(error) => {
                    from = None;
                    return Some(Err(failed(&error)));
                }
            };
            let Some(whole) = captures.as_ref().and_then(|captures| captures.get(0)) else {
                from = None;
                return None;
            };
            let (start, end) = (whole.start(), whole.end());
            if start < end {
                from = Some(end);
                return captures.map(Ok);
            }
            if last_empty == Some(start) {
                // Look for something longer here would need another engine; go on behind the next character.
                from = text[start..].chars().next().map(|character| start + character.len_utf8());
                continue;
            }
            last_empty = Some(start);
            return captures.map(Ok);
        }
    })
}

fn subject(value: Option<Value>, function: &str) -> Result<String, Fault> {
    let value = required(value, function, "string")?;
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("`{function}` needs a string, not a value of type `{}`", type_name(&value))),
    }
}

/// Python's replacement text: `\1`, `\g<1>`, `\g<name>`, `\n`.
///
/// `group` gives the text of a group, if there is one of that number; `named` its number.
fn expand<'g>(
    template: &str,
    group: &dyn Fn(usize) -> Option<&'g str>,
    named: &dyn Fn(&str) -> Option<usize>,
    output: &mut String,
) -> Result<(), Fault> {
    let unknown = |name: &dyn fmt::Display| format!("the pattern has no group {name}");
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            output.push(character);
            continue;
        }
        match characters.next() {
            Some(first @ '0'..='9') => {
                let mut index = first as usize - '0' as usize;
                if let Some(second) = characters.next_if(char::is_ascii_digit) {
                    index = index * 10 + (second as usize - '0' as usize);
                }
                output.push_str(group(index).ok_or_else(|| unknown(&index))?);
            }
            Some('g') if characters.next_if_eq(&'<').is_some() => {
                let name: String = characters.by_ref().take_while(|c| *c != '>').collect();
                let index = name.parse::<usize>().ok().or_else(|| named(&name)).ok_or_else(|| unknown(&name))?;
                output.push_str(group(index).ok_or_else(|| unknown(&index))?);
            }
            Some('n') => output.push('\n'),
            Some('t') => output.push('\t'),
            Some('r') => output.push('\r'),
            Some(other) => {
                if other != '\\' {
                    output.push('\\');
                }
                output.push(other);
            }
            None => output.push('\\'),
        }
    }
    Ok(())
}

/// `re.escape`.
fn escape(_render: &Arc<Render>, arguments: Arguments) -> Result<Value, Stop> {
    let [pattern] = arguments.bind("escape", ["pattern"])?;
    let mut output = String::new();
    for character in subject(pattern, "escape")?.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(character) {
            output.push('\\');
        }
        output.push(character);
    }
    Ok(Value::from(output))
}
