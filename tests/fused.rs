//! Fused data tests give the answers of unfused ones: a thousand generated tests over generated
//! tables, run both ways, and their results compared.
//!
//! Each project has tables with nulls and duplicates, and tests with filters, thresholds,
//! calculations, limits and stored failures, some of them broken. Another seed makes others:
//! `FUSED_SEED=7 cargo test --test fused`.

#[path = "tools/postgres.rs"]
#[expect(dead_code, reason = "the cases use more of it")]
mod postgres;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const TABLES: usize = 10;
const TESTS_OF_A_TABLE: usize = 10;
const PROFILE: &str = "test";

/// Numbers that look random and are the same for a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % count as u64) as usize
    }

    /// True once in `count` times.
    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// As tests name them.
const COLUMNS: [&str; 5] = ["id", "kind", "amount", "parent", HANGUL];
/// A column that has to be quoted.
const HANGUL: &str = "\"주문 종류\"";

/// A model of a few rows; `clean` ones break few tests.
fn table(dice: &mut Dice) -> String {
    let materialized = dice.pick(&["table", "view"]);
    let alias = if dice.one_in(4) { format!(", alias='주문 {}'", dice.below(1_000_000)) } else { String::new() };
    let clean = !dice.one_in(3);
    let rows = if dice.one_in(6) { 0 } else { 1 + dice.below(20) };
    let mut sql = format!(
        "{{{{ config(materialized='{materialized}'{alias}) }}}}\nselect cast(null as integer) as id, cast(null as varchar(9)) as \
         kind, cast(null as decimal(9, 2)) as amount, cast(null as integer) as parent, \
         cast(null as varchar(9)) as {HANGUL} where 1 = 0\n"
    );
    for row in 0..rows {
        let id = if clean { row } else { dice.below(rows) };
        let kind = dice.pick(&["'a'", "'b'", "'a'", "'b'", "'c'", "'o''k'", "''"]);
        let amount = format!("{}.{}", dice.below(9), dice.below(100));
        let sort = dice.pick(&["'사과'", "'배'", "'사과'", "'귤'"]);
        let values = [id.to_string(), kind.to_owned(), amount, dice.below(8).to_string(), sort.to_owned()];
        let values = values.map(|value| if !clean && dice.one_in(8) { "null".to_owned() } else { value });
        writeln!(sql, "union all select {}", values.join(", ")).unwrap();
    }
    sql
}

