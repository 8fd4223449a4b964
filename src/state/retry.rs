//! `retry`: what of the last invocation did not succeed.
//! Source: docs.getdbt.com/reference/commands/retry.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::artifact::{BatchResults, OverloadResults, RunResults};
use crate::diagnostic::Diagnostic;
use crate::invocation::Which;
use crate::resource::UniqueId;

/// The commands that can be run again.
const RETRYABLE: [Which; 9] = [
    Which::Build,
    Which::Compile,
    Which::Clone,
    Which::DocsGenerate,
    Which::Seed,
    Which::Snapshot,
    Which::Test,
    Which::Run,
    Which::RunOperation,
];

/// What to run again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    pub which: Which,
    /// The nodes that failed, were skipped, or finished in part; empty if all went well.
    pub ids: Vec<UniqueId>,
    /// The flags of that invocation, by lower-case name.
    pub arguments: Map<String, Value>,
    /// When that invocation began, as its results say it.
    pub started_at: String,
    /// The batches of microbatch models of which some succeeded and some failed.
    pub batches: HashMap<UniqueId, BatchResults>,
    /// The overloads of functions of which some failed.
    pub overloads: HashMap<UniqueId, OverloadResults>,
}

/// Chooses what to run again from the last invocation's results; with `warnings`
/// (`--warn-error`), tests that warned as well.
///
/// # Errors
/// There are no results, or they are of a command that cannot be retried.
pub fn retry(results: Option<&RunResults>, folder: &Path, warnings: bool) -> Result<Retry, Diagnostic> {
    let Some(results) = results else {
        let text = format!("Could not find previous run in '{}' target directory", folder.display());
        return Err(
            Diagnostic::error(text).hint("`retry` runs again what failed in the last `build`, `run`, `test`, ...")
        );
    };
    let name = results.args.get("which").and_then(Value::as_str).unwrap_or_default();
    let which = Which::from_name(name).filter(|which| RETRYABLE.contains(which));
    let Some(which) = which else {
        return Err(Diagnostic::error(format!("the last command, `{name}`, cannot be retried")));
    };
    let failed = |status: &str| match status {
        "error" | "fail" | "skipped" | "runtime error" | "partial success" => true,
        "warn" => warnings,
        _ => false,
    };
    // Hooks run again with the command, not on their own.
    let is_hook = |id: &str| which != Which::RunOperation && id.starts_with("operation.");
    let again = results.results.iter().filter(|result| failed(&result.status) && !is_hook(&result.unique_id));
    let batches = again.clone().filter_map(|result| {
        let batches = result.batch_results.clone()?;
        (!batches.successful.is_empty() && !batches.failed.is_empty()).then(|| (result.unique_id.clone(), batches))
    });
    let overloads = again.clone().filter_map(|result| {
        let overloads = result.overload_results.clone().filter(|overloads| !overloads.failed.is_empty())?;
        Some((result.unique_id.clone(), overloads))
    });
    let overloads = overloads.collect();
    let head = &results.metadata;
    Ok(Retry {
        which,
        started_at: head.invocation_started_at.clone().unwrap_or_else(|| head.generated_at.clone()),
        batches: batches.collect(),
        overloads,
        ids: again.map(|result| result.unique_id.clone()).collect(),
        arguments: results.args.clone(),
    })
}
