//! Connections to a real server, which the tests start.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{Server, Settings};
use crate::adapter::{Adapter, Cell, Column, Connection, ErrorKind, Fetch, Path, RelationKind, Schemas, SeedLoad};

#[path = "../../../tests/tools/postgres.rs"]
mod server;

/// A target of `profiles.yml` on the tests' server, with some keys changed.
fn profile(changes: Value) -> Map<String, Value> {
    let port = server::server().unwrap().port;
    let profile = json!({
        "host": "localhost", "port": port, "user": server::USER, "password": server::PASSWORD,
        "database": "postgres", "schema": "public", "retries": 0,
    });
    let mut profile = profile.as_object().cloned().unwrap();
    profile.extend(changes.as_object().cloned().unwrap_or_default());
    profile
}

fn open(changes: Value) -> Result<Box<dyn Connection>, crate::adapter::AdapterError> {
    Server::new(Settings::from_profile(&profile(changes)).unwrap()).open("test")
}

fn connect() -> Box<dyn Connection> {
    open(json!({})).unwrap()
}

fn single(connection: &mut dyn Connection, sql: &str) -> String {
    connection.execute(sql, Fetch::All).unwrap().single().unwrap().to_string()
}

#[test]
fn values_have_the_types_of_their_columns() {
    let mut connection = connect();
    connection.execute("set timezone to 'Asia/Seoul'", Fetch::None).unwrap();
    let cases = [
        ("1::bigint", "bigint", "1"),
        ("1.50::numeric(5,2)", "numeric", "1.50"),
        ("0.1::float8", "double precision", "0.1"),
        ("true", "boolean", "True"),
        ("null", "text", "None"),
        ("date '2020-02-29'", "date", "2020-02-29"),
        ("timestamp '2020-01-01 10:00:00.5'", "timestamp without time zone", "2020-01-01 10:00:00.500"),
        ("timestamptz '2020-01-01 10:00:00+00'", "timestamp with time zone", "2020-01-01 19:00:00+09:00"),
        ("interval '1 mon 2 days 03:00'", "interval", "32 days, 3:00:00"),
        ("'{\"a\": [1, 2]}'::json", "json", "{'a': [1, 2]}"),
        ("array['a', null, 'b c']", "text[]", "['a', None, 'b c']"),
        ("'\\x00ff'::bytea", "bytea", "00ff"),
        ("'00000000-0000-0000-0000-000000000001'::uuid", "uuid", "00000000-0000-0000-0000-000000000001"),
        ("'한글'::varchar(9)", "character varying", "한글"),
        ("int4range(1, 3)", "int4range", "[1,3)"),
    ];
    for (sql, type_name, text) in cases {
        let result = connection.execute(&format!("select {sql} as value"), Fetch::All).unwrap();
        assert_eq!(result.columns[0].type_name, type_name, "{sql}");
        assert_eq!(result.single().unwrap().to_string(), text, "{sql}");
    }
}

#[test]
fn of_several_statements_the_last_one_answers() {
    let mut connection = connect();
    let sql = "create temp table t (id int); insert into t values (1), (2), (3);";
    let response = connection.execute(sql, Fetch::All).unwrap().response;
    assert_eq!((response.message.as_str(), response.code.as_deref()), ("INSERT 0 3", Some("INSERT")));
    assert_eq!(response.rows_affected, Some(3));
    let result = connection.execute("select 1 as a; select id as b from t order by 1", Fetch::Limit(2)).unwrap();
    assert_eq!((result.columns[0].name.as_str(), result.rows.len()), ("b", 2));
    let result = connection.execute("select 1; create temp table u ()", Fetch::All).unwrap();
    assert!(result.columns.is_empty() && result.rows.is_empty());
    assert_eq!((result.response.message.as_str(), result.response.rows_affected), ("CREATE TABLE", Some(-1)));
    assert_eq!(connection.execute("-- nothing", Fetch::All).unwrap().response.message, "");
}

#[test]
fn values_are_bound_and_queries_described_without_running() {
    let mut connection = connect();
    let values = [Cell::Int(-1), Cell::Text("it's \\ 50%".into()), Cell::Null];
    let result = connection.execute_bound("select 3 -%s, %s, %s::int, '%%'", &values, Fetch::All).unwrap();
    let texts: Vec<String> = result.rows[0].iter().map(Cell::to_string).collect();
    assert_eq!(texts, ["4", "it's \\ 50%", "None", "%"]);

    let columns = |connection: &mut dyn Connection, sql: &str| {
        let columns = connection.describe(sql).unwrap();
        columns.into_iter().map(|column| format!("{} {}", column.name, column.type_name)).collect::<Vec<_>>()
    };
    connection.execute("create type pg_temp.mood as enum ('sad')", Fetch::None).unwrap();
    let sql = "select 1 as a, 'x' as b, array[1::bigint] as c, 1/0 as d, 'sad'::pg_temp.mood as e";
    let described = columns(connection.as_mut(), sql);
    assert_eq!(described[..4], ["a INTEGER", "b STRING", "c LONGINTEGERARRAY", "d INTEGER"]);
    assert!(described[4].starts_with("e unknown type_code "), "{}", described[4]);
    let mood = connection.describe(sql).unwrap().pop().unwrap().sql_name.unwrap();
    assert!(mood.ends_with(".mood") || mood == "mood", "{mood}");
    assert_eq!(columns(connection.as_mut(), "set work_mem = '4MB'; select true as yes;"), ["yes BOOLEAN"]);
    assert!(connection.describe("select * from missing").unwrap_err().is_missing_relation());
}

