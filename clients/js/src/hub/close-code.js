/** The codes that links are closed with. docs/protocol.md, "Endings". */

import { isFatal } from '../classify.js';

/** The client's farewell: the session is over at once. */
export const FAREWELL = 4000;
/** The client gives this link up and comes back. */
export const RETURNING = 4001;
export const NO_HEARTBEAT = 4408;
/** Another link of the same session took over. */
const TAKEN_OVER = 4410;
export const NOT_UNDERSTOOD = 4500;
export const TOLD_TO_GO = 4504;

/**
 * Whether a client comes back after this code.
 *
 * @param {number} code
 */
export function comesBack(code) {
  return code !== FAREWELL && code !== TAKEN_OVER && !isFatal(code);
}
