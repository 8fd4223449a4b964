//! Work with a warehouse within one invocation: sessions with their transactions, the
//! query comment, the events about each statement, and cancelling all of them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::{
    Adapter, AdapterError, Cancel, Capabilities, CatalogTable, Cell, Claim, Claimed, Column, Connection, ErrorKind,
    Fetch, QueryResult, Relation, RelationCache, ResultColumn, Schemas, SeedLoad,
};
use crate::event::{Event, Level, NodeInfo};

/// Longer statements are cut in the log where the caller asks for it.
const ABRIDGED_LENGTH: usize = 512;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The comment that goes with each statement, so that a warehouse's administrators see who sent it
/// (docs.getdbt.com/reference/project-configs/query-comment).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryComment {
    text: String,
    append: bool,
}

impl QueryComment {
    /// `None` for an empty text.
    ///
    /// # Errors
    /// If the text would end the comment.
    pub fn new(text: &str, append: bool) -> Result<Option<QueryComment>, AdapterError> {
        let text = text.trim();
        match text.contains("*/") {
            true => Err(AdapterError::other(format!("query comment contains illegal value \"*/\": {text}"))),
            false => Ok((!text.is_empty()).then(|| QueryComment { text: text.to_owned(), append })),
        }
    }

    /// `sql` with the comment before or after it.
    pub fn add(&self, sql: &str) -> String {
        let text = &self.text;
        if !self.append {
            return format!("/* {text} */\n{sql}");
        }
        match sql.trim_end().strip_suffix(';') {
            Some(sql) => format!("{sql}\n/* {text} */;"),
            None => format!("{}\n/* {text} */", sql.trim_end()),
        }
    }

    /// How many lines stand before the statement's first.
    fn lines_before(&self) -> usize {
        if self.append { 0 } else { self.text.lines().count() }
    }
}

type Emit = Box<dyn Fn(Event) + Send + Sync>;

/// The warehouse of one invocation: what all its sessions share.
pub struct Warehouse {
    adapter: Arc<dyn Adapter>,
    cache: RelationCache,
    emit: Emit,
    warned: Mutex<HashSet<String>>,
    /// Answers to questions that are asked once in an invocation.
    answers: Mutex<HashMap<String, Answer>>,
    statements: AtomicUsize,
    cancelled: AtomicBool,
    sessions: Mutex<Vec<Weak<Session>>>,
    /// Drops that may take what reads a relation along, one at a time for each part of the graph.
    drops: Mutex<HashMap<usize, Arc<Mutex<()>>>>,
}

impl std::fmt::Debug for Warehouse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<warehouse {}>", self.capabilities().adapter)
    }
}

impl Warehouse {
    pub fn new(adapter: Arc<dyn Adapter>, emit: impl Fn(Event) + Send + Sync + 'static) -> Arc<Warehouse> {
        Arc::new(Warehouse {
            adapter,
            cache: RelationCache::new(),
            emit: Box::new(emit),
            warned: Mutex::default(),
            answers: Mutex::default(),
            statements: AtomicUsize::new(0),
            cancelled: AtomicBool::new(false),
            sessions: Mutex::default(),
            drops: Mutex::default(),
        })
    }

    /// Closes every session and what they share: the invocation ends.
    pub fn close(&self) {
        let sessions: Vec<Arc<Session>> = lock(&self.sessions).iter().filter_map(Weak::upgrade).collect();
        sessions.iter().for_each(|session| session.close());
        self.adapter.close();
    }

    pub fn adapter(&self) -> &dyn Adapter {
        self.adapter.as_ref()
    }

