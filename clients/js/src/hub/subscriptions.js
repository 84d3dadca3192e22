/** All subscriptions of a session, in the order of their making, and those that are to end. */

/** @typedef {import('./subscription.js').Subscription} Subscription */

/** @extends {Map<string, Subscription>} */
export class Subscriptions extends Map {
  /** Topics that the hub still has to be told about, with the request that is settled by that. @type {[topic: string, ticket: number | null][]} */
  leaving = [];

  /** How many there are, for the hub as well. */
  get count() {
    return this.size + this.leaving.length;
  }

  /** @param {Subscription} subscription */
  add(subscription) {
    this.set(subscription.topic, subscription);
    return subscription;
  }

  /** @param {string} topic */
  remove(topic) {
    const removed = this.get(topic);
    this.delete(topic);
    return removed;
  }

  /** Takes those that are to end. */
  takeLeaving() {
    return this.leaving.splice(0);
  }

  /** What `connect` names. */
  name() {
    const ofApplication = [...this.values()].filter(({ origin }) => origin === 'application');
    for (const subscription of ofApplication) subscription.isNamed = true;
    return ofApplication.map(({ topic, request }) => /** @type {const} */ ([topic, request]));
  }

  /** Those that a `connect` named. */
  get named() {
    return [...this.values()].filter(({ isNamed }) => isNamed);
  }

  /** The first that is to be asked for. */
  get wanted() {
    return this.#find(({ phase }) => phase.name === 'wanted');
  }

  /** The first of which the hub does not know how far the application is. */
  get unacknowledged() {
    return this.#find(({ phase, acked }) => phase.name === 'active' && acked.offset > 0 && !acked.isTold);
  }

  /** When the next is to be asked for, or is over. */
  get deadline() {
    let deadline = Infinity;
    for (const { phase } of this.values()) {
      if ('at' in phase) deadline = Math.min(deadline, phase.at);
    }
    return deadline;
  }

  /**
   * Those whose time has come are to be asked for.
   *
   * @param {number} now
   */
  tick(now) {
    for (const subscription of this.values()) {
      const { phase } = subscription;
      if (phase.name === 'later' && phase.at <= now) subscription.phase = { name: 'wanted' };
    }
  }

  /**
   * The first that the hub did not make again in time.
   *
   * @param {number} now
   */
  lapsed(now) {
    return this.#find(({ phase }) => phase.name === 'lapsed' && phase.at <= now);
  }

  /**
   * A new session begins: none stands any more.
   *
   * @param {number} at when those are over that the hub has not made again
   */
  restart(at) {
    for (const subscription of this.values()) {
      subscription.phase = subscription.origin === 'hub' ? { name: 'lapsed', at } : { name: 'wanted' };
      subscription.roster.reset(null);
    }
  }

  /** @param {(subscription: Subscription) => boolean} is */
  #find(is) {
    for (const subscription of this.values()) if (is(subscription)) return subscription;
  }
}
