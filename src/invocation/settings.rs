//! Where each flag's value comes from: command line > environment > `flags:` of the
//! project > default (docs.getdbt.com/reference/global-configs/about-global-configs).

use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::environment::Environment;
use super::table::{BEHAVIOURS, FLAGS, Flag, Initial, Kind, OLD_VARIABLES, Which};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::yaml;

/// What the command line says: the command and the flags that were written.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandLine {
    pub which: Which,
    /// By the flag's name in the table.
    pub given: IndexMap<&'static str, Given>,
    /// The macro of `run-operation`, the project of `init`.
    pub operand: Option<String>,
    /// All arguments as they were written, without the program.
    pub words: Vec<String>,
}

/// A flag as written on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    Switch(bool),
    /// The words after it; one, unless the flag takes a list.
    Words(Vec<String>),
}

/// Who set a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Default,
    Project,
    Environment,
    CommandLine,
}

/// A flag's value and who set it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub value: Value,
    pub origin: Origin,
}

/// Every flag that the command knows, by name in the order of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings(IndexMap<String, Setting>);

impl Settings {
    pub fn value(&self, name: &str) -> &Value {
        self.0.get(name).map_or(&Value::Null, |setting| &setting.value)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or(false)
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).as_str().map(str::to_owned)
    }

    pub fn words(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Value::Array(words) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name).as_i64()
    }

    pub fn map(&self, name: &str) -> Map<String, Value> {
        self.value(name).as_object().cloned().unwrap_or_default()
    }

    pub fn origin(&self, name: &str) -> Origin {
        self.0.get(name).map_or(Origin::Default, |setting| setting.origin)
    }

    pub fn is_given(&self, name: &str) -> bool {
        self.origin(name) != Origin::Default
    }

    pub fn set(&mut self, name: &str, value: Value, origin: Origin) {
        self.0.insert(name.to_owned(), Setting { value, origin });
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.0.iter().map(|(name, setting)| (name.as_str(), setting))
    }
}

/// Resolves every flag of the command; mistakes are collected in `diagnostics`.
pub fn resolve(
    line: &CommandLine,
    environment: &Environment,
    project: &Map<String, Value>,
    diagnostics: &mut Diagnostics,
) -> Settings {
    let mut settings = Settings::default();
    for flag in FLAGS.iter().filter(|flag| flag.place.accepts(line.which)) {
        let found = from_command_line(flag, line)
            .or_else(|| from_environment(flag, environment))
            .or_else(|| from_project(flag, project));
        match found {
            Some(Ok((value, origin))) => settings.set(flag.name, value, origin),
            Some(Err(diagnostic)) => diagnostics.push(diagnostic),
            None => settings.set(flag.name, initial(flag), Origin::Default),
        }
    }
    for (name, default) in BEHAVIOURS {
        match project.get(*name).map(|value| value.as_bool().ok_or(value)) {
            Some(Ok(value)) => settings.set(name, Value::Bool(value), Origin::Project),
            Some(Err(value)) => diagnostics.push(wrong_type(name, value, "true or false")),
            None => settings.set(name, Value::Bool(*default), Origin::Default),
        }
    }
    warn_of_unknown(project, diagnostics);
    settings
}

type Found = Option<Result<(Value, Origin), Diagnostic>>;

fn from_command_line(flag: &Flag, line: &CommandLine) -> Found {
    let found = match line.given.get(flag.name)? {
        Given::Switch(on) => Ok(Value::Bool(*on)),
        Given::Words(words) => match flag.kind {
            // `--select ""` is something else than no `--select`: it selects nothing.
            Kind::List if words.iter().all(|word| word.trim().is_empty()) => list(flag, std::iter::once("")),
            Kind::List | Kind::Choices(_) => list(flag, words.iter().flat_map(|word| word.split_whitespace())),
            _ => read(flag, words.last().map_or("", String::as_str)),
        },
    };
    let place = format!("--{}", flag.long());
    Some(found.map(|value| (value, Origin::CommandLine)).map_err(|problem| invalid(&place, &problem)))
}

fn from_environment(flag: &Flag, environment: &Environment) -> Found {
    let old = OLD_VARIABLES.iter().filter(|(_, name)| *name == flag.name).map(|(variable, _)| (*variable).to_owned());
    for variable in flag.variables().into_iter().chain(old) {
        let Some(text) = environment.non_empty(&variable) else { continue };
        let found = match flag.kind {
            Kind::Switch { .. } => truth(text).map(|on| Value::Bool(on != (variable == "DBT_NO_PRINT"))),
            Kind::List | Kind::Choices(_) => list(flag, text.split_whitespace()),
            _ => read(flag, text),
        };
        return Some(found.map(|value| (value, Origin::Environment)).map_err(|problem| invalid(&variable, &problem)));
    }
    None
}

fn from_project(flag: &Flag, project: &Map<String, Value>) -> Found {
    if !flag.in_project {
        return None;
    }
    let value = project.get(flag.name).filter(|value| !value.is_null())?;
    let place = format!("flags.{}", flag.name);
    let found = match (flag.kind, value) {
        (Kind::Switch { .. }, Value::Bool(_)) | (Kind::Integer, Value::Number(_)) | (Kind::Yaml, Value::Object(_)) => {
            Ok(value.clone())
        }
        (Kind::Switch { .. }, Value::String(text)) => truth(text).map(Value::Bool),
        (Kind::Switch { .. }, _) => Err(format!("`{value}` is not true or false")),
        (_, Value::String(text)) => read(flag, text),
        _ => Err(format!("`{value}` is not of the right type")),
    };
    Some(found.map(|value| (value, Origin::Project)).map_err(|problem| invalid(&place, &problem)))
}

