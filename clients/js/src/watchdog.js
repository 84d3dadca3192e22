/**
 * Whether the other end is still there: a value that is stepped. docs/reconnecting.md, "Watchdog".
 *
 * Anything that arrives is life. After a silence a ping goes, at most one at a time: TCP keeps
 * the order, so a second one would not arrive where the first did not. Times are milliseconds.
 */

import { LATE } from './alarm.js';

/**
 * @typedef {object} Policy
 * @property {number} interval of silence, then a ping goes
 * @property {number} timeout without anything after a ping: dead
 * @property {number} hurry the same after a poke
 */

/** @type {Policy} */
export const POLICY = Object.freeze({ interval: 25_000, timeout: 10_000, hurry: 3_000 });

/** So many deadlines in a row are forgiven because they were noticed late. */
const MAX_SPARED = 2;

/**
 * In `quiet` all is well until `until`, even if a ping is under way (`pinged`): something else
 * arrived meanwhile. In `waiting` only a sign of life before `until` saves the connection.
 *
 * @typedef {{ readonly phase: 'off' }
 *   | { readonly phase: 'quiet', readonly until: number, readonly pinged: boolean }
 *   | { readonly phase: 'waiting', readonly until: number, readonly spared: number }} State
 */

/**
 * `open`/`close`: there is a connection, there is none. `life`: something came. `pong`: the answer
 * did. `ask`: somebody needs an answer. `poke`: the network may have changed. `tick`: time passed,
 * noticed `late` milliseconds after it should have been.
 *
 * @typedef {{ type: 'open' | 'close' | 'life' | 'pong' | 'ask' | 'poke' }
 *   | { type: 'tick', late: number }} Input
 */

/** @typedef {'ping' | 'dead'} Action */
/** @typedef {readonly [State, readonly Action[]]} Step */

/** @type {State} */
export const OFF = Object.freeze({ phase: 'off' });

/**
 * @param {Policy} policy
 * @param {State} state
 * @param {Input} input
 * @param {number} now
 * @returns {Step}
 */
export function step(policy, state, input, now) {
  if (input.type === 'close') return [OFF, []];
  if (input.type === 'open') return quiet(policy, now, false);
  if (state.phase === 'off') return [state, []];
  switch (input.type) {
    case 'life':
      return quiet(policy, now, isPinged(state));
    case 'pong':
      return quiet(policy, now, false);
    case 'ask':
      return state.phase === 'quiet' && !state.pinged ? wait(state, now + policy.timeout) : [state, []];
    case 'poke':
      return hurry(policy, state, now);
    case 'tick':
      return tick(policy, state, now, input.late);
  }
}

/**
 * The next time it has something to say by itself.
 *
 * @param {State} state
 * @returns {number | null}
 */
export function due(state) {
  return state.phase === 'off' ? null : state.until;
}

/**
 * Whether a ping is under way.
 *
 * @param {State} state
 */
export function isPinged(state) {
  return state.phase === 'waiting' || (state.phase === 'quiet' && state.pinged);
}

/**
 * @param {Policy} policy
 * @param {Exclude<State, { phase: 'off' }>} state
 * @param {number} now
 * @param {number} late
 * @returns {Step}
 */
function tick(policy, state, now, late) {
  const over = now >= state.until;
  if (late > LATE) {
    if (state.phase === 'quiet' || !over) return hurry(policy, state, now);
    // What arrived meanwhile may still stand behind this timer: no death before it was looked at.
    if (state.spared < MAX_SPARED) return wait(state, now + policy.hurry, state.spared + 1);
  }
  if (!over) return [state, []];
  return state.phase === 'quiet' ? wait(state, now + policy.timeout) : [OFF, ['dead']];
}

/**
 * @param {Policy} policy
 * @param {Exclude<State, { phase: 'off' }>} state
 * @param {number} now
 * @returns {Step}
 */
function hurry(policy, state, now) {
  const until = now + policy.hurry;
  return wait(state, state.phase === 'waiting' ? Math.min(state.until, until) : until);
}

/**
 * @param {Exclude<State, { phase: 'off' }>} state
 * @param {number} until
 * @param {number} [spared]
 * @returns {Step}
 */
function wait(state, until, spared = state.phase === 'waiting' ? state.spared : 0) {
  return [Object.freeze({ phase: 'waiting', until, spared }), isPinged(state) ? [] : ['ping']];
}

/**
 * @param {Policy} policy
 * @param {number} now
 * @param {boolean} pinged
 * @returns {Step}
 */
function quiet(policy, now, pinged) {
  return [Object.freeze({ phase: 'quiet', until: now + policy.interval, pinged }), []];
}
