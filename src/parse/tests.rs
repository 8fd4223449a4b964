//! Whole projects, parsed.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::adapter::duckdb::CAPABILITIES;
use crate::jinja::values;
use crate::load::{self, Request};
use crate::manifest::{Detail, Node};

/// A folder with a project of the given files; `dbt_project.yml` and a profile are there
/// unless given.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let profile = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: 'shop.duckdb', schema: main}\n";
    let defaults = [("dbt_project.yml", "name: shop\nprofile: shop\n"), ("profiles.yml", profile)];
    for (path, text) in defaults.iter().chain(files) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(root: &Path) -> ProjectFiles {
    let request = Request::of_folder(root, [("HOME", "/home/user")]);
    load::project(&request).unwrap_or_else(|problems| panic!("{problems}")).value
}

fn parse_files(files: &ProjectFiles) -> Result<Warned<Parsed>, Diagnostics> {
    parse_inputs(files).map_err(|broken| broken.problems)
}

fn parse_inputs(files: &ProjectFiles) -> Result<Warned<Parsed>, Box<Broken>> {
    let globals = Arc::new(Globals {
        vars: files.vars.clone(),
        env: files.environment.clone(),
        project_name: files.root().name.to_string(),
        dbt_version: crate::invocation::DBT_VERSION,
        invocation_id: "id".to_owned(),
        run_started_at: values::none(),
        target: values::from_json(&serde_json::Value::Object(files.target.to_json())),
        flags: values::dict(Default::default()),
        invocation_args: values::dict(Default::default()),
        metadata_envs: values::dict(Default::default()),
        selected_resources: OnceLock::new(),
        runtime_config: Value::from(()),
        engine: OnceLock::new(),
    });
    manifest(&Inputs {
        files,
        globals: &globals,
        capabilities: &CAPABILITIES,
        adapter: values::none(),
        api: values::none(),
        external_location: |_| None,
        engine: EngineOptions::new("shop"),
        settings: Settings::default(),
    })
}

/// Parses a project that has no mistakes.
fn parse(files: &[(&str, &str)]) -> Manifest {
    let folder = folder(files);
    let files = load(folder.path());
    parse_files(&files).unwrap_or_else(|problems| panic!("{problems}")).value.manifest
}

/// What is said of a project: problems, or warnings if there are no errors.
fn said(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let files = load(folder.path());
    match parse_files(&files) {
        Ok(parsed) => parsed.warnings.to_string(),
        Err(problems) => problems.to_string(),
    }
}

fn node<'m>(manifest: &'m Manifest, id: &str) -> &'m Node {
    manifest.nodes.get(id).unwrap_or_else(|| panic!("no {id} in {:?}", manifest.nodes.keys().collect::<Vec<_>>()))
}

#[test]
fn a_model_has_what_its_file_and_its_properties_say() {
    let manifest = parse(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nmodels:\n  shop:\n    staging:\n      +materialized: table\n      +tags: daily\n",
        ),
        (
            "models/staging/orders.sql",
            "\n{{ config(tags=['raw']) }}\nselect * from {{ ref('items') }} join {{ source('s', 't') }}\n",
        ),
        ("models/items.sql", "{% set x = 1 %}select {{ x }} as id, '{{ var('v', 'd') }}' as v"),
        (
            "models/schema.yml",
            "models:\n  - name: orders\n    description: All {{ doc('orders') }}.\n    config: {meta: {owner: me}, alias: the_orders}\n    \
             columns:\n      - {name: id, data_type: int, tests: [unique, not_null]}\n",
        ),
        ("models/docs.md", "{% docs orders %}orders{% enddocs %}"),
        ("models/sources.yml", "sources: [{name: s, tables: [{name: t}]}]"),
    ]);
    let orders = node(&manifest, "model.shop.orders");
    assert_eq!(orders.config.materialized(), "table");
    assert_eq!(orders.tags, ["daily", "raw"]);
    assert_eq!(orders.description, "All orders.");
    assert_eq!(&*orders.doc_blocks[0], "doc.shop.orders");
    assert_eq!((orders.alias.as_str(), orders.schema.as_str()), ("the_orders", "main"));
    assert_eq!(orders.relation_name.as_deref(), Some("\"shop\".\"main\".\"the_orders\""));
    assert_eq!(orders.fqn, ["shop", "staging", "orders"]);
    assert_eq!(orders.meta, *json!({"owner": "me"}).as_object().unwrap());
    let code = orders.code().unwrap();
    assert_eq!((code.refs[0].name.as_str(), code.sources[0].1.as_str()), ("items", "t"));
    assert_eq!(orders.patch_path.as_deref(), Some("shop://models/schema.yml"));
    let test = node(&manifest, "test.shop.unique_orders_id.1360ecc70e");
    assert_eq!(test.generic_test().unwrap().attached_node.as_deref(), Some("model.shop.orders"));
    assert_eq!(test.schema, "main_dbt_test__audit");
    assert!(manifest.sources.contains_key("source.shop.s.t"));
    assert!(manifest.macros.contains_key("macro.dbt.test_unique"));
}

