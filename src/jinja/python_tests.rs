//! Templates beside what Jinja2 makes of them with dbt's settings.
//!
//! The expected texts come from the reference implementation; an empty one with `!`
//! means that it raises an error.

use minijinja::Value;

use super::values::{dict_of, list};
use super::*;

const CASES: &str = include_str!("python_cases.json");
/// The same for native rendering; the expected texts are Python's `repr`.
const NATIVE_CASES: &str = include_str!("native_cases.json");

fn context() -> Value {
    let row = |a: i64, b: &str| dict_of([("a", Value::from(a)), ("b", Value::from(b))]);
    dict_of([
        ("number", Value::from(7)),
        ("name", Value::from("seven")),
        ("rows", list(vec![row(2, "x"), row(1, "y"), row(2, "Z")])),
    ])
}

/// Fails with every case in which `run` differs from what is expected.
fn check(cases: &str, run: fn(&Engine, &TemplateSource, &Scope<'_>) -> Result<String, Diagnostic>) {
    let engine = Engine::new(Vec::new(), EngineOptions::new("root")).unwrap();
    let cases: Vec<(String, Option<String>)> = serde_json::from_str(cases).unwrap();
    let mut wrong = Vec::new();
    for (template, expected) in &cases {
        let source = TemplateSource::text("case", template);
        let found = run(&engine, &source, &Scope::new("root", context()));
        let agree = match (&found, expected) {
            (Ok(found), Some(expected)) => found == expected,
            (Err(_), None) => true,
            _ => false,
        };
        if !agree {
            let found = found.unwrap_or_else(|error| format!("error: {}", error.message));
            let expected = expected.as_deref().unwrap_or("an error");
            wrong.push(format!("{template}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases differ\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn templates_render_as_in_python() {
    check(CASES, |engine, source, scope| engine.render(source, scope).map(|rendered| rendered.value));
}

#[test]
fn native_rendering_gives_the_values_of_python() {
    check(NATIVE_CASES, |engine, source, scope| {
        engine.evaluate(source, scope).map(|rendered| values::representation(&rendered.value))
    });
}
