//! Redshift's system views and functions, made from PostgreSQL's, as far as dbt asks for them.
//!
//! docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html

pub const SQL: &str = r#"
create schema stand_in;
grant usage, create on schema stand_in to public;
set search_path to stand_in;

create table attributes (
  oid oid primary key, diststyle text, sortkeys text[], interleaved boolean, backup boolean, auto_refresh boolean
);
create table late_views (oid oid primary key, query text);
grant all on attributes, late_views to public;

create domain super as jsonb;
create function json_parse(text) returns jsonb language sql immutable as 'select $1::jsonb';
create function getdate() returns timestamp language sql stable as 'select (now() at time zone ''utc'')::timestamp(0)';
create function len(text) returns int language sql immutable as 'select length($1)';
create function nvl(anycompatible, anycompatible) returns anycompatible language sql immutable as 'select coalesce($1, $2)';
create function dateadd(text, numeric, timestamp) returns timestamp language sql immutable as
  'select $3 + case when $1 = ''quarter'' then interval ''3 month'' else (''1 '' || $1)::interval end * $2::float8';
create function datediff(text, timestamp, timestamp) returns bigint language sql immutable as $$
  select case $1
    when 'year' then extract(year from $3) - extract(year from $2)
    when 'month' then (extract(year from $3) - extract(year from $2)) * 12 + extract(month from $3) - extract(month from $2)
    when 'day' then $3::date - $2::date
    when 'hour' then extract(epoch from date_trunc('hour', $3) - date_trunc('hour', $2)) / 3600
    when 'minute' then extract(epoch from date_trunc('minute', $3) - date_trunc('minute', $2)) / 60
    else extract(epoch from date_trunc('second', $3) - date_trunc('second', $2)) end::bigint
$$;

create view own_relations as
select pg_class.oid, nspname::text as schema, relname::text as name, relkind,
  pg_class.oid in (select oid from late_views) as is_late
from pg_class join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'v', 'm') and nspname not in ('stand_in', 'information_schema', 'pg_catalog', 'pg_toast');

create view tables as
select current_database()::text as table_catalog, schema as table_schema, name as table_name, 'BASE TABLE'::text as table_type
from own_relations where relkind = 'r'
union all select current_database(), schema, 'mv_tbl__' || name || '__0', 'BASE TABLE' from own_relations where relkind = 'm';

create view views as
select current_database()::text as table_catalog, schema as table_schema, name as table_name,
  case when relkind = 'm' then 'CREATE MATERIALIZED VIEW ' || name || ' AS ' else '' end || pg_get_viewdef(oid)
    || case when is_late then ' with no schema binding' else '' end as view_definition
from own_relations where relkind in ('v', 'm');

create view pg_views_all as
select schema::name as schemaname, name::name as viewname, pg_get_userbyid(relowner) as viewowner,
  case when own_relations.relkind = 'm' then 'CREATE MATERIALIZED VIEW ' || name || ' AS ' else '' end || pg_get_viewdef(own_relations.oid) as definition
from own_relations join pg_class using (oid) where own_relations.relkind in ('v', 'm');

create view all_columns as
select own_relations.oid, current_database()::text as table_catalog, schema as table_schema, name as table_name,
  attname::text as column_name, attnum::int as ordinal_position, format_type(atttypid, null)::text as data_type,
  case when atttypid in ('varchar'::regtype, 'bpchar'::regtype) and atttypmod > 4 then atttypmod - 4
    when atttypid in ('varchar'::regtype, 'text'::regtype) then 256 end as character_maximum_length,
  case when atttypid = 'numeric'::regtype then case when atttypmod > 4 then ((atttypmod - 4) >> 16) & 65535 else 18 end end as numeric_precision,
  case when atttypid = 'numeric'::regtype then case when atttypmod > 4 then (atttypmod - 4) & 65535 else 0 end end as numeric_scale,
  col_description(own_relations.oid, attnum) as remarks, is_late
from own_relations join pg_attribute on attrelid = own_relations.oid and attnum > 0 and not attisdropped;

create view columns as
select * from all_columns where not is_late;

create view svv_tables as
select current_database()::text as table_catalog, schema as table_schema, name as table_name,
  case when relkind = 'r' then 'BASE TABLE' else 'VIEW' end as table_type, obj_description(oid, 'pg_class') as remarks
from own_relations;
create view svv_columns as select * from all_columns;

create view svv_redshift_columns as
select table_catalog as database_name, table_schema as schema_name, table_name, column_name, ordinal_position,
  case when character_maximum_length is not null then data_type || '(' || character_maximum_length || ')'
    when numeric_precision is not null then 'numeric(' || numeric_precision || ',' || numeric_scale || ')' else data_type end as data_type,
  remarks
from all_columns
union all select 'shared', 'public', 'orders', 'id', 1, 'integer', 'The key';

