// Opens dbt's own documentation page (`node docs_page.mjs ADDRESS`), goes to every kind of page and
// to the graph, and fails on anything that the console calls an error.
import assert from 'node:assert/strict';
import { open } from '../browser/browser.mjs';

const address = process.argv[2];
const browser = await open();
const { page, complaints } = browser;
// The page asks the outer world for letters and counts visits; neither is a matter of the artifacts.
await page.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
const missing = [];
page.on('response', (response) => { if (response.status() >= 400 && !/%7B%7B|%7Brequire/.test(response.url())) missing.push(response.url()); });
const manifest = await (await fetch(`${address}manifest.json`)).json();

try {
  const seen = new Set();
  const resources = [...Object.values(manifest.nodes), ...Object.values(manifest.sources), ...Object.values(manifest.exposures), ...Object.values(manifest.metrics)];
  for (const resource of resources) {
    if (seen.has(resource.resource_type) || ['operation', 'sql_operation'].includes(resource.resource_type)) continue;
    seen.add(resource.resource_type);
    await page.goto('about:blank');
    await page.goto(`${address}#!/${resource.resource_type}/${resource.unique_id}`);
    await page.locator('h1').filter({ hasText: resource.label ?? resource.name }).first().waitFor();
  }
  assert.ok(seen.has('model') && seen.has('source'), [...seen].join(' '));
  await page.goto('about:blank');
  await page.goto(`${address}#!/overview?g_v=1`);
  await page.locator('canvas').first().waitFor({ state: 'attached' });
  const outer = /^console warning|ERR_FAILED|^request: https?:|^failed: https?:\/\/(?!127\.0\.0\.1)/;
  // Before it is drawn, dbt's page asks for pictures by the names of its own template (`{{ getIcon(...) }}`).
  const template = /%7B%7B|%7Brequire|^console error: Failed to load resource/;
  assert.deepEqual(complaints.filter((it) => !outer.test(it) && !template.test(it)), []);
  assert.deepEqual(missing, []);
} finally {
  await browser.close();
}
