/** What there is to say about the page's connection: a `ReliableWebSocket`, seen by a person. */

/** @typedef {import('/everwire/index.js').ReliableWebSocket} ReliableWebSocket */

/**
 * How a connection, or the attempt at one, ended: the close event's facts, and whether there had
 * been a connection.
 *
 * @typedef {object} Ending
 * @property {number} code
 * @property {string} reason
 * @property {boolean} wasClean
 * @property {boolean} opened
 */

/**
 * Times are `performance.now()` milliseconds. `closed` is for good, until somebody connects again:
 * `ending` says why, and is null if it was the person's own wish.
 *
 * @typedef {{ name: 'connecting', attempt: number }
 *   | { name: 'open', since: number }
 *   | { name: 'closing' }
 *   | { name: 'waiting', until: number, ending: Ending | null }
 *   | { name: 'offline' }
 *   | { name: 'closed', ending: Ending | null }} State
 */

export class Connection {
  #socket;
  #since = 0;
  #isOpen = false;
  #isWished = true;
  /** The latest that was open, or the latest attempt. @type {Ending | null} */
  #ending = null;

  /** @param {ReliableWebSocket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.addEventListener('open', () => {
      this.#since = performance.now();
      this.#isOpen = true;
    });
    socket.addEventListener('close', ({ code, reason, wasClean }) => {
      this.#ending = { code, reason, wasClean, opened: this.#isOpen };
      this.#isOpen = false;
    });
  }

  get socket() {
    return this.#socket;
  }

  /** How the latest connection or attempt ended; null before the first end. */
  get ending() {
    return this.#ending;
  }

  /** @returns {State} */
  get state() {
    const socket = this.#socket;
    switch (socket.readyState) {
      case socket.OPEN:
        return { name: 'open', since: this.#since };
      case socket.CLOSING:
        return { name: 'closing' };
      case socket.CLOSED:
        return { name: 'closed', ending: this.#isWished ? this.#ending : null };
    }
    const { retryIn } = socket;
    if (retryIn !== null) {
      return { name: 'waiting', until: performance.now() + retryIn, ending: this.#ending };
    }
    if (!navigator.onLine) return { name: 'offline' };
    return { name: 'connecting', attempt: socket.retryCount + 1 };
  }

  /** Connect again after `close`. */
  open() {
    this.#isWished = true;
    this.#socket.reconnect();
  }

  /** Close, and stay closed. */
  close() {
    this.#isWished = false;
    this.#socket.close(1000);
  }
}
