//! What an earlier invocation left: for `state:` and `result:` selection, `--defer`, `retry`.
//!
//! Reading is `artifact::read`; comparing, deferring and choosing what to retry are plain
//! functions over what was read.
//! Source: docs.getdbt.com/reference/node-selection/state-selection,
//! docs.getdbt.com/reference/node-selection/defer, docs.getdbt.com/reference/commands/retry.

pub mod compare;
pub mod contract;
pub mod defer;
pub mod retry;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::artifact::{self, RunResults, Sources};
use crate::diagnostic::{Diagnostic, Diagnostics, Warned};
use crate::manifest::Manifest;
pub use compare::{Aspect, Comparison};
pub use contract::Enforces;
pub use defer::{Deferral, DeferredRelation};
pub use retry::Retry;

/// The artifacts of an earlier invocation; those that were not there are `None`.
#[derive(Debug, Clone, Default)]
pub struct PreviousState {
    pub folder: PathBuf,
    pub manifest: Option<Manifest>,
    pub results: Option<RunResults>,
    pub sources: Option<Sources>,
    /// The freshness that this project's own target folder has, to compare with `sources`.
    pub sources_current: Option<Sources>,
}

/// Reads the artifacts in `folder`; `target` is where this invocation writes its own.
///
/// # Errors
/// An artifact is there and cannot be read.
pub fn read(folder: &Path, target: &Path) -> Result<Warned<PreviousState>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    if folder == target {
        let shown = target.parent().and_then(|project| folder.strip_prefix(project).ok()).unwrap_or(folder);
        let text = format!("The state and target directories are the same: '{}'", shown.display());
        let warning = Diagnostic::warning_of("WarnStateTargetEqual", text)
            .note("this invocation writes there: the next one would compare with that, and miss changes");
        diagnostics.push(warning.hint("copy the artifacts to a folder of their own"));
    }
    let mut state = PreviousState { folder: folder.to_owned(), ..PreviousState::default() };
    keep(artifact::read::manifest(&folder.join(artifact::MANIFEST)), &mut state.manifest, &mut diagnostics);
    keep(artifact::read::run_results(&folder.join(artifact::RUN_RESULTS)), &mut state.results, &mut diagnostics);
    keep(artifact::read::sources(&folder.join(artifact::SOURCES)), &mut state.sources, &mut diagnostics);
    keep(artifact::read::sources(&target.join(artifact::SOURCES)), &mut state.sources_current, &mut diagnostics);
    diagnostics.finish(state)
}

fn keep<T>(read: Result<Option<T>, Diagnostic>, place: &mut Option<T>, diagnostics: &mut Diagnostics) {
    match read {
        Ok(found) => *place = found,
        Err(diagnostic) => diagnostics.push(diagnostic),
    }
}
