/**
 * One connection after another: what decides when there is to be one (`retry.js`), joined with the native
 * socket (`connection.js`) and the browser (`environment.js`). It knows no messages.
 */

import { LATE } from './alarm.js';
import { classify } from './classify.js';
import { Connection, LOST } from './connection.js';
import { isOffline, listen } from './environment.js';
import * as retry from './retry.js';
import { OPEN } from './ready-state.js';

/** @typedef {import('./connection.js').Ending} Ending */
/** @typedef {import('./connection.js').Protocols} Protocols */
/** @typedef {import('./connection.js').Url} Url */
/** @typedef {import('./farewell.js').Farewell} Farewell */

/** @template T @typedef {import('./connection.js').Provided<T>} Provided */

/**
 * Who uses it. A call may come in the middle of what is done at once; `settle` ends that, and then anything
 * may be called.
 *
 * @typedef {object} Owner
 * @property {() => void} opened
 * @property {(event: MessageEvent) => void} received
 * @property {(message: string, error?: unknown) => void} [failed] `lost` follows
 * @property {() => void} [gone] there will be no connection when this returns
 * @property {(ending: Ending) => void} lost how it ended; what is to follow is decided by now
 * @property {(farewell: Farewell) => void} closing close the native socket
 * @property {() => void} [ended] nothing follows until `start` or `reconnect`
 * @property {(news: 'online' | 'offline' | 'awake') => void} noticed about the network and the page
 * @property {() => void} settle all that happens at once has been done
 */

export class Reconnector {
  #url;
  #protocols;
  #settings;
  #owner;
  /** What is decided. @type {retry.State} */
  state;
  /** @type {Connection | null} */
  #connection = null;
  #stopListening = () => {};
  /** What is said to the server. @type {Farewell} */
  #farewell = {};
  #isStarting = false;

  /**
   * @param {Provided<Url>} url
   * @param {Provided<Protocols>} protocols
   * @param {import('./attempts.js').Attempts} settings
   * @param {Owner} owner
   */
  constructor(url, protocols, settings, owner) {
    this.#url = url;
    this.#protocols = protocols;
    this.#settings = settings;
    this.#owner = owner;
    this.state = retry.idle(settings.retry);
  }

  /** The native WebSocket, if there is one. */
  get socket() {
    return this.#connection?.socket;
  }

  get phase() {
    return this.state.phase;
  }

  /** Whether there is or shall be a connection. */
  get isWanted() {
    return this.phase !== 'ended' && this.phase !== 'idle';
  }

  /** Whether there is a connection, or an attempt at one. */
  get isTrying() {
    return this.#connection !== null;
  }

  get isOpen() {
    return this.phase === 'open' && this.socket?.readyState === OPEN;
  }

  /** Milliseconds to the next attempt; null if none is waited for. */
  get retryIn() {
    const { state } = this;
    return state.phase === 'waiting' ? Math.max(0, state.until - performance.now()) : null;
  }

  /** When `tick` is due, by `performance.now()`. */
  get due() {
    return retry.due(this.state);
  }

  /** The first time; throws what the native constructor throws. */
  start() {
    this.#isStarting = true;
    this.#begin('start');
    this.#isStarting = false;
  }

  /**
   * Connects at once, whatever there is.
   *
   * @param {Farewell} farewell for what is dropped
   */
  reconnect(farewell) {
    this.#farewell = farewell;
    this.#begin('reconnect');
  }

  /** @param {Farewell} farewell */
  close(farewell) {
    this.#farewell = farewell;
    this.#decide({ type: 'close' });
    this.#owner.settle();
  }

