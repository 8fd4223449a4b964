//! Which target comes out of a `profiles.yml`, and what is said about a bad one.

use super::*;
use crate::diagnostic::Span;
use crate::yaml;

struct Vars;

impl StringRenderer for Vars {
    fn render(&self, text: &str, span: &Span) -> Result<Value, Diagnostic> {
        match text {
            "{{ env_var('PORT') | int }}" => Ok(json!(5433)),
            "{{ env_var('NAME') }}" => Ok(json!("prod")),
            _ => Err(Diagnostic::error("env var required but not provided: 'X'").at(span.clone())),
        }
    }
}

const PROFILES: &str = "
shop:
  target: \"{{ env_var('NAME') }}\"
  outputs:
    dev: {type: duckdb, path: /data/shop.v1.duckdb, threads: '3', extensions: [httpfs]}
    prod:
      type: postgres
      host: db
      port: \"{{ env_var('PORT') | int }}\"
      user: me
      pass: 'se{{cret'
      dbname: analytics
      schema: public
    other: {type: duckdb, path: \"{{ env_var('X') }}\"}
    typo: {type: postgres, hots: db, port: many, dbname: a, schema: b, user: c, pass: d}
    snow: {type: snowflake}
    plug: {type: duckdb, plugins: [{module: excel}], database: nope}
lonely:
  outputs: {default: {type: duckdb}}
empty:
";

fn pick(profile: &str, target: Option<&str>) -> Result<Warned<Target>, Diagnostics> {
    let file = SourceFile::new(FILE_NAME, PROFILES);
    let node = yaml::parse(&file).unwrap().value.unwrap();
    let request = TargetRequest { profile_name: profile, profile_place: None, target, threads: None, renderer: &Vars };
    from_profiles(&file, &node, &request)
}

#[test]
fn a_target_is_picked_and_rendered() {
    let target = pick("shop", None).unwrap().value;
    assert_eq!((target.name.as_str(), target.adapter, target.threads), ("prod", "postgres", 1));
    assert_eq!(target.connection.integer("port"), Some(5433));
    assert_eq!(target.connection.text("password"), Some("se{{cret"));
    let json = target.to_json();
    assert_eq!((&json["dbname"], &json["database"]), (&json!("analytics"), &json!("analytics")));
    assert_eq!((&json["name"], &json["profile_name"]), (&json!("prod"), &json!("shop")));
    assert!(!json.contains_key("password") && !json.contains_key("pass"));
    assert!(!format!("{target:?}").contains("cret"));

    let target = pick("shop", Some("dev")).unwrap().value;
    assert_eq!((target.database.as_str(), target.schema.as_str(), target.threads), ("shop", "main", 3));
    assert_eq!(target.to_json()["settings"], json!({}));
    assert_eq!(pick("lonely", None).unwrap().value.database, "memory");
}

#[test]
fn what_is_wrong_lists_what_there_is() {
    let shown = |profile, target| pick(profile, target).unwrap_err().to_string();
    insta::assert_snapshot!("no_profile", shown("shopp", None));
    insta::assert_snapshot!("empty_profile", shown("empty", None));
    insta::assert_snapshot!("no_target", shown("shop", Some("prd")));
    insta::assert_snapshot!("missing_variable", shown("shop", Some("other")));
    insta::assert_snapshot!("wrong_keys", shown("shop", Some("typo")));
    insta::assert_snapshot!("unknown_adapter", shown("shop", Some("snow")));
    insta::assert_snapshot!("refused_keys", shown("shop", Some("plug")));
}

#[test]
fn without_a_profile_the_engine_is_a_file_named_after_the_project() {
    let target = embedded("shop", Path::new("/p/target"), None);
    assert_eq!(target.connection.text("path"), Some("/p/target/shop.duckdb"));
    assert_eq!((target.database.as_str(), target.schema.as_str()), ("shop", "main"));
}

#[test]
fn a_file_names_its_database() {
    let cases = [
        (":memory:", "memory"),
        ("shop.duckdb", "shop"),
        ("/data/my.db.duckdb", "my"),
        (".hidden.duckdb", "hidden"),
        ("ducklake:metadata.ducklake", "metadata"),
        ("s3://bucket/remote.duckdb?x=1", "remote"),
    ];
    for (path, expected) in cases {
        assert_eq!(duckdb_database_name(path), expected, "{path}");
    }
}
