/** Who is there: how far a subscription knows it, from snapshots and numbered changes. */

export class Roster {
  /** Of what is known; NaN, which is before and behind nothing, if nothing is. */
  #version = NaN;
  /** The command that asks anew. @type {number | null} */
  asked = null;

  /**
   * A snapshot of this version came, or nothing is known.
   *
   * @param {number} [version]
   */
  reset(version = NaN) {
    this.#version = version;
    this.asked = null;
  }

  /**
   * What to do about a change; `ask` if others were missed.
   *
   * @param {import('./hub-message.js').PresenceChange} change
   * @returns {'tell' | 'ignore' | 'ask'}
   */
  change({ version, count }) {
    if (this.asked !== null || version <= this.#version) return 'ignore';
    // A count is whole by itself.
    if (count === undefined && version !== this.#version + 1) return 'ask';
    this.#version = version;
    return 'tell';
  }
}
