/** Links that end, and what becomes of requests without one. */

import { FAREWELL, NO_HEARTBEAT, RETURNING, TOLD_TO_GO, comesBack } from './close-code.js';

/** @typedef {import('./core.js').Core} Core */
/** @typedef {import('./output.js').End} End */

/**
 * @param {Core} core
 * @param {{ readonly code: number | null }} input
 */
export function lost(core, { code }) {
  if (core.state.phase === 'ended') return;
  if (code !== null && !comesBack(code)) end(core, null, { why: 'code', code });
  else down(core);
}

/**
 * The hub says why it closes.
 *
 * @param {Core} core
 * @param {import('./hub-message.js').Bye} bye
 */
export function farewell(core, bye) {
  if (bye.retry) return leave(core, RETURNING, bye.after);
  // No farewell: another link may have the session.
  const code = bye.code > FAREWELL && bye.code < 5000 ? bye.code : TOLD_TO_GO;
  end(core, code, { why: 'bye', bye });
}

/**
 * The application wants no more.
 *
 * @param {Core} core
 */
export function close(core) {
  if (core.state.phase !== 'ended') end(core, FAREWELL, { why: 'closed' });
}

/**
 * Closes a link whose session is to go on: `after` so many milliseconds, or when the transport likes.
 *
 * @param {Core} core
 * @param {number} code
 * @param {number | null} [after]
 */
export function leave(core, code, after = null) {
  core.out.push({ type: 'close', code, then: 'return', after });
  down(core);
}

/**
 * Ends the session: what waits never leaves, and no reply will come.
 *
 * @param {Core} core
 * @param {number | null} code null if the transport is closed already
 * @param {End} end
 */
export function end(core, code, end) {
  if (code !== null) core.out.push({ type: 'close', code, then: 'stop' });
  core.state = { phase: 'ended', deadline: Infinity };
  settleUnanswered(core);
  const { subscriptions, outbox } = core;
  const waiting = [...subscriptions.leaving, ...subscriptions.values(), ...outbox.splice(0)];
  for (const { ticket } of waiting) core.settle(ticket, { outcome: 'notSent', why: 'ended' });
  core.out.push({ type: 'ended', end });
}

/**
 * @param {Core} core
 */
function down(core) {
  const wasUp = core.isUp;
  core.state = { phase: 'down', deadline: Infinity };
  if (!wasUp) return;
  core.downSince = core.now;
  core.out.push({ type: 'down' });
}

/**
 * Deadlines of a link.
 *
 * @param {Core} core
 * @param {import('./pulse.js').Pulse} pulse
 */
export function tickLink(core, pulse) {
  const due = pulse.tick(core.now);
  if (due === 'dead') return leave(core, NO_HEARTBEAT);
  if (core.leaveAt <= core.now) return leave(core, RETURNING, 0);
  if (due === 'ask') core.transmit({ type: 'heartbeat' });
  for (const { topic, phase } of core.subscriptions.values()) {
    if (phase.name === 'lapsed' && phase.at <= core.now) core.unsubscribed(topic);
  }
  if (core.numbering.deadline(pulse.interval) <= core.now) core.tellGot();
}

/**
 * When something has been without a link for too long.
 *
 * @param {Core} core
 */
export function agingDeadline({ config, downSince, numbering, outbox, pending }) {
  if (downSince === null) return Infinity;
  const { maxAge } = config;
  const isAwaited = [...numbering.unconfirmed, ...pending.values()].some(({ ticket }) => ticket !== null);
  return Math.min(expiry(outbox, downSince, maxAge), isAwaited ? downSince + maxAge : Infinity);
}

/**
 * What has been without a link for too long gets its fate.
 *
 * @param {Core} core
 */
export function age(core) {
  const { maxAge } = core.config;
  const since = core.downSince ?? core.now;
  if (core.now >= since + maxAge) settleUnanswered(core);
  while (expiry(core.outbox, since, maxAge) <= core.now) {
    core.settle(core.outbox.splice(0, 1)[0].ticket, { outcome: 'notSent', why: 'expired' });
  }
}

/**
 * When the first that waits has been without a link, lost at `down`, for too long.
 *
 * @param {Core['outbox']} outbox
 * @param {number} down
 * @param {number} maxAge
 */
function expiry([first], down, maxAge) {
  return first === undefined ? Infinity : Math.max(first.since, down) + maxAge;
}

/**
 * Requests that left, and of which nobody will say what became of them.
 *
 * @param {Core} core
 */
function settleUnanswered(core) {
  for (const [id, { ticket }] of core.pending) {
    core.settle(ticket, { outcome: 'uncertain' });
    // What the session asked for itself stays.
    if (ticket !== null) core.pending.delete(id);
  }
  for (const sent of core.numbering.unconfirmed) {
    core.settle(sent.ticket, { outcome: 'uncertain' });
    sent.ticket = null;
  }
}
