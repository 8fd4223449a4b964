{#-
  PostgreSQL: schemas, relations, columns, indexes and the catalog.
  Docs: reference/resource-configs/postgres-configs, postgresql.org/docs/current/catalogs.html
-#}

{%- macro postgres__create_schema(relation) -%}
  {%- do tf_verify_database(relation.database) -%}
  {%- call statement('create_schema') -%}
    create schema if not exists {{ tf_schema_name(relation) }}
  {%- endcall -%}
{%- endmacro -%}

{%- macro postgres__drop_schema(relation) -%}
  {%- do tf_verify_database(relation.database) -%}
  {%- call statement('drop_schema') -%}
    drop schema if exists {{ tf_schema_name(relation) }} cascade
  {%- endcall -%}
{%- endmacro -%}

{%- macro tf_schema_name(relation) -%}
  {{ return(relation.without_identifier().include(database=False)) }}
{%- endmacro -%}

{#- PostgreSQL reaches no other database than the connection's own. -#}
{%- macro tf_verify_database(database) -%}
  {%- if database -%}{%- do adapter.verify_database(database) -%}{%- endif -%}
{%- endmacro -%}

{%- macro postgres__information_schema_name(database) -%}
  information_schema
{%- endmacro -%}

{%- macro postgres__list_schemas(database) -%}
  {%- do tf_verify_database(database) -%}
  {{ return(run_query('select distinct nspname from pg_namespace')) }}
{%- endmacro -%}

{%- macro postgres__check_schema_exists(information_schema, schema) -%}
  {%- do tf_verify_database(information_schema.database) -%}
  {{ return(run_query("select count(*) from pg_namespace where nspname = '" ~ schema ~ "'")) }}
{%- endmacro -%}

{#- The server describes the relation; no catalog is queried. -#}
{%- macro postgres__get_columns_in_relation(relation) -%}
  {{ return(adapter.tf_describe_columns(relation)) }}
{%- endmacro -%}

{%- macro postgres__list_relations_without_caching(schema_relation) -%}
  {%- set kinds = [['pg_tables', 'tablename', 'table'], ['pg_views', 'viewname', 'view'], ['pg_matviews', 'matviewname', 'materialized_view']] -%}
  {%- set queries = [] -%}
  {%- for kind in kinds -%}
    {%- do queries.append(tf_list_kind(schema_relation, kind[0], kind[1], 'schemaname', kind[2])) -%}
  {%- endfor -%}
  {%- do queries.append(tf_list_kind(schema_relation, 'pg_proc join pg_namespace on pg_namespace.oid = pronamespace', 'proname', 'nspname', 'function')) -%}
  {%- call statement('list_relations_without_caching', fetch_result=True) -%}
    {{ queries | join('\n    union\n    ') }}
  {%- endcall -%}
  {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro -%}

{%- macro tf_list_kind(schema_relation, origin, name, schema, kind) -%}
  select '{{ schema_relation.database }}' as database, {{ name }} as name, {{ schema }} as schema, '{{ kind }}' as type from {{ origin }} where {{ schema }} ilike '{{ schema_relation.schema }}'
{%- endmacro -%}

{%- macro postgres__get_catalog(information_schema, schemas) -%}
  {%- set places = [] -%}
  {%- for schema in schemas -%}{%- do places.append({'schema': schema}) -%}{%- endfor -%}
  {{ return(postgres__get_catalog_relations(information_schema, places)) }}
{%- endmacro -%}

{%- macro postgres__get_catalog_relations(information_schema, relations) -%}
  {%- do tf_verify_database(information_schema.database) -%}
  {%- call statement('catalog', fetch_result=True) -%}
    select '{{ information_schema.database }}' as table_database, nspname as table_schema, relname as table_name,
      case relkind when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' end as table_type,
      obj_description(pg_class.oid, 'pg_class') as table_comment,
      attname as column_name, attnum as column_index, format_type(atttypid, atttypmod) as column_type,
      col_description(pg_class.oid, attnum) as column_comment, pg_get_userbyid(relowner) as table_owner
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
    join pg_namespace on pg_namespace.oid = relnamespace
    where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'f', 'v', 'm') and relpersistence <> 't'
      and {{ tf_named_any(relations, 'nspname', 'relname') }}
    order by nspname, relname, attnum
  {%- endcall -%}
  {{ return(load_result('catalog').table) }}
{%- endmacro -%}

{#- A condition that holds for the given relations, or all of a schema where no identifier is given. -#}
{%- macro tf_named_any(relations, schema_column, name_column) -%}
  {%- set tests = [] -%}
  {%- for relation in relations -%}
    {%- set test = 'lower(' ~ schema_column ~ ") = lower('" ~ relation.schema ~ "')" -%}
    {%- set named = ' and lower(' ~ name_column ~ ") = lower('" ~ relation.identifier ~ "')" if relation.identifier else '' -%}
    {%- do tests.append('(' ~ test ~ named ~ ')') -%}
  {%- endfor -%}
  {{ return('(' ~ (tests | join(' or ') or 'false') ~ ')') }}
{%- endmacro -%}

{%- macro postgres__get_show_indexes_sql(relation) -%}
  select indexes.relname as name, amname as method, indisunique as "unique", string_agg(attname, ',' order by attnum) as column_names
  from pg_index
  join pg_class as indexes on indexes.oid = indexrelid
  join pg_am on pg_am.oid = indexes.relam
  join pg_class as owners on owners.oid = indrelid
  join pg_attribute on attrelid = owners.oid and attnum = any(indkey)
  where owners.relkind in ('r', 'm') and owners.relname = '{{ relation.identifier }}'
    and owners.relnamespace = (select oid from pg_namespace where nspname = '{{ relation.schema }}')
  group by indexes.relname, amname, indisunique
  order by indexes.relname, amname, indisunique
{%- endmacro -%}

{#- Which view (by its rewrite rule) reads from which relation. -#}
{%- macro postgres__get_relations() -%}
  {%- call statement('relations', fetch_result=True) -%}
    select distinct reader_schema.nspname as dependent_schema, reader.relname as dependent_name,
      origin_schema.nspname as referenced_schema, origin.relname as referenced_name
    from pg_rewrite
    join pg_depend on pg_depend.objid = pg_rewrite.oid
      and pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.refclassid = 'pg_class'::regclass
    join pg_class as reader on reader.oid = pg_rewrite.ev_class
    join pg_namespace as reader_schema on reader_schema.oid = reader.relnamespace
    join pg_class as origin on origin.oid = pg_depend.refobjid and origin.oid <> reader.oid
    join pg_namespace as origin_schema on origin_schema.oid = origin.relnamespace
    where origin_schema.nspname <> 'information_schema' and origin_schema.nspname not like 'pg\_%'
    order by 1, 2, 3, 4
  {%- endcall -%}
  {{ return(load_result('relations').table) }}
{%- endmacro -%}

{%- macro postgres_get_relations() -%}
  {{ return(postgres__get_relations()) }}
{%- endmacro -%}

{%- macro postgres__get_show_grant_sql(relation) -%}
  select grantee, privilege_type from {{ relation.information_schema('role_table_grants') }}
  where table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
    and grantor = current_role and grantee <> current_role
{%- endmacro -%}

{#- One question for all relations of a schema, unless a project asks in its own way. -#}
{%- macro postgres__tf_standing_grants(relation) -%}
  {%- set asks = [get_show_grant_sql, adapter.dispatch('get_show_grant_sql', 'dbt')] -%}
  {%- if asks | rejectattr('package_name', 'in', ['dbt', 'dbt_postgres']) | list -%}
    {{ return(default__tf_standing_grants(relation)) }}
  {%- endif -%}
  {%- set found = {} -%}
  {%- for row in adapter.tf_query_once(tf_schema_privileges_sql(relation), 'table_name', relation.identifier).rows if row[0] == relation.identifier -%}
    {%- do found.setdefault(row[2] | lower, []).append(row[1]) -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro -%}

{%- macro tf_schema_privileges_sql(relation) -%}
  select table_name::text, grantee::text, privilege_type::text
  from {{ relation.information_schema('role_table_grants') }}
  where table_schema = '{{ relation.schema }}' and grantor = current_role and grantee <> current_role
{%- endmacro -%}

{%- macro postgres__copy_grants() -%}
  {{ return(False) }}
{%- endmacro -%}
