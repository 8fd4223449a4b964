{#-
  The `view` materialization.
  Docs: docs/build/materializations#view
-#}

{%- materialization view, default -%}
  {{ return(tf_materialize_view()) }}
{%- endmaterialization -%}

{%- macro tf_materialize_view() -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set beside = make_intermediate_relation(target_relation) -%}
  {%- set aside = make_backup_relation(target_relation, existing.type if existing else 'view') -%}
  {%- set replaces = tf_replaces_view(existing) -%}
  {%- set staged = existing or tf_stages_new_views() -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do tf_sweep([beside, aside]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- call statement('main') -%}
    {{ get_replace_view_sql(target_relation, sql) if replaces else get_create_view_as_sql(beside if staged else target_relation, sql) }}
  {%- endcall -%}
  {%- if replaces -%}{%- do adapter.tf_replaced() -%}{%- endif -%}
  {%- set replaced = tf_swap(beside, target_relation, existing, aside) if existing and not replaces else none -%}
  {%- if staged and not existing -%}{%- do adapter.tf_rename_at_commit(beside, target_relation) -%}{%- endif -%}
  {%- do tf_settle(target_relation, existing, full_refresh_mode=not replaces) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(replaced) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmacro -%}

{#- Whether a standing view is replaced where it stands. Where the warehouse then
    refuses the view's columns, the whole is done again by a swap. -#}
{%- macro tf_replaces_view(existing) -%}
  {{ return(adapter.dispatch('tf_replaces_view', 'dbt')(existing) if existing and existing.is_view else False) }}
{%- endmacro -%}

{%- macro default__tf_replaces_view(existing) -%}
  {{ return(False) }}
{%- endmacro -%}

{#- Whether a new view gets its name at the end, as every other relation does. -#}
{%- macro tf_stages_new_views() -%}
  {{ return(adapter.dispatch('tf_stages_new_views', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__tf_stages_new_views() -%}
  {{ return(False) }}
{%- endmacro -%}

{#- For warehouses where `create or replace view` may change the columns. -#}
{%- macro create_or_replace_view() -%}
  {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set target_relation = api.Relation.create(database=database, schema=schema, identifier=model['alias'], type='view') -%}
  {%- do run_hooks(pre_hooks) -%}
  {%- if existing is not none and existing.is_table -%}
    {%- do handle_existing_table(should_full_refresh(), existing) -%}
  {%- endif -%}
  {%- call statement('main') -%}
    {{ get_create_view_as_sql(target_relation, sql) }}
  {%- endcall -%}
  {%- set revoke = should_revoke(existing is not none and existing.is_view, full_refresh_mode=True) -%}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=revoke) -%}
  {%- do run_hooks(post_hooks) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmacro -%}

{%- macro handle_existing_table(full_refresh, old_relation) -%}
  {{ return(adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation)) }}
{%- endmacro -%}

{%- macro default__handle_existing_table(full_refresh, old_relation) -%}
  {%- do log('dropping ' ~ old_relation.render() ~ ': it is a ' ~ old_relation.type ~ ', a view takes its place') -%}
  {%- do adapter.drop_relation(old_relation) -%}
{%- endmacro -%}
