/** All subscriptions of a session, in the order of their making, and those that are to end. */

/** @typedef {import('./subscription.js').Subscription} Subscription */

export class Subscriptions {
  /** @type {Map<string, Subscription>} */
  #all = new Map();
  /** Topics that the hub still has to be told about, with the request that is settled by that. @type {[topic: string, ticket: number | null][]} */
  leaving = [];

  get size() {
    return this.#all.size + this.leaving.length;
  }

  /** @returns {Iterable<Subscription>} */
  all() {
    return this.#all.values();
  }

  /** @param {string} topic */
  get(topic) {
    return this.#all.get(topic);
  }

  /** @param {Subscription} subscription */
  add(subscription) {
    this.#all.set(subscription.topic, subscription);
    return subscription;
  }

  /** @param {string} topic */
  remove(topic) {
    const removed = this.#all.get(topic);
    this.#all.delete(topic);
    return removed;
  }

  /** Takes those that are to end. */
  takeLeaving() {
    return this.leaving.splice(0);
  }

  /** What `connect` names. */
  name() {
    const ofApplication = [...this.all()].filter(({ origin }) => origin === 'application');
    for (const subscription of ofApplication) subscription.isNamed = true;
    return ofApplication.map(({ topic, request }) => /** @type {const} */ ([topic, request]));
  }

  /** Those that a `connect` named. */
  get named() {
    return [...this.all()].filter(({ isNamed }) => isNamed);
  }

  /** The first that is to be asked for. */
  get wanted() {
    return this.#find(({ phase }) => phase.name === 'wanted');
  }

  /** The first of which the hub does not know how far the application is. */
  get unacknowledged() {
    return this.#find(({ phase, acked }) => phase.name === 'active' && acked.offset > 0 && !acked.isTold);
  }

  /** When the next is to be asked for. */
  get deadline() {
    let deadline = Infinity;
    for (const { phase } of this.all()) {
      if (phase.name === 'later') deadline = Math.min(deadline, phase.at);
    }
    return deadline;
  }

  /**
   * Those whose time has come are to be asked for.
   *
   * @param {number} now
   */
  tick(now) {
    for (const subscription of this.all()) {
      const { phase } = subscription;
      if (phase.name === 'later' && phase.at <= now) subscription.phase = { name: 'wanted' };
    }
  }

  /** A new session begins: none stands any more. */
  restart() {
    for (const subscription of this.all()) {
      subscription.phase = { name: subscription.origin === 'hub' ? 'lapsed' : 'wanted' };
      subscription.roster.reset(null);
    }
  }

  /** @param {(subscription: Subscription) => boolean} is */
  #find(is) {
    for (const subscription of this.all()) if (is(subscription)) return subscription;
  }
}
