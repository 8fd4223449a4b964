//! The embedded engine beside the target, for unit tests (`--unit-engine duckdb`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value as Json, json};

use crate::adapter::{self, Warehouse};
use crate::compile::runtime::Runtime;
use crate::compile::stand_in::StandIn;
use crate::diagnostic::Diagnostics;
use crate::graph::NodeSet;
use crate::jinja::adapter_object::AdapterOptions;
use crate::jinja::context::Globals;
use crate::jinja::{Engine, relation_object, values};
use crate::load::{OWN, builtin_packages};
use crate::manifest::Resource;
use crate::parse;
use crate::sql::Dialect;

use super::Call;
use super::prepare::{self, Prepared};

/// What of a runtime is another one on the embedded engine.
pub(super) struct Embedded {
    engine: Engine,
    warehouse: Arc<Warehouse>,
    globals: Arc<Globals>,
    adapter_options: Arc<AdapterOptions>,
    internal_packages: Vec<String>,
}

/// The embedded engine, if unit tests are to be run on it and it is not the target already.
///
/// # Errors
/// What is wrong with macros on it.
pub(super) fn beside(call: &Call, prepared: &Prepared, selected: &NodeSet) -> Result<Option<Embedded>, Diagnostics> {
    let (invocation, files) = (&call.invocation, &prepared.files);
    let wanted = match invocation.flags.get("unit_engine").and_then(Json::as_str) {
        Some(engine) => engine == "duckdb",
        None => files.own_settings.tests.units_embedded == Some(true),
    };
    let mut resources = prepared.graph.ids_of(selected).filter_map(|id| prepared.graph.manifest().resource(id));
    if !wanted
        || prepared.warehouse.capabilities().dialect == Dialect::Duckdb
        || !resources.any(|resource| matches!(resource, Resource::UnitTest(_)))
    {
        return Ok(None);
    }
    let reporter = call.reporter.clone();
    let warehouse = Warehouse::new(adapter::embedded(), move |event| reporter.emit(event));
    call.interrupt.watch(&warehouse);
    let capabilities = warehouse.capabilities();
    let mut globals = prepare::globals(invocation, files);
    let mut target = files.target.to_json();
    target.insert("type".to_owned(), json!(capabilities.adapter));
    globals.target = values::from_json(&Json::Object(target));
    let globals = Arc::new(globals);
    let adapter_options = Arc::new(AdapterOptions {
        capabilities,
        facts: warehouse.adapter().facts(),
        database: warehouse.adapter().default_database().to_owned(),
        schema: warehouse.adapter().default_schema().to_owned(),
        ..AdapterOptions::clone(&prepared.adapter_options)
    });
    let has_own = files.builtin.iter().any(|package| package.name == OWN);
    let mut builtin = builtin_packages(capabilities.adapter);
    builtin.retain(|package| package.name != OWN || has_own);
    let engine = parse::engine(&prepare::inputs(call, files, &globals, &adapter_options), &builtin)?;
    let internal_packages = builtin.iter().map(|package| package.name.to_owned()).collect();
    Ok(Some(Embedded { engine, warehouse, globals, adapter_options, internal_packages }))
}

impl Embedded {
    /// The runtime on the embedded engine, of the same project as that of the target.
    pub fn runtime(self, target: &Arc<Runtime>) -> Arc<Runtime> {
        if let Some(selected) = target.globals.selected_resources.get() {
            // Only set here, once.
            let _ = self.globals.selected_resources.set(selected.clone());
        }
        Arc::new(Runtime {
            graph: target.graph.clone(),
            engine: self.engine,
            api: relation_object::api(self.warehouse.capabilities(), target.quoting),
            warehouse: self.warehouse,
            globals: self.globals,
            adapter_options: self.adapter_options,
            flags: target.flags.clone(),
            project_dir: target.project_dir.clone(),
            target_path: target.target_path.clone(),
            quoting: target.quoting,
            query_comment: target.query_comment.clone(),
            internal_packages: self.internal_packages,
            deferred: HashMap::new(),
            settings: target.settings.clone(),
            fresh: HashMap::new(),
            graph_dictionary: OnceLock::new(),
            components: OnceLock::new(),
            ephemeral: Mutex::default(),
            plain_tests: Mutex::default(),
            comment_head: OnceLock::new(),
            stand_in: Some(StandIn::new(target.capabilities().dialect)),
        })
    }
}
