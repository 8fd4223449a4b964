//! One session with DuckDB.

use std::sync::Arc;

use duckdb::types::Value;
use duckdb::{InterruptHandle, params_from_iter};

use super::settings::literal;
use super::values::{self, Shape};
use crate::adapter::{
    AdapterError, AdapterResponse, Cancel, CatalogColumn, CatalogStat, CatalogTable, Cell, Connection, ErrorKind,
    Fetch, Listing, Path, QueryResult, Relation, RelationKind, ResultColumn, Schemas, SeedLoad,
};

/// A connection to the process's DuckDB instance.
pub struct DuckdbConnection {
    inner: duckdb::Connection,
}

impl DuckdbConnection {
    pub fn new(inner: duckdb::Connection) -> DuckdbConnection {
        DuckdbConnection { inner }
    }

    fn run(&self, sql: &str, bindings: &[Cell], fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let mut statement = match self.inner.prepare(sql) {
            Ok(statement) => statement,
            Err(duckdb::Error::DuckDBFailure(_, None)) => return Ok(nothing()),
            Err(error) => return Err(adapter_error(&error)),
        };
        let mut rows = statement
            .query(params_from_iter(bindings.iter().map(values::bound)))
            .map_err(|error| adapter_error(&error))?;
        if fetch == Fetch::None {
            return Ok(nothing());
        }
        let Some((columns, shapes)) = rows.as_ref().map(columns) else { return Ok(nothing()) };
        let limit = if let Fetch::Limit(limit) = fetch { limit } else { usize::MAX };
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(row) = rows.next().map_err(|error| adapter_error(&error))? else { break };
            let mut cells = Vec::with_capacity(shapes.len());
            for (index, shape) in shapes.iter().enumerate() {
                cells.push(read(row, index, shape.as_ref(), &columns[index])?);
            }
            found.push(cells);
        }
        drop(rows);
        drop(statement);
        if shapes.iter().flatten().any(Shape::has_moments) {
            let zone = self.time_zone();
            found.iter_mut().flatten().for_each(|cell| values::to_zone(cell, zone));
        }
        Ok(QueryResult { columns, rows: found, response: AdapterResponse::ok() })
    }

    /// The session's time zone; UTC where DuckDB has no calendar extension to know others.
    fn time_zone(&self) -> chrono_tz::Tz {
        let name = self.inner.query_row("select current_setting('TimeZone')", [], |row| row.get::<_, String>(0));
        name.ok().and_then(|name| name.parse().ok()).unwrap_or(chrono_tz::UTC)
    }
}

fn nothing() -> QueryResult {
    QueryResult { response: AdapterResponse::ok(), ..QueryResult::default() }
}

/// The columns of an executed statement; a shape is `None` where values cannot be read.
fn columns(statement: &duckdb::Statement<'_>) -> (Vec<ResultColumn>, Vec<Option<Shape>>) {
    let schema = statement.schema();
    let fields = schema.fields().iter().enumerate();
    fields
        .map(|(index, field)| {
            let logical = statement.column_logical_type(index);
            let type_name = values::type_name(&logical, field.data_type());
            let shape = values::is_readable(field.data_type()).then(|| Shape::of(&logical));
            (ResultColumn { name: field.name().clone(), type_name, sql_name: None }, shape)
        })
        .unzip()
}

fn read(
    row: &duckdb::Row<'_>,
    index: usize,
    shape: Option<&Shape>,
    column: &ResultColumn,
) -> Result<Cell, AdapterError> {
    let Some(shape) = shape else {
        if column.type_name == "\"NULL\"" {
            return Ok(Cell::Null);
        }
        return Err(AdapterError::unsupported(format!(
            "column `{}` has type {}, which cannot be read",
            column.name, column.type_name
        ))
        .with_hint(format!("cast it: `{}::varchar`", column.name)));
    };
    let value: Value = row.get_ref(index).map_err(|error| adapter_error(&error))?.into();
    Ok(match value {
        Value::Text(text) if column.type_name == "UUID" => Cell::Text(text),
        value => values::cell(value, shape),
    })
}

