//! Whatever text it is given, the engine answers: no panic, no hang.

use minijinja::Value;
use proptest::prelude::*;

use super::values::{dict_of, list};
use super::*;

/// Pieces that templates are made of, so that random texts reach the interpreter.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{%-",
    "-%}",
    " if ",
    " else ",
    " endif ",
    " for ",
    " in ",
    " endfor ",
    " set ",
    " endset ",
    " macro m(a, b=1) ",
    " endmacro ",
    " call(x) ",
    " endcall ",
    " do ",
    " raw ",
    " endraw ",
    " with ",
    " endwith ",
    " filter ",
    " endfilter ",
    " is ",
    " not ",
    " and ",
    " or ",
    "rows",
    "name",
    "number",
    "m",
    "loop",
    "loop.index",
    "caller()",
    "x",
    "a.b",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "=",
    "==",
    "<",
    "+",
    "-",
    "*",
    "**",
    "/",
    "//",
    "%",
    "~",
    "|",
    ".",
    "'a'",
    "\"b\"",
    "'",
    "\"",
    "\\",
    "1",
    "0",
    "2.5",
    "-1",
    "99999999999999999999",
    "none",
    "true",
    "[1, 2]",
    "{'a': 1}",
    "(1,)",
    "|upper",
    "|map('upper')",
    "|join(',')",
    "|sort",
    "|round(2)",
    "|batch(2)",
    "|slice(2)",
    "|default(1)",
    "|int",
    "|tojson",
    ".append(1)",
    ".items()",
    ".split(',')",
    "[0]",
    "[1:]",
    "[::-1]",
    ".format(1)",
    " % 3",
    "range(3)",
    "namespace(a=1)",
    "return(1)",
    "modules.re.sub('a', 'b', 'c')",
    "modules.datetime.datetime(2020, 1, 1)",
    "modules.datetime.timedelta(days=1)",
    "한",
    "\n",
    " ",
    "é",
    "\u{0}",
];

fn engine() -> Engine {
    let mut options = EngineOptions::new("root");
    options.step_limit = 20_000;
    let text = "{% macro m(a, b=1) %}{{ a }}{{ caller('q') if caller }}{{ return([a]) if b }}{% endmacro %}";
    let macros = blocks::macros(&SourceFile::new("m.sql", text), "root").unwrap_or_default();
    Engine::new(macros, options).unwrap_or_else(|error| panic!("{error}"))
}

fn render(engine: &Engine, text: &str) {
    let context =
        dict_of([("rows", list(vec![Value::from(1)])), ("name", Value::from("n")), ("number", Value::from(7))]);
    for scope in [Scope::new("root", context.clone()), Scope::parsing("root", context)] {
        let source = TemplateSource::text("random.sql", text);
        if let Err(problem) = engine.render(&source, &scope) {
            // Showing it must not fail either.
            assert!(!problem.to_string().is_empty());
        }
        let _ = engine.evaluate(&source, &scope);
    }
    let file = SourceFile::new("random.sql", text);
    let _ = blocks::macros(&file, "root");
    let _ = blocks::scan(&file, &[BlockKind::Docs, BlockKind::Snapshot]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..14)) {
        render(&engine(), &pieces.concat());
    }

    #[test]
    fn random_expressions_never_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[24..]), 1..9)) {
        render(&engine(), &format!("{{{{ {} }}}}", pieces.concat()));
    }

    #[test]
    fn random_texts_never_panic(text in "\\PC{0,60}") {
        render(&engine(), &text);
        render(&engine(), &format!("{{{{ {text} }}}}"));
    }
}

#[test]
fn deep_nesting_is_refused() {
    for text in [
        format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("{{{{ {}1{} }}}}", "[".repeat(5_000), "]".repeat(5_000)),
        format!("{{{{ {}1 }}}}", "-".repeat(5_000)),
        format!("{{{{ {}1 }}}}", "not ".repeat(5_000)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(50_000)),
        format!("{{{{ x{} }}}}", ".a".repeat(50_000)),
        format!("{{{{ x{} }}}}", "|upper".repeat(50_000)),
        format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(50_000)),
        format!("{{{{ 1{} }}}}", " + 1".repeat(490)),
        format!("{{{{ x{} }}}}", "|default(1)".repeat(490)),
        format!("{{{{ {}1{} }}}}", "[".repeat(90), "]".repeat(90)),
        "{% if 1 %}".repeat(5_000),
    ] {
        render(&engine(), &text);
    }
}
