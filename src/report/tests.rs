//! The reporter as a whole: events in, lines out.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::event::{NodeFacts, NodeInfo, Position, ResultLine};

#[derive(Clone, Default)]
struct Stream(Arc<Mutex<Vec<u8>>>);

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Stream {
    /// What was written, with `[time]` for times.
    fn text(&self) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        regex::Regex::new(r"(?m)^\d\d:\d\d:\d\d").unwrap().replace_all(&text, "[time]").into_owned()
    }
}

/// What `work` makes a reporter write to stdout and to stderr.
fn reported(settings: Settings, work: impl FnOnce(&Reporter)) -> (String, String) {
    let (out, err) = (Stream::default(), Stream::default());
    let style = Style { colors: false, width: settings.width, quiet: settings.quiet };
    let terminal = Terminal::new(Box::new(out.clone()), style, None);
    let aside = settings.lines_to_stderr.then(|| Terminal::new(Box::new(err.clone()), style, None));
    let reporter = Reporter::assemble(settings, style, terminal, aside);
    work(&reporter);
    drop(reporter);
    (out.text(), err.text())
}

fn result(name: &str, kind: &str, status: Status, message: Option<&str>) -> Arc<NodeResult> {
    let facts = Arc::new(NodeFacts {
        unique_id: format!("{kind}.test.{name}"),
        name: name.into(),
        original_file_path: format!("models/{name}.sql"),
        resource_type: kind.into(),
        materialized: "view".into(),
        ..NodeFacts::default()
    });
    Arc::new(NodeResult {
        node: NodeInfo::waiting(&facts),
        status,
        message: message.map(str::to_owned),
        failures: None,
        seconds: 0.25,
        thread: "Thread-1".into(),
        timing: Vec::new(),
        adapter_response: None,
        compiled_path: (status != Status::Skipped).then(|| format!("target/compiled/test/models/{name}.sql")),
        stored_failures: (status == Status::Warn).then(|| "\"db\".\"main\".\"av\"".to_owned()),
        group: None,
        remarks: Vec::new(),
    })
}

fn run() -> RunEnd {
    RunEnd {
        command: "build".into(),
        results: vec![
            result("a", "model", Status::Success, Some("OK")),
            result("t", "test", Status::Fail, Some("Got 1 result, configured to fail if != 0")),
            result("av", "test", Status::Warn, Some("Got 1 result, configured to warn if != 0")),
            result("b", "model", Status::Skipped, None),
        ],
        seconds: 0.42,
        generated_at: None,
        interrupted: false,
    }
}

#[test]
fn the_end_of_a_run_reads_as_dbt_writes_it_and_ends_with_the_figures() {
    let (out, _) = reported(Settings::default(), |reporter| {
        reporter.finished_running(&run());
        reporter.run_end(run());
    });
    insta::assert_snapshot!(out, @r#"
    [time]  
    [time]  Finished running 2 data tests, 2 view models in 0 hours 0 minutes and 0.42 seconds (0.42s).
    [time]  
    ╭────────────┬────┬────────┬────────┬─────────┬──────────╮
    │ kind       │ ok │ warned │ failed │ skipped │     time │
    ├────────────┼────┼────────┼────────┼─────────┼──────────┤
    │ data test  │  - │      1 │      1 │       - │    0.50s │
    │ view model │  1 │      - │      - │       1 │    0.50s │
    ╰────────────┴────┴────────┴────────┴─────────┴──────────╯
    ╭────────┬──────────────╮
    │ failed │ where        │
    ├────────┼──────────────┤
    │ t      │ models/t.sql │
    ╰────────┴──────────────╯
    [time]  
    [time]  Completed with 1 error, 0 partial successes, and 1 warning:
    [time]  
    [time]  Failure in test t (models/t.sql)
    [time]    Got 1 result, configured to fail if != 0
    [time]  
    [time]    compiled code at target/compiled/test/models/t.sql
    [time]  
    [time]  Warning in test av (models/av.sql)
    [time]  Got 1 result, configured to warn if != 0
    [time]  
    [time]    compiled code at target/compiled/test/models/av.sql
    [time]  
    [time]    See test failures:
      ------------------------------
      select * from "db"."main"."av"
      ------------------------------
    [time]  
    [time]  Done. PASS=1 WARN=1 ERROR=1 SKIP=1 NO-OP=0 TOTAL=4
    "#);
}

#[test]
fn quiet_leaves_errors_and_what_was_asked_for() {
    let settings = Settings { quiet: true, ..Settings::default() };
    let (out, _) = reported(settings, |reporter| {
        reporter.emit(Event::MainReportVersion { version: "1.11.0".into() });
        reporter.emit(Event::print("asked"));
        reporter.emit(Event::diagnostic(Diagnostic::warning("not so bad")));
        reporter.fatal(Diagnostic::error("model `x` not found").into());
    });
    assert_eq!(out, "asked\n[time]  Encountered an error:\nerror: model `x` not found\n");
}

#[test]
fn the_last_errors_are_shown_once_each_after_what_is_no_error() {
    let (out, _) = reported(Settings::default(), |reporter| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(Diagnostic::error("broken").note("called here"));
        diagnostics.push(Diagnostic::new(Severity::Note, "no profile found"));
        diagnostics.push(Diagnostic::error("broken"));
        diagnostics.push(Diagnostic::error("also broken"));
        reporter.fatal(diagnostics);
    });
    insta::assert_snapshot!(out, @"
    [time]  no profile found
    [time]  Encountered 2 errors:
    error: broken
      = note: called here

    error: also broken
    ");
}

#[test]
fn a_listing_keeps_stdout_pure() {
    let settings = Settings { lines_to_stderr: true, ..Settings::default() };
    let (out, err) = reported(settings, |reporter| {
        reporter.emit(Event::FoundStats { found: "2 models".into() });
        reporter.emit(Event::print("test.a"));
    });
    assert_eq!((out.as_str(), err.as_str()), ("test.a\n", "[time]  Found 2 models\n"));
}

#[test]
fn secrets_are_seen_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dbt.log");
    let file =
        FileSettings { path: path.clone(), format: Format::Debug, level: Level::Debug, colors: false, max_bytes: 0 };
    let secrets = vec!["hunter2\"x".to_owned(), String::new()];
    for format in [Format::Text, Format::Debug, Format::Json] {
        let settings = Settings { format, secrets: secrets.clone(), file: Some(file.clone()), ..Settings::default() };
        let (out, _) = reported(settings, |reporter| {
            reporter.emit(Event::notice("Note", Level::Info, "password=hunter2\"x"));
            reporter.emit(Event::print("hunter2\"x"));
        });
        assert!(out.contains("*****") && !out.contains("hunter2"), "{out}");
    }
    let log = std::fs::read_to_string(path).unwrap();
    assert!(log.contains("*****") && !log.contains("hunter2"), "{log}");
}

