//! DuckDB, really run, in memory and in files.

use super::*;
use crate::adapter::{Cell, ErrorKind, Fetch, Path, QueryResult, Relation, RelationKind, Schemas, SeedLoad};
use crate::target::{self, Target};

fn memory() -> Box<dyn Connection> {
    Duckdb::new(Settings::memory()).open("test").unwrap()
}

fn query(sql: &str) -> QueryResult {
    memory().execute(sql, Fetch::All).unwrap()
}

/// Each expression, what its column's type is called, and how its value prints.
const VALUES: &[(&str, &str, &str)] = &[
    ("null", "\"NULL\"", "None"),
    ("true", "BOOLEAN", "True"),
    ("1::tinyint", "TINYINT", "1"),
    ("300::usmallint", "USMALLINT", "300"),
    ("-5", "INTEGER", "-5"),
    ("9223372036854775807", "BIGINT", "9223372036854775807"),
    ("18446744073709551615::ubigint", "UBIGINT", "18446744073709551615"),
    ("170141183460469231731687303715884105727::hugeint", "HUGEINT", "170141183460469231731687303715884105727"),
    ("340282366920938463463374607431768211455::uhugeint", "UHUGEINT", "340282366920938463463374607431768211455"),
    ("1.50::decimal(9,2)", "DECIMAL(9,2)", "1.50"),
    ("-0.001::decimal(38,3)", "DECIMAL(38,3)", "-0.001"),
    ("7::decimal(38,0)", "DECIMAL(38,0)", "7"),
    ("0.1::float", "FLOAT", "0.10000000149011612"),
    ("2.5::double", "DOUBLE", "2.5"),
    ("'nan'::double", "DOUBLE", "nan"),
    ("'한글'", "VARCHAR", "한글"),
    ("'ab'::blob", "BLOB", "6162"),
    ("date '2024-02-29'", "DATE", "2024-02-29"),
    ("'infinity'::date", "DATE", "infinity"),
    ("time '01:02:03.5'", "TIME", "01:02:03.500"),
    ("timestamp '2024-01-02 03:04:05'", "TIMESTAMP", "2024-01-02 03:04:05"),
    ("timestamp_s '2024-01-02 03:04:05'", "TIMESTAMP_S", "2024-01-02 03:04:05"),
    ("timestamp_ms '2024-01-02 03:04:05'", "TIMESTAMP_MS", "2024-01-02 03:04:05"),
    ("timestamp_ns '2024-01-02 03:04:05'", "TIMESTAMP_NS", "2024-01-02 03:04:05"),
    ("interval '1 month 2 days 3 hours'", "INTERVAL", "32 days, 3:00:00"),
    ("'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid", "UUID", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ("'a'::enum('a', 'b')", "ENUM", "a"),
    ("'{\"a\": 1}'::json", "JSON", "{\"a\": 1}"),
    ("[1, 2, null]", "INTEGER[]", "[1, 2, None]"),
    ("[1, 2]::integer[2]", "INTEGER[2]", "[1, 2]"),
    ("{'a': 1, 'b': 'x'}", "STRUCT(a INTEGER, b VARCHAR)", "{'a': 1, 'b': 'x'}"),
    ("map {'k': [1]}", "MAP(VARCHAR, INTEGER[])", "{'k': [1]}"),
    ("union_value(n := 3)", "UNION(n INTEGER)", "3"),
];

#[test]
fn every_type_is_read() {
    let mut connection = memory();
    for (expression, type_name, printed) in VALUES {
        let result = connection.execute(&format!("select {expression} as a"), Fetch::All).unwrap();
        assert_eq!(result.columns[0].type_name, *type_name, "{expression}");
        assert_eq!(result.rows[0][0].to_string(), *printed, "{expression}");
    }
}

#[test]
fn the_column_of_every_type_is_read_or_refused() {
    let mut connection = memory();
    let types = connection.execute("select column_name from (describe from test_all_types())", Fetch::All).unwrap();
    let mut refused = Vec::new();
    for row in &types.rows {
        match connection.execute(&format!("select \"{}\" from test_all_types()", row[0]), Fetch::All) {
            Ok(found) => assert_eq!(found.rows.len(), 3, "{}", row[0]),
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Unsupported, "{}: {error}", row[0]);
                refused.push(row[0].to_string());
            }
        }
    }
    assert_eq!(refused, ["time_ns"]);
}

