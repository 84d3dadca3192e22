/** What applications say to each other, on its way to the hub: JSON or bytes, as written. */

import { size } from '../message.js';

/** Nobody nests deeper: whoever reads a whole message with a parser that stops at 128 can. */
const MAX_DEPTH = 100;

/**
 * `field` and `text` are what is written; `size` is what `max_message` limits: bytes of the JSON text, or
 * of the bytes themselves.
 *
 * @typedef {{ readonly field: 'data' | 'b64', readonly text: string, readonly size: number }} Payload
 */

/**
 * Takes the value as it is now: what becomes of it afterwards does not matter.
 *
 * @param {unknown} value bytes, or anything that `JSON.stringify` takes
 * @returns {Payload}
 * @throws {TypeError} if it is neither, or nested more than 100 deep
 */
export function payload(value) {
  if (value instanceof ArrayBuffer) value = new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return bytes(value);
  /** @type {string | undefined} */
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError('a payload is JSON or bytes');
  if (depth(text) > MAX_DEPTH) throw new TypeError(`a payload is at most ${MAX_DEPTH} deep`);
  return { field: 'data', text, size: size(text) };
}

/**
 * @param {string} base64 with padding: RFC 4648, clause 4
 * @returns {Uint8Array | null} null if it is something else
 */
export function fromBase64(base64) {
  let binary;
  try {
    binary = atob(base64);
  } catch {
    return null;
  }
  // `atob` takes white space and missing padding as well.
  return btoa(binary) === base64 ? Uint8Array.from(binary, (byte) => byte.charCodeAt(0)) : null;
}

/**
 * @param {ArrayBufferView} view
 * @returns {Payload}
 */
function bytes({ buffer, byteOffset, byteLength }) {
  let binary = '';
  for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) binary += String.fromCharCode(byte);
  return { field: 'b64', text: `"${btoa(binary)}"`, size: byteLength };
}

/** @param {string} json */
function depth(json) {
  let depth = 0;
  let deepest = 0;
  for (const [mark] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if ('[{'.includes(mark)) deepest = Math.max(deepest, ++depth);
    else if (']}'.includes(mark)) depth -= 1;
  }
  return deepest;
}
