// Tests of what needs no browser: search, selection, drawing, Markdown, addresses, SQL.
import assert from 'node:assert/strict';
import type { VNode } from 'preact';
import { Site, type Core, type Text } from '../src/data';
import { withInSight } from '../src/graph';
import { layout } from '../src/layout';
import { between, sceneOf } from '../src/lineage';
import { Markdown, safeImage, safeLink } from '../src/markdown';
import { criticalPath } from '../src/quality';
import { href, parse } from '../src/router';
import { Search, distance, marks, matcher } from '../src/search';
import { select } from '../src/selector';
import { pieces } from '../src/sql';

declare const test: (name: string, body: () => void | Promise<void>) => void;

const LAYERS = ['raw', 'staging', 'analytics'];

/** A project of rows: kind, name, folder, layer, parents, and what else is set. */
function site(rows: [string, string, string, string, string[], Record<string, unknown>?][]): Site {
  const words = { kind: [] as string[], package: ['shop'], folder: [] as string[], schema: [''], materialized: [''], owner: [''], tag: [] as string[], status: [''], layer: LAYERS };
  const number = (list: string[], word: string) => { const at = list.indexOf(word); return at >= 0 ? at : list.push(word) - 1; };
  const names = rows.map((row) => row[1]);
  const core: Core = {
    project: { title: 'shop', name: 'shop', overview: '', adapter: '', generated: '', language: '', version: '', catalog: false }, shard: 128, texts: 1, words, id: [], name: names, file: [], about: [], kind: [], package: [], folder: [], schema: [], materialized: [], owner: [], layer: [], status: [],
    tags: {}, parents: [], columns: [], documented: [], tested: [], seconds: {}, started: {}, failures: {}, freshness: {}, rows: {}, changed: {}, color: {}, hidden: [], rank: [], order: [], folder_rank: [], folder_order: [], groups: [], run: null, runs: [], lineage: false,
  };
  rows.forEach(([kind, name, folder, layer, parents, more = {}], at) => {
    core.id.push(`${kind}.shop.${name}`); core.file.push(`${name}.sql`); core.about.push('');
    core.kind.push(number(words.kind, kind)); core.package.push(0); core.folder.push(number(words.folder, folder)); core.schema.push(0);
    core.materialized.push(number(words.materialized, (more.materialized as string) ?? '')); core.owner.push(number(words.owner, (more.owner as string) ?? '')); core.layer.push(LAYERS.indexOf(layer) + 1); core.status.push(number(words.status, (more.status as string) ?? ''));
    if (more.tags) core.tags[at] = (more.tags as string[]).map((tag) => number(words.tag, tag));
    if (more.seconds) core.seconds[at] = more.seconds as number;
    core.parents.push(parents.map((parent) => names.indexOf(parent))); core.columns.push(0); core.documented.push(0); core.tested.push(0); core.rank.push(0); core.order.push(at);
  });
  return new Site(core);
}

const shop = () => site([
  ['source', 'raw.orders', 'models/raw', 'raw', []],
  ['model', 'stg_orders', 'models/staging', 'staging', ['raw.orders'], { tags: ['daily'], materialized: 'view', seconds: 1 }],
  ['model', 'stg_customers', 'models/staging', 'staging', [], { materialized: 'view', seconds: 5 }],
  ['model', 'orders', 'models/marts', 'analytics', ['stg_orders', 'stg_customers'], { tags: ['daily'], materialized: 'table', owner: '정시성 팀', seconds: 2 }],
  ['exposure', 'board', 'models/marts', '', ['orders']],
  ['test', 'unique_orders_id', 'models/marts', '', ['orders'], { status: 'fail' }],
  ['model', 'alone', 'models/other', '', []],
]);
const names = (site: Site, nodes: Iterable<number>) => [...nodes].map((at) => site.name(at)).sort();

test('search_finds_names_by_substring_and_puts_the_whole_name_first', () => {
  const found = new Search(shop()).query('orders').map((hit) => hit.node);
  assert.equal(found[0], 3);
  assert.ok(found.includes(1) && found.includes(5) && found.indexOf(5) > found.indexOf(1), 'tests come last');
});

test('search_forgives_a_typing_error_in_a_name', () => {
  const found = new Search(shop()).query('stg_cutsomers');
  assert.equal(found[0].node, 2);
  assert.ok(found[0].typo);
  assert.deepEqual(new Search(shop()).query('custmo').map((hit) => hit.node), [2], 'while it is still typed');
  assert.deepEqual([distance('ordre', 'orders_daily', 1, true), distance('ordre', 'odd', 1, true)], [1, 2]);
  assert.deepEqual([distance('orders', 'ordres', 2), distance('orders', 'order', 1), distance('abc', 'xyz', 1)], [1, 1, 2]);
});

