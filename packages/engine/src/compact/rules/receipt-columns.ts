import { decodeBase32Hex, encodeBase32Hex, entityPrefix, type IdentityRule, positionAt } from '@pik/schema';

import type { ClosedArrival, ClosedEvent, ClosedReceipt, ReceiptFilter } from '../../ports/closed-hours.ts';
import type { EventOutcome } from '../../ports/rows.ts';
import type { Column, ColumnData, ReadColumns } from './column.ts';

/** The version of the columns. A file of another version is not read. */
export const RECEIPTS_FORM = 'pik-receipts/1';

interface Kind extends Pick<Column, 'type' | 'encoding'> {
  /** Null for a reject where it returns undefined. */
  readonly of: (receipt: ClosedReceipt) => unknown;
}

const eventOf = (receipt: ClosedReceipt): ClosedEvent | null => (receipt.answered === 'REJECTED' ? null : receipt);
const big = (value: number | null | undefined) => (value == null ? null : BigInt(value));

/** The place of the digest in the 29 bytes of an event id; what is before it follows from entity and time. */
const DIGEST_AT = 17;
const DIGEST_BYTES = 12;
const HASH_BYTES = 32;

/**
 * The columns in the order of the file. Event ids are stored by their digest alone: entity and time, which are columns too, give
 * the rest, and the digests are nearly all that takes space.
 */
const KINDS: Readonly<Record<string, Kind>> = {
  source: { type: 'STRING', of: ({ source }) => source },
  event_type: { type: 'STRING', of: ({ event_type }) => event_type },
  entity_id: { type: 'STRING', encoding: 'DELTA_BYTE_ARRAY', of: (r) => eventOf(r)?.entity_id },
  event_ms: { type: 'INT64', encoding: 'DELTA_BINARY_PACKED', of: (r) => big(eventOf(r)?.event_ms) },
  event_sub_ns: { type: 'INT32', of: (r) => eventOf(r)?.event_sub_ns },
  received_ms: { type: 'INT64', encoding: 'DELTA_BINARY_PACKED', of: ({ received_ms }) => BigInt(received_ms) },
  sent_ms: { type: 'INT64', encoding: 'DELTA_BINARY_PACKED', of: (r) => big(eventOf(r)?.sent_ms) },
  first_received_ms: { type: 'INT64', of: (r) => big(eventOf(r)?.first_received_ms) },
  answered: { type: 'STRING', of: ({ answered }) => answered },
  outcome: { type: 'STRING', of: ({ outcome }) => outcome },
  code: { type: 'STRING', of: (r) => (r.answered === 'REJECTED' ? r.code : null) },
  imported: { type: 'BOOLEAN', of: ({ imported }) => imported },
  rule: { type: 'STRING', of: (r) => eventOf(r)?.rule },
  idempotency_key: { type: 'STRING', of: (r) => eventOf(r)?.idempotency_key },
  producer_id: { type: 'STRING', of: (r) => eventOf(r)?.producer_id },
  producer_seq: { type: 'INT64', encoding: 'DELTA_BINARY_PACKED', of: (r) => big(eventOf(r)?.producer_seq) },
  flags: { type: 'INT32', of: (r) => eventOf(r)?.flags },
  pack_id: { type: 'STRING', of: ({ pack_id }) => pack_id },
  line: { type: 'INT32', encoding: 'DELTA_BINARY_PACKED', of: ({ line }) => line },
  request_id: { type: 'STRING', of: ({ request_id }) => request_id },
  request_line: { type: 'INT32', encoding: 'DELTA_BINARY_PACKED', of: ({ request_line }) => request_line },
  digest: { type: DIGEST_BYTES, encoding: 'PLAIN', of: (r) => digestOf(eventOf(r)) },
  payload_hash: { type: HASH_BYTES, encoding: 'PLAIN', of: (r) => hashBytes(eventOf(r)) },
};

/** The columns of these receipts, in their order in the file. */
export function receiptColumns(receipts: readonly ClosedReceipt[]): Column[] {
  const sorted = receipts.toSorted(compareReceipts);
  return Object.entries(KINDS).map(([name, { of, type, encoding }]) => {
    const values = sorted.map((receipt) => of(receipt) ?? null);
    const isWhole = !values.includes(null);
    return {
      name,
      type,
      nullable: !isWhole,
      ...(encoding === undefined ? {} : { encoding }),
      data: packed(type, values),
    };
  });
}

