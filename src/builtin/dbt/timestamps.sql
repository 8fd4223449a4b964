{#-
  The clock of the warehouse, and the clock that snapshots use.
  Docs: reference/dbt-jinja-functions/cross-database-macros
-#}

{%- macro current_timestamp() -%}
  {{ return(adapter.dispatch('current_timestamp', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__current_timestamp() -%}
  {%- do tf_not_for_this_adapter('current_timestamp') -%}
{%- endmacro -%}

{%- macro snapshot_get_time() -%}
  {{ return(adapter.dispatch('snapshot_get_time', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__snapshot_get_time() -%}
  {{- current_timestamp() -}}
{%- endmacro -%}

{%- macro get_snapshot_get_time_data_type() -%}
  {%- set described = get_column_schema_from_query('select ' ~ snapshot_get_time() ~ ' as dbt_snapshot_time') -%}
  {{ return(described[0].dtype or none) }}
{%- endmacro -%}

{%- macro current_timestamp_backcompat() -%}
  {{ return(adapter.dispatch('current_timestamp_backcompat', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__current_timestamp_backcompat() -%}
  current_timestamp::timestamp
{%- endmacro -%}

{%- macro current_timestamp_in_utc_backcompat() -%}
  {{ return(adapter.dispatch('current_timestamp_in_utc_backcompat', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__current_timestamp_in_utc_backcompat() -%}
  {{ return(current_timestamp_backcompat()) }}
{%- endmacro -%}

{%- macro tf_not_for_this_adapter(name) -%}
  {%- do exceptions.raise_not_implemented(name ~ ' macro not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro -%}
