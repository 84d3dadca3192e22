/** What a session has, and the few steps that all its parts are made of. */

import { Epochs } from './epochs.js';
import { Numbering } from './numbering.js';
import { payloadSize } from './outbox.js';
import { Subscriptions } from './subscriptions.js';

/** @typedef {import('./answers.js').Answer} Answer */
/** @typedef {import('./client-message.js').ClientMessage} ClientMessage */
/** @typedef {import('./client-message.js').Command} Command */
/** @typedef {import('./config.js').Config} Config */
/** @typedef {import('./output.js').Outcome} Outcome */
/** @typedef {import('./output.js').Output} Output */
/** @typedef {import('./output.js').TopicDetails} TopicDetails */
/** @typedef {import('./output.js').TopicEvent} TopicEvent */
/** @typedef {import('./pulse.js').Pulse} Pulse */

/**
 * What there is of a link. `connecting`: the transport is open and `connect` was sent. `up`: there is a
 * session on it.
 *
 * @typedef {{ readonly phase: 'down' | 'ended', readonly deadline: number }
 *   | { readonly phase: 'connecting', readonly id: number, readonly deadline: number }
 *   | { readonly phase: 'up', readonly pulse: Pulse }} State
 */

/**
 * A command that waits for its reply. `ticket` is null if the session itself asked; `again` is how a
 * publication would be sent again.
 *
 * @typedef {{ readonly ticket: import('./input.js').Ticket | null, readonly command: Command, readonly again: string }} Asked
 */

export class Core {
  // What is there now.
  /** @type {State} */
  state = { phase: 'down', deadline: Infinity };
  /** When to leave a hub that will go. */
  leaveAt = Infinity;
  /** Since when there is no session that is up. @type {number | null} */
  downSince = null;

  // What outlives a link.
  /** @type {{ session: string, key: string } | null} */
  identity = null;
  /** @type {{ max_message: number, max_unanswered: number }} */
  limits = { max_message: Infinity, max_unanswered: 1 };
  numbering = new Numbering();

  // What the application wants.
  subscriptions = new Subscriptions();
  /** In the order of the ids, which is that of the sending. @type {Map<number, Asked>} */
  pending = new Map();
  /** Requests that wait for the link, in the order of their making. @type {import('./outbox.js').Waiting[]} */
  outbox = [];
  epochs = new Epochs();
  away = false;
  isAwayTold = true;
  nextId = 1;

  // The present step.
  now = 0;
  random = 0;
  /** What it puts out. @type {Output[]} */
  out = [];

  /** @param {Config} config */
  constructor(config) {
    this.config = config;
    this.nextKey = config.firstKey;
  }

  get isUp() {
    return this.state.phase === 'up';
  }

  /**
   * @param {import('./input.js').Ticket | null} ticket null if nobody waits
   * @param {Outcome} outcome
   */
  settle(ticket, outcome) {
    if (ticket !== null) this.out.push({ type: 'settled', ticket, outcome });
  }

  /**
   * Tells what happened in a topic.
   *
   * @template {keyof TopicDetails} K
   * @param {K} type
   * @param {string} topic
   * @param {TopicDetails[K]} detail
   */
  tell(type, topic, detail) {
    this.out.push(/** @type {TopicEvent} */ ({ type, topic, detail }));
  }

  /**
   * A subscription is over, if there is one, and not by the application's wish.
   *
   * @param {string} topic
   * @param {import('./values.js').ErrorReply} [error]
   */
  unsubscribed(topic, error) {
    const subscription = this.subscriptions.remove(topic);
    if (subscription === undefined) return;
    if (subscription.ticket === null) this.tell('unsubscribed', topic, error);
    else this.settle(subscription.ticket, error === undefined ? { outcome: 'withdrawn' } : { outcome: 'refused', error });
  }

  /**
   * The hub knows that a topic is left.
   *
   * @param {import('./input.js').Ticket | null} ticket
   */
  settleUnsubscribed(ticket) {
    this.settle(ticket, { outcome: 'done', answer: { to: 'unsubscribe', ok: {} } });
  }

  /**
   * The hub has got these.
   *
   * @param {import('./numbering.js').Sent[]} confirmed
   */
  settleSent(confirmed) {
    for (const { ticket } of confirmed) this.settle(ticket, { outcome: 'sent' });
  }

  /** @param {ClientMessage} message */
  transmit(message) {
    this.out.push({ type: 'transmit', message });
  }

  /**
   * Sends a message that has a number.
   *
   * @param {ClientMessage} message
   * @param {import('./input.js').Ticket | null} [ticket]
   */
  transmitNumbered(message, ticket = null) {
    const size = payloadSize(message.type === 'command' ? message.command : message);
    this.numbering.unconfirmed.push({ message, ticket, size });
    this.transmit(message);
  }

  /**
   * Sends a command; its reply is waited for.
   *
   * @param {number} id
   * @param {Asked} asked
   */
  transmitCommand(id, asked) {
    this.pending.set(id, asked);
    this.transmitNumbered({ type: 'command', id, command: asked.command });
  }

  /** Says how many messages were received. */
  tellGot() {
    this.transmit({ type: 'heartbeat', got: this.numbering.tell() });
  }
}
