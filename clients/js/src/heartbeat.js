/** The watchdog with its texts: it asks, and knows the answers from messages. */

import { OFF, due, isPinged, step } from './watchdog.js';

/**
 * @typedef {object} Settings
 * @property {string} ping
 * @property {string} pong
 * @property {import('./watchdog.js').Policy} policy
 */

/**
 * @typedef {object} Hands
 * @property {(text: string) => void} ping send it
 * @property {(roundTrip: number) => void} pong it was answered, after so many milliseconds
 * @property {() => void} dead nothing came in time
 */

export class Heartbeat {
  #settings;
  #hands;
  #state = OFF;
  /** When the last ping went, or the connection began. */
  #pingedAt = 0;

  /**
   * @param {Settings} settings
   * @param {Hands} hands
   */
  constructor(settings, hands) {
    this.#settings = settings;
    this.#hands = hands;
  }

  get due() {
    return due(this.#state);
  }

  /** Whether there was no ping for an interval: where it is never silent, none goes by itself. */
  get isOverdue() {
    return performance.now() - this.#pingedAt >= this.#settings.policy.interval;
  }

  /** @param {import('./watchdog.js').Input} input */
  step(input) {
    const now = performance.now();
    const [state, actions] = step(this.#settings.policy, this.#state, input, now);
    this.#state = state;
    if (input.type === 'open') this.#pingedAt = now;
    for (const action of actions) {
      if (action === 'dead') this.#hands.dead();
      else {
        this.#pingedAt = now;
        this.#hands.ping(this.#settings.ping);
      }
    }
  }

  /**
   * @param {unknown} data
   * @returns {boolean} whether it was an answer, which the application never sees
   */
  received(data) {
    if (data !== this.#settings.pong) {
      this.step({ type: 'life' });
      return false;
    }
    const wasAsked = isPinged(this.#state);
    this.step({ type: 'pong' });
    // One that nobody asked for proves nothing.
    if (wasAsked) this.#hands.pong(performance.now() - this.#pingedAt);
    return true;
  }
}
