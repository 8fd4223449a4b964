//! Joins drafts and properties to the manifest.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry as IndexEntry;
use rayon::prelude::*;
use serde_json::Value;

use super::configure::{self, Own};
use super::draft::Drafts;
use super::exposure::{self, Placed};
use super::generic_test::{self, Column, PropertiesPath, Target, TargetKind};
use super::macros::{self, FoundMacro};
use super::names::Namer;
use super::node::{self, Draft, Patch};
use super::properties::{
    ColumnProperties, Entry, NodeProperties, Properties, Section, SourceProperties, TestProperties, VersionProperties,
};
use super::source::{self, Table};
use super::workspace::Workspace;
use super::{FILES_SHARE, PropertiesFile, SHARE, check, function, gather, semantic, unit_test};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::manifest::{Disabled, Manifest, Metadata, Node, Quoting, ResourceType, Source, UniqueId, Version};
use crate::resource::FastMap;

/// Makes the manifest; what is wrong goes to `problems`.
pub fn manifest(
    workspace: &Workspace<'_>,
    found: &[FoundMacro],
    mut files: Vec<PropertiesFile>,
    mut drafts: Drafts,
    problems: &mut Diagnostics,
) -> Manifest {
    let namer = Namer::new(workspace);
    let patches = patches(workspace, &files, &mut drafts, problems);
    // Each node is made where it stays: lists of nodes by value would be copied as they grow and are taken apart.
    let finished: Vec<Result<Arc<Node>, Diagnostic>> = drafts
        .into_par_iter()
        .zip(patches)
        .with_max_len(SHARE)
        .map(|(draft, patch)| node::finish(workspace, &namer, *draft, patch.as_ref()).map(Arc::new))
        .collect();
    let mut manifest = Manifest { metadata: metadata(workspace), ..Manifest::default() };
    let (functions, nodes): (Vec<Arc<Node>>, Vec<Arc<Node>>) =
        gather(finished, problems).into_iter().partition(|node| node.resource_type == ResourceType::Function);
    add_nodes(&mut manifest, nodes, problems);
    function::add(&mut manifest, functions, problems);
    // Before tests take over what is said of their nodes.
    for (file, properties) in files.iter().flat_map(|file| file.properties.nodes.iter().map(move |node| (file, node))) {
        if let Err(problem) = semantic::add_under_model(workspace, file, properties, &mut manifest) {
            problems.push(problem);
        }
    }
    let own = super::own_properties::read(workspace, &manifest, problems);
    let with_tests = files.iter_mut().map(taken_nodes).chain(own).collect();
    let tests = node_tests(workspace, &namer, with_tests, &manifest, problems);
    add_nodes(&mut manifest, tests, problems);
    let files = &files;
    add_sources(workspace, &namer, files, &mut manifest, problems);
    add_entries(workspace, files, &mut manifest, problems);
    semantic::osi::add(workspace, &mut manifest, problems);
    let described: Vec<(usize, String, &Entry)> = files
        .iter()
        .flat_map(|file| {
            let entries = file.properties.entries.iter().filter(|entry| macros::is_macro(entry));
            entries.map(move |entry| (file.package, patch_path(workspace, file), entry))
        })
        .collect();
    for entry in macros::entries(workspace, found, &described, problems) {
        manifest.macros.insert(entry.unique_id.clone(), Arc::new(entry));
    }
    semantic::add_input_measures(&mut manifest);
    manifest.docs = workspace.docs.blocks.iter().map(|doc| (doc.unique_id.clone(), doc.clone())).collect();
    manifest.selectors = selectors(workspace, problems);
    check::all(workspace, &manifest, problems);
    super::microbatch::write_moments(&mut manifest);
    manifest
}

