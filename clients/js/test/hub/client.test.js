/** What programs see of a hub, over real sockets. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { HubError, connect } from '../../src/hub/index.js';
import { until } from '../client.js';
import { freePort } from '../server.js';
import { surround } from '../surroundings.js';
import { ScriptedHub } from './scripted-hub.js';

/** @typedef {import('../../src/hub/index.js').Options} Options */
/** @typedef {import('../../src/hub/index.js').HubClient} HubClient */

const QUICK = { WebSocket, minReconnectionDelay: 50, maxReconnectionDelay: 200, client: 'c-1', firstKey: 1 };

/**
 * @param {import('node:test').TestContext} context
 * @param {string} url
 * @param {Options} [options]
 */
function open(context, url, options) {
  const client = connect(url, { ...QUICK, ...options });
  context.after(() => client.close());
  return client;
}

/**
 * @param {HubClient} client
 * @param {import('../../src/hub/index.js').State['status']} status
 */
const reached = (client, status) => until(() => client.state.status === status, status);

/**
 * @param {number} offset
 * @param {number} [tag]
 */
const at = (offset, tag = offset * 10) => ({ epoch: 'e', offset, tag });

/**
 * @param {number} offset
 * @param {object} [payload]
 */
const pub = (offset, payload = { data: offset }) => {
  const place = { offset, tag: offset * 10, prev: offset * 10 - 10 };
  return { pub: { topic: 'chat', ...place, time: 1, from: 'bob', ...payload } };
};

const SUBSCRIBE = { subscribe: { topic: 'chat' } };
const BEGUN = { position: at(0), head: at(0) };

/** @param {string} code */
const refusal = (code) => ({ code, message: '', temporary: false });

/**
 * @param {string} outcome
 * @param {object} [more]
 */
const failed = (outcome, more) => (/** @type {unknown} */ error) => {
  assert.ok(error instanceof HubError, String(error));
  assert.deepEqual(error.failure, { outcome, ...more });
  return true;
};

test('a loop over a topic hears what is published, bytes as well, until it is unsubscribed', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const chat = client.topic('chat');
  const heard = (async () => {
    const heard = [];
    for await (const { data } of chat) heard.push(data);
    return heard;
  })();
  await hub.answers(SUBSCRIBE, BEGUN);
  assert.equal(client.topic('chat'), chat);
  hub.says(pub(1, { data: { text: 'hi' } }));
  hub.says(pub(2, { b64: 'AP8=' }));
  hub.says(pub(2, { b64: 'AP8=' }));
  await until(() => client.state.status === 'up', 'up');
  const rpc = client.rpc('after');
  await hub.answers({ rpc: { method: 'after', data: null } }, { data: 'all that' });
  assert.equal(await rpc, 'all that');
  const left = chat.unsubscribe();
  await hub.answers({ unsubscribe: { topic: 'chat' } }, {});
  await left;
  assert.deepEqual(await heard, [{ text: 'hi' }, new Uint8Array([0, 255])]);
});

test('a subscription that a loop began ends when the last loop is left, one that was asked for does not', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const chat = client.topic('chat');
  const first = (async () => {
    for await (const { data } of chat) if (data === 1) break;
  })();
  const second = (async () => {
    for await (const { data } of chat) if (data === 2) break;
  })();
  await hub.answers(SUBSCRIBE, BEGUN);
  hub.says(pub(1));
  await first;
  hub.says(pub(2));
  await second;
  await hub.answers({ unsubscribe: { topic: 'chat' } }, {});

  const third = (async () => {
    for await (const _ of chat) break;
  })();
  chat.subscribe();
  await hub.answers(SUBSCRIBE, BEGUN);
  hub.says(pub(1));
  await third;
  chat.publish('next').catch(() => {});
  await hub.hears({ publish: { topic: 'chat', key: 1, data: 'next' } });
});

test('`publish` resolves when it is stored, and again after a break when nobody knows', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const chat = client.topic('chat');
  const first = chat.publish('one', { echo: false });
  await hub.answers({ publish: { topic: 'chat', key: 1, echo: false, data: 'one' } }, { offset: 7, epoch: 'e' });
  assert.deepEqual(await first, { offset: 7, epoch: 'e' });

  const second = chat.publish('two');
  const lost = client.rpc('like', 1);
  await hub.hears({ publish: { topic: 'chat', key: 2, data: 'two' } });
  await hub.hears({ rpc: { method: 'like', data: 1 } });
  hub.cuts();
  await reached(client, 'down');
  await assert.rejects(lost, failed('uncertain'));
  await hub.answers({ publish: { topic: 'chat', key: 2, again: 'e', data: 'two' } }, { offset: 8, epoch: 'e' });
  assert.deepEqual(await second, { offset: 8, epoch: 'e' });
  assert.deepEqual(hub.connects[1].resume, { session: 's-1', key: 'key-1', got: 1 });
});