#[test]
fn moments_have_the_offset_of_the_session() {
    let mut connection = memory();
    let sql = "select timestamptz '2024-07-01 12:00:00+00' as a";
    assert_eq!(
        connection.execute(&format!("set timezone = 'UTC'; {sql}"), Fetch::All).unwrap().rows[0][0].to_string(),
        "2024-07-01 12:00:00+00:00"
    );
    let seoul = connection.execute(&format!("set timezone = 'Asia/Seoul'; {sql}"), Fetch::All).unwrap();
    assert_eq!(seoul.rows[0][0].to_string(), "2024-07-01 21:00:00+09:00");
}

#[test]
fn several_statements_give_the_result_of_the_last() {
    let result = query("create table a as select 1 as x; insert into a values (2);\n-- done\nselect sum(x) from a;");
    assert_eq!(result.single(), Some(&Cell::Int(3)));
    assert_eq!(result.response.message, "OK");
    assert!(query("-- nothing\n").rows.is_empty());
    assert!(query("").columns.is_empty());
}

#[test]
fn rows_are_limited_and_columns_described() {
    let mut connection = memory();
    let found = connection.execute("select range as n from range(10)", Fetch::Limit(3)).unwrap();
    assert_eq!(found.rows.len(), 3);
    let columns =
        connection.describe("with a as (select 1::decimal(5,2) as n) select n, [n] as l from a -- end\n;").unwrap();
    let columns: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect();
    assert_eq!(columns, ["n DECIMAL(5,2)", "l DECIMAL(5,2)[]"]);
    let bound = [Cell::Int(2), Cell::Text("x".into()), Cell::Null];
    let found = connection.execute_bound("select $1 + 1, $2, $3", &bound, Fetch::All).unwrap();
    assert_eq!(found.rows[0], [Cell::Int(3), Cell::Text("x".into()), Cell::Null]);
}

#[test]
fn errors_say_their_kind_and_line() {
    let mut connection = memory();
    let cases = [
        ("selec 1", ErrorKind::Syntax, Some(1)),
        ("select 1\nfrom missing_table", ErrorKind::Syntax, Some(2)),
        ("select nope from range(1)", ErrorKind::Syntax, Some(1)),
        ("select 'x'::integer", ErrorKind::Other, Some(1)),
        ("select \0", ErrorKind::Other, None),
    ];
    for (sql, kind, line) in cases {
        let error = connection.execute(sql, Fetch::All).unwrap_err();
        assert_eq!((error.kind, error.line), (kind, line), "{sql}: {error}");
    }
}

#[test]
fn two_writers_of_one_row_conflict_retryably() {
    let database = Duckdb::new(Settings::memory());
    let (mut first, mut second) = (database.open("1").unwrap(), database.open("2").unwrap());
    first.execute("create table a as select 1 as x", Fetch::None).unwrap();
    first.begin().unwrap();
    second.begin().unwrap();
    first.execute("update a set x = 2", Fetch::None).unwrap();
    let error = second.execute("update a set x = 3", Fetch::None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Retryable, "{error}");
    second.rollback().unwrap();
    first.commit().unwrap();
    assert_eq!(second.execute("select x from a", Fetch::All).unwrap().single(), Some(&Cell::Int(2)));
}

#[test]
fn a_query_is_interrupted_from_another_thread() {
    let mut connection = memory();
    let cancel = connection.cancel_handle();
    let error = std::thread::scope(|scope| {
        let running = scope.spawn(move || connection.execute("select count(*) from range(100000000000)", Fetch::All));
        while !running.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            cancel.cancel();
        }
        running.join().unwrap().unwrap_err()
    });
    assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
}

