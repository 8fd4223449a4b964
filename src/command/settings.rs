//! `tform.yml`: what tform adds to a dbt project, in a file of its own, so that the project
//! stays valid for dbt.
//!
//! ```yaml
//! layers:            # from the sources on; the innermost folder that tells something counts
//!   - name: raw
//!     folders: [raw]
//!     schemas: [raw_data]
//!   - name: staging
//!     folders: [staging]
//!     prefixes: [stg_]
//! ```

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::graph::{LayerRule, LayerRules};
use crate::yaml::{self, Node};

/// Reads the layers of `tform.yml`; those that folders suggest where the file has none.
///
/// # Errors
/// Everything that is wrong in the file, each with its place.
pub(super) fn layers(file: Option<&Arc<SourceFile>>) -> Result<LayerRules, Diagnostics> {
    let Some(file) = file else { return Ok(LayerRules::default()) };
    let Some(root) = yaml::parse(file)?.value else { return Ok(LayerRules::default()) };
    let mut problems = Diagnostics::new();
    for entry in root.entries().iter().filter(|entry| &*entry.key.text != "layers") {
        let unknown = Diagnostic::error(format!("unknown key `{}`", entry.key.text)).at(entry.key.span(file));
        problems.push(unknown.suggest(&entry.key.text, ["layers"]).hint("`tform.yml` has the key `layers`"));
    }
    let rules = match root.get("layers").map(|layers| (layers, layers.as_list())) {
        None => LayerRules::default(),
        Some((_, Some(list))) => LayerRules(list.iter().filter_map(|node| rule(node, file, &mut problems)).collect()),
        Some((layers, None)) => {
            problems.push(
                Diagnostic::error(format!("`layers` is a {}, not a list", layers.value.kind()))
                    .at(layers.span(file))
                    .hint("write `- name: staging` and `folders: [staging]` for each layer"),
            );
            LayerRules::default()
        }
    };
    problems.finish(rules).map(|warned| warned.value)
}

fn rule(node: &Node, file: &Arc<SourceFile>, problems: &mut Diagnostics) -> Option<LayerRule> {
    let Some(name) = node.get("name").and_then(Node::as_str) else {
        problems.push(Diagnostic::error("a layer needs a `name`").at(node.span(file)));
        return None;
    };
    let mut rule = LayerRule { name: name.to_owned(), ..LayerRule::default() };
    for entry in node.entries() {
        let words = match &*entry.key.text {
            "name" => continue,
            "folders" => &mut rule.folders,
            "schemas" => &mut rule.schemas,
            "prefixes" => &mut rule.prefixes,
            other => {
                let unknown = Diagnostic::error(format!("unknown key `{other}` in a layer")).at(entry.key.span(file));
                problems.push(unknown.suggest(other, ["name", "folders", "schemas", "prefixes"]));
                continue;
            }
        };
        match entry.value.as_list() {
            Some(list) => words.extend(list.iter().filter_map(Node::as_str).map(str::to_owned)),
            None => {
                let text = format!("`{}` is a {}, not a list of names", entry.key.text, entry.value.value.kind());
                problems.push(Diagnostic::error(text).at(entry.value.span(file)));
            }
        }
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_and_mistakes_are_located() {
        let good = SourceFile::new("tform.yml", "layers:\n  - name: gold\n    folders: [marts]\n");
        let rules = layers(Some(&good)).unwrap();
        assert_eq!(rules.0[0].folders, ["marts"]);
        let bad = SourceFile::new("tform.yml", "layer: []\nlayers:\n  - folder: [a]\n    name: x\n  - folders: [b]\n");
        insta::assert_snapshot!(layers(Some(&bad)).unwrap_err().to_string(), @r"
        error: unknown key `layer`
          --> tform.yml:1:1
          |
        1 | layer: []
          | ^^^^^
          = help: did you mean `layers`?
          = help: `tform.yml` has the key `layers`

        error: unknown key `folder` in a layer
          --> tform.yml:3:5
          |
        3 |   - folder: [a]
          |     ^^^^^^
          = help: did you mean `folders`?

        error: a layer needs a `name`
          --> tform.yml:5:5
          |
        5 |   - folders: [b]
          |     ^^^^^^^^^^^^
        ");
    }
}
