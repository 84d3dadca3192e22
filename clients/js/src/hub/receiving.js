/** What the hub says on a link with a session. */

import { farewell, notUnderstood } from './ending.js';
import { ask, mayAsk } from './flush.js';
import { Subscription, isSame } from './subscription.js';

/** @typedef {import('./answers.js').Named} Named */
/** @typedef {import('./answers.js').Subscribed} Subscribed */
/** @typedef {import('./core.js').Asked} Asked */
/** @typedef {import('./core.js').Core} Core */
/** @typedef {import('./hub-message.js').HubMessage} HubMessage */

/**
 * @param {Core} core
 * @param {HubMessage} message
 */
export function received(core, message) {
  switch (message.type) {
    case 'ok':
    case 'error':
      return replied(core, message);
    case 'pub':
      return published(core, message.value);
    case 'gap':
      return missed(core, message.value);
    case 'message':
      return void core.out.push({ type: 'message', ...message.value });
    case 'presence':
      return presenceChanged(core, message.value);
    case 'subscribed':
      return subscribedByHub(core, message.value);
    case 'unsubscribed':
      return core.unsubscribed(message.value.topic, message.value.error);
    case 'bye':
      return farewell(core, message.value);
    case 'drain':
      if (core.state.phase === 'up') core.state = { ...core.state, leaveAt: core.now + message.value.after };
      return;
    case 'heartbeat':
      return message.got === undefined ? core.tellGot() : confirmed(core, message.got);
  }
}

/**
 * The hub has got so many messages, which it may have been asked for.
 *
 * @param {Core} core
 * @param {number} got
 */
function confirmed(core, got) {
  const tickets = core.numbering.confirm(got);
  if (tickets === null) return notUnderstood(core, TOO_MUCH);
  for (const ticket of tickets) core.settle(ticket, { outcome: 'sent' });
  const roundTrip = core.state.phase === 'up' ? core.state.pulse.answered(core.now) : null;
  if (roundTrip !== null) core.out.push({ type: 'heartbeat', roundTrip });
}

export const TOO_MUCH = 'a `got` beyond what was sent';

/** @typedef {Extract<HubMessage, { type: 'ok' | 'error' }>} Reply */

/**
 * @param {Core} core
 * @param {Reply} reply
 */
function replied(core, reply) {
  const asked = core.pending.get(reply.id);
  if (asked === undefined) return;
  core.pending.delete(reply.id);
  const { ticket, command } = asked;
  if (reply.type === 'ok' && reply.answer.to === 'publish' && command.type === 'publish') {
    const { epoch } = reply.answer.ok;
    if (epoch !== undefined) core.epochs.learn(command.topic, epoch);
  }
  if (ticket === null) return repliedToSession(core, asked, reply);
  if (reply.type === 'ok') return core.settle(ticket, { outcome: 'done', answer: reply.answer });
  const { error } = reply;
  if (command.type === 'unsubscribe' && error.code === 'not_subscribed') {
    return core.settle(ticket, { outcome: 'done', answer: { to: 'unsubscribe', ok: {} } });
  }
  core.settle(ticket, error.code === 'unsure' ? { outcome: 'uncertain' } : { outcome: 'refused', error });
}

/**
 * A reply to what the session itself asked for.
 *
 * @param {Core} core
 * @param {Asked} asked
 * @param {Reply} reply
 */
function repliedToSession(core, { command }, reply) {
  if (command.type !== 'subscribe' && command.type !== 'presence') return;
  const subscription = core.subscriptions.get(command.topic);
  if (subscription === undefined) return;
  const { phase, roster } = subscription;
  if (command.type === 'subscribe') {
    if (phase.name !== 'asked' || phase.id !== reply.id) return;
    if (reply.type === 'error') return subscribeAnswered(core, subscription, reply);
    if (reply.answer.to === 'subscribe') return subscribeAnswered(core, subscription, reply.answer);
  } else if (roster.isAsked(reply.id)) {
    if (reply.type === 'ok' && reply.answer.to === 'presence') tellMembers(core, subscription, reply.answer.ok);
    // The next change asks again.
    else roster.reset(null);
  }
}

