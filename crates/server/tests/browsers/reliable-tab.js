/** A tab with a `ReliableWebSocket` in it that writes down what happens to it. */

/** How often a condition is looked at: a tab in the background draws no frames to wait for. */
const polling = 20;

/** For whatever has to come (milliseconds). */
export const SOON_MS = 20_000;

/**
 * An event, with what is known of it.
 *
 * @typedef {object} Entry
 * @property {string} type
 * @property {number} at milliseconds on the clock of the page
 * @property {string} [data]
 * @property {number} [code]
 * @property {string} [reason]
 * @property {boolean} [willReconnect]
 * @property {number | null} [retryIn]
 * @property {number} [first]
 * @property {number} [last]
 * @property {string} [fate]
 * @property {string} [why]
 */

/** @typedef {import('../../../../clients/js/src/index.js').ReliableWebSocket} ReliableWebSocket */

/**
 * What the tab keeps in its `window`.
 *
 * @typedef {object} Kept
 * @property {ReliableWebSocket} socket
 * @property {Entry[]} log
 * @property {string[]} taken
 * @property {string[]} heard what a native WebSocket of its own received
 */

export class ReliableTab {
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
    const tab = new ReliableTab(await browser.open(`${server.url}/favicon.svg`));
    await tab.page.bringToFront();
    await tab.page.evaluate(load, `${server.url}/everwire/index.js`);
    return tab;
  }

  /**
   * @param {string} url
   * @param {import('../../../../clients/js/src/options.js').Options} [options]
   */
  async connect(url, options = {}) {
    await this.page.evaluate(connect, url, options);
    await this.opened(1);
  }

  /** @returns {Promise<Entry[]>} */
  async log() {
    return this.page.evaluate(() => /** @type {any} */ (window).kept.log);
  }

  /** How often it has connected. */
  async opens() {
    return (await this.log()).filter(({ type }) => type === 'open').length;
  }

  /**
   * Until it has connected that often.
   *
   * @param {number} times
   * @param {number} [timeout] milliseconds
   */
  async opened(times, timeout = SOON_MS) {
    await this.page.waitForFunction(hasEntries, { timeout, polling }, 'open', times);
  }

  /**
   * Until it has lost its connection, or failed to get one, that often.
   *
   * @param {number} times
   * @param {number} [timeout] milliseconds
   */
  async lost(times, timeout = SOON_MS) {
    await this.page.waitForFunction(hasEntries, { timeout, polling }, 'close', times);
    return (await this.log()).filter(({ type }) => type === 'close')[times - 1];
  }

  /**
   * Whether a message of this tab comes back to it.
   *
   * @param {string} text
   */
  async answers(text) {
    await this.page.evaluate((text) => /** @type {any} */ (window).kept.socket.send(text), text);
    await this.page.waitForFunction(hasReceived, { timeout: SOON_MS, polling }, text);
  }

  /**
   * Sends a message and closes behind it, with 1000.
   *
   * @param {string} text
   */
  async sayGoodbye(text) {
    await this.page.evaluate((text) => {
      const { socket } = /** @type {any} */ (window).kept;
      socket.send(text);
      socket.close(1000);
    }, text);
  }

  /** What has happened so far. */
  async forget() {
    await this.page.evaluate(() => /** @type {any} */ (window).kept.log.splice(0));
  }

  /** Milliseconds on the clock of the page. */
  async now() {
    return this.page.evaluate(() => performance.now());
  }

  async readyState() {
    return this.page.evaluate(() => /** @type {any} */ (window).kept.socket.readyState);
  }

  /** All the jitter there is: every delay is as long as it can be. */
  async worstLuck() {
    await this.page.evaluate(() => {
      Math.random = () => 0.999;
    });
  }

  /** To the front, and seen. */
  async front() {
    await this.page.bringToFront();
    await this.hidden(false);
  }

  /** @param {boolean} hidden */
  async hidden(hidden) {
    await this.page.waitForFunction((hidden) => document.hidden === hidden, { timeout: SOON_MS, polling }, hidden);
  }

  /**
   * Listens with a native WebSocket, which nothing disturbs.
   *
   * @param {string} url
   */
  async overhear(url) {
    await this.page.evaluate(overhear, url);
  }

  /**
   * Until all that the server was told before has been heard.
   *
   * @param {string} mark a message of its own
   */
  async overheard(mark) {
    await this.page.evaluate((mark) => /** @type {any} */ (window).kept.ear.send(mark), mark);
    await this.page.waitForFunction(hasHeard, { timeout: SOON_MS, polling }, mark);
  }

  /**
   * Sends numbered messages, a few at a time.
   *
   * @param {number} count
   */
  async sendMany(count) {
    await this.page.evaluate(sendMany, count);
  }

  /** Until every message that was taken has a fate. */
  async settled() {
    await this.page.waitForFunction(isSettled, { timeout: SOON_MS, polling });
  }

  /** @returns {Promise<{ report: import('../../../../clients/js/test/network/judge.js').Report, heard: string[] }>} */
  async verdict() {
    const { taken, heard, log } = /** @type {Kept} */ (
      await this.page.evaluate(() => {
        const { taken, heard, log } = /** @type {any} */ (window).kept;
        return { taken, heard, log };
      })
    );
    const fates = /** @type {any} */ (log.filter(({ type }) => type === 'fate'));
    return { report: { taken, refused: [], fates }, heard };
  }
}

