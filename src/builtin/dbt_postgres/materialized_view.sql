{#-
  PostgreSQL: materialized views. Only their indexes can be changed in place.
  Docs: reference/resource-configs/postgres-configs#materialized-views
-#}

{%- macro postgres__get_create_materialized_view_as_sql(relation, sql) -%}
  {%- set indexes = [] -%}
  {%- for wanted in config.get('indexes', []) -%}
    {%- do indexes.append(get_create_index_sql(relation, wanted)) -%}
  {%- endfor -%}
  create materialized view if not exists {{ relation }} as {{ sql }};
  {{ indexes | join(';\n  ') }}
{%- endmacro -%}

{%- macro postgres__refresh_materialized_view(relation) -%}
  refresh materialized view {{ relation }}
{%- endmacro -%}

{%- macro postgres__describe_materialized_view(relation) -%}
  {{ return({'indexes': run_query(get_show_indexes_sql(relation))}) }}
{%- endmacro -%}

{%- macro postgres__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- if configuration_changes.requires_full_refresh -%}
    {{ return(get_replace_sql(existing_relation, relation, sql)) }}
  {%- endif -%}
  {{ return(postgres__update_indexes_on_materialized_view(relation, configuration_changes.indexes)) }}
{%- endmacro -%}

{%- macro postgres__update_indexes_on_materialized_view(relation, index_changes) -%}
  {%- do tf_log_step('UPDATE INDEXES', relation) -%}
  {%- set steps = [] -%}
  {%- for change in index_changes if change.action == 'drop' -%}
    {%- do steps.append(postgres__get_drop_index_sql(relation, change.context.name)) -%}
  {%- endfor -%}
  {%- for change in index_changes if change.action == 'create' -%}
    {%- do steps.append(postgres__get_create_index_sql(relation, change.context.as_node_config)) -%}
  {%- endfor -%}
  {{ return(steps | join(';\n')) }}
{%- endmacro -%}

{#- None where nothing changed. Indexes are compared by what they are, as their
    names are made at run time. -#}
{%- macro postgres__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- set standing = {} -%}
  {%- for row in tf_standing_indexes(existing_relation) -%}
    {%- do standing.update({tf_index_signature(row[3].split(','), row[2], row[1]): {'name': row[0]}}) -%}
  {%- endfor -%}
  {%- set wanted = {} -%}
  {%- for index in new_config.get('indexes') or [] -%}
    {%- do wanted.update({tf_index_signature(index.columns, index.get('unique'), index.get('type')): {'as_node_config': index}}) -%}
  {%- endfor -%}
  {%- set changes = [] -%}
  {%- for signature, index in standing.items() if signature not in wanted -%}
    {%- do changes.append({'action': 'drop', 'context': index}) -%}
  {%- endfor -%}
  {%- for signature, index in wanted.items() if signature not in standing -%}
    {%- do changes.append({'action': 'create', 'context': index}) -%}
  {%- endfor -%}
  {{ return({'indexes': changes, 'requires_full_refresh': False} if changes else none) }}
{%- endmacro -%}

{#- One question for all materialized views of a schema, unless a project asks in its own way. -#}
{%- macro tf_standing_indexes(relation) -%}
  {%- set asks = [
    postgres__describe_materialized_view, get_show_indexes_sql, adapter.dispatch('get_show_indexes_sql', 'dbt')
  ] -%}
  {%- if asks | rejectattr('package_name', 'in', ['dbt', 'dbt_postgres']) | list -%}
    {{ return(postgres__describe_materialized_view(relation).indexes) }}
  {%- endif -%}
  {%- set found = adapter.tf_query_once(tf_stored_view_indexes_sql(relation.schema), 'relation_name', relation.identifier) -%}
  {{ return(found.rows | selectattr('relation_name', 'equalto', relation.identifier) | list) }}
{%- endmacro -%}

{%- macro tf_stored_view_indexes_sql(schema) -%}
  select indexes.relname::text as name, amname::text as method, indisunique as "unique",
    string_agg(attname, ',' order by attnum) as column_names, relations.relname::text as relation_name
  from pg_index
  join pg_class as relations on relations.oid = indrelid and relations.relkind = 'm'
  join pg_namespace on pg_namespace.oid = relations.relnamespace
  join pg_class as indexes on indexes.oid = indexrelid
  join pg_am on pg_am.oid = indexes.relam
  join pg_attribute on attrelid = relations.oid and attnum = any(indkey)
  where nspname = '{{ schema }}'
  group by relations.relname, indexes.relname, amname, indisunique
  order by relations.relname, indexes.relname
{%- endmacro -%}

{%- macro tf_index_signature(columns, unique, method) -%}
  {%- set names = ([columns] if columns is string else columns) | map('lower') | sort | join(',') -%}
  {{ return((method or 'btree') ~ (' unique ' if unique else ' ') ~ names) }}
{%- endmacro -%}