fn metadata(workspace: &Workspace<'_>) -> Metadata {
    let root = &workspace.root().name;
    let project = workspace.root().package.config.quoting;
    let style = workspace.relation(None, "", "").quote;
    Metadata {
        dbt_schema_version: "https://schemas.getdbt.com/dbt/manifest/v12.json".to_owned(),
        dbt_version: crate::invocation::DBT_VERSION.to_owned(),
        invocation_id: Some(workspace.inputs.globals.invocation_id.clone()),
        project_name: Some(root.to_string()),
        project_id: Some(super::test_names::md5_hex(root)),
        adapter_type: Some(workspace.inputs.capabilities.adapter.to_owned()),
        quoting: Quoting {
            database: project.database.or(Some(style.database)),
            schema: project.schema.or(Some(style.schema)),
            identifier: project.identifier.or(Some(style.identifier)),
            column: None,
        },
        ..Metadata::default()
    }
}

/// `package://path` of a properties file.
pub fn patch_path(workspace: &Workspace<'_>, file: &PropertiesFile) -> String {
    [&workspace.packages[file.package].name, "://", &file.path].concat()
}

/// Drafts by what properties call them.
#[derive(Default)]
struct Index {
    /// Models, seeds, snapshots.
    refable: FastMap<String, Vec<usize>>,
    analyses: FastMap<String, Vec<usize>>,
    tests: FastMap<String, Vec<usize>>,
    functions: FastMap<String, Vec<usize>>,
}

impl Index {
    fn new(drafts: &[Box<Draft>]) -> Self {
        let mut index = Index::default();
        index.refable.reserve(drafts.len());
        for (at, draft) in drafts.iter().enumerate() {
            let map = match draft.resource_type {
                ResourceType::Analysis => &mut index.analyses,
                ResourceType::Test => &mut index.tests,
                ResourceType::Function => &mut index.functions,
                kind if kind.is_refable() => &mut index.refable,
                _ => continue,
            };
            map.entry(draft.name.clone()).or_default().push(at);
        }
        index
    }

    fn of(&self, section: Section) -> &FastMap<String, Vec<usize>> {
        match section {
            Section::Analyses => &self.analyses,
            Section::SingularTests => &self.tests,
            Section::Functions => &self.functions,
            _ => &self.refable,
        }
    }

    /// The draft under a name, if there is one only.
    fn only(&self, section: Section, name: &str) -> Option<usize> {
        match self.of(section).get(name)?.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The drafts under a name: those of the package, or else any. Where those of the package are disabled,
    /// one of another package that is not comes first.
    fn find(
        &self,
        workspace: &Workspace<'_>,
        (section, name): (Section, &str),
        package: usize,
        drafts: &[Box<Draft>],
    ) -> Vec<usize> {
        let all = self.of(section).get(name).map_or(&[][..], Vec::as_slice);
        let own: Vec<usize> = all.iter().copied().filter(|at| drafts[*at].package == package).collect();
        if section == Section::SingularTests {
            return own;
        }
        if own.is_empty() {
            return all.to_vec();
        }
        let enabled = |at: &usize| is_enabled(workspace, &drafts[*at]);
        if own.len() < all.len() && !own.iter().any(enabled) {
            let other = all.iter().copied().find(|at| drafts[*at].package != package && enabled(at));
            return other.map_or(own, |at| vec![at]);
        }
        own
    }
}

fn is_enabled(workspace: &Workspace<'_>, draft: &Draft) -> bool {
    let own = Own { properties: super::workspace::empty(), calls: &draft.calls.config };
    let places = workspace.places(draft.package);
    configure::config(places, draft.resource_type, &draft.fqn, own).map_or(true, |config| config.enabled())
}

/// For each draft its patch; versions are given to the drafts here.
fn patches<'p>(
    workspace: &Workspace<'_>,
    files: &'p [PropertiesFile],
    drafts: &mut [Box<Draft>],
    problems: &mut Diagnostics,
) -> Vec<Option<Patch<'p>>> {
    let index = Index::new(drafts);
    let mut patches: Vec<Option<Patch<'p>>> = vec![None; drafts.len()];
    for file in files {
        for properties in &file.properties.nodes {
            if properties.versions.is_empty() {
                let patch = || Patch { properties, version: None, latest_version: None, file };
                // Nearly always one draft has the name, and is of the package and the kind.
                if let Some(at) = index.only(properties.section, &properties.name)
                    && drafts[at].package == file.package
                    && drafts[at].resource_type == kind_of(properties.section)
                {
                    put(&mut patches, at, patch(), problems);
                    continue;
                }
                let found = index.find(workspace, (properties.section, &properties.name), file.package, drafts);
                let found = of_section(workspace, properties, found, drafts, file, problems);
                for at in found {
                    put(&mut patches, at, patch(), problems);
                }
                continue;
            }
            let latest = latest_version(properties);
            for version in &properties.versions {
                let patch = Patch { properties, version: Some(version), latest_version: Some(latest.clone()), file };
                let found = find_version(&index, properties, version, &latest, (file.package, drafts));
                // A second entry about the same versions finds the latest of them only, and takes its place.
                let has_version = |at: &usize| patches[*at].as_ref().is_some_and(|first| first.version.is_some());
                match found.filter(|at| version.v == latest || !has_version(at)) {
                    Some(at) => {
                        let package = workspace.packages[drafts[at].package].name.clone();
                        let draft = &mut drafts[at];
                        draft.unique_id = format!("model.{package}.{}.v{}", properties.name, version.v).into();
                        draft.name.clone_from(&properties.name);
                        if let Some(last) = draft.fqn.last_mut() {
                            last.clone_from(&properties.name);
                        }
                        draft.fqn.push(format!("v{}", version.v));
                        patches[at] = Some(patch);
                    }
                    None => {
                        let name = version_file(properties, version);
                        let mut problem = not_found(&name, properties, &version.span, &index);
                        if let Some(first) = found.and_then(|at| patches[at].as_ref()) {
                            let span = first.properties.span.clone();
                            problem = problem.note_at("an earlier entry is about it", span);
                        }
                        problems.push(problem);
                    }
                }
            }
        }
    }
    patches
}

