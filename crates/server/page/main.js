/**
 * A chat over `/broadcast`.
 *
 * Layout:
 * - `/everwire/index.js`: the WebSocket that comes back, clients/js
 * - `connection.js`: what there is to say about it
 * - `roundtrips.js`, `sparkline.js`: the time to the server and back
 * - `message.js`: what travels
 * - `transcript.js`, `composer.js`, `status.js`: what is seen
 * - `place.js`, `format.js`, `storage.js`: where things stand, words for numbers, what is remembered
 */

import { ReliableWebSocket } from '/everwire/index.js';
import { Composer } from './composer.js';
import { Connection } from './connection.js';
import { age, ending } from './format.js';
import { compose, decode, encode } from './message.js';
import { place, write } from './place.js';
import { RoundTrips } from './roundtrips.js';
import { Status } from './status.js';
import { Transcript } from './transcript.js';

/** Own messages that may be under way at once; above it the link is not keeping up. */
const MAX_UNDER_WAY = 100;
/** Bytes that may wait in the socket before another message is refused. */
const MAX_BUFFERED = 1024 * 1024;
const TICK_MS = 200;
/**
 * A person is looking: a link that went silent is found within eight seconds, and an attempt has
 * no more than five (milliseconds).
 */
const PATIENCE = { heartbeat: { interval: 5_000, timeout: 3_000 }, connectionTimeout: 5_000 };

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
let unseen = 0;
const counts = { sent: 0, received: 0 };

const socket = new ReliableWebSocket(`${base}/broadcast`, [], PATIENCE);
socket.binaryType = 'arraybuffer';
const connection = new Connection(socket);
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
  if (socket.readyState !== socket.OPEN) return 'there is no connection.';
  if (underWay.size >= MAX_UNDER_WAY || socket.bufferedAmount > MAX_BUFFERED) {
    return 'the link is not keeping up.';
  }
  socket.send(encode(chat));
  return '';
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
  counts.received += 1;
  status.count(counts);
  const message = decode(data);
  const own = message.kind === 'chat' ? underWay.get(message.id) : undefined;
  if (message.kind === 'chat' && own !== undefined && own.entry.text === message.text) {
    underWay.delete(message.id);
    const ms = performance.now() - own.sentAt;
    own.entry.returned(ms);
    measured(ms, 'message');
    return;
  }
  transcript.received(message);
  if (document.hidden) announce(unseen + 1);
}

function opened() {
  const now = performance.now();
  if (lostAt !== null) transcript.note(`Connected again after ${age(now - lostAt)}`);
  lostAt = null;
  status.show(connection);
}

function closed() {
  loseTrack();
  if (lostAt === null && connection.ending?.opened) {
    lostAt = performance.now();
    transcript.note(`Connection closed: ${ending(connection.ending)}`);
  }
  status.show(connection);
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
  else if (button?.dataset.do === 'retry') socket.retryNow();
  else if (button?.dataset.do === 'close') connection.close();
  else if (button?.dataset.do === 'connect') connection.open();
  status.show(connection);
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) announce(0);
});

socket.addEventListener('open', opened);
socket.addEventListener('message', ({ data }) => received(data));
socket.addEventListener('heartbeat', ({ roundTrip }) => measured(roundTrip, 'heartbeat'));
socket.addEventListener('close', closed);
setInterval(() => status.show(connection), TICK_MS);
composer.focus();
