/** Who this is to others: an id that nobody sees, which goes with the name. */

import { randomId } from './message.js';
import { recall, remember } from './storage.js';

/**
 * As with names: who chose one is the same person in every tab of this browser; who did not is one in each, so that
 * two tabs can talk to each other.
 */
export function user() {
  const known = recall('tab', 'user') ?? recall('browser', 'user');
  const id = known ?? `u-${randomId()}`;
  remember('tab', 'user', id);
  return id;
}

/** A name was chosen: from now on whoever opens this page in this browser is the same person. @param {string} id */
export function settle(id) {
  remember('browser', 'user', id);
}
