/** Real servers that stop, refuse, stall and close: it comes back, or says why it does not. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { classify } from '../src/index.js';
import { next, open, transcript, until } from './client.js';
import { Proxy, SOON_MS, Server, freePort } from './server.js';

const run = promisify(execFile);
/** A program that takes longer than this has been left hanging. */
const HERE = { cwd: import.meta.dirname, timeout: SOON_MS };

/** @type {Server} */
let server;
before(async () => {
  server = await Server.start();
});
after(() => server.stop());

/** What would take longer than this waits for a time that nobody waits for here. */
const NEVER_MS = 1_000_000;

describe('a connection that is left', () => {
  test('is closed with a code, and replaced as one that was lost', async (context) => {
    const socket = open(context, server.url);
    const lines = transcript(socket);
    await next(socket, 'open');
    const left = next(socket, 'close');
    socket.leave(4001, 'moving', 300);
    assert.equal(socket.readyState, socket.CONNECTING);
    const { wasClean, willReconnect, retryIn } = await left;
    assert.deepEqual([wasClean, willReconnect, retryIn !== null && retryIn > 290], [true, true, true]);
    socket.leave(4001, 'nobody is there now');
    await next(socket, 'open');
    assert.deepEqual(lines, ['open', 'close 4001 moving', 'open']);
    assert.throws(() => socket.leave(1001), { name: 'InvalidAccessError' });
  });
});

describe('a server that restarts', () => {
  test('is found again, with close in between and CONNECTING meanwhile', async (context) => {
    let server = await Server.start();
    context.after(() => server.stop());
    const { port, url } = server;
    const socket = open(context, url);
    socket.binaryType = 'arraybuffer';
    const lines = transcript(socket);
    await next(socket, 'open');
    const closed = next(socket, 'close');
    await server.stop();
    const { code, willReconnect, retryIn } = await closed;
    assert.deepEqual([code, willReconnect], [1006, true]);
    assert.ok(retryIn !== null && retryIn <= 200, `${retryIn}`);
    assert.equal(socket.readyState, socket.CONNECTING);
    assert.throws(() => socket.send('nobody there'), { name: 'InvalidStateError' });

    const opened = next(socket, 'open');
    server = await Server.start({ port });
    await opened;
    assert.equal(socket.readyState, socket.OPEN);
    socket.send(new Uint8Array([1]));
    assert.ok((await next(socket, 'message')).data instanceof ArrayBuffer);
    assert.equal(lines.filter((line) => line === 'open').length, 2);
    assert.equal(server.connections, 1);
  });

  test('that was never there is met once it is', async (context) => {
    const port = await freePort();
    const socket = open(context, `ws://127.0.0.1:${port}/`);
    await until(() => socket.retryCount === 3, 'three refusals');
    const server = await Server.start({ port });
    context.after(() => server.stop());
    await next(socket, 'open');
    assert.ok(socket.retryCount >= 3, 'a connection that only opened is not stable yet');
  });
});

describe('giving up', () => {
  test('after so many attempts in a row, and the last close says so', async (context) => {
    const socket = open(context, `ws://127.0.0.1:${await freePort()}/`, { maxRetries: 2 });
    const lines = transcript(socket);
    /** @type {boolean[]} */
    const willReconnect = [];
    socket.onclose = (event) => willReconnect.push(event.willReconnect);
    await until(() => socket.readyState === socket.CLOSED, 'the end');
    assert.deepEqual(willReconnect, [true, true, false]);
    assert.equal(lines.filter((line) => line === 'error').length, 3);
  });

  test('after so long', async (context) => {
    const url = `ws://127.0.0.1:${await freePort()}/`;
    const socket = open(context, url, { maxElapsed: 100 });
    await until(() => socket.readyState === socket.CLOSED, 'the end');
    assert.equal(socket.shouldReconnect, false);
  });

  test('and reconnect() begins anew', async (context) => {
    const port = await freePort();
    const socket = open(context, `ws://127.0.0.1:${port}/`, { maxRetries: 0 });
    await next(socket, 'close');
    const server = await Server.start({ port });
    context.after(() => server.stop());
    socket.reconnect();
    assert.equal(socket.readyState, socket.CONNECTING);
    await next(socket, 'open');
  });
});

