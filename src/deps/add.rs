//! `--add-package`: an entry more in the list of packages, comments and order kept.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::lock;
use super::{notice, write_whole};
use crate::diagnostic::Diagnostic;
use crate::event::Notice;
use crate::load;
use crate::yaml::Node;

/// Where an added package comes from (`--source`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceKind {
    #[default]
    Hub,
    Git,
    Local,
}

/// A package to be added to the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    pub package: String,
    pub version: Option<String>,
    pub source: SourceKind,
}

impl Addition {
    /// Reads `name@version` or `name`; what follows the last `@` is the version, unless it
    /// belongs to an address (`git@host:a/b`).
    pub fn parse(text: &str, source: SourceKind) -> Addition {
        let (package, version) = match text.rsplit_once('@') {
            Some((package, version)) if !package.is_empty() && !version.contains(['/', ':']) => {
                (package, Some(version))
            }
            _ => (text, None),
        };
        Addition { package: package.to_owned(), version: version.map(str::to_owned), source }
    }

    fn entry(&self) -> Value {
        let (key, version_key) = match self.source {
            SourceKind::Hub => ("package", "version"),
            SourceKind::Git => ("git", "revision"),
            SourceKind::Local => ("local", "version"),
        };
        let mut entry = Map::new();
        entry.insert(key.to_owned(), json!(self.package));
        if let Some(version) = self.version.as_deref().filter(|_| self.source != SourceKind::Local) {
            let parts: Vec<&str> = version.split(',').map(str::trim).collect();
            let version = if parts.len() > 1 { json!(parts) } else { json!(version) };
            entry.insert(version_key.to_owned(), version);
        }
        Value::Object(entry)
    }
}

/// Adds an entry to the project's list; entries for the same package go.
pub(super) fn add(root: &Path, addition: &Addition, emit: &mut dyn FnMut(Notice)) -> Result<(), Diagnostic> {
    let list = load::package_list(root, "", &mut crate::diagnostic::Diagnostics::new())?;
    let name = list.as_ref().map_or("packages.yml", |list| &list.file.path).to_owned();
    let path = root.join(&name);
    let text = match &list {
        Some(_) => fs::read_to_string(&path).map_err(|error| super::cannot("read", &path, &error))?,
        None => {
            emit(notice("Formatting", "Created packages.yml", json!({})));
            String::new()
        }
    };
    let entries = list.as_ref().and_then(|list| list.root.get("packages"));
    let (same, others): (Vec<&Node>, Vec<&Node>) =
        entries.and_then(Node::as_list).unwrap_or(&[]).iter().partition(|entry| is_same(entry, &addition.package));
    for entry in &same {
        let removed = entry.to_json();
        let message = format!("Found duplicate package in packages.yml, removing: {removed}");
        emit(notice("DepsFoundDuplicatePackage", message, json!({ "removed_package": removed })));
    }
    let changed = match entries {
        Some(entries) if is_block_list(&text, entries) => in_block_list(&text, entries, &same, &addition.entry()),
        _ => {
            let mut all: Vec<Value> = others.iter().map(|entry| entry.to_json()).collect();
            all.push(addition.entry());
            rewritten(&text, entries, &lock::list(&all))
        }
    };
    write_whole(&path, &changed)?;
    let version = addition.version.as_deref().unwrap_or_default();
    let message = format!("Added new package {}@{version} to {}", addition.package, path.display());
    let data =
        json!({"package_name": addition.package, "version": version, "packages_filepath": path.to_string_lossy()});
    emit(notice("DepsAddPackage", message, data));
    Ok(())
}

/// Whether an entry is for the package: its address has the name, or the part after the
/// last `/`, as a whole word, with `-` and `_` taken for the same.
fn is_same(entry: &Node, package: &str) -> bool {
    let key = ["package", "git", "local", "tarball", "private"].iter().find_map(|key| entry.get(key)?.as_str());
    let Some(address) = key else { return false };
    let alike = |text: &str| text.replace('-', "_");
    let (address, package) = (alike(address), alike(package));
    let short = package.rsplit('/').next().unwrap_or(&package);
    [package.as_str(), short].iter().filter(|name| !name.is_empty()).any(|name| {
        address.match_indices(name).any(|(at, _)| {
            let before = address[..at].chars().next_back();
            let after = address[at + name.len()..].chars().next();
            [before, after].into_iter().flatten().all(|character| matches!(character, '/' | '.'))
        })
    })
}

