//! What a command runs with: the project, its profile and its installed packages.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::files::{read_optional, read_text, reason};
use super::render::{ConfigRenderer, RenderContext};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, Warned};
use crate::invocation::{DBT_VERSION, Environment, Invocation};
use crate::project::{self, ConfigContext, Package, ProjectConfig, Vars};
use crate::target::{self, Target, TargetRequest};
use crate::yaml::{self, Node};

/// Configuration files beyond this size are a mistake: 16 MB.
const MAX_CONFIG_BYTES: u64 = 16 << 20;

/// What loading needs to know of an invocation.
#[derive(Debug, Clone)]
pub struct Request {
    /// The folder of `dbt_project.yml`, absolute.
    pub project_dir: PathBuf,
    /// The folder of `profiles.yml`, absolute.
    pub profiles_dir: PathBuf,
    /// Whether the user named `profiles_dir`: then a missing file is an error.
    pub profiles_dir_given: bool,
    pub profile: Option<String>,
    pub target: Option<String>,
    pub threads: Option<usize>,
    /// `--target-path`, absolute.
    pub target_path: Option<PathBuf>,
    /// `--vars`.
    pub vars: Map<String, Value>,
    /// Whether packages' `require-dbt-version` is looked at.
    pub checks_version: bool,
    /// `allow_jinja_file_extensions`: files such as `a.sql.j2` are read like `a.sql`.
    pub jinja_extensions: bool,
    /// `maximum_seed_size_mib` in bytes: larger seeds are known by their path, not their contents.
    pub max_hashed_seed_bytes: u64,
    pub environment: Arc<Environment>,
    /// Python's modules as templates have them, for those in `dbt_project.yml`.
    pub modules: Option<minijinja::Value>,
}

impl From<&Invocation> for Request {
    fn from(invocation: &Invocation) -> Self {
        Request {
            project_dir: invocation.project_dir.clone(),
            profiles_dir: invocation.profiles_dir.clone(),
            profiles_dir_given: invocation.profiles_dir_given,
            profile: invocation.profile.clone(),
            target: invocation.target.clone(),
            threads: invocation.threads,
            target_path: invocation.target_path.clone(),
            vars: invocation.vars.clone(),
            checks_version: invocation.flags.version_check,
            jinja_extensions: invocation.flags.behaviour("allow_jinja_file_extensions"),
            max_hashed_seed_bytes: invocation.flags.max_hashed_seed_bytes(),
            environment: Arc::new(invocation.environment.clone()),
            modules: None,
        }
    }
}

#[cfg(test)]
impl Request {
    /// Of a project in a folder, with these variables in the environment and all else as without flags.
    pub fn of_folder<const N: usize>(root: &Path, environment: [(&str, &str); N]) -> Request {
        Request {
            project_dir: root.to_owned(),
            profiles_dir: root.to_owned(),
            profiles_dir_given: false,
            profile: None,
            target: None,
            threads: None,
            target_path: None,
            vars: Map::new(),
            checks_version: true,
            jinja_extensions: false,
            max_hashed_seed_bytes: 1 << 20,
            environment: Arc::new(environment.into()),
            modules: None,
        }
    }
}

/// The project and where it runs, without its files.
#[derive(Debug, Clone)]
pub struct Settings {
    pub project: Package,
    pub target: Target,
    /// Where output goes, absolute.
    pub target_path: PathBuf,
    /// `--vars` and the root project's; packages are added when they are read.
    pub vars: Vars,
    pub environment: Arc<Environment>,
}

/// A YAML file of configuration with its root; an empty file has an empty text's root.
pub(super) struct ConfigFile {
    pub(super) file: Arc<SourceFile>,
    pub(super) root: Node,
}

/// Reads a YAML file if it exists. Repeated keys go to `warnings`.
pub(super) fn config_file(
    path: &Path,
    shown: &str,
    warnings: &mut Diagnostics,
) -> Result<Option<ConfigFile>, Diagnostic> {
    let Some(file) = read_optional(path, shown)? else { return Ok(None) };
    let parsed = yaml::parse(&file)?;
    warnings.extend(parsed.warnings);
    let empty = Node { value: yaml::Value::Map(yaml::Map::default()), extent: yaml::Extent::default() };
    Ok(Some(ConfigFile { root: parsed.value.unwrap_or(empty), file }))
}