/// The kind of a test, its column and its arguments, as YAML in one line.
fn question(dice: &mut Dice, column: &str) -> (&'static str, String) {
    match dice.below(12) {
        0..=2 => ("not_null", String::new()),
        3 | 4 => ("unique", String::new()),
        5 | 6 if column == "kind" => {
            let values = dice.pick(&["[a, b, c, \"o''k\", '']", "[a, b]", "[a]", "[a, b, c]"]);
            ("accepted_values", format!("values: {values}"))
        }
        5 | 6 if column == HANGUL => {
            let values = dice.pick(&["[사과, 배, 귤]", "[사과, 배]", "[포도]"]);
            ("accepted_values", format!("values: {values}"))
        }
        5 | 6 => {
            let values = dice.pick(&["[0, 1, 2, 3]", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]"]);
            ("accepted_values", format!("values: {values}, quote: {}", dice.pick(&["true", "false"])))
        }
        7 => {
            let field = dice.pick(&["id", "id", "parent", column]);
            ("relationships", format!("to: ref('t{}'), field: '{field}'", dice.below(TABLES)))
        }
        8 if column != "kind" && column != HANGUL => {
            let limits = dice.pick(&["min_value: 0", "max_value: 3", "min_value: 1, max_value: 5, inclusive: false"]);
            ("tform.accepted_range", limits.to_owned())
        }
        8 => ("tform.not_blank", String::new()),
        9 => {
            let expression = dice.pick(&[">= 0", "is not null or 1 = 1", "< 5", "<> 3"]);
            ("tform.expression_is_true", format!("expression: '{expression}'"))
        }
        10 => ("tform.row_count_between", format!("min_rows: {}", dice.below(4))),
        _ => ("of_the_project", String::new()),
    }
}

/// The configs of a test, most often none.
fn configs(dice: &mut Dice) -> String {
    let mut configs = Vec::new();
    if dice.one_in(3) {
        let filter = dice.pick(&[
            "id > 3",
            "kind = ''a''",
            "kind in (''a'', ''b'') or amount is null",
            "amount is not null",
            "1 = 0",
            "id > 1 order by id",
            "\"주문 종류\" <> ''배'' or kind is null",
            "id = (select max(id) from (select 4 as id) as x)",
        ]);
        configs.push(format!("where: '{filter}'"));
    }
    if dice.one_in(4) {
        configs.push(format!("severity: {}", dice.pick(&["warn", "error"])));
    }
    for key in ["warn_if", "error_if"] {
        if dice.one_in(5) {
            let condition = dice.pick(&["> 1", ">= 0", "= 0", "!= 0", ">3", "<> 2", "between 1 and 2", "< 1"]);
            configs.push(format!("{key}: '{condition}'"));
        }
    }
    if dice.one_in(10) {
        configs.push(format!(
            "fail_calc: '{}'",
            dice.pick(&["count(*) + 1", "2 * count(*)", "sum(n_records)", "count (*)"])
        ));
    }
    if dice.one_in(8) {
        configs.push(format!("limit: {}", dice.pick(&["0", "1", "3"])));
    }
    if dice.one_in(12) {
        configs.push(format!("store_failures: {}", dice.pick(&["true", "true", "false"])));
    }
    configs.join(", ")
}

/// The files of a project; `after` is its hook at the end.
fn write_project(folder: &Path, dice: &mut Dice, after: &str) {
    let hook = if after.is_empty() { String::new() } else { format!("on-run-end: \"{after}\"\n") };
    let project = format!("name: test\nversion: '1.0'\nprofile: {PROFILE}\n{hook}");
    let own = "{% test of_the_project(model, column_name) %}select * from {{ model }} where {{ column_name }} is null{% endtest %}";
    let mut properties = String::from("models:\n");
    fs::create_dir_all(folder.join("models")).unwrap();
    fs::create_dir_all(folder.join("macros")).unwrap();
    for number in 0..TABLES {
        fs::write(folder.join(format!("models/t{number}.sql")), table(dice)).unwrap();
        writeln!(properties, "  - name: t{number}\n    data_tests:").unwrap();
        for test in 0..TESTS_OF_A_TABLE {
            let column = if dice.one_in(80) { "no_such_column" } else { COLUMNS[dice.below(COLUMNS.len())] };
            let (kind, arguments) = question(dice, column);
            let needs_column = kind != "tform.row_count_between";
            let column = if needs_column { format!("column_name: '{column}'") } else { String::new() };
            let arguments = [column, arguments].join(", ");
            let arguments = arguments.trim_matches([',', ' ']);
            let configs = configs(dice);
            let name = format!("test_{number}_{test}");
            writeln!(properties, "      - {kind}: {{name: {name}, arguments: {{{arguments}}}, config: {{{configs}}}}}")
                .unwrap();
        }
    }
    fs::write(folder.join("dbt_project.yml"), project).unwrap();
    fs::write(folder.join("macros/own.sql"), own).unwrap();
    fs::write(folder.join("models/properties.yml"), properties).unwrap();
}

/// What a test came to, as far as it must not depend on fusing.
#[derive(Debug, PartialEq)]
struct Answer {
    status: String,
    failures: Option<u64>,
    message: Option<String>,
    compiled_code: Option<String>,
}

struct Answers {
    by_test: BTreeMap<String, Answer>,
    /// How many were passed by a shared query.
    fused: usize,
    /// What the hook at the end wrote.
    tables: Option<String>,
}

fn run(folder: &Path, command: &str, flag: &str) -> Answers {
    let _ = fs::remove_dir_all(folder.join("target"));
    fs::create_dir(folder.join("target")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tform"))
        .args([command, flag, "--quiet"])
        .current_dir(folder)
        .env("DBT_PROFILES_DIR", folder)
        .env("PGPASSWORD", postgres::PASSWORD)
        .output()
        .unwrap();
    let shown = || String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let results = fs::read_to_string(folder.join("target/run_results.json")).unwrap_or_else(|_| panic!("{}", shown()));
    let results: Value = serde_json::from_str(&results).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut answers = Answers { by_test: BTreeMap::new(), fused: 0, tables: None };
    for result in results["results"].as_array().unwrap() {
        let id = text(&result["unique_id"]).unwrap();
        if !id.starts_with("test.") {
            continue;
        }
        answers.fused += usize::from(!result["adapter_response"]["fused"].is_null());
        let answer = Answer {
            status: text(&result["status"]).unwrap(),
            failures: result["failures"].as_u64(),
            message: text(&result["message"]).map(|message| without_value(&message)),
            compiled_code: text(&result["compiled_code"]),
        };
        answers.by_test.insert(id, answer);
    }
    answers.tables = fs::read_to_string(folder.join("target/tables.csv")).ok();
    answers
}

/// Which of several broken values an engine with threads complains of is chance.
fn without_value(message: &str) -> String {
    let parts =
        message.split_once("convert string '").and_then(|(before, rest)| Some((before, rest.split_once("' to ")?)));
    parts.map_or_else(|| message.to_owned(), |(before, (_, after))| format!("{before}convert a string to {after}"))
}

/// How many tests were compared, how many were passed by shared queries, how many did not pass.
#[derive(Debug, Default)]
struct Seen {
    tests: usize,
    fused: usize,
    failed: usize,
}

impl Seen {
    fn compare(&mut self, folder: &Path, command: &str, seed: u64) {
        let (alone, together) = (run(folder, command, "--no-fuse"), run(folder, command, "--fuse"));
        assert_eq!(alone.fused, 0);
        assert_eq!(alone.by_test.len(), together.by_test.len(), "seed {seed}");
        for (id, answer) in &alone.by_test {
            assert_eq!(Some(answer), together.by_test.get(id), "{id}, seed {seed}: by itself (left) and fused (right)");
        }
        assert_eq!(alone.tables, together.tables, "relations and their rows, seed {seed}");
        self.tests += alone.by_test.len();
        self.fused += together.fused;
        self.failed += alone.by_test.values().filter(|answer| answer.status != "pass").count();
    }

    /// Both outcomes were common: else the comparison says little.
    fn check(&self, tests: usize) {
        assert_eq!(self.tests, tests);
        assert!(self.fused * 5 > self.tests && self.failed * 5 > self.tests, "{self:?}");
    }
}

fn first_seed() -> u64 {
    std::env::var("FUSED_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

#[test]
fn a_thousand_tests_give_the_same_answers_fused_and_by_themselves() {
    let mut seen = Seen::default();
    for seed in first_seed()..first_seed() + 10 {
        let folder = tempfile::tempdir().unwrap();
        let after = "copy (select schema_name, table_name, estimated_size from duckdb_tables() order by all) to 'target/tables.csv'";
        write_project(folder.path(), &mut Dice(seed), after);
        let profile =
            format!("{PROFILE}:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: ':memory:', threads: 2}}\n");
        fs::write(folder.path().join("profiles.yml"), profile).unwrap();
        seen.compare(folder.path(), "build", seed);
    }
    seen.check(1000);
}

#[test]
fn three_hundred_tests_give_the_same_answers_on_postgres() {
    let port = postgres::server().unwrap().port;
    let mut seen = Seen::default();
    for seed in first_seed() + 100..first_seed() + 103 {
        let folder = tempfile::tempdir().unwrap();
        write_project(folder.path(), &mut Dice(seed), "");
        let profile = format!(
            "{PROFILE}:\n  target: dev\n  outputs:\n    dev: {{type: postgres, host: localhost, port: {port}, user: {}, \
             password: {}, dbname: postgres, schema: fused_{seed}, threads: 2}}\n",
            postgres::USER,
            postgres::PASSWORD
        );
        fs::write(folder.path().join("profiles.yml"), profile).unwrap();
        seen.compare(folder.path(), "build", seed);
    }
    seen.check(300);
}
