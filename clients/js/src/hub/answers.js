/** What a hub answers to commands. docs/protocol.md, "Connecting", "Topics" and "Presence". */

import { entries, fields, flag, list, numberUpTo, object, optional } from './read.js';
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

/** @type {Reader<Subscribed>} */
export function subscribed(value, name) {
  const { presence, ...start } = beginning(value, name);
  const recovery = recovered(value, name);
  return presence === undefined ? { ...start, ...recovery } : { ...start, ...recovery, presence };
}

/** @type {Reader<Start & { readonly presence?: PresenceState }>} */
function beginning(value, name) {
  const { live, ...rest } = whether(value, name);
  return live ? { live, ...rest } : { live, ...rest, ...positions(value, name) };
}

const whether = object({ live: optional(flag, false), presence: optional(presence) });
const positions = object({ position, head: position });

/** @type {Reader<Recovery>} */
function recovered(value, name) {
  const { recovered } = outcome(value, name);
  if (recovered === undefined) return {};
  return recovered ? { recovered } : { recovered, ...reason(value, name) };
}

const outcome = object({ recovered: optional(flag) });
const reason = object({ reason: name });

/** What became of a subscription that `connect` named. @typedef {{ readonly ok: Subscribed } | { readonly error: ErrorReply }} Named */

/** @type {Reader<Named>} */
function named(value, name) {
  const { error } = refusal(value, name);
  return error === undefined ? accepted(value, name) : { error };
}

const refusal = object({ error: optional(error) });
const accepted = object({ ok: subscribed });

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
function receipt(value, name) {
  return object({ offset: optional(number) })(value, name).offset === undefined ? {} : stored(value, name);
}

const stored = object({ offset: number, epoch });

/** A publication of the past. @typedef {Place & Content} Past */

/** @type {Reader<Past>} */
const past = (value, name) => ({ ...place(value, name), ...content(value, name) });

/**
 * Oldest first. `more`: the log goes further back; `position` was its end at that moment.
 *
 * @typedef {ReturnType<typeof history>} HistoryPage
 */

const history = object({ position, more: optional(flag, false), publications: list(past) });

const status = object({ users: entries(name, userState) });

/** What each command is answered with. */
export const ANSWERS = {
  connect: connected,
  subscribe: subscribed,
  unsubscribe: object({}),
  publish: receipt,
  history,
  /** @type {Reader<{ readonly data: unknown }>} */
  rpc: (value, name) => ({ data: payload(fields(value, name), name) }),
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
