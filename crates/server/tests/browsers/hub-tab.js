/** A tab with clients of a hub in it that write down what happens to them. */

/** How often a condition is looked at. */
const polling = 20;

/** For whatever has to come (milliseconds). */
const SOON_MS = 20_000;

/** The room that everybody is in. */
export const ROOM = 'room:den';

/**
 * What happened to a client.
 *
 * @typedef {{ type: 'up', session: string, resumed: boolean }
 *   | { type: 'down', code: number }
 *   | { type: 'ended', why: string }
 *   | { type: 'heard', data: unknown }
 *   | { type: 'gap', reason: string }
 *   | { type: 'presence', joined: string[], left: string[] }} Entry
 */

/** What became of a request. @typedef {{ ok: any } | { failure: { outcome: string, why?: string } }} Result */

export class HubTab {
  /** @param {import('puppeteer-core').Page} page */
  constructor(page) {
    this.page = page;
  }

  /**
   * A tab on a document of the server that runs nothing of its own.
   *
   * @param {import('./browser.js').Browser} browser
   * @param {import('./server.js').Server} server
   */
  static async open(browser, server) {
    const tab = new HubTab(await browser.open(`${server.url}/favicon.svg`));
    await tab.page.evaluate(load, `${server.url}/everwire/hub/index.js`);
    return tab;
  }

  /**
   * Somebody connects and is in the room.
   *
   * @param {string} user
   * @param {string} url
   * @param {import('../../../../clients/js/src/hub/options.js').Options} [options]
   */
  async enter(user, url, options = {}) {
    const person = new Person(this.page, await this.page.evaluate(enter, url, ROOM, { token: user, ...options }));
    await person.until('up');
    return person;
  }
}

/** Somebody in a tab. */
export class Person {
  #page;
  #index;

  /**
   * @param {import('puppeteer-core').Page} page
   * @param {number} index among those of the tab
   */
  constructor(page, index) {
    this.#page = page;
    this.#index = index;
  }

  /** @returns {Promise<Entry[]>} */
  async log() {
    return this.#page.evaluate((index) => /** @type {any} */ (window).people[index].log, this.#index);
  }

  /**
   * The entries of a type.
   *
   * @template {Entry['type']} T
   * @param {T} type
   */
  async all(type) {
    const entries = (await this.log()).filter((entry) => entry.type === type);
    return /** @type {Extract<Entry, { type: T }>[]} */ (entries);
  }

  /** What was heard, in order. */
  async heard() {
    return (await this.all('heard')).map(({ data }) => data);
  }

  /**
   * Until that has happened so often; the latest of them.
   *
   * @template {Entry['type']} T
   * @param {T} type
   * @param {number} [times]
   */
  async until(type, times = 1) {
    await this.#page.waitForFunction(hasEntries, { timeout: SOON_MS, polling }, this.#index, type, times);
    return (await this.all(type))[times - 1];
  }

  /**
   * Until those are the users of the room's members, with repetitions.
   *
   * @param {string[]} users in alphabetical order
   */
  async sees(users) {
    await this.#page.waitForFunction(hasMembers, { timeout: SOON_MS, polling }, this.#index, users.join());
  }

  /**
   * Publishes, and waits for what becomes of it.
   *
   * @param {unknown} data
   * @returns {Promise<Result>}
   */
  async publish(data) {
    return this.#page.evaluate(publish, this.#index, data);
  }

  /**
   * Publishes numbered texts, a few at a time, and waits until they have been asked for.
   *
   * @param {string} prefix
   * @param {number} count
   */
  async publishMany(prefix, count) {
    await this.#page.evaluate(publishMany, this.#index, prefix, count);
  }

  /**
   * What became of them all.
   *
   * @returns {Promise<{ data: string, result: Result }[]>}
   */
  async published() {
    return this.#page.evaluate((index) => Promise.all(/** @type {any} */ (window).people[index].published), this.#index);
  }

  /**
   * @param {string} method
   * @param {unknown} data
   * @returns {Promise<Result>}
   */
  async rpc(method, data) {
    return this.#page.evaluate(rpc, this.#index, method, data);
  }

  /**
   * What the hub keeps of the room.
   *
   * @returns {Promise<unknown[]>}
   */
  async history() {
    return this.#page.evaluate(history, this.#index);
  }

