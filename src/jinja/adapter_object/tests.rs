//! The adapter object with tform's own macros: on DuckDB, really run, and on the recorder.

use super::*;
use crate::adapter::duckdb::{CAPABILITIES, Duckdb, Settings};
use crate::adapter::recorder::Recorder;
use crate::adapter::{Adapter, Path, RelationKind, Warehouse};
use crate::diagnostic::SourceFile;
use crate::jinja::context::Function;
use crate::jinja::relation_object::{api, value_of};
use crate::jinja::{Engine, EngineOptions, Scope, TemplateSource, blocks, table};
use crate::load::builtin_packages;

/// What templates in these tests know: the adapter, and where `statement` keeps results.
struct Place {
    engine: Engine,
    context: Value,
    adapter: Value,
}

fn options() -> AdapterOptions {
    AdapterOptions {
        capabilities: &CAPABILITIES,
        facts: Facts { external_root: Some("out".into()), ducklake_databases: vec!["lake".into()], ..Facts::default() },
        database: "memory".into(),
        schema: "main".into(),
        quoting: PolicyChange::default(),
        project_name: "shop".into(),
        project_dir: PathBuf::from("/shop"),
        behavior: HashMap::from([("some_flag".to_owned(), true)]),
    }
}

fn engine(own_macros: &str) -> Engine {
    let own = SourceFile::new("macros/own.sql", own_macros);
    let mut macros = blocks::macros(&own, "shop").unwrap();
    let packages = builtin_packages("duckdb");
    for package in &packages {
        for file in &package.files {
            macros.extend(blocks::macros(file, package.name).unwrap());
        }
    }
    let options = EngineOptions {
        internal_packages: packages.iter().map(|package| package.name.to_owned()).collect(),
        adapter_prefixes: vec!["duckdb".to_owned()],
        ..EngineOptions::new("shop")
    };
    Engine::new(macros, options).unwrap()
}

impl Place {
    fn new(adapter: Value, own_macros: &str) -> Place {
        let results = values::dict_of::<String>([]);
        let stored = results.clone();
        let store = Function::value("store_result", move |_, arguments| {
            let [name, response, table] =
                arguments.bind("store_result", ["name", "response", "agate_table"]).map_err(fault)?;
            let entry =
                values::dict_of([("response", response.unwrap_or_default()), ("table", table.unwrap_or_default())]);
            if let Some(stored) = stored.downcast_object_ref::<values::Dict>() {
                stored.lock().insert(name.unwrap_or_default(), entry);
            }
            Ok(Value::from(""))
        });
        let load = Function::value("load_result", move |_, arguments| {
            let [name] = arguments.bind("load_result", ["name"]).map_err(fault)?;
            Ok(results.get_item(&name.unwrap_or_default()).unwrap_or_default())
        });
        let context = values::dict_of([
            ("adapter", adapter.clone()),
            ("api", api(&CAPABILITIES, PolicyChange::default())),
            ("execute", Value::from(session_of(&adapter).is_some())),
            ("store_result", store),
            ("load_result", load),
            ("write", Function::value("write", |_, _| Ok(Value::from("")))),
            ("context", values::dict_of::<String>([])),
            ("t", value_of(relation("t"))),
        ]);
        Place { engine: engine(own_macros), context, adapter }
    }

    fn duckdb() -> Place {
        Place::on(Arc::new(Duckdb::new(Settings::memory())), "")
    }

    fn on(adapter: Arc<dyn Adapter>, own_macros: &str) -> Place {
        let session = Warehouse::new(adapter, drop).session("master");
        Place::new(AdapterObject::running(&Arc::new(options()), &session), own_macros)
    }

    fn render(&self, template: &str) -> Result<String, Diagnostic> {
        let scope = Scope::new("shop", self.context.clone());
        let rendered = self.engine.render(&TemplateSource::text("models/m.sql", template), &scope)?;
        Ok(rendered.value.trim().to_owned())
    }

