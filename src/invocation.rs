//! One run of the program: the command, its validated flags, variables and paths.
//!
//! `cli` gives a [`CommandLine`]; [`validate`] joins it with the environment and the
//! project's `flags:` into an [`Invocation`], which every later stage reads. Nothing
//! here reads files; only whether a folder holds a file is asked, to find the project.

pub mod environment;
pub mod settings;
pub mod table;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Diagnostics, Warned};
use crate::event::WarnErrorOptions;
pub use environment::Environment;
pub use settings::{CommandLine, Given, Origin, SampleWindow, Settings};
pub use table::Which;

/// The version of the dbt language that this is: `dbt_version` in Jinja and artifacts.
pub const DBT_VERSION: &str = "1.12.4";

/// The process's exit code.
///
/// By default dbt's three; `--exit-codes detailed` tells more failures apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitCode {
    Success,
    /// A node failed to build, or (not detailed) a test failed.
    NodeFailed,
    /// A node did not compile, or could not be shown.
    NotCompiled,
    /// Usage, a broken project, anything unexpected.
    Unhandled,
    /// Only data tests failed.
    TestsFailed,
    /// The selection matched nothing and that was asked to fail.
    NothingSelected,
    /// The warehouse could not be reached.
    Unreachable,
}

impl ExitCode {
    pub fn code(self, codes: ExitCodes) -> u8 {
        match (self, codes) {
            (ExitCode::Success, _) => 0,
            (ExitCode::NodeFailed, _) | (ExitCode::NotCompiled, ExitCodes::Detailed) => 1,
            (ExitCode::Unhandled, _) | (ExitCode::NotCompiled, ExitCodes::Standard) => 2,
            (ExitCode::TestsFailed, ExitCodes::Standard) => 1,
            (ExitCode::TestsFailed, ExitCodes::Detailed) => 3,
            (ExitCode::NothingSelected, ExitCodes::Standard) => 2,
            (ExitCode::NothingSelected, ExitCodes::Detailed) => 4,
            (ExitCode::Unreachable, ExitCodes::Standard) => 2,
            (ExitCode::Unreachable, ExitCodes::Detailed) => 5,
        }
    }
}

/// Which exit codes are used (`--exit-codes`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExitCodes {
    #[default]
    Standard,
    Detailed,
}

/// A command with the options that only it has.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Init {
        name: Option<String>,
        skip_profile_setup: bool,
        skip_debug: bool,
    },
    Debug {
        connection: bool,
        config_dir: bool,
    },
    Deps {
        upgrade: bool,
        lock: bool,
        add_package: Option<String>,
        source: String,
    },
    Parse,
    Compile(Preview),
    List(ListOptions),
    Run,
    Test,
    Build,
    Seed {
        show: bool,
    },
    Snapshot,
    SourceFreshness {
        output: Option<PathBuf>,
    },
    Freshness,
    Show(Preview),
    /// A macro with its arguments, or a statement (`--sql`).
    RunOperation {
        macro_name: Option<String>,
        arguments: Map<String, Value>,
        sql: Option<String>,
    },
    Retry,
    Clone,
    Clean {
        project_files_only: bool,
    },
    DocsGenerate {
        compile: bool,
        empty_catalog: bool,
        static_page: bool,
    },
    DocsServe {
        host: String,
        port: u16,
        browser: bool,
    },
    Lineage(LineageOptions),
}

/// What `lineage` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageOptions {
    /// A node, or `node.column`; `None` for the whole project.
    pub of: Option<String>,
    pub upstream: bool,
    pub downstream: bool,
    pub format: LineageFormat,
    /// Whether macros that ask the warehouse may do so.
    pub introspect: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineageFormat {
    Text,
    Json,
    Dot,
    Mermaid,
    OpenLineage,
}

/// What `compile` and `show` have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// SQL with Jinja in place of a model.
    pub inline: Option<String>,
    /// SQL to run as it is (`show` only).
    pub inline_direct: Option<String>,
    pub json: bool,
    /// `None` for all rows.
    pub limit: Option<u64>,
    pub introspect: bool,
    pub inject_ephemeral_ctes: bool,
}

