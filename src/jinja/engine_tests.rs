//! What the engine does as a whole: macros across packages, dispatch, errors with places.

use std::path::Path;

use minijinja::Value;

use super::values::{dict_of, list};
use super::*;

fn engine(files: &[(&str, &str, &str)]) -> Engine {
    let mut macros = Vec::new();
    for (package, path, text) in files {
        macros.extend(blocks::macros(&SourceFile::new(*path, *text), package).unwrap());
    }
    let mut options = EngineOptions::new("root");
    options.internal_packages = vec!["dbt_duckdb".to_owned(), "dbt".to_owned()];
    options.adapter_prefixes = vec!["duckdb".to_owned()];
    options.step_limit = 100_000;
    Engine::new(macros, options).unwrap()
}

fn context() -> Value {
    dict_of([("number", Value::from(7)), ("name", Value::from("seven")), ("items", list(vec![Value::from(1)]))])
}

fn render(engine: &Engine, text: &str) -> Result<String, String> {
    let source = TemplateSource::text("models/m.sql", text);
    let rendered = engine.render(&source, &Scope::new("root", context()));
    rendered.map(|rendered| rendered.value).map_err(|diagnostic| diagnostic.to_string())
}

const LIBRARY: &[(&str, &str, &str)] = &[
    (
        "root",
        "macros/root.sql",
        "{% macro double(x) %}{{ return(x * 2) }}{% endmacro %}
{% macro wrap(text, left='(', right=')') %}{{ left }}{{ text }}{{ right }}{% endmacro %}
{% macro around() %}<{{ caller('a') }}>{% endmacro %}
{% macro rest() %}{{ varargs }} {{ kwargs }}{% endmacro %}
{% macro down(n) %}{% if n > 0 %}{{ n }} {{ down(n - 1) }}{% endif %}{% endmacro %}
{% macro endless() %}{{ endless() }}{% endmacro %}
{% macro even(n) %}{{ return(true if n == 0 else odd(n - 1)) }}{% endmacro %}
{% macro odd(n) %}{{ return(false if n == 0 else even(n - 1)) }}{% endmacro %}
{% macro who() %}{{ name }}{% endmacro %}
{% macro broken() %}
  {{ nothing.here }}
{% endmacro %}
{% macro outer() %}{{ broken() }}{% endmacro %}
{% macro duckdb__flavour() %}duck{% endmacro %}
{% macro default__flavour() %}plain{% endmacro %}
{% macro flavoured() %}{{ adapter.dispatch('flavour')() }}{{ adapter.dispatch('pick', 'utils')() }}{{ log(wrap(1)) }}{% endmacro %}
",
    ),
    (
        "utils",
        "dbt_packages/utils/macros/u.sql",
        "{% macro star(x=none) %}*{{ helper() }}{% endmacro %}
{% macro helper() %}helped{% endmacro %}
{% macro default__pick() %}utils pick{% endmacro %}",
    ),
    ("dbt", "dbt/base.sql", "{% macro base() %}base{% endmacro %}{% macro wrap(x) %}never{% endmacro %}"),
];

