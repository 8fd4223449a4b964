//! A warehouse that nobody connects to: what can be known of one without asking it.
//!
//! To work that may not touch the warehouse it looks empty, as before a first run; whatever
//! needs more than that is refused, so that the node that asked can say so.

use std::sync::Arc;

use super::{
    Adapter, AdapterError, Cancel, Capabilities, CatalogTable, Cell, Connection, Facts, Fetch, Listing, QueryResult,
    ResultColumn, Schemas, SeedLoad,
};

/// What a statement is answered.
pub const REFUSED: &str = "compiling it asks the warehouse";

/// Another adapter's facts without its connections.
pub struct Offline(pub Arc<dyn Adapter>);

impl Adapter for Offline {
    fn capabilities(&self) -> &'static Capabilities {
        self.0.capabilities()
    }

    fn version(&self) -> String {
        self.0.version()
    }

    fn default_database(&self) -> &str {
        self.0.default_database()
    }

    fn default_schema(&self) -> &str {
        self.0.default_schema()
    }

    fn open(&self, _name: &str) -> Result<Box<dyn Connection>, AdapterError> {
        Ok(Box::new(Empty))
    }

    fn facts(&self) -> Facts {
        self.0.facts()
    }
}

struct Empty;

fn refused<T>() -> Result<T, AdapterError> {
    Err(AdapterError::unsupported(REFUSED))
}

impl Connection for Empty {
    fn execute(&mut self, _sql: &str, _fetch: Fetch) -> Result<QueryResult, AdapterError> {
        refused()
    }

    fn execute_bound(&mut self, _sql: &str, _bindings: &[Cell], _fetch: Fetch) -> Result<QueryResult, AdapterError> {
        refused()
    }

    fn describe(&mut self, _sql: &str) -> Result<Vec<ResultColumn>, AdapterError> {
        refused()
    }

    fn load_seed(&mut self, _load: SeedLoad<'_>) -> Result<u64, AdapterError> {
        refused()
    }

    fn list_relations(&mut self, _schemas: &[Schemas]) -> Result<Listing, AdapterError> {
        Ok(Listing::default())
    }

    fn list_schemas(&mut self, _database: &str) -> Result<Vec<String>, AdapterError> {
        Ok(Vec::new())
    }

    fn catalog(&mut self, _schemas: &[Schemas]) -> Result<Vec<CatalogTable>, AdapterError> {
        Ok(Vec::new())
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(Empty)
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        Ok(())
    }
}

impl Cancel for Empty {
    fn cancel(&self) {}
}
