/**
 * A chat over `/broadcast`.
 *
 * Layout:
 * - `link.js`, `retry.js`: a WebSocket that comes back, and when it tries
 * - `pulse.js`, `roundtrips.js`, `sparkline.js`: the time to the server and back
 * - `message.js`: what travels
 * - `transcript.js`, `composer.js`, `status.js`: what is seen
 * - `place.js`, `format.js`, `storage.js`: where things stand, words for numbers, what is remembered
 */

import { Composer } from './composer.js';
import { age, ending } from './format.js';
import { Link } from './link.js';
import { compose, decode, encode } from './message.js';
import { place, write } from './place.js';
import { Pulse } from './pulse.js';
import { RoundTrips } from './roundtrips.js';
import { Status } from './status.js';
import { Transcript } from './transcript.js';

/** Own messages that may be under way at once; above it the link is not keeping up. */
const MAX_UNDER_WAY = 100;
/** Bytes that may wait in the socket before another message is refused. */
const MAX_BUFFERED = 1024 * 1024;
const TICK_MS = 200;

const base = `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}`;
const trips = new RoundTrips();
const status = new Status();
const transcript = new Transcript({
  list: place('transcript'),
  scroll: place('scroll'),
  empty: place('empty'),
  newest: place('newest'),
});

/** @typedef {import('./transcript.js').Entry} Entry */
/** @typedef {import('./message.js').Chat} Chat */

/** Own messages that have not come back, by id. @type {Map<string, { entry: Entry, sentAt: number }>} */
const underWay = new Map();
/** Refused messages whose text may still be in the box. @type {Entry | null} */
let refused = null;
/** When the link was lost; null while it is open and before it first opens. @type {number | null} */
let lostAt = null;
let measuredAt = -Infinity;
let heardAt = -Infinity;
let unseen = 0;
const counts = { sent: 0, received: 0 };

const link = new Link(`${base}/broadcast`, { onState: changed, onMessage: received });
const pulse = new Pulse(`${base}/echo`, {
  quietFor: () => performance.now() - measuredAt,
  onRoundTrip: (ms) => measured(ms, 'echo'),
  onSilence: () => {
    // Only when the conversation is silent as well is the server gone.
    if (performance.now() - heardAt > 10_000) link.abandon('no answer');
    else pulse.start();
  },
});
const composer = new Composer(/** @type {HTMLFormElement} */ (place('composer')), say);

/**
 * @param {string} name
 * @param {string} text
 * @returns {boolean} whether it was handed to the socket
 */
function say(name, text) {
  const chat = compose(name, text);
  const refusal = hand(chat);
  // The same text tried again replaces its refusal; another text leaves it standing.
  if (refused?.text === text) refused.remove();
  refused = null;
  if (refusal === '') {
    follow(chat);
    return true;
  }
  refused = transcript.own(chat);
  refused.refused(refusal);
  return false;
}

/**
 * @param {Chat} chat
 * @returns {string} why it was refused; empty when the socket has it
 */
function hand(chat) {
  if (underWay.size >= MAX_UNDER_WAY || link.bufferedAmount > MAX_BUFFERED) {
    return 'the link is not keeping up.';
  }
  return link.send(encode(chat)) ? '' : 'there is no connection.';
}

/**
 * Show what was handed to the socket, and wait for its return.
 *
 * @param {Chat} chat
 */
function follow(chat) {
  const entry = transcript.own(chat);
  entry.sending();
  underWay.set(chat.id, { entry, sentAt: performance.now() });
  counts.sent += 1;
  status.count(counts);
}

/** @param {string | ArrayBuffer} data */
function received(data) {
  heardAt = performance.now();
  counts.received += 1;
  status.count(counts);
  const message = decode(data);
  const own = message.kind === 'chat' ? underWay.get(message.id) : undefined;
  if (message.kind === 'chat' && own !== undefined && own.entry.text === message.text) {
    underWay.delete(message.id);
    own.entry.returned(heardAt - own.sentAt);
    measured(heardAt - own.sentAt, 'message');
    return;
  }
  transcript.received(message);
  if (document.hidden) announce(unseen + 1);
}

/** @param {import('./link.js').State} state */
function changed(state) {
  status.show(link);
  if (state.name === 'open') {
    if (lostAt !== null) transcript.note(`Connected again after ${age(state.since - lostAt)}`);
    lostAt = null;
    heardAt = state.since;
    pulse.start();
    return;
  }
  pulse.stop();
  if (!('ending' in state)) return;
  loseTrack();
  if (lostAt === null && state.ending?.opened) {
    lostAt = performance.now();
    transcript.note(`Connection closed: ${ending(state.ending)}`);
  }
}

/** Nobody can say whether these arrived, and the page does not pretend to know. */
function loseTrack() {
  for (const { entry } of underWay.values()) {
    entry.uncertain(() => {
      const chat = compose(composer.name, entry.text);
      if (hand(chat) !== '') return;
      entry.remove();
      follow(chat);
    });
  }
  underWay.clear();
}

/**
 * @param {number} ms
 * @param {import('./roundtrips.js').Sample['source']} source
 */
function measured(ms, source) {
  if (source === 'message') measuredAt = performance.now();
  trips.add({ ms, source });
  status.measured(trips);
}

/** @param {number} count messages that arrived while nobody was looking */
function announce(count) {
  unseen = count;
  document.title = count === 0 ? 'everwire' : `(${count}) everwire`;
}

/** @param {HTMLElement} button */
async function copy(button) {
  const source = place(button.dataset.copy ?? '');
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    button.textContent = 'Copied';
  } catch {
    // No clipboard on plain http from another machine: leave the address selected instead.
    getSelection()?.selectAllChildren(source);
    button.textContent = 'Selected';
  }
  setTimeout(() => (button.textContent = 'Copy'), 1_500);
}

write('echo-url', `${base}/echo`);
write('broadcast-url', `${base}/broadcast`);

document.addEventListener('click', ({ target }) => {
  const button = target instanceof Element ? target.closest('button') : null;
  if (button?.dataset.copy) copy(button);
  else if (button?.dataset.do === 'retry') link.retryNow();
  else if (button?.dataset.do === 'close') link.close();
  else if (button?.dataset.do === 'connect') link.connect();
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  announce(0);
  link.retryNow();
});
addEventListener('online', () => link.retryNow());

setInterval(() => status.show(link), TICK_MS);
link.connect();
composer.focus();
