// Browser tests of the documentation site: `node run.mjs TFORM [FILTER]`. Pages are opened from
// disk in a headless chromium; pictures are kept in `target/browser`, or the folder that
// `TFORM_PICTURES` names. Ends as cargo does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { open } from './browser.mjs';
import { example, hostile, hub, tform } from './projects.mjs';

const [binary, filter = ''] = process.argv.slice(2);
const pictures = process.env.TFORM_PICTURES ?? fileURLToPath(new URL('../../target/browser', import.meta.url));
const scratch = await mkdtemp(join(tmpdir(), 'tform-sites-'));
await mkdir(pictures, { recursive: true });

const made = new Map();
/** The site of a project, made once. */
function site(make) {
  if (!made.has(make)) made.set(make, make(binary, join(scratch, make.name)));
  return made.get(make);
}

const tests = [];
const test = (name, options, body) => tests.push({ name, options, body });

/** Goes to an address of the site and waits until it is drawn. */
async function visit(page, folder, hash = '#/', file = 'index.html') {
  await page.goto('about:blank');
  await page.goto(pathToFileURL(join(folder, file)).href + hash);
  await page.waitForSelector('html[data-ready]');
}

/** Reads until the answer is as wished, for pages draw a moment after a click; then, or after ten seconds, `check` judges. */
async function settles(read, wished, check = (answer) => assert.ok(answer)) {
  let answer = await read();
  for (const end = Date.now() + 10_000; !wished(answer) && Date.now() < end; answer = await read()) await new Promise((next) => setTimeout(next, 20));
  check(answer);
}

/** Waits until what is read equals `expected`. */
const becomes = (read, expected, message) => settles(read, (it) => it === expected, (it) => assert.equal(it, expected, message));

/** Waits until the text of an element matches. */
const reads = (locator, pattern) => settles(() => locator.textContent(), (it) => pattern.test(it), (it) => assert.match(it, pattern));

async function search(page, words) {
  await page.keyboard.press('/');
  await page.fill('dialog.search input', words);
  await page.waitForSelector('#hits[data-complete=true]', { state: 'attached' });
  return page.locator('#hits li b').allTextContents();
}

test('the_home_page_shows_layers_in_order', {}, async ({ page, shot }) => {
  const folder = await site(example);
  await visit(page, folder);
  const layers = await page.locator('.layer-card h3 a').allTextContents();
  assert.deepEqual(layers.filter((it) => ['raw', 'staging', 'analytics', 'Exposures'].includes(it)), ['raw', 'staging', 'analytics', 'Exposures']);
  await page.locator('.state.pass').first().waitFor();
  await page.getByText('Flights out of New York').waitFor();
  await shot('home');
});

test('search_finds_as_one_types_and_the_keyboard_opens', {}, async ({ page, shot }) => {
  await visit(page, await site(example));
  assert.equal((await search(page, 'stg_fli'))[0], 'stg_flights');
  assert.equal((await search(page, 'carier_fleets'))[0], 'carrier_fleets', 'typing errors');
  assert.ok((await search(page, 'tail_number')).includes('stg_planes'), 'columns');
  await search(page, 'airport days');
  await shot('search');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/node\/model\.nycflights\.airport_days/);
  await becomes(() => page.locator('dialog').count(), 0);
  await page.goBack();
  await page.locator('.layers').waitFor();
});

test('hangul_is_found_by_substring', {}, async ({ page, shot }) => {
  await visit(page, await site(example));
  const found = await search(page, '정시');
  assert.ok(found.includes('carrier_punctuality_monthly'), found.join());
  assert.ok((await search(page, '결항')).length >= 2);
  assert.ok((await search(page, 'ㅈㅅ ㄷㅊㄹ')).includes('carrier_punctuality_monthly'), 'first consonants');
  await search(page, '결항이면');
  await becomes(() => page.locator('#hits mark').first().textContent(), '결항이면');
  await shot('search-hangul');
});

