//! How to reach a server that speaks PostgreSQL's protocol: the keys of a profile's target.
//!
//! Follows docs.getdbt.com/docs/core/connect-data-platform/postgres-setup; `sslmode` means what
//! postgresql.org/docs/current/libpq-ssl.html says.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;

const DEFAULT_PORT: u16 = 5432;
const DEFAULT_CONNECT_SECONDS: i64 = 10;

/// How much a connection has to be encrypted, and the server proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    /// Encrypted only if the server takes no other.
    Allow,
    /// Encrypted if the server can.
    Prefer,
    Require,
    /// And its certificate comes from an authority that we trust.
    VerifyCa,
    /// And names the host.
    VerifyFull,
}

impl SslMode {
    const NAMES: [(&'static str, SslMode); 6] = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];

    fn parse(word: &str) -> Result<SslMode, Diagnostic> {
        let known = SslMode::NAMES.iter().find(|(name, _)| *name == word);
        known.map(|(_, mode)| *mode).ok_or_else(|| {
            let names = SslMode::NAMES.iter().map(|(name, _)| *name);
            Diagnostic::error(format!("`sslmode: {word}` is none of the modes that there are"))
                .note(format!("modes are {}", names.clone().collect::<Vec<_>>().join(", ")))
                .suggest(word, names)
        })
    }
}

/// How the socket is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub mode: SslMode,
    /// The file with the authorities to trust; `None` means those of this machine.
    pub root_certificates: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// How a socket that is silent is probed, so that a broken connection does not hang for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// The silence before the first probe.
    pub idle: Duration,
    pub interval: Duration,
    /// The probes without an answer after which the connection counts as broken.
    pub count: u32,
}

impl Keepalive {
    const USUAL: Keepalive = Keepalive { idle: Duration::from_secs(60), interval: Duration::from_secs(10), count: 6 };

    fn from_profile(profile: &Map<String, Value>) -> Option<Keepalive> {
        if profile.get("tcp_keepalive").and_then(Value::as_bool) == Some(false) {
            return None;
        }
        let count =
            profile.get("tcp_keepalive_count").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
        Some(Keepalive {
            idle: seconds(profile, "keepalives_idle")
                .or(seconds(profile, "tcp_keepalive_idle"))
                .unwrap_or(Keepalive::USUAL.idle),
            interval: seconds(profile, "tcp_keepalive_interval").unwrap_or(Keepalive::USUAL.interval),
            count: count.filter(|count| *count > 0).unwrap_or(Keepalive::USUAL.count),
        })
    }
}

/// Everything that a connection needs to know. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// A name, an address, or the folder of a socket.
    pub host: String,
    pub port: u16,
    pub user: String,
    /// What in the profile says as whom to sign in, where that is not `user` itself.
    pub signed_in_by: Option<String>,
    pub password: String,
    pub database: String,
    pub schema: String,
    pub connect_timeout: Duration,
    /// How often connecting is tried again.
    pub retries: u32,
    /// How an idle socket is probed; `None`: not at all.
    pub keepalive: Option<Keepalive>,
    /// How long one statement may take.
    pub statement_timeout: Option<Duration>,
    /// Whether relations of other databases of the cluster may be read.
    pub crosses_databases: bool,
    pub application_name: String,
    /// As `set role` takes it.
    pub role: Option<String>,
    pub search_path: Option<String>,
    pub tls: Tls,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<{}@{}:{}/{}>", self.user, self.host, self.port, self.database)
    }
}

fn text(profile: &Map<String, Value>, key: &str) -> Option<String> {
    let value = profile.get(key).filter(|value| !value.is_null())?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)).filter(|text| !text.is_empty())
}

fn seconds(profile: &Map<String, Value>, key: &str) -> Option<Duration> {
    let number = profile.get(key).and_then(Value::as_u64).filter(|number| *number > 0)?;
    Some(Duration::from_secs(number))
}

impl Settings {
    /// A target of `profiles.yml` with its Jinja rendered.
    ///
    /// # Errors
    /// If a value is none of those that its key can have.
    pub fn from_profile(profile: &Map<String, Value>) -> Result<Settings, Diagnostic> {
        let path = |key: &str| text(profile, key).map(PathBuf::from);
        let port = profile.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        let timeout = profile.get("connect_timeout").and_then(Value::as_i64).unwrap_or(DEFAULT_CONNECT_SECONDS);
        let mode = text(profile, "sslmode").map(|word| SslMode::parse(&word)).transpose()?;
        Ok(Settings {
            host: text(profile, "host").unwrap_or_else(|| "localhost".to_owned()),
            port: port.filter(|port| *port > 0).unwrap_or(DEFAULT_PORT),
            user: text(profile, "user").unwrap_or_default(),
            signed_in_by: None,
            password: text(profile, "password").unwrap_or_default(),
            database: text(profile, "database").unwrap_or_default(),
            schema: text(profile, "schema").unwrap_or_else(|| "public".to_owned()),
            connect_timeout: Duration::from_secs(u64::try_from(timeout).ok().filter(|n| *n > 0).unwrap_or(86_400)),
            retries: profile.get("retries").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
            keepalive: Keepalive::from_profile(profile),
            statement_timeout: seconds(profile, "statement_timeout"),
            crosses_databases: false,
            application_name: text(profile, "application_name").unwrap_or_else(|| "dbt".to_owned()),
            role: text(profile, "role"),
            search_path: text(profile, "search_path"),
            tls: Tls {
                mode: mode.unwrap_or(SslMode::Prefer),
                root_certificates: path("sslrootcert"),
                certificate: path("sslcert"),
                key: path("sslkey"),
            },
        })
    }
}
