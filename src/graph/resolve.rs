//! References as written become `depends_on`, with everything that can be wrong about them.
//!
//! The wording of what is missing, switched off or not allowed is dbt's, since callers
//! and logs match it; places and near names stand beside it.

use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::ResolveOptions;
use super::lookup::{Entry, Lookup, Target};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Span};
use crate::manifest::{
    Access, CallTarget, Disabled, Manifest, Node, Origin, RefCall, Resource, SemanticResource, SourceCall, UnitTest,
    Version,
};
use crate::resource::{ById, FastMap, ResourceType, UniqueId};

/// What all resolving reads.
struct Context<'a> {
    manifest: &'a Manifest,
    lookup: &'a Lookup,
    options: &'a ResolveOptions,
    root_package: &'a str,
}

/// A resource that refers to others, as far as that goes.
struct Caller<'a> {
    resource: Resource<'a>,
    group: Option<&'a str>,
    refs: &'a [RefCall],
    sources: &'a [SourceCall],
    metrics: Vec<Vec<String>>,
    functions: &'a [Vec<String>],
    measures: Vec<&'a str>,
    origin: &'a Origin,
}

/// What became of a resource's references.
#[derive(Default)]
struct Outcome {
    parents: Vec<UniqueId>,
    /// A test that refers to something that is not there is switched off.
    switched_off: bool,
}

impl Outcome {
    fn add(&mut self, id: &UniqueId) {
        if !self.parents.contains(id) {
            self.parents.push(id.clone());
        }
    }
}

/// Fills in `depends_on.nodes` of everything but unit tests, and infers primary keys.
pub(super) fn link(manifest: &mut Manifest, lookup: &Lookup, options: &ResolveOptions, diagnostics: &mut Diagnostics) {
    let root_package = manifest.metadata.project_name.clone().unwrap_or_default();
    let context = Context { manifest, lookup, options, root_package: &root_package };
    let resources: Vec<Resource<'_>> = manifest.resources().collect();
    let mut groups: Vec<&str> = manifest.groups.values().map(|group| group.name.as_str()).collect();
    groups.sort_unstable();
    let found: Vec<(Option<Outcome>, Diagnostics, Vec<Diagnostic>)> = resources
        .into_par_iter()
        .map(|resource| {
            let mut diagnostics = Diagnostics::new();
            let caller = caller(resource, manifest);
            let outcome = caller.map(|caller| outcome(&context, &caller, &mut diagnostics));
            (outcome, diagnostics, check_group(resource, &groups))
        })
        .collect();
    // In the order of `Manifest::resources`, as the loops below.
    let mut outcomes = Vec::with_capacity(found.len());
    let mut of_groups = Vec::new();
    for (outcome, problems, of_group) in found {
        outcomes.push(outcome);
        diagnostics.extend(problems);
        of_groups.extend(of_group);
    }
    diagnostics.extend(of_groups);
    let keys = primary_keys(manifest);
    let others = outcomes.split_off(manifest.nodes.len());
    let nodes: Vec<&mut Arc<Node>> = manifest.nodes.values_mut().collect();
    nodes.into_par_iter().zip(outcomes).for_each(|(node, outcome)| {
        if let Some(outcome) = outcome {
            add_parents(Arc::make_mut(node), outcome, &keys);
        }
    });
    let mut outcomes = others.into_iter().skip(manifest.sources.len());
    for (exposure, outcome) in manifest.exposures.values_mut().zip(&mut outcomes) {
        if let Some(outcome) = outcome {
            Arc::make_mut(exposure).depends_on.nodes = outcome.parents;
        }
    }
    let mut outcomes = outcomes.skip(manifest.unit_tests.len());
    let semantic = manifest.metrics.values_mut().chain(manifest.semantic_models.values_mut());
    for (resource, outcome) in semantic.chain(manifest.saved_queries.values_mut()).zip(&mut outcomes) {
        if let Some(outcome) = outcome {
            Arc::make_mut(resource).depends_on.nodes = outcome.parents;
        }
    }
    for (function, outcome) in manifest.functions.values_mut().zip(outcomes) {
        if let (Some(outcome), Some(code)) = (outcome, Arc::make_mut(function).code_mut()) {
            code.depends_on.nodes = outcome.parents;
        }
    }
}

