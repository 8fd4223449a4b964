{#-
  DuckDB: creating, dropping, renaming, altering and indexing relations.
  Docs: reference/resource-configs/duckdb-configs
-#}

{#- DuckDB's form takes two options more than the adapter-neutral one. -#}
{%- macro create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
  {%- set create = adapter.dispatch('create_table_as', 'dbt') -%}
  {{ return(create(temporary, relation, compiled_code, language, partitioned_by=partitioned_by, sorted_by=sorted_by)) }}
{%- endmacro -%}

{%- macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
  {%- if language != 'sql' -%}
    {{ return(py_write_table(temporary, relation, compiled_code, partitioned_by, sorted_by)) }}
  {%- endif -%}
  {%- set checked = tf_contract_enforced() -%}
  {%- if checked -%}{%- do get_assert_columns_equivalent(compiled_code) -%}{%- endif -%}
  {%- set layout = tf_layout_sql(relation, partitioned_by, sorted_by) -%}
  {{ tf_sql_header() }}
  create {{ 'temporary ' if temporary }}table {{ relation.include(database=(not temporary), schema=(not temporary)) }}
  {%- if checked and not temporary %}
  {{ get_table_columns_and_constraints() }};
  {{ layout }}
  insert into {{ relation }} {{ get_column_names() }} (
    {{ get_select_subquery(compiled_code) }}
  );
  {%- elif layout %} as (
    {{ default__get_empty_subquery_sql(compiled_code) }}
  );
  {{ layout }}
  insert into {{ relation }} (
    {{ compiled_code }}
  );
  {%- else %} as (
    {{ compiled_code }}
  );
  {%- endif -%}
{%- endmacro -%}

{#- Partitioning and sorting have to be set before the rows come. -#}
{%- macro tf_layout_sql(relation, partitioned_by, sorted_by) -%}
  {{- duckdb__alter_table_set_partitioned_by(relation, partitioned_by) if partitioned_by }}
  {{- duckdb__alter_table_set_sorted_by(relation, sorted_by) if sorted_by -}}
{%- endmacro -%}

{%- macro py_write_table(temporary, relation, compiled_code, partitioned_by=none, sorted_by=none) -%}
  {%- do tf_refuse_python() -%}
{%- endmacro -%}

{%- macro get_column_names() -%}
  ({{ default__get_column_names() }})
{%- endmacro -%}

{%- macro duckdb__create_view_as(relation, sql) -%}
  {{ return(default__create_view_as(relation, sql)) }}
{%- endmacro -%}

{%- macro duckdb__drop_relation(relation) -%}
  {%- call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type }} if exists {{ relation }}{{ '' if tf_is_ducklake(relation) else ' cascade' }}
  {%- endcall -%}
{%- endmacro -%}

{%- macro duckdb__rename_relation(from_relation, to_relation) -%}
  {%- set new_name = adapter.quote_as_configured(to_relation.identifier, 'identifier') -%}
  {%- call statement('rename_relation') -%}
    alter {{ to_relation.type }} {{ from_relation }} rename to {{ new_name }}
  {%- endcall -%}
{%- endmacro -%}

{#- In place, which keeps the order of the columns. -#}
{%- macro duckdb__alter_column_type(relation, column_name, new_column_type) -%}
  {%- call statement('alter_column_type') -%}
    alter table {{ relation.render() }} alter column {{ adapter.quote(column_name) }} type {{ new_column_type }}
  {%- endcall -%}
{%- endmacro -%}

{#- DuckDB alters one column a statement. -#}
{%- macro duckdb__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set table = relation.type ~ ' ' ~ relation -%}
  {%- for column in add_columns or [] -%}
    {%- do run_query('alter ' ~ table ~ ' add column ' ~ adapter.quote_as_configured(column.name, 'identifier') ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do run_query('alter ' ~ table ~ ' drop column ' ~ adapter.quote_as_configured(column.name, 'identifier')) -%}
  {%- endfor -%}
{%- endmacro -%}

{#- A real temporary table: in memory, this connection's own, in no schema. -#}
{%- macro duckdb__make_temp_relation(base_relation, suffix) -%}
  {%- set name = base_relation.identifier ~ suffix ~ py_current_timestring() -%}
  {{ return(base_relation.incorporate(path={'database': none, 'schema': none, 'identifier': name})) }}
{%- endmacro -%}

{#- MotherDuck has no temporary tables, so there it is a table in a schema. -#}
{%- macro duckdb__dispatch_temporary_relation(target_relation, batch_id='') -%}
  {%- if not adapter.is_motherduck() -%}
    {{ return({'relation': make_temp_relation(target_relation), 'temporary': true}) }}
  {%- endif -%}
  {%- set name = [target_relation.identifier, py_current_timestring(), batch_id] | select | join('__') -%}
  {%- set place = config.get('temp_schema_name') or 'dbt_temp' -%}
  {%- set stand_in = target_relation.incorporate(path={'schema': place, 'identifier': name}) -%}
  {%- do create_schema(stand_in) -%}
  {%- if not adapter.disable_transactions() -%}{%- do adapter.commit() -%}{%- endif -%}
  {{ return({'relation': stand_in, 'temporary': false}) }}
{%- endmacro -%}

{%- macro duckdb__get_create_index_sql(relation, index_dict) -%}
  {%- set index = adapter.parse_index(index_dict) -%}
  create {{ 'unique ' if index.unique }}index "{{ index.render(relation) }}" on {{ relation }} ({{ index.columns | join(', ') }});
{%- endmacro -%}

{#- DuckDB does not rename a table that has indexes. -#}
{%- macro drop_indexes_on_relation(relation) -%}
  {%- call statement('get_indexes_on_relation', fetch_result=True, auto_begin=False) -%}
    select index_name from duckdb_indexes() where {{ tf_catalog_place(relation) }}
  {%- endcall -%}
  {%- for row in load_result('get_indexes_on_relation').table -%}
    {%- call statement('drop_index_' ~ loop.index, auto_begin=False) -%}
      drop index {{ relation.include(identifier=False) }}.{{ adapter.quote(row[0]) }}
    {%- endcall -%}
  {%- endfor -%}
{%- endmacro -%}

{#- The condition that picks one relation out of a `duckdb_...()` function. -#}
{%- macro tf_catalog_place(relation, name_column='table_name') -%}
  lower(database_name) = lower('{{ escape_single_quotes(relation.database) }}')
  and lower(schema_name) = lower('{{ escape_single_quotes(relation.schema) }}')
  and lower({{ name_column }}) = lower('{{ escape_single_quotes(relation.identifier) }}')
{%- endmacro -%}

{%- macro duckdb__apply_grants(relation, grant_config, should_revoke=True) -%}
  {%- if grant_config -%}
    {%- do adapter.warn_once('Grants for relations are not supported by DuckDB') -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro duckdb_escape_comment(comment) -%}
  {{ return(tf_comment_literal(comment)) }}
{%- endmacro -%}

{%- macro duckdb__alter_relation_comment(relation, comment) -%}
  comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(comment) }};
{%- endmacro -%}

{%- macro duckdb__alter_column_comment(relation, column_dict) -%}
  {{ return(tf_column_comments(relation, column_dict)) }}
{%- endmacro -%}

{#- DuckDB hooks need no commit first: a connection begins nothing by itself. -#}
{%- macro run_hooks(hooks, inside_transaction=True) -%}
  {%- for hook in hooks | selectattr('transaction', 'equalto', inside_transaction) -%}
    {%- do tf_run_hook(hook, inside_transaction) -%}
  {%- endfor -%}
{%- endmacro -%}

{%- macro flight_name(parsed_model) -%}
  {{ return(adapter.dispatch('flight_name', 'dbt')(parsed_model)) }}
{%- endmacro -%}

{%- macro default__flight_name(parsed_model) -%}
  {{ return(duckdb__flight_name(parsed_model)) }}
{%- endmacro -%}

{%- macro duckdb__flight_name(parsed_model) -%}
  {%- set own = parsed_model.get('alias') or parsed_model.get('name') -%}
  {%- set place = [parsed_model.get('package_name'), parsed_model.get('database'), parsed_model.get('schema')] -%}
  {{ return((['dbt'] + place + [own]) | select | join('-')) }}
{%- endmacro -%}
