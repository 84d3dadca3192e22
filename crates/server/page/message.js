/**
 * What travels over `/broadcast`: JSON text `{ id, name, text, at }` from this page, and whatever
 * other clients like to send, which is shown as it came.
 */

/**
 * @typedef {object} Chat
 * @property {'chat'} kind
 * @property {string} id unique for the sender
 * @property {string} name
 * @property {string} text
 * @property {number} at the sender's clock, milliseconds since 1970
 */

/** @typedef {Chat | { kind: 'raw', text: string } | { kind: 'binary', bytes: number }} Message */

/**
 * @param {string} name
 * @param {string} text
 * @returns {Chat}
 */
export function compose(name, text) {
  return { kind: 'chat', id: randomId(), name, text, at: Date.now() };
}

/** @param {Chat} chat */
export function encode({ id, name, text, at }) {
  return JSON.stringify({ id, name, text, at });
}

/**
 * Anything that is not exactly ours is raw: nothing is refused, nothing is guessed.
 *
 * @param {string | ArrayBuffer} data
 * @returns {Message}
 */
export function decode(data) {
  if (typeof data !== 'string') return { kind: 'binary', bytes: data.byteLength };
  const value = parse(data);
  if (typeof value !== 'object' || value === null) return { kind: 'raw', text: data };
  const { id, name, text, at } = /** @type {Record<string, unknown>} */ (value);
  if (typeof id !== 'string' || typeof name !== 'string' || typeof text !== 'string') {
    return { kind: 'raw', text: data };
  }
  if (typeof at !== 'number' || Number.isNaN(new Date(at).getTime())) {
    return { kind: 'raw', text: data };
  }
  return { kind: 'chat', id, name, text, at };
}

/**
 * @param {string} data
 * @returns {unknown}
 */
function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

/** `crypto.randomUUID` exists only in secure contexts; this works on plain http as well. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
