//! `tform docs`: the documentation site.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::invocation::ExitCode;

use super::Call;

/// The site is not part of this version.
///
/// # Errors
/// Always: says what to use meanwhile.
pub(super) fn run(_call: &Call) -> Result<ExitCode, Diagnostics> {
    Err(Diagnostic::error("this version of tform does not generate the documentation site yet")
        .hint("`tform parse` writes `manifest.json`, which dbt's own docs page reads")
        .into())
}
