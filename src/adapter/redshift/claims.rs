//! Claims of a run as rows of a table in the target's schema: Redshift has no locks that stand for
//! whatever sessions agree on.
//!
//! Whoever looks at the table locks it first, for a moment, so that nobody meets a serializable violation
//! (docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html). A run that was killed leaves its rows: they are
//! taken for a left-over when their session is gone, or when nobody has renewed them for a while.

use std::collections::HashSet;

use crate::adapter::postgres::{Claims, WireConnection, literal_text as literal};
use crate::adapter::{AdapterError, Cell, Claim, Claimed, ErrorKind, Fetch, Holder};

pub const CLAIMS: Claims = Claims { outlast: true, take, wait: take, renew, release };

const TABLE: &str = "tform_claims";
/// Rows that were not renewed for so many seconds are a left-over.
const LONGEST_SILENCE: i128 = 300;
/// How long to wait for others who look at the table.
const PATIENCE_MILLISECONDS: u64 = 30_000;

fn table(connection: &WireConnection) -> String {
    format!("\"{}\".\"{TABLE}\"", connection.settings().schema.replace('"', "\"\""))
}

/// The statement that gives the session its usual patience back.
fn usual_timeout(connection: &WireConnection) -> String {
    let usual = connection.settings().statement_timeout.map_or(0, |limit| limit.as_millis());
    format!("set statement_timeout to {usual}")
}

fn take(connection: &mut WireConnection, claim: &Claim) -> Result<Claimed, AdapterError> {
    let usual = usual_timeout(connection);
    match attempt(connection, claim) {
        Err(error) if matches!(error.kind, ErrorKind::Connection | ErrorKind::Interrupted) => Err(error),
        Err(error) => {
            connection.run(&usual, Fetch::None)?;
            let reason = error.message.lines().next().unwrap_or_default();
            Ok(Claimed::Impossible(format!("the table {} cannot be used: {reason}", table(connection))))
        }
        result => result,
    }
}

/// A row of the table.
struct Row {
    key: i64,
    shared: bool,
    owner: String,
    process: i128,
    user: String,
    since: String,
    silence: i128,
}

fn attempt(connection: &mut WireConnection, claim: &Claim) -> Result<Claimed, AdapterError> {
    let (table, usual) = (table(connection), usual_timeout(connection));
    let own = connection.run("select pg_backend_pid(), current_user::text", Fetch::All)?;
    let own = own.rows.first().map(Vec::as_slice).unwrap_or_default();
    let (process, user) = (number(own, 0), text(own, 1));
    lock_table(connection, claim)?;
    let rows = rows(connection)?;
    let stands_in_the_way = |row: &Row| {
        claim.parts.iter().any(|part| part.key == row.key && !(part.shared && row.shared)) && row.owner != claim.owner
    };
    let in_the_way: Vec<&Row> = rows.iter().filter(|row| stands_in_the_way(row)).collect();
    let sessions = match in_the_way.iter().any(|row| row.user == user) {
        true => sessions(connection, &user)?,
        false => None,
    };
    let is_left_over = |row: &Row| {
        let is_gone = sessions.as_ref().is_some_and(|open| row.user == user && !open.contains(&row.process));
        row.silence > LONGEST_SILENCE || is_gone
    };
    let holders: Vec<Holder> =
        in_the_way.iter().filter(|row| !is_left_over(row)).map(|row| holder(claim, row)).collect();
    if !holders.is_empty() {
        connection.run(&format!("rollback; {usual}"), Fetch::None)?;
        return Ok(Claimed::Theirs(holders));
    }
    let gone: HashSet<&str> = rows.iter().filter(|row| is_left_over(row)).map(|row| row.owner.as_str()).collect();
    let gone: Vec<String> = gone.into_iter().chain([claim.owner.as_str()]).map(literal).collect();
    let values = claim.parts.iter().map(|part| {
        let (key, name, shared) = (part.key, literal(&part.name), part.shared);
        format!("({key}, {name}, {shared}, {}, {process}, {})", literal(&claim.owner), literal(&user))
    });
    let values: Vec<String> = values.collect();
    let sql = format!(
        "delete from {table} where owner in ({});\n\
         insert into {table} (claim_key, name, is_shared, owner, process, user_name) values\n{};\n\
         commit; {usual}",
        gone.join(", "),
        values.join(",\n")
    );
    connection.run(&sql, Fetch::None)?;
    Ok(Claimed::Ours)
}

