//! DuckDB, the engine that runs inside tform.
//!
//! Follows docs.getdbt.com/reference/resource-configs/duckdb-configs and
//! docs.getdbt.com/docs/core/connect-data-platform/duckdb-setup.

use super::{Capabilities, ColumnDialect, ConstraintSupport, Constraints, Policy, RelationStyle};

pub static CAPABILITIES: Capabilities = Capabilities {
    adapter: "duckdb",
    parents: &[],
    relation: RelationStyle {
        class_name: "DuckDBRelation",
        quote_character: '"',
        quote: Policy::ALL,
        include: Policy::ALL,
        require_alias: false,
        renameable: &[],
        replaceable: &[],
        longest_identifier: None,
    },
    columns: ColumnDialect {
        strings: &["text", "character varying", "character", "varchar"],
        integers: &[
            "tinyint",
            "smallint",
            "integer",
            "bigint",
            "hugeint",
            "utinyint",
            "usmallint",
            "uinteger",
            "ubigint",
            "int1",
            "int2",
            "int4",
            "int8",
            "short",
            "int",
            "signed",
            "long",
        ],
        floats: &["real", "float", "float4", "float8", "double"],
        numerics: &["numeric", "decimal"],
        labels: &[("STRING", "TEXT")],
        keeps_unsized_text: false,
        has_structs: true,
    },
    constraints: Constraints {
        check: ConstraintSupport::Enforced,
        not_null: ConstraintSupport::Enforced,
        unique: ConstraintSupport::Enforced,
        primary_key: ConstraintSupport::Enforced,
        foreign_key: ConstraintSupport::Enforced,
        target_without_database: true,
    },
    transactions: true,
    incremental_strategies: &["append", "delete+insert", "merge", "microbatch"],
    microbatch_concurrency: true,
    catalog_by_relations: true,
    table_last_modified: false,
    grants: false,
    persist_docs: true,
    cancelable: true,
    date_function: "now()",
    binding_character: "?",
    seed_types: ["text", "integer", "float8", "boolean", "date", "timestamp without time zone", "time"],
};
