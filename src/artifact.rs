//! The files that an invocation leaves for others: what is in them, writing and reading.
//!
//! `manifest.json` (schema v12) is [`Manifest`] itself; `run_results.json` (v6),
//! `sources.json` (v3) and `catalog.json` (v1) are the structs here. Files appear whole or
//! not at all: each is written beside its place and renamed, so that concurrent invocations
//! and readers never see half of one.
//! Source: docs.getdbt.com/reference/artifacts/dbt-artifacts, schemas.getdbt.com.

mod graph_summary;
pub mod history;
mod manifest;
pub mod read;
mod seen;
pub mod semantic;
mod stretches;
#[cfg(test)]
mod tests;

pub use seen::SeenColumns;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::event::{Status, Timing};
use crate::graph::Graph;
use crate::invocation::{DBT_VERSION, Invocation};
use crate::manifest::{Freshness, Manifest, Quoting};
use crate::resource::UniqueId;

pub const MANIFEST: &str = "manifest.json";
pub const RUN_RESULTS: &str = "run_results.json";
pub const SOURCES: &str = "sources.json";
/// As `sources.json`, of models too; what could not be measured is there with its error.
pub const FRESHNESS: &str = "freshness.json";
pub const CATALOG: &str = "catalog.json";
pub const GRAPH_SUMMARY: &str = "graph_summary.json";

/// What the text of a result needs, about.
const RESULT_BYTES: usize = 1000;

const MANIFEST_SCHEMA: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";
const RUN_RESULTS_SCHEMA: &str = "https://schemas.getdbt.com/dbt/run-results/v6.json";
const SOURCES_SCHEMA: &str = "https://schemas.getdbt.com/dbt/sources/v3.json";
const CATALOG_SCHEMA: &str = "https://schemas.getdbt.com/dbt/catalog/v1.json";

/// The head of every artifact but the manifest, which has more in its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    #[serde(default)]
    pub dbt_schema_version: String,
    #[serde(default)]
    pub dbt_version: String,
    #[serde(default)]
    pub generated_at: String,
    #[serde(default)]
    pub invocation_id: Option<String>,
    #[serde(default)]
    pub invocation_started_at: Option<String>,
    #[serde(default)]
    pub env: IndexMap<String, String>,
}

impl Header {
    fn new(schema: &str, invocation: &Invocation) -> Self {
        Header {
            dbt_schema_version: schema.to_owned(),
            dbt_version: DBT_VERSION.to_owned(),
            generated_at: timestamp(Utc::now()),
            invocation_id: Some(invocation.invocation_id.clone()),
            invocation_started_at: Some(timestamp(invocation.started_at)),
            env: invocation.environment.custom(),
        }
    }
}

/// A moment as artifacts have it: UTC, microseconds, `Z`.
pub fn timestamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// `run_results.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunResults {
    pub metadata: Header,
    pub results: Vec<RunResult>,
    /// Seconds.
    #[serde(default)]
    pub elapsed_time: f64,
    /// The flags of the invocation, by lower-case name.
    #[serde(default)]
    pub args: Map<String, Value>,
}

impl RunResults {
    pub fn new(invocation: &Invocation, results: Vec<RunResult>, elapsed_seconds: f64) -> Self {
        RunResults {
            metadata: Header::new(RUN_RESULTS_SCHEMA, invocation),
            results,
            elapsed_time: elapsed_seconds,
            args: invocation.flags.arguments(),
        }
    }
}

/// What became of one node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// A word of [`Status`]: `success`, `pass`, `warn`, `error`, `fail`, `skipped`, ...
    pub status: String,
    #[serde(default)]
    pub timing: Vec<TimingSpan>,
    #[serde(default)]
    pub thread_id: String,
    /// Seconds.
    #[serde(default)]
    pub execution_time: f64,
    #[serde(default)]
    pub adapter_response: Map<String, Value>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub failures: Option<u64>,
    pub unique_id: UniqueId,
    #[serde(default)]
    pub compiled: Option<bool>,
    #[serde(default)]
    pub compiled_code: Option<Arc<str>>,
    #[serde(default)]
    pub relation_name: Option<String>,
    #[serde(default)]
    pub batch_results: Option<BatchResults>,
    #[serde(default)]
    pub overload_results: Option<OverloadResults>,
}

/// The overloads of a function, by the stem of the file that has their body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverloadResults {
    #[serde(default)]
    pub successful: Vec<String>,
    #[serde(default)]
    pub failed: Vec<String>,
}

