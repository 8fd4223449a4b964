//! Every flag, one row each: its names, where it is accepted, its variable, its default.
//!
//! `cli` builds the command line from these rows, and the settings of an invocation are
//! resolved by them (command line > environment > `flags:` of `dbt_project.yml` > default).
//! Source: docs.getdbt.com/reference/global-configs/about-global-configs.

use Env::{Both, Nowhere, Ours};
use Initial::{False, Int, Nothing, Str, True};
use Kind::{Choice, Choices, Integer, List, Moment, Path, Switch, Text, Window, Yaml};

/// A command, as far as flags go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Which {
    Init,
    Debug,
    Deps,
    Parse,
    Compile,
    List,
    Run,
    Test,
    Build,
    Seed,
    Snapshot,
    SourceFreshness,
    Freshness,
    Show,
    RunOperation,
    Retry,
    Clone,
    Clean,
    DocsGenerate,
    DocsServe,
    Lineage,
}

impl Which {
    pub const ALL: [Which; 21] = [
        Which::Init,
        Which::Debug,
        Which::Deps,
        Which::Parse,
        Which::Compile,
        Which::List,
        Which::Run,
        Which::Test,
        Which::Build,
        Which::Seed,
        Which::Snapshot,
        Which::SourceFreshness,
        Which::Freshness,
        Which::Show,
        Which::RunOperation,
        Which::Retry,
        Which::Clone,
        Which::Clean,
        Which::DocsGenerate,
        Which::DocsServe,
        Which::Lineage,
    ];

    /// The last word of the command, which is what `flags.WHICH` says.
    pub fn as_str(self) -> &'static str {
        match self {
            Which::Init => "init",
            Which::Debug => "debug",
            Which::Deps => "deps",
            Which::Parse => "parse",
            Which::Compile => "compile",
            Which::List => "list",
            Which::Run => "run",
            Which::Test => "test",
            Which::Build => "build",
            Which::Seed => "seed",
            Which::Snapshot => "snapshot",
            Which::SourceFreshness => "freshness",
            // dbt's `flags.WHICH` of `source freshness` is taken.
            Which::Freshness => "model-freshness",
            Which::Show => "show",
            Which::RunOperation => "run-operation",
            Which::Retry => "retry",
            Which::Clone => "clone",
            Which::Clean => "clean",
            Which::DocsGenerate => "generate",
            Which::DocsServe => "serve",
            Which::Lineage => "lineage",
        }
    }

    pub fn from_name(name: &str) -> Option<Which> {
        Which::ALL.into_iter().find(|which| which.as_str() == name)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Where on the command line a flag is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    pub const fn on(which: &[Which]) -> Place {
        let mut bits = 0;
        let mut at = 0;
        while at < which.len() {
            bits |= which[at].bit();
            at += 1;
        }
        Place(bits)
    }

    pub fn accepts(self, which: Which) -> bool {
        self.0 & which.bit() != 0
    }

    /// Whether the flag may stand before the command too.
    pub fn before_command(self) -> bool {
        self.0 == u32::MAX
    }
}

/// Everywhere, before the command as well.
const ANY: Place = Place(u32::MAX);
const SELECTING: Place = Place::on(&[
    Which::Build,
    Which::Run,
    Which::Test,
    Which::Compile,
    Which::Show,
    Which::Seed,
    Which::Snapshot,
    Which::SourceFreshness,
    Which::Freshness,
    Which::Clone,
    Which::DocsGenerate,
]);
const SELECTING_OR_LIST: Place = Place(SELECTING.0 | Which::List.bit());
const LIST: Place = Place::on(&[Which::List]);
const TYPED: Place = Place::on(&[Which::Build, Which::Test, Which::List, Which::Clone, Which::Freshness]);
const REFRESHING: Place = Place::on(&[
    Which::Build,
    Which::Run,
    Which::Compile,
    Which::Show,
    Which::Seed,
    Which::Snapshot,
    Which::Clone,
    Which::Retry,
]);
const EMPTYABLE: Place = Place::on(&[Which::Build, Which::Run, Which::Compile, Which::Seed, Which::Snapshot]);
const BUILDING: Place =
    Place::on(&[Which::Build, Which::Run, Which::Test, Which::Seed, Which::Snapshot, Which::Clone, Which::Retry]);
