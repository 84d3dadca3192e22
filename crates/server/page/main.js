/**
 * A chat in rooms, over the hub.
 *
 * Layout:
 * - `/everwire/hub/index.js`: the hub's client, clients/js
 * - `connection.js`: what there is to say about it; `identity.js`: who this is
 * - `rooms.js`, `room.js`: where people talk, and what was missed; `message.js`: what travels
 * - `transcript.js`, `entry.js`, `people.js`, `composer.js`, `status.js`: what is seen
 * - `roundtrips.js`, `sparkline.js`: the time to the server and back
 * - `place.js`, `element.js`, `format.js`, `storage.js`: where things stand, what they are made of, words for
 *   numbers, what is remembered
 */

import { Composer } from './composer.js';
import { Connection } from './connection.js';
import { settle, user } from './identity.js';
import { People } from './people.js';
import { place, write } from './place.js';
import { Rooms } from './rooms.js';
import { RoundTrips } from './roundtrips.js';
import { Status } from './status.js';

const TICK_MS = 200;

const base = `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}`;
const me = user();
const trips = new RoundTrips();
const status = new Status();
const people = new People(me);
const counts = { sent: 0, received: 0 };
/** A refused message whose text may still be in the box. @type {{ text: string, remove: () => void } | null} */
let refused = null;

const composer = new Composer(/** @type {HTMLFormElement} */ (place('composer')), say, named);
const rooms = new Rooms(me, { changed: showRoom, heard, measured: (ms) => measured(ms, 'message') });
rooms.start();
const connection = new Connection(() => `${base}/hub?name=${encodeURIComponent(composer.name)}`, me, {
  begun: (client) => rooms.begun(client),
  up,
  down: () => rooms.away(),
  heartbeat: (ms) => measured(ms, 'heartbeat'),
});

/**
 * @param {string} name
 * @param {string} text
 * @returns {boolean} whether it is on its way, now or as soon as there is a connection
 */
function say(name, text) {
  // The same text tried again replaces its refusal; another text leaves it standing.
  if (refused?.text === text) refused.remove();
  refused = null;
  if (connection.state.name === 'closed') {
    refused = rooms.shown.refuse(name, text, 'there is no connection.');
    return false;
  }
  rooms.shown.say(name, text, !connection.isOpen);
  counts.sent += 1;
  status.count(counts);
  return true;
}

/** @param {string} name */
function named(name) {
  settle(me);
  // Whoever is not connected is introduced by the address of the next connection.
  if (connection.isOpen) connection.client.rpc('name', name).catch(() => {});
}

/** @param {boolean} resumed */
function up(resumed) {
  status.show(connection);
  // The answer comes behind everything that a session which goes on had missed; a new one says for each room.
  if (resumed) connection.client.status([me]).then(() => rooms.back(), () => {});
}

function heard() {
  counts.received += 1;
  status.count(counts);
}

function showRoom() {
  people.show(rooms.shown.members);
  write('raw-url', `${base}/hub/${rooms.shown.name}`);
  document.title = `${rooms.unread > 0 ? `(${rooms.unread}) ` : ''}${rooms.shown.name} · everwire`;
}

/**
 * @param {number} ms
 * @param {import('./roundtrips.js').Sample['source']} source
 */
function measured(ms, source) {
  trips.add({ ms, source });
  status.measured(trips);
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
  else if (button?.dataset.do === 'retry') connection.client.retryNow();
  else if (button?.dataset.do === 'close') connection.close();
  else if (button?.dataset.do === 'connect') connection.open();
  status.show(connection);
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) rooms.shown.seen();
});

setInterval(() => status.show(connection), TICK_MS);
composer.focus();
