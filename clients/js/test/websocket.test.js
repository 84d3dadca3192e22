/** What `WebSocket` promises, this one promises too. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ReliableWebSocket } from '../src/index.js';
import { QUICK, next, open, transcript, until } from './client.js';
import { Server, freePort } from './server.js';

/** @type {Server} */
let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

describe('construction', () => {
  test('the constants are on the class and on each instance', (context) => {
    const socket = open(context, server.url);
    for (const [index, name] of /** @type {const} */ (['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']).entries()) {
      assert.equal(ReliableWebSocket[name], index);
      assert.equal(socket[name], index);
    }
  });

  test('a URL that is none throws SyntaxError from the constructor', () => {
    for (const url of ['not a url', 'ftp://127.0.0.1/', `${server.url}#fragment`]) {
      assert.throws(() => new ReliableWebSocket(url, undefined, QUICK), { name: 'SyntaxError' });
    }
  });

  test('a subprotocol that is none throws SyntaxError from the constructor', () => {
    for (const protocols of ['no spaces', ['twice', 'twice']]) {
      assert.throws(() => new ReliableWebSocket(server.url, protocols, QUICK), { name: 'SyntaxError' });
    }
  });

  test('a URL object is as good as its text', async (context) => {
    const socket = open(context, new URL(server.url));
    await next(socket, 'open');
    assert.equal(socket.url, server.url);
  });

  test('the subprotocol is the one that was chosen', async (context) => {
    const socket = open(context, server.url, {}, ['one', 'two']);
    assert.equal(socket.protocol, '');
    await next(socket, 'open');
    assert.equal(socket.protocol, 'one');
    assert.equal(socket.extensions, '');
  });

  test('without any WebSocket the error says where to find one', () => {
    const native = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
    Object.defineProperty(globalThis, 'WebSocket', { value: undefined, configurable: true });
    try {
      assert.throws(() => new ReliableWebSocket(server.url), /option `WebSocket`/);
    } finally {
      if (native) Object.defineProperty(globalThis, 'WebSocket', native);
    }
  });

  test('an option that makes no sense is named with its value', () => {
    const options = { ...QUICK, reconnectionDelayGrowFactor: 0.5 };
    const message = /`reconnectionDelayGrowFactor` is 0.5, not a number of at least 1/;
    assert.throws(() => new ReliableWebSocket(server.url, undefined, options), { name: 'RangeError', message });
  });
});

describe('a life', () => {
  test('goes from CONNECTING over OPEN and CLOSING to CLOSED', async (context) => {
    const socket = open(context, server.url);
    const seen = [socket.readyState];
    await next(socket, 'open');
    seen.push(socket.readyState);
    socket.close();
    seen.push(socket.readyState);
    await next(socket, 'close');
    seen.push(socket.readyState);
    assert.deepEqual(seen, [0, 1, 2, 3]);
  });

  test('is told in order: open, message, close', async (context) => {
    const socket = open(context, server.url);
    const lines = transcript(socket);
    await next(socket, 'open');
    socket.send('one');
    socket.send('two');
    await until(() => lines.length === 3, 'two echoes');
    socket.close(4000, 'done');
    const last = await next(socket, 'close');
    assert.deepEqual(lines, ['open', 'message one', 'message two', 'close 4000 done']);
    assert.deepEqual([last.wasClean, last.willReconnect, last.retryIn], [true, false, null]);
  });

  test('closed while connecting fails: error, then close 1006', async (context) => {
    const socket = open(context, server.url);
    const lines = transcript(socket);
    socket.close();
    assert.equal(socket.readyState, socket.CLOSING);
    assert.deepEqual(lines, []);
    await next(socket, 'close');
    assert.deepEqual(lines, ['error', 'close 1006']);
    assert.equal(socket.readyState, socket.CLOSED);
  });

  test('closed twice is closed once', async (context) => {
    const socket = open(context, server.url);
    const lines = transcript(socket);
    await next(socket, 'open');
    socket.close(1000, 'first');
    socket.close(1000, 'second');
    await next(socket, 'close');
    socket.close();
    assert.deepEqual(lines, ['open', 'close 1000 first']);
  });
});

describe('close', () => {
  test('refuses codes that are not for applications', async (context) => {
    const socket = open(context, server.url);
    await next(socket, 'open');
    for (const code of [0, 999, 1001, 1005, 2999, 5000, 70_000, NaN]) {
      assert.throws(() => socket.close(code), { name: 'InvalidAccessError' }, `${code}`);
    }
    assert.equal(socket.readyState, socket.OPEN);
  });

  test('refuses a reason of more than 123 bytes', async (context) => {
    const socket = open(context, server.url);
    await next(socket, 'open');
    assert.throws(() => socket.close(1000, 'ü'.repeat(62)), { name: 'SyntaxError' });
    assert.equal(socket.readyState, socket.OPEN);
    socket.close(1000, 'ü'.repeat(61));
    assert.equal((await next(socket, 'close')).reason, 'ü'.repeat(61));
  });
});

