/**
 * A session joined with what it decides about: the socket that comes back, time, requests that somebody
 * waits for, and whoever looks at the page.
 */

import { Alarm } from '../alarm.js';
import { listen } from '../environment.js';
import { ReliableWebSocket } from '../reliable-websocket.js';
import { OPEN } from '../target.js';
import { LATE } from '../watchdog.js';
import { write } from './client-message.js';
import { FAREWELL, NO_HEARTBEAT } from './close-code.js';
import { HubError } from './error.js';
import { Session } from './session.js';

/** @typedef {import('./answers.js').Answer} Answer */
/** @typedef {import('./input.js').Request} Request */
/** @typedef {import('./output.js').End} End */
/** @typedef {import('./output.js').Event} Event */
/** @typedef {import('./output.js').Outcome} Outcome */
/** @typedef {import('./output.js').Output} Output */
/** @typedef {string | URL | (() => string | URL | PromiseLike<string | URL>)} Url */

const SUBPROTOCOL = 'everwire.json.v1';

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
  #socket;
  #tell;
  #alarm = new Alarm((late) => this.#ring(late));
  /** When a hub that was asked in a hurry has to have said something. */
  #hurryBy = Infinity;
  #stopListening;
  /** What to connect with. @type {string | undefined} */
  #token;
  /** What a session that we closed is over for. @type {Ending | null} */
  #ending = null;
  /** What the latest link, or attempt at one, ended with. @type {Loss} */
  #loss = { code: 1006, reason: '' };
  /** @type {Map<number, { resolve: (answer: Answer | null) => void, reject: (error: HubError) => void }>} */
  #waiting = new Map();
  #nextTicket = 1;
  /** What is to be done, in order. @type {Output[]} */
  #outputs = [];
  #isBusy = false;

  /**
   * @param {Url} url
   * @param {import('./options.js').Settings} settings
   * @param {(event: Exclude<Event, { type: 'ended' | 'down' }> | { type: 'ended', end: Ending }
   *   | ({ type: 'down' } & Loss)) => void} tell
   */
  constructor(url, { token, config, socket }, tell) {
    this.#tell = tell;
    this.#session = new Session(config);
    const asked = async () => {
      this.#token = typeof token === 'function' ? await token() : token;
      return typeof url === 'function' ? url() : url;
    };
    const isAsked = typeof token === 'function' || typeof url === 'function';
    if (typeof token === 'string') this.#token = token;
    this.#socket = new ReliableWebSocket(isAsked ? asked : url, [SUBPROTOCOL], socket);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.addEventListener('open', () => this.#opened());
    this.#socket.addEventListener('message', ({ data }) => this.#received(data));
    this.#socket.addEventListener('close', (event) => this.#lost(event));
    this.#stopListening = listen((news) => news !== 'offline' && this.#hurry());
  }

  /** Milliseconds to the next attempt; null if none is waited for. */
  get retryIn() {
    return this.#socket.retryIn;
  }

  /** Ends the wait for the next attempt. */
  retryNow() {
    this.#socket.retryNow();
  }

  /** @param {import('./input.js').Input} input */
  step(input) {
    this.#outputs.push(...this.#session.step(performance.now(), Math.random(), input));
    this.#run();
  }

  /**
   * @param {Request} request
   * @returns {Promise<Answer | null>} null if it has no answer
   * @throws {HubError} (the promise) if it was not done, or perhaps not
   */
  request(request) {
    const ticket = this.#nextTicket++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ticket, { resolve, reject });
      this.step({ type: 'request', ticket, request });
    });
  }

  /** Whatever is to be done is done in order, whoever asks for more meanwhile. */
  #run() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let output; (output = this.#outputs.shift()); ) this.#do(output);
    this.#isBusy = false;
    const { deadline } = this.#session;
    this.#alarm.set(deadline, this.#hurryBy);
  }

  /** @param {Output} output */
  #do(output) {
    switch (output.type) {
      case 'transmit':
        // Into a socket that is closing it would be lost; so it is, and sent again.
        if (this.#socket.readyState === OPEN) this.#socket.send(write(output.message));
        return;
      case 'close':
        this.#hurryBy = Infinity;
        this.#loss = { code: output.code, reason: '' };
        if (output.then === 'stop') this.#socket.close(output.code);
        else this.#socket.leave(output.code, '', output.after);
        return;
      case 'down':
        return this.#tell({ ...output, ...this.#loss });
      case 'settled':
        return this.#settle(output.ticket, output.outcome);
      case 'ended':
        this.#stopListening();
        return this.#tell({ type: 'ended', end: this.#ending ?? output.end });
      default:
        this.#tell(output);
    }
  }

  /**
   * @param {number} ticket
   * @param {Outcome} outcome
   */
  #settle(ticket, outcome) {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    switch (outcome.outcome) {
      case 'done':
        return waiting?.resolve(outcome.answer);
      case 'subscribed':
      case 'sent':
        return waiting?.resolve(null);
      default:
        waiting?.reject(new HubError(outcome));
    }
  }

  #opened() {
    if (this.#socket.protocol === SUBPROTOCOL) this.step({ type: 'opened', token: this.#token });
    else this.#giveUp({ why: 'notUnderstood', message: `the server does not speak ${SUBPROTOCOL}` });
  }

  /** @param {import('../message.js').Message} message */
  #received(message) {
    this.#hurryBy = Infinity;
    this.step({ type: 'received', message });
  }

  /** @param {import('../events.js').LossEvent} event */
  #lost({ code, reason, willReconnect }) {
    this.#hurryBy = Infinity;
    this.#loss = { code, reason };
    this.step({ type: 'lost', code });
    if (!willReconnect) this.#giveUp({ why: 'unreachable' });
  }

  /** @param {Ending} ending */
  #giveUp(ending) {
    this.#ending = ending;
    this.step({ type: 'close' });
  }

  /** @param {number} late */
  #ring(late) {
    if (late > LATE) this.#hurry();
    else if (performance.now() >= this.#hurryBy) {
      this.#hurryBy = Infinity;
      this.#socket.leave(NO_HEARTBEAT);
    }
    this.step({ type: 'tick' });
  }

  /** The link may be gone without a word: the hub has to say something soon. */
  #hurry() {
    if (this.#session.phase !== 'up') return;
    this.#hurryBy = performance.now() + HURRY_MS;
    this.#outputs.push({ type: 'transmit', message: { type: 'heartbeat' } });
    this.#run();
  }
}
