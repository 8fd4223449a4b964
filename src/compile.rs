//! A node to its final SQL.
//!
//! [`node`] renders a node's code with everything that running knows (`execute` is
//! true), so a template may ask the warehouse. Ephemeral models become CTEs of what
//! refers to them; each is rendered once per invocation, whoever needs it first.
//! Source: docs.getdbt.com/reference/commands/compile.

pub mod ahead;
pub mod cte;
pub mod fresh;
pub mod gate;
pub mod host;
mod relations;
mod seed;
pub mod runtime;
pub mod stand_in;
pub mod unit_test;

pub use relations::external_location;

use std::collections::HashSet;
use std::sync::Arc;

use minijinja::Value;
use serde_json::Value as Json;

use crate::adapter::Relation;
use crate::diagnostic::{Diagnostic, Span};
use crate::jinja::context::{NodeContext, Scope, Variables};
use crate::jinja::{Scope as RenderScope, TemplateSource, values};
use crate::manifest::{CallTarget, Detail, InjectedCte, Node, Resource, UniqueId};
use crate::parse;

use host::NodeHost;
use runtime::{EphemeralCode, MacroOrigin, Materialization, Runtime, Worker};

/// A node's SQL, with what was put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    pub sql: Arc<str>,
    pub ctes: Vec<InjectedCte>,
}

/// What rendering happens with: what all nodes share, and the thread's own.
#[derive(Debug, Clone)]
pub struct Rendering<'a> {
    pub runtime: &'a Arc<Runtime>,
    pub worker: &'a Worker,
}

/// The context of `node` with `host` as its phase.
pub fn context(runtime: &Arc<Runtime>, node: &Node, host: NodeHost) -> Value {
    let scope = Scope {
        package: node.package_name.as_str().into(),
        node: node.name.as_str().into(),
        variables: Variables::Required,
        overrides: None,
    };
    NodeContext::value(&runtime.globals, scope, Arc::new(host))
}

/// Compiles a node; `host` gathers the ephemeral models on the way.
///
/// # Errors
/// What is wrong in the node's template or in those of the ephemeral models that it refers to.
pub fn node(rendering: &Rendering<'_>, node: &Arc<Node>, host: &NodeHost) -> Result<Compiled, Diagnostic> {
    let code = render(rendering, node, host)?;
    let direct = std::mem::take(&mut host.gathered().ephemeral);
    let mut ctes = Vec::new();
    if !rendering.runtime.flags.keeps_ephemeral {
        collect_ctes(rendering, &direct, &mut ctes, &mut HashSet::new())?;
    }
    Ok(Compiled { sql: cte::inject(&code, &ctes).into(), ctes })
}

/// The node with the relations that its foreign keys refer to in the place of `ref('...')`.
///
/// # Errors
/// If what a foreign key refers to is not found.
pub fn with_foreign_keys(
    rendering: &Rendering<'_>,
    node: &Arc<Node>,
    host: &NodeHost,
) -> Result<Arc<Node>, Diagnostic> {
    let Detail::Model(model) = &node.detail else { return Ok(node.clone()) };
    let refers = |constraint: &Json| constraint.get("to").and_then(Json::as_str).is_some_and(is_call);
    let mut all = model.constraints.iter().chain(node.columns.values().flat_map(|column| &column.rest.constraints));
    if !all.any(refers) {
        return Ok(node.clone());
    }
    let context = context(rendering.runtime, node, host.clone());
    let complete = |constraint: &mut Json| -> Result<(), Diagnostic> {
        let to = constraint.get("to").and_then(Json::as_str).filter(|to| is_call(to));
        if let Some(to) = to {
            constraint["to"] = match parse::reference(to) {
                Some(call) => key_target(rendering.runtime, node, &call)?.render().into(),
                None => values::text(&evaluate(rendering.runtime, node, &format!("{{{{ {to} }}}}"), &context)?).into(),
            };
        }
        Ok(())
    };
    let mut complete_node = Node::clone(node);
    for column in complete_node.columns.values_mut() {
        column.rest.constraints.iter_mut().try_for_each(complete)?;
    }
    if let Detail::Model(model) = &mut complete_node.detail {
        model.constraints.iter_mut().try_for_each(complete)?;
    }
    Ok(Arc::new(complete_node))
}

/// The relation that a foreign key refers to.
fn key_target(runtime: &Runtime, node: &Node, call: &CallTarget) -> Result<Relation, Diagnostic> {
    Ok(match call {
        CallTarget::Ref(call) => runtime.key_relation(&*runtime.find_ref(node, call)?),
        CallTarget::Source(call) => runtime.source_relation(&*runtime.find_source(node, call)?),
    })
}

