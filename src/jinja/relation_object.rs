//! Relations and columns as templates see them: `this`, `ref(...)`, `api.Relation`, `api.Column`.
//!
//! Follows docs.getdbt.com/reference/dbt-classes.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::{Arguments, integer, required, truth};
use super::values::{self, Fault};
use crate::adapter::{
    Capabilities, Column, ColumnDialect, EventTimeFilter, Part, Path, Policy, PolicyChange, Relation, RelationKind,
    RelationStyle,
};
use crate::diagnostic::Diagnostic;

/// A problem without a place; the interpreter adds that of the call.
pub fn fault(message: impl Into<String>) -> Error {
    super::error(Diagnostic::error(message))
}

/// A relation as a value. It counts as a mapping, as dbt's do: packages tell relations so.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationObject(pub Relation);

/// The relation as a value for templates.
pub fn value_of(relation: Relation) -> Value {
    Value::from_object(RelationObject(relation))
}

/// The relation that a value is, if it is one.
pub fn relation_of(value: &Value) -> Option<&Relation> {
    value.downcast_object_ref::<RelationObject>().map(|object| &object.0)
}

/// The relation that an argument must be.
pub fn relation_argument(value: Option<Value>, function: &str, name: &str) -> Result<Relation, Fault> {
    let value = required(value, function, name)?;
    relation_of(&value).cloned().ok_or_else(|| {
        format!(
            "`{function}` expects a relation as its argument `{name}`, but got a value of type `{}`",
            values::type_name(&value)
        )
    })
}

fn optional_text(text: Option<&str>) -> Value {
    text.map_or_else(values::none, Value::from)
}

fn policy_value(policy: Policy) -> Value {
    values::dict_of([
        ("database", Value::from(policy.database)),
        ("schema", Value::from(policy.schema)),
        ("identifier", Value::from(policy.identifier)),
    ])
}

fn path_value(path: &Path) -> Value {
    values::dict_of(Part::ALL.map(|part| (part.as_str(), optional_text(path.part(part).map(|text| text.as_ref())))))
}

/// A name's part: text, or nothing.
fn part(value: &Value, name: &str) -> Result<Option<Arc<str>>, Fault> {
    match value.as_str() {
        Some(text) => Ok(Some(Arc::from(text))),
        None if value.is_none() || value.is_undefined() => Ok(None),
        None if value.as_object().is_none() => Ok(Some(values::text(value).into())),
        None => Err(format!("the {name} of a relation must be a string, not `{}`", values::type_name(value))),
    }
}

fn kind(value: Option<&Value>) -> Result<Option<RelationKind>, Fault> {
    let Some(value) = value.filter(|value| !value.is_none() && !value.is_undefined()) else { return Ok(None) };
    let word = values::text(value);
    RelationKind::parse(&word).map(Some).ok_or_else(|| {
        let known: Vec<&str> = RelationKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("`{word}` is not a type of relation (these are: {})", known.join(", "))
    })
}

fn policy_change(value: &Value, name: &str) -> Result<PolicyChange, Fault> {
    let mut change = PolicyChange::default();
    for (key, value) in values::pairs(value).ok_or_else(|| format!("`{name}` must be a dictionary"))? {
        let flag = (!value.is_none()).then(|| value.is_true());
        match values::text(&key).as_str() {
            "database" => change.database = flag,
            "schema" => change.schema = flag,
            "identifier" => change.identifier = flag,
            // Columns have a quoting of their own, which relations do not use.
            _ => {}
        }
    }
    Ok(change)
}

