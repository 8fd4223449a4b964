//! House rules that no lint knows: layers, first lines, sizes of functions, places of files.
//!
//! Each rule gives a list of sentences, one per breach; the test fails with all of them.

use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FUNCTION: usize = 120;
const MOST_PARAMETERS: usize = 7;
/// Where the terminal may be written to.
const PRINTERS: &[&str] = &["src/report.rs", "src/report/", "src/main.rs", "src/build.rs"];
/// Words that mark unfinished work, put together here so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    concat!("db", "g!("),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("FIX", "ME"),
    concat!("X", "XX:"),
    concat!("#[ig", "nore"),
];

#[test]
fn a_module_uses_only_modules_that_the_list_in_lib_rs_has_above_it() {
    let layers = modules(&read("src/lib.rs"));
    assert!(!layers.is_empty(), "src/lib.rs lists no modules");
    let mut breaches = Vec::new();
    for (path, text) in rust_files("src") {
        let name = path.strip_prefix("src/").unwrap_or(&path).split('/').next().unwrap_or("").trim_end_matches(".rs");
        let Some(height) = layers.iter().position(|layer| layer == name) else { continue };
        let code = without_comments_and_strings(&text);
        for (line, used) in crate_paths(&code) {
            match layers.iter().position(|layer| *layer == used) {
                Some(at) if at > height => {
                    breaches
                        .push(format!("{path}:{line}: `{name}` uses `{used}`, which stands below it in src/lib.rs"));
                }
                _ => {}
            }
        }
    }
    report(&breaches);
}

#[test]
fn every_rust_file_says_first_what_it_is() {
    let breaches: Vec<String> = all_rust_files()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| format!("{path}:1: the first line is not a `//!` sentence"))
        .collect();
    report(&breaches);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut breaches = Vec::new();
    for (path, text) in all_rust_files() {
        for (index, line) in text.lines().enumerate() {
            for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
                breaches.push(format!("{path}:{}: `{word}`", index + 1));
            }
        }
    }
    report(&breaches);
}

#[test]
fn functions_are_short_and_take_few_parameters() {
    let mut breaches = Vec::new();
    for (path, text) in all_rust_files() {
        for function in functions(&without_comments_and_strings(&text)) {
            let Function { name, line, lines, parameters } = function;
            if lines > LONGEST_FUNCTION {
                breaches.push(format!("{path}:{line}: `{name}` has {lines} lines, more than {LONGEST_FUNCTION}"));
            }
            if parameters > MOST_PARAMETERS {
                breaches
                    .push(format!("{path}:{line}: `{name}` has {parameters} parameters, more than {MOST_PARAMETERS}"));
            }
        }
    }
    report(&breaches);
}

#[test]
fn only_the_reporter_writes_to_the_terminal() {
    let mut breaches = Vec::new();
    for (path, text) in rust_files("src") {
        if PRINTERS.iter().any(|printer| path.starts_with(printer)) {
            continue;
        }
        for (index, line) in without_comments_and_strings(&text).lines().enumerate() {
            for word in ["println!", "eprintln!", " print!", " eprint!", "io::stdout()", "io::stderr()"] {
                if line.contains(word) {
                    breaches.push(format!("{path}:{}: `{}` outside of report", index + 1, word.trim()));
                }
            }
        }
    }
    report(&breaches);
}

#[test]
fn sql_fixtures_live_in_case_files() {
    // dbt reads every .sql under tests/ as a test of the example at the root.
    let breaches: Vec<String> = files("tests")
        .into_iter()
        .filter(|path| path.ends_with(".sql"))
        .filter(|path| !matches!(folder_of(path), "tests" | "tests/generic"))
        .map(|path| format!("{path}: dbt would read this as a test of the example"))
        .collect();
    report(&breaches);
}

#[test]
fn builtin_macros_begin_with_a_comment() {
    let breaches: Vec<String> = files("src/builtin")
        .into_iter()
        .filter(|path| path.ends_with(".sql"))
        .filter(|path| {
            let text = read(path);
            !text.trim_start().starts_with("{#") && !text.trim_start().starts_with("--")
        })
        .map(|path| format!("{path}:1: does not begin with a comment"))
        .collect();
    report(&breaches);
}

#[test]
fn the_readme_names_both_commands() {
    let readme = read("README.md");
    for command in ["make demo", "make test"] {
        assert!(readme.contains(command), "README.md does not name `{command}`");
    }
}

/// Fails with every breach.
fn report(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The files below a folder, relative to the root with `/` between parts, sorted.
fn files(folder: &str) -> Vec<String> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let mut names: Vec<String> = found
        .iter()
        .filter_map(|path| path.strip_prefix(root()).ok())
        .map(|path| path.to_string_lossy().replace('\\', "/"))
        .collect();
    names.sort();
    names
}

fn rust_files(folder: &str) -> Vec<(String, String)> {
    files(folder).into_iter().filter(|path| path.ends_with(".rs")).map(|path| (path.clone(), read(&path))).collect()
}

fn all_rust_files() -> Vec<(String, String)> {
    let mut found = rust_files("src");
    found.extend(rust_files("tests"));
    found
}

/// The modules that a file declares, in order.
fn modules(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .filter_map(|line| line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")))
        .map(str::to_owned)
        .collect()
}

/// The first part of each path that begins with `crate::`, with its line.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            // `use crate::{a::X, b::{Y, Z}}`: the names at depth one.
            Some(group) => found.extend(names_of_group(group).into_iter().map(|name| (line, name))),
            None => found.push((line, leading_name(rest))),
        }
    }
    found
}

