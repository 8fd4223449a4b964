{#-
  Tests of the columns that a relation has; they read no rows.
  Docs: docs_site/guide/tests.md
-#}

{%- test column_type(model, column_name, type) -%}
{%- set found = tform.tf_shape(model) -%}
{%- set name = column_name | lower | replace('"', '') -%}
{%- set wanted = [] -%}
{%- if execute and name in found -%}
  {%- for one in tform.tf_names(type) -%}{%- do wanted.append(tform.tf_type_as_found(one)) -%}{%- endfor -%}
{%- endif -%}
{%- set problems = [] -%}
{%- if name not in found -%}
  {%- do problems.append([name, tform.tf_names(type) | join(', '), 'no such column']) -%}
{%- elif found[name] not in wanted -%}
  {%- do problems.append([name, wanted | join(', '), found[name]]) -%}
{%- endif -%}
{{ tform.tf_column_problems(problems) }}
{%- endtest -%}

{%- test has_columns(model, columns, exactly=false) -%}
{%- set found = tform.tf_shape(model) -%}
{%- set problems, known = [], [] -%}
{%- for column in columns -%}
  {%- set name = column | lower -%}
  {%- set type = columns[column] if columns is mapping else none -%}
  {%- do known.append(name) -%}
  {%- if name not in found -%}
    {%- do problems.append([name, type or 'a column', 'no such column']) -%}
  {%- elif execute and type is not none and found[name] != tform.tf_type_as_found(type) -%}
    {%- do problems.append([name, tform.tf_type_as_found(type), found[name]]) -%}
  {%- endif -%}
{%- endfor -%}
{%- for name, type in found.items() if exactly and name not in known -%}
  {%- do problems.append([name, 'no such column', type]) -%}
{%- endfor -%}
{{ tform.tf_column_problems(problems) }}
{%- endtest -%}

{#- What the columns were when this test passed last is kept beside the artifacts. -#}
{%- test schema_unchanged(model, allow_added=false, ignore=none) -%}
{%- set ignored = tform.tf_names(ignore) | map('lower') | list -%}
{%- set found, problems = {}, [] -%}
{%- for name, type in tform.tf_shape(model).items() if name not in ignored -%}
  {%- do found.update({name: type}) -%}
{%- endfor -%}
{%- set seen = tform_seen() if execute else none -%}
{%- if seen is not none -%}
  {%- for name, type in seen.items() if name not in ignored and found.get(name) != type -%}
    {%- do problems.append([name, type, found.get(name, 'no such column')]) -%}
  {%- endfor -%}
  {%- for name, type in found.items() if name not in seen and not allow_added -%}
    {%- do problems.append([name, 'no such column', type]) -%}
  {%- endfor -%}
{%- endif -%}
{%- if execute and found and not problems -%}
  {%- do tform_seen(found) -%}
{%- endif -%}
{{ tform.tf_column_problems(problems) }}
{%- endtest -%}

{#- Lower-case names of the columns with their types. -#}
{%- macro tf_shape(model) -%}
  {%- set found = {} -%}
  {%- if execute -%}
    {%- for column in adapter.get_column_schema_from_query('select * from ' ~ model ~ ' where false') -%}
      {%- do found.update({column.name | lower: column.data_type | lower}) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(found) }}
{%- endmacro -%}

{#- A type as the engine calls it in answers, so that `int` and `integer` are one. -#}
{%- macro tf_type_as_found(type) -%}
  {%- set described = adapter.get_column_schema_from_query('select cast(null as ' ~ type ~ ') as value where false') -%}
  {{ return(described[0].data_type | lower) }}
{%- endmacro -%}

{%- macro tf_column_problems(problems) -%}
  {%- set written = [] -%}
  {%- for name, wanted, found in problems -%}
    {%- do written.append('select ' ~ tform.tf_text(name) ~ ' as column_name, ' ~ tform.tf_text(wanted) ~ ' as wanted, ' ~ tform.tf_text(found) ~ ' as found') -%}
  {%- endfor -%}
  {%- set text = dbt.type_string() -%}
  {%- set none_wrong = 'select cast(null as ' ~ text ~ ') as column_name, cast(null as ' ~ text ~ ') as wanted, cast(null as ' ~ text ~ ') as found where false' -%}
  {{ return(written | join('\nunion all\n') if written else none_wrong) }}
{%- endmacro -%}
