//! A stand-in for Amazon Redshift: a proxy in front of PostgreSQL that refuses what Redshift
//! refuses, takes and remembers what only Redshift has, and lets things go wrong as they do there.
//!
//! What it knows comes from Redshift's documentation, not from a cluster; where that is silent,
//! the stand-in is PostgreSQL. `redshift/rewrite.rs` has the statements, `redshift/refusals.rs`
//! what is refused, `redshift/catalog.rs` the system views.

#[path = "redshift/catalog.rs"]
mod catalog;
#[path = "redshift/refusals.rs"]
mod refusals;
#[path = "redshift/rewrite.rs"]
mod rewrite;

use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;

use crate::postgres;
use crate::proxy::{Manner, Proxy, Script, Session, Turn};

/// The database that others are copied from.
const TEMPLATE: &str = "stand_in_template";

/// Makes the template on first use.
static TEMPLATE_MADE: LazyLock<Result<(), String>> = LazyLock::new(|| {
    let run = |database: &str, sql: &str| crate::psql::lines(database, sql).map(drop);
    run("postgres", &format!("create database {TEMPLATE}"))?;
    run(TEMPLATE, catalog::SQL)
});

/// What goes wrong, when, how often.
struct Planned {
    /// In the statement's text.
    part: String,
    kind: String,
    times: usize,
}

impl Planned {
    /// Not a fault: statements wait for others of their kind, `times` of them at once.
    fn is_meeting(&self) -> bool {
        matches!(self.kind.as_str(), "meet" | "linger")
    }
}

#[derive(Default)]
struct State {
    sent: Vec<String>,
    planned: Vec<Planned>,
    /// Statements that wait for others of their kind, and how many did at most.
    at_once: usize,
    most_at_once: usize,
}

/// The behaviour of one stand-in.
#[derive(Default)]
pub struct StandIn {
    state: Mutex<State>,
    arrived: Condvar,
}

/// A stand-in for one database.
#[derive(Clone)]
pub struct Cluster {
    pub port: u16,
    stand_in: Arc<StandIn>,
    proxy: Arc<Proxy>,
}

impl Cluster {
    /// A fresh database of this name, and the stand-in in front of it.
    pub fn start(database: &str) -> Result<Cluster, String> {
        let stand_in = Arc::new(StandIn::of_new(database)?);
        let proxy = Proxy::start(postgres::server()?.port, stand_in.clone())?;
        Ok(Cluster { port: proxy.port, stand_in, proxy: Arc::new(proxy) })
    }

    /// What was sent since the last time, one line each, without the questions to the catalog that
    /// carry no query comment.
    pub fn take_sent(&self) -> Vec<String> {
        // Temporary tables have the time in their names.
        static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("__dbt_tmp(_[0-9]{8})?[0-9]{12}").ok());
        let mut state = self.stand_in.lock();
        let mut sent = std::mem::take(&mut state.sent);
        if state.planned.iter().any(Planned::is_meeting) {
            sent.push(format!("[{} at once]", state.most_at_once));
            state.planned.retain(|planned| !planned.is_meeting());
            state.most_at_once = 0;
        }
        drop(state);
        let stable = |line: String| match TIME.as_ref() {
            Some(time) => time.replace_all(&line, "__dbt_tmp[time]").into_owned(),
            None => line,
        };
        sent.into_iter().map(stable).collect()
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.proxy.sessions()
    }

    /// From now on `times` statements that contain `part` go wrong.
    pub fn plan(&self, kind: &str, times: usize, part: &str) -> Result<(), String> {
        if !["1023", "oid", "conflict", "assert", "lost-before", "lost-after", "meet", "linger"].contains(&kind) {
            return Err(format!("`{kind}` is no fault"));
        }
        self.stand_in.lock().planned.push(Planned { part: part.to_owned(), kind: kind.to_owned(), times });
        Ok(())
    }
}

