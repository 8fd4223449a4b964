//! How the command line, the environment and the project make an invocation.

use serde_json::json;

use super::*;
use crate::event::Action;

/// An invocation of `words`, as `cli` would give it, with a few flags.
fn line(which: Which, given: &[(&'static str, Given)]) -> CommandLine {
    CommandLine { which, given: given.iter().cloned().collect(), operand: None, words: vec!["run".to_owned()] }
}

fn word(text: &str) -> Given {
    Given::Words(vec![text.to_owned()])
}

fn place<const N: usize>(variables: [(&str, &str); N]) -> Place {
    Place { current_dir: PathBuf::from("/nowhere/project"), environment: Environment::from(variables) }
}

fn check<const N: usize>(
    line: CommandLine,
    variables: [(&str, &str); N],
    project: Value,
) -> Result<Invocation, String> {
    let project = project.as_object().cloned().unwrap_or_default();
    match validate(line, place(variables), &project) {
        Ok(warned) => Ok(warned.value),
        Err(diagnostics) => Err(diagnostics.to_string()),
    }
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_project() {
    let fail_fast = |given: &[(&'static str, Given)], variables: &[(&str, &str)], project: Value| {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let place = Place { current_dir: PathBuf::from("/nowhere"), environment };
        let project = project.as_object().cloned().unwrap_or_default();
        validate(line(Which::Run, given), place, &project).unwrap().value.flags.fail_fast
    };
    let off = ("fail_fast", Given::Switch(false));
    assert!(!fail_fast(&[], &[], json!({})));
    assert!(fail_fast(&[], &[], json!({"fail_fast": true})));
    assert!(!fail_fast(&[], &[("DBT_FAIL_FAST", "0")], json!({"fail_fast": true})));
    assert!(fail_fast(&[], &[("DBT_FAIL_FAST", "0"), ("TFORM_FAIL_FAST", "Yes")], json!({})));
    assert!(fail_fast(&[], &[("DBT_ENGINE_FAIL_FAST", "1"), ("DBT_FAIL_FAST", "0")], json!({})));
    assert!(!fail_fast(&[off], &[("TFORM_FAIL_FAST", "1")], json!({})));
    assert!(!fail_fast(&[], &[("DBT_FAIL_FAST", "")], json!({})), "an empty variable is none");
}

#[test]
fn values_that_are_not_valid_are_all_named() {
    let line = line(Which::Run, &[("threads", word("0")), ("vars", word("a, b")), ("sample", word("3 moons"))]);
    let text = check(line, [("DBT_PRINTER_WIDTH", "wide"), ("DBT_QUIET", "maybe")], json!({"log_level": "loud"}));
    let text = text.unwrap_err();
    for part in [
        "`--threads` is 0",
        "invalid value for `--vars`",
        "invalid value for `--sample`: `3 moons` is not of the form `3 days`",
        "invalid value for `DBT_PRINTER_WIDTH`: `wide` is not a whole number",
        "invalid value for `DBT_QUIET`: `maybe` is not true or false",
        "invalid value for `flags.log_level`: `loud` is not one of debug",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
}

#[test]
fn variables_are_yaml_or_json() {
    let vars = |text: &str| check(line(Which::Run, &[("vars", word(text))]), [], json!({})).unwrap().vars;
    assert_eq!(Value::Object(vars("{a: 1, b: [x, 'y']}")), json!({"a": 1, "b": ["x", "y"]}));
    assert_eq!(Value::Object(vars("{\"day\": \"2025-01-01\"}")), json!({"day": "2025-01-01"}));
    assert_eq!(Value::Object(vars("a: true\nb:\n  c: 2")), json!({"a": true, "b": {"c": 2}}));
}

#[test]
fn old_names_of_variables_still_work() {
    let invocation = check(line(Which::Run, &[]), [("DBT_NO_PRINT", "1"), ("DBT_DEFER_TO_STATE", "true")], json!({}));
    let invocation = invocation.unwrap();
    assert!(!invocation.log.print);
    assert_eq!(invocation.flags.get("DEFER"), Some(&json!(true)));
}

#[test]
fn flags_are_known_to_jinja_by_either_case() {
    let given = [("select", Given::Words(vec!["a b".to_owned(), "c".to_owned()]))];
    let invocation = check(line(Which::Run, &given), [], json!({})).unwrap();
    let flag = |name: &str| invocation.flags.get(name).cloned();
    assert_eq!(flag("FULL_REFRESH"), Some(json!(false)));
    assert_eq!(flag("full_refresh"), Some(json!(false)));
    assert_eq!(flag("WHICH"), Some(json!("run")));
    assert_eq!(flag("INVOCATION_COMMAND"), Some(json!("dbt run")));
    assert_eq!(flag("SELECT"), Some(json!(["a", "b", "c"])));
    assert_eq!(flag("require_generic_test_arguments_property"), Some(json!(true)));
    assert_eq!(flag("NO_SUCH_FLAG"), None);
    let arguments = invocation.flags.arguments();
    assert_eq!(arguments.get("which"), Some(&json!("run")));
    assert!(!arguments.contains_key("state"), "what has no value is left out");
}

#[test]
fn flags_that_exclude_each_other_are_refused() {
    for (given, said) in [
        (&[("select", word("a")), ("inline", word("select 1"))][..], "`--select` and `--inline` exclude each other"),
        (&[("warn_error", Given::Switch(true)), ("warn_error_options", word("{error: all}"))], "`--warn-error` and"),
    ] {
        let text = check(line(Which::Compile, given), [], json!({})).unwrap_err();
        assert!(text.contains(said), "{text}");
    }
    let given = [("event_time_start", word("2025-01-01"))];
    let text = check(line(Which::Run, &given), [], json!({})).unwrap_err();
    assert!(text.contains("`--event-time-end` must also be present"), "{text}");
}

#[test]
fn names_of_warnings_go_before_deprecations_and_those_before_all() {
    let options = |text: &str| {
        let line = line(Which::Run, &[("warn_error_options", word(text))]);
        check(line, [], json!({})).unwrap().flags.warn_error_options
    };
    let all = options("{include: all, exclude: [NoNodesForSelectionCriteria], silence: [Deprecations]}");
    assert_eq!(all.action("NoNodesForSelectionCriteria"), Action::Show);
    assert_eq!(all.action("UnusedResourceConfigPath"), Action::Raise);
    assert_eq!(all.action("PackageRedirectDeprecation"), Action::Silence);
    let named = options("{error: [PackageRedirectDeprecation], silence: [Deprecations]}");
    assert_eq!(named.action("PackageRedirectDeprecation"), Action::Raise);
    assert_eq!(named.action("Other"), Action::Show);
}

#[test]
fn the_log_file_follows_the_terminal_unless_it_is_told_otherwise() {
    let log = |given: &[(&'static str, Given)]| check(line(Which::Run, given), [], json!({})).unwrap().log;
    assert_eq!(log(&[]).format_file, LogFormat::Debug);
    assert_eq!(log(&[("log_format", word("json"))]).format_file, LogFormat::Json);
    let both = log(&[("log_format", word("json")), ("log_format_file", word("text"))]);
    assert_eq!((both.format, both.format_file), (LogFormat::Json, LogFormat::Text));
}

#[test]
fn paths_are_absolute() {
    let given = [("project_dir", word("../other/./x")), ("state", word("prod")), ("defer", Given::Switch(true))];
    let invocation = check(line(Which::Run, &given), [], json!({})).unwrap();
    assert_eq!(invocation.project_dir, Path::new("/nowhere/other/x"));
    assert_eq!(invocation.state.defer.as_deref(), Some(Path::new("/nowhere/other/x/prod")));
}

#[test]
fn models_of_ls_are_a_selection_of_models() {
    let given = [("models", word("a")), ("output", word("json")), ("output_keys", word("name unique_id"))];
    let invocation = check(line(Which::List, &given), [], json!({})).unwrap();
    assert_eq!(invocation.selection.select, ["a"]);
    assert_eq!(invocation.selection.resource_types, ["model"]);
    let keys = vec!["name".to_owned(), "unique_id".to_owned()];
    assert_eq!(invocation.command, Command::List(ListOptions { output: ListOutput::Json, output_keys: keys }));
}

#[test]
fn a_sample_window_ends_now_or_where_it_says() {
    let now = settings::moment("2025-03-31T12:00:00").unwrap();
    let start = |text: &str| settings::window(text, now).map(|window| window.start.to_string());
    assert_eq!(start("3 days").unwrap(), "2025-03-28 12:00:00 UTC");
    assert_eq!(start("1 month").unwrap(), "2025-02-28 12:00:00 UTC");
    assert_eq!(start("{start: '2025-01-01', end: '2025-01-03'}").unwrap(), "2025-01-01 00:00:00 UTC");
    assert!(start("3 moons").is_err() && start("days").is_err());
}

#[test]
fn exit_codes_are_dbts_unless_detailed_ones_are_asked_for() {
    let codes = |codes| {
        [
            ExitCode::Success,
            ExitCode::NodeFailed,
            ExitCode::NotCompiled,
            ExitCode::TestsFailed,
            ExitCode::NothingSelected,
            ExitCode::Unreachable,
        ]
        .map(|code| code.code(codes))
    };
    assert_eq!(codes(ExitCodes::Standard), [0, 1, 2, 1, 2, 2]);
    assert_eq!(codes(ExitCodes::Detailed), [0, 1, 1, 3, 4, 5]);
}

#[test]
fn a_retry_repeats_the_flags_of_the_last_invocation_but_its_own_go_before() {
    let arguments = json!({"which": "build", "full_refresh": true, "vars": {"a": 1}, "target": "prod", "print": true,
        "fail_fast": false, "warn_error_options": {"error": [], "warn": [], "silence": []}, "select": ["x"]});
    let retry = line(Which::Retry, &[("target", word("dev"))]);
    let repeated = repeated_line(&retry, Which::Build, arguments.as_object().unwrap());
    let invocation = check(repeated, [], json!({"fail_fast": true})).unwrap();
    assert!(invocation.flags.full_refresh && invocation.flags.fail_fast);
    assert_eq!((invocation.target.as_deref(), invocation.vars.get("a")), (Some("dev"), Some(&json!(1))));
    assert!(invocation.selection.select.is_empty());
}
