//! Whether a resource is what a method asks for.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use serde_json::Value;

use super::criteria::{Fqn, Matcher, TestType, VersionKind};
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, NodeSet, Position};
use crate::manifest::{Resource, Version};
use crate::resource::{ResourceType, UniqueId};
use crate::state::{Comparison, PreviousState};

/// What matching reads beside the resource itself.
pub(super) struct Subject<'a> {
    pub graph: &'a Graph,
    pub previous: Option<&'a PreviousState>,
    pub comparison: Option<Comparison<'a>>,
}

/// The resources that are switched on and match.
///
/// # Errors
/// The method needs artifacts of an earlier invocation that are not there.
pub(super) fn matching(subject: &Subject<'_>, matcher: &Matcher) -> Result<NodeSet, Diagnostic> {
    let ids = listed(subject, matcher)?;
    let matches = |position: Position, resource: Resource<'_>| match (&ids, matcher) {
        _ if !subject.graph.enabled().contains(position) => false,
        (Some(ids), _) => ids.contains(resource.unique_id()),
        (None, Matcher::Layer(glob)) => subject.graph.layer(position).is_some_and(|layer| glob.matches(layer)),
        (None, matcher) => is_match(subject, matcher, resource),
    };
    // Positions are given in the order of the manifest's resources.
    let resources: Vec<(Position, Resource<'_>)> =
        subject.graph.positions().zip(subject.graph.manifest().resources()).collect();
    let matching: Vec<Position> = resources
        .into_par_iter()
        .filter(|(position, resource)| matches(*position, *resource))
        .map(|(position, _)| position)
        .collect();
    let mut found = subject.graph.empty_set();
    matching.into_iter().for_each(|position| {
        found.insert(position);
    });
    Ok(found)
}

/// The ids that a method takes out of earlier artifacts, if it is such a method.
fn listed<'a>(subject: &Subject<'a>, matcher: &Matcher) -> Result<Option<HashSet<&'a UniqueId>>, Diagnostic> {
    let lacking = |text: &str, hint: &str| Err(Diagnostic::error(text).hint(hint.to_owned()));
    match matcher {
        Matcher::State(_) if subject.comparison.is_none() => lacking(
            "Got a state selector method, but no comparison manifest",
            "name the folder with the earlier `manifest.json` by `--state`",
        ),
        Matcher::Result(status) => match subject.previous.and_then(|previous| previous.results.as_ref()) {
            None => {
                lacking("No comparison run_results", "name the folder with the earlier `run_results.json` by `--state`")
            }
            Some(results) => {
                let with_status = results.results.iter().filter(|result| result.status == *status);
                Ok(Some(with_status.map(|result| &result.unique_id).collect()))
            }
        },
        Matcher::SourceStatus { fresher } => {
            let sources = subject.previous.and_then(|previous| previous.sources.as_ref());
            let current = subject.previous.and_then(|previous| previous.sources_current.as_ref());
            let (Some(sources), Some(current)) = (sources, current) else {
                let which = if sources.is_none() { "previous" } else { "current" };
                return lacking(
                    &format!("No {which} state comparison freshness results in sources.json"),
                    "run `source freshness` before, and name the earlier artifacts by `--state`",
                );
            };
            if !fresher {
                return Ok(Some(HashSet::new()));
            }
            let before: HashMap<&UniqueId, _> =
                sources.results.iter().map(|result| (&result.unique_id, result.measurement())).collect();
            let fresher = current.results.iter().filter(|result| {
                result.measurement().is_some_and(|now| match before.get(&result.unique_id) {
                    None => true,
                    Some(Some(then)) => loaded_later(&now.max_loaded_at, &then.max_loaded_at),
                    Some(None) => true,
                })
            });
            Ok(Some(fresher.map(|result| &result.unique_id).collect()))
        }
        _ => Ok(None),
    }
}

fn loaded_later(now: &str, then: &str) -> bool {
    let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
    match (moment(now), moment(then)) {
        (Some(now), Some(then)) => now > then,
        _ => now > then,
    }
}

