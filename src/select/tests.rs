//! The selection language, on one project; and its algebra, on any.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::artifact::{RunResult, RunResults, Sources};
use crate::diagnostic::SourceFile;
use crate::event::Status;
use crate::graph::{ResolveOptions, resolve, table};
use crate::manifest::Resource;
use crate::resource::UniqueId;
use crate::yaml;

const PROJECT: &str = "
    source erp.orders | tags=nightly
    source erp.customers
    source crm.leads | package=pkg
    group finance
    seed codes | path=seeds/codes.csv
    model stg_orders <- erp.orders, codes | path=models/staging/stg_orders.sql tags=nightly patch=models/staging/staging.yml
    model stg_customers <- erp.customers | path=models/staging/stg_customers.sql materialized=ephemeral
    model orders <- stg_orders, stg_customers | path=models/marts/orders.sql tags=nightly,core materialized=incremental group=finance config.unique_key=id
    model customers <- stg_customers | path=models/marts/customers.sql access=public materialized=table
    model dim <- customers | path=models/marts/dim_v1.sql version=1 latest=2 alias=dim_v1
    model dim <- customers | path=models/marts/dim_v2.sql version=2 latest=2 alias=dim_v2
    model dim <- customers | path=models/marts/dim_v3.sql version=3 latest=2 alias=dim_v3
    model leads <- crm.leads | package=pkg path=models/leads.sql group=finance access=private
    snapshot history <- orders | path=snapshots/history.sql
    analysis adhoc <- orders
    test unique_orders <- orders | generic=unique column=id config.severity=warn
    test relationships <- orders, customers | generic=relationships
    test not_null_stg <- stg_orders | generic=not_null column=id
    test source_test <- erp.orders | generic=not_null column=id
    test singular <- customers
    unit_test orders_add_up <- orders
    exposure dashboard <- orders, customers
    semantic_model sales <- orders | measure=total
    metric revenue | measure=total
    saved_query weekly | metrics=revenue
";

fn project() -> Graph {
    resolve(table::manifest(PROJECT), &ResolveOptions::default()).unwrap_or_else(|problems| panic!("{problems}")).value
}

