/** A topic of a hub: hear it, publish to it, see who is there. */

import { HubError } from './error.js';
import { payload } from './payload.js';
import { Reader } from './reader.js';
import { dispatch, target } from './target.js';

/** @typedef {import('./answers.js').HistoryPage} HistoryPage */
/** @typedef {import('./answers.js').Receipt} Receipt */
/** @typedef {import('./answers.js').Subscribed} Subscribed */
/** @typedef {import('./client-message.js').SubscribeOptions} SubscribeOptions */
/** @typedef {import('./hub-message.js').Gap} Gap */
/** @typedef {import('./values.js').Departure} Departure */
/** @typedef {import('./values.js').ErrorReply} ErrorReply */
/** @typedef {import('./values.js').Member} Member */
/** @typedef {import('./values.js').PresenceState} PresenceState */

/** @typedef {import('./output.js').TopicDetails['publication']} Publication */

/**
 * Who came and who went, since this was told last.
 *
 * @typedef {{ readonly joined: readonly Member[], readonly left: readonly (Member | Departure)[] }} Presence
 */

/**
 * @typedef {object} TopicEvents
 * @property {Publication} publication something was published
 * @property {Gap} gap publications are missing, and will not come
 * @property {Subscribed} subscribed it begins, or goes on after a break or a hole
 * @property {ErrorReply | undefined} unsubscribed it is over, not by the program's wish
 * @property {Presence} presence `members` or `memberCount` is another
 */

/**
 * What the topics of a client share.
 *
 * @typedef {object} Hub
 * @property {import('./driver.js').Driver} driver
 * @property {Map<string, Topic>} topics those that are subscribed, or to be: they are told what happens
 * @property {number} maxUnread
 */

/** @extends {target<TopicEvents>} */
export class Topic extends /** @type {typeof target<TopicEvents>} */ (target)() {
  #hub;
  #options;
  /** @type {Set<Reader<Publication>>} */
  #readers = new Set();
  /** @type {Promise<unknown> | null} */
  #subscribed = null;
  /** Whether only loops want it. */
  #isForLoops = false;
  /** @type {Map<string, Member>} */
  #members = new Map();
  #memberCount = 0;

  /**
   * @param {string} name
   * @param {SubscribeOptions} options
   * @param {Hub} hub
   */
  constructor(name, options, hub) {
    super();
    /** Its name. */
    this.name = name;
    this.#options = options;
    this.#hub = hub;
  }

  /** Who is there, by session; known while it is subscribed with `presence: 'full'`. @returns {ReadonlyMap<string, Member>} */
  get members() {
    return this.#members;
  }

  /** How many are there; known while it is subscribed with `presence`. */
  get memberCount() {
    return this.#memberCount;
  }

  /**
   * Hears it from now on, whatever becomes of the link, until `unsubscribe`.
   *
   * @returns {Promise<void>} resolves when the subscription stands, which may take as long as there is no link
   * @throws {HubError} (the promise) if the hub refuses, or there are too many
   */
  async subscribe() {
    this.#isForLoops = false;
    await this.#subscribe();
  }

