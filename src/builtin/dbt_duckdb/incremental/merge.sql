{#-
  DuckDB: the `merge` strategy, by simple settings or by `merge_clauses`.
  Docs: reference/resource-configs/duckdb-configs, duckdb.org/docs/sql/statements/merge_into
-#}

{%- macro duckdb__get_incremental_merge_sql(args_dict) -%}
  {{ return(duckdb__get_merge_sql(
    args_dict.target_relation, args_dict.temp_relation, args_dict.unique_key, args_dict.dest_columns, args_dict.get('incremental_predicates')
  )) }}
{%- endmacro -%}

{%- macro duckdb__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- do validate_merge_config(config, target) -%}
  {%- set filters = normalize_incremental_predicates(incremental_predicates) -%}
  {%- set clauses = tf_merge_clauses() -%}
  {%- set returned = tf_as_list(config.get('merge_returning_columns')) -%}
  {{ tf_sql_header() }}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  {{ duckdb__merge_join_clause(unique_key, config.get('merge_on_using_columns'), filters) }}
  {%- for clause in clauses['when_matched'] %}
  when matched{{ tf_clause_condition(clause) }} then {{ tf_matched_action(clause, dest_columns) }}
  {%- endfor %}
  {%- for clause in clauses['when_not_matched'] %}
  when not matched{{ ' by ' ~ clause['by'] if clause.get('by') }}{{ tf_clause_condition(clause) }} then {{ tf_not_matched_action(clause) }}
  {%- endfor %}
  {{ 'returning ' ~ returned | join(', ') if returned }}
{%- endmacro -%}

{#- With predicates beside them, `using` columns are spelled out. -#}
{%- macro duckdb__merge_join_clause(unique_key, merge_on_using_columns, incremental_predicates) -%}
  {%- if merge_on_using_columns and not incremental_predicates -%}
    {{ return('using (' ~ merge_on_using_columns | join(', ') ~ ')') }}
  {%- endif -%}
  {%- set conditions = [] -%}
  {%- for key in tf_as_list(merge_on_using_columns or unique_key) or [none] -%}
    {%- do conditions.append('false' if key is none else 'DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
  {%- endfor -%}
  {%- do conditions.extend(incremental_predicates or []) -%}
  on ({{ conditions | join(') and (') }})
{%- endmacro -%}

{#- The configured clauses; where a kind is missing, update or insert by name. -#}
{%- macro tf_merge_clauses() -%}
  {%- set chosen = config.get('merge_clauses') or {} -%}
  {%- set include = config.get('merge_update_columns') or [] -%}
  {%- set exclude = config.get('merge_exclude_columns') or [] -%}
  {%- set expressions = config.get('merge_update_set_expressions') or {} -%}
  {%- set defaults = merge_clause_defaults(
    config.get('merge_update_condition'), config.get('merge_insert_condition'), include, exclude, expressions
  ) -%}
  {%- set update = 'explicit' if include or exclude or expressions else 'by_name' -%}
  {{ return({
    'when_matched': chosen.get('when_matched', [defaults['when_matched_update_' ~ update]]),
    'when_not_matched': chosen.get('when_not_matched', [defaults['when_not_matched_insert_by_name']])
  }) }}
{%- endmacro -%}

{%- macro merge_clause_defaults(merge_update_condition, merge_insert_condition, merge_update_columns=[], merge_exclude_columns=[], merge_update_set_expressions={}) -%}
  {%- set chosen = {'include': merge_update_columns, 'exclude': merge_exclude_columns, 'set_expressions': merge_update_set_expressions} -%}
  {{ return({
    'when_matched_update_by_name': {'action': 'update', 'mode': 'by_name', 'condition': merge_update_condition},
    'when_matched_update_explicit': {'action': 'update', 'mode': 'explicit', 'condition': merge_update_condition, 'update': chosen},
    'when_not_matched_insert_by_name': {'action': 'insert', 'mode': 'by_name', 'condition': merge_insert_condition}
  }) }}
{%- endmacro -%}

{%- macro tf_clause_condition(clause) -%}
  {%- set conditions = tf_as_list(clause.get('condition')) -%}
  {{ return(' and (' ~ conditions | join(') and (') ~ ')' if conditions else '') }}
{%- endmacro -%}

{%- macro tf_matched_action(clause, dest_columns) -%}
  {%- set fixed = {'by_name': 'update by name', 'by_position': 'update by position', 'star': 'update set *'} -%}
  {%- if clause.get('action') == 'update' and clause.get('mode') == 'explicit' -%}
    {{ return('update set ' ~ tf_explicit_assignments(clause.get('update') or {}, dest_columns)) }}
  {%- elif clause.get('action') == 'update' -%}
    {{ return(fixed.get(clause.get('mode'), '')) }}
  {%- endif -%}
  {{ return(tf_plain_action(clause)) }}
{%- endmacro -%}

{#- An expression for a column stands in place of the copy from the source. -#}
{%- macro tf_explicit_assignments(update, dest_columns) -%}
  {%- set expressions = update.get('set_expressions') or {} -%}
  {%- set assignments = [] -%}
  {%- for column, expression in expressions.items() -%}
    {%- do assignments.append(column ~ ' = ' ~ expression) -%}
  {%- endfor -%}
  {%- for column in get_merge_update_columns(update.get('include'), update.get('exclude'), dest_columns) if column.replace('"', '') not in expressions -%}
    {%- do assignments.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
  {%- endfor -%}
  {{ return(assignments | join(', ')) }}
{%- endmacro -%}

{%- macro tf_not_matched_action(clause) -%}
  {%- set fixed = {'by_name': 'insert by name', 'by_position': 'insert by position', 'star': 'insert *'} -%}
  {%- if clause.get('action') == 'update' -%}
    {{ return('update set ' ~ tf_explicit_assignments({'set_expressions': clause.get('set_expressions')}, [])) }}
  {%- elif clause.get('action') == 'insert' and clause.get('mode') == 'explicit' -%}
    {%- set written = clause.get('insert') or {} -%}
    {{ return('insert (' ~ written.get('columns', []) | join(', ') ~ ') values (' ~ written.get('values', []) | join(', ') ~ ')') }}
  {%- elif clause.get('action') == 'insert' -%}
    {{ return(fixed.get(clause.get('mode'), '')) }}
  {%- endif -%}
  {{ return(tf_plain_action(clause)) }}
{%- endmacro -%}

{%- macro tf_plain_action(clause) -%}
  {%- set message = clause.get('error_message') -%}
  {%- set complaint = 'error' ~ (" '" ~ message.replace("'", "''") ~ "'" if message else '') -%}
  {{ return({'delete': 'delete', 'do_nothing': 'do nothing', 'error': complaint}.get(clause.get('action'), '')) }}
{%- endmacro -%}