test('a session that is resumed goes on where it was', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const states = /** @type {unknown[]} */ ([]);
  client.addEventListener('state', ({ detail }) => states.push(detail));
  const chat = client.topic('chat');
  const standing = chat.subscribe();
  await hub.answers(SUBSCRIBE, BEGUN);
  await standing;
  const heard = /** @type {unknown[]} */ ([]);
  chat.addEventListener('publication', ({ detail }) => heard.push(detail.data));
  hub.says(pub(1));
  await until(() => heard.length === 1, 'the first');
  hub.replies.push({ resumed: true, got: 1 });
  hub.cuts();
  await until(() => hub.connects.length === 2, 'it is back');
  hub.says(pub(2));
  await until(() => heard.length === 2, 'the second');
  assert.deepEqual(heard, [1, 2]);
  const up = { status: 'up', session: 's-1', user: 'ada' };
  assert.deepEqual(states, [{ ...up, resumed: false }, { status: 'down', code: 1006, reason: '' }, { ...up, resumed: true }]);
  assert.deepEqual(hub.connects[1].subscriptions, { chat: { from: at(1) } });
});

test('what is missing is told as a gap', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const chat = client.topic('chat', { from: 'earliest' });
  const gaps = /** @type {unknown[]} */ ([]);
  chat.addEventListener('gap', ({ detail }) => gaps.push(detail));
  chat.subscribe();
  await hub.answers({ subscribe: { topic: 'chat', from: 'earliest' } }, BEGUN);
  hub.says({ gap: { topic: 'chat', reason: 'dropped', from: at(0), to: at(4) } });
  hub.says(pub(7));
  await hub.answers({ subscribe: { topic: 'chat', from: at(4) } }, { ...BEGUN, recovered: false, reason: 'epoch' });
  await until(() => gaps.length === 2, 'both');
  assert.deepEqual(gaps, [
    { topic: 'chat', reason: 'dropped', from: at(0), to: at(4) },
    { topic: 'chat', reason: 'epoch', from: at(4), to: at(0) },
  ]);
});

test('who is there is kept up to date', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const chat = client.topic('chat', { presence: 'full' });
  const changes = /** @type {string[]} */ ([]);
  chat.addEventListener('presence', ({ detail: { joined, left } }) => {
    changes.push([...joined.map(({ user }) => `+${user}`), ...left.map(({ user }) => `-${user}`)].join(' '));
  });
  chat.subscribe();
  const member = (/** @type {string} */ user) => ({ user, session: `s-${user}`, since: 1 });
  const presence = { version: 1, members: [member('ada'), member('bob')] };
  await hub.answers({ subscribe: { topic: 'chat', presence: 'full' } }, { ...BEGUN, presence });
  hub.says({ presence: { topic: 'chat', version: 2, join: [member('eve')], leave: [{ user: 'bob', session: 's-bob', seen: 2 }] } });
  await until(() => changes.length === 2, 'a change');
  hub.says({ presence: { topic: 'chat', version: 4, join: [] } });
  await hub.answers({ presence: { topic: 'chat' } }, { version: 4, members: [member('ada'), member('kim')] });
  await until(() => changes.length === 3, 'the list');
  assert.deepEqual(changes, ['+ada +bob', '+eve -bob', '+kim -eve']);
  assert.deepEqual([...chat.members.keys()], ['s-ada', 's-kim']);
  assert.equal(chat.memberCount, 2);

  const asked = client.topic('elsewhere').presence();
  await hub.answers({ presence: { topic: 'elsewhere' } }, { version: 1, count: 3 });
  assert.deepEqual(await asked, { version: 1, count: 3 });
  const status = client.status(['bob']);
  await hub.answers({ status: { users: ['bob'] } }, { users: { bob: { status: 'offline', seen: 2 } } });
  assert.deepEqual(await status, new Map([['bob', { status: 'offline', seen: 2 }]]));
  await assert.rejects(client.status(Array(101).fill('bob')), RangeError);
});