/// What `ls` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    pub output: ListOutput,
    pub output_keys: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOutput {
    Json,
    Name,
    Path,
    Selector,
}

/// What was asked to be selected, as written; `select` makes it into criteria.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectionOptions {
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    pub selector: Option<String>,
    /// Lower-case; may hold `all` and `default`.
    pub resource_types: Vec<String>,
    pub exclude_resource_types: Vec<String>,
    pub indirect_selection: IndirectSelection,
    /// Whether the user asked for `indirect_selection`, so that it goes before a YAML selector's own.
    pub indirect_selection_given: bool,
    pub fail_on_empty: bool,
}

/// Which tests of selected nodes are selected when they touch other nodes too
/// (docs.getdbt.com/reference/node-selection/test-selection-examples#indirect-selection).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum IndirectSelection {
    /// Every test that touches a selected node.
    #[default]
    Eager,
    /// Only those whose nodes are all selected.
    Cautious,
    /// Those whose nodes are selected or ancestors of selected ones.
    Buildable,
    /// None.
    Empty,
}

impl IndirectSelection {
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "eager" => Some(IndirectSelection::Eager),
            "cautious" => Some(IndirectSelection::Cautious),
            "buildable" => Some(IndirectSelection::Buildable),
            "empty" => Some(IndirectSelection::Empty),
            _ => None,
        }
    }
}

/// The artifacts of an earlier invocation that this one refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateOptions {
    /// Folder for `state:`, `result:` and `source_status:`.
    pub state: Option<PathBuf>,
    /// Folder for deferral: `--defer-state`, else `--state`; `None` when nothing is deferred.
    pub defer: Option<PathBuf>,
    pub favor_state: bool,
}

/// How and how much is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    pub debug: bool,
    pub quiet: bool,
    pub print: bool,
    pub width: usize,
    /// Whether the terminal may be coloured; `None` when nobody said, and the terminal decides.
    pub colors: Option<bool>,
    pub colors_file: bool,
    pub format: LogFormat,
    pub format_file: LogFormat,
    pub level: LogLevel,
    pub level_file: LogLevel,
    /// Bytes; 0 for no limit.
    pub file_max_bytes: u64,
    /// Whether the user set anything that only concerns the log file.
    pub file_given: bool,
    pub show_all_deprecations: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// What suits the place: text on the terminal.
    Default,
    Text,
    Debug,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    /// Nothing at all.
    None,
}

/// The flags that stages read; all of them, for Jinja, are in [`Flags::get`].
#[derive(Debug, Clone, PartialEq)]
pub struct Flags {
    pub full_refresh: bool,
    pub fail_fast: bool,
    pub empty: bool,
    pub store_failures: bool,
    pub fresh_only: bool,
    pub sample: Option<SampleWindow>,
    pub event_time_start: Option<DateTime<Utc>>,
    pub event_time_end: Option<DateTime<Utc>>,
    pub version_check: bool,
    pub write_json: bool,
    pub introspect: bool,
    pub warn_error_options: WarnErrorOptions,
    settings: Settings,
}

impl Flags {
    /// A flag by its name in Jinja, upper- or lower-case
    /// (docs.getdbt.com/reference/dbt-jinja-functions/flags).
    pub fn get(&self, name: &str) -> Option<&Value> {
        let lower = name.to_lowercase();
        self.settings.iter().find(|(known, _)| *known == lower).map(|(_, setting)| &setting.value)
    }

    /// Every flag with its upper-case name.
    pub fn values(&self) -> impl Iterator<Item = (String, &Value)> {
        self.settings.iter().map(|(name, setting)| (name.to_uppercase(), &setting.value))
    }

    /// Whether the command line itself switches a flag on.
    pub fn is_asked_for(&self, name: &str) -> bool {
        self.settings.origin(name) == Origin::CommandLine && self.settings.flag(name)
    }

    /// Whether a behaviour of `flags:` (`require_...`, `state_modified_...`) is on.
    pub fn behaviour(&self, name: &str) -> bool {
        self.settings.flag(name)
    }