/// Changes `relation` as a keyword argument of `incorporate`, `replace` or `create` says.
fn incorporate(relation: &mut Relation, name: &str, value: &Value) -> Result<(), Fault> {
    match name {
        "path" => {
            let pairs = values::pairs(value).ok_or("the `path` of a relation must be a dictionary")?;
            for (key, value) in pairs {
                let key = values::text(&key);
                // Packages also give `table`, the name of `identifier` of old; dbt passes it over.
                if let Some(part_name) = Part::ALL.into_iter().find(|part| part.as_str() == key) {
                    relation.path.set(part_name, part(&value, &key)?);
                }
            }
        }
        "type" => relation.kind = kind(Some(value))?,
        "quote_policy" => relation.quote = relation.quote.with(policy_change(value, name)?),
        "include_policy" => relation.include = relation.include.with(policy_change(value, name)?),
        "limit" => {
            let limit = integer(Some(value), "incorporate", "limit")?;
            relation.limit = limit.and_then(|limit| usize::try_from(limit).ok());
        }
        "dbt_created" => relation.dbt_created = value.is_true(),
        "require_alias" => relation.require_alias = value.is_true(),
        "external" => relation.external = part(value, name)?,
        "catalog" | "catalog_name" => relation.catalog = part(value, name)?,
        "information_schema_view" => {
            let view = part(value, name)?;
            relation.information_schema_view = Some(view.unwrap_or_else(|| Arc::from("")));
        }
        "event_time_filter" => relation.event_time_filter = event_time_filter(value),
        // Facts of the warehouse, not of the relation.
        "quote_character" | "renameable_relations" | "replaceable_relations" | "metadata" => {}
        other => return Err(format!("a relation has no setting `{other}`")),
    }
    Ok(())
}

fn event_time_filter(value: &Value) -> Option<Arc<EventTimeFilter>> {
    let text = |name: &str| {
        let found = value.get_attr(name).ok()?;
        (!found.is_none() && !found.is_undefined()).then(|| values::text(&found))
    };
    Some(Arc::new(EventTimeFilter { field: text("field_name")?, start: text("start"), end: text("end") }))
}

fn incorporate_all(mut relation: Relation, named: &[(Arc<str>, Value)]) -> Result<Relation, Fault> {
    for (name, value) in named {
        incorporate(&mut relation, name, value)?;
    }
    relation.check_length().map_err(|error| error.message)?;
    Ok(relation)
}

fn change_of(arguments: Arguments, function: &str) -> Result<PolicyChange, Fault> {
    let flags = arguments.bind(function, ["database", "schema", "identifier"])?;
    let [database, schema, identifier] =
        flags.map(|flag| flag.filter(|flag| !flag.is_none()).map(|flag| flag.is_true()));
    Ok(PolicyChange { database, schema, identifier })
}

const FIELDS: &[&str] = &[
    "path",
    "type",
    "quote_character",
    "include_policy",
    "quote_policy",
    "dbt_created",
    "limit",
    "event_time_filter",
    "require_alias",
    "catalog",
    "external",
];

impl RelationObject {
    fn field(&self, name: &str) -> Option<Value> {
        let relation = &self.0;
        let is = |kind: RelationKind| Value::from(relation.kind == Some(kind));
        Some(match name {
            "database" => optional_text(relation.database()),
            "schema" => optional_text(relation.schema()),
            "identifier" | "name" | "table" => optional_text(relation.identifier()),
            "type" => optional_text(relation.kind.map(RelationKind::as_str)),
            "path" => path_value(&relation.path),
            "quote_policy" => policy_value(relation.quote),
            "include_policy" => policy_value(relation.include),
            "quote_character" => Value::from(relation.style.quote_character.to_string()),
            "dbt_created" => Value::from(relation.dbt_created),
            "limit" => relation.limit.map_or_else(values::none, Value::from),
            "require_alias" => Value::from(relation.require_alias),
            "catalog" | "catalog_name" => optional_text(relation.catalog.as_deref()),
            "external" => optional_text(relation.external.as_deref()),
            "information_schema_view" => {
                optional_text(relation.information_schema_view.as_deref().filter(|view| !view.is_empty()))
            }
            "event_time_filter" => relation.event_time_filter.as_ref().map_or_else(values::none, |filter| {
                values::dict_of([
                    ("field_name", Value::from(filter.field.as_str())),
                    ("start", optional_text(filter.start.as_deref())),
                    ("end", optional_text(filter.end.as_deref())),
                ])
            }),
            "is_table" => is(RelationKind::Table),
            "is_view" => is(RelationKind::View),
            "is_cte" => is(RelationKind::Cte),
            "is_materialized_view" => is(RelationKind::MaterializedView),
            "is_pointer" => is(RelationKind::PointerTable),
            "is_function" => is(RelationKind::Function),
            "can_be_renamed" => Value::from(relation.can_be_renamed()),
            "can_be_replaced" => Value::from(relation.can_be_replaced()),
            "metadata" => values::dict_of([("type", Value::from(relation.style.class_name))]),
            _ => return kind_constant(name),
        })
    }

