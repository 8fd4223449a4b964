//! Metrics, semantic models and saved queries: kept in the shape that dbt writes them in,
//! so that projects with a semantic layer work and select as they do in dbt.
//!
//! Source: docs.getdbt.com/docs/build/about-metricflow.

pub(super) mod check;
mod model;
pub(super) mod osi;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::configure::{self, Own};
use super::docs;
use super::exposure::Placed;
use super::extract;
use super::properties::Section;
use super::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::manifest::{
    CallTarget, DependsOn, Disabled, Manifest, Origin, RefCall, ResourceType, SemanticResource, UniqueId,
};

/// Adds an entry of `metrics`, `semantic_models` or `saved_queries` to the manifest.
///
/// # Errors
/// Missing or wrong fields, broken Jinja in descriptions, two of one name.
pub fn add(workspace: &Workspace<'_>, placed: &Placed<'_>, manifest: &mut Manifest) -> Result<(), Diagnostic> {
    match placed.entry.section {
        Section::Metrics => {
            let metric = Metric { values: placed.entry.values.clone(), of: None };
            add_metric(workspace, placed, metric, manifest)
        }
        Section::SemanticModels => add_semantic_model(workspace, placed, manifest),
        _ => add_saved_query(workspace, placed, manifest),
    }
}

pub(super) use self::model::{add as add_under_model, written as element_of_column};

/// A metric as it is written.
struct Metric<'a> {
    values: Map<String, Value>,
    /// The semantic model that it stands under, and the time dimension of that.
    of: Option<(&'a str, Option<&'a str>)>,
}

/// The parts that all three kinds have.
fn resource(
    workspace: &Workspace<'_>,
    placed: &Placed<'_>,
    resource_type: ResourceType,
    values: &Map<String, Value>,
) -> Result<SemanticResource, Diagnostic> {
    let package = &workspace.packages[placed.package].name;
    let name = values.get("name").and_then(Value::as_str).unwrap_or(&placed.entry.name).to_owned();
    let mut fqn = super::folders(package, placed.resource_path);
    fqn.push(name.clone());
    let given = values.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let own = Own { properties: &given, calls: super::workspace::empty() };
    let config = configure::config(workspace.places(placed.package), resource_type, &fqn, own)
        .map_err(|message| placed.error(format!("invalid config of {resource_type} `{name}`: {message}")))?;
    let unrendered = configure::unrendered(workspace.unrendered_places(placed.package), resource_type, &fqn, own);
    let mut body = Map::new();
    body.insert("label".to_owned(), values.get("label").cloned().unwrap_or_default());
    body.insert("metadata".to_owned(), Value::Null);
    body.insert("unrendered_config".to_owned(), Value::Object(unrendered));
    body.insert("created_at".to_owned(), json!(workspace.created_at));
    body.insert("group".to_owned(), config.get("group").cloned().unwrap_or_default());
    let unique_id: crate::manifest::UniqueId = format!("{resource_type}.{package}.{name}").into();
    let description = described(workspace, placed, &unique_id, values.get("description"))?;
    body.insert("description".to_owned(), description);
    Ok(SemanticResource {
        name,
        resource_type,
        package_name: package.to_string(),
        path: placed.resource_path.to_owned(),
        original_file_path: placed.original_file_path.to_owned(),
        unique_id,
        fqn,
        body,
        refs: Vec::new(),
        metrics: Vec::new(),
        depends_on: DependsOn::default(),
        config,
        origin: Origin { code: None, properties: Some(placed.entry.span.clone()), calls: Vec::new() },
    })
}

/// A description, rendered; null stays null.
fn described(
    workspace: &Workspace<'_>,
    placed: &Placed<'_>,
    owner: &str,
    text: Option<&Value>,
) -> Result<Value, Diagnostic> {
    match text.and_then(Value::as_str) {
        Some(text) => {
            let described = docs::describe(workspace, placed.package, owner, text, &placed.entry.span)?;
            Ok(Value::String(described.text))
        }
        None => Ok(Value::Null),
    }
}

