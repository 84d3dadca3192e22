/** One native WebSocket, from the question for its address to its end. */

/** @typedef {string | URL} Url */
/** @typedef {string | string[] | undefined} Protocols */

/** @template T @typedef {T | (() => T | PromiseLike<T>)} Provided */

/**
 * Called until `drop`, and never afterwards.
 *
 * @typedef {object} Listener
 * @property {() => void} open
 * @property {(event: MessageEvent) => void} message
 * @property {(event: { message?: string, error?: unknown }) => void} error
 * @property {(ending: Ending) => void} close
 * @property {(error: unknown) => void} refused no WebSocket can be made of this URL and protocols
 */

/** How it ended, as a `close` event has it. @typedef {{ code: number, reason: string, wasClean: boolean }} Ending */

/** There was nobody to say it. @type {Readonly<Ending>} */
export const LOST = Object.freeze({ code: 1006, reason: '', wasClean: false });

const EVENTS = /** @type {const} */ (['open', 'message', 'error', 'close']);

export class Connection {
  /** The native WebSocket, once there is one. @type {WebSocket & { terminate?: () => void } | null} */
  socket = null;
  /** @type {Listener | null} */
  #listener;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /**
   * What is a function is asked, and may take its time.
   *
   * @param {typeof globalThis.WebSocket} WebSocket
   * @param {Provided<Url>} url
   * @param {Provided<Protocols>} protocols
   */
  start(WebSocket, url, protocols) {
    if (typeof url !== 'function' && typeof protocols !== 'function') return this.#open(WebSocket, url, protocols);
    Promise.all([ask(url), ask(protocols)]).then(
      ([url, protocols]) => this.#open(WebSocket, url, protocols),
      (error) => {
        this.#listener?.error({ message: String(error), error });
        this.#listener?.close(LOST);
      },
    );
  }

  /**
   * Let go of it: nothing is heard of it any more.
   *
   * @param {{ code?: number, reason?: string } | null} farewell null if there is nobody to hear it
   */
  drop(farewell) {
    this.#listener = null;
    const { socket } = this;
    // npm's `ws` would wait half a minute for the answer of a peer that is gone.
    if (farewell === null && socket?.terminate) socket.terminate();
    else socket?.close(farewell?.code, farewell?.reason);
  }

  /**
   * @param {typeof globalThis.WebSocket} WebSocket
   * @param {Url} url
   * @param {Protocols} protocols
   */
  #open(WebSocket, url, protocols) {
    if (this.#listener === null) return;
    /** @type {WebSocket} */
    let socket;
    try {
      socket = this.socket = new WebSocket(url, protocols);
    } catch (error) {
      return this.#listener.refused(error);
    }
    // They stay when it is dropped: `ws` throws an error that has no listener.
    for (const type of EVENTS) {
      socket.addEventListener(type, (/** @type {any} */ event) => this.#listener?.[type](event));
    }
  }
}

/**
 * @template T
 * @param {Provided<T>} provided
 * @returns {Promise<T>}
 */
export async function ask(provided) {
  return typeof provided === 'function' ? /** @type {() => T | PromiseLike<T>} */ (provided)() : provided;
}
