/** A server that remembers every message it read, of npm's `ws`. */

import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { until } from '../client.js';

export class Recorder {
  #server;
  /** The text of every message, by connection, in the order of both. @type {string[][]} */
  read = [];

  /** @param {WebSocketServer} server */
  constructor(server) {
    this.#server = server;
    server.on('connection', (socket) => {
      /** @type {string[]} */
      const read = [];
      this.read.push(read);
      socket.on('message', (data) => {
        const text = String(data);
        if (text === 'ping') socket.send('pong');
        else read.push(text);
      });
      // A cut in the middle of a frame is one; `close` follows.
      socket.on('error', () => {});
    });
  }

  static async start() {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new Recorder(server);
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  /** All that was sent has been read: every connection is over. */
  async ended() {
    await until(() => this.#server.clients.size === 0, 'every connection ends');
  }

  async stop() {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
