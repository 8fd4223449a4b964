{#-
  How the tests write values, lists and moments as SQL.
  Docs: docs_site/guide/tests.md
-#}

{%- macro tf_text(text) -%}
  {{ return(dbt.string_literal(dbt.escape_single_quotes(text | string))) }}
{%- endmacro -%}

{#- A value of YAML as SQL: texts become literals, numbers and booleans stay. -#}
{%- macro tf_value(value) -%}
  {%- if value is none -%}{{ return('null') }}{%- endif -%}
  {%- if value is boolean -%}{{ return('true' if value else 'false') }}{%- endif -%}
  {{ return(tform.tf_text(value) if value is string else value | string) }}
{%- endmacro -%}

{#- One name or several, as a list. -#}
{%- macro tf_names(names) -%}
  {%- if names is none -%}{{ return([]) }}{%- endif -%}
  {{ return([names] if names is string else names) }}
{%- endmacro -%}

{#- The names with a comma behind each, for the front of a select list. -#}
{%- macro tf_before(names) -%}
  {%- set written = [] -%}
  {%- for name in tform.tf_names(names) -%}{%- do written.append(name ~ ', ') -%}{%- endfor -%}
  {{ return(written | join('')) }}
{%- endmacro -%}

{%- macro tf_group_by(names) -%}
  {%- set names = tform.tf_names(names) -%}
  {{ return('group by ' ~ names | join(', ') if names else '') }}
{%- endmacro -%}

{%- macro tf_partition_by(names) -%}
  {%- set names = tform.tf_names(names) -%}
  {{ return('partition by ' ~ names | join(', ') ~ ' ' if names else '') }}
{%- endmacro -%}

{#- The moment some time before this run began, as a literal, so that partitions and sort keys prune. -#}
{%- macro tf_moment_before(count, period) -%}
  {%- set seconds = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400, 'week': 604800}[period] -%}
  {{ return(adapter.dispatch('tf_moment', 'tform')(run_started_at - modules.datetime.timedelta(seconds=count * seconds))) }}
{%- endmacro -%}

{%- macro default__tf_moment(moment) -%}
  {{ return("'" ~ moment.strftime('%Y-%m-%d %H:%M:%S') ~ "+00:00'") }}
{%- endmacro -%}

{#- A zone in a literal keeps Redshift from using its sort keys. -#}
{%- macro redshift__tf_moment(moment) -%}
  {{ return("'" ~ moment.strftime('%Y-%m-%d %H:%M:%S') ~ "'") }}
{%- endmacro -%}
