{#-
  DuckLake tables: `partitioned_by` and `sorted_by`.
  Docs: reference/resource-configs/duckdb-configs
-#}

{%- macro duckdb__get_partitioned_by(relation, temporary) -%}
  {%- set configured = config.get('partitioned_by', none) or config.get('partition_by', none) -%}
  {%- set columns = tf_layout_columns(relation, temporary, configured, 'partitioned_by/partition_by') -%}
  {{ return(columns | join(', ') if columns else none) }}
{%- endmacro -%}

{%- macro duckdb__get_sorted_by(relation, temporary) -%}
  {%- set configured = config.get('sorted_by', none) -%}
  {%- set configured = config.get('sort_by', none) if configured is none else configured -%}
  {%- set columns = tf_layout_columns(relation, temporary, configured, 'sorted_by/sort_by') -%}
  {{ return(get_quoted_csv(columns) if columns else none) }}
{%- endmacro -%}

{#- Nothing for temporary and staging relations, nor outside DuckLake. -#}
{%- macro tf_layout_columns(relation, temporary, configured, option) -%}
  {%- if temporary or configured is none or configured == '' -%}{{ return(none) }}{%- endif -%}
  {%- set columns = normalize_string_or_list(configured, option) -%}
  {%- if not columns -%}
    {%- do exceptions.raise_compiler_error(option ~ ' must contain at least one column') -%}
  {%- endif -%}
  {%- if config.get('materialized') in ['table', 'incremental'] and relation.identifier != this.identifier -%}
    {{ return(none) }}
  {%- endif -%}
  {%- if not tf_is_ducklake(relation) -%}
    {%- do adapter.warn_once(option ~ ' is only supported for DuckLake relations; ignoring for ' ~ relation) -%}
    {{ return(none) }}
  {%- endif -%}
  {{ return(columns) }}
{%- endmacro -%}

{#- The adapter knows what is attached; without its word, the engine is asked. -#}
{%- macro tf_is_ducklake(relation) -%}
  {%- if adapter.is_ducklake is defined -%}{{ return(adapter.is_ducklake(relation)) }}{%- endif -%}
  {{ return(tf_attached_kind(relation) == 'ducklake') }}
{%- endmacro -%}

{%- macro duckdb__alter_table_set_partitioned_by(relation, partitioned_by) -%}
  alter table {{ relation }} set partitioned by ({{ partitioned_by }});
{%- endmacro -%}

{%- macro duckdb__alter_table_set_sorted_by(relation, sorted_by) -%}
  alter table {{ relation }} set sorted by ({{ sorted_by }});
{%- endmacro -%}

{#- One string or many, as a list of strings. -#}
{%- macro normalize_string_or_list(raw, field_name) -%}
  {%- if raw is none -%}{{ return([]) }}{%- endif -%}
  {%- if raw is string -%}{{ return([raw]) }}{%- endif -%}
  {%- if raw is mapping or raw is not sequence -%}
    {%- do exceptions.raise_compiler_error(field_name ~ ' must be a list of strings or a string') -%}
  {%- endif -%}
  {%- if raw | reject('string') | list -%}
    {%- do exceptions.raise_compiler_error(field_name ~ ' list values must be non-empty strings') -%}
  {%- endif -%}
  {{ return(raw | list) }}
{%- endmacro -%}
