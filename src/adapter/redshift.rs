//! Amazon Redshift, over PostgreSQL's protocol.
//!
//! Follows docs.getdbt.com/reference/resource-configs/redshift-configs and
//! docs.getdbt.com/docs/core/connect-data-platform/redshift-setup. No cluster is reachable where
//! this is tested: the SQL that is sent is held by cases, the answers of a cluster are not.

mod catalog;
mod claims;

use serde_json::{Map, Value};

use super::postgres::{
    DIALECT as POSTGRES, Dialect, FLOATS, INTEGERS, NUMERICS, STRINGS, Server, ServerError, Settings,
    literal_text as literal,
};
use super::{
    Capabilities, ColumnDialect, ConstraintSupport, Constraints, ErrorKind, Facts, Policy, RelationKind, RelationStyle,
    SharedTests,
};
use crate::diagnostic::Diagnostic;

static DIALECT: Dialect = Dialect {
    capabilities: &CAPABILITIES,
    // Redshift knows no more start-up parameters than PostgreSQL 8.0 did.
    session: &[],
    claims: claims::CLAIMS,
    kind_of,
    type_name: POSTGRES.type_name,
    relations: catalog::relations,
    schemas: catalog::schemas,
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
    let text = |key: &str| profile.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    match text("method") {
        None | Some("database") => {}
        Some(
            method @ ("iam"
            | "iam_role"
            | "browser_identity_center"
            | "iam_idc_browser"
            | "oauth_token_identity_center"),
        ) => {
            return Err(Diagnostic::error(format!("`method: {method}` is not built into this version of tform"))
                .note("it signs in with `user` and `password` (`method: database`)")
                .hint("fetch temporary credentials before the run (`aws redshift get-cluster-credentials`) and hand them over by `env_var`"));
        }
        Some(method) => {
            return Err(Diagnostic::error(format!("`{method}` is no method to sign in to Redshift"))
                .suggest(method, ["database", "iam", "iam_role"]));
        }
    }
    for key in ["user", "password"] {
        if text(key).is_none() {
            return Err(Diagnostic::error(format!("`{key}` is missing for an adapter of type `redshift`"))
                .note("`method: database` signs in with `user` and `password`"));
        }
    }
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
        retry_all: flag("retry_all"),
        retries: settings.retries,
        ..Facts::default()
    };
    let greetings = search_path.into_iter().chain(query_group).collect();
    Ok(Server::with_dialect(settings, &DIALECT, greetings).with_facts(facts))
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
    use serde_json::json;

    use super::*;

    fn refused(profile: serde_json::Value) -> String {
        let profile = profile.as_object().cloned().unwrap_or_default();
        from_profile(&profile).err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn ways_to_sign_in_that_are_missing_are_said() {
        assert!(
            refused(json!({"method": "iam", "user": "a"})).contains("`method: iam` is not built into this version")
        );
        assert!(refused(json!({"method": "databse"})).contains("did you mean `database`?"));
        assert!(refused(json!({"user": "a"})).contains("`password` is missing"));
        assert_eq!(refused(json!({"user": "a", "password": "b", "host": "h", "database": "d"})), "");
    }

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
