//! The files of a package: which there are, of which kind, and what they hold.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Request;
use super::ignore::Ignore;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::project::{Package, ResourcePaths};
use crate::resource::FastSet;

/// The largest file of SQL, Python or text that is read: 16 MB. Nobody writes more by
/// hand, and a data file with a wrong ending shall not fill the memory.
pub const MAX_TEXT_BYTES: u64 = 16 << 20;
/// The largest YAML file that is read: 128 MB (some projects generate theirs).
pub const MAX_YAML_BYTES: u64 = 128 << 20;

/// How many files a thread takes at once: few enough that none is left with many when the others are done.
const SHARE: usize = 64;

/// What a file is for, by its folder and ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    Macro,
    Model,
    Snapshot,
    Analysis,
    SingularTest,
    /// A generic test below `tests/generic`.
    GenericTest,
    Seed,
    Documentation,
    /// `.yml` and `.yaml` of any resource folder.
    Properties,
    /// Rows of unit tests, below `tests/fixtures`.
    Fixture,
    Function,
    /// Semantic models as JSON.
    Osi,
}

/// What a file's contents are known by in the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// `sha256`, `path` (large seeds) or `none`.
    pub name: &'static str,
    pub checksum: String,
}

impl Checksum {
    pub fn none() -> Checksum {
        Checksum { name: "none", checksum: String::new() }
    }

    /// Of a text as it stands.
    pub fn of_exact(text: &str) -> Checksum {
        Checksum { name: "sha256", checksum: hex(&Sha256::digest(text.as_bytes())) }
    }

    /// Of code, whatever white space stands between the words: since 1.12 dbt takes code that was only
    /// laid out anew for the same.
    pub fn of_code(text: &str) -> Checksum {
        // Put together first: to hash each word by itself takes three times as long.
        let mut words = Vec::with_capacity(text.len());
        let mut add = |word: &[u8]| {
            if word.is_empty() {
                return;
            }
            if !words.is_empty() {
                words.push(b' ');
            }
            words.extend_from_slice(word);
        };
        // Nearly all code is ASCII, whose bytes need no decoding.
        match text.is_ascii() {
            true => text.as_bytes().split(|byte| is_space(char::from(*byte))).for_each(add),
            false => text.split(is_space).for_each(|word| add(word.as_bytes())),
        }
        Checksum { name: "sha256", checksum: hex(&Sha256::digest(&words)) }
    }

    /// Of a seed, whose inner white space is data; every line end counts as one line feed.
    pub fn of_seed(text: &str) -> Checksum {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        Checksum::of_exact(text.trim_matches(is_space))
    }
}

/// White space as Python sees it: that of Unicode and four control characters.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}

/// One file of a package.
#[derive(Debug, Clone)]
pub struct File {
    pub package: Arc<str>,
    pub kind: FileKind,
    /// Relative to the package's root: `models/staging/a.sql` (`original_file_path`).
    pub path: String,
    /// Relative to the folder in which it was found: `staging/a.sql` (`path` in the manifest).
    pub resource_path: String,
    pub absolute_path: PathBuf,
    /// The text, its byte order mark removed; empty for seeds, which are read when they run.
    pub source: Arc<SourceFile>,
    pub checksum: Checksum,
}