/** Values without a null as a typed array, which the writer encodes several times as fast. */
function packed(type: Column['type'], values: unknown[]): ColumnData {
  if (values.includes(null)) return values;
  if (type === 'INT64') return BigInt64Array.from(values, bigOrZero);
  return type === 'INT32' ? Int32Array.from(values, Number) : values;
}

const bigOrZero = (value: unknown) => (typeof value === 'bigint' ? value : 0n);

/** By series, entity and event time, so that the receipts of an entity lie together; rejects last. */
function compareReceipts(a: ClosedReceipt, b: ClosedReceipt): number {
  return (
    compareTexts(a.source, b.source) ||
    compareTexts(a.event_type, b.event_type) ||
    compareEvents(eventOf(a), eventOf(b)) ||
    compareTexts(a.pack_id, b.pack_id) ||
    a.line - b.line
  );
}

function compareEvents(a: ClosedEvent | null, b: ClosedEvent | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareTexts(a.entity_id, b.entity_id) || a.event_ms - b.event_ms || a.event_sub_ns - b.event_sub_ns;
}

function compareTexts(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  return a < b ? -1 : 1;
}

function digestOf(event: ClosedEvent | null): Uint8Array | null {
  return event === null ? null : (decodeBase32Hex(event.event_id)?.subarray(DIGEST_AT) ?? null);
}

