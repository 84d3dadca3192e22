/**
 * When to connect, when to give an attempt up, when to give up for good: a value that is stepped.
 * docs/reconnecting.md, "Retry"; `everwire::Reconnector` decides the same.
 *
 * Times are milliseconds from any one origin.
 */

/**
 * @typedef {object} Policy
 * @property {number} minDelay highest quick delay, and the first ceiling of those that grow
 * @property {number} maxDelay highest ceiling
 * @property {number} growth what the ceiling is multiplied with after each delay that is not quick
 * @property {number} quickFor how long after the loss of a stable connection delays are quick
 * @property {number} stableAfter a connection that was open this long was stable
 * @property {number} openTimeout how long one attempt may take
 * @property {number | null} maxAttempts how many attempts in a row may fail
 * @property {number | null} maxElapsed how long after the loss an attempt may still begin
 * @property {number} maxPacing the longest wait that a server can ask for
 */

/** @type {Policy} */
export const POLICY = Object.freeze({
  minDelay: 1_000,
  maxDelay: 20_000,
  growth: 2,
  quickFor: 5_000,
  stableAfter: 5_000,
  openTimeout: 10_000,
  maxAttempts: null,
  maxElapsed: null,
  maxPacing: 300_000,
});

/**
 * @typedef {object} Facts
 * @property {number} attempts failed in a row
 * @property {number} ceiling of the next delay that is not quick
 * @property {number | null} lostAt when a stable connection was last lost
 * @property {number | null} downSince what `maxElapsed` counts from
 * @property {boolean} online what is known of the network
 */

/** @typedef {'closed' | 'fatal' | 'attempts' | 'elapsed'} Why */

/**
 * @typedef {{ readonly phase: 'idle' }
 *   | { readonly phase: 'connecting', readonly deadline: number }
 *   | { readonly phase: 'open', readonly since: number }
 *   | { readonly phase: 'waiting', readonly until: number, readonly paced: boolean }
 *   | { readonly phase: 'offline' }
 *   | { readonly phase: 'ended', readonly why: Why }} Phase
 */

/** @typedef {Phase & Readonly<Facts>} State */

/**
 * @typedef {{ type: 'start' | 'opened' | 'tick' | 'online' | 'offline' | 'awake' | 'retryNow' | 'reconnect' | 'close' }
 *   | { type: 'down', verdict: 'retry' | 'fatal', after: number | null }} Input
 */

/**
 * @typedef {{ readonly type: 'connect' | 'close' }
 *   | { readonly type: 'drop', readonly cause: 'timeout' | 'offline' | 'reconnect' | 'closed' }
 *   | { readonly type: 'end', readonly why: Why }} Action
 */

/** @typedef {readonly [State, readonly Action[]]} Step */

/**
 * @param {Policy} policy
 * @returns {State}
 */
export function idle(policy) {
  return Object.freeze({ phase: 'idle', ...begin(policy), online: true });
}

/**
 * As if nothing had ever failed.
 *
 * @param {Policy} policy
 */
function begin({ minDelay }) {
  return { attempts: 0, ceiling: minDelay, lostAt: null, downSince: null };
}

/**
 * @param {Policy} policy
 * @param {State} state
 * @param {Input} input
 * @param {number} now
 * @param {number} random uniform in 0 ≤ r < 1
 * @returns {Step}
 */
export function step(policy, state, input, now, random) {
  const { phase } = state;
  const same = facts(state);
  const fresh = { ...same, ...begin(policy), downSince: now };
  /** @type {(facts: Facts, ...before: Action[]) => Step} */
  const connect = (facts, ...before) => {
    const deadline = now + policy.openTimeout;
    return become(facts, { phase: 'connecting', deadline }, ...before, { type: 'connect' });
  };

  switch (input.type) {
    case 'start':
      if (phase !== 'idle' && phase !== 'ended') break;
      return same.online ? connect(fresh) : become(fresh, { phase: 'offline' });
    case 'opened':
      if (phase !== 'connecting') break;
      return become(same, { phase: 'open', since: now });
    case 'down':
      if (phase !== 'connecting' && phase !== 'open') break;
      return next(policy, state, input, now, random);
    case 'tick':
      if (phase === 'waiting' && now >= state.until) return connect(same);
      if (phase !== 'connecting' || now < state.deadline) break;
      return next(policy, state, { verdict: 'retry', after: null }, now, random, drop('timeout'));
    case 'online': {
      const online = { ...same, online: true };
      if (phase === 'offline' || (phase === 'waiting' && !state.paced)) return connect(online);
      return become(online, state);
    }
    case 'offline': {
      const offline = { ...(phase === 'open' ? count(policy, state, now) : same), online: false };
      if (phase === 'waiting') return become(offline, { phase: 'offline' });
      if (phase !== 'connecting' && phase !== 'open') return become(offline, state);
      return become(offline, { phase: 'offline' }, drop('offline'));
    }
    case 'awake':
      if (phase !== 'waiting' || state.paced) break;
      return connect(same);
    case 'retryNow':
      if (phase !== 'waiting' && phase !== 'offline') break;
      return connect(same);
    case 'reconnect':
      if (phase !== 'connecting' && phase !== 'open') return connect(fresh);
      return connect(fresh, drop('reconnect'));
    case 'close':
      if (phase === 'ended') break;
      if (phase === 'connecting') return end(same, 'closed', drop('closed'));
      if (phase === 'open') return end(same, 'closed', { type: 'close' });
      return end(same, 'closed');
  }
  return [state, []];
}

