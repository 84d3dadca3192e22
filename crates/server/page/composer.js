/** The message box: a name that is remembered and a draft that is not lost. */

import { recall, remember } from './storage.js';

const FIRST = ['amber', 'brisk', 'calm', 'copper', 'early', 'fond', 'keen', 'lunar', 'mellow', 'quiet'];
const SECOND = ['badger', 'crane', 'finch', 'heron', 'lynx', 'marten', 'otter', 'plover', 'raven', 'wren'];

/** The box grows with its text up to this height (pixels). */
const MAX_HEIGHT_PX = 160;

export class Composer {
  #form;
  #tellName;
  #name;
  #text;

  /**
   * @param {HTMLFormElement} form
   * @param {(name: string, text: string) => boolean} send whether the text may leave the box
   * @param {(name: string) => void} named somebody chose another name
   */
  constructor(form, send, named) {
    this.#form = form;
    this.#name = /** @type {HTMLInputElement} */ (form.elements.namedItem('name'));
    this.#text = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem('text'));
    // A chosen name is for every tab; one that was drawn is for this tab, so that two can tell
    // each other apart.
    this.#name.value = recall('browser', 'name') ?? recall('tab', 'name') ?? someName();
    remember('tab', 'name', this.name);
    this.#text.value = recall('tab', 'draft') ?? '';
    this.#tellName = named;
    this.#name.addEventListener('change', () => this.#named());
    this.#text.addEventListener('input', () => this.#drafted());
    this.#text.addEventListener('keydown', (event) => {
      // Enter that ends a composition (Japanese, Chinese, Korean) is not meant for us.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit(send);
    });
    this.#drafted();
  }

  focus() {
    this.#text.focus();
  }

  get name() {
    return this.#name.value.trim();
  }

  /** @param {(name: string, text: string) => boolean} send */
  #submit(send) {
    const text = this.#text.value.trim();
    this.focus();
    if (text === '') return;
    if (this.name === '') this.#named();
    if (!send(this.name, text)) return;
    this.#text.value = '';
    this.#drafted();
  }

  #named() {
    if (this.name === '') this.#name.value = someName();
    remember('browser', 'name', this.name);
    this.#tellName(this.name);
  }

  #drafted() {
    const { style } = this.#text;
    this.#form.classList.toggle('filled', this.#text.value.trim() !== '');
    style.height = 'auto';
    style.height = `${Math.min(this.#text.scrollHeight, MAX_HEIGHT_PX)}px`;
    remember('tab', 'draft', this.#text.value);
  }
}

function someName() {
  const [one, two] = crypto.getRandomValues(new Uint32Array(2));
  return `${FIRST[one % FIRST.length]} ${SECOND[two % SECOND.length]}`;
}
