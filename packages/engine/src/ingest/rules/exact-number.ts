/** Every decimal of at most 15 digits is the shortest text of its double, unless its exponent is extreme. */
const EXACT_DIGITS = 15;
const E_SMALL = 0x65;
const E_LARGE = 0x45;

/** The length of the shortest token with an extreme exponent, such as `4e-324`. */
const EXPONENT_CHARS_MIN = 6;

/** False if a double certainly keeps the number of a token. Mostly decides by the length of the token alone. */
export function mayBeInexact(text: string, start: number, end: number): boolean {
  const chars = end - start;
  if (chars > EXACT_DIGITS) return true;
  if (chars < EXPONENT_CHARS_MIN) return false;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === E_SMALL || code === E_LARGE) return true;
  }
  return false;
}

/**
 * True if a double keeps the number of a JSON token: the shortest text of the double, read as a decimal, is the same
 * number. So `1.50`, `1e2` and `-0` are exact, and `0.1000000000000000055` and `9007199254740993` are not. A number outside
 * the range of a double counts as exact here, since it is refused for that reason elsewhere.
 */
export function isExactNumber(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value)) return true;
  const printed = String(value);
  if (printed === token) return true;
  const [written, kept] = [decimalOf(token), decimalOf(printed)];
  return written.digits === kept.digits && written.exponent === kept.exponent;
}

/** A decimal without its sign: `digits` has no zero at either end, and is empty for zero. */
export interface Decimal {
  readonly digits: string;
  /** The exponent of the first digit, which follows the decimal point. */
  readonly exponent: number;
}

const ZERO: Decimal = { digits: '', exponent: 0 };

/** The decimal of a JSON number, without its sign. */
export function decimalOf(token: string): Decimal {
  const [mantissa = '', exponent = '0'] = token.split(/[eE]/, 2);
  const [whole = '', fraction = ''] = (mantissa.startsWith('-') ? mantissa.slice(1) : mantissa).split('.', 2);
  const all = whole + fraction;
  const first = firstDigit(all);
  if (first === all.length) return ZERO;
  let end = all.length;
  while (all.charCodeAt(end - 1) === 0x30) end -= 1;
  return { digits: all.slice(first, end), exponent: Number(exponent) + whole.length - first };
}

function firstDigit(digits: string): number {
  let at = 0;
  while (at < digits.length && digits.charCodeAt(at) === 0x30) at += 1;
  return at;
}
