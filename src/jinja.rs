//! Jinja as dbt speaks it: templates, macros, dispatch, Python's values.
//!
//! [`blocks`] takes macros out of files, an [`Engine`] knows them all and renders. The
//! engine is immutable and shared by all threads; a macro is parsed when it is first
//! called. What a node adds to the names that templates know (`ref`, `this`, `config`,
//! ...) is the caller's: a minijinja object, the context.
//!
//! Templates are parsed and run here, on minijinja's values and objects but not in its
//! machine: see [`interpreter`] for why.

pub mod adapter_object;
mod arguments;
pub mod blocks;
pub mod cells;
pub mod config_object;
pub mod context;
pub mod datetime;
mod decimal;
mod evaluate;
mod exceptions;
mod filters;
mod format;
mod interpreter;
mod itertools;
mod json;
mod lexer;
mod library;
mod macros;
mod methods;
pub mod metric;
mod named_tuple;
mod native;
mod operators;
mod parser;
pub mod phase;
mod pretty;
mod regex;
pub mod relation_object;
mod render;
mod static_calls;
mod strings;
mod syntax;
pub mod table;
mod tests;
mod text_filters;
mod timezone;
mod urlize;
pub mod values;
mod written_config;
mod yaml;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::{Environment, State, Value};

pub use arguments::Arguments;
pub use blocks::{Block, BlockKind};
pub use decimal::decimal;
pub use library::modules;
pub use macros::{MacroSource, Param};
pub use render::{allow_stack, error};

use interpreter::Interpreter;
use macros::{MacroEntry, Registry};
use render::{Render, Stop};
use syntax::{Place, Template};

use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::resource::FastMap;

/// A template that is not a macro: a model, a hook, a string of a YAML file.
#[derive(Debug, Clone)]
pub struct TemplateSource {
    pub file: Arc<SourceFile>,
    /// The template's part of the file, in bytes.
    pub range: Range<usize>,
}

impl TemplateSource {
    /// A whole file.
    pub fn file(file: &Arc<SourceFile>) -> Self {
        TemplateSource { range: 0..file.text.len(), file: file.clone() }
    }

    /// A part of a file.
    pub fn part(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        TemplateSource { file: file.clone(), range }
    }

    /// Text that stands in no file; `name` is shown in its place.
    pub fn text(name: &str, text: &str) -> Self {
        TemplateSource::file(&SourceFile::new(name, text))
    }
}

/// What a template asks to be told to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: MessageKind,
    pub text: String,
    /// The place of the call.
    pub span: Option<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// `log(..., info=true)`.
    Info,
    /// `log(...)`.
    Debug,
    /// `print(...)`.
    Print,
    /// `exceptions.warn(...)`.
    Warning,
    /// Something that is to go was used; the name of the event.
    Deprecation(&'static str),
}

/// A template that was read, to be rendered.
#[derive(Debug)]
pub struct ParsedTemplate {
    /// Its whole text, where that holds nothing to run.
    plain: Option<String>,
    template: Arc<Template>,
    range: Range<usize>,
}

impl ParsedTemplate {
    /// What the template's `config(...)` says, as it is written; `None` if there is none.
    pub fn written_config(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        written_config::of(&self.template)
    }
}

type Listener = dyn Fn(Message) + Send + Sync;

/// How an [`Engine`] finds macros, and its limits.
#[derive(Clone)]
pub struct EngineOptions {
    pub root_package: String,
    /// The packages of the adapter and of dbt, the first wins: `[dbt_redshift,
    /// dbt_postgres, dbt]`.
    pub internal_packages: Vec<String>,
    /// What `adapter.dispatch` puts before a name, in this order and without `default`:
    /// `[redshift, postgres]`.
    pub adapter_prefixes: Vec<String>,
    /// `dispatch:` of `dbt_project.yml`: the packages to search for a namespace.
    pub search_orders: HashMap<String, Vec<String>>,
    /// After so many steps a template is held to be endless.
    pub step_limit: u64,
    /// How much of the stack, in bytes, one render may use for calls within calls.
    pub stack_limit: usize,
    /// Gets what templates log, print and warn of.
    pub listener: Option<Arc<Listener>>,
    /// Whether `exceptions.warn` fails like an error, so that its node does (`--warn-error`).
    pub warnings_raise: bool,
}

