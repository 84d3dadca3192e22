/** The session does what the Rust one does, step by step: both run the same recorded traces. */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Session } from '../../src/hub/session.js';
import { application, link, output } from './json.js';

/** Those that are checked in, or those that a simulation has just recorded. */
const TRACES = process.env.EVERWIRE_TRACES
  ? pathToFileURL(`${process.env.EVERWIRE_TRACES}/`)
  : new URL('../../../../crates/proto/tests/traces/', import.meta.url);
const AT_LEAST = 80;

/** @typedef {{ link?: string, code?: number, hub?: unknown, tick?: {}, app?: import('./json.js').Json }} Recorded */
/** @typedef {{ now: number, random: number, input: Recorded, outputs: unknown[], deadline: number | null }} Step */
/** @typedef {{ name: string, token?: string, config: import('../../src/hub/config.js').Config, steps: Step[] }} Trace */

test('every trace gives the recorded outputs and deadlines', async () => {
  let count = 0;
  for await (const { name, token, config, steps } of read()) {
    count += 1;
    const session = new Session(config);
    for (const [index, { now, random, input, outputs, deadline }] of steps.entries()) {
      const given = session.step(now, random, toInput(input, token)).map(output);
      const next = session.deadline;
      const found = { outputs: given, deadline: next === Infinity ? null : next };
      assert.deepEqual(found, { outputs, deadline }, `${name}, step ${index}: ${JSON.stringify(input)}`);
    }
  }
  assert.ok(count >= AT_LEAST, `${count} traces, there should be ${AT_LEAST}`);
});

/**
 * One file after the other: a simulation records many.
 *
 * @returns {AsyncGenerator<Trace>}
 */
async function* read() {
  for (const name of await readdir(TRACES)) {
    if (name.endsWith('.json')) yield* JSON.parse(await readFile(new URL(name, TRACES), 'utf8'));
  }
}

/**
 * @param {Recorded} input
 * @param {string} [token]
 * @returns {import('../../src/hub/input.js').Input}
 */
function toInput(input, token) {
  if ('hub' in input) return { type: 'received', message: JSON.stringify(input.hub) };
  if ('tick' in input) return { type: 'tick' };
  return input.app === undefined ? link(input, token) : application(input.app);
}
