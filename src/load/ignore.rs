//! `.dbtignore`: patterns as in `.gitignore` (docs.getdbt.com/reference/dbtignore).

use std::sync::Arc;

use regex::Regex;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};

/// The patterns of a project, in their order: the last that matches decides.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    patterns: Vec<(Regex, bool)>,
}

impl Ignore {
    /// Reads the patterns; those that cannot be understood are warned of and left out.
    pub(super) fn parse(file: &Arc<SourceFile>, warnings: &mut Diagnostics) -> Ignore {
        let mut patterns = Vec::new();
        for (index, line) in file.text.lines().enumerate() {
            let Some((expression, ignores)) = expression(line) else { continue };
            match Regex::new(&expression) {
                Ok(regex) => patterns.push((regex, ignores)),
                Err(_) => warnings.push(
                    Diagnostic::warning("this pattern cannot be understood and is left out")
                        .at(Span::line(file, index + 1)),
                ),
            }
        }
        Ignore { patterns }
    }

    /// Whether a file is left out; the path is relative to the project, with `/`.
    pub(super) fn ignores(&self, path: &str) -> bool {
        let decision = self.patterns.iter().rev().find(|(regex, _)| regex.is_match(path));
        decision.is_some_and(|(_, ignores)| *ignores)
    }
}

/// The regular expression of a line, and whether it ignores (`!` takes back).
fn expression(line: &str) -> Option<(String, bool)> {
    let line = if line.ends_with("\\ ") { line } else { line.trim_end() };
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (pattern, ignores) = line.strip_prefix('!').map_or((line, true), |pattern| (pattern, false));
    let (pattern, is_folder) = pattern.strip_suffix('/').map_or((pattern, false), |pattern| (pattern, true));
    let is_anchored = pattern.contains('/');
    let parts: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    let mut expression = String::from(if is_anchored { "^" } else { "^(?:.+/)?" });
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        match (*part, is_last) {
            ("**", false) => expression.push_str("(?:.+/)?"),
            ("**", true) => expression.push_str(".+"),
            (part, _) => {
                expression.push_str(&glob(part));
                if !is_last {
                    expression.push('/');
                }
            }
        }
    }
    expression.push_str(if is_folder { "/.*$" } else { "(?:/.*)?$" });
    Some((expression, ignores))
}

/// One part of a path: `*`, `?`, `[a-z]`, `[!a]`, and `\` before what is meant as it is.
fn glob(part: &str) -> String {
    let mut expression = String::new();
    let mut characters = part.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => {
                expression.push('[');
                if characters.next_if(|next| matches!(next, '!' | '^')).is_some() {
                    expression.push('^');
                }
                for inner in characters.by_ref() {
                    match inner {
                        '\\' | '[' | '&' | '~' => expression.extend(['\\', inner]),
                        _ => expression.push(inner),
                    }
                    if inner == ']' {
                        break;
                    }
                }
            }
            '\\' => expression.push_str(&regex::escape(&characters.next().unwrap_or('\\').to_string())),
            _ => expression.push_str(&regex::escape(&character.to_string())),
        }
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_git() {
        let check = |patterns: &str, path: &str| {
            let mut warnings = Diagnostics::new();
            Ignore::parse(&SourceFile::new(".dbtignore", patterns), &mut warnings).ignores(path)
        };
        let cases = [
            ("*.md\n", "models/a.md", true),
            ("*.md\n!keep.md", "models/keep.md", false),
            ("models/wip/", "models/wip/a/b.sql", true),
            ("models/wip/", "models/wip.sql", false),
            ("wip", "models/wip/a.sql", true),
            ("wip/", "models/wip/a.sql", true),
            ("/wip", "models/wip/a.sql", false),
            ("models/**/old_*.sql", "models/old_a.sql", true),
            ("models/**/old_*.sql", "models/x/y/old_a.sql", true),
            ("models/*.sql", "models/x/a.sql", false),
            ("**/a.sql", "models/x/a.sql", true),
            ("models/**", "models/x/a.sql", true),
            ("models/[ab].sql", "models/b.sql", true),
            ("models/[!ab].sql", "models/b.sql", false),
            ("models/a?.sql", "models/ab.sql", true),
            ("# models\n\n", "models/a.sql", false),
            ("\\#a.sql", "models/#a.sql", true),
            ("a+b.sql   ", "models/a+b.sql", true),
        ];
        for (patterns, path, expected) in cases {
            assert_eq!(check(patterns, path), expected, "{patterns:?} {path}");
        }
    }
}
