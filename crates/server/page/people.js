/** Who is in a room, as it stands on the page. */

import { element, face } from './element.js';
import { clock } from './format.js';
import { place, write } from './place.js';

/** @typedef {import('/everwire/hub/values.js').Member} Member */

/** How many faces are shown above a conversation. */
const MAX_FACES = 5;
/** How many people are listed; more are counted. */
const MAX_LISTED = 100;

/**
 * A person, who may be there in several places at once.
 *
 * @typedef {{ readonly user: string, readonly name: string, readonly since: number, readonly places: number }} Person
 */

export class People {
  #user;
  #list = place('people');
  #faces = place('faces');

  /** @param {string} user who this is */
  constructor(user) {
    this.#user = user;
  }

  /** @param {readonly Member[]} members */
  show(members) {
    const people = this.#people(members);
    write('here', people.length === 1 ? '1 here' : `${people.length} here`);
    this.#faces.replaceChildren(...people.slice(0, MAX_FACES).map(({ name }) => face(name)));
    this.#list.replaceChildren(...people.slice(0, MAX_LISTED).map((person) => this.#line(person)));
    const more = people.length - MAX_LISTED;
    if (more > 0) this.#list.append(element('li', 'more', `and ${more.toLocaleString()} more`));
  }

  /**
   * Oneself first, then whoever has been there the longest.
   *
   * @param {readonly Member[]} members
   * @returns {Person[]}
   */
  #people(members) {
    /** @type {Map<string, Person>} */
    const people = new Map();
    for (const { user, since, info } of members) {
      const known = people.get(user);
      const name = called(info) ?? known?.name ?? user;
      people.set(user, {
        user,
        name,
        since: Math.min(since, known?.since ?? Infinity),
        places: (known?.places ?? 0) + 1,
      });
    }
    const rank = (/** @type {Person} */ { user, since }) => (user === this.#user ? 0 : since);
    return [...people.values()].sort((a, b) => rank(a) - rank(b));
  }

  /** @param {Person} person */
  #line({ user, name, since, places }) {
    const item = element('li', 'person');
    const words = element('span', 'person-name');
    words.append(element('bdi', '', name), user === this.#user ? ' (you)' : '');
    const where = places === 1 ? `since ${clock(new Date(since))}` : `in ${places} places`;
    item.append(face(name), words, element('span', 'person-since', where));
    return item;
  }
}

/** What somebody is called, if it is said. @param {unknown} info */
function called(info) {
  const { name } = /** @type {{ name?: unknown }} */ (info ?? {});
  return typeof name === 'string' && name.trim() !== '' ? name : undefined;
}
