// Runs the tests of the site's parts (`tests/*.test.tsx`) in node, and ends as cargo does.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
// What the modules ask of a browser when they are loaded.
globalThis.window = globalThis;
globalThis.document = { currentScript: null, documentElement: { dataset: {} }, getElementById: () => null };
Object.defineProperty(globalThis, 'navigator', { value: { language: 'en' }, configurable: true });
const tests = [];
globalThis.test = (name, body) => tests.push([name, body]);

const scratch = await mkdtemp(join(tmpdir(), 'tform-site-tests-'));
for (const file of (await readdir(join(here, 'tests'))).filter((it) => /\.test\.tsx?$/.test(it)).sort()) {
  const outfile = join(scratch, file.replace(/\.tsx?$/, '.mjs'));
  await esbuild.build({ absWorkingDir: here, entryPoints: [`tests/${file}`], bundle: true, format: 'esm', platform: 'node', outfile, jsx: 'automatic', jsxImportSource: 'preact', loader: { '.css': 'empty' }, logLevel: 'warning' });
  await import(pathToFileURL(outfile).href);
}
await rm(scratch, { recursive: true });
let failed = 0;
for (const [name, body] of tests) {
  try {
    await body();
    console.log(`test ${name} ... ok`);
  } catch (problem) {
    failed++;
    console.log(`test ${name} ... FAILED\n${problem.stack ?? problem}`);
  }
}
console.log(`\ntest result: ${failed ? 'FAILED' : 'ok'}. ${tests.length - failed} passed; ${failed} failed; 0 ignored`);
process.exitCode = failed || !tests.length ? 1 : 0;
