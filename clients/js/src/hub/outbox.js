/** Requests that wait for the link, and what requests weigh. */

/** @typedef {import('./client-message.js').Command} Command */
/** @typedef {import('./payload.js').Payload} Payload */

/** @typedef {Command | { readonly type: 'send', readonly payload: Payload }} What */

/** @typedef {{ readonly ticket: import('./input.js').Ticket, readonly what: What, readonly size: number, readonly since: number }} Waiting */

/**
 * Bytes of the payload that it carries.
 *
 * @param {object} what
 */
export function payloadSize(what) {
  return /** @type {{ payload?: Payload }} */ (what).payload?.size ?? 0;
}

/**
 * Bytes of all payloads.
 *
 * @param {readonly { readonly size: number }[]} messages
 */
export function bytesOf(messages) {
  return messages.reduce((bytes, { size }) => bytes + size, 0);
}
