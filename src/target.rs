//! Profiles and targets: which warehouse, with which credentials.
//!
//! [`from_profiles`] picks a profile and one of its outputs out of `profiles.yml`;
//! finding and reading that file is the business of `load`. A target knows names and
//! values; what an adapter makes of them is the adapter's own affair.
//! Source: docs.getdbt.com/docs/core/connect-data-platform/profiles.yml.

pub mod keys;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, Warned};
use crate::project::{StringRenderer, TreeRenderer, has_jinja};
use crate::yaml::{Fields, Node};
use keys::{ADAPTERS, AdapterKeys, Kind, Presence};

/// The file that holds profiles.
pub const FILE_NAME: &str = "profiles.yml";

/// Threads of a target that names none.
const DEFAULT_THREADS: usize = 1;
/// Threads of the embedded engine when there is no profile.
const EMBEDDED_THREADS: usize = 4;

/// Where a command runs: one output of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub name: String,
    pub profile_name: String,
    /// `duckdb`, `postgres` or `redshift`.
    pub adapter: &'static str,
    pub database: String,
    pub schema: String,
    pub threads: usize,
    pub connection: Connection,
    /// No profile names it: the engine that comes with the program ([`embedded`]).
    pub is_embedded: bool,
}

/// The values of a target's keys, secrets among them: rendered, each key under its first
/// name, defaults filled in. `Debug` shows only what may be shown.
#[derive(Clone, PartialEq)]
pub struct Connection {
    values: Map<String, Value>,
    keys: &'static AdapterKeys,
}

impl Connection {
    /// All values. Not for logs.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// A text; `None` when absent.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str)
    }

    pub fn integer(&self, key: &str) -> Option<i64> {
        self.values.get(key).and_then(Value::as_i64)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.values.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// What may be shown, in dbt's order.
    pub fn shown(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        let keys = self.keys.keys.iter().filter(|key| key.is_shown);
        keys.filter_map(|key| Some((key.name, self.values.get(key.name)?)))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.shown()).finish()
    }
}

impl PartialEq for AdapterKeys {
    fn eq(&self, other: &Self) -> bool {
        self.adapter == other.adapter
    }
}

impl Target {
    /// Jinja's `target`: what may be shown of the connection, and the names around it
    /// (docs.getdbt.com/reference/dbt-jinja-functions/target).
    pub fn to_json(&self) -> Map<String, Value> {
        let mut target: Map<String, Value> =
            self.connection.shown().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        for (alias, key) in self.connection.keys.aliases {
            if let Some(value) = target.get(*key).cloned() {
                target.insert((*alias).to_owned(), value);
            }
        }
        let names = [
            ("type", json!(self.adapter)),
            ("threads", json!(self.threads)),
            ("name", json!(self.name)),
            ("target_name", json!(self.name)),
            ("profile_name", json!(self.profile_name)),
        ];
        target.extend(names.map(|(key, value)| (key.to_owned(), value)));
        target
    }
}

/// What to pick out of `profiles.yml`.
pub struct TargetRequest<'a> {
    pub profile_name: &'a str,
    /// Where the project names its profile, unless the command line does.
    pub profile_place: Option<Span>,
    /// `--target`.
    pub target: Option<&'a str>,
    /// `--threads`.
    pub threads: Option<usize>,
    pub renderer: &'a dyn StringRenderer,
}

/// The embedded engine, for a project without a profile: a DuckDB file named after the
/// project in its target folder (absolute).
pub fn embedded(project_name: &str, target_path: &Path, threads: Option<usize>) -> Target {
    let path = target_path.join(format!("{project_name}.duckdb"));
    let keys = adapter_keys("duckdb").unwrap_or(&ADAPTERS[0]);
    let mut values = defaults(keys);
    values.insert("path".to_owned(), json!(path.to_string_lossy()));
    values.insert("database".to_owned(), json!(project_name));
    Target {
        name: "dev".to_owned(),
        profile_name: project_name.to_owned(),
        adapter: keys.adapter,
        database: project_name.to_owned(),
        schema: "main".to_owned(),
        threads: threads.unwrap_or(EMBEDDED_THREADS),
        connection: Connection { values, keys },
        is_embedded: true,
    }
}