/// DuckDB's error with what its text tells: the kind, and the line of the SQL.
pub fn adapter_error(error: &duckdb::Error) -> AdapterError {
    let message = match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    let (code, rest) = message.split_once(" Error: ").unwrap_or(("", &message));
    let conflict = rest.to_lowercase().contains("conflict") || rest.contains("Current transaction is aborted");
    let kind = match code {
        "Parser" | "Syntax" | "Binder" | "Catalog" => ErrorKind::Syntax,
        "INTERRUPT" => ErrorKind::Interrupted,
        "TransactionContext" | "Transaction" if conflict => ErrorKind::Retryable,
        "HTTP" => ErrorKind::Retryable,
        "Connection" => ErrorKind::Connection,
        _ => ErrorKind::Other,
    };
    let line = message.split("\nLINE ").nth(1).and_then(|rest| rest.split(':').next()?.parse().ok());
    let code = (!code.is_empty() && !code.contains(' ')).then(|| code.to_owned());
    AdapterError { line, code, ..AdapterError::new(kind, message) }
}

impl Connection for DuckdbConnection {
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        self.run(sql, &[], fetch)
    }

    fn execute_bound(&mut self, sql: &str, bindings: &[Cell], fetch: Fetch) -> Result<QueryResult, AdapterError> {
        self.run(sql, bindings, fetch)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<ResultColumn>, AdapterError> {
        let query = sql.trim().trim_end_matches(';');
        let described = self.run(&format!("describe (\n{query}\n)"), &[], Fetch::All)?;
        let text = |cell: Option<&Cell>| cell.and_then(Cell::as_str).unwrap_or_default().to_owned();
        let column =
            |row: &Vec<Cell>| ResultColumn { name: text(row.first()), type_name: text(row.get(1)), sql_name: None };
        Ok(described.rows.iter().map(column).collect())
    }

    fn is_there(&mut self, relation: &Relation) -> Result<bool, AdapterError> {
        let Some(identifier) = relation.identifier() else { return Ok(true) };
        // A file or a table function stands in no list.
        let rendered = relation.render();
        if rendered.contains(['(', '\'']) {
            return Ok(true);
        }
        let parts = [
            ("table_name", Some(identifier)),
            ("schema_name", relation.schema().filter(|_| relation.include.schema)),
            ("database_name", relation.database().filter(|_| relation.include.database)),
        ];
        let condition =
            |(name, part): (&str, Option<&str>)| Some(format!("lower({name}) = {}", literal(&part?.to_lowercase())));
        let conditions: Vec<String> = parts.into_iter().filter_map(condition).collect();
        let sql = format!(
            "select 1 from (\n\
             select database_name, schema_name, table_name from duckdb_tables()\n\
             union all select database_name, schema_name, view_name from duckdb_views()\n\
             ) as relations where {}",
            conditions.join(" and ")
        );
        Ok(!self.run(&sql, &[], Fetch::All)?.rows.is_empty())
    }

    fn load_seed(&mut self, load: SeedLoad<'_>) -> Result<u64, AdapterError> {
        let relation = load.relation;
        let columns: Vec<&str> = load.columns.iter().map(String::as_str).collect();
        let (table, schema) = (relation.identifier().unwrap_or_default(), relation.schema().unwrap_or("main"));
        let appender = match relation.database() {
            Some(database) => self.inner.appender_with_columns_to_catalog_and_db(table, database, schema, &columns),
            None => self.inner.appender_with_columns_to_db(table, schema, &columns),
        };
        let mut appender = appender.map_err(|error| adapter_error(&error))?;
        let mut count = 0;
        for row in load.rows {
            let row = row.into_iter().map(|value| value.map_or(Value::Null, Value::Text));
            appender
                .append_row(duckdb::appender_params_from_iter(row.collect::<Vec<_>>()))
                .map_err(|error| adapter_error(&error))?;
            count += 1;
        }
        appender.flush().map_err(|error| adapter_error(&error))?;
        Ok(count)
    }

    fn list_relations(&mut self, schemas: &[Schemas]) -> Result<Listing, AdapterError> {
        let filter = schema_filter(schemas);
        let sql = format!(
            "select database_name, schema_name, table_name, 'table' from duckdb_tables() where {filter}\n\
             union all\n\
             select database_name, schema_name, view_name, 'view' from duckdb_views() where not internal and {filter}\n\
             union all\n\
             select database_name, schema_name, null, 'schema' from duckdb_schemas() where {filter}"
        );
        let mut listing = Listing::default();
        for row in self.run(&sql, &[], Fetch::All)?.rows {
            let part = |index: usize| row.get(index).and_then(Cell::as_str);
            let (database, schema, name) = (part(0), part(1), part(2));
            if name.is_none() {
                let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
                listing.schemas.push((text(database), text(schema)));
                continue;
            }
            let kind = part(3).and_then(RelationKind::parse);
            listing.relations.push(super::CAPABILITIES.relation(Path::new(database, schema, name), kind));
        }
        Ok(listing)
    }

    fn catalog(&mut self, schemas: &[Schemas]) -> Result<Vec<CatalogTable>, AdapterError> {
        let filter = schema_filter(schemas);
        let sql = format!(
            "with relations as (\n\
             select database_name, schema_name, table_name, 'BASE TABLE' as kind, comment, estimated_size\n\
             from duckdb_tables() where {filter}\n\
             union all\n\
             select database_name, schema_name, view_name, 'VIEW', comment, null\n\
             from duckdb_views() where not internal and {filter}\n\
             )\n\
             select r.database_name, r.schema_name, r.table_name, r.kind, r.comment, r.estimated_size,\n\
             c.column_name, c.column_index, c.data_type, c.comment\n\
             from relations as r\n\
             left join duckdb_columns() as c using (database_name, schema_name, table_name)\n\
             order by r.database_name, r.schema_name, r.table_name, c.column_index"
        );
        let found = self.run(&sql, &[], Fetch::All)?;
        let mut tables: Vec<CatalogTable> = Vec::new();
        for row in found.rows {
            let text = |index: usize| row.get(index).and_then(Cell::as_str).map(str::to_owned);
            let place = (text(0).unwrap_or_default(), text(1).unwrap_or_default(), text(2).unwrap_or_default());
            let same = tables
                .last()
                .is_some_and(|last| (&last.database, &last.schema, &last.name) == (&place.0, &place.1, &place.2));
            if !same {
                let rows = row.get(5).filter(|cell| !cell.is_null()).cloned();
                let (database, schema, name) = place;
                tables.push(CatalogTable {
                    database,
                    schema,
                    name,
                    kind: text(3).unwrap_or_default(),
                    comment: text(4),
                    owner: None,
                    columns: Vec::new(),
                    stats: rows.into_iter().map(row_count).collect(),
                });
            }
            if let (Some(table), Some(name)) = (tables.last_mut(), text(6)) {
                let index = row.get(7).and_then(Cell::as_i128).and_then(|index| i64::try_from(index).ok());
                table.columns.push(CatalogColumn {
                    name,
                    index: index.unwrap_or(0),
                    type_name: text(8).unwrap_or_default(),
                    comment: text(9),
                });
            }
        }
        Ok(tables)
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(Interrupt(self.inner.interrupt_handle()))
    }
}

fn row_count(value: Cell) -> CatalogStat {
    CatalogStat {
        id: "row_count".into(),
        label: "Row Count".into(),
        value,
        description: "Approximate count of rows in this table".into(),
    }
}

/// A condition on `database_name` and `schema_name`.
fn schema_filter(schemas: &[Schemas]) -> String {
    let databases = schemas.iter().map(|wanted| {
        let database = format!("lower(database_name) = {}", literal(&wanted.database.to_lowercase()));
        if wanted.schemas.is_empty() {
            return database;
        }
        let names: Vec<String> = wanted.schemas.iter().map(|schema| literal(&schema.to_lowercase())).collect();
        format!("({database} and lower(schema_name) in ({}))", names.join(", "))
    });
    let any = databases.collect::<Vec<_>>().join(" or ");
    if any.is_empty() { "false".to_owned() } else { format!("({any})") }
}

struct Interrupt(Arc<InterruptHandle>);

impl Cancel for Interrupt {
    fn cancel(&self) {
        self.0.interrupt();
    }
}
