//! `.env` files (docs.getdbt.com/docs/local/configure-environment-variables).

use std::path::Path;

/// The variables of `.env` in a folder; none if there is no such file, or it is not text.
///
/// dbt reads it from the working directory, and what the process has already stays.
pub fn of_folder(folder: &Path) -> Vec<(String, String)> {
    std::fs::read_to_string(folder.join(".env")).map(|text| parse(&text)).unwrap_or_default()
}

/// `NAME=value` lines: `export` before, comments, single quotes (as they are), double
/// quotes (with `\n`, `\"`, `\\`; may span lines).
fn parse(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let line = rest[..end].trim();
        let assignment = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = assignment.split_once('=').filter(|_| !line.starts_with('#')) else {
            rest = &rest[end..];
            continue;
        };
        let (name, value) = (name.trim(), value.trim_start());
        let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
        let value_start = end_of_name(rest, end);
        let (value, used) = match quote {
            Some(quote) => match quoted(&rest[value_start..], quote) {
                Some((value, length)) => {
                    let after = value_start + length;
                    let line_end = rest[after..].find('\n').map_or(rest.len(), |at| after + at + 1);
                    (value, line_end)
                }
                None => (value.to_owned(), end),
            },
            None => {
                let comment = value.find(" #").unwrap_or(value.len());
                (value[..comment].trim_end().to_owned(), end)
            }
        };
        let is_name =
            !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "_.-".contains(character));
        if is_name {
            found.push((name.to_owned(), value));
        }
        rest = &rest[used..];
    }
    found
}

/// Where the value begins: after the first `=` and the blanks behind it.
fn end_of_name(rest: &str, line_end: usize) -> usize {
    let equals = rest[..line_end].find('=').map_or(line_end, |at| at + 1);
    equals + (rest[equals..line_end].len() - rest[equals..line_end].trim_start().len())
}

/// The contents of a quoted value and how many bytes it takes with its quotes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Some((value, at + character.len_utf8())),
            '\\' if quote == '"' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_variables() {
        let text = "# comment\nB = plain text # note\nexport C='single # \\n'\nD=\"two\nlines\\n\\\"x\\\"\" # end\nE=\nnonsense\nG=a#b\n";
        let found = parse(text);
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected =
            [("B", "plain text"), ("C", "single # \\n"), ("D", "two\nlines\n\"x\""), ("E", ""), ("G", "a#b")];
        assert_eq!(found, expected);
    }
}
