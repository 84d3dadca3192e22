/** What a session asks for and tells. */

/** @typedef {import('./answers.js').Answer} Answer */
/** @typedef {import('./answers.js').Subscribed} Subscribed */
/** @typedef {import('./client-message.js').ClientMessage} ClientMessage */
/** @typedef {import('./hub-message.js').Bye} Bye */
/** @typedef {import('./hub-message.js').Gap} Gap */
/** @typedef {import('./hub-message.js').Publication} Publication */
/** @typedef {import('./values.js').Departure} Departure */
/** @typedef {import('./values.js').ErrorReply} ErrorReply */
/** @typedef {import('./values.js').Member} Member */

/**
 * Why a request never left: as much waits as may, it waited too long, its payload is larger than the hub
 * takes, the topic is subscribed already, or is not, or the session has ended.
 *
 * @typedef {'full' | 'expired' | 'tooLarge' | 'subscribed' | 'notSubscribed' | 'ended'} NotSent
 */

/**
 * What became of a request. `done`: the hub did it. `subscribed`: the subscription stands. `sent`: the hub
 * has got the message. `refused`: the hub did not do it. `uncertain`: it was done or not; the session was
 * lost before the hub said which. `withdrawn`: the application unsubscribed before the subscription stood.
 *
 * @typedef {{ readonly outcome: 'done', readonly answer: Answer }
 *   | { readonly outcome: 'subscribed' | 'sent' }
 *   | { readonly outcome: 'uncertain' | 'withdrawn' }
 *   | { readonly outcome: 'refused', readonly error: ErrorReply }
 *   | { readonly outcome: 'notSent', readonly why: NotSent }} Outcome
 */

/**
 * Why a session is over: the application closed it, the hub sent it away, the hub refused `connect`, the
 * transport was closed with a code after which nobody comes back, or the hub said something that is none
 * of this language.
 *
 * @typedef {{ readonly why: 'closed' }
 *   | { readonly why: 'bye', readonly bye: Bye }
 *   | { readonly why: 'refused', readonly error: ErrorReply }
 *   | { readonly why: 'code', readonly code: number }
 *   | { readonly why: 'notUnderstood', readonly message: string }} End
 */

/**
 * What happens in a topic, and what is told of it: a `publication` is `stored` or `live`; who is there as a
 * whole, what changed, or how many.
 *
 * @typedef {object} TopicDetails
 * @property {Subscribed} subscribed
 * @property {ErrorReply | undefined} unsubscribed
 * @property {Exclude<Publication, { kind: 'skipped' }>} publication
 * @property {Gap} gap
 * @property {readonly Member[]} members
 * @property {{ readonly joined: readonly Member[], readonly left: readonly Departure[] }} membersChanged
 * @property {number} memberCount
 */

/** @typedef {{ [K in keyof TopicDetails]: { readonly type: K, readonly topic: string, readonly detail: TopicDetails[K] } }[keyof TopicDetails]} TopicEvent */

/**
 * Something that happened. After `up` with `resumed` nothing was missed; after `down` it will come back;
 * after `ended` nothing follows. A `heartbeat` was asked for, and came: the round trip.
 *
 * @typedef {{ readonly type: 'up', readonly session: string, readonly user?: string, readonly resumed: boolean }
 *   | { readonly type: 'down' }
 *   | { readonly type: 'ended', readonly end: End }
 *   | { readonly type: 'message', readonly detail: unknown }
 *   | { readonly type: 'heartbeat', readonly detail: number }
 *   | TopicEvent} Event
 */

/**
 * Something to do, in the order in which it was put out: send a message; close the transport, and come back
 * by its own policy, come back `after` so many milliseconds, or stop; tell the application.
 *
 * @typedef {{ readonly type: 'transmit', readonly message: ClientMessage }
 *   | { readonly type: 'close', readonly code: number, readonly then: 'return', readonly after: number | null }
 *   | { readonly type: 'close', readonly code: number, readonly then: 'stop' }
 *   | { readonly type: 'settled', readonly ticket: import('./input.js').Ticket, readonly outcome: Outcome }
 *   | Event} Output
 */

export {};
