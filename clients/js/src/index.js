/**
 * Everwire for browsers and Node.
 *
 * Layout:
 * - `reliable-websocket.js`: `ReliableWebSocket`, the `WebSocket` that comes back
 * - `lifeline.js`: what it does
 * - `retry.js`, `outbox.js`, `watchdog.js`: what it decides, as values
 * - `connection.js`, `outgoing.js`, `heartbeat.js`, `alarm.js`, `environment.js`: what it decides
 *   about
 * - `options.js`, `classify.js`: what a program can choose
 * - `target.js`, `events.js`, `message.js`, `farewell.js`: what goes in and out
 */

export { classify } from './classify.js';
export { FailureEvent, FateEvent, HeartbeatEvent, LossEvent } from './events.js';
export { ReliableWebSocket } from './reliable-websocket.js';

/** @typedef {import('./classify.js').Ending} Ending */
/** @typedef {import('./classify.js').Verdict} Verdict */
/** @typedef {import('./events.js').EventMap} EventMap */
/** @typedef {import('./events.js').Fate} Fate */
/** @typedef {import('./message.js').Message} Message */
/** @typedef {import('./options.js').Heartbeat} Heartbeat */
/** @typedef {import('./options.js').Options} Options */
