//! Resolving, walking and planning, on manifests from tables.

use proptest::prelude::*;

use super::*;

fn resolved(text: &str) -> Graph {
    resolve(table::manifest(text), &ResolveOptions::default()).unwrap_or_else(|problems| panic!("{problems}")).value
}

fn problems(text: &str) -> String {
    match resolve(table::manifest(text), &ResolveOptions::default()) {
        Ok(warned) => format!("resolved with: {}", warned.warnings),
        Err(problems) => problems.to_string(),
    }
}

fn parents(graph: &Graph, id: &str) -> Vec<String> {
    let resource = graph.manifest().resource(id).unwrap_or_else(|| panic!("no {id}"));
    resource.parents().iter().map(ToString::to_string).collect()
}

#[test]
fn sources_come_before_refs_and_each_parent_once() {
    let graph = resolved(
        "source raw.orders
         seed codes
         model b <- codes, raw.orders, codes",
    );
    assert_eq!(parents(&graph, "model.shop.b"), ["source.shop.raw.orders", "seed.shop.codes"]);
}

#[test]
fn a_ref_without_a_version_is_the_latest_one() {
    let graph = resolved(
        "model m | version=1 latest=2
         model m | version=2 latest=2
         model newest <- m
         model old <- m@1",
    );
    assert_eq!(parents(&graph, "model.shop.newest"), ["model.shop.m.v2"]);
    assert_eq!(parents(&graph, "model.shop.old"), ["model.shop.m.v1"]);
}

#[test]
fn the_root_project_goes_before_the_callers_package_unless_the_project_says_otherwise() {
    let text = "model a
                model a | package=pkg alias=other
                model reads <- a | package=pkg
                model named <- pkg.a";
    let graph = resolved(text);
    assert_eq!(parents(&graph, "model.pkg.reads"), ["model.shop.a"]);
    assert_eq!(parents(&graph, "model.shop.named"), ["model.pkg.a"]);
    let options = ResolveOptions { node_package_first: true, ..ResolveOptions::default() };
    let graph = resolve(table::manifest(text), &options).unwrap().value;
    assert_eq!(parents(&graph, "model.pkg.reads"), ["model.pkg.a"]);
}

