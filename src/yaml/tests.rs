//! What PyYAML makes of the same text is what we make of it.

use super::*;

fn json(text: &str) -> String {
    match parse_text(&SourceFile::new("x.yml", text)) {
        Ok(Warned { value: Some(node), .. }) => node.to_json().to_string(),
        Ok(Warned { value: None, .. }) => "nothing".to_owned(),
        Err(diagnostic) => diagnostic.message,
    }
}

#[test]
fn plain_scalars_resolve_as_pyyaml_does() {
    let cases = [
        ("yes", "true"),
        ("Off", "false"),
        ("y", "\"y\""),
        ("~", "nothing"),
        ("12", "12"),
        ("-1_000", "-1000"),
        ("017", "15"),
        ("0o17", "\"0o17\""),
        ("08", "\"08\""),
        ("0x1F", "31"),
        ("0b101", "5"),
        ("1:30", "90"),
        ("1:60", "\"1:60\""),
        ("-1:30:00", "-5400"),
        ("1:30.5", "90.5"),
        ("1.5", "1.5"),
        ("1.", "1.0"),
        (".5", "0.5"),
        ("-.5", "\"-.5\""),
        ("1e5", "\"1e5\""),
        ("1.0e5", "\"1.0e5\""),
        ("1.0e+5", "100000.0"),
        ("1.2.3", "\"1.2.3\""),
        ("-", "[null]"),
        ("--x", "\"--x\""),
        (".inf", "null"),
        ("2024-01-31", "\"2024-01-31\""),
        ("2024-1-3", "\"2024-1-3\""),
        ("2024-13-31", "\"2024-13-31\""),
        ("2024-01-31 1:02:03", "\"2024-01-31T01:02:03\""),
        ("2001-12-14t21:59:43.10-05:00", "\"2001-12-14T21:59:43.100000-05:00\""),
        ("2001-12-15T2:59:43Z", "\"2001-12-15T02:59:43+00:00\""),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ("\"yes\"", "\"yes\""),
        ("!!str 12", "\"12\""),
        ("!!int '12'", "12"),
        ("!!binary aGVsbG8=", "\"hello\""),
        ("!foo 1", "unknown YAML tag `!foo`"),
    ];
    for (text, expected) in cases {
        assert_eq!(json(text), expected, "{text}");
    }
}

