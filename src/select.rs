//! Which nodes a command is about: the selection language, evaluated on the graph.
//!
//! [`criteria`] parses what was asked for once; [`nodes`] evaluates it on sets of bits.
//! Source: docs.getdbt.com/reference/node-selection/syntax,
//! docs.getdbt.com/reference/node-selection/methods.

pub mod criteria;
mod glob;
mod matching;
pub mod selectors;
#[cfg(test)]
mod tests;
mod types;

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Diagnostics, Warned};
use crate::graph::{Graph, NodeSet};
use crate::invocation::{IndirectSelection, SelectionOptions, Which};
use crate::resource::ResourceType;
use crate::state::{Aspect, Comparison, PreviousState};
pub use criteria::{Combine, Criteria, Criterion, Group, Parsing, Walk};
use glob::Glob;
use matching::Subject;
pub use selectors::Selectors;

/// What selecting reads beside the graph.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// For `state:`, `result:` and `source_status:`.
    pub previous: Option<&'a PreviousState>,
    /// `state_modified_compare_more_unrendered_values` of the project's flags.
    pub unrendered_sources: bool,
    /// The types of constraints that the warehouse enforces: without one of them, a contract is broken.
    pub enforced_constraints: &'a [&'a str],
    /// For `selector:name`.
    pub selectors: Option<&'a Selectors>,
}

/// Parses what was asked for: `--selector`, else `--select` and `--exclude`, else the
/// project's default selector, else everything.
///
/// # Errors
/// Every criterion that is not valid; a selector that there is not.
pub fn criteria(options: &SelectionOptions, selectors: &Selectors) -> Result<Criteria, Diagnostics> {
    if let Some(name) = &options.selector {
        return selectors.criteria(name).map_err(Diagnostics::from);
    }
    let nothing_asked = options.select.is_empty() && options.exclude.is_empty();
    if let Some(name) = selectors.default_name().filter(|_| nothing_asked) {
        return selectors.criteria(name).map_err(Diagnostics::from);
    }
    let parsing = Parsing { indirect: options.indirect_selection };
    criteria::from_words(&options.select, &options.exclude, parsing).map_err(|problems| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.extend(problems);
        diagnostics
    })
}

/// The nodes that the criteria select, of whatever type, with a warning for each criterion
/// that matches nothing.
///
/// # Errors
/// A method needs artifacts of an earlier invocation that are not there; with `state:modified`,
/// the contract of a versioned model was broken.
pub fn nodes(graph: &Graph, criteria: &Criteria, context: Context<'_>) -> Result<Warned<NodeSet>, Diagnostics> {
    let previous = context.previous.and_then(|previous| previous.manifest.as_ref());
    let comparison = previous.map(|previous| Comparison::new(graph.manifest(), previous, context.unrendered_sources));
    let subject = Subject { graph, previous: context.previous, comparison };
    let mut warnings = Diagnostics::new();
    if let Some(comparison) = subject.comparison.as_ref().filter(|_| asks_for_changes(criteria, context.selectors, &[]))
    {
        warnings.extend(comparison.removed_test_macros());
        warnings.extend(comparison.seed_warnings());
        warnings.extend(comparison.broken_contracts(context.enforced_constraints, chrono::Utc::now()));
        if warnings.has_errors() {
            return Err(warnings);
        }
    }
    let mut evaluation = Evaluation { subject, selectors: context.selectors, trail: Vec::new(), warnings };
    let found = evaluation.evaluate(criteria)?;
    let warnings = evaluation.warnings;
    Ok(Warned { value: found.direct, warnings })
}

/// Whether any part looks for modified nodes, which is when broken contracts are reported.
/// `trail` has the selectors that led here.
fn asks_for_changes(criteria: &Criteria, selectors: Option<&Selectors>, trail: &[&str]) -> bool {
    match criteria {
        Criteria::One(criterion) => match &criterion.matcher {
            criteria::Matcher::State(aspect) => {
                matches!(aspect, Aspect::Modified | Aspect::Unmodified | Aspect::Contract)
            }
            criteria::Matcher::Selector(pattern) => {
                let named = selectors.map(|selectors| selectors.matching(pattern)).unwrap_or_default();
                named.into_iter().filter(|(name, _)| !trail.contains(name)).any(|(name, criteria)| {
                    let trail: Vec<&str> = trail.iter().copied().chain([name]).collect();
                    asks_for_changes(criteria, selectors, &trail)
                })
            }
            _ => false,
        },
        Criteria::Many(group) => group.parts.iter().any(|part| asks_for_changes(part, selectors, trail)),
    }
}