    fn matches(&self, arguments: Arguments) -> Result<Value, Fault> {
        let parts = arguments.bind("matches", ["database", "schema", "identifier"])?;
        let mut search = Path::default();
        for (name, value) in Part::ALL.into_iter().zip(parts) {
            search.set(name, part(&value.unwrap_or_else(values::none), name.as_str())?);
        }
        if search == Path::default() {
            return Err("tried to match a relation, but no part of a name was passed".to_owned());
        }
        self.0.matches(&search).map(Value::from).map_err(|error| error.message)
    }

    fn call_named(&self, method: &str, mut arguments: Arguments) -> Result<Option<Value>, Fault> {
        let relation = self.0.clone();
        let changed = |relation: Relation| Ok(Some(value_of(relation)));
        match method {
            "render" => arguments.none(method).map(|()| Some(Value::from(relation.render()))),
            "render_limited" => arguments.none(method).map(|()| Some(Value::from(relation.render_limited()))),
            "render_event_time_filtered" => {
                let [rendered] = arguments.bind(method, ["rendered"])?;
                let rendered =
                    rendered.filter(Value::is_true).map_or_else(|| relation.render(), |text| values::text(&text));
                Ok(Some(Value::from(relation.render_event_time_filtered(rendered))))
            }
            "include" => changed(relation.include(change_of(arguments, method)?)),
            "quote" => changed(relation.quote(change_of(arguments, method)?)),
            "without_identifier" => changed(relation.without_identifier()),
            "incorporate" | "replace" => changed(incorporate_all(relation, &arguments.named)?),
            "replace_path" => {
                let path = values::dict_of(arguments.named.drain(..).map(|(name, value)| (name.to_string(), value)));
                let mut relation = relation;
                incorporate(&mut relation, "path", &path)?;
                changed(relation)
            }
            "information_schema" => {
                let [view] = arguments.bind(method, ["view_name"])?;
                changed(relation.information_schema(view.as_ref().and_then(Value::as_str)))
            }
            "information_schema_only" => changed(relation.information_schema(None)),
            "matches" => self.matches(arguments).map(Some),
            "get" => {
                let [key, default] = arguments.bind(method, ["key", "default"])?;
                let key = values::text(&required(key, method, "key")?);
                Ok(Some(self.field(&key).unwrap_or_else(|| default.unwrap_or_else(values::none))))
            }
            "quoted" => {
                let [identifier] = arguments.bind(method, ["identifier"])?;
                let identifier = values::text(&required(identifier, method, "identifier")?);
                Ok(Some(Value::from(relation.quoted(&identifier))))
            }
            "to_dict" => {
                let fields = FIELDS.iter().map(|name| (*name, self.field(name).unwrap_or_else(values::none)));
                Ok(Some(values::dict_of(fields.collect::<Vec<_>>())))
            }
            "get_function_config" => {
                let [model] = arguments.bind(method, ["model"])?;
                function_config(&required(model, method, "model")?).map(Some)
            }
            "get_function_macro_name" => {
                let [config] = arguments.bind(method, ["config"])?;
                let config = required(config, method, "config")?;
                let field = |name: &str| values::text(&config.get_attr(name).unwrap_or_default());
                Ok(Some(Value::from(format!("{}_function_{}", field("type"), field("language")))))
            }
            _ => class_method(relation.style, method, arguments),
        }
    }
}

