//! Macros and how their names are found.
//!
//! Every macro is parsed when it is first called and kept for the life of the engine.
//! Names are found as dbt finds them (docs.getdbt.com/reference/dbt-jinja-functions/dispatch):
//! the package of the node that is rendered, the root project, packages by their name,
//! then the packages of the adapter and of dbt itself.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::arguments::Arguments;
use super::interpreter;
use super::parser;
use super::syntax::{Definition, Node, Place, Template};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::resource::FastMap;

/// One parameter in the head of a macro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    pub name: String,
    pub has_default: bool,
}

/// One macro of the project, of a package or of tform itself.
#[derive(Debug, Clone)]
pub struct MacroSource {
    pub package: String,
    /// dbt's name: `foo`, `test_foo`, `materialization_view_default`.
    pub name: String,
    pub file: Arc<SourceFile>,
    /// The whole block in the file, in bytes.
    pub range: Range<usize>,
    pub signature: Vec<Param>,
}

impl MacroSource {
    pub fn unique_id(&self) -> String {
        ["macro.", &self.package, ".", &self.name].concat()
    }

    /// The block's text (`macro_sql` in the manifest).
    pub fn text(&self) -> &str {
        self.file.text.get(self.range.clone()).unwrap_or("")
    }
}

/// A macro known to the engine, callable from templates.
pub struct MacroEntry {
    pub source: MacroSource,
    pub unique_id: String,
    parsed: OnceLock<Result<ParsedMacro, Diagnostic>>,
}

#[derive(Clone)]
pub struct ParsedMacro {
    pub template: Arc<Template>,
    pub definition: Arc<Definition>,
}

impl MacroEntry {
    pub fn new(source: MacroSource) -> Self {
        MacroEntry { unique_id: source.unique_id(), source, parsed: OnceLock::new() }
    }

    /// The macro's syntax tree, to look at it. It is not kept: most macros are never called, and the
    /// trees of all take more memory than time.
    pub fn template(&self) -> Result<Arc<Template>, Diagnostic> {
        match self.parsed.get() {
            Some(parsed) => parsed.as_ref().map(|parsed| parsed.template.clone()).map_err(Clone::clone),
            None => parser::parse(&self.source.file, self.source.range.clone()).map(Arc::new),
        }
    }

    /// The macro's syntax tree, to run it; parsed by the first caller.
    pub fn parsed(&self) -> Result<&ParsedMacro, Diagnostic> {
        let parsed = self.parsed.get_or_init(|| {
            let template = parser::parse(&self.source.file, self.source.range.clone())?;
            let definition = template.body.iter().find_map(|node| match node {
                Node::Macro(_, definition) => Some(definition.clone()),
                _ => None,
            });
            let definition = definition.ok_or_else(|| {
                let place = Place::new(self.source.range.start, self.source.range.end);
                Diagnostic::error(format!("`{}` is not a macro", self.source.name)).at(place.span(&self.source.file))
            })?;
            Ok(ParsedMacro { template: Arc::new(template), definition })
        });
        parsed.as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for MacroEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<macro {}.{}>", self.source.package, self.source.name)
    }
}

impl Object for MacroEntry {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let value = Value::from_dyn_object(self.clone());
        interpreter::call_from_rust(state, &value, Arguments::from_values(args))
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "name" => Some(Value::from(self.source.name.as_str())),
            "package_name" => Some(Value::from(self.source.package.as_str())),
            "unique_id" => Some(Value::from(self.unique_id.as_str())),
            _ => None,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
}

/// A package's name as a value: `dbt_utils` in `dbt_utils.star(...)`.
pub struct PackageNamespace {
    pub name: String,
    macros: FastMap<String, Arc<MacroEntry>>,
}

impl PackageNamespace {
    pub fn get(&self, name: &str) -> Option<&Arc<MacroEntry>> {
        self.macros.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.macros.keys().map(String::as_str)
    }
}

impl fmt::Debug for PackageNamespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<package {}>", self.name)
    }
}

