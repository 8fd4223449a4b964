{#-
  Replacing one relation by another as one piece of SQL: in place where the
  warehouse can, else staged and swapped as far as renaming allows.
  Docs: docs/build/materializations
-#}

{%- macro get_replace_sql(existing_relation, target_relation, sql) -%}
  {%- do tf_log_step('REPLACE', existing_relation) -%}
  {{ return(adapter.dispatch('get_replace_sql', 'dbt')(existing_relation, target_relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_replace_sql(existing_relation, target_relation, sql) -%}
  {%- if existing_relation.can_be_replaced and existing_relation.type == target_relation.type -%}
    {{ return(tf_replace_in_place(target_relation, sql)) }}
  {%- endif -%}
  {%- set steps = [] -%}
  {%- if target_relation.can_be_renamed -%}
    {%- do steps.append(get_create_intermediate_sql(target_relation, sql)) -%}
  {%- endif -%}
  {%- do steps.append(get_create_backup_sql(existing_relation) if existing_relation.can_be_renamed else get_drop_sql(existing_relation)) -%}
  {%- do steps.append(get_rename_intermediate_sql(target_relation) if target_relation.can_be_renamed else get_create_sql(target_relation, sql)) -%}
  {%- if existing_relation.can_be_renamed -%}
    {%- do steps.append(get_drop_backup_sql(existing_relation)) -%}
  {%- endif -%}
  {{ return(steps | join(';\n')) }}
{%- endmacro -%}

{%- macro tf_replace_in_place(relation, sql) -%}
  {%- if relation.is_table -%}{{ return(get_replace_table_sql(relation, sql)) }}{%- endif -%}
  {%- if relation.is_view -%}{{ return(get_replace_view_sql(relation, sql)) }}{%- endif -%}
  {{ return(get_replace_materialized_view_sql(relation, sql)) }}
{%- endmacro -%}

{%- macro get_replace_table_sql(relation, sql) -%}
  {{ return(adapter.dispatch('get_replace_table_sql', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_replace_table_sql(relation, sql) -%}
  {%- do tf_no_sql_here('get_replace_table_sql') -%}
{%- endmacro -%}

{%- macro get_replace_view_sql(relation, sql) -%}
  {{ return(adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_replace_view_sql(relation, sql) -%}
  {%- do tf_no_sql_here('get_replace_view_sql') -%}
{%- endmacro -%}

{%- macro get_replace_materialized_view_sql(relation, sql) -%}
  {{ return(adapter.dispatch('get_replace_materialized_view_sql', 'dbt')(relation, sql)) }}
{%- endmacro -%}

{%- macro default__get_replace_materialized_view_sql(relation, sql) -%}
  {%- do tf_no_sql_here('get_replace_materialized_view_sql') -%}
{%- endmacro -%}