#[test]
fn a_missing_model_is_shown_with_its_place_and_a_near_name() {
    insta::assert_snapshot!(problems("model stg_flights\nmodel b <- stg_flight"), @r"
    error: Model 'model.shop.b' (models/b.sql) depends on a node named 'stg_flight' which was not found
      --> models/b.sql:1:23
      |
    1 | select * from {{ ref('stg_flight') }}
      |                       ^^^^^^^^^^
      = help: did you mean `stg_flights`?
    ");
}

#[test]
fn what_can_be_wrong_with_a_reference_is_said_as_dbt_says_it() {
    for (text, said) in [
        (
            "model a | disabled\nmodel b <- a",
            "Model 'model.shop.b' (models/b.sql) depends on a node named 'a' which is disabled",
        ),
        (
            "model b <- raw.orders",
            "Model 'model.shop.b' (models/b.sql) depends on a source named 'raw.orders' which was not found",
        ),
        (
            "model a\nmodel x | package=pkg\nmodel b <- pkg.a",
            "depends on a node named 'a' in package or project 'pkg' which was not found",
        ),
        ("model a | version=1\nmodel b <- a@3", "depends on a node named 'a' with version '3' which was not found"),
        ("model a | version=1\nmodel b <- a@3", "`a` has the versions 1"),
        ("source raw.a\nmodel b <- a", "there is a source of that name: `source('raw', 'a')`"),
        ("exposure e <- gone", "Exposure 'exposure.shop.e' (models/exposures.yml) depends on a node named 'gone'"),
        (
            "group g\nmodel a | group=g access=private\nmodel b <- a",
            "Node model.shop.b attempted to reference node model.shop.a, which is not allowed because the referenced \
             node is private to the 'g' group",
        ),
        ("model a | group=nobody", "Invalid group 'nobody', expected one of []"),
        (
            "model a | package=p alias=1\nmodel a | package=q alias=2\nmodel b <- a",
            "When referencing 'a', dbt found nodes in multiple packages: 'model.p.a', 'model.q.a'",
        ),
        ("unit_test u <- gone", "Unable to find model 'shop.gone' for unit test 'u' in models/unit_tests.yml"),
        (
            "model a | alias=x\nmodel b | alias=x",
            "dbt found two resources with the database representation \"\"db\".\"main\".\"x\"\"",
        ),
        ("model a\nmodel a | version=1 alias=other", "dbt found versioned and unversioned models with the name \"a\""),
        (
            "model a | macros=macro.dbt.is_incremental\nunit_test u <- a",
            "Boolean override for 'is_incremental' must be provided for unit test 'u' in model 'a'",
        ),
    ] {
        let shown = problems(text);
        assert!(shown.contains(said), "{text}\n\n{shown}\n\nlacks {said}");
    }
}

#[test]
fn private_models_are_open_to_their_group() {
    let graph = resolved(
        "group g
         model a | group=g access=private
         model b <- a | group=g
         test t <- a | generic=not_null",
    );
    assert_eq!(parents(&graph, "model.shop.b"), ["model.shop.a"]);
}

#[test]
fn protected_models_of_packages_that_restrict_access_are_closed() {
    let text = "model a | package=pkg\nmodel p | package=pkg access=public\nmodel b <- pkg.a, pkg.p";
    let restricted = HashSet::from(["pkg".to_owned()]);
    let options = ResolveOptions { restricted_packages: restricted, ..ResolveOptions::default() };
    let shown = resolve(table::manifest(text), &options).unwrap_err().to_string();
    assert!(shown.contains("is protected to the 'pkg' package"), "{shown}");
    assert_eq!(shown.matches("error:").count(), 1, "{shown}");
}

#[test]
fn a_test_of_something_missing_is_switched_off_with_a_warning() {
    let warned = resolve(table::manifest("model a\ntest t <- a, gone"), &ResolveOptions::default()).unwrap();
    let said = "Test 'test.shop.t' (tests/t.sql) depends on a node named 'gone' which was not found";
    assert!(warned.warnings.to_string().contains(said), "{}", warned.warnings);
    assert!(!warned.value.enabled().contains(warned.value.position("test.shop.t").unwrap()));
    let quiet = resolve(table::manifest("model a | disabled\ntest t <- a"), &ResolveOptions::default()).unwrap();
    assert!(quiet.warnings.is_empty(), "{}", quiet.warnings);
}

#[test]
fn a_cycle_is_shown_with_its_path_and_the_places() {
    insta::assert_snapshot!(problems("model a <- c\nmodel b <- a\nmodel c <- b\nmodel d <- c"), @r"
    error: Found a cycle: model.shop.a --> model.shop.b --> model.shop.c --> model.shop.a
      = note: `model.shop.b` reads `model.shop.a` here
      --> models/b.sql:1:23
      |
    1 | select * from {{ ref('a') }}
      |                       ^
      = note: `model.shop.c` reads `model.shop.b` here
      --> models/c.sql:1:23
      |
    1 | select * from {{ ref('b') }}
      |                       ^
      = note: `model.shop.a` reads `model.shop.c` here
      --> models/a.sql:1:23
      |
    1 | select * from {{ ref('c') }}
      |                       ^
      = help: take one of these references out
    ");
    assert!(problems("model a <- a").contains("Found a cycle: model.shop.a --> model.shop.a"));
}

#[test]
fn unit_tests_are_tied_to_every_version_of_their_model() {
    let text = "model m | version=1 latest=2\nmodel m | version=2 latest=2\nunit_test u <- m";
    let graph = resolved(text);
    let ids: Vec<&str> = graph.manifest().unit_tests.keys().map(AsRef::as_ref).collect();
    assert_eq!(ids, ["unit_test.shop.m.u_v1", "unit_test.shop.m.u_v2"]);
    assert_eq!(parents(&graph, ids[0]), ["model.shop.m.v1"]);
    let graph = resolved(&format!("{text} | include=2"));
    assert_eq!(graph.manifest().unit_tests.len(), 1);
    let graph = resolved("model a | disabled\nunit_test u <- a");
    assert!(graph.manifest().unit_tests.is_empty() && graph.manifest().disabled.len() == 2);
}

#[test]
fn metrics_hang_on_semantic_models_and_saved_queries_on_metrics() {
    let graph = resolved(
        "model a
         semantic_model s <- a | measure=total
         metric m | measure=total
         saved_query q | metrics=m",
    );
    assert_eq!(parents(&graph, "metric.shop.m"), ["semantic_model.shop.s"]);
    assert_eq!(parents(&graph, "saved_query.shop.q"), ["metric.shop.m"]);
    assert_eq!(parents(&graph, "semantic_model.shop.s"), ["model.shop.a"]);
}

#[test]
fn primary_keys_come_from_tests_of_uniqueness() {
    let graph = resolved(
        "model a
         test u <- a | generic=unique column=id
         test n <- a | generic=not_null column=id
         test v <- a | generic=unique column=code",
    );
    assert_eq!(graph.manifest().nodes["model.shop.a"].model().unwrap().primary_key, ["id"]);
}

#[test]
fn layers_come_from_folders_schemas_prefixes() {
    let graph = resolved(
        "source erp.orders
         model a | path=models/staging/erp/a.sql
         model b | path=models/marts/finance/b.sql
         model c | schema=dev_analytics
         model stg_d
         model e
         test t <- a",
    );
    let layer = |id: &str| graph.layer(graph.position(id).unwrap()).unwrap_or("none").to_owned();
    assert_eq!(layer("source.shop.erp.orders"), "raw");
    assert_eq!(layer("model.shop.a"), "staging");
    assert_eq!(layer("model.shop.b"), "analytics");
    assert_eq!(layer("model.shop.c"), "analytics");
    assert_eq!(layer("model.shop.stg_d"), "staging");
    assert_eq!(layer("model.shop.e"), "none");
    assert_eq!(layer("test.shop.t"), "none");
}

fn names(graph: &Graph, set: &NodeSet) -> Vec<String> {
    graph.ids_of(set).map(|id| id.rsplit('.').next().unwrap().to_owned()).collect()
}

const DIAMOND: &str = "model a\nmodel b <- a\nmodel c <- a\nmodel d <- b, c\nmodel lone";

#[test]
fn walking_goes_as_far_as_told() {
    let graph = resolved(DIAMOND);
    let set = graph.set_of(["model.shop.d"]);
    assert_eq!(names(&graph, &graph.ancestors(&set, None)), ["a", "b", "c"]);
    assert_eq!(names(&graph, &graph.ancestors(&set, Some(1))), ["b", "c"]);
    assert_eq!(names(&graph, &graph.descendants(&graph.set_of(["model.shop.a"]), None)), ["b", "c", "d"]);
    assert_eq!(graph.behind(|_| 1.0), [3.0, 2.0, 2.0, 1.0, 1.0]);
    let components = graph.components();
    assert_eq!(components[0], components[3]);
    assert_ne!(components[0], components[4]);
}

fn waits(plan: &Plan, graph: &Graph) -> Vec<String> {
    let name = |task: usize| graph.id(plan.tasks[task]).rsplit('.').next().unwrap().to_owned();
    let line = |(task, needed): (usize, &Vec<usize>)| {
        format!("{} after {}", name(task), needed.iter().map(|task| name(*task)).collect::<Vec<_>>().join(" "))
    };
    plan.waits_for.iter().enumerate().map(line).collect()
}

#[test]
fn edges_across_unselected_nodes_are_kept() {
    let graph = resolved("model a\nmodel b <- a\nmodel c <- b");
    let selected = graph.set_of(["model.shop.a", "model.shop.c"]);
    let plan = plan::plan(&graph, &selected, Blocking::Nothing);
    assert_eq!(waits(&plan, &graph), ["a after ", "c after a"]);
}

#[test]
fn in_a_build_what_is_downstream_waits_for_tests() {
    let graph = resolved(
        "model a
         model b <- a
         model c <- b
         model d <- c
         test one <- a
         test two <- a, c
         unit_test u <- b",
    );
    let mut all = graph.empty_set();
    graph.positions().for_each(|position| {
        all.insert(position);
    });
    let plan = plan::plan(&graph, &all, Blocking::Tests);
    let waits = waits(&plan, &graph);
    for line in ["one after a", "u after a one", "b after a one u", "c after b", "two after a c", "d after c two"] {
        assert!(
            waits.iter().any(|found| {
                let (name, found) = found.split_once(" after ").unwrap();
                let (expected, needed) = line.split_once(" after ").unwrap();
                let sorted = |text: &str| {
                    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                    words.sort();
                    words
                };
                name == expected && sorted(found) == sorted(needed)
            }),
            "{line} not in {waits:?}"
        );
    }
}

#[test]
fn outside_of_a_build_unit_tests_wait_for_nothing() {
    let graph = resolved("model a\nmodel b <- a\nunit_test u <- a\nunit_test v <- b");
    let selected = graph.set_of(["unit_test.shop.a.u", "unit_test.shop.b.v"]);
    let plan = plan::plan(&graph, &selected, Blocking::Nothing);
    assert_eq!(waits(&plan, &graph), ["u after ", "v after "]);
}

proptest! {
    /// Any plan of any selection of any graph: tasks come after what they wait for, and a task
    /// waits, directly or not, for exactly the selected ancestors.
    #[test]
    fn a_plan_keeps_the_order_of_the_graph(
        reads in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), 1..20),
        chosen in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut text = String::new();
        for (at, reads) in reads.iter().enumerate() {
            let reads: Vec<String> =
                if at == 0 { Vec::new() } else { reads.iter().map(|read| format!("m{}", read.index(at))).collect() };
            text.push_str(&format!("model m{at} <- {}\n", reads.join(", ")));
        }
        let graph = resolved(&text);
        let mut selected = graph.empty_set();
        graph.positions().filter(|position| chosen[position.index()]).for_each(|position| { selected.insert(position); });
        let plan = plan::plan(&graph, &selected, Blocking::Nothing);
        prop_assert_eq!(plan.tasks.len(), selected.len());
        let mut behind: Vec<NodeSet> = Vec::new();
        for (task, needed) in plan.waits_for.iter().enumerate() {
            let mut set = graph.empty_set();
            for parent in needed {
                prop_assert!(*parent < task);
                set.insert(plan.tasks[*parent]);
                let earlier = behind[*parent].clone();
                set.union_with(&earlier);
            }
            let mut one = graph.empty_set();
            one.insert(plan.tasks[task]);
            let mut expected = graph.ancestors(&one, None);
            expected.intersect_with(&selected);
            prop_assert_eq!(&set, &expected);
            behind.push(set);
        }
    }
}

