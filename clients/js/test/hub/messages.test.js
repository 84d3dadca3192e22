/** The golden messages of crates/proto/vectors: a client reads those of a hub and writes its own. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { write } from '../../src/hub/client-message.js';
import { read } from '../../src/hub/hub-message.js';
import { answer, payloadOf, request, subscribed, written } from './json.js';

/** @typedef {import('../../src/hub/answers.js').CommandType} CommandType */
/** @typedef {import('../../src/hub/client-message.js').ClientMessage} ClientMessage */
/** @typedef {import('../../src/hub/client-message.js').Command} Command */
/** @typedef {import('../../src/hub/hub-message.js').HubMessage} HubMessage */
/** @typedef {import('../../src/hub/client-message.js').Connect} Connect */
/** @typedef {import('./json.js').Fields} Fields */

/**
 * @typedef {{ name: string, from: 'client' | 'hub', to?: CommandType, json: string | null, canonical?: false,
 *   means?: Record<string, unknown>, error?: { close?: 4500, ignored?: true } }} Golden
 */

const GOLDEN = new URL('../../../../crates/proto/vectors/messages.jsonl', import.meta.url);
const golden = (await readFile(GOLDEN, 'utf8')).trimEnd().split('\n').map((line) => /** @type {Golden} */ (JSON.parse(line)));

test('a message of a hub is understood as it is meant', () => {
  const legal = golden.filter(({ from, means }) => from === 'hub' && means !== undefined);
  assert.ok(legal.length >= 40, `${legal.length}`);
  for (const { name, to, json, means } of legal) {
    assert.deepEqual(meaning(read(json ?? '', () => to)), means, name);
  }
});

test('a message of a hub that is none is told for what it is', () => {
  const illegal = golden.filter(({ from, error, json }) => from === 'hub' && error !== undefined && json !== null);
  assert.ok(illegal.length >= 10, `${illegal.length}`);
  for (const { name, to, json, error } of illegal) {
    const understand = () => read(json ?? '', () => to);
    if (error?.ignored) assert.equal(understand().type, 'ignored', name);
    else assert.throws(understand, SyntaxError, name);
  }
});

test('a message of a client is written as it is recorded', () => {
  const own = golden.filter(({ from, means, canonical }) => from === 'client' && means !== undefined && canonical !== false);
  assert.ok(own.length >= 30, `${own.length}`);
  for (const { name, json, means = {} } of own) assert.equal(write(message(means)), json, name);
});

test('what no hub may say is not understood', () => {
  const faults = [
    '',
    '[]',
    'null',
    '{"got":-1}',
    '{"got":9007199254740992}',
    '{"got":"1"}',
    '{"pub":7}',
    '{"message":{}}',
    '{"message":{"data":1,"b64":""}}',
    '{"message":{"b64":"AAA"}}',
    '{"message":{"b64":"AA =="}}',
    '{"message":{"data":1},"gap":{}}',
    '{"unsubscribed":{"topic":""}}',
    '{"unsubscribed":{"topic":"a b"}}',
    '{"unsubscribed":{"topic":"a$"}}',
    `{"unsubscribed":{"topic":"${'a'.repeat(129)}"}}`,
    '{"bye":{"code":65536}}',
    '{"presence":{"topic":"a","version":1,"join":[{"user":"","session":"s","since":1}]}}',
  ];
  for (const json of faults) assert.throws(() => read(json, () => undefined), SyntaxError, json);
});

test('a topic and a user may have any legal name', () => {
  const users = '{"id":1,"ok":{"users":{"__proto__":{"status":"online"},"7":{"status":"away"}}}}';
  const read1 = read(users, () => 'status');
  assert.ok(read1.type === 'reply' && 'ok' in read1.value.answer && read1.value.answer.to === 'status');
  assert.deepEqual(new Map(read1.value.answer.ok.users).get('__proto__'), { status: 'online' });
  const subscriptions = /** @type {const} */ ([['b', {}], ['42', {}], ['__proto__', { presence: 'full' }]]);
  const connect = write({ type: 'command', id: 1, command: { type: 'connect', subscriptions } });
  const expected = '{"id":1,"connect":{"version":1,"subscriptions":{"b":{},"42":{},"__proto__":{"presence":"full"}}}}';
  assert.equal(connect, expected);
});

/**
 * The message with everything that may be left out left out.
 *
 * @param {HubMessage} message
 * @returns {unknown}
 */
function meaning(message) {
  switch (message.type) {
    case 'reply': {
      const { id, answer: given } = message.value;
      return 'ok' in given ? { id, ok: answer(given) } : { id, ...given };
    }
    case 'pub':
      return { pub: written({ ...message.value, kind: undefined, ...(message.value.kind === 'skipped' && { skip: true }) }) };
    case 'presence': {
      if (message.value.count !== undefined) return { presence: message.value };
      const { join, leave, ...rest } = message.value;
      return { presence: { ...rest, ...(join.length > 0 && { join }), ...(leave.length > 0 && { leave }) } };
    }
    case 'subscribed':
      return { subscribed: subscribed(message.value) };
    case 'heartbeat':
      return written({ got: message.value });
    case 'ignored':
      return { ignored: {} };
    default:
      return { [message.type]: written(message.value) };
  }
}

/**
 * @param {Record<string, unknown>} means
 * @returns {ClientMessage}
 */
function message({ id, ...kinds }) {
  const [[kind, value] = ['heartbeat', undefined]] = Object.entries(kinds);
  const fields = /** @type {Fields & { key?: number, again?: string }} */ (value);
  if (kind === 'heartbeat') return { type: kind };
  if (kind === 'got') return { type: 'heartbeat', got: Number(value) };
  if (kind === 'away') return { type: kind, away: value === true };
  if (kind === 'ack') return { type: kind, topic: fields.topic, offset: fields.offset };
  if (kind === 'send') return { type: kind, payload: payloadOf(fields) };
  return { type: 'command', id: Number(id), command: command(kind, fields) };
}

/**
 * @param {string} kind
 * @param {Fields & { key?: number, again?: string }} fields
 * @returns {Command}
 */
function command(kind, { key, again, ...fields }) {
  if (kind === 'connect') {
    const { client, token, resume, subscriptions = {} } = /** @type {Connect} */ (/** @type {unknown} */ (fields));
    return { type: kind, client, token, resume, subscriptions: Object.entries(subscriptions) };
  }
  const asked = request(kind, fields);
  if (asked.type === 'send') throw new Error('no command');
  if (asked.type !== 'publish') return asked;
  // A client of ours always has a key.
  return { ...asked, key: /** @type {number} */ (key), again: again ?? null };
}
