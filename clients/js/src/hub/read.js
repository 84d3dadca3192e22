/**
 * Reading what came from the wire: a reader takes one JSON value and gives it back checked, or throws
 * a `SyntaxError`, as `JSON.parse` does. docs/protocol.md, "WebSocket" and "Values".
 *
 * Two things cannot be told after `JSON.parse`: whether a number was written as `1.0`, and how deep a
 * payload is nested. Both are taken as they are.
 */

/**
 * `value` is undefined if the field is left out; `name` is the field's, for the fault.
 *
 * @template T
 * @typedef {(value: unknown, name: string) => T} Reader
 */

/** @typedef {Record<string, unknown>} Fields */

/**
 * @param {boolean} isLegal
 * @param {string} name of the field, or of the message
 * @returns {asserts isLegal}
 * @throws {SyntaxError}
 */
export function check(isLegal, name) {
  if (!isLegal) throw new SyntaxError(`\`${name}\` is not legal`);
}

/**
 * A value that passes a test.
 *
 * @template T
 * @param {(value: any) => boolean} isLegal
 * @returns {Reader<T>}
 */
export function legal(isLegal) {
  return (value, name) => {
    check(isLegal(value), name);
    return /** @type {T} */ (value);
  };
}

/** @type {Reader<Fields>} */
export const fields = legal((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

/**
 * An object with these fields; others are ignored, and those that are left out stay so.
 *
 * @template {Record<string, Reader<unknown>>} R
 * @param {R} readers
 * @returns {Reader<{ readonly [K in keyof R]: ReturnType<R[K]> }>}
 */
export function object(readers) {
  return (value, name) => {
    const from = fields(value, name);
    /** @type {Fields} */
    const read = {};
    for (const [key, reader] of Object.entries(readers)) {
      // `null` counts as left out.
      const field = reader(from[key] ?? undefined, key);
      if (field !== undefined) read[key] = field;
    }
    return /** @type {{ readonly [K in keyof R]: ReturnType<R[K]> }} */ (read);
  };
}

/**
 * What two readers find in one object.
 *
 * @template A, B
 * @param {Reader<A>} one
 * @param {Reader<B>} other
 * @returns {Reader<A & B>}
 */
export function both(one, other) {
  return extended(one, () => true, other);
}

/**
 * What the first reader finds, and what the second finds if that is needed beside it.
 *
 * @template A, T
 * @param {Reader<A>} first
 * @param {(read: A) => boolean} isNeeded
 * @param {Reader<unknown>} second
 * @returns {Reader<T>}
 */
export function extended(first, isNeeded, second) {
  return (value, name) => {
    const read = first(value, name);
    const more = isNeeded(read) ? second(value, name) : null;
    return /** @type {T} */ (/** @type {unknown} */ ({ ...read, .../** @type {object} */ (more) }));
  };
}

/**
 * An object whose names are data, as its entries.
 *
 * @template T
 * @param {Reader<unknown>} key
 * @param {Reader<T>} reader
 * @returns {Reader<[string, T][]>}
 */
export function entries(key, reader) {
  return (value, name) =>
    Object.entries(fields(value, name)).map(([entry, value]) => {
      key(entry, name);
      return [entry, reader(value, name)];
    });
}

/** @type {Reader<unknown[]>} */
const items = legal(Array.isArray);

/**
 * @template T
 * @param {Reader<T>} reader
 * @returns {Reader<readonly T[]>}
 */
export function list(reader) {
  return (value, name) => items(value, name).map((item) => reader(item, name));
}

/**
 * @template T
 * @template {T | undefined} D
 * @param {Reader<T>} reader
 * @param {D} [otherwise] what is read if it is left out
 * @returns {Reader<T | D>}
 */
export function optional(reader, otherwise) {
  return (value, name) => (value === undefined ? /** @type {D} */ (otherwise) : reader(value, name));
}

/**
 * @param {number} max
 * @param {number} [min]
 * @returns {Reader<number>}
 */
export function numberUpTo(max, min = 0) {
  return legal((value) => Number.isInteger(value) && value >= min && value <= max);
}

/**
 * @param {RegExp} form
 * @returns {Reader<string>}
 */
export function textLike(form) {
  return legal((value) => typeof value === 'string' && form.test(value));
}

/** @type {Reader<boolean>} */
export const flag = legal((value) => typeof value === 'boolean');