#[test]
fn the_catalog_lists_relations_columns_and_comments() {
    let mut connection = memory();
    let setup = "create schema s; create table s.t (id integer, name varchar); create view s.v as select 1 as one;\n\
                 comment on table s.t is 'about t'; comment on column s.t.id is 'the key'; create table main.u (x int)";
    connection.execute(setup, Fetch::None).unwrap();
    let schemas = [Schemas { database: "MEMORY".into(), schemas: vec!["S".into()] }];
    let mut names: Vec<String> = connection
        .list_relations(&schemas)
        .unwrap()
        .relations
        .iter()
        .map(|found| format!("{} {:?}", found.render(), found.kind))
        .collect();
    names.sort();
    assert_eq!(names, [r#""memory"."s"."t" Some(Table)"#, r#""memory"."s"."v" Some(View)"#]);
    let tables = connection.catalog(&schemas).unwrap();
    assert_eq!(tables.len(), 2);
    assert_eq!((tables[0].name.as_str(), tables[0].comment.as_deref()), ("t", Some("about t")));
    assert_eq!(tables[0].columns[0].comment.as_deref(), Some("the key"));
    assert_eq!((tables[1].kind.as_str(), tables[1].columns[0].type_name.as_str()), ("VIEW", "INTEGER"));
    assert!(connection.list_relations(&[]).unwrap().relations.is_empty());
}

#[test]
fn seeds_are_loaded_with_the_tables_types() {
    let mut connection = memory();
    connection
        .execute("create table s (a integer, b date, c text, d double, e boolean, f timestamp)", Fetch::None)
        .unwrap();
    let columns = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
    let row = |values: [Option<&str>; 6]| values.map(|value| value.map(str::to_owned)).to_vec();
    let rows = [
        row([Some("1"), Some("2024-01-31"), Some("it's"), Some("1.5"), Some("true"), Some("2024-01-31 10:00:00")]),
        row([None; 6]),
    ];
    let relation = Relation::new(
        &CAPABILITIES.relation,
        Path::new(Some("memory"), Some("main"), Some("s")),
        Some(RelationKind::Table),
    );
    let load = SeedLoad { relation: &relation, columns: &columns, rows: &mut rows.into_iter() };
    assert_eq!(connection.load_seed(load).unwrap(), 2);
    let found = connection.execute("select * from s order by a", Fetch::All).unwrap();
    let printed: Vec<String> = found.rows[0].iter().map(Cell::to_string).collect();
    assert_eq!(printed, ["1", "2024-01-31", "it's", "1.5", "True", "2024-01-31 10:00:00"]);
    assert!(found.rows[1].iter().all(Cell::is_null));
    let bad = [vec![Some("x".to_owned()), None, None, None, None, None]];
    let load = SeedLoad { relation: &relation, columns: &columns, rows: &mut bad.into_iter() };
    assert!(connection.load_seed(load).is_err());
}

#[test]
fn a_file_is_made_shared_by_connections_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        |path: &str| Settings { path: path.to_owned(), root: folder.path().to_owned(), ..Settings::memory() };
    {
        let database = Duckdb::new(Settings {
            settings: vec![("threads".to_owned(), "1".to_owned())],
            attach: vec![Attachment {
                path: "other.duckdb".into(),
                alias: Some("other".into()),
                ..Attachment::default()
            }],
            ..settings("new/shop.duckdb")
        });
        let (mut first, mut second) = (database.open("1").unwrap(), database.open("2").unwrap());
        first
            .execute(
                "create table shop.main.a as select 1 as x; create table other.main.b as select 2 as y",
                Fetch::None,
            )
            .unwrap();
        assert_eq!(second.execute("select x from a", Fetch::All).unwrap().single(), Some(&Cell::Int(1)));
        let threads = second.execute("select current_setting('threads')", Fetch::All).unwrap();
        assert_eq!(threads.single(), Some(&Cell::Int(1)));
    }
    let mut again = Duckdb::new(settings("new/shop.duckdb")).open("1").unwrap();
    assert_eq!(again.execute("select x from a", Fetch::All).unwrap().rows.len(), 1);
    assert!(folder.path().join("other.duckdb").exists());
}

#[test]
fn what_cannot_be_opened_is_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text.duckdb"), "this is no database, but long enough to look at it").unwrap();
    let settings =
        |path: &str| Settings { path: path.to_owned(), root: folder.path().to_owned(), ..Settings::memory() };
    let message = |settings: Settings| {
        let error = Duckdb::new(settings).open("1").err().unwrap();
        assert_eq!(error.kind, ErrorKind::Connection);
        error.message
    };
    assert!(message(settings("text.duckdb")).starts_with("database `text.duckdb` cannot be opened"));
    let setting = Settings { settings: vec![("no_such".into(), "1".into())], ..settings(":memory:") };
    assert!(message(setting).starts_with("setting `no_such` of the profile"));
    let option = Settings { config_options: vec![("no_such".into(), "1".into())], ..settings(":memory:") };
    assert!(message(option).contains("no_such"));
    let extension = Extension { name: "no_such_extension".into(), repository: Some("/nowhere".into()) };
    let missing = message(Settings { extensions: vec![extension], ..settings(":memory:") });
    assert!(missing.starts_with("extension `no_such_extension` is not installed and cannot be fetched"), "{missing}");
    let locked = "IO Error: Could not set lock on file \"/a\": Conflicting lock is held in /usr/bin/python3.12 (PID 7). See also x";
    let error = duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(locked.to_owned()));
    let said = refused(&settings("shop.duckdb"), &error).message;
    assert_eq!(said, "database file `shop.duckdb` is locked by another process: /usr/bin/python3.12 (PID 7)");
}

