//! Ephemeral models in a run: they are compiled before what contains them.
//!
//! Nothing is built of one, but one that does not compile keeps its descendants from being built, and is
//! told once. Source: docs.getdbt.com/docs/build/materializations#ephemeral.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::outcome::{Extra, Report, Stopwatch, message_of};
use super::{Runner, Step, Task, step_after};
use crate::compile::runtime::Worker;
use crate::compile::{self, Rendering};
use crate::event::{Event, Level, NodeInfo, Status};
use crate::manifest::{Node, Resource, UniqueId};

impl Runner<'_> {
    /// Compiles an ephemeral model that a run has among its nodes.
    pub(super) fn compile_silently(&self, worker: &Worker, task: usize) -> Step {
        match self.resource(task) {
            Some(Resource::Node(node)) if self.task == Task::Build => self.compile_ephemeral(worker, task, node),
            _ => Step::Done,
        }
    }

    fn compile_ephemeral(&self, worker: &Worker, task: usize, node: &Arc<Node>) -> Step {
        let rendering = Rendering { runtime: self.runtime, worker };
        let stopwatch = Stopwatch::start();
        let compiled = self.runtime.assign(worker, node, None);
        let Err(problem) = compiled.and_then(|()| compile::ephemeral(&rendering, &node.unique_id)) else {
            return Step::Done;
        };
        let refused = worker.session.last_error();
        worker.session.rollback();
        let report = Report::new(Status::Error, message_of(node, &problem, refused.as_ref()));
        let result = Arc::new(stopwatch.result(&self.facts(task), report, Extra::default()));
        self.runtime.emit(Event::RunResultFailure(result.clone()));
        self.runtime.emit(Event::RunResultError { result, level: Level::Error });
        self.broken_ephemerals().insert(task, node.unique_id.clone());
        step_after(Status::Error, self.runtime.flags.fail_fast)
    }

    /// The ephemeral model that keeps a task from running whose `parent` did not.
    pub(super) fn broken_ephemeral(&self, task: usize, parent: usize) -> Option<UniqueId> {
        let mut broken = self.broken_ephemerals();
        let cause = broken.get(&parent).cloned()?;
        if self.is_silent(task) {
            broken.insert(task, cause.clone());
        }
        Some(cause)
    }

    /// Skips what contains an ephemeral model that does not compile: the run fails by it.
    pub(super) fn skip_because_of(&self, task: usize, cause: &str) {
        let (node, position) = (NodeInfo::waiting(&self.facts(task)), self.next_position());
        let status = Status::Error.as_str().to_owned();
        self.runtime.emit(Event::LogSkipBecauseError { node, position, status });
        let message = format!(
            "Compilation Error in {}, caused by compilation error in referenced ephemeral model {cause}",
            self.ids[task]
        );
        self.add_skipped(task, Some(message));
    }

    fn broken_ephemerals(&self) -> MutexGuard<'_, HashMap<usize, UniqueId>> {
        self.broken_ephemerals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
