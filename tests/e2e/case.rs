//! The form of a case file:
//!
//! ```text
//! # What the case shows. `# only: duckdb`, `# database: path` and `# feature: aws` are directives.
//! -- models/a.sql --
//! select 1 as id
//! $ tform run
//! expected output
//! [exit 2]
//! -- models/a.sql --
//! select 2 as id
//! $ query select id from a
//! 2
//! ```
//!
//! Lines before the first section that begin with `#` are comments. A file section lasts until
//! the next section or command; expected output likewise. A file section that stands after a
//! command changes the file at that point. Blank lines around output do not matter.

use std::fs;
use std::path::Path;

use crate::database::Engine;

/// Cargo features that cases may ask for, and whether the tform that is tested has them.
const FEATURES: &[(&str, bool)] = &[("aws", cfg!(feature = "aws"))];

pub struct Case {
    /// The comment lines at the top, as they stand.
    head: Vec<String>,
    pub steps: Vec<Step>,
    only: Vec<String>,
    /// The tform that is tested must have this cargo feature, or must not.
    feature: Option<(String, bool)>,
    /// The embedded database's file, from the project's folder.
    pub database: String,
}

pub enum Step {
    File { path: String, text: String },
    Command(Command),
}

pub struct Command {
    /// What stands after `$ `.
    pub text: String,
    /// Counted from one.
    pub line: usize,
    pub expected: Vec<String>,
    /// Blank lines after the output, kept when the file is rewritten.
    blank_after: usize,
}

impl Case {
    pub fn read(path: &Path) -> Result<Case, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Case::parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
    }

    pub fn parse(text: &str) -> Result<Case, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut at = lines.iter().take_while(|line| line.starts_with('#') || line.trim().is_empty()).count();
        let head: Vec<String> = lines[..at].iter().map(|line| (*line).to_owned()).collect();
        if !head.first().is_some_and(|line| line.starts_with("# ") && directive(line).is_none()) {
            return Err("the first line is not a comment that says what the case shows".to_owned());
        }
        let database = "target/test.duckdb".to_owned();
        let mut case = Case { head, steps: Vec::new(), only: Vec::new(), feature: None, database };
        case.read_directives()?;
        while at < lines.len() {
            let line = lines[at];
            let end = (at + 1..lines.len()).find(|next| begins_step(lines[*next])).unwrap_or(lines.len());
            let body = &lines[at + 1..end];
            if let Some(path) = file_path(line) {
                case.steps.push(Step::File { path: path.to_owned(), text: file_text(body) });
            } else if let Some(text) = line.strip_prefix("$ ") {
                let expected = trimmed(body);
                let blank_after = body.iter().rev().take_while(|line| line.trim().is_empty()).count();
                let text = text.trim().to_owned();
                case.steps.push(Step::Command(Command { text, line: at + 1, expected, blank_after }));
            } else {
                return Err(format!("line {}: neither a file section nor a command: {line}", at + 1));
            }
            at = end;
        }
        if case.commands().next().is_none() {
            return Err("no command".to_owned());
        }
        Ok(case)
    }

    fn read_directives(&mut self) -> Result<(), String> {
        for line in self.head.clone() {
            match directive(&line) {
                Some(("only", engines)) => {
                    self.only = engines.split(',').map(|name| name.trim().to_owned()).collect();
                    if let Some(unknown) = self.only.iter().find(|name| !Engine::is_known(name)) {
                        return Err(format!("`# only:` names an unknown engine `{unknown}`"));
                    }
                }
                Some(("database", path)) => self.database = path.to_owned(),
                Some(("feature", word)) => {
                    let (name, wanted) = word.strip_prefix("without ").map_or((word, true), |name| (name, false));
                    if !FEATURES.iter().any(|(known, _)| *known == name) {
                        return Err(format!("`# feature:` names an unknown feature `{name}`"));
                    }
                    self.feature = Some((name.to_owned(), wanted));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub fn runs_on(&self, engine: Engine) -> bool {
        if let Some((name, wanted)) = &self.feature
            && FEATURES.contains(&(name, !wanted))
        {
            return false;
        }
        if self.only.is_empty() { engine == Engine::DuckDb } else { self.only.iter().any(|name| name == engine.name()) }
    }

    /// Whether it runs on several engines, with one output for all.
    pub fn is_shared(&self) -> bool {
        self.only.len() > 1
    }

    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.steps.iter().filter_map(|step| match step {
            Step::Command(command) => Some(command),
            Step::File { .. } => None,
        })
    }

    /// Writes the file with `results` as the commands' expected output.
    pub fn update(&mut self, results: &[Vec<String>], path: &Path) -> Result<(), String> {
        let text = self.with_results(results);
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes the file with `results` for those commands that expect nothing so far.
    pub fn fill(&mut self, results: &[Vec<String>], path: &Path) -> Result<(), String> {
        let pairs = self.commands().zip(results);
        let kept = pairs.map(|(command, result)| if command.expected.is_empty() { result } else { &command.expected });
        let filled: Vec<Vec<String>> = kept.cloned().collect();
        self.update(&filled, path)?;
        *self = Case::read(path)?;
        Ok(())
    }

    pub fn with_results(&self, results: &[Vec<String>]) -> String {
        let mut lines = self.head.clone();
        let mut results = results.iter();
        for step in &self.steps {
            match step {
                Step::File { path, text } => {
                    lines.push(format!("-- {path} --"));
                    lines.extend(text.strip_suffix('\n').unwrap_or(text).split('\n').map(str::to_owned));
                    if text.is_empty() {
                        lines.pop();
                    }
                }
                Step::Command(command) => {
                    lines.push(format!("$ {}", command.text));
                    lines.extend(results.next().unwrap_or(&command.expected).iter().cloned());
                    lines.extend(std::iter::repeat_n(String::new(), command.blank_after));
                }
            }
        }
        lines.join("\n") + "\n"
    }
}

fn directive(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("# ")?.split_once(": ")?;
    matches!(name, "only" | "database" | "feature").then(|| (name, value.trim()))
}

fn begins_step(line: &str) -> bool {
    line.starts_with("$ ") || file_path(line).is_some()
}

fn file_path(line: &str) -> Option<&str> {
    let path = line.strip_prefix("-- ")?.strip_suffix(" --")?;
    (!path.is_empty() && !path.contains(' ')).then_some(path)
}

fn file_text(lines: &[&str]) -> String {
    if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" }
}

/// The lines without blank lines around them and without blanks at their ends.
pub fn trimmed<S: AsRef<str>>(lines: &[S]) -> Vec<String> {
    let mut kept: Vec<String> = lines.iter().map(|line| line.as_ref().trim_end().to_owned()).collect();
    while kept.last().is_some_and(String::is_empty) {
        kept.pop();
    }
    let blank = kept.iter().take_while(|line| line.is_empty()).count();
    kept.split_off(blank)
}
