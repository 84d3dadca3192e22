/** Numbers and times as people read them. */

/** @param {number} ms */
export function duration(ms) {
  // Browsers round `performance.now()`; a zero says only that it was less than one step.
  if (ms <= 0) return '< 1 ms';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return age(ms);
}

/** @param {number} ms */
export function age(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

const hoursAndMinutes = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayAndMonth = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});

/** @param {Date} date */
export function clock(date) {
  return hoursAndMinutes.format(date);
}

/** @param {Date} date */
export function day(date) {
  return dayAndMonth.format(date);
}

/** What a close code means (RFC 6455 §7.4.1, the IANA registry, and docs/protocol.md, "Endings"). */
const CLOSE_CODES = new Map([
  [1000, 'normal closure'],
  [1001, 'going away'],
  [1002, 'protocol error'],
  [1003, 'unsupported data'],
  [1005, 'no code given'],
  [1006, 'connection lost'],
  [1007, 'invalid text'],
  [1008, 'policy violation'],
  [1009, 'message too big'],
  [1011, 'server error'],
  [1012, 'service restart'],
  [1013, 'try again later'],
  [1014, 'bad gateway'],
  [4000, 'farewell'],
  [4001, 'sent elsewhere'],
  [4408, 'no answer'],
  [4409, 'too slow'],
  [4410, 'taken over'],
  [4412, 'draining'],
]);

/** @param {import('./connection.js').Ending} ending */
export function ending({ code, reason }) {
  return [String(code), reason || CLOSE_CODES.get(code)].filter(Boolean).join(' ');
}

/** @param {import('./connection.js').End} end */
export function end(end) {
  switch (end.why) {
    case 'bye':
      return `The server says: ${ending(end.bye)}.`;
    case 'refused':
      return `The server refused: ${end.error.message || end.error.code}.`;
    case 'code':
      return `The server closed: ${ending({ code: end.code, reason: '' })}.`;
    case 'notUnderstood':
      return `The server was not understood: ${end.message}.`;
    case 'unreachable':
      return 'The server could not be reached.';
    case 'closed':
      return 'Closed.';
  }
}
