//! Warehouses: what tform asks of one, and what each of them can do.
//!
//! An [`Adapter`] opens [`Connection`]s; everything in which warehouses differ is a method of
//! these two or data in [`Capabilities`]. The only place that knows adapters by name is
//! [`open`]. What Jinja sees of it (`adapter`, `api`) is `jinja::adapter_object`.

mod cache;
mod cell;
mod claim;
mod column;
pub mod duckdb;
mod error;
pub mod offline;
pub mod postgres;
pub mod recorder;
pub mod redshift;
mod relation;
pub mod seed;
mod session;

use std::borrow::Cow;
use std::path::Path as FilePath;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::diagnostic::Diagnostic;
use crate::sql::Dialect;
use crate::target::Target;

pub use cache::RelationCache;
pub use cell::{AdapterResponse, Cell, Decimal, QueryResult, ResultColumn};
pub use claim::{Claim, Claimed, Holder, Part as ClaimPart};
pub use column::{Column, ColumnDialect};
pub use error::{AdapterError, DATABASE_ERROR, ErrorKind};
pub use relation::{
    CacheKey, EventTimeFilter, Part, Path, Policy, PolicyChange, Relation, RelationKind, RelationStyle,
};
pub use session::{QueryComment, Session, Statement, Warehouse, Work};

/// Which rows of a result are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    None,
    All,
    Limit(usize),
}

/// The kinds of constraints that a contract may state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConstraintKind {
    Check,
    NotNull,
    Unique,
    PrimaryKey,
    ForeignKey,
    /// Written as it stands.
    Custom,
}

impl ConstraintKind {
    pub const ALL: [ConstraintKind; 6] = [
        ConstraintKind::Check,
        ConstraintKind::NotNull,
        ConstraintKind::Unique,
        ConstraintKind::PrimaryKey,
        ConstraintKind::ForeignKey,
        ConstraintKind::Custom,
    ];

    /// dbt's word in a properties file.
    pub fn as_str(self) -> &'static str {
        match self {
            ConstraintKind::Check => "check",
            ConstraintKind::NotNull => "not_null",
            ConstraintKind::Unique => "unique",
            ConstraintKind::PrimaryKey => "primary_key",
            ConstraintKind::ForeignKey => "foreign_key",
            ConstraintKind::Custom => "custom",
        }
    }

    pub fn parse(word: &str) -> Option<ConstraintKind> {
        ConstraintKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a warehouse makes of a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintSupport {
    Enforced,
    /// It is written down, but rows that break it are accepted.
    NotEnforced,
    NotSupported,
}

/// What the warehouse makes of each kind of constraint.
#[derive(Debug, PartialEq, Eq)]
pub struct Constraints {
    pub check: ConstraintSupport,
    pub not_null: ConstraintSupport,
    pub unique: ConstraintSupport,
    pub primary_key: ConstraintSupport,
    pub foreign_key: ConstraintSupport,
    /// Whether the target of a foreign key is written without its database.
    pub target_without_database: bool,
}

impl Constraints {
    pub fn support(&self, kind: ConstraintKind) -> ConstraintSupport {
        match kind {
            ConstraintKind::Check => self.check,
            ConstraintKind::NotNull => self.not_null,
            ConstraintKind::Unique => self.unique,
            ConstraintKind::PrimaryKey => self.primary_key,
            ConstraintKind::ForeignKey => self.foreign_key,
            ConstraintKind::Custom => ConstraintSupport::Enforced,
        }
    }
}

/// The types of a seed's columns, as tform reads them from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeedType {
    Text,
    Integer,
    /// Beyond 32 bits.
    BigInteger,
    /// A number with a fraction.
    Number,
    Boolean,
    Date,
    DateTime,
    Time,
}

/// From how many data tests of a relation on one query for all of them is faster than one for each, as
/// measured (docs_site/guide/fused-tests.md); `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedTests {
    /// Tests that count rows (`not_null`, `accepted_values`).
    pub scan: Option<usize>,
    /// Tests that compare rows (`unique`), asked by counting distinct values.
    pub unique: Option<usize>,
    /// Tests that read another relation too, and so share no more than a statement.
    pub query: Option<usize>,
    /// What stands before a query for several tests of rows, so that it may use as many processors as the
    /// `{}` queries that it takes the place of.
    pub more_workers: Option<&'static str>,
}

