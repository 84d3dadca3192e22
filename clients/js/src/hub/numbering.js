/** How messages are numbered, so that a short break loses none. docs/protocol.md, "The link". */

import { bytesOf } from './outbox.js';
import { check } from './read.js';

/** @typedef {import('./client-message.js').ClientMessage} ClientMessage */

/** Told at the latest after so many messages, */
const TELL_AFTER_MESSAGES = 64;
/** or so many bytes. */
const TELL_AFTER_BYTES = 64 * 1024;

/**
 * A message that the hub has not confirmed. `ticket` is that of a `send`, which is settled by that.
 *
 * @typedef {{ readonly message: ClientMessage, ticket: import('./input.js').Ticket | null, readonly size: number }} Sent
 */

/** The numbers of one session in both directions. Numbers are not written: both sides count. */
export class Numbering {
  /** What was sent and not confirmed, in order. @type {Sent[]} */
  unconfirmed = [];
  /** How many messages the hub has confirmed. */
  #confirmed = 0;
  #received = 0;
  /** Received since the hub was told `got` last, the first at `since`. */
  #untold = { messages: 0, bytes: 0, since: Infinity };

  /**
   * Whether one more message of this size may be sent before others are confirmed. One alone always may.
   *
   * @param {number} size
   * @param {import('./config.js').Config} config
   */
  hasRoom(size, { maxUnconfirmed, maxUnconfirmedBytes }) {
    const { length } = this.unconfirmed;
    return length === 0 || (length < maxUnconfirmed && bytesOf(this.unconfirmed) + size <= maxUnconfirmedBytes);
  }

  /**
   * The hub says how many it got.
   *
   * @param {number} got
   * @returns what is no longer unconfirmed
   * @throws {SyntaxError} if it cannot be
   */
  confirm(got) {
    const newly = got - this.#confirmed;
    check(newly >= 0 && newly <= this.unconfirmed.length, 'got');
    this.#confirmed = got;
    return this.unconfirmed.splice(0, newly);
  }

  /**
   * @param {number} now
   * @param {number} size
   */
  received(now, size) {
    this.#received += 1;
    this.#untold.messages += 1;
    this.#untold.bytes += size;
    this.#untold.since = Math.min(this.#untold.since, now);
  }

  /** How many were received in all: what is told to the hub now. */
  tell() {
    this.#untold = { messages: 0, bytes: 0, since: Infinity };
    return this.#received;
  }

  /** Whether so much was received that it has to be told at once. */
  get isMuchUntold() {
    return this.#untold.messages >= TELL_AFTER_MESSAGES || this.#untold.bytes >= TELL_AFTER_BYTES;
  }

  /**
   * When it has to be told.
   *
   * @param {number} interval
   */
  deadline(interval) {
    return this.#untold.since + interval;
  }
}