impl File {
    /// The file's name without folders and without its last ending.
    pub fn stem(&self) -> &str {
        let name = without_jinja_ending(self.resource_path.rsplit('/').next().unwrap_or(&self.resource_path));
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// The text of a file that is not read with the others (seeds).
    ///
    /// # Errors
    /// The file cannot be read or is not UTF-8.
    pub fn read(&self) -> std::io::Result<String> {
        fs::read_to_string(&self.absolute_path)
    }

    /// The ending in small letters: `sql`, `py`, `csv`, ...
    pub fn extension(&self) -> String {
        without_jinja_ending(&self.path)
            .rsplit_once('.')
            .map_or_else(String::new, |(_, extension)| extension.to_lowercase())
    }
}

/// `a.sql` of `a.sql.j2` (docs.getdbt.com/reference/global-configs/behavior-changes,
/// `allow_jinja_file_extensions`).
fn without_jinja_ending(name: &str) -> &str {
    [".j2", ".jinja2", ".jinja"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Reads every file of a package, in parallel; files are ordered by kind, folder and name.
/// `shown_root` is put before the paths that people see (empty for the root project).
pub(super) fn of_package(
    package: &Package,
    shown_root: &str,
    request: &Request,
    problems: &mut Diagnostics,
) -> Vec<File> {
    let ignore = match read_optional(&package.root.join(".dbtignore"), &format!("{shown_root}.dbtignore")) {
        Ok(Some(file)) => Ignore::parse(&file, problems),
        Ok(None) => Ignore::default(),
        Err(problem) => {
            problems.push(problem);
            Ignore::default()
        }
    };
    let groups = groups(&package.config.paths);
    let mut folders: BTreeMap<&str, Vec<Found>> =
        groups.iter().flat_map(|group| &group.folders).map(|folder| (folder.as_str(), Vec::new())).collect();
    let walked: Vec<(&str, Vec<Found>, Vec<Diagnostic>)> = folders
        .keys()
        .copied()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|folder| {
            let (found, problems) = walk(&package.root, folder, shown_root);
            (folder, found, problems)
        })
        .collect();
    let mut said = HashSet::new();
    for (folder, found, walk_problems) in walked {
        folders.insert(folder, found);
        problems.extend(walk_problems.into_iter().filter(|problem| said.insert(problem.message.clone())));
    }
    let mut wanted = Vec::new();
    let mut seen: FastSet<(FileKind, &str)> = FastSet::default();
    for group in &groups {
        for folder in &group.folders {
            for found in folders.get(folder.as_str()).into_iter().flatten() {
                if group.takes(found, request.jinja_extensions)
                    && !ignore.ignores(&found.path)
                    && seen.insert((group.kind, found.path.as_str()))
                {
                    wanted.push((group.kind, found));
                }
            }
        }
    }
    let read: Vec<Result<File, Diagnostic>> = wanted
        .into_par_iter()
        .with_max_len(SHARE)
        .map(|(kind, found)| read(package, kind, (found, shown_root), request))
        .collect();
    let mut files = Vec::with_capacity(read.len());
    for result in read {
        match result {
            Ok(file) => files.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    files
}

/// A kind of file with the folders and endings that make it.
struct Group {
    kind: FileKind,
    folders: Vec<String>,
    endings: &'static [&'static str],
}

impl Group {
    fn takes(&self, found: &Found, jinja_extensions: bool) -> bool {
        let name = found.resource_path.rsplit('/').next().unwrap_or("");
        let is_template = self.endings.iter().any(|ending| matches!(*ending, "sql" | "md"));
        let name = if jinja_extensions && is_template { without_jinja_ending(name) } else { name };
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let special = self.kind == FileKind::SingularTest
            && found.resource_path.split_once('/').is_some_and(|(first, _)| matches!(first, "generic" | "fixtures"));
        // Names that editors give to their temporary files begin with one of these.
        !name.starts_with(['!', '.', '#', '~'])
            && self.endings.iter().any(|known| known.eq_ignore_ascii_case(ending))
            && !special
    }
}

fn groups(paths: &ResourcePaths) -> Vec<Group> {
    let below = |folder: &str| paths.tests.iter().map(|path| format!("{path}/{folder}")).collect::<Vec<_>>();
    let group = |kind, folders: &[String], endings| Group { kind, folders: folders.to_vec(), endings };
    vec![
        group(FileKind::Macro, &paths.macros, &["sql"]),
        group(FileKind::Model, &paths.models, &["sql", "py"]),
        group(FileKind::Snapshot, &paths.snapshots, &["sql"]),
        group(FileKind::Analysis, &paths.analyses, &["sql"]),
        group(FileKind::SingularTest, &paths.tests, &["sql"]),
        group(FileKind::GenericTest, &below("generic"), &["sql"]),
        group(FileKind::Seed, &paths.seeds, &["csv"]),
        group(FileKind::Documentation, &paths.docs.clone().unwrap_or_else(|| paths.all()), &["md"]),
        group(FileKind::Properties, &paths.all(), &["yml", "yaml"]),
        group(FileKind::Fixture, &below("fixtures"), &["csv", "sql"]),
        group(FileKind::Function, &paths.functions, &["sql", "py", "js"]),
        group(FileKind::Osi, &paths.osi, &["json"]),
    ]
}

/// A file that was seen, not yet read.
struct Found {
    path: String,
    resource_path: String,
    absolute_path: PathBuf,
}

/// Every file below a folder, by name. Links to files are followed, links to folders are
/// not (as in dbt); a folder that does not exist has no files.
fn walk(root: &Path, folder: &str, shown_root: &str) -> (Vec<Found>, Vec<Diagnostic>) {
    let top = root.join(folder);
    let shown = match folder {
        "" | "." => String::new(),
        _ => format!("{}/", folder.trim_start_matches("./")),
    };
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for result in walk_below(&Walk { root, top: &top, shown: &shown, shown_root }, &top) {
        match result {
            Ok(file) => found.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    (found, problems)
}

/// The folder whose files are looked for.
struct Walk<'a> {
    root: &'a Path,
    top: &'a Path,
    /// What stands before the path below `top` to make it one of the package.
    shown: &'a str,
    shown_root: &'a str,
}

/// What is in a folder and below, each folder in it by whichever thread is free.
fn walk_below(walk: &Walk<'_>, folder: &Path) -> Vec<Result<Found, Diagnostic>> {
    let entries = walkdir::WalkDir::new(folder).min_depth(1).max_depth(1).sort_by(by_path);
    let entries: Vec<walkdir::Result<walkdir::DirEntry>> = entries.into_iter().collect();
    let is_folder = |entry: &walkdir::Result<walkdir::DirEntry>| entry.as_ref().is_ok_and(|at| at.file_type().is_dir());
    let below: Vec<Vec<Result<Found, Diagnostic>>> = entries
        .par_iter()
        .filter(|entry| is_folder(entry))
        .map(|entry| entry.as_ref().map_or_else(|_| Vec::new(), |entry| walk_below(walk, entry.path())))
        .collect();
    let mut below = below.into_iter();
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => found.extend(below.next().into_iter().flatten()),
            Ok(entry) => found.extend(walk_file(walk, entry)),
            Err(error) => {
                let missing = error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound);
                if !missing {
                    found.push(Err(unreadable_folder(walk.root, walk.shown_root, &error)));
                }
            }
        }
    }
    found
}

fn walk_file(walk: &Walk<'_>, entry: walkdir::DirEntry) -> Option<Result<Found, Diagnostic>> {
    let is_file = entry.file_type().is_file()
        || (entry.path_is_symlink() && entry.path().metadata().is_ok_and(|metadata| metadata.is_file()));
    if !is_file {
        return None;
    }
    let Some(resource_path) = below(walk.top, entry.path()) else {
        let shown = entry.path().display();
        return Some(Err(Diagnostic::error(format!("the name of file `{shown}` is not UTF-8"))));
    };
    let path = format!("{}{resource_path}", walk.shown);
    Some(Ok(Found { path, resource_path, absolute_path: entry.into_path() }))
}

fn unreadable_folder(root: &Path, shown_root: &str, error: &walkdir::Error) -> Diagnostic {
    let path = error.path().unwrap_or(root);
    let shown = path.strip_prefix(root).ok().and_then(slashes).unwrap_or_else(|| path.display().to_string());
    let reason = error.io_error().map_or_else(|| error.to_string(), reason);
    Diagnostic::error(format!("folder `{shown_root}{shown}` cannot be read: {reason}"))
        .hint("give yourself the permission to read it")
}

/// Neighbours in a folder in the order of their names; as texts, for the same reason as in [`below`].
fn by_path(left: &walkdir::DirEntry, right: &walkdir::DirEntry) -> Ordering {
    left.path().as_os_str().cmp(right.path().as_os_str())
}

/// The path below `top`, which it begins with, with `/` between its parts; by its bytes, since taking ten thousand
/// paths apart takes longer than finding them.
fn below(top: &Path, path: &Path) -> Option<String> {
    let rest = path.as_os_str().as_encoded_bytes().get(top.as_os_str().len()..)?;
    let rest = std::str::from_utf8(rest).ok()?.trim_start_matches(MAIN_SEPARATOR);
    Some(rest.replace(MAIN_SEPARATOR, "/"))
}

/// A relative path with `/` between its parts.
fn slashes(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.components().map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

/// Why the system refused, in small letters and without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::NotFound => "no such file or folder".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
    }
}