/// What differs between warehouses and is no more than data.
#[derive(Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// `duckdb`, `postgres`, ...: the prefix of the adapter's own macros.
    pub adapter: &'static str,
    /// The SQL that it speaks.
    pub dialect: Dialect,
    /// Adapters whose macros serve where there is no own one, nearest first.
    pub parents: &'static [&'static str],
    pub relation: RelationStyle,
    pub columns: ColumnDialect,
    pub constraints: Constraints,
    /// Whether statements run in a transaction that is committed or rolled back.
    pub transactions: bool,
    /// Strategies that this warehouse has, beside those that a project defines.
    pub incremental_strategies: &'static [&'static str],
    /// Whether batches of one microbatch model may run side by side.
    pub microbatch_concurrency: bool,
    /// Whether the catalog can be asked for some relations instead of whole schemas.
    pub catalog_by_relations: bool,
    /// Whether the age of a table can be read from metadata.
    pub table_last_modified: bool,
    pub grants: bool,
    pub persist_docs: bool,
    pub cancelable: bool,
    /// Whether a source may be a file or a table function (`external_location`).
    pub external_sources: bool,
    /// Whether texts have a greatest length, so that columns may have to be widened.
    pub text_has_length: bool,
    /// Whether drops that walk the graph of dependencies collide with each other.
    pub drops_collide: bool,
    /// Whether statements go to a queue by the session's `query_group`.
    pub query_groups: bool,
    /// Whether a relation that does not exist simply has no columns.
    pub missing_has_no_columns: bool,
    /// Whether moments in filters are written with their offset; without, where it keeps
    /// the warehouse from skipping blocks.
    pub event_time_offset: bool,
    /// What dbt calls an error of the engine that ends a node.
    pub refusal: &'static str,
    /// Which data tests are asked together where nothing says otherwise.
    pub shared_tests: SharedTests,
    /// The expression for the present moment.
    pub date_function: &'static str,
    /// The place holder of a bound value.
    pub binding_character: &'static str,
    /// Type names for seed columns: text, integer, big integer, number, boolean, date, datetime, time.
    pub seed_types: [&'static str; 8],
    /// Whether a seed's text column gets the length of its longest value, in bytes.
    pub seed_text_has_length: bool,
}

/// The length of a seed's text column that holds no text.
const EMPTY_TEXT_LENGTH: usize = 64;

impl Capabilities {
    /// The column type that a seed's column gets; `longest` is the length of its longest text in bytes.
    pub fn seed_type(&self, kind: SeedType, longest: usize) -> String {
        let [text, integer, big_integer, number, boolean, date, datetime, time] = self.seed_types;
        let name = match kind {
            SeedType::Text if self.seed_text_has_length => {
                let length = if longest == 0 { EMPTY_TEXT_LENGTH } else { longest };
                return format!("{text}({length})");
            }
            SeedType::Text => text,
            SeedType::Integer => integer,
            SeedType::BigInteger => big_integer,
            SeedType::Number => number,
            SeedType::Boolean => boolean,
            SeedType::Date => date,
            SeedType::DateTime => datetime,
            SeedType::Time => time,
        };
        name.to_owned()
    }

    /// A moment as filters on an event time write it.
    pub fn event_time_text(&self, moment: DateTime<Utc>) -> String {
        let text = moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
        let text = text.strip_suffix(".000000").unwrap_or(&text);
        if self.event_time_offset { format!("{text}+00:00") } else { text.to_owned() }
    }

    /// `identifier` in quotes.
    pub fn quote(&self, identifier: &str) -> String {
        let quote = self.relation.quote_character;
        format!("{quote}{identifier}{quote}")
    }

    /// A relation with this warehouse's default quoting.
    pub fn relation(&'static self, path: Path, kind: Option<RelationKind>) -> Relation {
        Relation::new(&self.relation, path, kind)
    }
}

/// A relation found in the warehouse, with what its catalog says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogTable {
    pub database: String,
    pub schema: String,
    pub name: String,
    /// `BASE TABLE`, `VIEW`, ...
    pub kind: String,
    pub comment: Option<String>,
    pub owner: Option<String>,
    pub columns: Vec<CatalogColumn>,
    /// Figures that the docs show, such as the number of rows.
    pub stats: Vec<CatalogStat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogColumn {
    pub name: String,
    /// Counted from one.
    pub index: i64,
    pub type_name: String,
    pub comment: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CatalogStat {
    pub id: Cow<'static, str>,
    pub label: Cow<'static, str>,
    pub value: Cell,
    pub description: Cow<'static, str>,
}

/// A database and some of its schemas; no schemas means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schemas {
    pub database: String,
    pub schemas: Vec<String>,
}