/// Whether the items of a list stand on lines of their own.
fn is_block_list(text: &str, entries: &Node) -> bool {
    let first = entries.as_list().and_then(<[Node]>::first);
    first.is_some_and(|first| text[line_start(text, first.extent.start)..].trim_start().starts_with('-'))
}

fn line_start(text: &str, at: u32) -> usize {
    text[..at as usize].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line after the one of `at` begins.
fn line_end(text: &str, at: u32) -> usize {
    text[at as usize..].find('\n').map_or(text.len(), |newline| at as usize + newline + 1)
}

/// Changes a list of `- ` lines: the lines of removed entries go, the new one comes last. Items
/// that stand under the key without indentation get dbt's two spaces, as dbt writes the file anew.
fn in_block_list(text: &str, entries: &Node, removed: &[&Node], entry: &Value) -> String {
    let items = entries.as_list().unwrap_or(&[]);
    let first = items.first().map_or(0, |item| line_start(text, item.extent.start));
    let end = items.last().map_or(text.len(), |item| line_end(text, item.extent.end));
    let indent = &text[first..first + text[first..].find('-').unwrap_or(0)];
    let mut list = String::new();
    let mut from = first;
    for node in removed {
        list.push_str(&text[from..line_start(text, node.extent.start)]);
        from = line_end(text, node.extent.end);
    }
    list.push_str(&text[from.min(end)..end]);
    if !list.is_empty() && !list.ends_with('\n') {
        list.push('\n');
    }
    list.push_str(&lock::item(entry, indent));
    if indent.is_empty() {
        list = list
            .split_inclusive('\n')
            .map(|line| if line == "\n" { line.to_owned() } else { format!("  {line}") })
            .collect();
    }
    format!("{}{list}{}", &text[..first], &text[end..])
}

/// Puts a whole list in place of one that is empty or stands in brackets.
fn rewritten(text: &str, entries: Option<&Node>, list: &str) -> String {
    match entries {
        None => {
            let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            format!("{text}{separator}packages:\n{list}")
        }
        Some(entries) => {
            let (start, end) = (entries.extent.start as usize, entries.extent.end as usize);
            let before = text[..start].trim_end();
            let after = text[end..].trim_start_matches([' ', '\t']).trim_start_matches('\n');
            format!("{before}\n{list}{after}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: Option<&str>, addition: &str, source: SourceKind) -> String {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            fs::write(folder.path().join("packages.yml"), text).unwrap();
        }
        add(folder.path(), &Addition::parse(addition, source), &mut |_| {}).unwrap();
        fs::read_to_string(folder.path().join("packages.yml")).unwrap()
    }

    #[test]
    fn an_entry_is_added_and_its_older_forms_go() {
        let hub = SourceKind::Hub;
        assert_eq!(added(None, "a/b@1.0.0", hub), "packages:\n  - package: a/b\n    version: 1.0.0\n");
        assert_eq!(
            added(Some("packages: []\n"), "a/b@>=1.0.0,<2.0.0", hub),
            "packages:\n  - package: a/b\n    version:\n      - '>=1.0.0'\n      - <2.0.0\n"
        );
        let text =
            "# ours\npackages:\n- git: https://x/dbt-utils.git # old\n  revision: 1.0.0\n# keep\n- local: ../x\n";
        assert_eq!(
            added(Some(text), "dbt-labs/dbt_utils@1.1.1", hub),
            "# ours\npackages:\n  # keep\n  - local: ../x\n  - package: dbt-labs/dbt_utils\n    version: 1.1.1\n"
        );
        assert_eq!(
            added(Some("packages: [{local: ../x}]\n"), "git@host:a/b.git@v1", SourceKind::Git),
            "packages:\n  - local: ../x\n  - git: git@host:a/b.git\n    revision: v1\n"
        );
        assert_eq!(added(None, "git@host:a/b.git", SourceKind::Git), "packages:\n  - git: git@host:a/b.git\n");
    }
}
