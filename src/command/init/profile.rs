//! A profile's place in `profiles.yml`: the rest of the file stays as it is written.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::yaml::{self, Value};

/// The text of a file of profiles, and where it came from.
pub struct Profiles<'p> {
    path: &'p Path,
    text: String,
    /// By name.
    known: Map<String, Json>,
}

impl<'p> Profiles<'p> {
    /// Reads the file; one that is not there has no profiles.
    ///
    /// # Errors
    /// If it cannot be read, or is no mapping of profiles.
    pub fn read(path: &'p Path) -> Result<Profiles<'p>, Diagnostics> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(Diagnostic::error(format!("`{}` cannot be read: {error}", path.display())).into());
            }
        };
        let known = profiles_in(path, &text)?;
        Ok(Profiles { path, text, known })
    }

    pub fn has(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Writes the file with this profile in it, in the place of one of that name.
    ///
    /// # Errors
    /// If the file cannot be written, or its form does not let a profile be put into it.
    pub fn put(self, name: &str, target_name: &str, target: &Map<String, Json>) -> Result<(), Diagnostics> {
        let profile = serde_json::json!({"target": target_name, "outputs": {target_name: target}});
        let mut lines = vec![format!("{}:", scalar(&name.into()))];
        lines.push(format!("  target: {}", scalar(&target_name.into())));
        lines.push(format!("  outputs:\n    {}:", scalar(&target_name.into())));
        lines.extend(
            target.iter().map(|(key, value)| format!("      {}: {}", scalar(&key.as_str().into()), scalar(value))),
        );
        let text = self.with(name, &(lines.join("\n") + "\n"));
        let mut expected = self.known.clone();
        expected.insert(name.to_owned(), profile);
        if profiles_in(self.path, &text).ok().is_none_or(|found| found != expected) {
            let message = format!("`{}` is written in a form that no profile can be put into", self.path.display());
            return Err(Diagnostic::error(message)
                .hint("give each profile lines of its own: `NAME:`, and below it what it has")
                .into());
        }
        write(self.path, &text)
            .map_err(|error| Diagnostic::error(format!("`{}` cannot be written: {error}", self.path.display())).into())
    }

    /// The file's text with these lines for a profile.
    fn with(&self, name: &str, block: &str) -> String {
        let mut text = String::with_capacity(self.text.len() + block.len() + 2);
        let (mut is_replaced, mut is_within) = (false, false);
        for line in self.text.split_inclusive('\n') {
            let is_top = line.starts_with(|first: char| !first.is_whitespace() && first != '#' && first != '-');
            if is_top {
                let key = yaml::parse(&SourceFile::new("", line)).ok().and_then(|line| line.value);
                let key = key.and_then(|line| line.as_map().and_then(|map| map.keys().next().map(str::to_owned)));
                is_within = key.as_deref() == Some(name);
                if is_within && !is_replaced {
                    is_replaced = true;
                    text.push_str(block);
                }
            }
            // Comments at the margin belong to what follows.
            is_within &= is_top || !line.starts_with('#');
            if !is_within {
                text.push_str(line);
            }
        }
        if !is_replaced {
            if !text.is_empty() {
                text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
            }
            text.push_str(block);
        }
        text
    }
}

fn profiles_in(path: &Path, text: &str) -> Result<Map<String, Json>, Diagnostics> {
    let file = SourceFile::new(path.to_string_lossy(), text);
    let root = yaml::parse(&file)?.value;
    let Some(root) = root.filter(|root| !root.is_null()) else { return Ok(Map::new()) };
    match root.to_json() {
        Json::Object(profiles) => Ok(profiles),
        _ => {
            let message = format!("a file of profiles is a mapping, this is {}", root.value.kind());
            Err(Diagnostic::error(message).at(root.span(&file)).into())
        }
    }
}

/// A value as YAML has it on one line.
fn scalar(value: &Json) -> String {
    if let Json::String(text) = value {
        let is_word = text.chars().all(|character| character.is_ascii_alphanumeric() || "_./-".contains(character));
        let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '/');
        // Some words mean something else than themselves: `no`, `null`.
        if is_word && begins && matches!(yaml::plain(text), Value::String(same) if *same == **text) {
            return text.clone();
        }
    }
    value.to_string()
}

/// Writes a file whole or not at all: it holds the profiles of other projects, too. If it is new, only its owner may
/// read it, for it may hold a password.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one.
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = place.with_extension(format!("yml.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| {
        if let Ok(before) = fs::metadata(&place) {
            fs::set_permissions(&beside, before.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&beside, &place)
    });
    if written.is_err() {
        // That it cannot be taken away changes nothing.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(text: &str, name: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dbt/profiles.yml");
        if !text.is_empty() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let target = serde_json::json!({"type": "duckdb", "path": "a b.duckdb", "threads": 4, "schema": "no"});
        let problem = |problems: Diagnostics| problems.iter().next().map(|first| first.message.clone()).unwrap();
        let profiles = Profiles::read(&path).map_err(problem)?;
        profiles.put(name, "dev", target.as_object().unwrap()).map_err(problem)?;
        Ok(std::fs::read_to_string(&path).unwrap())
    }

    #[test]
    fn a_profile_is_added_or_replaced_and_the_rest_stays() {
        let own = "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: \"a b.duckdb\"\n      threads: 4\n      schema: \"no\"\n";
        assert_eq!(put("", "shop").unwrap(), own);
        assert_eq!(put("# mine\na: {outputs: {}}", "shop").unwrap(), format!("# mine\na: {{outputs: {{}}}}\n\n{own}"));
        let three = "a: 1\n# of the shop\nshop:\n  # old\n\n  target: x\n# of b\nb:\n  target: y\n";
        assert_eq!(put(three, "shop").unwrap(), format!("a: 1\n# of the shop\n{own}# of b\nb:\n  target: y\n"));
        assert_eq!(put("\"shop\": 1\nb: 2\n", "shop").unwrap(), format!("{own}b: 2\n"));
    }

    #[test]
    fn what_no_profile_can_be_put_into_is_left_alone() {
        for text in ["{a: 1}\n", "{a: 1,\n shop: 2}\n"] {
            assert!(put(text, "shop").unwrap_err().contains("in a form that no profile can be put into"), "{text}");
        }
        assert!(put("[a]\n", "shop").unwrap_err().contains("is a mapping"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_keeps_its_place_and_who_may_read_it() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("profiles.yml"), folder.path().join("kept"));
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write(&path, "a: 1\n").unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        write(&link, "b: 1\n").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode()), ("b: 1\n", 0o640));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
