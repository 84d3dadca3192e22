/** When the page tries again: the policy as a value, without a browser. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FRESH, afterLoss, nextDelay } from '../../page/retry.js';

/** As close to one as a random number gets: the delay at its ceiling. */
const most = () => 1 - Number.EPSILON;

describe('retry', () => {
  test('after a stable link the first five seconds wait less than one second each', () => {
    let retry = afterLoss(FRESH, 60_000, 5_000);
    for (let now = 60_000; now < 65_000; now += 500) {
      const next = nextDelay(retry, now, most);
      assert.ok(next.delay < 1_000, `${next.delay} at ${now}`);
      assert.equal(nextDelay(retry, now, () => 0).delay, 0);
      retry = afterLoss(next.retry, now, 0);
    }
  });

  test('after that the ceiling doubles up to twenty seconds', () => {
    let retry = afterLoss(FRESH, 0, 60_000);
    const ceilings = Array.from({ length: 7 }, () => {
      const next = nextDelay(retry, 5_000, most);
      retry = next.retry;
      return Math.round(next.delay);
    });
    assert.deepEqual(ceilings, [2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000]);
  });

  test('the jitter is full: delays spread from nothing to the ceiling', () => {
    const retry = { lostAt: null, slow: 10 };
    for (const part of [0, 0.25, 0.5, 0.75]) {
      assert.equal(nextDelay(retry, 0, () => part).delay, part * 20_000);
    }
  });

  test('a first connection that never opened waits with growing patience', () => {
    const first = nextDelay(FRESH, 100, most);
    const second = nextDelay(first.retry, 200, most);
    assert.deepEqual([first.delay, second.delay].map(Math.round), [2_000, 4_000]);
  });

  test('a link that stayed up for less than five seconds resets nothing', () => {
    const worn = { lostAt: 0, slow: 3 };
    assert.deepEqual(afterLoss(worn, 90_000, 4_999), worn);
    assert.deepEqual(afterLoss(worn, 90_000, 5_000), { lostAt: 90_000, slow: 0 });
  });
});
