//! User-defined functions: nodes with arguments and a type that they return.
//!
//! Source: docs.getdbt.com/docs/build/udfs.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::python;
use super::semantic::shape;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::{Code, Detail, Disabled, FunctionDetail, Manifest, Node, Overload};
use crate::resource::{ById, UniqueId};

/// The engines that have functions in JavaScript.
const JAVASCRIPT: [&str; 2] = ["bigquery", "snowflake"];

/// A function of which nothing is known but its code.
pub fn detail(code: Code) -> FunctionDetail {
    let returns = json!({"data_type": "INVALID_TYPE", "description": null});
    FunctionDetail { code, arguments: Vec::new(), returns, overloads: Vec::new() }
}

/// Puts in what the properties say of arguments, the type that is returned, and overloads.
pub fn describe(function: &mut FunctionDetail, signature: &Map<String, Value>) {
    function.arguments = arguments(signature.get("arguments"));
    if let Some(given) = signature.get("returns") {
        function.returns = returns(given);
    }
    let listed = signature.get("overloads").and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let overload = |given: &Value| Overload {
        defined_in: text(given, "defined_in").unwrap_or_default(),
        arguments: arguments(given.get("arguments")),
        returns: given.get("returns").filter(|given| !given.is_null()).map(returns),
        description: text(given, "description"),
        raw_body: None,
        compiled_body: None,
    };
    function.overloads = listed.map(overload).collect();
}

fn arguments(given: Option<&Value>) -> Vec<Value> {
    let fields = ["name", "data_type", "description", "default_value"].map(|name| (name, Value::Null));
    let given = given.and_then(Value::as_array).into_iter().flatten();
    given.map(|argument| shape(argument, &fields)).collect()
}

fn returns(given: &Value) -> Value {
    shape(given, &[("data_type", Value::Null), ("description", Value::Null)])
}

/// Adds functions to the manifest; files that are overloads of another become a part of it.
pub fn add(manifest: &mut Manifest, functions: Vec<Arc<Node>>, problems: &mut Diagnostics) {
    let adapter = manifest.metadata.adapter_type.clone().unwrap_or_default();
    let mut enabled: ById<Node> = ById::default();
    for node in functions.into_iter().map(Arc::unwrap_or_clone) {
        match check(&node, &adapter) {
            Err(problem) => problems.push(problem.at_opt(node.origin.properties.clone())),
            Ok(()) if node.config.enabled() => {
                enabled.insert(node.unique_id.clone(), node);
            }
            Ok(()) => {
                let id = node.unique_id.clone();
                manifest.disabled.entry(id).or_default().push(Disabled::Node(Box::new(node)));
            }
        }
    }
    let roots: Vec<UniqueId> = enabled
        .values()
        .filter(|node| node.function().is_some_and(|function| !function.overloads.is_empty()))
        .map(|node| node.unique_id.clone())
        .collect();
    let mut owners: ById<UniqueId> = ById::default();
    for root in roots {
        if let Err(problem) = absorb(&root, &mut enabled, &mut owners) {
            let place = enabled.get(&root).and_then(|node| node.origin.properties.clone());
            problems.push(problem.at_opt(place));
        }
    }
    manifest.functions = enabled.into_iter().map(|(id, node)| (id, Arc::new(node))).collect();
}

/// What can be said against a function before it is built.
fn check(node: &Node, adapter: &str) -> Result<(), Diagnostic> {
    let Some(function) = node.function() else { return Ok(()) };
    let name = &node.name;
    if function.code.language == "javascript" && !JAVASCRIPT.contains(&adapter) {
        return Err(Diagnostic::error(format!(
            "Function '{name}' uses JavaScript, which is not supported on '{adapter}'. "
        )));
    }
    let has_default = |argument: &Value| !argument["default_value"].is_null();
    let first_default = function.arguments.iter().position(has_default).unwrap_or(function.arguments.len());
    match function.arguments[first_default..].iter().find(|argument| !has_default(argument)) {
        None => Ok(()),
        Some(argument) => Err(Diagnostic::error(format!(
            "Non-defaulted argument '{}' of function '{name}' comes after a defaulted argument. Non-defaulted \
             arguments cannot come after defaulted arguments. ",
            python::text(&argument["name"])
        ))),
    }
}

/// Moves the bodies of a function's overloads, and what they refer to, into it.
fn absorb(root: &UniqueId, functions: &mut ById<Node>, owners: &mut ById<UniqueId>) -> Result<(), Diagnostic> {
    let Some(node) = functions.get(root) else { return Ok(()) };
    let (name, package) = (node.name.clone(), node.package_name.clone());
    let mut overloads = node.function().map(|function| function.overloads.clone()).unwrap_or_default();
    for overload in &mut overloads {
        let file = &overload.defined_in;
        if *file == name {
            let text = format!("Function '{name}' cannot list itself in overloads (defined_in: '{file}').");
            return Err(Diagnostic::error(text));
        }
        let id: UniqueId = format!("function.{package}.{file}").into();
        let Some(body) = functions.shift_remove(&id) else {
            return Err(Diagnostic::error(match owners.get(&id) {
                Some(owner) => format!(
                    "Function overload '{file}' (defined_in) is already used by '{owner}'. Each overload file can only \
                     belong to one root function."
                ),
                None => format!(
                    "Function overload '{file}' (defined_in) not found. Expected a SQL file at functions/{file}.sql"
                ),
            }));
        };
        owners.insert(id, root.clone());
        overload.raw_body = Some(body.raw_code.clone());
        if let (Some(own), Some(more)) = (functions.get_mut(root).and_then(Node::code_mut), body.code()) {
            add_new(&mut own.refs, &more.refs);
            add_new(&mut own.sources, &more.sources);
            add_new(&mut own.functions, &more.functions);
            add_new(&mut own.depends_on.macros, &more.depends_on.macros);
        }
    }
    if let Some(Detail::Function(function)) = functions.get_mut(root).map(|node| &mut node.detail) {
        function.overloads = overloads;
    }
    Ok(())
}

fn add_new<T: Clone + PartialEq>(own: &mut Vec<T>, more: &[T]) {
    for item in more {
        if !own.contains(item) {
            own.push(item.clone());
        }
    }
}
