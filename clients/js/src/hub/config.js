/** What a session is made with. */

/**
 * Who the client is, and every limit of a session. Times are in milliseconds, sizes bytes of payload.
 *
 * @typedef {object} Config
 * @property {string | null} client drawn once and kept as long as it can be; publications are idempotent
 *   within it. Null: the hub draws one for each session, and a publication that was not answered has an
 *   uncertain fate when the session is lost
 * @property {number} firstKey the key of the first publication, at least 1. Whoever keeps `client` goes on
 *   above the keys that were used
 * @property {number} connectTimeout how long the hub may take to answer `connect`; then the link is closed,
 *   and the transport comes back
 * @property {number} heartbeatInterval after how much silence the hub is asked for a sign of life, where the hub
 *   itself would have that later
 * @property {number} heartbeatTimeout how long the hub may take to give it, where the hub itself would have that
 *   be longer
 * @property {number} maxWaiting how many requests may wait for the link, or for room on it. One more is not
 *   sent
 * @property {number} maxWaitingBytes how many bytes may. A request that goes beyond is not sent
 * @property {number} maxAge how long a request may be without a link. Then one that waits is not sent, and
 *   one whose reply is missing has an uncertain fate
 * @property {number} maxUnconfirmed how many messages are kept of which the hub has not said that it got
 *   them; what goes beyond waits
 * @property {number} maxUnconfirmedBytes how many bytes of them
 * @property {number} maxSubscriptions how many there may be, those of the hub included. One more is not made;
 *   a hub that makes one more is not understood
 * @property {number} resubscribeDelay when a subscription that failed for a while is asked for again: half
 *   of this to all of it later
 * @property {number} lapseTimeout how long a hub may take, in a new session, to make a subscription again that it
 *   had made in the former one. Then the application is told that it is unsubscribed
 */

/** The limits by default. @type {Readonly<Omit<Config, 'client' | 'firstKey'>>} */
export const LIMITS = {
  connectTimeout: 10_000,
  heartbeatInterval: Infinity,
  heartbeatTimeout: Infinity,
  maxWaiting: 128,
  maxWaitingBytes: 1024 * 1024,
  maxAge: 30_000,
  maxUnconfirmed: 256,
  maxUnconfirmedBytes: 256 * 1024,
  maxSubscriptions: 1_024,
  resubscribeDelay: 5_000,
  lapseTimeout: 10_000,
};
