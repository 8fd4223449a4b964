{#-
  DuckDB: cross-database macros.
  Docs: reference/dbt-jinja-functions/cross-database-macros
-#}

{%- macro duckdb__current_timestamp() -%}
  now()
{%- endmacro -%}

{%- macro duckdb__snapshot_get_time() -%}
  {{ current_timestamp() }}::timestamp
{%- endmacro -%}

{%- macro duckdb__snapshot_string_as_time(timestamp) -%}
  {{ return("'" ~ timestamp ~ "'::timestamp") }}
{%- endmacro -%}

{%- macro duckdb__any_value(expression) -%}
  arbitrary({{ expression }})
{%- endmacro -%}

{%- macro duckdb__date(year, month, day) -%}
  make_date({{ year }}, {{ month }}, {{ day }})
{%- endmacro -%}

{#- An interval of one unit times the number: the number may be any expression. -#}
{%- macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) -%}
  {%- set unit = datepart | lower -%}
  {%- set steps = {'quarter': ['month', ' * 3'], 'week': ['day', ' * 7']}.get(unit, [unit, '']) -%}
  ({{ from_date_or_timestamp }} + (cast({{ interval }} as bigint){{ steps[1] }}) * interval 1 {{ steps[0] }})
{%- endmacro -%}

{#- Weeks are counted by the Sundays between, as the other warehouses do. -#}
{%- macro duckdb__datediff(first_date, second_date, datepart) -%}
  {%- if datepart | lower == 'week' -%}
    {{ return('(' ~ tf_sunday_weeks(second_date) ~ ' - ' ~ tf_sunday_weeks(first_date) ~ ')') }}
  {%- endif -%}
  (date_diff('{{ datepart }}', {{ first_date }}::timestamp, {{ second_date }}::timestamp))
{%- endmacro -%}

{#- Weeks since Sunday 1899-12-31. -#}
{%- macro tf_sunday_weeks(moment) -%}
  {{ return("(date_diff('day', timestamp '1899-12-31', (" ~ moment ~ ")::timestamp) // 7)") }}
{%- endmacro -%}

{%- macro duckdb__generate_series(upper_bound) -%}
  select generate_series as generated_number from generate_series(1, {{ upper_bound }})
{%- endmacro -%}

{%- macro duckdb__last_day(date, datepart) -%}
  {{ return(dbt.default_last_day(date, datepart)) }}
{%- endmacro -%}

{%- macro duckdb__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set ordered = measure ~ ' ' ~ (order_by_clause or '') -%}
  {%- if limit_num -%}
    {{ return("list_aggr(array_agg(" ~ ordered ~ ")[1:" ~ limit_num ~ "], 'string_agg', " ~ delimiter_text ~ ")") }}
  {%- endif -%}
  string_agg({{ measure }}, {{ delimiter_text }} {{ order_by_clause or '' }})
{%- endmacro -%}

{%- macro duckdb__split_part(string_text, delimiter_text, part_number) -%}
  string_split({{ string_text }}, {{ delimiter_text }})[{{ part_number }}]
{%- endmacro -%}
