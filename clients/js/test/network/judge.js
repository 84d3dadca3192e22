/** Whether what a client says of its messages is what happened to them. */

import assert from 'node:assert/strict';

/**
 * What a client did and said. Messages are known by texts of their own.
 *
 * @typedef {object} Report
 * @property {string[]} taken what `send` took, in order: the first is number 1
 * @property {string[]} refused what `send` threw for
 * @property {Told[]} fates in the order in which they were told
 */

/** @typedef {{ first: number, last: number, fate: string, why?: string }} Told */

/**
 * @typedef {object} Count
 * @property {number} sent
 * @property {number} unsure
 * @property {number} unsureAndRead of those, how many had arrived
 * @property {number} notSent
 * @property {number} refused
 */

/**
 * Every message that was taken has one fate, told in order, and it is true: `sent` was read once,
 * `unsure` at most once, `notSent` never; no more was what was refused. What was read was read in
 * order. Throws an `AssertionError` otherwise.
 *
 * @param {Report} report
 * @param {string[][]} read what the server has read, by connection, in the order of both
 * @returns {Count}
 */
export function judge({ taken, refused, fates }, read) {
  const times = countReads(read);
  const count = { sent: 0, unsure: 0, unsureAndRead: 0, notSent: 0, refused: refused.length };
  let settled = 0;
  for (const { first, last, fate } of fates) {
    assert.equal(first, settled + 1, `fates are told in order and once, ${fate} of ${first} to ${last}`);
    assert.ok(last >= first && last <= taken.length, `${fate} of ${first} to ${last}`);
    settled = last;
    for (const text of taken.slice(first - 1, last)) {
      const reads = times.get(text) ?? 0;
      const what = `${fate}: ${text} was read ${reads} times`;
      switch (fate) {
        case 'sent':
          assert.equal(reads, 1, what);
          count.sent += 1;
          break;
        case 'unsure':
          assert.ok(reads <= 1, what);
          count.unsure += 1;
          count.unsureAndRead += reads;
          break;
        case 'notSent':
          assert.equal(reads, 0, what);
          count.notSent += 1;
          break;
        default:
          assert.fail(`${fate} is no fate`);
      }
    }
  }
  assert.equal(settled, taken.length, 'every message has a fate');
  for (const text of refused) assert.ok(!times.has(text), `refused: ${text} was read`);
  inOrder(taken, read.flat());
  return count;
}

/** @param {string[][]} read */
function countReads(read) {
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const text of read.flat()) times.set(text, (times.get(text) ?? 0) + 1);
  return times;
}

/**
 * @param {string[]} taken
 * @param {string[]} read
 */
function inOrder(taken, read) {
  const numbers = new Map(taken.map((text, index) => [text, index + 1]));
  let before = 0;
  for (const text of read) {
    const number = numbers.get(text);
    assert.ok(number !== undefined, `${text} was read and never sent`);
    assert.ok(number > before, `${text} was read after number ${before}`);
    before = number;
  }
}
