{#-
  DuckDB: seeds are copied from their file, snapshots staged in a temporary
  table and written by update and insert.
  Docs: reference/resource-configs/duckdb-configs, docs/build/snapshots
-#}

{%- macro duckdb__get_binding_char() -%}
  {{ return(adapter.get_binding_char()) }}
{%- endmacro -%}

{%- macro duckdb__get_batch_size() -%}
  {{ return(10000) }}
{%- endmacro -%}

{#- `fast: false` inserts row by row with bound values instead. -#}
{%- macro duckdb__load_csv_rows(model, agate_table) -%}
  {%- if not config.get('fast', true) -%}
    {{ return(basic_load_csv_rows(model, get_batch_size(), adapter.convert_datetimes_to_strs(agate_table))) }}
  {%- endif -%}
  {%- set file = escape_single_quotes(adapter.get_seed_file_path(model)) -%}
  {%- set delimiter = escape_single_quotes(config.get('delimiter', ',')) -%}
  {%- set copy = "copy " ~ this.render() ~ " from '" ~ file ~ "' (format csv, header true, delimiter '" ~ delimiter ~ "')" -%}
  {%- do adapter.add_query(copy, abridge_sql_log=True) -%}
  {{ return(copy) }}
{%- endmacro -%}

{%- macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- set stand_in = duckdb__dispatch_temporary_relation(target_relation) -%}
  {%- set staging_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- call statement('build_snapshot_staging_relation') -%}
    {{ create_table_as(stand_in.temporary, stand_in.relation, staging_sql) }}
  {%- endcall -%}
  {{ return(stand_in.relation) }}
{%- endmacro -%}

{%- macro duckdb__post_snapshot(temporary_relation) -%}
  {%- do drop_relation(temporary_relation) -%}
{%- endmacro -%}

{%- macro duckdb__snapshot_merge_sql(target, source, insert_cols) -%}
  {{ return(tf_snapshot_update_insert(target, source, insert_cols)) }}
{%- endmacro -%}
