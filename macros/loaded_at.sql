{#- The query for `loaded_at_query` of a source whose data ended long ago: the newest
    row, moved forward by the time that has passed since `data_ends_at`. Its age is
    thus the age it had when the data ended, today and in ten years. -#}
{% macro loaded_at(relation, column) %}
    {%- set data_ends_at = "cast('" ~ var('data_ends_at') ~ "' as timestamp)" -%}
    {%- set newest_row = "max(cast(" ~ column ~ " as timestamp))" -%}
    select {{ dbt.dateadd('second', dbt.datediff(data_ends_at, newest_row, 'second'), dbt.current_timestamp()) }}
    from {{ relation }}
{% endmacro %}
