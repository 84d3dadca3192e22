/** What the application asks for. */

import { age } from './ending.js';
import { bytesOf, payloadSize } from './outbox.js';
import { Subscription } from './subscription.js';

/** @typedef {import('./core.js').Core} Core */
/** @typedef {import('./input.js').Request} Request */
/** @typedef {import('./output.js').NotSent} NotSent */

/**
 * @param {Core} core
 * @param {{ readonly ticket: import('./input.js').Ticket, readonly request: Request }} input
 */
export function request(core, { ticket, request }) {
  if (core.state.phase === 'ended') return refuse(core, ticket, 'ended');
  if (request.type === 'subscribe') return subscribe(core, ticket, request);
  if (request.type === 'unsubscribe') return unsubscribe(core, ticket, request.topic);
  const isPublication = request.type === 'publish';
  const what = isPublication ? { ...request, key: core.nextKey, again: null } : request;
  if (!core.isUp) age(core);
  const { now, outbox, config } = core;
  const size = payloadSize(what);
  const isFull = outbox.length >= config.maxWaiting || bytesOf(outbox) + size > config.maxWaitingBytes;
  if (isFull) return refuse(core, ticket, 'full');
  outbox.push({ ticket, what, size, since: now });
  if (isPublication) core.nextKey += 1;
}

/**
 * @param {Core} core
 * @param {{ readonly topic: string, readonly offset: number }} input
 */
export function acknowledge({ subscriptions }, { topic, offset }) {
  const subscription = subscriptions.get(topic);
  if (subscription === undefined || subscription.position === null) return;
  if (offset > subscription.acked.offset) subscription.acked = { offset, isTold: false };
}

/**
 * @param {Core} core
 * @param {{ readonly away: boolean }} input
 */
export function setAway(core, { away }) {
  if (core.away === away) return;
  core.away = away;
  core.isAwayTold = false;
}

/**
 * @param {Core} core
 * @param {import('./input.js').Ticket} ticket
 * @param {Extract<Request, { type: 'subscribe' }>} request
 */
function subscribe(core, ticket, { topic, options }) {
  const { config, subscriptions } = core;
  if (subscriptions.get(topic) !== undefined) return refuse(core, ticket, 'subscribed');
  if (subscriptions.count >= config.maxSubscriptions) return refuse(core, ticket, 'full');
  subscriptions.set(topic, new Subscription(topic, false, options, ticket));
}

/**
 * @param {Core} core
 * @param {import('./input.js').Ticket} ticket
 * @param {string} topic
 */
function unsubscribe(core, ticket, topic) {
  const subscription = core.subscriptions.remove(topic);
  if (subscription === undefined) return refuse(core, ticket, 'notSubscribed');
  const { phase, position } = subscription;
  core.settle(subscription.ticket, { outcome: 'withdrawn' });
  const wasNeverAsked = position === null && phase.name !== 'asked' && phase.name !== 'active';
  if (wasNeverAsked || phase.name === 'lapsed') {
    core.settleUnsubscribed(ticket);
  } else {
    core.subscriptions.leaving.push({ topic, ticket });
  }
}

/**
 * @param {Core} core
 * @param {import('./input.js').Ticket} ticket
 * @param {NotSent} why
 */
function refuse(core, ticket, why) {
  core.settle(ticket, { outcome: 'notSent', why });
}