/// Puts what became of a node's references into it.
fn add_parents(node: &mut Node, outcome: Outcome, keys: &FastMap<UniqueId, Vec<String>>) {
    if outcome.switched_off {
        node.config.set("enabled", Value::Bool(false));
    }
    if let Some(code) = node.code_mut() {
        code.depends_on.nodes = outcome.parents;
    }
    if let crate::manifest::Detail::Model(model) = &mut node.detail
        && let Some(key) = keys.get(&node.unique_id)
    {
        model.primary_key.clone_from(key);
    }
}

fn caller<'a>(resource: Resource<'a>, manifest: &'a Manifest) -> Option<Caller<'a>> {
    let group = resource.config().text("group");
    Some(match resource {
        Resource::Node(node) => {
            let code = node.code()?;
            Caller {
                resource,
                group: node_group(node, manifest),
                refs: &code.refs,
                sources: &code.sources,
                metrics: code.metrics.clone(),
                functions: &code.functions,
                measures: Vec::new(),
                origin: &node.origin,
            }
        }
        Resource::Exposure(exposure) => Caller {
            resource,
            group: None,
            refs: &exposure.refs,
            sources: &exposure.sources,
            metrics: exposure.metrics.clone(),
            functions: &[],
            measures: Vec::new(),
            origin: &exposure.origin,
        },
        Resource::Semantic(semantic) => {
            let (metrics, measures) = inputs(semantic);
            Caller {
                resource,
                group,
                refs: &semantic.refs,
                sources: &[],
                metrics,
                functions: &[],
                measures,
                origin: &semantic.origin,
            }
        }
        Resource::Source(_) | Resource::UnitTest(_) => return None,
    })
}

/// A node's group; a generic test belongs to that of the model which it stands under.
fn node_group<'a>(node: &'a Node, manifest: &'a Manifest) -> Option<&'a str> {
    let attached = || {
        let id = node.generic_test()?.attached_node.as_ref()?;
        manifest.nodes.get(id)?.group.as_deref()
    };
    node.group.as_deref().or_else(attached)
}

/// The metrics and measures that a metric or a saved query is made of.
fn inputs(resource: &SemanticResource) -> (Vec<Vec<String>>, Vec<&str>) {
    let mut metrics = resource.metrics.clone();
    let mut measures = Vec::new();
    let name = |value: &Value| value.as_str().or_else(|| value.get("name")?.as_str()).map(str::to_owned);
    let mut add = |value: &Value| {
        if let Some(metric) = name(value).map(|name| vec![name]).filter(|metric| !metrics.contains(metric)) {
            metrics.push(metric);
        }
    };
    if let Some(parameters) = resource.body.get("type_params") {
        for key in ["numerator", "denominator"] {
            parameters.get(key).into_iter().for_each(&mut add);
        }
        parameters.get("metrics").and_then(Value::as_array).into_iter().flatten().for_each(&mut add);
        let conversion = parameters.get("conversion_type_params");
        let cumulative = parameters.get("cumulative_type_params");
        let nested = [(cumulative, "metric"), (conversion, "base_metric"), (conversion, "conversion_metric")];
        nested.into_iter().filter_map(|(within, key)| within?.get(key)).for_each(&mut add);
        let candidates = [
            parameters.get("measure"),
            conversion.and_then(|conversion| conversion.get("base_measure")),
            conversion.and_then(|conversion| conversion.get("conversion_measure")),
        ];
        let names = candidates.into_iter().flatten();
        measures.extend(names.filter_map(|value| value.as_str().or_else(|| value.get("name")?.as_str())));
    }
    if let Some(query) = resource.body.get("query_params") {
        query.get("metrics").and_then(Value::as_array).into_iter().flatten().for_each(&mut add);
    }
    (metrics, measures)
}