impl EngineOptions {
    pub fn new(root_package: &str) -> Self {
        EngineOptions {
            root_package: root_package.to_owned(),
            internal_packages: vec!["dbt".to_owned()],
            adapter_prefixes: Vec::new(),
            search_orders: HashMap::new(),
            step_limit: 20_000_000,
            stack_limit: 1 << 20,
            listener: None,
            warnings_raise: false,
        }
    }
}

/// All that renders share.
pub struct Inner {
    registry: Registry,
    options: EngineOptions,
    library: FastMap<&'static str, Value>,
    environment: Environment<'static>,
    empty: Arc<Template>,
    /// What templates say is lost: they are rendered again, and say it then.
    hushed: AtomicBool,
}

impl Inner {
    fn say(&self, kind: MessageKind, text: String, span: Option<Span>) {
        if let Some(listener) = self.options.listener.as_ref().filter(|_| !self.hushed.load(Ordering::Relaxed)) {
            listener(Message { kind, text, span });
        }
    }
}

/// What a render gives besides its result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered<T> {
    pub value: T,
    /// The macros that the template itself called, in the order of their first call
    /// (`depends_on.macros`).
    pub macros: Vec<String>,
}

/// Who renders: the package whose macros are near, the names of the node, the phase.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    pub package: &'a str,
    pub context: Value,
    /// dbt's parse phase: an undefined value can be called and read from, and gives
    /// itself, because what it stands for may only be known later.
    pub parsing: bool,
    /// What macros give in place of being run, in a unit test.
    pub overrides: Option<Arc<MacroOverrides>>,
}

/// What macros give in place of being run, by the macro's unique id
/// (docs.getdbt.com/reference/resource-properties/unit-test-overrides).
pub type MacroOverrides = HashMap<String, Value>;

impl<'a> Scope<'a> {
    pub fn new(package: &'a str, context: Value) -> Self {
        Scope { package, context, parsing: false, overrides: None }
    }

    pub fn parsing(package: &'a str, context: Value) -> Self {
        Scope { package, context, parsing: true, overrides: None }
    }
}

/// Knows every macro and renders templates. Cheap to clone; safe to share.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<engine of {}>", self.0.options.root_package)
    }
}

impl Engine {
    /// Fails when a package defines a macro twice.
    pub fn new(macros: Vec<MacroSource>, options: EngineOptions) -> Result<Engine, Diagnostic> {
        let registry = Registry::new(macros, &options.root_package, &options.internal_packages)?;
        let empty = Template { file: SourceFile::new("", ""), names: Vec::new(), body: Vec::new() };
        Ok(Engine(Arc::new(Inner {
            registry,
            options,
            library: library::globals(),
            environment: Environment::empty(),
            empty: Arc::new(empty),
            hushed: AtomicBool::new(false),
        })))
    }

