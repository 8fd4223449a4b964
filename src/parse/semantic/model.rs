//! The semantic layer written under a model: `semantic_model`, `metrics`, `derived_semantics`, and the dimensions and
//! entities of its columns. It is rewritten as the entries that would say the same by themselves.
//!
//! Source: docs.getdbt.com/docs/build/semantic-models (the specification of late 2025).

use serde_json::{Map, Value, json};

use super::{Metric, add_metric, add_semantic_model};
use crate::diagnostic::Diagnostic;
use crate::manifest::Manifest;
use crate::parse::PropertiesFile;
use crate::parse::exposure::Placed;
use crate::parse::properties::{ColumnProperties, Entry, NodeProperties, Section};
use crate::parse::workspace::Workspace;

/// Adds the semantic model and the metrics that stand under a model, if it has any.
///
/// # Errors
/// Missing or wrong fields, two of one name.
pub(in crate::parse) fn add(
    workspace: &Workspace<'_>,
    file: &PropertiesFile,
    properties: &NodeProperties,
    manifest: &mut Manifest,
) -> Result<(), Diagnostic> {
    // dbt reads them of models without versions only.
    let Some(semantics) = properties.semantics.as_deref().filter(|_| properties.versions.is_empty()) else {
        return Ok(());
    };
    let id = format!("model.{}.{}", workspace.packages[file.package].name, properties.name);
    if !manifest.nodes.contains_key(id.as_str()) {
        return Ok(());
    }
    let failed = |message: String| Diagnostic::error(message).at(properties.span.clone());
    let Some(setting) = setting(semantics.get("semantic_model")).map_err(failed)? else { return Ok(()) };
    let name = setting.get("name").and_then(Value::as_str).unwrap_or(&properties.name).to_owned();
    let values = semantic_model(properties, semantics, &setting, &name).map_err(failed)?;
    let mut entry =
        Entry { section: Section::SemanticModels, name: name.clone(), span: properties.span.clone(), values };
    add_semantic_model(workspace, &placed(file, &entry), manifest)?;
    let time = semantics.get("agg_time_dimension").and_then(Value::as_str);
    entry.section = Section::Metrics;
    for metric in semantics.get("metrics").and_then(Value::as_array).into_iter().flatten() {
        let Value::Object(values) = metric else {
            return Err(failed(format!("a metric of model `{}` is not a mapping", properties.name)));
        };
        let Some(metric) = values.get("name").and_then(Value::as_str) else {
            return Err(failed(format!("a metric of model `{}` has no `name`", properties.name)));
        };
        metric.clone_into(&mut entry.name);
        let metric = Metric { values: values.clone(), of: Some((&name, time)) };
        add_metric(workspace, &placed(file, &entry), metric, manifest)?;
    }
    Ok(())
}

fn placed<'p>(file: &'p PropertiesFile, entry: &'p Entry) -> Placed<'p> {
    Placed { package: file.package, original_file_path: &file.path, resource_path: &file.resource_path, entry }
}

/// What `semantic_model` says, as a mapping; nothing if there is to be none.
fn setting(given: Option<&Value>) -> Result<Option<Map<String, Value>>, String> {
    const KEYS: [&str; 4] = ["config", "enabled", "group", "name"];
    match given {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::Bool(true)) => Ok(Some(Map::new())),
        Some(Value::Object(map)) => {
            let unknown: Vec<&str> = map.keys().map(String::as_str).filter(|key| !KEYS.contains(key)).collect();
            if !unknown.is_empty() {
                return Err(format!(
                    "Unknown field(s) in semantic_model config: {}. Valid fields are: {}.",
                    unknown.join(", "),
                    KEYS.join(", ")
                ));
            }
            Ok(Some(map.clone()).filter(|map| map.get("enabled") != Some(&Value::Bool(false))))
        }
        Some(_) => Err("`semantic_model` must be true, false or a mapping".to_owned()),
    }
}

/// The entry of `semantic_models` that says the same.
fn semantic_model(
    properties: &NodeProperties,
    semantics: &Map<String, Value>,
    setting: &Map<String, Value>,
    name: &str,
) -> Result<Map<String, Value>, String> {
    let mut config = setting.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(group) = setting.get("group").filter(|group| !group.is_null()) {
        config.insert("group".to_owned(), group.clone());
    }
    let (mut dimensions, mut entities) = (Vec::new(), Vec::new());
    for column in &properties.columns {
        dimensions.extend(of_column(column, "dimension", &DIMENSIONS)?);
        entities.extend(of_column(column, "entity", &ENTITIES)?);
    }
    let derived = semantics.get("derived_semantics");
    let listed = |key: &str| derived.and_then(|derived| derived.get(key)?.as_array()).into_iter().flatten();
    for given in listed("dimensions") {
        dimensions.push(derived_element(given, "dimension", &DIMENSIONS)?);
    }
    for given in listed("entities") {
        entities.push(derived_element(given, "entity", &ENTITIES)?);
    }
    let values = json!({
        "name": name,
        "description": properties.description,
        "model": format!("ref('{}')", properties.name),
        "defaults": {"agg_time_dimension": semantics.get("agg_time_dimension")},
        "primary_entity": semantics.get("primary_entity"),
        "dimensions": dimensions,
        "entities": entities,
        "config": config,
    });
    match values {
        Value::Object(values) => Ok(values),
        _ => Ok(Map::new()),
    }
}