/// What some schemas hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// Those of the schemas that exist, each with its database.
    pub schemas: Vec<(String, String)>,
    pub relations: Vec<Relation>,
    pub bound: Vec<BoundView>,
    pub kept: Vec<(CacheKey, Kept)>,
}

/// What a view has beside its query, and keeps where another query replaces that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    pub grants: bool,
    pub comments: bool,
    /// It is bound to nothing that it reads.
    pub late: bool,
}

/// A view that a warehouse binds to what it reads: it goes along when that is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundView {
    pub view: CacheKey,
    pub origin: CacheKey,
}

/// A warehouse that connections can be opened to.
pub trait Adapter: Send + Sync {
    fn capabilities(&self) -> &'static Capabilities;

    /// The engine's version, as `AdapterRegistered` and `debug` show it.
    fn version(&self) -> String;

    /// The database of relations that name none.
    fn default_database(&self) -> &str;

    /// The schema of the target.
    fn default_schema(&self) -> &str;

    /// Opens a connection; `name` is for logs.
    ///
    /// # Errors
    /// If the warehouse cannot be reached, or refuses the credentials or the settings.
    fn open(&self, name: &str) -> Result<Box<dyn Connection>, AdapterError>;

    /// Ends what connections share, once none is open any more: an embedded engine writes its file.
    fn close(&self) {}

    /// What only this warehouse's `adapter` object answers in Jinja, as facts about the target.
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

/// The warehouse of a target; nothing is connected yet. `project_dir` is where relative paths start.
///
/// # Errors
/// If the target asks for what tform does not have.
pub fn open(target: &Target, project_dir: &FilePath) -> Result<Arc<dyn Adapter>, Diagnostic> {
    match target.adapter {
        "duckdb" => {
            let settings = duckdb::Settings::from_profile(target.connection.values(), project_dir)?;
            Ok(Arc::new(duckdb::Duckdb::new(settings)))
        }
        "postgres" => {
            let settings = postgres::Settings::from_profile(target.connection.values())?;
            Ok(Arc::new(postgres::Server::new(settings)))
        }
        "redshift" => Ok(Arc::new(redshift::from_profile(target.connection.values())?)),
        other => Err(Diagnostic::error(format!(
            "target `{}` is of type `{other}`, which tform has no adapter for",
            target.name
        ))
        .hint("there are `duckdb`, `postgres` and `redshift`")),
    }
}

/// The embedded engine with an empty database in memory; whole numbers are divided and nulls are sorted
/// as on PostgreSQL and Redshift.
pub fn embedded() -> Arc<dyn Adapter> {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let settings = vec![set("integer_division", "true"), set("default_null_order", "nulls_last_on_asc_first_on_desc")];
    Arc::new(duckdb::Duckdb::new(duckdb::Settings { settings, ..duckdb::Settings::memory() }))
}

/// The data about an adapter of this name, for parsing without a connection; `None` for unknown names.
pub fn capabilities_of(adapter: &str) -> Option<&'static Capabilities> {
    [&duckdb::CAPABILITIES, &postgres::CAPABILITIES, &redshift::CAPABILITIES]
        .into_iter()
        .find(|capabilities| capabilities.adapter == adapter)
}

/// Facts of a target that macros ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The folder of files that `external` models write (DuckDB).
    pub external_root: Option<String>,
    /// Databases that are DuckLake ones.
    pub ducklake_databases: Vec<String>,
    pub disable_transactions: bool,
    /// The catalog is asked by `show`, which sees other databases too (Redshift).
    pub show_statements: bool,
    /// The queue of sessions whose model names none (Redshift).
    pub query_group: Option<String>,
    /// Whatever the warehouse refuses is tried again, not only what is known to pass (Redshift).
    pub retry_all: bool,
    /// How often a statement is tried again.
    pub retries: u32,
    /// Nothing is dropped along with a relation, whatever reads from it (Redshift).
    pub drop_without_cascade: bool,
    /// Drops do not wait for one another, whatever they cascade to (Redshift).
    pub concurrent_drops: bool,
}

