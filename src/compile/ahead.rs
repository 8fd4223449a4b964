//! The query of a model as it will be when its turn comes, known before anything is built.
//!
//! What this run builds stands in it as an expression, as if it were ephemeral: so the warehouse can describe
//! the query while nothing is there yet, and no table that an earlier run left is taken for the one to come.
//! What cannot be known so early (a template that asks the warehouse, a table that keeps the columns of
//! earlier SQL) is said, never guessed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::Value;
use serde_json::Value as Json;

use super::host::NodeHost;
use super::runtime::{MacroOrigin, Runtime, Worker};
use super::{Rendering, cte, seed};
use crate::adapter::{Relation, RelationKind};
use crate::diagnostic::Diagnostic;
use crate::graph::NodeSet;
use crate::jinja::adapter_object::{self, AdapterObject};
use crate::jinja::{Arguments, Scope, values};
use crate::manifest::{InjectedCte, Node, Resource, ResourceType, UniqueId};

/// Why something cannot be known before.
pub type Reason = String;

/// A query before what it reads is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub sql: String,
    /// Why its columns may be others when its turn comes.
    pub unknown: Option<Reason>,
}

/// What this run builds, seen from before it begins.
pub struct Ahead<'r> {
    runtime: &'r Arc<Runtime>,
    built: &'r NodeSet,
    /// The relations of what is built, in lower case.
    relations: HashSet<String>,
    known: Mutex<HashMap<UniqueId, Slot>>,
}

type Slot = Arc<OnceLock<Standing>>;

/// What is read where a node is referred to.
#[derive(Debug, Clone)]
enum Standing {
    /// Its relation, which stays as it is until then.
    Relation,
    Expression(Arc<Expression>),
    Unknown(Reason),
}

/// A node that has no relation yet.
#[derive(Debug)]
struct Expression {
    name: String,
    sql: String,
    /// The expressions that it reads itself.
    reads: Vec<UniqueId>,
    unknown: Option<Reason>,
}

fn first_line(problem: &Diagnostic) -> Reason {
    problem.message.lines().next().unwrap_or_default().to_owned()
}

