{#-
  `on_schema_change`: compare the new rows' columns with the table's, then
  ignore, refuse, add, or bring them in line.
  Docs: docs/build/incremental-models#what-if-the-columns-of-my-incremental-model-change
-#}

{%- macro incremental_validate_on_schema_change(on_schema_change, default='ignore') -%}
  {%- if on_schema_change in ['ignore', 'fail', 'append_new_columns', 'sync_all_columns'] -%}
    {{ return(on_schema_change) }}
  {%- endif -%}
  {%- do log('`' ~ on_schema_change ~ '` is not a value of on_schema_change; using `' ~ default ~ '`') -%}
  {{ return(default) }}
{%- endmacro -%}

{%- macro check_for_schema_changes(source_relation, target_relation) -%}
  {{ return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) }}
{%- endmacro -%}

{#- A relation without columns is a catalog that did not answer, not a change. -#}
{%- macro default__check_for_schema_changes(source_relation, target_relation) -%}
  {%- set incoming = adapter.get_columns_in_relation(source_relation) -%}
  {%- set standing = adapter.get_columns_in_relation(target_relation) -%}
  {%- set readable = incoming and standing -%}
  {%- set added = diff_columns(incoming, standing) if readable else [] -%}
  {%- set removed = diff_columns(standing, incoming) if readable else [] -%}
  {%- set retyped = diff_column_data_types(incoming, standing) if readable else [] -%}
  {%- set changed = added or removed or retyped -%}
  {%- do log('columns of ' ~ target_relation ~ ': new ' ~ added ~ ', gone ' ~ removed ~ ', retyped ' ~ retyped) -%}
  {{ return({
    'schema_changed': True if changed else False,
    'source_columns': incoming,
    'target_columns': standing,
    'source_not_in_target': added,
    'target_not_in_source': removed,
    'new_target_types': retyped
  }) }}
{%- endmacro -%}

{%- macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
  {{ return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) }}
{%- endmacro -%}

{%- macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
  {%- set whole = on_schema_change == 'sync_all_columns' -%}
  {%- if not whole and on_schema_change != 'append_new_columns' -%}{{ return('') }}{%- endif -%}
  {%- set added = schema_changes_dict['source_not_in_target'] -%}
  {%- set removed = schema_changes_dict['target_not_in_source'] if whole else none -%}
  {%- if added or removed -%}
    {%- do alter_relation_add_remove_columns(target_relation, added, removed) -%}
  {%- endif -%}
  {%- for change in (schema_changes_dict['new_target_types'] if whole else []) -%}
    {%- do alter_column_type(target_relation, change['column_name'], change['new_type']) -%}
  {%- endfor -%}
{%- endmacro -%}

{%- macro process_schema_changes(on_schema_change, source_relation, target_relation) -%}
  {{ return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) }}
{%- endmacro -%}

{#- Gives the columns to insert, or nothing where the table's own will do. -#}
{%- macro default__process_schema_changes(on_schema_change, source_relation, target_relation) -%}
  {%- if on_schema_change == 'ignore' -%}{{ return({}) }}{%- endif -%}
  {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
  {%- if not changes['source_columns'] or not changes['target_columns'] -%}
    {%- do tf_columns_unread(on_schema_change, target_relation if changes['source_columns'] else source_relation) -%}
  {%- endif -%}
  {%- if changes['schema_changed'] and on_schema_change == 'fail' -%}
    {%- do tf_refuse_schema_change(changes) -%}
  {%- elif changes['schema_changed'] -%}
    {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
  {%- endif -%}
  {{ return(changes['source_columns']) }}
{%- endmacro -%}

{#- Only `append_new_columns` can go on without knowing: it takes nothing away. -#}
{%- macro tf_columns_unread(on_schema_change, relation) -%}
  {%- set complaint = 'Could not read any columns for ' ~ relation ~ ', which has some: a metadata failure of the warehouse' -%}
  {%- if on_schema_change == 'append_new_columns' -%}
    {%- do exceptions.warn(complaint ~ '; new columns go unnoticed in this run') -%}
  {%- else -%}
    {%- do exceptions.raise_compiler_error(complaint ~ '; set on_schema_change to `ignore`, or run once with --full-refresh') -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro tf_refuse_schema_change(changes) -%}
  {%- set explanation -%}
    The source and target schemas on this incremental model are out of sync!
      new in the query: {{ changes['source_not_in_target'] }}
      missing from the query: {{ changes['target_not_in_source'] }}
      other types: {{ changes['new_target_types'] }}
    Set `on_schema_change` to `append_new_columns` or `sync_all_columns`, run once with --full-refresh, or alter the table by hand.
  {%- endset -%}
  {%- do exceptions.raise_compiler_error(explanation) -%}
{%- endmacro -%}