fn is_match(subject: &Subject<'_>, matcher: &Matcher, resource: Resource<'_>) -> bool {
    match matcher {
        Matcher::Fqn(fqn) => !matches!(resource, Resource::Source(_)) && has_name(fqn, resource),
        Matcher::Path(glob) => {
            let described_in = match resource {
                Resource::Node(node) => node.patch_path.as_deref(),
                Resource::Source(source) => source.patch_path.as_deref(),
                _ => None,
            };
            let in_file = |path: &str| glob.is(path.split_once("://").map_or(path, |(_, path)| path));
            glob.holds(resource.original_file_path()) || described_in.is_some_and(in_file)
        }
        Matcher::File(glob) => {
            let path = resource.original_file_path();
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            glob.matches(name) || glob.matches(stem)
        }
        Matcher::Package(glob) => glob.matches(resource.package_name()),
        Matcher::RootPackage => {
            subject.graph.manifest().metadata.project_name.as_deref() == Some(resource.package_name())
        }
        Matcher::Tag(glob) => match resource {
            Resource::Node(node) => node.tags.iter().any(|tag| glob.matches(tag)),
            Resource::Source(source) => source.tags.iter().any(|tag| glob.matches(tag)),
            Resource::Exposure(exposure) => exposure.tags.iter().any(|tag| glob.matches(tag)),
            Resource::UnitTest(_) | Resource::Semantic(_) => {
                resource.config().tags().iter().any(|tag| glob.matches(tag))
            }
        },
        Matcher::Group(glob) => {
            let grouped = matches!(resource, Resource::Node(_)) || resource.resource_type() == ResourceType::Metric;
            let group = match resource {
                Resource::Node(node) => node.group.as_deref().or_else(|| node.config.text("group")),
                _ => resource.config().text("group"),
            };
            grouped && group.is_some_and(|group| glob.matches(group))
        }
        Matcher::Access(access) => node_model(resource)
            .is_some_and(|model| serde_json::to_value(model.access).is_ok_and(|value| value.as_str() == Some(access))),
        Matcher::Config { path, value } => match resource {
            Resource::Node(_) | Resource::Source(_) => has_config(resource, path, value),
            _ => false,
        },
        Matcher::Source { package, source, table } => match resource {
            Resource::Source(found) => {
                package.matches(&found.package_name) && source.matches(&found.source_name) && table.matches(&found.name)
            }
            _ => false,
        },
        Matcher::Named { kind, package, name } => {
            resource.resource_type() == *kind
                && package.matches(resource.package_name())
                && name.matches(resource.name())
        }
        Matcher::ResourceType(kind) => resource.resource_type() == *kind,
        Matcher::TestName(glob) => match resource {
            Resource::Node(node) => node.generic_test().is_some_and(|test| glob.matches(&test.test_metadata.name)),
            Resource::UnitTest(test) => glob.matches(&test.name),
            _ => false,
        },
        Matcher::TestType(kind) => is_test_of(*kind, resource),
        Matcher::State(aspect) => {
            subject.comparison.as_ref().is_some_and(|comparison| comparison.is(resource, *aspect))
        }
        Matcher::Version(kind) => has_version(*kind, resource),
        // Answered before a resource is looked at.
        Matcher::Result(_) | Matcher::SourceStatus { .. } | Matcher::Layer(_) | Matcher::Selector(_) => false,
    }
}

fn node_model(resource: Resource<'_>) -> Option<&crate::manifest::ModelDetail> {
    match resource {
        Resource::Node(node) => node.model(),
        _ => None,
    }
}

/// Matches a qualified name with and without the package before it.
fn has_name(wanted: &Fqn, resource: Resource<'_>) -> bool {
    let fqn = resource.fqn();
    let versioned = node_model(resource).is_some_and(|model| model.version.is_some());
    has_qualified_name(wanted, fqn, versioned)
        || has_qualified_name(wanted, fqn.get(1..).unwrap_or_default(), versioned)
}

fn has_qualified_name(wanted: &Fqn, fqn: &[String], versioned: bool) -> bool {
    let leaf = match (fqn, versioned) {
        ([.., name, version], true) => {
            let end = wanted.text.rsplit_once('.').map_or_else(
                || wanted.text.clone(),
                |(before, last)| format!("{}_{last}", before.rsplit('.').next().unwrap_or(before)),
            );
            if end == format!("{name}_{version}") {
                return true;
            }
            name
        }
        ([.., name], _) => name,
        ([], _) => return false,
    };
    if *leaf == wanted.text {
        return true;
    }
    let mut parts = fqn.iter().flat_map(|part| part.split('.'));
    if wanted.fixed.iter().any(|fixed| parts.next() != Some(fixed)) {
        return false;
    }
    let Some(tail) = &wanted.tail else { return true };
    let rest: Vec<&str> = parts.collect();
    let enough = wanted.fixed.len() + rest.len() >= wanted.parts;
    (enough && tail.matches(&rest.join("."))) || (wanted.parts == 1 && tail.matches(leaf))
}

fn has_config(resource: Resource<'_>, path: &[String], wanted: &Value) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let mut found = resource.config().get(first);
    for key in rest {
        found = match found {
            Some(Value::Object(map)) => map.get(key),
            Some(Value::Array(list)) => key.parse::<usize>().ok().and_then(|at| list.get(at)),
            _ => None,
        };
    }
    let Some(found) = found else { return false };
    let any_case = path.len() == 1 && first == "severity";
    let equal = |value: &Value| match (value, wanted) {
        (Value::Bool(on), Value::String(text)) => text.eq_ignore_ascii_case(if *on { "true" } else { "false" }),
        (Value::String(own), Value::String(text)) if any_case => own.eq_ignore_ascii_case(text),
        // Numbers are texts on the command line.
        (Value::Number(number), Value::String(text)) => number.to_string() == *text,
        (value, wanted) => value == wanted,
    };
    match found {
        Value::Array(list) => list.iter().any(equal),
        value => equal(value),
    }
}

fn is_test_of(kind: TestType, resource: Resource<'_>) -> bool {
    match resource {
        Resource::UnitTest(_) => kind == TestType::Unit,
        Resource::Node(node) if node.resource_type == ResourceType::Test => match kind {
            TestType::Generic => node.generic_test().is_some(),
            TestType::Singular => node.generic_test().is_none(),
            TestType::Data => true,
            TestType::Unit => false,
        },
        _ => false,
    }
}

fn has_version(kind: VersionKind, resource: Resource<'_>) -> bool {
    let Some(model) = node_model(resource) else { return false };
    match (kind, &model.version, &model.latest_version) {
        (VersionKind::None, version, _) => version.is_none(),
        (VersionKind::Latest, Some(version), Some(latest)) => version == latest,
        (VersionKind::Prerelease, Some(version), Some(latest)) => comes_after(version, latest),
        (VersionKind::Old, Some(version), Some(latest)) => comes_after(latest, version),
        _ => false,
    }
}

/// Numbers are compared as numbers, anything else as text.
fn comes_after(one: &Version, other: &Version) -> bool {
    let (one, other) = (one.to_string(), other.to_string());
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one > other,
        _ => one > other,
    }
}
