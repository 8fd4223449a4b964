{#-
  DuckDB: the `incremental` materialization.
  Docs: docs/build/incremental-models, reference/resource-configs/duckdb-configs
-#}

{%- materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set beside = make_intermediate_relation(target_relation) -%}
  {%- set aside = make_backup_relation(target_relation, existing.type if existing else 'table') -%}
  {%- set rebuild = should_full_refresh() or (existing is not none and existing.is_view) -%}
  {%- set fresh = existing is none or rebuild -%}
  {%- set constraints = tf_constraint_types(existing) if rebuild else [] -%}
  {%- set in_place = existing is none or 'foreign_key' in constraints -%}
  {%- do tf_sweep([beside, aside]) -%}
  {%- set stand_in = none if fresh else duckdb__dispatch_temporary_relation(target_relation, model.batch.id if model.batch else '') -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- set dropped = drop_relation_for_rebuild(existing) if existing and in_place else [] -%}
  {%- if fresh -%}
    {%- set build_sql = tf_create_model_table(target_relation if in_place else beside, target_relation) -%}
  {%- else -%}
    {%- set build_sql = tf_duckdb_incremental_sql(existing, target_relation, stand_in) -%}
  {%- endif -%}
  {%- call statement('main', language='sql' if stand_in else model['language']) -%}
    {{ build_sql }}
  {%- endcall -%}
  {%- set replaced = none -%}
  {%- if fresh and not in_place -%}
    {%- set replaced = tf_swap_table(beside, target_relation, existing, aside, constraints) -%}
  {%- endif -%}
  {%- do restore_foreign_key_dependents(dropped) -%}
  {%- if fresh -%}{%- do create_indexes(target_relation) -%}{%- endif -%}
  {%- do tf_settle(target_relation, existing, rebuild) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(replaced) -%}
  {%- if stand_in and not stand_in.temporary -%}{%- do adapter.drop_relation(stand_in.relation) -%}{%- endif -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{%- macro tf_duckdb_incremental_sql(existing, target_relation, stand_in) -%}
  {%- set strategy = tf_incremental_strategy() -%}
  {%- if model['language'] == 'python' -%}{%- do tf_refuse_python() -%}{%- endif -%}
  {%- do run_query(create_table_as(stand_in.temporary, stand_in.relation, compiled_code)) -%}
  {%- do adapter.expand_target_column_types(from_relation=stand_in.relation, to_relation=target_relation) -%}
  {{ return(strategy(tf_incremental_arguments(existing, target_relation, stand_in.relation))) }}
{%- endmacro -%}

{%- macro duckdb__get_incremental_default_sql(arg_dict) -%}
  {{ return(get_incremental_delete_insert_sql(arg_dict)) }}
{%- endmacro -%}

{%- macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- if unique_key -%}
    {{ tf_delete_matching(target, source, unique_key, incremental_predicates) }}
  {% endif -%}
  {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro -%}

{#- One key is looked up in a list, several are joined: both are DuckDB's fast ways. -#}
{%- macro tf_delete_matching(target, source, unique_key, incremental_predicates) -%}
  {%- set conditions = [] -%}
  {%- if unique_key is string -%}
    {%- do conditions.append('(' ~ unique_key ~ ') in (select (' ~ unique_key ~ ') from ' ~ source ~ ')') -%}
  {%- else -%}
    {%- for key in unique_key -%}{%- do conditions.append(source ~ '.' ~ key ~ ' = DBT_INCREMENTAL_TARGET.' ~ key) -%}{%- endfor -%}
  {%- endif -%}
  {%- do conditions.extend(tf_as_list(incremental_predicates)) -%}
  delete from {{ target }}{{ ' as DBT_INCREMENTAL_TARGET using ' ~ source if unique_key is not string }}
  where {{ conditions | join(' and ') }};
{%- endmacro -%}

{#- A batch replaces the rows of its span of `event_time`. -#}
{%- macro duckdb__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set span = tf_batch_span() -%}
  {%- set filters = [span] -%}
  {%- for predicate in normalize_incremental_predicates(arg_dict.get('incremental_predicates')) -%}
    {%- do filters.append('(' ~ predicate ~ ')') -%}
  {%- endfor -%}
  {%- set names = get_quoted_csv(get_list_of_column_names(arg_dict['dest_columns'])) -%}
  delete from {{ arg_dict['target_relation'] }} where {{ filters | join(' and ') }};
  insert into {{ arg_dict['target_relation'] }} ({{ names }})
  select {{ names }} from {{ arg_dict['temp_relation'] }} where {{ span }};
{%- endmacro -%}

{%- macro tf_batch_span() -%}
  {%- set event_time = config.get('event_time') -%}
  {%- set batch = model.get('batch') or {} -%}
  {%- if not event_time -%}
    {%- do exceptions.raise_compiler_error("microbatch incremental strategy requires an 'event_time' model config") -%}
  {%- elif config.get('unique_key') -%}
    {%- do exceptions.raise_compiler_error("microbatch incremental strategy does not support 'unique_key': a batch replaces all rows of its span; remove it or use incremental_strategy='merge'") -%}
  {%- elif not (batch.get('event_time_start') and batch.get('event_time_end')) -%}
    {%- do exceptions.raise_compiler_error("microbatch incremental strategy requires 'batch.event_time_start' and 'batch.event_time_end' to be set in the context") -%}
  {%- endif -%}
  {{ return(event_time ~ " >= '" ~ batch.event_time_start ~ "' and " ~ event_time ~ " < '" ~ batch.event_time_end ~ "'") }}
{%- endmacro -%}

{%- macro normalize_incremental_predicates(incremental_predicates) -%}
  {{ return(normalize_string_or_list(incremental_predicates, 'incremental_predicates')) }}
{%- endmacro -%}
