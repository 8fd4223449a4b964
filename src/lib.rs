//! tform: SQL transformation and testing, for dbt projects, as one binary.
//!
//! One pipeline of typed stages, each a verb that gives the next type:
//!
//! | call | gives | touches |
//! |---|---|---|
//! | `load::project` | `ProjectFiles`: every file of the project and its packages, read once | disk |
//! | `parse::manifest` | `Manifest`: every resource, refs as written; `Engine`: every macro | nothing |
//! | `graph::resolve` | `Graph`: refs became edges, free of cycles, layers known | nothing |
//! | `select::for_command` | `NodeSet` | nothing (state: an earlier manifest) |
//! | `compile::node` | `Compiled`: final SQL with its CTEs | the warehouse, where Jinja asks it |
//! | `run::execute` | `Run`: outcomes, and a stream of `Event`s | the warehouse |
//! | `sql::project::lineage` | columns of every node, and where each comes from | nothing |
//! | `artifact::write` | files under `target-path` | disk |
//! | `docs::prepare` | `Site`: the documentation's data | nothing |
//!
//! What must never be: output anywhere but in `report`; a difference between warehouses
//! outside of `adapter` (a trait method or data in `Capabilities`); a query per relation
//! where one per run does; a panic over anything that a user or a warehouse can cause; a
//! relation dropped before its successor is complete.
//!
//! Everything that happens is an [`event::Event`]; terminal, text log and JSON log are
//! consumers. Everything that is wrong is a [`diagnostic::Diagnostic`] with its place.
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
pub mod settings;
pub mod artifact;
pub mod state;
pub mod select;
pub mod load;
pub mod deps;
pub mod sql;
pub mod adapter;
pub mod jinja;
pub mod parse;
pub mod compile;
pub mod run;
pub mod docs;
pub mod command;

/// tform's own version (the version of the dbt language is `invocation::DBT_VERSION`).
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