/// One session with a warehouse. Used by one thread at a time.
pub trait Connection: Send {
    /// Runs one or several statements; gives the result of the last.
    ///
    /// # Errors
    /// What the warehouse refuses. The transaction, if one is open, must then be rolled back.
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError>;

    /// [`Connection::execute`] with a value for each place holder.
    fn execute_bound(&mut self, sql: &str, bindings: &[Cell], fetch: Fetch) -> Result<QueryResult, AdapterError>;

    /// The columns of a query, without running it.
    fn describe(&mut self, sql: &str) -> Result<Vec<ResultColumn>, AdapterError>;

    /// The columns of a relation with the lengths of their types, by its description alone: the
    /// warehouse's catalog is not asked.
    ///
    /// # Errors
    /// If there is no such relation, or the warehouse describes none.
    fn columns(&mut self, _relation: &Relation) -> Result<Vec<Column>, AdapterError> {
        Err(AdapterError::unsupported("the warehouse does not describe relations"))
    }

    /// Puts rows into an existing table, by the warehouse's fastest way; gives how many.
    ///
    /// # Errors
    /// If a value does not fit its column.
    fn load_seed(&mut self, load: SeedLoad<'_>) -> Result<u64, AdapterError>;

    /// Whether a relation is there, asked without a statement that fails and so ends an open
    /// transaction; true where nobody needs to know.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    fn is_there(&mut self, _relation: &Relation) -> Result<bool, AdapterError> {
        Ok(true)
    }

    /// Which of the given schemas exist, and all their relations, by one query per database.
    fn list_relations(&mut self, schemas: &[Schemas]) -> Result<Listing, AdapterError>;

    /// The tables of the given schemas with their columns, by one query per database.
    fn catalog(&mut self, schemas: &[Schemas]) -> Result<Vec<CatalogTable>, AdapterError>;

    /// What the warehouse remarked (`RAISE NOTICE`) since the last time.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Claims what a run builds, for as long as the connection lasts; waits for nobody.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    fn claim(&mut self, _claim: &Claim) -> Result<Claimed, AdapterError> {
        Ok(Claimed::Impossible("the warehouse has no locks for it".to_owned()))
    }

    /// Claims what a run builds once others have let go of it, or time is up; where the warehouse
    /// has nothing to wait by, it only tries again.
    ///
    /// # Errors
    /// If the warehouse cannot be asked, or the wait is cancelled.
    fn wait_for_claim(&mut self, claim: &Claim) -> Result<Claimed, AdapterError> {
        self.claim(claim)
    }

    /// Whether a claim stays when the connection ends.
    fn claims_outlast(&self) -> bool {
        false
    }

    /// Shows that whoever claimed is still at work, where a claim would be taken for a left-over otherwise.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    fn renew_claim(&mut self, _claim: &Claim) -> Result<(), AdapterError> {
        Ok(())
    }

    /// Gives up a claim that would outlast the connection.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    fn release_claim(&mut self, _claim: &Claim) -> Result<(), AdapterError> {
        Ok(())
    }

    /// Whether the connection is broken, so that another has to be opened.
    fn is_lost(&self) -> bool {
        false
    }

    /// Something by which another thread stops what runs here.
    fn cancel_handle(&self) -> Arc<dyn Cancel>;

    fn begin(&mut self) -> Result<(), AdapterError> {
        self.execute("BEGIN", Fetch::None).map(drop)
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        self.execute("COMMIT", Fetch::None).map(drop)
    }

    /// Commits after a last statement of the transaction (without a semicolon), in one go where the
    /// protocol can.
    ///
    /// # Errors
    /// If either is refused; nothing is committed then, unless the connection broke.
    fn commit_after(&mut self, sql: &str) -> Result<(), AdapterError> {
        self.execute(sql, Fetch::None)?;
        self.commit()
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        self.execute("ROLLBACK", Fetch::None).map(drop)
    }
}

/// Stops the statement that runs on a connection, from another thread.
pub trait Cancel: Send + Sync {
    fn cancel(&self);
}

/// Rows for [`Connection::load_seed`].
pub struct SeedLoad<'a> {
    pub relation: &'a Relation,
    /// The columns' names as the table has them.
    pub columns: &'a [String],
    /// The text of each value, `None` is null. A row is made when it is sent: there may be millions.
    pub rows: &'a mut dyn Iterator<Item = Vec<Option<String>>>,
}
