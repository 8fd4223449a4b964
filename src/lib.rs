//! tform: SQL transformation and testing, for dbt projects, as one binary.
//!
//! Modules stand in layer order: one may use only those above it (a tidy test holds this).

pub mod adapter;
pub mod artifact;
pub mod cli;
pub mod command;
pub mod compile;
pub mod config;
pub mod deps;
pub mod diagnostic;
pub mod event;
pub mod graph;
pub mod invocation;
pub mod jinja;
pub mod load;
pub mod manifest;
pub mod parse;
pub mod project;
pub mod report;
pub mod resource;
pub mod run;
pub mod select;
pub mod state;
pub mod target;
pub mod yaml;

/// tform's own version (the version of the dbt language is `invocation::DBT_VERSION`).
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
