//! A unit test: its model with made-up rows in place of what it reads.
//!
//! Each input becomes a common table expression that `ref`, `source` and `this` give in
//! the model. Columns that an input leaves out are null; all have the types that the
//! relation of that name has in the warehouse.
//! Source: docs.getdbt.com/docs/build/unit-tests.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::adapter::Relation;
use crate::config::NodeConfig;
use crate::diagnostic::Diagnostic;
use crate::jinja::context::{NodeContext, Overrides, Scope, Variables};
use crate::jinja::{Arguments, MacroOverrides, Scope as RenderScope, TemplateSource, relation_object, values};
use crate::manifest::{
    CallTarget, Detail, Fixture, InjectedCte, Node, RefCall, Resource, ResourceType, Source, SourceCall, UniqueId,
    UnitTest,
};
use crate::parse;
use crate::sql;

use super::host::NodeHost;
use super::runtime::Runtime;
use super::stand_in::{self, StandIn, TypedColumn, Types};
use super::{Compiled, Rendering, cte, template_of};

/// The macro that makes a query of rows.
const FIXTURE_MACRO: &str = "get_fixture_sql";
/// The name under which it finds the quoted names of columns whose types it is given.
const QUOTED_NAMES: &str = "tf_quoted_names";

/// What a unit test puts in the place of what its model reads and calls.
#[derive(Debug)]
struct UnitTestCase {
    fixtures: Arc<Fixtures>,
    overrides: Arc<Overrides>,
    macros: Arc<MacroOverrides>,
}

/// What stands in for the relations that the model reads.
#[derive(Debug)]
pub struct Fixtures {
    inputs: Vec<Input>,
    /// The model under test, which `this` means.
    model: UniqueId,
    /// Names of the context, such as `invocation_id`, that the test sets.
    names: HashMap<String, Value>,
}

/// The rows of one input.
#[derive(Debug)]
struct Input {
    /// The input as a node of its own, under the id of what it stands in for.
    node: Arc<Node>,
    /// What it stands in for: its columns are asked for.
    original: Relation,
    /// What stands in for the original itself (`--defer`).
    deferred: Option<Relation>,
    /// The model, where it is one without a relation.
    ephemeral: Option<Arc<Node>>,
    cte: String,
    fixture: Fixture,
}

impl Fixtures {
    /// The expression that stands in for a node or source.
    pub fn find(&self, id: &UniqueId) -> Option<&str> {
        self.inputs.iter().find(|input| input.node.unique_id == *id).map(|input| input.cte.as_str())
    }

    /// The model under test; `this` in its code.
    pub fn model(&self) -> &UniqueId {
        &self.model
    }

    pub fn name(&self, name: &str) -> Option<&Value> {
        self.names.get(name)
    }
}

/// Looks up what a unit test is about.
///
/// # Errors
/// Inputs that mean nothing that the project has, models that are not SQL.
fn prepare(runtime: &Arc<Runtime>, test: &UnitTest) -> Result<UnitTestCase, Diagnostic> {
    let wrong = |message: String| Diagnostic::error(message).at_opt(test.origin.properties.clone());
    let Some(model) = model_of(runtime, test) else {
        return Err(wrong(format!("model `{}` of unit test `{}` not found", test.model, test.name)));
    };
    if model.code().is_some_and(|code| code.language != "sql") {
        return Err(wrong(format!("unit test `{}`: only models in SQL have unit tests", test.name)));
    }
    let mut inputs = Vec::with_capacity(test.given.len());
    for given in &test.given {
        let text = given.input.as_deref().unwrap_or_default().trim();
        inputs.push(input(runtime, test, model, text, given).map_err(|diagnostic| match diagnostic.span {
            None => diagnostic.at_opt(test.origin.properties.clone()),
            Some(_) => diagnostic,
        })?);
    }
    let part = |key: &str| {
        let overrides = test.overrides.as_ref().and_then(|overrides| overrides.get(key));
        overrides.and_then(Json::as_object).cloned().unwrap_or_default()
    };
    let (macros, names) = replaced(runtime, &test.package_name, &part("macros"));
    Ok(UnitTestCase {
        fixtures: Arc::new(Fixtures { inputs, model: model.unique_id.clone(), names }),
        overrides: Arc::new(Overrides { vars: part("vars"), env_vars: part("env_vars") }),
        macros: Arc::new(macros),
    })
}