/// The semantic model that a metric aggregates by itself.
fn aggregated(resource: Resource<'_>) -> Option<UniqueId> {
    let Resource::Semantic(metric) = resource else { return None };
    let parameters = metric.body.get("type_params")?.get("metric_aggregation_params")?;
    let model = parameters.get("semantic_model")?.as_str()?;
    Some(format!("semantic_model.{}.{model}", metric.package_name).into())
}

/// Resolves in dbt's order: sources, refs, metrics, functions.
fn outcome(context: &Context<'_>, caller: &Caller<'_>, diagnostics: &mut Diagnostics) -> Outcome {
    let own = caller.resource.parents();
    let mut parents = Vec::with_capacity(own.len() + caller.refs.len() + caller.sources.len());
    parents.extend_from_slice(own);
    let mut outcome = Outcome { parents, switched_off: false };
    let package = caller.resource.package_name();
    for call in caller.sources {
        match context.lookup.find_source(package, &call.0, &call.1) {
            Target::Found(id) => outcome.add(id),
            target => {
                let name = format!("{}.{}", call.0, call.1);
                let missing = Missing { kind: "source", name, package: None, version: None };
                let span =
                    place(caller.origin, |target| matches!(target, CallTarget::Source(source) if source == call));
                absent(context, caller, (&missing, target, span), &mut outcome, diagnostics);
            }
        }
    }
    for call in caller.refs {
        reference(context, caller, call, &mut outcome, diagnostics);
    }
    let other = caller.metrics.iter().map(|call| ("metric", call));
    for (kind, call) in other.chain(caller.functions.iter().map(|call| ("function", call))) {
        let target = match kind {
            "metric" => context.lookup.find_metric(package, call),
            _ => context.lookup.find_function(package, call),
        };
        let (named, name) = match call.as_slice() {
            [named, name, ..] => (Some(named.clone()), name.clone()),
            names => (None, names.first().cloned().unwrap_or_default()),
        };
        match target {
            Target::Found(id) => outcome.add(id),
            target => {
                let missing = Missing { kind, name, package: named, version: None };
                absent(context, caller, (&missing, target, None), &mut outcome, diagnostics);
            }
        }
    }
    if let Some(id) = aggregated(caller.resource).filter(|id| context.manifest.semantic_models.contains_key(id)) {
        outcome.add(&id);
    }
    for measure in &caller.measures {
        match context.lookup.find_measure(package, measure) {
            Target::Found(id) => outcome.add(id),
            _ => {
                let text = match context.lookup.disabled_measure(measure) {
                    Some(model) => {
                        format!("The measure `{measure}` is referenced on disabled semantic model `{model}`.")
                    }
                    None => format!("A semantic model having a measure `{measure}` does not exist but was referenced"),
                };
                let name = caller.resource.unique_id();
                let place = caller.origin.properties.clone();
                diagnostics.push(Diagnostic::error(text).at_opt(place).note(format!("by `{name}`")));
            }
        }
    }
    outcome
}

fn reference(
    context: &Context<'_>,
    caller: &Caller<'_>,
    call: &RefCall,
    outcome: &mut Outcome,
    diagnostics: &mut Diagnostics,
) {
    let span = || place(caller.origin, |target| matches!(target, CallTarget::Ref(written) if written == call));
    match context.lookup.find_ref(caller.resource.package_name(), call) {
        Target::Found(id) => {
            if let Some(target) = context.manifest.nodes.get(id) {
                if let Some(problem) = refused(context, caller, target) {
                    diagnostics.push(problem.at_opt(span()));
                    return;
                }
                let warnings = [
                    depends_on_root(context, caller, call, target),
                    deprecated(caller, target),
                    unpinned(context, caller, call, target),
                ];
                warnings.into_iter().flatten().for_each(|warning| diagnostics.push(warning.at_opt(span())));
            }
            outcome.add(id);
        }
        Target::Ambiguous(entries) => diagnostics.push(ambiguous(&call.name, entries).at_opt(span())),
        target => {
            let version = call.version.as_ref().map(ToString::to_string);
            let missing = Missing { kind: "node", name: call.name.clone(), package: call.package.clone(), version };
            absent(context, caller, (&missing, target, span()), outcome, diagnostics);
        }
    }
}

