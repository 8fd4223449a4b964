//! The documentation site: a static folder that opens from `file://` and from any bucket.
//!
//! [`prepare`] turns a graph and what is known about it into the site's files, free of
//! effects; [`write`] puts them below `target-path`: `index.html` beside `manifest.json` and
//! `catalog.json`, as dbt's callers expect, with the program in it (`docs_site/dist`, built from
//! TypeScript), and `site/` with the data. Callers that carry only those three files away have a
//! page that works, unless the project is very large. Data are classic scripts that each hand over one
//! packed JSON document, so that neither `fetch` nor modules nor a server are needed:
//! `core` (every resource with its edges, opened at once), `detail-N` (a fixed number of
//! resources each, on demand), `text-N` (what search reads). Nothing in them is trusted:
//! whatever a project says is data to the page, never markup.
//! Source: docs.getdbt.com/reference/commands/cmd-docs.

mod core;
mod details;
mod entries;
mod layout;
mod memory;
mod pack;
pub mod serve;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use crate::artifact::history::PastRun;
use crate::artifact::{self, Catalog, FreshnessResult, RunResults};
use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::resource::UniqueId;
use crate::sql::project::NodeLineage;
use details::{Detail, Maker};
use entries::Entries;
pub use memory::Memory;

/// The folder of the site's program and data, below `target-path`.
pub const FOLDER: &str = "site";
/// The page that opens it all.
pub const INDEX: &str = "index.html";
/// The one page that holds everything (`--static`), as dbt calls it.
pub const STATIC_INDEX: &str = "static_index.html";

/// How many resources share one file of details; a part of those that share one of texts.
const SHARD: usize = 128;
const _: () = assert!(text::SHARD.is_multiple_of(SHARD));

/// Where the columns of the nodes come from, by node; empty where nobody has looked.
pub type Lineage = HashMap<UniqueId, NodeLineage>;

/// Everything that the site shows.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub graph: &'a Graph,
    pub catalog: &'a Catalog,
    /// How old the data of sources and models was when it was last looked at.
    pub freshness: &'a HashMap<UniqueId, FreshnessResult>,
    pub lineage: &'a Lineage,
    /// The SQL that models, tests and the like became, as far as it was compiled.
    pub compiled: &'a HashMap<UniqueId, Arc<str>>,
    /// Packages whose macros are tform's own.
    pub internal_packages: &'a [String],
    /// Results of runs and changes, up to now.
    pub memory: &'a Memory,
    /// The last invocations that ran nodes, the oldest first.
    pub history: &'a [PastRun],
}

/// The site as files: names relative to `target-path` without their wrapping.
pub struct Site {
    title: String,
    /// Name and packed document of each data file.
    data: Vec<(String, String)>,
    memory: String,
}

/// Prepares the site's data.
///
/// # Errors
/// If a value cannot be written as JSON.
pub fn prepare(inputs: &Inputs<'_>) -> Result<Site, Diagnostic> {
    let entries = Entries::new(inputs);
    let maker = Maker::new(inputs, &entries);
    let mut figures = Vec::with_capacity(entries.list.len());
    let mut data = Vec::new();
    // A part at a time: the details of all at once would take more room than the project itself.
    for (part, start) in (0..entries.list.len()).step_by(text::SHARD).enumerate() {
        let end = entries.list.len().min(start + text::SHARD);
        let details: Vec<Detail<'_, '_>> = (start..end).into_par_iter().map(|at| maker.detail(at)).collect();
        figures.par_extend(details.par_iter().map(core::Figures::of));
        let first = start / SHARD;
        let shards = details.par_chunks(SHARD).enumerate();
        let named = shards.map(|(at, shard)| Ok((format!("detail-{}", first + at), packed(shard)?)));
        let (shards, text) = rayon::join(
            || named.collect::<Result<Vec<_>, Diagnostic>>(),
            || packed(&text::document(start, &details, &entries)),
        );
        data.extend(shards?);
        data.push((format!("text-{part}"), text?));
    }
    let core = core::core(inputs, &entries, figures);
    data.insert(0, ("core".to_owned(), packed(&core)?));
    let memory = serde_json::to_string(inputs.memory).map_err(|error| broken(&error))?;
    Ok(Site { title: core.project.title.clone(), data, memory })
}

fn packed<T: Serialize + ?Sized>(document: &T) -> Result<String, Diagnostic> {
    pack::packed(document).map_err(|error| Diagnostic::error(format!("the site's data cannot be packed: {error}")))
}

fn broken(error: &serde_json::Error) -> Diagnostic {
    Diagnostic::error(format!("the site's data cannot be written as JSON: {error}"))
}

/// Writes the site below `target_path`; with `one_page`, also the page that holds everything.
///
/// # Errors
/// If a file cannot be written.
pub fn write(target_path: &Path, site: &Site, one_page: bool) -> Result<(), Diagnostic> {
    let folder = target_path.join(FOLDER);
    let put = |path: &Path, text: &[u8]| artifact::write_file(path, |file| std::io::Write::write_all(file, text));
    let stamp = pack::stamp(&site.data);
    site.data.par_iter().try_for_each(|(name, packed)| {
        put(&folder.join(format!("{name}.js")), pack::script(name, packed).as_bytes())
    })?;
    put(&folder.join(memory::FILE), site.memory.as_bytes())?;
    // The page comes last: whoever opens it finds what it names.
    put(&target_path.join(INDEX), pack::page(&site.title, &stamp, &site.data).as_bytes())?;
    if one_page {
        put(&target_path.join(STATIC_INDEX), pack::one_page(&site.title, &site.data).as_bytes())?;
    }
    remove_stale(&folder, site);
    Ok(())
}

/// Takes away data files of an earlier, larger site; what stays behind does no harm.
fn remove_stale(folder: &Path, site: &Site) {
    let kept: HashSet<&str> = site.data.iter().map(|(name, _)| name.as_str()).collect();
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files.flatten() {
        let name = file.file_name();
        let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".js")) else { continue };
        let is_data = stem.starts_with("detail-") || stem.starts_with("text-");
        if is_data && !kept.contains(stem) {
            drop(fs::remove_file(file.path()));
        }
    }
}

/// What earlier sites in `target_path` remembered, with the results of the last runs taken in.
///
/// # Errors
/// If a file is there and cannot be read.
pub fn remember(
    target_path: &Path,
    graph: &Graph,
    history: &[PastRun],
    run: Option<&RunResults>,
) -> Result<Memory, Diagnostic> {
    let mut memory = memory::read(&target_path.join(FOLDER).join(memory::FILE))?;
    memory.take_in(graph, history, run);
    Ok(memory)
}
