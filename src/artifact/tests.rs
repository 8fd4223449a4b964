//! Writing and reading artifacts back.

use serde_json::json;

use super::*;
use crate::graph::{ResolveOptions, resolve, table};

#[test]
fn a_manifest_is_read_back_as_it_was_written() {
    let text = "source raw.orders | tags=a
         group g
         seed codes
         model b <- codes, raw.orders | tags=x materialized=table group=g config.unique_key=id
         model v <- b | version=1 latest=1
         model off | disabled
         snapshot s <- b
         test n <- b | generic=not_null column=id
         test single <- b
         analysis an <- b
         exposure e <- b
         unit_test u <- b
         semantic_model sm <- b | measure=total
         metric m | measure=total
         saved_query q | metrics=m";
    let mut manifest = table::manifest(text);
    manifest.metadata.dbt_schema_version = MANIFEST_SCHEMA.to_owned();
    let resolved = |manifest: Manifest| resolve(manifest, &ResolveOptions::default()).unwrap().value;
    let write = |graph: &Graph| {
        let mut text = Vec::new();
        super::manifest::write(&mut text, graph).unwrap();
        String::from_utf8(text).unwrap()
    };
    let graph = resolved(manifest);
    let written = write(&graph);
    let read = read::parse_manifest(&written).unwrap_or_else(|problem| panic!("{problem}\n{written}"));
    let again: Value = serde_json::from_str(&write(&resolved(read.clone()))).unwrap();
    let first: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(first["nodes"].as_object().unwrap().len(), graph.manifest().nodes.len());
    for (key, value) in first.as_object().unwrap() {
        if key != "docs" {
            assert_eq!(&again[key], value, "{key}");
        }
    }
    assert_eq!(read.nodes["model.shop.b"].config.materialized(), "table");
    assert_eq!(read.nodes["seed.shop.codes"].config.resource_type(), crate::resource::ResourceType::Seed);
}

#[test]
fn a_manifest_says_who_stands_on_whom_and_who_is_in_which_group() {
    let text = "source raw.orders
         group g
         seed codes
         model b <- codes, raw.orders, codes | group=g
         model c <- b | group=g
         test n <- b | generic=not_null column=id
         exposure e <- b";
    let graph = resolve(table::manifest(text), &ResolveOptions::default()).unwrap().value;
    let mut text = Vec::new();
    super::manifest::write(&mut text, &graph).unwrap();
    let written: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(written["parent_map"].as_object().unwrap().len(), 6);
    assert_eq!(written["parent_map"]["model.shop.b"], json!(["seed.shop.codes", "source.shop.raw.orders"]));
    assert_eq!(written["parent_map"]["source.shop.raw.orders"], json!([]));
    assert_eq!(written["child_map"]["seed.shop.codes"], json!(["model.shop.b"]));
    let below = written["child_map"]["model.shop.b"].as_array().unwrap();
    assert_eq!(below.len(), 3);
    assert!(below.is_sorted_by_key(|id| id.as_str()), "{below:?}");
    assert_eq!(written["group_map"], json!({"g": ["model.shop.b", "model.shop.c"]}));
}

#[test]
fn older_manifests_are_read_and_those_that_cannot_be_are_named() {
    let old = r#"{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v8.json"},
        "nodes": {"model.p.a": {"resource_type": "model", "unique_id": "model.p.a", "name": "a", "refs": [["b"], ["q", "c"]],
            "raw_sql": "select 1", "checksum": {"name": "sha256", "checksum": "x"}, "config": {"materialized": "view"}}},
        "sources": {}, "macros": {}, "disabled": null}"#;
    let manifest = read::parse_manifest(old).unwrap();
    let node = &manifest.nodes["model.p.a"];
    assert_eq!(&*node.raw_code, "select 1");
    assert_eq!(node.code().unwrap().refs[1].package.as_deref(), Some("q"));
    for (schema, said) in [("v3", "the oldest"), ("v20", "the newest")] {
        let text = old.replace("v8", schema);
        assert!(read::parse_manifest(&text).unwrap_err().contains(said));
    }
    assert!(read::parse_manifest("{}").unwrap_err().contains("does not say which schema"));
}

#[test]
fn files_appear_whole_and_nothing_stays_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("deep/target");
    let results = RunResults {
        results: vec![RunResult::new(&UniqueId::from("model.p.a"), Status::Success)],
        ..RunResults::default()
    };
    write(&target, RUN_RESULTS, &results).unwrap();
    assert_eq!(read::run_results(&target.join(RUN_RESULTS)).unwrap(), Some(results.clone()));
    let refused = write_file(&target.join(RUN_RESULTS), |_| Err(std::io::Error::other("no space left")));
    assert!(refused.unwrap_err().message.contains("no space left"));
    assert_eq!(read::run_results(&target.join(RUN_RESULTS)).unwrap(), Some(results), "the old one stays");
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
    assert_eq!(read::sources(&target.join(SOURCES)).unwrap(), None);
}

#[test]
fn how_long_nodes_took_is_known_from_commands_that_ran_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RUN_RESULTS);
    let id = UniqueId::from("model.p.a");
    for (which, known) in [("build", Some(1.5)), ("retry", Some(1.5)), ("compile", None), ("generate", None)] {
        let mut results = RunResults {
            results: vec![RunResult { execution_time: 1.5, ..RunResult::new(&id, Status::Success) }],
            ..RunResults::default()
        };
        results.args.insert("which".to_owned(), which.into());
        write(folder.path(), RUN_RESULTS, &results).unwrap();
        let durations = read::durations(&path).unwrap();
        assert_eq!(durations.and_then(|durations| durations.get(&id).copied()), known, "{which}");
    }
    assert_eq!(read::durations(&folder.path().join("nowhere.json")).unwrap(), None);
}

#[test]
fn a_large_file_takes_the_place_of_a_larger_one_and_leaves_nothing_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MANIFEST);
    let megabyte = vec![b'x'; 1 << 20];
    // Renamed to where there is nothing, exchanged, renamed onto it, and exchanged with a small one.
    for (megabytes, last) in [(6, "a"), (5, "b"), (1, "c"), (7, "d")] {
        write_file(&path, |file| {
            (0..megabytes).try_for_each(|_| file.write_all(&megabyte))?;
            file.write_all(last.as_bytes())
        })
        .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!((text.len(), text.ends_with(last)), ((megabytes << 20) + 1, true));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    // A folder of that name is nobody's to move away.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    write_file(&path, |file| (0..6).try_for_each(|_| file.write_all(&megabyte))).unwrap_err();
    assert!(path.is_dir());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn freshness_is_a_measurement_or_an_error() {
    let text = r#"{"metadata": {}, "elapsed_time": 0.1, "results": [
        {"unique_id": "source.p.raw.t", "status": "pass", "max_loaded_at": "2026-01-01T00:00:00+00:00",
         "snapshotted_at": "2026-01-02T00:00:00+00:00", "max_loaded_at_time_ago_in_s": 86400.0,
         "criteria": {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": null, "period": null}, "filter": null},
         "adapter_response": {}, "timing": [], "thread_id": "Thread-1", "execution_time": 0.01},
        {"unique_id": "source.p.raw.u", "status": "runtime error", "error": "no such table"}]}"#;
    let sources: Sources = serde_json::from_str(text).unwrap();
    assert_eq!(sources.results[0].measurement().map(|found| found.max_loaded_at_time_ago_in_s), Some(86400.0));
    assert!(sources.results[1].measurement().is_none());
    let written = serde_json::to_value(&sources).unwrap();
    assert_eq!(written["results"], serde_json::from_str::<Value>(text).unwrap()["results"]);
}