    /// The flags by lower-case name as `run_results.json` has them under `args`;
    /// those without a value are left out.
    pub fn arguments(&self) -> Map<String, Value> {
        let is_told = |name: &str, value: &Value| {
            !(value.is_null() || *value == Value::Bool(false) && SILENT_WHEN_FALSE.contains(&name))
        };
        let set = self.settings.iter().filter(|(name, setting)| is_told(name, &setting.value));
        set.map(|(name, setting)| {
            let mut value = without_secrets(setting.value.clone());
            if let (WARN_ERROR_OPTIONS, Value::Object(lists)) = (name, &mut value) {
                for list in ["error", "warn", "silence"] {
                    lists.entry(list).or_insert_with(|| Value::Array(Vec::new()));
                }
            }
            (artifact_name(name).to_owned(), value)
        })
        .collect()
    }

    /// The size in bytes up to which the contents of seeds are compared.
    pub fn max_hashed_seed_bytes(&self) -> u64 {
        let mebibytes = self.get("maximum_seed_size_mib").and_then(Value::as_u64).unwrap_or(1);
        if mebibytes == 0 { u64::MAX } else { mebibytes.saturating_mul(1 << 20) }
    }
}

/// The name of a flag in `run_results.json`.
fn artifact_name(flag: &str) -> &str {
    match flag {
        "resource_type" => "resource_types",
        "exclude_resource_type" => "exclude_resource_types",
        name => name,
    }
}

const WARN_ERROR_OPTIONS: &str = "warn_error_options";

/// Flags that dbt names in `run_results.json` only when they are on.
const SILENT_WHEN_FALSE: [&str; 9] = [
    "debug",
    "full_refresh",
    "fail_fast",
    "warn_error",
    "single_threaded",
    "log_cache_events",
    "store_failures",
    "use_experimental_parser",
    "require_event_names_in_deprecations",
];

/// A setting with stars for the values of variables whose names say that they are secret.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| match name.starts_with(environment::SECRET_PREFIX) {
                true => (name, Value::from("*****")),
                false => (name, value),
            })
            .collect(),
        other => other,
    }
}

/// One run of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    pub command: Command,
    pub which: Which,
    /// Absolute.
    pub project_dir: PathBuf,
    /// Absolute; need not exist.
    pub profiles_dir: PathBuf,
    /// Whether the user named `profiles_dir`, so that a missing `profiles.yml` is an error.
    pub profiles_dir_given: bool,
    pub profile: Option<String>,
    pub target: Option<String>,
    /// Absolute; `None` where the project decides.
    pub target_path: Option<PathBuf>,
    /// Absolute; `None` where the project decides.
    pub log_path: Option<PathBuf>,
    pub vars: Map<String, Value>,
    /// At least one; `None` where the profile decides.
    pub threads: Option<usize>,
    pub selection: SelectionOptions,
    pub state: StateOptions,
    pub log: LogOptions,
    pub flags: Flags,
    pub exit_codes: ExitCodes,
    pub environment: Environment,
    pub invocation_id: String,
    pub started_at: DateTime<Utc>,
}

/// The folders that paths of the command line are relative to.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder that the program was started in, absolute.
    pub current_dir: PathBuf,
    pub environment: Environment,
}

/// The folder of `dbt_project.yml`: as given, else the current folder or the nearest above
/// that has one, else the current folder.
pub fn project_dir(line: &CommandLine, place: &Place) -> PathBuf {
    let given = match line.given.get("project_dir") {
        Some(Given::Words(words)) => words.last().map(String::as_str),
        _ => None,
    };
    let variables = ["TFORM_PROJECT_DIR", "DBT_ENGINE_PROJECT_DIR", "DBT_PROJECT_DIR"];
    let given = given.or_else(|| variables.iter().find_map(|name| place.environment.non_empty(name)));
    match given {
        Some(given) => absolute(&place.current_dir, given),
        None => {
            let mut folders = place.current_dir.ancestors();
            folders.find(|folder| folder.join("dbt_project.yml").is_file()).unwrap_or(&place.current_dir).to_owned()
        }
    }
}

