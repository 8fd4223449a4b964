//! Whatever happens in the middle of a run: the old data is readable or the new is complete, a
//! second run succeeds, and nothing of ours is left over.
//!
//! A run goes through a proxy that counts its statements. For each statement of a run, and each
//! thing that may happen there, one run suffers it and a second one does not. So each phase of
//! each materialization is met, without any timing.
//!
//!     cargo test --test faults              # all
//!     cargo test --test faults -- snapshot  # one materialization

#[path = "tools/postgres.rs"]
mod postgres;
#[path = "tools/proxy.rs"]
mod proxy;
#[path = "tools/psql.rs"]
mod psql;
#[path = "tools/redshift.rs"]
#[expect(dead_code, reason = "cases use the rest")]
mod redshift;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use postgres::Server;
use proxy::{Manner, Proxy, Script, Session, Turn};
use redshift::StandIn;
use tform::adapter::postgres::Settings;
use tform::adapter::{Adapter, AdapterError, Cell, Connection, ErrorKind, Fetch};

/// Whoever waits longer for something waits in vain.
const LONGEST: Duration = Duration::from_secs(120);
const ROWS: usize = 20;

/// What happens at a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The connection breaks before the server has heard it.
    LostBefore,
    /// The connection breaks before the client hears that it was done.
    LostAfter,
    /// The client is killed; the server does not hear the statement.
    KilledBefore,
    /// The client is killed; the server does what it heard.
    KilledAfter,
    /// The client gets SIGINT.
    Interrupted,
    /// The server refuses it as a serialization failure, at every attempt.
    Refused,
    /// The server's process dies.
    Crashed,
}

#[derive(Debug, Default)]
struct State {
    /// Statements of this run so far.
    count: usize,
    /// What happens, at which statement.
    plan: Option<(Fault, usize)>,
    /// The statement that was met.
    met: Option<String>,
    /// Where it was met.
    place: &'static str,
    cancels: usize,
    released: bool,
}

/// Counts statements, and lets happen what is planned.
#[derive(Default)]
struct Counter {
    state: Mutex<State>,
    changed: Condvar,
    /// What becomes of statements to which nothing happens, where that is not PostgreSQL itself.
    stand_in: Option<StandIn>,
}

impl Counter {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits until it is so; false if it never was.
    fn wait(&self, is_so: impl Fn(&State) -> bool) -> bool {
        let state = self.state.lock().unwrap();
        let (state, _) = self.changed.wait_timeout_while(state, LONGEST, |state| !is_so(state)).unwrap();
        is_so(&state)
    }

    fn usual(&self, session: Session, sql: &str) -> Turn {
        self.stand_in.as_ref().map_or_else(|| Turn::Send(Script::plain(sql)), |stand_in| stand_in.turn(session, sql))
    }
}

impl Manner for Counter {
    fn parameters(&self) -> Vec<(&str, &str)> {
        self.stand_in.as_ref().map(Manner::parameters).unwrap_or_default()
    }

    fn cancelled(&self) {
        self.change(|state| state.cancels += 1);
    }

    fn turn(&self, session: Session, sql: &str) -> Turn {
        let mut state = self.state.lock().unwrap();
        state.count += 1;
        let Some((fault, at)) = state.plan else { return self.usual(session, sql) };
        if fault == Fault::Refused && state.count >= at && state.met.as_deref().is_none_or(|met| met == sql) {
            state.met = Some(sql.to_owned());
            let message = "could not serialize access due to concurrent update".to_owned();
            return Turn::Refuse { code: "40001", message, detail: String::new() };
        }
        if state.count != at || fault == Fault::Refused {
            return self.usual(session, sql);
        }
        state.met = Some(sql.to_owned());
        state.place = match (session.describes, session.in_transaction) {
            (true, _) => "described: ",
            (_, true) => "in a transaction: ",
            _ => "",
        };
        drop(state);
        self.changed.notify_all();
        match fault {
            Fault::LostBefore => Turn::CloseBefore,
            Fault::LostAfter => match self.usual(session, sql) {
                Turn::Send(script) => Turn::CloseAfter(script),
                refusal => refusal,
            },
            _ => {
                self.wait(|state| state.released);
                if fault == Fault::KilledBefore { Turn::CloseBefore } else { self.usual(session, sql) }
            }
        }
    }
}

/// What the project builds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Warehouse {
    Postgres,
    /// The stand-in for it.
    Redshift,
}

