/** The watchdog as a value: time and its lateness are inputs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OFF, due, step } from '../src/watchdog.js';

const POLICY = { interval: 25_000, timeout: 10_000, hurry: 3_000 };

/** Steps the value and remembers what it asked for. */
class Dog {
  state = OFF;

  /**
   * @param {number} now
   * @param {import('../src/watchdog.js').Input['type']} type
   * @param {number} [late]
   */
  at(now, type, late = 0) {
    const input = type === 'tick' ? { type, late } : { type };
    const [state, actions] = step(POLICY, this.state, input, now);
    assert.ok(Object.isFrozen(state));
    this.state = state;
    return actions;
  }

  get due() {
    return due(this.state);
  }
}

/** @param {number} [now] */
function opened(now = 0) {
  const dog = new Dog();
  dog.at(now, 'open');
  return dog;
}

test('without a connection there is nothing to watch', () => {
  const dog = new Dog();
  for (const type of /** @type {const} */ (['life', 'pong', 'ask', 'poke', 'tick', 'close'])) {
    assert.deepEqual(dog.at(0, type), []);
    assert.equal(dog.due, null);
  }
});

test('a silence is met with a ping, and silence after it is death', () => {
  const dog = opened();
  assert.deepEqual(dog.at(24_999, 'tick'), []);
  assert.deepEqual(dog.at(25_000, 'tick'), ['ping']);
  assert.deepEqual(dog.at(34_999, 'tick'), []);
  assert.deepEqual(dog.at(35_000, 'tick'), ['dead']);
  assert.equal(dog.due, null);
});

test('anything that arrives is life', () => {
  const dog = opened();
  dog.at(20_000, 'life');
  assert.equal(dog.due, 45_000);
  assert.deepEqual(dog.at(45_000, 'tick'), ['ping']);
  dog.at(54_999, 'life');
  assert.equal(dog.due, 79_999);
});

test('there is one ping at a time', () => {
  const dog = opened();
  assert.deepEqual(dog.at(100, 'ask'), ['ping']);
  assert.deepEqual(dog.at(200, 'ask'), []);
  dog.at(300, 'life');
  assert.deepEqual(dog.at(400, 'ask'), []);
  assert.deepEqual(dog.at(500, 'poke'), []);
  dog.at(600, 'pong');
  assert.deepEqual(dog.at(700, 'ask'), ['ping']);
});

test('a ping that somebody asked for has its timeout', () => {
  const dog = opened();
  dog.at(1_000, 'ask');
  assert.equal(dog.due, 11_000);
  assert.deepEqual(dog.at(11_000, 'tick'), ['dead']);
});

test('a poke pings at once and is in a hurry', () => {
  const dog = opened();
  assert.deepEqual(dog.at(1_000, 'poke'), ['ping']);
  assert.equal(dog.due, 4_000);
  assert.deepEqual(dog.at(4_000, 'tick'), ['dead']);
});

test('a poke shortens the deadline of a ping under way, and never moves it back', () => {
  const dog = opened();
  dog.at(25_000, 'tick');
  assert.deepEqual(dog.at(26_000, 'poke'), []);
  assert.equal(dog.due, 29_000);
  dog.at(28_000, 'poke');
  assert.equal(dog.due, 29_000);
});

test('a timer that came late pings first', () => {
  const dog = opened();
  assert.deepEqual(dog.at(90_000, 'tick', 65_000), ['ping']);
  assert.equal(dog.due, 93_000);
  assert.deepEqual(dog.at(93_000, 'tick'), ['dead']);
});

test('a late timer pings though nothing was due: the machine slept', () => {
  const dog = opened();
  assert.deepEqual(dog.at(12_000, 'tick', 2_001), ['ping']);
  assert.equal(dog.due, 15_000);
});

test('a deadline that was noticed late is forgiven twice, not for ever', () => {
  const dog = opened();
  dog.at(25_000, 'tick');
  assert.deepEqual(dog.at(95_000, 'tick', 60_000), []);
  assert.deepEqual(dog.at(158_000, 'tick', 60_000), []);
  assert.deepEqual(dog.at(221_000, 'tick', 60_000), ['dead']);
});

test('a sign of life wipes the slate clean', () => {
  const dog = opened();
  dog.at(25_000, 'tick');
  dog.at(95_000, 'tick', 60_000);
  dog.at(95_001, 'pong');
  assert.deepEqual(dog.state, { phase: 'quiet', until: 120_001, pinged: false });
});

test('two seconds are not late: a hidden tab has that every second', () => {
  const dog = opened();
  dog.at(25_000, 'tick');
  assert.deepEqual(dog.at(37_000, 'tick', 2_000), ['dead']);
});