#[test]
fn errors_say_where_and_what_may_be_done() {
    let mut connection = connect();
    let error = connection.execute("select 1 as one\nfrom missing m", Fetch::All).unwrap_err();
    let text = "relation \"missing\" does not exist\nLINE 2: from missing m\n             ^";
    assert_eq!((error.message.as_str(), error.line), (text, Some(2)));
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Syntax, Some("42P01")));

    let sql = "create temp table k (id int primary key); insert into k values (1), (1)";
    let error = connection.execute(sql, Fetch::None).unwrap_err();
    let text = "duplicate key value violates unique constraint \"k_pkey\"\nDETAIL:  Key (id)=(1) already exists.";
    assert_eq!((error.message.as_str(), error.kind), (text, ErrorKind::Other));

    // A transaction that a text began itself does not outlive its error.
    assert!(connection.execute("begin; select 1/0", Fetch::None).is_err());
    assert_eq!(single(connection.as_mut(), "select 1"), "1");
    // A transaction in which nothing was done leaves nothing to end.
    connection.begin().unwrap();
    connection.commit().unwrap();
    assert_eq!(single(connection.as_mut(), "select (now() = statement_timestamp())::text"), "true");
    connection.begin().unwrap();
    assert_eq!(connection.describe("select 1 as a").unwrap().len(), 1);
    connection.execute("create temp table begun ()", Fetch::None).unwrap();
    connection.rollback().unwrap();
    assert!(connection.execute("select * from begun", Fetch::None).unwrap_err().is_missing_relation());
    // One that the caller began is the caller's.
    connection.begin().unwrap();
    assert!(connection.execute("select 1/0", Fetch::None).is_err());
    assert_eq!(connection.execute("select 1", Fetch::None).unwrap_err().code.as_deref(), Some("25P02"));
    connection.rollback().unwrap();
    assert!(connection.execute("copy pg_class from stdin", Fetch::None).is_err());
    assert_eq!(single(connection.as_mut(), "select 2"), "2");
    connection.execute("do $$ begin raise notice 'hear'; end $$", Fetch::None).unwrap();
    let notice = connection.take_notices().join("");
    assert!(notice.starts_with("NOTICE:  hear"), "{notice}");
}

#[test]
fn a_statement_is_cancelled_from_another_thread() {
    for mode in ["disable", "require"] {
        let mut connection = open(json!({ "sslmode": mode })).unwrap();
        let cancel = connection.cancel_handle();
        let canceller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            cancel.cancel();
        });
        let began = Instant::now();
        let error = connection.execute("select pg_sleep(30)", Fetch::None).unwrap_err();
        canceller.join().unwrap();
        assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(single(connection.as_mut(), "select 1"), "1");
    }
}

#[test]
fn a_connection_that_the_server_ends_is_lost() {
    let (mut connection, mut other) = (connect(), connect());
    let process = single(connection.as_mut(), "select pg_backend_pid()");
    other.execute(&format!("select pg_terminate_backend({process})"), Fetch::None).unwrap();
    let error = connection.execute("select 1", Fetch::All).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Connection, "{error}");
    assert!(connection.is_lost());
}

#[test]
fn seeds_are_copied_into_typed_columns() {
    let mut connection = connect();
    connection
        .execute("create schema seeded; create table seeded.s (\"Id\" int, t text, d date)", Fetch::None)
        .unwrap();
    let relation = super::CAPABILITIES.relation(Path::new(None, Some("seeded"), Some("s")), Some(RelationKind::Table));
    let columns = ["Id", "t", "d"].map(str::to_owned);
    let text = |text: &str| Some(text.to_owned());
    let rows = [
        vec![text("1"), text("a\tb\\c\n\"d\""), text("2020-01-01")],
        vec![None, text(""), None],
        vec![text("3"), text("\\N"), None],
    ];
    let load = SeedLoad { relation: &relation, columns: &columns, rows: &mut rows.clone().into_iter() };
    assert_eq!(connection.load_seed(load).unwrap(), 3);
    let found = connection.execute("select * from seeded.s", Fetch::All).unwrap();
    let read: Vec<Vec<Option<String>>> = found
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| (!cell.is_null()).then(|| cell.to_string())).collect())
        .collect();
    assert_eq!(read, rows);
    let wrong = [vec![text("x"), None, None]];
    let load = SeedLoad { relation: &relation, columns: &columns, rows: &mut wrong.into_iter() };
    let error = connection.load_seed(load).unwrap_err();
    assert!(error.message.contains("invalid input syntax for type integer: \"x\""), "{error}");
    assert!(error.message.contains("COPY s, line 1, column Id"), "{error}");
}

