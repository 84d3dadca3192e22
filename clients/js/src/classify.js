/** What an ending means: the default, which the option `classify` replaces. */

/**
 * How a connection, or the attempt at one, ended.
 *
 * @typedef {object} Ending
 * @property {number} code 1006 for every attempt that failed: a browser does not say why
 * @property {string} reason
 * @property {boolean} wasClean whether there was a closing handshake
 * @property {boolean} opened whether there had been a connection
 */

/**
 * To try again, not to, or to try again after so many milliseconds because the server asked.
 *
 * @typedef {'retry' | 'fatal' | { after: number }} Verdict
 */

/** The server is done with us, or the same would happen again. */
const FATAL = [1000, 1002, 1003, 1007, 1008, 1009, 1010];
/** With these a close reason may end in the server's pace. */
const PACED = [1001, 1012, 1013];
/** The wait after 1013, "try again later", unless it says how long (milliseconds). */
const LATER_MS = 5_000;

/**
 * @param {Ending} ending
 * @returns {Verdict}
 */
export function classify({ code, reason }) {
  if (isFatal(code)) return 'fatal';
  const pace = PACED.includes(code) && /(?:^|\s)retry-after-ms=(\d+)$/.exec(reason);
  if (pace) return { after: Number(pace[1]) };
  return code === 1013 ? { after: LATER_MS } : 'retry';
}

/**
 * Whether nobody comes back after this code.
 *
 * @param {number} code
 */
export function isFatal(code) {
  // By convention, half of each range that applications choose from says "do not come back".
  return FATAL.includes(code) || (code >= 3000 && code < 5000 && code % 1000 >= 500);
}
