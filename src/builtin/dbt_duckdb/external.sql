{#-
  DuckDB: the `external` materialization, a file (or folder of files) in
  Parquet, CSV or JSON with a view that reads it.
  Docs: reference/resource-configs/duckdb-configs, duckdb.org/docs/sql/statements/copy
-#}

{%- materialization external, adapter='duckdb', supported_languages=['sql', 'python'] -%}
  {%- set location = render(config.get('location', default=external_location(this, config))) -%}
  {%- set options = tf_write_options(location, render_write_options(config)) -%}
  {%- set format = tf_external_format(options) -%}
  {%- if config.get('plugin') or config.get('glue_register') -%}{%- do tf_refuse_plugin(config.get('plugin') or 'glue') -%}{%- endif -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set rows = make_intermediate_relation(this.incorporate(type='table'), suffix='__dbt_tmp') -%}
  {%- set beside = make_intermediate_relation(target_relation, suffix='__dbt_int') -%}
  {%- set aside = make_backup_relation(target_relation, existing.type if existing else 'table') -%}
  {%- do tf_sweep([beside, rows, aside]) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=False) -%}
  {%- do run_hooks(pre_hooks, inside_transaction=True) -%}
  {%- call statement('create_table', language=model['language']) -%}
    {{ create_table_as(False, rows, compiled_code, model['language']) }}
  {%- endcall -%}
  {%- set filter = tf_give_an_empty_file_a_row(rows) -%}
  {%- do write_to_file(rows, location, tf_option_list(options)) -%}
  {%- call statement('main') -%}
    create or replace view {{ beside }} as (
      select * from {{ tf_reader(format, location, options) }} {{ filter }}
    );
  {%- endcall -%}
  {%- set replaced = tf_swap(beside, target_relation, existing, aside) -%}
  {%- do run_hooks(post_hooks, inside_transaction=True) -%}
  {%- do tf_settle(target_relation, existing) -%}
  {%- do adapter.commit() -%}
  {%- do drop_relation_if_exists(replaced) -%}
  {%- do drop_relation_if_exists(rows) -%}
  {%- do run_hooks(post_hooks, inside_transaction=False) -%}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}

{%- macro external_location(relation, config) -%}
  {%- set whole_file = config.get('options', {}).get('partition_by') is none -%}
  {{- adapter.external_root() }}/{{ relation.identifier }}{{ '.' ~ config.get('format', 'parquet') if whole_file -}}
{%- endmacro -%}

{%- macro location_exists(location) -%}
  {{ return(adapter.location_exists(location)) }}
{%- endmacro -%}

{%- macro write_to_file(relation, location, options) -%}
  {%- call statement('write_to_file') -%}
    copy {{ relation }} to '{{ location }}' ({{ options }})
  {%- endcall -%}
{%- endmacro -%}

{%- macro store_relation(plugin, relation, location, format, config) -%}
  {%- do tf_refuse_plugin(plugin) -%}
{%- endmacro -%}

{%- macro tf_refuse_plugin(plugin) -%}
  {%- do exceptions.raise_compiler_error('plugin `' ~ plugin ~ '` is Python code of dbt-duckdb, which tform does not run; write the file and register it with a hook instead') -%}
{%- endmacro -%}

