{#- The sum of `value` over the rows for which `condition` holds; 0 if there are none. -#}
{% macro sum_if(value, condition) -%}
    sum(case when {{ condition }} then {{ value }} else 0 end)
{%- endmacro %}
