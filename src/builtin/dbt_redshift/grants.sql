{#-
  Redshift: grants to users, groups and roles.
  Docs: reference/resource-configs/grants
-#}

{#- Prefixes bare names with `user:`, as the grants that stand are told. -#}
{%- macro redshift__normalize_grants_dict(grants_dict) -%}
  {%- set normalized = {} -%}
  {%- for privilege, grantees in grants_dict.items() -%}
    {%- set named = [] -%}
    {%- for grantee in grantees -%}
      {%- do named.append(grantee if grantee.split(':')[0] in ['user', 'group', 'role'] and ':' in grantee else 'user:' ~ grantee) -%}
    {%- endfor -%}
    {%- do normalized.update({privilege: named}) -%}
  {%- endfor -%}
  {{ return(normalized) }}
{%- endmacro -%}

{%- macro redshift__apply_grants(relation, grant_config, should_revoke=True) -%}
  {%- if grant_config -%}
    {%- set wanted = redshift__normalize_grants_dict(grant_config) if redshift__use_grants_extended() else grant_config -%}
    {%- do default__apply_grants(relation, wanted, should_revoke) -%}
  {%- endif -%}
{%- endmacro -%}

{#- One question for a whole schema and run. Only what this user granted, to users,
    counts: what others gave, or what comes by a group, is not ours to take. -#}
{%- macro redshift__tf_standing_grants(relation) -%}
  {%- if redshift__use_show_apis() or redshift__use_grants_extended() -%}
    {{ return(tf_grants_by_kind(relation)) }}
  {%- endif -%}
  {%- set names = {'r': 'select', 'a': 'insert', 'w': 'update', 'd': 'delete', 'x': 'references'} -%}
  {%- set found = {} -%}
  {%- for row in adapter.tf_query_once(tf_schema_grants_sql(relation.schema), 'relname', relation.identifier).rows if row[0] == relation.identifier -%}
    {%- for entry in row[1].split('|') -%}
      {%- set grantee = entry.split('=')[0].strip('"') -%}
      {%- set privileges = entry.split('=')[-1].split('/') -%}
      {%- set is_user = grantee and not grantee.startswith('group ') and not grantee.startswith('role ') -%}
      {%- if is_user and grantee != row[2] and privileges[-1].strip('"') == row[2] -%}
        {%- for letter in privileges[0] | list if letter in names -%}
          {%- do found.setdefault(names[letter], []).append(grantee) -%}
        {%- endfor -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro -%}

{#- Of users, and with `redshift_grants_extended` of groups and roles too, then with their kind. What is everybody's,
    the cluster's own and our own is not ours to change. `show` calls groups roles with a stroke before the name. -#}
{%- macro tf_grants_by_kind(relation) -%}
  {%- set extended = redshift__use_grants_extended() -%}
  {%- set own = adapter.tf_query_once('select current_user::text').rows[0][0] | lower -%}
  {%- set found = {} -%}
  {%- for row in run_query(get_show_grant_sql(relation)).rows -%}
    {%- set is_group = row['identity_name'].startswith('/') and row['identity_type'] | lower == 'role' -%}
    {%- set kind = 'group' if is_group else row['identity_type'] | lower -%}
    {%- set name = row['identity_name'][1:] if is_group else row['identity_name'] -%}
    {%- set is_own = kind == 'user' and name | lower == own -%}
    {%- set is_fixed = kind == 'public' or name.startswith('ds:') or name.startswith('sys:') -%}
    {%- if not is_own and not is_fixed and (extended or kind == 'user') -%}
      {%- do found.setdefault(row['privilege_type'] | lower, []).append(kind ~ ':' ~ name if extended else name) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro -%}

{%- macro tf_schema_grants_sql(schema) -%}
  {{ return("select relname::text, array_to_string(relacl, '|'), current_user::text from pg_class join pg_namespace on pg_namespace.oid = relnamespace where relacl is not null and nspname = '" ~ schema ~ "'") }}
{%- endmacro -%}

{#- Three ways to ask: one that sees other databases, one that sees groups and
    roles, and one that needs no privileges. -#}
{%- macro redshift__get_show_grant_sql(relation) -%}
  {%- if redshift__use_show_apis() -%}
    {{ return('show grants on table ' ~ tf_show_path(relation.database, relation.schema, relation.identifier)) }}
  {%- endif -%}
  {{ return(tf_extended_grants_sql(relation) if redshift__use_grants_extended() else tf_user_grants_sql(relation)) }}
{%- endmacro -%}

{%- macro tf_extended_grants_sql(relation) -%}
  select identity_name, identity_type, privilege_type from svv_relation_privileges
  where relation_name = '{{ relation.identifier }}' and namespace_name = '{{ relation.schema }}'
    and (identity_type <> 'user' or identity_name <> current_user)
{%- endmacro -%}

{%- macro tf_user_grants_sql(relation) -%}
  {%- set privileges = [] -%}
  {%- for privilege in ['select', 'insert', 'update', 'delete', 'references'] -%}
    {%- do privileges.append("select '" ~ privilege ~ "' as privilege_type") -%}
  {%- endfor -%}
  select usename as grantee, privilege_type
  from pg_user cross join ({{ privileges | join(' union all ') }}) as privileges
  where not usesuper and usename <> current_user
    and has_table_privilege(usename, '{{ relation }}', privilege_type)
{%- endmacro -%}

{#- `group:x` is written `GROUP x`, `user:x` plainly `x`. -#}
{%- macro redshift__format_grantees(grantees) -%}
  {%- set words = {'user': '', 'group': 'GROUP ', 'role': 'ROLE '} -%}
  {%- set written = [] -%}
  {%- for grantee in grantees -%}
    {%- set parts = grantee.split(':', 1) -%}
    {%- do written.append(words[parts[0]] ~ parts[1] if parts | length == 2 and parts[0] in words else grantee) -%}
  {%- endfor -%}
  {{ return(written) }}
{%- endmacro -%}

{%- macro redshift__get_grant_sql(relation, privilege, grantees) -%}
  {%- set named = redshift__format_grantees(grantees) if redshift__use_grants_extended() else grantees -%}
  {{ return(default__get_grant_sql(relation, privilege, named)) }}
{%- endmacro -%}

{%- macro redshift__get_revoke_sql(relation, privilege, grantees) -%}
  {%- if not redshift__use_grants_extended() -%}
    {{ return(default__get_revoke_sql(relation, privilege, grantees)) }}
  {%- endif -%}
  revoke {{ privilege }} on {{ relation.render() }} from {{ redshift__format_grantees(grantees) | join(', ') }}
{%- endmacro -%}
