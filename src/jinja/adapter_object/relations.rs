//! The methods of `adapter` about relations and schemas.

use std::time::Duration;

use minijinja::{Error, Value};

use super::{Answer, Call, failed, fault, refused};
use crate::adapter::{BoundView, CacheKey, ErrorKind, Path, Relation, RelationKind, Session};
use crate::jinja::relation_object::{relation_argument, relation_of, switch, value_of};
use crate::jinja::{Arguments, values};

/// The arguments of `adapter.get_relation`.
const GET_RELATION: [&str; 3] = ["database", "schema", "identifier"];
/// How often a drop is tried that collides with what others do.
const DROP_ATTEMPTS: u32 = 4;
/// The code of a drop that something stands on.
const DEPENDENT_OBJECTS: &str = "2BP01";
const DROP_PAUSE: Duration = Duration::from_millis(100);

pub fn call(call: &mut Call<'_, '_, '_, '_>) -> Option<Answer> {
    Some(match call.method {
        "get_relation" => get_relation(call),
        "already_exists" => already_exists(call),
        "list_relations" => list_relations(call),
        "list_relations_without_caching" => list_relations_without_caching(call),
        "list_schemas" => list_schemas(call),
        "check_schema_exists" => check_schema_exists(call),
        "create_schema" | "drop_schema" => schema_macro(call),
        "drop_relation" => drop_relation(call),
        "truncate_relation" => relation_macro(call, "truncate_relation"),
        "rename_relation" => rename_relation(call),
        "tf_rename_at_commit" => rename_at_commit(call),
        "cache_added" | "cache_dropped" => cache_changed(call),
        "cache_renamed" => cache_renamed(call),
        "tf_is_read_by_bound_views" => is_read(call),
        "tf_replace" => replace(call),
        "tf_replaced" => replaced(call),
        "verify_database" => verify_database(call),
        "get_rows_different_sql" => rows_different(call),
        "is_ducklake" | "use_ducklake_table_workarounds" => is_ducklake(call),
        _ => return None,
    })
}

/// The session; the caller has made sure that there is one.
pub(super) fn session<'a>(call: &Call<'a, '_, '_, '_>) -> Result<&'a Session, Error> {
    let session = call.adapter.session.as_deref();
    session.ok_or_else(|| fault(format!("`adapter.{}` needs the warehouse, which parsing has not", call.method)))
}

fn text(value: Option<Value>) -> Option<String> {
    value.map(|value| values::text(&value)).filter(|text| !text.is_empty())
}

/// A method's only argument, a relation.
fn one_relation(call: &mut Call<'_, '_, '_, '_>) -> Result<Relation, Error> {
    let function = format!("adapter.{}", call.method);
    let [relation] = call.bind(["relation"])?;
    relation_argument(relation, &function, "relation").map_err(failed)
}

fn find(call: &Call<'_, '_, '_, '_>, database: Option<&str>, schema: Option<&str>, identifier: Option<&str>) -> Answer {
    let session = session(call)?;
    let database = database.or(Some(call.adapter.options.database.as_str()));
    session.warehouse().ensure_loaded(session, database, schema).map_err(refused)?;
    // Where the project does not quote, the warehouse folded the name.
    let quoting = call.adapter.capabilities().relation.quote.with(call.adapter.options.quoting);
    let folded =
        |text: Option<&str>, quoted: bool| text.map(|text| if quoted { text.to_owned() } else { text.to_lowercase() });
    let path = Path::new(
        folded(database, quoting.database).as_deref(),
        folded(schema, quoting.schema).as_deref(),
        folded(identifier, quoting.identifier).as_deref(),
    );
    let found = session.warehouse().cache().find(&path).map_err(refused)?;
    Ok(found.map_or_else(values::none, value_of))
}

/// Whether the arguments of `adapter.get_relation` name this relation.
pub(super) fn asks_for(arguments: &Arguments, own: &Relation) -> bool {
    let Ok(bound) = arguments.clone().bind("adapter.get_relation", GET_RELATION) else { return false };
    let [database, schema, identifier] = bound.map(text);
    let same = |given: Option<String>, own: Option<&str>| match (given, own) {
        (Some(given), Some(own)) => given.eq_ignore_ascii_case(own),
        (given, own) => given.is_none() || own.is_none(),
    };
    let path = &own.path;
    same(database, path.database.as_deref())
        && same(schema, path.schema.as_deref())
        && same(identifier, path.identifier.as_deref())
}

fn get_relation(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [database, schema, identifier] = call.bind(GET_RELATION)?.map(text);
    // Temporary relations stand in no schema, and the cache knows none of them.
    let (Some(schema), Some(identifier)) = (schema, identifier) else { return Ok(values::none()) };
    find(call, database.as_deref(), Some(&schema), Some(&identifier))
}

fn already_exists(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [schema, name] = call.bind(["schema", "name"])?.map(text);
    find(call, None, schema.as_deref(), name.as_deref()).map(|found| Value::from(!found.is_none()))
}