test('what the hub refuses is refused', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const loop = (async () => {
    for await (const _ of client.topic('chat')) assert.fail('nothing is heard');
  })();
  hub.says({ id: await hub.hears(SUBSCRIBE), error: refusal('denied') });
  await assert.rejects(loop, failed('refused', { error: refusal('denied') }));
  const rpc = client.rpc('fly', new Uint8Array([1]));
  hub.says({ id: await hub.hears({ rpc: { method: 'fly', b64: 'AQ==' } }), error: refusal('no_method') });
  await assert.rejects(rpc, failed('refused', { error: refusal('no_method') }));
  await assert.rejects(client.topic('chat').publish('x'.repeat(1_000)), failed('notSent', { why: 'tooLarge' }));
  await assert.rejects(client.topic('chat').unsubscribe(), failed('notSent', { why: 'notSubscribed' }));
  await assert.rejects(client.send(undefined), TypeError);
  assert.throws(() => client.topic('a b'));
  await assert.rejects(client.rpc(''));
});

test('a subscription that the hub ends ends the loop, and can be made anew', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const chat = client.topic('chat');
  const publications = chat[Symbol.asyncIterator]();
  await hub.answers(SUBSCRIBE, BEGUN);
  hub.says(pub(1));
  hub.says({ unsubscribed: { topic: 'chat', error: refusal('denied') } });
  assert.equal((await publications.next()).value?.data, 1);
  await assert.rejects(publications.next(), failed('refused', { error: refusal('denied') }));
  assert.deepEqual(await publications.next(), { done: true, value: undefined });
  const given = chat.subscribe();
  const left = chat.unsubscribe();
  const again = chat.subscribe();
  await assert.rejects(given, failed('withdrawn'));
  await hub.answers(SUBSCRIBE, BEGUN);
  await hub.answers({ unsubscribe: { topic: 'chat' } }, {});
  await left;
  await hub.answers(SUBSCRIBE, BEGUN);
  await again;
  assert.equal(client.topic('chat'), chat);
});

test('a subscription that the hub makes is told', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  const heard = /** @type {unknown[]} */ ([]);
  client.addEventListener('topic', ({ detail: topic }) => {
    heard.push(topic.name);
    topic.addEventListener('publication', ({ detail }) => heard.push(detail.data));
  });
  client.addEventListener('message', ({ detail }) => heard.push(detail));
  await reached(client, 'up');
  hub.says({ subscribed: { topic: 'chat', ...BEGUN } });
  hub.says(pub(1));
  hub.says({ message: { data: null } });
  await until(() => heard.length === 3, 'all');
  assert.deepEqual(heard, ['chat', 1, null]);
});

test('a loop that is too slow fails, and others do not', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url, { maxUnread: 2 });
  const chat = client.topic('chat');
  const standing = chat.subscribe();
  const slow = chat[Symbol.asyncIterator]();
  const heard = /** @type {unknown[]} */ ([]);
  chat.addEventListener('publication', ({ detail }) => heard.push(detail.data));
  await hub.answers(SUBSCRIBE, BEGUN);
  await standing;
  for (const offset of [1, 2, 3, 4]) hub.says(pub(offset));
  await until(() => heard.length === 4, 'all');
  assert.equal((await slow.next()).value?.data, 1);
  assert.equal((await slow.next()).value?.data, 2);
  await assert.rejects(slow.next(), { name: 'QuotaExceededError' });
});

test('a listener may ask for more, and it leaves in order', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  client.addEventListener('state', () => {
    client.topic('chat').acknowledge(1);
    client.setAway(true);
    client.send('one').catch(() => {});
    client.topic('chat').history({ limit: 1 }).catch(() => {});
  });
  const first = client.send('zero');
  await hub.hears({ send: { data: 'zero' } });
  await hub.hears({ away: true });
  await hub.hears({ send: { data: 'one' } });
  await hub.hears({ history: { topic: 'chat', limit: 1 } });
  hub.says({ got: 2 });
  await first;
});

test('as much waits for a link as may, and for as long as it may', async (context) => {
  const port = await freePort();
  const client = open(context, `ws://127.0.0.1:${port}/`, { maxWaiting: 1, maxAge: 100 });
  const kept = client.send('kept');
  await assert.rejects(client.send('one more'), failed('notSent', { why: 'full' }));
  await assert.rejects(kept, failed('notSent', { why: 'expired' }));
});

test('a token is asked for before every attempt', async (context) => {
  const hub = await ScriptedHub.start(context);
  let asked = 0;
  const client = open(context, hub.url, { token: async () => `t-${(asked += 1)}` });
  await reached(client, 'up');
  hub.cuts();
  await until(() => hub.connects.length === 2, 'it is back');
  assert.deepEqual(hub.connects.map(({ token }) => token), ['t-1', 't-2']);
  assert.equal(hub.connects[0].client, 'c-1');
});

test('it comes back when the hub says, and not before', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  await reached(client, 'up');
  const before = performance.now();
  hub.says({ bye: { code: 4412, reason: 'draining', retry: true, after: 300 } });
  await until(() => hub.connects.length === 2, 'it is back');
  assert.ok(performance.now() - before >= 300);
  assert.deepEqual(hub.codes, [4001]);
});

