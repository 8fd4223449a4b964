//! `adapter` as templates see it: the warehouse, its relations and its dialect.
//!
//! While a project is parsed there is no warehouse, and what would ask it gives what dbt
//! gives then: nothing, an empty list. Where dbt's method is a macro's (`create_schema`,
//! `drop_relation`, ...), the macro is called in the render that asks, so that a project
//! can override it. Follows docs.getdbt.com/reference/dbt-jinja-functions/adapter.

mod columns;
mod contracts;
mod relations;
mod statements;
mod strategies;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::Arguments;
use super::relation_object::fault;
use super::values::{self, Fault};
use crate::adapter::{AdapterError, Capabilities, Facts, PolicyChange, Relation, Schemas, Session};
use crate::diagnostic::Diagnostic;

pub use statements::{response_of, response_value};

/// What the `adapter` objects of an invocation have in common.
#[derive(Debug, Clone)]
pub struct AdapterOptions {
    pub capabilities: &'static Capabilities,
    pub facts: Facts,
    /// The target's.
    pub database: String,
    pub schema: String,
    /// `quoting:` of dbt_project.yml.
    pub quoting: PolicyChange,
    pub project_name: String,
    /// The project's folder, where seeds of packages without a folder of their own stand.
    pub project_dir: PathBuf,
    /// `flags:` that change the adapter's behaviour.
    pub behavior: HashMap<String, bool>,
}

/// The `adapter` object of one thread.
#[derive(Clone)]
pub struct AdapterObject {
    options: Arc<AdapterOptions>,
    /// `None` while parsing.
    session: Option<Arc<Session>>,
    /// All of the warehouse that may be asked for.
    only: Option<Arc<Relation>>,
}

/// What a template is answered that asks for more than it may before anything is built.
pub const NOT_YET: &str = "its template asks the warehouse";

impl fmt::Debug for AdapterObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<adapter {}>", self.options.capabilities.adapter)
    }
}

/// What a method of the object is called with.
struct Call<'c, 's, 't, 'e> {
    adapter: &'c AdapterObject,
    state: &'s mut State<'t, 'e>,
    method: &'c str,
    arguments: Arguments,
}

type Answer = Result<Value, Error>;

fn failed(message: Fault) -> Error {
    fault(message)
}

/// The warehouse's error as templates' callers see it; the session keeps the error itself.
fn refused(error: AdapterError) -> Error {
    super::error(Diagnostic::from(error))
}

impl AdapterObject {
    /// For parsing: without a warehouse.
    pub fn parsing(options: &Arc<AdapterOptions>) -> Value {
        Value::from_object(AdapterObject { options: options.clone(), session: None, only: None })
    }

    /// For a thread that compiles and runs.
    pub fn running(options: &Arc<AdapterOptions>, session: &Arc<Session>) -> Value {
        Value::from_object(AdapterObject { options: options.clone(), session: Some(session.clone()), only: None })
    }

    /// For a look at what a node will be, before anything is built: nothing but the node's `own` relation is
    /// there to be asked for, since all others may change until its turn comes.
    pub fn ahead(options: &Arc<AdapterOptions>, session: &Arc<Session>, own: Relation) -> Value {
        let (options, session) = (options.clone(), Some(session.clone()));
        Value::from_object(AdapterObject { options, session, only: Some(Arc::new(own)) })
    }

    fn capabilities(&self) -> &'static Capabilities {
        self.options.capabilities
    }

    /// `adapter.behavior`: the flags, each of which is true or false and has `no_warn`.
    fn behavior(&self) -> Value {
        let flags = self.options.behavior.iter();
        let flags = flags.map(|(name, setting)| (name.as_str(), Value::from_object(BehaviorFlag(*setting))));
        Value::from_object(Behavior(flags.map(|(name, flag)| (name.to_owned(), flag)).collect()))
    }
}

/// `adapter.behavior.<flag>`; flags that nobody set are off.
#[derive(Debug)]
struct Behavior(HashMap<String, Value>);

impl Object for Behavior {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        Some(self.0.get(key).cloned().unwrap_or_else(|| Value::from_object(BehaviorFlag(false))))
    }
}

#[derive(Debug)]
struct BehaviorFlag(bool);

impl Object for BehaviorFlag {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        matches!(key, "no_warn" | "setting").then(|| Value::from(self.0))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0 { "True" } else { "False" })
    }
}

