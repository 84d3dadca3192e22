/** `everwire bench jitter`: a hub, a hundred clients in Rust, and ways to the hub that fail, for ours. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Where the binary is. There is no default: an old build must not be used by accident. */
function binary() {
  const path = process.env.EVERWIRE_BIN;
  if (!path) throw new Error('EVERWIRE_BIN must name the everwire binary');
  return path;
}

/**
 * @typedef {object} Ways
 * @property {string} topic
 * @property {number} messages how many are published
 * @property {string} run whose they are
 * @property {string[]} urls of the hub, each by a way of its own
 */

export class Command {
  #process;
  #lines;

  /** @param {string[]} flags */
  constructor(flags) {
    this.#process = spawn(binary(), ['bench', 'jitter', '--json', ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** @returns {Promise<Ways>} */
  async ways() {
    return this.#line('ways');
  }

  /** Everybody is ready: messages are published from now on, and connections cut. */
  async begin() {
    this.#process.stdin.write('\n');
    await this.#line('measuring');
  }

  /** What its own clients found. @returns {Promise<Record<string, unknown>>} */
  async found() {
    return this.#line('done');
  }

  /** Nobody needs the hub any more. @returns {Promise<number | null>} its exit code */
  async end() {
    const { exitCode, stdin } = this.#process;
    if (exitCode !== null) return exitCode;
    const exit = once(this.#process, 'exit');
    stdin.end();
    return (await exit)[0];
  }

  kill() {
    this.#process.kill('SIGKILL');
  }

  /** @param {string} event */
  async #line(event) {
    const { done, value } = await this.#lines.next();
    const line = done ? null : JSON.parse(value);
    if (line?.event !== event) throw new Error(`expected "${event}", got ${JSON.stringify(value)}`);
    return line;
  }
}
