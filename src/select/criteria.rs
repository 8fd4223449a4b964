//! What a selection says, parsed: methods, walks along the graph, combinations.
//! Source: docs.getdbt.com/reference/node-selection/syntax.

use serde_json::Value;

use super::glob::{Glob, PathGlob, has_wildcard};
use crate::diagnostic::Diagnostic;
use crate::invocation::IndirectSelection;
use crate::resource::ResourceType;
use crate::state::Aspect;

/// A selection, ready to be evaluated on any graph.
#[derive(Debug, Clone, PartialEq)]
pub enum Criteria {
    One(Box<Criterion>),
    Many(Group),
}

/// Several selections as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub combine: Combine,
    pub parts: Vec<Criteria>,
    pub indirect: IndirectSelection,
    /// What was written, where matching nothing deserves a warning.
    pub expected: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    Union,
    Intersection,
    /// The first without the others.
    Difference,
}

/// One method with its value and its walks.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// As written.
    pub raw: String,
    pub matcher: Matcher,
    /// `@`: descendants, and all that those are built from.
    pub with_childrens_parents: bool,
    pub parents: Walk,
    pub children: Walk,
    pub indirect: IndirectSelection,
}

/// How far along the edges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Walk {
    #[default]
    No,
    All,
    Steps(usize),
}

impl Walk {
    /// The limit of a walk that is one.
    pub(super) fn limit(self) -> Option<Option<usize>> {
        match self {
            Walk::No => None,
            Walk::All => Some(None),
            Walk::Steps(steps) => Some(Some(steps)),
        }
    }
}

/// Which resources a method is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    Fqn(Fqn),
    Path(PathGlob),
    File(Glob),
    Package(Glob),
    /// `package:this`.
    RootPackage,
    Tag(Glob),
    Group(Glob),
    Access(String),
    /// Path into the config, and the value that must be there.
    Config {
        path: Vec<String>,
        value: Value,
    },
    Source {
        package: Glob,
        source: Glob,
        table: Glob,
    },
    /// An exposure, metric, semantic model, saved query, unit test, function.
    Named {
        kind: ResourceType,
        package: Glob,
        name: Glob,
    },
    ResourceType(ResourceType),
    TestName(Glob),
    TestType(TestType),
    State(Aspect),
    Result(String),
    /// `source_status:fresher`; other words match nothing.
    SourceStatus {
        fresher: bool,
    },
    Version(VersionKind),
    /// What `selectors.yml` defines under these names.
    Selector(Glob),
    /// Ours: the layer of the project.
    Layer(Glob),
}

/// A qualified name, from the package or from the first folder on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fqn {
    pub text: String,
    /// The text's parts up to the first with a wildcard.
    pub fixed: Vec<String>,
    /// The rest, from the first part with a wildcard on.
    pub tail: Option<Glob>,
    /// How many parts there are in all.
    pub parts: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestType {
    Generic,
    Singular,
    Unit,
    /// Generic or singular.
    Data,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionKind {
    Latest,
    Prerelease,
    Old,
    None,
}

/// The methods that can stand before a colon.
const METHODS: [&str; 24] = [
    "fqn",
    "tag",
    "group",
    "access",
    "source",
    "path",
    "file",
    "package",
    "config",
    "test_name",
    "test_type",
    "resource_type",
    "state",
    "exposure",
    "metric",
    "result",
    "source_status",
    "version",
    "semantic_model",
    "saved_query",
    "unit_test",
    "function",
    "layer",
    "selector",
];

/// Everything that selection reaches by default.
const DEFAULT_INCLUDES: [&str; 5] = ["fqn:*", "source:*", "exposure:*", "metric:*", "semantic_model:*"];

/// What every part of a selection needs to be parsed.
#[derive(Debug, Clone, Copy)]
pub struct Parsing {
    /// For criteria that say nothing of it themselves.
    pub indirect: IndirectSelection,
}

/// Parses `--select` and `--exclude`: spaces unite, commas intersect.
///
/// # Errors
/// Every criterion that is not valid.
pub fn from_words(include: &[String], exclude: &[String], parsing: Parsing) -> Result<Criteria, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let included = if include.is_empty() {
        let defaults = DEFAULT_INCLUDES.map(str::to_owned);
        union(&defaults, false, parsing, &mut problems)
    } else {
        union(include, true, parsing, &mut problems)
    };
    let excluded = union(exclude, true, parsing, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Criteria::Many(Group {
        combine: Combine::Difference,
        parts: vec![included, excluded],
        indirect: IndirectSelection::Eager,
        expected: None,
    }))
}

