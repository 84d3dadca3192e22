/** One subscription: where it is, and what proves it. docs/protocol.md, "Position". */

import { Roster } from './roster.js';

/** @typedef {import('./answers.js').Subscribed} Subscribed */
/** @typedef {import('./client-message.js').SubscribeOptions} SubscribeOptions */
/** @typedef {import('./values.js').Place} Place */
/** @typedef {import('./values.js').Position} Position */

/** So many tags of the past are remembered, to tell a repetition from a fork. */
const SEEN_TAGS = 32;

/**
 * How far it is: to be asked for; asked for with a command (what arrives before its reply is of the time
 * before); to be asked for at a time; active; or made by the hub, in a session that is lost, and to be made
 * again by a time.
 *
 * @typedef {{ readonly name: 'wanted' | 'active' }
 *   | { readonly name: 'asked', readonly id: number }
 *   | { readonly name: 'later' | 'lapsed', readonly at: number }} Phase
 */

export class Subscription {
  /** @type {Phase} */
  phase = { name: 'wanted' };
  /** @type {SubscribeOptions} */
  options;
  /** Whether a `connect` named it. */
  isNamed = false;
  /** Where the client is in the topic's log. @type {Position | null} */
  position = null;
  /** The last tags up to `position`, the newest last. @type {number[]} */
  #seen = [];
  roster = new Roster();
  /** How far the application has acknowledged, and whether the hub knows. */
  acked = { offset: 0, isTold: false };

  /**
   * @param {string} topic
   * @param {boolean} isOfHub whether the hub made it, and not the application
   * @param {SubscribeOptions} options
   * @param {import('./input.js').Ticket | null} ticket the request to settle once it stands
   */
  constructor(topic, isOfHub, options, ticket) {
    this.topic = topic;
    this.isOfHub = isOfHub;
    this.options = options;
    this.ticket = ticket;
  }

  /** What to ask for: from where the client is, if it is anywhere. @returns {SubscribeOptions} */
  get request() {
    return this.position === null ? this.options : { ...this.options, from: this.position };
  }

  /**
   * The hub says how it begins; the ticket is settled by that.
   *
   * @param {Subscribed} subscribed
   */
  begin(subscribed) {
    this.phase = { name: 'active' };
    this.ticket = null;
    if (subscribed.live) this.position = null;
    else this.moveTo(subscribed.position);
    const presence = this.isOfHub ? modeOf(subscribed) : this.options.presence;
    // From now on it goes on from where it is, or with what is new.
    this.options = { ...this.options, presence, from: 'latest' };
  }

  /**
   * The client is there now, whatever was before.
   *
   * @param {Position} position
   */
  moveTo(position) {
    const old = this.position;
    if (old !== null && isSame(old, position)) return;
    if (old !== null && old.epoch !== position.epoch) this.acked = { offset: 0, isTold: false };
    this.#seen = [position.tag];
    this.position = position;
  }

  /**
   * What the publication at this place is, seen from where the client is; moves there if it is the next.
   * After a `hole` something is missing.
   *
   * @param {Place} place
   * @returns {'next' | 'repetition' | 'hole'}
   */
  advance({ offset, tag, prev }) {
    const { position } = this;
    if (position === null) return 'hole';
    if (offset === position.offset + 1 && prev === position.tag) {
      this.position = { epoch: position.epoch, offset, tag };
      this.#seen = [...this.#seen.slice(1 - SEEN_TAGS), tag];
      return 'next';
    }
    return this.#seen.at(offset - position.offset - 1) === tag && offset <= position.offset ? 'repetition' : 'hole';
  }
}

/**
 * @param {Subscribed} subscribed
 * @returns {SubscribeOptions['presence']}
 */
function modeOf({ presence }) {
  if (presence === undefined) return 'none';
  return presence.count === undefined ? 'full' : 'count';
}

/**
 * @param {Position} one
 * @param {Position} other
 */
export function isSame(one, other) {
  return one.epoch === other.epoch && one.offset === other.offset && one.tag === other.tag;
}
