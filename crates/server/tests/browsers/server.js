/** The real server, as a process of its own, and the certificates for it. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The server has printed its line after this time, or it is not coming (milliseconds). */
const START_WITHIN_MS = 15_000;
/** SIGTERM has ended the server after this time, or it hangs (milliseconds). */
const STOP_WITHIN_MS = 15_000;

/** Where the binary is. There is no default: an old build must not be tested by accident. */
function binary() {
  const path = process.env.EVERWIRE_BIN;
  if (!path) throw new Error('EVERWIRE_BIN must name the everwire binary to test');
  return path;
}

export class Server {
  #process;

  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {string} url what it printed: `http://ADDR:PORT` or `https://ADDR:PORT`
   */
  constructor(child, url) {
    this.#process = child;
    this.url = url;
    this.port = Number(new URL(url).port);
  }

  /**
   * @param {{ port?: number, tls?: Certificates, args?: string[] }} [options] without a port the
   *   system chooses one
   */
  static async start({ port = 0, tls, args = [] } = {}) {
    const chosen = port || (await freePort());
    const all = ['serve', '--listen', `127.0.0.1:${chosen}`, ...args];
    if (tls) all.push('--tls-cert', tls.leaf, '--tls-key', tls.key);
    const child = spawn(binary(), all, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    try {
      const signal = AbortSignal.timeout(START_WITHIN_MS);
      const [line] = await Promise.race([once(lines, 'line', { signal }), ended(child, signal)]);
      const found = /^listening on (https?:\/\/\S+)$/.exec(line);
      if (!found) throw new Error(`expected "listening on URL", got ${JSON.stringify(line)}`);
      return new Server(child, found[1]);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** @param {string} path */
  socket(path) {
    return this.url.replace(/^http/, 'ws') + path;
  }

  /** Stop the process where it stands: its sockets stay open and say nothing. */
  pause() {
    this.#process.kill('SIGSTOP');
  }

  resume() {
    this.#process.kill('SIGCONT');
  }

  /** No warning, no closing handshake. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** @returns {Promise<number | null>} the exit status; null when it had to be killed */
  async terminate() {
    return this.#end('SIGTERM');
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exit = once(child, 'exit');
    child.kill(signal);
    const last = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    const [status] = await exit;
    clearTimeout(last);
    return status;
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {AbortSignal} signal
 * @returns {Promise<never>}
 */
async function ended(child, signal) {
  const [status] = await once(child, 'exit', { signal });
  throw new Error(`the server ended with ${status} before it listened`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** A private authority and a certificate of its own for 127.0.0.1, in a directory that goes away. */
export class Certificates {
  /** @param {string} directory */
  constructor(directory) {
    this.directory = directory;
    this.authority = join(directory, 'ca.pem');
    this.leaf = join(directory, 'leaf.pem');
    this.key = join(directory, 'leaf.key');
  }

  static async make() {
    const made = new Certificates(await mkdtemp(join(tmpdir(), 'everwire-tls-')));
    const at = (/** @type {string} */ name) => join(made.directory, name);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const authority = ['-subj', '/CN=everwire test authority', '-days', '2', '-addext'];
    const sign = ['-CA', made.authority, '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
    await writeFile(at('leaf.ext'), LEAF);
    await run('openssl', ['req', '-x509', ...key, '-keyout', at('ca.key'), '-out', made.authority,
      ...authority, 'keyUsage=critical,keyCertSign,cRLSign']);
    await run('openssl', ['req', ...key, '-keyout', made.key, '-out', at('leaf.csr'), '-subj',
      '/CN=127.0.0.1']);
    await run('openssl', ['x509', '-req', '-in', at('leaf.csr'), ...sign, '-extfile',
      at('leaf.ext'), '-out', made.leaf]);
    return made;
  }

  async remove() {
    await rm(this.directory, { recursive: true, force: true });
  }
}

const LEAF = `basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,DNS:localhost
`;
