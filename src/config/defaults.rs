//! The defaults of each resource type's config, in the order in which dbt writes them
//! to `manifest.json` (schema v12).

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::resource::ResourceType;

/// The keys live as long as the program, so that configs need no copies of them.
type Defaults = IndexMap<&'static str, Value, foldhash::fast::FixedState>;

/// The defaults of `resource_type`.
pub fn of(resource_type: ResourceType) -> &'static Defaults {
    match resource_type {
        ResourceType::Model => &MODEL,
        ResourceType::Seed => &SEED,
        ResourceType::Snapshot => &SNAPSHOT,
        ResourceType::Test => &TEST,
        ResourceType::Source => &SOURCE,
        ResourceType::UnitTest => &UNIT_TEST,
        ResourceType::Exposure => &PLAIN,
        ResourceType::Metric => &METRIC,
        ResourceType::SemanticModel => &SEMANTIC_MODEL,
        ResourceType::SavedQuery => &SAVED_QUERY,
        ResourceType::Analysis | ResourceType::Operation | ResourceType::SqlOperation => &NODE,
        ResourceType::Group | ResourceType::Macro | ResourceType::Doc => &NONE,
        ResourceType::Function => &FUNCTION,
    }
}

static MODEL: LazyLock<Defaults> = LazyLock::new(|| {
    table(node_with(
        "view",
        json!({"access": "protected", "freshness": null, "on_error": null,
        "latest_version_pointer": {"enabled": null, "alias": null}}),
    ))
});
static NODE: LazyLock<Defaults> = LazyLock::new(|| table(node_with("view", json!({}))));
static FUNCTION: LazyLock<Defaults> = LazyLock::new(|| {
    let own = json!({"type": "scalar", "volatility": null, "runtime_version": null, "entry_point": null,
        "snowflake": {"quote_args": true}});
    table(node_with("function", own))
});
static SEED: LazyLock<Defaults> =
    LazyLock::new(|| table(node_with("seed", json!({"delimiter": ",", "quote_columns": null}))));
static SNAPSHOT: LazyLock<Defaults> = LazyLock::new(|| {
    table(node_with(
        "snapshot",
        json!({
            "strategy": null, "target_schema": null, "target_database": null, "updated_at": null, "check_cols": null,
            "snapshot_meta_column_names": {"dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null,
                "dbt_updated_at": null, "dbt_is_deleted": null},
            "dbt_valid_to_current": null,
        }),
    ))
});
static TEST: LazyLock<Defaults> = LazyLock::new(|| {
    table(json!({
        "enabled": true, "alias": null, "schema": "dbt_test__audit", "database": null, "tags": [], "meta": {},
        "group": null, "static_analysis": null, "materialized": "test", "severity": "ERROR", "store_failures": null,
        "store_failures_as": null, "where": null, "limit": null, "fail_calc": "count(*)", "warn_if": "!= 0",
        "error_if": "!= 0", "sql_header": null,
    }))
});
static SOURCE: LazyLock<Defaults> = LazyLock::new(|| {
    table(json!({
        "enabled": true, "event_time": null,
        "freshness": {"warn_after": {"count": null, "period": null}, "error_after": {"count": null, "period": null}, "filter": null},
        "loaded_at_field": null, "loaded_at_query": null, "meta": {}, "tags": [], "static_analysis": null,
    }))
});
static UNIT_TEST: LazyLock<Defaults> =
    LazyLock::new(|| table(json!({"tags": [], "meta": {}, "enabled": true, "static_analysis": null})));
static PLAIN: LazyLock<Defaults> = LazyLock::new(|| table(json!({"enabled": true, "tags": [], "meta": {}})));
static METRIC: LazyLock<Defaults> = LazyLock::new(|| table(json!({"enabled": true, "group": null, "meta": {}})));
static SEMANTIC_MODEL: LazyLock<Defaults> =
    LazyLock::new(|| table(json!({"enabled": true, "group": null, "meta": {}})));
static SAVED_QUERY: LazyLock<Defaults> = LazyLock::new(|| {
    table(
        json!({"enabled": true, "group": null, "meta": {}, "export_as": null, "schema": null, "cache": {"enabled": false}}),
    )
});
static NONE: LazyLock<Defaults> = LazyLock::new(|| table(json!({})));

fn node_with(materialized: &str, more: Value) -> Value {
    let mut node = json!({
        "enabled": true, "alias": null, "schema": null, "database": null, "tags": [], "meta": {}, "group": null,
        "static_analysis": null, "materialized": materialized, "incremental_strategy": null, "batch_size": null,
        "lookback": 1, "begin": null, "persist_docs": {}, "post-hook": [], "pre-hook": [], "quoting": {},
        "column_types": {}, "full_refresh": null, "unique_key": null, "on_schema_change": "ignore",
        "on_configuration_change": "apply", "grants": {}, "packages": [], "docs": {"show": true, "node_color": null},
        "contract": {"enforced": false, "alias_types": true}, "event_time": null, "concurrent_batches": null,
    });
    if let (Value::Object(node), Value::Object(more)) = (&mut node, more) {
        node.extend(more);
    }
    node
}

fn table(values: Value) -> Defaults {
    match values {
        Value::Object(map) => map.into_iter().map(|(key, value)| (&*key.leak(), value)).collect(),
        _ => Defaults::default(),
    }
}
