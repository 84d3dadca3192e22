/**
 * The epochs of topics that were published to: with what the hub said last about a topic's log, a
 * publication that is sent again is told from one that is not stored.
 */

/** So many topics are remembered; the one that was heard of longest ago is forgotten first. */
const MAX = 64;

/** @extends {Map<string, string>} */
export class Epochs extends Map {
  /**
   * @param {string} topic
   * @param {string} [epoch] none in a topic without history
   */
  learn(topic, epoch) {
    if (epoch === undefined) return;
    this.delete(topic);
    const [oldest] = this.keys();
    if (this.size === MAX) this.delete(oldest);
    this.set(topic, epoch);
  }
}