/// The `flags:` of the project, for settling an invocation before the project is loaded.
/// What is wrong with the file is said when it is loaded, so this gives no errors.
pub fn project_flags(project_dir: &Path) -> Map<String, Value> {
    let path = project_dir.join(project::FILE_NAME);
    let Ok(file) = read_text(&path, project::FILE_NAME, MAX_CONFIG_BYTES) else { return Map::new() };
    let root = yaml::parse(&file).ok().and_then(|parsed| parsed.value);
    match root.as_ref().and_then(|root| root.get("flags")).map(Node::to_json) {
        Some(Value::Object(flags)) => flags,
        _ => Map::new(),
    }
}

/// `target-path` as the project's file has it, for reading artifacts before the project is loaded.
pub fn target_path(project_dir: &Path) -> String {
    let path = project_dir.join(project::FILE_NAME);
    let file = read_text(&path, project::FILE_NAME, MAX_CONFIG_BYTES).ok();
    let root = file.and_then(|file| yaml::parse(&file).ok()).and_then(|parsed| parsed.value);
    let given = root.as_ref().and_then(|root| root.get("target-path")).and_then(Node::as_str);
    given.unwrap_or("target").to_owned()
}

/// The project with its target: `dbt_project.yml`, `vars.yml`, `profiles.yml`.
///
/// # Errors
/// Everything that is wrong with these files, or that one of them is missing.
pub fn settings(request: &Request) -> Result<Warned<Settings>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let files = RootFiles::read(request, &mut problems)?;
    let vars = files.rendering_vars(request);
    let profile_context = context(request, &vars, None, true);
    let project_renderer = ConfigRenderer::new(&context(request, &vars, None, false));
    let asked = match &request.profile {
        Some(name) => Some(name.clone()),
        None => project::profile_name(&files.project.file, &files.project.root, &project_renderer)?,
    };
    let project_name = files.project.root.get("name").and_then(Node::as_str).unwrap_or("project").to_owned();
    let place = files.project.root.get("profile").filter(|_| request.profile.is_none());
    let place = place.map(|node| node.span(&files.project.file));
    let asked = asked.as_deref().map(|name| (name, place));
    let found = profile(request, asked, &ConfigRenderer::new(&profile_context), &mut problems)?;
    // The file of the database stands where the rendered project says; nothing else of the target waits for that.
    let target_map = found.as_ref().map_or_else(
        || target::embedded(&project_name, &files.written_target_path(request), request.threads).to_json(),
        Target::to_json,
    );
    let renderer = ConfigRenderer::new(&context(request, &vars, Some(&target_map), false));
    let config = files.config(request, &renderer, &mut problems)?;
    let project = Package {
        name: Arc::from(config.name.as_str()),
        root: request.project_dir.clone(),
        config: Arc::new(config),
        is_root: true,
    };
    let target_path = project.target_path(request.target_path.as_deref());
    let target = found.unwrap_or_else(|| {
        let embedded = target::embedded(&project_name, &target_path, request.threads);
        let path = embedded.connection.text("path").unwrap_or_default();
        let shown = Path::new(path).strip_prefix(&request.project_dir).map_or(path.into(), Path::to_string_lossy);
        let said = format!("no profile found, building on DuckDB at `{shown}`");
        problems.push(Diagnostic::new(crate::diagnostic::Severity::Note, said));
        embedded
    });
    let vars = Vars { command_line: request.vars.clone(), root: project.config.vars.clone(), packages: HashMap::new() };
    problems.finish(Settings { project, target, target_path, vars, environment: request.environment.clone() })
}

/// The project alone, for commands that need no profile (`deps`, `clean`, `init`).
/// A `var` without value is no error then.
///
/// # Errors
/// Everything that is wrong with `dbt_project.yml` and `vars.yml`.
pub fn root(request: &Request) -> Result<Warned<Package>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let files = RootFiles::read(request, &mut problems)?;
    let vars = files.rendering_vars(request);
    let mut context = context(request, &vars, None, false);
    context.requires_vars = false;
    let config = files.config(request, &ConfigRenderer::new(&context), &mut problems)?;
    problems.finish(Package {
        name: Arc::from(config.name.as_str()),
        root: request.project_dir.clone(),
        config: Arc::new(config),
        is_root: true,
    })
}