fn model_of<'r>(runtime: &'r Runtime, test: &UnitTest) -> Option<&'r Arc<Node>> {
    test.depends_on.nodes.first().and_then(|id| runtime.manifest().nodes.get(id))
}

/// `overrides: macros:`: macros by their id, and other names of the context.
fn replaced(runtime: &Runtime, package: &str, given: &Map<String, Json>) -> (MacroOverrides, HashMap<String, Value>) {
    let (mut macros, mut names) = (MacroOverrides::new(), HashMap::new());
    for (name, value) in given {
        let value = values::from_json(value);
        match runtime.engine.resolve(name, package) {
            Some(found) => drop(macros.insert(found.unique_id(), value)),
            None => drop(names.insert(name.clone(), value)),
        }
    }
    (macros, names)
}

/// The test as a node that compiles to its model's SQL.
pub fn node_of(runtime: &Runtime, test: &UnitTest) -> Arc<Node> {
    let name = test.versioned_name();
    let blank = runtime.operation(&name);
    // The graph ties every unit test to a model.
    let model = model_of(runtime, test).map_or(&blank, Arc::as_ref);
    let folder = test.original_file_path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut config = NodeConfig::new(ResourceType::UnitTest);
    config.set("materialized", "unit".into());
    match test.expect.format.as_str() {
        "sql" => {
            config.set("expected_rows", Json::Array(Vec::new()));
            config.set("expected_sql", expected_sql(runtime, test).unwrap_or_else(|_| test.expect.rows.clone()));
        }
        _ => config.set("expected_rows", test.expect.rows.clone()),
    }
    let mut origin = model.origin.clone();
    origin.properties.clone_from(&test.origin.properties);
    // The embedded engine does not have the model's schema.
    let home = if runtime.stand_in.is_some() { &blank } else { model };
    Arc::new(Node {
        database: home.database.clone(),
        schema: home.schema.clone(),
        resource_type: ResourceType::UnitTest,
        package_name: test.package_name.clone(),
        path: format!("{folder}/{name}.sql").trim_start_matches('/').to_owned(),
        original_file_path: test.original_file_path.clone(),
        unique_id: test.unique_id.clone(),
        fqn: test.fqn.clone(),
        alias: name.clone(),
        raw_code: model.raw_code.clone(),
        detail: Detail::Code(Box::default()),
        config,
        origin,
        ..blank.clone()
    })
}

/// The query of the expected rows.
fn expected_sql(runtime: &Runtime, test: &UnitTest) -> Result<Json, String> {
    match (&runtime.stand_in, &test.expect.rows) {
        (Some(stand_in), Json::String(text)) => {
            Ok(Json::from(sql::query_on_duckdb(text, stand_in.dialect)?.into_owned()))
        }
        (_, rows) => Ok(rows.clone()),
    }
}

