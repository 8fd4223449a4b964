//! PostgreSQL: what macros and parsing need to know of it.
//!
//! Follows docs.getdbt.com/reference/resource-configs/postgres-configs.

use super::{Capabilities, ColumnDialect, ConstraintSupport, Constraints, Policy, RelationKind, RelationStyle};

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

pub static CAPABILITIES: Capabilities = Capabilities {
    adapter: "postgres",
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
    refusal_keeps_transaction: false,
    missing_has_no_columns: false,
    event_time_offset: true,
    date_function: "now()",
    binding_character: "%s",
    seed_types: ["text", "integer", "bigint", "float8", "boolean", "date", "timestamp without time zone", "time"],
    seed_text_has_length: false,
};