fn names(graph: &Graph, set: &NodeSet) -> String {
    let name = |id: &UniqueId| {
        let parts: Vec<&str> = id.split('.').collect();
        match graph.manifest().resource(id) {
            Some(Resource::Source(source)) => format!("{}.{}", source.source_name, source.name),
            Some(Resource::Node(node)) => node.search_name(),
            _ => parts[parts.len() - 1].to_owned(),
        }
    };
    let mut names: Vec<String> = graph.ids_of(set).map(name).collect();
    names.sort();
    names.join(" ")
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn options(select: &str, exclude: &str, indirect: IndirectSelection) -> SelectionOptions {
    SelectionOptions {
        select: words(select),
        exclude: words(exclude),
        indirect_selection: indirect,
        ..SelectionOptions::default()
    }
}

/// What is selected, without tests taken along.
fn alone(select: &str) -> String {
    let graph = project();
    let options = options(select, "", IndirectSelection::Empty);
    let criteria = criteria(&options, &Selectors::default()).unwrap_or_else(|problems| panic!("{problems}"));
    names(&graph, &nodes(&graph, &criteria, Context::default()).unwrap().value)
}

fn of(which: Which, options: &SelectionOptions) -> String {
    let graph = project();
    let selected = for_command(&graph, which, options, &Selectors::default(), Context::default());
    names(&graph, &selected.unwrap_or_else(|problems| panic!("{problems}")).value)
}

#[test]
fn each_method_finds_what_it_is_for() {
    for (select, expected) in [
        ("orders", "orders"),
        ("shop.marts.orders", "orders"),
        ("marts.orders", "orders"),
        ("marts", "customers dim.v1 dim.v2 dim.v3 orders"),
        ("shop.staging.*", "stg_customers stg_orders"),
        ("stg_*", "stg_customers stg_orders"),
        ("stg_[co]*", "stg_customers stg_orders"),
        ("order?", "orders"),
        ("dim", "dim.v1 dim.v2 dim.v3"),
        ("dim.v2", "dim.v2"),
        ("dim_v2", "dim.v2"),
        ("d?m", "dim.v1 dim.v2 dim.v3"),
        ("pkg", "leads"),
        ("pkg.*", "leads"),
        ("fqn:leads", "leads"),
        ("models/staging", "stg_customers stg_orders"),
        ("path:models/staging/stg_orders.sql", "stg_orders"),
        ("models/staging/staging.yml", "stg_orders"),
        ("path:models/*/orders.sql", "orders"),
        ("stg_orders.sql", "stg_orders"),
        ("codes.csv", "codes"),
        ("file:orders", "orders"),
        ("file:stg_*.sql", "stg_customers stg_orders"),
        ("package:pkg", "crm.leads leads"),
        ("tag:nightly", "erp.orders orders stg_orders"),
        ("tag:c?re", "orders"),
        ("config.materialized:incremental", "orders"),
        ("config.unique_key:id", "orders"),
        ("config.severity:WARN", "unique_orders"),
        ("config.tags:core", "orders"),
        ("source:erp", "erp.customers erp.orders"),
        ("source:erp.orders", "erp.orders"),
        ("source:pkg.crm.*", "crm.leads"),
        ("exposure:dash*", "dashboard"),
        ("metric:shop.revenue", "revenue"),
        ("semantic_model:*", "sales"),
        ("saved_query:weekly", "weekly"),
        ("unit_test:*", "orders_add_up"),
        ("resource_type:snapshot", "history"),
        ("resource_type:analysis", "adhoc"),
        ("test_name:not_null", "not_null_stg source_test"),
        ("test_name:orders_*", "orders_add_up"),
        ("test_type:singular", "singular"),
        ("test_type:unit", "orders_add_up"),
        ("test_type:generic", "not_null_stg relationships source_test unique_orders"),
        ("test_type:data", "not_null_stg relationships singular source_test unique_orders"),
        ("group:fin*", "leads orders"),
        ("access:private", "leads"),
        ("access:public", "customers"),
        ("version:latest", "dim.v2"),
        ("version:old", "dim.v1"),
        ("version:prerelease", "dim.v3"),
        ("version:none", "customers leads orders stg_customers stg_orders"),
        ("layer:staging", "stg_customers stg_orders"),
        ("layer:raw", "codes crm.leads erp.customers erp.orders"),
    ] {
        assert_eq!(alone(select), expected, "{select}");
    }
    let everything = alone("package:this").split(' ').count();
    assert_eq!(everything, project().len() - 2);
}

#[test]
fn walks_go_up_and_down_as_far_as_written() {
    for (select, expected) in [
        ("+stg_orders", "codes erp.orders stg_orders"),
        ("1+orders", "orders stg_customers stg_orders"),
        ("2+orders", "codes erp.customers erp.orders orders stg_customers stg_orders"),
        ("stg_customers+1", "customers orders stg_customers"),
        ("+customers+0", "customers erp.customers stg_customers"),
        ("2+customers+1,resource_type:model", "customers dim.v1 dim.v2 dim.v3 stg_customers"),
        ("@stg_orders,resource_type:model", "customers orders stg_customers stg_orders"),
        ("source:erp.orders+,resource_type:model", "orders stg_orders"),
        ("+exposure:dashboard,resource_type:seed", "codes"),
        ("+tag:core+,resource_type:snapshot", "history"),
    ] {
        assert_eq!(alone(select), expected, "{select}");
    }
}

#[test]
fn spaces_unite_commas_intersect_and_exclusions_go_last() {
    assert_eq!(alone("stg_orders customers"), "customers stg_orders");
    assert_eq!(alone("tag:nightly,models/staging"), "stg_orders");
    assert_eq!(alone("tag:nightly,models/staging codes"), "codes stg_orders");
    let graph = project();
    let options = options("marts", "version:old tag:core", IndirectSelection::Empty);
    let found = nodes(&graph, &criteria(&options, &Selectors::default()).unwrap(), Context::default()).unwrap();
    assert_eq!(names(&graph, &found.value), "customers dim.v2 dim.v3");
}

#[test]
fn tests_come_along_as_the_indirect_selection_says() {
    for (select, exclude, indirect, expected) in [
        ("orders", "", IndirectSelection::Eager, "orders_add_up relationships unique_orders"),
        ("orders", "", IndirectSelection::Cautious, "orders_add_up unique_orders"),
        ("orders customers", "", IndirectSelection::Cautious, "orders_add_up relationships singular unique_orders"),
        ("customers", "", IndirectSelection::Buildable, "singular"),
        ("customers dashboard", "", IndirectSelection::Buildable, "relationships singular"),
        ("orders", "", IndirectSelection::Empty, ""),
        ("orders", "unique_orders", IndirectSelection::Eager, "orders_add_up relationships"),
        ("orders customers", "customers", IndirectSelection::Eager, "orders_add_up unique_orders"),
        ("source:erp", "", IndirectSelection::Eager, "source_test"),
        ("test_type:singular", "", IndirectSelection::Eager, "singular"),
    ] {
        assert_eq!(of(Which::Test, &options(select, exclude, indirect)), expected, "{select} - {exclude} {indirect:?}");
    }
}

#[test]
fn each_command_has_its_types() {
    let all = options("", "", IndirectSelection::Eager);
    let models = "customers dim.v1 dim.v2 dim.v3 leads orders stg_customers stg_orders";
    assert_eq!(of(Which::Run, &all), models);
    assert_eq!(of(Which::Seed, &all), "codes");
    assert_eq!(of(Which::Snapshot, &all), "history");
    assert_eq!(of(Which::Clone, &all).split(' ').count(), 10);
    assert_eq!(of(Which::SourceFreshness, &all), "", "no source has thresholds");
    assert!(of(Which::Build, &all).contains("weekly") && !of(Which::Build, &all).contains("erp.orders"));
    assert!(of(Which::List, &all).contains("revenue") && !of(Which::List, &all).contains("adhoc"));
    assert!(of(Which::Compile, &all).contains("adhoc") && !of(Which::Compile, &all).contains("orders_add_up"));
    let typed = |types: &str, without: &str| SelectionOptions {
        resource_types: words(types),
        exclude_resource_types: words(without),
        ..SelectionOptions::default()
    };
    assert_eq!(of(Which::Build, &typed("seed snapshot", "")), "codes history");
    assert_eq!(of(Which::Test, &typed("", "test")), "orders_add_up");
    assert!(of(Which::List, &typed("all", "")).contains("adhoc"));
    assert!(!of(Which::List, &typed("default", "model source")).contains("stg_orders"));
}

#[test]
fn an_empty_word_selects_nothing_rather_than_everything() {
    let graph = project();
    let options = SelectionOptions { select: vec![String::new()], ..SelectionOptions::default() };
    let found = nodes(&graph, &criteria(&options, &Selectors::default()).unwrap(), Context::default()).unwrap();
    assert!(found.value.is_empty());
    assert!(found.warnings.to_string().contains("The selection criterion '' does not match any enabled nodes"));
}

#[test]
fn what_matches_nothing_is_said_with_a_near_name() {
    let graph = project();
    let options = options("ordres tag:core orders,customers", "tag:gone", IndirectSelection::Eager);
    let found = nodes(&graph, &criteria(&options, &Selectors::default()).unwrap(), Context::default()).unwrap();
    let said = found.warnings.to_string();
    for line in [
        "warning: The selection criterion 'ordres' does not match any enabled nodes\n  = help: did you mean `orders`?",
        "The selection criterion 'tag:gone' does not match any enabled nodes",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("'tag:core'"), "{said}");
}

#[test]
fn criteria_that_are_not_valid_are_all_named() {
    let problems = |select: &str| {
        criteria(&options(select, "", IndirectSelection::Eager), &Selectors::default()).unwrap_err().to_string()
    };
    for (select, said) in [
        ("tga:x", "'tga' is not a valid method name"),
        ("tags:x", "did you mean `tag`?"),
        ("state:changed", "Got an invalid selector \"changed\""),
        ("@a+", "Invalid node spec @a+ - \"@\" prefix and \"+\" suffix are incompatible"),
        ("source:a.b.c.d", "Invalid source selector value \"a.b.c.d\""),
        ("test_type:x", "Invalid test type selector x"),
        ("version:x", "Invalid version type selector x"),
        ("resource_type:x", "Invalid resource_type selector \"x\""),
        ("config:x", "`config` needs the name of a config"),
    ] {
        assert!(problems(select).contains(said), "{select}: {}", problems(select));
    }
    assert_eq!(problems("tga:x test_type:y").matches("error:").count(), 2);
}

#[test]
fn earlier_artifacts_are_needed_where_they_are_asked_for() {
    let graph = project();
    for (select, said) in [
        ("state:modified", "Got a state selector method, but no comparison manifest"),
        ("result:error", "No comparison run_results"),
        ("source_status:fresher", "No previous state comparison freshness results"),
    ] {
        let criteria = criteria(&options(select, "", IndirectSelection::Eager), &Selectors::default()).unwrap();
        let said_is = nodes(&graph, &criteria, Context::default()).unwrap_err().to_string();
        assert!(said_is.contains(said), "{said_is}");
    }
}

#[test]
fn state_results_and_freshness_select_by_earlier_artifacts() {
    let graph = project();
    let mut manifest = project().into_manifest();
    manifest.nodes.shift_remove("model.shop.customers");
    if let Some(node) = manifest.nodes.get_mut("model.shop.orders") {
        std::sync::Arc::make_mut(node).raw_code = "before".into();
    }
    let result = |id: &str, status| RunResult::new(&UniqueId::from(id), status);
    let results = vec![result("model.shop.orders", Status::Error), result("model.shop.customers", Status::Success)];
    let sources = |day: &str| -> Sources {
        let measured = json!({"unique_id": "source.shop.erp.orders", "status": "pass", "snapshotted_at": "",
            "max_loaded_at": format!("2026-01-{day}T00:00:00+00:00"), "max_loaded_at_time_ago_in_s": 1.0, "criteria": {}});
        let failed = json!({"unique_id": "source.shop.erp.customers", "status": "runtime error", "error": "x"});
        serde_json::from_value(json!({"metadata": {}, "results": [measured, failed]})).unwrap()
    };
    let previous = PreviousState {
        manifest: Some(manifest),
        results: Some(RunResults { results, ..RunResults::default() }),
        sources: Some(sources("01")),
        sources_current: Some(sources("02")),
        ..PreviousState::default()
    };
    let context = Context { previous: Some(&previous), ..Context::default() };
    for (select, expected) in [
        ("state:new", "customers"),
        ("state:modified", "customers orders"),
        ("state:modified.body", "customers orders"),
        ("1+state:new", "customers stg_customers"),
        ("state:old,tag:core", "orders"),
        ("result:error+1,resource_type:snapshot", "history"),
        ("result:success", "customers"),
        ("source_status:fresher", "erp.orders"),
        ("source_status:fresher+,resource_type:model", "orders stg_orders"),
    ] {
        let criteria = criteria(&options(select, "", IndirectSelection::Empty), &Selectors::default()).unwrap();
        assert_eq!(names(&graph, &nodes(&graph, &criteria, context).unwrap().value), expected, "{select}");
    }
}

fn selectors(text: &str) -> Result<Selectors, String> {
    let file = SourceFile::new("selectors.yml", text);
    let root = yaml::parse(&file).unwrap().value.unwrap();
    match selectors::parse(&file, &root, IndirectSelection::Empty) {
        Ok(warned) => Ok(warned.value),
        Err(problems) => Err(problems.to_string()),
    }
}

const SELECTORS: &str = "
selectors:
  - name: text
    definition: '+stg_orders'
  - name: pair
    definition: {tag: core}
  - name: full
    description: all of it
    definition:
      method: config.materialized
      value: incremental
      parents: true
      parents_depth: 1
      exclude:
        - method: fqn
          value: stg_customers
  - name: united
    default: true
    definition:
      union:
        - intersection:
            - 'tag:nightly'
            - path: models/staging
        - method: selector
          value: pair
        - seed_is: x
        - exclude:
            - method: tag
              value: gone
  - name: eager
    definition:
      union:
        - method: fqn
          value: orders
          indirect_selection: eager
        - exclude: ['unit_test:*']
";

#[test]
fn selectors_of_the_project_are_criteria_too() {
    let graph = project();
    let selectors = selectors(&SELECTORS.replace("        - seed_is: x\n", "")).unwrap_or_else(|said| panic!("{said}"));
    let named = |name: &str| {
        let context = Context { selectors: Some(&selectors), ..Context::default() };
        let found = nodes(&graph, &selectors.criteria(name).unwrap(), context).unwrap();
        names(&graph, &found.value)
    };
    assert_eq!(named("text"), "codes erp.orders stg_orders");
    assert_eq!(named("pair"), "orders");
    assert_eq!(named("full"), "orders stg_orders");
    assert_eq!(named("united"), "orders stg_orders");
    assert_eq!(named("eager"), "orders relationships unique_orders");
    // The default one counts where nothing is asked for, and others by method.
    let by_default = criteria(&SelectionOptions::default(), &selectors).unwrap();
    assert_eq!(by_default, selectors.criteria("united").unwrap());
    let context = Context { selectors: Some(&selectors), ..Context::default() };
    let by_method = |select: &str| {
        let criteria = criteria(&options(select, "", IndirectSelection::Empty), &selectors).unwrap();
        nodes(&graph, &criteria, context).map(|found| names(&graph, &found.value))
    };
    assert_eq!(by_method("selector:pair codes").unwrap(), "codes orders");
    assert_eq!(by_method("selector:p*r").unwrap(), "orders", "a name may be a pattern");
    let missing = by_method("selector:pairs").unwrap_err().to_string();
    assert!(missing.contains("'pairs' did not match any selector") && missing.contains("`pair`"), "{missing}");
    let form = &selectors.manifest_form()["text"];
    assert_eq!(form["definition"], json!({"parents": true, "method": "fqn", "value": "stg_orders"}));
}

#[test]
fn selectors_that_are_not_valid_are_shown_in_their_place() {
    insta::assert_snapshot!(selectors(SELECTORS).unwrap_err(), @r"
    error: 'seed_is' is not a valid method name
      --> selectors.yml:26:11
       |
    26 |         - seed_is: x
       |           ^^^^^^^^^^
      = note: in the selection criterion `seed_is:x`
      = note: in the selector `united`
      = help: methods are fqn, tag, group, access, source, path, file, package, config, test_name, test_type, resource_type, state, exposure, metric, result, source_status, version, semantic_model, saved_query, unit_test, function, layer, selector
    ");
    for (definition, said) in [
        ("{union: [a], intersection: [b]}", "Only a single 'union' or 'intersection' key is allowed"),
        ("{method: tag}", "a `method` needs a `value`"),
        ("{union: a}", "Invalid value for key \"union\". Expected a list"),
        ("{union: [{exclude: [a]}, {exclude: [b]}]}", "You cannot provide multiple exclude arguments"),
        ("[a, b]", "a definition is a text or a dictionary"),
        ("{tag: x, path: y}", "Expected either 1 key or else"),
        ("{method: tag, value: x, indirect_selection: some}", "`some` is not an indirect selection"),
    ] {
        let problem = selectors(&format!("selectors:\n  - name: a\n    definition: {definition}\n")).unwrap_err();
        assert!(problem.contains(said) && problem.contains("selectors.yml:3"), "{definition}: {problem}");
    }
    let round = "selectors:\n  - {name: a, definition: 'selector:b'}\n  - {name: b, definition: 'selector:a'}\n";
    let round = selectors(round).unwrap();
    let context = Context { selectors: Some(&round), ..Context::default() };
    let problem = nodes(&project(), &round.criteria("a").unwrap(), context).unwrap_err().to_string();
    assert!(problem.contains("selectors refer to each other: b --> a --> b"), "{problem}");
    let twice =
        "selectors:\n  - {name: a, default: true, definition: x}\n  - {name: b, default: true, definition: y}\n";
    assert!(selectors(twice).unwrap_err().contains("Found multiple selectors with `default: true`: a and b"));
}

// The algebra, against sets of names and a graph as a map.

#[derive(Debug, Clone)]
struct Naive {
    parents: BTreeMap<usize, BTreeSet<usize>>,
}

impl Naive {
    fn step(&self, set: &BTreeSet<usize>, down: bool) -> BTreeSet<usize> {
        let edges =
            self.parents.iter().flat_map(|(child, parents)| parents.iter().map(move |parent| (*parent, *child)));
        let directed = edges.map(|(parent, child)| if down { (parent, child) } else { (child, parent) });
        directed.filter(|(from, _)| set.contains(from)).map(|(_, to)| to).collect()
    }

    fn walk(&self, from: usize, steps: Option<usize>, down: bool) -> BTreeSet<usize> {
        let mut all = BTreeSet::from([from]);
        for _ in 0..steps.unwrap_or(self.parents.len()) {
            let next = self.step(&all, down);
            all.extend(next);
        }
        all
    }
}

/// One criterion: a node, steps up and down, or `@`.
#[derive(Debug, Clone)]
struct Term {
    node: usize,
    up: Option<Option<usize>>,
    down: Option<Option<usize>>,
    at: bool,
}

impl Term {
    fn text(&self) -> String {
        let steps = |steps: Option<usize>| steps.map(|steps| steps.to_string()).unwrap_or_default();
        if self.at {
            return format!("@m{}", self.node);
        }
        let up = self.up.map(|up| format!("{}+", steps(up))).unwrap_or_default();
        let down = self.down.map(|down| format!("+{}", steps(down))).unwrap_or_default();
        format!("{up}m{}{down}", self.node)
    }

    fn evaluate(&self, graph: &Naive) -> BTreeSet<usize> {
        if self.at {
            let below = graph.walk(self.node, None, true);
            return below.iter().flat_map(|node| graph.walk(*node, None, false)).collect();
        }
        let mut all = BTreeSet::from([self.node]);
        for (steps, down) in [(self.up, false), (self.down, true)] {
            if let Some(steps) = steps {
                all.extend(graph.walk(self.node, steps, down));
            }
        }
        all
    }
}

const SIZE: usize = 12;

fn term() -> impl Strategy<Value = Term> {
    let walk = || prop::option::of(prop::option::of(0..3_usize));
    (0..SIZE, walk(), walk(), prop::bool::weighted(0.2)).prop_map(|(node, up, down, at)| Term { node, up, down, at })
}

/// A union of intersections.
fn expression() -> impl Strategy<Value = Vec<Vec<Term>>> {
    prop::collection::vec(prop::collection::vec(term(), 1..3), 0..3)
}

fn naive(expression: &[Vec<Term>], graph: &Naive) -> BTreeSet<usize> {
    let intersection = |terms: &Vec<Term>| {
        let mut sets = terms.iter().map(|term| term.evaluate(graph));
        let first = sets.next().unwrap_or_default();
        sets.fold(first, |one, other| &one & &other)
    };
    expression.iter().flat_map(intersection).collect()
}

fn text(expression: &[Vec<Term>]) -> String {
    let part = |terms: &Vec<Term>| terms.iter().map(Term::text).collect::<Vec<_>>().join(",");
    expression.iter().map(part).collect::<Vec<_>>().join(" ")
}

proptest! {
    #[test]
    fn the_algebra_of_selection_is_that_of_sets(
        reads in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), SIZE),
        include in expression(),
        exclude in expression(),
    ) {
        let parents: BTreeMap<usize, BTreeSet<usize>> = reads.iter().enumerate().map(|(at, reads)| {
            (at, if at == 0 { BTreeSet::new() } else { reads.iter().map(|read| read.index(at)).collect() })
        }).collect();
        let lines = parents.iter().map(|(at, parents)| {
            let reads: Vec<String> = parents.iter().map(|parent| format!("m{parent}")).collect();
            format!("model m{at} <- {}\n", reads.join(", "))
        });
        let graph = resolve(table::manifest(&lines.collect::<String>()), &ResolveOptions::default()).unwrap().value;
        let small = Naive { parents };
        let included = if include.is_empty() { (0..SIZE).collect() } else { naive(&include, &small) };
        let expected = &included - &naive(&exclude, &small);
        let options = options(&text(&include), &text(&exclude), IndirectSelection::Eager);
        let criteria = criteria(&options, &Selectors::default()).unwrap();
        let found = nodes(&graph, &criteria, Context::default()).unwrap().value;
        let found: BTreeSet<usize> = found.iter().map(|position| position.index()).collect();
        prop_assert_eq!(found, expected, "{} - {}", text(&include), text(&exclude));
    }

    #[test]
    fn no_text_makes_parsing_panic(raw in "\\PC*") {
        let parsing = Parsing { indirect: IndirectSelection::Eager };
        drop(criteria::one(&raw, parsing));
    }
}
