/**
 * The second socket: while the conversation is quiet it sends a small text to `/echo` every few
 * seconds and times its return. A text that never returns means that the other end is gone, even
 * though nobody has said so.
 */

import { Link } from './link.js';

/** The pause between two texts, and how long the conversation must be quiet before the first. */
const EVERY_MS = 3_000;
/** A text that has not returned after this time never will. */
const SILENT_AFTER_MS = 10_000;
const TICK_MS = 500;

/**
 * @typedef {object} Handlers
 * @property {() => number} quietFor milliseconds since the last measured message
 * @property {(ms: number) => void} onRoundTrip
 * @property {() => void} onSilence
 */

export class Pulse {
  #link;
  #handlers;
  #timer = 0;
  #count = 0;
  #sentAt = -Infinity;
  /** The text that is under way. */
  #expected = '';

  /**
   * @param {string} url
   * @param {Handlers} handlers
   */
  constructor(url, handlers) {
    this.#handlers = handlers;
    this.#link = new Link(url, {
      onState: () => {
        this.#expected = '';
      },
      onMessage: (data) => this.#returned(data),
    });
  }

  start() {
    this.stop();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#link.close();
  }

  #tick() {
    if (document.hidden) {
      // Timers of a hidden tab run late; what they measure is the browser, not the network.
      this.#expected = '';
      return;
    }
    const now = performance.now();
    if (this.#expected !== '') {
      if (now - this.#sentAt > SILENT_AFTER_MS) this.#handlers.onSilence();
      return;
    }
    if (this.#handlers.quietFor() < EVERY_MS || now - this.#sentAt < EVERY_MS) return;
    this.#link.connect();
    const text = `pulse ${this.#count + 1}`;
    if (!this.#link.send(text)) return;
    this.#count += 1;
    this.#expected = text;
    this.#sentAt = now;
  }

  /** @param {string | ArrayBuffer} data */
  #returned(data) {
    if (data !== this.#expected) return;
    this.#expected = '';
    this.#handlers.onRoundTrip(performance.now() - this.#sentAt);
  }
}