fn union(words: &[String], expected: bool, parsing: Parsing, problems: &mut Vec<Diagnostic>) -> Criteria {
    let mut parts = Vec::new();
    // An empty word is kept: it selects nothing, where no word at all selects everything.
    let split = |word: &'_ String| -> Vec<String> {
        let parts: Vec<String> = word.split_whitespace().map(str::to_owned).collect();
        if parts.is_empty() { vec![String::new()] } else { parts }
    };
    for word in words.iter().flat_map(split) {
        let mut members = Vec::new();
        for part in word.split(',') {
            match one(part, parsing) {
                Ok(criteria) => members.push(criteria),
                Err(problem) => problems.push(problem),
            }
        }
        parts.push(Criteria::Many(Group {
            combine: Combine::Intersection,
            parts: members,
            indirect: parsing.indirect,
            expected: expected.then(|| word.clone()),
        }));
    }
    Criteria::Many(Group { combine: Combine::Union, parts, indirect: parsing.indirect, expected: None })
}

/// Parses one criterion as the command line has it: `[@][n+][method:]value[+n]`.
///
/// # Errors
/// The method is not known, or the value is not one for it.
pub fn one(raw: &str, parsing: Parsing) -> Result<Criteria, Diagnostic> {
    let written = Written::parse(raw);
    let method = written.method.unwrap_or_else(|| default_method(written.value));
    let fields = Fields {
        with_childrens_parents: written.with_childrens_parents,
        parents: written.parents,
        children: written.children,
        indirect: parsing.indirect,
    };
    criterion(raw, method, &Value::from(written.value), fields)
}

/// The walks of a criterion and how it takes tests along.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    pub with_childrens_parents: bool,
    pub parents: Walk,
    pub children: Walk,
    pub indirect: IndirectSelection,
}

/// Makes a criterion of a method (with arguments after dots) and its value.
///
/// # Errors
/// The method is not known, or the value is not one for it.
pub fn criterion(raw: &str, method: &str, value: &Value, fields: Fields) -> Result<Criteria, Diagnostic> {
    if fields.with_childrens_parents && fields.children != Walk::No {
        let text = format!("Invalid node spec {raw} - \"@\" prefix and \"+\" suffix are incompatible");
        return Err(Diagnostic::error(text));
    }
    let matcher = matcher(method, value).map_err(|problem| in_criterion(problem, raw))?;
    Ok(Criteria::One(Box::new(Criterion {
        raw: raw.to_owned(),
        matcher,
        with_childrens_parents: fields.with_childrens_parents,
        parents: fields.parents,
        children: fields.children,
        indirect: fields.indirect,
    })))
}

fn in_criterion(problem: Diagnostic, raw: &str) -> Diagnostic {
    problem.note(format!("in the selection criterion `{raw}`"))
}

/// A criterion taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written<'a> {
    pub with_childrens_parents: bool,
    pub parents: Walk,
    pub method: Option<&'a str>,
    pub value: &'a str,
    pub children: Walk,
}

impl<'a> Written<'a> {
    pub(super) fn parse(raw: &'a str) -> Written<'a> {
        let (with_childrens_parents, rest) = match raw.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (parents, rest) = match rest[digits..].strip_prefix('+') {
            Some(after) => (walk(&rest[..digits]), after),
            None => (Walk::No, rest),
        };
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
        let (method, rest) = match rest.split_once(':') {
            Some((method, value)) if !method.is_empty() && method.chars().all(is_word) => (Some(method), value),
            _ => (None, rest),
        };
        let body = rest.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let (value, children) = match body.strip_suffix('+') {
            Some(value) => (value, walk(&rest[body.len()..])),
            None => (rest, Walk::No),
        };
        Written { with_childrens_parents, parents, method, value, children }
    }
}

fn walk(digits: &str) -> Walk {
    // No digits, or more than any graph is deep: all the way.
    digits.parse().map_or(Walk::All, Walk::Steps)
}

/// The method of a value that names none.
pub(super) fn default_method(value: &str) -> &'static str {
    let lower = value.to_lowercase();
    if value.contains(std::path::is_separator) {
        "path"
    } else if [".sql", ".py", ".csv"].iter().any(|ending| lower.ends_with(ending)) {
        "file"
    } else {
        "fqn"
    }
}