/// A reference that leads nowhere.
struct Missing {
    kind: &'static str,
    name: String,
    package: Option<String>,
    version: Option<String>,
}

fn absent(
    context: &Context<'_>,
    caller: &Caller<'_>,
    (missing, target, span): (&Missing, Target<'_>, Option<Span>),
    outcome: &mut Outcome,
    diagnostics: &mut Diagnostics,
) {
    let is_disabled = target == Target::Disabled;
    let table = missing.name.rsplit('.').next().unwrap_or(&missing.name);
    if !is_disabled && context.options.may_define(table) {
        return;
    }
    let text = not_found_message(caller.resource, missing, is_disabled);
    let diagnostic = if caller.resource.resource_type() == ResourceType::Test {
        outcome.switched_off = true;
        if is_disabled && missing.kind != "source" {
            // dbt says this only in its debug log.
            return;
        }
        Diagnostic::warning_of("NodeNotFoundOrDisabled", text)
    } else {
        Diagnostic::error(text)
    };
    let diagnostic = diagnostic.at_opt(span.or_else(|| caller.origin.properties.clone()));
    diagnostics.push(match is_disabled {
        true => diagnostic.hint("enable it (`enabled: true`), or disable what reads it too"),
        false => with_hint(diagnostic, context.lookup, missing),
    });
}

/// `Model 'model.p.a' (models/a.sql) depends on a node named 'b' which was not found`.
fn not_found_message(resource: Resource<'_>, missing: &Missing, is_disabled: bool) -> String {
    let version = missing.version.as_ref().map(|version| format!("with version '{version}' ")).unwrap_or_default();
    let package = missing.package.as_ref();
    let package = package.map(|package| format!("in package or project '{package}' ")).unwrap_or_default();
    format!(
        "{} '{}' ({}) depends on a {} named '{}' {version}{package}which {}",
        title(resource.resource_type()),
        resource.unique_id(),
        resource.original_file_path(),
        missing.kind,
        missing.name,
        if is_disabled { "is disabled" } else { "was not found" }
    )
}

fn title(resource_type: ResourceType) -> String {
    let words = resource_type.as_str().split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn with_hint(diagnostic: Diagnostic, lookup: &Lookup, missing: &Missing) -> Diagnostic {
    let name = missing.name.as_str();
    let hinted = diagnostic.hints.len();
    let diagnostic = match missing.kind {
        "source" => diagnostic.suggest(name, lookup.source_names()),
        "node" => {
            let versions: Vec<&str> =
                lookup.ref_names().filter_map(|known| known.strip_prefix(name)?.strip_prefix(".v")).collect();
            let sources: Vec<&str> = lookup
                .source_names()
                .filter(|known| known.split_once('.').is_some_and(|(_, table)| table == name))
                .collect();
            if !versions.is_empty() && missing.version.is_some() {
                let mut versions = versions;
                versions.sort_unstable();
                diagnostic.hint(format!("`{name}` has the versions {}", versions.join(", ")))
            } else if let [source] = sources[..] {
                let (source, table) = source.split_once('.').unwrap_or((source, name));
                diagnostic.hint(format!("there is a source of that name: `source('{source}', '{table}')`"))
            } else if missing.package.is_some() && lookup.ref_names().any(|known| known == name) {
                diagnostic.hint(format!("another package has `{name}`"))
            } else {
                diagnostic.suggest(name, lookup.ref_names())
            }
        }
        _ => diagnostic,
    };
    if diagnostic.hints.len() > hinted {
        return diagnostic;
    }
    match missing.kind {
        "source" => diagnostic.hint("describe it under `sources:` in a properties file"),
        "node" if missing.package.is_some() => diagnostic.hint("check the names of the package and of the model"),
        "node" => diagnostic
            .hint("no file is named like that in the folders of `model-paths`, `seed-paths` and `snapshot-paths`"),
        _ => diagnostic,
    }
}

/// Why a reference to a node that exists is not allowed
/// (docs.getdbt.com/docs/mesh/govern/model-access).
fn refused(context: &Context<'_>, caller: &Caller<'_>, target: &Node) -> Option<Diagnostic> {
    let model = target.model()?;
    if caller.resource.resource_type() == ResourceType::SqlOperation {
        return None;
    }
    let elsewhere = caller.resource.package_name() != target.package_name
        && context.options.restricted_packages.contains(&target.package_name);
    let (access, scope, kind) = match model.access {
        Access::Private if caller.group.is_none() || caller.group != target.group.as_deref() || elsewhere => {
            ("private", target.group.as_deref().unwrap_or(""), "group")
        }
        Access::Protected if elsewhere => ("protected", target.package_name.as_str(), "package"),
        _ => return None,
    };
    let text = format!(
        "Node {} attempted to reference node {}, which is not allowed because the referenced node is {access} to \
         the '{scope}' {kind}",
        caller.resource.unique_id(),
        target.unique_id
    );
    let diagnostic = Diagnostic::error(text);
    Some(match (access, caller.group) {
        ("private", None) => diagnostic.hint(format!("put the caller into the group '{scope}', or widen the access")),
        _ => diagnostic,
    })
}

/// The note about a reference without version to a model that has a version newer than its latest
/// (docs.getdbt.com/docs/mesh/govern/model-versions).
fn unpinned(context: &Context<'_>, caller: &Caller<'_>, call: &RefCall, target: &Node) -> Option<Diagnostic> {
    if call.version.is_some() {
        return None;
    }
    let version = target.model()?.version.as_ref()?;
    let newest = context.lookup.newest_version(&target.package_name, &target.name)?;
    if !newest.is_newer_than(version) {
        return None;
    }
    let (package, name, caller) = (&target.package_name, &target.name, caller.resource.name());
    let text = format!(
        "While compiling '{caller}':\nFound an unpinned reference to versioned model '{name}' in project \
         '{package}'.\nResolving to latest version: {name}.v{version}\nA prerelease version {newest} is available. It has \
         not yet been marked 'latest' by its maintainer."
    );
    let written = |version: &Version| format!("{{{{ ref('{package}', '{name}', v='{version}') }}}}");
    let note = Diagnostic::new(Severity::Note, text).named("UnpinnedRefNewVersionAvailable");
    let note = note.fact("ref_node_name", name).fact("ref_node_package", package);
    let note = note.fact("ref_node_version", version.to_string()).fact("ref_max_version", newest.to_string());
    Some(note.hint(format!("try it out: {}; stay: {}", written(newest), written(version))))
}

/// The warning about a reference to a model that is or will be deprecated
/// (docs.getdbt.com/reference/resource-properties/deprecation_date).
fn deprecated(caller: &Caller<'_>, target: &Node) -> Option<Diagnostic> {
    let Resource::Node(_) = caller.resource else { return None };
    let model = target.model()?;
    let date = model.deprecation_date.as_deref()?;
    let moment = chrono::DateTime::parse_from_rfc3339(date).ok()?;
    let version = model.version.as_ref().map(ToString::to_string).unwrap_or_default();
    let latest = model.latest_version.as_ref().map(ToString::to_string).unwrap_or_default();
    let named = if version.is_empty() { target.name.clone() } else { format!("{}.v{version}", target.name) };
    let is_past = moment < chrono::Utc::now();
    let (event, said, try_it) = match is_past {
        true => ("DeprecatedReference", "was deprecated on", "Migrate now"),
        false => ("UpcomingReferenceDeprecation", "is slated for deprecation on", "Try it out"),
    };
    let name = caller.resource.name();
    let warning = Diagnostic::warning_of(
        event,
        format!("While compiling '{name}': Found a reference to {named}, which {said} '{date}'."),
    );
    let warning = warning
        .fact("model_name", name)
        .fact("ref_model_name", &target.name)
        .fact("ref_model_package", &target.package_name)
        .fact("ref_model_version", &version)
        .fact("ref_model_latest_version", &latest)
        .fact("ref_model_deprecation_date", date);
    Some(match !version.is_empty() && version != latest {
        true => warning.hint(format!(
            "A new version of '{0}' is available. {try_it}: {{{{ ref('{1}', '{0}', v='{latest}') }}}}",
            target.name, target.package_name
        )),
        false => warning,
    })
}

fn depends_on_root(context: &Context<'_>, caller: &Caller<'_>, call: &RefCall, target: &Node) -> Option<Diagnostic> {
    let id = &target.unique_id;
    let package = caller.resource.package_name();
    let surprising = !context.options.node_package_first
        && package != context.root_package
        && target.package_name == context.root_package
        && call.package.as_deref() != Some(context.root_package);
    surprising.then(|| {
        let name = caller.resource.name();
        let text = format!(
            "the node `{name}` in package `{package}` depends on the root project's `{id}`, which may not be meant"
        );
        Diagnostic::warning_of("PackageNodeDependsOnRootProjectNode", text)
            .fact("node_name", name)
            .fact("package_name", package)
            .fact("root_project_unique_id", &**id)
            .hint(format!("name the package: `ref('{package}', '{}')`", call.name))
    })
}

fn ambiguous(name: &str, entries: &[Entry]) -> Diagnostic {
    let quoted = |names: Vec<&str>, between: &str| format!("'{}'", names.join(between));
    let ids = quoted(entries.iter().map(|entry| entry.id.as_ref()).collect(), "', '");
    let packages = quoted(entries.iter().map(|entry| entry.package.as_str()).collect(), "' or '");
    Diagnostic::error(format!("When referencing '{name}', dbt found nodes in multiple packages: {ids}"))
        .hint(format!("use two-argument 'ref', with the package name first: {packages}"))
}

fn place(origin: &Origin, is_it: impl Fn(&CallTarget) -> bool) -> Option<Span> {
    let call = origin.calls.iter().find(|(target, _)| is_it(target)).map(|(_, span)| span.clone());
    call.or_else(|| origin.code.clone()).or_else(|| origin.properties.clone())
}

/// What is wrong with a resource's group and access; `known` are the names of all groups, sorted.
fn check_group(resource: Resource<'_>, known: &[&str]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let (group, origin) = match resource {
        Resource::Node(node) => (node.group.as_deref(), &node.origin),
        Resource::Semantic(semantic) => (semantic.config.text("group"), &semantic.origin),
        _ => return problems,
    };
    if let Some(group) = group.filter(|group| known.binary_search(group).is_err()) {
        let text = format!("Invalid group '{group}', expected one of {known:?}");
        let place = origin.properties.clone().or_else(|| origin.code.clone());
        let problem = Diagnostic::error(text).at_opt(place).note(format!("of `{}`", resource.unique_id()));
        problems.push(problem.suggest(group, known.iter().copied()));
    }
    if let Resource::Node(node) = resource {
        let public = node.model().is_some_and(|model| model.access == Access::Public);
        if public && node.is_ephemeral() {
            let text = format!("`{}` is ephemeral and cannot be public", node.unique_id);
            problems.push(Diagnostic::error(text).at_opt(origin.properties.clone()));
        }
    }
    problems
}

/// A test that says of columns that they are unique, or not null.
struct KeyTest<'a> {
    of: &'a UniqueId,
    columns: Vec<&'a str>,
    is_unique: bool,
    is_enabled: bool,
}