test('a_models_page_has_columns_tests_code_and_results', {}, async ({ page, shot }) => {
  await visit(page, await site(example), '#/node/model.nycflights.stg_flights');
  const row = page.locator('#column-flight_id');
  await row.waitFor();
  await reads(row, /varchar.*unique/s);
  await reads(page.locator('.side'), /success/);
  await shot('model');
  await page.getByRole('tab', { name: 'Compiled' }).click();
  await reads(page.locator('#code pre'), /^(?!.*\{\{)/s);
  await page.getByRole('tab', { name: 'Source' }).click();
  await page.locator('#code .sql-jinja a').first().click();
  await page.waitForURL(/#\/node\/source\./);
  await page.locator('h1', { hasText: 'flights' }).waitFor();
});

test('lineage_expands_one_step_at_a_time_and_goes_back', {}, async ({ page, shot }) => {
  const folder = await site(example);
  await visit(page, folder, '#/lineage/model.nycflights.stg_flights');
  const boxes = page.locator('.canvas .box');
  await boxes.first().waitFor();
  const before = await boxes.count();
  await page.locator('.box', { hasText: 'int_flights_with_weather' }).locator('[data-expand=after]').click();
  await page.waitForFunction((count) => document.querySelectorAll('.canvas .box').length > count, before);
  await page.waitForURL(/more=/);
  await page.locator('.panel', { hasText: 'int_flights_with_weather' }).waitFor();
  await shot('lineage-expanded');
  await page.goBack();
  await page.waitForFunction((count) => document.querySelectorAll('.canvas .box').length === count, before);
});

test('the_whole_lineage_can_be_seen_coloured_and_taken_along', {}, async ({ page, shot }) => {
  await visit(page, await site(example), '#/lineage');
  await page.locator('.canvas .box').first().waitFor();
  await settles(() => page.locator('.canvas .box').count(), (it) => it >= 15, (it) => assert.ok(it >= 15, `${it} boxes`));
  for (const colour of ['materialized', 'status', 'duration', 'layer']) await page.getByLabel('Colour').selectOption(colour);
  await shot('lineage');
  for (const [name, start] of [['SVG', '<svg'], ['PNG', '\x89PNG']]) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name, exact: true }).click()]);
    const stream = await download.createReadStream();
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).toString('latin1').startsWith(start), name);
  }
  await page.getByRole('button', { name: 'Table' }).click();
  await page.locator('.page-table tr', { hasText: 'carrier_fleets' }).first().waitFor();
});

test('selection_and_path_draw_what_they_say', {}, async ({ page, shot }) => {
  const folder = await site(example);
  await visit(page, folder, '#/lineage');
  await page.locator('input[name=select]').fill('+airport_days');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('.canvas .box').length === 3);
  await page.locator('input[name=from]').fill('stg_airlines');
  await page.locator('input[name=to]').fill('punctuality_dashboard');
  await page.keyboard.press('Enter');
  await page.locator('p.path', { hasText: 'punctuality_dashboard' }).waitFor();
  await page.locator('.line.on').first().waitFor({ state: 'attached' });
  await shot('path');
});

