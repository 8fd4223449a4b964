//! `dbt_project.yml`: what a project and a package are.
//!
//! [`config`] turns the YAML of one project into a [`ProjectConfig`]; reading the file and
//! finding packages is the business of `load`. The trees of configs (`models:`, `seeds:`,
//! ...) stay trees: which node gets what from them is decided while parsing.
//! Source: docs.getdbt.com/reference/dbt_project.yml.

pub mod catalogs;
pub mod render;
pub mod vars;
pub mod version;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, Warned};
use crate::yaml::{Fields, Node, Value};

pub use render::{StringRenderer, TreeRenderer, has_jinja};
pub use vars::Vars;
use version::{Requirement, Version};

/// The file that makes a folder a project.
pub const FILE_NAME: &str = "dbt_project.yml";

/// The keys whose values are trees of configs by folder, as they are written.
pub const CONFIG_TREES: &[&str] = &[
    "models",
    "seeds",
    "snapshots",
    "data_tests",
    "unit_tests",
    "sources",
    "exposures",
    "metrics",
    "semantic-models",
    "saved-queries",
    "analyses",
    "functions",
    "groups",
];

const KEYS: &[&str] = &[
    "name",
    "version",
    "config-version",
    "profile",
    "model-paths",
    "seed-paths",
    "test-paths",
    "analysis-paths",
    "macro-paths",
    "snapshot-paths",
    "docs-paths",
    "asset-paths",
    "function-paths",
    "osi-paths",
    "source-paths",
    "data-paths",
    "packages-install-path",
    "target-path",
    "log-path",
    "clean-targets",
    "vars",
    "tests",
    "dispatch",
    "quoting",
    "query-comment",
    "on-run-start",
    "on-run-end",
    "flags",
    "require-dbt-version",
    "restrict-access",
    "dbt-cloud",
    "query_comment",
    "project-root",
    "anchors",
    "modules-path",
];

/// A project: the one that the command runs in, or an installed package.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: Arc<str>,
    /// The folder of `dbt_project.yml`, absolute.
    pub root: PathBuf,
    pub config: Arc<ProjectConfig>,
    pub is_root: bool,
}

impl Package {
    /// Where the project's output goes, absolute; `override_path` is `--target-path`.
    pub fn target_path(&self, override_path: Option<&Path>) -> PathBuf {
        match override_path {
            Some(path) => self.root.join(path),
            None => self.root.join(self.config.target_path.as_deref().unwrap_or("target")),
        }
    }

    /// Where its packages are, absolute.
    pub fn packages_path(&self) -> PathBuf {
        self.root.join(&self.config.packages_install_path)
    }
}

/// What `dbt_project.yml` says, with dbt's defaults for what it does not say.
#[derive(Debug, Clone)]
pub struct ProjectConfig {
    pub file: Arc<SourceFile>,
    /// The file's tree with its Jinja unrendered, for what is rendered later.
    pub unrendered: Node,
    /// The same tree, rendered where dbt renders it.
    pub rendered: Node,
    pub name: String,
    pub version: Option<String>,
    pub profile: Option<String>,
    pub paths: ResourcePaths,
    pub packages_install_path: String,
    pub target_path: Option<String>,
    pub log_path: Option<String>,
    /// `None` means the target folder alone.
    pub clean_targets: Option<Vec<String>>,
    /// Of this project, unrendered; a mapping under a package's name is for that package.
    pub vars: serde_json::Map<String, serde_json::Value>,
    pub dispatch: Vec<Dispatch>,
    pub quoting: Quoting,
    pub query_comment: QueryComment,
    pub on_run_start: Vec<Hook>,
    pub on_run_end: Vec<Hook>,
    pub flags: serde_json::Map<String, serde_json::Value>,
    pub require_dbt_version: Vec<Requirement>,
    pub restrict_access: bool,
}

/// Folders by what they hold, relative to the project's root, without `/` at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePaths {
    pub models: Vec<String>,
    pub seeds: Vec<String>,
    pub tests: Vec<String>,
    pub analyses: Vec<String>,
    pub macros: Vec<String>,
    pub snapshots: Vec<String>,
    pub functions: Vec<String>,
    /// `None` means all of the folders above.
    pub docs: Option<Vec<String>>,
    pub assets: Vec<String>,
    /// Where semantic models are exchanged as JSON.
    pub osi: Vec<String>,
}

