/** The outbox with its messages: those that wait, and those whose fate somebody waits for. */

import { EMPTY, due, step } from './outbox.js';
import { size, snapshot } from './message.js';

/** @typedef {import('./events.js').Fate} Fate */
/** @typedef {import('./message.js').Message} Message */

/** So many fates can be waited for at once: without a heartbeat none is told before the end. */
const MAX_WAITING = 10_000;

/**
 * @typedef {object} Hands
 * @property {(message: Message) => void} write to the open connection
 * @property {(fate: import('./outbox.js').Fate) => void} tell what became of a range
 */

export class Outgoing {
  #policy;
  #hands;
  #state = EMPTY;
  /** Beside the queue of the state. @type {Message[]} */
  #queue = [];
  /** By number, in their order. @type {Map<number, (fate: Fate) => void>} */
  #waiting = new Map();

  /**
   * @param {import('./outbox.js').Policy} policy
   * @param {Hands} hands
   */
  constructor(policy, hands) {
    this.#policy = policy;
    this.#hands = hands;
  }

  /** Bytes that wait for a connection. */
  get bytes() {
    return this.#state.bytes;
  }

  /** The number of the last message that was taken. */
  get last() {
    return this.#state.written + this.#state.queue.length;
  }

  get up() {
    return this.#state.up;
  }

  get due() {
    return due(this.#policy, this.#state);
  }

  /** Whether somebody waits for the fate of a message that has left. */
  get isAwaited() {
    const [first] = this.#waiting.keys();
    return first !== undefined && first <= this.#state.written;
  }

  /** Whether there is a message that has left and has no fate. */
  get isUnproven() {
    return this.#state.settled < this.#state.written;
  }

  /**
   * @param {Message} message
   * @param {(fate: Fate) => void} [resolve] told of its fate
   * @returns {'ended' | 'down' | 'full' | null} why it was refused
   */
  push(message, resolve) {
    if (resolve && this.#waiting.size >= MAX_WAITING) {
      resolve({ fate: 'notSent', why: 'full' });
      return 'full';
    }
    for (const action of this.#step({ type: 'push', size: this.up ? 0 : size(message) })) {
      if (action.type === 'refuse') {
        resolve?.({ fate: 'notSent', why: action.why });
        return action.why;
      }
      if (action.type !== 'write' && action.type !== 'queued') continue;
      if (resolve) this.#waiting.set(action.id, resolve);
      if (action.type === 'write') this.#hands.write(message);
      else this.#queue.push(snapshot(message));
    }
    return null;
  }

  /** There is a connection: what waited leaves. */
  opened() {
    this.#step({ type: 'up' });
    while (this.#step({ type: 'take' }).length > 0) {
      this.#hands.write(/** @type {Message} */ (this.#queue.shift()));
    }
  }

  /** There is no connection any more: what has no proof by now gets none. */
  lost() {
    this.#step({ type: 'down', unsent: 0, answered: false });
  }

  /** A ping leaves now. */
  mark() {
    this.#step({ type: 'mark' });
  }

  pong() {
    this.#step({ type: 'pong' });
  }

  tick() {
    this.#step({ type: 'tick' });
  }

  end() {
    this.#step({ type: 'end' });
  }

  /** Begin anew after the end; numbers go on. */
  revive() {
    const { ended, written } = this.#state;
    if (ended) this.#state = Object.freeze({ ...EMPTY, written, settled: written });
  }

  /** @param {import('./outbox.js').Input} input */
  #step(input) {
    const [state, actions] = step(this.#policy, this.#state, input, performance.now());
    this.#state = state;
    for (const action of actions) if (action.type === 'fate') this.#settle(action);
    return actions;
  }

  /** @param {import('./outbox.js').Fate} fate */
  #settle(fate) {
    const neverLeft = fate.fate === 'notSent' && fate.why !== 'unsent';
    if (neverLeft) this.#queue.splice(0, fate.last - fate.first + 1);
    this.#hands.tell(fate);
    for (const [number, resolve] of this.#waiting) {
      if (number > fate.last) break;
      if (number < fate.first) continue;
      this.#waiting.delete(number);
      resolve(fate.fate === 'notSent' ? { fate: 'notSent', why: fate.why } : { fate: fate.fate });
    }
  }
}
