/**
 * Everwire for browsers and Node.
 *
 * Layout:
 * - `reliable-websocket.js`: `ReliableWebSocket`, the `WebSocket` that comes back
 * - `reconnector.js`: one connection after another, which `hub/` is made on as well; `retry.js` decides
 *   when, and is about `connection.js`, `alarm.js` and `environment.js`
 * - `lifeline.js`: messages over them; `outbox.js` and `watchdog.js` decide, and are about `outgoing.js` and
 *   `heartbeat.js`
 * - `options.js`, `attempts.js`, `classify.js`: what a program can choose
 * - `target.js`, `ready-state.js`, `events.js`, `message.js`, `farewell.js`: what goes in and out
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