const WINDOWED: Place = Place::on(&[Which::Build, Which::Run]);
const TESTING: Place = Place::on(&[Which::Build, Which::Test]);
const COMPILING: Place = Place::on(&[Which::Compile, Which::Show]);
const LINEAGE: Place = Place::on(&[Which::Lineage]);
const PREVIEWING: Place = Place::on(&[Which::Build, Which::Seed]);

/// What a flag's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On or off; with `--no-x` if `negatable`.
    Switch {
        negatable: bool,
    },
    Text,
    Path,
    Integer,
    Choice(&'static [&'static str]),
    /// Words: separate, repeated, or several in one argument.
    List,
    /// Words out of a set.
    Choices(&'static [&'static str]),
    /// A dictionary written as YAML or JSON.
    Yaml,
    /// `2025-01-31`, `2025-01-31T10:00:00` or `2025-01-31 10:00:00`, in UTC.
    Moment,
    /// `3 days`, or `{start: ..., end: ...}`.
    Window,
}

const PAIR: Kind = Switch { negatable: true };
const ON: Kind = Switch { negatable: false };

/// The value where nobody set one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    True,
    False,
    Nothing,
    Int(i64),
    Str(&'static str),
}

/// Which environment variables are read: `TFORM_X`, and `DBT_ENGINE_X`, `DBT_X` where dbt has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Env {
    Both,
    Ours,
    Nowhere,
}

/// One flag.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// The key in `flags` of Jinja (lower-case); with hyphens, the option's long name.
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub shorts: &'static [char],
    pub kind: Kind,
    pub initial: Initial,
    pub env: Env,
    pub place: Place,
    pub help: &'static str,
    /// Whether `flags:` of `dbt_project.yml` may set it.
    pub in_project: bool,
    /// Accepted because dbt accepts it, without a meaning here.
    pub inert: bool,
}

