{#-
  The `function` materialization: user-defined functions in SQL.
  Docs: docs/build/udfs
-#}

{%- materialization function, default, supported_languages=['sql', 'python', 'javascript'] -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type=this.Function) -%}
  {%- do run_hooks(pre_hooks) -%}
  {%- set macro_name = this.get_function_macro_name(this.get_function_config(model)) -%}
  {#- Through a list, as readers of macros want dispatched names written out. -#}
  {%- set build_sql = [adapter][0].dispatch(macro_name, 'dbt')(target_relation) -%}
  {%- do function_execute_build_sql(build_sql, existing, target_relation) -%}
  {%- do run_hooks(post_hooks) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{%- macro function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {{ return(adapter.dispatch('function_execute_build_sql', 'dbt')(build_sql, existing_relation, target_relation)) }}
{%- endmacro -%}

{%- macro default__function_execute_build_sql(build_sql, existing_relation, target_relation) -%}
  {%- call statement('main') -%}{{ build_sql }}{%- endcall -%}
  {%- do tf_settle(target_relation, existing_relation) -%}
  {%- do adapter.commit() -%}
{%- endmacro -%}

{%- macro scalar_function_sql(target_relation) -%}
  {{ return(adapter.dispatch('scalar_function_sql', 'dbt')(target_relation)) }}
{%- endmacro -%}

{%- macro default__scalar_function_sql(target_relation) -%}
  {{ scalar_function_create_replace_signature_sql(target_relation) }}
  {{ scalar_function_body_sql() }};
{%- endmacro -%}

{%- macro scalar_function_create_replace_signature_sql(target_relation) -%}
  {{ return(adapter.dispatch('scalar_function_create_replace_signature_sql', 'dbt')(target_relation)) }}
{%- endmacro -%}

{%- macro default__scalar_function_create_replace_signature_sql(target_relation) -%}
  CREATE OR REPLACE FUNCTION {{ target_relation.render() }} ({{ formatted_scalar_function_args_sql() }})
  RETURNS {{ model.returns.data_type }} {{ scalar_function_volatility_sql() }} AS
{%- endmacro -%}

{%- macro formatted_scalar_function_args_sql() -%}
  {{ return(adapter.dispatch('formatted_scalar_function_args_sql', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__formatted_scalar_function_args_sql() -%}
  {%- for argument in model.arguments -%}
    {{ argument.name }} {{ argument.data_type }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro -%}

{%- macro formatted_scalar_function_args_javascript() -%}
  {{ return(adapter.dispatch('formatted_scalar_function_args_javascript', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__formatted_scalar_function_args_javascript() -%}
  {%- do exceptions.raise_compiler_error('formatted_scalar_function_args_javascript not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro -%}

{%- macro scalar_function_body_sql() -%}
  {{ return(adapter.dispatch('scalar_function_body_sql', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__scalar_function_body_sql() -%}
  $$ {{ model.compiled_code }} $$ LANGUAGE SQL
{%- endmacro -%}

{%- macro scalar_function_volatility_sql() -%}
  {{ return(adapter.dispatch('scalar_function_volatility_sql', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__scalar_function_volatility_sql() -%}
  {%- set words = {'deterministic': 'IMMUTABLE', 'stable': 'STABLE', 'non-deterministic': 'VOLATILE'} -%}
  {%- set volatility = model.config.get('volatility') -%}
  {%- if volatility is not none and volatility not in words -%}
    {%- do unsupported_volatility_warning(volatility) -%}
  {%- endif -%}
  {{ return(words.get(volatility, '')) }}
{%- endmacro -%}

{%- macro scalar_function_volatility_javascript() -%}
  {{ return(adapter.dispatch('scalar_function_volatility_javascript', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__scalar_function_volatility_javascript() -%}
  {%- if model.config.get('volatility') -%}
    {%- do unsupported_volatility_warning(model.config.get('volatility')) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro unsupported_volatility_warning(volatility) -%}
  {{ return(adapter.dispatch('unsupported_volatility_warning', 'dbt')(volatility)) }}
{%- endmacro -%}

{%- macro default__unsupported_volatility_warning(volatility) -%}
  {%- do exceptions.warn('Found `' ~ volatility ~ '` volatility specified on function `' ~ model.name ~ '`; ' ~ adapter.type() ~ ' does not have it, so it is ignored') -%}
{%- endmacro -%}

{%- macro get_aggregate_function_create_replace_signature(target_relation) -%}
  {{ return(adapter.dispatch('get_aggregate_function_create_replace_signature', 'dbt')(target_relation)) }}
{%- endmacro -%}

{%- macro default__get_aggregate_function_create_replace_signature(target_relation) -%}
  {%- set traits = [get_function_language_specifier(), get_aggregate_function_volatility_specifier()] -%}
  {%- if model.get('language') == 'python' -%}{%- do traits.append(get_function_python_options()) -%}{%- endif -%}
  CREATE OR REPLACE AGGREGATE FUNCTION {{ target_relation.render() }} ({{ get_formatted_aggregate_function_args() }})
  RETURNS {{ model.returns.data_type }} {{ traits | join(' ') }} AS
{%- endmacro -%}

{%- macro get_formatted_aggregate_function_args() -%}
  {{ return(adapter.dispatch('get_formatted_aggregate_function_args', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_formatted_aggregate_function_args() -%}
  {{- formatted_scalar_function_args_sql() -}}
{%- endmacro -%}

{%- macro get_function_language_specifier() -%}
  {{ return(adapter.dispatch('get_function_language_specifier', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_function_language_specifier() -%}
  {%- set language = model.get('language') -%}
  {%- set word = 'js' if language == 'javascript' else (language | string).upper() -%}
  {{ return('' if language == 'sql' else 'LANGUAGE ' ~ word) }}
{%- endmacro -%}

{%- macro get_aggregate_function_volatility_specifier() -%}
  {{ return(adapter.dispatch('get_aggregate_function_volatility_specifier', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_aggregate_function_volatility_specifier() -%}
  {{- scalar_function_volatility_sql() -}}
{%- endmacro -%}

{%- macro get_function_python_options() -%}
  {{ return(adapter.dispatch('get_function_python_options', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__get_function_python_options() -%}
  {%- set packages = model.config.get('packages') or [] -%}
  RUNTIME_VERSION = '{{ model.config.get('runtime_version') }}' HANDLER = '{{ model.config.get('entry_point') }}'
  {%- if packages %} PACKAGES = ('{{ packages | join("','") }}'){% endif -%}
{%- endmacro -%}
