//! Files to `Manifest`: every resource of the project and its packages.
//!
//! In this order: macros and docs (they are needed to render anything), properties files,
//! files of nodes; then what properties say is joined to the nodes, and tests and sources
//! are made. Each step runs over its files in parallel and gives its results in the order
//! of the files. Nothing is cached between invocations.
//!
//! Refs stay as they are written; `graph::resolve` makes edges of them.

mod capture;
mod check;
mod colors;
pub mod microbatch;
mod configure;
mod contract;
mod docs;
mod draft;
mod exposure;
mod extract;
mod function;
mod generic_test;
mod join;
mod layers;
mod macros;
mod names;
mod node;
mod own_properties;
mod own_tests;
mod properties;
mod python;
mod python_model;
mod semantic;
mod source;
mod test_names;
mod unit_test;
mod workspace;

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use rayon::prelude::*;

pub use python::literal as python_literal;
pub use semantic::check::EVENT as SEMANTIC_FAILURE;

use crate::adapter::Capabilities;
use crate::diagnostic::{Diagnostic, Diagnostics, Warned};
use crate::jinja::context::Globals;
use crate::jinja::{Engine, EngineOptions};
use crate::load::{BuiltinPackage, FileKind, ProjectFiles};
use crate::manifest::{CallTarget, Manifest, Source};
use docs::{Docs, DocsFile};
use macros::{FoundMacro, MacroFile};
use properties::Properties;
use workspace::Workspace;

/// The one `ref(...)` or `source(...)` that `expression` is, as in `input:` of a unit test.
pub fn reference(expression: &str) -> Option<CallTarget> {
    reference_with(expression, false)
}

/// As [`reference`]; with `free_keywords` a `ref` may have any (`support_custom_ref_kwargs`).
pub fn reference_with(expression: &str, free_keywords: bool) -> Option<CallTarget> {
    let found = extract::reference_with(expression, free_keywords)?;
    let call = found.refs.into_iter().next().map(|(call, _)| CallTarget::Ref(call));
    call.or_else(|| found.sources.into_iter().next().map(|(call, _)| CallTarget::Source(call)))
}

/// How many nodes a thread takes at once: few enough that none is left with many when the others are done.
const SHARE: usize = 64;
/// The same of properties files, each of which may describe many nodes.
const FILES_SHARE: usize = 4;

/// What parsing needs besides the files.
pub struct Inputs<'a> {
    pub files: &'a ProjectFiles,
    pub globals: &'a Arc<Globals>,
    pub capabilities: &'static Capabilities,
    /// The `adapter` object of templates that are parsed (`AdapterObject::parsing`).
    pub adapter: Value,
    pub api: Value,
    /// Where a source is read from, if it is not a relation of the warehouse.
    pub external_location: fn(&Source) -> Option<String>,
    /// How the engine finds macros; the packages are filled in here.
    pub engine: EngineOptions,
    pub settings: Settings,
}

impl fmt::Debug for Inputs<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<inputs of {}>", self.files.root().name)
    }
}

/// The flags that parsing looks at.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// `--store-failures`: tests have relations.
    pub store_failures: bool,
    /// `require_generic_test_arguments_property`: tests take their arguments from `arguments:`.
    pub nested_test_arguments: bool,
    /// `require_sql_header_in_test_configs`: `sql_header` is a config of tests.
    pub test_headers: bool,
    /// `require_ref_searches_node_package_before_root`, which also holds for `doc`.
    pub own_package_first: bool,
    /// `require_resource_names_without_spaces`.
    pub names_without_spaces: bool,
    /// `require_source_and_semantic_model_names_without_spaces`.
    pub other_names_without_spaces: bool,
    /// `validate_macro_args`: arguments of macros are compared with what properties say of them.
    pub validates_macros: bool,
    /// `allow_jinja_file_extensions`: `.sql.j2` and the like are read too.
    pub jinja_extensions: bool,
    /// `require_corrected_analysis_fqns`: analyses are configured under `analyses:`.
    pub own_analysis_config: bool,
    /// `state_modified_compare_more_unrendered_values`: configs are kept as they are written.
    pub written_configs: bool,
    /// `require_batched_execution_for_custom_microbatch_strategy`.
    pub custom_batches: bool,
    /// `require_valid_schema_from_generate_schema_name`.
    pub valid_schemas: bool,
    /// `--debug`.
    pub debug: bool,
}

