// Builds the site's program and style into `dist`, which tform holds in its binary.
// `--check` only says whether `dist` is what the source gives.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const LARGEST = 400_000; // bytes, compressed
const here = fileURLToPath(new URL('.', import.meta.url));
const check = process.argv.includes('--check');

const result = await esbuild.build({
  absWorkingDir: here,
  entryPoints: { app: 'src/main.tsx' },
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['es2022'],
  charset: 'utf8',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'inline',
  outdir: 'dist',
  write: false,
  logLevel: 'warning',
});

// The program also stands inside a page (`--static`), where `<!--` would begin a comment.
const made = (file) => result.outputFiles.find((it) => it.path.endsWith(file)).text.replaceAll('<!--', '\\x3C!--');

let bytes = 0;
for (const file of ['app.js', 'app.css']) {
  const text = made(file);
  if (!check) {
    await mkdir(`${here}dist`, { recursive: true });
    await writeFile(`${here}dist/${file}`, text);
  }
  bytes += gzipSync(text).length;
  if (check && (await readFile(`${here}dist/${file}`, 'utf8')) !== text) {
    console.error(`docs_site/dist/${file} is not what its source gives: run \`make docs-site\` and commit it`);
    process.exitCode = 1;
  }
}
console.log(`docs site: ${bytes} bytes compressed`);
if (bytes > LARGEST) {
  console.error(`that is more than ${LARGEST}`);
  process.exitCode = 1;
}
