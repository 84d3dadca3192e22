/** `ReliableWebSocket` in real browsers: what they do to a connection, and what it makes of that. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '../../../../clients/js/test/network/dice.js';
import { FaultProxy } from '../../../../clients/js/test/network/fault-proxy.js';
import { judge } from '../../../../clients/js/test/network/judge.js';
import { BROWSERS, Browser } from './browser.js';
import { ReliableTab } from './reliable-tab.js';
import { Server } from './server.js';

const TEST_MS = 60_000;

/** Delays and heartbeats short enough for tests. */
const QUICK = {
  minReconnectionDelay: 50,
  maxReconnectionDelay: 200,
  heartbeat: { interval: 1_000, timeout: 1_000 },
};

/** Whoever waits that long was not told to come back now; by itself it would not within a test. */
const PATIENT = { minReconnectionDelay: 300_000, maxReconnectionDelay: 300_000, heartbeat: true };

/** How long an answer may take when somebody looks at the page again: the client's own limit. */
const HURRY_MS = 3_000;

/** For a busy machine. */
const GRACE_MS = 1_500;

for (const name of BROWSERS) {
  describe(`ReliableWebSocket in ${name}`, { timeout: 5 * TEST_MS }, () => {
    /** @type {Browser} */
    let browser;
    before(async () => {
      browser = await Browser.launch(name);
    }, { timeout: TEST_MS });
    after(() => browser?.close());

    test('a server that was killed is found again when it is back', { timeout: TEST_MS }, async (context) => {
      const { server, tab, restart } = await arrange(context, browser);
      await tab.connect(server.socket('/broadcast'), QUICK);
      await tab.answers('before');
      await server.kill();
      const { code, willReconnect } = await tab.lost(1);
      assert.deepEqual({ code, willReconnect }, { code: 1006, willReconnect: true });
      // Attempts fail meanwhile.
      await tab.lost(3);
      await restart();
      await tab.opened(2);
      await tab.answers('after');
    });

    test('offline closes at once, online connects at once, nothing is tried between', { timeout: TEST_MS }, async (context) => {
      const { server, tab } = await arrange(context, browser);
      await tab.connect(server.socket('/broadcast'), PATIENT);
      // Emulated by the browser itself, over CDP in Chromium and BiDi in Firefox: it tells the page.
      await tab.page.setOfflineMode(true);
      const { reason, willReconnect, retryIn } = await tab.lost(1);
      assert.deepEqual({ reason, willReconnect, retryIn }, { reason: 'offline', willReconnect: true, retryIn: null });
      await tab.page.setOfflineMode(false);
      await tab.opened(2);
      await tab.answers('online again');
      assert.equal((await tab.log()).filter(({ type }) => type === 'close').length, 1);
    });

    test('a tab that was in the background is alive', { timeout: TEST_MS }, async (context) => {
      const { server, tab } = await arrange(context, browser);
      await tab.connect(server.socket('/broadcast'), PATIENT);
      await background(context, browser, tab);
      await tab.answers('from behind');
      await tab.front();
      await tab.answers('in front');
      assert.equal(await tab.opens(), 1);
    });

    test('a link that died in the background is replaced when somebody looks', { timeout: TEST_MS }, async (context) => {
      const { tab, proxy } = await arrange(context, browser);
      await tab.connect(`ws://127.0.0.1:${proxy.port}/broadcast`, { ...PATIENT, minReconnectionDelay: 50 });
      await background(context, browser, tab);
      await proxy.stall();
      await tab.front();
      const shown = await tab.now();
      const { at, reason } = await tab.lost(1);
      assert.equal(reason, 'no answer');
      assert.ok(at - shown < HURRY_MS + GRACE_MS, `it took ${at - shown} ms`);
      await tab.opened(2);
      await tab.answers('alive');
    });

    test('a wait in the background is cut short when somebody looks', { timeout: TEST_MS }, async (context) => {
      const { server, tab, restart } = await arrange(context, browser);
      await tab.worstLuck();
      await tab.connect(server.socket('/broadcast'), PATIENT);
      await background(context, browser, tab);
      await server.kill();
      await tab.lost(1);
      await restart();
      await tab.front();
      await tab.opened(2);
      await tab.answers('alive');
    });

    test('a silent link is found within interval and timeout', { timeout: TEST_MS }, async (context) => {
      const { tab, proxy } = await arrange(context, browser);
      await tab.connect(`ws://127.0.0.1:${proxy.port}/broadcast`, QUICK);
      await tab.answers('still there');
      await proxy.stall();
      const silent = await tab.now();
      const { at, reason } = await tab.lost(1);
      assert.equal(reason, 'no answer');
      const { interval, timeout } = QUICK.heartbeat;
      assert.ok(at - silent < interval + timeout + GRACE_MS, `it took ${at - silent} ms`);
      await tab.opened(2);
      await tab.answers('replaced');
    });

    test('what was sent right before close() is proven by the heartbeat, and only by it', { timeout: TEST_MS }, async (context) => {
      const { server, tab } = await arrange(context, browser);
      for (const [heartbeat, expected] of /** @type {const} */ ([[true, 'sent'], [false, 'unsure']])) {
        await tab.connect(server.socket('/broadcast'), { heartbeat });
        await tab.sayGoodbye('last words');
        const { code, willReconnect } = await tab.lost(1);
        assert.deepEqual({ code, willReconnect }, { code: 1000, willReconnect: false });
        const fates = (await tab.log()).filter(({ type }) => type === 'fate');
        assert.deepEqual(fates.map(({ first, last, fate }) => `${first}–${last} ${fate}`), [`1–1 ${expected}`]);
        await tab.forget();
      }
    });

    test('1,000 messages across 20 cuts are each sent once or reported unsure', { timeout: TEST_MS }, async (context) => {
      const { server, tab, proxy } = await arrange(context, browser);
      const dice = new Dice(7);
      await tab.overhear(server.socket('/broadcast'));
      const queue = { maxEnqueuedMessages: 1_000, heartbeat: { interval: 50, timeout: 2_000 } };
      await tab.connect(`ws://127.0.0.1:${proxy.port}/broadcast`, { ...QUICK, ...queue });
      for (let cuts = 1; cuts <= 20; cuts += 1) {
        // In the middle of a frame, almost always; or wherever the bytes are by then.
        if (cuts % 2 === 0) await proxy.cutAfter('server', 1 + dice.below(8_000));
        const sending = tab.sendMany(50);
        if (cuts % 2 !== 0) {
          await sleep(dice.below(60));
          await proxy.cut();
        }
        await Promise.all([sending, tab.opened(1 + cuts)]);
      }
      await tab.settled();
      await tab.overheard('the end');
      const { report, heard } = await tab.verdict();
      // The server reads each connection in a task of its own, and may read the rest of a lost one
      // when the next has begun: there is no order between them.
      const read = heard.toSorted((one, other) => parseInt(one) - parseInt(other));
      const count = judge(report, [read]);
      context.diagnostic(JSON.stringify(count));
      assert.equal(count.sent + count.unsure, 1_000);
      assert.ok(count.sent > 0 && count.unsure > 0, JSON.stringify(count));
    });
  });
}

/**
 * A server, a network in front of it that fails on command, and a tab, all of which go away with
 * the test.
 *
 * @param {import('node:test').TestContext} context
 * @param {Browser} browser
 */
async function arrange(context, browser) {
  // The tab's document comes from the server itself, its WebSocket through the proxy.
  const args = ['--allow-origin', '*'];
  let server = await Server.start({ args });
  context.after(() => server.kill());
  const proxy = await FaultProxy.start(server.port);
  context.after(() => proxy.stop());
  const tab = await ReliableTab.open(browser, server);
  context.after(() => tab.page.close());
  return {
    server,
    proxy,
    tab,
    /** The same address again. */
    async restart() {
      server = await Server.start({ args, port: server.port });
    },
  };
}

/**
 * Another tab comes to the front.
 *
 * @param {import('node:test').TestContext} context
 * @param {Browser} browser
 * @param {ReliableTab} tab
 */
async function background(context, browser, tab) {
  const other = await browser.open('about:blank');
  context.after(() => other.close());
  await other.bringToFront();
  await tab.hidden(true);
}
