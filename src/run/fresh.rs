//! How many rows the tests of fresh rows looked at.
//!
//! They are counted once for each relation, by the first of its tests. None at all is a
//! warning of its own (`NoFreshRows`): tests of no rows pass, and say nothing.

use std::sync::{Arc, OnceLock, PoisonError};

use serde_json::json;

use crate::adapter::{Cell, Relation};
use crate::compile::Rendering;
use crate::compile::fresh::FreshRows;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Level, Status};
use crate::manifest::{Node, Resource};

use super::Runner;
use super::outcome::Report;

impl Runner<'_> {
    /// The report of a test with what is known of the rows that it looked at.
    pub(super) fn with_fresh_rows(&self, rendering: &Rendering<'_>, node: &Node, mut report: Report) -> Report {
        let Some(fresh) = self.runtime.fresh.get(&node.unique_id) else { return report };
        let slot: Arc<OnceLock<Option<u64>>> = {
            let mut counts = self.fresh_rows.lock().unwrap_or_else(PoisonError::into_inner);
            counts.entry(fresh.of.clone()).or_default().clone()
        };
        let Some(rows) = *slot.get_or_init(|| self.count(rendering, fresh)) else { return report };
        let told = match rows {
            0 => format!("no fresh rows: {}", fresh.condition),
            1 => format!("1 fresh row: {}", fresh.condition),
            rows => format!("{rows} fresh rows: {}", fresh.condition),
        };
        report.message = Some(match (report.status, report.message.take()) {
            (Status::Pass, _) | (_, None) => told,
            (_, Some(message)) => format!("{message} ({told})"),
        });
        report.adapter_response.insert("fresh_rows".to_owned(), json!(rows));
        report.adapter_response.insert("fresh_condition".to_owned(), json!(fresh.condition));
        report
    }

    /// The fresh rows of what is tested; nothing where that is no relation, or cannot be counted.
    fn count(&self, rendering: &Rendering<'_>, fresh: &FreshRows) -> Option<u64> {
        let (runtime, session) = (self.runtime, &rendering.worker.session);
        let relation: Relation = match runtime.manifest().resource(&fresh.of)? {
            Resource::Node(node) if node.is_ephemeral() => return None,
            Resource::Node(node) => runtime.ref_relation(node),
            Resource::Source(source) => runtime.source_relation(source),
            _ => return None,
        };
        let counted =
            session.query(&format!("select count(*) as fresh_rows from {relation} where {}", fresh.condition));
        if counted.is_err() {
            session.rollback();
            session.forget_error();
        }
        let rows = match counted.map(|result| result.rows.into_iter().flatten().next()) {
            Ok(Some(Cell::Int(rows))) => u64::try_from(rows).ok(),
            Ok(_) => None,
            Err(problem) => {
                let text = format!("fresh rows of {relation} cannot be counted: {}", Diagnostic::from(problem).message);
                runtime.emit(Event::notice("FreshRowsNotCounted", Level::Debug, text));
                None
            }
        };
        if rows == Some(0) {
            let message = format!("{relation} has no fresh rows ({}), so tests of them say nothing", fresh.condition);
            let warning = Diagnostic::warning_of("NoFreshRows", message).fact("unique_id", fresh.of.to_string());
            runtime.emit(Event::diagnostic(warning.hint("see when it was loaded by `tform freshness`")));
        }
        rows
    }
}