#[test]
fn the_catalog_is_read_by_one_query_per_kind() {
    let mut connection = connect();
    let setup = "create schema cat; create table cat.t (id int, name varchar(9)); create view cat.v as select * from cat.t;\n\
                 create materialized view cat.m as select id from cat.v; create unlogged table cat.u ();\n\
                 comment on table cat.t is 'about t'; comment on column cat.t.id is 'the key';\n\
                 create function cat.f(a int) returns int language sql as 'select 1'";
    connection.execute(setup, Fetch::None).unwrap();
    let schemas = [Schemas { database: "postgres".into(), schemas: vec!["CAT".into()] }];
    let listing = connection.list_relations(&schemas).unwrap();
    let mut names: Vec<String> = listing
        .relations
        .iter()
        .map(|found| format!("{} {}", found.identifier().unwrap_or_default(), found.kind.unwrap()))
        .collect();
    names.sort();
    assert_eq!(names, ["f function", "m materialized_view", "t table", "u table", "v view"]);
    let mut bound: Vec<String> =
        listing.bound.iter().map(|bound| format!("{} on {}", bound.view.identifier, bound.origin.identifier)).collect();
    bound.sort();
    assert_eq!(bound, ["m on v", "v on t"]);
    let tables = connection.catalog(&schemas).unwrap();
    let kinds: Vec<(&str, &str)> = tables.iter().map(|table| (table.name.as_str(), table.kind.as_str())).collect();
    assert_eq!(kinds, [("m", "MATERIALIZED VIEW"), ("t", "BASE TABLE"), ("u", "BASE TABLE"), ("v", "VIEW")]);
    assert_eq!((tables[1].comment.as_deref(), tables[1].owner.as_deref()), (Some("about t"), Some(server::USER)));
    assert_eq!(tables[1].columns[1].type_name, "character varying(9)");
    assert_eq!(tables[1].columns[0].comment.as_deref(), Some("the key"));
    assert!(tables[2].columns.is_empty());
    let schemas = [Schemas { database: "postgres".into(), schemas: vec!["CAT".into(), "none".into(), "empty".into()] }];
    connection.execute("create schema empty", Fetch::None).unwrap();
    let mut existing = connection.list_relations(&schemas).unwrap().schemas;
    existing.sort();
    let named = |schema: &str| ("postgres".to_owned(), schema.to_owned());
    assert_eq!(existing, [named("cat"), named("empty")]);
    let other = [Schemas { database: "other".into(), schemas: Vec::new() }];
    let error = connection.list_relations(&other).unwrap_err();
    assert_eq!(error.message, "Cross-db references not allowed in postgres (other vs postgres)");
}

#[test]
fn columns_are_described_as_the_catalog_has_them() {
    let mut connection = connect();
    let setup = "create schema described; create type described.mood as enum ('good'); create domain described.short as varchar(3);\n\
                 create table described.t (a smallint, b int, c bigint, d real, e float8, f numeric, g numeric(10,2), h text,\n\
                 i varchar, j varchar(9), k char(4), l date, m timestamp, n timestamptz, o time, p interval, q boolean, r jsonb,\n\
                 s uuid, t int[], u text[], v described.mood, w described.short, x bytea, y tsvector, z varchar(2)[], \"A\" xml)";
    connection.execute(setup, Fetch::None).unwrap();
    let path = |name| Path::new(Some("postgres"), Some("described"), Some(name));
    let relation = super::CAPABILITIES.relation(path("t"), None);
    let told = "select column_name::text, data_type::text, character_maximum_length, numeric_precision, numeric_scale\n\
                from information_schema.columns where table_schema = 'described' order by ordinal_position";
    let told = connection.execute(told, Fetch::All).unwrap().rows;
    let shown = |found: &[Column]| -> Vec<String> {
        let number = |figure: Option<i64>| figure.map_or("None".to_owned(), |figure| figure.to_string());
        let figures =
            |column: &Column| [column.char_size, column.numeric_precision, column.numeric_scale].map(number).join(" ");
        found.iter().map(|column| format!("{} {} {}", column.name, column.dtype, figures(column))).collect()
    };
    let expected: Vec<String> =
        told.iter().map(|row| row.iter().map(Cell::to_string).collect::<Vec<String>>().join(" ")).collect();
    assert_eq!(shown(&connection.columns(&relation).unwrap()), expected);
    // In a transaction, which goes on whatever the server says.
    connection.begin().unwrap();
    connection.execute("create temporary table made (id int)", Fetch::None).unwrap();
    let missing = super::CAPABILITIES.relation(path("missing"), None);
    assert!(connection.columns(&missing).unwrap().is_empty());
    let nowhere = super::CAPABILITIES.relation(Path::new(None, Some("nowhere"), Some("t")), None);
    assert!(connection.columns(&nowhere).unwrap().is_empty());
    let made = super::CAPABILITIES.relation(Path::new(None, None, Some("made")), None);
    assert_eq!(shown(&connection.columns(&made).unwrap()), ["id integer None 32 0"]);
    connection.commit().unwrap();
    assert_eq!(connection.columns(&made).unwrap().len(), 1);
}

