//! A warehouse for tests: it writes down every statement, and refuses those that it is told to refuse.
//!
//! With it, tests state the exact SQL that work sends, for any warehouse's capabilities.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Adapter, AdapterError, AdapterResponse, Cancel, Capabilities, CatalogTable, Cell, Claim, Claimed, Connection,
    Fetch, Listing, QueryResult, Relation, ResultColumn, Schemas, SeedLoad,
};

#[derive(Debug, Default)]
struct Book {
    statements: Mutex<Vec<String>>,
    /// A part of a statement, and what is said to it; the first that fits.
    refusals: Vec<(String, AdapterError)>,
    relations: Vec<Relation>,
    catalog: Vec<CatalogTable>,
}

/// A warehouse that only remembers.
#[derive(Debug)]
pub struct Recorder {
    capabilities: &'static Capabilities,
    book: Arc<Book>,
}

impl Recorder {
    pub fn new(capabilities: &'static Capabilities) -> Recorder {
        Recorder { capabilities, book: Arc::default() }
    }

    fn with(mut self, change: impl FnOnce(&mut Book)) -> Recorder {
        // Connections hold the book too; a recorder is set up before any is opened.
        if let Some(book) = Arc::get_mut(&mut self.book) {
            change(book);
        }
        self
    }

    /// Refuses statements that contain `part`.
    #[must_use]
    pub fn refusing(self, part: &str, error: AdapterError) -> Recorder {
        self.with(|book| book.refusals.push((part.to_owned(), error)))
    }

    /// What the warehouse has from the start.
    #[must_use]
    pub fn having(self, relations: Vec<Relation>, catalog: Vec<CatalogTable>) -> Recorder {
        self.with(|book| {
            book.relations = relations;
            book.catalog = catalog;
        })
    }

    /// Every statement so far, of all connections.
    pub fn statements(&self) -> Vec<String> {
        self.book.statements.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Adapter for Recorder {
    fn capabilities(&self) -> &'static Capabilities {
        self.capabilities
    }

    fn version(&self) -> String {
        "0.0.0".to_owned()
    }

    fn default_database(&self) -> &str {
        "db"
    }

    fn default_schema(&self) -> &str {
        "main"
    }

    fn open(&self, _name: &str) -> Result<Box<dyn Connection>, AdapterError> {
        Ok(Box::new(Recording(self.book.clone())))
    }
}

struct Recording(Arc<Book>);

impl Recording {
    fn note(&self, statement: impl Into<String>) {
        self.0.statements.lock().unwrap_or_else(PoisonError::into_inner).push(statement.into());
    }

    fn answer(&self, sql: &str) -> Result<QueryResult, AdapterError> {
        match self.0.refusals.iter().find(|(part, _)| sql.contains(part.as_str())) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(QueryResult { response: AdapterResponse::ok(), ..QueryResult::default() }),
        }
    }
}

impl Connection for Recording {
    fn execute(&mut self, sql: &str, _fetch: Fetch) -> Result<QueryResult, AdapterError> {
        self.note(sql);
        self.answer(sql)
    }

    fn execute_bound(&mut self, sql: &str, bindings: &[Cell], _fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let bindings: Vec<String> = bindings.iter().map(Cell::to_string).collect();
        self.note(format!("{sql} -- {}", bindings.join(", ")));
        self.answer(sql)
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<ResultColumn>, AdapterError> {
        self.note(format!("describe: {sql}"));
        Ok(self.answer(sql)?.columns)
    }

    fn load_seed(&mut self, load: SeedLoad<'_>) -> Result<u64, AdapterError> {
        let count = load.rows.count();
        self.note(format!("load {count} rows into {}", load.relation.render()));
        Ok(count as u64)
    }

    fn list_relations(&mut self, schemas: &[Schemas]) -> Result<Listing, AdapterError> {
        for wanted in schemas {
            self.note(format!("list relations of {}: {}", wanted.database, wanted.schemas.join(", ")));
        }
        let main = |wanted: &Schemas| (wanted.database.clone(), "main".to_owned());
        let schemas = schemas.iter().map(main).collect();
        Ok(Listing { schemas, relations: self.0.relations.clone(), ..Listing::default() })
    }

    fn catalog(&mut self, schemas: &[Schemas]) -> Result<Vec<CatalogTable>, AdapterError> {
        for wanted in schemas {
            self.note(format!("catalog of {}: {}", wanted.database, wanted.schemas.join(", ")));
        }
        Ok(self.0.catalog.clone())
    }

    fn claim(&mut self, _claim: &Claim) -> Result<Claimed, AdapterError> {
        self.note("claim");
        Ok(Claimed::Ours)
    }

    fn claims_outlast(&self) -> bool {
        true
    }

    fn renew_claim(&mut self, _claim: &Claim) -> Result<(), AdapterError> {
        self.note("renew the claim");
        Ok(())
    }

    fn release_claim(&mut self, _claim: &Claim) -> Result<(), AdapterError> {
        self.note("release the claim");
        Ok(())
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(Recording(self.0.clone()))
    }
}

impl Cancel for Recording {
    fn cancel(&self) {
        self.note("cancel");
    }
}
