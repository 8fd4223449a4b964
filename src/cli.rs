//! The command line: commands, flags and help, built with clap from the table of flags.
//!
//! [`parse`] gives an [`Invocation`](crate::invocation) its [`CommandLine`]; values are
//! checked there, together with those of the environment and the project. Every flag may
//! stand after the command, the general ones before it too; the later one counts.
//! Source: docs.getdbt.com/reference/dbt-commands.

use std::ffi::OsString;

use clap::builder::{PossibleValuesParser, StyledStr};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use indexmap::IndexMap;

use crate::invocation::table::{FLAGS, Flag, Kind};
use crate::invocation::{CommandLine, DBT_VERSION, Given, Which};

/// Why nothing runs: help was asked for, or the command line is wrong.
#[derive(Debug, Clone)]
pub struct Stop {
    text: StyledStr,
    /// Help and versions go to stdout, mistakes to stderr.
    pub to_stderr: bool,
    pub code: u8,
}

impl Stop {
    fn plain(text: String, to_stderr: bool, code: u8) -> Self {
        Stop { text: StyledStr::from(text), to_stderr, code }
    }

    /// The text, with terminal colours if `color`.
    pub fn text(&self, color: bool) -> String {
        if color { self.text.ansi().to_string() } else { self.text.to_string() }
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        let help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        Stop { text: error.render(), to_stderr: !help, code: if help { 0 } else { 2 } }
    }
}

/// The commands with their help, in the order of the help.
const COMMANDS: &[(&str, &[Which], &str)] = &[
    ("init", &[Which::Init], "Make a new project"),
    ("debug", &[Which::Debug], "Show the configuration and check the connection"),
    ("deps", &[Which::Deps], "Install the packages of packages.yml"),
    ("parse", &[Which::Parse], "Read the project and write the manifest"),
    ("compile", &[Which::Compile], "Render models, tests and analyses to SQL without running them"),
    ("list", &[Which::List], "List resources of the project"),
    ("build", &[Which::Build], "Run seeds, models, snapshots and tests in the order of the graph"),
    ("run", &[Which::Run], "Build models"),
    ("test", &[Which::Test], "Test what is built"),
    ("seed", &[Which::Seed], "Load CSV files"),
    ("snapshot", &[Which::Snapshot], "Record the changes of mutable tables"),
    ("source", &[Which::SourceFreshness], "What can be done with sources"),
    ("freshness", &[Which::Freshness], "Check how old the data of models and sources is"),
    ("show", &[Which::Show], "Run a model or a query and show some of its rows"),
    ("run-operation", &[Which::RunOperation], "Call a macro"),
    ("retry", &[Which::Retry], "Run again what failed or was skipped in the last invocation"),
    ("clone", &[Which::Clone], "Clone nodes from the environment in --state"),
    ("clean", &[Which::Clean], "Delete the folders in clean-targets"),
    ("docs", &[Which::DocsGenerate, Which::DocsServe], "The documentation site"),
    ("lineage", &[Which::Lineage], "Show which columns come from which, without running anything"),
];

/// Reads the arguments (the program's name is the first).
///
/// # Errors
/// A [`Stop`] with what to print: help, versions, or what is wrong with the arguments.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, Stop> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = root().try_get_matches_from(&arguments)?;
    // From the outermost level to the command itself.
    let mut levels = vec![&matches];
    let mut name = None;
    while let Some((command, inner)) = levels[levels.len() - 1].subcommand() {
        levels.push(inner);
        name = Some(command);
    }
    if levels.iter().any(|level| level.get_flag("version")) {
        return Err(Stop::plain(versions(), false, 0));
    }
    let which = match (name, levels.len()) {
        (Some("freshness"), 2) => Some(Which::Freshness),
        (name, _) => name.and_then(Which::from_name),
    };
    let Some(which) = which else {
        // No command, or a group of commands without one.
        let mut command = root();
        let command = match name.and_then(|name| command.find_subcommand_mut(name)) {
            Some(group) => group,
            None => &mut command,
        };
        return Err(Stop { text: command.render_help(), to_stderr: true, code: 2 });
    };
    let given = FLAGS
        .iter()
        .filter(|flag| flag.place.accepts(which))
        .filter_map(|flag| levels.iter().rev().find_map(|level| given(flag, level)).map(|given| (flag.name, given)))
        .collect::<IndexMap<_, _>>();
    let operand = matches!(which, Which::Init | Which::RunOperation | Which::Lineage)
        .then(|| levels[levels.len() - 1].get_one::<String>("operand").cloned())
        .flatten();
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    Ok(CommandLine { which, given, operand, words })
}

