//! `package-lock.yml`, and YAML as it is written into lists of packages.

use serde_json::{Map, Value, json};

use super::Session;
use super::resolve::{Pinned, Place};
use crate::diagnostic::SourceFile;
use crate::yaml;

/// The file's name.
pub(super) const FILE_NAME: &str = "package-lock.yml";

/// The text of a lock file, as dbt writes it.
pub(super) fn text(session: &Session<'_>, pinned: &[Pinned], sha1_hash: &str) -> String {
    let entries: Vec<Value> = pinned.iter().map(|package| entry(session, package)).collect();
    format!("packages:\n{}sha1_hash: {}\n", list(&entries), scalar(&json!(sha1_hash)))
}

fn entry(session: &Session<'_>, package: &Pinned) -> Value {
    match &package.place {
        Place::Hub { package: name, version, .. } => {
            json!({"name": package.name, "package": name, "version": version})
        }
        Place::Git { git, commit, .. } => {
            let mut entry = Map::new();
            // dbt's file has the keys in the order of the alphabet.
            if git.private.is_none() {
                entry.insert("git".to_owned(), json!(scrubbed(session, &git.unrendered)));
            }
            entry.insert("name".to_owned(), json!(package.name));
            if let Some(private) = &git.private {
                entry.insert("private".to_owned(), json!(git.unrendered));
                entry.extend(private.provider.iter().map(|provider| ("provider".to_owned(), json!(provider))));
            }
            entry.insert("revision".to_owned(), json!(commit));
            if let Some(folder) = &git.subdirectory {
                entry.insert("subdirectory".to_owned(), json!(folder));
            }
            Value::Object(entry)
        }
        Place::Local { path } => json!({"local": path, "name": package.name}),
        Place::Tarball { unrendered, .. } => json!({"name": package.name, "tarball": scrubbed(session, unrendered)}),
    }
}

/// A secret that stands in a list as plain text does not go into the lock file.
fn scrubbed(session: &Session<'_>, text: &str) -> String {
    let scrubbed = session.environment.scrub(text);
    if scrubbed != text {
        session.warn_once(
            crate::diagnostic::Diagnostic::warning_of(
                "DepsScrubbedPackageName",
                format!("`{scrubbed}` holds the value of a secret variable"),
            )
            .note("the lock file has stars in its place, and cannot be used to install")
            .hint("write `{{ env_var('DBT_ENV_SECRET_...') }}` into the list instead"),
        );
    }
    scrubbed
}

/// A list of mappings below a key, two blanks deep.
pub(super) fn list(entries: &[Value]) -> String {
    let mut text = String::new();
    for entry in entries {
        text.push_str(&item(entry, "  "));
    }
    text
}

/// One mapping as an item of a list; `indent` is put before each line.
pub(super) fn item(entry: &Value, indent: &str) -> String {
    let mut text = String::new();
    let mut mark = "- ";
    for (key, value) in entry.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => {
                text.push_str(&format!("{indent}{mark}{key}:\n"));
                for item in items {
                    text.push_str(&format!("{indent}    - {}\n", scalar(item)));
                }
            }
            value => text.push_str(&format!("{indent}{mark}{key}: {}\n", scalar(value))),
        }
        mark = "  ";
    }
    text
}

/// A scalar that reads back as what it is.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let plain = format!("a: {text}");
    let parsed = yaml::parse(&SourceFile::new("", plain)).ok().and_then(|parsed| parsed.value);
    let reads_back = parsed.as_ref().and_then(|root| root.get("a")).and_then(yaml::Node::as_str) == Some(text);
    if reads_back && !text.starts_with(['"', '\'']) { text.clone() } else { format!("'{}'", text.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_quoted_where_they_would_change() {
        let cases = [
            ("1.1.1", "1.1.1"),
            ("1.0", "'1.0'"),
            ("12345678", "'12345678'"),
            ("it's: x", "'it''s: x'"),
            ("{{ env_var('X') }}", "'{{ env_var(''X'') }}'"),
            (">=0.8.0", "'>=0.8.0'"),
            ("https://x/y.git", "https://x/y.git"),
            ("", "''"),
        ];
        for (text, expected) in cases {
            assert_eq!(scalar(&json!(text)), expected, "{text}");
        }
    }
}
