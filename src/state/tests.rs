//! What counts as a change, what is deferred, what is retried.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::artifact::{BatchResults, RunResult};
use crate::event::Status;
use crate::graph::{ResolveOptions, resolve, table};
use crate::invocation::Which;
use crate::manifest::{ColumnInfo, Columns, Contract, Detail, Macro, Node, RareFacts, Version};
use crate::resource::UniqueId;

const PROJECT: &str = "source raw.orders
    seed codes
    model a <- raw.orders, codes | macros=macro.shop.outer,macro.dbt.is_incremental
    model b <- a
    test t <- a | generic=not_null column=id
    test single <- a
    exposure e <- b
    unit_test u <- b | checksum=1
    semantic_model s <- b | measure=total
    metric m | measure=total";

fn with_macro(mut manifest: Manifest, id: &str, sql: &str, calls: &[&str]) -> Manifest {
    let package = id.split('.').nth(1).unwrap();
    let value = json!({"name": id, "resource_type": "macro", "package_name": package, "path": "", "unique_id": id,
        "original_file_path": "", "macro_sql": sql, "depends_on": {"macros": calls}, "description": "", "meta": {},
        "docs": {}, "arguments": [], "created_at": 0.0});
    let made: Macro = serde_json::from_value(value).unwrap();
    manifest.macros.insert(UniqueId::from(id), Arc::new(made));
    manifest
}

fn project() -> Manifest {
    let manifest = resolve(table::manifest(PROJECT), &ResolveOptions::default()).unwrap().value.into_manifest();
    let manifest = with_macro(manifest, "macro.shop.outer", "{{ inner() }}", &["macro.shop.inner"]);
    let manifest = with_macro(manifest, "macro.shop.inner", "1", &[]);
    with_macro(manifest, "macro.dbt.is_incremental", "1", &[])
}

fn change(manifest: &mut Manifest, id: &str, change: impl FnOnce(&mut Node)) {
    change(Arc::make_mut(manifest.nodes.get_mut(id).unwrap()));
}

/// The last parts of the ids that have the aspect, after `edit`.
fn changed(aspect: &str, edit: impl FnOnce(&mut Manifest)) -> Vec<String> {
    let previous = project();
    let mut current = project();
    edit(&mut current);
    let comparison = Comparison::new(&current, &previous, false);
    let aspect = Aspect::from_name(aspect).unwrap();
    let found = current.resources().filter(|resource| comparison.is(*resource, aspect));
    found.map(|resource| resource.name().to_owned()).collect()
}

#[test]
fn nothing_changes_by_itself() {
    assert!(changed("modified", |_| {}).is_empty());
    assert!(changed("new", |_| {}).is_empty());
    assert_eq!(changed("old", |_| {}).len(), 10);
    assert_eq!(changed("unmodified", |_| {}).len(), 10);
}

#[test]
fn line_endings_targets_tags_and_our_own_macros_are_no_changes() {
    let edit = |manifest: &mut Manifest| {
        change(manifest, "model.shop.a", |node| {
            node.raw_code = Arc::from(node.raw_code.replace('\n', "\r\n") + "\n");
            node.schema = "ci_123".to_owned();
            node.relation_name = Some("elsewhere".to_owned());
            node.unrendered_config.insert("tags".to_owned(), json!(["x"]));
            node.unrendered_config.insert("group".to_owned(), json!("x"));
            node.description = "not persisted".to_owned();
        });
        *manifest = with_macro(std::mem::take(manifest), "macro.dbt.is_incremental", "rewritten", &[]);
    };
    assert!(changed("modified", edit).is_empty());
}

