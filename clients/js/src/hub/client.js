/** A hub's client: a session that goes on over whatever becomes of the link. */

import { Driver } from './driver.js';
import { HubError } from './error.js';
import { settings } from './options.js';
import { payload } from './payload.js';
import { dispatch, target } from './target.js';
import { Topic } from './topic.js';
import { method, name as userName, topic as topicName } from './values.js';

/** @typedef {import('./client-message.js').SubscribeOptions} SubscribeOptions */
/** @typedef {import('./driver.js').Ending} Ending */
/** @typedef {import('./options.js').Options} Options */
/** @typedef {import('./values.js').UserState} UserState */

/**
 * Where the client is. `up`: there is a session; with `resumed` nothing was missed. `down`: the link is lost, with
 * this close code and reason, and will come back. `ended`: nothing follows.
 *
 * @typedef {{ readonly status: 'connecting' }
 *   | { readonly status: 'down', readonly code: number, readonly reason: string }
 *   | { readonly status: 'up', readonly session: string, readonly user?: string, readonly resumed: boolean }
 *   | { readonly status: 'ended', readonly end: Ending }} State
 */

/**
 * @typedef {object} HubEvents
 * @property {State} state
 * @property {unknown} message what the endpoint sent
 * @property {number} heartbeat a sign of life that was asked for: the round trip, in milliseconds
 * @property {Topic} topic the hub made a subscription for this session
 */

/** So many users can be asked for at once. */
const MAX_USERS = 100;

/** @extends {target<HubEvents>} */
export class HubClient extends /** @type {typeof target<HubEvents>} */ (target)() {
  /** @type {import('./topic.js').Hub} */
  #hub;
  /** @type {State} */
  #state = { status: 'connecting' };

  /**
   * @param {import('./driver.js').Url} url a function is asked before every attempt
   * @param {Options} [options]
   * @throws {DOMException} `SyntaxError` if no WebSocket can be made of the URL
   */
  constructor(url, options = {}) {
    super();
    const chosen = settings(options);
    const driver = new Driver(url, chosen, (event) => this.#hear(event));
    this.#hub = { driver, topics: new Map(), maxUnread: chosen.maxUnread };
  }

  /** Where it is; the event `state` tells of each change. */
  get state() {
    return this.#state;
  }

  /** Milliseconds to the next attempt to connect; null if none is waited for. */
  get retryIn() {
    return this.#hub.driver.reconnector.retryIn;
  }

  /** Ends the wait for the next attempt. */
  retryNow() {
    this.#hub.driver.reconnector.retryNow();
  }

  /**
   * A topic by its name, 1 to 128 ASCII letters, digits and `- _ . ~ : / @ + =`. One that is subscribed is the
   * same object each time.
   *
   * @param {string} name
   * @param {SubscribeOptions} [options]
   * @throws {Error} for another name
   */
  topic(name, options = {}) {
    return this.#hub.topics.get(topicName(name, 'topic')) ?? new Topic(name, options, this.#hub);
  }

  /**
   * Tells the endpoint something.
   *
   * @param {unknown} data bytes, or anything that `JSON.stringify` takes
   * @returns {Promise<void>} resolves when the hub has got it
   * @throws {HubError} (the promise) if it did not, or perhaps not
   */
  async send(data) {
    await this.#hub.driver.request({ type: 'send', payload: payload(data) });
  }

  /**
   * Has the endpoint do something.
   *
   * @param {string} name of the method, 1 to 128 bytes
   * @param {unknown} [data] bytes, or anything that `JSON.stringify` takes; default: null
   * @returns {Promise<unknown>} what it answers
   * @throws {HubError} (the promise) if it did not, or perhaps not
   */
  async rpc(name, data = null) {
    return (await this.#hub.driver.request({ type: 'rpc', method: method(name, 'method'), payload: payload(data) })).data;
  }

  /**
   * Whether users are there.
   *
   * @param {Iterable<string>} users at most 100
   * @returns {Promise<Map<string, UserState>>}
   * @throws {HubError} (the promise)
   */
  async status(users) {
    const asked = [...users].map((user) => userName(user, 'users'));
    if (asked.length > MAX_USERS) throw new RangeError(`more than ${MAX_USERS} users`);
    return new Map((await this.#hub.driver.request({ type: 'status', users: asked })).users);
  }

  /**
   * Tells the hub that the user is away from this client, or back.
   *
   * @param {boolean} away
   */
  setAway(away) {
    this.#hub.driver.step({ type: 'away', away });
  }

  /** Says farewell: the session is over at once, and what waits is not sent. */
  close() {
    this.#hub.driver.step({ type: 'close' });
  }

  /** @param {Parameters<ConstructorParameters<typeof Driver>[2]>[0]} event */
  #hear(event) {
    switch (event.type) {
      case 'ended': {
        // Whoever closes it knows why a loop ends.
        const error = event.end.why === 'closed' ? undefined : new HubError({ outcome: 'notSent', why: 'ended' });
        for (const topic of [...this.#hub.topics.values()]) topic.end(error);
      }
      // Falls through.
      case 'up':
      case 'down': {
        const { type: status, ...more } = event;
        this.#state = /** @type {State} */ ({ status, ...more });
        return dispatch(this, 'state', this.#state);
      }
      case 'message':
      case 'heartbeat':
        return dispatch(this, event.type, event.detail);
      default:
        this.#topicOf(event.topic).hear(event);
    }
  }

  /** @param {string} name */
  #topicOf(name) {
    const { topics } = this.#hub;
    const topic = this.topic(name);
    if (!topics.has(name)) {
      // A subscription that the hub made.
      topics.set(name, topic);
      dispatch(this, 'topic', topic);
    }
    return topic;
  }
}

/**
 * Connects to a hub, and comes back whenever the link is lost.
 *
 * @param {import('./driver.js').Url} url a function is asked before every attempt
 * @param {Options} [options]
 */
export function connect(url, options) {
  return new HubClient(url, options);
}
