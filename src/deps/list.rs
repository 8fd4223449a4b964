//! Lists of packages: `packages.yml`, `dependencies.yml`, the lock file.
//!
//! Source: docs.getdbt.com/docs/build/packages.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::private;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile, Span};
use crate::project::version::Requirement;
use crate::project::{StringRenderer, TreeRenderer};
use crate::yaml::{Fields, Node};

/// What a list asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) source: Source,
    /// Where it is asked for; nowhere in a file for what a package of the hub asks for.
    pub(super) span: Option<Span>,
    /// The package that asks for it, if it is not the project itself.
    pub(super) asked_by: Option<String>,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Hub { package: String, versions: Vec<Requirement>, prerelease: bool },
    Git(Git),
    Local { path: String },
    Tarball { url: String, name: String, unrendered: String },
}

/// A repository.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Git {
    pub(super) url: String,
    /// As it was written: what goes into the lock file.
    pub(super) unrendered: String,
    pub(super) revisions: Vec<String>,
    pub(super) subdirectory: Option<String>,
    pub(super) warns_unpinned: bool,
    /// It was asked for as a private package; its address holds a token.
    pub(super) private: Option<Private>,
}

/// How a private package was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Private {
    pub(super) provider: Option<String>,
}

impl Git {
    /// The address as people may see it.
    pub(super) fn shown(&self) -> &str {
        if self.private.is_some() { &self.unrendered } else { &self.url }
    }
}

impl Source {
    /// What tells packages apart; a repository is the same with and without `.git`.
    pub(super) fn key(&self) -> String {
        match self {
            Source::Hub { package, .. } => format!("hub {package}"),
            Source::Git(git) => {
                let url = git.url.strip_suffix(".git").unwrap_or(&git.url);
                format!("git {url} {}", git.subdirectory.as_deref().unwrap_or_default())
            }
            Source::Local { path } => format!("local {path}"),
            Source::Tarball { url, .. } => format!("tarball {url}"),
        }
    }

    /// The name that messages use.
    pub(super) fn shown_name(&self) -> String {
        match self {
            Source::Hub { package, .. } => package.clone(),
            Source::Git(git) => match &git.subdirectory {
                Some(folder) => format!("{}/{folder}", git.shown()),
                None => git.shown().to_owned(),
            },
            Source::Local { path } => path.clone(),
            Source::Tarball { name, .. } => name.clone(),
        }
    }
}

/// A list of packages with the hash that dbt's lock file has for it.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) wanted: Vec<Wanted>,
    pub(super) sha1_hash: String,
}

/// What all lists of packages are read with.
pub(super) struct ListContext<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    /// `None` where nothing is rendered (`dependencies.yml`).
    pub(super) renderer: Option<&'a dyn StringRenderer>,
    pub(super) asked_by: Option<&'a str>,
    /// What [`private::PROVIDERS`] says.
    pub(super) providers: Option<&'a str>,
}

/// Reads the entries under `packages` of a file's root.
///
/// # Errors
/// Every entry that is no package.
pub(super) fn read(root: &Node, context: &ListContext<'_>) -> Result<List, Diagnostics> {
    let mut problems = Diagnostics::new();
    let rendered = match context.renderer {
        Some(renderer) => {
            let file = context.file;
            TreeRenderer { file, renderer, is_rendered: &|_| true, keeps_on_error: &|_| false }
                .tree(root, &mut problems)
        }
        None => root.clone(),
    };
    let mut top = Fields::new(context.file, &rendered);
    let entries = top.list("packages").unwrap_or(&[]);
    problems.extend(top.problems);
    let unrendered = root.get("packages").and_then(Node::as_list).unwrap_or(&[]);
    let mut list = List::default();
    let mut canonical = Vec::new();
    for (entry, written) in entries.iter().zip(unrendered) {
        let mut fields = Fields::new(context.file, entry);
        if let Some(source) = source(&mut fields, written, context.providers) {
            canonical.push(python_json(&for_hash(entry, written)));
            let asked_by = context.asked_by.map(str::to_owned);
            list.wanted.push(Wanted { source, span: Some(entry.span(context.file)), asked_by });
        }
        problems.extend(fields.problems.into_iter().map(|problem| malformed(problem, context.file)));
    }
    if problems.has_errors() {
        return Err(problems);
    }
    canonical.sort();
    list.sha1_hash = crate::load::hex(&super::sha1::digest(canonical.join("\n").as_bytes()));
    Ok(list)
}

/// An error in an entry, with dbt's words for a list that it cannot read.
fn malformed(problem: Diagnostic, file: &SourceFile) -> Diagnostic {
    match problem.severity {
        Severity::Error => problem.note(format!("The {} file in this project is malformed", file.path)),
        _ => problem,
    }
}