#[test]
fn macros_are_found_and_called() {
    let engine = engine(LIBRARY);
    for (template, expected) in [
        ("{{ double(4) + 1 }}", "9"),
        ("{{ wrap('a') }} {{ wrap('b', right=']') }}", "(a) (b]"),
        ("{% call(x) around() %}{{ x }}{{ name }}{% endcall %}", "<aseven>"),
        ("{{ rest(1, 2, a=3) }}", "(1, 2) {'a': 3}"),
        ("{{ down(3) }}", "3 2 1 "),
        ("{{ even(10) }} {{ even(7) }}", "True False"),
        ("{{ even(60) }}", "True"),
        ("{{ who() }}", "seven"),
        ("{{ utils.star() }}", "*helped"),
        ("{{ base() }} {{ dbt.base() }} {{ dbt.wrap(1) }}", "base base never"),
        ("{{ wrap is defined }} {{ nope is defined }}", "True False"),
        ("{% set f = double %}{{ f(2) }}", "4"),
        ("{{ double == double }} {{ double is callable }}", "True True"),
        ("{% macro local(x) %}[{{ x }}{{ y }}]{% endmacro %}{% set y = 2 %}{{ local(1) }}", "[12]"),
        ("{% set x %}a{{ number }}{% endset %}{{ x | upper }}", "A7"),
        ("{% for i in items recursive %}{{ i }}{% endfor %}", "1"),
    ] {
        assert_eq!(render(&engine, template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn called_macros_are_recorded() {
    let engine = engine(LIBRARY);
    let source = TemplateSource::text("m", "{{ outer is defined }}{{ down(2) }}{{ utils.star() }}");
    let rendered = engine.render(&source, &Scope::new("root", context())).unwrap();
    assert_eq!(rendered.macros, ["macro.root.down", "macro.utils.star"]);
    let star = engine.resolve("utils.star", "root").unwrap();
    assert_eq!(engine.calls_of(star).unwrap(), ["macro.utils.helper"]);
    let flavoured = engine.resolve("flavoured", "root").unwrap();
    assert_eq!(
        engine.calls_of(flavoured).unwrap(),
        ["macro.root.duckdb__flavour", "macro.utils.default__pick", "macro.root.wrap"]
    );
}

#[test]
fn dispatch_prefers_the_adapter_and_the_root_project() {
    let engine = engine(LIBRARY);
    let text =
        |value: Result<Value, Diagnostic>| value.map(|value| value.to_string()).map_err(|error| error.to_string());
    let shown = |name: &str, namespace: Option<&str>| text(engine.dispatch(name, namespace, "root"));
    assert_eq!(shown("flavour", None).as_deref(), Ok("<macro root.duckdb__flavour>"));
    assert_eq!(shown("pick", Some("utils")).as_deref(), Ok("<macro utils.default__pick>"));
    insta::assert_snapshot!(shown("gone", Some("utils")).unwrap_err(), @r"
    error: In dispatch: No macro named 'gone' found within namespace: 'utils'
        Searched for: 'root.duckdb__gone', 'root.default__gone', 'utils.duckdb__gone', 'utils.default__gone'
    ");
}

/// The diagnostics of templates that fail, one after the other.
fn problems(templates: &[&str]) -> String {
    let engine = engine(LIBRARY);
    let shown: Vec<String> = templates.iter().map(|template| render(&engine, template).unwrap_err()).collect();
    shown.join("\n\n")
}

#[test]
fn errors_in_calls_point_into_the_macro_and_show_the_calls() {
    let shown = problems(&[
        "select 1\n{{ outer() }}",
        "{{ doubble(1) }}",
        "{{ utils.sta() }}",
        "{{ helper() }}",
        "{{ wrap('a', lft='<') }}",
        "{{ double(1, 2) }}",
    ]);
    insta::assert_snapshot!(shown, @r"
    error: `nothing` is undefined
      --> macros/root.sql:11:6
       |
    11 |   {{ nothing.here }}
       |      ^^^^^^^
      = note: in macro `root.broken`, called here
      --> macros/root.sql:13:23
       |
    13 | {% macro outer() %}{{ broken() }}{% endmacro %}
       |                       ^^^^^^^^
      = note: in macro `root.outer`, called here
      --> models/m.sql:2:4
      |
    2 | {{ outer() }}
      |    ^^^^^^^
      = help: check the name; a macro of a package needs the package in `packages.yml`, and `tform deps`

    error: `doubble` is undefined
      --> models/m.sql:1:4
      |
    1 | {{ doubble(1) }}
      |    ^^^^^^^
      = help: did you mean `double`?

    error: package `utils` has no macro `sta`
      --> models/m.sql:1:4
      |
    1 | {{ utils.sta() }}
      |    ^^^^^^^^^
      = help: did you mean `star`?

    error: `helper` is undefined
      --> models/m.sql:1:4
      |
    1 | {{ helper() }}
      |    ^^^^^^
      = help: package `utils` has it: `utils.helper`

    error: macro 'dbt_macro__wrap' takes no keyword argument 'lft'
      --> models/m.sql:1:4
      |
    1 | {{ wrap('a', lft='<') }}
      |    ^^^^^^^^^^^^^^^^^^
      = note: it is defined as `wrap(text, left=..., right=...)`
      --> macros/root.sql:2:4
      |
    2 | {% macro wrap(text, left='(', right=')') %}{{ left }}{{ text }}{{ right }}{% endmacro %}
      |    ^^^^^^^^^^
      = help: did you mean `left`?

    error: macro `double` takes at most 1 argument, got 2
      --> models/m.sql:1:4
      |
    1 | {{ double(1, 2) }}
      |    ^^^^^^^^^^^^
      = note: it is defined as `double(x)`
      --> macros/root.sql:1:4
      |
    1 | {% macro double(x) %}{{ return(x * 2) }}{% endmacro %}
      |    ^^^^^^^^^^^^
    ");
}

#[test]
fn errors_in_templates_have_a_place_and_a_hint() {
    let shown = problems(&[
        "a\n{% if x %}\nb",
        "{{ 'a' + 1 }}",
        "{% for x in nmae.first %}{% endfor %}",
        "{{ name | uper }}",
        "{{ name.uper() }}",
        "{% end %}",
        "{{ [1, 2 }}",
        "{{ exceptions.raise_compiler_error('no ' ~ name) }}",
    ]);
    insta::assert_snapshot!(shown, @r"
    error: `if` block is not closed
      --> models/m.sql:2:1
      |
    2 | {% if x %}
      | ^^^^^
      = help: close it with `{% endif %}`

    error: `+` does not work on values of type `str` and `int`
      --> models/m.sql:1:4
      |
    1 | {{ 'a' + 1 }}
      |    ^^^^^^^

    error: `nmae` is undefined
      --> models/m.sql:1:13
      |
    1 | {% for x in nmae.first %}{% endfor %}
      |             ^^^^
      = help: did you mean `name`?

    error: there is no filter `uper`
      --> models/m.sql:1:11
      |
    1 | {{ name | uper }}
      |           ^^^^
      = help: did you mean `upper`?

    error: a value of type `str` has no method `uper`
      --> models/m.sql:1:4
      |
    1 | {{ name.uper() }}
      |    ^^^^^^^^^
      = help: did you mean `upper`?

    error: unknown tag `end`
      --> models/m.sql:1:4
      |
    1 | {% end %}
      |    ^^^

    error: `}` does not close `[`
      --> models/m.sql:1:10
      |
    1 | {{ [1, 2 }}
      |          ^
      = note: opened here
      --> models/m.sql:1:4
      |
    1 | {{ [1, 2 }}
      |    ^

    error: no seven
      --> models/m.sql:1:4
      |
    1 | {{ exceptions.raise_compiler_error('no ' ~ name) }}
      |    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn endless_templates_end() {
    let engine = engine(LIBRARY);
    for template in [
        "{{ endless() }}",
        "{{ even(1000001) }}",
        "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}",
        "{% for x in modules.itertools.count() %}{{ x }}{% endfor %}",
        "{{ 'a' * 9999999999 }}",
    ] {
        assert!(render(&engine, template).is_err(), "{template}");
    }
}

#[test]
fn a_thread_with_a_larger_stack_allows_deeper_calls() {
    let rendered = std::thread::Builder::new().stack_size(64 << 20).spawn(|| {
        allow_stack(32 << 20);
        render(&engine(LIBRARY), "{{ even(900) }}")
    });
    assert_eq!(rendered.unwrap().join().unwrap().as_deref(), Ok("True"));
}

/// Every macro file below a folder.
fn macro_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            macro_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            found.push(path);
        }
    }
}

#[test]
fn builtin_macros_parse() {
    let mut files = Vec::new();
    macro_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/builtin"), &mut files);
    assert!(!files.is_empty());
    let mut problems = Vec::new();
    for path in files {
        let package = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/builtin")).unwrap();
        let package = package.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let file = SourceFile::new(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        match blocks::macros(&file, &package) {
            Ok(macros) => {
                for source in macros {
                    problems.extend(MacroEntry::new(source).parsed().err().map(|problem| problem.to_string()));
                }
            }
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn sets_are_equal_whatever_their_order() {
    let engine = engine(&[]);
    let shown = render(
        &engine,
        "{{ set(['a', 'b']) == set(['b', 'a']) }} {{ set(['a']) != set(['b']) }} {{ none | map('lower') | list }}",
    );
    assert_eq!(shown.as_deref(), Ok("True True []"));
}
