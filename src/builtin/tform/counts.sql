{#-
  Tests that count: rows, nulls, keys, and the same of two relations.
  Two relations are laid under each other and summed up, so that nulls in `group_by` meet and
  each relation is read once.
  Docs: docs_site/guide/tests.md
-#}

{%- test not_empty(model) -%}
select 'no rows' as problem where not exists (select 1 from {{ model }})
{%- endtest -%}

{%- test row_count_between(model, min_rows=none, max_rows=none, group_by=none) -%}
select {{ tform.tf_before(group_by) }}count(*) as n_records
from {{ model }}
{{ tform.tf_group_by(group_by) }}
having {{ tform.tf_outside('count(*)', min_rows, max_rows) }}
{%- endtest -%}

{%- macro tf_gate_figure_row_count_between(model, min_rows=none, max_rows=none, group_by=none) -%}
{{ tform.tf_figure(tform.tf_outside('count(*)', min_rows, max_rows), group_by) }}
{%- endmacro -%}

{%- test row_count_matches(model, to, comparison='equal', tolerance=0, tolerance_percent=0, group_by=none, to_where=none) -%}
{{ tform.tf_reconciled(model, to, {'n_records': 'count(*)'}, {
  'comparison': comparison, 'tolerance': tolerance, 'tolerance_percent': tolerance_percent,
  'group_by': group_by, 'to_where': to_where}) }}
{%- endtest -%}

{%- test totals_match(model, to, measures, comparison='equal', tolerance=0, tolerance_percent=0, group_by=none, to_where=none) -%}
{{ tform.tf_reconciled(model, to, measures, {
  'comparison': comparison, 'tolerance': tolerance, 'tolerance_percent': tolerance_percent,
  'group_by': group_by, 'to_where': to_where}) }}
{%- endtest -%}

{#- One failing row for each group in which a measure of the model is not that of `to`. -#}
{%- macro tf_reconciled(model, to, measures, how) -%}
{%- set group_by = how.group_by -%}
{%- set here, there, sums, wrong = [], [], [], [] -%}
{%- for name, expression in measures.items() -%}
  {%- do here.append(expression ~ ' as ' ~ name ~ '_here, null as ' ~ name ~ '_there') -%}
  {%- do there.append('null, ' ~ expression) -%}
  {%- set ours, theirs = 'coalesce(max(' ~ name ~ '_here), 0)', 'coalesce(max(' ~ name ~ '_there), 0)' -%}
  {%- do sums.append(ours ~ ' as ' ~ name ~ ', ' ~ theirs ~ ' as ' ~ name ~ '_to') -%}
  {%- set surplus = ours ~ ' - ' ~ theirs -%}
  {%- set allowed = how.tolerance ~ (' + abs(' ~ theirs ~ ') * ' ~ how.tolerance_percent ~ ' / 100.0' if how.tolerance_percent else '') -%}
  {%- if how.comparison != 'at_least' -%}{%- do wrong.append(surplus ~ ' > ' ~ allowed) -%}{%- endif -%}
  {%- if how.comparison != 'at_most' -%}{%- do wrong.append('-(' ~ surplus ~ ') > ' ~ allowed) -%}{%- endif -%}
{%- endfor -%}
select {{ tform.tf_before(group_by) }}{{ sums | join(', ') }}
from (
  select {{ tform.tf_before(group_by) }}{{ here | join(', ') }}
  from {{ model }}
  {{ tform.tf_group_by(group_by) }}
  union all
  select {{ tform.tf_before(group_by) }}{{ there | join(', ') }}
  from {{ to }}
  {{ 'where ' ~ how.to_where if how.to_where }}
  {{ tform.tf_group_by(group_by) }}
) as both_relations
{{ tform.tf_group_by(group_by) }}
having {{ wrong | join(' or ') }}
{%- endmacro -%}

{%- test unique_combination(model, columns, ignore_nulls=false) -%}
{%- set filled = [] -%}
{%- for name in tform.tf_names(columns) if ignore_nulls -%}{%- do filled.append(name ~ ' is not null') -%}{%- endfor -%}
select {{ tform.tf_before(columns) }}count(*) as n_records
from {{ model }}
{{ 'where ' ~ filled | join(' and ') if filled }}
{{ tform.tf_group_by(columns) }}
having count(*) > 1
{%- endtest -%}

{%- test not_null_proportion(model, column_name, at_least=none, at_most=none, group_by=none) -%}
select {{ tform.tf_before(group_by) }}count(*) as n_records, count({{ column_name }}) as n_filled,
  count({{ column_name }}) * 1.0 / nullif(count(*), 0) as proportion
from {{ model }}
{{ tform.tf_group_by(group_by) }}
having {{ tform.tf_share_outside(column_name, at_least, at_most) }}
{%- endtest -%}

{%- macro tf_gate_figure_not_null_proportion(model, column_name, at_least=none, at_most=none, group_by=none) -%}
{{ tform.tf_figure(tform.tf_share_outside(column_name, at_least, at_most), group_by) }}
{%- endmacro -%}

{%- macro tf_share_outside(column_name, at_least, at_most) -%}
  {%- set least = at_least ~ ' * count(*)' if at_least is not none else none -%}
  {%- set most = at_most ~ ' * count(*)' if at_most is not none else none -%}
  {{ return(tform.tf_outside('count(' ~ column_name ~ ')', least, most)) }}
{%- endmacro -%}

{#- Whether a figure is below or above what it may be. -#}
{%- macro tf_outside(figure, least, most) -%}
  {%- set wrong = [] -%}
  {%- if least is not none -%}{%- do wrong.append(figure ~ ' < ' ~ least) -%}{%- endif -%}
  {%- if most is not none -%}{%- do wrong.append(figure ~ ' > ' ~ most) -%}{%- endif -%}
  {{ return(wrong | join(' or ')) }}
{%- endmacro -%}

{#- A condition on a whole relation as the figure of a gate; none where groups are looked at. -#}
{%- macro tf_figure(condition, group_by) -%}
  {{ return('' if group_by else 'case when ' ~ condition ~ ' then 1 else 0 end') }}
{%- endmacro -%}

{%- test cardinality_equality(model, column_name, to, field) -%}
select value, sum(n_here) as n_here, sum(n_there) as n_there
from (
  select {{ column_name }} as value, count(*) as n_here, 0 as n_there from {{ model }} group by {{ column_name }}
  union all
  select {{ field }}, 0, count(*) from {{ to }} group by {{ field }}
) as both_relations
group by value
having sum(n_here) <> sum(n_there)
{%- endtest -%}

{%- test relationships_both_ways(model, column_name, to, field) -%}
select value, case when max(is_here) = 0 then 'only in the other relation' else 'only here' end as problem
from (
  select {{ column_name }} as value, 1 as is_here, 0 as is_there from {{ model }} where {{ column_name }} is not null
  union all
  select {{ field }}, 0, 1 from {{ to }} where {{ field }} is not null
) as both_relations
group by value
having max(is_here) = 0 or max(is_there) = 0
{%- endtest -%}

{%- test relationships_where(model, column_name, to, field, from_condition='true', to_condition='true') -%}
select child.*
from (select * from {{ model }} where {{ column_name }} is not null and ({{ from_condition }})) as child
left join (select distinct {{ field }} as to_field from {{ to }} where {{ to_condition }}) as parent
  on parent.to_field = child.{{ column_name }}
where parent.to_field is null
{%- endtest -%}

{%- test contains_values(model, column_name, values) -%}
{{ tform.tf_missing_values(model, column_name, values) }}
{%- endtest -%}

{%- test exact_values(model, column_name, values) -%}
{%- set written = [] -%}
{%- for value in values -%}{%- do written.append(tform.tf_value(value)) -%}{%- endfor -%}
{{ tform.tf_missing_values(model, column_name, values) }}
union all
select cast({{ column_name }} as {{ dbt.type_string() }}), 'unexpected'
from {{ model }}
where {{ column_name }} not in ({{ written | join(', ') }})
group by {{ column_name }}
{%- endtest -%}

{#- All values are looked for in one scan. -#}
{%- macro tf_missing_values(model, column_name, values) -%}
{%- set counted, missing = [], [] -%}
{%- for value in values -%}
  {%- set count = 'n_' ~ loop.index -%}
  {%- do counted.append('sum(case when ' ~ column_name ~ ' = ' ~ tform.tf_value(value) ~ ' then 1 else 0 end) as ' ~ count) -%}
  {%- do missing.append('select ' ~ tform.tf_text(value) ~ " as value, 'missing' as problem from counted where coalesce(" ~ count ~ ', 0) = 0') -%}
{%- endfor -%}
select value, problem
from (
  with counted as (select {{ counted | join(', ') }} from {{ model }})
  {{ missing | join('\n  union all\n  ') }}
) as wanted_values
{%- endmacro -%}

{#- These tests share a statement as they are. -#}
{%- macro tf_gate_query_not_empty(model) -%}{%- endmacro -%}
{%- macro tf_gate_query_row_count_matches(model, to, comparison=none, tolerance=0, tolerance_percent=0, group_by=none, to_where=none) -%}{%- endmacro -%}
{%- macro tf_gate_query_totals_match(model, to, measures, comparison=none, tolerance=0, tolerance_percent=0, group_by=none, to_where=none) -%}{%- endmacro -%}
{%- macro tf_gate_query_unique_combination(model, columns, ignore_nulls=false) -%}{%- endmacro -%}
{%- macro tf_gate_query_cardinality_equality(model, column_name, to, field) -%}{%- endmacro -%}
{%- macro tf_gate_query_relationships_both_ways(model, column_name, to, field) -%}{%- endmacro -%}
{%- macro tf_gate_query_relationships_where(model, column_name, to, field, from_condition=none, to_condition=none) -%}{%- endmacro -%}
{%- macro tf_gate_query_contains_values(model, column_name, values) -%}{%- endmacro -%}
{%- macro tf_gate_query_exact_values(model, column_name, values) -%}{%- endmacro -%}