fn input(
    runtime: &Arc<Runtime>,
    test: &UnitTest,
    model: &Arc<Node>,
    text: &str,
    fixture: &Fixture,
) -> Result<Input, Diagnostic> {
    let unknown = |hint: &str| {
        let message = format!("Unit test '{}' had an input ({text}) which was not found in the manifest.", test.name);
        Err(Diagnostic::error(message).hint(hint.to_owned()))
    };
    let asking = test.original_file_path.as_str();
    let call = match text {
        "this" => return Ok(node_input(runtime, asking, model, fixture)),
        _ => parse::reference_with(text, custom_keywords(runtime)),
    };
    match call {
        Some(CallTarget::Ref(call)) => match find_node(runtime, test, &call) {
            Some(found) => Ok(node_input(runtime, asking, &found, fixture)),
            None => unknown("an input names a model, seed, snapshot or source of the project"),
        },
        Some(CallTarget::Source(call)) => match find_source(runtime, test, &call) {
            Some(found) => Ok(source_input(runtime, asking, &found, fixture)),
            None => unknown("sources are declared under `sources:` in a properties file"),
        },
        None => Err(Diagnostic::error(format!(
            "Unit test given inputs must be either a 'ref', 'source' or 'this' call. Got: '{text}'."
        ))),
    }
}

/// Whether the project's own `ref` takes more keywords than dbt's.
fn custom_keywords(runtime: &Runtime) -> bool {
    runtime.adapter_options.behavior.get("support_custom_ref_kwargs").copied().unwrap_or(false)
}

fn find_node(runtime: &Arc<Runtime>, test: &UnitTest, call: &RefCall) -> Option<Arc<Node>> {
    let asking = Node { package_name: test.package_name.clone(), ..runtime.operation(&test.name) };
    runtime.find_ref(&asking, call).ok()
}

fn find_source(runtime: &Arc<Runtime>, test: &UnitTest, call: &SourceCall) -> Option<Arc<Source>> {
    let asking = Node { package_name: test.package_name.clone(), ..runtime.operation(&test.name) };
    runtime.find_source(&asking, call).ok()
}

/// The input that stands in for a node; `asking` is the file of what reads it.
fn node_input(runtime: &Arc<Runtime>, asking: &str, found: &Arc<Node>, fixture: &Fixture) -> Input {
    let node = Node {
        database: found.database.clone(),
        schema: found.schema.clone(),
        unique_id: found.unique_id.clone(),
        alias: found.alias.clone(),
        fqn: found.fqn.clone(),
        ..input_node(runtime, asking, &found.name, &found.package_name)
    };
    let deferred = runtime.elsewhere(found);
    Input {
        node: Arc::new(node),
        original: runtime.relation_of(found),
        deferred,
        ephemeral: found.is_ephemeral().then(|| found.clone()),
        cte: found.alias.clone(),
        fixture: fixture.clone(),
    }
}

fn source_input(runtime: &Arc<Runtime>, asking: &str, found: &Source, fixture: &Fixture) -> Input {
    let node = Node {
        database: found.database.clone(),
        schema: found.schema.clone(),
        unique_id: found.unique_id.clone(),
        alias: found.identifier.clone(),
        fqn: found.fqn.clone(),
        ..input_node(runtime, asking, &found.name, &found.package_name)
    };
    Input {
        node: Arc::new(node),
        original: runtime.source_relation(found),
        deferred: None,
        ephemeral: None,
        cte: format!("{}__{}", found.source_name, found.name),
        fixture: fixture.clone(),
    }
}

fn input_node(runtime: &Runtime, file: &str, name: &str, package: &str) -> Node {
    let mut config = NodeConfig::new(ResourceType::Model);
    config.set("materialized", "ephemeral".into());
    Node {
        resource_type: ResourceType::Model,
        package_name: package.to_owned(),
        path: format!("{name}.sql"),
        original_file_path: file.to_owned(),
        detail: Detail::Code(Box::default()),
        config,
        ..runtime.operation(name)
    }
}

