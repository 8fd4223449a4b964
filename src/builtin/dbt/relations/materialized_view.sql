{#-
  Materialized views: create, refresh and alter. Adapters fill these in.
  Docs: docs/build/materializations#materialized-view
-#}

{%- macro get_create_materialized_view_as_sql(relation, sql) -%}
  {{ return(adapter.dispatch('get_create_materialized_view_as_sql', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_create_materialized_view_as_sql(relation, sql) -%}
  {%- do tf_no_sql_here('get_create_materialized_view_as_sql') -%}
{%- endmacro -%}

{%- macro refresh_materialized_view(relation) -%}
  {%- do tf_log_step('REFRESH', relation) -%}
  {{ return(adapter.dispatch('refresh_materialized_view', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__refresh_materialized_view(relation) -%}
  {%- do tf_no_sql_here('refresh_materialized_view') -%}
{%- endmacro -%}

{%- macro get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- do tf_log_step('ALTER', relation) -%}
  {%- set alter = adapter.dispatch('get_alter_materialized_view_as_sql', 'dbt') -%}
  {{ return(alter(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation)) }}
{%- endmacro -%}

{%- macro default__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- do tf_no_materialized_views() -%}
{%- endmacro -%}

{%- macro get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- do log('Determining configuration changes on: ' ~ existing_relation) -%}
  {{ return(adapter.dispatch('get_materialized_view_configuration_changes', 'dbt')(existing_relation, new_config)) }}
{%- endmacro -%}

{%- macro default__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- do tf_no_materialized_views() -%}
{%- endmacro -%}

{%- macro tf_no_materialized_views() -%}
  {%- do exceptions.raise_compiler_error('Materialized views have not been implemented for this adapter.') -%}
{%- endmacro -%}