test('a_column_is_followed_in_both_directions', {}, async ({ page, shot }) => {
  const folder = await site(example);
  await visit(page, folder, '#/node/model.nycflights.stg_flights');
  await page.locator('#column-carrier_code th a').click();
  await page.waitForURL(/#\/column\//);
  await page.locator('.box .row.marked').waitFor();
  await reads(page.locator('section', { hasText: 'Where it comes from' }).last(), /flights\.carrier/);
  await reads(page.locator('section', { hasText: 'What a change would touch' }).last(), /carrier_punctuality_monthly/);
  await shot('column');
  await page.locator('.box', { hasText: 'int_flights_with_weather' }).locator('[data-row="0"]').click();
  await page.waitForURL(/int_flights_with_weather/);
  await page.locator('h1', { hasText: 'carrier_code' }).waitFor();
});

test('quality_tells_coverage_and_where_time_went', {}, async ({ page, shot }) => {
  await visit(page, await site(example), '#/quality');
  await page.locator('h2', { hasText: 'Critical path' }).waitFor();
  await page.locator('section', { hasText: 'Slowest' }).last().locator('tr').nth(3).waitFor();
  await reads(page.locator('section', { hasText: 'Coverage' }).first(), /staging/);
  await shot('quality');
});

test('everything_can_be_browsed_filtered_and_sorted', {}, async ({ page, shot }) => {
  await visit(page, await site(example), '#/browse');
  await page.locator('.toolbar label', { hasText: 'Layer' }).locator('select').selectOption('staging');
  await page.waitForURL(/layer=staging/);
  await page.locator('table.list tbody tr').nth(4).waitFor();
  await becomes(() => page.locator('table.list tbody tr').count(), 5);
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.waitForURL(/sort=columns/);
  await shot('browse');
});

test('dark_mode_follows_the_system_and_the_switch', { dark: true }, async ({ page, shot }) => {
  const folder = await site(example);
  await visit(page, folder, '#/node/model.nycflights.carrier_punctuality_monthly');
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await becomes(theme, 'dark');
  await page.locator('.graph .box').first().waitFor();
  await shot('dark');
  await page.locator('button.theme').click();
  await becomes(theme, 'light');
  await visit(page, folder);
  await becomes(theme, 'light', 'it is remembered');
});

test('the_interface_speaks_korean_to_korean_browsers', { language: 'ko-KR' }, async ({ page, shot }) => {
  const folder = await site(example);
  await visit(page, folder);
  await page.getByRole('link', { name: '계보', exact: true }).waitFor();
  await becomes(() => page.evaluate(() => document.documentElement.lang), 'ko');
  await shot('korean');
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('link', { name: 'Lineage', exact: true }).waitFor();
});

test('the_graph_can_be_walked_by_keyboard', {}, async ({ page }) => {
  await visit(page, await site(example), '#/lineage/model.nycflights.stg_flights');
  await page.locator('.canvas .box').first().waitFor();
  await page.locator('.canvas .graph').focus();
  await page.keyboard.press('ArrowRight');
  const panel = page.locator('.panel h2');
  await reads(panel, /^(?!\s*stg_flights\b)/);
  await page.keyboard.press('ArrowLeft');
  await page.locator('.panel h2', { hasText: 'stg_flights' }).waitFor();
  const before = await page.locator('.canvas .box').count();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('[');
  await page.waitForFunction((count) => document.querySelectorAll('.canvas .box').length !== count, before);
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/node\//);
});

test('the_page_is_reached_by_tab_and_skips_to_its_content', {}, async ({ page }) => {
  await visit(page, await site(example));
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await becomes(() => page.evaluate(() => document.activeElement.id), 'content');
  for (const dialog of ['Control+k', '/']) {
    await page.keyboard.press(dialog);
    await page.locator('dialog.search input').waitFor();
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog'));
  }
});

/** Contrast as WCAG 2.2 reckons it (1.4.3): every text on its ground. */
function contrasts() {
  const parse = (color) => { const parts = color.match(/[\d.]+/g).map(Number); return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 }; };
  const light = (rgb) => { const [r, g, b] = rgb.map((it) => { const share = it / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest('title, script, noscript, .skip, .visually-hidden')) continue;
    if (element.closest('svg')) {
      // In a drawing, the shape that stands before the text is its ground.
      const shape = element.parentElement.querySelector(':scope > .body, :scope > rect, :scope > circle');
      const [a, b] = [element, shape].map((it) => light(parse(getComputedStyle(it).fill).rgb));
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} drawn ${element.getAttribute('class') ?? ''}: ${text.data.trim().slice(0, 30)}`);
      continue;
    }
    let ground = element;
    while (ground && parse(getComputedStyle(ground).backgroundColor).alpha < 1) ground = ground.parentElement;
    const [a, b] = [light(parse(getComputedStyle(element).color).rgb), light(parse(getComputedStyle(ground ?? document.documentElement).backgroundColor).rgb)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${text.data.trim().slice(0, 30)}`);
  }
  return [...new Set(poor)];
}

