/** Everything that a network does to a connection, in an order that the dice choose. */

import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../client.js';

/** How long connections are refused once, at least (milliseconds); the other refusals are shorter. */
const LONG_REFUSAL_MS = 2_000;

/** A refusal that lasts until it is taken back (milliseconds). */
const UNTIL_TAKEN_BACK_MS = 600_000;

/**
 * What can be known of a client, and asked of it.
 *
 * @typedef {object} Client
 * @property {number} opens how often it has connected
 * @property {boolean} isOpen
 * @property {(kind: 'sent' | 'unsure' | 'notSent' | 'refused') => boolean} has whether a message came to that
 * @property {() => void} send sends a message
 * @property {() => void} fill sends messages into its queue until one is refused
 */

/**
 * @typedef {object} Storm
 * @property {import('./fault-proxy.js').FaultProxy} proxy
 * @property {import('./dice.js').Dice} dice
 * @property {number} rounds how often each fault happens
 * @property {Client} client
 */

/**
 * One fault after the other, each once the client is back from the one before. When it is over,
 * messages were sent, unsure, not sent and refused, however slow the machine is.
 *
 * @param {Storm} storm
 */
export async function storm({ proxy, dice, rounds, client }) {
  /** @type {[name: string, fault: () => Promise<void>][]} */
  const kinds = [
    ['cut', () => proxy.cut()],
    ['reset', () => proxy.reset()],
    ['stall', () => stall(proxy, client)],
    // In the middle of a frame, almost always.
    ['cut after bytes', () => proxy.cutAfter('server', 1 + dice.below(4_000))],
    ['refusal', () => refuse(proxy, 50 + dice.below(250))],
  ];
  const faults = dice.shuffle([
    ...Array.from({ length: rounds }, () => kinds).flat(),
    /** @type {typeof kinds[0]} */ (['long refusal', () => refuseLong(proxy, client)]),
  ]);
  await until(() => client.has('sent'), 'a message that was sent');
  for (const [name, fault] of faults) {
    await sleep(20 + dice.below(200));
    const before = client.opens;
    await fault();
    await until(() => client.opens > before, `a connection after a ${name}`);
  }
}

/**
 * Silence, and a message that goes into it: it will be unsure.
 *
 * @param {import('./fault-proxy.js').FaultProxy} proxy
 * @param {Client} client
 */
async function stall(proxy, client) {
  let opens;
  do {
    await until(() => client.isOpen, 'a connection to stall');
    opens = client.opens;
    await proxy.stall();
    // It may have lost that one meanwhile, and have another that does not stall.
  } while (!client.isOpen || client.opens !== opens);
  client.send();
}

/**
 * The server is gone for a while.
 *
 * @param {import('./fault-proxy.js').FaultProxy} proxy
 * @param {number} ms
 */
async function refuse(proxy, ms) {
  await proxy.refuse(ms);
  await proxy.cut();
}

/**
 * The server is gone until the queue was full and messages have waited in it for too long.
 *
 * @param {import('./fault-proxy.js').FaultProxy} proxy
 * @param {Client} client
 */
async function refuseLong(proxy, client) {
  const end = performance.now() + LONG_REFUSAL_MS;
  await proxy.refuse(UNTIL_TAKEN_BACK_MS);
  while (performance.now() < end || !client.has('refused') || !client.has('notSent')) {
    // Again and again: a connection may have been on its way in.
    await proxy.cut();
    if (!client.isOpen && !client.has('refused')) client.fill();
    await sleep(20);
  }
  await proxy.refuse(0);
}
