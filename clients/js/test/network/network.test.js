/** A network that fails in every way there is, and what the client says of its messages. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { ReliableWebSocket } from '../../src/index.js';
import { until } from '../client.js';
import { Dice } from './dice.js';
import { FaultProxy } from './fault-proxy.js';
import { judge } from './judge.js';
import { Recorder } from './recorder.js';
import { storm } from './storm.js';

/** Between two messages (milliseconds). */
const EVERY_MS = 4;

/** Node's own, where it has one, and npm's. */
const CLASSES = { ws: WebSocket, ...(globalThis.WebSocket && { global: globalThis.WebSocket }) };

for (const [name, WebSocket] of Object.entries(CLASSES)) {
  test(`through a storm every message has one fate and it is true (${name})`, { timeout: 60_000 }, async (context) => {
    const seed = Number(process.env.EVERWIRE_SEED ?? 3);
    const dice = new Dice(seed);
    const recorder = await Recorder.start();
    context.after(() => recorder.stop());
    const proxy = await FaultProxy.start(recorder.port);
    context.after(() => proxy.stop());
    const client = new Client(`ws://127.0.0.1:${proxy.port}`, WebSocket, dice);
    context.after(() => client.stop());

    await storm({ proxy, dice, rounds: 4, client });
    client.rest();
    await until(() => client.isSettled, 'the last fate');
    client.stop();
    await proxy.stop();
    await recorder.ended();

    const count = judge(client.report, recorder.read);
    context.diagnostic(JSON.stringify({ seed, connections: recorder.read.length, ...count }));
    assert.deepEqual(client.promised, client.told, '`deliver` and the event say the same');
    for (const kind of /** @type {const} */ (['sent', 'unsure', 'notSent', 'refused'])) {
      assert.ok(count[kind] > 0, `nothing was ${kind}: the storm was none`);
    }
    assert.ok(client.opens > 20, `${client.opens} connections`);
  });
}

/** More than its queue takes. */
const MANY = 1_000;

/** Sends without a pause, and writes down what it is told. */
class Client {
  opens = 0;
  /** @type {import('./judge.js').Report} */
  report = { taken: [], refused: [], fates: [] };
  /** What `deliver` promised, by number. @type {Record<number, string>} */
  promised = {};
  #socket;
  #dice;
  #timer;

  /**
   * @param {string} url
   * @param {import('../../src/attempts.js').WebSocketClass} WebSocket
   * @param {Dice} dice
   */
  constructor(url, WebSocket, dice) {
    this.#dice = dice;
    this.#socket = new ReliableWebSocket(url, [], {
      WebSocket,
      minReconnectionDelay: 50,
      maxReconnectionDelay: 200,
      maxEnqueuedMessages: 40,
      maxEnqueuedAge: 500,
      heartbeat: { interval: 100, timeout: 300 },
    });
    this.#socket.addEventListener('open', () => (this.opens += 1));
    this.#socket.addEventListener('fate', ({ first, last, fate, why }) => {
      this.report.fates.push({ first, last, fate, why });
    });
    this.#timer = setInterval(() => this.send(), EVERY_MS);
  }

  get isOpen() {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get isSettled() {
    return (this.report.fates.at(-1)?.last ?? 0) === this.report.taken.length;
  }

  /** The fates of the messages that were promised one, by the events. */
  get told() {
    const fateOf = (/** @type {number} */ number) =>
      this.report.fates.find(({ first, last }) => first <= number && number <= last)?.fate;
    return Object.fromEntries(Object.keys(this.promised).map((key) => [key, fateOf(Number(key))]));
  }

  /** @param {'sent' | 'unsure' | 'notSent' | 'refused'} kind */
  has(kind) {
    const { refused, fates } = this.report;
    return kind === 'refused' ? refused.length > 0 : fates.some(({ fate }) => fate === kind);
  }

  /** Into the queue, until a message is refused. */
  fill() {
    const { refused } = this.report;
    const before = refused.length;
    for (let left = MANY; left > 0 && refused.length === before; left -= 1) this.send();
  }

  /** Nothing more is sent. */
  rest() {
    clearInterval(this.#timer);
  }

  stop() {
    this.rest();
    this.#socket.close();
  }

  send() {
    const { taken, refused } = this.report;
    const text = `${taken.length + refused.length} ${'.'.repeat(this.#dice.below(500))}`;
    if (this.#dice.below(10) === 0) return this.#deliver(text);
    try {
      this.#socket.send(text);
      taken.push(text);
    } catch {
      refused.push(text);
    }
  }

  /** @param {string} text */
  #deliver(text) {
    const number = this.#socket.lastMessage + 1;
    const delivered = this.#socket.deliver(text);
    if (this.#socket.lastMessage < number) {
      this.report.refused.push(text);
      return;
    }
    this.report.taken.push(text);
    delivered.then(({ fate }) => (this.promised[number] = fate));
  }
}
