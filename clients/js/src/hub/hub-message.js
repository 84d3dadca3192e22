/** Messages of a hub, read. docs/protocol.md; `everwire_proto::HubMessage` is the same. */

import { ANSWERS, subscribed } from './answers.js';
import { comesBack } from './close-code.js';
import { both, check, extended, fields, flag, numberUpTo, object, optional } from './read.js';
import {
  content,
  counted,
  departures,
  error,
  id,
  members,
  name,
  number,
  payload,
  place,
  position,
  text,
  topic,
} from './values.js';

/** @template T @typedef {import('./read.js').Reader<T>} Reader */

/** @typedef {import('./answers.js').Answer} Answer */
/** @typedef {import('./answers.js').CommandType} CommandType */
/** @typedef {import('./answers.js').Subscribed} Subscribed */
/** @typedef {import('./values.js').Content} Content */
/** @typedef {import('./values.js').Departure} Departure */
/** @typedef {import('./values.js').ErrorReply} ErrorReply */
/** @typedef {import('./values.js').Member} Member */
/** @typedef {import('./values.js').Place} Place */
/** @typedef {import('./values.js').Position} Position */

/**
 * `skipped` is not for this client, which only moves its position; `live` is in a topic without history.
 *
 * @typedef {{ readonly topic: string }
 *   & (({ readonly kind: 'stored' } & Place & Content)
 *   | ({ readonly kind: 'skipped' } & Place)
 *   | ({ readonly kind: 'live' } & Content))} Publication
 */

/**
 * Publications behind `from` and up to `to` will not come. Neither is there in a topic without history.
 *
 * @typedef {{ readonly topic: string, readonly reason: string, readonly from?: Position, readonly to?: Position }} Gap
 */

/**
 * @typedef {{ readonly topic: string, readonly version: number }
 *   & ({ readonly count: number }
 *   | { readonly count?: undefined, readonly join: readonly Member[], readonly leave: readonly Departure[] })} PresenceChange
 */

/** The hub's last message on a link; `after` is in milliseconds. @typedef {{ readonly code: number, readonly reason: string, readonly retry: boolean, readonly after?: number }} Bye */

/**
 * What comes without having been asked for.
 *
 * @typedef {{ [K in keyof typeof PUSHES]: { readonly type: K, readonly value: ReturnType<(typeof PUSHES)[K]> } }[keyof typeof PUSHES]} Push
 */

/**
 * A reply to the command with this id: what was asked for, or why not.
 *
 * @typedef {{ readonly id: number, readonly answer: Answer | { readonly error: ErrorReply } }} Reply
 */

/**
 * A `heartbeat` says how many messages the hub has got, or asks how many came. `ignored` has a number like the
 * rest, and nothing else that matters.
 *
 * @typedef {{ readonly type: 'reply', readonly value: Reply }
 *   | Push
 *   | { readonly type: 'heartbeat', readonly value: number | undefined }
 *   | { readonly type: 'ignored', readonly value?: undefined }} HubMessage
 */

/**
 * @param {string} json
 * @param {(id: number) => CommandType | undefined} asked which command waits under an id
 * @returns {HubMessage}
 * @throws {SyntaxError}
 */
export function read(json, asked) {
  const message = fields(JSON.parse(json), 'message');
  const { id, got } = envelope(message, 'message');
  const [type, another] = KINDS.filter((kind) => (message[kind] ?? undefined) !== undefined);
  check(another === undefined, 'message');
  if (type === undefined) {
    const isHeartbeat = got !== undefined || Object.keys(message).length === 0;
    return isHeartbeat ? { type: 'heartbeat', value: got } : { type: 'ignored' };
  }
  const value = message[type];
  if (type !== 'ok' && type !== 'error') return /** @type {Push} */ ({ type, value: PUSHES[type](value, type) });
  check(id !== undefined, 'id');
  const to = asked(id);
  if (to === undefined) return { type: 'ignored' };
  if (type === 'error') return { type: 'reply', value: { id, answer: { error: error(value, type) } } };
  const answer = /** @type {Answer} */ ({ to, ok: ANSWERS[to](value, type) });
  return { type: 'reply', value: { id, answer } };
}

const envelope = object({ id: optional(id), got: optional(number) });
const withTopic = object({ topic });
const skippable = object({ topic, skip: optional(flag, false) });

/** @type {Reader<Publication>} */
function publication(value, name) {
  const { skip, ...topic } = skippable(value, name);
  if (skip) return { kind: 'skipped', ...topic, ...place(value, name) };
  const { offset, tag, prev } = fields(value, name);
  const isLive = (offset ?? tag ?? prev ?? undefined) === undefined;
  if (isLive) return { kind: 'live', ...topic, ...content(value, name) };
  return { kind: 'stored', ...topic, ...place(value, name), ...content(value, name) };
}

/** @type {Reader<Gap>} */
function gap(value, name) {
  const read = missed(value, name);
  // Both ends or neither.
  check(!read.from === !read.to, name);
  return read;
}

const missed = object({ topic, reason: name, from: optional(position), to: optional(position) });

const moved = object({ join: optional(members, []), leave: optional(departures, []) });

/** @type {Reader<PresenceChange>} */
const change = extended(both(withTopic, counted), ({ count }) => count === undefined, moved);

/** @type {Reader<Bye>} */
function bye(value, name) {
  const { retry, ...read } = ending(value, name);
  return { ...read, retry: retry ?? comesBack(read.code) };
}

const ending = object({
  code: numberUpTo(2 ** 16 - 1),
  reason: optional(text, ''),
  retry: optional(flag),
  after: optional(number),
});

const PUSHES = {
  pub: publication,
  gap,
  message: payload,
  presence: change,
  subscribed: both(withTopic, subscribed),
  unsubscribed: object({ topic, error: optional(error) }),
  bye,
  drain: object({ after: number, within: number }),
};

const KINDS = /** @type {('ok' | 'error' | keyof typeof PUSHES)[]} */ (['ok', 'error', ...Object.keys(PUSHES)]);