#[test]
fn the_log_file_has_what_the_terminal_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/dbt.log");
    let file =
        FileSettings { path: path.clone(), format: Format::Debug, level: Level::Debug, colors: false, max_bytes: 0 };
    let settings = Settings { file: Some(file), invocation_id: "the-id".into(), ..Settings::default() };
    let (out, _) = reported(settings, |reporter| {
        reporter.emit(Event::MainReportVersion { version: "1.11.0".into() });
        reporter.emit(Event::SQLQuery { connection: "model.test.a".into(), sql: "select 1".into(), node: None });
    });
    assert_eq!(out, format!("[time]  Running with dbt=1.11.0 (tform={})\n", crate::version()));
    let log = std::fs::read_to_string(path).unwrap();
    let shape = regex::Regex::new(r"\d\d:\d\d:\d\d\.\d{6}").unwrap().replace_all(&log, "[time]").into_owned();
    let thread: String = std::thread::current().name().unwrap().chars().take(10).collect();
    let rule = "=".repeat(30);
    let expected = format!(
        "\n\n{rule} [time] | the-id {rule}\n[time] [info ] [{thread}]: Running with dbt=1.11.0 (tform={})\n\
         [time] [debug] [{thread}]: On model.test.a: select 1\n",
        crate::version()
    );
    assert_eq!(shape, expected);
}

#[test]
fn warnings_are_shown_silenced_or_raised() {
    let list = |name: &str| vec![name.to_owned()];
    let warning = || Event::notice("NothingToDo", Level::Warn, "Nothing to do.");
    let check = |options: WarnErrorOptions, shown: bool, raised: usize| {
        let settings = Settings { warn_error_options: options, ..Settings::default() };
        let (out, _) = reported(settings, |reporter| {
            reporter.emit(warning());
            assert_eq!(reporter.take_raised().iter().count(), raised);
            assert_eq!(reporter.take_raised().iter().count(), 0);
        });
        assert_eq!(out.contains("Nothing to do."), shown);
    };
    check(WarnErrorOptions::default(), true, 0);
    check(WarnErrorOptions::all(), false, 1);
    check(WarnErrorOptions { silence: list("NothingToDo"), ..WarnErrorOptions::default() }, false, 0);
}

#[test]
fn a_deprecation_is_shown_once_and_counted() {
    let (out, _) = reported(Settings::default(), |reporter| {
        for _ in 0..3 {
            reporter.emit(Event::notice("ModelParamUsageDeprecation", Level::Warn, "old flag"));
        }
        reporter.deprecations_summary();
    });
    assert_eq!(out.matches("old flag").count(), 1);
    assert!(out.contains("- ModelParamUsageDeprecation: 3 occurrences\n"), "{out}");
}

#[test]
fn lines_of_many_threads_stay_whole() {
    let (out, _) = reported(Settings::default(), |reporter| {
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    for index in 0..50 {
                        let facts = Arc::new(NodeFacts { name: format!("n{thread}_{index}"), ..NodeFacts::default() });
                        let line = ResultLine {
                            node: NodeInfo::waiting(&facts),
                            position: Position { index: 1, total: 1 },
                            status: Status::Success,
                            message: "OK".into(),
                            seconds: 0.0,
                            group: None,
                        };
                        reporter.emit(Event::LogModelResult { line, description: facts.name.clone() });
                    }
                });
            }
        });
    });
    assert_eq!(out.lines().count(), 200);
    assert!(out.lines().all(|line| line.starts_with("[time]  1 of 1 OK created n") && line.ends_with("[OK in 0.00s]")));
}
