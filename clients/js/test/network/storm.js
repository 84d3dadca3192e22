/** Everything that a network does to a connection, in an order that the dice choose. */

import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../client.js';

/** How long connections are refused once (milliseconds); the other refusals are shorter. */
const LONG_REFUSAL_MS = 2_000;

/**
 * @typedef {object} Storm
 * @property {import('./fault-proxy.js').FaultProxy} proxy
 * @property {import('./dice.js').Dice} dice
 * @property {number} rounds how often each fault happens
 * @property {() => number} opens how often the client has connected
 */

/**
 * One fault after the other, each once the client is back from the one before.
 *
 * @param {Storm} storm
 */
export async function storm({ proxy, dice, rounds, opens }) {
  /** @type {[name: string, fault: () => Promise<void>][]} */
  const kinds = [
    ['cut', () => proxy.cut()],
    ['reset', () => proxy.reset()],
    ['stall', () => proxy.stall()],
    // In the middle of a frame, almost always.
    ['cut after bytes', () => proxy.cutAfter('server', 1 + dice.below(4_000))],
    ['refusal', () => refuse(proxy, 50 + dice.below(250))],
  ];
  const faults = dice.shuffle([
    ...Array.from({ length: rounds }, () => kinds).flat(),
    /** @type {typeof kinds[0]} */ (['long refusal', () => refuse(proxy, LONG_REFUSAL_MS)]),
  ]);
  await until(() => opens() > 0, 'the first connection');
  for (const [name, fault] of faults) {
    await sleep(20 + dice.below(200));
    const before = opens();
    await fault();
    await until(() => opens() > before, `a connection after a ${name}`);
  }
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
