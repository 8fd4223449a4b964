{#-
  Snapshot strategies: how a changed row is known, and which clock dates it.
  Docs: docs/build/snapshots, reference/resource-configs/strategy
-#}

{#- Finds `snapshot_NAME_strategy`; NAME may be qualified by a package. -#}
{%- macro strategy_dispatch(name) -%}
  {%- set parts = name.split('.', 1) -%}
  {%- set package_name = parts[0] if parts | length == 2 else none -%}
  {%- if package_name is not none and package_name not in context -%}
    {%- do exceptions.raise_compiler_error("Could not find package '" ~ package_name ~ "', called with '" ~ name ~ "'") -%}
  {%- endif -%}
  {%- set space = context if package_name is none else context[package_name] -%}
  {%- set wanted = 'snapshot_' ~ parts[-1] ~ '_strategy' -%}
  {%- if wanted not in space -%}
    {%- do exceptions.raise_compiler_error(
      "The specified strategy macro '" ~ parts[-1] ~ "' was not found in package '" ~ package_name ~ "'"
    ) -%}
  {%- endif -%}
  {{ return(space[wanted]) }}
{%- endmacro -%}

{%- macro snapshot_hash_arguments(args) -%}
  {{ return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) }}
{%- endmacro -%}

{%- macro default__snapshot_hash_arguments(args) -%}
  {%- set texts = [] -%}
  {%- for arg in args -%}{%- do texts.append("coalesce(cast(" ~ arg ~ " as varchar), '')") -%}{%- endfor -%}
  md5({{ texts | join(" || '|' || ") }})
{%- endmacro -%}

{%- macro snapshot_string_as_time(timestamp) -%}
  {{ return(adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp)) }}
{%- endmacro -%}

{%- macro default__snapshot_string_as_time(timestamp) -%}
  {%- do tf_not_for_this_adapter('snapshot_string_as_time') -%}
{%- endmacro -%}

{#- What a strategy answers; `updated_at` dates the versions it makes. -#}
{%- macro tf_strategy(updated_at, row_changed) -%}
  {%- set key = config.get('unique_key') -%}
  {%- set hard_deletes = adapter.get_hard_deletes_behavior(config) -%}
  {{ return({
    'unique_key': key,
    'updated_at': updated_at,
    'row_changed': row_changed,
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
    'hard_deletes': hard_deletes,
    'invalidate_hard_deletes': hard_deletes == 'invalidate'
  }) }}
{%- endmacro -%}

{#- Compares with the start of the standing version, which is there even if
    earlier versions were made by the check strategy. -#}
{%- macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
  {%- set updated_at = config.get('updated_at') -%}
  {%- set started = snapshotted_rel ~ '.' ~ tf_snapshot_columns().dbt_valid_from -%}
  {{ return(tf_strategy(updated_at, '(' ~ started ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')')) }}
{%- endmacro -%}

{%- macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
  {%- set compared = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
  {%- set changed = get_true_sql() if compared[0] else tf_any_column_differs(compared[1], snapshotted_rel, current_rel) -%}
  {{ return(tf_strategy(config.get('updated_at') or snapshot_get_time(), '(' ~ changed ~ ')')) }}
{%- endmacro -%}

{#- Null against a value is a difference; null against null is none. -#}
{%- macro tf_any_column_differs(columns, old, new) -%}
  {%- set tests = [] -%}
  {%- for column in columns or [] -%}
    {%- set before = old ~ '.' ~ column -%}
    {%- set after = new ~ '.' ~ column -%}
    {%- do tests.append(before ~ ' != ' ~ after) -%}
    {%- do tests.append('(' ~ before ~ ' is null and ' ~ after ~ ' is not null)') -%}
    {%- do tests.append('(' ~ before ~ ' is not null and ' ~ after ~ ' is null)') -%}
  {%- endfor -%}
  {{ return(tests | join('\n    or ')) }}
{%- endmacro -%}

{#- Gives (whether a checked column is new, the quoted columns to compare). -#}
{%- macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
  {%- if not target_exists -%}{{ return((false, none)) }}{%- endif -%}
  {%- set checked = tf_checked_columns(node['compiled_code'], check_cols_config) -%}
  {%- set standing = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {%- set known = get_list_of_column_names(adapter.get_columns_in_relation(standing)) -%}
  {%- set compared = [] -%}
  {%- for name in checked if name in known -%}{%- do compared.append(adapter.quote(name)) -%}{%- endfor -%}
  {{ return((compared | length < checked | length, compared)) }}
{%- endmacro -%}

{#- The names are asked of the warehouse, so that their case is its own. -#}
{%- macro tf_checked_columns(query, check_cols) -%}
  {%- if check_cols == 'all' -%}
    {{ return(get_columns_in_query(query)) }}
  {%- elif check_cols is iterable and check_cols is not string and check_cols | length > 0 -%}
    {{ return(get_columns_in_query('select ' ~ check_cols | join(', ') ~ ' from (\n' ~ query ~ '\n) as checked')) }}
  {%- endif -%}
  {%- do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ check_cols) -%}
{%- endmacro -%}
