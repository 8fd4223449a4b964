//! Runs the case files under `tests/e2e/cases`: one file is one project, commands, expected output.
//!
//!     cargo test --test e2e              # every case
//!     cargo test --test e2e -- seeds/    # those whose name contains a word; `runner` and `claims` are checks in Rust
//!     UPDATE=1 cargo test --test e2e     # writes what came out into the files
//!     UPDATE=new cargo test --test e2e   # ... only for commands that have no output yet
//!
//! CONTRIBUTING.md shows how to write a case; `case.rs` has the form, `step.rs` the commands.

#[path = "tools/aws.rs"]
mod aws;
#[path = "e2e/case.rs"]
mod case;
#[path = "e2e/claims.rs"]
mod claims;
#[path = "e2e/database.rs"]
mod database;
#[path = "e2e/diff.rs"]
mod diff;
#[path = "e2e/filter.rs"]
mod filter;
#[path = "e2e/json_path.rs"]
mod json_path;
#[path = "tools/postgres.rs"]
mod postgres;
#[path = "tools/proxy.rs"]
mod proxy;
#[path = "tools/psql.rs"]
mod psql;
#[path = "tools/redshift.rs"]
mod redshift;
#[path = "e2e/self_test.rs"]
mod self_test;
#[path = "e2e/step.rs"]
mod step;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use case::Case;
use database::Engine;

/// What became of one case on one engine.
struct Outcome {
    name: String,
    /// What to show, if it failed.
    failure: Option<String>,
}

/// Which expected output is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Update {
    Nothing,
    New,
    All,
}

/// One case on one engine.
struct Job {
    name: String,
    path: PathBuf,
    engine: Engine,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let update = match std::env::var("UPDATE").as_deref() {
        Err(_) | Ok("" | "0") => Update::Nothing,
        Ok("new") => Update::New,
        Ok(_) => Update::All,
    };
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/cases");
    let (mut jobs, mut outcomes) = (Vec::new(), Vec::new());
    for path in case_files(&root) {
        let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("").to_string_lossy().replace('\\', "/");
        match Case::read(&path) {
            Ok(case) => {
                jobs.extend(Engine::all().into_iter().filter(|engine| case.runs_on(*engine)).map(|engine| Job {
                    name: format!("{name} [{}]", engine.name()),
                    path: path.clone(),
                    engine,
                }))
            }
            Err(problem) => outcomes.push(Outcome { name, failure: Some(problem) }),
        }
    }
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    jobs.retain(|job| chosen(&job.name));
    outcomes.retain(|outcome| chosen(&outcome.name));
    if arguments.iter().any(|argument| argument == "--list") {
        jobs.iter().for_each(|job| println!("{}: test", job.name));
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    type Checks = fn() -> Vec<(String, Option<String>)>;
    let checks: [(&str, Checks); 2] = [("runner", self_test::all), ("claims", claims::all)];
    for (_, all) in checks.into_iter().filter(|(name, _)| words.is_empty() || words.contains(name)) {
        outcomes.extend(all().into_iter().map(|(name, failure)| Outcome { name, failure }));
    }
    println!("\nrunning {} cases", jobs.len());
    outcomes.extend(run(&jobs, update));
    close(outcomes, began)
}

/// Runs the jobs on as many threads as there are processors, or as `CASES_AT_ONCE` says.
fn run(jobs: &[Job], update: Update) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let workers = std::env::var("CASES_AT_ONCE").ok().and_then(|count| count.parse().ok()).unwrap_or(processors);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failure = run_case(job, update).err();
                    println!("test {} ... {}", job.name, if failure.is_none() { "ok" } else { "FAILED" });
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.push(Outcome { name: job.name.clone(), failure });
                    }
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_default()
}

fn run_case(job: &Job, update: Update) -> Result<(), String> {
    let mut case = Case::read(&job.path)?;
    let results = step::run_all(&case, job.engine)?;
    if update != Update::Nothing {
        // The case may run on another engine at this moment, which writes the file too.
        static WRITING: Mutex<()> = Mutex::new(());
        let _writing = WRITING.lock().map_err(|error| error.to_string())?;
        case = Case::read(&job.path)?;
        match update {
            Update::All => return case.update(job.engine, &results, &job.path),
            _ => case.fill(job.engine, &results, &job.path)?,
        }
    }
    let mut problems = Vec::new();
    for (command, actual) in case.commands().zip(&results) {
        let expected = command.expected_on(job.engine);
        if expected != *actual {
            let place = format!("{}:{}: $ {}", job.path.display(), command.line, command.text);
            problems.push(format!("{place}\n{}", diff::unified(&expected, actual)));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

fn close(mut outcomes: Vec<Outcome>, began: Instant) -> ExitCode {
    outcomes.sort_by(|left, right| left.name.cmp(&right.name));
    let failures: Vec<(&str, &str)> = outcomes
        .iter()
        .filter_map(|outcome| outcome.failure.as_deref().map(|failure| (outcome.name.as_str(), failure)))
        .collect();
    for (name, failure) in &failures {
        println!("\n---- {name} ----\n{failure}");
    }
    let (failed, passed) = (failures.len(), outcomes.len() - failures.len());
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let seconds = began.elapsed().as_secs_f64();
    println!("\ntest result: {word}. {passed} passed; {failed} failed; finished in {seconds:.2}s\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn case_files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    found.sort();
    found
}
