//! What can only be checked when every resource is there.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::Value;

use super::microbatch;
use super::workspace::Workspace;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::manifest::{Access, Manifest, Node, ResourceType, Source};

/// Checks groups, access, snapshots, microbatch models, names and unused configs.
pub fn all(workspace: &Workspace<'_>, manifest: &Manifest, problems: &mut Diagnostics) {
    let groups: BTreeSet<&str> = manifest.groups.values().map(|group| group.name.as_str()).collect();
    let nodes: Vec<&Node> = manifest.nodes.values().map(AsRef::as_ref).collect();
    let of_nodes: Vec<Diagnostic> = nodes
        .into_par_iter()
        .flat_map_iter(|node| {
            let checks = [group(node, &groups), access(node), snapshot(node)];
            checks.into_iter().chain([deprecated(node), ignored_constraints(node), empty(node)]).flatten()
        })
        .collect();
    problems.extend(of_nodes);
    super::own_properties::check(workspace, manifest, problems);
    microbatch::check(workspace, manifest, problems);
    names_with_spaces(workspace, manifest, problems);
    problems.extend(no_time_spine(manifest));
    for exposure in manifest.exposures.values() {
        let name = &exposure.name;
        if name.chars().any(|letter| !letter.is_alphanumeric() && letter != '_') {
            let message = format!(
                "Starting in v1.3, the 'name' of an exposure should contain only letters, numbers, and underscores. \
                 Exposures support a new property, 'label', which may contain spaces, capital letters, and special \
                 characters. {name} does not follow this pattern. Please update the 'name', and use the 'label' property \
                 for a human-friendly title. This will raise an error in a future version of dbt-core."
            );
            let warning = Diagnostic::warning_of("ExposureNameDeprecation", message).fact("exposure", name);
            problems.push(warning.at_opt(exposure.origin.properties.clone()));
        }
    }
    super::semantic::check::all(manifest, problems);
    let unused = workspace.root().trees.unused();
    if !unused.is_empty() {
        let list: Vec<String> = unused.iter().map(|path| format!("- {path}")).collect();
        let message = format!(
            "Configuration paths exist in your dbt_project.yml file which do not apply to any resources.\nThere are {} \
             unused configuration paths:\n{}",
            unused.len(),
            list.join("\n")
        );
        problems.push(
            Diagnostic::warning_of("UnusedResourceConfigPath", message).at_opt(place_of_path(workspace, &unused[0])),
        );
    }
}

/// Where a config path stands in the project's file.
fn place_of_path(workspace: &Workspace<'_>, path: &str) -> Option<Span> {
    let config = &workspace.root().package.config;
    let mut node = &config.unrendered;
    let mut place = None;
    for part in path.split('.') {
        let spelled = part.replace('_', "-");
        let map = node.as_map()?;
        let entry = map.entry(part).or_else(|| map.entry(&spelled))?;
        place = Some(entry.key.span(&config.file));
        node = &entry.value;
    }
    place
}

/// The place by which a node is shown to people.
pub(super) fn place(node: &Node) -> Option<Span> {
    node.origin.properties.clone().or_else(|| node.origin.code.as_ref().map(first_line))
}

fn first_line(span: &Span) -> Span {
    let text = span.file.text.get(span.start..span.end).unwrap_or("");
    let end = text.find('\n').map_or(span.end, |end| span.start + end);
    Span::new(&span.file, span.start, end)
}

/// The error of two nodes under one id.
pub fn duplicate(first: &Node, second: &Node) -> Diagnostic {
    let (kinds, name) = (second.resource_type.plural(), &second.name);
    let message = match second.generic_test() {
        Some(test) => {
            let column = test.column_name.as_deref().map(|column| format!(" defined on column \"{column}\""));
            let file_key = test.file_key_name.as_deref().unwrap_or("");
            format!(
                "dbt found two data_tests with the name \"{name}\"{} in \"{file_key}\".\nSince these resources have the same \
                 name, dbt will be unable to find the correct resource when running tests.",
                column.unwrap_or_default()
            )
        }
        None => format!(
            "dbt found two {kinds} with the name \"{name}\".\nSince these resources have the same name, dbt will be \
             unable to find the correct resource when looking for ref(\"{name}\").\n- {} ({})\n- {} ({})",
            first.unique_id, first.original_file_path, second.unique_id, second.original_file_path
        ),
    };
    let problem = Diagnostic::error(message).at_opt(match second.generic_test() {
        Some(_) => second.origin.properties.clone(),
        None => second.origin.code.as_ref().map(first_line).or_else(|| second.origin.properties.clone()),
    });
    let other = match first.generic_test() {
        Some(_) => first.origin.properties.clone(),
        None => first.origin.code.as_ref().map(first_line).or_else(|| first.origin.properties.clone()),
    };
    let problem = match other {
        Some(span) => problem.note_at(format!("the other `{name}`"), span),
        None => problem.note(format!("the other `{name}` is {}", first.original_file_path)),
    };
    problem.hint("to fix this, change the name of one of these resources")
}

