//! The engines on which cases run, and the `query` command's way into their databases.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::aws::Aws;
use crate::redshift::Cluster;
use crate::{postgres, psql};

/// An engine; a case runs on DuckDB and PostgreSQL, or on those that `# only:` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    DuckDb,
    Postgres,
    /// The stand-in for it.
    Redshift,
}

/// Where the targets of one case are.
#[derive(Clone, Default)]
pub struct Place {
    /// The embedded database's file, from the project's folder; or a database on the server.
    pub database: String,
    pub port: u16,
    /// The stand-in before the server.
    pub cluster: Option<Cluster>,
    /// The stand-in for what hands out credentials for it.
    pub aws: Option<Arc<Aws>>,
}

/// The profile of a case that has none. Names of relations are the same on all engines.
pub const POSTGRES_PROFILE: &str = "test:
  target: dev
  outputs:
    dev:
      type: postgres
      host: localhost
      port: \"{{ env_var('PGPORT') | as_number }}\"
      user: tform
      password: \"{{ env_var('DBT_ENV_SECRET_PASSWORD') }}\"
      dbname: \"{{ env_var('PGDATABASE') }}\"
      schema: main
      threads: 1
";

impl Engine {
    /// The profile of a case that has none.
    pub fn profile(self) -> Option<String> {
        match self {
            Engine::DuckDb => None,
            Engine::Postgres => Some(POSTGRES_PROFILE.to_owned()),
            Engine::Redshift => Some(POSTGRES_PROFILE.replace("type: postgres", "type: redshift")),
        }
    }

    /// The keys of a target that reach the database of a case.
    pub fn connection(self, place: &Place) -> String {
        if self == Engine::DuckDb {
            return format!("type: duckdb, path: {}", place.database);
        }
        format!(
            "type: {}, host: localhost, port: {}, user: {}, password: {}, dbname: {}",
            self.name(),
            place.port,
            postgres::USER,
            postgres::PASSWORD,
            place.database
        )
    }

    /// The name of a case's database, as SQL has it.
    pub fn database(self, place: &Place) -> &str {
        match self {
            Engine::DuckDb => Path::new(&place.database).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default(),
            Engine::Postgres | Engine::Redshift => &place.database,
        }
    }

    pub fn all() -> Vec<Engine> {
        vec![Engine::DuckDb, Engine::Postgres, Engine::Redshift]
    }

    pub fn name(self) -> &'static str {
        match self {
            Engine::DuckDb => "duckdb",
            Engine::Postgres => "postgres",
            Engine::Redshift => "redshift",
        }
    }

    /// True for the names of engines that cases may narrow to, also those that need a server.
    pub fn is_known(name: &str) -> bool {
        matches!(name, "duckdb" | "postgres" | "redshift")
    }

    /// The rows of a query, one line each, values separated by ` | `; NULL is the word.
    pub fn query(self, folder: &Path, place: &Place, sql: &str) -> Result<Vec<String>, String> {
        match self {
            Engine::DuckDb => {
                tform::adapter::duckdb::load_library()?;
                duckdb_rows(folder, &place.database, sql).map_err(|error| error.to_string())
            }
            Engine::Postgres | Engine::Redshift => postgres_rows(place, sql),
        }
    }

    /// A fresh database for one case.
    pub fn place(self, database: &str) -> Result<Place, String> {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        match self {
            Engine::DuckDb => Ok(Place { database: database.to_owned(), ..Place::default() }),
            Engine::Postgres => {
                let port = postgres::server()?.port;
                // As long as `test`, which stands for it in expected output.
                let database = format!("z{:03x}", NUMBER.fetch_add(1, Ordering::Relaxed));
                psql::lines("postgres", &format!("create database {database}"))?;
                Ok(Place { database, port, ..Place::default() })
            }
            Engine::Redshift => {
                let database = format!("z{:03x}", NUMBER.fetch_add(1, Ordering::Relaxed));
                let cluster = Cluster::start(&database)?;
                Ok(Place { database, port: cluster.port, cluster: Some(cluster), aws: Some(Aws::start()?) })
            }
        }
    }
}

/// Rows pass as JSON, so that truth values and nulls are told from text.
fn postgres_rows(place: &Place, sql: &str) -> Result<Vec<String>, String> {
    let head = sql.trim_start().to_lowercase();
    if !head.starts_with("select") && !head.starts_with("with") {
        return psql::lines(&place.database, sql);
    }
    let lines = psql::lines(&place.database, &format!("select row_to_json(answer) from ({sql}\n) as answer"))?;
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "NULL".to_owned(),
        serde_json::Value::String(text) if is_moment(text) => text.replacen('T', " ", 1),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |line: &String| -> Result<String, String> {
        let row: serde_json::Map<_, _> = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
        Ok(row.values().map(shown).collect::<Vec<_>>().join(" | "))
    };
    lines.iter().map(row).collect()
}

/// A moment as JSON has it: `2024-01-31T00:00:00`.
fn is_moment(text: &str) -> bool {
    let shape: String = text.chars().take(11).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T"
}

fn duckdb_rows(folder: &Path, database: &str, sql: &str) -> duckdb::Result<Vec<String>> {
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly)?;
    let connection = duckdb::Connection::open_with_flags(folder.join(database), config)?;
    // Views over files name them from the project's folder.
    connection.execute_batch(&format!("set file_search_path = '{}'", folder.display()))?;
    // The engine turns values into text, as it shows them to its users.
    let mut statement = connection.prepare(&format!("select columns(*)::varchar from ({sql})"))?;
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let count = row.as_ref().column_count();
        let values: Vec<String> = (0..count)
            .map(|index| row.get::<_, Option<String>>(index).map(|value| value.unwrap_or_else(|| "NULL".to_owned())))
            .collect::<duckdb::Result<_>>()?;
        lines.push(values.join(" | "));
    }
    Ok(lines)
}
