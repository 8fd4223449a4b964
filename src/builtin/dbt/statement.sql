{#-
  Running SQL from Jinja: `statement` blocks, `run_query` and the form that
  records a result without sending anything.
  Docs: reference/dbt-jinja-functions/statement-blocks, run_query
-#}

{%- macro statement(name=None, fetch_result=False, auto_begin=True, language='sql') -%}
  {%- if execute -%}
    {%- set code = caller() -%}
    {%- if language == 'python' -%}{%- do tf_refuse_python() -%}{%- endif -%}
    {%- if language != 'sql' -%}
      {%- do exceptions.raise_compiler_error("statement() runs sql, not `" ~ language ~ "`") -%}
    {%- endif -%}
    {%- if name == 'main' -%}{%- do write(code) -%}{%- endif -%}
    {%- set outcome = adapter.execute(code, auto_begin=auto_begin, fetch=fetch_result) -%}
    {%- if name is not none -%}
      {%- do store_result(name, response=outcome[0], agate_table=outcome[1]) -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro noop_statement(name=None, message=None, code=None, rows_affected=None, res=None) -%}
  {%- set text = caller() -%}
  {%- if name is not none -%}
    {%- if name == 'main' -%}{%- do write(text) -%}{%- endif -%}
    {%- do store_raw_result(name, agate_table=res, rows_affected=rows_affected, code=code, message=message) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro run_query(sql) -%}
  {%- call statement('run_query_statement', fetch_result=True, auto_begin=False) -%}
    {{- sql -}}
  {%- endcall -%}
  {{ return(load_result('run_query_statement').table) }}
{%- endmacro -%}
