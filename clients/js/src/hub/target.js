/** An `EventTarget` whose listeners have types. */

/**
 * What is told comes as `detail`.
 *
 * @template M
 * @typedef {{ [K in keyof M]: CustomEvent<M[K]> }} Events
 */

/**
 * @template M
 * @typedef {object} Target
 * @property {<K extends keyof M & string>(type: K, listener: (event: CustomEvent<M[K]>) => unknown, options?: boolean | AddEventListenerOptions) => void} addEventListener
 * @property {<K extends keyof M & string>(type: K, listener: (event: CustomEvent<M[K]>) => unknown, options?: boolean | EventListenerOptions) => void} removeEventListener
 * @property {(event: Event) => boolean} dispatchEvent
 */

/**
 * @template M
 * @returns {new () => Target<M>}
 */
export function target() {
  return /** @type {new () => Target<M>} */ (/** @type {unknown} */ (EventTarget));
}

/**
 * @template M
 * @template {keyof M & string} K
 * @param {Target<M>} target
 * @param {K} type
 * @param {M[K]} detail
 */
export function dispatch(target, type, detail) {
  target.dispatchEvent(new CustomEvent(type, { detail }));
}
