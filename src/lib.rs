//! tform: SQL transformation and testing, for dbt projects, as one binary.
//!
//! Modules stand in layer order: one may use only those above it (a tidy test holds this).

pub mod diagnostic;
pub mod event;
pub mod report;

pub mod yaml;
pub mod resource;
pub mod invocation;
pub mod cli;
pub mod config;
pub mod project;
pub mod target;
pub mod manifest;
pub mod graph;
pub mod artifact;
pub mod state;
pub mod select;
pub mod load;
pub mod deps;
pub mod adapter;
pub mod jinja;
pub mod parse;
pub mod compile;
pub mod run;
pub mod command;

/// tform's own version (the version of the dbt language is `invocation::DBT_VERSION`).
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
