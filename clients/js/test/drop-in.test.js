/**
 * In place of reconnecting-websocket 4.4.0: each promise is put to both, and where they differ on
 * purpose both are shown.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import Module from 'reconnecting-websocket';
import { WebSocket } from 'ws';
import { ReliableWebSocket } from '../src/index.js';
import { transcript, until } from './client.js';
import { Server, freePort } from './server.js';

// A drop-in has its type. (Its package is CommonJS, which its own types do not know.)
const Reconnecting = /** @type {typeof ReliableWebSocket} */ (/** @type {unknown} */ (Module));

/** @typedef {string | (() => string) | (() => Promise<string>)} Url */
/** @typedef {Omit<import('../src/index.js').Options, 'heartbeat' | 'classify'>} Options */

const DELAYS = { WebSocket, minReconnectionDelay: 30, maxReconnectionDelay: 60 };

/** @type {Record<string, (url: Url, options: Options) => ReliableWebSocket>} */
const MAKERS = {
  'reconnecting-websocket': (url, options) => new Reconnecting(url, [], options),
  everwire: (url, options) => new ReliableWebSocket(url, [], options),
};

/** @typedef {(url: Url, options?: Options) => ReliableWebSocket} Make */

/**
 * One test for each of the two.
 *
 * @param {string} promise
 * @param {(make: Make, server: Server) => Promise<void>} body
 */
function both(promise, body) {
  for (const [name, maker] of Object.entries(MAKERS)) {
    test(`${promise} (${name})`, () => run(maker, body));
  }
}

/**
 * @param {(url: Url, options: Options) => ReliableWebSocket} maker
 * @param {(make: Make, server: Server) => Promise<void>} body
 */
async function run(maker, body) {
  const server = await Server.start();
  /** @type {ReliableWebSocket[]} */
  const sockets = [];
  try {
    await body((url, options = {}) => {
      const socket = maker(url, { ...DELAYS, ...options });
      sockets.push(socket);
      return socket;
    }, server);
  } finally {
    // Before the server goes: an attempt that reconnecting-websocket gives up throws its error at
    // nobody, and the process ends.
    for (const socket of sockets) socket.close();
    await server.stop();
  }
}

/** @param {ReliableWebSocket} socket */
const isOpen = (socket) => until(() => socket.readyState === socket.OPEN, 'open');

