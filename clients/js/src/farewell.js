/** What `close` may say. */

import { size } from './message.js';

const MAX_REASON_BYTES = 123;

/** @typedef {{ code?: number, reason?: string }} Farewell */

/**
 * As WHATWG has it.
 *
 * @param {number} [code] 1000 or 3000 to 4999
 * @param {string} [reason]
 * @returns {Farewell}
 * @throws {DOMException} `InvalidAccessError` for another code, `SyntaxError` for a long reason
 */
export function farewell(code, reason) {
  // WebIDL's [Clamp]: into 16 bits, and to the nearest whole number.
  const number = code === undefined ? code : Math.round(Math.min(65_535, Math.max(0, Number(code) || 0)));
  if (number !== undefined && number !== 1000 && !(number >= 3000 && number <= 4999)) {
    throw new DOMException(`close code ${number} is neither 1000 nor in 3000 to 4999`, 'InvalidAccessError');
  }
  if (reason !== undefined && size(String(reason)) > MAX_REASON_BYTES) {
    throw new DOMException(`a close reason has at most ${MAX_REASON_BYTES} bytes`, 'SyntaxError');
  }
  return { code: number, reason };
}