#[test]
fn ten_thousand_models_with_twenty_thousand_tests_resolve_at_once() {
    let mut text = String::new();
    for at in 0..10_000 {
        let reads: Vec<String> =
            [at / 2, at / 3].iter().filter(|read| **read < at).map(|read| format!("m{read}")).collect();
        text.push_str(&format!("model m{at} <- {}\n", reads.join(", ")));
        text.push_str(&format!(
            "test n{at} <- m{at} | generic=not_null\ntest r{at} <- m{at}, m{} | generic=relationships\n",
            at / 2
        ));
    }
    let manifest = table::manifest(&text);
    let begin = std::time::Instant::now();
    let graph = resolve(manifest, &ResolveOptions::default()).unwrap().value;
    let resolved = begin.elapsed();
    assert_eq!(graph.topological().len(), 30_000);
    let mut all = graph.empty_set();
    graph.positions().for_each(|position| {
        all.insert(position);
    });
    let plan = plan::plan(&graph, &all, Blocking::Tests);
    assert_eq!(plan.tasks.len(), 30_000);
    // Generous: an unoptimised build on a busy machine; quadratic work would take minutes.
    assert!(resolved.as_secs() < 10 && begin.elapsed().as_secs() < 60, "{resolved:?}, {:?}", begin.elapsed());
}