/// The error of two tables of a source under one id.
pub fn duplicate_source(first: &Source, second: &Source) -> Diagnostic {
    let name = format!("{}_{}", second.source_name, second.name);
    let message = format!(
        "dbt found two sources with the name \"{name}\".\nSince these resources have the same name, dbt will be unable \
         to find the correct resource when looking for source(\"{}\", \"{}\").",
        second.source_name, second.name
    );
    let problem = Diagnostic::error(message).at_opt(second.origin.properties.clone());
    let problem = match first.origin.properties.clone() {
        Some(span) => problem.note_at("the other table", span),
        None => problem,
    };
    problem.hint("to fix this, change the name of one of these resources")
}

fn group(node: &Node, groups: &BTreeSet<&str>) -> Option<Diagnostic> {
    let group = node.group.as_deref().filter(|group| !group.is_empty() && !groups.contains(group))?;
    if node.generic_test().is_some_and(|test| test.attached_node.is_some()) {
        // Said of the node that the test is on.
        return None;
    }
    let shown: Vec<Value> = groups.iter().map(|group| Value::from(*group)).collect();
    let shown = super::python::literal(&Value::Array(shown));
    let problem = Diagnostic::error(format!("Invalid group '{group}', expected one of {shown}"));
    Some(
        problem
            .at_opt(place(node))
            .note(format!("group of `{}`", node.unique_id))
            .suggest(group, groups.iter().copied()),
    )
}

fn access(node: &Node) -> Option<Diagnostic> {
    let is_wrong = node.model()?.access == Access::Public && node.config.materialized() == "ephemeral";
    is_wrong.then(|| {
        let message = format!(
            "Node {} with 'ephemeral' materialization has an invalid value (public) for the access field",
            node.unique_id
        );
        Diagnostic::error(message).at_opt(place(node))
    })
}

fn snapshot(node: &Node) -> Option<Diagnostic> {
    if node.resource_type != ResourceType::Snapshot {
        return None;
    }
    let set = |key: &str| match node.config.get(key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    let strategy = node.config.text("strategy").unwrap_or("");
    let check_cols = node.config.text("check_cols");
    let message = if strategy.is_empty() || !set("unique_key") {
        "Snapshots must be configured with a 'strategy' and 'unique_key'.".to_owned()
    } else if strategy == "check" && !set("check_cols") {
        "A snapshot configured with the check strategy must specify a check_cols configuration.".to_owned()
    } else if strategy == "check" && check_cols.is_some_and(|columns| columns != "all") {
        let given = check_cols.unwrap_or("");
        format!("Invalid value for 'check_cols': {given}. Expected 'all' or a list of strings.")
    } else if strategy == "timestamp" && !set("updated_at") {
        "A snapshot configured with the timestamp strategy must specify an updated_at configuration.".to_owned()
    } else if strategy == "timestamp" && set("check_cols") {
        "A 'timestamp' snapshot should not have 'check_cols'".to_owned()
    } else if node.config.materialized() != "snapshot" {
        "A snapshot must have a materialized value of 'snapshot'".to_owned()
    } else {
        return None;
    };
    let problem = Diagnostic::error(message).at_opt(place(node)).note(format!("config of `{}`", node.unique_id));
    Some(problem.hint("see docs.getdbt.com/reference/snapshot-configs"))
}

/// Constraints that only tables have, on something else.
fn ignored_constraints(node: &Node) -> Option<Diagnostic> {
    let model = node.model()?;
    let materialized = node.config.materialized();
    if !model.code.contract.enforced || matches!(materialized, "table" | "incremental") {
        return None;
    }
    let mut all = model.constraints.iter().chain(node.columns.values().flat_map(|column| &column.rest.constraints));
    let is_told = |constraint: &Value| constraint.get("warn_unsupported") != Some(&Value::Bool(false));
    all.any(is_told).then(|| {
        let message = format!(
            "Constraint types are not supported for {materialized} materializations and will be ignored.  Set \
             'warn_unsupported: false' on this constraint to ignore this warning."
        );
        let warning = Diagnostic::warning_of("UnsupportedConstraintMaterialization", message);
        warning.fact("materialized", materialized).at_opt(place(node))
    })
}

/// A model that should be gone by now.
fn deprecated(node: &Node) -> Option<Diagnostic> {
    let model = node.model()?;
    let date = model.deprecation_date.as_deref()?;
    let moment = chrono::DateTime::parse_from_rfc3339(date).ok()?;
    if moment > chrono::Utc::now() {
        return None;
    }
    let version = model.version.as_ref().map(|version| format!(".v{version}")).unwrap_or_default();
    let message = format!(
        "Model {}{version} has passed its deprecation date of {date}. This model should be disabled or removed.",
        node.name
    );
    let warning = Diagnostic::warning_of("DeprecatedModel", message).at_opt(place(node));
    let version = model.version.as_ref().map(ToString::to_string).unwrap_or_default();
    Some(warning.fact("model_name", &node.name).fact("model_version", version).fact("deprecation_date", date))
}

/// A model without a letter is left out of every run, as in dbt.
fn empty(node: &Node) -> Option<Diagnostic> {
    let is_empty = node.resource_type == ResourceType::Model && node.raw_code.chars().all(char::is_whitespace);
    is_empty.then(|| {
        Diagnostic::warning(format!("model `{}` is empty and is left out of every run", node.name))
            .at_opt(place(node))
            .hint(format!("write its query into `{}`, or delete the file", node.original_file_path))
    })
}

/// How old a source is, only its field or its query tells where the warehouse does not know.
pub fn no_age(workspace: &Workspace<'_>, source: &Source) -> Option<Diagnostic> {
    let measured = source.freshness.as_ref().is_some_and(crate::manifest::Freshness::is_set);
    let has_own = source.loaded_at_field.is_some() || source.loaded_at_query.is_some();
    let is_known = has_own || workspace.inputs.capabilities.table_last_modified;
    (measured && !is_known && source.config.enabled()).then(|| {
        let text = format!(
            "The configured adapter does not support metadata-based freshness. A loaded_at_field must be specified for source '{}.{}'.",
            source.source_name, source.name
        );
        Diagnostic::warning_of("FreshnessConfigProblem", text).at_opt(source.origin.properties.clone())
    })
}

/// Semantic models need a calendar (docs.getdbt.com/docs/build/metricflow-time-spine).
fn no_time_spine(manifest: &Manifest) -> Option<Diagnostic> {
    let first = manifest.semantic_models.values().next()?;
    let spines = manifest.nodes.values().filter_map(|node| Some((node, node.model()?.time_spine.as_ref()?)));
    let fine = ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day"];
    let is_fine = |(node, spine): (&std::sync::Arc<Node>, &Value)| {
        let column = spine.get("standard_granularity_column").and_then(Value::as_str);
        let column = column.and_then(|name| node.columns.get(name));
        column.and_then(|column| column.rest.granularity.as_deref()).is_some_and(|size| fine.contains(&size))
    };
    // Before there were time spines in YAML, a model of this name was one.
    let old = manifest.nodes.values().any(|node| node.name == "metricflow_time_spine");
    let has_one = spines.into_iter().any(is_fine) || old;
    (!has_one).then(|| {
        let text = "The semantic layer requires a time spine model with granularity DAY or smaller in the project, but \
                    none was found. Guidance on creating this model can be found on our docs site \
                    (https://docs.getdbt.com/docs/build/metricflow-time-spine).";
        let mut problem = Diagnostic::error(text).at_opt(first.origin.properties.clone());
        problem.set_kind("Parsing Error");
        problem
    })
}

/// A resource with a space in its name.
struct Spaced<'a> {
    id: &'a str,
    path: &'a str,
    place: Option<Span>,
}

