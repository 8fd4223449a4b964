{#-
  PostgreSQL: creating, naming, renaming, dropping, indexing and describing
  relations.
  Docs: reference/resource-configs/postgres-configs
-#}

{%- macro postgres__create_table_as(temporary, relation, sql) -%}
  {%- set checked = tf_contract_enforced() -%}
  {%- if checked -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {%- set kind = 'temporary ' if temporary else 'unlogged ' if config.get('unlogged', default=false) else '' -%}
  {{ tf_sql_header() }}
  create {{ kind }}table {{ relation }}
  {%- if checked and not temporary %}
  {{ get_table_columns_and_constraints() }};
  insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() }}) (
    {{ get_select_subquery(sql) }}
  );
  {%- else %} as (
    {{ sql }}
  );
  {%- endif -%}
{%- endmacro -%}

{#- Names longer than the warehouse keeps would be cut, and then collide. -#}
{%- macro postgres__make_relation_with_suffix(base_relation, suffix, dstring) -%}
  {%- set ending = suffix ~ (modules.datetime.datetime.now().strftime('%H%M%S%f') if dstring else '') -%}
  {%- set room = adapter.dispatch('tf_name_limit', 'dbt')() - ending | length -%}
  {%- if room < 0 -%}
    {%- do exceptions.raise_compiler_error('Relation suffix is too long (' ~ ending | length ~ ' characters): ' ~ ending) -%}
  {%- endif -%}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier[:room] ~ ending})) }}
{%- endmacro -%}

{%- macro postgres__tf_name_limit() -%}
  {{ return(63) }}
{%- endmacro -%}

{%- macro postgres__make_intermediate_relation(base_relation, suffix) -%}
  {{ return(postgres__make_relation_with_suffix(base_relation, suffix, dstring=False)) }}
{%- endmacro -%}

{#- Temporary tables stand in a schema of the session's own. -#}
{%- macro postgres__make_temp_relation(base_relation, suffix) -%}
  {%- set named = postgres__make_relation_with_suffix(base_relation, suffix, dstring=True) -%}
  {{ return(named.incorporate(path={'database': none, 'schema': none})) }}
{%- endmacro -%}

{%- macro postgres__make_backup_relation(base_relation, backup_relation_type, suffix) -%}
  {%- set named = postgres__make_relation_with_suffix(base_relation, suffix, dstring=False) -%}
  {{ return(named.incorporate(type=backup_relation_type)) }}
{%- endmacro -%}

{%- macro postgres__drop_table(relation) -%}
  {{ return(default__drop_table(relation)) }}
{%- endmacro -%}

{%- macro postgres__drop_view(relation) -%}
  {{ return(default__drop_view(relation)) }}
{%- endmacro -%}

{%- macro postgres__drop_materialized_view(relation) -%}
  {{ return(default__drop_materialized_view(relation)) }}
{%- endmacro -%}

{%- macro tf_rename_kind(kind, relation, new_name) -%}
  alter {{ kind }} {{ relation }} rename to {{ adapter.quote_as_configured(new_name, 'identifier') }}
{%- endmacro -%}

{%- macro postgres__get_rename_table_sql(relation, new_name) -%}
  {{- tf_rename_kind('table', relation, new_name) -}}
{%- endmacro -%}

{%- macro postgres__get_rename_view_sql(relation, new_name) -%}
  {{- tf_rename_kind('view', relation, new_name) -}}
{%- endmacro -%}

{%- macro postgres__get_rename_materialized_view_sql(relation, new_name) -%}
  {{- tf_rename_kind('materialized view', relation, new_name) -}}
{%- endmacro -%}

{%- macro postgres__get_replace_view_sql(relation, sql) -%}
  {%- if tf_contract_enforced() -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {{ tf_sql_header() }}
  create or replace view {{ relation }} as (
    {{ sql }}
  );
{%- endmacro -%}

{#- What reads a view stays bound to it then. Not where a project writes views in
    its own way, nor where a hook outside the transaction would run twice. -#}
{%- macro postgres__tf_replaces_view(existing) -%}
  {%- if pre_hooks | rejectattr('transaction') | list -%}{{ return(False) }}{%- endif -%}
  {%- set ours = ['dbt', 'dbt_postgres', 'dbt_redshift'] -%}
  {%- set writers = [get_create_view_as_sql, create_view_as] -%}
  {%- for name in ['get_create_view_as_sql', 'create_view_as'] -%}
    {%- do writers.append(adapter.dispatch(name, 'dbt')) -%}
  {%- endfor -%}
  {%- if writers | rejectattr('package_name', 'in', ours) | list -%}{{ return(False) }}{%- endif -%}
  {%- set comments = (config.persist_relation_docs() and model.description) or (config.persist_column_docs() and model.columns) -%}
  {{ return(adapter.tf_replace(existing, config.get('grants'), comments, config.get('bind') == false)) }}
{%- endmacro -%}

{#- The text of a view in `target/run` is then the one that dbt writes there; the
    new name goes along with the commit and costs no round trip. -#}
{%- macro postgres__tf_stages_new_views() -%}
  {{ return(True) }}
{%- endmacro -%}

{%- macro postgres__get_replace_table_sql(relation, sql) -%}
  {%- set checked = tf_contract_enforced() -%}
  {%- if checked -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {{ tf_sql_header() }}
  create or replace table {{ relation }} {{ get_table_columns_and_constraints() if checked }} as (
    {{ get_select_subquery(sql) if checked else sql }}
  );
{%- endmacro -%}

{%- macro postgres__get_create_index_sql(relation, index_dict) -%}
  {%- set index = adapter.parse_index(index_dict) -%}
  {%- set method = 'using ' ~ index.type if index.type else '' -%}
  create {{ 'unique ' if index.unique }}index if not exists "{{ index.render(relation) }}" on {{ relation }} {{ method }} ({{ index.columns | join(', ') }})
{%- endmacro -%}

{%- macro postgres__get_drop_index_sql(relation, index_name) -%}
  drop index if exists {{ adapter.quote(relation.schema) }}.{{ adapter.quote(index_name) }}
{%- endmacro -%}

{%- macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ return(tf_reset_by_delete(model, full_refresh, old_relation, agate_table)) }}
{%- endmacro -%}

{#- Seeds go by the server's COPY, row by row out of their file. -#}
{%- macro postgres__load_csv_rows(model, agate_table) -%}
  {%- set quote = model['config'].get('quote_columns', none) -%}
  {%- do adapter.tf_copy_rows(this, agate_table, quote) -%}
  {{ return('copy ' ~ this.render() ~ ' (' ~ get_seed_column_quoted_csv(model, agate_table.column_names) ~ ') from stdin') }}
{%- endmacro -%}

{%- macro postgres_escape_comment(comment) -%}
  {{ return(tf_comment_literal(comment)) }}
{%- endmacro -%}

{%- macro postgres__alter_relation_comment(relation, comment) -%}
  comment on {{ relation.type | replace('_', ' ') }} {{ relation }} is {{ postgres_escape_comment(comment) }};
{%- endmacro -%}

{%- macro postgres__alter_column_comment(relation, column_dict) -%}
  {{ return(tf_column_comments(relation, column_dict)) }}
{%- endmacro -%}

{%- macro postgres__formatted_scalar_function_args_sql() -%}
  {%- for argument in model.arguments -%}
    {%- set preset = argument.get('default_value', none) -%}
    {{ argument.name }} {{ argument.data_type }}{{ ' DEFAULT ' ~ preset if preset is not none }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro -%}