fn put(manifest: &mut Manifest, placed: &Placed<'_>, made: SemanticResource) -> Result<(), Diagnostic> {
    let id = made.unique_id.clone();
    let map = match made.resource_type {
        ResourceType::Metric => &mut manifest.metrics,
        ResourceType::SemanticModel => &mut manifest.semantic_models,
        _ => &mut manifest.saved_queries,
    };
    if map.contains_key(&id) {
        let message = format!("dbt found two {} with the name \"{}\"", made.resource_type.plural(), made.name);
        return Err(placed.error(message).hint("rename or remove one of them"));
    }
    if made.config.enabled() {
        map.insert(id, Arc::new(made));
    } else {
        manifest.disabled.entry(id).or_default().push(Disabled::Semantic(Box::new(made)));
    }
    Ok(())
}

/// A mapping with exactly these fields, each as given or else its default.
pub(super) fn shape(given: &Value, fields: &[(&str, Value)]) -> Value {
    let whole = fields.iter().map(|(name, default)| {
        ((*name).to_owned(), given.get(*name).filter(|value| !value.is_null()).unwrap_or(default).clone())
    });
    Value::Object(whole.collect())
}

/// A filter: a text or a list of texts.
fn filter(given: Option<&Value>) -> Value {
    let texts: Vec<&Value> = match given {
        Some(text @ Value::String(_)) => vec![text],
        Some(Value::Array(texts)) => texts.iter().collect(),
        _ => return Value::Null,
    };
    let filters: Vec<Value> = texts.into_iter().map(|text| json!({"where_sql_template": text})).collect();
    json!({"where_filters": filters})
}

/// `3 days` as a count and a granularity.
fn window(given: Option<&Value>) -> Value {
    const GRAINS: [&str; 10] =
        ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter"];
    let Some(text) = given.and_then(Value::as_str) else { return Value::Null };
    let lower = text.to_lowercase();
    let (count, grain) = lower.split_once(' ').unwrap_or((&lower, ""));
    let singular = grain.strip_suffix('s').filter(|grain| GRAINS.contains(grain) || *grain == "year");
    json!({"count": count.parse::<i64>().ok(), "granularity": singular.unwrap_or(grain)})
}

fn measure(given: Option<&Value>) -> Value {
    match given {
        None | Some(Value::Null) => Value::Null,
        Some(Value::String(name)) => {
            json!({"name": name, "filter": null, "alias": null, "join_to_timespine": false, "fill_nulls_with": null})
        }
        Some(given) => {
            let fields = [
                ("name", Value::Null),
                ("filter", Value::Null),
                ("alias", Value::Null),
                ("join_to_timespine", json!(false)),
                ("fill_nulls_with", Value::Null),
            ];
            let mut made = shape(given, &fields);
            made["filter"] = filter(given.get("filter"));
            made
        }
    }
}

fn metric_input(given: Option<&Value>) -> Value {
    match given {
        None | Some(Value::Null) => Value::Null,
        Some(Value::String(name)) => {
            json!({"name": name, "filter": null, "alias": null, "offset_window": null, "offset_to_grain": null})
        }
        Some(given) => {
            let names = ["name", "filter", "alias", "offset_window", "offset_to_grain"];
            let mut made = shape(given, &names.map(|name| (name, Value::Null)));
            made["filter"] = filter(given.get("filter"));
            made["offset_window"] = window(given.get("offset_window"));
            made
        }
    }
}

