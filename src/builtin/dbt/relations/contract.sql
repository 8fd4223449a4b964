{#-
  Model contracts: the check that a query gives the promised columns, and the
  column list with constraints for a table's definition.
  Docs: reference/resource-configs/contract, reference/resource-properties/constraints
-#}

{%- macro tf_contract_enforced() -%}
  {%- set contract = config.get('contract') -%}
  {{ return(contract and contract.enforced) }}
{%- endmacro -%}

{%- macro get_table_columns_and_constraints() -%}
  {{ return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_table_columns_and_constraints() -%}
  {{ return(table_columns_and_constraints()) }}
{%- endmacro -%}

{%- macro table_columns_and_constraints() -%}
  {%- set lines = [] -%}
  {%- do lines.extend(adapter.render_raw_columns_constraints(raw_columns=model['columns'])) -%}
  {%- do lines.extend(adapter.render_raw_model_constraints(raw_constraints=model['constraints'])) -%}
  (
    {{ lines | join(',\n    ') }}
  )
{%- endmacro -%}

{%- macro get_select_subquery(sql) -%}
  {{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}
{%- endmacro -%}

{%- macro default__get_select_subquery(sql) -%}
  select {{ adapter.dispatch('get_column_names', 'dbt')() }} from (
    {{ sql }}
  ) as model_subq
{%- endmacro -%}

{%- macro default__get_column_names() -%}
  {%- set written = [] -%}
  {%- for column in model['columns'].values() -%}
    {%- do written.append(tf_column_as_written(column)) -%}
  {%- endfor -%}
  {{ return(written | join(', ')) }}
{%- endmacro -%}

{%- macro get_assert_columns_equivalent(sql) -%}
  {{ return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) }}
{%- endmacro -%}

{%- macro default__get_assert_columns_equivalent(sql) -%}
  {{ return(assert_columns_equivalent(sql)) }}
{%- endmacro -%}

{#- Columns may stand in any order; names and types must agree. -#}
{%- macro assert_columns_equivalent(sql) -%}
  {%- if not model['columns'] -%}{%- do exceptions.raise_contract_error([], []) -%}{%- endif -%}
  {%- set given = format_columns(get_column_schema_from_query(sql, config.get('sql_header', none))) -%}
  {%- set promised = format_columns(get_column_schema_from_query(get_empty_schema_sql(model['columns']))) -%}
  {%- if tf_column_signatures(given) != tf_column_signatures(promised) -%}
    {%- do exceptions.raise_contract_error(promised, given) -%}
  {%- endif -%}
{%- endmacro -%}

{#- One string per column, sorted, that says all that a contract compares. -#}
{%- macro tf_column_signatures(formatted_columns) -%}
  {%- set signatures = [] -%}
  {%- for column in formatted_columns -%}
    {%- do signatures.append(column['name'] ~ ' ' ~ column['formatted']) -%}
  {%- endfor -%}
  {{ return(signatures | sort(case_sensitive=True) | list) }}
{%- endmacro -%}

{%- macro format_columns(columns) -%}
  {%- set format = adapter.dispatch('format_column', 'dbt') -%}
  {%- set formatted = [] -%}
  {%- for column in columns -%}{%- do formatted.append(format(column)) -%}{%- endfor -%}
  {{ return(formatted) }}
{%- endmacro -%}

{%- macro default__format_column(column) -%}
  {%- set kind = column.dtype -%}
  {{ return({'name': column.name, 'data_type': kind, 'formatted': (column.column | lower) ~ ' ' ~ kind}) }}
{%- endmacro -%}