/// Compiles the model under test over the inputs that it uses; `node` is that of [`node_of`].
///
/// # Errors
/// What is wrong in the model or in an input; an input that is missing.
pub fn compile(rendering: &Rendering<'_>, test: &UnitTest, node: &Arc<Node>) -> Result<Compiled, Diagnostic> {
    let runtime = rendering.runtime;
    let case = prepare(runtime, test)?;
    let host = NodeHost::of_unit_test(runtime, node, rendering.worker.clone(), case.fixtures.clone());
    let compiled = over_inputs(rendering, node, &host, &case).map_err(|(diagnostic, input)| match input {
        Some(input) => at_the_test(diagnostic, test, input),
        None => diagnostic,
    })?;
    let Some(stand_in) = &runtime.stand_in else { return Ok(compiled) };
    let refused = |reason: String| Diagnostic::error(reason);
    if test.expect.format == "sql" {
        expected_sql(runtime, test).map_err(refused)?;
    }
    let sql = sql::query_on_duckdb(&compiled.sql, stand_in.dialect).map_err(refused)?.into();
    Ok(Compiled { sql, ..compiled })
}

/// The query of a model over inputs without rows.
///
/// # Errors
/// What is wrong in the model; inputs whose columns are not known.
pub(super) fn compile_over_nothing(rendering: &Rendering<'_>, model: &Arc<Node>) -> Result<Arc<str>, Diagnostic> {
    let runtime = rendering.runtime;
    let fixture = Fixture { input: None, rows: Json::Array(Vec::new()), format: "dict".to_owned(), fixture: None };
    let asking = model.original_file_path.as_str();
    let inputs = model.parents().iter().filter_map(|id| match runtime.manifest().resource(id) {
        Some(Resource::Node(node)) => Some(node_input(runtime, asking, node, &fixture)),
        Some(Resource::Source(source)) => Some(source_input(runtime, asking, source, &fixture)),
        _ => None,
    });
    let fixtures = Fixtures { inputs: inputs.collect(), model: model.unique_id.clone(), names: HashMap::new() };
    let none = Overrides { vars: Map::new(), env_vars: Map::new() };
    let case = UnitTestCase { fixtures: Arc::new(fixtures), overrides: Arc::new(none), macros: Arc::default() };
    // There is no table yet that an incremental model could add to.
    let mut first = Node::clone(model);
    first.config.set("materialized", "view".into());
    let first = Arc::new(first);
    let host = NodeHost::of_unit_test(runtime, &first, rendering.worker.clone(), case.fixtures.clone());
    over_inputs(rendering, &first, &host, &case).map(|compiled| compiled.sql).map_err(|(diagnostic, _)| diagnostic)
}

/// Renders the code of a node and puts the inputs that it uses into it; a problem comes with the input that has it.
fn over_inputs<'a>(
    rendering: &Rendering<'_>,
    node: &Arc<Node>,
    host: &NodeHost,
    case: &'a UnitTestCase,
) -> Result<Compiled, (Diagnostic, Option<&'a Input>)> {
    let runtime = rendering.runtime;
    let scope = Scope {
        package: node.package_name.as_str().into(),
        node: node.name.as_str().into(),
        variables: Variables::Required,
        overrides: Some(case.overrides.clone()),
    };
    let context = NodeContext::value(&runtime.globals, scope, Arc::new(host.clone()));
    let mut scope = RenderScope::new(&node.package_name, context);
    scope.overrides = Some(case.macros.clone());
    let code = runtime.engine.render(&template_of(node), &scope).map_err(|diagnostic| (diagnostic, None))?.value;
    let used = std::mem::take(&mut host.gathered().ephemeral);
    let mut ctes = Vec::with_capacity(used.len());
    for id in used {
        let Some(input) = case.fixtures.inputs.iter().find(|input| input.node.unique_id == id) else { continue };
        let sql = input_sql(rendering, input).map_err(|diagnostic| (diagnostic, Some(input)))?;
        let name = Relation::ephemeral_name(&input.cte);
        ctes.push(InjectedCte { id, sql: cte::expression(&name, &sql) });
    }
    Ok(Compiled { sql: cte::inject(&code, &ctes).into(), ctes })
}