#[test]
fn settings_of_the_session_are_those_of_the_profile() {
    let mut connection = open(json!({
        "search_path": "pg_catalog, public", "application_name": "night run", "keepalives_idle": 30, "role": "pg_monitor",
    }))
    .unwrap();
    assert_eq!(single(connection.as_mut(), "show search_path"), "pg_catalog, public");
    assert_eq!(single(connection.as_mut(), "show application_name"), "night run");
    assert_eq!(single(connection.as_mut(), "select current_role::text"), "pg_monitor");
    let folder = server::server().unwrap().folder.to_string_lossy().into_owned();
    let mut local = open(json!({ "host": folder, "password": "" })).unwrap();
    assert_eq!(single(local.as_mut(), "select inet_server_addr() is null"), "True");
}

#[test]
fn sslmode_means_what_it_means_to_libpq() {
    let proof = server::server().unwrap().folder.join("server.crt").to_string_lossy().into_owned();
    let cases = [
        (json!({ "sslmode": "disable" }), Ok("False")),
        (json!({ "sslmode": "allow" }), Ok("False")),
        (json!({}), Ok("True")),
        (json!({ "sslmode": "require" }), Ok("True")),
        (json!({ "sslmode": "require", "sslrootcert": proof }), Ok("True")),
        (json!({ "sslmode": "verify-ca", "sslrootcert": proof, "host": "127.0.0.1" }), Ok("True")),
        (json!({ "sslmode": "verify-full", "sslrootcert": proof }), Ok("True")),
        (
            json!({ "sslmode": "verify-full", "sslrootcert": proof, "host": "127.0.0.1" }),
            Err("certificate not valid for name"),
        ),
        (json!({ "sslmode": "verify-ca" }), Err("has signed its certificate but itself")),
        (json!({ "sslmode": "verify-ca", "sslrootcert": "/nowhere" }), Err("`sslrootcert: /nowhere` cannot be read")),
    ];
    for (changes, expected) in cases {
        let what = changes.to_string();
        match (open(changes), expected) {
            (Ok(mut connection), Ok(encrypted)) => {
                let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
                assert_eq!(single(connection.as_mut(), sql), encrypted, "{what}");
            }
            (Err(error), Err(part)) => assert!(error.message.contains(part), "{what}: {error}"),
            (found, _) => panic!("{what}: {:?}", found.err()),
        }
    }
    let error = Settings::from_profile(&profile(json!({ "sslmode": "requires" }))).unwrap_err();
    assert!(error.message.contains("`sslmode: requires`"), "{}", error.message);
}

#[test]
fn refusals_name_the_key_of_the_profile_and_no_secret() {
    let cases = [
        (json!({ "password": "s3cr3t!" }), "password authentication failed for user \"tform\"", "`password`"),
        (json!({ "user": "nobody" }), "password authentication failed for user \"nobody\"", "`user: nobody`"),
        (json!({ "database": "nowhere" }), "database \"nowhere\" does not exist", "`dbname: nowhere`"),
        (json!({ "host": "no.such.host.invalid" }), "could not translate host name \"no.such.host.invalid\"", "`host`"),
        (json!({ "port": 1 }), "port 1 failed: Connection refused", "`port`"),
        (json!({ "role": "nobody" }), "role \"nobody\" does not exist", "`role`"),
    ];
    for (changes, message, hint) in cases {
        let what = changes.to_string();
        let Err(error) = open(changes) else { panic!("{what}: was taken") };
        assert_eq!(error.kind, ErrorKind::Connection, "{what}");
        assert!(error.message.contains(message), "{what}: {error}");
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{what}: {:?}", error.hint);
        assert!(!error.message.contains("s3cr3t!"), "{error}");
    }
}