describe('close codes', () => {
  for (const [code, comesBack] of /** @type {const} */ ([
    [1000, false], [1001, true], [1008, false], [1011, true], [1012, true],
    [3000, true], [3500, false], [4499, true], [4500, false],
  ])) {
    test(`${code} ${comesBack ? 'is retried' : 'is final'}`, async (context) => {
      const socket = open(context, server.url);
      await next(socket, 'open');
      socket.send(`close ${code} because`);
      const close = await next(socket, 'close');
      assert.deepEqual([close.code, close.reason, close.wasClean], [code, 'because', true]);
      assert.equal(close.willReconnect, comesBack);
      if (comesBack) await next(socket, 'open');
      else assert.equal(socket.readyState, socket.CLOSED);
    });
  }

  test('the server can name the pace', async (context) => {
    const socket = open(context, server.url);
    await next(socket, 'open');
    socket.send('close 1012 service restart retry-after-ms=500');
    const { retryIn } = await next(socket, 'close');
    assert.ok(retryIn !== null && retryIn >= 490 && retryIn <= 700, `${retryIn}`);
    await next(socket, 'open');
  });

  test('the program can judge otherwise', async (context) => {
    /** @type {import('../src/index.js').Ending[]} */
    const endings = [];
    const socket = open(context, server.url, {
      classify(ending) {
        endings.push(ending);
        return ending.code === 1000 ? 'retry' : classify(ending);
      },
    });
    await next(socket, 'open');
    socket.send('close 1000 please come back');
    assert.equal((await next(socket, 'close')).willReconnect, true);
    await next(socket, 'open');
    assert.deepEqual(endings, [{ code: 1000, reason: 'please come back', wasClean: true, opened: true }]);
  });
});

describe('a connection attempt', () => {
  test('that takes too long is given up, and the next may succeed', async (context) => {
    const proxy = await Proxy.start(server.port);
    context.after(() => proxy.stop());
    proxy.hold();
    const socket = open(context, proxy.url, { connectionTimeout: 200 });
    const lines = transcript(socket);
    const { code, reason } = await next(socket, 'close');
    assert.deepEqual([code, reason], [1006, 'no connection in time']);
    assert.deepEqual(lines, ['error', 'close 1006 no connection in time']);
    proxy.pass();
    await next(socket, 'open');
  });

  test('asks for its URL and protocols each time', async (context) => {
    let asked = 0;
    const url = async () => `${server.url}?token=${(asked += 1)}`;
    const socket = open(context, url, {}, () => ['fresh']);
    assert.equal(socket.url, '');
    await next(socket, 'open');
    assert.equal(socket.url, `${server.url}?token=1`);
    assert.equal(socket.protocol, 'fresh');
    socket.reconnect();
    await next(socket, 'open');
    assert.equal(socket.url, `${server.url}?token=2`);
  });

  test('whose URL cannot be had has failed, and the next may succeed', async (context) => {
    let asked = 0;
    const socket = open(context, () => {
      asked += 1;
      if (asked === 1) throw new Error('no token today');
      return server.url;
    });
    const [error, close] = await Promise.all([next(socket, 'error'), next(socket, 'close')]);
    assert.match(error.message, /no token today/);
    assert.deepEqual([close.code, close.willReconnect], [1006, true]);
    await next(socket, 'open');
  });

  test('whose URL is none is the last', async (context) => {
    const socket = open(context, async () => 'not a url');
    const close = await next(socket, 'close');
    assert.deepEqual([close.code, close.willReconnect], [1006, false]);
  });

  test('that was closed while the URL was asked for never begins', async (context) => {
    let give = (/** @type {string} */ _url) => {};
    const { connections } = server;
    const socket = open(context, () => new Promise((resolve) => (give = resolve)));
    await until(() => give.length === 1 && socket.readyState === socket.CONNECTING, 'the question');
    socket.close();
    await next(socket, 'close');
    give(server.url);
    const other = open(context, server.url);
    await next(other, 'open');
    assert.equal(server.connections, connections + 1);
  });
});

describe('reconnect()', () => {
  test('closes what there is and connects at once, one connection at a time', async (context) => {
    const server = await Server.start();
    context.after(() => server.stop());
    const socket = open(context, server.url, { minReconnectionDelay: NEVER_MS });
    const lines = transcript(socket);
    await next(socket, 'open');
    socket.reconnect(4001, 'again');
    await next(socket, 'open');
    assert.deepEqual(lines, ['open', 'close 4001 again', 'open']);
    await until(() => server.server.clients.size === 1, 'the old one gone');
    socket.send('hello');
    await until(() => server.received.length === 1, 'the message');
  });

  test('from a close handler, or in the middle of closing, is obeyed', async (context) => {
    const socket = open(context, server.url);
    await next(socket, 'open');
    socket.close();
    socket.reconnect();
    await next(socket, 'open');
    socket.addEventListener('close', () => socket.reconnect(), { once: true });
    socket.close();
    await next(socket, 'open');
    assert.equal(socket.readyState, socket.OPEN);
  });

  test('checks what it is to say', (context) => {
    const socket = open(context, server.url);
    assert.throws(() => socket.reconnect(1001), { name: 'InvalidAccessError' });
  });

  test('starts what was started closed', async (context) => {
    const { connections } = server;
    const socket = open(context, server.url, { startClosed: true });
    assert.equal(socket.readyState, socket.CLOSED);
    assert.equal(socket.url, server.url);
    socket.reconnect();
    await next(socket, 'open');
    assert.equal(server.connections, connections + 1);
  });
});

