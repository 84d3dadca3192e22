/** What goes to npm, and what stays at home. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const run = promisify(execFile);
const HOME = join(import.meta.dirname, '..');
/** npm starts slowly on a loaded machine (milliseconds). */
const TIMEOUT_MS = 120_000;

/** @param {string[]} options */
async function pack(...options) {
  const args = ['pack', '--json', '--silent', ...options];
  const { stdout } = await run('npm', args, { cwd: HOME, timeout: TIMEOUT_MS });
  const [{ filename, files }] = JSON.parse(stdout);
  /** @type {string[]} */
  const paths = files.map((/** @type {{ path: string }} */ { path }) => path);
  return { filename, paths: paths.sort() };
}

test('the package has the sources, their declarations and the README, and nothing else', async () => {
  const { paths } = await pack('--dry-run');
  const files = (await readdir(join(HOME, 'src'), { recursive: true })).filter((name) => name.endsWith('.js'));
  const names = files.map((name) => name.replace(/\.js$/, ''));
  const expected = names.flatMap((name) => [`src/${name}.js`, `types/${name}.d.ts`]);
  assert.deepEqual(paths, [...expected, 'README.md', 'package.json'].sort());
});

test('a TypeScript program that is strict finds its types in it', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'everwire-types-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  const { filename } = await pack('--pack-destination', directory);
  const installed = join(directory, 'node_modules/everwire');
  await run('mkdir', ['-p', installed]);
  await run('tar', ['-xzf', join(directory, filename), '-C', installed, '--strip-components=1']);
  await writeFile(join(directory, 'program.mts'), PROGRAM);
  const tsc = join(HOME, 'node_modules/.bin/tsc');
  const flags = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom'];
  await run(tsc, [...flags, '--types', '', 'program.mts'], { cwd: directory, timeout: TIMEOUT_MS });
});

test('what a page loads is small', async () => {
  const hub = "export * from './hub/index.js'";
  const socket = "export * from './index.js'";
  for (const [program, most] of /** @type {const} */ ([[socket, 7_150], [hub, 12_600], [`${socket}; ${hub}`, 16_400]])) {
    const bytes = await weigh(program);
    assert.ok(bytes <= most, `${program}: ${bytes} bytes, at most ${most}`);
    assert.ok(bytes > most - 300, `${program}: ${bytes} bytes, the bound can be lower and the README say so`);
  }
});

test('the lock file names no machine', async () => {
  const lock = await readFile(join(HOME, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"|:\/\//);
});

/**
 * Bytes of a program that was bundled and minified, as build tools do, and compressed.
 *
 * @param {string} program
 */
async function weigh(program) {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: join(HOME, 'src') },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const PROGRAM = `
import { ReliableWebSocket, classify } from 'everwire';
import type { Ending, Fate, Options, Verdict } from 'everwire';
import { HubError, connect } from 'everwire/hub';
import type { HubClient, Topic } from 'everwire/hub';

const options: Options = {
  heartbeat: { interval: 10_000 },
  maxEnqueuedMessages: 100,
  classify: (ending: Ending): Verdict => (ending.code === 4001 ? 'fatal' : classify(ending)),
};
const socket = new ReliableWebSocket(async () => 'wss://127.0.0.1/', ['chat'], options);
const dropIn: Pick<WebSocket, 'url' | 'protocol' | 'extensions' | 'readyState' | 'bufferedAmount' | 'binaryType'
  | 'send' | 'close' | 'dispatchEvent'> = socket;
socket.onclose = ({ code, willReconnect, retryIn }) => console.log(code, willReconnect, retryIn ?? 0);
socket.addEventListener('message', ({ data }) => console.log(data));
socket.addEventListener('fate', ({ fate, first, last }) => console.log(fate, last - first));
const fate: Fate = await socket.deliver(new Uint8Array(3));
if (fate.fate === 'notSent') console.log(fate.why);
// @ts-expect-error: there is no such event
socket.onmassage = () => {};
dropIn.close(1000);

const hub: HubClient = connect('wss://127.0.0.1/', { token: async () => 't', maxWaiting: 10, maxRetries: 3 });
hub.addEventListener('state', ({ detail }) => {
  if (detail.status === 'up') console.log(detail.session);
  if (detail.status === 'ended' && detail.end.why === 'bye') console.log(detail.end.bye.reason);
});
const chat: Topic = hub.topic('chat:42', { from: { last: 50 }, presence: 'full' });
chat.addEventListener('gap', ({ detail }) => console.log(detail.reason, detail.to?.offset ?? 0));
chat.addEventListener('presence', ({ detail }) => console.log(detail.joined.length - detail.left.length));
// @ts-expect-error: there is no such event
chat.addEventListener('publikation', () => {});
for await (const publication of chat) if (publication.kind === 'stored') chat.acknowledge(publication.offset);
const { offset, epoch } = await chat.publish({ text: 'hi' }, { echo: false });
console.log(offset ?? 0, epoch ?? '', await hub.rpc('like', 7));
await chat.publish(1).catch((error: unknown) => {
  if (error instanceof HubError && error.failure.outcome === 'refused') console.log(error.failure.error.code);
});
`;