    fn check(&self, template: &str, expected: &str) {
        let found = self.render(template).unwrap_or_else(|problem| panic!("{template}\n{problem}"));
        assert_eq!(found, expected, "{template}");
    }

    fn refuses(&self, template: &str, part: &str) {
        let problem = self.render(template).expect_err(template).message;
        assert!(problem.contains(part), "{template}: {problem}");
    }

    fn sql(&self, sql: &str) {
        session_of(&self.adapter).unwrap().query(sql).unwrap();
    }
}

fn relation(name: &str) -> Relation {
    CAPABILITIES.relation(Path::new(Some("memory"), Some("main"), Some(name)), Some(RelationKind::Table))
}

#[test]
fn statements_give_a_response_and_a_table() {
    let place = Place::duckdb();
    place.check(
        "{% set r = adapter.execute('select 1 as a, 2.50 as b', fetch=true) %}{{ r[0] }} {{ r[1].rows[0]['b'] }}",
        "OK 2.50",
    );
    place.check("{% set r = run_query('select range as n from range(3)') %}{{ r.columns[0].values() }}", "(0, 1, 2)");
    place.check("{{ run_query('select null as a, true as b').rows[0].values() }}", "(None, True)");
    place.check("{{ adapter.execute('select 1', fetch=false)[1] | length }}", "0");
    place.check("{{ adapter.execute('select * from range(9)', fetch=true, limit=2)[1] | length }}", "2");
    place.refuses("{{ run_query('select nope') }}", "Binder Error");
    let error = session_of(&place.adapter).unwrap().last_error().unwrap();
    assert_eq!(error.kind, crate::adapter::ErrorKind::Syntax);
}

