{#-
  DuckDB: user-defined functions are macros, whose arguments have no types; what
  they return is cast.
  Docs: docs/build/udfs
-#}

{%- macro duckdb__formatted_scalar_function_args_sql() -%}
  {%- for argument in model.arguments -%}
    {%- set default = argument.get('default_value') -%}
    {{ argument.name }}{{ '' if default is none else ' := ' ~ default }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro -%}

{%- macro duckdb__scalar_function_create_replace_signature_sql(target_relation) -%}
  {%- do scalar_function_volatility_sql() -%}
  create or replace function {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }}) as
{%- endmacro -%}

{%- macro duckdb__scalar_function_body_sql() -%}
  cast((
    {{ model.compiled_code }}
  ) as {{ model.returns.data_type }})
{%- endmacro -%}

{%- macro duckdb__scalar_function_volatility_sql() -%}
  {%- set volatility = model.config.get('volatility') -%}
  {%- if volatility is not none -%}{%- do unsupported_volatility_warning(volatility) -%}{%- endif -%}
{%- endmacro -%}