fn matcher(method: &str, value: &Value) -> Result<Matcher, Diagnostic> {
    let mut words = method.split('.');
    let name = words.next().unwrap_or_default();
    let arguments: Vec<String> = words.map(str::to_owned).collect();
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let named = |kind: ResourceType| match text.split('.').collect::<Vec<_>>()[..] {
        [name] => Ok(Matcher::Named { kind, package: Glob::new("*"), name: Glob::new(name) }),
        [package, name] => Ok(Matcher::Named { kind, package: Glob::new(package), name: Glob::new(name) }),
        _ => Err(Diagnostic::error(format!("`{text}` is not of the form `name` or `package.name`"))),
    };
    Ok(match name {
        "fqn" => Matcher::Fqn(Fqn::new(&text)),
        "tag" => Matcher::Tag(Glob::new(&text)),
        "group" => Matcher::Group(Glob::new(&text)),
        "access" => Matcher::Access(text),
        "source" => source(&text)?,
        "path" => Matcher::Path(PathGlob::new(&text)),
        "file" => Matcher::File(Glob::new(&text)),
        "package" if text == "this" => Matcher::RootPackage,
        "package" => Matcher::Package(Glob::new(&text)),
        "config" if arguments.is_empty() => {
            let problem = Diagnostic::error("`config` needs the name of a config");
            return Err(problem.hint("write `config.materialized:incremental`"));
        }
        "config" => Matcher::Config { path: arguments, value: value.clone() },
        "test_name" => Matcher::TestName(Glob::new(&text)),
        "test_type" => Matcher::TestType(test_type(&text)?),
        "resource_type" => Matcher::ResourceType(resource_type(&text)?),
        "state" => Matcher::State(aspect(&text)?),
        "exposure" => named(ResourceType::Exposure)?,
        "metric" => named(ResourceType::Metric)?,
        "semantic_model" => named(ResourceType::SemanticModel)?,
        "saved_query" => named(ResourceType::SavedQuery)?,
        "unit_test" => named(ResourceType::UnitTest)?,
        "function" => named(ResourceType::Function)?,
        "result" => Matcher::Result(text),
        "source_status" => Matcher::SourceStatus { fresher: text == "fresher" },
        "version" => Matcher::Version(version(&text)?),
        "layer" => Matcher::Layer(Glob::new(&text)),
        "selector" => Matcher::Selector(Glob::new(&text)),
        other => {
            let problem = Diagnostic::error(format!("'{other}' is not a valid method name")).suggest(other, METHODS);
            return Err(problem.hint(format!("methods are {}", METHODS.join(", "))));
        }
    })
}

impl Fqn {
    fn new(text: &str) -> Fqn {
        let parts: Vec<&str> = text.split('.').collect();
        let wild = parts.iter().position(|part| has_wildcard(part));
        let fixed = parts[..wild.unwrap_or(parts.len())].iter().map(|part| (*part).to_owned()).collect();
        let tail = wild.map(|wild| Glob::new(&parts[wild..].join(".")));
        Fqn { text: text.to_owned(), fixed, tail, parts: parts.len() }
    }
}

fn source(text: &str) -> Result<Matcher, Diagnostic> {
    let any = || Glob::new("*");
    Ok(match text.split('.').collect::<Vec<_>>()[..] {
        [source] => Matcher::Source { package: any(), source: Glob::new(source), table: any() },
        [source, table] => Matcher::Source { package: any(), source: Glob::new(source), table: Glob::new(table) },
        [package, source, table] => {
            Matcher::Source { package: Glob::new(package), source: Glob::new(source), table: Glob::new(table) }
        }
        _ => {
            let text = format!("Invalid source selector value \"{text}\"");
            return Err(Diagnostic::error(text).hint("write `source`, `source.table` or `package.source.table`"));
        }
    })
}

fn test_type(text: &str) -> Result<TestType, Diagnostic> {
    match text {
        "generic" | "schema" => Ok(TestType::Generic),
        "singular" => Ok(TestType::Singular),
        "unit" => Ok(TestType::Unit),
        "data" => Ok(TestType::Data),
        _ => {
            let said =
                format!("Invalid test type selector {text}: expected \"generic\", \"singular\", \"unit\", or \"data\"");
            Err(Diagnostic::error(said))
        }
    }
}

pub(super) fn resource_type(text: &str) -> Result<ResourceType, Diagnostic> {
    let named = serde_json::from_value(Value::from(text.replace(' ', "_")));
    named.map_err(|_| Diagnostic::error(format!("Invalid resource_type selector \"{text}\"")))
}

fn aspect(text: &str) -> Result<Aspect, Diagnostic> {
    Aspect::from_name(text).ok_or_else(|| {
        let names = Aspect::NAMES.map(|(name, _)| name);
        let problem = Diagnostic::error(format!("Got an invalid selector \"{text}\", expected one of {names:?}"));
        problem.suggest(text, names)
    })
}

fn version(text: &str) -> Result<VersionKind, Diagnostic> {
    match text {
        "latest" => Ok(VersionKind::Latest),
        "prerelease" => Ok(VersionKind::Prerelease),
        "old" => Ok(VersionKind::Old),
        "none" => Ok(VersionKind::None),
        _ => {
            let said = format!(
                "Invalid version type selector {text}: expected one of: \"latest\", \"prerelease\", \"old\", or \"none\""
            );
            Err(Diagnostic::error(said))
        }
    }
}