impl RunResult {
    /// A result with nothing but its node and what became of it.
    pub fn new(unique_id: &UniqueId, status: Status) -> Self {
        RunResult { unique_id: unique_id.clone(), status: status.as_str().to_owned(), ..RunResult::default() }
    }
}

/// The batches of a microbatch model, each from (inclusive) and to (exclusive).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchResults {
    #[serde(default)]
    pub successful: Vec<(String, String)>,
    #[serde(default)]
    pub failed: Vec<(String, String)>,
}

/// How long one phase took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimingSpan {
    /// `compile` or `execute`.
    pub name: String,
    #[serde(default)]
    pub started_at: Option<String>,
    #[serde(default)]
    pub completed_at: Option<String>,
}

impl From<&Timing> for TimingSpan {
    fn from(timing: &Timing) -> Self {
        TimingSpan {
            name: timing.name.to_owned(),
            started_at: timing.started_at.map(timestamp),
            completed_at: timing.completed_at.map(timestamp),
        }
    }
}

/// `sources.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sources {
    pub metadata: Header,
    pub results: Vec<FreshnessResult>,
    /// Seconds.
    #[serde(default)]
    pub elapsed_time: f64,
}

impl Sources {
    pub fn new(invocation: &Invocation, results: Vec<FreshnessResult>, elapsed_seconds: f64) -> Self {
        Sources { metadata: Header::new(SOURCES_SCHEMA, invocation), results, elapsed_time: elapsed_seconds }
    }
}

/// How fresh one source is, or why that could not be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FreshnessResult {
    pub unique_id: UniqueId,
    /// `pass`, `warn`, `error`, or `runtime error`, with which only `error` is there beside it.
    pub status: String,
    #[serde(flatten)]
    pub outcome: FreshnessOutcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FreshnessOutcome {
    Measured(Box<Measurement>),
    Failed { error: Option<String> },
}

/// When a source was last loaded, seen from when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// ISO 8601 with an offset.
    pub max_loaded_at: String,
    pub snapshotted_at: String,
    pub max_loaded_at_time_ago_in_s: f64,
    pub criteria: Freshness,
    #[serde(default)]
    pub adapter_response: Map<String, Value>,
    #[serde(default)]
    pub timing: Vec<TimingSpan>,
    #[serde(default)]
    pub thread_id: String,
    /// Seconds.
    #[serde(default)]
    pub execution_time: f64,
}

impl FreshnessResult {
    pub fn measurement(&self) -> Option<&Measurement> {
        match &self.outcome {
            FreshnessOutcome::Measured(measurement) => Some(measurement),
            FreshnessOutcome::Failed { .. } => None,
        }
    }
}

/// `catalog.json`: what the warehouse says of the relations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    pub metadata: Header,
    pub nodes: IndexMap<UniqueId, CatalogTable>,
    pub sources: IndexMap<UniqueId, CatalogTable>,
    #[serde(default)]
    pub errors: Option<Vec<String>>,
}

