/** What leaves when there is room: in this order, what keeps the session right and what waits. */

/** @typedef {import('./client-message.js').Command} Command */
/** @typedef {import('./core.js').Core} Core */

/**
 * Sends what waits, as far as there is a link with room.
 *
 * @param {Core} core
 */
export function flush(core) {
  if (!core.isUp) return;
  flushTold(core);
  flushLeaving(core);
  flushWanted(core);
  flushOutbox(core);
  if (core.numbering.isMuchUntold) core.tellGot();
}

/**
 * What the hub is told and does not answer.
 *
 * @param {Core} core
 */
function flushTold(core) {
  if (!core.isAwayTold && hasRoom(core, 0)) {
    core.isAwayTold = true;
    core.transmitNumbered({ type: 'away', away: core.away });
  }
  for (let next; hasRoom(core, 0) && (next = core.subscriptions.find(isUntold)); ) {
    next.acked.isTold = true;
    core.transmitNumbered({ type: 'ack', topic: next.topic, offset: next.acked.offset });
  }
}

/**
 * Whether the hub does not know how far the application is.
 *
 * @param {import('./subscription.js').Subscription} subscription
 */
function isUntold({ phase, acked }) {
  return phase.name === 'active' && acked.offset > 0 && !acked.isTold;
}

/**
 * Before what is wanted: a topic may be left and then wanted anew.
 *
 * @param {Core} core
 */
function flushLeaving(core) {
  for (let next; mayAsk(core, 0) && (next = core.subscriptions.leaving.shift()); ) {
    ask(core, next.ticket, { type: 'unsubscribe', topic: next.topic });
  }
}

/** @param {Core} core */
function flushWanted(core) {
  for (let next; mayAsk(core, 0) && (next = core.subscriptions.find(({ phase }) => phase.name === 'wanted')); ) {
    const id = ask(core, null, { type: 'subscribe', topic: next.topic, options: next.request });
    next.phase = { name: 'asked', id };
  }
}

/** @param {Core} core */
function flushOutbox(core) {
  for (let next; (next = core.outbox[0]); ) {
    const { ticket, what, size } = next;
    const isLarge = size > core.limits.max_message;
    const may = what.type === 'send' ? hasRoom(core, size) : mayAsk(core, size);
    if (!may && !isLarge) return;
    core.outbox.shift();
    if (isLarge) core.settle(ticket, { outcome: 'notSent', why: 'tooLarge' });
    else if (what.type === 'send') core.transmitNumbered(what, ticket);
    else ask(core, ticket, what);
  }
}

/**
 * Sends a command; its reply is waited for.
 *
 * @param {Core} core
 * @param {import('./input.js').Ticket | null} ticket
 * @param {Command} command
 * @returns its id
 */
export function ask(core, ticket, command) {
  const id = core.nextId++;
  const again = command.type === 'publish' ? epochOf(core, command.topic) : '';
  core.transmitCommand(id, { ticket, command, again });
  return id;
}

/**
 * Which log a topic has; empty if that is not known.
 *
 * @param {Core} core
 * @param {string} topic
 */
function epochOf({ subscriptions, epochs }, topic) {
  return subscriptions.get(topic)?.position?.epoch ?? epochs.get(topic) ?? '';
}

/**
 * Whether one more command may be sent.
 *
 * @param {Core} core
 * @param {number} size
 */
export function mayAsk(core, size) {
  return core.pending.size < Math.max(core.limits.max_unanswered, 1) && hasRoom(core, size);
}

/**
 * @param {Core} core
 * @param {number} size
 */
function hasRoom(core, size) {
  return core.numbering.hasRoom(size, core.config);
}
