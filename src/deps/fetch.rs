//! Getting packages: from the hub's index, from archives, from repositories.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::list::Git;
use crate::diagnostic::Diagnostic;
use crate::load::reason;

/// The hub of dbt's packages.
const HUB: &str = "https://hub.getdbt.com/";
/// How often a request is tried.
const ATTEMPTS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer of the hub, and the largest archive: 64 MB and 512 MB.
const MAX_INDEX_BYTES: u64 = 64 << 20;
const MAX_ARCHIVE_BYTES: u64 = 512 << 20;
/// What an archive may unpack to: 2 GB.
const MAX_UNPACKED_BYTES: u64 = 2 << 30;

/// A folder that goes when this value goes.
pub(super) struct Staging(PathBuf);

impl Staging {
    /// Makes a new folder beside `target`, so that it can be renamed to it.
    pub(super) fn beside(target: &Path) -> Result<Staging, Diagnostic> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let folder = target.with_file_name(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir_all(&folder).map_err(|error| cannot("make folder", &folder, &error))?;
        Ok(Staging(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing depends on its removal: a left-over begins with a dot and is never read.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("cannot {what} `{}`: {}", path.display(), reason(error)))
}

/// Everything that is fetched from outside during one command, each thing once.
pub(super) struct Fetcher<'a> {
    agent: ureq::Agent,
    hub: String,
    downloads: &'a Path,
    packages: RefCell<HashMap<String, Rc<Value>>>,
    index: RefCell<Option<Rc<Vec<String>>>>,
    folders: RefCell<HashMap<String, PathBuf>>,
}

impl<'a> Fetcher<'a> {
    /// `hub` is the address of the hub (`DBT_PACKAGE_HUB_URL`), dbt's own by default.
    pub(super) fn new(hub: Option<&str>, downloads: &'a Path) -> Fetcher<'a> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .user_agent(concat!("tform/", env!("CARGO_PKG_VERSION")))
            .build();
        Fetcher {
            agent: ureq::Agent::new_with_config(config),
            hub: format!("{}/", hub.unwrap_or(HUB).trim_end_matches('/')),
            downloads,
            packages: RefCell::default(),
            index: RefCell::default(),
            folders: RefCell::default(),
        }
    }

    /// The names of all packages of the hub.
    pub(super) fn index(&self) -> Result<Rc<Vec<String>>, Diagnostic> {
        if let Some(index) = self.index.borrow().as_ref() {
            return Ok(index.clone());
        }
        let answer = self.json(&format!("{}api/v1/index.json", self.hub))?;
        let names: Vec<String> =
            answer.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let index = Rc::new(names);
        *self.index.borrow_mut() = Some(index.clone());
        Ok(index)
    }

    /// What the hub knows of a package: `versions` by number.
    pub(super) fn package(&self, name: &str) -> Result<Rc<Value>, Diagnostic> {
        if let Some(package) = self.packages.borrow().get(name) {
            return Ok(package.clone());
        }
        let url = format!("{}api/v1/{name}.json", self.hub);
        let answer = self.json(&url)?;
        if answer.get("versions").and_then(Value::as_object).is_none() {
            return Err(Diagnostic::error(format!("`{url}` does not describe a package")));
        }
        let package = Rc::new(answer);
        self.packages.borrow_mut().insert(name.to_owned(), package.clone());
        Ok(package)
    }

    fn json(&self, url: &str) -> Result<Value, Diagnostic> {
        let bytes = self.get(url, MAX_INDEX_BYTES)?;
        serde_json::from_slice(&bytes).map_err(|error| Diagnostic::error(format!("`{url}` gave no JSON: {error}")))
    }

