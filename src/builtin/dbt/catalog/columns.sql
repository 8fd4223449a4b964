{#-
  Columns: reading them from relations and queries, changing them in place.
  Docs: reference/dbt-jinja-functions/adapter
-#}

{%- macro get_columns_in_relation(relation) -%}
  {{ return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_columns_in_relation(relation) -%}
  {%- do tf_not_for_this_adapter('get_columns_in_relation') -%}
{%- endmacro -%}

{%- macro get_columns_for_unit_tests(relation) -%}
  {{ return(adapter.dispatch('get_columns_for_unit_tests', 'dbt')(relation)) }}
{%- endmacro -%}

{#- For adapters whose relations have columns that the catalog does not list. -#}
{%- macro default__get_columns_for_unit_tests(relation) -%}
  {{ return(adapter.get_columns_in_relation(relation)) }}
{%- endmacro -%}

{#- Rows of (name, type, character size, precision, scale) become columns. -#}
{%- macro sql_convert_columns_in_relation(table) -%}
  {%- set converted = [] -%}
  {%- for row in table -%}
    {%- do converted.append(api.Column(*row)) -%}
  {%- endfor -%}
  {{ return(converted) }}
{%- endmacro -%}

{%- macro get_list_of_column_names(columns) -%}
  {{ return(columns | map(attribute='name') | list) }}
{%- endmacro -%}

{%- macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {{ return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) }}
{%- endmacro -%}

{%- macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {{ select_sql_header or '' }}
  select * from (
    {{ select_sql }}
  ) as __dbt_sbq where false limit 0
{%- endmacro -%}

{%- macro get_empty_schema_sql(columns) -%}
  {{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}
{%- endmacro -%}

{%- macro default__get_empty_schema_sql(columns) -%}
  {%- set untyped = columns.values() | rejectattr('data_type') | map(attribute='name') | list -%}
  {%- if untyped -%}
    {%- do exceptions.column_type_missing(column_names=untyped) -%}
  {%- endif -%}
  {%- set nulls = [] -%}
  {%- set unscaled = [] -%}
  {%- for column in columns.values() -%}
    {%- if column['data_type'].strip() | lower in ['numeric', 'decimal', 'number'] -%}
      {%- do unscaled.append(column['name']) -%}
    {%- endif -%}
    {%- do nulls.append((cast('null', column['data_type']) | trim) ~ ' as ' ~ tf_column_as_written(column)) -%}
  {%- endfor -%}
  {%- if unscaled -%}
    {%- do exceptions.warn("Detected columns with numeric type and unspecified precision/scale, this can lead to unintended rounding: " ~ unscaled ~ "`") -%}
  {%- endif -%}
  select {{ nulls | join(', ') }}
{%- endmacro -%}

{#- A documented column's name, quoted only where its properties say so. -#}
{%- macro tf_column_as_written(column) -%}
  {{ return(adapter.quote(column['name']) if column.get('quote') else column['name']) }}
{%- endmacro -%}

{%- macro get_column_schema_from_query(select_sql, select_sql_header=none) -%}
  {{ return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) }}
{%- endmacro -%}

{%- macro get_columns_in_query(select_sql) -%}
  {{ return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) }}
{%- endmacro -%}

{%- macro default__get_columns_in_query(select_sql) -%}
  {%- call statement('get_columns_in_query', fetch_result=True, auto_begin=False) -%}
    {{ get_empty_subquery_sql(select_sql) }}
  {%- endcall -%}
  {{ return(get_list_of_column_names(load_result('get_columns_in_query').table.columns)) }}
{%- endmacro -%}

{%- macro alter_column_type(relation, column_name, new_column_type) -%}
  {{ return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) }}
{%- endmacro -%}

{#- Through a second column, for warehouses that cannot change a type in place. -#}
{%- macro default__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set table = relation.render() -%}
  {%- set before = adapter.quote(column_name) -%}
  {%- set after = adapter.quote(column_name ~ '__dbt_alter') -%}
  {%- call statement('alter_column_type') -%}
    alter table {{ table }} add column {{ after }} {{ new_column_type }};
    update {{ table }} set {{ after }} = {{ before }};
    alter table {{ table }} drop column {{ before }} cascade;
    alter table {{ table }} rename column {{ after }} to {{ before }}
  {%- endcall -%}
{%- endmacro -%}

{%- macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) -%}
  {{ return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) }}
{%- endmacro -%}

{%- macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set actions = [] -%}
  {%- for column in add_columns or [] -%}
    {%- do actions.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do actions.append('drop column ' ~ column.quoted) -%}
  {%- endfor -%}
  {%- if actions -%}
    {%- do run_query('alter ' ~ relation.type ~ ' ' ~ relation.render() ~ ' ' ~ actions | join(', ')) -%}
  {%- endif -%}
{%- endmacro -%}
