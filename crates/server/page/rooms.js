/** The rooms that this page is in, and the one that is shown. */

import { element } from './element.js';
import { place, write } from './place.js';
import { Room } from './room.js';
import { recall, remember } from './storage.js';

/** @typedef {import('/everwire/hub/index.js').HubClient} HubClient */

const FIRST = ['lobby', 'random'];
/** A page is in so many rooms at most: each is a subscription. */
const MAX_ROOMS = 20;
/** Characters of a room's name. */
const MAX_NAME = 32;

/**
 * @typedef {object} Listener
 * @property {() => void} changed another room is shown, or somebody came or went
 * @property {() => void} heard
 * @property {(ms: number) => void} measured
 */

export class Rooms {
  #user;
  #listener;
  #list = place('rooms');
  #views = place('views');
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** @type {HubClient | null} */
  #client = null;
  #isShowing = false;
  /** @type {Room} */
  #shown;

  /**
   * @param {string} user who this is
   * @param {Listener} listener
   */
  constructor(user, listener) {
    this.#user = user;
    this.#listener = listener;
    const names = recall('browser', 'rooms')?.split(' ').map(roomName).filter(Boolean) ?? [];
    for (const name of names.length > 0 ? names.slice(0, MAX_ROOMS) : FIRST) this.#enter(name);
    this.#shown = [...this.#rooms.values()][0];
    addEventListener('hashchange', () => this.show(named()));
    const form = /** @type {HTMLFormElement} */ (place('join'));
    const box = /** @type {HTMLInputElement} */ (form.elements.namedItem('room'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.show(box.value);
      box.value = '';
    });
    place('leave').addEventListener('click', () => this.#leave());
  }

  /** Shows the room that the address names. */
  start() {
    this.#isShowing = true;
    this.show(named());
  }

  get shown() {
    return this.#shown;
  }

  /** How many messages nobody has looked at. */
  get unread() {
    return [...this.#rooms.values()].reduce((sum, { unread }) => sum + unread, 0);
  }

  /** There is a client. @param {HubClient} client */
  begun(client) {
    this.#client = client;
    for (const room of this.#rooms.values()) room.join(client);
  }

  away() {
    for (const room of this.#rooms.values()) room.away();
  }

  back() {
    for (const room of this.#rooms.values()) room.back();
  }

  /**
   * Shows a room; one that is new is joined.
   *
   * @param {string} text its name, or something like it
   */
  show(text) {
    const name = roomName(text);
    if (name === '') return;
    const room = this.#rooms.get(name) ?? this.#enter(name);
    if (room === undefined) return;
    this.#shown = room;
    for (const other of this.#rooms.values()) other.view.hidden = other !== room;
    write('room-name', room.name);
    if (named() !== name) history.replaceState(null, '', `#${name}`);
    room.seen();
  }

  /** @param {string} name */
  #enter(name) {
    if (this.#rooms.size >= MAX_ROOMS) return undefined;
    const room = new Room(name, this.#user, view(name), {
      changed: () => this.#changed(),
      heard: () => {
        this.#changed();
        this.#listener.heard();
      },
      measured: this.#listener.measured,
    });
    this.#views.append(room.view);
    this.#rooms.set(name, room);
    if (this.#client !== null) room.join(this.#client);
    this.#keep();
    return room;
  }

  #leave() {
    if (this.#rooms.size === 1) return;
    const left = this.#shown;
    this.#rooms.delete(left.name);
    left.leave();
    this.#keep();
    this.show([...this.#rooms.keys()][0]);
  }

  #keep() {
    remember('browser', 'rooms', [...this.#rooms.keys()].join(' '));
  }

  #changed() {
    if (!this.#isShowing) return;
    place('leave').hidden = this.#rooms.size === 1;
    this.#list.replaceChildren(...[...this.#rooms.values()].map((room) => this.#line(room)));
    this.#listener.changed();
  }

  /** @param {Room} room */
  #line(room) {
    const item = element('li', '');
    const link = element('a', 'room-link');
    link.href = `#${room.name}`;
    if (room === this.#shown) link.setAttribute('aria-current', 'true');
    link.append(element('span', 'room-link-name', room.name));
    if (room.unread > 0) {
      const count = element('span', 'unread', room.unread > 99 ? '99+' : String(room.unread));
      count.append(element('span', 'unseen', ' unread'));
      link.append(count);
    }
    item.append(link);
    return item;
  }
}

/** What the address names; a first room if it names none. */
function named() {
  try {
    return roomName(decodeURIComponent(location.hash.slice(1))) || FIRST[0];
  } catch {
    return FIRST[0];
  }
}

/** What may be a room's name, of what somebody wrote. @param {string} text */
function roomName(text) {
  const plain = text.normalize('NFKD').toLowerCase().trim().replaceAll(/\s+/g, '-');
  return plain.replaceAll(/[^a-z0-9._~-]/g, '').slice(0, MAX_NAME);
}

/** @param {string} name */
function view(name) {
  const template = /** @type {HTMLTemplateElement} */ (place('view'));
  const made = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  made.dataset.room = name;
  for (const where of made.querySelectorAll('.this-room')) where.textContent = name;
  return made;
}
