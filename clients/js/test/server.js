/** Real servers over TCP, that can go away, come back, and fall silent. */

import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import { WebSocketServer } from 'ws';

/** For anything that is to happen, on a slow machine as well (milliseconds). */
export const SOON_MS = 15_000;

/**
 * npm's `ws` as a server. It answers the text `ping` with `pong`, echoes everything else, and does
 * what the message `close CODE REASON` says.
 */
export class Server {
  /** What came, pings apart. @type {string[]} */
  received = [];
  pings = 0;
  connections = 0;
  /** Whether it answers pings and echoes. */
  answers = true;

  /** @param {WebSocketServer} server */
  constructor(server) {
    this.server = server;
    server.on('connection', (socket) => {
      this.connections += 1;
      socket.on('message', (data, isBinary) => this.#message(socket, data, isBinary));
    });
  }

  /** @param {{ port?: number, protocols?: string[] }} [options] without a port the system chooses one */
  static async start({ port = 0 } = {}) {
    const server = new WebSocketServer({ host: '127.0.0.1', port });
    await once(server, 'listening');
    return new Server(server);
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.server.address()).port;
  }

  get url() {
    return `ws://127.0.0.1:${this.port}/`;
  }

  /** Cut every connection and stop listening. */
  async stop() {
    for (const client of this.server.clients) client.terminate();
    this.server.close();
    await once(this.server, 'close');
  }

  /**
   * @param {import('ws').WebSocket} socket
   * @param {import('ws').RawData} data
   * @param {boolean} isBinary
   */
  #message(socket, data, isBinary) {
    const text = String(data);
    if (text === 'ping') this.pings += 1;
    else this.received.push(text);
    const close = /^close (\d+) ?(.*)$/.exec(text);
    if (close !== null) socket.close(Number(close[1]), close[2]);
    else if (this.answers) socket.send(text === 'ping' ? 'pong' : data, { binary: isBinary });
  }
}

/** In front of a server: passes bytes on until told to hold them, without closing anything. */
export class Proxy {
  /** @type {Set<import('node:net').Socket>} */
  #sockets = new Set();
  #holds = false;

  /** @param {number} port of the server */
  static async start(port) {
    const proxy = new Proxy();
    const server = createServer((near) => proxy.#join(near, connect(port, '127.0.0.1')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy.server = server;
    return proxy;
  }

  /** @type {import('node:net').Server | undefined} */
  server;

  get url() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.server?.address());
    return `ws://127.0.0.1:${port}/`;
  }

  /** The connections of now stall; later ones pass. */
  stall() {
    for (const socket of this.#sockets) socket.pause().unpipe();
  }

  /** Connections are taken and nothing is passed on. */
  hold() {
    this.#holds = true;
    this.stall();
  }

  pass() {
    this.#holds = false;
  }

  /** End every connection, without a word. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop() {
    this.cut();
    this.server?.close();
  }

  /**
   * @param {import('node:net').Socket} near
   * @param {import('node:net').Socket} far
   */
  #join(near, far) {
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      if (!this.#holds) one.pipe(other);
    }
  }
}

/** A port that nobody listens at. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
