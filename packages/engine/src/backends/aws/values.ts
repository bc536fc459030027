import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { encodeBase32Hex } from '@pik/schema';

/** One row of a table as DynamoDB stores it. Names are short, since every row stores and pays for them. */
export type Item = Record<string, AttributeValue>;

/** A text. */
export const text = (value: string): AttributeValue => ({ S: value });

/** A number; exact for every safe integer. */
export const number = (value: number): AttributeValue => ({ N: String(value) });

/** Bytes. */
export const binary = (value: Uint8Array): AttributeValue => ({ B: value });

/** Bytes written as hexadecimal digits. */
export const hex = (value: string): AttributeValue => ({ B: Buffer.from(value, 'hex') });

/** The attributes of all values that are not null; a row omits unknown attributes. */
export function present(values: Readonly<Record<string, string | number | null>>): Item {
  const item: Item = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== null) item[name] = typeof value === 'string' ? text(value) : number(value);
  }
  return item;
}

/** The text of an attribute. */
export function readText(item: Item, name: string): string {
  return item[name]?.S ?? missing(name);
}

/** The text of an attribute; null if the row has none. */
export function readTextOrNull(item: Item, name: string): string | null {
  return item[name]?.S ?? null;
}

/** The number of an attribute. */
export function readNumber(item: Item, name: string): number {
  return Number(item[name]?.N ?? missing(name));
}

/** The number of an attribute; null if the row has none. */
export function readNumberOrNull(item: Item, name: string): number | null {
  const value = item[name]?.N;
  return value === undefined ? null : Number(value);
}

/** The bytes of an attribute. */
export function readBytes(item: Item, name: string): Uint8Array {
  return item[name]?.B ?? missing(name);
}

/** The bytes of an attribute as hexadecimal digits. */
export function readHex(item: Item, name: string): string {
  return Buffer.from(readBytes(item, name)).toString('hex');
}

function missing(name: string): never {
  throw new Error(`a row has no attribute ${name}`);
}

/**
 * The expiry of a row: every read and condition compares `x`; `expires_at`, in seconds, lets DynamoDB delete the row some
 * time later. A row that never expires has neither.
 */
export function expiry(expiresMs: number, endsMs = expiresMs): Item {
  if (endsMs === Number.POSITIVE_INFINITY) return {};
  const ends = { expires_at: number(Math.ceil(endsMs / 1000)) };
  return expiresMs === Number.POSITIVE_INFINITY ? ends : { x: number(expiresMs), ...ends };
}

/** The expiry of a row; `Infinity` if it never expires. */
export function readExpiry(item: Item): number {
  return readNumberOrNull(item, 'x') ?? Number.POSITIVE_INFINITY;
}

/** True for a row that has not expired. */
export function isUnexpired(item: Item, nowMs: number): boolean {
  return readExpiry(item) > nowMs;
}

const TIME_BIAS = 2 ** 48;
const TIME_DIGITS = 13;

/** Milliseconds as fixed-width digits, so that text order is time order, even before 1970; clamped far outside. */
export function timeText(ms: number): string {
  const clamped = Math.max(-TIME_BIAS, Math.min(TIME_BIAS, Math.ceil(ms)));
  return (clamped + TIME_BIAS).toString(16).padStart(TIME_DIGITS, '0');
}

/** The milliseconds of `timeText`. */
export function readTimeText(digits: string): number {
  return Number.parseInt(digits, 16) - TIME_BIAS;
}

const DAY_BIAS = 50_000_000;

/** A day as fixed-width digits, in order. */
export function dayText(day: number): string {
  return String(day + DAY_BIAS);
}

/** The day of `dayText`. */
export function readDayText(digits: string): number {
  return Number(digits) - DAY_BIAS;
}

/**
 * Encodes a caller's text as part of a key: the result never contains a separator of ours, and its text order is the order
 * of the text's UTF-8 bytes.
 */
export function keyText(value: string): string {
  return encodeBase32Hex(Buffer.from(value, 'utf8'));
}
