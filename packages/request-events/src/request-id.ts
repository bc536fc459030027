import { randomHex } from './random-hex.ts';

/** Maximum characters of a request id from outside. */
const CHARS_MAX = 200;
const PRINTABLE = /^[\x21-\x7e]+$/;
/** New ids are counted: the process's random part makes them unique, and counting is cheap. */
const PROCESS = randomHex(6);
let count = 0;

/** A valid request id from outside: 1 to 200 printable ASCII characters, or a number. */
export function requestIdFrom(given: unknown): string | null {
  if (typeof given === 'number') return String(given);
  return typeof given === 'string' && given.length <= CHARS_MAX && PRINTABLE.test(given) ? given : null;
}

/** Creates a request id. */
export function nextRequestId(): string {
  count += 1;
  return `${PROCESS}-${count.toString(36)}`;
}
