{#-
  The `incremental` materialization.
  Docs: docs/build/incremental-models
-#}

{%- materialization incremental, default -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set beside = make_intermediate_relation(target_relation) -%}
  {%- set aside = make_backup_relation(target_relation, existing.type if existing else 'table') -%}
  {%- set rebuild = should_full_refresh() or (existing is not none and existing.is_view) -%}
  {%- set strategy = tf_incremental_strategy() -%}
  {%- do tf_sweep([beside, aside]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- set fresh = target_relation if existing is none else beside -%}
  {%- if existing is none or rebuild -%}
    {%- set build_sql = get_create_table_as_sql(False, fresh, sql) -%}
  {%- else -%}
    {%- set build_sql = tf_incremental_sql(existing, target_relation, strategy) -%}
  {%- endif -%}
  {%- call statement('main') -%}
    {{ build_sql }}
  {%- endcall -%}
  {%- set replaced = none -%}
  {%- if existing is none or rebuild -%}
    {%- do create_indexes(fresh) -%}
  {%- endif -%}
  {%- if existing is not none and rebuild -%}
    {%- set replaced = tf_swap(beside, target_relation, existing, aside) -%}
  {%- endif -%}
  {%- do tf_settle(target_relation, existing, rebuild) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(replaced) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{#- New rows go to a temporary table; the strategy then brings them over. -#}
{%- macro tf_incremental_sql(existing, target_relation, strategy) -%}
  {%- set new_rows = make_temp_relation(target_relation) -%}
  {%- do run_query(get_create_table_as_sql(True, new_rows, sql)) -%}
  {%- if not tf_contract_enforced() -%}
    {%- do adapter.expand_target_column_types(from_relation=new_rows, to_relation=target_relation) -%}
  {%- endif -%}
  {{ return(strategy(tf_incremental_arguments(existing, target_relation, new_rows))) }}
{%- endmacro -%}

{%- macro tf_incremental_strategy() -%}
  {{ return(adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default')) }}
{%- endmacro -%}

{#- Brings the columns in line as configured, then says what strategies need. -#}
{%- macro tf_incremental_arguments(existing, target_relation, new_rows) -%}
  {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- set columns = process_schema_changes(on_schema_change, new_rows, existing) -%}
  {{ return({
    'target_relation': target_relation,
    'temp_relation': new_rows,
    'unique_key': config.get('unique_key'),
    'dest_columns': columns or adapter.get_columns_in_relation(existing),
    'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none)
  }) }}
{%- endmacro -%}
