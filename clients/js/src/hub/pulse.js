/** Signs of life: when to ask for one, and when to take the link for dead. */

export class Pulse {
  #timeout;
  #heard;
  /** When it was asked for one. @type {number | null} */
  #asked = null;

  /**
   * @param {number} now
   * @param {{ interval: number, timeout: number }} heartbeat
   */
  constructor(now, { interval, timeout }) {
    this.interval = interval;
    this.#timeout = timeout;
    this.#heard = now;
  }

  /** @param {number} now */
  heard(now) {
    this.#heard = now;
    this.#asked = null;
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
    return due;
  }
}