/// Joins the command line with the environment and `flags:` of `dbt_project.yml`.
///
/// # Errors
/// Every value that is not valid and every pair of flags that exclude each other.
pub fn validate(
    line: CommandLine,
    place: Place,
    project_flags: &Map<String, Value>,
) -> Result<Warned<Invocation>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let mut settings = settings::resolve(&line, &place.environment, project_flags, &mut diagnostics);
    let project_dir = project_dir(&line, &place);
    let profiles_dir = match settings.text("profiles_dir") {
        Some(given) => absolute(&place.current_dir, &given),
        None => default_profiles_dir(&place, &project_dir),
    };
    let options = warn_error_options(&settings, &mut diagnostics);
    exclude_each_other(&settings, &mut diagnostics);
    follow(&mut settings);
    let log_path = settings.text("log_path").map(|given| absolute(&place.current_dir, &given));
    complete(&mut settings, &line, &project_dir, &profiles_dir);
    let path = |name: &str| settings.text(name).map(|given| absolute(&place.current_dir, &given));
    diagnostics.extend(deprecations(&line, &settings, &place.environment));
    let threads = threads(&settings, &mut diagnostics);
    let flags = flags(&settings, options, &mut diagnostics);
    // Like dbt, the folder of an earlier state is looked for below the project.
    let folder = |name: &str| settings.text(name).map(|given| absolute(&project_dir, &given));
    let state = folder("state");
    // Cloning is about the other environment, flag or not.
    let defers = settings.flag("defer") || line.which == Which::Clone;
    let defer = defers.then(|| folder("defer_state").or_else(|| state.clone())).flatten();
    let detailed = settings.text("exit_codes").as_deref() == Some("detailed");
    let command = command(&line, &settings, &place.current_dir, &mut diagnostics);
    let invocation = Invocation {
        command,
        which: line.which,
        profiles_dir_given: settings.is_given("profiles_dir"),
        profile: settings.text("profile"),
        target: settings.text("target"),
        target_path: path("target_path"),
        log_path,
        vars: settings.map("vars"),
        threads,
        selection: selection(&settings, &mut diagnostics),
        state: StateOptions { state, defer, favor_state: settings.flag("favor_state") },
        log: log_options(&settings),
        flags,
        exit_codes: if detailed { ExitCodes::Detailed } else { ExitCodes::Standard },
        project_dir,
        profiles_dir,
        environment: place.environment,
        invocation_id: uuid::Uuid::new_v4().to_string(),
        started_at: Utc::now(),
    };
    diagnostics.finish(invocation)
}

/// Flags of this invocation that `retry` does not take from the last one.
const OWN_OF_RETRY: [&str; 7] =
    ["log_path", "output", "profiles_dir", "project_dir", "defer_state", "target_path", "warn_error"];

/// The command line that repeats an earlier one: `arguments` are its flags by name as
/// `run_results.json` has them, and what `line` (the `retry` itself) says goes before them.
///
/// Selections are left out: `retry` names its nodes.
pub fn repeated_line(line: &CommandLine, which: Which, arguments: &Map<String, Value>) -> CommandLine {
    let mut given = indexmap::IndexMap::new();
    for flag in table::FLAGS.iter().filter(|flag| flag.place.accepts(which)) {
        let selects =
            matches!(flag.name, "select" | "exclude" | "selector" | "resource_type" | "exclude_resource_type");
        if selects || flag.inert || OWN_OF_RETRY.contains(&flag.name) {
            continue;
        }
        let value = match arguments.get(artifact_name(flag.name)).or_else(|| arguments.get(flag.name)) {
            Some(Value::Bool(on)) => Given::Switch(*on),
            Some(Value::String(text)) => Given::Words(vec![text.clone()]),
            Some(Value::Number(number)) => Given::Words(vec![number.to_string()]),
            Some(Value::Object(map)) if map.values().all(|value| value.as_array().is_some_and(Vec::is_empty)) => {
                continue;
            }
            Some(value @ Value::Object(_)) => Given::Words(vec![value.to_string()]),
            _ => continue,
        };
        // A default written out would stand in the way of the environment and the project.
        if value != settings::initial_as_given(flag) {
            given.insert(flag.name, value);
        }
    }
    given.extend(line.given.iter().map(|(name, value)| (*name, value.clone())));
    let operand = arguments.get("macro").and_then(Value::as_str).map(str::to_owned);
    CommandLine { which, given, operand, words: line.words.clone() }
}

