//! `tform clean`: deletes the folders in `clean-targets`.
//!
//! Source: docs.getdbt.com/reference/commands/clean.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{Event, Level};
use crate::invocation::{Command, ExitCode, plain_path};
use crate::load;
use crate::project::Package;

use super::Call;

/// Where dbt put packages before 1.0.
const OLD_PACKAGES: &str = "dbt_modules";

/// Deletes each folder of `clean-targets`.
///
/// # Errors
/// A folder that holds the project's own files, or (by default) stands outside the project;
/// nothing is deleted then.
pub(super) fn run(call: &Call) -> Result<ExitCode, Diagnostics> {
    let inside_only = matches!(call.invocation.command, Command::Clean { project_files_only: true });
    let request = call.request();
    let loaded = load::root(&request).map_err(|problems| problems.of_kind("Runtime Error"))?;
    call.warnings(loaded.warnings)?;
    let package = loaded.value;
    let root = &call.invocation.project_dir;
    let is_old = |target: &String| target.trim_end_matches('/') == OLD_PACKAGES;
    if targets(&package, call).iter().any(is_old) && !package.packages_path().ends_with(OLD_PACKAGES) {
        let text = "The default package install path has changed from `dbt_modules` to `dbt_packages`. Please update \
                    `clean-targets` in `dbt_project.yml` and check `.gitignore` as well. Or, set `packages-install-path: \
                    dbt_modules` if you'd like to keep the current value.";
        call.warnings(Diagnostic::warning_of("PackageInstallPathDeprecation", text).into())?;
    }
    let folders: Vec<PathBuf> = targets(&package, call).iter().map(|target| plain_path(&root.join(target))).collect();
    let mut problems = Diagnostics::new();
    for folder in &folders {
        if inside_only && !folder.starts_with(root) {
            problems.push(
                Diagnostic::error(format!(
                    "dbt will not clean the following directories outside the project: `{}`",
                    folder.display()
                ))
                .hint("pass `--no-clean-project-files-only` to delete them all the same"),
            );
        }
        if let Some(path) = protected(&package, root).into_iter().find(|path| path.starts_with(folder)) {
            problems.push(
                Diagnostic::error(format!("dbt will not clean the following source paths: `{}`", path.display()))
                    .note(format!("`{}` stands in `clean-targets`", folder.display()))
                    .hint("name only folders that tform writes, such as `target` and `dbt_packages`"),
            );
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for folder in folders {
        let shown = folder.strip_prefix(root).unwrap_or(&folder).display().to_string();
        call.emit(Event::notice("CheckCleanPath", Level::Info, format!("Checking {shown}/*")));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .map_err(|error| Diagnostic::error(format!("`{}` cannot be deleted: {error}", folder.display())))?;
        }
        call.emit(Event::notice("ConfirmCleanPath", Level::Info, format!("Cleaned {shown}/*")));
    }
    call.emit(Event::notice("FinishedCleanPaths", Level::Info, "Finished cleaning all paths."));
    Ok(ExitCode::Success)
}

fn targets(package: &Package, call: &Call) -> Vec<String> {
    package.config.clean_targets.clone().unwrap_or_else(|| {
        let target = package.target_path(call.invocation.target_path.as_deref());
        vec![target.to_string_lossy().into_owned()]
    })
}

/// What must survive: the project's file and its folders.
fn protected(package: &Package, root: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = package.config.paths.all().iter().map(|path| plain_path(&root.join(path))).collect();
    paths.push(root.join(crate::project::FILE_NAME));
    paths
}
