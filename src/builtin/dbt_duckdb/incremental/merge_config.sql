{#-
  DuckDB: the settings of the `merge` strategy are checked before any SQL is
  written, and all mistakes are told at once.
  Docs: reference/resource-configs/duckdb-configs
-#}

{%- macro validate_merge_config(config, target_relation=none) -%}
  {%- set errors = [] -%}
  {%- set kinds = tf_merge_settings() -%}
  {%- set checks = {'text': validate_string_field, 'list': validate_string_list_field, 'dict': validate_dict_field} -%}
  {%- for name, kind in kinds.items() -%}
    {%- set check = checks[kind] -%}
    {%- do check(config.get(name), name, errors) -%}
  {%- endfor -%}
  {%- do validate_merge_clauses(config, kinds, errors) -%}
  {%- if not errors -%}{%- do validate_ducklake_restrictions(config, target_relation, errors) -%}{%- endif -%}
  {%- if errors -%}
    {%- do exceptions.raise_compiler_error('MERGE configuration errors:\n' ~ errors | join('\n')) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro tf_merge_settings() -%}
  {{ return({
    'merge_on_using_columns': 'list',
    'merge_returning_columns': 'list',
    'merge_update_columns': 'list',
    'merge_exclude_columns': 'list',
    'merge_update_set_expressions': 'dict',
    'merge_update_condition': 'text',
    'merge_insert_condition': 'text'
  }) }}
{%- endmacro -%}

{%- macro validate_merge_clauses(config, base_configuration_fields, errors) -%}
  {%- set clauses = config.get('merge_clauses') -%}
  {%- if clauses is none -%}{{ return('') }}{%- endif -%}
  {%- if clauses is not mapping -%}
    {%- do errors.append('merge_clauses must be a dictionary, found: ' ~ clauses) -%}
    {{ return('') }}
  {%- endif -%}
  {%- set given = ['when_matched', 'when_not_matched'] | select('in', clauses) | list -%}
  {%- if not given -%}
    {%- do errors.append("merge_clauses must contain at least one of 'when_matched' or 'when_not_matched' keys") -%}
  {%- endif -%}
  {%- for kind in given -%}{%- do validate_merge_clause_list(clauses, kind, errors) -%}{%- endfor -%}
  {%- do tf_check_idle_settings(config, base_configuration_fields, errors) -%}
{%- endmacro -%}

{#- With `merge_clauses`, the simple settings have no effect. -#}
{%- macro tf_check_idle_settings(config, fields, errors) -%}
  {%- set idle = [] -%}
  {%- for name in fields if name not in ['merge_on_using_columns', 'merge_returning_columns'] and config.get(name) -%}
    {%- do idle.append(name) -%}
  {%- endfor -%}
  {%- if idle -%}
    {%- do errors.append('With merge_clauses, these basic merge configurations will be ignored and should be removed: ' ~ idle | join(', ')) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_merge_clause_list(merge_clauses, clause_type, errors) -%}
  {%- set clauses = merge_clauses.get(clause_type) -%}
  {%- set label = 'merge_clauses.' ~ clause_type -%}
  {%- if clauses is string or clauses is mapping or clauses is not sequence -%}
    {%- do errors.append(label ~ ' must be a list') -%}
  {%- elif not clauses -%}
    {%- do errors.append(label ~ ' must contain at least one element') -%}
  {%- else -%}
    {%- for clause in clauses if clause is not mapping -%}
      {%- do errors.append(label ~ ' elements must be dictionaries, found: ' ~ clause) -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_ducklake_restrictions(config, target_relation, errors) -%}
  {%- set clauses = config.get('merge_clauses') or {} -%}
  {%- set changing = [] -%}
  {%- for clause in clauses.get('when_matched', []) + clauses.get('when_not_matched', []) if clause.get('action') in ['update', 'delete'] -%}
    {%- do changing.append(clause) -%}
  {%- endfor -%}
  {%- set returning = config.get('merge_returning_columns') -%}
  {%- if not (returning or changing | length > 1) or not target_relation or not tf_is_ducklake(target_relation) -%}
    {{ return(none) }}
  {%- endif -%}
  {%- if returning -%}
    {%- do errors.append('DuckLake MERGE restrictions: merge_returning_columns is not supported') -%}
  {%- endif -%}
  {%- if changing | length > 1 -%}
    {%- do errors.append('DuckLake MERGE restrictions: only a single UPDATE or DELETE action, found ' ~ changing | length) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_string_field(field_value, field_name, errors) -%}
  {%- if field_value is not none and field_value is not string -%}
    {%- do errors.append(field_name ~ ' must be a string, found: ' ~ field_value) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro validate_string_list_field(field_value, field_name, errors) -%}
  {%- set listed = field_value is sequence and field_value is not string and field_value is not mapping -%}
  {%- if field_value is not none and not listed -%}
    {%- do errors.append(field_name ~ ' must be a list') -%}
  {%- endif -%}
  {%- for item in (field_value if listed else []) | reject('string') -%}
    {%- do errors.append(field_name ~ ' must contain only string values, found: ' ~ item) -%}
  {%- endfor -%}
{%- endmacro -%}

{%- macro validate_dict_field(field_value, field_name, errors) -%}
  {%- if field_value is not none and field_value is not mapping -%}
    {%- do errors.append(field_name ~ ' must be a dictionary, found: ' ~ field_value) -%}
  {%- endif -%}
{%- endmacro -%}
