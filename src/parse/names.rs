//! Database, schema and alias of a node, by `generate_database_name` and its siblings.
//!
//! The root project's macro is used, or that of the package that the node is in, or
//! tform's own (docs.getdbt.com/docs/build/custom-schemas). tform's own are known here
//! and not rendered; others are called, and where they do not look at the node, only
//! once per configured value.

use std::sync::{Mutex, PoisonError};

use minijinja::Value;
use serde_json::Value as Json;

use super::capture::to_json;
use super::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::jinja::{Arguments, Scope, values};
use crate::manifest::Version;
use crate::resource::FastMap;

/// What is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Component {
    Database,
    Schema,
    Alias,
}

impl Component {
    fn macro_name(self) -> &'static str {
        match self {
            Component::Database => "generate_database_name",
            Component::Schema => "generate_schema_name",
            Component::Alias => "generate_alias_name",
        }
    }
}

/// Names that were made before, by component, package and configured value.
type Known = FastMap<(Component, usize, Option<String>), Option<String>>;

/// Makes names; shared by all threads.
#[derive(Debug)]
pub struct Namer {
    /// By component and package: the macros that replace tform's own.
    overriding: FastMap<(Component, usize), Overriding>,
    known: Mutex<Known>,
}

/// A macro that replaces tform's own.
#[derive(Debug)]
struct Overriding {
    /// The package in whose place it is called.
    package: usize,
    /// `package.macro`.
    name: String,
    looks_at_node: bool,
}

/// What a name is made for.
pub struct Named<'a> {
    pub package: usize,
    pub name: &'a str,
    pub version: Option<&'a Version>,
    /// The node's dictionary, made only when a macro of the user asks for it.
    pub node: &'a dyn Fn() -> Json,
}

impl Namer {
    pub fn new(workspace: &Workspace<'_>) -> Self {
        let mut found = FastMap::default();
        for component in [Component::Database, Component::Schema, Component::Alias] {
            for package in 0..workspace.packages.len() {
                if let Some(macro_of) = overriding(workspace, component, package) {
                    found.insert((component, package), macro_of);
                }
            }
        }
        Namer { overriding: found, known: Mutex::default() }
    }

    /// The name of a component, given what is configured for it.
    ///
    /// # Errors
    /// Whatever the user's macro raises.
    pub fn name(
        &self,
        workspace: &Workspace<'_>,
        component: Component,
        configured: Option<&str>,
        named: &Named<'_>,
    ) -> Result<Option<String>, Diagnostic> {
        let Some(overriding) = self.overriding.get(&(component, named.package)) else {
            return Ok(own_name(workspace, component, configured, named));
        };
        let key = (component, overriding.package, configured.map(str::to_owned));
        let may_remember = component != Component::Alias && !overriding.looks_at_node;
        if may_remember && let Some(name) = self.lock().get(&key) {
            return Ok(name.clone());
        }
        let name = call(workspace, overriding, configured, named)?;
        if component == Component::Schema && name.is_none() {
            let node = (named.node)();
            let id = node.get("unique_id").and_then(Json::as_str).unwrap_or(named.name).to_owned();
            let message = format!(
                "Node '{id}' has a schema set to None as a result of a generate_schema_name call. Please set a valid \
                 schema name."
            );
            if workspace.inputs.settings.valid_schemas {
                return Err(Diagnostic::error(message));
            }
            let warning = Diagnostic::warning_of("GenerateSchemaNameNullValueDeprecation", message);
            workspace.warn(warning.fact("resource_unique_id", id));
        }
        if may_remember {
            self.lock().insert(key, name.clone());
        }
        Ok(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The macro that replaces tform's own, if there is one.
fn overriding(workspace: &Workspace<'_>, component: Component, package: usize) -> Option<Overriding> {
    let named = [package, 0].into_iter().find_map(|package| {
        let name = format!("{}.{}", workspace.packages[package].name, component.macro_name());
        let source = workspace.engine.resolve(&name, &workspace.packages[package].name)?;
        Some(Overriding { package, name, looks_at_node: looks_at_node(source.text()) })
    });
    // dbt's own macro dispatches: `default__generate_schema_name` of the project takes its place, too.
    named.or_else(|| {
        let source = workspace.engine.replacing(component.macro_name(), &workspace.packages[0].name)?;
        let name = format!("{}.{}", source.package, source.name);
        Some(Overriding { package: 0, name, looks_at_node: looks_at_node(source.text()) })
    })
}

/// Whether the text of a macro uses its second parameter, or may do so.
fn looks_at_node(text: &str) -> bool {
    let Some((head, body)) = text.split_once("%}") else { return true };
    let second = head.split_once('(').and_then(|(_, rest)| rest.split(',').nth(1)).unwrap_or("node");
    let second = second.trim_matches(|character: char| !character.is_alphanumeric() && character != '_');
    let second = second.split('=').next().unwrap_or("node").trim();
    second.is_empty() || body.contains(second) || body.contains("varargs") || body.contains("kwargs")
}

/// What tform's own macros give.
fn own_name(
    workspace: &Workspace<'_>,
    component: Component,
    configured: Option<&str>,
    named: &Named<'_>,
) -> Option<String> {
    match (component, configured.filter(|text| !text.is_empty())) {
        (Component::Database, None) => workspace.database(),
        (Component::Schema, None) => Some(workspace.schema().to_owned()),
        (Component::Schema, Some(custom)) => Some(format!("{}_{}", workspace.schema(), custom.trim())),
        (Component::Database | Component::Alias, Some(custom)) => Some(custom.trim().to_owned()),
        (Component::Alias, None) => Some(match named.version {
            Some(version) => format!("{}_v{}", named.name, version.to_string().replace('.', "_")),
            None => named.name.to_owned(),
        }),
    }
}

fn call(
    workspace: &Workspace<'_>,
    overriding: &Overriding,
    configured: Option<&str>,
    named: &Named<'_>,
) -> Result<Option<String>, Diagnostic> {
    let view = &workspace.packages[overriding.package];
    let node = (named.node)();
    let model = node.clone();
    let host = workspace.host(named.name, move || model.clone());
    let context = workspace.final_context(overriding.package, named.name, host);
    let arguments = Arguments {
        positional: vec![configured.map_or_else(values::none, Value::from), values::from_json(&node)],
        named: Vec::new(),
    };
    let rendered = workspace.engine.call(&overriding.name, arguments, &Scope::new(&view.name, context))?;
    Ok(match to_json(&rendered.value) {
        Json::Null => None,
        Json::String(text) => Some(text.trim().to_owned()),
        other => Some(super::python::text(&other)),
    })
}

#[cfg(test)]
mod tests {
    use super::looks_at_node;

    #[test]
    fn a_macro_that_ignores_its_node_is_recognised() {
        assert!(!looks_at_node(
            "{% macro generate_schema_name(custom_schema_name, node) -%} {{ target.schema }} {%- endmacro %}"
        ));
        assert!(!looks_at_node("{% macro generate_schema_name(custom, node=none) %}{{ custom | trim }}{% endmacro %}"));
        assert!(looks_at_node("{% macro generate_schema_name(custom, node) %}{{ node.fqn[1] }}{% endmacro %}"));
        assert!(looks_at_node("{% macro g(custom, n) %}{{ default__g(custom, n) }}{% endmacro %}"));
    }
}