/// The packages that a package of the hub asks for, as its index entry lists them.
pub(super) fn from_index(packages: &Value, asked_by: &str) -> Result<Vec<Wanted>, Diagnostics> {
    let file = SourceFile::new(format!("packages of {asked_by}"), packages.to_string());
    let extent = crate::yaml::Extent::default();
    let value = crate::yaml::Value::from_json(&json!({ "packages": packages }), extent);
    let root = Node { value, extent };
    let list = read(&root, &ListContext { file: &file, renderer: None, asked_by: Some(asked_by), providers: None })?;
    Ok(list.wanted.into_iter().map(|wanted| Wanted { span: None, ..wanted }).collect())
}

const KINDS: &[&str] = &["package", "git", "local", "tarball", "private"];

fn source(fields: &mut Fields<'_>, written: &Node, providers: Option<&str>) -> Option<Source> {
    if fields.node.as_map().is_none() {
        let message = format!("a package is a mapping, this is {}", fields.node.value.kind());
        fields.problems.push(Diagnostic::error(message).at(fields.node.span(fields.file)));
        return None;
    }
    let kind = KINDS.iter().find(|kind| fields.node.get(kind).is_some());
    let Some(kind) = kind else {
        let keys: Vec<&str> = fields.node.as_map().map(|map| map.keys().collect()).unwrap_or_default();
        let mut problem = Diagnostic::error("a package needs one of `package`, `git`, `local` and `tarball`")
            .at(fields.node.span(fields.file));
        if let Some(key) = keys.first() {
            problem = problem.suggest(key, KINDS.iter().copied());
        }
        fields.problems.push(problem);
        return None;
    };
    let Some(place) = fields.text(kind).filter(|place| !place.is_empty()) else {
        if !fields.problems.has_errors() {
            let shown = if *kind == "package" { "hub" } else { kind };
            let message = format!("A {shown} package is missing the value. It is a required property.");
            fields.error(kind, message);
        }
        return None;
    };
    let unrendered = written.get(kind).and_then(Node::as_str).unwrap_or(&place).to_owned();
    match *kind {
        "package" => hub(fields, place),
        "git" => git(fields, place, unrendered),
        "local" => {
            fields.warn_unknown(&["local", "name"], |_| false);
            Some(Source::Local { path: place })
        }
        "tarball" => {
            fields.warn_unknown(&["tarball", "name"], |_| false);
            let name = fields.text("name");
            if name.is_none() {
                fields.error("name", "a `tarball` needs a `name`, the package's name");
            }
            Some(Source::Tarball { url: place, name: name?, unrendered })
        }
        _ => match private::address(&place, fields.text("provider").as_deref(), providers) {
            Ok(url) => git(fields, url, unrendered),
            Err(why) => {
                let node = fields.node.get(kind).unwrap_or(fields.node);
                let message = format!("private package `{place}` cannot be resolved: {why}");
                fields.problems.push(
                    Diagnostic::error(message)
                        .at(node.span(fields.file))
                        .hint("name the `provider`, or use a `git` package with the repository's address"),
                );
                None
            }
        },
    }
}

fn hub(fields: &mut Fields<'_>, package: String) -> Option<Source> {
    fields.warn_unknown(&["package", "version", "install_prerelease", "install-prerelease", "name"], |_| false);
    if package.split('/').filter(|part| !part.is_empty()).count() != 2 || !is_plain_path(&package) {
        let message = format!("`{package}` is not a package of the hub: its name is `namespace/name`");
        let node = fields.node.get("package").unwrap_or(fields.node);
        fields
            .problems
            .push(Diagnostic::error(message).at(node.span(fields.file)).hint("such as `dbt-labs/dbt_utils`"));
        return None;
    }
    let Some(texts) = fields.located_texts("version").filter(|texts| !texts.is_empty()) else {
        fields.error("version", format!("`{package}` needs a `version`"));
        return None;
    };
    let mut versions = Vec::new();
    for (text, node) in texts {
        match Requirement::parse(&text) {
            Some(requirement) => versions.push(requirement),
            None => fields.problems.push(
                Diagnostic::error(format!("`{text}` is not a version"))
                    .at(node.span(fields.file))
                    .hint("write three numbers (`1.1.1`), or a range: `[\">=1.0.0\", \"<2.0.0\"]`"),
            ),
        }
    }
    let prerelease = fields.flag("install_prerelease").or_else(|| fields.flag("install-prerelease")).unwrap_or(false);
    Some(Source::Hub { package, versions, prerelease })
}

