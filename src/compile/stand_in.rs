//! The embedded engine in place of the target: what unit tests know there of the columns of their
//! inputs, without asking the warehouse.
//!
//! The types of an input's columns are those that properties declare (`data_type`); of a seed else those
//! of its file; of a model else those that its own query has on the embedded engine, over inputs without
//! rows whose types are found in the same way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use indexmap::IndexMap;

use super::{Rendering, seed, unit_test};
use crate::adapter::{AdapterError, Session};
use crate::manifest::{Node, Resource, ResourceType, UniqueId};
use crate::sql::{self, Dialect};

/// The columns of a relation by their names in lower case.
pub type Types = IndexMap<String, TypedColumn>;

/// A column with its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedColumn {
    /// As it is written.
    pub name: String,
    /// By the engine's own name.
    pub data_type: String,
}

fn typed(name: &str, data_type: String) -> (String, TypedColumn) {
    (name.to_lowercase(), TypedColumn { name: name.to_owned(), data_type })
}

/// The columns of a query, as the engine describes it.
///
/// # Errors
/// What the engine says.
pub fn of_described(session: &Session, sql: &str) -> Result<Types, AdapterError> {
    let columns = session.describe(sql)?;
    Ok(columns.into_iter().map(|column| typed(&column.name, column.sql_name.unwrap_or(column.type_name))).collect())
}

/// Why something cannot be run on the embedded engine: what stands behind `because`.
type Reason = String;
type Slot = Arc<OnceLock<Result<Arc<Types>, Reason>>>;

/// What the embedded engine's runtime knows of the target that it stands in for.
#[derive(Debug)]
pub struct StandIn {
    /// The target's.
    pub dialect: Dialect,
    types: Mutex<HashMap<UniqueId, Slot>>,
}

impl StandIn {
    pub fn new(dialect: Dialect) -> StandIn {
        StandIn { dialect, types: Mutex::default() }
    }

    fn slot(&self, id: &UniqueId) -> Slot {
        self.types.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone()
    }
}

/// The types of the columns of a node or source.
///
/// # Errors
/// Why they are not known.
pub fn types(rendering: &Rendering<'_>, stand_in: &StandIn, id: &UniqueId) -> Result<Arc<Types>, Reason> {
    let slot = stand_in.slot(id);
    slot.get_or_init(|| find(rendering, stand_in, id).map(Arc::new)).clone()
}

fn find(rendering: &Rendering<'_>, stand_in: &StandIn, id: &UniqueId) -> Result<Types, Reason> {
    let unknown = |name: &str| format!("the types of the columns of `{name}` are not known: declare their `data_type`");
    match rendering.runtime.manifest().resource(id) {
        Some(Resource::Source(source)) => {
            let columns = source.columns.values().map(|column| (column.name.as_str(), column.data_type.as_deref()));
            let declared = declared(columns, stand_in)?;
            if declared.is_empty() { Err(unknown(&source.name)) } else { Ok(declared) }
        }
        Some(Resource::Node(node)) => {
            let columns = node.columns.values().map(|column| (column.name.as_str(), column.data_type.as_deref()));
            let declared = declared(columns, stand_in)?;
            if !declared.is_empty() && declared.len() == node.columns.len() {
                return Ok(declared);
            }
            let mut found = match node.resource_type {
                ResourceType::Seed => of_seed(rendering, stand_in, node)?,
                ResourceType::Model => of_query(rendering, stand_in, node)?,
                _ if declared.is_empty() => return Err(unknown(&node.name)),
                _ => Types::new(),
            };
            found.extend(declared);
            Ok(found)
        }
        _ => Err(unknown(id)),
    }
}

/// The columns that have a type.
fn declared<'a>(
    columns: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    stand_in: &StandIn,
) -> Result<Types, Reason> {
    let with_types = columns.filter_map(|(name, data_type)| Some((name, data_type?)));
    with_types.map(|(name, data_type)| Ok(typed(name, sql::type_on_duckdb(data_type, stand_in.dialect)?))).collect()
}

fn of_seed(rendering: &Rendering<'_>, stand_in: &StandIn, node: &Node) -> Result<Types, Reason> {
    let first_line = |problem: crate::diagnostic::Diagnostic| problem.message.lines().next().unwrap_or("").to_owned();
    let stated = node.config.get("column_types").and_then(serde_json::Value::as_object);
    let columns = seed::column_types(node).map_err(first_line)?;
    let found = columns.into_iter().map(|(name, (kind, longest))| {
        let stated = stated.and_then(|types| types.get(&name)).and_then(serde_json::Value::as_str);
        let data_type = match stated {
            Some(data_type) => sql::type_on_duckdb(data_type, stand_in.dialect)?,
            None => rendering.runtime.capabilities().seed_type(kind, longest),
        };
        Ok(typed(&name, data_type))
    });
    found.collect()
}

/// The columns that the query of a model has.
fn of_query(rendering: &Rendering<'_>, stand_in: &StandIn, node: &Arc<Node>) -> Result<Types, Reason> {
    let because = |reason: &str| format!("the types of the columns of `{}` are not known ({reason})", node.name);
    let sql = unit_test::compile_over_nothing(rendering, node)
        .map_err(|problem| because(problem.message.lines().next().unwrap_or_default()))?;
    let sql = sql::query_on_duckdb(&sql, stand_in.dialect).map_err(|reason| because(&reason))?;
    let session = &rendering.worker.session;
    let described = of_described(session, &sql);
    session.rollback();
    session.forget_error();
    described.map_err(|error| because(error.message.lines().next().unwrap_or_default()))
}
