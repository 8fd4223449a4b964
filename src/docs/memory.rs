//! What the site keeps from one time to the next: how each node last went, and when it changed.
//!
//! `run_results.json` only has the nodes of the last invocation, and `docs generate` itself
//! replaces it; so each site takes the results of runs in ([`crate::artifact::history`] has the last ones) and
//! carries the others on.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use chrono::Utc;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::artifact::history::{PastResult, PastRun};
use crate::artifact::{self, RunResults};
use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::resource::UniqueId;

pub(super) const FILE: &str = "memory.json";

/// So much of a checksum tells one text from another.
const CHECKSUM_LENGTH: usize = 12;

/// Results and changes, by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    #[serde(default)]
    pub last_run: Option<LastRun>,
    #[serde(default)]
    pub results: IndexMap<UniqueId, PastResult>,
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
    /// Takes in the results of runs, the oldest first, and the texts as they are now; forgets what is no more.
    pub(super) fn take_in(&mut self, graph: &Graph, history: &[PastRun], run: Option<&RunResults>) {
        let last = run.and_then(PastRun::of);
        for past in history.iter().chain(&last) {
            for (id, result) in &past.results {
                if self.results.get(id).is_none_or(|known| known.at <= result.at) {
                    self.results.insert(id.clone(), result.clone());
                }
            }
            if self.last_run.as_ref().is_none_or(|known| known.at <= past.at) {
                self.last_run = Some(LastRun {
                    command: past.command.clone(),
                    at: past.at.clone(),
                    seconds: past.seconds,
                    invocation: past.invocation.clone(),
                });
            }
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