impl Default for Settings {
    /// The defaults of dbt 1.11.
    fn default() -> Self {
        Settings {
            store_failures: false,
            test_headers: false,
            nested_test_arguments: true,
            own_package_first: false,
            names_without_spaces: true,
            other_names_without_spaces: false,
            validates_macros: true,
            jinja_extensions: false,
            own_analysis_config: false,
            written_configs: true,
            custom_batches: true,
            valid_schemas: false,
            debug: false,
        }
    }
}

/// What parsing gives.
#[derive(Debug)]
pub struct Parsed {
    pub manifest: Manifest,
    /// Knows every macro; renders what is compiled and run later.
    pub engine: Engine,
}

/// A project in which something is wrong: what that is, and what could be understood, so that
/// later stages can say what is wrong there too.
#[derive(Debug)]
pub struct Broken {
    pub problems: Diagnostics,
    pub manifest: Manifest,
}

impl From<Diagnostic> for Box<Broken> {
    fn from(problem: Diagnostic) -> Self {
        Box::new(Broken { problems: problem.into(), manifest: Manifest::default() })
    }
}

/// Parses a project and its packages.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn manifest(inputs: &Inputs<'_>) -> Result<Warned<Parsed>, Box<Broken>> {
    let mut problems = inputs.files.unread.clone();
    let found = read_macros(inputs, &inputs.files.builtin, &mut problems);
    let engine = make_engine(inputs, &inputs.files.builtin, &found)?;
    let docs = read_docs(inputs, &engine, &mut problems);
    let workspace = Workspace::new(inputs, engine.clone(), docs);
    let files = read_properties(&workspace, &mut problems);
    let drafts = draft::all(&workspace, &files, &mut problems);
    let manifest = join::manifest(&workspace, &found, files, drafts, &mut problems);
    problems.extend(workspace.take_warnings());
    if problems.has_errors() {
        return Err(Box::new(Broken { problems, manifest }));
    }
    Ok(Warned { value: Parsed { manifest, engine }, warnings: problems })
}