test('search_finds_hangul_inside_words_while_typing_and_by_first_consonants', () => {
  const search = new Search(shop());
  const texts: Text[] = [['d', '항공사별 월간 정시도착률. Punctuality', [3], []], ['c', '결항이면 비어 있습니다', [1, 3], ['delay', 'mean_delay']], ['s', 'select 1 -- 정시', [2], []]];
  search.addTexts(texts);
  for (const [query, expected] of [['정시', [3, 2]], ['도착률', [3]], ['월간 정시', [3]], ['저', [3, 2]], ['ㅈㅅ', [3, 2]], ['결하', [3, 1]], ['결항 punct', [3]], ['팀', [3]], ['정지', []]] as [string, number[]][]) {
    const found = search.query(query).map((hit) => hit.node);
    assert.deepEqual([...found].sort(), [...expected].sort(), query);
  }
  assert.equal(search.query('결항')[0].column, 'mean_delay');
  assert.ok(search.complete);
});

test('search_narrows_by_field_and_needs_every_word', () => {
  const search = new Search(shop());
  search.addTexts([['s', 'select amount from orders', [2], []], ['n', 'amount', [3], []]]);
  const found = (query: string) => search.query(query).map((hit) => hit.node);
  assert.deepEqual(found('tag:daily').sort(), [1, 3]);
  assert.deepEqual(found('sql:amount'), [2]);
  assert.deepEqual(found('column:amount'), [3]);
  assert.deepEqual(found('tag:daily stg'), [1]);
  assert.deepEqual(found('type:exposure'), [4]);
  assert.deepEqual(found('no such thing'), []);
});

test('strange_queries_do_no_harm', () => {
  const search = new Search(shop());
  search.addTexts([['d', 'a (b) [c] ^d$ \\e', [3], []]]);
  for (const query of ['(', '[', '\\', '.*', '정(', '[ㄱ', 'tag:', ':', '^d$', '\u0000', '\ud800', '한'.repeat(500)]) search.query(query);
  assert.deepEqual(search.query('(b)').map((hit) => hit.node), [3]);
  assert.deepEqual(matcher('정(')('x정(y'), [1, 2]);
});

test('marks_cover_what_matched', () => {
  assert.deepEqual(marks('Orders of orders', 'order'), [['Order', true], ['s of ', false], ['order', true], ['s', false]]);
  assert.deepEqual(marks('지연·결항 현황', '결항'), [['지연·', false], ['결항', true], [' 현황', false]]);
});

test('selection_follows_dbts_syntax', () => {
  const project = shop();
  const check = (text: string, expected: string[]) => assert.deepEqual(names(project, select(project, text).nodes), [...expected].sort(), text);
  check('orders', ['orders']);
  check('+orders', ['orders', 'stg_orders', 'stg_customers', 'raw.orders']);
  check('1+orders', ['orders', 'stg_orders', 'stg_customers']);
  check('stg_orders+', ['stg_orders', 'orders', 'board', 'unique_orders_id']);
  check('@stg_orders', ['raw.orders', 'stg_orders', 'stg_customers', 'orders', 'board', 'unique_orders_id']);
  check('tag:daily,path:models/marts', ['orders']);
  check('tag:daily stg_customers', ['orders', 'stg_orders', 'stg_customers']);
  check('models/staging', ['stg_orders', 'stg_customers']);
  check('staging', ['stg_orders', 'stg_customers']);
  check('stg_* --exclude stg_orders', ['stg_customers']);
  check('source:raw+1', ['raw.orders', 'stg_orders']);
  check('config.materialized:table', ['orders']);
  check('layer:staging', ['stg_orders', 'stg_customers']);
  check('result:fail', ['unique_orders_id']);
  assert.equal(select(project, 'nobody').problem, 'nobody');
  assert.equal(select(project, 'method:x').problem, 'method');
});