for (const dark of [false, true]) {
  test(`texts_can_be_read_${dark ? 'in_the_dark' : 'in_the_light'}`, { dark }, async ({ page }) => {
    const folder = await site(example);
    for (const hash of ['#/', '#/browse', '#/node/model.nycflights.stg_flights', '#/quality', '#/lineage', '#/lineage?at=model.nycflights.stg_flights', '#/column/model.nycflights.stg_flights/carrier_code', '#/search?q=정시']) {
      await visit(page, folder, hash);
      await page.waitForTimeout(200);
      await settles(() => page.evaluate(contrasts), (poor) => !poor.length, (poor) => assert.deepEqual(poor, [], hash));
    }
  });
}

test('it_can_be_printed_from_the_dark_too', { dark: true }, async ({ page, shot }) => {
  await visit(page, await site(example), '#/node/model.nycflights.stg_flights');
  await page.locator('#column-flight_id').waitFor();
  await page.emulateMedia({ media: 'print' });
  await page.locator('.top').waitFor({ state: 'hidden' });
  await settles(() => page.evaluate(contrasts), (poor) => !poor.length, (poor) => assert.deepEqual(poor, []));
  await shot('print');
});

test('a_narrow_window_holds_every_page', { width: 390, height: 800 }, async ({ page, shot }) => {
  const folder = await site(example);
  for (const hash of ['#/', '#/browse', '#/node/model.nycflights.stg_flights', '#/quality', '#/lineage']) {
    await visit(page, folder, hash);
    await page.waitForTimeout(150);
    const [inner, scroll] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
    assert.ok(scroll <= inner + 1, `${hash}: ${scroll} > ${inner}`);
  }
  await shot('narrow');
});

test('one_page_holds_everything', {}, async ({ page }) => {
  const folder = await site(example);
  await visit(page, folder, '#/node/model.nycflights.stg_flights', 'static_index.html');
  await page.locator('#column-flight_id').waitFor();
  assert.ok((await search(page, '결항')).length >= 2);
});

test('the_page_works_where_only_dbts_three_files_are_carried_away', { deaf: true }, async ({ page, complaints }) => {
  const [folder, carried] = [await site(example), join(scratch, 'carried')];
  await mkdir(carried, { recursive: true });
  for (const file of ['index.html', 'manifest.json', 'catalog.json']) await copyFile(join(folder, file), join(carried, file));
  const works = async () => {
    await page.locator('#column-flight_id').waitFor();
    await reads(page.locator('#code pre'), /flight/);
    assert.ok((await search(page, '결항')).length >= 2);
    await page.keyboard.press('Escape');
  };
  await visit(page, carried, '#/node/model.nycflights.stg_flights');
  await works();
  assert.deepEqual(complaints, []);
  // Airflow's Cosmos serves these files, with a script of its own in the page's head.
  const served = createServer(async (request, response) => {
    const name = new URL(request.url, 'http://x').pathname.slice(1);
    if (!['index.html', 'manifest.json', 'catalog.json'].includes(name)) { response.writeHead(404).end(); return; }
    const text = await readFile(join(carried, name), 'utf8');
    response.writeHead(200, { 'Content-Type': name.endsWith('.html') ? 'text/html' : 'application/json' }).end(text.replace('</head>', '<script>window.framed = 1</script></head>'));
  }).listen(0, '127.0.0.1');
  try {
    await new Promise((done) => served.once('listening', done));
    await page.goto(`http://127.0.0.1:${served.address().port}/index.html#/node/model.nycflights.stg_flights`);
    await works();
    assert.ok(complaints.every((it) => it.includes('Content Security Policy')), complaints.join('\n'));
  } finally {
    served.close();
  }
});

