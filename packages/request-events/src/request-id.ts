import { randomHex } from './random-hex.ts';

/** Characters of a request id that is taken over from others. */
const CHARS_MAX = 200;
const PRINTABLE = /^[\x21-\x7e]+$/;
/** Ids made here are counted: unique by the process's own random part, and cheap. */
const PROCESS = randomHex(6);
let count = 0;

/** A request id that somebody gave, where it can be one: 1 to 200 printable ASCII characters, or a number. */
export function requestIdFrom(given: unknown): string | null {
  if (typeof given === 'number') return String(given);
  return typeof given === 'string' && given.length <= CHARS_MAX && PRINTABLE.test(given) ? given : null;
}

/** A request id of our own. */
export function nextRequestId(): string {
  count += 1;
  return `${PROCESS}-${count.toString(36)}`;
}