/// A function with the bodies of its overloads rendered; any other node as it is.
///
/// # Errors
/// What is wrong in the template of an overload.
pub fn with_overloads(rendering: &Rendering<'_>, node: &Arc<Node>, host: &NodeHost) -> Result<Arc<Node>, Diagnostic> {
    if node.function().is_none_or(|function| function.overloads.is_empty()) {
        return Ok(node.clone());
    }
    let runtime = rendering.runtime;
    let mut complete = Node::clone(node);
    if let Detail::Function(function) = &mut complete.detail {
        for overload in &mut function.overloads {
            let Some(body) = &overload.raw_body else { continue };
            let template = TemplateSource::text(&format!("{}.sql", overload.defined_in), body);
            let scope = RenderScope::new(&node.package_name, context(runtime, node, host.clone()));
            overload.compiled_body = Some(runtime.engine.render(&template, &scope)?.value.into());
        }
    }
    Ok(Arc::new(complete))
}

/// Renders a node's own code.
fn render(rendering: &Rendering<'_>, node: &Arc<Node>, host: &NodeHost) -> Result<String, Diagnostic> {
    let runtime = rendering.runtime;
    let is_function = node.function().is_some();
    if node.code().is_some_and(|code| code.language == "python" && !is_function) {
        // It is no template; whether anything can run it shows when it is to be run.
        return Ok(node.raw_code.to_string());
    }
    let host = match node.generic_test() {
        Some(test) => {
            let context = context(runtime, node, host.clone());
            let arguments = test_arguments(runtime, node, &test.test_metadata.kwargs, (&context, host))?;
            host.with_extra("_dbt_generic_test_kwargs", arguments)
        }
        None => host.clone(),
    };
    let template = template_of(node);
    let scope = RenderScope::new(&node.package_name, context(runtime, node, host));
    let rendered = runtime.engine.render(&template, &scope).map(|rendered| rendered.value);
    rendered.map_err(|problem| match (node.generic_test(), &node.origin.properties) {
        (Some(_), Some(test)) => problem.moved(&template.file, test),
        _ => problem,
    })
}

/// Refuses a Python model, unless a materialization of the project or of a package takes it.
///
/// # Errors
/// Where it would have to be run.
pub fn refuse_python(node: &Node, materialization: &Materialization) -> Result<(), Diagnostic> {
    let language = node.code().map_or("sql", |code| &*code.language);
    materialization.check_language(language)?;
    if language == "python" && materialization.origin == MacroOrigin::BuiltIn {
        return Err(Diagnostic::error(format!("`{}` is a model in python", node.name)).note(host::PYTHON_REFUSED));
    }
    Ok(())
}

/// The node's code with its place in the user's file, as far as it has one.
pub fn template_of(node: &Node) -> TemplateSource {
    match &node.origin.code {
        Some(span) if node.generic_test().is_none() && span_text(span) == Some(node.raw_code.as_ref()) => {
            TemplateSource::part(&span.file, span.start..span.end)
        }
        _ => TemplateSource::text(&node.original_file_path, &node.raw_code),
    }
}

fn span_text(span: &Span) -> Option<&str> {
    span.file.text.get(span.start..span.end)
}

/// The arguments of a generic test, rendered: `ref('x')` and the like become what they stand for.
fn test_arguments(
    runtime: &Arc<Runtime>,
    node: &Arc<Node>,
    arguments: &serde_json::Map<String, Json>,
    (context, host): (&Value, &NodeHost),
) -> Result<Value, Diagnostic> {
    let mut rendered = Vec::with_capacity(arguments.len());
    for (name, value) in arguments {
        let value = match (name.as_str(), value) {
            // A column's name is text, whatever it looks like.
            ("column_name", Json::String(text)) => Value::from(text.as_str()),
            ("model", Json::String(text)) => match tested_relation(runtime, node, text, host) {
                Some(relation) => relation,
                None => test_argument(runtime, node, value, context)?,
            },
            (_, value) => test_argument(runtime, node, value, context)?,
        };
        rendered.push((Value::from(name.as_str()), value));
    }
    Ok(values::dict_of(rendered))
}