fn absolute(current_dir: &Path, given: &str) -> PathBuf {
    plain_path(&current_dir.join(given))
}

/// The path without `.` and `..`, by text alone: it need not exist yet.
pub fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// The folder of `profiles.yml` when nobody names one: the current folder, `~/.dbt`, and
/// (unlike dbt) the project's folder, the first that has the file.
fn default_profiles_dir(place: &Place, project_dir: &Path) -> PathBuf {
    let home = place.environment.home().map(|home| Path::new(home).join(".dbt"));
    let candidates = [Some(place.current_dir.clone()), home.clone(), Some(project_dir.to_owned())];
    let found = candidates.into_iter().flatten().find(|folder| folder.join("profiles.yml").is_file());
    found.or(home).unwrap_or_else(|| project_dir.to_owned())
}

fn warn_error_options(settings: &Settings, diagnostics: &mut Diagnostics) -> WarnErrorOptions {
    let map = settings.map("warn_error_options");
    let mut options = if settings.flag("warn_error") { WarnErrorOptions::all() } else { WarnErrorOptions::default() };
    options.only_asked = !settings.flag("require_all_warnings_handled_by_warn_error");
    for (old, new) in [("include", "error"), ("exclude", "warn")] {
        if map.contains_key(old) && map.contains_key(new) {
            let text = format!("Only `{old}` or `{new}` can be specified in `warn_error_options`, not both");
            diagnostics.push(Diagnostic::error(text));
        }
    }
    for (key, value) in &map {
        let names = match value {
            Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::Null => Vec::new(),
            Value::String(text) if matches!(text.as_str(), "all" | "*") => vec![text.clone()],
            other => {
                let text = format!("`warn_error_options.{key}` is `{other}`, not `all` or a list of event names");
                diagnostics.push(Diagnostic::error(text));
                continue;
            }
        };
        match key.as_str() {
            "error" | "include" => options.error.extend(names),
            "warn" | "exclude" => options.warn = names,
            "silence" => options.silence = names,
            other => {
                let unknown = Diagnostic::error(format!("unknown key `{other}` in `warn_error_options`"));
                diagnostics.push(unknown.suggest(other, ["error", "warn", "silence"]));
            }
        }
    }
    diagnostics.extend(options.unknown_names());
    options
}

/// What is still understood and should be written in another way
/// (docs.getdbt.com/reference/deprecations).
fn deprecations(line: &CommandLine, settings: &Settings, environment: &Environment) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if line.words.iter().any(|word| matches!(word.as_str(), "-m" | "--model" | "--models")) {
        let text = "Usage of `--models`, `--model`, and `-m` is deprecated in favor of `--select` or `-s`.";
        found.push(Diagnostic::warning_of("ModelParamUsageDeprecation", text));
    }
    let options = settings.map("warn_error_options");
    let old: Vec<(&str, &str)> =
        [("include", "error"), ("exclude", "warn")].into_iter().filter(|(key, _)| options.contains_key(*key)).collect();
    if !old.is_empty() {
        let named: Vec<String> = old.iter().map(|(key, _)| format!("`{key}`")).collect();
        let mut text = format!("Found {} in `warn_error_options` specification.", named.join(" and "));
        for (key, new) in old {
            text.push_str(&format!(" Please use `{new}` instead of `{key}`."));
        }
        found.push(Diagnostic::warning_of("WEOIncludeExcludeDeprecation", text));
    }
    for (variable, flag) in table::OLD_VARIABLES {
        if environment.non_empty(variable).is_some() {
            let new = format!("{ENGINE_PREFIX}{}", flag.to_uppercase());
            let text = format!(
                "The environment variable `{variable}` has been renamed as `{new}`. If `{variable}` is currently set, its \
                 value will be used instead of `{new}`. Set `{new}` and unset `{variable}` to avoid this deprecation \
                 warning and ensure it works properly in a future release."
            );
            let warning = Diagnostic::warning_of("EnvironmentVariableRenamed", text);
            found.push(warning.fact("old_name", *variable).fact("new_name", new));
        }
    }
    let known: std::collections::HashSet<String> =
        table::FLAGS.iter().flat_map(table::Flag::variables).chain(OTHER_VARIABLES.map(str::to_owned)).collect();
    let custom = environment.iter().map(|(name, _)| name);
    for name in custom.filter(|name| name.starts_with(ENGINE_PREFIX) && !known.contains(*name)) {
        let text = format!(
            "Found custom environment variable `{name}` in the environment. The prefix `{ENGINE_PREFIX}` is reserved for \
             dbt engine environment variables. Custom environment variables with the prefix `{ENGINE_PREFIX}` may cause \
             collisions and runtime errors."
        );
        let warning = Diagnostic::warning_of("EnvironmentVariableNamespaceDeprecation", text);
        found.push(warning.fact("env_var", name).fact("reserved_prefix", ENGINE_PREFIX));
    }
    found
}

