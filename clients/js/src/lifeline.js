/**
 * What a `ReliableWebSocket` does: connections that follow each other (`reconnector.js`) joined with the
 * messages that go over them (`outgoing.js`), the heartbeat (`heartbeat.js`) and time (`alarm.js`).
 *
 * Whatever happens is done whole before any of it is told: a listener may call anything.
 */

import { Alarm } from './alarm.js';
import { LOST } from './connection.js';
import { FailureEvent, FateEvent, HeartbeatEvent, LossEvent } from './events.js';
import { Heartbeat } from './heartbeat.js';
import { Outgoing } from './outgoing.js';
import { CLOSED, CLOSING, CONNECTING, OPEN } from './ready-state.js';
import { Reconnector, said } from './reconnector.js';
import { attempts } from './retry.js';

/** @typedef {import('./connection.js').Protocols} Protocols */
/** @typedef {import('./connection.js').Url} Url */
/** @typedef {import('./farewell.js').Farewell} Farewell */

/** @template T @typedef {import('./connection.js').Provided<T>} Provided */

export class Lifeline {
  #settings;
  #dispatch;
  #reconnector;
  #outgoing;
  #heartbeat;
  #alarm = new Alarm((late) => this.#ring(late));
  /** Where the latest connection went. */
  #address;
  /** @type {BinaryType} */
  #binaryType = 'blob';
  /** Between `close` and its event. */
  #isClosing = false;
  /** How long the native close may wait for proof; null if it does not. @type {number | null} */
  #closeBy = null;
  /** What the native close says to the server. @type {Farewell} */
  #farewell = {};
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
    this.#settings = settings;
    this.#dispatch = dispatch;
    this.#address = typeof url === 'function' ? '' : String(url);
    this.#outgoing = new Outgoing(settings.outbox, {
      write: (message) => this.#reconnector.socket?.send(message),
      tell: (fate) => this.#events.push(new FateEvent(fate)),
    });
    this.#heartbeat = settings.heartbeat && new Heartbeat(settings.heartbeat, {
      ping: (text) => {
        const { socket } = this.#reconnector;
        // A socket that is closing loses it: it stands for nothing.
        if (socket?.readyState === OPEN) this.#outgoing.mark();
        socket?.send(text);
      },
      pong: (roundTrip) => {
        this.#events.push(new HeartbeatEvent(roundTrip));
        this.#outgoing.pong();
        this.#ask();
        this.#closeIfProven();
      },
      dead: () => this.#reconnector.giveUp('no answer'),
    });
    this.#reconnector = new Reconnector(url, protocols, settings.attempts, {
      opened: () => this.#opened(),
      received: (event) => this.#received(event),
      failed: (message, error) => this.#events.push(new FailureEvent(message, error)),
      gone: () => this.#gone(),
      lost: (ending) => this.#lost(ending),
      closing: (farewell) => this.#close(farewell),
      ended: () => this.#ended(),
      noticed: (news) => news !== 'offline' && this.#heartbeat?.step({ type: 'poke' }),
      settle: () => this.#settle(),
    });
  }

  get reconnector() {
    return this.#reconnector;
  }

  get retryCount() {
    return attempts(this.#settings.attempts.retry, this.#reconnector.state, performance.now());
  }

  get outgoing() {
    return this.#outgoing;
  }

  /** The URL of the latest connection. */
  get address() {
    return this.#reconnector.socket?.url ?? this.#address;
  }

  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(type) {
    this.#binaryType = type;
    const { socket } = this.#reconnector;
    if (socket) socket.binaryType = type;
  }

  get readyState() {
    if (!this.#reconnector.isWanted) return this.#isClosing ? CLOSING : CLOSED;
    return this.#reconnector.isOpen ? OPEN : CONNECTING;
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

  /** @param {Farewell} farewell */
  reconnect(farewell) {
    if (this.#isClosing) {
      this.#reconnector.letGo(farewell);
      this.#lost(said(farewell, false));
    }
    if (!this.#reconnector.isWanted) this.#outgoing.revive();
    this.#reconnector.reconnect(farewell);
  }

  /** @param {Farewell} farewell */
  close(farewell) {
    this.#isClosing = true;
    this.#reconnector.close(farewell);
  }

  // What happens.

  #opened() {
    this.binaryType = this.#binaryType;
    this.#outgoing.opened();
    this.#heartbeat?.step({ type: 'open' });
    this.#ask();
    this.#events.push(new Event('open'));
  }

  /** @param {MessageEvent} event */
  #received({ data, origin }) {
    if (this.#heartbeat?.received(data)) return;
    // As with `WebSocket`, `close` is the end of messages.
    if (!this.#isClosing) this.#events.push(new MessageEvent('message', { data, origin }));
    this.#ask();
  }

  #gone() {
    this.#address = this.address;
    this.#closeBy = null;
    this.#heartbeat?.step({ type: 'close' });
    this.#outgoing.lost();
  }

  /** @param {import('./connection.js').Ending} ending */
  #lost(ending) {
    const { isWanted, phase, retryIn } = this.#reconnector;
    this.#isClosing = false;
    this.#events.push(new LossEvent(ending, isWanted, phase === 'connecting' ? 0 : retryIn));
  }

  #ended() {
    this.#outgoing.end();
    // As with `WebSocket`, what never opened fails, and says so afterwards.
    if (this.#isClosing && !this.#reconnector.isTrying) setTimeout(() => this.#neverOpened());
  }

  /** `close` without a connection takes its effect. */
  #neverOpened() {
    if (!this.#isClosing || this.#reconnector.isTrying) return;
    this.#events.push(new FailureEvent('closed before there was a connection'));
    this.#lost(LOST);
    this.#settle();
  }

  /** @param {number} late */
  #ring(late) {
    this.#reconnector.tick(late);
    this.#outgoing.tick();
    this.#heartbeat?.step({ type: 'tick', late });
    this.#closeIfProven();
    this.#settle();
  }

  // Helpers.

  /** A fate that somebody or `close` waits for is asked after at once, any other once in an interval. */
  #ask() {
    if (this.#heartbeat === null) return;
    const isDue = this.#outgoing.isUnproven && (this.#closeBy !== null || this.#heartbeat.isOverdue);
    if (isDue || this.#outgoing.isAwaited) this.#heartbeat.step({ type: 'ask' });
  }

  /** @param {Farewell} farewell */
  #close(farewell) {
    this.#farewell = farewell;
    this.#closeBy = performance.now() + (this.#settings.heartbeat?.closeTimeout ?? 0);
    this.#ask();
    this.#closeIfProven();
  }

  /**
   * `close` comes to the native socket once all that was sent is proven, or when its time is up:
   * nothing that arrives behind a native close is shown to a page, and the server's close frame
   * proves nothing, since it may have been on its way before ours.
   */
  #closeIfProven() {
    if (this.#closeBy === null) return;
    const { socket } = this.#reconnector;
    const isOpen = socket?.readyState === OPEN;
    if (isOpen && this.#outgoing.isUnproven && performance.now() < this.#closeBy) return;
    this.#closeBy = null;
    socket?.close(this.#farewell.code, this.#farewell.reason);
  }

  /** All that happened at once has been done: set the alarm, and tell of it. */
  #settle() {
    this.#alarm.set(this.#reconnector.due, this.#outgoing.due, this.#heartbeat?.due, this.#closeBy);
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    for (let event; (event = this.#events.shift()); ) this.#dispatch(event);
    this.#isDispatching = false;
  }
}
