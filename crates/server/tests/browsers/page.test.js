/** The page, as two people in two tabs meet it. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser } from './browser.js';
import { Certificates, Server } from './server.js';
import { BACK, SOON, Tab } from './tab.js';

const TEST_MS = 90_000;

describe('the page in chromium', { timeout: 5 * TEST_MS }, () => {
  /** @type {Browser} */
  let browser;
  before(async () => {
    browser = await Browser.launch('chromium');
  }, { timeout: TEST_MS });
  after(() => browser?.close());

  test('loads under its policy without a complaint', { timeout: TEST_MS }, async (context) => {
    const { server, open } = await arrange(context, browser);
    const tab = await open();
    const response = await tab.page.reload();
    const policy = response?.headers()['content-security-policy'] ?? '';
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'"]) {
      assert.ok(policy.includes(rule), `${rule} is missing from "${policy}"`);
    }
    assert.doesNotMatch(policy, /unsafe/);
    await tab.say('no complaint');
    await tab.shows('no complaint');
    assert.deepEqual(tab.complaints, []);
    assert.equal(await tab.text('#echo-url'), server.socket('/echo'));
  });

  test('two tabs talk to each other', { timeout: TEST_MS }, async (context) => {
    const { open } = await arrange(context, browser);
    const [one, two] = [await open(), await open()];
    await one.say('hello from one');
    await two.shows('hello from one', '.theirs');
    await one.shows('hello from one', '.mine[data-state="sent"]');
    await two.say('hello from two');
    await one.shows('hello from two', '.theirs');
    await one.page.waitForFunction(hasRoundTrip, SOON);
    assert.deepEqual([...one.complaints, ...two.complaints], []);
  });

  test('markup in a message is text', { timeout: TEST_MS }, async (context) => {
    const { open } = await arrange(context, browser);
    const [one, two] = [await open(), await open()];
    const markup = '<img src=x onerror="document.body.id=1"><script>document.body.id=2</script>';
    await one.say(markup);
    for (const tab of [one, two]) {
      await tab.shows(markup);
      assert.equal(await tab.page.$('.transcript img, .transcript script'), null);
      assert.equal(await tab.page.$eval('body', (body) => body.id), '');
      assert.deepEqual(tab.complaints, []);
    }
  });

  test('what other clients send is shown as it came', { timeout: TEST_MS }, async (context) => {
    const { server, open } = await arrange(context, browser);
    const tab = await open();
    await tab.page.evaluate(sendRaw, server.socket('/hub/lobby'));
    await tab.shows('just <b>text</b>', '.theirs.raw');
    await tab.shows('{"id":1,"text":"not ours"}', '.theirs.raw');
    await tab.shows('binary, 3 bytes', '.theirs.binary');
    assert.deepEqual(tab.complaints, []);
  });

  test('at most 500 messages stay in the document', { timeout: TEST_MS }, async (context) => {
    const { server, open } = await arrange(context, browser);
    const tab = await open();
    await tab.page.evaluate(sendMany, server.socket('/hub/lobby'), 700);
    await tab.shows('number 699');
    assert.equal(await tab.page.$$eval('[data-room="lobby"] li', (items) => items.length), 500);
  });

  test('both tabs survive a killed server', { timeout: TEST_MS }, async (context) => {
    const { server, open, restart } = await arrange(context, browser);
    const [one, two] = [await open(), await open()];
    await server.kill();
    for (const tab of [one, two]) await tab.is('waiting');
    assert.match(await one.text('#ending'), /^1006/);

    await one.say('into the void');
    await one.shows('into the void', '.mine[data-state="sending"]');
    assert.equal(await one.draft(), '');

    await restart();
    for (const tab of [one, two]) await tab.is('open', BACK);
    await two.shows('into the void', '.theirs');
    await one.shows('into the void', '.mine[data-state="sent"]');
    assert.equal(await two.count('into the void'), 1);
    await two.say('back as well');
    await one.shows('back as well', '.theirs');
  });

  test('a message that nobody can know the fate of says so, and may be sent again', { timeout: TEST_MS }, async (context) => {
    const { server, open, restart } = await arrange(context, browser);
    const tab = await open();
    server.pause();
    await tab.say('on its way');
    await tab.shows('on its way', '.mine[data-state="sending"]');
    await server.kill();
    await restart();
    await tab.page.waitForSelector('.mine[data-state="uncertain"]', BACK);
    await tab.click('.mine[data-state="uncertain"] .again');
    await tab.shows('on its way', '.mine[data-state="sent"]');
    assert.equal(await tab.count('on its way'), 1);
  });

  test('without a connection a message stays in the box', { timeout: TEST_MS }, async (context) => {
    const { open } = await arrange(context, browser);
    const tab = await open();
    await tab.click('#close');
    await tab.is('closed');
    await tab.say('nowhere to go');
    await tab.shows('nowhere to go', '.mine[data-state="not-sent"]');
    assert.equal(await tab.draft(), 'nowhere to go');
    await tab.click('#connect');
    await tab.is('open');
    await tab.send();
    await tab.shows('nowhere to go', '.mine[data-state="sent"]');
    assert.equal(await tab.count('nowhere to go'), 1);
  });

  test('a server that falls silent is noticed and found again', { timeout: TEST_MS }, async (context) => {
    const { server, open } = await arrange(context, browser);
    const tab = await open();
    await tab.page.bringToFront();
    await tab.page.waitForFunction(hasRoundTrip, SOON);
    server.pause();
    // Nobody closes anything: only the heartbeat that is not answered tells.
    await tab.is('waiting', BACK);
    assert.equal(await tab.text('#ending'), '4408 no answer');
    server.resume();
    await tab.is('open', BACK);
    await tab.say('there again');
    await tab.shows('there again', '.mine[data-state="sent"]');
  });

  test('SIGTERM sends every tab away, and they come back', { timeout: TEST_MS }, async (context) => {
    const { server, open, restart } = await arrange(context, browser);
    const [one, two] = [await open(), await open()];
    assert.equal(await server.terminate(), 0);
    for (const tab of [one, two]) {
      await tab.page.waitForFunction(wasSentAway, SOON);
    }
    await restart();
    for (const tab of [one, two]) await tab.is('open', BACK);
  });

  test('a person can disconnect, and it stays so', { timeout: TEST_MS }, async (context) => {
    const { open } = await arrange(context, browser);
    const tab = await open();
    await tab.click('#close');
    await tab.is('closed');
    await tab.page.evaluate(() => dispatchEvent(new Event('online')));
    assert.equal(await tab.page.evaluate(() => document.body.dataset.link), 'closed');
    await tab.click('#connect');
    await tab.is('open');
  });

  test('the network coming back cuts the wait short', { timeout: TEST_MS }, async (context) => {
    const { server, open, restart } = await arrange(context, browser);
    const tab = await open();
    // All the jitter there is: without the event the page would wait for many seconds.
    await tab.page.evaluate(() => {
      Math.random = () => 0.999;
    });
    await server.kill();
    await tab.page.waitForFunction(waitsAtLeast, BACK, 10);
    await restart();
    assert.equal(await tab.page.evaluate(() => document.body.dataset.link), 'waiting');
    await tab.page.evaluate(() => dispatchEvent(new Event('online')));
    await tab.is('open', { timeout: 4_000 });
  });

  for (const [width, height] of [[360, 640], [390, 844]]) {
    test(`nothing is cut off at ${width} pixels`, { timeout: TEST_MS }, async (context) => {
      const { server, open } = await arrange(context, browser);
      const tab = await open({ width, height });
      await tab.say(`${'word '.repeat(60)}${'unbroken'.repeat(30)}`);
      await tab.shows('word word');
      assert.deepEqual(await tab.page.evaluate(outside), []);
      await tab.click('#pill');
      await tab.page.waitForSelector('#broadcast-url', { visible: true });
      assert.deepEqual(await tab.page.evaluate(outside), []);
      await tab.click('#pill');
      await server.kill();
      await tab.is('waiting');
      await tab.say('unsent');
      await tab.shows('unsent', '[data-state="sending"]');
      assert.deepEqual(await tab.page.evaluate(outside), []);
    });
  }
});

