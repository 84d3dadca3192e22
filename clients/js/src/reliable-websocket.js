/**
 * A `WebSocket` that comes back.
 *
 * This file joins the values that decide (`retry.js`, `outbox.js`, `watchdog.js`) with what they
 * decide about: the native socket (`connection.js`), the messages (`outgoing.js`), the heartbeat
 * (`heartbeat.js`), time (`alarm.js`) and the browser (`environment.js`).
 */

import { Alarm } from './alarm.js';
import { classify } from './classify.js';
import { Connection } from './connection.js';
import { isOffline, listen } from './environment.js';
import { FailureEvent, FateEvent, HeartbeatEvent, LossEvent } from './events.js';
import { farewell } from './farewell.js';
import { Heartbeat } from './heartbeat.js';
import { size, toMessage } from './message.js';
import { settings } from './options.js';
import { Outgoing } from './outgoing.js';
import * as retry from './retry.js';
import { CLOSED, CLOSING, CONNECTING, OPEN, WebSocketTarget } from './target.js';
import { LATE } from './watchdog.js';

/** @typedef {import('./connection.js').Protocols} Protocols */
/** @typedef {import('./connection.js').Url} Url */
/** @typedef {import('./events.js').Fate} Fate */
/** @typedef {import('./message.js').Message} Message */

/** @template T @typedef {import('./connection.js').Provided<T>} Provided */

/** @typedef {{ code: number, reason: string, wasClean: boolean }} Ending */

/** @type {Ending} */
const LOST = { code: 1006, reason: '', wasClean: false };

/** What a `close` event says of a connection that we gave up. */
const GIVEN_UP = { timeout: 'no connection in time', offline: 'offline' };

export class ReliableWebSocket extends WebSocketTarget {
  #url;
  #protocols;
  #settings;
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
  /** Bytes that were sent when it was too late. */
  #discarded = 0;
  /** Between `close` and its event. */
  #isClosing = false;
  /** What is said to the server. @type {import('./farewell.js').Farewell} */
  #farewell = {};
  #isConstructed = false;
  /** To be dispatched when all that happens at once has been done. @type {Event[]} */
  #events = [];
  #isDispatching = false;

