{#-
  Redshift: creating, dropping, renaming, altering and describing relations.
  Docs: reference/resource-configs/redshift-configs
-#}

{%- macro dist(dist) -%}
  {%- if dist is none -%}{{ return('') }}{%- endif -%}
  {%- if dist is not string -%}
    {%- do exceptions.raise_compiler_error("The 'dist' config must be a single value: one column, or all, even or auto") -%}
  {%- endif -%}
  {%- set choice = dist.strip().lower() -%}
  {{ return({'auto': '', 'all': 'diststyle all', 'even': 'diststyle even'}.get(choice, 'diststyle key distkey (' ~ choice ~ ')')) }}
{%- endmacro -%}

{%- macro sort(sort_type, sort) -%}
  {%- if sort is none -%}{{ return('') }}{%- endif -%}
  {{ return((sort_type or 'compound') ~ ' sortkey(' ~ ([sort] if sort is string else sort) | join(', ') ~ ')') }}
{%- endmacro -%}

{#- Backup, distribution and sort key, as they follow a table's name. -#}
{%- macro tf_table_attributes(temporary) -%}
  {%- set attributes = ['backup no' if config.get('backup') == false else ''] -%}
  {%- if not temporary -%}
    {%- do attributes.append(dist(config.get('dist'))) -%}
    {%- do attributes.append(sort(tf_sort_type(), config.get('sort'))) -%}
  {%- endif -%}
  {{ return(attributes | select | join(' ')) }}
{%- endmacro -%}

{%- macro tf_sort_type() -%}
  {%- set choice = config.get('sort_type') -%}
  {%- if choice and choice not in ['compound', 'interleaved'] -%}
    {%- do exceptions.raise_compiler_error('`sort_type` takes compound or interleaved, not `' ~ choice ~ '`') -%}
  {%- endif -%}
  {{ return(choice) }}
{%- endmacro -%}

{%- macro redshift__create_table_as(temporary, relation, sql) -%}
  {%- set checked = tf_contract_enforced() -%}
  {%- if checked -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {%- set name = relation.include(database=(not temporary), schema=(not temporary)) -%}
  {{ tf_sql_header() }}
  create {{ 'temporary table' if temporary else 'table' }} {{ name }}
  {%- if checked %}
  {{ get_table_columns_and_constraints() }} {{ tf_table_attributes(temporary) }};
  insert into {{ name }} (
    {{ get_select_subquery(sql) }}
  );
  {%- else %} {{ tf_table_attributes(temporary) }} as (
    {{ sql }}
  );
  {%- endif -%}
{%- endmacro -%}

{%- macro redshift__create_view_as(relation, sql) -%}
  {{- tf_view_sql('create view', relation, sql) -}}
{%- endmacro -%}

{%- macro redshift__get_replace_view_sql(relation, sql) -%}
  {{- tf_view_sql('create or replace view', relation, sql) -}}
{%- endmacro -%}

{#- `bind: false` makes a late-binding view. -#}
{%- macro tf_view_sql(verb, relation, sql) -%}
  {%- if tf_contract_enforced() -%}{%- do get_assert_columns_equivalent(sql) -%}{%- endif -%}
  {{ tf_sql_header() }}
  {{ verb }} {{ relation }} as (
    {{ sql }}
  ){{ '' if config.get('bind', default=True) else ' with no schema binding' }};
{%- endmacro -%}

{#- `cascade` walks the graph of dependencies and collides with other drops, so
    it is said only where something bound reads the relation, or where a refusal
    would cost the transaction. -#}
{%- macro tf_drop_kind(kind, relation) -%}
  {%- set needed = adapter.tf_in_transaction() or adapter.tf_is_read_by_bound_views(relation) -%}
  drop {{ kind }} if exists {{ relation }}{{ ' cascade' if needed and not redshift__drop_without_cascade() }}
{%- endmacro -%}

{%- macro redshift__drop_table(relation) -%}
  {{- tf_drop_kind('table', relation) -}}
{%- endmacro -%}

{%- macro redshift__drop_view(relation) -%}
  {{- tf_drop_kind('view', relation) -}}
{%- endmacro -%}

{%- macro redshift__drop_materialized_view(relation) -%}
  {{- tf_drop_kind('materialized view', relation) -}}
{%- endmacro -%}

{%- macro redshift__get_rename_table_sql(relation, new_name) -%}
  {{- tf_rename_kind('table', relation, new_name) -}}
{%- endmacro -%}

{#- Views too are renamed by `alter table`. -#}
{%- macro redshift__get_rename_view_sql(relation, new_name) -%}
  {{- tf_rename_kind('table', relation, new_name) -}}
{%- endmacro -%}

{#- Only varchar changes in place, only to more, and only outside a transaction. -#}
{%- macro redshift__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set type = new_column_type | lower | trim -%}
  {%- set wanted = api.Column.from_description(column_name, type) if 'char' in type and 'varying' in type or type.startswith('varchar') else none -%}
  {%- set standing = adapter.get_columns_in_relation(relation) | selectattr('name', 'equalto', column_name) | first if wanted else none -%}
  {%- set widens = standing and standing.is_string() and wanted.char_size and wanted.char_size | int >= standing.string_size() -%}
  {%- if not widens or adapter.tf_in_transaction() -%}
    {{ return(default__alter_column_type(relation, column_name, new_column_type)) }}
  {%- endif -%}
  {%- call statement('alter_column_type', auto_begin=False) -%}
    alter table {{ relation.render() }} alter column {{ adapter.quote(column_name) }} type {{ new_column_type }}
  {%- endcall -%}
{%- endmacro -%}

{#- Redshift alters one column a statement. -#}
{%- macro redshift__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set alter = 'alter ' ~ relation.type ~ ' ' ~ relation -%}
  {%- for column in add_columns or [] -%}
    {%- do run_query(alter ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do run_query(alter ~ ' drop column ' ~ column.quoted) -%}
  {%- endfor -%}
{%- endmacro -%}

{#- Late-binding views take no comments on their columns. -#}
{%- macro redshift__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- set late_binding = relation.type == 'view' and config.get('bind') == false -%}
  {%- if late_binding and for_columns and model.columns and config.persist_column_docs() -%}
    {%- do adapter.warn_once('`' ~ model.name ~ '` is a late-binding view, whose columns take no comments in Redshift; their descriptions are not persisted') -%}
  {%- endif -%}
  {{ return(default__persist_docs(relation, model, for_relation, for_columns and not late_binding)) }}
{%- endmacro -%}

{%- macro escape_comment(comment) -%}
  {{ return(tf_comment_literal(comment)) }}
{%- endmacro -%}

{%- macro redshift__alter_relation_comment(relation, comment) -%}
  comment on {{ 'view' if relation.type == 'materialized_view' else relation.type }} {{ relation }} is {{ escape_comment(comment) }};
{%- endmacro -%}

{%- macro redshift__alter_column_comment(relation, column_dict) -%}
  {{ return(postgres__alter_column_comment(relation, column_dict)) }}
{%- endmacro -%}

{%- macro redshift__scalar_function_create_replace_signature_sql(target_relation) -%}
  {{ return(default__scalar_function_create_replace_signature_sql(target_relation)) }}
{%- endmacro -%}

{#- Arguments have no names in Redshift's SQL functions. -#}
{%- macro redshift__formatted_scalar_function_args_sql() -%}
  {{ return(model.arguments | map(attribute='data_type') | join(', ')) }}
{%- endmacro -%}

{#- Redshift wants to be told, so `volatile` stands where nothing is set. -#}
{%- macro redshift__scalar_function_volatility_sql() -%}
  {{ return(default__scalar_function_volatility_sql() or 'VOLATILE') }}
{%- endmacro -%}

{%- macro redshift__validate_fixture_rows(rows, row_number) -%}
  {%- if rows and none in rows[0].values() | list -%}
    {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
    {%- do exceptions.raise_compiler_error(
      'Unit test fixture ' ~ fixture ~ ' in ' ~ model.name ~ ' does not have any row free of null values, which may cause type mismatch errors during unit test execution.'
    ) -%}
  {%- endif -%}
{%- endmacro -%}