impl ResourcePaths {
    /// Every folder in which properties files are looked for, each once.
    pub fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let groups =
            [&self.models, &self.seeds, &self.snapshots, &self.analyses, &self.macros, &self.tests, &self.functions];
        for path in groups.into_iter().flatten() {
            if !all.contains(path) {
                all.push(path.clone());
            }
        }
        all
    }
}

/// One entry of `dispatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    pub macro_namespace: String,
    pub search_order: Vec<String>,
}

/// `quoting`; `None` leaves it to the adapter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quoting {
    pub database: Option<bool>,
    pub schema: Option<bool>,
    pub identifier: Option<bool>,
}

/// `query-comment`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum QueryComment {
    /// Nothing was said: dbt's own comment, before the query.
    #[default]
    Default,
    /// `null` or an empty text.
    Off,
    /// A template; `None` keeps dbt's own text.
    Custom { comment: Option<String>, append: bool, job_label: bool },
}

/// A statement of `on-run-start` or `on-run-end`, its Jinja unrendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub sql: String,
    pub span: Span,
}

impl ProjectConfig {
    /// The tree of configs under one of [`CONFIG_TREES`], rendered; hooks in it are not.
    pub fn tree(&self, key: &str) -> Option<&Node> {
        tree(&self.rendered, key)
    }

    /// As [`ProjectConfig::tree`], as it was written.
    pub fn unrendered_tree(&self, key: &str) -> Option<&Node> {
        tree(&self.unrendered, key)
    }

    /// In which packages macros of `namespace` are looked for, if the project says so.
    pub fn search_order(&self, namespace: &str) -> Option<&[String]> {
        self.dispatch.iter().find(|entry| entry.macro_namespace == namespace).map(|entry| entry.search_order.as_slice())
    }
}

fn tree<'a>(root: &'a Node, key: &str) -> Option<&'a Node> {
    let node = root.get(key).or_else(|| if key == "data_tests" { root.get("tests") } else { None });
    node.filter(|node| node.as_map().is_some())
}

/// What [`config`] needs besides the file.
pub struct ConfigContext<'a> {
    pub renderer: &'a dyn StringRenderer,
    /// The version of dbt's language to check `require-dbt-version` against; `None` does
    /// not check (`--no-version-check`).
    pub dbt_version: Option<&'a Version>,
    /// The contents of `vars.yml`, if the project has one (dbt 1.12).
    pub vars_file: Option<(&'a Arc<SourceFile>, &'a Node)>,
}

/// The name of the profile that a project asks for, before anything else of it is rendered.
///
/// # Errors
/// Its Jinja is broken.
pub fn profile_name(
    file: &Arc<SourceFile>,
    root: &Node,
    renderer: &dyn StringRenderer,
) -> Result<Option<String>, Diagnostic> {
    let Some(node) = root.get("profile") else { return Ok(None) };
    match node.as_str() {
        Some(text) if has_jinja(text) => {
            let rendered = renderer.render(text, &node.span(file))?;
            Ok(Node { value: Value::from_json(&rendered, node.extent), extent: node.extent }
                .scalar_text()
                .map(|text| text.into_owned()))
        }
        _ => Ok(node.scalar_text().filter(|_| !node.is_null()).map(|text| text.into_owned())),
    }
}