impl Call<'_, '_, '_, '_> {
    fn capabilities(&self) -> &'static Capabilities {
        self.adapter.capabilities()
    }

    /// The arguments under these names.
    fn bind<const N: usize>(&mut self, names: [&str; N]) -> Result<[Option<Value>; N], Error> {
        let arguments = std::mem::take(&mut self.arguments);
        let bound = arguments.bind(&format!("adapter.{}", self.method), names).map_err(failed)?;
        Ok(bound.map(|value| value.filter(|value| !value.is_undefined() && !value.is_none())))
    }

    /// Calls a macro of the project, a package or tform itself.
    fn call_macro(&mut self, name: &str, named: Vec<(&str, Value)>) -> Answer {
        let Some(callee) = super::lookup(self.state, name) else {
            return Err(fault(format!("there is no macro `{name}`, which `adapter.{}` calls", self.method)));
        };
        let named = named.into_iter().map(|(name, value)| (Arc::from(name), value)).collect();
        super::call(self.state, &callee, Arguments { positional: Vec::new(), named })
    }

    /// A relation of the target's database, with the project's quoting.
    fn relation(&self, path: crate::adapter::Path) -> Relation {
        let mut relation = self.capabilities().relation(path, None);
        relation.quote = relation.quote.with(self.adapter.options.quoting);
        relation
    }

    fn parsing(&mut self) -> Answer {
        let method = self.method;
        Ok(match method {
            "get_columns_in_relation"
            | "get_missing_columns"
            | "get_columns_in_table"
            | "list_relations"
            | "list_relations_without_caching"
            | "list_schemas"
            | "get_column_schema_from_query" => values::list(Vec::new()),
            "check_schema_exists" | "already_exists" | "location_exists" => Value::from(false),
            "execute" | "get_partitions_metadata" => values::tuple(vec![Value::from(""), super::table::empty()]),
            "tf_copy_rows" => Value::from(0),
            "tf_insert_rows" => Value::from(""),
            "add_query" => values::tuple(vec![values::none(), values::none()]),
            "commit" | "cache_added" | "cache_dropped" | "cache_renamed" | "warn_once" => Value::from(""),
            _ => values::none(),
        })
    }
}

/// Methods that need a warehouse.
const ASKING: &[&str] = &[
    "get_relation",
    "get_columns_in_relation",
    "get_columns_in_table",
    "get_missing_columns",
    "expand_target_column_types",
    "create_schema",
    "drop_schema",
    "drop_relation",
    "truncate_relation",
    "rename_relation",
    "list_relations",
    "list_relations_without_caching",
    "list_schemas",
    "check_schema_exists",
    "already_exists",
    "alter_column_type",
    "cache_added",
    "cache_dropped",
    "cache_renamed",
    "commit",
    "commit_if_has_connection",
    "ensure_transaction",
    "tf_commit_beside",
    "tf_in_transaction",
    "tf_is_read_by_bound_views",
    "tf_rename_at_commit",
    "tf_replace",
    "tf_replaced",
    "tf_query_once",
    "tf_describe_columns",
    "execute",
    "add_query",
    "tf_copy_rows",
    "tf_insert_rows",
    "validate_sql",
    "debug_query",
    "get_column_schema_from_query",
    "get_incremental_strategy_macro",
    "valid_snapshot_target",
    "assert_valid_snapshot_target_given_strategy",
    "get_hard_deletes_behavior",
    "get_rows_different_sql",
    "get_partitions_metadata",
    "location_exists",
    "existing_key_constraint_types",
    "catalog_supports_foreign_keys",
    "submit_python_job",
    "warn_once",
];

