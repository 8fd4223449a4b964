{#-
  Indexes from a model's `indexes` config.
  Docs: reference/resource-configs/postgres-configs
-#}

{%- macro create_indexes(relation) -%}
  {{ return(adapter.dispatch('create_indexes', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__create_indexes(relation) -%}
  {%- for wanted in config.get('indexes', default=[]) -%}
    {%- set index_sql = get_create_index_sql(relation, wanted) -%}
    {%- if index_sql -%}{%- do run_query(index_sql) -%}{%- endif -%}
  {%- endfor -%}
{%- endmacro -%}

{%- macro get_create_index_sql(relation, index_dict) -%}
  {{ return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) }}
{%- endmacro -%}

{%- macro default__get_create_index_sql(relation, index_dict) -%}
  {{ return(none) }}
{%- endmacro -%}

{%- macro get_drop_index_sql(relation, index_name) -%}
  {{ return(adapter.dispatch('get_drop_index_sql', 'dbt')(relation, index_name)) }}
{%- endmacro -%}

{%- macro default__get_drop_index_sql(relation, index_name) -%}
  {%- do tf_no_sql_here('get_drop_index_sql') -%}
{%- endmacro -%}

{%- macro get_show_indexes_sql(relation) -%}
  {{ return(adapter.dispatch('get_show_indexes_sql', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_show_indexes_sql(relation) -%}
  {%- do tf_no_sql_here('get_show_indexes_sql') -%}
{%- endmacro -%}
