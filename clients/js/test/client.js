/** A `ReliableWebSocket` that is closed with its test, and what it says. */

import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { ReliableWebSocket } from '../src/index.js';
import { SOON_MS } from './server.js';

/** Delays short enough for tests. */
export const QUICK = { WebSocket, minReconnectionDelay: 50, maxReconnectionDelay: 200 };

/** @typedef {import('../src/index.js').Options} Options */
/** @typedef {ConstructorParameters<typeof ReliableWebSocket>} Arguments */

/**
 * @param {import('node:test').TestContext} context
 * @param {Arguments[0]} url
 * @param {Options} [options]
 * @param {Arguments[1]} [protocols]
 */
export function open(context, url, options = {}, protocols = undefined) {
  const socket = new ReliableWebSocket(url, protocols, { ...QUICK, ...options });
  context.after(() => socket.close());
  return socket;
}

/**
 * The next event of a type.
 *
 * @template {keyof import('../src/index.js').EventMap} K
 * @param {ReliableWebSocket} socket
 * @param {K} type
 * @returns {Promise<import('../src/index.js').EventMap[K]>}
 */
export function next(socket, type) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${type} event came`)), SOON_MS);
    const listener = (/** @type {import('../src/index.js').EventMap[K]} */ event) => {
      clearTimeout(late);
      resolve(event);
    };
    socket.addEventListener(type, listener, { once: true });
  });
}

/**
 * @param {() => boolean} condition
 * @param {string} what
 */
export async function until(condition, what) {
  const deadline = performance.now() + SOON_MS;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * The events in their order, as short lines.
 *
 * @param {ReliableWebSocket} socket
 */
export function transcript(socket) {
  /** @type {string[]} */
  const lines = [];
  socket.addEventListener('open', () => lines.push('open'));
  socket.addEventListener('error', () => lines.push('error'));
  socket.addEventListener('message', ({ data }) => lines.push(`message ${data}`));
  socket.addEventListener('close', ({ code, reason }) => {
    lines.push(`close ${code} ${reason}`.trim());
  });
  return lines;
}
