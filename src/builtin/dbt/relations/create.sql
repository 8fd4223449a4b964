{#-
  Creating views and tables from a query, and the staging relations that
  stand in until a swap.
  Docs: docs/build/materializations
-#}

{%- macro get_create_sql(relation, sql) -%}
  {%- do tf_log_step('CREATE', relation) -%}
  {{ return(adapter.dispatch('get_create_sql', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_create_sql(relation, sql) -%}
  {%- if relation.is_table -%}{{ return(get_create_table_as_sql(False, relation, sql)) }}{%- endif -%}
  {%- if relation.is_view -%}{{ return(get_create_view_as_sql(relation, sql)) }}{%- endif -%}
  {%- if relation.is_materialized_view -%}{{ return(get_create_materialized_view_as_sql(relation, sql)) }}{%- endif -%}
  {%- do tf_no_sql_for('get_create_sql', relation) -%}
{%- endmacro -%}

{#- Callers look for these lines in the log. -#}
{%- macro tf_log_step(step, relation) -%}
  {%- do log('Applying ' ~ step ~ ' to: ' ~ relation) -%}
{%- endmacro -%}

{%- macro tf_no_sql_for(name, relation) -%}
  {%- do exceptions.raise_compiler_error('`' ~ name ~ '` has not been implemented for: ' ~ relation.type) -%}
{%- endmacro -%}

{%- macro tf_no_sql_here(name) -%}
  {%- do exceptions.raise_compiler_error('`' ~ name ~ '` has not been implemented for this adapter.') -%}
{%- endmacro -%}

{%- macro get_create_intermediate_sql(relation, sql) -%}
  {%- do tf_log_step('CREATE INTERMEDIATE', relation) -%}
  {{ return(adapter.dispatch('get_create_intermediate_sql', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_create_intermediate_sql(relation, sql) -%}
  {%- set staged = make_intermediate_relation(relation) -%}
  {{ get_drop_sql(staged) }};
  {{ get_create_sql(staged, sql) }}
{%- endmacro -%}

{%- macro get_create_backup_sql(relation) -%}
  {%- do tf_log_step('CREATE BACKUP', relation) -%}
  {{ return(adapter.dispatch('get_create_backup_sql', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_create_backup_sql(relation) -%}
  {%- set spare = make_backup_relation(relation, relation.type) -%}
  {{ get_drop_sql(spare) }};
  {{ get_rename_sql(relation, spare.identifier) }}
{%- endmacro -%}

{%- macro get_create_view_as_sql(relation, sql) -%}
  {{ return(adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_create_view_as_sql(relation, sql) -%}
  {{ return(create_view_as(relation, sql)) }}
{%- endmacro -%}

{%- macro create_view_as(relation, sql) -%}
  {{ return(adapter.dispatch('create_view_as', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__create_view_as(relation, sql) -%}
  {%- if tf_contract_enforced() -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {{ tf_sql_header() }}
  create view {{ relation.render() }} as (
    {{ sql }}
  );
{%- endmacro -%}

{%- macro get_create_table_as_sql(temporary, relation, sql) -%}
  {{ return(adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_create_table_as_sql(temporary, relation, sql) -%}
  {{ return(create_table_as(temporary, relation, sql)) }}
{%- endmacro -%}

{#- Overrides written before the `language` parameter take three arguments. -#}
{%- macro create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {%- if language != 'sql' -%}
    {{ return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code, language)) }}
  {%- endif -%}
  {{ return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code)) }}
{%- endmacro -%}

{%- macro default__create_table_as(temporary, relation, sql) -%}
  {%- set checked = tf_contract_enforced() and not temporary -%}
  {%- if checked -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {{ tf_sql_header() }}
  create {{ 'temporary table' if temporary else 'table' }} {{ relation.include(database=(not temporary), schema=(not temporary)) }}
  {{ get_table_columns_and_constraints() if checked }}
  as (
    {{ get_select_subquery(sql) if checked else sql }}
  );
{%- endmacro -%}
