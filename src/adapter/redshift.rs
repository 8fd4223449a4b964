//! Amazon Redshift, over PostgreSQL's protocol.
//!
//! Follows docs.getdbt.com/reference/resource-configs/redshift-configs and
//! docs.getdbt.com/docs/core/connect-data-platform/redshift-setup. No cluster is reachable where
//! this is tested: the SQL that is sent is held by cases, the answers of a cluster are not.

mod aws;
mod catalog;
mod claims;
mod sign_in;

use serde_json::{Map, Value};

use super::postgres::{
    Credentials, DIALECT as POSTGRES, Dialect, FLOATS, INTEGERS, NUMERICS, STRINGS, Server, ServerError, Settings,
    literal_text as literal, types,
};
use super::{
    Capabilities, ColumnDialect, ConstraintSupport, Constraints, ErrorKind, Facts, Policy, RelationKind, RelationStyle,
    SharedTests,
};
use crate::diagnostic::Diagnostic;
use sign_in::Temporary;

static DIALECT: Dialect = Dialect {
    capabilities: &CAPABILITIES,
    // Redshift knows no more start-up parameters than PostgreSQL 8.0 did.
    session: &[],
    claims: claims::CLAIMS,
    kind_of,
    type_name: types::driver_name,
    // It has no savepoints, by which an open transaction would outlive the question.
    described_as_catalogued: false,
    relations: catalog::relations,
    more: Some(&catalog::MORE),
    elsewhere: Some(catalog::ELSEWHERE),
    tables: catalog::tables,
};

/// Errors that go away when the whole materialization is run again: docs.aws.amazon.com/redshift,
/// "Serializable isolation" (1023), and catalog entries that another session changed meanwhile.
fn kind_of(error: &ServerError) -> ErrorKind {
    const RETRYABLE: [&str; 4] = [
        "1023",
        "Serializable isolation violation",
        "could not open relation with OID",
        "conflict with concurrent transaction",
    ];
    match RETRYABLE.iter().any(|words| error.message.contains(words)) {
        true => ErrorKind::Retryable,
        false => (POSTGRES.kind_of)(error),
    }
}

/// The cluster or workgroup of a target of `profiles.yml` with its Jinja rendered.
///
/// # Errors
/// A way to sign in that this version does not have; a value that its key cannot have.
pub fn from_profile(profile: &Map<String, Value>) -> Result<Server, Diagnostic> {
    let request = sign_in::of_profile(profile)?;
    let text = |key: &str| profile.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    // What PostgreSQL takes as start-up options is said in statements here.
    let mut settings = Settings::from_profile(profile)?;
    let search_path = settings.search_path.take().map(|path| ("search_path", format!("set search_path to {path}")));
    let query_group = text("query_group").map(|name| ("query_group", format!("set query_group to {}", literal(name))));
    let flag = |key: &str| profile.get(key).and_then(Value::as_bool).unwrap_or(false);
    settings.crosses_databases = flag("ra3_node") || flag("datasharing");
    let facts = Facts {
        query_group: text("query_group").map(str::to_owned),
        show_statements: flag("datasharing"),
        drop_without_cascade: flag("drop_without_cascade"),
        concurrent_drops: flag("allow_concurrent_drops"),
        retry_all: flag("retry_all"),
        retries: settings.retries,
        ..Facts::default()
    };
    let greetings = search_path.into_iter().chain(query_group).collect();
    let credentials = request.map(|request| Box::new(Temporary::new(request)) as Box<dyn Credentials>);
    Ok(Server::with_dialect(settings, &DIALECT, greetings).with_facts(facts).with_credentials(credentials))
}

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
    drops_collide: true,
    query_groups: true,
    missing_has_no_columns: false,
    // An offset makes the literal a moment with time zone, which no sort key is.
    event_time_offset: false,
    refusal: super::DATABASE_ERROR,
    shared_tests: SharedTests { scan: None, unique: None, query: None, more_workers: None },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serialization_error_is_tried_again() {
        let error = |message: &str| {
            let mut error = ServerError::default();
            error.message = message.to_owned();
            error
        };
        assert_eq!(
            kind_of(&error("ERROR: 1023 DETAIL: Serializable isolation violation on table 1")),
            ErrorKind::Retryable
        );
        assert_eq!(kind_of(&error("permission denied for schema raw")), ErrorKind::Other);
    }
}
