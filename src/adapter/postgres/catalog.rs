//! The statements that ask PostgreSQL's own catalog: one for all schemas, never one per relation.

use super::literal;
use crate::adapter::Schemas;

/// A condition on `nspname`.
fn in_schemas(schemas: &[Schemas]) -> String {
    if schemas.iter().any(|wanted| wanted.schemas.is_empty()) {
        return "(nspname <> 'information_schema' and nspname not like 'pg\\_%')".to_owned();
    }
    let names: Vec<String> =
        schemas.iter().flat_map(|wanted| &wanted.schemas).map(|name| literal::text(&name.to_lowercase())).collect();
    if names.is_empty() { "false".to_owned() } else { format!("lower(nspname) in ({})", names.join(", ")) }
}

/// The names of the schemas that exist, and schema, name and dbt's kind of every relation and function; for views also the schemas and
/// names of what they read, as a JSON text: dropping that drops them. Rows of kind `keeps` say what
/// a view has beside its query: `g`, grants; `c`, comments.
pub fn relations(schemas: &[Schemas]) -> String {
    let filter = in_schemas(schemas);
    format!(
        "select nspname::text, null::text, 'schema'::text, null::text from pg_namespace where {filter}\n\
         union all\n\
         select nspname::text, relname::text,\n\
         case relkind when 'v' then 'view' when 'm' then 'materialized_view' else 'table' end, origins::text\n\
         from pg_class join pg_namespace on pg_namespace.oid = relnamespace\n\
         left join (\n\
         select reader, json_agg(json_build_array(nspname, relname)) as origins\n\
         from (\n\
         select distinct ev_class as reader, refobjid as origin\n\
         from pg_rewrite join pg_depend on objid = pg_rewrite.oid and classid = 'pg_rewrite'::regclass\n\
         where refclassid = 'pg_class'::regclass and refobjid <> ev_class\n\
         ) as links\n\
         join pg_class on pg_class.oid = origin join pg_namespace on pg_namespace.oid = relnamespace\n\
         where nspname <> 'pg_catalog' and nspname <> 'information_schema'\n\
         group by reader\n\
         ) as reads on reader = pg_class.oid\n\
         where relkind in ('r', 'p', 'v', 'm') and {filter}\n\
         union all\n\
         {}\n\
         union all\n\
         select distinct nspname::text, proname::text, 'function', null\n\
         from pg_proc join pg_namespace on pg_namespace.oid = pronamespace\n\
         where {filter}",
        kept_by_views(&filter)
    )
}

/// Schema, name, `keeps` and letters for every view that has grants (`g`) or comments (`c`).
pub fn kept_by_views(filter: &str) -> String {
    format!(
        "select nspname::text, relname::text, 'keeps',\n\
         case when relacl is null then '' else 'g' end || case when described.objoid is null then '' else 'c' end\n\
         from pg_class join pg_namespace on pg_namespace.oid = relnamespace\n\
         left join (\n\
         select distinct objoid from pg_description where classoid = 'pg_class'::regclass\n\
         ) as described on described.objoid = pg_class.oid\n\
         where relkind = 'v' and (relacl is not null or described.objoid is not null) and {filter}"
    )
}

/// Schema, relation, kind, comment, owner; column, index, type, comment; ordered by these.
pub fn tables(schemas: &[Schemas]) -> String {
    let filter = in_schemas(schemas);
    format!(
        "select nspname::text, relname::text,\n\
         case relkind when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' end,\n\
         obj_description(pg_class.oid, 'pg_class'), pg_get_userbyid(relowner)::text,\n\
         attname::text, attnum::int, format_type(atttypid, atttypmod), col_description(pg_class.oid, attnum)\n\
         from pg_class\n\
         join pg_namespace on pg_namespace.oid = relnamespace\n\
         left join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped\n\
         where relkind in ('r', 'p', 'f', 'v', 'm') and relpersistence <> 't' and {filter}\n\
         order by nspname, relname, attnum"
    )
}
