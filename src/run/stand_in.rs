//! Unit tests on the embedded engine in place of the target (`--unit-engine duckdb`).
//!
//! Before anything runs, each unit test is compiled for the embedded engine and described by it. One that
//! is not known to mean the same there, or that the engine does not take, runs on the target, with the
//! reason. So it is known beforehand whether the warehouse is needed at all.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::compile::Rendering;
use crate::compile::runtime::{Runtime, Worker};
use crate::compile::unit_test::{self, node_of};
use crate::event::{Event, Level};
use crate::manifest::{Resource, UnitTest};

use super::Runner;

/// Where unit tests run.
#[derive(Debug)]
pub(super) struct Places {
    /// That of the embedded engine.
    pub runtime: Arc<Runtime>,
    /// Why a unit test runs on the target, by its task; `None` for those on the embedded engine.
    by_task: HashMap<usize, Option<String>>,
}

impl Places {
    /// Whether a task runs on the embedded engine.
    pub fn has(&self, task: usize) -> bool {
        self.by_task.get(&task).is_some_and(Option::is_none)
    }

    /// What `run_results.json` says of a unit test's place.
    pub fn facts(&self, task: usize) -> Map<String, Json> {
        let facts = match self.by_task.get(&task) {
            None => return Map::new(),
            Some(None) => vec![("unit_engine", json!("duckdb"))],
            Some(Some(reason)) => vec![("unit_engine", json!("target")), ("unit_engine_reason", json!(reason))],
        };
        facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl Runner<'_> {
    /// Decides where each unit test runs, and says which run on the target and why.
    pub(super) fn find_places(&mut self, runtime: &Arc<Runtime>) {
        let worker = runtime.worker("unit-tests");
        let rendering = Rendering { runtime, worker: &worker };
        let mut by_task = HashMap::new();
        for task in 0..self.ids.len() {
            let Some(Resource::UnitTest(test)) = self.resource(task) else { continue };
            let refused = refusal(&rendering, test);
            if let Some(reason) = &refused {
                let name = format!("{}::{}", test.model, test.versioned_name());
                let text = format!("Unit test {name} runs on the target because {reason}");
                let data = json!({"unit_test": test.unique_id, "reason": reason});
                self.runtime.emit(Event::notice_with("UnitTestOnTarget", Level::Info, text, data));
            }
            by_task.insert(task, refused);
        }
        worker.session.close();
        let (embedded, all) = (by_task.values().filter(|reason| reason.is_none()).count(), by_task.len());
        if all > 0 {
            let text = format!("{embedded} of {all} unit tests run on DuckDB");
            let data = json!({"embedded": embedded, "unit_tests": all});
            self.runtime.emit(Event::notice_with("UnitTestsOnDuckdb", Level::Info, text, data));
        }
        self.places = Some(Places { runtime: runtime.clone(), by_task });
    }

    /// Whether anything that is to be run is run by the warehouse.
    pub(super) fn needs_warehouse(&self) -> bool {
        let is_elsewhere = |task: usize| self.places.as_ref().is_some_and(|places| places.has(task));
        (0..self.ids.len()).any(|task| !is_elsewhere(task))
    }

    /// The embedded engine with a worker of its own, if a task runs there.
    pub(super) fn embedded(&self, task: usize, worker: &Worker) -> Option<(&Arc<Runtime>, Worker)> {
        let places = self.places.as_ref().filter(|places| places.has(task))?;
        Some((&places.runtime, places.runtime.worker(&worker.session.name())))
    }
}

/// Why a unit test cannot run on the embedded engine.
fn refusal(rendering: &Rendering<'_>, test: &UnitTest) -> Option<String> {
    let first_line = |message: &str| message.lines().next().unwrap_or_default().to_owned();
    let node = node_of(rendering.runtime, test);
    let session = &rendering.worker.session;
    let assigned = rendering.runtime.assign(rendering.worker, &node, None);
    let compiled = assigned.and_then(|()| unit_test::compile(rendering, test, &node));
    let refusal = match compiled {
        Err(problem) => Some(first_line(&problem.message)),
        Ok(compiled) => {
            session.describe(&compiled.sql).err().map(|error| format!("DuckDB says: {}", first_line(&error.message)))
        }
    };
    session.rollback();
    session.forget_error();
    refusal
}