impl Object for AdapterObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    /// Properties, and methods that are passed on as functions.
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "behavior" => Some(self.behavior()),
            "Relation" | "Column" => {
                super::relation_object::api(self.capabilities(), self.options.quoting).get_attr(key).ok()
            }
            _ if ASKING.contains(&key) || ANSWERING.contains(&key) => {
                Some(Value::from_object(Method { adapter: self.clone(), name: key.to_owned() }))
            }
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Answer {
        let mut call = Call { adapter: self, state, method, arguments: Arguments::from_values(args) };
        if self.session.is_none() && ASKING.contains(&method) {
            return call.parsing();
        }
        if let Some(own) = &self.only
            && ASKING.contains(&method)
            && !(method == "get_relation" && relations::asks_for(&call.arguments, own))
        {
            return Err(fault(NOT_YET));
        }
        let steps = [
            relations::call as fn(&mut Call<'_, '_, '_, '_>) -> Option<Answer>,
            statements::call,
            columns::call,
            contracts::call,
            strategies::call,
        ];
        match steps.into_iter().find_map(|step| step(&mut call)) {
            Some(answer) => answer,
            None if ["behavior", "Relation", "Column"].contains(&method) => Err(Error::from(ErrorKind::UnknownMethod)),
            // What is asked for may never be reached when the node runs.
            None if self.session.is_none() => call.parsing(),
            None => {
                let known = ASKING.iter().chain(ANSWERING).copied();
                let missing = Diagnostic::error(format!("`adapter` has no method `{method}`"))
                    .suggest(method, known)
                    .hint("docs.getdbt.com/reference/dbt-jinja-functions/adapter lists what there is");
                Err(super::error(missing))
            }
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Methods that need no warehouse.
const ANSWERING: &[&str] = &[
    "type",
    "dispatch",
    "quote",
    "quote_as_configured",
    "quote_seed_column",
    "convert_type",
    "date_function",
    "is_cancelable",
    "nice_connection_name",
    "standardize_grants_dict",
    "render_raw_columns_constraints",
    "render_raw_model_constraints",
    "valid_incremental_strategies",
    "builtin_incremental_strategies",
    "parse_index",
    "parse_partition_by",
    "external_root",
    "get_binding_char",
    "get_seed_file_path",
    "convert_datetimes_to_strs",
    "disable_transactions",
    "escape_sql_string",
    "is_motherduck",
    "is_ducklake",
    "use_ducklake_table_workarounds",
    "use_database",
    "use_show_apis",
    "drop_without_cascade",
    "verify_database",
    "store_relation",
    "pre_model_hook",
    "post_model_hook",
    "build_catalog_relation",
    "get_catalog_integration",
    "string_add_sql",
    "timestamp_add_sql",
    "update_column_sql",
    "batch_id_for_model",
];

/// `adapter.quote` without its call, as it is given to a macro.
#[derive(Debug)]
struct Method {
    adapter: Arc<AdapterObject>,
    name: String,
}

impl Object for Method {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
        self.adapter.call_method(state, &self.name, args)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<bound method adapter.{}>", self.name)
    }
}

// --- for those who run nodes ---

/// The session behind an `adapter` value; `None` while parsing.
pub fn session_of(adapter: &Value) -> Option<&Arc<Session>> {
    adapter.downcast_object_ref::<AdapterObject>()?.session.as_ref()
}

fn needs_session(adapter: &Value) -> Result<&Arc<Session>, Diagnostic> {
    session_of(adapter).ok_or_else(|| Diagnostic::error("no connection to the warehouse was opened"))
}

/// Fills the relation cache with these schemas, by one query per database; gives those that exist, each with
/// its database.
///
/// # Errors
/// What the warehouse refuses.
pub fn fill_cache(adapter: &Value, schemas: &[Schemas]) -> Result<Vec<(String, String)>, Diagnostic> {
    let session = needs_session(adapter)?;
    session.warehouse().load_relations(session, &with_default_database(adapter, schemas)).map_err(Diagnostic::from)
}

/// Those of `wanted` that are not among the `existing` schemas: relations without an identifier, as the
/// macro `create_schema` takes them.
pub fn missing_schemas(adapter: &Value, wanted: &[Schemas], existing: &[(String, String)]) -> Vec<Value> {
    let key = |database: &str, schema: &str| (database.trim_matches('"').to_lowercase(), schema.to_lowercase());
    let existing: HashSet<_> = existing.iter().map(|(database, schema)| key(database, schema)).collect();
    let mut missing = Vec::new();
    for Schemas { database, schemas } in with_default_database(adapter, wanted) {
        let absent = schemas.iter().filter(|schema| !existing.contains(&key(&database, schema)));
        let relation = |schema: &String| super::relation_object::value_of(schema_relation(adapter, &database, schema));
        missing.extend(absent.map(relation));
    }
    missing
}

fn with_default_database(adapter: &Value, schemas: &[Schemas]) -> Vec<Schemas> {
    let default = adapter.downcast_object_ref::<AdapterObject>().map(|adapter| adapter.options.database.clone());
    let named = |wanted: &Schemas| match wanted.database.as_str() {
        "" => Schemas { database: default.clone().unwrap_or_default(), schemas: wanted.schemas.clone() },
        _ => wanted.clone(),
    };
    schemas.iter().map(named).collect()
}

fn schema_relation(adapter: &Value, database: &str, schema: &str) -> Relation {
    let path = crate::adapter::Path::new(Some(database), Some(schema), None);
    match adapter.downcast_object_ref::<AdapterObject>() {
        Some(object) => {
            let mut relation = object.capabilities().relation(path, None).without_identifier();
            relation.quote = relation.quote.with(object.options.quoting);
            relation
        }
        None => crate::adapter::duckdb::CAPABILITIES.relation(path, None).without_identifier(),
    }
}

/// Enters what a materialization made into the relation cache; values that are no relations are left out.
pub fn cache_add(adapter: &Value, relation: &Value) {
    let relation = super::relation_object::relation_of(relation).cloned();
    if let (Some(session), Some(relation)) = (session_of(adapter), relation) {
        session.warehouse().cache().add(Relation { limit: None, event_time_filter: None, ..relation });
    }
}

/// The relation of this name as the warehouse has it, from the cache.
///
/// # Errors
/// If the warehouse has to be asked and refuses, or has one whose name differs in case only.
pub fn find_relation(adapter: &Value, relation: &Relation) -> Result<Option<Relation>, Diagnostic> {
    let session = needs_session(adapter)?;
    let warehouse = session.warehouse();
    warehouse.ensure_loaded(session, relation.database(), relation.schema()).map_err(Diagnostic::from)?;
    warehouse.cache().find(&relation.path).map_err(Diagnostic::from)
}

/// Rolls back what a failed node left open.
pub fn release(adapter: &Value) {
    if let Some(session) = session_of(adapter) {
        session.rollback();
    }
}

#[cfg(test)]
mod tests;