    pub fn capabilities(&self) -> &'static Capabilities {
        self.adapter.capabilities()
    }

    pub fn cache(&self) -> &RelationCache {
        &self.cache
    }

    pub fn emit(&self, event: Event) {
        (self.emit)(event);
    }

    /// How many statements were sent so far, `begin` and `commit` included.
    pub fn statements(&self) -> usize {
        self.statements.load(Ordering::Relaxed)
    }

    /// Says `message` as a warning, the first time only.
    pub fn warn_once(&self, message: &str) {
        if lock(&self.warned).insert(message.to_owned()) {
            self.emit(Event::notice("AdapterEventWarning", Level::Warn, message));
        }
    }

    /// A session for one thread; it connects when its first statement comes.
    pub fn session(self: &Arc<Self>, name: &str) -> Arc<Session> {
        let state = State {
            connection: None,
            in_transaction: false,
            last_error: None,
            refused: None,
            has_committed: false,
            was_lost: false,
            replacing: Replacing::No,
            holds: false,
            held: None,
            changed: HashSet::new(),
            work: Work { name: name.to_owned(), ..Work::default() },
        };
        let session = Arc::new(Session { warehouse: self.clone(), state: Mutex::new(state), cancel: Mutex::default() });
        let mut sessions = lock(&self.sessions);
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(&session));
        session
    }

    /// Stops what runs in every session, and refuses what comes after.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        let sessions: Vec<Arc<Session>> = lock(&self.sessions).iter().filter_map(Weak::upgrade).collect();
        for session in sessions {
            if let Some(cancel) = lock(&session.cancel).as_ref() {
                cancel.cancel();
            }
        }
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Fills the cache with all relations of these schemas, by one query per database; gives those of the
    /// schemas that exist, each with its database.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    pub fn load_relations(
        &self,
        session: &Session,
        schemas: &[Schemas],
    ) -> Result<Vec<(String, String)>, AdapterError> {
        if schemas.is_empty() {
            return Ok(Vec::new());
        }
        let found = session.with_connection("list relations", |connection| connection.list_relations(schemas))?;
        self.cache.fill(schemas, found.relations);
        self.cache.link(found.bound);
        self.cache.keep(found.kept);
        Ok(found.schemas)
    }

    /// [`Warehouse::load_relations`] for one schema, unless it is known already.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    pub fn ensure_loaded(
        &self,
        session: &Session,
        database: Option<&str>,
        schema: Option<&str>,
    ) -> Result<(), AdapterError> {
        if self.cache.is_loaded(database, schema) {
            return Ok(());
        }
        let database = database.unwrap_or_else(|| self.adapter.default_database()).to_owned();
        let wanted = Schemas { database, schemas: schema.into_iter().map(str::to_owned).collect() };
        self.load_relations(session, &[wanted]).map(drop)
    }
}

/// What the warehouse said to a question that is asked once.
struct Answer {
    result: Arc<QueryResult>,
    /// For columns by which rows were wanted: which rows have a text there, by the text in lower case.
    rows: HashMap<String, HashMap<String, Vec<usize>>>,
}

impl Answer {
    fn rows_where(&mut self, column: &str, text: &str) -> QueryResult {
        let result = &self.result;
        let by_text = self.rows.entry(column.to_owned()).or_insert_with(|| {
            let index = result.columns.iter().position(|known| known.name.eq_ignore_ascii_case(column));
            let mut by_text: HashMap<String, Vec<usize>> = HashMap::new();
            for (number, row) in result.rows.iter().enumerate() {
                if let Some(text) = index.and_then(|index| row.get(index)).and_then(Cell::as_str) {
                    by_text.entry(text.to_lowercase()).or_default().push(number);
                }
            }
            by_text
        });
        let numbers = by_text.get(&text.to_lowercase()).into_iter().flatten();
        let rows = numbers.filter_map(|number| result.rows.get(*number)).cloned().collect();
        QueryResult { columns: result.columns.clone(), rows, response: result.response.clone() }
    }
}

/// What a session works on.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// The connection's name in the log: a node's id, or what the work is.
    pub name: String,
    pub node: Option<NodeInfo>,
    pub comment: Option<QueryComment>,
    /// The part of the graph that the node belongs to; nothing outside of it reads what it builds.
    pub component: Option<usize>,
}

struct State {
    connection: Option<Box<dyn Connection>>,
    in_transaction: bool,
    last_error: Option<AdapterError>,
    /// The statement that `last_error` is about, without the query comment.
    refused: Option<String>,
    /// A commit was tried within the present work: what came before it may stand.
    has_committed: bool,
    /// The last error was the end of its connection.
    was_lost: bool,
    replacing: Replacing,
    /// The next statement without rows may wait for the end of the transaction.
    holds: bool,
    /// A statement that goes along with the commit, or before whatever comes sooner.
    held: Option<String>,
    /// Schemas in which the open transaction changed what the cache knows.
    changed: HashSet<(Option<String>, Option<String>)>,
    work: Work,
}

/// How far the present work came with replacing a relation where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replacing {
    No,
    /// It is being tried.
    Tried,
    /// It was refused: the relation has to be swapped for one that is built beside it.
    Refused,
}

