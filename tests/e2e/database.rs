//! The engines on which cases run, and the `query` command's way into their databases.

use std::path::Path;

/// An engine; a case runs once on each unless `# only:` narrows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    DuckDb,
}

impl Engine {
    pub fn all() -> Vec<Engine> {
        vec![Engine::DuckDb]
    }

    pub fn name(self) -> &'static str {
        match self {
            Engine::DuckDb => "duckdb",
        }
    }

    /// True for the names of engines that cases may narrow to, also those that need a server.
    pub fn is_known(name: &str) -> bool {
        matches!(name, "duckdb" | "postgres" | "redshift")
    }

    /// The rows of a query, one line each, values separated by ` | `; NULL is the word.
    pub fn query(self, folder: &Path, database: &str, sql: &str) -> Result<Vec<String>, String> {
        match self {
            Engine::DuckDb => duckdb_rows(folder, database, sql).map_err(|error| error.to_string()),
        }
    }
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