/// What the texts of configuration files may use.
pub(super) fn context<'a>(
    request: &'a Request,
    vars: &'a Map<String, Value>,
    target: Option<&'a Map<String, Value>>,
    allows_secrets: bool,
) -> RenderContext<'a> {
    RenderContext {
        environment: &request.environment,
        vars,
        target,
        allows_secrets,
        requires_vars: true,
        dbt_version: DBT_VERSION,
        modules: request.modules.as_ref(),
    }
}

/// The files that make the root project's configuration.
struct RootFiles {
    project: ConfigFile,
    vars: Option<ConfigFile>,
}

impl RootFiles {
    fn read(request: &Request, problems: &mut Diagnostics) -> Result<RootFiles, Diagnostic> {
        let path = request.project_dir.join(project::FILE_NAME);
        let Some(project) = config_file(&path, project::FILE_NAME, problems)? else {
            return Err(Diagnostic::error(format!(
                "No {} found at expected path {}",
                project::FILE_NAME,
                request.project_dir.display()
            ))
            .hint("go to a project, name one by `--project-dir`, or begin one with `tform init NAME`"));
        };
        let vars = config_file(&request.project_dir.join("vars.yml"), "vars.yml", problems)?;
        Ok(RootFiles { project, vars })
    }

    /// The target's folder as far as it is known before the project is rendered.
    fn written_target_path(&self, request: &Request) -> PathBuf {
        let written = self.project.root.get("target-path").and_then(Node::as_str).unwrap_or("target");
        request.target_path.clone().unwrap_or_else(|| request.project_dir.join(written))
    }

    /// The variables that configuration may use: those of `vars.yml`, under those of `--vars`.
    fn rendering_vars(&self, request: &Request) -> Map<String, Value> {
        let mut vars = match self.vars.as_ref().and_then(|vars| vars.root.get("vars")).map(Node::to_json) {
            Some(Value::Object(vars)) => vars,
            _ => Map::new(),
        };
        vars.extend(request.vars.clone());
        vars
    }

    fn config(
        &self,
        request: &Request,
        renderer: &ConfigRenderer,
        problems: &mut Diagnostics,
    ) -> Result<ProjectConfig, Diagnostics> {
        let vars_file = self.vars.as_ref().map(|vars| (&vars.file, &vars.root));
        package_config(&self.project, request, renderer, vars_file, problems)
    }
}

fn package_config(
    file: &ConfigFile,
    request: &Request,
    renderer: &ConfigRenderer,
    vars_file: Option<(&Arc<SourceFile>, &Node)>,
    problems: &mut Diagnostics,
) -> Result<ProjectConfig, Diagnostics> {
    let version = project::version::Version::parse(DBT_VERSION);
    let dbt_version = version.as_ref().filter(|_| request.checks_version);
    let context = ConfigContext { renderer, dbt_version, vars_file };
    match project::config(&file.file, &file.root, &context) {
        Ok(config) => {
            problems.extend(config.warnings);
            Ok(config.value)
        }
        Err(errors) => {
            let mut all = std::mem::take(problems);
            all.extend(errors);
            Err(all)
        }
    }
}

/// The target of `profiles.yml`; `None` where the embedded engine is to be used. `asked` is the
/// profile's name with the place where the project says it.
fn profile(
    request: &Request,
    asked: Option<(&str, Option<Span>)>,
    renderer: &ConfigRenderer,
    problems: &mut Diagnostics,
) -> Result<Option<Target>, Diagnostics> {
    let path = request.profiles_dir.join(target::FILE_NAME);
    let shown = path.strip_prefix(&request.project_dir).unwrap_or(&path).to_string_lossy().into_owned();
    let Some(file) = config_file(&path, &shown, problems)? else {
        if request.profiles_dir_given {
            return Err(Diagnostic::error(format!(
                "no `{}` found at `{}`",
                target::FILE_NAME,
                request.profiles_dir.display()
            ))
            .hint("check `--profiles-dir` and `DBT_PROFILES_DIR`")
            .into());
        }
        for (flag, value) in [("--profile", &request.profile), ("--target", &request.target)] {
            if let Some(value) = value {
                let message = format!("`{flag} {value}` is given, but there is no `{}`", target::FILE_NAME);
                return Err(Diagnostic::error(message).note(format!("looked for `{shown}`")).into());
            }
        }
        return Ok(None);
    };
    let Some((profile_name, profile_place)) = asked else { return Ok(None) };
    let threads = request.threads;
    let target = request.target.as_deref();
    let target_request = TargetRequest { profile_name, profile_place, target, threads, renderer };
    let target = target::from_profiles(&file.file, &file.root, &target_request)?;
    problems.extend(target.warnings);
    Ok(Some(target.value))
}