/// Gives each of dbt's variables under both of its names, `DBT_ENGINE_X` and `DBT_X`; the newer one counts more.
pub fn share_names(environment: &mut Environment) {
    let named = table::FLAGS.iter().flat_map(table::Flag::variables);
    for new in named.chain(OTHER_VARIABLES.map(str::to_owned)).filter(|name| name.starts_with(ENGINE_PREFIX)) {
        let old = new.replacen(ENGINE_PREFIX, "DBT_", 1);
        environment.share(&new, &old);
    }
}

/// Variables whose names begin so belong to dbt.
const ENGINE_PREFIX: &str = "DBT_ENGINE_";
/// Variables of dbt's that set no flag.
const OTHER_VARIABLES: [&str; 4] = [
    "DBT_ENGINE_INVOCATION_ENV",
    "DBT_ENGINE_RECORDED_FILE_PATH",
    "DBT_ENGINE_PACKAGE_HUB_URL",
    "DBT_ENGINE_DOWNLOAD_DIR",
];

fn exclude_each_other(settings: &Settings, diagnostics: &mut Diagnostics) {
    let pairs = [
        ("warn_error", "warn_error_options"),
        ("select", "inline"),
        ("selector", "inline"),
        ("models", "select"),
        ("models", "resource_type"),
    ];
    for (one, other) in pairs {
        if settings.is_given(one) && settings.is_given(other) {
            let names = [one.replace('_', "-"), other.replace('_', "-")];
            diagnostics.push(Diagnostic::error(format!("`--{}` and `--{}` exclude each other", names[0], names[1])));
        }
    }
}

/// The file's log settings follow the terminal's unless they were set.
fn follow(settings: &mut Settings) {
    for (lead, follower) in
        [("use_colors", "use_colors_file"), ("log_level", "log_level_file"), ("log_format", "log_format_file")]
    {
        if settings.is_given(lead) && !settings.is_given(follower) {
            settings.set(follower, settings.value(lead).clone(), Origin::Default);
        }
    }
}

/// Adds what dbt's `flags` object has beside the options.
fn complete(settings: &mut Settings, line: &CommandLine, project_dir: &Path, profiles_dir: &Path) {
    let mut set = |name: &str, value: Value| settings.set(name, value, Origin::Default);
    set("which", Value::from(line.which.as_str()));
    set("invocation_command", Value::from(format!("dbt {}", line.words.join(" ")).trim_end()));
    set("strict_mode", Value::Bool(false));
    if line.which == Which::RunOperation {
        set("macro", Value::from(line.operand.clone()));
    }
    for (name, folder) in [("project_dir", project_dir), ("profiles_dir", profiles_dir)] {
        let origin = settings.origin(name);
        settings.set(name, Value::from(folder.to_string_lossy()), origin);
    }
    if settings.value("log_path").is_null() {
        settings.set("log_path", Value::from(project_dir.join("logs").to_string_lossy()), Origin::Default);
    }
    for name in ["full_refresh", "store_failures", "introspect"] {
        if settings.value(name).is_null() {
            settings.set(name, Value::Bool(name == "introspect"), Origin::Default);
        }
    }
}

