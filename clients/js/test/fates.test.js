/** Of every message it is told what became of it, and what is told is true. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { next, open, transcript, until } from './client.js';
import { Proxy, Server, freePort } from './server.js';

const SENT = { fate: 'sent' };
const UNSURE = { fate: 'unsure' };

/** @param {string} why */
const notSent = (why) => ({ fate: 'notSent', why });

/** An interval at which no ping comes by itself here. */
const heartbeat = { interval: 1_000_000 };

/** One turn of the event loop: sockets are read once. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * @param {import('node:test').TestContext} context
 * @param {number} [port]
 */
async function start(context, port) {
  const server = await Server.start({ port });
  context.after(() => server.stop());
  return server;
}

/** @param {import('../src/index.js').ReliableWebSocket} socket */
function fates(socket) {
  /** @type {string[]} */
  const lines = [];
  socket.addEventListener('fate', ({ fate, why, first, last }) => {
    lines.push(`${first}–${last} ${fate} ${why ?? ''}`.trim());
  });
  return lines;
}

describe('without a queue', () => {
  test('deliver says at once that there is no connection', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url);
    assert.deepEqual(await socket.deliver('early'), notSent('down'));
    await next(socket, 'open');
    assert.equal(socket.lastMessage, 0);
  });

  test('a delivered message is sent once the ping behind it was answered', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    const told = fates(socket);
    await next(socket, 'open');
    socket.send('one');
    assert.deepEqual(await socket.deliver('two'), SENT);
    assert.deepEqual(server.received, ['one', 'two']);
    assert.equal(server.pings, 1);
    await until(() => told.length > 0, 'the event');
    assert.deepEqual(told, ['1–2 sent']);
  });

  test('of many deliveries at once, one ping is under way at a time', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    await next(socket, 'open');
    const all = Array.from({ length: 100 }, (_, index) => socket.deliver(`${index}`));
    assert.deepEqual(new Set((await Promise.all(all)).map(({ fate }) => fate)), new Set(['sent']));
    // The first, and another for what was behind it.
    assert.equal(server.pings, 2);
  });

  test('a server that never falls silent does not keep a fate back', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat: { interval: 200 } });
    const told = fates(socket);
    await next(socket, 'open');
    const talk = setInterval(() => {
      for (const client of server.server.clients) client.send('news');
    }, 20);
    context.after(() => clearInterval(talk));
    socket.send('one');
    await until(() => told.length > 0, 'its fate');
    assert.deepEqual(told, ['1–1 sent']);
  });

  test('what was under way when the connection broke is unsure', async (context) => {
    const server = await start(context);
    server.answers = false;
    const socket = open(context, server.url, { heartbeat });
    const told = fates(socket);
    await next(socket, 'open');
    socket.send('plain');
    const delivery = socket.deliver('delivered');
    await until(() => server.received.length === 2, 'both');
    for (const client of server.server.clients) client.terminate();
    assert.deepEqual(await delivery, UNSURE);
    assert.deepEqual(told, ['1–2 unsure']);
    await next(socket, 'open');
    assert.deepEqual(server.received, ['plain', 'delivered']);
  });

  test('without a heartbeat there is no proof, at a close of ours neither', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url);
    await next(socket, 'open');
    const delivery = socket.deliver('last words');
    socket.close(1000);
    assert.deepEqual(await delivery, UNSURE);
    assert.equal(server.pings, 0);
    assert.deepEqual(server.received, ['last words']);
  });

  test('a close frame of the server’s own proves nothing', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url);
    await next(socket, 'open');
    const delivery = socket.deliver('close 4000 my own idea');
    assert.deepEqual(await delivery, UNSURE);
  });

  test('nor does it if we close, with the same code, when it is here already', async (context) => {
    const server = await start(context);
    server.answers = false;
    const socket = open(context, server.url);
    await next(socket, 'open');
    const delivery = socket.deliver('on its way');
    for (const client of server.server.clients) client.close(1000);
    while (socket.readyState === socket.OPEN) await turn();
    socket.close(1000);
    assert.deepEqual(await delivery, UNSURE);
  });

  test('a pong that nobody asked for proves nothing', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    await next(socket, 'open');
    socket.send('pong');
    await until(() => server.received.length === 1, 'its echo, unseen');
    server.answers = false;
    for (const client of server.server.clients) client.terminate();
    const lines = fates(socket);
    await next(socket, 'close');
    assert.deepEqual(lines, ['1–1 unsure']);
  });

  test('so many fates are waited for, and no more', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url);
    await next(socket, 'open');
    const taken = Array.from({ length: 10_000 }, () => socket.deliver(''));
    assert.deepEqual(await socket.deliver('one too many'), notSent('full'));
    socket.close(1000);
    assert.deepEqual(new Set((await Promise.all(taken)).map(({ fate }) => fate)), new Set(['unsure']));
  });

  test('after close nothing is taken', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url);
    await next(socket, 'open');
    socket.close();
    assert.deepEqual(await socket.deliver('too late'), notSent('ended'));
    assert.deepEqual(server.received, []);
  });

  test('numbers go on after reconnect()', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    await next(socket, 'open');
    await socket.deliver('one');
    socket.close();
    await next(socket, 'close');
    socket.reconnect();
    await next(socket, 'open');
    assert.deepEqual(await socket.deliver('two'), SENT);
    assert.equal(socket.lastMessage, 2);
  });
});