fn type_params(kind: &str, given: &Value) -> Value {
    let cumulative = (kind == "cumulative").then(|| {
        let own = given.get("cumulative_type_params");
        let find = |key: &str| own.and_then(|own| own.get(key)).or_else(|| given.get(key));
        json!({
            "window": window(find("window")),
            "grain_to_date": find("grain_to_date"),
            "period_agg": own.and_then(|own| own.get("period_agg")).cloned().unwrap_or_else(|| json!("first")),
            "metric": metric_input(own.and_then(|own| own.get("metric"))),
        })
    });
    let conversion = given.get("conversion_type_params").filter(|given| given.is_object()).map(|given| {
        json!({
            "base_measure": measure(given.get("base_measure")),
            "conversion_measure": measure(given.get("conversion_measure")),
            "base_metric": metric_input(given.get("base_metric")),
            "conversion_metric": metric_input(given.get("conversion_metric")),
            "entity": given.get("entity"),
            "calculation": given.get("calculation").filter(|given| !given.is_null()).cloned()
                .unwrap_or_else(|| json!("conversion_rate")),
            "window": window(given.get("window")),
            "constant_properties": given.get("constant_properties"),
        })
    });
    let metrics = given.get("metrics").and_then(Value::as_array).into_iter().flatten();
    let metrics: Vec<Value> = metrics.map(|metric| metric_input(Some(metric))).collect();
    let own_measure = measure(given.get("measure"));
    let mut inputs: Vec<Value> = Vec::new();
    match kind {
        "simple" | "cumulative" if own_measure.is_object() => inputs.push(own_measure.clone()),
        "conversion" => {
            let measures = conversion.iter().flat_map(|made| [&made["base_measure"], &made["conversion_measure"]]);
            inputs.extend(measures.filter(|measure| measure.is_object()).cloned());
        }
        _ => {}
    }
    json!({
        "measure": own_measure,
        "input_measures": inputs,
        "numerator": metric_input(given.get("numerator")),
        "denominator": metric_input(given.get("denominator")),
        "expr": given.get("expr").filter(|expr| !expr.is_null()).map(super::python::text),
        "window": window(given.get("window")),
        "grain_to_date": given.get("grain_to_date"),
        "metrics": metrics,
        "conversion_type_params": conversion,
        "cumulative_type_params": cumulative,
        "metric_aggregation_params": given.get("metric_aggregation_params"),
        "fill_nulls_with": given.get("fill_nulls_with"),
        "join_to_timespine": given.get("join_to_timespine").cloned().unwrap_or_else(|| json!(false)),
        "is_private": given.get("is_private"),
    })
}

fn add_metric(
    workspace: &Workspace<'_>,
    placed: &Placed<'_>,
    metric: Metric<'_>,
    manifest: &mut Manifest,
) -> Result<(), Diagnostic> {
    const KINDS: [&str; 5] = ["simple", "ratio", "cumulative", "derived", "conversion"];
    let Metric { values, of } = metric;
    let mut made = resource(workspace, placed, ResourceType::Metric, &values)?;
    let faults = faults_of_name(&made.name);
    if !faults.is_empty() {
        let text = format!("The metric name '{}' is invalid. It {}", made.name, faults.join(", "));
        return Err(placed.error(text).hint("names go into queries: `revenue_per_day`; a `label` may be any text"));
    }
    // What has no `type_params` is written in the newer way, in which every parameter stands by itself.
    let is_flat = !values.contains_key("type_params");
    let kind = values.get("type").and_then(Value::as_str).unwrap_or(if is_flat { "simple" } else { "" }).to_lowercase();
    if !KINDS.contains(&kind.as_str()) {
        let problem = placed.error(format!("metric `{}` has an invalid type '{kind}'", made.name));
        return Err(problem.hint(format!("the type must be one of {}", KINDS.join(", "))).suggest(&kind, KINDS));
    }
    let parameters = match values.get("type_params") {
        Some(parameters) => parameters.clone(),
        None => model::type_params(&kind, &values, of).map_err(|text| placed.error(text))?,
    };
    if !is_flat && made.body["label"].is_null() {
        let problem = placed.error(format!("metric `{}` has no `label`", made.name));
        return Err(problem.hint("a label is what people see of it, and may be any text"));
    }
    fault_of_parameters(is_flat, &parameters)
        .map_or(Ok(()), |text| Err(placed.error(format!("metric `{}`: {text}", made.name))))?;
    // Those that are written in the newer way have them in their config alone.
    let own = |key: &str| values.get(key).filter(|_| !is_flat).cloned();
    let meta = made.config.meta().filter(|meta| !meta.is_empty() && !is_flat).cloned();
    let meta = meta.map(Value::Object).or_else(|| own("meta")).unwrap_or_else(|| json!({}));
    let tags = own("tags").unwrap_or_else(|| json!([]));
    let body = &mut made.body;
    if is_flat && body["label"].is_null() {
        body.insert("label".to_owned(), Value::String(made.name.clone()));
    }
    if body["description"].is_null() {
        body.insert("description".to_owned(), json!(""));
    }
    body.insert("type_params".to_owned(), type_params(&kind, &parameters));
    body.insert("type".to_owned(), Value::String(kind));
    body.insert("filter".to_owned(), filter(values.get("filter")));
    body.insert("time_granularity".to_owned(), values.get("time_granularity").cloned().unwrap_or_default());
    body.insert("meta".to_owned(), meta);
    body.insert("tags".to_owned(), tags);
    body.insert("sources".to_owned(), json!([]));
    body.insert("metrics".to_owned(), json!([]));
    put(manifest, placed, made)
}

