{#-
  Redshift: incremental strategies and the snapshot's write. Redshift knows no
  alias for the target of `merge` or `delete`, so predicates that name
  `DBT_INTERNAL_DEST` are given the table's own name.
  Docs: docs/build/incremental-strategy, docs/build/snapshots
-#}

{%- macro _update_predicates(target, incremental_predicates) -%}
  {%- set named = [] -%}
  {%- for predicate in tf_as_list(incremental_predicates) -%}
    {%- do named.append(predicate.replace('DBT_INTERNAL_DEST.', target ~ '.').replace('dbt_internal_dest.', target ~ '.')) -%}
  {%- endfor -%}
  {{ return(named) }}
{%- endmacro -%}

{%- macro redshift__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- if unique_key -%}
    {%- set key = tf_as_list(unique_key) | join(', ') -%}
    {%- set filters = ['(' ~ key ~ ') in (select distinct ' ~ key ~ ' from ' ~ source ~ ' as DBT_INTERNAL_SOURCE)'] -%}
    {%- do filters.extend(_update_predicates(target, incremental_predicates)) -%}
    delete from {{ target }} where {{ filters | join(' and ') }};
  {% endif -%}
  {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro -%}

{%- macro redshift__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set filters = _update_predicates(target, incremental_predicates) -%}
  {%- for key in tf_as_list(unique_key) or [none] -%}
    {%- do filters.append('FALSE' if key is none else 'DBT_INTERNAL_SOURCE.' ~ key ~ ' = ' ~ target ~ '.' ~ key) -%}
  {%- endfor -%}
  {%- set columns = dest_columns | map(attribute='quoted') | list -%}
  {%- set updates = [] -%}
  {%- for column in get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
    {%- do updates.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
  {%- endfor -%}
  {{ tf_sql_header() }}
  merge into {{ target }}
  using {{ source }} as DBT_INTERNAL_SOURCE
  on ({{ filters | join(') and (') }})
  {{ 'when matched then update set ' ~ updates | join(', ') if unique_key }}
  when not matched then insert ({{ columns | join(', ') }})
  values (DBT_INTERNAL_SOURCE.{{ columns | join(', DBT_INTERNAL_SOURCE.') }})
{%- endmacro -%}

{#- A batch replaces the rows of its span of `event_time`. -#}
{%- macro redshift__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set batch = model.batch -%}
  {%- if not batch or not batch.event_time_start or not batch.event_time_end -%}
    {%- do exceptions.raise_compiler_error('dbt could not compute the start and end timestamps for the running batch') -%}
  {%- endif -%}
  {%- set event_time = model.config.event_time -%}
  {%- set filters = _update_predicates(arg_dict['target_relation'], arg_dict.get('incremental_predicates')) -%}
  {%- do filters.append(event_time ~ ' >= ' ~ tf_plain_timestamp(batch.event_time_start)) -%}
  {%- do filters.append(event_time ~ ' < ' ~ tf_plain_timestamp(batch.event_time_end)) -%}
  delete from {{ arg_dict['target_relation'] }} where {{ filters | join(' and ') }};
  {{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro -%}

{#- A literal in UTC without a zone: one with a zone stops Redshift from
    skipping blocks by the sort key. -#}
{%- macro tf_plain_timestamp(moment) -%}
  {{ return("timestamp '" ~ (moment | string).replace('T', ' ').replace('Z', '').split('+')[0] ~ "'") }}
{%- endmacro -%}

{%- macro redshift__snapshot_merge_sql(target, source, insert_cols) -%}
  {{ return(postgres__snapshot_merge_sql(target, source, insert_cols)) }}
{%- endmacro -%}
