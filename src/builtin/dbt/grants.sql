{#-
  Grants: read what stands, give what the model's `grants` config lacks, take
  back what it no longer names.
  Docs: reference/resource-configs/grants
-#}

{%- macro copy_grants() -%}
  {{ return(adapter.dispatch('copy_grants', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__copy_grants() -%}
  {{ return(True) }}
{%- endmacro -%}

{%- macro support_multiple_grantees_per_dcl_statement() -%}
  {{ return(adapter.dispatch('support_multiple_grantees_per_dcl_statement', 'dbt')()) }}
{%- endmacro -%}

{%- macro default__support_multiple_grantees_per_dcl_statement() -%}
  {{ return(True) }}
{%- endmacro -%}

{#- A new relation carries no grants; a replaced one may, a changed one does. -#}
{%- macro should_revoke(existing_relation, full_refresh_mode=True) -%}
  {%- set carried = copy_grants() if existing_relation and full_refresh_mode else True -%}
  {{ return(carried if existing_relation else False) }}
{%- endmacro -%}

{%- macro get_show_grant_sql(relation) -%}
  {{ return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) }}
{%- endmacro -%}

{%- macro default__get_show_grant_sql(relation) -%}
  show grants on {{ relation.render() }}
{%- endmacro -%}

{#- Privileges with those who have them. -#}
{%- macro default__tf_standing_grants(relation) -%}
  {{ return(adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation)))) }}
{%- endmacro -%}

{%- macro get_grant_sql(relation, privilege, grantees) -%}
  {{ return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) }}
{%- endmacro -%}

{%- macro default__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation.render() }} to {{ grantees | join(', ') }}
{%- endmacro -%}

{%- macro get_revoke_sql(relation, privilege, grantees) -%}
  {{ return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) }}
{%- endmacro -%}

{%- macro default__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ privilege }} on {{ relation.render() }} from {{ get_quoted_csv(grantees) }}
{%- endmacro -%}

{%- macro get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
  {{ return(adapter.dispatch('get_dcl_statement_list', 'dbt')(relation, grant_config, get_dcl_macro)) }}
{%- endmacro -%}

{%- macro default__get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
  {%- set together = support_multiple_grantees_per_dcl_statement() -%}
  {%- set found = [] -%}
  {%- for privilege in grant_config -%}
    {%- set everyone = grant_config[privilege] or [] -%}
    {%- for group in ([everyone] if together and everyone else everyone | batch(1)) -%}
      {%- do found.append(get_dcl_macro(relation, privilege, group)) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro -%}

{%- macro call_dcl_statements(dcl_statement_list) -%}
  {{ return(adapter.dispatch('call_dcl_statements', 'dbt')(dcl_statement_list)) }}
{%- endmacro -%}

{%- macro default__call_dcl_statements(dcl_statement_list) -%}
  {%- call statement('grants') -%}
    {{ dcl_statement_list | join(';\n') }};
  {%- endcall -%}
{%- endmacro -%}

{%- macro apply_grants(relation, grant_config, should_revoke) -%}
  {{ return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) }}
{%- endmacro -%}

{%- macro default__apply_grants(relation, grant_config, should_revoke=True) -%}
  {%- if not grant_config -%}{{ return('') }}{%- endif -%}
  {%- set wanted = grant_config -%}
  {%- set unwanted = {} -%}
  {%- if should_revoke -%}
    {%- set standing = adapter.dispatch('tf_standing_grants', 'dbt')(relation) -%}
    {%- set wanted = diff_of_two_dicts(grant_config, standing) -%}
    {%- set unwanted = diff_of_two_dicts(standing, grant_config) -%}
  {%- endif -%}
  {%- set statements = [] -%}
  {%- do statements.extend(get_dcl_statement_list(relation, unwanted, get_revoke_sql)) -%}
  {%- do statements.extend(get_dcl_statement_list(relation, wanted, get_grant_sql)) -%}
  {%- if statements -%}
    {%- do call_dcl_statements(statements) -%}
  {%- else -%}
    {%- do log('grants on ' ~ relation.render() ~ ' stand as configured') -%}
  {%- endif -%}
{%- endmacro -%}