  #subscribe() {
    if (this.#subscribed !== null) return this.#subscribed;
    if (!this.#hub.topics.has(this.name)) this.#hub.topics.set(this.name, this);
    const subscribed = this.#hub.driver.request({ type: 'subscribe', topic: this.name, options: this.#options });
    this.#subscribed = subscribed;
    subscribed.catch((error) => {
      // It may have been given up, and asked for anew, in the meantime.
      if (this.#subscribed === subscribed) this.end(error);
    });
    return subscribed;
  }

  /**
   * Hears it no longer, and ends the loops over it.
   *
   * @returns {Promise<void>} resolves when the hub knows
   * @throws {HubError} (the promise) if it is not subscribed
   */
  async unsubscribe() {
    const request = this.#hub.driver.request({ type: 'unsubscribe', topic: this.name });
    this.end();
    await request;
  }

  /**
   * Publications from now on; subscribes if nobody did, and then unsubscribes when the last loop is left. The
   * loop ends with the subscription, and throws if the hub refuses or ends it, or if more than `maxUnread` wait
   * for it.
   *
   * @returns {AsyncIterator<Publication, undefined>}
   */
  [Symbol.asyncIterator]() {
    /** @type {Reader<Publication>} */
    const reader = new Reader(this.#hub.maxUnread, () => this.#left(reader));
    this.#readers.add(reader);
    if (this.#subscribed === null) this.#isForLoops = true;
    this.#subscribe().catch((error) => reader.end(error));
    return reader;
  }

  /** @param {Reader<Publication>} reader */
  #left(reader) {
    this.#readers.delete(reader);
    const isUnwanted = this.#isForLoops && this.#readers.size === 0 && this.#subscribed !== null;
    // If the session has ended there is nothing to leave.
    if (isUnwanted) this.unsubscribe().catch(() => {});
  }

  /**
   * Publishes bytes, or anything that `JSON.stringify` takes. It is sent again until the hub has answered.
   *
   * @param {unknown} data
   * @param {{ echo?: boolean }} [options] `echo`: whether this client gets it back: true
   * @returns {Promise<Receipt>} resolves when it is stored, as durably as the topic is
   * @throws {HubError} (the promise) if it was not, or perhaps not
   */
  async publish(data, { echo = true } = {}) {
    return this.#hub.driver.request({ type: 'publish', topic: this.name, payload: payload(data), echo });
  }

  /**
   * The program has dealt with everything up to this offset: `from: 'acknowledged'` goes on behind it.
   *
   * @param {number} offset
   */
  acknowledge(offset) {
    this.#hub.driver.step({ type: 'ack', topic: this.name, offset });
  }

  /**
   * Publications of the past.
   *
   * @param {{ before?: number, limit?: number }} [which] with offsets below `before`, default: the newest;
   *   at most `limit`, default: 100, which is the most
   * @returns {Promise<HistoryPage>}
   * @throws {HubError} (the promise)
   */
  history({ before, limit } = {}) {
    return this.#hub.driver.request({ type: 'history', topic: this.name, before, limit });
  }

  /**
   * Who is there now, whether it is subscribed or not.
   *
   * @returns {Promise<PresenceState>}
   * @throws {HubError} (the promise)
   */
  presence() {
    return this.#hub.driver.request({ type: 'presence', topic: this.name });
  }

  /**
   * For the client: something happened here.
   *
   * @param {import('./output.js').TopicEvent} event
   */
  hear({ type, detail }) {
    switch (type) {
      case 'members': {
        const gone = new Map(this.#members);
        const joined = detail.filter(({ session }) => !gone.delete(session));
        return this.#change(joined, [...gone.values()], detail);
      }
      case 'membersChanged':
        return this.#change(detail.joined, detail.left, detail.joined);
      case 'memberCount':
        this.#memberCount = detail;
        return dispatch(this, 'presence', { joined: [], left: [] });
      case 'publication':
        for (const reader of [...this.#readers]) reader.push(detail);
        break;
      case 'subscribed':
        this.#subscribed ??= Promise.resolve();
        break;
      case 'unsubscribed':
        this.end(detail && new HubError({ outcome: 'refused', error: detail }));
    }
    dispatch(this, type, detail);
  }

  /**
   * For the client: it is over.
   *
   * @param {unknown} [error] for the loops
   */
  end(error) {
    const { topics } = this.#hub;
    if (topics.get(this.name) === this) topics.delete(this.name);
    this.#subscribed = null;
    this.#members.clear();
    this.#memberCount = 0;
    for (const reader of [...this.#readers]) reader.end(error);
  }

  /**
   * @param {readonly Member[]} joined
   * @param {readonly (Member | Departure)[]} left
   * @param {readonly Member[]} known
   */
  #change(joined, left, known) {
    for (const { session } of left) this.#members.delete(session);
    for (const member of known) this.#members.set(member.session, member);
    this.#memberCount = this.#members.size;
    dispatch(this, 'presence', { joined, left });
  }
}
