{#-
  The `test` and `unit` materializations: a query whose figures or rows the
  runner judges.
  Docs: docs/build/data-tests, docs/build/unit-tests, reference/resource-configs/store_failures
-#}

{%- materialization test, default -%}
  {%- set kept = [] -%}
  {%- set failing_rows = get_limit_subquery_sql(sql, config.get('limit')) -%}
  {%- if should_store_failures() -%}
    {%- do kept.append(tf_store_failures(failing_rows)) -%}
    {%- set failing_rows = 'select * from ' ~ kept[0] -%}
  {%- endif -%}
  {%- call statement('main', fetch_result=True) -%}
    {{ tf_test_header() }}
    {{ get_test_sql(failing_rows, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
  {%- endcall -%}
  {{ return({'relations': kept}) }}
{%- endmaterialization -%}

{#- Keeps the failing rows in a relation of their own and gives it. -#}
{%- macro tf_store_failures(failing_rows) -%}
  {%- set kind = config.get('store_failures_as') or 'table' -%}
  {%- if kind not in ['table', 'view'] -%}
    {%- do exceptions.raise_compiler_error(
      "'" ~ kind ~ "' is not a valid value for `store_failures_as`. Accepted values are: ['ephemeral', 'table', 'view']"
    ) -%}
  {%- endif -%}
  {%- set name = model['alias'] -%}
  {%- do drop_relation_if_exists(adapter.get_relation(database=database, schema=schema, identifier=name)) -%}
  {%- set store = api.Relation.create(database=database, schema=schema, identifier=name, type=kind) -%}
  {%- call statement(auto_begin=True) -%}
    {{ tf_test_header() }}
    {{ get_create_sql(store, failing_rows) }}
  {%- endcall -%}
  {%- do adapter.commit() -%}
  {{ return(store) }}
{%- endmacro -%}

{%- macro tf_test_header() -%}
  {{- config.get('sql_header') or '' if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS -}}
{%- endmacro -%}

{%- macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  {{ return(adapter.dispatch('get_test_sql', 'dbt')(main_sql, fail_calc, warn_if, error_if, limit)) }}
{%- endmacro -%}

{%- macro default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  select {{ fail_calc }} as failures, {{ fail_calc }} {{ warn_if }} as should_warn, {{ fail_calc }} {{ error_if }} as should_error
  from (
    {{ main_sql }}
    {{ 'limit ' ~ limit if limit is not none }}
  ) dbt_internal_test
{%- endmacro -%}

{%- macro get_where_subquery(relation) -%}
  {{ return(adapter.dispatch('get_where_subquery', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_where_subquery(relation) -%}
  {%- set filter = config.get('where', '') -%}
  {{ return('(select * from ' ~ relation ~ ' where ' ~ filter ~ ') dbt_subquery' if filter else relation) }}
{%- endmacro -%}

{%- materialization unit, default -%}
  {%- set expected_rows = config.get('expected_rows') -%}
  {%- set compared = expected_rows[0].keys() if expected_rows else get_columns_in_query(sql) -%}
  {%- set shape = make_temp_relation(this.incorporate(type='table')) -%}
  {%- do run_query(get_create_table_as_sql(True, shape, get_empty_subquery_sql(sql))) -%}
  {%- set types = {} -%}
  {%- set quoted = {} -%}
  {%- for column in get_columns_for_unit_tests(shape) -%}
    {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- do quoted.update({column.name | lower: column.quoted}) -%}
  {%- endfor -%}
  {%- set names = [] -%}
  {%- for name in compared -%}{%- do names.append(quoted[name | lower]) -%}{%- endfor -%}
  {%- set expected = config.get('expected_sql') or get_expected_sql(expected_rows, types, quoted) -%}
  {%- call statement('main', fetch_result=True) -%}
    {{ tf_test_header() }}
    {{ get_unit_test_sql(sql, expected, names) }}
  {%- endcall -%}
  {%- do adapter.drop_relation(shape) -%}
  {{ return({'relations': []}) }}
{%- endmaterialization -%}

{%- macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
  {{ return(adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names)) }}
{%- endmacro -%}

{%- macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
  {%- set names = expected_column_names | join(', ') -%}
  {%- set side = adapter.quote('actual_or_expected') -%}
  with dbt_internal_unit_test_actual as (
    select {{ names }}, {{ dbt.string_literal('actual') }} as {{ side }} from (
      {{ main_sql }}
    ) _dbt_internal_unit_test_actual
  ), dbt_internal_unit_test_expected as (
    select {{ names }}, {{ dbt.string_literal('expected') }} as {{ side }} from (
      {{ expected_fixture_sql }}
    ) _dbt_internal_unit_test_expected
  )
  select * from dbt_internal_unit_test_actual
  union all
  select * from dbt_internal_unit_test_expected
{%- endmacro -%}