#[test]
fn each_kind_of_change_is_found_by_its_aspect_and_by_modified() {
    type Edit = fn(&mut Manifest);
    let cases: [(&str, Edit, &[&str]); 9] = [
        ("modified.body", |m| change(m, "model.shop.a", |node| node.raw_code = Arc::from("select 2")), &["a"]),
        (
            "modified.body",
            |m| change(m, "seed.shop.codes", |node| node.checksum.checksum = "new".to_owned()),
            &["codes"],
        ),
        (
            "modified.configs",
            |m| {
                change(m, "model.shop.a", |node| {
                    drop(node.unrendered_config.insert("materialized".into(), json!("table")))
                })
            },
            &["a"],
        ),
        (
            "modified.configs",
            |m| {
                change(m, "test.shop.t.0123456789", |node| {
                    drop(node.unrendered_config.insert("severity".into(), json!("warn")))
                })
            },
            &["t"],
        ),
        (
            "modified.relation",
            |m| change(m, "model.shop.a", |node| drop(node.unrendered_config.insert("alias".into(), json!("other")))),
            &["a"],
        ),
        (
            "modified.persisted_descriptions",
            |m| {
                change(m, "model.shop.a", |node| {
                    node.config.set("persist_docs", json!({"relation": true}));
                    node.description = "new".to_owned();
                });
            },
            &["a"],
        ),
        (
            "modified.contract",
            |m| {
                change(m, "model.shop.b", |node| {
                    if let Some(code) = node.code_mut() {
                        code.contract.enforced = true;
                    }
                });
            },
            &["b"],
        ),
        ("modified.macros", |m| *m = with_macro(std::mem::take(m), "macro.shop.inner", "2", &[]), &["a"]),
        (
            "modified",
            |m| {
                change(m, "model.shop.b", |node| {
                    if let Detail::Model(model) = &mut node.detail {
                        model.access = crate::manifest::Access::Public;
                    }
                });
            },
            &["b"],
        ),
    ];
    for (aspect, edit, expected) in cases {
        assert_eq!(changed(aspect, edit), expected, "{aspect}");
        assert_eq!(changed("modified", edit), expected, "modified, for {aspect}");
    }
}

#[test]
fn other_resources_change_too() {
    let edit = |manifest: &mut Manifest| {
        Arc::make_mut(&mut manifest.sources[0]).identifier = "orders_v2".to_owned();
        Arc::make_mut(&mut manifest.exposures[0]).url = Some("https://example.com".to_owned());
        Arc::make_mut(&mut manifest.unit_tests[0]).checksum = Some("2".to_owned());
        Arc::make_mut(&mut manifest.metrics[0]).body.insert("description".to_owned(), json!("new"));
    };
    assert_eq!(changed("modified", edit), ["orders", "e", "u", "m"]);
    assert_eq!(changed("modified.relation", edit), ["orders"]);
}

#[test]
fn new_nodes_are_modified() {
    let current = project();
    let mut previous = project();
    previous.nodes.shift_remove("model.shop.a");
    let comparison = Comparison::new(&current, &previous, false);
    let a = current.resource("model.shop.a").unwrap();
    for aspect in [Aspect::New, Aspect::Modified, Aspect::Body, Aspect::Contract, Aspect::Relation] {
        assert!(comparison.is(a, aspect), "{aspect:?}");
    }
}

fn contracted(version: Option<i64>, checksum: &str, columns: &[(&str, &str)]) -> impl FnOnce(&mut Node) {
    let columns = columns.iter().map(|(name, data_type)| {
        let constraints = vec![json!({"type": "not_null"})];
        let (name, data_type) = ((*name).to_owned(), Some((*data_type).to_owned()));
        let rest = RareFacts { constraints, ..RareFacts::default() }.into();
        ColumnInfo { name, data_type, rest, ..ColumnInfo::default() }
    });
    let columns: Columns = columns.collect();
    let checksum = Some(checksum.to_owned());
    move |node| {
        node.columns = columns;
        node.config.set("materialized", json!("table"));
        if let Detail::Model(model) = &mut node.detail {
            model.version = version.map(Version::Number);
            model.code.contract = Contract { enforced: true, alias_types: true, checksum };
        }
    }
}

