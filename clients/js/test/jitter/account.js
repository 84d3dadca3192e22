/** What one client has heard of a run: which messages, and what was wrong about it. */

/**
 * What is published: whose it is, its number from 1 on, how many count, and when it was published, in
 * milliseconds since 1970. The one behind the last says that nothing follows.
 *
 * @typedef {[run: string, number: number, of: number, at: number]} Note
 */

export class Account {
  duplicates = 0;
  reordered = 0;
  /** Messages that nobody published. */
  strange = 0;
  /** Whether it was told that nothing follows. */
  isOver = false;
  /** From publishing to hearing, of each message (milliseconds). @type {number[]} */
  delays = [];
  #messages;
  #last = 0;
  /** @type {Set<number>} */
  #heard = new Set();

  /** @param {number} messages how many count */
  constructor(messages) {
    this.#messages = messages;
  }

  /** How many different messages were heard. */
  get heard() {
    return this.#heard.size;
  }

  /**
   * @param {Note} note
   * @param {number} now milliseconds since 1970
   */
  hear([, number, of, at], now) {
    if (number === of + 1) this.isOver = true;
    else if (!(number >= 1 && number <= this.#messages)) this.strange += 1;
    else if (this.#heard.has(number)) this.duplicates += 1;
    else {
      if (number < this.#last) this.reordered += 1;
      this.#last = Math.max(this.#last, number);
      this.#heard.add(number);
      this.delays.push(now - at);
    }
  }
}

/**
 * The smallest of the numbers that such a share of them does not exceed.
 *
 * @param {readonly number[]} numbers
 * @param {number} share of 1
 */
export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