impl Catalog {
    pub fn new(invocation: &Invocation) -> Self {
        Catalog { metadata: Header::new(CATALOG_SCHEMA, invocation), ..Catalog::default() }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogTable {
    pub metadata: TableMetadata,
    /// By name, in the order of the relation.
    pub columns: IndexMap<String, CatalogColumn>,
    #[serde(default)]
    pub stats: IndexMap<String, Statistic>,
    #[serde(default)]
    pub unique_id: Option<UniqueId>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableMetadata {
    /// `BASE TABLE`, `VIEW`, ... as the warehouse calls it.
    #[serde(rename = "type")]
    pub kind: String,
    pub schema: String,
    pub name: String,
    pub database: Option<String>,
    pub comment: Option<String>,
    pub owner: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogColumn {
    #[serde(rename = "type")]
    pub kind: String,
    /// From one.
    pub index: u64,
    pub name: String,
    pub comment: Option<String>,
}

/// A figure about a relation: its size, its rows, when it was changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistic {
    pub id: String,
    pub label: String,
    pub value: Value,
    pub include: bool,
    #[serde(default)]
    pub description: Option<String>,
}

/// Fills in the manifest's own head.
pub fn stamp_manifest(manifest: &mut Manifest, invocation: &Invocation, adapter_type: &str, quoting: Quoting) {
    let header = Header::new(MANIFEST_SCHEMA, invocation);
    let metadata = &mut manifest.metadata;
    metadata.dbt_schema_version = header.dbt_schema_version;
    metadata.dbt_version = header.dbt_version;
    metadata.generated_at = header.generated_at;
    metadata.invocation_id = header.invocation_id;
    let started_at = invocation.started_at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    metadata.invocation_started_at = Some(started_at.clone());
    metadata.run_started_at = Some(started_at);
    metadata.env = header.env;
    metadata.send_anonymous_usage_stats = Some(false);
    metadata.adapter_type = Some(adapter_type.to_owned());
    metadata.quoting = quoting;
}

/// Writes an artifact to `folder/name`, making the folder.
///
/// # Errors
/// The folder cannot be made, or the file not written; what was there stays as it was.
pub fn write<T: Serialize>(folder: &Path, name: &str, artifact: &T) -> Result<(), Diagnostic> {
    let path = folder.join(name);
    write_file(&path, |file| serde_json::to_writer(file, artifact).map_err(std::io::Error::from))
}

/// Writes `manifest.json` to a folder, making the folder.
///
/// # Errors
/// As [`write`].
pub fn write_manifest(folder: &Path, graph: &Graph) -> Result<(), Diagnostic> {
    write_file(&folder.join(MANIFEST), |file| manifest::write(file, graph))
}

/// Writes `graph_summary.json` to a folder, making the folder: each resource under a number, with the numbers of
/// what stands on it.
///
/// # Errors
/// As [`write`].
pub fn write_graph_summary(folder: &Path, graph: &Graph, invocation_id: &str) -> Result<(), Diagnostic> {
    write_file(&folder.join(GRAPH_SUMMARY), |file| graph_summary::write(file, graph, invocation_id))
}

/// Writes `run_results.json` to a folder, making the folder: `head` with the results that `result` makes of
/// `finished`, one after another, so that they are not all in memory at once.
///
/// # Errors
/// As [`write`].
pub fn write_run_results<T: Sync>(
    folder: &Path,
    head: &RunResults,
    finished: &[T],
    result: impl Fn(&T) -> RunResult + Sync,
) -> Result<(), Diagnostic> {
    write_file(&folder.join(RUN_RESULTS), |file| {
        let RunResults { metadata, results: _, elapsed_time, args } = head;
        file.write_all(b"{\"metadata\":")?;
        serde_json::to_writer(&mut *file, metadata)?;
        file.write_all(b",\"results\":[")?;
        stretches::write(file, (finished.len(), RESULT_BYTES), |text, number| {
            stretches::add(text, &result(&finished[number]))
        })?;
        file.write_all(b"],\"elapsed_time\":")?;
        serde_json::to_writer(&mut *file, elapsed_time)?;
        file.write_all(b",\"args\":")?;
        serde_json::to_writer(&mut *file, args)?;
        file.write_all(b"}")
    })
}

/// From how many bytes on a file changes places with the one that it replaces.
const LARGE_BYTES: u64 = 4 << 20;

/// Puts a finished file of `size` bytes into the place of an older one, so that a reader finds either.
///
/// Renaming onto a file makes ext4 send the new one to the disk at once, and the pages of the old one are given back
/// meanwhile: 50 ms for a manifest of 75 MB. Where both change places instead, only the old one's pages are left to
/// give back, and those that never reached the disk go quickly. Small files keep what renaming gives: that after a
/// power cut one of both is whole.
fn replace(finished: &Path, path: &Path, size: u64) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if size >= LARGE_BYTES {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        // Not where there is no file to change places with, and not on every file system. A folder stays where it is.
        let is_file = fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir());
        if is_file && renameat_with(CWD, finished, CWD, path, RenameFlags::EXCHANGE).is_ok() {
            return fs::remove_file(finished);
        }
    }
    fs::rename(finished, path)
}

/// Writes a file whole or not at all, making its folder.
///
/// # Errors
/// As [`write`].
pub fn write_file(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), Diagnostic> {
    let failed = |problem: std::io::Error| {
        let diagnostic = Diagnostic::error(format!("cannot write `{}`: {problem}", path.display()));
        match problem.kind() {
            std::io::ErrorKind::PermissionDenied => diagnostic
                .hint("give yourself the permission to write there, or name another folder by `--target-path`"),
            _ => diagnostic,
        }
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    let written = File::create(&beside).and_then(|file| {
        let mut buffer = BufWriter::with_capacity(1 << 15, file);
        content(&mut buffer)?;
        buffer.flush()?;
        replace(Path::new(&beside), path, buffer.get_ref().metadata()?.len())
    });
    written.map_err(|problem| {
        // What is left beside the place is of no use; that it cannot be taken away changes nothing.
        drop(fs::remove_file(&beside));
        failed(problem)
    })
}
