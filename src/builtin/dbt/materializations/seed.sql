{#-
  The `seed` materialization: a table from a CSV file.
  Docs: docs/build/seeds
-#}

{%- materialization seed, default -%}
  {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set full_refresh = should_full_refresh() -%}
  {%- set rows = load_agate_table() -%}
  {%- do store_result('agate_table', response='OK', agate_table=rows) -%}
  {%- if existing is not none and existing.is_view -%}
    {%- do exceptions.raise_compiler_error("Cannot seed to '" ~ existing.render() ~ "', it is a view") -%}
  {%- endif -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- set standing = existing is not none and existing.is_table -%}
  {%- set emptied = reset_csv_table(model, full_refresh, existing, rows) if standing else create_csv_table(model, rows) -%}
  {%- set count = 0 if flags.EMPTY else rows.rows | length -%}
  {%- set filled = load_csv_rows(model, rows) if count > 0 else '' -%}
  {%- set code = 'CREATE' if full_refresh else 'INSERT' -%}
  {%- call noop_statement('main', code ~ ' ' ~ count, code, count) -%}
    {{ get_csv_sql(emptied, filled) }};
  {%- endcall -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- do tf_settle(target_relation, existing, full_refresh) -%}
  {%- if full_refresh or not standing -%}{%- do create_indexes(target_relation) -%}{%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
