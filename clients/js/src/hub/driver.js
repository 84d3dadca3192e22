/**
 * A session joined with what it decides about: one connection after another, time, requests that somebody
 * waits for, and whoever looks at the page.
 */

import { Alarm, LATE } from '../alarm.js';
import { LOST, ask } from '../connection.js';
import { Reconnector } from '../reconnector.js';
import { write } from './client-message.js';
import { NO_HEARTBEAT } from './close-code.js';
import { HubError } from './error.js';
import { Session } from './session.js';

/** @template K @typedef {K extends 'subscribe' | 'send' ? void : Extract<import('./answers.js').Answer, { to: K }>['ok']} AnswerTo */
/** @typedef {import('./input.js').Request} Request */
/** @typedef {import('./output.js').End} End */
/** @typedef {import('./output.js').Event} Event */
/** @typedef {import('./output.js').Outcome} Outcome */
/** @typedef {import('./output.js').Output} Output */
/** @typedef {string | URL | (() => string | URL | PromiseLike<string | URL>)} Url */

const SUBPROTOCOL = 'everwire.json.v1';

/** Whoever waits for a request. @typedef {{ resolve: (answer: any) => void, reject: (error: HubError) => void }} Ticket */

/** How long the hub may take to answer when the network is back, somebody looks, or the machine slept (milliseconds). */
const HURRY_MS = 3_000;

/**
 * Why it is over: as in a session, or nobody could be reached within `maxRetries` or `maxElapsed`.
 *
 * @typedef {End | { readonly why: 'unreachable' }} Ending
 */

/**
 * What a link ended with: the code and the reason of its closing, 1006 if there was none.
 *
 * @typedef {{ readonly code: number, readonly reason: string }} Loss
 */

export class Driver {
  #session;
  /** For what it knows of attempts. */
  reconnector;
  #tell;
  #alarm = new Alarm((late) => this.#ring(late));
  /** When a hub that was asked in a hurry has to have said something. */
  #hurryBy = Infinity;
  /** What to connect with. @type {string | undefined} */
  #token;
  /** What a session that we closed is over for. @type {Ending | null} */
  #ending = null;
  /** What the latest link, or attempt at one, ended with. @type {Loss} */
  #loss = LOST;
  /** What is to be done, in order. @type {Output[]} */
  #outputs = [];
  #isBusy = false;

  /**
   * @param {Url} url
   * @param {import('./options.js').Settings} settings
   * @param {(event: Exclude<Event, { type: 'ended' | 'down' }> | { type: 'ended', end: Ending }
   *   | ({ type: 'down' } & Loss)) => void} tell
   */
  constructor(url, { token, config, attempts }, tell) {
    this.#tell = tell;
    this.#session = new Session(config);
    const asked = async () => {
      this.#token = await ask(token);
      return ask(url);
    };
    if (typeof token !== 'function') this.#token = token;
    const isAsked = typeof token === 'function' || typeof url === 'function';
    this.reconnector = new Reconnector(isAsked ? asked : url, [SUBPROTOCOL], attempts, {
      opened: () => this.#opened(),
      received: ({ data: message }) => this.#heard({ type: 'received', message }),
      lost: (ending) => this.#lost(ending),
      closing: ({ code }) => this.reconnector.socket?.close(code),
      noticed: (news) => news !== 'offline' && this.#hurry(),
      settle: () => this.#run(),
    });
    this.reconnector.start();
  }

  /** @param {import('./input.js').Input} input */
  step(input) {
    this.#take(input);
    this.#run();
  }

  /**
   * @template {Request['type']} K
   * @param {Request & { readonly type: K }} request
   * @returns {Promise<AnswerTo<K>>} what the hub answers; nothing to `subscribe` and `send`
   * @throws {HubError} (the promise) if it was not done, or perhaps not
   */
  request(request) {
    return new Promise((resolve, reject) => {
      this.step({ type: 'request', ticket: { resolve, reject }, request });
    });
  }

  /** @param {import('./input.js').Input} input */
  #take(input) {
    this.#outputs.push(...this.#session.step(performance.now(), Math.random(), input));
  }

  /** Whatever is to be done is done in order, whoever asks for more meanwhile. */
  #run() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let output; (output = this.#outputs.shift()); ) this.#do(output);
    this.#isBusy = false;
    this.#alarm.set(this.#session.deadline, this.reconnector.due, this.#hurryBy);
  }

  /** @param {Output} output */
  #do(output) {
    switch (output.type) {
      case 'transmit':
        // Into a socket that is closing it would be lost; so it is, and sent again.
        if (this.reconnector.isOpen) this.reconnector.socket?.send(write(output.message));
        return;
      case 'close':
        if (output.then === 'stop') this.reconnector.close(output);
        else this.reconnector.leave({ code: output.code }, output.after);
        return;
      case 'down':
        return this.#tell({ ...output, ...this.#loss });
      case 'settled':
        return settle(/** @type {Ticket} */ (output.ticket), output.outcome);
      case 'ended':
        return this.#tell({ type: 'ended', end: this.#ending ?? output.end });
      default:
        this.#tell(output);
    }
  }

  #opened() {
    if (this.reconnector.socket?.protocol === SUBPROTOCOL) this.#take({ type: 'opened', token: this.#token });
    else this.#giveUp({ why: 'notUnderstood', message: `${SUBPROTOCOL} is not spoken there` });
  }

  /** @param {import('./input.js').Input} input a message, or the end of them */
  #heard(input) {
    this.#hurryBy = Infinity;
    this.#take(input);
  }

  /** @param {Loss} loss */
  #lost({ code, reason }) {
    this.#loss = { code, reason };
    this.#heard({ type: 'lost', code });
    if (!this.reconnector.isWanted) this.#giveUp({ why: 'unreachable' });
  }

  /** @param {Ending} ending */
  #giveUp(ending) {
    if (this.#session.phase === 'ended') return;
    this.#ending = ending;
    this.#take({ type: 'close' });
  }

  /** @param {number} late */
  #ring(late) {
    this.reconnector.tick(late);
    if (late > LATE) this.#hurry();
    else if (performance.now() >= this.#hurryBy) this.reconnector.leave({ code: NO_HEARTBEAT });
    this.step({ type: 'tick' });
  }

  /** The link may be gone without a word: the hub has to say something soon. */
  #hurry() {
    if (this.#session.phase !== 'up') return;
    this.#hurryBy = performance.now() + HURRY_MS;
    this.#outputs.push({ type: 'transmit', message: { type: 'heartbeat' } });
  }
}

/**
 * @param {Ticket} ticket
 * @param {Outcome} outcome
 */
function settle({ resolve, reject }, outcome) {
  switch (outcome.outcome) {
    case 'done':
      return resolve(outcome.answer.ok);
    case 'subscribed':
    case 'sent':
      return resolve(undefined);
    default:
      reject(new HubError(outcome));
  }
}
