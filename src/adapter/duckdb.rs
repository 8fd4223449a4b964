//! DuckDB, the engine that runs inside tform.
//!
//! Follows docs.getdbt.com/reference/resource-configs/duckdb-configs and
//! docs.getdbt.com/docs/core/connect-data-platform/duckdb-setup.

mod connection;
#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(feature = "bundled"))),
    path = "duckdb/linked.rs"
)]
mod library;
mod settings;
mod values;

use std::path::{Path as FilePath, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{
    Adapter, AdapterError, Capabilities, ColumnDialect, Connection, ConstraintSupport, Constraints, Facts, Policy,
    RelationStyle, SharedTests,
};
use connection::{DuckdbConnection, adapter_error};
pub use settings::{Attachment, Extension, Settings};

/// A DuckDB instance inside this process. Connections share it; it is opened with the first
/// of them and closed, with its file, when the last of them and this value are gone.
pub struct Duckdb {
    settings: Settings,
    instance: Mutex<Option<duckdb::Connection>>,
}

impl Duckdb {
    pub fn new(settings: Settings) -> Duckdb {
        Duckdb { settings, instance: Mutex::new(None) }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn instance(&self) -> Result<MutexGuard<'_, Option<duckdb::Connection>>, AdapterError> {
        let mut instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        if instance.is_none() {
            *instance = Some(open_instance(&self.settings)?);
        }
        Ok(instance)
    }
}

/// Loads the library of DuckDB now, for who uses the `duckdb` crate beside this adapter.
pub use library::load as load_library;

/// The library's version: of the source in the crate, or of what `tests/tools/fetch_duckdb.sh` fetches; asking
/// the library would load it.
const VERSION: &str = if cfg!(feature = "bundled") { "2.0.0" } else { "2.0.1" };

fn open_instance(settings: &Settings) -> Result<duckdb::Connection, AdapterError> {
    library::load().map_err(|reason| AdapterError::connection(format!("DuckDB cannot be loaded: {reason}")))?;
    let instance = open_file(settings)?;
    for extension in &settings.extensions {
        load_extension(&instance, extension)?;
    }
    for sql in settings.secrets_sql() {
        run_setting(&instance, &sql, "a secret of the profile could not be created")?;
    }
    for attachment in &settings.attach {
        let what = format!("database `{}` could not be attached", attachment.path);
        run_setting(&instance, &attachment.to_sql(&settings.root), &what)?;
    }
    Ok(instance)
}

/// Opens the file, and waits for another process to let go of it as often as the profile says.
fn open_file(settings: &Settings) -> Result<duckdb::Connection, AdapterError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match open_once(settings) {
            Err(error) if attempt < settings.connect_attempts && is_locked(&error.message) => {
                std::thread::sleep(Duration::from_secs(1 << (attempt - 1).min(6)));
            }
            result => return result,
        }
    }
}

fn open_once(settings: &Settings) -> Result<duckdb::Connection, AdapterError> {
    let mut config = duckdb::Config::default();
    for (name, value) in &settings.config_options {
        config = config.with(name, value).map_err(|error| {
            AdapterError::connection(format!("`config_options` of the profile: {}", adapter_error(&error)))
        })?;
    }
    let Some(file) = settings.file() else {
        return duckdb::Connection::open_in_memory_with_flags(config).map_err(|error| refused(settings, &error));
    };
    if let Some(folder) =
        file.parent().filter(|folder| !folder.as_os_str().is_empty() && !settings.path.contains("://"))
    {
        std::fs::create_dir_all(folder).map_err(|error| {
            AdapterError::connection(format!("folder `{}` of the database cannot be made: {error}", folder.display()))
        })?;
    }
    duckdb::Connection::open_with_flags(&file, config).map_err(|error| refused(settings, &error))
}

fn is_locked(message: &str) -> bool {
    message.contains("Could not set lock on file") || message.contains("being used by another process")
}

fn refused(settings: &Settings, error: &duckdb::Error) -> AdapterError {
    let message = adapter_error(error).message;
    if !is_locked(&message) {
        return AdapterError::connection(format!("database `{}` cannot be opened: {message}", settings.path));
    }
    // `... Conflicting lock is held in /usr/bin/python3 (PID 12). See also ...`
    let holder = message.split("held in ").nth(1).and_then(|rest| rest.split(". ").next());
    let by = holder.map_or_else(|| "another process".to_owned(), |holder| format!("another process: {holder}"));
    AdapterError::connection(format!("database file `{}` is locked by {by}", settings.path))
        .with_hint("close the other program, or let tform wait by `retries: {connect_attempts: 5}` in the profile")
}