{#- The `options` config with its Jinja rendered, and the two older settings. -#}
{%- macro render_write_options(config) -%}
  {%- set given = config.get('options', {}) -%}
  {%- if given is not mapping -%}
    {%- do exceptions.raise_compiler_error('The options argument must be a dictionary') -%}
  {%- endif -%}
  {%- set rendered = {} -%}
  {%- for name, value in given.items() -%}{%- do rendered.update({name: render(value)}) -%}{%- endfor -%}
  {%- for name in ['format', 'delimiter'] if config.get(name) -%}
    {%- do rendered.update({name: render(config.get(name))}) -%}
  {%- endfor -%}
  {{ return(rendered) }}
{%- endmacro -%}

{#- Completes the options with what the location's extension says. -#}
{%- macro tf_write_options(location, rendered) -%}
  {%- set options = rendered.copy() -%}
  {%- if 'format' not in options -%}
    {%- set extensions = location.split('/')[-1].lower().split('.')[1:] -%}
    {%- set packing = {'gz': 'gzip', 'zst': 'zstd'}.get(extensions[-1] if extensions else '') -%}
    {%- set named = (extensions[:-1] if packing else extensions) | last -%}
    {%- do options.update({'format': named or ('csv' if 'delimiter' in options else 'parquet')}) -%}
    {%- if packing and named -%}{%- do options.setdefault('compression', packing) -%}{%- endif -%}
  {%- endif -%}
  {%- if options['format'] == 'csv' -%}{%- do options.setdefault('header', 1) -%}{%- endif -%}
  {{ return(options) }}
{%- endmacro -%}

{#- The options as `copy` takes them. -#}
{%- macro tf_option_list(options) -%}
  {%- set written = [] -%}
  {%- for name, value in options.items() -%}
    {%- set text = value | string -%}
    {%- if name | lower in ['delimiter', 'quote', 'escape', 'null'] and not text.startswith("'") -%}
      {%- set text = "'" ~ text ~ "'" -%}
    {%- elif name == 'partition_by' and ',' in text and not text.startswith('(') -%}
      {%- set text = '(' ~ text ~ ')' -%}
    {%- endif -%}
    {%- do written.append(name ~ ' ' ~ text) -%}
  {%- endfor -%}
  {{ return(written | join(', ')) }}
{%- endmacro -%}

{%- macro tf_external_format(options) -%}
  {%- set known = ['csv', 'parquet', 'json'] -%}
  {%- set asked = config.get('format') -%}
  {%- if asked and asked not in known -%}
    {%- do exceptions.raise_compiler_error('Invalid format: ' ~ asked ~ '. Allowed formats are: ' ~ known | join(', ')) -%}
  {%- endif -%}
  {%- set written = options['format'] | lower -%}
  {{ return(asked or (written if written in known else 'parquet')) }}
{%- endmacro -%}

{#- `read_parquet('...', option=value)` and its kin. -#}
{%- macro tf_reader(format, location, options) -%}
  {%- set defaults = {'union_by_name': False} if format == 'parquet' else {'auto_detect': True} -%}
  {%- set reading = config.get(format ~ '_read_options', defaults).copy() -%}
  {%- if options.get('compression') and format != 'parquet' -%}
    {%- do reading.setdefault('compression', options['compression']) -%}
  {%- endif -%}
  {%- set arguments = ["'" ~ tf_read_location(location, options) ~ "'"] -%}
  {%- for name, value in reading.items() -%}
    {%- do arguments.append(name ~ '=' ~ ("'" ~ value ~ "'" if value is string else value)) -%}
  {%- endfor -%}
  {{ return('read_' ~ format ~ '(' ~ arguments | join(', ') ~ ')') }}
{%- endmacro -%}

{#- One folder level for each partition column. -#}
{%- macro tf_read_location(location, options) -%}
  {%- set partitions = (options.get('partition_by') or '') | string -%}
  {%- if not partitions and not options.get('per_thread_output') -%}{{ return(location) }}{%- endif -%}
  {%- set levels = partitions.split(',') | length if partitions else 0 -%}
  {{ return(location ~ tf_repeat('/*', levels + 1, '') ~ '.' ~ options.get('format', 'parquet')) }}
{%- endmacro -%}

{#- Some formats cannot hold an empty table, so it gets a row of nulls, which
    the view's filter, given back here, leaves out. -#}
{%- macro tf_give_an_empty_file_a_row(rows) -%}
  {%- if run_query('select count(*) from (select 1 from ' ~ rows ~ ' limit 1) as first_row').rows[0][0] > 0 -%}
    {{ return('') }}
  {%- endif -%}
  {%- set names = get_list_of_column_names(adapter.get_columns_in_relation(rows)) -%}
  {%- call statement('fill_empty_table') -%}
    insert into {{ rows }} values ({{ tf_repeat('null', names | length, ', ') }})
  {%- endcall -%}
  {%- set tests = [] -%}
  {%- for name in names -%}{%- do tests.append(adapter.quote(name) ~ ' is not null') -%}{%- endfor -%}
  {{ return('where ' ~ tests | join(' or ')) }}
{%- endmacro -%}

{#- For an on-run-start hook: a view for each unselected external parent, so
    that a fresh database can read what earlier runs wrote. -#}
{%- macro register_upstream_external_models() -%}
  {%- if execute -%}
    {%- set made = [] -%}
    {%- for id in selected_resources if id in graph['nodes'] -%}
      {%- for parent in graph['nodes'][id]['depends_on']['nodes'] if parent not in made and parent not in selected_resources -%}
        {%- do made.append(parent) -%}
        {%- do tf_register_external(graph['nodes'].get(parent)) -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- if made -%}{%- do adapter.commit() -%}{%- endif -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro tf_register_external(node) -%}
  {%- if node and node.resource_type in ['model', 'seed'] and node.config.materialized == 'external' -%}
    {%- set view = api.Relation.create(database=node['database'], schema=node['schema'], identifier=node['alias']) -%}
    {%- set location = render(node.config.get('location', external_location(view, node.config))) -%}
    {%- set source_files = tf_read_location(location, render_write_options(node.config)) -%}
    {%- call statement('main') -%}
      create schema if not exists {{ view.without_identifier() }};
      create or replace view {{ view }} as (select * from '{{ source_files }}');
    {%- endcall -%}
  {%- endif -%}
{%- endmacro -%}
