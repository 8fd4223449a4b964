{#-
  DuckDB: schemas, relations, columns and the catalog.
  Docs: reference/resource-configs/duckdb-configs, duckdb.org/docs/sql/meta/duckdb_table_functions
-#}

{#- Attached SQLite and MySQL databases have no schemas to create. -#}
{%- macro duckdb__create_schema(relation) -%}
  {%- set kind = tf_attached_kind(relation) -%}
  {%- if kind == 'sqlite' and relation.schema != 'main' -%}
    {%- do exceptions.raise_compiler_error("Schema must be 'main' when writing to sqlite instead got " ~ relation.schema) -%}
  {%- elif kind not in ['sqlite', 'mysql'] -%}
    {{ return(default__create_schema(relation)) }}
  {%- endif -%}
{%- endmacro -%}

{#- `duckdb`, `sqlite`, `ducklake` and so on; the target's own is not asked. -#}
{%- macro tf_attached_kind(relation) -%}
  {%- if not relation.database -%}{{ return('duckdb') }}{%- endif -%}
  {%- set found = run_query(
    "select type from duckdb_databases() where lower(database_name) = lower('" ~ escape_single_quotes(relation.database) ~ "')"
  ) -%}
  {{ return(found.rows[0][0] if found.rows else 'duckdb') }}
{%- endmacro -%}

{%- macro duckdb__drop_schema(relation) -%}
  {{ return(default__drop_schema(relation)) }}
{%- endmacro -%}

{%- macro duckdb__list_schemas(database) -%}
  {%- set here = " where lower(catalog_name) = lower('" ~ database ~ "')" if database is not none else '' -%}
  {{ return(run_query('select schema_name from system.information_schema.schemata' ~ here)) }}
{%- endmacro -%}

{%- macro duckdb__check_schema_exists(information_schema, schema) -%}
  {{ return(run_query(
    "select count(*) from system.information_schema.schemata where lower(catalog_name) = lower('" ~ information_schema.database
    ~ "') and lower(schema_name) = lower('" ~ schema ~ "')"
  )) }}
{%- endmacro -%}

{%- macro duckdb__list_relations_without_caching(schema_relation) -%}
  {%- call statement('list_relations_without_caching', fetch_result=True) -%}
    select '{{ schema_relation.database }}' as database, table_name as name, table_schema as schema,
      if(table_type = 'VIEW', 'view', 'table') as type
    from system.information_schema.tables
    where lower(table_catalog) = lower('{{ schema_relation.database }}')
      and lower(table_schema) = lower('{{ schema_relation.schema }}')
  {%- endcall -%}
  {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro -%}

{#- `describe` looks at one relation; the information schema loads them all. -#}
{%- macro duckdb__get_columns_in_relation(relation) -%}
  {%- call statement('get_columns_in_relation', fetch_result=True) -%}
    select column_name, column_type, null::bigint, null::bigint, null::bigint from (describe {{ relation.render() }})
  {%- endcall -%}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro -%}

{#- The header goes first by itself: a described query cannot hold it. -#}
{%- macro duckdb__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {%- if select_sql_header -%}{%- do run_query(select_sql_header) -%}{%- endif -%}
  {{ return(default__get_empty_subquery_sql(select_sql)) }}
{%- endmacro -%}

{%- macro duckdb__get_catalog(information_schema, schemas) -%}
  {{ return(run_query(tf_catalog_sql(information_schema, duckdb__get_catalog_schemas_where_clause_sql(schemas)))) }}
{%- endmacro -%}

{%- macro duckdb__get_catalog_relations(information_schema, relations) -%}
  {{ return(run_query(tf_catalog_sql(information_schema, duckdb__get_catalog_relations_where_clause_sql(relations)))) }}
{%- endmacro -%}

{%- macro tf_catalog_sql(information_schema, filter) -%}
  with tables as (
    {{ duckdb__get_catalog_tables_sql(information_schema) }} {{ filter }}
  ), columns as (
    {{ duckdb__get_catalog_columns_sql(information_schema) }} {{ filter }}
  )
  {{ duckdb__get_catalog_results_sql() }}
{%- endmacro -%}

{%- macro duckdb__get_catalog_tables_sql(information_schema) -%}
  {%- set here = "where lower(database_name) = lower('" ~ information_schema.database ~ "')" -%}
  {%- set place = 'database_name as table_database, schema_name as table_schema' -%}
  select * from (
    select {{ place }}, table_name, 'BASE TABLE' as table_type, comment as table_comment from duckdb_tables() {{ here }}
    union all
    select {{ place }}, view_name, 'VIEW', comment from duckdb_views() {{ here }}
  ) as found_tables
{%- endmacro -%}

{%- macro duckdb__get_catalog_columns_sql(information_schema) -%}
  select * from (
    select database_name as table_database, schema_name as table_schema, table_name,
      column_name, column_index, data_type as column_type, comment as column_comment
    from duckdb_columns()
    where lower(database_name) = lower('{{ information_schema.database }}')
  ) as found_columns
{%- endmacro -%}

{%- macro duckdb__get_catalog_results_sql() -%}
  select table_database, table_schema, table_name, table_type, table_comment,
    column_name, column_index, column_type, column_comment, null as table_owner
  from tables join columns using (table_database, table_schema, table_name)
  order by table_schema, table_name, column_index
{%- endmacro -%}

{%- macro duckdb__get_catalog_schemas_where_clause_sql(schemas) -%}
  {%- set tests = ['false'] -%}
  {%- for schema in schemas -%}
    {%- do tests.append("lower(table_schema) = lower('" ~ schema ~ "')") -%}
  {%- endfor -%}
  where ({{ tests | join(' or ') }})
{%- endmacro -%}

{%- macro duckdb__get_catalog_relations_where_clause_sql(relations) -%}
  {%- set tests = ['false'] -%}
  {%- for relation in relations -%}
    {%- if not relation.schema -%}
      {%- do exceptions.raise_compiler_error('`get_catalog_relations` needs a schema for each relation') -%}
    {%- endif -%}
    {%- set named = " and lower(table_name) = lower('" ~ relation.identifier ~ "')" if relation.identifier else '' -%}
    {%- do tests.append("(lower(table_schema) = lower('" ~ relation.schema ~ "')" ~ named ~ ')') -%}
  {%- endfor -%}
  where ({{ tests | join(' or ') }})
{%- endmacro -%}
