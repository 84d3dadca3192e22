/** The latest round-trip times, and what they say together. */

/** How many are kept. */
export const MAX_SAMPLES = 40;

/**
 * @typedef {object} Sample
 * @property {number} ms
 * @property {'message' | 'heartbeat'} source an own chat message, or a ping while it was quiet
 */

export class RoundTrips {
  /** Oldest first. @type {Sample[]} */
  samples = [];

  /** @param {Sample} sample */
  add(sample) {
    this.samples.push(sample);
    if (this.samples.length > MAX_SAMPLES) this.samples.shift();
  }

  /** Null before the first sample. */
  summary() {
    const latest = this.samples.at(-1);
    if (latest === undefined) return null;
    const sorted = this.samples.map(({ ms }) => ms).sort((a, b) => a - b);
    return {
      latest,
      best: sorted[0],
      median: sorted[Math.floor(sorted.length / 2)],
      worst: sorted[sorted.length - 1],
    };
  }
}