fn put<'p>(patches: &mut [Option<Patch<'p>>], at: usize, patch: Patch<'p>, problems: &mut Diagnostics) {
    match &patches[at] {
        None => patches[at] = Some(patch),
        Some(first) => {
            let name = &patch.properties.name;
            let message = format!(
                "dbt found two schema.yml entries for the same resource named {name}. Resources and their associated \
                 columns may only be described a single time. To fix this, remove one of the resource entries for \
                 {name} in one of these files:\n - {}\n - {}",
                first.file.path, patch.file.path
            );
            let problem = Diagnostic::error(message).at(patch.properties.span.clone());
            problems.push(problem.note_at("the other entry", first.properties.span.clone()));
        }
    }
}

/// The kind of node that a section is about.
fn kind_of(section: Section) -> ResourceType {
    match section {
        Section::Models => ResourceType::Model,
        Section::Seeds => ResourceType::Seed,
        Section::Snapshots => ResourceType::Snapshot,
        Section::Analyses => ResourceType::Analysis,
        Section::Functions => ResourceType::Function,
        _ => ResourceType::Test,
    }
}

/// Of the drafts under a name, those that the entry is about.
fn of_section(
    workspace: &Workspace<'_>,
    properties: &NodeProperties,
    found: Vec<usize>,
    drafts: &[Box<Draft>],
    file: &PropertiesFile,
    problems: &mut Diagnostics,
) -> Vec<usize> {
    let wanted = kind_of(properties.section);
    if found.is_empty() {
        let index = Index::new(drafts);
        problems.push(not_found(&properties.name, properties, &properties.span, &index));
        return found;
    }
    let (fitting, others): (Vec<usize>, Vec<usize>) =
        found.into_iter().partition(|at| drafts[*at].resource_type == wanted);
    if fitting.is_empty() {
        let (name, path) = (&properties.name, &file.path);
        let kind = others.first().map_or(wanted, |at| drafts[*at].resource_type);
        let message = format!(
            "'{name}' is a {kind} node, but it is specified in the {} section of {path}. To fix this error, place the \
             `{name}` specification under the {kind}s key instead.",
            properties.section.key()
        );
        problems.push(Diagnostic::warning_of("WrongResourceSchemaFile", message).at(properties.span.clone()));
        return Vec::new();
    }
    if fitting.len() == 1 {
        return fitting;
    }
    // Of several, the enabled one is meant; if none is, the entry is about all of them.
    let enabled: Vec<usize> = fitting.iter().copied().filter(|at| is_enabled(workspace, &drafts[*at])).collect();
    if !enabled.is_empty() {
        return enabled;
    }
    if properties.config.get("enabled") == Some(&Value::Bool(true)) {
        let message = format!(
            "Found {} matching disabled nodes for {wanted} '{}'. Multiple nodes for the same unique id cannot be \
             enabled in the schema file. They must be enabled in `dbt_project.yml` or in the sql files.",
            fitting.len(),
            properties.name
        );
        problems.push(Diagnostic::error(message).at(properties.span.clone()));
    }
    fitting
}

