//! The statements that ask Redshift's catalog: one for all schemas, never one per relation.
//!
//! docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html: `svv_columns` has the
//! columns of late-binding views too; a materialized view is a view whose definition says so.

use crate::adapter::Schemas;
use crate::adapter::postgres::{Elsewhere, MoreOfTables, Statistic, kept_by_views, literal_text as literal};

pub static MORE: MoreOfTables = MoreOfTables { owners, statistics, statistic: STATISTICS };

pub const ELSEWHERE: Elsewhere = Elsewhere { relations: relations_elsewhere, tables: tables_elsewhere };

/// A condition on database and schema of another database's views.
fn of_database(wanted: &Schemas) -> String {
    let schemas = in_schemas(std::slice::from_ref(wanted), "schema_name");
    format!("database_name = {} and {schemas}", literal(wanted.database.trim_matches('"')))
}

/// As [`relations`], of another database or a datashare.
fn relations_elsewhere(wanted: &Schemas) -> String {
    let filter = of_database(wanted);
    format!(
        "select schema_name::text, null::text, 'schema'::text, null::text from svv_redshift_schemas where {filter}\n\
         union all\n\
         select schema_name::text, table_name::text, case when table_type ilike '%view%' then 'view' else 'table' end, null\n\
         from svv_redshift_tables where {filter}"
    )
}

/// As [`tables`], of another database or a datashare.
fn tables_elsewhere(wanted: &Schemas) -> String {
    format!(
        "select schema_name::text, table_name::text, 'BASE TABLE', null, null,\n\
         column_name::text, ordinal_position::int, data_type::text, remarks::text\n\
         from svv_redshift_columns where {}\n\
         order by schema_name, table_name, ordinal_position",
        of_database(wanted)
    )
}

const fn figure(id: &'static str, label: &'static str, sql: &'static str, description: &'static str) -> Statistic {
    Statistic { id, label, description, sql }
}

/// docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html
const STATISTICS: &[Statistic] = &[
    figure("encoded", "Encoded", "encoded", "Whether any column is compressed."),
    figure("diststyle", "Dist Style", "diststyle", "How rows are distributed, with the key if there is one."),
    figure(
        "sortkey1",
        "Sort Key 1",
        // The name of an interleaved key holds bytes that are no text.
        "case when sortkey1 like 'INTERLEAVED%' then 'INTERLEAVED'::text else sortkey1 end",
        "The first column of the sort key.",
    ),
    figure("max_varchar", "Max Varchar", "max_varchar", "Width of the widest varchar column."),
    figure("sortkey1_enc", "Sort Key 1 Encoding", "sortkey1_enc", "Compression of the first column of the sort key."),
    figure("sortkey_num", "# Sort Keys", "nullif(sortkey_num, 0)", "How many columns the sort key has."),
    figure("size", "Approximate Size", "size * 1000000", "Bytes, from the number of blocks of 1 MB."),
    figure("pct_used", "Disk Utilization", "pct_used / 100.0", "Share of the available space."),
    figure("unsorted", "Unsorted %", "unsorted / 100.0", "Share of rows that are not sorted."),
    figure("stats_off", "Stats Off", "stats_off", "How stale the planner's statistics are, from 0 (fresh) to 100."),
    figure("rows", "Approximate Row Count", "tbl_rows", "Rows, with those deleted but not yet vacuumed."),
    figure(
        "skew_sortkey1",
        "Sort Key Skew",
        "skew_sortkey1",
        "Size of the largest column beside the sort key over that of the first sort key column.",
    ),
    figure("skew_rows", "Skew Rows", "skew_rows", "Rows on the fullest slice over rows on the emptiest."),
];

/// Schema, name, owner of every relation.
fn owners(schemas: &[Schemas]) -> String {
    let filter = in_schemas(schemas, "schemaname");
    format!(
        "select schemaname::text, tablename::text, tableowner::text from pg_tables where {filter}\n\
         union all\n\
         select schemaname::text, viewname::text, viewowner::text from pg_views where {filter}"
    )
}

/// Schema, name and the statistics of every table that has rows.
fn statistics(schemas: &[Schemas]) -> String {
    let columns: Vec<&str> = STATISTICS.iter().map(|figure| figure.sql).collect();
    let filter = in_schemas(schemas, "\"schema\"");
    format!("select \"schema\", \"table\", {} from svv_table_info where {filter}", columns.join(", "))
}

/// A condition on the column that holds the schema.
fn in_schemas(schemas: &[Schemas], column: &str) -> String {
    if schemas.iter().any(|wanted| wanted.schemas.is_empty()) {
        return format!("({column} <> 'information_schema' and {column} not like 'pg\\_%')");
    }
    let names: Vec<String> =
        schemas.iter().flat_map(|wanted| &wanted.schemas).map(|name| literal(&name.to_lowercase())).collect();
    if names.is_empty() { "false".to_owned() } else { format!("lower({column}) in ({})", names.join(", ")) }
}

/// The names of the schemas that exist; schema, name and dbt's kind of every relation; `reads` for what a bound view reads, which is
/// dropped only along with it; and `keeps` for what a view has beside its query.
pub fn relations(schemas: &[Schemas]) -> String {
    let filter = in_schemas(schemas, "table_schema");
    let by_namespace = in_schemas(schemas, "nspname");
    format!(
        "select nspname::text, null::text, 'schema'::text, null::text from pg_namespace where {by_namespace}\n\
         union all\n\
         select table_schema::text, table_name::text, 'table', null\n\
         from information_schema.tables\n\
         where table_type = 'BASE TABLE' and table_name not like 'mv\\_tbl\\_\\_%' and {filter}\n\
         union all\n\
         select table_schema::text, table_name::text,\n\
         case when view_definition ilike '%create materialized view%' then 'materialized_view' else 'view' end, null\n\
         from information_schema.views\n\
         where {filter}\n\
         union all\n\
         select distinct view_schema.nspname::text, view.relname::text, 'reads',\n\
         '[[\"' || table_schema.nspname::text || '\",\"' || origin.relname::text || '\"]]'\n\
         from pg_rewrite\n\
         join pg_depend on pg_depend.objid = pg_rewrite.oid\n\
         join pg_class as view on view.oid = pg_rewrite.ev_class\n\
         join pg_namespace as view_schema on view_schema.oid = view.relnamespace\n\
         join pg_class as origin on origin.oid = pg_depend.refobjid and origin.oid <> view.oid\n\
         join pg_namespace as table_schema on table_schema.oid = origin.relnamespace\n\
         where {}\n\
         union all\n\
         {}\n\
         union all\n\
         select table_schema::text, table_name::text, 'keeps', 'l'\n\
         from information_schema.views\n\
         where view_definition ilike '%with no schema binding%' and {filter}",
        in_schemas(schemas, "table_schema.nspname"),
        kept_by_views(&by_namespace)
    )
}

/// Schema, relation, kind, comment, owner; column, index, type, comment; ordered by these.
pub fn tables(schemas: &[Schemas]) -> String {
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
        in_schemas(schemas, "t.table_schema")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_asks_for_all_schemas() {
        let wanted = Schemas { database: "dev".to_owned(), schemas: vec!["Staging".to_owned(), "o'k".to_owned()] };
        let sql = relations(std::slice::from_ref(&wanted));
        assert_eq!(sql.matches("lower(table_schema) in ('staging', 'o''k')").count(), 3, "{sql}");
        assert!(tables(&[wanted]).contains("where lower(t.table_schema) in ('staging', 'o''k')"));
    }
}