    /// Does `work` without passing on what templates log, print and warn of meanwhile, on any thread.
    pub fn hushed<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Hush<'a>(&'a AtomicBool, bool);
        impl Drop for Hush<'_> {
            fn drop(&mut self) {
                self.0.store(self.1, Ordering::Relaxed);
            }
        }
        let _until_the_end = Hush(&self.0.hushed, self.0.hushed.swap(true, Ordering::Relaxed));
        work()
    }

    /// Renders a template to text, as dbt renders a model.
    pub fn render(&self, source: &TemplateSource, scope: &Scope<'_>) -> Result<Rendered<String>, Diagnostic> {
        self.render_parsed(&self.parse(source)?, scope)
    }

    /// Reads a template, to render it later or to look at it first.
    ///
    /// # Errors
    /// The template's first mistake of syntax.
    pub fn parse(&self, source: &TemplateSource) -> Result<ParsedTemplate, Diagnostic> {
        let plain = parser::plain_text(source.file.text.get(source.range.clone()).unwrap_or(""));
        let template = match plain {
            Some(_) => self.0.empty.clone(),
            None => Arc::new(parser::parse(&source.file, source.range.clone())?),
        };
        Ok(ParsedTemplate { plain, template, range: source.range.clone() })
    }

    /// As [`Engine::render`].
    pub fn render_parsed(&self, parsed: &ParsedTemplate, scope: &Scope<'_>) -> Result<Rendered<String>, Diagnostic> {
        if let Some(text) = &parsed.plain {
            return Ok(Rendered { value: text.clone(), macros: Vec::new() });
        }
        self.run(parsed, scope, |interpreter, template| {
            let mut output = String::with_capacity(parsed.range.len() * 2);
            interpreter.run(&template.body, &mut output)?;
            Ok(output)
        })
    }

    /// Renders a template to a value: that of its expression if it is one, else its
    /// text. So dbt renders the arguments of generic tests and the strings of profiles
    /// and project files (docs.getdbt.com/reference/dbt-jinja-functions/as_native).
    pub fn evaluate(&self, source: &TemplateSource, scope: &Scope<'_>) -> Result<Rendered<Value>, Diagnostic> {
        let parsed = self.parse(source)?;
        if let Some(text) = parsed.plain {
            return Ok(Rendered { value: Value::from(text), macros: Vec::new() });
        }
        self.run(&parsed, scope, |interpreter, template| interpreter.native(&template.body))
    }

    fn run<T>(
        &self,
        parsed: &ParsedTemplate,
        scope: &Scope<'_>,
        body: impl for<'a> FnOnce(&mut Interpreter<'a, '_, '_, '_>, &'a Template) -> Result<T, Stop>,
    ) -> Result<Rendered<T>, Diagnostic> {
        let template = &parsed.template;
        let render = Render::new(self.0.clone(), scope);
        let mut state = self.0.environment.empty_state();
        render::attach(&mut state, &render);
        let mut interpreter = Interpreter::new(&mut state, &render, template, None);
        let result = body(&mut interpreter, template);
        let macros = render.called();
        match result {
            Ok(value) => Ok(Rendered { value, macros }),
            Err(stop) => Err(outcome(stop, Place::new(parsed.range.start, parsed.range.end).span(&template.file))),
        }
    }

    /// Calls a macro by its plain name or `package.name`.
    ///
    /// Fails when there is none of that name, and with whatever the macro raises.
    pub fn call(&self, name: &str, arguments: Arguments, scope: &Scope<'_>) -> Result<Rendered<Value>, Diagnostic> {
        let Some(entry) = self.0.registry.resolve(name, scope.package) else {
            let names = self.0.registry.names(scope.package);
            return Err(Diagnostic::error(format!("macro `{name}` not found")).suggest(name, names));
        };
        let render = Render::new(self.0.clone(), scope);
        let mut state = self.0.environment.empty_state();
        render::attach(&mut state, &render);
        let mut interpreter = Interpreter::new(&mut state, &render, &self.0.empty, None);
        let callee = Value::from_dyn_object(entry.clone());
        let result = interpreter.call_value(&callee, arguments, Place::default());
        let macros = render.called();
        match result {
            Ok(value) => Ok(Rendered { value, macros }),
            Err(stop) => Err(without_empty_places(outcome(stop, span_of(entry)))),
        }
    }

    /// The macro that a plain or qualified name means to a node of `package`.
    pub fn resolve(&self, name: &str, package: &str) -> Option<&MacroSource> {
        self.0.registry.resolve(name, package).map(|entry| &entry.source)
    }

    /// The macro that a plain name in a node of `package` is taken for while parsing, of any package.
    pub fn resolve_statically(&self, name: &str, package: &str) -> Option<&MacroSource> {
        self.0.registry.find_static(name, package).map(|entry| &entry.source)
    }

    /// The same as a value that can be called.
    pub fn macro_value(&self, name: &str, package: &str) -> Option<Value> {
        self.0.registry.resolve(name, package).map(|entry| Value::from_dyn_object(entry.clone()))
    }

    /// What a bare name means to a template of `package` among macros and packages.
    pub fn macro_or_package(&self, name: &str, package: &str) -> Option<Value> {
        self.0.registry.global(name, package)
    }

    /// One of the engine's own names (`log`, `return`, `modules`, ...), whatever macro hides it.
    pub fn builtin(&self, name: &str) -> Option<Value> {
        self.0.library.get(name).cloned()
    }

    /// `adapter.dispatch`: the first macro among `<prefix>__<name>` of the adapter, its
    /// parents and `default`, in each package of the namespace's search order
    /// (docs.getdbt.com/reference/dbt-jinja-functions/dispatch).
    ///
    /// Fails with every name that was tried.
    pub fn dispatch(&self, name: &str, namespace: Option<&str>, package: &str) -> Result<Value, Diagnostic> {
        if let Some((namespace, name)) = name.split_once('.') {
            return Err(Diagnostic::error(format!("`{namespace}.{name}` is not the name of a macro"))
                .hint(format!("write `adapter.dispatch('{name}', macro_namespace='{namespace}')`")));
        }
        let candidates = self.candidates(name, namespace);
        match self.first_of(&candidates, namespace, package) {
            Some(entry) => Ok(Value::from_dyn_object(entry.clone())),
            None => {
                let (namespace, searched) = (namespace.unwrap_or("None"), candidates.join("', '"));
                Err(Diagnostic::error(format!(
                    "In dispatch: No macro named '{name}' found within namespace: '{namespace}'\n    Searched for: '{searched}'"
                )))
            }
        }
    }

    /// The macro that `adapter.dispatch` gives to a node of `package`.
    pub fn dispatched(&self, name: &str, namespace: Option<&str>, package: &str) -> Option<&MacroSource> {
        self.first_of(&self.candidates(name, namespace), namespace, package).map(|entry| &entry.source)
    }

    fn first_of(&self, candidates: &[String], namespace: Option<&str>, package: &str) -> Option<&Arc<MacroEntry>> {
        let registry = &self.0.registry;
        let found = candidates.iter().find_map(|candidate| registry.resolve(candidate, package));
        // A package's macro may dispatch to one of its own while a node of another package is rendered.
        found.or_else(|| {
            let mut bare = candidates.iter().filter(|candidate| namespace.is_none() && !candidate.contains('.'));
            bare.find_map(|candidate| registry.find_static(candidate, package))
        })
    }

    /// The macro of a project or a package, not tform's own, that takes the place of dbt's macro `name`
    /// wherever that dispatches.
    pub fn replacing(&self, name: &str, package: &str) -> Option<&MacroSource> {
        let candidates = self.candidates(name, Some("dbt"));
        let found = candidates.iter().find_map(|candidate| self.0.registry.resolve(candidate, package))?;
        (!self.0.registry.is_internal(&found.source.package)).then_some(&found.source)
    }

    /// Whether a macro of a project or a package takes the place of dbt's macro `name`, or of what that
    /// dispatches to.
    pub fn is_replaced(&self, name: &str, package: &str) -> bool {
        let is_own = |found: &MacroSource| !self.0.registry.is_internal(&found.package);
        self.resolve(name, package).is_some_and(is_own) || self.replacing(name, package).is_some()
    }

    /// The names that a dispatch tries, in their order.
    fn candidates(&self, name: &str, namespace: Option<&str>) -> Vec<String> {
        let options = &self.0.options;
        let packages: Vec<Option<&str>> = match namespace {
            None => vec![None],
            Some(namespace) => match options.search_orders.get(namespace) {
                Some(order) => order.iter().map(|package| Some(package.as_str())).collect(),
                None if self.0.registry.package(namespace).is_some() => {
                    vec![Some(options.root_package.as_str()), Some(namespace)]
                }
                // Neither a package nor one that `dispatch:` of dbt_project.yml knows: as without a namespace.
                None => vec![None],
            },
        };
        let mut candidates = Vec::new();
        for package in packages {
            for prefix in options.adapter_prefixes.iter().map(String::as_str).chain(["default"]) {
                candidates.push(match package {
                    Some(package) => format!("{package}.{prefix}__{name}"),
                    None => format!("{prefix}__{name}"),
                });
            }
        }
        candidates
    }

    /// Every macro, in no order.
    pub fn macros(&self) -> impl Iterator<Item = &MacroSource> {
        self.0.registry.entries().map(|entry| &entry.source)
    }

    /// Parses a template without rendering it: its first mistake of syntax.
    pub fn check(&self, source: &TemplateSource) -> Result<(), Diagnostic> {
        parser::parse(&source.file, source.range.clone()).map(|_| ())
    }

    /// The macros that a macro's text calls, by unique id: `depends_on.macros` of a macro.
    ///
    /// Fails on a mistake in the macro's syntax.
    pub fn calls_of(&self, source: &MacroSource) -> Result<Vec<String>, Diagnostic> {
        let Some(entry) = self.0.registry.of_package(&source.package, &source.name) else {
            return Ok(Vec::new());
        };
        let registry = &self.0.registry;
        let mut found: Vec<&Arc<MacroEntry>> = Vec::new();
        // A dispatch may be written with the name of the macro that it stands in.
        let find = |name: &str| match name == source.name {
            true => None,
            false => registry.find_static(name, &source.package),
        };
        for call in static_calls::of(&*entry.template()?) {
            match call {
                static_calls::StaticCall::Named(name) if self.0.library.contains_key(name.as_str()) => {}
                static_calls::StaticCall::Named(name) => found.extend(find(&name)),
                static_calls::StaticCall::Dispatch { name, namespace } => {
                    found.extend(find(&name));
                    let candidates = self.candidates(&name, namespace.as_deref());
                    let target = candidates.iter().find_map(|candidate| match candidate.split_once('.') {
                        Some((package, name)) => registry.package(package)?.get(name),
                        None => registry.find_static(candidate, &self.0.options.root_package),
                    });
                    found.extend(target);
                }
            }
        }
        let mut ids: Vec<String> = Vec::new();
        for called in found {
            if !ids.contains(&called.unique_id) {
                ids.push(called.unique_id.clone());
            }
        }
        Ok(ids)
    }
}

