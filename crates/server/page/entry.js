/**
 * One message in a transcript. What a peer wrote enters the document through `textContent` alone.
 */

import { element, face } from './element.js';
import { clock, duration } from './format.js';

/** The most characters shown of one message; the rest is counted, not shown. */
const MAX_SHOWN = 10_000;

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
    const letters = { chat: undefined, raw: '“”', binary: '01' }[kind];
    this.item.append(face(name, letters), body);
  }

  /** When the hub stored it; until it has, when it was written. @param {Date} when */
  stamp(when) {
    this.#time.dateTime = when.toISOString();
    this.#time.textContent = clock(when);
  }

  /** It came late, and whoever reads here was away when it was said. */
  missed() {
    this.item.classList.add('missed');
  }

  /** On its way. @param {boolean} waits for a link */
  sending(waits) {
    this.#become('sending', waits ? 'Waits for the connection.' : '');
    this.#trip.textContent = '…';
  }

  /** The hub has stored it. @param {number | null} ms the round trip, if it was one */
  stored(ms) {
    this.#become('sent', '');
    this.#trip.textContent = ms === null ? '' : duration(ms);
    this.#trip.title = 'from here to the log and back';
  }

  /** @param {string} why */
  refused(why) {
    this.#become('not-sent', `Not sent: ${why} The text is still in the box.`);
    this.#trip.textContent = '';
  }

  /**
   * @param {string} why
   * @param {() => void} again
   */
  notSent(why, again) {
    this.#failed('not-sent', `Not sent: ${why}. `, again);
  }

  /** @param {() => void} again */
  uncertain(again) {
    this.#failed('uncertain', 'The link was lost before it was known whether this was stored. ', again);
  }

  /**
   * @param {'not-sent' | 'uncertain'} state
   * @param {string} fate
   * @param {() => void} again
   */
  #failed(state, fate, again) {
    this.#become(state, fate);
    this.#trip.textContent = '';
    const button = element('button', 'again', 'Send again');
    button.type = 'button';
    button.addEventListener('click', again);
    this.#fate.append(button);
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