  /**
   * As if the connection had been lost, but for what is said to the server.
   *
   * @param {Farewell} farewell
   * @param {number | null} [after] not before so many milliseconds
   */
  leave(farewell, after = null) {
    if (!this.isWanted || this.#connection === null) return;
    this.#connection.drop(farewell);
    this.#ended(said(farewell, true), after === null ? 'retry' : { after });
  }

  /**
   * We see that it is over before the native socket does.
   *
   * @param {string} reason
   * @param {import('./classify.js').Verdict} [verdict] by default what the classifier says
   */
  giveUp(reason, verdict) {
    this.#connection?.drop(null);
    this.#owner.failed?.(reason);
    this.#ended({ ...LOST, reason }, verdict);
  }

  /** @param {Farewell | null} farewell null if there is nobody to hear it */
  letGo(farewell) {
    this.#connection?.drop(farewell);
    this.#forget();
  }

  retryNow() {
    this.#decide({ type: 'retryNow' });
    this.#owner.settle();
  }

  /** @param {number} late how late it is that time has passed, in milliseconds */
  tick(late) {
    if (late > LATE) this.#decide({ type: 'awake' });
    this.#decide({ type: 'tick' });
  }

  // Deciding.

  /** @param {'start' | 'reconnect'} type */
  #begin(type) {
    if (!this.isWanted) this.#decide({ type: isOffline() ? 'offline' : 'online' });
    this.#decide({ type });
    this.#stopListening();
    if (this.isWanted) this.#stopListening = listen((news) => this.#notice(news));
    this.#owner.settle();
  }

  /** @param {retry.Input} input */
  #decide(input) {
    const { retry: policy, debug } = this.#settings;
    const [state, actions] = retry.step(policy, this.state, input, performance.now(), Math.random());
    if (debug) console.log('everwire', input, state, actions);
    this.state = state;
    for (const action of actions) this.#act(action);
  }

  /** @param {retry.Action} action */
  #act(action) {
    switch (action.type) {
      case 'connect':
        return this.#connect();
      case 'close':
        return this.#owner.closing(this.#farewell);
      case 'drop':
        return this.#drop(action.cause);
      case 'end':
        this.#stopListening();
        this.#owner.ended?.();
    }
  }

  /** @param {Extract<retry.Action, { type: 'drop' }>['cause']} cause */
  #drop(cause) {
    if (cause === 'closed') return this.letGo({});
    if (cause === 'reconnect') {
      this.letGo(this.#farewell);
      return this.#owner.lost(said(this.#farewell, true));
    }
    const reason = cause === 'timeout' ? 'no connection in time' : cause;
    this.letGo(null);
    this.#owner.failed?.(reason);
    this.#owner.lost({ ...LOST, reason });
  }

  #connect() {
    this.#connection = new Connection({
      open: () => {
        this.#decide({ type: 'opened' });
        this.#owner.opened();
        this.#owner.settle();
      },
      message: (event) => {
        this.#owner.received(event);
        this.#owner.settle();
      },
      error: ({ message = '', error }) => {
        this.#owner.failed?.(message, error);
        this.#owner.settle();
      },
      close: (ending) => this.#ended(said(ending, ending.wasClean)),
      refused: (error) => {
        // At the start it is the caller's error, as with `WebSocket`.
        if (this.#isStarting) throw error;
        this.giveUp(String(error), 'fatal');
      },
    });
    this.#connection.start(this.#settings.WebSocket, this.#url, this.#protocols);
  }

  // What happens.

  /**
   * @param {Ending} ending
   * @param {import('./classify.js').Verdict} [known] by default what the classifier says
   */
  #ended(ending, known) {
    const opened = this.phase === 'open';
    this.#forget();
    if (this.isWanted) {
      const verdict = known ?? this.#classify({ ...ending, opened });
      const after = typeof verdict === 'object' ? verdict.after : null;
      this.#decide({ type: 'down', verdict: verdict === 'fatal' ? verdict : 'retry', after });
    }
    this.#owner.lost(ending);
    this.#owner.settle();
  }

  /** @param {'online' | 'offline' | 'awake'} news */
  #notice(news) {
    this.#decide({ type: news });
    this.#owner.noticed(news);
    this.#owner.settle();
  }

  // Helpers.

  #forget() {
    this.#owner.gone?.();
    this.#connection = null;
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
}

/**
 * The ending of a connection: as the native socket tells it, or as we say it without waiting for the answer.
 *
 * @param {Farewell} farewell
 * @param {boolean} wasClean
 * @returns {Ending}
 */
export function said({ code = LOST.code, reason = '' }, wasClean) {
  return { code, reason, wasClean };
}
