{#- Both cast to double precision first: Redshift's avg keeps the type of its input
    and would cut off the fraction. -#}

{#- The part of the rows, from 0 to 1, for which `condition` holds. -#}
{% macro share_of(condition) -%}
    cast(avg(cast(case when {{ condition }} then 1 else 0 end as double precision)) as numeric(5, 4))
{%- endmacro %}


{#- The mean of a number to one decimal, leaving out nulls. -#}
{% macro mean_of(expression) -%}
    cast(avg(cast({{ expression }} as double precision)) as numeric(8, 1))
{%- endmacro %}
