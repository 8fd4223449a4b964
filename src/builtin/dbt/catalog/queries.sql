{#-
  Queries about data: source freshness, previews for `show`, and a dry run.
  Docs: reference/resource-properties/freshness, reference/commands/show
-#}

{%- macro collect_freshness(source, loaded_at_field, filter) -%}
  {{ return(adapter.dispatch('collect_freshness', 'dbt')(source, loaded_at_field, filter)) }}
{%- endmacro -%}

{%- macro default__collect_freshness(source, loaded_at_field, filter) -%}
  {%- call statement('collect_freshness', fetch_result=True, auto_begin=False) -%}
    select max({{ loaded_at_field }}) as max_loaded_at, {{ current_timestamp() }} as snapshotted_at
    from {{ source }}{{ ' where ' ~ filter if filter }}
  {%- endcall -%}
  {{ return(load_result('collect_freshness')) }}
{%- endmacro -%}

{#- The newest rows of several relations in one statement, each in a column of its own type. -#}
{%- macro tf_newest_of_all(checks) -%}
  {%- call statement('collect_freshness', fetch_result=True, auto_begin=False) -%}
    select
    {%- for check in checks %}
      (
        {%- if check.query is not none %}
          {{ check.query }}
        {%- else -%}
          select max({{ check.field }}) from {{ check.relation }}{{ ' where ' ~ check.filter if check.filter }}
        {%- endif %}
      ) as newest_{{ loop.index }},
    {%- endfor %}
      {{ current_timestamp() }} as snapshotted_at
  {%- endcall -%}
  {{ return(load_result('collect_freshness')) }}
{%- endmacro -%}

{%- macro collect_freshness_custom_sql(source, loaded_at_query) -%}
  {{ return(adapter.dispatch('collect_freshness_custom_sql', 'dbt')(source, loaded_at_query)) }}
{%- endmacro -%}

{%- macro default__collect_freshness_custom_sql(source, loaded_at_query) -%}
  {%- call statement('collect_freshness_custom_sql', fetch_result=True, auto_begin=False) -%}
    select (
      {{ loaded_at_query }}
    ) as max_loaded_at, {{ current_timestamp() }} as snapshotted_at
  {%- endcall -%}
  {{ return(load_result('collect_freshness_custom_sql')) }}
{%- endmacro -%}

{%- macro get_show_sql(compiled_code, sql_header, limit) -%}
  {{ sql_header if sql_header is not none }}
  {{ get_limit_subquery_sql(compiled_code, limit) }}
{%- endmacro -%}

{%- macro get_limit_subquery_sql(sql, limit) -%}
  {{ return(adapter.dispatch('get_limit_sql', 'dbt')(sql, limit)) }}
{%- endmacro -%}

{#- The limit stands on its own line: the query may end in a comment. -#}
{%- macro default__get_limit_sql(sql, limit) -%}
  {{ sql }}
  {{ 'limit ' ~ limit if limit is not none }}
{%- endmacro -%}

{%- macro validate_sql(sql) -%}
  {{ return(adapter.dispatch('validate_sql', 'dbt')(sql)) }}
{%- endmacro -%}

{%- macro default__validate_sql(sql) -%}
  {%- call statement('validate_sql') -%}explain {{ sql }}{%- endcall -%}
  {{ return(load_result('validate_sql')) }}
{%- endmacro -%}