describe('close', () => {
  test('waits for the proof that everything was read', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    const told = fates(socket);
    await next(socket, 'open');
    socket.send('one');
    socket.send('two');
    socket.close(4000, 'done');
    assert.equal(socket.readyState, socket.CLOSING);
    socket.send('too late');
    assert.deepEqual(await socket.deliver('too late'), notSent('ended'));
    const { code, reason, wasClean, willReconnect } = await next(socket, 'close');
    assert.deepEqual([code, reason, wasClean, willReconnect], [4000, 'done', true, false]);
    assert.deepEqual(told, ['1–2 sent']);
    assert.deepEqual(server.received, ['one', 'two']);
    assert.equal(server.pings, 1);
  });

  test('pings once more for what went behind a ping', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    const told = fates(socket);
    await next(socket, 'open');
    socket.deliver('one');
    socket.send('two');
    socket.close();
    await next(socket, 'close');
    assert.deepEqual(told, ['1–1 sent', '2–2 sent']);
    assert.equal(server.pings, 2);
  });

  test('asks for nothing when nothing is open', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    await next(socket, 'open');
    await socket.deliver('one');
    socket.close();
    await next(socket, 'close');
    assert.equal(server.pings, 1);
  });

  test('ends messages, although it still waits', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat });
    const lines = transcript(socket);
    await next(socket, 'open');
    socket.send('its echo comes before the pong');
    socket.close(1000);
    await next(socket, 'close');
    assert.deepEqual(lines, ['open', 'close 1000']);
  });

  test('waits for a second, and no longer, where nobody answers', async (context) => {
    const server = await start(context);
    server.answers = false;
    const socket = open(context, server.url, { heartbeat });
    await next(socket, 'open');
    const delivery = socket.deliver('read, and not answered');
    const [peer] = server.server.clients;
    const heard = once(peer, 'close');
    const closedAt = performance.now();
    socket.close(4000, 'enough');
    // Long before the watchdog calls it dead, and in order.
    const [[code, reason], { wasClean }] = await Promise.all([heard, next(socket, 'close')]);
    const waited = performance.now() - closedAt;
    assert.ok(waited >= 999, `${waited} ms`);
    assert.deepEqual([code, String(reason), wasClean], [4000, 'enough', true]);
    assert.deepEqual(await delivery, UNSURE);
  });

  test('does not wait at all with a `closeTimeout` of 0', async (context) => {
    const server = await start(context);
    server.answers = false;
    /** @type {WebSocket | undefined} */
    let native;
    class Watched extends WebSocket {
      /** @param {string} url */
      constructor(url) {
        super(url);
        native = this;
      }
    }
    const options = { WebSocket: Watched, heartbeat: { ...heartbeat, closeTimeout: 0 } };
    const socket = open(context, server.url, options);
    await next(socket, 'open');
    const delivery = socket.deliver('no time for proof');
    assert.equal(native?.readyState, WebSocket.OPEN);
    socket.close(4000);
    assert.equal(native?.readyState, WebSocket.CLOSING);
    assert.deepEqual(await delivery, UNSURE);
  });

  test('leaves a ping that came too late without a meaning', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { heartbeat: { ...heartbeat, closeTimeout: 0 } });
    const told = fates(socket);
    await next(socket, 'open');
    socket.deliver('one');
    // Its echo follows the true answer, and comes when the next ping could not leave any more.
    socket.send('pong');
    socket.deliver('three');
    socket.close();
    await next(socket, 'close');
    assert.deepEqual(told, ['1–1 sent', '2–3 unsure']);
  });

  test('is obeyed by reconnect while it waits', async (context) => {
    const server = await start(context);
    server.answers = false;
    const socket = open(context, server.url, { heartbeat });
    const lines = transcript(socket);
    await next(socket, 'open');
    const delivery = socket.deliver('one');
    socket.close(4000);
    socket.reconnect(4001);
    assert.deepEqual(await delivery, UNSURE);
    await next(socket, 'open');
    assert.deepEqual(lines, ['open', 'close 4001', 'open']);
  });

  for (const [how, options] of Object.entries({ 'with a heartbeat': { heartbeat }, 'without one': {} })) {
    test(`that crosses the server’s, with the same code, proves nothing, ${how}`, async (context) => {
      const server = await start(context);
      /** @type {import('node:net').Socket | undefined} */
      let connection;
      server.server.on('connection', (_, request) => (connection = request.socket));
      const socket = open(context, server.url, options);
      await next(socket, 'open');
      const [peer] = server.server.clients;
      peer.pause();
      const delivery = socket.deliver('never read');
      peer.close(1000);
      connection?.end();
      socket.close(1000);
      const { code, wasClean } = await next(socket, 'close');
      assert.deepEqual([code, wasClean], [1000, true], 'it looks like an answer');
      assert.deepEqual(await delivery, UNSURE);
      assert.deepEqual(server.received, []);
    });
  }
});

