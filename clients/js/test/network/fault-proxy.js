/** A network that fails on command: the program `fault-proxy` of crates/testkit. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** It has answered after this time, or it hangs (milliseconds). */
const ANSWER_WITHIN_MS = 10_000;

/** Where the binary is. There is no default: an old build must not be used by accident. */
function binary() {
  const path = process.env.EVERWIRE_FAULT_PROXY;
  if (!path) throw new Error('EVERWIRE_FAULT_PROXY must name the fault-proxy binary');
  return path;
}

/**
 * @typedef {object} Stats
 * @property {number} accepted connections, ever
 * @property {number} open connections now
 * @property {number} to_server bytes
 * @property {number} to_client bytes
 */

/** Its orders concern all open connections; what each does is in crates/fault. */
export class FaultProxy {
  #process;
  #answers;
  /** One order after the other, each with its answer. @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @param {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} child
   */
  constructor(child) {
    this.#process = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.port = 0;
  }

  /** @param {number} port of the server on 127.0.0.1 */
  static async start(port) {
    const args = ['--to', `127.0.0.1:${port}`];
    const proxy = new FaultProxy(spawn(binary(), args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    const line = await proxy.#answer();
    const found = /^listening on 127\.0\.0\.1:(\d+)$/.exec(line);
    if (!found) throw new Error(`expected "listening on ADDR:PORT", got ${JSON.stringify(line)}`);
    proxy.port = Number(found[1]);
    return proxy;
  }

  /** A FIN on both sides. */
  async cut() {
    await this.#say('cut');
  }

  /** A RST on both sides. */
  async reset() {
    await this.#say('reset');
  }

  /** Silence: the sockets stay open, and nothing passes. */
  async stall() {
    await this.#say('stall');
  }

  /** What was stalled passes. */
  async resume() {
    await this.#say('resume');
  }

  /** @param {number} ms for which connections are refused; the open ones stay */
  async refuse(ms) {
    await this.#say(`refuse ${ms}`);
  }

  /** @param {number} ms for which all that was read at once is held */
  async delay(ms) {
    await this.#say(`delay ${ms}`);
  }

  /**
   * Cut in the middle of whatever that byte belongs to.
   *
   * @param {'server' | 'client'} toward
   * @param {number} bytes
   */
  async cutAfter(toward, bytes) {
    await this.#say(`cut-after ${toward} ${bytes}`);
  }

  /** @returns {Promise<Stats>} */
  async stats() {
    return JSON.parse(await this.#say('stats'));
  }

  /** Everything is closed, as when a process dies. */
  async stop() {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.stdin.end();
    const last = setTimeout(() => child.kill('SIGKILL'), ANSWER_WITHIN_MS);
    await exit;
    clearTimeout(last);
  }

  /** @param {string} line */
  async #say(line) {
    const said = this.#last.then(async () => {
      this.#process.stdin.write(`${line}\n`);
      const answer = await this.#answer();
      if (answer.startsWith('error: ')) throw new Error(`fault-proxy: ${answer}`);
      return answer;
    });
    this.#last = said.catch(() => {});
    return said;
  }

  /** @returns {Promise<string>} */
  async #answer() {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    /** @type {Promise<never>} */
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('fault-proxy does not answer')), ANSWER_WITHIN_MS);
    });
    try {
      const { done, value } = await Promise.race([this.#answers.next(), late]);
      if (done) throw new Error('fault-proxy has ended');
      return value;
    } finally {
      clearTimeout(timer);
    }
  }
}
