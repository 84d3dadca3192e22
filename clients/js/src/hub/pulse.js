/** Signs of life: when to ask for one, and when to take the link for dead. */

export class Pulse {
  #timeout;
  #heard;
  /** When it was asked for one, and has given none. @type {number | null} */
  #asked = null;
  /** When it was asked for one, and has not answered that. @type {number | null} */
  #unanswered = null;

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
    this.#heard = now;
  }

  /** Something came. @param {number} now */
  heard(now) {
    this.#heard = now;
    this.#asked = null;
  }

  /**
   * The answer came.
   *
   * @param {number} now
   * @returns {number | null} how long ago it was asked for, if it was
   */
  answered(now) {
    const roundTrip = this.#unanswered === null ? null : now - this.#unanswered;
    this.#unanswered = null;
    return roundTrip;
  }

  get deadline() {
    // A machine that slept asks late, and waits all the same.
    return this.#asked === null ? this.#heard + this.interval : this.#asked + this.#timeout;
  }

  /**
   * @param {number} now
   * @returns {'nothing' | 'ask' | 'dead'}
   */
  tick(now) {
    if (now < this.deadline) return 'nothing';
    const due = this.#asked === null ? 'ask' : 'dead';
    this.#asked = now;
    this.#unanswered = now;
    return due;
  }
}