fn git(fields: &mut Fields<'_>, url: String, unrendered: String) -> Option<Source> {
    const KNOWN: [&str; 8] =
        ["git", "private", "provider", "revision", "warn-unpinned", "warn_unpinned", "subdirectory", "name"];
    fields.warn_unknown(&KNOWN, |_| false);
    let is_private = fields.node.get("private").is_some();
    let private = is_private.then(|| Private { provider: fields.text("provider") });
    let revision = fields.text("revision");
    let subdirectory = fields.text("subdirectory").filter(|folder| !folder.is_empty());
    if url.starts_with('-') || revision.as_deref().is_some_and(|revision| revision.starts_with('-')) {
        fields.error("git", "the address and the revision of a `git` package cannot begin with `-`");
        return None;
    }
    if subdirectory.as_deref().is_some_and(|folder| !is_plain_path(folder)) {
        fields.error("subdirectory", "`subdirectory` must lie inside the repository");
        return None;
    }
    let warns_unpinned = fields.flag("warn-unpinned").or_else(|| fields.flag("warn_unpinned")).unwrap_or(true);
    let revisions = revision.into_iter().collect();
    Some(Source::Git(Git { url, unrendered, revisions, subdirectory, warns_unpinned, private }))
}

/// Whether a relative path stays where it starts.
pub(super) fn is_plain_path(path: &str) -> bool {
    !path.starts_with('/') && !path.contains('\\') && path.split('/').all(|part| part != "..")
}

/// The entry as dbt hashes it: its own fields with their defaults, and the entry as written.
fn for_hash(entry: &Node, written: &Node) -> Value {
    let value = |key: &str| entry.get(key).map_or(Value::Null, Node::to_json);
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    if entry.get("package").is_some() {
        put("package", value("package"));
        put("version", value("version"));
        put("install_prerelease", entry.get("install_prerelease").map_or(json!(false), Node::to_json));
    } else if entry.get("git").is_some() || entry.get("private").is_some() {
        let own: &[&str] = if entry.get("git").is_some() { &["git"] } else { &["private", "provider"] };
        for key in own.iter().chain(&["revision", "subdirectory"]) {
            put(key, value(key));
        }
        let unpinned = entry.get("warn-unpinned").or_else(|| entry.get("warn_unpinned"));
        put("warn-unpinned", unpinned.map_or(Value::Null, Node::to_json));
    } else if entry.get("local").is_some() {
        put("local", value("local"));
    } else {
        put("tarball", value("tarball"));
    }
    if entry.get("name").is_some_and(|name| !name.is_null()) {
        put("name", value("name"));
    }
    put("unrendered", written.to_json());
    Value::Object(fields)
}

/// JSON as Python's `json.dumps(sort_keys=True)` writes it.
fn python_json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let entries: Vec<String> =
                keys.into_iter().map(|key| format!("{}: {}", python_text(key), python_json(&map[key]))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Value::String(text) => python_text(text),
        other => other.to_string(),
    }
}

fn python_text(text: &str) -> String {
    let mut written = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            ' '..='~' => written.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    written.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn list(text: &str) -> Result<List, Diagnostics> {
        let file = SourceFile::new("packages.yml", text);
        let root = yaml::parse(&file).unwrap().value.unwrap();
        read(&root, &ListContext { file: &file, renderer: None, asked_by: None, providers: None })
    }

    #[test]
    fn hashes_are_those_of_dbt() {
        let cases = [
            ("[{package: dbt-labs/dbt_utils, version: 1.1.1}]", "a158c48c59c2bb7d729d2a4e215aabe5bb4f3353"),
            ("[{git: 'https://x/y.git', revision: 1.0}]", "14ad9efd9ece9f3d4ac11f57d65216f0a9a6d1ed"),
            (
                "[{git: 'https://x/y.git', revision: main, warn-unpinned: false, subdirectory: a/b}]",
                "0d3398023bcf217e2876d241a3aedcbeabe36cd7",
            ),
            ("[{git: 'https://x/é.git'}]", "df3f08293203809c03a3519bfb3aa6749fe6268d"),
            ("[{local: ../x}, {tarball: 'http://x/y.tgz', name: 'foo'}]", "ba8ea210bc872ed37359bc6ceb1d7c97426fd667"),
            ("[{local: ../x, name: y}]", "3271cb7036938c130d522fc8b4642055248849a2"),
            (
                "[{private: dbt-labs/dbt-integration-project, revision: dbt/1.0.0}]",
                "d10cef4462a37807e097eace3fecfb1116c6e280",
            ),
            ("[{local: ../util}]", "2720d399edbd777b3ca910a9dc29ddb2cbded250"),
        ];
        for (text, expected) in cases {
            assert_eq!(list(&format!("packages: {text}")).unwrap().sha1_hash, expected, "{text}");
        }
    }

    #[test]
    fn every_bad_entry_is_said() {
        let problems = list(
            "packages:
  - pakage: a/b
  - package: dbt_utils
    version: 1.0.0
  - package: dbt-labs/dbt_utils
  - package: dbt-labs/dbt_utils
    version: latest
  - tarball: https://x/y.tgz
  - private: a/b
    provider: svn
  - git: https://x/y
    subdirectory: ../z
  - local: ''
  - text
",
        )
        .unwrap_err();
        insta::assert_snapshot!(problems);
    }
}