#[test]
fn collections_merge_keys_and_aliases() {
    let cases = [
        ("", "nothing"),
        ("# only a comment\n", "nothing"),
        ("---\na: 1\n...\n", r#"{"a":1}"#),
        ("\u{feff}a: 1", r#"{"a":1}"#),
        ("a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x\n", r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}"#),
        ("a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc: {<<: [*x, *y]}", r#"{"a":{"k":1},"b":{"k":2,"l":3},"c":{"k":1,"l":3}}"#),
        ("'<<': 1", r#"{"<<":1}"#),
        ("1: a\ntrue: b\nnull: c", r#"{"1":"a","true":"b","null":"c"}"#),
        ("a: 1\nb: 2\na: 3", r#"{"a":3,"b":2}"#),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", r#"{"a":"x\ny\n","b":"x y"}"#),
        ("- a: 1\r\n  b: 2\r\n- c\r\n", r#"[{"a":1,"b":2},"c"]"#),
        ("a: *x", "invalid YAML: there is no anchor `&x` before this alias"),
        ("a: &x [*x]", "an alias stands inside the value that it names"),
        ("<<: 1", "`<<` takes a mapping, this is a whole number"),
        ("a: 1\n---\nb: 2\n", "a second YAML document begins in the file, only one is read"),
        ("[a, b]: 1", "a key must be plain text, not a list or mapping"),
    ];
    for (text, expected) in cases {
        assert_eq!(json(text), expected, "{text}");
    }
}

/// Parsers of YAML 1.2 refuse these, libyaml reads them, and projects have them.
#[test]
fn what_libyaml_forgives_is_read() {
    let cases = [
        ("key:\tvalue", r#"{"key":"value"}"#),
        ("a: [\n1,\n2\n]\nb: {\n}\n", r#"{"a":[1,2],"b":{}}"#),
        ("a: 'x\ny'", r#"{"a":"x y"}"#),
        ("a: \"x\n\n  y\\\n  z\"", r#"{"a":"x\nyz"}"#),
        ("a: [x,\ny: z]", r#"{"a":["x",{"y":"z"}]}"#),
        ("a: {b:1, c: }", r#"{"a":{"b:1":null,"c":null}}"#),
        ("a:\n- b\n-\n- c\nd: 1", r#"{"a":["b",null,"c"],"d":1}"#),
        ("a: x\n  y # z\n", r#"{"a":"x y"}"#),
        ("? a\n: b", r#"{"a":"b"}"#),
        ("a: &b\nc: *b", r#"{"a":null,"c":null}"#),
        ("a: |2\n   x\n\n  y\nb: >+\n x\n\n", r#"{"a":" x\n\ny\n","b":"x\n\n"}"#),
        ("a: \"\\u00e9\\x41\\ud83d\\ude00\"", r#"{"a":"éA😀"}"#),
        ("%YAML 1.1\n---\na: 1", r#"{"a":1}"#),
        ("\ta: 1", "invalid YAML: a tab is not allowed as indentation"),
        ("a: b: c", "invalid YAML: a `:` is not allowed here"),
        ("a: 'x'y", "invalid YAML: a key, or the end of the mapping, was expected here"),
        ("a: \u{7}", "invalid YAML: control character U+0007"),
    ];
    for (text, expected) in cases {
        assert_eq!(json(text), expected, "{text}");
    }
}

#[test]
fn every_node_knows_its_bytes() {
    let text = "모델:\n  - name: 가나\n    tests: [x, \"y z\"]\n\nother: 1\n";
    let file = SourceFile::new("x.yml", text);
    let root = parse(&file).unwrap().value.unwrap();
    let shown = |node: &Node| &text[node.extent.start as usize..node.extent.end as usize];
    let model = &root.get("모델").unwrap().as_list().unwrap()[0];
    assert_eq!(shown(model), "name: 가나\n    tests: [x, \"y z\"]");
    assert_eq!(shown(model.get("name").unwrap()), "가나");
    assert_eq!(shown(&model.get("tests").unwrap().as_list().unwrap()[1]), "\"y z\"");
    let key = &root.entries()[1].key;
    assert_eq!(&text[key.extent.start as usize..key.extent.end as usize], "other");
}

#[test]
fn errors_show_the_place_and_what_to_do() {
    let error = |text: &str| parse(&SourceFile::new("m.yml", text)).unwrap_err().to_string();
    insta::assert_snapshot!(error("models:\n  - name: a\n    description: one: two\n"));
    insta::assert_snapshot!(error("models:\n  - name: a\n   columns: []\n"));
    insta::assert_snapshot!(error("models:\n\t- name: a\n"));
    insta::assert_snapshot!(error("name: {{ env_var('X') }}\n"));
    insta::assert_snapshot!(error("name: 'a\nversion: 2\n"));
    insta::assert_snapshot!(error("name: @a\n"));
    insta::assert_snapshot!(error("models:\n  - name: a\n    columns: [a, b\nseeds: []\n"));
    insta::assert_snapshot!(error("models:\n  - name\n    columns\n  x"));
}

#[test]
fn a_repeated_key_warns_with_both_places() {
    let warned = parse(&SourceFile::new("m.yml", "a: 1\nb: 2\na: 3\n")).unwrap();
    insta::assert_snapshot!(warned.warnings);
}

#[test]
fn aliases_cannot_blow_up_the_memory() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
    }
    assert_eq!(json(&text), "aliases make this YAML too large");
    assert_eq!(json(&"- ".repeat(300)), "YAML nests deeper than 200 levels");
    assert_eq!(json(&"[".repeat(100_000)), "invalid YAML: brackets nest deeper than 200 levels");
}

proptest::proptest! {
    /// Whatever a file holds: a tree or a diagnostic, whose place can be shown.
    #[test]
    fn no_text_makes_it_panic(text in "([a-z:\\-?!&*\\[\\]{},#|>'\"%@`\\\\<~ \t\n\r0-9é가\u{85}\u{2028}😀\u{feff}]{1,3}){0,30}") {
        match parse(&SourceFile::new("x.yml", text)) {
            Ok(warned) => drop(warned.warnings.to_string()),
            Err(problem) => drop(problem.to_string()),
        }
    }
}
