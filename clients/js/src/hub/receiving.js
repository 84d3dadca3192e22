/** What the hub says on a link with a session. */

import { farewell } from './ending.js';
import { ask, mayAsk } from './flush.js';
import { check } from './read.js';
import { Subscription, isSame } from './subscription.js';

/** @typedef {import('./answers.js').Named} Named */
/** @typedef {import('./answers.js').Subscribed} Subscribed */
/** @typedef {import('./core.js').Asked} Asked */
/** @typedef {import('./core.js').Core} Core */
/** @typedef {import('./hub-message.js').HubMessage} HubMessage */
/** @typedef {import('./hub-message.js').Reply} Reply */
/** @typedef {import('./pulse.js').Pulse} Pulse */
/** @typedef {import('./values.js').PresenceState} PresenceState */

/**
 * @param {Core} core
 * @param {HubMessage} message
 * @param {Pulse} pulse the link's
 * @throws {SyntaxError} if the hub may not say this here
 */
export function received(core, { type, value }, pulse) {
  /** @type {(core: Core, value: any, pulse: Pulse) => void} */
  const handle = HANDLERS[type];
  handle(core, value, pulse);
}

/** @type {{ [K in HubMessage['type']]: (core: Core, value: Extract<HubMessage, { type: K }>['value'], pulse: Pulse) => void }} */
const HANDLERS = {
  reply: replied,
  pub: published,
  gap: missed,
  message: (core, { data }) => core.out.push({ type: 'message', detail: data }),
  presence: presenceChanged,
  subscribed: subscribedByHub,
  unsubscribed: (core, { topic, error }) => core.unsubscribed(topic, error),
  bye: farewell,
  drain: (core, { after }) => (core.leaveAt = core.now + after),
  heartbeat,
  ignored() {},
};

/**
 * The hub has got so many messages, which it may have been asked for; or it asks.
 *
 * @param {Core} core
 * @param {number | undefined} got
 * @param {Pulse} pulse
 */
function heartbeat(core, got, pulse) {
  if (got === undefined) return core.tellGot();
  core.settleSent(core.numbering.confirm(got));
  const detail = pulse.answered(core.now);
  if (detail >= 0) core.out.push({ type: 'heartbeat', detail });
}

/**
 * @param {Core} core
 * @param {Reply} reply
 */
function replied(core, reply) {
  const { id, answer } = reply;
  const asked = /** @type {Asked} */ (core.pending.get(id));
  core.pending.delete(id);
  const { ticket, command } = asked;
  if (ticket === null) return repliedToSession(core, asked, reply);
  if ('ok' in answer) {
    if (answer.to === 'publish' && command.type === 'publish') core.epochs.learn(command.topic, answer.ok.epoch);
    return core.settle(ticket, { outcome: 'done', answer });
  }
  const { error } = answer;
  if (command.type === 'unsubscribe' && error.code === 'not_subscribed') return core.settleUnsubscribed(ticket);
  core.settle(ticket, error.code === 'unsure' ? { outcome: 'uncertain' } : { outcome: 'refused', error });
}

/**
 * A reply to what the session itself asked for.
 *
 * @param {Core} core
 * @param {Asked} asked
 * @param {Reply} reply
 */
function repliedToSession(core, { command }, { id, answer }) {
  if (!('topic' in command)) return;
  const subscription = core.subscriptions.get(command.topic);
  if (subscription === undefined) return;
  const { phase, roster } = subscription;
  if (command.type === 'subscribe' && phase.name === 'asked' && phase.id === id) {
    subscribeAnswered(core, subscription, /** @type {Named} */ (answer));
  } else if (command.type === 'presence' && roster.asked === id) {
    if ('ok' in answer) tellMembers(core, subscription, /** @type {PresenceState} */ (answer.ok));
    // The next change asks again.
    else roster.reset();
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
  const { topic, position, ticket } = subscription;
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
  const { subscriptions, config } = core;
  const known = subscriptions.get(topic);
  check(known !== undefined || subscriptions.count < config.maxSubscriptions, 'subscribed');
  const subscription = known ?? new Subscription(topic, true, {}, null);
  subscriptions.set(topic, subscription);
  const { position } = subscription;
  const isThere = position === null || (!subscribed.live && isSame(position, subscribed.position));
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
  const { topic, kind } = publication;
  const subscription = active(core, topic);
  if (subscription === undefined) return;
  const continuity = kind === 'live' ? 'next' : subscription.advance(publication);
  if (continuity === 'hole') subscription.phase = { name: 'wanted' };
  if (continuity === 'next' && kind !== 'skipped') core.tell('publication', topic, publication);
}

/**
 * @param {Core} core
 * @param {import('./hub-message.js').Gap} gap
 */
function missed(core, gap) {
  const { topic, to } = gap;
  const subscription = active(core, topic);
  if (subscription === undefined) return;
  if (to !== undefined) subscription.moveTo(to);
  core.tell('gap', topic, gap);
}

/**
 * @param {Core} core
 * @param {import('./hub-message.js').PresenceChange} change
 */
function presenceChanged(core, change) {
  const { topic } = change;
  const subscription = core.subscriptions.get(topic);
  if (subscription === undefined) return;
  const { roster } = subscription;
  const advice = roster.change(change);
  // Without room the next change asks.
  if (advice === 'ask' && mayAsk(core, 0)) roster.asked = ask(core, null, { type: 'presence', topic });
  if (advice !== 'tell') return;
  if (change.count !== undefined) core.tell('memberCount', topic, change.count);
  else core.tell('membersChanged', topic, { joined: change.join, left: change.leave });
}

/**
 * Who is there, as a whole.
 *
 * @param {Core} core
 * @param {Subscription} subscription
 * @param {PresenceState} state
 */
function tellMembers(core, { roster, topic }, state) {
  roster.reset(state.version);
  if (state.count !== undefined) core.tell('memberCount', topic, state.count);
  else core.tell('members', topic, state.members);
}