/// A statement to be run.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    pub sql: &'a str,
    /// Values for place holders.
    pub bindings: &'a [Cell],
    /// Begin a transaction first, if none is open.
    pub auto_begin: bool,
    pub fetch: Fetch,
    pub with_comment: bool,
    /// Cut the statement in the log.
    pub abridged: bool,
}

impl<'a> Statement<'a> {
    /// A statement with the query comment, outside any transaction, whose rows are wanted.
    pub fn query(sql: &'a str) -> Statement<'a> {
        Statement { sql, bindings: &[], auto_begin: false, fetch: Fetch::All, with_comment: true, abridged: false }
    }
}

/// One thread's session with the warehouse.
pub struct Session {
    warehouse: Arc<Warehouse>,
    state: Mutex<State>,
    cancel: Mutex<Option<Arc<dyn Cancel>>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<session {}>", self.name())
    }
}

impl Session {
    pub fn warehouse(&self) -> &Arc<Warehouse> {
        &self.warehouse
    }

    /// The connection's name in the log.
    pub fn name(&self) -> String {
        lock(&self.state).work.name.clone()
    }

    /// From now on the session's statements are said to belong to `work`.
    pub fn set_work(&self, work: Work) {
        let mut state = lock(&self.state);
        if state.connection.is_some() && state.work.name != work.name {
            let (old, new) = (&state.work.name, &work.name);
            let text = format!("Re-using an available connection from the pool (formerly {old}, now {new})");
            let names = serde_json::json!({"conn_name": new, "orig_conn_name": old});
            self.warehouse.emit(Event::notice_with("ConnectionReused", Level::Debug, text, names));
        }
        state.work = work;
        state.last_error = None;
        state.refused = None;
        state.has_committed = false;
        state.replacing = Replacing::No;
    }

    /// Says that the next statement replaces a relation where it stands; false if that was refused
    /// within the present work.
    pub fn replace(&self) -> bool {
        let mut state = lock(&self.state);
        let may = state.replacing != Replacing::Refused;
        if may {
            state.replacing = Replacing::Tried;
        }
        may
    }

    /// The relation was replaced.
    pub fn replaced(&self) {
        lock(&self.state).replacing = Replacing::No;
    }

    /// Does `work`, whose statement goes along with the commit of the open transaction if nothing else
    /// is sent before: nobody waits for its answer.
    pub fn hold<T>(&self, work: impl FnOnce() -> T) -> T {
        lock(&self.state).holds = true;
        let done = work();
        lock(&self.state).holds = false;
        done
    }

    /// Whether the last error was that a relation cannot be replaced where it stands (or what looks
    /// like that): then the present work is to be done again, and [`Session::replace`] will say no.
    pub fn gives_up_replacing(&self) -> bool {
        let mut state = lock(&self.state);
        let kind = state.last_error.as_ref().map(|error| error.kind);
        let refused = state.replacing == Replacing::Tried
            && matches!(kind, Some(ErrorKind::Syntax | ErrorKind::Other | ErrorKind::Unsupported));
        state.replacing = if refused { Replacing::Refused } else { state.replacing };
        refused
    }

    /// Whether the present work may be done again from its start: the warehouse refused it for a
    /// reason that may pass, or the connection broke, and nothing of it was committed.
    pub fn may_repeat(&self) -> bool {
        let state = lock(&self.state);
        let passes = state.last_error.as_ref().is_some_and(|error| match error.kind {
            ErrorKind::Retryable => true,
            // A connection that could not be opened was tried as often as the target says.
            ErrorKind::Connection => state.was_lost,
            ErrorKind::Other => self.warehouse.adapter.facts().retry_all,
            _ => false,
        });
        passes && !state.has_committed && !self.warehouse.is_cancelled()
    }

    /// What the warehouse refused last within the present work. Templates see only its text;
    /// who runs a node decides by its kind whether to run the node again.
    pub fn last_error(&self) -> Option<AdapterError> {
        lock(&self.state).last_error.clone()
    }

    /// The statement that [`Session::last_error`] is about; its line counts in this text.
    pub fn refused_statement(&self) -> Option<String> {
        lock(&self.state).refused.clone()
    }

    /// The last error was expected, and nothing failed by it.
    pub fn forget_error(&self) {
        lock(&self.state).last_error = None;
    }

