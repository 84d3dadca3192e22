/** Messages of a hub, read. docs/protocol.md; `everwire_proto::HubMessage` is the same. */

import { ANSWERS, subscribed } from './answers.js';
import { comesBack } from './close-code.js';
import { Fault, fields, flag, numberUpTo, object, optional } from './read.js';
import {
  content,
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
  versioned,
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
 * `ignored` has a number like the rest, and nothing else that matters.
 *
 * @typedef {{ readonly type: 'ok', readonly id: number, readonly answer: Answer }
 *   | { readonly type: 'error', readonly id: number, readonly error: ErrorReply }
 *   | { readonly type: 'pub', readonly publication: Publication }
 *   | { readonly type: 'gap', readonly gap: Gap }
 *   | { readonly type: 'message', readonly data: unknown }
 *   | { readonly type: 'presence', readonly change: PresenceChange }
 *   | { readonly type: 'subscribed', readonly topic: string, readonly subscribed: Subscribed }
 *   | { readonly type: 'unsubscribed', readonly topic: string, readonly error?: ErrorReply }
 *   | { readonly type: 'bye', readonly bye: Bye }
 *   | { readonly type: 'drain', readonly after: number, readonly within: number }
 *   | { readonly type: 'heartbeat', readonly got: number | undefined }
 *   | { readonly type: 'ignored' }} HubMessage
 */

/**
 * @param {string} json
 * @param {(id: number) => CommandType | undefined} asked which command waits under an id
 * @returns {HubMessage}
 * @throws {Fault}
 */
export function read(json, asked) {
  const message = fields(parse(json), 'message');
  const [kind, another] = KINDS.filter((kind) => message[kind] !== undefined);
  if (another !== undefined) throw new Fault('a message of two kinds');
  const numbered = envelope(message, 'message');
  if (kind === undefined) {
    if (numbered.got !== undefined || Object.keys(message).length === 0) return { type: 'heartbeat', got: numbered.got };
    return { type: 'ignored' };
  }
  const value = message[kind];
  if (kind !== 'ok' && kind !== 'error') return PUSHES[kind](value, kind);
  if (numbered.id === undefined) throw new Fault('`id` is missing');
  const to = asked(numbered.id);
  if (to === undefined) return { type: 'ignored' };
  if (kind === 'error') return { type: kind, id: numbered.id, error: error(value, kind) };
  const answer = /** @type {Answer} */ ({ to, ok: ANSWERS[to](value, kind) });
  return { type: kind, id: numbered.id, answer };
}

/** @param {string} json */
function parse(json) {
  try {
    return /** @type {unknown} */ (JSON.parse(json));
  } catch {
    throw new Fault('a message that is not JSON');
  }
}

const envelope = object({ id: optional(id), got: optional(number) });
const withTopic = object({ topic });

/** What comes without having been asked for. @satisfies {Record<string, Reader<HubMessage>>} */
const PUSHES = {
  /** @type {Reader<HubMessage>} */
  pub: (value, name) => ({ type: 'pub', publication: publication(value, name) }),
  /** @type {Reader<HubMessage>} */
  gap: (value, name) => ({ type: 'gap', gap: gap(value, name) }),
  /** @type {Reader<HubMessage>} */
  message: (value, name) => ({ type: 'message', data: payload(fields(value, name), name) }),
  /** @type {Reader<HubMessage>} */
  presence: (value, name) => ({ type: 'presence', change: change(value, name) }),
  /** @type {Reader<HubMessage>} */
  subscribed: (value, name) => ({
    type: 'subscribed',
    ...withTopic(value, name),
    subscribed: subscribed(value, name),
  }),
  /** @type {Reader<HubMessage>} */
  unsubscribed: (value, name) => ({ type: 'unsubscribed', ...unsubscribed(value, name) }),
  /** @type {Reader<HubMessage>} */
  bye: (value, name) => ({ type: 'bye', bye: bye(value, name) }),
  /** @type {Reader<HubMessage>} */
  drain: (value, name) => ({ type: 'drain', ...drain(value, name) }),
};

const KINDS = /** @type {('ok' | 'error' | keyof typeof PUSHES)[]} */ (['ok', 'error', ...Object.keys(PUSHES)]);

const unsubscribed = object({ topic, error: optional(error) });
const drain = object({ after: number, within: number });
const skipped = object({ skip: optional(flag, false) });

/** @type {Reader<Publication>} */
function publication(value, name) {
  const { topic } = withTopic(value, name);
  const { skip } = skipped(value, name);
  const { offset, tag, prev } = fields(value, name);
  const isLive = offset === undefined && tag === undefined && prev === undefined;
  if (skip) return { kind: 'skipped', topic, ...place(value, name) };
  if (isLive) return { kind: 'live', topic, ...content(value, name) };
  return { kind: 'stored', topic, ...place(value, name), ...content(value, name) };
}

/** @type {Reader<Gap>} */
function gap(value, name) {
  const read = missed(value, name);
  if ((read.from === undefined) !== (read.to === undefined)) throw new Fault('a gap with one end');
  return read;
}

const missed = object({ topic, reason: name, from: optional(position), to: optional(position) });

/** @type {Reader<PresenceChange>} */
function change(value, name) {
  const { version, count } = versioned(value, name);
  const { topic } = withTopic(value, name);
  if (count !== undefined) return { topic, version, count };
  return { topic, version, ...moved(value, name) };
}

const moved = object({ join: optional(members, []), leave: optional(departures, []) });

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
