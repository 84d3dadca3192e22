/** A request that the hub did not do, or may not have done. */

/** @typedef {import('./output.js').Outcome} Outcome */
/** @typedef {Extract<Outcome, { outcome: 'refused' | 'uncertain' | 'notSent' | 'withdrawn' }>} Failure */

export class HubError extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(text(failure));
    this.name = 'HubError';
    /** What became of the request: `refused` with the hub's `error`, `notSent` with `why`, `uncertain`, `withdrawn`. */
    this.failure = failure;
  }
}

/** @param {Failure} failure */
function text(failure) {
  switch (failure.outcome) {
    case 'refused':
      return `${failure.error.code}: ${failure.error.message}`;
    case 'notSent':
      return `not sent: ${failure.why}`;
    case 'uncertain':
      return 'it was done or not: the session was lost before the hub said which';
    case 'withdrawn':
      return 'unsubscribed before the subscription stood';
  }
}
