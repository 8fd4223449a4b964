{#-
  Dropping and truncating relations of each kind.
  Docs: reference/dbt-jinja-functions/adapter
-#}

{%- macro get_drop_sql(relation) -%}
  {%- do tf_log_step('DROP', relation) -%}
  {{ return(adapter.dispatch('get_drop_sql', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_drop_sql(relation) -%}
  {%- if relation.is_table -%}{{ return(drop_table(relation)) }}{%- endif -%}
  {%- if relation.is_view -%}{{ return(drop_view(relation)) }}{%- endif -%}
  {%- if relation.is_materialized_view -%}{{ return(drop_materialized_view(relation)) }}{%- endif -%}
  {{ return(tf_drop_cascade(relation.type, relation)) }}
{%- endmacro -%}

{%- macro tf_drop_cascade(kind, relation) -%}
  drop {{ kind }} if exists {{ relation.render() }} cascade
{%- endmacro -%}

{%- macro drop_table(relation) -%}
  {{ return(adapter.dispatch('drop_table', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__drop_table(relation) -%}
  {{- tf_drop_cascade('table', relation) -}}
{%- endmacro -%}

{%- macro drop_view(relation) -%}
  {{ return(adapter.dispatch('drop_view', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__drop_view(relation) -%}
  {{- tf_drop_cascade('view', relation) -}}
{%- endmacro -%}

{%- macro drop_materialized_view(relation) -%}
  {{ return(adapter.dispatch('drop_materialized_view', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__drop_materialized_view(relation) -%}
  {{- tf_drop_cascade('materialized view', relation) -}}
{%- endmacro -%}

{%- macro get_drop_backup_sql(relation) -%}
  {%- do tf_log_step('DROP BACKUP', relation) -%}
  {{ return(adapter.dispatch('get_drop_backup_sql', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_drop_backup_sql(relation) -%}
  {{- get_drop_sql(make_backup_relation(relation, relation.type)) -}}
{%- endmacro -%}

{%- macro drop_relation(relation) -%}
  {{ return(adapter.dispatch('drop_relation', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__drop_relation(relation) -%}
  {%- call statement('drop_relation', auto_begin=False) -%}
    {{- get_drop_sql(relation) -}}
  {%- endcall -%}
{%- endmacro -%}

{%- macro drop_relation_if_exists(relation) -%}
  {%- if relation is not none -%}{%- do adapter.drop_relation(relation) -%}{%- endif -%}
{%- endmacro -%}

{%- macro truncate_relation(relation) -%}
  {{ return(adapter.dispatch('truncate_relation', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__truncate_relation(relation) -%}
  {%- call statement('truncate_relation') -%}
    truncate table {{ relation.render() }}
  {%- endcall -%}
{%- endmacro -%}
