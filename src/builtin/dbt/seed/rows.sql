{#-
  Creating and filling a seed's table.
  Docs: docs/build/seeds, reference/seed-configs
-#}

{%- macro create_csv_table(model, agate_table) -%}
  {{ return(adapter.dispatch('create_csv_table', 'dbt')(model, agate_table)) }}
{%- endmacro -%}

{%- macro default__create_csv_table(model, agate_table) -%}
  {{ return(tf_create_seed_table(model, agate_table, '')) }}
{%- endmacro -%}

{#- `attributes` is what a warehouse adds after the columns. -#}
{%- macro tf_create_seed_table(model, agate_table, attributes) -%}
  {%- set configured_types = model['config'].get('column_types', {}) -%}
  {%- set quote = model['config'].get('quote_columns', none) -%}
  {%- set columns = [] -%}
  {%- for name in agate_table.column_names -%}
    {%- set type = configured_types.get(name, adapter.convert_type(agate_table, loop.index0)) -%}
    {%- do columns.append(adapter.quote_seed_column(name | string, quote) ~ ' ' ~ type) -%}
  {%- endfor -%}
  {%- set definition = 'create table ' ~ this.render() ~ ' (' ~ columns | join(', ') ~ ') ' ~ attributes -%}
  {%- call statement('_') -%}{{ definition }}{%- endcall -%}
  {{ return(definition) }}
{%- endmacro -%}

{%- macro reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ return(adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table)) }}
{%- endmacro -%}

{%- macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- if not full_refresh -%}
    {%- do adapter.truncate_relation(old_relation) -%}
    {{ return('truncate table ' ~ old_relation.render()) }}
  {%- endif -%}
  {%- do adapter.ensure_transaction() -%}
  {%- do adapter.drop_relation(old_relation) -%}
  {{ return(create_csv_table(model, agate_table)) }}
{%- endmacro -%}

{#- Readers see the old rows until the new ones are committed: where `truncate`
    empties the table for them at once, its rows are deleted. -#}
{%- macro tf_reset_by_delete(model, full_refresh, old_relation, agate_table) -%}
  {%- if full_refresh -%}
    {{ return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
  {%- endif -%}
  {%- set emptied = 'delete from ' ~ old_relation.render() -%}
  {%- call statement('_') -%}{{ emptied }}{%- endcall -%}
  {{ return(emptied) }}
{%- endmacro -%}

{%- macro get_csv_sql(create_or_truncate_sql, insert_sql) -%}
  {{ return(adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql)) }}
{%- endmacro -%}

{%- macro default__get_csv_sql(create_or_truncate_sql, insert_sql) -%}
  {{ create_or_truncate_sql }};
  {{ insert_sql }}
{%- endmacro -%}

{%- macro get_binding_char() -%}
  {{ return(adapter.dispatch('get_binding_char', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_binding_char() -%}
  {{ return('%s') }}
{%- endmacro -%}

{%- macro get_batch_size() -%}
  {{ return(adapter.dispatch('get_batch_size', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_batch_size() -%}
  {{ return(10000) }}
{%- endmacro -%}

{%- macro get_seed_column_quoted_csv(model, column_names) -%}
  {%- set quote = model['config'].get('quote_columns', none) -%}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}{%- do quoted.append(adapter.quote_seed_column(name, quote)) -%}{%- endfor -%}
  {{ return(quoted | join(', ')) }}
{%- endmacro -%}

{%- macro load_csv_rows(model, agate_table) -%}
  {{ return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) }}
{%- endmacro -%}

{%- macro default__load_csv_rows(model, agate_table) -%}
  {{ return(basic_load_csv_rows(model, get_batch_size(), agate_table)) }}
{%- endmacro -%}

{#- Inserts in batches with bound values; gives the first statement's text. -#}
{%- macro basic_load_csv_rows(model, batch_size, agate_table) -%}
  {%- set columns = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
  {%- set one_row = '(' ~ tf_repeat(get_binding_char(), agate_table.column_names | length, ', ') ~ ')' -%}
  {%- set sent = [] -%}
  {%- for rows in agate_table.rows | batch(batch_size) -%}
    {%- set values = [] -%}
    {%- for row in rows -%}{%- do values.extend(row) -%}{%- endfor -%}
    {%- set insert = 'insert into ' ~ this.render() ~ ' (' ~ columns ~ ') values\n' ~ tf_repeat(one_row, rows | length, ',\n') -%}
    {%- do adapter.add_query(insert, bindings=values, abridge_sql_log=True) -%}
    {%- do sent.append(insert) -%}
  {%- endfor -%}
  {{ return(sent[0]) }}
{%- endmacro -%}

{%- macro tf_repeat(text, count, separator) -%}
  {%- for _ in range(count) -%}{{ text }}{{ separator if not loop.last }}{%- endfor -%}
{%- endmacro -%}