    /// The bytes at an address; tried again while the other side or the way to it fails.
    fn get(&self, url: &str, limit: u64) -> Result<Vec<u8>, Diagnostic> {
        if let Some(path) = url.strip_prefix("file://") {
            return fs::read(path).map_err(|error| cannot("read", Path::new(path), &error));
        }
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Diagnostic::error(format!("`{url}` is not an address of http, https or file")));
        }
        let mut attempt = 1;
        loop {
            let problem = match self.agent.get(url).call() {
                Ok(mut answer) => {
                    let status = answer.status();
                    if status.is_success() {
                        let body = answer.body_mut().with_config().limit(limit).read_to_vec();
                        match body {
                            Ok(bytes) => return Ok(bytes),
                            Err(error) => error.to_string(),
                        }
                    } else if status.is_server_error() || status.as_u16() == 429 {
                        format!("the server answered {status}")
                    } else {
                        return Err(Diagnostic::error(format!("`{url}` cannot be had: the server answered {status}")));
                    }
                }
                Err(error) => error.to_string(),
            };
            if attempt == ATTEMPTS {
                return Err(Diagnostic::error(format!("`{url}` cannot be reached: {problem}"))
                    .note(format!("tried {ATTEMPTS} times"))
                    .hint(
                        "check the network, the proxy (`HTTPS_PROXY`) and, for hub packages, `DBT_PACKAGE_HUB_URL`",
                    ));
            }
            thread::sleep(Duration::from_millis(150 << attempt));
            attempt += 1;
        }
    }

    /// A fresh folder for a download.
    fn fresh(&self) -> Result<PathBuf, Diagnostic> {
        let folder = self.downloads.join(uuid::Uuid::new_v4().simple().to_string());
        fs::create_dir_all(&folder).map_err(|error| cannot("make folder", &folder, &error))?;
        Ok(folder)
    }

    /// Downloads and unpacks an archive; gives the one folder in it.
    pub(super) fn archive(&self, url: &str) -> Result<PathBuf, Diagnostic> {
        if let Some(folder) = self.folders.borrow().get(url).filter(|folder| folder.is_dir()) {
            return Ok(folder.clone());
        }
        let bytes = self.get(url, MAX_ARCHIVE_BYTES)?;
        let folder = self.fresh()?;
        unpack(&bytes, &folder).map_err(|problem| {
            let message = problem.message;
            Diagnostic { message: format!("the archive at `{url}` cannot be unpacked: {message}"), ..problem }
        })?;
        let mut children = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|error| cannot("read", &folder, &error))? {
            let path = entry.map_err(|error| cannot("read", &folder, &error))?.path();
            if path.is_dir() {
                children.push(path);
            }
        }
        let [child] = children.as_slice() else {
            return Err(Diagnostic::error(format!("the archive at `{url}` does not hold exactly one folder"))
                .hint("a package's archive has the form NAME/dbt_project.yml"));
        };
        self.folders.borrow_mut().insert(url.to_owned(), child.clone());
        Ok(child.clone())
    }

    /// Checks out a repository; gives the folder of the package and the commit.
    pub(super) fn repository(&self, git: &Git, revision: &str) -> Result<(PathBuf, String), Diagnostic> {
        let key = format!("{} {revision}", git.url);
        let known = self.folders.borrow().get(&key).filter(|folder| folder.is_dir()).cloned();
        let folder = match known {
            Some(folder) => folder,
            None => {
                let folder = self.fresh()?;
                checkout(git, revision, &folder).map_err(|problem| without_token(git, problem))?;
                self.folders.borrow_mut().insert(key, folder.clone());
                folder
            }
        };
        let commit = run_git(&folder, &["rev-parse", "HEAD"])?.trim().to_owned();
        match &git.subdirectory {
            None => Ok((folder, commit)),
            Some(inner) if folder.join(inner).is_dir() => Ok((folder.join(inner), commit)),
            Some(inner) => Err(Diagnostic::error(format!("`{}` has no folder `{inner}`", git.shown()))),
        }
    }
}

/// Unpacks a tar archive, with or without gzip. Nothing may come to lie outside of `folder`.
fn unpack(bytes: &[u8], folder: &Path) -> Result<(), Diagnostic> {
    let reader: Box<dyn Read + '_> =
        if bytes.starts_with(&[0x1f, 0x8b]) { Box::new(GzDecoder::new(bytes)) } else { Box::new(bytes) };
    let mut archive = tar::Archive::new(reader.take(MAX_UNPACKED_BYTES));
    archive.set_overwrite(true);
    let unreadable = |error: std::io::Error| Diagnostic::error(reason(&error));
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let outside = || Diagnostic::error(format!("`{}` would lie outside of the package", path.display()));
        if !stays_inside(&path) {
            return Err(outside());
        }
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            let link = entry.link_name().map_err(unreadable)?.map(|link| link.into_owned()).unwrap_or_default();
            let from = if kind.is_symlink() { path.parent().unwrap_or(Path::new("")) } else { Path::new("") };
            if link.is_absolute() || !stays_inside(&from.join(link)) {
                return Err(outside());
            }
        } else if !kind.is_file() && !kind.is_dir() {
            continue;
        }
        if !entry.unpack_in(folder).map_err(unreadable)? {
            return Err(outside());
        }
    }
    Ok(())
}

