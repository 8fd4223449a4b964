{#-
  The `materialized_view` materialization: create, replace, refresh, or alter,
  depending on what stands and what changed.
  Docs: docs/build/materializations#materialized-view
-#}

{%- materialization materialized_view, default -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type=this.MaterializedView) -%}
  {%- set beside = make_intermediate_relation(target_relation) -%}
  {%- set aside = make_backup_relation(target_relation, existing.type if existing else target_relation.MaterializedView) -%}
  {%- do materialized_view_setup(aside, beside, pre_hooks) -%}
  {%- set build_sql = materialized_view_get_build_sql(existing, target_relation, aside, beside) -%}
  {%- if build_sql == '' -%}
    {%- do materialized_view_execute_no_op(target_relation) -%}
  {%- else -%}
    {%- do materialized_view_execute_build_sql(build_sql, existing, target_relation, post_hooks) -%}
  {%- endif -%}
  {%- do materialized_view_teardown(aside, beside, post_hooks) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{%- macro materialized_view_setup(backup_relation, intermediate_relation, pre_hooks) -%}
  {%- do tf_sweep([backup_relation, intermediate_relation]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
{%- endmacro -%}

{%- macro materialized_view_teardown(backup_relation, intermediate_relation, post_hooks) -%}
  {%- do tf_sweep([backup_relation, intermediate_relation]) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
{%- endmacro -%}

{#- An empty answer means that there is nothing to run. -#}
{%- macro materialized_view_get_build_sql(existing_relation, target_relation, backup_relation, intermediate_relation) -%}
  {%- if existing_relation is none -%}
    {{ return(get_create_materialized_view_as_sql(target_relation, sql)) }}
  {%- elif should_full_refresh() or not existing_relation.is_materialized_view -%}
    {{ return(get_replace_sql(existing_relation, target_relation, sql)) }}
  {%- endif -%}
  {%- set changes = get_materialized_view_configuration_changes(existing_relation, config) -%}
  {%- if changes is none -%}
    {{ return(refresh_materialized_view(target_relation)) }}
  {%- elif config.get('on_configuration_change') == 'apply' -%}
    {{ return(get_alter_materialized_view_as_sql(
      target_relation, changes, sql, existing_relation, backup_relation, intermediate_relation
    )) }}
  {%- endif -%}
  {%- do tf_leave_materialized_view(target_relation, config.get('on_configuration_change')) -%}
  {{ return('') }}
{%- endmacro -%}

{%- macro tf_leave_materialized_view(target_relation, choice) -%}
  {%- set found = 'Configuration changes were identified and `on_configuration_change` was set to `' ~ choice ~ '` for `' ~ target_relation.render() ~ '`' -%}
  {%- if choice == 'continue' -%}
    {%- do exceptions.warn(found) -%}
  {%- elif choice == 'fail' -%}
    {%- do exceptions.raise_fail_fast_error(found) -%}
  {%- else -%}
    {%- do exceptions.raise_compiler_error('`on_configuration_change` takes apply, continue or fail, not `' ~ choice ~ '`') -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro materialized_view_execute_no_op(target_relation) -%}
  {%- do store_raw_result(name='main', message='skip ' ~ target_relation, code='skip', rows_affected='-1') -%}
{%- endmacro -%}

{%- macro materialized_view_execute_build_sql(build_sql, existing_relation, target_relation, post_hooks) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- call statement('main') -%}{{ build_sql }}{%- endcall -%}
  {%- do tf_settle(target_relation, existing_relation) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
{%- endmacro -%}
