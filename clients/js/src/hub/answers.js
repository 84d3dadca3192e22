/** What a hub answers to commands. docs/protocol.md, "Connecting", "Topics" and "Presence". */

import { both, entries, extended, flag, list, numberUpTo, object, optional } from './read.js';
import {
  content,
  epoch,
  error,
  name,
  number,
  payload,
  place,
  position,
  presence,
  secret,
  topic,
  userState,
} from './values.js';

/** @template T @typedef {import('./read.js').Reader<T>} Reader */

/** @typedef {import('./values.js').Content} Content */
/** @typedef {import('./values.js').ErrorReply} ErrorReply */
/** @typedef {import('./values.js').Place} Place */
/** @typedef {import('./values.js').Position} Position */
/** @typedef {import('./values.js').PresenceState} PresenceState */

/**
 * Where a subscription begins, and where the log ended at that moment: whoever has reached `head` has
 * caught up. A topic that is `live` has no history and no positions.
 *
 * @typedef {{ readonly live: true } | { readonly live: false, readonly position: Position, readonly head: Position }} Start
 */

/**
 * Whether it goes on where the client was, if the client was somewhere. If not it begins at the log's end.
 *
 * @typedef {{ readonly recovered?: true } | { readonly recovered: false, readonly reason: string }} Recovery
 */

/** @typedef {Start & Recovery & { readonly presence?: PresenceState }} Subscribed */

const beginning = object({ live: optional(flag, false), recovered: optional(flag), presence: optional(presence) });
const placed = extended(beginning, ({ live }) => !live, object({ position, head: position }));

/** @type {Reader<Subscribed>} */
export const subscribed = extended(placed, ({ recovered }) => recovered === false, object({ reason: name }));

/** What became of a subscription that `connect` named. @typedef {{ readonly ok: Subscribed } | { readonly error: ErrorReply }} Named */

/** @type {Reader<Named>} */
const named = extended(object({ error: optional(error) }), ({ error }) => error === undefined, object({ ok: subscribed }));

/**
 * Spans are in milliseconds; `limits` has the names that it has in messages.
 *
 * @typedef {ReturnType<typeof connected>} Connected
 */

const connected = object({
  session: name,
  key: secret,
  user: optional(name),
  resumed: optional(flag, false),
  got: number,
  heartbeat: object({ interval: numberUpTo(Number.MAX_SAFE_INTEGER, 1), timeout: number }),
  limits: object({ max_message: number, max_subscriptions: number, max_unanswered: number }),
  subscriptions: optional(entries(topic, named), []),
});

/** Where a publication is stored; nowhere in a topic without history. @typedef {{ readonly offset?: number, readonly epoch?: string }} Receipt */

/** @type {Reader<Receipt>} */
const receipt = extended(object({ offset: optional(number) }), ({ offset }) => offset !== undefined, object({ epoch }));

/** A publication of the past. @typedef {Place & Content} Past */

/**
 * Oldest first. `more`: the log goes further back; `position` was its end at that moment.
 *
 * @typedef {ReturnType<typeof history>} HistoryPage
 */

const history = object({ position, more: optional(flag, false), publications: list(both(place, content)) });

const status = object({ users: entries(name, userState) });

/** What each command is answered with. */
export const ANSWERS = {
  connect: connected,
  subscribe: subscribed,
  unsubscribe: object({}),
  publish: receipt,
  history,
  rpc: payload,
  presence,
  status,
};

/** @typedef {keyof typeof ANSWERS} CommandType */

/**
 * The answer to a command of this type.
 *
 * @template {CommandType} [K=CommandType]
 * @typedef {{ [T in K]: { readonly to: T, readonly ok: ReturnType<(typeof ANSWERS)[T]> } }[K]} Answer
 */
