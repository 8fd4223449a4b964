//! Contracts beside the SQL of their models: what can be said before a warehouse looks, and where a contract
//! that was broken is written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::runtime::Runtime;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile, Span};
use crate::event::{Remark, Status};
use crate::load;
use crate::manifest::contract::{self, CONTRACT_FAILED};
use crate::manifest::{Node, ResourceType};
use crate::resource::UniqueId;
use crate::run::Run;
use crate::sql::project::{self, Facts, NodeCode, NodeInput};
use crate::sql::{KnownColumn, KnownColumns};
use crate::yaml;

/// Warns of compiled models whose SQL gives other columns than their contracts promise.
///
/// Names alone are compared, and only where the SQL tells all of them: types are what the warehouse makes of them.
pub(super) fn warnings(runtime: &Runtime, run: &Run) -> Diagnostics {
    let nodes = &runtime.manifest().nodes;
    let compiled = run.outcomes.iter().filter_map(|outcome| Some((&outcome.id, outcome.compiled_code.as_ref()?)));
    let compiled: HashMap<UniqueId, Result<Arc<str>, String>> =
        compiled.map(|(id, sql)| (id.clone(), Ok(sql.clone()))).collect();
    let promising: Vec<&Arc<Node>> =
        compiled.keys().filter_map(|id| nodes.get(id)).filter(|node| has_contract(node)).collect();
    if promising.is_empty() {
        return Diagnostics::new();
    }
    let graph = &runtime.graph;
    let mut wanted = graph.set_of(promising.iter().map(|node| node.unique_id.as_ref()));
    wanted.union_with(&graph.ancestors(&wanted, None));
    let read = graph.ids_of(&wanted).filter_map(|id| nodes.get(id));
    let facts = Facts { compiled, seed_headers: runtime.seed_headers(read), catalog: HashMap::new() };
    let mut inputs = project::inputs(runtime.manifest(), &facts);
    inputs.retain(|input| graph.position(&input.id).is_some_and(|position| wanted.contains(position)));
    for input in &mut inputs {
        if let Some(node) = nodes.get(&input.id) {
            without_promise(input, node);
        }
    }
    let found = project::whole_columns(&inputs, runtime.capabilities().dialect);
    let mut warnings: Vec<Diagnostic> =
        promising.into_iter().filter_map(|node| broken(runtime, node, found.get(&node.unique_id)?)).collect();
    warnings.sort_by(|one, other| one.message.cmp(&other.message));
    let mut all = Diagnostics::new();
    all.extend(warnings);
    all
}

fn has_contract(node: &Node) -> bool {
    node.code().is_some_and(|code| code.contract.enforced && code.language == "sql") && !node.columns.is_empty()
}

/// What a contract says of a model's columns is not taken for known: its SQL has to say it. Tables that keep what
/// earlier SQL gave them may have other columns than their SQL, and one that has no contract is not read at all.
fn without_promise(input: &mut NodeInput<'_>, node: &Node) {
    let grows = node.resource_type == ResourceType::Snapshot || node.config.materialized() == "incremental";
    if has_contract(node) {
        input.known = KnownColumns::none();
    } else if grows {
        input.known = KnownColumns::none();
        input.code = NodeCode::Unreadable(Cow::Borrowed("its table may have columns of earlier SQL"));
    }
}

fn broken(runtime: &Runtime, node: &Node, columns: &[KnownColumn]) -> Option<Diagnostic> {
    let promised: Vec<(String, String)> = node
        .columns
        .values()
        .map(|column| (column.name.clone(), column.data_type.clone().unwrap_or_default()))
        .collect();
    let type_of = |column: &KnownColumn| {
        // The same name is no difference, whatever the type.
        let same = promised.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column.name));
        same.map(|(_, kind)| kind.clone()).or_else(|| column.data_type.as_deref().map(str::to_owned))
    };
    let given: Vec<(String, String)> =
        columns.iter().map(|column| (column.name.to_string(), type_of(column).unwrap_or_default())).collect();
    let differences = contract::differences(&promised, &given);
    if differences.is_empty() {
        return None;
    }
    let message = format!("the query of model '{}' ({}) breaks its contract", node.name, node.original_file_path);
    let mut warning = contract::broken(message, &differences).named("ContractBroken");
    warning.severity = Severity::Warning;
    Some(warning.at_opt(Place::of(runtime, node).map(|place| place.model)))
}

/// Adds to each model that broke its contract where that is written.
pub(super) fn remark(runtime: &Runtime, run: &mut Run) {
    for outcome in &mut run.outcomes {
        let message = outcome.result.message.as_deref().unwrap_or_default();
        if outcome.result.status != Status::Error || !message.contains(CONTRACT_FAILED) {
            continue;
        }
        let Some(node) = runtime.manifest().nodes.get(&outcome.id) else { continue };
        let Some(place) = Place::of(runtime, node) else { continue };
        let mut lines = vec![format!("contract of `{}`: {}", node.name, shown(&place.model))];
        let rows = || message.lines().filter_map(|line| line.trim_start().strip_prefix("| "));
        let named = |name: &str| {
            rows().filter_map(|row| row.split(" |").next()).any(|cell| cell.trim().eq_ignore_ascii_case(name))
        };
        let differing = place.columns.iter().filter(|(name, _)| named(name));
        lines.extend(differing.map(|(name, span)| format!("column `{name}`: {}", shown(span))));
        Arc::make_mut(&mut outcome.result).remarks.push(Remark { event: "ContractPlace", text: lines.join("\n") });
    }
}

fn shown(span: &Span) -> String {
    let (line, column) = span.line_column();
    format!("{}:{line}:{column}", span.file.path)
}

/// Where a model and its columns stand in the file of their properties.
struct Place {
    model: Span,
    columns: Vec<(String, Span)>,
}

impl Place {
    /// `None` for models of packages, and for a file that has changed since.
    fn of(runtime: &Runtime, node: &Node) -> Option<Place> {
        let (package, path) = node.patch_path.as_deref()?.split_once("://")?;
        if package != runtime.globals.project_name {
            return None;
        }
        let file = load::read_properties(&runtime.project_dir, path).ok()?;
        let document = yaml::parse(&file).ok()?.value?;
        let named = |item: &&yaml::Node| item.get("name").and_then(yaml::Node::as_str) == Some(&node.name);
        let item = document.get("models")?.as_list()?.iter().find(named)?;
        let version = node.model().and_then(|model| model.version.as_ref()).and_then(|version| {
            let written = |item: &&yaml::Node| {
                item.get("v").and_then(yaml::Node::scalar_text).is_some_and(|text| *text == version.to_string())
            };
            item.get("versions")?.as_list()?.iter().find(written)
        });
        let own = version.and_then(|version| version.get("columns"));
        let columns = own.into_iter().chain(item.get("columns")).filter_map(yaml::Node::as_list).flatten();
        let columns = columns.filter_map(|column| {
            let name = column.get("name")?;
            Some((name.as_str()?.to_owned(), name.span(&file)))
        });
        Some(Place { columns: columns.collect(), model: name_of(item, &file) })
    }
}

fn name_of(item: &yaml::Node, file: &Arc<SourceFile>) -> Span {
    item.get("name").unwrap_or(item).span(file)
}