/// The nodes that a command runs on: selected, of its types, and not empty.
///
/// # Errors
/// As [`criteria`] and [`nodes`], and resource types that there are not.
pub fn for_command(
    graph: &Graph,
    which: Which,
    options: &SelectionOptions,
    selectors: &Selectors,
    context: Context<'_>,
) -> Result<Warned<NodeSet>, Diagnostics> {
    let types = types::of_command(which, options)?;
    let selected = nodes(graph, &criteria(options, selectors)?, context)?;
    Ok(Warned { value: of_types(graph, &selected.value, which, &types), warnings: selected.warnings })
}

/// Those of `selected` that are of these types and that the command has to do with.
pub fn of_types(graph: &Graph, selected: &NodeSet, which: Which, types: &HashSet<ResourceType>) -> NodeSet {
    let mut kept = graph.empty_set();
    for position in selected.iter() {
        let concerned = graph
            .resource(position)
            .is_some_and(|resource| types.contains(&resource.resource_type()) && types::concerns(which, resource));
        if concerned {
            kept.insert(position);
        }
    }
    kept
}

/// The types that a command selects, as narrowed by `--resource-type`.
///
/// # Errors
/// A type that there is not.
pub fn resource_types(which: Which, options: &SelectionOptions) -> Result<HashSet<ResourceType>, Diagnostics> {
    types::of_command(which, options)
}

/// What a part of a selection gives.
struct Found {
    direct: NodeSet,
    /// Tests that touch what is selected, but other nodes too: they join if those do.
    indirect: NodeSet,
}

/// A selection being evaluated.
struct Evaluation<'a> {
    subject: Subject<'a>,
    selectors: Option<&'a Selectors>,
    /// The selectors that led to what is evaluated now.
    trail: Vec<&'a str>,
    warnings: Diagnostics,
}

impl<'a> Evaluation<'a> {
    fn evaluate(&mut self, criteria: &Criteria) -> Result<Found, Diagnostic> {
        let group = match criteria {
            Criteria::One(criterion) => return self.evaluate_one(criterion),
            Criteria::Many(group) => group,
        };
        let parts: Vec<Found> = group.parts.iter().map(|part| self.evaluate(part)).collect::<Result<_, _>>()?;
        let graph = self.subject.graph;
        let combine = |sets: Vec<NodeSet>| combined(graph, group.combine, sets);
        let mut direct = combine(parts.iter().map(|part| part.direct.clone()).collect());
        let indirect = combine(
            parts
                .into_iter()
                .map(|part| {
                    let mut both = part.direct;
                    both.union_with(&part.indirect);
                    both
                })
                .collect(),
        );
        join_indirect(graph, &mut direct, &indirect, group.indirect);
        if let Some(raw) = group.expected.as_ref().filter(|_| direct.is_empty()) {
            self.warnings.push(with_near_name(graph, raw));
        }
        Ok(Found { direct, indirect })
    }

    fn evaluate_one(&mut self, criterion: &Criterion) -> Result<Found, Diagnostic> {
        let graph = self.subject.graph;
        let matched = match &criterion.matcher {
            criteria::Matcher::Selector(pattern) => self.named(pattern, &criterion.raw),
            matcher => matching::matching(&self.subject, matcher),
        };
        let matched =
            matched.map_err(|problem| problem.note(format!("in the selection criterion `{}`", criterion.raw)))?;
        let mut selected = matched.clone();
        if criterion.with_childrens_parents {
            selected.union_with(&graph.descendants(&matched, None));
            selected.union_with(&graph.ancestors(&selected, None));
        }
        if let Some(limit) = criterion.parents.limit() {
            selected.union_with(&graph.ancestors(&matched, limit));
        }
        if let Some(limit) = criterion.children.limit() {
            selected.union_with(&graph.descendants(&matched, limit));
        }
        let is_named = matches!(criterion.matcher, criteria::Matcher::Selector(_));
        if is_named && selected == matched {
            // A selector has already said which tests go along.
            return Ok(Found { direct: selected, indirect: graph.empty_set() });
        }
        Ok(with_tests(graph, selected, criterion.indirect))
    }

