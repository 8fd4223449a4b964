{#-
  The four generic tests that every project has.
  Docs: reference/resource-properties/data-tests
-#}

{%- test unique(model, column_name) -%}
  {{ adapter.dispatch('test_unique', 'dbt')(model, column_name) }}
{%- endtest -%}

{%- test not_null(model, column_name) -%}
  {{ adapter.dispatch('test_not_null', 'dbt')(model, column_name) }}
{%- endtest -%}

{%- test accepted_values(model, column_name, values, quote=True) -%}
  {{ adapter.dispatch('test_accepted_values', 'dbt')(model, column_name, values, quote) }}
{%- endtest -%}

{%- test relationships(model, column_name, to, field) -%}
  {{ adapter.dispatch('test_relationships', 'dbt')(model, column_name, to, field) }}
{%- endtest -%}

{%- macro default__test_unique(model, column_name) -%}
select unique_field, count(*) as n_records
from (select {{ column_name }} as unique_field from {{ model }}) as checked_values
where unique_field is not null
group by unique_field
having count(*) > 1
{%- endmacro -%}

{%- macro default__test_not_null(model, column_name) -%}
select {{ '*' if should_store_failures() else column_name }} from {{ model }} where {{ column_name }} is null
{%- endmacro -%}

{%- macro default__test_accepted_values(model, column_name, values, quote=True) -%}
{%- set accepted = [] -%}
{%- for value in values -%}{%- do accepted.append("'" ~ value ~ "'" if quote else value) -%}{%- endfor -%}
select value_field, n_records
from (
  select {{ column_name }} as value_field, count(*) as n_records
  from {{ model }}
  group by {{ column_name }}
) as found_values
where value_field not in ({{ accepted | join(', ') }})
{%- endmacro -%}

{%- macro default__test_relationships(model, column_name, to, field) -%}
with child as (
  select {{ column_name }} as from_field from {{ model }} where {{ column_name }} is not null
)
select from_field
from child
left join (select {{ field }} as to_field from {{ to }}) as parent on parent.to_field = child.from_field
where parent.to_field is null
{%- endmacro -%}

{#- Not one of dbt's: the newest value of a field, as `tform.freshness`. -#}
{%- test freshness(model, field=none, warn_after=none, error_after=none, filter=none, column_name=none) -%}
  {{ tform.test_freshness(model, field, warn_after, error_after, filter, column_name) }}
{%- endtest -%}
