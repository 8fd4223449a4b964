//! Which types of resources each command is about.
//! Source: docs.getdbt.com/reference/resource-configs/resource-type.

use std::collections::HashSet;

use super::criteria::resource_type;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::invocation::{SelectionOptions, Which};
use crate::manifest::{Freshness, Resource};
use crate::resource::ResourceType::{self, *};

const REFABLE: [ResourceType; 3] = [Model, Seed, Snapshot];
const BUILT: [ResourceType; 8] = [Model, Snapshot, Seed, Test, UnitTest, SavedQuery, Exposure, Function];
const COMPILED: [ResourceType; 8] = [Model, Test, Snapshot, Analysis, Operation, Seed, SqlOperation, Function];
const DOCUMENTED: [ResourceType; 9] =
    [Model, Test, Snapshot, Analysis, Operation, Seed, SqlOperation, Function, Source];
const LISTED: [ResourceType; 11] =
    [Model, Snapshot, Seed, Test, Source, Exposure, Metric, SavedQuery, SemanticModel, UnitTest, Function];

/// The types that a command selects, as narrowed by `--resource-type`.
///
/// # Errors
/// A type that there is not.
pub fn of_command(which: Which, options: &SelectionOptions) -> Result<HashSet<ResourceType>, Diagnostics> {
    let defaults: &[ResourceType] = match which {
        Which::Run => &[Model],
        Which::Test => &[Test, UnitTest],
        Which::Build => &BUILT,
        Which::Seed => &[Seed],
        Which::Snapshot => &[Snapshot],
        Which::SourceFreshness => &[Source],
        Which::Freshness => &[Model, Seed, Snapshot, Source],
        Which::Clone => &REFABLE,
        Which::List => &LISTED,
        // Its catalog has sources too.
        Which::DocsGenerate => &DOCUMENTED,
        _ => &COMPILED,
    };
    let mut all: HashSet<ResourceType> = defaults.iter().copied().collect();
    if which == Which::List {
        all.insert(Analysis);
    }
    let mut problems = Diagnostics::new();
    let mut named = |names: &[String]| {
        let mut types = HashSet::new();
        for name in names {
            match name.as_str() {
                "all" => types.extend(&all),
                "default" => types.extend(defaults),
                name => match resource_type(name) {
                    Ok(found) => drop(types.insert(found)),
                    Err(problem) => problems.push(problem),
                },
            }
        }
        types
    };
    let mut types = match options.resource_types.is_empty() {
        true => defaults.iter().copied().collect(),
        false => named(&options.resource_types),
    };
    let excluded = named(&options.exclude_resource_types);
    if problems.has_errors() {
        return Err(problems);
    }
    types.retain(|found| !excluded.contains(found) && (which == Which::List || all.contains(found)));
    Ok(types)
}

/// Whether a command has anything to do with a resource of the right type.
pub(super) fn concerns(which: Which, resource: Resource<'_>) -> bool {
    match resource {
        // A model without a line of code is listed, but never run.
        Resource::Node(node) => which == Which::List || node.resource_type == Seed || !node.raw_code.trim().is_empty(),
        Resource::Source(source) if matches!(which, Which::SourceFreshness | Which::Freshness) => {
            source.freshness.as_ref().is_some_and(Freshness::is_set)
        }
        _ => true,
    }
}

/// The warning of a criterion that matches nothing, in dbt's words.
pub(super) fn nothing_matches(raw: &str) -> Diagnostic {
    Diagnostic::warning_of(
        "NoNodesForSelectionCriteria",
        format!("The selection criterion '{raw}' does not match any enabled nodes"),
    )
}
