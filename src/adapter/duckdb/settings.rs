//! A DuckDB target of `profiles.yml`, and the SQL that its settings become.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::target::duckdb_database_name;

/// The name of secrets that have none, followed by their number.
const SECRET_NAME: &str = "_dbt_secret_";

/// A DuckDB target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The database file, or `:memory:`.
    pub path: String,
    /// The project's folder: relative paths start there.
    pub root: PathBuf,
    /// The catalog's name in DuckDB: that of the file, or the alias of an attached database.
    pub database: String,
    pub schema: String,
    pub extensions: Vec<Extension>,
    /// `SET name = value`, on each connection.
    pub settings: Vec<(String, String)>,
    /// Given when the database is opened.
    pub config_options: Vec<(String, String)>,
    pub secrets: Vec<Map<String, Value>>,
    pub attach: Vec<Attachment>,
    /// Where `external` models write files that state no place.
    pub external_root: String,
    pub disable_transactions: bool,
    /// DuckLake databases, by their names.
    pub ducklake_databases: Vec<String>,
    /// How often opening the file is tried while another process has it.
    pub connect_attempts: u32,
}

/// An extension to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    pub name: String,
    /// `core`, `community`, or an address.
    pub repository: Option<String>,
}

/// A further database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attachment {
    pub path: String,
    pub alias: Option<String>,
    pub kind: Option<String>,
    pub secret: Option<String>,
    pub read_only: bool,
    pub options: Map<String, Value>,
    pub is_ducklake: bool,
}

/// `text` inside single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn string(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).filter(|value| !value.is_null()).map(text_of)
}

fn pairs(map: &Map<String, Value>, key: &str) -> Vec<(String, String)> {
    let entries = map.get(key).and_then(Value::as_object).into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), text_of(value))).collect()
}

fn list<'a>(map: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    map.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn is_motherduck(path: &str) -> bool {
    let path = path.to_lowercase();
    path.starts_with("md:") || path.starts_with("motherduck:")
}

impl Settings {
    /// A database in memory.
    pub fn memory() -> Settings {
        Settings {
            path: ":memory:".to_owned(),
            database: "memory".to_owned(),
            schema: "main".to_owned(),
            external_root: ".".to_owned(),
            connect_attempts: 1,
            ..Settings::default()
        }
    }

    /// A target of `profiles.yml` with its Jinja rendered; `root` is the project's folder.
    ///
    /// # Errors
    /// If it asks for what tform does not have (MotherDuck, Python file systems, a remote
    /// server), or if `path` and `database` contradict one another.
    pub fn from_profile(profile: &Map<String, Value>, root: &Path) -> Result<Settings, Diagnostic> {
        let path = string(profile, "path").unwrap_or_else(|| ":memory:".to_owned());
        let attach: Vec<Attachment> =
            list(profile, "attach").map(Attachment::from_json).collect::<Result<_, Diagnostic>>()?;
        refuse_what_is_missing(profile, &path, &attach)?;
        let own = duckdb_database_name(&path);
        if own.is_empty() {
            return Err(Diagnostic::error(format!("`path: {path}` names no database file")));
        }
        let database = string(profile, "database").unwrap_or_else(|| own.clone());
        let attached = attach.iter().any(|attachment| attachment.alias.as_deref() == Some(&database));
        if database != own && !attached {
            return Err(Diagnostic::error(format!(
                "`database: {database}` does not fit `path: {path}`: DuckDB names the database of that file `{own}`"
            ))
            .hint(format!(
                "leave `database` out, set it to `{own}`, or give an `attach` entry the alias `{database}`"
            )));
        }
        let mut ducklake_databases = Vec::new();
        if profile.get("is_ducklake") == Some(&Value::Bool(true)) || path.to_lowercase().contains("ducklake:") {
            ducklake_databases.push(own);
        }
        ducklake_databases.extend(attach.iter().filter(|attachment| attachment.is_ducklake).map(Attachment::name));
        let mut secrets: Vec<_> = list(profile, "secrets").filter_map(Value::as_object).cloned().collect();
        if string(profile, "use_credential_provider").as_deref() == Some("aws") {
            let chain = [("type", "s3"), ("provider", "credential_chain")];
            secrets.push(chain.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect());
        }
        let retries = profile.get("retries").and_then(|retries| retries.get("connect_attempts"));
        Ok(Settings {
            path,
            root: root.to_owned(),
            database,
            schema: string(profile, "schema").unwrap_or_else(|| "main".to_owned()),
            extensions: list(profile, "extensions").map(Extension::from_json).collect::<Result<_, _>>()?,
            settings: pairs(profile, "settings"),
            config_options: pairs(profile, "config_options"),
            secrets,
            attach,
            external_root: string(profile, "external_root").unwrap_or_else(|| ".".to_owned()),
            disable_transactions: profile.get("disable_transactions") == Some(&Value::Bool(true)),
            ducklake_databases,
            connect_attempts: retries.and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(1).max(1),
        })
    }