/// Reads a target out of the contents of `profiles.yml`.
///
/// Only the chosen output is rendered: variables that others need may be missing.
///
/// # Errors
/// The profile or target does not exist (the error lists those that do), the kind of
/// warehouse is unknown, a key is missing or of the wrong kind, Jinja fails.
pub fn from_profiles(
    file: &Arc<SourceFile>,
    root: &Node,
    request: &TargetRequest<'_>,
) -> Result<Warned<Target>, Diagnostics> {
    let file = &without_secrets(file, root);
    let moved = root.as_map().and_then(|map| map.entry("config")).map(|entry| {
        let text = "User config should be moved from the 'config' key in profiles.yml to the 'flags' key in \
                    dbt_project.yml.";
        Diagnostic::warning_of("ProjectFlagsMovedDeprecation", text).at(entry.key.span(file))
    });
    let profile = find_profile(file, root, request)?;
    let (name, output) = find_output(file, profile, request)?;
    let mut problems = Diagnostics::new();
    let rendered = TreeRenderer {
        file,
        renderer: request.renderer,
        is_rendered: &|_| true,
        keeps_on_error: &|keys| keys.iter().any(|key| matches!(*key, "password" | "pass")),
    }
    .tree(output, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let mut fields = Fields::new(file, &rendered);
    let Some(kind) = fields.text("type") else {
        fields.error("type", format!("`type` is missing in target `{name}` of profile `{}`", request.profile_name));
        return Err(fields.problems);
    };
    let Some(keys) = adapter_keys(&kind) else {
        let known: Vec<&str> = ADAPTERS.iter().map(|keys| keys.adapter).collect();
        let node = fields.get("type").unwrap_or(&rendered);
        return Err(Diagnostic::error(format!("tform has no adapter for `type: {kind}`"))
            .at(node.span(file))
            .note(format!("there are {}", list_names(known.iter().copied())))
            .suggest(&kind, known.iter().copied())
            .into());
    };
    let threads = request.threads.or_else(|| threads(&mut fields)).unwrap_or(DEFAULT_THREADS);
    let mut values = connection(&mut fields, keys);
    if keys.adapter == "duckdb" {
        complete_duckdb(&mut fields, &mut values);
    }
    let text = |key: &str| values.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let target = Target {
        database: text("database"),
        schema: text("schema"),
        name,
        profile_name: request.profile_name.to_owned(),
        adapter: keys.adapter,
        threads,
        connection: Connection { values, keys },
        is_embedded: false,
    };
    fields.problems.extend(moved);
    fields.problems.finish(target)
}

/// The file with stars for passwords and the like: diagnostics show lines of it.
fn without_secrets(file: &Arc<SourceFile>, root: &Node) -> Arc<SourceFile> {
    let mut text = file.text.clone().into_bytes();
    let outputs = root.entries().iter().filter_map(|profile| profile.value.get("outputs"));
    for entry in outputs.flat_map(Node::entries).flat_map(|output| output.value.entries()) {
        let is_secret = ADAPTERS.iter().any(|adapter| {
            let alias = adapter.aliases.iter().find(|(alias, _)| *alias == &*entry.key.text);
            let name = alias.map_or(&*entry.key.text, |(_, name)| name);
            adapter.keys.iter().any(|key| key.name == name && key.is_secret())
        });
        if is_secret && !entry.value.as_str().is_some_and(has_jinja) {
            let place = entry.value.extent.start as usize..entry.value.extent.end as usize;
            text[place].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
    }
    SourceFile::new(file.path.clone(), String::from_utf8(text).unwrap_or_default())
}

fn adapter_keys(adapter: &str) -> Option<&'static AdapterKeys> {
    ADAPTERS.iter().find(|keys| keys.adapter == adapter)
}

/// `` `a`, `b` and `c` ``.
fn list_names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn find_profile<'a>(
    file: &Arc<SourceFile>,
    root: &'a Node,
    request: &TargetRequest<'_>,
) -> Result<&'a Node, Diagnostic> {
    let name = request.profile_name;
    let available = || root.entries().iter().map(|entry| &*entry.key.text).filter(|key| *key != "config");
    let Some(entry) = root.as_map().and_then(|map| map.entry(name)) else {
        return Err(Diagnostic::error(format!("profile `{name}` not found in `{}`", file.path))
            .at_opt(request.profile_place.clone())
            .note(format!("profiles there: {}", list_names(available())))
            .suggest(name, available())
            .hint("name one of them by `profile:` in `dbt_project.yml` or by `--profile`"));
    };
    if entry.value.as_map().is_none() {
        let message =
            format!("profile `{name}` must be a mapping with `outputs`, this is {}", entry.value.value.kind());
        return Err(Diagnostic::error(message).at(entry.key.span(file)));
    }
    Ok(&entry.value)
}

fn find_output<'a>(
    file: &Arc<SourceFile>,
    profile: &'a Node,
    request: &TargetRequest<'_>,
) -> Result<(String, &'a Node), Diagnostic> {
    let chosen = profile.get("target").filter(|node| !node.is_null());
    let name = match (request.target, chosen) {
        (Some(name), _) => name.to_owned(),
        (None, Some(node)) => target_name(file, node, request.renderer)?,
        (None, None) => "default".to_owned(),
    };
    let Some(outputs) = profile.get("outputs").filter(|node| node.as_map().is_some()) else {
        return Err(
            Diagnostic::error(format!("profile `{}` has no `outputs`", request.profile_name)).at(profile.span(file))
        );
    };
    let available = || outputs.entries().iter().map(|entry| &*entry.key.text);
    let Some(output) = outputs.get(&name) else {
        let place = match chosen.filter(|_| request.target.is_none()) {
            Some(node) => Some(node.span(file)),
            None => profile.as_map().and_then(|map| Some(map.entry("outputs")?.key.span(file))),
        };
        return Err(Diagnostic::error(format!("profile `{}` has no target `{name}`", request.profile_name))
            .at_opt(place)
            .note(format!("targets of this profile: {}", list_names(available())))
            .suggest(&name, available())
            .hint("name one of them by `target:` in the profile or by `--target`"));
    };
    if output.as_map().is_none() {
        return Err(Diagnostic::error(format!("target `{name}` must be a mapping, this is {}", output.value.kind()))
            .at(output.span(file)));
    }
    Ok((name, output))
}

