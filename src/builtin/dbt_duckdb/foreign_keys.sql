{#-
  DuckDB neither renames nor drops a table that a foreign key points at, and
  cannot drop the key alone. So a table with foreign keys is built under its
  final name, and the tables that point at a rebuilt one go first; only those
  that this run builds again go, and their rows stay readable until then.
  Docs: reference/resource-properties/constraints, duckdb.org/docs/sql/constraints
-#}

{#- The constraint types that the model's enforced contract declares. -#}
{%- macro enforced_constraint_types() -%}
  {%- set types = [] -%}
  {%- if tf_contract_enforced() -%}
    {%- do types.extend(model.get('constraints', []) | map(attribute='type') | list) -%}
    {%- for column in model.get('columns', {}).values() -%}
      {%- do types.extend(column.get('constraints', []) | map(attribute='type') | list) -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(types) }}
{%- endmacro -%}

{%- macro existing_constraint_types(relation) -%}
  {%- set types = [] -%}
  {%- if relation is not none and relation.is_table -%}
    {%- call statement('existing_constraint_types', fetch_result=True, auto_begin=False) -%}
      select distinct replace(lower(constraint_type), ' ', '_') from duckdb_constraints() where {{ tf_catalog_place(relation) }}
    {%- endcall -%}
    {%- for row in load_result('existing_constraint_types').table -%}{%- do types.append(row[0]) -%}{%- endfor -%}
  {%- endif -%}
  {{ return(types) }}
{%- endmacro -%}

{#- What the model declares and what the standing table has. -#}
{%- macro tf_constraint_types(relation) -%}
  {%- set types = enforced_constraint_types() -%}
  {%- do types.extend(existing_constraint_types(relation)) -%}
  {{ return(types) }}
{%- endmacro -%}

{#- Foreign keys point only at what is unique. -#}
{%- macro tf_is_keyed(constraint_types) -%}
  {{ return('primary_key' in constraint_types or 'unique' in constraint_types) }}
{%- endmacro -%}

{%- macro has_foreign_key_constraints(relation=none) -%}
  {{ return('foreign_key' in tf_constraint_types(relation)) }}
{%- endmacro -%}

{%- macro may_be_foreign_key_target(relation=none) -%}
  {{ return(tf_is_keyed(tf_constraint_types(relation))) }}
{%- endmacro -%}

{#- Inside the model's transaction, so that a failed build brings all back. -#}
{%- macro drop_relation_for_rebuild(relation) -%}
  {%- call statement('begin_rebuild', auto_begin=True) -%}select 1{%- endcall -%}
  {%- set pointed_at = relation.is_table and may_be_foreign_key_target(relation) -%}
  {%- set dropped = drop_foreign_key_dependents(relation) if pointed_at else [] -%}
  {%- do adapter.drop_relation(relation) -%}
  {{ return(dropped) }}
{%- endmacro -%}

{#- Copies and drops the dependents, furthest first; gives what to restore. -#}
{%- macro drop_foreign_key_dependents(relation) -%}
  {%- set dependents = tf_foreign_key_dependents(relation) -%}
  {%- do tf_check_dependents(relation, dependents) -%}
  {%- set dropped = [] -%}
  {%- for name in dependents -%}
    {%- set table = api.Relation.create(database=relation.database, schema=relation.schema, identifier=name, type='table') -%}
    {%- set copy = table.incorporate(path={'identifier': name ~ '__dbt_fk_backup'}) -%}
    {%- do adapter.drop_relation(copy) -%}
    {%- call statement('copy_dependent_' ~ loop.index) -%}create table {{ copy }} as from {{ table }}{%- endcall -%}
    {%- do log(table ~ ' points at ' ~ relation ~ ' by a foreign key; it is dropped now and built again later in this run', info=True) -%}
    {%- do adapter.drop_relation(table) -%}
    {%- do dropped.append({'relation': table, 'backup': copy}) -%}
  {%- endfor -%}
  {{ return(dropped) }}
{%- endmacro -%}

{%- macro restore_foreign_key_dependents(dropped) -%}
  {%- for pair in dropped | reverse -%}
    {%- do adapter.rename_relation(pair['backup'], pair['relation']) -%}
  {%- endfor -%}
{%- endmacro -%}

{#- Table names with the names that each points at, furthest from the relation first. -#}
{%- macro tf_foreign_key_dependents(relation) -%}
  {%- call statement('get_foreign_key_dependents', fetch_result=True) -%}
    with recursive keys as (
      select distinct lower(table_name) as child, lower(referenced_table) as parent
      from duckdb_constraints()
      where constraint_type = 'FOREIGN KEY' and child <> parent
        and lower(database_name) = lower('{{ escape_single_quotes(relation.database) }}')
        and lower(schema_name) = lower('{{ escape_single_quotes(relation.schema) }}')
    ), reached as (
      select child, 1 as steps from keys where parent = lower('{{ escape_single_quotes(relation.identifier) }}')
      union
      select keys.child, steps + 1 from keys join reached on keys.parent = reached.child
    )
    select child, parent
    from (select child, max(steps) as steps from reached group by child) as furthest join keys using (child)
    order by steps desc, child
  {%- endcall -%}
  {%- set dependents = {} -%}
  {%- for row in load_result('get_foreign_key_dependents').table -%}
    {%- do dependents.setdefault(row[0], []).append(row[1]) -%}
  {%- endfor -%}
  {{ return(dependents) }}
{%- endmacro -%}

{%- macro tf_check_dependents(relation, dependents) -%}
  {%- set builders = tf_builders(relation, dependents) -%}
  {%- set problems = [] -%}
  {%- for name, parents in dependents.items() -%}
    {%- set problem = tf_dependent_problem(builders.get(name), parents, builders, relation) -%}
    {%- if problem -%}{%- do problems.append(name ~ ' (' ~ problem ~ ')') -%}{%- endif -%}
  {%- endfor -%}
  {%- if problems -%}
    {%- do exceptions.raise_compiler_error(
      'Cannot replace ' ~ relation ~ ': foreign keys point at it from tables that this run does not build again: ' ~ problems | join('; ')
    ) -%}
  {%- endif -%}
{%- endmacro -%}

{#- The models that build the dependents, by table name. -#}
{%- macro tf_builders(relation, dependents) -%}
  {%- set builders = {} -%}
  {%- for node in graph.nodes.values() if dependents and node.resource_type == 'model' -%}
    {%- set name = (node.alias or node.name) | lower -%}
    {%- if name in dependents and node.schema | lower == relation.schema | lower and (node.database or '') | lower == (relation.database or '') | lower -%}
      {%- do builders.update({name: node}) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(builders) }}
{%- endmacro -%}

{#- Why a dependent may not be dropped, or an empty text. -#}
{%- macro tf_dependent_problem(node, parents, builders, relation) -%}
  {%- if not node -%}{{ return('not built by a model of this project') }}{%- endif -%}
  {%- if node.unique_id not in selected_resources -%}{{ return('model ' ~ node.name ~ ' is not selected in this run') }}{%- endif -%}
  {%- set upstream = [model.unique_id] if relation.identifier | lower in parents else [] -%}
  {%- for name, other in builders.items() if name in parents -%}{%- do upstream.append(other.unique_id) -%}{%- endfor -%}
  {%- if not upstream | select('in', node.depends_on.nodes) | list -%}
    {{ return('model ' ~ node.name ~ ' does not ref() the table that its key points at; use `to: ref(...)`') }}
  {%- endif -%}
  {%- set refreshed = flags.FULL_REFRESH if node.config.full_refresh is none else node.config.full_refresh -%}
  {%- if node.config.materialized != 'table' and not (node.config.materialized == 'incremental' and refreshed) -%}
    {{ return('model ' ~ node.name ~ ' would lose its rows; run with --full-refresh') }}
  {%- endif -%}
  {{ return('') }}
{%- endmacro -%}