test('a_model_shows_its_last_runs_and_how_fresh_it_is', {}, async ({ page, shot }) => {
  const folder = await site(example);
  await visit(page, folder, '#/node/model.nycflights.stg_flights');
  await becomes(() => page.locator('#runs tbody tr').count(), 2);
  await reads(page.locator('#runs tbody'), /success.*run.*success.*build/s);
  await visit(page, folder, '#/node/model.nycflights.stg_planes');
  await becomes(() => page.locator('#runs tbody tr').count(), 1, 'only the build had it');
  await reads(page.locator('.side'), /success/);
  await visit(page, folder, '#/node/model.nycflights.airport_days');
  await reads(page.locator('.side'), /Freshness.*fresh/s);
  await visit(page, folder);
  await reads(page.locator('section', { hasText: 'Last runs' }).locator('tbody').last(), /run.*build/s);
  await visit(page, folder, '#/quality');
  await page.locator('section', { hasText: 'Freshness' }).locator('a', { hasText: 'airport_days' }).first().waitFor();
  await shot('runs');
});

test('what_is_chosen_and_searched_has_an_address', {}, async ({ page }) => {
  const folder = await site(example);
  await visit(page, folder, '#/lineage');
  await page.locator('.box', { hasText: 'stg_planes' }).click();
  await page.waitForURL(/at=model\.nycflights\.stg_planes/);
  const address = page.url();
  await page.goto('about:blank');
  await page.goto(address);
  await page.locator('.panel h2', { hasText: 'stg_planes' }).waitFor();
  await page.locator('.panel-columns summary').click();
  await page.locator('.panel-columns a', { hasText: 'tail_number' }).click();
  await page.waitForURL(/#\/column\/model\.nycflights\.stg_planes\/tail_number/);
  await visit(page, folder, '#/search?q=airport_days');
  await becomes(() => page.locator('#hits li b').first().textContent(), 'airport_days');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => location.hash === '#/');
  await visit(page, folder, '#/node/model.nycflights.stg_flights?code=compiled');
  await reads(page.locator('#code pre'), /^(?!.*\{\{)/s);
});

test('addresses_of_dbts_page_lead_to_the_same_model', {}, async ({ page }) => {
  await visit(page, await site(example), '#!/model/model.nycflights.stg_flights');
  await page.locator('h1', { hasText: 'stg_flights' }).waitFor();
});

test('nothing_that_a_project_says_becomes_code', {}, async ({ page, shot, complaints }) => {
  const folder = await site(hostile);
  for (const file of ['index.html', 'static_index.html']) {
    await visit(page, folder, '#/', file);
    const ids = await page.evaluate(async () => { const links = [...document.querySelectorAll('a[href^="#/node/"]')]; return links.map((link) => link.getAttribute('href')); });
    const nodes = [...new Set([...ids, '#/node/exposure.hostile.board', '#/node/source.hostile.raw.orders', '#/node/macro.hostile.evil', '#/node/<img src=x onerror=window.hacked=1>'])];
    const pages = ['#/', '#/browse', '#/lineage', '#/lineage?color=project', '#/quality', '#/lineage?select=<img src=x onerror=window.hacked=1>', '#/column/model.hostile.good/<svg onload=window.hacked=1>', '#/browse?folder=<script>', '#/<script>', ...nodes];
    for (const hash of pages) {
      await visit(page, folder, hash, file);
      await page.waitForTimeout(120);
      const found = await page.evaluate(() => ({
        hacked: window.hacked,
        elements: [...document.querySelectorAll('#app script, iframe, object, embed, base, #app style, #app link, #app meta')].map((it) => it.outerHTML),
        handlers: [...document.querySelectorAll('#app *')].filter((it) => it.getAttributeNames().some((name) => name.startsWith('on'))).map((it) => it.outerHTML),
        links: [...document.querySelectorAll('#app a[href]')].map((it) => it.getAttribute('href')).filter((it) => !/^(#|https?:|mailto:)/.test(it)),
        images: [...document.querySelectorAll('#app img')].map((it) => it.getAttribute('src')).filter((it) => !it.startsWith('assets/')),
      }));
      assert.deepEqual(found, { hacked: undefined, elements: [], handlers: [], links: [], images: [] }, `${file}${hash}`);
    }
    await visit(page, folder, '#/', file);
    await search(page, 'hacked');
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    await page.keyboard.press('Escape');
    await page.goto('about:blank');
  }
  assert.deepEqual(complaints, []);
  await visit(page, folder);
  await shot('hostile');
});

test('the_policy_of_the_page_stops_what_would_get_through', { deaf: true }, async ({ page, complaints }) => {
  const folder = await site(example);
  for (const file of ['index.html', 'static_index.html']) {
    await visit(page, folder, '#/', file);
    const stopped = await page.evaluate(async () => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = 1';
      document.body.append(script);
      const style = document.createElement('div');
      style.setAttribute('style', 'color: red');
      const image = document.createElement('img');
      image.src = 'https://evil.example/x.png';
      document.body.append(image);
      let sent = true;
      try { await fetch('https://evil.example/'); } catch { sent = false; }
      return { ran: window.ran, sent };
    });
    assert.deepEqual(stopped, { ran: undefined, sent: false }, file);
  }
  assert.ok(complaints.some((it) => it.includes('Content Security Policy')));
});

test('a_hub_with_500_neighbours_stays_usable', {}, async ({ page, shot }) => {
  const folder = await site(hub);
  await visit(page, folder, '#/lineage/model.hub.center');
  await page.locator('.canvas .box').first().waitFor();
  await settles(() => page.locator('.canvas .box').count(), (it) => it < 60, (it) => assert.ok(it < 60, 'neighbours are folded'));
  await shot('hub');
  await page.locator('.box.group').first().click();
  await page.waitForFunction(() => document.querySelectorAll('.canvas .box').length > 30);
  await page.getByLabel('Collapse').selectOption('none');
  const begun = Date.now();
  await page.locator('.canvas .graph').waitFor();
  await page.locator('.canvas .graph').hover();
  for (let at = 0; at < 10; at++) await page.mouse.wheel(0, at % 2 ? 120 : -120);
  await page.waitForTimeout(50);
  assert.ok(Date.now() - begun < 5000);
  await shot('hub-open');
});

test('serve_shows_the_site_and_reloads_it_when_it_changes', {}, async ({ page }) => {
  const folder = await site(hub);
  const project = join(folder, '..');
  const server = spawn(binary, ['docs', 'serve', '--no-browser', '--port', '0'], { cwd: project, env: { ...process.env, NO_COLOR: '1' } });
  try {
    const address = await new Promise((resolve, reject) => {
      let text = '';
      server.stdout.on('data', (part) => { text += part; const found = /http:\/\/\S+/.exec(text); if (found && text.includes('Ctrl')) resolve(found[0]); });
      server.on('exit', () => reject(new Error(`the server ended: ${text}`)));
    });
    await page.goto(`${address}/#/node/model.hub.center`);
    await page.locator('h1', { hasText: 'center' }).waitFor();
    await page.evaluate(() => { window.old = true; });
    tform(binary, project, 'docs', 'generate', '--quiet', '--no-compile', '--empty-catalog');
    await page.waitForFunction(() => !window.old);
    await page.locator('h1', { hasText: 'center' }).waitFor();
  } finally {
    server.kill('SIGINT');
  }
});

let [passed, failed] = [0, 0];
for (const { name, options, body } of tests.filter((it) => it.name.includes(filter))) {
  const browser = await open(options);
  try {
    await body({ ...browser, shot: (picture) => browser.page.screenshot({ path: join(pictures, `${picture}.png`) }) });
    if (!options.deaf) assert.deepEqual(browser.complaints, [], 'the browser complains');
    passed++;
    console.log(`test ${name} ... ok`);
  } catch (problem) {
    failed++;
    console.log(`test ${name} ... FAILED\n${problem.stack ?? problem}\n${browser.complaints.join('\n')}`);
    await browser.page.screenshot({ path: join(pictures, `failed-${name}.png`) }).catch(() => undefined);
  } finally {
    await browser.close();
  }
}
await rm(scratch, { recursive: true, force: true });
console.log(`\ntest result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; 0 ignored; pictures are in ${pictures}`);
process.exitCode = failed || !passed ? 1 : 0;
