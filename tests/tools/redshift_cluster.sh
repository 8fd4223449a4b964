#!/bin/sh
# Builds one model of each kind, twice, on the cluster that REDSHIFT_HOST, REDSHIFT_USER, REDSHIFT_PASSWORD and
# REDSHIFT_DATABASE name (REDSHIFT_PORT: 5439), in the schema tform_trial, which is dropped at the end.
# TFORM is the binary; by default the one on the path.
set -eu
: "${REDSHIFT_HOST:?names the cluster}" "${REDSHIFT_USER:?}" "${REDSHIFT_PASSWORD:?}" "${REDSHIFT_DATABASE:?}"
tform=${TFORM:-tform}
folder=$(mktemp -d)
cd "$folder"
mkdir models seeds snapshots macros
cat >dbt_project.yml <<'END'
name: trial
profile: trial
END
cat >profiles.yml <<'END'
trial:
  target: cluster
  outputs:
    cluster:
      type: redshift
      host: "{{ env_var('REDSHIFT_HOST') }}"
      port: "{{ env_var('REDSHIFT_PORT', '5439') | as_number }}"
      user: "{{ env_var('REDSHIFT_USER') }}"
      password: "{{ env_var('REDSHIFT_PASSWORD') }}"
      dbname: "{{ env_var('REDSHIFT_DATABASE') }}"
      schema: tform_trial
      threads: 4
END
printf 'id,name,at\n1,Ada,2024-01-01 10:00:00\n2,Grace,2024-01-02 10:00:00\n' >seeds/people.csv
model() { printf '{{ config(%s) }}\n%s\n' "$2" "$3" >"models/$1.sql"; }
model keyed "materialized='table', dist='id', sort=['id', 'at']" "select * from {{ ref('people') }}"
model bound "materialized='view'" "select id from {{ ref('keyed') }}"
model late "materialized='view', bind=false" "select id, name from {{ ref('keyed') }}"
model merged "materialized='incremental', unique_key='id', incremental_strategy='merge'" "select id, name::varchar({{ 20 if is_incremental() else 10 }}) as name from {{ ref('people') }}"
model deleted "materialized='incremental', unique_key='id', incremental_strategy='delete+insert'" "select id, name from {{ ref('people') }}"
model stored "materialized='materialized_view', dist='even'" "select id from {{ ref('people') }}"
cat >snapshots/history.sql <<'END'
{% snapshot history %}
{{ config(target_schema='tform_trial', unique_key='id', strategy='check', check_cols=['name']) }}
select * from {{ ref('people') }}
{% endsnapshot %}
END
cat >macros/leave.sql <<'END'
{% macro leave() %}{% do run_query('drop schema if exists tform_trial cascade') %}{% endmacro %}
END
code=0
"$tform" build && "$tform" build && "$tform" docs generate || code=$?
"$tform" run-operation leave
cd / && rm -rf "$folder"
exit "$code"