fn key_test(node: &Node) -> Option<KeyTest<'_>> {
    let test = node.generic_test()?;
    let is_unique = match test.test_metadata.name.as_str() {
        "unique" | "unique_combination_of_columns" => true,
        "not_null" => false,
        _ => return None,
    };
    let arguments = &test.test_metadata.kwargs;
    let columns = match (arguments.get("column_name"), arguments.get("combination_of_columns")) {
        (Some(Value::String(column)), _) => vec![column.as_str()],
        (_, Some(Value::Array(columns))) => columns.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    Some(KeyTest { of: test.attached_node.as_ref()?, columns, is_unique, is_enabled: node.config.enabled() })
}

/// The columns that tell rows apart, by model: a primary key constraint, else columns that are
/// tested as unique and not null, else as unique, else those whose test is switched off.
fn primary_keys(manifest: &Manifest) -> FastMap<UniqueId, Vec<String>> {
    #[derive(Default)]
    struct Tested<'a> {
        unique: Vec<&'a str>,
        once_unique: Vec<&'a str>,
        not_null: Vec<&'a str>,
    }
    let switched_off = manifest.disabled.values().flatten().filter_map(|disabled| match disabled {
        Disabled::Node(node) => Some(&**node),
        _ => None,
    });
    let nodes: Vec<&Node> = manifest.nodes.values().map(AsRef::as_ref).collect();
    let enabled: Vec<KeyTest<'_>> = nodes.par_iter().filter_map(|node| key_test(node)).collect();
    let mut tested: FastMap<&UniqueId, Tested<'_>> = FastMap::default();
    for test in enabled.into_iter().chain(switched_off.filter_map(key_test)) {
        let Tested { unique, once_unique, not_null } = tested.entry(test.of).or_default();
        let list = match (test.is_unique, test.is_enabled) {
            (true, true) => unique,
            (true, false) => once_unique,
            (false, _) => not_null,
        };
        list.extend(test.columns);
    }
    let key = |node: &&Node| {
        let model = node.model()?;
        let is_key = |constraint: &Value| constraint.get("type").and_then(Value::as_str) == Some("primary_key");
        let listed = model.constraints.iter().find(|constraint| is_key(constraint)).map(|constraint| {
            let columns = constraint.get("columns").and_then(Value::as_array);
            columns.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        });
        let column = node.columns.values().find(|column| column.rest.constraints.iter().any(is_key));
        let from_tests = || {
            let Tested { unique, once_unique, not_null } = tested.get(&node.unique_id)?;
            let all = unique.iter().chain(once_unique);
            let both: Vec<&str> = all.filter(|column| not_null.contains(column)).copied().collect();
            let chosen = [&both, unique, once_unique].into_iter().find(|columns| !columns.is_empty())?;
            Some(chosen.iter().map(|column| (*column).to_owned()).collect())
        };
        let key = listed.or_else(|| column.map(|column| vec![column.name.clone()])).or_else(from_tests);
        let mut key = key.filter(|key| !key.is_empty())?;
        key.sort_unstable();
        key.dedup();
        Some((node.unique_id.clone(), key))
    };
    nodes.par_iter().filter_map(key).collect()
}

