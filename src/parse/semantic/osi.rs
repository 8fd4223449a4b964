//! Semantic models exchanged as JSON, in the folders of `osi-paths`: each dataset stands on the model that builds
//! its table. It is rewritten as the entry of `semantic_models` or `metrics` that says the same.
//!
//! Source: the Open Semantic Interchange specification, versions 0.1.0 and 0.1.1.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{Metric, add_metric, add_semantic_model};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::load::{File, FileKind};
use crate::manifest::Manifest;
use crate::parse::exposure::Placed;
use crate::parse::properties::{Entry, Section};
use crate::parse::workspace::Workspace;

const VERSIONS: [&str; 2] = ["0.1.0", "0.1.1"];

/// Adds what the documents of the root project define.
pub(in crate::parse) fn add(workspace: &Workspace<'_>, manifest: &mut Manifest, problems: &mut Diagnostics) {
    let root = &workspace.root().name;
    for file in workspace.inputs.files.of_kind(FileKind::Osi).filter(|file| file.package == *root) {
        if let Err(problem) = add_document(workspace, file, manifest) {
            problems.push(problem);
        }
    }
}

fn add_document(workspace: &Workspace<'_>, file: &File, manifest: &mut Manifest) -> Result<(), Diagnostic> {
    let span = Span::new(&file.source, 0, 0);
    let failed = |text: String| Diagnostic::error(text).at(span.clone());
    let shown = &file.path;
    let document: Value = serde_json::from_str(&file.source.text)
        .map_err(|error| failed(format!("Failed to parse OSI file '{shown}': {error}")))?;
    let version = document.get("version").and_then(Value::as_str).unwrap_or("0.1.1");
    if !VERSIONS.contains(&version) {
        let known = VERSIONS.join(", ");
        return Err(failed(format!(
            "OSI file '{shown}' uses unsupported version '{version}'. Supported versions: {known}"
        )));
    }
    for semantic_model in list(&document, "semantic_model") {
        let datasets: Vec<&Value> = list(semantic_model, "datasets").collect();
        for dataset in &datasets {
            let values = entry_of_dataset(dataset, semantic_model, manifest).map_err(|text| {
                failed(format!("OSI file '{shown}' contains dataset '{}' {text}", text_of(dataset, "name")))
            })?;
            let entry = entry(Section::SemanticModels, values, &span);
            add_semantic_model(workspace, &placed(file, &entry), manifest)?;
        }
        for metric in list(semantic_model, "metrics") {
            for values in metrics(text_of(metric, "name"), &expression(metric), metric.get("description"), &datasets) {
                let entry = entry(Section::Metrics, values, &span);
                let metric = Metric { values: entry.values.clone(), of: None };
                add_metric(workspace, &placed(file, &entry), metric, manifest)?;
            }
        }
    }
    Ok(())
}

fn entry(section: Section, values: Map<String, Value>, span: &Span) -> Entry {
    let name = values.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Entry { section, name, span: span.clone(), values }
}

fn placed<'p>(file: &'p File, entry: &'p Entry) -> Placed<'p> {
    Placed { package: 0, original_file_path: &file.path, resource_path: &file.path, entry }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn names<'a>(value: &'a Value, key: &str) -> HashSet<&'a str> {
    list(value, key).filter_map(Value::as_str).collect()
}

/// The expression of a field or a metric: that in standard SQL, or else the first.
fn expression(value: &Value) -> String {
    let dialects: Vec<&Value> = value.get("expression").into_iter().flat_map(|given| list(given, "dialects")).collect();
    let standard = dialects.iter().find(|one| text_of(one, "dialect") == "ANSI_SQL").or_else(|| dialects.first());
    standard.map(|one| text_of(one, "expression").to_owned()).unwrap_or_default()
}

fn entry_of_dataset(dataset: &Value, whole: &Value, manifest: &Manifest) -> Result<Map<String, Value>, String> {
    let source = text_of(dataset, "source");
    let model = model_of(source, manifest).ok_or_else(|| {
        format!(
            "({source}) that does not match any dbt model in this project. Each OSI dataset must reference a table \
             managed by a dbt model."
        )
    })?;
    let name = text_of(dataset, "name");
    let primary = names(dataset, "primary_key");
    let unique: HashSet<&str> =
        list(dataset, "unique_keys").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    let foreign: HashSet<&str> = list(whole, "relationships")
        .filter(|relationship| text_of(relationship, "from") == name)
        .flat_map(|relationship| names(relationship, "from_columns"))
        .collect();
    let (mut entities, mut dimensions) = (Vec::new(), Vec::new());
    for field in list(dataset, "fields") {
        let own = text_of(field, "name");
        let expression = expression(field);
        let mut made = json!({
            "name": own,
            "description": field.get("description"),
            "label": field.get("label"),
            "expr": (expression != own).then_some(expression),
        });
        let kind = [(&primary, "primary"), (&unique, "unique"), (&foreign, "foreign")];
        if let Some((_, kind)) = kind.into_iter().find(|(keys, _)| keys.contains(own)) {
            made["type"] = json!(kind);
            entities.push(made);
            continue;
        }
        let is_time = field.get("dimension").and_then(|given| given.get("is_time")) == Some(&Value::Bool(true));
        made["type"] = json!(if is_time { "time" } else { "categorical" });
        if is_time {
            made["type_params"] = json!({"time_granularity": "day"});
        }
        dimensions.push(made);
    }
    let values = json!({
        "name": name,
        "description": dataset.get("description"),
        "model": format!("ref('{model}')"),
        "entities": entities,
        "dimensions": dimensions,
    });
    Ok(values.as_object().cloned().unwrap_or_default())
}

