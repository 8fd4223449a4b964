{#-
  Redshift: the catalog for the docs site. Queries on the leader node cannot be
  joined with those on the compute nodes, so the table statistics are joined to
  the columns in memory.
  Docs: reference/artifacts/catalog-json
-#}

{%- macro redshift__get_catalog(information_schema, schemas) -%}
  {{ return(redshift__get_catalog_relations(information_schema, tf_whole_schemas(schemas))) }}
{%- endmacro -%}

{%- macro redshift__get_catalog_relations(information_schema, relations) -%}
  {%- do tf_verify_database(information_schema.database) -%}
  {%- set columns = _redshift__get_base_catalog_by_relation_show if redshift__use_show_apis() else _redshift__get_base_catalog_by_relation -%}
  {%- set found = columns(information_schema.database, relations) -%}
  {%- if not redshift__can_select_from('svv_table_info') -%}
    {%- do redshift__no_svv_table_info_warning() -%}
    {{ return(found) }}
  {%- endif -%}
  {{ return(found.join(_redshift__get_extended_catalog_by_relation(relations), ['table_schema', 'table_name'])) }}
{%- endmacro -%}

{%- macro _redshift__get_base_catalog_by_schema(database, schemas) -%}
  {{ return(tf_base_catalog(
    database, _redshift__get_early_binding_by_schema_sql(database, schemas), _redshift__get_late_binding_by_schema_sql(schemas)
  )) }}
{%- endmacro -%}

{%- macro _redshift__get_base_catalog_by_relation(database, relations) -%}
  {{ return(tf_base_catalog(
    database, _redshift__get_early_binding_by_relation_sql(database, relations), _redshift__get_late_binding_by_relation_sql(relations)
  )) }}
{%- endmacro -%}

{%- macro tf_base_catalog(database, early_sql, late_sql) -%}
  {%- call statement('base_catalog', fetch_result=True) -%}
    select '{{ database }}' as table_database, *
    from (
      {{ early_sql }}
      union all
      {{ late_sql }}
    ) as found
    join ({{ redshift__get_table_owners_sql() }}) as owners using (table_schema, table_name)
    order by "column_index"
  {%- endcall -%}
  {{ return(load_result('base_catalog').table) }}
{%- endmacro -%}

{#- Schema names as relations without an identifier. -#}
{%- macro tf_whole_schemas(schemas) -%}
  {%- set places = [] -%}
  {%- for schema in schemas -%}{%- do places.append({'schema': schema}) -%}{%- endfor -%}
  {{ return(places) }}
{%- endmacro -%}

{%- macro _redshift__get_late_binding_by_schema_sql(schemas) -%}
  {{ return(_redshift__get_late_binding_by_relation_sql(tf_whole_schemas(schemas))) }}
{%- endmacro -%}

{%- macro _redshift__get_late_binding_by_relation_sql(relations) -%}
  {{ redshift__get_late_binding_sql() }} where {{ tf_named_any(relations, 'table_schema', 'table_name') }}
{%- endmacro -%}

{%- macro _redshift__get_early_binding_by_schema_sql(database, schemas) -%}
  {{ return(_redshift__get_early_binding_by_relation_sql(database, tf_whole_schemas(schemas))) }}
{%- endmacro -%}

{%- macro _redshift__get_early_binding_by_relation_sql(database, relations) -%}
  {{ redshift__get_early_binding_sql(database) }} and {{ tf_named_any(relations, 'sch.nspname', 'tbl.relname') }}
{%- endmacro -%}

{%- macro _redshift__get_extended_catalog_by_schema(schemas) -%}
  {{ return(_redshift__get_extended_catalog_by_relation(tf_whole_schemas(schemas))) }}
{%- endmacro -%}

{%- macro _redshift__get_extended_catalog_by_relation(relations) -%}
  {%- call statement('extended_catalog', fetch_result=True) -%}
    {{ redshift__get_extended_catalog_sql() }} where {{ tf_named_any(relations, '"schema"', '"table"') }}
  {%- endcall -%}
  {{ return(load_result('extended_catalog').table) }}
{%- endmacro -%}

{%- macro _redshift__get_base_catalog_by_schema_show(database, schemas) -%}
  {{ return(_redshift__get_base_catalog_show(database, schemas, tf_named_any(tf_whole_schemas(schemas), 'schema_name', 'table_name'))) }}
{%- endmacro -%}

{%- macro _redshift__get_base_catalog_by_relation_show(database, relations) -%}
  {%- set schemas = relations | map(attribute='schema') | unique | list -%}
  {{ return(_redshift__get_base_catalog_show(database, schemas, tf_named_any(relations, 'schema_name', 'table_name'))) }}
{%- endmacro -%}

{%- macro _redshift__get_base_catalog_show(database, schemas, columns_filter) -%}
  {%- set shown = [] -%}
  {%- for schema in schemas -%}
    {%- do shown.append(redshift__show_tables_from_schema(database, schema).table) -%}
  {%- endfor -%}
  {%- call statement('svv_columns', fetch_result=True) -%}
    select database_name, schema_name, table_name, column_name, ordinal_position, data_type, remarks
    from svv_redshift_columns
    where database_name = '{{ database }}' and {{ columns_filter }}
  {%- endcall -%}
  {{ return(adapter.build_catalog_from_show_tables_and_svv_columns(shown, load_result('svv_columns').table)) }}
{%- endmacro -%}

{%- macro redshift__get_late_binding_sql() -%}
  select table_schema, table_name, 'LATE BINDING VIEW'::varchar as table_type, null::text as table_comment,
    column_name, column_index, column_type, null::text as column_comment
  from pg_get_late_binding_view_cols() cols(table_schema name, table_name name, column_name name, column_type varchar, column_index int)
{%- endmacro -%}

{%- macro redshift__get_early_binding_sql(database) -%}
  select sch.nspname as table_schema, tbl.relname as table_name,
    case when tbl.relkind <> 'v' then 'BASE TABLE' when stored.table_name is null then 'VIEW' else 'MATERIALIZED VIEW' end as table_type,
    tbl_comment.description as table_comment,
    attname as column_name, attnum as column_index, format_type(atttypid, atttypmod) as column_type,
    col_comment.description as column_comment
  from pg_catalog.pg_attribute
  join pg_catalog.pg_class tbl on tbl.oid = attrelid
  join pg_catalog.pg_namespace sch on sch.oid = tbl.relnamespace
  left join pg_catalog.pg_description tbl_comment on tbl_comment.objoid = attrelid and tbl_comment.objsubid = 0
  left join pg_catalog.pg_description col_comment on col_comment.objoid = attrelid and col_comment.objsubid = attnum
  left join information_schema.views stored on stored.table_catalog = '{{ database }}'
    and stored.table_schema = sch.nspname and stored.table_name = tbl.relname
    and stored.view_definition ilike '%create materialized view%'
  where attnum > 0 and not attisdropped and tbl.relkind in ('r', 'v', 'f', 'p')
{%- endmacro -%}

{%- macro redshift__get_table_owners_sql() -%}
  select schemaname as table_schema, tablename as table_name, tableowner as table_owner from pg_tables
  union all
  select schemaname, viewname, viewowner from pg_views
{%- endmacro -%}

{#- Statistics as the docs site wants them: four columns for each. -#}
{%- macro redshift__get_extended_catalog_sql() -%}
  {%- set columns = [] -%}
  {%- for stat in tf_table_statistics() -%}
    {%- set id = 'stats:' ~ stat[0] -%}
    {%- for key, value in {'label': "'" ~ stat[1] ~ "'::text", 'value': stat[2], 'description': "'" ~ stat[3] ~ "'::text", 'include': stat[4]}.items() -%}
      {%- do columns.append(value ~ ' as "' ~ id ~ ':' ~ key ~ '"') -%}
    {%- endfor -%}
  {%- endfor -%}
  select "schema" as table_schema, "table" as table_name, {{ columns | join(', ') }} from svv_table_info
{%- endmacro -%}

{#- Of each statistic: id, label, value, description, whether it is shown. The
    interleaved sort key's name holds bytes that are no text. -#}
{%- macro tf_table_statistics() -%}
  {{ return([
    ['encoded', 'Encoded', 'encoded', 'Whether any column is compressed.', 'true'],
    ['diststyle', 'Dist Style', 'diststyle', 'How rows are distributed, with the key if there is one.', 'true'],
    ['sortkey1', 'Sort Key 1', "case when sortkey1 like 'INTERLEAVED%' then 'INTERLEAVED'::text else sortkey1 end", 'The first column of the sort key.', '(sortkey1 is not null)'],
    ['max_varchar', 'Max Varchar', 'max_varchar', 'Width of the widest varchar column.', 'true'],
    ['sortkey1_enc', 'Sort Key 1 Encoding', 'sortkey1_enc', 'Compression of the first column of the sort key.', 'false'],
    ['sortkey_num', '# Sort Keys', 'sortkey_num', 'How many columns the sort key has.', '(sortkey_num > 0)'],
    ['size', 'Approximate Size', 'size * 1000000', 'Bytes, from the number of blocks of 1 MB.', 'true'],
    ['pct_used', 'Disk Utilization', 'pct_used / 100.0', 'Share of the available space.', 'true'],
    ['unsorted', 'Unsorted %', 'unsorted / 100.0', 'Share of rows that are not sorted.', '(unsorted is not null)'],
    ['stats_off', 'Stats Off', 'stats_off', 'How stale the planner statistics are, from 0 (fresh) to 100.', 'true'],
    ['rows', 'Approximate Row Count', 'tbl_rows', 'Rows, with those deleted but not yet vacuumed.', 'true'],
    ['skew_sortkey1', 'Sort Key Skew', 'skew_sortkey1', 'Size of the largest column beside the sort key over that of the first sort key column.', '(skew_sortkey1 is not null)'],
    ['skew_rows', 'Skew Rows', 'skew_rows', 'Rows on the fullest slice over rows on the emptiest.', '(skew_rows is not null)']
  ]) }}
{%- endmacro -%}