const DIMENSIONS: [&str; 2] = ["categorical", "time"];
const ENTITIES: [&str; 4] = ["foreign", "natural", "primary", "unique"];

/// How a measure may be aggregated.
pub(super) const AGGREGATIONS: [&str; 9] =
    ["sum", "min", "max", "count_distinct", "sum_boolean", "average", "percentile", "median", "count"];

/// What is wrong with an entity, a dimension or a measure of a semantic model.
pub(super) fn fault_of_element(list: &str, element: &Value) -> Option<String> {
    let (what, key, kinds) = match list {
        "entities" => ("entity", "type", &ENTITIES[..]),
        "dimensions" => ("dimension", "type", &DIMENSIONS[..]),
        _ => ("measure", "agg", &AGGREGATIONS[..]),
    };
    let name = element.get("name").and_then(Value::as_str).unwrap_or_default();
    let given = element.get(key).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let known = kinds.contains(&given.as_str());
    (!known).then(|| format!("{what} `{name}` has an invalid {key} '{given}': it must be one of {}", kinds.join(", ")))
}

fn kind_of(given: Option<&Value>, owner: &str, kinds: &[&str]) -> Result<String, String> {
    let text = given.and_then(Value::as_str).unwrap_or("").to_lowercase();
    if kinds.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(format!("{owner} has an invalid type '{text}': it must be one of {}", kinds.join(", ")))
}

/// The dimension or the entity that a column is.
fn of_column(column: &ColumnProperties, key: &str, kinds: &[&str]) -> Result<Option<Value>, String> {
    let given = column.more.as_deref().and_then(|more| more.get(key));
    let owner = format!("the {key} of column `{}`", column.name);
    let meta = &column.meta;
    match given {
        None | Some(Value::Null) => Ok(None),
        Some(kind @ Value::String(_)) => Ok(Some(json!({
            "name": column.name,
            "type": kind_of(Some(kind), &owner, kinds)?,
            "description": column.description,
            "config": {"meta": meta},
        }))),
        Some(Value::Object(map)) => {
            let text = |key: &str| map.get(key).filter(|value| value.as_str().is_some_and(|text| !text.is_empty()));
            let name = text("name").and_then(Value::as_str).unwrap_or(&column.name);
            let own = map.get("config").and_then(|config| config.get("meta")?.as_object());
            // An entity's own meta replaces the column's, a dimension's is added to it.
            let meta = match (key, own) {
                ("entity", Some(own)) => own.clone(),
                (_, own) => meta
                    .iter()
                    .chain(own.into_iter().flatten())
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            };
            let mut made = json!({
                "name": name,
                "type": kind_of(map.get("type"), &owner, kinds)?,
                "description": text("description").cloned().unwrap_or_else(|| json!(column.description)),
                "label": map.get("label"),
                // Whoever queries needs the column that is there.
                "expr": (name != column.name).then_some(&column.name),
                "config": {"meta": meta},
            });
            if key == "dimension" {
                made["is_partition"] = map.get("is_partition").cloned().unwrap_or_else(|| json!(false));
                made["type_params"] = time_parameters(column.granularity.as_deref(), map.get("validity_params"));
            }
            Ok(Some(made))
        }
        Some(_) => Err(format!("{owner} must be a type or a mapping")),
    }
}

/// A column's `dimension` or `entity` with every field that the manifest has of it.
pub(in crate::parse) fn written(column: &ColumnProperties, key: &str, given: &Value) -> Value {
    let mut fields = vec![
        ("name", json!(column.name)),
        ("type", Value::Null),
        ("description", json!(column.description)),
        ("label", Value::Null),
        ("config", json!({})),
    ];
    if key == "dimension" {
        fields.extend([("is_partition", json!(false)), ("validity_params", Value::Null)]);
    }
    super::shape(given, &fields)
}

fn time_parameters(granularity: Option<&str>, validity: Option<&Value>) -> Value {
    let flag = |validity: &Value, key: &str| validity.get(key).cloned().unwrap_or_else(|| json!(false));
    let validity = validity.filter(|validity| validity.is_object());
    let validity = validity.map(|given| json!({"is_start": flag(given, "is_start"), "is_end": flag(given, "is_end")}));
    match granularity {
        Some(granularity) => json!({"time_granularity": granularity, "validity_params": validity}),
        None => Value::Null,
    }
}