/// The macros of a project for another warehouse than its target's, with tform's own macros for that one.
///
/// # Errors
/// As [`manifest`], of macros.
pub fn engine(inputs: &Inputs<'_>, builtin: &[BuiltinPackage]) -> Result<Engine, Diagnostics> {
    let mut problems = Diagnostics::new();
    let found = read_macros(inputs, builtin, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(make_engine(inputs, builtin, &found)?)
}

fn read_macros(inputs: &Inputs<'_>, builtin: &[BuiltinPackage], problems: &mut Diagnostics) -> Vec<FoundMacro> {
    let files = inputs.files;
    let builtin_names: Vec<Arc<str>> = builtin.iter().map(|package| Arc::from(package.name)).collect();
    let builtin = builtin.iter().zip(&builtin_names).flat_map(|(package, name)| {
        package.files.iter().map(move |file| {
            let path = file.path.split_once('/').map_or(file.path.as_str(), |(_, path)| path).to_owned();
            MacroFile { package: name, file: file.clone(), path, only_tests: false }
        })
    });
    let own = [FileKind::Macro, FileKind::GenericTest].into_iter().flat_map(|kind| {
        files.of_kind(kind).map(move |file| MacroFile {
            package: &file.package,
            file: file.source.clone(),
            path: file.path.clone(),
            only_tests: kind == FileKind::GenericTest,
        })
    });
    let all: Vec<MacroFile<'_>> = builtin.chain(own).collect();
    macros::read(&all, problems)
}

fn make_engine(inputs: &Inputs<'_>, builtin: &[BuiltinPackage], found: &[FoundMacro]) -> Result<Engine, Diagnostic> {
    let capabilities = inputs.capabilities;
    let mut options = inputs.engine.clone();
    options.root_package = inputs.files.root().name.to_string();
    let internal = builtin.iter().filter(|package| package.name != crate::load::OWN);
    options.internal_packages = internal.map(|package| package.name.to_owned()).collect();
    let prefixes = [capabilities.adapter].into_iter().chain(capabilities.parents.iter().copied());
    options.adapter_prefixes = prefixes.map(str::to_owned).collect();
    let dispatch = &inputs.files.root().config.dispatch;
    options.search_orders =
        dispatch.iter().map(|entry| (entry.macro_namespace.clone(), entry.search_order.clone())).collect();
    let engine = Engine::new(found.iter().map(|found| found.source.clone()).collect(), options)?;
    // A second parse in one process keeps the engine of the first for `context`.
    let _ = inputs.globals.engine.set(engine.clone());
    Ok(engine)
}

fn read_docs(inputs: &Inputs<'_>, engine: &Engine, problems: &mut Diagnostics) -> Docs {
    let files = inputs.files;
    let read: Vec<_> = files
        .of_kind(FileKind::Documentation)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|file| {
            let docs_file = DocsFile {
                package: &file.package,
                span: workspace::stripped(&file.source),
                path: file.resource_path.clone(),
                original_file_path: file.path.clone(),
            };
            docs::read(&docs_file, engine)
        })
        .collect();
    let mut docs = Docs::new(&files.root().name, inputs.settings.own_package_first);
    docs.blocks.push(Arc::new(docs::overview()));
    for result in read {
        match result {
            Ok(blocks) => {
                for (doc, span) in blocks {
                    if let Err(problem) = docs.add(doc, span) {
                        problems.push(problem);
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    docs
}

/// A properties file, read.
#[derive(Debug)]
pub(crate) struct PropertiesFile {
    pub package: usize,
    /// Relative to the package.
    pub path: String,
    /// Relative to the folder in which it was found.
    pub resource_path: String,
    pub properties: Properties,
}

fn read_properties(workspace: &Workspace<'_>, problems: &mut Diagnostics) -> Vec<PropertiesFile> {
    let files: Vec<_> = workspace.inputs.files.of_kind(FileKind::Properties).collect();
    let read: Vec<(Option<PropertiesFile>, Diagnostics)> = files
        .into_par_iter()
        .with_max_len(FILES_SHARE)
        .map(|file| {
            let package = workspace.package_named(&file.package).unwrap_or(0);
            let mut found = Diagnostics::new();
            let root = match crate::yaml::parse(&file.source) {
                Ok(Warned { value, warnings }) => {
                    found.extend(warnings);
                    value
                }
                Err(problem) => {
                    found.push(problem);
                    None
                }
            };
            let Some(root) = root else { return (None, found) };
            let render = |text: &str, span| workspace.yaml_value(package, text, &span, workspace::Names::default());
            let mut reading = properties::Reading {
                file: &file.source,
                render: &render,
                warns: workspace.is_root(package),
                problems: found,
            };
            let properties = properties::read(&mut reading, &root);
            let read = PropertiesFile {
                package,
                path: file.path.clone(),
                resource_path: file.resource_path.clone(),
                properties,
            };
            (Some(read), reading.problems.of_kind("Parsing Error"))
        })
        .collect();
    let mut all = Vec::with_capacity(read.len());
    for (file, found) in read {
        all.extend(file);
        problems.extend(found);
    }
    // Packages are read in the order of the project's list, and files by name.
    all.sort_by(|left, right| (left.package, &left.path).cmp(&(right.package, &right.path)));
    all
}

/// The package's name and the folders of a path: the fqn without the name of the resource.
fn folders(package: &str, path: &str) -> Vec<String> {
    let mut folders: Vec<String> = vec![package.to_owned()];
    let parts: Vec<&str> = path.split('/').collect();
    folders.extend(parts.iter().take(parts.len() - 1).map(|part| (*part).to_owned()));
    folders
}

/// Results in order, the problems among them put aside.
fn gather<T>(results: impl IntoIterator<Item = Result<T, Diagnostic>>, problems: &mut Diagnostics) -> Vec<T> {
    let results = results.into_iter();
    let mut values = Vec::with_capacity(results.size_hint().0);
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    values
}

#[cfg(test)]
mod tests;
