/**
 * What keeps a connection: the values that decide (`retry.js`, `outbox.js`, `watchdog.js`) joined
 * with what they decide about: the native socket (`connection.js`), the messages (`outgoing.js`),
 * the heartbeat (`heartbeat.js`), time (`alarm.js`) and the browser (`environment.js`).
 *
 * Whatever happens is done whole before any of it is told: a listener may call anything.
 */

import { Alarm } from './alarm.js';
import { classify } from './classify.js';
import { Connection } from './connection.js';
import { isOffline, listen } from './environment.js';
import { FailureEvent, FateEvent, HeartbeatEvent, LossEvent } from './events.js';
import { Heartbeat } from './heartbeat.js';
import { Outgoing } from './outgoing.js';
import * as retry from './retry.js';
import { CLOSED, CLOSING, CONNECTING, OPEN } from './target.js';
import { LATE } from './watchdog.js';

/** @typedef {import('./connection.js').Protocols} Protocols */
/** @typedef {import('./connection.js').Url} Url */
/** @typedef {import('./farewell.js').Farewell} Farewell */

/** @template T @typedef {import('./connection.js').Provided<T>} Provided */

/** @typedef {{ code: number, reason: string, wasClean: boolean }} Ending */

/** @type {Ending} */
const LOST = { code: 1006, reason: '', wasClean: false };

/** What a `close` event says of a connection that we gave up. */
const GIVEN_UP = { timeout: 'no connection in time', offline: 'offline' };

export class Lifeline {
  #url;
  #protocols;
  #settings;
  #dispatch;
  /** What decides. */
  #retry;
  #outgoing;
  #heartbeat;
  /** What is decided about. @type {Connection | null} */
  #connection = null;
  #alarm = new Alarm((late) => this.#ring(late));
  #stopListening = () => {};
  /** Where the latest connection went. */
  #address;
  /** @type {BinaryType} */
  #binaryType = 'blob';
  /** Between `close` and its event. */
  #isClosing = false;
  /** How long the native close may wait for proof; null if it does not. @type {number | null} */
  #closeBy = null;
  /** What is said to the server. @type {Farewell} */
  #farewell = {};
  #isStarting = false;
  /** To be dispatched when all that happens at once has been done. @type {Event[]} */
  #events = [];
  #isDispatching = false;