function hashBytes(event: ClosedEvent | null): Uint8Array | null {
  if (event === null) return null;
  const bytes = new Uint8Array(HASH_BYTES);
  for (let i = 0; i < HASH_BYTES; i++) bytes[i] = Number.parseInt(event.payload_hash.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}

/** The receipts that these columns hold and that match, in their order. Throws a RangeError for columns of another form. */
export function* receiptsOf(columns: ReadColumns, filter: ReceiptFilter = {}): Generator<ClosedReceipt> {
  const read = columnReader(columns);
  const rows = columns.get('pack_id')?.length ?? 0;
  const idOf = createIds();
  for (let row = 0; row < rows; row++) {
    if (!isWanted(read, row, filter)) continue;
    yield read.text('answered', row) === 'REJECTED' ? rejectAt(read, row) : eventAt(read, row, idOf);
  }
}

/** The columns of which `arrivalsOf` reads. */
export const ARRIVAL_COLUMNS = ['source', 'event_type', 'imported', 'event_ms', 'received_ms', 'outcome'];

/** The first arrivals among the receipts that these columns hold. Throws a RangeError for columns of another form. */
export function* arrivalsOf(columns: ReadColumns): Generator<ClosedArrival> {
  const read = columnReader(columns);
  const rows = columns.get('outcome')?.length ?? 0;
  for (let row = 0; row < rows; row++) {
    if (read.text('outcome', row) !== 'ACCEPTED') continue;
    yield {
      source: read.text('source', row),
      event_type: read.text('event_type', row),
      imported: read.isTrue('imported', row),
      event_ms: read.number('event_ms', row),
      received_ms: read.number('received_ms', row),
    };
  }
}

type Read = ReturnType<typeof columnReader>;

function columnReader(columns: ReadColumns) {
  const valueAt = (name: string, row: number): unknown => {
    const column = columns.get(name);
    if (column === undefined) throw new RangeError(`a file of receipts has no column ${name}`);
    return column[row];
  };
  const orNull = <T>(name: string, row: number, convert: (value: unknown) => T): T | null => {
    const value = valueAt(name, row);
    return value == null ? null : convert(value);
  };
  return {
    text: (name: string, row: number) => String(valueAt(name, row)),
    textOrNull: (name: string, row: number) => orNull(name, row, String),
    number: (name: string, row: number) => Number(valueAt(name, row)),
    numberOrNull: (name: string, row: number) => orNull(name, row, Number),
    isTrue: (name: string, row: number) => valueAt(name, row) === true,
    bytes(name: string, row: number): Uint8Array {
      const value = valueAt(name, row);
      if (!(value instanceof Uint8Array)) throw new RangeError(`a file of receipts has no bytes in ${name}`);
      return value;
    },
  };
}

function isWanted(read: Read, row: number, filter: ReceiptFilter): boolean {
  const { source, event_type, eventFromMs, eventToMs, receivedFromMs, receivedToMs } = filter;
  if (source !== undefined && read.textOrNull('source', row) !== source) return false;
  if (event_type !== undefined && read.textOrNull('event_type', row) !== event_type) return false;
  return (
    isWithin(read.numberOrNull('received_ms', row), receivedFromMs, receivedToMs) &&
    isWithin(read.numberOrNull('event_ms', row), eventFromMs, eventToMs)
  );
}

/** A receipt without the time matches only if no bound is set. */
function isWithin(ms: number | null, fromMs: number | undefined, toMs: number | undefined): boolean {
  if (ms === null) return fromMs === undefined && toMs === undefined;
  return (fromMs === undefined || ms >= fromMs) && (toMs === undefined || ms < toMs);
}

function fieldsAt(read: Read, row: number) {
  return {
    pack_id: read.text('pack_id', row),
    line: read.number('line', row),
    request_id: read.text('request_id', row),
    request_line: read.number('request_line', row),
    imported: read.isTrue('imported', row),
    received_ms: read.number('received_ms', row),
  };
}

function rejectAt(read: Read, row: number): ClosedReceipt {
  return {
    ...fieldsAt(read, row),
    answered: 'REJECTED',
    outcome: 'REJECTED',
    code: read.text('code', row),
    source: read.textOrNull('source', row),
    event_type: read.textOrNull('event_type', row),
  };
}

function eventAt(read: Read, row: number, idOf: ReturnType<typeof createIds>): ClosedEvent {
  const entity_id = read.text('entity_id', row);
  const rule = ruleOf(read.text('rule', row));
  const event_ms = read.number('event_ms', row);
  const event_sub_ns = read.number('event_sub_ns', row);
  return {
    ...fieldsAt(read, row),
    answered: outcomeOf(read.text('answered', row)),
    outcome: outcomeOf(read.text('outcome', row)),
    first_received_ms: read.numberOrNull('first_received_ms', row),
    source: read.text('source', row),
    event_type: read.text('event_type', row),
    entity_id,
    event_id: idOf({ entity_id, rule, event_ms, event_sub_ns, digest: read.bytes('digest', row) }),
    rule,
    idempotency_key: read.textOrNull('idempotency_key', row),
    event_ms,
    event_sub_ns,
    sent_ms: read.numberOrNull('sent_ms', row),
    payload_hash: hexOf(read.bytes('payload_hash', row)),
    producer_id: read.textOrNull('producer_id', row),
    producer_seq: read.numberOrNull('producer_seq', row),
    flags: read.number('flags', row),
  };
}

const RULES: readonly IdentityRule[] = ['key', 'occurrence', 'content'];
const OUTCOMES: readonly EventOutcome[] = ['ACCEPTED', 'DUPLICATE', 'CONFLICT'];

function ruleOf(text: string): IdentityRule {
  return known(RULES, text);
}

function outcomeOf(text: string): EventOutcome {
  return known(OUTCOMES, text);
}

function known<T extends string>(values: readonly T[], text: string): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new RangeError(`a file of receipts has the unknown value ${text}`);
  return found;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}

interface IdParts extends Pick<ClosedEvent, 'entity_id' | 'rule' | 'event_ms' | 'event_sub_ns'> {
  readonly digest: Uint8Array;
}

/** Makes event ids of their parts; the receipts of an entity lie together, so its hash is kept. */
function createIds(): (parts: IdParts) => string {
  let last: string | null = null;
  const bytes = new Uint8Array(DIGEST_AT + DIGEST_BYTES);
  return ({ entity_id, rule, event_ms, event_sub_ns, digest }) => {
    if (entity_id !== last) bytes.set(entityPrefix(entity_id));
    last = entity_id;
    bytes.set(digest, DIGEST_AT);
    const keyed = encodeBase32Hex(bytes);
    return rule === 'key' ? keyed : positionAt(keyed, { epoch_ms: event_ms, sub_ms_ns: event_sub_ns });
  };
}
