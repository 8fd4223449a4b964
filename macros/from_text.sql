{#- A raw text column as a value of `type`; the files write `NA` where there is none.
    The names integer, date, timestamp, varchar and numeric(p, s) mean the same in
    DuckDB, PostgreSQL and Redshift, so no type needs a macro of its own. -#}
{% macro from_text(column, type='varchar') -%}
    cast(nullif({{ column }}, 'NA') as {{ type }})
{%- endmacro %}


{#- The date of three text columns such as `2013`, `1`, `9`. Redshift has no make_date. -#}
{% macro date_from_text(year, month, day) -%}
    cast({{ dbt.concat([year, "'-'", "lpad(" ~ month ~ ", 2, '0')", "'-'", "lpad(" ~ day ~ ", 2, '0')"]) }} as date)
{%- endmacro %}