describe('with a queue', () => {
  const queue = { maxEnqueuedMessages: 3 };

  test('messages wait for the connection, and leave in their order', async (context) => {
    const port = await freePort();
    const socket = open(context, `ws://127.0.0.1:${port}/`, { ...queue, heartbeat });
    socket.send('one');
    const two = socket.deliver('zwölf');
    assert.equal(socket.bufferedAmount, 9);
    await next(socket, 'close');
    const server = await start(context, port);
    assert.deepEqual(await two, SENT);
    socket.send('three');
    await until(() => server.received.length === 3, 'all three');
    assert.deepEqual(server.received, ['one', 'zwölf', 'three']);
    assert.equal(socket.bufferedAmount, 0);
  });

  test('what waits is what was given, whatever becomes of the buffer', async (context) => {
    const port = await freePort();
    const socket = open(context, `ws://127.0.0.1:${port}/`, queue);
    const bytes = new TextEncoder().encode('xoriginalx');
    socket.send(bytes.subarray(1, 9));
    bytes.fill(0);
    const server = await start(context, port);
    await until(() => server.received.length === 1, 'the message');
    assert.deepEqual(server.received, ['original']);
  });

  test('a full queue refuses', async (context) => {
    const socket = open(context, `ws://127.0.0.1:${await freePort()}/`, queue);
    for (const text of ['one', 'two', 'three']) socket.send(text);
    assert.throws(() => socket.send('four'), { name: 'QuotaExceededError' });
    assert.deepEqual(await socket.deliver('five'), notSent('full'));
    assert.equal(socket.lastMessage, 3);
  });

  test('so many bytes are full as well', async (context) => {
    const url = `ws://127.0.0.1:${await freePort()}/`;
    const socket = open(context, url, { ...queue, maxEnqueuedBytes: 10 });
    socket.send('12345678');
    assert.throws(() => socket.send('ää'), { name: 'QuotaExceededError' });
    socket.send('ä');
    assert.equal(socket.bufferedAmount, 10);
  });

  test('what waits too long is not sent', async (context) => {
    const port = await freePort();
    const socket = open(context, `ws://127.0.0.1:${port}/`, { ...queue, maxEnqueuedAge: 1_000 });
    const told = fates(socket);
    assert.deepEqual(await socket.deliver('stale'), notSent('expired'));
    const server = await start(context, port);
    socket.send('fresh');
    await until(() => server.received.length === 1, 'the fresh one');
    assert.deepEqual(server.received, ['fresh']);
    assert.deepEqual(told, ['1–1 notSent expired']);
  });

  test('what waits when it is over is not sent', async (context) => {
    const socket = open(context, `ws://127.0.0.1:${await freePort()}/`, queue);
    const told = fates(socket);
    socket.send('one');
    const two = socket.deliver('two');
    socket.close();
    assert.deepEqual(await two, notSent('ended'));
    assert.deepEqual(told, ['1–2 notSent ended']);
  });

  test('a connection that is closing is none: the message waits for the next', async (context) => {
    const server = await start(context);
    const socket = open(context, server.url, { ...queue, heartbeat });
    await next(socket, 'open');
    // While the native close event is still to come, `WebSocket` would lose the message.
    for (const client of server.server.clients) client.close(1012);
    while (socket.readyState === socket.OPEN) await turn();
    assert.equal(socket.readyState, socket.CONNECTING);
    assert.deepEqual(await socket.deliver('kept'), SENT);
    assert.deepEqual(server.received, ['kept']);
  });

  test('across many cuts every fate is true', async (context) => {
    const server = await start(context);
    const proxy = await Proxy.start(server.port);
    context.after(() => proxy.stop());
    const socket = open(context, proxy.url, { maxEnqueuedMessages: 1_000, heartbeat });
    /** @type {Promise<{ text: string, fate: string }>[]} */
    const deliveries = [];
    for (let cut = 0; cut < 10; cut += 1) {
      if (socket.readyState !== socket.OPEN) await next(socket, 'open');
      for (let index = 0; index < 20; index += 1) {
        const text = `${cut}/${index}`;
        deliveries.push(socket.deliver(text).then(({ fate }) => ({ text, fate })));
        if (index % 5 === 0) await turn();
      }
      proxy.cut();
    }
    const told = await Promise.all(deliveries);
    for (const { text, fate } of told) {
      const times = server.received.filter((received) => received === text).length;
      assert.ok(times <= 1, `${text} came ${times} times`);
      if (fate === 'sent') assert.equal(times, 1, text);
      assert.notEqual(fate, 'notSent', text);
    }
    assert.ok(told.some(({ fate }) => fate === 'sent'));
  });
});