fn add_semantic_model(
    workspace: &Workspace<'_>,
    placed: &Placed<'_>,
    manifest: &mut Manifest,
) -> Result<(), Diagnostic> {
    let values = &placed.entry.values;
    let mut made = resource(workspace, placed, ResourceType::SemanticModel, values)?;
    let Some(model) = placed.text("model")? else {
        return Err(placed.error(format!("semantic model `{}` has no `model`", made.name)));
    };
    let Some(found) = extract::reference(&model).filter(|found| found.refs.len() == 1) else {
        let problem = placed.error(format!("the `model` of semantic model `{}` is not a ref: {model}", made.name));
        return Err(problem.hint("write `model: ref('name')`"));
    };
    for (call, _) in found.refs {
        made.origin.calls.push((CallTarget::Ref(call.clone()), placed.entry.span.clone()));
        made.body.insert("node_relation".to_owned(), node_relation(manifest, &call));
        made.refs.push(call);
    }
    let meta = made.config.meta().cloned().unwrap_or_default();
    let null = Value::Null;
    let common =
        [("name", null.clone()), ("type", null.clone()), ("description", null.clone()), ("label", null.clone())];
    let entity: Vec<(&str, Value)> =
        common.iter().cloned().chain([("role", null.clone()), ("expr", null.clone())]).collect();
    let dimension: Vec<(&str, Value)> = common
        .iter()
        .cloned()
        .chain([
            ("is_partition", json!(false)),
            ("type_params", null.clone()),
            ("expr", null.clone()),
            ("metadata", null.clone()),
        ])
        .collect();
    let names =
        ["name", "agg", "description", "label", "expr", "agg_params", "non_additive_dimension", "agg_time_dimension"];
    let mut fields: Vec<(&str, Value)> = names.map(|name| (name, null.clone())).to_vec();
    fields.push(("create_metric", json!(false)));
    for (key, fields) in [("entities", &entity), ("dimensions", &dimension), ("measures", &fields)] {
        let mut list = Vec::new();
        for given in values.get(key).and_then(Value::as_array).into_iter().flatten() {
            let mut element = shape(given, fields);
            model::fault_of_element(key, &element)
                .map_or(Ok(()), |text| Err(placed.error(format!("semantic model `{}`: {text}", made.name))))?;
            element["description"] = described(workspace, placed, &made.unique_id, given.get("description"))?;
            let kind = if key == "measures" { "agg" } else { "type" };
            if let Some(name) = element[kind].as_str() {
                element[kind] = Value::String(name.to_lowercase());
            }
            if key == "measures" {
                // The manifest notes the metrics that are made, not that they are to be.
                element["create_metric"] = json!(false);
            }
            if let Some(expression) = given.get("expr").filter(|expression| !expression.is_null()) {
                element["expr"] = Value::String(super::python::text(expression));
            }
            if let Some(parameters) = element.get("agg_params").filter(|parameters| parameters.is_object()) {
                let off = json!(false);
                let names = [
                    ("percentile", null.clone()),
                    ("use_discrete_percentile", off.clone()),
                    ("use_approximate_percentile", off),
                ];
                element["agg_params"] = shape(parameters, &names);
            }
            if let Some(dimension) = element.get("non_additive_dimension").filter(|dimension| dimension.is_object()) {
                let names = [("name", null.clone()), ("window_choice", null.clone()), ("window_groupings", json!([]))];
                element["non_additive_dimension"] = shape(dimension, &names);
            }
            if let Some(parameters) = element.get("type_params").filter(|parameters| parameters.is_object()) {
                let names = [("time_granularity", null.clone()), ("validity_params", null.clone())];
                element["type_params"] = shape(parameters, &names);
            }
            let mut own = meta.clone();
            if let Some(Value::Object(more)) = given.get("config").and_then(|config| config.get("meta")) {
                own.extend(more.clone());
            }
            element["config"] = json!({"meta": own});
            list.push(element);
        }
        made.body.insert(key.to_owned(), Value::Array(list));
    }
    let defaults = values.get("defaults").filter(|defaults| defaults.is_object());
    let defaults = defaults.map(|defaults| json!({"agg_time_dimension": defaults.get("agg_time_dimension")}));
    made.body.insert("model".to_owned(), Value::String(model));
    made.body.insert("defaults".to_owned(), json!(defaults));
    made.body.insert("primary_entity".to_owned(), values.get("primary_entity").cloned().unwrap_or_default());
    let enabled = made.config.enabled();
    put(manifest, placed, made)?;
    for given in values.get("measures").and_then(Value::as_array).into_iter().flatten() {
        if given.get("create_metric") == Some(&Value::Bool(true)) {
            let values = metric_of_measure(given, enabled, &meta);
            add_metric(workspace, placed, Metric { values, of: None }, manifest)?;
        }
    }
    Ok(())
}