/// A dimension or an entity of `derived_semantics`.
fn derived_element(given: &Value, kind: &str, kinds: &[&str]) -> Result<Value, String> {
    let Some(name) = given.get("name").and_then(Value::as_str) else {
        return Err(format!("Derived {kind} is missing a required 'name' field."));
    };
    let owner = format!("derived {kind} `{name}`");
    if given.get("expr").is_none_or(Value::is_null) {
        return Err(format!("{owner} has no `expr`"));
    }
    let mut made = given.clone();
    made["type"] = Value::String(kind_of(given.get("type"), &owner, kinds)?);
    if kind == "dimension" {
        let granularity = given.get("granularity").and_then(Value::as_str);
        let validity = given.get("validity_params").filter(|validity| !validity.is_null());
        if granularity.is_none() && validity.is_some() {
            let message = format!("Derived dimension {name} has validity_params, so it must specify a granularity.");
            return Err(message);
        }
        made["type_params"] = time_parameters(granularity, validity);
    }
    Ok(made)
}

/// The `type_params` of a metric that is written without them.
///
/// # Errors
/// A metric of its kind lacks something.
pub(super) fn type_params(
    kind: &str,
    given: &Map<String, Value>,
    of: Option<(&str, Option<&str>)>,
) -> Result<Value, String> {
    let find = |key: &str| given.get(key).filter(|value| !value.is_null());
    let required = |key: &str| find(key).ok_or_else(|| format!("{key} is required for {kind} metrics."));
    let mut made = json!({
        "expr": find("expr"),
        "numerator": find("numerator"),
        "denominator": find("denominator"),
        "window": find("window"),
        "metrics": find("input_metrics"),
        "join_to_timespine": find("join_to_timespine").cloned().unwrap_or_else(|| json!(false)),
        "is_private": find("hidden").cloned().unwrap_or_else(|| json!(false)),
    });
    match kind {
        "simple" if find("agg").is_none() => return Err("Simple metrics must have an agg param.".to_owned()),
        "conversion" => {
            made["conversion_type_params"] = json!({
                "base_metric": required("base_metric")?,
                "conversion_metric": required("conversion_metric")?,
                "entity": required("entity")?,
                "calculation": find("calculation"),
                "window": find("window"),
                "constant_properties": find("constant_properties"),
            });
        }
        "cumulative" => {
            made["cumulative_type_params"] = json!({
                "metric": required("input_metric")?,
                "window": find("window"),
                "grain_to_date": find("grain_to_date"),
                "period_agg": find("period_agg").cloned().unwrap_or_else(|| json!("first")),
            });
        }
        _ => {}
    }
    if let Some(aggregation) = find("agg").and_then(Value::as_str) {
        let Some((semantic_model, time)) = of else {
            return Err("simple metrics in v2 YAML must be attached to semantic_model".to_owned());
        };
        let percentile = find("percentile_type").and_then(Value::as_str).unwrap_or("").to_lowercase();
        made["metric_aggregation_params"] = json!({
            "semantic_model": semantic_model,
            "agg": aggregation.to_lowercase(),
            "agg_params": {
                "percentile": find("percentile"),
                "use_discrete_percentile": percentile == "discrete",
                "use_approximate_percentile": percentile == "continuous",
            },
            "agg_time_dimension": find("agg_time_dimension").cloned().or_else(|| time.map(Value::from)),
            "non_additive_dimension": find("non_additive_dimension").map(|dimension| json!({
                "name": dimension.get("name"),
                "window_choice": dimension.get("window_agg"),
                "window_groupings": dimension.get("group_by").cloned().unwrap_or_else(|| json!([])),
            })),
        });
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kind: &str, given: Value, of: Option<(&str, Option<&str>)>) -> Result<Value, String> {
        type_params(kind, given.as_object().expect("a mapping"), of)
    }

    #[test]
    fn a_simple_metric_aggregates_in_its_semantic_model() {
        let given = json!({"agg": "percentile", "percentile": 0.9, "percentile_type": "discrete"});
        let aggregation =
            &made("simple", given, Some(("orders", Some("day")))).expect("valid")["metric_aggregation_params"];
        assert_eq!(aggregation["semantic_model"], "orders");
        assert_eq!(aggregation["agg_time_dimension"], "day");
        assert_eq!(aggregation["agg_params"]["use_discrete_percentile"], true);
    }

    #[test]
    fn what_a_metric_of_its_kind_lacks_is_said() {
        let lacks = |kind, given| made(kind, given, None).expect_err("something is missing");
        assert_eq!(lacks("simple", json!({})), "Simple metrics must have an agg param.");
        assert_eq!(
            lacks("simple", json!({"agg": "sum"})),
            "simple metrics in v2 YAML must be attached to semantic_model"
        );
        assert_eq!(lacks("cumulative", json!({})), "input_metric is required for cumulative metrics.");
        assert_eq!(lacks("conversion", json!({})), "base_metric is required for conversion metrics.");
    }

    #[test]
    fn a_setting_switches_a_semantic_model_off() {
        assert_eq!(setting(Some(&json!({"enabled": false}))), Ok(None));
        assert_eq!(setting(Some(&json!(true))), Ok(Some(Map::new())));
        assert!(setting(Some(&json!({"names": "x"}))).is_err_and(|problem| problem.contains("names")));
    }
}
