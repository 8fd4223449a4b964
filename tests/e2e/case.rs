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
//! In the output of a case that runs on several engines, a line that only some of them give begins with
//! their names: `duckdb| Binder Error`, `duckdb, postgres| two`. `[connection]` in a file becomes what a
//! target of `profiles.yml` needs to reach the case's database, `[database]` its name.
//!
//! Lines before the first section that begin with `#` are comments. A file section lasts until
//! the next section or command; expected output likewise. A file section that stands after a
//! command changes the file at that point. Blank lines around output do not matter.

use std::fs;
use std::path::Path;

use crate::database::Engine;
use crate::diff::{self, Line};

/// Cargo features that cases may ask for, and whether the tform that is tested has them.
const FEATURES: &[(&str, bool)] = &[("aws", cfg!(feature = "aws"))];

/// Where a case runs that does not say it.
const ORDINARY: [Engine; 2] = [Engine::DuckDb, Engine::Postgres];

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
    /// As it stands in the file, for all engines.
    expected: Vec<String>,
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
        match self.only.is_empty() {
            true => ORDINARY.contains(&engine),
            false => self.only.iter().any(|name| name == engine.name()),
        }
    }

    /// Whether it runs on several engines, with one output for all.
    pub fn is_shared(&self) -> bool {
        self.only.len() != 1
    }

    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.steps.iter().filter_map(|step| match step {
            Step::Command(command) => Some(command),
            Step::File { .. } => None,
        })
    }

    /// Writes the file with `results` as what the commands print on `engine`.
    pub fn update(&mut self, engine: Engine, results: &[Vec<String>], path: &Path) -> Result<(), String> {
        let text = self.with_results(engine, results);
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Writes the file with `results` for those commands that expect nothing so far.
    pub fn fill(&mut self, engine: Engine, results: &[Vec<String>], path: &Path) -> Result<(), String> {
        let pairs = self.commands().zip(results);
        let kept = pairs.map(|(command, result)| match command.expected.is_empty() {
            true => result.clone(),
            false => command.expected_on(engine),
        });
        let filled: Vec<Vec<String>> = kept.collect();
        self.update(engine, &filled, path)?;
        *self = Case::read(path)?;
        Ok(())
    }

    pub fn with_results(&self, engine: Engine, results: &[Vec<String>]) -> String {
        let engines: Vec<Engine> = Engine::all().into_iter().filter(|engine| self.runs_on(*engine)).collect();
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
                    match results.next() {
                        Some(result) => lines.extend(command.expected_with(engine, result, &engines)),
                        None => lines.extend(command.expected.iter().cloned()),
                    }
                    lines.extend(std::iter::repeat_n(String::new(), command.blank_after));
                }
            }
        }
        lines.join("\n") + "\n"
    }
}

impl Command {
    /// What it is to print on an engine.
    pub fn expected_on(&self, engine: Engine) -> Vec<String> {
        let lines = self.expected.iter().map(|line| told_apart(line));
        let own = lines.filter(|(engines, _)| engines.is_empty() || engines.contains(&engine));
        trimmed(&own.map(|(_, line)| line).collect::<Vec<_>>())
    }

    /// The expected output with `result` as that of one of the `all` engines on which the case runs.
    fn expected_with(&self, engine: Engine, result: &[String], all: &[Engine]) -> Vec<String> {
        let others = |engines: Vec<Engine>| -> Vec<Engine> {
            let engines = if engines.is_empty() { all.to_vec() } else { engines };
            engines.into_iter().filter(|other| *other != engine).collect()
        };
        let lines = self.expected.iter().map(|line| told_apart(line));
        let lines = lines.map(|(engines, line)| (others(engines), line.to_owned()));
        let (engines, lines): (Vec<Vec<Engine>>, Vec<String>) =
            lines.filter(|(engines, _)| !engines.is_empty()).unzip();
        let shown = |engines: &[Engine], line: &str| {
            let names: Vec<&str> = all.iter().filter(|engine| engines.contains(engine)).map(|one| one.name()).collect();
            if names.len() == all.len() { line.to_owned() } else { format!("{}| {line}", names.join(", ")) }
        };
        let merged = diff::align(&lines, result).into_iter().map(|line| match line {
            Line::Both(at) => shown(&[&engines[at][..], &[engine]].concat(), &lines[at]),
            Line::Left(at) => shown(&engines[at], &lines[at]),
            Line::Right(at) => shown(&[engine], &result[at]),
        });
        trimmed(&merged.collect::<Vec<String>>())
    }
}

/// The engines that alone print a line (none: all do), and the line itself.
fn told_apart(line: &str) -> (Vec<Engine>, &str) {
    let engines = |names: &str| -> Option<Vec<Engine>> {
        names.split(", ").map(|name| Engine::all().into_iter().find(|engine| engine.name() == name)).collect()
    };
    let parts = line.split_once('|').and_then(|(names, rest)| Some((engines(names)?, rest)));
    parts.map_or((Vec::new(), line), |(engines, rest)| (engines, rest.strip_prefix(' ').unwrap_or(rest)))
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
