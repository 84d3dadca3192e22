/** What every WebSocket has: the constants, `onopen` and its like, and listeners with types. */

import { CLOSED, CLOSING, CONNECTING, OPEN } from './ready-state.js';

/** @typedef {import('./events.js').EventMap} EventMap */

/**
 * @template {keyof EventMap} K
 * @typedef {((this: WebSocketTarget, event: EventMap[K]) => unknown) | null} Handler
 */

/**
 * @typedef {{
 *   <K extends keyof EventMap>(type: K, listener: (event: EventMap[K]) => unknown, options?: boolean | AddEventListenerOptions): void,
 *   (type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void,
 * }} Listen
 */

/** @typedef {Omit<EventTarget, 'addEventListener' | 'removeEventListener'> & { addEventListener: Listen, removeEventListener: Listen }} TypedTarget */

const TypedTarget = /** @type {new () => TypedTarget} */ (EventTarget);

export class WebSocketTarget extends TypedTarget {
  /** @type {Map<string, { handler: Function, listener: (event: Event) => void }>} */
  #handlers = new Map();

  static get CONNECTING() {
    return CONNECTING;
  }
  static get OPEN() {
    return OPEN;
  }
  static get CLOSING() {
    return CLOSING;
  }
  static get CLOSED() {
    return CLOSED;
  }
  get CONNECTING() {
    return CONNECTING;
  }
  get OPEN() {
    return OPEN;
  }
  get CLOSING() {
    return CLOSING;
  }
  get CLOSED() {
    return CLOSED;
  }

  /** @type {Handler<'open'>} */
  get onopen() {
    return this.#get('open');
  }
  set onopen(handler) {
    this.#set('open', handler);
  }

  /** @type {Handler<'message'>} */
  get onmessage() {
    return this.#get('message');
  }
  set onmessage(handler) {
    this.#set('message', handler);
  }

  /** @type {Handler<'error'>} */
  get onerror() {
    return this.#get('error');
  }
  set onerror(handler) {
    this.#set('error', handler);
  }

  /** @type {Handler<'close'>} */
  get onclose() {
    return this.#get('close');
  }
  set onclose(handler) {
    this.#set('close', handler);
  }

  /**
   * @template {keyof EventMap} K
   * @param {K} type
   */
  #get(type) {
    return /** @type {Handler<K>} */ (this.#handlers.get(type)?.handler ?? null);
  }

  /**
   * A handler that replaces another takes its place among the listeners, as in browsers.
   *
   * @param {keyof EventMap} type
   * @param {unknown} handler
   */
  #set(type, handler) {
    const known = this.#handlers.get(type);
    if (typeof handler === 'function') {
      if (known !== undefined) {
        known.handler = handler;
        return;
      }
      /** @type {{ handler: Function, listener: (event: Event) => void }} */
      const entry = { handler, listener: (event) => entry.handler.call(this, event) };
      this.#handlers.set(type, entry);
      this.addEventListener(type, entry.listener);
    } else if (known !== undefined) {
      this.#handlers.delete(type);
      this.removeEventListener(type, known.listener);
    }
  }
}
