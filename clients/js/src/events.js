/** What a `ReliableWebSocket` dispatches besides `open` and `message`. */

/** Where there is a native one, ours is one of it: `instanceof CloseEvent` holds in browsers. */
const NativeCloseEvent =
  globalThis.CloseEvent ??
  /** @type {typeof globalThis.CloseEvent} */ (
    /** @type {unknown} */ (
      class CloseEvent extends Event {
        /**
         * @param {string} type
         * @param {CloseEventInit} init
         */
        constructor(type, { code = 0, reason = '', wasClean = false }) {
          super(type);
          this.code = code;
          this.reason = reason;
          this.wasClean = wasClean;
        }
      }
    )
  );

/** A connection, or the attempt at one, is over. */
export class LossEvent extends NativeCloseEvent {
  /**
   * @param {{ code: number, reason: string, wasClean: boolean }} ending
   * @param {boolean} willReconnect
   * @param {number | null} retryIn
   */
  constructor(ending, willReconnect, retryIn) {
    super('close', ending);
    /** False for the last one: `readyState` is CLOSED. */
    this.willReconnect = willReconnect;
    /** Milliseconds to the next attempt; null if there is none or it waits for the network. */
    this.retryIn = retryIn;
  }
}

/** Something went wrong; a `close` follows. Browsers say no more than that. */
export class FailureEvent extends Event {
  /**
   * @param {string} message empty if nothing is known
   * @param {unknown} [error]
   */
  constructor(message, error) {
    super('error');
    this.message = message;
    this.error = error;
  }
}

/**
 * What became of a message. `sent`: the server has read it. `unsure`: it may have arrived. Not
 * sent: it never left, because it waited too long (`expired`), nobody will connect again
 * (`ended`), there was no connection (`down`) or no room in the queue (`full`).
 *
 * @typedef {{ fate: 'sent' | 'unsure' }
 *   | { fate: 'notSent', why: 'expired' | 'unsent' | 'ended' | 'down' | 'full' }} Fate
 */

/** The fate of the messages with the numbers `first` … `last`. */
export class FateEvent extends Event {
  /** @param {import('./outbox.js').Fate} fate */
  constructor(fate) {
    super('fate');
    this.fate = fate.fate;
    this.why = fate.fate === 'notSent' ? fate.why : undefined;
    this.first = fate.first;
    this.last = fate.last;
  }
}

/** A ping was answered. */
export class HeartbeatEvent extends Event {
  /** @param {number} roundTrip */
  constructor(roundTrip) {
    super('heartbeat');
    /** Milliseconds. */
    this.roundTrip = roundTrip;
  }
}

/**
 * @typedef {object} EventMap
 * @property {Event} open
 * @property {MessageEvent} message
 * @property {FailureEvent} error
 * @property {LossEvent} close
 * @property {FateEvent} fate
 * @property {HeartbeatEvent} heartbeat
 */
