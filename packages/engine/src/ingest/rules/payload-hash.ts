import {
  canonicalize,
  canonicalizeCounted,
  countMembers,
  flagBit,
  isEventField,
  LIMITS,
  pointerText,
  sha256Hex,
  textHash,
  type VolatileMembers,
  withoutVolatile,
} from '@pik/schema';

import { isExactNumber, mayBeInexact } from './exact-number.ts';
import { isInteger, type JsonScan, memberText, scanJson } from './json-scan.ts';
import { canonicalFault, Fault, type FieldNames, type JsonObject, missingFault, typeName } from './record-fields.ts';

/** A payload with its hash. */
export interface HashedPayload {
  /** As received, including volatile members; null for a tombstone. */
  readonly payload: object | null;
  readonly payload_hash: string;
  readonly flags: number;
  /** Members of the record that are not fields of an event. */
  readonly unknown: readonly string[];
}

/** A record, its text, and the scan of the text. */
export interface ScannedRecord {
  readonly text: string;
  readonly value: JsonObject;
  readonly scan: JsonScan;
}

/** Hashes the payload of a record without its volatile members, or returns the fault that prevents a hash. */
export function hashPayload(
  record: ScannedRecord,
  names: FieldNames,
  volatile: VolatileMembers | null,
): HashedPayload | Fault {
  const { value, scan } = record;
  const name = names.payload;
  if (!Object.hasOwn(value, name)) return missingFault(value, name);
  const payload = value[name];
  if (typeof payload !== 'object') {
    return new Fault(
      'PAYLOAD_NOT_CONTAINER',
      `/${name}`,
      `${name} must be an object or an array, or null for a deletion, not ${typeName(payload)}`,
    );
  }
  let canonical: { text: string; members: number };
  try {
    canonical = canonicalizeCounted(payload);
  } catch (error) {
    return canonicalFault(error, name);
  }
  const { members, unknown } = fieldsOf(value, names);
  if (canonical.members + members !== scan.members) {
    return new Fault('JSON_DUPLICATE_KEY', null, 'an object of the record has the same key twice');
  }
  const flags = payload === null ? flagBit('TOMBSTONE') : 0;
  const content = withoutVolatile(payload, volatile);
  const isWhole = content === payload;
  if (scan.inexact_integers || scan.inexact_decimals) {
    const hashed = hashDigits(memberText(record.text, name) ?? '', isWhole ? null : volatile);
    if (hashed !== null) return { payload, ...hashed, unknown };
  }
  if (isWhole) return { payload, payload_hash: sha256Hex(canonical.text), flags, unknown };
  return { payload, payload_hash: sha256Hex(canonicalize(content)), flags: flagBit('VOLATILE'), unknown };
}

const NONE: readonly string[] = [];

/**
 * Counts the members of the record outside the payload, and lists those that are not fields. JSON.parse keeps the last of
 * two equal keys, so fewer members after parsing than colons in the text means that one was lost.
 */
function fieldsOf(value: JsonObject, names: FieldNames): { members: number; unknown: readonly string[] } {
  let members = 0;
  let unknown: string[] | null = null;
  for (const key of Object.keys(value)) {
    members += 1;
    if (key === names.payload) continue;
    // All other members of a CloudEvent are extension attributes.
    if (!names.isExtensible && !isEventField(key)) {
      unknown ??= [];
      unknown.push(key);
    }
    const member = value[key];
    if (typeof member === 'object' && member !== null) members += countMembers(member);
  }
  return { members, unknown: unknown ?? NONE };
}

type Hashed = Pick<HashedPayload, 'payload_hash' | 'flags'>;

/** A number that a double cannot represent exactly. */
class InexactNumber {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** The token as written; behind a function, so that no path into a payload can reach it. */
  static tokenOf(number: InexactNumber): string {
    return number.#token;
  }
}

/** The hash of a payload by its digits; null if doubles keep all of them. */
function hashDigits(received: string, volatile: VolatileMembers | null): Hashed | null {
  if (volatile !== null) return hashDigitsWithout(received, volatile);
  const { inexact_integers, inexact_decimals } = scanJson(received, LIMITS.json_depth_max);
  const flags = digitFlags(inexact_integers, inexact_decimals);
  return flags === 0 ? null : { payload_hash: textHash(received), flags };
}

/** Hashes the canonical form of the payload without its volatile members, plus the inexact numbers as written. */
function hashDigitsWithout(received: string, volatile: VolatileMembers): Hashed | null {
  const found: [pointer: string, token: string][] = [];
  const plain = plainNumbers(withoutVolatile(parseDigits(received), volatile), [], found);
  if (found.length === 0) return null;
  const isWhole = ([, token]: [string, string]) => isInteger(token, 0, token.length);
  const flags = digitFlags(found.some(isWhole), !found.every(isWhole));
  const text = canonicalize([plain, found.sort(([a], [b]) => (a < b ? -1 : 1))]);
  return { payload_hash: textHash(text), flags: flags | flagBit('VOLATILE') };
}

function digitFlags(integers: boolean, decimals: boolean): number {
  return (integers ? flagBit('INEXACT_INTEGER') : 0) | (decimals ? flagBit('INEXACT_DECIMAL') : 0);
}

/** Parses a text; each number that a double cannot represent becomes an `InexactNumber`. */
function parseDigits(text: string): unknown {
  const revive = (_name: string, value: unknown, { source }: { source?: string } = {}) => {
    if (typeof value !== 'number' || source === undefined) return value;
    return mayBeInexact(source, 0, source.length) && !isExactNumber(source) ? new InexactNumber(source) : value;
  };
  // TypeScript's types do not know the third argument yet, which holds the source text of a value.
  return JSON.parse(text, revive as (name: string, value: unknown) => unknown);
}

/** Replaces each `InexactNumber` by its double, and collects the pointers to them with their tokens. */
function plainNumbers(value: unknown, steps: string[], found: [string, string][]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof InexactNumber) {
    const token = InexactNumber.tokenOf(value);
    found.push([pointerText(steps), token]);
    return Number(token);
  }
  if (Array.isArray(value)) return value.map((item, at) => plainNumbers(item, [...steps, String(at)], found));
  const names = Object.keys(value);
  return Object.fromEntries(
    names.map((name) => [name, plainNumbers((value as JsonObject)[name], [...steps, name], found)]),
  );
}
