/** What the page remembers. Storage may be off or full; then it remembers until it is left. */

/** @type {Record<Scope, () => Storage>} */
const STORES = { browser: () => localStorage, tab: () => sessionStorage };

/** For every later visit, or for this tab alone. @typedef {'browser' | 'tab'} Scope */

/**
 * @param {Scope} scope
 * @param {string} key
 * @returns {string | null}
 */
export function recall(scope, key) {
  try {
    return STORES[scope]().getItem(`everwire.${key}`);
  } catch {
    return null;
  }
}

/**
 * @param {Scope} scope
 * @param {string} key
 * @param {string} value
 */
export function remember(scope, key, value) {
  try {
    STORES[scope]().setItem(`everwire.${key}`, value);
  } catch {
    // The page itself still holds it.
  }
}
