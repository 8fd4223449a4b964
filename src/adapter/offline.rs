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

/// What a connection that nothing may open is answered.
pub const FORBIDDEN: &str = "connection never acquired for thread: `--no-introspect` keeps the warehouse unasked";

/// Another adapter's facts without its connections.
pub struct Offline {
    adapter: Arc<dyn Adapter>,
    looks_empty: bool,
}

impl Offline {
    /// To whoever lists relations the warehouse looks empty.
    pub fn empty(adapter: Arc<dyn Adapter>) -> Arc<Offline> {
        Arc::new(Offline { adapter, looks_empty: true })
    }

    /// Whoever asks the warehouse anything is refused.
    pub fn forbidden(adapter: Arc<dyn Adapter>) -> Arc<Offline> {
        Arc::new(Offline { adapter, looks_empty: false })
    }
}

impl Adapter for Offline {
    fn capabilities(&self) -> &'static Capabilities {
        self.adapter.capabilities()
    }

    fn version(&self) -> String {
        self.adapter.version()
    }

    fn default_database(&self) -> &str {
        self.adapter.default_database()
    }

    fn default_schema(&self) -> &str {
        self.adapter.default_schema()
    }

    fn open(&self, _name: &str) -> Result<Box<dyn Connection>, AdapterError> {
        match self.looks_empty {
            true => Ok(Box::new(Empty)),
            false => Err(AdapterError::unsupported(FORBIDDEN)),
        }
    }

    fn facts(&self) -> Facts {
        self.adapter.facts()
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
