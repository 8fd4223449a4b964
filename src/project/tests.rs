//! What `dbt_project.yml` gives, and what is said about a bad one.

use super::*;
use crate::yaml;

struct Upper;

impl StringRenderer for Upper {
    fn render(&self, text: &str, span: &Span) -> Result<serde_json::Value, Diagnostic> {
        if text.contains("missing") {
            return Err(Diagnostic::error("env var required but not provided: 'missing'").at(span.clone()));
        }
        Ok(serde_json::Value::String(text.replace("{{ x }}", "X")))
    }
}

fn read(text: &str) -> Result<Warned<ProjectConfig>, Diagnostics> {
    let file = SourceFile::new(FILE_NAME, text);
    let node = yaml::parse(&file).unwrap().value.unwrap();
    let version = Version::parse("1.11.2");
    config(&file, &node, &ConfigContext { renderer: &Upper, dbt_version: version.as_ref(), vars_file: None })
}

#[test]
fn all_keys_are_read() {
    let config = read(
        "name: shop
version: 1.0
config-version: 2
profile: '{{ x }}'
model-paths: [models/, more]
docs-paths: [docs]
require-dbt-version: ['>=1.0.0', '<2.0.0']
vars: {a: '{{ x }}', shop: {b: 2}}
models:
  shop:
    +schema: 'a{{ x }}'
    +post-hook: 'grant {{ x }}'
tests: {+severity: warn}
dispatch:
  - macro_namespace: dbt_utils
    search_order: [shop, dbt_utils]
quoting: {identifier: false}
query-comment: {comment: 'run by {{ x }}', append: true}
on-run-start: 'select {{ x }}'
on-run-end: ['select 1', 'select 2']
flags: {send_anonymous_usage_stats: false}
restrict-access: true
clean-targets: [target, dbt_packages]
",
    )
    .unwrap();
    assert!(config.warnings.is_empty(), "{}", config.warnings);
    let config = config.value;
    assert_eq!((config.name.as_str(), config.version.as_deref()), ("shop", Some("1.0")));
    assert_eq!(config.profile.as_deref(), Some("X"));
    assert_eq!(config.paths.models, ["models", "more"]);
    assert_eq!(config.paths.docs, Some(vec!["docs".to_owned()]));
    assert_eq!(config.paths.all().len(), 8);
    assert_eq!(config.vars["a"], "{{ x }}");
    let models = config.tree("models").unwrap().to_json();
    assert_eq!(models["shop"]["+schema"], "aX");
    assert_eq!(models["shop"]["+post-hook"], "grant {{ x }}");
    assert_eq!(config.unrendered_tree("models").unwrap().to_json()["shop"]["+schema"], "a{{ x }}");
    assert_eq!(config.tree("data_tests").unwrap().to_json()["+severity"], "warn");
    assert_eq!(config.search_order("dbt_utils"), Some(["shop".to_owned(), "dbt_utils".to_owned()].as_slice()));
    assert_eq!(config.quoting.identifier, Some(false));
    assert_eq!(
        config.query_comment,
        QueryComment::Custom { comment: Some("run by {{ x }}".to_owned()), append: true, job_label: false }
    );
    assert_eq!(config.on_run_start[0].sql, "select {{ x }}");
    assert_eq!(config.on_run_end.len(), 2);
    assert!(config.restrict_access);
}

#[test]
fn what_is_wrong_is_all_said_at_once() {
    let problems = read(
        "name: my-shop
require-dbt-version: '>=2.0.0'
model-path: [models]
source-paths: [a]
vars: [1]
quoting: {database: maybe}
profile: '{{ missing }}'
dispatch: [{macro_namespace: a}]
",
    )
    .unwrap_err();
    insta::assert_snapshot!(problems);
}

#[test]
fn vars_in_two_files_are_refused() {
    let file = SourceFile::new(FILE_NAME, "name: a\nvars: {x: 1}\n");
    let node = yaml::parse(&file).unwrap().value.unwrap();
    let vars = SourceFile::new("vars.yml", "vars:\n  x: 2\n");
    let vars_node = yaml::parse(&vars).unwrap().value.unwrap();
    let context = ConfigContext { renderer: &Upper, dbt_version: None, vars_file: Some((&vars, &vars_node)) };
    insta::assert_snapshot!(config(&file, &node, &context).unwrap_err());
    let file = SourceFile::new(FILE_NAME, "name: a\n");
    let node = yaml::parse(&file).unwrap().value.unwrap();
    assert_eq!(config(&file, &node, &context).unwrap().value.vars["x"], 2);
}
