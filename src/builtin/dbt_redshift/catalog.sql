{#-
  Redshift: schemas, relations and columns. With `datasharing` in the profile
  the show statements answer, which see other databases too.
  Docs: reference/resource-configs/redshift-configs
-#}

{%- macro redshift__create_schema(relation) -%}
  {{ return(default__create_schema(relation) if redshift__use_show_apis() else postgres__create_schema(relation)) }}
{%- endmacro -%}

{%- macro redshift__drop_schema(relation) -%}
  {{ return(default__drop_schema(relation) if redshift__use_show_apis() else postgres__drop_schema(relation)) }}
{%- endmacro -%}

{%- macro redshift__information_schema_name(database) -%}
  {{ return(postgres__information_schema_name(database)) }}
{%- endmacro -%}

{%- macro redshift__list_schemas(database) -%}
  {%- if not redshift__use_show_apis() -%}{{ return(postgres__list_schemas(database)) }}{%- endif -%}
  {%- set names = [] -%}
  {%- for row in run_query('show schemas from database ' ~ tf_show_path(database, none)).rows -%}
    {%- do names.append([row['schema_name']]) -%}
  {%- endfor -%}
  {{ return(names) }}
{%- endmacro -%}

{#- One row with the count, as the query gives it. -#}
{%- macro redshift__check_schema_exists(information_schema, schema) -%}
  {%- if not redshift__use_show_apis() -%}{{ return(postgres__check_schema_exists(information_schema, schema)) }}{%- endif -%}
  {%- set database = tf_show_path(information_schema.database, none) -%}
  {{ return([[run_query('show schemas from database ' ~ database ~ " like '" ~ schema ~ "'").rows | length]]) }}
{%- endmacro -%}

{%- macro redshift__list_relations_without_caching(schema_relation) -%}
  {%- if redshift__use_show_apis() -%}{{ return(tf_list_shown_relations(schema_relation)) }}{%- endif -%}
  {%- set here = "table_schema ilike '" ~ schema_relation.schema ~ "'" -%}
  {%- set materialized = "case when view_definition ilike '%create materialized view%' then 'materialized_view' else 'view' end" -%}
  {%- call statement('list_relations_without_caching', fetch_result=True) -%}
    select table_catalog as database, table_name as name, table_schema as schema, 'table' as type
    from information_schema.tables where table_type = 'BASE TABLE' and {{ here }}
    union all
    select table_catalog, table_name, table_schema, {{ materialized }}
    from information_schema.views where {{ here }}
    union all
    {{ tf_functions_sql(schema_relation) }}
  {%- endcall -%}
  {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro -%}

{#- Functions are never shared, so they are asked of the catalog in any case. -#}
{%- macro redshift__list_function_relations_without_caching(schema_relation) -%}
  {%- call statement('list_function_relations_without_caching', fetch_result=True) -%}
    {{ tf_functions_sql(schema_relation) }}
  {%- endcall -%}
  {{ return(load_result('list_function_relations_without_caching').table) }}
{%- endmacro -%}

{%- macro tf_functions_sql(schema_relation) -%}
  select distinct '{{ schema_relation.database }}' as database, proname::varchar as name, nspname::varchar as schema, 'function' as type from pg_proc join pg_namespace on pg_namespace.oid = pronamespace where nspname ilike '{{ schema_relation.schema }}'
{%- endmacro -%}

{#- Rows of (database, name, schema, type). Older versions have no `table_subtype`. -#}
{%- macro tf_list_shown_relations(schema_relation) -%}
  {%- set shown = redshift__show_tables_from_schema(schema_relation.database, schema_relation.schema).table -%}
  {%- set relations = [] -%}
  {%- for row in shown.rows -%}
    {%- set subtype = row['table_subtype'] or '' if 'table_subtype' in shown.column_names else '' -%}
    {%- set view_kind = 'materialized_view' if subtype.upper() == 'MATERIALIZED VIEW' else 'view' -%}
    {%- set kind = view_kind if (row['table_type'] or '').upper() == 'VIEW' else 'table' -%}
    {%- do relations.append([row['database_name'], row['table_name'], row['schema_name'], kind]) -%}
  {%- endfor -%}
  {%- for row in list_function_relations_without_caching(schema_relation).rows -%}
    {%- do relations.append([row[0], row[1], row[2], row[3]]) -%}
  {%- endfor -%}
  {{ return(relations) }}
{%- endmacro -%}

{%- macro redshift__show_tables_from_schema(database, schema) -%}
  {%- call statement('show_tables', fetch_result=True) -%}
    show tables from schema {{ tf_show_path(database, schema) }}
  {%- endcall -%}
  {{ return(load_result('show_tables')) }}
{%- endmacro -%}

{#- The server describes what `select *` would give, without running it: right
    also for late-binding views, temporary and shared tables, and quick, unlike
    the catalog's functions. -#}
{%- macro redshift__get_columns_in_relation(relation) -%}
  {{ return(adapter.tf_describe_columns(relation)) }}
{%- endmacro -%}

{#- Asks for no late-binding views, which is what makes the full query slow. -#}
{%- macro redshift__get_columns_in_relation_unqualified(relation) -%}
  {%- call statement('get_columns_in_relation', fetch_result=True) -%}
    {{ tf_bound_columns_sql(relation) }} order by ordinal_position
  {%- endcall -%}
  {%- set columns = sql_convert_columns_in_relation(load_result('get_columns_in_relation').table) -%}
  {{ return(columns or redshift__get_columns_in_relation_legacy(relation)) }}
{%- endmacro -%}

{%- macro tf_bound_columns_sql(relation) -%}
  select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale from information_schema."columns" where table_name = '{{ relation.identifier }}'
{%- endmacro -%}

{#- Dropped columns leave rows named `........pg.dropped.N`. -#}
{%- macro redshift__get_columns_in_relation_show(relation) -%}
  {%- call statement('get_columns_in_relation', fetch_result=True) -%}
    show columns from table {{ tf_show_path(relation.database, relation.schema, relation.identifier) }}
  {%- endcall -%}
  {%- set columns = [] -%}
  {%- for row in load_result('get_columns_in_relation').table.rows if 'pg.dropped.' not in row['column_name'] -%}
    {%- do columns.append(api.Column(
      row['column_name'], row['data_type'], row['character_maximum_length'], row['numeric_precision'], row['numeric_scale']
    )) -%}
  {%- endfor -%}
  {{ return(columns) }}
{%- endmacro -%}

{#- Bound relations, late-binding views and external tables, each from its own catalog. -#}
{%- macro redshift__get_columns_in_relation_legacy(relation) -%}
  {%- set in_schema = "where table_schema = '" ~ relation.schema ~ "'" if relation.schema else '' -%}
  {%- call statement('get_columns_in_relation', fetch_result=True) -%}
    with found as (
      select ordinal_position, table_schema, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
      from information_schema."columns" where table_name = '{{ relation.identifier }}'
      union all
      select ordinal_position, view_schema, col_name, {{ tf_split_type_sql('col_type') }}
      from pg_get_late_binding_view_cols() cols(view_schema name, view_name name, col_name name, col_type varchar, ordinal_position int)
      where view_name = '{{ relation.identifier }}'
      union all
      select columnnum, schemaname, columnname, {{ tf_split_type_sql('external_type') }}
      from pg_catalog.svv_external_columns
      where schemaname = '{{ relation.schema }}' and tablename = '{{ relation.identifier }}'
    )
    select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
    from found {{ in_schema }} order by ordinal_position
  {%- endcall -%}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro -%}

{#- `character varying(20)` as name, length, precision, scale; the text stays in place of other types. -#}
{%- macro tf_split_type_sql(column) -%}
  {%- set figures = "regexp_substr(" ~ column ~ ", '[0-9,]+')" -%}
  {%- set text = '(' ~ column ~ " ilike 'character varying%' or " ~ column ~ " ilike 'varchar%')" -%}
  {%- set sized = '(' ~ column ~ " ilike 'character%' or " ~ column ~ " ilike 'varchar%')" -%}
  {%- set number = column ~ " ilike 'numeric%'" -%}
  case when {{ text }} then 'character varying' when {{ number }} then 'numeric' else {{ column }} end,
  case when {{ sized }} then nullif({{ figures }}, '')::int end,
  case when {{ number }} then nullif(split_part({{ figures }}, ',', 1), '')::int end,
  case when {{ number }} then nullif(split_part({{ figures }}, ',', 2), '')::int end
{%- endmacro -%}

{#- Every dependency on a relation, also of what is not a view. -#}
{%- macro redshift__get_relations() -%}
  {%- call statement('relations', fetch_result=True) -%}
    with owned as (
      select pg_class.oid as id, nspname, relname
      from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where nspname <> 'information_schema' and nspname not like 'pg\_%'
    ), edge as (
      select coalesce(ev_class, objid) as reader, refobjid as origin
      from pg_depend left join pg_rewrite on pg_rewrite.oid = objid
    )
    select distinct reader.nspname as dependent_schema, reader.relname as dependent_name,
      origin.nspname as referenced_schema, origin.relname as referenced_name
    from edge
    join owned as reader on reader.id = edge.reader
    join owned as origin on origin.id = edge.origin
    where edge.reader <> edge.origin
  {%- endcall -%}
  {{ return(load_result('relations').table) }}
{%- endmacro -%}

{%- macro redshift__get_relation_last_modified(information_schema, relations) -%}
  {%- call statement('last_modified', fetch_result=True) -%}
    select nspname as "schema", relname as identifier, max(start_time) as last_modified, {{ current_timestamp() }} as snapshotted_at
    from sys_query_detail
    join pg_class on pg_class.oid = table_id
    join pg_namespace on pg_namespace.oid = relnamespace
    where step_name = 'insert' and {{ tf_named_any(relations, 'nspname', 'relname') }}
    group by nspname, relname
  {%- endcall -%}
  {{ return(load_result('last_modified')) }}
{%- endmacro -%}
