//! What every part of parsing shares: the packages with their config trees, the engine,
//! the docs, how the names of relations are made.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Value;
use serde_json::{Map, Value as Json};

use super::Inputs;
use super::capture::{Calls, ParseHost, Subject};
use super::configure::{Places, Trees};
use super::docs::Docs;
use crate::adapter::{Path, PolicyChange, Relation};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::jinja::context::{Host, NodeContext, Scope as ContextScope, Variables};
use crate::jinja::{Engine, ParsedTemplate, Scope, TemplateSource, relation_object, values};
use crate::project::Package;
use crate::resource::FastMap;

/// A package with its config trees.
#[derive(Debug)]
pub struct PackageView<'a> {
    pub package: &'a Package,
    pub name: Arc<str>,
    pub trees: Arc<Trees>,
    pub unrendered: Trees,
}

/// Shared by all threads that parse.
#[derive(Debug)]
pub struct Workspace<'a> {
    pub inputs: &'a Inputs<'a>,
    pub engine: Engine,
    /// The root project first.
    pub packages: Vec<PackageView<'a>>,
    pub docs: Docs,
    /// When parsing began, in seconds since the epoch.
    pub created_at: f64,
    /// Packages by name.
    indexes: FastMap<Arc<str>, usize>,
    /// Whether a package, or the root project, replaces `ref`, `source` or `config`.
    overrides_builtins: Vec<bool>,
    /// What was met where only errors are handed back.
    warnings: Mutex<Vec<Diagnostic>>,
}

