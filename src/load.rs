//! Disk to `ProjectFiles`: every file of the project and its packages, read once.
//!
//! [`settings`] reads the configuration (`dbt_project.yml`, `vars.yml`, `profiles.yml`),
//! [`project`] everything. Nothing is parsed here beyond configuration: models, macros and
//! properties are texts. All files are read in parallel and all problems are reported.

mod builtin;
pub mod dotenv;
mod files;
mod ignore;
mod render;
mod settings;

use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::{Diagnostics, SourceFile, Warned};
use crate::invocation::{DBT_VERSION, Environment};
use crate::project::{Package, Vars};
use crate::target::Target;

pub use builtin::{BuiltinPackage, OWN, builtin_packages, is_builtin};
use files::read_optional;
pub use files::{Checksum, File, FileKind, MAX_TEXT_BYTES, MAX_YAML_BYTES};
pub(crate) use files::{hex, read_properties, reason};
pub use render::{ConfigRenderer, RenderContext};
pub use settings::{
    PackageContents, PackageList, Request, Settings, lock_file, package_contents, package_list, project_flags, root,
    settings, target_path,
};

/// Everything that parsing needs, in memory.
#[derive(Debug, Clone)]
pub struct ProjectFiles {
    /// The root project first, then installed packages by the names of their folders.
    pub packages: Vec<Package>,
    pub target: Target,
    /// Where output goes, absolute.
    pub target_path: PathBuf,
    pub vars: Vars,
    pub environment: Arc<Environment>,
    /// Of all packages: by package, kind, folder and name.
    pub files: Vec<File>,
    /// Macros of `dbt` and of the adapter.
    pub builtin: Vec<BuiltinPackage>,
    /// `selectors.yml` of the root project.
    pub selectors: Option<Arc<SourceFile>>,
    /// What `tform.yml` of the root project says.
    pub own_settings: crate::settings::Settings,
    /// `dependencies.yml` of the root project, for its `projects:`.
    pub dependencies: Option<Arc<SourceFile>>,
    /// `catalogs.yml` of the root project.
    pub catalogs: Option<Arc<SourceFile>>,
    /// What is wrong with single files, so that they are not among `files`; parsing goes on
    /// without them, to say what is wrong with the others too.
    pub unread: Diagnostics,
}

impl ProjectFiles {
    /// The project that the command runs in.
    pub fn root(&self) -> &Package {
        &self.packages[0]
    }

    /// A package by its name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| &*package.name == name)
    }

    /// Renders texts of further configuration files of the root project (`selectors.yml`).
    pub fn config_renderer(&self) -> ConfigRenderer {
        ConfigRenderer::new(&RenderContext {
            environment: &self.environment,
            vars: &self.vars.of_package(&self.root().name),
            target: Some(&self.target.to_json()),
            allows_secrets: false,
            requires_vars: true,
            dbt_version: DBT_VERSION,
            modules: None,
        })
    }

    /// The files of one kind, of all packages.
    pub fn of_kind(&self, kind: FileKind) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.kind == kind)
    }
}

/// Reads the project and its installed packages.
///
/// # Errors
/// Everything that is wrong with the configuration; packages that are listed and not
/// installed. Files and folders that cannot be read, are too large or not UTF-8 are said in
/// [`ProjectFiles::unread`].
pub fn project(request: &Request) -> Result<Warned<ProjectFiles>, Diagnostics> {
    let Warned { value: mut settings, warnings } = settings(request)?;
    let mut problems = warnings;
    let installed = settings::installed_packages(request, &settings, &mut problems);
    for (package, _) in &installed {
        settings.vars.packages.insert(package.name.clone(), package.config.vars.clone());
    }
    let all: Vec<(Package, String)> =
        std::iter::once((settings.project.clone(), String::new())).chain(installed).collect();
    let mut files = Vec::new();
    let mut unread = Diagnostics::new();
    for (package, shown_root) in &all {
        files.extend(files::of_package(package, shown_root, request, &mut unread));
    }
    let mut optional = |name: &str| match read_optional(&request.project_dir.join(name), name) {
        Ok(file) => file,
        Err(problem) => {
            unread.push(problem);
            None
        }
    };
    let (selectors, tform, dependencies) =
        (optional("selectors.yml"), optional("tform.yml"), optional("dependencies.yml"));
    let catalogs = optional(crate::project::catalogs::FILE_NAME);
    let own_settings = match tform.as_ref().map(crate::settings::read) {
        None => crate::settings::Settings::default(),
        Some(Ok(read)) => {
            problems.extend(read.warnings);
            read.value
        }
        Some(Err(wrong)) => {
            problems.extend(wrong);
            crate::settings::Settings::default()
        }
    };
    if problems.has_errors() {
        problems.extend(unread);
        return Err(problems);
    }
    let mut builtin = builtin_packages(settings.target.adapter);
    builtin.retain(|package| package.name != OWN || all.iter().all(|(other, _)| *other.name != *package.name));
    let project_files = ProjectFiles {
        builtin,
        packages: all.into_iter().map(|(package, _)| package).collect(),
        target: settings.target,
        target_path: settings.target_path,
        vars: settings.vars,
        environment: settings.environment,
        files,
        selectors,
        own_settings,
        dependencies,
        catalogs,
        unread,
    };
    Ok(Warned { value: project_files, warnings: problems })
}

#[cfg(test)]
mod tests;
