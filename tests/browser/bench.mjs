// How fast a site opens and answers: `node bench.mjs FOLDER [HUB]`, where FOLDER holds its index.html,
// and HUB that of a project in which 500 models read the model `center`.
// First paint is told by the browser; search is from the letter to the list, texts loaded.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { open } from './browser.mjs';

const address = pathToFileURL(join(resolve(process.argv[2]), 'index.html')).href;
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const report = (name, times, limit) => console.log(`${name.padEnd(44)} ${median(times).toFixed(0).padStart(6)} ms (at most ${limit} ms)`);

const { page, complaints, close } = await open();
const [paints, ready] = [[], []];
for (let run = 0; run < 5; run++) {
  await page.goto('about:blank');
  await page.goto(`${address}#/`);
  await page.waitForSelector('html[data-ready]');
  const times = await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done([performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now(), performance.now()])))));
  paints.push(times[0]);
  ready.push(times[1]);
}
report('first paint of the home page', paints, 1000);
report('home page drawn', ready, 1000);
await page.keyboard.press('/');
await page.fill('dialog.search input', 'warm');
const began = Date.now();
await page.waitForSelector('#hits[data-complete=true]', { state: 'attached', timeout: 60_000 });
console.log(`all texts read after ${Date.now() - began} ms`);
for (const word of ['model_00042', 'measure_07', 'made for measuring', 'modle_00042', 'm', 'parent_id of model 77', '정시']) {
  const times = [];
  for (let run = 0; run < 5; run++) {
    await page.fill('dialog.search input', '');
    await page.fill('dialog.search input', word);
    times.push(Number(await page.locator('#hits').getAttribute('data-took')));
  }
  report(`search for \`${word}\` (${await page.locator('#hits li').count()} hits)`, times, 50);
}
await page.keyboard.press('Escape');
for (const [name, hash, selector] of [['lineage of everything, folded', '#/lineage', '.canvas .box'], ['lineage of everything, unfolded', '#/lineage?collapse=none', '.canvas canvas'], ['a model\'s page', '#/node/model.bench.model_05000', 'table.columns tr'], ['quality', '#/quality', '.cards'], ['explore', '#/browse', 'table.list tr']]) {
  const from = Date.now();
  await page.evaluate((it) => { location.hash = it; }, hash);
  await page.locator(selector).first().waitFor({ timeout: 60_000, state: 'attached' });
  console.log(`${name.padEnd(44)} ${String(Date.now() - from).padStart(6)} ms`);
}
if (process.argv[3]) {
  const hub = pathToFileURL(join(resolve(process.argv[3]), 'index.html')).href;
  for (const [name, hash, selector] of [['folded', '', '.canvas .box.group'], ['unfolded', '?collapse=none', '.canvas .box']]) {
    await page.goto('about:blank');
    const from = Date.now();
    await page.goto(`${hub}#/lineage/model.hub.center${hash}`);
    await page.locator(selector).first().waitFor({ state: 'attached' });
    report(`a hub with 500 neighbours, ${name}`, [Date.now() - from], 1000);
    await page.getByRole('button', { name: 'Fit' }).click();
    await page.locator('.canvas .graph').hover();
    // Each step of the wheel is drawn before the next is taken.
    const frames = [];
    for (let at = 0; at < 20; at++) {
      const begun = await page.evaluate(() => performance.now());
      await page.mouse.wheel(0, at % 2 ? 240 : -240);
      frames.push(await page.evaluate((begun) => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)))), begun));
    }
    report('  a step of zooming', frames, 100);
  }
}
if (complaints.length) { console.log(complaints.join('\n')); process.exitCode = 1; }
await close();
