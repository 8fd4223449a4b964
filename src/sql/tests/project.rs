//! Tests of a project's lineage.

use std::borrow::Cow;

use super::super::project::{ColumnInput, NodeCode, NodeInput, NodeLineage, lineage};
use super::super::{Completeness, Dialect, Kind, KnownColumns};
use super::columns_of;
use crate::resource::UniqueId;

fn node<'a>(name: &str, parents: &'a [UniqueId], sql: &'a str) -> NodeInput<'a> {
    NodeInput {
        id: name.into(),
        parents,
        relation: Some(Cow::Owned(format!("\"db\".\"main\".\"{name}\""))),
        known: KnownColumns::none(),
        code: NodeCode::Sql(Cow::Borrowed(sql)),
        added: Vec::new(),
    }
}

fn table<'a>(name: &str, columns: &str) -> NodeInput<'a> {
    NodeInput { known: columns_of(columns), code: NodeCode::Table, ..node(name, &[], "") }
}

fn ids(names: &[&str]) -> Vec<UniqueId> {
    names.iter().map(|name| UniqueId::from(*name)).collect()
}

fn inputs(lineage: &NodeLineage, column: &str) -> Vec<(String, String, Kind)> {
    let column = lineage.columns.iter().find(|have| &*have.name == column).expect("the column is there");
    let shown = |input: &ColumnInput| (input.node.to_string(), input.column.to_string(), input.kind);
    column.inputs.iter().map(shown).collect()
}

fn names(lineage: &NodeLineage) -> Vec<&str> {
    lineage.columns.iter().map(|column| column.name.as_ref()).collect()
}

#[test]
fn columns_go_through_the_project_in_graph_order() {
    let (on_raw, on_staging) = (ids(&["raw"]), ids(&["staging"]));
    // In an order that is not that of the graph.
    let nodes = [
        node("mart", &on_staging, "select t_id, count(name) as n from \"db\".\"main\".\"staging\" group by 1"),
        node("staging", &on_raw, "select id as t_id, * from \"db\".\"main\".\"raw\""),
        table("raw", "id integer, name text"),
    ];
    let found = lineage(&nodes, Dialect::Duckdb);
    assert_eq!(names(&found["staging"]), ["t_id", "id", "name"]);
    assert_eq!(found["staging"].columns[0].data_type.as_deref(), Some("integer"));
    assert_eq!(inputs(&found["mart"], "t_id"), [("staging".into(), "t_id".into(), Kind::Copied)]);
    assert_eq!(inputs(&found["mart"], "n"), [("staging".into(), "name".into(), Kind::Aggregated)]);
    assert_eq!(found["mart"].columns[0].data_type.as_deref(), Some("integer"));
    assert_eq!(found["mart"].influences.len(), 1);
    assert_eq!(found["mart"].unknown, None);
}

#[test]
fn what_cannot_be_read_is_said_and_stops_nothing() {
    let (on_raw, on_broken) = (ids(&["raw"]), ids(&["broken"]));
    let mut broken = node("broken", &on_raw, "select a from (");
    broken.known = columns_of("a integer, ...");
    let mut uncompiled = node("uncompiled", &on_raw, "");
    uncompiled.code = NodeCode::Unreadable(Cow::Borrowed("it was not compiled"));
    let nodes = [table("raw", "id"), broken, uncompiled, node("child", &on_broken, "select a, b from main.broken")];
    let found = lineage(&nodes, Dialect::Postgres);
    assert!(found["broken"].unknown.as_ref().is_some_and(|reason| reason.starts_with("not readable as SQL")));
    assert_eq!(names(&found["broken"]), ["a"]);
    assert_eq!(found["uncompiled"].unknown.as_deref(), Some("it was not compiled"));
    assert_eq!(inputs(&found["child"], "b"), [("broken".into(), "b".into(), Kind::Copied)]);
    assert_eq!(found["child"].columns[0].data_type.as_deref(), Some("integer"));
}

#[test]
fn described_columns_complete_a_star_over_what_is_not_known() {
    let on_raw = ids(&["raw"]);
    let mut staging = node("staging", &on_raw, "select * from db.main.raw");
    staging.known = columns_of("id int, name text, ...");
    let nodes = [table("raw", "?"), staging];
    let found = lineage(&nodes, Dialect::Redshift);
    assert_eq!(inputs(&found["staging"], "name"), [("raw".into(), "name".into(), Kind::Copied)]);
    assert_eq!(found["staging"].unknown.as_deref(), Some("the columns of `db.main.raw` are not known"));
}

#[test]
fn assumptions_and_strangers_are_noted() {
    let on_raw = ids(&["raw"]);
    let nodes = [
        table("raw", "id int, ..."),
        node("staging", &on_raw, "select raw.*, x.y from db.main.raw join elsewhere.x on true"),
    ];
    let found = lineage(&nodes, Dialect::Redshift);
    assert_eq!(
        found["staging"].notes,
        [
            "`*` gives the columns that are known of `raw`; there may be others",
            "`elsewhere.x` is not a node of the project"
        ]
    );
    assert_eq!(inputs(&found["staging"], "y"), []);
}