    /// Does `drop`, which runs outside a transaction, alone among those of the same part of the graph.
    pub fn drop_alone<T>(&self, drop: impl FnOnce() -> T) -> T {
        let component = lock(&self.state).work.component;
        let turn = component.map(|component| lock(&self.warehouse.drops).entry(component).or_default().clone());
        let _turn = turn.as_deref().map(lock);
        drop()
    }

    pub fn in_transaction(&self) -> bool {
        lock(&self.state).in_transaction
    }

    /// Takes note that the cache was changed along with the open transaction: if that is rolled
    /// back, the relation's schema is asked for again.
    pub fn note_change(&self, relation: &Relation) {
        let mut state = lock(&self.state);
        if state.in_transaction {
            let place = (relation.database().map(str::to_owned), relation.schema().map(str::to_owned));
            state.changed.insert(place);
        }
    }

    /// Runs a query outside any transaction and gives its rows.
    ///
    /// # Errors
    /// What the warehouse refuses.
    pub fn query(&self, sql: &str) -> Result<QueryResult, AdapterError> {
        self.run(Statement::query(sql))
    }

    /// [`Session::query`], once for all sessions of the invocation.
    ///
    /// # Errors
    /// What the warehouse refuses.
    pub fn query_once(&self, sql: &str) -> Result<Arc<QueryResult>, AdapterError> {
        let mut answers = lock(&self.warehouse.answers);
        Ok(self.answer(&mut answers, sql)?.result.clone())
    }

    /// Of [`Session::query_once`] the rows in which `column` is `text`, in any case.
    ///
    /// # Errors
    /// What the warehouse refuses.
    pub fn rows_once(&self, sql: &str, column: &str, text: &str) -> Result<QueryResult, AdapterError> {
        let mut answers = lock(&self.warehouse.answers);
        Ok(self.answer(&mut answers, sql)?.rows_where(column, text))
    }