impl<'a> Workspace<'a> {
    pub fn new(inputs: &'a Inputs<'a>, engine: Engine, docs: Docs) -> Self {
        let packages: Vec<PackageView<'a>> = inputs
            .files
            .packages
            .iter()
            .map(|package| {
                let section = |rendered: bool| {
                    move |key: &str| {
                        let config = &package.config;
                        // dbt does not find these under their names with a hyphen.
                        if !rendered && key.contains('-') {
                            return None;
                        }
                        let node = if rendered { config.tree(key) } else { config.unrendered_tree(key) };
                        match node?.to_json() {
                            Json::Object(map) => Some(map),
                            _ => None,
                        }
                    }
                };
                let trees = |rendered: bool| {
                    let trees = Trees::new(section(rendered));
                    match inputs.settings.own_analysis_config {
                        true => trees.with_analyses(section(rendered)("analyses").as_ref()),
                        false => trees,
                    }
                };
                PackageView {
                    package,
                    name: package.name.clone(),
                    trees: Arc::new(trees(true)),
                    unrendered: trees(false),
                }
            })
            .collect();
        let indexes = packages.iter().enumerate().map(|(index, package)| (package.name.clone(), index)).collect();
        let now = chrono::Utc::now();
        let created_at = now.timestamp_micros() as f64 / 1e6;
        let replaces = |package: &PackageView<'_>| {
            ["ref", "source", "config"]
                .iter()
                .any(|name| engine.resolve(&format!("{}.{name}", package.name), &package.name).is_some())
        };
        let root_replaces = packages.first().is_some_and(replaces);
        let overrides_builtins = packages.iter().map(|package| root_replaces || replaces(package)).collect();
        let warnings = Mutex::default();
        Workspace { inputs, engine, packages, docs, created_at, indexes, overrides_builtins, warnings }
    }

    /// Notes a warning where only errors are handed back.
    pub fn warn(&self, warning: Diagnostic) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    /// The warnings noted so far, by their places: threads note them in any order.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        let mut warnings = std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        warnings.sort_by(|left, right| {
            let place = |warning: &Diagnostic| warning.span.as_ref().map(|span| (span.file.path.clone(), span.start));
            (place(left), &left.message).cmp(&(place(right), &right.message))
        });
        warnings
    }

    /// The root project.
    pub fn root(&self) -> &PackageView<'a> {
        &self.packages[0]
    }

    pub fn is_root(&self, package: usize) -> bool {
        package == 0
    }

    /// The database of the target.
    pub fn database(&self) -> Option<String> {
        Some(self.inputs.files.target.database.clone())
    }

    /// The schema of the target.
    pub fn schema(&self) -> &str {
        &self.inputs.files.target.schema
    }

    /// Whether the package or the root project replaces `ref`, `source` or `config`.
    pub fn overrides_builtins(&self, package: usize) -> bool {
        self.overrides_builtins.get(package).copied().unwrap_or(true)
    }

    pub fn package_named(&self, name: &str) -> Option<usize> {
        self.indexes.get(name).copied()
    }

    /// Where the configs of a package's resources come from.
    pub fn places(&self, package: usize) -> Places<'_> {
        let root = (!self.is_root(package)).then(|| &*self.packages[0].trees);
        Places { own: &self.packages[package].trees, root }
    }

    /// The same, as written.
    pub fn unrendered_places(&self, package: usize) -> Places<'_> {
        let root = (!self.is_root(package)).then(|| &self.packages[0].unrendered);
        Places { own: &self.packages[package].unrendered, root }
    }

    /// A relation with the root project's quoting.
    pub fn relation(&self, database: Option<&str>, schema: &str, identifier: &str) -> Relation {
        let path = Path::new(database, Some(schema), Some(identifier));
        let mut relation = self.inputs.capabilities.relation(path, None);
        let quoting = self.root().package.config.quoting;
        relation.quote = relation.quote.with(PolicyChange {
            database: quoting.database,
            schema: quoting.schema,
            identifier: quoting.identifier,
        });
        relation
    }

    /// The host for a node of which only the name is known; `model` makes its dictionary.
    pub fn host(&self, alias: &str, model: impl Fn() -> Json + Send + Sync + 'static) -> ParseHost {
        let target = &self.inputs.files.target;
        let this = self.relation(Some(&target.database), &target.schema, alias);
        ParseHost::new(Subject {
            this: relation_object::value_of(this),
            database: Some(target.database.clone()),
            schema: target.schema.clone(),
            adapter: self.inputs.adapter.clone(),
            api: self.inputs.api.clone(),
            model: Box::new(model),
        })
    }

    /// The context of a template of `package` about `node`.
    pub fn context(&self, package: usize, node: &str, host: ParseHost) -> Value {
        self.context_of(package, node, Arc::new(host), Variables::Optional)
    }

    /// As [`Workspace::context`], for what is not rendered again when nodes run: a variable must be there.
    pub fn final_context(&self, package: usize, node: &str, host: ParseHost) -> Value {
        self.context_of(package, node, Arc::new(host), Variables::Required)
    }

    fn context_of(&self, package: usize, node: &str, host: Arc<dyn Host>, variables: Variables) -> Value {
        let scope = ContextScope {
            package: self.packages[package].name.clone(),
            node: Arc::from(node),
            variables,
            overrides: None,
        };
        NodeContext::value(self.inputs.globals, scope, host)
    }

    /// Renders a template of a node for what it asks for.
    pub fn capture(
        &self,
        package: usize,
        node: &str,
        source: &TemplateSource,
        host: &ParseHost,
    ) -> Result<Calls, Diagnostic> {
        self.capture_parsed(package, node, &self.engine.parse(source)?, host)
    }

    /// As [`Workspace::capture`].
    pub fn capture_parsed(
        &self,
        package: usize,
        node: &str,
        template: &ParsedTemplate,
        host: &ParseHost,
    ) -> Result<Calls, Diagnostic> {
        let context = self.context(package, node, host.clone());
        let scope = Scope::parsing(&self.packages[package].name, context);
        let rendered = self.engine.render_parsed(template, &scope)?;
        let mut calls = host.take();
        for id in &rendered.macros {
            calls.add_macro(id);
        }
        Ok(calls)
    }

    /// Renders a text of a properties file: variables, environment, target; no refs.
    pub fn yaml_value(&self, package: usize, text: &str, span: &Span, more: Names) -> Result<Json, Diagnostic> {
        let name = &self.packages[package].name;
        let context = self.context_of(package, name, Arc::new(more), Variables::AsWritten);
        let scope = Scope::new(name, context);
        // Where the text stands in the file as it is written, mistakes show their own place.
        let source = match span.file.text.get(span.start..span.end) {
            Some(written) if written == text => TemplateSource::part(&span.file, span.start..span.end),
            _ => match span.file.text.get(span.start + 1..span.end.saturating_sub(1)) {
                Some(written) if written == text => TemplateSource::part(&span.file, span.start + 1..span.end - 1),
                _ => TemplateSource::text(&span.file.path, text),
            },
        };
        let within = |problem: Diagnostic| {
            if Arc::ptr_eq(&source.file, &span.file) { problem } else { problem.at(span.clone()) }
        };
        let rendered = self.engine.evaluate(&source, &scope).map_err(within)?;
        Ok(super::capture::to_json(&rendered.value))
    }
}

/// The names that a template sees besides those of the invocation.
#[derive(Debug, Default)]
pub struct Names(pub Vec<(&'static str, Value)>);

impl Host for Names {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn names(&self) -> &'static [&'static str] {
        &["doc"]
    }
}

/// The text of a file as dbt keeps it: without space around it; with its place.
pub fn stripped(file: &Arc<SourceFile>) -> Span {
    let text = &file.text;
    let is_space = |character: char| character.is_whitespace() || matches!(character, '\x1c'..='\x1f');
    let start = text.len() - text.trim_start_matches(is_space).len();
    let end = text.trim_end_matches(is_space).len().max(start);
    Span::new(file, start, end)
}

/// An empty map, for what has no properties or no calls.
pub fn empty() -> &'static Map<String, Json> {
    static EMPTY: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
    &EMPTY
}

/// A JSON value as templates see it.
pub fn to_value(json: &Json) -> Value {
    values::from_json(json)
}
