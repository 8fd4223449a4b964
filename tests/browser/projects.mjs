// The projects whose sites the browser opens, each in a folder of its own.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export function tform(binary, folder, ...words) {
  const environment = { ...process.env, NO_COLOR: '1', HOME: folder };
  try {
    return execFileSync(binary, words, { cwd: folder, env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (problem) {
    throw new Error(`tform ${words.join(' ')}:\n${problem.stdout}${problem.stderr}`);
  }
}

/** The example at the root of the repository, built on DuckDB. */
export async function example(binary, folder) {
  await mkdir(folder, { recursive: true });
  for (const name of ['data', 'macros', 'models', 'seeds', 'snapshots', 'dbt_project.yml', 'profiles.yml', 'tform.yml']) await cp(join(root, name), join(folder, name), { recursive: true });
  tform(binary, folder, 'build', '--quiet');
  tform(binary, folder, 'freshness', '--quiet');
  // The results of the rest are known from the run before.
  tform(binary, folder, 'run', '--quiet', '--select', 'stg_flights');
  tform(binary, folder, 'docs', 'generate', '--quiet', '--static');
  return join(folder, 'target', 'tform');
}

/** Texts that try to become markup, scripts, styles or requests. */
export const ATTACKS = [
  '<script>window.hacked=1</script>', '<img src=x onerror=window.hacked=1>', '"><svg/onload=window.hacked=1>', "';window.hacked=1;//", '</script><script>window.hacked=1</script>', '<!--<script>window.hacked=1//-->', '[x](javascript:window.hacked=1)', '![x](https://evil.example/x.png)', '<iframe src="https://evil.example"></iframe>', '{{constructor.constructor("window.hacked=1")()}}', '<style>@import "https://evil.example/x.css"</style>', '<base href="https://evil.example/">', '\u2028window.hacked=1', '__proto__', '<a href="javascript:window.hacked=1">x</a>',
];

/** JSON that is YAML too: there, some letters break lines. */
function ascii(value) {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

async function write(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** A project in which every text is an attack; colors that are none are refused before they get to a page. */
export async function hostile(binary, folder) {
  const all = ATTACKS.join('\n\n');
  const quoted = JSON.stringify;
  const columns = ATTACKS.map((attack) => ({ name: attack, description: attack, data_type: 'text', tags: [attack], meta: { [attack]: attack } }));
  await write(folder, {
    'dbt_project.yml': "name: hostile\nversion: '1.0'\nflags: {require_resource_names_without_spaces: false}\n",
    'models/<img src=x onerror=window.hacked=1>.sql': `{{ config(tags=[${quoted('<script>window.hacked=1</script>')}]) }}\n-- ${ATTACKS[4]}\nselect 1 as id, ${ATTACKS.map((attack, at) => `'${attack.replaceAll("'", "''").replaceAll('{', '(')}' as "c${at}"`).join(', ')}`,
    'models/good.sql': 'select id as "<svg onload=window.hacked=1>" from {{ ref("<img src=x onerror=window.hacked=1>") }}',
    'models/models.yml': ascii({
      models: [
        { name: '<img src=x onerror=window.hacked=1>', description: all.replaceAll('{{', '{ {'), meta: { owner: ATTACKS[1], [ATTACKS[2]]: ATTACKS[3] }, docs: { node_color: '#c0ffee' }, columns: columns.map((column) => JSON.parse(JSON.stringify(column).replaceAll('{{', '{ {'))) },
        { name: 'good', description: 'links [ok](https://example.org) ![pixel](https://evil.example/p.png)', columns: [{ name: '<svg onload=window.hacked=1>', data_tests: [{ accepted_values: { arguments: { values: ATTACKS.map((it) => it.replaceAll('{{', '{ {')) } } }] }] },
      ],
      exposures: [{ name: 'board', type: 'dashboard', url: 'javascript:window.hacked=1', label: ATTACKS[0], description: ATTACKS[1], owner: { name: ATTACKS[2], email: ATTACKS[3] }, depends_on: ["ref('good')"] }],
      sources: [{ name: 'raw', description: ATTACKS[1], tables: [{ name: 'orders', description: ATTACKS[4], loaded_at_field: ATTACKS[1] }] }],
      groups: [{ name: 'group', owner: { name: ATTACKS[0], email: 'a@b.c' } }],
    }),
    'models/overview.md': `{% docs __overview__ %}\n${all.replaceAll('{{', '{ {')}\n{% enddocs %}\n`,
    'macros/m.sql': `{% macro evil(a) %}</script><script>window.hacked=1</script>{% endmacro %}`,
  });
  tform(binary, folder, 'compile', '--quiet');
  tform(binary, folder, 'docs', 'generate', '--quiet', '--no-compile', '--empty-catalog', '--static');
  return join(folder, 'target');
}

/** A hub with 500 neighbours, in a project of a few layers. */
export async function hub(binary, folder) {
  const files = { 'dbt_project.yml': "name: hub\nversion: '1.0'\n", 'models/staging/center.sql': 'select 1 as id' };
  for (let at = 0; at < 500; at++) files[`models/marts/area_${at % 20}/mart_${at}.sql`] = "select id from {{ ref('center') }}";
  await write(folder, files);
  tform(binary, folder, 'docs', 'generate', '--quiet', '--no-compile', '--empty-catalog');
  return join(folder, 'target');
}
