/** The page in a tab, and a person in front of it. */

/** How often a condition is looked at: a tab in the background draws no frames to wait for. */
const polling = 100;
/** For anything that needs no reconnect (milliseconds). */
export const SOON = { timeout: 20_000, polling };
/** The longest wait between two attempts, and the attempt (milliseconds). */
export const BACK = { timeout: 40_000, polling };

/** @typedef {import('puppeteer-core').Page} Page */

/** What a person does in a tab, and what the browser complains about meanwhile. */
export class Tab {
  /** @type {string[]} */
  complaints = [];

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (['error', 'warn'].includes(message.type())) this.complaints.push(message.text());
    });
  }

  /**
   * A tab that shows the address, and is connected.
   *
   * @param {import('./browser.js').Browser} browser
   * @param {string} url
   * @param {{ width: number, height: number }} viewport
   */
  static async open(browser, url, viewport) {
    return Tab.at(await browser.browser.newPage(), url, viewport);
  }

  /**
   * The same in a page that is there.
   *
   * @param {Page} page
   * @param {string} url
   * @param {{ width: number, height: number }} viewport
   */
  static async at(page, url, viewport) {
    const tab = new Tab(page);
    await page.setViewport(viewport);
    await page.goto(url);
    await tab.is('open');
    return tab;
  }

  /**
   * @param {string} state
   * @param {{ timeout: number }} [within]
   */
  async is(state, within = SOON) {
    await this.page.waitForSelector(`body[data-link="${state}"]`, within);
  }

  /** @param {string} text */
  async say(text) {
    await this.page.bringToFront();
    await this.page.$eval('#text', (box, value) => {
      /** @type {HTMLTextAreaElement} */ (box).value = value;
      box.dispatchEvent(new Event('input'));
    }, text);
    await this.send();
  }

  async send() {
    await this.page.bringToFront();
    await this.page.focus('#text');
    await this.page.keyboard.press('Enter');
  }

  /** @param {string} selector */
  async click(selector) {
    // A tab in the background takes no clicks.
    await this.page.bringToFront();
    await this.page.click(selector);
  }

  async draft() {
    return this.page.$eval('#text', (box) => /** @type {HTMLTextAreaElement} */ (box).value);
  }

  /** How many messages have this text. @param {string} text */
  async count(text) {
    const texts = await this.page.$$eval('.message .text', (places) => places.map((place) => place.textContent));
    return texts.filter((found) => found === text).length;
  }

  /** What is said in a room, notes as well, in order. @param {string} room */
  async transcript(room) {
    const lines = `[data-room="${room}"] .message .text, [data-room="${room}"] .note span`;
    return this.page.$$eval(lines, (places) => places.map((place) => place.textContent ?? ''));
  }

  /** @param {string} selector */
  async text(selector) {
    return this.page.$eval(selector, (element) => element.textContent ?? '');
  }

  /**
   * @param {string} text
   * @param {string} [kind] a selector its entry must match
   */
  async shows(text, kind = '') {
    await this.page.waitForFunction(isShown, SOON, text, `.message${kind}`);
  }
}

// What follows runs inside the page: each function must stand alone.

/**
 * @param {string} text
 * @param {string} selector
 */
function isShown(text, selector) {
  const texts = document.querySelectorAll(`${selector} .text`);
  return Array.from(texts).some((place) => place.textContent?.includes(text));
}