fn threads(settings: &Settings, diagnostics: &mut Diagnostics) -> Option<usize> {
    let given = settings.integer("threads")?;
    match usize::try_from(given) {
        Ok(threads) if threads > 0 => Some(threads),
        _ => {
            diagnostics.push(Diagnostic::error(format!("`--threads` is {given}, but at least 1 is needed")));
            None
        }
    }
}

fn flags(settings: &Settings, warn_error_options: WarnErrorOptions, diagnostics: &mut Diagnostics) -> Flags {
    // Both texts were checked when the settings were resolved.
    let moment = |name: &str| settings.text(name).and_then(|text| settings::moment(&text).ok());
    let (start, end) = (moment("event_time_start"), moment("event_time_end"));
    match (start, end) {
        (Some(start), Some(end)) if start >= end => {
            diagnostics.push(Diagnostic::error("Value for `--event-time-start` must be less than `--event-time-end`"));
        }
        (Some(_), None) => {
            diagnostics.push(Diagnostic::error(
                "When specifying `--event-time-start`, `--event-time-end` must also be present.",
            ));
        }
        (None, Some(_)) => {
            diagnostics.push(Diagnostic::error(
                "When specifying `--event-time-end`, `--event-time-start` must also be present.",
            ));
        }
        _ => {}
    }
    Flags {
        full_refresh: settings.flag("full_refresh"),
        fail_fast: settings.flag("fail_fast"),
        empty: settings.flag("empty"),
        store_failures: settings.flag("store_failures"),
        fresh_only: settings.flag("fresh_only"),
        sample: settings.text("sample").and_then(|text| settings::window(&text, Utc::now()).ok()),
        event_time_start: start,
        event_time_end: end,
        version_check: settings.flag("version_check"),
        write_json: settings.flag("write_json"),
        introspect: settings.flag("introspect"),
        warn_error_options,
        settings: settings.clone(),
    }
}

fn selection(settings: &Settings, diagnostics: &mut Diagnostics) -> SelectionOptions {
    let mut select = settings.words("select");
    let mut resource_types = settings.words("resource_type");
    if settings.is_given("models") {
        select = settings.words("models");
        resource_types = vec!["model".to_owned()];
    }
    let indirect = settings.text("indirect_selection").unwrap_or_default();
    if settings.is_given("selector") && (settings.is_given("select") || settings.is_given("exclude")) {
        let text = "`--selector` goes before `--select` and `--exclude`, which have no effect beside it";
        diagnostics.push(Diagnostic::warning_of("SelectExcludeIgnoredWithSelectorWarning", text));
    }
    SelectionOptions {
        select,
        exclude: settings.words("exclude"),
        selector: settings.text("selector"),
        resource_types,
        exclude_resource_types: settings.words("exclude_resource_type"),
        indirect_selection: IndirectSelection::from_name(&indirect).unwrap_or_default(),
        indirect_selection_given: settings.is_given("indirect_selection"),
        fail_on_empty: settings.flag("fail_on_empty"),
    }
}

fn log_options(settings: &Settings) -> LogOptions {
    let format = |name: &str| match settings.text(name).as_deref() {
        Some("text") => LogFormat::Text,
        Some("debug") => LogFormat::Debug,
        Some("json") => LogFormat::Json,
        _ => LogFormat::Default,
    };
    let level = |name: &str| match settings.text(name).as_deref() {
        Some("debug") => LogLevel::Debug,
        Some("warn") => LogLevel::Warn,
        Some("error") => LogLevel::Error,
        Some("none") => LogLevel::None,
        _ => LogLevel::Info,
    };
    let number = |name: &str| settings.integer(name).and_then(|number| u64::try_from(number).ok());
    LogOptions {
        debug: settings.flag("debug"),
        quiet: settings.flag("quiet"),
        print: settings.flag("print"),
        width: number("printer_width").and_then(|width| usize::try_from(width).ok()).unwrap_or(80),
        colors: settings.is_given("use_colors").then(|| settings.flag("use_colors")),
        colors_file: settings.flag("use_colors_file"),
        format: format("log_format"),
        format_file: format("log_format_file"),
        level: if settings.flag("debug") { LogLevel::Debug } else { level("log_level") },
        level_file: level("log_level_file"),
        file_max_bytes: number("log_file_max_bytes").unwrap_or(0),
        file_given: ["log_format_file", "log_level_file", "log_file_max_bytes"]
            .iter()
            .any(|name| settings.is_given(name)),
        show_all_deprecations: settings.flag("show_all_deprecations"),
    }
}

