/** Links that open: the old session goes on, or a new one begins. */

import { FAREWELL, RETURNING } from './close-code.js';
import { end, farewell, leave, lost, notUnderstood } from './ending.js';
import { Numbering } from './numbering.js';
import { payloadSize } from './outbox.js';
import { Pulse } from './pulse.js';
import { TOO_MUCH, subscribeAnswered } from './receiving.js';

/** @typedef {import('./answers.js').Connected} Connected */
/** @typedef {import('./client-message.js').Command} Command */
/** @typedef {import('./core.js').Asked} Asked */
/** @typedef {import('./core.js').Core} Core */
/** @typedef {import('./numbering.js').Sent} Sent */

/**
 * @param {Core} core
 * @param {{ readonly token?: string }} input
 */
export function opened(core, { token }) {
  if (core.state.phase === 'ended') return;
  if (core.isUp) lost(core, { code: null });
  const { config, identity } = core;
  const id = core.nextId++;
  const client = config.client ?? undefined;
  const resume = identity === null ? undefined : { ...identity, got: core.numbering.tell() };
  const subscriptions = core.subscriptions.name();
  core.transmit({ type: 'command', id, command: { type: 'connect', client, token, resume, subscriptions } });
  core.state = { phase: 'connecting', id, deadline: core.now + config.connectTimeout };
}

/**
 * What the hub says before there is a session. It does not have numbers.
 *
 * @param {Core} core
 * @param {import('./hub-message.js').HubMessage} message
 */
export function receivedConnecting(core, message) {
  switch (message.type) {
    case 'ok':
      if (message.answer.to === 'connect') connected(core, message.answer.ok);
      return;
    case 'error':
      if (message.error.temporary) return leave(core, RETURNING);
      return end(core, FAREWELL, { why: 'refused', error: message.error });
    case 'bye':
      return farewell(core, message.value);
    case 'heartbeat':
    case 'ignored':
      return;
    default:
      return notUnderstood(core, 'a message before the reply to `connect`');
  }
}

/**
 * @param {Core} core
 * @param {Connected} connected
 */
function connected(core, { session, key, user, resumed, got, heartbeat, limits, subscriptions }) {
  if (resumed && core.identity?.session !== session) return notUnderstood(core, 'a resumption of another session');
  core.state = { phase: 'up', pulse: new Pulse(core.now, heartbeat, core.config), leaveAt: Infinity };
  core.identity = { session, key };
  core.limits = limits;
  core.downSince = null;
  /** @type {import('./output.js').Event} */
  const up = { type: 'up', session, user, resumed };
  if (resumed) return goOn(core, got, up);
  const { unconfirmed } = core.numbering;
  const unanswered = core.takePending();
  core.numbering = new Numbering();
  core.out.push(up);
  settleLost(core, unconfirmed);
  core.subscriptions.restart(core.now + core.config.lapseTimeout);
  core.isAwayTold = !core.away;
  for (const [, ticket] of core.subscriptions.takeLeaving()) settleUnsubscribed(core, ticket);
  subscriptionsAnswered(core, new Map(subscriptions));
  for (const [id, asked] of unanswered) askAgain(core, id, asked);
}

/**
 * What the hub did not get goes again, with the numbers that it had.
 *
 * @param {Core} core
 * @param {number} got
 * @param {import('./output.js').Event} up
 */
function goOn(core, got, up) {
  const tickets = core.numbering.confirm(got);
  if (tickets === null) return notUnderstood(core, TOO_MUCH);
  core.out.push(up);
  for (const ticket of tickets) core.settle(ticket, { outcome: 'sent' });
  for (const { message } of core.numbering.unconfirmed) core.transmit(message);
}

/**
 * What the lost session may have got or not, and nothing answers.
 *
 * @param {Core} core
 * @param {Sent[]} unconfirmed
 */
function settleLost(core, unconfirmed) {
  for (const { ticket, message } of unconfirmed) {
    core.settle(ticket, { outcome: 'uncertain' });
    const subscription = message.type === 'ack' && core.subscriptions.get(message.topic);
    if (subscription) subscription.acked.isTold = false;
  }
}

/**
 * @param {Core} core
 * @param {number | null} ticket
 */
function settleUnsubscribed(core, ticket) {
  core.settle(ticket, { outcome: 'done', answer: { to: 'unsubscribe', ok: {} } });
}

/**
 * What became of the subscriptions that `connect` named, told in the order of their making.
 *
 * @param {Core} core
 * @param {Map<string, import('./answers.js').Named>} answers
 */
function subscriptionsAnswered(core, answers) {
  for (const subscription of core.subscriptions.named) {
    const answer = answers.get(subscription.topic);
    answers.delete(subscription.topic);
    if (answer !== undefined) subscribeAnswered(core, subscription, answer);
  }
  // The application unsubscribed from these in the meantime.
  for (const [topic, answer] of [...answers].sort(byTopic)) {
    if ('ok' in answer) core.subscriptions.leaving.push([topic, null]);
  }
}

/**
 * @param {readonly [topic: string, ...unknown[]]} one
 * @param {readonly [topic: string, ...unknown[]]} other
 */
function byTopic([one], [other]) {
  return one < other ? -1 : 1;
}

/**
 * A command whose reply was lost with the session.
 *
 * @param {Core} core
 * @param {number} id
 * @param {Asked} asked
 */
function askAgain(core, id, asked) {
  const { ticket } = asked;
  const command = repeated(core, asked);
  if (command === 'uncertain') {
    core.settle(ticket, { outcome: command });
  } else if (command === 'done') {
    settleUnsubscribed(core, ticket);
  } else {
    core.pending.set(id, { ...asked, command });
    core.transmitNumbered({ type: 'command', id, command }, null, payloadSize(command));
  }
}

/**
 * What is sent in the place of a command, or what became of it.
 *
 * @param {Core} core
 * @param {Asked} asked
 * @returns {Command | 'done' | 'uncertain'}
 */
function repeated({ config }, { ticket, command, again }) {
  switch (command.type) {
    case 'subscribe':
    case 'unsubscribe':
      return 'done';
    case 'presence':
      // The session's own are asked for anew.
      return ticket === null ? 'done' : command;
    case 'rpc':
      return 'uncertain';
    case 'publish':
      // Keys are the client's: without a name the hub takes it for another one now.
      return config.client === null ? 'uncertain' : { ...command, again };
    default:
      return command;
  }
}