    /// The others wait for the answer instead of asking too.
    fn answer<'a>(&self, answers: &'a mut HashMap<String, Answer>, sql: &str) -> Result<&'a mut Answer, AdapterError> {
        match answers.entry(sql.to_owned()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => {
                let result = Arc::new(self.query(sql)?);
                Ok(unknown.insert(Answer { result, rows: HashMap::new() }))
            }
        }
    }

    /// Runs a statement. If it fails, an open transaction is rolled back.
    ///
    /// # Errors
    /// What the warehouse refuses; lines are counted in `statement.sql`.
    pub fn run(&self, statement: Statement<'_>) -> Result<QueryResult, AdapterError> {
        let mut state = self.connected()?;
        if statement.auto_begin {
            self.begin_in(&mut state)?;
        }
        let comment = state.work.comment.clone().filter(|_| statement.with_comment);
        let sql = comment.as_ref().map(|comment| comment.add(statement.sql));
        let sent = sql.as_deref().unwrap_or(statement.sql);
        if state.holds && state.in_transaction && statement.fetch == Fetch::None && statement.bindings.is_empty() {
            state.held = Some(sent.trim_end().trim_end_matches(';').to_owned());
            return Ok(QueryResult::default());
        }
        let logged = match statement.abridged && sent.len() > ABRIDGED_LENGTH {
            true => format!("{}...", sent.chars().take(ABRIDGED_LENGTH).collect::<String>()),
            false => sent.to_owned(),
        };
        let work = |connection: &mut dyn Connection| match statement.bindings {
            [] => connection.execute(sent, statement.fetch),
            bindings => connection.execute_bound(sent, bindings, statement.fetch),
        };
        let result = self.send_told(&mut state, &logged, work, |result| result.response.message.clone());
        result.map_err(|mut error| {
            let before = comment.map_or(0, |comment| comment.lines_before());
            error.line = error.line.map(|line| line.saturating_sub(before).max(1));
            state.last_error = Some(error.clone());
            state.refused = Some(statement.sql.to_owned());
            error
        })
    }

    /// The columns of a query, without running it.
    ///
    /// # Errors
    /// If the warehouse does not understand the query.
    pub fn describe(&self, sql: &str) -> Result<Vec<ResultColumn>, AdapterError> {
        self.with_connection(sql, |connection| connection.describe(sql))
    }

    /// The columns of a relation, by its description.
    ///
    /// # Errors
    /// If there is no such relation; PostgreSQL then gives no columns, as its information schema would.
    pub fn columns(&self, relation: &Relation) -> Result<Vec<Column>, AdapterError> {
        let what = format!("describe {}", relation.render());
        self.with_connection(&what, |connection| connection.columns(relation))
    }

    /// Whether a relation is there, as [`Connection::is_there`] says.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    pub fn is_there(&self, relation: &Relation) -> Result<bool, AdapterError> {
        let what = format!("look for {}", relation.render());
        self.with_connection(&what, |connection| connection.is_there(relation))
    }

    /// Puts a seed's rows into its table, by the warehouse's fastest way.
    ///
    /// # Errors
    /// If a value does not fit its column.
    pub fn load_seed(&self, load: SeedLoad<'_>) -> Result<u64, AdapterError> {
        let what = format!("load rows into {}", load.relation.render());
        let mut state = self.connected()?;
        self.begin_in(&mut state)?;
        self.send(&mut state, &what, |connection| connection.load_seed(load))
    }

    /// The tables of some schemas with their columns.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    pub fn catalog(&self, schemas: &[Schemas]) -> Result<Vec<CatalogTable>, AdapterError> {
        self.with_connection("read the catalog", |connection| connection.catalog(schemas))
    }

    /// Claims what a run builds, for as long as the session lasts; waits for nobody.
    ///
    /// # Errors
    /// If the warehouse cannot be asked.
    pub fn claim(&self, claim: &Claim) -> Result<Claimed, AdapterError> {
        self.with_connection("claim what is to be built", |connection| connection.claim(claim))
    }

    /// [`Session::claim`], once others have let go, or time is up.
    ///
    /// # Errors
    /// If the warehouse cannot be asked, or the wait is cancelled.
    pub fn wait_for_claim(&self, claim: &Claim) -> Result<Claimed, AdapterError> {
        self.with_connection("wait for other runs", |connection| connection.wait_for_claim(claim))
    }

    /// Whether a claim stays when the session ends.
    pub fn claims_outlast(&self) -> bool {
        lock(&self.state).connection.as_ref().is_some_and(|connection| connection.claims_outlast())
    }

    /// Shows that the run that claimed is still at work; while the session is busy or in a transaction, by a
    /// connection that is opened for it.
    pub fn renew_claim(&self, claim: &Claim) {
        const WORDS: &str = "renew the claim";
        // Who cannot say so now says so next time.
        if let Ok(mut state) = self.state.try_lock()
            && !state.in_transaction
        {
            if state.connection.is_some() {
                let _ = self.send(&mut state, WORDS, |connection| connection.renew_claim(claim));
            }
            return;
        }
        let aside = self.warehouse.session("claim");
        let _ = aside.with_connection(WORDS, |connection| connection.renew_claim(claim));
    }

    /// Gives up a claim, also after a cancel.
    pub fn release_claim(&self, claim: &Claim) {
        let mut state = lock(&self.state);
        self.rollback_in(&mut state);
        if state.connection.is_some() {
            // One that stays is taken for a left-over, since its session ends.
            let _ = self.send(&mut state, "release the claim", |connection| connection.release_claim(claim));
        }
    }

    /// Begins a transaction, unless one is open or the target has none.
    ///
    /// # Errors
    /// If the warehouse refuses.
    pub fn begin(&self) -> Result<(), AdapterError> {
        let mut state = self.connected()?;
        self.begin_in(&mut state)
    }

    /// Commits the open transaction, if there is one.
    ///
    /// # Errors
    /// If the warehouse refuses; the transaction is then rolled back.
    pub fn commit(&self) -> Result<(), AdapterError> {
        self.commit_what(true)
    }

    /// Commits work that stands beside what others read: who does it again from the start throws
    /// it away first, so this is no reason not to.
    ///
    /// # Errors
    /// As [`Session::commit`].
    pub fn commit_beside(&self) -> Result<(), AdapterError> {
        self.commit_what(false)
    }

    fn commit_what(&self, counts: bool) -> Result<(), AdapterError> {
        let mut state = lock(&self.state);
        if !state.in_transaction {
            return Ok(());
        }
        let had_committed = state.has_committed;
        state.has_committed |= counts;
        let done = match state.held.take() {
            Some(sql) => {
                let logged = format!("{sql};\nCOMMIT");
                self.send(&mut state, &logged, |connection| connection.commit_after(&sql))
            }
            None => self.send(&mut state, "COMMIT", |connection| connection.commit()),
        };
        if done.is_err() && !state.was_lost {
            // The server said no: what it would have committed is not there.
            state.has_committed = had_committed;
        }
        done?;
        state.in_transaction = false;
        state.changed.clear();
        Ok(())
    }

    /// Rolls back the open transaction, if there is one.
    pub fn rollback(&self) {
        self.rollback_in(&mut lock(&self.state));
    }

    /// Closes the connection; the next statement opens another.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        self.rollback_in(&mut state);
        *lock(&self.cancel) = None;
        state.connection = None;
    }

    fn begin_in(&self, state: &mut State) -> Result<(), AdapterError> {
        let adapter = self.warehouse.adapter();
        let wanted = adapter.capabilities().transactions && !adapter.facts().disable_transactions;
        if state.in_transaction || !wanted {
            return Ok(());
        }
        self.send(state, "BEGIN", |connection| connection.begin())?;
        state.in_transaction = true;
        Ok(())
    }

    fn rollback_in(&self, state: &mut State) {
        state.held = None;
        if !std::mem::take(&mut state.in_transaction) {
            return;
        }
        for (database, schema) in state.changed.drain() {
            self.warehouse.cache.forget(database.as_deref(), schema.as_deref());
        }
        let Some(connection) = state.connection.as_mut() else { return };
        self.warehouse.statements.fetch_add(1, Ordering::Relaxed);
        let message = match connection.rollback() {
            Ok(()) => format!("On {}: ROLLBACK", state.work.name),
            Err(error) => format!("On {}: ROLLBACK failed: {error}", state.work.name),
        };
        self.warehouse.emit(Event::AdapterDebug { message, node: state.work.node.clone() });
    }

    fn connected(&self) -> Result<MutexGuard<'_, State>, AdapterError> {
        let mut state = lock(&self.state);
        if self.warehouse.is_cancelled() {
            self.rollback_in(&mut state);
            return Err(AdapterError::new(ErrorKind::Interrupted, "cancelled"));
        }
        if state.connection.is_none() {
            let connection = self.warehouse.adapter.open(&state.work.name)?;
            *lock(&self.cancel) = Some(connection.cancel_handle());
            state.connection = Some(connection);
        }
        if let Some(sql) = state.held.take() {
            self.send(&mut state, &sql, |connection| connection.execute(&sql, Fetch::None).map(drop))?;
        }
        Ok(state)
    }

    fn with_connection<T>(
        &self,
        what: &str,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        let mut state = self.connected()?;
        self.send(&mut state, what, work)
    }

    /// Sends one statement: counts it, says so before and after, and rolls back if it fails.
    fn send<T>(
        &self,
        state: &mut State,
        logged: &str,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        self.send_told(state, logged, work, |_| "OK".to_owned())
    }

    /// [`Session::send`], with the words for a result in the log.
    fn send_told<T>(
        &self,
        state: &mut State,
        logged: &str,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, AdapterError>,
        told: impl FnOnce(&T) -> String,
    ) -> Result<T, AdapterError> {
        let Some(connection) = state.connection.as_mut() else {
            return Err(AdapterError::connection("the connection is closed"));
        };
        self.warehouse.statements.fetch_add(1, Ordering::Relaxed);
        let (name, node) = (state.work.name.clone(), state.work.node.clone());
        self.warehouse.emit(Event::SQLQuery { connection: name, sql: logged.to_owned(), node: node.clone() });
        let started = Instant::now();
        let title = self.warehouse.capabilities().refusal;
        let result = work(connection.as_mut()).map_err(|error| AdapterError { title, ..error });
        let seconds = started.elapsed().as_secs_f64();
        for message in connection.take_notices() {
            self.warehouse.emit(Event::AdapterDebug { message, node: node.clone() });
        }
        let status = result.as_ref().map_or_else(|_| "ERROR".to_owned(), told);
        self.warehouse.emit(Event::SQLQueryStatus { status, seconds, query_id: String::new(), node: node.clone() });
        if let Err(error) = &result {
            let adapter = self.warehouse.capabilities().adapter;
            let message = format!("{adapter} error: {error}\nError running SQL: {logged}");
            self.warehouse.emit(Event::AdapterDebug { message, node });
            self.rollback_in(state);
            state.was_lost = state.connection.as_ref().is_some_and(|connection| connection.is_lost());
            if state.was_lost {
                *lock(&self.cancel) = None;
                state.connection = None;
            }
            state.last_error = Some(error.clone());
            state.refused = None;
        }
        result
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::duckdb::CAPABILITIES;
    use crate::adapter::recorder::Recorder;

    fn recorded(recorder: Recorder) -> (Arc<Recorder>, Arc<Session>) {
        let recorder = Arc::new(recorder);
        let session = Warehouse::new(recorder.clone(), drop).session("master");
        (recorder, session)
    }

    fn begun(sql: &str) -> Statement<'_> {
        Statement { auto_begin: true, ..Statement::query(sql) }
    }

    #[test]
    fn a_transaction_is_begun_once_and_rolled_back_after_an_error() {
        let recorder = Recorder::new(&CAPABILITIES)
            .refusing("broken", AdapterError { line: Some(4), ..AdapterError::other("no") });
        let (recorder, session) = recorded(recorder);
        session.set_work(Work {
            name: "model.a.b".into(),
            comment: QueryComment::new("one\ntwo", false).unwrap(),
            ..Work::default()
        });
        session.run(begun("create a")).unwrap();
        session.run(begun("create b")).unwrap();
        session.commit().unwrap();
        session.commit().unwrap();
        assert_eq!(session.run(begun("broken")).unwrap_err().line, Some(2));
        assert!(!session.in_transaction());
        let comment = "/* one\ntwo */\n";
        assert_eq!(
            recorder.statements(),
            [
                "BEGIN",
                &format!("{comment}create a"),
                &format!("{comment}create b"),
                "COMMIT",
                "BEGIN",
                &format!("{comment}broken"),
                "ROLLBACK",
            ]
        );
        assert_eq!(session.warehouse().statements(), 7);
    }

    #[test]
    fn the_comment_stands_before_or_after() {
        let cases = [
            (false, "select 1;", "/* c */\nselect 1;"),
            (true, "select 1", "select 1\n/* c */"),
            (true, "select 1; \n", "select 1\n/* c */;"),
        ];
        for (append, sql, expected) in cases {
            assert_eq!(QueryComment::new(" c ", append).unwrap().unwrap().add(sql), expected);
        }
        assert_eq!(QueryComment::new("  ", false), Ok(None));
        assert!(QueryComment::new("*/ drop table a", false).is_err());
    }

    #[test]
    fn after_cancelling_nothing_is_sent() {
        let (recorder, session) = recorded(Recorder::new(&CAPABILITIES));
        session.run(begun("a")).unwrap();
        session.warehouse().cancel();
        assert_eq!(session.query("b").unwrap_err().kind, ErrorKind::Interrupted);
        assert_eq!(recorder.statements(), ["BEGIN", "a", "cancel", "ROLLBACK"]);
    }

    #[test]
    fn a_claim_is_renewed_while_a_statement_runs() {
        let (recorder, session) = recorded(Recorder::new(&CAPABILITIES));
        session.query("a").unwrap();
        let running = lock(&session.state);
        session.renew_claim(&Claim::new("shop", [("db", "main", "a")].into_iter()));
        drop(running);
        assert_eq!(recorder.statements(), ["a", "renew the claim"]);
    }

    #[test]
    fn rows_of_an_answer_are_found_by_a_column() {
        let column = |name: &str| ResultColumn { name: name.into(), type_name: "text".into(), sql_name: None };
        let row = |name: &str, number: i128| vec![Cell::Text(name.into()), Cell::Int(number)];
        let columns = vec![column("name"), column("number")];
        let rows = vec![row("a", 1), row("b", 2), row("A", 3)];
        let result = Arc::new(QueryResult { columns, rows, ..QueryResult::default() });
        let mut answer = Answer { result, rows: HashMap::new() };
        let mut found = |column: &str, text: &str| -> Vec<i128> {
            answer.rows_where(column, text).rows.iter().filter_map(|row| row[1].as_i128()).collect()
        };
        assert_eq!(found("Name", "a"), [1, 3]);
        assert_eq!(found("Name", "B"), [2]);
        assert_eq!((found("Name", "c"), found("other", "a")), (vec![], vec![]));
    }

    #[test]
    fn a_schema_is_read_once() {
        let (recorder, session) = recorded(Recorder::new(&CAPABILITIES));
        let warehouse = session.warehouse().clone();
        for _ in 0..3 {
            warehouse.ensure_loaded(&session, Some("db"), Some("main")).unwrap();
        }
        assert_eq!(recorder.statements(), ["list relations of db: main"]);
    }
}
