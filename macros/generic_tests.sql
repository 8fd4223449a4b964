{#- Generic tests of our own: a query for the rows that break the rule. -#}

{% test in_range(model, column_name, minimum=none, maximum=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        1 = 0
        {% if minimum is not none %}or {{ column_name }} < {{ minimum }}{% endif %}
        {% if maximum is not none %}or {{ column_name }} > {{ maximum }}{% endif %}
{% endtest %}


{% test unique_together(model, columns) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
