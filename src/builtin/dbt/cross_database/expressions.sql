{#-
  Casts, comparisons, literals, hashes and set operators.
  Docs: reference/dbt-jinja-functions/cross-database-macros
-#}

{%- macro cast(field, type) -%}
  {{ return(adapter.dispatch('cast', 'dbt')(field, type)) }}
{%- endmacro -%}

{%- macro default__cast(field, type) -%}
  cast({{ field }} as {{ type }})
{%- endmacro -%}

{%- macro safe_cast(field, type) -%}
  {{ return(adapter.dispatch('safe_cast', 'dbt')(field, type)) }}
{%- endmacro -%}

{%- macro default__safe_cast(field, type) -%}
  cast({{ field }} as {{ type }})
{%- endmacro -%}

{%- macro cast_bool_to_text(field) -%}
  {{ return(adapter.dispatch('cast_bool_to_text', 'dbt')(field)) }}
{%- endmacro -%}

{%- macro default__cast_bool_to_text(field) -%}
  cast({{ field }} as {{ api.Column.translate_type('string') }})
{%- endmacro -%}

{#- With the behaviour flag, null equals null and nothing else. -#}
{%- macro equals(expr1, expr2) -%}
  {{ return(adapter.dispatch('equals', 'dbt')(expr1, expr2)) }}
{%- endmacro -%}

{%- macro default__equals(expr1, expr2) -%}
  {%- if not adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    {{ return('(' ~ expr1 ~ ' = ' ~ expr2 ~ ')') }}
  {%- endif -%}
  case when ({{ expr1 }} = {{ expr2 }}) or ({{ expr1 }} is null and {{ expr2 }} is null) then 0 else 1 end = 0
{%- endmacro -%}

{%- macro escape_single_quotes(expression) -%}
  {{ return(adapter.dispatch('escape_single_quotes', 'dbt')(expression)) }}
{%- endmacro -%}

{%- macro default__escape_single_quotes(expression) -%}
  {{- expression | replace("'", "''") -}}
{%- endmacro -%}

{%- macro string_literal(value) -%}
  {{ return(adapter.dispatch('string_literal', 'dbt')(value)) }}
{%- endmacro -%}

{%- macro default__string_literal(value) -%}
  {{- "'" ~ value ~ "'" -}}
{%- endmacro -%}

{%- macro hash(field) -%}
  {{ return(adapter.dispatch('hash', 'dbt')(field)) }}
{%- endmacro -%}

{%- macro default__hash(field) -%}
  md5(cast({{ field }} as {{ api.Column.translate_type('string') }}))
{%- endmacro -%}

{%- macro except() -%}
  {{ return(adapter.dispatch('except', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__except() -%}
  except
{%- endmacro -%}

{%- macro intersect() -%}
  {{ return(adapter.dispatch('intersect', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__intersect() -%}
  intersect
{%- endmacro -%}
