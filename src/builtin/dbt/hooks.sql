{#-
  Pre- and post-hooks, inside and outside the model's transaction.
  Docs: reference/resource-configs/pre-hook-post-hook
-#}

{%- macro run_hooks(hooks, inside_transaction=True) -%}
  {%- set due = hooks | selectattr('transaction', 'equalto', inside_transaction) | list -%}
  {%- if due and not inside_transaction -%}
    {%- call statement(auto_begin=False) -%}commit;{%- endcall -%}
  {%- endif -%}
  {%- for hook in due -%}
    {%- do tf_run_hook(hook, inside_transaction) -%}
  {%- endfor -%}
{%- endmacro -%}

{%- macro tf_run_hook(hook, inside_transaction) -%}
  {%- set hook_sql = render(hook.get('sql')) | trim -%}
  {%- if hook_sql -%}
    {%- call statement(auto_begin=inside_transaction) -%}{{ hook_sql }}{%- endcall -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro make_hook_config(sql, inside_transaction) -%}
  {{- tojson({'sql': sql, 'transaction': inside_transaction}) -}}
{%- endmacro -%}

{%- macro before_begin(sql) -%}
  {{- make_hook_config(sql, inside_transaction=False) -}}
{%- endmacro -%}

{%- macro in_transaction(sql) -%}
  {{- make_hook_config(sql, inside_transaction=True) -}}
{%- endmacro -%}

{%- macro after_commit(sql) -%}
  {{- make_hook_config(sql, inside_transaction=False) -}}
{%- endmacro -%}
