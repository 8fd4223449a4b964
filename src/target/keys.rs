//! The keys of a warehouse's part of `profiles.yml`: names, kinds, defaults.
//!
//! Facts from docs.getdbt.com/docs/core/connect-data-platform (postgres-setup,
//! redshift-setup, duckdb-setup). A further warehouse is a further table.

use serde_json::{Value, json};

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Flag,
    List,
    Mapping,
}

/// Whether a key must be given, and what holds if it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Required,
    /// Absent means `null`.
    Optional,
    DefaultText(&'static str),
    DefaultInteger(i64),
    DefaultFlag(bool),
    /// An empty list.
    DefaultList,
    /// An empty mapping.
    DefaultMapping,
}

impl Presence {
    /// The value of a key that is not given.
    pub fn value(self) -> Value {
        match self {
            Presence::Required | Presence::Optional => Value::Null,
            Presence::DefaultText(text) => json!(text),
            Presence::DefaultInteger(number) => json!(number),
            Presence::DefaultFlag(flag) => json!(flag),
            Presence::DefaultList => json!([]),
            Presence::DefaultMapping => json!({}),
        }
    }
}

/// One key of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub presence: Presence,
    /// Whether Jinja's `target` has it and logs may show it.
    pub is_shown: bool,
}

impl Key {
    /// Whether the value itself must never be seen, not even as part of a line of the file.
    pub fn is_secret(&self) -> bool {
        const SECRETS: &[&str] =
            &["password", "secret_access_key", "access_key_id", "token_endpoint", "secrets", "motherduck_token"];
        SECRETS.contains(&self.name)
    }
}

/// The keys of one kind of warehouse.
#[derive(Debug)]
pub struct AdapterKeys {
    /// `type:` in `profiles.yml`.
    pub adapter: &'static str,
    /// In the order in which `target` has them.
    pub keys: &'static [Key],
    /// Further names of keys, first the other name.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Keys that dbt knows and tform refuses, with the reason.
    pub refused: &'static [(&'static str, &'static str)],
}

const fn shown(name: &'static str, kind: Kind, presence: Presence) -> Key {
    Key { name, kind, presence, is_shown: true }
}

const fn hidden(name: &'static str, kind: Kind, presence: Presence) -> Key {
    Key { name, kind, presence, is_shown: false }
}

use Kind::{Flag, Integer, List, Mapping, Text};
use Presence::{DefaultFlag, DefaultInteger, DefaultList, DefaultMapping, DefaultText, Optional, Required};

const NAMES_OF_POSTGRES: &[(&str, &str)] = &[("dbname", "database"), ("pass", "password")];

/// Every warehouse that tform connects to.
pub const ADAPTERS: &[AdapterKeys] = &[DUCKDB, POSTGRES, REDSHIFT];

const DUCKDB: AdapterKeys = AdapterKeys {
    adapter: "duckdb",
    keys: &[
        shown("database", Text, Optional),
        shown("schema", Text, DefaultText("main")),
        shown("path", Text, DefaultText(":memory:")),
        shown("config_options", Mapping, Optional),
        shown("extensions", List, Optional),
        shown("settings", Mapping, DefaultMapping),
        shown("external_root", Text, DefaultText(".")),
        shown("use_credential_provider", Text, Optional),
        shown("attach", List, Optional),
        shown("filesystems", List, Optional),
        shown("remote", Mapping, Optional),
        shown("plugins", List, Optional),
        shown("disable_transactions", Flag, DefaultFlag(false)),
        hidden("secrets", List, Optional),
        hidden("keep_open", Flag, DefaultFlag(true)),
        hidden("module_paths", List, Optional),
        hidden("retries", Mapping, Optional),
        hidden("flights", Mapping, Optional),
        hidden("is_ducklake", Flag, Optional),
        hidden("motherduck_token", Text, Optional),
    ],
    aliases: &[],
    refused: &[
        ("plugins", "plugins of dbt-duckdb are Python code, which tform does not run"),
        (
            "filesystems",
            "file systems of dbt-duckdb are Python code, which tform does not run; DuckDB's own `httpfs` and `secrets` read S3, GCS and Azure",
        ),
        ("remote", "tform opens DuckDB databases itself, not through a remote server"),
        ("flights", "MotherDuck Flights run Python models, which tform does not"),
        ("motherduck_token", "the embedded engine has no MotherDuck extension"),
    ],
};

