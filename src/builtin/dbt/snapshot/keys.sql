{#-
  A snapshot's unique key, one column or several, under names of its own, and
  the names of the columns that dbt adds.
  Docs: reference/resource-configs/unique_key, snapshot_meta_column_names
-#}

{%- macro get_snapshot_table_column_names() -%}
  {%- set names = {} -%}
  {%- for name in ['dbt_valid_to', 'dbt_valid_from', 'dbt_scd_id', 'dbt_updated_at', 'dbt_is_deleted'] -%}
    {%- do names.update({name: name}) -%}
  {%- endfor -%}
  {{ return(names) }}
{%- endmacro -%}

{%- macro tf_snapshot_columns() -%}
  {%- set names = get_snapshot_table_column_names() -%}
  {%- for name, own in (config.get('snapshot_meta_column_names') or {}).items() -%}
    {%- if own -%}{%- do names.update({name: own}) -%}{%- endif -%}
  {%- endfor -%}
  {{ return(config.get('snapshot_table_column_names') or names) }}
{%- endmacro -%}

{#- Pairs of (column, name it goes by in the staging query). -#}
{%- macro tf_key_names(unique_key) -%}
  {%- if unique_key is string -%}{{ return([[unique_key, 'dbt_unique_key']]) }}{%- endif -%}
  {%- set pairs = [] -%}
  {%- for column in unique_key -%}{%- do pairs.append([column, 'dbt_unique_key_' ~ loop.index]) -%}{%- endfor -%}
  {{ return(pairs) }}
{%- endmacro -%}

{%- macro unique_key_fields(unique_key) -%}
  {%- set fields = [] -%}
  {%- for pair in tf_key_names(unique_key) -%}{%- do fields.append(pair | join(' as ')) -%}{%- endfor -%}
  {{ return(fields | join(', ')) }}
{%- endmacro -%}

{%- macro unique_key_join_on(unique_key, identifier, from_identifier) -%}
  {%- if unique_key is string -%}
    {{ return(identifier ~ '.dbt_unique_key = ' ~ from_identifier ~ '.dbt_unique_key') }}
  {%- endif -%}
  {%- set matches = [] -%}
  {%- for pair in tf_key_names(unique_key) -%}
    {%- do matches.append(equals(identifier ~ '.' ~ pair[1], from_identifier ~ '.' ~ pair[1]) | trim) -%}
  {%- endfor -%}
  {{ return(matches | join(' and ')) }}
{%- endmacro -%}

{%- macro unique_key_is_null(unique_key, identifier) -%}
  {{- identifier }}.{{ tf_key_names(unique_key)[0][1] }} is null
{%- endmacro -%}

{%- macro unique_key_is_not_null(unique_key, identifier) -%}
  {{- identifier }}.{{ tf_key_names(unique_key)[0][1] }} is not null
{%- endmacro -%}