#[test]
fn a_model_that_names_its_columns_is_whole_whatever_it_reads() {
    let (on_raw, on_staging) = (ids(&["raw"]), ids(&["staging"]));
    let nodes = [
        table("raw", "id int, ..."),
        node("staging", &on_raw, "with x as (select * from db.main.raw) select id, other from x"),
        node("mart", &on_staging, "select * from db.main.staging"),
    ];
    let found = lineage(&nodes, Dialect::Postgres);
    assert!(found["staging"].notes.is_empty() && found["mart"].notes.is_empty());
    assert_eq!(names(&found["mart"]), ["id", "other"]);
    assert_eq!(inputs(&found["staging"], "other"), [("raw".into(), "other".into(), Kind::Copied)]);
}

#[test]
fn an_ephemeral_model_is_a_node_of_its_own() {
    let (on_raw, on_ephemeral) = (ids(&["raw"]), ids(&["e"]));
    let mut ephemeral = node("e", &on_raw, "select id as k from db.main.raw");
    ephemeral.relation = Some("__dbt__cte__e".into());
    let sql = "with __dbt__cte__e as (select id as k from db.main.raw) select k, k + 1 as n from __dbt__cte__e";
    let nodes = [table("raw", "id int"), ephemeral, node("model", &on_ephemeral, sql)];
    let found = lineage(&nodes, Dialect::Duckdb);
    assert_eq!(inputs(&found["model"], "k"), [("e".into(), "k".into(), Kind::Copied)]);
    assert_eq!(inputs(&found["e"], "k"), [("raw".into(), "id".into(), Kind::Renamed)]);
}

#[test]
fn a_node_that_reads_itself_has_no_input_in_itself() {
    let on_raw = ids(&["raw"]);
    let sql = "select id, at from db.main.raw where at > (select max(at) from db.main.model)";
    let nodes = [table("raw", "id, at"), node("model", &on_raw, sql)];
    let found = lineage(&nodes, Dialect::Duckdb);
    assert_eq!(inputs(&found["model"], "at"), [("raw".into(), "at".into(), Kind::Copied)]);
    assert!(found["model"].influences.iter().all(|influence| &*influence.node == "raw"));
}

#[test]
fn a_file_or_a_call_that_is_a_source_is_that_source() {
    let parents = ids(&["csv", "parquet"]);
    let mut csv = table("csv", "a, b");
    csv.relation = Some("read_csv('data/a b.csv', header = true)".into());
    let mut parquet = table("parquet", "c");
    parquet.relation = Some("'data/c.parquet'".into());
    let sql = "select x.a, c from read_csv('data/a b.csv', header = true) as x, 'data/c.parquet'";
    let nodes = [csv, parquet, node("model", &parents, sql)];
    let found = lineage(&nodes, Dialect::Duckdb);
    assert_eq!(inputs(&found["model"], "a"), [("csv".into(), "a".into(), Kind::Copied)]);
    assert_eq!(inputs(&found["model"], "c"), [("parquet".into(), "c".into(), Kind::Copied)]);
}

#[test]
fn a_catalog_is_believed() {
    let on_raw = ids(&["raw"]);
    let mut model = node("model", &on_raw, "select * from db.main.raw");
    model.known = KnownColumns { completeness: Completeness::Complete, ..columns_of("id int, name text") };
    let nodes = [table("raw", "?"), model];
    let found = lineage(&nodes, Dialect::Duckdb);
    assert_eq!(found["model"].unknown, None);
    assert_eq!(inputs(&found["model"], "id"), [("raw".into(), "id".into(), Kind::Copied)]);
}

#[test]
fn nodes_in_a_circle_are_left_out() {
    let (on_a, on_b) = (ids(&["a"]), ids(&["b"]));
    let nodes = [node("a", &on_b, "select 1 as x"), node("b", &on_a, "select 1 as x")];
    assert!(lineage(&nodes, Dialect::Duckdb).is_empty());
}

/// A project of 10,000 models where the build is optimised; the bound is for slow machines.
#[test]
fn many_models_are_read_in_no_time() {
    let count = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
    let columns: Vec<String> = (0..20).map(|column| format!("c{column} as c{column}")).collect();
    let parents: Vec<Vec<UniqueId>> = (0..count).map(|place: usize| ids(&[&format!("m{}", place / 3)])).collect();
    let texts: Vec<String> = (0..count)
        .map(|place| {
            format!(
                "with source as (select * from \"db\".\"main\".\"m{}\"), renamed as (select {}, upper(c1) as c1_upper \
                 from source where c2 > 1) select * exclude (c1_upper), c1_upper || c3 as c20 from renamed",
                place / 3,
                columns.join(", ")
            )
        })
        .collect();
    let wide: Vec<String> = (0..20).map(|column| format!("c{column} integer")).collect();
    let mut nodes = vec![table("m0", &wide.join(", "))];
    nodes.extend((1..count).map(|place| node(&format!("m{place}"), &parents[place], &texts[place])));
    let begun = std::time::Instant::now();
    let found = lineage(&nodes, Dialect::Duckdb);
    let took = begun.elapsed();
    assert_eq!(found.len(), count);
    assert!(found.values().all(|lineage| lineage.unknown.is_none() && lineage.columns.len() >= 20));
    assert!(took.as_secs() < 120, "{took:?}");
}
