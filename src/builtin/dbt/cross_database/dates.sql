{#-
  Date arithmetic, date spines and number series.
  Docs: reference/dbt-jinja-functions/cross-database-macros
-#}

{%- macro date(year, month, day) -%}
  {{ return(adapter.dispatch('date', 'dbt')(year, month, day)) }}
{%- endmacro -%}

{%- macro default__date(year, month, day) -%}
  {{- "to_date('" ~ modules.datetime.date(year, month, day).strftime('%Y-%m-%d') ~ "', 'YYYY-MM-DD')" -}}
{%- endmacro -%}

{%- macro date_trunc(datepart, date) -%}
  {{ return(adapter.dispatch('date_trunc', 'dbt')(datepart, date)) }}
{%- endmacro -%}

{%- macro default__date_trunc(datepart, date) -%}
  date_trunc('{{ datepart }}', {{ date }})
{%- endmacro -%}

{%- macro dateadd(datepart, interval, from_date_or_timestamp) -%}
  {{ return(adapter.dispatch('dateadd', 'dbt')(datepart, interval, from_date_or_timestamp)) }}
{%- endmacro -%}

{%- macro default__dateadd(datepart, interval, from_date_or_timestamp) -%}
  dateadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro -%}

{%- macro datediff(first_date, second_date, datepart) -%}
  {{ return(adapter.dispatch('datediff', 'dbt')(first_date, second_date, datepart)) }}
{%- endmacro -%}

{%- macro default__datediff(first_date, second_date, datepart) -%}
  datediff({{ datepart }}, {{ first_date }}, {{ second_date }})
{%- endmacro -%}

{%- macro last_day(date, datepart) -%}
  {{ return(adapter.dispatch('last_day', 'dbt')(date, datepart)) }}
{%- endmacro -%}

{%- macro default_last_day(date, datepart) -%}
  {%- set next = dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date)) -%}
  cast({{ dbt.dateadd('day', '-1', next) }} as date)
{%- endmacro -%}

{%- macro default__last_day(date, datepart) -%}
  {{- dbt.default_last_day(date, datepart) -}}
{%- endmacro -%}

{%- macro get_intervals_between(start_date, end_date, datepart) -%}
  {{ return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) }}
{%- endmacro -%}

{%- macro default__get_intervals_between(start_date, end_date, datepart) -%}
  {%- call statement('get_intervals_between', fetch_result=True) -%}
    select {{ dbt.datediff(start_date, end_date, datepart) }}
  {%- endcall -%}
  {%- set answer = load_result('get_intervals_between') -%}
  {{ return(answer['data'][0][0] if answer and answer['data'] else 1) }}
{%- endmacro -%}

{%- macro date_spine(datepart, start_date, end_date) -%}
  {{ return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) }}
{%- endmacro -%}

{%- macro default__date_spine(datepart, start_date, end_date) -%}
  {%- set count = dbt.get_intervals_between(start_date, end_date, datepart) -%}
  with numbered as (
    {{ dbt.generate_series(count) }}
  ), spine as (
    select {{ dbt.dateadd(datepart, '(row_number() over (order by 1) - 1)', start_date) }} as date_{{ datepart }}
    from numbered
  )
  select date_{{ datepart }} from spine where date_{{ datepart }} <= {{ end_date }}
{%- endmacro -%}

{%- macro get_powers_of_two(upper_bound) -%}
  {{ return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) }}
{%- endmacro -%}

{%- macro default__get_powers_of_two(upper_bound) -%}
  {%- if upper_bound <= 0 -%}{%- do exceptions.raise_compiler_error('upper bound must be positive') -%}{%- endif -%}
  {%- for exponent in range(1, 100) if 2 ** exponent >= upper_bound -%}{{ return(exponent) }}{%- endfor -%}
{%- endmacro -%}

{%- macro generate_series(upper_bound) -%}
  {{ return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) }}
{%- endmacro -%}

{%- macro default__generate_series(upper_bound) -%}
  {%- set terms = [] -%}
  {%- set bits = [] -%}
  {%- for exponent in range(dbt.get_powers_of_two(upper_bound)) -%}
    {%- do terms.append('b' ~ exponent ~ '.digit * ' ~ 2 ** exponent) -%}
    {%- do bits.append('binary_digits as b' ~ exponent) -%}
  {%- endfor -%}
  with binary_digits as (
    select 0 as digit union all select 1
  ), counted as (
    select {{ terms | join(' + ') }} + 1 as generated_number
    from {{ bits | join(' cross join ') }}
  )
  select generated_number from counted where generated_number <= {{ upper_bound }} order by generated_number
{%- endmacro -%}