fn not_found(name: &str, properties: &NodeProperties, span: &Span, index: &Index) -> Diagnostic {
    let section = properties.section;
    let message = format!(
        "Did not find matching node for patch with name '{name}' in the '{}' section of file '{}'",
        section.key(),
        span.file.path
    );
    let names = index.of(section);
    let others = names.keys().map(String::as_str).filter(|other| *other != name);
    Diagnostic::warning_of("NoNodeForYamlKey", message).at(span.clone()).suggest(name, others)
}

/// The name of the file in which a version is.
fn version_file(properties: &NodeProperties, version: &VersionProperties) -> String {
    version.defined_in.clone().unwrap_or_else(|| format!("{}_v{}", properties.name, version.v))
}

fn find_version(
    index: &Index,
    properties: &NodeProperties,
    version: &VersionProperties,
    latest: &Version,
    (package, drafts): (usize, &[Box<Draft>]),
) -> Option<usize> {
    let own_model = |name: &str| {
        let found = index.refable.get(name)?;
        found
            .iter()
            .copied()
            .find(|at| drafts[*at].package == package && drafts[*at].resource_type == ResourceType::Model)
    };
    let by_file = own_model(&version_file(properties, version));
    by_file.or_else(|| if version.v == *latest { own_model(&properties.name) } else { None })
}

/// The latest version: as given, or else the greatest by number, or by text.
fn latest_version(properties: &NodeProperties) -> Version {
    if let Some(latest) = &properties.latest_version {
        return latest.clone();
    }
    let versions = properties.versions.iter().map(|version| &version.v);
    let greatest =
        versions.reduce(|greatest, version| if greatest.is_newer_than(version) { greatest } else { version });
    greatest.cloned().unwrap_or(Version::Number(1))
}

/// Adds nodes; of two that are enabled under one id, the second is an error.
fn add_nodes(manifest: &mut Manifest, nodes: Vec<Arc<Node>>, problems: &mut Diagnostics) {
    manifest.nodes.reserve(nodes.len());
    for node in nodes {
        let id = node.unique_id.clone();
        if !node.config.enabled() {
            manifest.disabled.entry(id).or_default().push(Disabled::Node(Box::new(Arc::unwrap_or_clone(node))));
            continue;
        }
        match manifest.nodes.entry(id) {
            IndexEntry::Occupied(first) => problems.push(check::duplicate(first.get(), &node)),
            IndexEntry::Vacant(place) => {
                place.insert(node);
            }
        }
    }
}

/// One test to make.
struct PlannedTest<'p> {
    target: Arc<Target<'p>>,
    column: Column,
    test: &'p TestProperties,
}

/// A file with what it says about nodes, which it loses: only their tests are still to be made.
fn taken_nodes(file: &mut PropertiesFile) -> PropertiesFile {
    let nodes = std::mem::take(&mut file.properties.nodes);
    let (path, resource_path) = (file.path.clone(), file.resource_path.clone());
    PropertiesFile {
        package: file.package,
        path,
        resource_path,
        properties: Properties { nodes, ..Properties::default() },
    }
}

/// The generic tests on models, seeds and snapshots. What a file says goes as soon as its tests are made, so
/// that they take its memory.
fn node_tests(
    workspace: &Workspace<'_>,
    namer: &Namer,
    files: Vec<PropertiesFile>,
    manifest: &Manifest,
    problems: &mut Diagnostics,
) -> Vec<Arc<Node>> {
    let made: Vec<Vec<Result<Arc<Node>, Diagnostic>>> = files
        .into_par_iter()
        .with_max_len(FILES_SHARE)
        .map(|file| {
            let mut planned = Vec::new();
            for properties in &file.properties.nodes {
                plan_properties(workspace, &file, properties, manifest, &mut planned);
            }
            make_all(workspace, namer, planned)
        })
        .collect();
    gather(made.into_iter().flatten(), problems)
}

