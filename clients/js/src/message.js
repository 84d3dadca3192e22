/** What a WebSocket can send, and what it weighs. */

/** @typedef {string | Blob | BufferSource} Message */

/**
 * As WebIDL has it: what is not binary is text.
 *
 * @param {unknown} data
 * @returns {Message}
 */
export function toMessage(data) {
  const isBinary = data instanceof Blob || data instanceof ArrayBuffer || ArrayBuffer.isView(data);
  return isBinary ? /** @type {Message} */ (data) : String(data);
}

/**
 * Bytes of its payload.
 *
 * @param {Message} message
 */
export function size(message) {
  if (typeof message === 'string') return new TextEncoder().encode(message).length;
  return message instanceof Blob ? message.size : message.byteLength;
}

/**
 * The message as it is now: its sender may go on writing to the buffer.
 *
 * @param {Message} message
 * @returns {Message}
 */
export function snapshot(message) {
  if (message instanceof ArrayBuffer) return message.slice(0);
  if (!ArrayBuffer.isView(message)) return message;
  return new Uint8Array(message.buffer, message.byteOffset, message.byteLength).slice();
}
