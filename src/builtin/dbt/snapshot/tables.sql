{#-
  A snapshot's table: its first contents, the staging table, the write, and
  the checks around them.
  Docs: docs/build/snapshots, reference/resource-configs/dbt_valid_to_current
-#}

{%- macro build_snapshot_table(strategy, sql) -%}
  {{ return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) }}
{%- endmacro -%}

{%- macro default__build_snapshot_table(strategy, sql) -%}
  {%- set columns = tf_snapshot_columns() -%}
  {%- set added = [strategy.scd_id ~ ' as ' ~ columns.dbt_scd_id] -%}
  {%- for name in [columns.dbt_updated_at, columns.dbt_valid_from] -%}
    {%- do added.append(strategy.updated_at ~ ' as ' ~ name) -%}
  {%- endfor -%}
  {%- do added.append(get_dbt_valid_to_current(strategy, columns) ~ tf_deleted_column(strategy, "'False'")) -%}
  select *, {{ added | join(', ') }} from (
    {{ sql }}
  ) as first_versions
{%- endmacro -%}

{%- macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- set staging = make_temp_relation(target_relation) -%}
  {%- set staging_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- call statement('build_snapshot_staging_relation') -%}
    {{ create_table_as(True, staging, staging_sql) }}
  {%- endcall -%}
  {{ return(staging) }}
{%- endmacro -%}

{%- macro snapshot_merge_sql(target, source, insert_cols) -%}
  {{ return(adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols)) }}
{%- endmacro -%}

{%- macro default__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set columns = tf_snapshot_columns() -%}
  {%- set names = insert_cols | join(', ') -%}
  merge into {{ target.render() }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }}
  when matched and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
    and {{ tf_is_current('DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to) }}
  then update set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
  when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
  then insert ({{ names }}) values ({{ names }})
{%- endmacro -%}

{#- For warehouses without merge: close old versions, then add new ones. Some
    know no alias in `update`; there the target goes by its own name. -#}
{%- macro tf_snapshot_update_insert(target, source, insert_cols, alias='DBT_INTERNAL_TARGET') -%}
  {%- set columns = tf_snapshot_columns() -%}
  {%- set standing = alias or target -%}
  update {{ target }}{{ ' as ' ~ alias if alias }}
  set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where cast(DBT_INTERNAL_SOURCE.dbt_change_type as text) in ('update', 'delete')
    and cast(DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} as text) = cast({{ standing }}.{{ columns.dbt_scd_id }} as text)
    and {{ tf_is_current(standing ~ '.' ~ columns.dbt_valid_to) }};
  insert into {{ target }} ({{ insert_cols | join(', ') }})
  select {{ insert_cols | join(', ') }}
  from {{ source }}
  where cast(dbt_change_type as text) = 'insert';
{%- endmacro -%}

{%- macro create_columns(relation, columns) -%}
  {{ return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) }}
{%- endmacro -%}

{%- macro default__create_columns(relation, columns) -%}
  {%- for column in columns -%}
    {%- call statement() -%}
      alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }};
    {%- endcall -%}
  {%- endfor -%}
{%- endmacro -%}

{%- macro post_snapshot(staging_relation) -%}
  {{ return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) }}
{%- endmacro -%}

{%- macro default__post_snapshot(staging_relation) -%}{%- endmacro -%}

{%- macro get_true_sql() -%}
  {{ return(adapter.dispatch('get_true_sql', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_true_sql() -%}
  {{ return('TRUE') }}
{%- endmacro -%}

{#- The end of a standing version, typed like the dates beside it. -#}
{%- macro get_dbt_valid_to_current(strategy, columns) -%}
  coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }}) as {{ columns.dbt_valid_to }}
{%- endmacro -%}

{%- macro get_updated_at_column_data_type(snapshot_sql) -%}
  {%- for column in get_column_schema_from_query(snapshot_sql) if column.column | lower == 'dbt_updated_at' -%}
    {{ return(column.dtype or none) }}
  {%- endfor -%}
  {{ return(none) }}
{%- endmacro -%}

{%- macro check_time_data_types(sql) -%}
  {%- if exceptions.warn_snapshot_timestamp_data_types -%}
    {%- set clock = get_snapshot_get_time_data_type() -%}
    {%- set dated = get_updated_at_column_data_type(sql) -%}
    {%- if clock is not none and dated is not none and clock != dated -%}
      {%- do exceptions.warn_snapshot_timestamp_data_types(clock, dated) -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro -%}
