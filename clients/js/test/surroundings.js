/** A window and its document, as far as it is listened to. */

/** As much of a window and its document as is listened to. */
class Surroundings extends EventTarget {
  listeners = 0;
  hidden = false;
  onLine = true;

  /** @type {EventTarget['addEventListener']} */
  addEventListener(type, listener, options) {
    this.listeners += 1;
    const signal = typeof options === 'object' ? options.signal : undefined;
    signal?.addEventListener('abort', () => (this.listeners -= 1));
    super.addEventListener(type, listener, options);
  }

  /** @param {string} type */
  tell(type, facts = {}) {
    this.dispatchEvent(Object.assign(new Event(type), facts));
  }
}

/**
 * Node has no window: this one is there until the test is over.
 *
 * @param {import('node:test').TestContext} context
 */
export function surround(context) {
  const window = new Surroundings();
  const globals = {
    addEventListener: window.addEventListener.bind(window),
    document: window,
    navigator: window,
  };
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true });
    context.after(() => {
      if (before) Object.defineProperty(globalThis, name, before);
      else Reflect.deleteProperty(globalThis, name);
    });
  }
  return window;
}
