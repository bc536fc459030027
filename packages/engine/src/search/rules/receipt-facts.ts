import { type Envelope, KitError, LETTER_OUTCOMES, type Outcome, type OutcomeLetter, parseTime } from '@pik/schema';
import { scanJson } from '../../ingest/rules/json-scan.ts';
import { ownFormOf } from '../../ingest/rules/received-payload.ts';
import { type FieldNames, fieldNames, isObject, type JsonObject } from '../../ingest/rules/record-fields.ts';
import { doubleOf, type Numeral } from './numeral.ts';

/** The facts of one receipt that an expression may name. */
export interface ReceiptFacts {
  readonly envelope: Envelope;
  /** Null if it was not admitted yet, or if its row has expired. */
  readonly outcome: Outcome | null;
  /** The record in the received text, in the kit's own form if a mapping read it; null if it is not a JSON object. */
  readonly record: JsonObject | null;
  readonly names: FieldNames | null;
}

/** How the facts of a receipt are read. */
export interface FactsOptions {
  /** The outcomes of its pack, a letter per line; null without a PACK row. */
  readonly outcomes: string | null;
  /** Keep numbers that a double would change as their text. */
  readonly withDigits: boolean;
}

/** A number of a payload that a double does not keep. */
export class ExactNumber implements Numeral {
  readonly token: string;
  readonly double = null;

  constructor(token: string) {
    this.token = token;
  }
}

/** Reads the facts of a receipt from its envelope. */
export function factsOf(envelope: Envelope, { outcomes, withDigits }: FactsOptions): ReceiptFacts {
  const letter = outcomes?.charAt(envelope.line) as OutcomeLetter | undefined;
  const outcome = envelope.event_id === null ? 'REJECTED' : ((letter && LETTER_OUTCOMES[letter]) ?? null);
  const record = recordOf(envelope, withDigits);
  return { envelope, outcome, record, names: record === null ? null : fieldNames(record) };
}

/** The record of an envelope. A text that nests too deeply is not read: code that walks it would overflow the stack. */
function recordOf(envelope: Envelope, withDigits: boolean): JsonObject | null {
  const { reject_code } = envelope;
  if (reject_code === 'JSON_TOO_DEEP') return null;
  try {
    // A mapping could not read a rejected record: it is searched as it came.
    const body = (reject_code === null ? ownFormOf(envelope) : undefined) ?? envelope.body;
    if (body === undefined) return null;
    const value: unknown = withDigits && mayLoseDigits(body, reject_code) ? parseWithDigits(body) : JSON.parse(body);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError || (KitError.is(error) && error.code === 'RAW_CORRUPT')) return null;
    throw error;
  }
}

/** Cheap and linear: 15 digits, or a digit before an `e`, which a number with an exponent has. */
const LONG_OR_EXPONENT = /[0-9.]{15}|[0-9][eE]/;
/** Deeper than any text that gets here. */
const DEPTH_MAX = 1_000;

/** A rejected record may also have a number outside the range of a double. */
function mayLoseDigits(body: string, rejectCode: string | null): boolean {
  if (!LONG_OR_EXPONENT.test(body)) return false;
  if (rejectCode !== null) return true;
  const { inexact_integers, inexact_decimals } = scanJson(body, DEPTH_MAX);
  return inexact_integers || inexact_decimals;
}

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

function parseWithDigits(body: string): unknown {
  const revive: Reviver = (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && doubleOf(source) === null ? new ExactNumber(source) : value;
  return JSON.parse(body, revive as (key: string, value: unknown) => unknown);
}

/** The text of a member of a rejected record, which its envelope does not have. */
function memberOf(
  { record, names }: ReceiptFacts,
  field: 'entity_id' | 'event_time' | 'idempotency_key',
): string | null {
  if (record === null || names === null || !Object.hasOwn(record, names[field])) return null;
  const value = record[names[field]];
  return typeof value === 'string' ? value : null;
}

/** The entity of a receipt; of a rejected one, as its record names it. */
export function entityOf(facts: ReceiptFacts): string | null {
  return facts.envelope.entity_id ?? memberOf(facts, 'entity_id');
}

/** The event time of a receipt as fixed-width UTC; of a rejected one, if its record has a valid one. */
export function eventTimeOf(facts: ReceiptFacts): string | null {
  const { event_time } = facts.envelope;
  if (event_time !== null) return event_time;
  const text = memberOf(facts, 'event_time');
  return text === null ? null : (parseTime(text)?.utc ?? null);
}

/** The idempotency key of a receipt. */
export function keyOf(facts: ReceiptFacts): string | null {
  return memberOf(facts, 'idempotency_key');
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/** The trace id in the `traceparent` of a record (W3C Trace Context). */
export function traceOf({ record }: ReceiptFacts): string | null {
  if (record === null || !Object.hasOwn(record, 'traceparent')) return null;
  const { traceparent } = record;
  return typeof traceparent === 'string' ? (TRACEPARENT.exec(traceparent)?.[1] ?? null) : null;
}

/** The id of the producer that sent a receipt. */
export function producerOf({ record }: ReceiptFacts): string | null {
  const producer = record !== null && Object.hasOwn(record, 'producer') ? record.producer : null;
  if (!isObject(producer) || !Object.hasOwn(producer, 'id')) return null;
  return typeof producer.id === 'string' ? producer.id : null;
}

/** The payload of a record; undefined if it has none. */
export function payloadIn({ record, names }: ReceiptFacts): unknown {
  return record !== null && names !== null && Object.hasOwn(record, names.payload) ? record[names.payload] : undefined;
}

/** True if the record has a payload; a deletion has the payload null. */
export function hasPayload({ record, names }: ReceiptFacts): boolean {
  return record !== null && names !== null && Object.hasOwn(record, names.payload);
}
