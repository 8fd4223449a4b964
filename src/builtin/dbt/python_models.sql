{#-
  Python models are parsed, compiled and shown in the graph, but nothing here
  runs them. The names exist because packages override them.
  Docs: docs/build/python-models
-#}

{%- macro tf_refuse_python() -%}
  {%- do exceptions.raise_compiler_error(
    "python models cannot be run by tform; rewrite `" ~ (model.name if model is defined else 'the model') ~ "` in SQL"
  ) -%}
{%- endmacro -%}

{%- macro resolve_model_name(input_model_name) -%}
  {{ return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) }}
{%- endmacro -%}

{%- macro default__resolve_model_name(input_model_name) -%}
  {{ return((input_model_name | string).replace('"', '\\"')) }}
{%- endmacro -%}

{%- macro build_ref_function(model) -%}{%- do tf_refuse_python() -%}{%- endmacro -%}

{%- macro build_source_function(model) -%}{%- do tf_refuse_python() -%}{%- endmacro -%}

{%- macro build_config_dict(model) -%}{%- do tf_refuse_python() -%}{%- endmacro -%}

{#- A compiled python model can be read; only running it is refused. -#}
{%- macro py_script_postfix(model) -%}
{{ '# tform does not run python models' }}
{{ py_script_comment() }}
{%- endmacro -%}

{%- macro py_script_comment() -%}{%- endmacro -%}
