//! When the model of a failed test was changed last, if git knows it.
//!
//! Nothing is said outside of a repository, without git, or if git does not answer in time.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::compile::runtime::Runtime;
use crate::event::{Remark, Status};
use crate::manifest::{Node, ResourceType};
use crate::run::Run;
use crate::run::outcome::Outcome;

/// Whoever waits for a report does not wait for git longer than this, altogether.
const PATIENCE: Duration = Duration::from_secs(2);

/// Adds to each failed data test and unit test when the model that it tests was changed last.
pub(super) fn remark(runtime: &Runtime, run: &mut Run) {
    let deadline = Instant::now() + PATIENCE;
    let mut known: HashMap<String, Option<String>> = HashMap::new();
    for outcome in &mut run.outcomes {
        let failed = matches!(outcome.result.status, Status::Fail | Status::Warn);
        let Some(model) = tested(runtime, outcome).filter(|_| failed) else { continue };
        let path = &model.original_file_path;
        let change = known.entry(path.clone()).or_insert_with(|| last_change(&runtime.project_dir, path, deadline));
        if let Some(change) = change {
            let text = format!("last change of `{}` ({path}): {change}", model.name);
            Arc::make_mut(&mut outcome.result).remarks.push(Remark { event: "TestedModelChanged", text });
        }
    }
}

/// The model or snapshot of the project that a test is about.
fn tested<'a>(runtime: &'a Runtime, outcome: &Outcome) -> Option<&'a Arc<Node>> {
    let manifest = runtime.manifest();
    let nodes = &manifest.nodes;
    let id = match manifest.unit_tests.get(&outcome.id) {
        Some(test) => test.depends_on.nodes.first()?,
        None => {
            let test = nodes.get(&outcome.id).filter(|node| node.resource_type == ResourceType::Test)?;
            let attached = test.generic_test().and_then(|test| test.attached_node.as_ref());
            attached.or_else(|| match test.parents() {
                [only] => Some(only),
                _ => None,
            })?
        }
    };
    nodes.get(id).filter(|node| node.package_name == runtime.globals.project_name)
}

/// `not committed`, or the last commit of a file: `1a2b3c4, 2026-11-20, Kim Minji: Count flights once`.
fn last_change(folder: &Path, path: &str, deadline: Instant) -> Option<String> {
    if !git(folder, &["status", "--porcelain", "--", path], deadline)?.is_empty() {
        return Some("not committed".to_owned());
    }
    let said = git(folder, &["log", "-1", "--format=%p%n%h, %cs, %an: %s", "--", path], deadline)?;
    let (parents, line) = said.split_once('\n').unwrap_or(("", said.as_str()));
    if line.is_empty() {
        return None;
    }
    // Where a shallow clone ends, every file looks as if it had been made.
    let is_end = || git(folder, &["rev-parse", "--is-shallow-repository"], deadline).is_some_and(|said| said == "true");
    match parents.trim().is_empty() && is_end() {
        true => Some(format!("{line}, or before: the clone is shallow")),
        false => Some(line.to_owned()),
    }
}

/// What git says; `None` if it is not there, fails or takes too long.
fn git(folder: &Path, arguments: &[&str], deadline: Instant) -> Option<String> {
    let mut child = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "-c", "log.showSignature=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let status = loop {
        if let Some(status) = child.try_wait().ok()? {
            break status;
        }
        if Instant::now() >= deadline {
            // It may have ended by itself in between.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let mut said = String::new();
    child.stdout.take()?.read_to_string(&mut said).ok()?;
    status.success().then(|| said.trim().to_owned())
}