fn plan_properties<'p>(
    workspace: &Workspace<'_>,
    file: &'p PropertiesFile,
    properties: &'p NodeProperties,
    manifest: &Manifest,
    planned: &mut Vec<PlannedTest<'p>>,
) {
    if !matches!(properties.section, Section::Models | Section::Seeds | Section::Snapshots) {
        return;
    }
    if properties.versions.is_empty() {
        plan_node(workspace, (file, properties, None), manifest, planned);
    }
    for version in &properties.versions {
        plan_node(workspace, (file, properties, Some(version)), manifest, planned);
    }
}

/// The node that tests of this name stand under, and its group: an enabled one, or else one that is switched off.
fn attached(
    manifest: &Manifest,
    package: &str,
    properties: &NodeProperties,
    version: Option<&Version>,
) -> Option<(UniqueId, Option<String>)> {
    // The kind that the section is of comes first: whoever writes of a seed under `models:` is told so elsewhere.
    let kinds = match properties.section {
        Section::Seeds => [ResourceType::Seed, ResourceType::Model, ResourceType::Snapshot],
        Section::Snapshots => [ResourceType::Snapshot, ResourceType::Model, ResourceType::Seed],
        _ => [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot],
    };
    let id = |kind: ResourceType| match version {
        Some(version) => format!("{kind}.{package}.{}.v{version}", properties.name),
        None => [kind.as_str(), ".", package, ".", &properties.name].concat(),
    };
    let enabled = |kind| manifest.nodes.get(id(kind).as_str()).map(Arc::as_ref);
    let disabled = |kind| {
        manifest.disabled.get(id(kind).as_str())?.iter().rev().find_map(|disabled| match disabled {
            Disabled::Node(node) => Some(node.as_ref()),
            _ => None,
        })
    };
    let found = kinds.into_iter().find_map(enabled).or_else(|| kinds.into_iter().find_map(disabled))?;
    Some((found.unique_id.clone(), found.group.clone()))
}

fn plan_node<'p>(
    workspace: &Workspace<'_>,
    (file, properties, version): (&'p PropertiesFile, &'p NodeProperties, Option<&'p VersionProperties>),
    manifest: &Manifest,
    planned: &mut Vec<PlannedTest<'p>>,
) {
    let columns: Vec<&ColumnProperties> = match version {
        None => properties.columns.iter().collect(),
        Some(version) => {
            let included = properties.columns.iter().filter(|column| version.columns.includes(&column.name));
            included.chain(&version.columns.own).collect()
        }
    };
    let tests = version.and_then(|version| version.tests.as_ref()).unwrap_or(&properties.tests);
    if tests.is_empty() && columns.iter().all(|column| column.tests.is_empty()) {
        return;
    }
    let package = &workspace.packages[file.package].name;
    let target = Arc::new(Target {
        kind: TargetKind::Node { name: &properties.name, version: version.map(|version| &version.v) },
        package: file.package,
        section: properties.section.key(),
        file: PropertiesPath { original: &file.path },
        attached: attached(manifest, package, properties, version.map(|version| &version.v)),
    });
    for column in columns {
        plan_column(workspace, &target, column, (properties.quote_columns, &[]), planned);
    }
    let on_node = tests.iter().map(|test| PlannedTest { target: target.clone(), column: Column::default(), test });
    planned.extend(on_node);
}

fn plan_column<'p>(
    workspace: &Workspace<'_>,
    target: &Arc<Target<'p>>,
    column: &'p ColumnProperties,
    (quote_columns, tags): (Option<bool>, &[String]),
    planned: &mut Vec<PlannedTest<'p>>,
) {
    let is_quoted = column.quote.or(quote_columns).unwrap_or(false);
    let name = if is_quoted { workspace.inputs.capabilities.quote(&column.name) } else { column.name.clone() };
    let mut all_tags = tags.to_vec();
    all_tags.extend(column.tags.iter().cloned());
    for test in &column.tests {
        let column = Column { name: Some(name.clone()), tags: all_tags.clone() };
        planned.push(PlannedTest { target: target.clone(), column, test });
    }
}

