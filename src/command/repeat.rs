//! `retry`: the last invocation's command and flags, from its results.
//!
//! Source: docs.getdbt.com/reference/commands/retry.

use std::path::Path;

use serde_json::{Map, Value};

use crate::artifact;
use crate::invocation::{self, CommandLine, Place, Which};
use crate::load;
use crate::state::retry::{self, Retry};

/// The command line that `line`, a `retry`, repeats, and what of it is to be run again.
///
/// `None` where there is nothing to repeat: `retry` itself says why.
pub(super) fn of(
    line: &CommandLine,
    place: &Place,
    flags: &Map<String, Value>,
    project_dir: &Path,
) -> Option<(CommandLine, Retry)> {
    if line.which != Which::Retry {
        return None;
    }
    let own = invocation::validate(line.clone(), place.clone(), flags).ok()?.value;
    let target = || own.target_path.clone().unwrap_or_else(|| project_dir.join(load::target_path(project_dir)));
    let folder = own.state.state.clone().unwrap_or_else(target);
    let results = artifact::read::run_results(&folder.join(artifact::RUN_RESULTS)).ok()??;
    let again = retry::retry(Some(&results), &folder, own.flags.warn_error_options.raises_all()).ok()?;
    let mut line = line.clone();
    if again.arguments.get("state").is_some_and(Value::is_string) {
        // Of a retry it names the folder of the results, of what is repeated an environment.
        line.given.shift_remove("state");
    }
    Some((invocation::repeated_line(&line, again.which, &again.arguments), again))
}
