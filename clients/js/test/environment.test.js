/** What a browser tells about the network and the tab, told by real events; and a real sleep. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { next, open, until } from './client.js';
import { SOON_MS, Server, freePort } from './server.js';
import { surround } from './surroundings.js';

/** A wait that nothing but news ends, and a heartbeat that nothing but a poke starts. */
const PATIENT = {
  minReconnectionDelay: 1_000_000,
  maxReconnectionDelay: 1_000_000,
  heartbeat: { interval: 1_000_000 },
};

describe('in a browser', () => {
  /** @type {Server} */
  let server;
  before(async () => {
    server = await Server.start();
  });
  after(() => server.stop());

  test('going offline closes at once, and coming back connects at once', async (context) => {
    const window = surround(context);
    const socket = open(context, server.url, PATIENT);
    await next(socket, 'open');
    const closed = next(socket, 'close');
    window.tell('offline');
    assert.equal(socket.readyState, socket.CONNECTING);
    const { code, reason, willReconnect, retryIn } = await closed;
    assert.deepEqual([code, reason, willReconnect, retryIn], [1006, 'offline', true, null]);
    window.tell('online');
    await next(socket, 'open');
  });

  test('without a network no attempt is made before there is one', async (context) => {
    const window = surround(context);
    window.onLine = false;
    const { connections } = server;
    const socket = open(context, server.url, PATIENT);
    assert.equal(socket.readyState, socket.CONNECTING);
    window.tell('online');
    await next(socket, 'open');
    assert.equal(server.connections, connections + 1);
  });

  for (const [what, type, facts] of /** @type {const} */ ([
    ['a tab that is looked at', 'visibilitychange', {}],
    ['a page out of the cache', 'pageshow', { persisted: true }],
    ['a network that is back', 'online', {}],
  ])) {
    test(`${what} pings at once`, async (context) => {
      const window = surround(context);
      const socket = open(context, server.url, PATIENT);
      await next(socket, 'open');
      const beat = next(socket, 'heartbeat');
      window.tell(type, facts);
      await beat;
    });

    test(`${what} ends a wait`, async (context) => {
      const window = surround(context);
      const port = await freePort();
      const socket = open(context, `ws://127.0.0.1:${port}/`, PATIENT);
      await next(socket, 'close');
      const server = await Server.start({ port });
      context.after(() => server.stop());
      window.tell(type, facts);
      await next(socket, 'open');
    });
  }

  test('a tab that is hidden, or a page that is new, changes nothing', async (context) => {
    const window = surround(context);
    const { pings } = server;
    const socket = open(context, server.url, PATIENT);
    await next(socket, 'open');
    window.hidden = true;
    window.tell('visibilitychange');
    window.tell('pageshow', { persisted: false });
    socket.send('hello');
    await next(socket, 'message');
    assert.equal(server.pings, pings);
  });

  test('nobody listens before the start and after the end', async (context) => {
    const window = surround(context);
    const socket = open(context, server.url, { startClosed: true });
    assert.equal(window.listeners, 0);
    socket.reconnect();
    socket.reconnect();
    await next(socket, 'open');
    assert.equal(window.listeners, 4);
    socket.close();
    assert.equal(window.listeners, 0);
  });
});

test('a process that slept pings when it wakes, long before its interval', async (context) => {
  const server = await Server.start();
  context.after(() => server.stop());
  const program = `
    import { WebSocket } from 'ws';
    import { ReliableWebSocket } from '../src/index.js';
    const options = { WebSocket, heartbeat: { interval: 1_000_000 } };
    const socket = new ReliableWebSocket(${JSON.stringify(server.url)}, [], options);
    socket.onopen = () => console.log('open');
    socket.addEventListener('heartbeat', () => console.log('heartbeat'));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  await once(lines, 'line');
  child.kill('SIGSTOP');
  // Longer than a nap of the alarm and what counts as late: 10 s and 2 s.
  await new Promise((resolve) => setTimeout(resolve, 12_500));
  assert.equal(server.pings, 0);
  child.kill('SIGCONT');
  const [line] = await once(lines, 'line', { signal: AbortSignal.timeout(SOON_MS) });
  assert.equal(line, 'heartbeat');
  await until(() => server.pings === 1, 'the ping');
});
