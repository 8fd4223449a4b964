//! Amazon Redshift: what macros and parsing need to know of it.
//!
//! Follows docs.getdbt.com/reference/resource-configs/redshift-configs.

use super::postgres::{FLOATS, INTEGERS, NUMERICS, STRINGS};
use super::{Capabilities, ColumnDialect, ConstraintSupport, Constraints, Policy, RelationKind, RelationStyle};

pub static CAPABILITIES: Capabilities = Capabilities {
    adapter: "redshift",
    dialect: crate::sql::Dialect::Redshift,
    parents: &["postgres"],
    relation: RelationStyle {
        class_name: "RedshiftRelation",
        quote_character: '"',
        quote: Policy::ALL,
        include: Policy::ALL,
        require_alias: false,
        renameable: &[RelationKind::View, RelationKind::Table],
        replaceable: &[RelationKind::View],
        longest_identifier: Some(127),
    },
    columns: ColumnDialect {
        class_name: "Column",
        strings: STRINGS,
        integers: INTEGERS,
        floats: FLOATS,
        numerics: NUMERICS,
        labels: &[("STRING", "TEXT")],
        keeps_unsized_text: false,
        has_structs: false,
    },
    constraints: Constraints {
        check: ConstraintSupport::NotSupported,
        not_null: ConstraintSupport::Enforced,
        unique: ConstraintSupport::NotEnforced,
        primary_key: ConstraintSupport::NotEnforced,
        foreign_key: ConstraintSupport::NotEnforced,
        target_without_database: false,
    },
    transactions: true,
    incremental_strategies: &["append", "delete+insert", "merge", "microbatch"],
    microbatch_concurrency: false,
    catalog_by_relations: true,
    table_last_modified: true,
    grants: true,
    persist_docs: true,
    cancelable: true,
    external_sources: false,
    text_has_length: true,
    refusal_keeps_transaction: false,
    missing_has_no_columns: false,
    // An offset makes the literal a moment with time zone, which no sort key is.
    event_time_offset: false,
    date_function: "getdate()",
    binding_character: "%s",
    seed_types: [
        "varchar",
        "integer",
        "bigint",
        "float8",
        "boolean",
        "date",
        "timestamp without time zone",
        "varchar(24)",
    ],
    seed_text_has_length: true,
};
