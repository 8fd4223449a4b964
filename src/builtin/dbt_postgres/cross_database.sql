{#-
  PostgreSQL: cross-database macros.
  Docs: reference/dbt-jinja-functions/cross-database-macros
-#}

{%- macro postgres__current_timestamp() -%}
  now()
{%- endmacro -%}

{%- macro postgres__snapshot_get_time() -%}
  {{ current_timestamp() }}::timestamp without time zone
{%- endmacro -%}

{%- macro postgres__snapshot_string_as_time(timestamp) -%}
  {{ return("'" ~ timestamp ~ "'::timestamp without time zone") }}
{%- endmacro -%}

{%- macro postgres__current_timestamp_backcompat() -%}
  current_timestamp::{{ type_timestamp() }}
{%- endmacro -%}

{%- macro postgres__current_timestamp_in_utc_backcompat() -%}
  (current_timestamp at time zone 'utc')::{{ type_timestamp() }}
{%- endmacro -%}

{#- Version 16 has any_value; the least value serves every version. -#}
{%- macro postgres__any_value(expression) -%}
  min({{ expression }})
{%- endmacro -%}

{%- macro postgres__equals(expr1, expr2) -%}
  {%- set operator = 'is not distinct from' if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn else '=' -%}
  ({{ expr1 }} {{ operator }} {{ expr2 }})
{%- endmacro -%}

{%- macro postgres__dateadd(datepart, interval, from_date_or_timestamp) -%}
  {%- set unit = '3 month' if datepart | lower == 'quarter' else '1 ' ~ datepart -%}
  {{ from_date_or_timestamp }} + ((interval '{{ unit }}') * ({{ interval }}))
{%- endmacro -%}

{#- Counts the boundaries between, as other warehouses' datediff does. -#}
{%- macro postgres__datediff(first_date, second_date, datepart) -%}
  {%- set part = datepart | lower -%}
  {%- if part == 'day' -%}
    {{ return('((' ~ second_date ~ ')::date - (' ~ first_date ~ ')::date)') }}
  {%- endif -%}
  ({{ tf_boundaries(second_date, part) }} - {{ tf_boundaries(first_date, part) }})
{%- endmacro -%}

{#- How many boundaries of a part lie before a moment. -#}
{%- macro tf_boundaries(moment, part) -%}
  {%- set months = "date_part('year', (" ~ moment ~ ")::date) * 12 + date_part('month', (" ~ moment ~ ")::date)" -%}
  {%- set per_second = {'hour': '/ 3600', 'minute': '/ 60', 'second': '', 'millisecond': '* 1000', 'microsecond': '* 1000000'} -%}
  {%- if part in ['year', 'quarter'] -%}
    {%- set quarters = "date_part('year', (" ~ moment ~ ")::date) * 4 + date_part('quarter', (" ~ moment ~ ")::date)" -%}
    {{ return("date_part('year', (" ~ moment ~ ")::date)" if part == 'year' else '(' ~ quarters ~ ')') }}
  {%- elif part == 'month' -%}
    {{ return('(' ~ months ~ ')') }}
  {%- elif part == 'week' -%}
    {{ return("(((" ~ moment ~ ")::date - date '0001-01-07') / 7)") }}
  {%- elif part in per_second -%}
    {{ return("(date_part('epoch', date_trunc('" ~ part ~ "', (" ~ moment ~ ")::timestamp)) " ~ per_second[part] ~ ')') }}
  {%- endif -%}
  {%- do exceptions.raise_compiler_error("Unsupported datepart for macro datediff in postgres: '" ~ part ~ "'") -%}
{%- endmacro -%}

{%- macro postgres__last_day(date, datepart) -%}
  {{ return(dbt.default_last_day(date, datepart)) }}
{%- endmacro -%}

{%- macro postgres__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set order = ' ' ~ order_by_clause if order_by_clause else '' -%}
  {%- if not limit_num -%}
    {{ return('string_agg(' ~ measure ~ ', ' ~ delimiter_text ~ order ~ ')') }}
  {%- endif -%}
  array_to_string((array_agg({{ measure }}{{ order }}))[1:{{ limit_num }}], {{ delimiter_text }})
{%- endmacro -%}

{%- macro postgres__split_part(string_text, delimiter_text, part_number) -%}
  {%- set split = dbt.default__split_part if part_number >= 0 else dbt._split_part_negative -%}
  {{ return(split(string_text, delimiter_text, part_number)) }}
{%- endmacro -%}