/**
 * The answer to a subscription, in a reply or in that to `connect`.
 *
 * @param {Core} core
 * @param {Subscription} subscription
 * @param {Named} answer
 */
export function subscribeAnswered(core, subscription, answer) {
  if ('ok' in answer) return begin(core, subscription, answer.ok);
  if (answer.error.temporary) {
    // Spread, so that not all clients come at once.
    const wait = Math.trunc(core.config.resubscribeDelay * (0.5 + core.random / 2));
    subscription.phase = { name: 'later', at: core.now + wait };
    return;
  }
  core.unsubscribed(subscription.topic, answer.error);
}

/**
 * A subscription begins, or goes on.
 *
 * @param {Core} core
 * @param {Subscription} subscription
 * @param {Subscribed} answer
 */
function begin(core, subscription, answer) {
  const { topic, position } = subscription;
  const ticket = subscription.takeTicket();
  subscription.begin(answer);
  const { presence, ...subscribed } = answer;
  core.tell('subscribed', topic, subscribed);
  if (subscribed.recovered === false) {
    const from = position ?? undefined;
    const to = subscribed.live ? undefined : subscribed.position;
    core.tell('gap', topic, { topic, reason: subscribed.reason, from, to });
  }
  core.settle(ticket, { outcome: 'subscribed' });
  if (presence !== undefined) tellMembers(core, subscription, presence);
}

/**
 * The hub made a subscription. One that it made before goes on where the client is.
 *
 * @param {Core} core
 * @param {{ readonly topic: string } & Subscribed} pushed
 */
function subscribedByHub(core, { topic, ...subscribed }) {
  const { subscriptions } = core;
  const { maxSubscriptions } = core.config;
  const known = subscriptions.get(topic);
  if (known === undefined && subscriptions.count >= maxSubscriptions) {
    return notUnderstood(core, `more than ${maxSubscriptions} subscriptions`);
  }
  const subscription = known ?? subscriptions.add(new Subscription(topic, 'hub', {}, null));
  const start = subscribed.live ? null : subscribed.position;
  const isThere = subscription.position === null || isSame(subscription.position, start);
  if (isThere) begin(core, subscription, subscribed);
  else subscription.phase = { name: 'wanted' };
}

/**
 * The topic's subscription, unless what comes is of the time before it.
 *
 * @param {Core} core
 * @param {string} topic
 */
function active(core, topic) {
  const subscription = core.subscriptions.get(topic);
  return subscription?.phase.name === 'active' ? subscription : undefined;
}

/**
 * @param {Core} core
 * @param {import('./hub-message.js').Publication} publication
 */
function published(core, publication) {
  const subscription = active(core, publication.topic);
  if (subscription === undefined) return;
  const continuity = publication.kind === 'live' ? 'next' : subscription.advance(publication);
  if (continuity === 'hole') subscription.phase = { name: 'wanted' };
  if (continuity !== 'next' || publication.kind === 'skipped') return;
  core.tell('publication', publication.topic, publication);
}

/**
 * @param {Core} core
 * @param {import('./hub-message.js').Gap} gap
 */
function missed(core, gap) {
  const subscription = active(core, gap.topic);
  if (subscription === undefined) return;
  if (gap.to !== undefined) subscription.moveTo(gap.to);
  core.tell('gap', gap.topic, gap);
}

/**
 * @param {Core} core
 * @param {import('./hub-message.js').PresenceChange} change
 */
function presenceChanged(core, change) {
  const { topic } = change;
  const roster = core.subscriptions.get(topic)?.roster;
  const advice = roster?.change(change);
  // Without room the next change asks.
  if (advice === 'ask' && mayAsk(core, 0)) roster?.ask(ask(core, null, { type: 'presence', topic }));
  if (advice !== 'tell') return;
  if (change.count !== undefined) core.tell('memberCount', topic, change.count);
  else core.tell('membersChanged', topic, { joined: change.join, left: change.leave });
}

/**
 * Who is there, as a whole.
 *
 * @param {Core} core
 * @param {Subscription} subscription
 * @param {import('./values.js').PresenceState} state
 */
function tellMembers(core, { roster, topic }, state) {
  roster.reset(state.version);
  if (state.count !== undefined) core.tell('memberCount', topic, state.count);
  else core.tell('members', topic, state.members);
}