/// Begins a transaction that holds the table, which is made first if it is not there.
fn lock_table(connection: &mut WireConnection, claim: &Claim) -> Result<(), AdapterError> {
    let table = table(connection);
    let lock = format!("set statement_timeout to {PATIENCE_MILLISECONDS}; begin; lock {table}");
    match connection.run(&lock, Fetch::None) {
        Err(error) if error.is_missing_relation() => {}
        result => return result.map(drop),
    }
    let make = format!(
        "create table if not exists {table} (claim_key bigint, name varchar(600), is_shared boolean, owner varchar(64), \
         process bigint, user_name varchar(128), since timestamp default getdate(), renewed timestamp default getdate()) diststyle all"
    );
    match connection.run(&make, Fetch::None) {
        // The schema is not there either; it is made for what stands in it.
        Err(error) if error.is_missing_relation() && claim.in_own_schema => {
            let schema = connection.settings().schema.replace('"', "\"\"");
            connection.run(&format!("create schema if not exists \"{schema}\""), Fetch::None)?;
            connection.run(&make, Fetch::None)?;
        }
        result => drop(result?),
    }
    connection.run(&lock, Fetch::None).map(drop)
}

fn rows(connection: &mut WireConnection) -> Result<Vec<Row>, AdapterError> {
    let sql = format!(
        "select claim_key, is_shared, owner, process, user_name, to_char(since, 'YYYY-MM-DD HH24:MI:SS'),\n\
         datediff(second, renewed, getdate()) from {}",
        table(connection)
    );
    let row = |row: Vec<Cell>| Row {
        key: i64::try_from(number(&row, 0)).unwrap_or(0),
        shared: matches!(row.get(1), Some(Cell::Bool(true))),
        owner: text(&row, 2),
        process: number(&row, 3),
        user: text(&row, 4),
        since: text(&row, 5),
        silence: number(&row, 6),
    };
    Ok(connection.run(&sql, Fetch::All)?.rows.into_iter().map(row).collect())
}

/// The processes of a user's sessions, if somebody may see them: users see their own.
fn sessions(connection: &mut WireConnection, user: &str) -> Result<Option<HashSet<i128>>, AdapterError> {
    let sql = format!("select process from stv_sessions where trim(user_name) = {}", literal(user));
    let found: HashSet<i128> = connection.run(&sql, Fetch::All)?.rows.iter().map(|row| number(row, 0)).collect();
    Ok(Some(found).filter(|found| !found.is_empty()))
}

fn holder(claim: &Claim, row: &Row) -> Holder {
    let who = format!("session {} of `{}` since {} UTC", row.process, row.user, row.since);
    Holder { name: claim.name_of(row.key).to_owned(), who }
}

fn renew(connection: &mut WireConnection, claim: &Claim) -> Result<(), AdapterError> {
    let (table, owner) = (table(connection), literal(&claim.owner));
    let sql = format!("begin; lock {table}; update {table} set renewed = getdate() where owner = {owner}; commit");
    connection.run(&sql, Fetch::None).map(drop)
}

fn release(connection: &mut WireConnection, claim: &Claim) -> Result<(), AdapterError> {
    let (table, owner) = (table(connection), literal(&claim.owner));
    let sql = format!("begin; lock {table}; delete from {table} where owner = {owner}; commit");
    connection.run(&sql, Fetch::None).map(drop)
}

fn text(row: &[Cell], index: usize) -> String {
    row.get(index).and_then(Cell::as_str).unwrap_or_default().to_owned()
}

fn number(row: &[Cell], index: usize) -> i128 {
    row.get(index).and_then(Cell::as_i128).unwrap_or(0)
}