test('retryNow cuts a wait short, and retryIn says how long it is', async (context) => {
  const port = await freePort();
  const socket = open(context, `ws://127.0.0.1:${port}/`, {
    minReconnectionDelay: NEVER_MS,
    maxReconnectionDelay: NEVER_MS,
  });
  assert.equal(socket.retryIn, null);
  await next(socket, 'close');
  assert.ok(socket.retryIn !== null && socket.retryIn > 0);
  const server = await Server.start({ port });
  context.after(() => server.stop());
  socket.retryNow();
  assert.equal(socket.retryIn, null);
  await next(socket, 'open');
});

describe('the heartbeat', () => {
  const heartbeat = { interval: 100, timeout: 400 };

  test('finds a stalled link, and a new connection replaces it', async (context) => {
    const proxy = await Proxy.start(server.port);
    context.after(() => proxy.stop());
    const socket = open(context, proxy.url, { heartbeat });
    await next(socket, 'heartbeat');
    proxy.stall();
    const stalledAt = performance.now();
    const [error, close] = await Promise.all([next(socket, 'error'), next(socket, 'close')]);
    assert.ok(performance.now() - stalledAt >= 400, 'death is not declared before the timeout');
    assert.equal(error.message, 'no answer');
    assert.deepEqual([close.code, close.reason, close.wasClean], [1006, 'no answer', false]);
    await next(socket, 'open');
    socket.send('there again');
    assert.equal((await next(socket, 'message')).data, 'there again');
  });

  test('is not seen by the application, and measures the round trip', async (context) => {
    const socket = open(context, server.url, { heartbeat });
    const lines = transcript(socket);
    await next(socket, 'open');
    const { roundTrip } = await next(socket, 'heartbeat');
    assert.ok(roundTrip > 0 && roundTrip < 400, `${roundTrip}`);
    await next(socket, 'heartbeat');
    assert.deepEqual(lines, ['open']);
  });

  test('can speak other words', async (context) => {
    const socket = open(context, server.url, { heartbeat: { ping: 'há?', pong: 'há?', interval: 50 } });
    const lines = transcript(socket);
    await next(socket, 'heartbeat');
    assert.ok(server.received.includes('há?'));
    assert.deepEqual(lines, ['open']);
  });

  test('does not ping while anything arrives and no fate is open', async (context) => {
    const server = await Server.start();
    context.after(() => server.stop());
    const socket = open(context, server.url, { heartbeat: { interval: 2_000 } });
    await next(socket, 'open');
    const [peer] = server.server.clients;
    const end = performance.now() + 2_500;
    while (performance.now() < end) {
      peer.send('chatter');
      await next(socket, 'message');
    }
    assert.equal(server.pings, 0);
    await until(() => server.pings === 1, 'silence, and a ping');
  });

  test('without the option nothing is sent on its own, and pong is a message', async (context) => {
    const server = await Server.start();
    context.after(() => server.stop());
    const socket = open(context, server.url);
    await next(socket, 'open');
    socket.send('pong');
    assert.equal((await next(socket, 'message')).data, 'pong');
    assert.equal(server.pings, 0);
  });
});

test('a dropped connection never speaks again', async (context) => {
  const socket = open(context, server.url);
  await next(socket, 'open');
  const lines = transcript(socket);
  socket.send('from the first');
  socket.reconnect();
  await next(socket, 'open');
  socket.send('from the second');
  await next(socket, 'message');
  assert.deepEqual(lines, ['close 1000', 'open', 'message from the second']);
});

test('nothing of it is left when it is over', async () => {
  // The process ends by itself, quickly: no timer and no socket holds it.
  const program = `
    import { WebSocket } from 'ws';
    import { ReliableWebSocket } from '../src/index.js';
    const options = { WebSocket, heartbeat: { interval: 60_000 }, maxEnqueuedMessages: 5 };
    const socket = new ReliableWebSocket(${JSON.stringify(server.url)}, [], options);
    socket.onopen = () => socket.close();
    const never = new ReliableWebSocket('ws://127.0.0.1:9/', [], options);
    never.send('queued');
    never.onclose = () => never.close();`;
  await run(process.execPath, ['--input-type=module', '--eval', program], HERE);
});

test('the WebSocket that Node has itself will do', async () => {
  const program = `
    import { ReliableWebSocket } from '../src/index.js';
    const socket = new ReliableWebSocket(${JSON.stringify(server.url)}, [], { heartbeat: true });
    socket.onmessage = ({ data }) => { console.log(data); socket.close(); };
    socket.onopen = () => socket.deliver('native').then(({ fate }) => console.log(fate));`;
  const flags = ['--experimental-websocket', '--input-type=module'];
  const { stdout } = await run(process.execPath, [...flags, '--eval', program], HERE);
  assert.deepEqual(stdout.trim().split('\n').sort(), ['native', 'sent']);
});
