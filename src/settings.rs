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
//!
//! A further key is a field of [`Settings`], a name in [`KEYS`] and a line in [`read`].
//! A key that nobody knows is an error: a setting that is misspelt must not be lost.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Warned};
use crate::graph::{LayerRule, LayerRules};
use crate::yaml::{self, Fields, Node};

/// The keys of `tform.yml`.
const KEYS: [&str; 1] = ["layers"];

/// Everything that `tform.yml` says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Those that folders suggest where the file has none.
    pub layers: LayerRules,
}

/// Reads `tform.yml`.
///
/// # Errors
/// Everything that is wrong in the file, each with its place.
pub fn read(file: &Arc<SourceFile>) -> Result<Warned<Settings>, Diagnostics> {
    let Warned { value: root, warnings } = yaml::parse(file)?;
    let Some(root) = root else { return warnings.finish(Settings::default()) };
    if root.as_map().is_none() {
        let message = format!("`tform.yml` must be a mapping, this is {}", root.value.kind());
        return Err(Diagnostic::error(message).at(root.span(file)).into());
    }
    let mut fields = Fields::new(file, &root);
    fields.problems = warnings;
    fields.refuse_unknown(&KEYS, "in `tform.yml`");
    let mut settings = Settings::default();
    if let Some(list) = fields.list("layers") {
        settings.layers = LayerRules(list.iter().filter_map(|node| layer(node, &mut fields)).collect());
    }
    fields.problems.finish(settings)
}

/// One entry of `layers`.
fn layer(node: &Node, within: &mut Fields<'_>) -> Option<LayerRule> {
    let mut fields = Fields::new(within.file, node);
    let name = fields.text("name");
    if name.is_none() {
        fields.error("name", "a layer needs a `name`");
    }
    fields.refuse_unknown(&["name", "folders", "schemas", "prefixes"], "in a layer");
    let mut words = |key: &str| fields.texts(key).unwrap_or_default();
    let (folders, schemas, prefixes) = (words("folders"), words("schemas"), words("prefixes"));
    within.problems.extend(fields.problems);
    Some(LayerRule { name: name?, folders, schemas, prefixes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        read(&SourceFile::new("tform.yml", text)).unwrap_err().to_string()
    }

    #[test]
    fn layers_are_read() {
        let good = SourceFile::new("tform.yml", "layers:\n  - name: gold\n    folders: [marts]\n");
        assert_eq!(read(&good).unwrap().value.layers.0[0].folders, ["marts"]);
        assert_eq!(read(&SourceFile::new("tform.yml", "")).unwrap().value.layers, LayerRules::default());
    }

    #[test]
    fn mistakes_are_located() {
        insta::assert_snapshot!(mistakes("layer: []\nlayers:\n  - folder: [a]\n    name: x\n  - folders: [b]\n"), @r"
        error: unknown key `layer` in `tform.yml`
          --> tform.yml:1:1
          |
        1 | layer: []
          | ^^^^^
          = help: did you mean `layers`?

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
        insta::assert_snapshot!(mistakes("layers: raw\n"), @r"
        error: `layers` must be a list, this is text
          --> tform.yml:1:9
          |
        1 | layers: raw
          |         ^^^
        ");
    }
}
