//! One session with a server.
//!
//! Statements go by the simple query protocol. It takes texts of several statements, which dbt's
//! materializations send (`create table ...; create index ...`), needs one round trip, and its
//! answers say each column's type all the same. Prepared statements would need two round trips
//! and take one statement only.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message, RowDescriptionBody};
use postgres_protocol::message::frontend;

use super::connect::{self, CancelRequest};
use super::server_error::ServerError;
use super::settings::Settings;
use super::types::Reader;
use super::wire::{Status, Wire, unexpected};
use super::{Dialect, MoreOfTables, literal, types};
use crate::adapter::{
    AdapterError, AdapterResponse, BoundView, CacheKey, Cancel, Capabilities, CatalogColumn, CatalogStat, CatalogTable,
    Cell, Claim, Claimed, Column, Connection, Fetch, Kept, Listing, Path, QueryResult, Relation, RelationKind,
    ResultColumn, Schemas, SeedLoad,
};

/// The code of what a user may not do.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Rows of a seed are sent in parts of about this size.
const PART: usize = 256 * 1024;

/// A session with PostgreSQL, or with a server that speaks its protocol.
pub struct WireConnection {
    wire: Wire,
    dialect: &'static Dialect,
    settings: Settings,
    /// A transaction was begun by [`Connection::begin`], whose caller will end it.
    is_begun: bool,
    /// The `BEGIN` goes along with the next statement: it costs no round trip of its own.
    begin_is_due: bool,
    /// Names of types that only this database has.
    type_names: HashMap<u32, String>,
}

impl WireConnection {
    /// Connects, and takes the role of the profile.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses the credentials or the settings.
    pub fn open(settings: &Settings, dialect: &'static Dialect) -> Result<WireConnection, AdapterError> {
        let search_path =
            settings.search_path.as_ref().map(|path| format!("-c search_path={}", path.replace(' ', "\\ ")));
        let mut parameters = vec![
            ("user", settings.user.as_str()),
            ("database", settings.database.as_str()),
            ("client_encoding", "UTF8"),
            ("application_name", settings.application_name.as_str()),
        ];
        parameters.extend(dialect.session);
        parameters.extend(search_path.as_deref().map(|options| ("options", options)));
        let wire = connect::open(settings, &parameters)?;
        let mut connection = WireConnection::new(wire, dialect, settings.clone());
        if let Some(role) = &settings.role {
            connection.run(&format!("set role {role}"), Fetch::None).map_err(|error| {
                AdapterError::connection(error.message).with_hint("look at `role` of the target in `profiles.yml`")
            })?;
        }
        Ok(connection)
    }

    fn new(wire: Wire, dialect: &'static Dialect, settings: Settings) -> WireConnection {
        WireConnection { wire, dialect, settings, is_begun: false, begin_is_due: false, type_names: HashMap::new() }
    }

    /// The server's process for this session, as it told us at the beginning.
    pub(super) fn process_id(&self) -> Option<i32> {
        self.wire.key.map(|key| key.process_id)
    }

    pub(in crate::adapter) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(in crate::adapter) fn run(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let result = self.converse(sql, fetch);
        // The caller ends only the transactions that it began: one that a statement's own text
        // began and broke would refuse everything from now on.
        if result.is_err() && self.wire.status == Status::Failed && !self.is_begun && !self.wire.is_broken {
            let _ = self.converse("ROLLBACK", Fetch::None);
        }
        result
    }

    /// Sends a text and hears the answers to all its statements; the last one counts.
    fn converse(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        self.say(sql)?;
        let mut answer = Answer::new(fetch);
        self.hear(sql, |wire, message| match message {
            Message::RowDescription(body) => answer.begin(&body),
            Message::DataRow(body) => answer.row(&body),
            Message::CommandComplete(body) => {
                answer.end(body.tag().unwrap_or_default());
                Ok(())
            }
            Message::EmptyQueryResponse => {
                answer.end("");
                Ok(())
            }
            Message::CopyInResponse(_) => {
                frontend::copy_fail("rows cannot be given to a statement", &mut wire.outgoing)
                    .map_err(|_| unexpected())?;
                wire.send()
            }
            _ => Ok(()),
        })?;
        Ok(answer.result)
    }