/// What a materialization asks about a user-defined function; none for any other node.
///
/// # Errors
/// A function in Python that does not say how it is run.
fn function_config(model: &Value) -> Result<Value, Fault> {
    let field = |of: &Value, name: &str| of.get_attr(name).ok().filter(|value| !value.is_undefined());
    if field(model, "resource_type").as_ref().and_then(Value::as_str) != Some("function") {
        return Ok(values::none());
    }
    let config = field(model, "config").unwrap_or_default();
    let setting = |name: &str| field(&config, name).unwrap_or_else(values::none);
    let language = field(model, "language").unwrap_or_else(values::none);
    if language.as_str() == Some("python") {
        for (name, article) in [("runtime_version", "A"), ("entry_point", "An")] {
            if setting(name).is_none() {
                return Err(format!("{article} `{name}` is required for python functions"));
            }
        }
    }
    Ok(values::dict_of([
        ("language", language),
        ("type", setting("type")),
        ("runtime_version", setting("runtime_version")),
        ("entry_point", setting("entry_point")),
    ]))
}

/// `relation.View`, `api.Relation.Table`, ...
fn kind_constant(name: &str) -> Option<Value> {
    Some(Value::from(match name {
        "Table" => "table",
        "View" => "view",
        "CTE" => "cte",
        "MaterializedView" => "materialized_view",
        "External" => "external",
        "PointerTable" => "pointer_table",
        "Function" => "function",
        _ => return None,
    }))
}

/// What `api.Relation` and each relation can do alike; `None` for an unknown name.
fn class_method(style: &'static RelationStyle, method: &str, arguments: Arguments) -> Result<Option<Value>, Fault> {
    match method {
        "create" => create(style, style.quote, arguments).map(|relation| Some(value_of(relation))),
        "get_default_quote_policy" => Ok(Some(policy_value(style.quote))),
        "get_default_include_policy" => Ok(Some(policy_value(style.include))),
        "get_relation_type" => {
            let [word] = arguments.bind(method, ["value"])?;
            Ok(Some(optional_text(kind(word.as_ref())?.map(RelationKind::as_str))))
        }
        "add_ephemeral_prefix" => {
            let [name] = arguments.bind(method, ["name"])?;
            Ok(Some(Value::from(Relation::ephemeral_name(&values::text(&required(name, method, "name")?)))))
        }
        "scd_args" => {
            let [key, updated_at] = arguments.bind(method, ["primary_key", "updated_at"])?;
            let key = required(key, method, "primary_key")?;
            let mut parts = if key.as_str().is_some() { vec![key] } else { values::items(&key)? };
            parts.push(required(updated_at, method, "updated_at")?);
            Ok(Some(values::list(parts)))
        }
        _ => Ok(None),
    }
}

/// `api.Relation.create(database, schema, identifier, type, ...)`.
fn create(style: &'static RelationStyle, quote: Policy, mut arguments: Arguments) -> Result<Relation, Fault> {
    let names = ["database", "schema", "identifier", "type"];
    let (own, others) =
        std::mem::take(&mut arguments.named).into_iter().partition(|(name, _)| names.contains(&name.as_ref()));
    arguments.named = own;
    let [database, schema, identifier, kind_word] = arguments.bind("api.Relation.create", names)?;
    let mut path = Path::default();
    for (name, value) in Part::ALL.into_iter().zip([database, schema, identifier]) {
        path.set(name, part(&value.unwrap_or_else(values::none), name.as_str())?);
    }
    let mut relation = Relation::new(style, path, kind(kind_word.as_ref())?);
    relation.quote = quote;
    let others: Vec<(Arc<str>, Value)> = others;
    incorporate_all(relation, &others)
}