    /// What the selectors of these names select.
    fn named(&mut self, pattern: &Glob, raw: &str) -> Result<NodeSet, Diagnostic> {
        let known = self.selectors;
        let matching = known.map(|selectors| selectors.matching(pattern)).unwrap_or_default();
        if matching.is_empty() {
            let name = criteria::Written::parse(raw).value;
            let problem = Diagnostic::error(format!("Selector '{name}' did not match any selector in selectors.yml"));
            return Err(problem.suggest(name, known.into_iter().flat_map(Selectors::names)));
        }
        let mut found = self.subject.graph.empty_set();
        for (name, criteria) in matching {
            if self.trail.contains(&name) {
                let path: Vec<&str> = self.trail.iter().copied().chain([name]).collect();
                let problem = Diagnostic::error(format!("selectors refer to each other: {}", path.join(" --> ")));
                return Err(problem.hint("take one of these references out"));
            }
            self.trail.push(name);
            found.union_with(&self.evaluate(criteria)?.direct);
            self.trail.pop();
        }
        Ok(found)
    }
}

fn combined(graph: &Graph, combine: Combine, sets: Vec<NodeSet>) -> NodeSet {
    let mut sets = sets.into_iter();
    let Some(mut first) = sets.next() else { return graph.empty_set() };
    for set in sets {
        match combine {
            Combine::Union => first.union_with(&set),
            Combine::Intersection => first.intersect_with(&set),
            Combine::Difference => first.subtract(&set),
        }
    }
    first
}

/// Takes along the tests of what is selected.
fn with_tests(graph: &Graph, selected: NodeSet, indirect: IndirectSelection) -> Found {
    let mut found = Found { direct: selected.clone(), indirect: graph.empty_set() };
    if indirect == IndirectSelection::Empty {
        return found;
    }
    let reachable = match indirect {
        IndirectSelection::Buildable => buildable(graph, &selected, true),
        _ => selected.clone(),
    };
    for parent in selected.iter() {
        for test in graph.children(parent).filter(|child| graph.enabled().contains(*child)) {
            let is_test = matches!(graph.resource_type(test), ResourceType::Test | ResourceType::UnitTest);
            if !is_test || found.direct.contains(test) {
                continue;
            }
            let complete = || graph.parents(test).all(|parent| reachable.contains(parent));
            if indirect == IndirectSelection::Eager || complete() {
                found.direct.insert(test);
            } else {
                found.indirect.insert(test);
            }
        }
    }
    found
}

/// What is selected or upstream of it; with `and_sources`, all sources too.
fn buildable(graph: &Graph, selected: &NodeSet, and_sources: bool) -> NodeSet {
    let mut set = selected.clone();
    set.union_with(&graph.ancestors(selected, None));
    if and_sources {
        graph.manifest().sources.keys().filter_map(|id| graph.position(id)).for_each(|source| {
            set.insert(source);
        });
    }
    set
}

/// Tests whose other nodes have been selected by other parts join now.
fn join_indirect(graph: &Graph, direct: &mut NodeSet, indirect: &NodeSet, mode: IndirectSelection) {
    let reachable = match mode {
        IndirectSelection::Cautious => direct.clone(),
        IndirectSelection::Buildable => buildable(graph, direct, false),
        IndirectSelection::Eager | IndirectSelection::Empty => return,
    };
    for test in indirect.iter() {
        if graph.resource_type(test) == ResourceType::Test
            && graph.parents(test).all(|parent| reachable.contains(parent))
        {
            direct.insert(test);
        }
    }
}

/// The warning in dbt's words, with a near name where the criterion is a name.
fn with_near_name(graph: &Graph, raw: &str) -> Diagnostic {
    let warning = types::nothing_matches(raw);
    let name = criteria::Written::parse(raw);
    let is_name = name.method.is_none_or(|method| method == "fqn") && !raw.contains([',', '*']);
    if !is_name {
        return warning;
    }
    let names = graph.positions().filter_map(|position| graph.resource(position));
    let names = names.filter(|resource| resource.resource_type().is_refable()).map(|resource| resource.name());
    let disabled = graph.manifest().disabled.keys().any(|id| id.rsplit('.').next() == Some(name.value));
    if disabled {
        warning.note(format!("`{}` is disabled", name.value))
    } else {
        warning.suggest(name.value, names.collect::<Vec<_>>())
    }
}
