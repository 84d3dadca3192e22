/** The options, by the names that reconnecting-websocket gave them, as policies of our values. */

import { classify } from './classify.js';
import * as outbox from './outbox.js';
import * as retry from './retry.js';
import * as watchdog from './watchdog.js';

/**
 * Any class that behaves like the browser's `WebSocket`: npm's `ws` and `undici` have one.
 *
 * @typedef {new (url: string, protocols?: string | string[]) => object} WebSocketClass
 */

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
 * Times are in milliseconds.
 *
 * @typedef {object} Options
 * @property {WebSocketClass} [WebSocket] default: the global one
 * @property {boolean} [startClosed] connect only when `reconnect` is called: false
 * @property {boolean} [debug] tell the console what happens: false
 * @property {number} [connectionTimeout] how long one attempt may take: 10,000
 * @property {number} [maxRetries] how many attempts may fail in a row after the first; 0 never
 *   reconnects: Infinity
 * @property {number} [minReconnectionDelay] the ceiling of the first delays; 0 is no delay, ever:
 *   1,000
 * @property {number} [maxReconnectionDelay] the ceiling of the last: 20,000
 * @property {number} [reconnectionDelayGrowFactor] from one ceiling to the next: 2
 * @property {number} [minUptime] a connection that was open this long was stable: 5,000
 * @property {number} [quickReconnectionFor] after a stable connection is lost, delays do not grow
 *   for this long: 5,000
 * @property {number} [maxElapsed] how long after the loss an attempt may still begin: Infinity
 * @property {number} [maxPacing] the longest wait that a server can ask for: 300,000
 * @property {number} [maxEnqueuedMessages] how many messages may wait for a connection, at most
 *   10,000: 0
 * @property {number} [maxEnqueuedBytes] how many bytes may: 1 MiB
 * @property {number} [maxEnqueuedAge] how long each may: 30,000
 * @property {Heartbeat | boolean} [heartbeat] `true` is `{}`: false
 * @property {(ending: import('./classify.js').Ending) => import('./classify.js').Verdict} [classify]
 *   whether to come back after an ending
 */

/** As long as a person who leaves would wait (milliseconds). */
const CLOSE_TIMEOUT_MS = 1_000;

/** No queue is without a limit. */
const MAX_MESSAGES = 10_000;

/** @typedef {ReturnType<typeof settings>} Settings */

/** @param {Options} options */
export function settings(options) {
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  if (typeof WebSocket !== 'function') {
    throw new TypeError('there is no global WebSocket: give the option `WebSocket`, from npm’s `ws` for one');
  }
  const maxRetries = number(options, 'maxRetries', Infinity);
  const maxDelay = number(options, 'maxReconnectionDelay', retry.POLICY.maxDelay);
  const minDelay = number(options, 'minReconnectionDelay', Math.min(retry.POLICY.minDelay, maxDelay));
  return {
    WebSocket: /** @type {typeof globalThis.WebSocket} */ (WebSocket),
    startClosed: options.startClosed ?? false,
    debug: options.debug ?? false,
    classify: maxRetries === 0 ? never : (options.classify ?? classify),
    retry: Object.freeze({
      minDelay,
      maxDelay: Math.max(minDelay, maxDelay),
      growth: number(options, 'reconnectionDelayGrowFactor', retry.POLICY.growth, 1),
      quickFor: number(options, 'quickReconnectionFor', retry.POLICY.quickFor),
      stableAfter: number(options, 'minUptime', retry.POLICY.stableAfter),
      openTimeout: number(options, 'connectionTimeout', retry.POLICY.openTimeout),
      maxAttempts: finite(maxRetries + 1),
      maxElapsed: finite(number(options, 'maxElapsed', Infinity)),
      maxPacing: number(options, 'maxPacing', retry.POLICY.maxPacing),
    }),
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

/** @returns {'fatal'} */
function never() {
  return 'fatal';
}

/** @param {number} number */
function finite(number) {
  return number === Infinity ? null : number;
}

/**
 * @template {string} Name
 * @param {{ [name in Name]?: number }} options
 * @param {Name} name
 * @param {number} fallback
 * @param {number} [least]
 */
function number(options, name, fallback, least = 0) {
  const value = options[name] ?? fallback;
  if (typeof value === 'number' && value >= least) return value;
  throw new RangeError(`\`${name}\` is ${value}: it must be a number of at least ${least}`);
}
