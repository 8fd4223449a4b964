//! What the site keeps from one time to the next: how each node last went, and when it changed.
//!
//! `run_results.json` only has the nodes of the last invocation, and `docs generate` itself
//! replaces it; so each site takes the results of runs in and carries the others on.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use chrono::Utc;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::artifact::{self, RunResult, RunResults};
use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::resource::UniqueId;

pub(super) const FILE: &str = "memory.json";

/// Commands whose results say how nodes fare in the warehouse.
const RUNS: &[&str] = &["build", "run", "test", "seed", "snapshot", "retry", "clone"];
/// So much of a checksum tells one text from another.
const CHECKSUM_LENGTH: usize = 12;
/// Messages of warehouses can be long; the log has all of them.
const MESSAGE_LENGTH: usize = 2_000;

/// Results and changes, by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    #[serde(default)]
    pub last_run: Option<LastRun>,
    #[serde(default)]
    pub results: IndexMap<UniqueId, Remembered>,
    /// The checksum of each node's text, and when it was first seen with that text
    /// (`None`: with the first site).
    #[serde(default)]
    pub texts: IndexMap<UniqueId, (String, Option<String>)>,
}

/// The last invocation that ran nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastRun {
    pub command: String,
    /// ISO 8601.
    pub at: String,
    /// Seconds.
    pub seconds: f64,
    pub invocation: Option<String>,
}

/// How a node went when it last ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
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

/// Reads what was remembered; nothing if there is no such file, or one that is not ours.
pub(super) fn read(path: &Path) -> Result<Memory, Diagnostic> {
    match fs::read_to_string(path) {
        // A file of an older form is as good as none: it is written anew.
        Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Ok(Memory::default()),
        Err(problem) => Err(Diagnostic::error(format!("cannot read `{}`: {problem}", path.display()))),
    }
}

impl Memory {
    /// Takes in the results of a run and the texts as they are now; forgets what is no more.
    pub(super) fn take_in(&mut self, graph: &Graph, run: Option<&RunResults>) {
        let which = |run: &RunResults| run.args.get("which").and_then(|which| which.as_str()).map(str::to_owned);
        if let Some((run, command)) = run.and_then(|run| Some((run, which(run)?)))
            && RUNS.contains(&command.as_str())
        {
            for result in run.results.iter().filter(|result| result.status != "no-op") {
                self.results.insert(result.unique_id.clone(), remembered(result, &run.metadata.generated_at));
            }
            self.last_run = Some(LastRun {
                command,
                at: run.metadata.generated_at.clone(),
                seconds: run.elapsed_time,
                invocation: run.metadata.invocation_id.clone(),
            });
        }
        self.take_in_texts(graph);
        self.results.retain(|id, _| graph.position(id).is_some());
    }

    fn take_in_texts(&mut self, graph: &Graph) {
        let manifest = graph.manifest();
        let checksums: HashMap<&UniqueId, &str> =
            manifest.nodes.iter().map(|(id, node)| (id, node.checksum.checksum.as_str())).collect();
        let first = self.texts.is_empty();
        let now = artifact::timestamp(Utc::now());
        for (id, checksum) in checksums {
            let length = checksum.char_indices().nth(CHECKSUM_LENGTH).map_or(checksum.len(), |(at, _)| at);
            let checksum = &checksum[..length];
            if checksum.is_empty() || self.texts.get(id).is_some_and(|(known, _)| known == checksum) {
                continue;
            }
            self.texts.insert(id.clone(), (checksum.to_owned(), (!first).then(|| now.clone())));
        }
        let known: HashSet<&UniqueId> = manifest.nodes.keys().collect();
        self.texts.retain(|id, _| known.contains(id));
        self.texts.sort_unstable_keys();
    }
}

fn remembered(result: &RunResult, at: &str) -> Remembered {
    let execute = result.timing.iter().find(|span| span.name == "execute");
    let shortened = |message: &String| message.chars().take(MESSAGE_LENGTH).collect();
    Remembered {
        status: result.status.clone(),
        seconds: result.execution_time,
        at: execute.and_then(|span| span.completed_at.clone()).unwrap_or_else(|| at.to_owned()),
        started: execute.and_then(|span| span.started_at.clone()),
        message: result.message.as_ref().map(shortened),
        failures: result.failures,
        rows: result.adapter_response.get("rows_affected").and_then(serde_json::Value::as_i64),
    }
}
