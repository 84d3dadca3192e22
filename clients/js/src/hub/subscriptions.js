/** All subscriptions of a session, in the order of their making, and those that are to end. */

/** @typedef {import('./subscription.js').Subscription} Subscription */

/** @extends {Map<string, Subscription>} */
export class Subscriptions extends Map {
  /** Topics that the hub still has to be told about, with the request that is settled by that. @type {{ readonly topic: string, readonly ticket: import('./input.js').Ticket | null }[]} */
  leaving = [];

  /** How many there are, for the hub as well. */
  get count() {
    return this.size + this.leaving.length;
  }

  /** @param {string} topic */
  remove(topic) {
    const removed = this.get(topic);
    this.delete(topic);
    return removed;
  }

  /** What `connect` names. */
  name() {
    const ofApplication = [...this.values()].filter(({ isOfHub }) => !isOfHub);
    for (const subscription of ofApplication) subscription.isNamed = true;
    return ofApplication.map(({ topic, request }) => /** @type {const} */ ([topic, request]));
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
   * A new session begins: none stands any more.
   *
   * @param {number} at when those are over that the hub has not made again
   */
  restart(at) {
    for (const subscription of this.values()) {
      subscription.phase = subscription.isOfHub ? { name: 'lapsed', at } : { name: 'wanted' };
      subscription.roster.reset();
    }
  }

  /**
   * The first of this kind.
   *
   * @param {(subscription: Subscription) => boolean} is
   */
  find(is) {
    for (const subscription of this.values()) if (is(subscription)) return subscription;
  }
}