test('the page over TLS uses wss', { timeout: TEST_MS }, async (context) => {
  const tls = await Certificates.make();
  context.after(() => tls.remove());
  const browser = await Browser.launch('chromium', tls);
  context.after(() => browser.close());
  const { open } = await arrange(context, browser, { tls });
  const tab = await open();
  assert.match(await tab.text('#broadcast-url'), /^wss:/);
  await tab.say('sealed');
  await tab.shows('sealed', '.mine[data-state="sent"]');
});

test('two tabs in firefox talk, and survive a killed server', { timeout: TEST_MS }, async (context) => {
  const browser = await Browser.launch('firefox');
  context.after(() => browser.close());
  const { server, open, restart } = await arrange(context, browser);
  const [one, two] = [await open(), await open()];
  await one.say('hello from one');
  await two.shows('hello from one', '.theirs');
  await one.shows('hello from one', '.mine[data-state="sent"]');
  await server.kill();
  for (const tab of [one, two]) await tab.is('waiting');
  await restart();
  for (const tab of [one, two]) await tab.is('open', BACK);
  await two.say('hello again');
  await one.shows('hello again', '.theirs');
});

/**
 * A server for one test, and tabs on it; all of it goes away with the test.
 *
 * @param {import('node:test').TestContext} context
 * @param {Browser} browser
 * @param {{ tls?: Certificates }} [options]
 */