/// Ties unit tests to their models; one for each version of a versioned model.
pub(super) fn expand_unit_tests(manifest: &mut Manifest, lookup: &Lookup, diagnostics: &mut Diagnostics) {
    let mut kept: ById<Arc<UnitTest>> = ById::default();
    for (id, test) in std::mem::take(&mut manifest.unit_tests) {
        let call = RefCall { name: test.model.clone(), package: Some(test.package_name.clone()), version: None };
        let found = match lookup.find_ref(&test.package_name, &call) {
            Target::Found(id) => manifest.nodes.get(id),
            // Models without a latest version among those that are switched on.
            Target::Disabled => {
                let switched_off = Disabled::UnitTest(Box::new(Arc::unwrap_or_clone(test)));
                manifest.disabled.entry(id).or_default().push(switched_off);
                continue;
            }
            _ => None,
        };
        let Some(model) = found else {
            let text = format!(
                "Unable to find model '{}.{}' for unit test '{}' in {}",
                test.package_name, test.model, test.name, test.original_file_path
            );
            let diagnostic = Diagnostic::error(text).at_opt(test.origin.properties.clone());
            diagnostics.push(diagnostic.suggest(&test.model, lookup.ref_names()));
            continue;
        };
        if let Some(problem) = incremental_problem(&test, model) {
            diagnostics.push(Diagnostic::error(problem).at_opt(test.origin.properties.clone()));
        }
        match versions(manifest, &test, model) {
            Ok(None) => {
                let mut test = test;
                let changed = Arc::make_mut(&mut test);
                changed.depends_on.nodes = vec![model.unique_id.clone()];
                changed.schema = Some(model.schema.clone());
                kept.insert(id, test);
            }
            Ok(Some(models)) => {
                for model in models {
                    let version = model.model().and_then(|model| model.version.clone());
                    let mut copy = UnitTest::clone(&test);
                    let shown = version.as_ref().map(ToString::to_string).unwrap_or_default();
                    copy.unique_id = UniqueId::from(format!("{id}_v{shown}"));
                    copy.depends_on.nodes = vec![model.unique_id.clone()];
                    copy.schema = Some(model.schema.clone());
                    copy.version = version;
                    kept.insert(copy.unique_id.clone(), Arc::new(copy));
                }
            }
            Err(problem) => diagnostics.push(Diagnostic::error(problem).at_opt(test.origin.properties.clone())),
        }
    }
    manifest.unit_tests = kept;
}

