{#- One row for each combination of `keys`, the one that comes first by `prefer`.
    Loads get repeated; staging is where the copies end. -#}
{% macro one_row_per(relation, keys, prefer) %}
    select *
    from (
        select
            *,
            row_number() over (partition by {{ keys | join(', ') }} order by {{ prefer }}) as copy_number
        from {{ relation }}
    ) as numbered
    where copy_number = 1
{% endmacro %}


{#- A single key column for a key of several. The separator keeps (1, 23) and (12, 3)
    apart; nulls are not expected in a key. -#}
{% macro surrogate_key(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("cast(" ~ column ~ " as varchar)") -%}
        {%- if not loop.last -%}{%- do parts.append("'|'") -%}{%- endif -%}
    {%- endfor -%}
    {{ dbt.hash(dbt.concat(parts)) }}
{%- endmacro %}
