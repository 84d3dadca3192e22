/**
 * What becomes of each message: sent, unsure or not sent. A value that is stepped; the messages
 * themselves are elsewhere. docs/reconnecting.md, "Outbox".
 *
 * Messages have numbers, 1, 2, 3 …, in the order of their sending. Times are milliseconds, sizes
 * bytes.
 */

/**
 * @typedef {object} Policy
 * @property {number} maxMessages how many may wait for a connection; 0 refuses all
 * @property {number} maxBytes how many bytes may
 * @property {number} maxAge how long each may
 */

/** @type {Policy} */
export const POLICY = Object.freeze({ maxMessages: 0, maxBytes: 1024 * 1024, maxAge: 30_000 });

/**
 * `written` is the number of the last message that left, `settled` up to which number fates were
 * told, `mark` the number that a ping under way stands for: settled ≤ mark ≤ written.
 *
 * @typedef {object} Fields
 * @property {boolean} up
 * @property {boolean} ended
 * @property {number} written
 * @property {number} settled
 * @property {number | null} mark
 * @property {readonly Readonly<{ size: number, since: number }>[]} queue its first is `written + 1`
 * @property {number} bytes of the queue
 */

/** @typedef {Readonly<Fields>} State */

/**
 * @typedef {{ type: 'up' | 'take' | 'mark' | 'pong' | 'tick' | 'end' }
 *   | { type: 'push', size: number }
 *   | { type: 'down', unsent: number, answered: boolean }} Input
 */

/**
 * The fate of the messages `first` … `last`.
 *
 * @typedef {{ readonly type: 'fate', readonly first: number, readonly last: number }
 *   & ({ readonly fate: 'sent' | 'unsure' }
 *   | { readonly fate: 'notSent', readonly why: 'expired' | 'unsent' | 'ended' })} Fate
 */

/**
 * @typedef {{ readonly type: 'write' | 'queued', readonly id: number }
 *   | { readonly type: 'refuse', readonly why: 'ended' | 'down' | 'full' }
 *   | { readonly type: 'ping' }
 *   | Fate} Action
 */

/** @typedef {readonly [State, readonly Action[]]} Step */

/** @type {State} */
export const EMPTY = Object.freeze({
  up: false,
  ended: false,
  written: 0,
  settled: 0,
  mark: null,
  queue: Object.freeze([]),
  bytes: 0,
});

/**
 * @param {Policy} policy
 * @param {State} state
 * @param {Input} input
 * @param {number} now
 * @returns {Step}
 */
export function step(policy, state, input, now) {
  const { up, ended, written, settled, mark, queue } = state;
  switch (input.type) {
    case 'push':
      return push(policy, state, input.size, now);
    case 'up': {
      if (up || ended) break;
      const [kept, actions] = expire(policy, state, now);
      return become({ ...kept, up: true }, ...actions);
    }
    case 'take':
      if (!up || queue.length === 0) break;
      return become(shift(state, 1), { type: 'write', id: written + 1 });
    case 'mark':
      if (!up || mark !== null || written === settled) break;
      return become({ ...state, mark: written }, { type: 'ping' });
    case 'pong':
      if (mark === null) break;
      return become({ ...state, settled: mark, mark: null }, ...fate('sent', settled, mark));
    case 'down': {
      if (!up) break;
      const unsent = written - Math.min(input.unsent, written - settled);
      const told = input.answered
        ? fate('sent', settled, written)
        : [...fate('unsure', settled, unsent), ...fate('notSent', unsent, written, 'unsent')];
      const [left, more] = ended ? abandon(state) : [state, []];
      return become({ ...left, up: false, mark: null, settled: left.written }, ...told, ...more);
    }
    case 'tick':
      if (up) break;
      return expire(policy, state, now);
    case 'end': {
      if (ended) break;
      const [left, actions] = up ? [state, []] : abandon(state);
      return become({ ...left, ended: true }, ...actions);
    }
  }
  return [state, []];
}

/**
 * The next time it has something to say by itself.
 *
 * @param {Policy} policy
 * @param {State} state
 * @returns {number | null}
 */
export function due(policy, { up, queue }) {
  return up || queue.length === 0 ? null : queue[0].since + policy.maxAge;
}

/**
 * @param {Policy} policy
 * @param {State} state
 * @param {number} size
 * @param {number} now
 * @returns {Step}
 */
function push(policy, state, size, now) {
  if (state.ended) return become(state, { type: 'refuse', why: 'ended' });
  if (state.up && state.queue.length === 0) {
    const id = state.written + 1;
    return become({ ...state, written: id }, { type: 'write', id });
  }
  if (policy.maxMessages === 0) return become(state, { type: 'refuse', why: 'down' });
  const [kept, actions] = state.up ? [state, []] : expire(policy, state, now);
  const { written, queue } = kept;
  const bytes = kept.bytes + size;
  if (queue.length >= policy.maxMessages || bytes > policy.maxBytes) {
    return become(kept, ...actions, { type: 'refuse', why: 'full' });
  }
  const longer = Object.freeze([...queue, Object.freeze({ size, since: now })]);
  const id = written + longer.length;
  return become({ ...kept, queue: longer, bytes }, ...actions, { type: 'queued', id });
}

/**
 * What has waited too long leaves. Only while nothing is under way: `settled` is `written`.
 *
 * @param {Policy} policy
 * @param {State} state
 * @param {number} now
 * @returns {Step}
 */
function expire(policy, state, now) {
  const young = state.queue.findIndex(({ since }) => now - since < policy.maxAge);
  const old = young < 0 ? state.queue.length : young;
  if (old === 0) return [state, []];
  const left = shift(state, old);
  const told = fate('notSent', state.written, left.written, 'expired');
  return become({ ...left, settled: left.written }, ...told);
}

/**
 * The whole queue counts as written, and was not sent.
 *
 * @param {State} state
 * @returns {Step}
 */
function abandon(state) {
  const left = shift(state, state.queue.length);
  const told = fate('notSent', state.written, left.written, 'ended');
  return become({ ...left, settled: left.written }, ...told);
}

/**
 * @param {State} state
 * @param {number} count how many leave the queue
 * @returns {State}
 */
function shift(state, count) {
  const gone = state.queue.slice(0, count).reduce((sum, { size }) => sum + size, 0);
  const queue = Object.freeze(state.queue.slice(count));
  return { ...state, written: state.written + count, queue, bytes: state.bytes - gone };
}

/**
 * @param {State} state
 * @param {...Action} actions
 * @returns {Step}
 */
function become(state, ...actions) {
  return [Object.freeze(state), Object.freeze(actions.map((action) => Object.freeze(action)))];
}

/**
 * The fate of the messages behind `from` up to `last`; of none, nothing is told.
 *
 * @param {'sent' | 'unsure' | 'notSent'} fate
 * @param {number} from
 * @param {number} last
 * @param {'expired' | 'unsent' | 'ended'} [why]
 * @returns {Fate[]}
 */
function fate(fate, from, last, why) {
  if (last <= from) return [];
  const range = { type: /** @type {const} */ ('fate'), first: from + 1, last };
  if (fate !== 'notSent') return [{ ...range, fate }];
  return why === undefined ? [] : [{ ...range, fate, why }];
}