impl Object for RelationObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.field(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(FIELDS)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let result = self.call_named(method, Arguments::from_values(args)).map_err(fault)?;
        result.ok_or_else(|| Error::from(ErrorKind::UnknownMethod))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<RelationObject>()?;
        if self.0 == other.0 {
            return Some(Ordering::Equal);
        }
        // Relations that print alike but differ still are not equal.
        Some(self.0.render().cmp(&other.0.render()).then(Ordering::Less))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// `api.Relation`.
#[derive(Debug)]
pub struct RelationClass {
    style: &'static RelationStyle,
    /// With the project's quoting.
    quote: Policy,
}

impl Object for RelationClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "__name__" => Some(Value::from(self.style.class_name)),
            _ => kind_constant(key),
        }
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::from_values(args);
        let relation = Relation { quote: self.quote, ..Relation::new(self.style, Path::default(), None) };
        incorporate_all(relation, &arguments.named).map(value_of).map_err(fault)
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let arguments = Arguments::from_values(args);
        if method == "create" {
            return create(self.style, self.quote, arguments).map(value_of).map_err(fault);
        }
        let result = class_method(self.style, method, arguments).map_err(fault)?;
        result.ok_or_else(|| Error::from(ErrorKind::UnknownMethod))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<class '{}'>", self.style.class_name)
    }
}

/// A column as a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnObject(pub Column);

/// The column as a value for templates.
pub fn column_value(column: Column) -> Value {
    Value::from_object(ColumnObject(column))
}

/// The column that a value is, if it is one.
pub fn column_of(value: &Value) -> Option<&Column> {
    value.downcast_object_ref::<ColumnObject>().map(|object| &object.0)
}

fn optional_number(number: Option<i64>) -> Value {
    number.map_or_else(values::none, Value::from)
}

impl ColumnObject {
    fn field(&self, name: &str) -> Option<Value> {
        let column = &self.0;
        Some(match name {
            "name" | "column" => Value::from(column.name.as_str()),
            "dtype" => Value::from(column.dtype.as_str()),
            "data_type" | "expanded_data_type" => Value::from(column.data_type()),
            "quoted" => Value::from(column.quoted()),
            "char_size" => optional_number(column.char_size),
            "numeric_precision" => optional_number(column.numeric_precision),
            "numeric_scale" => optional_number(column.numeric_scale),
            "fields" => values::list(column.fields().into_iter().map(column_value).collect()),
            _ => return None,
        })
    }

    fn call_named(&self, method: &str, arguments: Arguments) -> Result<Option<Value>, Fault> {
        let column = &self.0;
        let answer = match method {
            "is_string" => column.is_string(),
            "is_integer" => column.is_integer(),
            "is_float" => column.is_float(),
            "is_numeric" => column.is_numeric(),
            "is_number" => column.is_number(),
            "is_struct" => column.is_struct(),
            "can_expand_to" => {
                let [other] = arguments.bind(method, ["other_column"])?;
                let other = required(other, method, "other_column")?;
                let other = column_of(&other).ok_or_else(|| format!("`{method}` expects a column"))?;
                return Ok(Some(Value::from(column.can_expand_to(other))));
            }
            "string_size" => {
                return column.string_size().map(|size| Some(Value::from(size))).map_err(|error| error.message);
            }
            "literal" => {
                let [value] = arguments.bind(method, ["value"])?;
                let value = values::text(&required(value, method, "value")?);
                return Ok(Some(Value::from(format!("{value}::{}", column.data_type()))));
            }
            "flatten" => {
                return Ok(Some(values::list(column.flatten().into_iter().map(column_value).collect())));
            }
            _ => return column_class_method(column.dialect, method, arguments),
        };
        arguments.none(method).map(|()| Some(Value::from(answer)))
    }
}

impl Object for ColumnObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.field(key)
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let result = self.call_named(method, Arguments::from_values(args)).map_err(fault)?;
        result.ok_or_else(|| Error::from(ErrorKind::UnknownMethod))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<ColumnObject>()?;
        if self.0 == other.0 {
            return Some(Ordering::Equal);
        }
        Some((&self.0.name, &self.0.dtype).cmp(&(&other.0.name, &other.0.dtype)).then(Ordering::Less))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Column { name, dtype, char_size, numeric_precision, numeric_scale, dialect } = &self.0;
        let number = |number: &Option<i64>| number.map_or_else(|| "None".to_owned(), |number| number.to_string());
        write!(
            formatter,
            "{}(column={}, dtype={}, char_size={}, numeric_precision={}, numeric_scale={}{})",
            dialect.class_name,
            values::quoted(name),
            values::quoted(dtype),
            number(char_size),
            number(numeric_precision),
            number(numeric_scale),
            if dialect.has_structs { ", fields=[]" } else { "" }
        )
    }
}