/// What one level of the command line says of a flag.
fn given(flag: &Flag, level: &ArgMatches) -> Option<Given> {
    match flag.kind {
        Kind::Switch { .. } => {
            let on = |id: &str| level.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false);
            if on(flag.name) {
                Some(Given::Switch(true))
            } else if on(&negative(flag)) {
                Some(Given::Switch(false))
            } else {
                None
            }
        }
        _ => {
            let words = level.try_get_many::<String>(flag.name).ok().flatten()?;
            Some(Given::Words(words.cloned().collect()))
        }
    }
}

fn negative(flag: &Flag) -> String {
    format!("no_{}", flag.name)
}

/// Versions as dbt prints them, with our own first.
fn versions() -> String {
    format!(
        "Core:\n  - installed: {DBT_VERSION}\n\ntform:\n  - installed: {}\n\nPlugins:\n  - duckdb:   {DBT_VERSION}\n  \
         - postgres: {DBT_VERSION}\n  - redshift: {DBT_VERSION}\n",
        crate::version()
    )
}

fn root() -> Command {
    let mut root = Command::new("tform")
        .about("SQL transformation and testing for dbt projects")
        .after_help("`tform COMMAND --help` shows the flags of a command.")
        .args_override_self(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .arg(version_flag());
    for flag in FLAGS.iter().filter(|flag| flag.place.before_command()) {
        // The commands show them all; before the command they only work.
        root = with_flag(root, flag, true);
    }
    for (name, members, about) in COMMANDS {
        let command = match members {
            [which] if *name == which.as_str() => leaf(name, about),
            // Its name alone does not tell it from `source freshness`.
            [Which::Freshness] => {
                Command::new(*name).about(*about).defer(|command| with_flags(command, Which::Freshness))
            }
            _ => group(name, members, about),
        };
        root = root.subcommand(if *name == "list" { command.visible_alias("ls") } else { command });
    }
    root
}

/// A command that runs; its flags are only built when it is the one.
fn leaf(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).defer(|command| match Which::from_name(command.get_name()) {
        Some(which) => with_flags(command, which),
        None => command,
    })
}

fn with_flags(command: Command, which: Which) -> Command {
    let mut command = command.args_override_self(true).disable_version_flag(true).arg(version_flag());
    match which {
        Which::Init => {
            command = command.arg(Arg::new("operand").value_name("NAME").help("Name of the project"));
        }
        Which::RunOperation => {
            let operand = Arg::new("operand").value_name("MACRO").help("The macro: `name` or `package.name`");
            command = command.arg(operand);
        }
        Which::Lineage => {
            let operand = Arg::new("operand").value_name("MODEL[.COLUMN]");
            command = command.arg(operand.help("A model, source, seed or snapshot, or a column of one"));
        }
        _ => {}
    }
    for flag in FLAGS.iter().filter(|flag| flag.place.accepts(which)) {
        command = with_flag(command, flag, false);
    }
    command
}