impl<'r> Ahead<'r> {
    pub fn new(runtime: &'r Arc<Runtime>, built: &'r NodeSet) -> Ahead<'r> {
        let nodes = runtime.graph.ids_of(built).filter_map(|id| runtime.manifest().nodes.get(id));
        let relations = nodes.filter_map(|node| Some(node.relation_name.as_deref()?.to_lowercase())).collect();
        Ahead { runtime, built, relations, known: Mutex::default() }
    }

    /// The query of a model.
    ///
    /// # Errors
    /// Why it is not known: it does not compile, or its template asks the warehouse.
    pub fn query(&self, worker: &Worker, node: &Arc<Node>) -> Result<Query, Reason> {
        let own = self.rendered(worker, node)?;
        let (mut ctes, mut unknown) = (Vec::new(), own.unknown);
        self.collect(worker, &own.reads, &mut (&mut ctes, &mut unknown), &mut HashSet::new());
        Ok(Query { sql: cte::inject(&own.sql, &ctes), unknown })
    }

    /// The expressions with these ids and those that they read, innermost first.
    fn collect(
        &self,
        worker: &Worker,
        ids: &[UniqueId],
        found: &mut (&mut Vec<InjectedCte>, &mut Option<Reason>),
        seen: &mut HashSet<UniqueId>,
    ) {
        for id in ids {
            if !seen.insert(id.clone()) {
                continue;
            }
            if let Standing::Expression(expression) = self.standing(worker, id) {
                self.collect(worker, &expression.reads, found, seen);
                let sql = cte::expression(&Relation::ephemeral_name(&expression.name), &expression.sql);
                found.0.push(InjectedCte { id: id.clone(), sql });
                *found.1 = found.1.take().or_else(|| expression.unknown.clone());
            }
        }
    }

    fn standing(&self, worker: &Worker, id: &UniqueId) -> Standing {
        let slot = self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone();
        slot.get_or_init(|| self.find_standing(worker, id)).clone()
    }

    fn find_standing(&self, worker: &Worker, id: &UniqueId) -> Standing {
        match self.runtime.manifest().resource(id) {
            Some(Resource::Node(node)) => self.standing_of(worker, node).unwrap_or_else(Standing::Unknown),
            Some(Resource::Source(source)) => {
                let relation = source.relation_name.as_deref().unwrap_or_default().to_lowercase();
                match self.relations.contains(&relation) {
                    true => Standing::Unknown(format!("this run builds the table of source `{}`", source.name)),
                    false => Standing::Relation,
                }
            }
            _ => Standing::Relation,
        }
    }

    fn standing_of(&self, worker: &Worker, node: &Arc<Node>) -> Result<Standing, Reason> {
        let graph = &self.runtime.graph;
        let position = graph.position(&node.unique_id);
        let (kind, materialized) = (node.resource_type, node.config.materialized());
        if node.is_ephemeral() {
            return self.expression(worker, node);
        }
        if !position.is_some_and(|position| self.built.contains(position)) {
            let keeps_rows = kind != ResourceType::Model || matches!(materialized, "table" | "incremental");
            let is_changed = || {
                let mut before = graph.ancestors(&graph.set_of([node.unique_id.as_ref()]), None);
                before.intersect_with(self.built);
                !before.is_empty()
            };
            return match keeps_rows || !is_changed() {
                true => Ok(Standing::Relation),
                false => Err(format!("`{}` reads what this run builds, and is not built by it", node.name)),
            };
        }
        if node.code().is_some_and(|code| code.language != "sql") || !self.is_ordinary(materialized) {
            return Err(format!("`{}` is not built by tform's own SQL", node.name));
        }
        let existing = || {
            let relation = self.runtime.relation_of(node);
            let found =
                adapter_object::find_relation(&worker.adapter, &relation).map_err(|problem| first_line(&problem));
            Ok::<_, Reason>(found?.and_then(|found| found.kind))
        };
        let is_refreshed = node.config.flag("full_refresh").unwrap_or(self.runtime.flags.full_refresh);
        match (kind, materialized) {
            (ResourceType::Seed, _) if !is_refreshed && existing()?.is_some() => Ok(Standing::Relation),
            (ResourceType::Seed, _) => self.seed(node),
            (ResourceType::Model, "view" | "table") => self.expression(worker, node),
            (ResourceType::Model, "materialized_view") => {
                match !is_refreshed && existing()? == Some(RelationKind::MaterializedView) {
                    true => Ok(Standing::Relation),
                    false => self.expression(worker, node),
                }
            }
            (ResourceType::Model, "incremental") => {
                let is_kept = !is_refreshed && existing()?.is_some_and(|kind| kind != RelationKind::View);
                match (is_kept, node.config.text("on_schema_change").unwrap_or("ignore")) {
                    (false, _) => self.expression(worker, node),
                    (true, "ignore" | "fail") => Ok(Standing::Relation),
                    (true, _) => Err(format!("the table of `{}` may get columns of its new rows", node.name)),
                }
            }
            _ => Err(format!("the columns of `{}` are known once it is built", node.name)),
        }
    }

    /// Whether what is materialized so is built by a macro of tform's own.
    pub fn is_ordinary(&self, materialized: &str) -> bool {
        self.runtime.materialization(materialized).is_some_and(|found| found.origin == MacroOrigin::BuiltIn)
    }

    /// A model by its query; one with a contract by that, which is checked for itself.
    fn expression(&self, worker: &Worker, node: &Arc<Node>) -> Result<Standing, Reason> {
        if has_contract(node) {
            let columns = self.runtime.node_value(node).get_attr("columns").unwrap_or_default();
            let sql =
                self.call(worker, node, "get_empty_schema_sql", columns).map_err(|problem| first_line(&problem))?;
            return Ok(self.named(node, values::text(&sql), Vec::new()));
        }
        self.rendered(worker, node).map(|expression| Standing::Expression(Arc::new(expression)))
    }

    fn named(&self, node: &Node, sql: String, reads: Vec<UniqueId>) -> Standing {
        Standing::Expression(Arc::new(Expression { name: self.name(node), sql, reads, unknown: None }))
    }

    /// A name that no other node has, whatever its alias.
    fn name(&self, node: &Node) -> String {
        let position = self.runtime.graph.position(&node.unique_id);
        position.map_or_else(|| node.alias.clone(), |position| position.index().to_string())
    }

    /// A seed by the columns that its file and its configs give it.
    fn seed(&self, node: &Node) -> Result<Standing, Reason> {
        let capabilities = self.runtime.capabilities();
        let stated = node.config.get("column_types").and_then(Json::as_object);
        let quotes = match node.config.get("quote_columns") {
            None | Some(Json::Null) => true,
            Some(Json::Bool(quotes)) => *quotes,
            Some(_) => return Err(format!("`quote_columns` of `{}` is no flag", node.name)),
        };
        let columns = seed::column_types(node).map_err(|problem| first_line(&problem))?;
        let columns = columns.into_iter().map(|(name, (kind, longest))| {
            let stated = stated.and_then(|types| types.get(&name)).and_then(Json::as_str);
            let data_type = stated.map_or_else(|| capabilities.seed_type(kind, longest), str::to_owned);
            let name = if quotes { capabilities.quote(&name) } else { name };
            format!("cast(null as {data_type}) as {name}")
        });
        let sql = format!("select {}", columns.collect::<Vec<_>>().join(", "));
        Ok(self.named(node, sql, Vec::new()))
    }

    /// The code of a node, with the names of expressions for what is yet to be built.
    fn rendered(&self, worker: &Worker, node: &Arc<Node>) -> Result<Expression, Reason> {
        let (mut names, mut unknown) = (HashMap::new(), None);
        for id in node.parents() {
            match self.standing(worker, id) {
                Standing::Relation => {}
                Standing::Expression(expression) => drop(names.insert(id.clone(), expression.name.clone())),
                Standing::Unknown(reason) => drop(unknown.get_or_insert(reason)),
            }
        }
        let runtime = self.runtime;
        let own = runtime.relation_of(node);
        let adapter = AdapterObject::ahead(&runtime.adapter_options, &worker.session, own);
        let ahead = Worker { session: worker.session.clone(), adapter };
        let host = NodeHost::over_expressions(runtime, node, ahead.clone(), names);
        let rendering = Rendering { runtime, worker: &ahead };
        let sql = runtime.assign(worker, node, None).and_then(|()| super::render(&rendering, node, &host));
        let reads = std::mem::take(&mut host.gathered().ephemeral);
        Ok(Expression { name: self.name(node), sql: sql.map_err(|problem| first_line(&problem))?, reads, unknown })
    }

    /// What the warehouse says of the contract of a model whose query is this: nothing, if it holds.
    ///
    /// # Errors
    /// What the macro that compares them raises, or the warehouse refuses.
    pub fn check(&self, worker: &Worker, node: &Arc<Node>, sql: &str) -> Result<(), Diagnostic> {
        self.runtime.assign(worker, node, None)?;
        self.call(worker, node, "get_assert_columns_equivalent", Value::from(sql)).map(drop)
    }

    fn call(&self, worker: &Worker, node: &Arc<Node>, name: &str, argument: Value) -> Result<Value, Diagnostic> {
        let host = NodeHost::new(self.runtime, node, worker.clone(), Vec::new());
        let context = super::context(self.runtime, node, host);
        let arguments = Arguments { positional: vec![argument], named: Vec::new() };
        let called = self.runtime.engine.call(name, arguments, &Scope::new(&node.package_name, context));
        called.map(|called| called.value)
    }
}

/// Whether building a model compares its columns with a contract.
pub fn has_contract(node: &Node) -> bool {
    node.resource_type == ResourceType::Model
        && node.code().is_some_and(|code| code.contract.enforced && code.language == "sql")
        && !node.columns.is_empty()
        && matches!(node.config.materialized(), "view" | "table" | "incremental")
}
