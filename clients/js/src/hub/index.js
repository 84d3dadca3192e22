/**
 * A hub's client for browsers and Node: `import { connect } from 'everwire/hub'`.
 *
 * Layout:
 * - `client.js`, `topic.js`: what programs see of it; `reader.js`: loops over a topic
 * - `driver.js`: the session with a socket, time and requests; `options.js`, `error.js`, `target.js`
 * - `session.js`: what it decides, as a value
 */

export { HubClient, connect } from './client.js';
export { HubError } from './error.js';
export { Topic } from './topic.js';

/** @typedef {import('./client.js').HubEvents} HubEvents */
/** @typedef {import('./client.js').State} State */
/** @typedef {import('./options.js').Options} Options */
/** @typedef {import('./topic.js').Publication} Publication */
/** @typedef {import('./topic.js').TopicEvents} TopicEvents */
