/** The session does what the Rust one does, step by step: both run the same recorded traces. */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { Session } from '../../src/hub/session.js';
import { application, link, output } from './json.js';

const TRACES = new URL('../../../../crates/proto/tests/traces/', import.meta.url);
const AT_LEAST = 80;

/** @typedef {{ link?: string, code?: number, hub?: unknown, tick?: {}, app?: import('./json.js').Json }} Recorded */
/** @typedef {{ now: number, random: number, input: Recorded, outputs: unknown[], deadline: number | null }} Step */
/** @typedef {{ name: string, config: import('../../src/hub/config.js').Config, steps: Step[] }} Trace */

test('every trace gives the recorded outputs and deadlines', async () => {
  const traces = await read();
  assert.ok(traces.length >= AT_LEAST, `${traces.length} traces, there should be ${AT_LEAST}`);
  for (const { name, config, steps } of traces) {
    const session = new Session(config);
    for (const [index, { now, random, input, outputs, deadline }] of steps.entries()) {
      const given = session.step(now, random, toInput(input)).map(output);
      const next = session.deadline;
      const found = { outputs: given, deadline: next === Infinity ? null : next };
      assert.deepEqual(found, { outputs, deadline }, `${name}, step ${index}: ${JSON.stringify(input)}`);
    }
  }
});

/** @returns {Promise<Trace[]>} */
async function read() {
  const names = (await readdir(TRACES)).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, TRACES), 'utf8')));
  return texts.flatMap((text) => JSON.parse(text));
}

/**
 * @param {Recorded} input
 * @returns {import('../../src/hub/input.js').Input}
 */
function toInput(input) {
  if ('hub' in input) return { type: 'received', message: JSON.stringify(input.hub) };
  if ('tick' in input) return { type: 'tick' };
  return input.app === undefined ? link(input) : application(input.app);
}