#[test]
fn the_version_is_the_librarys() {
    let opened = memory();
    // SAFETY: DuckDB gives a constant text that lives as long as the library, which is loaded.
    let own = unsafe { std::ffi::CStr::from_ptr(duckdb::ffi::duckdb_library_version()) };
    assert_eq!(format!("v{}", Duckdb::new(Settings::memory()).version()), own.to_string_lossy());
    drop(opened);
}

#[test]
fn the_library_is_loaded_when_a_database_is_opened_and_not_before() {
    let linked = std::process::Command::new("ldd").arg(std::env::current_exe().unwrap()).output().unwrap();
    let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
    assert!(
        linked.contains("libc.so") && !linked.contains("libduckdb"),
        "a function is missing in library.rs: {linked}"
    );
}

#[test]
fn a_target_is_opened_by_its_type() {
    let target =
        |adapter: &'static str| Target { adapter, ..target::embedded("shop", FilePath::new("/nowhere"), None) };
    let opened = crate::adapter::open(&target("duckdb"), FilePath::new("/project")).unwrap();
    assert_eq!((opened.capabilities().adapter, opened.default_database()), ("duckdb", "shop"));
    let refused = crate::adapter::open(&target("redshift"), FilePath::new("/project")).err().unwrap();
    assert_eq!(refused.message, "`user` is missing for an adapter of type `redshift`");
}

#[test]
fn schemas_are_listed_and_moments_written() {
    let mut connection = memory();
    connection.execute("create schema \"Odd one\"", Fetch::None).unwrap();
    let wanted = Schemas { database: "Memory".into(), schemas: vec!["odd ONE".into(), "none".into()] };
    let existing = connection.list_relations(&[wanted]).unwrap().schemas;
    assert_eq!(existing, [("memory".to_owned(), "Odd one".to_owned())]);
    let moment = chrono::DateTime::from_timestamp_micros(1_704_067_200_000_001).unwrap();
    assert_eq!(CAPABILITIES.event_time_text(moment), "2024-01-01 00:00:00.000001+00:00");
}

#[test]
fn each_adapter_has_its_data() {
    use crate::adapter::{SeedType, capabilities_of};
    let text = |adapter: &str| capabilities_of(adapter).map(|found| found.seed_type(SeedType::Text, 7));
    assert_eq!(text("duckdb").as_deref(), Some("text"));
    assert_eq!(text("redshift").as_deref(), Some("varchar(7)"));
    assert_eq!(capabilities_of("redshift").unwrap().seed_type(SeedType::Text, 0), "varchar(64)");
    assert_eq!(capabilities_of("postgres").unwrap().relation.longest_identifier, Some(63));
    assert_eq!(text("oracle"), None);
}

#[test]
fn files_are_read_from_the_projects_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "x\n7\n").unwrap();
    let settings = Settings { root: folder.path().to_owned(), ..Settings::memory() };
    let database = Duckdb::new(settings);
    let found = database.open("1").unwrap().execute("select x from 'a.csv'", Fetch::All).unwrap();
    assert_eq!(found.single(), Some(&Cell::Int(7)));
    let external = database.facts().external_root.unwrap();
    assert!(FilePath::new(&external).is_absolute(), "{external}");
}
