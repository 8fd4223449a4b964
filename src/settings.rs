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
//! lock:              # two runs do not build the same relation at once
//!   enabled: true    # by default where the warehouse can (PostgreSQL, Redshift)
//!   wait_seconds: 600
//! tests:
//!   fuse: auto       # or true, false: whether data tests of a relation share queries
//!   unit_engine: target  # or duckdb: unit tests run on the embedded engine where their SQL allows it
//! contracts:
//!   check: node      # or before_run: all that are selected, before anything is built
//! ```
//!
//! A further key is a field of [`Settings`], a name in [`KEYS`] and a line in [`read`].
//! A key that nobody knows is an error: a setting that is misspelt must not be lost.

mod models;

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Warned};
use crate::graph::{LayerRule, LayerRules};
use crate::yaml::{self, Fields, Node};

pub use models::{ModelSettings, RowAge, Scope, scope_of};

/// The keys of `tform.yml`.
const KEYS: [&str; 5] = ["contracts", "layers", "lock", "models", "tests"];

/// Everything that `tform.yml` says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Those that folders suggest where the file has none.
    pub layers: LayerRules,
    /// Of models, seeds and snapshots.
    pub models: Vec<ModelSettings>,
    /// The file, where there is one.
    pub file: Option<Arc<SourceFile>>,
    pub lock: LockRules,
    pub tests: TestRules,
    pub contracts: ContractRules,
}

/// When the contracts of models are checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContractRules {
    /// Those of all selected models before anything is built, and not only each where its model is. `None`: in
    /// projects without a profile, which dbt does not build, so that nobody knows them otherwise.
    pub before_run: Option<bool>,
}

/// How data tests are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TestRules {
    /// Whether those of a relation share queries; `None`: where that is faster.
    pub fuse: Option<bool>,
    /// Whether unit tests run on the embedded engine where they can.
    pub units_embedded: Option<bool>,
}

/// Whether a run keeps others from building the same relations, and how long it waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRules {
    /// `None`: where it costs next to nothing.
    pub enabled: Option<bool>,
    pub wait: Duration,
}

impl Default for LockRules {
    fn default() -> LockRules {
        LockRules { enabled: None, wait: Duration::from_secs(600) }
    }
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
    let mut settings = Settings { file: Some(file.clone()), ..Settings::default() };
    if let Some(list) = fields.list("models") {
        settings.models = list.iter().filter_map(|node| models::model(node, &mut fields)).collect();
        repeated(&settings.models, &mut fields.problems);
    }
    if let Some(list) = fields.list("layers") {
        settings.layers = LayerRules(list.iter().filter_map(|node| layer(node, &mut fields)).collect());
    }
    if let Some(node) = fields.get("lock") {
        settings.lock = lock(node, &mut fields);
    }
    if let Some(node) = fields.mapping("tests") {
        settings.tests = tests(node, &mut fields);
    }
    if let Some(node) = fields.mapping("contracts") {
        settings.contracts = contracts(node, &mut fields);
    }
    fields.problems.finish(settings)
}

/// Whether the second of two words stands under a key; `None` where neither does, which is an error if anything does.
fn either(fields: &mut Fields<'_>, key: &str, [first, second]: [&str; 2]) -> Option<bool> {
    let given = fields.text(key)?;
    if given != first && given != second {
        fields.error(key, format!("`{key}` is `{first}` or `{second}`, not `{given}`"));
        return None;
    }
    Some(given == second)
}

/// The rules under `tests`.
fn tests(node: &Node, within: &mut Fields<'_>) -> TestRules {
    let mut fields = Fields::new(within.file, node);
    fields.refuse_unknown(&["fuse", "unit_engine"], "in `tests`");
    let is_auto = node.get("fuse").and_then(Node::as_str) == Some("auto");
    let fuse = if is_auto { None } else { fields.flag("fuse") };
    let units_embedded = either(&mut fields, "unit_engine", ["target", "duckdb"]);
    let rules = TestRules { fuse, units_embedded };
    within.problems.extend(fields.problems);
    rules
}

/// The rules under `contracts`.
fn contracts(node: &Node, within: &mut Fields<'_>) -> ContractRules {
    let mut fields = Fields::new(within.file, node);
    fields.refuse_unknown(&["check"], "in `contracts`");
    let before_run = either(&mut fields, "check", ["node", "before_run"]);
    within.problems.extend(fields.problems);
    ContractRules { before_run }
}

/// The rules under `lock`; `lock: false` is `enabled: false`.
fn lock(node: &Node, within: &mut Fields<'_>) -> LockRules {
    let mut rules = LockRules::default();
    if node.as_map().is_none() {
        rules.enabled = within.flag("lock");
        return rules;
    }
    let mut fields = Fields::new(within.file, node);
    fields.refuse_unknown(&["enabled", "wait_seconds"], "in `lock`");
    rules.enabled = fields.flag("enabled");
    match fields.integer("wait_seconds").map(u64::try_from) {
        Some(Ok(seconds)) => rules.wait = Duration::from_secs(seconds),
        Some(Err(_)) => fields.error("wait_seconds", "`wait_seconds` cannot be less than 0"),
        None => {}
    }
    within.problems.extend(fields.problems);
    rules
}

/// Says of each model that has two entries.
fn repeated(models: &[ModelSettings], problems: &mut Diagnostics) {
    for (at, model) in models.iter().enumerate() {
        if let Some(first) = models[..at].iter().find(|other| other.name == model.name) {
            let problem = Diagnostic::error(format!("`{}` has two entries in `models`", model.name));
            problems.push(problem.at(model.span.clone()).note_at("the other entry", first.span.clone()));
        }
    }
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
    fn rules_for_locks_are_read() {
        let rules = |text: &str| read(&SourceFile::new("tform.yml", text)).unwrap().value.lock;
        assert_eq!(rules("lock: false\n").enabled, Some(false));
        let given = rules("lock:\n  enabled: true\n  wait_seconds: 5\n");
        assert_eq!(given, LockRules { enabled: Some(true), wait: Duration::from_secs(5) });
        assert!(mistakes("lock:\n  wait_seconds: -1\n").contains("cannot be less than 0"));
    }

    #[test]
    fn contracts_are_checked_when_the_file_says() {
        let rules = |text: &str| read(&SourceFile::new("tform.yml", text)).unwrap().value.contracts;
        assert_eq!(rules("contracts: {check: before_run}\n").before_run, Some(true));
        assert_eq!(rules("contracts: {check: node}\n").before_run, Some(false));
        for text in ["", "contracts: {}\n"] {
            assert_eq!(rules(text).before_run, None);
        }
        insta::assert_snapshot!(mistakes("contracts: {check: never}\n"), @r"
        error: `check` is `node` or `before_run`, not `never`
          --> tform.yml:1:20
          |
        1 | contracts: {check: never}
          |                    ^^^^^
        ");
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
