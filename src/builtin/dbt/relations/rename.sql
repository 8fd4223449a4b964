{#-
  Renaming relations of each kind.
  Docs: reference/dbt-jinja-functions/adapter
-#}

{%- macro rename_relation(from_relation, to_relation) -%}
  {{ return(adapter.dispatch('rename_relation', 'dbt')(from_relation, to_relation)) }}
{%- endmacro -%}

{%- macro default__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation') -%}
    alter table {{ from_relation.render() }} rename to {{ adapter.quote_as_configured(to_relation.identifier, 'identifier') }}
  {%- endcall -%}
{%- endmacro -%}

{%- macro get_rename_sql(relation, new_name) -%}
  {%- do tf_log_step('RENAME', relation) -%}
  {{ return(adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name)) }}
{%- endmacro -%}

{%- macro default__get_rename_sql(relation, new_name) -%}
  {%- if relation.is_table -%}{{ return(get_rename_table_sql(relation, new_name)) }}{%- endif -%}
  {%- if relation.is_view -%}{{ return(get_rename_view_sql(relation, new_name)) }}{%- endif -%}
  {%- if relation.is_materialized_view -%}{{ return(get_rename_materialized_view_sql(relation, new_name)) }}{%- endif -%}
  {%- do tf_no_sql_for('get_rename_sql', relation) -%}
{%- endmacro -%}

{%- macro get_rename_intermediate_sql(relation) -%}
  {%- do tf_log_step('RENAME INTERMEDIATE', relation) -%}
  {{ return(adapter.dispatch('get_rename_intermediate_sql', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_rename_intermediate_sql(relation) -%}
  {{- get_rename_sql(make_intermediate_relation(relation), relation.identifier) -}}
{%- endmacro -%}

{%- macro get_rename_table_sql(relation, new_name) -%}
  {{ return(adapter.dispatch('get_rename_table_sql', 'dbt')(relation, new_name)) }}
{%- endmacro -%}

{%- macro default__get_rename_table_sql(relation, new_name) -%}
  {%- do tf_no_sql_here('get_rename_table_sql') -%}
{%- endmacro -%}

{%- macro get_rename_view_sql(relation, new_name) -%}
  {{ return(adapter.dispatch('get_rename_view_sql', 'dbt')(relation, new_name)) }}
{%- endmacro -%}

{%- macro default__get_rename_view_sql(relation, new_name) -%}
  {%- do tf_no_sql_here('get_rename_view_sql') -%}
{%- endmacro -%}

{%- macro get_rename_materialized_view_sql(relation, new_name) -%}
  {{ return(adapter.dispatch('get_rename_materialized_view_sql', 'dbt')(relation, new_name)) }}
{%- endmacro -%}

{%- macro default__get_rename_materialized_view_sql(relation, new_name) -%}
  {%- do tf_no_sql_here('get_rename_materialized_view_sql') -%}
{%- endmacro -%}
