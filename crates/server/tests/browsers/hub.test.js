/** A hub's client in real browsers, over the real server and a network that fails. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Dice } from '../../../../clients/js/test/network/dice.js';
import { FaultProxy } from '../../../../clients/js/test/network/fault-proxy.js';
import { BROWSERS, Browser } from './browser.js';
import { HubTab } from './hub-tab.js';
import { Server } from './server.js';

const TEST_MS = 60_000;

/** Delays and signs of life short enough for tests. */
const QUICK = { minReconnectionDelay: 50, maxReconnectionDelay: 200, heartbeatInterval: 1_000, heartbeatTimeout: 1_000 };

/** The server forgets a session that was away this long (seconds). */
const FORGETFUL = ['--resume-timeout', '1'];

/** A break that is longer (milliseconds). */
const LONG_MS = 2_500;

for (const name of BROWSERS) {
  describe(`a hub's client in ${name}`, { timeout: 10 * TEST_MS }, () => {
    /** @type {Browser} */
    let browser;
    before(async () => {
      browser = await Browser.launch(name);
    }, { timeout: TEST_MS });
    after(() => browser?.close());

    test('after a reset and after silence the session goes on, and nothing is lost or twice', { timeout: TEST_MS }, async (context) => {
      const { tab, proxy, direct, shaky } = await arrange(context, browser);
      const ada = await tab.enter('ada', direct, QUICK);
      const bob = await tab.enter('bob', shaky, QUICK);
      await ada.publish(1);
      await bob.until('heard', 1);
      await proxy.reset();
      await ada.publish(2);
      await bob.until('up', 2);
      await proxy.stall();
      await ada.publish(3);
      await bob.until('up', 3);
      await ada.publish(4);
      await bob.until('heard', 4);
      assert.deepEqual(await bob.heard(), [1, 2, 3, 4]);
      assert.deepEqual((await bob.all('down')).map(({ code }) => code), [1006, 4408]);
      const ups = await bob.all('up');
      assert.deepEqual(ups.map(({ resumed }) => resumed), [false, true, true]);
      assert.equal(new Set(ups.map(({ session }) => session)).size, 1);
      assert.deepEqual(await bob.all('gap'), []);
    });

    test('after a break that its session did not outlive nothing is lost or twice either', { timeout: TEST_MS }, async (context) => {
      const { tab, proxy, direct, shaky } = await arrange(context, browser, FORGETFUL);
      const ada = await tab.enter('ada', direct, QUICK);
      const bob = await tab.enter('bob', shaky, QUICK);
      await ada.publish(1);
      await bob.until('heard', 1);
      await proxy.refuse(LONG_MS);
      await proxy.reset();
      for (const data of [2, 3, 4]) await ada.publish(data);
      await bob.until('up', 2);
      await ada.publish(5);
      await bob.until('heard', 5);
      assert.deepEqual(await bob.heard(), [1, 2, 3, 4, 5]);
      const [first, second] = await bob.all('up');
      assert.equal(second.resumed, false);
      assert.notEqual(second.session, first.session);
      assert.deepEqual(await bob.all('gap'), []);
    });

    test('offline is noticed at once, and online goes on with the session at once', { timeout: TEST_MS }, async (context) => {
      const { tab, direct } = await arrange(context, browser);
      // By itself it would not come back within a test.
      const ada = await tab.enter('ada', direct, { minReconnectionDelay: 300_000, maxReconnectionDelay: 300_000 });
      await ada.sees(['ada']);
      await tab.page.setOfflineMode(true);
      await ada.until('down');
      const published = ada.publish('meanwhile');
      await tab.page.setOfflineMode(false);
      assert.equal((await ada.until('up', 2)).resumed, true);
      assert.equal('ok' in (await published), true);
      await ada.until('heard');
    });

    test('who comes and who goes is told, and a short break is not', { timeout: TEST_MS }, async (context) => {
      const { tab, proxy, direct, shaky } = await arrange(context, browser);
      const ada = await tab.enter('ada', direct, QUICK);
      await ada.sees(['ada']);
      const bob = await tab.enter('bob', shaky, QUICK);
      await ada.sees(['ada', 'bob']);
      await proxy.reset();
      await bob.until('up', 2);
      await bob.leave();
      await ada.sees(['ada']);
      assert.deepEqual(await ada.all('presence'), [
        { type: 'presence', joined: ['ada'], left: [] },
        { type: 'presence', joined: ['bob'], left: [] },
        { type: 'presence', joined: [], left: ['bob'] },
      ]);
    });

    test('a user with two devices is there until the last one goes', { timeout: TEST_MS }, async (context) => {
      const { server, tab, direct } = await arrange(context, browser);
      const other = await HubTab.open(browser, server);
      context.after(() => other.page.close());
      const ada = await tab.enter('ada', direct, QUICK);
      const laptop = await tab.enter('bob', direct, QUICK);
      const phone = await other.enter('bob', direct, QUICK);
      await ada.sees(['ada', 'bob', 'bob']);
      await laptop.leave();
      await ada.sees(['ada', 'bob']);
      assert.equal(await ada.status('bob'), 'online');
      assert.equal((await phone.all('down')).length, 0);
      await phone.leave();
      await ada.sees(['ada']);
      assert.equal(await ada.status('bob'), 'offline');
    });

    test('a server that was restarted has lost its history, which is told as a gap, and goes on', { timeout: TEST_MS }, async (context) => {
      const { server, tab, restart, direct } = await arrange(context, browser);
      const ada = await tab.enter('ada', direct, QUICK);
      await ada.publish('before');
      await ada.until('heard', 1);
      await server.kill();
      await ada.until('down');
      await restart();
      assert.equal((await ada.until('up', 2)).resumed, false);
      assert.equal((await ada.until('gap')).reason, 'epoch');
      await ada.publish('after');
      await ada.until('heard', 2);
      await ada.sees(['ada']);
      const told = (await ada.log()).filter(({ type }) => type === 'heard' || type === 'gap');
      assert.deepEqual(told, [
        { type: 'heard', data: 'before' },
        { type: 'gap', reason: 'epoch' },
        { type: 'heard', data: 'after' },
      ]);
    });

    for (const [life, args, away] of /** @type {const} */ ([['a session that goes on', [], 0], ['a new session', FORGETFUL, LONG_MS]])) {
      test(`what is published around a break is stored once, with ${life}`, { timeout: TEST_MS }, async (context) => {
        const { tab, proxy, shaky } = await arrange(context, browser, [...args]);
        const ada = await tab.enter('ada', shaky, QUICK);
        await ada.sees(['ada']);
        // It gets there, and the answer does not come back.
        await proxy.cutAfter('client', 1);
        const [asked] = await Promise.all([ada.publish('asked'), proxy.refuse(away), ada.until('down')]);
        // Nobody is there to take it.
        await proxy.refuse(away);
        await proxy.reset();
        await ada.until('down', 2);
        const waited = await ada.publish('waited');
        await ada.until('heard', 2);
        assert.deepEqual([asked, waited].map((result) => 'ok' in result && result.ok.offset), [1, 2]);
        assert.deepEqual(await ada.history(), ['asked', 'waited']);
        assert.deepEqual(await ada.heard(), ['asked', 'waited']);
        const resumed = (await ada.all('up')).slice(1).map(({ resumed }) => resumed);
        assert.deepEqual(resumed, resumed.map(() => away === 0));
      });

      test(`a request whose answer was lost has a fate, with ${life}`, { timeout: TEST_MS }, async (context) => {
        const { tab, proxy, shaky } = await arrange(context, browser, [...args]);
        const ada = await tab.enter('ada', shaky, QUICK);
        await ada.sees(['ada']);
        await proxy.cutAfter('client', 1);
        const [result] = await Promise.all([ada.rpc('name', 'Ada'), proxy.refuse(away)]);
        assert.deepEqual(result, away === 0 ? { ok: 'Ada' } : { failure: { outcome: 'uncertain' } });
      });
    }

    test('across eighteen breaks all hear the same, each publication once, or it is said that nobody knows', { timeout: 2 * TEST_MS }, async (context) => {
      const { tab, proxy, direct, shaky } = await arrange(context, browser, FORGETFUL);
      const dice = new Dice(11);
      const options = { ...QUICK, heartbeatInterval: 200, heartbeatTimeout: 300, maxWaiting: 1_000 };
      const eve = await tab.enter('eve', direct, QUICK);
      const people = [await tab.enter('ada', shaky, options), await tab.enter('bob', shaky, options)];
      const breaks = [
        () => proxy.cutAfter('server', 1 + dice.below(4_000)),
        () => proxy.cutAfter('client', 1 + dice.below(4_000)),
        () => proxy.reset(),
        () => proxy.cut(),
        () => proxy.stall(),
        // No session outlives this one.
        () => proxy.refuse(LONG_MS).then(() => proxy.reset()),
      ];
      for (let count = 0; count < 18; count += 1) {
        const publishing = people.map((person, index) => person.publishMany(String(index), 10));
        await breaks[count % breaks.length]();
        await Promise.all(publishing);
        // Half of them break into what the last one left undone.
        if (count % 2 === 0) await Promise.all(people.map((person) => person.published()));
      }
      const results = (await Promise.all(people.map((person) => person.published()))).flat();
      const last = await eve.publish('the end');
      assert.ok('ok' in last);
      await Promise.all([eve, ...people].map((person) => person.until('heard', last.ok.offset)));

      const heard = await eve.heard();
      for (const person of people) assert.deepEqual(await person.heard(), heard);
      assert.equal(new Set(heard).size, heard.length, 'nothing is twice');
      const fates = { stored: 0, uncertain: 0 };
      for (const { data, result } of results) {
        if ('ok' in result) {
          assert.equal(heard[result.ok.offset - 1], data);
          fates.stored += 1;
        } else {
          assert.deepEqual(result.failure, { outcome: 'uncertain' }, data);
          fates.uncertain += 1;
        }
      }
      const ups = (await Promise.all(people.map((person) => person.all('up')))).flat();
      const resumed = ups.filter(({ resumed }) => resumed).length;
      context.diagnostic(JSON.stringify({ ...fates, resumed, anew: ups.length - resumed }));
      assert.ok(fates.stored > 300 && resumed > 10 && ups.length - resumed > people.length);
    });

    test('what waits too long, or is too much, is said not to be sent', { timeout: TEST_MS }, async (context) => {
      const { tab, proxy, direct, shaky } = await arrange(context, browser);
      const ada = await tab.enter('ada', direct, QUICK);
      const bob = await tab.enter('bob', shaky, { ...QUICK, maxWaiting: 2, maxAge: 500 });
      await proxy.refuse(LONG_MS);
      await proxy.reset();
      await bob.until('down');
      const results = await Promise.all([bob.publish('one'), bob.publish('two'), bob.publish('three')]);
      const notSent = (/** @type {string} */ why) => ({ failure: { outcome: 'notSent', why } });
      assert.deepEqual(results, [notSent('expired'), notSent('expired'), notSent('full')]);
      await bob.until('up', 2);
      await bob.publish('four');
      await ada.until('heard', 1);
      assert.deepEqual(await ada.history(), ['four']);
    });
  });
}

/**
 * A server, a network in front of it that fails on command, and a tab, all of which go away with
 * the test.
 *
 * @param {import('node:test').TestContext} context
 * @param {Browser} browser
 * @param {string[]} [more] arguments of the server
 */
async function arrange(context, browser, more = []) {
  // The tab's document comes from the server itself, some WebSockets through the proxy.
  const args = ['--allow-origin', '*', ...more];
  let server = await Server.start({ args });
  context.after(() => server.kill());
  const proxy = await FaultProxy.start(server.port);
  context.after(() => proxy.stop());
  const tab = await HubTab.open(browser, server);
  context.after(() => tab.page.close());
  return {
    server,
    proxy,
    tab,
    direct: server.socket('/hub'),
    shaky: `ws://127.0.0.1:${proxy.port}/hub`,
    /** The same address again. */
    async restart() {
      server = await Server.start({ args, port: server.port });
    },
  };
}