test('drawings_go_from_left_to_right_and_nothing_covers_anything', () => {
  for (const count of [1, 7, 60]) {
    const items = Array.from({ length: count }, (_, at) => ({ key: String(at), width: 200, height: 44, rank: 0, order: at }));
    const edges = Array.from({ length: count * 2 }, (_, at) => ({ from: String((at * 7) % count), to: String((at * 13 + 5) % count) })).filter(({ from, to }) => Number(from) < Number(to));
    const { places, edges: lines } = layout(items, edges);
    for (const { from, to } of edges) assert.ok(places.get(from)!.x + 200 < places.get(to)!.x);
    const list = [...places.values()];
    for (const a of list) for (const b of list) if (a !== b && a.column === b.column) assert.ok(a.y + a.height <= b.y + 0.01 || b.y + b.height <= a.y + 0.01);
    for (const { points } of lines) assert.ok(points.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
  }
});

test('groups_that_need_each_other_are_drawn_too', () => {
  const items = ['a', 'b', 'c'].map((key, at) => ({ key, width: 100, height: 40, rank: at, order: at }));
  const { places, edges } = layout(items, [{ from: 'a', to: 'b' }, { from: 'b', to: 'c' }, { from: 'c', to: 'a' }]);
  assert.equal(places.size, 3);
  assert.deepEqual(edges.map(({ from, to }) => from + to).sort(), ['ab', 'bc', 'ca']);
});

test('large_selections_fold_by_folder_and_open_again', () => {
  const rows = Array.from({ length: 400 }, (_, at) => ['model', `m${at}`, `models/area_${at % 8}`, '', at ? [`m${at - 1}`] : []] as [string, string, string, string, string[]]);
  const project = site(rows);
  const wish = { nodes: new Set(rows.keys()), by: 'layer' as const, collapse: '', opened: new Set<string>(), focus: 3 };
  const folded = sceneOf(project, wish);
  assert.equal(folded.boxes.length, 9, 'eight folders and the focus');
  assert.ok(folded.lines.every((line) => line.from !== line.to));
  const opened = sceneOf(project, { ...wish, opened: new Set(['models/area_0']) });
  assert.equal(opened.boxes.length, 8 + 50);
});

test('paths_and_the_critical_path_are_found', () => {
  const project = shop();
  const { nodes, path } = between(project, 0, 4);
  assert.deepEqual([names(project, nodes), path.map((at) => project.name(at))], [['board', 'orders', 'raw.orders', 'stg_orders'], ['raw.orders', 'stg_orders', 'orders', 'board']]);
  assert.deepEqual(between(project, 4, 0).path, []);
  const critical = criticalPath(project);
  assert.deepEqual([names(project, critical.nodes), critical.time], [['orders', 'stg_customers'], 7]);
  project.core.run = { command: 'run', at: '2026-01-02T00:00:00Z', seconds: 10 };
  Object.assign(project.core.started, { 1: '2026-01-01T23:59:55Z', 2: '2026-01-01T08:00:00Z', 3: '2026-01-01T23:59:57Z' });
  const last = criticalPath(project);
  assert.deepEqual([names(project, last.nodes), last.time], [['orders', 'stg_orders'], 3], 'what an earlier run did is left out');
});

test('links_and_images_lead_only_where_they_may', () => {
  for (const good of ['https://example.org/x', 'http://x', 'mailto:a@b.c', '#/node/x', '#!/model/model.a.b', ' https://x ']) assert.ok(safeLink(good), good);
  for (const bad of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' java\tscript:alert(1)', '\u0001javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '//evil.example', 'x', '', 'https:evil', 'blob:x', 'java\u200bscript:alert(1)']) assert.equal(safeLink(bad), null, bad);
  for (const good of ['assets/a.png', './assets/b/c.svg', '/assets/한글.png']) assert.ok(safeImage(good), good);
  for (const bad of ['https://evil/x.png', '//evil/assets/x.png', 'assets/../../x', 'assets/..', 'data:image/png;base64,x', 'assets\\x', 'other/x.png', 'assets/x.png?track', 'javascript:assets/x']) assert.equal(safeImage(bad), null, bad);
});

/** Every element and every text that a tree of nodes holds; components are called. */
function walk(node: unknown, elements: { type: string; props: Record<string, unknown> }[], texts: string[]): void {
  if (node === null || node === undefined || typeof node === 'boolean') return;
  if (Array.isArray(node)) { node.forEach((it) => walk(it, elements, texts)); return; }
  if (typeof node !== 'object') { texts.push(String(node)); return; }
  const { type, props } = node as VNode<Record<string, unknown>>;
  if (typeof type === 'function' && type.length > 0 && type.name === 'Markdown') { walk((type as (props: unknown) => unknown)(props), elements, texts); return; }
  if (typeof type === 'string') elements.push({ type, props });
  walk((props as { children?: unknown }).children, elements, texts);
}

const ATTACKS = [
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '[x](javascript:alert(1))', '[x](<java\nscript:alert(1)>)', '![x](https://evil.example/x.png)', '[x](data:text/html;base64,PHNjcmlwdD4=)', '<svg/onload=alert(1)>', '<iframe src="https://evil.example"></iframe>', '<a href="javascript:alert(1)">x</a>',
  '[a]: javascript:alert(1)\n\n[x][a]', '<javascript:alert(1)>', '`<script>alert(1)</script>`', '```html\n<script>alert(1)</script>\n```', '| a |\n|---|\n| <img src=x onerror=alert(1)> |', '&lt;script&gt;', '<style>*{background:url(https://evil.example)}</style>', '[x](&#106;avascript:alert(1))', '<math><mi xlink:href="data:x,<script>"></math>', '<!--><script>alert(1)</script>-->', '[![x](javascript:a)](javascript:b)',
];

test('no_description_becomes_markup', () => {
  for (const attack of ATTACKS) {
    const elements: { type: string; props: Record<string, unknown> }[] = [];
    walk(<Markdown text={attack} />, elements, []);
    for (const { type, props } of elements) {
      assert.ok(!['script', 'iframe', 'object', 'embed', 'style', 'svg', 'math', 'form', 'link', 'meta', 'base'].includes(type), `${attack}: <${type}>`);
      assert.ok(!('dangerouslySetInnerHTML' in props), attack);
      for (const [key, value] of Object.entries(props)) {
        assert.ok(!/^on/i.test(key), `${attack}: ${key}`);
        if (key === 'href') assert.ok(safeLink(String(value)), `${attack}: ${value}`);
        if (key === 'src') assert.ok(safeImage(String(value)), `${attack}: ${value}`);
      }
    }
  }
});

test('markdown_keeps_what_people_write', () => {
  const texts: string[] = [];
  const elements: { type: string; props: Record<string, unknown> }[] = [];
  walk(<Markdown text={'# 제목\n\nOne **two** `a < b` &amp; [three](https://x.org) a<br>b\n\n- [ ] four\n\n| h |\n|---|\n| c |\n\n<b>plain</b>'} />, elements, texts);
  const types = elements.map((it) => it.type);
  for (const type of ['h2', 'strong', 'code', 'a', 'br', 'ul', 'li', 'table', 'th', 'td']) assert.ok(types.includes(type), type);
  assert.ok(texts.join('').includes('a < b') && texts.join('').includes('&') && texts.join('').includes('<b>'), texts.join('|'));
});

test('addresses_come_back_as_they_were_and_dbts_are_understood', () => {
  const address = href('node', ['model.a/b.한글 %?#'], { column: 'x&y=z', tab: undefined });
  const route = parse(address);
  assert.deepEqual([route.page, route.words, route.query.get('column')], ['node', ['model.a/b.한글 %?#'], 'x&y=z']);
  assert.deepEqual(parse('#!/model/model.shop.orders?g_v=1').words, ['model.shop.orders']);
  assert.equal(parse('').page, '');
  assert.deepEqual(parse('#/node/%E0%A4%A').words, ['%E0%A4%A']);
});

test('colouring_sql_loses_no_letter', () => {
  const code = "{{ config(a='b') }}\n-- 설명 {{ x }}\nselect a, 'it''s', \"q\", 1.5, sum(x) /* c */ from {{ ref('y') }} where z = $$x$$ {% if a %} and b {% endif %} {# ha #} '";
  assert.equal(pieces(code).map(([, text]) => text).join(''), code);
  assert.ok(pieces(code).some(([kind, text]) => kind === 'keyword' && text === 'select'));
  assert.ok(pieces(code).some(([kind, text]) => kind === 'function' && text === 'sum'));
  assert.ok(pieces(code).some(([kind, text]) => kind === 'comment' && text.includes('{{ x }}')));
});

test('what an expansion brings comes into sight, and what it came from stays there', () => {
  const box = (x: number, y = 100) => ({ x, y, width: 200, height: 40 });
  const size = { width: 1000, height: 500 };
  const view = { x: 0, y: 0, k: 1 };
  // In sight already, or nothing new: nothing moves.
  assert.deepEqual(withInSight(view, [box(500)], box(200), size), view);
  assert.deepEqual(withInSight(view, [], box(200), size), view);
  // Behind the right rim: just so far that it is seen.
  assert.deepEqual(withInSight(view, [box(900), box(900, 160)], box(600), size), { x: 1000 - 24 - 1100, y: 0, k: 1 });
  // Never so far that the origin leaves at the left.
  assert.equal(withInSight(view, [box(5000)], box(300), size).x, 24 - 300);
  // Before the left rim, and below the lower one, at half the size.
  assert.equal(withInSight({ x: 0, y: 0, k: 0.5 }, [box(-400)], box(0), size).x, 224);
  assert.equal(withInSight({ x: 0, y: 0, k: 0.5 }, [box(100, 1200)], box(0, 1000), size).y, 500 - 24 - 620);
});