fn list_relations(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [database, schema] = call.bind(["database", "schema"])?.map(text);
    let session = session(call)?;
    let database = database.as_deref().or(Some(call.adapter.options.database.as_str()));
    session.warehouse().ensure_loaded(session, database, schema.as_deref()).map_err(refused)?;
    let found = session.warehouse().cache().relations(database, schema.as_deref());
    Ok(values::list(found.into_iter().map(value_of).collect()))
}

/// The macro gives rows of database, name, schema and type.
fn list_relations_without_caching(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let function = format!("adapter.{}", call.method);
    let [relation] = call.bind(["schema_relation"])?;
    let relation = relation_argument(relation, &function, "schema_relation").map_err(failed)?;
    let rows = call.call_macro("list_relations_without_caching", vec![("schema_relation", value_of(relation))])?;
    let rows = crate::jinja::table::rows(&rows);
    let relation = |row: &Vec<Value>| {
        let part = |index: usize| row.get(index).filter(|value| !value.is_none()).map(values::text);
        let (database, name, schema, kind) = (part(0), part(1), part(2), part(3));
        let path = Path::new(database.as_deref(), schema.as_deref(), name.as_deref());
        let kind = kind.map(|kind| RelationKind::parse(&kind).unwrap_or(RelationKind::External));
        value_of(call.capabilities().relation(path, kind))
    };
    Ok(values::list(rows.iter().map(relation).collect()))
}

fn list_schemas(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [database] = call.bind(["database"])?;
    let found = call.call_macro("list_schemas", vec![("database", database.unwrap_or_else(values::none))])?;
    let rows = crate::jinja::table::rows(&found);
    Ok(values::list(rows.into_iter().filter_map(|row| row.into_iter().next()).collect()))
}

fn check_schema_exists(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [database, schema] = call.bind(["database", "schema"])?.map(text);
    let schema = schema.unwrap_or_default();
    let path = Path::new(database.as_deref(), Some(&schema), Some("INFORMATION_SCHEMA"));
    let information_schema = value_of(call.relation(path).information_schema(None));
    let named = vec![("information_schema", information_schema), ("schema", Value::from(schema))];
    let found = call.call_macro("check_schema_exists", named)?;
    let count = crate::jinja::table::rows(&found).into_iter().flatten().next();
    Ok(Value::from(count.is_some_and(|count| count.is_true())))
}

fn schema_macro(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let relation = one_relation(call)?.without_identifier();
    call.call_macro(call.method, vec![("relation", value_of(relation.clone()))])?;
    let session = session(call)?;
    session.commit().map_err(refused)?;
    if call.method == "drop_schema" {
        session.warehouse().cache().drop_schema(relation.database(), relation.schema());
    }
    Ok(values::none())
}

fn relation_macro(call: &mut Call<'_, '_, '_, '_>, name: &str) -> Answer {
    let relation = one_relation(call)?;
    call.call_macro(name, vec![("relation", value_of(relation))])?;
    Ok(values::none())
}

fn drop_relation(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let relation = one_relation(call)?;
    if relation.kind.is_none() {
        return Err(fault(format!("Tried to drop relation {}, but its type is null.", relation.render())));
    }
    let session = session(call)?;
    session.note_change(&relation);
    let mut attempt = 1;
    loop {
        let outside = !session.in_transaction();
        let named = vec![("relation", value_of(relation.clone()))];
        // Within a transaction the warehouse keeps its locks beyond the drop, so waiting here could be for ever.
        let dropped = match outside && session.warehouse().cache().is_read(&relation) {
            true => session.drop_alone(|| call.call_macro("drop_relation", named)),
            false => call.call_macro("drop_relation", named),
        };
        let Err(error) = dropped else {
            session.warehouse().cache().drop(&relation);
            return Ok(values::none());
        };
        let refusal = session.last_error();
        let collided = refusal.as_ref().is_some_and(|error| error.kind == ErrorKind::Retryable);
        let own = CacheKey::of(&relation);
        if outside && attempt == 1 && refusal.is_some_and(|error| error.code.as_deref() == Some(DEPENDENT_OBJECTS)) {
            // Somebody has bound a view to it since we asked.
            session.warehouse().cache().link(vec![BoundView { view: own.clone(), origin: own }]);
            session.forget_error();
            attempt += 1;
            continue;
        }
        if !(outside && collided && attempt < DROP_ATTEMPTS && !session.warehouse().is_cancelled()) {
            // Whether it still stands has to be asked.
            session.warehouse().cache().forget(relation.database(), relation.schema());
            return Err(error);
        }
        // A drop by itself may be done again, unlike what it is a part of.
        session.forget_error();
        attempt += 1;
        std::thread::sleep(DROP_PAUSE * attempt);
    }
}