/// The model whose table `database.schema.name` or `schema.name` is.
fn model_of<'a>(source: &str, manifest: &'a Manifest) -> Option<&'a str> {
    let parts: Vec<String> = source.splitn(3, '.').map(str::to_lowercase).collect();
    let (database, schema, table) = match parts.as_slice() {
        [database, schema, table] => (database.as_str(), schema.as_str(), table.as_str()),
        [schema, table] => ("", schema.as_str(), table.as_str()),
        _ => return None,
    };
    let fits = |node: &&std::sync::Arc<crate::manifest::Node>| {
        node.model().is_some()
            && node.alias.to_lowercase() == table
            && node.schema.to_lowercase() == schema
            && (database.is_empty() || node.database.as_deref().unwrap_or_default().to_lowercase() == database)
    };
    manifest.nodes.values().find(fits).map(|node| node.name.as_str())
}

/// So many slashes within each other are taken apart at most.
const DEEPEST_RATIO: usize = 20;

/// The metrics that an expression is: one aggregation, a ratio of two, or what cannot be taken apart.
fn metrics(name: &str, expression: &str, description: Option<&Value>, datasets: &[&Value]) -> Vec<Map<String, Value>> {
    metrics_within(0, (name, expression, description), datasets)
}

fn metrics_within(
    depth: usize,
    (name, expression, description): (&str, &str, Option<&Value>),
    datasets: &[&Value],
) -> Vec<Map<String, Value>> {
    let metric = |kind: &str, parameters: Value| {
        let values = json!({
            "name": name,
            "label": name,
            "description": description,
            "type": kind,
            "type_params": parameters,
        });
        values.as_object().cloned().unwrap_or_default()
    };
    let first = datasets.first().map_or("", |dataset| text_of(dataset, "name"));
    if let Some((aggregation, column)) = aggregation(expression) {
        let (owner, bare) = column.rsplit_once('.').unwrap_or(("", column.as_str()));
        let has_field = |dataset: &&&Value| list(dataset, "fields").any(|field| text_of(field, "name") == bare);
        let found = datasets.iter().find(has_field).map_or(first, |dataset| text_of(dataset, "name"));
        let owner = if owner.is_empty() { found } else { owner };
        let parameters = json!({"semantic_model": owner, "agg": aggregation});
        return vec![metric("simple", json!({"expr": bare, "metric_aggregation_params": parameters}))];
    }
    if let Some((above, below)) = ratio(expression).filter(|_| depth < DEEPEST_RATIO) {
        let (numerator, denominator) = (format!("{name}_numerator"), format!("{name}_denominator"));
        let mut made = metrics_within(depth + 1, (&numerator, above, None), datasets);
        made.extend(metrics_within(depth + 1, (&denominator, below, None), datasets));
        made.push(metric("ratio", json!({"numerator": numerator, "denominator": denominator})));
        return made;
    }
    let parameters = json!({"semantic_model": first, "agg": "sum"});
    vec![metric("simple", json!({"expr": expression, "metric_aggregation_params": parameters}))]
}

/// `sum(x)` and the like: the aggregation and what is aggregated.
fn aggregation(expression: &str) -> Option<(&'static str, String)> {
    let known: HashMap<&str, &str> =
        HashMap::from([("sum", "sum"), ("avg", "average"), ("min", "min"), ("max", "max"), ("count", "count")]);
    let expression = expression.trim();
    let (function, rest) = expression.split_once('(')?;
    let inner = rest.strip_suffix(')').filter(|inner| is_closed(inner))?.trim();
    let kind = *known.get(function.trim().to_lowercase().as_str())?;
    let distinct = inner.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("distinct "));
    match (kind, distinct) {
        ("count", true) => Some(("count_distinct", inner[9..].trim().to_owned())),
        (_, true) => None,
        (kind, false) => Some((kind, inner.to_owned())),
    }
}

/// What stands above and below the first slash outside of parentheses.
fn ratio(expression: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let at = expression.char_indices().find_map(|(at, character)| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => return Some(at),
            _ => {}
        }
        None
    })?;
    Some((unwrapped(&expression[..at]), unwrapped(&expression[at + 1..])))
}

fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.filter(|inner| is_closed(inner)).map_or(text, str::trim)
}

/// Whether every parenthesis in a text is opened before it is closed, and closed.
fn is_closed(text: &str) -> bool {
    let mut depth = 0_i64;
    for character in text.chars() {
        depth += i64::from(character == '(') - i64::from(character == ')');
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_taken_apart() {
        assert_eq!(aggregation("SUM(orders.amount)"), Some(("sum", "orders.amount".to_owned())));
        assert_eq!(aggregation("count(distinct id)"), Some(("count_distinct", "id".to_owned())));
        assert_eq!(aggregation("sum(a) + sum(b)"), None);
        assert_eq!(ratio("(sum(a)) / (count(b))"), Some(("sum(a)", "count(b)")));
        let made = metrics("share", "sum(a) / count(b)", None, &[]);
        let made: Vec<&str> = made.iter().filter_map(|metric| metric["name"].as_str()).collect();
        assert_eq!(made, ["share_numerator", "share_denominator", "share"]);
        assert_eq!(metrics("deep", &"a/".repeat(100_000), None, &[]).len(), 2 * DEEPEST_RATIO + 1);
    }
}
