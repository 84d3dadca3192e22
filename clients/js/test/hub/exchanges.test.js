/**
 * The golden exchanges of crates/proto/vectors, run by the session: what the hub says is told to it, and
 * what it says and tells has to be what is written.
 */

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { LIMITS } from '../../src/hub/config.js';
import { Session } from '../../src/hub/session.js';
import { application, link, output } from './json.js';

const EXCHANGES = new URL('../../../../crates/proto/vectors/exchanges/', import.meta.url);
const AT_LEAST = 45;
/** The largest wait of those that are drawn. */
const RANDOM = 0.999_999;

/** @typedef {import('./json.js').Json} Json */
/**
 * @typedef {Json & { lost?: true, after?: number, hub?: unknown, app?: Json, code?: number }} Step
 * @typedef {{ runs: string[], client?: { client?: string, token?: string }, values: Json, steps: Step[] }} Exchange
 */

test('the session does its part of every exchange', async () => {
  const names = (await readdir(EXCHANGES)).filter((name) => name.endsWith('.json'));
  let run = 0;
  for (const name of names) {
    /** @type {Exchange} */
    const exchange = JSON.parse(await readFile(new URL(name, EXCHANGES), 'utf8'));
    if (!exchange.runs.includes('client')) continue;
    new Run(name, exchange).steps();
    run += 1;
  }
  assert.ok(run >= AT_LEAST, `only ${run} are for clients`);
});

class Run {
  #now = 1_000;
  /** What the session put out and no step has asked for. @type {unknown[]} */
  #out = [];

  /**
   * @param {string} name
   * @param {Exchange} exchange
   */
  constructor(name, exchange) {
    this.name = name;
    this.exchange = exchange;
    this.session = new Session({ ...LIMITS, firstKey: 1, client: exchange.client?.client ?? null });
  }

  steps() {
    for (const [index, step] of this.exchange.steps.entries()) {
      this.#take(/** @type {Step} */ (filled(step, this.exchange.values)), `${this.name}, step ${index + 1}`);
    }
    assert.deepEqual(this.#out, [], `${this.name}: behind the last step`);
  }

  /**
   * @param {Step} step
   * @param {string} at
   */
  #take({ lost, ...step }, at) {
    if ('client' in step || 'closes' in step || 'sees' in step) {
      assert.deepEqual(this.#out.shift(), step, at);
      return;
    }
    if ('world' in step || (lost && 'hub' in step)) return;
    assert.deepEqual(this.#out, [], `${at}: before ${JSON.stringify(step)}`);
    if (step.after !== undefined) this.#pass(step.after);
    else this.#step(this.#input(step));
  }

  /**
   * @param {Step} step
   * @returns {import('../../src/hub/input.js').Input}
   */
  #input(step) {
    if ('hub' in step) return { type: 'received', message: JSON.stringify(step.hub) };
    return step.app === undefined ? link(step, this.exchange.client?.token) : application(step.app);
  }

  /**
   * Time passes, and what is due in it happens when it is due.
   *
   * @param {number} span
   */
  #pass(span) {
    const end = this.#now + span;
    for (let deadline; (deadline = this.session.deadline) <= end; ) {
      assert.ok(deadline >= this.#now, `${this.name}: a deadline in the past`);
      this.#now = deadline;
      this.#step({ type: 'tick' });
      assert.notEqual(this.session.deadline, deadline, this.name);
    }
    this.#now = end;
  }

  /** @param {import('../../src/hub/input.js').Input} input */
  #step(input) {
    this.#out.push(...this.session.step(this.#now, RANDOM, input).map(output));
  }
}

/**
 * The step with values in the place of their names.
 *
 * @param {unknown} step
 * @param {Json} values
 * @returns {unknown}
 */
function filled(step, values) {
  if (typeof step === 'string') return step.startsWith('$') ? values[step.slice(1)] : step;
  if (typeof step !== 'object' || step === null) return step;
  if (Array.isArray(step)) return step.map((item) => filled(item, values));
  return Object.fromEntries(Object.entries(step).map(([name, value]) => [name, filled(value, values)]));
}
