/** The page's rooms: who is there, and what was missed while away. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FaultProxy } from '../../../../clients/js/test/network/fault-proxy.js';
import { BROWSERS, Browser } from './browser.js';
import { Server } from './server.js';
import { BACK, SOON, Tab } from './tab.js';

const TEST_MS = 90_000;
/** For how long a tab cannot reach the server (milliseconds). */
const AWAY_MS = 3_000;

for (const name of BROWSERS) {
  describe(`rooms in ${name}`, { timeout: 6 * TEST_MS }, () => {
    /** @type {Browser} */
    let browser;
    before(async () => {
      browser = await Browser.launch(name);
    }, { timeout: TEST_MS });
    after(() => browser?.close());

    test('who is there is seen, and who goes', { timeout: TEST_MS }, async (context) => {
      const { server, open } = await arrange(context, browser);
      const one = await open(server.url);
      await isHere(one, 1);
      const two = await open(server.url);
      await isHere(one, 2);
      const names = await Promise.all([one, two].map((tab) => tab.page.$eval('#name', (box) => Reflect.get(box, 'value'))));
      assert.deepEqual((await people(one)).sort(), [`${names[0]} (you)`, names[1]].sort());
      assert.equal((await people(one))[0], `${names[0]} (you)`);
      await two.page.close();
      await isHere(one, 1);
    });

    test('somebody with a name is one person in two places', { timeout: TEST_MS }, async (context) => {
      const { server, open } = await arrange(context, browser);
      const watcher = await open(server.url);
      const one = await open(server.url);
      await isHere(watcher, 2);
      await call(one, 'Ada Lovelace');
      await watcher.page.waitForFunction(isListed, SOON, 'Ada Lovelace');
      const two = await open(server.url, async (page) => {
        // Another tab of the same person, which was not there before.
        await page.evaluateOnNewDocument(() => sessionStorage.clear());
      });
      await watcher.page.waitForFunction(isListed, SOON, 'in 2 places');
      assert.equal(await watcher.text('#here'), '2 here');
      await one.say('from one of my tabs');
      await two.shows('from one of my tabs', '.mine');
      await one.page.close();
      await watcher.page.waitForFunction(isListed, SOON, 'since');
      assert.equal(await watcher.text('#here'), '2 here');
    });

    test('what was missed while away comes in order, once, and without a reload', { timeout: TEST_MS }, async (context) => {
      const { server, proxy, open } = await arrange(context, browser);
      const [near, far] = [await open(server.url), await open(`http://127.0.0.1:${proxy.port}`)];
      await near.say('before');
      await far.shows('before', '.theirs');
      await far.page.evaluate(() => Reflect.set(globalThis, 'isTheSamePage', true));

      await proxy.refuse(AWAY_MS);
      await proxy.reset();
      await far.is('waiting');
      await far.say('written without a link');
      for (const text of ['first', 'second', 'third']) await near.say(text);
      await far.is('open', BACK);
      await far.shows('third', '.theirs.missed');
      await near.shows('written without a link', '.theirs');
      await far.shows('written without a link', '.mine[data-state="sent"]');
      await near.say('after');
      await far.shows('after', '.theirs');

      const lines = (await far.transcript('lobby')).slice(1).map((line) => line.replace(/\d+ s/, 'a while'));
      assert.deepEqual(lines, [
        'before',
        'While you were away',
        'first',
        'second',
        'third',
        'written without a link',
        'Back after a while: 3 messages caught up with',
        'after',
      ]);
      assert.equal(await far.page.evaluate(() => Reflect.get(globalThis, 'isTheSamePage')), true);
      assert.equal(await far.text('#resumed'), '1');
      // A short break is nobody's business.
      assert.equal(await near.text('#here'), '2 here');
    });

    test('what was missed while disconnected comes as well', { timeout: TEST_MS }, async (context) => {
      const { server, open } = await arrange(context, browser);
      const [one, two] = [await open(server.url), await open(server.url)];
      await one.say('before');
      await two.shows('before');
      await two.click('#close');
      await two.is('closed');
      await isHere(one, 1);
      await one.say('said behind the back');
      await one.shows('said behind the back', '[data-state="sent"]');
      await two.click('#connect');
      await two.shows('said behind the back', '.theirs.missed');
      assert.equal(await two.count('before'), 1);
      await isHere(one, 2);
    });

    test('a server that starts anew is told as a gap, and the room goes on', { timeout: TEST_MS }, async (context) => {
      const { server, open, restart } = await arrange(context, browser);
      const [one, two] = [await open(server.url), await open(server.url)];
      await one.say('before');
      await two.shows('before');
      await server.kill();
      await restart();
      for (const tab of [one, two]) {
        await tab.is('open', BACK);
        await tab.page.waitForSelector('[data-room="lobby"] .note.gap', SOON);
        assert.match(await tab.text('[data-room="lobby"] .note.gap'), /the server started anew/);
      }
      await two.say('after');
      await one.shows('after', '.theirs');
      await isHere(one, 2);
    });

    test('rooms are joined, count what is unread, and are left', { timeout: TEST_MS }, async (context) => {
      const { server, open } = await arrange(context, browser);
      const [one, two] = [await open(`${server.url}/#Film Club`), await open(server.url)];
      assert.equal(await one.text('#room-name'), 'film-club');
      await join(two, 'film club');
      assert.equal(await two.text('#room-name'), 'film-club');
      await isHere(one, 2);
      await two.click('a[href="#lobby"]');
      await one.say('what shall we see');
      await two.page.waitForFunction(hasUnread, SOON, 'film-club', '1');
      await two.click('a[href="#film-club"]');
      await two.shows('what shall we see', '.theirs');
      await two.page.waitForFunction(hasUnread, SOON, 'film-club', '');
      await two.click('#leave');
      await isHere(one, 1);
      assert.equal(await two.page.$('a[href="#film-club"]'), null);
      assert.deepEqual([...one.complaints, ...two.complaints], []);
    });
  });
}

