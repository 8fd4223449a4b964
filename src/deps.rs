//! Packages: from their lists to `dbt_packages`.
//!
//! [`run`] resolves the list of packages to exact versions, writes `package-lock.yml`, and
//! installs what the lock file says. Everything is fetched and unpacked beside the packages
//! folder first and renamed at the end: a failure leaves what was installed as it was.
//! Source: docs.getdbt.com/reference/commands/deps.

mod add;
mod fetch;
mod list;
mod lock;
mod private;
mod resolve;
mod sha1;

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostic, Diagnostics, Warned};
use crate::event::{Level, Notice};
use crate::invocation::{DBT_VERSION, Environment};
use crate::load::{self, ConfigRenderer, PackageList, RenderContext, Request};
use crate::project::version::Version;
use crate::project::{Package, StringRenderer};
use fetch::{Fetcher, Staging, cannot};
use list::{List, ListContext};
use resolve::{Pinned, Place};

pub use add::{Addition, SourceKind};

/// What `deps` is asked to do.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--upgrade`: resolve again, whatever the lock file says.
    pub upgrade: bool,
    /// `--lock`: write the lock file, install nothing.
    pub lock_only: bool,
    /// `--add-package`.
    pub addition: Option<Addition>,
}

/// What one call of [`run`] works with.
struct Session<'a> {
    project_name: String,
    project_root: &'a Path,
    /// `None` does not look at `require_dbt_version`.
    dbt_version: Option<Version>,
    environment: &'a Arc<Environment>,
    renderer: &'a dyn StringRenderer,
    fetcher: Fetcher<'a>,
    warnings: RefCell<Diagnostics>,
}

impl Session<'_> {
    /// Packages are resolved twice; each warning is said once.
    fn warn_once(&self, warning: Diagnostic) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.iter().any(|known| *known == warning) {
            warnings.push(warning);
        }
    }

    fn wanted(&self, list: &PackageList, asked_by: Option<&str>) -> Result<List, Diagnostics> {
        let renderer = list.is_rendered.then_some(self.renderer);
        let providers = self.environment.get(private::PROVIDERS);
        list::read(&list.root, &ListContext { file: &list.file, renderer, asked_by, providers })
    }
}

/// Resolves and installs the packages of a project; `emit` is told what happens, in dbt's words.
///
/// # Errors
/// The lists are broken; a package or version does not exist or cannot be had; two packages
/// have one name; the disk refuses. Nothing that was installed is lost then.
pub fn run(request: &Request, options: &Options, emit: &mut dyn FnMut(Notice)) -> Result<Warned<()>, Diagnostics> {
    let Warned { value: project, warnings } = load::root(request)?;
    let mut problems = warnings;
    let emit = &mut |notice: Notice| {
        let message = request.environment.scrub(&notice.message);
        emit(Notice { message, ..notice });
    };
    if let Some(addition) = &options.addition {
        add::add(&project.root, addition, emit)?;
    }
    let folder = project.packages_path();
    let staging = Staging::beside(&folder)?;
    let downloads = staging.path().join("downloads");
    let renderer = ConfigRenderer::new(&RenderContext {
        environment: &request.environment,
        vars: &request.vars,
        target: None,
        allows_secrets: true,
        requires_vars: false,
        dbt_version: DBT_VERSION,
        modules: request.modules.as_ref(),
    });
    let session = Session {
        project_name: project.config.name.clone(),
        project_root: &project.root,
        dbt_version: Version::parse(DBT_VERSION).filter(|_| request.checks_version),
        environment: &request.environment,
        renderer: &renderer,
        fetcher: Fetcher::new(request.environment.non_empty("DBT_PACKAGE_HUB_URL"), &downloads),
        warnings: RefCell::default(),
    };
    let outcome = lock_and_install(&session, &project, options, &staging, emit);
    for said in renderer.said() {
        let (name, level) = if said.info { ("JinjaLogInfo", Level::Info) } else { ("JinjaLogDebug", Level::Debug) };
        emit(Notice { level, ..notice(name, said.text, json!({})) });
    }
    problems.extend(session.warnings.into_inner());
    if let Err(errors) = outcome {
        problems.extend(errors);
    }
    let scrub = |text: String| request.environment.scrub(&text);
    let mut scrubbed = Diagnostics::new();
    for problem in problems {
        let notes = problem.notes.into_iter().map(|(text, span)| (scrub(text), span)).collect();
        scrubbed.push(Diagnostic { message: scrub(problem.message), notes, ..problem });
    }
    scrubbed.finish(())
}

fn lock_and_install(
    session: &Session<'_>,
    project: &Package,
    options: &Options,
    staging: &Staging,
    emit: &mut dyn FnMut(Notice),
) -> Result<(), Diagnostics> {
    let mut warnings = Diagnostics::new();
    let asked = match load::package_list(&project.root, "", &mut warnings)? {
        Some(list) => session.wanted(&list, None)?,
        None => List::default(),
    };
    session.warnings.borrow_mut().extend(warnings);
    let lock_path = project.root.join(lock::FILE_NAME);
    if asked.wanted.is_empty() {
        emit(notice("DepsNoPackagesFound", "Warning: No packages were found in packages.yml", json!({})));
        return if options.lock_only { Ok(()) } else { swap(staging, Vec::new(), &project.packages_path()) };
    }
    let known = load::lock_file(&lock_path, lock::FILE_NAME)?;
    let is_current = known
        .as_ref()
        .and_then(|list| list.root.get("sha1_hash"))
        .is_some_and(|hash| hash.scalar_text().is_some_and(|hash| hash == asked.sha1_hash));
    if options.upgrade || !is_current {
        let pinned = resolve::all(session, &asked.wanted)?;
        write_whole(&lock_path, &lock::text(session, &pinned, &asked.sha1_hash))?;
        let message = format!("Updating lock file in file path: {}", lock_path.display());
        emit(notice("DepsLockUpdating", message, json!({"lock_filepath": lock_path.to_string_lossy()})));
    }
    if options.lock_only {
        return Ok(());
    }
    let locked = match load::lock_file(&lock_path, lock::FILE_NAME)? {
        Some(list) => session.wanted(&list, None)?,
        None => List::default(),
    };
    let pinned = resolve::exactly(session, &locked.wanted)?;
    install(session, project, &pinned, staging, emit)
}