create view svv_redshift_tables as
select table_catalog as database_name, table_schema as schema_name, table_name, case table_type when 'VIEW' then 'VIEW' else 'TABLE' end as table_type
from svv_tables
union all select 'shared', 'public', 'orders', 'TABLE';

create view svv_redshift_schemas as
select current_database()::text as database_name, nspname::text as schema_name from pg_namespace
union all select 'shared', 'public';

create view svv_external_columns as
select null::text as schemaname, null::text as tablename, null::text as columnname, null::text as external_type, 0 as columnnum where false;

create view svv_table_info as
select current_database()::text as database, schema, oid as table_id, name as "table",
  'Y'::text as encoded, coalesce(diststyle, 'AUTO(ALL)') as diststyle, case when interleaved then 'INTERLEAVED' else coalesce(sortkeys[1], 'AUTO(SORTKEY)') end as sortkey1,
  (select max(character_maximum_length) from all_columns where all_columns.oid = own_relations.oid) as max_varchar, 'none'::text as sortkey1_enc,
  coalesce(cardinality(sortkeys), 0) as sortkey_num, 6 as size, 0.0001 as pct_used, 0.0 as unsorted, 0.0 as stats_off,
  (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from %I.%I', schema, name), false, true, '')))[1]::text::numeric as tbl_rows,
  null::numeric as skew_sortkey1, 1.00 as skew_rows
from own_relations left join attributes using (oid) where relkind in ('r', 'm');

create view svv_mv_info as
select current_database()::text as database_name, schema as schema_name, name, case when auto_refresh then 't' else 'f' end as autorefresh
from own_relations left join attributes using (oid) where relkind = 'm';

create view svv_relation_privileges as
select schema as namespace_name, name as relation_name, privilege_type::text, coalesce(rolname, 'public')::text as identity_name,
  -- PostgreSQL's groups are its roles.
  case when rolname is null then 'public' when rolcanlogin then 'user' when rolname like 'group%' then 'group' else 'role' end as identity_type
from own_relations join pg_class using (oid), aclexplode(relacl) as acl left join pg_roles on pg_roles.oid = grantee;

create view stv_sessions as
select pid as process, rpad(usename::text, 50)::char(50) as user_name, rpad(datname::text, 50)::char(50) as db_name, backend_start::timestamp as starttime
from pg_stat_activity where usename = current_user;

-- Nothing fills it but the cases about the age of tables.
create table sys_query_detail (table_id oid, step_name text, start_time timestamp);
grant all on sys_query_detail to public;

create view class as
select oid, relname, relnamespace from pg_class
union all select oid, ('mv_tbl__' || name || '__0')::name, relnamespace from pg_class join own_relations using (oid) where own_relations.relkind = 'm';
create view attribute as
select attrelid, attname, attnum, diststyle ilike 'key(' || attname || ')' as attisdistkey, coalesce(array_position(sortkeys, attname::text), 0) as attsortkeyord
from pg_attribute left join attributes on attributes.oid = attrelid where attnum > 0 and not attisdropped;

create function pg_get_late_binding_view_cols() returns setof record stable language sql as $$
  select table_schema::name, table_name::name, column_name::name,
    (data_type || coalesce('(' || character_maximum_length || ')', '(' || numeric_precision || ',' || numeric_scale || ')', ''))::varchar, ordinal_position
  from stand_in.all_columns where is_late
$$;

grant select on all tables in schema stand_in to public;

create function remember(relation text, diststyle text, sortkeys text[], interleaved boolean, backup boolean, auto_refresh boolean)
returns void language plpgsql as $$
declare missing text;
begin
  select min(name) into missing from unnest(sortkeys || (regexp_match(diststyle, '^KEY\((.*)\)$'))) as name
  where name is not null and name not in (select attname from pg_attribute where attrelid = relation::regclass);
  if missing is not null then
    raise exception using errcode = '42703', message = format('column "%s" named in key does not exist', missing);
  end if;
  insert into stand_in.attributes values (relation::regclass, $2, $3, $4, $5, $6);
end $$;

create function late_view(relation text, query text) returns void language plpgsql as $$
declare fields text; casts text; source text := 'late_' || md5(random()::text || clock_timestamp()::text);
begin
  execute 'create temporary view late_probe as ' || query;
  select string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum),
    string_agg(format('%I::%s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum) into fields, casts
  from pg_attribute where attrelid = 'late_probe'::regclass and attnum > 0;
  drop view late_probe;
  execute format('create function stand_in.%I() returns table(%s) stable language plpgsql as %L',
    source, fields, 'begin return query execute ' || quote_literal(query) || '; end');
  execute format('create view %s as select %s from stand_in.%I()', relation, casts, source);
  insert into stand_in.late_views values (relation::regclass, query);
end $$;
"#;
