{#-
  Text functions.
  Docs: reference/dbt-jinja-functions/cross-database-macros
-#}

{%- macro concat(fields) -%}
  {{ return(adapter.dispatch('concat', 'dbt')(fields)) }}
{%- endmacro -%}

{%- macro default__concat(fields) -%}
  {{- fields | join(' || ') -}}
{%- endmacro -%}

{%- macro length(expression) -%}
  {{ return(adapter.dispatch('length', 'dbt')(expression)) }}
{%- endmacro -%}

{%- macro default__length(expression) -%}
  length({{ expression }})
{%- endmacro -%}

{%- macro position(substring_text, string_text) -%}
  {{ return(adapter.dispatch('position', 'dbt')(substring_text, string_text)) }}
{%- endmacro -%}

{%- macro default__position(substring_text, string_text) -%}
  position({{ substring_text }} in {{ string_text }})
{%- endmacro -%}

{%- macro replace(field, old_chars, new_chars) -%}
  {{ return(adapter.dispatch('replace', 'dbt')(field, old_chars, new_chars)) }}
{%- endmacro -%}

{%- macro default__replace(field, old_chars, new_chars) -%}
  replace({{ field }}, {{ old_chars }}, {{ new_chars }})
{%- endmacro -%}

{%- macro right(string_text, length_expression) -%}
  {{ return(adapter.dispatch('right', 'dbt')(string_text, length_expression)) }}
{%- endmacro -%}

{%- macro default__right(string_text, length_expression) -%}
  right({{ string_text }}, {{ length_expression }})
{%- endmacro -%}

{%- macro split_part(string_text, delimiter_text, part_number) -%}
  {{ return(adapter.dispatch('split_part', 'dbt')(string_text, delimiter_text, part_number)) }}
{%- endmacro -%}

{%- macro default__split_part(string_text, delimiter_text, part_number) -%}
  split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro -%}

{#- Counts parts from the end, by the number of delimiters in the text. -#}
{%- macro _split_part_negative(string_text, delimiter_text, part_number) -%}
  {%- set shortened = 'replace(' ~ string_text ~ ', ' ~ delimiter_text ~ ", '')" -%}
  {%- set delimiters = '(length(' ~ string_text ~ ') - length(' ~ shortened ~ ')) / length(' ~ delimiter_text ~ ')' -%}
  split_part({{ string_text }}, {{ delimiter_text }}, {{ delimiters }} + 2 + ({{ part_number }}))
{%- endmacro -%}