    /// The file to open; `None` for a database in memory.
    pub fn file(&self) -> Option<PathBuf> {
        match self.path.as_str() {
            "" | ":memory:" => None,
            path => Some(self.root.join(path)),
        }
    }

    /// Whether the profile sets this itself.
    pub fn has_setting(&self, name: &str) -> bool {
        self.settings.iter().chain(&self.config_options).any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// `create secret` for each secret.
    pub fn secrets_sql(&self) -> Vec<String> {
        self.secrets.iter().enumerate().map(|(index, secret)| secret_sql(secret, index + 1)).collect()
    }
}

fn refuse_what_is_missing(profile: &Map<String, Value>, path: &str, attach: &[Attachment]) -> Result<(), Diagnostic> {
    let attached = attach.iter().map(|attachment| attachment.path.as_str());
    if let Some(path) = std::iter::once(path).chain(attached).find(|path| is_motherduck(path)) {
        return Err(Diagnostic::error(format!("MotherDuck is not supported: `{path}`"))
            .hint("use a DuckDB file, or a target of another warehouse"));
    }
    for (key, what) in [("filesystems", "fsspec file systems are Python code"), ("remote", "a remote DuckDB server")] {
        if profile.get(key).is_some_and(|value| !value.is_null()) {
            return Err(Diagnostic::error(format!("`{key}` of a DuckDB target is not supported: {what}"))
                .hint("DuckDB reads http, S3, GCS and Azure itself: see `extensions` and `secrets`"));
        }
    }
    Ok(())
}

impl Extension {
    fn from_json(value: &Value) -> Result<Extension, Diagnostic> {
        match value {
            Value::String(name) => Ok(Extension { name: name.clone(), repository: None }),
            Value::Object(map) => match (string(map, "name"), string(map, "repo")) {
                (Some(name), repository) => Ok(Extension { name, repository }),
                (None, _) => Err(Diagnostic::error("an entry of `extensions` has no `name`")),
            },
            other => Err(Diagnostic::error(format!(
                "`{other}` in `extensions` is neither a name nor a dictionary with `name` and `repo`"
            ))),
        }
    }

    /// `install ...`, from the repository that is stated.
    pub fn install_sql(&self) -> String {
        match &self.repository {
            Some(place) if place.contains(['/', ':', '.']) => format!("install {} from {}", self.name, literal(place)),
            Some(place) => format!("install {} from {place}", self.name),
            None => format!("install {}", self.name),
        }
    }
}

impl Attachment {
    fn from_json(value: &Value) -> Result<Attachment, Diagnostic> {
        let map = value.as_object().ok_or_else(|| {
            Diagnostic::error(format!("`{value}` in `attach` is no dictionary")).hint("write `- path: file.duckdb`")
        })?;
        let path = string(map, "path").ok_or_else(|| Diagnostic::error("an entry of `attach` has no `path`"))?;
        let options = map.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, given) in [("type", true), ("secret", true), ("read_only", map.contains_key("read_only"))] {
            if given && map.get(key).is_some_and(|value| !value.is_null()) && options.contains_key(key) {
                return Err(Diagnostic::error(format!("`attach` of `{path}` states `{key}` twice"))
                    .hint(format!("keep either `{key}` or `options.{key}`")));
            }
        }
        let flag = |key: &str| map.get(key) == Some(&Value::Bool(true));
        Ok(Attachment {
            alias: string(map, "alias"),
            kind: string(map, "type").or_else(|| string(&options, "type")),
            secret: string(map, "secret").or_else(|| string(&options, "secret")),
            read_only: flag("read_only") || options.get("read_only") == Some(&Value::Bool(true)),
            is_ducklake: flag("is_ducklake") || path.to_lowercase().contains("ducklake:"),
            path,
            options,
        })
    }

    /// The database's name.
    pub fn name(&self) -> String {
        self.alias.clone().unwrap_or_else(|| duckdb_database_name(&self.path))
    }

    /// The path with the project's folder before it, where it is a file of the project.
    fn place(&self, root: &Path) -> String {
        let file = self.kind.as_deref().is_none_or(|kind| ["duckdb", "sqlite"].contains(&&*kind.to_lowercase()));
        match file && !self.path.contains(':') && !root.as_os_str().is_empty() {
            true => root.join(&self.path).to_string_lossy().into_owned(),
            false => self.path.clone(),
        }
    }

