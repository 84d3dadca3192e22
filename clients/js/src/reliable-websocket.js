/**
 * A `WebSocket` that comes back.
 *
 * This file joins the values that decide (`retry.js`, `outbox.js`, `watchdog.js`) with what they
 * decide about: the native socket (`connection.js`), the messages (`outgoing.js`), time
 * (`alarm.js`) and the browser (`environment.js`).
 */

import { Alarm } from './alarm.js';
import { classify } from './classify.js';
import { Connection } from './connection.js';
import { isOffline, listen } from './environment.js';
import { FailureEvent, FateEvent, HeartbeatEvent, LossEvent } from './events.js';
import { size, toMessage } from './message.js';
import { settings } from './options.js';
import { Outgoing } from './outgoing.js';
import * as retry from './retry.js';
import { WebSocketTarget } from './target.js';
import * as watchdog from './watchdog.js';

/** @typedef {import('./classify.js').Ending} Ending */
/** @typedef {import('./connection.js').Protocols} Protocols */
/** @typedef {import('./connection.js').Url} Url */
/** @typedef {import('./events.js').Fate} Fate */
/** @typedef {import('./message.js').Message} Message */

/** @template T @typedef {import('./connection.js').Provided<T>} Provided */

/** @typedef {{ code: number, reason: string, wasClean: boolean }} Loss */

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const LOST = { code: 1006, reason: '', wasClean: false };

/** What a `close` event says of a connection that we gave up. */
const GIVEN_UP = { timeout: 'no connection in time', offline: 'offline', silent: 'no answer' };

export class ReliableWebSocket extends WebSocketTarget {
  #url;
  #protocols;
  #settings;
  #retry;
  #outgoing;
  #watch = watchdog.OFF;
  #alarm = new Alarm((late) => this.#ring(late));
  /** @type {Connection | null} */
  #connection = null;
  /** Between `close` and its event. */
  #closing = false;
  /** What `close` was called with. @type {{ code?: number, reason?: string }} */
  #farewell = {};
  #constructing = true;
  /** @type {BinaryType} */
  #binaryType = 'blob';
  /** Bytes that were sent when it was too late. */
  #discarded = 0;
  #pingedAt = 0;
  /** To be dispatched when all that happened at once has been done. @type {Event[]} */
  #events = [];
  #dispatching = false;
  #deaf = () => {};