/// The versions that a unit test is for; `None` where the model has none.
fn versions<'a>(manifest: &'a Manifest, test: &UnitTest, model: &'a Node) -> Result<Option<Vec<&'a Node>>, String> {
    let listed = |key: &str| {
        let list = test.versions.as_ref().and_then(|versions| versions.get(key)).and_then(Value::as_array);
        list.filter(|list| !list.is_empty())
    };
    let (include, exclude) = (listed("include"), listed("exclude"));
    if model.model().and_then(|model| model.version.as_ref()).is_none() {
        if include.is_some() || exclude.is_some() {
            return Err(format!(
                "Unit test '{}' should not have a versions include or exclude when referencing non-versioned model '{}'",
                test.name, model.name
            ));
        }
        return Ok(None);
    }
    let has = |list: &[Value], node: &Node| {
        let version = node.model().and_then(|model| model.version.as_ref());
        version.is_some_and(|version| list.contains(&version.to_json()))
    };
    let same = manifest
        .nodes
        .values()
        .filter(|node| node.name == model.name && node.package_name == model.package_name && node.model().is_some());
    let chosen: Vec<&Node> = same
        .map(Arc::as_ref)
        .filter(|node| match (exclude, include) {
            (Some(exclude), _) => !has(exclude, node),
            (None, Some(include)) => has(include, node),
            (None, None) => true,
        })
        .collect();
    if chosen.is_empty() {
        return Err(format!("Unit test '{}' referenced a version of '{}' which was not found", test.name, model.name));
    }
    Ok(Some(chosen))
}

fn incremental_problem(test: &UnitTest, model: &Node) -> Option<String> {
    let code = model.code()?;
    if !code.depends_on.macros.iter().any(|id| id.as_ref() == "macro.dbt.is_incremental") {
        return None;
    }
    let overridden = test.overrides.as_ref().and_then(|overrides| overrides.get("macros")?.get("is_incremental"));
    match overridden.and_then(Value::as_bool) {
        None => Some(format!(
            "Boolean override for 'is_incremental' must be provided for unit test '{}' in model '{}'",
            test.name, model.name
        )),
        Some(true) if !test.given.iter().any(|given| given.input.as_deref().map(str::trim) == Some("this")) => {
            Some(format!("Unit test '{}' for incremental model '{}' must have a 'this' input", test.name, model.name))
        }
        Some(_) => None,
    }
}
