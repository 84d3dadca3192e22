/** Links that open: the old session goes on, or a new one begins. */

import { FAREWELL, RETURNING } from './close-code.js';
import { end, farewell, leave, lost } from './ending.js';
import { Numbering } from './numbering.js';
import { Pulse } from './pulse.js';
import { check } from './read.js';
import { subscribeAnswered } from './receiving.js';

/** @typedef {import('./answers.js').Connected} Connected */
/** @typedef {import('./core.js').Asked} Asked */
/** @typedef {import('./core.js').Core} Core */

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
export function receivedConnecting(core, { type, value }) {
  if (type === 'reply') answered(core, value.answer);
  else if (type === 'bye') farewell(core, value);
  else check(type === 'heartbeat' || type === 'ignored', type);
}

/**
 * @param {Core} core
 * @param {import('./hub-message.js').Reply['answer']} answer
 */
function answered(core, answer) {
  if ('ok' in answer) connected(core, /** @type {Connected} */ (answer.ok));
  else if (answer.error.temporary) leave(core, RETURNING);
  else end(core, FAREWELL, { why: 'refused', error: answer.error });
}

/**
 * @param {Core} core
 * @param {Connected} connected
 */
function connected(core, { session, key, user, resumed, got, heartbeat, limits, subscriptions }) {
  check(!resumed || core.identity?.session === session, 'resumed');
  core.state = { phase: 'up', pulse: new Pulse(core.now, heartbeat, core.config) };
  core.leaveAt = Infinity;
  core.identity = { session, key };
  core.limits = limits;
  core.downSince = null;
  /** @type {import('./output.js').Event} */
  const up = { type: 'up', session, user, resumed };
  if (resumed) return goOn(core, up, core.numbering.confirm(got));
  core.out.push(up);
  const unanswered = [...core.pending];
  core.pending.clear();
  settleLost(core);
  core.numbering = new Numbering();
  core.subscriptions.restart(core.now + core.config.lapseTimeout);
  core.isAwayTold = !core.away;
  for (const { ticket } of core.subscriptions.leaving.splice(0)) core.settleUnsubscribed(ticket);
  subscriptionsAnswered(core, new Map(subscriptions));
  for (const [id, asked] of unanswered) askAgain(core, id, asked);
}

/**
 * What the hub did not get goes again, with the numbers that it had.
 *
 * @param {Core} core
 * @param {import('./output.js').Event} up
 * @param {import('./numbering.js').Sent[]} confirmed
 */
function goOn(core, up, confirmed) {
  core.out.push(up);
  core.settleSent(confirmed);
  for (const { message } of core.numbering.unconfirmed) core.transmit(message);
}

/**
 * What the lost session may have got or not, and nothing answers.
 *
 * @param {Core} core
 */
function settleLost(core) {
  for (const { ticket, message } of core.numbering.unconfirmed) {
    core.settle(ticket, { outcome: 'uncertain' });
    const subscription = message.type === 'ack' && core.subscriptions.get(message.topic);
    if (subscription) subscription.acked.isTold = false;
  }
}

/**
 * What became of the subscriptions that `connect` named, told in the order of their making.
 *
 * @param {Core} core
 * @param {Map<string, import('./answers.js').Named>} answers
 */
function subscriptionsAnswered(core, answers) {
  for (const subscription of core.subscriptions.values()) {
    const { isNamed, topic } = subscription;
    const answer = answers.get(topic);
    if (!isNamed || answer === undefined) continue;
    answers.delete(topic);
    subscribeAnswered(core, subscription, answer);
  }
  // The application unsubscribed from these in the meantime.
  const unwanted = [...answers].flatMap(([topic, answer]) => ('ok' in answer ? topic : []));
  for (const topic of unwanted.sort()) core.subscriptions.leaving.push({ topic, ticket: null });
}

/**
 * A command whose reply was lost with the session.
 *
 * @param {Core} core
 * @param {number} id
 * @param {Asked} asked
 */
function askAgain(core, id, { ticket, command, again }) {
  switch (command.type) {
    case 'subscribe':
    case 'unsubscribe':
      // No subscription stands any more, and those that are wanted are asked for anew.
      return core.settleUnsubscribed(ticket);
    case 'presence':
      // Likewise what the session itself asked for.
      if (ticket === null) return;
      break;
    case 'publish':
      // Keys are the client's: without a name the hub takes it for another one now.
      if (core.config.client === null) return core.settle(ticket, { outcome: 'uncertain' });
      command = { ...command, again };
      break;
    case 'rpc':
      return core.settle(ticket, { outcome: 'uncertain' });
  }
  core.transmitCommand(id, { ticket, command, again });
}