fn group(name: &'static str, members: &'static [Which], about: &'static str) -> Command {
    let mut group = Command::new(name).about(about).args_override_self(true).disable_version_flag(true);
    group = group.disable_help_subcommand(true).arg(version_flag());
    for flag in FLAGS.iter().filter(|flag| flag.place.before_command()) {
        group = with_flag(group, flag, true);
    }
    for which in members {
        group = group.subcommand(match which {
            Which::SourceFreshness => {
                leaf("freshness", "Check how old the data of sources is").alias("snapshot-freshness")
            }
            Which::DocsServe => leaf("serve", "Serve the site to a browser"),
            _ => leaf("generate", "Write the site's data and pages"),
        });
    }
    group
}

fn version_flag() -> Arg {
    Arg::new("version")
        .long("version")
        .short('V')
        .short_alias('v')
        .action(ArgAction::SetTrue)
        .help("Show versions and exit")
}

fn with_flag(command: Command, flag: &Flag, hide: bool) -> Command {
    let mut arg = Arg::new(flag.name).long(flag.long()).hide(hide || flag.inert).help(help(flag));
    arg = arg.visible_aliases(flag.aliases.iter().copied());
    if let Some((short, others)) = flag.shorts.split_first() {
        arg = arg.short(*short).short_aliases(others.iter().copied());
    }
    arg = match flag.kind {
        Kind::Switch { .. } => arg.action(ArgAction::SetTrue),
        Kind::Text | Kind::Yaml => arg.action(ArgAction::Set).allow_hyphen_values(true),
        Kind::Path | Kind::Moment | Kind::Window => arg.action(ArgAction::Set),
        Kind::Integer => arg.action(ArgAction::Set).allow_negative_numbers(true),
        Kind::Choice(choices) => arg
            .action(ArgAction::Set)
            .ignore_case(true)
            .value_parser(PossibleValuesParser::new(choices.iter().copied())),
        Kind::List | Kind::Choices(_) => arg.action(ArgAction::Append).num_args(1..),
    };
    arg = match flag.kind {
        Kind::Switch { .. } => arg,
        Kind::Choice(_) => arg.value_name("CHOICE"),
        Kind::Integer => arg.value_name("NUMBER"),
        Kind::Path => arg.value_name("PATH"),
        Kind::Yaml => arg.value_name("YAML"),
        Kind::Moment => arg.value_name("TIME"),
        Kind::Window => arg.value_name("WINDOW"),
        Kind::List => arg.value_name("WORDS"),
        Kind::Choices(_) => arg.value_name("TYPES"),
        Kind::Text => arg.value_name("TEXT"),
    };
    match flag.kind {
        Kind::Switch { negatable: true } => {
            let negative = negative(flag);
            let off = Arg::new(negative.clone()).long(negative.replace('_', "-")).action(ArgAction::SetTrue).hide(true);
            command.arg(arg.overrides_with(negative)).arg(off.overrides_with(flag.name))
        }
        _ => command.arg(arg),
    }
}

