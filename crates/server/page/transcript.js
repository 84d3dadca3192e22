/**
 * The conversation of a room as it stands on the page: in the order of its log, and below that what is still on its
 * way there. At most `MAX_ENTRIES` messages and notes are kept; the oldest go first.
 */

import { element } from './element.js';
import { Entry } from './entry.js';
import { day } from './format.js';

/** The most messages and notes kept in the document. */
export const MAX_ENTRIES = 500;
/** Messages of one person within this time stand together (milliseconds). */
const GROUP_MS = 120_000;
/** Closer to the end than this counts as reading the newest (pixels). */
const NEAR_END_PX = 80;

/** @typedef {import('./message.js').Chat} Chat */
/** @typedef {import('./message.js').Message} Message */

export class Transcript {
  #list;
  #scroll;
  #empty;
  #newest;
  #unread = 0;
  /** Whether the newest message is being read. */
  #following = true;
  #frame = 0;
  #lastDay = '';
  /** Who spoke last and when, to set messages of one person together. */
  #last = { who: '', at: 0 };
  /** The first of those that are on their way. @type {Set<Entry>} */
  #underWay = new Set();

  /** @param {HTMLElement} view made of the template `view` */
  constructor(view) {
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (view.querySelector(`.${name}`));
    this.#list = part('transcript');
    this.#scroll = part('scroll');
    this.#empty = part('empty');
    this.#newest = part('newest');
    this.#newest.addEventListener('click', () => this.#toEnd());
    this.#scroll.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // A line added under a message, a box that grows, a keyboard that opens, a room that is shown: the newest message
    // stays in view.
    const sizes = new ResizeObserver(() => this.#following && this.#toEnd());
    sizes.observe(this.#scroll);
    sizes.observe(this.#list);
  }

  /**
   * A message that is in the log.
   *
   * @param {Message} message
   * @param {string} from who said it
   * @param {Date} when
   * @param {boolean} isOwn whether that was this person, elsewhere or earlier
   */
  received(message, from, when, isOwn) {
    const entry = made(message, from, isOwn);
    const who = message.kind === 'chat' && !isOwn ? `${from}\0${message.name}` : `\0${message.kind}${isOwn}`;
    this.#join(entry, who, when);
    return entry;
  }

  /**
   * An own message, below all that is in the log. The entry is told later what became of it.
   *
   * @param {Chat} chat
   */
  own(chat) {
    const entry = new Entry('mine', chat.name, chat.text);
    entry.stamp(new Date());
    this.#underWay.add(entry);
    this.#show(entry.item, true);
    return entry;
  }

  /**
   * An own message is in the log: it takes its place there.
   *
   * @param {Entry} entry
   * @param {Date} when
   */
  logged(entry, when) {
    this.#underWay.delete(entry);
    this.#join(entry, '\0chattrue', when);
  }

  /** An own message that will not be in the log. @param {Entry} entry */
  remove(entry) {
    this.#underWay.delete(entry);
    entry.item.remove();
  }

  /**
   * A line about the conversation.
   *
   * @param {string} text
   * @param {'' | 'gap' | 'away'} [kind]
   */
  note(text, kind = '') {
    const item = element('li', `note ${kind}`);
    item.append(element('span', '', text));
    this.#last = { who: '', at: 0 };
    this.#place(item);
  }

  /**
   * @param {Entry} entry
   * @param {string} who
   * @param {Date} when
   */
  #join(entry, who, when) {
    const today = when.toDateString();
    if (this.#lastDay !== today) {
      this.#lastDay = today;
      this.note(day(when));
    }
    const together = this.#last.who === who && when.getTime() - this.#last.at < GROUP_MS;
    this.#last = { who, at: when.getTime() };
    entry.item.classList.toggle('together', together);
    entry.stamp(when);
    this.#place(entry.item);
  }

  /** Behind the log, in front of what is on its way there. @param {Element} item */
  #place(item) {
    const [first] = this.#underWay;
    if (first === undefined) this.#show(item);
    else {
      first.item.before(item);
      this.#shown(item);
    }
  }

  /**
   * @param {Element} item
   * @param {boolean} [jump]
   */
  #show(item, jump = false) {
    this.#list.append(item);
    this.#shown(item, jump);
  }

  /**
   * @param {Element} item
   * @param {boolean} [jump]
   */
  #shown(item, jump = false) {
    this.#empty.hidden = true;
    while (this.#list.childElementCount > MAX_ENTRIES) this.#list.firstElementChild?.remove();
    if (jump || this.#following) this.#follow();
    else if (item.classList.contains('message')) this.#missed();
  }

  #missed() {
    this.#unread += 1;
    const words = this.#unread === 1 ? '1 new message' : `${this.#unread} new messages`;
    this.#newest.querySelector('span')?.replaceChildren(words);
    this.#newest.hidden = false;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    // A room that is not shown has no height, and nobody scrolled it.
    if (clientHeight === 0) return;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#following) this.#seen();
  }

  /** Once a frame, however many messages came in it: each scroll costs a layout. */
  #follow() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#toEnd());
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#following = true;
    this.#seen();
  }

  #seen() {
    this.#unread = 0;
    this.#newest.hidden = true;
  }
}

/**
 * @param {Message} message
 * @param {string} from
 * @param {boolean} isOwn
 */
function made(message, from, isOwn) {
  const whose = isOwn ? 'mine' : 'theirs';
  switch (message.kind) {
    case 'chat':
      return new Entry(whose, message.name, message.text);
    case 'raw':
      return new Entry(whose, from, message.text, 'raw');
    case 'binary': {
      const text = `binary, ${message.bytes} byte${message.bytes === 1 ? '' : 's'}`;
      return new Entry(whose, from, text, 'binary');
    }
  }
}
