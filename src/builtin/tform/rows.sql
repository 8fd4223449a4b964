{#-
  Tests of single rows: each failing row is one result, whole.
  A value that is null passes, as in a check constraint; `not_null` is for nulls.
  Docs: docs_site/guide/tests.md
-#}

{%- test accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) -%}
select * from {{ model }} where {{ tform.tf_gate_rows_accepted_range(model, column_name, min_value, max_value, inclusive) }}
{%- endtest -%}

{%- macro tf_gate_rows_accepted_range(model, column_name, min_value=none, max_value=none, inclusive=true) -%}
{%- set outside = [] -%}
{%- if min_value is not none -%}
  {%- do outside.append(column_name ~ (' < ' if inclusive else ' <= ') ~ min_value) -%}
{%- endif -%}
{%- if max_value is not none -%}
  {%- do outside.append(column_name ~ (' > ' if inclusive else ' >= ') ~ max_value) -%}
{%- endif -%}
{{ outside | join(' or ') }}
{%- endmacro -%}

{%- test matches_regex(model, column_name, pattern, case_sensitive=true) -%}
select * from {{ model }} where {{ tform.tf_gate_rows_matches_regex(model, column_name, pattern, case_sensitive) }}
{%- endtest -%}

{%- macro tf_gate_rows_matches_regex(model, column_name, pattern, case_sensitive=true) -%}
not ({{ tform.tf_matches(column_name, pattern, case_sensitive) }})
{%- endmacro -%}

{%- test not_matches_regex(model, column_name, pattern, case_sensitive=true) -%}
select * from {{ model }} where {{ tform.tf_gate_rows_not_matches_regex(model, column_name, pattern, case_sensitive) }}
{%- endtest -%}

{%- macro tf_gate_rows_not_matches_regex(model, column_name, pattern, case_sensitive=true) -%}
{{ tform.tf_matches(column_name, pattern, case_sensitive) }}
{%- endmacro -%}

{%- test not_blank(model, column_name) -%}
select * from {{ model }} where {{ tform.tf_gate_rows_not_blank(model, column_name) }}
{%- endtest -%}

{%- macro tf_gate_rows_not_blank(model, column_name) -%}
trim({{ column_name }}) = ''
{%- endmacro -%}

{#- On a column, the expression goes on after the column: `>= 0`. -#}
{%- test expression_is_true(model, expression, column_name=none) -%}
select * from {{ model }} where {{ tform.tf_gate_rows_expression_is_true(model, expression, column_name) }}
{%- endtest -%}

{%- macro tf_gate_rows_expression_is_true(model, expression, column_name=none) -%}
not ({{ column_name ~ ' ' if column_name is not none }}{{ expression }})
{%- endmacro -%}

{#- Whether a text matches a regular expression anywhere in it. -#}
{%- macro tf_matches(column_name, pattern, case_sensitive) -%}
  {{ return(adapter.dispatch('tf_matches', 'tform')(column_name, pattern, case_sensitive)) }}
{%- endmacro -%}

{%- macro default__tf_matches(column_name, pattern, case_sensitive) -%}
  {{ return(column_name ~ (' ~ ' if case_sensitive else ' ~* ') ~ tform.tf_text(pattern)) }}
{%- endmacro -%}

{%- macro duckdb__tf_matches(column_name, pattern, case_sensitive) -%}
  {{ return('regexp_matches(' ~ column_name ~ ', ' ~ tform.tf_text(pattern) ~ ('' if case_sensitive else ", 'i'") ~ ')') }}
{%- endmacro -%}

{#- A backslash within a text is written twice there. -#}
{%- macro redshift__tf_matches(column_name, pattern, case_sensitive) -%}
  {%- set text = tform.tf_text(pattern | replace('\\', '\\\\')) -%}
  {{ return('regexp_instr(' ~ column_name ~ ', ' ~ text ~ ('' if case_sensitive else ", 1, 1, 0, 'i'") ~ ') > 0') }}
{%- endmacro -%}