/// Whether views that are bound to a relation go along when it is dropped. Not one of dbt's methods.
fn is_read(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let relation = one_relation(call)?;
    Ok(Value::from(session(call)?.warehouse().cache().is_read(&relation)))
}

/// Whether a view may be replaced where it stands: what it has beside its query is set anew, or
/// there is nothing of the kind. Not one of dbt's methods.
fn replace(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [view, sets_grants, sets_comments, late] = call.bind(["view", "sets_grants", "sets_comments", "late"])?;
    let view = relation_argument(view, "adapter.tf_replace", "view").map_err(failed)?;
    let session = session(call)?;
    let kept = session.warehouse().cache().kept_by(&view);
    let settled = (!kept.grants || switch(sets_grants.as_ref(), false))
        && (!kept.comments || switch(sets_comments.as_ref(), false))
        && kept.late == switch(late.as_ref(), false);
    Ok(Value::from(settled && session.replace()))
}

/// A view was replaced. Not one of dbt's methods.
fn replaced(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    session(call)?.replaced();
    Ok(Value::from(""))
}

fn two_relations(call: &mut Call<'_, '_, '_, '_>) -> Result<[Relation; 2], Error> {
    let function = format!("adapter.{}", call.method);
    let [from, to] = call.bind(["from_relation", "to_relation"])?;
    let from = relation_argument(from, &function, "from_relation").map_err(failed)?;
    Ok([from, relation_argument(to, &function, "to_relation").map_err(failed)?])
}

fn rename_relation(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [from, to] = two_relations(call)?;
    rename(call, from, to)
}

/// As `rename_relation`, whose statement need not be sent before the commit. Not one of dbt's methods.
fn rename_at_commit(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [from, to] = two_relations(call)?;
    session(call)?.hold(|| rename(call, from, to))
}

fn rename(call: &mut Call<'_, '_, '_, '_>, from: Relation, to: Relation) -> Answer {
    let session = session(call)?;
    session.warehouse().cache().rename(&from, &to).map_err(refused)?;
    session.note_change(&from);
    session.note_change(&to);
    let named = vec![("from_relation", value_of(from)), ("to_relation", value_of(to.clone()))];
    let renamed = call.call_macro("rename_relation", named);
    if renamed.is_err() {
        session.warehouse().cache().forget(to.database(), to.schema());
    }
    renamed.map(|_| values::none())
}

fn cache_changed(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let relation = one_relation(call)?;
    let cache = session(call)?.warehouse().cache();
    match call.method {
        "cache_added" => cache.add(relation),
        _ => cache.drop(&relation),
    }
    Ok(Value::from(""))
}

fn cache_renamed(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [from, to] = two_relations(call)?;
    session(call)?.warehouse().cache().rename(&from, &to).map_err(refused)?;
    Ok(Value::from(""))
}

fn verify_database(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [database] = call.bind(["database"])?.map(text);
    let (kind, own) = (call.capabilities().adapter, &call.adapter.options.database);
    match database.map(|database| database.trim_matches('"').to_lowercase()) {
        Some(database) if database != own.to_lowercase() => {
            Err(fault(format!("Cross-db references not allowed in {kind} ({database} vs {own})")))
        }
        _ => Ok(Value::from("")),
    }
}

/// One row: by how many rows two relations differ in number, and how many rows are in one only.
fn rows_different(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [left, right, names, operator] = call.bind(["relation_a", "relation_b", "column_names", "except_operator"])?;
    let function = "adapter.get_rows_different_sql";
    let left = relation_argument(left, function, "relation_a").map_err(failed)?;
    let right = relation_argument(right, function, "relation_b").map_err(failed)?;
    let mut columns: Vec<String> = match names {
        Some(names) => values::items(&names).map_err(failed)?.iter().map(values::text).collect(),
        None => super::columns::of_relation(call, &left)?.iter().map(|column| column.name.clone()).collect(),
    };
    columns.iter_mut().for_each(|name| *name = call.capabilities().quote(name));
    columns.sort();
    let columns = columns.join(", ");
    let except = operator.map_or_else(|| "except".to_owned(), |operator| values::text(&operator));
    let side = |from: &Relation, without: &Relation| {
        format!("(select {columns} from {from} {except} select {columns} from {without})")
    };
    Ok(Value::from(format!(
        "select\n  (select count(*) from {left}) - (select count(*) from {right}) as row_count_difference,\n  \
         (select count(*) from ({} union all {}) as differing) as num_mismatched",
        side(&left, &right),
        side(&right, &left)
    )))
}

fn is_ducklake(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [relation] = call.bind(["relation"])?;
    let database = relation.as_ref().and_then(relation_of).and_then(Relation::database);
    let ducklake = database
        .is_some_and(|database| call.adapter.options.facts.ducklake_databases.iter().any(|known| known == database));
    // Renaming in DuckLake works since DuckDB 1.5.3; the engine here is newer.
    Ok(Value::from(ducklake && call.method == "is_ducklake"))
}
