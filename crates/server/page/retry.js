/**
 * When to try again, as a pure function.
 *
 * A server restart loses every client at the same moment. For the first five seconds after a
 * stable link is lost each attempt waits a uniform random part of one second, so that a quick
 * restart is hardly noticed and the clients do not arrive together. After that the ceiling
 * doubles with each attempt up to twenty seconds, still with full jitter. Only a link that
 * stayed up for five seconds starts the schedule anew: a server that accepts and drops at once
 * is met with growing patience.
 */

/** A link that was up this long counts as stable (milliseconds). */
export const STABLE_AFTER_MS = 5_000;
/** How long after the loss of a stable link the attempts stay quick (milliseconds). */
export const QUICK_FOR_MS = 5_000;
/** The ceiling of a quick delay (milliseconds). */
export const QUICK_CEILING_MS = 1_000;
/** The highest ceiling of any delay (milliseconds). */
export const MAX_CEILING_MS = 20_000;

/**
 * Where the schedule stands.
 *
 * @typedef {object} Retry
 * @property {number | null} lostAt when a stable link was last lost; null before the first one
 * @property {number} slow attempts already made after the quick ones
 */

/** The schedule before the first attempt. @type {Retry} */
export const FRESH = Object.freeze({ lostAt: null, slow: 0 });

/**
 * The schedule after an attempt failed or a link was lost.
 *
 * @param {Retry} retry
 * @param {number} now
 * @param {number} upFor how long the link had been open; 0 when it never opened
 * @returns {Retry}
 */
export function afterLoss(retry, now, upFor) {
  return upFor >= STABLE_AFTER_MS ? { lostAt: now, slow: 0 } : retry;
}

/**
 * The wait before the next attempt, and the schedule after it.
 *
 * @param {Retry} retry
 * @param {number} now
 * @param {() => number} random uniform in [0, 1)
 * @returns {{ delay: number, retry: Retry }}
 */
export function nextDelay(retry, now, random) {
  if (retry.lostAt !== null && now - retry.lostAt < QUICK_FOR_MS) {
    return { delay: random() * QUICK_CEILING_MS, retry };
  }
  const ceiling = Math.min(MAX_CEILING_MS, QUICK_CEILING_MS * 2 ** (retry.slow + 1));
  return { delay: random() * ceiling, retry: { ...retry, slow: retry.slow + 1 } };
}
