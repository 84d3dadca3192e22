/** The judge, with witnesses who lie. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judge } from './judge.js';

const TAKEN = ['a', 'b', 'c', 'd'];

/** @type {import('./judge.js').Told[]} */
const FATES = [
  { first: 1, last: 2, fate: 'sent' },
  { first: 3, last: 3, fate: 'unsure' },
  { first: 4, last: 4, fate: 'notSent', why: 'expired' },
];

const REPORT = { taken: TAKEN, refused: ['x'], fates: FATES };

/** @param {Partial<import('./judge.js').Report>} other */
const report = (other) => ({ ...REPORT, ...other });

describe('the judge', () => {
  test('counts what is true', () => {
    const count = { sent: 2, unsure: 1, notSent: 1, refused: 1 };
    assert.deepEqual(judge(REPORT, [['a'], ['b']]), { ...count, unsureAndRead: 0 });
    assert.deepEqual(judge(REPORT, [['a'], [], ['b', 'c']]), { ...count, unsureAndRead: 1 });
  });

  const lies = /** @type {const} */ ([
    ['a sent message that was not read', REPORT, [['a']], /sent: b was read 0 times/],
    ['a sent message that was read twice', REPORT, [['a', 'b'], ['b']], /sent: b was read 2 times/],
    ['an unsure one that was read twice', REPORT, [['a', 'b', 'c'], ['c']], /unsure: c was read 2/],
    ['a message not sent that was read', REPORT, [['a', 'b', 'd']], /notSent: d was read 1 times/],
    ['a refused message that was read', REPORT, [['a', 'b', 'x']], /refused: x was read/],
    ['the wrong order', REPORT, [['b', 'a']], /a was read after number 2/],
    ['the wrong order of connections', REPORT, [['b'], ['a']], /a was read after number 2/],
    ['what nobody sent', REPORT, [['a', 'b', 'y']], /y was read and never sent/],
    ['a message without a fate', report({ fates: FATES.slice(0, 2) }), [['a', 'b']], /every message/],
    ['a gap', report({ fates: FATES.slice(1) }), [['a', 'b']], /told in order and once/],
    ['two fates', report({ fates: [...FATES, FATES[2]] }), [['a', 'b']], /told in order and once/],
    ['fates of nothing', report({ taken: ['a', 'b', 'c'] }), [['a', 'b']], /notSent of 4 to 4/],
  ]);
  for (const [name, said, read, complaint] of lies) {
    test(`finds ${name}`, () => {
      assert.throws(() => judge(said, read.map((one) => [...one])), complaint);
    });
  }
});