fn install(
    session: &Session<'_>,
    project: &Package,
    pinned: &[Pinned],
    staging: &Staging,
    emit: &mut dyn FnMut(Notice),
) -> Result<(), Diagnostics> {
    let mut outdated = Vec::new();
    let mut ready = Vec::new();
    for package in pinned {
        let name = &package.shown_name;
        emit(notice("DepsStartPackageInstall", format!("Installing {name}"), json!({"package_name": name})));
        ready.push((package.name.clone(), fetched(session, package)?));
        let version = package.place.nice_version();
        emit(notice("DepsInstallInfo", format!("Installed from {version}"), json!({"version_name": version})));
        match &package.place {
            Place::Hub { version, latest, .. } if version != latest => {
                outdated.push(name.clone());
                let message = format!("Updated version available: {latest}");
                emit(notice("DepsUpdateAvailable", message, json!({"version_latest": latest})));
            }
            Place::Hub { .. } => emit(notice("DepsUpToDate", "Up to date!", json!({}))),
            Place::Git { git, .. } => {
                if let Some(folder) = &git.subdirectory {
                    let data = json!({"subdirectory": folder});
                    emit(notice("DepsListSubdirectory", format!("and subdirectory {folder}"), data));
                }
            }
            _ => {}
        }
    }
    swap(staging, ready, &project.packages_path())?;
    if !outdated.is_empty() {
        emit(notice("Formatting", "", json!({})));
        let names: Vec<String> = outdated.iter().map(|name| format!("'{name}'")).collect();
        let message = format!(
            "Updates available for packages: [{}]\nUpdate your versions in packages.yml, then run dbt deps",
            names.join(", ")
        );
        emit(notice("DepsNotifyUpdatesAvailable", message, json!({"packages": outdated})));
    }
    Ok(())
}

/// What becomes a package's folder.
enum Fetched {
    Folder(PathBuf),
    /// A folder of the user's: linked, not moved.
    Link(PathBuf),
}

fn fetched(session: &Session<'_>, package: &Pinned) -> Result<Fetched, Diagnostic> {
    match &package.place {
        Place::Hub { tarball, .. } => Ok(Fetched::Folder(session.fetcher.archive(tarball)?)),
        Place::Tarball { url, .. } => Ok(Fetched::Folder(session.fetcher.archive(url)?)),
        Place::Git { git, revision, .. } => Ok(Fetched::Folder(session.fetcher.repository(git, revision)?.0)),
        Place::Local { path } => {
            let path = session.project_root.join(path);
            let path = fs::canonicalize(&path).map_err(|error| cannot("find", &path, &error))?;
            Ok(Fetched::Link(path))
        }
    }
}

/// Puts the packages into a new folder and that folder in place of the old one.
fn swap(staging: &Staging, packages: Vec<(String, Fetched)>, folder: &Path) -> Result<(), Diagnostics> {
    let new = staging.path().join("packages");
    fs::create_dir_all(&new).map_err(|error| cannot("make folder", &new, &error))?;
    for (name, fetched) in packages {
        let place = new.join(name);
        match fetched {
            Fetched::Folder(from) => {
                // A package is its files; the history of its repository is not part of it.
                let _ = fs::remove_dir_all(from.join(".git"));
                fs::rename(&from, &place).map_err(|error| cannot("move a package to", &place, &error))?;
            }
            Fetched::Link(from) => link(&from, &place)?,
        }
    }
    let old = staging.path().join("old");
    if folder.symlink_metadata().is_ok() {
        fs::rename(folder, &old).map_err(|error| cannot("move aside", folder, &error))?;
    }
    if let Err(error) = fs::rename(&new, folder) {
        let problem = cannot("put the packages into", folder, &error);
        return Err(match fs::rename(&old, folder) {
            Ok(()) => problem.into(),
            Err(_) => problem.note(format!("the former packages are in `{}`", old.display())).into(),
        });
    }
    Ok(())
}

#[cfg(unix)]
fn link(from: &Path, place: &Path) -> Result<(), Diagnostic> {
    std::os::unix::fs::symlink(from, place).map_err(|error| cannot("link", place, &error))
}

/// Links need a privilege on other systems: the files are copied.
#[cfg(not(unix))]
fn link(from: &Path, place: &Path) -> Result<(), Diagnostic> {
    for entry in walkdir::WalkDir::new(from).into_iter().flatten() {
        let Ok(inner) = entry.path().strip_prefix(from) else { continue };
        let target = place.join(inner);
        let copied = if entry.file_type().is_dir() {
            fs::create_dir_all(&target)
        } else {
            fs::copy(entry.path(), &target).map(drop)
        };
        copied.map_err(|error| cannot("copy", &target, &error))?;
    }
    Ok(())
}

/// Writes a file beside its place and renames it: readers see the old text or the new one.
fn write_whole(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        cannot("write", path, &error)
    })
}

/// Something that `deps` says, under dbt's name for it.
fn notice(name: &'static str, message: impl Into<String>, data: Value) -> Notice {
    let data = match data {
        Value::Object(data) => data,
        _ => Map::new(),
    };
    Notice { name, level: Level::Info, message: message.into(), data, node: None }
}

#[cfg(test)]
mod tests;
