//! What would fail at the warehouse for certain, said before anything is touched.

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::graph::{Graph, NodeSet};
use crate::invocation::Which;
use crate::manifest::{Node, Resource, ResourceType};

/// Looks at the selected models of a command that builds them.
///
/// # Errors
/// Each model whose file holds nothing but comments; ephemeral ones may, as long as nobody reads them.
pub(super) fn check(graph: &Graph, selected: &NodeSet, which: Which) -> Result<(), Diagnostics> {
    if !matches!(which, Which::Run | Which::Build) {
        return Ok(());
    }
    let mut problems = Diagnostics::new();
    for position in selected.iter() {
        if let Some(Resource::Node(node)) = graph.resource(position)
            && node.resource_type == ResourceType::Model
            && !node.is_ephemeral()
            && !node.raw_code.trim().is_empty()
            && holds_only_comments(&node.raw_code)
        {
            problems.push(without_query(node));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn without_query(node: &Node) -> Diagnostic {
    let place = node.origin.code.as_ref().map(|code| {
        let text = code.file.text.get(code.start..code.end).unwrap_or("");
        Span::new(&code.file, code.start, code.start + text.find('\n').unwrap_or(text.len()))
    });
    Diagnostic::error(format!("model `{}` has no query: its file holds only comments", node.name))
        .at_opt(place)
        .hint("write its `select`, or switch it off: `{{ config(enabled=false) }}`")
}

/// Whether a text is made of blanks and of comments of SQL and Jinja.
fn holds_only_comments(text: &str) -> bool {
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let after = [("--", "\n"), ("/*", "*/"), ("{#", "#}")].iter().find_map(|(open, close)| {
            let body = rest.strip_prefix(open)?;
            Some(body.find(close).map_or("", |end| &body[end + close.len()..]))
        });
        let Some(after) = after else { return false };
        // A line comment of SQL may hold Jinja, which is rendered all the same.
        let comment = &rest[..rest.len() - after.len()];
        if !comment.starts_with("{#") && (comment.contains("{{") || comment.contains("{%")) {
            return false;
        }
        rest = after.trim_start();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::holds_only_comments;

    #[test]
    fn comments_alone_are_no_query() {
        for text in ["-- a", "-- a\n\n/* b\n */ {# c #}\n", "{# {{ ref('a') }} #}"] {
            assert!(holds_only_comments(text), "{text}");
        }
        for text in ["select 1", "-- a\nselect 1", "-- {{ query() }}", "{{ query() }}", "/* a */ -- b\n{% if x %}"] {
            assert!(!holds_only_comments(text), "{text}");
        }
    }
}
