/** One timer for all that is due, which notices that it rings late. */

/**
 * No nap is longer (milliseconds): the clock of timers stands still while a machine sleeps, and
 * the sooner one rings afterwards, the sooner the sleep is noticed.
 */
const MAX_NAP_MS = 10_000;

/** Ringing this late says that the machine slept or the tab was held back (milliseconds). */
export const LATE = 2_000;

export class Alarm {
  #ring;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #at = Infinity;

  /** @param {(late: number) => void} ring called when due or earlier; `late` in milliseconds */
  constructor(ring) {
    this.#ring = ring;
  }

  /**
   * To the first of these. A later time than the one that is set costs nothing: the alarm rings
   * early and is set again.
   *
   * @param {...(number | null | undefined)} dues by `performance.now()`; none for nothing
   */
  set(...dues) {
    const due = Math.min(...dues.map((due) => due ?? Infinity));
    if (due < Infinity && due >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = Infinity;
    if (due === Infinity) return;
    const nap = Math.max(0, Math.min(due - performance.now(), MAX_NAP_MS));
    const at = performance.now() + nap;
    // Some systems stop `performance.now()` during sleep; none stops the clock on the wall.
    const wall = Date.now() + nap;
    this.#at = at;
    this.#timer = setTimeout(() => {
      this.#at = Infinity;
      this.#ring(Math.max(performance.now() - at, Date.now() - wall));
    }, nap);
  }
}
