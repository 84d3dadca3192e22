/** What the page says about its connection: the wire, the pill, the notice and the panel. */

import { age, duration, end, ending } from './format.js';
import { place, write } from './place.js';
import { Sparkline } from './sparkline.js';

/** @typedef {import('./connection.js').State} State */

/** What a person who writes without a connection wants to know. */
const KEPT = 'What you send is kept, and sent once.';

export class Status {
  #pill = place('pill');
  #spark = new Sparkline(place('spark'));
  /** @type {State['name'] | ''} */
  #shown = '';

  constructor() {
    const wide = matchMedia('(min-width: 60rem)');
    const settle = () => this.#open(wide.matches);
    wide.addEventListener('change', settle);
    settle();
    for (const button of [this.#pill, place('here-button')]) {
      button.addEventListener('click', () => this.#open(!this.isOpen));
    }
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || wide.matches || !this.isOpen) return;
      this.#open(false);
      this.#pill.focus();
    });
  }

  get isOpen() {
    return this.#pill.getAttribute('aria-expanded') === 'true';
  }

  /**
   * Called on every change and several times a second, for the countdown.
   *
   * @param {import('./connection.js').Connection} connection
   */
  show(connection) {
    const { state, counts } = connection;
    const now = performance.now();
    const { title, text, wait } = describe(state, now);
    write('pill-state', wait ? 'Reconnecting' : title);
    write('pill-wait', wait);
    write('state', title);
    write('state-detail', text);
    write('notice-title', title);
    write('notice-text', text);
    write('up', state.name === 'open' ? age(now - state.since) : '–');
    write('sessions', String(counts.begun));
    write('resumed', String(counts.resumed));
    if (connection.ending !== null) write('ending', ending(connection.ending));
    if (state.name !== this.#shown) this.#changed(state, title);
  }

  /** @param {{ sent: number, received: number }} counts */
  count({ sent, received }) {
    write('sent', sent.toLocaleString());
    write('received', received.toLocaleString());
  }

  /** @param {import('./roundtrips.js').RoundTrips} trips */
  measured(trips) {
    const summary = trips.summary();
    if (summary === null) return;
    const { latest, best, median, worst } = summary;
    write('trip', duration(latest.ms));
    write('trip-source', latest.source === 'message' ? 'your last message' : 'by heartbeat');
    write('pill-time', duration(latest.ms));
    write('spread', `best ${duration(best)} · median ${duration(median)} · worst ${duration(worst)}`);
    this.#spark.draw(trips.samples);
    run(latest.ms);
  }

  /**
   * @param {State} state
   * @param {string} title
   */
  #changed(state, title) {
    this.#shown = state.name;
    document.body.dataset.link = state.name;
    // The countdown changes often; what is spoken changes only with the state.
    write('spoken', state.name === 'waiting' ? 'Connection lost, reconnecting' : title);
    place('notice').hidden = state.name === 'open';
    place('retry').hidden = state.name !== 'waiting' && state.name !== 'offline';
    place('close').hidden = state.name === 'closed';
    place('connect').hidden = state.name !== 'closed';
  }

  /** @param {boolean} open */
  #open(open) {
    this.#pill.setAttribute('aria-expanded', String(open));
    document.body.dataset.panel = open ? 'open' : 'closed';
  }
}

/**
 * @param {State} state
 * @param {number} now
 * @returns {{ title: string, text: string, wait: string }} `wait` is the countdown, if there is one
 */
function describe(state, now) {
  switch (state.name) {
    case 'connecting':
      return { title: 'Connecting', text: '', wait: '' };
    case 'open':
      return { title: 'Open', text: '', wait: '' };
    case 'closed':
      return { title: 'Closed', text: state.end === null ? 'You disconnected.' : end(state.end), wait: '' };
    case 'offline':
      return { title: 'Offline', text: `Waiting for the network. ${KEPT}`, wait: '' };
    case 'waiting': {
      const wait = `${Math.max(0, Math.ceil((state.until - now) / 1000))} s`;
      return { title: `Reconnecting in ${wait}`, text: KEPT, wait };
    }
  }
}

/**
 * A light runs along the wire and back with each measured round trip.
 *
 * @param {number} ms
 */
function run(ms) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const reach = `translateX(${place('wire').clientWidth}px)`;
  const here = { transform: 'none', easing: 'ease-in-out' };
  const there = { transform: reach, easing: 'ease-in-out' };
  const pulse = /** @type {HTMLElement} */ (place('wire').lastElementChild);
  const duration = Math.min(2_400, 1_000 + ms);
  pulse.animate([here, there, here], { duration });
  pulse.animate({ opacity: [0, 1, 1, 0], offset: [0, 0.1, 0.9, 1] }, { duration });
}
