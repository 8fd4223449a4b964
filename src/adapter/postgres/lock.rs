//! Claims of a run as advisory locks of its session, which end with it, however it ends.
//!
//! postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS. Behind a pooler that lends
//! out sessions a lock would stay with the pooler's session: there the process id that the
//! server told us at the beginning is not that of the session that we ask.

use super::{Claims, WireConnection};
use crate::adapter::{AdapterError, Cell, Claim, Claimed, ErrorKind, Fetch, Holder};

pub const CLAIMS: Claims = Claims {
    outlast: false,
    take: WireConnection::try_claim,
    wait: WireConnection::wait_for_locks,
    renew: |_, _| Ok(()),
    release: |_, _| Ok(()),
};

/// The rows (key, shared) of a claim, in the order of their keys.
fn rows(claim: &Claim) -> String {
    let row = |part: &crate::adapter::ClaimPart| format!("({}::bigint, {})", part.key, part.shared);
    claim.parts.iter().map(row).collect::<Vec<_>>().join(", ")
}

fn take(function: &str, claim: &Claim) -> String {
    format!(
        "case when shared then {function}_shared(key) else {function}(key) end as taken\n\
         from (select key, shared from (values {}) as wanted(key, shared) order by key) as claim",
        rows(claim)
    )
}

impl WireConnection {
    /// Takes all locks of a claim, or none.
    pub(super) fn try_claim(&mut self, claim: &Claim) -> Result<Claimed, AdapterError> {
        let Some(process) = self.process_id() else {
            return Ok(Claimed::Impossible("the server does not name its sessions".to_owned()));
        };
        let sql = format!(
            "select count(*), bool_and(taken) from (select {}\nwhere pg_backend_pid() = {process}) as locks",
            take("pg_try_advisory_lock", claim)
        );
        let answer = self.run(&sql, Fetch::All)?;
        let row = answer.rows.first().map(Vec::as_slice).unwrap_or_default();
        match row {
            [count, _] if count.as_i128() == Some(0) => {
                Ok(Claimed::Impossible("a pooler stands between us and the server's sessions".to_owned()))
            }
            [_, Cell::Bool(true)] => Ok(Claimed::Ours),
            _ => {
                self.run("select pg_advisory_unlock_all()", Fetch::None)?;
                Ok(Claimed::Theirs(self.holders(claim)?))
            }
        }
    }

    /// Waits for the locks of a claim.
    pub(super) fn wait_for_locks(&mut self, claim: &Claim) -> Result<Claimed, AdapterError> {
        let sql = format!(
            "set lock_timeout = {}; set statement_timeout = 0; select {}; reset statement_timeout; reset lock_timeout",
            claim.wait.as_millis().max(1),
            take("pg_advisory_lock", claim).replace(" as taken", "::text")
        );
        match self.run(&sql, Fetch::None) {
            Ok(_) => Ok(Claimed::Ours),
            // lock_not_available
            Err(error) if error.kind == ErrorKind::Retryable => {
                self.run("select pg_advisory_unlock_all()", Fetch::None)?;
                Ok(Claimed::Theirs(self.holders(claim)?))
            }
            Err(error) => Err(error),
        }
    }

    fn holders(&mut self, claim: &Claim) -> Result<Vec<Holder>, AdapterError> {
        // Who claims the project as we do is in nobody's way.
        let keys = |shared: bool| {
            let parts = claim.parts.iter().filter(|part| part.shared == shared);
            let keys: Vec<String> = parts.map(|part| part.key.to_string()).collect();
            if keys.is_empty() { "null".to_owned() } else { keys.join(", ") }
        };
        let sql = format!(
            "select key, pg_locks.pid::text, usename::text, coalesce(host(client_addr), 'this machine'),\n\
             to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS TZ')\n\
             from pg_locks left join pg_stat_activity on pg_stat_activity.pid = pg_locks.pid,\n\
             lateral (select (classid::bigint << 32) | objid::bigint as key) as number\n\
             where locktype = 'advisory' and granted and objsubid = 1 and pg_locks.pid <> pg_backend_pid()\n\
             and database = (select oid from pg_database where datname = current_database())\n\
             and (key in ({}) or (key in ({}) and mode = 'ExclusiveLock'))\n\
             order by backend_start, pg_locks.pid, key",
            keys(false),
            keys(true)
        );
        let holder = |row: Vec<Cell>| {
            let text = |index: usize| row.get(index).and_then(Cell::as_str).unwrap_or("?").to_owned();
            let key = row.first().and_then(Cell::as_i128).and_then(|key| i64::try_from(key).ok()).unwrap_or(0);
            let who = format!("session {} of `{}` from {} since {}", text(1), text(2), text(3), text(4));
            Holder { name: claim.name_of(key).to_owned(), who }
        };
        Ok(self.run(&sql, Fetch::All)?.rows.into_iter().map(holder).collect())
    }
}
