//! What the last invocations did, one small file for each: `tform/history` below `target-path`.
//!
//! `run_results.json` has the last invocation only. The documentation shows how a node went
//! over the last ones, and how models went before somebody ran only the tests. A file is
//! written once and whole, under a name of its own, so that invocations side by side do not
//! meet; the oldest are taken away beyond [`MOST_RUNS`] files or [`MOST_BYTES`].

use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::{RunResult, RunResults, write_file};
use crate::diagnostic::Diagnostic;
use crate::resource::UniqueId;

/// The folder below `target-path`.
pub const FOLDER: &str = "tform/history";
/// So many invocations are kept.
pub const MOST_RUNS: usize = 30;
/// And no more bytes than these, but for the newest.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Messages of warehouses can be long; the log has all of them.
const MESSAGE_LENGTH: usize = 2_000;

/// Commands whose results say how nodes fare in the warehouse.
const COMMANDS: &[&str] = &["build", "run", "test", "seed", "snapshot", "retry", "clone"];

/// An invocation that ran nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastRun {
    pub command: String,
    /// ISO 8601.
    pub at: String,
    /// Seconds.
    pub seconds: f64,
    pub invocation: Option<String>,
    pub results: Vec<(UniqueId, PastResult)>,
}

/// How a node went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastResult {
    pub status: String,
    /// Seconds.
    pub seconds: f64,
    /// ISO 8601.
    pub at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
}

/// Whether the results of an invocation are kept: whether it ran nodes.
pub fn keeps(run: &RunResults) -> bool {
    run.args.get("which").and_then(|command| command.as_str()).is_some_and(|command| COMMANDS.contains(&command))
}

impl PastRun {
    /// The part of an invocation's results that is remembered; `None` if it ran nothing.
    pub fn of(run: &RunResults) -> Option<PastRun> {
        let command = run.args.get("which")?.as_str().filter(|_| keeps(run))?;
        let at = &run.metadata.generated_at;
        let done = run.results.iter().filter(|result| result.status != "no-op");
        Some(PastRun {
            command: command.to_owned(),
            at: at.clone(),
            seconds: run.elapsed_time,
            invocation: run.metadata.invocation_id.clone(),
            results: done.map(|result| (result.unique_id.clone(), PastResult::of(result, at))).collect(),
        })
    }
}

impl PastResult {
    fn of(result: &RunResult, at: &str) -> PastResult {
        let execute = result.timing.iter().find(|span| span.name == "execute");
        let shortened = |message: &String| message.chars().take(MESSAGE_LENGTH).collect();
        PastResult {
            status: result.status.clone(),
            seconds: result.execution_time,
            at: execute.and_then(|span| span.completed_at.clone()).unwrap_or_else(|| at.to_owned()),
            started: execute.and_then(|span| span.started_at.clone()),
            message: result.message.as_ref().map(shortened),
            failures: result.failures,
            rows: result.adapter_response.get("rows_affected").and_then(serde_json::Value::as_i64),
        }
    }
}

/// Adds an invocation's results to those that are kept, if it ran nodes.
///
/// # Errors
/// If the file cannot be written.
pub fn append(target_path: &Path, run: &RunResults) -> Result<(), Diagnostic> {
    let Some(past) = PastRun::of(run) else { return Ok(()) };
    let folder = target_path.join(FOLDER);
    // Names sort by time; the number at the end keeps two of one moment apart.
    let name = format!("{}-{}.json", Utc::now().format("%Y%m%dT%H%M%S%.6fZ"), uuid::Uuid::new_v4().simple());
    write_file(&folder.join(name), |file| serde_json::to_writer(file, &past).map_err(std::io::Error::from))?;
    remove_oldest(&folder);
    Ok(())
}

/// The invocations that are kept, the oldest first. A file that is not readable is passed over.
pub fn read(target_path: &Path) -> Vec<PastRun> {
    let files = files(&target_path.join(FOLDER));
    let read = files.iter().filter_map(|file| serde_json::from_str(&fs::read_to_string(file).ok()?).ok());
    read.collect()
}

/// The files of the folder, the oldest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    files.sort_unstable();
    files
}

/// What another invocation took away already is gone as wished.
fn remove_oldest(folder: &Path) {
    let (mut bytes, mut kept) = (0, 0);
    for file in files(folder).iter().rev() {
        bytes += fs::metadata(file).map_or(0, |data| data.len());
        kept += 1;
        if kept > 1 && (kept > MOST_RUNS || bytes > MOST_BYTES) {
            drop(fs::remove_file(file));
        }
    }
}