fn help(flag: &Flag) -> String {
    let mut help = flag.help.to_owned();
    match flag.kind {
        Kind::Switch { negatable: true } => help.push_str(&format!(" [--no-{} for the opposite]", flag.long())),
        Kind::Choices(choices) => help.push_str(&format!(" [{}]", choices.join(", "))),
        _ => {}
    }
    if let Some(variable) = flag.variables().first() {
        help.push_str(&format!(" [{variable}]"));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[&str]) -> CommandLine {
        let arguments = std::iter::once("tform").chain(text.iter().copied()).map(OsString::from);
        parse(arguments).unwrap_or_else(|stop| panic!("{text:?}: {}", stop.text(false)))
    }

    fn stop(text: &[&str]) -> Stop {
        parse(std::iter::once("tform").chain(text.iter().copied()).map(OsString::from)).unwrap_err()
    }

    fn words(line: &CommandLine, name: &str) -> Vec<String> {
        match line.given.get(name) {
            Some(Given::Words(words)) => words.clone(),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn every_command_can_be_built_and_shows_its_help() {
        root().debug_assert();
        for which in Which::ALL {
            let path: &[&str] = match which {
                Which::SourceFreshness => &["source", "freshness"],
                Which::Freshness => &["freshness"],
                Which::DocsGenerate => &["docs", "generate"],
                Which::DocsServe => &["docs", "serve"],
                _ => &[which.as_str()],
            };
            let help = stop(&[path, &["--help"]].concat());
            assert_eq!((help.to_stderr, help.code), (false, 0), "{}", help.text(false));
        }
    }

    #[test]
    fn general_flags_stand_before_and_after_the_command_and_the_inner_one_counts() {
        for text in [&["--no-print", "run"][..], &["run", "--no-print"], &["--print", "run", "--no-print"]] {
            assert_eq!(line(text).given["print"], Given::Switch(false), "{text:?}");
        }
        assert_eq!(words(&line(&["-t", "a", "run", "--target", "b"]), "target"), ["b"]);
        assert_eq!(words(&line(&["docs", "--target", "a", "generate"]), "target"), ["a"]);
        assert_eq!(line(&["run", "--fail-fast", "--no-fail-fast"]).given["fail_fast"], Given::Switch(false));
        assert_eq!(line(&["run", "-x"]).given["fail_fast"], Given::Switch(true));
    }

    #[test]
    fn words_of_lists_are_separate_repeated_or_joined() {
        assert_eq!(words(&line(&["run", "-s", "a", "b", "--threads", "2"]), "select"), ["a", "b"]);
        assert_eq!(words(&line(&["run", "-m", "a", "--select", "b c"]), "select"), ["a", "b c"]);
        assert_eq!(words(&line(&["ls", "--output-keys", "name", "fqn", "-m", "x"]), "output_keys"), ["name", "fqn"]);
        assert_eq!(line(&["ls"]).which, Which::List);
        assert_eq!(words(&line(&["build", "--resource-types", "model", "seed"]), "resource_type"), ["model", "seed"]);
    }

    #[test]
    fn the_same_letter_means_different_things_to_different_commands() {
        assert_eq!(line(&["init", "shop", "-s"]).given["skip_profile_setup"], Given::Switch(true));
        assert_eq!(line(&["init", "shop"]).operand.as_deref(), Some("shop"));
        assert_eq!(words(&line(&["source", "freshness", "-o", "x.json"]), "output"), ["x.json"]);
        assert_eq!(words(&line(&["show", "--limit", "-1"]), "limit"), ["-1"]);
    }

    #[test]
    fn what_cosmos_calls_is_understood() {
        let line = line(&[
            "--no-partial-parse",
            "ls",
            "--output",
            "json",
            "--output-keys",
            "name",
            "unique_id",
            "--no-version-check",
            "--cache-selected-only",
            "--vars",
            "a: 1",
            "--project-dir",
            "/p",
            "--profiles-dir",
            "/q",
            "--profile",
            "x",
            "--target",
            "dev",
            "--exclude",
            "tag:x",
            "--warn-error",
        ]);
        assert_eq!(line.given["partial_parse"], Given::Switch(false));
        assert_eq!(words(&line, "vars"), ["a: 1"]);
    }

    #[test]
    fn a_wrong_command_line_says_what_is_wrong_and_exits_with_two() {
        for (text, said) in [
            (&["run", "--thread", "2"][..], "--threads"),
            (&["buld"], "build"),
            (&["ls", "--output", "xml"], "possible values: json, name, path, selector"),
            (&[], "Usage: tform"),
            (&["docs"], "generate"),
        ] {
            let stop = stop(text);
            assert!(stop.to_stderr && stop.code == 2, "{text:?}");
            assert!(stop.text(false).contains(said), "{text:?}: {}", stop.text(false));
        }
    }

    #[test]
    fn versions_are_shown_wherever_the_flag_stands() {
        for text in [&["--version"][..], &["-v"], &["-V"], &["run", "--version"]] {
            let stop = stop(text);
            assert_eq!(stop.code, 0);
            assert!(stop.text(false).starts_with("Core:\n  - installed: 1.12."), "{}", stop.text(false));
        }
    }
}
