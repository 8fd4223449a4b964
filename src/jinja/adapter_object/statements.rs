//! The methods of `adapter` that run SQL, and what they give.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::relations::session;
use super::{Answer, Call, fault, refused};
use crate::adapter::{AdapterResponse, Fetch, QueryResult, SeedLoad, Statement};
use crate::jinja::cells;
use crate::jinja::relation_object::{relation_argument, switch};
use crate::jinja::values;

pub fn call(call: &mut Call<'_, '_, '_, '_>) -> Option<Answer> {
    Some(match call.method {
        "execute" => execute(call),
        "add_query" => add_query(call),
        "commit" | "commit_if_has_connection" => commit(call),
        "tf_commit_beside" => commit_beside(call),
        "tf_in_transaction" => Ok(Value::from(session(call).is_ok_and(|session| session.in_transaction()))),
        "tf_query_once" => query_once(call),
        "ensure_transaction" => ensure_transaction(call),
        "debug_query" => debug_query(call),
        "validate_sql" => validate_sql(call),
        "location_exists" => location_exists(call),
        "warn_once" => warn_once(call),
        "tf_copy_rows" => copy_rows(call),
        "tf_insert_rows" => insert_rows(call),
        "nice_connection_name" => {
            let name = call.adapter.session.as_ref().map_or_else(|| "<None>".to_owned(), |session| session.name());
            Ok(Value::from(name))
        }
        "get_partitions_metadata" => Err(fault("`get_partitions_metadata` is not implemented for this adapter!")),
        "submit_python_job" => Err(fault(
            "Python models are parsed and kept in the graph, but tform does not run Python (docs.getdbt.com/docs/build/python-models)",
        )),
        _ => return None,
    })
}

fn execute(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [sql, auto_begin, fetch, limit] = call.bind(["sql", "auto_begin", "fetch", "limit"])?;
    let sql = values::text(&sql.unwrap_or_default());
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let wanted = switch(fetch.as_ref(), false);
    let fetch = match (wanted, limit) {
        (false, _) => Fetch::None,
        (true, Some(limit)) => Fetch::Limit(limit),
        (true, None) => Fetch::All,
    };
    let statement = Statement { auto_begin: switch(auto_begin.as_ref(), false), fetch, ..Statement::query(&sql) };
    let result = session(call)?.run(statement).map_err(refused)?;
    let response = response_value(result.response.clone());
    let table = if wanted { cells::table(result) } else { crate::jinja::table::empty() };
    Ok(values::tuple(vec![response, table]))
}

fn add_query(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [sql, auto_begin, bindings, abridge, _, _] =
        call.bind(["sql", "auto_begin", "bindings", "abridge_sql_log", "retryable_exceptions", "retry_limit"])?;
    let sql = values::text(&sql.unwrap_or_default());
    let bindings = bindings.map(|bindings| values::items(&bindings)).transpose().map_err(fault)?.unwrap_or_default();
    let bindings: Vec<_> = bindings.iter().map(cells::cell_of).collect();
    let statement = Statement {
        auto_begin: switch(auto_begin.as_ref(), true),
        bindings: &bindings,
        abridged: switch(abridge.as_ref(), false),
        // dbt sends what `add_query` gets without the query comment.
        with_comment: false,
        ..Statement::query(&sql)
    };
    let result = session(call)?.run(statement).map_err(refused)?;
    Ok(values::tuple(vec![values::none(), cells::table(result)]))
}

/// Puts a table's rows into a relation by the warehouse's fastest way. Not one of dbt's methods.
fn copy_rows(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [relation, rows, quote] = call.bind(["relation", "agate_table", "quote_columns"])?;
    let relation = relation_argument(relation, "adapter.tf_copy_rows", "relation").map_err(fault)?;
    let rows = rows.unwrap_or_default();
    let quoted = switch(quote.filter(|quote| !quote.is_none()).as_ref(), true);
    // A name that was not quoted stood in the statement as it is: the warehouse wrote it in lower case,
    // unless the header itself has quotes around it; spaces about it were only white space.
    let unquoted = |name: String| match name.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.trim().to_ascii_lowercase(),
    };
    let name = |name: String| if quoted { name } else { unquoted(name) };
    let columns: Vec<String> = crate::jinja::table::column_names(&rows).into_iter().map(name).collect();
    let load = SeedLoad { relation: &relation, columns: &columns, rows: &mut *cells::row_texts(&rows) };
    let count = session(call)?.load_seed(load).map_err(refused)?;
    if let Some(seed) = crate::jinja::table::seed(&rows) {
        seed.check(count).map_err(crate::jinja::error)?;
    }
    Ok(Value::from(count))
}

