/** A room: what is said there, who is there, and what was missed while this page was away. */

import { age } from './format.js';
import { compose, decode, encode } from './message.js';
import { Transcript } from './transcript.js';

/** @typedef {import('/everwire/hub/index.js').HubClient} HubClient */
/** @typedef {import('/everwire/hub/index.js').HubError} HubError */
/** @typedef {import('/everwire/hub/index.js').Publication} Publication */
/** @typedef {import('/everwire/hub/index.js').Topic} Topic */
/** @typedef {import('/everwire/hub/index.js').TopicEvents} TopicEvents */
/** @typedef {import('/everwire/hub/values.js').Position} Position */
/** @typedef {import('./entry.js').Entry} Entry */
/** @typedef {import('./message.js').Chat} Chat */
/** @typedef {import('./message.js').Message} Message */

/** What a room is joined with: so many of its latest messages. */
const LATEST = 50;
/** What the topic of a room begins with. */
const ROOM = 'room:';

/**
 * What a room tells of itself.
 *
 * @typedef {object} Listener
 * @property {() => void} changed who is there, or how much is unread
 * @property {() => void} heard a message of somebody else's, which is new
 * @property {(ms: number) => void} measured an own message went to the log and back
 */

export class Room {
  #listener;
  #user;
  #transcript;
  /** @type {Topic | null} */
  #topic = null;
  /** Up to where it was heard. @type {Position | null} */
  #position = null;
  /** What is not new: it was said before the room was joined. */
  #pastUntil = 0;
  /** Since when it has not been heard, and how much of that was caught up with. @type {Absence | null} */
  #absence = null;
  /** What comes while a gap is being filled; else null. @type {Publication[] | null} */
  #held = null;
  /** Own messages that have not come back. @type {Map<string, Entry>} */
  #underWay = new Map();
  unread = 0;

  /**
   * @param {string} name
   * @param {string} user who this is
   * @param {HTMLElement} view where it is shown
   * @param {Listener} listener
   */
  constructor(name, user, view, listener) {
    this.name = name;
    this.view = view;
    this.#user = user;
    this.#listener = listener;
    this.#transcript = new Transcript(view);
  }

