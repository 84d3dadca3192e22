/**
 * A client's session as a value: what to say to the hub, and what to tell the application.
 * docs/protocol.md; `everwire_proto::session::Session` decides the same, and both run the same recorded
 * traces.
 *
 * It sits above a transport that connects again by itself: when to try, how often and how long to wait
 * is decided there.
 *
 * Layout:
 * - `input.js`, `output.js`, `config.js`: what happens, what to do, and every limit
 * - `core.js`: what a session has
 * - `connecting.js`: links that open, with the old session or a new one; `ending.js`: links that end
 * - `requests.js`: what the application asks for; `receiving.js`: what the hub says; `flush.js`: what leaves
 * - `numbering.js`, `pulse.js`: the link; `outbox.js`: requests that wait; `subscription.js`,
 *   `subscriptions.js`, `roster.js`, `epochs.js`: topics
 * - `hub-message.js`, `answers.js`, `values.js`, `read.js`: what is read; `client-message.js`, `payload.js`:
 *   what is written; `close-code.js`
 */

import { size } from '../message.js';
import { NOT_UNDERSTOOD, RETURNING } from './close-code.js';
import { opened, receivedConnecting } from './connecting.js';
import { Core } from './core.js';
import { age, agingDeadline, close, end, leave, lost, tickLink } from './ending.js';
import { flush } from './flush.js';
import { read } from './hub-message.js';
import { check } from './read.js';
import { received } from './receiving.js';
import { acknowledge, request, setAway } from './requests.js';

/** @typedef {import('./input.js').Input} Input */
/** @typedef {import('./output.js').Output} Output */

/**
 * No I/O, no clock, no randomness. Everything that happens is told with `step`, which says what to do
 * about it, in order. Times are milliseconds from any one origin and never go back. Between inputs, a
 * `tick` is due at `deadline`.
 */
export class Session {
  #core;

  /** @param {import('./config.js').Config} config */
  constructor(config) {
    this.#core = new Core(config);
  }

  /** What there is: `down`, `connecting`, `up` or `ended`. */
  get phase() {
    return this.#core.state.phase;
  }

  /** When the next `tick` is due; Infinity if none is. */
  get deadline() {
    const core = this.#core;
    const { state } = core;
    if (state.phase !== 'up') return Math.min(agingDeadline(core), state.deadline);
    const { deadline, interval } = state.pulse;
    return Math.min(deadline, core.numbering.deadline(interval), core.leaveAt, core.subscriptions.deadline);
  }

  /**
   * Takes what happened into account and says what to do, in order. An input that makes no sense at
   * present changes nothing.
   *
   * @param {number} now
   * @param {number} random uniform in 0 ≤ r < 1, another one each time
   * @param {Input} input
   * @returns {Output[]}
   */
  step(now, random, input) {
    const core = this.#core;
    core.now = now;
    core.random = random;
    if (!core.isUp) core.downSince ??= now;
    /** @type {(core: Core, input: any) => void} */
    const handle = HANDLERS[input.type];
    handle(core, input);
    flush(core);
    return core.out.splice(0);
  }
}

/** @type {{ [K in Input['type']]: (core: Core, input: Input & { type: K }) => void }} */
const HANDLERS = { opened, received: hear, lost, tick, request, ack: acknowledge, away: setAway, close };

/**
 * @param {Core} core
 * @param {{ readonly message: import('../message.js').Message }} input
 */
function hear(core, { message }) {
  try {
    understand(core, message);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    end(core, NOT_UNDERSTOOD, { why: 'notUnderstood', message: error.message });
  }
}

/**
 * @param {Core} core
 * @param {import('../message.js').Message} message
 * @throws {SyntaxError} if it is not of this language, or not here
 */
function understand(core, message) {
  const { state, pending } = core;
  check(typeof message === 'string', 'message');
  if (state.phase === 'connecting') {
    receivedConnecting(core, read(message, (id) => (id === state.id ? 'connect' : undefined)));
  } else if (state.phase === 'up') {
    const heard = read(message, (id) => pending.get(id)?.command.type);
    state.pulse.heard(core.now);
    if (heard.type !== 'heartbeat' && heard.type !== 'bye') core.numbering.received(core.now, size(message));
    received(core, heard, state.pulse);
  }
}

/**
 * @param {Core} core
 */
function tick(core) {
  const { state } = core;
  core.subscriptions.tick(core.now);
  if (state.phase === 'up') return tickLink(core, state.pulse);
  age(core);
  if (state.deadline <= core.now) leave(core, RETURNING);
}