  /**
   * @param {string} user
   * @returns {Promise<string>}
   */
  async status(user) {
    return this.#page.evaluate(status, this.#index, user);
  }

  async leave() {
    await this.#page.evaluate((index) => /** @type {any} */ (window).people[index].hub.close(), this.#index);
  }
}

// What follows runs inside the page: each function must stand alone.

/** @param {string} module */
async function load(module) {
  Object.assign(window, { connect: (await import(module)).connect, people: [] });
}

/**
 * @param {string} url
 * @param {string} name
 * @param {object} options
 */
function enter(url, name, options) {
  const { connect, people } = /** @type {any} */ (window);
  /** @type {import('../../../../clients/js/src/hub/index.js').HubClient} */
  const hub = connect(url, options);
  const room = hub.topic(name, { from: 'earliest', presence: 'full' });
  /** @type {Entry[]} */
  const log = [];
  const users = (/** @type {readonly { user: string }[]} */ members) => members.map(({ user }) => user).sort();
  hub.addEventListener('state', ({ detail: state }) => {
    if (state.status === 'up') log.push({ type: 'up', session: state.session, resumed: state.resumed });
    if (state.status === 'down') log.push({ type: 'down', code: state.code });
    if (state.status === 'ended') log.push({ type: 'ended', why: state.end.why });
  });
  room.addEventListener('publication', ({ detail: { data } }) => log.push({ type: 'heard', data }));
  room.addEventListener('gap', ({ detail: { reason } }) => log.push({ type: 'gap', reason }));
  room.addEventListener('presence', ({ detail: { joined, left } }) => {
    log.push({ type: 'presence', joined: users(joined), left: users(left) });
  });
  room.subscribe();
  return people.push({ hub, room, log, published: [] }) - 1;
}

/**
 * @param {number} index
 * @param {string} type
 * @param {number} times
 */
function hasEntries(index, type, times) {
  const { log } = /** @type {any} */ (window).people[index];
  return log.filter((/** @type {Entry} */ entry) => entry.type === type).length >= times;
}

/**
 * @param {number} index
 * @param {string} users
 */
function hasMembers(index, users) {
  const members = [.../** @type {any} */ (window).people[index].room.members.values()];
  return String(members.map(({ user }) => user).sort()) === users;
}

/**
 * @param {number} index
 * @param {unknown} data
 */
function publish(index, data) {
  const { room } = /** @type {any} */ (window).people[index];
  return room.publish(data).then(
    (/** @type {unknown} */ ok) => ({ ok }),
    (/** @type {any} */ { failure }) => ({ failure }),
  );
}

/**
 * @param {number} index
 * @param {string} prefix
 * @param {number} count
 * @returns {Promise<void>}
 */
function publishMany(index, prefix, count) {
  const { room, published } = /** @type {any} */ (window).people[index];
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      for (let left = 3; left > 0 && count > 0; left -= 1, count -= 1) {
        // Nothing that compression makes small: cuts come after so many bytes.
        const noise = Array.from({ length: (published.length * 37) % 20 }, () => Math.random().toString(36).slice(2));
        const data = `${prefix} ${published.length + 1} ${noise.join('')}`;
        const result = room.publish(data).then(
          (/** @type {unknown} */ ok) => ({ ok }),
          (/** @type {any} */ { failure }) => ({ failure }),
        );
        published.push(result.then((/** @type {Result} */ result) => ({ data, result })));
      }
      if (count > 0) return;
      clearInterval(timer);
      resolve();
    });
  });
}

/**
 * @param {number} index
 * @param {string} method
 * @param {unknown} data
 */
function rpc(index, method, data) {
  const { hub } = /** @type {any} */ (window).people[index];
  return hub.rpc(method, data).then(
    (/** @type {unknown} */ ok) => ({ ok }),
    (/** @type {any} */ { failure }) => ({ failure }),
  );
}

/** @param {number} index */
async function history(index) {
  const { publications } = await /** @type {any} */ (window).people[index].room.history();
  return publications.map((/** @type {{ data: unknown }} */ { data }) => data);
}

/**
 * @param {number} index
 * @param {string} user
 */
async function status(index, user) {
  return (await /** @type {any} */ (window).people[index].hub.status([user])).get(user).status;
}
