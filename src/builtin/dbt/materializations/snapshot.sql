{#-
  The `snapshot` materialization.
  Docs: docs/build/snapshots
-#}

{%- materialization snapshot, default -%}
  {%- set found = get_or_create_relation(database=model.database, schema=model.schema, identifier=model.get('alias', model.get('name')), type='table') -%}
  {%- set exists = found[0] -%}
  {%- set target_relation = found[1] -%}
  {%- if not target_relation.is_table -%}
    {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
  {%- endif -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- set strategy_macro = strategy_dispatch(config.get('strategy')) -%}
  {%- set strategy = strategy_macro(model, 'snapshotted_data', 'source_data', model['config'], exists) -%}
  {%- set staging = none -%}
  {%- if exists -%}
    {%- do adapter.assert_valid_snapshot_target_given_strategy(target_relation, tf_snapshot_columns(), strategy) -%}
    {%- set shape_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- set staging = build_snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- set write_sql = tf_snapshot_write_sql(strategy, staging, target_relation) -%}
  {%- else -%}
    {%- set shape_sql = build_snapshot_table(strategy, model['compiled_code']) -%}
    {%- set write_sql = create_table_as(False, target_relation, shape_sql) -%}
  {%- endif -%}
  {%- do check_time_data_types(shape_sql) -%}
  {%- call statement('main') -%}{{ write_sql }}{%- endcall -%}
  {%- do tf_settle(target_relation, exists, False) -%}
  {%- if not exists -%}{%- do create_indexes(target_relation) -%}{%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
  {%- if staging is not none -%}{%- do post_snapshot(staging) -%}{%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{#- Gives the table the staging table's new columns, then the write itself. -#}
{%- macro tf_snapshot_write_sql(strategy, staging, target_relation) -%}
  {%- do adapter.expand_target_column_types(from_relation=staging, to_relation=target_relation) -%}
  {%- set own = ['dbt_change_type'] -%}
  {%- for pair in tf_key_names(strategy.unique_key) -%}{%- do own.append(pair[1]) -%}{%- endfor -%}
  {%- do own.extend(own | map('upper') | list) -%}
  {%- do create_columns(target_relation, adapter.get_missing_columns(staging, target_relation) | rejectattr('name', 'in', own) | list) -%}
  {%- set names = [] -%}
  {%- for column in adapter.get_columns_in_relation(staging) | rejectattr('name', 'in', own) -%}
    {%- do names.append(adapter.quote(column.name)) -%}
  {%- endfor -%}
  {{ return(snapshot_merge_sql(target=target_relation, source=staging, insert_cols=names)) }}
{%- endmacro -%}