/// The relation that a test is about, where all that `{{ get_where_subquery(ref('x')) }}` does is to give it:
/// there is no `where`, and the macros are tform's own. Nearly every test begins so.
fn tested_relation(runtime: &Runtime, node: &Node, text: &str, host: &NodeHost) -> Option<Value> {
    let call = text.strip_prefix("{{ get_where_subquery(")?.strip_suffix(") }}")?;
    let filter = node.config.get("where").is_some_and(|filter| !filter.is_null());
    if filter || !runtime.tests_are_plain(&node.package_name) {
        return None;
    }
    // What is wrong with the call is said where it is rendered.
    host.relation_of(&parse::reference(call)?).ok()
}

fn test_argument(runtime: &Arc<Runtime>, node: &Arc<Node>, value: &Json, context: &Value) -> Result<Value, Diagnostic> {
    match value {
        Json::String(text) if is_call(text) => evaluate(runtime, node, &format!("{{{{ {text} }}}}"), context),
        Json::String(text) if text.contains("{{") || text.contains("{%") => evaluate(runtime, node, text, context),
        Json::Array(items) => {
            let items = items.iter().map(|item| test_argument(runtime, node, item, context));
            Ok(values::list(items.collect::<Result<_, _>>()?))
        }
        Json::Object(entries) => {
            let mut rendered = Vec::with_capacity(entries.len());
            for (name, value) in entries {
                rendered.push((Value::from(name.as_str()), test_argument(runtime, node, value, context)?));
            }
            Ok(values::dict_of(rendered))
        }
        plain => Ok(values::from_json(plain)),
    }
}

fn evaluate(runtime: &Arc<Runtime>, node: &Arc<Node>, text: &str, context: &Value) -> Result<Value, Diagnostic> {
    let template = TemplateSource::text(&node.original_file_path, text);
    let scope = RenderScope::new(&node.package_name, context.clone());
    runtime.engine.evaluate(&template, &scope).map(|rendered| rendered.value)
}

/// Whether a test's argument is a call that is written without braces.
fn is_call(text: &str) -> bool {
    let text = text.trim();
    let Some((function, rest)) = text.split_once('(') else { return false };
    let known = matches!(function.trim_end(), "env_var" | "ref" | "var" | "source" | "doc");
    known && rest.ends_with(')') && rest.len() > 1
}

/// The CTEs of the given ephemeral models and of those that they refer to, innermost first.
fn collect_ctes(
    rendering: &Rendering<'_>,
    ids: &[UniqueId],
    ctes: &mut Vec<InjectedCte>,
    seen: &mut HashSet<UniqueId>,
) -> Result<(), Diagnostic> {
    for id in ids {
        if !seen.insert(id.clone()) {
            continue;
        }
        let code = ephemeral(rendering, id)?;
        collect_ctes(rendering, &code.refers_to, ctes, seen)?;
        let sql = cte::expression(&code.name, &code.sql);
        ctes.push(InjectedCte { id: id.clone(), sql });
    }
    Ok(())
}

/// An ephemeral model's own SQL; rendered by the first thread that asks.
///
/// # Errors
/// What is wrong in its template, or in one that it contains.
pub fn ephemeral(rendering: &Rendering<'_>, id: &UniqueId) -> Result<Arc<EphemeralCode>, Diagnostic> {
    let runtime = rendering.runtime;
    let slot = runtime.ephemeral_slot(id);
    let result = slot.get_or_init(|| {
        let Some(Resource::Node(node)) = runtime.manifest().resource(id) else {
            return Err(Diagnostic::error(format!("`{id}` not found")));
        };
        let host = NodeHost::new(runtime, node, rendering.worker.clone(), Vec::new());
        let sql = render(rendering, node, &host)?;
        let refers_to = std::mem::take(&mut host.gathered().ephemeral);
        let name = Relation::ephemeral_name(&node.alias);
        let mut ctes = Vec::new();
        collect_ctes(rendering, &refers_to, &mut ctes, &mut HashSet::new())?;
        runtime.write_code("compiled", (node, None), &cte::inject(&sql, &ctes))?;
        Ok(Arc::new(EphemeralCode { name, sql: sql.trim_end().into(), refers_to }))
    });
    result.clone()
}

#[cfg(test)]
mod tests {
    use super::is_call;

    #[test]
    fn arguments_of_tests_that_are_calls_are_rendered() {
        for text in ["ref('a')", " source('a', 'b') ", "var ('x')"] {
            assert!(is_call(text), "{text}");
        }
        for text in ["refs('a')", "ref", "ref()", "ref('a') + 1", "a"] {
            assert!(!is_call(text), "{text}");
        }
    }
}