  /**
   * @param {Provided<Url>} url a function is asked before every attempt: for a fresh token
   * @param {Provided<Protocols>} [protocols] likewise
   * @param {import('./options.js').Options} [options]
   */
  constructor(url, protocols, options = {}) {
    super();
    this.#url = url;
    this.#protocols = protocols;
    this.#settings = settings(options);
    this.#retry = retry.idle(this.#settings.retry);
    this.#outgoing = new Outgoing(this.#settings.outbox, {
      write: (message) => this.#connection?.socket?.send(message),
      tell: (fate) => this.#events.push(new FateEvent(fate)),
    });
    if (!this.#settings.startClosed) this.#start('start');
    this.#constructing = false;
    this.#settle();
  }

  /** What the latest attempt went to; empty before the first. */
  get url() {
    const known = typeof this.#url === 'function' ? '' : String(this.#url);
    return this.#connection?.socket?.url ?? known;
  }

  get protocol() {
    return this.#connection?.socket?.protocol ?? '';
  }

  get extensions() {
    return this.#connection?.socket?.extensions ?? '';
  }

  /** CONNECTING while it connects or waits to; CLOSED only when it will not come back. */
  get readyState() {
    const { phase } = this.#retry;
    if (phase === 'ended' || phase === 'idle') return this.#closing ? CLOSING : CLOSED;
    return phase === 'open' && this.#connection?.socket?.readyState === OPEN ? OPEN : CONNECTING;
  }

  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(type) {
    if (type !== 'blob' && type !== 'arraybuffer') return;
    this.#binaryType = type;
    if (this.#connection !== null) this.#connection.binaryType = type;
  }

  /** Bytes that have not left: those of the queue and of the native socket. */
  get bufferedAmount() {
    const { bufferedAmount = 0 } = this.#connection?.socket ?? {};
    return this.#outgoing.bytes + bufferedAmount + this.#discarded;
  }

  /** How many attempts have failed since the last stable connection. */
  get retryCount() {
    const state = this.#retry;
    const stable = state.phase === 'open' && performance.now() - state.since >= this.#settings.retry.stableAfter;
    return stable ? 0 : state.attempts;
  }

  /** Milliseconds to the next attempt; null if it does not wait for one. */
  get retryIn() {
    const state = this.#retry;
    return state.phase === 'waiting' ? Math.max(0, state.until - performance.now()) : null;
  }

  /** Whether a lost connection would be replaced. */
  get shouldReconnect() {
    return this.#retry.phase !== 'ended' && this.#retry.phase !== 'idle';
  }

  /** The number of the last message that `send` or `deliver` took; `fate` events tell of it. */
  get lastMessage() {
    return this.#outgoing.last;
  }

  /**
   * As in `WebSocket`; without a connection it joins the queue if there is one.
   *
   * @param {Message} data
   * @throws {DOMException} `InvalidStateError` without connection and queue, `QuotaExceededError`
   *   if the queue is full
   */
  send(data) {
    if (arguments.length === 0) throw new TypeError('send needs a message');
    const message = toMessage(data);
    if (this.readyState > OPEN) {
      this.#discarded += size(message);
      return;
    }
    const refusal = this.#push(message);
    if (refusal === 'full') throw new DOMException('the queue is full', 'QuotaExceededError');
    if (refusal !== null) throw new DOMException('there is no connection', 'InvalidStateError');
  }

  /**
   * Send, and learn what became of it. Proof that it was read is the answer to a heartbeat, which
   * goes at once, or to our close; without the option `heartbeat` it comes only with the end.
   *
   * @param {Message} data
   * @returns {Promise<Fate>} never rejected because of the network
   */
  deliver(data) {
    if (arguments.length === 0) throw new TypeError('deliver needs a message');
    return new Promise((resolve) => {
      this.#push(toMessage(data), resolve);
    });
  }

  /**
   * Close, and stay closed until `reconnect`.
   *
   * @param {number} [code] 1000 or 3000 to 4999
   * @param {string} [reason] at most 123 bytes of UTF-8
   * @throws {DOMException} `InvalidAccessError` or `SyntaxError` for others
   */
  close(code, reason) {
    const farewell = checked(code, reason);
    if (this.readyState > OPEN) return;
    this.#farewell = farewell;
    this.#closing = true;
    this.#decide({ type: 'close' });
    this.#settle();
  }

  /**
   * Drop what there is and connect at once; begin again after `close` or with `startClosed`.
   *
   * @param {number} [code] for the connection that is dropped: 1000
   * @param {string} [reason]
   */
  reconnect(code = 1000, reason = '') {
    this.#farewell = checked(code, reason);
    if (this.#closing) this.#leave({ ...LOST, code, reason });
    this.#start('reconnect');
    this.#settle();
  }

  /** Cut a wait short: somebody is looking. */
  retryNow() {
    this.#decide({ type: 'retryNow' });
    this.#settle();
  }

  /** @param {'start' | 'reconnect'} type */
  #start(type) {
    if (!this.shouldReconnect) {
      this.#outgoing.revive();
      this.#decide({ type: isOffline() ? 'offline' : 'online' });
    }
    this.#decide({ type });
    this.#deaf();
    if (this.shouldReconnect) this.#deaf = listen((news) => this.#hear(news));
  }

  /** @param {retry.Input} input */
  #decide(input) {
    const { retry: policy, debug } = this.#settings;
    const [state, actions] = retry.step(policy, this.#retry, input, performance.now(), Math.random());
    if (debug) console.log('ReliableWebSocket', input, state, actions);
    this.#retry = state;
    for (const action of actions) this.#act(action);
  }

  /** @param {retry.Action} action */
  #act(action) {
    switch (action.type) {
      case 'connect':
        return this.#connect();
      case 'close':
        return this.#connection?.socket?.close(this.#farewell.code, this.#farewell.reason);
      case 'drop':
        if (action.cause === 'closed') return this.#letGo({});
        if (action.cause === 'reconnect') return this.#leave({ ...LOST, ...this.#farewell, wasClean: true });
        this.#letGo(null);
        return this.#tell({ ...LOST, reason: GIVEN_UP[action.cause] }, GIVEN_UP[action.cause]);
      case 'end':
        this.#outgoing.end();
        this.#deaf();
        // As with `WebSocket`, what never opened fails, and says so afterwards.
        if (this.#closing && this.#connection === null) setTimeout(() => this.#closed());
    }
  }

  #connect() {
    const connection = new Connection(this.#settings.WebSocket, this.#binaryType, {
      opened: () => this.#opened(),
      received: (event) => this.#received(event),
      failed: (message, error) => this.#speak(new FailureEvent(message, error)),
      ended: (ending) => this.#ended(ending),
      refused: (error) => {
        // In the constructor it is the caller's error, as with `WebSocket`.
        if (this.#constructing) throw error;
        this.#events.push(new FailureEvent(String(error), error));
        this.#ended({ ...LOST, reason: 'no WebSocket for this URL' }, 'fatal');
      },
    });
    this.#connection = connection;
    connection.start(this.#url, this.#protocols);
  }

  #opened() {
    this.#decide({ type: 'opened' });
    this.#outgoing.opened();
    this.#guard({ type: 'open' });
    this.#ask();
    this.#speak(new Event('open'));
  }

  /** @param {MessageEvent} event */
  #received({ data, origin }) {
    if (data === this.#settings.heartbeat?.pong) {
      this.#ponged();
      return;
    }
    this.#guard({ type: 'life' });
    this.#speak(new MessageEvent('message', { data, origin }));
  }

  #ponged() {
    const expected = watchdog.isPinged(this.#watch);
    this.#guard({ type: 'pong' });
    // One that nobody asked for proves nothing.
    if (expected) {
      this.#events.push(new HeartbeatEvent(performance.now() - this.#pingedAt));
      this.#outgoing.pong();
      this.#ask();
    }
    this.#settle();
  }

  /**
   * The native socket is gone, or was given up because it is silent.
   *
   * @param {Loss} ending
   * @param {import('./classify.js').Verdict} [known]
   */
  #ended(ending, known) {
    const opened = this.#retry.phase === 'open';
    const { code = 1005 } = this.#farewell;
    this.#connection = null;
    this.#watch = watchdog.OFF;
    this.#outgoing.lost(this.#closing && ending.wasClean && ending.code === code);
    if (!this.#closing) {
      const verdict = known ?? this.#judge({ ...ending, opened });
      const after = typeof verdict === 'object' ? verdict.after : null;
      this.#decide({ type: 'down', verdict: verdict === 'fatal' ? 'fatal' : 'retry', after });
    }
    this.#closing = false;
    this.#tell(ending);
    this.#settle();
  }

  /** @param {Ending} ending */
  #judge(ending) {
    try {
      return this.#settings.classify(ending);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
      return classify(ending);
    }
  }

  /** `close` without a connection has had its effect. */
  #closed() {
    if (!this.#closing || this.#connection !== null) return;
    this.#closing = false;
    this.#tell(LOST, 'closed before there was a connection');
    this.#settle();
  }

  /**
   * Close on our own account, without waiting for the answer.
   *
   * @param {Loss} ending
   */
  #leave(ending) {
    this.#letGo(this.#farewell);
    this.#closing = false;
    this.#tell(ending);
  }

  /** @param {{ code?: number, reason?: string } | null} farewell null if nobody would hear it */
  #letGo(farewell) {
    this.#connection?.drop(farewell);
    this.#connection = null;
    this.#watch = watchdog.OFF;
    this.#outgoing.lost(false);
  }

  /** @param {watchdog.Input} input */
  #guard(input) {
    const { heartbeat } = this.#settings;
    if (heartbeat === null) return;
    const [state, actions] = watchdog.step(heartbeat.policy, this.#watch, input, performance.now());
    this.#watch = state;
    for (const action of actions) {
      if (action === 'ping') {
        this.#outgoing.mark();
        this.#pingedAt = performance.now();
        this.#connection?.socket?.send(heartbeat.ping);
      } else {
        this.#connection?.drop(null);
        this.#events.push(new FailureEvent(GIVEN_UP.silent));
        this.#ended({ ...LOST, reason: GIVEN_UP.silent });
      }
    }
  }

  /** A fate that somebody waits for is asked after at once. */
  #ask() {
    if (this.#outgoing.isAwaited) this.#guard({ type: 'ask' });
  }

  /**
   * @param {Message} message
   * @param {(fate: Fate) => void} [resolve]
   */
  #push(message, resolve) {
    // The native socket may be closing, and its event still to come: then this is no connection.
    if (this.#outgoing.up && this.readyState === CONNECTING) this.#outgoing.lost(false);
    const refusal = this.#outgoing.push(message, resolve);
    this.#ask();
    this.#settle();
    return refusal;
  }

  /** @param {number} late */
  #ring(late) {
    if (late > watchdog.LATE) this.#decide({ type: 'awake' });
    this.#decide({ type: 'tick' });
    this.#outgoing.tick();
    this.#guard({ type: 'tick', late });
    this.#settle();
  }

  /** @param {'online' | 'offline' | 'awake'} news */
  #hear(news) {
    this.#decide({ type: news });
    if (news !== 'offline') this.#guard({ type: 'poke' });
    this.#settle();
  }

  /**
   * @param {Loss} ending
   * @param {string} [failure]
   */
  #tell(ending, failure) {
    if (failure !== undefined) this.#events.push(new FailureEvent(failure));
    const retryIn = this.#retry.phase === 'connecting' ? 0 : this.retryIn;
    this.#events.push(new LossEvent(ending, this.shouldReconnect, retryIn));
  }

  /** @param {Event} event */
  #speak(event) {
    this.#events.push(event);
    this.#settle();
  }

  /** All that happened at once has been done: set the alarm, and tell of it. */
  #settle() {
    const dues = [retry.due(this.#retry), this.#outgoing.due, watchdog.due(this.#watch)];
    const due = Math.min(...dues.map((due) => due ?? Infinity));
    this.#alarm.set(due === Infinity ? null : due);
    if (this.#dispatching) return;
    this.#dispatching = true;
    for (let event = this.#events.shift(); event; event = this.#events.shift()) this.dispatchEvent(event);
    this.#dispatching = false;
  }

  static get CONNECTING() {
    return CONNECTING;
  }
  static get OPEN() {
    return OPEN;
  }
  static get CLOSING() {
    return CLOSING;
  }
  static get CLOSED() {
    return CLOSED;
  }
  get CONNECTING() {
    return CONNECTING;
  }
  get OPEN() {
    return OPEN;
  }
  get CLOSING() {
    return CLOSING;
  }
  get CLOSED() {
    return CLOSED;
  }
}

/**
 * What WHATWG lets `close` say.
 *
 * @param {number | undefined} code
 * @param {string | undefined} reason
 */
function checked(code, reason) {
  // WebIDL's [Clamp]: to the range of 16 bits, then to the nearest whole number.
  const number = code === undefined ? undefined : Math.round(Math.min(65_535, Math.max(0, Number(code) || 0)));
  if (number !== undefined && number !== 1000 && !(number >= 3000 && number <= 4999)) {
    throw new DOMException(`close code ${number} is neither 1000 nor in 3000 to 4999`, 'InvalidAccessError');
  }
  if (reason !== undefined && size(String(reason)) > 123) {
    throw new DOMException('a close reason has at most 123 bytes', 'SyntaxError');
  }
  return { code: number, reason };
}