#[test]
fn the_cache_follows_create_rename_and_drop() {
    let place = Place::duckdb();
    place.sql("create table t as select 1 as id; create view v as select 2 as id");
    let get = |name: &str| format!("{{{{ adapter.get_relation('memory', 'main', '{name}') }}}}");
    place.check(&get("t"), r#""memory"."main"."t""#);
    place.check(&get("missing"), "None");
    place.check("{{ adapter.get_relation(database='memory', schema='main', identifier='v').type }}", "view");
    place.check("{{ adapter.list_relations('memory', 'main') | map(attribute='name') | sort | join(' ') }}", "t v");
    place.check(
        "{% set u = t.incorporate(path={'identifier': 'u'}) %}{% do adapter.rename_relation(t, u) %}\
         {{ load_relation(t) is none }} {{ load_relation(u).type }} {{ run_query('select id from u').rows[0][0] }}",
        "True table 1",
    );
    place.check(
        "{% set u = load_relation(t.incorporate(path={'identifier': 'u'})) %}{% do adapter.drop_relation(u) %}{{ load_relation(u) }}",
        "None",
    );
    place.check(
        "{{ adapter.list_relations_without_caching(t.without_identifier()) | map(attribute='type') | join }}",
        "view",
    );
    place.refuses("{% do adapter.drop_relation(t.incorporate(type=none)) %}", "its type is null");
    place.refuses("{% do adapter.drop_relation('t') %}", "expects a relation");
}

#[test]
fn schemas_are_made_listed_and_dropped() {
    let place = Place::duckdb();
    let schema = "{% set s = api.Relation.create(database='memory', schema='made', identifier='x') %}";
    place.check(
        &format!("{schema}{{% do adapter.create_schema(s) %}}{{{{ 'made' in adapter.list_schemas('memory') }}}}"),
        "True",
    );
    place.check(
        "{{ adapter.check_schema_exists('memory', 'made') }} {{ adapter.check_schema_exists('memory', 'no') }}",
        "True False",
    );
    place.check(
        &format!("{schema}{{% do adapter.drop_schema(s) %}}{{{{ adapter.check_schema_exists('memory', 'made') }}}}"),
        "False",
    );
    let wanted = [Schemas { database: String::new(), schemas: vec!["MAIN".into(), "next".into()] }];
    let existing = fill_cache(&place.adapter, &wanted).unwrap();
    assert_eq!(existing, [("memory".to_owned(), "main".to_owned())]);
    let missing = missing_schemas(&place.adapter, &wanted, &existing);
    assert_eq!(missing.iter().map(values::text).collect::<Vec<_>>(), [r#""memory"."next""#]);
}

#[test]
fn columns_are_read_compared_and_described() {
    let place = Place::duckdb();
    place.sql("create table t (id integer, name varchar, price decimal(9,2)); create table u (id integer)");
    let u = "{% set u = t.incorporate(path={'identifier': 'u'}) %}";
    place.check(
        "{% for c in adapter.get_columns_in_relation(t) %}{{ c.name }} {{ c.dtype }};{% endfor %}",
        "id INTEGER;name VARCHAR;price DECIMAL(9,2);",
    );
    place.check(
        &format!("{u}{{{{ adapter.get_missing_columns(t, u) | map(attribute='name') | join(',') }}}}"),
        "name,price",
    );
    place.check("{{ adapter.get_columns_in_relation(t.incorporate(path={'identifier': 'gone'})) }}", "[]");
    place.check("{{ adapter.get_column_schema_from_query(\"select 1 as a, {'x': 1, 'y': 's'} as b\") | map(attribute='name') | join(',') }}", "a,b.x,b.y");
    place.check("{{ adapter.get_columns_in_relation(t)[1].data_type }}", "character varying(256)");
    place.check(
        "{{ api.Column('a', 'numeric', none, 5, 2).data_type }} {{ api.Column.translate_type('string') }}",
        "numeric(5,2) TEXT",
    );
    place.refuses("{{ adapter.valid_snapshot_target(t) }}", "dbt_scd_id, dbt_valid_from, dbt_valid_to");
    place.check(
        &format!("{u}{{% set sql = adapter.get_rows_different_sql(u, u) %}}{{{{ run_query(sql).rows[0].values() }}}}"),
        "(0, 0)",
    );
}

#[test]
fn names_types_and_constraints_are_written() {
    let place = Place::duckdb();
    let table = table::new(
        vec!["a".into(), "b".into(), "c".into()],
        vec![vec![Value::from(1), Value::from("x"), Value::from(1.5)], vec![values::none(); 3]],
    );
    let place = Place { context: values::dict_of([("adapter", place.adapter.clone()), ("rows", table)]), ..place };
    let cases = [
        (
            "{{ adapter.quote('a') }} {{ adapter.quote_as_configured('a', 'schema') }} {{ adapter.quote_as_configured('a', 'x') }}",
            r#""a" "a" a"#,
        ),
        ("{{ adapter.quote_seed_column('a', none) }} {{ adapter.quote_seed_column('a', false) }}", r#""a" a"#),
        (
            "{{ adapter.convert_type(rows, 0) }} {{ adapter.convert_type(rows, 1) }} {{ adapter.convert_type(rows, 2) }}",
            "integer text float8",
        ),
        (
            "{{ adapter.render_raw_columns_constraints({'a': {'name': 'a', 'data_type': 'int', 'quote': true, 'constraints': \
             [{'type': 'not_null'}, {'type': 'check', 'expression': 'a > 0'}, {'type': 'foreign_key', 'to': '\"d\".\"s\".\"t\"', 'to_columns': ['id']}]}}) }}",
            r#"['"a" int not null check (a > 0) references "s"."t" (id)']"#,
        ),
        (
            "{{ adapter.render_raw_model_constraints([{'type': 'primary_key', 'columns': ['a', 'b'], 'name': 'pk'}, {'type': 'custom', 'expression': 'x'}]) }}",
            "['constraint pk primary key (a, b)', 'x']",
        ),
        (
            "{{ adapter.type() }} {{ adapter.external_root() }} {{ adapter.behavior.some_flag.no_warn }} {{ adapter.behavior.other | string }}",
            "duckdb out True False",
        ),
        (
            "{{ adapter.get_hard_deletes_behavior({'invalidate_hard_deletes': true}) }} {{ adapter.get_hard_deletes_behavior({}) }}",
            "invalidate ignore",
        ),
        (
            "{{ adapter.get_seed_file_path({'root_path': '/p', 'original_file_path': 'seeds/a.csv'}) }}",
            "/p/seeds/a.csv",
        ),
        ("{{ adapter.valid_incremental_strategies() }}", "['append', 'delete+insert', 'merge', 'microbatch']"),
        (
            "{% set i = adapter.parse_index({'columns': ['a'], 'unique': true}) %}{{ i.columns }} {{ i.unique }} {{ i.render(none) | length }}",
            "['a'] True 32",
        ),
    ];
    for (template, expected) in cases {
        place.check(template, expected);
    }
    place.refuses("{{ adapter.parse_index({'unique': true}) }}", "Invalid index config");
    place.refuses("{{ adapter.render_raw_model_constraints([{'type': 'odd'}]) }}", "Could not parse constraint");
    place.refuses("{{ adapter.get_relatoin('a', 'b', 'c') }}", "`adapter` has no method `get_relatoin`");
    place.refuses("{{ adapter.submit_python_job({}, '') }}", "does not run Python");
}

#[test]
fn relations_have_what_packages_ask_of_them() {
    let place = Place::new(AdapterObject::parsing(&Arc::new(options())), "");
    let cases = [
        (
            "{{ t }} {{ t.name }} {{ t.is_table }} {{ t.can_be_renamed }} {{ t.database ~ t.schema }}",
            r#""memory"."main"."t" t True False memorymain"#,
        ),
        ("{{ t is mapping }} {{ t.get('metadata', {}).get('type', '') }} {{ t is none }}", "True DuckDBRelation False"),
        (
            "{{ t.include(database=false) }} {{ t.quote(identifier=false) }} {{ t.without_identifier() }}",
            r#""main"."t" "memory"."main".t "memory"."main""#,
        ),
        ("{{ t.incorporate(path={'database': none, 'identifier': 'u'}, type='view').is_view }}", "True"),
        ("{{ t.incorporate(path={'database': none, 'schema': none}) }}", r#""t""#),
        (
            "{{ t.information_schema('columns') }} {{ t.information_schema().replace(information_schema_view='SCHEMATA') }}",
            r#""memory".INFORMATION_SCHEMA.columns "memory".INFORMATION_SCHEMA.SCHEMATA"#,
        ),
        ("{{ t.matches(schema='main') }} {{ t.replace_path(identifier='x') }}", r#"True "memory"."main"."x""#),
        (
            "{{ t == api.Relation.create('memory', 'main', 't', type='table') }} {{ t == t.include(schema=false) }}",
            "True False",
        ),
        (
            "{{ api.Relation.create(identifier='a', quote_policy={'identifier': false}) }} {{ api.Relation.View }} {{ t.Table }}",
            "a view table",
        ),
        (
            "{{ api.Relation.scd_args(['a', 'b'], 'at') }} {{ api.Relation.add_ephemeral_prefix('x') }}",
            "['a', 'b', 'at'] __dbt__cte__x",
        ),
        (
            "{{ t.path.identifier }} {{ t.quote_policy.schema }} {{ t['schema'] }} {{ t.quoted('z') }}",
            r#"t True main "z""#,
        ),
        ("{% set x = {t: 1} %}{{ x[api.Relation.create('memory', 'main', 't', type='table')] }}", "1"),
    ];
    for (template, expected) in cases {
        place.check(template, expected);
    }
    place.refuses("{{ api.Relation.create(type='tabel') }}", "`tabel` is not a type of relation");
    place.refuses("{{ t.incorporate(colour='red') }}", "a relation has no setting `colour`");
}

#[test]
fn parsing_asks_nothing() {
    let place = Place::new(AdapterObject::parsing(&Arc::new(options())), "");
    let cases = [
        ("{{ adapter.get_relation('a', 'b', 'c') }}{{ adapter.get_columns_in_relation(t) }}", "None[]"),
        ("{{ adapter.execute('select 1')[1] | length }}{{ adapter.check_schema_exists('a', 'b') }}", "0False"),
        ("{{ adapter.create_schema(t) }}{{ adapter.commit() }}{{ adapter.type() }}", "Noneduckdb"),
        ("{{ adapter.dispatch('current_timestamp', 'dbt')() }}", "now()"),
    ];
    for (template, expected) in cases {
        place.check(template, expected);
    }
}

#[test]
fn a_project_overrides_what_the_adapter_does() {
    let recorder = Arc::new(Recorder::new(&CAPABILITIES));
    let own = "{% macro create_schema(relation) %}{% do adapter.execute('make ' ~ relation) %}{% endmacro %}\
               {% macro get_incremental_mine_sql(arg_dict) %}mine{% endmacro %}";
    let place = Place::on(recorder.clone(), own);
    place.check(
        "{% do adapter.create_schema(t) %}{{ adapter.get_incremental_strategy_macro(context, 'mine')({}) }}",
        "mine",
    );
    assert_eq!(recorder.statements(), [r#"make "memory"."main""#]);
    place.refuses(
        "{{ adapter.get_incremental_strategy_macro(context, 'insert_overwrite') }}",
        "is not valid for this adapter",
    );
    place.refuses("{{ adapter.get_incremental_strategy_macro(context, 'gone') }}", "get_incremental_gone_sql");
}

#[test]
fn statements_begin_a_transaction_and_commit_ends_it() {
    let recorder = Arc::new(Recorder::new(&CAPABILITIES));
    let place = Place::on(recorder.clone(), "");
    place.check(
        "{% call statement('a') %}create a{% endcall %}{% do adapter.add_query('insert %s', bindings=[1, none]) %}\
         {{ adapter.commit() }}{{ adapter.commit() }}{% do run_query('select 1') %}",
        "",
    );
    let expected = ["BEGIN", "create a", "insert %s -- 1, None", "COMMIT", "select 1"];
    assert_eq!(recorder.statements(), expected);
}

#[test]
fn grants_are_read_from_rows() {
    let rows = [("select", "a"), ("insert", "a"), ("select", "b")];
    let rows = rows.map(|(privilege, grantee)| vec![Value::from(grantee), Value::from(privilege)]);
    let place = Place::duckdb();
    let grants = table::new(vec!["GRANTEE".into(), "privilege_type".into()], rows.to_vec());
    let place = Place { context: values::dict_of([("adapter", place.adapter.clone()), ("grants", grants)]), ..place };
    place.check("{{ adapter.standardize_grants_dict(grants) }}", "{'select': ['a', 'b'], 'insert': ['a']}");
}

#[test]
fn what_a_rolled_back_transaction_did_is_asked_for_again() {
    let place = Place::duckdb();
    place.sql("create table t as select 1 as id");
    place.refuses(
        "{% call statement('a') %}select 1{% endcall %}{% do adapter.drop_relation(load_relation(t)) %}{% do run_query('select nope') %}",
        "Binder Error",
    );
    place.check("{{ load_relation(t) }} {{ run_query('select id from t').rows[0][0] }}", r#""memory"."main"."t" 1"#);
}

#[test]
fn asking_for_the_columns_of_nothing_keeps_the_transaction() {
    let place = Place::duckdb();
    place.check(
        "{% call statement('a') %}create table kept as select 1 as id{% endcall %}{{ adapter.get_columns_in_relation(t) }}{% do adapter.commit() %}",
        "[]",
    );
    place.check("{{ run_query('select id from kept').rows[0][0] }}", "1");
}

/// Where tform knows better than the reference: a number beyond 32 bits gets a type that holds it.
const REFERENCE: &str = include_str!("reference.txt");

#[test]
fn templates_give_what_dbt_gives() {
    let options = AdapterOptions { facts: Facts { external_root: Some(".".into()), ..Facts::default() }, ..options() };
    let session = Warehouse::new(Arc::new(Duckdb::new(Settings::memory())), drop).session("master");
    let place = Place::new(AdapterObject::running(&Arc::new(options), &session), "");
    place.sql(
        "set timezone = 'UTC'; create view v as select 1::int as id; \
         create table t as select 1::int as id, 1.5::decimal(9,2) as price, 'x' as name",
    );
    let lines: Vec<&str> = REFERENCE.lines().filter(|line| !line.starts_with('#')).collect();
    let mut wrong = Vec::new();
    for pair in lines.chunks(2) {
        let [template, expected] = pair else { panic!("a template without its answer") };
        let expected = expected.strip_prefix("=> ").unwrap();
        let v = "{% set v = t.incorporate(path={'identifier': 'v'}, type='view') %}";
        let found = place.render(&format!("{v}{template}")).unwrap_or_else(|problem| problem.to_string());
        if found != expected {
            wrong.push(format!("{template}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a materialization finds beside the adapter.
fn node_context(place: &Place, name: &str, config: &[(&str, Value)], sql: &str) -> Value {
    use crate::adapter::seed::{self, SeedText};
    let seed = seed::scan(SeedText::Memory(SourceFile::new("seeds/s.csv", sql)), seed::SeedFormat::default());
    let rows = seed.map(crate::jinja::table::of_seed).unwrap_or_default();
    let text = |text: &str| Value::from(text);
    let settings: Vec<(&str, Value)> = config.to_vec();
    let off = |name: &'static str| Function::value(name, |_, _| Ok(Value::from(false)));
    let mut config_pairs = vec![
        ("persist_relation_docs", off("persist_relation_docs")),
        ("persist_column_docs", off("persist_column_docs")),
        ("contract", values::dict_of([("enforced", Value::from(false))])),
    ];
    let columns = settings.iter().find(|(key, _)| *key == "test_columns").map(|(_, columns)| columns.clone());
    let root = settings.iter().find(|(key, _)| *key == "test_root").map(|(_, root)| root.clone());
    config_pairs.retain(|(key, _)| !settings.iter().any(|(own, _)| own == key));
    config_pairs.extend(settings);
    let config = values::dict_of(config_pairs);
    let model = values::dict_of([
        ("name", text(name)),
        ("alias", text(name)),
        ("database", text("memory")),
        ("schema", text("main")),
        ("language", text("sql")),
        ("unique_id", text(&format!("model.shop.{name}"))),
        ("resource_type", text("model")),
        ("config", config.clone()),
        ("columns", columns.unwrap_or_else(|| values::dict_of::<&str>([]))),
        ("root_path", root.unwrap_or_else(values::none)),
        ("original_file_path", text("s.csv")),
        ("constraints", values::list(Vec::new())),
        ("compiled_code", text(sql)),
        ("description", text("")),
    ]);
    let mut pairs: Vec<(String, Value)> =
        values::pairs(&place.context).unwrap().into_iter().map(|(key, value)| (values::text(&key), value)).collect();
    let added = [
        ("this", value_of(relation(name).with_kind(None))),
        ("model", model),
        ("config", config),
        ("sql", text(sql)),
        ("compiled_code", text(sql)),
        ("database", text("memory")),
        ("schema", text("main")),
        ("flags", values::dict_of([("FULL_REFRESH", Value::from(false)), ("STORE_FAILURES", Value::from(false))])),
        ("load_agate_table", Function::value("load_agate_table", move |_, _| Ok(rows.clone()))),
        ("store_raw_result", Function::value("store_raw_result", |_, _| Ok(Value::from("")))),
        ("render", Function::value("render", |_, arguments| Ok(arguments.positional[0].clone()))),
        ("pre_hooks", values::list(Vec::new())),
        ("post_hooks", values::list(Vec::new())),
        ("selected_resources", values::list(Vec::new())),
        ("graph", values::dict_of([("nodes", values::dict_of::<&str>([]))])),
        ("target", values::dict_of([("type", text("duckdb"))])),
        (
            "context",
            values::dict_of(
                ["snapshot_check_strategy"].map(|name| (name, place.engine.macro_value(name, "shop").unwrap())),
            ),
        ),
    ];
    pairs.extend(added.map(|(key, value)| (key.to_owned(), value)));
    values::dict_of(pairs)
}

fn materialize(place: &Place, kind: &str, name: &str, config: &[(&str, Value)], sql: &str) {
    let context = node_context(place, name, config, sql);
    let adapter = ["duckdb", "default"].map(|adapter| format!("materialization_{kind}_{adapter}"));
    let macro_name = adapter.iter().find(|name| place.engine.resolve(name, "shop").is_some()).unwrap();
    let made = place.engine.call(macro_name, Arguments::default(), &Scope::new("shop", context));
    let made = made.unwrap_or_else(|problem| panic!("{kind} {name}\n{problem}")).value;
    for relation in values::items(&made.get_attr("relations").unwrap()).unwrap() {
        cache_add(&place.adapter, &relation);
    }
    assert!(!session_of(&place.adapter).unwrap().in_transaction(), "{kind} left its transaction open");
}

fn rows(place: &Place, sql: &str) -> String {
    let found = session_of(&place.adapter).unwrap().query(sql).unwrap();
    let row = |row: &Vec<crate::adapter::Cell>| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    found.rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

#[test]
fn materializations_run_again_and_again() {
    let place = Place::duckdb();
    for round in ["1", "2"] {
        materialize(&place, "view", "a", &[], &format!("select {round} as id"));
        materialize(&place, "table", "b", &[], &format!("select {round} as id, 'x' as name"));
        assert_eq!(rows(&place, "select a.id, b.id, b.name from a, b"), format!("{round},{round},x"));
    }
    materialize(&place, "table", "a", &[], "select 3 as id");
    materialize(&place, "view", "b", &[], "select 4 as id");
    assert_eq!(rows(&place, "select a.id, b.id from a, b"), "3,4");
    let left =
        "select string_agg(table_name || ' ' || table_type, ', ' order by table_name) from information_schema.tables";
    assert_eq!(rows(&place, left), "a BASE TABLE, b VIEW");
}

#[test]
fn incremental_strategies_bring_rows_over() {
    let text = |text: &str| Value::from(text);
    let cases = [
        ("append", vec![], "1,a 1,b 2,c"),
        ("delete+insert", vec![("unique_key", text("id"))], "1,b 2,c"),
        ("merge", vec![("unique_key", text("id"))], "1,b 2,c"),
        ("delete+insert", vec![("unique_key", values::list(vec![text("id"), text("name")]))], "1,a 1,b 2,c"),
    ];
    for (index, (strategy, mut config, expected)) in cases.into_iter().enumerate() {
        let place = Place::duckdb();
        config.push(("incremental_strategy", text(strategy)));
        let name = format!("t{index}");
        materialize(&place, "incremental", &name, &config, "select 1 as id, 'a' as name");
        materialize(&place, "incremental", &name, &config, "select 1 as id, 'b' as name union all select 2, 'c'");
        assert_eq!(rows(&place, &format!("select * from {name} order by all")), expected, "{strategy}");
    }
}

#[test]
fn changed_columns_are_added_where_configured() {
    let place = Place::duckdb();
    for (change, expected) in
        [("append_new_columns", "1,None 2,x"), ("sync_all_columns", "1,None 2,x"), ("ignore", "1 2")]
    {
        let config = [("on_schema_change", Value::from(change)), ("incremental_strategy", Value::from("append"))];
        let name = change.replace("all_columns", "all");
        materialize(&place, "incremental", &name, &config, "select 1 as id");
        materialize(&place, "incremental", &name, &config, "select 2 as id, 'x' as name");
        assert_eq!(rows(&place, &format!("select * from {name} order by id")), expected, "{change}");
    }
}

#[test]
fn snapshots_keep_what_was() {
    let place = Place::duckdb();
    let config = [
        ("strategy", Value::from("check")),
        ("unique_key", Value::from("id")),
        ("check_cols", Value::from("all")),
        ("hard_deletes", Value::from("invalidate")),
    ];
    materialize(&place, "snapshot", "s", &config, "select 1 as id, 'a' as name union all select 2, 'b'");
    materialize(&place, "snapshot", "s", &config, "select 1 as id, 'c' as name");
    assert_eq!(
        rows(&place, "select id, name, dbt_valid_to is null from s order by id, name"),
        "1,a,False 1,c,True 2,b,False"
    );
}

#[test]
fn seeds_are_loaded_and_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::duckdb();
    for (round, csv) in ["id,name,day\n1,a,2024-01-01\n2,,\n", "id,name,day\n3,c,2024-01-03\n"].into_iter().enumerate()
    {
        std::fs::write(folder.path().join("s.csv"), csv).unwrap();
        let root = Value::from(folder.path().to_string_lossy().into_owned());
        let config = [("test_root", root), ("column_types", values::dict_of([("name", Value::from("varchar"))]))];
        materialize(&place, "seed", "s", &config, csv);
        let expected = ["1,a,2024-01-01 2,None,None", "3,c,2024-01-03"][round];
        assert_eq!(rows(&place, "select * from s order by id"), expected);
    }
    let types = "select string_agg(data_type, ' ' order by column_index) from duckdb_columns() where table_name = 's'";
    assert_eq!(rows(&place, types), "INTEGER VARCHAR DATE");
    let slow = [("fast", Value::from(false))];
    materialize(&place, "seed", "t", &slow, "id,at\n1,2024-01-01T10:00:00\n");
    assert_eq!(rows(&place, "select * from t"), "1,2024-01-01 10:00:00");
}

#[test]
fn external_models_write_a_file_and_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::duckdb();
    for format in ["parquet", "csv", "json"] {
        let file = folder.path().join(format!("x.{format}")).to_string_lossy().into_owned();
        let config = [("location", Value::from(file.as_str())), ("format", Value::from(format))];
        for round in ["1", "2"] {
            materialize(&place, "external", &format!("x_{format}"), &config, &format!("select {round} as id"));
            assert_eq!(
                rows(&place, &format!("select v.id, f.id from x_{format} as v, '{file}' as f")),
                format!("{round},{round}")
            );
        }
    }
}

#[test]
fn contracts_give_the_table_its_types_and_constraints() {
    let place = Place::duckdb();
    let column = |name: &str, kind: &str, constraints: Vec<Value>| {
        let pairs =
            [("name", Value::from(name)), ("data_type", Value::from(kind)), ("constraints", values::list(constraints))];
        (name.to_owned(), values::dict_of(pairs))
    };
    let not_null = || vec![values::dict_of([("type", Value::from("not_null"))])];
    let columns = values::dict_of([column("id", "bigint", not_null()), column("name", "varchar", Vec::new())]);
    let config = [("contract", values::dict_of([("enforced", Value::from(true))])), ("test_columns", columns.clone())];
    materialize(&place, "table", "c", &config, "select 1::bigint as id, 'x'::varchar as name");
    let types = "select string_agg(data_type || ' ' || is_nullable, ', ' order by column_index) from duckdb_columns() where table_name = 'c'";
    assert_eq!(rows(&place, types), "BIGINT false, VARCHAR true");
    let context = node_context(&place, "c", &config, "select 'y' as id, 'x' as name");
    let broken = place.engine.call("materialization_table_default", Arguments::default(), &Scope::new("shop", context));
    let problem = broken.unwrap_err().message;
    assert!(problem.contains("contract"), "{problem}");
}
