{#-
  Redshift: cross-database macros.
  Docs: reference/dbt-jinja-functions/cross-database-macros
-#}

{%- macro redshift__current_timestamp() -%}
  getdate()
{%- endmacro -%}

{%- macro redshift__snapshot_get_time() -%}
  {{ current_timestamp() }}::timestamp
{%- endmacro -%}

{%- macro redshift__snapshot_string_as_time(timestamp) -%}
  {{ return("'" ~ timestamp ~ "'::timestamp") }}
{%- endmacro -%}

{%- macro redshift__current_timestamp_backcompat() -%}
  getdate()
{%- endmacro -%}

{%- macro redshift__current_timestamp_in_utc_backcompat() -%}
  getdate()
{%- endmacro -%}

{%- macro redshift__array_construct(inputs, data_type) -%}
  array({{ inputs | join(', ') }})
{%- endmacro -%}

{%- macro redshift__array_append(array, new_element) -%}
  {{- array_concat(array, array_construct([new_element])) -}}
{%- endmacro -%}

{%- macro redshift__array_concat(array_1, array_2) -%}
  array_concat({{ array_1 }}, {{ array_2 }})
{%- endmacro -%}

{%- macro redshift__cast_bool_to_text(field) -%}
  case {{ field }} when true then 'true' when false then 'false' end::text
{%- endmacro -%}

{%- macro redshift__dateadd(datepart, interval, from_date_or_timestamp) -%}
  {{ return(dbt.default__dateadd(datepart, interval, from_date_or_timestamp)) }}
{%- endmacro -%}

{%- macro redshift__datediff(first_date, second_date, datepart) -%}
  {{ return(dbt.default__datediff(first_date, second_date, datepart)) }}
{%- endmacro -%}

{%- macro redshift__last_day(date, datepart) -%}
  {{ return(dbt.default_last_day(date, datepart)) }}
{%- endmacro -%}

{%- macro redshift__length(expression) -%}
  len({{ expression }})
{%- endmacro -%}

{#- With a limit, the first parts are cut out of the whole list, so no part may
    hold the delimiter. -#}
{%- macro redshift__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set whole = dbt.default__listagg(measure, delimiter_text, order_by_clause, none) | trim -%}
  {%- if not limit_num -%}{{ return(whole) }}{%- endif -%}
  {%- set delimiter = tf_escape_regex(delimiter_text.strip("'")) -%}
  {%- set part = '[^' ~ delimiter ~ ']+' -%}
  {{ return("regexp_substr(" ~ whole ~ ", '(" ~ part ~ delimiter ~ "){0," ~ (limit_num - 1) ~ '}' ~ part ~ "')") }}
{%- endmacro -%}

{#- Two backslashes, as the string literal takes one away. -#}
{%- macro tf_escape_regex(text) -%}
  {%- set escaped = [] -%}
  {%- for character in text | list -%}
    {%- do escaped.append('\\\\' ~ character if character in '\\^$.|?*+()[]{}' else character) -%}
  {%- endfor -%}
  {{ return(escaped | join) }}
{%- endmacro -%}

{%- macro redshift__split_part(string_text, delimiter_text, part_number) -%}
  {{ return(postgres__split_part(string_text, delimiter_text, part_number)) }}
{%- endmacro -%}