    fn say(&mut self, sql: &str) -> Result<(), AdapterError> {
        self.send(|outgoing| frontend::query(sql, outgoing))
    }

    /// Sends what `write` puts into the buffer, after the begin of a transaction that is due.
    fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<(), AdapterError> {
        let outgoing = &mut self.wire.outgoing;
        let begin = if self.begin_is_due { frontend::query("BEGIN", outgoing) } else { Ok(()) };
        if begin.and_then(|()| write(outgoing)).is_err() {
            outgoing.clear();
            return Err(AdapterError::other("the statement holds a zero byte, or is too long to be sent"));
        }
        self.wire.send()?;
        if !std::mem::take(&mut self.begin_is_due) {
            return Ok(());
        }
        let begun = self.hear("BEGIN", |_, _| Ok(()));
        if begun.is_err() && !self.wire.is_broken {
            // The answer to what was sent along is of no use.
            let _ = self.hear("", |_, _| Ok(()));
        }
        begun
    }

    /// Gives each message to `each` until the server is ready again.
    fn hear(
        &mut self,
        sql: &str,
        mut each: impl FnMut(&mut Wire, Message) -> Result<(), AdapterError>,
    ) -> Result<(), AdapterError> {
        loop {
            match self.wire.next()? {
                Message::ErrorResponse(body) => {
                    let error = ServerError::read(body.fields());
                    self.finish_after(&error)?;
                    let refusal = error.of_statement(sql, (self.dialect.kind_of)(&error));
                    return Err(match error.code.as_str() {
                        INSUFFICIENT_PRIVILEGE => refusal.with_hint(self.whom_to_allow()),
                        _ => refusal,
                    });
                }
                Message::ReadyForQuery(_) => return Ok(()),
                message => {
                    if let Err(error) = each(&mut self.wire, message) {
                        // What the server still has to say would answer the next statement.
                        self.wire.is_broken = true;
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Whose privileges do not suffice, by the profile's keys.
    fn whom_to_allow(&self) -> String {
        let Settings { user, role, signed_in_by, .. } = &self.settings;
        let who = match (role, signed_in_by) {
            (Some(role), _) => format!("`role: {role}` of the target in `profiles.yml`"),
            (None, Some(origin)) => format!("{origin}, who is `{user}` in the database,"),
            (None, None) => format!("`user: {user}` of the target in `profiles.yml`"),
        };
        format!("{who} may not do this: somebody who may must grant it, or the target name another")
    }

    /// Waits until the server is ready again after an error; one that says goodbye will not be.
    fn finish_after(&mut self, error: &ServerError) -> Result<(), AdapterError> {
        if matches!(error.severity.as_str(), "FATAL" | "PANIC") {
            self.wire.is_broken = true;
            return Ok(());
        }
        loop {
            match self.wire.next() {
                Ok(Message::ReadyForQuery(_)) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// [`WireConnection::parse`]; a transaction that nobody else ends is rolled back by an error.
    fn parse_or_roll_back(&mut self, sql: &str) -> Result<Vec<Described>, AdapterError> {
        let result = self.parse(sql);
        if result.is_err() && self.wire.status == Status::Failed && !self.is_begun && !self.wire.is_broken {
            let _ = self.converse("ROLLBACK", Fetch::None);
        }
        result
    }

    /// [`WireConnection::parse`], after which an open transaction goes on even if the server refuses the query.
    fn parse_beside(&mut self, sql: &str) -> Result<Vec<Described>, AdapterError> {
        // A transaction whose begin is due loses nothing by a question before it.
        let begin_is_due = std::mem::take(&mut self.begin_is_due);
        let is_open = self.wire.status == Status::InTransaction;
        let result = if is_open { self.parse_behind_savepoint(sql) } else { self.parse(sql) };
        self.begin_is_due = begin_is_due;
        result
    }

    fn parse_behind_savepoint(&mut self, sql: &str) -> Result<Vec<Described>, AdapterError> {
        self.send(|outgoing| {
            frontend::query("SAVEPOINT tform", outgoing)?;
            ask_for_columns(sql, outgoing)?;
            frontend::query("RELEASE SAVEPOINT tform", outgoing)
        })?;
        // All three are answered, also if the first is refused.
        let begun = self.hear("", |_, _| Ok(()));
        if self.wire.is_broken {
            return begun.map(|()| Vec::new());
        }
        let result = self.hear_columns(sql);
        if self.wire.is_broken {
            return result;
        }
        let released = self.hear("", |_, _| Ok(()));
        begun?;
        if result.is_err() {
            self.converse("ROLLBACK TO SAVEPOINT tform; RELEASE SAVEPOINT tform", Fetch::None)?;
            return result;
        }
        released.and(result)
    }

    /// Names and types of a query's columns, by the server's parser alone.
    fn parse(&mut self, sql: &str) -> Result<Vec<Described>, AdapterError> {
        self.send(|outgoing| ask_for_columns(sql, outgoing))?;
        self.hear_columns(sql)
    }

    fn hear_columns(&mut self, sql: &str) -> Result<Vec<Described>, AdapterError> {
        let mut found = Vec::new();
        self.hear(sql, |_, message| {
            if let Message::RowDescription(body) = message {
                let field = body.fields().map(|field| {
                    let (oid, modifier) = (field.type_oid(), field.type_modifier());
                    Ok(Described { name: field.name().to_owned(), oid, modifier })
                });
                found = field.collect().map_err(|_| unexpected())?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn described(&mut self, sql: &str) -> Result<Vec<(String, u32)>, AdapterError> {
        let mut columns = Vec::new();
        self.hear(sql, |_, message| {
            if let Message::RowDescription(body) = message {
                columns = fields(&body)?;
            }
            Ok(())
        })?;
        Ok(columns)
    }

    /// Asks once for the names of types that no table here has.
    fn learn_types(&mut self, columns: &[(String, u32)]) -> Result<(), AdapterError> {
        let is_unknown = |oid: &u32| types::name(*oid).is_none() && !self.type_names.contains_key(oid);
        let unknown: Vec<String> =
            columns.iter().map(|(_, oid)| *oid).filter(is_unknown).map(|oid| oid.to_string()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let sql = format!("select oid, format_type(oid, null) from pg_type where oid in ({})", unknown.join(", "));
        for row in self.run(&sql, Fetch::All)?.rows {
            let oid = row.first().and_then(Cell::as_i128).and_then(|oid| u32::try_from(oid).ok());
            if let (Some(oid), Some(name)) = (oid, row.get(1).and_then(Cell::as_str)) {
                self.type_names.insert(oid, name.to_owned());
            }
        }
        Ok(())
    }

    fn texts(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, AdapterError> {
        let text = |cell: Cell| if let Cell::Text(text) = cell { Some(text) } else { None };
        let rows = self.run(sql, Fetch::All)?.rows;
        Ok(rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect())
    }

    fn verify_databases(&self, schemas: &[Schemas]) -> Result<(), AdapterError> {
        let own = &self.settings.database;
        let other = schemas.iter().find(|wanted| {
            let name = wanted.database.trim_matches('"');
            !self.settings.crosses_databases && !name.is_empty() && !name.eq_ignore_ascii_case(own)
        });
        match other {
            None => Ok(()),
            Some(other) => {
                let adapter = self.dialect.capabilities.adapter;
                let message = format!("Cross-db references not allowed in {adapter} ({} vs {own})", other.database);
                Err(AdapterError::unsupported(message))
            }
        }
    }

    /// The schemas of the connection's database, and those of others.
    fn own_and_others(&self, schemas: &[Schemas]) -> (Vec<Schemas>, Vec<Schemas>) {
        let is_own = |wanted: &Schemas| {
            let name = wanted.database.trim_matches('"');
            name.is_empty() || name.eq_ignore_ascii_case(&self.settings.database)
        };
        schemas.iter().cloned().partition(is_own)
    }

    fn copy(&mut self, load: SeedLoad<'_>, sql: &str) -> Result<u64, AdapterError> {
        self.say(sql)?;
        let (rows, mut loaded) = (load.rows, None);
        self.hear(sql, |wire, message| {
            match message {
                Message::CopyInResponse(_) => send_rows(wire, &mut *rows)?,
                Message::CommandComplete(body) => loaded = response(body.tag().unwrap_or_default()).rows_affected,
                _ => {}
            }
            Ok(())
        })?;
        Ok(loaded.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
    }
}

fn send_rows(wire: &mut Wire, rows: &mut dyn Iterator<Item = Vec<Option<String>>>) -> Result<(), AdapterError> {
    let mut part = String::with_capacity(PART + 1024);
    for row in rows {
        copy_line(&row, &mut part);
        if part.len() >= PART {
            send_part(wire, &mut part)?;
        }
    }
    send_part(wire, &mut part)?;
    frontend::copy_done(&mut wire.outgoing);
    wire.send()
}

fn send_part(wire: &mut Wire, part: &mut String) -> Result<(), AdapterError> {
    let data = frontend::CopyData::new(part.as_bytes()).map_err(|_| unexpected())?;
    data.write(&mut wire.outgoing);
    part.clear();
    wire.send()
}

/// A line of COPY's text format.
fn copy_line(row: &[Option<String>], line: &mut String) {
    for (index, value) in row.iter().enumerate() {
        if index > 0 {
            line.push('\t');
        }
        let Some(value) = value else {
            line.push_str("\\N");
            continue;
        };
        for character in value.chars() {
            match character {
                '\\' => line.push_str("\\\\"),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                '\t' => line.push_str("\\t"),
                // No text of this server can hold it.
                '\0' => {}
                other => line.push(other),
            }
        }
    }
    line.push('\n');
}

/// The answer to the statement that the server is at.
struct Answer {
    fetch: Fetch,
    readers: Vec<Reader>,
    has_rows: bool,
    result: QueryResult,
}

impl Answer {
    fn new(fetch: Fetch) -> Answer {
        Answer { fetch, readers: Vec::new(), has_rows: false, result: QueryResult::default() }
    }

    fn begin(&mut self, body: &RowDescriptionBody) -> Result<(), AdapterError> {
        let fields = fields(body)?;
        self.readers = fields.iter().map(|(_, oid)| Reader::of(*oid)).collect();
        let column = |(name, oid)| ResultColumn {
            name,
            type_name: types::name(oid).unwrap_or_else(|| format!("type {oid}")),
            sql_name: None,
        };
        self.result.columns = fields.into_iter().map(column).collect();
        self.result.rows.clear();
        self.has_rows = true;
        Ok(())
    }

    fn row(&mut self, body: &DataRowBody) -> Result<(), AdapterError> {
        let wanted = match self.fetch {
            Fetch::None => false,
            Fetch::All => true,
            Fetch::Limit(limit) => self.result.rows.len() < limit,
        };
        if !wanted {
            return Ok(());
        }
        let (mut ranges, buffer) = (body.ranges(), body.buffer());
        let mut cells = Vec::with_capacity(self.readers.len());
        while let Some(range) = ranges.next().map_err(|_| unexpected())? {
            let reader = self.readers.get(cells.len()).copied();
            let bytes = range.and_then(|range| buffer.get(range));
            cells.push(match (bytes, reader) {
                (Some(bytes), Some(reader)) => reader.read(bytes),
                _ => Cell::Null,
            });
        }
        self.result.rows.push(cells);
        Ok(())
    }

    fn end(&mut self, tag: &str) {
        if !std::mem::take(&mut self.has_rows) || self.fetch == Fetch::None {
            self.result.columns.clear();
            self.result.rows.clear();
        }
        self.result.response = response(tag);
    }
}

/// `INSERT 0 3`, as dbt's adapter takes it apart.
fn response(tag: &str) -> AdapterResponse {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = tag.split(' ').collect();
    let code = words.iter().filter(|word| !is_number(word)).copied().collect::<Vec<_>>().join(" ");
    let rows = words.last().filter(|word| is_number(word)).and_then(|word| word.parse().ok());
    AdapterResponse {
        message: tag.to_owned(),
        code: Some(code),
        rows_affected: Some(rows.unwrap_or(-1)),
        query_id: None,
    }
}

fn fields(body: &RowDescriptionBody) -> Result<Vec<(String, u32)>, AdapterError> {
    body.fields().map(|field| Ok((field.name().to_owned(), field.type_oid()))).collect().map_err(|_| unexpected())
}

/// A column as the server describes it.
struct Described {
    name: String,
    oid: u32,
    /// What the type adds to its name: a length, a precision.
    modifier: i32,
}

/// What stands before the figures in a type's modifier.
const MODIFIER_HEAD: i32 = 4;

impl Described {
    /// The length of a text, or precision and scale of a number.
    fn size(&self) -> (Option<i64>, Option<(i64, i64)>) {
        let Some(figures) = self.modifier.checked_sub(MODIFIER_HEAD).filter(|figures| *figures >= 0) else {
            return (None, None);
        };
        match self.oid {
            types::CHARACTER | types::CHARACTER_VARYING => (Some(figures.into()), None),
            types::NUMERIC => (None, Some(((figures >> 16).into(), (figures & 0xffff).into()))),
            _ => (None, None),
        }
    }
}

fn ask_for_columns(sql: &str, outgoing: &mut BytesMut) -> io::Result<()> {
    frontend::parse("", sql, [], outgoing)?;
    frontend::describe(b'S', "", outgoing)?;
    frontend::sync(outgoing);
    Ok(())
}

/// Whether a text surely is one statement: behind its last semicolon nothing stands.
fn is_one_statement(sql: &str) -> bool {
    !sql.trim_end().trim_end_matches(';').contains(';')
}

impl Connection for WireConnection {
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        self.run(sql, fetch)
    }

    fn execute_bound(&mut self, sql: &str, bindings: &[Cell], fetch: Fetch) -> Result<QueryResult, AdapterError> {
        self.run(&literal::bind(sql, bindings)?, fetch)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<ResultColumn>, AdapterError> {
        if !is_one_statement(sql) {
            // A header stands before the query (`set ...; select ...`).
            self.say(sql)?;
            let columns = self.described(sql)?;
            return self.named(columns);
        }
        let fields = self.parse_or_roll_back(sql)?;
        self.named(fields.into_iter().map(|field| (field.name, field.oid)).collect())
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, AdapterError> {
        let sql = format!("select * from {}", relation.render());
        if self.dialect.described_as_catalogued {
            return match self.parse_beside(&sql) {
                Ok(fields) => self.catalogued(fields),
                Err(error) if error.is_missing_relation() => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        let fields = self.parse_or_roll_back(&sql)?;
        let unknown: Vec<(String, u32)> = fields.iter().map(|field| (field.name.clone(), field.oid)).collect();
        self.learn_types(&unknown)?;
        let columns = fields.into_iter().map(|field| {
            let name = self.type_name(field.oid);
            let (length, number) = field.size();
            Column {
                char_size: length,
                numeric_precision: number.map(|(precision, _)| precision),
                numeric_scale: number.map(|(_, scale)| scale),
                ..Column::new(&self.dialect.capabilities.columns, field.name, name)
            }
        });
        Ok(columns.collect())
    }

    fn load_seed(&mut self, load: SeedLoad<'_>) -> Result<u64, AdapterError> {
        let quote = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
        let columns: Vec<String> = load.columns.iter().map(quote).collect();
        let sql = format!("copy {} ({}) from stdin", load.relation.render(), columns.join(", "));
        self.copy(load, &sql)
    }

    fn list_relations(&mut self, schemas: &[Schemas]) -> Result<Listing, AdapterError> {
        self.verify_databases(schemas)?;
        let (own, others) = self.own_and_others(schemas);
        let capabilities = self.dialect.capabilities;
        let mut listing = Listing::default();
        if let Some(elsewhere) = &self.dialect.elsewhere {
            for other in &others {
                let rows = self.texts(&(elsewhere.relations)(other))?;
                rows.iter().for_each(|row| list(&mut listing, capabilities, &other.database, row));
            }
        }
        if !own.is_empty() {
            let rows = self.texts(&(self.dialect.relations)(&own))?;
            rows.iter().for_each(|row| list(&mut listing, capabilities, &self.settings.database, row));
        }
        Ok(listing)
    }

    fn catalog(&mut self, schemas: &[Schemas]) -> Result<Vec<CatalogTable>, AdapterError> {
        self.verify_databases(schemas)?;
        let (schemas, others) = self.own_and_others(schemas);
        let mut shared = Vec::new();
        if let Some(elsewhere) = &self.dialect.elsewhere {
            for other in &others {
                shared.extend(tables(&other.database, self.run(&(elsewhere.tables)(other), Fetch::All)?.rows));
            }
        }
        if schemas.is_empty() {
            return Ok(shared);
        }
        let schemas = schemas.as_slice();
        let found = self.run(&(self.dialect.tables)(schemas), Fetch::All)?;
        let mut tables = tables(&self.settings.database, found.rows);
        if let Some(more) = self.dialect.more {
            let owners = self.run(&(more.owners)(schemas), Fetch::All)?.rows;
            let statistics = match self.run(&(more.statistics)(schemas), Fetch::All) {
                Ok(found) => found.rows,
                // Not everybody may read them; the catalog is of use without.
                Err(error) if error.code.as_deref() == Some(INSUFFICIENT_PRIVILEGE) => Vec::new(),
                Err(error) => return Err(error),
            };
            add_more(&mut tables, more, owners, statistics);
        }
        tables.extend(shared);
        Ok(tables)
    }

    fn claim(&mut self, claim: &Claim) -> Result<Claimed, AdapterError> {
        (self.dialect.claims.take)(self, claim)
    }

    fn wait_for_claim(&mut self, claim: &Claim) -> Result<Claimed, AdapterError> {
        (self.dialect.claims.wait)(self, claim)
    }

    fn claims_outlast(&self) -> bool {
        self.dialect.claims.outlast
    }

    fn renew_claim(&mut self, claim: &Claim) -> Result<(), AdapterError> {
        (self.dialect.claims.renew)(self, claim)
    }

    fn release_claim(&mut self, claim: &Claim) -> Result<(), AdapterError> {
        (self.dialect.claims.release)(self, claim)
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(CancelRequest::of(&self.wire, &self.settings))
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        self.begin_is_due = self.wire.status == Status::Idle;
        self.is_begun = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        (self.is_begun, self.begin_is_due) = (false, false);
        if self.wire.status == Status::Idle { Ok(()) } else { self.run("COMMIT", Fetch::None).map(drop) }
    }

    fn commit_after(&mut self, sql: &str) -> Result<(), AdapterError> {
        self.is_begun = false;
        self.run(&format!("{sql};\nCOMMIT"), Fetch::None).map(drop)
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        (self.is_begun, self.begin_is_due) = (false, false);
        if self.wire.status == Status::Idle || self.wire.is_broken {
            return Ok(());
        }
        self.run("ROLLBACK", Fetch::None).map(drop)
    }

    fn take_notices(&mut self) -> Vec<String> {
        let notices = self.wire.take_notices();
        notices.into_iter().map(|notice| format!("{}:  {}", notice.severity, notice.text(""))).collect()
    }

    fn is_lost(&self) -> bool {
        self.wire.is_broken
    }
}

impl WireConnection {
    /// The name of a type that is known, or was learned.
    fn type_name(&self, oid: u32) -> String {
        let own = || self.type_names.get(&oid).cloned();
        types::name(oid).or_else(own).unwrap_or_else(|| format!("type {oid}"))
    }

    /// Columns as the information schema has them.
    fn catalogued(&mut self, fields: Vec<Described>) -> Result<Vec<Column>, AdapterError> {
        let told = |field: &Described| {
            let (length, number) = field.size();
            types::catalogued(field.oid, length, number)
        };
        let unnamed = fields.iter().filter(|field| told(field).type_name.is_none());
        let unnamed: Vec<(String, u32)> = unnamed.map(|field| (field.name.clone(), field.oid)).collect();
        self.learn_types(&unnamed)?;
        let columns = fields.into_iter().map(|field| {
            let told = told(&field);
            let name = told.type_name.unwrap_or_else(|| self.type_name(field.oid));
            Column {
                char_size: told.length,
                numeric_precision: told.precision,
                numeric_scale: told.scale,
                ..Column::new(&self.dialect.capabilities.columns, field.name, name)
            }
        });
        Ok(columns.collect())
    }

    fn named(&mut self, columns: Vec<(String, u32)>) -> Result<Vec<ResultColumn>, AdapterError> {
        self.learn_types(&columns)?;
        let named = columns.into_iter().map(|(name, oid)| {
            let own = || self.type_names.get(&oid).cloned();
            let sql_name = types::name(oid).or_else(own);
            let known = (self.dialect.type_name)(oid).or_else(|| sql_name.clone());
            ResultColumn { name, type_name: known.unwrap_or_else(|| format!("type {oid}")), sql_name }
        });
        Ok(named.collect())
    }
}

/// Enters a row of [`Dialect::relations`]: what stands third says what it is about.
fn list(listing: &mut Listing, capabilities: &'static Capabilities, database: &str, row: &[Option<String>]) {
    let part = |index: usize| row.get(index).and_then(Option::as_deref);
    let (schema, name, kind) = (part(0), part(1), part(2).unwrap_or_default());
    let key = || CacheKey::new(Some(database), schema, name);
    match kind {
        "schema" => listing.schemas.push((database.to_owned(), schema.unwrap_or_default().to_owned())),
        "keeps" => {
            let has = |letter: char| part(3).is_some_and(|letters| letters.contains(letter));
            listing.kept.push((key(), Kept { grants: has('g'), comments: has('c'), late: has('l') }));
        }
        _ => {
            let origins = part(3).and_then(|text| serde_json::from_str::<Vec<(String, String)>>(text).ok());
            listing.bound.extend(origins.iter().flatten().map(|(schema, name)| BoundView {
                view: key(),
                origin: CacheKey::new(Some(database), Some(schema), Some(name)),
            }));
            // Some servers say what views read in rows of their own.
            if kind != "reads" {
                let path = Path::new(Some(database), schema, name);
                listing.relations.push(capabilities.relation(path, RelationKind::parse(kind)));
            }
        }
    }
}

/// Joins owners and statistics to the tables.
fn add_more(tables: &mut [CatalogTable], more: &MoreOfTables, owners: Vec<Vec<Cell>>, statistics: Vec<Vec<Cell>>) {
    let place = |row: &[Cell]| {
        let text = |index: usize| row.get(index).and_then(Cell::as_str).unwrap_or_default().to_owned();
        (text(0), text(1))
    };
    let by_place = |rows: Vec<Vec<Cell>>| -> HashMap<(String, String), Vec<Cell>> {
        rows.into_iter().map(|row| (place(&row), row)).collect()
    };
    let (owners, statistics) = (by_place(owners), by_place(statistics));
    for table in tables {
        let place = (table.schema.clone(), table.name.clone());
        table.owner = owners.get(&place).and_then(|row| row.get(2)).and_then(Cell::as_str).map(str::to_owned);
        let Some(row) = statistics.get(&place) else { continue };
        let values = more.statistic.iter().zip(row.iter().skip(2)).filter(|(_, value)| !value.is_null());
        table.stats = values
            .map(|(known, value)| CatalogStat {
                id: known.id.into(),
                label: known.label.into(),
                value: value.clone(),
                description: known.description.into(),
            })
            .collect();
    }
}

/// Rows of relations and columns, ordered by relation, as tables with their columns.
fn tables(database: &str, rows: Vec<Vec<Cell>>) -> Vec<CatalogTable> {
    let mut tables: Vec<CatalogTable> = Vec::new();
    for row in rows {
        let text = |index: usize| row.get(index).and_then(Cell::as_str).map(str::to_owned);
        let (schema, name) = (text(0).unwrap_or_default(), text(1).unwrap_or_default());
        if tables.last().is_none_or(|last| last.schema != schema || last.name != name) {
            tables.push(CatalogTable {
                database: database.to_owned(),
                schema,
                name,
                kind: text(2).unwrap_or_default(),
                comment: text(3),
                owner: text(4),
                columns: Vec::new(),
                stats: Vec::new(),
            });
        }
        if let (Some(table), Some(name)) = (tables.last_mut(), text(5)) {
            let index = row.get(6).and_then(Cell::as_i128).and_then(|index| i64::try_from(index).ok());
            table.columns.push(CatalogColumn {
                name,
                index: index.unwrap_or(0),
                type_name: text(7).unwrap_or_default(),
                comment: text(8),
            });
        }
    }
    tables
}