  /** Who is there. */
  get members() {
    return [...(this.#topic?.members.values() ?? [])];
  }

  /**
   * Hears the room from now on, by this client: from where it was heard before, if it was.
   *
   * @param {HubClient} client
   */
  join(client) {
    const from = this.#position ?? { last: LATEST };
    const topic = client.topic(ROOM + this.name, { from, presence: 'full' });
    this.#topic = topic;
    topic.addEventListener('subscribed', ({ detail }) => this.#subscribed(detail));
    topic.addEventListener('publication', ({ detail }) => this.#published(detail));
    topic.addEventListener('gap', ({ detail }) => this.#missing(topic, detail));
    topic.addEventListener('presence', () => this.#listener.changed());
    topic.subscribe().catch((error) => this.#refused(error));
  }

  leave() {
    this.#topic?.unsubscribe().catch(() => {});
    this.view.remove();
  }

  /** The link is lost. */
  away() {
    if (this.#position !== null) this.#absence ??= { since: performance.now(), missed: 0, until: Infinity, isWhole: true };
  }

  /** All that was missed has come, unless it comes behind a subscription. */
  back() {
    if (this.#absence?.until === Infinity) this.#caughtUp(this.#absence);
  }

  seen() {
    this.unread = 0;
    this.#listener.changed();
  }

  /**
   * @param {string} name
   * @param {string} text
   * @param {boolean} waits whether there is no link
   */
  say(name, text, waits) {
    const chat = compose(name, text);
    const entry = this.#transcript.own(chat);
    entry.sending(waits);
    this.#underWay.set(chat.id, entry);
    const begun = performance.now();
    const topic = /** @type {Topic} */ (this.#topic);
    topic.publish(encode(chat)).then(
      () => this.#stored(entry, waits || this.#absence !== null ? null : performance.now() - begun),
      (error) => this.#failed(chat, entry, error),
    );
  }

  /**
   * What cannot even be tried.
   *
   * @param {string} name
   * @param {string} text
   * @param {string} why
   */
  refuse(name, text, why) {
    const entry = this.#transcript.own(compose(name, text));
    entry.refused(why);
    return { text, remove: () => this.#transcript.remove(entry) };
  }

  /** @param {TopicEvents['subscribed']} subscribed */
  #subscribed(subscribed) {
    if (subscribed.live) return;
    const { position, head } = subscribed;
    if (this.#position === null) this.#pastUntil = head.offset;
    this.#position = position;
    if (this.#absence === null) return;
    this.#absence.until = head.offset;
    if (subscribed.recovered === false) this.#absence.isWhole = false;
    if (position.offset >= head.offset) this.#caughtUp(this.#absence);
  }

  /**
   * Something will not come by itself. What the log still has of it is read, while all that comes waits.
   *
   * @param {Topic} topic
   * @param {TopicEvents['gap']} gap
   */
  async #missing(topic, { reason, from, to }) {
    this.#transcript.note(missing(reason), 'gap');
    if (to === undefined || this.#held !== null) return;
    this.#position = to;
    this.#held = [];
    const begin = from?.epoch === to.epoch ? from.offset : 0;
    const page = await topic.history({ before: to.offset + 1 }).catch(() => null);
    for (const { offset, time, from: who = 'somebody', data } of page?.publications ?? []) {
      if (offset > begin) this.#log(decode(data), who, new Date(time), true);
    }
    const held = this.#held;
    this.#held = null;
    for (const publication of held) this.#published(publication);
  }

  /** @param {Publication} publication */
  #published(publication) {
    if (publication.kind !== 'stored' || this.#position === null) return;
    if (this.#held !== null) return void this.#held.push(publication);
    const { offset, tag, time, from = 'somebody', data } = publication;
    this.#position = { epoch: this.#position.epoch, offset, tag };
    const message = decode(data);
    const isOwn = message.kind === 'chat' && this.#underWay.has(message.id);
    const absence = this.#absence;
    if (absence !== null && !isOwn && absence.missed++ === 0) this.#transcript.note('While you were away', 'away');
    this.#log(message, from, new Date(time), absence !== null);
    if (!isOwn && offset > this.#pastUntil) {
      if (this.view.hidden || document.hidden) this.unread += 1;
      this.#listener.heard();
    }
    if (absence !== null && offset >= absence.until) this.#caughtUp(absence);
  }

  /**
   * Shows what is in the log.
   *
   * @param {Message} message
   * @param {string} from
   * @param {Date} when
   * @param {boolean} isLate
   */
  #log(message, from, when, isLate) {
    const own = message.kind === 'chat' ? this.#underWay.get(message.id) : undefined;
    if (message.kind === 'chat' && own !== undefined) {
      this.#underWay.delete(message.id);
      return this.#transcript.logged(own, when);
    }
    const entry = this.#transcript.received(message, from, when, from === this.#user);
    if (isLate) entry.missed();
  }

  /** @param {Absence} absence */
  #caughtUp({ since, missed, isWhole }) {
    this.#absence = null;
    const messages = missed === 1 ? '1 message' : `${missed} messages`;
    const words = missed === 0 ? 'nothing was missed' : `${messages} caught up with`;
    const back = `Back after ${age(performance.now() - since)}`;
    // If it was not made whole, the gap says so.
    this.#transcript.note(isWhole ? `${back}: ${words}` : back, isWhole && missed > 0 ? 'away' : '');
  }

  /**
   * @param {Entry} entry
   * @param {number | null} ms
   */
  #stored(entry, ms) {
    entry.stored(ms);
    if (ms !== null) this.#listener.measured(ms);
  }

  /**
   * @param {Chat} chat
   * @param {Entry} entry
   * @param {HubError} error
   */
  #failed(chat, entry, error) {
    this.#underWay.delete(chat.id);
    const again = () => {
      this.#transcript.remove(entry);
      this.say(chat.name, chat.text, false);
    };
    if (error.failure?.outcome === 'uncertain') entry.uncertain(again);
    else entry.notSent(reason(error), again);
  }

  /** @param {HubError} error */
  #refused(error) {
    if (error.failure?.outcome === 'refused') this.#transcript.note(`This room is not open: ${error.message}`, 'gap');
  }
}

/**
 * `until`: the offset at which all has been caught up with; infinite as long as that is not known. `isWhole`: whether
 * nothing is missing.
 *
 * @typedef {{ readonly since: number, missed: number, until: number, isWhole: boolean }} Absence
 */

/** @param {string} reason */
function missing(reason) {
  switch (reason) {
    case 'epoch':
      return 'Something may be missing here: the server started anew and has lost what was said before';
    case 'trimmed':
      return 'Something is missing here: more was said than the server keeps';
    case 'limit':
      return 'Something is missing here: it is more than the server repeats';
    case 'dropped':
      return 'Something is missing here: this page was too slow for it';
    default:
      return `Something is missing here (${reason})`;
  }
}

/** @param {HubError} error */
function reason({ failure, message }) {
  if (failure?.outcome !== 'notSent') return message;
  return { full: 'too much waits already', expired: 'it waited for too long' }[String(failure.why)] ?? message;
}