/// A project, a database for it, and the proxy between them.
struct World {
    folder: tempfile::TempDir,
    server: &'static Server,
    warehouse: Warehouse,
    database: String,
    proxy: Proxy,
    counter: Arc<Counter>,
    arguments: &'static [&'static str],
    /// Ours, past the proxy.
    connection: Mutex<Option<Box<dyn Connection>>>,
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A connection by the adapter's own client.
fn connect(server: &Server, database: &str) -> Result<Box<dyn Connection>, AdapterError> {
    let profile = serde_json::json!({
        "host": "127.0.0.1", "port": server.port, "user": postgres::USER, "password": postgres::PASSWORD,
        "database": database, "sslmode": "disable", "application_name": "tests",
    });
    let settings = Settings::from_profile(profile.as_object().unwrap()).unwrap();
    tform::adapter::postgres::Server::new(settings).open("tests")
}

impl World {
    fn new(server: &'static Server, files: &[(&str, &str)], arguments: &'static [&'static str]) -> World {
        World::on(Warehouse::Postgres, server, files, arguments)
    }

    fn on(
        warehouse: Warehouse,
        server: &'static Server,
        files: &[(&str, &str)],
        arguments: &'static [&'static str],
    ) -> World {
        static NUMBER: AtomicUsize = AtomicUsize::new(1);
        let database = format!("faults_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let tell = |database: &str, sql: &str| connect(server, database).unwrap().execute(sql, Fetch::None).unwrap();
        let stand_in = match warehouse {
            Warehouse::Postgres => {
                tell("postgres", &format!("create database {database}"));
                None
            }
            Warehouse::Redshift => Some(StandIn::of_new(&database).unwrap()),
        };
        tell(&database, "create table public.raw as select 0 as version");
        tell(&database, &format!("create table public.numbers as select n from generate_series(1, {ROWS}) as n"));
        let counter = Arc::new(Counter { stand_in, ..Counter::default() });
        let proxy = Proxy::start(server.port, counter.clone()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let profile = format!(
            "p:\n  target: t\n  outputs:\n    t: {{type: {}, host: 127.0.0.1, port: {}, user: {}, password: {}, \
             dbname: {database}, schema: main, threads: 1, sslmode: disable, retries: 3}}\n",
            if warehouse == Warehouse::Redshift { "redshift" } else { "postgres" },
            proxy.port,
            postgres::USER,
            postgres::PASSWORD
        );
        write(folder.path(), "profiles.yml", &profile);
        write(
            folder.path(),
            "dbt_project.yml",
            "name: faults\nprofile: p\nseeds: {faults: {+column_types: {n: bigint}}}\n",
        );
        for (path, text) in files {
            write(folder.path(), path, text);
        }
        World { folder, server, warehouse, database, proxy, counter, arguments, connection: Mutex::default() }
    }

    /// What the next run is to bring.
    fn set_version(&self, version: usize) {
        self.query(&format!("update public.raw set version = {version}"));
        if self.folder.path().join("seeds").is_dir() {
            let rows: String = (1..=ROWS).map(|n| format!("{n},{version}\n")).collect();
            write(self.folder.path(), "seeds/subject.csv", &format!("n,version\n{rows}"));
        }
    }

    /// The rows of a query, values separated by ` | `.
    fn query(&self, sql: &str) -> Vec<String> {
        let began = Instant::now();
        let mut connection = self.connection.lock().unwrap();
        loop {
            let opened = match connection.take() {
                Some(open) => Ok(open),
                None => connect(self.server, &self.database),
            };
            let result = opened.and_then(|mut open| {
                let result = open.execute(sql, Fetch::All);
                *connection = (!open.is_lost()).then_some(open);
                result
            });
            match result {
                Ok(answer) => {
                    let line = |row: &Vec<Cell>| row.iter().map(Cell::to_string).collect::<Vec<_>>().join(" | ");
                    return answer.rows.iter().map(line).collect();
                }
                // A server that has just crashed is not there for a moment.
                Err(error) if error.kind == ErrorKind::Connection && began.elapsed() < LONGEST => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{sql}: {error}"),
            }
        }
    }

    fn start(&self, version: usize) -> Child {
        Command::new(env!("CARGO_BIN_EXE_tform"))
            .args(["build", "--vars", &format!("version: {version}"), "--no-use-colors"])
            .args(self.arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("DBT_PROFILES_DIR", self.folder.path())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(self.output()).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("output.txt")
    }

    /// A run to which `plan` happens; whether it met its statement, and how it ended.
    fn run(&self, version: usize, plan: Option<(Fault, usize)>) -> (Option<String>, ExitStatus) {
        self.counter.change(|state| *state = State { plan, ..State::default() });
        let mut child = self.start(version);
        let fault = plan.map(|(fault, _)| fault);
        let stalls = !matches!(fault, None | Some(Fault::LostBefore | Fault::LostAfter | Fault::Refused));
        if stalls && self.meets(&mut child) {
            match fault {
                Some(Fault::Interrupted) => {
                    signal("INT", child.id());
                    assert!(self.counter.wait(|state| state.cancels > 0), "no cancel request came");
                }
                Some(Fault::Crashed) => self.crash(),
                _ => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            }
        }
        self.counter.change(|state| state.released = true);
        let status = wait(&mut child);
        self.settle();
        let state = self.counter.state.lock().unwrap();
        let place = state.place;
        (state.met.as_ref().map(|met| format!("{place}{met}")), status)
    }

    /// Waits until the statement is met; false if the run ends without it.
    fn meets(&self, child: &mut Child) -> bool {
        let began = Instant::now();
        let mut state = self.counter.state.lock().unwrap();
        while state.met.is_none() {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(began.elapsed() < LONGEST, "the run does not end");
            state = self.counter.changed.wait_timeout(state, Duration::from_millis(20)).unwrap().0;
        }
        true
    }

    /// Kills the process of the server that serves the run, which takes all others along.
    fn crash(&self) {
        let own = format!(
            "select pid from pg_stat_activity where datname = '{}' and application_name = 'dbt' and pid <> pg_backend_pid() limit 1",
            self.database
        );
        let pid: u32 = self.query(&own)[0].parse().unwrap();
        signal("KILL", pid);
    }

    /// Waits until no session of the run is left on either side.
    fn settle(&self) {
        let began = Instant::now();
        let ours = format!(
            "select count(*) from pg_stat_activity where datname = '{}' and application_name = 'dbt' and pid <> pg_backend_pid()",
            self.database
        );
        while self.proxy.sessions() > 0 || self.query(&ours) != ["0"] {
            assert!(
                began.elapsed() < LONGEST,
                "sessions stay open, see server.log in {}",
                self.server.folder.display()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The version of the data, which must be whole.
    fn version(&self, filter: &str) -> usize {
        let sql = format!("select count(*), min(version), max(version) from main.subject {filter}");
        let line = self.query(&sql).join("");
        let figures: Vec<usize> = line.split(" | ").map(|figure| figure.parse().unwrap_or(usize::MAX)).collect();
        assert!(figures[0] == ROWS && figures[1] == figures[2], "torn: rows, least, greatest: {line}");
        figures[1]
    }

    /// What only a run that goes on should have.
    fn left_over(&self) -> Vec<String> {
        let mut found = match self.warehouse {
            Warehouse::Postgres => Vec::new(),
            Warehouse::Redshift => self.query("select name from main.tform_claims"),
        };
        found.extend(
            self.query("select relname from pg_class where relname like '%\\_\\_dbt\\_%' or relname like '%dbt_tmp%'"),
        );
        found
    }
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
    assert!(status.success());
}

fn wait(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > LONGEST {
            child.kill().unwrap();
            panic!("a run did not end within {} seconds", LONGEST.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What happens at each statement of a materialization; what comes before it is met by `from_the_start`.
const FAULTS: [Fault; 5] =
    [Fault::LostBefore, Fault::LostAfter, Fault::KilledBefore, Fault::KilledAfter, Fault::Interrupted];

/// The statements before the first node: claiming, schemas, relations.
const BEFORE_NODES: usize = 3;

fn suffer(files: &[(&str, &str)], arguments: &'static [&'static str], filter: &str) {
    suffer_on(Warehouse::Postgres, files, arguments, filter);
}

fn suffer_model(warehouse: Warehouse, config: &str, arguments: &'static [&'static str]) {
    suffer_on(warehouse, &[("models/subject.sql", &model(config))], arguments, "");
}

fn suffer_on(warehouse: Warehouse, files: &[(&str, &str)], arguments: &'static [&'static str], filter: &str) {
    let world = World::on(warehouse, postgres::server().unwrap(), files, arguments);
    let faults = match warehouse {
        Warehouse::Postgres => &FAULTS[..],
        Warehouse::Redshift => &[Fault::LostAfter, Fault::KilledBefore, Fault::Interrupted],
    };
    for fault in faults {
        suffer_one(&world, *fault, BEFORE_NODES + 1, filter);
    }
}

fn suffer_one(world: &World, fault: Fault, from: usize, filter: &str) {
    world.set_version(1);
    let (_, status) = world.run(1, None);
    let said = || std::fs::read_to_string(world.output()).unwrap();
    assert!(status.success(), "{}", said());
    for (version, at) in (1..).zip(from..) {
        world.set_version(version + 1);
        let (met, status) = world.run(version + 1, Some((fault, at)));
        let Some(statement) = met else {
            assert!(status.success() && at > BEFORE_NODES + 2, "{fault:?}: a run without a fault ended by {status}");
            break;
        };
        let place = || format!("{fault:?} at statement {at}: {statement}");
        let found = world.version(filter);
        assert!(found == version || found == version + 1, "{}: version {found} of {version}", place());
        assert!(!status.success() || found == version + 1, "{}: success without the data", place());
        let (_, status) = world.run(version + 1, None);
        assert!(status.success(), "{}: the second run failed:\n{}", place(), said());
        assert_eq!(world.version(filter), version + 1, "{}", place());
        assert_eq!(world.left_over(), Vec::<String>::new(), "{}", place());
    }
}

const BY_DELETING: &str = "materialized='incremental', unique_key='n', incremental_strategy='delete+insert'";
const BY_MERGING: &str = "materialized='incremental', unique_key='n', incremental_strategy='merge'";
const ROWS_OF: &str = "select n, {{ var('version') }} as version from public.numbers";

fn model(config: &str) -> String {
    format!("{{{{ config({config}) }}}}\n{ROWS_OF}\n")
}

#[test]
fn table() {
    suffer_model(Warehouse::Postgres, "materialized='table', indexes=[{'columns': ['n']}]", &[]);
}

/// What happens before the first node, in a run of any kind.
fn suffer_from_the_start(warehouse: Warehouse) {
    let text = model("materialized='view'");
    let world = World::on(warehouse, postgres::server().unwrap(), &[("models/subject.sql", &text)], &[]);
    for fault in [Fault::LostBefore, Fault::KilledAfter, Fault::Interrupted] {
        suffer_one(&world, fault, 1, "");
    }
}

#[test]
fn from_the_start() {
    suffer_from_the_start(Warehouse::Postgres);
}

/// A serialization failure that comes again at every attempt.
#[test]
fn refused_again_and_again() {
    for text in [model("materialized='table'"), model("materialized='incremental', unique_key='n'")] {
        let world = World::new(postgres::server().unwrap(), &[("models/subject.sql", &text)], &[]);
        suffer_one(&world, Fault::Refused, BEFORE_NODES + 1, "");
    }
}

#[test]
fn view() {
    suffer_model(Warehouse::Postgres, "materialized='view'", &[]);
}

#[test]
fn incremental() {
    suffer_model(Warehouse::Postgres, BY_DELETING, &[]);
}

#[test]
fn incremental_by_merge() {
    suffer_model(Warehouse::Postgres, BY_MERGING, &[]);
}

/// One batch, so that the data is whole after each statement.
#[test]
fn microbatch() {
    let text = "{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='n', event_time='moment', \
                batch_size='year', lookback=0, begin=modules.datetime.datetime.now().strftime('%Y-01-01')) }}\n\
                select n, {{ var('version') }} as version, current_timestamp::timestamp as moment from public.numbers\n";
    suffer(&[("models/subject.sql", text)], &[], "");
}

#[test]
fn incremental_from_nothing() {
    suffer_model(Warehouse::Postgres, "materialized='incremental', unique_key='n'", &["--full-refresh"]);
}

#[test]
fn seed() {
    suffer(&[("seeds/subject.csv", "")], &[], "");
}

#[test]
fn seed_from_nothing() {
    suffer(&[("seeds/subject.csv", "")], &["--full-refresh"], "");
}

fn snapshot_of_rows() -> String {
    format!(
        "{{% snapshot subject %}}\n{{{{ config(target_schema='main', unique_key='n', strategy='check', check_cols=['version']) }}}}\n{ROWS_OF}\n{{% endsnapshot %}}\n"
    )
}

#[test]
fn snapshot() {
    suffer(&[("snapshots/subject.sql", &snapshot_of_rows())], &[], "where dbt_valid_to is null");
}

const OF_RAW: &str =
    "{{ config(materialized='materialized_view') }}\nselect n, version from public.raw, public.numbers\n";

#[test]
fn materialized_view() {
    suffer(&[("models/subject.sql", OF_RAW)], &[], "");
}

#[test]
fn materialized_view_from_nothing() {
    suffer(&[("models/subject.sql", OF_RAW)], &["--full-refresh"], "");
}

/// The server's process dies at every statement; the server recovers by itself.
#[test]
fn crash_of_the_server() {
    static SERVER: std::sync::OnceLock<Server> = std::sync::OnceLock::new();
    let server = SERVER.get_or_init(|| Server::start().unwrap());
    let world = World::new(server, &[("models/subject.sql", &model("materialized='table'"))], &[]);
    // What was committed is in the log, else it would be lost with the server's memory.
    world.query(&format!("alter database {} set synchronous_commit = on", world.database));
    suffer_one(&world, Fault::Crashed, BEFORE_NODES + 1, "");
}

/// A reader keeps the old relation locked: the run waits for it, and is done when it leaves.
#[test]
fn a_drop_that_waits_for_a_lock() {
    let world = World::new(postgres::server().unwrap(), &[("models/subject.sql", &model("materialized='table'"))], &[]);
    assert!(world.run(1, None).1.success());
    let mut reader = Command::new("psql")
        .args([
            "-X",
            "-q",
            "-h",
            "localhost",
            "-p",
            &world.server.port.to_string(),
            "-U",
            postgres::USER,
            &world.database,
        ])
        .env("PGPASSWORD", postgres::PASSWORD)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    use std::io::Write as _;
    let input = reader.stdin.as_mut().unwrap();
    input.write_all(b"begin; select count(*) from main.subject \\g /dev/null\nselect 1 \\g /dev/null\n").unwrap();
    let began = Instant::now();
    let is = |sql: &str| {
        while world.query(sql) != ["True"] {
            assert!(began.elapsed() < LONGEST, "never so: {sql}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    is("select count(*) > 0 from pg_locks where relation = 'main.subject'::regclass and granted");
    world.counter.change(|state| *state = State::default());
    let mut child = world.start(2);
    is("select count(*) > 0 from pg_locks where relation = 'main.subject'::regclass and not granted");
    // The reader goes on reading what it saw, and the run waits.
    assert!(child.try_wait().unwrap().is_none());
    reader.stdin.as_mut().unwrap().write_all(b"commit;\n").unwrap();
    assert!(wait(&mut child).success());
    assert_eq!(world.version(""), 2);
    assert_eq!(world.left_over(), Vec::<String>::new());
    drop(reader.stdin.take());
    reader.wait().unwrap();
}

/// Readers that read all the time find whole data always.
#[test]
fn readers_never_find_an_empty_or_torn_table() {
    for (files, arguments) in
        [(("seeds/subject.csv", String::new()), &[][..]), (("models/subject.sql", model("materialized='table'")), &[])]
    {
        let world = World::new(postgres::server().unwrap(), &[(files.0, &files.1)], arguments);
        world.set_version(1);
        assert!(world.run(1, None).1.success());
        world.set_version(2);
        world.counter.change(|state| *state = State::default());
        let mut child = world.start(2);
        // A snapshot that is older than the run's commit sees the old rows.
        let mut reads = 0;
        while child.try_wait().unwrap().is_none() {
            let found = world.version("");
            assert!(found == 1 || found == 2);
            reads += 1;
        }
        assert!(wait(&mut child).success() && reads > 0);
        assert_eq!(world.version(""), 2);
    }
}

/// Two runs that start at once build the same: both succeed, one after the other.
#[test]
fn two_runs_at_once() {
    let world = World::new(postgres::server().unwrap(), &[("models/subject.sql", &model("materialized='table'"))], &[]);
    for version in [1, 2, 3] {
        let mut runs = [world.start(version), world.start(version)];
        for run in &mut runs {
            assert!(wait(run).success(), "{}", std::fs::read_to_string(world.output()).unwrap());
        }
        assert_eq!(world.version(""), version);
        assert_eq!(world.left_over(), Vec::<String>::new());
    }
}

/// What Redshift commits in between, and how claims stand there, differs from PostgreSQL.
mod on_redshift {
    use super::*;

    #[test]
    fn table() {
        suffer_model(Warehouse::Redshift, "materialized='table', dist='n', sort='n'", &[]);
    }

    #[test]
    fn late_binding_view() {
        suffer_model(Warehouse::Redshift, "materialized='view', bind=false", &[]);
    }

    #[test]
    fn incremental() {
        suffer_model(Warehouse::Redshift, BY_DELETING, &[]);
    }

    #[test]
    fn incremental_by_merge() {
        suffer_model(Warehouse::Redshift, BY_MERGING, &[]);
    }

    #[test]
    fn seed() {
        suffer_on(Warehouse::Redshift, &[("seeds/subject.csv", "")], &[], "");
    }

    #[test]
    fn snapshot() {
        let files = [("snapshots/subject.sql", &*snapshot_of_rows())];
        suffer_on(Warehouse::Redshift, &files, &[], "where dbt_valid_to is null");
    }

    #[test]
    fn from_the_start() {
        suffer_from_the_start(Warehouse::Redshift);
    }
}
