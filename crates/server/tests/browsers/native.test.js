/** The browsers' own WebSocket against `/echo`. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { BROWSERS, Browser } from './browser.js';
import { Certificates, Server } from './server.js';

const TEST_MS = 60_000;
/** Lengths at which the frame header changes its form (RFC 6455 §5.2), nothing, and a large one. */
const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1_048_576];
/** The two shapes in the wild: RFC 7692 §7.1.2.2 lets a client hint that it can shrink its window. */
const OFFERS = {
  chromium: 'permessage-deflate; client_max_window_bits',
  firefox: 'permessage-deflate',
};

/** @type {Certificates} */
let certificates;
before(async () => {
  certificates = await Certificates.make();
});
after(() => certificates.remove());

for (const name of BROWSERS) {
  for (const scheme of ['ws', 'wss']) {
    describe(`${name} over ${scheme}`, { timeout: 3 * TEST_MS }, () => {
      /** @type {Server} */
      let server;
      /** @type {Browser} */
      let browser;
      /** @type {import('puppeteer-core').Page} */
      let page;

      before(async () => {
        const tls = scheme === 'wss' ? certificates : undefined;
        server = await Server.start({ tls });
        browser = await Browser.launch(name, tls);
        // Any document of the same origin will do; this one runs nothing of its own.
        page = await browser.open(`${server.url}/favicon.svg`);
      }, { timeout: TEST_MS });

      after(async () => {
        await browser?.close();
        await server?.kill();
      });

      test('text comes back, whatever its characters', { timeout: TEST_MS }, async () => {
        const texts = ['', 'hello', 'ünï©ødé', '你好, мир, שלום', '👩‍👩‍👧‍👦 𝄞', '\0\u{10FFFF}\uFEFF'];
        assert.deepEqual(await page.evaluate(echoTexts, server.socket('/echo'), texts), texts);
      });

      for (const length of LENGTHS) {
        test(`${length} binary bytes come back the same`, { timeout: TEST_MS }, async () => {
          const url = server.socket('/echo');
          assert.equal(await page.evaluate(echoBinary, url, length), 'same');
        });
      }

      test('permessage-deflate is agreed', { timeout: TEST_MS }, async () => {
        const extensions = await page.evaluate(extensionsOf, server.socket('/echo'));
        assert.match(extensions, /^permessage-deflate(;|$)/);
      });

      test('three million compressible characters come back', { timeout: TEST_MS }, async () => {
        const line = 'much the same words again and again, line';
        const url = server.socket('/echo');
        assert.equal(await page.evaluate(echoLines, url, line, 70_000), 'same');
      });

      test('many messages in flight keep their order', { timeout: TEST_MS }, async () => {
        const texts = Array.from({ length: 2_000 }, (_, index) => `message ${index}`);
        assert.deepEqual(await page.evaluate(echoTexts, server.socket('/echo'), texts), texts);
      });

      for (const [code, reason] of /** @type {[number, string][]} */ ([
        [1000, ''],
        [1000, 'done'],
        [3000, 'library'],
        [4999, 'grüße, 123 bytes at most'],
      ])) {
        test(`a close with ${code} "${reason}" is clean and echoed`, { timeout: TEST_MS }, async () => {
          const url = server.socket('/echo');
          const ending = await page.evaluate(closeWith, url, code, reason);
          assert.deepEqual(ending, { code, reason, wasClean: true });
        });
      }

      test('a close without a code is clean', { timeout: TEST_MS }, async () => {
        const ending = await page.evaluate(closeWith, server.socket('/echo'), undefined, undefined);
        assert.deepEqual(ending, { code: 1005, reason: '', wasClean: true });
      });

      test('an unknown path does not open', { timeout: TEST_MS }, async () => {
        const events = await page.evaluate(eventsOf, server.socket('/nothing-here'));
        assert.deepEqual(events, ['error', 'close 1006']);
      });
    });
  }

  test(`${name} offers permessage-deflate in its own words`, { timeout: TEST_MS }, async (context) => {
    // A listener that only looks: what the server must be ready for is what browsers really send.
    const listener = createServer((_, response) => response.end('<!doctype html><title>here</title>'));
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    const { port } = /** @type {import('node:net').AddressInfo} */ (listener.address());
    /** @type {Promise<string | undefined>} */
    const offer = new Promise((resolve) => {
      listener.on('upgrade', (request, socket) => {
        resolve(request.headers['sec-websocket-extensions']);
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      });
    });
    const browser = await Browser.launch(name);
    context.after(async () => {
      await browser.close();
      listener.closeAllConnections();
      listener.close();
    });
    const page = await browser.open(`http://127.0.0.1:${port}`);
    await page.evaluate(eventsOf, `ws://127.0.0.1:${port}`);
    assert.equal(await offer, OFFERS[name]);
  });

  describe(`${name} on a page of another origin`, { timeout: 2 * TEST_MS }, () => {
    const foreign = createServer((_, response) => response.end('<!doctype html><title>other</title>'));
    /** @type {Browser} */
    let browser;
    let origin = '';

    before(async () => {
      await once(foreign.listen(0, '127.0.0.1'), 'listening');
      const { port } = /** @type {import('node:net').AddressInfo} */ (foreign.address());
      origin = `http://localhost:${port}`;
      browser = await Browser.launch(name);
    }, { timeout: TEST_MS });

    after(async () => {
      await browser?.close();
      foreign.closeAllConnections();
      foreign.close();
    });

    test('is refused', { timeout: TEST_MS }, async (context) => {
      const server = await Server.start();
      context.after(() => server.kill());
      const page = await browser.open(origin);
      for (const path of ['/echo', '/broadcast']) {
        assert.deepEqual(await page.evaluate(eventsOf, server.socket(path)), ['error', 'close 1006']);
      }
    });

    test('is accepted once it is allowed', { timeout: TEST_MS }, async (context) => {
      const server = await Server.start({ args: ['--allow-origin', origin] });
      context.after(() => server.kill());
      const page = await browser.open(origin);
      const texts = ['from elsewhere'];
      assert.deepEqual(await page.evaluate(echoTexts, server.socket('/echo'), texts), texts);
    });
  });
}