async function arrange(context, browser, options = {}) {
  let server = await Server.start(options);
  context.after(() => server.kill());
  return {
    server,
    /** The same address again. */
    async restart() {
      server = await Server.start({ ...options, port: server.port });
    },
    /** @param {{ width: number, height: number }} [viewport] */
    async open(viewport = { width: 1280, height: 800 }) {
      const tab = await Tab.open(browser, server.url, viewport);
      context.after(() => browser.browser.connected && tab.page.close());
      return tab;
    },
  };
}

// What follows runs inside the page: each function must stand alone.

function hasRoundTrip() {
  return / (ms|s)$/.test(document.querySelector('#trip')?.textContent ?? '');
}

function wasSentAway() {
  return /^(4001|4412) /.test(document.querySelector('#ending')?.textContent ?? '');
}

/** @param {number} seconds */
function waitsAtLeast(seconds) {
  const wait = /in (\d+) s/.exec(document.querySelector('#state')?.textContent ?? '');
  return wait !== null && Number(wait[1]) >= seconds;
}

/**
 * @param {string} url
 * @returns {Promise<void>}
 */
function sendRaw(url) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => {
      socket.send('just <b>text</b>');
      socket.send('{"id":1,"text":"not ours"}');
      socket.send(new Uint8Array([1, 2, 3]));
      socket.close(1000);
    };
    socket.onclose = () => resolve();
  });
}

/**
 * @param {string} url
 * @param {number} count
 * @returns {Promise<void>}
 */
function sendMany(url, count) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => {
      for (let index = 0; index < count; index += 1) socket.send(`number ${index}`);
      socket.close(1000);
    };
    socket.onclose = () => resolve();
  });
}

/** What sticks out of the window to the left or the right. */
function outside() {
  const wide = document.documentElement.scrollWidth > innerWidth ? ['the document'] : [];
  const found = Array.from(document.querySelectorAll('body *')).filter((element) => {
    if (element.closest('svg, .unseen, .who, .address, .wire')) return false;
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < -0.5 || right > innerWidth + 0.5);
  });
  return [...wide, ...found.map((element) => `${element.tagName}.${element.className}`)];
}
