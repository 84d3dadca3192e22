/** What the recorded traces do not come to. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/hub/config.js';
import { Epochs } from '../../src/hub/epochs.js';
import { fromBase64, payload } from '../../src/hub/payload.js';
import { Session } from '../../src/hub/session.js';
import { Subscription } from '../../src/hub/subscription.js';
import { output } from './json.js';

/** @typedef {import('../../src/hub/input.js').Input} Input */

/** @param {Partial<import('../../src/hub/config.js').Config>} [config] */
function start(config) {
  const session = new Session({ ...LIMITS, firstKey: 1, client: 'c-1', ...config });
  let now = 1_000;
  return {
    session,
    /** @param {Input} input */
    step: (input) => session.step((now += 1), 0, input).map(output),
    /** @param {object} message */
    hub(message) {
      return this.step({ type: 'received', message: JSON.stringify(message) });
    },
    /** @param {number} id @param {object} [more] */
    connect(id, more) {
      this.step({ type: 'opened' });
      const heartbeat = { interval: 25_000, timeout: 10_000 };
      const limits = { max_message: 100, max_subscriptions: 9, max_unanswered: 9 };
      return this.hub({ id, ok: { session: `s-${id}`, key: 'k', got: 0, heartbeat, limits, ...more } });
    },
  };
}

/**
 * @param {number} offset
 * @param {number} tag
 */
const at = (offset, tag) => ({ epoch: 'e', offset, tag });

test('how far the application has acknowledged is told again to a new session', () => {
  const client = start();
  client.connect(1);
  client.step({ type: 'request', ticket: 1, request: { type: 'subscribe', topic: 'a', options: {} } });
  client.hub({ id: 2, ok: { position: at(3, 30), head: at(3, 30) } });
  const ack = { client: { ack: { topic: 'a', offset: 3 } } };
  assert.deepEqual(client.step({ type: 'ack', topic: 'a', offset: 3 }), [ack]);
  client.step({ type: 'lost', code: null });
  const subscriptions = { a: { ok: { position: at(3, 30), recovered: true, head: at(3, 30) } } };
  assert.deepEqual(client.connect(3, { subscriptions }).at(-1), ack);
});

test('what was unsubscribed while `connect` was on its way is left afterwards, in order', () => {
  const client = start();
  const topics = ['b', 'c', 'a'];
  for (const topic of topics) client.step({ type: 'request', ticket: 1, request: { type: 'subscribe', topic, options: {} } });
  client.step({ type: 'opened' });
  for (const topic of topics) client.step({ type: 'request', ticket: 2, request: { type: 'unsubscribe', topic } });
  const named = { ok: { position: at(0, 0), head: at(0, 0) } };
  const denied = { error: { code: 'denied' } };
  const limits = { max_message: 100, max_subscriptions: 9, max_unanswered: 9 };
  const heartbeat = { interval: 1, timeout: 1 };
  const ok = { session: 's', key: 'k', got: 0, heartbeat, limits, subscriptions: { c: named, b: denied, a: named } };
  assert.deepEqual(client.hub({ id: 1, ok }).slice(1), [
    { client: { id: 2, unsubscribe: { topic: 'a' } } },
    { client: { id: 3, unsubscribe: { topic: 'c' } } },
  ]);
});

test('a message that is not text is none of this language', () => {
  const client = start();
  client.connect(1);
  assert.deepEqual(client.step({ type: 'received', message: new ArrayBuffer(1) }), [
    { closes: { code: 4500, then: 'stop' } },
    { sees: { ended: { why: 'notUnderstood' } } },
  ]);
  assert.equal(client.session.deadline, Infinity);
});

test('as many subscriptions as may be, and no more', () => {
  const client = start({ maxSubscriptions: 1 });
  client.step({ type: 'request', ticket: 1, request: { type: 'subscribe', topic: 'a', options: {} } });
  const full = { sees: { settled: { ticket: 2, outcome: 'notSent', why: 'full' } } };
  assert.deepEqual(client.step({ type: 'request', ticket: 2, request: { type: 'subscribe', topic: 'b', options: {} } }), [full]);
  client.connect(1);
  const closes = { closes: { code: 4500, then: 'stop' } };
  assert.deepEqual(client.hub({ subscribed: { topic: 'c', live: true } })[0], closes);
});

test('a repetition is one whose tag was seen, and all else is a hole', () => {
  const subscription = new Subscription('t', false, {}, null);
  subscription.moveTo(at(4, 40));
  const next = { offset: 5, tag: 50, prev: 40 };
  assert.equal(subscription.advance(next), 'next');
  assert.equal(subscription.advance(next), 'repetition');
  assert.equal(subscription.advance({ offset: 4, tag: 40, prev: 39 }), 'repetition');
  assert.equal(subscription.advance({ offset: 5, tag: 51, prev: 40 }), 'hole');
  assert.equal(subscription.advance({ offset: 3, tag: 39, prev: 0 }), 'hole');
  assert.equal(subscription.advance({ offset: 6, tag: 60, prev: 51 }), 'hole');
  assert.equal(subscription.advance({ offset: 7, tag: 50, prev: 50 }), 'hole');
  subscription.moveTo(at(5, 50));
  assert.equal(subscription.advance({ offset: 4, tag: 40, prev: 39 }), 'repetition', 'it has not moved');
  for (let offset = 6; offset < 40; offset += 1) subscription.advance({ offset, tag: offset * 10, prev: offset * 10 - 10 });
  assert.equal(subscription.advance({ offset: 8, tag: 80, prev: 70 }), 'repetition');
  assert.equal(subscription.advance({ offset: 7, tag: 70, prev: 60 }), 'hole', '32 are remembered');
});

test('the newest epoch counts and the oldest topic is forgotten', () => {
  const epochs = new Epochs();
  epochs.learn('0', 'a');
  epochs.learn('0', 'b');
  assert.equal(epochs.get('0'), 'b');
  for (let topic = 1; topic <= 64; topic += 1) epochs.learn(String(topic), 'c');
  assert.equal(epochs.get('0'), undefined);
  assert.equal(epochs.get('1'), 'c');
});

test('a payload is what it was when it was given, and weighs its bytes', () => {
  const value = { a: ['ü"\\', 1] };
  const given = payload(value);
  value.a.push('more');
  assert.deepEqual(given, { field: 'data', text: '{"a":["ü\\"\\\\",1]}', size: 18 });
  assert.deepEqual(payload(new Uint8Array([0, 255])), { field: 'b64', text: '"AP8="', size: 2 });
  assert.deepEqual(payload(new Uint16Array([1, 2]).subarray(1)).size, 2);
  assert.throws(() => payload(undefined), TypeError);
  assert.throws(() => payload(1n), TypeError);
});

test('a payload is nested a hundred deep and no deeper', () => {
  const nested = (/** @type {number} */ depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
  assert.equal(payload(nested(100)).size, 200);
  assert.throws(() => payload(nested(101)), TypeError);
  assert.equal(payload(`"\\${'['.repeat(200)}`).field, 'data');
  assert.equal(payload(Array(200).fill([])).field, 'data');
});

test('base64 has its padding and nothing else in it', () => {
  assert.deepEqual(fromBase64('AP8='), new Uint8Array([0, 255]));
  for (const wrong of ['AP8', 'AP8= ', 'AP9=', 'A', '-w==', '====']) assert.equal(fromBase64(wrong), null, wrong);
});
