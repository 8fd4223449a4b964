//! PostgreSQL, and the connection of everything that speaks its protocol.
//!
//! Follows docs.getdbt.com/reference/resource-configs/postgres-configs and
//! docs.getdbt.com/docs/core/connect-data-platform/postgres-setup.

mod catalog;
mod connect;
mod connection;
pub(super) mod literal;
mod lock;
pub(super) mod server_error;
mod settings;
mod tls;
pub(super) mod types;
mod wire;

use super::{
    Adapter, AdapterError, Capabilities, Claim, Claimed, ColumnDialect, Connection, ConstraintSupport, Constraints,
    ErrorKind, Facts, Fetch, Policy, RelationKind, RelationStyle, Schemas, SharedTests,
};
pub(super) use catalog::kept_by_views;
pub use connection::WireConnection;
pub(super) use literal::text as literal_text;
pub use server_error::ServerError;
pub use settings::{Settings, SslMode, Tls};

/// What differs between servers of one protocol.
pub struct Dialect {
    pub capabilities: &'static Capabilities,
    /// Settings of every session, beside those of the profile.
    pub session: &'static [(&'static str, &'static str)],
    pub claims: Claims,
    /// What may be done about an error.
    pub kind_of: fn(&ServerError) -> ErrorKind,
    /// The name of a described column's type for contracts; the type's own, where it is none.
    pub type_name: fn(u32) -> Option<String>,
    /// Whether the columns of a relation are described as the information schema has them, and those of one
    /// that does not exist are none.
    pub described_as_catalogued: bool,
    /// SQL for the relations of some schemas: schema, name, kind, and as a JSON list of pairs what a view reads;
    /// and for each of the schemas that exists its name and `schema` as kind.
    pub relations: fn(&[Schemas]) -> String,
    /// What the catalog asks beside its columns.
    pub more: Option<&'static MoreOfTables>,
    /// The questions for relations and for the catalog, of another database of the cluster.
    pub elsewhere: Option<Elsewhere>,
    /// SQL for the catalog: schema, name, kind, comment, owner; column, index, type, comment.
    pub tables: fn(&[Schemas]) -> String,
}

/// How runs claim what they build.
pub struct Claims {
    /// Whether they stay when their session ends.
    pub outlast: bool,
    pub take: fn(&mut WireConnection, &Claim) -> Result<Claimed, AdapterError>,
    pub wait: fn(&mut WireConnection, &Claim) -> Result<Claimed, AdapterError>,
    pub renew: fn(&mut WireConnection, &Claim) -> Result<(), AdapterError>,
    pub release: fn(&mut WireConnection, &Claim) -> Result<(), AdapterError>,
}

/// Questions about another database, which answer as those about the own one do.
pub struct Elsewhere {
    pub relations: fn(&Schemas) -> String,
    pub tables: fn(&Schemas) -> String,
}

/// Questions of the catalog that cannot be joined with the one for columns in SQL.
pub struct MoreOfTables {
    /// SQL for schema, name, owner.
    pub owners: fn(&[Schemas]) -> String,
    /// SQL for schema, name and the value of each statistic.
    pub statistics: fn(&[Schemas]) -> String,
    pub statistic: &'static [Statistic],
}

/// A figure that the catalog has of a table.
pub struct Statistic {
    pub id: &'static str,
    pub label: &'static str,
    pub description: &'static str,
    pub sql: &'static str,
}

pub static DIALECT: Dialect = Dialect {
    capabilities: &CAPABILITIES,
    session: &[("DateStyle", "ISO"), ("IntervalStyle", "postgres")],
    claims: lock::CLAIMS,
    kind_of: server_error::kind,
    type_name: |oid| Some(types::driver_name(oid).unwrap_or_else(|| format!("unknown type_code {oid}"))),
    described_as_catalogued: true,
    relations: catalog::relations,
    more: None,
    elsewhere: None,
    tables: catalog::tables,
};

/// Whom sessions sign in as, where the profile itself does not say it.
pub(super) trait Credentials: Send + Sync {
    /// User and password for a new session.
    ///
    /// # Errors
    /// If there are none to be had.
    fn get(&self) -> Result<(String, String), AdapterError>;

    /// The server refused this password: the next is another.
    fn forget(&self, password: &str);

    /// What to do where the server refuses fresh credentials too.
    fn refused(&self) -> String;

    /// What in the profile says as whom sessions sign in.
    fn origin(&self) -> String;
}

/// A server that speaks PostgreSQL's protocol; each session is a connection of its own.
pub struct Server {
    settings: Settings,
    /// In place of the user and the password of `settings`.
    credentials: Option<Box<dyn Credentials>>,
    dialect: &'static Dialect,
    /// What every session says first, with the profile's key that asks for it.
    greetings: Vec<(&'static str, String)>,
    facts: Facts,
}

impl Server {
    pub fn new(settings: Settings) -> Server {
        Server::with_dialect(settings, &DIALECT, Vec::new())
    }

