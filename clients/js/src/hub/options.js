/** What a program can choose about its hub. */

import { attempts, number } from '../attempts.js';
import { classify } from '../classify.js';
import { comesBack } from './close-code.js';
import { LIMITS } from './config.js';
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

/** @typedef {OwnOptions & Omit<import('../attempts.js').AttemptOptions, 'classify'> & Partial<Omit<import('./config.js').Config, 'client'>>} Options */

/** @typedef {ReturnType<typeof settings>} Settings */

const MAX_UNREAD = 1_000;
/** Of 32 bits each. */
const ID_WORDS = 4;

/** @param {Options} options */
export function settings({ token, client = draw(), firstKey, maxUnread, ...others }) {
  /** @type {import('./config.js').Config} */
  const config = { ...LIMITS, client: name(client, 'client'), firstKey: number({ firstKey }, 'firstKey', Date.now() * 1_000, 1) };
  for (const limit of /** @type {(keyof typeof LIMITS)[]} */ (Object.keys(LIMITS))) {
    config[limit] = number(others, limit, LIMITS[limit]);
  }
  /** @param {import('../classify.js').Ending} ending */
  const judge = (ending) => (comesBack(ending.code) ? classify(ending) : 'fatal');
  return {
    token,
    config,
    attempts: attempts({ ...others, classify: judge }),
    maxUnread: number({ maxUnread }, 'maxUnread', MAX_UNREAD),
  };
}

/** A name that nobody else has. */
function draw() {
  return crypto.getRandomValues(new Uint32Array(ID_WORDS)).join('-');
}
