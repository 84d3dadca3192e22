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
 * Something that happened. After `up` with `resumed` nothing was missed; after `down` it will come back;
 * after `ended` nothing follows. A `publication` is `stored` or `live`. A `heartbeat` was asked for, and came.
 *
 * @typedef {{ readonly type: 'up', readonly session: string, readonly user?: string, readonly resumed: boolean }
 *   | { readonly type: 'down' }
 *   | { readonly type: 'ended', readonly end: End }
 *   | { readonly type: 'subscribed', readonly topic: string, readonly subscribed: Subscribed }
 *   | { readonly type: 'unsubscribed', readonly topic: string, readonly error?: ErrorReply }
 *   | { readonly type: 'publication', readonly publication: Exclude<Publication, { kind: 'skipped' }> }
 *   | { readonly type: 'gap', readonly gap: Gap }
 *   | { readonly type: 'message', readonly data: unknown }
 *   | { readonly type: 'heartbeat', readonly roundTrip: number }
 *   | { readonly type: 'members', readonly topic: string, readonly members: readonly Member[] }
 *   | { readonly type: 'membersChanged', readonly topic: string,
 *       readonly joined: readonly Member[], readonly left: readonly Departure[] }
 *   | { readonly type: 'memberCount', readonly topic: string, readonly count: number }} Event
 */

/**
 * Something to do, in the order in which it was put out: send a message; close the transport, and come back
 * by its own policy, come back `after` so many milliseconds, or stop; tell the application.
 *
 * @typedef {{ readonly type: 'transmit', readonly message: ClientMessage }
 *   | { readonly type: 'close', readonly code: number, readonly then: 'return', readonly after: number | null }
 *   | { readonly type: 'close', readonly code: number, readonly then: 'stop' }
 *   | { readonly type: 'settled', readonly ticket: number, readonly outcome: Outcome }
 *   | Event} Output
 */

export {};
