/** One loop over a topic's publications: what came and was not taken yet, within a bound. */

/** @template T */
export class Reader {
  /** @type {T[]} */
  #unread = [];
  #max;
  #left;
  /** How it ends once all is read; null as long as it does not. @type {{ error?: unknown } | null} */
  #end = null;
  /** Who waits for the next. @type {((result: Promise<IteratorResult<T, undefined>>) => void)[]} */
  #waiting = [];

  /**
   * @param {number} max how many may wait to be read
   * @param {() => void} left called when nobody reads any more
   */
  constructor(max, left) {
    this.#max = max;
    this.#left = left;
  }

  /** @param {T} value */
  push(value) {
    const first = this.#waiting.shift();
    if (first === undefined && this.#unread.length >= this.#max) {
      return this.end(new DOMException(`more than ${this.#max} are unread`, 'QuotaExceededError'));
    }
    this.#unread.push(value);
    first?.(this.next());
  }

  /** @param {unknown} [error] none for a normal end */
  end(error) {
    if (this.#end !== null) return;
    this.#end = error === undefined ? {} : { error };
    this.#left();
    for (const resolve of this.#waiting.splice(0)) resolve(this.next());
  }

  /** @returns {Promise<IteratorResult<T, undefined>>} */
  async next() {
    const value = this.#unread.shift();
    if (value !== undefined) return { done: false, value };
    if (this.#end === null) return new Promise((resolve) => this.#waiting.push(resolve));
    const { error } = this.#end;
    this.#end = {};
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  /** The loop was left. @returns {Promise<IteratorResult<T, undefined>>} */
  return() {
    this.#unread = [];
    this.end();
    // Whoever leaves is not told how it ended.
    this.#end = {};
    return this.next();
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}