/// Whether a path, read from left to right, never leaves the folder that it starts in.
fn stays_inside(path: &Path) -> bool {
    let mut depth = 0_usize;
    for part in path.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

/// What git said, without what lets in to a private repository.
fn without_token(git: &Git, mut problem: Diagnostic) -> Diagnostic {
    let token = git.private.as_ref().and_then(|_| Some(git.url.split_once("://")?.1.rsplit_once('@')?.0));
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let notes = problem.notes.iter_mut().map(|(text, _)| text);
        for text in notes.chain([&mut problem.message]) {
            *text = text.replace(token, "*****");
        }
    }
    problem
}

/// Fetches one revision (a branch, a tag or a commit) as shallowly as the server allows.
fn checkout(git: &Git, revision: &str, folder: &Path) -> Result<(), Diagnostic> {
    let url = git.url.as_str();
    run_git(folder, &["init", "--quiet", "."])?;
    run_git(folder, &["remote", "add", "--", "origin", url])?;
    let shallow = run_git(folder, &["fetch", "--quiet", "--depth", "1", "origin", revision]);
    let spec = match shallow {
        Ok(_) => "FETCH_HEAD",
        Err(problem) => {
            // Some servers refuse single commits, and no server knows shortened ones.
            let is_commit = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_commit {
                let problem = problem.note(format!("Error checking out spec='{revision}'"));
                return Err(match git.private.is_none() && url.contains(char::is_whitespace) {
                    // What a filter made of a secret's name; the value is put in after rendering.
                    true => problem
                        .note(format!("the address has blanks in it: `{url}`"))
                        .hint("filters see the name of a `DBT_ENV_SECRET_` variable, not its value"),
                    false => problem,
                });
            }
            run_git(folder, &["fetch", "--quiet", "--tags", "origin"])?;
            revision
        }
    };
    run_git(folder, &["checkout", "--quiet", "--force", "--detach", spec]).map(drop)
}

fn run_git(folder: &Path, arguments: &[&str]) -> Result<String, Diagnostic> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .map_err(|error| {
            Diagnostic::error(format!("`git` cannot be started: {}", reason(&error)))
                .hint("packages of kind `git` need git: make sure that `git --version` works")
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let first = first.or_else(|| said.lines().next()).unwrap_or("no message");
    let first = first.trim_start_matches("fatal: ").trim_start_matches("error: ");
    Err(Diagnostic::error(format!("git {} failed: {first}", arguments.first().unwrap_or(&""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_of_git_shows_a_token() {
        for name in ["tools", "my tools"] {
            let git = Git {
                url: format!("file://t0ken@localhost/nowhere/shop/{name}.git"),
                unrendered: format!("shop/{name}"),
                revisions: Vec::new(),
                subdirectory: None,
                warns_unpinned: false,
                private: Some(super::super::list::Private { provider: None }),
            };
            let folder = tempfile::tempdir().unwrap();
            let refused = checkout(&git, "main", folder.path()).unwrap_err();
            let shown = without_token(&git, refused).to_string();
            assert!(shown.contains("git fetch failed") && !shown.contains("t0ken"), "{shown}");
            assert!(!shown.contains("has blanks"), "{shown}");
        }
    }

    #[test]
    fn paths_that_leave_the_folder_are_seen() {
        let cases = [
            ("a/b.sql", true),
            ("./a/../b", true),
            ("a/../../b", false),
            ("../b", false),
            ("/etc/passwd", false),
            ("a/b/../../..", false),
        ];
        for (path, expected) in cases {
            assert_eq!(stays_inside(Path::new(path)), expected, "{path}");
        }
    }
}
