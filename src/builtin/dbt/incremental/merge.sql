{#-
  The statements that bring new rows into an incremental model's table.
  Docs: docs/build/incremental-strategy
-#}

{#- `predicates` is the older name of `incremental_predicates`. -#}
{%- macro get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set filters = kwargs.get('predicates', incremental_predicates) -%}
  {{ return(adapter.dispatch('get_merge_sql', 'dbt')(target, source, unique_key, dest_columns, filters)) }}
{%- endmacro -%}

{%- macro get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
  {{ return(adapter.dispatch('get_merge_unique_key_match', 'dbt')(source_unique_key, target_unique_key)) }}
{%- endmacro -%}

{%- macro default__get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
  {{ return(equals(source_unique_key, target_unique_key) | trim) }}
{%- endmacro -%}

{#- One name or many, as a list; a mapping or nothing gives an empty one. -#}
{%- macro tf_as_list(value) -%}
  {%- if not value or value is mapping -%}{{ return([]) }}{%- endif -%}
  {{ return([value] if value is string else value | list) }}
{%- endmacro -%}

{#- Conditions under which a source row and a target row are the same row. -#}
{%- macro tf_merge_conditions(unique_key, incremental_predicates) -%}
  {%- set conditions = [] -%}
  {%- do conditions.extend(tf_as_list(incremental_predicates)) -%}
  {%- if not unique_key -%}
    {%- do conditions.append('FALSE') -%}
  {%- elif unique_key is string -%}
    {%- do conditions.append(get_merge_unique_key_match('DBT_INTERNAL_SOURCE.' ~ unique_key, 'DBT_INTERNAL_DEST.' ~ unique_key)) -%}
  {%- else -%}
    {%- for key in unique_key -%}
      {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(conditions) }}
{%- endmacro -%}

{%- macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set names = get_quoted_csv(get_list_of_column_names(dest_columns)) -%}
  {%- set assignments = [] -%}
  {%- for column in get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
    {%- do assignments.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
  {%- endfor -%}
  {{ tf_sql_header() }}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on ({{ tf_merge_conditions(unique_key, incremental_predicates) | join(') and (') }})
  {{ 'when matched then update set ' ~ assignments | join(', ') if unique_key }}
  when not matched then insert ({{ names }}) values ({{ names }})
{%- endmacro -%}

{%- macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {{ return(adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates)) }}
{%- endmacro -%}

{%- macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- if unique_key -%}
    {%- set key = tf_as_list(unique_key) | join(', ') -%}
    {%- set conditions = ['(' ~ key ~ ') in (select distinct ' ~ key ~ ' from ' ~ source ~ ' as DBT_INTERNAL_SOURCE)'] -%}
    {%- do conditions.extend(tf_as_list(incremental_predicates)) -%}
    delete from {{ target }} as DBT_INTERNAL_DEST
    where {{ conditions | join('\n    and ') }};
  {% endif -%}
  {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro -%}

{%- macro get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header=false) -%}
  {{ return(adapter.dispatch('get_insert_overwrite_merge_sql', 'dbt')(target, source, dest_columns, predicates, include_sql_header)) }}
{%- endmacro -%}

{%- macro default__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) -%}
  {%- set names = get_quoted_csv(get_list_of_column_names(dest_columns)) -%}
  {{ tf_sql_header() if include_sql_header }}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE on FALSE
  when not matched by source {{ 'and ' ~ predicates | join(' and ') if predicates }} then delete
  when not matched then insert ({{ names }}) values ({{ names }})
{%- endmacro -%}

{%- macro get_insert_into_sql(target_relation, temp_relation, dest_columns) -%}
  {%- set names = get_quoted_csv(get_list_of_column_names(dest_columns)) -%}
  insert into {{ target_relation }} ({{ names }})
  select {{ names }} from {{ temp_relation }}
{%- endmacro -%}
