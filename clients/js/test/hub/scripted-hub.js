/** A hub over a real socket whose every word a test says; it answers `connect` and heartbeats by itself. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { SOON_MS } from '../server.js';

/** @typedef {Record<string, unknown> & { id?: number }} Message */

/** Sessions that a scripted hub resumes have this id. */
export const SESSION = 's-1';

const CONNECTED = {
  session: SESSION,
  key: 'key-1',
  user: 'ada',
  got: 0,
  heartbeat: { interval: 25_000, timeout: 10_000 },
  limits: { max_message: 1_000, max_subscriptions: 8, max_unanswered: 8 },
};

export class ScriptedHub {
  /** The messages of `connect`. @type {Message[]} */
  connects = [];
  /** What is said in the next replies to `connect`, and nothing by default. @type {object[]} */
  replies = [];
  /** What the client closed links with. @type {number[]} */
  codes = [];
  /** Whether it is there for those who ask. */
  isDeaf = false;
  heartbeats = 0;
  /** @type {Message[]} */
  #messages = [];
  /** @type {(() => void) | null} */
  #wake = null;
  /** @type {import('ws').WebSocket | null} */
  #socket = null;

  /** @param {WebSocketServer} server */
  constructor(server) {
    this.server = server;
    server.on('connection', (socket) => {
      this.#socket = socket;
      socket.on('message', (data) => this.isDeaf || this.#heard(JSON.parse(String(data))));
      socket.on('close', (code) => this.codes.push(code));
    });
  }

  /**
   * @param {import('node:test').TestContext} context
   * @param {import('ws').ServerOptions} [options]
   */
  static async start(context, options) {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
    await once(server, 'listening');
    context.after(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    return new ScriptedHub(server);
  }

  get url() {
    return `ws://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (this.server.address()).port}/`;
  }

  /** @param {object} message */
  says(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Says what it will in JSON that is none. @param {string} text */
  babbles(text) {
    this.#socket?.send(text);
  }

  cuts() {
    this.#socket?.terminate();
  }

  /** @param {number} code */
  closes(code) {
    this.#socket?.close(code);
  }

  /**
   * The next message has to be this one.
   *
   * @param {object} expected without `id`
   * @returns {Promise<number>} its id
   */
  async hears(expected) {
    const deadline = setTimeout(() => this.#wake?.(), SOON_MS);
    while (this.#messages.length === 0) {
      await new Promise((resolve) => (this.#wake = () => resolve(null)));
      assert.ok(this.#messages.length > 0, `nothing, not ${JSON.stringify(expected)}`);
    }
    clearTimeout(deadline);
    const { id = 0, ...message } = /** @type {Message} */ (this.#messages.shift());
    assert.deepEqual(message, expected);
    return id;
  }

  /**
   * The next message has to be this one, and is answered with that.
   *
   * @param {object} expected
   * @param {object} ok
   */
  async answers(expected, ok) {
    this.says({ id: await this.hears(expected), ok });
  }

  /** @param {Message} message */
  #heard(message) {
    if (message.connect !== undefined) {
      this.connects.push(/** @type {Message} */ (message.connect));
      this.says({ id: message.id, ok: { ...CONNECTED, ...this.replies.shift() } });
    } else if (Object.keys(message).length === 0) {
      this.heartbeats += 1;
      this.says({ got: 0 });
    } else if (!('got' in message)) {
      this.#messages.push(message);
      this.#wake?.();
    }
  }
}
