//! Two runs do not build the same relation at once: the second waits, and says for whom.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::adapter::{Claim, Claimed, Holder, Session};
use crate::compile::runtime::{Runtime, Worker};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Level};
use crate::manifest::UniqueId;

use super::schemas;

/// How often a claim is tried again where the warehouse has nothing to wait by.
const PAUSE: Duration = Duration::from_secs(2);
/// How often others are shown that this run is still at work.
const RENEWAL: Duration = Duration::from_secs(60);

/// A claim that would outlast its session; given up when it is dropped.
pub struct Held {
    session: Arc<Session>,
    claim: Arc<Claim>,
    ended: Arc<(Mutex<bool>, Condvar)>,
    renewal: Option<JoinHandle<()>>,
}

impl Held {
    /// `None` where the claim ends with the session by itself.
    fn of(session: &Arc<Session>, claim: Claim) -> Option<Held> {
        Held::renewing(session, claim, RENEWAL)
    }

    fn renewing(session: &Arc<Session>, claim: Claim, pause: Duration) -> Option<Held> {
        if !session.claims_outlast() {
            return None;
        }
        let (claim, ended) = (Arc::new(claim), Arc::new((Mutex::new(false), Condvar::new())));
        let (renewed, until, by) = (claim.clone(), ended.clone(), session.clone());
        let renew = move || {
            let (ended, changed) = &*until;
            let mut guard = ended.lock().unwrap_or_else(PoisonError::into_inner);
            while !*guard {
                let (next, timeout) = changed.wait_timeout(guard, pause).unwrap_or_else(PoisonError::into_inner);
                guard = next;
                if timeout.timed_out() && !*guard {
                    by.renew_claim(&renewed);
                }
            }
        };
        let renewal = std::thread::Builder::new().name("claim".to_owned()).spawn(renew).ok();
        Some(Held { session: session.clone(), claim, ended, renewal })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (ended, changed) = &*self.ended;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
        if let Some(renewal) = self.renewal.take() {
            // A renewal that panicked has nothing to say about the run.
            let _ = renewal.join();
        }
        self.session.release_claim(&self.claim);
    }
}

/// Claims what the nodes are built into, for as long as what it gives is kept and `worker`'s session lasts.
///
/// # Errors
/// If another run still builds some of it when the time to wait is over.
pub fn hold(runtime: &Arc<Runtime>, worker: &Worker, ids: &[UniqueId]) -> Result<Option<Held>, Diagnostic> {
    let rules = runtime.flags.lock;
    if rules.enabled == Some(false) {
        return Ok(None);
    }
    let adapter = runtime.warehouse.adapter();
    let default = adapter.default_database();
    let nodes = ids.iter().filter_map(|id| runtime.manifest().node(id));
    let built: Vec<_> = nodes.filter(|node| schemas::leaves_relation(runtime, node)).collect();
    let relations = built
        .iter()
        .map(|node| (node.database.as_deref().unwrap_or(default), node.schema.as_str(), node.alias.as_str()));
    let claim = Claim::new(&runtime.globals.project_name, relations);
    if claim.parts.is_empty() {
        return Ok(None);
    }
    let in_own_schema = built.iter().any(|node| node.schema == adapter.default_schema());
    let owner = uuid::Uuid::new_v4().to_string();
    let claim = Claim { wait: rules.wait, owner, in_own_schema, ..claim };
    let holders = match worker.session.claim(&claim)? {
        Claimed::Ours => return Ok(Held::of(&worker.session, claim)),
        Claimed::Impossible(reason) => {
            let level = if rules.enabled == Some(true) { Level::Warn } else { Level::Debug };
            let name = if level == Level::Warn { "AdapterEventWarning" } else { "AdapterEventDebug" };
            let message = format!("nothing keeps other runs from building the same relations: {reason}");
            runtime.emit(Event::notice(name, level, message));
            return Ok(None);
        }
        Claimed::Theirs(holders) => holders,
    };
    let seconds = claim.wait.as_secs();
    if seconds > 0 {
        let message = format!("waiting up to {seconds} seconds: {}", said(&holders));
        runtime.emit(Event::notice("AdapterEventInfo", Level::Info, message));
    }
    wait(worker, claim, holders)
}

/// Waits until the claim is ours, or time is up.
///
/// # Errors
/// As [`hold`], and if the run is interrupted.
fn wait(worker: &Worker, claim: Claim, mut holders: Vec<Holder>) -> Result<Option<Held>, Diagnostic> {
    let until = Instant::now() + claim.wait;
    while Instant::now() < until {
        match worker.session.wait_for_claim(&claim)? {
            Claimed::Theirs(others) => holders = others,
            Claimed::Ours => return Ok(Held::of(&worker.session, claim)),
            Claimed::Impossible(_) => return Ok(None),
        }
        std::thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
    }
    Err(Diagnostic::error(said(&holders))
        .note(format!("waited {} seconds (`lock:` in `tform.yml`)", claim.wait.as_secs()))
        .hint("wait until it has ended, or go ahead all the same with `--no-lock`"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::recorder::Recorder;
    use crate::adapter::{Warehouse, redshift};

    #[test]
    fn a_claim_that_outlasts_its_session_is_renewed_and_given_up() {
        let recorder = Arc::new(Recorder::new(&redshift::CAPABILITIES));
        let session = Warehouse::new(recorder.clone(), drop).session("master");
        let claim = Claim::new("shop", [("db", "main", "a")].into_iter());
        assert_eq!(session.claim(&claim), Ok(Claimed::Ours));
        let held = Held::renewing(&session, claim, Duration::from_millis(2)).unwrap();
        let renewals = || recorder.statements().iter().filter(|statement| *statement == "renew the claim").count();
        let began = Instant::now();
        while renewals() < 3 {
            assert!(began.elapsed() < Duration::from_secs(60), "the claim is not renewed");
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(held);
        let (count, statements) = (renewals(), recorder.statements());
        assert_eq!(statements.last().map(String::as_str), Some("release the claim"));
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(renewals(), count);
    }

    #[test]
    fn a_claim_is_renewed_beside_an_open_transaction() {
        let recorder = Arc::new(Recorder::new(&redshift::CAPABILITIES));
        let session = Warehouse::new(recorder.clone(), drop).session("master");
        let claim = Claim::new("shop", [("db", "main", "a")].into_iter());
        session.claim(&claim).unwrap();
        session.begin().unwrap();
        session.renew_claim(&claim);
        // By another connection: what the transaction did would be committed late, or undone.
        assert_eq!(recorder.statements(), ["claim", "BEGIN", "renew the claim"]);
        session.commit().unwrap();
        session.renew_claim(&claim);
        assert_eq!(recorder.statements(), ["claim", "BEGIN", "renew the claim", "COMMIT", "renew the claim"]);
    }
}