/// Names with spaces cannot be selected. They are errors where the project's flags say so, and deprecated elsewhere.
fn names_with_spaces(workspace: &Workspace<'_>, manifest: &Manifest, problems: &mut Diagnostics) {
    let settings = &workspace.inputs.settings;
    let nodes = manifest.nodes.values().filter(|node| node.name.contains(' ')).map(|node| Spaced {
        id: &node.unique_id,
        path: &node.original_file_path,
        place: place(node),
    });
    let sources = manifest.sources.values().filter(|source| source.unique_id.contains(' ')).map(|source| Spaced {
        id: &source.unique_id,
        path: &source.original_file_path,
        place: source.origin.properties.clone(),
    });
    let models = manifest.semantic_models.values().filter(|model| model.name.contains(' ')).map(|model| Spaced {
        id: &model.unique_id,
        path: &model.original_file_path,
        place: model.origin.properties.clone(),
    });
    let (nodes, others) = (nodes.collect::<Vec<_>>(), sources.chain(models).collect::<Vec<_>>());
    let mut deprecated = Vec::new();
    for (found, refused) in [(nodes, settings.names_without_spaces), (others, settings.other_names_without_spaces)] {
        match found.first() {
            Some(first) if refused => problems.push(no_spaces(first, &found)),
            _ => deprecated.extend(found),
        }
    }
    if deprecated.is_empty() {
        return;
    }
    for spaced in deprecated.iter().take(if settings.debug { deprecated.len() } else { 1 }) {
        let message = format!("Found spaces in the name of `{}`", spaced.id);
        let warning = Diagnostic::warning_of("SpacesInResourceNameDeprecation", message).at_opt(spaced.place.clone());
        problems.push(warning.fact("unique_id", spaced.id));
    }
    let more = if settings.debug { "" } else { " Run again with `--debug` to see them all." };
    let message = format!(
        "Spaces found in {} resource name(s). This is deprecated, and may lead to errors when using dbt.{more} For more \
         information: https://docs.getdbt.com/reference/global-configs/legacy-behaviors",
        deprecated.len()
    );
    problems.push(Diagnostic::warning_of("ResourceNamesWithSpacesDeprecation", message));
}

fn no_spaces(first: &Spaced<'_>, all: &[Spaced<'_>]) -> Diagnostic {
    let list: Vec<String> = all.iter().map(|spaced| format!("  * '{}' ({})", spaced.id, spaced.path)).collect();
    Diagnostic::error(format!("Resource names cannot contain spaces:\n{}", list.join("\n")))
        .at_opt(first.place.clone())
        .hint("rename the resources so that their names do not contain any spaces")
}
