/** The page's connection to the hub, seen by a person. */

import { connect } from '/everwire/hub/index.js';

/** @typedef {import('/everwire/hub/index.js').HubClient} HubClient */
/** @typedef {import('/everwire/hub/index.js').State} HubState */
/** @typedef {Extract<HubState, { status: 'ended' }>['end']} End */

/**
 * How the latest link ended.
 *
 * @typedef {{ readonly code: number, readonly reason: string }} Ending
 */

/**
 * Times are `performance.now()` milliseconds. `closed` is for good, until somebody connects again: `end` says why,
 * and is null if it was the person's own wish.
 *
 * @typedef {{ name: 'connecting' }
 *   | { name: 'open', since: number }
 *   | { name: 'waiting', until: number }
 *   | { name: 'offline' }
 *   | { name: 'closed', end: End | null }} State
 */

/**
 * @typedef {object} Listener
 * @property {(client: HubClient) => void} begun there is a client; nothing has come of it yet
 * @property {(resumed: boolean) => void} up
 * @property {() => void} down the link is lost, or the client has ended
 * @property {(roundTrip: number) => void} heartbeat
 */

/**
 * A person is looking: a link that went silent is found within eight seconds, and an attempt has no more than five
 * (milliseconds). What is written without a link is sent within ten minutes or not at all.
 */
const PATIENCE = {
  heartbeatInterval: 5_000,
  heartbeatTimeout: 3_000,
  connectionTimeout: 5_000,
  connectTimeout: 5_000,
  maxAge: 600_000,
};

export class Connection {
  #url;
  #token;
  #listener;
  /** @type {HubClient} */
  #client;
  #since = 0;
  #isWished = true;
  /** @type {Ending | null} */
  #ending = null;
  /** Sessions begun, and links after which one went on. */
  counts = { begun: 0, resumed: 0 };

  /**
   * @param {() => string} url asked before every attempt
   * @param {string} token
   * @param {Listener} listener
   */
  constructor(url, token, listener) {
    this.#url = url;
    this.#token = token;
    this.#listener = listener;
    this.#client = this.#connect();
  }

  get client() {
    return this.#client;
  }

  /** How the latest link ended; null before the first end. */
  get ending() {
    return this.#ending;
  }

  /** @returns {State} */
  get state() {
    const { state, retryIn } = this.#client;
    if (state.status === 'up') return { name: 'open', since: this.#since };
    if (state.status === 'ended') return { name: 'closed', end: this.#isWished ? state.end : null };
    if (retryIn !== null) return { name: 'waiting', until: performance.now() + retryIn };
    return navigator.onLine ? { name: 'connecting' } : { name: 'offline' };
  }

  get isOpen() {
    return this.#client.state.status === 'up';
  }

  /** Connect again after `close`. */
  open() {
    if (this.#client.state.status !== 'ended') return;
    this.#isWished = true;
    this.#client = this.#connect();
  }

  /** Close, and stay closed. */
  close() {
    this.#isWished = false;
    this.#client.close();
  }

  #connect() {
    const client = connect(this.#url, { token: this.#token, ...PATIENCE });
    client.addEventListener('state', ({ detail }) => this.#changed(detail));
    client.addEventListener('heartbeat', ({ detail }) => this.#listener.heartbeat(detail));
    this.#listener.begun(client);
    return client;
  }

  /** @param {HubState} state */
  #changed(state) {
    switch (state.status) {
      case 'up':
        this.#since = performance.now();
        this.counts[state.resumed ? 'resumed' : 'begun'] += 1;
        return this.#listener.up(state.resumed);
      case 'down':
        this.#ending = { code: state.code, reason: state.reason };
        return this.#listener.down();
      case 'ended':
        return this.#listener.down();
    }
  }
}
