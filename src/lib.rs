//! tform: SQL transformation and testing, for dbt projects, as one binary.

pub mod diagnostic;
pub mod event;

/// tform's own version (the version of the dbt language is `invocation::DBT_VERSION`).
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