describe('send', () => {
  test('takes text, blobs, buffers and views', async (context) => {
    const socket = open(context, server.url);
    socket.binaryType = 'arraybuffer';
    await next(socket, 'open');
    const bytes = new Uint8Array([9, 1, 2, 3, 9]);
    for (const data of [new Blob([bytes.slice(1, 4)]), bytes.slice(1, 4).buffer, bytes.subarray(1, 4)]) {
      socket.send(data);
      const event = await next(socket, 'message');
      assert.deepEqual(new Uint8Array(event.data), new Uint8Array([1, 2, 3]));
    }
    socket.send('text');
    assert.equal((await next(socket, 'message')).data, 'text');
  });

  test('takes anything else as text, and nothing at all not', async (context) => {
    const socket = open(context, server.url);
    await next(socket, 'open');
    const send = /** @type {(...data: unknown[]) => void} */ (socket.send.bind(socket));
    send(42);
    assert.equal((await next(socket, 'message')).data, '42');
    assert.throws(() => send(), TypeError);
  });

  test('throws InvalidStateError while there is no connection and no queue', (context) => {
    const socket = open(context, server.url);
    assert.throws(() => socket.send('early'), { name: 'InvalidStateError' });
    assert.equal(socket.bufferedAmount, 0);
  });

  test('after close is silent, and bufferedAmount grows', async (context) => {
    const socket = open(context, server.url);
    await next(socket, 'open');
    socket.close();
    socket.send('grün');
    await next(socket, 'close');
    socket.send(new Uint8Array(3));
    assert.equal(socket.bufferedAmount, 8);
  });
});

describe('binaryType', () => {
  test('is blob, then what was set, and nothing else', (context) => {
    const socket = open(context, server.url);
    assert.equal(socket.binaryType, 'blob');
    socket.binaryType = 'arraybuffer';
    socket.binaryType = /** @type {BinaryType} */ ('nodebuffer');
    assert.equal(socket.binaryType, 'arraybuffer');
  });

  test('changes what comes, at once', async (context) => {
    const socket = open(context, server.url);
    await next(socket, 'open');
    socket.send(new Uint8Array(1));
    assert.ok((await next(socket, 'message')).data instanceof Blob);
    socket.binaryType = 'arraybuffer';
    socket.send(new Uint8Array(1));
    assert.ok((await next(socket, 'message')).data instanceof ArrayBuffer);
  });
});

describe('events', () => {
  test('onopen and its like take turns with listeners, in the order they were set', async (context) => {
    const socket = open(context, server.url);
    /** @type {string[]} */
    const order = [];
    socket.addEventListener('open', () => order.push('before'));
    socket.onopen = () => order.push('replaced');
    socket.addEventListener('open', () => order.push('after'));
    socket.onopen = function (event) {
      order.push(this === socket && event.type === 'open' ? 'handler' : 'wrong');
    };
    await next(socket, 'open');
    assert.deepEqual(order, ['before', 'handler', 'after']);
    socket.onopen = null;
    assert.equal(socket.onopen, null);
  });

  test('listeners know once, signal, objects and removal', async (context) => {
    const socket = open(context, server.url);
    /** @type {string[]} */
    const order = [];
    const controller = new AbortController();
    const removed = () => order.push('removed');
    socket.addEventListener('hello', { handleEvent: () => order.push('object') });
    socket.addEventListener('hello', () => order.push('once'), { once: true });
    socket.addEventListener('hello', () => order.push('aborted'), { signal: controller.signal });
    socket.addEventListener('hello', removed);
    socket.removeEventListener('hello', removed);
    controller.abort();
    socket.dispatchEvent(new Event('hello'));
    socket.dispatchEvent(new Event('hello'));
    assert.deepEqual(order, ['object', 'once', 'object']);
  });

  test('a refused connection is an error and a close with 1006', async (context) => {
    const socket = open(context, `ws://127.0.0.1:${await freePort()}/`, { maxRetries: 0 });
    const lines = transcript(socket);
    const [error, close] = await Promise.all([next(socket, 'error'), next(socket, 'close')]);
    assert.match(error.message, /ECONNREFUSED/);
    assert.deepEqual([close.willReconnect, socket.readyState], [false, socket.CLOSED]);
    assert.deepEqual(lines, ['error', 'close 1006']);
  });
});