/// What `api.Column` and each column can do alike; `None` for an unknown name.
fn column_class_method(
    dialect: &'static ColumnDialect,
    method: &str,
    arguments: Arguments,
) -> Result<Option<Value>, Fault> {
    match method {
        "create" => {
            let [name, label] = arguments.bind(method, ["name", "label_or_dtype"])?;
            let label = values::text(&required(label, method, "label_or_dtype")?);
            let name = values::text(&required(name, method, "name")?);
            Ok(Some(column_value(Column::new(dialect, name, Column::translate_type(dialect, &label)))))
        }
        "translate_type" => {
            let [label] = arguments.bind(method, ["dtype"])?;
            let label = values::text(&required(label, method, "dtype")?);
            Ok(Some(Value::from(Column::translate_type(dialect, &label))))
        }
        "string_type" => {
            let [size] = arguments.bind(method, ["size"])?;
            let size = values::text(&required(size, method, "size")?);
            Ok(Some(Value::from(format!("character varying({size})"))))
        }
        "numeric_type" => {
            let [dtype, precision, scale] = arguments.bind(method, ["dtype", "precision", "scale"])?;
            let dtype = values::text(&required(dtype, method, "dtype")?);
            let (precision, scale) =
                (integer(precision.as_ref(), method, "precision")?, integer(scale.as_ref(), method, "scale")?);
            Ok(Some(Value::from(Column::numeric_type(&dtype, precision, scale))))
        }
        "from_description" => {
            let [name, raw] = arguments.bind(method, ["name", "raw_data_type"])?;
            let name = values::text(&required(name, method, "name")?);
            let raw = values::text(&required(raw, method, "raw_data_type")?);
            Column::from_description(dialect, &name, &raw)
                .map(|column| Some(column_value(column)))
                .map_err(|error| error.message)
        }
        _ => Ok(None),
    }
}

/// `api.Column`.
#[derive(Debug)]
pub struct ColumnClass(&'static ColumnDialect);

impl Object for ColumnClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        new_column(self.0, Arguments::from_values(args)).map(column_value).map_err(fault)
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let result = column_class_method(self.0, method, Arguments::from_values(args)).map_err(fault)?;
        result.ok_or_else(|| Error::from(ErrorKind::UnknownMethod))
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<class 'Column'>")
    }
}

fn new_column(dialect: &'static ColumnDialect, arguments: Arguments) -> Result<Column, Fault> {
    let names = ["column", "dtype", "char_size", "numeric_precision", "numeric_scale", "fields"];
    let [name, dtype, char_size, precision, scale, _] = arguments.bind("api.Column", names)?;
    let name = values::text(&required(name, "api.Column", "column")?);
    let dtype = values::text(&required(dtype, "api.Column", "dtype")?);
    // Catalogs give sizes as decimals or texts too.
    let number = |value: Option<Value>| {
        value.filter(|value| !value.is_none()).and_then(|value| values::text(&value).parse().ok())
    };
    Ok(Column {
        char_size: number(char_size),
        numeric_precision: number(precision),
        numeric_scale: number(scale),
        ..Column::new(dialect, name, dtype)
    })
}

/// `api`: the classes, with the project's quoting for new relations.
pub fn api(capabilities: &'static Capabilities, quoting: PolicyChange) -> Value {
    let quote = capabilities.relation.quote.with(quoting);
    values::dict_of([
        ("Relation", Value::from_object(RelationClass { style: &capabilities.relation, quote })),
        ("Column", Value::from_object(ColumnClass(&capabilities.columns))),
    ])
}

/// Whether an optional switch among named arguments is on; used by the `adapter` object.
pub fn switch(value: Option<&Value>, default: bool) -> bool {
    truth(value.filter(|value| !value.is_none()), default)
}
