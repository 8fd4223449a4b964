//! Macros: blocks of files as entries of the manifest and for the engine.
//!
//! Source: docs.getdbt.com/docs/build/jinja-macros and
//! docs.getdbt.com/reference/macro-properties.

use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::docs;
use super::properties::{Entry, Section};
use super::workspace::Workspace;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::jinja::MacroSource;
use crate::jinja::blocks::{self, BlockKind};
use crate::manifest::{Docs, Macro, MacroArgument, ResourceType, SeedDependsOn};

/// A file that may hold macros.
pub struct MacroFile<'a> {
    pub package: &'a Arc<str>,
    pub file: Arc<SourceFile>,
    /// Relative to the package.
    pub path: String,
    /// Whether only generic tests are taken from it (`tests/generic`).
    pub only_tests: bool,
}

/// A macro with what the engine does not need to know of it.
#[derive(Debug, Clone)]
pub struct FoundMacro {
    pub source: MacroSource,
    pub path: String,
    /// Whether the manifest tells its arguments: dbt reads those of generic tests only where
    /// they stand among macros.
    pub shows_arguments: bool,
    pub supported_languages: Option<Vec<String>>,
}

/// The macros of all files, in the files' order; what is wrong goes to `problems`.
pub fn read(files: &[MacroFile<'_>], problems: &mut Diagnostics) -> Vec<FoundMacro> {
    let read: Vec<Result<Vec<FoundMacro>, Diagnostic>> = files.par_iter().map(read_file).collect();
    let mut macros = Vec::new();
    for result in read {
        match result {
            Ok(found) => macros.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    macros
}

fn read_file(file: &MacroFile<'_>) -> Result<Vec<FoundMacro>, Diagnostic> {
    let all = [BlockKind::Macro, BlockKind::Test, BlockKind::Materialization];
    let wanted = if file.only_tests { &all[1..2] } else { &all[..] };
    let found = blocks::scan(&file.file, wanted)?;
    let found = found.into_iter().map(|block| {
        let languages = (block.kind == BlockKind::Materialization).then(|| block.supported_languages.clone());
        let source = blocks::macro_source(&block, file.package)?;
        let shows_arguments = block.kind != BlockKind::Test || !(file.only_tests || &**file.package == "dbt");
        Ok(FoundMacro { source, path: file.path.clone(), shows_arguments, supported_languages: languages })
    });
    found.collect()
}

/// The macros as the manifest has them, with what properties files say about them.
pub fn entries(
    workspace: &Workspace<'_>,
    found: &[FoundMacro],
    described: &[(usize, String, &Entry)],
    problems: &mut Diagnostics,
) -> Vec<Macro> {
    let made: Vec<Result<Macro, Diagnostic>> = found.par_iter().map(|found| entry(workspace, found)).collect();

    let mut macros = Vec::with_capacity(made.len());
    for result in made {
        match result {
            Ok(entry) => macros.push(entry),
            Err(problem) => problems.push(problem),
        }
    }
    let mut indexes: std::collections::HashMap<_, usize> =
        macros.iter().enumerate().map(|(index, entry)| (entry.unique_id.clone(), index)).collect();
    for (package, path, entry) in described {
        let id = format!("macro.{}.{}", workspace.packages[*package].name, entry.name);
        match indexes.get_mut(id.as_str()).map(|index| &mut macros[*index]) {
            None => {
                let warning = Diagnostic::warning_of(
                    "MacroNotFoundForPatch",
                    format!("Found patch for macro \"{}\" which was not found", entry.name),
                );
                let near: Vec<&str> = found.iter().map(|found| found.source.name.as_str()).collect();
                problems.push(warning.at(entry.span.clone()).suggest(&entry.name, near));
            }
            Some(described) if described.patch_path.is_some() => {
                let other = described.patch_path.clone().unwrap_or_default();
                let other = other.split("://").nth(1).unwrap_or("").to_owned();
                let message = format!(
                    "dbt found two schema.yml entries for the same macro in package {}: `{}`, also in {other}",
                    workspace.packages[*package].name, entry.name
                );
                problems.push(Diagnostic::error(message).at(entry.span.clone()).hint("remove one of the entries"));
            }
            Some(described) => {
                described.patch_path = Some(path.clone());
                let own = std::mem::take(&mut described.arguments);
                if let Err(problem) = describe(workspace, *package, described, entry) {
                    problems.push(problem);
                }
                if workspace.inputs.settings.validates_macros {
                    annotations(described, own, entry, problems);
                }
            }
        }
    }
    macros
}

fn entry(workspace: &Workspace<'_>, found: &FoundMacro) -> Result<Macro, Diagnostic> {
    let engine = &workspace.engine;
    let source = &found.source;
    let unique_id: crate::manifest::UniqueId = source.unique_id().into();
    let calls = engine.calls_of(source)?;
    let macros = calls.into_iter().map(crate::manifest::UniqueId::from).collect();
    Ok(Macro {
        name: source.name.clone(),
        resource_type: ResourceType::Macro,
        package_name: source.package.clone(),
        path: found.path.clone(),
        original_file_path: found.path.clone(),
        unique_id,
        macro_sql: block_text(source).into(),
        depends_on: SeedDependsOn { macros },
        description: String::new(),
        meta: Map::new(),
        docs: Docs::default(),
        config: json!({"meta": {}, "docs": Docs::default()}),
        patch_path: None,
        arguments: if workspace.inputs.settings.validates_macros { arguments(found) } else { Vec::new() },
        created_at: workspace.created_at,
        supported_languages: found.supported_languages.clone(),
    })
}

/// The block with the white space that its tags strip, which dbt takes for a part of it:
/// before `{%-` unless the tag before has it or the file begins there, behind `-%}` unless the file ends there.
fn block_text(source: &MacroSource) -> &str {
    let (text, range) = (&source.file.text, &source.range);
    let before = text.get(..range.start).unwrap_or("").trim_end();
    let strips_before = source.text().starts_with("{%-") && !before.ends_with("-%}");
    let start = if strips_before && !before.is_empty() { before.len() } else { range.start };
    let after = text.get(range.end..).unwrap_or("");
    let rest = after.trim_start();
    let strips_after = source.text().ends_with("-%}") && !rest.is_empty();
    let spaces = if strips_after { after.len() - rest.len() } else { 0 };
    text.get(start..range.end + spaces).unwrap_or("")
}

/// The arguments in a macro's head.
fn arguments(found: &FoundMacro) -> Vec<MacroArgument> {
    let argument = |name: &str| MacroArgument { name: name.to_owned(), kind: None, description: String::new() };
    if !found.shows_arguments {
        return Vec::new();
    }
    if found.supported_languages.is_some() {
        // A materialization becomes a macro with this one argument.
        return vec![argument("supported_languages")];
    }
    found.source.signature.iter().map(|parameter| argument(&parameter.name)).collect()
}

/// Compares what properties say of a macro's arguments with its head; `own` are those of the head
/// (docs.getdbt.com/reference/global-configs/behavior-changes, `validate_macro_args`).
fn annotations(described: &mut Macro, own: Vec<MacroArgument>, entry: &Entry, problems: &mut Diagnostics) {
    let name = &described.name;
    let mut warn = |message: String| {
        problems.push(Diagnostic::warning_of("InvalidMacroAnnotation", message).at(entry.span.clone()));
    };
    if described.arguments.is_empty() {
        described.arguments = own;
        return;
    }
    for (written, real) in described.arguments.iter().zip(&own) {
        if written.name != real.name {
            warn(format!("Argument {} in yaml for macro {name} does not match the jinja definition.", written.name));
        }
    }
    if described.arguments.len() != own.len() {
        warn(format!("The number of arguments in the yaml for macro {name} does not match the jinja definition."));
    }
    for argument in &described.arguments {
        let kind = argument.kind.as_deref().unwrap_or("").replace([' ', '\t'], "");
        if !kind.is_empty() && type_rest(&kind) != Some("") {
            warn(format!("Argument {} in the yaml for macro {name} has an invalid type.", argument.name));
        }
    }
}

/// What follows the type at the start of `text`; `None` if there is none.
fn type_rest(text: &str) -> Option<&str> {
    const TYPES: [(&str, usize); 12] = [
        ("str", 0),
        ("string", 0),
        ("bool", 0),
        ("int", 0),
        ("integer", 0),
        ("float", 0),
        ("any", 0),
        ("relation", 0),
        ("column", 0),
        ("list", 1),
        ("optional", 1),
        ("dict", 2),
    ];
    let end = text.find(|letter: char| !letter.is_ascii_lowercase()).unwrap_or(text.len());
    let (_, count) = TYPES.into_iter().find(|(name, _)| *name == &text[..end])?;
    let mut rest = &text[end..];
    for index in 0..count {
        rest = type_rest(rest.strip_prefix(if index == 0 { '[' } else { ',' })?)?;
    }
    if count > 0 { rest.strip_prefix(']') } else { Some(rest) }
}

fn describe(workspace: &Workspace<'_>, package: usize, described: &mut Macro, entry: &Entry) -> Result<(), Diagnostic> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("").to_owned();
    let render = |text: &str| docs::describe(workspace, package, &described.unique_id, text, &entry.span);
    let description = render(&text(entry.values.get("description")))?.text;
    let config = entry.values.get("config").and_then(Value::as_object);
    let mut meta = entry.values.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(Value::Object(more)) = config.and_then(|config| config.get("meta")) {
        meta.extend(more.clone());
    }
    let docs = config.and_then(|config| config.get("docs")).or_else(|| entry.values.get("docs"));
    let docs: Docs = docs.and_then(|docs| serde_json::from_value(docs.clone()).ok()).unwrap_or_default();
    let mut arguments = Vec::new();
    for argument in entry.values.get("arguments").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = argument.get("name").and_then(Value::as_str) else {
            let message = format!("an argument of macro `{}` has no `name`", entry.name);
            return Err(Diagnostic::error(message).at(entry.span.clone()));
        };
        arguments.push(MacroArgument {
            name: name.to_owned(),
            kind: argument.get("type").and_then(Value::as_str).map(str::to_owned),
            description: render(&text(argument.get("description")))?.text,
        });
    }
    described.description = description;
    described.config = json!({"meta": meta, "docs": docs});
    described.meta = meta;
    described.docs = docs;
    described.arguments = arguments;
    Ok(())
}

/// Whether an entry describes a macro.
pub fn is_macro(entry: &Entry) -> bool {
    entry.section == Section::Macros
}
