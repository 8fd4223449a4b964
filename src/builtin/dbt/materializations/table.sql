{#-
  The `table` materialization.
  Docs: docs/build/materializations#table
-#}

{%- materialization table, default -%}
  {{ return(tf_materialize_table()) }}
{%- endmaterialization -%}

{%- macro tf_materialize_table() -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set beside = make_intermediate_relation(target_relation) -%}
  {%- set aside = make_backup_relation(target_relation, existing.type if existing else 'table') -%}
  {%- do tf_sweep([beside, aside]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- call statement('main') -%}
    {{ get_create_table_as_sql(False, beside, sql) }}
  {%- endcall -%}
  {%- do create_indexes(beside) -%}
  {%- set replaced = tf_swap(beside, target_relation, existing, aside) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do tf_settle(target_relation, existing) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(replaced) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmacro -%}