/// What is wrong with the parameters of a metric, in dbt's words where it has some.
fn fault_of_parameters(is_flat: bool, parameters: &Value) -> Option<String> {
    let listed = parameters.get("metrics").and_then(Value::as_array).into_iter().flatten();
    let inputs = listed.chain(["numerator", "denominator"].iter().filter_map(|key| parameters.get(*key)));
    let offsets = inputs.filter_map(|input| input.get("offset_window"));
    let kinds = ["/window", "/cumulative_type_params/window", "/conversion_type_params/window"];
    let windows = kinds.iter().filter_map(|path| parameters.pointer(path));
    if let Some(fault) = windows.chain(offsets).filter_map(Value::as_str).find_map(fault_of_window) {
        return Some(fault);
    }
    if let Some(conversion) = parameters.get("conversion_type_params").filter(|given| given.is_object() && !is_flat) {
        for key in ["base_measure", "conversion_measure"] {
            if conversion.get(key).is_none_or(Value::is_null) {
                return Some(format!("{key} is required for conversion metrics that use type_params."));
            }
        }
    }
    let words = [
        ("/cumulative_type_params/period_agg", &["first", "last", "average"][..]),
        ("/conversion_type_params/calculation", &["conversions", "conversion_rate"][..]),
        ("/metric_aggregation_params/agg", &model::AGGREGATIONS[..]),
    ];
    words.into_iter().find_map(|(path, known)| {
        let given = parameters.pointer(path)?.as_str()?.to_lowercase();
        let key = path.rsplit('/').next().unwrap_or_default();
        (!known.contains(&given.as_str()))
            .then(|| format!("`{key}` is '{given}': it must be one of {}", known.join(", ")))
    })
}