/// The packages installed in the project's packages folder, by name, and how many were asked for.
pub(super) fn installed_packages(
    request: &Request,
    settings: &Settings,
    problems: &mut Diagnostics,
) -> Vec<(Package, String)> {
    let project = &settings.project;
    let folder = project.packages_path();
    let mut packages = Vec::new();
    let vars = request.vars.clone();
    let target = settings.target.to_json();
    let renderer = ConfigRenderer::new(&context(request, &vars, Some(&target), false));
    let folders = match package_folders(&folder) {
        Ok(folders) => folders,
        Err(error) => {
            let shown = &project.config.packages_install_path;
            problems.push(Diagnostic::error(format!("folder `{shown}` cannot be read: {}", reason(&error))));
            return packages;
        }
    };
    check_installed(project, &folders, problems);
    for path in folders {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let shown_root = format!("{}/{name}/", project.config.packages_install_path);
        let shown = format!("{shown_root}{}", project::FILE_NAME);
        let read = config_file(&path.join(project::FILE_NAME), &shown, problems);
        let config = match read {
            Ok(Some(file)) => package_config(&file, request, &renderer, None, problems),
            Ok(None) => {
                Err(Diagnostic::error(format!("No {} found at expected path {shown_root}", project::FILE_NAME))
                    .hint("remove the folder, or install the packages again with `tform deps`")
                    .into())
            }
            Err(problem) => Err(problem.into()),
        };
        match config {
            Ok(config) => {
                let name = Arc::from(config.name.as_str());
                packages.push((Package { name, root: path, config: Arc::new(config), is_root: false }, shown_root));
            }
            Err(errors) => problems.extend(errors),
        }
    }
    check_names(project, &packages, problems);
    packages
}

