/** Messages of a client, written. docs/protocol.md; `everwire_proto::ClientMessage` is the same. */

/** @typedef {import('./payload.js').Payload} Payload */
/** @typedef {import('./values.js').Position} Position */

/** The version of the language that is spoken here. */
const VERSION = 1;

/**
 * From where to hear a topic: what is published from now on, all that is stored, what follows what this
 * client acknowledged, so many of the newest, or what follows a position.
 *
 * @typedef {'latest' | 'earliest' | 'acknowledged' | { readonly last: number } | Position} From
 */

/**
 * How to hear a topic.
 *
 * @typedef {object} SubscribeOptions
 * @property {From} [from] default: `latest`
 * @property {'resume' | 'drop' | 'close'} [slow] what the hub does when this client is slow; default: the
 *   topic's policy
 * @property {'none' | 'count' | 'full'} [presence] how much of who is there to hear; default: `none`
 */

/**
 * `again` is the epoch that the topic had when it was published first: empty if that is not known, null if
 * it is the first time. `echo`: whether this session gets it back.
 *
 * @typedef {object} Publish
 * @property {string} topic
 * @property {number} key counted upwards: makes it idempotent
 * @property {string | null} again
 * @property {boolean} echo
 * @property {Payload} payload
 */

/**
 * @typedef {{ readonly session: string, readonly key: string, readonly got: number }} Resume a session to
 *   go on with, and how many messages of it were received
 */

/**
 * @typedef {object} Connect
 * @property {string} [client]
 * @property {string} [token]
 * @property {Resume} [resume]
 * @property {readonly (readonly [topic: string, options: SubscribeOptions])[]} subscriptions
 */

/**
 * What a client asks for.
 *
 * @typedef {({ readonly type: 'connect' } & Readonly<Connect>)
 *   | { readonly type: 'subscribe', readonly topic: string, readonly options: SubscribeOptions }
 *   | { readonly type: 'unsubscribe' | 'presence', readonly topic: string }
 *   | ({ readonly type: 'publish' } & Readonly<Publish>)
 *   | { readonly type: 'history', readonly topic: string, readonly before?: number, readonly limit?: number }
 *   | { readonly type: 'rpc', readonly method: string, readonly payload: Payload }
 *   | { readonly type: 'status', readonly users: readonly string[] }} Command
 */

/**
 * @typedef {{ readonly type: 'command', readonly id: number, readonly command: Command }
 *   | { readonly type: 'send', readonly payload: Payload }
 *   | { readonly type: 'ack', readonly topic: string, readonly offset: number }
 *   | { readonly type: 'away', readonly away: boolean }
 *   | { readonly type: 'heartbeat', readonly got?: number }} ClientMessage
 */

/**
 * @param {ClientMessage} message
 * @returns {string} JSON
 */
export function write(message) {
  if (message.type === 'command') {
    const { id, command } = message;
    return object({ id, payload: { field: command.type, text: writeCommand(command) } });
  }
  const { type, ...fields } = message;
  const text = object(fields);
  return type === 'send' || type === 'ack' ? object({ payload: { field: type, text } }) : text;
}

/** @param {Command} command */
function writeCommand(command) {
  switch (command.type) {
    case 'connect': {
      const { client, token, resume, subscriptions } = command;
      // Not an object: it would put a topic like `42` first, and lose `__proto__`.
      const named = subscriptions.map(([topic, options]) => `"${topic}":${object(heard(options))}`);
      const payload = named.length > 0 ? { field: 'subscriptions', text: `{${named}}` } : undefined;
      return object({ version: VERSION, client, token, resume, payload });
    }
    case 'subscribe':
      return object({ topic: command.topic, ...heard(command.options) });
    case 'publish': {
      const { topic, key, again, echo, payload } = command;
      return object({ topic, key, again: again ?? undefined, echo: echo ? undefined : false, payload });
    }
    default: {
      const { type, ...fields } = command;
      return object(fields);
    }
  }
}

/**
 * What is the default is left out.
 *
 * @param {SubscribeOptions} options
 */
function heard({ from, slow, presence }) {
  return {
    from: from === 'latest' ? undefined : from,
    slow,
    presence: presence === 'none' ? undefined : presence,
  };
}

/**
 * @param {{ payload?: { field: string, text: string }, [field: string]: unknown }} fields the payload's text goes
 *   as it is, behind the others
 */
function object({ payload, ...fields }) {
  const text = JSON.stringify(fields);
  if (payload === undefined) return text;
  return `${text.slice(0, -1)}${text === '{}' ? '' : ','}"${payload.field}":${payload.text}}`;
}
