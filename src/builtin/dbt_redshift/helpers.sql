{#-
  Redshift: questions about the connection and its settings.
  Docs: reference/resource-configs/redshift-configs
-#}

{#- Redshift copies from S3 only: rows are inserted, as they are read. -#}
{%- macro redshift__load_csv_rows(model, agate_table) -%}
  {%- set columns = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
  {{ return(adapter.tf_insert_rows('insert into ' ~ this.render() ~ ' (' ~ columns ~ ') values', agate_table, get_batch_size())) }}
{%- endmacro -%}

{%- macro redshift__use_show_apis() -%}
  {{ return(adapter.use_show_apis()) }}
{%- endmacro -%}

{%- macro redshift__use_grants_extended() -%}
  {{ return(adapter.behavior.redshift_grants_extended.no_warn) }}
{%- endmacro -%}

{%- macro redshift__drop_without_cascade() -%}
  {{ return(adapter.drop_without_cascade()) }}
{%- endmacro -%}

{%- macro redshift__can_select_from(table_name) -%}
  {%- call statement('has_table_privilege', fetch_result=True) -%}
    select has_table_privilege(current_user, '{{ table_name }}', 'select') as can_select
  {%- endcall -%}
  {{ return(load_result('has_table_privilege').table.rows[0][0]) }}
{%- endmacro -%}

{%- macro redshift__no_svv_table_info_warning() -%}
  {%- do log('user `' ~ target.user ~ '` may not select from svv_table_info, so the catalog goes without table statistics', info=True) -%}
{%- endmacro -%}

{#- "database"."schema"."identifier", quoted, for the show statements. -#}
{%- macro tf_show_path(database, schema, identifier=none) -%}
  {%- set parts = [] -%}
  {%- for part in [database, schema, identifier] if part is not none -%}
    {%- do parts.append(adapter.quote((part | string).strip('"'))) -%}
  {%- endfor -%}
  {{ return(parts | join('.')) }}
{%- endmacro -%}

{%- macro redshift__tf_name_limit() -%}
  {{ return(127) }}
{%- endmacro -%}
