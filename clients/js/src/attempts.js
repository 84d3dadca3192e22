/** The options about attempts to connect, as a policy of `retry.js`. */

import { classify } from './classify.js';
import { POLICY } from './retry.js';

/**
 * Any class that behaves like the browser's `WebSocket`: npm's `ws` and `undici` have one.
 *
 * @typedef {new (url: string, protocols?: string | string[]) => object} WebSocketClass
 */

/**
 * Times are in milliseconds.
 *
 * @typedef {object} AttemptOptions
 * @property {WebSocketClass} [WebSocket] default: the global one
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
 * @property {(ending: import('./classify.js').Ending) => import('./classify.js').Verdict} [classify]
 *   whether to come back after an ending
 */

/** @typedef {ReturnType<typeof attempts>} Attempts */

/** @param {AttemptOptions} options */
export function attempts(options) {
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  if (typeof WebSocket !== 'function') {
    throw new TypeError('no global WebSocket: name one in the option `WebSocket`');
  }
  const maxRetries = number(options, 'maxRetries', Infinity);
  const maxDelay = number(options, 'maxReconnectionDelay', POLICY.maxDelay);
  const minDelay = number(options, 'minReconnectionDelay', Math.min(POLICY.minDelay, maxDelay));
  return {
    WebSocket: /** @type {typeof globalThis.WebSocket} */ (WebSocket),
    debug: options.debug ?? false,
    classify: maxRetries === 0 ? () => /** @type {const} */ ('fatal') : (options.classify ?? classify),
    retry: Object.freeze({
      minDelay,
      maxDelay: Math.max(minDelay, maxDelay),
      growth: number(options, 'reconnectionDelayGrowFactor', POLICY.growth, 1),
      quickFor: number(options, 'quickReconnectionFor', POLICY.quickFor),
      stableAfter: number(options, 'minUptime', POLICY.stableAfter),
      openTimeout: number(options, 'connectionTimeout', POLICY.openTimeout),
      maxAttempts: finite(maxRetries + 1),
      maxElapsed: finite(number(options, 'maxElapsed', Infinity)),
      maxPacing: number(options, 'maxPacing', POLICY.maxPacing),
    }),
  };
}

/** @param {number} number */
function finite(number) {
  return number === Infinity ? null : number;
}

/**
 * An option that is a number, or what it is by default.
 *
 * @template {string} Name
 * @param {{ [name in Name]?: number }} options
 * @param {Name} name
 * @param {number} fallback
 * @param {number} [least]
 */
export function number(options, name, fallback, least = 0) {
  const value = options[name] ?? fallback;
  if (typeof value === 'number' && value >= least) return value;
  throw new RangeError(`\`${name}\` is ${value}, not a number of at least ${least}`);
}
