/** A `WebSocket` that comes back: what programs see of it. What it does is in `lifeline.js`. */

import { farewell } from './farewell.js';
import { Lifeline } from './lifeline.js';
import { size, toMessage } from './message.js';
import { settings } from './options.js';
import { OPEN } from './ready-state.js';
import { WebSocketTarget } from './target.js';

/** @typedef {import('./connection.js').Protocols} Protocols */
/** @typedef {import('./connection.js').Url} Url */
/** @typedef {import('./events.js').Fate} Fate */
/** @typedef {import('./message.js').Message} Message */

/** @template T @typedef {import('./connection.js').Provided<T>} Provided */

export class ReliableWebSocket extends WebSocketTarget {
  #lifeline;
  /** Bytes that were sent when it was too late. */
  #discarded = 0;

  /**
   * @param {Provided<Url>} url a function is asked before every attempt: for a fresh token
   * @param {Provided<Protocols>} [protocols] likewise
   * @param {import('./options.js').Options} [options]
   * @throws {DOMException} `SyntaxError` if no WebSocket can be made of a URL and protocols that are
   *   not asked for
   */
  constructor(url, protocols, options = {}) {
    super();
    const chosen = settings(options);
    this.#lifeline = new Lifeline(url, protocols, chosen, (event) => this.dispatchEvent(event));
    if (!chosen.startClosed) this.#lifeline.reconnector.start();
  }

  /** What the latest attempt went to. Empty before the first if it has to be asked for. */
  get url() {
    return this.#lifeline.address;
  }

  get protocol() {
    return this.#lifeline.reconnector.socket?.protocol ?? '';
  }

  get extensions() {
    return this.#lifeline.reconnector.socket?.extensions ?? '';
  }

  /** CONNECTING while it connects or waits to; CLOSED only when it will not come back. */
  get readyState() {
    return this.#lifeline.readyState;
  }

  get binaryType() {
    return this.#lifeline.binaryType;
  }

  set binaryType(type) {
    if (type === 'blob' || type === 'arraybuffer') this.#lifeline.binaryType = type;
  }

  /** Bytes that have not left: those of the queue and of the native socket. */
  get bufferedAmount() {
    const { outgoing, reconnector } = this.#lifeline;
    return outgoing.bytes + (reconnector.socket?.bufferedAmount ?? 0) + this.#discarded;
  }

  /** How many attempts have failed since there was a stable connection. */
  get retryCount() {
    return this.#lifeline.retryCount;
  }

  /** Milliseconds to the next attempt; null if none is waited for. */
  get retryIn() {
    return this.#lifeline.reconnector.retryIn;
  }

  /** Whether a connection that is lost would be replaced. */
  get shouldReconnect() {
    return this.#lifeline.reconnector.isWanted;
  }

  /** The number of the last message that `send` or `deliver` took; `fate` events tell of it. */
  get lastMessage() {
    return this.#lifeline.outgoing.last;
  }

  /**
   * As in `WebSocket`; without a connection it joins the queue if there is one.
   *
   * @param {Message} data
   * @throws {DOMException} `InvalidStateError` without connection and queue, `QuotaExceededError`
   *   if the queue is full
   */
  send(data) {
    if (arguments.length === 0) throw new TypeError('send needs a message');
    const message = toMessage(data);
    if (this.readyState > OPEN) {
      this.#discarded += size(message);
      return;
    }
    const refusal = this.#lifeline.push(message);
    if (refusal === 'full') throw new DOMException('the queue is full', 'QuotaExceededError');
    if (refusal !== null) throw new DOMException('there is no connection', 'InvalidStateError');
  }

  /**
   * Send, and learn what became of it. Proof that it was read is the answer to a ping, which goes
   * at once; without the option `heartbeat` there is none, and the end of the connection leaves it
   * unsure. At most 10,000 fates are waited for at once; beyond that a message is not sent, `full`.
   *
   * @param {Message} data
   * @returns {Promise<Fate>} never rejected because of the network
   */
  deliver(data) {
    if (arguments.length === 0) throw new TypeError('deliver needs a message');
    const message = toMessage(data);
    return new Promise((resolve) => this.#lifeline.push(message, resolve));
  }

  /**
   * Close, and stay closed until `reconnect`. With the option `heartbeat`, while there is no proof
   * that everything was read, the close frame waits for it: at most for `closeTimeout`, 1,000 ms.
   *
   * @param {number} [code] 1000 or 3000 to 4999
   * @param {string} [reason] at most 123 bytes of UTF-8
   * @throws {DOMException} `InvalidAccessError` or `SyntaxError` for others
   */
  close(code, reason) {
    const said = farewell(code, reason);
    if (this.readyState <= OPEN) this.#lifeline.close(said);
  }

  /**
   * Drop what there is and connect at once; begin again after `close` or with `startClosed`.
   *
   * @param {number} [code] for the connection that is dropped: 1000
   * @param {string} [reason]
   * @throws {DOMException} as `close`
   */
  reconnect(code = 1000, reason = '') {
    this.#lifeline.reconnect(farewell(code, reason));
  }

  /**
   * Drop what there is, and come back as after a loss: when the policy says, and not before so many
   * milliseconds. While it waits it does nothing.
   *
   * @param {number} [code] for the connection that is dropped: 1000
   * @param {string} [reason]
   * @param {number | null} [after] at most the option `maxPacing`
   * @throws {DOMException} as `close`
   */
  leave(code = 1000, reason = '', after = null) {
    this.#lifeline.reconnector.leave(farewell(code, reason), after);
  }

  /** Cut a wait short: somebody is looking. */
  retryNow() {
    this.#lifeline.reconnector.retryNow();
  }
}
