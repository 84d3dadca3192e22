/**
 * A WebSocket that comes back by itself.
 *
 * One attempt at a time; the waits between attempts are `retry.js`. What was not sent is never
 * kept for later: `send` says at once whether the text went to an open socket.
 */

import { FRESH, afterLoss, nextDelay } from './retry.js';

/** A connection that has not opened after this time is given up (milliseconds). */
export const OPEN_WITHIN_MS = 5_000;

/**
 * How a connection ended: the close event's three facts, and whether it had ever opened.
 *
 * @typedef {object} Ending
 * @property {number} code
 * @property {string} reason
 * @property {boolean} wasClean
 * @property {boolean} opened
 */

/**
 * Times are `performance.now()` milliseconds. `closed` is somebody's decision; it stays closed
 * until `connect` is called.
 *
 * @typedef {{ name: 'connecting', attempt: number }
 *   | { name: 'open', since: number }
 *   | { name: 'closing' }
 *   | { name: 'waiting', until: number, ending: Ending }
 *   | { name: 'closed', ending: Ending | null }} State
 */

/**
 * @typedef {object} Handlers
 * @property {(state: State) => void} onState after every change of state
 * @property {(data: string | ArrayBuffer) => void} onMessage
 */

export class Link {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {State} */
  #state = { name: 'closed', ending: null };
  #retry = FRESH;
  #attempt = 0;
  /** The wait for the next attempt, or the limit of the one under way. */
  #timer = 0;
  #handlers;

  /**
   * @param {string} url
   * @param {Handlers} handlers
   */
  constructor(url, handlers) {
    this.url = url;
    this.#handlers = handlers;
  }

  get state() {
    return this.#state;
  }

  /** Bytes handed to `send` that have not left for the network. */
  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** The extensions the server agreed to; empty when there are none. */
  get extensions() {
    return this.#socket?.extensions ?? '';
  }

  /** Start, or start again after `close`. */
  connect() {
    if (this.#state.name === 'closed') this.#dial();
  }

  /** Cut a wait short: the network is back, or somebody is looking. */
  retryNow() {
    if (this.#state.name === 'waiting') this.#dial();
  }

  /**
   * Whether the text was handed to an open socket. A refused text is the caller's to keep.
   *
   * @param {string} text
   */
  send(text) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** Close with 1000 and stay closed. */
  close() {
    if (this.#state.name === 'open') {
      this.#enter({ name: 'closing' });
      this.#socket?.close(1000);
    } else if (this.#state.name !== 'closing') {
      this.#drop();
      this.#enter({ name: 'closed', ending: null });
    }
  }

  /**
   * Give up a link whose other end has gone silent, without waiting for its closing handshake.
   *
   * @param {string} reason
   */
  abandon(reason) {
    if (this.#state.name !== 'open') return;
    this.#lost({ code: 1006, reason, wasClean: false, opened: true });
  }

  #dial() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#attempt += 1;
    // Handlers of a socket that was dropped must not speak for its successor.
    const current = () => this.#socket === socket;
    socket.addEventListener('open', () => current() && this.#opened());
    socket.addEventListener('message', (event) => current() && this.#handlers.onMessage(event.data));
    socket.addEventListener('close', ({ code, reason, wasClean }) => {
      const opened = this.#state.name === 'open' || this.#state.name === 'closing';
      if (current()) this.#lost({ code, reason, wasClean, opened });
    });
    this.#timer = setTimeout(() => {
      const reason = `did not open within ${OPEN_WITHIN_MS / 1000} s`;
      this.#lost({ code: 1006, reason, wasClean: false, opened: false });
    }, OPEN_WITHIN_MS);
    this.#enter({ name: 'connecting', attempt: this.#attempt });
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#enter({ name: 'open', since: performance.now() });
  }

  /** @param {Ending} ending */
  #lost(ending) {
    const now = performance.now();
    const state = this.#state;
    this.#drop();
    if (state.name === 'closing') {
      this.#enter({ name: 'closed', ending });
      return;
    }
    const upFor = state.name === 'open' ? now - state.since : 0;
    const { delay, retry } = nextDelay(afterLoss(this.#retry, now, upFor), now, Math.random);
    this.#retry = retry;
    this.#timer = setTimeout(() => this.#dial(), delay);
    this.#enter({ name: 'waiting', until: now + delay, ending });
  }

  /** Let go of the socket and the timer, whatever they are doing. */
  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** @param {State} state */
  #enter(state) {
    this.#state = state;
    this.#handlers.onState(state);
  }
}
