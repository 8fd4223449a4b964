{#-
  Descriptions written into the warehouse as comments.
  Docs: reference/resource-configs/persist_docs
-#}

{%- macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
  {{ return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) }}
{%- endmacro -%}

{%- macro default__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- if for_relation and model.description and config.persist_relation_docs() -%}
    {%- do run_query(alter_relation_comment(relation, model.description)) -%}
  {%- endif -%}
  {%- if for_columns and model.columns and config.persist_column_docs() -%}
    {%- set present = get_list_of_column_names(adapter.get_columns_in_relation(relation)) -%}
    {%- set documented = validate_doc_columns(relation, model.columns, present) -%}
    {%- set comments = alter_column_comment(relation, tf_spell_columns(documented, present)) -%}
    {%- if comments and comments | trim -%}{%- do run_query(comments) -%}{%- endif -%}
  {%- endif -%}
{%- endmacro -%}

{#- The documented columns that exist; the others are told in one warning. -#}
{%- macro validate_doc_columns(relation, column_dict, existing_column_names) -%}
  {%- set known = {} -%}
  {%- for name, column in column_dict.items() if tf_column_exists(name, column['quote'], existing_column_names) -%}
    {%- do known.update({name: column}) -%}
  {%- endfor -%}
  {%- set unknown = column_dict.keys() | reject('in', known) | list -%}
  {%- if unknown -%}
    {%- do exceptions.warn(
      'In relation ' ~ relation.render() ~ ': The following columns are specified in the schema but are not present in the database: '
      ~ unknown | join(', ')
    ) -%}
  {%- endif -%}
  {{ return(known) }}
{%- endmacro -%}

{%- macro tf_column_exists(name, quoted, existing_column_names) -%}
  {{ return(name in existing_column_names or (not quoted and name | lower in existing_column_names | map('lower') | list)) }}
{%- endmacro -%}

{%- macro alter_relation_comment(relation, relation_comment) -%}
  {{ return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) }}
{%- endmacro -%}

{%- macro default__alter_relation_comment(relation, relation_comment) -%}
  {%- do tf_not_for_this_adapter('alter_relation_comment') -%}
{%- endmacro -%}

{%- macro alter_column_comment(relation, column_dict) -%}
  {{ return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) }}
{%- endmacro -%}

{%- macro default__alter_column_comment(relation, column_dict) -%}
  {%- do tf_not_for_this_adapter('alter_column_comment') -%}
{%- endmacro -%}

{#- A dollar-quoted literal for a comment; its tag may not occur in the text. -#}
{%- macro tf_comment_literal(comment) -%}
  {%- set tag = '$dbt_comment_literal_block$' -%}
  {%- if comment is not string -%}
    {%- do exceptions.raise_compiler_error('cannot escape a non-string: ' ~ comment) -%}
  {%- elif tag in comment -%}
    {%- do exceptions.raise_compiler_error('The string ' ~ tag ~ ' is not allowed in comments.') -%}
  {%- endif -%}
  {{ return(tag ~ comment ~ tag) }}
{%- endmacro -%}

{#- The documented columns under the names that the table has, to be quoted. -#}
{%- macro tf_spell_columns(column_dict, existing_column_names) -%}
  {%- set by_fold = {} -%}
  {%- for name in existing_column_names -%}{%- do by_fold.setdefault(name | lower, name) -%}{%- endfor -%}
  {%- set spelled = {} -%}
  {%- for name, column in column_dict.items() -%}
    {%- set own = name if name in existing_column_names else by_fold[name | lower] -%}
    {%- set documented = column.copy() -%}
    {%- do documented.update({'name': own, 'quote': true}) -%}
    {%- do spelled.update({own: documented}) -%}
  {%- endfor -%}
  {{ return(spelled) }}
{%- endmacro -%}

{#- One `comment on column` per documented column, as one string. -#}
{%- macro tf_column_comments(relation, column_dict) -%}
  {%- for name, column in column_dict.items() -%}
    comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ tf_comment_literal(column['description']) }};
  {% endfor -%}
{%- endmacro -%}
