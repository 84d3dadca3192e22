/**
 * What travels in a room: JSON `{ id, name, text }` from this page, and whatever other clients like to say, which is
 * shown as it came.
 */

/**
 * @typedef {object} Chat
 * @property {'chat'} kind
 * @property {string} id unique for the sender
 * @property {string} name
 * @property {string} text
 */

/** @typedef {Chat | { kind: 'raw', text: string } | { kind: 'binary', bytes: number }} Message */

/**
 * @param {string} name
 * @param {string} text
 * @returns {Chat}
 */
export function compose(name, text) {
  return { kind: 'chat', id: randomId(), name, text };
}

/** What is published of it. @param {Chat} chat */
export function encode({ id, name, text }) {
  return { id, name, text };
}

/**
 * Anything that is not exactly ours is raw: nothing is refused, nothing is guessed.
 *
 * @param {unknown} data
 * @returns {Message}
 */
export function decode(data) {
  if (data instanceof Uint8Array) return { kind: 'binary', bytes: data.byteLength };
  if (typeof data === 'string') return { kind: 'raw', text: data };
  const { id, name, text } = /** @type {Record<string, unknown>} */ (data ?? {});
  if (typeof id === 'string' && typeof name === 'string' && typeof text === 'string') {
    return { kind: 'chat', id, name, text };
  }
  return { kind: 'raw', text: JSON.stringify(data) };
}

/** `crypto.randomUUID` exists only in secure contexts; this works on plain http as well. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
