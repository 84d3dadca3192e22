/** Requests that wait for the link, in the order of their making, within bounds. */

/** @typedef {import('./client-message.js').Command} Command */
/** @typedef {import('./payload.js').Payload} Payload */

/** @typedef {Command | { readonly type: 'send', readonly payload: Payload }} What */

/** @typedef {{ readonly ticket: number, readonly what: What, readonly size: number, readonly since: number }} Waiting */

export class Outbox {
  /** @type {Waiting[]} */
  waiting = [];
  #bytes = 0;

  /**
   * @param {number} now
   * @param {number} ticket
   * @param {What} what
   * @param {import('./config.js').Config} config
   * @returns whether it is kept: as much waits as may if not
   */
  push(now, ticket, what, { maxWaiting, maxWaitingBytes }) {
    const size = payloadSize(what);
    if (this.waiting.length >= maxWaiting || this.#bytes + size > maxWaitingBytes) return false;
    this.#bytes += size;
    this.waiting.push({ ticket, what, size, since: now });
    return true;
  }

  /** Takes the first, if there is any. */
  pop() {
    const first = /** @type {Waiting} */ (this.waiting.shift());
    this.#bytes -= first.size;
    return first;
  }

  /**
   * When the first has been without a link, lost at `down`, for too long.
   *
   * @param {number} down
   * @param {number} maxAge
   */
  deadline(down, maxAge) {
    const [first] = this.waiting;
    return first ? Math.max(first.since, down) + maxAge : Infinity;
  }
}

/**
 * Bytes of the payload that it carries.
 *
 * @param {What} what
 */
export function payloadSize(what) {
  return 'payload' in what ? what.payload.size : 0;
}
