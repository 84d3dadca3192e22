/** What happens to a session. */

/** What the application knows a request by. @typedef {number | object} Ticket */

/** @typedef {import('./client-message.js').SubscribeOptions} SubscribeOptions */
/** @typedef {import('./payload.js').Payload} Payload */

/**
 * What an application asks for: to hear a topic from now on, whatever becomes of the link; to hear it no
 * longer; to publish, sent again until the hub has answered if the client has a name; to have the endpoint do
 * something; to tell it something; publications of the past, with offsets below `before`, at most `limit`; who is there; whether
 * users are.
 *
 * @typedef {{ readonly type: 'subscribe', readonly topic: string, readonly options: SubscribeOptions }
 *   | { readonly type: 'unsubscribe' | 'presence', readonly topic: string }
 *   | { readonly type: 'publish', readonly topic: string, readonly payload: Payload, readonly echo: boolean }
 *   | { readonly type: 'rpc', readonly method: string, readonly payload: Payload }
 *   | { readonly type: 'send', readonly payload: Payload }
 *   | { readonly type: 'history', readonly topic: string, readonly before?: number, readonly limit?: number }
 *   | { readonly type: 'status', readonly users: readonly string[] }} Request
 */

/**
 * - `opened`: the transport is open. `token` is what to connect with, if the hub asks for one.
 * - `received`: a message arrived, text or something that does not belong here.
 * - `lost`: the transport is no longer open; `code` is the hub's, or null.
 * - `tick`: it is `session.deadline`.
 * - `request`: what becomes of it is settled once, under this ticket.
 * - `ack`: the application has dealt with everything up to there. Backwards it does nothing.
 * - `away`: whether the user is.
 * - `close`: the application wants no more.
 *
 * @typedef {{ readonly type: 'opened', readonly token?: string }
 *   | { readonly type: 'received', readonly message: import('../message.js').Message }
 *   | { readonly type: 'lost', readonly code: number | null }
 *   | { readonly type: 'tick' | 'close' }
 *   | { readonly type: 'request', readonly ticket: Ticket, readonly request: Request }
 *   | { readonly type: 'ack', readonly topic: string, readonly offset: number }
 *   | { readonly type: 'away', readonly away: boolean }} Input
 */

export {};