impl StandIn {
    /// For a fresh database of this name.
    pub fn of_new(database: &str) -> Result<StandIn, String> {
        TEMPLATE_MADE.clone()?;
        // A template cannot be copied twice at once.
        static COPYING: Mutex<()> = Mutex::new(());
        let _copying = COPYING.lock().unwrap_or_else(PoisonError::into_inner);
        crate::psql::lines("postgres", &format!("create database {database} template {TEMPLATE}"))?;
        Ok(StandIn::default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a statement wait until as many as planned are here at once: for long (`meet`), or for a moment,
    /// to see whether others come (`linger`).
    fn meet(&self, line: &str) {
        let mut state = self.lock();
        let meeting = state.planned.iter().find(|planned| planned.is_meeting() && line.contains(&planned.part));
        let Some((wanted, patience)) = meeting.map(|planned| (planned.times, planned.kind == "meet")) else { return };
        let longest = Duration::from_millis(if patience { 60_000 } else { 1_000 });
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
        self.arrived.notify_all();
        let waited = self.arrived.wait_timeout_while(state, longest, |state| state.most_at_once < wanted);
        waited.unwrap_or_else(PoisonError::into_inner).0.at_once -= 1;
    }

    /// The fault that is planned for a statement.
    fn fault(&self, script: &Script, line: &str) -> Option<Turn> {
        let mut state = self.lock();
        let applies =
            |planned: &&mut Planned| planned.times > 0 && line.contains(&planned.part) && !planned.is_meeting();
        let planned = state.planned.iter_mut().find(applies)?;
        planned.times -= 1;
        let refuse = |message: &str, detail: &str| Turn::Refuse {
            code: "XX000",
            message: message.to_owned(),
            detail: detail.to_owned(),
        };
        Some(match planned.kind.as_str() {
            "1023" => refuse(
                "1023",
                "Serializable isolation violation on table - 100234, transactions forming the cycle are: 1, 2 (pid:3)",
            ),
            "oid" => refuse("could not open relation with OID 100234", ""),
            "conflict" => refuse("conflict with concurrent transaction", ""),
            "assert" => refuse("Assert", "error: Assert code: 1000 context: status == 0 location: io.cpp:55"),
            "lost-before" => Turn::CloseBefore,
            _ => Turn::CloseAfter(script.clone()),
        })
    }
}

impl Manner for StandIn {
    fn parameters(&self) -> Vec<(&str, &str)> {
        vec![("search_path", "\"$user\", public, stand_in")]
    }

    fn turn(&self, session: Session, sql: &str) -> Turn {
        let (comment, text) = without_comment(sql);
        let shown = shown(text);
        let ends = ["BEGIN", "COMMIT", "ROLLBACK"].contains(&shown.as_str());
        let reads = ["select", "with", "show"].iter().any(|word| shown.starts_with(word));
        // How runs claim what they build is no part of what they build.
        let claims = text.contains("tform_claims");
        if session.describes {
            self.lock().sent.push(format!("[describe] {shown}"));
        } else if !claims && (comment || ends || !reads) {
            self.lock().sent.push(shown.clone());
        }
        self.meet(&shown);
        let script = match ends {
            true => Ok(Script::plain(sql)),
            false => rewrite::script(text, session.in_transaction),
        };
        match script {
            Ok(script) => self.fault(&script, &shown).unwrap_or(Turn::Send(script)),
            Err(refusal) => Turn::Refuse { code: refusal.code, message: refusal.message, detail: String::new() },
        }
    }
}

/// The text behind the query comment, and whether there is one.
fn without_comment(sql: &str) -> (bool, &str) {
    let end = sql.strip_prefix("/* {\"app\"").and_then(|_| sql.find(" */"));
    end.map_or((false, sql), |end| (true, sql[end + 3..].trim_start()))
}

/// A statement in one line; what stands in quotes stays as it is.
fn shown(sql: &str) -> String {
    let (mut line, mut quote) = (String::new(), None);
    for character in sql.trim().chars() {
        match quote {
            Some(open) if character == open => quote = None,
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if character.is_whitespace() => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
                continue;
            }
            _ => {}
        }
        line.push(character);
    }
    line
}
