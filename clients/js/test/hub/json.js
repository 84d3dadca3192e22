/** What happens to a session, and what it does, as crates/proto/vectors/README.md writes them down. */

import { write } from '../../src/hub/client-message.js';
import { payload } from '../../src/hub/payload.js';

/** @typedef {import('../../src/hub/client-message.js').Command} Command */
/** @typedef {import('../../src/hub/client-message.js').SubscribeOptions} SubscribeOptions */
/** @typedef {import('../../src/hub/input.js').Input} Input */
/** @typedef {import('../../src/hub/input.js').Request} Request */
/** @typedef {import('../../src/hub/output.js').Output} Output */

/** Any JSON object that is recorded. @typedef {Record<string, unknown>} Json */

/**
 * What tests read of recorded objects.
 *
 * @typedef {{ ticket: number, topic: string, offset: number, method: string, echo?: boolean, before?: number,
 *   limit?: number, users: string[], data?: unknown, b64?: string } & SubscribeOptions} Fields
 */

/** @param {{ data?: unknown, b64?: string }} fields */
export function payloadOf({ data, b64 }) {
  return payload(b64 === undefined ? data : Uint8Array.from(Buffer.from(b64, 'base64')));
}

/**
 * A request of the application: what a client would send for it has the same fields.
 *
 * @param {Json} app
 * @returns {Input}
 */
export function application(app) {
  const [[kind, value]] = Object.entries(app);
  if (kind === 'close') return { type: 'close' };
  if (kind === 'away') return { type: 'away', away: value === true };
  const fields = /** @type {Fields} */ (value);
  if (kind === 'ack') return { type: 'ack', topic: fields.topic, offset: fields.offset };
  return { type: 'request', ticket: fields.ticket, request: request(kind, fields) };
}

/**
 * @param {string} type
 * @param {Fields} fields
 * @returns {Request}
 */
export function request(type, fields) {
  const { ticket, topic, method, users, before, limit, echo = true, ...options } = fields;
  switch (type) {
    case 'subscribe':
      return { type, topic, options };
    case 'unsubscribe':
    case 'presence':
      return { type, topic };
    case 'publish':
      return { type, topic, payload: payloadOf(fields), echo };
    case 'rpc':
      return { type, method, payload: payloadOf(fields) };
    case 'send':
      return { type, payload: payloadOf(fields) };
    case 'history':
      return { type, topic, before, limit };
    case 'status':
      return { type, users };
    default:
      throw new Error(`what is ${type}?`);
  }
}

/**
 * @param {{ link?: unknown, code?: number }} step
 * @param {string} [token]
 * @returns {Input}
 */
export function link({ link, code }, token) {
  if (link === 'open') return { type: 'opened', token };
  return { type: 'lost', code: code ?? null };
}

/**
 * @param {Output} output
 * @returns {unknown}
 */
export function output(output) {
  switch (output.type) {
    case 'transmit':
      return { client: JSON.parse(write(output.message)) };
    case 'close': {
      const { type, ...closes } = output;
      return { closes: written(closes) };
    }
    case 'settled': {
      const { ticket, outcome } = output;
      if (outcome.outcome !== 'done') return { sees: { settled: { ticket, ...outcome } } };
      return { sees: { settled: { ticket, outcome: 'done', answer: answer(outcome.answer) } } };
    }
    default:
      return { sees: event(output) };
  }
}

/** @param {import('../../src/hub/output.js').Event} event */
function event(event) {
  switch (event.type) {
    case 'up':
      return { up: { user: null, ...written({ ...event, type: undefined }) } };
    case 'down':
      return { down: {} };
    case 'ended':
      // The text is for people, and may be another one elsewhere.
      return { ended: event.end.why === 'notUnderstood' ? { why: event.end.why } : event.end };
    case 'publication':
      return { publication: written({ ...event.detail, kind: undefined }) };
    case 'gap':
      return { gap: written(event.detail) };
    case 'message':
      return { message: written({ data: event.detail }) };
    case 'subscribed':
      return { subscribed: { topic: event.topic, ...subscribed(event.detail) } };
    case 'unsubscribed':
      return { unsubscribed: written({ topic: event.topic, error: event.detail }) };
    case 'heartbeat':
      return { heartbeat: { roundTrip: event.detail } };
    case 'members':
      return { members: { topic: event.topic, members: event.detail } };
    case 'membersChanged':
      return { membersChanged: { topic: event.topic, ...event.detail } };
    case 'memberCount':
      return { memberCount: { topic: event.topic, count: event.detail } };
  }
}

/**
 * @param {import('../../src/hub/answers.js').Answer} answer
 * @returns {unknown}
 */
export function answer(answer) {
  switch (answer.to) {
    case 'connect': {
      const { subscriptions, ...connected } = answer.ok;
      const named = subscriptions.map(([topic, named]) => [topic, 'ok' in named ? { ok: subscribed(named.ok) } : named]);
      return { version: 1, ...connected, ...(named.length > 0 && { subscriptions: Object.fromEntries(named) }) };
    }
    case 'subscribe':
      return subscribed(answer.ok);
    case 'status':
      return { users: Object.fromEntries(answer.ok.users) };
    case 'history':
      return { ...answer.ok, publications: answer.ok.publications.map(written) };
    default:
      return written(answer.ok);
  }
}

/** @param {import('../../src/hub/answers.js').Subscribed} subscribed */
export function subscribed(subscribed) {
  return written({ ...subscribed, live: subscribed.live || undefined });
}

/**
 * Bytes as they are in JSON, and nothing that is left out.
 *
 * @param {object} fields
 * @returns {Json}
 */
export function written(fields) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  const all = /** @type {Json} */ ({ ...Object.fromEntries(entries) });
  if (!('data' in fields)) return all;
  const { data, ...rest } = fields;
  const isBytes = data instanceof Uint8Array;
  return isBytes ? { ...written(rest), b64: Buffer.from(data).toString('base64') } : { ...all, data };
}
