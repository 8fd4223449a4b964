//! Templates beside what Jinja2 makes of them with dbt's settings.
//!
//! The expected texts come from the reference implementation; an empty one with `!`
//! means that it raises an error.

use minijinja::Value;

use super::values::{dict_of, list};
use super::*;

const CASES: &str = include_str!("python_cases.json");

fn context() -> Value {
    let row = |a: i64, b: &str| dict_of([("a", Value::from(a)), ("b", Value::from(b))]);
    dict_of([
        ("number", Value::from(7)),
        ("name", Value::from("seven")),
        ("rows", list(vec![row(2, "x"), row(1, "y"), row(2, "Z")])),
    ])
}

#[test]
fn templates_render_as_in_python() {
    let engine = Engine::new(Vec::new(), EngineOptions::new("root")).unwrap();
    let cases: Vec<(String, Option<String>)> = serde_json::from_str(CASES).unwrap();
    let mut wrong = Vec::new();
    for (template, expected) in &cases {
        let source = TemplateSource::text("case", template);
        let found = engine.render(&source, &Scope::new("root", context()));
        let agree = match (&found, expected) {
            (Ok(found), Some(expected)) => found.value == *expected,
            (Err(_), None) => true,
            _ => false,
        };
        if !agree {
            let found = found.map_or_else(|error| format!("error: {}", error.message), |found| found.value);
            let expected = expected.as_deref().unwrap_or("an error");
            wrong.push(format!("{template}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases differ\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
