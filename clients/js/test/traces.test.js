/** The values do what the Rust ones do, step by step: both run the same recorded traces. */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import * as outbox from '../src/outbox.js';
import * as retry from '../src/retry.js';

const TRACES = new URL('../../../crates/socket/tests/traces/', import.meta.url);
const AT_LEAST = 200;

/** @typedef {{ now: number, actions: unknown[], state: object }} Seen */
/** @typedef {Seen & { random: number, input: retry.Input }} RetryStep */
/** @typedef {Seen & { input: outbox.Input }} OutboxStep */
/**
 * @typedef {{ name: string, kind: 'retry', policy: retry.Policy, steps: RetryStep[] }
 *   | { name: string, kind: 'outbox', policy: outbox.Policy, steps: OutboxStep[] }} Trace
 */

test('every trace gives the recorded actions and states', async () => {
  const traces = await read();
  assert.ok(traces.length >= AT_LEAST, `${traces.length} traces, there should be ${AT_LEAST}`);
  for (const trace of traces) {
    if (trace.kind === 'retry') runRetry(trace);
    else runOutbox(trace);
  }
});

test('what a step gives is frozen', () => {
  const [state, actions] = retry.step(retry.POLICY, retry.idle(retry.POLICY), { type: 'start' }, 0, 0);
  assert.ok([state, actions, actions[0]].every(Object.isFrozen));
  const up = outbox.step(outbox.POLICY, outbox.EMPTY, { type: 'up' }, 0)[0];
  const [after, wrote] = outbox.step(outbox.POLICY, up, { type: 'push', size: 1 }, 0);
  assert.ok([up, after, after.queue, wrote, wrote[0]].every(Object.isFrozen));
});

/** @returns {Promise<Trace[]>} */
async function read() {
  const names = (await readdir(TRACES)).filter((name) => name.endsWith('.json'));
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, TRACES), 'utf8')));
  return texts.flatMap((text) => JSON.parse(text));
}

/** @param {Extract<Trace, { kind: 'retry' }>} trace */
function runRetry({ name, policy, steps }) {
  let state = retry.idle(policy);
  for (const [index, { now, random, input, ...expected }] of steps.entries()) {
    const [next, actions] = retry.step(policy, state, input, now, random);
    assert.deepEqual({ actions, state: next }, expected, `${name}, step ${index}: ${input.type}`);
    state = next;
  }
}

/** @param {Extract<Trace, { kind: 'outbox' }>} trace */
function runOutbox({ name, policy, steps }) {
  let state = outbox.EMPTY;
  for (const [index, { now, input, ...expected }] of steps.entries()) {
    const [next, actions] = outbox.step(policy, state, input, now);
    assert.deepEqual({ actions, state: next }, expected, `${name}, step ${index}: ${input.type}`);
    state = next;
  }
}