fn read(
    package: &Package,
    kind: FileKind,
    (found, shown_root): (&Found, &str),
    request: &Request,
) -> Result<File, Diagnostic> {
    let shown = format!("{shown_root}{}", found.path);
    let (source, checksum) = if kind == FileKind::Seed {
        (SourceFile::new(shown.clone(), ""), seed_checksum(found, &shown, request.max_hashed_seed_bytes)?)
    } else {
        let limit = if kind == FileKind::Properties { MAX_YAML_BYTES } else { MAX_TEXT_BYTES };
        let mut source = read_text(&found.absolute_path, &shown, limit)?;
        // White space at the end of a file is no part of the last text in it, as in dbt.
        if kind == FileKind::Properties
            && let Some(file) = Arc::get_mut(&mut source)
        {
            file.text.truncate(file.text.trim_end().len());
        }
        let has_checksum = matches!(
            kind,
            FileKind::Model | FileKind::Snapshot | FileKind::Analysis | FileKind::SingularTest | FileKind::Function
        );
        let checksum = if has_checksum { Checksum::of_code(&source.text) } else { Checksum::none() };
        (source, checksum)
    };
    Ok(File {
        package: package.name.clone(),
        kind,
        path: found.path.clone(),
        resource_path: found.resource_path.clone(),
        absolute_path: found.absolute_path.clone(),
        source,
        checksum,
    })
}