// What follows runs inside the page: each function must stand alone.

/** @param {string} module */
async function load(module) {
  const { ReliableWebSocket } = await import(module);
  Object.assign(window, { ReliableWebSocket, kept: { log: [], taken: [], heard: [] } });
}

/**
 * @param {string} url
 * @param {object} options
 */
function connect(url, options) {
  const { ReliableWebSocket, kept } = /** @type {any} */ (window);
  kept.socket = new ReliableWebSocket(url, [], options);
  const said = ['data', 'code', 'reason', 'willReconnect', 'retryIn', 'first', 'last', 'fate', 'why'];
  for (const type of ['open', 'message', 'close', 'fate']) {
    kept.socket.addEventListener(type, (/** @type {any} */ event) => {
      const known = said.filter((name) => event[name] !== undefined).map((name) => [name, event[name]]);
      kept.log.push({ type, at: performance.now(), ...Object.fromEntries(known) });
    });
  }
}

/**
 * @param {string} type
 * @param {number} times
 */
function hasEntries(type, times) {
  const { log } = /** @type {any} */ (window).kept;
  return log.filter((/** @type {any} */ entry) => entry.type === type).length >= times;
}

/** @param {string} text */
function hasReceived(text) {
  const { log } = /** @type {any} */ (window).kept;
  return log.some((/** @type {any} */ entry) => entry.type === 'message' && entry.data === text);
}

/** @param {string} mark */
function hasHeard(mark) {
  const { heard } = /** @type {any} */ (window).kept;
  const last = heard.at(-1) === mark;
  if (last) heard.pop();
  return last;
}

/**
 * @param {string} url
 * @returns {Promise<void>}
 */
function overhear(url) {
  return new Promise((resolve, reject) => {
    const { kept } = /** @type {any} */ (window);
    const socket = new WebSocket(url);
    kept.ear = socket;
    socket.onmessage = ({ data }) => kept.heard.push(data);
    socket.onopen = () => resolve();
    socket.onclose = ({ code }) => {
      kept.heard.push(`lost: ${code}`);
      reject(new Error(`${url} closed with ${code}`));
    };
  });
}

/**
 * @param {number} count
 * @returns {Promise<void>}
 */
function sendMany(count) {
  const { taken, socket } = /** @type {any} */ (window).kept;
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        for (let left = 3; left > 0 && count > 0; left -= 1, count -= 1) {
          // Nothing that compression makes small: cuts come after so many bytes.
          const noise = Array.from({ length: (taken.length * 37) % 50 }, () => Math.random().toString(36).slice(2));
          const text = `${taken.length + 1} ${noise.join('')}`;
          // The others have their proof with it, or when nothing was heard for a while.
          if (taken.length % 10 === 9) socket.deliver(text);
          else socket.send(text);
          taken.push(text);
        }
      } catch (error) {
        count = 0;
        reject(error);
      }
      if (count > 0) return;
      clearInterval(timer);
      resolve();
    });
  });
}

function isSettled() {
  const { log, taken } = /** @type {any} */ (window).kept;
  const last = log.findLast((/** @type {any} */ entry) => entry.type === 'fate')?.last ?? 0;
  return last === taken.length;
}
