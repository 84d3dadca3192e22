/** The installed browsers, headless, each with a profile that goes away. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import puppeteer from 'puppeteer-core';

const run = promisify(execFile);

/** @typedef {'chromium' | 'firefox'} Name */
/** @type {Name[]} */
export const BROWSERS = ['chromium', 'firefox'];

/** Debian's paths; CHROMIUM_BIN and FIREFOX_BIN name others. */
const PATHS = {
  chromium: [process.env.CHROMIUM_BIN, '/usr/bin/chromium'],
  firefox: [process.env.FIREFOX_BIN, '/usr/bin/firefox-esr', '/usr/bin/firefox'],
};

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export class Browser {
  #profile;

  /**
   * @param {import('puppeteer-core').Browser} browser
   * @param {string} profile
   */
  constructor(browser, profile) {
    this.browser = browser;
    this.#profile = profile;
  }

  /**
   * @param {Name} name
   * @param {import('./server.js').Certificates} [tls] whose authority the browser shall trust
   */
  static async launch(name, tls) {
    const profile = await mkdtemp(join(tmpdir(), `everwire-${name}-`));
    try {
      const start = name === 'chromium' ? chromium : firefox;
      return new Browser(await start(profile, tls), profile);
    } catch (error) {
      await rm(profile, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * A tab at the address.
   *
   * @param {string} url
   * @param {(page: import('puppeteer-core').Page) => unknown} [before] called before it loads
   */
  async open(url, before) {
    const page = await this.browser.newPage();
    await before?.(page);
    await page.goto(url);
    return page;
  }

  async close() {
    await this.browser.close();
    // The browser's last writes may land while its profile is being removed.
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/**
 * @param {string} profile
 * @param {import('./server.js').Certificates} [tls]
 */
function chromium(profile, tls) {
  return puppeteer.launch({
    executablePath: find('chromium'),
    headless: true,
    userDataDir: profile,
    args: tls ? [...CHROMIUM_FLAGS, '--ignore-certificate-errors'] : CHROMIUM_FLAGS,
  });
}

/**
 * Firefox trusts the authority as a person would make it: by import into the profile.
 *
 * @param {string} profile
 * @param {import('./server.js').Certificates} [tls]
 */
async function firefox(profile, tls) {
  if (tls) {
    const store = ['-d', `sql:${profile}`];
    await run('certutil', ['-N', ...store, '--empty-password']);
    await run('certutil', ['-A', ...store, '-n', 'everwire', '-t', 'C,,', '-i', tls.authority]);
  }
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: find('firefox'),
    headless: true,
    userDataDir: profile,
    extraPrefsFirefox: {
      // The test is whether the authority is trusted, not whether a person clicks.
      'security.enterprise_roots.enabled': false,
    },
  });
}

/** @param {Name} name */
function find(name) {
  const path = PATHS[name].find((candidate) => candidate && existsSync(candidate));
  if (!path) throw new Error(`${name} is not installed: looked at ${PATHS[name].join(', ')}`);
  return path;
}
