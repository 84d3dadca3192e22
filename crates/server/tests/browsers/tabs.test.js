/** Many tabs and a bad day: the server gone for a while, and a link that stalls. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultProxy } from '../../../../clients/js/test/network/fault-proxy.js';
import { Browser } from './browser.js';
import { Server } from './server.js';

const TEST_MS = 120_000;
const TABS = 20;
/** For how long the server is gone. */
const GONE_MS = 5_000;
/** From its first line of output to the last tab that has its connection back. */
const BACK_WITHIN_MS = 2_000;
/** A connection that was open for this long is stable. */
const STABLE_MS = 5_000;
/** The page's heartbeat: a silence, then a ping, then the end. */
const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 3_000;
/** What a loaded machine may add. */
const SLACK_MS = 4_000;

test('twenty tabs are back within two seconds after five without a server', { timeout: TEST_MS }, async (context) => {
  const browser = await Browser.launch('chromium');
  context.after(() => browser.close());
  let server = await Server.start();
  context.after(() => server.kill());
  const tabs = await Promise.all(Array.from({ length: TABS }, () => browser.open(server.url)));
  for (const tab of tabs) {
    await tab.waitForSelector('body[data-link="open"]', { timeout: 20_000 });
    await tab.evaluate(watch);
  }
  await sleep(STABLE_MS + 500);

  await server.kill();
  await sleep(GONE_MS);
  server = await Server.start({ port: server.port });
  const returned = Date.now();
  const times = await Promise.all(tabs.map(timeBack));
  const last = Math.max(...times) - returned;
  assert.ok(last < BACK_WITHIN_MS, `the last tab was back after ${last} ms`);
  for (const tab of tabs) assert.equal(await tab.evaluate(loads), 1, 'no page was loaded again');
  context.diagnostic(`${TABS} tabs back, the last after ${last} ms`);
});

test('a stalled link is noticed and replaced within interval and timeout', { timeout: TEST_MS }, async (context) => {
  const browser = await Browser.launch('chromium');
  context.after(() => browser.close());
  const server = await Server.start();
  context.after(() => server.kill());
  const proxy = await FaultProxy.start(server.port);
  context.after(() => proxy.stop());
  const tab = await browser.open(`http://127.0.0.1:${proxy.port}/`);
  await tab.waitForFunction(hadHeartbeat, { timeout: 20_000, polling: 100 });
  await tab.evaluate(watch);
  const { accepted } = await proxy.stats();

  const stalled = Date.now();
  // Nobody closes anything: what is open stays open and says nothing. New connections pass.
  await proxy.stall();
  const replaced = (await timeBack(tab)) - stalled;
  const noticed = (await tab.evaluate(lostAt)) - stalled;
  assert.ok(replaced < INTERVAL_MS + TIMEOUT_MS + SLACK_MS, `replaced after ${replaced} ms`);
  assert.ok((await proxy.stats()).accepted > accepted, 'there is another connection');
  assert.equal(await tab.$eval('#ending', (place) => place.textContent), '4408 no answer');
  context.diagnostic(`a stalled link noticed after ${noticed} ms, replaced after ${replaced} ms`);
});

/**
 * When the tab had its connection back.
 *
 * @param {import('puppeteer-core').Page} tab
 */
async function timeBack(tab) {
  await tab.waitForFunction(backAt, { timeout: 30_000, polling: 100 });
  return tab.evaluate(backAt);
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// What follows runs inside the page: each function must stand alone.

/** Notes when the page says that it lost its connection, and when that it has one again. */
function watch() {
  const times = /** @type {Record<string, number>} */ (/** @type {unknown} */ (globalThis));
  times.lostAt = 0;
  times.backAt = 0;
  const observer = new MutationObserver(() => {
    const isOpen = document.body.dataset.link === 'open';
    if (!isOpen && times.lostAt === 0) times.lostAt = Date.now();
    if (isOpen && times.lostAt > 0 && times.backAt === 0) times.backAt = Date.now();
  });
  observer.observe(document.body, { attributeFilter: ['data-link'] });
}

/** @returns {number} */
function lostAt() {
  return Reflect.get(globalThis, 'lostAt');
}

/** @returns {number} */
function backAt() {
  return Reflect.get(globalThis, 'backAt');
}

function hadHeartbeat() {
  return document.querySelector('#trip-source')?.textContent === 'by heartbeat';
}

function loads() {
  return performance.getEntriesByType('navigation').length;
}
