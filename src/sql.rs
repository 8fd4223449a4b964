//! SQL understanding without a warehouse: the columns of queries and where they come from.
//!
//! [`lineage`] reads one query: from the columns of the relations that it reads, as far as
//! somebody knows them ([`Relations`]), to its output columns with their inputs and how each
//! comes from them ([`Kind`]). [`project::lineage`] does so for all nodes of a project in
//! graph order. What the SQL does not allow to know is said, never guessed, and never stops
//! anything. Nothing here touches a disk or a warehouse.

mod embedded;
mod expression;
mod from;
mod names;
pub mod project;
mod query;
mod read;
mod scalar;
mod scope;
mod select;
mod shape;
mod tables;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use embedded::{query_on_duckdb, type_on_duckdb};
pub use scalar::{Scalar, scalar};

/// The SQL that a warehouse speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    Duckdb,
    Postgres,
    Redshift,
}

/// How an output column comes from an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The value as it is, under the same name.
    Copied,
    /// The value as it is, under another name.
    Renamed,
    /// Part of an expression.
    Derived,
    /// An aggregate function's argument: one value of many rows.
    Aggregated,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Copied => "copied",
            Kind::Renamed => "renamed",
            Kind::Derived => "derived",
            Kind::Aggregated => "aggregated",
        }
    }
}

/// What a column decides without being part of a value: which rows there are, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Influence {
    /// `where`, `having`, `qualify`, `distinct on`.
    Filter,
    /// `on`, `using`, natural joins.
    Join,
    Group,
    /// `order by`, where a limit makes the order decide the rows.
    Sort,
}

impl Influence {
    pub fn as_str(self) -> &'static str {
        match self {
            Influence::Filter => "filter",
            Influence::Join => "join",
            Influence::Group => "group",
            Influence::Sort => "sort",
        }
    }
}

/// A column that is known of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownColumn {
    pub name: Arc<str>,
    pub data_type: Option<Arc<str>>,
}

/// How much is known of a relation's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// These are all there are.
    Complete,
    /// Somebody wrote them down; there may be others.
    Declared,
    /// There are certainly others, or it is not known at all.
    Partial,
}

/// The columns of a relation, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownColumns {
    pub columns: Vec<KnownColumn>,
    pub completeness: Completeness,
}

impl KnownColumns {
    /// Nothing is known.
    pub fn none() -> KnownColumns {
        KnownColumns { columns: Vec::new(), completeness: Completeness::Partial }
    }
}

/// What a query reads, by name.
pub trait Relations {
    /// The columns of a relation; `None` if it is not known.
    ///
    /// `name` has the parts as the dialect folds them; a file or a function that stands for a
    /// relation is one part, its text without spaces.
    fn columns(&self, name: &[String]) -> Option<&KnownColumns>;
}

/// A column that an output column is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputColumn {
    /// Its place in [`QueryLineage::relations`].
    pub relation: usize,
    pub column: Arc<str>,
    pub kind: Kind,
}

/// A column that a query gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    pub name: Arc<str>,
    pub data_type: Option<Arc<str>>,
    pub inputs: Vec<InputColumn>,
    /// Why the inputs are not all there are.
    pub unknown: Option<Arc<str>>,
}

/// What a query gives and from what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryLineage {
    /// The relations that it reads, in the order in which they were met.
    pub relations: Vec<Vec<String>>,
    pub columns: Vec<OutputColumn>,
    /// `(relation, column, how)`: what decides its rows.
    pub influences: Vec<(usize, Arc<str>, Influence)>,
    /// Why there are further columns, which are not in `columns`.
    pub open: Option<Arc<str>>,
    /// The relation whose further columns are the query's own, unchanged, if `open` means no more.
    pub rest_of: Option<usize>,
    /// Relations whose written-down columns were taken for all, by a `*`.
    pub assumed: Vec<usize>,
}

/// Reads a query.
///
/// # Errors
/// Why the text could not be read: it is no query, or its syntax is not known here.
pub fn lineage(sql: &str, dialect: Dialect, relations: &dyn Relations) -> Result<QueryLineage, String> {
    read::with_query(sql, dialect, |query| query::lineage(query, dialect, relations))?
}

#[cfg(test)]
mod tests;