/// Loads an extension; downloads it only if it is not there yet.
fn load_extension(instance: &duckdb::Connection, extension: &Extension) -> Result<(), AdapterError> {
    let load = format!("load {}", extension.name);
    if instance.execute_batch(&load).is_ok() {
        return Ok(());
    }
    let installed = instance.execute_batch(&extension.install_sql());
    installed.and_then(|()| instance.execute_batch(&load)).map_err(|error| {
        AdapterError::connection(format!(
            "extension `{}` is not installed and cannot be fetched: {}",
            extension.name,
            adapter_error(&error).message
        ))
        .with_hint(format!("run `{}` once on a machine with access to its repository", extension.install_sql()))
    })
}

fn run_setting(instance: &duckdb::Connection, sql: &str, what: &str) -> Result<(), AdapterError> {
    instance.execute_batch(sql).map_err(|error| {
        let message = adapter_error(&error).message;
        AdapterError::connection(format!("{what}: {message}"))
    })
}

/// The project's folder, if the process stands in another: relative paths in SQL start at the project.
fn elsewhere(settings: &Settings) -> Option<String> {
    let root = &settings.root;
    let here = std::env::current_dir().ok();
    (root.is_absolute() && here.as_ref() != Some(root)).then(|| root.to_string_lossy().into_owned())
}

impl Adapter for Duckdb {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn default_database(&self) -> &str {
        &self.settings.database
    }

    fn default_schema(&self) -> &str {
        &self.settings.schema
    }

    /// DuckDB moves its log into the file when the last connection is gone.
    fn close(&self) {
        drop(self.instance.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn open(&self, _name: &str) -> Result<Box<dyn Connection>, AdapterError> {
        let instance = self.instance()?;
        let Some(instance) = instance.as_ref() else {
            return Err(AdapterError::connection("DuckDB is not open"));
        };
        let connection = instance.try_clone().map_err(|error| adapter_error(&error))?;
        for (name, value) in &self.settings.settings {
            let sql = format!("set {name} = {}", settings::literal(value));
            run_setting(&connection, &sql, &format!("setting `{name}` of the profile"))?;
        }
        if let Some(root) = elsewhere(&self.settings).filter(|_| !self.settings.has_setting("file_search_path")) {
            let sql = format!("set file_search_path = {}", settings::literal(&root));
            run_setting(&connection, &sql, "the project's folder")?;
        }
        Ok(Box::new(DuckdbConnection::new(connection)))
    }

    fn facts(&self) -> Facts {
        Facts {
            external_root: Some(match elsewhere(&self.settings) {
                Some(root) if !self.settings.external_root.contains(':') => {
                    let folder = FilePath::new(&root).join(&self.settings.external_root);
                    folder.components().collect::<PathBuf>().to_string_lossy().into_owned()
                }
                _ => self.settings.external_root.clone(),
            }),
            ducklake_databases: self.settings.ducklake_databases.clone(),
            disable_transactions: self.settings.disable_transactions,
            ..Facts::default()
        }
    }
}

pub static CAPABILITIES: Capabilities = Capabilities {
    adapter: "duckdb",
    dialect: crate::sql::Dialect::Duckdb,
    parents: &[],
    relation: RelationStyle {
        class_name: "DuckDBRelation",
        quote_character: '"',
        quote: Policy::ALL,
        include: Policy::ALL,
        require_alias: false,
        renameable: &[],
        replaceable: &[],
        longest_identifier: None,
    },
    columns: ColumnDialect {
        class_name: "DuckDBColumn",
        strings: &["text", "character varying", "character", "varchar"],
        integers: &[
            "tinyint",
            "smallint",
            "integer",
            "bigint",
            "hugeint",
            "utinyint",
            "usmallint",
            "uinteger",
            "ubigint",
            "int1",
            "int2",
            "int4",
            "int8",
            "short",
            "int",
            "signed",
            "long",
        ],
        floats: &["real", "float", "float4", "float8", "double"],
        numerics: &["numeric", "decimal"],
        labels: &[("STRING", "TEXT")],
        keeps_unsized_text: false,
        has_structs: true,
    },
    constraints: Constraints {
        check: ConstraintSupport::Enforced,
        not_null: ConstraintSupport::Enforced,
        unique: ConstraintSupport::Enforced,
        primary_key: ConstraintSupport::Enforced,
        foreign_key: ConstraintSupport::Enforced,
        target_without_database: true,
    },
    transactions: true,
    incremental_strategies: &["append", "delete+insert", "merge", "microbatch"],
    microbatch_concurrency: true,
    catalog_by_relations: true,
    table_last_modified: false,
    grants: false,
    persist_docs: true,
    cancelable: true,
    external_sources: true,
    text_has_length: false,
    drops_collide: false,
    query_groups: false,
    missing_has_no_columns: true,
    event_time_offset: true,
    refusal: "Runtime Error",
    shared_tests: SharedTests { scan: None, unique: None, query: None, more_workers: None },
    date_function: "now()",
    binding_character: "?",
    seed_types: ["text", "integer", "bigint", "float8", "boolean", "date", "timestamp without time zone", "time"],
    seed_text_has_length: false,
};

#[cfg(test)]
mod tests;