fn span_of(entry: &Arc<MacroEntry>) -> Span {
    let end = entry.source.text().find("%}").map_or(entry.source.range.end, |at| entry.source.range.start + at + 2);
    Place::new(entry.source.range.start, end).span(&entry.source.file)
}

/// The diagnostic of a render that stopped.
fn outcome(stop: Stop, whole: Span) -> Diagnostic {
    match stop {
        Stop::Return(_) => Diagnostic::error("`return` outside of a macro").at(whole),
        Stop::Error(mut diagnostic) => {
            if diagnostic.span.is_none() {
                diagnostic.span = Some(Span::new(&whole.file, whole.start, whole.start));
            }
            *diagnostic
        }
    }
}

/// Drops the places of calls that stand in no file.
fn without_empty_places(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.notes.retain(|(_, span)| span.as_ref().is_none_or(|span| !span.file.path.is_empty()));
    if diagnostic.span.as_ref().is_some_and(|span| span.file.path.is_empty()) {
        diagnostic.span = None;
    }
    diagnostic
}

/// Calls a value from a function of the library.
fn call_value(render: &Arc<Render>, callee: &Value, arguments: Arguments) -> Result<Value, Stop> {
    let mut state = render.engine.environment.empty_state();
    render::attach(&mut state, render);
    let template = render.engine.empty.clone();
    Interpreter::new(&mut state, render, &template, None).call_value(callee, arguments, Place::default())
}