  /**
   * @param {Provided<Url>} url
   * @param {Provided<Protocols>} protocols
   * @param {import('./options.js').Settings} settings
   * @param {(event: Event) => void} dispatch
   */
  constructor(url, protocols, settings, dispatch) {
    this.#url = url;
    this.#protocols = protocols;
    this.#settings = settings;
    this.#dispatch = dispatch;
    this.#address = typeof url === 'function' ? '' : String(url);
    this.#retry = retry.idle(settings.retry);
    this.#outgoing = new Outgoing(settings.outbox, {
      write: (message) => this.socket?.send(message),
      tell: (fate) => this.#events.push(new FateEvent(fate)),
    });
    this.#heartbeat = settings.heartbeat && new Heartbeat(settings.heartbeat, {
      ping: (text) => {
        // A socket that is closing loses it: it stands for nothing.
        if (this.socket?.readyState === OPEN) this.#outgoing.mark();
        this.socket?.send(text);
      },
      pong: (roundTrip) => {
        this.#events.push(new HeartbeatEvent(roundTrip));
        this.#outgoing.pong();
        this.#ask();
        this.#closeIfProven();
      },
      dead: () => {
        this.#connection?.drop(null);
        this.#fail('no answer');
      },
    });
  }

  /** The native WebSocket, if there is one. */
  get socket() {
    return this.#connection?.socket;
  }

  /** The URL of the latest one. */
  get address() {
    return this.socket?.url ?? this.#address;
  }

  get outgoing() {
    return this.#outgoing;
  }

  get readyState() {
    if (!this.isWanted) return this.#isClosing ? CLOSING : CLOSED;
    return this.#retry.phase === 'open' && this.socket?.readyState === OPEN ? OPEN : CONNECTING;
  }

  /** Whether there is or shall be a connection. */
  get isWanted() {
    return this.#retry.phase !== 'ended' && this.#retry.phase !== 'idle';
  }

  get attempts() {
    return retry.attempts(this.#settings.retry, this.#retry, performance.now());
  }

  /** Milliseconds to the next attempt; null if none is waited for. */
  get retryIn() {
    const state = this.#retry;
    return state.phase === 'waiting' ? Math.max(0, state.until - performance.now()) : null;
  }

  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(type) {
    this.#binaryType = type;
    if (this.#connection !== null) this.#connection.binaryType = type;
  }

  /**
   * @param {import('./message.js').Message} message
   * @param {(fate: import('./events.js').Fate) => void} [resolve]
   * @returns why it was refused, or null
   */
  push(message, resolve) {
    // The native socket may be closing, and its event still to come: then this is no connection.
    if (this.#outgoing.up && this.readyState === CONNECTING) this.#outgoing.lost();
    const refusal = this.#outgoing.push(message, resolve);
    this.#ask();
    this.#settle();
    return refusal;
  }

  /** The first time; throws what the native constructor throws. */
  start() {
    this.#isStarting = true;
    this.#begin('start');
    this.#isStarting = false;
  }

  /** @param {Farewell} farewell */
  reconnect(farewell) {
    this.#farewell = farewell;
    if (this.#isClosing) this.#leave(false);
    this.#begin('reconnect');
  }

  /** @param {Farewell} farewell */
  close(farewell) {
    this.#farewell = farewell;
    this.#isClosing = true;
    this.#decide({ type: 'close' });
    this.#settle();
  }

  /**
   * As if the connection had been lost, but for what is said to the server.
   *
   * @param {Farewell} farewell
   * @param {number | null} after
   */
  leave(farewell, after) {
    if (this.#isClosing || this.#connection === null) return;
    const { code = LOST.code, reason = '' } = farewell;
    this.#connection.drop(farewell);
    this.#ended({ code, reason, wasClean: true }, after === null ? 'retry' : { after });
  }

  retryNow() {
    this.#decide({ type: 'retryNow' });
    this.#settle();
  }

  // Deciding.

  /** @param {'start' | 'reconnect'} type */
  #begin(type) {
    if (!this.isWanted) {
      this.#outgoing.revive();
      this.#decide({ type: isOffline() ? 'offline' : 'online' });
    }
    this.#decide({ type });
    this.#stopListening();
    if (this.isWanted) this.#stopListening = listen((news) => this.#hear(news));
    this.#settle();
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
        this.#closeBy = performance.now() + (this.#settings.heartbeat?.closeTimeout ?? 0);
        this.#ask();
        return this.#closeIfProven();
      case 'drop':
        if (action.cause === 'closed') return this.#letGo({});
        if (action.cause === 'reconnect') return this.#leave(true);
        this.#letGo(null);
        this.#events.push(new FailureEvent(GIVEN_UP[action.cause]));
        return this.#tell({ ...LOST, reason: GIVEN_UP[action.cause] });
      case 'end':
        this.#outgoing.end();
        this.#stopListening();
        // As with `WebSocket`, what never opened fails, and says so afterwards.
        if (this.#isClosing && this.#connection === null) setTimeout(() => this.#neverOpened());
    }
  }

  #connect() {
    this.#connection = new Connection(this.#settings.WebSocket, this.#binaryType, {
      opened: () => this.#opened(),
      received: (event) => this.#received(event),
      failed: (message, error) => {
        this.#events.push(new FailureEvent(message, error));
        this.#settle();
      },
      ended: (ending) => this.#ended(ending),
      refused: (error) => {
        // At the start it is the caller's error, as with `WebSocket`.
        if (this.#isStarting) throw error;
        this.#fail(String(error), 'fatal');
      },
    });
    this.#connection.start(this.#url, this.#protocols);
  }

  // What happens.

  #opened() {
    this.#decide({ type: 'opened' });
    this.#outgoing.opened();
    this.#heartbeat?.step({ type: 'open' });
    this.#ask();
    this.#events.push(new Event('open'));
    this.#settle();
  }

  /** @param {MessageEvent} event */
  #received({ data, origin }) {
    if (!this.#heartbeat?.received(data)) {
      // As with `WebSocket`, `close` is the end of messages.
      if (!this.#isClosing) this.#events.push(new MessageEvent('message', { data, origin }));
      this.#ask();
    }
    this.#settle();
  }

  /**
   * @param {Ending} ending
   * @param {import('./classify.js').Verdict} [known] by default what the classifier says
   */
  #ended(ending, known) {
    const opened = this.#retry.phase === 'open';
    this.#forget();
    if (!this.#isClosing) {
      const verdict = known ?? this.#classify({ ...ending, opened });
      const after = typeof verdict === 'object' ? verdict.after : null;
      this.#decide({ type: 'down', verdict: verdict === 'fatal' ? verdict : 'retry', after });
    }
    this.#isClosing = false;
    this.#tell(ending);
    this.#settle();
  }

  /**
   * We see that it is over before the native socket does.
   *
   * @param {string} reason
   * @param {import('./classify.js').Verdict} [verdict]
   */
  #fail(reason, verdict) {
    this.#events.push(new FailureEvent(reason));
    this.#ended({ ...LOST, reason }, verdict);
  }

  /** `close` without a connection takes its effect. */
  #neverOpened() {
    if (!this.#isClosing || this.#connection !== null) return;
    this.#isClosing = false;
    this.#events.push(new FailureEvent('closed before there was a connection'));
    this.#tell(LOST);
    this.#settle();
  }

  /** @param {number} late */
  #ring(late) {
    if (late > LATE) this.#decide({ type: 'awake' });
    this.#decide({ type: 'tick' });
    this.#outgoing.tick();
    this.#heartbeat?.step({ type: 'tick', late });
    this.#closeIfProven();
    this.#settle();
  }

  /** @param {'online' | 'offline' | 'awake'} news */
  #hear(news) {
    this.#decide({ type: news });
    if (news !== 'offline') this.#heartbeat?.step({ type: 'poke' });
    this.#settle();
  }

  // Helpers.

  /** A fate that somebody or `close` waits for is asked after at once, any other once in an interval. */
  #ask() {
    if (this.#heartbeat === null) return;
    const isDue = this.#outgoing.isUnproven && (this.#closeBy !== null || this.#heartbeat.isOverdue);
    if (isDue || this.#outgoing.isAwaited) this.#heartbeat.step({ type: 'ask' });
  }

  /**
   * `close` comes to the native socket once all that was sent is proven, or when its time is up:
   * nothing that arrives behind a native close is shown to a page, and the server's close frame
   * proves nothing, since it may have been on its way before ours.
   */
  #closeIfProven() {
    if (this.#closeBy === null) return;
    const isOpen = this.socket?.readyState === OPEN;
    if (isOpen && this.#outgoing.isUnproven && performance.now() < this.#closeBy) return;
    this.#closeBy = null;
    this.socket?.close(this.#farewell.code, this.#farewell.reason);
  }

  /** @param {import('./classify.js').Ending} ending */
  #classify(ending) {
    try {
      return this.#settings.classify(ending);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
      return classify(ending);
    }
  }

  /**
   * Close on our own account, without waiting for the answer.
   *
   * @param {boolean} wasClean
   */
  #leave(wasClean) {
    const { code = LOST.code, reason = '' } = this.#farewell;
    this.#letGo(this.#farewell);
    this.#isClosing = false;
    this.#tell({ code, reason, wasClean });
  }

  /** @param {Farewell | null} farewell null if nobody would hear it */
  #letGo(farewell) {
    this.#connection?.drop(farewell);
    this.#forget();
  }

  #forget() {
    this.#address = this.address;
    this.#connection = null;
    this.#closeBy = null;
    this.#heartbeat?.step({ type: 'close' });
    this.#outgoing.lost();
  }

  /** @param {Ending} ending */
  #tell(ending) {
    const retryIn = this.#retry.phase === 'connecting' ? 0 : this.retryIn;
    this.#events.push(new LossEvent(ending, this.isWanted, retryIn));
  }

  /** All that happened at once has been done: set the alarm, and tell of it. */
  #settle() {
    this.#alarm.set(retry.due(this.#retry), this.#outgoing.due, this.#heartbeat?.due, this.#closeBy);
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    for (let event; (event = this.#events.shift()); ) this.#dispatch(event);
    this.#isDispatching = false;
  }
}
