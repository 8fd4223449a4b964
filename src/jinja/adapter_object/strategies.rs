//! The methods of `adapter` about strategies, grants, and facts of the target.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::{Answer, Call, failed, fault};
use crate::diagnostic::Diagnostic;
use crate::jinja::arguments::Arguments;
use crate::jinja::error;
use crate::jinja::relation_object::relation_of;
use crate::jinja::values;

pub fn call(call: &mut Call<'_, '_, '_, '_>) -> Option<Answer> {
    let facts = &call.adapter.options.facts;
    Some(match call.method {
        "type" => Ok(Value::from(call.capabilities().adapter)),
        "dispatch" => dispatch(call),
        "date_function" => Ok(Value::from(call.capabilities().date_function)),
        "is_cancelable" => Ok(Value::from(call.capabilities().cancelable)),
        "get_binding_char" => Ok(Value::from(call.capabilities().binding_character)),
        "external_root" => Ok(Value::from(facts.external_root.clone().unwrap_or_else(|| ".".to_owned()))),
        "disable_transactions" => Ok(Value::from(facts.disable_transactions)),
        "is_motherduck" | "use_database" => Ok(Value::from(false)),
        "use_show_apis" => Ok(Value::from(facts.show_statements)),
        "drop_without_cascade" => Ok(Value::from(facts.drop_without_cascade)),
        "existing_key_constraint_types" => Ok(values::list(Vec::new())),
        "catalog_supports_foreign_keys" => Ok(Value::from(call.capabilities().constraints.target_without_database)),
        "valid_incremental_strategies" => {
            let names = call.capabilities().incremental_strategies.iter();
            Ok(values::list(names.map(|name| Value::from(*name)).collect()))
        }
        "builtin_incremental_strategies" => {
            Ok(values::list(builtin_strategies(call).into_iter().map(Value::from).collect()))
        }
        "get_incremental_strategy_macro" => strategy_macro(call),
        "get_hard_deletes_behavior" => hard_deletes(call),
        "standardize_grants_dict" => grants(call),
        "parse_index" => parse_index(call),
        "escape_sql_string" => call
            .bind(["value"])
            .map(|[value]| Value::from(values::text(&value.unwrap_or_default()).replace('\'', "''"))),
        "get_seed_file_path" => seed_file(call),
        "batch_id_for_model" => batch_id(call),
        "pre_model_hook" | "post_model_hook" | "parse_partition_by" | "build_catalog_relation" => Ok(values::none()),
        "get_catalog_integration" => {
            Err(fault("catalog integrations are not supported (docs.getdbt.com/docs/mesh/iceberg/about-catalogs)"))
        }
        "store_relation" => Err(fault("plugins are Python code of dbt-duckdb, which tform does not run")),
        _ => return None,
    })
}

/// `adapter.dispatch(name, namespace)`.
fn dispatch(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [name, namespace, packages] = call.bind(["macro_name", "macro_namespace", "packages"])?;
    let name = values::text(&name.ok_or_else(|| fault("`adapter.dispatch` needs the name of a macro"))?);
    if packages.is_some() {
        return Err(fault(format!(
            "The \"packages\" argument of adapter.dispatch() has been deprecated. Use the \"macro_namespace\" argument instead. \
             Raised during dispatch for: {name}"
        )));
    }
    if let Some(namespace) = namespace.as_ref().filter(|namespace| namespace.as_str().is_none()) {
        let kind = values::type_name(namespace);
        return Err(fault(format!("`adapter.dispatch` expects a string as `macro_namespace`, not `{kind}`")));
    }
    let Some((engine, package)) = crate::jinja::caller(call.state) else {
        return Err(fault("`adapter.dispatch` was called outside of a template"));
    };
    engine.dispatch(&name, namespace.as_ref().and_then(Value::as_str), &package).map_err(crate::jinja::error)
}

fn builtin_strategies(call: &Call<'_, '_, '_, '_>) -> Vec<&'static str> {
    let mut names = vec!["append", "delete+insert", "merge", "insert_overwrite"];
    let flag = "require_batched_execution_for_custom_microbatch_strategy";
    if !call.adapter.options.behavior.get(flag).copied().unwrap_or(false) {
        names.push("microbatch");
    }
    names
}

/// The macro of an incremental strategy; `context` is what the template has in view.
fn strategy_macro(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [_, strategy] = call.bind(["model_context", "strategy"])?;
    let strategy = strategy.map_or_else(|| "default".to_owned(), |strategy| values::text(&strategy));
    let valid = call.capabilities().incremental_strategies;
    if strategy != "default" && builtin_strategies(call).contains(&strategy.as_str()) && !valid.contains(&&*strategy) {
        let text = format!("The incremental strategy '{strategy}' is not valid for this adapter");
        return Err(error(Diagnostic::error(text).of_kind("Runtime Error")));
    }
    let name = format!("get_incremental_{}_sql", strategy.replace('+', "_"));
    crate::jinja::lookup(call.state, &name).ok_or_else(|| {
        error(
            Diagnostic::error(format!(
                "dbt could not find an incremental strategy macro with the name \"{name}\" in {}",
                call.adapter.options.project_name
            ))
            .of_kind("Runtime Error"),
        )
    })
}

fn hard_deletes(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [config] = call.bind(["config"])?;
    let config = config.unwrap_or_default();
    let mut get = |key: &str| -> Result<Value, Error> { setting(call.state, &config, key) };
    let (legacy, setting) = (get("invalidate_hard_deletes")?, get("hard_deletes")?);
    if !legacy.is_none() && !setting.is_none() {
        return Err(fault(
            "You cannot set both the invalidate_hard_deletes and hard_deletes config properties on the same snapshot.",
        ));
    }
    match setting.as_str() {
        Some("invalidate") => Ok(Value::from("invalidate")),
        None if setting.is_none() && legacy.is_true() => Ok(Value::from("invalidate")),
        Some("new_record") => Ok(Value::from("new_record")),
        Some("ignore") => Ok(Value::from("ignore")),
        None if setting.is_none() => Ok(Value::from("ignore")),
        _ => Err(fault("Invalid setting for property hard_deletes.")),
    }
}