    pub(super) fn with_dialect(
        settings: Settings,
        dialect: &'static Dialect,
        greetings: Vec<(&'static str, String)>,
    ) -> Server {
        let timeout = settings
            .statement_timeout
            .map(|limit| ("statement_timeout", format!("set statement_timeout to {}", limit.as_millis())));
        let greetings = timeout.into_iter().chain(greetings).collect();
        Server { settings, credentials: None, dialect, greetings, facts: Facts::default() }
    }

    pub(super) fn with_credentials(self, credentials: Option<Box<dyn Credentials>>) -> Server {
        Server { credentials, ..self }
    }

    pub(super) fn with_facts(self, facts: Facts) -> Server {
        Server { facts, ..self }
    }

    fn connect(&self) -> Result<WireConnection, AdapterError> {
        let Some(credentials) = &self.credentials else {
            return WireConnection::open(&self.settings, self.dialect);
        };
        let mut attempt = 1;
        loop {
            let (user, password) = credentials.get()?;
            let signed_in_by = Some(credentials.origin());
            let settings = Settings { user, password, signed_in_by, ..self.settings.clone() };
            match WireConnection::open(&settings, self.dialect) {
                Err(error) if error.code.as_deref().is_some_and(|code| code.starts_with("28")) => {
                    credentials.forget(&settings.password);
                    if attempt == 2 {
                        return Err(error.with_hint(credentials.refused()));
                    }
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

impl Adapter for Server {
    fn capabilities(&self) -> &'static Capabilities {
        self.dialect.capabilities
    }

    fn version(&self) -> String {
        crate::version().to_owned()
    }

    fn default_database(&self) -> &str {
        &self.settings.database
    }

    fn default_schema(&self) -> &str {
        &self.settings.schema
    }

    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    fn open(&self, _name: &str) -> Result<Box<dyn Connection>, AdapterError> {
        let mut connection = self.connect()?;
        for (key, sql) in &self.greetings {
            connection.execute(sql, Fetch::None).map_err(|error| {
                AdapterError::connection(error.message)
                    .with_hint(format!("look at `{key}` of the target in `profiles.yml`"))
            })?;
        }
        Ok(Box::new(connection))
    }
}

/// Types that PostgreSQL and Redshift call alike.
pub(super) const INTEGERS: &[&str] = &[
    "smallint",
    "integer",
    "bigint",
    "smallserial",
    "serial",
    "bigserial",
    "int2",
    "int4",
    "int8",
    "serial2",
    "serial4",
    "serial8",
];
pub(super) const FLOATS: &[&str] = &["real", "float4", "float", "double precision", "float8", "double"];
pub(super) const STRINGS: &[&str] = &["text", "character varying", "character", "varchar"];
pub(super) const NUMERICS: &[&str] = &["numeric", "decimal"];

/// For this statement only, and never more than the server gives all sessions together (`max_parallel_workers`).
const MORE_WORKERS: &str = "select set_config('max_parallel_workers_per_gather', least(1024, {} * \
    current_setting('max_parallel_workers_per_gather')::int)::text, true)";

pub static CAPABILITIES: Capabilities = Capabilities {
    adapter: "postgres",
    dialect: crate::sql::Dialect::Postgres,
    parents: &[],
    relation: RelationStyle {
        class_name: "PostgresRelation",
        quote_character: '"',
        quote: Policy::ALL,
        include: Policy::ALL,
        require_alias: true,
        renameable: &[RelationKind::View, RelationKind::Table],
        replaceable: &[RelationKind::View, RelationKind::Table],
        longest_identifier: Some(63),
    },
    columns: ColumnDialect {
        class_name: "PostgresColumn",
        strings: STRINGS,
        integers: INTEGERS,
        floats: FLOATS,
        numerics: NUMERICS,
        labels: &[("STRING", "TEXT")],
        keeps_unsized_text: true,
        has_structs: false,
    },
    constraints: Constraints {
        check: ConstraintSupport::Enforced,
        not_null: ConstraintSupport::Enforced,
        unique: ConstraintSupport::Enforced,
        primary_key: ConstraintSupport::Enforced,
        foreign_key: ConstraintSupport::Enforced,
        target_without_database: false,
    },
    transactions: true,
    incremental_strategies: &["append", "delete+insert", "merge", "microbatch"],
    microbatch_concurrency: false,
    catalog_by_relations: true,
    table_last_modified: false,
    grants: true,
    persist_docs: true,
    cancelable: true,
    external_sources: false,
    text_has_length: true,
    drops_collide: false,
    query_groups: false,
    missing_has_no_columns: false,
    event_time_offset: true,
    refusal: super::DATABASE_ERROR,
    shared_tests: SharedTests { scan: Some(2), unique: Some(1), query: None, more_workers: Some(MORE_WORKERS) },
    date_function: "now()",
    binding_character: "%s",
    seed_types: ["text", "integer", "bigint", "float8", "boolean", "date", "timestamp without time zone", "time"],
    seed_text_has_length: false,
};

#[cfg(test)]
mod tests;
