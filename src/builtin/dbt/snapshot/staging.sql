{#-
  The query that finds what a snapshot has to write: versions to insert and
  versions to close, each row marked by `dbt_change_type`. Strategies refer to
  `snapshotted_data` (the standing versions) and `source_data` (the query now).
  Docs: docs/build/snapshots, reference/resource-configs/hard-deletes
-#}

{%- macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {{ return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) }}
{%- endmacro -%}

{%- macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- set branches = [tf_snapshot_insertions(strategy), tf_snapshot_updates(strategy)] -%}
  {%- if strategy.hard_deletes in ['invalidate', 'new_record'] -%}
    {%- do branches.append(tf_snapshot_deletes(strategy)) -%}
  {%- endif -%}
  {%- if strategy.hard_deletes == 'new_record' -%}
    {%- do branches.append(tf_snapshot_deletion_records(strategy, source_sql, target_relation)) -%}
  {%- endif -%}
  with snapshot_query as (
    {{ source_sql }}
  ),
  snapshotted_data as (
    select *, {{ unique_key_fields(strategy.unique_key) }}
    from {{ target_relation }}
    where {{ tf_is_current(tf_snapshot_columns().dbt_valid_to) }}
  ),
  {{ tf_snapshot_source_ctes(strategy) }}
  {{ branches | join('\n  union all\n') }}
{%- endmacro -%}

{#- True for the version that stands: open, or ending at the configured date. -#}
{%- macro tf_is_current(valid_to) -%}
  {%- set forever = config.get('dbt_valid_to_current') -%}
  {%- if not forever -%}{{ return(valid_to ~ ' is null') }}{%- endif -%}
  {{ return('(' ~ equals(valid_to, forever | trim) | trim ~ ' or ' ~ valid_to ~ ' is null)') }}
{%- endmacro -%}

{#- The query's rows: as new versions, as ends of old ones, and bare. -#}
{%- macro tf_snapshot_source_ctes(strategy) -%}
  {%- set columns = tf_snapshot_columns() -%}
  {%- set keyed = 'select *, ' ~ unique_key_fields(strategy.unique_key) -%}
  {%- set dated = keyed ~ ', ' ~ strategy.updated_at ~ ' as ' ~ columns.dbt_updated_at ~ ', ' ~ strategy.updated_at ~ ' as ' ~ columns.dbt_valid_from -%}
  opening_rows as (
    {{ dated }}, {{ get_dbt_valid_to_current(strategy, columns) }}, {{ strategy.scd_id }} as {{ columns.dbt_scd_id }}
    from snapshot_query
  ),
  closing_rows as (
    {{ dated }}, {{ strategy.updated_at }} as {{ columns.dbt_valid_to }}
    from snapshot_query
  ),
  present_rows as (
    {{ keyed }} from snapshot_query
  )
{%- endmacro -%}

{#- A row counts as changed too when it returns after a recorded deletion. -#}
{%- macro tf_snapshot_row_changed(strategy) -%}
  {%- set returned = ' or snapshotted_data.' ~ tf_snapshot_columns().dbt_is_deleted ~ " = 'True'" -%}
  {{ return('(' ~ strategy.row_changed ~ (returned if strategy.hard_deletes == 'new_record' else '') ~ ')') }}
{%- endmacro -%}

{#- `, value as dbt_is_deleted` where the table has that column. -#}
{%- macro tf_deleted_column(strategy, value) -%}
  {{ return(', ' ~ value ~ ' as ' ~ tf_snapshot_columns().dbt_is_deleted if strategy.hard_deletes == 'new_record' else '') }}
{%- endmacro -%}

{%- macro tf_snapshot_insertions(strategy) -%}
  {%- set key = strategy.unique_key -%}
  select 'insert' as dbt_change_type, source_data.*{{ tf_deleted_column(strategy, "'False'") }}
  from opening_rows as source_data
  left join snapshotted_data on {{ unique_key_join_on(key, 'snapshotted_data', 'source_data') }}
  where {{ unique_key_is_null(key, 'snapshotted_data') }}
    or ({{ unique_key_is_not_null(key, 'snapshotted_data') }} and {{ tf_snapshot_row_changed(strategy) }})
{%- endmacro -%}

{%- macro tf_snapshot_updates(strategy) -%}
  {%- set columns = tf_snapshot_columns() -%}
  select 'update' as dbt_change_type, source_data.*, snapshotted_data.{{ columns.dbt_scd_id }}
    {{- tf_deleted_column(strategy, 'snapshotted_data.' ~ columns.dbt_is_deleted) }}
  from closing_rows as source_data
  inner join snapshotted_data on {{ unique_key_join_on(strategy.unique_key, 'snapshotted_data', 'source_data') }}
  where {{ tf_snapshot_row_changed(strategy) }}
{%- endmacro -%}

{#- Standing versions whose row is gone from the query, unless that is already on record. -#}
{%- macro tf_gone_rows(strategy) -%}
  from snapshotted_data
  left join present_rows as source_data on {{ unique_key_join_on(strategy.unique_key, 'snapshotted_data', 'source_data') }}
  where {{ unique_key_is_null(strategy.unique_key, 'source_data') }}
  {%- if strategy.hard_deletes == 'new_record' %}
    and snapshotted_data.{{ tf_snapshot_columns().dbt_is_deleted }} <> 'True'
  {%- endif -%}
{%- endmacro -%}

{%- macro tf_snapshot_deletes(strategy) -%}
  {%- set columns = tf_snapshot_columns() -%}
  {%- set now = snapshot_get_time() | trim -%}
  select 'delete' as dbt_change_type, source_data.*,
    {{ now }} as {{ columns.dbt_updated_at }}, {{ now }} as {{ columns.dbt_valid_from }}, {{ now }} as {{ columns.dbt_valid_to }},
    snapshotted_data.{{ columns.dbt_scd_id }}
    {{- tf_deleted_column(strategy, 'snapshotted_data.' ~ columns.dbt_is_deleted) }}
  {{ tf_gone_rows(strategy) }}
{%- endmacro -%}

{#- The new version that says a row is gone, with the values it last had. -#}
{%- macro tf_snapshot_deletion_records(strategy, source_sql, target_relation) -%}
  {%- set columns = tf_snapshot_columns() -%}
  {%- set now = snapshot_get_time() | trim -%}
  {%- set kept = get_list_of_column_names(get_columns_in_relation(target_relation)) -%}
  {%- set values = [] -%}
  {%- for name in get_columns_in_query(source_sql) -%}
    {%- do values.append(('snapshotted_data.' if name in kept else 'source_data.') ~ adapter.quote(name)) -%}
  {%- endfor -%}
  {%- for pair in tf_key_names(strategy.unique_key) -%}
    {%- do values.append('snapshotted_data.' ~ pair[1]) -%}
  {%- endfor -%}
  select 'insert' as dbt_change_type, {{ values | join(', ') }},
    {{ now }} as {{ columns.dbt_updated_at }}, {{ now }} as {{ columns.dbt_valid_from }},
    snapshotted_data.{{ columns.dbt_valid_to }},
    {{ snapshot_hash_arguments([columns.dbt_scd_id, now]) }} as {{ columns.dbt_scd_id }}
    {{- tf_deleted_column(strategy, "'True'") }}
  {{ tf_gone_rows(strategy) }}
{%- endmacro -%}