/// `config.get(key)`, whether `config` is a dictionary or the config object.
fn setting(state: &mut State<'_, '_>, config: &Value, key: &str) -> Result<Value, Error> {
    if let Some(pairs) = values::pairs(config).filter(|_| config.kind() == minijinja::value::ValueKind::Map) {
        let found = pairs.into_iter().find(|(name, _)| name.as_str() == Some(key));
        return Ok(found.map_or_else(values::none, |(_, value)| value));
    }
    let Some(object) = config.as_object() else { return Ok(values::none()) };
    let found = object.call_method(state, "get", &[Value::from(key)])?;
    Ok(if found.is_undefined() { values::none() } else { found })
}

/// Rows of grantee and privilege as `{privilege: [grantee, ...]}`.
fn grants(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [table] = call.bind(["grants_table"])?;
    let table = table.unwrap_or_default();
    let column = |name: &str| crate::jinja::table::column_index(&table, name);
    let (Some(grantee), Some(privilege)) = (column("grantee"), column("privilege_type")) else {
        return Err(fault("the table of grants must have the columns `grantee` and `privilege_type`"));
    };
    let mut grants: indexmap::IndexMap<String, Vec<Value>> = indexmap::IndexMap::new();
    for row in crate::jinja::table::rows(&table) {
        let cell = |index: usize| row.get(index).cloned().unwrap_or_else(values::none);
        grants.entry(values::text(&cell(privilege))).or_default().push(cell(grantee));
    }
    Ok(values::dict_of(grants.into_iter().map(|(privilege, grantees)| (privilege, values::list(grantees)))))
}

/// An entry of a model's `indexes`.
#[derive(Debug)]
struct Index {
    columns: Vec<String>,
    unique: bool,
    kind: Option<String>,
}

fn parse_index(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [raw] = call.bind(["raw_index"])?;
    let Some(raw) = raw else { return Ok(values::none()) };
    let shown = values::representation(&raw);
    let wrong = |why: &str| fault(format!("Invalid index config:\n  Got: {shown}\n  {why}"));
    let pairs = values::pairs(&raw).filter(|_| raw.kind() == minijinja::value::ValueKind::Map);
    let mut index = Index { columns: Vec::new(), unique: false, kind: None };
    for (key, value) in pairs.ok_or_else(|| wrong("Expected a dictionary with at minimum a \"columns\" key"))? {
        match values::text(&key).as_str() {
            "columns" if value.kind() == minijinja::value::ValueKind::Seq => {
                index.columns = values::items(&value).map_err(failed)?.iter().map(values::text).collect();
            }
            "columns" => {
                return Err(wrong(&format!("columns: {} is not of type 'array'", values::representation(&value))));
            }
            "unique" if value.kind() == minijinja::value::ValueKind::Bool => index.unique = value.is_true(),
            "unique" => {
                return Err(wrong(&format!("unique: {} is not of type 'boolean'", values::representation(&value))));
            }
            "type" => index.kind = (!value.is_none()).then(|| values::text(&value)),
            other => return Err(wrong(&format!("`{other}` is not what an index can have"))),
        }
    }
    match index.columns.is_empty() {
        true => Err(wrong("'columns' is a required property")),
        false => Ok(Value::from_object(index)),
    }
}

impl Object for Index {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "columns" => Some(values::list(self.columns.iter().map(|name| Value::from(name.as_str())).collect())),
            "unique" => Some(Value::from(self.unique)),
            "type" => Some(self.kind.as_deref().map_or_else(values::none, Value::from)),
            _ => None,
        }
    }

    /// `render(relation)`: a name for the index that no earlier run gave.
    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Answer {
        if method != "render" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let [relation] = Arguments::from_values(args).bind("render", ["relation"]).map_err(failed)?;
        let table = relation.as_ref().and_then(relation_of).map(crate::adapter::Relation::render).unwrap_or_default();
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, false);
        let parts =
            [self.columns.join("_"), table, self.unique.to_string(), self.kind.clone().unwrap_or_default(), now];
        Ok(Value::from(hex(&md5_of(&parts.join("_")))))
    }
}

fn md5_of(text: &str) -> [u8; 16] {
    use md5::Digest as _;
    md5::Md5::digest(text.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a seed's file is.
fn seed_file(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [model] = call.bind(["model"])?;
    let model = model.unwrap_or_default();
    let text = |key: &str| {
        let found = model.get_item(&Value::from(key)).ok()?;
        (!found.is_none() && !found.is_undefined()).then(|| values::text(&found))
    };
    let root = text("root_path").map_or_else(|| call.adapter.options.project_dir.clone(), std::path::PathBuf::from);
    let path = root.join(text("original_file_path").unwrap_or_default());
    Ok(Value::from(path.to_string_lossy().into_owned()))
}

/// The part of a temporary table's name that tells a batch.
fn batch_id(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [model] = call.bind(["model"])?;
    let batch = model.and_then(|model| model.get_attr("batch").ok());
    let start = batch.and_then(|batch| batch.get_attr("event_time_start").ok());
    let text = start.filter(Value::is_true).map(|start| values::text(&start)).unwrap_or_default();
    let id = text.chars().filter(|character| !['-', ':', '+'].contains(character));
    Ok(Value::from(id.map(|character| if character == ' ' { '_' } else { character }).collect::<String>()))
}
