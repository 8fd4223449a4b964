//! Two nodes must not want the same relation, nor the same name.

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::manifest::{Manifest, Node};
use crate::resource::FastMap;

/// Reports nodes with the same relation, and names that are versioned and not.
pub(super) fn check(manifest: &Manifest, are_unique: bool) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut relations: FastMap<String, &Node> = FastMap::default();
    let mut names: FastMap<(&str, &str), &Node> = FastMap::default();
    for node in manifest.nodes.values().map(AsRef::as_ref).filter(|node: &&Node| node.resource_type.is_refable()) {
        let relation = representation(node);
        if let Some(other) = relations.insert(relation.clone(), node) {
            diagnostics.push(same_relation(&relation, other, node));
        }
        let versioned = |node: &Node| node.model().is_some_and(|model| model.version.is_some());
        match names.insert((&node.package_name, &node.name), node) {
            Some(other) if versioned(other) != versioned(node) => {
                let (version, plain) = if versioned(node) { (node, other) } else { (other, node) };
                diagnostics.push(versioned_and_not(version, plain));
            }
            Some(other) if !versioned(node) => diagnostics.push(same_name(other, node, are_unique)),
            _ => {}
        }
    }
    diagnostics
}

/// What the warehouse knows the node by, as dbt writes it.
fn representation(node: &Node) -> String {
    match (&node.relation_name, &node.database) {
        (Some(relation), _) => relation.clone(),
        (None, Some(database)) => format!("\"{database}\".\"{}\".\"{}\"", node.schema, node.alias),
        (None, None) => format!("\"{}\".\"{}\"", node.schema, node.alias),
    }
}

fn same_relation(relation: &str, one: &Node, other: &Node) -> Diagnostic {
    let text = format!("dbt found two resources with the database representation \"{relation}\"");
    let diagnostic = Diagnostic::error(text).at_opt(place(other));
    let named = |node: &Node| format!("{} ({})", node.unique_id, node.original_file_path);
    let diagnostic = diagnostic.note(format!("- {}", named(one))).note(format!("- {}", named(other)));
    diagnostic.hint("change the name, `alias`, `schema` or `database` of one of them")
}

/// `are_unique`: `require_unique_project_resource_names`, by which this is an error.
fn same_name(one: &Node, other: &Node, are_unique: bool) -> Diagnostic {
    let text = format!("dbt found two resources with the name \"{}\"", other.name);
    let diagnostic = match are_unique {
        true => Diagnostic::error(text),
        false => Diagnostic::warning_of("DuplicateNameDistinctNodeTypesDeprecation", text),
    };
    let diagnostic = diagnostic.at_opt(place(other));
    let text = format!("`ref('{}')` finds only one of `{}` and `{}`", other.name, one.unique_id, other.unique_id);
    diagnostic.note(text).hint("change the name of one of them")
}

fn versioned_and_not(version: &Node, plain: &Node) -> Diagnostic {
    let text = format!("dbt found versioned and unversioned models with the name \"{}\"", plain.name);
    let diagnostic = Diagnostic::error(text).at_opt(place(plain));
    let place = version.patch_path.as_deref().unwrap_or(&version.original_file_path);
    diagnostic
        .note(format!("`{}` is a version in `{place}`", version.unique_id))
        .hint(format!("rename `{}` or add it to the versions", plain.original_file_path))
}

fn place(node: &Node) -> Option<Span> {
    node.origin.properties.clone().or_else(|| node.origin.code.clone())
}