#[test]
fn contracts_break_by_what_goes_not_by_what_comes() {
    let broken = |version: Option<i64>, edit: &dyn Fn(&mut Manifest)| {
        let mut previous = project();
        change(&mut previous, "model.shop.b", contracted(version, "1", &[("id", "varchar(3)"), ("n", "int")]));
        let mut current = previous.clone();
        edit(&mut current);
        let comparison = Comparison::new(&current, &previous, false);
        let broken = comparison
            .broken_contracts(&["not_null", "check", "unique", "primary_key", "foreign_key"], chrono::Utc::now());
        broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let columns = |columns: &'static [(&str, &str)], version| {
        broken(version, &move |manifest| change(manifest, "model.shop.b", contracted(version, "2", columns)))
    };
    assert_eq!(columns(&[("id", "VARCHAR(9)"), ("n", "int"), ("new", "int")], None), "");
    let said = columns(&[("id", "int")], None);
    assert!(said.starts_with("warning: Breaking change to contracted, unversioned model b (models/b.sql)"), "{said}");
    assert!(said.contains("Columns were removed: n"), "{said}");
    assert!(said.contains("Columns with data_type changes: id (varchar(3) -> int)"), "{said}");
    assert!(columns(&[("id", "int")], Some(1)).starts_with("error: Breaking Change to Contract"));
    let said = broken(None, &|manifest| {
        change(manifest, "model.shop.b", |node| {
            node.config.set("materialized", json!("view"));
            node.columns.values_mut().take(1).for_each(|column| column.rest.constraints.clear());
            if let Some(code) = node.code_mut() {
                code.contract.enforced = false;
            }
        });
    });
    for part in ["Contract enforcement was removed", "'not_null' constraint on column id", "table -> view"] {
        assert!(said.contains(part), "{said}");
    }
    let gone = |manifest: &mut Manifest| drop(manifest.nodes.shift_remove("model.shop.b"));
    assert!(broken(None, &gone).contains("Contracted model 'model.shop.b' was deleted or renamed."));
    let long_past = |manifest: &mut Manifest| {
        if let Detail::Model(model) = &mut Arc::make_mut(&mut manifest.nodes["model.shop.b"]).detail {
            model.deprecation_date = Some("2020-01-01".to_owned());
        }
    };
    let mut previous = project();
    change(&mut previous, "model.shop.b", contracted(None, "1", &[]));
    long_past(&mut previous);
    let mut current = previous.clone();
    gone(&mut current);
    assert!(
        Comparison::new(&current, &previous, false)
            .broken_contracts(&["not_null", "check", "unique", "primary_key", "foreign_key"], chrono::Utc::now())
            .is_empty()
    );
}

#[test]
fn what_is_not_built_here_is_read_where_the_state_has_it() {
    let current = project();
    let mut previous = project();
    change(&mut previous, "model.shop.a", |node| node.schema = "prod".to_owned());
    change(&mut previous, "model.shop.b", |node| node.config.set("materialized", json!("ephemeral")));
    let deferral = Deferral::new(&current, &previous, false);
    let schema = |is_selected, exists: bool| {
        deferral.relation("model.shop.a", is_selected, || exists).map(|relation| relation.schema.clone())
    };
    assert_eq!(schema(false, false).as_deref(), Some("prod"));
    assert_eq!(schema(false, true), None);
    assert!(deferral.relation("model.shop.b", false, || false).is_none(), "an ephemeral model is nowhere");
    let favored = Deferral::new(&current, &previous, true);
    assert!(favored.relation("model.shop.a", false, || true).is_some());
    assert!(favored.relation("model.shop.a", true, || true).is_none());
}

#[test]
fn what_failed_or_was_skipped_is_run_again() {
    let results = [
        ("model.p.a", Status::Success),
        ("model.p.b", Status::Error),
        ("model.p.c", Status::Skipped),
        ("test.p.t", Status::Warn),
        ("model.p.d", Status::PartialSuccess),
        ("operation.p.h", Status::Error),
    ];
    let mut results: Vec<RunResult> =
        results.iter().map(|(id, status)| RunResult::new(&UniqueId::from(*id), *status)).collect();
    let span = |day: &str| (day.to_owned(), day.to_owned());
    results[4].batch_results = Some(BatchResults { successful: vec![span("1")], failed: vec![span("2")] });
    let mut run = RunResults { results, ..RunResults::default() };
    let folder = Path::new("target");
    assert!(retry::retry(Some(&run), folder, false).unwrap_err().message.contains("cannot be retried"));
    run.args.insert("which".to_owned(), json!("build"));
    let again = retry::retry(Some(&run), folder, false).unwrap();
    assert_eq!(again.ids.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["model.p.b", "model.p.c", "model.p.d"]);
    assert_eq!((again.which, again.batches.len()), (Which::Build, 1));
    assert_eq!(retry::retry(Some(&run), folder, true).unwrap().ids.len(), 4);
    let none = retry::retry(None, folder, false).unwrap_err().message;
    assert_eq!(none, "Could not find previous run in 'target' target directory");
}

#[test]
fn a_folder_without_artifacts_is_an_empty_state() {
    let folder = tempfile::tempdir().unwrap();
    let state = read(folder.path(), folder.path()).unwrap();
    assert!(state.value.manifest.is_none() && state.value.results.is_none());
    assert!(state.warnings.to_string().contains("directories are the same"));
    std::fs::write(folder.path().join("manifest.json"), "{").unwrap();
    assert!(read(folder.path(), Path::new("other")).unwrap_err().to_string().contains("cannot read the artifact"));
}
