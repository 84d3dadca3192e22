/** The HTML files of clients/js/README.md, saved and opened as it says there. */

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

const ARGS = ['--allow-origin', '*'];

for (const name of BROWSERS) {
  test(`the socket’s file works in ${name}, and survives a restart`, { timeout: TEST_MS }, async (context) => {
    const { page, shows, stop, restart } = await open(context, name, 0);
    await shows('open');
    await page.type('input', 'hello');
    await page.keyboard.press('Enter');
    await shows('hello');
    await shows('sent');

    await stop();
    await shows('closed with 1006, next attempt in ');
    await page.$eval('pre', (log) => log.replaceChildren());
    await restart();
    await shows('open');
  });

  test(`the hub’s file works in ${name}, and tells what a restart loses`, { timeout: TEST_MS }, async (context) => {
    const { page, shows, stop, restart } = await open(context, name, 1);
    await shows('up');
    await shows('here: ada');
    await page.type('input', 'hello');
    await page.keyboard.press('Enter');
    await shows('ada: hello');
    await shows('stored as 1');

    await stop();
    await shows('down');
    await page.$eval('pre', (log) => log.replaceChildren());
    await restart();
    await shows('up');
    await shows('missing: epoch');
  });
}

/**
 * A server, and a browser with a file of the README.
 *
 * @param {import('node:test').TestContext} context
 * @param {import('./browser.js').Name} name
 * @param {number} index of the file
 */
async function open(context, name, index) {
  let server = await Server.start({ args: ARGS });
  context.after(() => server.kill());
  const browser = await Browser.launch(name);
  context.after(() => browser.close());
  const page = await browser.open(await save(context, server.port, index));
  return {
    page,
    /** @param {string} line what it begins with */
    shows: (line) => page.waitForFunction(hasLine, { timeout: 20_000, polling: 100 }, line),
    stop: () => server.kill(),
    /** At the same address. */
    async restart() {
      server = await Server.start({ port: server.port, args: ARGS });
    },
  };
}

/**
 * @param {import('node:test').TestContext} context
 * @param {number} port the server’s, which is not the README’s
 * @param {number} index of the file
 */
async function save(context, port, index) {
  const files = [...(await readFile(README, 'utf8')).matchAll(/```html\n(.*?)```/gs)];
  assert.equal(files.length, 2, 'the README has two HTML files');
  const [, html] = files[index];
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