/// Inserts a table's rows, so many by one statement, which begins with `head`; gives the first statement's text.
/// Not one of dbt's methods.
fn insert_rows(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [head, rows, size] = call.bind(["head", "agate_table", "batch_size"])?;
    let (head, rows) = (values::text(&head.unwrap_or_default()), rows.unwrap_or_default());
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0).unwrap_or(1);
    let width = crate::jinja::table::column_names(&rows).len();
    let one_row = format!("({})", vec![call.capabilities().binding_character; width].join(", "));
    let (session, mut all, mut count, mut first) = (session(call)?, cells::row_cells(&rows), 0, None);
    loop {
        let (mut bindings, mut taken) = (Vec::with_capacity(size * width), 0);
        for row in all.by_ref().take(size) {
            bindings.extend(row);
            taken += 1;
        }
        if taken == 0 {
            break;
        }
        let sql = format!("{head}\n{}", vec![one_row.as_str(); taken].join(",\n"));
        let (auto_begin, abridged, with_comment) = (true, true, false);
        let statement = Statement { auto_begin, abridged, with_comment, bindings: &bindings, ..Statement::query(&sql) };
        session.run(statement).map_err(refused)?;
        count += taken as u64;
        first.get_or_insert(sql);
    }
    if let Some(seed) = crate::jinja::table::seed(&rows) {
        seed.check(count).map_err(crate::jinja::error)?;
    }
    Ok(Value::from(first.unwrap_or_default()))
}

fn commit(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    session(call)?.commit().map_err(refused)?;
    Ok(Value::from(""))
}

/// The rows of a query that is sent once in an invocation, or those in which `column` is `text`. Not one of
/// dbt's methods.
fn query_once(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [sql, column, text] = call.bind(["sql", "column", "text"])?;
    let (session, sql) = (session(call)?, values::text(&sql.unwrap_or_default()));
    let Some(column) = column else {
        return Ok(cells::table(QueryResult::clone(&*session.query_once(&sql).map_err(refused)?)));
    };
    let (column, text) = (values::text(&column), values::text(&text.unwrap_or_default()));
    Ok(cells::table(session.rows_once(&sql, &column, &text).map_err(refused)?))
}

/// Commits a relation that was built beside the one that it will replace. Not one of dbt's methods.
fn commit_beside(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [relation] = call.bind(["relation"])?;
    let relation = relation_argument(relation, "adapter.tf_commit_beside", "relation").map_err(fault)?;
    let session = session(call)?;
    session.commit_beside().map_err(refused)?;
    // It is there from now on, whatever becomes of the swap.
    session.warehouse().cache().add(relation);
    Ok(Value::from(""))
}

fn ensure_transaction(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    session(call)?.begin().map_err(refused)?;
    Ok(Value::from(""))
}

fn debug_query(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    session(call)?.query("select 1 as id").map_err(refused)?;
    Ok(values::none())
}

fn validate_sql(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [sql] = call.bind(["sql"])?;
    let result = call.call_macro("validate_sql", vec![("sql", sql.unwrap_or_default())])?;
    result.get_attr("response").map_err(|error| fault(error.to_string()))
}

fn location_exists(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [location] = call.bind(["location"])?;
    let location = values::text(&location.unwrap_or_default()).replace('\'', "''");
    let found = session(call)?.query(&format!("select 1 from '{location}' where 1=0"));
    Ok(Value::from(found.is_ok()))
}

fn warn_once(call: &mut Call<'_, '_, '_, '_>) -> Answer {
    let [message] = call.bind(["msg"])?;
    session(call)?.warehouse().warn_once(&values::text(&message.unwrap_or_default()));
    Ok(Value::from(""))
}

/// What the warehouse said about a statement: prints as its message, has its fields.
#[derive(Debug)]
struct Response(AdapterResponse);

const FIELDS: &[&str] = &["_message", "code", "rows_affected", "query_id"];

impl Object for Response {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let text = |text: &Option<String>| text.as_deref().map_or_else(values::none, Value::from);
        Some(match key {
            "_message" => Value::from(self.0.message.as_str()),
            "code" => text(&self.0.code),
            "rows_affected" => self.0.rows_affected.map_or_else(values::none, Value::from),
            "query_id" => text(&self.0.query_id),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(FIELDS)
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

/// A response as a value for templates.
pub fn response_value(response: AdapterResponse) -> Value {
    Value::from_object(Response(response))
}

/// The response that a value is: one of the warehouse, or text that a macro made up.
pub fn response_of(value: &Value) -> AdapterResponse {
    match value.downcast_object_ref::<Response>() {
        Some(response) => response.0.clone(),
        None => AdapterResponse { message: values::text(value), ..AdapterResponse::default() },
    }
}