// What follows runs inside the page: each function must stand alone.

/**
 * @param {string} url
 * @param {string[]} texts
 * @returns {Promise<string[]>}
 */
function echoTexts(url, texts) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    /** @type {string[]} */
    const back = [];
    socket.onopen = () => texts.forEach((text) => socket.send(text));
    socket.onmessage = ({ data }) => {
      if (back.push(data) === texts.length) socket.close(1000);
    };
    socket.onclose = ({ code, wasClean }) =>
      wasClean ? resolve(back) : reject(new Error(`${code} after ${back.length} messages`));
  });
}

/**
 * @param {string} url
 * @param {number} length
 * @returns {Promise<string>}
 */
function echoBinary(url, length) {
  const sent = new Uint8Array(length);
  // Chunks: one call fills at most 65,536 bytes.
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(sent.subarray(at, at + 65_536));
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    let verdict = 'nothing came back';
    socket.onopen = () => socket.send(sent);
    socket.onmessage = ({ data }) => {
      const back = new Uint8Array(data);
      const same = back.length === length && back.every((byte, index) => byte === sent[index]);
      verdict = same ? 'same' : `${back.length} bytes that differ`;
      socket.close(1000);
    };
    socket.onclose = ({ code, wasClean }) =>
      wasClean ? resolve(verdict) : reject(new Error(`closed with ${code}`));
  });
}

/**
 * @param {string} url
 * @param {string} line
 * @param {number} times
 * @returns {Promise<string>}
 */
function echoLines(url, line, times) {
  const sent = Array.from({ length: times }, (_, index) => `${line} ${index}\n`).join('');
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    let verdict = 'nothing came back';
    socket.onopen = () => socket.send(sent);
    socket.onmessage = ({ data }) => {
      verdict = data === sent ? 'same' : `${data.length} characters that differ`;
      socket.close(1000);
    };
    socket.onclose = ({ code, wasClean }) =>
      wasClean ? resolve(verdict) : reject(new Error(`closed with ${code}`));
  });
}

/**
 * @param {string} url
 * @returns {Promise<string>}
 */
function extensionsOf(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onopen = () => {
      const { extensions } = socket;
      socket.onclose = () => resolve(extensions);
      socket.close(1000);
    };
    socket.onerror = () => reject(new Error('did not open'));
  });
}

/**
 * @param {string} url
 * @param {number} [code]
 * @param {string} [reason]
 * @returns {Promise<{ code: number, reason: string, wasClean: boolean }>}
 */
function closeWith(url, code, reason) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => (code === undefined ? socket.close() : socket.close(code, reason));
    socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
  });
}

/**
 * @param {string} url
 * @returns {Promise<string[]>}
 */
function eventsOf(url) {
  return new Promise((resolve) => {
    /** @type {string[]} */
    const events = [];
    const socket = new WebSocket(url);
    socket.onopen = () => {
      events.push('open');
      socket.close();
    };
    socket.onerror = () => events.push('error');
    socket.onclose = ({ code }) => resolve([...events, `close ${code}`]);
  });
}