/// The folders of installed packages, in order.
fn package_folders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with("__") && !name.starts_with('.') {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Says which packages are asked for and not there: by the lock file, which has those of
/// packages too, or else by the number in the list. Callers look for the words about `dbt deps`.
fn check_installed(project: &Package, installed: &[PathBuf], problems: &mut Diagnostics) {
    let mut ignored = Diagnostics::new();
    let mut read = |name: &str| config_file(&project.root.join(name), name, &mut ignored).ok().flatten();
    let list = ["packages.yml", "dependencies.yml"].iter().find_map(|name| {
        let file = read(name)?;
        file.root.get("packages").is_some().then_some((*name, file))
    });
    let Some((name, file)) = list else { return };
    let Some(asked) = file.root.get("packages") else { return };
    let items = |node: &Node| node.as_list().map_or(0, <[Node]>::len);
    let lock = read("package-lock.yml");
    let locked = lock.as_ref().and_then(|lock| lock.root.get("packages")).filter(|list| items(list) > 0);
    let count = items(locked.unwrap_or(asked));
    if count <= installed.len() {
        return;
    }
    let is_there = |name: &str| installed.iter().any(|folder| folder.file_name().is_some_and(|found| found == name));
    let locked = locked.and_then(Node::as_list).unwrap_or(&[]);
    let missing: Vec<&str> =
        locked.iter().filter_map(|entry| entry.get("name")?.as_str()).filter(|name| !is_there(name)).collect();
    let missing = match missing.is_empty() {
        true => String::new(),
        false => format!("Following packages were not found: {}. ", missing.join(", ")),
    };
    let text = format!(
        "dbt expects {count} package(s) based on packages specified in {name}, but found only {} package(s) installed in \
         {}. {missing}Run \"dbt deps\" to install package dependencies",
        installed.len(),
        project.config.packages_install_path
    );
    problems.push(Diagnostic::error(text).at(asked.span(&file.file)).hint("run `tform deps`"));
}

fn check_names(project: &Package, packages: &[(Package, String)], problems: &mut Diagnostics) {
    for (index, (package, shown)) in packages.iter().enumerate() {
        let earlier = packages[..index].iter().map(|(package, shown)| (package, shown.as_str()));
        let mut others = earlier.chain([(project, "the project itself")]);
        if let Some((_, other)) = others.find(|(other, _)| other.name == package.name) {
            problems.push(
                Diagnostic::error(format!("there are two packages with the name `{}`", package.name))
                    .note(format!("one is {shown}, the other is {other}"))
                    .hint("rename one of them, or take it off the list of packages"),
            );
        }
    }
}

/// The list of packages of a project.
#[derive(Debug, Clone)]
pub struct PackageList {
    pub file: Arc<SourceFile>,
    pub root: Node,
    /// `packages.yml` and lock files are rendered, `dependencies.yml` is not.
    pub is_rendered: bool,
}

/// The list of packages of the project in a folder: `packages.yml`, or `packages:` of
/// `dependencies.yml`. `shown_root` is put before the paths that people see.
///
/// # Errors
/// Both have packages, or one of them cannot be read.
pub fn package_list(
    folder: &Path,
    shown_root: &str,
    warnings: &mut Diagnostics,
) -> Result<Option<PackageList>, Diagnostic> {
    let mut read = |name: &str| config_file(&folder.join(name), &format!("{shown_root}{name}"), warnings);
    let packages = read("packages.yml")?;
    let dependencies = read("dependencies.yml")?;
    let listed =
        |file: &Option<ConfigFile>| file.as_ref().and_then(|file| Some(file.root.get("packages")?.span(&file.file)));
    match (listed(&packages), listed(&dependencies)) {
        (Some(one), Some(other)) => {
            return Err(Diagnostic::error("`packages` cannot be in both `packages.yml` and `dependencies.yml`")
                .at(other)
                .note_at("also given here", one));
        }
        (None, Some(_)) => {
            let list = dependencies.map(|file| PackageList { file: file.file, root: file.root, is_rendered: false });
            return Ok(list);
        }
        _ => {}
    }
    let Some(ConfigFile { file, root }) = packages else { return Ok(None) };
    if let Some(projects) = root.as_map().and_then(|map| map.entry("projects")) {
        return Err(Diagnostic::error("`projects` belongs into `dependencies.yml`").at(projects.key.span(&file)));
    }
    Ok(Some(PackageList { file, root, is_rendered: true }))
}

/// What a package that is being installed says of itself.
#[derive(Debug, Clone)]
pub struct PackageContents {
    pub name: String,
    pub list: Option<PackageList>,
}

/// Reads the name and the list of packages of the project in a folder; `shown` names the
/// package for people.
///
/// # Errors
/// There is no project, it has no name, or its files are broken.
pub fn package_contents(folder: &Path, shown: &str) -> Result<PackageContents, Diagnostic> {
    let mut warnings = Diagnostics::new();
    let shown_root = format!("{}/", shown.trim_end_matches('/'));
    let shown_file = format!("{shown_root}{}", project::FILE_NAME);
    let Some(file) = config_file(&folder.join(project::FILE_NAME), &shown_file, &mut warnings)? else {
        return Err(Diagnostic::error(format!("no `{}` found in package `{shown}`", project::FILE_NAME))
            .hint("a package is a folder with that file, check its address and its `subdirectory`"));
    };
    let Some(name) = file.root.get("name").and_then(Node::as_str) else {
        return Err(Diagnostic::error(format!("`name` is missing in `{shown_file}`")));
    };
    let list = package_list(folder, &shown_root, &mut warnings)?;
    Ok(PackageContents { name: name.to_owned(), list })
}

/// Reads a list of packages by its path; `None` if there is no such file.
///
/// # Errors
/// It cannot be read, or is not YAML.
pub fn lock_file(path: &Path, shown: &str) -> Result<Option<PackageList>, Diagnostic> {
    let file = config_file(path, shown, &mut Diagnostics::new())?;
    Ok(file.map(|file| PackageList { file: file.file, root: file.root, is_rendered: true }))
}
