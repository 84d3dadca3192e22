/** The account, of clients to whom the network was unkind. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, quantile } from './account.js';

/** @param {number[]} numbers */
function account(numbers) {
  const account = new Account(4);
  for (const number of numbers) account.hear(['run', number, 4, 1_000], 1_000 + number);
  const { heard, duplicates, reordered, strange, isOver } = account;
  return { heard, duplicates, reordered, strange, isOver };
}

const FINE = { heard: 4, duplicates: 0, reordered: 0, strange: 0, isOver: false };

test('an account has what was lost, came twice, out of order or from nowhere', () => {
  assert.deepEqual(account([1, 2, 3, 4]), FINE);
  assert.deepEqual(account([1, 2, 3, 4, 5]), { ...FINE, isOver: true });
  assert.deepEqual(account([1, 4]), { ...FINE, heard: 2 });
  assert.deepEqual(account([1, 2, 2, 3, 4, 1]), { ...FINE, duplicates: 2 });
  assert.deepEqual(account([3, 1, 2, 4]), { ...FINE, reordered: 2 });
  assert.deepEqual(account([1, 2, 3, 4, 0, 6]), { ...FINE, strange: 2 });
});

test('a quantile is one of the numbers', () => {
  const numbers = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.deepEqual([0, 0.5, 0.99, 1].map((share) => quantile(numbers, share)), [1, 100, 198, 200]);
  assert.equal(quantile([7], 0.99), 7);
});
