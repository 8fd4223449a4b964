//! `config` while a node is compiled and run: what was configured, to read.
//!
//! Source: docs.getdbt.com/reference/dbt-jinja-functions/config.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::context::fault;
use super::{Arguments, values};
use crate::config::NodeConfig;
use crate::manifest::Node;

/// The `config` object of one node.
#[derive(Debug)]
pub struct ConfigObject {
    node: Arc<Node>,
}

impl ConfigObject {
    pub fn value(node: &Arc<Node>) -> Value {
        Value::from_object(ConfigObject { node: node.clone() })
    }

    fn config(&self) -> &NodeConfig {
        &self.node.config
    }

    /// The value, and below `meta` for keys that dbt does not know (dbt 1.10: custom keys live there).
    fn find(&self, key: &str) -> Option<Value> {
        let config = self.config();
        config.get(key).map(values::from_json)
    }

    fn get(&self, arguments: Arguments) -> Result<Value, Error> {
        let [name, default, validator] =
            arguments.bind("config.get", ["name", "default", "validator"]).map_err(fault)?;
        let name = values::text(&name.ok_or_else(|| fault("`config.get` needs the name of a setting"))?);
        drop(validator);
        Ok(self.find(&name).unwrap_or_else(|| default.unwrap_or_else(values::none)))
    }

    fn require(&self, arguments: Arguments) -> Result<Value, Error> {
        let [name, validator] = arguments.bind("config.require", ["name", "validator"]).map_err(fault)?;
        let name = values::text(&name.ok_or_else(|| fault("`config.require` needs the name of a setting"))?);
        drop(validator);
        self.find(&name).ok_or_else(|| {
            fault(format!("Model '{}' does not define a required config parameter '{name}'.", self.node.unique_id))
        })
    }

    fn meta(&self, arguments: Arguments, function: &'static str, must: bool) -> Result<Value, Error> {
        let [name, default, validator] = arguments.bind(function, ["name", "default", "validator"]).map_err(fault)?;
        let name = values::text(&name.ok_or_else(|| fault(format!("`{function}` needs the name of a setting")))?);
        drop(validator);
        match self.config().meta().and_then(|meta| meta.get(&name)) {
            Some(value) => Ok(values::from_json(value)),
            None if must => Err(fault(format!(
                "Model '{}' does not define a required config parameter '{name}' in meta.",
                self.node.unique_id
            ))),
            None => Ok(default.unwrap_or_else(values::none)),
        }
    }

    /// `persist_docs: {relation, columns}`.
    fn persists(&self, part: &str) -> Result<Value, Error> {
        match self.config().get("persist_docs") {
            None | Some(serde_json::Value::Null) => Ok(Value::from(false)),
            Some(serde_json::Value::Object(settings)) => {
                Ok(Value::from(settings.get(part).and_then(serde_json::Value::as_bool).unwrap_or(false)))
            }
            Some(other) => {
                Err(fault(format!("Invalid value provided for 'persist_docs'. Expected dict but received {other}")))
            }
        }
    }
}

impl Object for ConfigObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    /// `{{ config(...) }}` gives nothing: it was read while parsing.
    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, _args: &[Value]) -> Result<Value, Error> {
        Ok(Value::from(""))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::from_values(args);
        match method {
            "get" => self.get(arguments),
            "require" => self.require(arguments),
            "meta_get" => self.meta(arguments, "config.meta_get", false),
            "meta_require" => self.meta(arguments, "config.meta_require", true),
            "persist_relation_docs" => self.persists("relation"),
            "persist_column_docs" => self.persists("columns"),
            "set" => Ok(Value::from("")),
            _ => Err(fault(format!(
                "`config` has no method `{method}` (see docs.getdbt.com/reference/dbt-jinja-functions/config)"
            ))),
        }
    }
}
