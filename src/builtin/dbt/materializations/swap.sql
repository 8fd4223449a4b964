{#-
  What every model materialization shares: build beside, swap, settle. The old
  relation keeps its name until the new one is complete, and whatever a killed
  run left behind is swept before the next build.
  Docs: guides/create-new-materializations
-#}

{%- macro tf_sweep(relations) -%}
  {%- for relation in relations -%}
    {%- do drop_relation_if_exists(load_cached_relation(relation)) -%}
  {%- endfor -%}
{%- endmacro -%}

{#- Puts `built` in place of `existing`; gives what was set aside, or none. -#}
{%- macro tf_swap(built, target_relation, existing, aside) -%}
  {{ return(adapter.dispatch('tf_swap', 'dbt')(built, target_relation, existing, aside)) }}
{%- endmacro -%}

{%- macro default__tf_swap(built, target_relation, existing, aside) -%}
  {%- set standing = load_cached_relation(existing) if existing else none -%}
  {%- if standing -%}{%- do adapter.rename_relation(standing, aside) -%}{%- endif -%}
  {%- do adapter.rename_relation(built, target_relation) -%}
  {{ return(aside if standing else none) }}
{%- endmacro -%}

{#- Grants and comments, once the relation has its final name. -#}
{%- macro tf_settle(target_relation, existing, full_refresh_mode=True) -%}
  {%- set revoke = should_revoke(existing, full_refresh_mode) -%}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=revoke) -%}
  {%- do persist_docs(target_relation, model) -%}
{%- endmacro -%}
