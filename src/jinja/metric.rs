//! What `metric()` gives: the metric's fields by name, and its name where it is written.
//!
//! Source: docs.getdbt.com/reference/dbt-jinja-functions (the context of a model).

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use super::values;

/// A metric that a template names.
#[derive(Debug)]
struct Metric {
    name: String,
    package: Option<String>,
    /// The metric as the manifest has it; nothing while parsing.
    fields: Option<Value>,
}

/// A value for a metric; `fields` are known once the project is parsed.
pub fn value(name: &str, package: Option<&str>, fields: Option<Value>) -> Value {
    Value::from_object(Metric { name: name.to_owned(), package: package.map(str::to_owned), fields })
}

impl Object for Metric {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "metric_name" => Some(Value::from(self.name.as_str())),
            "package_name" => Some(self.package.as_deref().map_or_else(values::none, Value::from)),
            key => self.fields.as_ref()?.get_attr(key).ok().filter(|value| !value.is_undefined()),
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