    pub fn to_sql(&self, root: &Path) -> String {
        let mut sql = format!("attach if not exists {}", literal(&self.place(root)));
        if let Some(alias) = &self.alias {
            sql.push_str(" as ");
            sql.push_str(alias);
        }
        let mut options = Vec::new();
        options.extend(self.kind.as_ref().map(|kind| format!("type {kind}")));
        options.extend(self.secret.as_ref().map(|secret| format!("secret {secret}")));
        options.extend(self.read_only.then(|| "read_only".to_owned()));
        for (name, value) in
            self.options.iter().filter(|(name, _)| !["type", "secret", "read_only"].contains(&&***name))
        {
            match value {
                Value::Null | Value::Bool(false) => {}
                Value::Bool(true) => options.push(name.clone()),
                Value::String(text) if is_quoted(text) => options.push(format!("{name} {text}")),
                Value::String(text) => options.push(format!("{name} {}", literal(text))),
                other => options.push(format!("{name} {other}")),
            }
        }
        if !options.is_empty() {
            sql.push_str(&format!(" ({})", options.join(", ")));
        }
        sql
    }
}

fn is_quoted(text: &str) -> bool {
    let text = text.trim();
    text.len() > 1 && ['\'', '"'].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

/// `create or replace secret` from an entry of `secrets`; `number` names one that has no name.
fn secret_sql(secret: &Map<String, Value>, number: usize) -> String {
    let name = string(secret, "name").unwrap_or_else(|| format!("{SECRET_NAME}{number}"));
    let persistent = secret.get("persistent") == Some(&Value::Bool(true));
    let mut parameters = Vec::new();
    for (key, value) in secret.iter().filter(|(key, _)| !["name", "persistent"].contains(&key.as_str())) {
        match value {
            Value::Null => {}
            Value::Array(values) if key == "scope" => {
                parameters.extend(values.iter().map(|value| format!("scope {}", literal(&text_of(value)))));
            }
            Value::Array(values) => {
                let values: Vec<String> = values.iter().map(|value| literal(&text_of(value))).collect();
                parameters.push(format!("{key} array [{}]", values.join(", ")));
            }
            Value::Object(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{}: {}", literal(key), literal(&text_of(value))))
                    .collect();
                parameters.push(format!("{key} map {{{}}}", entries.join(", ")));
            }
            value if ["type", "provider"].contains(&key.as_str()) => {
                parameters.push(format!("{key} {}", text_of(value)));
            }
            value => parameters.push(format!("{key} {}", literal(&text_of(value)))),
        }
    }
    let kind = if persistent { "persistent secret" } else { "secret" };
    format!("create or replace {kind} {name} ({})", parameters.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(profile: Value) -> Result<Settings, Diagnostic> {
        Settings::from_profile(profile.as_object().unwrap(), Path::new("/project"))
    }

    #[test]
    fn a_profile_becomes_settings() {
        let found = settings(json!({
            "type": "duckdb", "path": "shop.duckdb", "schema": "dev", "settings": {"threads": 2},
            "extensions": ["httpfs", {"name": "h3", "repo": "community"}],
            "attach": [
                {"path": "other.duckdb", "alias": "other", "read_only": true},
                {"path": "dbname=x", "alias": "pg", "type": "postgres", "options": {"schema": "public"}},
            ],
        }))
        .unwrap();
        assert_eq!(found.file(), Some(PathBuf::from("/project/shop.duckdb")));
        assert_eq!((found.database.as_str(), found.schema.as_str()), ("shop", "dev"));
        assert_eq!(found.settings, [("threads".to_owned(), "2".to_owned())]);
        assert_eq!(found.extensions[1].install_sql(), "install h3 from community");
        let attach: Vec<String> = found.attach.iter().map(|attachment| attachment.to_sql(&found.root)).collect();
        assert_eq!(
            attach,
            [
                "attach if not exists '/project/other.duckdb' as other (read_only)",
                "attach if not exists 'dbname=x' as pg (type postgres, schema 'public')",
            ]
        );
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for profile in [
            json!({"path": "md:shop"}),
            json!({"attach": [{"path": "motherduck:shop"}]}),
            json!({"filesystems": [{"fs": "s3"}]}),
            json!({"remote": {"host": "h"}}),
            json!({"path": "shop.duckdb", "database": "other"}),
            json!({"attach": [{"alias": "x"}]}),
            json!({"extensions": [3]}),
            json!({"attach": [{"path": "x.db", "type": "sqlite", "options": {"type": "sqlite"}}]}),
        ] {
            assert!(settings(profile.clone()).is_err(), "{profile}");
        }
        let attached = json!({"path": "a.duckdb", "database": "b", "attach": [{"path": "b.duckdb", "alias": "b"}]});
        assert_eq!(settings(attached).unwrap().database, "b");
    }

    #[test]
    fn secrets_are_written_as_sql() {
        let found = settings(json!({"secrets": [
            {"type": "s3", "key_id": "it's", "scope": ["s3://a", "s3://b"]},
            {"type": "http", "name": "web", "persistent": true, "extra_http_headers": {"A": "b"}},
        ]}))
        .unwrap();
        assert_eq!(
            found.secrets_sql(),
            [
                "create or replace secret _dbt_secret_1 (type s3, key_id 'it''s', scope 's3://a', scope 's3://b')",
                "create or replace persistent secret web (type http, extra_http_headers map {'A': 'b'})",
            ]
        );
    }
}