fn names_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut start) = (1, Vec::new(), 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && character == ',') {
            names.push(leading_name(group[start..at].trim_start()));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn leading_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
    parameters: usize,
}

/// The functions with a body in code without comments and strings.
fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name = leading_name(&code[at + 3..]);
        if name.is_empty() || code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(open) = code[at..].find('(').map(|offset| at + offset) else { continue };
        let Some(close) = closing(code, open) else { continue };
        let after = &code[close..];
        let Some(body) = after.find(['{', ';']).filter(|offset| after[*offset..].starts_with('{')) else { continue };
        let Some(end) = closing(code, close + body) else { continue };
        found.push(Function {
            name,
            line: code[..at].matches('\n').count() + 1,
            lines: code[at..end].matches('\n').count() + 1,
            parameters: parameters(&code[open + 1..close]),
        });
    }
    found
}

/// The byte of the bracket that closes the one at `open`.
fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, character) in code[open..].char_indices() {
        match character {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + at);
                }
            }
            _ => {}
        }
    }
    None
}

/// How many parameters a list has, `self` not counted.
fn parameters(list: &str) -> usize {
    let (mut depth, mut count, mut current) = (0i32, 0, String::new());
    let previous_is_minus = |text: &str| text.ends_with('-') || text.ends_with('=');
    let mut close = |current: &mut String| {
        let text = std::mem::take(current);
        let text = text.trim();
        let receiver = text.trim_start_matches('&').trim_start_matches("'_ ").trim_start_matches("mut ");
        if !text.is_empty() && receiver != "self" && !receiver.ends_with(" self") && !receiver.starts_with("self:") {
            count += 1;
        }
    };
    for character in list.chars() {
        match character {
            '(' | '[' | '{' | '<' => depth += 1,
            '>' if previous_is_minus(&current) => {}
            ')' | ']' | '}' | '>' => depth -= 1,
            ',' if depth == 0 => {
                close(&mut current);
                continue;
            }
            _ => {}
        }
        current.push(character);
    }
    close(&mut current);
    count
}

/// The code with the insides of comments, strings and characters as blanks; line breaks stay.
fn without_comments_and_strings(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = match characters[at] {
            '/' if characters.get(at + 1) == Some(&'/') => line_comment_end(&characters, at),
            '/' if characters.get(at + 1) == Some(&'*') => block_comment_end(&characters, at),
            '"' => string_end(&characters, at),
            'r' if !follows_name(&characters, at) => raw_string_end(&characters, at).unwrap_or(at + 1),
            '\'' => character_end(&characters, at).unwrap_or(at + 1),
            _ => at + 1,
        };
        if end == at + 1 {
            code.push(characters[at]);
        } else {
            code.extend(characters[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        }
        at = end;
    }
    code
}

fn follows_name(characters: &[char], at: usize) -> bool {
    at > 0 && (characters[at - 1].is_alphanumeric() || characters[at - 1] == '_') && characters[at - 1] != 'b'
}

fn line_comment_end(characters: &[char], at: usize) -> usize {
    characters[at..].iter().position(|c| *c == '\n').map_or(characters.len(), |offset| at + offset)
}

fn block_comment_end(characters: &[char], at: usize) -> usize {
    let mut end = at + 2;
    while end < characters.len() && !(characters[end - 1] == '*' && characters[end] == '/' && end > at + 2) {
        end += 1;
    }
    (end + 1).min(characters.len())
}

fn string_end(characters: &[char], at: usize) -> usize {
    let mut end = at + 1;
    while end < characters.len() && characters[end] != '"' {
        end += if characters[end] == '\\' { 2 } else { 1 };
    }
    (end + 1).min(characters.len())
}

/// The end of `r"..."` or `r#"..."#`, if one begins here.
fn raw_string_end(characters: &[char], at: usize) -> Option<usize> {
    let hashes = characters[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if characters.get(open) != Some(&'"') {
        return None;
    }
    let mut end = open + 1;
    while end < characters.len() {
        let closes =
            characters[end] == '"' && characters[end + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        if closes {
            return Some(end + 1 + hashes);
        }
        end += 1;
    }
    Some(characters.len())
}

/// The end of a character literal; `None` for a lifetime.
fn character_end(characters: &[char], at: usize) -> Option<usize> {
    match characters.get(at + 1)? {
        '\\' => {
            let close = characters[at + 3..].iter().position(|c| *c == '\'')?;
            Some(at + 3 + close + 1)
        }
        _ if characters.get(at + 2) == Some(&'\'') => Some(at + 3),
        _ => None,
    }
}

#[test]
fn the_scanner_knows_code_from_text() {
    let source =
        "fn a(x: &'static str, y: Vec<(u8, u8)>) -> u8 { let s = \"fn b() {\"; '}' /* { */ }\nfn c(&self) {}\n";
    let found = functions(&without_comments_and_strings(source));
    let names: Vec<(&str, usize, usize)> =
        found.iter().map(|function| (function.name.as_str(), function.line, function.parameters)).collect();
    assert_eq!(names, [("a", 1, 2), ("c", 2, 0)]);
    assert_eq!(names_of_group("a::X, b::{Y, Z}}; use"), ["a", "b"]);
    assert_eq!(parameters("&mut self, f: impl Fn(u8, u8) -> u8, g: u8,"), 2);
}