fn initial(flag: &Flag) -> Value {
    match (flag.initial, flag.kind) {
        (Initial::True, _) => Value::Bool(true),
        (Initial::False, _) => Value::Bool(false),
        (Initial::Int(number), _) => Value::from(number),
        (Initial::Str(text), _) => Value::from(text),
        (Initial::Nothing, Kind::List | Kind::Choices(_)) => Value::Array(Vec::new()),
        (Initial::Nothing, Kind::Yaml) => Value::Object(Map::new()),
        (Initial::Nothing, _) => Value::Null,
    }
}

/// A flag's default as if it stood on the command line.
pub(super) fn initial_as_given(flag: &Flag) -> Given {
    match initial(flag) {
        Value::Bool(on) => Given::Switch(on),
        Value::String(text) => Given::Words(vec![text]),
        Value::Number(number) => Given::Words(vec![number.to_string()]),
        _ => Given::Words(Vec::new()),
    }
}

fn list<'a>(flag: &Flag, words: impl Iterator<Item = &'a str>) -> Result<Value, String> {
    let words = words.map(|word| match flag.kind {
        Kind::Choices(choices) => choice(choices, word),
        _ => Ok(Value::from(word)),
    });
    words.collect::<Result<Vec<Value>, String>>().map(Value::Array)
}

fn read(flag: &Flag, text: &str) -> Result<Value, String> {
    match flag.kind {
        Kind::Switch { .. } => truth(text).map(Value::Bool),
        Kind::Integer => {
            text.trim().parse::<i64>().map(Value::from).map_err(|_| format!("`{text}` is not a whole number"))
        }
        Kind::Choice(choices) | Kind::Choices(choices) => choice(choices, text),
        Kind::Yaml => dictionary(text).map(Value::Object),
        Kind::Moment => moment(text).map(|_| Value::from(text)),
        Kind::Window => window(text, Utc::now()).map(|_| Value::from(text)),
        Kind::Text | Kind::Path | Kind::List => Ok(Value::from(text)),
    }
}

fn choice(choices: &[&str], text: &str) -> Result<Value, String> {
    let lower = text.to_lowercase();
    match choices.iter().find(|choice| **choice == lower) {
        Some(choice) => Ok(Value::from(*choice)),
        None => Err(format!("`{text}` is not one of {}", choices.join(", "))),
    }
}

/// On and off as dbt reads them in environment variables.
fn truth(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(format!("`{text}` is not true or false")),
    }
}

/// A dictionary written as YAML, of which JSON is a part.
fn dictionary(text: &str) -> Result<Map<String, Value>, String> {
    let file = SourceFile::new("argument", text);
    match yaml::parse(&file) {
        Ok(parsed) => match parsed.value.map(|node| node.to_json()) {
            Some(Value::Object(map)) => Ok(map),
            _ => Err(format!("`{text}` is not a dictionary in YAML, such as '{{name: value}}'")),
        },
        Err(problem) => Err(format!("`{text}` is not valid YAML: {}", problem.message)),
    }
}

/// Reads a moment as the event time flags have it, in UTC.
pub fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    let dated = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    let timed = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok();
    let spaced = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    match dated.or_else(timed).or_else(spaced) {
        Some(moment) => Ok(moment.and_utc()),
        None => Err(format!("`{text}` is not a date (2025-01-31) or a time (2025-01-31T10:00:00)")),
    }
}

/// A stretch of time, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleWindow {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

/// Reads a `--sample` window; relative ones end at `now`
/// (docs.getdbt.com/docs/build/sample-flag).
pub fn window(text: &str, now: DateTime<Utc>) -> Result<SampleWindow, String> {
    if text.trim_start().starts_with('{') {
        let map = dictionary(text)?;
        let end_of = |key: &str| match map.get(key) {
            Some(Value::String(text)) => moment(text),
            _ => Err(format!("`{text}` has no `{key}`")),
        };
        return Ok(SampleWindow { start: end_of("start")?, end: end_of("end")? });
    }
    let wrong = || format!("`{text}` is not of the form `3 days` (hours, days, months or years)");
    let (count, grain) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let count: u32 = count.parse().map_err(|_| wrong())?;
    let start = match grain.trim().to_lowercase().trim_end_matches('s') {
        "hour" => now.checked_sub_signed(TimeDelta::hours(count.into())),
        "day" => now.checked_sub_days(Days::new(count.into())),
        "month" => now.checked_sub_months(Months::new(count)),
        "year" => count.checked_mul(12).and_then(|months| now.checked_sub_months(Months::new(months))),
        _ => return Err(wrong()),
    };
    Ok(SampleWindow { start: start.ok_or_else(wrong)?, end: now })
}

fn invalid(place: &str, problem: &str) -> Diagnostic {
    Diagnostic::error(format!("invalid value for `{place}`: {problem}"))
}

fn wrong_type(name: &str, value: &Value, expected: &str) -> Diagnostic {
    Diagnostic::error(format!("`flags.{name}` in `dbt_project.yml` is `{value}`, not {expected}"))
}

fn warn_of_unknown(project: &Map<String, Value>, diagnostics: &mut Diagnostics) {
    let known = || FLAGS.iter().filter(|flag| flag.in_project).map(|flag| flag.name);
    let behaviours = || BEHAVIOURS.iter().map(|(name, _)| *name);
    for name in project.keys() {
        if known().chain(behaviours()).any(|known| known == name) {
            continue;
        }
        // A flag of the command line that projects cannot set, and behaviours of other
        // versions of dbt, are passed over in silence as dbt does.
        let near = crate::diagnostic::nearest(name, known().chain(behaviours()));
        if let Some(near) = near {
            let warning = Diagnostic::warning(format!("unknown flag `{name}` in `dbt_project.yml`"));
            diagnostics.push(warning.hint(format!("did you mean `{near}`?")));
        }
    }
}
