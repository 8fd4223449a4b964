{#-
  Tests of rows in their order, and of how new the newest is.
  Docs: docs_site/guide/tests.md
-#}

{%- test monotonic(model, column_name, order_by, direction='increasing', strictly=false, group_by=none) -%}
{%- set wrong = ('<' if direction == 'increasing' else '>') ~ ('=' if strictly else '') -%}
select *
from (
  select {{ tform.tf_before(group_by) }}{{ order_by }} as position, {{ column_name }} as value,
    lag({{ column_name }}) over ({{ tform.tf_partition_by(group_by) }}order by {{ order_by }}) as previous_value
  from {{ model }}
) as neighbours
where value {{ wrong }} previous_value
{%- endtest -%}

{%- test sequential(model, column_name, interval=1, period=none, group_by=none) -%}
{%- set expected = dbt.dateadd(period, interval, 'previous_value') if period is not none else 'previous_value + ' ~ interval -%}
select *
from (
  select {{ tform.tf_before(group_by) }}{{ column_name }} as value,
    lag({{ column_name }}) over ({{ tform.tf_partition_by(group_by) }}order by {{ column_name }}) as previous_value
  from {{ model }}
) as neighbours
where value <> {{ expected }}
{%- endtest -%}

{%- test recency(model, column_name, count, period, group_by=none) -%}
select {{ tform.tf_before(group_by) }}max({{ column_name }}) as newest, {{ tform.tf_moment_before(count, period) }} as must_be_after
from {{ model }}
{{ tform.tf_group_by(group_by) }}
having {{ tform.tf_too_old(column_name, count, period) }}
{%- endtest -%}

{%- macro tf_gate_figure_recency(model, column_name, count, period, group_by=none) -%}
{{ tform.tf_figure(tform.tf_too_old(column_name, count, period), group_by) }}
{%- endmacro -%}

{%- macro tf_too_old(column_name, count, period) -%}
  {{ return('max(' ~ column_name ~ ') is null or max(' ~ column_name ~ ') < ' ~ tform.tf_moment_before(count, period)) }}
{%- endmacro -%}

{#- One row for each threshold that is exceeded; `level` 1 is a warning, 2 an error. -#}
{%- test freshness(model, field=none, warn_after=none, error_after=none, filter=none, column_name=none) -%}
{{ config(fail_calc='coalesce(max(level), 0)', warn_if='>= 1', error_if='>= 2') }}
{%- set results = [] -%}
{%- for level, name, threshold in [(1, 'warn_after', warn_after), (2, 'error_after', error_after)] if threshold -%}
  {%- set bound = tform.tf_moment_before(threshold.count, threshold.period) -%}
  {%- do results.append('select ' ~ level ~ " as level, '" ~ name ~ "' as exceeded, last_loaded_at, " ~ bound
    ~ ' as must_be_after from newest where last_loaded_at is null or last_loaded_at < ' ~ bound) -%}
{%- endfor -%}
select level, exceeded, last_loaded_at, must_be_after
from (
  with newest as (
    select max({{ field or column_name }}) as last_loaded_at from {{ model }}
    {{ 'where ' ~ filter if filter }}
  )
  {{ results | join('\n  union all\n  ') }}
) as thresholds
{%- endtest -%}