fn target_name(file: &Arc<SourceFile>, node: &Node, renderer: &dyn StringRenderer) -> Result<String, Diagnostic> {
    if let Some(text) = node.as_str().filter(|text| has_jinja(text)) {
        let rendered = renderer.render(text, &node.span(file))?;
        return Ok(rendered.as_str().map_or_else(|| rendered.to_string(), str::to_owned));
    }
    let text = node.scalar_text().map(|text| text.into_owned());
    text.ok_or_else(|| Diagnostic::error("`target` must be a name").at(node.span(file)))
}

fn threads(fields: &mut Fields<'_>) -> Option<usize> {
    let number = fields.integer("threads")?;
    let threads = usize::try_from(number).ok().filter(|threads| *threads > 0);
    if threads.is_none() {
        fields.error("threads", "`threads` must be at least 1");
    }
    threads
}

fn defaults(keys: &AdapterKeys) -> Map<String, Value> {
    keys.keys.iter().map(|key| (key.name.to_owned(), key.presence.value())).collect()
}

/// The values of a connection by the table of its keys.
fn connection(fields: &mut Fields<'_>, adapter: &'static AdapterKeys) -> Map<String, Value> {
    let mut values = defaults(adapter);
    for key in adapter.keys {
        let aliases = adapter.aliases.iter().filter(|(_, name)| *name == key.name).map(|(alias, _)| *alias);
        let mut written = std::iter::once(key.name).chain(aliases).filter(|name| fields.get(name).is_some());
        let Some(name) = written.next() else {
            if key.presence == Presence::Required {
                let message = format!("`{}` is missing for an adapter of type `{}`", key.name, adapter.adapter);
                fields.error(key.name, message);
            }
            continue;
        };
        let value = match key.kind {
            Kind::Text => fields.text(name).map(Value::from),
            Kind::Integer => fields.integer(name).map(Value::from),
            Kind::Flag => fields.flag(name).map(Value::from),
            Kind::List => fields.list(name).map(|items| items.iter().map(Node::to_json).collect()),
            Kind::Mapping => fields.mapping(name).map(Node::to_json),
        };
        if key.name == "port" && !value.as_ref().and_then(Value::as_i64).is_none_or(|port| (0..65536).contains(&port)) {
            fields.error(name, "`port` must be between 0 and 65535");
        }
        values.insert(key.name.to_owned(), value.unwrap_or_default());
    }
    for (name, reason) in adapter.refused {
        if fields.get(name).is_some_and(|node| node.as_list().is_none_or(|items| !items.is_empty())) {
            let node = fields.get(name).unwrap_or(fields.node);
            let problem =
                Diagnostic::error(format!("`{name}` is not supported")).at(node.span(fields.file)).note(*reason);
            fields.problems.push(problem);
        }
    }
    let aliases = adapter.aliases.iter().map(|(alias, _)| *alias);
    let known: Vec<&str> = adapter.keys.iter().map(|key| key.name).chain(aliases).chain(["type", "threads"]).collect();
    fields.warn_unknown(&known, |_| false);
    values
}

/// DuckDB names a database after its file; `database` may only repeat that, or name an
/// attached database.
fn complete_duckdb(fields: &mut Fields<'_>, values: &mut Map<String, Value>) {
    let path = values.get("path").and_then(Value::as_str).unwrap_or(":memory:").to_owned();
    let own = duckdb_database_name(&path);
    let attached = values.get("attach").and_then(Value::as_array).into_iter().flatten();
    let mut aliases = attached.filter_map(|attached| attached.get("alias").and_then(Value::as_str));
    match values.get("database").and_then(Value::as_str) {
        None => {
            values.insert("database".to_owned(), json!(own));
        }
        Some(given) if given == own || aliases.any(|alias| alias == given) => {}
        Some(given) => {
            let node = fields.get("database").unwrap_or(fields.node);
            let problem = Diagnostic::error(format!("database `{given}` does not fit the path `{path}`"))
                .at(node.span(fields.file))
                .note(format!("DuckDB names the database of that file `{own}`"))
                .hint(format!("leave `database` out, or give an entry of `attach` the alias `{given}`"));
            fields.problems.push(problem);
        }
    }
}

/// The name that DuckDB gives to the database in a file.
pub fn duckdb_database_name(path: &str) -> String {
    if path.is_empty() || path == ":memory:" {
        return "memory".to_owned();
    }
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let path = path.strip_prefix("ducklake:").map_or(path, |rest| rest.rsplit(':').next().unwrap_or(rest));
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.trim_start_matches('.').split('.').next().unwrap_or(file).to_owned()
}

#[cfg(test)]
mod tests;