impl Flag {
    /// The long option, without the leading hyphens.
    pub fn long(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The variables that set it, the strongest first.
    pub fn variables(&self) -> Vec<String> {
        let upper = match self.name {
            "resource_type" => "RESOURCE_TYPES".to_owned(),
            "exclude_resource_type" => "EXCLUDE_RESOURCE_TYPES".to_owned(),
            name => name.to_uppercase(),
        };
        match self.env {
            Both => vec![format!("TFORM_{upper}"), format!("DBT_ENGINE_{upper}"), format!("DBT_{upper}")],
            Ours => vec![format!("TFORM_{upper}")],
            Nowhere => Vec::new(),
        }
    }

    const fn aliased(mut self, shorts: &'static [char], aliases: &'static [&'static str]) -> Flag {
        self.shorts = shorts;
        self.aliases = aliases;
        self
    }

    const fn project(mut self) -> Flag {
        self.in_project = true;
        self
    }

    const fn inert(mut self) -> Flag {
        self.inert = true;
        self
    }
}

const fn flag(name: &'static str, kind: Kind, initial: Initial, env: Env, place: Place, help: &'static str) -> Flag {
    Flag { name, aliases: &[], shorts: &[], kind, initial, env, place, help, in_project: false, inert: false }
}

const RESOURCE_TYPES: &[&str] = &[
    "model",
    "test",
    "unit_test",
    "seed",
    "snapshot",
    "source",
    "analysis",
    "exposure",
    "metric",
    "semantic_model",
    "saved_query",
    "function",
    "default",
    "all",
];
const LOG_FORMATS: &[&str] = &["text", "debug", "json", "default"];
const LOG_LEVELS: &[&str] = &["debug", "info", "warn", "error", "none"];

/// The flags, in the order in which the help shows them.
#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    // Which nodes.
    flag("select", List, Nothing, Nowhere, SELECTING, "Nodes to include: names, paths, `tag:x`, `+model+`, `state:modified`, ...")
        .aliased(&['s', 'm'], &["models", "model"]),
    flag("select", List, Nothing, Nowhere, LIST, "Nodes to include: names, paths, `tag:x`, `+model+`, `state:modified`, ...")
        .aliased(&['s'], &[]),
    flag("models", List, Nothing, Nowhere, LIST, "Models to include; as --select with --resource-type model").aliased(&['m'], &["model"]),
    flag("exclude", List, Nothing, Nowhere, SELECTING_OR_LIST, "Nodes to leave out, written as for --select"),
    flag("selector", Text, Nothing, Nowhere, SELECTING_OR_LIST, "A selection that selectors.yml defines, by name"),
    flag("resource_type", Choices(RESOURCE_TYPES), Nothing, Both, TYPED, "Only resources of these types").aliased(&[], &["resource-types"]),
    flag("exclude_resource_type", Choices(RESOURCE_TYPES), Nothing, Both, TYPED, "No resources of these types").aliased(&[], &["exclude-resource-types"]),
    flag("indirect_selection", Choice(&["eager", "cautious", "buildable", "empty"]), Str("eager"), Both, ANY, "Which tests of selected nodes run that touch other nodes too").project(),
    flag("fail_on_empty", PAIR, False, Ours, ANY, "Exit with code 2 (4 with --exit-codes detailed) when the selection matches nothing").project(),
    // State.
    flag("state", Path, Nothing, Both, ANY, "Folder with the artifacts of an earlier invocation, for `state:` and --defer"),
    flag("defer", PAIR, False, Both, ANY, "Resolve unselected nodes to where the manifest in --state has them"),
    flag("defer_state", Path, Nothing, Both, ANY, "Folder with the artifacts for --defer only"),
    flag("favor_state", PAIR, False, Both, ANY, "With --defer, prefer the state's relations even where this target has its own"),
    // How it runs.
    flag("full_refresh", ON, False, Both, REFRESHING, "Rebuild incremental models and reload seeds from nothing").aliased(&['f'], &[]),
    flag("fail_fast", PAIR, False, Both, ANY, "Stop at the first failure").aliased(&['x'], &[]).project(),
    flag("threads", Integer, Nothing, Ours, ANY, "How many nodes run at once; overrides the profile"),
    flag("empty", PAIR, False, Both, EMPTYABLE, "Read no rows from refs and sources: a dry run that builds empty relations"),
    flag("sample", Window, Nothing, Both, WINDOWED, "Read only a window of time: \"3 days\" or {start: 2025-01-01, end: 2025-01-03}"),
    flag("event_time_start", Moment, Nothing, Both, WINDOWED, "Where batches of microbatch models begin (UTC, inclusive)"),
    flag("event_time_end", Moment, Nothing, Both, WINDOWED, "Where batches of microbatch models end (UTC, exclusive)"),
    flag("lock", PAIR, Nothing, Ours, BUILDING, "Whether to wait for other runs that build the same relations; overrides tform.yml"),
    flag("store_failures", ON, False, Both, TESTING, "Keep the rows that fail a test in the warehouse"),
    flag("show_failures", Integer, Int(0), Ours, TESTING, "How many of the rows that fail a data test are shown").project(),
    flag("fresh_only", PAIR, False, Ours, TESTING, "Test only the fresh rows of what has a fresh window (tform.yml, or tform in its meta)"),
    flag("fuse", PAIR, Nothing, Ours, TESTING, "Ask data tests of a relation by common queries, also where each by itself is faster"),
    flag("unit_engine", Choice(&["target", "duckdb"]), Nothing, Ours, TESTING, "Where unit tests run: with `duckdb` on the embedded engine, without the warehouse, where their SQL allows it"),
    flag("export_saved_queries", PAIR, False, Both, Place::on(&[Which::Build]), "Export saved queries").inert(),
    flag("include_saved_query", PAIR, False, Both, Place::on(&[Which::Build]), "Include saved queries").inert(),
    flag("show", ON, False, Nowhere, PREVIEWING, "Show some of the rows that were loaded"),
    // What one command alone has.
    flag("inline", Text, Nothing, Nowhere, COMPILING, "SQL with Jinja to compile in place of a model"),
    flag("inline_direct", Text, Nothing, Nowhere, Place::on(&[Which::Show]), "SQL to run as it is"),
    flag("limit", Integer, Int(5), Nowhere, Place::on(&[Which::Show]), "How many rows to show; -1 for all"),
    flag("introspect", PAIR, True, Both, COMPILING, "Whether compilation may query the warehouse"),
    flag("inject_ephemeral_ctes", PAIR, True, Nowhere, Place::on(&[Which::Compile]), "Whether ephemeral models are put into the compiled SQL"),
    flag("output", Choice(&["json", "text"]), Str("text"), Nowhere, COMPILING, "How to show the result"),
    flag("output", Choice(&["json", "name", "path", "selector"]), Str("selector"), Nowhere, LIST, "What to print for each resource"),
    flag("output_keys", List, Nothing, Nowhere, LIST, "With --output json, the keys to print; `config.materialized` reaches into dictionaries"),
    flag("output", Path, Nothing, Nowhere, Place::on(&[Which::SourceFreshness]), "Where to write the report; target/sources.json by default").aliased(&['o'], &[]),
    flag("sql", Text, Nothing, Nowhere, Place::on(&[Which::RunOperation]), "Run this statement, which may hold Jinja, in place of a macro"),
    flag("args", Yaml, Nothing, Nowhere, Place::on(&[Which::RunOperation]), "The macro's arguments as YAML or JSON: '{name: value}'"),
    flag("connection", ON, False, Nowhere, Place::on(&[Which::Debug]), "Check only the connection to the warehouse"),
    flag("config_dir", ON, False, Nowhere, Place::on(&[Which::Debug]), "Only say which folder profiles.yml is looked for in"),
    flag("upgrade", ON, False, Nowhere, Place::on(&[Which::Deps]), "Take the newest versions that packages.yml allows"),
    flag("lock", ON, False, Nowhere, Place::on(&[Which::Deps]), "Write package-lock.yml without installing"),
    flag("add_package", Text, Nothing, Nowhere, Place::on(&[Which::Deps]), "Add `name@version` to packages.yml"),
    flag("source", Choice(&["hub", "git", "local"]), Str("hub"), Nowhere, Place::on(&[Which::Deps]), "Where --add-package takes it from"),
    flag("skip_profile_setup", ON, False, Nowhere, Place::on(&[Which::Init]), "Ask nothing about the connection").aliased(&['s'], &[]),
    flag("skip_debug", ON, False, Nowhere, Place::on(&[Which::Init]), "Leave out the check of the connection after init"),
    flag("clean_project_files_only", PAIR, True, Both, Place::on(&[Which::Clean]), "Refuse to delete anything outside of the project"),
    flag("compile", PAIR, True, Nowhere, Place::on(&[Which::DocsGenerate]), "Whether to compile the project first"),
    flag("empty_catalog", ON, False, Nowhere, Place::on(&[Which::DocsGenerate]), "Write a catalog without asking the warehouse"),
    flag("static", ON, False, Nowhere, Place::on(&[Which::DocsGenerate]), "Also write one page that holds everything"),
    flag("browser", PAIR, True, Nowhere, Place::on(&[Which::DocsServe]), "Open the browser"),
    flag("host", Text, Str("127.0.0.1"), Both, Place::on(&[Which::DocsServe]), "The address to listen on"),
    flag("port", Integer, Int(8080), Nowhere, Place::on(&[Which::DocsServe]), "The port to listen on"),
    flag("upstream", ON, False, Nowhere, LINEAGE, "What the columns come from, to the sources"),
    flag("downstream", ON, False, Nowhere, LINEAGE, "What comes from the columns, to the last models"),
    flag("format", Choice(&["text", "json", "dot", "mermaid", "openlineage"]), Str("text"), Nowhere, LINEAGE, "How to write it"),
    flag("introspect", PAIR, False, Nowhere, LINEAGE, "Whether models whose macros ask the warehouse may do so"),
    // Where things are.
    flag("project_dir", Path, Nothing, Both, ANY, "Folder of dbt_project.yml; by default this folder or the nearest above it"),
    flag("profiles_dir", Path, Nothing, Both, ANY, "Folder of profiles.yml; by default this folder, then ~/.dbt"),
    flag("profile", Text, Nothing, Both, ANY, "The profile to use instead of the project's"),
    flag("target", Text, Nothing, Both, ANY, "The profile's target to use").aliased(&['t'], &[]),
    flag("target_path", Path, Nothing, Both, ANY, "Folder for artifacts and compiled SQL"),
    flag("log_path", Path, Nothing, Both, ANY, "Folder for the log file"),
    flag("vars", Yaml, Nothing, Nowhere, ANY, "Variables as YAML or JSON: '{name: value}'"),
    // What is said.
    flag("debug", PAIR, False, Both, ANY, "Say everything").aliased(&['d'], &[]).project(),
    flag("quiet", PAIR, False, Both, ANY, "Say only errors; what print() prints still shows").aliased(&['q'], &[]),
    flag("print", PAIR, True, Both, ANY, "Show what print() prints"),
    flag("printer_width", Integer, Int(80), Both, ANY, "Columns of the terminal").project(),
    flag("use_colors", PAIR, True, Both, ANY, "Colour on the terminal").project(),
    flag("use_colors_file", PAIR, True, Both, ANY, "Colour in the log file").project(),
    flag("log_format", Choice(LOG_FORMATS), Str("default"), Both, ANY, "Format of what is said").project(),
    flag("log_format_file", Choice(LOG_FORMATS), Str("debug"), Both, ANY, "Format of the log file").project(),
    flag("log_level", Choice(LOG_LEVELS), Str("info"), Both, ANY, "The least level that is said").project(),
    flag("log_level_file", Choice(LOG_LEVELS), Str("debug"), Both, ANY, "The least level in the log file").project(),
    flag("log_file_max_bytes", Integer, Int(10 * 1024 * 1024), Both, ANY, "Size in bytes at which the log file is rolled over; 0 for never").project(),
    flag("log_cache_events", PAIR, False, Both, ANY, "Log what happens to the cache of relations"),
    flag("show_all_deprecations", PAIR, False, Nowhere, ANY, "Show every occurrence of a deprecation, not only the first"),
    flag("write_json", PAIR, True, Both, ANY, "Write artifacts").project(),
    // What counts as a failure.
    flag("warn_error", PAIR, Nothing, Both, ANY, "Treat warnings as errors").project(),
    flag("warn_error_options", Yaml, Nothing, Both, ANY, "Which warnings are errors: '{error: all, warn: [Name], silence: [Name]}'").project(),
    flag("exit_codes", Choice(&["standard", "detailed"]), Str("standard"), Ours, ANY, "With `detailed`: 1 a node errored, 3 only tests failed, 4 nothing selected, 5 warehouse unreachable").project(),
    flag("version_check", PAIR, True, Both, ANY, "Whether require-dbt-version must hold").project(),
    // Accepted because dbt accepts them.
    flag("partial_parse", PAIR, True, Both, ANY, "").project().inert(),
    flag("partial_parse_file_diff", PAIR, True, Both, ANY, "").inert(),
    flag("partial_parse_file_path", Path, Nothing, Both, ANY, "").inert(),
    flag("static_parser", PAIR, True, Both, ANY, "").project().inert(),
    flag("use_experimental_parser", PAIR, False, Both, ANY, "").project().inert(),
    flag("use_fast_test_edges", PAIR, False, Both, ANY, "").inert(),
    flag("populate_cache", PAIR, True, Both, ANY, "").project().inert(),
    flag("cache_selected_only", PAIR, False, Both, ANY, "").project().inert(),
    flag("send_anonymous_usage_stats", PAIR, True, Both, ANY, "").project().inert(),
    flag("upload_to_artifacts_ingest_api", PAIR, False, Both, ANY, "").inert(),
    flag("macro_debugging", PAIR, False, Both, ANY, "").inert(),
    flag("single_threaded", PAIR, False, Both, ANY, "").inert(),
    flag("show_resource_report", PAIR, False, Both, ANY, "").inert(),
    flag("record_timing_info", Path, Nothing, Nowhere, ANY, "").aliased(&['r'], &[]).inert(),
    flag("hints_enabled", PAIR, True, Both, ANY, "").project().inert(),
    flag("snowflake_projects_otel", PAIR, False, Both, ANY, "").project().inert(),
    flag("use_v2_parser", PAIR, False, Both, ANY, "").project().inert(),
    flag("v2_parser", Text, Nothing, Both, ANY, "").project().inert(),
    flag("maximum_seed_size_mib", Integer, Int(1), Both, ANY, "Largest seed to compare with the state by its contents").project(),
    flag("sqlparse", Text, Nothing, Both, ANY, "").inert(),
];

/// Variables that dbt has renamed since, with the flag that each sets.
pub static OLD_VARIABLES: &[(&str, &str)] = &[
    ("DBT_DEFER_TO_STATE", "defer"),
    ("DBT_FAVOR_STATE_MODE", "favor_state"),
    ("DBT_ARTIFACT_STATE_PATH", "state"),
    ("DBT_NO_PRINT", "print"),
];

/// Behaviours that only `flags:` of `dbt_project.yml` can switch, with dbt 1.12's defaults
/// (docs.getdbt.com/reference/global-configs/behavior-changes).
pub static BEHAVIOURS: &[(&str, bool)] = &[
    ("require_batched_execution_for_custom_microbatch_strategy", true),
    ("require_event_names_in_deprecations", false),
    ("require_explicit_package_overrides_for_builtin_materializations", true),
    ("require_resource_names_without_spaces", true),
    ("source_freshness_run_project_hooks", true),
    ("skip_nodes_if_on_run_start_fails", true),
    ("state_modified_compare_more_unrendered_values", true),
    ("state_modified_compare_vars", false),
    ("require_yaml_configuration_for_mf_time_spines", true),
    ("require_nested_cumulative_type_params", true),
    ("validate_macro_args", true),
    ("require_all_warnings_handled_by_warn_error", true),
    ("require_generic_test_arguments_property", true),
    ("require_unique_project_resource_names", false),
    ("require_ref_searches_node_package_before_root", false),
    ("require_valid_schema_from_generate_schema_name", false),
    ("allow_jinja_file_extensions", false),
    ("require_sql_header_in_test_configs", false),
    ("support_custom_ref_kwargs", false),
    ("require_corrected_analysis_fqns", false),
    ("require_source_and_semantic_model_names_without_spaces", false),
    ("enable_grouped_warn_error_parser_logs", false),
    ("use_catalogs_v2", false),
    ("latest_version_pointer_enabled_by_default", false),
    // Of dbt's adapters.
    ("enable_truthy_nulls_equals_macro", false),
    ("redshift_grants_extended", false),
    ("redshift_skip_autocommit_transaction_statements", false),
];