fn make_tests(
    workspace: &Workspace<'_>,
    namer: &Namer,
    planned: Vec<PlannedTest<'_>>,
    problems: &mut Diagnostics,
) -> Vec<Arc<Node>> {
    gather(make_all(workspace, namer, planned), problems)
}

fn make_all(
    workspace: &Workspace<'_>,
    namer: &Namer,
    planned: Vec<PlannedTest<'_>>,
) -> Vec<Result<Arc<Node>, Diagnostic>> {
    let make = |planned: PlannedTest<'_>| {
        generic_test::node(workspace, namer, &planned.target, &planned.column, planned.test).map(Arc::new)
    };
    planned.into_par_iter().map(make).collect()
}

/// Sources with their overrides, and the tests on them.
fn add_sources(
    workspace: &Workspace<'_>,
    namer: &Namer,
    files: &[PropertiesFile],
    manifest: &mut Manifest,
    problems: &mut Diagnostics,
) {
    let merged = overridden_sources(workspace, files, problems);
    let mut tables = Vec::new();
    for (file_at, source) in &merged {
        let file = &files[*file_at];
        tables.extend(source.tables.iter().map(|table| Table {
            package: file.package,
            source,
            table,
            original_file_path: file.path.clone(),
            resource_path: file.resource_path.clone(),
        }));
    }
    let mut planned = Vec::new();
    for table in &tables {
        plan_table(workspace, table, &mut planned);
    }
    let tests = make_tests(workspace, namer, planned, problems);
    add_nodes(manifest, tests, problems);
    let made: Vec<Result<Source, Diagnostic>> =
        tables.par_iter().map(|table| source::finish(workspace, table)).collect();
    for source in gather(made, problems) {
        problems.extend(check::no_age(workspace, &source));
        let id = source.unique_id.clone();
        if let Some(first) = manifest.sources.get(&id) {
            problems.push(check::duplicate_source(first, &source));
        } else if source.config.enabled() {
            manifest.sources.insert(id, Arc::new(source));
        } else {
            manifest.disabled.entry(id).or_default().push(Disabled::Source(Box::new(source)));
        }
    }
}

/// The sources, changed by overrides, each with the number of its file.
type Merged = Vec<(usize, SourceProperties)>;

fn overridden_sources(workspace: &Workspace<'_>, files: &[PropertiesFile], problems: &mut Diagnostics) -> Merged {
    let mut overrides: HashMap<(&str, &str), (&SourceProperties, bool)> = HashMap::new();
    for file in files {
        for source in &file.properties.sources {
            let Some(package) = source.overrides.as_deref() else { continue };
            if let Some((first, _)) = overrides.insert((package, &source.name), (source, false)) {
                let message = format!(
                    "dbt found two schema.yml entries for the same source named {} in package {package}. Sources may \
                     only be overridden a single time.\nTo fix this, remove the entry from one of these files.",
                    source.name
                );
                let problem = Diagnostic::error(message).at_opt(source.span.clone());
                problems.push(match first.span.clone() {
                    Some(span) => problem.note_at("the other override", span),
                    None => problem,
                });
            }
        }
    }
    let mut merged = Merged::new();
    for (at, file) in files.iter().enumerate() {
        let package = &*workspace.packages[file.package].name;
        for source in file.properties.sources.iter().filter(|source| source.overrides.is_none()) {
            match overrides.get_mut(&(package, source.name.as_str())) {
                Some((change, used)) => {
                    *used = true;
                    merged.push((at, source::overridden(source, change)));
                }
                None => merged.push((at, source.clone())),
            }
        }
    }
    for ((package, name), (source, used)) in overrides {
        if !used {
            let message = format!("there is no source `{name}` in package `{package}` to override");
            problems.push(Diagnostic::warning_of("UnusedTables", message).at_opt(source.span.clone()));
        }
    }
    merged
}

