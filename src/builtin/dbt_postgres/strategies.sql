{#-
  PostgreSQL: incremental strategies and the snapshot's write.
  Docs: docs/build/incremental-strategy, docs/build/snapshots
-#}

{%- macro postgres__get_incremental_default_sql(arg_dict) -%}
  {{ return(get_incremental_delete_insert_sql(arg_dict) if arg_dict['unique_key'] else get_incremental_append_sql(arg_dict)) }}
{%- endmacro -%}

{%- macro postgres__get_incremental_microbatch_sql(arg_dict) -%}
  {%- if not arg_dict['unique_key'] -%}
    {%- do exceptions.raise_compiler_error("dbt-postgres 'microbatch' requires a `unique_key` config") -%}
  {%- endif -%}
  {{ return(get_incremental_merge_sql(arg_dict)) }}
{%- endmacro -%}

{%- macro postgres__snapshot_merge_sql(target, source, insert_cols) -%}
  {{ return(tf_snapshot_update_insert(target, source, insert_cols, alias=none)) }}
{%- endmacro -%}
