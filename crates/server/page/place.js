/** The places of `index.html` that the modules write to, by their ids. */

/** @param {string} id */
export function place(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Touch the document only when the words differ.
 *
 * @param {string} id
 * @param {string} text
 */
export function write(id, text) {
  const found = place(id);
  if (found.textContent !== text) found.textContent = text;
}
