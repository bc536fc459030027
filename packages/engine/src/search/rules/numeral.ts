import { decimalOf, isExactNumber } from '../../ingest/rules/exact-number.ts';

/** A number by its digits: a double if that keeps it, otherwise its token. */
export interface Numeral {
  readonly token: string;
  /** The same number as a double; null if a double does not keep it. */
  readonly double: number | null;
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?$/;

/** The number of a JSON token; null if the text is not one. */
export function numeralOf(token: string): Numeral | null {
  return NUMBER.test(token) ? { token, double: doubleOf(token) } : null;
}

/** The double of a token if its shortest text is the same number, otherwise null. */
export function doubleOf(token: string): number | null {
  const value = Number(token);
  return Number.isFinite(value) && isExactNumber(token) ? value : null;
}

/** Compares two numbers by their digits: negative, zero or positive, as `Array.sort` expects. */
export function compareNumerals(a: Numeral, b: Numeral): number {
  // Doubles that are the shortest texts of two decimals are in the order of these.
  if (a.double !== null && b.double !== null) return a.double - b.double;
  const [signA, signB] = [signOf(a.token), signOf(b.token)];
  return signA !== signB ? signA - signB : signA * compareSizes(a.token, b.token);
}

function signOf(token: string): number {
  if (decimalOf(token).digits === '') return 0;
  return token.startsWith('-') ? -1 : 1;
}

function compareSizes(a: string, b: string): number {
  const [one, other] = [decimalOf(a), decimalOf(b)];
  if (one.exponent !== other.exponent) return one.exponent - other.exponent;
  if (one.digits === other.digits) return 0;
  return one.digits < other.digits ? -1 : 1;
}

/** Digits beyond which a number is not written out. */
const PLAIN_DIGITS_MAX = 40;

/**
 * The text with which every spelling of a number that has no exponent begins, without the sign: `1.5` for `15e-1`. Null if it
 * would be too long.
 */
export function plainDigits({ token }: Numeral): string | null {
  const { digits, exponent } = decimalOf(token);
  if (Math.abs(exponent) > PLAIN_DIGITS_MAX || digits.length > PLAIN_DIGITS_MAX) return null;
  if (digits === '') return '0';
  if (exponent <= 0) return `0.${'0'.repeat(-exponent)}${digits}`;
  if (exponent >= digits.length) return digits.padEnd(exponent, '0');
  return `${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
}
