{#-
  Column lists that incremental models work with: quoting, comparing, and the
  choice of what a merge updates.
  Docs: docs/build/incremental-models
-#}

{%- macro is_incremental() -%}
  {%- if not execute or model.config.materialized != 'incremental' or should_full_refresh() -%}
    {{ return(False) }}
  {%- endif -%}
  {%- set built = adapter.get_relation(this.database, this.schema, this.table) -%}
  {{ return(built is not none and built.type == 'table') }}
{%- endmacro -%}

{%- macro get_quoted_csv(column_names) -%}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}{%- do quoted.append(adapter.quote(name)) -%}{%- endfor -%}
  {{ return(quoted | join(', ')) }}
{%- endmacro -%}

{%- macro diff_columns(source_columns, target_columns) -%}
  {%- set known = get_list_of_column_names(target_columns) -%}
  {{ return(source_columns | rejectattr('name', 'in', known) | list) }}
{%- endmacro -%}

{%- macro diff_column_data_types(source_columns, target_columns) -%}
  {{ return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) }}
{%- endmacro -%}

{#- A type that the target can still widen to is not a difference. -#}
{%- macro default__diff_column_data_types(source_columns, target_columns) -%}
  {%- set by_name = {} -%}
  {%- for column in target_columns -%}{%- do by_name.setdefault(column.name, column) -%}{%- endfor -%}
  {%- set changes = [] -%}
  {%- for column in source_columns if column.name in by_name -%}
    {%- set standing = by_name[column.name] -%}
    {%- if column.expanded_data_type != standing.expanded_data_type and not column.can_expand_to(other_column=standing) -%}
      {%- do changes.append({'column_name': standing.name, 'new_type': column.expanded_data_type}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(changes) }}
{%- endmacro -%}

{%- macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
  {{ return(adapter.dispatch('get_merge_update_columns', 'dbt')(merge_update_columns, merge_exclude_columns, dest_columns)) }}
{%- endmacro -%}

{%- macro default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) -%}
  {%- if merge_update_columns and merge_exclude_columns -%}
    {%- do exceptions.raise_compiler_error(
      'Model cannot specify merge_update_columns and merge_exclude_columns. Please update model to use only one config'
    ) -%}
  {%- endif -%}
  {%- if merge_update_columns -%}{{ return(merge_update_columns) }}{%- endif -%}
  {%- set excluded = (merge_exclude_columns or []) | map('lower') | list -%}
  {%- set updated = [] -%}
  {%- for column in dest_columns if column.name | lower not in excluded -%}
    {%- do updated.append(column.quoted) -%}
  {%- endfor -%}
  {{ return(updated) }}
{%- endmacro -%}