/// What a macro says of an input, at the unit test that has it.
fn at_the_test(mut diagnostic: Diagnostic, test: &UnitTest, input: &Input) -> Diagnostic {
    if input.fixture.rows.is_string() {
        return diagnostic;
    }
    diagnostic.span.clone_from(&test.origin.properties);
    diagnostic.notes.clear();
    match diagnostic.message.starts_with("Not able to get columns") {
        true => diagnostic.hint(format!(
            "the types of the columns are those of `{}`: build it first, or write the rows as a query (`format: sql`)",
            input.original.render()
        )),
        false => diagnostic,
    }
}

/// The query that gives an input's rows.
fn input_sql(rendering: &Rendering<'_>, input: &Input) -> Result<String, Diagnostic> {
    let runtime = rendering.runtime;
    let node = &input.node;
    let mut extras = vec![("this", relation_object::value_of(input.original.clone()))];
    extras.extend(input.deferred.clone().map(|relation| ("defer_relation", relation_object::value_of(relation))));
    let known = match (&input.fixture.rows, &runtime.stand_in, &input.ephemeral) {
        (Json::String(_), ..) | (_, None, None) => None,
        (_, Some(stand_in), _) => Some(known_types(rendering, stand_in, input)?),
        (_, None, Some(model)) => Some(types_of_ephemeral(rendering, model)?),
    };
    let (types, quoted) = known.map_or_else(|| (values::none(), None), |[types, quoted]| (types, Some(quoted)));
    extras.extend(quoted.map(|quoted| (QUOTED_NAMES, quoted)));
    let host = NodeHost::new(runtime, node, rendering.worker.clone(), extras);
    let context = super::context(runtime, node, host);
    let scope = RenderScope::new(&node.package_name, context);
    match &input.fixture.rows {
        Json::String(sql) => {
            let template = TemplateSource::text(&node.original_file_path, sql);
            runtime.engine.render(&template, &scope).map(|rendered| rendered.value)
        }
        rows => {
            let arguments = Arguments { positional: vec![values::from_json(rows), types], named: Vec::new() };
            let made = runtime.engine.call(FIXTURE_MACRO, arguments, &scope)?.value;
            Ok(values::text(&made))
        }
    }
}

/// The types of an input's columns on the embedded engine.
fn known_types(rendering: &Rendering<'_>, stand_in: &StandIn, input: &Input) -> Result<[Value; 2], Diagnostic> {
    let types = stand_in::types(rendering, stand_in, &input.node.unique_id).map_err(Diagnostic::error)?;
    let rows = input.fixture.rows.as_array().into_iter().flatten().filter_map(Json::as_object);
    let mut names = rows.flat_map(|row| row.keys());
    if let Some(name) = names.find(|name| !types.contains_key(&name.to_lowercase())) {
        let name_of = &input.node.name;
        let text = format!("the type of column `{name}` of `{name_of}` is not known: declare its `data_type`");
        return Err(Diagnostic::error(text));
    }
    Ok(as_arguments(rendering.runtime, &types))
}

/// The types of the columns of an ephemeral model: those of its query, which the warehouse describes.
fn types_of_ephemeral(rendering: &Rendering<'_>, model: &Arc<Node>) -> Result<[Value; 2], Diagnostic> {
    let host = NodeHost::new(rendering.runtime, model, rendering.worker.clone(), Vec::new());
    let compiled = super::node(rendering, model, &host)?;
    let types = stand_in::of_described(&rendering.worker.session, &compiled.sql)
        .map_err(|error| Diagnostic::error(format!("the columns of `{}` are not known: {error}", model.name)))?;
    Ok(as_arguments(rendering.runtime, &types))
}

/// Types and quoted names of columns, by their names in lower case.
fn as_arguments(runtime: &Runtime, types: &Types) -> [Value; 2] {
    let kinds = types.iter().map(|(name, column)| (name.as_str(), Value::from(column.data_type.as_str())));
    let quoted = |column: &TypedColumn| Value::from(runtime.capabilities().quote(&column.name));
    let names = types.iter().map(|(name, column)| (name.as_str(), quoted(column)));
    [values::dict_of(kinds), values::dict_of(names)]
}
