/** Who is there: how far a subscription knows it, from snapshots and numbered changes. */

export class Roster {
  /** @type {number | null} */
  #version = null;
  /** The command that asks anew. @type {number | null} */
  #asked = null;

  /**
   * A snapshot of this version came; or null, and nothing is known.
   *
   * @param {number | null} version
   */
  reset(version) {
    this.#version = version;
    this.#asked = null;
  }

  /** @param {number} id of the command that asks for it */
  ask(id) {
    this.#asked = id;
  }

  /** @param {number} id */
  isAsked(id) {
    return this.#asked === id;
  }

  /**
   * What to do about a change; `ask` if others were missed.
   *
   * @param {import('./hub-message.js').PresenceChange} change
   * @returns {'tell' | 'ignore' | 'ask'}
   */
  change({ version, count }) {
    if (this.#asked !== null || (this.#version !== null && version <= this.#version)) return 'ignore';
    // A count is whole by itself.
    const isWhole = count !== undefined || (this.#version !== null && version === this.#version + 1);
    if (!isWhole) return 'ask';
    this.#version = version;
    return 'tell';
  }
}
