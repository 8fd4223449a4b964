//! The statements that ask Redshift's catalog: one for all schemas, never one per relation.
//!
//! docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html: `svv_columns` has the
//! columns of late-binding views too; a materialized view is a view whose definition says so.

use crate::adapter::Schemas;
use crate::adapter::postgres::literal_text as literal;

/// A condition on `table_schema`.
fn in_schemas(schemas: &[Schemas]) -> String {
    if schemas.iter().any(|wanted| wanted.schemas.is_empty()) {
        return "(table_schema <> 'information_schema' and table_schema not like 'pg\\_%')".to_owned();
    }
    let names: Vec<String> =
        schemas.iter().flat_map(|wanted| &wanted.schemas).map(|name| literal(&name.to_lowercase())).collect();
    if names.is_empty() { "false".to_owned() } else { format!("lower(table_schema) in ({})", names.join(", ")) }
}

/// Schema, name and dbt's kind of every relation. What a view reads is left open: views are made
/// without binding, or dropped with `cascade` by whoever asks for that.
pub fn relations(schemas: &[Schemas]) -> String {
    let filter = in_schemas(schemas);
    format!(
        "select table_schema, table_name, 'table', null\n\
         from information_schema.tables\n\
         where table_type = 'BASE TABLE' and table_name not like 'mv\\_tbl\\_\\_%' and {filter}\n\
         union all\n\
         select table_schema, table_name,\n\
         case when view_definition ilike '%create materialized view%' then 'materialized_view' else 'view' end, null\n\
         from information_schema.views\n\
         where {filter}"
    )
}

/// The names of all schemas.
pub fn schemas(_database: &str) -> String {
    "select nspname from pg_namespace".to_owned()
}

/// Schema, relation, kind, comment, owner; column, index, type, comment; ordered by these.
pub fn tables(schemas: &[Schemas]) -> String {
    let filter = in_schemas(schemas);
    format!(
        "select t.table_schema, t.table_name,\n\
         case when t.table_type ilike '%view%' then 'VIEW' else 'BASE TABLE' end, t.remarks, null,\n\
         c.column_name, c.ordinal_position::int,\n\
         case when c.character_maximum_length is not null and c.data_type like '%char%'\n\
         then c.data_type || '(' || c.character_maximum_length || ')'\n\
         when c.data_type = 'numeric' then 'numeric(' || c.numeric_precision || ',' || c.numeric_scale || ')'\n\
         else c.data_type end, c.remarks\n\
         from svv_tables as t\n\
         join svv_columns as c on c.table_schema = t.table_schema and c.table_name = t.table_name\n\
         where {}\n\
         order by t.table_schema, t.table_name, c.ordinal_position",
        filter.replace("table_schema", "t.table_schema")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_asks_for_all_schemas() {
        let wanted = Schemas { database: "dev".to_owned(), schemas: vec!["Staging".to_owned(), "o'k".to_owned()] };
        let sql = relations(std::slice::from_ref(&wanted));
        assert_eq!(sql.matches("lower(table_schema) in ('staging', 'o''k')").count(), 2, "{sql}");
        assert!(tables(&[wanted]).contains("where lower(t.table_schema) in ('staging', 'o''k')"));
    }
}