impl Object for PackageNamespace {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.macros.get(key).map(|entry| Value::from_dyn_object(entry.clone()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// All macros, hashed by package and name.
#[derive(Debug)]
pub struct Registry {
    root: String,
    /// The packages of the adapter and of dbt, the first wins.
    internal: Vec<String>,
    packages: FastMap<String, Arc<PackageNamespace>>,
    /// The internal packages as one, under the name `dbt`.
    dbt: Arc<PackageNamespace>,
}

impl Registry {
    /// Fails when one package defines a macro twice; the diagnostic shows both places.
    pub fn new(macros: Vec<MacroSource>, root: &str, internal: &[String]) -> Result<Registry, Diagnostic> {
        let mut packages: FastMap<String, FastMap<String, Arc<MacroEntry>>> = FastMap::default();
        packages.entry(root.to_owned()).or_default();
        for source in macros {
            let entry = Arc::new(MacroEntry::new(source));
            let package = packages.entry(entry.source.package.clone()).or_default();
            if let Some(other) = package.insert(entry.source.name.clone(), entry.clone()) {
                return Err(twice(&entry.source, &other.source));
            }
        }
        let mut merged = FastMap::default();
        for package in internal.iter().rev() {
            for (name, entry) in packages.get(package).into_iter().flatten() {
                merged.insert(name.clone(), entry.clone());
            }
        }
        let packages = packages
            .into_iter()
            .map(|(name, macros)| (name.clone(), Arc::new(PackageNamespace { name, macros })))
            .collect();
        let dbt = Arc::new(PackageNamespace { name: "dbt".to_owned(), macros: merged });
        Ok(Registry { root: root.to_owned(), internal: internal.to_vec(), packages, dbt })
    }

    pub fn is_internal(&self, package: &str) -> bool {
        self.internal.iter().any(|internal| internal == package)
    }

    /// The package under a name that a template may use.
    pub fn package(&self, name: &str) -> Option<&Arc<PackageNamespace>> {
        if name == "dbt" { Some(&self.dbt) } else { self.packages.get(name) }
    }

    /// The macro under a plain name, as seen by a node of `package`.
    pub fn find(&self, name: &str, package: &str) -> Option<&Arc<MacroEntry>> {
        self.find_own(name, package).or_else(|| self.dbt.get(name))
    }

    /// Of the node's own package or the root project: these win over packages' names.
    pub fn find_own(&self, name: &str, package: &str) -> Option<&Arc<MacroEntry>> {
        let in_package = |package: &str| self.packages.get(package).and_then(|found| found.get(name));
        if !self.is_internal(package)
            && let Some(entry) = in_package(package)
        {
            return Some(entry);
        }
        in_package(&self.root)
    }

    /// The macro under a plain or qualified name.
    pub fn resolve(&self, name: &str, package: &str) -> Option<&Arc<MacroEntry>> {
        match name.split_once('.') {
            Some((qualifier, name)) => self.package(qualifier)?.get(name),
            None => self.find(name, package),
        }
    }

    /// The macro of exactly this package.
    pub fn of_package(&self, package: &str, name: &str) -> Option<&Arc<MacroEntry>> {
        self.packages.get(package)?.get(name)
    }

    /// The macro that a name in a macro's text is taken for while parsing: of its own
    /// package, the root project, any other package, then the internal ones.
    pub fn find_static(&self, name: &str, package: &str) -> Option<&Arc<MacroEntry>> {
        let (package, name) = name.split_once('.').unwrap_or((package, name));
        let in_package = |package: &str| self.packages.get(package).and_then(|found| found.get(name));
        in_package(package)
            .or_else(|| in_package(&self.root))
            .or_else(|| {
                let mut others: Vec<_> = self.packages.iter().filter(|(name, _)| !self.is_internal(name)).collect();
                others.sort_unstable_by_key(|(name, _)| name.as_str());
                others.iter().rev().find_map(|(_, macros)| macros.get(name))
            })
            .or_else(|| self.dbt.get(name))
    }

    /// What a bare name means to a template of `package`: a macro or a package.
    pub fn global(&self, name: &str, package: &str) -> Option<Value> {
        if let Some(entry) = self.find_own(name, package) {
            return Some(Value::from_dyn_object(entry.clone()));
        }
        if let Some(package) = self.package(name) {
            return Some(Value::from_dyn_object(package.clone()));
        }
        self.dbt.get(name).map(|entry| Value::from_dyn_object(entry.clone()))
    }

    /// Every name that `global` knows, for suggestions and for listing the context.
    pub fn names(&self, package: &str) -> Vec<&str> {
        let mut names: Vec<&str> = self.dbt.names().chain(self.packages.keys().map(String::as_str)).collect();
        for package in [package, self.root.as_str()] {
            names.extend(self.packages.get(package).into_iter().flat_map(|package| package.names()));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    pub fn entries(&self) -> impl Iterator<Item = &Arc<MacroEntry>> {
        self.packages.values().flat_map(|package| package.macros.values())
    }
}

fn twice(source: &MacroSource, other: &MacroSource) -> Diagnostic {
    let place = |source: &MacroSource| {
        let head = source.text().find("%}").map_or(source.range.end, |end| source.range.start + end + 2);
        Place::new(source.range.start, head).span(&source.file)
    };
    let text = format!("dbt found multiple macros named \"{}\" in the project", source.name);
    Diagnostic::error(text)
        .note(format!("package `{}` defines it twice", source.package))
        .at(place(source))
        .note_at("the other definition", place(other))
        .hint("rename or remove one of them")
}
