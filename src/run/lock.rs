//! Two runs do not build the same relation at once: the second waits, and says for whom.

use std::sync::Arc;

use crate::adapter::{Claim, Claimed, Holder};
use crate::compile::runtime::{Runtime, Worker};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Level};
use crate::manifest::UniqueId;

use super::schemas;

/// Claims what the nodes are built into, for as long as `worker`'s session lasts.
///
/// # Errors
/// If another run still builds some of it when the time to wait is over.
pub fn hold(runtime: &Arc<Runtime>, worker: &Worker, ids: &[UniqueId]) -> Result<(), Diagnostic> {
    let rules = runtime.flags.lock;
    if rules.enabled == Some(false) {
        return Ok(());
    }
    let default = runtime.warehouse.adapter().default_database();
    let nodes = ids.iter().filter_map(|id| runtime.manifest().node(id));
    let built = nodes.filter(|node| schemas::leaves_relation(runtime, node));
    let relations =
        built.map(|node| (node.database.as_deref().unwrap_or(default), node.schema.as_str(), node.alias.as_str()));
    let claim = Claim::new(&runtime.globals.project_name, relations);
    if claim.parts.is_empty() {
        return Ok(());
    }
    let claim = Claim { wait: rules.wait, by_table: rules.enabled == Some(true), ..claim };
    let holders = match worker.session.claim(&claim)? {
        Claimed::Ours => return Ok(()),
        Claimed::Impossible(reason) => {
            let message = format!("nothing keeps other runs from building the same relations: {reason}");
            runtime.emit(Event::notice("AdapterEventDebug", Level::Debug, message));
            return Ok(());
        }
        Claimed::Theirs(holders) => holders,
    };
    let seconds = claim.wait.as_secs();
    let refused = |holders: &[Holder]| {
        Diagnostic::error(said(holders))
            .note(format!("waited {seconds} seconds (`lock:` in `tform.yml`)"))
            .hint("wait until it has ended, or go ahead all the same with `--no-lock`")
    };
    if seconds == 0 {
        return Err(refused(&holders));
    }
    let message = format!("waiting up to {seconds} seconds: {}", said(&holders));
    runtime.emit(Event::notice("AdapterEventInfo", Level::Info, message));
    match worker.session.wait_for_claim(&claim)? {
        Claimed::Theirs(holders) => Err(refused(&holders)),
        _ => Ok(()),
    }
}

fn said(holders: &[Holder]) -> String {
    match holders {
        [] => "another run builds the same relations".to_owned(),
        [Holder { name, who }] => format!("another run builds `{name}` ({who})"),
        [Holder { name, who }, others @ ..] => {
            format!("another run builds `{name}` and {} more of what is to be built here ({who})", others.len())
        }
    }
}
