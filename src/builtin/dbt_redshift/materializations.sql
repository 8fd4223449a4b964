{#-
  Redshift: tables and views, where the swap is a transaction of its own, and
  seeds that may carry a distribution style.
  Docs: docs/build/materializations, reference/resource-configs/redshift-configs
-#}

{%- materialization table, adapter='redshift' -%}
  {{ return(tf_materialize_table()) }}
{%- endmaterialization -%}

{%- materialization view, adapter='redshift' -%}
  {{ return(tf_materialize_view()) }}
{%- endmaterialization -%}

{#- A table's long build is committed before the swap, so that readers meet a
    lock of milliseconds; not so if a hook began the transaction, for then the
    project counts on there being one. What cannot be renamed is dropped. -#}
{%- macro redshift__tf_swap(built, target_relation, existing, aside) -%}
  {%- if built.is_table and not pre_hooks | selectattr('transaction', 'equalto', True) | list -%}
    {%- do adapter.tf_commit_beside(built) -%}
  {%- endif -%}
  {%- set standing = load_cached_relation(existing) if existing else none -%}
  {%- set movable = standing and standing.can_be_renamed -%}
  {%- if movable -%}
    {%- do adapter.rename_relation(standing, aside) -%}
  {%- else -%}
    {%- do drop_relation_if_exists(standing) -%}
  {%- endif -%}
  {%- do adapter.rename_relation(built, target_relation) -%}
  {{ return(aside if movable else none) }}
{%- endmacro -%}

{#- One statement less of a queue and a compilation. -#}
{%- macro redshift__tf_stages_new_views() -%}
  {{ return(False) }}
{%- endmacro -%}

{%- macro redshift__create_csv_table(model, agate_table) -%}
  {{ return(tf_create_seed_table(model, agate_table, dist(model['config'].get('dist', none)))) }}
{%- endmacro -%}

{#- `truncate` commits at once in Redshift, which would leave an empty seed if
    the load then failed. -#}
{%- macro redshift__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ return(tf_reset_by_delete(model, full_refresh, old_relation, agate_table)) }}
{%- endmacro -%}

{%- macro redshift__get_batch_size() -%}
  {{ return(500) }}
{%- endmacro -%}
