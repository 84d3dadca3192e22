/** Values that messages have in them. docs/protocol.md, "Values" and "Presence". */

import { size } from '../message.js';
import { fromBase64 } from './payload.js';
import { both, check, extended, fields, flag, legal, list, numberUpTo, object, optional, textLike } from './read.js';

/** @template T @typedef {import('./read.js').Reader<T>} Reader */

/** The largest number of this language is the largest that JavaScript counts to. */
export const number = numberUpTo(Number.MAX_SAFE_INTEGER);
export const id = numberUpTo(Number.MAX_SAFE_INTEGER, 1);
const u32 = numberUpTo(2 ** 32 - 1);

export const text = textLike(/^/);
/** One that begins with `$` is the hub's own. */
export const topic = textLike(/^(?=.{1,128}$)\$?[\w\-.~:/@+=]*$/);
export const epoch = textLike(/^[ -~]{1,32}$/);
/** Of a user, a session or a client; and a word of the hub, of which a later hub may have more. */
export const name = textLike(/^[ -~]{1,128}$/);

/**
 * Any text of so many bytes.
 *
 * @param {number} max
 * @returns {Reader<string>}
 */
const textUpTo = (max) => legal((value) => typeof value === 'string' && value !== '' && size(value) <= max);

/** A token, or a session's key. */
export const secret = textUpTo(8192);
export const method = textUpTo(128);

/**
 * The place behind the publication with this offset; 0 is before the first.
 *
 * @typedef {{ readonly epoch: string, readonly offset: number, readonly tag: number }} Position
 */

/** @type {Reader<Position>} */
export const position = object({ epoch, offset: number, tag: u32 });

/**
 * Where a publication lies in its topic's log; `prev` is its predecessor's tag.
 *
 * @typedef {{ readonly offset: number, readonly tag: number, readonly prev: number }} Place
 */

/** @type {Reader<Place>} */
export const place = object({ offset: number, tag: u32, prev: u32 });

/**
 * Any JSON value, or bytes as a `Uint8Array`.
 *
 * @type {Reader<{ readonly data: unknown }>}
 */
export function payload(value, name) {
  const { data, b64 } = fields(value, name);
  const bytes = base64(b64 ?? undefined, 'b64');
  check((data === undefined) !== (bytes === undefined), name);
  return { data: bytes ?? data };
}

const base64 = optional((value, name) => {
  const bytes = fromBase64(text(value, name));
  check(bytes !== null, name);
  return bytes;
});

/**
 * What a publication says. `time` is in milliseconds since 1970 UTC; `from` is who published it, if that
 * is told.
 *
 * @typedef {{ readonly time: number, readonly from?: string, readonly data: unknown }} Content
 */

/** @type {Reader<Content>} */
export const content = both(object({ time: number, from: optional(name) }), payload);

/**
 * A session of a user in a topic. `since` is in milliseconds since 1970 UTC; `info` is what the hub's
 * application tells about it.
 *
 * @typedef {{ readonly user: string, readonly session: string, readonly since: number, readonly info?: unknown }} Member
 */

/** @type {Reader<Member>} */
const member = object({ user: name, session: name, since: number, info: (value) => value });

/** @type {Reader<readonly Member[]>} */
export const members = list(member);

/**
 * A member that has left; `seen` is when it was last there.
 *
 * @typedef {{ readonly user: string, readonly session: string, readonly seen: number }} Departure
 */

/** @type {Reader<readonly Departure[]>} */
export const departures = list(object({ user: name, session: name, seen: number }));

/**
 * Who is there: all of them, or how many.
 *
 * @typedef {{ readonly version: number }
 *   & ({ readonly members: readonly Member[], readonly count?: undefined } | { readonly count: number })} PresenceState
 */

export const counted = object({ version: number, count: optional(number) });

/** @type {Reader<PresenceState>} */
export const presence = extended(counted, ({ count }) => count === undefined, object({ members }));

/**
 * Whether a user is there: `online`, `away`, `offline` (with `seen`, when the user was last there),
 * `unknown`, or a word of a later hub. Times are in milliseconds since 1970 UTC.
 *
 * @typedef {{ readonly status: string, readonly since?: number, readonly seen?: number }} UserState
 */

/** @type {Reader<UserState>} */
export const userState = object({ status: name, since: optional(number), seen: optional(number) });

/**
 * Why the hub says no. `code` is for programs: docs/protocol.md, "Errors"; `message` is for people.
 * `temporary`: trying again later may help.
 *
 * @typedef {{ readonly code: string, readonly message: string, readonly temporary: boolean }} ErrorReply
 */

/** @type {Reader<ErrorReply>} */
export const error = object({ code: name, message: optional(text, ''), temporary: optional(flag, false) });