describe('what both do', () => {
  both('a life in order', async (make, { url }) => {
    const socket = make(url);
    const seen = transcript(socket);
    await isOpen(socket);
    socket.send('hello');
    await until(() => seen.length === 2, 'the echo');
    socket.close(4000, 'done');
    await until(() => seen.length === 3, 'the close');
    assert.deepEqual(seen, ['open', 'message hello', 'close 4000 done']);
    assert.equal(socket.readyState, socket.CLOSED);
  });

  both('a cut connection is a close, and comes back', async (make, { url, server }) => {
    const socket = make(url);
    const seen = transcript(socket);
    await isOpen(socket);
    for (const client of server.clients) client.terminate();
    await until(() => seen.length === 3, 'open again');
    assert.deepEqual(seen, ['open', 'close 1006', 'open']);
  });

  both('on-handlers are called like listeners', async (make, { url }) => {
    const socket = make(url);
    /** @type {unknown[]} */
    const seen = [];
    socket.onopen = () => {
      seen.push('open');
      socket.send('hello');
    };
    socket.onmessage = ({ data }) => {
      seen.push(data);
      socket.close(1000, 'bye');
    };
    socket.onclose = ({ code, reason, wasClean }) => seen.push(code, reason, wasClean);
    await until(() => seen.length === 5, 'all of it');
    assert.deepEqual(seen, ['open', 'hello', 1000, 'bye', true]);
  });

  both('queued messages leave in their order, before those of onopen', async (make, server) => {
    const socket = make(server.url, { maxEnqueuedMessages: 10 });
    socket.onopen = () => socket.send('three');
    socket.send('one');
    socket.send('two');
    assert.equal(socket.bufferedAmount, 6);
    await until(() => server.received.length === 3, 'the messages');
    assert.deepEqual(server.received, ['one', 'two', 'three']);
    assert.equal(socket.bufferedAmount, 0);
  });

  both('reconnect says close with its code, and opens again', async (make, { url }) => {
    const socket = make(url);
    const seen = transcript(socket);
    await isOpen(socket);
    socket.reconnect(4001, 'again');
    await until(() => seen.length === 3, 'open again');
    assert.deepEqual(seen, ['open', 'close 4001 again', 'open']);
  });

  both('reconnect undoes close', async (make, { url }) => {
    const socket = make(url);
    const seen = transcript(socket);
    await isOpen(socket);
    socket.close(1000);
    await until(() => seen.length === 2, 'the close');
    socket.reconnect();
    await until(() => seen.length === 3, 'open again');
    assert.deepEqual(seen, ['open', 'close 1000', 'open']);
  });

  both('startClosed waits for reconnect', async (make, server) => {
    const socket = make(server.url, { startClosed: true });
    assert.equal(socket.readyState, socket.CLOSED);
    socket.reconnect();
    await isOpen(socket);
    assert.equal(server.connections, 1);
  });

  both('maxRetries is how many attempts follow a first that failed', async (make) => {
    let attempts = 0;
    const refusing = createServer((socket) => {
      attempts += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(refusing, 'listening');
    try {
      const { port } = /** @type {import('node:net').AddressInfo} */ (refusing.address());
      const socket = make(`ws://127.0.0.1:${port}/`, { maxRetries: 2 });
      await until(() => attempts === 3, 'three attempts');
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(attempts, 3);
      assert.equal(socket.readyState, socket.CLOSED);
    } finally {
      refusing.close();
    }
  });

  both('maxRetries of 0 never reconnects', async (make, server) => {
    const socket = make(server.url, { maxRetries: 0 });
    await isOpen(socket);
    for (const client of server.server.clients) client.terminate();
    await until(() => socket.readyState === socket.CLOSED, 'the end');
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(server.connections, 1);
  });

  both('the URL is asked for before each attempt, and may take its time', async (make, server) => {
    let asked = 0;
    const socket = make(async () => `${server.url}?${(asked += 1)}`);
    await isOpen(socket);
    for (const client of server.server.clients) client.terminate();
    await until(() => server.connections === 2 && socket.readyState === socket.OPEN, 'open again');
    assert.equal(socket.url, `${server.url}?2`);
  });

  both('retryCount counts until a connection stays for minUptime', async (make, server) => {
    const socket = make(server.url, { minUptime: 300 });
    await isOpen(socket);
    assert.equal(socket.retryCount, 0);
    for (const client of server.server.clients) client.terminate();
    await until(() => server.connections === 2 && socket.readyState === socket.OPEN, 'open again');
    assert.equal(socket.retryCount, 1);
    await until(() => socket.retryCount === 0, 'a stable connection');
  });

  both('binaryType holds for every connection', async (make, server) => {
    const socket = make(server.url);
    assert.equal(socket.binaryType, 'blob');
    socket.binaryType = 'arraybuffer';
    await isOpen(socket);
    for (const client of server.server.clients) client.terminate();
    await until(() => server.connections === 2 && socket.readyState === socket.OPEN, 'open again');
    /** @type {unknown} */
    let data;
    socket.onmessage = (event) => (data = event.data);
    socket.send(new Uint8Array([1]));
    await until(() => data !== undefined, 'the echo');
    assert.ok(data instanceof ArrayBuffer);
  });

  both('listeners can be objects, and can be removed', async (make, { url }) => {
    const socket = make(url);
    /** @type {string[]} */
    const seen = [];
    const removed = () => seen.push('removed');
    const listener = { handleEvent: () => seen.push('object') };
    socket.addEventListener('open', listener);
    socket.addEventListener('open', removed);
    socket.removeEventListener('open', removed);
    await until(() => seen.length > 0, 'open');
    assert.deepEqual(seen, ['object']);
  });
});

/**
 * What each does, side by side.
 *
 * @param {string} what
 * @param {[unknown, unknown]} expected reconnecting-websocket's, then ours
 * @param {(make: Make, server: Server) => Promise<unknown>} body
 */
function differs(what, expected, body) {
  test(what, async () => {
    for (const [index, maker] of Object.values(MAKERS).entries()) {
      await run(maker, async (make, server) => {
        assert.deepEqual(await body(make, server), expected[index], Object.keys(MAKERS)[index]);
      });
    }
  });
}

describe('what they do differently', () => {
  differs('readyState while it waits: CLOSED, CONNECTING', [3, 0], async (make, server) => {
    const socket = make(server.url, { minReconnectionDelay: 5_000, maxReconnectionDelay: 5_000 });
    const seen = transcript(socket);
    await isOpen(socket);
    for (const client of server.server.clients) client.terminate();
    await until(() => seen.includes('close 1006'), 'the loss');
    return socket.readyState;
  });

  differs('a close with 1000 from the server: reconnects, is done', [2, 1], async (make, server) => {
    const socket = make(server.url);
    await isOpen(socket);
    socket.send('close 1000');
    await until(() => server.received.length === 1, 'the request');
    await new Promise((resolve) => setTimeout(resolve, 500));
    return server.connections;
  });

  differs('a failed attempt: close 1000 then error, error then close 1006', [
    ['close 1000', 'error'],
    ['error', 'close 1006'],
  ], async (make) => {
    const socket = make(`ws://127.0.0.1:${await freePort()}/`, { maxRetries: 0 });
    const seen = transcript(socket);
    await until(() => seen.length === 2, 'the failure');
    return seen;
  });

  differs('send without a connection: kept without limit, refused', [5, 0], async (make) => {
    const socket = make(`ws://127.0.0.1:${await freePort()}/`);
    try {
      socket.send('kept?');
    } catch (error) {
      assert.equal(/** @type {DOMException} */ (error).name, 'InvalidStateError');
    }
    return socket.bufferedAmount;
  });

  differs('a full queue: drops silently, throws', ['', 'QuotaExceededError'], async (make) => {
    const socket = make(`ws://127.0.0.1:${await freePort()}/`, { maxEnqueuedMessages: 1 });
    socket.send('one');
    try {
      socket.send('two');
      return '';
    } catch (error) {
      return /** @type {DOMException} */ (error).name;
    }
  });

  differs('close without a code sends: 1000, none', [1000, 1005], async (make, { url, server }) => {
    const socket = make(url);
    await isOpen(socket);
    const [client] = server.clients;
    const closed = once(client, 'close');
    socket.close();
    const [code] = await closed;
    return code;
  });

  differs('close during a wait: says nothing, says that it is over', [0, 1], async (make) => {
    const socket = make(`ws://127.0.0.1:${await freePort()}/`, {
      minReconnectionDelay: 5_000,
      maxReconnectionDelay: 5_000,
    });
    const seen = transcript(socket);
    const closes = () => seen.filter((line) => line.startsWith('close')).length;
    await until(() => closes() > 0, 'the failure');
    const before = closes();
    socket.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return closes() - before;
  });
});