const POSTGRES: AdapterKeys = AdapterKeys {
    adapter: "postgres",
    keys: &[
        shown("host", Text, Required),
        shown("port", Integer, Required),
        shown("user", Text, Required),
        shown("database", Text, Required),
        shown("schema", Text, Required),
        shown("connect_timeout", Integer, DefaultInteger(10)),
        shown("role", Text, Optional),
        shown("search_path", Text, Optional),
        shown("keepalives_idle", Integer, DefaultInteger(0)),
        shown("sslmode", Text, Optional),
        shown("sslcert", Text, Optional),
        shown("sslkey", Text, Optional),
        shown("sslrootcert", Text, Optional),
        shown("application_name", Text, DefaultText("dbt")),
        shown("autocommit", Flag, DefaultFlag(false)),
        shown("retries", Integer, DefaultInteger(1)),
        hidden("password", Text, Required),
        // Ours.
        hidden("statement_timeout", Integer, Optional),
    ],
    aliases: NAMES_OF_POSTGRES,
    refused: &[],
};

const REDSHIFT: AdapterKeys = AdapterKeys {
    adapter: "redshift",
    keys: &[
        shown("host", Text, Required),
        shown("user", Text, Optional),
        shown("port", Integer, Required),
        shown("database", Text, Required),
        shown("method", Text, DefaultText("database")),
        shown("cluster_id", Text, Optional),
        shown("iam_profile", Text, Optional),
        shown("schema", Text, Required),
        shown("sslmode", Text, DefaultText("prefer")),
        shown("region", Text, Optional),
        shown("autocreate", Flag, DefaultFlag(false)),
        shown("db_groups", List, DefaultList),
        shown("ra3_node", Flag, DefaultFlag(false)),
        shown("datasharing", Flag, DefaultFlag(false)),
        shown("connect_timeout", Integer, Optional),
        shown("role", Text, Optional),
        shown("retries", Integer, DefaultInteger(1)),
        shown("retry_all", Flag, DefaultFlag(false)),
        shown("autocommit", Flag, DefaultFlag(true)),
        hidden("access_key_id", Text, Optional),
        shown("is_serverless", Flag, Optional),
        shown("serverless_work_group", Text, Optional),
        shown("serverless_acct_id", Text, Optional),
        shown("tcp_keepalive", Flag, DefaultFlag(true)),
        shown("tcp_keepalive_idle", Integer, Optional),
        shown("tcp_keepalive_interval", Integer, Optional),
        shown("tcp_keepalive_count", Integer, Optional),
        shown("query_group", Text, Optional),
        shown("allow_concurrent_drops", Flag, DefaultFlag(false)),
        shown("drop_without_cascade", Flag, DefaultFlag(false)),
        hidden("password", Text, Optional),
        hidden("secret_access_key", Text, Optional),
        hidden("idc_region", Text, Optional),
        hidden("issuer_url", Text, Optional),
        hidden("idp_listen_port", Integer, DefaultInteger(7890)),
        hidden("idc_client_display_name", Text, DefaultText("Amazon Redshift driver")),
        hidden("idp_response_timeout", Integer, Optional),
        hidden("token_endpoint", Mapping, Optional),
        hidden("search_path", Text, Optional),
        hidden("keepalives_idle", Integer, Optional),
        hidden("profile", Text, Optional),
        hidden("token_duration_seconds", Integer, Optional),
        // Ours.
        hidden("statement_timeout", Integer, Optional),
    ],
    aliases: NAMES_OF_POSTGRES,
    refused: &[],
};
