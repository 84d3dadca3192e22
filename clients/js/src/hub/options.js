/** What a program can choose about its hub. */

import { classify } from '../classify.js';
import { comesBack } from './close-code.js';
import { CONFIG } from './config.js';
import { name } from './values.js';

/**
 * Beside these, the options of `ReliableWebSocket` about attempts to connect, and the limits of a session
 * (`config.js`) have their names and defaults here as well.
 *
 * @typedef {object} OwnOptions
 * @property {string | (() => string | PromiseLike<string>)} [token] what the hub's application asks for; a
 *   function is asked before every attempt: for a fresh one
 * @property {string} [client] who the client is: printable ASCII, kept as long as the program can, by one
 *   client at a time. Default: drawn for this object
 * @property {number} [firstKey] above all that were used under this `client`. Default: a thousand for each
 *   millisecond since 1970
 * @property {number} [maxUnread] how many publications may wait for a loop over a topic: 1,000. One more, and
 *   the loop fails
 */

/** @typedef {'WebSocket' | 'debug' | 'connectionTimeout' | 'maxRetries' | 'minReconnectionDelay' | 'maxReconnectionDelay' | 'reconnectionDelayGrowFactor' | 'minUptime' | 'quickReconnectionFor' | 'maxElapsed' | 'maxPacing'} Attempts */

/** @typedef {OwnOptions & Pick<import('../options.js').Options, Attempts> & Partial<Omit<import('./config.js').Config, 'client'>>} Options */

/** @typedef {ReturnType<typeof settings>} Settings */

const MAX_UNREAD = 1_000;
const ID_BYTES = 16;

/** @param {Options} options */
export function settings({ token, client = draw(), firstKey = Date.now() * 1_000, maxUnread = MAX_UNREAD, ...others }) {
  /** @type {import('./config.js').Config} */
  const config = { ...CONFIG, client: name(client, 'client'), firstKey };
  for (const limit of LIMITS) config[limit] = atLeastZero(others[limit] ?? CONFIG[limit], limit);
  /** @type {import('../options.js').Options} */
  const socket = {
    ...others,
    heartbeat: false,
    maxEnqueuedMessages: 0,
    classify: (ending) => (comesBack(ending.code) ? classify(ending) : 'fatal'),
  };
  return { token, config, socket, maxUnread: atLeastZero(maxUnread, 'maxUnread') };
}

const LIMITS = /** @type {const} */ ([
  'connectTimeout',
  'heartbeatInterval',
  'heartbeatTimeout',
  'maxWaiting',
  'maxWaitingBytes',
  'maxAge',
  'maxUnconfirmed',
  'maxUnconfirmedBytes',
  'maxSubscriptions',
  'resubscribeDelay',
]);

/**
 * @param {number} value
 * @param {string} name
 */
function atLeastZero(value, name) {
  if (value >= 0) return value;
  throw new RangeError(`\`${name}\` is ${value}: it must be a number of at least 0`);
}

/** A name that nobody else has. */
function draw() {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
