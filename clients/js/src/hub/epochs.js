/**
 * The epochs of topics that were published to: with what the hub said last about a topic's log, a
 * publication that is sent again is told from one that is not stored.
 */

/** So many topics are remembered; the one that was heard of longest ago is forgotten first. */
const MAX = 64;

export class Epochs {
  /** @type {Map<string, string>} */
  #known = new Map();

  /**
   * @param {string} topic
   * @param {string} [epoch] none in a topic without history
   */
  learn(topic, epoch) {
    if (epoch === undefined) return;
    this.#known.delete(topic);
    const [oldest] = this.#known.keys();
    if (this.#known.size === MAX) this.#known.delete(oldest);
    this.#known.set(topic, epoch);
  }

  /** @param {string} topic */
  get(topic) {
    return this.#known.get(topic);
  }
}
