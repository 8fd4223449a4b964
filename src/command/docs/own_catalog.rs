//! The catalog by macros of the project or of a package, where they replace the adapter's.
//!
//! Source: docs.getdbt.com/reference/commands/cmd-docs, `get_catalog` and `get_catalog_relations` of
//! dbt-adapters.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;

use crate::adapter::{CatalogColumn, CatalogStat, CatalogTable, Path, Relation, Schemas};
use crate::compile;
use crate::compile::host::NodeHost;
use crate::compile::runtime::{Runtime, Worker};
use crate::diagnostic::Diagnostic;
use crate::jinja::{Arguments, Scope, cells, relation_object, table, values};
use crate::load;
use crate::manifest::Node;
use crate::run::leaves_relation;

/// With more relations than this, whole schemas are asked for.
const MOST_RELATIONS: usize = 100;

/// What the project's own macro says of the relations; none if the adapter's macro would be called.
pub(super) fn read(
    runtime: &Arc<Runtime>,
    worker: &Worker,
    schemas: &[Schemas],
) -> Option<Result<Vec<CatalogTable>, Diagnostic>> {
    let relations = relations(runtime);
    let narrow = runtime.capabilities().catalog_by_relations && relations.len() <= MOST_RELATIONS;
    let name = if narrow { "get_catalog_relations" } else { "get_catalog" };
    let (engine, package) = (&runtime.engine, &runtime.globals.project_name);
    let called = [engine.resolve(name, package), engine.dispatched(name, Some("dbt"), package)];
    if called.into_iter().flatten().all(|found| load::is_builtin(&found.file)) {
        return None;
    }
    let tables = schemas.iter().map(|schemas| {
        let (key, wanted) = if narrow {
            let of_database = relations.iter().filter(|relation| relation.database() == Some(&schemas.database));
            ("relations", of_database.cloned().map(relation_object::value_of).collect())
        } else {
            ("schemas", schemas.schemas.iter().map(|schema| Value::from(schema.as_str())).collect())
        };
        call(runtime, worker, name, (&schemas.database, key, values::list(wanted)))
    });
    let tables: Result<Vec<Vec<CatalogTable>>, Diagnostic> = tables.collect();
    Some(tables.map(|tables| tables.into_iter().flatten().collect()))
}

/// Every relation that the project builds or reads.
fn relations(runtime: &Runtime) -> Vec<Relation> {
    let default = runtime.warehouse.adapter().default_database();
    let is_built = |node: &&Arc<Node>| leaves_relation(runtime, node) && node.function().is_none();
    let nodes = runtime.manifest().nodes.values().filter(is_built);
    let nodes = nodes.map(|node| runtime.relation_of(node));
    let all = nodes.chain(runtime.manifest().sources.values().map(|source| runtime.source_relation(source)));
    let named = all.map(|mut relation| {
        if relation.database().is_none() {
            let path = Path::new(Some(default), relation.schema(), relation.identifier());
            relation.path = path;
        }
        relation
    });
    named.collect()
}

fn call(
    runtime: &Arc<Runtime>,
    worker: &Worker,
    name: &str,
    (database, key, wanted): (&str, &'static str, Value),
) -> Result<Vec<CatalogTable>, Diagnostic> {
    let node = Arc::new(runtime.operation(name));
    let host = NodeHost::new(runtime, &node, worker.clone(), Vec::new());
    let context = compile::context(runtime, &node, host);
    let path = Path::new(Some(database), None, Some("INFORMATION_SCHEMA"));
    let schema = runtime.capabilities().relation(path, None).information_schema(None);
    let named = vec![("information_schema".into(), relation_object::value_of(schema)), (key.into(), wanted)];
    let arguments = Arguments { positional: Vec::new(), named };
    let answer = runtime.engine.call(name, arguments, &Scope::new(&node.package_name, context));
    worker.session.rollback();
    Ok(tables(&answer?.value))
}

/// A table for each relation of the answer, which has a row for each column.
fn tables(answer: &Value) -> Vec<CatalogTable> {
    let names = table::column_names(answer);
    let mut found: IndexMap<(String, String, String), CatalogTable> = IndexMap::new();
    for row in table::rows(answer) {
        let cell = |name: &str| {
            let at = names.iter().position(|known| known.eq_ignore_ascii_case(name))?;
            row.get(at).filter(|value| !value.is_none())
        };
        let text = |name: &str| cell(name).map(values::text);
        let part = |name: &str| text(name).unwrap_or_default();
        let (database, schema, name) = (part("table_database"), part("table_schema"), part("table_name"));
        let entry = found.entry((database.clone(), schema.clone(), name.clone())).or_insert_with(|| CatalogTable {
            database,
            schema,
            name,
            kind: part("table_type"),
            comment: text("table_comment"),
            owner: text("table_owner"),
            columns: Vec::new(),
            stats: statistics(&names, &row),
        });
        if let Some(name) = text("column_name") {
            let index = cell("column_index").and_then(|index| i64::try_from(index.clone()).ok());
            entry.columns.push(CatalogColumn {
                name,
                index: index.unwrap_or_else(|| entry.columns.len() as i64 + 1),
                type_name: part("column_type"),
                comment: text("column_comment"),
            });
        }
    }
    found.into_values().collect()
}

/// The figures in columns named `stats:ID:label`, `stats:ID:value`, `stats:ID:description` and `stats:ID:include`.
fn statistics(names: &[String], row: &[Value]) -> Vec<CatalogStat> {
    let ids = names.iter().filter_map(|name| name.strip_prefix("stats:")?.strip_suffix(":value"));
    let of = |id: &str, field: &str| {
        let name = format!("stats:{id}:{field}");
        names.iter().position(|known| *known == name).and_then(|at| row.get(at))
    };
    let included = ids.filter(|id| of(id, "include").is_some_and(Value::is_true));
    let text = |id: &str, field: &str| Cow::from(of(id, field).map(values::text).unwrap_or_default());
    included
        .map(|id| CatalogStat {
            id: Cow::from(id.to_owned()),
            label: text(id, "label"),
            value: of(id, "value").map(cells::cell_of).unwrap_or(crate::adapter::Cell::Null),
            description: text(id, "description"),
        })
        .collect()
}
