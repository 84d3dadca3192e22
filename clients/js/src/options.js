/** The options, by the names that reconnecting-websocket gave them, as policies of our values. */

import { attempts, number } from './attempts.js';
import * as outbox from './outbox.js';
import * as watchdog from './watchdog.js';

/**
 * A text that the server answers with another, so that a page can tell silence from death.
 *
 * @typedef {object} Heartbeat
 * @property {string} [ping] what is sent: `ping`
 * @property {string} [pong] the answer, which the application never sees: `pong`
 * @property {number} [interval] of silence before a ping, in milliseconds: 25,000
 * @property {number} [timeout] without anything after it, then the connection is dropped: 10,000
 * @property {number} [closeTimeout] how long `close` waits for the proof that all was read: 1,000;
 *   0 closes at once
 */

/**
 * Beside those about attempts to connect (`attempts.js`). Times are in milliseconds.
 *
 * @typedef {object} OwnOptions
 * @property {boolean} [startClosed] connect only when `reconnect` is called: false
 * @property {number} [maxEnqueuedMessages] how many messages may wait for a connection, at most
 *   10,000: 0
 * @property {number} [maxEnqueuedBytes] how many bytes may: 1 MiB
 * @property {number} [maxEnqueuedAge] how long each may: 30,000
 * @property {Heartbeat | boolean} [heartbeat] `true` is `{}`: false
 */

/** @typedef {OwnOptions & import('./attempts.js').AttemptOptions} Options */

/** As long as a person who leaves would wait (milliseconds). */
const CLOSE_TIMEOUT_MS = 1_000;

/** No queue is without a limit. */
const MAX_MESSAGES = 10_000;

/** @typedef {ReturnType<typeof settings>} Settings */

/** @param {Options} options */
export function settings(options) {
  return {
    attempts: attempts(options),
    startClosed: options.startClosed ?? false,
    outbox: Object.freeze({
      maxMessages: Math.min(MAX_MESSAGES, number(options, 'maxEnqueuedMessages', outbox.POLICY.maxMessages)),
      maxBytes: number(options, 'maxEnqueuedBytes', outbox.POLICY.maxBytes),
      maxAge: number(options, 'maxEnqueuedAge', outbox.POLICY.maxAge),
    }),
    heartbeat: heartbeat(options.heartbeat ?? false),
  };
}

/** @param {Heartbeat | boolean} given */
function heartbeat(given) {
  if (given === false) return null;
  const options = given === true ? {} : given;
  const { ping = 'ping', pong = 'pong' } = options;
  const { interval, timeout, hurry } = watchdog.POLICY;
  const policy = Object.freeze({
    interval: number(options, 'interval', interval),
    timeout: number(options, 'timeout', timeout),
    hurry: Math.min(hurry, number(options, 'timeout', timeout)),
  });
  const closeTimeout = number(options, 'closeTimeout', CLOSE_TIMEOUT_MS);
  return { ping, pong, policy, closeTimeout };
}
