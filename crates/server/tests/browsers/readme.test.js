/** The HTML file of clients/js/README.md, saved and opened as it says there. */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BROWSERS, Browser } from './browser.js';
import { Server } from './server.js';

const TEST_MS = 90_000;
const README = new URL('../../../../clients/js/README.md', import.meta.url);

for (const name of BROWSERS) {
  test(`the file works in ${name}, and survives a restart`, { timeout: TEST_MS }, async (context) => {
    const args = ['--allow-origin', '*'];
    let server = await Server.start({ args });
    context.after(() => server.kill());
    const browser = await Browser.launch(name);
    context.after(() => browser.close());

    const page = await browser.open(await save(context, server.port));
    /** @param {string} line */
    const shows = (line) => page.waitForFunction(hasLine, { timeout: 20_000, polling: 100 }, line);
    await shows('open');
    await page.type('input', 'hello');
    await page.keyboard.press('Enter');
    await shows('hello');
    await shows('sent');

    await server.kill();
    await shows('closed with 1006, next attempt in ');
    await page.$eval('pre', (log) => log.replaceChildren());
    server = await Server.start({ port: server.port, args });
    await shows('open');
  });
}

/**
 * @param {import('node:test').TestContext} context
 * @param {number} port the server’s, which is not the README’s
 */
async function save(context, port) {
  const html = /```html\n(.*?)```/s.exec(await readFile(README, 'utf8'))?.[1];
  assert.ok(html, 'the README has an HTML file');
  const directory = await mkdtemp(join(tmpdir(), 'everwire-readme-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'hello.html');
  await writeFile(file, html.replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`));
  return pathToFileURL(file).href;
}

/** @param {string} start */
function hasLine(start) {
  const lines = document.querySelector('pre')?.textContent?.split('\n') ?? [];
  return lines.some((line) => line.startsWith(start));
}
