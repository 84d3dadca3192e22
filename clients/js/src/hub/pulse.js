/** Signs of life: when to ask for one, and when to take the link for dead. */

export class Pulse {
  #timeout;
  /** Whether it was asked for one, and has given none. */
  #isAsked = false;
  /** When it was asked for one, and has not answered that; NaN if it was not. */
  #unanswered = NaN;

  /**
   * As the hub says, or sooner.
   *
   * @param {number} now
   * @param {{ interval: number, timeout: number }} hub
   * @param {import('./config.js').Config} config
   */
  constructor(now, { interval, timeout }, { heartbeatInterval, heartbeatTimeout }) {
    this.interval = Math.min(interval, heartbeatInterval);
    this.#timeout = Math.min(timeout, heartbeatTimeout);
    this.deadline = now + this.interval;
  }

  /** Something came. @param {number} now */
  heard(now) {
    this.#isAsked = false;
    this.deadline = now + this.interval;
  }

  /**
   * The answer came.
   *
   * @param {number} now
   * @returns {number} how long ago it was asked for; NaN if it was not
   */
  answered(now) {
    const roundTrip = now - this.#unanswered;
    this.#unanswered = NaN;
    return roundTrip;
  }

  /**
   * @param {number} now
   * @returns {'nothing' | 'ask' | 'dead'}
   */
  tick(now) {
    if (now < this.deadline) return 'nothing';
    const due = this.#isAsked ? 'dead' : 'ask';
    this.#isAsked = true;
    this.#unanswered = now;
    // A machine that slept asks late, and waits all the same.
    this.deadline = now + this.#timeout;
    return due;
  }
}
