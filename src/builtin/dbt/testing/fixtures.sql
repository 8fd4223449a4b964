{#-
  Unit-test fixtures: rows from properties become a query whose columns have
  the types of the relation they stand for.
  Docs: docs/build/unit-tests, reference/resource-properties/data-formats
-#}

{#- Where somebody else knows the types, `tf_quoted_names` has the names as they are quoted, by those in lower case. -#}
{%- macro get_fixture_sql(rows, column_name_to_data_types) -%}
  {%- set quoted = tf_quoted_names if tf_quoted_names is defined else {} -%}
  {%- set types = column_name_to_data_types or tf_fixture_types(quoted) -%}
  {%- if not types -%}
    {%- do exceptions.raise_compiler_error(
      "Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this ~ " because the relation doesn't exist"
    ) -%}
  {%- endif -%}
  {%- do validate_fixture_rows(rows, none) -%}
  {%- set blank = {} -%}
  {%- for name, type in types.items() -%}
    {%- do blank.update({name: safe_cast('null', type) | trim}) -%}
  {%- endfor -%}
  {%- set selects = [] -%}
  {%- for row in rows -%}
    {%- set filled = blank.copy() -%}
    {%- do filled.update(format_row(row, types)) -%}
    {%- do selects.append(tf_fixture_select(filled, quoted)) -%}
  {%- endfor -%}
  {{ return(selects | join('\nunion all\n') if selects else tf_fixture_select(blank, quoted) ~ '\nlimit 0') }}
{%- endmacro -%}

{#- Types of the relation under `this`, or of its deferred twin; fills `quoted`. -#}
{%- macro tf_fixture_types(quoted) -%}
  {%- set origin = defer_relation if defer_relation is defined and defer_relation and not load_cached_relation(this) else this -%}
  {%- set types = {} -%}
  {%- set known = origin if origin.external else load_cached_relation(origin) -%}
  {%- for column in (get_columns_for_unit_tests(origin) if known else []) -%}
    {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- do quoted.update({column.name | lower: column.quoted}) -%}
  {%- endfor -%}
  {{ return(types) }}
{%- endmacro -%}

{%- macro tf_fixture_select(values, quoted) -%}
  {%- set written = [] -%}
  {%- for name, value in values.items() -%}
    {%- do written.append((value | trim) ~ ' as ' ~ quoted.get(name, name)) -%}
  {%- endfor -%}
  {{ return('select ' ~ written | join(', ')) }}
{%- endmacro -%}

{%- macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) -%}
  {%- if not rows -%}{{ return('select * from dbt_internal_unit_test_actual limit 0') }}{%- endif -%}
  {#- A union goes by position: every row in the order of the first one. -#}
  {%- set names = format_row(rows[0], column_name_to_data_types).keys() | list -%}
  {%- set selects = [] -%}
  {%- for row in rows -%}
    {%- set values = format_row(row, column_name_to_data_types) -%}
    {%- set ordered = {} -%}
    {%- for name in names if name in values -%}{%- do ordered.update({name: values[name]}) -%}{%- endfor -%}
    {%- do ordered.update(values) -%}
    {%- do selects.append(tf_fixture_select(ordered, column_name_to_quoted)) -%}
  {%- endfor -%}
  {{ return(selects | join('\nunion all\n')) }}
{%- endmacro -%}

{#- A row with lower-case names and each value cast to its column's type. -#}
{%- macro format_row(row, column_name_to_data_types) -%}
  {%- set formatted = {} -%}
  {%- for name, value in row.items() -%}
    {%- set column = name | lower -%}
    {%- if column not in column_name_to_data_types -%}
      {%- do tf_unknown_fixture_column(column, column_name_to_data_types) -%}
    {%- endif -%}
    {%- do formatted.update({column: tf_fixture_value(value, column_name_to_data_types[column])}) -%}
  {%- endfor -%}
  {{ return(formatted) }}
{%- endmacro -%}

{#- A text's declared length is left out, lest the cast cut the value short. -#}
{%- macro tf_fixture_value(value, type) -%}
  {%- if value is not string -%}
    {{ return(safe_cast('null' if value is none else value, type)) }}
  {%- endif -%}
  {%- set open_type = type.split('(')[0] if 'varying' in type else type -%}
  {{ return(safe_cast(dbt.string_literal(dbt.escape_single_quotes(value)), open_type)) }}
{%- endmacro -%}

{%- macro tf_unknown_fixture_column(column, types) -%}
  {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
  {%- do exceptions.raise_compiler_error(
    "Invalid column name: '" ~ column ~ "' in unit test fixture for " ~ fixture ~ ".\nAccepted columns for " ~ fixture ~ " are: " ~ types.keys() | list
  ) -%}
{%- endmacro -%}

{%- macro validate_fixture_rows(rows, row_number) -%}
  {{ return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) }}
{%- endmacro -%}

{%- macro default__validate_fixture_rows(rows, row_number) -%}{%- endmacro -%}
