/** Elements, and the faces that people have here. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {string} className
 * @param {string} [text]
 */
export function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/**
 * A round face with initials; it says nothing to those who do not see it.
 *
 * @param {string} name
 * @param {string} [letters]
 */
export function face(name, letters = initials(name)) {
  const node = element('span', 'face', letters);
  node.setAttribute('aria-hidden', 'true');
  node.style.setProperty('--hue', String(hue(name)));
  return node;
}

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/[\s\-_.]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0] ?? '?'];
  return letters.map((word) => Array.from(word)[0].toUpperCase()).join('');
}

/**
 * The same name has the same colour in every tab.
 *
 * @param {string} name
 */
function hue(name) {
  let sum = 7;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 360_007;
  return sum % 360;
}
