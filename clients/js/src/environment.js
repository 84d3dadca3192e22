/** What the browser tells about the network, the tab and the machine. Node tells nothing. */

/** Whether a network is known to be absent. */
export function isOffline() {
  return globalThis.navigator?.onLine === false;
}

/**
 * @param {(news: 'online' | 'offline' | 'awake') => void} tell `awake`: somebody looks at the page,
 *   or it came back out of the browser's cache
 * @returns {() => void} to stop listening
 */
export function listen(tell) {
  if (typeof globalThis.addEventListener !== 'function') return () => {};
  const listening = new AbortController();
  const { signal } = listening;
  addEventListener('online', () => tell('online'), { signal });
  addEventListener('offline', () => tell('offline'), { signal });
  addEventListener('pageshow', ({ persisted }) => persisted && tell('awake'), { signal });
  globalThis.document?.addEventListener('visibilitychange', () => document.hidden || tell('awake'), { signal });
  return () => listening.abort();
}
