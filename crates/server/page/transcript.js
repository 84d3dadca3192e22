/**
 * The conversation as it stands on the page.
 *
 * What a peer wrote enters the document through `textContent` alone. At most `MAX_ENTRIES` entries
 * are kept; the oldest go first.
 */

import { clock, day, duration } from './format.js';

/** The most messages and notes kept in the document. */
export const MAX_ENTRIES = 500;
/** The most characters shown of one message; the rest is counted, not shown. */
const MAX_SHOWN = 10_000;
/** Messages of one person within this time stand together (milliseconds). */
const GROUP_MS = 120_000;
/** Closer to the end than this counts as reading the newest (pixels). */
const NEAR_END_PX = 80;

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

  /** @param {{ list: Element, scroll: Element, empty: HTMLElement, newest: HTMLElement }} places */
  constructor({ list, scroll, empty, newest }) {
    this.#list = list;
    this.#scroll = scroll;
    this.#empty = empty;
    this.#newest = newest;
    newest.addEventListener('click', () => this.#toEnd());
    scroll.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // A line added under a message, a box that grows, a keyboard that opens: the newest message stays in view.
    const sizes = new ResizeObserver(() => this.#following && this.#toEnd());
    sizes.observe(scroll);
    sizes.observe(list);
  }

  /**
   * Somebody else's message.
   *
   * @param {Message} message
   */
  received(message) {
    if (message.kind === 'chat') {
      this.#append(new Entry('theirs', message.name, message.text), message.name, message.at);
    } else if (message.kind === 'raw') {
      this.#append(new Entry('theirs', 'raw text', message.text, 'raw'), '\0raw', null);
    } else {
      const text = `binary, ${message.bytes} byte${message.bytes === 1 ? '' : 's'}`;
      this.#append(new Entry('theirs', 'raw binary', text, 'binary'), '\0binary', null);
    }
  }

  /**
   * An own message; the entry is told later what became of it.
   *
   * @param {import('./message.js').Chat} chat
   */
  own(chat) {
    const entry = new Entry('mine', chat.name, chat.text);
    this.#append(entry, '\0mine', chat.at, true);
    return entry;
  }

  /**
   * A line about the connection.
   *
   * @param {string} text
   */
  note(text) {
    const item = element('li', 'note');
    item.append(element('span', '', text));
    this.#last = { who: '', at: 0 };
    this.#place(item);
  }

  /**
   * @param {Entry} entry
   * @param {string} who
   * @param {number | null} sentAt by the sender's clock, which need not be right
   * @param {boolean} [jump]
   */
  #append(entry, who, sentAt, jump = false) {
    const now = new Date();
    const today = now.toDateString();
    if (this.#lastDay !== today) {
      this.#lastDay = today;
      this.note(day(now));
    }
    const together = this.#last.who === who && now.getTime() - this.#last.at < GROUP_MS;
    this.#last = { who, at: now.getTime() };
    entry.item.classList.toggle('together', together);
    entry.stamp(now, sentAt);
    this.#place(entry.item, jump);
  }

  /**
   * @param {Element} item
   * @param {boolean} [jump]
   */
  #place(item, jump = false) {
    this.#empty.hidden = true;
    this.#list.append(item);
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

/** One message in the list. */
export class Entry {
  #time = element('time', 'time');
  #trip = element('span', 'trip');
  #fate = element('p', 'fate');

  /**
   * @param {'mine' | 'theirs'} whose
   * @param {string} name
   * @param {string} text
   * @param {'chat' | 'raw' | 'binary'} [kind]
   */
  constructor(whose, name, text, kind = 'chat') {
    this.text = text;
    this.item = element('li', `message ${whose} ${kind}`);
    const face = element('span', 'face', kind === 'chat' ? initials(name) : kind === 'raw' ? '“”' : '01');
    face.setAttribute('aria-hidden', 'true');
    face.style.setProperty('--hue', String(hue(name)));
    const who = element('p', 'who');
    who.append(element('bdi', 'name', whose === 'mine' ? `${name} (you)` : name || 'no name'));
    const bubble = element('div', 'bubble');
    bubble.dir = 'auto';
    bubble.append(element('span', 'text', text.slice(0, MAX_SHOWN)));
    if (text.length > MAX_SHOWN) {
      const rest = (text.length - MAX_SHOWN).toLocaleString();
      bubble.append(element('p', 'rest', `and ${rest} more characters, not shown`));
    }
    const under = element('span', 'under');
    under.append(this.#time, this.#trip);
    bubble.append(under);
    const body = element('div', 'body');
    body.append(who, bubble, this.#fate);
    this.item.append(face, body);
  }

  /**
   * Time of arrival here; the sender's own claim is in the title.
   *
   * @param {Date} now
   * @param {number | null} sentAt
   */
  stamp(now, sentAt) {
    this.#time.dateTime = now.toISOString();
    this.#time.textContent = clock(now);
    if (sentAt !== null) this.#time.title = `sent ${new Date(sentAt).toLocaleString()}`;
  }

  /** Handed to the socket, not yet back. */
  sending() {
    this.#become('sending', '');
    this.#trip.textContent = '…';
  }

  /** @param {number} ms the round trip */
  returned(ms) {
    this.#become('sent', '');
    this.#trip.textContent = duration(ms);
    this.#trip.title = 'round trip';
  }

  /** @param {string} why */
  refused(why) {
    this.#become('not-sent', `Not sent: ${why} The text is still in the box.`);
    this.#trip.textContent = '';
  }

  /** @param {() => void} again */
  uncertain(again) {
    this.#become('uncertain', 'The link was lost before this came back. It may not have arrived. ');
    this.#trip.textContent = '';
    const button = element('button', 'again', 'Send again');
    button.type = 'button';
    button.addEventListener('click', again);
    this.#fate.append(button);
  }

  remove() {
    this.item.remove();
  }

  /**
   * @param {'sending' | 'sent' | 'not-sent' | 'uncertain'} state
   * @param {string} fate
   */
  #become(state, fate) {
    this.item.dataset.state = state;
    this.#fate.textContent = fate;
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {string} className
 * @param {string} [text]
 */
function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/[\s\-_.]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0] ?? '?'];
  return letters.map((word) => Array.from(word)[0].toUpperCase()).join('');
}

/**
 * The same name has the same colour in every tab.
 *
 * @param {string} name
 */
function hue(name) {
  let sum = 7;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 360_007;
  return sum % 360;
}