#[test]
fn versions_are_models_of_one_name() {
    let manifest = parse(&[
        ("models/m_v1.sql", "select 1 as a, 2 as b"),
        ("models/m.sql", "select 1 as a"),
        (
            "models/m.yml",
            "models:\n  - name: m\n    latest_version: 2\n    columns: [{name: a, tests: [unique]}, {name: b}]\n    \
             versions: [{v: 1}, {v: 2, columns: [{include: all, exclude: [b]}], config: {alias: m}}]\n",
        ),
    ]);
    let (first, second) = (node(&manifest, "model.shop.m.v1"), node(&manifest, "model.shop.m.v2"));
    assert_eq!((first.alias.as_str(), second.alias.as_str()), ("m_v1", "m"));
    assert_eq!((first.columns.len(), second.columns.len()), (2, 1));
    assert_eq!(first.fqn, ["shop", "m", "v1"]);
    let tests: Vec<&str> =
        manifest.nodes.values().filter(|node| node.generic_test().is_some()).map(|node| node.name.as_str()).collect();
    assert_eq!(tests, ["unique_m_v1_a", "unique_m_v2_a"]);
}

#[test]
fn what_is_disabled_stands_apart() {
    let manifest = parse(&[
        ("models/a.sql", "{{ config(enabled=false) }} select 1"),
        ("models/b.sql", "select 1"),
        ("models/p.yml", "models: [{name: b, config: {enabled: false}}]"),
    ]);
    assert!(manifest.nodes.is_empty());
    assert_eq!(manifest.disabled.len(), 2);
}

#[test]
fn seeds_snapshots_hooks_and_singular_tests_are_nodes() {
    let manifest = parse(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\non-run-start: [\"select 1\", \"{{ log('x') }}\"]\n"),
        ("seeds/s.csv", "a\n1\n"),
        (
            "snapshots/snap.sql",
            "{% snapshot snap %}{{ config(strategy='check', unique_key='a', check_cols='all') }} select * from {{ ref('s') }}{% endsnapshot %}",
        ),
        (
            "snapshots/y.yml",
            "snapshots: [{name: y, relation: ref('s'), config: {strategy: timestamp, unique_key: a, updated_at: b}}]",
        ),
        ("tests/t.sql", "select * from {{ ref('s') }}"),
        ("analyses/an.sql", "select 1"),
    ]);
    let ids: Vec<&str> = manifest.nodes.keys().map(|id| &**id).collect();
    for id in [
        "seed.shop.s",
        "snapshot.shop.snap",
        "snapshot.shop.y",
        "test.shop.t",
        "analysis.shop.an",
        "operation.shop.shop-on-run-start-0",
        "operation.shop.shop-on-run-start-1",
    ] {
        assert!(ids.contains(&id), "{id} is not in {ids:?}");
    }
    assert_eq!(node(&manifest, "snapshot.shop.snap").fqn, ["shop", "snap", "snap"]);
    assert_eq!(&*node(&manifest, "snapshot.shop.y").raw_code, "select * from {{ ref('s') }}");
    assert!(
        matches!(node(&manifest, "operation.shop.shop-on-run-start-1").detail, Detail::Hook(ref hook) if hook.index == Some(1))
    );
}