test('when the network is back the hub has three seconds to say something', async (context) => {
  const window = surround(context);
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  await reached(client, 'up');
  window.tell('online');
  await until(() => hub.heartbeats === 1, 'it is asked');
  hub.isDeaf = true;
  window.tell('online');
  const before = performance.now();
  await reached(client, 'down');
  assert.ok(performance.now() - before > 2_900, 'not sooner');
  hub.isDeaf = false;
  await reached(client, 'up');
  client.close();
  assert.equal(window.listeners, 0);
});

test('a client that is in more of a hurry than its hub finds a silent link by its own clock', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url, { heartbeatInterval: 50, heartbeatTimeout: 100 });
  const roundTrips = /** @type {number[]} */ ([]);
  client.addEventListener('heartbeat', ({ detail }) => roundTrips.push(detail));
  await until(() => roundTrips.length === 2, 'two signs of life');
  assert.ok(roundTrips.every((ms) => ms >= 0 && ms < 100), String(roundTrips));
  hub.isDeaf = true;
  await reached(client, 'down');
  assert.deepEqual(client.state, { status: 'down', code: 4408, reason: '' });
  hub.isDeaf = false;
  await reached(client, 'up');
});

test('`retryNow` ends the wait for the next attempt', async (context) => {
  // All the jitter that there can be.
  context.mock.method(Math, 'random', () => 0.999);
  const port = await freePort();
  const client = open(context, `ws://127.0.0.1:${port}`, { minReconnectionDelay: 60_000, maxReconnectionDelay: 60_000 });
  await until(() => client.retryIn !== null, 'it waits');
  assert.ok((client.retryIn ?? 0) > 1_000, String(client.retryIn));
  await ScriptedHub.start(context, { port });
  client.retryNow();
  await reached(client, 'up');
});

test('`close` is a farewell, and nothing waits any more', async (context) => {
  const hub = await ScriptedHub.start(context);
  const client = open(context, hub.url);
  await reached(client, 'up');
  const rpc = client.rpc('slow');
  const standing = client.topic('chat').subscribe();
  const loop = (async () => {
    for await (const _ of client.topic('chat')) assert.fail('nothing is heard');
  })();
  client.close();
  await loop;
  await assert.rejects(rpc, failed('uncertain'));
  await assert.rejects(standing, failed('notSent', { why: 'ended' }));
  await assert.rejects(client.send('late'), failed('notSent', { why: 'ended' }));
  assert.deepEqual(client.state, { status: 'ended', end: { why: 'closed' } });
  await until(() => hub.codes.length === 1, 'it is closed');
  assert.deepEqual(hub.codes, [4000]);
});

test('it says why it is over', async (context) => {
  const hub = await ScriptedHub.start(context);
  const taken = open(context, hub.url);
  await reached(taken, 'up');
  hub.closes(4410);
  await reached(taken, 'ended');
  assert.deepEqual(taken.state, { status: 'ended', end: { why: 'code', code: 4410 } });

  const confused = open(context, hub.url);
  await reached(confused, 'up');
  hub.babbles('{"pub":');
  await reached(confused, 'ended');
  assert.equal(confused.state.status === 'ended' && confused.state.end.why, 'notUnderstood');

  const lonely = open(context, `ws://127.0.0.1:${await freePort()}/`, { maxRetries: 1 });
  await reached(lonely, 'ended');
  assert.deepEqual(lonely.state, { status: 'ended', end: { why: 'unreachable' } });
});

test('a server that is no hub is told by its subprotocol', async (context) => {
  const server = await ScriptedHub.start(context, { handleProtocols: () => false });
  const client = open(context, server.url, { WebSocket: Undemanding });
  await reached(client, 'ended');
  assert.equal(client.state.status === 'ended' && client.state.end.why, 'notUnderstood');
  assert.deepEqual(server.connects, []);
});

/** Browsers fail such a connection; some implementations do not. */
class Undemanding extends WebSocket {
  /** @param {string} url */
  constructor(url) {
    super(url);
  }
}

test('a limit is a number that makes sense', () => {
  assert.throws(() => connect('ws://127.0.0.1:1/', { ...QUICK, maxWaiting: -1 }), RangeError);
  assert.throws(() => connect('ws://127.0.0.1:1/', { ...QUICK, firstKey: 0 }), RangeError);
  assert.throws(() => connect('ws://127.0.0.1:1/', { ...QUICK, client: '' }));
  assert.throws(() => connect('mailto:bob', QUICK), { name: 'SyntaxError' });
});