/// Reads a project's configuration.
///
/// # Errors
/// All that is wrong with it: a missing or bad name, values of the wrong kind, broken
/// Jinja, a required version of dbt that tform does not offer.
pub fn config(
    file: &Arc<SourceFile>,
    root: &Node,
    context: &ConfigContext<'_>,
) -> Result<Warned<ProjectConfig>, Diagnostics> {
    if root.as_map().is_none() {
        return Err(Diagnostic::error(format!("`{FILE_NAME}` must be a mapping, this is {}", root.value.kind()))
            .at(root.span(file))
            .into());
    }
    let mut problems = Diagnostics::new();
    let rendered =
        TreeRenderer { file, renderer: context.renderer, is_rendered: &is_rendered, keeps_on_error: &|_| false }
            .tree(root, &mut problems);
    let mut fields = Fields::new(file, &rendered);
    let known: Vec<&str> = KEYS.iter().chain(CONFIG_TREES).copied().collect();
    refuse_unknown(&mut fields, &known);
    check_cloud(&mut fields);
    let name = name(&mut fields);
    let require_dbt_version = required_version(&mut fields, &name, context.dbt_version);
    let paths = paths(&mut fields);
    for key in CONFIG_TREES.iter().chain(&["tests"]) {
        fields.mapping(key);
    }
    if fields.get("tests").is_some() && fields.get("data_tests").is_some() {
        fields.error("tests", "Invalid project config: cannot have both 'tests' and 'data_tests' defined");
    }
    let config = ProjectConfig {
        name,
        version: version_text(&mut fields),
        profile: fields.text("profile"),
        packages_install_path: fields.text("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned()),
        target_path: fields.text("target-path"),
        log_path: fields.text("log-path"),
        clean_targets: fields.texts("clean-targets"),
        vars: vars(&mut fields, root, context.vars_file),
        dispatch: dispatch(&mut fields),
        quoting: quoting(&mut fields),
        query_comment: query_comment(&mut fields),
        on_run_start: hooks(&mut fields, "on-run-start"),
        on_run_end: hooks(&mut fields, "on-run-end"),
        flags: flags(&mut fields),
        restrict_access: fields.flag("restrict-access").unwrap_or(false),
        require_dbt_version,
        paths,
        file: file.clone(),
        unrendered: root.clone(),
        rendered: rendered.clone(),
    };
    problems.extend(fields.problems);
    problems.finish(config)
}

/// Hooks, query comments and vars are rendered when they are used, not here.
fn is_rendered(keys: &[&str]) -> bool {
    match keys.first() {
        Some(&("on-run-start" | "on-run-end" | "query-comment" | "vars")) => false,
        Some(&("seeds" | "models" | "snapshots" | "tests" | "data_tests")) => !keys.iter().any(|key| {
            matches!(key.trim_start_matches(['+', ' ']), "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
        }),
        _ => true,
    }
}

fn name(fields: &mut Fields<'_>) -> String {
    let Some(name) = fields.text("name") else {
        if fields.get("name").is_none() {
            fields.error("name", format!("`name` is missing in `{FILE_NAME}`"));
        }
        return String::new();
    };
    let mut characters = name.chars();
    let is_word = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_');
    if !is_word {
        let message = format!("project name `{name}` is not a name of letters, digits and `_`");
        let node = fields.get("name").unwrap_or(fields.node);
        fields.problems.push(
            Diagnostic::error(message).at(node.span(fields.file)).hint(format!("write `{}`", suggested_name(&name))),
        );
    } else if name == "dbt" {
        fields.error("name", "project name `dbt` is reserved");
    }
    name
}

fn suggested_name(name: &str) -> String {
    let word: String =
        name.chars().map(|character| if character.is_alphanumeric() { character } else { '_' }).collect();
    if word.starts_with(|first: char| first.is_ascii_digit()) { format!("_{word}") } else { word }
}

/// `version: 1.0` is a number in YAML; it is shown as it was written.
/// Keys that there are none of are errors, as in dbt: what they were meant to say would not happen.
fn refuse_unknown(fields: &mut Fields<'_>, known: &[&str]) {
    for entry in fields.node.entries() {
        let key = &*entry.key.text;
        if !known.contains(&key) && !key.starts_with("x-") {
            let message = format!("Additional properties are not allowed ('{key}' was unexpected)");
            let problem = Diagnostic::error(message).at(entry.key.span(fields.file));
            fields.problems.push(problem.suggest(key, known.iter().copied()));
        }
    }
}

fn check_cloud(fields: &mut Fields<'_>) {
    if let Some(node) = fields.get("dbt-cloud").filter(|node| node.as_map().is_none() && !node.is_null()) {
        let message = misfit("dbt-cloud", node);
        fields.error("dbt-cloud", message);
    }
}

/// A value that is none of the kinds that its key may have.
fn misfit(key: &str, node: &Node) -> String {
    let shown = match node.as_str() {
        Some(text) => format!("'{text}'"),
        None => node.scalar_text().map_or_else(|| node.value.kind().to_owned(), |text| text.into_owned()),
    };
    format!("at path ['{key}']: {shown} is not valid under any of the given schemas")
}

fn version_text(fields: &mut Fields<'_>) -> Option<String> {
    let node = fields.get("version")?;
    let written = fields.file.text.get(node.extent.start as usize..node.extent.end as usize);
    match (&node.value, written) {
        (Value::Float(_) | Value::Int(_), Some(written)) => Some(written.to_owned()),
        _ => {
            let text = fields.text("version")?;
            if !is_version(&text) {
                let problem = Diagnostic::error(misfit("version", node)).at(node.span(fields.file));
                fields.problems.push(problem.hint("write two or three numbers with dots between: `1.0.0`"));
            }
            Some(text)
        }
    }
}

/// Two numbers, or three that may be followed by a pre-release and a build.
fn is_version(text: &str) -> bool {
    let (numbers, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let numbers: Vec<&str> = numbers.split('.').collect();
    let is_number = |part: &&str| {
        part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty() && (*part == "0" || !part.starts_with('0'))
    };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+');
    let is_whole = matches!((numbers.len(), rest.len()), (2, 0) | (3, _)) && rest.len() != 1;
    is_whole && numbers.iter().all(is_number) && rest.bytes().all(is_word)
}

fn required_version(fields: &mut Fields<'_>, name: &str, installed: Option<&Version>) -> Vec<Requirement> {
    let mut requirements = Vec::new();
    for (text, node) in fields.located_texts("require-dbt-version").unwrap_or_default() {
        for part in text.split(',') {
            match Requirement::parse(part) {
                Some(requirement) => requirements.push(requirement),
                None => fields.problems.push(
                    Diagnostic::error(format!("`{}` is not a version", part.trim()))
                        .at(node.span(fields.file))
                        .hint("write three numbers, such as `>=1.10.0`"),
                ),
            }
        }
    }
    let Some(installed) = installed else { return requirements };
    let shown: Vec<String> = requirements.iter().map(Requirement::to_string).collect();
    let message = if !version::is_satisfiable(&requirements) {
        format!("the required versions of dbt of package `{name}` can never be met")
    } else if !requirements.iter().all(|requirement| requirement.allows(installed)) {
        format!("this version of dbt is not supported with the `{name}` package")
    } else {
        return requirements;
    };
    let node = fields.get("require-dbt-version").unwrap_or(fields.node);
    fields.problems.push(
        Diagnostic::error(message)
            .at(node.span(fields.file))
            .note(format!("installed version of dbt: {installed}"))
            .note(format!("required version of dbt for `{name}`: {}", shown.join(", ")))
            .hint(format!("take another version of `{name}`, or run again with `--no-version-check`")),
    );
    requirements
}

fn paths(fields: &mut Fields<'_>) -> ResourcePaths {
    let mut folders = |key: &str, default: Option<&str>| -> Vec<String> {
        let paths = match fields.texts(key) {
            Some(paths) => paths,
            None => default.map(str::to_owned).into_iter().collect(),
        };
        paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect()
    };
    let source_paths = folders("source-paths", None);
    let data_paths = folders("data-paths", None);
    let mut paths = ResourcePaths {
        models: folders("model-paths", Some("models")),
        seeds: folders("seed-paths", Some("seeds")),
        tests: folders("test-paths", Some("tests")),
        analyses: folders("analysis-paths", Some("analyses")),
        macros: folders("macro-paths", Some("macros")),
        snapshots: folders("snapshot-paths", Some("snapshots")),
        functions: folders("function-paths", Some("functions")),
        docs: None,
        assets: folders("asset-paths", None),
        osi: folders("osi-paths", Some("osi")),
    };
    if fields.get("docs-paths").is_some() {
        paths.docs = fields.texts("docs-paths");
    }
    for (event, old, new, found, target) in [
        ("ConfigSourcePathDeprecation", "source-paths", "model-paths", source_paths, &mut paths.models),
        ("ConfigDataPathDeprecation", "data-paths", "seed-paths", data_paths, &mut paths.seeds),
    ] {
        let Some(entry) = fields.node.as_map().and_then(|map| map.entry(old)) else { continue };
        let span = entry.key.span(fields.file);
        if fields.node.get(new).is_some() {
            fields.problems.push(Diagnostic::error(format!("`{old}` and `{new}` cannot both be given")).at(span));
        } else {
            let deprecated = Diagnostic::warning_of(
                event,
                format!(
                    "The `{old}` config has been renamed to `{new}`. Please update your `dbt_project.yml` configuration to \
                     reflect this change."
                ),
            );
            fields.problems.push(deprecated.at(span).hint(format!("write `{new}`")));
            *target = found;
        }
    }
    paths
}

fn vars(
    fields: &mut Fields<'_>,
    root: &Node,
    vars_file: Option<(&Arc<SourceFile>, &Node)>,
) -> serde_json::Map<String, serde_json::Value> {
    let own = root.get("vars").filter(|vars| !vars.is_null());
    if own.is_some_and(|vars| vars.as_map().is_none()) {
        fields.mapping("vars");
    }
    let mut vars = own.map(Node::to_json);
    if let Some((file, node)) = vars_file {
        let from_file = node.get("vars").filter(|vars| !vars.is_null());
        match (own, from_file) {
            (Some(own), Some(other)) if own.as_map().is_some_and(|map| !map.is_empty()) => fields.problems.push(
                Diagnostic::error(format!("Variables cannot be defined in both vars.yml and {FILE_NAME}."))
                    .at(own.span(fields.file))
                    .note_at("also defined here", other.span(file)),
            ),
            (_, Some(other)) if other.as_map().is_none() => fields.problems.push(
                Diagnostic::error(format!("`vars` must be a mapping, this is {}", other.value.kind()))
                    .at(other.span(file)),
            ),
            (_, Some(other)) => vars = Some(other.to_json()),
            (_, None) => {}
        }
    }
    match vars {
        Some(serde_json::Value::Object(vars)) => vars,
        _ => serde_json::Map::new(),
    }
}

fn dispatch(fields: &mut Fields<'_>) -> Vec<Dispatch> {
    let mut entries = Vec::new();
    for node in fields.list("dispatch").unwrap_or(&[]) {
        let mut entry = Fields::new(fields.file, node);
        let namespace = entry.text("macro_namespace");
        let order = entry.list("search_order").map(|_| entry.texts("search_order").unwrap_or_default());
        entry.warn_unknown(&["macro_namespace", "search_order"], |_| false);
        match (namespace, order) {
            (Some(macro_namespace), Some(search_order)) => entries.push(Dispatch { macro_namespace, search_order }),
            _ if !entry.problems.has_errors() => entry.problems.push(
                Diagnostic::error("an entry of `dispatch` needs `macro_namespace` and `search_order`")
                    .at(node.span(fields.file)),
            ),
            _ => {}
        }
        let problems = entry.problems;
        fields.problems.extend(problems);
    }
    entries
}

fn quoting(fields: &mut Fields<'_>) -> Quoting {
    let Some(node) = fields.mapping("quoting") else { return Quoting::default() };
    let mut inner = Fields::new(fields.file, node);
    let quoting = Quoting {
        database: inner.flag("database").or_else(|| inner.flag("project")),
        schema: inner.flag("schema"),
        identifier: inner.flag("identifier"),
    };
    inner.warn_unknown(&["database", "project", "schema", "identifier", "snowflake_ignore_case"], |_| false);
    let problems = inner.problems;
    fields.problems.extend(problems);
    quoting
}

fn query_comment(fields: &mut Fields<'_>) -> QueryComment {
    let Some(node) = fields.node.get("query-comment") else { return QueryComment::Default };
    match &node.value {
        Value::Null => QueryComment::Off,
        Value::String(text) if text.is_empty() => QueryComment::Off,
        Value::String(text) => {
            QueryComment::Custom { comment: Some(text.to_string()), append: false, job_label: false }
        }
        Value::Map(_) => {
            let mut inner = Fields::new(fields.file, node);
            let comment = inner.text("comment");
            let append = inner.flag("append").unwrap_or(false);
            let job_label = inner.flag("job-label").unwrap_or(false);
            inner.warn_unknown(&["comment", "append", "job-label"], |_| false);
            let problems = inner.problems;
            fields.problems.extend(problems);
            if comment.as_deref() == Some("") {
                return QueryComment::Off;
            }
            QueryComment::Custom { comment, append, job_label }
        }
        _ => {
            fields.wrong("query-comment", node, "text or a mapping");
            QueryComment::Default
        }
    }
}

fn hooks(fields: &mut Fields<'_>, key: &str) -> Vec<Hook> {
    let texts = fields.located_texts(key).unwrap_or_default();
    texts.into_iter().map(|(sql, node)| Hook { sql, span: node.span(fields.file) }).collect()
}

fn flags(fields: &mut Fields<'_>) -> serde_json::Map<String, serde_json::Value> {
    match fields.mapping("flags").map(Node::to_json) {
        Some(serde_json::Value::Object(flags)) => flags,
        _ => serde_json::Map::new(),
    }
}

#[cfg(test)]
mod tests;
