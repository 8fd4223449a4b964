{#-
  DuckDB: the `table` materialization, which minds indexes and foreign keys,
  and `table_function`, a parameterised view.
  Docs: reference/resource-configs/duckdb-configs, duckdb.org/docs/sql/statements/create_macro
-#}

{%- materialization table, adapter='duckdb', supported_languages=['sql', 'python'] -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set beside = make_intermediate_relation(target_relation) -%}
  {%- set aside = make_backup_relation(target_relation, existing.type if existing else 'table') -%}
  {%- set constraints = tf_constraint_types(existing) -%}
  {%- set in_place = 'foreign_key' in constraints -%}
  {%- do tf_sweep([beside, aside]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- set dropped = drop_relation_for_rebuild(existing) if existing and in_place else [] -%}
  {%- call statement('main', language=model['language']) -%}
    {{ tf_create_model_table(target_relation if in_place else beside, target_relation) }}
  {%- endcall -%}
  {%- if in_place -%}
    {%- set replaced = none -%}
    {%- do restore_foreign_key_dependents(dropped) -%}
  {%- else -%}
    {%- set replaced = tf_swap_table(beside, target_relation, existing, aside, constraints) -%}
  {%- endif -%}
  {%- do create_indexes(target_relation) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do tf_settle(target_relation, existing) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(replaced) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{#- The model's rows in `built`, laid out as the model's own table would be. -#}
{%- macro tf_create_model_table(built, target_relation) -%}
  {%- set partitioned_by = duckdb__get_partitioned_by(target_relation, false) -%}
  {%- set sorted_by = duckdb__get_sorted_by(target_relation, false) -%}
  {{ return(create_table_as(False, built, compiled_code, model['language'], partitioned_by=partitioned_by, sorted_by=sorted_by)) }}
{%- endmacro -%}

{#- A swap that first clears what keeps DuckDB from renaming the old table. -#}
{%- macro tf_swap_table(built, target_relation, existing, aside, constraints) -%}
  {%- set dropped = [] -%}
  {%- if existing and existing.is_table -%}
    {%- do drop_indexes_on_relation(existing) -%}
    {%- if tf_is_keyed(constraints) -%}
      {%- do dropped.extend(drop_foreign_key_dependents(existing)) -%}
    {%- endif -%}
  {%- endif -%}
  {%- set replaced = tf_swap(built, target_relation, existing, aside) -%}
  {%- do restore_foreign_key_dependents(dropped) -%}
  {{ return(replaced) }}
{%- endmacro -%}

{%- materialization table_function, adapter='duckdb' -%}
  {%- set target_relation = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type='view') -%}
  {%- set parameters = config.get('parameters') or [] -%}
  {%- set parameters = [parameters] if parameters is string or parameters is number else parameters -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- call statement('main') -%}
    create or replace function {{ target_relation.render() }}({{ parameters | join(', ') }}) as table (
      {{ sql }}
    );
  {%- endcall -%}
  {%- if model.description and config.persist_relation_docs() -%}
    {%- do run_query('comment on macro table ' ~ target_relation.render() ~ ' is ' ~ duckdb_escape_comment(model.description)) -%}
  {%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