fn seed_checksum(found: &Found, shown: &str, limit: u64) -> Result<Checksum, Diagnostic> {
    let metadata = fs::metadata(&found.absolute_path).map_err(|error| unreadable(shown, &error))?;
    if metadata.len() > limit {
        return Ok(Checksum { name: "path", checksum: found.path.clone() });
    }
    // dbt hashes a seed with its byte order mark.
    let bytes = fs::read(&found.absolute_path).map_err(|error| unreadable(shown, &error))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Checksum::of_seed(text)),
        Err(_) => Ok(Checksum::of_seed(&read_text(&found.absolute_path, shown, u64::MAX)?.text)),
    }
}

fn unreadable(shown: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("`{shown}` cannot be read: {}", reason(error)))
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// It cannot be read, is larger, or is not UTF-8 (with the place).
pub(crate) fn read_text(path: &Path, shown: &str, limit: u64) -> Result<Arc<SourceFile>, Diagnostic> {
    let file = fs::File::open(path).map_err(|error| unreadable(shown, &error))?;
    let size = file.metadata().map_err(|error| unreadable(shown, &error))?.len();
    if size > limit {
        let problem = format!("`{shown}` is too large: {}, the limit is {}", megabytes(size), megabytes(limit));
        let place = Span::line(&SourceFile::new(shown, ""), 1);
        return Err(Diagnostic::error(problem)
            .at(place)
            .hint("data belongs into a seed or a source, not into a model"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    // As much as there is: to read until nothing comes would be one more call of the system for each file. Files
    // that do not know their size are read so.
    let most = if size == 0 { limit.saturating_add(1) } else { size };
    file.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(shown, &error))?;
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            if text.starts_with('\u{feff}') {
                text.drain(..'\u{feff}'.len_utf8());
            }
            Ok(SourceFile::new(shown, text))
        }
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(start).copied().unwrap_or_default();
            let file = SourceFile::new(shown, String::from_utf8_lossy(error.as_bytes()));
            Err(Diagnostic::error(format!("`{shown}` is not UTF-8: byte 0x{byte:02x}"))
                .at(Span::new(&file, start, start + '\u{fffd}'.len_utf8()))
                .hint("save the file as UTF-8"))
        }
    }
}

/// Reads a properties file again, to say where something in it stands; `shown` is its path in the project.
///
/// # Errors
/// As for [`read_text`].
pub(crate) fn read_properties(project_dir: &Path, shown: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    read_text(&project_dir.join(shown), shown, MAX_YAML_BYTES)
}

/// As [`read_text`] for a file that need not exist.
pub(crate) fn read_optional(path: &Path, shown: &str) -> Result<Option<Arc<SourceFile>>, Diagnostic> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read_text(path, shown, MAX_YAML_BYTES).map(Some),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / f64::from(1 << 20))
}
