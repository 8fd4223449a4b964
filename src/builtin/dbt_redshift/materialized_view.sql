{#-
  Redshift: materialized views.
  Docs: reference/resource-configs/redshift-configs#materialized-views
-#}

{#- Redshift's own default for materialized views is an even distribution. -#}
{%- macro redshift__get_create_materialized_view_as_sql(relation, sql) -%}
  {%- set wanted = tf_materialized_view_config(config) -%}
  {%- if wanted.diststyle == 'auto' -%}
    {%- do exceptions.raise_compiler_error('Redshift materialized views do not support a `diststyle` of `auto`.') -%}
  {%- endif -%}
  create materialized view {{ relation }}
  backup {{ 'yes' if wanted.backup else 'no' }} diststyle {{ wanted.diststyle }}
  {{ 'distkey (' ~ wanted.distkey ~ ')' if wanted.distkey }} {{ 'sortkey (' ~ wanted.sort | join(', ') ~ ')' if wanted.sort }}
  auto refresh {{ 'yes' if wanted.autorefresh else 'no' }} as (
    {{ sql }}
  )
{%- endmacro -%}

{%- macro tf_materialized_view_config(new_config) -%}
  {%- set dist = (new_config.get('dist') or 'even') | lower -%}
  {%- set style = dist if dist in ['auto', 'even', 'all'] else 'key' -%}
  {{ return({
    'diststyle': style,
    'distkey': new_config.get('dist') if style == 'key' else none,
    'sort': tf_as_list(new_config.get('sort')),
    'autorefresh': tf_truth(new_config.get('auto_refresh'), false),
    'backup': tf_truth(new_config.get('backup'), true)
  }) }}
{%- endmacro -%}

{#- Settings come as booleans or as words. -#}
{%- macro tf_truth(value, default) -%}
  {%- if value is none -%}{{ return(default) }}{%- endif -%}
  {{ return((value | string | lower) in ['true', 't', 'yes', '1']) }}
{%- endmacro -%}

{#- An automatic view refreshes itself, so there is nothing to run. -#}
{%- macro redshift__refresh_materialized_view(relation) -%}
  {{ return('' if tf_truth(config.get('auto_refresh'), false) else 'refresh materialized view ' ~ relation) }}
{%- endmacro -%}

{%- macro redshift__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- if configuration_changes.requires_full_refresh -%}
    {{ return(get_replace_sql(existing_relation, relation, sql)) }}
  {%- endif -%}
  {%- do tf_log_step('UPDATE AUTOREFRESH', relation) -%}
  alter materialized view {{ relation }} auto refresh {{ 'yes' if configuration_changes.autorefresh.context else 'no' }}
{%- endmacro -%}

{#- None where nothing changed. Whether backups are on cannot be asked. -#}
{%- macro redshift__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- set standing = tf_standing_materialized_view(existing_relation) -%}
  {%- set wanted = tf_materialized_view_config(new_config) -%}
  {%- set changes = {} -%}
  {%- if wanted.autorefresh != standing.autorefresh -%}
    {%- do changes.update({'autorefresh': {'action': 'alter', 'context': wanted.autorefresh}}) -%}
  {%- endif -%}
  {%- if wanted.diststyle != standing.diststyle or (wanted.distkey or '') | lower != (standing.distkey or '') | lower -%}
    {%- do changes.update({'dist': {'action': 'alter', 'context': wanted.diststyle}}) -%}
  {%- endif -%}
  {%- if wanted.sort | map('lower') | list != standing.sort | map('lower') | list -%}
    {%- do changes.update({'sort': {'action': 'alter', 'context': wanted.sort}}) -%}
  {%- endif -%}
  {%- if not changes -%}{{ return(none) }}{%- endif -%}
  {%- do changes.update({'requires_full_refresh': 'dist' in changes or 'sort' in changes}) -%}
  {{ return(changes) }}
{%- endmacro -%}

{#- What stands, in the form of the configuration. `diststyle` reads like EVEN,
    KEY(id) or AUTO(ALL). All of a schema are asked for at once: their settings,
    then their columns, as the two catalogs cannot be joined. -#}
{%- macro tf_standing_materialized_view(relation) -%}
  {%- set found = namespace(dist=['even'], autorefresh=none) -%}
  {%- for row in adapter.tf_query_once(tf_materialized_view_settings_sql(relation, of_schema=True), 'table', relation.identifier).rows -%}
    {%- set found.dist = (row['diststyle'] or 'even').split('(') -%}
    {%- set found.autorefresh = row['autorefresh'] -%}
  {%- endfor -%}
  {%- set rows = [] -%}
  {%- set stored = 'mv_tbl__' ~ relation.identifier | lower ~ '__' -%}
  {%- for row in adapter.tf_query_once(tf_materialized_view_columns_sql(relation, of_schema=True)).rows -%}
    {%- set is_own = row['stored'].startswith(stored) and row['stored'][stored | length:].isdigit() -%}
    {%- if is_own and row['sort_key_position'] > 0 -%}{%- do rows.append(row) -%}{%- endif -%}
  {%- endfor -%}
  {%- set sorted_columns = [] -%}
  {%- for row in rows | sort(attribute='sort_key_position') -%}{%- do sorted_columns.append(row['column']) -%}{%- endfor -%}
  {%- set style = found.dist[0] | lower -%}
  {{ return({
    'diststyle': style,
    'distkey': found.dist[-1].strip(')') if style == 'key' else none,
    'sort': sorted_columns,
    'autorefresh': tf_truth(found.autorefresh, false)
  }) }}
{%- endmacro -%}

{#- Three queries, as their catalogs cannot be joined. Serverless has
    svv_mv_info only. -#}
{%- macro redshift__describe_materialized_view(relation) -%}
  {%- set settings = run_query(tf_materialized_view_settings_sql(relation)) -%}
  {%- set columns = run_query(tf_materialized_view_columns_sql(relation)) -%}
  {%- set query = run_query(
    "select definition from pg_views where schemaname = '" ~ relation.schema ~ "' and viewname = '" ~ relation.identifier
    ~ "' and definition ilike '%create materialized view%'"
  ) -%}
  {{ return({'materialized_view': settings, 'query': query, 'columns': columns}) }}
{%- endmacro -%}

{%- macro tf_materialized_view_settings_sql(relation, of_schema=False) -%}
  select info.database, info.schema, info.table, diststyle, sortkey1, autorefresh
  from svv_table_info as info
  left join svv_mv_info as stored on stored.database_name = info.database and stored.schema_name = info.schema and stored.name = info.table
  where info.database ilike '{{ relation.database }}' and info.schema ilike '{{ relation.schema }}'
    {{ 'and stored.name is not null' if of_schema else "and info.table ilike '" ~ relation.identifier ~ "'" }}
{%- endmacro -%}

{#- The rows stand in a table named mv_tbl__NAME__N. -#}
{%- macro tf_materialized_view_columns_sql(relation, of_schema=False) -%}
  select relname::text as stored, attname::text as column, attisdistkey as is_dist_key, attsortkeyord as sort_key_position
  from pg_attribute
  join pg_class on pg_class.oid = attrelid and relname like 'mv_tbl__{{ '' if of_schema else relation.identifier ~ '__' }}%'
  join pg_namespace on pg_namespace.oid = relnamespace and nspname ilike '{{ relation.schema }}'
{%- endmacro -%}