  /**
   * @param {Provided<Url>} url a function is asked before every attempt: for a fresh token
   * @param {Provided<Protocols>} [protocols] likewise
   * @param {import('./options.js').Options} [options]
   * @throws {DOMException} `SyntaxError` if no WebSocket can be made of a URL and protocols that are
   *   not asked for
   */
  constructor(url, protocols, options = {}) {
    super();
    this.#url = url;
    this.#protocols = protocols;
    this.#address = typeof url === 'function' ? '' : String(url);
    this.#settings = settings(options);
    this.#retry = retry.idle(this.#settings.retry);
    this.#outgoing = new Outgoing(this.#settings.outbox, {
      write: (message) => this.#socket?.send(message),
      tell: (fate) => this.#events.push(new FateEvent(fate)),
    });
    const { heartbeat } = this.#settings;
    this.#heartbeat = heartbeat && new Heartbeat(heartbeat, {
      ping: (text) => {
        this.#outgoing.mark();
        this.#socket?.send(text);
      },
      pong: (roundTrip) => {
        this.#events.push(new HeartbeatEvent(roundTrip));
        this.#outgoing.pong();
        this.#ask();
      },
      dead: () => {
        this.#connection?.drop(null);
        this.#fail('no answer');
      },
    });
    if (!this.#settings.startClosed) this.#start('start');
    this.#isConstructed = true;
    this.#settle();
  }

  /** What the latest attempt went to. Empty before the first if it has to be asked for. */
  get url() {
    return this.#socket?.url ?? this.#address;
  }

  get protocol() {
    return this.#socket?.protocol ?? '';
  }

  get extensions() {
    return this.#socket?.extensions ?? '';
  }

  /** CONNECTING while it connects or waits to; CLOSED only when it will not come back. */
  get readyState() {
    if (!this.shouldReconnect) return this.#isClosing ? CLOSING : CLOSED;
    return this.#retry.phase === 'open' && this.#socket?.readyState === OPEN ? OPEN : CONNECTING;
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
    return this.#outgoing.bytes + (this.#socket?.bufferedAmount ?? 0) + this.#discarded;
  }

  /** How many attempts have failed since there was a stable connection. */
  get retryCount() {
    const { stableAfter } = this.#settings.retry;
    const state = this.#retry;
    return state.phase === 'open' && performance.now() - state.since >= stableAfter ? 0 : state.attempts;
  }

  /** Milliseconds to the next attempt; null if none is waited for. */
  get retryIn() {
    const state = this.#retry;
    return state.phase === 'waiting' ? Math.max(0, state.until - performance.now()) : null;
  }

  /** Whether a connection that is lost would be replaced. */
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
   * Send, and learn what became of it. Proof that it was read is the answer to a ping, which goes
   * at once, or to our close; without the option `heartbeat` proof comes only with the end.
   *
   * @param {Message} data
   * @returns {Promise<Fate>} never rejected because of the network
   */
  deliver(data) {
    if (arguments.length === 0) throw new TypeError('deliver needs a message');
    const message = toMessage(data);
    return new Promise((resolve) => this.#push(message, resolve));
  }

  /**
   * Close, and stay closed until `reconnect`.
   *
   * @param {number} [code] 1000 or 3000 to 4999
   * @param {string} [reason] at most 123 bytes of UTF-8
   * @throws {DOMException} `InvalidAccessError` or `SyntaxError` for others
   */
  close(code, reason) {
    const said = farewell(code, reason);
    if (this.readyState > OPEN) return;
    this.#farewell = said;
    this.#isClosing = true;
    this.#decide({ type: 'close' });
    this.#settle();
  }

  /**
   * Drop what there is and connect at once; begin again after `close` or with `startClosed`.
   *
   * @param {number} [code] for the connection that is dropped: 1000
   * @param {string} [reason]
   * @throws {DOMException} as `close`
   */
  reconnect(code = 1000, reason = '') {
    this.#farewell = farewell(code, reason);
    if (this.#isClosing) this.#leave(false);
    this.#start('reconnect');
    this.#settle();
  }

  /** Cut a wait short: somebody is looking. */
  retryNow() {
    this.#decide({ type: 'retryNow' });
    this.#settle();
  }

  get #socket() {
    return this.#connection?.socket;
  }

  /** @param {'start' | 'reconnect'} type */
  #start(type) {
    if (!this.shouldReconnect) {
      this.#outgoing.revive();
      this.#decide({ type: isOffline() ? 'offline' : 'online' });
    }
    this.#decide({ type });
    this.#stopListening();
    if (this.shouldReconnect) this.#stopListening = listen((news) => this.#hear(news));
  }

  // Deciding.

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
        // If the server closes already, its close frame is no answer to ours.
        if (this.#socket?.readyState !== OPEN) this.#outgoing.lost(false);
        return this.#socket?.close(this.#farewell.code, this.#farewell.reason);
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
        // In the constructor it is the caller's error, as with `WebSocket`.
        if (!this.#isConstructed) throw error;
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
    if (!this.#heartbeat?.received(data)) this.#events.push(new MessageEvent('message', { data, origin }));
    this.#settle();
  }

  /**
   * @param {Ending} ending
   * @param {import('./classify.js').Verdict} [known] by default what the classifier says
   */
  #ended(ending, known) {
    const opened = this.#retry.phase === 'open';
    const { code = 1005 } = this.#farewell;
    this.#forget(this.#isClosing && ending.wasClean && ending.code === code);
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
    this.#settle();
  }

  /** @param {'online' | 'offline' | 'awake'} news */
  #hear(news) {
    this.#decide({ type: news });
    if (news !== 'offline') this.#heartbeat?.step({ type: 'poke' });
    this.#settle();
  }

  // Helpers.

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

  /** A fate that somebody waits for is asked after at once. */
  #ask() {
    if (this.#outgoing.isAwaited) this.#heartbeat?.step({ type: 'ask' });
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

  /** @param {import('./farewell.js').Farewell | null} farewell null if nobody would hear it */
  #letGo(farewell) {
    this.#connection?.drop(farewell);
    this.#forget(false);
  }

  /** @param {boolean} answered whether the server answered our close frame */
  #forget(answered) {
    this.#address = this.url;
    this.#connection = null;
    this.#heartbeat?.step({ type: 'close' });
    this.#outgoing.lost(answered);
  }

  /** @param {Ending} ending */
  #tell(ending) {
    const retryIn = this.#retry.phase === 'connecting' ? 0 : this.retryIn;
    this.#events.push(new LossEvent(ending, this.shouldReconnect, retryIn));
  }

  /** All that happened at once has been done: set the alarm, and tell of it. */
  #settle() {
    this.#alarm.set(retry.due(this.#retry), this.#outgoing.due, this.#heartbeat?.due);
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    for (let event; (event = this.#events.shift()); ) this.dispatchEvent(event);
    this.#isDispatching = false;
  }
}
