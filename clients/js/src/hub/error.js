/** A request that the hub did not do, or may not have done. */

/** @typedef {import('./output.js').Outcome} Outcome */
/** @typedef {Extract<Outcome, { outcome: 'refused' | 'uncertain' | 'notSent' | 'withdrawn' }>} Failure */

export class HubError extends Error {
  /** @param {Failure} failure */
  constructor(failure) {
    super(text(failure).join(': '));
    this.name = 'HubError';
    /** What became of the request: `refused` with the hub's `error`, `notSent` with `why`, `uncertain`, `withdrawn`. */
    this.failure = failure;
  }
}

/** @param {Failure} failure */
function text(failure) {
  const { outcome } = failure;
  if (outcome === 'refused') return [outcome, failure.error.code, failure.error.message];
  return outcome === 'notSent' ? [outcome, failure.why] : [outcome];
}