#[test]
fn every_mistake_is_said_with_its_place() {
    let text = said(&[
        ("models/a.sql", "select {{ 1 + }}"),
        ("models/b.sql", "{{ config(materialized=1) }} select 1"),
        ("models/sub/c.sql", "select 1"),
        ("models/c.sql", "select 1"),
        (
            "models/p.yml",
            "models:\n  - name: c\n    descripton: x\n    columns:\n      - name: id\n        tests:\n          - uniqe\n          - not_null:\n            config: {}\n  - name: nothing\n",
        ),
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn a_table_of_a_source_has_what_it_and_its_source_say() {
    let manifest = parse(&[(
        "models/sources.yml",
        "sources:\n  - name: raw\n    schema: \"{{ 'raw' ~ '_s' }}\"\n    loaded_at_field: at\n    tags: [b]\n    meta: {x: 1}\n    \
         freshness: {warn_after: {count: 1, period: day}}\n    tables:\n      - name: orders\n        identifier: ords\n        \
         tags: [a]\n        freshness: {error_after: {count: 2, period: day}}\n        columns: [{name: id, tests: [unique]}]\n      \
         - {name: items, freshness: null, loaded_at_field: null}\n      - {name: gone, config: {enabled: false}}\n",
    )]);
    let orders = &manifest.sources["source.shop.raw.orders"];
    assert_eq!(orders.relation_name.as_deref(), Some("\"shop\".\"raw_s\".\"ords\""));
    assert_eq!(orders.tags, ["a", "b"]);
    let freshness = orders.freshness.as_ref().unwrap();
    let count = |threshold: &Option<crate::manifest::Threshold>| threshold.as_ref().and_then(|one| one.count);
    assert_eq!((count(&freshness.warn_after), count(&freshness.error_after)), (Some(1), Some(2)));
    assert_eq!(orders.unrendered_schema.as_deref(), Some("{{ 'raw' ~ '_s' }}"));
    let items = &manifest.sources["source.shop.raw.items"];
    assert!(items.freshness.is_none() && items.loaded_at_field.is_none());
    assert!(manifest.disabled.contains_key("source.shop.raw.gone"));
    let test = manifest.nodes.values().find(|node| node.generic_test().is_some()).unwrap();
    assert_eq!(test.name, "source_unique_raw_orders_id");
    assert_eq!(test.code().unwrap().sources[0].0, "raw");
}

#[test]
fn unit_tests_have_the_rows_of_their_fixtures() {
    let manifest = parse(&[
        ("models/a.sql", "select 1 as id"),
        ("models/m_v1.sql", "select 1 as id"),
        ("models/m_v2.sql", "select 1 as id"),
        ("tests/fixtures/rows.csv", "id,b\n1,\n"),
        (
            "models/p.yml",
            "models: [{name: m, versions: [{v: 1}, {v: 2}]}]\nunit_tests:\n  - {name: u, model: m, versions: {exclude: [1]}, given: [], \
             expect: {format: csv, fixture: rows}}\n  - {name: w, model: a, given: [{input: ref('m'), rows: [{x: null}, {x: 1}]}], \
             expect: {rows: []}}\n",
        ),
    ]);
    let ids: Vec<&str> = manifest.unit_tests.keys().map(|id| &**id).collect();
    assert_eq!(ids, ["unit_test.shop.m.u", "unit_test.shop.a.w"]);
    let test = &manifest.unit_tests["unit_test.shop.m.u"];
    assert_eq!(test.expect.rows, json!([{"id": "1", "b": null}]));
    assert_eq!(manifest.unit_tests["unit_test.shop.a.w"].given[0].rows, json!([{"x": 1}, {"x": null}]));
}

#[test]
fn exposures_groups_functions_and_the_semantic_layer_are_kept() {
    let manifest = parse(&[
        ("models/orders.sql", "select 1 as id"),
        ("models/days.sql", "select current_date as day"),
        (
            "models/days.yml",
            "models: [{name: days, time_spine: {standard_granularity_column: day}, columns: [{name: day, granularity: day}]}]",
        ),
        ("functions/f.sql", "a > 0"),
        (
            "models/p.yml",
            "groups: [{name: g, owner: {name: me}}]\nexposures: [{name: e, type: ml, owner: {email: a@b.c}, depends_on: [\"ref('orders')\"]}]\n\
             semantic_models: [{name: sold, model: ref('orders'), primary_entity: sale, dimensions: [{name: sold_at, type: time}], measures: [{name: total, agg: sum, agg_time_dimension: sold_at, create_metric: true}]}]\n\
             metrics: [{name: sum, label: M, type: simple, type_params: {measure: total}}]\n\
             saved_queries: [{name: sums, query_params: {metrics: [sum]}}]\n",
        ),
        (
            "functions/f.yml",
            "functions: [{name: f, arguments: [{name: a, data_type: int}], returns: {data_type: boolean}}]",
        ),
    ]);
    assert_eq!(manifest.exposures["exposure.shop.e"].refs[0].name, "orders");
    assert!(manifest.groups.contains_key("group.shop.g"));
    assert_eq!(manifest.semantic_models["semantic_model.shop.sold"].body["node_relation"]["alias"], "orders");
    let metrics: Vec<&str> = manifest.metrics.keys().map(|id| &**id).collect();
    assert_eq!(metrics.len(), 2);
    assert!(manifest.saved_queries.contains_key("saved_query.shop.sums"));
    let function = manifest.functions["function.shop.f"].function().expect("a function");
    assert_eq!(function.returns["data_type"], "boolean");
}

#[test]
fn names_come_from_the_macros_of_the_project() {
    let manifest = parse(&[
        (
            "macros/n.sql",
            "{% macro generate_schema_name(custom, node) %}{{ custom or 'plain' }}{% endmacro %}{% macro generate_alias_name(custom_alias_name=none, node=none) %}x_{{ node.name }}{% endmacro %}",
        ),
        ("models/a.sql", "{{ config(schema='own') }} select 1"),
        ("models/b.sql", "select 1"),
    ]);
    let names = |id: &str| (node(&manifest, id).schema.clone(), node(&manifest, id).alias.clone());
    assert_eq!(names("model.shop.a"), ("own".into(), "x_a".into()));
    assert_eq!(names("model.shop.b"), ("plain".into(), "x_b".into()));
}

#[test]
fn custom_tests_are_rendered_for_their_refs_and_configs() {
    let manifest = parse(&[
        ("models/a.sql", "select 1 as id"),
        ("models/b.sql", "select 1 as id"),
        (
            "tests/generic/t.sql",
            "{% test same_as(model, column_name, other) %}{{ config(fail_calc='max(n)') }} select * from {{ model }} join {{ ref('b') }} {% endtest %}",
        ),
        (
            "models/p.yml",
            "models: [{name: a, columns: [{name: id, tests: [{same_as: {arguments: {other: ref('b')}, config: {where: 'id > 1', severity: warn}}}]}]}]",
        ),
    ]);
    let test = manifest.nodes.values().find(|node| node.generic_test().is_some()).unwrap();
    assert_eq!((test.config.text("fail_calc"), test.config.text("severity")), (Some("max(n)"), Some("warn")));
    let refs: Vec<&str> = test.code().unwrap().refs.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(refs, ["b", "a", "b"]);
    assert_eq!(
        &*test.raw_code,
        "{{ test_same_as(**_dbt_generic_test_kwargs) }}{{ config(severity=\"warn\",where=\"id > 1\") }}"
    );
}

#[test]
fn what_is_wrong_between_resources_is_said() {
    let text = said(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\nmodels: {shop: {nowhere: {+enabled: false}}}\n"),
        ("models/a.sql", "{{ config(group='sales') }} select 1"),
        ("models/b.sql", "{{ config(materialized='ephemeral', access='public') }} select 1"),
        (
            "snapshots/s.sql",
            "{% snapshot s %}{{ config(strategy='check', unique_key='id') }} select 1{% endsnapshot %}",
        ),
        ("models/p.yml", "models: [{name: a, description: one}]\ngroups: [{name: sale, owner: {name: x}}]"),
        (
            "models/q.yml",
            "models: [{name: a, columns: [{name: id, tests: [unique, unique]}]}]\nunit_tests: [{name: u, model: c, given: [], expect: {rows: []}}]",
        ),
    ]);
    insta::assert_snapshot!(text);
}