/// What keeps a text such as `28 days` from being a window.
fn fault_of_window(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(' ').collect();
    let [count, _] = parts.as_slice() else {
        return Some(format!(
            "Invalid window ({text}) in cumulative/conversion metric. Should be of the form `<count> <granularity>`, \
             e.g., `28 days`"
        ));
    };
    let is_count = !count.is_empty() && count.chars().all(|digit| digit.is_ascii_digit());
    (!is_count).then(|| format!("Invalid count ({count}) in cumulative/conversion metric window string: ({text})"))
}

/// What a metric's name has that it must not (docs.getdbt.com/docs/build/metrics-overview).
fn faults_of_name(name: &str) -> Vec<&'static str> {
    let is_plain = |character: char| character.is_alphanumeric() || character == '_';
    let faults = [
        (name.contains(' '), "cannot contain spaces"),
        (name.chars().count() > 250, "cannot contain more than 250 characters"),
        (!name.starts_with(|first: char| first.is_ascii_alphabetic()), "must begin with a letter"),
        (!name.chars().all(is_plain), "must contain only letters, numbers and underscores"),
    ];
    faults.into_iter().filter_map(|(is_there, said)| is_there.then_some(said)).collect()
}

/// The metric that `create_metric: true` asks for.
fn metric_of_measure(given: &Value, enabled: bool, meta: &Map<String, Value>) -> Map<String, Value> {
    let name = given.get("name").and_then(Value::as_str).unwrap_or("");
    let text = |key: &str, default: &str| given.get(key).and_then(Value::as_str).unwrap_or(default).to_owned();
    let metric = json!({
        "name": name,
        "label": text("label", name),
        "type": "simple",
        "type_params": {"measure": name, "expr": given.get("expr").cloned().unwrap_or_else(|| json!(name))},
        "description": text("description", &format!("Metric created from measure {name}")),
        "config": {"enabled": enabled, "meta": meta},
    });
    match metric {
        Value::Object(metric) => metric,
        _ => Map::new(),
    }
}

/// The relation of the model that a semantic model stands on.
fn node_relation(manifest: &Manifest, call: &RefCall) -> Value {
    let found = manifest.nodes.values().find(|node| {
        let package_fits = call.package.as_ref().is_none_or(|package| *package == node.package_name);
        let model = node.model();
        let version = model.and_then(|model| model.version.as_ref());
        let wanted = call.version.as_ref().or_else(|| model.and_then(|model| model.latest_version.as_ref()));
        let version_fits = version.is_none() || wanted.is_some_and(|wanted| version == Some(wanted));
        node.resource_type.is_refable() && node.name == call.name && package_fits && version_fits
    });
    found.map_or(Value::Null, |node| {
        json!({
            "alias": node.alias,
            "schema_name": node.schema,
            "database": node.database,
            "relation_name": node.relation_name,
        })
    })
}

fn add_saved_query(workspace: &Workspace<'_>, placed: &Placed<'_>, manifest: &mut Manifest) -> Result<(), Diagnostic> {
    let values = &placed.entry.values;
    let mut made = resource(workspace, placed, ResourceType::SavedQuery, values)?;
    let query = values.get("query_params").cloned().unwrap_or_else(|| json!({}));
    let fields = [
        ("metrics", json!([])),
        ("group_by", json!([])),
        ("where", Value::Null),
        ("order_by", json!([])),
        ("limit", Value::Null),
    ];
    let mut parameters = shape(&query, &fields);
    parameters["where"] = filter(query.get("where"));
    let mut exports = Vec::new();
    for export in values.get("exports").and_then(Value::as_array).into_iter().flatten() {
        let config = export.get("config").cloned().unwrap_or_else(|| json!({}));
        let find = |key: &str| config.get(key).filter(|value| !value.is_null()).or_else(|| made.config.get(key));
        let schema = config.get("schema_name").or_else(|| find("schema")).filter(|schema| !schema.is_null());
        let alias = config.get("alias").cloned().or_else(|| export.get("name").cloned());
        exports.push(json!({
            "name": export.get("name"),
            "config": {
                "export_as": find("export_as"),
                "schema_name": schema.cloned().unwrap_or_else(|| json!(workspace.schema())),
                "alias": alias,
                "database": config.get("database").cloned().unwrap_or_else(|| json!(workspace.database())),
            },
            "unrendered_config": config,
        }));
    }
    let mut tags = BTreeSet::new();
    for value in [values.get("tags"), made.config.get("tags")].into_iter().flatten() {
        match value {
            Value::String(tag) => drop(tags.insert(tag.clone())),
            other => tags.extend(other.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)),
        }
    }
    made.body.insert("query_params".to_owned(), parameters);
    made.body.insert("exports".to_owned(), Value::Array(exports));
    made.body.insert("tags".to_owned(), json!(tags));
    put(manifest, placed, made)
}

