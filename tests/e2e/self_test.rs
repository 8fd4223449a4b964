//! The runner tests itself first: a runner that cannot fail proves nothing.

use std::path::Path;

use serde_json::json;

use crate::case::Case;
use crate::database::Engine;
use crate::{diff, filter, json_path, step};

/// One check; what is wrong, if something is.
type Check = fn() -> Result<(), String>;

/// The names of the checks, with what is wrong.
pub fn all() -> Vec<(String, Option<String>)> {
    let checks: [(&str, Check); 7] = [
        ("a case is read and written back as it was", a_case_is_read_and_written_back_as_it_was),
        ("engines may print lines of their own", engines_may_print_lines_of_their_own),
        ("a file that says nothing is refused", a_file_that_says_nothing_is_refused),
        ("files and commands happen in order", files_and_commands_happen_in_order),
        ("what differs each time is filtered", what_differs_each_time_is_filtered),
        ("a difference is shown", a_difference_is_shown),
        ("a path picks from json", a_path_picks_from_json),
    ];
    checks.into_iter().map(|(name, check)| (format!("runner: {name}"), check().err())).collect()
}

fn same<T: PartialEq + std::fmt::Debug>(left: T, right: T) -> Result<(), String> {
    if left == right { Ok(()) } else { Err(format!(" left: {left:?}\nright: {right:?}")) }
}

const CASE: &str =
    "# What it shows.\n# only: duckdb\n\n-- models/a.sql --\nselect 1\n\n-- empty --\n$ tform run\nold\n\n$ ls\n";

fn a_case_is_read_and_written_back_as_it_was() -> Result<(), String> {
    let case = Case::parse(CASE)?;
    same(case.with_results(Engine::DuckDb, &[vec!["old".to_owned()], Vec::new()]), CASE.to_owned())?;
    let updated = case.with_results(Engine::DuckDb, &[vec!["new".to_owned()], Vec::new()]);
    same(updated, CASE.replace("old", "new"))
}

fn engines_may_print_lines_of_their_own() -> Result<(), String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<String>>();
    let case = Case::parse("# x\n$ tform run\none\n\ntwo\nthree\n")?;
    let updated = case.with_results(Engine::Postgres, &[lines("one\n2\n\nthree")]);
    same(updated.as_str(), "# x\n$ tform run\none\npostgres| 2\n\nduckdb| two\nthree\n")?;
    let case = Case::parse(&updated)?;
    let expected = |engine| case.commands().next().map(|command| command.expected_on(engine));
    same(expected(Engine::DuckDb), Some(lines("one\n\ntwo\nthree")))?;
    same(expected(Engine::Postgres), Some(lines("one\n2\n\nthree")))?;
    // What both print again belongs to both again.
    let updated = case.with_results(Engine::DuckDb, &[lines("one\n2\n\nthree")]);
    same(updated.as_str(), "# x\n$ tform run\none\n2\n\nthree\n")
}

fn a_file_that_says_nothing_is_refused() -> Result<(), String> {
    same(Case::parse("$ tform run\n").is_err(), true)?;
    same(Case::parse("# only: duckdb\n$ tform run\n").is_err(), true)?;
    same(Case::parse("# Comment.\nloose line\n$ tform run\n").is_err(), true)?;
    same(Case::parse("# Comment.\n# only: oracle\n$ tform run\n").is_err(), true)?;
    same(Case::parse("# Comment.\n-- a --\n").is_err(), true)
}

fn files_and_commands_happen_in_order() -> Result<(), String> {
    let text = "# x\n-- a/b.txt --\none\n$ cat a/b.txt\n-- a/b.txt --\ntwo\n$ cat a/b.txt\n$ rm a/b.txt\n$ ls a\n\
                $ env X=y z\n$ sh echo $X; echo no >&2; exit 3\n$ hex f 6f 6b\n$ cat f\n$ fill 10 g abc\n$ cat g\n$ cat gone\n";
    let case = Case::parse(text)?;
    let shown: Vec<String> = step::run_all(&case, Engine::DuckDb)?.into_iter().map(|lines| lines.join("/")).collect();
    let expected = ["one", "two", "", "", "", "y/[stderr]/no/[exit 3]", "", "ok", "", "abc/abc/abc", "[no such file]"];
    same(shown, expected.map(str::to_owned).to_vec())?;
    same(step::words(r#"a 'b c' "d \"e" f\ g '' "#)?, ["a", "b c", "d \"e", "f g", ""].map(str::to_owned).to_vec())
}

fn what_differs_each_time_is_filtered() -> Result<(), String> {
    let text = "12:03:04  1 of 1 OK created a .... [OK in 0.12s]\n12:03:04  \n/tmp/x/target\n\
                Finished running 1 model in 0 hours 0 minutes and 0.21 seconds (0.21s).\nRunning with tform=0.1.0\n";
    let expected = "[time]  1 of 1 OK created a .... [OK in [secs]]\n[time]\n[dir]/target\n\
                    Finished running 1 model in [secs] ([secs]).\nRunning with tform=[version]";
    same(filter::stable(text, Path::new("/tmp/x")).join("\n"), expected.to_owned())
}

fn a_difference_is_shown() -> Result<(), String> {
    let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<String>>();
    same(diff::unified(&own(&["a", "b", "c"]), &own(&["a", "x", "c"])), "  a\n- b\n+ x\n  c".to_owned())
}

fn a_path_picks_from_json() -> Result<(), String> {
    let value = json!({"nodes": {"model.a": {"tags": ["x", "y"], "n": 1}}, "list": [{"id": 1}, {"id": 2}]});
    let check = |path: &str, expected: &str| same(json_path::pick(&value, path)?.join(";"), expected.to_owned());
    check(".nodes.\"model.a\".tags[1]", "y")?;
    check(".list[].id", "1;2")?;
    check(".nodes | keys", r#"["model.a"]"#)?;
    check(".list | length", "2")?;
    check(".nodes[] | {n}", r#"{"n":1}"#)?;
    same(json_path::pick(&value, ".gone").is_err(), true)
}