fn plan_table<'p>(workspace: &Workspace<'_>, table: &'p Table<'p>, planned: &mut Vec<PlannedTest<'p>>) {
    let target = Arc::new(Target {
        kind: TargetKind::Table { source: &table.source.name, table: &table.table.name },
        package: table.package,
        section: Section::Sources.key(),
        file: PropertiesPath { original: &table.original_file_path },
        attached: None,
    });
    let mut tags = table.source.settings.tags.clone();
    tags.extend(table.table.settings.tags.iter().cloned());
    for test in &table.table.tests {
        planned.push(PlannedTest { target: target.clone(), column: Column { name: None, tags: tags.clone() }, test });
    }
    let quoting = table.table.settings.quoting.column.or(table.source.settings.quoting.column);
    for column in &table.table.columns {
        plan_column(workspace, &target, column, (table.table.quote_columns.or(quoting), &tags), planned);
    }
}

/// Exposures, groups and whatever else stands in properties files alone.
fn add_entries(
    workspace: &Workspace<'_>,
    files: &[PropertiesFile],
    manifest: &mut Manifest,
    problems: &mut Diagnostics,
) {
    for file in files {
        for entry in &file.properties.entries {
            let placed = Placed {
                package: file.package,
                original_file_path: &file.path,
                resource_path: &file.resource_path,
                entry,
            };
            if let Err(problem) = add_entry(workspace, &placed, manifest) {
                problems.push(problem);
            }
        }
    }
}

fn add_entry(workspace: &Workspace<'_>, placed: &Placed<'_>, manifest: &mut Manifest) -> Result<(), Diagnostic> {
    let twice = |kind: ResourceType| {
        let message = format!("dbt found two {} with the name \"{}\"", kind.plural(), placed.entry.name);
        Err(Diagnostic::error(message).at(placed.entry.span.clone()).hint("rename or remove one of them"))
    };
    match placed.entry.section {
        Section::Exposures => {
            let made = exposure::exposure(workspace, placed)?;
            let id = made.unique_id.clone();
            if manifest.exposures.contains_key(&id) {
                return twice(ResourceType::Exposure);
            }
            if made.config.enabled() {
                manifest.exposures.insert(id, Arc::new(made));
            } else {
                manifest.disabled.entry(id).or_default().push(Disabled::Exposure(Box::new(made)));
            }
        }
        Section::Groups => {
            let made = exposure::group(workspace, placed)?;
            if manifest.groups.contains_key(&made.unique_id) {
                return twice(ResourceType::Group);
            }
            manifest.groups.insert(made.unique_id.clone(), Arc::new(made));
        }
        Section::UnitTests => {
            let made = unit_test::unit_test(workspace, placed, manifest)?;
            let id = made.unique_id.clone();
            if manifest.unit_tests.contains_key(&id) {
                return twice(ResourceType::UnitTest);
            }
            if made.config.enabled() {
                manifest.unit_tests.insert(id, Arc::new(made));
            } else {
                manifest.disabled.entry(id).or_default().push(Disabled::UnitTest(Box::new(made)));
            }
        }
        Section::Metrics | Section::SemanticModels | Section::SavedQueries => {
            semantic::add(workspace, placed, manifest)?;
        }
        _ => {}
    }
    Ok(())
}

/// The selectors of `selectors.yml`, by name.
fn selectors(workspace: &Workspace<'_>, problems: &mut Diagnostics) -> IndexMap<String, Value> {
    let mut selectors = IndexMap::new();
    let Some(file) = &workspace.inputs.files.selectors else { return selectors };
    // What is wrong with the file is said where selectors are used.
    let Ok(parsed) = crate::yaml::parse(file) else { return selectors };
    problems.extend(parsed.warnings);
    let root = parsed.value;
    let list = root.as_ref().and_then(|root| root.get("selectors")).and_then(|list| list.as_list());
    for selector in list.unwrap_or(&[]) {
        if let Some(name) = selector.get("name").and_then(|name| name.as_str()) {
            selectors.insert(name.to_owned(), selector.to_json());
        }
    }
    selectors
}
