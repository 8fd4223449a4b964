// A headless chromium with an empty profile that is heard whenever it says or asks for anything.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

function executable() {
  return process.env.CHROMIUM ?? '/usr/bin/chromium';
}

/** Opens a browser; `complaints` collects console errors and every request that leaves the folder. */
export async function open({ language = 'en-US', dark = false, width = 1440, height = 900 } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'tform-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable(), headless: true, chromiumSandbox: false, args: FLAGS, locale: language, colorScheme: dark ? 'dark' : 'light', viewport: { width, height }, acceptDownloads: true,
  });
  const complaints = [];
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(`console ${message.type()}: ${message.text()}`); });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (!/^(file|data|blob):/.test(request.url()) && !request.url().startsWith('http://127.0.0.1')) complaints.push(`request: ${request.url()}`); });
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  return {
    page, complaints,
    async close() { await context.close(); await rm(profile, { recursive: true, force: true }); },
  };
}
