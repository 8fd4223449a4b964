//! What MetricFlow asks of a semantic layer: names, time dimensions, primary entities, aggregations.
//!
//! Source: docs.getdbt.com/docs/build/validation.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::{Manifest, SemanticResource};

/// dbt's name of the event that such a mistake is.
pub const EVENT: &str = "SemanticValidationFailure";

const GRAINS: [&str; 11] =
    ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"];
/// Names that MetricFlow uses itself.
const RESERVED: [&str; 2] = ["metric_time", "mf_internal_uuid"];

/// Checks the semantic layer, if it has both semantic models and metrics.
pub fn all(manifest: &Manifest, problems: &mut Diagnostics) {
    if manifest.metrics.is_empty() || manifest.semantic_models.is_empty() {
        return;
    }
    let top = manifest.semantic_models.values().chain(manifest.metrics.values()).chain(manifest.saved_queries.values());
    for resource in top {
        problems.extend(fault_of_name(&resource.name).map(|text| problem(resource, text)));
    }
    let mut measures: HashMap<&str, &str> = HashMap::new();
    for model in manifest.semantic_models.values() {
        names(model, problems);
        problems.extend(primary_entity(model).map(|text| problem(model, text)));
        for measure in elements(model, "measures") {
            let name = name_of(measure);
            if let Some(first) = measures.insert(name, &model.name).filter(|first| *first != model.name) {
                let text = format!(
                    "Found measure with name {name} in multiple semantic models with names ({first}, {})",
                    model.name
                );
                problems.push(problem(model, text));
            }
            problems.extend(aggregation(model, measure).map(|text| problem(model, text)));
        }
    }
}

fn problem(resource: &SemanticResource, text: String) -> Diagnostic {
    let mut problem = Diagnostic::error(text).named(EVENT).at_opt(resource.origin.properties.clone());
    problem.set_kind("Parsing Error");
    problem
}

fn elements<'a>(model: &'a SemanticResource, key: &str) -> impl Iterator<Item = &'a Value> {
    model.body.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn name_of(element: &Value) -> &str {
    element.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn text_of<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    element.get(key).and_then(Value::as_str)
}

/// Names of elements are valid, and each stands for one thing.
fn names(model: &SemanticResource, problems: &mut Diagnostics) {
    let mut known: HashMap<&str, &str> = HashMap::new();
    for (key, kind) in [("measures", "measure"), ("entities", "entity"), ("dimensions", "dimension")] {
        for element in elements(model, key) {
            let name = name_of(element);
            if let Some(first) = known.get(name) {
                let text = format!(
                    "In semantic model `{}`, can't use name `{name}` for a {kind} when it was already used for a {first}",
                    model.name
                );
                problems.push(problem(model, text));
            } else {
                known.insert(name, kind);
            }
            problems.extend(fault_of_name(name).map(|text| problem(model, text)));
        }
    }
}

fn fault_of_name(name: &str) -> Option<String> {
    let is_plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let is_valid = name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('_')
        && !name.contains("__")
        && name.chars().all(is_plain);
    if !is_valid {
        return Some(format!(
            "Invalid name `{name}` - names may only contain lower case letters, numbers, and underscores. Additionally, \
             names must start with a lower case letter, cannot end with an underscore, cannot contain dunders (double \
             underscores, or __), and must be at least 2 characters long."
        ));
    }
    if GRAINS.contains(&name) {
        return Some(format!("Invalid name `{name}` - names cannot match reserved time granularity keywords"));
    }
    RESERVED.contains(&name).then(|| format!("Invalid name `{name}` - this name is reserved by MetricFlow."))
}

/// One entity identifies the rows that dimensions describe.
fn primary_entity(model: &SemanticResource) -> Option<String> {
    let is_primary = |entity: &&Value| text_of(entity, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("primary"));
    let primary: Vec<&str> = elements(model, "entities").filter(is_primary).map(name_of).collect();
    let named = model.body.get("primary_entity").and_then(Value::as_str);
    match (primary.as_slice(), named) {
        ([_, _, ..], _) => Some(format!(
            "Semantic models can have only one primary entity. The semantic model `{}` has {}: {}",
            model.name,
            primary.len(),
            primary.join(", ")
        )),
        ([own], Some(named)) => Some(format!(
            "The semantic model `{}` has an entity named `{own}` with type primary but it also has the `primary_entity` \
             field set to `{named}`. Both should not be present in the model.",
            model.name
        )),
        ([], None) if elements(model, "dimensions").next().is_some() => Some(format!(
            "The semantic model {} contains dimensions, but it does not define a primary entity. Either add an entity \
             with type PRIMARY or set a value for the primary_entity key.",
            model.name
        )),
        _ => None,
    }
}

/// A measure is aggregated over a time dimension of its model, and has what its aggregation needs.
fn aggregation(model: &SemanticResource, measure: &Value) -> Option<String> {
    let name = name_of(measure);
    let default = model.body.get("defaults").and_then(|defaults| text_of(defaults, "agg_time_dimension"));
    let is_time = |dimension: &&Value| text_of(dimension, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("time"));
    let times: HashSet<&str> = elements(model, "dimensions").filter(is_time).map(name_of).collect();
    match text_of(measure, "agg_time_dimension").or(default) {
        Some(time) if !times.contains(time) => {
            return Some(format!(
                "In semantic model '{}', measure '{name}' has the aggregation time dimension set to '{time}', which is \
                 not a valid time dimension in the semantic model",
                model.name
            ));
        }
        None => {
            return Some(format!(
                "Aggregation time dimension for measure {name} on semantic model {} is not set! To fix this either \
                 specify a default `agg_time_dimension` for the semantic model or define an `agg_time_dimension` on the \
                 measure directly.",
                model.name
            ));
        }
        Some(_) => {}
    }
    let percentile =
        measure.get("agg_params").and_then(|parameters| parameters.get("percentile")).and_then(Value::as_f64);
    match text_of(measure, "agg").unwrap_or_default().to_lowercase().as_str() {
        "percentile" if !percentile.is_some_and(|percentile| percentile > 0.0 && percentile < 1.0) => Some(format!(
            "Measure '{name}' uses a PERCENTILE aggregation, which requires agg_params.percentile to be between 0 and 1"
        )),
        "count" if text_of(measure, "expr").is_none() => Some(format!(
            "Measure '{name}' uses a COUNT aggregation, which requires an expr to be provided. Provide 'expr: 1' if a \
             count of all rows is desired."
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words_that_are_not_taken() {
        for name in ["revenue", "a1", "order_total_7"] {
            assert_eq!(fault_of_name(name), None, "{name}");
        }
        for name in ["a", "Revenue", "7up", "a__b", "a_", "with space", "day", "metric_time"] {
            assert!(fault_of_name(name).is_some(), "{name}");
        }
    }
}