/// Gives metrics that are made of others the measures of those.
pub fn add_input_measures(manifest: &mut Manifest) {
    let by_name: HashMap<String, UniqueId> =
        manifest.metrics.values().map(|metric| (metric.name.clone(), metric.unique_id.clone())).collect();
    let mut found: Vec<(UniqueId, Vec<Value>)> = Vec::new();
    for metric in manifest.metrics.values() {
        if matches!(metric.body["type"].as_str(), Some("derived" | "ratio")) {
            let mut measures = Vec::new();
            collect_measures(manifest, &by_name, metric, &mut measures, 0);
            found.push((metric.unique_id.clone(), measures));
        }
    }
    for (id, measures) in found {
        if let Some(metric) = manifest.metrics.get_mut(&id) {
            Arc::make_mut(metric).body["type_params"]["input_measures"] = Value::Array(measures);
        }
    }
}

/// The depth at which metrics that are made of themselves are given up.
const DEEPEST_METRIC: usize = 50;

fn collect_measures(
    manifest: &Manifest,
    by_name: &HashMap<String, UniqueId>,
    metric: &SemanticResource,
    measures: &mut Vec<Value>,
    depth: usize,
) {
    let parameters = &metric.body["type_params"];
    for measure in parameters["input_measures"].as_array().into_iter().flatten() {
        if !measures.contains(measure) {
            measures.push(measure.clone());
        }
    }
    if depth > DEEPEST_METRIC {
        return;
    }
    let listed = parameters["metrics"].as_array().into_iter().flatten();
    for input in [&parameters["numerator"], &parameters["denominator"]].into_iter().chain(listed) {
        let id = input["name"].as_str().and_then(|name| by_name.get(name));
        if let Some(other) = id.and_then(|id| manifest.metrics.get(id)) {
            collect_measures(manifest, by_name, other, measures, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metrics_are_plain() {
        assert!(faults_of_name("revenue_2").is_empty());
        assert_eq!(faults_of_name("1 revenue!").len(), 3);
        assert_eq!(faults_of_name("total revenue").len(), 2);
        assert_eq!(faults_of_name("매출"), ["must begin with a letter"]);
        assert_eq!(faults_of_name(&"a".repeat(251)), ["cannot contain more than 250 characters"]);
    }

    #[test]
    fn windows_and_filters_take_the_shape_of_the_manifest() {
        assert_eq!(window(Some(&json!("28 days"))), json!({"count": 28, "granularity": "day"}));
        assert_eq!(window(None), Value::Null);
        assert_eq!(fault_of_window("28 days"), None);
        for wrong in ["28days", "28  days", "a few days", "few days", "-1 day", ""] {
            assert!(fault_of_window(wrong).is_some(), "{wrong}");
        }
        assert_eq!(filter(Some(&json!("a = 1"))), json!({"where_filters": [{"where_sql_template": "a = 1"}]}));
        let made = type_params("simple", &json!({"measure": "revenue"}));
        assert_eq!(made["input_measures"][0]["name"], "revenue");
    }
}
