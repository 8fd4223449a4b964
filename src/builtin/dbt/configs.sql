{#-
  Questions that materializations ask of a node's configuration and of the
  command line.
  Docs: reference/resource-configs/full_refresh, store_failures, sql_header
-#}

{%- macro set_sql_header(config) -%}
  {%- do config.set('sql_header', caller()) -%}
{%- endmacro -%}

{%- macro should_full_refresh() -%}
  {%- set configured = config.get('full_refresh') -%}
  {{ return(flags.FULL_REFRESH if configured is none else configured) }}
{%- endmacro -%}

{%- macro should_store_failures() -%}
  {%- set configured = config.get('store_failures') -%}
  {{ return(flags.STORE_FAILURES if configured is none else configured) }}
{%- endmacro -%}

{%- macro is_core_v2() -%}
  {{ return(dbt_version.split('.')[0] == '2') }}
{%- endmacro -%}

{%- macro tf_sql_header() -%}
  {{- config.get('sql_header') or '' -}}
{%- endmacro -%}