/**
 * A server for one test, a proxy in front of it, and tabs; all of it goes away with the test.
 *
 * @param {import('node:test').TestContext} context
 * @param {Browser} browser
 */
async function arrange(context, browser) {
  let server = await Server.start();
  context.after(() => server.kill());
  const proxy = await FaultProxy.start(server.port);
  context.after(() => proxy.stop());
  // What one test's person is called, another's is not.
  const inside = await browser.browser.createBrowserContext();
  context.after(() => browser.browser.connected && inside.close());
  return {
    server,
    proxy,
    /** The same address again. */
    async restart() {
      server = await Server.start({ port: server.port });
    },
    /**
     * @param {string} url
     * @param {(page: import('puppeteer-core').Page) => Promise<void>} [before]
     */
    async open(url, before) {
      const page = await inside.newPage();
      await before?.(page);
      return Tab.at(page, url, { width: 1280, height: 800 });
    },
  };
}

/**
 * @param {Tab} tab
 * @param {number} count
 */
async function isHere(tab, count) {
  await tab.page.waitForFunction(isCounted, SOON, `${count} here`);
}

/** @param {Tab} tab */
async function people(tab) {
  return tab.page.$$eval('.person-name', (names) => names.map((name) => name.textContent ?? ''));
}

/**
 * @param {Tab} tab
 * @param {string} name
 */
async function call(tab, name) {
  await tab.page.bringToFront();
  await tab.page.$eval('#name', (box, value) => {
    Reflect.set(box, 'value', value);
    box.dispatchEvent(new Event('change'));
  }, name);
}

/**
 * @param {Tab} tab
 * @param {string} room
 */
async function join(tab, room) {
  await tab.page.bringToFront();
  await tab.page.type('#join input', room);
  await tab.page.keyboard.press('Enter');
}

// What follows runs inside the page: each function must stand alone.

/** @param {string} words */
function isCounted(words) {
  return document.querySelector('#here')?.textContent === words;
}

/** @param {string} words */
function isListed(words) {
  return document.querySelector('#people')?.textContent?.includes(words);
}

/**
 * @param {string} room
 * @param {string} count
 */
function hasUnread(room, count) {
  const place = document.querySelector(`a[href="#${room}"] .unread`);
  return (place?.firstChild?.textContent ?? '') === count;
}