// --- for objects written in Rust that templates call ---

/// The engine and the node's package of the render that calls.
pub fn caller(state: &State<'_, '_>) -> Option<(Engine, Arc<str>)> {
    let render = render::current(state)?;
    Some((Engine(render.engine.clone()), render.package.clone()))
}

/// What a name means in the render that calls, outside of any template's own variables:
/// a macro, a package, a name of the node's context, or one of the engine's.
pub fn lookup(state: &State<'_, '_>, name: &str) -> Option<Value> {
    render::current(state)?.global(name)
}

/// The place of the call that is being made into Rust code.
pub fn position(state: &State<'_, '_>) -> Option<Span> {
    render::current(state)?.position()
}

/// Renders text as a template in the context of the render that calls (`render(...)`).
///
/// # Errors
/// What is wrong in the text, or when nothing is being rendered.
pub fn render_text(state: &State<'_, '_>, text: &str) -> Result<String, minijinja::Error> {
    let Some(render) = render::current(state) else {
        return Err(error(Diagnostic::error("`render` was called outside of a template")));
    };
    let scope = Scope {
        package: &render.package,
        context: render.context.clone(),
        parsing: render.lenient,
        overrides: render.overrides.clone(),
    };
    let rendered = Engine(render.engine.clone()).render(&TemplateSource::text("render", text), &scope);
    rendered.map(|rendered| rendered.value).map_err(error)
}

/// Calls a macro, `caller` or any other value that can be called.
pub fn call(state: &mut State<'_, '_>, callee: &Value, arguments: Arguments) -> Result<Value, minijinja::Error> {
    interpreter::call_from_rust(state, callee, arguments)
}

#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod python_tests;