/**
 * The next time it has something to say by itself.
 *
 * @param {State} state
 * @returns {number | null}
 */
export function due(state) {
  if (state.phase === 'connecting') return state.deadline;
  return state.phase === 'waiting' ? state.until : null;
}

/**
 * How many attempts have failed since there was a stable connection.
 *
 * @param {Policy} policy
 * @param {State} state
 * @param {number} now
 */
export function attempts(policy, state, now) {
  return isStable(policy, state, now) ? 0 : state.attempts;
}

/**
 * A connection that stayed starts the schedule anew; anything else is one more failure.
 *
 * @param {Policy} policy
 * @param {State} state
 * @param {number} now
 * @returns {Facts}
 */
function count(policy, state, now) {
  const same = facts(state);
  if (isStable(policy, state, now)) return { ...same, ...begin(policy), lostAt: now, downSince: now };
  return { ...same, attempts: same.attempts + 1 };
}

/**
 * Whether there is a connection that has stayed.
 *
 * @param {Policy} policy
 * @param {State} state
 * @param {number} now
 */
function isStable({ stableAfter }, state, now) {
  return state.phase === 'open' && now - state.since >= stableAfter;
}

/**
 * What follows a failure.
 *
 * @param {Policy} policy
 * @param {State} state
 * @param {{ verdict: 'retry' | 'fatal', after: number | null }} ending
 * @param {number} now
 * @param {number} random
 * @param {...Action} before
 * @returns {Step}
 */
function next(policy, state, { verdict, after }, now, random, ...before) {
  const { maxAttempts, maxElapsed } = policy;
  const facts = count(policy, state, now);
  if (verdict === 'fatal') return end(facts, 'fatal', ...before);
  if (maxAttempts !== null && facts.attempts >= maxAttempts) return end(facts, 'attempts', ...before);
  if (!facts.online) return become(facts, { phase: 'offline' }, ...before);

  const quick = facts.lostAt !== null && now - facts.lostAt < policy.quickFor;
  const grown = Math.min(policy.maxDelay, Math.floor(facts.ceiling * policy.growth));
  const slower = quick ? facts : { ...facts, ceiling: grown };
  // Full jitter: clients that were lost together do not come back together.
  const jitter = Math.floor(random * (quick ? policy.minDelay : facts.ceiling));
  const until = now + jitter + (after === null ? 0 : Math.min(after, policy.maxPacing));
  if (maxElapsed !== null && until - (facts.downSince ?? now) > maxElapsed) {
    return end(slower, 'elapsed', ...before);
  }
  return become(slower, { phase: 'waiting', until, paced: after !== null }, ...before);
}

/**
 * @param {Facts} facts
 * @param {Why} why
 * @param {...Action} before
 */
function end(facts, why, ...before) {
  return become(facts, { phase: 'ended', why }, ...before, { type: 'end', why });
}

/**
 * @param {Facts} facts
 * @param {Phase} phase
 * @param {...Action} actions
 * @returns {Step}
 */
function become(facts, phase, ...actions) {
  return [Object.freeze({ ...phase, ...facts }), Object.freeze(actions.map((action) => Object.freeze(action)))];
}

/**
 * @param {'timeout' | 'offline' | 'reconnect' | 'closed'} cause
 * @returns {Action}
 */
function drop(cause) {
  return { type: 'drop', cause };
}

/**
 * @param {Facts} state
 * @returns {Facts}
 */
function facts({ attempts, ceiling, lostAt, downSince, online }) {
  return { attempts, ceiling, lostAt, downSince, online };
}