fn command(line: &CommandLine, settings: &Settings, current_dir: &Path, diagnostics: &mut Diagnostics) -> Command {
    match line.which {
        Which::Init => {
            let (skip_profile_setup, skip_debug) = (settings.flag("skip_profile_setup"), settings.flag("skip_debug"));
            Command::Init { name: line.operand.clone(), skip_profile_setup, skip_debug }
        }
        Which::Debug => {
            Command::Debug { connection: settings.flag("connection"), config_dir: settings.flag("config_dir") }
        }
        Which::Deps => Command::Deps {
            upgrade: settings.flag("upgrade"),
            lock: settings.flag("lock"),
            add_package: settings.text("add_package"),
            source: settings.text("source").unwrap_or_default(),
        },
        Which::Parse => Command::Parse,
        Which::Compile => Command::Compile(preview(settings)),
        Which::Show => Command::Show(preview(settings)),
        Which::List => Command::List(ListOptions {
            output: match settings.text("output").as_deref() {
                Some("json") => ListOutput::Json,
                Some("name") => ListOutput::Name,
                Some("path") => ListOutput::Path,
                _ => ListOutput::Selector,
            },
            output_keys: settings.words("output_keys"),
        }),
        Which::Run => Command::Run,
        Which::Test => Command::Test,
        Which::Build => Command::Build,
        Which::Seed => Command::Seed { show: settings.flag("show") },
        Which::Snapshot => Command::Snapshot,
        Which::Freshness => Command::Freshness,
        Which::SourceFreshness => {
            Command::SourceFreshness { output: settings.text("output").map(|path| absolute(current_dir, &path)) }
        }
        Which::RunOperation => Command::RunOperation {
            macro_name: line.operand.clone(),
            arguments: settings.map("args"),
            sql: settings.text("sql"),
        },
        Which::Retry => Command::Retry,
        Which::Clone => Command::Clone,
        Which::Clean => Command::Clean { project_files_only: settings.flag("clean_project_files_only") },
        Which::DocsGenerate => Command::DocsGenerate {
            compile: settings.flag("compile"),
            empty_catalog: settings.flag("empty_catalog"),
            static_page: settings.flag("static"),
        },
        Which::DocsServe => Command::DocsServe {
            host: settings.text("host").unwrap_or_default(),
            port: port(settings, diagnostics),
            browser: settings.flag("browser"),
        },
        Which::Lineage => Command::Lineage(LineageOptions {
            of: line.operand.clone(),
            upstream: settings.flag("upstream"),
            downstream: settings.flag("downstream"),
            format: match settings.text("format").as_deref() {
                Some("json") => LineageFormat::Json,
                Some("dot") => LineageFormat::Dot,
                Some("mermaid") => LineageFormat::Mermaid,
                Some("openlineage") => LineageFormat::OpenLineage,
                _ => LineageFormat::Text,
            },
            introspect: settings.flag("introspect"),
        }),
    }
}

fn preview(settings: &Settings) -> Preview {
    Preview {
        inline: settings.text("inline"),
        inline_direct: settings.text("inline_direct"),
        json: settings.text("output").as_deref() == Some("json"),
        limit: settings.integer("limit").and_then(|limit| u64::try_from(limit).ok()),
        introspect: settings.flag("introspect"),
        inject_ephemeral_ctes: settings.flag("inject_ephemeral_ctes"),
    }
}

fn port(settings: &Settings, diagnostics: &mut Diagnostics) -> u16 {
    let given = settings.integer("port").unwrap_or_default();
    u16::try_from(given).unwrap_or_else(|_| {
        diagnostics.push(Diagnostic::error(format!("`--port` is {given}, which is not a port")));
        0
    })
}

#[cfg(test)]
mod tests;
