{#-
  What the generic tests ask of rows, so that several tests of a relation share a query.
  README.md of this folder's root tells how gates work; tform's own.
-#}

{%- macro tf_gate_rows_not_null(model, column_name) -%}
  {{ column_name }} is null
{%- endmacro -%}

{#- A few comparisons are cheaper than a search in a list, which PostgreSQL makes for each row. -#}
{%- macro tf_gate_rows_accepted_values(model, column_name, values, quote=True) -%}
  {%- set accepted = [] -%}
  {%- for value in values -%}{%- do accepted.append("'" ~ value ~ "'" if quote else value) -%}{%- endfor -%}
  {%- if accepted and accepted | length <= 8 and '(' not in column_name -%}
    {%- for value in accepted -%}
      ({{ column_name }}) <> ({{ value }}){{ ' and ' if not loop.last }}
    {%- endfor -%}
  {%- else -%}
    ({{ column_name }}) not in ({{ accepted | join(', ') }})
  {%- endif -%}
{%- endmacro -%}

{%- macro tf_gate_unique_unique(model, column_name) -%}
  {{ column_name }}
{%- endmacro -%}

{%- macro tf_gate_query_relationships(model, column_name, to, field) -%}{%- endmacro -%}
