/**
 * 200 clients, half of them in Rust and half here, on connections that are cut again and again: each hears
 * everything once and in order, whoever publishes it.
 *
 * By itself, `npm run jitter`, and not with the other tests: it has to do with time. It is no race all the same.
 * A client that is cut is refused for 2 s and is back a moment later; a message may take 2.5 s, one in a hundred
 * longer. Longer takes only what meets two breaks, its publisher's and then its listener's: with this seed, which
 * breaks either publisher three times in the minute, five in a thousand. Clients would have to be back 0.4 s later,
 * on average, before that is one in a hundred.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { connect } from '../../src/hub/index.js';
import { until } from '../client.js';
import { Account, quantile } from './account.js';
import { Command } from './command.js';

/** How many there are of each kind. */
const CLIENTS = Number(process.env.EVERWIRE_CLIENTS ?? 100);
/** Draws when connections are cut. */
const SEED = 37;
const MESSAGES = 120;
const EVERY_MS = 500;
/** 99 % are heard within this time (milliseconds). */
const P99_MS = 2_500;

/** As the command's own clients: a pause of at most 200 ms between attempts. */
const OPTIONS = { WebSocket, minReconnectionDelay: 200, maxReconnectionDelay: 200 };

/** Whose messages those of this process are. */
const OURS = 'node';

test('over connections that break, 200 clients hear everything once and in order', { timeout: 180_000 }, async (context) => {
  // A hub that waits for a second only: half of the clients come back to their sessions, the others to new ones.
  const flags = { clients: CLIENTS, others: CLIENTS + 1, messages: MESSAGES, resume: 1, seed: SEED };
  const command = new Command(Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]));
  context.after(() => command.kill());
  const { urls, topic, run } = await command.ways();
  const speaker = connect(/** @type {string} */ (urls.shift()), OPTIONS);
  const listeners = urls.map((url) => new Listener(url, topic, [run, OURS]));
  context.after(() => [speaker, ...listeners].forEach((client) => client.close()));
  await Promise.all(listeners.map((listener) => listener.subscribed));

  await command.begin();
  const published = publish(speaker.topic(topic));
  const rust = await command.found();
  await published;
  // If not, the sum says what they miss.
  await until(() => listeners.every((listener) => listener.isOver), 'everybody hears the end').catch(() => {});
  const node = sum(listeners);
  context.diagnostic(`node ${JSON.stringify(node)}`);
  context.diagnostic(`rust ${JSON.stringify(rust)}`);

  const fine = { duplicates: 0, reordered: 0, strange: 0, gaps: 0 };
  const { heard, duplicates, reordered, strange, gaps } = node;
  assert.deepEqual({ duplicates, reordered, strange, gaps }, fine, 'in Node');
  assert.equal(heard, CLIENTS * MESSAGES * 2, 'delivered, in Node');
  assert.ok(node.p99 < P99_MS, `99 % are heard within ${node.p99} ms, in Node`);
  assert.ok(node.resumed > 0 && node.renewed > 0, 'clients came back to sessions of both kinds');

  const due = CLIENTS * MESSAGES;
  const { delivered, duplicates: twice, reordered: wrong, gaps: told, unstored } = rust;
  assert.deepEqual([delivered, twice, wrong, told, unstored], [due, 0, 0, 0, 0], 'in Rust');
  assert.ok(Number(rust.p99_ms) < P99_MS, `99 % are heard within ${rust.p99_ms} ms, in Rust`);
  assert.ok(Number(rust.resumed) > 0 && Number(rust.renewed) > 0, 'and so in Rust');
  assert.ok(Number(rust.cuts_reset) > CLIENTS && Number(rust.cuts_silence) > CLIENTS, 'the network was bad');
  assert.equal(rust.kept, true);
  assert.equal(await command.end(), 0);
});

/**
 * Publishes everything, whatever becomes of the connection: each message is stored.
 *
 * @param {ReturnType<ReturnType<typeof connect>['topic']>} topic
 */
async function publish(topic) {
  /** @type {Promise<unknown>[]} */
  const stored = [];
  for (let number = 1; number <= MESSAGES + 1; number += 1) {
    stored.push(topic.publish([OURS, number, MESSAGES, Date.now()]));
    await sleep(EVERY_MS);
  }
  await Promise.all(stored);
}

/** A client that hears everything. */
class Listener {
  gaps = 0;
  resumed = 0;
  renewed = 0;
  #client;
  /** By whose messages they are. @type {Map<string, Account>} */
  accounts;

  /**
   * @param {string} url
   * @param {string} name of the topic
   * @param {string[]} runs
   */
  constructor(url, name, runs) {
    this.accounts = new Map(runs.map((run) => [run, new Account(MESSAGES)]));
    this.#client = connect(url, OPTIONS);
    const topic = this.#client.topic(name);
    topic.addEventListener('publication', ({ detail: { data } }) => {
      const note = /** @type {import('./account.js').Note} */ (data);
      this.accounts.get(note[0])?.hear(note, Date.now());
    });
    topic.addEventListener('gap', () => (this.gaps += 1));
    this.subscribed = topic.subscribe().then(() =>
      this.#client.addEventListener('state', ({ detail: state }) => {
        if (state.status === 'up' && state.resumed) this.resumed += 1;
        if (state.status === 'up' && !state.resumed) this.renewed += 1;
      }),
    );
  }

  get isOver() {
    return [...this.accounts.values()].every((account) => account.isOver);
  }

  close() {
    this.#client.close();
  }
}

/** @param {Listener[]} listeners */
function sum(listeners) {
  const accounts = listeners.flatMap((listener) => [...listener.accounts.values()]);
  const total = (/** @type {'heard' | 'duplicates' | 'reordered' | 'strange'} */ key) =>
    accounts.reduce((sum, account) => sum + account[key], 0);
  const delays = accounts.flatMap((account) => account.delays);
  return {
    heard: total('heard'),
    duplicates: total('duplicates'),
    reordered: total('reordered'),
    strange: total('strange'),
    gaps: listeners.reduce((sum, { gaps }) => sum + gaps, 0),
    resumed: listeners.reduce((sum, { resumed }) => sum + resumed, 0),
    renewed: listeners.reduce((sum, { renewed }) => sum + renewed, 0),
    p50: quantile(delays, 0.5),
    p99: quantile(delays, 0.99),
    max: quantile(delays, 1),
  };
}
