{#-
  The `clone` materialization: a zero-copy clone of the deferred relation where
  the warehouse has that, else a view over it.
  Docs: reference/commands/clone
-#}

{%- macro can_clone_table() -%}
  {{ return(adapter.dispatch('can_clone_table', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__can_clone_table() -%}
  {{ return(False) }}
{%- endmacro -%}

{%- macro create_or_replace_clone(this_relation, defer_relation) -%}
  {{ return(adapter.dispatch('create_or_replace_clone', 'dbt')(this_relation, defer_relation)) }}
{%- endmacro -%}

{%- macro default__create_or_replace_clone(this_relation, defer_relation) -%}
  create or replace table {{ this_relation.render() }} clone {{ defer_relation.render() }}
{%- endmacro -%}

{%- materialization clone, default -%}
  {%- if not defer_relation -%}
    {%- do log('No relation found in state manifest for ' ~ model.unique_id, info=True) -%}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- if existing and not flags.FULL_REFRESH -%}
    {%- do log('Relation ' ~ existing ~ ' already exists', info=True) -%}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {%- if not existing and this.render() == defer_relation.render() -%}
    {%- do exceptions.raise_compiler_error('there is nothing to clone: ' ~ this.render() ~ ' is its own original and does not exist') -%}
  {%- endif -%}
  {%- if this.render() == defer_relation.render() -%}
    {%- do log('Target relation and defer relation are the same, skipping clone for relation: ' ~ this.render(), info=True) -%}
    {{ return({'relations': []}) }}
  {%- endif -%}
  {%- set origin = load_cached_relation(defer_relation) -%}
  {%- if origin and origin.type == 'table' and can_clone_table() -%}
    {{ return({'relations': [tf_clone_table(existing)]}) }}
  {%- endif -%}
  {%- set own_view = 'materialization_view_' ~ adapter.type() -%}
  {%- set as_view = context[own_view if own_view in context else 'materialization_view_default'] -%}
  {{ return(as_view()) }}
{%- endmaterialization -%}

{%- macro tf_clone_table(existing) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- if existing is not none and not existing.is_table -%}
    {%- do drop_relation_if_exists(existing) -%}
  {%- endif -%}
  {%- call statement('main') -%}
    {{ create_or_replace_clone(target_relation, defer_relation) }}
  {%- endcall -%}
  {%- do tf_settle(target_relation, existing) -%}
  {{ return(target_relation) }}
{%- endmacro -%}
